//! The experiments, in the order of the report. To add one: its file, and its two lines here.

mod ablation;
mod activations;
mod adagrad;
mod inspect;
mod schedules;
mod standard;
mod storage;
mod symmetry;
mod valley;
mod vanishing;

use crate::experiment::Experiment;

/// All of them.
pub(crate) const ALL: &[&Experiment] = &[
    &standard::EXPERIMENT,
    &vanishing::EXPERIMENT,
    &valley::EXPERIMENT,
    &schedules::EXPERIMENT,
    &adagrad::EXPERIMENT,
    &symmetry::EXPERIMENT,
    &activations::EXPERIMENT,
    &inspect::EXPERIMENT,
    &ablation::EXPERIMENT,
    &storage::EXPERIMENT,
];

/// The experiments of these names, in the order of the report; all for no name.
///
/// # Errors
/// The first name that is not known.
pub(crate) fn named(names: &[String]) -> Result<Vec<&'static Experiment>, String> {
    if let Some(unknown) = names.iter().find(|name| ALL.iter().all(|e| e.name != **name)) {
        let known: Vec<_> = ALL.iter().map(|e| e.name).collect();
        return Err(format!("there is no experiment `{unknown}`; there are {}", known.join(", ")));
    }
    let chosen = |e: &&&Experiment| names.is_empty() || names.iter().any(|name| name == e.name);
    Ok(ALL.iter().filter(chosen).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for (i, a) in ALL.iter().enumerate() {
            assert!(ALL[..i].iter().all(|b| a.name != b.name), "{}", a.name);
            assert!(!a.claim.is_empty() && !a.section.is_empty() && !a.title.is_empty());
        }
        assert_eq!(named(&[]).map(|all| all.len()), Ok(ALL.len()));
        let two = named(&["valley".into(), "standard".into()])
            .map(|all| all.iter().map(|e| e.name).collect());
        assert_eq!(two, Ok(vec!["standard", "valley"]));
        assert!(
            named(&["nonsense".into()])
                .is_err_and(|e| e.contains("`nonsense`") && e.contains("valley"))
        );
    }
}
