//! Whole models: which parameters are filled, from what, and what happens on an error.

use tricks_init::{
    Constant, Fan, Initializer, Layout, Normal, VarianceScaling, initialize, initialize_with,
};
use tricks_tensor::ndarray::{Array1, Array2, Array4, arr2};
use tricks_tensor::{Dict, Error, Noise, ParamKind, ParamMut, Parameters, Path, Place, Result};

fn model() -> Dict<f64> {
    let mut params = Dict::new();
    params.insert("conv.weight", Array4::from_elem((4, 3, 2, 2), 9.0));
    params.insert_as("conv.bias", ParamKind::Bias, Array1::from_elem(4, 9.0));
    params.insert_as("norm.scale", ParamKind::Scale, Array1::from_elem(4, 9.0));
    params.insert_as("norm.mean", ParamKind::Buffer, Array1::from_elem(4, 9.0));
    params.insert_as("table", ParamKind::Embedding, Array2::from_elem((5, 2), 9.0));
    params.insert("dense.weight", Array2::from_elem((10, 4), 9.0));
    params
}

#[test]
fn weights_only_each_with_its_own_noise_and_fan() -> Result<()> {
    let he = VarianceScaling::he_normal();
    let noise = Noise::new(11);
    let mut params = model();
    initialize(&mut params, Layout::OutIn, &he, noise)?;

    let root = Path::ROOT;
    for (name, fan_in, fan_out) in [("conv.weight", 12, 16), ("dense.weight", 4, 10)] {
        let mut want = vec![0.0; params[name].len()];
        let place = noise.path(&root.name(name));
        he.fill(Fan { fan_in, fan_out }, params[name].shape(), place, &mut want)?;
        assert!(params[name].iter().eq(&want), "{name}");
    }
    for name in ["conv.bias", "norm.scale", "norm.mean", "table"] {
        assert!(params[name].iter().all(|&x| x == 9.0), "{name}");
    }
    Ok(())
}

/// Two layers that can be visited in either order, or one without the other.
struct Layers(Vec<(&'static str, Vec<f32>)>);

impl Parameters<f32> for Layers {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, f32>)) {
        for (name, value) in &mut self.0 {
            let layer = at.name(name);
            let path = layer.name("weight");
            let place = Place { path: &path, kind: ParamKind::Weight, shape: &[3, 4] };
            f(place, ParamMut::absent(value));
        }
    }
}

#[test]
fn order_of_layers_does_not_show() -> Result<()> {
    let run = |names: &[&'static str]| -> Result<Layers> {
        let mut layers = Layers(names.iter().map(|&name| (name, vec![0.0; 12])).collect());
        initialize(&mut layers, Layout::OutIn, &VarianceScaling::xavier_uniform(), Noise::new(4))?;
        Ok(layers)
    };
    let (there, back, alone) = (run(&["a", "b"])?, run(&["b", "a"])?, run(&["b"])?);
    assert_eq!(there.0[0], back.0[1]);
    assert_eq!(there.0[1], back.0[0]);
    assert_eq!(there.0[1], alone.0[0]);
    assert_ne!(there.0[0].1, there.0[1].1);
    Ok(())
}

#[test]
fn an_error_changes_nothing() {
    let he = VarianceScaling::he_normal();
    let mut params = model();
    // The last in the order of visits.
    params.insert("vector", Array1::from_elem(6, 9.0));
    let refused = initialize(&mut params, Layout::OutIn, &he, Noise::new(0)).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "initialize: vector: Fan: layout OutIn needs at least 2 dimensions, shape [6] has 1",
    );
    assert!(params["conv.weight"].iter().all(|&x| x == 9.0));

    let mut params = model();
    let bad = Normal { mean: 0.0, std: 1.0 };
    let worse = Normal { mean: 0.0, std: -1.0 };
    let refused = initialize_with(&mut params, Layout::OutIn, Noise::new(0), |place| {
        Some(if place.path.is("table") { &worse as &dyn Initializer<f64> } else { &bad })
    });
    assert_eq!(
        refused.unwrap_err().to_string(),
        "Normal: std is -1, must be finite and at least 0",
    );
    assert!(params["conv.weight"].iter().all(|&x| x == 9.0));
}

#[test]
fn a_value_of_the_wrong_length_is_refused() {
    let mut layers = Layers(vec![("a", vec![0.0; 12]), ("b", vec![0.0; 11])]);
    let he = VarianceScaling::he_normal();
    let refused = initialize(&mut layers, Layout::OutIn, &he, Noise::new(0)).unwrap_err();
    assert_eq!(refused.to_string(), "b.weight: value has shape [11], shape [3, 4]");
    assert_eq!(layers.0[0].1, [0.0; 12]);
}

/// An initializer of a user's: it looks at the shape.
struct Identity;

impl Initializer<f64> for Identity {
    fn validate(&self, _: Fan, shape: &[usize]) -> Result<()> {
        match shape {
            [rows, columns] if rows == columns => Ok(()),
            _ => Err(Error::invalid("Identity", format!("{shape:?} is not square"))),
        }
    }
    fn fill(&self, fan: Fan, shape: &[usize], _: Noise, out: &mut [f64]) -> Result<()> {
        self.validate(fan, shape)?;
        for (i, x) in out.iter_mut().enumerate() {
            *x = if i % (shape[0] + 1) == 0 { 1.0 } else { 0.0 };
        }
        Ok(())
    }
}

#[test]
fn shapes_are_checked_before_the_first_weight() -> Result<()> {
    let mut params = Dict::new();
    params.insert("a", Array2::from_elem((2, 2), 9.0));
    params.insert("b", Array2::from_elem((2, 3), 9.0));
    let refused = initialize(&mut params, Layout::OutIn, &Identity, Noise::new(0)).unwrap_err();
    assert_eq!(refused.to_string(), "Identity: [2, 3] is not square");
    assert!(params["a"].iter().all(|&x| x == 9.0));
    params.insert("b", Array2::from_elem((3, 3), 9.0));
    initialize(&mut params, Layout::OutIn, &Identity, Noise::new(0))?;
    assert_eq!(params["a"], arr2(&[[1.0, 0.0], [0.0, 1.0]]).into_dyn());
    Ok(())
}

#[test]
fn one_dimension_is_enough_without_fans() -> Result<()> {
    let (mut x, mut dx) = ([0.0f32; 3], [0.0f32; 3]);
    let mut params = [("x", &mut x[..], &mut dx[..])];
    initialize(&mut params, Layout::OutIn, &Constant { value: 0.25 }, Noise::new(0))?;
    assert_eq!(x, [0.25; 3]);
    Ok(())
}

#[test]
fn a_choice_for_each() -> Result<()> {
    let (he, ones) = (VarianceScaling::he_uniform(), Constant::ones());
    let mut params = model();
    initialize_with(&mut params, Layout::OutIn, Noise::new(0), |place| match place.kind {
        ParamKind::Weight => Some(&he as &dyn Initializer<f64>),
        ParamKind::Scale => Some(&ones),
        _ => None,
    })?;
    assert!(params["norm.scale"].iter().all(|&x| x == 1.0));
    assert!(params["dense.weight"].iter().all(|x| x.abs() <= 1.5f64.sqrt()));
    assert!(params["conv.bias"].iter().all(|&x| x == 9.0));
    Ok(())
}
