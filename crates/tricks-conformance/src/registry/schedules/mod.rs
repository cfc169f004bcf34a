//! Learning-rate schedules, in files by kinship.

mod combined;
mod cycles;
mod free;
mod phases;

use super::{About, Bad, NOT_FINITE, NOT_NON_NEGATIVE, NOT_POSITIVE};
use std::sync::LazyLock;
use tricks_schedule::Schedule;

/// A learning-rate schedule.
pub struct ScheduleRow {
    /// Name, file, formula.
    pub about: About,
    /// One of them; none for what has memory and is no [`Schedule`].
    pub sample: Option<Sample>,
    /// What must be refused.
    pub refuses: &'static [Bad<Box<dyn Schedule>>],
}

/// A schedule with ordinary numbers, and what is known of it.
pub struct Sample {
    /// Makes it.
    pub make: fn() -> Box<dyn Schedule>,
    /// The same as [`AnySchedule`](tricks_schedule::AnySchedule) reads it; functions have none.
    pub text: Option<&'static str>,
    /// The lowest and the highest value it may have.
    pub within: (f64, f64),
    /// Its first value.
    pub first: f64,
    /// When it ends, and its last value, if it ends.
    pub end: Option<(u64, f64)>,
}

macro_rules! row {
    (
        $name:literal in $file:literal: $formula:literal,
        $make:expr, text $text:expr, within $within:expr, first $first:expr, end $end:expr,
        refuses $refuses:expr
    ) => {
        ScheduleRow {
            about: crate::registry::About { name: $name, file: $file, formula: $formula },
            sample: Some(crate::registry::Sample {
                make: || Box::new($make),
                text: $text,
                within: $within,
                first: $first,
                end: $end,
            }),
            refuses: &$refuses,
        }
    };
}
use row;

/// Every schedule.
pub static SCHEDULES: LazyLock<Vec<&'static ScheduleRow>> = LazyLock::new(|| {
    [phases::ROWS, free::ROWS, cycles::ROWS, combined::ROWS].into_iter().flatten().collect()
});
