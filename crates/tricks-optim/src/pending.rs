use tricks_tensor::{Error, Float, Parameters, Result, StateDict};

/// What transforms leave to the step: a factor on every gradient, not applied yet.
///
/// Factors cost nothing: the update multiplies while it reads. A transform that needs the numbers
/// themselves applies what is pending as it goes.
#[must_use = "gradients stay as they are until this is handed to StepArgs::clip"]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pending {
    factor: f64,
    norm: Option<f64>,
}

impl Pending {
    /// Nothing.
    pub const NONE: Self = Self { factor: 1.0, norm: None };

    /// A factor.
    pub fn new(factor: f64) -> Self {
        Self { factor, norm: None }
    }

    /// With what is known of the gradients: no element, times the factor, is larger than `norm`.
    pub fn bounded(self, norm: f64) -> Self {
        Self { norm: Some(norm), ..self }
    }

    /// Applies a transform to gradients of which this is still to be done: a clip after the
    /// unscaling of a loss.
    ///
    /// ```
    /// use tricks_optim::{ClipGlobalNorm, LossScaler, Optimizer, Sgd, StepArgs};
    /// // Gradients (3, 4) of a loss that was scaled by 1024.
    /// let (mut w, mut dw) = ([0.0f32; 2], [3.0 * 1024.0, 4.0 * 1024.0]);
    /// let mut params = [("w", &mut w[..], &mut dw[..])];
    /// let mut sgd = Optimizer::builder(Sgd).bind(&mut params)?;
    /// let mut scaler = LossScaler::new(1024.0)?;
    /// if let Some(pending) = scaler.check(&mut params) {
    ///     let pending = pending.then(&mut ClipGlobalNorm::optax(), &mut params)?;
    ///     sgd.step(StepArgs::new(1.0).clip(pending), &mut params)?;
    /// }
    /// assert!((w[0] + 0.6).abs() < 1e-6 && (w[1] + 0.8).abs() < 1e-6);
    /// # Ok::<(), tricks_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// What the transform refuses.
    pub fn then<F: Float>(
        self,
        transform: &mut impl Transform<F>,
        mut params: &mut (impl Parameters<F> + ?Sized),
    ) -> Result<Self> {
        transform.apply(&mut params, self)
    }

    /// The factor on every gradient.
    pub fn factor(self) -> f64 {
        self.factor
    }

    /// A bound on every gradient times the factor, if one is known; NaN or infinite if a gradient
    /// is.
    pub fn norm(self) -> Option<f64> {
        self.norm
    }
}

/// Something done to all gradients together; a tuple of transforms is done from left to right.
pub trait Transform<F: Float> {
    /// Acts on the gradients, of which `pending` is still to be done, and says what then is.
    ///
    /// # Errors
    /// Hyper-parameters out of range.
    fn apply(&mut self, params: &mut dyn Parameters<F>, pending: Pending) -> Result<Pending>;

    /// What a resumed run needs.
    fn state(&self) -> StateDict {
        StateDict::new()
    }

    /// Takes up a saved state.
    ///
    /// # Errors
    /// [`Error::State`](tricks_tensor::Error::State).
    fn load_state(&mut self, state: &StateDict) -> Result<()> {
        state.reader().end()
    }
}

/// A transform that is chosen at run time.
impl<F: Float, T: Transform<F> + ?Sized> Transform<F> for Box<T> {
    fn apply(&mut self, params: &mut dyn Parameters<F>, pending: Pending) -> Result<Pending> {
        (**self).apply(params, pending)
    }

    fn state(&self) -> StateDict {
        (**self).state()
    }

    fn load_state(&mut self, state: &StateDict) -> Result<()> {
        (**self).load_state(state)
    }
}

/// Applies a transform, or a tuple of them, to fresh gradients; the result goes to
/// [`StepArgs::clip`](crate::StepArgs::clip).
///
/// ```
/// use tricks_optim::{ClipGlobalNorm, ClipValue, Optimizer, Sgd, StepArgs, transform};
/// let (mut w, mut dw) = ([0.0f64; 2], [30.0, -4.0]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// let mut sgd = Optimizer::builder(Sgd).bind(&mut params)?;
/// let mut chain = (ClipValue { limit: 3.0 }, ClipGlobalNorm { max_norm: 3.0, ..ClipGlobalNorm::optax() });
/// let pending = transform(&mut chain, &mut params)?;
/// sgd.step(StepArgs::new(1.0).clip(pending), &mut params)?;
/// // (3, −3) is left, of norm 3·√2; scaled to norm 3.
/// assert!((w[0] + 0.5f64.sqrt() * 3.0).abs() < 1e-12 && (w[0] + w[1]).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
///
/// # Errors
/// What a transform refuses.
pub fn transform<F: Float>(
    transform: &mut impl Transform<F>,
    mut params: &mut (impl Parameters<F> + ?Sized),
) -> Result<Pending> {
    transform.apply(&mut params, Pending::NONE)
}

macro_rules! tuple {
    ($($t:ident $i:tt),*) => {
        impl<F: Float, $($t: Transform<F>),*> Transform<F> for ($($t,)*) {
            fn apply(
                &mut self,
                params: &mut dyn Parameters<F>,
                pending: Pending,
            ) -> Result<Pending> {
                $(let pending = self.$i.apply(params, pending)?;)*
                Ok(pending)
            }

            fn state(&self) -> StateDict {
                let mut state = StateDict::new();
                $(state.extend(stringify!($i), self.$i.state());)*
                state
            }

            fn load_state(&mut self, state: &StateDict) -> Result<()> {
                let parts = [$(concat!(stringify!($i), ".")),*];
                let unexpected = state.iter().map(|(name, _)| name);
                let unexpected: Vec<String> = unexpected
                    .filter(|name| !parts.iter().any(|part| name.starts_with(part)))
                    .map(|name| format!("{name} is unexpected"))
                    .collect();
                if !unexpected.is_empty() {
                    return Err(Error::State { problems: unexpected });
                }
                let before = self.state();
                let mut load = |state: &StateDict| -> Result<()> {
                    $(self.$i.load_state(&state.section(stringify!($i)))?;)*
                    Ok(())
                };
                load(state).inspect_err(|_| {
                    // What was its own state a moment ago fits.
                    let _ = load(&before);
                })
            }
        }
    };
}
tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, G 5);
