//! One pass through a net with somebody standing around each of its layers.

use crate::layers::Sequential;
use ndarray::{ArrayViewD, ArrayViewMutD, IxDyn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tricks_tensor::{
    Float, Inside, Layer, LayerVisitor, Mode, ParamKind, ParamMut, Parameters, Path, Place, Result,
    ndarray,
};

/// What to do in place of the passes of a layer that is no container.
pub(super) trait Around<F: Float>: Send {
    fn forward(
        &mut self,
        layer: &mut dyn Layer<F>,
        x: ArrayViewD<'_, F>,
        y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()>;

    fn backward(
        &mut self,
        layer: &mut dyn Layer<F>,
        (x, y): (ArrayViewD<'_, F>, ArrayViewD<'_, F>),
        (dy, dx): (ArrayViewD<'_, F>, Option<ArrayViewMutD<'_, F>>),
        mode: Mode,
    ) -> Result<()> {
        layer.backward(x, y, dy, dx, mode)
    }
}

/// A net whose layers are made of layers, down to those that are no containers.
#[derive(Debug)]
pub(super) enum Node {
    Leaf(usize),
    Chain(Vec<Node>),
    Branches(Vec<Node>),
}

/// A layer taken out of its container, and who stands around it.
struct Leaf<F, A> {
    layer: Box<dyn Layer<F>>,
    around: A,
}

/// What stands in the container meanwhile. It only lives for a pass, so nobody asks it for
/// parameters.
struct StandIn<F, A> {
    name: &'static str,
    leaf: Arc<Mutex<Leaf<F, A>>>,
}

impl<F, A> StandIn<F, A> {
    fn leaf(&self) -> MutexGuard<'_, Leaf<F, A>> {
        self.leaf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Float, A: Around<F>> Parameters<F> for StandIn<F, A> {
    fn visit<'p>(&'p mut self, _: &Path<'_>, _: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {}
}

impl<F: Float, A: Around<F>> Layer<F> for StandIn<F, A> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn output_shape(&self, x: &[usize]) -> Result<IxDyn> {
        self.leaf().layer.output_shape(x)
    }

    fn forward(&mut self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>, mode: Mode) -> Result<()> {
        let Leaf { layer, around } = &mut *self.leaf();
        around.forward(&mut **layer, x, y, mode)
    }

    fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        dx: Option<ArrayViewMutD<'_, F>>,
        mode: Mode,
    ) -> Result<()> {
        let Leaf { layer, around } = &mut *self.leaf();
        around.backward(&mut **layer, (x, y), (dy, dx), mode)
    }

    fn infer(&self, x: ArrayViewD<'_, F>, y: ArrayViewMutD<'_, F>) -> Result<()> {
        self.leaf().layer.infer(x, y)
    }
}

/// A net with somebody around each layer; dropped, it is as it was.
pub(super) struct Watched<'a, F: Float, A: Around<F> + 'static> {
    root: &'a mut dyn Layer<F>,
    leaves: Vec<Arc<Mutex<Leaf<F, A>>>>,
    /// If the net is one layer, which has no container to be taken out of.
    alone: Option<A>,
    structure: Node,
}

impl<'a, F: Float, A: Around<F> + 'static> Watched<'a, F, A> {
    /// `make` is shown the layers that are no containers, in order.
    pub(super) fn new(
        root: &'a mut dyn Layer<F>,
        mut make: impl FnMut(&Path<'_>, &mut dyn Layer<F>) -> A,
    ) -> Self {
        let mut leaves = Vec::new();
        let structure = each_leaf(root, &Path::ROOT, &mut 0, &mut |at, slot| {
            let (name, around) = (slot.name(), make(at, &mut **slot));
            let layer = std::mem::replace(slot, Box::new(Sequential::new()));
            let leaf = Arc::new(Mutex::new(Leaf { layer, around }));
            leaves.push(Arc::clone(&leaf));
            *slot = Box::new(StandIn { name, leaf });
        });
        let alone = structure.is_none().then(|| make(&Path::ROOT, root));
        Self { root, leaves, alone, structure: structure.unwrap_or(Node::Leaf(0)) }
    }

    pub(super) fn forward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        match &mut self.alone {
            Some(around) => around.forward(self.root, x, y, mode),
            None => self.root.forward(x, y, mode),
        }
    }

    pub(super) fn backward(
        &mut self,
        x: ArrayViewD<'_, F>,
        y: ArrayViewD<'_, F>,
        dy: ArrayViewD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        match &mut self.alone {
            Some(around) => around.backward(self.root, (x, y), (dy, None), mode),
            None => self.root.backward(x, y, dy, None, mode),
        }
    }

    /// How the layers are joined; they are numbered as `make` was shown them.
    pub(super) fn take_structure(&mut self) -> Node {
        std::mem::replace(&mut self.structure, Node::Chain(Vec::new()))
    }

    /// Those who stood around, in order.
    pub(super) fn finish(mut self) -> Vec<A> {
        let alone = self.alone.take();
        self.put_back().into_iter().chain(alone).collect()
    }

    fn put_back(&mut self) -> Vec<A> {
        let mut leaves = std::mem::take(&mut self.leaves).into_iter();
        let mut around = Vec::with_capacity(leaves.len());
        if leaves.len() > 0 {
            each_leaf(self.root, &Path::ROOT, &mut 0, &mut |_, slot| {
                // The stand-in goes first: then the layer has one owner.
                *slot = Box::new(Sequential::new());
                if let Some(leaf) = leaves.next().and_then(Arc::into_inner) {
                    let leaf = leaf.into_inner().unwrap_or_else(PoisonError::into_inner);
                    *slot = leaf.layer;
                    around.push(leaf.around);
                }
            });
        }
        around
    }
}

