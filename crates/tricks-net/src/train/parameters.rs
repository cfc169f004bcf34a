use tricks_tensor::{Float, Parameters, Path, Result, StateDict};

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
/// [`Error::State`](tricks_tensor::Error::State) with every entry that is missing, unexpected, or
/// of another shape or type. Nothing has changed then.
pub fn load_parameters<F: Float>(
    params: &mut (impl Parameters<F> + ?Sized),
    state: &StateDict,
) -> Result<()> {
    check_parameters(params, state)?;
    let mut outcome = Ok(());
    params.visit(&Path::ROOT, &mut |place, param| match state
        .get(&place.path.to_string(), place.shape)
    {
        Ok(values) => param.value.copy_from_slice(values),
        Err(error) => outcome = Err(error),
    });
    outcome
}

/// Refuses a state that cannot be loaded, with everything that is wrong with it.
pub(super) fn check_parameters<F: Float>(
    params: &mut (impl Parameters<F> + ?Sized),
    state: &StateDict,
) -> Result<()> {
    let mut reader = state.reader();
    params.visit(&Path::ROOT, &mut |place, param| {
        reader.note(place.check(&param));
        reader.get::<F>(&place.path.to_string(), place.shape);
    });
    reader.end()
}
