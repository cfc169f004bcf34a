//! A progress bar in the style of tqdm, on the terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use std::fmt::Write;
use std::time::Duration;

/// `42%|####  | 197/469 [00:03<00:04, 61 it/s, loss=0.21]`; silent when not on a terminal.
pub(crate) struct Progress {
    bar: ProgressBar,
}

const TEMPLATE: &str =
    "{prefix} {percent:>3}%|{bar:24.cyan}| {pos}/{len} [{clock_elapsed}<{clock_left}, {rate}{msg}]";

impl Progress {
    /// A bar that shows itself once it has something to count, and only on a terminal.
    pub(crate) fn new() -> Self {
        let bar = ProgressBar::hidden();
        // The template is a constant that names known fields; if it were not, the plain bar is shown.
        if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
            let clock = |f: fn(&ProgressState) -> Duration| {
                move |state: &ProgressState, out: &mut dyn Write| {
                    let _ = out.write_str(&clock(f(state)));
                }
            };
            bar.set_style(
                style
                    .progress_chars("## ")
                    .with_key("clock_elapsed", clock(ProgressState::elapsed))
                    .with_key("clock_left", clock(ProgressState::eta))
                    .with_key("rate", |state: &ProgressState, out: &mut dyn Write| {
                        let _ = write!(out, "{:.0} it/s", state.per_sec());
                    }),
            );
        }
        Self { bar }
    }

    /// Starts over under a new name; more steps are announced by [`Progress::expect`].
    pub(crate) fn start(&self, name: &str) {
        self.bar.reset();
        self.bar.set_length(0);
        self.bar.set_message("");
        self.bar.set_prefix(name.to_string());
    }

    /// Announces more steps.
    pub(crate) fn expect(&self, steps: u64) {
        self.bar.inc_length(steps);
        if self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        }
    }

    /// One step is done, with this loss.
    pub(crate) fn step(&self, loss: f64) {
        self.bar.inc(1);
        if self.bar.position().is_multiple_of(16) {
            self.bar.set_message(format!(", loss={loss:.3}"));
        }
    }

    /// Steps that need not be done.
    pub(crate) fn skip(&self, steps: u64) {
        self.bar.inc(steps);
    }

    /// A line above the bar; on the error stream, terminal or not.
    pub(crate) fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Takes the bar off the screen.
    pub(crate) fn clear(&self) {
        self.bar.finish_and_clear();
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
    }
}

/// `00:03`, `1:02:03`
fn clock(time: Duration) -> String {
    let s = time.as_secs();
    match s / 3600 {
        0 => format!("{:02}:{:02}", s / 60, s % 60),
        h => format!("{h}:{:02}:{:02}", s / 60 % 60, s % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks() {
        assert_eq!(clock(Duration::from_secs(63)), "01:03");
        assert_eq!(clock(Duration::from_secs(3723)), "1:02:03");
    }
}
