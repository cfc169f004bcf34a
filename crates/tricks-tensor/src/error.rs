use std::io;
use std::path::PathBuf;

/// The result of everything that can be refused.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What was refused, with the name of the thing and both numbers.
///
/// What was refused has changed nothing: no parameter, no state, no counter, no file.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A hyper-parameter outside its range.
    #[error("{owner}: {field} is {value}, must be {range}")]
    Hyper {
        /// The technique.
        owner: &'static str,
        /// The field of it.
        field: &'static str,
        /// What was given.
        value: f64,
        /// What is allowed, in words.
        range: &'static str,
    },
    /// Two hyper-parameters that exclude each other, or a call out of order.
    #[error("{owner}: {message}")]
    Invalid {
        /// The technique or the call.
        owner: &'static str,
        /// What is wrong, with the numbers.
        message: String,
    },
    /// Two shapes that should be equal.
    #[error("{name}: {what} has shape {found:?}, {of} {expected:?}")]
    Shape {
        /// The parameter or layer.
        name: String,
        /// The offender (`gradient`).
        what: &'static str,
        /// Its shape.
        found: Vec<usize>,
        /// What it was held against (`parameter`).
        of: &'static str,
        /// That one's shape.
        expected: Vec<usize>,
    },
    /// A NaN or an infinity.
    #[error("{name}: {what} is {value} at flat index {index}")]
    NonFinite {
        /// The parameter.
        name: String,
        /// `gradient`, `update`, ...
        what: &'static str,
        /// Position in C order.
        index: usize,
        /// The number found.
        value: f64,
    },
    /// The set of parameters is not the one that was bound.
    #[error("parameter {position}: found {found}, expected {expected}")]
    Parameters {
        /// 0-based position in the visit.
        position: usize,
        /// The path visited, or `nothing`.
        found: String,
        /// The path bound, or `nothing`.
        expected: String,
    },
    /// A saved state that does not fit; every mismatch is listed.
    #[error("state does not fit: {}", .problems.join("; "))]
    State {
        /// One line for each entry that is missing, unexpected, or of another shape or type.
        problems: Vec<String>,
    },
    /// A number in the data out of range, such as a label.
    #[error("{name}: row {row} has {value}, must be below {limit}")]
    Data {
        /// The data set or column.
        name: String,
        /// 0-based row.
        row: usize,
        /// The number found.
        value: u64,
        /// One more than the largest number allowed.
        limit: u64,
    },
    /// A file, or bytes, of the wrong format.
    #[error("{name}: {message}")]
    Format {
        /// The file, or what the bytes should have been.
        name: String,
        /// What is wrong, with both numbers.
        message: String,
    },
    /// The operating system said no.
    #[error("{}: cannot {action}: {source}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// `read`, `write`, `rename`, ...
        action: &'static str,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// [`Error::Shape`] from slices.
    pub fn shape(
        name: impl ToString,
        (what, found): (&'static str, &[usize]),
        (of, expected): (&'static str, &[usize]),
    ) -> Self {
        Self::Shape {
            name: name.to_string(),
            what,
            found: found.to_vec(),
            of,
            expected: expected.to_vec(),
        }
    }

    /// [`Error::Invalid`] from anything printable.
    pub fn invalid(owner: &'static str, message: impl ToString) -> Self {
        Self::Invalid { owner, message: message.to_string() }
    }

    /// [`Error::Format`] from anything printable.
    pub fn format(name: impl ToString, message: impl ToString) -> Self {
        Self::Format { name: name.to_string(), message: message.to_string() }
    }

    /// [`Error::Io`] as a closure for `map_err`.
    pub fn io(path: impl Into<PathBuf>, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, action, source }
    }
}

/// The ranges that hyper-parameters are held to; each refuses NaN and infinities.
///
/// ```
/// use tricks_tensor::hyper;
/// let refused = hyper::fraction("Adam", "beta1", 1.5).unwrap_err();
/// assert_eq!(refused.to_string(), "Adam: beta1 is 1.5, must be in [0, 1)");
/// ```
pub mod hyper {
    use super::{Error, Result};

    /// `ok`, or [`Error::Hyper`].
    pub fn require(
        owner: &'static str,
        field: &'static str,
        value: f64,
        ok: bool,
        range: &'static str,
    ) -> Result<()> {
        if ok { Ok(()) } else { Err(Error::Hyper { owner, field, value, range }) }
    }

    /// `value ≥ 0`, finite.
    pub fn non_negative(owner: &'static str, field: &'static str, value: f64) -> Result<()> {
        let ok = value >= 0.0 && value.is_finite();
        require(owner, field, value, ok, "finite and at least 0")
    }

    /// `value > 0`, finite.
    pub fn positive(owner: &'static str, field: &'static str, value: f64) -> Result<()> {
        let ok = value > 0.0 && value.is_finite();
        require(owner, field, value, ok, "finite and above 0")
    }

    /// `0 ≤ value < 1`: decay rates of averages.
    pub fn fraction(owner: &'static str, field: &'static str, value: f64) -> Result<()> {
        require(owner, field, value, (0.0..1.0).contains(&value), "in [0, 1)")
    }

    /// `0 ≤ value ≤ 1`: probabilities.
    pub fn probability(owner: &'static str, field: &'static str, value: f64) -> Result<()> {
        require(owner, field, value, (0.0..=1.0).contains(&value), "in [0, 1]")
    }

    /// Any finite number.
    pub fn finite(owner: &'static str, field: &'static str, value: f64) -> Result<()> {
        require(owner, field, value, value.is_finite(), "finite")
    }
}
