use crate::Fan;
use tricks_tensor::{Error, Float, Noise, Result, hyper};

/// Fills a whole parameter with its first values.
///
/// Draw `i` depends on `(noise, i)` alone, unless the draws make up a whole, as an orthogonal
/// matrix does. `f32` draws are rounded `f64` draws.
///
/// ```
/// use tricks_init::{Fan, Initializer, Normal};
/// use tricks_tensor::Noise;
/// let fan = Fan { fan_in: 3, fan_out: 2 };
/// let (mut narrow, mut wide) = ([0.0f32; 6], [0.0f64; 6]);
/// let init = Normal { mean: 0.0, std: 0.01 };
/// init.fill(fan, &[2, 3], Noise::new(7), &mut narrow)?;
/// init.fill(fan, &[2, 3], Noise::new(7), &mut wide)?;
/// assert_eq!(narrow, wide.map(|x| x as f32));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub trait Initializer<F: Float>: Send + Sync {
    /// Refuses hyper-parameters out of range, and a fan or a shape that cannot be filled with them.
    ///
    /// [`initialize`](crate::initialize) asks for every parameter before it fills the first: all
    /// that [`fill`](Self::fill) would refuse must be refused here.
    ///
    /// # Errors
    /// A hyper-parameter, a fan or a shape out of range.
    fn validate(&self, fan: Fan, shape: &[usize]) -> Result<()>;

    /// Writes every element of `out`, a parameter of this shape in C order.
    ///
    /// # Errors
    /// As [`validate`](Self::validate), which it calls first; a shape that does not hold
    /// `out.len()` elements. Then nothing is written.
    fn fill(&self, fan: Fan, shape: &[usize], noise: Noise, out: &mut [F]) -> Result<()>;

    /// Whether [`fill`](Self::fill) looks at the fan. If not, [`initialize`](crate::initialize)
    /// accepts parameters of fewer than two dimensions, which have none.
    fn uses_fan(&self) -> bool {
        true
    }
}

/// What every `fill` does first: [`Initializer::validate`], and a slice as long as the shape says.
pub(crate) fn check<F: Float>(
    owner: &'static str,
    init: &dyn Initializer<F>,
    (fan, shape): (Fan, &[usize]),
    out: &[F],
) -> Result<()> {
    init.validate(fan, shape)?;
    let len = shape.iter().try_fold(1usize, |len, &n| len.checked_mul(n));
    if len == Some(out.len()) {
        return Ok(());
    }
    Err(Error::shape(owner, ("output", &[out.len()]), ("parameter", shape)))
}

/// Refuses a number that `F` cannot hold.
pub(crate) fn check_finite<F: Float>(
    owner: &'static str,
    field: &'static str,
    value: f64,
) -> Result<()> {
    let ok = F::of(value).is_finite();
    hyper::require(owner, field, value, ok, "finite in the parameter's number type")
}
