use super::Read;

/// How much memory reading may still take: a few bytes of a pickle can ask for many.
pub(super) struct Budget {
    left: usize,
    whole: usize,
}

impl Budget {
    /// For a file of this length. What PyTorch writes takes less than half of it.
    pub(super) fn of(file: usize) -> Self {
        let whole = file.saturating_mul(4).saturating_add(1 << 20);
        Self { left: whole, whole }
    }

    /// Takes bytes, for good.
    pub(super) fn spend(&mut self, bytes: usize) -> Read<()> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(format!("its objects need more than {} bytes of memory", self.whole)),
        }
    }
}
