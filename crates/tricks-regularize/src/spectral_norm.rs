use tricks_tensor::{
    Error, Float, Noise, ParamKind, ParamMut, Parameters, Path, Place, Result, hyper,
};

/// Spectral normalization: a weight divided by its largest singular value.
///
/// # Formula
/// ```text
/// power iteration:  v ← Wᵀu / max(‖Wᵀu‖, ε)      u ← W v / max(‖W v‖, ε)
/// σ = uᵀ W v        W̄ = W/σ
/// backward:  dW = (dW̄ − (Σ dW̄ W̄) u vᵀ) / σ,   u and v held fixed
/// ```
///
/// W is `rows × columns`: a weight `[outputs, …]` with all other axes in one. The layer is given
/// W̄; the optimizer is given W with the gradient from [`backward`](Self::backward).
///
/// | hyper-parameter | symbol | default | range |
/// |---|---|---|---|
/// | `eps` | ε | 1e-12 | above 0 |
///
/// # Memory
/// The vectors `u` and `v`, visited as buffers: they are saved with the weight, because an
/// estimate follows the one before it.
///
/// # Notes
/// One iteration a step is usual: W moves little, and u and v follow. In evaluation ask for none.
///
/// # Source
/// Miyato, Kataoka, Koyama, Yoshida: *Spectral normalization for generative adversarial networks*,
/// ICLR 2018, algorithm 1 and equation 12.
///
/// ```
/// use tricks_regularize::SpectralNorm;
/// use tricks_tensor::Noise;
/// let mut norm = SpectralNorm::<f64>::new(2, 2, 1e-12, Noise::new(1))?;
/// let (w, mut out) = ([4.0, 0.0, 0.0, 1.0], [0.0; 4]);
/// let sigma = norm.forward(&w, 30, &mut out)?;
/// assert!((sigma - 4.0).abs() < 1e-9 && (out[3] - 0.25).abs() < 1e-9);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct SpectralNorm<F> {
    eps: f64,
    u: Vec<F>,
    v: Vec<F>,
}

const NAME: &str = "SpectralNorm";

impl<F: Float> SpectralNorm<F> {
    /// For weights of `rows × columns`, with a random first `u`.
    ///
    /// # Errors
    /// [`Error::Hyper`] for an empty weight, or `eps` not above 0.
    pub fn new(rows: usize, columns: usize, eps: f64, noise: Noise) -> Result<Self> {
        hyper::require(NAME, "rows", rows as f64, rows > 0, "at least 1")?;
        hyper::require(NAME, "columns", columns as f64, columns > 0, "at least 1")?;
        hyper::positive(NAME, "eps", eps)?;
        let draw = |noise: Noise, n: usize| {
            (0..n as u64).map(|i| F::of(2.0 * noise.uniform(i) - 1.0)).collect::<Vec<F>>()
        };
        let (u, v) = (draw(noise.child(0), rows), draw(noise.child(1), columns));
        let mut norm = Self { eps, u, v };
        normalize(&mut norm.u, eps);
        normalize(&mut norm.v, eps);
        Ok(norm)
    }

    /// The left vector.
    pub fn u(&self) -> &[F] {
        &self.u
    }

    /// The right vector.
    pub fn v(&self) -> &[F] {
        &self.v
    }

    /// Moves `u` and `v` on by so many power iterations, sets `out` to `W/σ` and gives σ.
    ///
    /// # Errors
    /// Slices that do not fit; a σ of 0 or not finite.
    pub fn forward(&mut self, w: &[F], iterations: usize, out: &mut [F]) -> Result<f64> {
        self.check(("w", w.len()))?;
        self.check(("out", out.len()))?;
        for _ in 0..iterations {
            for (j, v) in self.v.iter_mut().enumerate() {
                let column = w.iter().skip(j).step_by(out.len() / self.u.len());
                let terms = column.zip(&self.u).map(|(w, u)| w.widen() * u.widen());
                *v = F::of(terms.sum());
            }
            normalize(&mut self.v, self.eps);
            for (u, row) in self.u.iter_mut().zip(w.chunks_exact(self.v.len())) {
                *u = F::of(dot(row, &self.v));
            }
            normalize(&mut self.u, self.eps);
        }
        let sigma = self.sigma(w)?;
        out.iter_mut().zip(w).for_each(|(out, w)| *out = F::of(w.widen() / sigma));
        Ok(sigma)
    }

