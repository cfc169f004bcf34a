use crate::cutout::{image, inside};
use crate::normals::with_normals;
use tricks_tensor::ndarray::{ArrayViewMutD, Axis};
use tricks_tensor::views::with_numbers;
use tricks_tensor::{Error, Float, Noise, Result, hyper, math};

/// Random erasing: a box of random size, shape and place is painted over in some images.
///
/// # Formula
/// ```text
/// with probability p, for an image of H × W:
///   S from U(area₀, area₁) · H W        ln r from U(ln aspect₀, ln aspect₁)
///   h = round √(S r)        w = round √(S/r)
///   if 1 ≤ h ≤ H and 1 ≤ w ≤ W: a box of h × w at a place it fits in; else draw again, ten times
/// ```
///
/// Images are `[samples, channels, height, width]`. A box goes through all channels.
///
/// | field | symbol | default | range |
/// |---|---|---|---|
/// | `p` | p | 0.5 | [0, 1] |
/// | `area` | | [0.02, 0.33] | in order, above 0, at most 1 |
/// | `aspect` | | [0.3, 3.3] | in order, above 0 |
/// | `fill` | | `Value(0)` | a finite value |
///
/// # Memory
/// None while images are contiguous; they are changed in place.
///
/// # Notes
/// * The defaults are torchvision's. The paper has areas up to 0.4, aspects from 0.3 to 1/0.3 drawn
///   evenly, and found random numbers in the box better than a constant: [`ErasingFill::Normal`].
/// * After ten draws that do not fit, the image stays as it is.
/// * Draws of sample `i` are functions of child `i` of the noise: what a sample loses does not
///   depend on the batch it is in, only on its place.
///
/// # Source
/// Zhong, Zheng, Kang, Li, Yang: *Random erasing data augmentation*, AAAI 2020, algorithm 1.
///
/// ```
/// use tricks_regularize::RandomErasing;
/// use tricks_tensor::{Noise, ndarray::{ArrayD, Axis}};
/// let mut x = ArrayD::<f32>::ones(vec![2, 3, 8, 8]);
/// let erasing = RandomErasing { p: 1.0, area: [0.25, 0.25], aspect: [1.0, 1.0], ..Default::default() };
/// erasing.apply(x.view_mut(), Noise::new(1))?;
/// // A quarter of each image.
/// assert_eq!(x.sum(), 2.0 * 3.0 * 48.0);
/// // A box of your own: its first corner and its size.
/// erasing.erase(x.index_axis_mut(Axis(0), 0), [0, 0], [8, 8], Noise::new(2))?;
/// assert_eq!(x.sum(), 3.0 * 48.0);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomErasing {
    /// The probability that an image loses a box.
    pub p: f64,
    /// The smallest and the largest share of the image.
    pub area: [f64; 2],
    /// The smallest and the largest height over width.
    pub aspect: [f64; 2],
    /// What is painted.
    pub fill: ErasingFill,
}

/// What [`RandomErasing`] paints.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ErasingFill {
    /// One value everywhere.
    Value(f64),
    /// A draw from N(0, 1) for every number: for inputs that were standardized.
    Normal,
}

const NAME: &str = "RandomErasing";

/// How often a box that does not fit is drawn again.
const ATTEMPTS: u64 = 10;

impl Default for RandomErasing {
    fn default() -> Self {
        Self { p: 0.5, area: [0.02, 0.33], aspect: [0.3, 3.3], fill: ErasingFill::Value(0.0) }
    }
}

impl RandomErasing {
    /// Paints a box over some images of a batch.
    ///
    /// # Errors
    /// [`Error::Hyper`] for a field outside its range; what is no batch of images. Nothing is
    /// changed then.
    pub fn apply<F: Float>(&self, mut x: ArrayViewMutD<'_, F>, noise: Noise) -> Result<()> {
        let size = image(NAME, x.shape(), 4)?;
        self.validate()?;
        for (i, image) in (0..).zip(x.outer_iter_mut()) {
            let noise = noise.child(i);
            if let Some([corner, extent]) = self.draw(size, noise) {
                self.erase(image, corner, extent, noise.child(0))?;
            }
        }
        Ok(())
    }

