use crate::Dropout;
use tricks_tensor::kernel::{join, worth_forking};
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{Error, Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, hyper};

/// DropBlock: dropout of squares, so that a neighbour cannot tell what was dropped.
///
/// # Formula
/// ```text
/// seeds: every place with probability γ = p · H W / s² / ((H − s + 1)(W − s + 1))
/// a place is dropped if a seed lies within its square of s × s
/// training:   y = x · kept · (number of places)/(number of kept places)
/// evaluation: y = x
/// backward:   dy in place of x, with the same mask
/// ```
///
/// Inputs are `[samples, channels, height, width]`. The square of place i goes from i − ⌊s/2⌋ to
/// i − ⌊s/2⌋ + s − 1 on both axes; s is no more than H and W in γ.
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `p` | p | none; 0.1 | [0, 1] |
/// | `block_size` | s | none; 7 | at least 1 |
///
/// # Memory
/// No parameters. A mask of one `bool` for each number of the input is scratch.
///
/// # Notes
/// * Seeds are drawn over the whole map, as in timm, each channel its own, and the scale is that of
///   the whole batch. γ is the paper's, whose seeds keep away from the edges: where a map is not
///   much larger than a square, more than p of its places are dropped; where squares overlap,
///   fewer.
/// * The sum of the kept places is scaled to what it was for an input of ones, exactly.
///
/// # Source
/// Ghiasi, Lin, Le: *DropBlock: a regularization method for convolutional networks*, NeurIPS 2018,
/// algorithm 1 and equation 1.
///
/// ```
/// use tricks_regularize::DropBlock;
/// use tricks_tensor::{Layer, Mode, Noise, ndarray::ArrayD};
///
/// let x = ArrayD::<f64>::ones(vec![4, 2, 8, 8]);
/// let mut y = x.clone();
/// DropBlock::new(0.2, 3)?.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(1)))?;
/// assert!((y.sum() - x.sum()).abs() < 1e-9 && y.iter().any(|y| *y == 0.0));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DropBlock {
    p: f64,
    block_size: usize,
    // Scratch: what is dropped.
    dropped: Vec<bool>,
}

const NAME: &str = "DropBlock";

impl DropBlock {
    /// With about the share `p` of places dropped, in squares of `block_size`.
    ///
    /// # Errors
    /// [`Error::Hyper`] for a value outside its range.
    pub fn new(p: f64, block_size: usize) -> Result<Self> {
        hyper::probability(NAME, "p", p)?;
        let ok = block_size > 0;
        hyper::require(NAME, "block_size", block_size as f64, ok, "at least 1")?;
        Ok(Self { p, block_size, dropped: vec![] })
    }

    /// The share of places to drop.
    pub fn p(&self) -> f64 {
        self.p
    }

    /// The side of a square.
    pub fn block_size(&self) -> usize {
        self.block_size
    }

    /// The forward pass with seeds of your own; the backward pass is the same call with gradients.
    ///
    /// # Errors
    /// Shapes that do not fit.
    pub fn apply<F: Float>(
        &mut self,
        x: ArrayViewD<'_, F>,
        seeds: ArrayViewD<'_, bool>,
        y: ArrayViewMutD<'_, F>,
    ) -> Result<()> {
        let [height, width] = image(x.shape())?;
        require_shape(NAME, ("seeds", seeds.shape()), ("input", x.shape()))?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        let seeds = seeds.as_standard_layout();
        let seeds = seeds.as_slice().unwrap_or_default();
        let copy = |first: u64, out: &mut [bool]| {
            out.copy_from_slice(&seeds[first as usize..][..out.len()]);
        };
        self.drop_squares([height, width], x, y, copy);
        Ok(())
    }

    /// Zeros the squares around seeds. `seeds(first, out)` says where there is one, from place
    /// `first` on.
    fn drop_squares<F: Float>(
        &mut self,
        [height, width]: [usize; 2],
        x: ArrayViewD<'_, F>,
        y: ArrayViewMutD<'_, F>,
        seeds: impl Fn(u64, &mut [bool]) + Sync,
    ) {
        self.dropped.clear();
        self.dropped.resize(x.len(), false);
        let squares = Squares { size: self.block_size, height, width };
        let kept = squares.grow(0, &mut self.dropped, &seeds);
        let scale = F::of(x.len() as f64 / kept.max(1) as f64);
        let x = x.as_standard_layout();
        with_numbers(y, |y| keep(&self.dropped, numbers(&x), scale, y));
    }

