use crate::shadow::Shadow;
use crate::transform::norm_of;
use tricks_tensor::{Float, Parameters, Result, kernel};

/// Measures how far a step moves each parameter, in proportion to its size.
///
/// # Formula
/// ```text
/// r = ‖θ_after − θ_before‖ / ‖θ_before‖     for each parameter
/// ```
/// About 1e-3 is healthy for weights: far above, the learning rate is too large; far below, too
/// small.
///
/// Memory: a copy of the parameters. Two passes over memory: look every so many steps.
///
/// # Source
/// A. Karpathy's notes for CS231n, *Ratio of weights:updates*.
///
/// # Example
/// ```
/// use tricks_optim::{Optimizer, Sgd, UpdateRatio};
/// let (mut w, mut dw) = ([3.0f64, 4.0], [0.3, 0.4]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut sgd = Optimizer::builder(Sgd).bind(&mut params)?;
/// let mut watch = UpdateRatio::bind(&mut params)?;
/// watch.before(&mut params)?;
/// sgd.step(0.01, &mut params)?;
/// let found = watch.after(&mut params)?;
/// assert_eq!(found[0].name, "w");
/// assert!((found[0].ratio() - 1e-3).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct UpdateRatio<F> {
    before: Shadow<F>,
}

/// What [`UpdateRatio`] found of one parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdateNorms {
    /// The parameter.
    pub name: String,
    /// ‖θ_after − θ_before‖.
    pub update: f64,
    /// ‖θ_before‖.
    pub weight: f64,
}

impl UpdateNorms {
    /// The update's norm over the weight's; infinite for a weight of zeros that has moved.
    pub fn ratio(&self) -> f64 {
        if self.update == 0.0 { 0.0 } else { self.update / self.weight }
    }
}

impl<F: Float> UpdateRatio<F> {
    /// For these parameters.
    ///
    /// # Errors
    /// Numbers that do not fill their shape.
    pub fn bind(params: &mut (impl Parameters<F> + ?Sized)) -> Result<Self> {
        Ok(Self { before: Shadow::copies(params)? })
    }

    /// Remembers the parameters; call it before the step.
    ///
    /// # Errors
    /// Another set of parameters than was bound.
    pub fn before(&mut self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<()> {
        self.before.each(params, |before, param| before.copy_from_slice(param.value))
    }

    /// What the step has moved, parameter by parameter.
    ///
    /// # Errors
    /// Another set of parameters than was bound.
    pub fn after(
        &mut self,
        params: &mut (impl Parameters<F> + ?Sized),
    ) -> Result<Vec<UpdateNorms>> {
        let mut norms = Vec::new();
        self.before.each(params, |before, param| {
            let squares = kernel::sum_zip(
                [&*param.value, &*before],
                #[inline(always)]
                |[a, b]| {
                    let moved = a.widen() - b.widen();
                    moved * moved
                },
            );
            norms.push((squares.sqrt(), norm_of(before)));
        })?;
        let names = self.before.iter().map(|(name, ..)| name.to_string());
        let all = names.zip(norms);
        Ok(all.map(|(name, (update, weight))| UpdateNorms { name, update, weight }).collect())
    }
}
