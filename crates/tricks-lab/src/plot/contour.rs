use super::Point;

/// Level lines of `f` over a rectangle, by marching squares on a grid of `cells` × `cells`.
pub(crate) fn contours(
    f: impl Fn(f64, f64) -> f64,
    (x0, x1): Point,
    (y0, y1): Point,
    cells: usize,
    levels: &[f64],
) -> Vec<[Point; 2]> {
    let x = |i: usize| x0 + (x1 - x0) * i as f64 / cells as f64;
    let y = |j: usize| y0 + (y1 - y0) * j as f64 / cells as f64;
    let mut lines = Vec::new();
    for j in 0..cells {
        for i in 0..cells {
            // The corners, counter-clockwise.
            let corners =
                [(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)].map(|(i, j)| (x(i), y(j)));
            let heights = corners.map(|(x, y)| f(x, y));
            for &level in levels {
                let crossings: Vec<Point> = (0..4)
                    .filter_map(|a| {
                        let b = (a + 1) % 4;
                        crossing((corners[a], heights[a]), (corners[b], heights[b]), level)
                    })
                    .collect();
                // Two crossings are a line; four are a saddle, drawn as two.
                lines.extend(crossings.chunks_exact(2).map(|pair| [pair[0], pair[1]]));
            }
        }
    }
    lines
}

/// Where an edge passes through `level`, by linear interpolation.
fn crossing((a, fa): (Point, f64), (b, fb): (Point, f64), level: f64) -> Option<Point> {
    if (fa < level) == (fb < level) {
        return None;
    }
    let t = (level - fa) / (fb - fa);
    Some((a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_lines_of_a_bowl_are_circles() {
        let f = |x: f64, y: f64| x * x + y * y;
        let lines = contours(f, (-2.0, 2.0), (-2.0, 2.0), 80, &[1.0, 2.25]);
        assert!(lines.len() > 100);
        for (x, y) in lines.into_iter().flatten() {
            let r = x.hypot(y);
            assert!((r - 1.0).abs() < 2e-3 || (r - 1.5).abs() < 2e-3, "{x} {y}");
        }
    }
}
