use crate::{Fan, Initializer, Layout};
use tricks_tensor::{Error, Float, Noise, ParamKind, Parameters, Path, Place, Result};

/// Fills every [`ParamKind::Weight`] and leaves all else alone: layers are built with biases of 0
/// and scales of 1.
///
/// Each weight draws from `noise.path(its path)`: its values depend on its name and the seed, and
/// stay the same when layers are added, removed or visited in another order.
///
/// # Errors
/// A weight of fewer than two dimensions, if the initializer uses fans; a hyper-parameter out of
/// range. All is checked first: after an error no weight has changed.
///
/// ```
/// use tricks_init::{Layout, VarianceScaling, initialize};
/// use tricks_tensor::{Dict, Noise, ndarray::Array2};
/// let mut params = Dict::<f32>::new();
/// params.insert("w1", Array2::zeros((784, 50)));
/// params.insert("w2", Array2::zeros((50, 10)));
/// initialize(&mut params, Layout::InOut, &VarianceScaling::he_normal(), Noise::new(42))?;
/// let mean_square = params["w1"].iter().map(|w| w * w).sum::<f32>() / (784.0 * 50.0);
/// assert!((mean_square * 784.0 - 2.0).abs() < 0.1);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn initialize<F: Float>(
    params: &mut (impl Parameters<F> + ?Sized),
    layout: Layout,
    init: &impl Initializer<F>,
    noise: Noise,
) -> Result<()> {
    initialize_with(params, layout, noise, |place| {
        (place.kind == ParamKind::Weight).then_some(init as &dyn Initializer<F>)
    })
}

/// Fills each parameter with the initializer chosen for it; `None` leaves it alone.
///
/// `choose` is asked twice for each parameter, once to check and once to fill, and must give the
/// same answer.
///
/// # Errors
/// As [`initialize`].
///
/// ```
/// use tricks_init::{Initializer, Layout, Normal, VarianceScaling, initialize_with};
/// use tricks_tensor::{Dict, Noise, ParamKind, ndarray::Array2};
/// let mut params = Dict::<f64>::new();
/// params.insert_as("table", ParamKind::Embedding, Array2::zeros((100, 8)));
/// params.insert("weight", Array2::zeros((8, 8)));
/// let (table, weight) = (Normal { mean: 0.0, std: 0.02 }, VarianceScaling::xavier_uniform());
/// initialize_with(&mut params, Layout::OutIn, Noise::new(42), |place| match place.kind {
///     ParamKind::Embedding => Some(&table as &dyn Initializer<f64>),
///     ParamKind::Weight => Some(&weight),
///     _ => None,
/// })?;
/// assert!(params["table"].iter().all(|x| x.abs() < 0.02 * 8.6));
/// assert!(params["weight"].iter().all(|x| x.abs() <= (6.0f64 / 16.0).sqrt()));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn initialize_with<'i, F: Float + 'i>(
    params: &mut (impl Parameters<F> + ?Sized),
    layout: Layout,
    noise: Noise,
    choose: impl Fn(&Place<'_>) -> Option<&'i dyn Initializer<F>>,
) -> Result<()> {
    let mut result = Ok(());
    params.visit(&Path::ROOT, &mut |place, param| {
        if let (Ok(()), Some(init)) = (&result, choose(&place)) {
            result = fan(&place, layout, init).and_then(|fan| {
                place.check(&param)?;
                init.validate(fan, place.shape)
            });
        }
    });
    result?;

    let mut result = Ok(());
    params.visit(&Path::ROOT, &mut |place, param| {
        if let (Ok(()), Some(init)) = (&result, choose(&place)) {
            result = fan(&place, layout, init)
                .and_then(|fan| init.fill(fan, place.shape, noise.path(place.path), param.value));
        }
    });
    result
}

/// The fan of a parameter, or one of ones for an initializer that will not look at it.
fn fan<F: Float>(place: &Place<'_>, layout: Layout, init: &dyn Initializer<F>) -> Result<Fan> {
    if !init.uses_fan() {
        return Ok(Fan { fan_in: 1, fan_out: 1 });
    }
    Fan::of(place.shape, layout)
        .map_err(|error| Error::invalid("initialize", format!("{}: {error}", place.path)))
}
