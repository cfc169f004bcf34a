use crate::buffer::Buffer;
use crate::losses::Target;
use ndarray::ArrayViewD;
use tricks_tensor::{Error, Float, Result, ndarray};

/// A numbered set of samples.
///
/// [`Dataset`](super::Dataset) is one in memory; another may read files or augment images on the
/// way.
pub trait DataSource<F: Float>: Sync {
    /// How many samples.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills a batch with the samples of these numbers, in this order.
    ///
    /// # Errors
    /// A number that is not below [`len`](DataSource::len); whatever the source cannot read.
    fn fill(&self, samples: &[usize], batch: &mut Batch<F>) -> Result<()>;
}

/// Fills a batch, and holds the source to its word.
pub(crate) fn fill<F: Float>(
    source: &(impl DataSource<F> + ?Sized),
    samples: &[usize],
    batch: &mut Batch<F>,
) -> Result<()> {
    source.fill(samples, batch)?;
    if batch.len() != samples.len() {
        let message = format!("asked for {} samples, it filled {}", samples.len(), batch.len());
        return Err(Error::invalid("DataSource", message));
    }
    Ok(())
}

/// Samples and their targets, in memory that only grows.
///
/// ```
/// use tricks_net::data::Batch;
/// let mut batch = Batch::new();
/// batch.set_x(&[2, 3])?.copy_from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
/// batch.set_labels(2).copy_from_slice(&[1, 0]);
/// assert_eq!(batch.x()[[1, 0]], 4.0);
/// assert_eq!(batch.len(), 2);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Batch<F> {
    x: Buffer<F>,
    labels: Vec<usize>,
    values: Buffer<F>,
    has_values: bool,
}

impl<F: Float> Default for Batch<F> {
    fn default() -> Self {
        Self::new()
    }
}

impl<F: Float> Batch<F> {
    /// Empty.
    pub fn new() -> Self {
        let (x, values) = (Buffer::new(), Buffer::new());
        Self { x, labels: Vec::new(), values, has_values: false }
    }

    /// The inputs; the first axis counts samples.
    pub fn x(&self) -> ArrayViewD<'_, F> {
        self.x.view()
    }

    /// What the outputs are held against.
    pub fn target(&self) -> Target<'_, F> {
        match self.has_values {
            true => Target::Values(self.values.view()),
            false => Target::Labels(&self.labels),
        }
    }

    /// How many samples.
    pub fn len(&self) -> usize {
        self.x.shape().first().copied().unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes inputs of this shape; lends their memory, C order, for all of it to be filled.
    ///
    /// # Errors
    /// A shape of more numbers than memory has addresses.
    pub fn set_x(&mut self, shape: &[usize]) -> Result<&mut [F]> {
        self.x.reshape(shape)?;
        Ok(self.x.slice_mut())
    }

    /// Takes labels as targets; lends their memory.
    pub fn set_labels(&mut self, len: usize) -> &mut [usize] {
        self.has_values = false;
        self.labels.resize(len, 0);
        &mut self.labels
    }

    /// Takes values of this shape as targets; lends their memory, C order.
    ///
    /// # Errors
    /// As [`Batch::set_x`].
    pub fn set_values(&mut self, shape: &[usize]) -> Result<&mut [F]> {
        self.values.reshape(shape)?;
        self.has_values = true;
        Ok(self.values.slice_mut())
    }
}
