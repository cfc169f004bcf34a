use tricks_tensor::kernel::{join, sum_squares, sum_zip, vectorize, worth_forking};
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, hyper};

/// Vectors of length 1: the last axis, divided by its Euclidean norm.
///
/// # Formula
/// ```text
/// n = max(‖x‖₂, ε)      y = x / n
/// backward: dx = (dy − y (y·dy)) / n,   dy/ε where ε is the larger
/// ```
///
/// Training and evaluation are the same.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `eps` | ε | 1e-12 | above 0 |
///
/// # Memory
/// None.
///
/// # Notes
/// As in PyTorch, ε is a floor under the norm; a vector of zeros stays one. It is not added.
///
/// # Source
/// Wang, Xiang, Cheng, Yuille: *NormFace: L2 hypersphere embedding for face verification*, 2017,
/// equations 3 and 4.
///
/// ```
/// use tricks_regularize::L2Normalize;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr2}};
///
/// let x = arr2(&[[3.0, 4.0], [0.0, 0.0]]).into_dyn();
/// let mut y = ArrayD::zeros(x.raw_dim());
/// L2Normalize::default().infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr2(&[[0.6, 0.8], [0.0, 0.0]]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct L2Normalize {
    eps: f64,
}

impl Default for L2Normalize {
    fn default() -> Self {
        Self { eps: 1e-12 }
    }
}

const NAME: &str = "L2Normalize";

impl L2Normalize {
    /// With a floor under the norm.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) if `eps` is not above 0.
    pub fn new(eps: f64) -> Result<Self> {
        hyper::positive(NAME, "eps", eps)?;
        Ok(Self { eps })
    }

    /// The floor under the norm.
    pub fn eps(self) -> f64 {
        self.eps
    }

    /// `y = x/n`.
    fn normalize<F: Float>(self, width: usize, x: &[F], y: &mut [F]) {
        if let Some(cut) = cut(width, x.len()) {
            let ((x0, x1), (y0, y1)) = (x.split_at(cut), y.split_at_mut(cut));
            join(|| self.normalize(width, x0, y0), || self.normalize(width, x1, y1));
            return;
        }
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            let norm = sum_squares(x).sqrt().max(self.eps);
            vectorize(
                #[inline(always)]
                || y.iter_mut().zip(x).for_each(|(y, x)| *y = F::of(x.widen() / norm)),
            );
        }
    }

    /// `dx = (dy − x (x·dy)/n²)/n`.
    fn gradient<F: Float>(self, width: usize, x: &[F], dy: &[F], dx: &mut [F]) {
        if let Some(cut) = cut(width, x.len()) {
            let ((x0, x1), (dy0, dy1)) = (x.split_at(cut), dy.split_at(cut));
            let (dx0, dx1) = dx.split_at_mut(cut);
            join(|| self.gradient(width, x0, dy0, dx0), || self.gradient(width, x1, dy1, dx1));
            return;
        }
        let vectors = x.chunks_exact(width).zip(dy.chunks_exact(width));
        for ((x, dy), dx) in vectors.zip(dx.chunks_exact_mut(width)) {
            let norm = sum_squares(x).sqrt();
            let along = sum_zip(
                [x, dy],
                #[inline(always)]
                |[x, dy]: [F; 2]| x.widen() * dy.widen(),
            );
            let (slope, norm) =
                if norm > self.eps { (along / norm / norm, norm) } else { (0.0, self.eps) };
            vectorize(
                #[inline(always)]
                || {
                    for ((dx, x), dy) in dx.iter_mut().zip(x).zip(dy) {
                        *dx = F::of((dy.widen() - x.widen() * slope) / norm);
                    }
                },
            );
        }
    }
}

/// Where to cut `len` numbers between two vectors; `None` if it is not worth a fork.
fn cut(width: usize, len: usize) -> Option<usize> {
    let cut = len / width / 2 * width;
    (cut > 0 && worth_forking(len)).then_some(cut)
}

/// The length of the vectors; 1 if there are none.
fn width(x: &[usize]) -> usize {
    x.last().copied().unwrap_or(1).max(1)
}

impl<F: Float> Parameters<F> for L2Normalize {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float> Layer<F> for L2Normalize {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
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
        require_backward(NAME, x.shape(), &x, &y, &dy, dx.as_ref())?;
        if let Some(dx) = dx {
            let width = width(x.shape());
            let (x, dy) = (x.as_standard_layout(), dy.as_standard_layout());
            with_numbers(dx, |dx| self.gradient(width, numbers(&x), numbers(&dy), dx));
        }
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        let width = width(x.shape());
        let x = x.as_standard_layout();
        with_numbers(y, |y| self.normalize(width, numbers(&x), y));
        Ok(())
    }
}
