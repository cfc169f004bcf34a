//! The optimizers on the chapter's valley f(x, y) = x²/20 + y².

use crate::experiment::{Experiment, Lab, Outcome, Table};
use crate::format::{number, percent, percent_spread};
use crate::plot::{Axis, Figure, Grid, Mark, Panel, Point, Style, contours};
use crate::stats::Sample;
use crate::verdict::Verdict;
use tricks_optim::{AdaGrad, Adam, Momentum, Optimizer, RmsProp, Rule, Sgd};
use tricks_tensor::{Noise, Result, math};

/// The experiment.
pub(crate) const EXPERIMENT: Experiment = Experiment {
    name: "valley",
    title: "Optimizers in a valley",
    section: "4.2, optimizer comparison",
    claim: "On f(x, y) = x²/20 + y², with η = 0.1 for all, SGD zig-zags and is slow, Momentum and \
        AdaGrad are faster, and Adam takes the straightest path and gets nearest to the minimum.",
    run,
};

const START: Point = (-7.0, 2.0);
const STEPS: usize = 30;
const LR: f64 = 0.1;

fn f((x, y): Point) -> f64 {
    x * x / 20.0 + y * y
}

/// `STEPS` updates from a start; the start comes first.
fn descend<R: Rule<f64>>(rule: R, lr: f64, start: Point) -> Result<Vec<Point>> {
    let (mut x, mut y) = ([start.0], [start.1]);
    let (mut dx, mut dy) = ([0.0], [0.0]);
    let mut params = [("x", &mut x[..], &mut dx[..]), ("y", &mut y[..], &mut dy[..])];
    let mut optimizer = Optimizer::builder(rule).bind(&mut params)?;
    let mut path = vec![start];
    for _ in 0..STEPS {
        let [(_, x, dx), (_, y, dy)] = &mut params;
        (dx[0], dy[0]) = (x[0] / 10.0, 2.0 * y[0]);
        optimizer.step(lr, &mut params)?;
        let [(_, x, _), (_, y, _)] = &params;
        path.push((x[0], y[0]));
    }
    Ok(path)
}

type Descend = fn(f64, Point) -> Result<Vec<Point>>;

const NAMES: [&str; 5] = ["SGD", "Momentum", "AdaGrad", "RMSProp", "Adam"];
const SGD: usize = 0;
const MOMENTUM: usize = 1;
const ADAGRAD: usize = 2;
const ADAM: usize = 4;

/// The chapter's five rules, as the chapter writes them.
const RULES: [Descend; 5] = [
    |lr, start| descend(Sgd, lr, start),
    |lr, start| descend(Momentum::chapter(), lr, start),
    |lr, start| descend(AdaGrad::chapter(), lr, start),
    |lr, start| descend(RmsProp::chapter(), lr, start),
    |lr, start| descend(Adam::chapter(), lr, start),
];

/// A path with what is measured of it.
struct Walk {
    lr: f64,
    path: Vec<Point>,
}

impl Walk {
    fn end(&self) -> Point {
        *self.path.last().unwrap_or(&START)
    }

    fn f(&self) -> f64 {
        f(self.end())
    }

    /// How often y changes its sign: the zig-zag across the valley.
    fn crossings(&self) -> usize {
        self.path.windows(2).filter(|w| w[0].1 * w[1].1 < 0.0).count()
    }

    /// Distance from the start to the end, over the length of the path: 1 is a straight line.
    fn straightness(&self) -> f64 {
        let distance = |a: Point, b: Point| (a.0 - b.0).hypot(a.1 - b.1);
        let length: f64 = self.path.windows(2).map(|w| distance(w[0], w[1])).sum();
        distance(START, self.end()) / length
    }
}

/// 10⁻³ to 10, forty a decade.
fn grid() -> impl Iterator<Item = f64> {
    (0..=160).map(|i| math::pow(10.0, -3.0 + f64::from(i) / 40.0))
}

