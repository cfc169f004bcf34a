//! Optimizers as their authors wrote them.

use super::descent::{Plan, descend};
use super::{in_dtype, not_yet};
use crate::{Run, Stop};
use tricks_optim::{Lion, Rule, ScheduleFree, ScheduleFreeBase, WeightDecay};
use tricks_tensor::Float;

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    in_dtype!(run, descent)
}

fn descent<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let hyper = &run.hyper;
    let betas = || -> Result<[f64; 2], Stop> {
        hyper.numbers("betas")?.try_into().map_err(|_| Stop::Malformed("betas".into()))
    };
    let rule: Box<dyn Rule<F>> = match run.op() {
        "Lion" => {
            let [beta1, beta2] = betas()?;
            Box::new(Lion { beta1, beta2 })
        }
        op @ ("SGDScheduleFree" | "AdamWScheduleFree") => {
            // What their state starts from, and how they are computed.
            for key in ["k", "train_mode", "weight_sum", "lr_max", "scheduled_lr", "foreach"] {
                hyper.describes(key);
            }
            let (beta, base) = if op == "SGDScheduleFree" {
                (hyper.number("momentum")?, ScheduleFreeBase::Sgd)
            } else {
                let [beta1, beta2] = betas()?;
                (beta1, ScheduleFreeBase::AdamW { beta2, eps: hyper.number("eps")? })
            };
            let weight_lr_power = hyper.number("weight_lr_power")?;
            let r = hyper.number("r")?;
            Box::new(ScheduleFree { beta, weight_lr_power, r, base, ..ScheduleFree::default() })
        }
        _ => return not_yet(),
    };
    let decay = Some(WeightDecay::Decoupled(hyper.number("weight_decay")?));
    let warmup = hyper.count_opt("warmup_steps")?.unwrap_or(0);
    let lr = hyper.number("lr")?;
    descend(run, Plan { decay, warmup, ..Plan::new(rule, lr) })?;
    Ok(())
}
