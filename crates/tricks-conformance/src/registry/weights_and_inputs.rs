use super::About;

macro_rules! row {
    ($name:literal, $file:literal, $formula:literal) => {
        About { name: $name, file: $file, formula: $formula }
    };
}

/// What acts on the weights of a layer before it uses them, or on inputs and targets before the net
/// sees them. Each has its own laws in its file.
pub static WEIGHTS_AND_INPUTS: &[About] = &[
    row!("WeightNorm", "crates/tricks-regularize/src/weight_norm.rs", "w = g v/‖v‖, row by row"),
    row!("SpectralNorm", "crates/tricks-regularize/src/spectral_norm.rs", "W / σ₁(W)"),
    row!(
        "WeightStandardization",
        "crates/tricks-regularize/src/weight_standardization.rs",
        "w = (v − μ) / √(σ² + ε), row by row"
    ),
    row!("DropConnect", "crates/tricks-regularize/src/drop_connect.rs", "w·mask / (1 − p)"),
    row!("Cutout", "crates/tricks-regularize/src/cutout.rs", "x = 0 in a square"),
    row!(
        "RandomErasing",
        "crates/tricks-regularize/src/random_erasing.rs",
        "x = v in a box of random area and aspect, with probability p"
    ),
    row!(
        "Mixup",
        "crates/tricks-regularize/src/mixup.rs",
        "λ xᵢ + (1 − λ) x_π(i), and so the targets"
    ),
    row!(
        "CutMix",
        "crates/tricks-regularize/src/cutmix.rs",
        "a box of x_π(i) in xᵢ, targets by its area"
    ),
];
