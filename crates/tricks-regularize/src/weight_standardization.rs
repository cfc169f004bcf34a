use crate::groups::{Groups, Moments};
use tricks_tensor::kernel::{sum_blocks, sum_zip};
use tricks_tensor::{Error, Float, Result, hyper};

/// Weight standardization: every row of a weight gets the mean 0 and the spread 1.
///
/// # Formula
/// ```text
/// per row of n numbers:
///   μ = Σ vᵢ / n        σ² = Σ (vᵢ − μ)² / n
///   wᵢ = (vᵢ − μ) / √(σ² + ε)
/// backward: dvᵢ = (dwᵢ − mean(dw) − wᵢ mean(dw w)) / √(σ² + ε)
/// ```
///
/// A row is what belongs to one output: the first axis of a weight `[outputs, …]`, a whole filter
/// of a convolution. The layer is given `w`; the optimizer is given `v` with the gradient from
/// [`backward`](Self::backward).
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `rows` | | none; outputs of the layer | at least 1 |
/// | `eps` | ε | none; 1e-5 | above 0 |
///
/// # Memory
/// None; moments are computed again in `backward`.
///
/// # Notes
/// * ε is inside the root and the variance biased, as in the paper's equations; implementations
///   differ in both. A row of equal numbers becomes zeros; a row of one number would always be 0,
///   and is refused.
/// * Meant for a convolution before a group normalization. There is no gain and no division by
///   √n: the normalization that follows sets the scale.
///
/// # Source
/// Qiao, Wang, Liu, Shen, Yuille: *Micro-batch training with batch-channel normalization and weight
/// standardization*, 2019, the section on weight standardization.
///
/// ```
/// use tricks_regularize::WeightStandardization;
/// let (v, mut w) = ([1.0, 3.0, -10.0, 10.0], [0.0; 4]);
/// WeightStandardization::new(2, 1e-12)?.forward(&v, &mut w)?;
/// assert!(w.iter().zip([-1.0, 1.0, -1.0, 1.0]).all(|(w, want): (&f64, _)| (w - want).abs() < 1e-9));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightStandardization {
    rows: usize,
    eps: f64,
}

const NAME: &str = "WeightStandardization";

impl WeightStandardization {
    /// For weights of so many rows.
    ///
    /// # Errors
    /// [`Error::Hyper`] for no rows, or an `eps` that is not above 0.
    pub fn new(rows: usize, eps: f64) -> Result<Self> {
        hyper::require(NAME, "rows", rows as f64, rows > 0, "at least 1")?;
        hyper::positive(NAME, "eps", eps)?;
        Ok(Self { rows, eps })
    }

    /// Sets `w` from `v`.
    ///
    /// # Errors
    /// Slices that do not fit. `w` is unchanged then.
    pub fn forward<F: Float>(&self, v: &[F], w: &mut [F]) -> Result<()> {
        let width = self.check(v.len(), ("w", w.len()))?;
        for (v, w) in v.chunks_exact(width).zip(w.chunks_exact_mut(width)) {
            let Moments { mean, inverse_std } = self.moments(v);
            for (w, v) in w.iter_mut().zip(v) {
                *w = F::of((v.widen() - mean) * inverse_std);
            }
        }
        Ok(())
    }

    /// Sets `dv` from `dw`, the gradient with respect to `w`.
    ///
    /// # Errors
    /// As [`forward`](Self::forward); `dv` is unchanged then.
    pub fn backward<F: Float>(&self, v: &[F], dw: &[F], dv: &mut [F]) -> Result<()> {
        let width = self.check(v.len(), ("dw", dw.len()))?;
        self.check(v.len(), ("dv", dv.len()))?;
        let rows = v.chunks_exact(width).zip(dw.chunks_exact(width));
        for ((v, dw), dv) in rows.zip(dv.chunks_exact_mut(width)) {
            let Moments { mean, inverse_std } = self.moments(v);
            let n = width as f64;
            let mean_dw = sum_blocks(
                dw,
                #[inline(always)]
                |dw| dw,
            ) / n;
            let along = sum_zip(
                [v, dw],
                #[inline(always)]
                |[v, dw]: [F; 2]| (v.widen() - mean) * inverse_std * dw.widen(),
            ) / n;
            for ((dv, v), dw) in dv.iter_mut().zip(v).zip(dw) {
                let w = (v.widen() - mean) * inverse_std;
                *dv = F::of((dw.widen() - mean_dw - w * along) * inverse_std);
            }
        }
        Ok(())
    }

    /// Of a row.
    fn moments<F: Float>(&self, v: &[F]) -> Moments {
        let row = Groups::new(v.len(), 1, true, self.eps);
        row.moments_of(row.mean_and_variance(v))
    }

