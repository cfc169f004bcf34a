use super::*;
use crate::layers::{RotaryConfig, RotaryPairs, RotaryPositionalEncoding};
use ndarray::{Array2, Array4, ArrayD, Axis, IxDyn, Slice, arr2};
use tricks_tensor::{Float, Layer, Mode, Noise, Parameters, Path, gradcheck, ndarray};

/// Uniform on [−1, 1).
fn draw(shape: &[usize], seed: u64) -> ArrayD<f64> {
    let mut x = ArrayD::zeros(IxDyn(shape));
    Noise::new(seed).fill_uniform(0, x.as_slice_mut().unwrap());
    x.mapv(|u| 2.0 * u - 1.0)
}

fn four(shape: [usize; 4], seed: u64) -> Array4<f64> {
    draw(&shape, seed).into_dimensionality().unwrap()
}

fn randomize<F: Float>(params: &mut impl Parameters<F>) {
    params.visit(&Path::ROOT, &mut |place, param| {
        let noise = Noise::new(1).path(place.path);
        for (i, value) in param.value.iter_mut().enumerate() {
            *value = F::of(2.0 * noise.uniform(i as u64) - 1.0);
        }
    });
}

/// Straight from the formula, one number at a time.
fn naive(
    [q, k, v]: [&Array4<f64>; 3],
    mask: &AttentionMask<'_, f64>,
) -> (Array4<f64>, Array4<f64>) {
    let AttentionMask { causal, padding, bias } = mask;
    let ((samples, heads, queries, d), (_, key_heads, keys, e)) = (q.dim(), v.dim());
    let mut weights = Array4::zeros((samples, heads, queries, keys));
    let mut y = Array4::zeros((samples, heads, queries, e));
    let bias = bias.as_ref().map(|bias| bias.broadcast((samples, heads, queries, keys)).unwrap());
    for ((n, h, t, _), _) in y.clone().indexed_iter() {
        let g = h / (heads / key_heads);
        let logit = |s| {
            let hidden = (*causal && s > t) || padding.is_some_and(|padding| padding[[n, s]]);
            let dot = (0..d).map(|i| q[[n, h, t, i]] * k[[n, g, s, i]]).sum::<f64>();
            let bias = bias.map_or(0.0, |bias| bias[[n, h, t, s]]);
            if hidden { 0.0 } else { (dot / (d as f64).sqrt() + bias).exp() }
        };
        let sum: f64 = (0..keys).map(logit).sum();
        for s in 0..keys {
            weights[[n, h, t, s]] = if sum > 0.0 { logit(s) / sum } else { 0.0 };
        }
        for i in 0..e {
            y[[n, h, t, i]] = (0..keys).map(|s| weights[[n, h, t, s]] * v[[n, g, s, i]]).sum();
        }
    }
    (weights, y)
}

fn close(got: &Array4<f64>, want: &Array4<f64>) {
    assert_eq!(got.dim(), want.dim());
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() < 1e-13, "{got} {want}");
    }
}

