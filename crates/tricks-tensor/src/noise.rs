use crate::normal::box_muller;
use crate::{Path, kernel};

/// Randomness as a value: a key, from which every number follows by its index.
///
/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: *Parallel random numbers: as easy as 1, 2, 3*, SC11),
/// a counter-based generator with published known answers. Number `i` of a noise is a function of
/// `(key, i)` alone, so any thread count gives the same numbers, a resumed run replays them and
/// nothing needs storing. Keys are derived: seed → pass → path.
///
/// ```
/// use tricks_tensor::{Noise, Path};
/// let seed = Noise::new(42);
/// let weight = seed.path(&Path::ROOT.name("weight"));
/// let mut draws = [0.0; 4];
/// weight.fill_uniform(0, &mut draws);
/// assert_eq!(draws[3], weight.uniform(3));
/// weight.fill_normal(0, &mut draws);
/// assert_eq!(draws[3], weight.normal(3));
/// assert_ne!(seed.pass(0).uniform(0), seed.pass(1).uniform(0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Noise {
    key: u64,
}

/// What the last two words of the counter are for: numbers and keys never share a block.
const DRAW: [u32; 2] = [0, 0];
const CHILD: [u32; 2] = [1, 0];
const PASS: [u32; 2] = [2, 0];
const PATH: [u32; 2] = [3, 0];
const SEED: [u32; 2] = [4, 0];

impl Noise {
    /// The noise of a seed.
    pub fn new(seed: u64) -> Self {
        Self { key: seed }
    }

    /// The key, for saving.
    pub fn key(self) -> u64 {
        self.key
    }

    fn derive(self, value: u64, domain: [u32; 2]) -> Self {
        let [a, b, ..] = philox(self.key, value, domain);
        Self { key: u64::from(a) | u64::from(b) << 32 }
    }

    /// The noise of the `n`-th child: a layer in a container, a worker.
    #[must_use]
    pub fn child(self, n: u64) -> Self {
        self.derive(n, CHILD)
    }

    /// The noise of the `n`-th forward pass.
    #[must_use]
    pub fn pass(self, n: u64) -> Self {
        self.derive(n, PASS)
    }

