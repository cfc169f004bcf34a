use std::collections::BTreeSet;
use tricks_tensor::{Error, Float, Parameters, Path, Result, StateDict};

/// Every parameter and buffer, by its path.
///
/// ```
/// use tricks_net::{layers::Dense, train::{load_parameters, save_parameters}};
/// let mut small = Dense::<f32>::new(2, 1);
/// let state = save_parameters(&mut small);
/// assert_eq!(state.get::<f32>("weight", &[1, 2])?, [0.0; 2]);
///
/// let refused = load_parameters(&mut Dense::<f32>::without_bias(3, 1), &state).unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "state does not fit: weight is f32 [1, 2], expected f32 [1, 3]; bias is unexpected",
/// );
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn save_parameters<F: Float>(params: &mut (impl Parameters<F> + ?Sized)) -> StateDict {
    let mut state = StateDict::new();
    params.visit(&Path::ROOT, &mut |place, param| {
        state.insert(place.path.to_string(), place.shape, param.value);
    });
    state
}

/// Sets every parameter and buffer from a saved state.
///
/// # Errors
/// [`Error::State`] with every entry that is missing, unexpected, or of another shape or type.
/// Nothing has changed then.
pub fn load_parameters<F: Float>(
    params: &mut (impl Parameters<F> + ?Sized),
    state: &StateDict,
) -> Result<()> {
    let problems = misfits(params, state);
    if !problems.is_empty() {
        return Err(Error::State { problems });
    }
    let mut outcome = Ok(());
    params.visit(&Path::ROOT, &mut |place, param| match state
        .get(&place.path.to_string(), place.shape)
    {
        Ok(values) => param.value.copy_from_slice(values),
        Err(error) => outcome = Err(error),
    });
    outcome
}

/// What keeps `state` from being loaded, one line each.
pub(super) fn misfits<F: Float>(
    params: &mut (impl Parameters<F> + ?Sized),
    state: &StateDict,
) -> Vec<String> {
    let (mut problems, mut known) = (Vec::new(), BTreeSet::new());
    params.visit(&Path::ROOT, &mut |place, param| {
        let name = place.path.to_string();
        let fits = place.check(&param).and_then(|()| state.get::<F>(&name, place.shape).map(drop));
        note(&mut problems, fits);
        known.insert(name);
    });
    let unexpected = state.iter().map(|(name, _)| name).filter(|name| !known.contains(*name));
    problems.extend(unexpected.map(|name| format!("{name} is unexpected")));
    problems
}

/// The value, or what is wrong as lines of the list.
pub(super) fn note<T>(problems: &mut Vec<String>, outcome: Result<T>) -> Option<T> {
    match outcome {
        Ok(value) => return Some(value),
        Err(Error::State { problems: found }) => problems.extend(found),
        Err(other) => problems.push(other.to_string()),
    }
    None
}
