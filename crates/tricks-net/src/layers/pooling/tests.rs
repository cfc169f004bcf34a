use super::*;
use ndarray::ArrayD;
use proptest::prelude::*;
use tricks_tensor::{Noise, gradcheck};

fn pair(range: std::ops::Range<usize>) -> impl Strategy<Value = [usize; 2]> {
    [range.clone(), range]
}

proptest! {
    #[test]
    fn gradients(
        n in 0usize..3, c in 1usize..3, image in pair(1..7), kernel in pair(1..4),
        stride in pair(1..4), half: bool, seed: u64,
    ) {
        let padding = kernel.map(|kernel| if half { kernel / 2 } else { 0 });
        let mut data = vec![0.0; n * c * image[0] * image[1]];
        Noise::new(seed).fill_uniform(0, &mut data);
        // Whole steps apart: no two are within reach of a central difference.
        data.iter_mut().enumerate().for_each(|(i, x)| *x = (16.0 * *x).floor() + i as f64 * 1e-3);
        let x = ArrayD::from_shape_vec(vec![n, c, image[0], image[1]], data).unwrap();
        let mean = AvgPool2d::new(kernel).unwrap().moving(stride, padding).unwrap();
        let layers: [Box<dyn Layer<f64>>; 4] = [
            Box::new(MaxPool2d::new(kernel).unwrap().moving(stride, padding).unwrap()),
            Box::new(mean),
            Box::new(mean.without_padding()),
            Box::new(AdaptiveAvgPool2d::new(kernel).unwrap()),
        ];
        for mut layer in layers {
            if layer.output_shape(x.shape()).is_ok() {
                let report = gradcheck::layer(&mut layer, &x, Mode::Eval, Noise::new(!seed));
                let report = report.unwrap();
                prop_assert!(report.worst <= 1e-6, "{}: {report:?}", layer.name());
            }
        }
    }
}

#[test]
fn a_nan_is_the_maximum() {
    let x = ArrayD::from_shape_vec(vec![1, 1, 1, 4], vec![1.0, f64::NAN, 2.0, 3.0]).unwrap();
    let mut y = ArrayD::zeros(vec![1, 1, 1, 2]);
    MaxPool2d::new([1, 2]).unwrap().infer(x.view(), y.view_mut()).unwrap();
    assert!(y[[0, 0, 0, 0]].is_nan() && y[[0, 0, 0, 1]] == 3.0);
}

#[test]
fn what_does_not_fit_is_refused() {
    let text = |error: Error| error.to_string();
    assert_eq!(
        text(MaxPool2d::new([2, 0]).unwrap_err()),
        "MaxPool2d: kernel is [2, 0], must be at least 1"
    );
    assert_eq!(
        text(MaxPool2d::new([2, 2]).unwrap().moving([2, 2], [0, 2]).unwrap_err()),
        "MaxPool2d: padding is [0, 2], must be at most half of the kernel, [2, 2]"
    );
    assert_eq!(
        text(AvgPool2d::new([2, 2]).unwrap().moving([0, 2], [0, 0]).unwrap_err()),
        "AvgPool2d: stride is [0, 2], must be at least 1"
    );
    assert_eq!(
        text(AdaptiveAvgPool2d::new([0, 1]).unwrap_err()),
        "AdaptiveAvgPool2d: output is [0, 1], must be at least 1"
    );
    let shape = |layer: &dyn Layer<f64>, x: &[usize]| text(layer.output_shape(x).unwrap_err());
    assert_eq!(
        shape(&AvgPool2d::new([2, 3]).unwrap(), &[1, 1, 2, 2]),
        "AvgPool2d: kernel [2, 3] with dilation [1, 1] is larger than the input [2, 2] with padding [0, 0]"
    );
    let global = AdaptiveAvgPool2d::new([1, 1]).unwrap();
    assert_eq!(shape(&global, &[1, 1, 0, 2]), "AdaptiveAvgPool2d: an image of [0, 2]");
}
