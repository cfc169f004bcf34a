//! What must be refused, and in which words: every way a call can be wrong.

#![allow(clippy::unwrap_used)] // in helpers of tests

use tricks_regularize::*;
use tricks_tensor::ndarray::{ArrayD, IxDyn};
use tricks_tensor::{Layer, Mode, Noise, Result};

const TRAIN: fn() -> Mode = || Mode::Train(Noise::new(0));

fn zeros(shape: &[usize]) -> ArrayD<f64> {
    ArrayD::zeros(IxDyn(shape))
}

/// What each call says, beside what it should.
fn compare(cases: Vec<(Result<()>, &str)>) {
    for (outcome, want) in cases {
        assert_eq!(outcome.err().map(|error| error.to_string()).as_deref(), Some(want));
    }
}

#[test]
fn hyper_parameters() {
    let lrn = LocalResponseNormConfig { size: 3, alpha: 0.5, beta: 0.75, k: 1.0 };
    let lrn = |change: fn(&mut LocalResponseNormConfig)| {
        let mut config = lrn;
        change(&mut config);
        LocalResponseNorm::new(config).map(drop)
    };
    let instance = |eps, momentum, channels| {
        let config = InstanceNormConfig { eps, momentum, ..Default::default() };
        InstanceNorm::<f64>::new(channels, config).map(drop)
    };
    let rms = |eps, shape: &[usize]| {
        RmsNorm::<f64>::new(shape, RmsNormConfig { eps, affine: true }).map(drop)
    };
    let spectral =
        |rows, columns, eps| SpectralNorm::<f64>::new(rows, columns, eps, Noise::new(0)).map(drop);
    compare(vec![
        (AlphaDropout::new(1.0).map(drop), "AlphaDropout: p is 1, must be in [0, 1)"),
        (SpatialDropout::new(1.5).map(drop), "SpatialDropout: p is 1.5, must be in [0, 1]"),
        (DropPath::new(-0.5).map(drop), "DropPath: p is -0.5, must be in [0, 1]"),
        (DropConnect::new(f64::NAN).map(drop), "DropConnect: p is NaN, must be in [0, 1]"),
        (DropBlock::new(2.0, 3).map(drop), "DropBlock: p is 2, must be in [0, 1]"),
        (DropBlock::new(0.1, 0).map(drop), "DropBlock: block_size is 0, must be at least 1"),
        (lrn(|of| of.size = 0), "LocalResponseNorm: size is 0, must be at least 1"),
        (
            lrn(|of| of.alpha = -1.0),
            "LocalResponseNorm: alpha is -1, must be finite and at least 0",
        ),
        (
            lrn(|of| of.beta = f64::NAN),
            "LocalResponseNorm: beta is NaN, must be finite and at least 0",
        ),
        (lrn(|of| of.k = 0.0), "LocalResponseNorm: k is 0, must be finite and above 0"),
        (L2Normalize::new(0.0).map(drop), "L2Normalize: eps is 0, must be finite and above 0"),
        (instance(0.0, 0.1, 3), "InstanceNorm: eps is 0, must be finite and above 0"),
        (instance(1e-5, 1.1, 3), "InstanceNorm: momentum is 1.1, must be in [0, 1]"),
        (instance(1e-5, 0.1, 0), "InstanceNorm: channels is 0, must be at least 1"),
        (rms(-1.0, &[3]), "RmsNorm: eps is -1, must be finite and above 0"),
        (rms(1e-6, &[3, 0]), "RmsNorm: features is 0, must be at least 1"),
        (spectral(0, 2, 1e-12), "SpectralNorm: rows is 0, must be at least 1"),
        (spectral(2, 0, 1e-12), "SpectralNorm: columns is 0, must be at least 1"),
        (spectral(2, 2, 0.0), "SpectralNorm: eps is 0, must be finite and above 0"),
        (
            Mixup { alpha: 9.0 }.draw(2, Noise::new(0)).map(drop),
            "Mixup: alpha is 9, must be above 0 and at most 8",
        ),
        (
            CutMix { alpha: 0.0 }.draw(2, [3, 3], Noise::new(0)).map(drop),
            "CutMix: alpha is 0, must be above 0 and at most 8",
        ),
        (
            BatchNorm::<f64>::new(3, BatchNormConfig::default())
                .and_then(|mut norm| norm.set_momentum(Some(-0.1))),
            "BatchNorm: momentum is -0.1, must be in [0, 1]",
        ),
    ]);
}

