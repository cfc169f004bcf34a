use crate::masked::{Pass, masked_layer};
use crate::normals::with_normals;
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD};
use tricks_tensor::views::{numbers, with_numbers};
use tricks_tensor::{Float, Mode, Result, hyper};

/// Gaussian noise: in training a normal number is added to each element.
///
/// # Formula
/// ```text
/// training:   yᵢ = xᵢ + σ zᵢ,   zᵢ from N(0, 1)
/// evaluation: y = x
/// backward:   dx = dy
/// ```
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `std` | σ | none | at least 0 |
///
/// # Memory
/// None.
///
/// # Notes
/// Keras' `GaussianNoise`, whose `stddev` is `std`. `std = 0` is the identity, exactly. zᵢ is made
/// from uniform numbers `2⌊i/2⌋` and `2⌊i/2⌋ + 1` of the noise, `i` the position in C order.
///
/// # Source
/// Bishop: *Training with noise is equivalent to Tikhonov regularization*, Neural Computation 7,
/// 1995.
///
/// ```
/// use tricks_regularize::GaussianNoise;
/// use tricks_tensor::{Layer, Mode, Noise, ndarray::ArrayD};
///
/// let x = ArrayD::<f64>::ones(vec![100, 100]);
/// let mut y = x.clone();
/// GaussianNoise::new(0.5)?.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(1)))?;
/// assert!((y.sum() / 1e4 - 1.0).abs() < 0.03 && (y.var(0.0) - 0.25).abs() < 0.02);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaussianNoise {
    std: f64,
}

const NAME: &str = "GaussianNoise";

impl GaussianNoise {
    /// With this standard deviation.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) if `std` is not finite and at least 0.
    pub fn new(std: f64) -> Result<Self> {
        hyper::non_negative(NAME, "std", std)?;
        Ok(Self { std })
    }

    /// The standard deviation.
    pub fn std(self) -> f64 {
        self.std
    }

    fn check(self, _: &[usize]) -> Result<()> {
        Ok(())
    }

    fn pass<F: Float>(
        self,
        pass: Pass,
        x: ArrayViewD<'_, F>,
        mut y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) {
        match (pass, mode) {
            (Pass::Forward, Mode::Train(noise)) => {
                let (std, x) = (self.std, x.as_standard_layout());
                let add = move |x, z| x + std * z;
                with_numbers(y, |y| with_normals((noise, 0), numbers(&x), y, add));
            }
            (Pass::Backward, _) | (_, Mode::Eval) => y.assign(&x),
        }
    }
}

masked_layer! { impl Layer<F> for GaussianNoise }

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::ndarray::ArrayD;
    use tricks_tensor::{Layer, Noise};

    #[test]
    fn the_gradient_goes_through() {
        let mut layer = GaussianNoise::new(0.5).unwrap();
        let x = ArrayD::from_shape_fn(vec![3, 5], |i| (i[0] * 5 + i[1]) as f64 - 7.0);
        let (mut y, mut dx) = (x.clone(), ArrayD::zeros(x.raw_dim()));
        let mode = Mode::Train(Noise::new(9));
        layer.forward(x.view(), y.view_mut(), mode).unwrap();
        layer.backward(x.view(), y.view(), x.view(), Some(dx.view_mut()), mode).unwrap();
        assert_eq!(dx, x);
        let mut z = [0.0; 15];
        with_normals((Noise::new(9), 0), &[0.0; 15], &mut z, |_, z| z);
        for ((y, x), z) in y.iter().zip(&x).zip(z) {
            assert_eq!(*y, x + 0.5 * z);
        }
    }

    #[test]
    fn without_spread_it_is_the_identity() {
        let x = ArrayD::from_shape_vec(vec![3], vec![f64::INFINITY, -2.0, 1e-310]).unwrap();
        let mut y = ArrayD::zeros(vec![3]);
        let train = Mode::Train(Noise::new(0));
        GaussianNoise::new(0.0).unwrap().forward(x.view(), y.view_mut(), train).unwrap();
        assert_eq!(y, x);
        GaussianNoise::new(0.5).unwrap().infer(x.view(), y.view_mut()).unwrap();
        assert_eq!(y, x);
    }

    #[test]
    fn what_is_refused() {
        let refused = |std| GaussianNoise::new(std).unwrap_err().to_string();
        let want = "must be finite and at least 0";
        assert_eq!(refused(-0.1), format!("GaussianNoise: std is -0.1, {want}"));
        assert_eq!(refused(f64::INFINITY), format!("GaussianNoise: std is inf, {want}"));
        assert_eq!(refused(f64::NAN), format!("GaussianNoise: std is NaN, {want}"));
    }
}
