//! What a step, a transform or a projection refuses, in its words, and that nothing changes then.
#![allow(clippy::unwrap_used)]

use tricks_optim::{
    Adam, AdaptiveClip, Clip, Describe, GradientAverage, Group, LbfgsDirection, LossScaler,
    Momentum, Normalize, Optimizer, Pending, Projection, Rule, Sgd, Slot, Slots, StepArgs, StepCx,
    Storage, Transform, Units, clip_global_norm, project,
};
use tricks_tensor::{Float, Named, Noise, Result, StateDict};

/// What a step of this optimizer says to gradients, with a factor that is still to be applied.
fn step<F: Float, R: Rule<F>>(rule: R, grad: [F; 2], args: StepArgs<'_, F>) -> String {
    let (mut w, mut dw) = ([F::one(); 2], grad);
    let mut params = [("w", &mut w[..], &mut dw[..])];
    let mut optimizer = Optimizer::builder(rule).bind(&mut params).unwrap();
    let said = optimizer.step(args, &mut params);
    let before = optimizer.steps();
    let message = said.unwrap_err().to_string();
    assert_eq!((w, before), ([F::one(); 2], 0), "{message}");
    message
}

/// A factor may make of a number what no rule can take.
#[test]
fn factors_count() {
    let of = |factor| StepArgs::new(0.1).clip(Pending::new(factor));
    assert_eq!(
        step(Adam::torch(), [1.0f32, 1e10], of(1e10)),
        "w: gradient, whose square overflows, is 100000000000000000000 at flat index 1"
    );
    assert_eq!(
        step(Sgd, [1.0f32, 1e10], of(1e30)),
        "w: gradient, times the factor on it, is 10000000150474662000000000000000000000000 at flat \
         index 1"
    );
    assert_eq!(
        step(Sgd, [1.0f32; 2], of(1e40)),
        "step: factor on gradients is 10000000000000000000000000000000000000000, must be finite as \
         f32"
    );
    // A norm that is known does not help.
    let mut normalize = Normalize { eps: 1e-300, ..Normalize::default() };
    let (mut w, mut dw) = ([1.0f32; 2], [0.0f32; 2]);
    let mut params = [("w", &mut w[..], &mut dw[..])];
    let pending = tricks_optim::transform(&mut normalize, &mut params).unwrap();
    assert!(step(Sgd, [0.0f32; 2], StepArgs::new(0.1).clip(pending)).contains("factor"));
    // The other way: a factor below 1 makes a square that overflows harmless, and says so itself.
    let (mut w, mut dw) = ([1.0f32; 2], [1e25f32, 0.0]);
    let mut params = [("w", &mut w[..], &mut dw[..])];
    let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params).unwrap();
    adam.step(StepArgs::new(0.1).clip(Pending::new(1e-20)), &mut params).unwrap();
    assert!((w[0] - 0.9).abs() < 1e-4);
}

/// A scale so small that the unscaled gradient overflows.
#[test]
fn a_loss_scale_that_overflows() {
    let (mut w, mut dw) = ([1.0f32], [1e10f32]);
    let mut params = [("w", &mut w[..], &mut dw[..])];
    let mut adam = Optimizer::builder(Adam::torch()).bind(&mut params).unwrap();
    let mut scaler = LossScaler::new(1e-30).unwrap();
    if let Some(pending) = scaler.check(&mut params) {
        assert!(adam.step(StepArgs::new(0.1).clip(pending), &mut params).is_err());
    }
    assert_eq!(w, [1.0]);
}

/// `θ ← θ − η · loss`, which needs to be told.
#[derive(Debug)]
struct OfLoss;

impl Describe for OfLoss {
    fn name(&self) -> &'static str {
        "OfLoss"
    }
    fn slots(&self) -> &'static [Slot] {
        &[]
    }
    fn default_lr(&self) -> f64 {
        0.1
    }
    fn needs_loss(&self) -> bool {
        true
    }
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

