use crate::masked::{Pass, masked_layer};
use tricks_tensor::kernel::{join, vectorize, worth_forking};
use tricks_tensor::ndarray::{ArrayViewD, ArrayViewMutD};
use tricks_tensor::views::{numbers, require_shape, with_numbers};
use tricks_tensor::{Float, Mode, Noise, Result, hyper};

/// Inverted dropout: in training each element is zeroed with probability `p`, and the others grow
/// by `1/(1 − p)`.
///
/// # Formula
/// ```text
/// training:   yᵢ = xᵢ/(1 − p)  if wordᵢ ≥ p·2³²,  else 0
/// evaluation: y = x
/// backward:   dy in place of x, with the same mask
/// ```
///
/// `wordᵢ` is 32 uniform bits: word `i` of the noise of the pass, `i` the position in C order.
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `p` | p | none; 0.1–0.2 for inputs, 0.5 for hidden units | [0, 1] |
///
/// # Memory
/// None. The mask is a function of the noise: `backward` computes it again.
///
/// # Notes
/// * `p` is the probability to *drop*, as in PyTorch and Keras. It is met to 2⁻³², in integers.
/// * `p = 0` is the identity and `p = 1` gives zeros, both exactly.
/// * A dropped element is `0`, also where the input is negative, infinite or NaN.
/// * The expectation of `y` is `x`, so nothing is scaled in evaluation. In the original paper it
///   is the other way round: weights times `1 − p` in evaluation, nothing in training.
///
/// # Source
/// Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov: *Dropout: a simple way to prevent
/// neural networks from overfitting*, JMLR 15, 2014.
///
/// ```
/// use tricks_regularize::Dropout;
/// use tricks_tensor::{Layer, Mode, Noise, ndarray::ArrayD};
///
/// let mut dropout = Dropout::new(0.5)?;
/// let x = ArrayD::<f32>::ones(vec![4, 250]);
/// let mut y = x.clone();
/// dropout.forward(x.view(), y.view_mut(), Mode::Train(Noise::new(1)))?;
/// assert!(y.iter().all(|&y| y == 0.0 || y == 2.0));
/// assert!((y.sum() - 1000.0).abs() < 100.0);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dropout {
    p: f64,
}

const NAME: &str = "Dropout";

/// 2³², exact.
const WORD_VALUES: f64 = (1u64 << 32) as f64;

/// Random words that are on the stack at a time.
const WORDS: usize = 1024;

impl Dropout {
    /// Dropout with probability `p`.
    ///
    /// # Errors
    /// [`Error::Hyper`](tricks_tensor::Error::Hyper) if `p` is not in [0, 1].
    pub fn new(p: f64) -> Result<Self> {
        hyper::probability(NAME, "p", p)?;
        Ok(Self { p })
    }

    /// The probability to drop an element.
    pub fn p(self) -> f64 {
        self.p
    }

    /// `y = x/(1 − p)` where `keep` is true, else 0: dropout with a mask of your own.
    ///
    /// `p = 1` gives zeros whatever the mask. The backward pass is the same call with gradients.
    ///
    /// ```
    /// use tricks_regularize::Dropout;
    /// use tricks_tensor::ndarray::{ArrayD, arr1};
    ///
    /// let (x, keep) = (arr1(&[1.0, -2.0, 3.0]).into_dyn(), arr1(&[true, false, true]).into_dyn());
    /// let mut y = ArrayD::zeros(x.raw_dim());
    /// Dropout::new(0.5)?.apply(x.view(), keep.view(), y.view_mut())?;
    /// assert_eq!(y, arr1(&[2.0, 0.0, 6.0]).into_dyn());
    /// # Ok::<(), tricks_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// Different shapes.
    pub fn apply<F: Float>(
        self,
        x: ArrayViewD<'_, F>,
        keep: ArrayViewD<'_, bool>,
        y: ArrayViewMutD<'_, F>,
    ) -> Result<()> {
        require_shape(NAME, ("mask", keep.shape()), ("input", x.shape()))?;
        require_shape(NAME, ("output", y.shape()), ("input", x.shape()))?;
        self.apply_units(1, x, keep, y);
        Ok(())
    }

    /// `1/(1 − p)`; not to be used for p = 1, where nothing is kept.
    fn scale<F: Float>(self) -> F {
        F::of(1.0 / (1.0 - self.p))
    }

    /// The smallest word that keeps an element: `p·2³²` rounded up, which is exact because a word
    /// is an integer. `None` if no word does.
    pub(crate) fn threshold(self) -> Option<u32> {
        u32::try_from((self.p * WORD_VALUES).ceil() as u64).ok()
    }

