//! Memory of rules in fewer bits: how a block of numbers becomes words and comes back.

use crate::storage::Storage;
use tricks_tensor::{Float, kernel};

/// Elements that share a scale, and that a packed update works on at a time.
pub(crate) const BLOCK: usize = 128;

/// How one slot is packed.
///
/// The numbers of a block are interleaved: word `j` of `w` holds the numbers `j`, `j + w`, … So
/// packing is shifts of whole vectors, and no instruction moves numbers across lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    /// Of a number: 32, 16 or 8.
    pub(crate) bits: usize,
    /// Only 8 bits without sign differ.
    non_negative: bool,
}

impl Format {
    /// None: not packed.
    pub(crate) fn of<F: Float>(storage: Storage, non_negative: bool) -> Option<Self> {
        let bits = match storage {
            Storage::Full => return None,
            Storage::Single if size_of::<F>() == 4 => return None,
            Storage::Single => 32,
            Storage::Bf16 => 16,
            Storage::Block8 => 8,
        };
        Some(Self { bits, non_negative })
    }

    /// Words of a block.
    pub(crate) fn words(self) -> usize {
        words(self.bits)
    }

    /// Whether a block has a scale.
    pub(crate) fn scaled(self) -> bool {
        self.bits == 8
    }
}

const fn words(bits: usize) -> usize {
    BLOCK * bits / 32
}

/// A packed slot, lent: whole blocks.
#[derive(Debug)]
pub(crate) struct Packed<'a> {
    pub(crate) format: Format,
    pub(crate) words: &'a mut [u32],
    /// A power of two for each block.
    pub(crate) scales: &'a mut [f32],
}

/// What rounds one slot of one block.
///
/// Every number has a turn of its own, in which bits are flipped that are drawn anew for each
/// update: they are uniform, so over the steps each number is rounded without bias. Neighbours in
/// one step are spread evenly instead of at random, which costs no instruction.
#[derive(Clone, Copy)]
pub(crate) struct Stir(u32);

/// What rounds slot `k` of the block that starts at element `first`; `key` is drawn anew for every
/// update of every parameter.
#[inline(always)]
pub(crate) fn stirred(key: u32, first: u32, k: usize) -> Stir {
    Stir(first.wrapping_mul(ROTATION).wrapping_add(key.rotate_left(7 * k as u32)))
}

/// 2³² over the golden ratio: its multiples are far apart.
const ROTATION: u32 = 0x9e37_79b9;
/// Multiples of it.
const TURNS: [u32; BLOCK] = turns(u32::MAX);
/// Their bits below a code.
const TURNS_BELOW: [u32; BLOCK] = turns(BELOW);

const fn turns(mask: u32) -> [u32; BLOCK] {
    let mut turns = [0; BLOCK];
    let mut i = 0;
    while i < BLOCK {
        turns[i] = (i as u32).wrapping_mul(ROTATION) & mask;
        i += 1;
    }
    turns
}

const SIGN: u32 = 1 << 31;
/// The bits of an `f32` that hold its exponent.
const EXPONENT: u32 = 0x7f80_0000;
/// The largest number of 16 bits: nothing is rounded up to infinity.
const MAX_BF16: f32 = f32::from_bits(0x7f7f_0000);

/// The largest number that is packed into 8 bits as it is.
const LARGEST: f32 = f32::from_bits(0x7f6f_ffff - MARGIN);
/// What keeps the largest number of a block from being rounded up out of its range, 2⁻¹⁴ of the
/// scale: the smallest signed number that is added to it is half as much.
const MARGIN: u32 = 1 << 9;

/// Where 8 bits lie in an `f32`: the lower bits of its exponent, and three of its fraction.
const CODE: u32 = 20;
/// What is rounded away below them.
const BELOW: u32 = (1 << CODE) - 1;

/// The bits of the number from which on the 8 bits of a block are exponents and fractions.
///
/// Signed numbers take 7 bits, 2⁻¹⁵ to 2 in block scales, and have the first of these numbers taken
/// off: so 0 is exact, and the smallest are evenly spaced. Without sign they are 2⁻³¹ to 2: none
/// becomes 0, so that nothing is divided by ε alone, until that first number itself is below all of
/// an `f32`.
#[inline(always)]
fn base(scale: f32, non_negative: bool) -> u32 {
    let exponents = if non_negative { 31 } else { 15 };
    scale.to_bits().saturating_sub(exponents << 23)
}

/// A signed code without its sign, in its place.
const SIGNED_MASK: u32 = 0x7f << CODE;

