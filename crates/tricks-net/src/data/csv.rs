//! Data sets from text: one sample a line, numbers separated by commas, one column the label.

use super::Dataset;
use ndarray::Array2;
use std::io::Read;
use tricks_tensor::{Error, Float, Result, ndarray};

/// How a file is laid out.
///
/// ```
/// use tricks_net::data::{Targets, csv::Format};
/// let text = "sepal,petal,kind\n5.1,1.4,0\n6.2, 4.5, 1\n";
/// let format = Format { header: true, ..Format::default() };
/// let iris = format.read::<f64>("iris.csv", text.as_bytes())?;
/// assert_eq!(iris.x()[[1, 1]], 4.5);
/// assert_eq!(iris.targets(), &Targets::Labels(vec![0, 1]));
///
/// let refused = Format::default().read::<f64>("iris.csv", text.as_bytes()).unwrap_err();
/// assert_eq!(refused.to_string(), "iris.csv: line 1, column 0: \"sepal\" is not a finite number");
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Format {
    /// Whether the first line holds names. Default `false`.
    pub header: bool,
    /// The 0-based column of the label. Default: the last one.
    pub label: Option<usize>,
}

impl Format {
    /// Reads a data set. `name` is for messages.
    ///
    /// # Errors
    /// [`Error::Format`], with line and column: lines of different lengths, a field that is not a
    /// finite number, a label that is not a whole number from 0 on (`3`, or `3.0` and `3e0` as some
    /// programs write it), no lines.
    pub fn read<F: Float>(&self, name: &str, reader: impl Read) -> Result<Dataset<F>> {
        let wrong = |message: String| Error::format(name, message);
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(self.header)
            .trim(::csv::Trim::All)
            .from_reader(reader);
        let (mut numbers, mut labels, mut columns) = (Vec::new(), Vec::new(), 0);
        for record in reader.records() {
            let record = record.map_err(|e| wrong(e.to_string()))?;
            let line = record.position().map_or(0, |p| p.line());
            columns = record.len();
            let label = self.label.unwrap_or(columns - 1);
            if label >= columns {
                let message =
                    format!("line {line} has {columns} columns, the label is column {label}");
                return Err(wrong(message));
            }
            for (column, field) in record.iter().enumerate() {
                let refuse =
                    |what| wrong(format!("line {line}, column {column}: {field:?} is not {what}"));
                if column == label {
                    labels.push(whole(field).ok_or_else(|| refuse("a label (0, 1, 2, …)"))?);
                } else {
                    let number: f64 = field.parse().map_err(|_| refuse("a finite number"))?;
                    let number = F::of(number);
                    if !number.is_finite() {
                        return Err(refuse("a finite number"));
                    }
                    numbers.push(number);
                }
            }
        }
        if labels.is_empty() {
            return Err(wrong("there are no lines".into()));
        }
        let x = Array2::from_shape_vec((labels.len(), columns - 1), numbers)
            .map_err(|e| wrong(e.to_string()))?;
        Dataset::new(x, labels)
    }
}

/// A whole number from 0 on, also one that is written as a float.
fn whole(field: &str) -> Option<usize> {
    let exact = |x: &f64| (0.0..=EXACT).contains(x) && x.fract() == 0.0;
    field.parse().ok().or_else(|| field.parse().ok().filter(exact).map(|x| x as usize))
}

/// Up to 2⁵³ a float holds every whole number, so none was rounded.
const EXACT: f64 = (1u64 << f64::MANTISSA_DIGITS) as f64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Targets;
    use proptest::prelude::*;

    fn read(format: Format, text: &str) -> Result<Dataset<f32>> {
        format.read("t.csv", text.as_bytes())
    }

    #[test]
    fn layouts() {
        let first = Format { header: true, label: Some(0) };
        let data = read(first, "kind,a,b\n2,1e-3,-4\n0,5,6\n").unwrap();
        assert_eq!(data.x(), ndarray::arr2(&[[1e-3, -4.0], [5.0, 6.0]]).into_dyn());
        assert_eq!(data.targets(), &Targets::Labels(vec![2, 0]));
        // Line ends of other systems, no end of the last line, quotes.
        let data = read(Format::default(), "1,2,3\r\n\"4\",5,6").unwrap();
        assert_eq!(data.x(), ndarray::arr2(&[[1.0, 2.0], [4.0, 5.0]]).into_dyn());
    }

    /// As `numpy.savetxt` writes whole numbers.
    #[test]
    fn labels_written_as_floats() {
        let data = read(Format::default(), "1,2.0\n1,3.000000000000000000e+00\n1,0.\n").unwrap();
        assert_eq!(data.targets(), &Targets::Labels(vec![2, 3, 0]));
        for label in ["0.5", "-1.0", "1e300", "NaN", "inf", "9007199254740993.0e1"] {
            let refused = read(Format::default(), &format!("1,{label}\n")).unwrap_err().to_string();
            let want = format!("t.csv: line 1, column 1: {label:?} is not a label (0, 1, 2, …)");
            assert_eq!(refused, want);
        }
    }

    #[test]
    fn refusals() {
        let say = |format, text| read(format, text).unwrap_err().to_string();
        let plain = Format::default();
        assert_eq!(say(plain, ""), "t.csv: there are no lines");
        assert_eq!(say(Format { header: true, ..plain }, "a,b\n"), "t.csv: there are no lines");
        assert!(say(plain, "1,2,0\n1,0\n").contains("line: 2"), "{}", say(plain, "1,2,0\n1,0\n"));
        let cases = [
            ("1,2\n1,-1\n", "line 2, column 1: \"-1\" is not a label (0, 1, 2, …)"),
            ("1,2\n1,1.5\n", "line 2, column 1: \"1.5\" is not a label (0, 1, 2, …)"),
            ("NaN,2\n", "line 1, column 0: \"NaN\" is not a finite number"),
            ("1e39,2\n", "line 1, column 0: \"1e39\" is not a finite number"),
            (",2\n", "line 1, column 0: \"\" is not a finite number"),
        ];
        for (text, want) in cases {
            assert_eq!(say(plain, text), format!("t.csv: {want}"));
        }
        let far = Format { label: Some(2), ..plain };
        assert_eq!(say(far, "1,2\n"), "t.csv: line 1 has 2 columns, the label is column 2");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>, header: bool, label: Option<usize>) {
            let _ = Format { header, label }.read::<f64>("t.csv", &bytes[..]);
        }
    }
}
