use crate::Stop;
use crate::fields::{number, numbers};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};
use tricks_tensor::Float;
use tricks_tensor::ndarray::{ArrayD, IxDyn};

const SCHEMA: &str = "tricks-conformance/1";

/// One file of cases.
pub struct Family {
    /// Its name: `optim_torch`.
    pub name: String,
    /// Where it was read from; other files are named relative to this.
    pub folder: PathBuf,
    /// Gradient streams, by name.
    pub problems: Map<String, Value>,
    /// The cases, in order.
    pub cases: Vec<Map<String, Value>>,
}

/// Reads every `.json` file of a folder, in the order of names.
///
/// # Errors
/// An unreadable folder or file, a file of another format, a folder without any.
pub fn read_folder(folder: &Path) -> Result<Vec<Family>, String> {
    let unreadable = |e| format!("{}: cannot read: {e}", folder.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(format!("{}: no .json files here", folder.display()));
    }
    files.iter().map(|file| Family::read(file)).collect()
}

impl Family {
    /// Reads one file.
    ///
    /// # Errors
    /// An unreadable file, or one of another format.
    pub fn read(path: &Path) -> Result<Self, String> {
        let wrong = |message: String| format!("{}: {message}", path.display());
        let text = std::fs::read(path).map_err(|e| wrong(format!("cannot read: {e}")))?;
        let mut file: Map<String, Value> =
            serde_json::from_slice(&text).map_err(|e| wrong(e.to_string()))?;
        match file.get("schema").and_then(Value::as_str) {
            Some(SCHEMA) => {}
            other => {
                return Err(wrong(format!("schema is {other:?}, this runner reads {SCHEMA:?}")));
            }
        }
        let Some(Value::String(name)) = file.remove("family") else {
            return Err(wrong("no family".into()));
        };
        let problems = match file.remove("problems") {
            Some(Value::Object(problems)) => problems,
            None | Some(Value::Null) => Map::new(),
            Some(_) => return Err(wrong("problems is not an object".into())),
        };
        let Some(Value::Array(list)) = file.remove("cases") else {
            return Err(wrong("no list of cases".into()));
        };
        if let Some(count) = file.get("count").and_then(Value::as_u64)
            && count != list.len() as u64
        {
            return Err(wrong(format!("{} cases, its count says {count}", list.len())));
        }
        let mut cases = Vec::with_capacity(list.len());
        for (i, case) in list.into_iter().enumerate() {
            match case {
                Value::Object(case) if case.get("id").is_some_and(Value::is_string) => {
                    cases.push(case);
                }
                _ => return Err(wrong(format!("case {i} is not an object with an id"))),
            }
        }
        let folder = path.parent().unwrap_or(Path::new(".")).to_path_buf();
        Ok(Self { name, folder, problems, cases })
    }
}

/// How far a result may be: `|got − want| ≤ atol + rtol·|want|`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Relative part.
    pub rtol: f64,
    /// Absolute part.
    pub atol: f64,
}

impl Tolerance {
    /// No tolerance at all.
    pub const BITS: Self = Self { rtol: 0.0, atol: 0.0 };

    pub(crate) fn parse(value: &Value) -> Option<Self> {
        let field = |key| value.get(key).and_then(number).filter(|x: &f64| *x >= 0.0);
        Some(Self { rtol: field("rtol")?, atol: field("atol")? })
    }

    /// How many times the tolerance `got` is away: at most 1 is accepted.
    ///
    /// NaN matches NaN, an infinity one of the same sign; with no tolerance the bits must agree.
    pub fn excess(self, got: f64, want: f64) -> f64 {
        if got.to_bits() == want.to_bits() || (got.is_nan() && want.is_nan()) {
            return 0.0;
        }
        if self == Self::BITS || !got.is_finite() || !want.is_finite() {
            return if got == want && self != Self::BITS { 0.0 } else { f64::INFINITY };
        }
        let (off, allowed) = ((got - want).abs(), self.atol + self.rtol * want.abs());
        if off <= allowed {
            off / allowed.max(f64::MIN_POSITIVE)
        } else {
            (off / allowed).max(1.001)
        }
    }
}

/// A tensor of the vectors.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Its shape; rank 0 is `[]`.
    pub shape: Vec<usize>,
    /// `f64`, `f32`, `f16`, `i64` or `bool`.
    pub dtype: String,
    /// C order; every number of every type as the double that equals it.
    pub data: Vec<f64>,
}

impl Tensor {
    pub(crate) fn parse(value: &Value) -> Result<Self, String> {
        let shape = value.get("shape").and_then(Value::as_array).ok_or("no shape")?;
        let shape: Option<Vec<usize>> =
            shape.iter().map(|d| d.as_u64().and_then(|d| d.try_into().ok())).collect();
        let shape = shape.ok_or("the shape is not a list of sizes")?;
        let data = value.get("data").and_then(numbers).ok_or("no list of numbers")?;
        let size = shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
        if size != Some(data.len()) {
            return Err(format!("{} numbers for shape {shape:?}", data.len()));
        }
        let dtype = value.get("dtype").and_then(Value::as_str).unwrap_or("f64").to_string();
        Ok(Self { shape, dtype, data })
    }

    /// From the parts.
    pub fn new(shape: &[usize], data: Vec<f64>) -> Self {
        Self { shape: shape.to_vec(), dtype: "f64".into(), data }
    }

    /// As an array.
    pub fn array<F: Float>(&self) -> ArrayD<F> {
        let data = self.data.iter().map(|x| F::of(*x)).collect();
        ArrayD::from_shape_vec(IxDyn(&self.shape), data).expect("checked when parsed")
    }

    /// As labels.
    ///
    /// # Errors
    /// A label that no `usize` holds is skipped: no call can be written with it.
    pub fn labels(&self) -> Result<Vec<usize>, Stop> {
        let label = |x: &f64| {
            if *x >= 0.0 && x.fract() == 0.0 {
                Ok(*x as usize)
            } else {
                Err(Stop::Skip(format!("label {x}: the type is usize, cannot be written")))
            }
        };
        self.data.iter().map(label).collect()
    }

    /// As a mask: nonzero is true.
    pub fn mask(&self) -> Vec<bool> {
        self.data.iter().map(|x| *x != 0.0).collect()
    }
}
