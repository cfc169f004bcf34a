use crate::Float;
use crate::kernel::join;

type Function<F> = fn(F) -> F;
/// `(name, function, in twice the precision, largest error in units of the last place)`
type Row = (&'static str, Function<f32>, Function<f64>, f64);

const F32: [Row; 8] = [
    ("exp", f32::exp_exact, libm::exp, 1.0),
    ("exp_m1", f32::exp_m1_exact, libm::expm1, 1.6),
    ("ln", f32::ln_exact, libm::log, 0.9),
    ("ln_1p", f32::ln_1p_exact, libm::log1p, 1.5),
    ("tanh", f32::tanh_exact, libm::tanh, 2.7),
    ("sigmoid", f32::sigmoid_exact, |x| 1.0 / (1.0 + libm::exp(-x)), 2.5),
    ("erf", f32::erf_exact, libm::erf, 2.8),
    ("erfc", f32::erfc_exact, libm::erfc, 6.7),
];

/// The distance from the exact result in units of its last place; what is closest counts as half.
fn error_f32(found: f32, exact: f64) -> f64 {
    let nearest = exact as f32;
    if found == nearest || (found.is_nan() && exact.is_nan()) {
        return 0.5;
    }
    let exponent = (nearest.abs().max(f32::MIN_POSITIVE).to_bits() >> 23) as i32;
    let distance = (f64::from(found) - exact).abs() * 2.0f64.powi(150 - exponent);
    if distance.is_nan() { f64::INFINITY } else { distance }
}

/// The largest error at every `step`-th number, and where.
fn worst((_, f, exact, _): Row, step: usize) -> (f64, f32) {
    let half = |bits: std::ops::Range<u64>| {
        bits.step_by(step)
            .map(|bits| f32::from_bits(bits as u32))
            .map(|x| (error_f32(f(x), exact(f64::from(x))), x))
            .fold((0.0, 0.0), |worst, now| if now.0 > worst.0 { now } else { worst })
    };
    let (a, b) = join(|| half(0..1 << 31), || half(1 << 31..1 << 32));
    if a.0 > b.0 { a } else { b }
}

fn holds(step: usize) {
    let mut above = Vec::new();
    for row in F32 {
        let (error, x) = worst(row, step);
        println!("{} {error:.3} at {x:e}", row.0);
        if error > row.3 {
            above.push(row.0);
        }
    }
    assert!(above.is_empty(), "above their bounds: {above:?}");
}

#[test]
fn errors_are_as_documented() {
    holds(9973);
}

/// `cargo test --release -p tricks-tensor -- --ignored --nocapture every_f32`
#[test]
#[ignore = "takes half an hour"]
fn every_f32() {
    holds(1);
}

/// Held against functions whose own error is up to one unit: `(name, function, known, largest
/// argument, largest difference in units of the last place)`.
#[test]
fn doubles_are_close() {
    type Row = (&'static str, Function<f64>, Function<f64>, f64, f64);
    const ROWS: [Row; 8] = [
        ("exp", f64::exp_exact, libm::exp, 745.0, 1.0),
        ("exp_m1", f64::exp_m1_exact, libm::expm1, 745.0, 2.0),
        ("ln", f64::ln_exact, libm::log, 1e300, 1.0),
        ("ln_1p", f64::ln_1p_exact, libm::log1p, 1e300, 1.0),
        ("tanh", f64::tanh_exact, libm::tanh, 30.0, 3.0),
        ("sigmoid", f64::sigmoid_exact, |x| 1.0 / (1.0 + libm::exp(-x)), 700.0, 3.0),
        ("erf", f64::erf_exact, libm::erf, 7.0, 2.0),
        ("erfc", f64::erfc_exact, libm::erfc, 28.0, 6.0),
    ];
    let noise = crate::Noise::new(5);
    for (name, f, known, most, units) in ROWS {
        let mut worst = (0.0, 0.0);
        for i in 0..200_000 {
            // Of every size, and of both signs.
            let size = most * libm::exp2(-70.0 * noise.uniform(2 * i));
            let x = if noise.word(2 * i + 1) & 1 == 0 { size } else { -size };
            let (found, known) = (f(x), known(x));
            if found == known || (found.is_nan() && known.is_nan()) {
                continue;
            }
            let below = known.abs().max(f64::MIN_POSITIVE).to_bits() >> 52 << 52;
            let difference = (found - known).abs() / (f64::from_bits(below) * f64::EPSILON);
            assert!(difference <= units, "{name}({x:e}) = {found:e}, {known:e}");
            worst = if difference > worst.0 { (difference, x) } else { worst };
        }
        println!("{name} {:.3} at {:e}", worst.0, worst.1);
    }
}

fn ends<F: Float>() {
    let (zero, one, infinity) = (F::zero(), F::one(), F::infinity());
    let cases: [(Function<F>, F, F); 20] = [
        (F::exp_exact, zero, one),
        (F::exp_exact, -infinity, zero),
        (F::exp_exact, infinity, infinity),
        (F::exp_exact, F::of(1000.0), infinity),
        (F::exp_m1_exact, -infinity, -one),
        (F::exp_m1_exact, infinity, infinity),
        (F::ln_exact, one, zero),
        (F::ln_exact, zero, -infinity),
        (F::ln_exact, infinity, infinity),
        (F::ln_1p_exact, -one, -infinity),
        (F::ln_1p_exact, infinity, infinity),
        (F::tanh_exact, infinity, one),
        (F::tanh_exact, -infinity, -one),
        (F::sigmoid_exact, zero, F::of(0.5)),
        (F::sigmoid_exact, -infinity, zero),
        (F::sigmoid_exact, infinity, one),
        (F::erf_exact, -infinity, -one),
        (F::erfc_exact, zero, one),
        (F::erfc_exact, infinity, zero),
        (F::erfc_exact, -infinity, one + one),
    ];
    for (k, (f, x, y)) in cases.into_iter().enumerate() {
        assert_eq!(f(x), y, "case {k}, {}", F::NAME);
        assert!(f(F::nan()).is_nan(), "case {k}, {}", F::NAME);
    }
    assert!(F::ln_exact(-one).is_nan() && F::ln_1p_exact(F::of(-1.5)).is_nan());
}

#[test]
fn ends_are_exact() {
    ends::<f32>();
    ends::<f64>();
}
