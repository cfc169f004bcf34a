//! How gradients shrink and grow on their way through a deep network.

use crate::experiment::{Experiment, Lab, Outcome, Table};
use crate::format::{number, ratio as in_words, scientific};
use crate::plot::{Axis, Figure, Grid, Panel, Style};
use crate::probe::weight_gradients;
use crate::recipe::{Activation, Init, Model, Recipe, he, initialize, xavier};
use crate::stats::Sample;
use crate::verdict::Verdict;
use tricks_init::VarianceScaling;
use tricks_tensor::{Noise, Result};

/// The experiment.
pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "vanishing",
    title: "Vanishing and exploding gradients",
    section: "4.1.2",
    claim: "A gradient multiplied by 0.5 in every layer is about 0.001 after 10 layers and about \
        0.000001 after 20; sigmoid and tanh make gradients vanish, too large weights make them \
        explode, ReLU with He is the remedy.",
    run,
};

const DEPTH: usize = 20;
const WIDTH: usize = 100;

/// He with twice its standard deviation.
fn twice_he(net: &mut Model, noise: Noise) -> Result<()> {
    let he = VarianceScaling::he_normal();
    initialize(net, &VarianceScaling { scale: 4.0 * he.scale, ..he }, noise)
}

const NETS: [(&str, Activation, Init); 4] = [
    ("sigmoid, Xavier", Activation::Sigmoid, xavier),
    ("tanh, Xavier", Activation::Tanh, xavier),
    ("ReLU, He", Activation::ReLU, he),
    ("ReLU, 2 × He’s σ", Activation::ReLU, twice_he),
];

fn run(lab: &Lab) -> Result<Outcome> {
    let mut outcome = Outcome {
        measured: format!(
            "Powers of 0.5 are computed. Then networks of {DEPTH} hidden layers of {WIDTH} units \
             see one batch of 128 training images, before any training; the root mean square of \
             the loss’s gradient by the weights is taken layer by layer. The ratio is first hidden \
             layer to last."
        ),
        ..Outcome::default()
    };
    powers(&mut outcome);

    // [net][layer], a value for each seed.
    let mut norms = Vec::new();
    for (_, activation, init) in NETS {
        let recipe = Recipe::plain(&[WIDTH; DEPTH], activation, init, 1);
        let mut layers = vec![Vec::new(); DEPTH];
        for seed in lab.profile.seeds() {
            let gradients = weight_gradients(&recipe, &lab.images, seed)?;
            for (layer, rms) in layers.iter_mut().zip(gradients) {
                layer.push(rms);
            }
        }
        norms.push(layers.into_iter().map(Sample::new).collect::<Vec<_>>());
    }
    // The first layer has other inputs: the ratio of two layers of equal shape is cleaner.
    let ratio = |net: usize| -> Sample {
        let (first, last) = (&norms[net][1], &norms[net][DEPTH - 1]);
        Sample::new(first.values().iter().zip(last.values()).map(|(a, b)| (a / b).log10()))
    };
    let told = |net: usize| {
        let r = ratio(net);
        let per_layer = 10f64.powf(r.mean() / (DEPTH - 2) as f64);
        let (low, high) = r.interval();
        let range = match low.is_finite() {
            true => format!("{} to {}", in_words(10f64.powf(low)), in_words(10f64.powf(high))),
            false => "unknown".into(),
        };
        format!(
            "ratio {}, interval {range}; a factor of {} a layer",
            in_words(10f64.powf(r.mean())),
            number(per_layer)
        )
    };
    for (net, name) in [(0, "sigmoid"), (1, "tanh")] {
        outcome.part(
            &format!("gradients vanish with {name}"),
            told(net),
            "gradient of the first hidden layers below a thousandth of the last’s",
            Verdict::below(&ratio(net), -3.0),
        );
    }
    let off = ratio(2).map(f64::abs);
    outcome.part(
        "ReLU with He keeps them",
        told(2),
        "ratio between a tenth and ten times",
        Verdict::below(&off, 1.0),
    );
    outcome.part(
        "too large weights make them explode",
        format!(
            "with twice He’s σ the first layer’s gradient is {} times as large",
            scientific(10f64.powf(grown(&norms).mean()))
        ),
        "gradient of the first layer above a thousand times the one with He’s σ",
        Verdict::above(&grown(&norms), 3.0),
    );
    outcome.key = format!(
        "0.5¹⁰ = {}, 0.5²⁰ = {}; ratio over {DEPTH} layers: sigmoid {}, tanh {}, ReLU {}",
        number(0.5f64.powi(10)),
        scientific(0.5f64.powi(20)),
        scientific(10f64.powf(ratio(0).mean())),
        number(10f64.powf(ratio(1).mean())),
        number(10f64.powf(ratio(2).mean())),
    );
    outcome.figures.push(figure(&norms));
    let mut table = Table::new(
        "Root mean square of the weight gradient, geometric mean over seeds",
        &["network", "layer 1", "layer 5", "layer 10", "layer 15", "layer 20"],
    );
    for ((name, ..), layers) in NETS.iter().zip(&norms) {
        let mut row = vec![name.to_string()];
        row.extend(
            [0, 4, 9, 14, 19].map(|i| scientific(10f64.powf(layers[i].map(f64::log10).mean()))),
        );
        table.row(row);
    }
    outcome.tables.push(table);
    Ok(outcome)
}

/// How many powers of ten larger the gradient of the first layer is with twice He's σ.
fn grown(norms: &[Vec<Sample>]) -> Sample {
    let (he, twice) = (&norms[2][0], &norms[3][0]);
    Sample::new(he.values().iter().zip(twice.values()).map(|(he, twice)| (twice / he).log10()))
}

fn powers(outcome: &mut Outcome) {
    for (layers, said) in [(10, 1e-3), (20, 1e-6)] {
        let power = 0.5f64.powi(layers);
        outcome.part(
            &format!("0.5 to the power of {layers} is about {}", scientific(said)),
            format!("{power:.9}, {:.1} % off", 100.0 * (power / said - 1.0).abs()),
            "within 10 %",
            Verdict::of((power / said - 1.0).abs() < 0.1),
        );
    }
}

fn figure(norms: &[Vec<Sample>]) -> Figure {
    let mut panel = Panel::new(
        "",
        Axis::count("hidden layer (1 is next to the input)"),
        Axis::log("root mean square of ∂L/∂W"),
    );
    for (i, layers) in norms.iter().enumerate() {
        let mean = |s: &Sample| 10f64.powf(s.map(f64::log10).mean());
        panel = panel.styled(
            i,
            Style::Dotted,
            layers.iter().enumerate().map(|(l, s)| ((l + 1) as f64, mean(s))),
        );
    }
    // Half a layer, from the last layer of the first network backwards.
    let end = norms[0][DEPTH - 1].mean();
    let halved = (1..=DEPTH).map(|l| (l as f64, end * 0.5f64.powi((DEPTH - l) as i32)));
    panel = panel.styled(4, Style::Dashed, halved);
    let legend: Vec<_> =
        NETS.iter().map(|(name, ..)| *name).chain(["halved in every layer"]).collect();
    Figure::new(
        "Gradients before training, layer by layer",
        "A straight line on this logarithmic scale is a constant factor a layer.",
        &Grid { columns: 1, height: 380.0, legend: &legend },
        &[panel],
    )
}
