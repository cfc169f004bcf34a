//! Handwritten digits: from a directory of the user's, from the cache, or embedded.

use crate::format::thousands;
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use tricks_net::data::{DataSource as _, Dataset, Targets, idx};
use tricks_tensor::{Error, Result};

/// The embedded subset: images and labels for training, images and labels for testing.
const EMBEDDED: [&[u8]; 4] = [
    include_bytes!("../data/mnist-train-5000-images-idx3-ubyte.gz"),
    include_bytes!("../data/mnist-train-5000-labels-idx1-ubyte.gz"),
    include_bytes!("../data/mnist-test-1000-images-idx3-ubyte.gz"),
    include_bytes!("../data/mnist-test-1000-labels-idx1-ubyte.gz"),
];

/// The names of the four files, as they are distributed.
const FILES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// Where `cargo xtask data` puts the whole MNIST.
const CACHE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data-cache/mnist");

/// How many images are used: for training, for testing.
pub(crate) type Limit = (usize, usize);

/// What the networks learn, and what they are tested on. Pixels are divided by 255.
pub(crate) struct Images {
    /// To learn from.
    pub(crate) train: Dataset<f32>,
    /// To be tested on.
    pub(crate) test: Dataset<f32>,
    /// Numbers of an image.
    pub(crate) inputs: usize,
    /// How many kinds there are.
    pub(crate) classes: usize,
    /// Where they come from and how many there are, for people.
    pub(crate) source: String,
}

impl Images {
    /// From `directory` if there is one, else from the cache, else embedded; at most `limit` of
    /// them, the first.
    ///
    /// # Errors
    /// Files that are missing, damaged, or do not belong together.
    pub(crate) fn load(directory: Option<&Path>, limit: Limit) -> Result<Self> {
        if let Some(directory) = directory {
            return Self::read(directory, "directory", limit);
        }
        let cache = PathBuf::from(CACHE);
        if FILES.iter().all(|name| find(&cache, name).is_ok()) {
            return Self::read(&cache, "cache", limit);
        }
        Self::from_files(EMBEDDED.map(<[u8]>::to_vec), "embedded MNIST subset", limit)
    }

    fn read(directory: &Path, kind: &str, limit: Limit) -> Result<Self> {
        let mut files: [Vec<u8>; 4] = Default::default();
        for (file, name) in files.iter_mut().zip(FILES) {
            let path = find(directory, name)?;
            File::open(&path)
                .and_then(|mut open| open.read_to_end(file))
                .map_err(Error::io(&path, "read"))?;
        }
        let shown = directory.canonicalize().unwrap_or_else(|_| directory.to_path_buf());
        Self::from_files(files, &format!("{kind} {}", shown.display()), limit)
    }

    fn from_files(files: [Vec<u8>; 4], source: &str, limit: Limit) -> Result<Self> {
        let mut plain: [Vec<u8>; 4] = Default::default();
        for ((plain, file), name) in plain.iter_mut().zip(files).zip(FILES) {
            *plain = unzip(file, name)?;
        }
        let [train_x, train_y, test_x, test_y] = &plain;
        let pair = |x: &[u8], y: &[u8], names: [&str; 2]| {
            idx::dataset(x, y).map_err(|e| Error::format(names.join(" with "), e))
        };
        let (train, of_train) = first(pair(train_x, train_y, [FILES[0], FILES[1]])?, limit.0)?;
        let (test, of_test) = first(pair(test_x, test_y, [FILES[2], FILES[3]])?, limit.1)?;
        let (inputs, found) = (train.x().shape()[1], test.x().shape()[1]);
        if inputs != found {
            let message = format!("test images have {found} pixels, training images {inputs}");
            return Err(Error::format(source, message));
        }
        let classes =
            labels(&train).iter().chain(labels(&test)).max().map_or(0, |&label| label + 1);
        let count = |n: usize, of: usize| match n == of {
            true => thousands(n as u64),
            false => format!("the first {} of {}", thousands(n as u64), thousands(of as u64)),
        };
        let source = format!(
            "{source}: {} images to train on, {} to test on",
            count(train.len(), of_train),
            count(test.len(), of_test),
        );
        Ok(Self { train, test, inputs, classes, source })
    }
}

