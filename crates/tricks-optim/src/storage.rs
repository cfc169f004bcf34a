//! Memory of rules in fewer bits.

use tricks_tensor::Float;

/// How the averages a rule keeps are stored. Parameters, and memory that holds points rather than
/// averages, are always in full precision.
///
/// | storage | bytes a number | smallest step | range |
/// |---|---|---|---|
/// | `Full` | 4 or 8 | | |
/// | `Single` | 4 | 2⁻²³ | of `f32` |
/// | `Bf16` | 2 | 2⁻⁷ | of `f32` |
/// | `Block8` | 1 + 1/64 | 2⁻³ | 2¹⁶ below the largest of its block; 2³² without sign |
///
/// `Bf16` and `Block8` round at random, up or down, so that the expected value is the exact one:
/// an average that moves by less than a step still moves. What decides is a function of the seed,
/// the parameter's name, its count of updates and the element, so the same run gives the same bits.
///
/// `Block8` keeps the numbers of a block of 256 as 8-bit floating-point numbers below a common
/// power of two: sign, 4 bits of exponent and 3 of fraction; for memory that is never negative
/// 5 bits of exponent. A positive number never becomes 0, so that no step is divided by ε alone.
///
/// Sources: stochastic rounding: Gupta, Agrawal, Gopalakrishnan, Narayanan: *Deep learning with
/// limited numerical precision*, ICML 2015; blocks of 8 bits: Dettmers, Lewis, Shleifer,
/// Zettlemoyer: *8-bit optimizers via block-wise quantization*, ICLR 2022 (whose 8-bit numbers are
/// others).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// The number type of the parameters.
    #[default]
    Full,
    /// `f32`, for parameters of type `f64`.
    Single,
    /// The upper half of an `f32`.
    Bf16,
    /// 8 bits, in blocks of 256.
    Block8,
}

/// Elements that share a scale, and that a packed update works on at a time.
pub(crate) const BLOCK: usize = 256;

/// How one slot is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Single,
    Bf16,
    Signed8,
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

    pub(crate) fn bytes(self) -> usize {
        match self {
            Self::Single => 4,
            Self::Bf16 => 2,
            Self::Signed8 | Self::Unsigned8 => 1,
        }
    }

    /// Whether blocks have a scale.
    pub(crate) fn scaled(self) -> bool {
        self.bytes() == 1
    }
}

/// A packed slot, lent.
#[derive(Debug)]
pub(crate) struct Packed<'a> {
    pub(crate) format: Format,
    pub(crate) bytes: &'a mut [u8],
    /// A power of two for each block.
    pub(crate) scales: &'a mut [f32],
}

/// 32 random bits for each element of a block, of which slot `k` takes its half.
pub(crate) struct Stir {
    key: u32,
    first: u32,
    shift: u32,
}

/// What rounds slot `k` of the block that starts at element `first`.
#[inline(always)]
pub(crate) fn stirred(key: u32, first: u32, k: usize) -> Stir {
    // Two slots share a word.
    let key = key.wrapping_add((k as u32 / 2).wrapping_mul(0x9e37_79b9));
    Stir { key, first, shift: 16 * (k as u32 % 2) }
}

impl Stir {
    /// 16 random bits for element `i` of the block.
    #[inline(always)]
    fn bits(&self, i: usize) -> u32 {
        // Two rounds of multiply and shift; constants of a search for low bias (C. Wellons).
        let mut x = self.first.wrapping_add(i as u32) ^ self.key;
        x = (x ^ x >> 16).wrapping_mul(0x7feb_352d);
        x = (x ^ x >> 15).wrapping_mul(0x846c_a68b);
        (x ^ x >> 16) >> self.shift & 0xffff
    }
}

const SIGN: u32 = 1 << 31;
/// The bits of an `f32` that hold its exponent.
const EXPONENT: u32 = 0x7f80_0000;
/// The largest block scale: its reciprocal is still a normal number.
const MAX_SCALE: u32 = 253 << 23;
/// Bits of an `f32` below the three that 8 bits keep.
const DROPPED: u32 = 20;
/// The code of the number 1 in 8 bits, times the sign bit: exponent 15 of 4 bits, 31 of 5.
const ONE_SIGNED: u32 = 15 << 3;
const ONE_UNSIGNED: u32 = 31 << 3;
/// The code of the number 1 if all 8 bits of the exponent were kept.
const ONE: u32 = 127 << 3;

impl<'a> Packed<'a> {
    pub(crate) fn split_at(self, at: usize) -> (Self, Self) {
        let Self { format, bytes, scales } = self;
        let (b0, b1) = bytes.split_at_mut(at * format.bytes());
        let (s0, s1) = scales.split_at_mut(if format.scaled() { at / BLOCK } else { 0 });
        (Self { format, bytes: b0, scales: s0 }, Self { format, bytes: b1, scales: s1 })
    }

