use super::axis::Fitted;
use super::{Mark, Panel, Point, Style};
use crate::format::escape;
use std::fmt::Write as _;

/// Colours in the style sheet: `c0` to `c7`.
const COLORS: usize = 8;

/// Names with swatches in rows across the top; gives the height used.
pub(super) fn legend(out: &mut String, names: &[&str], width: f64) -> f64 {
    if names.is_empty() {
        return 0.0;
    }
    let (mut x, mut y) = (16.0, 16.0);
    for (color, name) in names.iter().enumerate() {
        let needs = 25.0 + text_width(name) + 20.0;
        if x + needs > width && x > 16.0 {
            (x, y) = (16.0, y + 22.0);
        }
        let _ = write!(
            out,
            "<rect class=\"fill c{}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"18\" height=\"6\" rx=\"3\"/>\
             <text class=\"key\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            color % COLORS,
            y - 7.0,
            x + 25.0,
            y,
            escape(name),
        );
        x += needs;
    }
    y + 12.0
}

/// About how wide a legend's text is drawn, a little more rather than less: which font a reader
/// has is not known here.
fn text_width(text: &str) -> f64 {
    let letter = |c: char| match c {
        'm' | 'w' | 'M' | 'W' | '%' | '→' => 12.0,
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | 'I' | ' ' | '.' | ',' | ':' | '(' | ')' => 5.0,
        c if c.is_uppercase() => 9.5,
        _ => 8.0,
    };
    text.chars().map(letter).sum()
}

/// A panel with its place on the figure.
pub(super) struct Frame<'a> {
    panel: &'a Panel,
    x: Fitted<'a>,
    y: Fitted<'a>,
    /// The plotting area.
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    small: bool,
}

impl<'a> Frame<'a> {
    pub(super) fn new(panel: &'a Panel, (x0, y0): Point, (width, height): Point) -> Self {
        let small = width < 300.0;
        let named = 7.0 * panel.y.longest() as f64 + 26.0;
        let left = if panel.y.has_names() {
            named
        } else if small {
            46.0
        } else {
            66.0
        };
        let top = match panel.title.is_empty() {
            true => 12.0,
            false if small => 26.0,
            false => 34.0,
        };
        let right = if small { 10.0 } else { 18.0 };
        let bottom = if small { 40.0 } else { 48.0 };
        let (xs, ys) = extent(&panel.marks);
        Self {
            panel,
            x: panel.x.fit(xs.into_iter()),
            y: panel.y.fit(ys.into_iter()),
            left: x0 + left,
            top: y0 + top,
            width: width - left - right,
            height: height - top - bottom,
            small,
        }
    }

