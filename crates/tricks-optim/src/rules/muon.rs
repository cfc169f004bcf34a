use crate::each::{move_by, spread};
use crate::matrix::{combine, gram};
use crate::rule::{Describe, Rule, Scope, StepCx};
use crate::rules::largest;
use crate::slot::Slot;
use crate::slots::Slots;
use tricks_tensor::{Error, Float, Result, hyper, kernel, math};

/// Muon: momentum, made nearly orthogonal.
///
/// # Update
/// ```text
/// m ← μ m + (1 − μ) g
/// u = (1 − μ) g + μ m with `nesterov`, else m
///     with `bias_correction`:  (1 − μ) g/(1 − μᵗ) + μ m/(1 − μᵗ⁺¹), else m/(1 − μᵗ)
/// X = u / max(‖u‖, ε)  or  u / (‖u‖ + ε)          ‖·‖: the root of the sum of squares
/// `steps` times:  A = X Xᵀ;  X ← a X + (b A + c A²) X        Newton–Schulz; Xᵀ if it has more rows
/// θ ← θ − η s X                                    s as `scale` says
/// ```
///
/// | field | symbol | default | optax | range |
/// |---|---|---|---|---|
/// | `momentum` | μ | 0.95 | 0.95 | [0, 1) |
/// | `nesterov` | | true | true | |
/// | `bias_correction` | | false | true | |
/// | `coefficients` | a, b, c | 3.4445, −4.775, 2.0315 | the same | finite |
/// | `steps` | | 5 | 5 | 1 to 100 |
/// | `eps` | ε | 1e-7 | 1e-8 | ≥ 0 |
/// | `eps_added` | | false | true | |
/// | `scale` | s | `Rows` | `Columns` | factors > 0 |
/// | `adaptive` | | false | false | |
///
/// Memory: `m`, and room for a step: the parameter twice, three times if `adaptive`, and a square
/// of its smaller side twice. Scope: the parameter.
///
/// # Notes
/// For matrices alone: give embeddings, biases and the output layer a [`Group`](crate::Group) with
/// [`AdamW`](crate::AdamW). PyTorch multiplies in 16 bits, here in the number type: the numbers
/// differ by a few percent. With these coefficients the singular values of X end between 0.7 and
/// 1.2, not at 1. `adaptive` multiplies X by ⟨u, X⟩ (Optax). Weight decay is decoupled in PyTorch,
/// default 0.1.
///
/// # Source
/// Jordan, Jin, Boza, You, Cesista, Newhouse, Bernstein: *Muon: an optimizer for hidden layers in
/// neural networks*, 2024; `MatchRms`: Liu et al.: *Muon is scalable for LLM training*, 2025,
/// equation 4.
///
/// # Example
/// ```
/// use tricks_optim::{Muon, Optimizer};
/// use tricks_tensor::{Dict, ndarray::arr2};
/// let mut params = Dict::<f64>::new();
/// params.insert("w", arr2(&[[0.0, 0.0], [0.0, 0.0]]));
/// params.set_grad("w", arr2(&[[100.0, 0.0], [0.0, 1.0]]).view().into_dyn())?;
/// let mut muon = Optimizer::builder(Muon::torch()).bind(&mut params)?;
/// muon.step(1.0, &mut params)?;
/// // Both directions move alike, though one gradient is a hundred times the other.
/// assert!((0.6..1.3).contains(&-params["w"][[0, 0]]) && (0.6..1.3).contains(&-params["w"][[1, 1]]));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Muon {
    /// Share of the average gradient that is kept, μ.
    pub momentum: f64,
    /// Whether the step looks ahead.
    pub nesterov: bool,
    /// Whether the average is corrected for its start at zero.
    pub bias_correction: bool,
    /// Of the polynomial of one iteration, a, b, c.
    pub coefficients: [f64; 3],
    /// How many iterations.
    pub steps: u32,
    /// Keeps the division finite, ε.
    pub eps: f64,
    /// Whether ε is added to the norm, or is the least it is taken for.
    pub eps_added: bool,
    /// How long the step is, s.
    pub scale: MuonScale,
    /// Whether the step is multiplied by ⟨u, X⟩.
    pub adaptive: bool,
}

/// How long a step of [`Muon`] is, s, for a matrix of `rows` and `columns`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MuonScale {
    /// √max(1, rows/columns), for `[out, in]`: PyTorch's `original`.
    Rows,
    /// √max(1, columns/rows), for `[in, out]`: Optax.
    Columns,
    /// c √max(rows, columns): the root mean square of an AdamW step. PyTorch's `match_rms_adamw`
    /// has c = 0.2; Optax' `consistent_rms`, Keras' `rms_rate`.
    MatchRms(f64),
}

impl Default for Muon {
    fn default() -> Self {
        Self {
            momentum: 0.95,
            nesterov: true,
            bias_correction: false,
            coefficients: [3.4445, -4.775, 2.0315],
            steps: 5,
            eps: 1e-7,
            eps_added: false,
            scale: MuonScale::Rows,
            adaptive: false,
        }
    }
}

impl Muon {
    /// `torch.optim.Muon`.
    pub fn torch() -> Self {
        Self::default()
    }