/// Sums of `u · y` for a fixed `u` change as the gradients say.
#[test]
fn the_function_is_the_formula() {
    let padding = Array2::from_shape_fn((3, 5), |(n, s)| n == 1 || (n == 2 && s > 1));
    let padding = Some(padding.view());
    // For each query and key; for each head and key; for all. −∞ hides.
    let [of_places, of_heads, of_all] =
        [&[6, 5][..], &[4, 1, 5], &[3, 4, 6, 5]].map(|shape| 3.0 * draw(shape, 9));
    let hiding = of_places.mapv(|x| if x > 0.0 { f64::NEG_INFINITY } else { x });
    let plain = AttentionMask::default;
    for mask in [
        plain(),
        AttentionMask { causal: true, ..plain() },
        AttentionMask { padding, ..plain() },
        AttentionMask { causal: true, padding, ..plain() },
        AttentionMask { bias: Some(of_places.view()), ..plain() },
        AttentionMask { bias: Some(of_heads.view()), padding, ..plain() },
        AttentionMask { bias: Some(of_all.view()), causal: true, ..plain() },
        AttentionMask { bias: Some(hiding.view()), causal: true, padding },
    ] {
        let inputs = [four([3, 4, 6, 3], 1), four([3, 2, 5, 3], 2), four([3, 2, 5, 7], 3)];
        let [q, k, v] = [0, 1, 2].map(|i| inputs[i].view());
        let (mut weights, mut y) = (Array4::zeros((3, 4, 6, 5)), Array4::zeros((3, 4, 6, 7)));
        let outputs = (weights.view_mut(), y.view_mut());
        scaled_dot_product_attention([q, k, v], mask.clone(), outputs.0, outputs.1).unwrap();
        let (want, of) = naive([0, 1, 2].map(|i| &inputs[i]), &mask);
        close(&weights, &want);
        close(&y, &of);

        let u = four([3, 4, 6, 7], 4);
        let mut grads = inputs.clone().map(|x| x.mapv(|_| f64::NAN));
        let [dq, dk, dv] = &mut grads;
        let outputs = [dq.view_mut(), dk.view_mut(), dv.view_mut()];
        scaled_dot_product_attention_backward([q, k, v], weights.view(), u.view(), outputs)
            .unwrap();
        for which in 0..3 {
            for i in 0..inputs[which].len() {
                let at = |h: f64| {
                    let mut inputs = inputs.clone();
                    inputs[which].as_slice_mut().unwrap()[i] += h;
                    (&u * &naive([0, 1, 2].map(|i| &inputs[i]), &mask).1).sum()
                };
                let measured = (at(1e-5) - at(-1e-5)) / 2e-5;
                let got = grads[which].as_slice().unwrap()[i];
                assert!((got - measured).abs() < 1e-8, "{which}[{i}]: {got} {measured}");
            }
        }
    }
}

/// Logits ±1000 in f32: no overflow; e⁻²⁰⁰⁰ is 0.
#[test]
fn logits_may_be_large() {
    let q = Array4::from_elem((1, 1, 1, 1), 1000f32);
    let k = Array4::from_shape_vec((1, 1, 3, 1), vec![1.0f32, -1.0, 1.0]).unwrap();
    let v = Array4::from_shape_vec((1, 1, 3, 1), vec![2.0f32, 50.0, 4.0]).unwrap();
    let (mut weights, mut y) = (Array4::zeros((1, 1, 1, 3)), Array4::zeros((1, 1, 1, 1)));
    let mask = AttentionMask::default();
    let inputs = [q.view(), k.view(), v.view()];
    scaled_dot_product_attention(inputs, mask.clone(), weights.view_mut(), y.view_mut()).unwrap();
    assert_eq!(weights.as_slice().unwrap(), [0.5, 0.0, 0.5]);
    assert_eq!(y[[0, 0, 0, 0]], 3.0);
    let nan = q.mapv(|_| f32::NAN);
    let inputs = [nan.view(), k.view(), v.view()];
    scaled_dot_product_attention(inputs, mask, weights.view_mut(), y.view_mut()).unwrap();
    assert!(y[[0, 0, 0, 0]].is_nan(), "a NaN is not hidden");
}

#[test]
fn any_layout_and_no_numbers() {
    let inputs = [four([2, 3, 4, 5], 1), four([2, 3, 6, 5], 2), four([2, 3, 6, 5], 3)];
    let mask = AttentionMask { causal: true, ..AttentionMask::default() };
    let (want, of) = naive([0, 1, 2].map(|i| &inputs[i]), &mask);
    let turned = inputs.map(|x| x.permuted_axes([3, 1, 2, 0]).as_standard_layout().into_owned());
    let [q, k, v] = [0, 1, 2].map(|i| turned[i].view().permuted_axes([3, 1, 2, 0]));
    let (mut weights, mut y) = (Array4::zeros((6, 4, 3, 2)), Array4::zeros((5, 3, 2, 8)));
    let (mut w, mut z) = (
        weights.view_mut().permuted_axes([3, 2, 1, 0]),
        y.slice_axis_mut(Axis(3), Slice::new(0, None, 2)).permuted_axes([2, 1, 3, 0]),
    );
    scaled_dot_product_attention([q, k, v], mask, w.view_mut(), z.view_mut()).unwrap();
    close(&w.to_owned(), &want);
    close(&z.to_owned(), &of);

    for [samples, heads, queries, keys, d] in
        [[0, 2, 3, 3, 2], [2, 0, 3, 3, 2], [2, 2, 0, 3, 2], [2, 2, 3, 0, 2], [2, 2, 3, 3, 0]]
    {
        let q = Array4::<f64>::zeros((samples, heads, queries, d));
        let k = Array4::zeros((samples, heads, keys, d));
        let mut weights = Array4::zeros((samples, heads, queries, keys));
        let (mut y, mut dq) = (q.mapv(|_| 1.0), q.clone());
        let (mut dk, mut dv) = (k.clone(), k.clone());
        let inputs = [q.view(), k.view(), k.view()];
        let mask = AttentionMask::default();
        scaled_dot_product_attention(inputs, mask, weights.view_mut(), y.view_mut()).unwrap();
        assert!(y.iter().all(|y| *y == 0.0));
        let outputs = [dq.view_mut(), dk.view_mut(), dv.view_mut()];
        scaled_dot_product_attention_backward(inputs, weights.view(), y.view(), outputs).unwrap();
    }
}

