//! Laws of the driver over random sizes, cuts and numbers.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use tricks_optim::{
    AdaGrad, Adam, AdamW, AmsGrad, ClipGlobalNorm, Momentum, Optimizer, RmsProp, Rule, Sgd,
    StepArgs, WeightDecay,
};
use tricks_tensor::{Noise, Parameters};

fn rules() -> Vec<Box<dyn Rule<f32>>> {
    let centered = RmsProp { centered: true, momentum: 0.9, ..RmsProp::torch() };
    vec![
        Box::new(Sgd),
        Box::new(Momentum::chapter()),
        Box::new(Momentum { nesterov: true, ..Momentum::torch() }),
        Box::new(AdaGrad::keras()),
        Box::new(centered),
        Box::new(Adam { amsgrad: AmsGrad::Corrected, ..Adam::optax() }),
        Box::new(AdamW::keras()),
    ]
}

/// `len` numbers in [−1, 1).
fn draw(len: usize, seed: u64) -> Vec<f32> {
    let mut uniform = vec![0.0; len];
    Noise::new(seed).fill_uniform(0, &mut uniform);
    uniform.into_iter().map(|u| (2.0 * u - 1.0) as f32).collect()
}

/// Parameters cut into pieces, and their gradients.
struct Pieces {
    names: Vec<String>,
    values: Vec<Vec<f32>>,
    grads: Vec<Vec<f32>>,
}

impl Pieces {
    fn new(values: &[f32], cuts: &[usize]) -> Self {
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (values.len() + 1)).collect();
        ends.push(values.len());
        ends.sort_unstable();
        let mut start = 0;
        let mut pieces = Vec::new();
        for end in ends {
            pieces.push(values[start..end].to_vec());
            start = end;
        }
        let grads = pieces.iter().map(|piece| vec![0.0; piece.len()]).collect();
        Self { names: (0..pieces.len()).map(|i| i.to_string()).collect(), values: pieces, grads }
    }

    fn set_grads(&mut self, mut rest: &[f32]) {
        for grad in &mut self.grads {
            let (own, others) = rest.split_at(grad.len());
            grad.copy_from_slice(own);
            rest = others;
        }
    }

    fn params(&mut self) -> impl Parameters<f32> + '_ {
        let both = self.values.iter_mut().zip(&mut self.grads);
        let named = self.names.iter().zip(both);
        named.map(|(name, (v, g))| (name.as_str(), &mut v[..], &mut g[..])).collect::<Vec<_>>()
    }

    fn all(&self) -> Vec<u32> {
        self.values.concat().into_iter().map(f32::to_bits).collect()
    }
}

/// The bits after three steps.
fn run(rule: Box<dyn Rule<f32>>, values: &[f32], cuts: &[usize], seed: u64) -> Vec<u32> {
    let mut pieces = Pieces::new(values, cuts);
    let mut optimizer = Optimizer::builder(rule)
        .weight_decay(WeightDecay::Decoupled(0.01))
        .bind(&mut pieces.params())
        .unwrap();
    for step in 0..3 {
        pieces.set_grads(&draw(values.len(), seed + 1 + step));
        optimizer.step(0.01, &mut pieces.params()).unwrap();
    }
    pieces.all()
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 100, ..ProptestConfig::default() })]

    /// One tensor, or the same numbers in any pieces, empty ones too: the same bits.
    #[test]
    fn cuts_do_not_show(len in 0usize..3000, cuts in prop::collection::vec(any::<usize>(), 0..80), seed in 0u64..1 << 40) {
        let values = draw(len, seed);
        for (whole, cut) in rules().into_iter().zip(rules()) {
            let name = whole.name();
            prop_assert!(run(whole, &values, &[], seed) == run(cut, &values, &cuts, seed), "{}", name);
        }
    }

    /// Threads share out the elements, never the rounding.
    #[test]
    fn threads_do_not_show(len in 65_000usize..200_000, cuts in prop::collection::vec(any::<usize>(), 0..20), which in 0usize..7, seed in 0u64..1 << 40) {
        let values = draw(len, seed);
        let bits = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| run(rules().swap_remove(which), &values, &cuts, seed))
        };
        let one = bits(1);
        prop_assert!(bits(2) == one && bits(3) == one);
    }

    /// A fused clip brings the norm to the limit, or leaves it where it was.
    #[test]
    fn a_clipped_step_is_as_long_as_allowed(len in 1usize..500, max_norm in 1e-3f64..10.0, exponent in -20i32..20, seed in 0u64..1 << 40) {
        let size = 10f64.powi(exponent);
        let grads: Vec<f32> = draw(len, seed).iter().map(|g| (f64::from(*g) * size) as f32).collect();
        let mut pieces = Pieces::new(&vec![0.0; len], &[]);
        pieces.set_grads(&grads);
        let mut sgd = Optimizer::builder(Sgd).bind(&mut pieces.params()).unwrap();
        let norm = ClipGlobalNorm { max_norm, eps: 0.0, ..ClipGlobalNorm::default() };
        let clip = norm.measure(&mut pieces.params()).unwrap();
        sgd.step(StepArgs::new(1.0).clip(clip), &mut pieces.params()).unwrap();
        let moved: f64 = pieces.values[0].iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
        let want = clip.norm().min(max_norm);
        prop_assert!((moved - want).abs() <= 1e-5 * want, "{moved} against {want}");
    }
}