    fn check(self, _: &[usize]) -> Result<()> {
        Ok(())
    }

    /// What both passes do.
    fn pass<F: Float>(self, _: Pass, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) {
        self.drop_units(1, x, y, mode);
    }

    /// Keeps or drops `unit` neighbours at a time, by the word of their place in C order.
    pub(crate) fn drop_units<F: Float>(
        self,
        unit: usize,
        x: ArrayViewD<'_, F>,
        mut y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) {
        match (mode, self.threshold()) {
            (Mode::Eval, _) | (Mode::Train(_), Some(0)) => y.assign(&x),
            (Mode::Train(_), None) => y.fill(F::zero()),
            (Mode::Train(noise), Some(threshold)) => {
                let x = x.as_standard_layout();
                let (x, scale) = (numbers(&x), self.scale::<F>());
                with_numbers(y, |y| match unit {
                    1 => keep_or_drop(
                        (noise, 0),
                        threshold,
                        x,
                        y,
                        #[inline(always)]
                        |x| x * scale,
                        F::zero(),
                    ),
                    _ => units((noise, 0), threshold, scale, unit.max(1), x, y),
                });
            }
        }
    }

    /// `apply` with one entry of the mask for `unit` neighbours.
    pub(crate) fn apply_units<F: Float>(
        self,
        unit: usize,
        x: ArrayViewD<'_, F>,
        keep: ArrayViewD<'_, bool>,
        y: ArrayViewMutD<'_, F>,
    ) {
        let (scale, some) = (self.scale::<F>(), self.p < 1.0);
        let (x, unit) = (x.as_standard_layout(), unit.max(1));
        with_numbers(y, |y| {
            for ((y, x), &keep) in y.chunks_mut(unit).zip(numbers(&x).chunks(unit)).zip(&keep) {
                scale_unit((keep && some).then_some(scale), x, y);
            }
        });
    }
}

/// `y ← x·scale`, or zeros.
fn scale_unit<F: Float>(scale: Option<F>, x: &[F], y: &mut [F]) {
    match scale {
        Some(scale) => vectorize(
            #[inline(always)]
            || y.iter_mut().zip(x).for_each(|(y, x)| *y = *x * scale),
        ),
        None => y.fill(F::zero()),
    }
}

/// Keeps the units whose word is at least `threshold`; the words start at `first`.
fn units<F: Float>(
    (noise, first): (Noise, u64),
    threshold: u32,
    scale: F,
    unit: usize,
    x: &[F],
    y: &mut [F],
) {
    let middle = x.len() / unit / 2;
    if middle > 0 && worth_forking(x.len()) {
        let (x0, x1) = x.split_at(middle * unit);
        let (y0, y1) = y.split_at_mut(middle * unit);
        let second = first + middle as u64;
        join(
            || units((noise, first), threshold, scale, unit, x0, y0),
            || units((noise, second), threshold, scale, unit, x1, y1),
        );
        return;
    }
    for (i, (x, y)) in x.chunks(unit).zip(y.chunks_mut(unit)).enumerate() {
        let keep = noise.word(first + i as u64) >= threshold;
        scale_unit(keep.then_some(scale), x, y);
    }
}

/// `y ← kept(x)` where the word is at least `threshold`, and `dropped` elsewhere. The words start
/// at `first`, so any cut between threads gives the same mask. `kept` must be a closure marked
/// `#[inline(always)]`.
pub(crate) fn keep_or_drop<F: Float>(
    (noise, first): (Noise, u64),
    threshold: u32,
    x: &[F],
    y: &mut [F],
    kept: impl Fn(F) -> F + Copy + Send + Sync,
    dropped: F,
) {
    if worth_forking(x.len()) {
        let middle = (x.len() / 2).next_multiple_of(WORDS);
        let (x0, x1) = x.split_at(middle);
        let (y0, y1) = y.split_at_mut(middle);
        let second = first + middle as u64;
        join(
            || keep_or_drop((noise, first), threshold, x0, y0, kept, dropped),
            || keep_or_drop((noise, second), threshold, x1, y1, kept, dropped),
        );
        return;
    }
    let mut words = [0; WORDS];
    let mut first = first;
    for (x, y) in x.chunks(WORDS).zip(y.chunks_mut(WORDS)) {
        let words = &mut words[..x.len()];
        noise.fill_words(first, words);
        first += words.len() as u64;
        vectorize(
            #[inline(always)]
            || {
                // By index, and computed before the choice: so it becomes vector instructions
                // instead of a branch on random bits, which is mispredicted half the time.
                let (y, words) = (&mut y[..x.len()], &words[..x.len()]);
                for i in 0..x.len() {
                    let kept = kept(x[i]);
                    y[i] = if words[i] >= threshold { kept } else { dropped };
                }
            },
        );
    }
}

