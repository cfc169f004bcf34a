use super::not_yet;
use super::schedules::all_read;
use crate::fields::number;
use crate::statistics::Law;
use crate::{Run, Stop};
use serde_json::Value;
use tricks_init::{
    Dirac, Distribution, Fan, FanMode, Gain, Identity, Initializer, Layout, Normal, Orthogonal,
    Sparse, TruncatedNormal, Uniform, VarianceScaling,
};
use tricks_tensor::Noise;
use tricks_tensor::ndarray::{Array2, ArrayD};

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "calculate_gain" => {
            let got = gain(run, "nonlinearity", "param", 0.01)?.value();
            let want = run.expect.number("gain")?;
            run.number("gain", got, want);
        }
        "fan" => {
            let fan = fan(run)?;
            for (what, got) in [("fan_in", fan.fan_in), ("fan_out", fan.fan_out)] {
                let want = run.expect.number(what)?;
                run.number(what, got as f64, want);
            }
        }
        "xavier" => {
            let gain = run.inputs.number("gain")?;
            let scale = gain * gain;
            scaling(run, VarianceScaling { scale, ..VarianceScaling::xavier_uniform() })?;
        }
        "kaiming" => {
            let gain = gain(run, "nonlinearity", "a", 0.0)?;
            let mode = mode(run)?;
            scaling(run, VarianceScaling { mode, ..VarianceScaling::he_uniform().gain(gain) })?;
        }
        "lecun" => scaling(run, VarianceScaling::lecun_uniform())?,
        "variance_scaling" => variance_scaling(run)?,
        "torch_default" => {
            let bound = VarianceScaling::torch_default().bound(fan(run)?);
            for what in ["weight_bound", "bias_bound"] {
                let want = run.expect.number(what)?;
                run.number(what, bound, want);
            }
        }
        "trunc_normal" => truncated(run)?,
        "orthogonal" => orthogonal(run)?,
        "eye" => fixed(run, &Identity::default())?,
        "dirac" => {
            let groups = run.inputs.count("groups")? as usize;
            fixed(run, &Dirac { groups, ..Dirac::default() })?;
        }
        "sparse" => sparse(run)?,
        "statistical_test" => {
            run.expect.describes("method");
            statistics(run)?;
        }
        "error" => {
            run.expect.describes("error");
            refused(run)?;
        }
        "zero_element" => {
            if run.inputs.text("op")? != "kaiming" {
                return not_yet();
            }
            let shape = shape(run)?;
            let mut nothing: [f64; 0] = [];
            let filled =
                VarianceScaling::he_normal().fill(fan(run)?, &shape, Noise::new(0), &mut nothing);
            run.expect.describes("shape");
            let want = run.expect.flag("ok")?;
            run.require("a parameter without elements", filled.is_ok() == want);
        }
        _ => return not_yet(),
    }
    all_read(&run.inputs)
}

/// What PyTorch refuses at run time is refused here, or cannot be written.
fn refused(run: &mut Run<'_>) -> Result<(), Stop> {
    let op = run.inputs.text("op")?;
    let outside = |outcome: Result<(), Stop>| matches!(outcome, Err(Stop::Skip(_)));
    let refused = match op {
        "calculate_gain" => outside(gain(run, "nonlinearity", "param", 0.01).map(drop)),
        "kaiming" if run.inputs.has("mode") => {
            run.inputs.describes("shape");
            outside(mode(run).map(drop))
        }
        "xavier" | "kaiming" => Fan::of(&shape(run)?, Layout::OutIn).is_err(),
        "eye" => filled(run, &Identity::default())?.is_err(),
        "dirac" => {
            let groups = run.inputs.number_or("groups", 1.0)? as usize;
            filled(run, &Dirac { groups, ..Dirac::default() })?.is_err()
        }
        "orthogonal" => filled(run, &Orthogonal::default())?.is_err(),
        "sparse" => filled(run, &Sparse::default())?.is_err(),
        _ => return Err(Stop::Skip(format!("{op}: {}", crate::report::NOT_YET))),
    };
    run.require(format!("{op} was accepted"), refused);
    Ok(())
}

fn shape(run: &Run<'_>) -> Result<Vec<usize>, Stop> {
    Ok(run.inputs.numbers("shape")?.into_iter().map(|d| d as usize).collect())
}

