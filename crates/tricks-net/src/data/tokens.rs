use super::{Batch, DataSource};
use tricks_tensor::{Error, Float, Result, hyper};

/// Pieces of one long text of tokens, each with the tokens that come next: what a language model
/// learns from.
///
/// Sample `i` holds `time` tokens from the place `i · stride` on; its labels are the same tokens
/// one place later. With `stride = time` each token is a label once in an epoch. A rest too short
/// for a sample is left out.
///
/// ```
/// use tricks_net::data::{Batch, DataSource, Tokens};
/// use tricks_net::losses::Target;
/// use tricks_tensor::ndarray::arr2;
/// let bytes = b"abcdef".iter().map(|&byte| byte.into()).collect();
/// let text = Tokens::new(bytes, 3, 2)?;
/// assert_eq!(DataSource::<f32>::len(&text), 2);
/// let mut batch = Batch::<f32>::new();
/// text.fill(&[1, 0], &mut batch)?;
/// assert_eq!(batch.x(), arr2(&[[99.0, 100.0, 101.0], [97.0, 98.0, 99.0]]).into_dyn());
/// let Target::Labels(labels) = batch.target() else { unreachable!() };
/// assert_eq!(labels, b"defbcd".map(usize::from));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    tokens: Vec<usize>,
    time: usize,
    stride: usize,
}

/// Up to here every whole number is an `f32`.
const LARGEST: usize = 1 << 24;

impl Tokens {
    /// Samples of `time` tokens, `stride` apart.
    ///
    /// # Errors
    /// A `time` or a `stride` of 0; a token above 2²⁴, which `f32` cannot tell from its neighbours.
    pub fn new(tokens: Vec<usize>, time: usize, stride: usize) -> Result<Self> {
        for (field, count) in [("time", time), ("stride", stride)] {
            hyper::require("Tokens", field, count as f64, count > 0, "at least 1")?;
        }
        match tokens.iter().position(|token| *token > LARGEST) {
            Some(row) => {
                let (value, limit) = (tokens[row] as u64, LARGEST as u64 + 1);
                Err(Error::Data { name: "Tokens".into(), row, value, limit })
            }
            None => Ok(Self { tokens, time, stride }),
        }
    }

    /// The whole text.
    pub fn tokens(&self) -> &[usize] {
        &self.tokens
    }

    fn count(&self) -> usize {
        // The last token is a label only.
        let places = self.tokens.len().saturating_sub(1);
        places.checked_sub(self.time).map_or(0, |rest| rest / self.stride + 1)
    }
}

impl<F: Float> DataSource<F> for Tokens {
    fn len(&self) -> usize {
        self.count()
    }

    fn fill(&self, samples: &[usize], batch: &mut Batch<F>) -> Result<()> {
        let (limit, time) = (self.count(), self.time);
        if let Some(row) = samples.iter().position(|&sample| sample >= limit) {
            let (name, value) = ("Tokens: samples".into(), samples[row] as u64);
            return Err(Error::Data { name, row, value, limit: limit as u64 });
        }
        let numbers = batch.set_x(&[samples.len(), time])?;
        for (to, &sample) in numbers.chunks_exact_mut(time).zip(samples) {
            let from = &self.tokens[sample * self.stride..][..time];
            to.iter_mut().zip(from).for_each(|(to, &token)| *to = F::of(token as f64));
        }
        let labels = batch.set_labels(samples.len().saturating_mul(time));
        for (to, &sample) in labels.chunks_exact_mut(time).zip(samples) {
            to.copy_from_slice(&self.tokens[sample * self.stride + 1..][..time]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_samples_as_fit() {
        let count = |len, time, stride| {
            let tokens = Tokens::new((0..len).collect(), time, stride).unwrap();
            DataSource::<f64>::len(&tokens)
        };
        assert_eq!([0, 1, 3, 4].map(|len| count(len, 3, 1)), [0, 0, 0, 1]);
        assert_eq!([9, 10, 11].map(|len| count(len, 3, 3)), [2, 3, 3]);
        assert_eq!(count(5, 1, 100), 1);
        assert_eq!(count(5, usize::MAX, usize::MAX), 0);
        let all = Tokens::new((0..10).collect(), 3, 3).unwrap();
        let mut batch = Batch::<f64>::new();
        all.fill(&[2], &mut batch).unwrap();
        assert_eq!(batch.x().as_slice().unwrap(), [6.0, 7.0, 8.0]);
        all.fill(&[], &mut batch).unwrap();
        assert_eq!(batch.x().shape(), [0, 3]);
    }

    #[test]
    fn refusals() {
        let text =
            |tokens, time, stride| Tokens::new(tokens, time, stride).unwrap_err().to_string();
        assert_eq!(text(vec![], 0, 1), "Tokens: time is 0, must be at least 1");
        assert_eq!(text(vec![], 1, 0), "Tokens: stride is 0, must be at least 1");
        let above = "Tokens: row 1 has 16777217, must be below 16777217";
        assert_eq!(text(vec![1 << 24, (1 << 24) + 1], 1, 1), above);
        let three = Tokens::new(vec![1, 2, 3], 2, 1).unwrap();
        let refused = three.fill(&[0, 1], &mut Batch::<f32>::new()).unwrap_err().to_string();
        assert_eq!(refused, "Tokens: samples: row 1 has 1, must be below 1");
    }
}
