//! Values as words.

use crate::{Anneal, Between, Cooldown, CyclicHeight, PlateauForm, PlateauMode, Threshold};
use std::fmt::{Formatter, Result, Write as _};

/// A value that is one word.
pub(crate) trait Token: Sized {
    /// What it is, for messages.
    const WHAT: &'static str;
    /// The value of a word.
    fn read(word: &str) -> Option<Self>;
    /// The word of a value.
    fn write(&self, f: &mut Formatter<'_>) -> Result;
}

/// A finite number; what it is read from is the shortest that gives the same bits.
impl Token for f64 {
    const WHAT: &'static str = "a number";

    fn read(word: &str) -> Option<Self> {
        word.parse().ok().filter(|x: &f64| x.is_finite())
    }

    fn write(&self, f: &mut Formatter<'_>) -> Result {
        let text = format!("{self:?}");
        f.write_str(text.strip_suffix(".0").unwrap_or(&text))
    }
}

impl Token for u64 {
    const WHAT: &'static str = "a whole number of at least 0";

    fn read(word: &str) -> Option<Self> {
        word.parse().ok()
    }

    fn write(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{self}")
    }
}

/// A count, and the value there.
impl Token for (u64, f64) {
    const WHAT: &'static str = "STEP:VALUE";

    fn read(word: &str) -> Option<Self> {
        let (step, value) = word.split_once(':')?;
        Some((u64::read(step)?, f64::read(value)?))
    }

    fn write(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}:", self.0)?;
        self.1.write(f)
    }
}

/// Joined by commas; `none` is the empty list.
impl<T: Token> Token for Vec<T> {
    const WHAT: &'static str = "a list with commas and without spaces";

    fn read(word: &str) -> Option<Self> {
        if word == "none" { Some(Vec::new()) } else { word.split(',').map(T::read).collect() }
    }

    fn write(&self, f: &mut Formatter<'_>) -> Result {
        write_list(self, f)
    }
}

/// The word of a list.
pub(crate) fn write_list<T: Token>(list: &[T], f: &mut Formatter<'_>) -> Result {
    if list.is_empty() {
        return f.write_str("none");
    }
    for (i, value) in list.iter().enumerate() {
        if i > 0 {
            f.write_char(',')?;
        }
        value.write(f)?;
    }
    Ok(())
}

impl Token for Option<f64> {
    const WHAT: &'static str = "a number or `none`";

    fn read(word: &str) -> Option<Self> {
        if word == "none" { Some(None) } else { f64::read(word).map(Some) }
    }

    fn write(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            None => f.write_str("none"),
            Some(x) => x.write(f),
        }
    }
}

impl Token for CyclicHeight {
    const WHAT: &'static str = "`constant`, `halved` or a number";

    fn read(word: &str) -> Option<Self> {
        match word {
            "constant" => Some(Self::Constant),
            "halved" => Some(Self::Halved),
            gamma => f64::read(gamma).map(Self::Exponential),
        }
    }

    fn write(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Constant => f.write_str("constant"),
            Self::Halved => f.write_str("halved"),
            Self::Exponential(gamma) => gamma.write(f),
        }
    }
}

impl Token for Threshold {
    const WHAT: &'static str = "`rel:FRACTION`, `abs:AMOUNT` or `both:FRACTION:AMOUNT`";

    fn read(word: &str) -> Option<Self> {
        let (kind, rest) = word.split_once(':')?;
        match kind {
            "rel" => f64::read(rest).map(Self::Rel),
            "abs" => f64::read(rest).map(Self::Abs),
            "both" => {
                let (rel, abs) = rest.split_once(':')?;
                Some(Self::Both { rel: f64::read(rel)?, abs: f64::read(abs)? })
            }
            _ => None,
        }
    }

    fn write(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Rel(rel) => {
                f.write_str("rel:")?;
                rel.write(f)
            }
            Self::Abs(abs) => {
                f.write_str("abs:")?;
                abs.write(f)
            }
            Self::Both { rel, abs } => {
                f.write_str("both:")?;
                rel.write(f)?;
                f.write_char(':')?;
                abs.write(f)
            }
        }
    }
}

macro_rules! words {
    ($($kind:ty, $what:literal: $($word:literal $value:expr),*;)*) => {
        $(
            impl Token for $kind {
                const WHAT: &'static str = $what;

                fn read(word: &str) -> Option<Self> {
                    [$(($word, $value)),*].into_iter().find(|(w, _)| *w == word).map(|(_, v)| v)
                }

                fn write(&self, f: &mut Formatter<'_>) -> Result {
                    let all = [$(($word, $value)),*];
                    let word = all.into_iter().find(|(_, v)| v == self).map_or("", |(w, _)| w);
                    f.write_str(word)
                }
            }
        )*
    };
}

words! {
    bool, "`yes` or `no`": "yes" true, "no" false;
    Anneal, "`linear` or `cosine`": "linear" Self::Linear, "cosine" Self::Cosine;
    Between, "`hold`, `linear` or `cosine`":
        "hold" Self::Hold, "linear" Self::Linear, "cosine" Self::Cosine;
    Cooldown, "`linear`, `cosine` or `1-sqrt`":
        "linear" Self::Linear, "cosine" Self::Cosine, "1-sqrt" Self::OneMinusSqrt;
    PlateauMode, "`min` or `max`": "min" Self::Min, "max" Self::Max;
    PlateauForm, "`torch`, `keras` or `optax`":
        "torch" Self::Torch, "keras" Self::Keras, "optax" Self::Optax;
}