    /// `optax.contrib.muon`, for its matrices.
    pub fn optax() -> Self {
        Self {
            bias_correction: true,
            eps: 1e-8,
            eps_added: true,
            scale: MuonScale::Columns,
            ..Self::default()
        }
    }
}

impl MuonScale {
    fn of(self, rows: usize, columns: usize) -> f64 {
        let (rows, columns) = (rows as f64, columns as f64);
        match self {
            MuonScale::Rows => (rows / columns).max(1.0).sqrt(),
            MuonScale::Columns => (columns / rows).max(1.0).sqrt(),
            MuonScale::MatchRms(c) => c * rows.max(columns).sqrt(),
        }
    }
}

impl Describe for Muon {
    fn name(&self) -> &'static str {
        "Muon"
    }
    fn slots(&self) -> &'static [Slot] {
        const { &[Slot::new("m").torch("momentum_buffer")] }
    }
    fn scope(&self) -> Scope {
        Scope::Tensor
    }
    fn check_shape(&self, shape: &[usize]) -> Result<()> {
        match shape {
            [_, _] => Ok(()),
            _ => {
                let message = format!("a parameter of shape {shape:?}, it updates matrices alone");
                Err(Error::invalid("Muon", message))
            }
        }
    }
    fn scratch(&self, shape: &[usize]) -> usize {
        let [rows, columns] = *shape else { return 0 };
        let small = rows.min(columns);
        (2 + usize::from(self.adaptive)) * rows * columns + 2 * small * small
    }
    fn default_lr(&self) -> f64 {
        0.001
    }
    fn validate(&self) -> Result<()> {
        hyper::fraction("Muon", "momentum", self.momentum)?;
        for (name, x) in ["a", "b", "c"].into_iter().zip(self.coefficients) {
            hyper::finite("Muon", name, x)?;
        }
        let some = (1..=100).contains(&self.steps);
        hyper::require("Muon", "steps", self.steps.into(), some, "in [1, 100]")?;
        hyper::non_negative("Muon", "eps", self.eps)?;
        match self.scale {
            MuonScale::MatchRms(c) => hyper::positive("Muon", "scale", c),
            MuonScale::Rows | MuonScale::Columns => Ok(()),
        }
    }
}

impl<F: Float> Rule<F> for Muon {
    fn step(&self, cx: &StepCx<'_>, slots: Slots<'_, F>, param: &mut [F], grad: &[F]) {
        let ([m], room) = slots.with_scratch();
        let [rows, columns] = *cx.shape else { return };
        let (len, small) = (rows * columns, rows.min(columns));
        let wide = len / small;
        let (x, room) = room.split_at_mut(len);
        let (y, room) = room.split_at_mut(len);
        let (a, room) = room.split_at_mut(small * small);
        let (a2, kept) = room.split_at_mut(small * small);

        let mu = self.momentum;
        let (of_m, of_g) = match (self.nesterov, self.bias_correction) {
            (true, false) => (mu, 1.0 - mu),
            (true, true) => {
                (mu / math::debias(mu, cx.t.saturating_add(1)), (1.0 - mu) / math::debias(mu, cx.t))
            }
            (false, false) => (1.0, 0.0),
            (false, true) => (1.0 / math::debias(mu, cx.t), 0.0),
        };
        let (of_m, of_g, mu, fresh) = (F::of(of_m), F::of(of_g), F::of(mu), F::of(1.0 - mu));
        spread(cx, Slots::new([m, &mut *x]), param, grad, move |p, g, [m, _]| {
            let m = mu * m + fresh * g;
            (p, [m, of_m * m + of_g * g])
        });
        kept.iter_mut().zip(&*x).for_each(|(kept, u)| *kept = *u);

        let norm = kernel::sum_squares(x).sqrt();
        let divisor = if self.eps_added { norm + self.eps } else { norm.max(self.eps) };
        let shrink = if divisor > 0.0 { largest(1.0 / divisor) } else { F::zero() };
        let turned = rows > columns;
        if turned {
            transpose(x, columns, y);
            y.iter_mut().for_each(|y| *y *= shrink);
        } else {
            y.iter_mut().zip(&*x).for_each(|(y, x)| *y = *x * shrink);
        }
        let [alpha, b, c] = self.coefficients.map(F::of);
        let (mut from, mut to) = (y, x);
        for _ in 0..self.steps {
            gram(from, wide, a);
            gram(a, small, a2);
            a.iter_mut().zip(&*a2).for_each(|(a, a2)| *a = b * *a + c * *a2);
            combine(alpha, a, from, wide, to);
            (from, to) = (to, from);
        }
        let x = if turned {
            transpose(from, rows, to);
            to
        } else {
            from
        };

        let mut length = cx.lr * self.scale.of(rows, columns);
        if self.adaptive {
            length *= kernel::sum_zip(
                [&*kept, &*x],
                #[inline(always)]
                |[u, x]| u.widen() * x.widen(),
            );
        }
        let length = F::of(length);
        move_by(param, [&*x], move |p, [x]| p - length * x);
    }
}

/// `y ← xᵀ`, where `x` has so many columns.
fn transpose<F: Float>(x: &[F], columns: usize, y: &mut [F]) {
    let rows = x.len() / columns;
    for (j, y) in y.chunks_exact_mut(rows).enumerate() {
        y.iter_mut().enumerate().for_each(|(i, y)| *y = x[i * columns + j]);
    }
}
