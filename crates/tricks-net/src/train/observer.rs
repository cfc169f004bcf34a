use super::Metrics;
use crate::Net;
use tricks_tensor::{Float, Result};

/// Whether training goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Control {
    /// Yes.
    Continue,
    /// No: the loop ends here, and can be taken up again.
    Stop,
}

/// What is known before the first batch.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Updates done already: 0, or where a resumed run goes on.
    pub step: u64,
    /// Epochs to be done in all.
    pub epochs: u64,
    /// Batches in an epoch.
    pub steps_per_epoch: u64,
}

/// One update.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Its number, from 0: it used the learning rate `schedule.at(step)`.
    pub step: u64,
    /// Its epoch, from 0.
    pub epoch: u64,
    /// The mean loss of its batch, before the update, and what
    /// [`on_gradients`](Observer::on_gradients) added.
    pub loss: f64,
    /// The share of its batch that was right; none without labels.
    pub accuracy: Option<f64>,
    /// Samples in its batch.
    pub samples: usize,
    /// The learning rate.
    pub lr: f64,
    /// The norm of all gradients together, before clipping.
    pub grad_norm: f64,
}

/// One epoch.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochReport {
    /// Its number, from 0.
    pub epoch: u64,
    /// Updates done in all.
    pub step: u64,
    /// Means over the epoch's batches, while the net was learning, in training mode.
    pub train: Metrics,
    /// Measured after the epoch, in evaluation; none without a held-out set.
    pub held_out: Option<Metrics>,
}

/// Something that watches training, or takes part in it: a log, a progress bar, an average
/// of weights, a penalty.
///
/// Each call lends the net: `net.layer` with the activations and the gradients of the last pass.
/// An error ends the training and is handed on.
///
/// ```
/// use tricks_net::{Net, train::{Control, EpochReport, Observer}};
/// use tricks_tensor::{Float, Result};
///
/// /// Stops when the held-out loss is small enough.
/// struct GoodEnough(f64);
///
/// impl<F: Float, L> Observer<F, L> for GoodEnough {
///     fn on_epoch(&mut self, report: &EpochReport, _: &mut Net<F, L>) -> Result<Control> {
///         let loss = report.held_out.map_or(report.train.loss, |metrics| metrics.loss);
///         Ok(if loss <= self.0 { Control::Stop } else { Control::Continue })
///     }
/// }
/// ```
pub trait Observer<F: Float, L>: Send {
    /// Before the first batch.
    ///
    /// # Errors
    /// The observer's own.
    fn on_start(&mut self, start: &Start, net: &mut Net<F, L>) -> Result<()> {
        let _ = (start, net);
        Ok(())
    }

    /// After every backward pass, before the norm of the gradients is taken: for what changes
    /// them, such as a penalty, noise, or another clip. What it returns is added to the reported
    /// loss.
    ///
    /// Observers act in turn, each on what the one before it left.
    ///
    /// ```
    /// use tricks_net::{Net, train::Observer};
    /// use tricks_regularize::{L2, penalize};
    /// use tricks_tensor::{Float, Parameters, Result};
    ///
    /// /// `λ/2 Σ w²` as a part of the loss.
    /// struct Ridge(L2);
    ///
    /// impl<F: Float, L: Parameters<F>> Observer<F, L> for Ridge {
    ///     fn on_gradients(&mut self, net: &mut Net<F, L>) -> Result<f64> {
    ///         penalize(&self.0, net)
    ///     }
    /// }
    /// # use tricks_net::layers::Dense;
    /// # use tricks_tensor::Path;
    /// # let mut net = Net::new(Dense::<f64>::new(1, 1));
    /// # net.visit(&Path::ROOT, &mut |_, p| p.value.fill(3.0));
    /// assert_eq!(Ridge(L2 { lambda: 0.2 }).on_gradients(&mut net)?, 0.1 * 9.0);
    /// # Ok::<(), tricks_tensor::Error>(())
    /// ```
    ///
    /// # Errors
    /// The observer's own.
    fn on_gradients(&mut self, net: &mut Net<F, L>) -> Result<f64> {
        let _ = net;
        Ok(0.0)
    }

    /// After every update.
    ///
    /// # Errors
    /// The observer's own.
    fn on_step(&mut self, report: &StepReport, net: &mut Net<F, L>) -> Result<Control> {
        let _ = (report, net);
        Ok(Control::Continue)
    }

    /// After every epoch.
    ///
    /// # Errors
    /// The observer's own.
    fn on_epoch(&mut self, report: &EpochReport, net: &mut Net<F, L>) -> Result<Control> {
        let _ = (report, net);
        Ok(Control::Continue)
    }

    /// After the last epoch, or when one of the observers stopped the training. Not after errors.
    ///
    /// # Errors
    /// The observer's own.
    fn on_end(&mut self, net: &mut Net<F, L>) -> Result<()> {
        let _ = net;
        Ok(())
    }
}
