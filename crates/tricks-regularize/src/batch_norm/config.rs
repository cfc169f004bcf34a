use tricks_tensor::{Result, hyper};

/// Hyper-parameters of [`BatchNorm`](crate::BatchNorm); the default is PyTorch's.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `eps` | ε | 1e-5 | above 0 |
/// | `momentum` | m | `Some(0.1)` | [0, 1], or `None` |
/// | `running_variance` | | `Unbiased` | |
/// | `affine` | | true | |
/// | `track_running_stats` | | true | |
///
/// # Notes
/// `momentum` is the weight of the *new* batch, as in PyTorch. Keras counts the other way round:
/// its `momentum=0.99` is `Some(0.01)` here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormConfig {
    /// Added to the variance, so that a constant feature gives zeros.
    pub eps: f64,
    /// Weight of the newest batch in the running statistics; `None` is the plain average of all
    /// batches so far.
    pub momentum: Option<f64>,
    /// Which variance of the batch enters the running one.
    pub running_variance: RunningVariance,
    /// Whether γ and β are parameters; otherwise they are 1 and 0, and not visited.
    pub affine: bool,
    /// Whether running statistics are kept; otherwise evaluation uses those of its batch too.
    pub track_running_stats: bool,
}

/// Which variance of a batch of `n` enters the running variance.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunningVariance {
    /// `Σ (x − μ)² / (n − 1)`: PyTorch.
    Unbiased,
    /// `Σ (x − μ)² / n`: Keras.
    Biased,
}

impl Default for BatchNormConfig {
    fn default() -> Self {
        Self::torch()
    }
}

impl BatchNormConfig {
    /// PyTorch: ε 1e-5, m 0.1, unbiased running variance.
    pub fn torch() -> Self {
        Self {
            eps: 1e-5,
            momentum: Some(0.1),
            running_variance: RunningVariance::Unbiased,
            affine: true,
            track_running_stats: true,
        }
    }

    /// Keras: ε 1e-3, m 0.01 (its `momentum=0.99`), biased running variance.
    pub fn keras() -> Self {
        Self {
            eps: 1e-3,
            momentum: Some(0.01),
            running_variance: RunningVariance::Biased,
            ..Self::torch()
        }
    }

    pub(super) fn validate(&self, owner: &'static str) -> Result<()> {
        hyper::positive(owner, "eps", self.eps)?;
        self.momentum.map_or(Ok(()), |m| hyper::probability(owner, "momentum", m))
    }
}
