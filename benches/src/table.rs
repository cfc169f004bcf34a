//! The summary as text.

use crate::summary::Row;

/// Columns as wide as their widest cell: the first three to the left, numbers to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| {
            if column < 3 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
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
        "what",
        "size",
        "reference",
        "threads",
        "ns/element",
        "of reference",
        "min–max",
        "of stream",
        "target",
    ])];
    for row in rows {
        let target = row.target.zip(row.reached()).map(|(target, reached)| {
            format!("{target:.2} {}", if reached { "reached" } else { "MISSED" })
        });
        table.push(vec![
            row.name.clone(),
            row.size.clone(),
            row.reference.clone(),
            row.threads.to_string(),
            format!("{:.3}", row.ns_per_step / row.elements as f64),
            format!("{:.2}", row.of_reference),
            format!("{:.2}–{:.2}", row.spread[0], row.spread[1]),
            format!("{:.2}", row.of_stream),
            target.unwrap_or_default(),
        ]);
    }
    aligned(&table)
}

/// How many promises are kept, in a line.
pub fn verdict(rows: &[Row]) -> String {
    let promised: Vec<bool> = rows.iter().filter_map(Row::reached).collect();
    let reached = promised.iter().filter(|&&reached| reached).count();
    format!("{reached} of {} targets reached\n", promised.len())
}

/// Two runs side by side, in the order of the new one.
///
/// The last column compares the fractions of the reference, which a busy machine changes less than
/// the times.
pub fn comparison(old: &[Row], new: &[Row]) -> String {
    let mut table = vec![cells([
        "what",
        "size",
        "reference",
        "threads",
        "old ns/element",
        "new",
        "old/new",
        "of reference, old",
        "new",
        "new/old",
    ])];
    for row in new {
        let mut line = vec![
            row.name.clone(),
            row.size.clone(),
            row.reference.clone(),
            row.threads.to_string(),
        ];
        match old.iter().find(|old| old.is_same_case(row)) {
            None => line.push("not measured".into()),
            Some(old) => {
                let per_element = |row: &Row| row.ns_per_step / row.elements as f64;
                line.extend([
                    format!("{:.3}", per_element(old)),
                    format!("{:.3}", per_element(row)),
                    format!("{:.2}", old.ns_per_step / row.ns_per_step),
                    format!("{:.2}", old.of_reference),
                    format!("{:.2}", row.of_reference),
                    format!("{:.2}", row.of_reference / old.of_reference),
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
            reference: "limit".into(),
            ns_per_step: ns,
            reference_ns: ns * fraction,
            stream_ns: ns / 2.0,
            of_reference: fraction,
            spread: [fraction - 0.05, fraction + 0.05],
            of_stream: 0.5,
            target,
        }
    }

    #[test]
    fn a_target_is_reached_or_missed() {
        let rows = [
            row("Adam", 2048.0, 0.8, Some(0.8)),
            Row {
                reference: "limit + read".into(),
                ..row("Adam checked", 2048.0, 0.79, Some(0.8))
            },
            Row { reference: "full memory".into(), ..row("Adam bf16", 1024.0, 1.25, Some(1.25)) },
            row("Sgd", 409.6, 0.9, None),
        ];
        let expected = "\
what          size  reference     threads  ns/element  of reference    min–max  of stream        target
Adam          4Ki   limit               1       0.500          0.80  0.75–0.85       0.50  0.80 reached
Adam checked  4Ki   limit + read        1       0.500          0.79  0.74–0.84       0.50   0.80 MISSED
Adam bf16     4Ki   full memory         1       0.250          1.25  1.20–1.30       0.50  1.25 reached
Sgd           4Ki   limit               1       0.100          0.90  0.85–0.95       0.50
";
        assert_eq!(summary(&rows), expected);
        assert_eq!(verdict(&rows), "2 of 3 targets reached\n");
    }

    #[test]
    fn runs_are_compared_case_by_case() {
        let old = [row("Sgd", 4096.0, 0.5, None), row("Adam", 8192.0, 0.9, None)];
        // Held against something else, a fraction is another number.
        let checked = Row { reference: "limit + read".into(), ..old[0].clone() };
        let new = [row("Adam", 4096.0, 0.9, None), row("AdamW", 4096.0, 0.9, None), checked];
        let text = comparison(&old, &new);
        let lines: Vec<&str> = text.lines().collect();
        let words = |line: &str| line.split_whitespace().map(String::from).collect::<Vec<_>>();
        assert_eq!(lines.len(), 4);
        assert_eq!(
            words(lines[1]),
            ["Adam", "4Ki", "limit", "1", "2.000", "1.000", "2.00", "0.90", "0.90", "1.00"]
        );
        assert!(lines[2].starts_with("AdamW") && lines[2].ends_with("not measured"), "{text}");
        assert!(lines[3].starts_with("Sgd") && lines[3].ends_with("not measured"), "{text}");
    }
}
