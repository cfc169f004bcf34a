//! Learning-rate schedules: curves, the chapter's table, and what they do to a training run.

use crate::experiment::{Experiment, Lab, Outcome, Table};
use crate::format::{interval as words, number, percent_spread, points_interval, spread};
use crate::plot::{Axis, Figure, Grid, Panel, Style};
use crate::recipe::{LrSchedule, Recipe};
use crate::variants::{self, Variant, train_all};
use crate::verdict::Verdict;
use tricks_schedule::{Cosine, Exponential, Milestones, Polynomial, Schedule, Step};
use tricks_tensor::Result;

/// The experiment.
pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "schedules",
    title: "Learning-rate schedules",
    section: "4.2.3",
    claim: "Lowering η during training ends better than keeping it; interval decay falls in steps, \
        exponential and cosine decay fall smoothly and suit ordinary training; a table gives \
        sample values.",
    run,
};

/// Epochs of the chapter's table.
const HORIZON: u64 = 200;

/// The schedules of the chapter as multiples of η₀, with its example parameters; `epochs` long.
fn chapter() -> Vec<(&'static str, Box<dyn Schedule>)> {
    let end = HORIZON;
    vec![
        ("step (γ 0.5, k 10)", Box::new(Step { from: 1.0, gamma: 0.5, every: 10 })),
        (
            "interval ([10, 50, 200], γ 0.7)",
            Box::new(Milestones { from: 1.0, gamma: 0.7, milestones: [10, 50, 200] }),
        ),
        ("exponential (λ 0.1)", Box::new(Exponential { from: 1.0, lambda: 0.1 })),
        ("cosine (T 200)", Box::new(Cosine { from: 1.0, to: 0.0, steps: end })),
        ("polynomial (p 0.5)", Box::new(Polynomial { from: 1.0, to: 0.0, steps: end, power: 0.5 })),
        ("polynomial (p 1)", Box::new(Polynomial { from: 1.0, to: 0.0, steps: end, power: 1.0 })),
    ]
}

/// What a cell of the chapter's table says of all epochs in its row.
enum Cell {
    /// This multiple of η₀, to the digits printed.
    Value(f64, f64),
    /// "Close to 0" or to η_min, here 0: at most a twentieth of η₀.
    Small,
    /// "Falling": lower at the end of the row than at its start.
    Falling,
    /// Left open.
    Nothing,
}

/// `(first epoch, last epoch, [step, interval, exponential, cosine])`, from the chapter's table.
fn table() -> [(u64, u64, [Cell; 4]); 5] {
    use Cell::{Falling, Nothing, Small, Value};
    let v = |x: f64| Value(x, 0.005);
    [
        (0, 9, [v(1.0), v(1.0), v(1.0), v(1.0)]),
        (10, 19, [v(0.5), v(0.7), v(0.37), Falling]),
        (20, 29, [v(0.25), v(0.7), v(0.14), Falling]),
        (50, 199, [Value(0.0625, 5e-5), v(0.49), Small, Small]),
        (200, 400, [Nothing, Value(0.343, 5e-4), Small, Small]),
    ]
}

/// Whether a cell is right: for its whole row, at its first epoch only, or not even there.
#[derive(Clone, Copy, PartialEq)]
enum Right {
    Throughout,
    AtFirst,
    Never,
}

fn check(cell: &Cell, schedule: &dyn Schedule, first: u64, last: u64) -> Option<Right> {
    let right = |t: u64| match cell {
        Cell::Value(value, rounding) => (schedule.at(t) - value).abs() <= *rounding,
        Cell::Small => schedule.at(t) <= 0.05,
        Cell::Falling => schedule.at(last) < schedule.at(first),
        Cell::Nothing => true,
    };
    match cell {
        Cell::Nothing => None,
        _ if (first..=last).all(right) => Some(Right::Throughout),
        _ if right(first) => Some(Right::AtFirst),
        _ => Some(Right::Never),
    }
}

