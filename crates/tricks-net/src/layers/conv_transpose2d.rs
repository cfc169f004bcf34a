use super::patches::{Sizes, fill_channels, rows, rows_mut, sum_channels};
use super::window::{Window, check_groups, images};
use ndarray::{Array1, Array4, ArrayView4, ArrayViewD, ArrayViewMutD, Dimension, IxDyn};
use tricks_tensor::kernel::matmul;
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamKind, ParamMut, Parameters, Path, Place, Result, ndarray,
};

/// How a transposed convolution moves; height before width.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvTransposeConfig {
    /// Steps between the places of the kernel in the output; at least 1.
    pub stride: [usize; 2],
    /// What is cut off the output, on both sides.
    pub padding: [usize; 2],
    /// What is added to the output at its end; less than the stride or the dilation.
    pub output_padding: [usize; 2],
    /// Steps between the taps of the kernel; at least 1.
    pub dilation: [usize; 2],
    /// Parts of the channels that do not see each other; divides both numbers of channels.
    pub groups: usize,
}

impl Default for ConvTransposeConfig {
    fn default() -> Self {
        let (stride, dilation) = ([1; 2], [1; 2]);
        Self { stride, padding: [0; 2], output_padding: [0; 2], dilation, groups: 1 }
    }
}

/// A transposed convolution over images: each pixel puts down the kernel, times its number.
///
/// # Formula
/// ```text
/// y[n, o, i s + k d − p, j s + l d − p] = b[o] + Σ W[c, o, k, l] · x[n, c, i, j]    over all that meet
/// height of y = (h − 1) s − 2p + d (k − 1) + r + 1                likewise its width
/// dx = the convolution of dy with W        dW[c, o, k, l] = Σ x[n, c, i, j] dy[n, o, i s + k d − p, …]
/// ```
/// `x` is `[samples, channels, height, width]`. It is the map that a [`Conv2d`](super::Conv2d) of
/// the same stride, padding and dilation sends gradients back with.
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `stride` | s | 1 | at least 1 |
/// | `padding` | p | 0 | |
/// | `output_padding` | r | 0 | less than `stride` or `dilation` |
/// | `dilation` | d | 1 | at least 1 |
/// | `groups` | | 1 | divides both numbers of channels |
///
/// | parameter | path | shape | kind |
/// |---|---|---|---|
/// | `W` | `weight` | `[in, out / groups, height, width]` | `Weight` |
/// | `b` | `bias` | `[out]` | `Bias` |
///
/// # Memory
/// The patches of one group of one sample, `out / groups · kernel · pixels` numbers.
///
/// # Notes
/// Parameters start at zero: give them values with `tricks_init`. The weight has the inputs first,
/// as in PyTorch; its fans under `Layout::OutIn` are PyTorch's too, in and out exchanged. With a
/// stride s, `output_padding` chooses among the s sizes that a convolution makes the same.
///
/// # Source
/// Dumoulin, Visin: *A guide to convolution arithmetic for deep learning*, 2016, chapter 4.
///
/// ```
/// use tricks_net::layers::{ConvTranspose2d, ConvTransposeConfig};
/// use tricks_tensor::{Layer, ndarray::{Array4, ArrayD, arr1}};
/// let weight = Array4::from_shape_vec((1, 1, 1, 2), vec![1.0, 10.0]).unwrap();
/// let conv = ConvTranspose2d::with_parameters(weight, Some(arr1(&[0.5])), Default::default())?;
/// let x = ArrayD::from_shape_vec(vec![1, 1, 1, 3], vec![1.0, 2.0, 3.0]).unwrap();
/// let mut y = ArrayD::zeros(vec![1, 1, 1, 4]);
/// conv.infer(x.view(), y.view_mut())?;
/// assert_eq!(y.as_slice().unwrap(), [1.5, 12.5, 23.5, 30.5]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ConvTranspose2d<F> {
    // All in C order.
    weight: Array4<F>,
    weight_grad: Array4<F>,
    bias: Option<(Array1<F>, Array1<F>)>,
    window: Window,
    output_padding: [usize; 2],
    groups: usize,
    // Kept so that a steady step allocates nothing here.
    patches: Vec<F>,
}

