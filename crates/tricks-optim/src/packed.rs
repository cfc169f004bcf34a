//! Memory of rules in fewer bits: how a block of numbers becomes words and comes back.

use crate::storage::Storage;
use tricks_tensor::Float;

/// Elements that share a scale, and that a packed update works on at a time.
pub(crate) const BLOCK: usize = 64;

/// How one slot is packed.
///
/// The numbers of a block are interleaved: word `j` of `w` holds the numbers `j`, `j + w`, … So
/// packing is shifts of whole vectors, and no instruction moves numbers across lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// A word for each number.
    Single,
    /// Half a word.
    Bf16,
    /// A byte, with a sign.
    Signed8,
    /// A byte, without.
    Unsigned8,
}

impl Format {
    /// None: not packed.
    pub(crate) fn of<F: Float>(storage: Storage, non_negative: bool) -> Option<Self> {
        match storage {
            Storage::Full => None,
            Storage::Single => (size_of::<F>() > 4).then_some(Self::Single),
            Storage::Bf16 => Some(Self::Bf16),
            Storage::Block8 if non_negative => Some(Self::Unsigned8),
            Storage::Block8 => Some(Self::Signed8),
        }
    }

    /// Words of a block.
    pub(crate) fn words(self) -> usize {
        match self {
            Self::Single => BLOCK,
            Self::Bf16 => BLOCK / 2,
            Self::Signed8 | Self::Unsigned8 => BLOCK / 4,
        }
    }

    /// Whether a block has a scale.
    pub(crate) fn scaled(self) -> bool {
        self.words() == BLOCK / 4
    }
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
#[derive(Clone, Copy)]
pub(crate) struct Stir(u32);

/// What rounds slot `k` of the block that starts at element `first`; `key` is drawn anew for every
/// update of every parameter.
#[inline(always)]
pub(crate) fn stirred(key: u32, first: u32, k: usize) -> Stir {
    Stir(first.wrapping_mul(ROTATION).wrapping_add(key.rotate_left(7 * k as u32)))
}

/// The golden ratio of 2³².
const ROTATION: u32 = 0x9e37_79b9;

impl Stir {
    /// What rounds the elements from `first` of the block on.
    #[inline(always)]
    fn from(self, first: usize) -> Self {
        Self(self.bits(first))
    }

    /// 32 bits for element `i`.
    ///
    /// The key is uniform, and so is its rotation by any number of golden angles: over the steps,
    /// each element is rounded without bias. Neighbours in one step are spread evenly instead of
    /// at random, which costs one addition.
    #[inline(always)]
    fn bits(self, i: usize) -> u32 {
        self.0.wrapping_add((i as u32).wrapping_mul(ROTATION))
    }
}

const SIGN: u32 = 1 << 31;
/// The bits of an `f32` that hold its exponent.
const EXPONENT: u32 = 0x7f80_0000;
/// The largest number of 16 bits: nothing is rounded up to infinity.
const MAX_BF16: f32 = f32::from_bits(0x7f7f_0000);
/// Bits of an `f32` below the three of its fraction that 8 bits keep.
const DROPPED: u32 = 20;

/// The signed 8-bit numbers, below 2 in block scales, from 2⁻¹⁵: `code ↦ f(code) − f(0)`, where `f`
/// reads 7 bits as exponent and 3 bits of fraction. What is taken off makes 0 exact and spaces the
/// smallest numbers evenly. f(0), and the bits of a code without sign:
const SIGNED_BASE: u32 = (127 - 15) << 23;
const SIGNED_MASK: u32 = 0x7f;

/// The code of a size in block scales, in the lowest bits.
#[inline(always)]
fn encode_signed(size: f32, random: u32) -> u32 {
    let bits = (size + f32::from_bits(SIGNED_BASE)).to_bits();
    let code = (bits.wrapping_add(random >> (32 - DROPPED)) >> DROPPED) - (SIGNED_BASE >> DROPPED);
    // The largest may be rounded up out of the range.
    code.min(SIGNED_MASK)
}

#[inline(always)]
fn decode_signed(code: u32) -> f32 {
    let bits = (code & SIGNED_MASK) << DROPPED | SIGNED_BASE;
    f32::from_bits(bits) - f32::from_bits(SIGNED_BASE)
}

/// The 8-bit numbers without sign are the exponents and 3 bits of fraction from here on, 2⁻³¹ in
/// block scales: none becomes 0, so that nothing is divided by ε alone.
#[inline(always)]
fn unsigned_base(scale: f32) -> u32 {
    scale.to_bits().saturating_sub(31 << 23)
}

impl<'a> Packed<'a> {
    /// Both sides of element `at`, the start of a block.
    pub(crate) fn split_at(self, at: usize) -> (Self, Self) {
        let Self { format, words, scales } = self;
        let (w0, w1) = words.split_at_mut((at / BLOCK * format.words()).min(words.len()));
        let (s0, s1) = scales.split_at_mut((at / BLOCK).min(scales.len()));
        (Self { format, words: w0, scales: s0 }, Self { format, words: w1, scales: s1 })
    }

