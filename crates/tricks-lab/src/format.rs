//! Numbers and text as people read them.

use crate::stats::Sample;

/// About three significant digits: `0.125`, `1,024`, `3.1·10⁻⁵`.
pub(crate) fn number(x: f64) -> String {
    if !x.is_finite() {
        let text = if x.is_nan() {
            "NaN"
        } else if x > 0.0 {
            "∞"
        } else {
            "−∞"
        };
        return text.to_string();
    }
    let size = x.abs();
    let text = match size {
        0.0 => "0".to_string(),
        _ if !(1e-3..1e6).contains(&size) => return scientific(x),
        _ if size >= 1000.0 => thousands(size.round() as u64),
        _ => {
            // Digits behind the point so that three are significant, without trailing zeros.
            let behind = (2 - size.log10().floor() as i32).clamp(0, 5) as usize;
            let text = format!("{size:.behind$}");
            match text.contains('.') {
                true => text.trim_end_matches('0').trim_end_matches('.').to_string(),
                false => text,
            }
        }
    };
    if x < 0.0 { format!("−{text}") } else { text }
}

/// `3.1·10⁻⁵`; `10⁻⁵` for whole powers.
pub(crate) fn scientific(x: f64) -> String {
    let text = format!("{x:.1e}");
    let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
    let power = format!("10{}", superscript(power));
    match digits.trim_end_matches(".0") {
        "1" => power,
        "-1" => format!("−{power}"),
        digits => format!("{}·{power}", digits.replace('-', "−")),
    }
}

fn superscript(text: &str) -> String {
    let raise = |c: char| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        _ => c.to_digit(10).and_then(|d| char::from_u32(0x2070 + d)).unwrap_or(c),
    };
    text.chars().map(raise).collect()
}

/// `5,000`
pub(crate) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A ratio: as a number near 1, in powers of ten far from it.
pub(crate) fn ratio(x: f64) -> String {
    if (0.01..1000.0).contains(&x) { number(x) } else { scientific(x) }
}

/// `92.1 %`
pub(crate) fn percent(fraction: f64) -> String {
    match fraction.is_finite() {
        true => format!("{:.1} %", 100.0 * fraction).replace('-', "−"),
        false => number(fraction),
    }
}

/// `92.1 ± 0.2 %`, mean and standard deviation over seeds.
pub(crate) fn percent_spread(sample: &Sample) -> String {
    format!("{:.1} ± {:.1} %", 100.0 * sample.mean(), 100.0 * sample.sd()).replace('-', "−")
}

/// `0.125 ± 0.011`, mean and standard deviation over seeds: two digits of the deviation, and the
/// mean as far as that.
pub(crate) fn spread(sample: &Sample) -> String {
    let (mean, sd) = (sample.mean(), sample.sd());
    if !(1e-4..1e4).contains(&sd) || !(1e-3..1e4).contains(&mean.abs()) {
        return format!("{} ± {}", number(mean), number(sd));
    }
    let behind = (1 - sd.log10().floor() as i32).clamp(0, 6) as usize;
    format!("{mean:.behind$} ± {sd:.behind$}").replace('-', "−")
}

/// `[0.12, 0.13]`, the 95 % interval of the mean.
pub(crate) fn interval(sample: &Sample) -> String {
    let (low, high) = sample.interval();
    format!("[{}, {}]", number(low), number(high))
}

/// `[−0.3, 1.2] points`, the 95 % interval of a difference of fractions.
pub(crate) fn points_interval(sample: &Sample) -> String {
    let (low, high) = sample.interval();
    let one = |x: f64| format!("{:+.1}", 100.0 * x).replace('-', "−");
    match low.is_finite() {
        true => format!("[{}, {}] points", one(low), one(high)),
        false => "no interval from one seed".into(),
    }
}

/// `41.3 s`, `2 min 5 s`
pub(crate) fn seconds(s: f64) -> String {
    match s {
        _ if s < 60.0 => format!("{s:.1} s"),
        _ => format!("{} min {} s", (s / 60.0) as u64, (s % 60.0) as u64),
    }
}

/// Text that is safe between tags and in quoted attributes.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        for (x, want) in [
            (0.0, "0"),
            (0.5, "0.5"),
            (-0.03126, "−0.0313"),
            (12.0, "12"),
            (100.0, "100"),
            (1341.4, "1,341"),
            (999.7, "1000"),
            (3.1e-5, "3.1·10⁻⁵"),
            (1e-6, "10⁻⁶"),
            (-2e7, "−2·10⁷"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "−∞"),
        ] {
            assert_eq!(number(x), want);
        }
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(percent_spread(&Sample::new([0.9, 0.92])), "91.0 ± 1.4 %");
        assert_eq!(spread(&Sample::new([0.23, 0.24])), "0.2350 ± 0.0071");
        assert_eq!(spread(&Sample::new([1.0, 1.0])), "1 ± 0");
        assert_eq!(escape("a<b & \"c\""), "a&lt;b &amp; &quot;c&quot;");
        assert_eq!(seconds(125.4), "2 min 5 s");
    }
}
