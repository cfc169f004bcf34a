//! The summary as text.

use crate::summary::Row;

/// Columns as wide as their widest cell: the first two to the left, numbers to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < 2 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

fn cells<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(String::from).to_vec()
}

/// What was measured, a case a line.
pub fn summary(rows: &[Row]) -> String {
    let mut table = vec![cells([
        "update",
        "size",
        "threads",
        "ns/element",
        "of limit",
        "min–max",
        "of stream",
        "target",
    ])];
    for row in rows {
        let target = row.target.map_or(String::new(), |target| {
            let reached = if row.fraction_of_limit >= target { "reached" } else { "MISSED" };
            format!("{target:.2} {reached}")
        });
        table.push(vec![
            row.name.clone(),
            row.size.clone(),
            row.threads.to_string(),
            format!("{:.3}", row.ns_per_step / row.elements as f64),
            format!("{:.2}", row.fraction_of_limit),
            format!("{:.2}–{:.2}", row.spread[0], row.spread[1]),
            format!("{:.2}", row.fraction_of_stream),
            target,
        ]);
    }
    aligned(&table)
}

/// Two runs side by side, in the order of the new one.
///
/// The last column compares the fractions of the limit, which a busy machine changes less than
/// the times.
pub fn comparison(old: &[Row], new: &[Row]) -> String {
    let mut table = vec![cells([
        "update",
        "size",
        "threads",
        "old ns/element",
        "new",
        "old/new",
        "of limit, old",
        "new",
        "new/old",
    ])];
    for row in new {
        let mut line = vec![row.name.clone(), row.size.clone(), row.threads.to_string()];
        match old.iter().find(|old| old.is_same_case(row)) {
            None => line.push("not measured".into()),
            Some(old) => {
                let per_element = |row: &Row| row.ns_per_step / row.elements as f64;
                line.extend([
                    format!("{:.3}", per_element(old)),
                    format!("{:.3}", per_element(row)),
                    format!("{:.2}", old.ns_per_step / row.ns_per_step),
                    format!("{:.2}", old.fraction_of_limit),
                    format!("{:.2}", row.fraction_of_limit),
                    format!("{:.2}", row.fraction_of_limit / old.fraction_of_limit),
                ]);
            }
        }
        table.push(line);
    }
    aligned(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, ns: f64, fraction: f64, target: Option<f64>) -> Row {
        Row {
            name: name.into(),
            size: "4Ki".into(),
            elements: 4096,
            threads: 1,
            ns_per_step: ns,
            limit_ns: ns * fraction,
            stream_ns: ns / 2.0,
            fraction_of_limit: fraction,
            spread: [fraction - 0.05, fraction + 0.05],
            fraction_of_stream: 0.5,
            target,
        }
    }

    #[test]
    fn a_target_is_reached_or_missed() {
        let rows = [
            row("Adam", 2048.0, 0.8, Some(0.8)),
            row("Adam checked", 2048.0, 0.79, Some(0.8)),
            row("Sgd", 409.6, 0.9, None),
        ];
        let expected = "\
update        size  threads  ns/element  of limit    min–max  of stream        target
Adam          4Ki         1       0.500      0.80  0.75–0.85       0.50  0.80 reached
Adam checked  4Ki         1       0.500      0.79  0.74–0.84       0.50   0.80 MISSED
Sgd           4Ki         1       0.100      0.90  0.85–0.95       0.50
";
        assert_eq!(summary(&rows), expected);
    }

    #[test]
    fn runs_are_compared_case_by_case() {
        let old = [row("Sgd", 4096.0, 0.5, None), row("Adam", 8192.0, 0.9, None)];
        let new = [row("Adam", 4096.0, 0.9, None), row("AdamW", 4096.0, 0.9, None)];
        let text = comparison(&old, &new);
        let lines: Vec<&str> = text.lines().collect();
        let words = |line: &str| line.split_whitespace().map(String::from).collect::<Vec<_>>();
        assert_eq!(lines.len(), 3);
        assert_eq!(
            words(lines[1]),
            ["Adam", "4Ki", "1", "2.000", "1.000", "2.00", "0.90", "0.90", "1.00"]
        );
        assert!(lines[2].starts_with("AdamW") && lines[2].ends_with("not measured"), "{text}");
    }
}
