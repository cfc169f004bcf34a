use super::last_axes;
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::math::{cos, pow, sin};
use tricks_tensor::views::{require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, hyper, ndarray,
};

/// Which two features turn together, of `d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RotaryPairs {
    /// 2i and 2i + 1: the paper.
    #[default]
    Adjacent,
    /// i and i + d/2: GPT-NeoX, LLaMA in Hugging Face's transformers.
    Halves,
}

impl RotaryPairs {
    fn pair(self, i: usize, d: usize) -> [usize; 2] {
        match self {
            Self::Adjacent => [2 * i, 2 * i + 1],
            Self::Halves => [i, i + d / 2],
        }
    }
}

/// Hyper-parameters of [`RotaryPositionalEncoding`]; the default is the paper's.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `base` | b | 10000 | above 0 |
/// | `pairs` | | adjacent | |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RotaryConfig {
    /// The angles of a head of many features go from 1 to nearly 1/b a place.
    pub base: f64,
    /// Which two features turn together.
    pub pairs: RotaryPairs,
}

impl Default for RotaryConfig {
    fn default() -> Self {
        Self { base: 10_000.0, pairs: RotaryPairs::Adjacent }
    }
}

/// Rotary position embedding (RoPE): each pair of features turns by an angle that grows with the
/// place, so that the product of two rotated vectors knows only how far apart they are.
///
/// # Formula
/// ```text
/// φ = t · b^(−2i/d),  for the pair i = 0, …, d/2 − 1 of place t           x: […, time, d]
/// (y₀, y₁)   = (x₀ cos φ − x₁ sin φ,  x₀ sin φ + x₁ cos φ)
/// (dx₀, dx₁) = (dy₀ cos φ + dy₁ sin φ,  dy₁ cos φ − dy₀ sin φ)
/// ```
/// Made for the queries and keys of attention: `rotary` of
/// [`AttentionConfig`](crate::layers::AttentionConfig) does that to each head. This layer is the
/// rotation by itself.
///
/// Hyper-parameters: [`RotaryConfig`].
///
/// # Memory
/// A table of `time · d` sines and cosines, for the longest sequence seen in `forward`.
///
/// # Notes
/// * `d` must be even. There are two conventions for the pairs, see [`RotaryPairs`]; weights
///   trained with one do not work with the other.
/// * Place 0 is not turned; lengths never change.
///
/// # Source
/// Su, Lu, Pan, Murtadha, Wen, Liu: *RoFormer: enhanced transformer with rotary position
/// embedding*, 2021, section 3.2.2.
///
/// ```
/// use tricks_net::layers::RotaryPositionalEncoding;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr2}};
/// let rotary = RotaryPositionalEncoding::default();
/// let (x, mut y) = (arr2(&[[1.0, 0.0], [1.0, 0.0]]).into_dyn(), ArrayD::zeros(vec![2, 2]));
/// rotary.infer(x.view(), y.view_mut())?;
/// let want = [1.0, 0.0, 1f64.cos(), 1f64.sin()];
/// assert!(y.iter().zip(want).all(|(y, want)| (y - want).abs() < 1e-15));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct RotaryPositionalEncoding<F> {
    angles: Angles<F>,
}

const NAME: &str = "RotaryPositionalEncoding";

impl<F: Float> RotaryPositionalEncoding<F> {
    /// With these hyper-parameters.
    ///
    /// # Errors
    /// A `base` that is not above 0.
    pub fn new(config: RotaryConfig) -> Result<Self> {
        hyper::positive(NAME, "base", config.base)?;
        Ok(Self { angles: Angles::new(config) })
    }

    /// The hyper-parameters.
    pub fn config(&self) -> RotaryConfig {
        self.angles.config
    }
}

/// `(cos φ, sin φ)` of every place and pair.
#[derive(Clone, Debug, Default)]
pub(in crate::layers) struct Angles<F> {
    config: RotaryConfig,
    d: usize,
    table: Vec<[F; 2]>,
}

impl<F: Float> Angles<F> {
    pub(in crate::layers) fn new(config: RotaryConfig) -> Self {
        Self { config, d: 0, table: Vec::new() }
    }

    /// Makes the table at least `time` places long, for `d` features, which is even.
    pub(in crate::layers) fn extend(&mut self, [time, d]: [usize; 2]) {
        if self.d != d {
            self.table.clear();
            self.d = d;
        }
        let half = d / 2;
        for t in self.table.len() / half.max(1)..time {
            for i in 0..half {
                let angle = t as f64 * pow(self.config.base, -2.0 * i as f64 / d as f64);
                self.table.push([F::of(cos(angle)), F::of(sin(angle))]);
            }
        }
    }

    /// Turns `x`, `[…, time, heads, d]` in C order, in place; back if `back` says so.
    pub(in crate::layers) fn turn(&self, x: &mut [F], time: usize, heads: usize, back: bool) {
        let (d, half) = (self.d, self.d / 2);
        for (i, x) in x.chunks_exact_mut((heads * d).max(1)).enumerate() {
            let angles = &self.table[i % time * half..][..half];
            for x in x.chunks_exact_mut(d.max(1)) {
                for (i, &[cos, sin]) in angles.iter().enumerate() {
                    let ([a, b], sin) =
                        (self.config.pairs.pair(i, d), if back { -sin } else { sin });
                    (x[a], x[b]) = (x[a] * cos - x[b] * sin, x[a] * sin + x[b] * cos);
                }
            }
        }
    }
}

/// `time` and `d`; an odd `d` has no pairs.
fn sizes(x: &[usize]) -> Result<[usize; 2]> {
    let [time, d] = last_axes(NAME, x)?;
    if d % 2 != 0 {
        return Err(Error::invalid(NAME, format!("input has {d} features, must be even")));
    }
    Ok([time, d])
}

impl<F: Float> Parameters<F> for RotaryPositionalEncoding<F> {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float> Layer<F> for RotaryPositionalEncoding<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        sizes(x)?;
        Ok(IxDyn(x))
    }

    fn forward(
        &mut self,
        x: ArrayViewD<'_, F>,
        mut y: ArrayViewMutD<'_, F>,
        _: Mode,
    ) -> Result<()> {
        let sizes = sizes(x.shape())?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        self.angles.extend(sizes);
        y.assign(&x);
        with_numbers(y, |y| self.angles.turn(y, sizes[0], 1, false));
        Ok(())
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        _: Mode,
    ) -> Result<()> {
        let sizes = sizes(x.shape())?;
        require_backward(NAME, x.shape(), &x, &y, &dy, dx.as_ref())?;
        let Some(mut dx) = dx else { return Ok(()) };
        self.angles.extend(sizes);
        dx.assign(&dy);
        with_numbers(dx, |dx| self.angles.turn(dx, sizes[0], 1, true));
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        Self { angles: Angles::new(self.angles.config) }.forward(x, y, Mode::Eval)
    }
}
