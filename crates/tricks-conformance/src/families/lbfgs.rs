//! L-BFGS of PyTorch: whole steps along a function, each with many evaluations of it.

use super::in_dtype;
use crate::{Fields, Run, Stop};
use serde_json::Value;
use tricks_optim::{Lbfgs, LineSearch};
use tricks_tensor::Float;

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    in_dtype!(run, steps)
}

enum Function {
    /// `½xᵀAx − bᵀx`
    Quadratic { a: Vec<f64>, b: Vec<f64> },
    /// `Σ (1 − xᵢ)² + 100 (xᵢ₊₁ − xᵢ²)²`
    Rosenbrock,
}

impl Function {
    fn of(run: &Run<'_>, size: usize) -> Result<Self, Stop> {
        let map = run.case.get("function").and_then(Value::as_object);
        let fields = Fields::from_map(map.ok_or(Stop::Malformed("function".into()))?, "function");
        match fields.text("kind")? {
            "quadratic" => {
                let (a, b) = (fields.tensor("A")?, fields.tensor("b")?);
                if a.shape != [size, size] || b.shape != [size] {
                    let message = format!("A {:?}, b {:?} for {size} numbers", a.shape, b.shape);
                    return Err(Stop::Malformed(message));
                }
                Ok(Function::Quadratic { a: a.data, b: b.data })
            }
            "rosenbrock" => Ok(Function::Rosenbrock),
            other => Err(Stop::Skip(format!("function {other}"))),
        }
    }

    /// The value, and the gradient into `g`.
    fn evaluate(&self, x: &[f64], g: &mut [f64]) -> f64 {
        g.fill(0.0);
        let mut value = 0.0;
        match self {
            Function::Quadratic { a, b } => {
                for (i, (row, b)) in a.chunks_exact(x.len()).zip(b).enumerate() {
                    let product: f64 = row.iter().zip(x).map(|(a, x)| a * x).sum();
                    value += 0.5 * x[i] * product - b * x[i];
                    g[i] = product - b;
                }
            }
            Function::Rosenbrock => {
                for i in 1..x.len() {
                    let (along, across) = (1.0 - x[i - 1], x[i] - x[i - 1] * x[i - 1]);
                    value += along * along + 100.0 * across * across;
                    g[i - 1] += -2.0 * along - 400.0 * x[i - 1] * across;
                    g[i] += 200.0 * across;
                }
            }
        }
        value
    }
}

fn steps<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let start = Fields::from_map(run.case, "case").numbers("x0")?;
    let function = Function::of(run, start.len())?;
    let mut x: Vec<F> = start.into_iter().map(F::of).collect();
    let mut g = vec![F::zero(); x.len()];
    let mut params = [("x", &mut x[..], &mut g[..])];

    let hyper = &run.hyper;
    let mut lbfgs = Lbfgs::bind(&mut params)?;
    lbfgs.max_iter = hyper.count_opt("max_iter")?.unwrap_or(lbfgs.max_iter);
    lbfgs.max_eval = hyper.count_opt("max_eval")?;
    lbfgs.tolerance_grad = hyper.number_or("tolerance_grad", lbfgs.tolerance_grad)?;
    lbfgs.tolerance_change = hyper.number_or("tolerance_change", lbfgs.tolerance_change)?;
    if let Some(size) = hyper.count_opt("history_size")? {
        lbfgs.history_size = size as usize;
    }
    if hyper.has("line_search_fn") {
        hyper.only("line_search_fn", "strong_wolfe")?;
        lbfgs.line_search = LineSearch::StrongWolfe;
    }
    hyper.only("maximize", false)?;
    let lr = hyper.number("lr")?;

    let losses = run.expect.numbers("loss_at_step_start")?;
    let calls = run.expect.numbers("closure_calls")?;
    let after = run.expect.list("x_after_step")?;
    if losses.len() != after.len() || calls.len() != after.len() {
        return Err(Stop::Malformed("lists of different lengths".into()));
    }
    let mut evaluations = 0;
    for (step, want) in after.iter().enumerate() {
        let outcome = lbfgs.step(lr, &mut params, |params| {
            let [(_, x, g)] = params;
            let wide: Vec<f64> = x.iter().map(|x| x.widen()).collect();
            let mut grad = vec![0.0; wide.len()];
            let loss = function.evaluate(&wide, &mut grad);
            g.iter_mut().zip(grad).for_each(|(g, grad)| *g = F::of(grad));
            Ok(loss)
        })?;
        let want = crate::fields::numbers(want);
        let want = want.ok_or_else(|| Stop::Malformed("x_after_step".into()))?;
        run.numbers(&format!("x after step {step}"), params[0].1, &want);
        run.number(&format!("loss at the start of step {step}"), outcome.loss, losses[step]);
        evaluations += outcome.evaluations;
        run.number(&format!("evaluations after step {step}"), evaluations as f64, calls[step]);
    }
    Ok(())
}
