use super::Token;
use std::fmt::Display;
use tricks_tensor::{Error, Result};

/// A text as words, read from left to right.
///
/// Space separates words; `(`, `)` and `..` are words wherever they stand.
pub(crate) struct Words<'a> {
    text: &'a str,
    /// Where each begins, in bytes.
    words: Vec<(usize, &'a str)>,
    next: usize,
    parts: usize,
}

/// A schedule has no more parts than this: what is read from a file must not exhaust the stack.
const MOST_PARTS: usize = 200;

impl<'a> Words<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        let (mut words, mut start) = (Vec::new(), None);
        let mut at = 0;
        while let Some(c) = text[at..].chars().next() {
            let rest = &text[at..];
            let sign = ["..", "(", ")"].into_iter().find(|sign| rest.starts_with(sign));
            let length = sign.map_or(c.len_utf8(), str::len);
            if sign.is_some() || c.is_whitespace() {
                words.extend(start.take().map(|start| (start, &text[start..at])));
                words.extend(sign.map(|_| (at, &text[at..at + length])));
            } else {
                start.get_or_insert(at);
            }
            at += length;
        }
        words.extend(start.map(|start| (start, &text[start..])));
        Self { text, words, next: 0, parts: 0 }
    }

    /// The next word, without taking it.
    pub(crate) fn peek(&self) -> Option<&'a str> {
        self.words.get(self.next).map(|(_, word)| *word)
    }

    /// Takes the next word if it is this one.
    pub(crate) fn take(&mut self, word: &str) -> bool {
        let is = self.peek() == Some(word);
        self.next += usize::from(is);
        is
    }

    /// The column of the next word, or of the end.
    pub(crate) fn column(&self) -> usize {
        let at = self.words.get(self.next).map_or(self.text.len(), |(at, _)| *at);
        self.text[..at].chars().count() + 1
    }

    /// What is wrong at a column.
    pub(crate) fn error(&self, column: usize, message: impl Display) -> Error {
        Error::format("schedule", format!("column {column}: {message}"))
    }

    /// What should be here instead of the next word.
    pub(crate) fn expected(&self, what: impl Display) -> Error {
        let found = self.peek().map_or("the end".into(), |word| format!("`{word}`"));
        self.error(self.column(), format!("expected {what}, found {found}"))
    }

    /// Takes this word, which must come next.
    pub(crate) fn expect(&mut self, word: &str) -> Result<()> {
        if self.take(word) { Ok(()) } else { Err(self.expected(format!("`{word}`"))) }
    }

    /// A value, which must come next.
    pub(crate) fn value<T: Token>(&mut self) -> Result<T> {
        let value = self.peek().and_then(T::read).ok_or_else(|| self.expected(T::WHAT))?;
        self.next += 1;
        Ok(value)
    }

    /// A value behind its key; without the key the default, if there is one.
    pub(crate) fn keyed<T: Token>(&mut self, key: &str, default: Option<T>) -> Result<T> {
        match default {
            Some(default) if self.peek() != Some(key) => Ok(default),
            _ => {
                self.expect(key)?;
                self.value()
            }
        }
    }

    /// Counts one more part.
    pub(crate) fn part(&mut self) -> Result<()> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            let message = format!("more than {MOST_PARTS} parts");
            return Err(self.error(self.column(), message));
        }
        Ok(())
    }

    /// Nothing may come next.
    pub(crate) fn end(&self) -> Result<()> {
        if self.peek().is_none() { Ok(()) } else { Err(self.expected("the end")) }
    }
}
