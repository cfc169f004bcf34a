//! Optimizers, in files by kinship.

mod adam;
mod matrices;
mod plain;
mod squares;

use super::{About, Bad, Make};
use std::sync::LazyLock;
use tricks_optim::Rule;

/// An optimizer.
pub struct RuleRow {
    /// Name, file, formula.
    pub about: About,
    /// Every form that is code of its own.
    pub forms: &'static [RuleForm],
    /// What must be refused.
    pub refuses: &'static [Bad<Box<dyn Rule<f64>>>],
}

/// One form of a rule.
pub struct RuleForm {
    /// `torch`, `centered`, ...
    pub name: &'static str,
    /// In both number types.
    pub make: (Make<dyn Rule<f32>>, Make<dyn Rule<f64>>),
}

macro_rules! form {
    ($name:literal, $rule:expr) => {
        RuleForm { name: $name, make: both!($rule) }
    };
}
use form;

/// Every optimizer.
pub static RULES: LazyLock<Vec<&'static RuleRow>> = LazyLock::new(|| {
    [plain::ROWS, squares::ROWS, adam::ROWS, matrices::ROWS].into_iter().flatten().collect()
});

/// Optimizers that ask for the loss again: types of their own, no rules.
pub static SEARCHING: &[About] = &[About {
    name: "Lbfgs",
    file: "crates/tricks-optim/src/lbfgs.rs",
    formula: "θ ← θ − t H g, t by a strong-Wolfe search",
}];
