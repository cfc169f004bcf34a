use super::*;
use ndarray::{ArrayD, Axis, IxDyn, arr2};
use tricks_tensor::{Layer, Mode, Noise, Parameters, Path, ndarray};

#[test]
fn a_longer_sequence_extends_the_table() {
    let mut waves = SinusoidalPositionalEncoding::<f64>::new(100.0).unwrap();
    for shape in [[2, 3, 4], [1, 5, 4], [1, 2, 4], [1, 2, 3], [0, 2, 4], [1, 0, 4], [1, 2, 0]] {
        let x = ArrayD::from_elem(IxDyn(&shape), 0.5);
        let (mut y, mut z) = (x.clone(), x.clone());
        waves.infer(x.view(), z.view_mut()).unwrap();
        waves.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
        assert_eq!(y, z);
        waves.infer(x.view(), z.view_mut()).unwrap();
        assert_eq!(y, z);
        for (i, y) in y.indexed_iter() {
            let (t, j, features) = (i[1] as f64, i[2], shape[2] as f64);
            let angle = t / 100f64.powf((j / 2 * 2) as f64 / features);
            let want = 0.5 + if j % 2 == 0 { angle.sin() } else { angle.cos() };
            assert!((y - want).abs() < 1e-15, "{i:?}: {y} {want}");
        }
    }
    let refused = SinusoidalPositionalEncoding::<f32>::new(0.0).unwrap_err().to_string();
    assert_eq!(refused, "SinusoidalPositionalEncoding: base is 0, must be finite and above 0");
    let refused = waves.output_shape(&[4]).unwrap_err().to_string();
    let want = "input has shape [4], must be […, time, features]";
    assert_eq!(refused, format!("SinusoidalPositionalEncoding: {want}"));
}

#[test]
fn a_gradient_for_every_place() {
    let mut places =
        LearnedPositionalEncoding::with_parameters(arr2(&[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
            .unwrap();
    let x = ArrayD::zeros(IxDyn(&[2, 2, 2]));
    let dy = ArrayD::from_shape_fn(IxDyn(&[2, 2, 2]), |i| (4 * i[0] + 2 * i[1] + i[2]) as f64);
    let (mut y, mut dx) = (x.clone(), x.clone());
    places.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
    assert_eq!(y.as_slice().unwrap(), [1.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0, 4.0]);
    for _ in 0..2 {
        let views = (x.view(), y.view(), dy.view());
        places.backward(views.0, views.1, views.2, Some(dx.view_mut()), Mode::Eval).unwrap();
        assert_eq!(dx, dy);
        places.visit(&Path::ROOT, &mut |place, mut param| {
            assert!(place.path.is("weight"));
            assert_eq!(param.grad.values().unwrap(), [4.0, 6.0, 8.0, 10.0, 0.0, 0.0]);
        });
    }
    let refused = LearnedPositionalEncoding::<f32>::new(0, 2).unwrap_err().to_string();
    assert_eq!(refused, "LearnedPositionalEncoding: max_len is 0, must be at least 1");
    let refused = places.output_shape(&[1, 2, 3]).unwrap_err().to_string();
    let want = "LearnedPositionalEncoding: input has shape [1, 2, 3], weight [3, 2]";
    assert_eq!(refused, want);
}

/// The product of a query at place s + 2 and a key at s is the same for every s; both kinds of
/// pairs are the same but for the order of the features.
#[test]
fn only_distances_count() {
    let (a, b) = ([0.3, -1.2, 0.7, 2.0], [1.1, 0.4, -0.9, 0.2]);
    let mut products = vec![];
    for pairs in [RotaryPairs::Adjacent, RotaryPairs::Halves] {
        let order = if pairs == RotaryPairs::Halves { [0, 2, 1, 3] } else { [0, 1, 2, 3] };
        let rotary =
            RotaryPositionalEncoding::<f64>::new(RotaryConfig { base: 50.0, pairs }).unwrap();
        let turned = [a, b].map(|x| {
            let x = ArrayD::from_shape_fn(IxDyn(&[6, 4]), |i| x[order[i[1]]]);
            let mut y = x.clone();
            rotary.infer(x.view(), y.view_mut()).unwrap();
            y
        });
        for s in 0..4 {
            let (q, k) = (turned[0].index_axis(Axis(0), s + 2), turned[1].index_axis(Axis(0), s));
            products.push((&q * &k).sum());
        }
    }
    assert!(products.iter().all(|x| (x - products[0]).abs() < 1e-14), "{products:?}");
    let plain: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    assert!((products[0] - plain).abs() > 0.1);
}

#[test]
fn turning_back() {
    let mut rotary = RotaryPositionalEncoding::<f64>::default();
    for shape in
        [vec![2, 5, 4], vec![3, 6], vec![2, 2, 3, 2], vec![0, 2], vec![2, 0, 2], vec![2, 0]]
    {
        let mut x = ArrayD::zeros(IxDyn(&shape));
        Noise::new(1).fill_uniform(0, x.as_slice_mut().unwrap());
        let (mut y, mut dx) = (x.clone(), x.clone());
        rotary.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
        rotary.backward(x.view(), y.view(), y.view(), Some(dx.view_mut()), Mode::Eval).unwrap();
        assert!(dx.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-15));
    }
    let refused = rotary.output_shape(&[2, 3]).unwrap_err().to_string();
    assert_eq!(refused, "RotaryPositionalEncoding: input has 3 features, must be even");
    assert!(rotary.output_shape(&[2]).is_err());
    let config = RotaryConfig { base: f64::NAN, ..RotaryConfig::default() };
    let refused = RotaryPositionalEncoding::<f32>::new(config).unwrap_err();
    let want = "RotaryPositionalEncoding: base is NaN, must be finite and above 0";
    assert_eq!(refused.to_string(), want);
}
