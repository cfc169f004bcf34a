use super::not_yet;
use crate::{Run, Stop};
use tricks_optim::{Averaging, Projection, WeightAverage};
use tricks_tensor::{Dict, Float};

/// One array in, one out.
pub(super) fn call<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let hyper = &run.hyper;
    let want = run.expect.tensor("out")?;
    if run.op() == "incremental_update" {
        let decay = 1.0 - hyper.number("step_size")?;
        let mut params = Dict::<F>::new();
        params.insert("x", run.inputs.tensor("old")?.array::<F>());
        let mut average = WeightAverage::bind(Averaging::Exponential { decay }, &mut params)?;
        average.update(&mut params)?;
        params.insert("x", run.inputs.tensor("new")?.array::<F>());
        average.update(&mut params)?;
        run.numbers("out", average.get("x").unwrap_or_default(), &want.data);
        return Ok(());
    }
    let radius = || hyper.number("scale");
    let projection = match run.op() {
        "projection_simplex" => Projection::Simplex { total: radius()? },
        "projection_l1_ball" => Projection::L1Ball { radius: radius()? },
        "projection_l2_ball" => Projection::L2Ball { radius: radius()? },
        "projection_linf_ball" => Projection::LInfBall { radius: radius()? },
        "projection_non_negative" => Projection::NonNegative,
        "projection_box" => {
            Projection::Box { lower: hyper.number("lower")?, upper: hyper.number("upper")? }
        }
        _ => return not_yet(),
    };
    let x = run.inputs.tensor("x")?;
    let mut out: Vec<F> = x.data.iter().map(|x| F::of(*x)).collect();
    projection.apply(&mut out, &x.shape)?;
    run.numbers("out", &out, &want.data);
    Ok(())
}