const NAME: &str = "ConvTranspose2d";
const ORDER: &str = "built in C order";

impl<F: Float> ConvTranspose2d<F> {
    /// From `inputs` to `outputs` channels with a kernel `[height, width]` and a bias; all zero.
    ///
    /// # Errors
    /// A kernel, stride, dilation or number of channels of 0; `groups` that does not divide both
    /// numbers of channels; an `output_padding` as large as both stride and dilation.
    pub fn new(
        inputs: usize,
        outputs: usize,
        kernel: [usize; 2],
        config: ConvTransposeConfig,
    ) -> Result<Self> {
        let zero = Array1::zeros(outputs);
        let conv = Self::without_bias(inputs, outputs, kernel, config)?;
        Ok(Self { bias: Some((zero.clone(), zero)), ..conv })
    }

    /// Without a bias: for a layer in front of a normalization, which would subtract it again.
    ///
    /// # Errors
    /// As [`ConvTranspose2d::new`].
    pub fn without_bias(
        inputs: usize,
        outputs: usize,
        kernel: [usize; 2],
        config: ConvTransposeConfig,
    ) -> Result<Self> {
        check_groups(NAME, config.groups, inputs, outputs)?;
        let weight = Array4::zeros((inputs, outputs / config.groups, kernel[0], kernel[1]));
        Self::with_parameters(weight, None, config)
    }

    /// With these values: `weight` is `[in, out / groups, height, width]`, `bias` is `[out]`.
    ///
    /// # Errors
    /// As [`ConvTranspose2d::new`]; a bias of another length than `out`.
    pub fn with_parameters(
        weight: Array4<F>,
        bias: Option<Array1<F>>,
        config: ConvTransposeConfig,
    ) -> Result<Self> {
        let ConvTransposeConfig { stride, padding, output_padding, dilation, groups } = config;
        let (inputs, outputs, height, width) = weight.dim();
        let window = Window { kernel: [height, width], stride, padding, dilation };
        window.check(NAME)?;
        let outputs = outputs.saturating_mul(groups);
        check_groups(NAME, groups, inputs, outputs)?;
        if (0..2).any(|axis| output_padding[axis] >= stride[axis].max(dilation[axis])) {
            let message = format!(
                "output_padding is {output_padding:?}, must be less than stride {stride:?} or dilation {dilation:?}"
            );
            return Err(Error::invalid(NAME, message));
        }
        if let Some(bias) = &bias {
            require_shape(NAME, ("bias", bias.shape()), ("expected", &[outputs]))?;
        }
        let bias =
            bias.map(|bias| (bias.as_standard_layout().into_owned(), Array1::zeros(outputs)));
        let weight = weight.as_standard_layout().into_owned();
        let weight_grad = Array4::zeros(weight.raw_dim());
        Ok(Self { weight, weight_grad, bias, window, output_padding, groups, patches: Vec::new() })
    }

