use crate::layers::{Dense, ReLU, Sequential};
use tricks_tensor::{Error, Float, Result};

/// Dense layers with ReLU between them: a multilayer perceptron.
///
/// # Formula
/// ```text
/// y = Wₙ ReLU(… ReLU(W₁ x + b₁) …) + bₙ          Wᵢ: [widths[i], widths[i − 1]]
/// ```
/// `widths` are the numbers of features from the input to the output. With two of them it is one
/// dense layer.
///
/// # Errors
/// Fewer than two widths.
///
/// ```
/// use tricks_init::{Layout, VarianceScaling, initialize};
/// use tricks_net::{Net, models::mlp};
/// use tricks_tensor::{Noise, ndarray::Array2};
/// let mut net = Net::new(mlp::<f32>(&[784, 256, 256, 10])?);
/// initialize(&mut net, Layout::OutIn, &VarianceScaling::he_normal(), Noise::new(1))?;
/// assert_eq!(net.predict(&Array2::ones((5, 784)))?.shape(), [5, 10]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn mlp<F: Float>(widths: &[usize]) -> Result<Sequential<F>> {
    let [inner @ .., last, outputs] = widths else {
        let message = format!("widths are {widths:?}, must be at least 2");
        return Err(Error::invalid("mlp", message));
    };
    let mut net = Sequential::new();
    for (inputs, outputs) in inner.iter().zip(&widths[1..]) {
        net = net.push(Dense::new(*inputs, *outputs)).push(ReLU);
    }
    Ok(net.push(Dense::new(*last, *outputs)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tricks_tensor::{Layer as _, Parameters as _, Path};

    #[test]
    fn every_width_is_there() {
        let mut net = mlp::<f64>(&[5, 4, 3, 2]).unwrap();
        let mut shapes = Vec::new();
        net.visit(&Path::ROOT, &mut |place, _| shapes.push(place.shape.to_vec()));
        assert_eq!(shapes, [vec![4, 5], vec![4], vec![3, 4], vec![3], vec![2, 3], vec![2]]);
        let names: Vec<_> = net.layers().iter().map(|layer| layer.name()).collect();
        assert_eq!(names, ["Dense", "ReLU", "Dense", "ReLU", "Dense"]);
        assert_eq!(mlp::<f64>(&[5, 4]).unwrap().layers().len(), 1);
        let refused = mlp::<f64>(&[5]).unwrap_err().to_string();
        assert_eq!(refused, "mlp: widths are [5], must be at least 2");
    }
}