    fn pass<F: Float>(
        &mut self,
        x: ArrayViewD<'_, F>,
        mut y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        let [height, width] = image(x.shape())?;
        let Mode::Train(noise) = mode else {
            y.assign(&x);
            return Ok(());
        };
        // A square is no wider than the image.
        let (h, w) = (self.block_size.min(height).max(1), self.block_size.min(width).max(1));
        let inside = (height.max(1) - h + 1) * (width.max(1) - w + 1);
        let gamma = self.p * (height * width) as f64 / (h * w) as f64 / inside as f64;
        let threshold = Dropout::new(gamma.min(1.0))?.threshold();
        let draw = |first, out: &mut [bool]| match threshold {
            Some(threshold) => {
                let words = &mut [0; PLACES][..out.len()];
                noise.fill_words(first, words);
                out.iter_mut().zip(words).for_each(|(seed, word)| *seed = *word < threshold);
            }
            None => out.fill(true),
        };
        self.drop_squares([height, width], x, y, draw);
        Ok(())
    }
}

/// Places that are looked at for seeds at a time.
const PLACES: usize = 1024;

/// The squares of maps of `height × width`.
#[derive(Clone, Copy)]
struct Squares {
    size: usize,
    height: usize,
    width: usize,
}

impl Squares {
    /// Marks the squares around seeds in whole maps, which begin at place `first`, and counts the
    /// places that are not in one. A square stays in its map, so threads share out maps.
    fn grow(
        self,
        first: usize,
        dropped: &mut [bool],
        seeds: &(impl Fn(u64, &mut [bool]) + Sync),
    ) -> usize {
        let map = self.height * self.width;
        let maps = dropped.len() / map.max(1);
        if maps > 1 && worth_forking(dropped.len()) {
            let middle = maps / 2 * map;
            let (dropped0, dropped1) = dropped.split_at_mut(middle);
            let (kept0, kept1) = join(
                || self.grow(first, dropped0, seeds),
                || self.grow(first + middle, dropped1, seeds),
            );
            return kept0 + kept1;
        }
        let mut found = [false; PLACES];
        for start in (0..dropped.len()).step_by(PLACES) {
            let found = &mut found[..PLACES.min(dropped.len() - start)];
            seeds((first + start) as u64, found);
            for (at, _) in (start..).zip(&*found).filter(|(_, seed)| **seed) {
                self.mark(at, dropped);
            }
        }
        dropped.iter().filter(|dropped| !**dropped).count()
    }

    /// Marks the places whose square has the seed `at` in it.
    fn mark(self, at: usize, dropped: &mut [bool]) {
        let Self { size, height, width } = self;
        // A seed at j is within the square of i from j − (s − 1 − ⌊s/2⌋) to j + ⌊s/2⌋.
        let (after, before) = (size / 2, size - 1 - size / 2);
        let range = |at: usize, end: usize| {
            at.saturating_sub(before)..at.saturating_add(after).saturating_add(1).min(end)
        };
        let (row, column) = (at / width % height, at % width);
        let first = at - row * width - column;
        let columns = range(column, width);
        for row in range(row, height) {
            let row = first + row * width;
            dropped[row + columns.start..row + columns.end].fill(true);
        }
    }
}

/// `y ← x·scale`, and 0 where dropped.
fn keep<F: Float>(dropped: &[bool], x: &[F], scale: F, y: &mut [F]) {
    if worth_forking(x.len()) {
        let middle = x.len() / 2;
        let (dropped0, dropped1) = dropped.split_at(middle);
        let (x0, x1) = x.split_at(middle);
        let (y0, y1) = y.split_at_mut(middle);
        join(|| keep(dropped0, x0, scale, y0), || keep(dropped1, x1, scale, y1));
        return;
    }
    for ((y, x), &dropped) in y.iter_mut().zip(x).zip(dropped) {
        *y = if dropped { F::zero() } else { *x * scale };
    }
}

