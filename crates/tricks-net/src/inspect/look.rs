//! What one layer is seen to do in a pass.

use super::activation::{dead, saturated};
use super::leaves::Around;
use super::report::DeadUnits;
use super::spread::Spread;
use ndarray::{ArrayViewD, ArrayViewMutD};
use tricks_tensor::{Float, Layer, Mode, Result, ndarray};

/// A layer's numbers, as they come by.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) path: String,
    pub(super) name: &'static str,
    /// Units are along axis 1, else along the last one.
    channels: bool,
    pub(super) input: Option<Spread>,
    pub(super) output: Option<Spread>,
    pub(super) gradient: Option<Spread>,
    pub(super) saturated: Option<f64>,
    pub(super) dead: Option<DeadUnits>,
}

impl Look {
    pub(super) fn new(path: String, name: &'static str, channels: bool) -> Self {
        let (input, output, gradient) = (None, None, None);
        Self { path, name, channels, input, output, gradient, saturated: None, dead: None }
    }
}

impl<F: Float> Around<F> for Look {
    fn forward(
        &mut self,
        layer: &mut dyn Layer<F>,
        x: ArrayViewD<'_, F>,
        mut y: ArrayViewMutD<'_, F>,
        mode: Mode,
    ) -> Result<()> {
        self.input = Some(Spread::of_view(&x));
        layer.forward(x, y.view_mut(), mode)?;
        let y = y.view();
        self.output = Some(Spread::of_view(&y));
        self.saturated = saturated(self.name, &y);
        self.dead = dead(self.name, &y, self.channels).map(|(dead, of)| DeadUnits { dead, of });
        Ok(())
    }

    fn backward(
        &mut self,
        layer: &mut dyn Layer<F>,
        (x, y): (ArrayViewD<'_, F>, ArrayViewD<'_, F>),
        (dy, dx): (ArrayViewD<'_, F>, Option<ArrayViewMutD<'_, F>>),
        mode: Mode,
    ) -> Result<()> {
        self.gradient = Some(Spread::of_view(&dy));
        layer.backward(x, y, dy, dx, mode)
    }
}
