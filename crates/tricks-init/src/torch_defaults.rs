use crate::{
    Constant, Fan, Initializer, Layout, Normal, Uniform, VarianceScaling, initialize_with,
};
use std::collections::BTreeMap;
use tricks_tensor::{Error, Float, Noise, ParamKind, Parameters, Path, Result};

/// Fills a whole net as PyTorch's layers fill themselves when they are made.
///
/// # Formula
/// ```text
/// weights of two and more dimensions       U(−b, b),  b = 1/√fan_in
/// the bias beside such a weight            U(−b, b),  with the fan of the weight
/// weight_ih…, weight_hh…, bias_ih…, …      U(−b, b),  b = 1/√hidden: recurrent layers
/// in_proj_weight                           U(−b, b),  b = √(6/(fan_in + fan_out)): attention
/// in_proj_bias, and out_proj.bias there    0
/// tables of embeddings                     N(0, 1)
/// ```
/// All else keeps what it holds, and layers are built with PyTorch's values there: scales of 1 and
/// shifts of 0, PReLU's slope of ¼, running statistics.
///
/// # Notes
/// * Names tell recurrent layers and attention from others, and a bias finds its weight by them:
///   those of this library's layers are PyTorch's.
/// * The first line is PyTorch's `kaiming_uniform_` with a = √5, which is not He's initializer: the
///   variance is 1/(3 fan_in), a sixth of that.
/// * A transposed convolution's weight is `[in, out / groups, k…]`, and what PyTorch takes for its
///   fan is `out / groups · Πk`, as here.
/// * PyTorch then sets the row of an embedding's padding to 0; here that row never changes, and
///   what it holds is for the caller to choose.
///
/// # Source
/// `reset_parameters` of `Linear`, `Conv2d`, `RNNBase`, `MultiheadAttention` and `Embedding` in
/// PyTorch 2.
///
/// ```
/// use tricks_init::torch_defaults;
/// use tricks_tensor::{Dict, Noise, ParamKind, ndarray::{Array1, Array2}};
/// let mut params = Dict::<f32>::new();
/// params.insert("fc.weight", Array2::zeros((10, 400)));
/// params.insert_as("fc.bias", ParamKind::Bias, Array1::zeros(10));
/// torch_defaults(&mut params, Noise::new(42))?;
/// let most = |name: &str| params[name].iter().fold(0.0f32, |most, x| most.max(x.abs()));
/// assert!(most("fc.weight") <= 0.05 && most("fc.weight") > 0.049);
/// assert!(most("fc.bias") <= 0.05 && most("fc.bias") > 0.0);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
///
/// # Errors
/// A bias without the weight its bound follows from; numbers that do not fill their shape. All is
/// checked first: after an error nothing has changed.
pub fn torch_defaults<F: Float>(
    params: &mut (impl Parameters<F> + ?Sized),
    noise: Noise,
) -> Result<()> {
    let mut found = BTreeMap::new();
    params.visit(&Path::ROOT, &mut |place, _| {
        found.insert(place.path.to_string(), (place.kind, place.shape.to_vec()));
    });
    let mut chosen = BTreeMap::new();
    for (path, (kind, shape)) in &found {
        if let Some(init) = choose::<F>(&found, path, *kind, shape)? {
            chosen.insert(path.as_str(), init);
        }
    }
    initialize_with(params, Layout::OutIn, noise, |place| {
        chosen.get(place.path.to_string().as_str()).map(|init| &**init)
    })
}

/// Every parameter by its path.
type Found = BTreeMap<String, (ParamKind, Vec<usize>)>;

