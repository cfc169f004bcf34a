use crate::text::{Form, Words};
use crate::{
    Constant, Cosine, CosinePower, CosineRestarts, CosineWave, Cyclic, Delay, Exponential, Floor,
    Geometric, InverseSqrt, InverseTime, KDecay, Linear, Milestones, OneCycle, PerEpoch, Phase,
    Piecewise, Polynomial, PolynomialCycle, Product, Repeat, Rex, Scaled, Schedule, Skip, Step,
    Table, Take, Tanh, Then, Wsd,
};
use std::fmt::{self, Display, Formatter};
use tricks_tensor::{Error, Result};

macro_rules! any {
    (
        end { $($phase:ident,)* }
        go on { $($free:ident($kind:ty),)* }
        made of others { $($made:ident($of:ty),)* }
    ) => {
        /// Any schedule that can be written down: what a command line or a file names.
        ///
        /// It prints, compares, and is read back with the same bits; with the feature `serde` it is
        /// saved as its text. Functions ([`Lambda`](crate::Lambda), [`Mapped`](crate::Mapped))
        /// cannot be written, and [`Plateau`](crate::Plateau) is no schedule: its rule,
        /// [`ReduceOnPlateau`](crate::ReduceOnPlateau), has a text of its own.
        ///
        /// # Grammar
        /// ```text
        /// schedule  part { then part }               every part but the last must end
        ///           warmup N [from X] [linear | cosine | geometric] then schedule
        /// part      X | KIND … | ( schedule ), and any number of these behind it, which bind
        ///           tighter than `then`:
        ///           take N   skip N   delayed N   repeated   per-epoch N
        ///           scaled X   at-least X   times ( schedule )
        /// KIND      constant X over N
        ///           linear A..B over N               also cosine, cosine-wave, geometric, rex
        ///           polynomial A..B over N [power P] also polynomial-cycle
        ///           k-decay A..B over N [power P] k K
        ///           cosine-power A..B over N [power P] [k K]
        ///           cosine-restarts A..B over N [period F] [peak M]
        ///           tanh A..B over N [lower L] [upper U]
        ///           wsd A..PEAK..B warmup N stable N cooldown N [shape linear | cosine | 1-sqrt]
        ///           piecewise N:X,N:X,… between hold | linear | cosine
        ///           table X,X,…
        ///           step A gamma G every N
        ///           milestones A gamma G at N,N,…
        ///           exponential A lambda L
        ///           inverse-time A rate R every N [staircase yes | no]
        ///           inverse-sqrt PEAK [warmup N]
        ///           cyclic A..B up N down N [height constant | halved | GAMMA]
        ///           one-cycle PEAK over N [start SHARE] [anneal linear | cosine]
        ///           one-cycle A..PEAK..B top T [back T] end T [anneal linear | cosine]
        /// ```
        /// A, B, X are numbers, N whole ones. A number alone is the schedule that never changes.
        /// Keys come in this order; what stands in `[ ]` may be left out. A `warmup` climbs to the
        /// first value of what follows; it prints as the ramp it is.
        ///
        /// # Errors
        /// Reading a text gives [`Error::Format`] with the column, counted in characters from 1,
        /// and what was expected there, or what [`validate`](Schedule::validate) said. More than
        /// 200 parts are refused.
        ///
        /// ```
        /// use tricks_schedule::{AnySchedule, Cosine, Schedule};
        /// let lr: AnySchedule = "warmup 500 then cosine 1e-3..1e-5 over 10000".parse()?;
        /// assert_eq!([lr.at(0), lr.at(250), lr.at(500), lr.at(10_500)], [0.0, 5e-4, 1e-3, 1e-5]);
        /// let text = "linear 0..0.001 over 500 then cosine 0.001..1e-5 over 10000";
        /// assert_eq!(lr.to_string(), text);
        /// assert_eq!(text.parse::<AnySchedule>()?, lr);
        ///
        /// let wrong = "step 0.1 gamma 0.5 every -3".parse::<AnySchedule>().unwrap_err();
        /// assert_eq!(
        ///     wrong.to_string(),
        ///     "schedule: column 26: expected a whole number of at least 0, found `-3`"
        /// );
        /// assert_eq!(AnySchedule::from(Cosine { from: 1.0, to: 0.0, steps: 9 }).ends(), Some(9));
        /// # Ok::<(), tricks_schedule::Error>(())
        /// ```
        #[non_exhaustive]
        #[derive(Clone, Debug, PartialEq)]
        pub enum AnySchedule {
            /// A number.
            Value(f64),
            $(
                #[doc = concat!("[`", stringify!($phase), "`].")]
                $phase($phase),
            )*
            $(
                #[doc = concat!("[`", stringify!($free), "`].")]
                $free($kind),
            )*
            $(
                #[doc = concat!("[`", stringify!($made), "`].")]
                $made(Box<$of>),
            )*
        }

        impl AnySchedule {
            /// The one inside.
            fn inner(&self) -> &dyn Schedule {
                match self {
                    Self::Value(inner) => inner,
                    $(Self::$phase(inner) => inner,)*
                    $(Self::$free(inner) => inner,)*
                    $(Self::$made(inner) => inner,)*
                }
            }

            /// The steps of one that is made of nothing else and ends.
            fn own_end(&self) -> Option<u64> {
                match self {
                    $(Self::$phase(inner) => Some(inner.steps()),)*
                    _ => None,
                }
            }
        }

        impl Display for AnySchedule {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Value(inner) => crate::text::write_number(*inner, f),
                    $(Self::$phase(inner) => inner.fmt(f),)*
                    $(Self::$free(inner) => inner.fmt(f),)*
                    $(Self::$made(inner) => inner.fmt(f),)*
                }
            }
        }

        $(
            impl From<$phase> for AnySchedule {
                fn from(inner: $phase) -> Self {
                    Self::$phase(inner)
                }
            }
        )*
        $(
            impl From<$kind> for AnySchedule {
                fn from(inner: $kind) -> Self {
                    Self::$free(inner)
                }
            }
        )*

        /// Reads the kind that `word`, the next of `words`, names.
        pub(crate) fn read_kind(
            word: &str,
            words: &mut Words<'_>,
        ) -> Option<Result<AnySchedule>> {
            $(
                if word == <$phase as Form>::WORD {
                    words.take(word);
                    return Some(<$phase as Form>::read(words).map(AnySchedule::$phase));
                }
            )*
            $(
                if word == <$kind as Form>::WORD {
                    words.take(word);
                    return Some(<$kind as Form>::read(words).map(AnySchedule::$free));
                }
            )*
            None
        }
    };
}

