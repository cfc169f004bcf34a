use crate::{Run, Stop};
use tricks_schedule::{Plateau, ReduceOnPlateau, Threshold};

/// A scale that falls when the mean of some losses stalls.
pub(super) fn run(run: &mut Run<'_>) -> Result<(), Stop> {
    let hyper = &run.hyper;
    let (rtol, atol) = (hyper.number("rtol")?, hyper.number("atol")?);
    let threshold = match (rtol, atol) {
        (_, 0.0) => Threshold::Rel(rtol),
        (0.0, _) => Threshold::Abs(atol),
        _ => return Err(Stop::Skip("a relative and an absolute threshold together".into())),
    };
    // Here the patience counts the metrics that are borne, there it counts the last one too.
    let patience = hyper.count("patience")?.saturating_sub(1);
    let every = hyper.count("accumulation_size")? as usize;
    let rule = ReduceOnPlateau {
        factor: hyper.number("factor")?,
        patience,
        threshold,
        cooldown: hyper.count("cooldown")?,
        min_lr: hyper.number("min_scale")?,
        eps: 0.0,
        ..ReduceOnPlateau::default()
    };
    let mut plateau = Plateau::new(1.0, rule)?;
    let values = crate::Fields::from_map(run.case, "case").numbers("values")?;
    let mut scales = Vec::new();
    for values in values.chunks(every) {
        scales.extend(values[1..].iter().map(|_| plateau.lr()));
        plateau.observe(values.iter().sum::<f64>() / every as f64);
        scales.push(plateau.lr());
    }
    let want = run.expect.numbers("scale_after_step")?;
    run.numbers("scale", &scales, &want);
    Ok(())
}