impl<F: Float> Rule<F> for OfLoss {
    fn step(&self, cx: &StepCx<'_>, _: Slots<'_, F>, param: &mut [F], _: &[F]) {
        param.iter_mut().for_each(|p| *p -= F::of(cx.lr * cx.loss));
    }
}

#[test]
fn a_rule_is_given_the_loss_it_needs() {
    let args = || StepArgs::<f64>::new(0.1);
    assert_eq!(step(OfLoss, [1.0; 2], args()), "step: OfLoss needs the loss: StepArgs::loss");
    let nan = step(OfLoss, [1.0; 2], args().loss(f64::NAN));
    assert_eq!(nan, "step: loss is NaN, must be finite");
    let (mut w, mut dw) = ([1.0], [0.0]);
    let mut params = [("w", &mut w[..], &mut dw[..])];
    let mut rule = Optimizer::builder(OfLoss).bind(&mut params).unwrap();
    rule.step(args().loss(2.0), &mut params).unwrap();
    assert_eq!(w, [0.8]);
}

#[test]
fn clips_that_cannot_be() {
    let clip = |grad: [f64; 2]| -> Clip {
        let (mut w, mut dw) = ([1.0; 2], grad);
        clip_global_norm(&mut [("w", &mut w[..], &mut dw[..])][..], 1.0).unwrap()
    };
    assert_eq!(clip([3.0, 4.0]).finite().unwrap().scale(), 1.0 / (5.0 + 1e-6));
    let refused = clip([f64::INFINITY, 0.0]).finite().unwrap_err().to_string();
    assert_eq!(refused, "clip: the norm of the gradients is inf");
    let twice = StepArgs::new(0.1).clip(clip([1.0; 2])).clip(clip([1.0; 2]));
    assert_eq!(
        step(Sgd, [1.0; 2], twice),
        "step: StepArgs::clip was called twice: chain what was found with Pending::then"
    );
}

/// A clip of a group measures it, whether or not the numbers are checked.
#[test]
fn a_group_whose_norm_is_not_finite() {
    let (mut w, mut dw) = ([1.0f64], [f64::NAN]);
    let mut params = [("w", &mut w[..], &mut dw[..])];
    let clip = Some(tricks_optim::ClipGlobalNorm::torch());
    let mut sgd = Optimizer::builder(Sgd)
        .finite_check(false)
        .group(|_| true, Group { clip, ..Group::default() })
        .bind(&mut params)
        .unwrap();
    let refused = sgd.step(0.1, &mut params).unwrap_err().to_string();
    assert_eq!(refused, "step: group 0: the norm of its gradients is NaN");
    assert_eq!(w, [1.0]);
}

#[test]
fn rates_decays_and_packed_memory() {
    let (mut w, mut dw) = ([1.0f64], [1e300]);
    let mut params = [("w", &mut w[..], &mut dw[..])];
    let mut momentum = Optimizer::builder(Momentum::torch())
        .storage(Storage::Single, Noise::new(1))
        .bind(&mut params)
        .unwrap();
    let refused = momentum.step(0.1, &mut params).unwrap_err().to_string();
    assert!(refused.starts_with("w: gradient, too large for packed memory, is 1"), "{refused}");
    // A file of another layout.
    let (mut state, mut other) = (momentum.state(), StateDict::new());
    state.insert_count("rule/Momentum", 7);
    other.insert_count("rule/Momentum", 7);
    let refused = momentum.load_state(&state).unwrap_err().to_string();
    assert!(refused.contains("rule/Momentum is layout 7, this version reads 1"), "{refused}");

    let (mut w, mut dw) = ([1.0f32], [1.0f32]);
    let mut params = [("w", &mut w[..], &mut dw[..])];
    let mut sgd = Optimizer::builder(Sgd)
        .weight_decay(tricks_optim::WeightDecay::Decoupled(1e30))
        .bind(&mut params)
        .unwrap();
    let refused = sgd.step(1e10, &mut params).unwrap_err().to_string();
    assert!(refused.starts_with("weight decay: lr · lambda is 1000000"), "{refused}");
}