any! {
    end {
        Constant,
        Linear,
        Polynomial,
        KDecay,
        Cosine,
        CosinePower,
        Geometric,
        Rex,
        Tanh,
        Wsd,
        Piecewise,
        Table,
    }
    go on {
        Step(Step),
        Milestones(Milestones<Vec<u64>>),
        Exponential(Exponential),
        InverseTime(InverseTime),
        InverseSqrt(InverseSqrt),
        PolynomialCycle(PolynomialCycle),
        CosineWave(CosineWave),
        CosineRestarts(CosineRestarts),
        Cyclic(Cyclic),
        OneCycle(OneCycle),
    }
    made of others {
        Then(Then<AnyPhase, AnySchedule>),
        Take(Take<AnySchedule>),
        Skip(Skip<AnySchedule>),
        Delay(Delay<AnySchedule>),
        PerEpoch(PerEpoch<AnySchedule>),
        Scaled(Scaled<AnySchedule>),
        Floor(Floor<AnySchedule>),
        Product(Product<AnySchedule, AnySchedule>),
        Repeat(Repeat<AnyPhase>),
    }
}

impl AnySchedule {
    /// How many steps until the last value, if there is one: what [`Phase::steps`] says of those
    /// that end.
    pub fn ends(&self) -> Option<u64> {
        // A phase of so many steps, to ask each combination how long it then is.
        let of = |inner: &Self| inner.ends().map(|steps| Constant { value: 0.0, steps });
        match self {
            Self::Take(s) => Some(s.steps),
            Self::Then(s) => Some(Then { first: &s.first, next: of(&s.next)? }.steps()),
            Self::Skip(s) => Some(Skip { schedule: of(&s.schedule)?, steps: s.steps }.steps()),
            Self::Delay(s) => Some(Delay { schedule: of(&s.schedule)?, steps: s.steps }.steps()),
            Self::PerEpoch(s) => {
                let steps_per_epoch = s.steps_per_epoch;
                Some(PerEpoch { schedule: of(&s.schedule)?, steps_per_epoch }.steps())
            }
            Self::Scaled(s) => s.schedule.ends(),
            Self::Floor(s) => s.schedule.ends(),
            Self::Product(s) => Some(Product { left: of(&s.left)?, right: of(&s.right)? }.steps()),
            _ => self.own_end(),
        }
    }
}

impl Schedule for AnySchedule {
    fn at(&self, step: u64) -> f64 {
        self.inner().at(step)
    }

    fn validate(&self) -> Result<()> {
        self.inner().validate()
    }
}

impl From<f64> for AnySchedule {
    fn from(value: f64) -> Self {
        Self::Value(value)
    }
}

/// An [`AnySchedule`] that ends, so that another can follow.
///
/// ```
/// use tricks_schedule::{AnyPhase, AnySchedule, Phase, Schedule};
/// let first: AnySchedule = "linear 0..0.5 over 4".parse()?;
/// let lr = AnyPhase::try_from(first)?.then(0.25);
/// assert_eq!([lr.at(2), lr.at(4)], [0.25, 0.25]);
/// let endless: AnySchedule = "step 0.1 gamma 0.5 every 10".parse()?;
/// assert!(AnyPhase::try_from(endless).is_err());
/// # Ok::<(), tricks_schedule::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct AnyPhase {
    /// One that ends.
    schedule: AnySchedule,
}

impl TryFrom<AnySchedule> for AnyPhase {
    type Error = Error;

    /// # Errors
    /// One that never ends.
    fn try_from(schedule: AnySchedule) -> Result<Self> {
        if schedule.ends().is_none() {
            let message = format!(
                "`{schedule}` never ends, so it cannot be followed or repeated; `take N` ends it"
            );
            return Err(Error::invalid("AnyPhase", message));
        }
        Ok(Self { schedule })
    }
}

impl From<AnyPhase> for AnySchedule {
    fn from(phase: AnyPhase) -> Self {
        phase.schedule
    }
}

impl Schedule for AnyPhase {
    fn at(&self, step: u64) -> f64 {
        self.schedule.at(step)
    }

    fn validate(&self) -> Result<()> {
        self.schedule.validate()
    }
}

impl Phase for AnyPhase {
    fn steps(&self) -> u64 {
        // It was made of one that ends.
        self.schedule.ends().unwrap_or(u64::MAX)
    }
}

impl Display for AnyPhase {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.schedule {
            AnySchedule::Then(_) => write!(f, "({})", self.schedule),
            _ => self.schedule.fmt(f),
        }
    }
}
