use crate::optimizer::Optimizer;
use crate::rule::{Rule, WeightDecay};
use crate::step::Call;
use std::fmt;
use tricks_tensor::{Float, ParamKind};

/// How an optimizer treats one parameter: what [`Optimizer::treatments`] lists.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Treatment<'o> {
    /// The parameter's name.
    pub name: &'o str,
    /// Its role.
    pub kind: ParamKind,
    /// Its shape.
    pub shape: &'o [usize],
    /// The group that has it, as an index into [`Optimizer::groups_mut`]; none has it by default.
    pub group: Option<usize>,
    /// The name of the rule that updates it.
    pub rule: &'static str,
    /// What the learning rate is multiplied by: the group's factor and its layer's.
    pub lr_scale: f64,
    /// Its weight decay.
    pub weight_decay: WeightDecay,
    /// Whether it is left alone.
    pub frozen: bool,
    /// How many times it was updated.
    pub updates: u64,
}

impl fmt::Display for Treatment<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, kind, shape, group, rule, lr_scale, frozen, updates, .. } = self;
        write!(f, "{name} {shape:?} {kind:?}: ")?;
        if *frozen {
            write!(f, "frozen")?;
        } else {
            write!(f, "{rule}")?;
            if *lr_scale != 1.0 {
                write!(f, ", lr × {lr_scale}")?;
            }
            match self.weight_decay {
                WeightDecay::None => {}
                WeightDecay::L2(lambda) => write!(f, ", L2 weight decay {lambda}")?,
                WeightDecay::Decoupled(lambda) => write!(f, ", decoupled weight decay {lambda}")?,
            }
        }
        if let Some(index) = group {
            write!(f, ", group {index}")?;
        }
        write!(f, ", updates: {updates}")
    }
}

impl<F: Float, R: Rule<F>> Optimizer<F, R> {
    /// How every parameter is treated, in the order of the parameters: whether a group took those
    /// it was meant for, and whether a bias is decayed.
    ///
    /// ```
    /// use tricks_optim::{Adam, Group, Optimizer, WeightDecay};
    /// let [(mut w, mut dw), (mut b, mut db)] = [([1.0f32; 2], [0.5; 2]); 2];
    /// let mut params = [("head.w", &mut w[..], &mut dw[..]), ("b", &mut b[..], &mut db[..])];
    /// let adam = Optimizer::builder(Adam::torch())
    ///     .weight_decay(WeightDecay::Decoupled(0.01))
    ///     .group(
    ///         |place| place.path.to_string().starts_with("head"),
    ///         Group { lr_scale: 0.1, ..Group::default() },
    ///     )
    ///     .bind(&mut params)?;
    /// let lines: Vec<String> = adam.treatments().map(|treatment| treatment.to_string()).collect();
    /// assert_eq!(
    ///     lines[0],
    ///     "head.w [2] Weight: Adam, lr × 0.1, decoupled weight decay 0.01, group 0, updates: 0"
    /// );
    /// // Whether the group has found any.
    /// assert!(adam.treatments().any(|treatment| treatment.group == Some(0)));
    /// # Ok::<(), tricks_tensor::Error>(())
    /// ```
    pub fn treatments(&self) -> impl ExactSizeIterator<Item = Treatment<'_>> {
        let policy = self.policy(Call { lr: 1.0, grad_scale: 1.0, loss: None });
        self.bound.iter().map(move |bound| {
            let rule = policy.rule_of(bound.group);
            let cx = policy.cx(rule, bound);
            Treatment {
                name: &bound.name,
                kind: bound.kind,
                shape: &bound.shape,
                group: bound.group,
                rule: rule.name(),
                lr_scale: cx.lr,
                weight_decay: cx.decay,
                frozen: policy.is_frozen(bound.group),
                updates: bound.t,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adam, AdamW, Group, Sgd};
    use tricks_tensor::Named;

    #[test]
    fn every_line_says_what_happens() {
        let names = ["0.w", "1.b", "1.frozen", "2.own"];
        let mut data = [([1.0f64; 2], [0.1; 2]); 4];
        let params = data.iter_mut().zip(names);
        let mut params: Vec<_> =
            params.map(|((value, grad), name)| Named::new(name, &[2], value, grad)).collect();
        params[1].kind = ParamKind::Bias;
        params[3].kind = ParamKind::Scale;
        let is = |name: &'static str| move |place: &tricks_tensor::Place<'_>| place.path.is(name);
        let mut adamw = Optimizer::builder(AdamW::torch())
            .layer_decay(0.5, |place| usize::from(place.path.to_string().as_bytes()[0] - b'0'))
            .group(is("1.frozen"), Group { frozen: true, ..Group::default() })
            .group(
                is("2.own"),
                Group {
                    rule: Some(Box::new(Sgd)),
                    lr_scale: 3.0,
                    weight_decay: Some(WeightDecay::L2(0.25)),
                    ..Group::default()
                },
            )
            .bind(&mut params)
            .unwrap();
        adamw.step(0.1, &mut params[..]).unwrap();
        let lines: Vec<_> = adamw.treatments().map(|line| line.to_string()).collect();
        let expected = [
            "0.w [2] Weight: AdamW, lr × 0.25, decoupled weight decay 0.01, updates: 1",
            "1.b [2] Bias: AdamW, lr × 0.5, updates: 1",
            "1.frozen [2] Weight: frozen, group 0, updates: 0",
            "2.own [2] Scale: Sgd, lr × 3, L2 weight decay 0.25, group 1, updates: 1",
        ];
        assert_eq!(lines, expected);
        let adam = adamw.switch(Adam::torch()).unwrap();
        assert_eq!(adam.treatments().next().unwrap().weight_decay, WeightDecay::None);
    }
}
