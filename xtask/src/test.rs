//! Tests with a seed that is always known.

use crate::shell::{Outcome, cargo};
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn run(cases: u32, seed: Option<u64>, krate: Option<&str>) -> Outcome {
    let seed = seed.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        now.as_nanos() as u64 % 1_000_000_007
    });
    println!("property tests: {cases} cases each, seed {seed}");
    let scope = match krate {
        Some(krate) => vec!["--package", krate],
        None => vec!["--workspace"],
    };
    cargo(["test", "--all-features"])
        .args(scope)
        .env("PROPTEST_CASES", cases.to_string())
        .env("PROPTEST_RNG_SEED", seed.to_string())
        .run()
        .map_err(|message| {
            let krate = krate.map(|krate| format!(" {krate}")).unwrap_or_default();
            format!(
                "{message}\nto see the same again: cargo xtask test --cases {cases} --seed {seed}{krate}"
            )
        })
}
