use super::window::{Window, images};
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use std::ops::Range;
use tricks_tensor::kernel::{join, worth_forking};
use tricks_tensor::views::{numbers, require_backward, require_shape, with_numbers};
use tricks_tensor::{
    Error, Float, Layer, Mode, ParamMut, Parameters, Path, Place, Result, ndarray,
};

/// The largest number of each window.
///
/// # Formula
/// ```text
/// y[i, j] = max of x[i s − p + k, j s − p + l] over the kernel, the padding left out
/// dx      = dy at the first maximum of each window in row-major order, summed over windows
/// ```
/// `x` is `[samples, channels, height, width]`, and each channel is by itself.
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `kernel` | | – | at least 1 |
/// | `stride` | s | `kernel` | at least 1 |
/// | `padding` | p | 0 | at most half of `kernel` |
///
/// A NaN in a window is its maximum. Between equals the first gets the gradient, as in PyTorch.
///
/// ```
/// use tricks_net::layers::MaxPool2d;
/// use tricks_tensor::{Layer, ndarray::ArrayD};
/// let x = ArrayD::from_shape_vec(vec![1, 1, 2, 4], vec![1.0, 5.0, 2.0, 3.0, 4.0, 0.0, 8.0, 7.0]);
/// let mut y = ArrayD::zeros(vec![1, 1, 1, 2]);
/// MaxPool2d::new([2, 2])?.infer(x.unwrap().view(), y.view_mut())?;
/// assert_eq!(y.as_slice().unwrap(), [5.0, 8.0]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool2d {
    window: Window,
}

/// The mean of each window.
///
/// # Formula
/// ```text
/// y[i, j] = 1/D Σ x[i s − p + k, j s − p + l] over the kernel
/// dx      = Σ dy/D over the windows an element is in
/// ```
/// `x` is `[samples, channels, height, width]`, and each channel is by itself. `D` is the size of
/// the kernel, padding included; or with [`AvgPool2d::without_padding`], as in Keras, the number
/// of elements of the image in the window.
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `kernel` | | – | at least 1 |
/// | `stride` | s | `kernel` | at least 1 |
/// | `padding` | p | 0 | at most half of `kernel` |
///
/// Sums are taken in `f64`.
///
/// ```
/// use tricks_net::layers::AvgPool2d;
/// use tricks_tensor::{Layer, ndarray::ArrayD};
/// let x = ArrayD::from_shape_vec(vec![1, 1, 2, 4], vec![1.0, 5.0, 2.0, 3.0, 4.0, 0.0, 8.0, 7.0]);
/// let mut y = ArrayD::zeros(vec![1, 1, 1, 2]);
/// AvgPool2d::new([2, 2])?.infer(x.unwrap().view(), y.view_mut())?;
/// assert_eq!(y.as_slice().unwrap(), [2.5, 5.0]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AvgPool2d {
    window: Window,
    counts_padding: bool,
}

/// Means over as many windows as asked for, whatever the size of the image; `[1, 1]` is global
/// average pooling.
///
/// # Formula
/// ```text
/// y[i, j] = mean of x over rows ⌊i h/H⌋ … ⌈(i + 1) h/H⌉ − 1, columns likewise
/// ```
/// `x` is `[samples, channels, h, w]`, `y` is `[samples, channels, H, W]`; windows overlap where
/// `H` does not divide `h`, as in PyTorch. Sums are taken in `f64`.
///
/// Source: Lin, Chen, Yan: *Network in network*, ICLR 2014, section 3.2 (the global one).
///
/// ```
/// use tricks_net::layers::AdaptiveAvgPool2d;
/// use tricks_tensor::{Layer, ndarray::ArrayD};
/// let x = ArrayD::from_shape_vec(vec![1, 1, 1, 4], vec![1.0, 5.0, 2.0, 4.0]).unwrap();
/// let mut y = ArrayD::zeros(vec![1, 1, 1, 1]);
/// AdaptiveAvgPool2d::new([1, 1])?.infer(x.view(), y.view_mut())?;
/// assert_eq!(y.as_slice().unwrap(), [3.0]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptiveAvgPool2d {
    output: [usize; 2],
}

