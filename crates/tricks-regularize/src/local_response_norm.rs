use crate::channels::{channels_of, require_channel_axis};
use tricks_tensor::kernel::{join, worth_forking};
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, hyper, math};

/// Local response normalization: a strong channel dampens its neighbours.
///
/// # Formula
/// ```text
/// d_c = k + α/n Σ x_j²,   j from c − ⌊n/2⌋ to c + ⌊(n − 1)/2⌋, as far as there are channels
/// y_c = x_c / d_c^β
///
/// backward: dx_c = dy_c / d_c^β − 2 α β/n · x_c Σ dy_j x_j / d_j^(β+1)
///           over the channels j that have c among their neighbours
/// ```
///
/// Inputs are `[samples, channels]` or `[samples, channels, …]`. Training and evaluation are the
/// same. Hyper-parameters: [`LocalResponseNormConfig`].
///
/// # Memory
/// No parameters. `backward` has scratch of one `f64` for each number of the input.
///
/// # Notes
/// α is divided by n, as in PyTorch, also at the borders. In the paper it is not, and k is 2.
///
/// # Source
/// Krizhevsky, Sutskever, Hinton: *ImageNet classification with deep convolutional neural
/// networks*, NeurIPS 2012, section 3.3.
///
/// ```
/// use tricks_regularize::{LocalResponseNorm, LocalResponseNormConfig};
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr2}};
///
/// let config = LocalResponseNormConfig { size: 2, alpha: 2.0, beta: 1.0, k: 1.0 };
/// let norm = LocalResponseNorm::new(config)?;
/// let x = arr2(&[[1.0, 2.0, 3.0]]).into_dyn();
/// let mut y = ArrayD::zeros(x.raw_dim());
/// norm.infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr2(&[[1.0 / 2.0, 2.0 / 6.0, 3.0 / 14.0]]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LocalResponseNorm {
    config: LocalResponseNormConfig,
    // Scratch of the backward pass.
    pulls: Vec<f64>,
}

/// Hyper-parameters of [`LocalResponseNorm`]; the default is PyTorch's, with the paper's n.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `size` | n | 5 | at least 1 |
/// | `alpha` | α | 1e-4 | at least 0 |
/// | `beta` | β | 0.75 | at least 0 |
/// | `k` | k | 1 | above 0 |
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LocalResponseNormConfig {
    /// Channels in a neighbourhood.
    pub size: usize,
    /// How strongly the neighbours dampen.
    pub alpha: f64,
    /// The exponent.
    pub beta: f64,
    /// What is there without neighbours.
    pub k: f64,
}

impl Default for LocalResponseNormConfig {
    fn default() -> Self {
        Self { size: 5, alpha: 1e-4, beta: 0.75, k: 1.0 }
    }
}

const NAME: &str = "LocalResponseNorm";

impl LocalResponseNorm {
    /// A layer for inputs of any number of channels.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) for a value outside its range.
    pub fn new(config: LocalResponseNormConfig) -> Result<Self> {
        let size = config.size;
        hyper::require(NAME, "size", size as f64, size > 0, "at least 1")?;
        hyper::non_negative(NAME, "alpha", config.alpha)?;
        hyper::non_negative(NAME, "beta", config.beta)?;
        hyper::positive(NAME, "k", config.k)?;
        Ok(Self { config, pulls: vec![] })
    }

    /// The hyper-parameters.
    pub fn config(&self) -> LocalResponseNormConfig {
        self.config
    }
}

/// A sample of `channels` planes.
#[derive(Clone, Copy)]
struct Sample {
    config: LocalResponseNormConfig,
    channels: usize,
    plane: usize,
}

impl Sample {
    fn len(self) -> usize {
        self.channels * self.plane
    }

    /// `Σ f(at)` over number `at` of a channel and of its neighbours, so many on either side.
    fn sum(self, at: usize, (before, after): (usize, usize), f: impl Fn(usize) -> f64) -> f64 {
        let (c, i) = (at / self.plane, at % self.plane);
        let last = c.saturating_add(after).min(self.channels - 1);
        (c.saturating_sub(before)..=last).map(|c| f(c * self.plane + i)).sum()
    }

