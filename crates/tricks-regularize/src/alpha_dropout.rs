use crate::Dropout;
use crate::dropout::keep_or_drop;
use crate::masked::{Pass, masked_layer};
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD, Zip};
use tricks_tensor::views::{numbers, require_shape, with_numbers};
use tricks_tensor::{Float, Mode, Result, hyper};

/// Dropout for SELU: dropped elements go to where SELU saturates, and mean 0 and variance 1 stay.
///
/// # Formula
/// ```text
/// α' = −λ α = −1.758…,   q = 1 − p,   a = (q + α'² q p)^(−½),   b = −a α' p
/// training:   yᵢ = a xᵢ + b  if kept,  else a α' + b
/// evaluation: y = x
/// backward:   dxᵢ = a dyᵢ if kept, else 0, with the same mask
/// ```
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `p` | p | none; 0.05–0.1 | [0, 1) |
///
/// # Memory
/// None. The mask is a function of the noise: `backward` computes it again.
///
/// # Notes
/// The mask is that of [`Dropout`] with the same noise. Mean and variance stay for inputs of mean 0
/// and variance 1, not the expectation of each number.
///
/// # Source
/// Klambauer, Unterthiner, Mayr, Hochreiter: *Self-normalizing neural networks*, NeurIPS 2017,
/// section "New dropout technique".
///
/// ```
/// use tricks_regularize::AlphaDropout;
/// use tricks_tensor::{Layer, Mode, Noise, ndarray::ArrayD};
///
/// // Half 1 and half −1: mean 0, variance 1.
/// let x = ArrayD::from_shape_fn(vec![100, 100], |i| if i[1] % 2 == 0 { 1.0f64 } else { -1.0 });
/// let mut y = x.clone();
/// AlphaDropout::new(0.2)?.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(1)))?;
/// assert!(y.mean().unwrap_or(9.0).abs() < 0.05 && (y.var(0.0) - 1.0).abs() < 0.05);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlphaDropout {
    dropout: Dropout,
}

const NAME: &str = "AlphaDropout";

/// Where SELU saturates: −λ α.
const SATURATION: f64 = -1.758_099_340_847_376_6;

impl AlphaDropout {
    /// With the probability `p` to drop an element.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) if `p` is not in [0, 1).
    pub fn new(p: f64) -> Result<Self> {
        hyper::fraction(NAME, "p", p)?;
        Ok(Self { dropout: Dropout::new(p)? })
    }

    /// The probability to drop an element.
    pub fn p(self) -> f64 {
        self.dropout.p()
    }

    /// The factor a and the offset b that bring mean and variance back.
    pub fn correction(self) -> (f64, f64) {
        let (p, q) = (self.p(), 1.0 - self.p());
        let a = 1.0 / (q + SATURATION * SATURATION * q * p).sqrt();
        (a, -a * SATURATION * p)
    }

    /// The forward pass with a mask of your own.
    ///
    /// # Errors
    /// Different shapes.
    pub fn apply<F: Float>(
        self,
        x: ArrayViewD<'_, F>,
        keep: ArrayViewD<'_, bool>,
        y: ArrayViewMutD<'_, F>,
    ) -> Result<()> {
        self.apply_either(Pass::Forward, x, keep, y)
    }

    /// The backward pass with a mask of your own.
    ///
    /// # Errors
    /// Different shapes.
    pub fn apply_backward<F: Float>(
        self,
        dy: ArrayViewD<'_, F>,
        keep: ArrayViewD<'_, bool>,
        dx: ArrayViewMutD<'_, F>,
    ) -> Result<()> {
        self.apply_either(Pass::Backward, dy, keep, dx)
    }

    fn apply_either<F: Float>(
        self,
        pass: Pass,
        x: ArrayViewD<'_, F>,
        keep: ArrayViewD<'_, bool>,
        y: ArrayViewMutD<'_, F>,
    ) -> Result<()> {
        require_shape(NAME, ("mask", keep.shape()), ("input", x.shape()))?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        let (scale, offset, dropped) = self.coefficients::<F>(pass);
        Zip::from(y).and(x).and(keep).for_each(|y, &x, &keep| {
            *y = if keep { x * scale + offset } else { dropped };
        });
        Ok(())
    }

    /// a, b, and what a dropped element becomes.
    fn coefficients<F: Float>(self, pass: Pass) -> (F, F, F) {
        let (a, b) = self.correction();
        match pass {
            Pass::Forward => (F::of(a), F::of(b), F::of(a * SATURATION + b)),
            Pass::Backward => (F::of(a), F::zero(), F::zero()),
        }
    }

    fn check(self, _: &[usize]) -> Result<()> {
        Ok(())
    }

    fn pass<F: Float>(
        self,
        pass: Pass,
        x: ArrayViewD<'_, F>,
        mut y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) {
        // A p so close to 1 that no word is above it drops everything.
        let (Mode::Train(noise), Some(threshold)) = (mode, self.dropout.threshold()) else {
            match mode {
                Mode::Eval => y.assign(&x),
                Mode::Train(_) => y.fill(self.coefficients::<F>(pass).2),
            }
            return;
        };
        let (scale, offset, dropped) = self.coefficients::<F>(pass);
        let x = x.as_standard_layout();
        with_numbers(y, |y| {
            keep_or_drop(
                (noise, 0),
                threshold,
                numbers(&x),
                y,
                #[inline(always)]
                |x| x * scale + offset,
                dropped,
            );
        });
    }
}

masked_layer! { impl Layer<F> for AlphaDropout }