/// The code of a number, in its place; the bits of `base` are already taken off `random`.
#[inline(always)]
fn encode_signed(x: u32, base: u32, random: u32) -> u32 {
    let size = f32::from_bits(x & !SIGN) + f32::from_bits(base);
    (size.to_bits().wrapping_add(random) & SIGNED_MASK) | (x & SIGN) >> 4
}

#[inline(always)]
fn decode_signed(code: u32, base: u32) -> u32 {
    let size = f32::from_bits((code & SIGNED_MASK) + base) - f32::from_bits(base);
    size.to_bits() | (code << 4) & SIGN
}

/// The bits of a number, or of the smallest one; of that also for −0 and what is below.
#[inline(always)]
fn at_least(base: u32, x: u32) -> u32 {
    (x as i32).max(base as i32) as u32
}

/// Byte `k` of a word, where a code lies.
#[inline(always)]
fn byte(word: u32, k: usize) -> u32 {
    let shifted = if k < 3 { word << (CODE as usize - 8 * k) } else { word >> 4 };
    shifted & 0xff << CODE
}

/// The word of four codes.
#[inline(always)]
fn word(codes: [u32; 4]) -> u32 {
    let [a, b, c, d] = codes;
    let mask = 0xff << CODE;
    (a & mask) >> CODE | (b & mask) >> (CODE - 8) | (c & mask) >> (CODE - 16) | (d & mask) << 4
}

impl<'a> Packed<'a> {
    /// Both sides of element `at`: the start of a block, or the end.
    pub(crate) fn split_at(self, at: usize) -> (Self, Self) {
        let Self { format, words, scales } = self;
        // The end of the parameter may lie inside a block.
        let block = at.div_ceil(BLOCK);
        let (w0, w1) = words.split_at_mut((block * format.words()).min(words.len()));
        let (s0, s1) = scales.split_at_mut(block.min(scales.len()));
        (Self { format, words: w0, scales: s0 }, Self { format, words: w1, scales: s1 })
    }

    /// Asks for the memory `blocks` further.
    #[inline(always)]
    pub(crate) fn fetch_ahead<const BITS: usize>(&self, block: usize, blocks: usize) {
        let words = &self.words[block * words(BITS)..][..words(BITS)];
        kernel::fetch_ahead(words, blocks * words.len());
    }

    /// A block, whose numbers have these many bits.
    #[inline(always)]
    pub(crate) fn unpack<F: Float, const BITS: usize>(&self, block: usize, to: &mut [F; BLOCK]) {
        debug_assert_eq!(BITS, self.format.bits);
        let words = &self.words[block * words(BITS)..][..words(BITS)];
        match BITS {
            32 => {
                for (x, word) in to.iter_mut().zip(words) {
                    *x = number(*word);
                }
            }
            16 => {
                let (low, high) = to.split_at_mut(BLOCK / 2);
                for ((low, high), word) in low.iter_mut().zip(high).zip(words) {
                    *low = number(word << 16);
                    *high = number(word & 0xffff_0000);
                }
            }
            _ => {
                let Some(words) = words.first_chunk::<{ BLOCK / 4 }>() else { return };
                let base = base(self.scales[block], self.format.non_negative);
                if self.format.non_negative {
                    quarters(
                        to,
                        #[inline(always)]
                        |j, k| number(base + byte(words[j], k)),
                    );
                } else {
                    quarters(
                        to,
                        #[inline(always)]
                        |j, k| number(decode_signed(byte(words[j], k), base)),
                    );
                }
            }
        }
    }

    /// A block of numbers, with the bits of the largest size among those that count.
    #[inline(always)]
    pub(crate) fn pack<F: Float, const BITS: usize>(
        &mut self,
        block: usize,
        largest: u32,
        from: &[F; BLOCK],
        stir: Stir,
    ) {
        let scale = block_scale(largest);
        if BITS == 8 && largest > LARGEST.to_bits() {
            let most = F::of(f64::from(LARGEST));
            let kept = from.map(|x| x.max(-most).min(most));
            return self.pack_within::<F, BITS>(block, scale, &kept, stir);
        }
        self.pack_within::<F, BITS>(block, scale, from, stir);
    }

    /// Numbers. Those that were once unpacked will be unpacked again bit for bit.
    pub(crate) fn write<F: Float>(&mut self, numbers: &[F]) {
        match self.format.bits {
            32 => self.write_as::<F, 32>(numbers),
            16 => self.write_as::<F, 16>(numbers),
            _ => self.write_as::<F, 8>(numbers),
        }
    }