fn run(lab: &Lab) -> Result<Outcome> {
    let mut same = Vec::new();
    let mut best = Vec::new();
    let mut sweeps = Vec::new();
    for descend in RULES {
        same.push(Walk { lr: LR, path: descend(LR, START)? });
        let mut sweep = Vec::new();
        for lr in grid() {
            sweep.push(Walk { lr, path: descend(lr, START)? });
        }
        sweeps.push(sweep.iter().map(|walk| (walk.lr, walk.f())).collect::<Vec<_>>());
        let own = sweep.into_iter().min_by(|a, b| a.f().total_cmp(&b.f()));
        best.extend(own);
    }
    let shares = nearest_from_random_starts(lab)?;

    let mut outcome = Outcome {
        measured: format!(
            "Each optimizer takes {STEPS} steps from (−7, 2) with the chapter’s formulas: once \
             with η = 0.1 for all, once with its own best η, the one of a grid from 0.001 to 10 \
             that ends lowest. To see whether the start matters, the race with η = 0.1 is run from \
             200 more starts for each seed, uniform on [−10, 10] × [−5, 5]."
        ),
        key: format!(
            "η = 0.1: lowest {} with f = {}; Adam f = {}. Own best η: lowest {}",
            NAMES[lowest(&same)],
            number(same[lowest(&same)].f()),
            number(same[ADAM].f()),
            NAMES[lowest(&best)],
        ),
        ..Outcome::default()
    };
    parts(&mut outcome, &same, &best);
    outcome.part(
        "Adam is nearest from other starts too (η = 0.1)",
        format!("share of starts where Adam ends lowest: {}", percent_spread(&shares[ADAM])),
        "Adam ends lowest from more than half of the starts: the whole interval above 50 %",
        Verdict::above(&shares[ADAM], 0.5),
    );
    outcome.figures = vec![
        paths(
            "η = 0.1 for all",
            "The chapter’s comparison. Lines of equal f, the path of each optimizer from \
              (−7, 2), the minimum as a plus sign; last, f after every step.",
            &same,
        ),
        paths(
            "Each with its own best η",
            "The same race when each optimizer may choose its learning rate.",
            &best,
        ),
        sweep_figure(&sweeps),
    ];
    outcome.tables = vec![
        numbers("η = 0.1 for all", &same),
        numbers("Each with its own best η", &best),
        starts_table(&shares),
    ];
    Ok(outcome)
}

fn lowest(walks: &[Walk]) -> usize {
    (0..walks.len()).min_by(|&a, &b| walks[a].f().total_cmp(&walks[b].f())).unwrap_or(0)
}

fn with_either(same: bool, best: bool) -> Verdict {
    let tried = [("η = 0.1 for all", same), ("each has its own best η", best)];
    Verdict::under(&tried.map(|(name, fact)| (name, Verdict::of(fact))))
}

fn parts(outcome: &mut Outcome, same: &[Walk], best: &[Walk]) {
    let both = |measure: &dyn Fn(&[Walk]) -> String| {
        format!("η = 0.1: {}. Own best η: {}", measure(same), measure(best))
    };
    let zigzag = |w: &[Walk]| w[SGD].crossings() >= STEPS / 3;
    outcome.part(
        "SGD zig-zags",
        both(&|w| {
            format!("y changes sign {} times (η = {})", w[SGD].crossings(), number(w[SGD].lr))
        }),
        "y changes its sign in at least a third of the steps",
        with_either(zigzag(same), zigzag(best)),
    );
    for (i, name) in [(MOMENTUM, "Momentum"), (ADAGRAD, "AdaGrad")] {
        let faster = |w: &[Walk]| w[i].f() < w[SGD].f();
        outcome.part(
            &format!("{name} is faster than SGD"),
            both(&|w| format!("f = {} against {}", number(w[i].f()), number(w[SGD].f()))),
            "lower f after 30 steps",
            with_either(faster(same), faster(best)),
        );
    }
    // The chapter compares four; RMSProp is shown beside them.
    let of_four = |w: &[Walk], better: &dyn Fn(&Walk, &Walk) -> bool| {
        [SGD, MOMENTUM, ADAGRAD].iter().all(|&i| better(&w[ADAM], &w[i]))
    };
    let straight = |w: &[Walk]| of_four(w, &|a, b| a.straightness() > b.straightness());
    outcome.part(
        "Adam’s path is the straightest of the four",
        both(&|w| {
            let each = [SGD, MOMENTUM, ADAGRAD, ADAM]
                .map(|i| format!("{} {}", NAMES[i], number(w[i].straightness())));
            each.join(", ")
        }),
        "largest ratio of distance covered to length of path",
        with_either(straight(same), straight(best)),
    );
    let nearest = |w: &[Walk]| of_four(w, &|a, b| a.f() < b.f());
    outcome.part(
        "Adam gets nearest to the minimum",
        both(&|w| {
            [SGD, MOMENTUM, ADAGRAD, ADAM]
                .map(|i| format!("{} f = {}", NAMES[i], number(w[i].f())))
                .join(", ")
        }),
        "lowest f of the four after 30 steps",
        with_either(nearest(same), nearest(best)),
    );
}

/// For each rule, the share of random starts from which it ends lowest of all; one value a seed.
fn nearest_from_random_starts(lab: &Lab) -> Result<Vec<Sample>> {
    const STARTS: usize = 200;
    let mut shares = vec![Vec::new(); RULES.len()];
    for seed in lab.profile.seeds() {
        let mut wins = [0usize; RULES.len()];
        let noise = Noise::new(seed);
        for i in 0..STARTS as u64 {
            let start = (20.0 * noise.uniform(2 * i) - 10.0, 10.0 * noise.uniform(2 * i + 1) - 5.0);
            let mut walks = Vec::new();
            for descend in RULES {
                walks.push(Walk { lr: LR, path: descend(LR, start)? });
            }
            wins[lowest(&walks)] += 1;
        }
        for (share, n) in shares.iter_mut().zip(wins) {
            share.push(n as f64 / STARTS as f64);
        }
    }
    Ok(shares.into_iter().map(Sample::new).collect())
}

