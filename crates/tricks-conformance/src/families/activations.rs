use super::layer::compare;
use super::{in_dtype, not_yet};
use crate::{Run, Stop};
use tricks_net::layers::{
    CELU, ELU, GELU, GLU, Hardshrink, Hardsigmoid, Hardswish, Hardtanh, LeakyReLU, LogSigmoid,
    LogSoftmax, Mish, PReLU, ReLU, ReLU6, SELU, SiLU, Sigmoid, Softmax, Softplus, Softshrink,
    Softsign, Tanh, Tanhshrink, Threshold,
};
use tricks_tensor::Float;

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    in_dtype!(run, activation)
}

fn activation<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let number = |key: &str| run.hyper.number(key);
    let axis = || run.hyper.count("dim").map(|axis| axis as usize);
    match run.op() {
        "ReLU" => compare::<F>(run, &mut ReLU),
        "ReLU6" => compare::<F>(run, &mut ReLU6),
        "LeakyReLU" => {
            let mut layer = LeakyReLU::new(number("negative_slope")?)?;
            compare::<F>(run, &mut layer)
        }
        "Threshold" => {
            let mut layer = Threshold::new(number("threshold")?, number("value")?)?;
            compare::<F>(run, &mut layer)
        }
        "PReLU" => {
            let channels = run.params.tensor("weight")?.data.len();
            compare(run, &mut PReLU::<F>::new(channels)?)
        }
        "ELU" => {
            let mut layer = ELU::new(number("alpha")?)?;
            compare::<F>(run, &mut layer)
        }
        "CELU" => {
            let mut layer = CELU::new(number("alpha")?)?;
            compare::<F>(run, &mut layer)
        }
        "SELU" => compare::<F>(run, &mut SELU),
        "GELU" => {
            run.hyper.only("approximate", "none")?;
            compare::<F>(run, &mut GELU::Erf)
        }
        "GELU_tanh" => {
            run.hyper.only("approximate", "tanh")?;
            compare::<F>(run, &mut GELU::Tanh)
        }
        "SiLU" => compare::<F>(run, &mut SiLU),
        "Mish" => compare::<F>(run, &mut Mish),
        "Sigmoid" => compare::<F>(run, &mut Sigmoid),
        "LogSigmoid" => compare::<F>(run, &mut LogSigmoid),
        "Softplus" => {
            // From this argument on, the reference takes the straight line for the curve.
            run.hyper.describes("threshold");
            let mut layer = Softplus::new(number("beta")?)?;
            compare::<F>(run, &mut layer)
        }
        "Tanh" => compare::<F>(run, &mut Tanh),
        "Softsign" => compare::<F>(run, &mut Softsign),
        "Hardtanh" => {
            let mut layer = Hardtanh::new(number("min")?, number("max")?)?;
            compare::<F>(run, &mut layer)
        }
        "Hardsigmoid" => {
            // Its f64 gradient is dy · 0.16666667163…, the f32 nearest to 1/6: off by 3e-8.
            run.doubt(300.0, "the slope 1/6 is rounded to f32");
            compare::<F>(run, &mut Hardsigmoid)
        }
        "Hardswish" => compare::<F>(run, &mut Hardswish),
        "Hardshrink" => {
            let mut layer = Hardshrink::new(number("lambd")?)?;
            compare::<F>(run, &mut layer)
        }
        "Softshrink" => {
            let mut layer = Softshrink::new(number("lambd")?)?;
            compare::<F>(run, &mut layer)
        }
        "Tanhshrink" => compare::<F>(run, &mut Tanhshrink),
        "Softmax" => {
            let mut layer = Softmax::along(axis()?);
            compare::<F>(run, &mut layer)
        }
        "LogSoftmax" => {
            let mut layer = LogSoftmax::along(axis()?);
            compare::<F>(run, &mut layer)
        }
        "GLU" => {
            let mut layer = GLU::along(axis()?);
            compare::<F>(run, &mut layer)
        }
        _ => not_yet(),
    }
}