    /// The noise of a path: draws for a parameter depend on its name, not on its place in a list.
    #[must_use]
    pub fn path(self, path: &Path<'_>) -> Self {
        // FNV-1a over the text, written piece by piece so that nothing is allocated.
        struct Fnv(u64);
        impl std::fmt::Write for Fnv {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                for byte in text.bytes() {
                    self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
                }
                Ok(())
            }
        }
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        let _ = std::fmt::Write::write_fmt(&mut hash, format_args!("{path}"));
        self.derive(hash.0, PATH)
    }

    /// 32 bytes to seed any generator of the `rand` crates with.
    pub fn seed(self) -> [u8; 32] {
        let mut seed = [0; 32];
        for (i, half) in seed.chunks_exact_mut(16).enumerate() {
            for (bytes, word) in half.chunks_exact_mut(4).zip(philox(self.key, i as u64, SEED)) {
                bytes.copy_from_slice(&word.to_le_bytes());
            }
        }
        seed
    }

    /// Word `index` of 32 uniform bits.
    pub fn word(self, index: u64) -> u32 {
        philox(self.key, index / 4, DRAW)[(index % 4) as usize]
    }

    /// Number `index`, uniform on [0, 1): words `2·index` and `2·index + 1`, 53 bits.
    pub fn uniform(self, index: u64) -> f64 {
        self.pair(index)[(index % 2) as usize]
    }

    /// Number `index`, standard normal: uniform numbers `2k` and `2k + 1` make normals `2k` and
    /// `2k + 1`.
    ///
    /// ```text
    /// r = √(−2 ln(1 − u))      z₂ₖ = r cos 2πv      z₂ₖ₊₁ = r sin 2πv
    /// ```
    /// None is further from 0 than √(2·53·ln 2) = 8.57.
    ///
    /// Source: Box, Muller: *A Note on the Generation of Random Normal Deviates*, 1958.
    pub fn normal(self, index: u64) -> f64 {
        let [u, v] = self.pair(index);
        let [[even], [odd]] = box_muller([u], [v]);
        [even, odd][(index % 2) as usize]
    }

    /// Uniform number `index` and its neighbour in the block, the even one first.
    fn pair(self, index: u64) -> [f64; 2] {
        let [a, b, c, d] = philox(self.key, index / 2, DRAW).map(u64::from);
        [unit(a, b), unit(c, d)]
    }

    /// Words `first..first + out.len()`.
    pub fn fill_words(self, first: u64, out: &mut [u32]) {
        self.fill::<_, 4, { 4 * LANES }>(
            first,
            out,
            #[inline(always)]
            |words, out| {
                for lane in 0..LANES {
                    for (i, words) in words.iter().enumerate() {
                        out[4 * lane + i] = words[lane] as u32;
                    }
                }
            },
            Self::word,
        );
    }

    /// Numbers `first..first + out.len()`, each uniform on [0, 1).
    pub fn fill_uniform(self, first: u64, out: &mut [f64]) {
        self.map_uniform(
            first,
            out,
            #[inline(always)]
            |u| u,
        );
    }

    /// `f` of numbers `first..first + out.len()`, each uniform on [0, 1). A closure that is marked
    /// `#[inline(always)]` becomes vector instructions, and the draws never leave the registers.
    #[inline(always)]
    pub fn map_uniform<T: Copy + Default>(
        self,
        first: u64,
        out: &mut [T],
        f: impl Fn(f64) -> T + Copy,
    ) {
        self.fill::<_, 2, { 2 * LANES }>(
            first,
            out,
            #[inline(always)]
            move |words, out| {
                let [u, v] = units(&words);
                for lane in 0..LANES {
                    out[2 * lane] = f(u[lane]);
                    out[2 * lane + 1] = f(v[lane]);
                }
            },
            move |noise, index| f(noise.uniform(index)),
        );
    }

    /// Numbers `first..first + out.len()`, each standard normal: [`normal`](Self::normal).
    pub fn fill_normal(self, first: u64, out: &mut [f64]) {
        self.map_normal(
            first,
            out,
            #[inline(always)]
            |z| z,
        );
    }

    /// `f` of numbers `first..first + out.len()`, each standard normal;
    /// [`map_uniform`](Self::map_uniform) says how to write it.
    #[inline(always)]
    pub fn map_normal<T: Copy + Default>(
        self,
        first: u64,
        out: &mut [T],
        f: impl Fn(f64) -> T + Copy,
    ) {
        self.fill::<_, 2, { 2 * LANES }>(
            first,
            out,
            #[inline(always)]
            move |words, out| {
                let [u, v] = units(&words);
                let [even, odd] = box_muller(u, v);
                for lane in 0..LANES {
                    out[2 * lane] = f(even[lane]);
                    out[2 * lane + 1] = f(odd[lane]);
                }
            },
            move |noise, index| f(noise.normal(index)),
        );
    }

    /// `PER` numbers a block: a ragged start by `one`, then vectors of `MANY` by `many`, of which
    /// the last may be cut short.
    #[inline(always)]
    fn fill<T: Copy + Default, const PER: usize, const MANY: usize>(
        self,
        first: u64,
        out: &mut [T],
        many: impl Fn([[u64; LANES]; 4], &mut [T; MANY]),
        one: impl Fn(Self, u64) -> T,
    ) {
        let ragged = (PER - (first % PER as u64) as usize) % PER;
        let (head, rest) = out.split_at_mut(ragged.min(out.len()));
        for (i, slot) in head.iter_mut().enumerate() {
            *slot = one(self, first.wrapping_add(i as u64));
        }
        let start = first.wrapping_add(head.len() as u64) / PER as u64;
        let keys = round_keys(self.key);
        let (vectors, tail) = rest.as_chunks_mut::<MANY>();
        kernel::vectorize(
            #[inline(always)]
            move || {
                let mut block = start;
                for vector in vectors {
                    many(philox_lanes(&keys, block), vector);
                    block = block.wrapping_add(LANES as u64);
                }
                if !tail.is_empty() {
                    let mut vector = [T::default(); MANY];
                    many(philox_lanes(&keys, block), &mut vector);
                    tail.copy_from_slice(&vector[..tail.len()]);
                }
            },
        );
    }
}

/// 64 bits as a number in [0, 1): the upper 53 of them.
///
/// The high word is put below 2²⁰, the upper bits of the low one below ½, where they are the last
/// bits of a number: vector operations, where the conversion of an integer of 64 bits is not.
#[inline(always)]
fn unit(low: u64, high: u64) -> f64 {
    const TWO_20: f64 = (1u64 << 20) as f64;
    let high = f64::from_bits(TWO_20.to_bits() | high);
    let low = f64::from_bits(0.5f64.to_bits() | low >> 11);
    (high - (TWO_20 + 0.5)) + low
}

/// The two uniform numbers of each block.
#[inline(always)]
fn units([a, b, c, d]: &[[u64; LANES]; 4]) -> [[f64; LANES]; 2] {
    let (mut u, mut v) = ([0.0; LANES], [0.0; LANES]);
    for lane in 0..LANES {
        u[lane] = unit(a[lane], b[lane]);
        v[lane] = unit(c[lane], d[lane]);
    }
    [u, v]
}

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: usize = 10;

/// Philox4x32-10 of the counter `(index, domain)`.
fn philox(key: u64, index: u64, domain: [u32; 2]) -> [u32; 4] {
    philox4x32(
        [index as u32, (index >> 32) as u32, domain[0], domain[1]],
        [key as u32, (key >> 32) as u32],
    )
}

/// The two keys of each round.
#[inline(always)]
fn round_keys(key: u64) -> [[u64; 2]; ROUNDS] {
    let [mut k0, mut k1] = [key as u32, (key >> 32) as u32];
    let mut keys = [[0; 2]; ROUNDS];
    for round in &mut keys {
        *round = [k0, k1].map(u64::from);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    keys
}

#[inline(always)]
fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut a, mut b, mut c, mut d] = counter;
    for [k0, k1] in round_keys(u64::from(key[0]) | u64::from(key[1]) << 32) {
        let p = u64::from(MULTIPLIERS[0]) * u64::from(a);
        let q = u64::from(MULTIPLIERS[1]) * u64::from(c);
        (a, b, c, d) = (
            (q >> 32) as u32 ^ b ^ k0 as u32,
            q as u32,
            (p >> 32) as u32 ^ d ^ k1 as u32,
            p as u32,
        );
    }
    [a, b, c, d]
}