fn window(name: &'static str, kernel: [usize; 2]) -> Result<Window> {
    let window = Window { kernel, stride: kernel, padding: [0; 2], dilation: [1; 2] };
    window.check(name)?;
    Ok(window)
}

/// Windows that move by `stride`, over an image with `padding` around it.
fn moved(
    name: &'static str,
    window: Window,
    stride: [usize; 2],
    padding: [usize; 2],
) -> Result<Window> {
    let window = Window { stride, padding, ..window };
    window.check(name)?;
    let kernel = window.kernel;
    if (0..2).any(|axis| padding[axis] > kernel[axis] / 2) {
        let message =
            format!("padding is {padding:?}, must be at most half of the kernel, {kernel:?}");
        return Err(Error::invalid(name, message));
    }
    Ok(window)
}

impl MaxPool2d {
    /// With this kernel, height before width, side by side.
    ///
    /// # Errors
    /// A kernel of 0.
    pub fn new(kernel: [usize; 2]) -> Result<Self> {
        Ok(Self { window: window("MaxPool2d", kernel)? })
    }

    /// The same with another stride, and with padding.
    ///
    /// # Errors
    /// A stride of 0; padding of more than half the kernel.
    pub fn moving(self, stride: [usize; 2], padding: [usize; 2]) -> Result<Self> {
        Ok(Self { window: moved("MaxPool2d", self.window, stride, padding)? })
    }
}

impl AvgPool2d {
    /// With this kernel, height before width, side by side.
    ///
    /// # Errors
    /// A kernel of 0.
    pub fn new(kernel: [usize; 2]) -> Result<Self> {
        Ok(Self { window: window("AvgPool2d", kernel)?, counts_padding: true })
    }

    /// The same with another stride, and with padding.
    ///
    /// # Errors
    /// A stride of 0; padding of more than half the kernel.
    pub fn moving(self, stride: [usize; 2], padding: [usize; 2]) -> Result<Self> {
        Ok(Self { window: moved("AvgPool2d", self.window, stride, padding)?, ..self })
    }

    /// The same with a mean over the elements of the image alone.
    #[must_use]
    pub fn without_padding(self) -> Self {
        Self { counts_padding: false, ..self }
    }
}

impl AdaptiveAvgPool2d {
    /// For an output of this height and width.
    ///
    /// # Errors
    /// A height or width of 0.
    pub fn new(output: [usize; 2]) -> Result<Self> {
        if output.contains(&0) {
            let message = format!("output is {output:?}, must be at least 1");
            return Err(Error::invalid("AdaptiveAvgPool2d", message));
        }
        Ok(Self { output })
    }
}

/// What differs between the pools.
trait Pool: Copy + Sync {
    const NAME: &'static str;
    fn places(self, image: [usize; 2]) -> Result<[usize; 2]>;
    /// The positions window `place` sees along an axis of this length.
    fn range(self, axis: usize, place: usize, len: usize) -> Range<usize>;
    /// The value of a window of an image of this width.
    fn value<F: Float>(self, x: &[F], width: usize, seen: [Range<usize>; 2]) -> F;
    /// Adds `dy` times the gradient of [`value`](Pool::value).
    fn add<F: Float>(self, x: &[F], width: usize, seen: [Range<usize>; 2], dy: F, dx: &mut [F]);
}

fn positions(width: usize, [rows, columns]: [Range<usize>; 2]) -> impl Iterator<Item = usize> {
    rows.flat_map(move |row| columns.clone().map(move |column| row * width + column))
}

impl MaxPool2d {
    /// Where the first maximum is. No window is empty: padding is at most half of one.
    fn first<F: Float>(x: &[F], width: usize, seen: [Range<usize>; 2]) -> usize {
        let mut best = seen[0].start * width + seen[1].start;
        for at in positions(width, seen) {
            if x[at] > x[best] || (x[at].is_nan() && !x[best].is_nan()) {
                best = at;
            }
        }
        best
    }
}

impl Pool for MaxPool2d {
    const NAME: &'static str = "MaxPool2d";