/// The vectors' shapes are `[out, in, k…]`.
fn fan(run: &Run<'_>) -> Result<Fan, Stop> {
    run.inputs.only("layout", "[out, in, *kernel]")?;
    Ok(Fan::of(&shape(run)?, Layout::OutIn)?)
}

fn mode(run: &Run<'_>) -> Result<FanMode, Stop> {
    Ok(match run.inputs.text("mode")? {
        "fan_in" => FanMode::In,
        "fan_out" => FanMode::Out,
        "fan_avg" => FanMode::Avg,
        other => return Err(Stop::Skip(format!("mode = {other}"))),
    })
}

fn gain(run: &Run<'_>, name: &str, slope: &str, default: f64) -> Result<Gain, Stop> {
    let slope = run.inputs.number_or(slope, default)?;
    Ok(match run.inputs.text(name)? {
        "linear" | "conv1d" | "conv2d" | "conv3d" | "conv_transpose1d" | "conv_transpose2d"
        | "conv_transpose3d" => Gain::Linear,
        "sigmoid" => Gain::Sigmoid,
        "tanh" => Gain::Tanh,
        "relu" => Gain::Relu,
        "leaky_relu" => Gain::LeakyRelu(slope),
        "selu" => Gain::Selu,
        other => return Err(Stop::Skip(format!("nonlinearity = {other}"))),
    })
}

/// Standard deviation and bound of a uniform scaling; those of the normal are the same.
fn scaling(run: &mut Run<'_>, uniform: VarianceScaling) -> Result<(), Stop> {
    let fan = fan(run)?;
    let normal = VarianceScaling { distribution: Distribution::Normal, ..uniform };
    let want = run.expect.number("normal_std")?;
    run.number("normal_std", normal.std(fan), want);
    let want = run.expect.number("uniform_bound")?;
    run.number("uniform_bound", uniform.bound(fan), want);
    // All of these are symmetric about 0.
    run.expect.only("mean", 0.0)
}

fn variance_scaling(run: &mut Run<'_>) -> Result<(), Stop> {
    let distribution = match run.inputs.text("distribution")? {
        "normal" => Distribution::Normal,
        "uniform" => Distribution::Uniform,
        "truncated_normal" => Distribution::TruncatedNormal,
        other => return Err(Stop::Skip(format!("distribution = {other}"))),
    };
    let scale = run.inputs.number("scale")?;
    let scaling = VarianceScaling { scale, mode: mode(run)?, distribution };
    let fan = fan(run)?;
    let std = scaling.std(fan);
    let want = run.expect.number("variance")?;
    run.number("variance", std * std, want);
    for what in ["normal_std", "resulting_std"] {
        if let Some(want) = run.expect.number_opt(what)? {
            run.number(what, std, want);
        }
    }
    if let Some(want) = run.expect.number_opt("uniform_bound")? {
        run.number("uniform_bound", scaling.bound(fan), want);
    }
    if let Some(want) = run.expect.number_opt("parent_std")? {
        run.expect.only("truncation", "at +-2 parent standard deviations")?;
        run.number("parent_std", scaling.bound(fan) / 2.0, want);
    }
    Ok(())
}

fn truncated(run: &mut Run<'_>) -> Result<(), Stop> {
    let normal = TruncatedNormal {
        mean: run.inputs.number("mean")?,
        std: run.inputs.number("std")?,
        low: run.inputs.number("a")?,
        high: run.inputs.number("b")?,
    };
    let want = run.expect.number("mean")?;
    run.number("mean", normal.resulting_mean(), want);
    let want = run.expect.number("std")?;
    run.number("std", normal.resulting_std(), want);
    for pair in run.expect.list("quantiles")? {
        let of = |i: usize| pair.get(i).and_then(|value: &Value| number(value));
        let (Some(p), Some(want)) = (of(0), of(1)) else {
            return Err(Stop::Malformed("quantiles".into()));
        };
        run.number(&format!("quantile {p}"), normal.quantile(p), want);
    }
    Ok(())
}

/// A parameter of the case's shape; the fan is of the numbers it has where it has too few
/// dimensions for a fan.
fn filled(
    run: &Run<'_>,
    init: &dyn Initializer<f64>,
) -> Result<tricks_tensor::Result<ArrayD<f64>>, Stop> {
    let shape = shape(run)?;
    let fan = Fan::of(&shape, Layout::OutIn).unwrap_or(Fan { fan_in: 1, fan_out: 1 });
    let mut value = ArrayD::from_elem(shape.clone(), f64::NAN);
    let out = value.as_slice_mut().ok_or_else(|| Stop::Malformed("shape".into()))?;
    let outcome = init.fill(fan, &shape, Noise::new(1), out);
    Ok(outcome.map(|()| value))
}

