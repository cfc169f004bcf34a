//! What the layer families share.

use crate::{Run, Stop, Tensor};
use tricks_tensor::ndarray::ArrayD;
use tricks_tensor::{Float, Layer, Mode, Noise, Parameters, Path};

/// Gives a parameter or buffer its values.
pub(super) fn set<F: Float>(
    params: &mut (impl Parameters<F> + ?Sized),
    name: &str,
    values: &Tensor,
) -> Result<(), Stop> {
    let mut found = Err(Stop::Fail(format!("the layer has no parameter {name}")));
    params.visit(&Path::ROOT, &mut |place, param| {
        if place.path.is(name) {
            found = if place.shape == values.shape && param.value.len() == values.data.len() {
                let values = values.data.iter().map(|x| F::of(*x));
                param.value.iter_mut().zip(values).for_each(|(to, from)| *to = from);
                Ok(())
            } else {
                let (got, want) = (place.shape, &values.shape);
                Err(Stop::Fail(format!("{name} has shape {got:?}, the reference {want:?}")))
            };
        }
    });
    found
}

/// A parameter's values and gradient.
pub(super) fn get<F: Float>(
    params: &mut (impl Parameters<F> + ?Sized),
    name: &str,
) -> Option<(Vec<F>, Option<Vec<F>>)> {
    let mut found = None;
    params.visit(&Path::ROOT, &mut |place, param| {
        if place.path.is(name) {
            let count = place.shape.first().copied().unwrap_or(1);
            let grad = param.grad.to_dense(count, place.len());
            found = Some((param.value.to_vec(), grad));
        }
    });
    found
}

/// Forward in training and backward: output, gradient of the input, gradients of the parameters.
pub(super) fn compare<F: Float>(run: &mut Run<'_>, layer: &mut impl Layer<F>) -> Result<(), Stop> {
    compare_input(run, layer, "x")
}

/// The same with an input of this name.
pub(super) fn compare_input<F: Float>(
    run: &mut Run<'_>,
    layer: &mut impl Layer<F>,
    input: &str,
) -> Result<(), Stop> {
    for name in run.params.keys() {
        set(layer, name, &run.params.tensor(name)?)?;
    }
    forward_backward(run, layer, input)?;
    compare_parameters(run, layer)
}

/// The gradients of the parameters, after a backward pass.
pub(super) fn compare_parameters<F: Float>(
    run: &mut Run<'_>,
    layer: &mut impl Parameters<F>,
) -> Result<(), Stop> {
    let grad_params = run.expect.object("grad_params");
    for name in grad_params.keys() {
        let want = grad_params.tensor(name)?;
        match get(layer, name) {
            Some((_, Some(got))) => run.numbers(&format!("gradient of {name}"), &got, &want.data),
            _ => return Err(Stop::Fail(format!("{name} has no gradient"))),
        }
    }
    Ok(())
}

/// [`compare`] for a layer that has its parameters, without comparing their gradients.
pub(super) fn through<F: Float>(run: &mut Run<'_>, layer: &mut impl Layer<F>) -> Result<(), Stop> {
    forward_backward(run, layer, "x")
}

fn forward_backward<F: Float>(
    run: &mut Run<'_>,
    layer: &mut impl Layer<F>,
    input: &str,
) -> Result<(), Stop> {
    let x = run.inputs.tensor(input)?.array::<F>();
    let upstream = run.tensor("upstream")?.array::<F>();
    let mode = Mode::Train(Noise::new(0));
    let shape = layer.output_shape(x.shape())?;
    let (mut y, mut dx) = (ArrayD::zeros(shape), ArrayD::zeros(x.raw_dim()));
    layer.forward(x.view(), y.view_mut(), mode)?;
    layer.backward(x.view(), y.view(), upstream.view(), Some(dx.view_mut()), mode)?;
    run.array("output", &y, &run.expect.tensor("output")?);

    let grad_inputs = run.expect.object("grad_inputs");
    for name in grad_inputs.keys() {
        if name != input {
            return Err(Stop::Skip(format!("gradient of the input {name}")));
        }
        run.array(&format!("gradient of {name}"), &dx, &grad_inputs.tensor(name)?);
    }
    Ok(())
}
