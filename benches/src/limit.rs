//! The loops nothing beats: what an update costs without a library around it.
//!
//! Each limit reads and writes what its rule does, once, with the same arithmetic, so that it ends
//! with the same bits; a test holds it to that. Its coefficients are ready before it starts, and
//! nothing it has written is read again: a load waits long for a store that crosses a cache line.

use crate::buffers::Piece;
use tricks_tensor::kernel::{self, vectorize};

/// A loop, with its coefficients.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the formulas below say what the letters are")]
pub enum Limit {
    /// Loads and stores alone: each number written is the old one plus the gradient. `bytes` of
    /// memory for each element, up to 8; what is no whole number is as many elements without it.
    Stream { bytes: usize },
    /// `θ − ηg`
    Sgd { lr: f32 },
    /// `b = μb + g; θ − ηb`
    Momentum { lr: f32, mu: f32 },
    /// `h + g²; θ − ηg/(√h + ε)`
    AdaGrad { lr: f32, eps: f32 },
    /// `ρh + (1 − ρ)g²; θ − ηg/(√h + ε)`
    RmsProp { lr: f32, rho: f32, fresh: f32, eps: f32 },
    /// `θ − η/c₁·m/(√(v/c₂) + ε)`
    Adam(Adam),
    /// `(1 − ηλ)θ`, then Adam.
    AdamW { keep: f32, adam: Adam },
    /// `θ − η sign(β₁m + (1 − β₁)g); β₂m + (1 − β₂)g`
    Lion { lr: f32, beta1: [f32; 2], beta2: [f32; 2] },
}

/// Adam's coefficients of one step.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// `η/c₁`
    pub lr: f32,
    /// `β₁` and `1 − β₁`
    pub beta1: [f32; 2],
    /// `β₂` and `1 − β₂`
    pub beta2: [f32; 2],
    /// `1/c₂`
    pub debias: f32,
    /// `ε`
    pub eps: f32,
}

impl Limit {
    /// One pass on `threads` threads, in equal parts; on one where a fork costs more than it gains.
    pub fn run(self, piece: Piece<'_>, threads: usize) {
        let parts = parts(piece.p.len(), threads);
        self.split(piece, parts);
    }

    fn split(self, piece: Piece<'_>, parts: usize) {
        if parts <= 1 {
            return self.sweep(piece);
        }
        let left = parts / 2;
        let at = middle(piece.p.len(), left, parts);
        let (a, b) = piece.split_at(at);
        rayon::join(|| self.split(a, left), || self.split(b, parts - left));
    }

    fn sweep(self, piece: Piece<'_>) {
        if let Limit::Stream { bytes } = self {
            let slots = bytes / size_of::<f32>();
            let with_one_more = piece.p.len() * (bytes % size_of::<f32>()) / size_of::<f32>();
            let (a, b) = piece.split_at(with_one_more);
            stream(slots + 1, a);
            return stream(slots, b);
        }
        let Piece { p, g, s: [s, z] } = piece;
        match self {
            Limit::Stream { .. } => {}
            Limit::Sgd { lr } => sgd(lr, p, g),
            Limit::Momentum { lr, mu } => momentum(lr, mu, p, g, s),
            Limit::AdaGrad { lr, eps } => adagrad(lr, eps, p, g, s),
            Limit::RmsProp { lr, rho, fresh, eps } => rmsprop(lr, rho, fresh, eps, p, g, s),
            Limit::Adam(adam) => self::adam(adam, p, g, s, z),
            Limit::AdamW { keep, adam } => adamw(keep, adam, p, g, s, z),
            Limit::Lion { lr, beta1, beta2 } => lion(lr, beta1, beta2, p, g, s),
        }
    }
}

/// Reads the gradients once and does next to nothing with them, in the parts of [`Limit::run`].
/// The sum keeps the compiler from leaving the reads out.
pub fn read(g: &[f32], threads: usize) -> f32 {
    split_read(g, parts(g.len(), threads))
}

fn split_read(g: &[f32], parts: usize) -> f32 {
    if parts <= 1 {
        return read4(g);
    }
    let left = parts / 2;
    let (a, b) = g.split_at(middle(g.len(), left, parts));
    let (a, b) = rayon::join(|| split_read(a, left), || split_read(b, parts - left));
    a + b
}

/// One part where a fork costs more than it gains.
fn parts(len: usize, threads: usize) -> usize {
    if len < kernel::MIN_FORK { 1 } else { threads }
}

/// Where `left` of `parts` end: at a whole cache line.
fn middle(len: usize, left: usize, parts: usize) -> usize {
    (len * left / parts).next_multiple_of(16).min(len)
}

/// In four places at once, which memory serves faster than one; each has sums of its own, so that
/// no load waits for another.
fn read4(g: &[f32]) -> f32 {
    const LANES: usize = 16;
    let (a, rest) = g.split_at(g.len() / 4);
    let (b, rest) = rest.split_at(a.len());
    let (c, d) = rest.split_at(a.len());
    let [(a, x), (b, y), (c, z), (d, w)] = [a, b, c, d].map(|g| g.as_chunks::<LANES>());
    vectorize(
        #[inline(always)]
        || {
            let mut sums = [[0.0f32; LANES]; 4];
            for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
                for i in 0..LANES {
                    sums[0][i] += a[i];
                    sums[1][i] += b[i];
                    sums[2][i] += c[i];
                    sums[3][i] += d[i];
                }
            }
            // The last place may be a vector longer than the others.
            let rest = d[a.len()..].as_flattened();
            sums.as_flattened().iter().chain(x).chain(y).chain(z).chain(w).chain(rest).sum()
        },
    )
}

