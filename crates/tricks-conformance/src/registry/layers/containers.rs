use super::{LayerRow, row};
use crate::registry::About;
use tricks_net::layers::{Dense, Parallel, Residual, Sequential, Tanh};
use tricks_regularize::{BatchNorm, BatchNormConfig, DropPath};

pub(super) fn rows() -> Vec<LayerRow> {
    vec![
        row!(
            "Residual",
            "crates/tricks-net/src/layers/residual.rs",
            "y = f(x) + x, or f(x) + s(x)",
            |n| {
                let branch = Sequential::new()
                    .push(BatchNorm::new(n, BatchNormConfig::torch()).expect("valid"))
                    .push(Tanh)
                    .push(Dense::new(n, n))
                    .push(DropPath::new(0.3).expect("valid"));
                let projected = Sequential::new().push(Dense::new(n, 3)).push(Tanh);
                Sequential::new()
                    .push(Residual::new(branch))
                    .push(Residual::new(projected).shortcut(Dense::without_bias(n, 3)))
            }
        ),
        row!(
            "Parallel",
            "crates/tricks-net/src/layers/parallel.rs",
            "y = Σ fᵢ(x), or [f₀(x), f₁(x), …]",
            |n| {
                let sum = Parallel::sum()
                    .push(Dense::new(n, n))
                    .push(BatchNorm::new(n, BatchNormConfig::torch()).expect("valid"))
                    .push(Tanh);
                Parallel::concat(1).push(sum).push(Sequential::new()).push(Dense::new(n, 2))
            }
        ),
    ]
}
