use crate::Net;
use crate::buffer::Buffer;
use crate::data::{Batch, DataSource, fill};
use crate::losses::{Loss, Target};
use ndarray::{ArrayViewD, Ix2};
use tricks_tensor::{Error, Float, Layer, Result, ndarray};

/// How well a net does on some samples.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// The mean loss.
    pub loss: f64,
    /// The share of samples whose largest output is that of their label; none without labels.
    pub accuracy: Option<f64>,
    /// How many samples.
    pub samples: usize,
}

/// The loss and the accuracy of a net in evaluation, `batch` samples at a time.
///
/// # Errors
/// No samples; a batch of none; what the source, the net and the loss refuse.
pub fn evaluate<F: Float, L: Layer<F>>(
    net: &Net<F, L>,
    loss: &(impl Loss<F> + ?Sized),
    source: &(impl DataSource<F> + ?Sized),
    batch: usize,
) -> Result<Metrics> {
    if batch == 0 || source.is_empty() {
        let message = format!("{} samples in batches of {batch}: nothing to measure", source.len());
        return Err(Error::invalid("evaluate", message));
    }
    let (mut lent, mut y, mut tally) = (Batch::new(), Buffer::new(), Tally::default());
    let order: Vec<usize> = (0..source.len()).collect();
    for samples in order.chunks(batch) {
        fill(source, samples, &mut lent)?;
        y.reshape(ndarray::Dimension::slice(&net.layer.output_shape(lent.x().shape())?))?;
        net.infer(lent.x(), y.view_mut())?;
        let value = loss.evaluate(y.view(), lent.target(), None)?;
        tally.add(value, correct(&y.view(), &lent.target()), samples.len());
    }
    Ok(tally.metrics())
}

/// Sums over batches, from which means are made.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Tally {
    pub(super) loss: f64,
    pub(super) correct: u64,
    /// How many of the samples had a label.
    pub(super) labelled: u64,
    pub(super) samples: u64,
}

impl Tally {
    pub(super) fn add(&mut self, mean_loss: f64, correct: Option<u64>, samples: usize) {
        self.loss += mean_loss * samples as f64;
        self.samples += samples as u64;
        if let Some(correct) = correct {
            self.correct += correct;
            self.labelled += samples as u64;
        }
    }

    pub(super) fn metrics(&self) -> Metrics {
        let share = |part, of| part / of as f64;
        let labelled = Some(self.labelled).filter(|&labelled| labelled > 0);
        Metrics {
            loss: share(self.loss, self.samples),
            accuracy: labelled.map(|labelled| share(self.correct as f64, labelled)),
            samples: self.samples as usize,
        }
    }
}

/// How many rows are largest at their label; of equals the first counts as the largest. A row
/// with a NaN is wrong.
pub(super) fn correct<F: Float>(y: &ArrayViewD<'_, F>, target: &Target<'_, F>) -> Option<u64> {
    let Target::Labels(labels) = target else { return None };
    let y = y.view().into_dimensionality::<Ix2>().ok()?;
    let right = y.outer_iter().zip(*labels).filter(|(row, label)| {
        let Some(&own) = row.get(**label) else { return false };
        let beaten = |(j, &y): (usize, &F)| if j < **label { own > y } else { own >= y };
        row.iter().enumerate().all(beaten)
    });
    Some(right.count() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr2;

    #[test]
    fn counting() {
        let nan = f64::NAN;
        let y = arr2(&[[1.0, 2.0], [3.0, 3.0], [3.0, 3.0], [nan, 1.0], [1.0, nan]]).into_dyn();
        let count = |labels: &[usize]| correct(&y.view(), &labels.into());
        assert_eq!(count(&[1, 0, 1, 1, 0]), Some(2));
        assert_eq!(count(&[0, 9, 0, 0, 1]), Some(1));
        assert_eq!(correct(&y.view(), &(&y).into()), None);
    }

    #[test]
    fn means_weigh_samples() {
        let mut tally = Tally::default();
        tally.add(1.0, Some(2), 3);
        tally.add(5.0, Some(1), 1);
        let want = Metrics { loss: 2.0, accuracy: Some(0.75), samples: 4 };
        assert_eq!(tally.metrics(), want);
    }
}
