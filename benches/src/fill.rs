//! What fills parameters with draws, beside what users of `rand_distr` write.

use crate::cases::Label;
use crate::sets::Set;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use tricks_init::{Fan, Initializer, Normal, TruncatedNormal, Uniform};
use tricks_tensor::Noise;

/// Draws of one law.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Draws {
    Uniform,
    Normal,
    TruncatedNormal,
}

/// One parameter, filled on some threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// With what.
    pub draws: Draws,
    /// The parameter.
    pub set: Set,
    /// On how many threads.
    pub threads: usize,
}

/// What they are held against.
pub const RIVAL: &str = "rand_distr";

/// The initializers cut ±2σ off, as is the custom.
const CUT: f64 = 2.0;

/// All fills.
pub fn all(available: usize) -> Vec<Fill> {
    let threads = if available > 1 { vec![1, available] } else { vec![1] };
    let draws = [Draws::Uniform, Draws::Normal, Draws::TruncatedNormal];
    let one = |draws| threads.iter().map(move |&threads| Fill { draws, set: SET, threads });
    draws.into_iter().flat_map(one).collect()
}

/// A large layer's weight, beyond the nearest caches.
const SET: Set = Set::One(4 << 20);

impl Fill {
    /// What the summary says of it.
    pub fn label(&self) -> Label {
        let Self { draws, set, threads } = *self;
        let name = match draws {
            Draws::Uniform => "fill uniform",
            Draws::Normal => "fill normal",
            Draws::TruncatedNormal => "fill truncated",
        };
        Label {
            id: format!("{}-{}-{threads}t", name.replace(' ', "-"), set.name()),
            name: name.into(),
            set,
            threads,
            reference: RIVAL,
            target: None,
        }
    }

    /// The library's way.
    ///
    /// # Errors
    /// None but the library's own.
    pub fn fill(&self, out: &mut [f32]) -> tricks_tensor::Result<()> {
        let (fan, shape) = (Fan { fan_in: 1, fan_out: 1 }, [out.len()]);
        match self.draws {
            Draws::Uniform => Uniform::default().fill(fan, &shape, Noise::new(1), out),
            Draws::Normal => Normal::default().fill(fan, &shape, Noise::new(1), out),
            Draws::TruncatedNormal => {
                TruncatedNormal::two_sigma(0.0, 1.0).fill(fan, &shape, Noise::new(1), out)
            }
        }
    }

    /// The usual way: the small fast generator of `rand`, one for each part of the parameter. What
    /// is drawn then depends on how it is cut.
    pub fn rival(&self, out: &mut [f32]) {
        out.par_chunks_mut(1 << 16).enumerate().for_each(|(part, out)| {
            let mut rng = SmallRng::seed_from_u64(part as u64);
            let mut normal = || -> f32 { StandardNormal.sample(&mut rng) };
            match self.draws {
                Draws::Normal => out.fill_with(normal),
                Draws::TruncatedNormal => out.fill_with(|| {
                    loop {
                        let x = normal();
                        if f64::from(x.abs()) <= CUT {
                            break x;
                        }
                    }
                }),
                Draws::Uniform => out.fill_with(|| rng.random()),
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and mean square of both.
    #[test]
    fn both_draw_from_the_same_law() {
        for fill in all(1) {
            let moments = |draw: &dyn Fn(&mut [f32])| {
                let mut x = vec![f32::NAN; 200_000];
                draw(&mut x);
                let mean = |f: &dyn Fn(f64) -> f64| {
                    x.iter().map(|x| f(f64::from(*x))).sum::<f64>() / x.len() as f64
                };
                [mean(&|x| x), mean(&|x| x * x)]
            };
            let own = moments(&|x| fill.fill(x).unwrap());
            let rival = moments(&|x| fill.rival(x));
            for (own, rival) in own.into_iter().zip(rival) {
                assert!((own - rival).abs() < 0.02, "{fill:?}: {own}, {rival}");
            }
            assert!(own[1] > 0.3, "{fill:?}: {own:?}");
        }
    }
}