/// More memory than there is room for.
#[derive(Debug)]
struct Hoarder;

impl Describe for Hoarder {
    fn name(&self) -> &'static str {
        "Hoarder"
    }
    fn slots(&self) -> &'static [Slot] {
        const SLOT: Slot = Slot::new("m");
        &[SLOT; 9]
    }
    fn default_lr(&self) -> f64 {
        0.1
    }
    fn validate(&self) -> Result<()> {
        Ok(())
    }
}

impl<F: Float> Rule<F> for Hoarder {
    fn step(&self, _: &StepCx<'_>, _: Slots<'_, F>, _: &mut [F], _: &[F]) {}
}

#[test]
fn too_much_memory() {
    let (mut w, mut dw) = ([1.0f64], [0.0]);
    let refused = Optimizer::builder(Hoarder).bind(&mut [("w", &mut w[..], &mut dw[..])][..]);
    let message = refused.map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("Hoarder has 9 slots and 0 scalars, at most"), "{message}");
}

/// What takes whole parameters looks at their lengths first.
#[test]
fn gradients_of_another_length() {
    for units in [Units::Columns, Units::Rows] {
        let mut clip = AdaptiveClip { units, ..AdaptiveClip::default() };
        for (values, gradients) in [(6, 12), (3, 6), (12, 12)] {
            let (mut w, mut dw) = (vec![1.0; values], vec![1.0; gradients]);
            let mut params = [Named::new("w", &[2, 3], &mut w, &mut dw)];
            let mut params = &mut params[..];
            let refused = clip.apply(&mut params, Pending::NONE).unwrap_err().to_string();
            assert!(refused.contains('w') && refused.contains("[2, 3]"), "{units:?}: {refused}");
            assert!(dw.iter().all(|g| *g == 1.0));
        }
    }
}

#[test]
fn factors_that_memory_would_keep() {
    let (mut w, mut dw) = ([1.0f32], [1.0f32]);
    let mut params = [("w", &mut w[..], &mut dw[..])];
    let mut average = GradientAverage::bind(0.9, &mut params).unwrap();
    let mut lbfgs = LbfgsDirection::bind(&mut params).unwrap();
    let mut lent = &mut params[..];
    let huge = Pending::new(1e40);
    for refused in [average.apply(&mut lent, huge), lbfgs.apply(&mut lent, huge)] {
        let message = refused.unwrap_err().to_string();
        assert!(message.contains("pending factor is 1") && message.ends_with("finite as f32"));
    }
    lbfgs.history_size = 0;
    let refused = lbfgs.apply(&mut lent, Pending::NONE).unwrap_err().to_string();
    assert_eq!(refused, "LbfgsDirection: history_size is 0, must be at least 1");
}

/// The second parameter is refused before the first is touched.
#[test]
fn a_projection_of_a_set_is_all_or_nothing() {
    let [mut a, mut b] = [[3.0f32, 4.0], [1.0, f32::NAN]];
    let [mut da, mut db] = [[0.0f32; 2]; 2];
    let mut params = [("a", &mut a[..], &mut da[..]), ("b", &mut b[..], &mut db[..])];
    let ball = Projection::L2Ball { radius: 1.0 };
    let refused = project(ball, &mut params, |_| true).unwrap_err().to_string();
    assert_eq!(refused, "Projection: b: number 1 is NaN");
    let far = Projection::Box { lower: 0.0, upper: 1e300 };
    let refused = project(far, &mut params, |place| place.path.is("a")).unwrap_err().to_string();
    assert!(refused.starts_with("Projection: a: bound") || refused.contains("bound is 1"));
    assert_eq!(a, [3.0, 4.0]);
    // Lengths whose product with a radius overflows.
    let mut long = [1e308f64, 1e308];
    Projection::L2Ball { radius: 100.0 }.apply(&mut long, &[2]).unwrap();
    assert!((long[0] / 100.0 - 0.5f64.sqrt()).abs() < 1e-12, "{long:?}");
}