#[test]
fn shapes_that_do_not_fit() {
    let refused = |q, k, v, padding: Option<[usize; 2]>, weights, y| {
        let [q, k, v, mut weights, mut y] = [q, k, v, weights, y].map(Array4::<f64>::zeros);
        let padding = padding.map(|shape| Array2::from_elem(shape, false));
        let padding = padding.as_ref().map(|padding| padding.view());
        let mask = AttentionMask { padding, ..AttentionMask::default() };
        let inputs = [q.view(), k.view(), v.view()];
        scaled_dot_product_attention(inputs, mask, weights.view_mut(), y.view_mut())
            .unwrap_err()
            .to_string()
    };
    let (q, k, w) = ([2, 4, 3, 5], [2, 2, 6, 5], [2, 4, 3, 6]);
    for (message, want) in [
        (
            refused(q, [2, 2, 6, 4], k, None, w, q),
            "key has shape [2, 2, 6, 4], expected [2, 2, 6, 5]",
        ),
        (
            refused(q, [1, 2, 6, 5], k, None, w, q),
            "key has shape [1, 2, 6, 5], expected [2, 2, 6, 5]",
        ),
        (
            refused(q, k, [2, 2, 5, 5], None, w, q),
            "value has shape [2, 2, 5, 5], expected [2, 2, 6, 5]",
        ),
        (
            refused(q, [2, 3, 6, 5], [2, 3, 6, 5], None, w, q),
            "4 heads of queries, must be a multiple of 3 of keys",
        ),
        (
            refused(q, [2, 0, 6, 5], [2, 0, 6, 5], None, w, q),
            "4 heads of queries, must be a multiple of 0 of keys",
        ),
        (refused(q, k, k, Some([2, 3]), w, q), "padding has shape [2, 3], expected [2, 6]"),
        (refused(q, k, k, None, q, q), "weights has shape [2, 4, 3, 5], expected [2, 4, 3, 6]"),
        (refused(q, k, k, None, w, k), "output has shape [2, 2, 6, 5], expected [2, 4, 3, 5]"),
    ] {
        assert_eq!(message, format!("scaled_dot_product_attention: {want}"));
    }
}

/// Of the backward pass.
#[test]
fn gradients_that_do_not_fit() {
    let (q, k, w) = ([2, 4, 3, 5], [2, 2, 6, 5], [2, 4, 3, 6]);
    for (weights, dy, dq, dk, dv, want) in [
        (q, q, q, k, k, "weights has shape [2, 4, 3, 5], expected [2, 4, 3, 6]"),
        (w, k, q, k, k, "output gradient has shape [2, 2, 6, 5], expected [2, 4, 3, 5]"),
        (w, q, k, k, k, "query gradient has shape [2, 2, 6, 5], query [2, 4, 3, 5]"),
        (w, q, q, q, k, "key gradient has shape [2, 4, 3, 5], key [2, 2, 6, 5]"),
        (w, q, q, k, q, "value gradient has shape [2, 4, 3, 5], value [2, 2, 6, 5]"),
    ] {
        let [q, k, weights, dy] = [q, k, weights, dy].map(Array4::<f64>::zeros);
        let [mut dq, mut dk, mut dv] = [dq, dk, dv].map(Array4::<f64>::zeros);
        let (inputs, grads) =
            ([q.view(), k.view(), k.view()], [dq.view_mut(), dk.view_mut(), dv.view_mut()]);
        let refused =
            scaled_dot_product_attention_backward(inputs, weights.view(), dy.view(), grads);
        let message = refused.unwrap_err().to_string();
        assert_eq!(message, format!("scaled_dot_product_attention: {want}"));
    }
    let mut layer = attention(4, AttentionConfig::default());
    let [x, memory] = [&[2, 3, 4][..], &[2, 5, 4]].map(|shape| ArrayD::zeros(IxDyn(shape)));
    let inputs = || [x.view(), memory.view(), memory.view()];
    let mut y = x.clone();
    layer.attend(inputs(), AttentionMask::default(), y.view_mut(), Mode::Eval).unwrap();
    let (mut dx, mut short, mut dm) = (x.clone(), x.clone(), memory.clone());
    let grads = Some([dx.view_mut(), short.view_mut(), dm.view_mut()]);
    let refused = layer.attend_backward(inputs(), y.view(), grads, Mode::Eval).unwrap_err();
    let want = "MultiheadAttention: input gradient has shape [2, 3, 4], input [2, 5, 4]";
    assert_eq!(refused.to_string(), want);
    let refused = layer.attend_backward(inputs(), memory.view(), None, Mode::Eval).unwrap_err();
    let want = "MultiheadAttention: output gradient has shape [2, 5, 4], output [2, 3, 4]";
    assert_eq!(refused.to_string(), want);
}

