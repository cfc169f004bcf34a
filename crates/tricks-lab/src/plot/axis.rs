use crate::format::{number, scientific};

/// The scale of a direction, with its label.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub(super) label: String,
    scale: Scale,
    range: Option<(f64, f64)>,
    /// Names at 0, 1, 2, ... instead of numbers.
    categories: Vec<String>,
    /// Ticks at whole numbers only.
    whole: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Scale {
    Linear,
    Log,
}

impl Axis {
    /// Evenly spaced numbers.
    pub(crate) fn linear(label: &str) -> Self {
        Self {
            label: label.into(),
            scale: Scale::Linear,
            range: None,
            categories: vec![],
            whole: false,
        }
    }

    /// Evenly spaced whole numbers: epochs, layers.
    pub(crate) fn count(label: &str) -> Self {
        Self { whole: true, ..Self::linear(label) }
    }

    /// Evenly spaced powers of ten. Numbers that are not above 0 are not drawn.
    pub(crate) fn log(label: &str) -> Self {
        Self { scale: Scale::Log, ..Self::linear(label) }
    }

    /// Names instead of numbers: the first at 0, the next at 1, and so on.
    pub(crate) fn names<S: Into<String>>(label: &str, names: impl IntoIterator<Item = S>) -> Self {
        let categories: Vec<_> = names.into_iter().map(Into::into).collect();
        let range = Some((-0.6, categories.len() as f64 - 0.4));
        Self { categories, range, ..Self::linear(label) }
    }

    /// From `low` to `high`, whatever is drawn.
    #[must_use]
    pub(crate) fn between(mut self, low: f64, high: f64) -> Self {
        self.range = Some((low, high));
        self
    }

    pub(super) fn has_names(&self) -> bool {
        !self.categories.is_empty()
    }

    /// Space the names need.
    pub(super) fn longest(&self) -> usize {
        self.categories.iter().map(|name| name.chars().count()).max().unwrap_or(0)
    }

    fn place(&self, x: f64) -> f64 {
        if self.scale == Scale::Log { x.log10() } else { x }
    }

    /// The axis with its range fixed, to hold `data` with a small margin.
    pub(super) fn fit(&self, data: impl Iterator<Item = f64>) -> Fitted<'_> {
        let (mut low, mut high) = match self.range {
            Some((low, high)) => (self.place(low), self.place(high)),
            None => data
                .map(|x| self.place(x))
                .filter(|x| x.is_finite())
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x))),
        };
        if !(low.is_finite() && high.is_finite()) {
            (low, high) = (0.0, 1.0);
        }
        if high - low < 1e-12 * (1.0 + low.abs()) {
            (low, high) = (low - 0.5, high + 0.5);
        } else if self.range.is_none() {
            let margin = 0.04 * (high - low);
            (low, high) = (low - margin, high + margin);
        }
        Fitted { axis: self, low, high }
    }
}

/// An axis with its range.
pub(super) struct Fitted<'a> {
    axis: &'a Axis,
    low: f64,
    high: f64,
}

impl Fitted<'_> {
    /// Where `x` is, 0 at the low end and 1 at the high one; `None` if it cannot be drawn.
    pub(super) fn at(&self, x: f64) -> Option<f64> {
        let place = (self.axis.place(x) - self.low) / (self.high - self.low);
        place.is_finite().then_some(place)
    }

    /// Places and labels of about `want` ticks.
    pub(super) fn ticks(&self, want: usize) -> Vec<(f64, String)> {
        let inside = |v: f64| (v - self.low) / (self.high - self.low);
        let mut ticks = if self.axis.has_names() {
            self.axis
                .categories
                .iter()
                .enumerate()
                .map(|(i, n)| (inside(i as f64), n.clone()))
                .collect()
        } else if self.axis.scale == Scale::Log {
            self.powers(want)
        } else {
            let least = if self.axis.whole { 1.0 } else { 0.0 };
            let raw = ((self.high - self.low) / want as f64).max(least);
            let power = 10f64.powf(raw.log10().floor());
            let step = [1.0, 2.0, 2.5, 5.0, 10.0]
                .into_iter()
                .map(|m| m * power)
                .find(|&s| s >= raw && (!self.axis.whole || s.fract() == 0.0))
                .unwrap_or(10.0 * power);
            let first = (self.low / step).ceil() as i64;
            let last = (self.high / step).floor() as i64;
            (first..=last).map(|i| i as f64 * step).map(|v| (inside(v), tick(v))).collect()
        };
        ticks.retain(|(at, _)| (-1e-9..=1.0 + 1e-9).contains(at));
        ticks
    }

    /// Whole powers of ten, thinned out; below two powers, round numbers between them too.
    fn powers(&self, want: usize) -> Vec<(f64, String)> {
        let (inside, span) =
            (|v: f64| (v - self.low) / (self.high - self.low), self.high - self.low);
        if span >= 2.0 {
            let step = (span / want as f64).ceil().max(1.0);
            let (first, last) =
                ((self.low / step).ceil() as i64, (self.high / step).floor() as i64);
            let powers = (first..=last).map(|i| i as f64 * step);
            return powers.map(|p| (inside(p), power_label(p))).collect();
        }
        let digits: &[f64] = match span {
            _ if span >= 1.2 => &[1.0, 3.0],
            _ if span >= 0.5 => &[1.0, 2.0, 5.0],
            _ => &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0],
        };
        let (first, last) = (self.low.floor() as i32, self.high.ceil() as i32);
        let values = (first..=last).flat_map(|p| digits.iter().map(move |d| d * 10f64.powi(p)));
        values.map(|v| (inside(v.log10()), number(v))).collect()
    }
}

/// Short enough to stand beside its neighbours.
fn tick(v: f64) -> String {
    if v.abs() < 1e4 { number(v) } else { scientific(v) }
}

fn power_label(power: f64) -> String {
    if (-2.0..=2.0).contains(&power) {
        number(10f64.powf(power))
    } else {
        scientific(10f64.powf(power))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, data: &[f64], want: usize) -> Vec<String> {
        axis.fit(data.iter().copied()).ticks(want).into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_numbers() {
        assert_eq!(labels(&Axis::linear("x"), &[0.0, 20.0], 5), ["0", "5", "10", "15", "20"]);
        assert_eq!(labels(&Axis::count("x"), &[1.0, 3.0], 9), ["1", "2", "3"]);
        assert_eq!(labels(&Axis::log("x"), &[1e-6, 1.0], 3), ["10⁻⁶", "10⁻³", "1"]);
        assert_eq!(labels(&Axis::log("x"), &[0.2, 1.7], 4), ["0.2", "0.5", "1"]);
        assert_eq!(labels(&Axis::names("x", ["a", "b"]), &[], 9), ["a", "b"]);
    }

    #[test]
    fn hopeless_data_gives_an_empty_axis_not_a_panic() {
        for data in [&[][..], &[f64::NAN], &[0.0], &[-1.0]] {
            let axis = Axis::log("x");
            let fitted = axis.fit(data.iter().copied());
            assert!(fitted.at(-3.0).is_none());
            fitted.ticks(5);
        }
        assert_eq!(Axis::linear("x").fit([2.0, 2.0].into_iter()).at(2.0), Some(0.5));
    }
}
