use super::descent::{Plan, descend};
use super::{in_dtype, not_yet};
use crate::{Run, Stop};
use tricks_optim::{
    AdaGrad, Adam, AdamW, AmsGrad, EpsForm, EpsPlace, Momentum, RmsMomentum, RmsProp, Rule, Sgd,
};
use tricks_tensor::Float;

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "sgd" | "adagrad" | "rmsprop" | "adam" | "adamw" | "amsgrad" => in_dtype!(run, descent),
        _ => not_yet(),
    }
}

fn descent<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let hyper = &run.hyper;
    let rule: Box<dyn Rule<F>> = match run.op() {
        "sgd" => {
            let nesterov = hyper.flag("nesterov")?;
            match hyper.number_opt("momentum")? {
                None => Box::new(Sgd),
                Some(momentum) => Box::new(Momentum { momentum, nesterov, ..Momentum::optax() }),
            }
        }
        "adagrad" => Box::new(AdaGrad {
            eps: hyper.number("eps")?,
            initial_accumulator: hyper.number("initial_accumulator_value")?,
            ..AdaGrad::optax()
        }),
        "rmsprop" => {
            let nesterov = hyper.flag("nesterov")?;
            let momentum = hyper.number_opt("momentum")?;
            let inside = hyper.flag("eps_in_sqrt")?;
            Box::new(RmsProp {
                rho: hyper.number("decay")?,
                eps: hyper.number("eps")?,
                eps_place: if inside { EpsPlace::Inside } else { EpsPlace::Outside },
                centered: hyper.flag("centered")?,
                momentum: momentum.unwrap_or(0.0),
                momentum_form: match (momentum, nesterov) {
                    (Some(_), true) => RmsMomentum::Nesterov,
                    _ => RmsMomentum::Velocity,
                },
                initial_scale: hyper.number_or("initial_scale", 0.0)?,
                bias_correction: hyper.flag("bias_correction")?,
            })
        }
        op => {
            let eps_form = EpsForm::Corrected { eps_root: hyper.number_or("eps_root", 0.0)? };
            let amsgrad = if op == "amsgrad" { AmsGrad::Corrected } else { AmsGrad::Off };
            if op == "amsgrad" {
                hyper.only("bias_correction_mu", true)?;
                hyper.only("bias_correction_nu", true)?;
            } else {
                hyper.only("nesterov", false)?;
            }
            let adam = Adam {
                beta1: hyper.number("b1")?,
                beta2: hyper.number("b2")?,
                eps: hyper.number("eps")?,
                eps_form,
                amsgrad,
            };
            if op == "adamw" {
                Box::new(AdamW { adam, weight_decay: hyper.number("weight_decay")? })
            } else {
                Box::new(adam)
            }
        }
    };
    let lr = hyper.number("learning_rate")?;
    let plan = Plan { rule, decay: None, lr, groups: vec![], maximize: false, clipping: None };
    descend(run, plan)?;
    Ok(())
}
