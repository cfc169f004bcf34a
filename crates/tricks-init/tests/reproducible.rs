//! Draws are a function of noise and index: the same for every number type, length and thread
//! count, and for ever.

use proptest::prelude::*;
use tricks_init::{
    DeltaOrthogonal, Distribution, Fan, Initializer, Layout, Normal, Orthogonal, Sparse,
    TruncatedNormal, Uniform, VarianceScaling,
};
use tricks_tensor::{Float, Noise, Result};

const FAN: Fan = Fan { fan_in: 30, fan_out: 20 };

fn draws<F: Float>(init: &dyn Initializer<F>, seed: u64, len: usize) -> Vec<F> {
    let mut out = vec![F::of(f64::NAN); len];
    init.fill(FAN, &[len], Noise::new(seed), &mut out).expect("a valid initializer");
    out
}

/// One of each form of draw.
fn all<F: Float>() -> Vec<Box<dyn Initializer<F>>> {
    let truncated = Distribution::TruncatedNormal;
    vec![
        Box::new(Normal { mean: 0.5, std: 2.0 }),
        Box::new(Uniform { low: -1.0, high: 3.0 }),
        Box::new(TruncatedNormal::two_sigma(1.0, 0.5)),
        Box::new(VarianceScaling::he_normal()),
        Box::new(VarianceScaling::xavier_uniform()),
        Box::new(VarianceScaling { distribution: truncated, ..VarianceScaling::lecun_normal() }),
    ]
}

#[test]
fn f32_draws_are_rounded_f64_draws() {
    for (narrow, wide) in all::<f32>().iter().zip(all::<f64>()) {
        let rounded: Vec<f32> = draws(&*wide, 5, 3000).iter().map(|&x| x as f32).collect();
        assert_eq!(draws(&**narrow, 5, 3000), rounded);
    }
}

#[test]
fn threads_do_not_show() {
    // Enough for several forks, and no multiple of anything.
    let len = 5 * tricks_tensor::kernel::MIN_FORK + 12_347;
    for init in all::<f32>() {
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| draws(&*init, 3, len))
        };
        let alone = run(1);
        assert!(alone == run(2) && alone == run(3));
        // Nor does the length: a shorter parameter has the first of the same draws.
        assert!(alone[..1001] == draws(&*init, 3, 1001));
    }
}

proptest! {
    #[test]
    fn length_does_not_show(seed: u64, len in 0usize..1500) {
        for init in all::<f64>() {
            let long = draws(&*init, seed, 1500);
            prop_assert!(long[..len] == draws(&*init, seed, len));
            prop_assert!(long.iter().all(|x| x.is_finite()));
        }
    }
}

/// Checked once against Philox and the formulas written out in another language; a change here is a
/// breaking release.
#[test]
fn values_are_stable() {
    let first =
        |init: &dyn Initializer<f64>| -> [f64; 4] { draws(init, 42, 4).try_into().unwrap() };
    let truncated = VarianceScaling {
        distribution: Distribution::TruncatedNormal,
        ..VarianceScaling::he_normal()
    };
    assert_eq!(
        first(&Uniform::default()),
        [
            0.468_586_518_339_104_9,
            0.340_861_549_385_178_76,
            0.327_063_381_203_384_74,
            0.454_315_601_734_888_3
        ]
    );
    assert_eq!(
        first(&Normal::default()),
        [
            -0.607_651_053_933_519_4,
            0.946_144_781_969_715_1,
            -0.853_644_063_311_608_9,
            0.251_992_212_106_604_44
        ]
    );
    assert_eq!(
        first(&TruncatedNormal::default()),
        [
            -0.075_230_044_420_747_14,
            -0.390_448_700_779_238_8,
            -0.426_334_549_495_216_6,
            -0.109_521_956_408_616_69
        ]
    );
    assert_eq!(
        first(&VarianceScaling::he_normal()),
        [
            -0.156_894_827_479_327,
            0.244_293_532_244_650_22,
            -0.220_409_949_386_312_73,
            0.065_064_109_390_856_4
        ]
    );
    assert_eq!(
        first(&VarianceScaling::xavier_uniform()),
        [
            -0.021_763_898_511_721_39,
            -0.110_254_352_761_064_4,
            -0.119_814_004_097_963_42,
            -0.031_651_079_563_354
        ]
    );
    assert_eq!(
        first(&truncated),
        [
            -0.022_082_477_587_372_73,
            -0.114_609_458_898_558_42,
            -0.125_143_128_738_528_43,
            -0.032_148_274_885_924_52
        ]
    );
}

/// Of those that draw a parameter as a whole: the same rows by the process of Gram and Schmidt, the
/// same normals that are not zero.
#[test]
fn whole_parameters_are_stable() -> Result<()> {
    let fill = |init: &dyn Initializer<f64>, shape: &[usize]| -> Result<Vec<f64>> {
        let mut out = vec![0.0; shape.iter().product()];
        init.fill(Fan::of(shape, Layout::OutIn)?, shape, Noise::new(42), &mut out)?;
        Ok(out)
    };
    let orthogonal = [
        -0.423_716_451_086_960_7,
        0.659_748_891_465_782_6,
        -0.595_247_931_615_404_1,
        0.175_714_738_128_381_04,
        0.058_389_464_802_736_7,
        -0.626_273_229_453_104_2,
        -0.584_333_890_933_403_2,
        0.512_763_509_209_713,
        0.484_191_340_058_103_6,
        0.376_548_546_154_558_24,
        0.289_593_287_461_153,
        0.734_782_734_186_826_5,
    ];
    assert_eq!(fill(&Orthogonal::default(), &[3, 4])?, orthogonal);
    let turned: Vec<f64> = (0..12).map(|i| orthogonal[i % 3 * 4 + i / 3]).collect();
    assert_eq!(fill(&Orthogonal::default(), &[4, 3])?, turned);
    let centres: Vec<f64> =
        fill(&DeltaOrthogonal::default(), &[3, 2, 3])?.into_iter().skip(1).step_by(3).collect();
    let expected = [
        -0.430_413_195_713_594_1,
        0.549_468_828_083_229_8,
        0.670_176_076_514_927_8,
        -0.336_928_426_214_934_4,
        -0.604_655_693_285_582_9,
        -0.764_567_356_465_844_4,
    ];
    assert_eq!(centres, expected);
    let sparse = fill(&Sparse { sparsity: 0.5, std: 1.0 }, &[4, 3])?;
    let normals = fill(&Normal::default(), &[4, 3])?;
    let kept: Vec<usize> = (0..12).filter(|i| sparse[*i] != 0.0).collect();
    assert_eq!(kept, [2, 3, 4, 5, 6, 10]);
    assert!(kept.iter().all(|i| sparse[*i] == normals[*i]));
    Ok(())
}
