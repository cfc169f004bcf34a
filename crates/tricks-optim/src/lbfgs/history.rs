use std::collections::VecDeque;
use std::sync::Arc;
use tricks_tensor::{Float, kernel};

/// What one move has taught of the curvature along it.
#[derive(Debug)]
pub(crate) struct Pair<F> {
    /// The move.
    pub(crate) s: Vec<F>,
    /// What it did to the gradient.
    pub(crate) y: Vec<F>,
    rho: f64,
    scale: f64,
}

/// The last moves; `H`, the inverse of the curvature, is a function of them.
///
/// A copy shares the pairs: a step that is given up costs no copy of them.
#[derive(Clone, Debug)]
pub(crate) struct History<F> {
    pairs: VecDeque<Arc<Pair<F>>>,
}

/// Least `yᵀs` of a pair: with less, `H` would not be positive definite to working precision.
const LEAST_CURVATURE: f64 = 1e-10;

impl<F: Float> Pair<F> {
    /// None if the gradient hardly grew along the move.
    pub(crate) fn new(s: Vec<F>, y: Vec<F>) -> Option<Self> {
        let (curvature, square) = (dot(&y, &s), kernel::sum_squares(&y));
        let (rho, scale) = (1.0 / curvature, curvature / square);
        let usable = curvature > LEAST_CURVATURE && scale > 0.0 && scale.is_finite();
        usable.then_some(Self { s, y, rho, scale })
    }

    /// Whatever its curvature; without any it counts for nothing.
    pub(crate) fn of_any_curvature(s: Vec<F>, y: Vec<F>) -> Self {
        let (curvature, square) = (dot(&y, &s), kernel::sum_squares(&y));
        let rho = if curvature == 0.0 { 0.0 } else { 1.0 / curvature };
        let scale = if square > 0.0 { curvature / square } else { 1.0 };
        Self { s, y, rho, scale }
    }
}

impl<F: Float> History<F> {
    pub(crate) fn new() -> Self {
        Self { pairs: VecDeque::new() }
    }

    /// The pairs, oldest first.
    pub(crate) fn pairs(&self) -> impl ExactSizeIterator<Item = &Pair<F>> {
        self.pairs.iter().map(|pair| &**pair)
    }

    /// Adds a pair; of more than `size` the oldest are forgotten.
    pub(crate) fn push(&mut self, pair: Pair<F>, size: usize) {
        while self.pairs.len() >= size.max(1) {
            self.pairs.pop_front();
        }
        self.pairs.push_back(Arc::new(pair));
    }

    /// `yᵀs / yᵀy` of the newest pair: about the size of H.
    pub(crate) fn scale(&self) -> f64 {
        self.pairs.back().map_or(1.0, |newest| newest.scale)
    }

    /// `q ← H q`, begun with `first · I`: the two loops, from the newest pair to the oldest and
    /// back.
    pub(crate) fn precondition(&self, first: f64, q: &mut [F]) {
        let mut alphas = Vec::with_capacity(self.pairs.len());
        for pair in self.pairs.iter().rev() {
            let alpha = pair.rho * dot(&pair.s, q);
            add_scaled(q, -alpha, &pair.y);
            alphas.push(alpha);
        }
        scale(q, first);
        for (pair, alpha) in self.pairs.iter().zip(alphas.into_iter().rev()) {
            let beta = pair.rho * dot(&pair.y, q);
            add_scaled(q, alpha - beta, &pair.s);
        }
    }
}

pub(crate) fn dot<F: Float>(a: &[F], b: &[F]) -> f64 {
    kernel::sum_zip(
        [a, b],
        #[inline(always)]
        |[a, b]| a.widen() * b.widen(),
    )
}

pub(crate) fn max_abs<F: Float>(x: &[F]) -> f64 {
    x.iter().fold(F::zero(), |max, x| if x.abs() > max { x.abs() } else { max }).widen()
}

/// `x ← a x`.
pub(crate) fn scale<F: Float>(x: &mut [F], a: f64) {
    let a = F::of(a);
    kernel::vectorize(
        #[inline(always)]
        || x.iter_mut().for_each(|x| *x *= a),
    );
}

/// `x ← x + a d`.
pub(crate) fn add_scaled<F: Float>(x: &mut [F], a: f64, d: &[F]) {
    if kernel::worth_forking(x.len()) {
        let middle = x.len() / 2;
        let ((x0, x1), (d0, d1)) = (x.split_at_mut(middle), d.split_at(middle));
        kernel::join(|| add_scaled(x0, a, d0), || add_scaled(x1, a, d1));
        return;
    }
    let a = F::of(a);
    kernel::vectorize(
        #[inline(always)]
        || x.iter_mut().zip(d).for_each(|(x, d)| *x += a * *d),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `(I − ρ s yᵀ) H (I − ρ y sᵀ) + ρ s sᵀ`, the matrix that the two loops avoid.
    fn update(h: [[f64; 2]; 2], s: [f64; 2], y: [f64; 2]) -> [[f64; 2]; 2] {
        let rho = 1.0 / (y[0] * s[0] + y[1] * s[1]);
        let eye = |i: usize, j: usize| f64::from(u8::from(i == j));
        let mut out = [[0.0; 2]; 2];
        for (i, row) in out.iter_mut().enumerate() {
            for (j, out) in row.iter_mut().enumerate() {
                *out = rho * s[i] * s[j];
                for (k, h) in h.iter().enumerate() {
                    for (l, h) in h.iter().enumerate() {
                        *out +=
                            (eye(i, k) - rho * s[i] * y[k]) * h * (eye(l, j) - rho * y[l] * s[j]);
                    }
                }
            }
        }
        out
    }

    #[test]
    fn two_loops_are_the_product_with_the_bfgs_matrix() {
        let moves =
            [([1.0, -0.5], [2.0, 0.25]), ([0.5, 2.0], [0.75, 3.0]), ([1.0, 1.0], [3.0, 0.5])];
        let mut history = History::new();
        for (s, y) in moves {
            history.push(Pair::new(s.to_vec(), y.to_vec()).unwrap(), 2);
        }
        assert_eq!(history.pairs().len(), 2);
        // The oldest is forgotten; the newest scales the start: yᵀs / yᵀy = 3.5 / 9.25.
        let scale = 3.5 / 9.25;
        let mut h = [[scale, 0.0], [0.0, scale]];
        for (s, y) in &moves[1..] {
            h = update(h, *s, *y);
        }
        let mut q = [0.3, -1.7];
        let want = h.map(|row| row[0] * q[0] + row[1] * q[1]);
        history.precondition(history.scale(), &mut q);
        assert!((q[0] - want[0]).abs() < 1e-12 && (q[1] - want[1]).abs() < 1e-12, "{q:?} {want:?}");
        // The newest pair is met exactly: H y = s.
        let mut y = moves[2].1;
        history.precondition(history.scale(), &mut y);
        assert!((y[0] - 1.0).abs() < 1e-12 && (y[1] - 1.0).abs() < 1e-12, "{y:?}");
    }

    #[test]
    fn a_move_without_curvature_teaches_nothing() {
        assert!(Pair::new(vec![1.0], vec![-1.0]).is_none());
        assert!(Pair::new(vec![1.0], vec![0.0]).is_none());
        assert!(Pair::new(vec![1.0f32], vec![f32::NAN]).is_none());
        assert!(Pair::new(vec![1.0], vec![2e-10]).is_some());
    }
}
