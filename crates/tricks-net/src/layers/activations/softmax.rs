use super::axis_of;
use ndarray::{ArrayView1, ArrayViewD, ArrayViewMutD, IxDyn, Zip};
use tricks_tensor::views::{require_backward, require_shape};
use tricks_tensor::{Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, ndarray};

/// Numbers as probabilities: positive, of sum 1 along an axis.
///
/// # Formula
/// ```text
/// yᵢ  = e^(xᵢ − m) / Σⱼ e^(xⱼ − m),  m = max x
/// dxᵢ = yᵢ (dyᵢ − Σⱼ yⱼ dyⱼ)
/// ```
/// Along the last axis, or along the one of [`Softmax::along`].
///
/// −∞ gets probability 0: a mask. A line of nothing but −∞, or with +∞ or NaN, is NaN. Sums are
/// taken in `f64`. For a classifier, [`SoftmaxCrossEntropy`](crate::losses::SoftmaxCrossEntropy)
/// takes the numbers before this function.
///
/// Source: Bridle: *Probabilistic interpretation of feedforward classification network outputs*,
/// 1990.
///
/// ```
/// use tricks_net::layers::Softmax;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr2}};
/// let x = arr2(&[[1000.0, 1000.0, f64::NEG_INFINITY], [-5.0, -5.0, -5.0 + 2f64.ln()]]).into_dyn();
/// let mut y = ArrayD::zeros(vec![2, 3]);
/// Softmax::default().infer(x.view(), y.view_mut())?;
/// let want = arr2(&[[0.5, 0.5, 0.0], [0.25, 0.25, 0.5]]).into_dyn();
/// assert!((y - want).iter().all(|off| off.abs() < 1e-15));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Softmax {
    axis: Option<usize>,
}

/// The logarithm of [`Softmax`], of any finite numbers without overflow or underflow.
///
/// # Formula
/// ```text
/// yᵢ  = xᵢ − m − ln Σⱼ e^(xⱼ − m),  m = max x
/// dxᵢ = dyᵢ − e^(yᵢ) Σⱼ dyⱼ
/// ```
/// Along the last axis, or along the one of [`LogSoftmax::along`].
///
/// −∞ stays −∞. A line of nothing but −∞, or with +∞ or NaN, is NaN. Sums are taken in `f64`.
///
/// ```
/// use tricks_net::layers::LogSoftmax;
/// use tricks_tensor::{Layer, ndarray::{ArrayD, arr1}};
/// let (x, mut y) = (arr1(&[1000.0, 0.0, 1000.0]).into_dyn(), ArrayD::zeros(vec![3]));
/// LogSoftmax::default().infer(x.view(), y.view_mut())?;
/// assert!((y[[0]] + 0.69314718056f64).abs() < 1e-11);
/// assert!((y[[1]] + 1000.69314718056f64).abs() < 1e-10);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogSoftmax {
    axis: Option<usize>,
}

/// `m` and `Σ e^(x − m)`.
fn partition<F: Float>(x: ArrayView1<'_, F>) -> (F, f64) {
    // A NaN loses every comparison here, and wins in the sum.
    let max = x.iter().fold(F::neg_infinity(), |max, &x| if x > max { x } else { max });
    (max, x.iter().map(|&x| (x - max).exp_exact().widen()).sum())
}

macro_rules! along_an_axis {
    ($layer:ident, |$x:ident, $max:ident, $sum:ident| $value:expr, |$y:ident, $dy:ident| $inner:expr, |$total:ident| $gradient:expr) => {
        impl $layer {
            /// Along this axis; the default is the last.
            pub fn along(axis: usize) -> Self {
                Self { axis: Some(axis) }
            }
        }

        impl<F: Float> Parameters<F> for $layer {
            fn visit<'p>(
                &'p mut self,
                _: &Path<'_>,
                _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>),
            ) {
            }
        }

        impl<F: Float> Layer<F> for $layer {
            fn name(&self) -> &'static str {
                stringify!($layer)
            }

            fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
                axis_of(stringify!($layer), self.axis, x)?;
                Ok(IxDyn(x))
            }

            fn forward(
                &mut self,
                x: ArrayViewD<'_, F>,
                y: ArrayViewMutD<'_, F>,
                _: Mode,
            ) -> Result<()> {
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
                let name = stringify!($layer);
                let axis = axis_of(name, self.axis, x.shape())?;
                require_backward(name, x.shape(), &x, &y, &dy, dx.as_ref())?;
                let Some(mut dx) = dx else { return Ok(()) };
                Zip::from(y.lanes(axis)).and(dy.lanes(axis)).and(dx.lanes_mut(axis)).for_each(
                    |y, dy, dx| {
                        let pairs = y.iter().zip(dy);
                        let $total = F::of(pairs.map(|(&$y, &$dy)| $inner).sum::<f64>());
                        for ((&$y, &$dy), dx) in y.iter().zip(dy).zip(dx) {
                            *dx = $gradient;
                        }
                    },
                );
                Ok(())
            }

            fn infer(&self, x: ArrayViewD<'_, F>, mut y: ArrayViewMutD<'_, F>) -> Result<()> {
                let name = stringify!($layer);
                let axis = axis_of(name, self.axis, x.shape())?;
                require_shape(name, ("output", y.shape()), ("input", x.shape()))?;
                Zip::from(x.lanes(axis)).and(y.lanes_mut(axis)).for_each(|x, y| {
                    let ($max, sum) = partition(x);
                    let $sum = F::of(sum);
                    for (&$x, y) in x.iter().zip(y) {
                        *y = $value;
                    }
                });
                Ok(())
            }
        }
    };
}

along_an_axis!(
    Softmax,
    |x, max, sum| (x - max).exp_exact() / sum,
    |y, dy| y.widen() * dy.widen(),
    |total| y * (dy - total)
);
along_an_axis!(LogSoftmax, |x, max, sum| x - max - sum.ln_exact(), |_y, dy| dy.widen(), |total| dy
    - _y.exp_exact() * total);