/// Height and width.
fn image(x: &[usize]) -> Result<[usize; 2]> {
    match x {
        [_, _, height, width] => Ok([*height, *width]),
        _ => {
            let message = format!("input has shape {x:?}, needs samples, channels, height, width");
            Err(Error::invalid(NAME, message))
        }
    }
}

impl<F: Float> Parameters<F> for DropBlock {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float> Layer<F> for DropBlock {
    fn name(&self) -> &'static str {
        NAME
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        image(x)?;
        Ok(IxDyn(x))
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) -> Result<()> {
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        self.pass(x, y, mode)
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        mode: Mode,
    ) -> Result<()> {
        image(x.shape())?;
        require_backward(NAME, x.shape(), &x, &y, &dy, dx.as_ref())?;
        dx.map_or(Ok(()), |dx| self.pass(dy, dx, mode))
    }

    fn infer(&self, x: ArrayViewD<'_, F>, mut y: ArrayViewMutD<'_, F>) -> Result<()> {
        image(x.shape())?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        y.assign(&x);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::Noise;
    use tricks_tensor::ndarray::ArrayD;

    /// A place is dropped if a seed lies within its square: by that sentence, place by place, for
    /// sizes that one thread takes and one that several share.
    #[test]
    fn the_mask_is_that_of_the_definition() {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        for (shape, size, p) in
            [([2, 3, 7, 6], 3, 0.3), ([3, 1, 2, 9], 4, 0.2), ([30, 5, 21, 23], 2, 0.1)]
        {
            let [.., height, width] = shape;
            let x = ArrayD::<f64>::ones(&shape[..]);
            let (mut y, noise) = (x.clone(), Noise::new(6));
            let mut layer = DropBlock::new(p, size).unwrap();
            pool.install(|| layer.forward(x.view(), y.view_mut(), Mode::Train(noise))).unwrap();
            let (h, w) = (size.min(height), size.min(width));
            let gamma = p * (height * width) as f64
                / ((h * w) as f64 * ((height - h + 1) * (width - w + 1)) as f64);
            let threshold = (gamma * 4_294_967_296.0).ceil() as u32;
            let seed = |i: usize| noise.word(i as u64) < threshold;
            let square = |at: usize, end: usize| {
                let first = at as isize - (size / 2) as isize;
                (first.max(0) as usize)..((first + size as isize) as usize).min(end)
            };
            let mut kept = 0;
            for (i, y) in y.iter().enumerate() {
                let (row, column) = (i / width % height, i % width);
                let map = i - row * width - column;
                let dropped = square(row, height)
                    .any(|r| square(column, width).any(|c| seed(map + r * width + c)));
                assert_eq!(*y == 0.0, dropped, "{shape:?}, place {i}");
                kept += usize::from(!dropped);
            }
            let scale = x.len() as f64 / kept as f64;
            assert!(kept < x.len() && y.iter().all(|y| *y == 0.0 || *y == scale));
        }
    }

    #[test]
    fn everything_and_nothing() {
        let x = ArrayD::<f64>::ones(vec![2, 2, 4, 4]);
        let (mut y, mode) = (x.clone(), Mode::Train(Noise::new(0)));
        DropBlock::new(0.0, 2).unwrap().forward(x.view(), y.view_mut(), mode).unwrap();
        assert_eq!(y, x);
        DropBlock::new(1.0, usize::MAX).unwrap().forward(x.view(), y.view_mut(), mode).unwrap();
        assert_eq!(y, ArrayD::<f64>::zeros(vec![2, 2, 4, 4]));
        for shape in [[0, 2, 4, 4], [2, 2, 0, 4], [2, 2, 4, 0]] {
            let none = ArrayD::<f64>::zeros(&shape[..]);
            let mut layer = DropBlock::new(0.5, 2).unwrap();
            layer.forward(none.view(), none.clone().view_mut(), mode).unwrap();
        }
    }
}
