use super::layer::{compare, compare_input, compare_parameters, set};
use super::{in_dtype, not_yet};
use crate::{Run, Stop, Tensor};
use tricks_net::layers::{
    AttentionConfig, AttentionMask, FeedForwardActivation, Gru, Lstm, MultiheadAttention, Rnn,
    SinusoidalPositionalEncoding, TransformerConfig, TransformerEncoderLayer,
    scaled_dot_product_attention, scaled_dot_product_attention_backward,
};
use tricks_tensor::ndarray::{Array2, Array4, ArrayD, ArrayView2, Axis, Ix4, IxDyn};
use tricks_tensor::{Float, Layer, Mode, Noise};

pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    match run.op() {
        "ScaledDotProductAttention" => in_dtype!(run, function),
        "MultiheadAttention" => in_dtype!(run, multihead),
        "SinusoidalPositionalEncoding" => in_dtype!(run, sinusoidal),
        "TransformerEncoderLayer" => in_dtype!(run, encoder),
        "RNN" | "LSTM" | "GRU" => in_dtype!(run, recurrent),
        _ => not_yet(),
    }
}

/// The states at the end are `[layers · directions, samples, hidden]` in the reference.
fn recurrent<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let (inputs, hidden) =
        (run.hyper.count("input")? as usize, run.hyper.count("hidden")? as usize);
    let states = |state: ArrayView2<'_, F>| state.insert_axis(Axis(0)).into_dyn().to_owned();
    let states: Vec<ArrayD<F>> = match run.op() {
        "RNN" => {
            run.hyper.only("gate_order", "tanh")?;
            let mut layer = Rnn::<F>::new(inputs, hidden)?;
            compare(run, &mut layer)?;
            layer.state().map(states).into()
        }
        "LSTM" => {
            run.hyper.only("gate_order", "i,f,g,o")?;
            let mut layer = Lstm::<F>::new(inputs, hidden)?;
            compare(run, &mut layer)?;
            layer.state().map(states).into()
        }
        _ => {
            run.hyper.only("gate_order", "r,z,n")?;
            let mut layer = Gru::<F>::new(inputs, hidden)?;
            compare(run, &mut layer)?;
            layer.state().map(states).into()
        }
    };
    let expected = run.expect.list("extra_outputs")?.len();
    run.require("another number of states", expected == states.len());
    states.iter().enumerate().try_for_each(|(i, state)| extra(run, i, state))
}

fn encoder<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let config = TransformerConfig {
        num_heads: run.hyper.count("nhead")? as usize,
        dim_feedforward: run.hyper.count("dim_feedforward")? as usize,
        dropout: run.hyper.number("dropout")?,
        activation: match run.hyper.text("activation")? {
            "relu" => FeedForwardActivation::ReLU,
            "gelu" => FeedForwardActivation::GELU,
            other => return Err(Stop::Skip(format!("activation {other}"))),
        },
        norm_first: run.hyper.flag("norm_first")?,
        causal: run.hyper.flag("causal")?,
        layer_norm_eps: run.hyper.number("layer_norm_eps")?,
        ..TransformerConfig::default()
    };
    let features = run.hyper.count("d_model")? as usize;
    compare(run, &mut TransformerEncoderLayer::<F>::new(features, config)?)
}

/// Also the table itself: what is added to zeros.
fn sinusoidal<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.only("formula", "pe[p,2i]=sin(p/10000^(2i/E)), pe[p,2i+1]=cos(...)")?;
    let want = run.tensor("table")?;
    let shape = [run.hyper.count("len")? as usize, run.hyper.count("dim")? as usize];
    let mut layer = SinusoidalPositionalEncoding::<F>::default();
    let mut table = ArrayD::zeros(IxDyn(&shape));
    layer.infer(ArrayD::zeros(IxDyn(&shape)).view(), table.view_mut())?;
    run.array("table", &table, &want);
    compare(run, &mut layer)
}

fn four<F: Float>(x: &Tensor) -> Result<Array4<F>, Stop> {
    x.array::<F>().into_dimensionality::<Ix4>().map_err(|e| Stop::Malformed(e.to_string()))
}

fn function<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    let mask = AttentionMask { causal: run.hyper.flag("causal")?, ..AttentionMask::default() };
    let names = ["q", "k", "v"];
    let mut inputs = Vec::new();
    for name in names {
        inputs.push(four::<F>(&run.inputs.tensor(name)?)?);
    }
    let [q, k, v] = [0, 1, 2].map(|i| inputs[i].view());
    let upstream = four::<F>(&run.tensor("upstream")?)?;
    let (samples, heads, queries, _) = q.dim();
    let mut weights = Array4::zeros((samples, heads, queries, k.dim().2));
    let mut y = Array4::zeros(upstream.raw_dim());
    scaled_dot_product_attention([q, k, v], mask, weights.view_mut(), y.view_mut())?;
    run.array("output", &y, &run.expect.tensor("output")?);

    let mut grads = [0, 1, 2].map(|i| Array4::zeros(inputs[i].raw_dim()));
    let [dq, dk, dv] = &mut grads;
    let outputs = [dq.view_mut(), dk.view_mut(), dv.view_mut()];
    scaled_dot_product_attention_backward([q, k, v], weights.view(), upstream.view(), outputs)?;
    let want = run.expect.object("grad_inputs");
    for (name, grad) in names.iter().zip(&grads) {
        run.array(&format!("gradient of {name}"), grad, &want.tensor(name)?);
    }
    run.expect.describes("grad_params");
    Ok(())
}

