/// The most memory slots a rule may ask for.
pub const MAX_SLOTS: usize = 5;

/// The most scalars a rule may ask for.
pub const MAX_SCALARS: usize = 4;

/// A kind of memory a rule keeps for every parameter.
///
/// ```
/// use tricks_optim::Slot;
/// const SLOTS: &[Slot] = &[
///     Slot::new("m").torch("exp_avg"),
///     Slot::new("v").torch("exp_avg_sq").non_negative(),
/// ];
/// assert_eq!(SLOTS[1].name, "v");
/// ```
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its letter: the entry of the state is `PARAMETER/NAME`.
    pub name: &'static str,
    /// What PyTorch calls it, if it means the same there.
    pub torch: Option<&'static str>,
    /// Whether it never holds a number below 0: then 8 bits need not hold a sign.
    pub non_negative: bool,
    /// Whether it is kept in full precision whatever the storage: a point, not an average.
    pub exact: bool,
    /// Whether it starts as a copy of the parameter, taken before the first update.
    pub from_param: bool,
}

impl Slot {
    /// An average of signed numbers.
    pub const fn new(name: &'static str) -> Self {
        Self { name, torch: None, non_negative: false, exact: false, from_param: false }
    }

    /// With the name PyTorch gives it.
    #[must_use]
    pub const fn torch(self, name: &'static str) -> Self {
        Self { torch: Some(name), ..self }
    }

    /// Never below 0: an average of squares.
    #[must_use]
    pub const fn non_negative(self) -> Self {
        Self { non_negative: true, ..self }
    }

    /// Always in full precision.
    #[must_use]
    pub const fn exact(self) -> Self {
        Self { exact: true, ..self }
    }

    /// Starts as a copy of the parameter; always in full precision.
    #[must_use]
    pub const fn from_param(self) -> Self {
        Self { from_param: true, exact: true, ..self }
    }
}

/// A number a rule keeps beside its slots.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scalar {
    /// Its name: the entry of the state is `PARAMETER/NAME`.
    pub name: &'static str,
    /// What it is before the first update.
    pub initial: f64,
    /// What PyTorch calls it, if it means the same there.
    pub torch: Option<&'static str>,
}

impl Scalar {
    /// A scalar that starts from `initial`.
    pub const fn new(name: &'static str, initial: f64) -> Self {
        Self { name, initial, torch: None }
    }

    /// With the name PyTorch gives it.
    #[must_use]
    pub const fn torch(self, name: &'static str) -> Self {
        Self { torch: Some(name), ..self }
    }
}
