//! The parameters that are updated: one tensor, or a network's.

use crate::buffers::Buffers;
use tricks_tensor::{ParamKind, ParamMut, Parameters, Path, Place};

/// A set of parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Set {
    /// One tensor of so many elements.
    One(usize),
    /// A perceptron, 784-100-10: four small tensors.
    Mlp,
    /// ResNet-50 for 1000 classes: 161 tensors, 25.6 million elements.
    ResNet50,
}

impl Set {
    /// `16Mi`, `MLP`.
    pub fn name(self) -> String {
        match self {
            Set::One(n) if n.is_multiple_of(1 << 20) => format!("{}Mi", n >> 20),
            Set::One(n) if n.is_multiple_of(1 << 10) => format!("{}Ki", n >> 10),
            Set::One(n) => n.to_string(),
            Set::Mlp => "MLP".into(),
            Set::ResNet50 => "ResNet-50".into(),
        }
    }

    /// How many elements there are in all tensors together.
    pub fn elements(self) -> usize {
        match self {
            Set::One(n) => n,
            _ => self.shapes().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum(),
        }
    }

    /// The kind and shape of each tensor, in the order of the network.
    fn shapes(self) -> Vec<(ParamKind, Vec<usize>)> {
        match self {
            Set::One(n) => vec![(ParamKind::Weight, vec![n])],
            Set::Mlp => vec![
                (ParamKind::Weight, vec![100, 784]),
                (ParamKind::Bias, vec![100]),
                (ParamKind::Weight, vec![10, 100]),
                (ParamKind::Bias, vec![10]),
            ],
            Set::ResNet50 => resnet50(),
        }
    }
}

/// He, Zhang, Ren, Sun: *Deep residual learning for image recognition*, CVPR 2016, table 1: a 7×7
/// convolution, four stages of bottlenecks 1×1, 3×3, 1×1 (×4 wide), a dense layer; every
/// convolution without bias, before a batch normalization.
fn resnet50() -> Vec<(ParamKind, Vec<usize>)> {
    let mut shapes = Vec::new();
    let mut convolution = |out, input, size| {
        shapes.push((ParamKind::Weight, vec![out, input, size, size]));
        shapes.push((ParamKind::Scale, vec![out]));
        shapes.push((ParamKind::Shift, vec![out]));
    };
    convolution(64, 3, 7);
    let mut input = 64;
    for (blocks, width) in [(3, 64), (4, 128), (6, 256), (3, 512)] {
        for block in 0..blocks {
            convolution(width, input, 1);
            convolution(width, width, 3);
            convolution(4 * width, width, 1);
            if block == 0 {
                // The shortcut changes width with the stage.
                convolution(4 * width, input, 1);
            }
            input = 4 * width;
        }
    }
    shapes.push((ParamKind::Weight, vec![1000, input]));
    shapes.push((ParamKind::Bias, vec![1000]));
    shapes
}

struct Tensor {
    name: String,
    kind: ParamKind,
    shape: Vec<usize>,
    /// The value and its gradient.
    data: Buffers,
}

/// A set's numbers as a network holds them, each tensor in an allocation of its own. Where a user's
/// arrays stand is no doing of the update; at an unlucky distance it would run at half the speed.
pub struct Tensors(Vec<Tensor>);

/// A set's numbers, for the library and for the loops it is held against.
pub struct Fixture {
    /// As a network holds them.
    pub tensors: Tensors,
    /// As one tensor, for the limit.
    pub buffers: Buffers,
}

impl Fixture {
    /// The same numbers on both sides.
    pub fn new(set: Set) -> Self {
        let buffers = Buffers::new(2, set.elements(), (0..).map(value), (0..).map(grad));
        Self { tensors: Tensors::new(set), buffers }
    }
}

impl Tensors {
    /// The numbers of a set; they depend on their place among all of it alone.
    pub fn new(set: Set) -> Self {
        let mut at = 0;
        let tensors = set.shapes().into_iter().enumerate().map(|(index, (kind, shape))| {
            let from = at;
            at += shape.iter().product::<usize>();
            let data = Buffers::new(0, at - from, (from..at).map(value), (from..at).map(grad));
            Tensor { name: format!("tensor{index}"), kind, shape, data }
        });
        Self(tensors.collect())
    }

    /// All values, in order.
    pub fn values(&self) -> impl Iterator<Item = f32> {
        self.0.iter().flat_map(|tensor| tensor.data.values()).copied()
    }
}

/// Numbers of an ordinary size, of both signs; no update of them meets a zero or a denormal.
fn value(i: usize) -> f32 {
    (i.wrapping_mul(7919) % 1009) as f32 / 1009.0 - 0.45
}

fn grad(i: usize) -> f32 {
    (i.wrapping_mul(104_729) % 2003) as f32 / 2003.0 - 0.5
}

impl Parameters<f32> for Tensors {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, f32>)) {
        for tensor in &mut self.0 {
            let Tensor { name, kind, shape, data } = tensor;
            let mut rows = data.rows();
            let [Some(value), Some(grad)] = [rows.next(), rows.next()] else { continue };
            let path = at.name(name);
            f(Place { path: &path, kind: *kind, shape }, ParamMut::dense(value, grad));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_have_their_published_sizes() {
        assert_eq!(Set::ResNet50.shapes().len(), 161);
        assert_eq!(Set::ResNet50.elements(), 25_557_032);
        assert_eq!(Set::Mlp.elements(), 784 * 100 + 100 + 100 * 10 + 10);
    }

    #[test]
    fn names_say_the_size() {
        let names = [Set::One(4 << 10), Set::One(16 << 20), Set::One(1000)].map(Set::name);
        assert_eq!(names, ["4Ki", "16Mi", "1000"]);
    }

    #[test]
    fn all_sides_hold_the_same_numbers() {
        let mut fixture = Fixture::new(Set::Mlp);
        let piece = fixture.buffers.piece();
        assert!(fixture.tensors.values().eq(piece.p.iter().copied()));
        assert!(Tensors::new(Set::One(Set::Mlp.elements())).values().eq(fixture.tensors.values()));
        let grads = fixture.tensors.0.iter_mut().flat_map(|tensor| tensor.data.piece().g);
        assert!(grads.eq(piece.g));
        assert!(piece.g.iter().chain(&*piece.p).all(|x| x.abs() > 1e-5 && x.abs() < 1.0));
    }
}