fn attention(features: usize, config: AttentionConfig) -> MultiheadAttention<f64> {
    let mut attention = MultiheadAttention::new(features, config).unwrap();
    randomize(&mut attention);
    attention
}

#[test]
fn forms_agree_with_central_differences() {
    let plain = AttentionConfig { num_heads: 4, ..AttentionConfig::default() };
    for config in [
        AttentionConfig { num_kv_heads: Some(2), causal: true, ..plain },
        AttentionConfig { num_kv_heads: Some(1), dropout: 0.4, ..plain },
        AttentionConfig { bias: false, dropout: 1.0, ..plain },
        AttentionConfig { num_kv_heads: Some(2), rotary: Some(RotaryConfig::default()), ..plain },
    ] {
        for mode in [Mode::Train(Noise::new(3)), Mode::Eval] {
            let mut layer = attention(8, config);
            let report = gradcheck::layer(&mut layer, &draw(&[2, 3, 8], 5), mode, Noise::new(6));
            report.unwrap().within(1e-8).unwrap();
        }
    }
}

/// Three inputs, of which no key of one sample is seen; heads that share keys are heads with the
/// same keys.
#[test]
fn three_inputs() {
    let config = AttentionConfig { num_heads: 2, dropout: 0.3, ..AttentionConfig::default() };
    let mut layer = attention(4, config);
    let inputs = [draw(&[2, 3, 4], 1), draw(&[2, 5, 4], 2), draw(&[2, 5, 4], 3)];
    let padding = Array2::from_shape_fn((2, 5), |(n, s)| n == 1 || s == 0);
    let (u, mode) = (draw(&[2, 3, 4], 4), Mode::Train(Noise::new(5)));
    let mut value = |inputs: &[ArrayD<f64>; 3]| {
        let mut y = u.clone();
        let views = [0, 1, 2].map(|i| inputs[i].view());
        layer.attend(views, AttentionMask::padding(padding.view()), y.view_mut(), mode).unwrap();
        (y.clone(), (&u * &y).sum(), layer.clone())
    };
    let (y, _, mut layer) = value(&inputs);
    let mut bias = vec![];
    layer.visit(&Path::ROOT, &mut |place, param| {
        if place.path.is("out_proj.bias") {
            bias = param.value.to_vec();
        }
    });
    assert!(y.index_axis(Axis(0), 1).rows().into_iter().all(|y| y.to_vec() == bias));

    let mut grads = inputs.clone().map(|x| x.mapv(|_| f64::NAN));
    let [a, b, c] = &mut grads;
    let outputs = [a.view_mut(), b.view_mut(), c.view_mut()];
    layer
        .attend_backward([0, 1, 2].map(|i| inputs[i].view()), u.view(), Some(outputs), mode)
        .unwrap();
    for which in 0..3 {
        for i in 0..inputs[which].len() {
            let mut at = |h: f64| {
                let mut inputs = inputs.clone();
                inputs[which].as_slice_mut().unwrap()[i] += h;
                value(&inputs).1
            };
            let measured = (at(1e-5) - at(-1e-5)) / 2e-5;
            let got = grads[which].as_slice().unwrap()[i];
            assert!((got - measured).abs() < 1e-8, "{which}[{i}]: {got} {measured}");
        }
    }
    let views = [0, 1, 2].map(|i| inputs[i].view());
    let (mut y, mut z) = (u.clone(), u.clone());
    layer
        .attend(views.clone(), AttentionMask::padding(padding.view()), y.view_mut(), Mode::Eval)
        .unwrap();
    layer.infer_attend(views, AttentionMask::padding(padding.view()), z.view_mut()).unwrap();
    assert_eq!(y, z);
}

