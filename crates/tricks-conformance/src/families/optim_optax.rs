use super::descent::{Groups, Plan, descend};
use super::{in_dtype, not_yet};
use crate::{Fields, Problem, Run, Stop};
use serde_json::Value;
use tricks_optim::{
    AdaGrad, Adadelta, Adafactor, Adam, AdamW, Adamax, AmsGrad, EpsForm, EpsPlace, Factored, Group,
    Lamb, Lars, Lion, Momentum, Muon, MuonScale, NAdam, RAdam, RmsMomentum, RmsProp, Rprop, Rule,
    ScheduleFree, ScheduleFreeBase, Sgd, WeightDecay,
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
        "lamb" => Box::new(Lamb {
            beta1: hyper.number("b1")?,
            beta2: hyper.number("b2")?,
            eps: hyper.number("eps")?,
            eps_root: hyper.number("eps_root")?,
            ..Lamb::optax()
        }),
        "lars" => Box::new(Lars {
            momentum: hyper.number("momentum")?,
            nesterov: hyper.flag("nesterov")?,
            trust_coefficient: hyper.number("trust_coefficient")?,
            eps: hyper.number("eps")?,
        }),
        "adafactor" => {
            hyper.only("decay_offset", 0)?;
            let min_dim = hyper.count("min_dim_size_to_factor")? as usize;
            let factored = hyper.flag("factored")?;
            let default = Adafactor::optax();
            Box::new(Adafactor {
                beta2_decay: -hyper.number("decay_rate")?,
                eps1: Some(hyper.number("eps")?),
                scale_parameter: hyper.flag("multiply_by_parameter_scale")?,
                clip_threshold: hyper.number_opt("clipping_threshold")?.unwrap_or(f64::INFINITY),
                momentum: hyper.number_opt("momentum")?.unwrap_or(0.0),
                factored: if factored { Factored::LargestTwo { min_dim } } else { Factored::Never },
                ..default
            })
        }
        "muon" => {
            hyper.only("preconditioning", "frobenius")?;
            let scale = hyper.number_opt("consistent_rms")?;
            let coefficients = hyper.numbers("ns_coeffs")?.try_into();
            Box::new(Muon {
                momentum: hyper.number("beta")?,
                nesterov: hyper.flag("nesterov")?,
                coefficients: coefficients.map_err(|_| Stop::Malformed("ns_coeffs".into()))?,
                steps: hyper.count("ns_steps")? as u32,
                eps: hyper.number("eps")?,
                scale: scale.map_or(MuonScale::Columns, MuonScale::MatchRms),
                adaptive: hyper.flag("adaptive")?,
                ..Muon::optax()
            })
        }
        op @ ("schedule_free_sgd" | "schedule_free_adamw") => {
            if hyper.count_opt("warmup_steps")?.is_some() {
                let why = "warm-up: its weights run one step ahead of its rate";
                return Err(Stop::Skip(why.into()));
            }
            let base = match op {
                "schedule_free_sgd" => ScheduleFreeBase::Sgd,
                _ => ScheduleFreeBase::AdamW {
                    beta2: hyper.number("b2")?,
                    eps: hyper.number("eps")?,
                },
            };
            let weight_lr_power = hyper.number("weight_lr_power")?;
            let beta = hyper.number("b1")?;
            Box::new(ScheduleFree { beta, weight_lr_power, base, ..ScheduleFree::default() })
        }
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
    // Coupled in Adadelta and LARS, apart from the rate in Adafactor, decoupled in all others.
    let decay = hyper.number_opt("weight_decay")?.map(match run.op() {
        "adadelta" | "lars" => WeightDecay::L2,
        _ => WeightDecay::Decoupled,
    });
    let apart = hyper.number_opt("weight_decay_rate")?;
    let decay = decay.or(apart.map(|rate| WeightDecay::Decoupled(rate / lr)));
    if run.op() == "adafactor" && F::NAME == "f64" {
        // 1 − t^c is computed in single precision: with it rounded so, all cases are met to a
        // millionth of a tolerance; exact, they are missed by about a hundred.
        run.doubt(5000.0, "it forgets by a rate in single precision");
    }
    let groups = if run.op() == "muon" { no_matrices(run)? } else { vec![] };
    descend(run, Plan { decay, groups, ..Plan::new(rule, lr) })?;
    Ok(())
}

/// What is no matrix has Adam in Optax' Muon.
fn no_matrices<F: Float>(run: &Run<'_>) -> Result<Groups<F>, Stop> {
    let hyper = &run.hyper;
    hyper.only("adam_eps_root", 0.0)?;
    hyper.only("adam_learning_rate", Value::Null)?;
    let (beta1, beta2) = (hyper.number("adam_b1")?, hyper.number("adam_b2")?);
    let eps = hyper.number("eps")?;
    let rule: Box<dyn Rule<F>> = match hyper.flag("nesterov")? {
        true => Box::new(NAdam { beta1, beta2, eps, ..NAdam::optax() }),
        false => Box::new(Adam { beta1, beta2, eps, ..Adam::optax() }),
    };
    let decay = WeightDecay::Decoupled(hyper.number("adam_weight_decay")?);
    let group = Group { rule: Some(rule), weight_decay: Some(decay), ..Group::default() };
    let params = Problem::of(run)?.params;
    let others = params.iter().enumerate().filter(|(_, (_, shape, _))| shape.len() != 2);
    Ok(vec![(others.map(|(index, _)| index).collect(), group)])
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
