use super::*;
use ndarray::ArrayD;
use proptest::prelude::*;
use tricks_tensor::{Noise, gradcheck};

fn draw(shape: &[usize], seed: u64) -> ArrayD<f64> {
    let mut data = vec![0.0; shape.iter().product()];
    Noise::new(seed).fill_uniform(0, &mut data);
    ArrayD::from_shape_vec(shape.to_vec(), data).unwrap() - 0.5
}

/// The formula, number by number.
fn naive(conv: &Conv2d<f64>, x: &ArrayD<f64>) -> ArrayD<f64> {
    let mut y = ArrayD::zeros(conv.output_shape(x.shape()).unwrap());
    let Window { stride, padding, dilation, .. } = conv.window;
    let (outputs, inputs, ..) = conv.weight.dim();
    for (at, y) in y.indexed_iter_mut() {
        *y = conv.bias.as_ref().map_or(0.0, |(bias, _)| bias[at[1]]);
        for ((o, c, k, l), w) in conv.weight.indexed_iter().filter(|(i, _)| i.0 == at[1]) {
            let channel = o / (outputs / conv.groups) * inputs + c;
            let i = at[2] * stride[0] + k * dilation[0];
            let j = at[3] * stride[1] + l * dilation[1];
            if let (Some(i), Some(j)) = (i.checked_sub(padding[0]), j.checked_sub(padding[1])) {
                *y += w * x.get([at[0], channel, i, j]).unwrap_or(&0.0);
            }
        }
    }
    y
}

fn pair(range: std::ops::Range<usize>) -> impl Strategy<Value = [usize; 2]> {
    [range.clone(), range]
}

proptest! {
    #[test]
    fn it_is_the_formula(
        n in 0usize..3, channels in pair(1..4), groups in 1usize..4, kernel in pair(1..4),
        stride in pair(1..4), padding in pair(0..4), dilation in pair(1..3), image in pair(0..8),
        bias: bool, seed: u64,
    ) {
        let config = ConvConfig { stride, padding, dilation, groups };
        let [inputs, outputs] = channels.map(|channels| channels * groups);
        let weight = draw(&[outputs, inputs / groups, kernel[0], kernel[1]], seed);
        let bias = bias.then(|| Array1::from_iter(draw(&[outputs], !seed)));
        let weight = weight.into_dimensionality().unwrap();
        let mut conv = Conv2d::with_parameters(weight, bias, config).unwrap();
        let x = draw(&[n, inputs, image[0], image[1]], seed ^ 1);
        let fits = (0..2).all(|a| (kernel[a] - 1) * dilation[a] < image[a] + 2 * padding[a]);
        let shape = conv.output_shape(x.shape());
        prop_assert_eq!(shape.is_ok(), fits);
        if let Ok(shape) = shape {
            let mut y = ArrayD::from_elem(shape, f64::NAN);
            conv.forward(x.view(), y.view_mut(), Mode::Eval).unwrap();
            prop_assert!((&y - &naive(&conv, &x)).iter().all(|off| off.abs() < 1e-12));
            let report = gradcheck::layer(&mut conv, &x, Mode::Eval, Noise::new(seed)).unwrap();
            prop_assert!(report.worst <= 1e-6, "{:?}", report);
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let config = ConvConfig::default();
    let new = |inputs, outputs, kernel, config| {
        Conv2d::<f32>::new(inputs, outputs, kernel, config).unwrap_err().to_string()
    };
    let groups =
        "Conv2d: groups is 2, must divide 3 input and 4 output channels, neither of them 0";
    assert_eq!(new(3, 4, [3, 3], ConvConfig { groups: 2, ..config }), groups);
    assert!(new(0, 4, [3, 3], config).contains("0 input"));
    assert!(new(3, 0, [3, 3], config).contains("0 output"));
    assert!(new(3, 4, [3, 3], ConvConfig { groups: 0, ..config }).contains("groups is 0"));
    assert_eq!(new(3, 4, [0, 3], config), "Conv2d: kernel is [0, 3], must be at least 1");
    let still = ConvConfig { stride: [1, 0], ..config };
    assert_eq!(new(3, 4, [3, 3], still), "Conv2d: stride is [1, 0], must be at least 1");
    let conv = Conv2d::<f32>::new(3, 4, [3, 3], config).unwrap();
    let shape = |x: &[usize]| conv.output_shape(x).unwrap_err().to_string();
    assert_eq!(
        shape(&[1, 3, 2, 5]),
        "Conv2d: kernel [3, 3] with dilation [1, 1] is larger than the input [2, 5] with padding [0, 0]"
    );
    assert_eq!(shape(&[1, 2, 5, 5]), "Conv2d: input has shape [1, 2, 5, 5], weight [4, 3, 3, 3]");
    assert_eq!(
        shape(&[3, 5, 5]),
        "Conv2d: input has shape [3, 5, 5], must be [samples, channels, height, width]"
    );
    let huge = ConvConfig { padding: [usize::MAX; 2], ..config };
    let conv = Conv2d::<f32>::new(3, 4, [3, 3], huge).unwrap();
    assert!(conv.output_shape(&[1, 3, 5, 5]).is_err());
}
