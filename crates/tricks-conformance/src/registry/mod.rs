//! Every technique of the library, once: what the README lists and the laws run over.

/// The tables of techniques as Markdown.
pub fn tables() -> String {
    String::new()
}