    fn places(self, image: [usize; 2]) -> Result<[usize; 2]> {
        self.window.places(Self::NAME, image)
    }
    fn range(self, axis: usize, place: usize, len: usize) -> Range<usize> {
        self.window.range(axis, place, len)
    }
    fn value<F: Float>(self, x: &[F], width: usize, seen: [Range<usize>; 2]) -> F {
        x[Self::first(x, width, seen)]
    }
    fn add<F: Float>(self, x: &[F], width: usize, seen: [Range<usize>; 2], dy: F, dx: &mut [F]) {
        dx[Self::first(x, width, seen)] += dy;
    }
}

fn mean<F: Float>(x: &[F], width: usize, seen: [Range<usize>; 2], of: usize) -> F {
    let sum: f64 = positions(width, seen).map(|at| x[at].widen()).sum();
    F::of(sum / of as f64)
}

fn add_mean<F: Float>(width: usize, seen: [Range<usize>; 2], of: usize, dy: F, dx: &mut [F]) {
    let share = dy / F::of(of as f64);
    positions(width, seen).for_each(|at| dx[at] += share);
}

fn size(seen: &[Range<usize>; 2]) -> usize {
    seen[0].len() * seen[1].len()
}

impl AvgPool2d {
    fn divisor(self, seen: &[Range<usize>; 2]) -> usize {
        let [height, width] = self.window.kernel;
        if self.counts_padding { height * width } else { size(seen) }
    }
}

impl Pool for AvgPool2d {
    const NAME: &'static str = "AvgPool2d";

    fn places(self, image: [usize; 2]) -> Result<[usize; 2]> {
        self.window.places(Self::NAME, image)
    }
    fn range(self, axis: usize, place: usize, len: usize) -> Range<usize> {
        self.window.range(axis, place, len)
    }
    fn value<F: Float>(self, x: &[F], width: usize, seen: [Range<usize>; 2]) -> F {
        let of = self.divisor(&seen);
        mean(x, width, seen, of)
    }
    fn add<F: Float>(self, _: &[F], width: usize, seen: [Range<usize>; 2], dy: F, dx: &mut [F]) {
        let of = self.divisor(&seen);
        add_mean(width, seen, of, dy, dx);
    }
}

impl Pool for AdaptiveAvgPool2d {
    const NAME: &'static str = "AdaptiveAvgPool2d";

    fn places(self, _: [usize; 2]) -> Result<[usize; 2]> {
        Ok(self.output)
    }
    fn range(self, axis: usize, place: usize, len: usize) -> Range<usize> {
        let places = self.output[axis];
        place * len / places..((place + 1) * len).div_ceil(places)
    }
    fn value<F: Float>(self, x: &[F], width: usize, seen: [Range<usize>; 2]) -> F {
        let of = size(&seen);
        mean(x, width, seen, of)
    }
    fn add<F: Float>(self, _: &[F], width: usize, seen: [Range<usize>; 2], dy: F, dx: &mut [F]) {
        let of = size(&seen);
        add_mean(width, seen, of, dy, dx);
    }
}

/// Sizes of one image and its output.
#[derive(Clone, Copy)]
struct Sizes {
    image: [usize; 2],
    places: [usize; 2],
}

impl Sizes {
    /// The windows of one image, in order.
    fn windows(self, pool: impl Pool) -> impl Iterator<Item = [Range<usize>; 2]> {
        let Sizes { image: [height, width], places: [down, across] } = self;
        (0..down).flat_map(move |i| {
            (0..across).map(move |j| [pool.range(0, i, height), pool.range(1, j, width)])
        })
    }

