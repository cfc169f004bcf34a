use super::{Figure, WIDTH};
use crate::format::escape;
use std::fmt::Write as _;

/// A picture of a digit with words below it.
#[derive(Clone, Debug)]
pub(crate) struct Digit<'a> {
    /// Grey values from 0 to 1, row by row.
    pub(crate) pixels: &'a [f32],
    /// Pixels in a row.
    pub(crate) width: usize,
    /// What stands below.
    pub(crate) label: String,
}

const COLUMNS: usize = 10;
const SIZE: f64 = 76.0;
const CELL: (f64, f64) = (WIDTH / COLUMNS as f64, 112.0);

/// Grey levels drawn.
const SHADES: usize = 5;

/// Digits in rows of ten.
pub(crate) fn digits(title: &str, caption: &str, all: &[Digit<'_>]) -> Figure {
    let mut body = String::new();
    for (i, digit) in all.iter().enumerate() {
        let (x, y) = ((i % COLUMNS) as f64 * CELL.0 + 10.0, (i / COLUMNS) as f64 * CELL.1 + 6.0);
        let scale = SIZE / digit.width as f64;
        let _ = write!(
            body,
            "<rect class=\"paper\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{SIZE}\" height=\"{SIZE}\" rx=\"4\"/>\
             <g transform=\"translate({x:.1} {y:.1}) scale({scale:.4})\">{}</g>\
             <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            shades(digit),
            x + SIZE / 2.0,
            y + SIZE + 18.0,
            escape(&digit.label),
        );
    }
    let height = all.len().div_ceil(COLUMNS) as f64 * CELL.1;
    Figure::wrap(title, caption, (WIDTH, height), &body)
}

/// One path for each shade: small, and sharp at any size.
fn shades(digit: &Digit<'_>) -> String {
    let shade = |pixel: f32| (pixel.clamp(0.0, 1.0) * SHADES as f32).round() as usize;
    let mut text = String::new();
    for level in 1..=SHADES {
        let mut path = String::new();
        for (y, row) in digit.pixels.chunks(digit.width).enumerate() {
            let mut x = 0;
            while x < row.len() {
                let run = row[x..].iter().take_while(|&&pixel| shade(pixel) == level).count();
                if run > 0 {
                    let _ = write!(path, "M{x} {y}h{run}v1h-{run}z");
                }
                x += run.max(1);
            }
        }
        if !path.is_empty() {
            let opacity = level as f64 / SHADES as f64;
            let _ = write!(text, "<path class=\"ink\" fill-opacity=\"{opacity}\" d=\"{path}\"/>");
        }
    }
    text
}