    fn write_as<F: Float, const BITS: usize>(&mut self, numbers: &[F]) {
        let (mut block, mut again) = ([F::zero(); BLOCK], [F::zero(); BLOCK]);
        for (b, numbers) in numbers.chunks(BLOCK).enumerate() {
            block[..numbers.len()].copy_from_slice(numbers);
            let largest = largest(numbers);
            // The scale they had, if they had one: the power of two below the largest, or the next
            // one, if the largest was rounded down.
            let below = largest & EXPONENT;
            let above = (below + (1 << 23)).min(254 << 23);
            let found = [above, below].into_iter().any(|scale| {
                self.pack_within::<F, BITS>(b, f32::from_bits(scale), &block, Stir(0));
                self.unpack::<F, BITS>(b, &mut again);
                again[..numbers.len()] == *numbers
            });
            if !found {
                self.pack::<F, BITS>(b, largest, &block, Stir(0));
            }
        }
    }

    /// The first `len` numbers.
    pub(crate) fn read<F: Float>(&self, len: usize) -> Vec<F> {
        let mut numbers = Vec::with_capacity(len.next_multiple_of(BLOCK));
        let mut block = [F::zero(); BLOCK];
        for b in 0..len.div_ceil(BLOCK) {
            match self.format.bits {
                32 => self.unpack::<F, 32>(b, &mut block),
                16 => self.unpack::<F, 16>(b, &mut block),
                _ => self.unpack::<F, 8>(b, &mut block),
            }
            numbers.extend_from_slice(&block);
        }
        numbers.truncate(len);
        numbers
    }

    /// With the scale of a block of 8 bits.
    #[inline(always)]
    fn pack_within<F: Float, const BITS: usize>(
        &mut self,
        block: usize,
        scale: f32,
        from: &[F; BLOCK],
        stir: Stir,
    ) {
        debug_assert_eq!(BITS, self.format.bits);
        let words = &mut self.words[block * words(BITS)..][..words(BITS)];
        match BITS {
            32 => {
                for (word, x) in words.iter_mut().zip(from) {
                    *word = bits(*x, f32::MAX);
                }
            }
            16 => {
                // A draw of 32 bits rounds two numbers.
                let (low, high) = from.split_at(BLOCK / 2);
                for (j, word) in words.iter_mut().enumerate() {
                    let random = TURNS[j] ^ stir.0;
                    let low = bits(low[j], MAX_BF16).wrapping_add(random >> 16) >> 16;
                    let high = bits(high[j], MAX_BF16).wrapping_add(random & 0xffff) & 0xffff_0000;
                    *word = low | high;
                }
            }
            _ => {
                let Some(words) = words.first_chunk_mut::<{ BLOCK / 4 }>() else { return };
                self.scales[block] = scale;
                let base = base(scale, self.format.non_negative);
                // The bits of −base are not below a code: one operation flips and subtracts.
                let key = (stir.0 & BELOW) | base.wrapping_neg();
                let random = |i: usize| TURNS_BELOW[i] ^ key;
                if self.format.non_negative {
                    fill(
                        words,
                        #[inline(always)]
                        |i| at_least(base, bits(from[i], f32::MAX)).wrapping_add(random(i)),
                    );
                } else {
                    fill(
                        words,
                        #[inline(always)]
                        |i| encode_signed(bits(from[i], f32::MAX), base, random(i)),
                    );
                }
            }
        }
    }
}

/// Numbers from the bytes of words.
#[inline(always)]
fn quarters<F>(to: &mut [F; BLOCK], number: impl Fn(usize, usize) -> F) {
    for j in 0..BLOCK / 4 {
        for k in 0..4 {
            to[j + k * BLOCK / 4] = number(j, k);
        }
    }
}

/// Words from the codes of numbers.
#[inline(always)]
fn fill(words: &mut [u32; BLOCK / 4], code: impl Fn(usize) -> u32) {
    const W: usize = BLOCK / 4;
    for (j, to) in words.iter_mut().enumerate() {
        *to = word([code(j), code(j + W), code(j + 2 * W), code(j + 3 * W)]);
    }
}

/// The bits of a number as `f32`, kept within `most`.
#[inline(always)]
fn bits<F: Float>(x: F, most: f32) -> u32 {
    if size_of::<F>() == 4 && most == f32::MAX {
        return (x.widen() as f32).to_bits();
    }
    let most = F::of(f64::from(most));
    let x = if x > most { most } else { x };
    let x = if x < -most { -most } else { x };
    (x.widen() as f32).to_bits()
}

#[inline(always)]
fn number<F: Float>(bits: u32) -> F {
    F::of(f64::from(f32::from_bits(bits)))
}

/// The bits of the largest size.
#[inline(always)]
pub(crate) fn largest<F: Float>(numbers: &[F]) -> u32 {
    numbers.iter().map(|x| bits(*x, f32::MAX) & !SIGN).fold(0, u32::max)
}

