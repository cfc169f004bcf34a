use crate::cutout::{image, inside};
use crate::mixup::{beta, mix, permutation, permuted, require_alpha, require_batch};
use std::ops::Range;
use tricks_tensor::ndarray::ArrayViewMutD;
use tricks_tensor::{Error, Float, Noise, Result};

/// CutMix: a box of every image comes from another one, and the label in proportion.
///
/// # Formula
/// ```text
/// x̃ᵢ = x_π(i) in the box, xᵢ elsewhere       ỹᵢ = λ yᵢ + (1 − λ) y_π(i)
/// λ = 1 − (area of the box)/(area of the image)
/// the box: sides H√(1 − λ₀) and W√(1 − λ₀) around a random place, λ₀ from Beta(α, α),
///          cut off at the border; λ is that of the box as it is then
/// ```
///
/// Images are `[samples, channels, height, width]`, targets distributions over the classes.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `alpha` | α | 1 | above 0, at most 8 |
///
/// # Memory
/// A copy of the batch, in [`apply`](Self::apply).
///
/// # Notes
/// One box and one permutation for the batch, as in the authors' program. Draws are functions of
/// the noise.
///
/// # Source
/// Yun, Han, Oh, Chun, Choe, Yoo: *CutMix: regularization strategy to train strong classifiers with
/// localizable features*, ICCV 2019, equations 1 and 2.
///
/// ```
/// use tricks_regularize::CutMix;
/// use tricks_tensor::ndarray::{ArrayD, arr2};
/// let mut x = ArrayD::from_shape_fn(vec![2, 1, 2, 4], |i| i[0] as f64);
/// let mut y = arr2(&[[1.0, 0.0], [0.0, 1.0]]).into_dyn();
/// let lambda = CutMix::apply([0..1, 0..4], &[1, 0], x.view_mut(), y.view_mut())?;
/// assert_eq!((lambda, x[[0, 0, 0, 0]], x[[0, 0, 1, 0]], y[[0, 1]]), (0.5, 1.0, 0.0, 0.5));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CutMix {
    /// How large boxes are: of any area alike for 1.
    pub alpha: f64,
}

const NAME: &str = "CutMix";

impl Default for CutMix {
    fn default() -> Self {
        Self { alpha: 1.0 }
    }
}

impl CutMix {
    /// A box and π for a batch of so many images of height × width.
    ///
    /// # Errors
    /// [`Error::Hyper`] if `alpha` is outside its range.
    pub fn draw(
        &self,
        samples: usize,
        image: [usize; 2],
        noise: Noise,
    ) -> Result<([Range<usize>; 2], Vec<usize>)> {
        require_alpha(NAME, self.alpha)?;
        let side = (1.0 - beta(self.alpha, noise.child(0))).sqrt();
        let range = |end: usize, place: f64| {
            let (half, centre) = ((end as f64 * side) as usize / 2, (place * end as f64) as usize);
            centre.saturating_sub(half)..(centre + half).min(end)
        };
        let place = noise.child(2);
        let ranges = [range(image[0], place.uniform(0)), range(image[1], place.uniform(1))];
        Ok((ranges, permutation(samples, noise.child(1))))
    }

    /// Mixes images and targets with a box, rows then columns, and a permutation of your own;
    /// gives λ.
    ///
    /// # Errors
    /// What is no batch of images; a box that is not inside of them; a `permutation` that is none
    /// of the batch; batches of different sizes. Nothing is changed then.
    pub fn apply<F: Float>(
        ranges: [Range<usize>; 2],
        permutation: &[usize],
        x: ArrayViewMutD<'_, F>,
        y: ArrayViewMutD<'_, F>,
    ) -> Result<f64> {
        let ends = image(NAME, x.shape(), 4)?;
        require_batch(NAME, permutation, x.shape(), y.shape())?;
        for (range, end) in ranges.iter().zip(ends) {
            if range.start > range.end || range.end > end {
                let message = format!("{range:?} is not a range of 0..{end}");
                return Err(Error::invalid(NAME, message));
            }
        }
        let area = (ranges[0].len() * ranges[1].len()) as f64;
        let lambda = 1.0 - area / ((ends[0] * ends[1]) as f64).max(1.0);
        let mut part = inside(x, ranges);
        let others = permuted(part.view(), permutation);
        part.assign(&others);
        mix(lambda, permutation, y);
        Ok(lambda)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::ndarray::ArrayD;

    #[test]
    fn boxes_are_inside_and_bad_ones_are_refused() {
        for i in 0..200 {
            let drawn = CutMix::default().draw(3, [7, 5], Noise::new(i)).unwrap();
            let (mut x, mut y) = (ArrayD::<f32>::ones(vec![3, 1, 7, 5]), ArrayD::zeros(vec![3, 2]));
            let lambda = CutMix::apply(drawn.0, &drawn.1, x.view_mut(), y.view_mut()).unwrap();
            assert!((0.0..=1.0).contains(&lambda));
        }
        let (mut x, mut y) = (ArrayD::<f32>::ones(vec![1, 1, 2, 2]), ArrayD::zeros(vec![1, 2]));
        let refused = CutMix::apply([0..1, 0..3], &[0], x.view_mut(), y.view_mut()).unwrap_err();
        assert_eq!(refused.to_string(), "CutMix: 0..3 is not a range of 0..2");
    }
}