/// One key head for two heads is two key heads with the same rows.
#[test]
fn key_heads_are_shared() {
    let two = AttentionConfig { num_heads: 2, ..AttentionConfig::default() };
    let (mut grouped, mut full) =
        (attention(4, AttentionConfig { num_kv_heads: Some(1), ..two }), attention(4, two));
    let mut of_grouped = vec![];
    grouped.visit(&Path::ROOT, &mut |_, param| of_grouped.push(param.value.to_vec()));
    let mut i = 0;
    full.visit(&Path::ROOT, &mut |place, param| {
        let (from, width) = (&of_grouped[i], place.len() / place.shape[0]);
        i += 1;
        if !place.path.to_string().starts_with("in_proj") {
            return param.value.copy_from_slice(from);
        }
        for (row, value) in param.value.chunks_mut(width).enumerate() {
            // Rows of q, k, k again, v, v again.
            let row = [0, 1, 2, 3, 4, 5, 4, 5, 6, 7, 6, 7][row];
            value.copy_from_slice(&from[row * width..][..width]);
        }
    });
    let x = draw(&[2, 3, 4], 9);
    let (mut y, mut z) = (x.clone(), x.clone());
    grouped.infer(x.view(), y.view_mut()).unwrap();
    full.infer(x.view(), z.view_mut()).unwrap();
    assert!(y.iter().zip(&z).all(|(y, z)| (y - z).abs() < 1e-14));
}

/// With identities for Wq and Wk: the weights are those of turned inputs.
#[test]
fn rotary_heads() {
    let rotary = RotaryConfig { base: 30.0, pairs: RotaryPairs::Halves };
    let config = AttentionConfig { rotary: Some(rotary), bias: false, ..Default::default() };
    let mut layer = MultiheadAttention::<f64>::new(4, config).unwrap();
    layer.visit(&Path::ROOT, &mut |_, param| {
        param.value.chunks_mut(4).enumerate().for_each(|(i, row)| row[i % 4] = 1.0);
    });
    let x = draw(&[1, 5, 4], 1);
    let (mut y, mut turned) = (x.clone(), x.clone());
    layer.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
    RotaryPositionalEncoding::new(rotary).unwrap().infer(x.view(), turned.view_mut()).unwrap();
    let [q, v] =
        [turned, x].map(|x| x.insert_axis(Axis(1)).into_dimensionality::<ndarray::Ix4>().unwrap());
    let (weights, of) = naive([&q, &q, &v], &AttentionMask::default());
    close(&layer.weights().to_owned().into_dimensionality().unwrap(), &weights);
    close(&y.insert_axis(Axis(1)).into_dimensionality().unwrap(), &of);
}

#[test]
fn a_mask_hides_what_it_says() {
    let mut layer = attention(4, AttentionConfig { num_heads: 2, ..AttentionConfig::default() });
    let (mut x, padding) = (draw(&[1, 3, 4], 1), arr2(&[[false, false, true]]));
    let (mut y, mut z) = (x.clone(), x.clone());
    layer
        .forward_masked(x.view(), AttentionMask::padding(padding.view()), y.view_mut(), Mode::Eval)
        .unwrap();
    assert!(layer.weights().index_axis(Axis(3), 2).iter().all(|weight| *weight == 0.0));
    x.index_axis_mut(Axis(1), 2).fill(7.0);
    layer
        .forward_masked(x.view(), AttentionMask::padding(padding.view()), z.view_mut(), Mode::Eval)
        .unwrap();
    let first = Slice::from(..2);
    assert_eq!(y.slice_axis(Axis(1), first), z.slice_axis(Axis(1), first));
    assert_ne!(y, z, "the hidden place itself still looks");
}

