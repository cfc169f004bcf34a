//! Whatever shape, numbers or memory layout a layer is given, it gives a result or an error, and
//! the layout changes nothing.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use tricks_conformance::registry::{LAYERS, LayerRow};
use tricks_tensor::ndarray::{
    ArrayBase, ArrayD, ArrayViewD, Axis, IxDyn, RawData, ShapeBuilder as _, Slice,
};
use tricks_tensor::{Float, Layer, Mode, Noise, Parameters as _, Path};

/// How an array lies in memory.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Layout {
    C,
    Fortran,
    /// Every axis backwards: negative strides.
    Backwards,
    /// Every second number along each axis of a larger array.
    Stepped,
    /// The first of axis 0 again and again: a stride of zero. For what is only read.
    Repeated,
}

use Layout::{Backwards, C, Fortran, Repeated, Stepped};

impl Layout {
    /// What lies in memory, as the array it stands for.
    fn see<S: RawData>(self, mut memory: ArrayBase<S, IxDyn>) -> ArrayBase<S, IxDyn> {
        for axis in (0..memory.ndim()).map(Axis) {
            match self {
                Backwards => memory.invert_axis(axis),
                Stepped => memory.slice_axis_inplace(axis, Slice::new(0, None, 2)),
                C | Fortran | Repeated => {}
            }
        }
        memory
    }

    /// Memory that holds `x`.
    fn memory<F: Float>(self, x: ArrayViewD<'_, F>) -> ArrayD<F> {
        let times = if self == Stepped { 2 } else { 1 };
        let shape: Vec<usize> = x.shape().iter().map(|len| times * len).collect();
        let mut memory = ArrayD::zeros(IxDyn(&shape).set_f(self == Fortran));
        self.see(memory.view_mut()).assign(&x);
        memory
    }

    /// Calls `f` with `x` in this layout, and with a copy in C order.
    fn lend<F: Float, R>(
        self,
        x: &ArrayD<F>,
        f: impl FnOnce(ArrayViewD<'_, F>, ArrayViewD<'_, F>) -> R,
    ) -> R {
        if self == Repeated && x.ndim() > 0 && x.len_of(Axis(0)) > 0 {
            let first = x.slice_axis(Axis(0), Slice::from(0..1));
            let x = first.broadcast(x.raw_dim()).unwrap();
            let copy = C.memory(x.view());
            return f(x.view(), copy.view());
        }
        let memory = self.memory(x.view());
        f(self.see(memory.view()), x.view())
    }
}

/// Numbers of all kinds, small whole ones among them.
fn numbers<F: Float>(noise: Noise, shape: &[usize], wild: bool) -> ArrayD<F> {
    let odd = [f64::NAN, f64::INFINITY, -f64::INFINITY, -0.0, 1e300, -1e300, 1e-320, 7.0];
    let mut i = 0;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        i += 1;
        let (kind, x) = (noise.word(2 * i), 4.0 * noise.uniform(2 * i + 1));
        F::of(match kind % 16 {
            0..3 if wild => odd[(kind / 16 % 8) as usize],
            3..9 => x.floor(),
            _ => x - 2.0,
        })
    })
}

/// A shape a layer takes, or one like it, or any.
fn shape(row: &LayerRow, rows: usize, features: usize, change: u64, noise: Noise) -> Vec<usize> {
    let mut shape = (row.input)(rows, features);
    let at = noise.word(0) as usize % shape.len();
    let size = (noise.word(1) % 5) as usize;
    match change {
        0..4 => {}
        4 => shape[at] = 0,
        5 => shape[at] = size,
        6 => shape.insert(at, size),
        7 => drop(shape.remove(at)),
        _ => {
            shape = (0..noise.word(2) % 7)
                .map(|i| (noise.child(i.into()).word(0) % 4) as usize)
                .collect()
        }
    }
    shape
}

/// Says whose panic it was.
struct Named<'a>(&'a str);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was {}", self.0);
        }
    }
}

/// The same bits; any NaN is any other.
fn same<F: Float>(a: impl IntoIterator<Item = F>, b: impl IntoIterator<Item = F>) -> bool {
    let bits = |x: F| if x.is_nan() { None } else { Some(x.widen().to_bits()) };
    a.into_iter().map(bits).eq(b.into_iter().map(bits))
}