fn choose<F: Float>(
    found: &Found,
    path: &str,
    kind: ParamKind,
    shape: &[usize],
) -> Result<Option<Box<dyn Initializer<F>>>> {
    let (owner, name) = path.rsplit_once('.').unwrap_or(("", path));
    let beside = |owner: &str, name: &str| {
        let path = if owner.is_empty() { name.into() } else { format!("{owner}.{name}") };
        found.get(&path).map(|(_, shape)| &shape[..])
    };
    let missing = |what: &str| {
        Error::invalid("torch_defaults", format!("{path}: its bound follows from {what}"))
    };
    let uniform = |count: usize| -> Box<dyn Initializer<F>> {
        Box::new(Uniform::symmetric(1.0 / (count as f64).sqrt()))
    };
    let constant = |value| -> Box<dyn Initializer<F>> { Box::new(Constant { value }) };

    if let Some((_, end)) = name.split_once("_ih").or(name.split_once("_hh")) {
        let of_state = format!("weight_hh{end}");
        return match beside(owner, &of_state) {
            Some(&[_, hidden]) => Ok(Some(uniform(hidden))),
            _ => Err(missing(&format!("{of_state} beside it, which is not there"))),
        };
    }
    Ok(Some(match kind {
        _ if name == "in_proj_weight" => Box::new(VarianceScaling::xavier_uniform()),
        _ if name == "in_proj_bias" => constant(0.0),
        ParamKind::Weight if shape.len() >= 2 => uniform(Fan::of(shape, Layout::OutIn)?.fan_in),
        ParamKind::Bias => {
            let (outer, layer) = owner.rsplit_once('.').unwrap_or(("", owner));
            if layer == "out_proj" && beside(outer, "in_proj_weight").is_some() {
                return Ok(Some(constant(0.0)));
            }
            match beside(owner, "weight") {
                Some(shape) => uniform(Fan::of(shape, Layout::OutIn)?.fan_in),
                None => return Err(missing("a weight beside it, which is not there")),
            }
        }
        ParamKind::Embedding => Box::new(Normal { mean: 0.0, std: 1.0 }),
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::Dict;
    use tricks_tensor::ndarray::{Array1, ArrayD, IxDyn};

    fn net(params: &[(&str, ParamKind, &[usize])]) -> Dict<f64> {
        let mut net = Dict::new();
        for (name, kind, shape) in params {
            net.insert_as(*name, *kind, ArrayD::from_elem(IxDyn(shape), 7.0));
        }
        net
    }

    /// The largest size, the mean, and the standard deviation against that of the bound.
    fn within(net: &Dict<f64>, name: &str, bound: f64) {
        let x: Array1<f64> = net[name].iter().copied().collect();
        let most = x.iter().fold(0.0f64, |most, x| most.max(x.abs()));
        assert!(most <= bound && most > 0.9 * bound, "{name}: {most} of {bound}");
        let spread = x.std(0.0) * 3f64.sqrt() / bound;
        assert!((spread - 1.0).abs() < 0.1, "{name}: {spread}");
    }

    #[test]
    fn bounds_are_those_of_torch() {
        use ParamKind::{Bias, Buffer, Embedding, Scale, Shift, Weight};
        let mut net = net(&[
            ("conv.weight", Weight, &[50, 3, 5, 5]),
            ("conv.bias", Bias, &[200]),
            ("up.weight", Weight, &[50, 3, 5, 4]),
            ("up.bias", Bias, &[300]),
            ("lstm.weight_ih_l0", Weight, &[64, 30]),
            ("lstm.weight_hh_l0", Weight, &[64, 16]),
            ("lstm.bias_ih_l0", Bias, &[640]),
            ("lstm.bias_hh_l0", Bias, &[640]),
            ("attention.in_proj_weight", Weight, &[60, 20]),
            ("attention.in_proj_bias", Bias, &[60]),
            ("attention.out_proj.weight", Weight, &[20, 20]),
            ("attention.out_proj.bias", Bias, &[20]),
            // A layer that only shares the name.
            ("out_proj.weight", Weight, &[20, 16]),
            ("out_proj.bias", Bias, &[200]),
            ("table.weight", Embedding, &[400, 10]),
            ("norm.weight", Scale, &[3]),
            ("norm.bias", Shift, &[3]),
            ("norm.running_mean", Buffer, &[3]),
            ("prelu.weight", Weight, &[3]),
        ]);
        torch_defaults(&mut net, Noise::new(5)).unwrap();
        for (name, bound) in [
            ("conv.weight", 75f64.sqrt().recip()),
            ("conv.bias", 75f64.sqrt().recip()),
            ("up.weight", 60f64.sqrt().recip()),
            ("up.bias", 60f64.sqrt().recip()),
            ("lstm.weight_ih_l0", 0.25),
            ("lstm.weight_hh_l0", 0.25),
            ("lstm.bias_ih_l0", 0.25),
            ("lstm.bias_hh_l0", 0.25),
            ("attention.in_proj_weight", (6f64 / 80.0).sqrt()),
            ("attention.out_proj.weight", 20f64.sqrt().recip()),
            ("out_proj.weight", 0.25),
            ("out_proj.bias", 0.25),
        ] {
            within(&net, name, bound);
        }
        let table: Array1<f64> = net["table.weight"].iter().copied().collect();
        assert!(table.mean().unwrap().abs() < 0.06 && (table.std(0.0) - 1.0).abs() < 0.05);
        for (name, value) in [
            ("attention.in_proj_bias", 0.0),
            ("attention.out_proj.bias", 0.0),
            ("norm.weight", 7.0),
            ("norm.bias", 7.0),
            ("norm.running_mean", 7.0),
            ("prelu.weight", 7.0),
        ] {
            assert!(net[name].iter().all(|x| *x == value), "{name}");
        }
    }

    #[test]
    fn what_has_no_bound_is_refused() {
        use ParamKind::{Bias, Weight};
        let refused = |params: &[(&str, ParamKind, &[usize])]| {
            let mut net = net(params);
            let error = torch_defaults(&mut net, Noise::new(1)).unwrap_err();
            assert!(params.iter().all(|(name, ..)| net[*name].iter().all(|x| *x == 7.0)));
            error.to_string()
        };
        assert_eq!(
            refused(&[("a.weight", Weight, &[2, 3]), ("b.bias", Bias, &[2])]),
            "torch_defaults: b.bias: its bound follows from a weight beside it, which is not there"
        );
        assert_eq!(
            refused(&[("rnn.weight_ih_l1", Weight, &[2, 3])]),
            "torch_defaults: rnn.weight_ih_l1: its bound follows from weight_hh_l1 beside it, which \
             is not there"
        );
        let of_one = [("a.bias", Bias, &[2][..]), ("a.weight", Weight, &[2])];
        assert!(refused(&of_one).ends_with("needs at least 2 dimensions, shape [2] has 1"));
    }
}