    /// `len` numbers from `at`, the start of a block.
    #[inline(always)]
    pub(crate) fn unpack<F: Float>(&self, at: usize, len: usize, to: &mut [F; BLOCK]) {
        let bytes = &self.bytes[at * self.format.bytes()..][..len * self.format.bytes()];
        match self.format {
            Format::Single => {
                for (x, bytes) in to.iter_mut().zip(bytes.as_chunks().0) {
                    *x = F::of(f64::from(f32::from_le_bytes(*bytes)));
                }
            }
            Format::Bf16 => {
                for (x, bytes) in to.iter_mut().zip(bytes.as_chunks().0) {
                    *x = narrow(u32::from(u16::from_le_bytes(*bytes)) << 16);
                }
            }
            Format::Signed8 => {
                let scale = F::of(f64::from(self.scales[at / BLOCK]));
                for (x, code) in to.iter_mut().zip(bytes) {
                    let (sign, size) = (u32::from(*code & 0x80) << 24, u32::from(*code & 0x7f));
                    *x = scale * narrow::<F>(sign | expand(size, ONE_SIGNED));
                }
            }
            Format::Unsigned8 => {
                let scale = F::of(f64::from(self.scales[at / BLOCK]));
                for (x, code) in to.iter_mut().zip(bytes) {
                    *x = scale * narrow::<F>(expand(u32::from(*code), ONE_UNSIGNED));
                }
            }
        }
    }

    /// `len` numbers to `at`, the start of a block.
    #[inline(always)]
    pub(crate) fn pack<F: Float>(&mut self, at: usize, len: usize, from: &[F; BLOCK], stir: Stir) {
        let bytes = &mut self.bytes[at * self.format.bytes()..][..len * self.format.bytes()];
        match self.format {
            Format::Single => {
                for (x, bytes) in from.iter().zip(bytes.as_chunks_mut().0) {
                    *bytes = f32::from_bits(wide(*x)).to_le_bytes();
                }
            }
            Format::Bf16 => {
                for (i, bytes) in bytes.as_chunks_mut().0.iter_mut().enumerate() {
                    let bits = wide(from[i]);
                    // The largest number must not be rounded up to infinity.
                    let size = ((bits & !SIGN) + stir.bits(i)).min(0x7f7f_ffff);
                    *bytes = (((bits & SIGN | size) >> 16) as u16).to_le_bytes();
                }
            }
            Format::Signed8 => {
                let (scale, inverse) = block_scale(&from[..len]);
                self.scales[at / BLOCK] = scale;
                for (i, code) in bytes.iter_mut().enumerate() {
                    let bits = wide(from[i]);
                    let size = shrink(bits & !SIGN, inverse, stir.bits(i), ONE_SIGNED, 0);
                    *code = (bits >> 24 & 0x80 | size) as u8;
                }
            }
            Format::Unsigned8 => {
                let (scale, inverse) = block_scale(&from[..len]);
                self.scales[at / BLOCK] = scale;
                for (i, code) in bytes.iter_mut().enumerate() {
                    let bits = wide(from[i]) & !SIGN;
                    let least = u32::from(bits != 0);
                    *code = shrink(bits, inverse, stir.bits(i), ONE_UNSIGNED, least) as u8;
                }
            }
        }
    }
}

/// The bits of a number as `f32`, never infinite.
#[inline(always)]
fn wide<F: Float>(x: F) -> u32 {
    let x = x.widen() as f32;
    let most = f32::MAX;
    let x = if x > most { most } else { x };
    (if x < -most { -most } else { x }).to_bits()
}

#[inline(always)]
fn narrow<F: Float>(bits: u32) -> F {
    F::of(f64::from(f32::from_bits(bits)))
}

/// The largest power of two that is not above any `|x|` of the block's largest, and its reciprocal.
#[inline(always)]
fn block_scale<F: Float>(block: &[F]) -> (f32, f32) {
    let largest = block.iter().map(|x| wide(*x) & !SIGN).fold(0, u32::max);
    let scale = (largest & EXPONENT).min(MAX_SCALE);
    let inverse = if scale == 0 { 0 } else { (254 << 23) - scale };
    (f32::from_bits(scale), f32::from_bits(inverse))
}

/// The code of a number below two block scales, given by the bits of its size.
#[inline(always)]
fn shrink(size: u32, inverse: f32, random: u32, one: u32, least: u32) -> u32 {
    let relative = (f32::from_bits(size) * inverse).to_bits();
    let code = (relative + (random << (DROPPED - 16))) >> DROPPED;
    let code = code.saturating_sub(ONE - one);
    code.max(least).min(one + 7)
}

/// The bits of the number, in block scales, that a code stands for.
#[inline(always)]
fn expand(code: u32, one: u32) -> u32 {
    if code == 0 { 0 } else { (code + (ONE - one)) << DROPPED }
}
