use super::About;

macro_rules! row {
    ($name:literal, $file:literal, $formula:literal) => {
        About {
            name: $name,
            file: concat!("crates/tricks-regularize/src/", $file),
            formula: $formula,
        }
    };
}

/// What acts on the weights of a layer before it uses them, or on inputs and targets before the net
/// sees them. Each has its own laws in its file.
pub static WEIGHTS_AND_INPUTS: &[About] = &[
    row!("WeightNorm", "weight_norm.rs", "w = g v/‖v‖, row by row"),
    row!("SpectralNorm", "spectral_norm.rs", "W / σ₁(W)"),
    row!(
        "WeightStandardization",
        "weight_standardization.rs",
        "w = (v − μ) / √(σ² + ε), row by row"
    ),
    row!("DropConnect", "drop_connect.rs", "w·mask / (1 − p)"),
    row!("Cutout", "cutout.rs", "x = 0 in a square"),
    row!(
        "RandomErasing",
        "random_erasing.rs",
        "x = v in a box of random area and aspect, with probability p"
    ),
    row!("Mixup", "mixup.rs", "λ xᵢ + (1 − λ) x_π(i), and so the targets"),
    row!("CutMix", "cutmix.rs", "a box of x_π(i) in xᵢ, targets by its area"),
];
