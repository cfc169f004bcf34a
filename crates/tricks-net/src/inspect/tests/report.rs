use super::*;

#[test]
fn every_number_by_hand() {
    let first = arr2(&[[1.0, 0.0], [0.0, -1.0], [2.0, 2.0]]);
    let layers = Sequential::new()
        .push(Dense::with_parameters(first, Some(arr1(&[0.0, 0.0, -6.0]))).unwrap())
        .push(ReLU)
        .push(Dense::with_parameters(arr2(&[[1.0, 1.0, 5.0]]), None).unwrap());
    let mut net = Net::new(layers);
    // Before ReLU: [1, −2, 0] and [3, 1, −2].
    let x = arr2(&[[1.0, 2.0], [3.0, -1.0]]);
    let report = inspect(&mut net, &x, Noise::new(1), |y, mut dy| {
        assert_eq!(y, arr2(&[[1.0], [4.0]]).into_dyn());
        dy.assign(&arr2(&[[1.0], [-2.0]]));
        Ok(())
    })
    .unwrap();
    let rows: Vec<_> =
        report.layers.iter().map(|row| (row.path.as_str(), row.layer, row.output.count)).collect();
    assert_eq!(rows, [("layers.0", "Dense", 6), ("layers.1", "ReLU", 6), ("layers.2", "Dense", 2)]);
    let [first, relu, last] = &report.layers[..] else { panic!("three rows") };
    let moments = |spread: Spread| (spread.mean, spread.second_moment);
    assert_eq!(moments(first.output), (1.0 / 6.0, 19.0 / 6.0));
    assert!((first.output.std - (19.0f64 / 6.0 - 1.0 / 36.0).sqrt()).abs() < 1e-15);
    assert_eq!(moments(relu.output), (5.0 / 6.0, 11.0 / 6.0));
    assert_eq!(moments(last.output), (2.5, 8.5));
    // At the ReLU's output: [1, 1, 5] and [−2, −2, −10]; before it: [1, 0, 0] and [−2, −2, 0].
    assert_eq!(moments(relu.gradient.unwrap()), (-7.0 / 6.0, 135.0 / 6.0));
    assert_eq!(moments(first.gradient.unwrap()), (-0.5, 1.5));
    assert_eq!(last.gradient.unwrap().norm(), 5.0f64.sqrt());
    assert_eq!(relu.dead, Some(DeadUnits { dead: 1, of: 3 }));
    assert_eq!((first.dead, relu.saturated), (None, None));
    // dW of the last layer: 1 · [1, 0, 0] − 2 · [3, 1, 0].
    let weight = &last.weights[0];
    assert_eq!((weight.name.as_str(), &weight.shape[..]), ("layers.2.weight", &[1, 3][..]));
    assert_eq!(weight.value.mean, 7.0 / 3.0);
    assert_eq!(moments(weight.gradient.unwrap()), (-7.0 / 3.0, 29.0 / 3.0));
    let signal = first.signal.unwrap();
    assert_eq!(signal.activation, Some("ReLU"));
    assert!((signal.forward - (19.0f64 / 6.0 / 3.75).sqrt()).abs() < 1e-15);
    // It is the last hidden layer.
    assert_eq!(signal.backward, Some(1.0));
    assert_eq!(last.signal.unwrap().backward, None);
    assert!(report.is_healthy(), "{report}");
}

#[test]
fn containers_are_looked_into() {
    let report = look(nested(), &[16, 6], &VarianceScaling::he_normal());
    let rows: Vec<_> = report.layers.iter().map(|row| (row.path.as_str(), row.layer)).collect();
    let want = [
        ("layers.1.layers.0.layers.0", "Dense"),
        ("layers.1.layers.0.layers.1", "BatchNorm"),
        ("layers.1.layers.0.layers.2", "Tanh"),
        ("layers.1.layers.0.layers.3", "Dropout"),
        ("layers.1.layers.0.layers.4.layers.0", "Dense"),
        ("layers.1.layers.1", "Dense"),
        ("layers.2.layers.0", "ReLU"),
        ("layers.3.layers.1", "Dense"),
        ("layers.4", "Sigmoid"),
        ("layers.5", "Dense"),
    ];
    assert_eq!(rows, want);
    let follows: Vec<_> = report.weighted().map(|(_, signal)| signal.activation).collect();
    let want = [Some("Tanh"), Some("ReLU"), Some("ReLU"), Some("Sigmoid"), None];
    assert_eq!(follows, want);
    let normalized: Vec<_> = report.weighted().map(|(_, signal)| signal.normalized).collect();
    assert_eq!(normalized, [true, false, false, false, false]);
}

#[test]
fn a_look_is_the_pass_of_training_and_leaves_no_trace() {
    let mut nets = [Net::new(nested()), Net::new(nested())];
    let he = VarianceScaling::he_normal();
    nets.iter_mut().for_each(|net| initialize(net, Layout::OutIn, &he, Noise::new(1)).unwrap());
    let [plain, looked] = &mut nets;
    let (x, target) = (normals(&[16, 6], 2), normals(&[16, 3], 3).into_dimensionality().unwrap());
    let target: Array2<f32> = target;
    let loss = MeanSquaredError::default();
    let before = values(looked);
    inspect(looked, &x, Noise::new(5), |y, dy| loss.gradient(y, &target, dy)).unwrap();
    assert_eq!(values(looked), before, "running statistics too");
    plain
        .forward_train(&x, Noise::new(5))
        .unwrap()
        .backward(|y, dy| loss.gradient(y, &target, dy))
        .unwrap();
    assert_ne!(values(plain), before);
    assert_eq!(gradients(plain), gradients(looked));
    // The net is whole again.
    assert_eq!(looked.layer.layers()[4].name(), "Sigmoid");
    let outputs = [&*plain, &*looked].map(|net| net.predict(&x).unwrap());
    assert_ne!(outputs[0], outputs[1], "running statistics differ");

    // After a loss that refuses, and after one that panics, it is too.
    let refused =
        inspect(looked, &x, Noise::new(5), |y, dy| loss.gradient(y, &Array2::zeros((1, 1)), dy));
    assert!(refused.is_err());
    assert_eq!(values(looked), before);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        inspect(looked, &x, Noise::new(5), |_, _| -> tricks_tensor::Result<()> { panic!("loss") })
    }));
    assert!(panicked.is_err());
    assert_eq!(looked.predict(&x).unwrap().shape(), [16, 3]);
    assert_eq!(values(looked).len(), before.len());
}

