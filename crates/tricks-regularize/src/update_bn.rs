use tricks_tensor::ndarray::ArrayD;
use tricks_tensor::{
    Error, Float, Layer, Mode, Noise, ParamKind, Parameters, Path, Place, Result, Segment,
};

/// Measures the running statistics of every batch normalization in a net afresh: what averaged
/// weights need, which no batch was ever normalized with.
///
/// # Formula
/// ```text
/// running_mean, running_var ← the plain average of those of the batches, in training mode
/// ```
///
/// Whatever the layers' `momentum`; it is in force again afterwards. `num_batches_tracked` becomes
/// the number of batches, which is given back; with no batch normalization there is nothing to do,
/// and no batch is looked at. Layers are found by their buffers: [`BatchNorm`](crate::BatchNorm),
/// [`BatchRenorm`](crate::BatchRenorm) and [`InstanceNorm`](crate::InstanceNorm), as deep as they
/// are.
///
/// # Memory
/// A copy of the running statistics, and one output. While it runs, the counters have a minus sign:
/// by it a layer knows.
///
/// # Notes
/// PyTorch's `torch.optim.swa_utils.update_bn`. Batch `i` is passed with `noise.pass(i)`: dropout
/// is at work, as it is there. Batches should be of one size, or the small ones weigh too much.
///
/// # Source
/// Izmailov, Podoprikhin, Garipov, Vetrov, Wilson: *Averaging weights leads to wider optima and
/// better generalization*, UAI 2018, section 3.2.
///
/// ```
/// use tricks_regularize::{BatchNorm, BatchNormConfig, update_bn};
/// use tricks_tensor::{Noise, ndarray::arr2};
///
/// let mut norm = BatchNorm::<f64>::new(1, BatchNormConfig::default())?;
/// let batches = [arr2(&[[1.0], [3.0]]), arr2(&[[5.0], [9.0]])].map(|x| x.into_dyn());
/// assert_eq!(update_bn(&mut norm, batches, Noise::new(0))?, 2);
/// // Means 2 and 7, unbiased variances 2 and 8.
/// assert_eq!((norm.running_mean(), norm.running_var()), (&[4.5][..], &[5.0][..]));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
///
/// # Errors
/// No batches; what a layer refuses. The running statistics are what they were then.
pub fn update_bn<F: Float>(
    net: &mut (impl Layer<F> + ?Sized),
    batches: impl IntoIterator<Item = ArrayD<F>>,
    noise: Noise,
) -> Result<u64> {
    let mut before: Vec<Vec<F>> = vec![];
    each_statistic(net, |_, value| before.push(value.to_vec()));
    if before.is_empty() {
        return Ok(0);
    }
    let mut batches = batches.into_iter().peekable();
    if batches.peek().is_none() {
        return Err(Error::invalid("update_bn", "there are no batches to measure"));
    }
    each_statistic(net, |which, value| {
        value.fill(match which {
            Statistic::Mean => F::zero(),
            Statistic::Variance => F::one(),
            Statistic::Count => -F::zero(),
        });
    });
    let mut y = ArrayD::zeros(vec![0]);
    let mut count = 0;
    for x in batches {
        let passed = net.output_shape(x.shape()).and_then(|shape| {
            if y.raw_dim() != shape {
                y = ArrayD::zeros(shape);
            }
            net.forward(x.view(), y.view_mut(), Mode::Train(noise.pass(count)))
        });
        if let Err(error) = passed {
            let mut before = before.iter();
            each_statistic(net, |_, value| {
                value.copy_from_slice(before.next().map_or(&[], Vec::as_slice));
            });
            return Err(error);
        }
        count += 1;
    }
    each_statistic(net, |which, value| {
        if which == Statistic::Count {
            value.iter_mut().for_each(|count| *count = count.abs());
        }
    });
    Ok(count)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Statistic {
    Mean,
    Variance,
    Count,
}

/// Calls `f` with every running statistic of a net, in the order they are visited.
fn each_statistic<F: Float>(
    net: &mut (impl Parameters<F> + ?Sized),
    mut f: impl FnMut(Statistic, &mut [F]),
) {
    net.visit(&Path::ROOT, &mut |place: Place<'_>, param| {
        if place.kind != ParamKind::Buffer {
            return;
        }
        let which = match place.path.last() {
            Segment::Name("running_mean") => Statistic::Mean,
            Segment::Name("running_var") => Statistic::Variance,
            Segment::Name("num_batches_tracked") => Statistic::Count,
            _ => return,
        };
        f(which, param.value);
    });
}

/// Counts a batch, and gives its weight in the running statistics: `momentum`, or what makes them
/// the plain average of all batches.
///
/// A count with a minus sign, that of −0 too, says that they are measured afresh: then it is the
/// plain average in any case.
pub(crate) fn count_batch<F: Float>(tracked: &mut F, momentum: Option<f64>) -> f64 {
    let momentum = momentum.filter(|_| !measured_afresh(*tracked));
    *tracked += if measured_afresh(*tracked) { -F::one() } else { F::one() };
    momentum.unwrap_or_else(|| 1.0 / tracked.widen().abs())
}

