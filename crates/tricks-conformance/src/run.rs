use crate::families::Adapter;
use crate::{Family, FamilyReport, Fields, Tensor, Tolerance};
use serde_json::{Map, Value};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use tricks_tensor::ndarray::{ArrayBase, Data, Dimension};
use tricks_tensor::{Error, Float};

/// Why an adapter ends early.
#[derive(Debug)]
pub enum Stop {
    /// The library does not have this form yet.
    Skip(String),
    /// The library did the wrong thing.
    Fail(String),
    /// The case is not what the schema says.
    Malformed(String),
}

/// An error of the library where the reference has a result.
impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Fail(format!("refused: {error}"))
    }
}

/// What became of a case.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Everything expected was compared, and agrees.
    Passed,
    /// What is wrong.
    Failed(String),
    /// What the library lacks.
    Skipped(String),
}

/// A case on its way through an adapter.
pub struct Run<'a> {
    /// The whole case.
    pub case: &'a Map<String, Value>,
    /// Its hyper-parameters.
    pub hyper: Fields<'a>,
    /// Its inputs.
    pub inputs: Fields<'a>,
    /// The parameters of a layer.
    pub params: Fields<'a>,
    /// The results of the reference.
    pub expect: Fields<'a>,
    /// The streams of its family.
    pub problems: &'a Map<String, Value>,
    /// The folder of its family.
    pub folder: &'a Path,
    tolerance: Tolerance,
    /// By how many times the tolerance the reference itself is off, and why.
    doubt: Option<(f64, &'static str)>,
    compared: usize,
    worst: Option<(f64, String)>,
}

impl<'a> Run<'a> {
    fn new(family: &'a Family, case: &'a Map<String, Value>) -> Result<Self, Stop> {
        let tolerance = match case.get("tol") {
            None | Some(Value::Null) => Tolerance::BITS,
            Some(tol) => Tolerance::parse(tol).ok_or_else(|| Stop::Malformed("tol".into()))?,
        };
        Ok(Self {
            case,
            hyper: Fields::of(case, "hyper"),
            inputs: Fields::of(case, "inputs"),
            params: Fields::of(case, "params"),
            expect: Fields::of(case, "expect"),
            problems: &family.problems,
            folder: &family.folder,
            tolerance,
            doubt: None,
            compared: 0,
            worst: None,
        })
    }

    /// The operation.
    pub fn op(&self) -> &'a str {
        self.case.get("op").and_then(Value::as_str).unwrap_or("")
    }

    /// A text field of the case itself.
    pub fn text(&self, key: &str) -> &'a str {
        self.case.get(key).and_then(Value::as_str).unwrap_or("")
    }

    /// Whether the case has a field of this name.
    pub fn has(&self, key: &str) -> bool {
        self.case.get(key).is_some_and(|value| !value.is_null())
    }

    /// A tensor beside the usual fields: `upstream`, `mask`.
    pub fn tensor(&self, key: &'static str) -> Result<Tensor, Stop> {
        Fields::from_map(self.case, "case").tensor(key)
    }

    /// Says that the reference itself is off, by up to this many times the tolerance.
    ///
    /// A case that misses its tolerance by no more is skipped, with the reason; by more, it fails.
    pub fn doubt(&mut self, times: f64, why: &'static str) {
        self.doubt = Some((times, why));
    }

    /// Compares one number.
    pub fn number(&mut self, what: &str, got: f64, want: f64) {
        self.compared += 1;
        let excess = self.tolerance.excess(got, want);
        if excess > 1.0 && self.worst.as_ref().is_none_or(|(worst, _)| excess > *worst) {
            let Tolerance { rtol, atol } = self.tolerance;
            let message =
                format!("{what}: got {got:?}, want {want:?} (rtol {rtol:e}, atol {atol:e})");
            self.worst = Some((excess, message));
        }
    }

    /// Compares numbers one by one.
    pub fn numbers<F: Float>(&mut self, what: &str, got: &[F], want: &[f64]) {
        if got.len() != want.len() {
            let message = format!("{what}: got {} numbers, want {}", got.len(), want.len());
            self.worst = Some((f64::INFINITY, message));
            return;
        }
        // An empty result is a result.
        self.compared += usize::from(got.is_empty());
        for (i, (got, want)) in got.iter().zip(want).enumerate() {
            self.number(&format!("{what}[{i}]"), got.widen(), F::of(*want).widen());
        }
    }

    /// Compares an array, shape included.
    pub fn array<F: Float, S: Data<Elem = F>, D: Dimension>(
        &mut self,
        what: &str,
        got: &ArrayBase<S, D>,
        want: &Tensor,
    ) {
        if got.shape() != want.shape {
            let message = format!("{what}: got shape {:?}, want {:?}", got.shape(), want.shape);
            self.worst = Some((f64::INFINITY, message));
            return;
        }
        let got: Vec<F> = got.iter().copied().collect();
        self.numbers(what, &got, &want.data);
    }

    /// Compares a behaviour: `ok`, or failed with a message.
    pub fn require(&mut self, what: impl Into<String>, ok: bool) {
        self.compared += 1;
        if !ok {
            self.worst = Some((f64::INFINITY, what.into()));
        }
    }

    /// What the case comes to after its adapter has ended.
    fn outcome(self, end: Result<(), Stop>) -> Outcome {
        match end {
            Err(Stop::Skip(why)) => return Outcome::Skipped(why),
            Err(Stop::Fail(why)) => return Outcome::Failed(why),
            Err(Stop::Malformed(why)) => return Outcome::Failed(format!("malformed case: {why}")),
            Ok(()) => {}
        }
        let mut unread = self.hyper.unread();
        unread.extend(self.inputs.unread());
        if !unread.is_empty() {
            return Outcome::Skipped(unread.join(", "));
        }
        if let Some((excess, message)) = self.worst {
            return match self.doubt {
                Some((times, why)) if excess <= times => {
                    Outcome::Skipped(format!("wrong in the reference: {why}"))
                }
                _ => Outcome::Failed(message),
            };
        }
        let unread = self.expect.unread();
        if !unread.is_empty() {
            return Outcome::Failed(format!("not compared: {}", unread.join(", ")));
        }
        if self.compared == 0 {
            return Outcome::Failed("nothing was compared".into());
        }
        Outcome::Passed
    }
}

/// Runs all cases of a family; a panic of the library fails its case alone.
pub fn run_family(family: &Family, adapter: Option<Adapter>) -> FamilyReport {
    let mut report = FamilyReport::new(&family.name);
    for case in &family.cases {
        let id = case.get("id").and_then(Value::as_str).unwrap_or("");
        let op = case.get("op").and_then(Value::as_str).unwrap_or("");
        report.note(id, op, run_case(family, case, adapter));
    }
    report
}

/// Runs one case; without an adapter it is skipped.
pub fn run_case(family: &Family, case: &Map<String, Value>, adapter: Option<Adapter>) -> Outcome {
    let Some(adapter) = adapter else {
        return Outcome::Skipped(crate::report::NOT_YET.into());
    };
    let caught = catch_unwind(AssertUnwindSafe(|| {
        let mut run = match Run::new(family, case) {
            Ok(run) => run,
            Err(Stop::Malformed(why)) => return Outcome::Failed(format!("malformed case: {why}")),
            Err(_) => return Outcome::Failed("malformed case".into()),
        };
        let end = adapter(&mut run);
        run.outcome(end)
    }));
    caught.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        Outcome::Failed(format!("panicked: {}", text.unwrap_or("without a message")))
    })
}
