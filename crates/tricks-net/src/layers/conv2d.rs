use super::patches::{Sizes, fill_channels, rows, rows_mut, sum_channels};
use super::window::{Window, check_groups, images};
use ndarray::{Array1, Array4, ArrayView4, ArrayViewD, ArrayViewMutD, Dimension, IxDyn};
use tricks_tensor::kernel::matmul;
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamKind, ParamMut, Parameters, Path, Place, Result, ndarray,
};

/// How a convolution moves; height before width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvConfig {
    /// Steps between places; at least 1.
    pub stride: [usize; 2],
    /// Zeros around the image, on both sides.
    pub padding: [usize; 2],
    /// Steps between the taps of the kernel; at least 1.
    pub dilation: [usize; 2],
    /// Parts of the channels that do not see each other; divides both numbers of channels.
    pub groups: usize,
}

impl Default for ConvConfig {
    fn default() -> Self {
        Self { stride: [1; 2], padding: [0; 2], dilation: [1; 2], groups: 1 }
    }
}

/// A convolution over images: the same small kernel at every place.
///
/// # Formula
/// ```text
/// y[n, o, i, j] = b[o] + Σ_{c, k, l} W[o, c, k, l] · x[n, c, i s + k d − p, j s + l d − p]
/// height of y   = ⌊(h + 2p − d (k − 1) − 1) / s⌋ + 1           likewise its width
/// ```
/// `x` is `[samples, channels, height, width]`; outside the image it is 0. Without a flip of the
/// kernel (a cross-correlation), as in PyTorch, Keras and JAX.
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `stride` | s | 1 | at least 1 |
/// | `padding` | p | 0 | |
/// | `dilation` | d | 1 | at least 1 |
/// | `groups` | | 1 | divides both numbers of channels |
///
/// | parameter | path | shape | kind |
/// |---|---|---|---|
/// | `W` | `weight` | `[out, in / groups, height, width]` | `Weight` |
/// | `b` | `bias` | `[out]` | `Bias` |
///
/// Parameters start at zero: give them values with `tricks_init`. Memory: the patches of one group
/// of one sample, `in / groups · kernel · places` numbers; the product of weights and patches is
/// [`matmul`].
///
/// Source: LeCun, Bottou, Bengio, Haffner: *Gradient-based learning applied to document
/// recognition*, 1998; Dumoulin, Visin: *A guide to convolution arithmetic*, 2016.
///
/// ```
/// use tricks_net::layers::{Conv2d, ConvConfig};
/// use tricks_tensor::{Layer, ndarray::{Array4, ArrayD, arr1}};
/// let weight = Array4::from_elem((1, 1, 2, 2), 1.0);
/// let conv = Conv2d::with_parameters(weight, Some(arr1(&[0.5])), ConvConfig::default())?;
/// let x = ArrayD::from_shape_vec(vec![1, 1, 2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
/// let mut y = ArrayD::zeros(vec![1, 1, 1, 2]);
/// conv.infer(x.view(), y.view_mut())?;
/// assert_eq!(y.as_slice().unwrap(), [12.5, 16.5]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conv2d<F> {
    // All in C order.
    weight: Array4<F>,
    weight_grad: Array4<F>,
    bias: Option<(Array1<F>, Array1<F>)>,
    window: Window,
    groups: usize,
    // Kept so that a steady step allocates nothing here.
    patches: Vec<F>,
}

const NAME: &str = "Conv2d";
const ORDER: &str = "built in C order";

impl<F: Float> Conv2d<F> {
    /// From `inputs` to `outputs` channels with a kernel `[height, width]` and a bias; all zero.
    ///
    /// # Errors
    /// A kernel, stride, dilation or number of channels of 0; `groups` that does not divide both
    /// numbers of channels.
    pub fn new(
        inputs: usize,
        outputs: usize,
        kernel: [usize; 2],
        config: ConvConfig,
    ) -> Result<Self> {
        let zero = Array1::zeros(outputs);
        let conv = Self::without_bias(inputs, outputs, kernel, config)?;
        Ok(Self { bias: Some((zero.clone(), zero)), ..conv })
    }

    /// Without a bias: for a layer in front of a normalization, which would subtract it again.
    ///
    /// # Errors
    /// As [`Conv2d::new`].
    pub fn without_bias(
        inputs: usize,
        outputs: usize,
        kernel: [usize; 2],
        config: ConvConfig,
    ) -> Result<Self> {
        let groups = config.groups;
        check_groups(NAME, groups, inputs, outputs)?;
        let weight = Array4::zeros((outputs, inputs / groups, kernel[0], kernel[1]));
        Self::with_parameters(weight, None, config)
    }

    /// With these values: `weight` is `[out, in / groups, height, width]`, `bias` is `[out]`.
    ///
    /// # Errors
    /// As [`Conv2d::new`]; a bias of another length than `out`.
    pub fn with_parameters(
        weight: Array4<F>,
        bias: Option<Array1<F>>,
        config: ConvConfig,
    ) -> Result<Self> {
        let ConvConfig { stride, padding, dilation, groups } = config;
        let (outputs, inputs, height, width) = weight.dim();
        let window = Window { kernel: [height, width], stride, padding, dilation };
        window.check(NAME)?;
        check_groups(NAME, groups, inputs.saturating_mul(groups), outputs)?;
        if let Some(bias) = &bias {
            require_shape(NAME, ("bias", bias.shape()), ("expected", &[outputs]))?;
        }
        let bias =
            bias.map(|bias| (bias.as_standard_layout().into_owned(), Array1::zeros(outputs)));
        let weight = weight.as_standard_layout().into_owned();
        let weight_grad = Array4::zeros(weight.raw_dim());
        Ok(Self { weight, weight_grad, bias, window, groups, patches: Vec::new() })
    }