    /// The first corner and the size of a box for an image of `height × width`, if it loses one.
    fn draw(&self, [height, width]: [usize; 2], noise: Noise) -> Option<[[usize; 2]; 2]> {
        if noise.uniform(0) >= self.p {
            return None;
        }
        let between = |[low, high]: [f64; 2], u: f64| low + u * (high - low);
        let place = |u: f64, places: usize| (u * places as f64) as usize;
        (0..ATTEMPTS).find_map(|attempt| {
            let draw = |i| noise.uniform(1 + 4 * attempt + i);
            let area = between(self.area, draw(0)) * (height * width) as f64;
            let aspect = math::exp(between(self.aspect.map(math::ln), draw(1)));
            let extent = [(area * aspect).sqrt().round(), (area / aspect).sqrt().round()];
            let [h, w] = extent.map(|x| x as usize);
            let fits = (1..=height).contains(&h) && (1..=width).contains(&w);
            fits.then(|| [[place(draw(2), height - h + 1), place(draw(3), width - w + 1)], [h, w]])
        })
    }

    /// Paints a box of your own over one image, `[channels, height, width]`: its first corner and
    /// its size. `noise` is for [`ErasingFill::Normal`].
    ///
    /// # Errors
    /// [`Error::Hyper`] for a field outside its range; what is no image; a box that is not inside.
    /// Nothing is changed then.
    pub fn erase<F: Float>(
        &self,
        x: ArrayViewMutD<'_, F>,
        corner: [usize; 2],
        extent: [usize; 2],
        noise: Noise,
    ) -> Result<()> {
        let ends = image(NAME, x.shape(), 3)?;
        self.validate()?;
        for (axis, end) in ends.into_iter().enumerate() {
            if corner[axis].checked_add(extent[axis]).is_none_or(|last| last > end) {
                let message =
                    format!("a box of {extent:?} at {corner:?} is not inside an image of {ends:?}");
                return Err(Error::invalid(NAME, message));
            }
        }
        let ranges = [0, 1].map(|axis| corner[axis]..corner[axis] + extent[axis]);
        let mut area = inside(x, ranges);
        match self.fill {
            ErasingFill::Value(value) => area.fill(F::of(value)),
            ErasingFill::Normal => {
                for (c, plane) in (0..).zip(area.axis_iter_mut(Axis(0))) {
                    with_numbers(plane, |y| {
                        let nothing = vec![F::zero(); y.len()];
                        with_normals((noise.child(c), 0), &nothing, y, |_, z| z);
                    });
                }
            }
        }
        Ok(())
    }

