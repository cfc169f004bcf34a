//! Every technique of the library, once: what the README lists, and what the laws run over.
//!
//! A technique is a *row*: its name, the file it lives in, its formula on one line, and how to
//! make one. The rows of a table stand in a file of their own.

mod companions;
mod initializers;
mod layers;
mod losses;
mod penalties;
mod rules;
mod schedules;
mod transforms;
mod weights_and_inputs;

pub use companions::COMPANIONS;
pub use initializers::{INITIALIZERS, InitializerForm, InitializerRow};
pub use layers::{LAYERS, LayerRow, MakeLayer};
pub use losses::{
    JOINT_LOSSES, JointForm, JointRow, LOSSES, LossRow, MakeLoss, OTHER_LOSSES, Targets,
};
pub use penalties::{PENALTIES, PenaltyRow};
pub use rules::{RULES, RuleForm, RuleRow, SEARCHING};
pub use schedules::{SCHEDULES, Sample, ScheduleRow};
pub use transforms::{TRANSFORMS, TransformRow};
pub use weights_and_inputs::WEIGHTS_AND_INPUTS;

use std::fmt::Write as _;

/// A constructor.
pub type Make<T> = fn() -> Box<T>;

/// What the README says of a technique.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The name of the type.
    pub name: &'static str,
    /// Its file, from the root of the repository.
    pub file: &'static str,
    /// Its formula, on one line.
    pub formula: &'static str,
}

/// Makes a technique in both number types from one expression.
macro_rules! both {
    ($make:expr) => {
        (|| Box::new($make), || Box::new($make))
    };
}
use both;

/// A constructor with one bad value in one field.
pub type Bad<T> = (&'static str, fn(f64) -> T, &'static [f64]);

/// Not a number, and both infinities.
const NOT_FINITE: [f64; 3] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
/// For a field that must be finite and at least 0.
const NOT_NON_NEGATIVE: &[f64] = &[-1e-9, -1.0, NOT_FINITE[0], NOT_FINITE[1], NOT_FINITE[2]];
/// For a field that must be finite and above 0.
const NOT_POSITIVE: &[f64] = &[0.0, -1.0, NOT_FINITE[0], NOT_FINITE[1], NOT_FINITE[2]];
/// For a field in [0, 1).
const NOT_FRACTION: &[f64] = &[1.0, 1.5, -1e-9, NOT_FINITE[0], NOT_FINITE[1], NOT_FINITE[2]];
/// For a field in [0, 1].
const NOT_PROBABILITY: &[f64] = &[1.5, -1e-9, NOT_FINITE[0], NOT_FINITE[1], NOT_FINITE[2]];

/// The tables of techniques as Markdown.
pub fn tables() -> String {
    let mut text = String::new();
    let rules =
        RULES.iter().map(|row| (row.about, Some(named(row.forms.iter().map(|form| form.name)))));
    let searching = SEARCHING.iter().map(|about| (*about, Some(String::new())));
    let rules = rules.chain(searching);
    table(&mut text, "Optimizers", "tricks-optim", Some("forms"), rules);
    let plain = |about: &About| (*about, None);
    let rows = TRANSFORMS.iter().map(|row| plain(&row.about));
    table(&mut text, "What is done to all gradients", "tricks-optim", None, rows);
    let rows = COMPANIONS.iter().map(plain);
    table(&mut text, "What rides along with an optimizer", "tricks-optim", None, rows);
    let rows = SCHEDULES.iter().map(|row| plain(&row.about));
    table(&mut text, "Learning-rate schedules", "tricks-schedule", None, rows);
    let rows = INITIALIZERS
        .iter()
        .map(|row| (row.about, Some(named(row.forms.iter().map(|form| form.0)))));
    table(&mut text, "Initializers", "tricks-init", Some("forms"), rows);
    let (models, layers): (Vec<_>, Vec<_>) = LAYERS.iter().partition(|row| row.is_model());
    let (here, there): (Vec<_>, Vec<_>) = layers
        .into_iter()
        .map(|row| plain(&row.about))
        .partition(|(about, _)| is_in(about, "tricks-net"));
    table(&mut text, "Normalization and dropout", "tricks-regularize", None, there);
    let rows = WEIGHTS_AND_INPUTS.iter().map(plain);
    table(&mut text, "What acts on weights or inputs", "tricks-regularize", None, rows);
    let rows = PENALTIES.iter().map(|row| plain(&row.about));
    table(&mut text, "Penalties", "tricks-regularize", None, rows);
    table(&mut text, "Layers", "tricks-net", None, here);
    let models = models.into_iter().map(|row| plain(&row.about));
    table(&mut text, "Models", "tricks-net", None, models);
    let joint = JOINT_LOSSES.iter().map(|row| plain(&row.about));
    let others = OTHER_LOSSES.iter().map(plain);
    let rows = LOSSES.iter().map(|row| plain(&row.about)).chain(joint).chain(others);
    table(&mut text, "Losses", "tricks-net", None, rows);
    text
}

/// Forms a user knows by one word; those of several words are there for the laws.
fn named<'a>(forms: impl Iterator<Item = &'a str>) -> String {
    let names = forms.flat_map(|form| form.split(", ")).filter(|name| !name.contains(' '));
    names.collect::<Vec<_>>().join(", ")
}

fn is_in(about: &About, krate: &str) -> bool {
    about.file.split('/').nth(1) == Some(krate)
}

fn table(
    text: &mut String,
    title: &str,
    krate: &str,
    more: Option<&str>,
    rows: impl IntoIterator<Item = (About, Option<String>)>,
) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "### {title} (`{krate}`)\n");
    let (head, line) = match more {
        Some(more) => (format!(" {more} |"), "---|"),
        None => (String::new(), ""),
    };
    let _ = writeln!(text, "| technique | formula |{head}\n|---|---|{line}");
    for (About { name, file, formula }, more) in rows {
        let formula = formula.replace('|', "\\|");
        let more = more.map(|more| format!(" {more} |")).unwrap_or_default();
        let _ = writeln!(text, "| [`{name}`]({file}) | {formula} |{more}");
    }
    text.push('\n');
}