/// The power of two of which no number below these bits is more than 1.875, the largest of 8 bits.
#[inline(always)]
fn block_scale(largest: u32) -> f32 {
    // From 15/16 of the way to the next power of two, an eighth more carries into the exponent.
    f32::from_bits((largest.min(LARGEST.to_bits()) + (1 << CODE) + MARGIN) & EXPONENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn formats() -> impl Strategy<Value = Format> {
        (prop::sample::select(vec![8, 16, 32]), any::<bool>())
            .prop_map(|(bits, non_negative)| Format { bits, non_negative })
    }

    /// Packed as an update packs.
    fn pack(packed: &mut Packed<'_>, numbers: &[f32], key: u32) {
        let mut block = [0.0; BLOCK];
        for (b, numbers) in numbers.chunks(BLOCK).enumerate() {
            block[..numbers.len()].copy_from_slice(numbers);
            let (largest, stir) = (largest(numbers), stirred(key, (b * BLOCK) as u32, 1));
            match packed.format.bits {
                32 => packed.pack::<f32, 32>(b, largest, &block, stir),
                16 => packed.pack::<f32, 16>(b, largest, &block, stir),
                _ => packed.pack::<f32, 8>(b, largest, &block, stir),
            }
        }
    }

    proptest! {
        #[test]
        fn once_packed_numbers_stay(
            format in formats(),
            len in 1usize..3 * BLOCK,
            exponent in 0u32..255,
            spread in 0u32..40,
            seed: u64,
        ) {
            let noise = tricks_tensor::Noise::new(seed);
            let numbers: Vec<f32> = (0..len as u64)
                .map(|i| {
                    let word = noise.word(i);
                    let exponent = exponent.saturating_sub(word >> 23 & spread);
                    let sign = if format.non_negative { 0 } else { word & SIGN };
                    f32::from_bits(sign | exponent << 23 | word & 0x7f_ffff)
                })
                .collect();
            let blocks = len.div_ceil(BLOCK);
            let (mut words, mut scales) = (vec![0; blocks * format.words()], vec![0.0; blocks]);
            let mut packed = Packed { format, words: &mut words, scales: &mut scales };
            pack(&mut packed, &numbers, seed as u32);
            let once: Vec<f32> = packed.read(len);
            packed.write(&once);
            prop_assert_eq!(&once, &packed.read::<f32>(len));
            let most = numbers.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            for (x, y) in numbers.iter().zip(&once) {
                let step = match format.bits {
                    32 => 0.0,
                    16 => x.abs() / 128.0,
                    _ => x.abs() / 8.0 + most * 2.0f32.powi(-15),
                };
                // Near the largest number, 8 and 16 bits stop.
                let clipped = 0.07 * (most - 3e38).max(0.0) / 4e37 * most;
                prop_assert!((x - y).abs() <= step.max(f32::MIN_POSITIVE) + clipped, "{} {}", x, y);
            }
        }
    }

    /// Over the draws of a key, a number is rounded to itself on average.
    #[test]
    fn rounding_has_no_bias() {
        for (bits, non_negative) in [(8, false), (8, true), (16, false)] {
            let format = Format { bits, non_negative };
            let (mut words, mut scales) = (vec![0; format.words()], [0.0]);
            let mut packed = Packed { format, words: &mut words, scales: &mut scales };
            let numbers: Vec<f32> = (0..BLOCK).map(|i| 1.7 / (1.0 + i as f32)).collect();
            let mut sums = [0.0f64; BLOCK];
            const KEYS: u32 = 1 << 14;
            for key in 0..KEYS {
                pack(&mut packed, &numbers, key << 18 | key << 2);
                let read: Vec<f32> = packed.read(BLOCK);
                sums.iter_mut().zip(read).for_each(|(sum, x)| *sum += f64::from(x));
            }
            for (sum, x) in sums.iter().zip(&numbers) {
                let mean = sum / f64::from(KEYS) / f64::from(*x);
                assert!((mean - 1.0).abs() < 2e-3, "{bits} bits: {mean} of {x}");
            }
        }
    }

    #[test]
    fn no_number_that_is_never_negative_grows_from_zero() {
        let format = Format { bits: 8, non_negative: true };
        let (mut words, mut scales) = (vec![0; format.words()], [0.0]);
        let mut packed = Packed { format, words: &mut words, scales: &mut scales };
        pack(&mut packed, &[2.75, -0.0, 0.0], 12345);
        let read: Vec<f32> = packed.read(3);
        assert!(read[1] < 1e-8 && read[2] < 1e-8, "{read:?}");
    }
}