    /// `f` with every image and output, on many threads: each is somebody's alone.
    fn each<F: Float>(
        self,
        [read, more]: [&[F]; 2],
        [in_read, in_more]: [usize; 2],
        write: &mut [F],
        in_write: usize,
        f: impl Fn(&[F], &[F], &mut [F]) + Copy + Send + Sync,
    ) {
        let count = write.len() / in_write.max(1);
        if count > 1 && worth_forking(read.len()) {
            let half = count / 2;
            let (read0, read1) = read.split_at(half * in_read);
            let (more0, more1) = more.split_at(half * in_more);
            let (write0, write1) = write.split_at_mut(half * in_write);
            let sizes = [in_read, in_more];
            join(
                || self.each([read0, more0], sizes, write0, in_write, f),
                || self.each([read1, more1], sizes, write1, in_write, f),
            );
            return;
        }
        for i in 0..count {
            let (read, more) = (&read[i * in_read..][..in_read], &more[i * in_more..][..in_more]);
            f(read, more, &mut write[i * in_write..][..in_write]);
        }
    }
}

fn sizes<P: Pool>(pool: P, x: &[usize]) -> Result<(Sizes, [usize; 4])> {
    let [samples, channels, height, width] = images(P::NAME, x)?;
    let image = [height, width];
    if image.contains(&0) {
        return Err(Error::invalid(P::NAME, format!("an image of {image:?}")));
    }
    let places = pool.places(image)?;
    Ok((Sizes { image, places }, [samples, channels, places[0], places[1]]))
}

fn infer<F: Float, P: Pool>(pool: P, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
    let (sizes, expected) = sizes(pool, x.shape())?;
    require_shape(P::NAME, ("output", y.shape()), ("expected", &expected))?;
    let x = x.as_standard_layout();
    let (x, width) = (numbers(&x), sizes.image[1]);
    let (pixels, area) = (sizes.image[0] * width, sizes.places[0] * sizes.places[1]);
    with_numbers(y, |y| {
        sizes.each([x, x], [pixels; 2], y, area, |x, _, y| {
            for (y, seen) in y.iter_mut().zip(sizes.windows(pool)) {
                *y = pool.value(x, width, seen);
            }
        });
    });
    Ok(())
}

fn backward<F: Float, P: Pool>(
    pool: P,
    x: ArrayViewD<'_, F>,
    y: ArrayViewD<'_, F>,
    dy: ArrayViewD<'_, F>,
    dx: Option<ArrayViewMutD<'_, F>>,
) -> Result<()> {
    let (sizes, expected) = sizes(pool, x.shape())?;
    require_backward(P::NAME, &expected, &x, &y, &dy, dx.as_ref())?;
    let Some(dx) = dx else { return Ok(()) };
    let (x, dy) = (x.as_standard_layout(), dy.as_standard_layout());
    let width = sizes.image[1];
    let (pixels, area) = (sizes.image[0] * width, sizes.places[0] * sizes.places[1]);
    with_numbers(dx, |dx| {
        dx.fill(F::zero());
        sizes.each([numbers(&x), numbers(&dy)], [pixels, area], dx, pixels, |x, dy, dx| {
            for (&dy, seen) in dy.iter().zip(sizes.windows(pool)) {
                pool.add(x, width, seen, dy, dx);
            }
        });
    });
    Ok(())
}

macro_rules! pool {
    ($layer:ident) => {
        impl<F: Float> Parameters<F> for $layer {
            fn visit<'p>(
                &'p mut self,
                _: &Path<'_>,
                _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>),
            ) {
            }
        }

        impl<F: Float> Layer<F> for $layer {
            fn name(&self) -> &'static str {
                stringify!($layer)
            }
            fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
                Ok(IxDyn(&sizes(*self, x)?.1))
            }
            fn forward(
                &mut self,
                x: ArrayViewD<'_, F>,
                y: ArrayViewMutD<'_, F>,
                _: Mode,
            ) -> Result<()> {
                infer(*self, x, y)
            }
            fn backward(
                &mut self,
                x: ArrayViewD<'_, F>,
                y: ArrayViewD<'_, F>,
                dy: ArrayViewD<'_, F>,
                dx: Option<ArrayViewMutD<'_, F>>,
                _: Mode,
            ) -> Result<()> {
                backward(*self, x, y, dy, dx)
            }
            fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
                infer(*self, x, y)
            }
        }
    };
}
pool!(MaxPool2d);
pool!(AvgPool2d);
pool!(AdaptiveAvgPool2d);

#[cfg(test)]
mod tests;