impl<F: Float, A: Around<F> + 'static> Drop for Watched<'_, F, A> {
    fn drop(&mut self) {
        self.put_back();
    }
}

/// Shows all layers that are no containers, and says how they are joined: none if `layer` itself is
/// one. `count` is how many were shown.
fn each_leaf<F: Float>(
    layer: &mut dyn Layer<F>,
    at: &Path<'_>,
    count: &mut usize,
    f: &mut LayerVisitor<'_, F>,
) -> Option<Node> {
    let mut inner = Vec::new();
    let inside = layer.visit_layers(at, &mut |at, child| {
        let node = each_leaf(&mut **child, at, count, f);
        inner.push(node.unwrap_or_else(|| {
            f(at, child);
            *count += 1;
            Node::Leaf(*count - 1)
        }));
    });
    match inside {
        Inside::Nothing => None,
        Inside::Chain => Some(Node::Chain(inner)),
        Inside::Branches => Some(Node::Branches(inner)),
    }
}

impl Node {
    /// For each of so many layers, the one that sees its output next. What follows branches
    /// follows each of them.
    pub(super) fn next(&self, leaves: usize) -> Vec<Option<usize>> {
        let mut next = vec![None; leaves];
        self.link(None, &mut next);
        next
    }

    /// The first layer of this node, or `after` if it has none.
    fn link(&self, after: Option<usize>, next: &mut [Option<usize>]) -> Option<usize> {
        match self {
            Self::Leaf(i) => {
                next[*i] = after;
                Some(*i)
            }
            Self::Chain(inner) => {
                inner.iter().rev().fold(after, |after, node| node.link(after, next))
            }
            Self::Branches(inner) => {
                let firsts: Vec<_> = inner.iter().map(|node| node.link(after, next)).collect();
                firsts.first().copied().unwrap_or(after)
            }
        }
    }
}

/// Runs `f`, and gives the running statistics back the values they had.
pub(super) fn keeping_buffers<F: Float, L: Layer<F>, T>(
    layer: &mut L,
    f: impl FnOnce(&mut L) -> T,
) -> T {
    let mut before = Vec::new();
    layer.visit(&Path::ROOT, &mut |place, param| {
        if place.kind == ParamKind::Buffer {
            before.push(param.value.to_vec());
        }
    });
    let result = f(layer);
    let mut before = before.into_iter();
    layer.visit(&Path::ROOT, &mut |place, param| {
        if place.kind == ParamKind::Buffer
            && let Some(before) = before.next()
        {
            param.value.copy_from_slice(&before);
        }
    });
    result
}
