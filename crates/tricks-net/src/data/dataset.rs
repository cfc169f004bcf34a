use super::{Batch, DataSource};
use ndarray::{Array, ArrayD, ArrayViewD, Axis, Dimension};
use tricks_tensor::{Error, Float, Result, ndarray};

/// The targets of a [`Dataset`].
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub enum Targets<F> {
    /// A class for each sample.
    Labels(Vec<usize>),
    /// Values for each sample; the first axis counts samples.
    Values(ArrayD<F>),
}

impl<F> From<Vec<usize>> for Targets<F> {
    fn from(labels: Vec<usize>) -> Self {
        Self::Labels(labels)
    }
}

impl<F, D: Dimension> From<Array<F, D>> for Targets<F> {
    fn from(values: Array<F, D>) -> Self {
        Self::Values(values.into_dyn())
    }
}

/// Samples in memory.
///
/// ```
/// use tricks_net::data::{Batch, DataSource, Dataset};
/// use tricks_tensor::ndarray::arr2;
/// let data = Dataset::new(arr2(&[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), vec![0, 1, 0])?;
/// let mut batch = Batch::new();
/// data.fill(&[2, 0], &mut batch)?;
/// assert_eq!(batch.x(), arr2(&[[5.0, 6.0], [1.0, 2.0]]).into_dyn());
/// let (train, test) = data.split_at(2)?;
/// assert_eq!((train.len(), test.len()), (2, 1));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset<F> {
    // Both in C order.
    x: ArrayD<F>,
    targets: Targets<F>,
}

impl<F: Float> Dataset<F> {
    /// Samples along the first axis of `x`, with as many targets: a `Vec` of labels, or an array
    /// of values.
    ///
    /// # Errors
    /// Another number of targets than of samples; no axis to count along.
    pub fn new<D: Dimension>(x: Array<F, D>, targets: impl Into<Targets<F>>) -> Result<Self> {
        let in_order = |x: ArrayD<F>| match x.is_standard_layout() {
            true => x,
            false => x.as_standard_layout().into_owned(),
        };
        let x = in_order(x.into_dyn());
        let targets = match targets.into() {
            Targets::Values(values) => Targets::Values(in_order(values)),
            labels => labels,
        };
        let shape = match &targets {
            Targets::Labels(labels) => &[labels.len()],
            Targets::Values(values) => values.shape(),
        };
        if x.ndim() == 0 || shape.first() != x.shape().first() {
            return Err(Error::shape("Dataset", ("x", x.shape()), ("targets", shape)));
        }
        Ok(Self { x, targets })
    }

    /// The inputs.
    pub fn x(&self) -> ArrayViewD<'_, F> {
        self.x.view()
    }

    /// The targets.
    pub fn targets(&self) -> &Targets<F> {
        &self.targets
    }

    /// The first `count` samples, and the others.
    ///
    /// # Errors
    /// A `count` above the number of samples.
    pub fn split_at(&self, count: usize) -> Result<(Self, Self)> {
        let len = self.x.shape()[0];
        if count > len {
            let message = format!("cannot take {count} of {len} samples");
            return Err(Error::invalid("Dataset", message));
        }
        let cut = |x: &ArrayD<F>| {
            let (a, b) = x.view().split_at(Axis(0), count);
            (a.to_owned(), b.to_owned())
        };
        let x = cut(&self.x);
        let targets = match &self.targets {
            Targets::Labels(labels) => {
                let (a, b) = labels.split_at(count);
                (Targets::Labels(a.to_vec()), Targets::Labels(b.to_vec()))
            }
            Targets::Values(values) => {
                let (a, b) = cut(values);
                (Targets::Values(a), Targets::Values(b))
            }
        };
        Ok((Self { x: x.0, targets: targets.0 }, Self { x: x.1, targets: targets.1 }))
    }
}

impl<F: Float> DataSource<F> for Dataset<F> {
    fn len(&self) -> usize {
        self.x.shape()[0]
    }

