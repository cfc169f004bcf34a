use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::kernel::sum_zip;
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamKind, ParamMut, Parameters, Path, Place, Result, ndarray,
};

/// A rectifier that learns its slope below zero: one for all, or one a channel.
///
/// # Formula
/// ```text
/// y  = x  where x > 0, else α x
/// dx = dy where x > 0, else α dy
/// dα = Σ dy x over x ≤ 0
/// ```
/// | parameter | path | shape | kind |
/// |---|---|---|---|
/// | `α` | `weight` | `[1]` or `[channels]` | `Scale` |
///
/// Channels are axis 1, features for an input of two axes. α starts at 0.25, as in the paper and
/// in PyTorch (Keras starts at 0, with a slope for every element of a sample). It is a `Scale`,
/// which weight decay spares: decay would pull the unit back to a ReLU. The sum is taken in `f64`.
///
/// Source: He, Zhang, Ren, Sun: *Delving deep into rectifiers*, ICCV 2015, equations 1, 8 and 9.
///
/// ```
/// use tricks_net::layers::PReLU;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr2}};
/// let (x, mut y) = (arr2(&[[-2.0, 3.0]]).into_dyn(), ArrayD::zeros(vec![1, 2]));
/// PReLU::<f64>::new(1)?.infer(x.view(), y.view_mut())?;
/// assert_eq!(y, arr2(&[[-0.5, 3.0]]).into_dyn());
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct PReLU<F> {
    weight: Vec<F>,
    grad: Vec<F>,
}

const NAME: &str = "PReLU";

impl<F: Float> PReLU<F> {
    /// With a slope for each of `channels`; 1 is one slope for everything.
    ///
    /// # Errors
    /// 0 channels.
    pub fn new(channels: usize) -> Result<Self> {
        if channels == 0 {
            return Err(Error::invalid(NAME, "channels is 0, must be at least 1"));
        }
        Ok(Self { weight: vec![F::of(0.25); channels], grad: vec![F::zero(); channels] })
    }

    /// The slopes.
    pub fn weight(&self) -> &[F] {
        &self.weight
    }

    /// How many numbers of a channel stand together.
    fn plane(&self, shape: &[usize]) -> usize {
        let of_channel = if self.weight.len() == 1 { shape } else { &shape[2..] };
        of_channel.iter().product()
    }
}

impl<F: Float> Parameters<F> for PReLU<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        let (path, shape) = (at.name("weight"), [self.weight.len()]);
        let place = Place { path: &path, kind: ParamKind::Scale, shape: &shape };
        f(place, ParamMut::dense(&mut self.weight, &mut self.grad));
    }
}

impl<F: Float> Layer<F> for PReLU<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        let channels = self.weight.len();
        if channels > 1 && x.get(1) != Some(&channels) {
            return Err(Error::shape(NAME, ("input", x), ("weight", &[channels])));
        }
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
        self.output_shape(x.shape())?;
        require_backward(NAME, x.shape(), &x, &y, &dy, dx.as_ref())?;
        let plane = self.plane(x.shape());
        let (x, dy) = (x.as_standard_layout(), dy.as_standard_layout());
        let (x, dy) = (numbers(&x), numbers(&dy));
        self.grad.fill(F::zero());
        if x.is_empty() {
            return Ok(());
        }
        let channels = self.weight.len();
        for (channel, grad) in self.grad.iter_mut().enumerate() {
            let of_channel = |all| planes(all, plane).skip(channel).step_by(channels);
            let sums = of_channel(x).zip(of_channel(dy)).map(|(x, dy)| {
                sum_zip(
                    [x, dy],
                    #[inline(always)]
                    |[x, dy]| if x > F::zero() { 0.0 } else { x.widen() * dy.widen() },
                )
            });
            *grad = F::of(sums.sum());
        }
        let Some(dx) = dx else { return Ok(()) };
        with_numbers(dx, |dx| {
            let slopes = self.weight.iter().cycle();
            let parts = planes(x, plane).zip(planes(dy, plane)).zip(dx.chunks_exact_mut(plane));
            for (((x, dy), dx), &slope) in parts.zip(slopes) {
                for ((dx, &x), &dy) in dx.iter_mut().zip(x).zip(dy) {
                    *dx = if x > F::zero() { dy } else { slope * dy };
                }
            }
        });
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.output_shape(x.shape())?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        let plane = self.plane(x.shape());
        if x.is_empty() {
            return Ok(());
        }
        let x = x.as_standard_layout();
        with_numbers(y, |y| {
            let slopes = self.weight.iter().cycle();
            let parts = planes(numbers(&x), plane).zip(y.chunks_exact_mut(plane));
            for ((x, y), &slope) in parts.zip(slopes) {
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = if x > F::zero() { x } else { slope * x };
                }
            }
        });
        Ok(())
    }
}

/// The planes of one channel of one sample, in order; `plane` is not 0.
fn planes<F>(all: &[F], plane: usize) -> std::slice::ChunksExact<'_, F> {
    all.chunks_exact(plane)
}
