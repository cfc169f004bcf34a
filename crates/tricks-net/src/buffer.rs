use ndarray::{ArrayViewD, ArrayViewMutD, Dimension as _, IxDyn};
use tricks_tensor::{Error, Float, Result, ndarray};

/// Memory that only grows: a short last batch reuses what a full one needed.
#[derive(Clone, Debug)]
pub(crate) struct Buffer<F> {
    data: Vec<F>,
    shape: IxDyn,
}

impl<F: Float> Buffer<F> {
    pub(crate) fn new() -> Self {
        Self { data: Vec::new(), shape: IxDyn(&[0]) }
    }

    /// Takes a shape; the numbers are then whatever was left from before.
    pub(crate) fn reshape(&mut self, shape: &[usize]) {
        let len = shape.iter().product();
        if self.data.len() < len {
            self.data.resize(len, F::zero());
        }
        self.shape = IxDyn(shape);
    }

    pub(crate) fn shape(&self) -> &[usize] {
        self.shape.slice()
    }

    pub(crate) fn view(&self) -> ArrayViewD<'_, F> {
        let data = &self.data[..self.shape.size()];
        ArrayViewD::from_shape(self.shape.clone(), data).expect("cut to the shape's size")
    }

    pub(crate) fn view_mut(&mut self) -> ArrayViewMutD<'_, F> {
        let data = &mut self.data[..self.shape.size()];
        ArrayViewMutD::from_shape(self.shape.clone(), data).expect("cut to the shape's size")
    }

    pub(crate) fn slice_mut(&mut self) -> &mut [F] {
        &mut self.data[..self.shape.size()]
    }
}

/// Lends `y` as a slice in C order: itself, or a copy that is written back.
pub(crate) fn with_slice_mut<F: Float, R>(
    mut y: ArrayViewMutD<'_, F>,
    f: impl FnOnce(&mut [F]) -> R,
) -> R {
    if let Some(y) = y.as_slice_mut() {
        return f(y);
    }
    let mut copy = vec![F::zero(); y.len()];
    let result = f(&mut copy);
    y.iter_mut().zip(copy).for_each(|(y, copy)| *y = copy);
    result
}

/// Refuses a view whose shape is not the expected one.
pub(crate) fn check_shape(
    name: &'static str,
    what: &'static str,
    found: &[usize],
    expected: &[usize],
) -> Result<()> {
    if found == expected {
        return Ok(());
    }
    Err(Error::shape(name, (what, found), ("expected", expected)))
}
