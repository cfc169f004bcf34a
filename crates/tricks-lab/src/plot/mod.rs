//! Pictures as inline SVG: panels of marks on axes, in the colours of the page.
//!
//! Nothing is drawn in fixed colours: the classes are those of the report's style sheet, so a
//! figure follows the reader's light or dark mode.

mod axis;
mod contour;
mod digit;
mod draw;

pub(crate) use axis::Axis;
pub(crate) use contour::contours;
pub(crate) use digit::{Digit, digits};

use crate::format::escape;
use draw::Frame;
use std::fmt::Write as _;

/// A point in the units of the axes.
pub(crate) type Point = (f64, f64);

/// What is drawn in a panel. `color` is a number of the palette.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// A line through points; breaks at numbers that are not finite.
    Line { color: usize, points: Vec<Point>, style: Style },
    /// The area between `low` and `high` at each `x`: `(x, low, high)`.
    Band { color: usize, points: Vec<(f64, f64, f64)> },
    /// Bars from the bottom: `(left, right, height)`.
    Bars { color: usize, bars: Vec<(f64, f64, f64)> },
    /// A dot with horizontal whiskers in the row `y`: `(low, middle, high)`.
    Whisker { color: usize, y: f64, low: f64, middle: f64, high: f64 },
    /// Level lines, faint.
    Levels(Vec<[Point; 2]>),
    /// A plus sign.
    Cross(Point),
    /// A dashed reference line across the panel at this height, with a word.
    Across(f64, String),
    /// A dashed reference line up the panel at this place, with a word.
    Up(f64, String),
    /// A word in the upper right corner.
    Note(String),
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Style {
    /// Full.
    Solid,
    /// Dashed.
    Dashed,
    /// Full, with a dot at each point.
    Dotted,
    /// Steps: level until the next point.
    Steps,
}

/// A pair of axes and what is drawn on them.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    title: String,
    x: Axis,
    y: Axis,
    marks: Vec<Mark>,
}

impl Panel {
    /// An empty panel.
    pub(crate) fn new(title: impl Into<String>, x: Axis, y: Axis) -> Self {
        Self { title: title.into(), x, y, marks: Vec::new() }
    }

    /// With one more mark on top.
    #[must_use]
    pub(crate) fn with(mut self, mark: Mark) -> Self {
        self.marks.push(mark);
        self
    }

    /// With a full line.
    #[must_use]
    pub(crate) fn line(self, color: usize, points: impl IntoIterator<Item = Point>) -> Self {
        self.styled(color, Style::Solid, points)
    }

    /// With a line.
    #[must_use]
    pub(crate) fn styled(
        self,
        color: usize,
        style: Style,
        points: impl IntoIterator<Item = Point>,
    ) -> Self {
        self.with(Mark::Line { color, points: points.into_iter().collect(), style })
    }

    /// With the mean over seeds as a line and ± one standard deviation as a band.
    #[must_use]
    pub(crate) fn spread<'a>(
        self,
        color: usize,
        samples: impl IntoIterator<Item = (f64, &'a crate::stats::Sample)>,
    ) -> Self {
        let (mut line, mut band) = (Vec::new(), Vec::new());
        for (x, sample) in samples {
            let (mean, sd) = (sample.mean(), sample.sd());
            line.push((x, mean));
            band.push((x, mean - sd, mean + sd));
        }
        self.with(Mark::Band { color, points: band }).line(color, line)
    }
}

/// One or more panels under one caption.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    /// What it shows: the `<title>`.
    pub(crate) title: String,
    /// What to see in it: the `<desc>` and the caption.
    pub(crate) caption: String,
    /// The drawing.
    pub(crate) svg: String,
}

/// The layout of a figure.
#[derive(Clone, Debug)]
pub(crate) struct Grid<'a> {
    /// Panels in a row.
    pub(crate) columns: usize,
    /// Height of a panel with its labels.
    pub(crate) height: f64,
    /// Names of the colours, in the order of the palette; empty for none.
    pub(crate) legend: &'a [&'a str],
}

/// Width of every figure, in its own units.
const WIDTH: f64 = 960.0;

impl Figure {
    /// Draws panels in rows.
    pub(crate) fn new(title: &str, caption: &str, grid: &Grid<'_>, panels: &[Panel]) -> Self {
        let mut body = String::new();
        let top = draw::legend(&mut body, grid.legend, WIDTH);
        let width = WIDTH / grid.columns as f64;
        for (i, panel) in panels.iter().enumerate() {
            let at =
                ((i % grid.columns) as f64 * width, top + (i / grid.columns) as f64 * grid.height);
            Frame::new(panel, at, (width, grid.height)).draw(&mut body);
        }
        let height = top + panels.len().div_ceil(grid.columns) as f64 * grid.height;
        Self::wrap(title, caption, (WIDTH, height), &body)
    }

    fn wrap(title: &str, caption: &str, (width, height): (f64, f64), body: &str) -> Self {
        let mut svg = String::new();
        let _ = write!(
            svg,
            "<svg role=\"img\" viewBox=\"0 0 {width:.0} {height:.0}\"><title>{}</title>\
             <desc>{}</desc>{body}</svg>",
            escape(title),
            escape(caption),
        );
        Self { title: title.into(), caption: caption.into(), svg }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_plain_svg_without_references() {
        let panel = Panel::new("a < b", Axis::linear("x"), Axis::log("y"))
            .line(0, [(0.0, 1.0), (1.0, 0.0), (2.0, f64::NAN), (3.0, 1e-9)])
            .with(Mark::Cross((1.0, 1.0)))
            .with(Mark::Across(0.5, "half".into()));
        let grid = Grid { columns: 2, height: 200.0, legend: &["one & only"] };
        let svg = Figure::new("Title", "Caption", &grid, &[panel.clone(), panel]).svg;
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
        assert!(svg.contains("<title>Title</title>") && svg.contains("a &lt; b"));
        assert!(svg.contains("one &amp; only"));
        for banned in ["http", "href", "NaN", "inf", "<script"] {
            assert!(!svg.contains(banned), "{banned}");
        }
    }
}