#[test]
fn convolutions_count_channels_and_one_layer_is_a_net() {
    let conv = Conv2d::new(1, 4, [3; 2], ConvConfig::default()).unwrap();
    let mut layers = Sequential::new()
        .push(conv)
        .push(MaxPool2d::new([2; 2]).unwrap())
        .push(ReLU)
        .push(Flatten)
        .push(Dense::new(36, 20))
        .push(ReLU);
    layers.visit(&Path::ROOT, &mut |place, param| {
        if place.path.is("layers.0.bias") {
            param.value[2] = -1e6;
        }
    });
    let report = look(layers, &[32, 1, 8, 8], &VarianceScaling::he_normal());
    assert_eq!(report.layers[2].dead, Some(DeadUnits { dead: 1, of: 4 }));
    assert_eq!(report.layers[5].dead.map(|dead| dead.of), Some(20));

    let one = look(Dense::new(4, 3), &[8, 4], &std(0.001));
    let want = "(net) (Dense): output vanishes";
    assert!(texts(&one)[0].starts_with(want), "{one}");
    assert_eq!(one.layers[0].weights[0].name, "weight");
    // Several weights in one layer: there is no one initializer to name.
    let config = TransformerConfig { dim_feedforward: 8, ..TransformerConfig::default() };
    let block = TransformerEncoderLayer::new(4, config).unwrap();
    let report = look(Sequential::new().push(block), &[8, 3, 4], &std(0.1));
    assert!(report.layers.len() == 1 && report.layers[0].weights.len() > 2, "{report}");
}

#[test]
fn saturation_by_hand() {
    fn share<A: Layer<f64> + 'static>(activation: A, y: &[f64]) -> Option<f64> {
        let y = ArrayD::from_shape_vec(vec![y.len()], y.to_vec()).unwrap();
        activation::saturated(activation.name(), &y.view())
    }
    assert_eq!(share(Tanh, &[0.0, 0.948, 0.949, -0.95]), Some(0.5));
    assert_eq!(share(Sigmoid, &[0.025, 0.026, 0.97, 0.98]), Some(0.5));
    assert_eq!(share(Softsign, &[0.68, -0.69]), Some(0.5));
    assert_eq!(share(crate::layers::Hardsigmoid, &[0.0, 1.0, 0.1, 0.2]), Some(0.5));
    assert_eq!(share(ReLU, &[0.0]), None);
}

#[test]
fn the_table_is_aligned() {
    let report = look(nested(), &[16, 6], &VarianceScaling::he_normal());
    let text = report.to_string();
    let table: Vec<_> = text.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(table.len(), report.layers.len() + 1);
    let at = |line: &str, text: &str| line[..line.find(text).unwrap()].chars().count();
    let column = at(table[0], "dead");
    assert!(table[7].contains(" of 8"), "{text}");
    assert_eq!(table[0].chars().count(), table[7].chars().count(), "{text}");
    assert!(column > 60 && table.iter().all(|line| line.chars().count() <= 140), "{text}");
}

#[test]
fn what_cannot_be_looked_at_is_refused() {
    let mut net = Net::new(Sequential::<f32>::new().push(Dense::new(3, 2)));
    let mut refused = |shape: &[usize]| {
        let x = ArrayD::<f32>::zeros(shape);
        inspect(&mut net, &x, Noise::new(1), |_, _| Ok(())).unwrap_err().to_string()
    };
    assert_eq!(refused(&[0, 3]), "inspect: input has shape [0, 3], must have numbers in it");
    let want = "layers.0 (Dense): input has shape [4, 5], weight [2, 3]";
    assert_eq!(refused(&[4, 5]), want);
    // Nothing comes in: nothing can be said.
    let x = ArrayD::<f32>::zeros(vec![4, 3]);
    let report = inspect(&mut net, &x, Noise::new(1), |_, _| Ok(())).unwrap();
    assert!(report.is_healthy() && report.layers[0].signal.unwrap().forward.is_nan());
    let spread = Spread::of::<f64>(&[]);
    assert_eq!((spread.count, spread.mean, spread.rms()), (0, 0.0, 0.0));
    assert!(!Spread::of(&[1.0, f64::NAN]).is_finite() && !Spread::of(&[1e300]).is_finite());
}

#[test]
fn known_nets_are_healthy_with_he() {
    use crate::models::{ConvNetConfig, lenet, mlp, plain_cnn, resnet};
    let he = VarianceScaling::he_normal();
    let config = ConvNetConfig { width: 4, blocks: 3, ..ConvNetConfig::default() };
    let images = [16, 1, 12, 12];
    for report in [
        look(mlp(&[50, 80, 40, 10]).unwrap(), &[32, 50], &he),
        look(lenet([1, 12, 12], 10).unwrap(), &images, &he),
        look(plain_cnn(&config).unwrap(), &images, &he),
        look(resnet(&config).unwrap(), &images, &he),
    ] {
        assert!(report.is_healthy(), "{report}");
    }
}
