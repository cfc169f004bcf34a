//! Every kind of schedule as words: printed and read by the same line.

use super::token::write_list;
use super::{Form, Token, Words, whole};
use crate::{
    Anneal, Constant, Cosine, CosinePower, CosineRestarts, CosineWave, Cyclic, Delay, Exponential,
    Floor, Geometric, InverseSqrt, InverseTime, KDecay, Linear, Milestones, OneCycle, PerEpoch,
    Piecewise, PlateauForm, PlateauMode, Polynomial, PolynomialCycle, Product, ReduceOnPlateau,
    Repeat, Rex, Scaled, Schedule, Skip, Step, Table, Take, Tanh, Then, Threshold, Wsd,
};
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;
use tricks_tensor::{Error, Result};

/// Its word, its values joined by `..`, then a key before each other value. What has a default may
/// be left out.
macro_rules! forms {
    ($(
        $kind:ident $word:literal $first:ident $(.. $more:ident)*
        $(, $key:literal $field:ident $(= $default:expr)?)*;
    )*) => {
        $(
            impl Form for $kind {
                const WORD: &'static str = $word;

                fn read(words: &mut Words<'_>) -> Result<Self> {
                    let $first = words.value()?;
                    $(
                        words.expect("..")?;
                        let $more = words.value()?;
                    )*
                    $(let $field = words.keyed($key, None $(.or(Some($default)))?)?;)*
                    Ok(Self { $first, $($more,)* $($field,)* })
                }
            }

            impl Display for $kind {
                fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                    f.write_str(concat!($word, " "))?;
                    self.$first.write(f)?;
                    $(
                        f.write_str("..")?;
                        self.$more.write(f)?;
                    )*
                    $(
                        f.write_str(concat!(" ", $key, " "))?;
                        self.$field.write(f)?;
                    )*
                    Ok(())
                }
            }

            from_str!($kind);
        )*
    };
}

macro_rules! from_str {
    ($kind:ty) => {
        impl FromStr for $kind {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                whole(text, |value: &Self| value.validate())
            }
        }
    };
}

forms! {
    Constant "constant" value, "over" steps;
    Linear "linear" from..to, "over" steps;
    Polynomial "polynomial" from..to, "over" steps, "power" power = 1.0;
    PolynomialCycle "polynomial-cycle" from..to, "over" steps, "power" power = 1.0;
    KDecay "k-decay" from..to, "over" steps, "power" power = 1.0, "k" k;
    Cosine "cosine" from..to, "over" steps;
    CosinePower "cosine-power" from..to, "over" steps, "power" power = 1.0, "k" k = 1.0;
    CosineWave "cosine-wave" from..to, "over" steps;
    CosineRestarts "cosine-restarts" from..to, "over" steps,
        "period" period_factor = 1.0, "peak" peak_factor = 1.0;
    Geometric "geometric" from..to, "over" steps;
    Rex "rex" from..to, "over" steps;
    Tanh "tanh" from..to, "over" steps, "lower" lower = -6.0, "upper" upper = 3.0;
    Wsd "wsd" from..peak..to, "warmup" warmup, "stable" stable, "cooldown" cooldown,
        "shape" shape = Default::default();
    Piecewise "piecewise" points, "between" between;
    Table "table" values;
    Step "step" from, "gamma" gamma, "every" every;
    Exponential "exponential" from, "lambda" lambda;
    InverseTime "inverse-time" from, "rate" rate, "every" steps, "staircase" staircase = false;
    InverseSqrt "inverse-sqrt" peak, "warmup" warmup = 1;
    Cyclic "cyclic" from..to, "up" up, "down" down, "height" height = crate::CyclicHeight::Constant;
    ReduceOnPlateau "plateau" factor, "mode" mode = PlateauMode::Min, "patience" patience = 10,
        "threshold" threshold = Threshold::Rel(1e-4), "cooldown" cooldown = 0,
        "min-lr" min_lr = 0.0, "eps" eps = 1e-8, "every" every = 1,
        "form" form = PlateauForm::Torch;
}

impl Form for Milestones<Vec<u64>> {
    const WORD: &'static str = "milestones";

    fn read(words: &mut Words<'_>) -> Result<Self> {
        let (from, gamma) = (words.value()?, words.keyed("gamma", None)?);
        Ok(Self { from, gamma, milestones: words.keyed("at", None)? })
    }
}

impl<M: AsRef<[u64]>> Display for Milestones<M> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("milestones ")?;
        self.from.write(f)?;
        f.write_str(" gamma ")?;
        self.gamma.write(f)?;
        f.write_str(" at ")?;
        write_list(self.milestones.as_ref(), f)
    }
}

from_str!(Milestones<Vec<u64>>);

impl Form for OneCycle {
    const WORD: &'static str = "one-cycle";

    /// Three values and their times, or a peak and PyTorch's way to the rest.
    fn read(words: &mut Words<'_>) -> Result<Self> {
        let first = words.value()?;
        if !words.take("..") {
            let (steps, start) = (words.keyed("over", None)?, words.keyed("start", Some(0.3))?);
            let anneal = words.keyed("anneal", Some(Anneal::Cosine))?;
            return Ok(Self { anneal, ..Self::torch(first, steps, start) });
        }
        let peak = words.value()?;
        words.expect("..")?;
        Ok(Self {
            from: first,
            peak,
            to: words.value()?,
            top: words.keyed("top", None)?,
            back: words.keyed("back", Some(None))?,
            end: words.keyed("end", None)?,
            anneal: words.keyed("anneal", Some(Anneal::Cosine))?,
        })
    }
}

impl Display for OneCycle {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (before, value) in
            [("one-cycle ", self.from), ("..", self.peak), ("..", self.to), (" top ", self.top)]
        {
            f.write_str(before)?;
            value.write(f)?;
        }
        f.write_str(" back ")?;
        self.back.write(f)?;
        f.write_str(" end ")?;
        self.end.write(f)?;
        f.write_str(" anneal ")?;
        self.anneal.write(f)
    }
}

from_str!(OneCycle);

/// What comes behind a schedule in brackets.
macro_rules! behind {
    ($($kind:ident . $schedule:ident $word:literal $($field:ident)?;)*) => {
        $(
            impl<S: Display> Display for $kind<S> {
                fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                    write!(f, concat!("({}) ", $word), self.$schedule)?;
                    $(
                        f.write_str(" ")?;
                        self.$field.write(f)?;
                    )?
                    Ok(())
                }
            }
        )*
    };
}

behind! {
    Take.schedule "take" steps;
    Skip.schedule "skip" steps;
    Delay.schedule "delayed" steps;
    PerEpoch.schedule "per-epoch" steps_per_epoch;
    Scaled.schedule "scaled" factor;
    Floor.schedule "at-least" min;
    Repeat.phase "repeated";
}

impl<A: Display, B: Display> Display for Product<A, B> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "({}) times ({})", self.left, self.right)
    }
}

impl<A: Display, B: Display> Display for Then<A, B> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} then {}", self.first, self.next)
    }
}
