//! What becomes of the effective step of AdaGrad and RMSProp.

use crate::experiment::{Experiment, Lab, Outcome, Table};
use crate::format::{interval, number, percent_spread, spread};
use crate::plot::{Axis, Figure, Grid, Mark, Panel, Point};
use crate::recipe::{Activation, Recipe, he};
use crate::stats::Sample;
use crate::training::Trial;
use crate::verdict::Verdict;
use rayon::prelude::*;
use tricks_net::Net;
use tricks_net::train::Outcome::Stopped;
use tricks_net::train::{Control, Observer, StepReport};
use tricks_optim::{AdaGrad, Optimizer, RmsProp, Rule};
use tricks_tensor::{Result, StateDict, Values};

/// The experiment.
pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "adagrad",
    title: "AdaGrad’s step only shrinks",
    section: "4.2.4 and 4.2.5",
    claim: "The effective step of AdaGrad, η/(√h + ε), only shrinks, so that learning may stop in \
        a long run; that of RMSProp can grow again.",
    run,
};

const LR: f64 = 0.01;
/// The chapter's, for both.
const EPS: f64 = 1e-7;
/// Updates between two looks.
const EVERY: u64 = 5;
const NAMES: [&str; 2] = ["AdaGrad", "RMSProp"];

/// What was seen of the effective steps of one run.
#[derive(Default)]
struct Seen {
    /// `(update, 10 %, 50 %, 90 %)` over all parameters.
    quantiles: Vec<(f64, [f64; 3])>,
    rises: u64,
    changes: u64,
}

impl Seen {
    /// The share of all changes that were rises.
    fn risen(&self) -> f64 {
        self.rises as f64 / self.changes.max(1) as f64
    }

    /// The median at the end, over its largest value: how much of the step is left.
    fn left(&self) -> f64 {
        let medians = || self.quantiles.iter().map(|(_, q)| q[1]);
        medians().next_back().unwrap_or(f64::NAN) / medians().fold(f64::NAN, f64::max)
    }
}

fn run(lab: &Lab) -> Result<Outcome> {
    let base =
        Recipe { lr: LR, ..Recipe::plain(&[64], Activation::ReLU, he, lab.profile.epochs(8)) };
    let recipes: [Recipe; 2] = [
        Recipe { rule: || Box::new(AdaGrad::chapter()), ..base.clone() },
        Recipe { rule: || Box::new(RmsProp::chapter()), ..base },
    ];
    let mut trials = Vec::new();
    for recipe in &recipes {
        for seed in lab.profile.seeds() {
            trials.push(Trial::new(lab, recipe, seed)?);
        }
    }
    let seen = trials.into_par_iter().map(watch).collect::<Result<Vec<_>>>()?;
    let (ada, rms) = seen.split_at(seen.len() / 2);
    let each = |seen: &[Seen], f: fn(&Seen) -> f64| Sample::new(seen.iter().map(f));

    let mut outcome = Outcome {
        measured: format!(
            "A network 784-64-10 is trained with the chapter’s AdaGrad and RMSProp, η = {LR}. \
             Every {EVERY} updates the effective step of every parameter that has had a gradient \
             is read from the optimizer’s memory and compared with the look before. Beside it, one \
             parameter alone: its gradient is 1 for 100 updates, then 0.1."
        ),
        ..Outcome::default()
    };
    let (up, other) = (each(ada, Seen::risen), each(rms, Seen::risen));
    let never: Vec<bool> = ada.iter().map(|s| s.rises == 0 && s.changes > 0).collect();
    let looks: u64 = ada.iter().map(|s| s.changes).sum();
    outcome.part(
        "AdaGrad’s effective step only shrinks",
        format!(
            "{} rises in {} looks at parameters",
            ada.iter().map(|s| s.rises).sum::<u64>(),
            crate::format::thousands(looks)
        ),
        "not one rise, for every seed",
        Verdict::every(&never),
    );
    outcome.part(
        "RMSProp’s can grow again",
        format!("{} of its changes are rises", percent_spread(&other)),
        "more than a tenth of all changes are rises: the whole interval above 10 %",
        Verdict::above(&other, 0.1),
    );
    let (left, kept) = (each(ada, Seen::left), each(rms, Seen::left));
    let less = left.minus(&kept);
    outcome.part(
        "AdaGrad’s step wears out in the course of a run, RMSProp’s does not",
        format!(
            "of the largest median step, at the end AdaGrad has {} left, RMSProp {}",
            spread(&left),
            spread(&kept)
        ),
        "AdaGrad’s share minus RMSProp’s, seed by seed, below 0",
        Verdict::below(&less, 0.0),
    );
    outcome.key = format!(
        "rises: AdaGrad {}, RMSProp {}; median step left: {} and {} (difference {})",
        percent_spread(&up),
        percent_spread(&other),
        number(left.mean()),
        number(kept.mean()),
        interval(&less),
    );
    outcome.figures = vec![training_figure(ada, rms), single_figure()?];
    let mut table = Table::new(
        "Median effective step over all parameters, mean ± standard deviation over seeds",
        &["optimizer", "first look", "middle", "end"],
    );
    for (name, seen) in NAMES.iter().zip([ada, rms]) {
        let at = |part: usize| {
            Sample::new(seen.iter().map(|s| s.quantiles[part * (s.quantiles.len() - 1) / 2].1[1]))
        };
        table.row([name.to_string(), spread(&at(0)), spread(&at(1)), spread(&at(2))]);
    }
    outcome.tables.push(table);
    Ok(outcome)
}

