//! One batch through untrained networks: a good start and bad ones, side by side.

use crate::experiment::{Experiment, Lab, Outcome, Table};
use crate::format::{number, percent, scientific};
use crate::plot::{Axis, Figure, Grid, Mark, Panel, Style};
use crate::probe::report;
use crate::recipe::{Activation, Init, Recipe, he, large, small, xavier};
use crate::verdict::Verdict;
use tricks_net::inspect::{Remedy, Report, Symptom};
use tricks_tensor::Result;

/// The experiment.
pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "inspect",
    title: "A look at the start",
    section: "4.3.2, 4.3.5 and 4.3.6",
    claim: "Activations that are all near 0 come from too small weights, saturated ones from too \
        large weights, and Xavier or He is the remedy: one batch before any training shows it.",
    run,
};

const LAYERS: usize = 10;
const WIDTH: usize = 100;

/// A network, a good start and a bad one.
struct Pair {
    name: &'static str,
    activation: Activation,
    good: (&'static str, Init),
    bad: (&'static str, Init),
    /// What the bad start should be found to do.
    trouble: fn(&Symptom) -> bool,
    /// The initializer that should be named.
    remedy: &'static str,
}

const PAIRS: [Pair; 3] = [
    Pair {
        name: "ReLU",
        activation: Activation::ReLU,
        good: ("He", he),
        bad: ("σ = 0.01", small),
        trouble: |symptom| matches!(symptom, Symptom::Vanishing(_)),
        remedy: "He normal",
    },
    Pair {
        name: "tanh",
        activation: Activation::Tanh,
        good: ("Xavier", xavier),
        bad: ("σ = 1", large),
        trouble: |symptom| matches!(symptom, Symptom::Saturated(_)),
        remedy: "Xavier normal",
    },
    Pair {
        name: "sigmoid",
        activation: Activation::Sigmoid,
        good: ("Xavier", xavier),
        bad: ("σ = 1", large),
        trouble: |symptom| matches!(symptom, Symptom::Saturated(_)),
        remedy: "Xavier normal",
    },
];

fn run(lab: &Lab) -> Result<Outcome> {
    let mut outcome = Outcome {
        measured: format!(
            "Networks of {LAYERS} hidden layers of {WIDTH} units see one batch of 128 training \
             images before any training. The report of tricks_net::inspect is made for each \
             start and seed; healthy is a signal between a tenth and ten times the input, a \
             gradient between a hundredth and a hundred times that of the last hidden layer, at \
             most a third of the outputs saturated."
        ),
        ..Outcome::default()
    };
    let mut table = Table::new(
        "What is said about the first seed",
        &["network", "start", "findings", "the first that names an initializer, else the first"],
    );
    let (mut drawn, mut key) = (Vec::new(), Vec::new());
    for pair in &PAIRS {
        let mut reports = [Vec::new(), Vec::new()];
        for (reports, (_, init)) in reports.iter_mut().zip([pair.good, pair.bad]) {
            let recipe = Recipe::plain(&[WIDTH; LAYERS], pair.activation, init, 1);
            for seed in lab.profile.seeds() {
                reports.push(report(&recipe, &lab.images, seed)?);
            }
        }
        judge(&mut outcome, pair, &reports);
        let [good, bad] = reports.map(|mut reports| reports.swap_remove(0));
        for ((start, _), report) in [(pair.good, &good), (pair.bad, &bad)] {
            table.row([
                pair.name.to_string(),
                start.to_string(),
                report.findings.len().to_string(),
                telling(report),
            ]);
        }
        key.push(format!(
            "{}: findings with {}: {}, with {}: {}",
            pair.name,
            pair.good.0,
            good.findings.len(),
            pair.bad.0,
            bad.findings.len()
        ));
        drawn.push((pair, good, bad));
    }
    outcome.key = key.join("; ");
    outcome.figures.push(figure(&drawn));
    outcome.tables.push(table);
    for (pair, good, bad) in &drawn {
        for ((start, _), report) in [(pair.good, good), (pair.bad, bad)] {
            outcome.tables.push(numbers(&format!("{}, {start}", pair.name), report));
        }
    }
    Ok(outcome)
}

/// What the reports of all seeds say about the claim; both starts, in order.
fn judge(outcome: &mut Outcome, pair: &Pair, [good, bad]: &[Vec<Report>; 2]) {
    let seeds = good.len();
    let healthy = good.iter().filter(|report| report.is_healthy()).count();
    outcome.part(
        &format!("{} is healthy with {}", pair.name, pair.good.0),
        match good.iter().find(|report| !report.is_healthy()) {
            None => format!("nothing found with any of {seeds} seeds"),
            Some(report) => {
                format!("healthy with {healthy} of {seeds} seeds; {}", telling(report))
            }
        },
        "no finding with any seed",
        Verdict::of(healthy == seeds),
    );
    let named = |report: &&Report| {
        report.findings.iter().any(|finding| {
            let right =
                matches!(&finding.remedy, Remedy::Initializer { name, .. } if *name == pair.remedy);
            right && finding.symptoms.iter().any(pair.trouble)
        })
    };
    let count = bad.iter().filter(named).count();
    outcome.part(
        &format!("{} is not with {}, and {} is named", pair.name, pair.bad.0, pair.remedy),
        format!("with {count} of {seeds} seeds; {}", bad.first().map(telling).unwrap_or_default()),
        "with every seed a layer is found, and this initializer named for it",
        Verdict::of(count == seeds),
    );
}

/// The finding that says most: one with an initializer if there is one.
fn telling(report: &Report) -> String {
    let fixed = |remedy: &Remedy| matches!(remedy, Remedy::Initializer { .. });
    let all = &report.findings;
    let found = all.iter().find(|finding| fixed(&finding.remedy)).or(all.first());
    found.map_or("healthy".into(), ToString::to_string)
}

fn figure(drawn: &[(&Pair, Report, Report)]) -> Figure {
    let layer = || Axis::count("layer with weights (1 is next to the input)");
    let mut panels = Vec::new();
    for (pair, good, bad) in drawn {
        let title = |what: &str| format!("{}: {what}", pair.name);
        // The band is in sight whatever is drawn.
        let banded = |what: &str, label: &str, band: [f64; 2], of: fn(&Report) -> Vec<f64>| {
            let sizes = || [good, bad].into_iter().flat_map(of).filter(|x| *x > 0.0);
            let low = sizes().fold(band[0] / 5.0, f64::min);
            let high = sizes().fold(5.0 * band[1], f64::max);
            let panel = Panel::new(title(what), layer(), Axis::log(label).between(low, high));
            let panel = band
                .into_iter()
                .fold(panel, |panel, at| panel.with(Mark::Across(at, String::new())));
            lines(panel, [good, bad].map(of))
        };
        panels.push(banded("signal", "rms over that of the input", [0.1, 10.0], |report| {
            report.weighted().map(|(_, signal)| signal.forward).collect()
        }));
        let label = "norm over the last hidden’s";
        panels.push(banded("gradient", label, [0.01, 100.0], |report| {
            report.weighted().filter_map(|(_, signal)| signal.backward).collect()
        }));
        let (what, limit) = match pair.activation {
            Activation::ReLU => ("dead units", 0.5),
            _ => ("saturated outputs", 1.0 / 3.0),
        };
        let share = Panel::new(
            title(what),
            Axis::count("hidden layer"),
            Axis::linear("share").between(0.0, 1.0),
        );
        let share = share.with(Mark::Across(limit, "limit".into()));
        panels.push(lines(share, [good, bad].map(lost)));
    }
    Figure::new(
        "A good and a bad start, layer by layer",
        "One batch, forward and backward, before any training; the first seed. Between the dashed \
         lines, or below the limit, is healthy. Units of a ReLU without biases are dead or not \
         whatever the size of the weights: there the two lines are one.",
        &Grid {
            columns: 3,
            height: 280.0,
            legend: &[
                "good: He for ReLU, Xavier for tanh and sigmoid",
                "bad: σ = 0.01 for ReLU, σ = 1 for tanh and sigmoid",
            ],
        },
        &panels,
    )
}

/// A good and a bad start, layer by layer.
fn lines(panel: Panel, both: [Vec<f64>; 2]) -> Panel {
    both.into_iter().enumerate().fold(panel, |panel, (color, sizes)| {
        let points = sizes.into_iter().enumerate().map(|(i, y)| ((i + 1) as f64, y));
        panel.styled(color, Style::Dotted, points)
    })
}

/// The share of dead units or of saturated outputs, activation by activation.
fn lost(report: &Report) -> Vec<f64> {
    let share = |dead: tricks_net::inspect::DeadUnits| dead.share();
    report.layers.iter().filter_map(|layer| layer.saturated.or(layer.dead.map(share))).collect()
}

fn numbers(name: &str, report: &Report) -> Table {
    let caption = format!("{name}: outputs and their gradients, layer by layer, the first seed");
    let head = [
        "layer",
        "mean",
        "standard deviation",
        "second moment",
        "gradient’s second moment",
        "saturated",
        "dead",
    ];
    let mut table = Table::new(&caption, &head);
    let dash = || "–".to_string();
    for layer in &report.layers {
        table.row([
            format!("{} {}", layer.path, layer.layer),
            number(layer.output.mean),
            number(layer.output.std),
            scientific(layer.output.second_moment),
            layer.gradient.map_or_else(dash, |gradient| scientific(gradient.second_moment)),
            layer.saturated.map_or_else(dash, percent),
            layer.dead.map_or_else(dash, |dead| format!("{} of {}", dead.dead, dead.of)),
        ]);
    }
    table
}
