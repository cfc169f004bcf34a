use tricks_tensor::{Error, Float, ParamKind, Parameters, Path, Place, Result, hyper, kernel};

/// A set that parameters are brought back into after a step.
///
/// # Formula
/// ```text
/// θ ← argmin ‖x − θ‖ over x in the set
///
/// NonNegative   x ≥ 0                          x = max(θ, 0)
/// Box           lower ≤ x ≤ upper              x = min(max(θ, lower), upper)
/// Simplex       x ≥ 0, Σ x = total             x = max(θ − τ, 0), τ such that the sum is right
/// L1Ball        Σ |x| ≤ radius                 sign(θ) · Simplex(|θ|) if outside
/// L2Ball        ‖x‖ ≤ radius                   θ · min(1, radius / ‖θ‖)
/// LInfBall      |x| ≤ radius                   min(max(θ, −radius), radius)
/// MaxNorm       ‖x_i‖ ≤ max, row by row        θ_i · min(1, max / ‖θ_i‖)
/// UnitNorm      ‖x_i‖ = 1, row by row          θ_i / ‖θ_i‖; a row of zeros stays
/// ```
/// Rows are indices of the first dimension, outputs in `[out, in, …]`; a vector is one row.
///
/// | field | range |
/// |---|---|
/// | `lower`, `upper` | finite, `lower` ≤ `upper` |
/// | `total`, `radius`, `max` | finite, above 0 |
///
/// # Notes
/// The names and values are those of Optax' `projections`, of one array each; Keras' constraints
/// are `NonNeg`, `MaxNorm` and `UnitNorm` by rows, for its layout `[in, out]` by columns. Simplex
/// and L1 ball sort a copy of the parameter.
///
/// # Source
/// Duchi, Shalev-Shwartz, Singer, Chandra: *Efficient projections onto the ℓ1-ball*, ICML 2008,
/// figure 1.
///
/// # Example
/// ```
/// use tricks_optim::Projection;
/// let mut x = [0.5, 2.0, -1.0];
/// Projection::Simplex { total: 1.0 }.apply(&mut x, &[3])?;
/// assert_eq!(x, [0.0, 1.0, 0.0]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Projection {
    /// No number below 0.
    NonNegative,
    /// Between two numbers.
    Box {
        /// The least.
        lower: f64,
        /// The largest.
        upper: f64,
    },
    /// Shares of a total.
    Simplex {
        /// What the shares sum to.
        total: f64,
    },
    /// A sum of sizes.
    L1Ball {
        /// The largest sum.
        radius: f64,
    },
    /// A length.
    L2Ball {
        /// The largest length.
        radius: f64,
    },
    /// A size.
    LInfBall {
        /// The largest size.
        radius: f64,
    },
    /// A length for each row.
    MaxNorm {
        /// The largest length.
        max: f64,
    },
    /// Rows of length 1.
    UnitNorm,
}

impl Projection {
    /// Refuses numbers out of range.
    ///
    /// # Errors
    /// [`Error::Hyper`].
    pub fn validate(self) -> Result<()> {
        match self {
            Self::NonNegative | Self::UnitNorm => Ok(()),
            Self::Box { lower, upper } => {
                hyper::finite("Projection", "lower", lower)?;
                hyper::finite("Projection", "upper", upper)?;
                if lower > upper {
                    let message = format!("lower is {lower}, above upper, {upper}");
                    return Err(Error::invalid("Projection", message));
                }
                Ok(())
            }
            Self::Simplex { total } => hyper::positive("Projection", "total", total),
            Self::L1Ball { radius } | Self::L2Ball { radius } | Self::LInfBall { radius } => {
                hyper::positive("Projection", "radius", radius)
            }
            Self::MaxNorm { max } => hyper::positive("Projection", "max", max),
        }
    }

    /// Projects one parameter of this shape.
    ///
    /// # Errors
    /// Hyper-parameters out of range; numbers that do not fill the shape; a number that is NaN or
    /// infinite. Nothing is changed then.
    pub fn apply<F: Float>(self, x: &mut [F], shape: &[usize]) -> Result<()> {
        self.check(x, shape)?;
        self.run(x, shape);
        Ok(())
    }

    fn check<F: Float>(self, x: &[F], shape: &[usize]) -> Result<()> {
        self.validate()?;
        let bounds = match self {
            Self::NonNegative | Self::UnitNorm => [0.0; 2],
            Self::Box { lower, upper } => [lower, upper],
            Self::Simplex { total: most }
            | Self::L1Ball { radius: most }
            | Self::L2Ball { radius: most }
            | Self::LInfBall { radius: most }
            | Self::MaxNorm { max: most } => [most; 2],
        };
        for bound in bounds {
            hyper::require("Projection", "bound", bound, F::of(bound).is_finite(), F::RANGE)?;
        }
        if shape.iter().fold(1, |len: usize, n| len.saturating_mul(*n)) != x.len() {
            let message = format!("{} numbers do not fill {shape:?}", x.len());
            return Err(Error::invalid("Projection", message));
        }
        if let Some(index) = kernel::first_non_finite(x) {
            let message = format!("number {index} is {}", x[index]);
            return Err(Error::invalid("Projection", message));
        }
        Ok(())
    }