/// Whether [`update_bn`] is at work.
pub(crate) fn measured_afresh<F: Float>(tracked: F) -> bool {
    tracked.is_sign_negative()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        BatchNorm, BatchNormConfig, BatchRenorm, BatchRenormConfig, InstanceNorm,
        InstanceNormConfig, LayerNorm,
    };

    fn batch(i: u64, shape: &[usize]) -> ArrayD<f64> {
        let mut numbers = vec![0.0; shape.iter().product()];
        Noise::new(3).child(i).fill_uniform(0, &mut numbers);
        ArrayD::from_shape_vec(shape, numbers).unwrap()
    }

    fn statistics(net: &mut dyn Layer<f64>) -> Vec<f64> {
        let mut all = vec![];
        each_statistic(net, |_, value| all.extend_from_slice(value));
        all
    }

    /// Whatever was before, and whatever the momentum: the plain average, as a layer without
    /// momentum has it that was never used.
    #[test]
    fn it_is_the_plain_average_of_all_kinds() {
        let of = BatchNormConfig::default();
        let running = InstanceNormConfig { track_running_stats: true, ..Default::default() };
        let renorm = BatchRenormConfig::default();
        let nets: [(Box<dyn Layer<f64>>, bool); 3] = [
            (Box::new(BatchNorm::new(3, of).unwrap()), true),
            (Box::new(BatchRenorm::new(3, renorm).unwrap()), false),
            (Box::new(InstanceNorm::new(3, running).unwrap()), true),
        ];
        for (mut net, unbiased) in nets {
            let train = Mode::Train(Noise::new(0));
            let old = batch(99, &[4, 3, 5]);
            net.forward(old.view(), old.clone().view_mut(), train).unwrap();
            let batches = (0..3).map(|i| batch(i, &[4, 3, 5]));
            assert_eq!(update_bn(&mut *net, batches, Noise::new(0)).unwrap(), 3);
            let got = statistics(&mut *net);
            assert_eq!(got[6], 3.0, "{}", net.name());
            for c in 0..3 {
                let (mut mean, mut var) = (0.0, 0.0);
                for i in 0..3 {
                    let x = batch(i, &[4, 3, 5]);
                    let channel = x.index_axis(tricks_tensor::ndarray::Axis(1), c);
                    let ddof = f64::from(u8::from(unbiased));
                    if net.name() == "InstanceNorm" {
                        for instance in channel.outer_iter() {
                            mean += instance.mean().unwrap() / 12.0;
                            var += instance.var(ddof) / 12.0;
                        }
                    } else {
                        mean += channel.mean().unwrap() / 3.0;
                        var += channel.var(ddof) / 3.0;
                    }
                }
                assert!((got[c] - mean).abs() < 1e-14, "{}: {} {mean}", net.name(), got[c]);
                assert!((got[3 + c] - var).abs() < 1e-14, "{}: {} {var}", net.name(), got[3 + c]);
            }
            // The momentum is in force again, and the count goes up.
            net.forward(old.view(), old.clone().view_mut(), train).unwrap();
            let after = statistics(&mut *net);
            assert_eq!(after[6], 4.0);
            let moved = (after[0] - got[0])
                / (old.index_axis(tricks_tensor::ndarray::Axis(1), 0).mean().unwrap() - got[0]);
            let m = if net.name() == "BatchRenorm" { 0.01 } else { 0.1 };
            assert!((moved - m).abs() < 1e-9, "{}: {moved}", net.name());
        }
    }

    #[test]
    fn refused_batches_change_nothing() {
        let mut net = BatchNorm::<f64>::new(3, BatchNormConfig::default()).unwrap();
        let x = batch(9, &[4, 3]);
        net.forward(x.view(), x.clone().view_mut(), Mode::Train(Noise::new(0))).unwrap();
        let before = statistics(&mut net);
        for (bad, want) in [
            (batch(1, &[4, 2]), "BatchNorm: input has shape [4, 2], expected [4, 3]"),
            (
                batch(1, &[1, 3]),
                "BatchNorm: the statistics of a batch need at least 2 samples, got 1",
            ),
        ] {
            let refused = update_bn(&mut net, [batch(0, &[4, 3]), bad], Noise::new(0)).unwrap_err();
            assert_eq!(refused.to_string(), want);
            assert_eq!(statistics(&mut net), before);
        }
        let refused = update_bn(&mut net, [], Noise::new(0)).unwrap_err().to_string();
        assert_eq!(refused, "update_bn: there are no batches to measure");
        assert_eq!(statistics(&mut net), before);
        // Nothing to measure: the batch, which does not fit, is not looked at.
        let mut net = LayerNorm::<f64>::new(&[3], Default::default()).unwrap();
        assert_eq!(update_bn(&mut net, [batch(0, &[4, 2])], Noise::new(0)).unwrap(), 0);
    }
}