masked_layer! { impl Layer<F> for Dropout }

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::Layer;
    use tricks_tensor::ndarray::ArrayD;

    #[test]
    fn thresholds_are_exact() {
        let threshold = |p| Dropout::new(p).unwrap().threshold();
        assert_eq!(threshold(0.0), Some(0));
        assert_eq!(threshold(0.5), Some(1 << 31));
        // 0.1 · 2³² = 429 496 729.6: that word is dropped, the next one kept.
        assert_eq!(threshold(0.1), Some(429_496_730));
        assert_eq!(threshold(f64::MIN_POSITIVE), Some(1));
        assert_eq!(threshold(1.0 - f64::EPSILON), None);
        assert_eq!(threshold(1.0), None);
    }

    #[test]
    fn the_mask_is_the_words() {
        let mut dropout = Dropout::new(0.3).unwrap();
        let noise = Noise::new(9).pass(4);
        let x = ArrayD::from_shape_fn(vec![7, 443], |i| (i[0] * 443 + i[1]) as f64 - 1500.5);
        let (mut y, mut dx) = (ArrayD::zeros(x.raw_dim()), ArrayD::zeros(x.raw_dim()));
        let mode = Mode::Train(noise);
        dropout.forward(x.view(), y.view_mut(), mode).unwrap();
        dropout.backward(x.view(), y.view(), x.view(), Some(dx.view_mut()), mode).unwrap();
        for (i, (&x, &y)) in x.iter().zip(&y).enumerate() {
            // 1/(1 − 0.3) and 0.3 · 2³² = 1 288 490 188.8.
            let want = if noise.word(i as u64) > 1_288_490_188 { x * (1.0 / 0.7) } else { 0.0 };
            assert_eq!(y, want, "element {i}");
        }
        assert_eq!(y, dx, "the backward pass has the same mask");
    }

    /// The word that equals p·2³² is kept; with p half a word larger it is dropped.
    #[test]
    fn the_bound_itself_is_kept() {
        let noise = Noise::new(2);
        let x = ArrayD::<f64>::ones(vec![8]);
        for i in 0..8 {
            let word = f64::from(noise.word(i as u64));
            let y_at = |p| {
                let mut y = x.clone();
                let train = Mode::Train(noise);
                Dropout::new(p).unwrap().forward(x.view(), y.view_mut(), train).unwrap();
                y[[i]]
            };
            assert_eq!(y_at(word / WORD_VALUES), 1.0 / (1.0 - word / WORD_VALUES));
            assert_eq!(y_at((word + 0.5) / WORD_VALUES), 0.0);
        }
    }

    #[test]
    fn ends_are_exact() {
        let x = ArrayD::from_shape_vec(vec![3], vec![f64::INFINITY, -2.0, f64::NAN]).unwrap();
        let train = Mode::Train(Noise::new(0));
        let mut y = x.clone();
        Dropout::new(1.0).unwrap().forward(x.view(), y.view_mut(), train).unwrap();
        assert_eq!(y.as_slice().unwrap(), [0.0; 3]);
        let keep = ArrayD::from_elem(vec![3], true);
        y.fill(1.0);
        Dropout::new(1.0).unwrap().apply(x.view(), keep.view(), y.view_mut()).unwrap();
        assert_eq!(y.as_slice().unwrap(), [0.0; 3]);
        let mut identity = |p, mode| {
            Dropout::new(p).unwrap().forward(x.view(), y.view_mut(), mode).unwrap();
            assert!(x.iter().zip(&y).all(|(x, y)| x.to_bits() == y.to_bits()));
        };
        identity(0.0, train);
        identity(0.5, Mode::Eval);
    }

    #[test]
    fn probabilities_outside_are_refused() {
        let refused = |p| Dropout::new(p).unwrap_err().to_string();
        assert_eq!(refused(1.1), "Dropout: p is 1.1, must be in [0, 1]");
        assert_eq!(refused(-0.1), "Dropout: p is -0.1, must be in [0, 1]");
        assert_eq!(refused(f64::NAN), "Dropout: p is NaN, must be in [0, 1]");
    }
}