/// The classes of a data set, sample by sample.
pub(crate) fn labels(data: &Dataset<f32>) -> &[usize] {
    match data.targets() {
        Targets::Labels(labels) => labels,
        _ => &[],
    }
}

/// At most `limit` samples, and how many there were.
fn first(data: Dataset<f32>, limit: usize) -> Result<(Dataset<f32>, usize)> {
    let len = data.len();
    match len <= limit {
        true => Ok((data, len)),
        false => Ok((data.split_at(limit)?.0, len)),
    }
}

/// The file of this name: plain or zipped, `-idx3` or `.idx3`.
fn find(directory: &Path, name: &str) -> Result<PathBuf> {
    let dotted = name.replace("-idx", ".idx");
    let names = [name.to_string(), format!("{name}.gz"), dotted.clone(), format!("{dotted}.gz")];
    let mut paths = names.iter().map(|name| directory.join(name));
    paths.find(|path| path.is_file()).ok_or_else(|| {
        Error::format(directory.display(), format!("there is no file {name} or {name}.gz in it"))
    })
}

/// Undoes gzip, if it is gzip.
fn unzip(bytes: Vec<u8>, name: &str) -> Result<Vec<u8>> {
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let mut plain = Vec::new();
    GzDecoder::new(bytes.as_slice())
        .read_to_end(&mut plain)
        .map_err(|e| Error::format(name, format!("damaged gzip: {e}")))?;
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn embedded(limit: Limit) -> Images {
        Images::from_files(EMBEDDED.map(<[u8]>::to_vec), "embedded", limit).unwrap()
    }

    #[test]
    fn the_embedded_subset_is_whole() {
        let images = embedded((usize::MAX, usize::MAX));
        assert_eq!((images.train.len(), images.test.len()), (5000, 1000));
        assert_eq!((images.inputs, images.classes), (784, 10));
        // The first training image of MNIST is a 5, the first test image a 7.
        assert_eq!((labels(&images.train)[0], labels(&images.test)[0]), (5, 7));
        let x = images.train.x();
        assert!(x.iter().all(|&x| (0.0..=1.0).contains(&x)) && x.iter().any(|&x| x == 1.0));
        assert_eq!(images.source, "embedded: 5,000 images to train on, 1,000 to test on");
    }

    #[test]
    fn plain_files_are_read_as_zipped_ones() {
        let plain = EMBEDDED.map(|file| unzip(file.to_vec(), "x").unwrap());
        assert!(plain[0].starts_with(&[0, 0, 8, 3]));
        let images = Images::from_files(plain, "plain", (100, 100)).unwrap();
        assert_eq!(images.train, embedded((100, 100)).train);
    }

    #[test]
    fn a_limit_takes_the_first() {
        let images = embedded((64, 2000));
        assert_eq!((images.train.len(), images.test.len()), (64, 1000));
        assert!(images.source.contains("the first 64 of 5,000"), "{}", images.source);
    }

    #[test]
    fn missing_and_damaged_files_are_named() {
        let missing = Images::load(Some(Path::new("/no/such")), (1, 1)).err().unwrap().to_string();
        assert!(
            missing.starts_with("/no/such: there is no file train-images-idx3-ubyte"),
            "{missing}"
        );
        let mut files = EMBEDDED.map(<[u8]>::to_vec);
        files[1].truncate(100);
        let damaged = Images::from_files(files, "x", (1, 1)).err().unwrap().to_string();
        assert!(damaged.starts_with("train-labels-idx1-ubyte: damaged gzip"), "{damaged}");
        let mut files = EMBEDDED.map(|file| unzip(file.to_vec(), "x").unwrap());
        files[2].truncate(1000);
        let short = Images::from_files(files, "x", (1, 1)).err().unwrap().to_string();
        assert!(
            short.starts_with("t10k-images-idx3-ubyte with t10k-labels-idx1-ubyte: "),
            "{short}"
        );
    }
}
