use super::window::{ROW, check_groups, signals};
use super::{Conv2d, ConvConfig};
use ndarray::{Array1, Array3, ArrayView3, ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::views::{require_backward, require_shape};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, hyper, ndarray,
};

/// How a convolution over signals moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv1dConfig {
    /// Steps between places; at least 1.
    pub stride: usize,
    /// Zeros around the signal, on both sides.
    pub padding: usize,
    /// Steps between the taps of the kernel; at least 1.
    pub dilation: usize,
    /// Parts of the channels that do not see each other; divides both numbers of channels.
    pub groups: usize,
}

impl Default for Conv1dConfig {
    fn default() -> Self {
        Self { stride: 1, padding: 0, dilation: 1, groups: 1 }
    }
}

/// A convolution over signals: the same small kernel at every place of a sequence.
///
/// # Formula
/// ```text
/// y[n, o, i]  = b[o] + Σ_{c, k} W[o, c, k] · x[n, c, i s + k d − p]
/// length of y = ⌊(l + 2p − d (k − 1) − 1) / s⌋ + 1
/// dW[o, c, k] = Σ_{n, i} dy[n, o, i] x[n, c, i s + k d − p]           db[o] = Σ_{n, i} dy[n, o, i]
/// dx[n, c, j] = Σ W[o, c, k] dy[n, o, i]  over i s + k d − p = j
/// ```
/// `x` is `[samples, channels, length]`; outside the signal it is 0. Without a flip of the kernel
/// (a cross-correlation), as in PyTorch, Keras and JAX.
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
/// | `W` | `weight` | `[out, in / groups, kernel]` | `Weight` |
/// | `b` | `bias` | `[out]` | `Bias` |
///
/// # Memory
/// That of a [`Conv2d`] over images of one row, which it is.
///
/// # Notes
/// Parameters start at zero: give them values with `tricks_init`. Keras has the channels last.
///
/// # Source
/// Waibel and others: *Phoneme recognition using time-delay neural networks*, 1989.
///
/// ```
/// use tricks_net::layers::{Conv1d, Conv1dConfig};
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1, arr3}};
/// let config = Conv1dConfig { padding: 1, ..Conv1dConfig::default() };
/// let conv = Conv1d::with_parameters(arr3(&[[[-1.0, 0.0, 1.0]]]), Some(arr1(&[0.5])), config)?;
/// let x = ArrayD::from_shape_vec(vec![1, 1, 4], vec![1.0, 4.0, 9.0, 16.0]).unwrap();
/// let mut y = ArrayD::zeros(vec![1, 1, 4]);
/// conv.infer(x.view(), y.view_mut())?;
/// assert_eq!(y.as_slice().unwrap(), [4.5, 8.5, 12.5, -8.5]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conv1d<F> {
    /// Over images of one row.
    conv: Conv2d<F>,
    config: Conv1dConfig,
}

const NAME: &str = "Conv1d";

impl Conv1dConfig {
    fn check(self, kernel: usize) -> Result<()> {
        let all = [("kernel", kernel), ("stride", self.stride), ("dilation", self.dilation)];
        all.into_iter().try_for_each(|(field, value)| {
            hyper::require(NAME, field, value as f64, value > 0, "at least 1")
        })
    }

    fn of_images(self) -> ConvConfig {
        let Self { stride, padding, dilation, groups } = self;
        ConvConfig { stride: [1, stride], padding: [0, padding], dilation: [1, dilation], groups }
    }
}

impl<F: Float> Conv1d<F> {
    /// From `inputs` to `outputs` channels with a kernel of this length and a bias; all zero.
    ///
    /// # Errors
    /// A kernel, stride, dilation or number of channels of 0; `groups` that does not divide both
    /// numbers of channels.
    pub fn new(inputs: usize, outputs: usize, kernel: usize, config: Conv1dConfig) -> Result<Self> {
        Self::check(inputs, outputs, kernel, config)?;
        let conv = Conv2d::new(inputs, outputs, [1, kernel], config.of_images())?;
        Ok(Self { conv, config })
    }

