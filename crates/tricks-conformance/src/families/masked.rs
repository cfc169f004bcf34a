//! Dropout whose masks are given: as a layer, and the cases of its whole family.

use super::in_dtype;
use super::layer::{get, set, through};
use crate::{Run, Stop, Tensor};
use std::sync::{Arc, Mutex, PoisonError};
use tricks_net::layers::Dense;
use tricks_regularize::{AlphaDropout, DropBlock, DropConnect, DropPath, Dropout, SpatialDropout};
use tricks_tensor::ndarray::{ArrayD, ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::{Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result};

/// [`Dropout::apply`] with the mask in `keep`, which the owner changes before every pass.
#[derive(Clone)]
pub(super) struct Masked {
    pub(super) dropout: Dropout,
    pub(super) keep: Arc<Mutex<ArrayD<bool>>>,
}

impl Masked {
    fn run<F: Float>(
        &self,
        x: ArrayViewD<'_, F>,
        mut y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        if mode.is_train() {
            let keep = self.keep.lock().unwrap_or_else(PoisonError::into_inner);
            self.dropout.apply(x, keep.view(), y)
        } else {
            y.assign(&x);
            Ok(())
        }
    }
}

impl<F: Float> Parameters<F> for Masked {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float> Layer<F> for Masked {
    fn name(&self) -> &'static str {
        "Dropout(mask)"
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        Ok(IxDyn(x))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) -> Result<()> {
        self.run(x, y, mode)
    }

    fn backward(
        &mut self,
        _: ArrayViewD<'_, F>,
        _: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        mode: Mode,
    ) -> Result<()> {
        dx.map_or(Ok(()), |dx| self.run(dy, dx, mode))
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.run(x, y, Mode::Eval)
    }
}

/// A case of the dropout family; whether there was one.
pub(super) fn run(run: &mut Run<'_>) -> Option<Result<(), Stop>> {
    Some(match run.op() {
        "Dropout2d(mask)" => in_dtype!(run, channels),
        "AlphaDropout(mask)" => in_dtype!(run, alpha),
        "DropConnect(mask)" => in_dtype!(run, connect),
        "DropBlock(seeds)" => in_dtype!(run, block),
        "StochasticDepth(mask)" => in_dtype!(run, depth),
        _ => return None,
    })
}

/// A mask of the case, with the shape the library has for it.
fn mask(run: &Run<'_>, key: &'static str, axes: usize) -> Result<ArrayD<bool>, Stop> {
    let mask = run.tensor(key)?;
    let shape = mask.shape.get(..axes).unwrap_or(&mask.shape);
    let array = ArrayD::from_shape_vec(IxDyn(shape), mask.mask());
    array.map_err(|e| Stop::Malformed(e.to_string()))
}

/// Compares what `pass` makes of the input and, with `true`, of the upstream gradient.
fn compare<F: Float>(
    run: &mut Run<'_>,
    mut pass: impl FnMut(bool, ArrayViewD<'_, F>, ArrayViewMutD<'_, F>) -> Result<()>,
) -> Result<(), Stop> {
    let x = run.inputs.tensor("x")?.array::<F>();
    let upstream = run.tensor("upstream")?.array::<F>();
    let (mut y, mut dx) = (ArrayD::zeros(x.raw_dim()), ArrayD::zeros(x.raw_dim()));
    pass(false, x.view(), y.view_mut())?;
    pass(true, upstream.view(), dx.view_mut())?;
    run.array("output", &y, &run.expect.tensor("output")?);
    run.array("gradient of x", &dx, &run.expect.object("grad_inputs").tensor("x")?);
    run.expect.describes("grad_params");
    Ok(())
}

fn channels<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.only("formula", "whole channels: mask[N,C,1,1]")?;
    let (dropout, keep) = (SpatialDropout::new(run.hyper.number("p")?)?, mask(run, "mask", 2)?);
    compare::<F>(run, |_, x, y| dropout.apply(x, keep.view(), y))
}

fn alpha<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.only("formula", "y = a*(x*mask + alpha'*(1-mask)) + b")?;
    run.hyper.describes("alpha_prime");
    let (dropout, keep) = (AlphaDropout::new(run.hyper.number("p")?)?, mask(run, "mask", 2)?);
    let (a, b) = dropout.correction();
    run.number("a", a, run.hyper.number("a")?);
    run.number("b", b, run.hyper.number("b")?);
    compare::<F>(run, |back, x, y| match back {
        false => dropout.apply(x, keep.view(), y),
        true => dropout.apply_backward(x, keep.view(), y),
    })
}

fn block<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.describes("formula");
    let size = run.hyper.count("block_size")? as usize;
    let (mut dropout, seeds) = (DropBlock::new(0.1, size)?, mask(run, "seeds", 4)?);
    compare::<F>(run, |_, x, y| dropout.apply(x, seeds.view(), y))
}

/// The branch goes through the dropout, x past it.
fn depth<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.only("formula", "y = x + branch*mask[N,1]/(1-p)")?;
    let (dropout, keep) = (DropPath::new(run.hyper.number("p")?)?, mask(run, "mask", 1)?);
    let x = run.inputs.tensor("x")?.array::<F>();
    let branch = run.inputs.tensor("branch")?.array::<F>();
    let upstream = run.tensor("upstream")?.array::<F>();
    let (mut y, mut dbranch) = (ArrayD::zeros(x.raw_dim()), ArrayD::zeros(x.raw_dim()));
    dropout.apply(branch.view(), keep.view(), y.view_mut())?;
    dropout.apply(upstream.view(), keep.view(), dbranch.view_mut())?;
    run.array("output", &(x + y), &run.expect.tensor("output")?);
    let grads = run.expect.object("grad_inputs");
    run.array("gradient of x", &upstream, &grads.tensor("x")?);
    run.array("gradient of the branch", &dbranch, &grads.tensor("branch")?);
    run.expect.describes("grad_params");
    Ok(())
}

/// A linear layer whose weight is dropped.
fn connect<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.only("formula", "y = x (W*mask/(1-p))^T + b")?;
    let (dropout, keep) = (DropConnect::new(run.hyper.number("p")?)?, run.tensor("mask")?.mask());
    let weight = run.params.tensor("weight")?;
    let [outputs, inputs] = weight.shape[..] else {
        return Err(Stop::Malformed("weight".into()));
    };
    let w: Vec<F> = weight.data.iter().map(|x| F::of(*x)).collect();
    let mut dropped = w.clone();
    dropout.apply(&w, &keep, &mut dropped)?;
    let dropped = dropped.into_iter().map(F::widen).collect();
    let mut dense = Dense::<F>::new(inputs, outputs);
    set(&mut dense, "weight", &Tensor::new(&weight.shape, dropped))?;
    set(&mut dense, "bias", &run.params.tensor("bias")?)?;
    through(run, &mut dense)?;
    let grads = run.expect.object("grad_params");
    for name in ["weight", "bias"] {
        let Some((_, Some(mut got))) = get(&mut dense, name) else {
            return Err(Stop::Fail(format!("{name} has no gradient")));
        };
        if name == "weight" {
            dropout.apply(&got.clone(), &keep, &mut got)?;
        }
        run.numbers(&format!("gradient of {name}"), &got, &grads.tensor(name)?.data);
    }
    Ok(())
}
