//! Just enough of a lexer to tell code from comments, strings and tests.

/// The lines of a source file with comments and the contents of strings blanked.
pub(super) fn code_only(text: &str) -> Vec<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skip = comment(rest).or_else(|| literal(rest));
        match skip {
            Some(len) => {
                // Lines stay where they are.
                out.extend(rest[..len].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
                rest = &rest[len..];
            }
            None => {
                // A word is taken whole, so that the `r` of `var"` begins no raw string.
                let word =
                    rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
                let len = word.max(c.len_utf8());
                out.push_str(&rest[..len]);
                rest = &rest[len..];
            }
        }
    }
    out.lines().map(str::to_string).collect()
}

/// The length of a comment at the start of `text`.
fn comment(text: &str) -> Option<usize> {
    if text.starts_with("//") {
        return Some(text.find('\n').unwrap_or(text.len()));
    }
    if !text.starts_with("/*") {
        return None;
    }
    let (mut depth, mut at) = (0usize, 0);
    loop {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return Some(at);
            }
        } else {
            match rest.chars().next() {
                Some(c) => at += c.len_utf8(),
                None => return Some(at),
            }
        }
    }
}

/// The length of a string or character literal at the start of `text`.
fn literal(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c"].into_iter().find(|p| {
        text.starts_with(p)
            && text[p.len()..].starts_with(['"', '#'])
            && (!text[p.len()..].starts_with('#') || p.contains('r'))
    });
    let body = &text[prefix.map_or(0, str::len)..];
    let start = text.len() - body.len();
    if prefix.is_some_and(|p| p.contains('r')) {
        let hashes = body.len() - body.trim_start_matches('#').len();
        if !body[hashes..].starts_with('"') {
            return None;
        }
        let end = format!("\"{}", "#".repeat(hashes));
        let inner = start + hashes + 1;
        return Some(text[inner..].find(&end).map_or(text.len(), |at| inner + at + end.len()));
    }
    if body.starts_with('"') {
        let mut escaped = false;
        for (at, c) in body.char_indices().skip(1) {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return Some(start + at + 1),
                _ => {}
            }
        }
        return Some(text.len());
    }
    // 'a', '\n', '\u{1F600}'; but not the lifetime 'a.
    let inner = body.strip_prefix('\'')?;
    let mut chars = inner.char_indices();
    let (_, first) = chars.next()?;
    if first == '\\' {
        let end = inner[2..].find('\'')? + 2;
        return Some(start + 1 + end + 1);
    }
    let (at, quote) = chars.next()?;
    (quote == '\'').then_some(start + 1 + at + 1)
}

/// Which lines stand inside a `#[cfg(test)]` item.
pub(super) fn test_lines(code: &[String]) -> Vec<bool> {
    let mut inside = vec![false; code.len()];
    let mut line = 0;
    while line < code.len() {
        if !code[line].trim_start().starts_with("#[cfg(test)]") {
            line += 1;
            continue;
        }
        let mut depth = 0i32;
        let mut opened = false;
        while line < code.len() {
            inside[line] = true;
            for c in code[line].chars() {
                match c {
                    '{' => (depth, opened) = (depth + 1, true),
                    '}' => depth -= 1,
                    ';' if depth == 0 => opened = true,
                    _ => {}
                }
            }
            line += 1;
            if opened && depth == 0 {
                break;
            }
        }
    }
    inside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_blanked() {
        let text = "let a = \"x.exp()\"; // .ln()\nlet b = 'c'; /* a /* b */ .sin() */ f::<'a>(b);\nr#\"todo!\"#; var.r";
        let code = code_only(text).join("\n");
        for hidden in [".exp()", ".ln()", ".sin()", "todo!"] {
            assert!(!code.contains(hidden), "{code}");
        }
        assert!(code.contains("f::<'a>(b);") && code.contains("var.r"), "{code}");
        assert_eq!(code.lines().count(), 3);
    }

    #[test]
    fn tests_are_found() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { }\n}\nfn c() {}\n#[cfg(test)]\nuse x;\nfn d() {}";
        let inside = test_lines(&code_only(text));
        assert_eq!(inside, [false, true, true, true, true, false, true, true, false]);
    }
}