    /// Without a bias: for a layer in front of a normalization, which would subtract it again.
    ///
    /// # Errors
    /// As [`Conv1d::new`].
    pub fn without_bias(
        inputs: usize,
        outputs: usize,
        kernel: usize,
        config: Conv1dConfig,
    ) -> Result<Self> {
        Self::check(inputs, outputs, kernel, config)?;
        let conv = Conv2d::without_bias(inputs, outputs, [1, kernel], config.of_images())?;
        Ok(Self { conv, config })
    }

    /// With these values: `weight` is `[out, in / groups, kernel]`, `bias` is `[out]`.
    ///
    /// # Errors
    /// As [`Conv1d::new`]; a bias of another length than `out`.
    pub fn with_parameters(
        weight: Array3<F>,
        bias: Option<Array1<F>>,
        config: Conv1dConfig,
    ) -> Result<Self> {
        let (outputs, inputs, kernel) = weight.dim();
        Self::check(inputs.saturating_mul(config.groups), outputs, kernel, config)?;
        if let Some(bias) = &bias {
            require_shape(NAME, ("bias", bias.shape()), ("expected", &[outputs]))?;
        }
        let conv = Conv2d::with_parameters(weight.insert_axis(ROW), bias, config.of_images())?;
        Ok(Self { conv, config })
    }

    fn check(inputs: usize, outputs: usize, kernel: usize, config: Conv1dConfig) -> Result<()> {
        config.check(kernel)?;
        check_groups(NAME, config.groups, inputs, outputs)
    }

    /// `W`, `[out, in / groups, kernel]`.
    pub fn weight(&self) -> ArrayView3<'_, F> {
        self.conv.weight().index_axis_move(ROW, 0)
    }

    fn shape(&self, x: &[usize]) -> Result<[usize; 3]> {
        let [samples, channels, length] = signals(NAME, x)?;
        let (weight, Conv1dConfig { padding, dilation, groups, .. }) = (self.weight(), self.config);
        let (_, inputs, kernel) = weight.dim();
        if channels != inputs * groups {
            return Err(Error::shape(NAME, ("input", x), ("weight", weight.shape())));
        }
        let y = self.conv.output_shape(&[samples, channels, 1, length]).map_err(|_| {
            let message = format!(
                "kernel {kernel} with dilation {dilation} is larger than the input {length} with padding {padding}"
            );
            Error::invalid(NAME, message)
        })?;
        Ok([samples, y[1], y[3]])
    }

    fn check_output(&self, x: &[usize], y: &[usize]) -> Result<()> {
        require_shape(NAME, ("output", y), ("expected", &self.shape(x)?))
    }
}

impl<F: Float> Parameters<F> for Conv1d<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        self.conv.visit(at, &mut |place, param| match *place.shape {
            [outputs, inputs, _, kernel] => {
                f(Place { shape: &[outputs, inputs, kernel], ..place }, param);
            }
            _ => f(place, param),
        });
    }
}