    /// The block that starts at element `at`.
    #[inline(always)]
    pub(crate) fn unpack<F: Float>(&self, at: usize, to: &mut [F; BLOCK]) {
        let words = &self.words[at / BLOCK * self.format.words()..];
        match self.format {
            Format::Single => {
                let Some(words) = words.first_chunk::<BLOCK>() else { return };
                for j in 0..BLOCK {
                    to[j] = number(words[j]);
                }
            }
            Format::Bf16 => {
                let Some(words) = words.first_chunk::<{ BLOCK / 2 }>() else { return };
                for j in 0..BLOCK / 2 {
                    to[j] = number(words[j] << 16);
                    to[j + BLOCK / 2] = number(words[j] & 0xffff_0000);
                }
            }
            Format::Signed8 => {
                let Some(words) = words.first_chunk::<{ BLOCK / 4 }>() else { return };
                let scale = self.scales[at / BLOCK];
                for j in 0..BLOCK / 4 {
                    for quarter in 0..4 {
                        let code = words[j] >> (8 * quarter);
                        let size = (scale * decode_signed(code)).to_bits();
                        to[j + quarter * BLOCK / 4] = number((code & 0x80) << 24 | size);
                    }
                }
            }
            Format::Unsigned8 => {
                let Some(words) = words.first_chunk::<{ BLOCK / 4 }>() else { return };
                let base = unsigned_base(self.scales[at / BLOCK]);
                for j in 0..BLOCK / 4 {
                    for quarter in 0..4 {
                        let code = words[j] >> (8 * quarter) & 0xff;
                        to[j + quarter * BLOCK / 4] = number(base + (code << DROPPED));
                    }
                }
            }
        }
    }

    /// The block that starts at element `at`, of which the first `len` numbers count.
    #[inline(always)]
    pub(crate) fn pack<F: Float>(&mut self, at: usize, len: usize, from: &[F; BLOCK], stir: Stir) {
        let largest = if self.format.scaled() { largest(from, len) } else { 0 };
        self.pack_below(at, largest, from, stir);
    }

    /// A block of numbers that were once unpacked, so that they are unpacked again bit for bit.
    ///
    /// The largest number may have been rounded down below the one its scale was made for: then
    /// the scale was twice what it would be now.
    pub(crate) fn pack_again<F: Float>(&mut self, at: usize, len: usize, from: &[F; BLOCK]) {
        let largest = largest(from, len);
        let mut again = [F::zero(); BLOCK];
        for size in [largest.saturating_add(1 << 23).min(f32::MAX.to_bits()), largest] {
            self.pack_below(at, size, from, Stir(0));
            self.unpack(at, &mut again);
            if again[..len] == from[..len] {
                return;
            }
        }
    }

    /// With the bits of a number that is at least as large as all.
    #[inline(always)]
    fn pack_below<F: Float>(&mut self, at: usize, largest: u32, from: &[F; BLOCK], stir: Stir) {
        let (mut inverse, mut base) = (1.0, 0);
        if let Some(scale) = self.scales.get_mut(at / BLOCK) {
            (*scale, inverse) = block_scale(largest);
            base = unsigned_base(*scale);
        }
        let words = &mut self.words[at / BLOCK * self.format.words()..];
        match self.format {
            Format::Single => {
                let Some(words) = words.first_chunk_mut::<BLOCK>() else { return };
                for j in 0..BLOCK {
                    words[j] = bits(from[j], f32::MAX);
                }
            }
            Format::Bf16 => {
                let Some(words) = words.first_chunk_mut::<{ BLOCK / 2 }>() else { return };
                let round =
                    |x: F, stir: Stir, j: usize| bits(x, MAX_BF16).wrapping_add(stir.bits(j) >> 16);
                let upper = stir.from(BLOCK / 2);
                for j in 0..BLOCK / 2 {
                    let low = round(from[j], stir, j) >> 16;
                    let high = round(from[j + BLOCK / 2], upper, j) & 0xffff_0000;
                    words[j] = low | high;
                }
            }
            Format::Signed8 => {
                let Some(words) = words.first_chunk_mut::<{ BLOCK / 4 }>() else { return };
                let stirs = [0, 1, 2, 3].map(|quarter| stir.from(quarter * BLOCK / 4));
                for j in 0..BLOCK / 4 {
                    let byte = |quarter: usize| {
                        let x = bits(from[j + quarter * BLOCK / 4], f32::MAX);
                        let size = f32::from_bits(x & !SIGN) * inverse;
                        let code = encode_signed(size, stirs[quarter].bits(j));
                        (x >> 24 & 0x80 | code) << (8 * quarter)
                    };
                    words[j] = byte(0) | byte(1) | byte(2) | byte(3);
                }
            }
            Format::Unsigned8 => {
                let Some(words) = words.first_chunk_mut::<{ BLOCK / 4 }>() else { return };
                let stirs = [0, 1, 2, 3].map(|quarter| stir.from(quarter * BLOCK / 4));
                for j in 0..BLOCK / 4 {
                    let byte = |quarter: usize| {
                        let x = bits(from[j + quarter * BLOCK / 4], f32::MAX).max(base) - base;
                        let random = stirs[quarter].bits(j) >> (32 - DROPPED);
                        ((x + random) >> DROPPED).min(0xff) << (8 * quarter)
                    };
                    words[j] = byte(0) | byte(1) | byte(2) | byte(3);
                }
            }
        }
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

/// The bits of the largest size among the first `len`.
#[inline(always)]
fn largest<F: Float>(block: &[F; BLOCK], len: usize) -> u32 {
    let size = |x: &F| bits(*x, f32::MAX) & !SIGN;
    if len == BLOCK {
        block.iter().map(size).fold(0, u32::max)
    } else {
        block[..len].iter().map(size).fold(0, u32::max)
    }
}

/// The power of two of which no number below these bits is more than 1.875, the largest of 8 bits,
/// and its reciprocal.
#[inline(always)]
fn block_scale(largest: u32) -> (f32, f32) {
    // From 15/16 of the way to the next power of two, an eighth more carries into the exponent.
    let scale = ((largest + (1 << DROPPED)) & EXPONENT).min(254 << 23);
    let inverse = match scale >> 23 {
        0 => 0,
        254 => 1 << 22,
        exponent => (254 - exponent) << 23,
    };
    (f32::from_bits(scale), f32::from_bits(inverse))
}