/// What both say is hidden or favoured, and what a padding or `causal` says as a bias.
#[test]
fn a_bias_can_be_any_mask() {
    let mut layer = attention(4, AttentionConfig { num_heads: 2, ..AttentionConfig::default() });
    let x = draw(&[2, 3, 4], 1);
    let mut output = |mask| {
        let mut y = x.clone();
        layer.forward_masked(x.view(), mask, y.view_mut(), Mode::Eval).unwrap();
        y
    };
    let hide = |hidden| if hidden { f64::NEG_INFINITY } else { 0.0 };
    let later = Array2::from_shape_fn((3, 3), |(t, s)| hide(s > t)).into_dyn();
    let with = |bias| AttentionMask { bias: Some(bias), ..AttentionMask::default() };
    let causal = AttentionMask { causal: true, ..AttentionMask::default() };
    assert_eq!(output(with(later.view())), output(causal));
    let padding = Array2::from_shape_fn((2, 3), |(n, s)| n == 1 || s == 0);
    let padded = padding.mapv(hide).into_shape_with_order((2, 1, 1, 3)).unwrap().into_dyn();
    let of_padding = output(AttentionMask::padding(padding.view()));
    assert_eq!(output(with(padded.view())), of_padding);
    assert_ne!(output(AttentionMask::default()), of_padding);
}

#[test]
fn what_is_refused() {
    let one = AttentionConfig::default();
    let rotary = RotaryConfig::default();
    let endless = RotaryConfig { base: f64::INFINITY, ..rotary };
    let refused = |features, config| {
        MultiheadAttention::<f32>::new(features, config).unwrap_err().to_string()
    };
    for (message, want) in [
        (refused(0, one), "MultiheadAttention: embed_dim is 0, must be at least 1"),
        (
            refused(4, AttentionConfig { num_heads: 0, ..one }),
            "MultiheadAttention: num_heads is 0, must be at least 1",
        ),
        (
            refused(6, AttentionConfig { num_heads: 6, num_kv_heads: Some(4), ..one }),
            "MultiheadAttention: num_heads is 6, must be a multiple of num_kv_heads, 4",
        ),
        (
            refused(6, AttentionConfig { num_heads: 2, rotary: Some(rotary), ..one }),
            "MultiheadAttention: rotary heads have 3 features, must be even",
        ),
        (
            refused(6, AttentionConfig { rotary: Some(endless), ..one }),
            "MultiheadAttention: base is inf, must be finite and above 0",
        ),
        (
            refused(6, AttentionConfig { dropout: 1.5, ..one }),
            "MultiheadAttention: dropout is 1.5, must be in [0, 1]",
        ),
    ] {
        assert_eq!(message, want);
    }
    let mut layer = attention(4, one);
    let refused = layer.output_shape(&[2, 3, 5]).unwrap_err().to_string();
    let want = "MultiheadAttention: input has shape [2, 3, 5], must be [samples, time, 4]";
    assert_eq!(refused, want);
    assert!(layer.output_shape(&[3, 4]).is_err());

    let [x, other] = [ArrayD::zeros(IxDyn(&[2, 3, 4])), ArrayD::zeros(IxDyn(&[2, 5, 4]))];
    let mut y = x.clone();
    let padding = Array2::from_elem((2, 4), false);
    let refused = layer
        .forward_masked(x.view(), AttentionMask::padding(padding.view()), y.view_mut(), Mode::Eval)
        .unwrap_err();
    let want = "MultiheadAttention: padding has shape [2, 4], expected [2, 3]";
    assert_eq!(refused.to_string(), want);
    let bias = ArrayD::zeros(IxDyn(&[3, 2]));
    let mask = AttentionMask { bias: Some(bias.view()), ..AttentionMask::default() };
    let refused = layer.forward_masked(x.view(), mask, y.view_mut(), Mode::Eval).unwrap_err();
    let want = "MultiheadAttention: bias has shape [3, 2], cannot be broadcast to [2, 1, 3, 3]";
    assert_eq!(refused.to_string(), want);
    let inputs = [x.view(), x.view(), other.view()];
    let refused = layer
        .attend(inputs, AttentionMask::default(), y.view_mut(), Mode::Eval)
        .unwrap_err()
        .to_string();
    assert_eq!(refused, "MultiheadAttention: value has shape [2, 5, 4], key [2, 3, 4]");
    // A backward pass of another size than the forward pass before it.
    layer.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
    let refused = layer
        .backward(other.view(), other.view(), other.view(), None, Mode::Eval)
        .unwrap_err()
        .to_string();
    let want = "weights of the last forward pass has shape [2, 1, 3, 3], expected [2, 1, 5, 5]";
    assert_eq!(refused, format!("MultiheadAttention: {want}"));
}
