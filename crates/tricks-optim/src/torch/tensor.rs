use super::Read;
use super::archive::Archive;
use std::ops::Range;
use tricks_tensor::Float;

/// The number types that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dtype {
    F16,
    Bf16,
    F32,
    F64,
    I64,
}

impl Dtype {
    pub(super) fn name(self) -> &'static str {
        match self {
            Dtype::F16 => "f16",
            Dtype::Bf16 => "bf16",
            Dtype::F32 => "f32",
            Dtype::F64 => "f64",
            Dtype::I64 => "i64",
        }
    }

    /// Bytes of a number.
    fn size(self) -> usize {
        match self {
            Dtype::F16 | Dtype::Bf16 => 2,
            Dtype::F32 => 4,
            Dtype::F64 | Dtype::I64 => 8,
        }
    }

    /// Whether every number of this type is one of `F`.
    fn fits<F: Float>(self) -> bool {
        match self {
            Dtype::F16 | Dtype::Bf16 | Dtype::F32 => true,
            Dtype::F64 => size_of::<F>() == 8,
            Dtype::I64 => false,
        }
    }
}

/// Numbers in a row, somewhere in the file.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    dtype: Dtype,
    place: Range<usize>,
}

impl Storage {
    /// The storage of this key, which must hold `len` numbers.
    pub(super) fn find(archive: &Archive, dtype: Dtype, key: &str, len: i64) -> Read<Self> {
        let place = archive.range(&format!("data/{key}"))?;
        let wanted = usize::try_from(len).ok().and_then(|len| len.checked_mul(dtype.size()));
        if wanted != Some(place.len()) {
            let (name, found) = (dtype.name(), place.len());
            return Err(format!("storage {key:?} has {found} bytes, expected {len} of {name}"));
        }
        Ok(Self { dtype, place })
    }
}

/// A view of a storage.
#[derive(Clone, Debug)]
pub(super) struct Tensor {
    storage: Storage,
    offset: usize,
    pub(super) shape: Vec<usize>,
    strides: Vec<usize>,
    len: usize,
}

impl Tensor {
    /// Refuses a view that leaves its storage.
    pub(super) fn new(
        storage: Storage,
        offset: i64,
        shape: Vec<usize>,
        strides: Vec<usize>,
    ) -> Read<Self> {
        let held = storage.place.len() / storage.dtype.size();
        let outside = || {
            let of = format!("shape {shape:?}, strides {strides:?} and offset {offset}");
            format!("a tensor of {of} leaves its storage of {held}")
        };
        let offset = usize::try_from(offset).map_err(|_| outside())?;
        if shape.len() != strides.len() {
            return Err(outside());
        }
        let len = shape.iter().try_fold(1usize, |len, n| len.checked_mul(*n));
        // An empty one touches nothing, whatever its other lengths multiply to.
        let len = if shape.contains(&0) { Some(0) } else { len }.ok_or_else(outside)?;
        let last = shape.iter().zip(&strides).try_fold(offset, |at, (n, stride)| {
            at.checked_add(n.saturating_sub(1).checked_mul(*stride)?)
        });
        if len > 0 && last.is_none_or(|last| last >= held) {
            return Err(outside());
        }
        Ok(Self { storage, offset, shape, strides, len })
    }

    /// `f32 [2, 3]`
    pub(super) fn describe(&self) -> String {
        format!("{} {:?}", self.storage.dtype.name(), self.shape)
    }

    /// The numbers in C order, if all of this type are numbers of `F`.
    pub(super) fn read<F: Float>(&self, archive: &Archive) -> Option<Vec<F>> {
        if !self.storage.dtype.fits::<F>() {
            return None;
        }
        let mut numbers = Vec::with_capacity(self.len);
        self.visit(archive, &mut |x| numbers.push(F::of(x)));
        Some(numbers)
    }

    /// The number of a tensor of one.
    pub(super) fn number(&self, archive: &Archive) -> Option<f64> {
        let mut number = None;
        if self.len == 1 {
            self.visit(archive, &mut |x| number = Some(x));
        }
        number
    }

