use crate::{Linear, Then};

/// A linear ramp in front of any schedule, made by [`Schedule::warmup`](crate::Schedule::warmup).
///
/// # Formula
/// ```text
/// η(t) = η_w + (s(0) − η_w) t/T    t < T
///        s(t − T)                  t ≥ T
/// ```
/// for a schedule `s`, a start `η_w` (`from`) and `T` (`steps`).
///
/// # Notes
/// The peak `s(0)` is reached exactly at `t = T`, and `s` runs in full after it: `T` steps longer
/// in all. With `from` = 0, as Optax, Keras and timm do it, the first update changes nothing;
/// PyTorch's `LinearLR` therefore starts at a third of the rate. 0 steps are no warmup. Other
/// ramps: [`warmup_cosine`](crate::Schedule::warmup_cosine),
/// [`warmup_geometric`](crate::Schedule::warmup_geometric) and
/// [`warmup_one_based`](crate::Schedule::warmup_one_based), whose first update already moves.
///
/// # Source
/// Goyal and others, *Accurate, Large Minibatch SGD*, 2017, section 2.2.
///
/// ```
/// use tricks_schedule::{Cosine, Linear, Phase, Schedule};
/// let cosine = Cosine { from: 0.5, to: 0.0, steps: 100 };
/// let lr = cosine.warmup(0.25, 4);
/// assert_eq!(lr, Linear { from: 0.25, to: 0.5, steps: 4 }.then(cosine));
/// assert_eq!([lr.at(0), lr.at(2), lr.at(4), lr.at(104)], [0.25, 0.375, 0.5, 0.0]);
/// ```
pub type Warmup<S> = Then<Linear, S>;

#[cfg(test)]
mod tests {
    use crate::{Milestones, Schedule, Step};

    #[test]
    fn in_front_of_anything() {
        let lr = Step { from: 1.0, gamma: 0.5, every: 2 }.warmup(0.0, 4);
        let curve: Vec<_> = (0..9).map(|t| lr.at(t)).collect();
        assert_eq!(curve, [0.0, 0.25, 0.5, 0.75, 1.0, 1.0, 0.5, 0.5, 0.25]);
        let boxed: Box<dyn Schedule> =
            Box::new(Milestones { from: 1.0, gamma: 0.5, milestones: vec![1] });
        let lr = boxed.warmup(0.0, 2);
        assert_eq!([0, 1, 2, 3].map(|t| lr.at(t)), [0.0, 0.5, 1.0, 0.5]);
    }

    #[test]
    fn other_ramps() {
        let curve = |lr: &dyn Schedule| [0, 1, 2, 3, 4].map(|t| lr.at(t));
        let near = |got: [f64; 5], want: [f64; 5]| {
            assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-14), "{got:?}");
        };
        near(curve(&4.0.warmup_cosine(0.0, 2)), [0.0, 2.0, 4.0, 4.0, 4.0]);
        near(curve(&4.0.warmup_geometric(1.0, 2)), [1.0, 2.0, 4.0, 4.0, 4.0]);
        near(curve(&4.0.warmup_one_based(4)), [1.0, 2.0, 3.0, 4.0, 4.0]);
        assert_eq!(4.0.warmup_one_based(0).at(0), 4.0);
    }

    #[test]
    fn none_is_none() {
        let lr = 0.3_f64.warmup(0.0, 0);
        assert_eq!([lr.at(0), lr.at(1)], [0.3, 0.3]);
        assert!(lr.validate().is_ok() && 0.3_f64.warmup(-1.0, 5).validate().is_err());
    }
}
