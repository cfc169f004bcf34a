use super::*;

#[test]
fn lsuv_by_hand() {
    // Outputs 1, 3: variance 1. Then outputs of the second layer 3, 9, −1, −3: mean 2, variance 21.
    let layers = Sequential::new()
        .push(Dense::with_parameters(arr2(&[[4.0]]), None).unwrap())
        .push(Dense::with_parameters(arr2(&[[3.0], [-1.0]]), None).unwrap());
    let mut net = Net::new(layers);
    let x = arr2(&[[1.0], [3.0]]);
    let report = Lsuv::default().scale(&mut net, &x, Noise::new(1)).unwrap();
    let layer = |weight: &str, before| LsuvLayer {
        weight: weight.into(),
        before,
        after: 1.0,
        iterations: 1,
    };
    let rounded = LsuvLayer { after: report.layers[1].after.round(), ..report.layers[1].clone() };
    assert_eq!(report.layers[0], layer("layers.0.weight", 16.0));
    assert!((rounded.before - 21.0).abs() < 1e-12);
    assert_eq!(LsuvLayer { before: 21.0, ..rounded }, layer("layers.1.weight", 21.0));
    assert!((report.layers[1].after - 1.0).abs() < 1e-12 && report.left.is_empty());
    let mut weights = Vec::new();
    net.visit(&Path::ROOT, &mut |_, param| weights.extend_from_slice(param.value));
    assert_eq!(weights[0], 1.0);
    assert!((weights[1] - 3.0 / 21.0f64.sqrt()).abs() < 1e-15);
    // What is within the tolerance is left as it is.
    let again = Lsuv::default().scale(&mut net, &x, Noise::new(1)).unwrap();
    assert!(again.layers.iter().all(|layer| layer.iterations == 0));
}

#[test]
fn lsuv_reaches_every_container_and_changes_only_scales() {
    let mut net = Net::new(nested());
    initialize(&mut net, Layout::OutIn, &std(0.01), Noise::new(1)).unwrap();
    let before = values(&mut net);
    let x = normals(&[64, 6], 2);
    let lsuv = Lsuv { tolerance: 1e-3, ..Lsuv::default() };
    let report = lsuv.scale(&mut net, &x, Noise::new(5)).unwrap();
    let names: Vec<_> = report.layers.iter().map(|layer| layer.weight.as_str()).collect();
    let want = [
        "layers.1.layers.0.layers.0.weight",
        "layers.1.layers.0.layers.4.layers.0.weight",
        "layers.1.layers.1.weight",
        "layers.3.layers.1.weight",
        "layers.5.weight",
    ];
    assert_eq!(names, want);
    assert!(report.layers.iter().all(|layer| (layer.after - 1.0).abs() <= 1e-3), "{report:?}");
    let after = values(&mut net);
    let mut i = 0;
    net.visit(&Path::ROOT, &mut |place, _| {
        let (before, after) = (&before[i], &after[i]);
        if place.kind == tricks_tensor::ParamKind::Weight {
            let factor = after[0] / before[0];
            assert!(factor > 2.0, "{}", place.path);
            for (before, after) in before.iter().zip(after) {
                assert!((after / before / factor - 1.0).abs() < 1e-5, "{}", place.path);
            }
        } else {
            assert_eq!(before, after, "{}", place.path);
        }
        i += 1;
    });
    // The same pass finds all variances where they were left.
    let found = inspect(&mut net, &x, Noise::new(5), |_, _| Ok(())).unwrap();
    for (layer, scaled) in found.weighted().map(|(layer, _)| layer).zip(&report.layers) {
        assert!((layer.output.std.powf(2.0) - scaled.after).abs() < 1e-9, "{}", scaled.weight);
    }
    // And once more: the same bits.
    let mut second = Net::new(nested());
    initialize(&mut second, Layout::OutIn, &std(0.01), Noise::new(1)).unwrap();
    assert_eq!(lsuv.scale(&mut second, &x, Noise::new(5)).unwrap(), report);
    assert_eq!(values(&mut second), after);
}

#[test]
fn lsuv_mends_a_deep_net() {
    let mut net = Net::new(deep(Tanh));
    initialize(&mut net, Layout::OutIn, &std(0.01), Noise::new(1)).unwrap();
    let x = normals(&[64, WIDTH], 2);
    assert!(!look_at(&mut net, &x).is_healthy());
    Lsuv::default().scale(&mut net, &x, Noise::new(3)).unwrap();
    let mended = look_at(&mut net, &x);
    assert!(mended.is_healthy(), "{mended}");
}

#[test]
fn what_lsuv_cannot_scale_is_refused_and_nothing_has_changed() {
    let scale = |lsuv: Lsuv, net: &mut Net<f32, Sequential<f32>>, x: &ArrayD<f32>| {
        let before = values(net);
        let refused = lsuv.scale(net, x, Noise::new(1)).unwrap_err().to_string();
        assert_eq!(values(net), before);
        refused
    };
    let x = normals(&[8, 4], 1);
    let mut net =
        Net::new(Sequential::new().push(Dense::new(4, 3)).push(ReLU).push(Dense::new(3, 2)));
    let want = "Lsuv: layers.0.weight: variance of the output is 0, must be finite and above 0";
    assert_eq!(scale(Lsuv::default(), &mut net, &x), want);
    let lsuv = Lsuv { tolerance: -1.0, ..Lsuv::default() };
    let want = "Lsuv: tolerance is -1, must be finite and above 0";
    assert_eq!(scale(lsuv, &mut net, &x), want);

    initialize(&mut net, Layout::OutIn, &std(0.5), Noise::new(1)).unwrap();
    net.visit(&Path::ROOT, &mut |place, param| {
        if place.path.is("layers.2.bias") {
            param.value[0] = 1000.0;
        }
    });
    let refused = scale(Lsuv::default(), &mut net, &x);
    assert!(refused.starts_with("Lsuv: layers.2.weight: variance of the output is 2"), "{refused}");
    assert!(refused.ends_with(" after 10 iterations, must be within 0.1 of 1"), "{refused}");
    let refused = scale(Lsuv::default(), &mut net, &ArrayD::from_elem(vec![8, 4], f32::NAN));
    let want = "Lsuv: layers.0.weight: variance of the output is NaN, must be finite and above 0";
    assert_eq!(refused, want);
    let refused = scale(Lsuv::default(), &mut net, &normals(&[8, 5], 1));
    assert_eq!(refused, "layers.0 (Dense): input has shape [8, 5], weight [3, 4]");

    let config = TransformerConfig { dim_feedforward: 8, ..TransformerConfig::default() };
    let block = TransformerEncoderLayer::new(4, config).unwrap();
    let mut net = Net::new(Sequential::new().push(block).push(Dense::new(4, 4)));
    initialize(&mut net, Layout::OutIn, &std(0.1), Noise::new(1)).unwrap();
    let report = Lsuv::default().scale(&mut net, &normals(&[8, 3, 4], 1), Noise::new(1)).unwrap();
    assert_eq!((report.layers.len(), report.left), (1, vec!["layers.0".to_string()]));
}
