//! The loops nothing beats: what an update costs without a library around it.
//!
//! Each limit reads and writes what its rule does, once, with the same arithmetic, so that it ends
//! with the same bits; a test holds it to that. Its coefficients are ready before it starts.

use tricks_tensor::kernel::{self, vectorize};

/// Floats between two rows of [`Buffers`]: an odd number of cache lines, because rows at exact
/// power-of-two distances share cache sets and run at a quarter of the speed.
const STAGGER: usize = 17 * 16;

/// A parameter, its gradient and two slots of memory, staggered in one allocation.
pub struct Buffers {
    data: Vec<f32>,
    len: usize,
}

impl Buffers {
    /// With these values and gradients; the memory is zero.
    pub fn new(values: impl Iterator<Item = f32>, grads: impl Iterator<Item = f32>) -> Self {
        let mut data: Vec<f32> = values.collect();
        let len = data.len();
        let stride = Self::stride(len);
        data.resize(stride, 0.0);
        data.extend(grads.take(len));
        data.resize(4 * stride, 0.0);
        Self { data, len }
    }

    fn stride(len: usize) -> usize {
        len.next_multiple_of(16) + STAGGER
    }

    /// Zeroes the memory.
    pub fn reset(&mut self) {
        self.data[2 * Self::stride(self.len)..].fill(0.0);
    }

    /// All of it.
    pub fn piece(&mut self) -> Piece<'_> {
        let len = self.len;
        let mut rows = self.data.chunks_exact_mut(Self::stride(len)).map(|row| &mut row[..len]);
        let mut row = || rows.next().unwrap_or_default();
        Piece { p: row(), g: row(), s: [row(), row()] }
    }
}

/// What a loop runs over. A rule with one slot leaves the second alone.
pub struct Piece<'a> {
    /// The parameter.
    pub p: &'a mut [f32],
    /// Its gradient.
    pub g: &'a [f32],
    /// Its memory.
    pub s: [&'a mut [f32]; 2],
}

impl Piece<'_> {
    fn split_at(self, at: usize) -> (Self, Self) {
        let [s, z] = self.s;
        let (p0, p1) = self.p.split_at_mut(at);
        let (g0, g1) = self.g.split_at(at);
        let (s0, s1) = s.split_at_mut(at);
        let (z0, z1) = z.split_at_mut(at);
        (Self { p: p0, g: g0, s: [s0, z0] }, Self { p: p1, g: g1, s: [s1, z1] })
    }
}

/// A loop, with its coefficients.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the formulas below say what the letters are")]
pub enum Limit {
    /// Loads and stores alone: each number written is the old one plus the gradient.
    Stream { slots: usize },
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
        let parts = if piece.p.len() < kernel::MIN_FORK { 1 } else { threads };
        self.split(piece, parts);
    }

    fn split(self, piece: Piece<'_>, parts: usize) {
        if parts <= 1 {
            return self.sweep(piece);
        }
        let left = parts / 2;
        // Whole cache lines on both sides.
        let at = (piece.p.len() * left / parts).next_multiple_of(16).min(piece.p.len());
        let (a, b) = piece.split_at(at);
        rayon::join(|| self.split(a, left), || self.split(b, parts - left));
    }

    fn sweep(self, Piece { p, g, s: [s, z] }: Piece<'_>) {
        match self {
            Limit::Stream { slots: 0 } => stream0(p, g),
            Limit::Stream { slots: 1 } => stream1(p, g, s),
            Limit::Stream { .. } => stream2(p, g, s, z),
            Limit::Sgd { lr } => sgd(lr, p, g),
            Limit::Momentum { lr, mu } => momentum(lr, mu, p, g, s),
            Limit::AdaGrad { lr, eps } => adagrad(lr, eps, p, g, s),
            Limit::RmsProp { lr, rho, fresh, eps } => rmsprop(lr, rho, fresh, eps, p, g, s),
            Limit::Adam(adam) => self::adam(adam, p, g, s, z),
            Limit::AdamW { keep, adam } => adamw(keep, adam, p, g, s, z),
        }
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
                *b = mu * *b + g;
                *p -= lr * *b;
            }
        },
    );
}

fn adagrad(lr: f32, eps: f32, p: &mut [f32], g: &[f32], h: &mut [f32]) {
    vectorize(
        #[inline(always)]
        || {
            for ((p, g), h) in p.iter_mut().zip(g).zip(h) {
                *h += g * g;
                *p -= lr * g / (h.sqrt() + eps);
            }
        },
    );
}

fn rmsprop(lr: f32, rho: f32, fresh: f32, eps: f32, p: &mut [f32], g: &[f32], h: &mut [f32]) {
    vectorize(
        #[inline(always)]
        || {
            for ((p, g), h) in p.iter_mut().zip(g).zip(h) {
                *h = rho * *h + fresh * (g * g);
                *p -= lr * g / (h.sqrt() + eps);
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
                *m = beta1 * *m + fresh1 * g;
                *v = beta2 * *v + fresh2 * g * g;
                *p -= lr * *m / ((*v * debias).sqrt() + eps);
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
                *m = beta1 * *m + fresh1 * g;
                *v = beta2 * *v + fresh2 * g * g;
                *p = keep * *p - lr * *m / ((*v * debias).sqrt() + eps);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_apart_and_of_one_length() {
        let mut buffers = Buffers::new((0..1000).map(|i| i as f32), (0..1000).map(|i| -(i as f32)));
        let piece = buffers.piece();
        assert_eq!((piece.p[999], piece.g[999]), (999.0, -999.0));
        assert_eq!([piece.s[0].len(), piece.s[1].len()], [1000; 2]);
        piece.s[1].fill(3.0);
        piece.s[0].fill(2.0);
        assert_eq!((piece.p[999], piece.s[1][0]), (999.0, 3.0));
        buffers.reset();
        let piece = buffers.piece();
        assert_eq!((piece.s[0][0], piece.s[1][999], piece.g[1]), (0.0, 0.0, -1.0));
    }

    #[test]
    fn stream_touches_just_its_rows() {
        for slots in 0..3 {
            let ones = || std::iter::repeat_n(1.0, 100);
            let mut buffers = Buffers::new(ones(), ones());
            Limit::Stream { slots }.run(buffers.piece(), 1);
            let Piece { p, s: [s, z], .. } = buffers.piece();
            let want = |touched| if touched { [1.0; 100] } else { [0.0; 100] };
            assert_eq!(p, [2.0; 100]);
            assert_eq!((&*s, &*z), (&want(slots > 0)[..], &want(slots > 1)[..]), "{slots} slots");
        }
    }
}