/// Every layer for four channels in planes of 3 × 5, and the shape each refuses.
#[test]
fn inputs_of_layers() {
    let four = |layer: Box<dyn Layer<f64>>, shape: &[usize], want: &'static str| {
        let (x, mut layer) = (zeros(shape), layer);
        let (mut y, mut dx) = (x.clone(), x.clone());
        let mut said = vec![
            layer.output_shape(shape).map(drop),
            layer.forward(x.view(), y.view_mut(), TRAIN()),
            layer.forward(x.view(), y.view_mut(), Mode::Eval),
            layer.infer(x.view(), y.view_mut()),
            layer.backward(x.view(), x.view(), x.view(), Some(dx.view_mut()), TRAIN()),
        ];
        compare(said.drain(..).map(|outcome| (outcome, want)).collect());
    };
    let (group, instance) = (GroupNormConfig::default(), InstanceNormConfig::default());
    let lrn = LocalResponseNormConfig { size: 3, alpha: 0.5, beta: 0.75, k: 1.0 };
    four(
        Box::new(BatchNorm::new(4, BatchNormConfig::default()).unwrap()),
        &[2, 3, 5],
        "BatchNorm: input has shape [2, 3, 5], expected [2, 4, 5]",
    );
    four(
        Box::new(BatchRenorm::new(4, BatchRenormConfig::default()).unwrap()),
        &[4],
        "BatchRenorm: input has shape [4], expected [4, 4]",
    );
    four(
        Box::new(GroupNorm::new(2, 4, group).unwrap()),
        &[2, 3, 5],
        "GroupNorm: input has shape [2, 3, 5], expected [2, 4, 5]",
    );
    four(
        Box::new(InstanceNorm::new(4, instance).unwrap()),
        &[2, 3, 5],
        "InstanceNorm: input has shape [2, 3, 5], expected [2, 4, 5]",
    );
    four(
        Box::new(LayerNorm::new(&[4, 3, 5], LayerNormConfig::default()).unwrap()),
        &[2, 3, 5],
        "LayerNorm: input has shape [2, 3, 5], expected [4, 3, 5]",
    );
    four(
        Box::new(RmsNorm::new(&[4], RmsNormConfig::default()).unwrap()),
        &[2, 5],
        "RmsNorm: input has shape [2, 5], expected [2, 4]",
    );
    four(
        Box::new(LocalResponseNorm::new(lrn).unwrap()),
        &[4],
        "LocalResponseNorm: input has shape [4], needs samples and channels",
    );
    four(
        Box::new(SpatialDropout::new(0.5).unwrap()),
        &[4],
        "SpatialDropout: input has shape [4], needs samples and channels",
    );
    four(Box::new(DropPath::new(0.5).unwrap()), &[], "DropPath: input has no axis of samples");
    four(
        Box::new(DropBlock::new(0.5, 2).unwrap()),
        &[2, 4, 3],
        "DropBlock: input has shape [2, 4, 3], needs samples, channels, height, width",
    );
}

/// Outputs, gradients and input gradients of another shape.
#[test]
fn what_is_lent_to_layers() {
    let lrn = LocalResponseNormConfig { size: 3, alpha: 0.5, beta: 0.75, k: 1.0 };
    let layers: Vec<Box<dyn Layer<f64>>> = vec![
        Box::new(ActivityPenalty::new(L1::default()).unwrap()),
        Box::new(AlphaDropout::new(0.5).unwrap()),
        Box::new(BatchNorm::new(4, BatchNormConfig::default()).unwrap()),
        Box::new(BatchRenorm::new(4, BatchRenormConfig::default()).unwrap()),
        Box::new(DropBlock::new(0.5, 2).unwrap()),
        Box::new(DropPath::new(0.5).unwrap()),
        Box::new(Dropout::new(0.5).unwrap()),
        Box::new(GaussianDropout::new(0.5).unwrap()),
        Box::new(GaussianNoise::new(0.5).unwrap()),
        Box::new(GroupNorm::new(2, 4, GroupNormConfig::default()).unwrap()),
        Box::new(InstanceNorm::new(4, InstanceNormConfig::default()).unwrap()),
        Box::new(L2Normalize::default()),
        Box::new(LayerNorm::new(&[5], LayerNormConfig::default()).unwrap()),
        Box::new(LocalResponseNorm::new(lrn).unwrap()),
        Box::new(RmsNorm::new(&[5], RmsNormConfig::default()).unwrap()),
        Box::new(SpatialDropout::new(0.5).unwrap()),
    ];
    for mut layer in layers {
        let (x, mut y) = (zeros(&[2, 4, 3, 5]), zeros(&[2, 4, 3, 5]));
        let (mut wrong, other) = (zeros(&[2, 4, 5, 3]), zeros(&[2, 4, 5, 3]));
        let name = layer.name();
        let output = format!("{name}: output has shape [2, 4, 5, 3], input [2, 4, 3, 5]");
        let expected = format!("{name}: output has shape [2, 4, 5, 3], expected [2, 4, 3, 5]");
        let above = format!("{name}: output gradient has shape [2, 4, 5, 3], output [2, 4, 3, 5]");
        let below = format!("{name}: input gradient has shape [2, 4, 5, 3], input [2, 4, 3, 5]");
        compare(vec![
            (layer.forward(x.view(), wrong.view_mut(), TRAIN()), &output),
            (layer.forward(x.view(), wrong.view_mut(), Mode::Eval), &output),
            (layer.infer(x.view(), wrong.view_mut()), &output),
        ]);
        layer.forward(x.view(), y.view_mut(), TRAIN()).unwrap();
        let mut back = |y: &ArrayD<f64>, dy: &ArrayD<f64>, dx: &mut ArrayD<f64>| {
            layer.backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), TRAIN())
        };
        let mut dx = x.clone();
        compare(vec![
            (back(&other, &x, &mut dx), &expected),
            (back(&x, &other, &mut dx), &above),
            (back(&x, &x, &mut wrong), &below),
        ]);
        back(&x, &x, &mut dx).unwrap();
    }
}

