use super::*;

/// The rate after each metric.
fn rates<const N: usize>(lr: f64, rule: ReduceOnPlateau, metrics: [f64; N]) -> [f64; N] {
    let mut plateau = Plateau::new(lr, rule).unwrap();
    metrics.map(|m| {
        let before = plateau.lr();
        assert_eq!(plateau.observe(m), plateau.lr() < before);
        plateau.lr()
    })
}

const RULE: ReduceOnPlateau = ReduceOnPlateau {
    mode: PlateauMode::Min,
    factor: 0.5,
    patience: 1,
    threshold: Threshold::Abs(0.0),
    cooldown: 0,
    min_lr: 0.0,
    eps: 0.0,
    every: 1,
    form: PlateauForm::Torch,
};

#[test]
fn more_than_patience_lowers() {
    // Best at 1; the second metric that is no better lowers the rate, then it counts anew.
    assert_eq!(rates(8.0, RULE, [1.0, 1.0, 1.0, 1.0, 1.0]), [8.0, 8.0, 4.0, 4.0, 2.0]);
    let impatient = ReduceOnPlateau { patience: 0, ..RULE };
    assert_eq!(rates(8.0, impatient, [1.0, 1.0, 0.5, 0.6]), [8.0, 4.0, 4.0, 2.0]);
}

#[test]
fn larger_is_better_with_max() {
    let rule = ReduceOnPlateau { mode: PlateauMode::Max, patience: 0, ..RULE };
    assert_eq!(rates(8.0, rule, [1.0, 2.0, 3.0, 2.5, 3.5]), [8.0, 8.0, 8.0, 4.0, 4.0]);
}

#[test]
fn thresholds_set_the_bar() {
    let with = |mode, threshold| ReduceOnPlateau { mode, threshold, patience: 0, ..RULE };
    let (min, max) = (PlateauMode::Min, PlateauMode::Max);
    // Exactly at the bar (3 and 5 for a best of 4) is not beyond it.
    for threshold in [Threshold::Rel(0.25), Threshold::Abs(1.0)] {
        assert_eq!(rates(8.0, with(min, threshold), [4.0, 3.0]), [8.0, 4.0]);
        assert_eq!(rates(8.0, with(min, threshold), [4.0, 2.9]), [8.0, 8.0]);
        assert_eq!(rates(8.0, with(max, threshold), [4.0, 5.0]), [8.0, 4.0]);
        assert_eq!(rates(8.0, with(max, threshold), [4.0, 5.1]), [8.0, 8.0]);
    }
}

#[test]
fn cooldown_forgives() {
    let rule = ReduceOnPlateau { patience: 0, cooldown: 2, ..RULE };
    let want = [8.0, 4.0, 4.0, 4.0, 2.0, 2.0, 2.0, 1.0];
    assert_eq!(rates(8.0, rule, [1.0; 8]), want);
}

#[test]
fn the_floor_and_eps_hold() {
    let rule = ReduceOnPlateau { patience: 0, min_lr: 3.0, ..RULE };
    assert_eq!(rates(8.0, rule, [1.0; 4]), [8.0, 4.0, 3.0, 3.0]);
    let rule = ReduceOnPlateau { patience: 0, eps: 2.0, ..RULE };
    assert_eq!(rates(8.0, rule, [1.0; 4]), [8.0, 4.0, 4.0, 4.0]);
    // A rate below the floor is not raised to it.
    let rule = ReduceOnPlateau { patience: 0, min_lr: 9.0, ..RULE };
    assert_eq!(rates(8.0, rule, [1.0; 2]), [8.0, 8.0]);
}

#[test]
fn nan_is_no_improvement() {
    let nan = f64::NAN;
    assert_eq!(rates(8.0, RULE, [nan, nan, 1.0, nan, 0.5, nan]), [8.0, 4.0, 4.0, 4.0, 4.0, 4.0]);
    let mut plateau = Plateau::new(8.0, RULE).unwrap();
    plateau.observe(nan);
    assert_eq!(plateau.best(), f64::INFINITY);
}

#[test]
fn goes_on_after_a_restart() {
    let rule = ReduceOnPlateau { cooldown: 3, ..RULE };
    let metrics = [5.0, 4.0, 4.5, 4.5, 3.0, 3.5, 3.5, 3.5, 3.5, 3.5, 2.0, 2.5, 2.5, 2.5];
    for cut in 0..metrics.len() {
        let mut whole = Plateau::new(0.1, rule).unwrap();
        for &m in &metrics[..cut] {
            whole.observe(m);
        }
        let mut resumed = Plateau::new(0.7, rule).unwrap();
        resumed.load_state(&whole.state()).unwrap();
        for &m in &metrics[cut..] {
            assert_eq!(whole.observe(m), resumed.observe(m));
            assert_eq!(whole, resumed);
        }
    }
}

#[test]
fn an_unfit_state_changes_nothing() {
    let mut plateau = Plateau::new(0.1, RULE).unwrap();
    plateau.observe(2.0);
    let before = plateau;
    let mut state = StateDict::new();
    state.insert_number("lr", -1.0);
    state.insert_number("best", f64::NAN);
    state.insert_number("bad", 1.0);
    state.insert_count("wait", 3);
    assert_eq!(
        plateau.load_state(&state).unwrap_err().to_string(),
        "state does not fit: bad is f64 [], expected u64 []; cooling is missing, expected u64 []; \
         sum is missing, expected f64 []; seen is missing, expected u64 []; lr is -1, must be finite \
         and at least 0; best is NaN, must be a number; wait is unexpected"
    );
    assert_eq!(plateau, before);
    let mut more = before.state();
    more.insert_count("wait", 3);
    assert!(plateau.load_state(&more).is_err());
}

