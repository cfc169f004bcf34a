//! Schedules of one's own, drawn: values, a sketch for the terminal, a picture.

use crate::format::{number, thousands};
use crate::plot::{Axis, Figure, Grid, Panel};
use crate::report;
use clap::Args;
use std::fmt::Write as _;
use std::path::PathBuf;
use tricks_schedule::{AnySchedule, Schedule};
use tricks_tensor::{Error, Result};

/// What to draw.
#[derive(Args, Debug)]
pub(crate) struct Drawing {
    /// Schedules, each as one argument: "warmup 500 then cosine 1e-3..1e-5 over 10000". The grammar
    /// is documented at `tricks_schedule::AnySchedule`
    #[arg(value_name = "TEXT", required = true)]
    texts: Vec<String>,

    /// How many steps to draw; up to the end of the longest if not given, and a thousand if none ends
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    steps: Option<u64>,

    /// Where the picture goes, as schedule.svg
    #[arg(long, value_name = "DIR", default_value = "target/lab")]
    out: PathBuf,
}

/// Columns and rows of a sketch, in characters of two by four dots.
const SKETCH: (usize, usize) = (64, 10);
/// Points of a curve in the picture.
const POINTS: u64 = 960;

impl Drawing {
    /// The schedules, or what is wrong with the first that is none.
    pub(crate) fn read(&self) -> Result<Vec<AnySchedule>> {
        self.texts.iter().map(|text| text.parse()).collect()
    }

    /// Writes the picture; gives what the terminal shows.
    pub(crate) fn draw(&self, schedules: &[AnySchedule]) -> Result<String> {
        let longest = schedules.iter().filter_map(AnySchedule::ends).max();
        let steps = self.steps.or(longest.filter(|steps| *steps > 0)).unwrap_or(1000);
        let mut shown = String::new();
        for schedule in schedules {
            let _ = writeln!(shown, "{schedule}\n\n{}", sketch(schedule, steps));
        }
        shown += &values(schedules, steps);

        std::fs::create_dir_all(&self.out).map_err(Error::io(&self.out, "create the directory"))?;
        let path = self.out.join("schedule.svg");
        let page = report::alone(&picture(schedules, steps));
        std::fs::write(&path, page).map_err(Error::io(&path, "write"))?;
        let at = path.canonicalize().unwrap_or(path);
        let _ = writeln!(shown, "\npicture: {}", at.display());
        Ok(shown)
    }
}

/// Step `i` of `count` that are spread from 0 to `steps`.
fn spread(i: u64, count: u64, steps: u64) -> u64 {
    // A product of two counts may be larger than either can be.
    (u128::from(i) * u128::from(steps) / u128::from(count.max(1))) as u64
}

/// A curve in dots.
fn sketch(schedule: &AnySchedule, steps: u64) -> String {
    let (columns, rows) = (2 * SKETCH.0, 4 * SKETCH.1);
    let curve: Vec<f64> =
        (0..columns).map(|x| schedule.at(spread(x as u64, columns as u64 - 1, steps))).collect();
    let low = curve.iter().copied().fold(f64::INFINITY, f64::min);
    let high = curve.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = high - low;
    // The row of a value, from the top; a level curve is in the middle.
    let row = |value: f64| {
        let share = if range > 0.0 { (high - value) / range } else { 0.5 };
        (share * (rows - 1) as f64).round() as usize
    };
    let mut dots = vec![vec![0_u32; SKETCH.0]; SKETCH.1];
    let mut before = row(curve[0]);
    for (x, value) in curve.iter().enumerate() {
        let now = row(*value);
        // From the last dot to this one, so that a jump is a line.
        for y in before.min(now)..=before.max(now) {
            if y != before || y == now {
                dots[y / 4][x / 2] |= BRAILLE[y % 4][x % 2];
            }
        }
        before = now;
    }
    let mut text = String::new();
    for (i, row) in dots.iter().enumerate() {
        let label = match i {
            0 => number(high),
            i if i + 1 == SKETCH.1 => number(low),
            _ => String::new(),
        };
        let row: String = row.iter().filter_map(|dots| char::from_u32(0x2800 + dots)).collect();
        let _ = writeln!(text, "{label:>10} ┤{row}");
    }
    let end = thousands(steps);
    let _ = writeln!(text, "{:>10} └{}", "", "─".repeat(SKETCH.0));
    let _ = writeln!(text, "{:>10}  0{end:>width$}", "step", width = SKETCH.0 - 1);
    text
}