    fn run<F: Float>(self, x: &mut [F], shape: &[usize]) {
        let rows = if shape.len() > 1 { shape[0].max(1) } else { 1 };
        let width = (x.len() / rows).max(1);
        match self {
            Self::NonNegative => between(x, F::zero(), F::infinity()),
            Self::Box { lower, upper } => between(x, F::of(lower), F::of(upper)),
            Self::LInfBall { radius } => between(x, F::of(-radius), F::of(radius)),
            Self::Simplex { total } => simplex(x, total),
            Self::L1Ball { radius } => {
                if x.iter().map(|x| x.widen().abs()).sum::<f64>() > radius {
                    let signs: Vec<bool> = x.iter().map(|x| x.is_sign_negative()).collect();
                    x.iter_mut().for_each(|x| *x = x.abs());
                    simplex(x, radius);
                    let negative = x.iter_mut().zip(signs).filter(|(_, negative)| *negative);
                    negative.for_each(|(x, _)| *x = -*x);
                }
            }
            Self::L2Ball { radius } => shorten(x, |length| length > radius, radius),
            Self::MaxNorm { max } => {
                x.chunks_exact_mut(width).for_each(|row| shorten(row, |length| length > max, max));
            }
            Self::UnitNorm => {
                x.chunks_exact_mut(width).for_each(|row| shorten(row, |length| length > 0.0, 1.0));
            }
        }
    }
}

/// Projects every parameter that `select` says yes to; buffers are left alone.
///
/// ```
/// use tricks_optim::{Projection, project};
/// let (mut w, mut dw) = ([3.0, 4.0], [0.0; 2]);
/// let mut params = [("w", &mut w[..], &mut dw[..])];
/// project(Projection::L2Ball { radius: 1.0 }, &mut params, |place| place.path.is("w"))?;
/// assert_eq!(w, [0.6, 0.8]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
///
/// # Errors
/// As [`Projection::apply`], with the name of the parameter; nothing is changed then.
pub fn project<F: Float>(
    projection: Projection,
    params: &mut (impl Parameters<F> + ?Sized),
    select: impl Fn(&Place<'_>) -> bool,
) -> Result<()> {
    projection.validate()?;
    let chosen = |place: &Place<'_>| place.kind != ParamKind::Buffer && select(place);
    let mut outcome = Ok(());
    params.visit(&Path::ROOT, &mut |place, param| {
        if outcome.is_ok() && chosen(&place) {
            outcome = projection.check(param.value, place.shape).map_err(|error| match error {
                Error::Invalid { owner, message } => {
                    Error::invalid(owner, format!("{}: {message}", place.path))
                }
                other => other,
            });
        }
    });
    outcome?;
    params.visit(&Path::ROOT, &mut |place, param| {
        if chosen(&place) {
            projection.run(param.value, place.shape);
        }
    });
    Ok(())
}

fn between<F: Float>(x: &mut [F], lower: F, upper: F) {
    for x in x {
        *x = if *x < lower { lower } else { *x };
        *x = if *x > upper { upper } else { *x };
    }
}

/// Scales `x` to `length` if its own is one that `must`.
fn shorten<F: Float>(x: &mut [F], must: impl Fn(f64) -> bool, length: f64) {
    let norm = crate::transform::norm_of(x);
    if must(norm) && norm.is_finite() {
        x.iter_mut().for_each(|x| *x = F::of(x.widen() / norm * length));
    }
}

fn simplex<F: Float>(x: &mut [F], total: f64) {
    // Counted from the largest, which changes nothing but keeps a small total beside large numbers.
    let largest = x.iter().map(|x| x.widen()).fold(f64::NEG_INFINITY, f64::max);
    let mut sorted: Vec<f64> = x.iter().map(|x| x.widen() - largest).collect();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    // τ is the threshold of the longest run of largest numbers that all stay above it.
    let (mut sum, mut threshold) = (0.0, 0.0);
    for (i, largest) in sorted.iter().enumerate() {
        sum += largest;
        let candidate = (sum - total) / (i + 1) as f64;
        if *largest <= candidate {
            break;
        }
        threshold = candidate;
    }
    x.iter_mut().for_each(|x| *x = F::of((x.widen() - largest - threshold).max(0.0)));
}
