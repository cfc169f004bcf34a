use super::*;

#[test]
fn the_right_start_is_healthy() {
    let (he, xavier) = (VarianceScaling::he_normal(), VarianceScaling::xavier_normal());
    for report in [
        look(deep(ReLU), &[64, WIDTH], &he),
        look(deep(ReLU), &[64, WIDTH], &VarianceScaling::he_uniform()),
        look(deep(LeakyReLU::default()), &[64, WIDTH], &he),
        look(deep(Tanh), &[64, WIDTH], &xavier),
        look(deep(Softsign), &[64, WIDTH], &xavier.gain(tricks_init::Gain::Tanh)),
    ] {
        assert!(report.is_healthy(), "{report}");
        assert!(report.to_string().ends_with("\nhealthy"));
        assert_eq!(report.weighted().count(), DEPTH + 1);
    }
    // The size of the input is not the net's doing.
    let mut net = Net::new(deep(ReLU));
    initialize(&mut net, Layout::OutIn, &he, Noise::new(1)).unwrap();
    for scale in [1e-4, 1e4] {
        let x = normals(&[64, WIDTH], 2) * scale;
        let report = look_at(&mut net, &x);
        assert!(report.is_healthy(), "{report}");
    }
}

#[test]
fn too_small_weights_vanish_and_are_named() {
    let report = look(deep(ReLU), &[64, WIDTH], &std(0.01));
    // 0.1 of the input's size behind the first layer, then 0.07 of the one before: all but perhaps
    // the first are out, and all are too small.
    let found = texts(&report);
    assert!(found.len() >= DEPTH, "{report}");
    let second = found.iter().find(|text| text.starts_with("layers.2 ")).unwrap();
    assert!(second.starts_with("layers.2 (Dense): output vanishes (0.00"), "{second}");
    let fix = "; layers.2.weight: std 0.01, He normal for fan_in 100 is 0.14";
    assert!(second.ends_with(fix), "{second}");
    assert!(found[3].contains("gradient vanishes"), "{report}");
    let last = found.last().unwrap();
    // The output layer has no activation.
    assert!(last.contains("Xavier normal for fan_in 100, fan_out 10 is 0.13"), "{last}");

    let tanh = look(deep(Tanh), &[64, WIDTH], &std(0.01));
    assert!(texts(&tanh)[1].contains("Xavier normal for fan_in 100, fan_out 100 is 0.1"), "{tanh}");
    // The initializers that are named make the net healthy.
    let Remedy::Initializer { initializer, .. } = report.findings[0].remedy.clone() else {
        panic!("{report}")
    };
    assert!(look(deep(ReLU), &[64, WIDTH], &initializer).is_healthy());
    // PyTorch's default loses 1/√6 a layer through ReLU.
    let torch = look(deep(ReLU), &[64, WIDTH], &VarianceScaling::torch_default());
    let text = &texts(&torch)[2];
    assert!(text.starts_with("layers.4 (Dense): output vanishes (0.09"), "{torch}");
    assert!(text.ends_with("std 0.058, He normal for fan_in 100 is 0.14"), "{torch}");
    // Zeros.
    let zeros = look(deep(ReLU), &[64, WIDTH], &std(0.0));
    let want = "layers.0.weight: std 0, He normal for fan_in 100 is 0.14";
    assert!(texts(&zeros)[0].ends_with(want), "{zeros}");
}

#[test]
fn too_large_weights_explode_or_saturate() {
    let relu = look(deep(ReLU), &[64, WIDTH], &std(0.5));
    let found = texts(&relu);
    let text = found.iter().find(|text| text.starts_with("layers.2 ")).unwrap();
    assert!(text.starts_with("layers.2 (Dense): output explodes (1"), "{text}");
    assert!(
        text.ends_with("layers.2.weight: std 0.51, He normal for fan_in 100 is 0.14"),
        "{text}"
    );
    let tanh = look(deep(Tanh), &[64, WIDTH], &std(1.0));
    assert_eq!(tanh.findings.len(), DEPTH, "{tanh}");
    for (i, finding) in tanh.findings.iter().enumerate() {
        assert_eq!(finding.layer, 2 * i);
        assert!(matches!(finding.symptoms[0], Symptom::Saturated(share) if share > 0.8), "{tanh}");
        let text = finding.to_string();
        assert!(text.ends_with(", Xavier normal for fan_in 100, fan_out 100 is 0.1"), "{text}");
    }
    let sigmoid = look(deep(Sigmoid), &[64, WIDTH], &std(1.0));
    assert!(matches!(sigmoid.findings[3].symptoms[0], Symptom::Saturated(_)), "{sigmoid}");
    // f32 ends at 3e38.
    let huge = look(deep(ReLU), &[64, WIDTH], &std(1e4));
    let last = huge.findings.last().unwrap();
    assert_eq!(last.symptoms, [Symptom::NonFinite], "{huge}");
    assert!(last.to_string().contains("output is not finite; layers."), "{huge}");
}

