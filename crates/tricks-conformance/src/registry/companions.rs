use super::About;

macro_rules! row {
    ($name:literal, $file:literal, $formula:literal) => {
        About { name: $name, file: $file, formula: $formula }
    };
}

/// Everything that rides along with an optimizer.
pub static COMPANIONS: &[About] = &[
    row!(
        "Accumulate",
        "crates/tricks-optim/src/companions/accumulate.rs",
        "a ← a + g for several batches, then one step of the mean"
    ),
    row!(
        "Lookahead",
        "crates/tricks-optim/src/companions/lookahead.rs",
        "every k steps: φ ← φ + α (θ − φ), θ ← φ"
    ),
    row!(
        "LossScaler",
        "crates/tricks-optim/src/companions/loss_scaler.rs",
        "backward on s·L, the step uses g / s; s follows overflow"
    ),
    row!(
        "Projection",
        "crates/tricks-optim/src/companions/projection.rs",
        "θ ← the nearest point of a set: box, simplex, balls, unit rows"
    ),
    row!("Sam", "crates/tricks-optim/src/companions/sam.rs", "g ← ∇L(θ + ρ g/‖g‖)"),
    row!(
        "SkipNonFinite",
        "crates/tricks-optim/src/companions/skip_non_finite.rs",
        "a step with a NaN gradient is skipped, several in a row are an error"
    ),
    row!(
        "UpdateRatio",
        "crates/tricks-optim/src/companions/update_ratio.rs",
        "‖Δθ‖ / ‖θ‖ for each parameter"
    ),
    row!(
        "WeightAverage",
        "crates/tricks-optim/src/companions/weight_average.rs",
        "ā ← κ ā + (1 − κ) θ: exponential (EMA) or equal (SWA)"
    ),
];