impl<F: Float> Layer<F> for Conv1d<F> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        Ok(IxDyn(&self.shape(x)?))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) -> Result<()> {
        self.check_output(x.shape(), y.shape())?;
        self.conv.forward(x.insert_axis(ROW), y.insert_axis(ROW), mode)
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        mode: Mode,
    ) -> Result<()> {
        require_backward(NAME, &self.shape(x.shape())?, &x, &y, &dy, dx.as_ref())?;
        let [x, y, dy] = [x.view(), y.view(), dy.view()].map(|view| view.insert_axis(ROW));
        self.conv.backward(x, y, dy, dx.map(|dx| dx.insert_axis(ROW)), mode)
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.check_output(x.shape(), y.shape())?;
        self.conv.infer(x.insert_axis(ROW), y.insert_axis(ROW))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{ArrayD, arr1, arr3};

    #[test]
    fn strided_and_dilated_by_hand() {
        // Two groups of one channel each; taps two apart, places two apart.
        let weight = arr3(&[[[1.0, 10.0]], [[2.0, -1.0]]]);
        let config = Conv1dConfig { stride: 2, padding: 1, dilation: 2, groups: 2 };
        let mut conv = Conv1d::with_parameters(weight, Some(arr1(&[0.0, 0.5])), config).unwrap();
        let x = ArrayD::from_shape_fn(vec![1, 2, 5], |at| (5 * at[1] + at[2] + 1) as f64);
        let mut y = ArrayD::zeros(conv.output_shape(&[1, 2, 5]).unwrap());
        conv.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
        // Padded: 0 1 2 3 4 5 0 and 0 6 7 8 9 10 0.
        assert_eq!(y.as_slice().unwrap(), [20.0, 42.0, 4.0, -6.5, 5.5, 18.5]);
    }

    #[test]
    fn parameters_have_three_axes() {
        let mut conv =
            Conv1d::<f32>::new(4, 6, 3, Conv1dConfig { groups: 2, ..Default::default() }).unwrap();
        let mut seen = Vec::new();
        conv.visit(&Path::ROOT, &mut |place, _| {
            seen.push((place.path.to_string(), place.shape.to_vec()));
        });
        assert_eq!(seen, [("weight".into(), vec![6, 2, 3]), ("bias".into(), vec![6])]);
        let mut without = Conv1d::<f32>::without_bias(1, 1, 1, Conv1dConfig::default()).unwrap();
        let mut count = 0;
        without.visit(&Path::ROOT, &mut |_, _| count += 1);
        assert_eq!(count, 1);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let config = Conv1dConfig::default();
        let new =
            |kernel, config| Conv1d::<f32>::new(3, 4, kernel, config).unwrap_err().to_string();
        assert_eq!(new(0, config), "Conv1d: kernel is 0, must be at least 1");
        let still = Conv1dConfig { stride: 0, ..config };
        assert_eq!(new(3, still), "Conv1d: stride is 0, must be at least 1");
        let still = Conv1dConfig { dilation: 0, ..config };
        assert_eq!(new(3, still), "Conv1d: dilation is 0, must be at least 1");
        let groups =
            "Conv1d: groups is 2, must divide 3 input and 4 output channels, neither of them 0";
        assert_eq!(new(3, Conv1dConfig { groups: 2, ..config }), groups);
        let bias = Some(arr1(&[0.0; 2]));
        let refused = Conv1d::with_parameters(arr3(&[[[1.0]]]), bias, config).unwrap_err();
        assert_eq!(refused.to_string(), "Conv1d: bias has shape [2], expected [1]");
        let mut conv = Conv1d::<f32>::new(3, 4, 3, config).unwrap();
        let shape = |x: &[usize]| conv.output_shape(x).unwrap_err().to_string();
        assert_eq!(
            shape(&[1, 3, 2]),
            "Conv1d: kernel 3 with dilation 1 is larger than the input 2 with padding 0"
        );
        assert_eq!(shape(&[1, 2, 5]), "Conv1d: input has shape [1, 2, 5], weight [4, 3, 3]");
        let refused = "Conv1d: input has shape [3, 5], must be [samples, channels, length]";
        assert_eq!(shape(&[3, 5]), refused);
        let (x, mut y) = (ArrayD::zeros(vec![1, 3, 5]), ArrayD::zeros(vec![1, 4, 5]));
        let refused = "Conv1d: output has shape [1, 4, 5], expected [1, 4, 3]";
        let text = |r: Result<()>| r.unwrap_err().to_string();
        assert_eq!(text(conv.forward(x.view(), y.view_mut(), Mode::Eval)), refused);
        assert_eq!(text(conv.infer(x.view(), y.view_mut())), refused);
        assert_eq!(text(conv.backward(x.view(), y.view(), y.view(), None, Mode::Eval)), refused);
    }
}
