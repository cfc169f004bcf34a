use super::{LayerRow, row};
use crate::registry::About;
use tricks_regularize::{
    ActivityPenalty, BatchRenorm, BatchRenormConfig, GaussianDropout, GaussianNoise, L1,
};

pub(super) fn rows() -> Vec<LayerRow> {
    vec![
        row!(
            "BatchRenorm",
            "crates/tricks-regularize/src/batch_renorm.rs",
            "y = γ ((x − μ_B)/σ_B · r + d) + β, r = σ_B/σ and d = (μ_B − μ)/σ within bounds",
            |n| {
                // The gradient takes r and d for constants, which differences see only where they are:
                // at bounds that leave them no room. Its own tests have others.
                let config = BatchRenormConfig { r_max: 1.0, d_max: 0.0, ..Default::default() };
                BatchRenorm::new(n, config).expect("valid")
            }
        ),
        row!(
            "GaussianDropout",
            "crates/tricks-regularize/src/gaussian_dropout.rs",
            "y = x·(1 + √(p/(1 − p)) z), z from N(0, 1)",
            |_| GaussianDropout::new(0.3).expect("valid")
        ),
        row!(
            "GaussianNoise",
            "crates/tricks-regularize/src/gaussian_noise.rs",
            "y = x + σ z, z from N(0, 1)",
            |_| GaussianNoise::new(0.5).expect("valid")
        ),
        row!(
            "ActivityPenalty",
            "crates/tricks-regularize/src/activity_penalty.rs",
            "y = x, and R(x)/n is part of the loss",
            // Its gradient is not that of its output; so the laws have one that penalizes nothing.
            |_| ActivityPenalty::new(L1 { lambda: 0.0 }).expect("valid")
        ),
    ]
}