fn run(lab: &Lab) -> Result<Outcome> {
    let schedules = chapter();
    let mut outcome = Outcome {
        measured: "Every cell of the chapter’s table is computed for all epochs of its row. Then \
            the standard configuration is trained under schedules that start at its η₀ = 0.001 and \
            at ten times as much, squeezed into the length of the run: the milestones at 5 %, 25 % \
            and 75 % of it, the exponential down to e⁻⁴."
            .into(),
        ..Outcome::default()
    };
    let judged = sample_values(&mut outcome, &schedules);
    outcome.figures.push(curves(&schedules));
    let variants = train_all(lab, EXPERIMENT.name, &recipes(lab))?;
    training(&mut outcome, &variants);
    outcome.key = format!(
        "{judged}; test accuracy: constant η {}, interval {}, cosine {}; from η₀ = 0.01: constant \
         {}, cosine {}",
        percent_spread(&variants[0].accuracy()),
        percent_spread(&variants[1].accuracy()),
        percent_spread(&variants[3].accuracy()),
        percent_spread(&variants[4].accuracy()),
        percent_spread(&variants[5].accuracy()),
    );
    Ok(outcome)
}

/// The chapter's table beside computed values; gives the score in words.
fn sample_values(outcome: &mut Outcome, schedules: &[(&str, Box<dyn Schedule>)]) -> String {
    let mut numbers = Table::new(
        "η as a multiple of η₀, computed at the first and the last epoch of each row of the \
         chapter’s table: ✓ as the chapter says; ◐ as it says at the first epoch only; ✗ not as it \
         says; with its value",
        &["epochs", "step", "interval", "exponential", "cosine"],
    );
    let (mut count, mut wrong) = ([0; 3], Vec::new());
    for (first, last, cells) in &table() {
        let mut row = vec![format!("{first}–{last}")];
        for (column, cell) in cells.iter().enumerate() {
            let (name, schedule) = &schedules[column];
            let (a, b) = (number(schedule.at(*first)), number(schedule.at(*last)));
            let right = check(cell, schedule.as_ref(), *first, *last);
            let said = match cell {
                Cell::Value(x, _) => number(*x),
                Cell::Small => "near 0".into(),
                Cell::Falling => "falling".into(),
                Cell::Nothing => String::new(),
            };
            let mark = match right {
                None => String::new(),
                Some(Right::Throughout) => " ✓".into(),
                Some(Right::AtFirst) => format!(" ◐ {said}"),
                Some(Right::Never) => format!(" ✗ {said}"),
            };
            if let Some(right) = right {
                count[right as usize] += 1;
                if right == Right::Never {
                    let kind = name.split(' ').next().unwrap_or(name);
                    wrong
                        .push(format!("{kind} at epochs {first}–{last} is {a} to {b}, not {said}"));
                }
            }
            let range = if a == b { a } else { format!("{a} → {b}") };
            row.push(range + &mark);
        }
        numbers.row(row);
    }
    outcome.tables.push(numbers);
    let cells: usize = count.iter().sum();
    let good = count[Right::Throughout as usize] + count[Right::AtFirst as usize];
    let verdict = match wrong.is_empty() {
        true => Verdict::Holds,
        false if good > 0 => Verdict::HoldsOnlyWhen(format!("{} cells are left out", wrong.len())),
        false => Verdict::DoesNotHold,
    };
    outcome.part(
        "the table of sample values",
        format!(
            "of {cells} cells {} are right, {} only at the first epoch of their row, {} wrong{}{}",
            count[0],
            count[1],
            count[2],
            if wrong.is_empty() { "" } else { ": " },
            wrong.join("; "),
        ),
        "every cell true at the first epoch of its row, to the digits printed; “near 0” means at \
         most η₀/20",
        verdict,
    );
    format!("table: {good} of {cells} cells right")
}

fn curves(schedules: &[(&str, Box<dyn Schedule>)]) -> Figure {
    let epochs = || (0..=HORIZON + 20).map(|t| (t, t as f64));
    let mut linear = Panel::new("η/η₀", Axis::count("epoch"), Axis::linear("η/η₀"));
    let mut log = Panel::new(
        "The same on a logarithmic scale",
        Axis::count("epoch"),
        Axis::log("η/η₀").between(1e-4, 1.5),
    );
    for (i, (_, schedule)) in schedules.iter().enumerate() {
        let style = if i < 2 { Style::Steps } else { Style::Solid };
        linear = linear.styled(i, style, epochs().map(|(t, x)| (x, schedule.at(t))));
        log = log.styled(i, style, epochs().map(|(t, x)| (x, schedule.at(t))));
    }
    let names: Vec<&str> = schedules.iter().map(|(name, _)| *name).collect();
    Figure::new(
        "The chapter’s schedules",
        "With the chapter’s example parameters, and T = 200 epochs for those that end.",
        &Grid { columns: 2, height: 320.0, legend: &names },
        &[linear, log],
    )
}

const NAMES: [&str; 6] =
    ["constant", "interval", "exponential", "cosine", "constant, η₀ = 0.01", "cosine, η₀ = 0.01"];