/// Stops the training for a look: after the first update, and after every so many.
struct Pause;

impl<L> Observer<f32, L> for Pause {
    fn on_step(&mut self, report: &StepReport, _: &mut Net<f32, L>) -> Result<Control> {
        let updates = report.step + 1;
        Ok(if updates == 1 || updates.is_multiple_of(EVERY) {
            Control::Stop
        } else {
            Control::Continue
        })
    }
}

/// Trains and looks.
fn watch(mut trial: Trial<'_>) -> Result<Seen> {
    let (mut seen, mut before) = (Seen::default(), Vec::new());
    while trial.fit(&mut [&mut Pause])? == Stopped {
        let update = trial.run.position().step;
        let now = effective_steps(&trial.run.optimizer.state());
        for (&old, &new) in before.iter().zip(&now) {
            // A parameter without a gradient so far has no step to speak of.
            if old < LR / EPS && new != old {
                seen.changes += 1;
                seen.rises += u64::from(new > old);
            }
        }
        let mut sorted: Vec<f64> = now.iter().copied().filter(|&step| step < LR / EPS).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        if let Some(end) = sorted.len().checked_sub(1) {
            seen.quantiles
                .push((update as f64, [0.1, 0.5, 0.9].map(|q| sorted[(q * end as f64) as usize])));
        }
        before = now;
    }
    Ok(seen)
}

/// `η/(√h + ε)` of every parameter, in a fixed order.
fn effective_steps(state: &StateDict) -> Vec<f64> {
    let memory = state.iter().filter(|(name, _)| name.ends_with("/h"));
    memory
        .flat_map(|(_, entry)| match &entry.values {
            Values::F32(h) => {
                h.iter().map(|&h| LR / (f64::from(h).sqrt() + EPS)).collect::<Vec<_>>()
            }
            _ => Vec::new(),
        })
        .collect()
}

fn training_figure(ada: &[Seen], rms: &[Seen]) -> Figure {
    let panels: Vec<Panel> = [ada, rms]
        .into_iter()
        .enumerate()
        .map(|(i, seen)| {
            let mut panel = Panel::new(
                NAMES[i],
                Axis::count("update"),
                Axis::log("η/(√h + ε)").between(1e-2, 1e4),
            );
            if let Some(first) = seen.first() {
                let band =
                    first.quantiles.iter().map(|&(t, [low, _, high])| (t, low, high)).collect();
                panel = panel.with(Mark::Band { color: i, points: band });
            }
            for seen in seen {
                panel =
                    panel.line(i, seen.quantiles.iter().map(|&(t, [_, median, _])| (t, median)));
            }
            panel
        })
        .collect();
    Figure::new(
        "Effective steps in training",
        "Lines: the median over all parameters, one for each seed. Band: from the 10 % to the 90 % \
         quantile, first seed.",
        &Grid { columns: 2, height: 300.0, legend: &NAMES },
        &panels,
    )
}

/// One parameter whose gradient drops from 1 to 0.1.
fn single<R: Rule<f64>>(rule: R) -> Result<Vec<Point>> {
    let (mut w, mut dw) = ([0.0], [0.0]);
    let mut params = [("w", &mut w[..], &mut dw[..])];
    let mut optimizer = Optimizer::builder(rule).bind(&mut params)?;
    let mut points = Vec::new();
    for update in 1..=300 {
        let gradient = if update <= 100 { 1.0 } else { 0.1 };
        let [(_, w, dw)] = &mut params;
        dw[0] = gradient;
        let before = w[0];
        optimizer.step(LR, &mut params)?;
        let [(_, w, _)] = &params;
        points.push((f64::from(update), (before - w[0]) / gradient));
    }
    Ok(points)
}

fn single_figure() -> Result<Figure> {
    let panel = Panel::new("", Axis::count("update"), Axis::log("distance moved / gradient"))
        .line(0, single(AdaGrad::chapter())?)
        .line(1, single(RmsProp::chapter())?)
        .with(Mark::Up(100.0, "gradient falls from 1 to 0.1".into()));
    Ok(Figure::new(
        "One parameter alone",
        "AdaGrad remembers the large gradients for ever. RMSProp forgets them and takes larger \
         steps again.",
        &Grid { columns: 1, height: 300.0, legend: &NAMES },
        &[panel],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_parameter_by_hand() {
        let (ada, rms) = (single(AdaGrad::chapter()).unwrap(), single(RmsProp::chapter()).unwrap());
        // Update 4 of AdaGrad: h = 4, step 0.01/2.
        assert!((ada[3].1 - 0.005).abs() < 1e-8);
        assert!(ada.windows(2).all(|w| w[1].1 <= w[0].1 * (1.0 + 1e-9)));
        // RMSProp: √h → 1 before the fall, 0.1 after.
        assert!((rms[99].1 - 0.01).abs() < 1e-5 && (rms[299].1 - 0.1).abs() < 1e-4);
    }
}
