use super::*;
use crate::layers::AttentionMask;
use ndarray::{Array2, ArrayD, Axis, IxDyn, Slice};
use tricks_tensor::{Noise, gradcheck};

/// Uniform on [−1, 1).
fn draw(shape: &[usize], seed: u64) -> ArrayD<f64> {
    let mut x = ArrayD::zeros(IxDyn(shape));
    Noise::new(seed).fill_uniform(0, x.as_slice_mut().unwrap());
    x.mapv(|u| 2.0 * u - 1.0)
}

fn randomize(params: &mut impl Parameters<f64>) {
    params.visit(&Path::ROOT, &mut |place, param| {
        let noise = Noise::new(1).path(place.path);
        for (i, value) in param.value.iter_mut().enumerate() {
            *value = 2.0 * noise.uniform(i as u64) - 1.0;
        }
    });
}

fn forms() -> Vec<TransformerConfig> {
    let plain = TransformerConfig { num_heads: 2, dim_feedforward: 5, ..Default::default() };
    vec![
        TransformerConfig { dropout: 0.0, causal: true, ..plain },
        TransformerConfig { dropout: 0.4, norm_first: true, ..plain },
        TransformerConfig {
            activation: FeedForwardActivation::GELU,
            num_kv_heads: Some(1),
            rotary: Some(RotaryConfig::default()),
            bias: false,
            causal: true,
            ..plain
        },
    ]
}

#[test]
fn an_encoder_agrees_with_central_differences() {
    for config in forms() {
        for mode in [Mode::Train(Noise::new(3)), Mode::Eval] {
            let mut layer = TransformerEncoderLayer::new(4, config).unwrap();
            randomize(&mut layer);
            let report = gradcheck::layer(&mut layer, &draw(&[2, 3, 4], 5), mode, Noise::new(6));
            report.unwrap().within(1e-7).unwrap();
        }
    }
}

/// A decoder as a layer of one of its two inputs; the other is fixed.
struct OneInput {
    decoder: TransformerDecoderLayer<f64>,
    other: ArrayD<f64>,
    masks: [Array2<bool>; 2],
    /// Which input is the layer's.
    which: usize,
}

impl OneInput {
    fn inputs<'a>(&'a self, x: ArrayViewD<'a, f64>) -> [ArrayViewD<'a, f64>; 2] {
        if self.which == 0 { [x, self.other.view()] } else { [self.other.view(), x] }
    }
}

impl Parameters<f64> for OneInput {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, f64>)) {
        self.decoder.visit(at, f);
    }
}

impl Layer<f64> for OneInput {
    fn name(&self) -> &'static str {
        "OneInput"
    }
    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        Ok(IxDyn(if self.which == 0 { x } else { self.other.shape() }))
    }
    fn forward(
        &mut self,
        x: ArrayViewD<'_, f64>,
        y: ArrayViewMutD<'_, f64>,
        mode: Mode,
    ) -> Result<()> {
        let other = self.other.clone();
        let inputs = if self.which == 0 { [x, other.view()] } else { [other.view(), x] };
        let masks = self.masks.each_ref().map(|mask| AttentionMask::padding(mask.view()));
        self.decoder.forward(inputs, masks, y, mode)
    }
    fn backward(
        &mut self,
        x: ArrayViewD<'_, f64>,
        y: ArrayViewD<'_, f64>,
        dy: ArrayViewD<'_, f64>,
        dx: Option<ArrayViewMutD<'_, f64>>,
        mode: Mode,
    ) -> Result<()> {
        let other = self.other.clone();
        let inputs = if self.which == 0 { [x, other.view()] } else { [other.view(), x] };
        let outputs = if self.which == 0 { [dx, None] } else { [None, dx] };
        self.decoder.backward(inputs, y, dy, outputs, mode)
    }
    fn infer(&self, x: ArrayViewD<'_, f64>, y: ArrayViewMutD<'_, f64>) -> Result<()> {
        let masks = self.masks.each_ref().map(|mask| AttentionMask::padding(mask.view()));
        self.decoder.infer(self.inputs(x), masks, y)
    }
}