fn mode() -> Mode {
    Mode::Train(Noise::new(0))
}

/// `[[false, true], …]`.
fn padding(run: &Run<'_>) -> Result<Option<Array2<bool>>, Stop> {
    if !run.hyper.has("key_padding_mask") {
        return Ok(None);
    }
    let malformed = || Stop::Malformed("key_padding_mask".into());
    let rows = run.hyper.list("key_padding_mask")?;
    let mut mask = Vec::new();
    for row in rows {
        for hidden in row.as_array().ok_or_else(malformed)? {
            mask.push(hidden.as_bool().ok_or_else(malformed)?);
        }
    }
    let shape = (rows.len(), mask.len() / rows.len().max(1));
    Array2::from_shape_vec(shape, mask).map(Some).map_err(|_| malformed())
}

fn multihead<F: Float>(run: &mut Run<'_>) -> Result<(), Stop> {
    run.hyper.only("batch_first", true)?;
    run.hyper.describes("layout");
    let config = AttentionConfig {
        num_heads: run.hyper.count("num_heads")? as usize,
        causal: run.hyper.flag("causal")?,
        bias: run.hyper.flag("bias")?,
        ..AttentionConfig::default()
    };
    let features = run.hyper.count("embed_dim")? as usize;
    let mut layer = MultiheadAttention::<F>::new(features, config)?;
    let padding = padding(run)?;
    if run.inputs.has("key") {
        cross(run, &mut layer)?;
    } else if let Some(padding) = padding {
        masked(run, &mut layer, &padding)?;
    } else {
        compare_input(run, &mut layer, "query")?;
    }
    extra(run, 0, &layer.weights().to_owned())
}

/// Output `i` beside the output.
fn extra<F: Float>(run: &mut Run<'_>, i: usize, got: &ArrayD<F>) -> Result<(), Stop> {
    let want = run.expect.list("extra_outputs")?;
    let want = want.get(i).ok_or_else(|| Stop::Malformed(format!("extra_outputs[{i}]")))?;
    run.array(&format!("extra output {i}"), got, &Tensor::parse(want).map_err(Stop::Malformed)?);
    Ok(())
}

fn cross<F: Float>(run: &mut Run<'_>, layer: &mut MultiheadAttention<F>) -> Result<(), Stop> {
    for name in run.params.keys() {
        set(layer, name, &run.params.tensor(name)?)?;
    }
    let names = ["query", "key", "value"];
    let mut inputs = Vec::new();
    for name in names {
        inputs.push(run.inputs.tensor(name)?.array::<F>());
    }
    let upstream = run.tensor("upstream")?.array::<F>();
    let mut y = ArrayD::zeros(upstream.raw_dim());
    layer.attend(
        [0, 1, 2].map(|i| inputs[i].view()),
        AttentionMask::default(),
        y.view_mut(),
        mode(),
    )?;
    run.array("output", &y, &run.expect.tensor("output")?);
    let mut grads = [0, 1, 2].map(|i| ArrayD::zeros(inputs[i].raw_dim()));
    let [dq, dk, dv] = &mut grads;
    let outputs = Some([dq.view_mut(), dk.view_mut(), dv.view_mut()]);
    layer.attend_backward([0, 1, 2].map(|i| inputs[i].view()), upstream.view(), outputs, mode())?;
    let want = run.expect.object("grad_inputs");
    for (name, grad) in names.iter().zip(&grads) {
        run.array(&format!("gradient of {name}"), grad, &want.tensor(name)?);
    }
    compare_parameters(run, layer)
}

fn masked<F: Float>(
    run: &mut Run<'_>,
    layer: &mut MultiheadAttention<F>,
    padding: &Array2<bool>,
) -> Result<(), Stop> {
    for name in run.params.keys() {
        set(layer, name, &run.params.tensor(name)?)?;
    }
    let x = run.inputs.tensor("query")?.array::<F>();
    let upstream = run.tensor("upstream")?.array::<F>();
    let (mut y, mut dx) = (ArrayD::zeros(x.raw_dim()), ArrayD::zeros(x.raw_dim()));
    layer.forward_masked(x.view(), AttentionMask::padding(padding.view()), y.view_mut(), mode())?;
    layer.backward(x.view(), y.view(), upstream.view(), Some(dx.view_mut()), mode())?;
    run.array("output", &y, &run.expect.tensor("output")?);
    let want = run.expect.object("grad_inputs");
    run.array("gradient of query", &dx, &want.tensor("query")?);
    compare_parameters(run, layer)
}
