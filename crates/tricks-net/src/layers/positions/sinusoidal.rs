use super::last_axes;
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::math::{cos, pow, sin};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, hyper, ndarray,
};

/// Waves of many lengths, added to a sequence to tell its places apart.
///
/// # Formula
/// ```text
/// y[…, t, j] = x[…, t, j] + P[t, j]               x: […, time, features]
/// P[t, 2i]   = sin(t / b^(2i/features))
/// P[t, 2i+1] = cos(t / b^(2i/features))
/// dx = dy
/// ```
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `base` | b | 10000 | above 0 |
///
/// # Memory
/// The table `P`, `time · features` numbers, for the longest sequence seen in `forward`.
///
/// # Notes
/// * Any length: there is nothing to learn. With an odd number of features the last is a sine.
/// * The paper multiplies the embeddings by √features before this sum; that is not done here.
///
/// # Source
/// Vaswani and others: *Attention is all you need*, 2017, section 3.5.
///
/// ```
/// use tricks_net::layers::SinusoidalPositionalEncoding;
/// use tricks_tensor::{Layer, ndarray::ArrayD};
/// let (x, mut y) = (ArrayD::<f64>::zeros(vec![1, 2, 4]), ArrayD::zeros(vec![1, 2, 4]));
/// SinusoidalPositionalEncoding::default().infer(x.view(), y.view_mut())?;
/// let want = [0.0, 1.0, 0.0, 1.0, 1f64.sin(), 1f64.cos(), 0.01f64.sin(), 0.01f64.cos()];
/// assert!(y.iter().zip(want).all(|(y, want)| (y - want).abs() < 1e-15));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SinusoidalPositionalEncoding<F> {
    base: f64,
    features: usize,
    // Rows of `features` numbers.
    table: Vec<F>,
}

const NAME: &str = "SinusoidalPositionalEncoding";

impl<F: Float> Default for SinusoidalPositionalEncoding<F> {
    fn default() -> Self {
        Self { base: 10_000.0, features: 0, table: Vec::new() }
    }
}

impl<F: Float> SinusoidalPositionalEncoding<F> {
    /// Waves whose lengths go from 2π to nearly 2π · `base`.
    ///
    /// # Errors
    /// A `base` that is not above 0.
    pub fn new(base: f64) -> Result<Self> {
        hyper::positive(NAME, "base", base)?;
        Ok(Self { base, ..Self::default() })
    }

    /// Makes the table at least `time` rows long.
    fn extend(&mut self, [time, features]: [usize; 2]) {
        if self.features != features {
            self.table.clear();
            self.features = features;
        }
        let known = self.table.len() / features.max(1);
        for t in known..time {
            for j in 0..features {
                let length = pow(self.base, (j - j % 2) as f64 / features as f64);
                let angle = t as f64 / length;
                self.table.push(F::of(if j % 2 == 0 { sin(angle) } else { cos(angle) }));
            }
        }
    }

    /// `y ← x + P`, with a table that is long enough.
    fn add(&self, len: usize, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) {
        let x = x.as_standard_layout();
        with_numbers(y, |y| {
            let samples = y.chunks_exact_mut(len.max(1)).zip(numbers(&x).chunks_exact(len.max(1)));
            for (y, x) in samples {
                let pairs = x.iter().zip(&self.table);
                y.iter_mut().zip(pairs).for_each(|(y, (&x, &p))| *y = x + p);
            }
        });
    }
}

impl<F: Float> Parameters<F> for SinusoidalPositionalEncoding<F> {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float> Layer<F> for SinusoidalPositionalEncoding<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        last_axes(NAME, x)?;
        Ok(IxDyn(x))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, _: Mode) -> Result<()> {
        let [time, features] = last_axes(NAME, x.shape())?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        self.extend([time, features]);
        self.add(time * features, x, y);
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
        last_axes(NAME, x.shape())?;
        require_backward(NAME, x.shape(), &x, &y, &dy, dx.as_ref())?;
        if let Some(mut dx) = dx {
            dx.assign(&dy);
        }
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        let [time, features] = last_axes(NAME, x.shape())?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        if self.features == features && self.table.len() >= time * features {
            self.add(time * features, x, y);
            return Ok(());
        }
        let mut own = Self { base: self.base, ..Self::default() };
        own.extend([time, features]);
        own.add(time * features, x, y);
        Ok(())
    }
}
