use crate::fields::numbers;
use crate::{Run, Stop};
use serde_json::Value;

/// Parameters and an explicit stream of gradients.
pub struct Problem {
    /// Name, shape and start of each parameter.
    pub params: Vec<(String, Vec<usize>, Vec<f64>)>,
    /// `grads[step][param]`, flat.
    pub grads: Vec<Vec<Vec<f64>>>,
}

impl Problem {
    /// The problem a case names.
    pub fn of(run: &Run<'_>) -> Result<Self, Stop> {
        let name = run.text("problem");
        let wrong = || Stop::Malformed(format!("problem {name:?} is missing or malformed"));
        let problem = run.problems.get(name).ok_or_else(wrong)?;
        let mut params = Vec::new();
        for param in problem.get("params").and_then(Value::as_array).ok_or_else(wrong)? {
            let name = param.get("name").and_then(Value::as_str).ok_or_else(wrong)?;
            let shape = param.get("shape").and_then(numbers).ok_or_else(wrong)?;
            let init = param.get("init").and_then(numbers).ok_or_else(wrong)?;
            let shape: Vec<usize> = shape.into_iter().map(|d| d as usize).collect();
            if shape.iter().product::<usize>() != init.len() {
                return Err(wrong());
            }
            params.push((name.to_string(), shape, init));
        }
        // A case may bring its own gradients.
        let grads = run.case.get("grads").or_else(|| problem.get("grads")).ok_or_else(wrong)?;
        let grads: Option<Vec<Vec<Vec<f64>>>> = grads.as_array().and_then(|steps| {
            steps.iter().map(|step| step.as_array()?.iter().map(numbers).collect()).collect()
        });
        let grads = grads.ok_or_else(wrong)?;
        let fits = |step: &Vec<Vec<f64>>| {
            step.len() == params.len()
                && step.iter().zip(&params).all(|(grad, (.., init))| grad.len() == init.len())
        };
        if !grads.iter().all(fits) {
            return Err(wrong());
        }
        Ok(Self { params, grads })
    }
}
