//! What is known about activations, by the names of their layers.

use ndarray::{ArrayViewD, Axis};
use tricks_init::VarianceScaling;
use tricks_tensor::views::numbers;
use tricks_tensor::{Float, ndarray};

/// The initializer that keeps a signal's size through what follows the weight.
pub(super) fn initializer(activation: Option<&str>) -> (&'static str, VarianceScaling) {
    match activation {
        Some(
            "ReLU" | "ReLU6" | "LeakyReLU" | "PReLU" | "ELU" | "CELU" | "GELU" | "SiLU" | "Mish"
            | "Softplus" | "Hardswish" | "Threshold" | "Softshrink" | "Hardshrink",
        ) => ("He normal", VarianceScaling::he_normal()),
        Some("SELU") => ("LeCun normal", VarianceScaling::lecun_normal()),
        _ => ("Xavier normal", VarianceScaling::xavier_normal()),
    }
}

/// Whether a layer of this name is an activation: a weight's output ends here.
pub(super) fn is_activation(layer: &str) -> bool {
    let bounded = matches!(
        layer,
        "Tanh" | "Sigmoid" | "Softsign" | "Hardtanh" | "Hardsigmoid" | "LogSigmoid" | "Tanhshrink"
    );
    let over_features = matches!(layer, "Softmax" | "LogSoftmax" | "GLU");
    bounded || over_features || initializer(Some(layer)).0 != initializer(None).0
}

/// Whether a layer of this name takes the size of its input away.
pub(super) fn is_normalization(layer: &str) -> bool {
    matches!(
        layer,
        "BatchNorm"
            | "BatchRenorm"
            | "LayerNorm"
            | "RmsNorm"
            | "GroupNorm"
            | "InstanceNorm"
            | "L2Normalize"
    )
}

/// `√0.9`: there the slope `1 − y²` of tanh is a tenth of its greatest.
const TANH: f64 = 0.948_683_298_050_513_8;
/// `1 − √0.1`: the same for softsign, whose slope is `(1 − |y|)²`.
const SOFTSIGN: f64 = 0.683_772_233_983_162_1;

/// The share of outputs so near a bound that the slope there is a tenth of its greatest at most;
/// none for activations without two bounds.
pub(super) fn saturated<F: Float>(layer: &str, y: &ArrayViewD<'_, F>) -> Option<f64> {
    let y = y.as_standard_layout();
    let y = numbers(&y);
    let share = |near: &dyn Fn(f64) -> bool| {
        y.iter().filter(|y| near(y.widen())).count() as f64 / y.len().max(1) as f64
    };
    match layer {
        "Tanh" => Some(share(&|y| y.abs() >= TANH)),
        // σ(x) = (1 + tanh(x/2))/2
        "Sigmoid" => Some(share(&|y| (2.0 * y - 1.0).abs() >= TANH)),
        "Softsign" => Some(share(&|y| y.abs() >= SOFTSIGN)),
        "Hardsigmoid" => Some(share(&|y| y <= 0.0 || y >= 1.0)),
        _ => None,
    }
}

/// Units that are zero on the whole batch, and how many there are; none for activations without a
/// zero side. `channels` says that units are along axis 1, else along the last one.
pub(super) fn dead<F: Float>(
    layer: &str,
    y: &ArrayViewD<'_, F>,
    channels: bool,
) -> Option<(usize, usize)> {
    if !matches!(layer, "ReLU" | "ReLU6") || y.ndim() < 2 {
        return None;
    }
    let axis = Axis(if channels { 1 } else { y.ndim() - 1 });
    let dead = y.axis_iter(axis).filter(|unit| unit.iter().all(|y| *y == F::zero())).count();
    Some((dead, y.len_of(axis)))
}
