use super::descent::{Clipping, Plan, descend};
use super::{in_dtype, not_yet};
use crate::{Run, Stop};
use tricks_optim::{
    AdaGrad, Adadelta, Adam, AdamW, Adamax, AmsGrad, Ftrl, Lion, Momentum, NAdam, RmsProp, Rule,
    Sgd, WeightDecay,
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
    let plan = Plan {
        rule,
        decay,
        lr: hyper.number("learning_rate")?,
        groups: vec![],
        maximize: false,
        clipping: clipping.next(),
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
    descend(run, plan)?;
    Ok(())
}