/// The bits of the dots of a character, by row and column.
const BRAILLE: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];

/// Ten values and the last, with all their digits.
fn values(schedules: &[AnySchedule], steps: u64) -> String {
    let mut text = format!("{:>20}  value after so many updates\n", "step");
    let mut last = None;
    for step in
        (0..=10).map(|i| spread(i, 10, steps)).filter(|step| last.replace(*step) != Some(*step))
    {
        let row: Vec<_> =
            schedules.iter().map(|s| format!("{:<24}", format!("{:?}", s.at(step)))).collect();
        let _ = writeln!(text, "{step:>20}  {}", row.join("").trim_end());
    }
    text
}

fn picture(schedules: &[AnySchedule], steps: u64) -> Figure {
    let names: Vec<String> = schedules.iter().map(AnySchedule::to_string).collect();
    let count = POINTS.min(steps);
    let mut panel = Panel::new("", Axis::linear("step"), Axis::linear("η"));
    for (color, schedule) in schedules.iter().enumerate() {
        let steps = (0..=count).map(|i| spread(i, count, steps));
        panel = panel.line(color, steps.map(|t| (t as f64, schedule.at(t))));
    }
    let legend: Vec<&str> = names.iter().map(String::as_str).collect();
    let grid = Grid { columns: 1, height: 420.0, legend: &legend };
    Figure::new("Schedules", &names.join("; "), &grid, &[panel])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sketch_has_its_ends_where_they_belong() {
        let line: AnySchedule = "linear 0.5..0 over 100".parse().unwrap();
        let text = sketch(&line, 100);
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows.len(), SKETCH.1 + 2);
        assert!(rows[0].trim_start().starts_with("0.5 ┤") && !rows[0].ends_with('⣀'));
        assert!(
            rows[0].contains("┤⠉") || rows[0].contains("┤⠑") || rows[0].contains("┤⠒"),
            "{}",
            rows[0]
        );
        assert!(rows[SKETCH.1 - 1].trim_start().starts_with("0 ┤"));
        assert!(rows[SKETCH.1 - 1].ends_with(['⣀', '⢄', '⡀', '⠤']), "{text}");
        // A jump is drawn from top to bottom, a level curve in the middle.
        let jump: AnySchedule = "constant 1 over 50 then 0".parse().unwrap();
        assert!(
            sketch(&jump, 100)
                .lines()
                .take(SKETCH.1)
                .all(|row| row.chars().any(|c| c > '\u{2800}'))
        );
        let level: AnySchedule = "0.1".parse().unwrap();
        let text = sketch(&level, u64::MAX);
        let drawn = |row: &&str| row.chars().any(|c| ('\u{2801}'..'\u{2900}').contains(&c));
        assert_eq!(text.lines().filter(drawn).count(), 1, "{text}");
    }

    #[test]
    fn values_are_spread_over_all_steps() {
        let lr: AnySchedule = "linear 0..1 over 10".parse().unwrap();
        let text = values(&[lr.clone(), 0.5.into()], 10);
        assert_eq!(text.lines().count(), 12);
        assert!(text.contains("                   5  0.5                     0.5\n"), "{text}");
        // Fewer steps than rows are named once.
        assert_eq!(values(std::slice::from_ref(&lr), 3).lines().count(), 5);
        assert_eq!(spread(10, 10, u64::MAX), u64::MAX);
        assert!(picture(&[lr], 10).svg.contains("linear 0..1 over 10"));
    }
}
