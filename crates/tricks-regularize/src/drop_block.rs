use crate::Dropout;
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
///   the whole batch. γ is the paper's, whose seeds keep away from the edges: where a map is not much
///   larger than a square, more than p of its places are dropped; where squares overlap, fewer.
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
        let mut places = seeds.iter();
        self.grow(x.len(), [height, width], |_| *places.next().unwrap_or(&false));
        self.scale(x, y);
        Ok(())
    }

    /// Sets what is dropped: the squares around seeds.
    fn grow(&mut self, len: usize, [height, width]: [usize; 2], mut seed: impl FnMut(u64) -> bool) {
        self.dropped.clear();
        self.dropped.resize(len, false);
        // A seed at j is within the square of i from j − (s − 1 − ⌊s/2⌋) to j + ⌊s/2⌋.
        let (after, before) = (self.block_size / 2, self.block_size - 1 - self.block_size / 2);
        let range = |at: usize, end: usize| {
            at.saturating_sub(before)..at.saturating_add(after).saturating_add(1).min(end)
        };
        for at in 0..len {
            if !seed(at as u64) {
                continue;
            }
            let (row, column) = (at / width % height, at % width);
            let first = at - row * width - column;
            for row in range(row, height) {
                let columns = range(column, width);
                let row = first + row * width;
                self.dropped[row + columns.start..row + columns.end].fill(true);
            }
        }
    }

    fn scale<F: Float>(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) {
        let kept = self.dropped.iter().filter(|dropped| !**dropped).count();
        let scale = F::of(self.dropped.len() as f64 / kept.max(1) as f64);
        let x = x.as_standard_layout();
        with_numbers(y, |y| {
            for ((y, x), &dropped) in y.iter_mut().zip(numbers(&x)).zip(&self.dropped) {
                *y = if dropped { F::zero() } else { *x * scale };
            }
        });
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
        let seed = |i| threshold.is_none_or(|threshold| noise.word(i) < threshold);
        self.grow(x.len(), [height, width], seed);
        self.scale(x, y);
        Ok(())
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
