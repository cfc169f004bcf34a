//! Reports as text for a terminal.

use super::report::{LayerReport, Report};
use super::verdict::{Finding, Remedy, Symptom};
use std::fmt;
use tricks_init::FanMode;

const HEAD: [&str; 9] =
    ["layer", "", "mean", "std", "rms", "gradient rms", "weight std", "saturated", "dead"];

/// A row for each layer, then what was found.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows: Vec<_> =
            std::iter::once(HEAD.map(String::from)).chain(self.layers.iter().map(cells)).collect();
        let widths: Vec<_> = (0..HEAD.len())
            .map(|i| rows.iter().map(|row| row[i].chars().count()).max().unwrap_or(0))
            .collect();
        for row in &rows {
            let mut line = String::new();
            for (i, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                // Names to the left, numbers to the right.
                line += &match i {
                    0 | 1 => format!("{cell:<width$}  "),
                    _ => format!("{cell:>width$}  "),
                };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        if self.is_healthy() {
            return write!(f, "\nhealthy");
        }
        for finding in &self.findings {
            write!(f, "\n{finding}")?;
        }
        Ok(())
    }
}

fn cells(layer: &LayerReport) -> [String; 9] {
    let or_dash = |number: Option<f64>| number.map_or("–".into(), short);
    let name = if layer.path.is_empty() { "(net)" } else { &layer.path };
    let weight = match layer.weights.as_slice() {
        [weight] => Some(weight.value.std),
        _ => None,
    };
    [
        name.into(),
        layer.layer.into(),
        short(layer.output.mean),
        short(layer.output.std),
        short(layer.output.rms()),
        or_dash(layer.gradient.map(|gradient| gradient.rms())),
        or_dash(weight),
        layer.saturated.map_or("–".into(), percent),
        layer.dead.map_or("–".into(), |dead| format!("{} of {}", dead.dead, dead.of)),
    ]
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let symptoms: Vec<_> = self.symptoms.iter().map(ToString::to_string).collect();
        let path = if self.path.is_empty() { "(net)" } else { &self.path };
        write!(f, "{path} ({}): {}; {}", self.name, symptoms.join(", "), self.remedy)
    }
}

impl fmt::Display for Symptom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NonFinite => write!(f, "output is not finite"),
            Self::Vanishing(size) => write!(f, "output vanishes ({} × the input)", short(size)),
            Self::Exploding(size) => write!(f, "output explodes ({} × the input)", short(size)),
            Self::Saturated(share) => write!(f, "{} of the activations saturated", percent(share)),
            Self::Dead(share) => write!(f, "{} of the units dead", percent(share)),
            Self::VanishingGradient(size) => {
                write!(f, "gradient vanishes ({} × that of the last hidden layer)", short(size))
            }
            Self::ExplodingGradient(size) => {
                write!(f, "gradient explodes ({} × that of the last hidden layer)", short(size))
            }
        }
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Initializer { weight, std, name, initializer, fan } => {
                write!(f, "{weight}: std {}, {name} for fan_in {}", digits(*std, 2), fan.fan_in)?;
                if initializer.mode == FanMode::Avg {
                    write!(f, ", fan_out {}", fan.fan_out)?;
                }
                write!(f, " is {}", digits(initializer.std(*fan), 2))
            }
            Self::Activation(name) => write!(
                f,
                "its weights have the right size, {name} passes at most a quarter of a gradient: \
                 take Tanh or ReLU, or a normalization before it"
            ),
            Self::Elsewhere => write!(f, "the size of its weights is not the cause"),
        }
    }
}

/// A share as a percentage.
fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// Three digits.
fn short(x: f64) -> String {
    digits(x, 3)
}

/// So many digits, without zeros at the end.
fn digits(x: f64, count: i32) -> String {
    if x == 0.0 || !x.is_finite() {
        return format!("{x}");
    }
    if !(1e-3..1e5).contains(&x.abs()) {
        return format!("{x:.1e}");
    }
    // The place of the first digit, 0 for units.
    let written = format!("{x:e}");
    let first: i32 = written.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    let behind = (count - 1 - first).max(0) as usize;
    let text = format!("{x:.behind$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').into(),
        false => text,
    }
}
