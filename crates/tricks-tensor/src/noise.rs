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
        let block = philox(self.key, index / 2, DRAW);
        let at = 2 * (index % 2) as usize;
        unit(u64::from(block[at]) | u64::from(block[at + 1]) << 32)
    }

    /// Words `first..first + out.len()`.
    pub fn fill_words(self, first: u64, out: &mut [u32]) {
        self.fill::<_, 4, { 4 * LANES }>(
            first,
            out,
            #[inline(always)]
            |[low, high], out| {
                for lane in 0..LANES {
                    out[4 * lane] = low[lane] as u32;
                    out[4 * lane + 1] = (low[lane] >> 32) as u32;
                    out[4 * lane + 2] = high[lane] as u32;
                    out[4 * lane + 3] = (high[lane] >> 32) as u32;
                }
            },
            Self::word,
        );
    }

    /// Numbers `first..first + out.len()`, each uniform on [0, 1).
    pub fn fill_uniform(self, first: u64, out: &mut [f64]) {
        self.fill::<_, 2, { 2 * LANES }>(
            first,
            out,
            #[inline(always)]
            |[low, high], out| {
                for lane in 0..LANES {
                    out[2 * lane] = unit(low[lane]);
                    out[2 * lane + 1] = unit(high[lane]);
                }
            },
            Self::uniform,
        );
    }

    /// `PER` numbers a block: vectors of `MANY` by `many`, ragged ends by `one`.
    #[inline(always)]
    fn fill<T, const PER: usize, const MANY: usize>(
        self,
        first: u64,
        out: &mut [T],
        many: impl Fn([[u64; LANES]; 2], &mut [T; MANY]),
        one: impl Fn(Self, u64) -> T,
    ) {
        let ragged = (PER - (first % PER as u64) as usize) % PER;
        let (head, rest) = out.split_at_mut(ragged.min(out.len()));
        for (i, slot) in head.iter_mut().enumerate() {
            *slot = one(self, first.wrapping_add(i as u64));
        }
        let start = first.wrapping_add(head.len() as u64);
        let (vectors, tail) = rest.as_chunks_mut::<MANY>();
        let whole = (vectors.len() * MANY) as u64;
        kernel::vectorize(
            #[inline(always)]
            move || {
                let mut block = start / PER as u64;
                for vector in vectors {
                    many(philox_lanes(self.key, block), vector);
                    block = block.wrapping_add(LANES as u64);
                }
            },
        );
        for (i, slot) in tail.iter_mut().enumerate() {
            *slot = one(self, start.wrapping_add(whole + i as u64));
        }
    }
}

/// The upper 53 bits as a number in [0, 1).
#[inline(always)]
fn unit(bits: u64) -> f64 {
    // 2⁵² + x has x in its mantissa, for x below 2⁵²: a vector operation, where the conversion of
    // an integer of 64 bits is not.
    const TWO_52: f64 = (1u64 << 52) as f64;
    let exact = |x: u64| f64::from_bits(TWO_52.to_bits() | x) - TWO_52;
    (2.0 * exact(bits >> 12) + exact(bits >> 11 & 1)) * (0.5 / TWO_52)
}

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: u32 = 10;

/// Philox4x32-10 of the counter `(index, domain)`.
fn philox(key: u64, index: u64, domain: [u32; 2]) -> [u32; 4] {
    philox4x32(
        [index as u32, (index >> 32) as u32, domain[0], domain[1]],
        [key as u32, (key >> 32) as u32],
    )
}

#[inline(always)]
fn philox4x32(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let [mut a, mut b, mut c, mut d] = counter;
    let [mut k0, mut k1] = key;
    for _ in 0..ROUNDS {
        let p = u64::from(MULTIPLIERS[0]) * u64::from(a);
        let q = u64::from(MULTIPLIERS[1]) * u64::from(c);
        (a, b, c, d) = ((q >> 32) as u32 ^ b ^ k0, q as u32, (p >> 32) as u32 ^ d ^ k1, p as u32);
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [a, b, c, d]
}

const LANES: usize = 8;

/// `LANES` consecutive blocks: words 0 and 1 of each, then words 2 and 3, low word first.
///
/// A word stands in the low half of 64 bits throughout: the product of two of them is one vector
/// instruction there.
#[inline(always)]
fn philox_lanes(key: u64, first: u64) -> [[u64; LANES]; 2] {
    const LOW: u64 = 0xffff_ffff;
    let mut a = [0u64; LANES];
    let mut b = [0u64; LANES];
    let mut c = [u64::from(DRAW[0]); LANES];
    let mut d = [u64::from(DRAW[1]); LANES];
    for lane in 0..LANES {
        let index = first.wrapping_add(lane as u64);
        a[lane] = index & LOW;
        b[lane] = index >> 32;
    }
    let [mut k0, mut k1] = [key as u32, (key >> 32) as u32];
    for _ in 0..ROUNDS {
        for lane in 0..LANES {
            let p = u64::from(MULTIPLIERS[0]) * (a[lane] & LOW);
            let q = u64::from(MULTIPLIERS[1]) * (c[lane] & LOW);
            a[lane] = (q >> 32) ^ b[lane] ^ u64::from(k0);
            b[lane] = q & LOW;
            c[lane] = (p >> 32) ^ d[lane] ^ u64::from(k1);
            d[lane] = p & LOW;
        }
        k0 = k0.wrapping_add(WEYL[0]);
        k1 = k1.wrapping_add(WEYL[1]);
    }
    [std::array::from_fn(|l| a[l] | b[l] << 32), std::array::from_fn(|l| c[l] | d[l] << 32)]
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
    }

    proptest! {
        #[test]
        fn filling_is_indexing(seed: u64, first in 0u64..1 << 40, len in 0usize..200) {
            let noise = Noise::new(seed);
            let mut words = vec![0; len];
            noise.fill_words(first, &mut words);
            let mut numbers = vec![0.0; len];
            noise.fill_uniform(first, &mut numbers);
            for i in 0..len {
                prop_assert_eq!(words[i], noise.word(first + i as u64));
                prop_assert_eq!(numbers[i], noise.uniform(first + i as u64));
                prop_assert!((0.0..1.0).contains(&numbers[i]));
            }
        }
    }
}
