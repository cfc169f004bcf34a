//! What the limits run over.

/// Floats between two rows of [`Buffers`]: an odd number of cache lines, because rows at exact
/// power-of-two distances share cache sets and run at a quarter of the speed.
const STAGGER: usize = 17 * 16;

/// A parameter, its gradient and two slots of memory, staggered in one allocation.
pub struct Buffers {
    data: Vec<f32>,
    len: usize,
}

impl Buffers {
    /// With the first `len` of these values and gradients; the memory is zero. One allocation, made
    /// once: growing a gigabyte would copy it.
    pub fn new(
        len: usize,
        values: impl Iterator<Item = f32>,
        grads: impl Iterator<Item = f32>,
    ) -> Self {
        let mut data = Vec::with_capacity(4 * Self::stride(len));
        data.extend(values.take(len));
        data.resize(Self::stride(len), 0.0);
        data.extend(grads.take(len));
        data.resize(4 * Self::stride(len), 0.0);
        Self { data, len }
    }

    /// From one row to the next, for rows of this length.
    pub(crate) fn stride(len: usize) -> usize {
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
    /// The first `at` elements of each row, and the rest.
    pub fn split_at(self, at: usize) -> (Self, Self) {
        let [s, z] = self.s;
        let (p0, p1) = self.p.split_at_mut(at);
        let (g0, g1) = self.g.split_at(at);
        let (s0, s1) = s.split_at_mut(at);
        let (z0, z1) = z.split_at_mut(at);
        (Self { p: p0, g: g0, s: [s0, z0] }, Self { p: p1, g: g1, s: [s1, z1] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_apart_and_of_one_length() {
        let mut buffers =
            Buffers::new(1000, (0..1000).map(|i| i as f32), (0..).map(|i| -(i as f32)));
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
}
