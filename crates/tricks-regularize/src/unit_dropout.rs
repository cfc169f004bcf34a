//! Dropout of units: what lies behind the first axes is kept or dropped together.

/// Makes a type with a field `dropout` a layer whose units are what is behind the first `axes`
/// axes. `check(x)` refuses shapes that have fewer.
macro_rules! unit_dropout {
    (impl Layer<F> for $layer:ident, of $unit:literal, axes: $axes:literal, mask: $mask:literal) => {
        impl $layer {
            #[doc = concat!("With the probability `p` to drop a ", $unit, ".")]
            ///
            /// # Errors
            /// [`Error::Hyper`](tricks_tensor::Error::Hyper) if `p` is not in [0, 1].
            pub fn new(p: f64) -> tricks_tensor::Result<Self> {
                tricks_tensor::hyper::probability(NAME, "p", p)?;
                Ok(Self { dropout: crate::Dropout::new(p)? })
            }

            #[doc = concat!("The probability to drop a ", $unit, ".")]
            pub fn p(self) -> f64 {
                self.dropout.p()
            }

            #[doc = concat!("The forward pass with a mask of your own, `", $mask, "`; the backward")]
            /// pass is the same call with gradients.
            ///
            /// # Errors
            /// Shapes that do not fit.
            pub fn apply<F: tricks_tensor::Float>(
                self,
                x: ArrayViewD<'_, F>,
                keep: ArrayViewD<'_, bool>,
                y: ArrayViewMutD<'_, F>,
            ) -> tricks_tensor::Result<()> {
                self.check(x.shape())?;
                let (mask, unit) = x.shape().split_at($axes);
                let unit = unit.iter().product();
                let require = tricks_tensor::views::require_shape;
                require(NAME, ("mask", keep.shape()), ("expected", mask))?;
                require(NAME, ("output", y.shape()), ("input", x.shape()))?;
                self.dropout.apply_units(unit, x, keep, y);
                Ok(())
            }

            fn pass<F: tricks_tensor::Float>(
                self,
                _: crate::masked::Pass,
                x: ArrayViewD<'_, F>,
                y: ArrayViewMutD<'_, F>,
                mode: tricks_tensor::Mode,
            ) {
                let unit = x.shape()[$axes..].iter().product();
                self.dropout.drop_units(unit, x, y, mode);
            }
        }

        crate::masked::masked_layer! { impl Layer<F> for $layer }
    };
}
pub(crate) use unit_dropout;