    /// Sets `dw` from the gradient with respect to what [`forward`](Self::forward) gave, with the
    /// same `w`.
    ///
    /// # Errors
    /// As [`forward`](Self::forward).
    pub fn backward(&self, w: &[F], dout: &[F], dw: &mut [F]) -> Result<()> {
        self.check(("w", w.len()))?;
        self.check(("dout", dout.len()))?;
        self.check(("dw", dw.len()))?;
        let sigma = self.sigma(w)?;
        let along = dot(dout, w) / sigma;
        let rows = dw.chunks_exact_mut(self.v.len()).zip(dout.chunks_exact(self.v.len()));
        for ((dw, dout), u) in rows.zip(&self.u) {
            for ((dw, dout), v) in dw.iter_mut().zip(dout).zip(&self.v) {
                *dw = F::of((dout.widen() - along * u.widen() * v.widen()) / sigma);
            }
        }
        Ok(())
    }

    /// `uᵀ W v`.
    fn sigma(&self, w: &[F]) -> Result<f64> {
        let rows = self.u.iter().zip(w.chunks_exact(self.v.len()));
        let sigma: f64 = rows.map(|(u, row)| u.widen() * dot(row, &self.v)).sum();
        if sigma == 0.0 || !sigma.is_finite() {
            return Err(Error::invalid(NAME, format!("the largest singular value is {sigma}")));
        }
        Ok(sigma)
    }

    fn check(&self, (what, found): (&str, usize)) -> Result<()> {
        let (rows, columns) = (self.u.len(), self.v.len());
        if found != rows * columns {
            let message = format!("{what} has {found} numbers for {rows} × {columns}");
            return Err(Error::invalid(NAME, message));
        }
        Ok(())
    }
}

fn dot<F: Float>(a: &[F], b: &[F]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.widen() * b.widen()).sum()
}

fn normalize<F: Float>(x: &mut [F], eps: f64) {
    let norm = dot(x, x).sqrt().max(eps);
    x.iter_mut().for_each(|x| *x = F::of(x.widen() / norm));
}

impl<F: Float> Parameters<F> for SpectralNorm<F> {
    fn visit<'p>(&'p mut self, at: &Path<'_>, f: &mut dyn FnMut(Place<'_>, ParamMut<'p, F>)) {
        for (name, values) in [("u", &mut self.u), ("v", &mut self.v)] {
            let shape = [values.len()];
            let place = Place { path: &at.name(name), kind: ParamKind::Buffer, shape: &shape };
            f(place, ParamMut::absent(values));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// u and v are held fixed, so they are in the differences too.
    #[test]
    fn gradients_are_those_of_central_differences() {
        const H: f64 = 1e-6;
        let mut norm = SpectralNorm::<f64>::new(2, 3, 1e-12, Noise::new(3)).unwrap();
        let w = [0.5, -1.0, 2.0, 0.3, 0.2, -0.7];
        let dout = [0.3, -0.2, 0.9, 1.1, -0.4, 0.6];
        let (mut out, mut dw) = ([0.0; 6], [0.0; 6]);
        norm.forward(&w, 3, &mut out).unwrap();
        norm.backward(&w, &dout, &mut dw).unwrap();
        for i in 0..6 {
            let mut at = |d| {
                let mut w = w;
                w[i] += d;
                norm.forward(&w, 0, &mut out).unwrap();
                dot(&out, &dout)
            };
            assert!(((at(H) - at(-H)) / (2.0 * H) - dw[i]).abs() < 1e-8);
        }
    }

    #[test]
    fn what_is_refused() {
        let mut norm = SpectralNorm::<f32>::new(2, 2, 1e-12, Noise::new(3)).unwrap();
        let refused = norm.forward(&[1.0; 3], 1, &mut [0.0; 4]).unwrap_err().to_string();
        assert_eq!(refused, "SpectralNorm: w has 3 numbers for 2 × 2");
        let refused = norm.forward(&[0.0; 4], 1, &mut [0.0; 4]).unwrap_err().to_string();
        assert_eq!(refused, "SpectralNorm: the largest singular value is 0");
    }
}