    /// `W`, `[in, out / groups, height, width]`.
    pub fn weight(&self) -> ArrayView4<'_, F> {
        self.weight.view()
    }

    /// The numbers of a convolution whose image is the output and whose places are the input.
    fn sizes(&self, x: &[usize]) -> Result<Sizes> {
        let [samples, channels, height, width] = images(NAME, x)?;
        let (inputs, outputs, k, l) = self.weight.dim();
        if channels != inputs {
            return Err(Error::shape(NAME, ("input", x), ("weight", self.weight.shape())));
        }
        let places = [height, width];
        Ok(Sizes {
            samples,
            image: self.image(places)?,
            places,
            inputs: outputs,
            outputs: inputs / self.groups,
            taps: outputs * k * l,
        })
    }

    /// Height and width of the output.
    fn image(&self, places: [usize; 2]) -> Result<[usize; 2]> {
        let Window { kernel, stride, padding, dilation } = self.window;
        let mut image = [0; 2];
        for axis in 0..2 {
            let along = || {
                let last = places[axis].checked_sub(1)?.checked_mul(stride[axis])?;
                let span = (kernel[axis] - 1).checked_mul(dilation[axis])?;
                let end = last.checked_add(span)?.checked_add(self.output_padding[axis])?;
                let cut = padding[axis].checked_mul(2)?;
                end.checked_add(1)?.checked_sub(cut).filter(|&len| len > 0)
            };
            image[axis] = along().ok_or_else(|| {
                let message = format!(
                    "an input of {places:?} leaves no output: kernel {kernel:?}, stride {stride:?}, dilation {dilation:?}, padding {padding:?}"
                );
                Error::invalid(NAME, message)
            })?;
        }
        Ok(image)
    }

    fn output(&self, sizes: &Sizes) -> [usize; 4] {
        [sizes.samples, sizes.inputs * self.groups, sizes.image[0], sizes.image[1]]
    }

    fn run(
        &self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewMutD<'_, F>,
        patches: &mut Vec<F>,
    ) -> Result<()> {
        let sizes = self.sizes(x.shape())?;
        require_shape(NAME, ("output", y.shape()), ("expected", &self.output(&sizes)))?;
        patches.resize(sizes.taps * sizes.area(), F::zero());
        let (x, weight) = (x.as_standard_layout(), self.weight.as_slice().expect(ORDER));
        let x = numbers(&x).chunks_exact(sizes.outputs * sizes.area());
        with_numbers(y, |y| {
            let y = y.chunks_exact_mut(sizes.inputs * sizes.pixels());
            for (i, (x, y)) in x.zip(y).enumerate() {
                let group = i % self.groups;
                match &self.bias {
                    Some((bias, _)) => {
                        fill_channels(y, sizes.pixels(), bias.iter().skip(group * sizes.inputs));
                    }
                    None => y.fill(F::zero()),
                }
                let (weight, x) = (sizes.of_group(weight, group), rows(x, sizes.outputs));
                matmul(F::one(), weight.t(), x, F::zero(), rows_mut(patches, sizes.taps));
                sizes.scatter(&self.window, patches, y);
            }
        });
        Ok(())
    }
}

