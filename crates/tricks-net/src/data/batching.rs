use tricks_tensor::{Error, Noise, Result};

/// What becomes of the samples that do not fill the last batch.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Last {
    /// A short batch of their own. One sample alone joins the batch before it: batch normalization
    /// needs two.
    #[default]
    Keep,
    /// They wait for the next epoch, where the shuffle puts them elsewhere. Without
    /// [`shuffle`](Batching::shuffle) they are the same ones every time, and never seen.
    Drop,
}

/// How an epoch is cut into batches.
///
/// The order of an epoch is a function of the noise and the number of the epoch: a resumed run
/// sees the samples it would have seen.
///
/// ```
/// use tricks_net::data::{Batching, Last};
/// use tricks_tensor::Noise;
/// let batching = Batching { last: Last::Drop, ..Batching::of(3) };
/// assert_eq!(batching.per_epoch(10)?, 3);
/// let mut order = Vec::new();
/// batching.order(10, Noise::new(42), 7, &mut order);
/// assert_eq!(order, [5, 8, 9, 2, 0, 6, 4, 7, 1, 3]);
/// let refused = batching.per_epoch(2).unwrap_err();
/// assert_eq!(refused.to_string(), "Batching: size is 3, but there are only 2 samples");
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Samples in a batch; one more in a last batch that took in a sample left alone
    /// ([`Last::Keep`]).
    pub size: usize,
    /// Whether each epoch has an order of its own. Default `true`.
    pub shuffle: bool,
    /// What becomes of a short last batch. Default [`Last::Keep`].
    pub last: Last,
}

impl Batching {
    /// Shuffled batches of this size, the last one as short as it comes.
    pub fn of(size: usize) -> Self {
        Self { size, shuffle: true, last: Last::Keep }
    }

    /// The number of batches in an epoch of `samples`.
    ///
    /// # Errors
    /// No samples; a batch of none, or of more than there are.
    pub fn per_epoch(&self, samples: usize) -> Result<u64> {
        let refuse = |message| Err(Error::invalid("Batching", message));
        match (self.size, samples) {
            (_, 0) => refuse("there are no samples".to_string()),
            (0, _) => refuse("size is 0, must be at least 1".to_string()),
            (size, _) if size > samples => {
                refuse(format!("size is {size}, but there are only {samples} samples"))
            }
            (size, _) => Ok(match self.last {
                Last::Keep if samples % size == 1 => samples / size,
                Last::Keep => samples.div_ceil(size),
                Last::Drop => samples / size,
            } as u64),
        }
    }

    /// Where the batch that starts at place `first` of the order ends; none if the epoch is over.
    pub fn end(&self, first: usize, samples: usize) -> Option<usize> {
        let left = samples.checked_sub(first).filter(|&left| left > 0)?;
        let one_alone = self.size > 1 && left - 1 == self.size;
        match self.last {
            Last::Keep if left < self.size || one_alone => Some(samples),
            Last::Drop if left < self.size => None,
            _ => Some(first + self.size),
        }
    }

    /// The order of an epoch: all numbers below `samples`, each once.
    pub fn order(&self, samples: usize, noise: Noise, epoch: u64, order: &mut Vec<usize>) {
        order.clear();
        order.extend(0..samples);
        if !self.shuffle {
            return;
        }
        // Fisher–Yates. A uniform number of 53 bits times i + 1 is off an even choice by less than
        // 2⁻⁵³·i: nothing, for any set that fits in memory.
        let noise = noise.pass(epoch);
        for i in (1..samples).rev() {
            let j = (noise.uniform(i as u64) * (i + 1) as f64) as usize;
            order.swap(i, j.min(i));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn order(samples: usize, seed: u64, epoch: u64) -> Vec<usize> {
        let mut order = vec![99];
        Batching::of(1).order(samples, Noise::new(seed), epoch, &mut order);
        order
    }

    proptest! {
        #[test]
        fn an_order_is_a_permutation(samples in 0usize..300, seed: u64, epoch: u64) {
            let mut sorted = order(samples, seed, epoch);
            prop_assert_eq!(&sorted, &order(samples, seed, epoch));
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..samples).collect::<Vec<_>>());
        }

        #[test]
        fn batches_cover_the_epoch(samples in 1usize..60, size in 1usize..60, keep: bool) {
            let last = if keep { Last::Keep } else { Last::Drop };
            let batching = Batching { last, ..Batching::of(size) };
            let Ok(count) = batching.per_epoch(samples) else {
                prop_assert!(size > samples);
                return Ok(());
            };
            let (mut first, mut seen) = (0, 0);
            while let Some(end) = batching.end(first, samples) {
                // Only what is kept at the end has another size, and none but a batch of one asked
                // for has one sample.
                let len = end - first;
                let kept = keep && end == samples && (2..=size + 1).contains(&len);
                prop_assert!(len == size || kept, "{len}");
                (first, seen) = (end, seen + 1);
            }
            prop_assert_eq!(seen, count);
            prop_assert_eq!(first, if keep { samples } else { samples / size * size });
        }
    }

    #[test]
    fn every_place_is_as_likely() {
        // χ² of where sample 0 lands, 9 degrees of freedom: 33.7 is passed once in 10,000.
        let mut counts = [0u32; 10];
        for epoch in 0..5000 {
            let place = order(10, 1, epoch).iter().position(|&i| i == 0);
            counts[place.unwrap()] += 1;
        }
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - 500.0).powi(2) / 500.0).sum();
        assert!(chi2 < 33.7, "{counts:?}");
    }

    #[test]
    fn unshuffled_and_refused() {
        let mut order = Vec::new();
        let plain = Batching { shuffle: false, ..Batching::of(2) };
        plain.order(4, Noise::new(1), 0, &mut order);
        assert_eq!(order, [0, 1, 2, 3]);
        let refused =
            |size, samples| Batching::of(size).per_epoch(samples).unwrap_err().to_string();
        assert_eq!(refused(1, 0), "Batching: there are no samples");
        assert_eq!(refused(0, 5), "Batching: size is 0, must be at least 1");
    }

    #[test]
    fn one_sample_alone_joins_the_batch_before() {
        let ends = |last, samples| {
            let batching = Batching { last, ..Batching::of(8) };
            let next = |&first: &usize| batching.end(first, samples);
            let ends: Vec<_> = std::iter::successors(next(&0), next).collect();
            assert_eq!(batching.per_epoch(samples).unwrap(), ends.len() as u64);
            ends
        };
        assert_eq!(ends(Last::Keep, 17), [8, 17]);
        assert_eq!(ends(Last::Keep, 18), [8, 16, 18]);
        assert_eq!(ends(Last::Keep, 9), [9]);
        assert_eq!(ends(Last::Drop, 17), [8, 16]);
    }
}