#[test]
fn a_deep_sigmoid_net_needs_another_activation() {
    let report = look(deep(Sigmoid), &[64, WIDTH], &VarianceScaling::xavier_normal());
    // A quarter a layer: the fourth in front of the last hidden one is out of the band, and named
    // alone.
    let found = texts(&report);
    assert_eq!(found.len(), 1, "{report}");
    assert!(found[0].contains("gradient vanishes (0.00"), "{report}");
    assert!(found[0].contains("its weights have the right size, Sigmoid passes"), "{report}");
    assert!(report.findings[0].layer >= 2 * (DEPTH - 6), "{report}");
    assert_eq!(report.findings[0].remedy, Remedy::Activation("Sigmoid"));
    // Two layers of it are fine.
    let two = Sequential::new().push(Dense::new(WIDTH, WIDTH)).push(Sigmoid);
    let two =
        look(two.push(Dense::new(WIDTH, 10)), &[64, WIDTH], &VarianceScaling::xavier_normal());
    assert!(two.is_healthy(), "{two}");
}

#[test]
fn the_layer_at_fault_is_named_and_not_those_behind_it() {
    let mut net = Net::new(deep(ReLU));
    initialize(&mut net, Layout::OutIn, &VarianceScaling::he_normal(), Noise::new(1)).unwrap();
    net.visit(&Path::ROOT, &mut |place, param| {
        if place.path.is("layers.10.weight") {
            param.value.iter_mut().for_each(|w| *w *= 0.001);
        }
    });
    let x = normals(&[64, WIDTH], 2);
    let found = look_at(&mut net, &x);
    assert_eq!(found.findings[0].path, "layers.8", "gradients vanish in front of it");
    let second = &found.findings[1];
    assert_eq!((second.path.as_str(), found.findings.len()), ("layers.10", 2), "{found}");
    assert!(matches!(second.remedy, Remedy::Initializer { .. }), "{found}");
    // A bias that kills: the weights are not to blame.
    initialize(&mut net, Layout::OutIn, &VarianceScaling::he_normal(), Noise::new(1)).unwrap();
    net.visit(&Path::ROOT, &mut |place, param| {
        if place.path.is("layers.10.bias") {
            param.value.fill(-100.0);
        }
    });
    let found = look_at(&mut net, &x);
    let dead = found.findings.iter().find(|finding| finding.path == "layers.10").unwrap();
    assert!(dead.to_string().contains("100 % of the units dead"), "{found}");
    assert_eq!(dead.remedy, Remedy::Elsewhere);
}

#[test]
fn normalization_makes_the_weights_size_irrelevant() {
    let mut layers = Sequential::new();
    for _ in 0..DEPTH {
        let norm = BatchNorm::new(WIDTH, BatchNormConfig::default()).unwrap();
        layers = layers.push(Dense::without_bias(WIDTH, WIDTH)).push(norm).push(ReLU);
    }
    let report = look(layers, &[64, WIDTH], &std(0.03));
    assert!(report.is_healthy(), "{report}");
    let signal = report.layers[3].signal.unwrap();
    assert!(signal.normalized && (signal.forward - 1.0).abs() < 0.1, "{signal:?}");
}

#[test]
fn a_small_output_layer_does_no_harm_to_gradients() {
    let mut net = Net::new(deep(ReLU));
    initialize(&mut net, Layout::OutIn, &VarianceScaling::he_normal(), Noise::new(1)).unwrap();
    net.visit(&Path::ROOT, &mut |place, param| {
        if place.path.is("layers.30.weight") {
            param.value.iter_mut().for_each(|w| *w *= 1e-4);
        }
    });
    let report = look_at(&mut net, &normals(&[64, WIDTH], 2));
    let [finding] = &report.findings[..] else { panic!("{report}") };
    assert_eq!(finding.path, "layers.30");
    assert!(matches!(finding.symptoms[..], [Symptom::Vanishing(_)]), "{report}");
    // Two layers with a known gradient: dz of the first of three is 256 times that of the second.
    let dense = |w| Dense::with_parameters(arr2(&[[w]]), None).unwrap();
    let layers = Sequential::<f32>::new().push(dense(1.0)).push(dense(256.0)).push(dense(2.0));
    let mut net = Net::new(layers);
    let report = look_at(&mut net, &normals(&[8, 1], 2));
    let backward: Vec<_> = report.weighted().map(|(_, signal)| signal.backward).collect();
    assert_eq!(backward, [Some(256.0), Some(1.0), None]);
    assert!(matches!(report.findings[0].symptoms[..], [Symptom::ExplodingGradient(_)]), "{report}");
}