fn fixed(run: &mut Run<'_>, init: &dyn Initializer<f64>) -> Result<(), Stop> {
    let value = filled(run, init)??;
    let want = run.expect.tensor("value")?;
    run.array("value", &value, &want);
    Ok(())
}

fn orthogonal(run: &mut Run<'_>) -> Result<(), Stop> {
    let gain = run.inputs.number("gain")?;
    let value = filled(run, &Orthogonal { gain, ..Orthogonal::default() })??;
    let flat = run.expect.numbers("flattened")?;
    let [rows, columns] = flat[..] else { return Err(Stop::Malformed("flattened".into())) };
    let matrix: Array2<f64> = value
        .into_shape_with_order((rows as usize, columns as usize))
        .map_err(|e| Stop::Fail(e.to_string()))?;
    let side = if rows <= columns { "rows: W W^T = g^2 I" } else { "cols: W^T W = g^2 I" };
    run.expect.only("identity_side", side)?;
    let gram = if rows <= columns { matrix.dot(&matrix.t()) } else { matrix.t().dot(&matrix) };
    let want = run.expect.number("gain_squared")?;
    for ((i, j), got) in gram.indexed_iter() {
        run.number(&format!("gram[{i}, {j}]"), *got, if i == j { want } else { 0.0 });
    }
    // Those of a matrix with such a product are the roots of its diagonal.
    let want = run.expect.number("singular_values_all")?;
    for (i, got) in gram.diag().iter().enumerate() {
        run.number(&format!("singular value {i}"), got.sqrt(), want);
    }
    let want = run.expect.number("frobenius_norm_sq")?;
    run.number("frobenius_norm_sq", matrix.iter().map(|x| x * x).sum(), want);
    Ok(())
}

fn sparse(run: &mut Run<'_>) -> Result<(), Stop> {
    let (sparsity, std) = (run.inputs.number("sparsity")?, run.inputs.number("std")?);
    let init = Sparse { sparsity, std };
    let value = filled(run, &init)??;
    let want = run.expect.number("zeros_per_column")?;
    for (i, column) in value.columns().into_iter().enumerate() {
        let zeros = column.iter().filter(|x| **x == 0.0).count();
        run.number(&format!("zeros in column {i}"), zeros as f64, want);
    }
    // So few numbers have no deviation to speak of: those of as many columns as it takes.
    let want = run.expect.number("nonzero_std")?;
    let shape = [shape(run)?[0], 1000];
    let mut draws = vec![0.0; shape[0] * shape[1]];
    init.fill(Fan { fan_in: 1, fan_out: 1 }, &shape, Noise::new(2), &mut draws)?;
    draws.retain(|x| *x != 0.0);
    let follows = Law::normal(want).check(&draws);
    run.require(format!("{follows:?}"), follows.is_ok());
    Ok(())
}

/// The method of the guidance, on each form of draw.
fn statistics(run: &mut Run<'_>) -> Result<(), Stop> {
    let fan = Fan { fan_in: 64, fan_out: 36 };
    let std = (2.0f64 / 64.0).sqrt();
    let truncated = VarianceScaling {
        distribution: Distribution::TruncatedNormal,
        ..VarianceScaling::he_normal()
    };
    let forms: [(&dyn Initializer<f64>, Law); 6] = [
        (&Normal::default(), Law::normal(1.0)),
        (&Uniform::symmetric(0.5), Law::within(0.5)),
        (&TruncatedNormal::default(), Law::Cut { std: 1.0, low: -2.0, high: 2.0 }),
        (&VarianceScaling::he_normal(), Law::normal(std)),
        (&VarianceScaling::xavier_uniform(), Law::within(0.06f64.sqrt())),
        (&truncated, Law::cut_at_two(std)),
    ];
    for (init, law) in forms {
        let mut draws = [0.0; 2304];
        init.fill(fan, &[36, 64], Noise::new(7), &mut draws)?;
        let follows = law.check(&draws);
        run.require(format!("{follows:?}"), follows.is_ok());
        if let Law::Uniform { low, high } = law {
            let inside = draws.iter().all(|x| (low..=high).contains(x));
            run.require(format!("{law:?}: a draw is outside"), inside);
        }
    }
    Ok(())
}