    fn denominator<F: Float>(self, x: &[F], at: usize) -> f64 {
        let LocalResponseNormConfig { size, alpha, k, .. } = self.config;
        let squares = self.sum(at, (size / 2, (size - 1) / 2), |j| x[j].widen() * x[j].widen());
        k + alpha / size as f64 * squares
    }

    fn forward<F: Float>(self, x: &[F], y: &mut [F]) {
        let Some(len) = self.cut(x.len()) else {
            let samples =
                x.chunks_exact(self.len().max(1)).zip(y.chunks_exact_mut(self.len().max(1)));
            for (x, y) in samples {
                for (at, y) in y.iter_mut().enumerate() {
                    let d = self.denominator(x, at);
                    *y = F::of(x[at].widen() / math::pow(d, self.config.beta));
                }
            }
            return;
        };
        let ((x0, x1), (y0, y1)) = (x.split_at(len), y.split_at_mut(len));
        join(|| self.forward(x0, y0), || self.forward(x1, y1));
    }

    fn backward<F: Float>(self, x: &[F], dy: &[F], pulls: &mut [f64], dx: &mut [F]) {
        if let Some(len) = self.cut(x.len()) {
            let ((x0, x1), (dy0, dy1)) = (x.split_at(len), dy.split_at(len));
            let ((pulls0, pulls1), (dx0, dx1)) = (pulls.split_at_mut(len), dx.split_at_mut(len));
            join(|| self.backward(x0, dy0, pulls0, dx0), || self.backward(x1, dy1, pulls1, dx1));
            return;
        }
        let LocalResponseNormConfig { size, alpha, beta, .. } = self.config;
        let factor = 2.0 * alpha * beta / size as f64;
        let len = self.len().max(1);
        let inputs = x.chunks_exact(len).zip(dy.chunks_exact(len));
        let outputs = pulls.chunks_exact_mut(len).zip(dx.chunks_exact_mut(len));
        for ((x, dy), (pulls, dx)) in inputs.zip(outputs) {
            for at in 0..len {
                let d = self.denominator(x, at);
                let direct = dy[at].widen() / math::pow(d, beta);
                pulls[at] = direct * x[at].widen() / d;
                dx[at] = F::of(direct);
            }
            for at in 0..len {
                let pull = self.sum(at, ((size - 1) / 2, size / 2), |j| pulls[j]);
                dx[at] = F::of(dx[at].widen() - factor * x[at].widen() * pull);
            }
        }
    }

    /// Where to cut `len` numbers between two samples; `None` if it is not worth a fork.
    fn cut(self, len: usize) -> Option<usize> {
        let cut = len / self.len().max(1) / 2 * self.len();
        (cut > 0 && worth_forking(len)).then_some(cut)
    }
}

impl<F: Float> Parameters<F> for LocalResponseNorm {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float> Layer<F> for LocalResponseNorm {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        require_channel_axis(NAME, x)?;
        Ok(IxDyn(x))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, _: Mode) -> Result<()> {
        self.infer(x, y)
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        _: Mode,
    ) -> Result<()> {
        require_channel_axis(NAME, x.shape())?;
        require_backward(NAME, x.shape(), &x, &y, &dy, dx.as_ref())?;
        if let Some(dx) = dx {
            let [_, channels, plane] = channels_of(x.shape());
            let sample = Sample { config: self.config, channels, plane };
            let (x, dy) = (x.as_standard_layout(), dy.as_standard_layout());
            let (x, dy) = (numbers(&x), numbers(&dy));
            self.pulls.resize(x.len(), 0.0);
            with_numbers(dx, |dx| sample.backward(x, dy, &mut self.pulls, dx));
        }
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        require_channel_axis(NAME, x.shape())?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        let [_, channels, plane] = channels_of(x.shape());
        let x = x.as_standard_layout();
        let sample = Sample { config: self.config, channels, plane };
        with_numbers(y, |y| sample.forward(numbers(&x), y));
        Ok(())
    }
}