/// Blocks made together. Each round waits for the one before, and the widest vectors hold 8 blocks:
/// four of them keep the processor busy meanwhile.
const LANES: usize = 32;

/// `LANES` consecutive blocks: their words 0, words 1, words 2 and words 3.
///
/// A word stands in the low half of 64 bits throughout: the product of two of them is one vector
/// instruction there, which does not look at the high half. What is left in it is cleared at the
/// end.
#[inline(always)]
fn philox_lanes(keys: &[[u64; 2]; ROUNDS], first: u64) -> [[u64; LANES]; 4] {
    const LOW: u64 = 0xffff_ffff;
    let mut a = [0u64; LANES];
    let mut b = [0u64; LANES];
    let mut c = [u64::from(DRAW[0]); LANES];
    let mut d = [u64::from(DRAW[1]); LANES];
    for lane in 0..LANES {
        a[lane] = first.wrapping_add(lane as u64);
        b[lane] = a[lane] >> 32;
    }
    for [k0, k1] in keys {
        for lane in 0..LANES {
            let p = u64::from(MULTIPLIERS[0]) * (a[lane] & LOW);
            let q = u64::from(MULTIPLIERS[1]) * (c[lane] & LOW);
            a[lane] = (q >> 32) ^ b[lane] ^ k0;
            b[lane] = q;
            c[lane] = (p >> 32) ^ d[lane] ^ k1;
            d[lane] = p;
        }
    }
    let mut words = [a, b, c, d];
    for words in &mut words {
        for word in words {
            *word &= LOW;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The `philox4x32 10` rows of `kat_vectors` in Random123.
    #[test]
    fn published_known_answers() {
        let rows = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            (
                [0xffff_ffff; 4],
                [0xffff_ffff; 2],
                [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
            ),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, want) in rows {
            assert_eq!(philox4x32(counter, key), want);
        }
    }

    /// Seeds must give the same numbers for ever: a change here is a breaking release.
    #[test]
    fn values_are_stable() {
        let noise = Noise::new(42).pass(3).child(7).path(&Path::ROOT.name("weight"));
        let words = [0, 1, 2, 3].map(|i| noise.word(i));
        assert_eq!(noise.key(), 11_714_334_653_972_053_780);
        assert_eq!(words, [2_042_415_940, 4_120_747_548, 2_947_351_263, 1_558_307_583]);
        assert_eq!(Noise::new(0).word(0), 0x6627_e8d5);
        let normals = [0, 1].map(|i| Noise::new(42).normal(i));
        assert_eq!(normals, [-0.607_651_053_933_519_4, 0.946_144_781_969_715_1]);
    }

    /// Every bit of the 53 counts, and 1 is not reached.
    #[test]
    fn units_by_hand() {
        let last = u64::from(u32::MAX);
        assert_eq!([unit(0, 0), unit((1 << 11) - 1, 0)], [0.0; 2]);
        assert_eq!(unit(1 << 11, 0), f64::EPSILON / 2.0);
        assert_eq!(unit(0, 1), 1.0 / (1u64 << 32) as f64);
        assert_eq!(unit(0, 1 << 31), 0.5);
        assert_eq!(unit(last, last), 1.0 - f64::EPSILON / 2.0);
    }

    #[test]
    fn four_moments_of_normals() {
        let mut z = vec![0.0; 200_001];
        Noise::new(5).fill_normal(0, &mut z);
        let n = z.len() as f64;
        let moment =
            |power: i32| z.iter().map(|z| (0..power).fold(1.0, |y, _| y * z)).sum::<f64>() / n;
        // Squares of the means' standard deviations, times n: 1, 2, 15 and 96.
        for (power, want, spread) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)]
        {
            let found = moment(power);
            let allowed = 4.0 * f64::sqrt(spread / n);
            assert!((found - want).abs() < allowed, "moment {power}: {found}");
        }
    }

    proptest! {
        #[test]
        fn filling_is_indexing(seed: u64, first in 0u64..1 << 40, len in 0usize..200) {
            let noise = Noise::new(seed);
            let mut words = vec![0; len];
            noise.fill_words(first, &mut words);
            let mut numbers = vec![0.0; len];
            noise.fill_uniform(first, &mut numbers);
            let mut normals = vec![0.0; len];
            noise.fill_normal(first, &mut normals);
            for i in 0..len {
                prop_assert_eq!(words[i], noise.word(first + i as u64));
                prop_assert_eq!(numbers[i], noise.uniform(first + i as u64));
                prop_assert!((0.0..1.0).contains(&numbers[i]));
                prop_assert_eq!(normals[i], noise.normal(first + i as u64));
            }
        }
    }
}
