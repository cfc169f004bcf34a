//! The report: one HTML file that needs nothing else.

use crate::experiment::{Experiment, Outcome, Table};
use crate::format::{escape, seconds};
use crate::plot::Figure;
use crate::verdict::Verdict;
use std::fmt::Write as _;

const STYLE: &str = include_str!("style.css");

/// An experiment that was run.
pub(crate) struct Finished {
    /// Which.
    pub(crate) experiment: &'static Experiment,
    /// What came out.
    pub(crate) outcome: Outcome,
    /// How long it took.
    pub(crate) seconds: f64,
}

/// What is true of the whole run: `(name, value)`.
pub(crate) type Facts = Vec<(&'static str, String)>;

/// The page.
pub(crate) fn html(facts: &Facts, all: &[Finished]) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>The chapter’s claims, measured</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <header>\n<p class=\"eyebrow\">tricks lab</p>\n<h1>The chapter’s claims, measured</h1>\n\
         <p class=\"lead\">Each claim of the chapter on training techniques is put to the test. \
         Every number, picture and verdict on this page was computed in this run.</p>\n"
    );
    tally(&mut out, all);
    let brief =
        facts.iter().filter(|(name, _)| ["data", "seeds", "profile", "time"].contains(name));
    let brief: Vec<_> = brief.map(|(name, value)| format!("{name}: {}", escape(value))).collect();
    let _ = writeln!(out, "<p class=\"brief\">{}</p>", brief.join(" · "));
    out.push_str("</header>\n<main>\n");
    summary(&mut out, all);
    for finished in all {
        section(&mut out, finished);
    }
    run_facts(&mut out, facts, all);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

/// A figure as a file of its own, which follows the reader's light or dark mode too.
pub(crate) fn alone(figure: &Figure) -> String {
    let begin = "<svg xmlns=\"http://www.w3.org/2000/svg\"";
    let svg = figure.svg.replacen("<svg", begin, 1);
    svg.replacen("<title>", &format!("<style>{STYLE}</style><title>"), 1)
}

/// The summary as text.
pub(crate) fn terminal(all: &[Finished]) -> String {
    let mut text =
        format!("{:<12} {:<18} {}\n", "experiment", "verdict", "parts that hold · key numbers");
    for Finished { experiment, outcome, .. } in all {
        let _ = writeln!(
            text,
            "{:<12} {:<18} {} · {}",
            experiment.name,
            outcome.verdict().label(),
            share(outcome),
            outcome.key
        );
    }
    text
}

/// How many parts of the claim hold, of how many.
fn share(outcome: &Outcome) -> String {
    let holds = outcome.parts.iter().filter(|part| part.verdict == Verdict::Holds).count();
    format!("{holds} of {}", outcome.parts.len())
}

/// The badge, how many parts of the claim hold, and those that do not.
fn judged(outcome: &Outcome) -> String {
    let mut text =
        format!("{}<small>{} parts hold</small>", badge(&outcome.verdict()), share(outcome));
    for part in outcome.parts.iter().filter(|part| part.verdict == Verdict::DoesNotHold) {
        let _ = write!(text, "<small class=\"fails\">✗ {}</small>", escape(&part.claim));
    }
    text
}

/// How many parts of the claims got which verdict.
fn tally(out: &mut String, all: &[Finished]) {
    let verdicts: Vec<&Verdict> =
        all.iter().flat_map(|f| &f.outcome.parts).map(|part| &part.verdict).collect();
    let kinds = [
        Verdict::Holds,
        Verdict::HoldsOnlyWhen(String::new()),
        Verdict::DoesNotHold,
        Verdict::Undecided(String::new()),
    ];
    let (parts, claims) = (verdicts.len(), all.len());
    let counted = |n: usize, what| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let (claims, parts) = (counted(claims, "claim"), counted(parts, "part"));
    let _ = writeln!(out, "<p class=\"brief\">{claims}, taken apart into {parts}:</p>");
    out.push_str("<ul class=\"tally\">");
    for kind in kinds {
        let n = verdicts.iter().filter(|v| v.label() == kind.label()).count();
        let _ = write!(out, "<li class=\"{}\"><b>{n}</b> {}</li>", class(&kind), kind.label());
    }
    out.push_str("</ul>\n");
}

fn summary(out: &mut String, all: &[Finished]) {
    out.push_str(
        "<section id=\"summary\"><h2>Summary</h2>\n<div class=\"scroll\"><table class=\"summary\">\
         <thead><tr><th>Experiment</th><th>The chapter says</th><th>Verdict</th><th>Key numbers</th></tr></thead><tbody>\n",
    );
    for Finished { experiment, outcome, .. } in all {
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\"><a href=\"#{}\">{}</a></th><td>{}</td><td>{}</td><td>{}</td></tr>",
            experiment.name,
            escape(experiment.title),
            escape(experiment.claim),
            judged(outcome),
            escape(&outcome.key),
        );
    }
    out.push_str("</tbody></table></div></section>\n");
}

