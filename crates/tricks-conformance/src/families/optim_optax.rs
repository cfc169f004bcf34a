use super::descent::{Plan, descend};
use super::{in_dtype, not_yet};
use crate::{Fields, Run, Stop};
use tricks_optim::{
    AdaGrad, Adadelta, Adam, AdamW, Adamax, AmsGrad, EpsForm, EpsPlace, Lion, Momentum, NAdam,
    RAdam, RmsMomentum, RmsProp, Rprop, Rule, Sgd, WeightDecay,
};
use tricks_tensor::Float;

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    in_dtype!(run, descent)
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
        "adadelta" => Box::new(Adadelta { rho: hyper.number("rho")?, eps: hyper.number("eps")? }),
        "adamax" | "adamaxw" => Box::new(Adamax {
            beta1: hyper.number("b1")?,
            beta2: hyper.number("b2")?,
            eps: hyper.number("eps")?,
            ..Adamax::optax()
        }),
        "nadam" | "nadamw" => Box::new(nadam(hyper)?),
        "adam" | "adamw" if hyper.flag("nesterov")? => Box::new(nadam(hyper)?),
        "radam" => Box::new(RAdam {
            beta1: hyper.number("b1")?,
            beta2: hyper.number("b2")?,
            eps: hyper.number("eps")?,
            eps_form: EpsForm::Corrected { eps_root: hyper.number_or("eps_root", 0.0)? },
            threshold: hyper.number("threshold")?,
            nesterov: hyper.flag("nesterov")?,
        }),
        "rprop" => Box::new(Rprop {
            eta_minus: hyper.number("eta_minus")?,
            eta_plus: hyper.number("eta_plus")?,
            step_min: hyper.number("min_step_size")?,
            step_max: hyper.number("max_step_size")?,
            ..Rprop::optax()
        }),
        "lion" => Box::new(Lion { beta1: hyper.number("b1")?, beta2: hyper.number("b2")? }),
        "sign_sgd" => Box::new(Lion { beta1: 0.0, ..Lion::optax() }),
        op @ ("adam" | "adamw" | "amsgrad") => {
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
        _ => return not_yet(),
    };
    let lr = hyper.number("learning_rate")?;
    // Coupled in Adadelta, decoupled in all others.
    let decay = hyper.number_opt("weight_decay")?.map(match run.op() {
        "adadelta" => WeightDecay::L2,
        _ => WeightDecay::Decoupled,
    });
    let plan = Plan { rule, decay, lr, groups: vec![], maximize: false, clipping: None };
    descend(run, plan)?;
    Ok(())
}

fn nadam(hyper: &Fields<'_>) -> Result<NAdam, Stop> {
    hyper.only("nesterov", true)?;
    Ok(NAdam {
        beta1: hyper.number("b1")?,
        beta2: hyper.number("b2")?,
        eps: hyper.number("eps")?,
        eps_root: hyper.number_or("eps_root", 0.0)?,
        ..NAdam::optax()
    })
}
