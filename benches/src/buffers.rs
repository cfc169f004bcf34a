//! What updates and their limits run over.

/// Floats of a cache line.
const LINE: usize = 16;

/// Floats between two rows of [`Buffers`], beyond whole lines: an odd number of lines, because rows
/// at exact power-of-two distances share cache sets and run at a quarter of the speed.
const STAGGER: usize = 17 * LINE;

/// A parameter, its gradient and slots of memory, staggered in one allocation. Each row starts at a
/// cache line: a vector that crosses one is read and written twice.
pub struct Buffers {
    data: Vec<f32>,
    first: usize,
    len: usize,
}

impl Buffers {
    /// With the first `len` of these values and gradients; the memory is zero. One allocation, made
    /// once: growing a gigabyte would copy it, and move where it starts.
    pub fn new(
        slots: usize,
        len: usize,
        values: impl Iterator<Item = f32>,
        grads: impl Iterator<Item = f32>,
    ) -> Self {
        let stride = stride(len);
        let mut data: Vec<f32> = Vec::with_capacity(LINE + (2 + slots) * stride);
        let first = data.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
        data.resize(first, 0.0);
        data.extend(values.take(len));
        data.resize(first + stride, 0.0);
        data.extend(grads.take(len));
        data.resize(first + (2 + slots) * stride, 0.0);
        Self { data, first, len }
    }

    /// The parameter, the gradient, and the memory.
    pub fn rows(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let len = self.len;
        self.data[self.first..].chunks_exact_mut(stride(len)).map(move |row| &mut row[..len])
    }

    /// The parameter.
    pub fn values(&self) -> &[f32] {
        &self.data[self.first..][..self.len]
    }

    /// Zeroes the memory.
    pub fn reset(&mut self) {
        self.rows().skip(2).for_each(|row| row.fill(0.0));
    }

    /// All of it, for a loop.
    pub fn piece(&mut self) -> Piece<'_> {
        let mut rows = self.rows();
        let mut row = || rows.next().unwrap_or_default();
        Piece { p: row(), g: row(), s: [row(), row()] }
    }
}

/// From one row to the next.
fn stride(len: usize) -> usize {
    len.next_multiple_of(LINE) + STAGGER
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
            Buffers::new(2, 1000, (0..1000).map(|i| i as f32), (0..).map(|i| -(i as f32)));
        assert!(buffers.rows().all(|row| (row.as_ptr() as usize).is_multiple_of(64)));
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
