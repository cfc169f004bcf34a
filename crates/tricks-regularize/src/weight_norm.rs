use tricks_tensor::kernel::{sum_squares, sum_zip};
use tricks_tensor::{Error, Float, Result, hyper};

/// Weight normalization: length and direction of every row of a weight as parameters of their own.
///
/// # Formula
/// ```text
/// per row:  w = g v / ‖v‖
/// backward: dg = dw·v / ‖v‖        dv = g/‖v‖ · (dw − v (dw·v)/‖v‖²)
/// ```
///
/// A row is what belongs to one output: the first axis of a weight `[outputs, …]`. The layer is
/// given `w`; the optimizer is given `v` and `g`, with the gradients from
/// [`backward`](Self::backward).
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `rows` | | none; outputs of the layer | at least 1 |
///
/// # Memory
/// None; norms are computed again in `backward`.
///
/// # Notes
/// PyTorch's `weight_norm` with `dim=0`, whose `g` is `[rows, 1, …]`. A row of zeros has no
/// direction: it is refused, where PyTorch gives NaN.
///
/// # Source
/// Salimans, Kingma: *Weight normalization*, NeurIPS 2016, equations 2 and 3.
///
/// ```
/// use tricks_regularize::WeightNorm;
/// let norm = WeightNorm::new(2)?;
/// let (v, g, mut w) = ([3.0, 4.0, 0.0, 2.0], [10.0, 1.0], [0.0; 4]);
/// norm.forward(&v, &g, &mut w)?;
/// assert_eq!(w, [6.0, 8.0, 0.0, 1.0]);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WeightNorm {
    rows: usize,
}

const NAME: &str = "WeightNorm";

impl WeightNorm {
    /// For weights of so many rows.
    ///
    /// # Errors
    /// [`Error::Hyper`] for none.
    pub fn new(rows: usize) -> Result<Self> {
        hyper::require(NAME, "rows", rows as f64, rows > 0, "at least 1")?;
        Ok(Self { rows })
    }

    /// Sets `w` from the directions `v` and the lengths `g`.
    ///
    /// # Errors
    /// Slices that do not fit; a row of `v` whose norm is 0 or not finite. `w` is unchanged then.
    pub fn forward<F: Float>(&self, v: &[F], g: &[F], w: &mut [F]) -> Result<()> {
        let width = self.check(v, g, ("w", w.len()))?;
        for ((v, g), w) in v.chunks_exact(width).zip(g).zip(w.chunks_exact_mut(width)) {
            let scale = g.widen() / sum_squares(v).sqrt();
            w.iter_mut().zip(v).for_each(|(w, v)| *w = F::of(v.widen() * scale));
        }
        Ok(())
    }

    /// Sets `dv` and `dg` from `dw`, the gradient with respect to `w`.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn backward<F: Float>(
        &self,
        v: &[F],
        g: &[F],
        dw: &[F],
        dv: &mut [F],
        dg: &mut [F],
    ) -> Result<()> {
        self.check(v, g, ("dw", dw.len()))?;
        let width = self.check(v, dg, ("dv", dv.len()))?;
        let rows = v.chunks_exact(width).zip(g).zip(dw.chunks_exact(width));
        for (((v, g), dw), (dv, dg)) in rows.zip(dv.chunks_exact_mut(width).zip(dg)) {
            let norm = sum_squares(v).sqrt();
            let along = sum_zip(
                [v, dw],
                #[inline(always)]
                |[v, dw]: [F; 2]| v.widen() * dw.widen(),
            ) / norm;
            *dg = F::of(along);
            let (scale, slope) = (g.widen() / norm, along / norm);
            for ((dv, v), dw) in dv.iter_mut().zip(v).zip(dw) {
                *dv = F::of(scale * (dw.widen() - v.widen() * slope));
            }
        }
        Ok(())
    }

    /// The length of a row.
    fn check<F: Float>(&self, v: &[F], g: &[F], (what, len): (&str, usize)) -> Result<usize> {
        let (rows, found) = (self.rows, v.len());
        let wrong = |message: String| Err(Error::invalid(NAME, message));
        if found == 0 || !found.is_multiple_of(rows) {
            return wrong(format!("v has {found} numbers, which are not {rows} rows"));
        }
        if g.len() != rows {
            return wrong(format!("g has {} numbers for {rows} rows", g.len()));
        }
        if len != found {
            return wrong(format!("{what} has {len} numbers, v has {found}"));
        }
        for (row, v) in v.chunks_exact(found / rows).enumerate() {
            let norm = sum_squares(v).sqrt();
            if !(norm > 0.0 && norm.is_finite()) {
                return wrong(format!("row {row} of v has norm {norm}: it has no direction"));
            }
        }
        Ok(found / rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_are_those_of_central_differences() {
        const H: f64 = 1e-6;
        let norm = WeightNorm::new(2).unwrap();
        let (v, g) = ([0.5, -1.0, 2.0, 0.3, 0.2, -0.7], [1.5, -0.5]);
        let dw = [0.3, -0.2, 0.9, 1.1, -0.4, 0.6];
        let (mut dv, mut dg) = ([0.0; 6], [0.0; 2]);
        norm.backward(&v, &g, &dw, &mut dv, &mut dg).unwrap();
        let loss = |v: &[f64], g: &[f64]| {
            let mut w = [0.0; 6];
            norm.forward(v, g, &mut w).unwrap();
            w.iter().zip(dw).map(|(w, dw)| w * dw).sum::<f64>()
        };
        for i in 0..6 {
            let at = |d| {
                let mut v = v;
                v[i] += d;
                loss(&v, &g)
            };
            assert!(((at(H) - at(-H)) / (2.0 * H) - dv[i]).abs() < 1e-9);
        }
        for i in 0..2 {
            let at = |d| {
                let mut g = g;
                g[i] += d;
                loss(&v, &g)
            };
            assert!(((at(H) - at(-H)) / (2.0 * H) - dg[i]).abs() < 1e-9);
        }
    }

    #[test]
    fn what_is_refused() {
        let norm = WeightNorm::new(2).unwrap();
        let refused =
            |v: &[f32], g: &[f32]| norm.forward(v, g, &mut [0.0; 4]).unwrap_err().to_string();
        let want = "WeightNorm: v has 3 numbers, which are not 2 rows";
        assert_eq!(refused(&[1.0; 3], &[1.0; 2]), want);
        assert_eq!(refused(&[1.0; 4], &[1.0]), "WeightNorm: g has 1 numbers for 2 rows");
        assert_eq!(refused(&[1.0; 6], &[1.0; 2]), "WeightNorm: w has 4 numbers, v has 6");
        let want = "WeightNorm: row 1 of v has norm 0: it has no direction";
        assert_eq!(refused(&[1.0, 1.0, 0.0, 0.0], &[1.0; 2]), want);
        assert!(WeightNorm::new(0).is_err());
    }
}