fn paths(title: &str, caption: &str, walks: &[Walk]) -> Figure {
    const LEVELS: [f64; 8] = [0.05, 0.25, 0.75, 1.5, 3.0, 6.0, 12.0, 24.0];
    let (xs, ys) = ((-10.0, 10.0), (-5.0, 5.0));
    let levels = contours(|x, y| f((x, y)), xs, ys, 40, &LEVELS);
    let mut panels: Vec<Panel> = walks
        .iter()
        .enumerate()
        .map(|(i, walk)| {
            let (x, y) =
                (Axis::linear("x").between(xs.0, xs.1), Axis::linear("y").between(ys.0, ys.1));
            Panel::new(
                format!("{} · η = {} · f = {}", NAMES[i], number(walk.lr), number(walk.f())),
                x,
                y,
            )
            .with(Mark::Levels(levels.clone()))
            .with(Mark::Cross((0.0, 0.0)))
            .styled(i, Style::Dotted, walk.path.iter().copied())
        })
        .collect();
    let mut race = Panel::new("f after each step", Axis::count("step"), Axis::log("f(x, y)"));
    for (i, walk) in walks.iter().enumerate() {
        race = race.line(i, walk.path.iter().enumerate().map(|(t, &p)| (t as f64, f(p))));
    }
    panels.push(race);
    Figure::new(title, caption, &Grid { columns: 3, height: 250.0, legend: &NAMES }, &panels)
}

fn sweep_figure(sweeps: &[Vec<Point>]) -> Figure {
    let y = Axis::log("f after 30 steps").between(1e-8, 1e2);
    let mut panel =
        Panel::new("", Axis::log("learning rate η"), y).with(Mark::Up(LR, "η = 0.1".into()));
    for (i, sweep) in sweeps.iter().enumerate() {
        panel = panel.line(i, sweep.iter().copied());
    }
    Figure::new(
        "Where 30 steps end, by learning rate",
        "The order of the optimizers at η = 0.1 is the order along one vertical line of this \
         picture; another line gives another order.",
        &Grid { columns: 1, height: 340.0, legend: &NAMES },
        &[panel],
    )
}

fn numbers(caption: &str, walks: &[Walk]) -> Table {
    let head = [
        "optimizer",
        "η",
        "end (x, y)",
        "f",
        "distance to minimum",
        "sign changes of y",
        "straightness",
    ];
    let mut table = Table::new(&format!("{caption}, after {STEPS} steps"), &head);
    for (name, walk) in NAMES.iter().zip(walks) {
        let (x, y) = walk.end();
        table.row([
            name.to_string(),
            number(walk.lr),
            format!("({}, {})", number(x), number(y)),
            number(walk.f()),
            number(x.hypot(y)),
            walk.crossings().to_string(),
            number(walk.straightness()),
        ]);
    }
    table
}

fn starts_table(shares: &[Sample]) -> Table {
    let mut table = Table::new(
        "How often each ends lowest, from random starts, η = 0.1",
        &["optimizer", "share", "per seed"],
    );
    for (name, share) in NAMES.iter().zip(shares) {
        let each: Vec<_> = share.values().iter().map(|&x| percent(x)).collect();
        table.row([name.to_string(), percent_spread(share), each.join(", ")]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chapter's program, computed with independent code.
    #[test]
    fn the_chapters_settings_end_here() {
        let want = [
            (-5.178, 0.0025, 1.341),
            (0.896, 0.088, 0.048),
            (-6.068, 1.142, 3.145),
            (f64::NAN, f64::NAN, 0.604),
            (-4.133, -0.205, 0.896),
        ];
        for (i, (x, y, value)) in want.into_iter().enumerate() {
            let walk = Walk { lr: LR, path: RULES[i](LR, START).unwrap() };
            let close = |got: f64, want: f64| want.is_nan() || (got - want).abs() < 6e-4;
            assert!(close(walk.end().0, x), "{}: x = {}", NAMES[i], walk.end().0);
            assert!(close(walk.end().1, y), "{}: y = {}", NAMES[i], walk.end().1);
            assert!(close(walk.f(), value), "{}: f = {}", NAMES[i], walk.f());
        }
        assert_eq!(Walk { lr: LR, path: RULES[SGD](LR, START).unwrap() }.crossings(), 0);
        let wild = Walk { lr: 0.95, path: RULES[SGD](0.95, START).unwrap() };
        assert!(wild.crossings() >= 29, "{}", wild.crossings());
    }
}