#[test]
fn a_decoder_agrees_with_central_differences() {
    for config in forms() {
        for (which, mode) in [(0, Mode::Train(Noise::new(3))), (1, Mode::Train(Noise::new(4)))] {
            let mut decoder = TransformerDecoderLayer::new(4, config).unwrap();
            randomize(&mut decoder);
            let inputs = [draw(&[2, 3, 4], 5), draw(&[2, 5, 4], 6)];
            let masks = [
                Array2::from_shape_fn((2, 3), |(n, t)| n == 1 && t == 2),
                Array2::from_shape_fn((2, 5), |(_, s)| s == 0),
            ];
            let other = inputs[1 - which].clone();
            let mut layer = OneInput { decoder, other, masks, which };
            let report = gradcheck::layer(&mut layer, &inputs[which], mode, Noise::new(6));
            report.unwrap().within(1e-6).unwrap();

            let x = &inputs[which];
            let mut y = ArrayD::zeros(layer.output_shape(x.shape()).unwrap());
            let mut z = y.clone();
            layer.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
            layer.infer(x.view(), z.view_mut()).unwrap();
            assert_eq!(y, z);
        }
    }
}

/// What comes later changes nothing before it.
#[test]
fn a_causal_block_does_not_look_ahead() {
    let config = TransformerConfig { causal: true, dim_feedforward: 3, ..Default::default() };
    let mut encoder = TransformerEncoderLayer::new(4, config).unwrap();
    let mut decoder = TransformerDecoderLayer::new(4, config).unwrap();
    randomize(&mut encoder);
    randomize(&mut decoder);
    let (x, memory) = (draw(&[1, 4, 4], 1), draw(&[1, 2, 4], 2));
    let mut changed = x.clone();
    changed.index_axis_mut(Axis(1), 3).fill(9.0);
    let results = [x, changed].map(|x| {
        let (mut y, mut z) = (x.clone(), x.clone());
        encoder.infer(x.view(), y.view_mut()).unwrap();
        decoder.infer([x.view(), memory.view()], Default::default(), z.view_mut()).unwrap();
        [y, z]
    });
    let [[y0, z0], [y1, z1]] = &results;
    for (a, b) in [(y0, y1), (z0, z1)] {
        let first = Slice::from(..3);
        assert_eq!(a.slice_axis(Axis(1), first), b.slice_axis(Axis(1), first));
        assert_ne!(a, b);
    }
}

/// Masked places of the input, in training, evaluation and inference.
#[test]
fn an_encoder_with_padding() {
    let mut layer = TransformerEncoderLayer::new(4, forms()[1]).unwrap();
    randomize(&mut layer);
    let (mut x, padding) = (draw(&[1, 3, 4], 1), Array2::from_shape_fn((1, 3), |(_, t)| t == 0));
    let (mut y, mut z) = (x.clone(), x.clone());
    layer
        .forward_masked(x.view(), AttentionMask::padding(padding.view()), y.view_mut(), Mode::Eval)
        .unwrap();
    assert!(layer.attention().weights().index_axis(Axis(3), 0).iter().all(|w| *w == 0.0));
    layer.infer_masked(x.view(), AttentionMask::padding(padding.view()), z.view_mut()).unwrap();
    assert_eq!(y, z);
    x.index_axis_mut(Axis(1), 0).fill(5.0);
    layer.infer_masked(x.view(), AttentionMask::padding(padding.view()), z.view_mut()).unwrap();
    let rest = Slice::from(1..);
    assert_eq!(y.slice_axis(Axis(1), rest), z.slice_axis(Axis(1), rest));
}

