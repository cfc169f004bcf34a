//! Every family of golden vectors, a test each: nothing may fail.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use tricks_conformance::{Family, VECTORS, families, read_folder, run_family};

fn check(name: &str) -> (usize, usize) {
    let family = Family::read(&Path::new(VECTORS).join(format!("{name}.json"))).unwrap();
    let report = run_family(&family, families::adapter(name));
    assert!(report.failed.is_empty(), "{name}: {:#?}", report.failed);
    assert_eq!(report.passed + report.skips(), family.cases.len());
    (report.passed, report.skips())
}

macro_rules! families {
    ($($name:ident at least $passes:literal,)*) => {
        $(
            #[test]
            fn $name() {
                let (passed, _) = check(stringify!($name));
                // What has passed once does not become a skip unnoticed.
                assert!(passed + 1 > $passes, "{passed} passed, once it was {}", $passes);
            }
        )*

        #[test]
        fn no_file_is_forgotten() {
            let tested = [$(stringify!($name)),*];
            let files = read_folder(Path::new(VECTORS)).unwrap();
            let files: Vec<&str> = files.iter().map(|family| family.name.as_str()).collect();
            assert_eq!(files, tested);
        }
    };
}

families! {
    activations at least 52,
    attention at least 16,
    bad_inputs at least 342,
    chapter at least 62,
    checkpoints at least 96,
    init at least 205,
    layers at least 56,
    losses at least 70,
    losses_optax at least 20,
    lr_keras at least 11,
    lr_optax at least 22,
    lr_torch at least 48,
    norms at least 26,
    optim_extra at least 0,
    optim_keras at least 28,
    optim_optax at least 35,
    optim_torch at least 109,
    training at least 8,
    transforms_optax at least 16,
    utils at least 108,
}

#[test]
fn the_chapter_is_whole() {
    assert_eq!(check("chapter"), (62, 0));
}
