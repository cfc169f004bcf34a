use tricks_tensor::Result;

/// A point on the line from where an iteration starts, in units of the direction.
#[derive(Clone, Debug)]
pub(super) struct Trial<F> {
    pub(super) t: f64,
    /// Infinite where the loss or the gradient is not finite.
    pub(super) loss: f64,
    /// The derivative along the line.
    pub(super) slope: f64,
    pub(super) grad: Vec<F>,
}

/// Share of the promised decrease that is asked for, c₁.
const DECREASE: f64 = 1e-4;
/// Share of the slope that may be left, c₂.
const CURVATURE: f64 = 0.9;
/// Moves of no parameter by as much as this end the search.
const LEAST_MOVE: f64 = 1e-9;
/// Most trials after the first.
const MAX_TRIALS: u64 = 25;

/// Looks for a step with enough decrease and a flat enough slope; when it finds none, the lowest
/// that it has seen, which may be the start.
///
/// Outwards first, until an interval must hold such a step; then inside of it. `reach` is the
/// largest element of the direction. A trial that is not finite lies too far out. After the first
/// trial there are at most `more`.
pub(super) fn strong_wolfe<F: Clone>(
    start: Trial<F>,
    t: f64,
    reach: f64,
    more: u64,
    mut at: impl FnMut(f64) -> Result<Trial<F>>,
) -> Result<Trial<F>> {
    let (loss, slope, more) = (start.loss, start.slope, more.min(MAX_TRIALS));
    let low_enough = |trial: &Trial<F>| trial.loss <= loss + DECREASE * trial.t * slope;
    let flat_enough = |trial: &Trial<F>| trial.slope.abs() <= -CURVATURE * slope;

    let (mut before, mut trial, mut trials) = (start.clone(), at(t)?, 0);
    let mut bracket = loop {
        if trials == more {
            break [start, trial];
        }
        let too_far = !low_enough(&trial) || (trials > 1 && trial.loss >= before.loss);
        if !too_far && flat_enough(&trial) {
            return Ok(trial);
        }
        if too_far || trial.slope >= 0.0 {
            break [before, trial];
        }
        let (least, most) = (trial.t + 0.01 * (trial.t - before.t), 10.0 * trial.t);
        let t = lowest_of_cubic(&before, &trial, least, most);
        before = std::mem::replace(&mut trial, at(t)?);
        trials += 1;
    };

    let mut was_near = false;
    while trials < more {
        let low = lower(&bracket);
        let [a, b] = [bracket[0].t, bracket[1].t];
        let (left, right) = if a <= b { (a, b) } else { (b, a) };
        if (right - left) * reach < LEAST_MOVE {
            break;
        }
        let mut t = lowest_of_cubic(&bracket[0], &bracket[1], left, right);
        // Twice in a row next to an end would be slow: the second time a tenth inside.
        let margin = 0.1 * (right - left);
        let near = (right - t).min(t - left) < margin;
        if near && (was_near || t >= right || t <= left) {
            t = if (t - right).abs() < (t - left).abs() { right - margin } else { left + margin };
            was_near = false;
        } else {
            was_near = near;
        }
        let trial = at(t)?;
        trials += 1;
        if !low_enough(&trial) || trial.loss >= bracket[low].loss {
            bracket[1 - low] = trial;
        } else if flat_enough(&trial) {
            return Ok(trial);
        } else if trial.slope * (bracket[1 - low].t - bracket[low].t) >= 0.0 {
            bracket[1 - low] = std::mem::replace(&mut bracket[low], trial);
        } else {
            bracket[low] = trial;
        }
    }
    let low = lower(&bracket);
    let [first, second] = bracket;
    Ok(if low == 0 { first } else { second })
}

fn lower<F>([first, second]: &[Trial<F>; 2]) -> usize {
    usize::from(second.loss < first.loss)
}