#[test]
fn names_are_those_of_torch() {
    let names = |params: &mut dyn Parameters<f64>| {
        let mut names = vec![];
        params.visit(&Path::ROOT, &mut |place, _| {
            names.push(format!("{} {:?}", place.path, place.shape));
        });
        names
    };
    let config = TransformerConfig { dim_feedforward: 3, ..Default::default() };
    let attention = |name: &str| {
        [("in_proj_weight", "[6, 2]"), ("in_proj_bias", "[6]")]
            .into_iter()
            .chain([("out_proj.weight", "[2, 2]"), ("out_proj.bias", "[2]")])
            .map(|(parameter, shape)| format!("{name}.{parameter} {shape}"))
            .collect::<Vec<_>>()
    };
    let maps = [
        "linear1.weight [3, 2]",
        "linear1.bias [3]",
        "linear2.weight [2, 3]",
        "linear2.bias [2]",
        "norm1.weight [2]",
        "norm1.bias [2]",
        "norm2.weight [2]",
        "norm2.bias [2]",
        "norm3.weight [2]",
        "norm3.bias [2]",
    ]
    .map(String::from);
    let want = [&attention("self_attn")[..], &maps[..8]].concat();
    assert_eq!(names(&mut TransformerEncoderLayer::new(2, config).unwrap()), want);
    let want = [&attention("self_attn")[..], &attention("multihead_attn"), &maps].concat();
    assert_eq!(names(&mut TransformerDecoderLayer::new(2, config).unwrap()), want);
}

#[test]
fn what_is_refused() {
    let plain = TransformerConfig::default();
    for (config, want) in [
        (
            TransformerConfig { dropout: -0.5, ..plain },
            "TransformerEncoderLayer: dropout is -0.5, must be in [0, 1]",
        ),
        (
            TransformerConfig { layer_norm_eps: 0.0, ..plain },
            "TransformerEncoderLayer: layer_norm_eps is 0, must be finite and above 0",
        ),
        (
            TransformerConfig { dim_feedforward: 0, ..plain },
            "TransformerEncoderLayer: dim_feedforward is 0, must be at least 1",
        ),
        (
            TransformerConfig { num_heads: 3, ..plain },
            "MultiheadAttention: embed_dim is 4, must be a multiple of num_heads, 3",
        ),
    ] {
        let refused = TransformerEncoderLayer::<f64>::new(4, config).unwrap_err().to_string();
        assert_eq!(refused, want);
        let refused = TransformerDecoderLayer::<f64>::new(4, config).unwrap_err().to_string();
        assert_eq!(refused, want.replace("Encoder", "Decoder"));
    }
    let config = TransformerConfig { dim_feedforward: 3, ..plain };
    let mut decoder = TransformerDecoderLayer::<f64>::new(4, config).unwrap();
    let [x, memory] = [draw(&[2, 3, 4], 1), draw(&[2, 5, 4], 2)];
    let (mut y, mut wrong) = (x.clone(), draw(&[2, 2, 4], 1));
    let inputs = || [x.view(), memory.view()];
    let refused = decoder.forward(inputs(), Default::default(), wrong.view_mut(), Mode::Eval);
    let want = "TransformerDecoderLayer: output has shape [2, 2, 4], input [2, 3, 4]";
    assert_eq!(refused.unwrap_err().to_string(), want);
    let views = [x.view(), y.view()].map(|y| y.to_owned());
    let refused = decoder
        .backward(inputs(), views[0].view(), views[1].view(), [None, None], Mode::Eval)
        .unwrap_err()
        .to_string();
    let want = "middle of the last forward pass has shape [0], expected [2, 3, 4]";
    assert_eq!(refused, format!("TransformerDecoderLayer: {want}"));
    decoder.forward(inputs(), Default::default(), y.view_mut(), Mode::Eval).unwrap();
    let outputs = [None, Some(wrong.view_mut())];
    let refused = decoder
        .backward(inputs(), y.view(), x.view(), outputs, Mode::Eval)
        .unwrap_err()
        .to_string();
    let want = "memory gradient has shape [2, 2, 4], memory [2, 5, 4]";
    assert_eq!(refused, format!("TransformerDecoderLayer: {want}"));
}
