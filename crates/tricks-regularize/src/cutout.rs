use std::ops::Range;
use tricks_tensor::ndarray::{ArrayViewMutD, Axis, Slice};
use tricks_tensor::{Error, Float, Noise, Result, hyper};

/// Cutout: a square of every image becomes zeros.
///
/// # Formula
/// ```text
/// x̃ = 0 where c − ⌊s/2⌋ ≤ place < c − ⌊s/2⌋ + s on both axes, c a random place, else x
/// ```
///
/// Images are `[samples, channels, height, width]`; what of a square is outside is cut off.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `size` | s | 16 | at least 1 |
///
/// # Memory
/// None; images are changed in place.
///
/// # Notes
/// The centre is anywhere in the image, so squares at the border are smaller: the authors found
/// that this matters. Sample `i` has the centre from numbers `2 i` and `2 i + 1` of the noise.
///
/// # Source
/// DeVries, Taylor: *Improved regularization of convolutional neural networks with Cutout*, 2017,
/// section 3.2.
///
/// ```
/// use tricks_regularize::Cutout;
/// use tricks_tensor::ndarray::{ArrayD, Axis};
/// let mut x = ArrayD::<f32>::ones(vec![1, 3, 4, 4]);
/// Cutout { size: 4 }.erase(x.index_axis_mut(Axis(0), 0), [0, 3])?;
/// assert_eq!(x.sum(), 3.0 * (16.0 - 6.0));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutout {
    /// The side of the square.
    pub size: usize,
}

const NAME: &str = "Cutout";

impl Default for Cutout {
    fn default() -> Self {
        Self { size: 16 }
    }
}

impl Cutout {
    /// Cuts a square out of every image of a batch.
    ///
    /// # Errors
    /// [`Error::Hyper`] if `size` is 0; what is no batch of images. Nothing is changed then.
    pub fn apply<F: Float>(&self, mut x: ArrayViewMutD<'_, F>, noise: Noise) -> Result<()> {
        let [height, width] = image(NAME, x.shape(), 4)?;
        self.validate()?;
        if height * width == 0 {
            return Ok(());
        }
        for (i, image) in (0..).zip(x.outer_iter_mut()) {
            let draw = |j, end: usize| (noise.uniform(j) * end as f64) as usize;
            self.erase(image, [draw(2 * i, height), draw(2 * i + 1, width)])?;
        }
        Ok(())
    }

    /// Cuts the square around a centre of your own out of one image, `[channels, height, width]`.
    ///
    /// # Errors
    /// [`Error::Hyper`] if `size` is 0; what is no image. Nothing is changed then.
    pub fn erase<F: Float>(&self, x: ArrayViewMutD<'_, F>, centre: [usize; 2]) -> Result<()> {
        let ends = image(NAME, x.shape(), 3)?;
        self.validate()?;
        let range = |axis: usize| {
            let (from, end) = (centre[axis], ends[axis]);
            let half = self.size / 2;
            let to = from.saturating_add(self.size - half).min(end);
            from.saturating_sub(half).min(to)..to
        };
        inside(x, [range(0), range(1)]).fill(F::zero());
        Ok(())
    }

    fn validate(&self) -> Result<()> {
        hyper::require(NAME, "size", self.size as f64, self.size > 0, "at least 1")
    }
}

/// The last two axes of an array of `rank` axes.
pub(crate) fn image(owner: &'static str, x: &[usize], rank: usize) -> Result<[usize; 2]> {
    match x {
        [.., height, width] if x.len() == rank => Ok([*height, *width]),
        _ => {
            let message =
                format!("images have shape {x:?}, which has {} axes, not {rank}", x.len());
            Err(Error::invalid(owner, message))
        }
    }
}

/// A box of the last two axes; the ranges must be inside.
pub(crate) fn inside<F>(
    mut x: ArrayViewMutD<'_, F>,
    ranges: [Range<usize>; 2],
) -> ArrayViewMutD<'_, F> {
    let first = x.ndim() - 2;
    for (i, range) in ranges.into_iter().enumerate() {
        x.slice_axis_inplace(Axis(first + i), Slice::from(range));
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::ndarray::ArrayD;

    #[test]
    fn every_image_loses_a_square_of_all_channels() {
        let mut x = ArrayD::<f64>::ones(vec![50, 2, 9, 7]);
        Cutout { size: 3 }.apply(x.view_mut(), Noise::new(1)).unwrap();
        let losses: Vec<f64> = x.outer_iter().map(|image| 2.0 * 63.0 - image.sum()).collect();
        assert!(losses.iter().all(|lost| [8.0, 12.0, 18.0].contains(lost)), "{losses:?}");
        assert!(losses.contains(&18.0) && losses.contains(&12.0));
    }

    #[test]
    fn what_is_refused() {
        let mut x = ArrayD::<f64>::ones(vec![2, 9, 7]);
        let refused = Cutout::default().apply(x.view_mut(), Noise::new(1)).unwrap_err().to_string();
        assert_eq!(refused, "Cutout: images have shape [2, 9, 7], which has 3 axes, not 4");
        let refused = Cutout { size: 0 }.erase(x.view_mut(), [0, 0]).unwrap_err().to_string();
        assert_eq!(refused, "Cutout: size is 0, must be at least 1");
        Cutout { size: usize::MAX }.erase(x.view_mut(), [9, usize::MAX]).unwrap();
    }
}