impl<F: Float> Parameters<F> for ConvTranspose2d<F> {
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

impl<F: Float> Layer<F> for ConvTranspose2d<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        Ok(IxDyn(&self.output(&self.sizes(x)?)))
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
        require_backward(NAME, &self.output(&sizes), &x, &y, &dy, dx.as_ref())?;
        let (one, zero) = (F::one(), F::zero());
        let (x, dy) = (x.as_standard_layout(), dy.as_standard_layout());
        let (x, dy) = (numbers(&x), numbers(&dy));
        let Self { weight, weight_grad, bias, window, groups, patches, .. } = self;
        patches.resize(sizes.taps * sizes.area(), zero);
        if let Some((_, grad)) = bias {
            sum_channels(dy, sizes.pixels(), grad.as_slice_mut().expect(ORDER));
        }
        weight_grad.fill(zero);
        let weight = weight.as_slice().expect(ORDER);
        let weight_grad = weight_grad.as_slice_mut().expect(ORDER);
        let (one_x, one_y) = (sizes.outputs * sizes.area(), sizes.inputs * sizes.pixels());
        let mut pass = |dx: Option<&mut [F]>| {
            let mut dx = dx.map(|dx| dx.chunks_exact_mut(one_x));
            for (i, (x, dy)) in x.chunks_exact(one_x).zip(dy.chunks_exact(one_y)).enumerate() {
                sizes.gather(window, dy, patches);
                let (patches, len) = (rows(patches, sizes.taps), sizes.outputs * sizes.taps);
                let grad = &mut weight_grad[i % *groups * len..][..len];
                let x = rows(x, sizes.outputs);
                matmul(one, x, patches.t(), one, rows_mut(grad, sizes.outputs));
                if let Some(dx) = dx.as_mut().and_then(Iterator::next) {
                    let weight = sizes.of_group(weight, i % *groups);
                    matmul(one, weight, patches, zero, rows_mut(dx, sizes.outputs));
                }
            }
        };
        match dx {
            Some(dx) => with_numbers(dx, |dx| pass(Some(dx))),
            None => pass(None),
        }
        Ok(())
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.run(x, y, &mut Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::{Conv2d, ConvConfig};
    use ndarray::ArrayD;
    use proptest::prelude::*;
    use tricks_tensor::{Noise, gradcheck};

    fn draw(shape: &[usize], seed: u64) -> ArrayD<f64> {
        let mut data = vec![0.0; shape.iter().product()];
        Noise::new(seed).fill_uniform(0, &mut data);
        ArrayD::from_shape_vec(shape.to_vec(), data).unwrap() - 0.5
    }

    /// The formula, number by number.
    fn naive(conv: &ConvTranspose2d<f64>, x: &ArrayD<f64>) -> ArrayD<f64> {
        let mut y = ArrayD::<f64>::zeros(conv.output_shape(x.shape()).unwrap());
        let Window { stride, padding, dilation, .. } = conv.window;
        if let Some((bias, _)) = &conv.bias {
            y.indexed_iter_mut().for_each(|(at, y)| *y = bias[at[1]]);
        }
        let (inputs, outputs, ..) = conv.weight.dim();
        for (at, x) in x.indexed_iter() {
            for ((_, o, k, l), w) in conv.weight.indexed_iter().filter(|(i, _)| i.0 == at[1]) {
                let channel = at[1] / (inputs / conv.groups) * outputs + o;
                let i = (at[2] * stride[0] + k * dilation[0]).wrapping_sub(padding[0]);
                let j = (at[3] * stride[1] + l * dilation[1]).wrapping_sub(padding[1]);
                if let Some(y) = y.get_mut([at[0], channel, i, j]) {
                    *y += w * x;
                }
            }
        }
        y
    }

    fn pair(range: std::ops::Range<usize>) -> impl Strategy<Value = [usize; 2]> {
        [range.clone(), range]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.div_ceil(2)))]
        #[test]
        fn it_is_the_formula(
            n in 0usize..3, channels in pair(1..4), groups in 1usize..3, kernel in pair(1..4),
            stride in pair(1..4), padding in pair(0..3), output_padding in pair(0..3),
            dilation in pair(1..4), image in pair(0..5), bias: bool, seed: u64,
        ) {
            let [inputs, outputs] = channels.map(|channels| channels * groups);
            let config = ConvTransposeConfig { stride, padding, output_padding, dilation, groups };
            let weight = draw(&[inputs, outputs / groups, kernel[0], kernel[1]], seed);
            let bias = bias.then(|| Array1::from_iter(draw(&[outputs], !seed)));
            let weight = weight.into_dimensionality().unwrap();
            let conv = ConvTranspose2d::with_parameters(weight, bias, config);
            let allowed = (0..2).all(|a| output_padding[a] < stride[a].max(dilation[a]));
            prop_assert_eq!(conv.is_ok(), allowed);
            let Ok(mut conv) = conv else { return Ok(()) };
            let x = draw(&[n, inputs, image[0], image[1]], seed ^ 1);
            let size = |a: usize| {
                let last = (image[a] as i64 - 1) * stride[a] as i64;
                last + ((kernel[a] - 1) * dilation[a] + output_padding[a] + 1) as i64
                    - 2 * padding[a] as i64
            };
            let fits = (0..2).all(|a| image[a] > 0 && size(a) > 0);
            let shape = conv.output_shape(x.shape());
            prop_assert_eq!(shape.is_ok(), fits);
            let Ok(shape) = shape else { return Ok(()) };
            prop_assert_eq!([shape[2] as i64, shape[3] as i64], [size(0), size(1)]);
            let mut y = ArrayD::from_elem(shape, f64::NAN);
            conv.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
            prop_assert!((&y - &naive(&conv, &x)).iter().all(|off| off.abs() < 1e-12));
            let report = gradcheck::layer(&mut conv, &x, Mode::Eval, Noise::new(seed)).unwrap();
            prop_assert!(report.worst <= 1e-6, "{:?}", report);
        }
    }

    #[test]
    fn it_is_what_a_convolution_sends_back() {
        let (stride, padding, dilation, groups) = ([2, 1], [1, 2], [1, 2], 2);
        let weight: Array4<f64> = draw(&[4, 3, 3, 2], 1).into_dimensionality().unwrap();
        let config = ConvConfig { stride, padding, dilation, groups };
        let mut conv = Conv2d::with_parameters(weight.clone(), None, config).unwrap();
        let config =
            ConvTransposeConfig { stride, padding, dilation, groups, ..Default::default() };
        let transposed = ConvTranspose2d::with_parameters(weight, None, config).unwrap();
        let x = draw(&[2, 6, 5, 6], 2);
        let dy = draw(conv.output_shape(x.shape()).unwrap().slice(), 3);
        let mut dx = ArrayD::zeros(x.raw_dim());
        conv.backward(x.view(), dy.view(), dy.view(), Some(dx.view_mut()), Mode::Eval).unwrap();
        let mut y = ArrayD::zeros(x.raw_dim());
        transposed.infer(dy.view(), y.view_mut()).unwrap();
        assert_eq!(y, dx);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let config = ConvTransposeConfig::default();
        let new = |kernel, config| {
            ConvTranspose2d::<f32>::new(3, 4, kernel, config).unwrap_err().to_string()
        };
        assert_eq!(
            new([3, 3], ConvTransposeConfig { groups: 2, ..config }),
            "ConvTranspose2d: groups is 2, must divide 3 input and 4 output channels, neither of them 0"
        );
        assert!(new([3, 3], ConvTransposeConfig { groups: 0, ..config }).contains("groups is 0"));
        let refused = "ConvTranspose2d: kernel is [0, 3], must be at least 1";
        assert_eq!(new([0, 3], config), refused);
        assert_eq!(
            new([3, 3], ConvTransposeConfig { stride: [2, 1], output_padding: [1, 1], ..config }),
            "ConvTranspose2d: output_padding is [1, 1], must be less than stride [2, 1] or dilation [1, 1]"
        );
        let bias = Some(ndarray::arr1(&[0.0; 2]));
        let refused = ConvTranspose2d::with_parameters(Array4::zeros((1, 1, 1, 1)), bias, config);
        let want = "ConvTranspose2d: bias has shape [2], expected [1]";
        assert_eq!(refused.unwrap_err().to_string(), want);

        let padding = ConvTransposeConfig { padding: [1, 2], ..config };
        let conv = ConvTranspose2d::<f32>::new(3, 4, [3, 3], padding).unwrap();
        let shape = |x: &[usize]| conv.output_shape(x).unwrap_err().to_string();
        assert_eq!(
            shape(&[1, 3, 4, 2]),
            "ConvTranspose2d: an input of [4, 2] leaves no output: kernel [3, 3], stride [1, 1], dilation [1, 1], padding [1, 2]"
        );
        assert!(shape(&[1, 3, 0, 9]).contains("an input of [0, 9]"));
        let refused = "ConvTranspose2d: input has shape [1, 2, 5, 5], weight [3, 4, 3, 3]";
        assert_eq!(shape(&[1, 2, 5, 5]), refused);
        assert!(shape(&[3, 5, 5]).contains("must be [samples, channels, height, width]"));
        let huge = ConvTransposeConfig { stride: [usize::MAX; 2], ..config };
        let conv = ConvTranspose2d::<f32>::new(3, 4, [3, 3], huge).unwrap();
        assert!(conv.output_shape(&[1, 3, 5, 5]).is_err());
    }
}
