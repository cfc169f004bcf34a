use crate::{Float, Grad};

/// A row-sparse gradient under construction: rows in any order, some of them more than once.
///
/// ```
/// use tricks_tensor::{Grad, RowGrad};
/// let mut grad = RowGrad::new(2);
/// grad.add(7, &[1.0, 2.0]);
/// grad.add(3, &[0.5, 0.5]);
/// grad.add(7, &[1.0, 0.0]);
/// let Grad::Rows { rows, values } = grad.lend() else { panic!("rows") };
/// assert_eq!(rows, [3, 7]);
/// assert_eq!(values, [0.5, 0.5, 2.0, 2.0]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RowGrad<F> {
    width: usize,
    rows: Vec<usize>,
    values: Vec<F>,
    /// Whether rows increase strictly.
    sorted: bool,
    // Room for sorting, kept so that a steady training step allocates nothing.
    order: Vec<usize>,
    scratch: Vec<F>,
}

impl<F: Float> RowGrad<F> {
    /// No rows yet; each will hold `width` numbers.
    pub fn new(width: usize) -> Self {
        let (rows, values, order, scratch) = (vec![], vec![], vec![], vec![]);
        Self { width, rows, values, sorted: true, order, scratch }
    }

    /// Adds to a row.
    ///
    /// # Panics
    /// If `values` is not as long as a row.
    pub fn add(&mut self, row: usize, values: &[F]) {
        assert_eq!(values.len(), self.width, "a row holds {} numbers", self.width);
        self.sorted &= self.rows.last().is_none_or(|last| *last < row);
        self.rows.push(row);
        self.values.extend_from_slice(values);
    }

    /// Adds to several rows, whose numbers stand one after the other.
    ///
    /// # Panics
    /// If `values` does not hold a row for each of `rows`.
    pub fn add_all(&mut self, rows: &[usize], values: &[F]) {
        assert_eq!(values.len(), rows.len() * self.width, "a row holds {} numbers", self.width);
        for (i, row) in rows.iter().enumerate() {
            self.add(*row, &values[i * self.width..][..self.width]);
        }
    }

    /// Forgets all rows, and keeps the room.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.values.clear();
        self.sorted = true;
    }

    /// Whether no row was added.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The gradient: rows in order, those added more than once summed in the order of adding.
    pub fn lend(&mut self) -> Grad<'_, F> {
        if !self.sorted {
            self.merge();
        }
        Grad::Rows { rows: &self.rows, values: &mut self.values }
    }

    fn merge(&mut self) {
        let Self { width, rows, values, order, scratch, .. } = self;
        order.clear();
        order.extend(0..rows.len());
        // Entries of one row stay in the order of adding: the position decides between equals.
        order.sort_unstable_by_key(|&entry| (rows[entry], entry));
        scratch.clear();
        let mut last = None;
        for &entry in &*order {
            let from = &values[entry * *width..][..*width];
            if last == Some(rows[entry]) {
                let start = scratch.len() - *width;
                scratch[start..].iter_mut().zip(from).for_each(|(sum, x)| *sum += *x);
            } else {
                scratch.extend_from_slice(from);
                last = Some(rows[entry]);
            }
        }
        std::mem::swap(values, scratch);
        rows.sort_unstable();
        rows.dedup();
        self.sorted = true;
    }
}