    /// `W`, `[out, in / groups, height, width]`.
    pub fn weight(&self) -> ArrayView4<'_, F> {
        self.weight.view()
    }

    fn sizes(&self, x: &[usize]) -> Result<Sizes> {
        let [samples, channels, height, width] = images(NAME, x)?;
        let (outputs, inputs, ..) = self.weight.dim();
        if channels != inputs * self.groups {
            return Err(Error::shape(NAME, ("input", x), ("weight", self.weight.shape())));
        }
        let image = [height, width];
        let places = self.window.places(NAME, image)?;
        let [k, l] = self.window.kernel;
        Ok(Sizes {
            samples,
            image,
            places,
            inputs,
            outputs: outputs / self.groups,
            taps: inputs * k * l,
        })
    }

    fn run(
        &self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewMutD<'_, F>,
        patches: &mut Vec<F>,
    ) -> Result<()> {
        let sizes = self.sizes(x.shape())?;
        let expected = sizes.output(self.groups);
        require_shape(NAME, ("output", y.shape()), ("expected", &expected))?;
        patches.resize(sizes.taps * sizes.area(), F::zero());
        let (x, weight) = (x.as_standard_layout(), self.weight.as_slice().expect(ORDER));
        let (x, one_x) = (numbers(&x), sizes.inputs * sizes.pixels());
        with_numbers(y, |y| {
            for (i, y) in y.chunks_exact_mut(sizes.outputs * sizes.area()).enumerate() {
                let group = i % self.groups;
                sizes.gather(&self.window, &x[i * one_x..][..one_x], patches);
                let keep = match &self.bias {
                    Some((bias, _)) => {
                        let bias = bias.iter().skip(group * sizes.outputs);
                        fill_channels(y, sizes.area(), bias);
                        F::one()
                    }
                    None => F::zero(),
                };
                let y = rows_mut(y, sizes.outputs);
                matmul(F::one(), sizes.of_group(weight, group), rows(patches, sizes.taps), keep, y);
            }
        });
        Ok(())
    }
}

impl<F: Float> Parameters<F> for Conv2d<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        let (path, shape) = (at.name("weight"), self.weight.raw_dim());
        let place = Place { path: &path, kind: ParamKind::Weight, shape: shape.slice() };
        let value = self.weight.as_slice_mut().expect(ORDER);
        f(place, ParamMut::dense(value, self.weight_grad.as_slice_mut().expect(ORDER)));
        if let Some((bias, grad)) = &mut self.bias {
            let (path, shape) = (at.name("bias"), [bias.len()]);
            let place = Place { path: &path, kind: ParamKind::Bias, shape: &shape };
            let value = bias.as_slice_mut().expect(ORDER);
            f(place, ParamMut::dense(value, grad.as_slice_mut().expect(ORDER)));
        }
    }
}

impl<F: Float> Layer<F> for Conv2d<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        Ok(IxDyn(&self.sizes(x)?.output(self.groups)))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, _: Mode) -> Result<()> {
        let mut patches = std::mem::take(&mut self.patches);
        let result = self.run(x, y, &mut patches);
        self.patches = patches;
        result
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        _: Mode,
    ) -> Result<()> {
        let sizes = self.sizes(x.shape())?;
        require_backward(NAME, &sizes.output(self.groups), &x, &y, &dy, dx.as_ref())?;
        let (one, zero) = (F::one(), F::zero());
        let (x, dy) = (x.as_standard_layout(), dy.as_standard_layout());
        let (x, dy) = (numbers(&x), numbers(&dy));
        let Self { weight, weight_grad, bias, window, groups, patches } = self;
        patches.resize(sizes.taps * sizes.area(), zero);

        if let Some((_, grad)) = bias {
            sum_channels(dy, sizes.area(), grad.as_slice_mut().expect(ORDER));
        }
        weight_grad.fill(zero);
        let weight = weight.as_slice().expect(ORDER);
        let weight_grad = weight_grad.as_slice_mut().expect(ORDER);
        let (one_y, one_x) = (sizes.outputs * sizes.area(), sizes.inputs * sizes.pixels());
        for (i, dy) in dy.chunks_exact(one_y).enumerate() {
            sizes.gather(window, &x[i * one_x..][..one_x], patches);
            let len = sizes.outputs * sizes.taps;
            let grad = &mut weight_grad[i % *groups * len..][..len];
            let (dy, patches) = (rows(dy, sizes.outputs), rows(patches, sizes.taps));
            matmul(one, dy, patches.t(), one, rows_mut(grad, sizes.outputs));
        }
        let Some(dx) = dx else { return Ok(()) };
        with_numbers(dx, |dx| {
            dx.fill(zero);
            for (i, dy) in dy.chunks_exact(one_y).enumerate() {
                let weight = sizes.of_group(weight, i % *groups);
                let dy = rows(dy, sizes.outputs);
                matmul(one, weight.t(), dy, zero, rows_mut(patches, sizes.taps));
                sizes.scatter(window, patches, &mut dx[i * one_x..][..one_x]);
            }
        });
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.run(x, y, &mut Vec::new())
    }
}

#[cfg(test)]
mod tests;
