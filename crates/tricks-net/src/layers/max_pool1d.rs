use super::MaxPool2d;
use super::window::{ROW, signals};
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::views::{require_backward, require_shape};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, hyper, ndarray,
};

/// The largest number of each window of a signal.
///
/// # Formula
/// ```text
/// y[i] = max of x[i s − p + k] over the kernel, the padding left out
/// dx   = dy at the first maximum of each window, summed over windows
/// ```
/// `x` is `[samples, channels, length]`, and each channel is by itself.
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `kernel` | | – | at least 1 |
/// | `stride` | s | `kernel` | at least 1 |
/// | `padding` | p | 0 | at most half of `kernel` |
///
/// # Memory
/// None.
///
/// # Notes
/// A [`MaxPool2d`] over images of one row. A NaN in a window is its maximum. Between equals the
/// first gets the gradient, as in PyTorch.
///
/// ```
/// use tricks_net::layers::MaxPool1d;
/// use tricks_tensor::{Layer, ndarray::ArrayD};
/// let x = ArrayD::from_shape_vec(vec![1, 1, 5], vec![1.0, 5.0, 2.0, 3.0, 9.0]).unwrap();
/// let mut y = ArrayD::zeros(vec![1, 1, 2]);
/// MaxPool1d::new(2)?.infer(x.view(), y.view_mut())?;
/// assert_eq!(y.as_slice().unwrap(), [5.0, 3.0]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool1d {
    /// Over images of one row.
    pool: MaxPool2d,
    kernel: usize,
    padding: usize,
}

const NAME: &str = "MaxPool1d";

impl MaxPool1d {
    /// With this kernel, side by side.
    ///
    /// # Errors
    /// A kernel of 0.
    pub fn new(kernel: usize) -> Result<Self> {
        hyper::require(NAME, "kernel", kernel as f64, kernel > 0, "at least 1")?;
        Ok(Self { pool: MaxPool2d::new([1, kernel])?, kernel, padding: 0 })
    }

    /// The same with another stride, and with padding.
    ///
    /// # Errors
    /// A stride of 0; padding of more than half the kernel.
    pub fn moving(self, stride: usize, padding: usize) -> Result<Self> {
        hyper::require(NAME, "stride", stride as f64, stride > 0, "at least 1")?;
        let kernel = self.kernel;
        let fits = padding <= kernel / 2;
        if !fits {
            let message =
                format!("padding is {padding}, must be at most half of the kernel, {kernel}");
            return Err(Error::invalid(NAME, message));
        }
        Ok(Self { pool: self.pool.moving([1, stride], [0, padding])?, kernel, padding })
    }

    fn shape(&self, x: &[usize]) -> Result<[usize; 3]> {
        let [samples, channels, length] = signals(NAME, x)?;
        let (kernel, padding) = (self.kernel, self.padding);
        let y = Layer::<f64>::output_shape(&self.pool, &[samples, channels, 1, length]);
        let y = y.map_err(|_| {
            let message = match length {
                0 => "a signal of length 0".into(),
                _ => format!(
                    "kernel {kernel} is larger than the input {length} with padding {padding}"
                ),
            };
            Error::invalid(NAME, message)
        })?;
        Ok([samples, channels, y[3]])
    }
}

impl<F: Float> Parameters<F> for MaxPool1d {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float> Layer<F> for MaxPool1d {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        Ok(IxDyn(&self.shape(x)?))
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
        mode: Mode,
    ) -> Result<()> {
        require_backward(NAME, &self.shape(x.shape())?, &x, &y, &dy, dx.as_ref())?;
        let [x, y, dy] = [x.view(), y.view(), dy.view()].map(|view| view.insert_axis(ROW));
        self.pool.backward(x, y, dy, dx.map(|dx| dx.insert_axis(ROW)), mode)
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        require_shape(NAME, ("output", y.shape()), ("expected", &self.shape(x.shape())?))?;
        self.pool.infer(x.insert_axis(ROW), y.insert_axis(ROW))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::ArrayD;

    #[test]
    fn moving_by_hand() {
        let mut pool = MaxPool1d::new(3).unwrap().moving(2, 1).unwrap();
        let x =
            ArrayD::from_shape_vec(vec![1, 2, 4], vec![1.0, 5.0, 2.0, 3.0, -1.0, -2.0, -3.0, -3.0]);
        let (x, mut y, mut dx) =
            (x.unwrap(), ArrayD::zeros(vec![1, 2, 2]), ArrayD::zeros(vec![1, 2, 4]));
        pool.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
        assert_eq!(y.as_slice().unwrap(), [5.0, 5.0, -1.0, -2.0]);
        let dy = ArrayD::from_shape_vec(vec![1, 2, 2], vec![1.0, 2.0, 4.0, 8.0]).unwrap();
        pool.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), Mode::Eval).unwrap();
        assert_eq!(dx.as_slice().unwrap(), [0.0, 3.0, 0.0, 0.0, 4.0, 8.0, 0.0, 0.0]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let text = |e: Error| e.to_string();
        assert_eq!(
            text(MaxPool1d::new(0).unwrap_err()),
            "MaxPool1d: kernel is 0, must be at least 1"
        );
        let pool = MaxPool1d::new(3).unwrap();
        assert_eq!(
            text(pool.moving(0, 0).unwrap_err()),
            "MaxPool1d: stride is 0, must be at least 1"
        );
        let refused = "MaxPool1d: padding is 2, must be at most half of the kernel, 3";
        assert_eq!(text(pool.moving(1, 2).unwrap_err()), refused);
        let shape = |x: &[usize]| text(Layer::<f64>::output_shape(&pool, x).unwrap_err());
        let refused = "MaxPool1d: kernel 3 is larger than the input 2 with padding 0";
        assert_eq!(shape(&[1, 1, 2]), refused);
        assert_eq!(shape(&[1, 1, 0]), "MaxPool1d: a signal of length 0");
        let refused = "MaxPool1d: input has shape [1, 4], must be [samples, channels, length]";
        assert_eq!(shape(&[1, 4]), refused);
        let (x, mut y) = (ArrayD::<f64>::zeros(vec![1, 1, 3]), ArrayD::zeros(vec![1, 1, 2]));
        let refused = "MaxPool1d: output has shape [1, 1, 2], expected [1, 1, 1]";
        assert_eq!(text(pool.infer(x.view(), y.view_mut()).unwrap_err()), refused);
        let mut pool = pool;
        let back = pool.backward(x.view(), y.view(), y.view(), None, Mode::Eval);
        assert_eq!(text(back.unwrap_err()), refused);
    }
}
