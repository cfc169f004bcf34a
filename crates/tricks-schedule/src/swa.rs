use crate::{Cosine, Take, Then};

/// A schedule cut short and led to a level rate, at which weights are averaged; made by
/// [`Schedule::swa`](crate::Schedule::swa).
///
/// # Formula
/// ```text
/// η(t) = s(t)                                                    t < T
///        η_swa + (s(T) − η_swa)(1 + cos(π(t − T)/A))/2           T ≤ t < T + A
///        η_swa                                                   t ≥ T + A
/// ```
/// for a schedule `s`, a start `T`, a rate `η_swa` and `A` (`anneal`) steps on the way to it.
///
/// # Notes
/// PyTorch's `SWALR` with `anneal_strategy="cos"`, its default; with `"linear"` it is
/// `s.take(start).then(Linear { … })`. The rate of stochastic weight averaging is high and level:
/// the weights then walk around a flat minimum, and their mean lies inside it.
///
/// # Source
/// Izmailov and others, *Averaging Weights Leads to Wider Optima and Better Generalization*, 2018,
/// section 3.2.
///
/// ```
/// use tricks_schedule::{Cosine, Schedule};
/// let lr = Cosine { from: 0.8, to: 0.0, steps: 200 }.swa(100, 0.2, 10);
/// assert_eq!([lr.at(0), lr.at(110), lr.at(u64::MAX)], [0.8, 0.2, 0.2]);
/// assert!((lr.at(100) - 0.4).abs() < 1e-15 && (lr.at(105) - 0.3).abs() < 1e-15);
/// ```
pub type Swa<S> = Then<Take<S>, Cosine>;

#[cfg(test)]
mod tests {
    use crate::Schedule;

    #[test]
    fn upwards_too() {
        let lr = 1.0.swa(2, 3.0, 2);
        assert_eq!([0, 1, 2, 4, 9].map(|t| lr.at(t)), [1.0, 1.0, 1.0, 3.0, 3.0]);
        assert!((lr.at(3) - 2.0).abs() < 1e-15);
        assert!(1.0.swa(2, -3.0, 2).validate().is_err() && 1.0.swa(2, 3.0, 0).validate().is_err());
    }
}
