use super::history::{History, Pair};
use super::{Lbfgs, Memory};
use crate::shadow::Shadow;
use tricks_tensor::{Float, Result, StateDict, StateReader};

impl<F: Float> Lbfgs<F> {
    /// Everything a resumed run needs: `iterations`, `evaluations` and `pairs` as counts, and for
    /// each parameter `NAME/moved`, `NAME/grad`, and `NAME/s` and `NAME/y` with the pairs as first
    /// dimension, oldest first.
    pub fn state(&self) -> StateDict {
        let Memory { iterations, evaluations, moved, grad, history } = &self.memory;
        let mut state = StateDict::new();
        state.insert_count("iterations", *iterations);
        state.insert_count("evaluations", *evaluations);
        save(&mut state, &self.set, [("moved", moved), ("grad", grad)], history);
        state
    }

    /// Takes up a saved state: from here on, every step gives the bits it would have given.
    ///
    /// # Errors
    /// [`Error::State`](tricks_tensor::Error::State) with every entry that is missing, unexpected,
    /// of another shape or type, or not finite, or with pairs that no step can have left; the state
    /// stays what it was.
    pub fn load_state(&mut self, state: &StateDict) -> Result<()> {
        let mut reader = state.reader();
        let iterations = reader.count("iterations").unwrap_or_default();
        let evaluations = reader.count("evaluations").unwrap_or_default();
        let ([moved, grad], history) = load(&mut reader, &self.set, ["moved", "grad"], Pair::new);
        reader.end()?;
        self.memory = Memory { iterations, evaluations, moved, grad, history };
        Ok(())
    }
}

/// Adds vectors over all parameters as `NAME/VECTOR`, and the pairs as `pairs`, `NAME/s`, `NAME/y`.
pub(crate) fn save<F: Float, const N: usize>(
    state: &mut StateDict,
    set: &Shadow<F>,
    vectors: [(&str, &Vec<F>); N],
    history: &History<F>,
) {
    state.insert_count("pairs", history.pairs().len() as u64);
    let mut at = 0;
    for (name, shape, values) in set.iter() {
        let here = at..at + values.len();
        at = here.end;
        for (vector, values) in vectors {
            state.insert(format!("{name}/{vector}"), shape, &values[here.clone()]);
        }
        let all = [&[history.pairs().len()], shape].concat();
        let s: Vec<F> = history.pairs().flat_map(|pair| &pair.s[here.clone()]).copied().collect();
        let y: Vec<F> = history.pairs().flat_map(|pair| &pair.y[here.clone()]).copied().collect();
        state.insert(format!("{name}/s"), &all, &s);
        state.insert(format!("{name}/y"), &all, &y);
    }
}

/// Reads what [`save`] has written; what is wrong is noted.
pub(crate) fn load<F: Float, const N: usize>(
    reader: &mut StateReader<'_>,
    set: &Shadow<F>,
    vectors: [&str; N],
    pair: impl Fn(Vec<F>, Vec<F>) -> Option<Pair<F>>,
) -> ([Vec<F>; N], History<F>) {
    let pairs = reader.count("pairs").unwrap_or_default();
    let total: usize = set.iter().map(|(_, _, values)| values.len()).sum();
    let fits = usize::try_from(pairs).ok().filter(|count| count.checked_mul(total).is_some());
    if fits.is_none() {
        reader.refuse(format!("pairs is {pairs}, more than any memory holds"));
    }
    let count = fits.unwrap_or(0);
    let (mut read, mut all) = ([const { Vec::new() }; N], Vec::new());
    for (name, shape, values) in set.iter() {
        for (vector, read) in vectors.iter().zip(&mut read) {
            read.extend_from_slice(reader.finite(&format!("{name}/{vector}"), shape));
        }
        let rows = [&[count], shape].concat();
        let s = reader.finite(&format!("{name}/s"), &rows);
        let y = reader.finite(&format!("{name}/y"), &rows);
        all.push((s, y, values.len()));
    }
    let is_whole = all.iter().all(|(s, y, len)| [s.len(), y.len()] == [count * len; 2]);
    let mut history = History::new();
    for k in 0..if is_whole { count } else { 0 } {
        let row = |x: &[F], len: &usize| x[k * len..][..*len].to_vec();
        let s = all.iter().flat_map(|(s, _, len)| row(s, len)).collect();
        let y = all.iter().flat_map(|(_, y, len)| row(y, len)).collect();
        let Some(pair) = pair(s, y) else {
            reader.refuse(format!("pair {k} of {count} has no positive curvature"));
            break;
        };
        history.push(pair, count);
    }
    (read, history)
}