    pub(super) fn draw(&self, out: &mut String) {
        let Self { left, top, width, height, .. } = *self;
        let _ = write!(
            out,
            "<rect class=\"plot\" x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        );
        self.axes(out);
        // An inner drawing clips what leaves the axes.
        let _ = write!(
            out,
            "<svg x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\">"
        );
        self.panel.marks.iter().for_each(|mark| self.mark(out, mark));
        out.push_str("</svg>");
    }

    fn axes(&self, out: &mut String) {
        let Self { left, top, width, height, small, .. } = *self;
        let (right, bottom, middle) = (left + width, top + height, left + width / 2.0);
        let want = if small { 4 } else { 6 };
        for (at, label) in self.x.ticks(if small { 3 } else { (width / 70.0).max(4.0) as usize }) {
            let x = left + at * width;
            if !self.panel.x.has_names() {
                line(out, "grid", (x, top), (x, bottom));
            }
            text(out, "tick", (x, bottom + 16.0), "middle", &label);
        }
        for (at, label) in self.y.ticks(want.min((height / 28.0) as usize).max(2)) {
            let y = bottom - at * height;
            line(out, "grid", (left, y), (right, y));
            text(out, "tick", (left - 7.0, y + 4.0), "end", &label);
        }
        line(out, "axis", (left, bottom), (right, bottom));
        if !self.panel.title.is_empty() {
            text(out, "head", (left, top - 10.0), "start", &self.panel.title);
        }
        if !self.panel.x.label.is_empty() {
            text(out, "label", (middle, bottom + 34.0), "middle", &self.panel.x.label);
        }
        if !self.panel.y.label.is_empty() {
            let (x, y) = (left - if small { 36.0 } else { 52.0 }, top + height / 2.0);
            let _ = write!(
                out,
                "<text class=\"label\" transform=\"translate({x:.1} {y:.1}) rotate(-90)\" \
                 text-anchor=\"middle\">{}</text>",
                escape(&self.panel.y.label),
            );
        }
    }

    /// In the coordinates of the plotting area.
    fn place(&self, (x, y): Point) -> Option<Point> {
        // Far outside is cut, or the numbers get long and renderers lose precision.
        let x = self.x.at(x)?.clamp(-9.0, 9.0) * self.width;
        Some((x, (1.0 - self.y.at(y)?.clamp(-9.0, 9.0)) * self.height))
    }

    fn mark(&self, out: &mut String, mark: &Mark) {
        match mark {
            Mark::Line { color, points, style } => self.line(out, color % COLORS, points, *style),
            Mark::Band { color, points } => self.band(out, color % COLORS, points),
            Mark::Bars { color, bars } => {
                for &(a, b, high) in bars {
                    let (Some((x0, y)), Some((x1, _))) =
                        (self.place((a, high)), self.place((b, high)))
                    else {
                        continue;
                    };
                    let height = self.height - y;
                    if height > 0.05 {
                        let _ = write!(
                            out,
                            "<rect class=\"fill c{}\" x=\"{x0:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
                            color % COLORS,
                            (x1 - x0 - 0.5).max(0.5),
                        );
                    }
                }
            }
            Mark::Whisker { color, y, low, middle, high } => {
                let color = color % COLORS;
                let Some((x, row)) = self.place((*middle, *y)) else { return };
                if let (Some((a, _)), Some((b, _))) =
                    (self.place((*low, *y)), self.place((*high, *y)))
                {
                    let _ = write!(
                        out,
                        "<path class=\"line c{color}\" d=\"M{a:.1} {row:.1}H{b:.1}M{a:.1} {:.1}v10M{b:.1} {:.1}v10\"/>",
                        row - 5.0,
                        row - 5.0,
                    );
                }
                let _ = write!(
                    out,
                    "<circle class=\"fill c{color}\" cx=\"{x:.1}\" cy=\"{row:.1}\" r=\"5\"/>"
                );
            }
            Mark::Levels(lines) => {
                let mut path = String::new();
                for [a, b] in lines {
                    if let (Some(a), Some(b)) = (self.place(*a), self.place(*b)) {
                        let _ = write!(path, "M{:.1} {:.1}L{:.1} {:.1}", a.0, a.1, b.0, b.1);
                    }
                }
                let _ = write!(out, "<path class=\"level\" d=\"{path}\"/>");
            }
            Mark::Cross(at) => {
                if let Some((x, y)) = self.place(*at) {
                    let _ = write!(
                        out,
                        "<path class=\"cross\" d=\"M{:.1} {y:.1}h12M{x:.1} {:.1}v12\"/>",
                        x - 6.0,
                        y - 6.0,
                    );
                }
            }
            Mark::Across(at, word) => {
                if let Some(at) = self.y.at(*at) {
                    let y = (1.0 - at) * self.height;
                    line(out, "mark", (0.0, y), (self.width, y));
                    text(out, "note", (self.width - 6.0, y + 13.0), "end", word);
                }
            }
            Mark::Up(at, word) => {
                if let Some(at) = self.x.at(*at) {
                    let x = at * self.width;
                    line(out, "mark", (x, 0.0), (x, self.height));
                    text(out, "note", (x + 5.0, 13.0), "start", word);
                }
            }
            Mark::Note(word) => text(out, "note", (self.width - 6.0, 14.0), "end", word),
        }
    }

    fn line(&self, out: &mut String, color: usize, points: &[Point], style: Style) {
        let mut path = String::new();
        let mut dots = String::new();
        let mut last: Option<Point> = None;
        for &point in points {
            let Some((x, y)) = self.place(point) else {
                last = None;
                continue;
            };
            let _ = match (last, style) {
                (None, _) => write!(path, "M{x:.1} {y:.1}"),
                (Some(_), Style::Steps) => write!(path, "H{x:.1}V{y:.1}"),
                (Some(_), _) => write!(path, "L{x:.1} {y:.1}"),
            };
            if style == Style::Dotted {
                let _ = write!(dots, "M{x:.1} {y:.1}h0");
            }
            last = Some((x, y));
        }
        let dash = if style == Style::Dashed { " dash" } else { "" };
        let _ = write!(out, "<path class=\"line c{color}{dash}\" d=\"{path}\"/>");
        if !dots.is_empty() {
            let _ = write!(out, "<path class=\"dots c{color}\" d=\"{dots}\"/>");
        }
    }

    fn band(&self, out: &mut String, color: usize, points: &[(f64, f64, f64)]) {
        let edge = |pick: fn(&(f64, f64, f64)) -> Point| {
            points.iter().map(pick).filter_map(|p| self.place(p)).collect::<Vec<_>>()
        };
        // A band that leaves a logarithmic axis is not drawn at that point.
        let (low, high) = (edge(|p| (p.0, p.1)), edge(|p| (p.0, p.2)));
        if low.is_empty() || high.is_empty() {
            return;
        }
        let mut path = String::new();
        for (i, (x, y)) in high.iter().chain(low.iter().rev()).enumerate() {
            let _ = write!(path, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
        }
        let _ = write!(out, "<path class=\"band c{color}\" d=\"{path}z\"/>");
    }
}

/// Everything that decides the range of the axes.
fn extent(marks: &[Mark]) -> (Vec<f64>, Vec<f64>) {
    let (mut xs, mut ys) = (Vec::new(), Vec::new());
    let mut add = |(x, y): Point| {
        xs.push(x);
        ys.push(y);
    };
    for mark in marks {
        match mark {
            Mark::Line { points, .. } => points.iter().copied().for_each(&mut add),
            Mark::Band { points, .. } => {
                points.iter().flat_map(|&(x, low, high)| [(x, low), (x, high)]).for_each(&mut add);
            }
            Mark::Bars { bars, .. } => {
                bars.iter().flat_map(|&(a, b, y)| [(a, 0.0), (b, y)]).for_each(&mut add);
            }
            Mark::Whisker { y, low, middle, high, .. } => {
                [low, middle, high].into_iter().for_each(|&x| add((x, *y)));
            }
            Mark::Cross(at) => add(*at),
            Mark::Levels(_) | Mark::Across(..) | Mark::Up(..) | Mark::Note(_) => {}
        }
    }
    (xs, ys)
}

fn line(out: &mut String, class: &str, a: Point, b: Point) {
    let _ =
        write!(out, "<path class=\"{class}\" d=\"M{:.1} {:.1}L{:.1} {:.1}\"/>", a.0, a.1, b.0, b.1);
}

fn text(out: &mut String, class: &str, (x, y): Point, anchor: &str, words: &str) {
    let _ = write!(
        out,
        "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>",
        escape(words),
    );
}