/// Everything once, with `slots` of memory.
fn stream(slots: usize, Piece { p, g, s: [s, z] }: Piece<'_>) {
    match slots {
        0 => stream0(p, g),
        1 => stream1(p, g, s),
        _ => stream2(p, g, s, z),
    }
}

fn stream0(p: &mut [f32], g: &[f32]) {
    vectorize(
        #[inline(always)]
        || {
            for (p, g) in p.iter_mut().zip(g) {
                *p += g;
            }
        },
    );
}

fn stream1(p: &mut [f32], g: &[f32], s: &mut [f32]) {
    vectorize(
        #[inline(always)]
        || {
            for ((p, g), s) in p.iter_mut().zip(g).zip(s) {
                *p += g;
                *s += g;
            }
        },
    );
}

fn stream2(p: &mut [f32], g: &[f32], s: &mut [f32], z: &mut [f32]) {
    vectorize(
        #[inline(always)]
        || {
            for (((p, g), s), z) in p.iter_mut().zip(g).zip(s).zip(z) {
                *p += g;
                *s += g;
                *z += g;
            }
        },
    );
}

fn sgd(lr: f32, p: &mut [f32], g: &[f32]) {
    vectorize(
        #[inline(always)]
        || {
            for (p, g) in p.iter_mut().zip(g) {
                *p -= lr * g;
            }
        },
    );
}

fn momentum(lr: f32, mu: f32, p: &mut [f32], g: &[f32], b: &mut [f32]) {
    vectorize(
        #[inline(always)]
        || {
            for ((p, g), b) in p.iter_mut().zip(g).zip(b) {
                let moved = mu * *b + g;
                *b = moved;
                *p -= lr * moved;
            }
        },
    );
}

fn adagrad(lr: f32, eps: f32, p: &mut [f32], g: &[f32], h: &mut [f32]) {
    vectorize(
        #[inline(always)]
        || {
            for ((p, g), h) in p.iter_mut().zip(g).zip(h) {
                let sum = *h + g * g;
                *h = sum;
                *p -= lr * g / (sum.sqrt() + eps);
            }
        },
    );
}

fn rmsprop(lr: f32, rho: f32, fresh: f32, eps: f32, p: &mut [f32], g: &[f32], h: &mut [f32]) {
    vectorize(
        #[inline(always)]
        || {
            for ((p, g), h) in p.iter_mut().zip(g).zip(h) {
                let mean = rho * *h + fresh * (g * g);
                *h = mean;
                *p -= lr * g / (mean.sqrt() + eps);
            }
        },
    );
}

fn adam(c: Adam, p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
    let Adam { lr, beta1: [beta1, fresh1], beta2: [beta2, fresh2], debias, eps } = c;
    vectorize(
        #[inline(always)]
        || {
            for (((p, g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
                let mean = beta1 * *m + fresh1 * g;
                let square = beta2 * *v + fresh2 * g * g;
                (*m, *v) = (mean, square);
                *p -= lr * mean / ((square * debias).sqrt() + eps);
            }
        },
    );
}

fn adamw(keep: f32, c: Adam, p: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
    let Adam { lr, beta1: [beta1, fresh1], beta2: [beta2, fresh2], debias, eps } = c;
    vectorize(
        #[inline(always)]
        || {
            for (((p, g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
                let mean = beta1 * *m + fresh1 * g;
                let square = beta2 * *v + fresh2 * g * g;
                (*m, *v) = (mean, square);
                *p = keep * *p - lr * mean / ((square * debias).sqrt() + eps);
            }
        },
    );
}

fn lion(lr: f32, beta1: [f32; 2], beta2: [f32; 2], p: &mut [f32], g: &[f32], m: &mut [f32]) {
    let ([beta1, fresh1], [beta2, fresh2]) = (beta1, beta2);
    vectorize(
        // The coefficients move in: borrowed ones would make the choice a branch.
        #[inline(always)]
        move || {
            for ((p, g), m) in p.iter_mut().zip(g).zip(m) {
                let c = beta1 * *m + fresh1 * g;
                *m = beta2 * *m + fresh2 * g;
                *p -= if c.abs() > 0.0 { lr.copysign(c) } else { 0.0 };
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buffers::Buffers;

    #[test]
    fn stream_touches_just_its_rows() {
        // How many of 100 elements have the first and the second number of memory.
        for (bytes, touched) in [(0, [0, 0]), (2, [50, 0]), (4, [100, 0]), (8, [100, 100])] {
            let ones = || std::iter::repeat(1.0);
            let mut buffers = Buffers::new(2, 100, ones(), ones());
            Limit::Stream { bytes }.run(buffers.piece(), 1);
            let Piece { p, s, .. } = buffers.piece();
            assert_eq!(p, [2.0; 100]);
            let ones = s.map(|s| s.iter().filter(|&&s| s == 1.0).count());
            assert_eq!(ones, touched, "{bytes} bytes");
        }
    }

    #[test]
    fn read_meets_every_gradient_once() {
        for len in [0, 1, 63, 1003, 100_000] {
            let mut g = vec![0.0; len];
            for at in (0..len).step_by(1 + len / 50) {
                g[at] = 1.0;
                assert_eq!((read(&g, 1), read(&g, 3)), (1.0, 1.0), "{at} of {len}");
                g[at] = 0.0;
            }
        }
    }
}
