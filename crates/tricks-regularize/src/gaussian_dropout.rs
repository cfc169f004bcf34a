use crate::masked::{Pass, masked_layer};
use crate::normals::with_normals;
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD};
use tricks_tensor::views::{numbers, with_numbers};
use tricks_tensor::{Float, Mode, Result, hyper};

/// Gaussian dropout: in training each element is multiplied by a normal number of mean 1.
///
/// # Formula
/// ```text
/// training:   yᵢ = xᵢ · (1 + √(p/(1 − p)) zᵢ),   zᵢ from N(0, 1)
/// evaluation: y = x
/// backward:   dy in place of x, with the same z
/// ```
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `p` | p | none | [0, 1) |
///
/// # Memory
/// None. z is a function of the noise: `backward` computes it again.
///
/// # Notes
/// * Mean and variance of `y` are those of [`Dropout`](crate::Dropout) with the same `p`: x and
///   x² p/(1 − p). Nothing is zeroed, and a factor may be negative.
/// * Keras' `GaussianDropout`, whose `rate` is `p`. `p = 0` is the identity, exactly.
/// * zᵢ is made from uniform numbers `2⌊i/2⌋` and `2⌊i/2⌋ + 1` of the noise, `i` the position in C
///   order.
///
/// # Source
/// Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: *Dropout: a simple way to prevent
/// neural networks from overfitting*, JMLR 15, 2014, section 10.
///
/// ```
/// use tricks_regularize::GaussianDropout;
/// use tricks_tensor::{Layer, Mode, Noise, ndarray::ArrayD};
///
/// let x = ArrayD::<f64>::ones(vec![100, 100]);
/// let mut y = x.clone();
/// GaussianDropout::new(0.5)?.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(1)))?;
/// // Mean 1 and variance ½/½ = 1.
/// assert!((y.sum() / 1e4 - 1.0).abs() < 0.05 && (y.var(0.0) - 1.0).abs() < 0.05);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GaussianDropout {
    p: f64,
}

const NAME: &str = "GaussianDropout";

impl GaussianDropout {
    /// With the spread of a dropout of probability `p`.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) if `p` is not in [0, 1).
    pub fn new(p: f64) -> Result<Self> {
        hyper::fraction(NAME, "p", p)?;
        Ok(Self { p })
    }

    /// The probability of the dropout it stands for.
    pub fn p(self) -> f64 {
        self.p
    }

    fn check(self, _: &[usize]) -> Result<()> {
        Ok(())
    }

    /// What both passes do.
    fn pass<F: Float>(
        self,
        _: Pass,
        x: ArrayViewD<'_, F>,
        mut y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) {
        let Mode::Train(noise) = mode else {
            y.assign(&x);
            return;
        };
        let std = (self.p / (1.0 - self.p)).sqrt();
        let x = x.as_standard_layout();
        with_numbers(y, |y| with_normals((noise, 0), numbers(&x), y, |x, z| x * (1.0 + std * z)));
    }
}

masked_layer! { impl Layer<F> for GaussianDropout }

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::ndarray::ArrayD;
    use tricks_tensor::{Layer, Noise};

    /// The factor is that of a position, and both passes have it.
    #[test]
    fn both_passes_multiply_by_the_same_numbers() {
        let mut layer = GaussianDropout::new(0.2).unwrap();
        let x = ArrayD::from_shape_fn(vec![3, 5], |i| (i[0] * 5 + i[1]) as f64 - 7.0);
        let (mut y, mut dx) = (x.clone(), x.clone());
        let ones = ArrayD::ones(x.raw_dim());
        let mode = Mode::Train(Noise::new(9));
        layer.forward(x.view(), y.view_mut(), mode).unwrap();
        layer.backward(x.view(), y.view(), ones.view(), Some(dx.view_mut()), mode).unwrap();
        assert_eq!(y, &x * &dx);
        // √(0.2/0.8) = ½.
        let mut z = [0.0; 15];
        with_normals((Noise::new(9), 0), &[0.0; 15], &mut z, |_, z| z);
        assert!(dx.iter().zip(z).all(|(dx, z)| *dx == 1.0 + 0.5 * z));
    }

    #[test]
    fn without_spread_it_is_the_identity() {
        let x = ArrayD::from_shape_vec(vec![3], vec![f64::INFINITY, -2.0, 1e-310]).unwrap();
        let mut y = ArrayD::zeros(vec![3]);
        let train = Mode::Train(Noise::new(0));
        GaussianDropout::new(0.0).unwrap().forward(x.view(), y.view_mut(), train).unwrap();
        assert_eq!(y, x);
        GaussianDropout::new(0.5).unwrap().infer(x.view(), y.view_mut()).unwrap();
        assert_eq!(y, x);
    }

    #[test]
    fn what_is_refused() {
        let refused = |p| GaussianDropout::new(p).unwrap_err().to_string();
        assert_eq!(refused(1.0), "GaussianDropout: p is 1, must be in [0, 1)");
        assert_eq!(refused(-0.1), "GaussianDropout: p is -0.1, must be in [0, 1)");
        assert_eq!(refused(f64::NAN), "GaussianDropout: p is NaN, must be in [0, 1)");
    }
}