fn recipes(lab: &Lab) -> Vec<(&'static str, Recipe)> {
    let constant: LrSchedule = |lr, _| Box::new(lr);
    let interval: LrSchedule = |lr, n| {
        Box::new(Milestones { from: lr, gamma: 0.7, milestones: [n / 20, n / 4, 3 * n / 4] })
    };
    let exponential: LrSchedule =
        |lr, n| Box::new(Exponential { from: lr, lambda: 4.0 / n as f64 });
    let cosine: LrSchedule = |lr, n| Box::new(Cosine { from: lr, to: 0.0, steps: n });
    let all = [
        (constant, 0.001),
        (interval, 0.001),
        (exponential, 0.001),
        (cosine, 0.001),
        (constant, 0.01),
        (cosine, 0.01),
    ];
    let standard = Recipe::standard(lab.profile.epochs(20));
    let recipe = |(schedule, lr)| Recipe { schedule, lr, ..standard.clone() };
    NAMES.into_iter().zip(all.map(recipe)).collect()
}

fn training(outcome: &mut Outcome, variants: &[Variant]) {
    let [constant, interval, _, cosine, high, high_cosine] = variants else { return };
    let pairs = [("η₀ = 0.001", cosine, constant), ("η₀ = 0.01", high_cosine, high)];
    let gains =
        pairs.map(|(name, falling, level)| (name, falling.accuracy().minus(&level.accuracy())));
    outcome.part(
        "lowering η (cosine) ends with better test accuracy than constant η",
        gains
            .iter()
            .map(|(name, gain)| format!("{name}: difference {}", points_interval(gain)))
            .collect::<Vec<_>>()
            .join("; "),
        "difference, seed by seed, above 0",
        Verdict::under(&gains.each_ref().map(|(name, gain)| (*name, Verdict::above(gain, 0.0)))),
    );
    let falls = pairs.map(|(name, falling, level)| {
        (name, level.last(|e| e.train_loss).minus(&falling.last(|e| e.train_loss)))
    });
    outcome.part(
        "a small η at the end settles at a lower training loss",
        falls
            .iter()
            .map(|(name, fall)| format!("{name}: constant minus cosine {}", words(fall)))
            .collect::<Vec<_>>()
            .join("; "),
        "difference, seed by seed, above 0",
        Verdict::under(&falls.each_ref().map(|(name, fall)| (*name, Verdict::above(fall, 0.0)))),
    );
    let smooth = cosine.accuracy().minus(&interval.accuracy());
    outcome.part(
        "smooth decay suits ordinary training (cosine against interval)",
        format!("difference in test accuracy {}", points_interval(&smooth)),
        "cosine not worse than interval by half a point: difference above −0.5 points",
        Verdict::above(&smooth, -0.005),
    );
    let mut table = Table::new(
        "Standard configuration under each schedule, mean ± standard deviation over seeds",
        &["schedule", "test accuracy", "test loss", "training loss"],
    );
    for variant in variants {
        table.row([
            variant.name.to_string(),
            percent_spread(&variant.accuracy()),
            spread(&variant.last(|e| e.test_loss)),
            spread(&variant.last(|e| e.train_loss)),
        ]);
    }
    outcome.tables.push(table);
    outcome.figures.push(Figure::new(
        "The schedules in a training run",
        "Mean over seeds, band ± one standard deviation.",
        &Grid { columns: 2, height: 320.0, legend: &NAMES },
        &variants::curves(variants),
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_judged_cell_by_cell() {
        let schedules = chapter();
        let judged: Vec<Vec<Option<Right>>> = table()
            .iter()
            .map(|(a, b, cells)| {
                (0..4).map(|i| check(&cells[i], schedules[i].1.as_ref(), *a, *b)).collect()
            })
            .collect();
        let ok = |row: usize, column: usize| judged[row][column] == Some(Right::Throughout);
        // Interval decay is right everywhere.
        assert!((0..5).all(|row| ok(row, 1)));
        // Step decay: 0.5⁵ = 0.03125 at epoch 50, not 0.0625.
        assert!(ok(0, 0) && ok(1, 0) && ok(2, 0) && judged[3][0] == Some(Right::Never));
        assert!(judged[4][0].is_none());
        // e⁻¹ = 0.37 is the value at epoch 10 only.
        assert!(judged[1][2] == Some(Right::AtFirst) && judged[2][2] == Some(Right::AtFirst));
        assert!(ok(3, 2) && ok(4, 2) && ok(4, 3));
    }
}
