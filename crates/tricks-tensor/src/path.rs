use std::fmt;

/// One step of a [`Path`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Segment<'a> {
    /// A field: `weight`.
    Name(&'a str),
    /// A position in a list: `0`.
    Index(usize),
}

/// Where a parameter lives: `layers.0.weight`.
///
/// A path is a chain on the stack, so visiting parameters allocates nothing.
///
/// ```
/// use tricks_tensor::Path;
/// let root = Path::ROOT;
/// let layers = root.name("layers");
/// let first = layers.index(0);
/// let weight = first.name("weight");
/// assert_eq!(weight.to_string(), "layers.0.weight");
/// assert!(weight.is("layers.0.weight") && !weight.is("layers.1.weight"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    segment: Segment<'a>,
}

impl Path<'static> {
    /// The empty path.
    pub const ROOT: Self = Path { parent: None, segment: Segment::Name("") };
}

impl<'a> Path<'a> {
    /// This path and a name.
    pub fn name(&'a self, name: &'a str) -> Path<'a> {
        Path { parent: Some(self), segment: Segment::Name(name) }
    }

    /// This path and a position.
    pub fn index(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), segment: Segment::Index(index) }
    }

    /// The last step.
    pub fn last(&self) -> Segment<'a> {
        self.segment
    }

    /// Whether this path reads `text`; nothing is allocated.
    pub fn is(&self, text: &str) -> bool {
        let Some(parent) = self.parent else { return text.is_empty() };
        let rest = match self.segment {
            Segment::Name(name) => text.strip_suffix(name),
            Segment::Index(index) => {
                let rest = text.trim_end_matches(|c: char| c.is_ascii_digit());
                let digits = &text[rest.len()..];
                let canonical = digits == "0" || !digits.starts_with('0');
                (canonical && digits.parse() == Ok(index)).then_some(rest)
            }
        };
        match rest {
            Some(rest) if parent.parent.is_none() => rest.is_empty(),
            Some(rest) => rest.strip_suffix('.').is_some_and(|rest| parent.is(rest)),
            None => false,
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parent) = self.parent else { return Ok(()) };
        parent.fmt(f)?;
        if parent.parent.is_some() {
            f.write_str(".")?;
        }
        match self.segment {
            Segment::Name(name) => f.write_str(name),
            Segment::Index(index) => write!(f, "{index}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparison_is_exact() {
        let root = Path::ROOT;
        let (a, b) = (root.name("ab"), root.name("layers"));
        let c = b.index(12);
        assert!(root.is("") && a.is("ab") && c.is("layers.12"));
        for wrong in ["", "a", "abc", "layers.1", "layers.123", "layers12", "layers.012", ".12"] {
            assert!(!a.is(wrong) && !c.is(wrong), "{wrong}");
        }
    }
}