    fn validate(&self) -> Result<()> {
        hyper::probability(NAME, "p", self.p)?;
        let [low, high] = self.area;
        hyper::require(NAME, "area[0]", low, low > 0.0 && low <= high, "above 0, at most area[1]")?;
        hyper::require(NAME, "area[1]", high, high <= 1.0, "at most 1")?;
        let [low, high] = self.aspect;
        let ordered = low > 0.0 && low <= high;
        hyper::require(NAME, "aspect[0]", low, ordered, "above 0, at most aspect[1]")?;
        hyper::finite(NAME, "aspect[1]", high)?;
        match self.fill {
            ErasingFill::Value(value) => hyper::finite(NAME, "fill", value),
            ErasingFill::Normal => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::ndarray::ArrayD;

    /// Every box is within the ranges, up to what rounding a side takes.
    #[test]
    fn boxes_are_within_the_ranges() {
        let erasing = RandomErasing { p: 1.0, area: [0.1, 0.3], ..RandomErasing::default() };
        let (mut drawn, mut tall, mut flat) = (0, 0, 0);
        for i in 0..2000 {
            let Some([[top, left], [h, w]]) = erasing.draw([40, 60], Noise::new(1).child(i)) else {
                continue;
            };
            drawn += 1;
            assert!(top + h <= 40 && left + w <= 60);
            let (h, w) = (h as f64, w as f64);
            assert!((h + 0.5) * (w + 0.5) > 240.0 && (h - 0.5) * (w - 0.5) < 720.0, "{h} {w}");
            assert!((h + 0.5) / (w - 0.5) > 0.3 && (h - 0.5) / (w + 0.5) < 3.3, "{h} {w}");
            tall += usize::from(h > 1.5 * w);
            flat += usize::from(w > 1.5 * h);
        }
        assert!(drawn > 1990 && tall > 300 && flat > 300, "{drawn} {tall} {flat}");
    }

    #[test]
    fn all_channels_lose_the_box_and_the_rest_stays() {
        let mut x = ArrayD::<f64>::ones(vec![2, 4, 5]);
        let erasing = RandomErasing { fill: ErasingFill::Value(-1.0), ..RandomErasing::default() };
        erasing.erase(x.view_mut(), [1, 3], [2, 2], Noise::new(0)).unwrap();
        for ((_, row, column), value) in
            x.view().into_dimensionality::<tricks_tensor::ndarray::Ix3>().unwrap().indexed_iter()
        {
            let lost = (1..3).contains(&row) && (3..5).contains(&column);
            assert_eq!(*value, if lost { -1.0 } else { 1.0 });
        }
    }

    /// Normals do not depend on the memory layout, and no two planes have the same.
    #[test]
    fn normals_fill_the_box() {
        let erasing = RandomErasing { fill: ErasingFill::Normal, ..RandomErasing::default() };
        let (mut x, noise) = (ArrayD::<f64>::zeros(vec![2, 60, 60]), Noise::new(4));
        erasing.erase(x.view_mut(), [5, 5], [50, 40], noise).unwrap();
        assert_eq!(x.iter().filter(|x| **x != 0.0).count(), 2 * 2000);
        let mean = x.sum() / 4000.0;
        let square = x.iter().map(|x| x * x).sum::<f64>() / 4000.0;
        assert!(mean.abs() < 0.08 && (square - 1.0).abs() < 0.12, "{mean} {square}");
        assert!(x.index_axis(Axis(0), 0) != x.index_axis(Axis(0), 1));
        let mut turned = ArrayD::<f64>::zeros(vec![60, 60, 2]);
        erasing.erase(turned.view_mut().reversed_axes(), [5, 5], [50, 40], noise).unwrap();
        assert_eq!(turned.view().reversed_axes(), x);
    }

    #[test]
    fn no_room_no_box() {
        let erasing =
            RandomErasing { p: 1.0, area: [1.0, 1.0], aspect: [2.0, 2.0], ..Default::default() };
        let mut x = ArrayD::<f64>::ones(vec![3, 1, 4, 4]);
        erasing.apply(x.view_mut(), Noise::new(0)).unwrap();
        assert_eq!(x.sum(), 48.0);
        let mut none = ArrayD::<f64>::ones(vec![3, 1, 0, 4]);
        erasing.apply(none.view_mut(), Noise::new(0)).unwrap();
    }

    #[test]
    fn what_is_refused() {
        let of = RandomErasing::default();
        let cases = [
            (RandomErasing { p: 1.1, ..of }, "p is 1.1, must be in [0, 1]"),
            (
                RandomErasing { area: [0.0, 0.3], ..of },
                "area[0] is 0, must be above 0, at most area[1]",
            ),
            (
                RandomErasing { area: [0.4, 0.3], ..of },
                "area[0] is 0.4, must be above 0, at most area[1]",
            ),
            (RandomErasing { area: [0.4, 1.3], ..of }, "area[1] is 1.3, must be at most 1"),
            (
                RandomErasing { aspect: [0.0, 1.0], ..of },
                "aspect[0] is 0, must be above 0, at most aspect[1]",
            ),
            (
                RandomErasing { aspect: [1.0, f64::INFINITY], ..of },
                "aspect[1] is inf, must be finite",
            ),
            (
                RandomErasing { fill: ErasingFill::Value(f64::NAN), ..of },
                "fill is NaN, must be finite",
            ),
        ];
        let (mut x, noise) = (ArrayD::<f64>::ones(vec![2, 1, 4, 4]), Noise::new(0));
        for (erasing, want) in cases {
            let refused = erasing.apply(x.view_mut(), noise).unwrap_err().to_string();
            assert_eq!(refused, format!("RandomErasing: {want}"));
        }
        let refused = of.erase(x.view_mut(), [0, 0], [1, 1], noise).unwrap_err().to_string();
        let want = "RandomErasing: images have shape [2, 1, 4, 4], which has 4 axes, not 3";
        assert_eq!(refused, want);
        for corner in [[3, 0], [0, usize::MAX]] {
            let one = x.index_axis_mut(Axis(0), 0);
            let refused = of.erase(one, corner, [2, 1], noise).unwrap_err().to_string();
            let want = format!(
                "RandomErasing: a box of [2, 1] at {corner:?} is not inside an image of [4, 4]"
            );
            assert_eq!(refused, want);
        }
        let refused = of.apply(x.index_axis_mut(Axis(0), 0), noise).unwrap_err().to_string();
        let want = "RandomErasing: images have shape [1, 4, 4], which has 3 axes, not 4";
        assert_eq!(refused, want);
        assert_eq!(x.sum(), 32.0, "refused, so unchanged");
    }
}