    fn fill(&self, samples: &[usize], batch: &mut Batch<F>) -> Result<()> {
        let limit = self.len();
        if let Some(row) = samples.iter().position(|&sample| sample >= limit) {
            let (name, value) = ("Dataset: samples".into(), samples[row] as u64);
            return Err(Error::Data { name, row, value, limit: limit as u64 });
        }
        with_rows(self.x.shape(), samples.len(), |shape| {
            gather(&self.x, samples, batch.set_x(shape)?);
            Ok(())
        })?;
        match &self.targets {
            Targets::Labels(labels) => {
                for (to, &sample) in batch.set_labels(samples.len()).iter_mut().zip(samples) {
                    *to = labels[sample];
                }
            }
            Targets::Values(values) => with_rows(values.shape(), samples.len(), |shape| {
                gather(values, samples, batch.set_values(shape)?);
                Ok(())
            })?,
        }
        Ok(())
    }
}

/// Hands on `shape` with another first axis, without allocating for the usual ranks.
fn with_rows(shape: &[usize], rows: usize, f: impl FnOnce(&[usize]) -> Result<()>) -> Result<()> {
    let mut shape = ndarray::IxDyn(shape);
    shape[0] = rows;
    f(shape.slice())
}

/// Copies the rows of these numbers, in this order.
fn gather<F: Float>(from: &ArrayD<F>, samples: &[usize], to: &mut [F]) {
    let from = from.as_slice().expect("standard layout");
    let Some(width) = to.len().checked_div(samples.len()).filter(|&width| width > 0) else {
        return;
    };
    for (to, &sample) in to.chunks_exact_mut(width).zip(samples) {
        to.copy_from_slice(&from[sample * width..][..width]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::losses::Target;
    use ndarray::{ArrayD, arr1, arr2};

    #[test]
    fn values_and_layouts() {
        // Transposed storage, three-dimensional samples, targets with two axes.
        let x = Array::from_shape_fn((3, 2, 2), |(i, j, k)| (100 * i + 10 * j + k) as f64);
        let y = arr2(&[[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]]);
        let data = Dataset::new(x.clone(), y.reversed_axes()).unwrap();
        let mut batch = Batch::new();
        data.fill(&[1, 1, 2, 0], &mut batch).unwrap();
        assert_eq!(batch.x().shape(), [4, 2, 2]);
        assert_eq!(batch.x()[[2, 1, 0]], 210.0);
        let Target::Values(values) = batch.target() else { panic!() };
        assert_eq!(values, arr2(&[[1.0, 11.0], [1.0, 11.0], [2.0, 12.0], [0.0, 10.0]]).into_dyn());

        let (a, b) = data.split_at(1).unwrap();
        assert_eq!(
            (a.x(), b.x().shape()),
            (x.view().split_at(Axis(0), 1).0.into_dyn(), &[2, 2, 2][..])
        );
        let Targets::Values(values) = b.targets() else { panic!() };
        assert_eq!(values, &arr2(&[[1.0, 11.0], [2.0, 12.0]]).into_dyn());
    }

    #[test]
    fn refusals() {
        let data = Dataset::new(arr1(&[1.0f32, 2.0]), vec![0, 1]).unwrap();
        let refused = data.fill(&[0, 2], &mut Batch::new()).unwrap_err().to_string();
        assert_eq!(refused, "Dataset: samples: row 1 has 2, must be below 2");
        let refused = data.split_at(3).unwrap_err().to_string();
        assert_eq!(refused, "Dataset: cannot take 3 of 2 samples");
        let refused = Dataset::new(arr1(&[1.0f32, 2.0]), vec![0]).unwrap_err().to_string();
        assert_eq!(refused, "Dataset: x has shape [2], targets [1]");
        let scalar = ArrayD::from_elem(vec![], 1.0f32);
        assert!(Dataset::new(scalar.clone(), scalar).is_err());
        assert!(Dataset::new(arr2(&[[0.0f32; 0]; 0]), vec![]).unwrap().is_empty());
    }
}