#[test]
fn masks_of_ones_own() {
    let x = zeros(&[2, 4, 3, 5]);
    let mask = |shape: &[usize]| ArrayD::from_elem(IxDyn(shape), true);
    let (mut y, mut wrong) = (x.clone(), zeros(&[2, 4, 5, 3]));
    let alpha = AlphaDropout::new(0.5).unwrap();
    let spatial = SpatialDropout::new(0.5).unwrap();
    let path = DropPath::new(0.5).unwrap();
    let mut block = DropBlock::new(0.5, 2).unwrap();
    let (all, row) = (mask(&[2, 4, 3, 5]), mask(&[2]));
    compare(vec![
        (
            alpha.apply(x.view(), row.view(), y.view_mut()),
            "AlphaDropout: mask has shape [2], input [2, 4, 3, 5]",
        ),
        (
            alpha.apply_backward(x.view(), all.view(), wrong.view_mut()),
            "AlphaDropout: output has shape [2, 4, 5, 3], input [2, 4, 3, 5]",
        ),
        (
            spatial.apply(x.view(), row.view(), y.view_mut()),
            "SpatialDropout: mask has shape [2], expected [2, 4]",
        ),
        (
            spatial.apply(x.view(), mask(&[2, 4]).view(), wrong.view_mut()),
            "SpatialDropout: output has shape [2, 4, 5, 3], input [2, 4, 3, 5]",
        ),
        (
            path.apply(x.view(), mask(&[4]).view(), y.view_mut()),
            "DropPath: mask has shape [4], expected [2]",
        ),
        (
            path.apply(x.view(), row.view(), wrong.view_mut()),
            "DropPath: output has shape [2, 4, 5, 3], input [2, 4, 3, 5]",
        ),
        (
            block.apply(x.view(), row.view(), y.view_mut()),
            "DropBlock: seeds has shape [2], input [2, 4, 3, 5]",
        ),
        (
            block.apply(x.view(), all.view(), wrong.view_mut()),
            "DropBlock: output has shape [2, 4, 5, 3], input [2, 4, 3, 5]",
        ),
        (
            Dropout::new(0.5).unwrap().apply(x.view(), all.view(), wrong.view_mut()),
            "Dropout: output has shape [2, 4, 5, 3], input [2, 4, 3, 5]",
        ),
        (
            DropConnect::new(0.5).unwrap().apply(&[1.0; 3], &[true; 2], &mut [0.0; 3]),
            "DropConnect: mask has 2 numbers, the weight 3",
        ),
        (
            DropConnect::new(0.5).unwrap().apply(&[1.0; 3], &[true; 3], &mut [0.0; 2]),
            "DropConnect: output has 2 numbers, the weight 3",
        ),
    ]);
}

#[test]
fn batches_of_statistics() {
    let of = InstanceNormConfig { track_running_stats: true, ..Default::default() };
    let mut norm = InstanceNorm::<f64>::new(2, of).unwrap();
    let mut said = |x: ArrayD<f64>| norm.forward(x.view(), x.clone().view_mut(), TRAIN());
    let mut infinite = zeros(&[1, 2, 3]);
    infinite[[0, 1, 2]] = f64::INFINITY;
    compare(vec![
        (
            said(zeros(&[3, 2, 1])),
            "InstanceNorm: a channel needs at least 2 numbers to have a spread, got 1",
        ),
        (said(zeros(&[0, 2, 3])), "InstanceNorm: running statistics need at least 1 sample, got 0"),
        (said(infinite), "InstanceNorm: mean is inf at flat index 1"),
    ]);
    assert_eq!((norm.running_mean(), norm.running_var()), (&[0.0; 2][..], &[1.0; 2][..]));
    // A batch of one sample is none for a batch normalization, unless its planes have more numbers.
    let mut norm = BatchNorm::<f64>::new(2, BatchNormConfig::default()).unwrap();
    let mut said = |x: ArrayD<f64>| norm.forward(x.view(), x.clone().view_mut(), TRAIN());
    let one = "BatchNorm: the statistics of a batch need at least 2 samples, got 1";
    compare(vec![(said(zeros(&[1, 2])), one), (said(zeros(&[1, 2, 1, 1])), one)]);
    said(zeros(&[1, 2, 2])).unwrap();
}