    /// Every number in C order; an integer beyond 2⁵³ is rounded.
    fn visit(&self, archive: &Archive, f: &mut dyn FnMut(f64)) {
        let bytes = &archive.bytes()[self.storage.place.clone()];
        match (self.storage.dtype, archive.big_endian) {
            (Dtype::F16, false) => self.walk(bytes, |b| half(u16::from_le_bytes(b)), f),
            (Dtype::F16, true) => self.walk(bytes, |b| half(u16::from_be_bytes(b)), f),
            (Dtype::Bf16, false) => self.walk(bytes, |b| brain(u16::from_le_bytes(b)), f),
            (Dtype::Bf16, true) => self.walk(bytes, |b| brain(u16::from_be_bytes(b)), f),
            (Dtype::F32, false) => self.walk(bytes, |b| f32::from_le_bytes(b).into(), f),
            (Dtype::F32, true) => self.walk(bytes, |b| f32::from_be_bytes(b).into(), f),
            (Dtype::F64, false) => self.walk(bytes, f64::from_le_bytes, f),
            (Dtype::F64, true) => self.walk(bytes, f64::from_be_bytes, f),
            (Dtype::I64, false) => self.walk(bytes, |b| i64::from_le_bytes(b) as f64, f),
            (Dtype::I64, true) => self.walk(bytes, |b| i64::from_be_bytes(b) as f64, f),
        }
    }

    fn walk<const N: usize>(
        &self,
        bytes: &[u8],
        number: impl Fn([u8; N]) -> f64,
        f: &mut dyn FnMut(f64),
    ) {
        let held = bytes.as_chunks::<N>().0;
        let mut index = vec![0; self.shape.len()];
        let mut at = self.offset;
        for _ in 0..self.len {
            f(number(held[at]));
            // The last index runs fastest; one that is through goes back to its start.
            for (k, i) in index.iter_mut().enumerate().rev() {
                *i += 1;
                at += self.strides[k];
                if *i < self.shape[k] {
                    break;
                }
                at -= *i * self.strides[k];
                *i = 0;
            }
        }
    }
}

/// A number of 16 bits, with 5 of exponent.
fn half(bits: u16) -> f64 {
    let (exponent, fraction) = (bits >> 10 & 31, f64::from(bits & 1023));
    let size = match exponent {
        0 => fraction / f64::from(1 << 24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * f64::from(1u32 << (exponent - 1)) / f64::from(1 << 24),
    };
    if bits >> 15 == 1 { -size } else { size }
}

/// The upper half of an `f32`.
fn brain(bits: u16) -> f64 {
    f32::from_bits(u32::from(bits) << 16).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_16_bits() {
        let halves = [(0x0000, 0.0), (0x0001, 2f64.powi(-24)), (0x03ff, 1023.0 / 1024.0 / 16384.0)];
        let more = [(0x0400, 1.0 / 16384.0), (0x3c00, 1.0), (0xc000, -2.0), (0x7bff, 65504.0)];
        for (bits, number) in halves.into_iter().chain(more) {
            assert_eq!(half(bits), number, "{bits:04x}");
        }
        assert_eq!((half(0x7c00), half(0xfc00)), (f64::INFINITY, f64::NEG_INFINITY));
        assert!(half(0x7e00).is_nan() && half(0x8000).is_sign_negative());
        assert_eq!((brain(0x3f80), brain(0xc049)), (1.0, -3.140625));
    }

    #[test]
    fn views_stay_inside() {
        let storage = || Storage { dtype: Dtype::F32, place: 0..24 };
        let new = |offset, shape: &[usize], strides: &[usize]| {
            Tensor::new(storage(), offset, shape.to_vec(), strides.to_vec())
        };
        assert!(new(0, &[2, 3], &[3, 1]).is_ok());
        assert!(new(5, &[], &[]).is_ok());
        assert!(new(5, &[1 << 20], &[0]).is_ok());
        assert!(new(9, &[0, usize::MAX, 2], &[1, 1, 1]).is_ok());
        for (offset, shape, strides) in [
            (6, &[][..], &[][..]),
            (-1, &[1], &[1]),
            (1, &[2, 3], &[3, 1]),
            (0, &[2], &[6]),
            (0, &[2, 2], &[1]),
            (0, &[2, 2], &[usize::MAX, usize::MAX]),
            (0, &[usize::MAX, usize::MAX], &[0, 0]),
            (i64::MAX, &[2], &[usize::MAX]),
        ] {
            let refused = new(offset, shape, strides).unwrap_err();
            assert!(refused.ends_with("leaves its storage of 6"), "{refused}");
        }
    }
}