/// Every gradient of a layer.
fn gradients<F: Float>(layer: &mut Box<dyn Layer<F>>) -> Vec<F> {
    let mut all = Vec::new();
    layer.visit(&Path::ROOT, &mut |_, mut param| {
        all.extend_from_slice(param.grad.values().unwrap_or_default());
    });
    all
}

/// A pass in a layout and one in C order: both are refused, or their results are the same.
fn passes<F: Float>(
    make: impl Fn() -> Box<dyn Layer<F>>,
    x: &ArrayD<F>,
    [read, write]: [Layout; 2],
    noise: Noise,
) {
    let (mut layer, mut plain) = (make(), make());
    let shape = layer.output_shape(x.shape());
    let takes = shape.is_ok();
    let y = ArrayD::from_elem(shape.unwrap_or(IxDyn(x.shape())), F::one());
    let dy = numbers::<F>(noise.child(1), y.shape(), false);
    let fresh = make().backward(x.view(), y.view(), dy.view(), None, Mode::Eval);
    assert!(takes || fresh.is_err(), "backward, fresh");
    let longer = x.view().insert_axis(Axis(0));
    let mut long = y.view().insert_axis(Axis(0)).to_owned();
    assert!(make().forward(x.view(), long.view_mut(), Mode::Eval).is_err(), "longer output");
    let (mut dx, none) = (longer.to_owned(), Mode::Eval);
    let refused = make().backward(x.view(), y.view(), dy.view(), Some(dx.view_mut()), none);
    assert!(refused.is_err(), "longer input gradient");

    read.lend(x, |x, copy| {
        for mode in [Mode::Train(noise), Mode::Eval] {
            let (mut to, mut z) = (write.memory(y.view()), y.clone());
            let done = layer.forward(x.view(), write.see(to.view_mut()), mode);
            let want = plain.forward(copy.view(), z.view_mut(), mode);
            assert_eq!(done.is_ok(), want.is_ok(), "forward: {done:?}, {want:?}");
            assert!(takes || done.is_err(), "forward");
            if done.is_err() {
                continue;
            }
            let seen = write.see(to.view());
            assert!(same(seen.iter().copied(), z.iter().copied()), "output");
            let (mut into, mut dz) = (write.memory(copy.view()), copy.to_owned());
            let dx = Some(write.see(into.view_mut()));
            let done = read.lend(&dy, |dy, copied| {
                let want = plain.backward(copy.view(), z.view(), copied, Some(dz.view_mut()), mode);
                (layer.backward(x.view(), seen.view(), dy, dx, mode), want)
            });
            assert_eq!(done.0.is_ok(), done.1.is_ok(), "backward: {done:?}");
            if done.0.is_ok() {
                let into = write.see(into.view());
                assert!(same(into.iter().copied(), dz.iter().copied()), "input gradient");
                assert!(same(gradients(&mut layer), gradients(&mut plain)), "gradients");
            }
        }
        let (mut to, mut z) = (write.memory(y.view()), y.clone());
        let done = layer.infer(x.view(), write.see(to.view_mut()));
        let want = plain.infer(copy.view(), z.view_mut());
        assert_eq!(done.is_ok(), want.is_ok(), "infer: {done:?}, {want:?}");
        assert!(takes || done.is_err(), "infer");
        if done.is_ok() {
            assert!(same(write.see(to.view()).iter().copied(), z.iter().copied()), "infer");
        }
    });
}

fn written() -> impl Strategy<Value = Layout> {
    prop_oneof![Just(C), Just(Fortran), Just(Backwards), Just(Stepped)]
}

proptest! {
    #[test]
    fn a_result_or_an_error(
        rows in 0usize..6, features in 1usize..6, change in 0u64..10, wild: bool,
        read in prop_oneof![written(), Just(Repeated)], write in written(), seed: u64,
    ) {
        for (number, row) in LAYERS.iter().enumerate() {
            let noise = Noise::new(seed).child(number as u64);
            let shape = shape(row, rows, features, change, noise);
            let text = format!("{} of {features} features with {shape:?}", row.about.name);
            let _named = Named(&text);
            let (layouts, draw) = ([read, write], noise.child(0));
            passes(|| (row.make.0)(features), &numbers(draw, &shape, wild), layouts, noise);
            passes(|| (row.make.1)(features), &numbers(draw, &shape, wild), layouts, noise);
        }
    }
}
