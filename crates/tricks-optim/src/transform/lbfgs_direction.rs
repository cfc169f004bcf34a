use super::{Pending, Transform, check_finite, refuse_rows, require_factor};
use crate::lbfgs::history::{History, Pair};
use crate::lbfgs::state::{load, save};
use crate::shadow::Shadow;
use tricks_tensor::{Error, Float, Parameters, Result, StateDict};

/// Replaces the gradients by the direction of L-BFGS, for steps without a line search.
///
/// # Formula
/// ```text
/// g ← H g     H: from the last m moves s of the parameters and changes y of the gradients,
///             begun with yᵀs/yᵀy · I of the newest, at the first call with min(1, 1/‖g‖) · I
/// ```
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `history_size` | m | 10 | ≥ 1 |
/// | `scale_identity` | | true; false begins with I | |
///
/// Memory: 2m + 2 numbers per parameter.
///
/// # Notes
/// For losses that are minimized: to maximize, negate the loss. Optax' `scale_by_lbfgs`: a move
/// with negative curvature is kept as well, so the direction need not go downhill. Every call is a
/// move: call it once a step. [`Lbfgs`](crate::Lbfgs), which asks for the loss again and searches,
/// keeps positive curvature alone.
///
/// # Source
/// Nocedal, Wright: *Numerical optimization*, 2nd edition 2006, algorithm 7.4.
///
/// # Example
/// ```
/// use tricks_optim::{LbfgsDirection, Pending, Transform};
/// // The loss 2w²: after one move its curvature is known, and the next step ends at the minimum.
/// let (mut w, mut dw) = ([1.0f64], [0.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut direction = LbfgsDirection::bind(&mut params)?;
/// for step in [0.5, 1.0] {
///     params[0].2[0] = 4.0 * params[0].1[0];
///     let _ = direction.apply(&mut params, Pending::NONE)?;
///     params[0].1[0] -= step * params[0].2[0];
/// }
/// assert!(w[0].abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LbfgsDirection<F> {
    /// Most moves that are remembered, m.
    pub history_size: usize,
    /// Whether H begins at the size of the curvature.
    pub scale_identity: bool,
    set: Shadow<F>,
    t: u64,
    /// The parameters and the gradients of the last call.
    at: Vec<F>,
    grad: Vec<F>,
    history: History<F>,
}

impl<F: Float> LbfgsDirection<F> {
    /// For these parameters.
    ///
    /// # Errors
    /// Numbers that do not fill their shape.
    pub fn bind(params: &mut (impl Parameters<F> + ?Sized)) -> Result<Self> {
        let set = Shadow::zeros(params)?;
        let zeros = vec![F::zero(); set.iter().map(|(_, _, values)| values.len()).sum()];
        let (at, grad, history) = (zeros.clone(), zeros, History::new());
        Ok(Self { history_size: 10, scale_identity: true, set, t: 0, at, grad, history })
    }
}

fn minus<F: Float>(a: &[F], b: &[F]) -> Vec<F> {
    a.iter().zip(b).map(|(a, b)| *a - *b).collect()
}

impl<F: Float> Transform<F> for LbfgsDirection<F> {
    fn apply(&mut self, params: &mut dyn Parameters<F>, pending: Pending) -> Result<Pending> {
        if self.history_size == 0 {
            return Err(Error::invalid("LbfgsDirection", "history_size is 0, must be at least 1"));
        }
        refuse_rows("LbfgsDirection", params)?;
        check_finite::first_non_finite(params).map_or(Ok(()), Err)?;
        require_factor::<F>("LbfgsDirection", pending)?;
        let factor = F::of(pending.factor());
        let (mut at, mut grad) = (Vec::new(), Vec::new());
        self.set.each(params, |_, mut param| {
            at.extend_from_slice(param.value);
            let found = param.grad.values().unwrap_or_default().iter();
            grad.extend(found.map(|g| factor * *g));
            // Absent: zeros.
            grad.resize(at.len(), F::zero());
        })?;
        if self.t > 0 {
            let pair = Pair::of_any_curvature(minus(&at, &self.at), minus(&grad, &self.grad));
            self.history.push(pair, self.history_size);
        }
        let first = match (self.scale_identity, self.t) {
            (false, _) => 1.0,
            (true, 0) => (1.0 / super::norm_of(&grad)).min(1.0),
            (true, _) => self.history.scale(),
        };
        let mut direction = grad.clone();
        self.history.precondition(first, &mut direction);
        let mut start = 0;
        self.set.each(params, |_, mut param| {
            let here = start..start + param.value.len();
            start = here.end;
            if let Some(grad) = param.grad.values() {
                grad.copy_from_slice(&direction[here]);
            }
        })?;
        (self.t, self.at, self.grad) = (self.t.saturating_add(1), at, grad);
        Ok(Pending::NONE)
    }

    fn state(&self) -> StateDict {
        let mut state = StateDict::new();
        state.insert_count("t", self.t);
        save(&mut state, &self.set, [("at", &self.at), ("grad", &self.grad)], &self.history);
        state
    }

    fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let mut reader = state.reader();
        let t = reader.count("t").unwrap_or_default();
        let any = |s, y| Some(Pair::of_any_curvature(s, y));
        let ([at, grad], history) = load(&mut reader, &self.set, ["at", "grad"], any);
        reader.end()?;
        (self.t, self.at, self.grad, self.history) = (t, at, grad, history);
        Ok(())
    }
}
