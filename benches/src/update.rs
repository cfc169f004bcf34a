//! The rules that are timed, and the loops they are held against.

use crate::limit::{self, Limit};
use tricks_optim::{AdaGrad, Adam, AdamW, Describe, Lion, Momentum, RmsProp, Sgd};
use tricks_tensor::math::debias;

/// The learning rate of all cases.
pub(crate) const LR: f64 = 1e-3;

/// An update rule, in PyTorch's form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Update {
    Sgd,
    Momentum,
    AdaGrad,
    RmsProp,
    Adam,
    AdamW,
    Lion,
}

impl Update {
    /// All, from the simplest.
    pub const ALL: [Self; 7] = [
        Self::Sgd,
        Self::Momentum,
        Self::AdaGrad,
        Self::RmsProp,
        Self::Adam,
        Self::AdamW,
        Self::Lion,
    ];

    /// The loop that does just what step `t` does.
    pub fn limit(self, t: u64) -> Limit {
        let lr = LR as f32;
        match self {
            Self::Sgd => Limit::Sgd { lr },
            Self::Momentum => Limit::Momentum { lr, mu: Momentum::torch().momentum as f32 },
            Self::AdaGrad => Limit::AdaGrad { lr, eps: AdaGrad::torch().eps as f32 },
            Self::RmsProp => {
                let RmsProp { rho, eps, .. } = RmsProp::torch();
                Limit::RmsProp { lr, rho: rho as f32, fresh: (1.0 - rho) as f32, eps: eps as f32 }
            }
            Self::Adam => Limit::Adam(adam(Adam::torch(), t)),
            Self::AdamW => {
                let AdamW { adam: rule, weight_decay } = AdamW::torch();
                Limit::AdamW { keep: (1.0 - LR * weight_decay) as f32, adam: adam(rule, t) }
            }
            Self::Lion => {
                let Lion { beta1, beta2 } = Lion::default();
                Limit::Lion {
                    lr,
                    beta1: [beta1 as f32, (1.0 - beta1) as f32],
                    beta2: [beta2 as f32, (1.0 - beta2) as f32],
                }
            }
        }
    }

    /// How many numbers of memory it keeps for each parameter.
    pub fn slots(self) -> usize {
        match self {
            Self::Sgd => Sgd.slots().len(),
            Self::Momentum => Momentum::torch().slots().len(),
            Self::AdaGrad => AdaGrad::torch().slots().len(),
            Self::RmsProp => RmsProp::torch().slots().len(),
            Self::Adam => Adam::torch().slots().len(),
            Self::AdamW => AdamW::torch().slots().len(),
            Self::Lion => Lion::default().slots().len(),
        }
    }
}

fn adam(rule: Adam, t: u64) -> limit::Adam {
    let Adam { beta1, beta2, eps, .. } = rule;
    limit::Adam {
        lr: (LR / debias(beta1, t)) as f32,
        beta1: [beta1 as f32, (1.0 - beta1) as f32],
        beta2: [beta2 as f32, (1.0 - beta2) as f32],
        debias: (1.0 / debias(beta2, t)) as f32,
        eps: eps as f32,
    }
}
