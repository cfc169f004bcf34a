use super::Reduction;
use super::elementwise::Domain;
use super::joint::{Joint, joint_loss};
use super::scalar::positive_part;
use tricks_tensor::{Float, Result, hyper, math};

/// Three embeddings: an anchor, nearer by a margin to its like than to another.
///
/// # Formula
/// ```text
/// d(u, v) = ‖u − v + ε‖_p                 or (Σ |u − v|^p + ε)^(1/p)
/// far     = d(a, n)                       min(d(a, n), d(q, n)) with swap
/// l       = max(0, d(a, q) − far + margin)
/// L       = 1/n Σ l
/// ```
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `margin` | | 1 | > 0 |
/// | `p` | p | 2 | ≥ 1 |
/// | `eps` | ε | 1e-6 | ≥ 0 |
/// | `eps_in` | | difference | difference, power |
/// | `swap` | | false | |
/// | `reduction` | | mean | mean, sum, batch mean |
///
/// Inputs are `[anchor a, positive q, negative n]`, vectors along the last axis; there is no
/// target. Where a distance is 0 its gradient is 0.
///
/// Notes: [`TripletMargin::torch`] is PyTorch's `TripletMarginLoss`, which adds ε to every
/// difference; [`TripletMargin::optax`] is Optax's `triplet_margin_loss`, which adds it under the
/// root (the same as here for p = 2, its default).
///
/// Source: Balntas et al.: *Learning local feature descriptors with triplets*, BMVC 2016, section
/// 3 (with the swap).
///
/// ```
/// use tricks_net::losses::{JointLoss, TripletMargin};
/// use tricks_tensor::ndarray::arr2;
/// let [a, q, n] = [[0.0, 0.0], [3.0, 4.0], [0.0, 2.0]].map(|x| arr2(&[x]).into_dyn());
/// let triplet = TripletMargin { eps: 0.0, ..TripletMargin::torch() };
/// let loss = triplet.evaluate([a.view(), q.view(), n.view()], None, [None, None, None])?;
/// assert_eq!(loss, 5.0 - 2.0 + 1.0);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TripletMargin {
    /// By how much the positive should be nearer.
    pub margin: f64,
    /// p: the norm.
    pub p: f64,
    /// ε: keeps the slope of small distances finite.
    pub eps: f64,
    /// Where ε is added.
    pub eps_in: DistanceEps,
    /// Whether the negative may be measured from the positive, if that is nearer.
    pub swap: bool,
    /// How the triplets' losses become one number.
    pub reduction: Reduction,
}

/// Where a distance has its ε.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DistanceEps {
    /// Added to every difference.
    Difference,
    /// Added to the sum of powers.
    Power,
}

impl TripletMargin {
    /// PyTorch's.
    pub fn torch() -> Self {
        Self {
            margin: 1.0,
            p: 2.0,
            eps: 1e-6,
            eps_in: DistanceEps::Difference,
            swap: false,
            reduction: Reduction::Mean,
        }
    }

    /// Optax's.
    pub fn optax() -> Self {
        Self { eps_in: DistanceEps::Power, ..Self::torch() }
    }

    fn distance<F: Float>(&self, u: &[F], v: &[F]) -> f64 {
        let (inside, outside) = self.eps();
        let sum: f64 = u.iter().zip(v).map(|(u, v)| self.power(*u, *v, inside)).sum();
        self.root(sum + outside)
    }

    /// What is added to differences, and to the sum.
    fn eps(&self) -> (f64, f64) {
        match self.eps_in {
            DistanceEps::Difference => (self.eps, 0.0),
            DistanceEps::Power => (0.0, self.eps),
        }
    }

    fn power<F: Float>(&self, u: F, v: F, eps: f64) -> f64 {
        let off = (u.widen() - v.widen() + eps).abs();
        if self.p == 2.0 { off * off } else { math::pow(off, self.p) }
    }

    fn root(&self, sum: f64) -> f64 {
        if self.p == 2.0 { sum.sqrt() } else { math::pow(sum, 1.0 / self.p) }
    }

    /// Adds `factor` times the derivative of `distance(u, v)`.
    fn add_slope<F: Float>(
        &self,
        [u, v]: [&[F]; 2],
        distance: f64,
        factor: f64,
        [du, dv]: [&mut [f64]; 2],
    ) {
        if factor == 0.0 || distance == 0.0 {
            return;
        }
        let (inside, _) = self.eps();
        for (((u, v), du), dv) in u.iter().zip(v).zip(du).zip(dv) {
            let off = u.widen() - v.widen() + inside;
            // |d|^(p−1) sign d / D^(p−1)
            let slope = match self.p {
                2.0 => off / distance,
                _ if off == 0.0 => 0.0,
                p => math::pow(off.abs() / distance, p - 1.0).copysign(off),
            };
            *du += factor * slope;
            *dv -= factor * slope;
        }
    }
}

impl Default for TripletMargin {
    fn default() -> Self {
        Self::torch()
    }
}

impl Joint<3> for TripletMargin {
    const NAME: &'static str = "TripletMargin";
    const VECTORS: bool = true;
    const TARGET: Option<Domain> = None;

    fn reduction(&self) -> Reduction {
        self.reduction
    }

    fn validate(&self) -> Result<()> {
        hyper::positive(Self::NAME, "margin", self.margin)?;
        let ok = self.p >= 1.0 && self.p.is_finite();
        hyper::require(Self::NAME, "p", self.p, ok, "finite and at least 1")?;
        hyper::non_negative(Self::NAME, "eps", self.eps)
    }

    fn part<F: Float>(&self, [a, q, n]: [&[F]; 3], _: f64, dx: &mut [Vec<f64>; 3]) -> f64 {
        let near = self.distance(a, q);
        let (mut far, mut swapped) = (self.distance(a, n), false);
        if self.swap {
            let other = self.distance(q, n);
            (far, swapped) = if other < far { (other, true) } else { (far, false) };
        }
        let (value, slope) = positive_part(near - far + self.margin);
        dx.iter_mut().for_each(|dx| dx.fill(0.0));
        let [da, dq, dn] = dx;
        self.add_slope([a, q], near, slope, [da, dq]);
        let (from, dfrom) = if swapped { (q, dq) } else { (a, da) };
        self.add_slope([from, n], far, -slope, [dfrom, dn]);
        value
    }
}

joint_loss!(TripletMargin, 3);
