//! IDX, the format of MNIST: a big-endian header, then bytes.
//!
//! ```text
//! 0  0  0x08  rank | dimension, 4 bytes each | numbers, 1 byte each, C order
//! ```
//!
//! Source: <http://yann.lecun.com/exdb/mnist/>, "The IDX file format". Files that come compressed
//! must be decompressed first.

use super::Dataset;
use ndarray::{Array2, Array3};
use tricks_tensor::{Error, Float, Result, ndarray};

/// The type code of unsigned bytes.
const BYTES: u8 = 0x08;

/// Reads images: `[count, rows, columns]`.
///
/// # Errors
/// [`Error::Format`] unless the bytes are exactly what their header announces. Nothing is
/// allocated before that is known.
///
/// ```
/// use tricks_net::data::idx;
/// let file = [0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2, 10, 20];
/// assert_eq!(idx::images(&file)?[[0, 0, 1]], 20);
/// let refused = idx::images(&file[..17]).unwrap_err();
/// assert_eq!(refused.to_string(), "IDX images: [1, 1, 2] needs 2 bytes after the header, found 1");
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn images(bytes: &[u8]) -> Result<Array3<u8>> {
    const NAME: &str = "IDX images";
    let (shape, data) = parse::<3>(NAME, bytes)?;
    Array3::from_shape_vec(shape, data.to_vec()).map_err(|e| Error::format(NAME, e))
}

/// Reads labels.
///
/// # Errors
/// As [`images`].
pub fn labels(bytes: &[u8]) -> Result<Vec<usize>> {
    let (_, data) = parse::<1>("IDX labels", bytes)?;
    Ok(data.iter().map(|&label| usize::from(label)).collect())
}

/// Reads images and labels as a data set: one row of `rows · columns` numbers in [0, 1] for each
/// image.
///
/// # Errors
/// As [`images`]; another number of labels than of images.
pub fn dataset<F: Float>(images: &[u8], labels: &[u8]) -> Result<Dataset<F>> {
    let (images, labels) = (self::images(images)?, self::labels(labels)?);
    let (count, rows, columns) = images.dim();
    if labels.len() != count {
        return Err(Error::shape("IDX", ("images", images.shape()), ("labels", &[labels.len()])));
    }
    let numbers = images.iter().map(|&byte| F::of(f64::from(byte) / 255.0)).collect();
    let x = Array2::from_shape_vec((count, rows * columns), numbers)
        .map_err(|e| Error::format("IDX images", e))?;
    Dataset::new(x, labels)
}

/// The dimensions and the numbers.
fn parse<'a, const RANK: usize>(
    name: &'static str,
    bytes: &'a [u8],
) -> Result<([usize; RANK], &'a [u8])> {
    let wrong = |message: String| Err(Error::format(name, message));
    let header = 4 + 4 * RANK;
    let Some((magic, rest)) = bytes.split_first_chunk::<4>() else {
        return wrong(format!("the header needs {header} bytes, found {}", bytes.len()));
    };
    if *magic != [0, 0, BYTES, RANK as u8] {
        let expected = [0, 0, BYTES, RANK as u8];
        return wrong(format!("begins with {magic:?}, expected {expected:?}"));
    }
    let (words, _) = rest.as_chunks::<4>();
    let Some(words) = words.first_chunk::<RANK>() else {
        return wrong(format!("the header needs {header} bytes, found {}", bytes.len()));
    };
    let shape = words.map(|word| u32::from_be_bytes(word) as usize);
    let data = &rest[4 * RANK..];
    // The product of hostile dimensions overflows; each number is a byte, so the length of the
    // file is the limit.
    let size = shape.iter().try_fold(1usize, |size, &axis| size.checked_mul(axis));
    match size {
        Some(size) if size == data.len() => Ok((shape, data)),
        Some(size) => {
            let found = data.len();
            wrong(format!("{shape:?} needs {size} bytes after the header, found {found}"))
        }
        None => wrong(format!("{shape:?} is more than there can be")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{DataSource as _, Targets};
    use proptest::prelude::*;

    fn file(shape: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, shape.len() as u8];
        bytes.extend(shape.iter().flat_map(|axis| axis.to_be_bytes()));
        bytes.extend(data);
        bytes
    }

    #[test]
    fn a_small_file() {
        let pixels = [0, 51, 102, 153, 204, 255, 5, 10, 15, 20, 25, 30];
        let (images, labels) = (file(&[2, 2, 3], &pixels), file(&[2], &[7, 0]));
        let data = dataset::<f64>(&images, &labels).unwrap();
        assert_eq!((data.len(), data.x().shape()), (2, &[2, 6][..]));
        assert_eq!(data.x()[[0, 1]], 0.2);
        assert_eq!(data.x()[[0, 5]], 1.0);
        assert_eq!(data.targets(), &Targets::Labels(vec![7, 0]));

        for len in 0..images.len() {
            assert!(super::images(&images[..len]).is_err(), "{len} bytes");
        }
        let refused = dataset::<f64>(&images, &file(&[1], &[7])).unwrap_err().to_string();
        assert_eq!(refused, "IDX: images has shape [2, 2, 3], labels [1]");
    }

    #[test]
    fn hostile_headers() {
        let say = |bytes: &[u8]| images(bytes).unwrap_err().to_string();
        let huge = file(&[u32::MAX; 3], &[]);
        assert!(say(&huge).ends_with("is more than there can be"), "{}", say(&huge));
        assert!(
            say(&file(&[1 << 31, 1 << 31, 1], &[])).contains("needs 4611686018427387904 bytes")
        );
        // No image, of a size whose product overflows.
        assert!(images(&file(&[0, u32::MAX, u32::MAX], &[])).is_err());
        let trailing = say(&file(&[1, 1, 1], &[1, 2]));
        assert_eq!(trailing, "IDX images: [1, 1, 1] needs 1 bytes after the header, found 2");
        let wrong = say(&file(&[1], &[1]));
        assert_eq!(wrong, "IDX images: begins with [0, 0, 8, 1], expected [0, 0, 8, 3]");
        assert_eq!(say(&[0]), "IDX images: the header needs 16 bytes, found 1");
        assert_eq!(say(&[0, 0, 8, 3, 0]), "IDX images: the header needs 16 bytes, found 5");
        // Floating-point files exist; they are not images of bytes.
        assert!(labels(&[0, 0, 0x0d, 1, 0, 0, 0, 0]).is_err());
        assert!(labels(&file(&[0], &[])).unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes: Vec<u8>, shape: [u8; 3]) {
            let _ = images(&bytes);
            let _ = labels(&bytes);
            let shape = shape.map(u32::from);
            bytes.truncate(64);
            let whole = shape.iter().product::<u32>() as usize == bytes.len();
            prop_assert_eq!(images(&file(&shape, &bytes)).is_ok(), whole);
        }
    }
}