    /// The length of a row.
    fn check(&self, found: usize, (what, len): (&str, usize)) -> Result<usize> {
        let rows = self.rows;
        let wrong = |message: String| Err(Error::invalid(NAME, message));
        if found == 0 || !found.is_multiple_of(rows) {
            return wrong(format!("v has {found} numbers, which are not {rows} rows"));
        }
        if found == rows {
            return wrong(format!("v has {found} numbers for {rows} rows: one has no spread"));
        }
        if len != found {
            return wrong(format!("{what} has {len} numbers, v has {found}"));
        }
        Ok(found / rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// v = (1, 2, 6): μ = 3 and σ² + ε = 5 with ε = 1/3; the second row is the first, turned round.
    #[test]
    fn rows_by_hand() {
        let of = WeightStandardization::new(2, 1.0 / 3.0).unwrap();
        let v = [1.0, 2.0, 6.0, -1.0, -2.0, -6.0];
        let dw = [1.0, 0.0, 2.0, 0.0, 0.0, 5.0];
        let (mut w, mut dv) = ([0.0; 6], [0.0; 6]);
        of.forward(&v, &mut w).unwrap();
        of.backward(&v, &dw, &mut dv).unwrap();
        let s = 5f64.sqrt();
        let close = |got: [f64; 6], want: [f64; 6]| {
            assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-15), "{got:?} {want:?}");
        };
        close(w, [-2.0, -1.0, 3.0, 2.0, 1.0, -3.0].map(|d| d / s));
        // First row: mean dw = 1 and mean dw w = 4/(3 s). Second: 5/3 and −5/s.
        let first = |dw: f64, d: f64| (dw - 1.0 - d * 4.0 / 15.0) / s;
        let second = |dw: f64, d: f64| (dw - 5.0 / 3.0 + d) / s;
        let want = [
            first(1.0, -2.0),
            first(0.0, -1.0),
            first(2.0, 3.0),
            second(0.0, 2.0),
            second(0.0, 1.0),
            second(5.0, -3.0),
        ];
        close(dv, want);
    }

    #[test]
    fn gradients_are_those_of_central_differences() {
        const H: f64 = 1e-6;
        let of = WeightStandardization::new(2, 1e-5).unwrap();
        let v = [0.5, -1.0, 2.0, 0.3, 0.2, -0.7];
        let dw = [0.3, -0.2, 0.9, 1.1, -0.4, 0.6];
        let mut dv = [0.0; 6];
        of.backward(&v, &dw, &mut dv).unwrap();
        for i in 0..6 {
            let at = |d| {
                let (mut v, mut w) = (v, [0.0; 6]);
                v[i] += d;
                of.forward(&v, &mut w).unwrap();
                w.iter().zip(dw).map(|(w, dw)| w * dw).sum::<f64>()
            };
            assert!(((at(H) - at(-H)) / (2.0 * H) - dv[i]).abs() < 1e-8);
        }
    }

    /// In `f32`, with a mean a thousand times the spread: what `f64` gives for the same numbers.
    #[test]
    fn a_large_mean_costs_nothing() {
        let of = WeightStandardization::new(1, 1e-5).unwrap();
        let v = [1999.0f32, 2001.5, 2000.25, 1999.5];
        let (mut w, mut wide) = ([0.0f32; 4], [0.0; 4]);
        of.forward(&v, &mut w).unwrap();
        of.forward(&v.map(f64::from), &mut wide).unwrap();
        assert_eq!(w, wide.map(|w| w as f32));
        assert!(wide.iter().sum::<f64>().abs() < 1e-12);
    }

    #[test]
    fn equal_numbers_become_zeros() {
        let of = WeightStandardization::new(1, 1e-5).unwrap();
        let mut w = [1.0f32; 3];
        of.forward(&[0.1; 3], &mut w).unwrap();
        assert_eq!(w, [0.0; 3]);
    }

    #[test]
    fn what_is_refused() {
        let of = WeightStandardization::new(2, 1e-5).unwrap();
        let refused = |v: &[f32], w: usize| {
            let mut w = vec![7.0; w];
            let refused = of.forward(v, &mut w).unwrap_err().to_string();
            assert!(w.iter().all(|w| *w == 7.0));
            refused
        };
        for (v, w, want) in [
            (3, 3, "v has 3 numbers, which are not 2 rows"),
            (0, 0, "v has 0 numbers, which are not 2 rows"),
            (2, 2, "v has 2 numbers for 2 rows: one has no spread"),
            (6, 4, "w has 4 numbers, v has 6"),
        ] {
            assert_eq!(refused(&vec![1.0; v], w), format!("WeightStandardization: {want}"));
        }
        let back = |dw: usize, dv: usize| {
            of.backward(&[1.0; 6], &vec![1.0; dw], &mut vec![1.0; dv]).unwrap_err().to_string()
        };
        assert_eq!(back(5, 6), "WeightStandardization: dw has 5 numbers, v has 6");
        assert_eq!(back(6, 5), "WeightStandardization: dv has 5 numbers, v has 6");
        let refused = |rows, eps| WeightStandardization::new(rows, eps).unwrap_err().to_string();
        assert_eq!(refused(0, 1.0), "WeightStandardization: rows is 0, must be at least 1");
        let want = "WeightStandardization: eps is 0, must be finite and above 0";
        assert_eq!(refused(1, 0.0), want);
    }
}