/// Where the cubic through two points with their slopes is lowest, kept within `least` and `most`;
/// halfway between these if it has no lowest point.
fn lowest_of_cubic<F>(a: &Trial<F>, b: &Trial<F>, least: f64, most: f64) -> f64 {
    let (a, b) = if a.t <= b.t { (a, b) } else { (b, a) };
    let width = b.t - a.t;
    let d1 = a.slope + b.slope - 3.0 * (b.loss - a.loss) / width;
    let square = d1 * d1 - a.slope * b.slope;
    // NaN, too, has no root.
    let d2 = if square >= 0.0 { square.sqrt() } else { f64::NAN };
    let t = b.t - width * ((b.slope + d2 - d1) / (b.slope - a.slope + 2.0 * d2));
    if t.is_nan() { 0.5 * (least + most) } else { t.max(least).min(most) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A search along a function of one number and its derivative, with the points it tried.
    fn search(f: impl Fn(f64) -> (f64, f64), t: f64) -> (Trial<f64>, Vec<f64>) {
        search_within(f, t, u64::MAX)
    }

    fn search_within(f: impl Fn(f64) -> (f64, f64), t: f64, more: u64) -> (Trial<f64>, Vec<f64>) {
        let mut tried = Vec::new();
        let trial = |t: f64| {
            let (loss, slope) = f(t);
            let loss = if loss.is_finite() { loss } else { f64::INFINITY };
            Trial { t, loss, slope, grad: vec![slope] }
        };
        let found = strong_wolfe(trial(0.0), t, 1.0, more, |t| {
            tried.push(t);
            Ok(trial(t))
        });
        (found.unwrap(), tried)
    }

    #[test]
    fn a_parabola_is_met_at_its_lowest_point() {
        // (t − 3)²: 0.1 is too short, 10 too long; the cubic is the parabola itself, but outwards
        // no step is more than ten times the last.
        let parabola = |t: f64| ((t - 3.0) * (t - 3.0), 2.0 * (t - 3.0));
        let (found, tried) = search(parabola, 0.1);
        assert_eq!((found.t, tried.len()), (1.0, 2), "{tried:?}");
        let (found, tried) = search(parabola, 10.0);
        assert!((found.t - 3.0).abs() < 1e-12 && tried.len() == 2, "{tried:?}");
        // What is good enough is taken as it is.
        let (found, tried) = search(parabola, 4.0);
        assert_eq!((found.t, tried), (4.0, vec![4.0]));
    }

    #[test]
    fn both_conditions_hold_where_a_search_ends() {
        let quartic = |t: f64| (t * t * t * t - 3.0 * t * t - t, 4.0 * t * t * t - 6.0 * t - 1.0);
        let (f0, slope) = quartic(0.0);
        for t in [1e-3, 0.1, 0.5, 1.0, 2.0, 5.0, 100.0] {
            let (found, tried) = search(quartic, t);
            assert!(found.loss <= f0 + 1e-4 * found.t * slope, "from {t}: {tried:?}");
            assert!(found.slope.abs() <= -0.9 * slope, "from {t}: {tried:?}");
            assert_eq!((found.loss, found.slope), quartic(found.t));
        }
    }

    #[test]
    fn what_is_not_finite_is_too_far() {
        // −ln(1 − t) − 2t: only left of 1, lowest at ½.
        let log = |t: f64| (-(1.0 - t).ln() - 2.0 * t, 1.0 / (1.0 - t) - 2.0);
        let (found, tried) = search(log, 8.0);
        assert_eq!(tried[..4], [8.0, 4.0, 2.0, 1.0]);
        assert!(found.loss < 0.0 && found.t < 1.0, "{found:?}");
        // Nowhere but at the start: stay.
        let (found, tried) = search(|t| (if t > 0.0 { f64::NAN } else { 1.0 }, -1.0), 1.0);
        assert_eq!((found.t, found.loss, tried.len()), (0.0, 1.0, 26));
    }

    #[test]
    fn without_trials_the_lower_end_is_taken() {
        let parabola = |t: f64| ((t - 3.0) * (t - 3.0), 2.0 * (t - 3.0));
        let (found, tried) = search_within(parabola, 7.0, 0);
        assert_eq!((found.t, tried), (0.0, vec![7.0]));
        let (found, tried) = search_within(parabola, 0.1, 0);
        assert_eq!((found.t, tried), (0.1, vec![0.1]));
        let (found, tried) = search_within(parabola, 0.01, 1);
        assert_eq!((found.t, tried), (0.1, vec![0.01, 0.1]));
    }

    #[test]
    fn an_endless_descent_ends() {
        let (found, tried) = search(|t| (-t, -1.0), 1.0);
        assert_eq!(tried.len(), 26);
        assert_eq!(found.t, tried.into_iter().fold(0.0, f64::max));
    }
}
