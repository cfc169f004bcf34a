use ndarray::{ArrayViewD, ArrayViewMutD, Dimension as _, IxDyn};
use tricks_tensor::{Float, ndarray};

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
