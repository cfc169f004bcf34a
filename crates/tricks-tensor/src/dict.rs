use crate::{Error, Float, Grad, ParamKind, ParamMut, Parameters, Path, Place, Result};
use ndarray::{ArrayD, ArrayViewD, ArrayViewMutD};
use std::collections::BTreeMap;

/// Named arrays with their gradients: the chapter's `params` and `grads` maps in one.
///
/// Visited in the order of names, whatever the order of insertion. A name starting with `b` and
/// a one-dimensional array is *not* guessed to be a bias: say so with [`Dict::insert_as`].
///
/// ```
/// use tricks_tensor::{Dict, ndarray::arr1};
/// let mut params = Dict::new();
/// params.insert("w", arr1(&[1.0, -2.0]));
/// params.set_grad("w", arr1(&[0.5, 0.5]).view().into_dyn())?;
/// assert_eq!(params["w"][[1]], -2.0);
/// let wrong = params.set_grad("w", arr1(&[0.5]).view().into_dyn()).unwrap_err();
/// assert_eq!(wrong.to_string(), "w: gradient has shape [1], parameter [2]");
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Dict<F> {
    entries: BTreeMap<String, Item<F>>,
}

#[derive(Clone, Debug)]
struct Item<F> {
    kind: ParamKind,
    // Both in standard layout; the gradient has the parameter's shape.
    value: ArrayD<F>,
    grad: ArrayD<F>,
    absent: bool,
}

impl<F: Float> Dict<F> {
    /// An empty map.
    pub fn new() -> Self {
        Self { entries: BTreeMap::new() }
    }

    /// Adds or replaces a weight, of any layout; its gradient is absent until set.
    pub fn insert<D: ndarray::Dimension>(
        &mut self,
        name: impl Into<String>,
        value: ndarray::Array<F, D>,
    ) {
        self.insert_as(name, ParamKind::Weight, value);
    }

    /// Adds or replaces a parameter of another kind.
    pub fn insert_as<D: ndarray::Dimension>(
        &mut self,
        name: impl Into<String>,
        kind: ParamKind,
        value: ndarray::Array<F, D>,
    ) {
        let value = value.into_dyn().as_standard_layout().into_owned();
        let grad = ArrayD::zeros(value.raw_dim());
        self.entries.insert(name.into(), Item { kind, value, grad, absent: true });
    }

    /// Sets the gradient of a parameter from a view of any layout.
    ///
    /// # Errors
    /// An unknown name; another shape.
    pub fn set_grad(&mut self, name: &str, grad: ArrayViewD<'_, F>) -> Result<()> {
        let Some(item) = self.entries.get_mut(name) else {
            return Err(Error::invalid("Dict", format!("no parameter named {name}")));
        };
        if grad.shape() != item.value.shape() {
            return Err(Error::shape(
                name,
                ("gradient", grad.shape()),
                ("parameter", item.value.shape()),
            ));
        }
        item.grad.assign(&grad);
        item.absent = false;
        Ok(())
    }

    /// Marks the gradient of a parameter as absent: the next step leaves it alone.
    pub fn clear_grad(&mut self, name: &str) {
        if let Some(item) = self.entries.get_mut(name) {
            item.absent = true;
        }
    }

    /// A parameter's values.
    pub fn get(&self, name: &str) -> Option<&ArrayD<F>> {
        self.entries.get(name).map(|item| &item.value)
    }

    /// A parameter's gradient, if it has one.
    pub fn grad(&self, name: &str) -> Option<&ArrayD<F>> {
        self.entries.get(name).filter(|item| !item.absent).map(|item| &item.grad)
    }

    /// A parameter's values, to write in place.
    pub fn get_mut(&mut self, name: &str) -> Option<ArrayViewMutD<'_, F>> {
        self.entries.get_mut(name).map(|item| item.value.view_mut())
    }

    /// A parameter's gradient, to write in place; it counts as present from now on.
    pub fn grad_mut(&mut self, name: &str) -> Option<ArrayViewMutD<'_, F>> {
        self.entries.get_mut(name).map(|item| {
            item.absent = false;
            item.grad.view_mut()
        })
    }

    /// Takes a parameter out; gives its values.
    pub fn remove(&mut self, name: &str) -> Option<ArrayD<F>> {
        self.entries.remove(name).map(|item| item.value)
    }

    /// A parameter's role.
    pub fn kind(&self, name: &str) -> Option<ParamKind> {
        self.entries.get(name).map(|item| item.kind)
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }
}

impl<F: Float> std::ops::Index<&str> for Dict<F> {
    type Output = ArrayD<F>;

    /// # Panics
    /// If there is no such parameter; [`Dict::get`] does not.
    fn index(&self, name: &str) -> &ArrayD<F> {
        &self.entries[name].value
    }
}

impl<F: Float> Parameters<F> for Dict<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        for (name, item) in &mut self.entries {
            let path = at.name(name);
            let shape = item.value.raw_dim();
            let place =
                Place { path: &path, kind: item.kind, shape: ndarray::Dimension::slice(&shape) };
            let value = item.value.as_slice_mut().expect("standard layout, kept since insertion");
            let grad = item.grad.as_slice_mut().expect("standard layout, kept since insertion");
            let grad = if item.absent { Grad::Absent } else { Grad::Dense(grad) };
            f(place, ParamMut { value, grad });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, arr2};

    /// Any layout gives the numbers of the contiguous copy.
    #[test]
    fn layouts_do_not_matter() {
        let c = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        let fortran = c.t().as_standard_layout().into_owned().reversed_axes();
        let mut reversed = Array2::from_shape_fn((2, 3), |(i, j)| c[[1 - i, j]]);
        reversed.invert_axis(ndarray::Axis(0));
        let mut dict = Dict::new();
        dict.insert("w", fortran);
        dict.set_grad("w", reversed.view().into_dyn()).unwrap();
        dict.visit(&Path::ROOT, &mut |place, param| {
            assert_eq!(place.shape, [2, 3]);
            assert_eq!(param.value, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
            let Grad::Dense(grad) = param.grad else { panic!("absent") };
            assert_eq!(grad, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        });
        let row = ndarray::arr1(&[9.0, 8.0, 7.0]);
        dict.set_grad("w", row.broadcast((2, 3)).unwrap().into_dyn()).unwrap();
        assert_eq!(dict.grad("w").unwrap()[[1, 2]], 7.0);
        dict.get_mut("w").unwrap().fill(2.0);
        dict.grad_mut("w").unwrap()[[0, 0]] = 5.0;
        assert_eq!((dict["w"][[0, 1]], dict.grad("w").unwrap()[[0, 0]]), (2.0, 5.0));
        dict.clear_grad("w");
        assert!(dict.grad("w").is_none());
        assert!(dict.set_grad("v", row.view().into_dyn()).is_err());
        assert_eq!(dict.kind("w"), Some(ParamKind::Weight));
        assert!(dict.remove("w").is_some() && dict.get("w").is_none());
    }
}