fn section(out: &mut String, finished: &Finished) {
    let Finished { experiment, outcome, seconds: time } = finished;
    let verdict = outcome.verdict();
    let _ = write!(
        out,
        "<section id=\"{}\">\n<p class=\"eyebrow\">Chapter {} · <code>{}</code> · {}</p>\n\
         <h2>{} {}</h2>\n<blockquote>{}</blockquote>\n",
        experiment.name,
        escape(experiment.section),
        experiment.name,
        seconds(*time),
        escape(experiment.title),
        badge(&verdict),
        escape(experiment.claim),
    );
    let _ = writeln!(out, "<p><b>Measured.</b> {}</p>", escape(&outcome.measured));
    out.push_str(
        "<div class=\"scroll\"><table class=\"parts\"><thead><tr><th>Part of the claim</th>\
         <th>Rule</th><th>Measured</th><th>Verdict</th></tr></thead><tbody>\n",
    );
    for part in &outcome.parts {
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}",
            escape(&part.claim),
            escape(&part.rule),
            escape(&part.measured),
            badge(&part.verdict),
        );
        if !part.verdict.note().is_empty() {
            let _ = write!(out, "<small>{}</small>", escape(part.verdict.note()));
        }
        out.push_str("</td></tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
    if !verdict.note().is_empty() {
        let note = escape(&capital(verdict.note()));
        let _ = writeln!(out, "<p><b>Verdict.</b> {note}.</p>");
    }
    for figure in &outcome.figures {
        let _ = writeln!(
            out,
            "<figure><p class=\"figure-title\">{}</p>{}<figcaption>{}</figcaption></figure>",
            escape(&figure.title),
            figure.svg,
            escape(&figure.caption),
        );
    }
    outcome.tables.iter().for_each(|numbers| table(out, numbers));
    out.push_str("</section>\n");
}

/// With a capital letter.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

fn table(out: &mut String, table: &Table) {
    let _ = write!(
        out,
        "<div class=\"scroll\"><table class=\"numbers\"><caption>{}</caption><thead><tr>",
        escape(&table.caption)
    );
    table.head.iter().for_each(|name| {
        let _ = write!(out, "<th>{}</th>", escape(name));
    });
    out.push_str("</tr></thead><tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for (i, cell) in row.iter().enumerate() {
            let (open, close) = if i == 0 { ("th scope=\"row\"", "th") } else { ("td", "td") };
            let _ = write!(out, "<{open}>{}</{close}>", escape(cell));
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

fn run_facts(out: &mut String, facts: &Facts, all: &[Finished]) {
    out.push_str("<section id=\"run\"><h2>This run</h2>\n<dl>");
    for (name, value) in facts {
        let _ = write!(out, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value));
    }
    out.push_str("</dl>\n");
    let mut times = Table::new("Wall time of each experiment", &["experiment", "time"]);
    for finished in all {
        times.row([finished.experiment.name.to_string(), seconds(finished.seconds)]);
    }
    table(out, &times);
    out.push_str(
        "<p>An interval is the 95 % interval of the mean over seeds (Student’s t). ± is one standard \
         deviation over seeds, and so is a band in a figure. A claim with a limit holds if the whole \
         interval is on its side of the limit, does not hold if the whole interval is on the other \
         side, and is undecided otherwise, or with fewer than three seeds. Claims about formulas \
         involve no chance and need no seeds.</p></section>\n",
    );
}

fn class(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Holds => "holds",
        Verdict::HoldsOnlyWhen(_) => "partly",
        Verdict::DoesNotHold => "fails",
        Verdict::Undecided(_) => "open",
    }
}

fn badge(verdict: &Verdict) -> String {
    format!("<span class=\"badge {}\">{}</span>", class(verdict), verdict.label())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::{Axis, Grid, Panel};

    fn page() -> String {
        static EXPERIMENT: Experiment = Experiment {
            name: "sample",
            title: "A <sample>",
            section: "4.0",
            claim: "One & one is two.",
            run: |_| Ok(Outcome::default()),
        };
        let panel = Panel::new("p", Axis::linear("x"), Axis::linear("y")).line(0, [(0.0, 1.0)]);
        let grid = Grid { columns: 1, height: 300.0, legend: &[] };
        let mut outcome = Outcome {
            figures: vec![crate::plot::Figure::new("F", "C", &grid, &[panel])],
            tables: vec![Table::new("T", &["a", "b"])],
            ..Outcome::default()
        };
        outcome.part("part", "2".into(), "= 2", Verdict::of(true));
        let facts = vec![("data", "embedded".to_string())];
        html(&facts, &[Finished { experiment: &EXPERIMENT, outcome, seconds: 1.0 }])
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = page();
        for banned in ["http://", "https://", "<script", "@import", "src=", "url(", "xmlns"] {
            assert!(!page.contains(banned), "{banned}");
        }
        // Links lead into the page itself.
        assert_eq!(page.matches("href=").count(), page.matches("href=\"#").count());
    }

    #[test]
    fn everything_is_escaped_and_shown() {
        let page = page();
        assert!(page.contains("A &lt;sample&gt;") && page.contains("One &amp; one is two."));
        assert!(page.contains("class=\"badge holds\">holds<"));
        assert!(page.contains("<title>F</title><desc>C</desc>"));
    }
}
