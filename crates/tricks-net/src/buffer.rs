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
    ///
    /// # Errors
    /// As [`count`]. Nothing has changed then.
    pub(crate) fn reshape(&mut self, shape: &[usize]) -> Result<()> {
        let len = count(shape)?;
        if self.data.len() < len {
            self.data.resize(len, F::zero());
        }
        self.shape = IxDyn(shape);
        Ok(())
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

/// How many numbers an array of this shape has.
///
/// # Errors
/// More than an array can have, were no axis empty: `isize::MAX`, which is `ndarray`'s limit.
pub(crate) fn count(shape: &[usize]) -> Result<usize> {
    let axes = shape.iter().filter(|&&size| size > 0);
    let full = axes.copied().try_fold(1usize, usize::checked_mul);
    match full.filter(|&full| full <= isize::MAX as usize) {
        Some(full) => Ok(if shape.contains(&0) { 0 } else { full }),
        None => Err(Error::invalid("array", format!("shape {shape:?} has too many numbers"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Net;
    use crate::layers::{ChannelsLast, Embedding, Flatten, Rnn, Sequential};
    use ndarray::ArrayD;
    use tricks_tensor::Noise;

    #[test]
    fn absurd_shapes_are_refused() {
        const LARGE: usize = 1 << 62;
        let mut buffer = Buffer::<f32>::new();
        buffer.reshape(&[2, 3]).unwrap();
        let refused = buffer.reshape(&[0, LARGE, 4]).unwrap_err().to_string();
        assert_eq!(refused, "array: shape [0, 4611686018427387904, 4] has too many numbers");
        assert_eq!((buffer.shape(), buffer.view().len()), (&[2, 3][..], 6));
        buffer.reshape(&[0, LARGE]).unwrap();
        assert_eq!(buffer.view().len(), 0);

        // An array without numbers whose embeddings would have too many.
        let x = ArrayD::<f64>::zeros(vec![0, LARGE]);
        let mut net = Net::new(Embedding::new(3, 4));
        assert!(net.predict(&x).is_err());
        assert!(net.forward_train(&x, Noise::new(1)).is_err());
        let mut net = Net::new(Sequential::new().push(Embedding::new(3, 4)).push(Flatten));
        assert!(net.predict(&x).is_err());
        assert!(net.forward_train(&x, Noise::new(1)).is_err());
        let mut net = Net::new(Rnn::<f64>::new(1, 4).unwrap());
        let x = ArrayD::zeros(vec![LARGE, 0, 1]);
        assert!(net.predict(&x).is_err());
        assert!(net.forward_train(&x, Noise::new(1)).is_err());
        for layer in [&Flatten as &dyn tricks_tensor::Layer<f32>, &ChannelsLast] {
            assert!(layer.output_shape(&[1, 1, LARGE, 4]).is_err());
        }
    }
}
