use super::descent::{Clipping, Plan, descend};
use super::{in_dtype, keras_schedule_free, not_yet};
use crate::{Run, Stop};
use tricks_optim::{
    AdaGrad, Adadelta, Adafactor, Adam, AdamW, Adamax, AmsGrad, Ftrl, Lamb, Lion, Momentum, NAdam,
    RmsProp, Rule, ScheduleFree, ScheduleFreeBase, Sgd, WeightDecay,
};
use tricks_tensor::Float;

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    in_dtype!(run, descent)
}

fn descent<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let hyper = &run.hyper;
    let rule: Box<dyn Rule<F>> = match run.op() {
        "SGD" => {
            let momentum = hyper.number_or("momentum", 0.0)?;
            let nesterov = hyper.flag("nesterov")?;
            if momentum == 0.0 {
                // Without momentum, Keras has nothing to look ahead along.
                Box::new(Sgd)
            } else {
                Box::new(Momentum { momentum, nesterov, ..Momentum::keras() })
            }
        }
        "Adagrad" => Box::new(AdaGrad {
            eps: hyper.number("epsilon")?,
            initial_accumulator: hyper.number("initial_accumulator_value")?,
            ..AdaGrad::keras()
        }),
        "RMSprop" => Box::new(RmsProp {
            rho: hyper.number("rho")?,
            eps: hyper.number("epsilon")?,
            centered: hyper.flag("centered")?,
            momentum: hyper.number_or("momentum", 0.0)?,
            ..RmsProp::keras()
        }),
        "Nadam" => Box::new(NAdam {
            beta1: hyper.number("beta_1")?,
            beta2: hyper.number("beta_2")?,
            eps: hyper.number("epsilon")?,
            ..NAdam::keras()
        }),
        "Adamax" => Box::new(Adamax {
            beta1: hyper.number("beta_1")?,
            beta2: hyper.number("beta_2")?,
            eps: hyper.number("epsilon")?,
            ..Adamax::keras()
        }),
        "Adadelta" => {
            Box::new(Adadelta { rho: hyper.number("rho")?, eps: hyper.number("epsilon")? })
        }
        "Lion" => Box::new(Lion { beta1: hyper.number("beta_1")?, beta2: hyper.number("beta_2")? }),
        "Ftrl" => Box::new(Ftrl {
            lr_power: hyper.number("learning_rate_power")?,
            initial_accumulator: hyper.number("initial_accumulator_value")?,
            l1: hyper.number("l1_regularization_strength")?,
            l2: hyper.number("l2_regularization_strength")?,
            l2_shrinkage: hyper.number("l2_shrinkage_regularization_strength")?,
            beta: hyper.number("beta")?,
        }),
        "Adafactor" => {
            // The rate is at most 1/√t either way: the flag says whether it is so twice.
            hyper.describes("relative_step");
            Box::new(Adafactor {
                beta2_decay: hyper.number("beta_2_decay")?,
                eps1: Some(hyper.number("epsilon_1")?),
                eps2: hyper.number("epsilon_2")?,
                clip_threshold: hyper.number("clip_threshold")?,
                ..Adafactor::keras()
            })
        }
        "Lamb" => Box::new(Lamb {
            beta1: hyper.number("beta_1")?,
            beta2: hyper.number("beta_2")?,
            eps: hyper.number("epsilon")?,
            ..Lamb::keras()
        }),
        "ScheduleFreeAdamW" => Box::new(ScheduleFree {
            beta: hyper.number("beta_1")?,
            base: ScheduleFreeBase::AdamW {
                beta2: hyper.number("beta_2")?,
                eps: hyper.number("epsilon")?,
            },
            ..ScheduleFree::keras()
        }),
        op @ ("Adam" | "AdamW") => {
            let adam = Adam {
                beta1: hyper.number("beta_1")?,
                beta2: hyper.number("beta_2")?,
                eps: hyper.number("epsilon")?,
                amsgrad: if hyper.flag("amsgrad")? { AmsGrad::Uncorrected } else { AmsGrad::Off },
                ..Adam::keras()
            };
            if op == "AdamW" {
                Box::new(AdamW { adam, weight_decay: hyper.number("weight_decay")? })
            } else {
                Box::new(adam)
            }
        }
        _ => return not_yet(),
    };
    // Decoupled in every optimizer of Keras.
    let decay = hyper.number_opt("weight_decay")?.map(WeightDecay::Decoupled);
    let clipping = [
        hyper.number_opt("clipnorm")?.map(Clipping::EachTensor),
        hyper.number_opt("global_clipnorm")?.map(Clipping::Global),
        hyper.number_opt("clipvalue")?.map(Clipping::EachElement),
    ];
    let mut clipping = clipping.into_iter().flatten();
    let ema = match hyper.flag("use_ema")? {
        true => Some((hyper.number("ema_momentum")?, hyper.count("ema_overwrite_frequency")?)),
        false => None,
    };
    let plan = Plan {
        decay,
        clipping: clipping.next(),
        warmup: hyper.count_opt("warmup_steps")?.unwrap_or(0),
        // By the rate without the warm-up.
        decay_at_full_rate: true,
        accumulate: hyper.count_opt("gradient_accumulation_steps")?.unwrap_or(1),
        ema,
        ..Plan::new(rule, hyper.number("learning_rate")?)
    };
    if clipping.next().is_some() {
        return Err(Stop::Malformed("two kinds of clipping".into()));
    }
    // In double precision only: a case in single precision has Keras's own rounding to meet.
    let by_norm = matches!(plan.clipping, Some(Clipping::EachTensor(_) | Clipping::Global(_)));
    if by_norm && F::NAME == "f64" {
        // The factors of its first step are max/f32(norm) for `clipnorm`, f32(max/norm) for
        // `global_clipnorm`, to 14 digits: exact arithmetic misses by 25 and 32 tolerances.
        run.doubt(100.0, "it clips in single precision");
    }
    if run.op() == "ScheduleFreeAdamW" {
        keras_schedule_free::is_flawed(run)?;
        run.doubt(f64::MAX, "the z before the step is overwritten before it is used");
    }
    if run.op() == "Adafactor" && F::NAME == "f64" {
        // The first step of a vector is α in every element, and that α is a number of single
        // precision to the last bit.
        run.doubt(5000.0, "its rate is in single precision");
    }
    descend(run, plan)?;
    Ok(())
}