#[test]
fn bad_values_are_refused_by_name() {
    let refused = |rule| Plateau::new(0.1, rule).unwrap_err().to_string();
    assert!(ReduceOnPlateau::default().validate().is_ok());
    for factor in [1.0, 2.0, 0.0, -0.5, f64::NAN] {
        assert!(refused(ReduceOnPlateau { factor, ..RULE }).contains("factor is "));
    }
    for bad in [-1e-9, f64::NAN, f64::INFINITY] {
        let (rel, abs) = (Threshold::Rel(bad), Threshold::Abs(bad));
        assert!(refused(ReduceOnPlateau { threshold: rel, ..RULE }).contains("threshold is "));
        assert!(refused(ReduceOnPlateau { threshold: abs, ..RULE }).contains("threshold is "));
        assert!(refused(ReduceOnPlateau { min_lr: bad, ..RULE }).contains("min_lr is "));
        assert!(refused(ReduceOnPlateau { eps: bad, ..RULE }).contains("eps is "));
        assert!(Plateau::new(bad, RULE).unwrap_err().to_string().starts_with("Plateau: lr is "));
    }
    // 1 − 1 = 0 times the infinite first best is NaN: nothing would ever improve.
    assert!(refused(ReduceOnPlateau { threshold: Threshold::Rel(1.0), ..RULE }).contains("[0, 1)"));
}

/// The best comes first; then nothing but bad metrics.
fn after_the_best(rule: ReduceOnPlateau) -> [f64; 9] {
    rates(64.0, ReduceOnPlateau { factor: 0.5, ..rule }, [1.0; 9])
}

#[test]
fn the_forms_count_differently() {
    let of = |form| ReduceOnPlateau { patience: 2, cooldown: 2, form, ..RULE };
    // Two are borne; then two cool, and two are borne again.
    let torch = [64.0, 64.0, 64.0, 32.0, 32.0, 32.0, 32.0, 32.0, 16.0];
    assert_eq!(after_the_best(of(PlateauForm::Torch)), torch);
    // The second lowers; two cool, and the second after them lowers.
    let optax = [64.0, 64.0, 32.0, 32.0, 32.0, 32.0, 16.0, 16.0, 16.0];
    assert_eq!(after_the_best(of(PlateauForm::Optax)), optax);
    // The second lowers; one cools, and the second after it lowers.
    let keras = [64.0, 64.0, 32.0, 32.0, 32.0, 16.0, 16.0, 16.0, 8.0];
    assert_eq!(after_the_best(of(PlateauForm::Keras)), keras);
    for form in [PlateauForm::Keras, PlateauForm::Optax] {
        let none = after_the_best(ReduceOnPlateau { patience: 0, cooldown: 0, ..of(form) });
        assert_eq!(none[..4], [64.0, 32.0, 16.0, 8.0]);
    }
}

#[test]
fn presets_have_the_thresholds_of_their_libraries() {
    let keras = ReduceOnPlateau { patience: 1, ..ReduceOnPlateau::keras() };
    assert_eq!(rates(1.0, keras, [0.5, 0.499_95]), [1.0, 0.1]);
    assert_eq!(rates(1.0, keras, [0.5, 0.499_8]), [1.0, 1.0]);
    let both = Threshold::Both { rel: 0.25, abs: 1.0 };
    let optax = ReduceOnPlateau { patience: 1, threshold: both, ..ReduceOnPlateau::optax() };
    // 8 (1 − 1/4) − 1 = 5 is the bar.
    assert_eq!(rates(1.0, optax, [8.0, 5.0]), [1.0, 0.1]);
    assert_eq!(rates(1.0, optax, [8.0, 4.9]), [1.0, 1.0]);
    let max = ReduceOnPlateau { mode: PlateauMode::Max, ..optax };
    assert_eq!(rates(1.0, max, [8.0, 11.0]), [1.0, 0.1]);
    assert_eq!(rates(1.0, max, [8.0, 11.1]), [1.0, 1.0]);
}

#[test]
fn metrics_are_averaged() {
    let rule = ReduceOnPlateau { every: 2, patience: 0, ..RULE };
    // Means 2, 1, 1.5.
    assert_eq!(rates(8.0, rule, [3.0, 1.0, 0.0, 2.0, 1.0, 2.0]), [8.0, 8.0, 8.0, 8.0, 8.0, 4.0]);
    let none = ReduceOnPlateau { every: 0, ..RULE };
    assert_eq!(
        none.validate().unwrap_err().to_string(),
        "ReduceOnPlateau: every is 0, must be at least 1"
    );
}

/// A restart in the middle of a mean changes nothing.
#[test]
fn half_a_mean_survives() {
    for form in [PlateauForm::Torch, PlateauForm::Keras, PlateauForm::Optax] {
        let rule = ReduceOnPlateau { every: 3, patience: 1, cooldown: 1, form, ..RULE };
        let metrics: Vec<f64> = (0..60).map(|i| f64::from(i * 7 % 11)).collect();
        let mut whole = Plateau::new(8.0, rule).unwrap();
        for &metric in &metrics {
            let mut resumed = Plateau::new(1.0, rule).unwrap();
            resumed.load_state(&whole.state()).unwrap();
            assert_eq!(resumed, whole);
            assert_eq!(resumed.observe(metric), whole.observe(metric));
        }
        assert!(whole.lr() < 8.0);
    }
    let mut other = Plateau::new(8.0, RULE).unwrap();
    let mut three = Plateau::new(8.0, ReduceOnPlateau { every: 3, ..RULE }).unwrap();
    three.observe(1.0);
    let refused = other.load_state(&three.state()).unwrap_err().to_string();
    assert!(refused.contains("seen is 1, must be below every, 1"), "{refused}");
}