#[test]
fn weights() {
    let weight = WeightNorm::new(2).unwrap();
    let mut spectral = SpectralNorm::<f64>::new(2, 2, 1e-12, Noise::new(0)).unwrap();
    let (v, g) = ([1.0; 4], [1.0; 2]);
    compare(vec![
        (WeightNorm::new(0).map(drop), "WeightNorm: rows is 0, must be at least 1"),
        (
            weight.backward(&v, &g, &[0.0; 3], &mut [0.0; 4], &mut [0.0; 2]),
            "WeightNorm: dw has 3 numbers, v has 4",
        ),
        (
            weight.backward(&v, &g, &[0.0; 4], &mut [0.0; 3], &mut [0.0; 2]),
            "WeightNorm: dv has 3 numbers, v has 4",
        ),
        (
            weight.backward(&v, &g, &[0.0; 4], &mut [0.0; 4], &mut [0.0; 3]),
            "WeightNorm: g has 3 numbers for 2 rows",
        ),
        (
            weight.forward(&[1.0, f64::INFINITY, 1.0, 1.0], &g, &mut [0.0; 4]),
            "WeightNorm: row 0 of v has norm inf: it has no direction",
        ),
        (
            spectral.forward(&v, 1, &mut [0.0; 3]).map(drop),
            "SpectralNorm: out has 3 numbers for 2 × 2",
        ),
        (
            spectral.backward(&v, &[0.0; 5], &mut [0.0; 4]),
            "SpectralNorm: dout has 5 numbers for 2 × 2",
        ),
        (
            spectral.backward(&v, &[0.0; 4], &mut [0.0; 1]),
            "SpectralNorm: dw has 1 numbers for 2 × 2",
        ),
        (
            spectral.backward(&[0.0; 4], &[0.0; 4], &mut [0.0; 4]),
            "SpectralNorm: the largest singular value is 0",
        ),
    ]);
}

#[test]
fn inputs_and_targets() {
    let mut x = zeros(&[2, 1, 4, 4]);
    let mut y = zeros(&[2, 3]);
    let (mut flat, mut three) = (zeros(&[2, 16]), zeros(&[3, 3]));
    let from = 3;
    let mixed = |lambda, order: &[usize], x: &mut ArrayD<f64>, y: &mut ArrayD<f64>| {
        Mixup::apply(lambda, order, x.view_mut(), y.view_mut())
    };
    let cut = |order: &[usize], x: &mut ArrayD<f64>, y: &mut ArrayD<f64>| {
        CutMix::apply([0..1, 0..1], order, x.view_mut(), y.view_mut()).map(drop)
    };
    compare(vec![
        (mixed(1.5, &[1, 0], &mut x, &mut y), "Mixup: lambda is 1.5, must be in [0, 1]"),
        (mixed(0.5, &[1, 0], &mut x, &mut three), "Mixup: targets has shape [3], samples [2]"),
        (mixed(0.5, &[0], &mut x, &mut y), "Mixup: permutation has shape [1], samples [2]"),
        (
            mixed(0.5, &[0, 2], &mut x, &mut y),
            "Mixup: 2 is twice in the permutation, or not below 2",
        ),
        (
            cut(&[1, 0], &mut flat, &mut y),
            "CutMix: images have shape [2, 16], which has 2 axes, not 4",
        ),
        (cut(&[1, 0], &mut x, &mut three), "CutMix: targets has shape [3], samples [2]"),
        (cut(&[1, 1], &mut x, &mut y), "CutMix: 1 is twice in the permutation, or not below 2"),
        (
            CutMix::apply([from..2, 0..1], &[1, 0], x.view_mut(), y.view_mut()).map(drop),
            "CutMix: 3..2 is not a range of 0..4",
        ),
        (
            Cutout { size: 0 }.apply(x.view_mut(), Noise::new(0)),
            "Cutout: size is 0, must be at least 1",
        ),
        (
            Cutout::default().erase(x.view_mut(), [0, 0]),
            "Cutout: images have shape [2, 1, 4, 4], which has 4 axes, not 3",
        ),
    ]);
}
