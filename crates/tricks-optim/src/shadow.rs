use crate::memory::Staggered;
use crate::slot::MAX_SLOTS;
use tricks_tensor::{
    Error, Float, Grad, ParamKind, ParamMut, Parameters, Path, Place, Result, StateDict,
    StateReader,
};

/// One array beside every parameter, found again by name: an average, a copy.
#[derive(Clone, Debug)]
pub(crate) struct Shadow<F> {
    entries: Vec<Entry<F>>,
}

#[derive(Clone, Debug)]
struct Entry<F> {
    name: String,
    shape: Vec<usize>,
    values: Staggered<F>,
}

impl<F: Float> Shadow<F> {
    /// Zeros beside each parameter; buffers have none.
    ///
    /// # Errors
    /// Numbers that do not fill their shape.
    pub(crate) fn zeros(params: &mut (impl Parameters<F> + ?Sized)) -> Result<Self> {
        let (mut entries, mut outcome) = (Vec::new(), Ok(()));
        params.visit(&Path::ROOT, &mut |place, param| {
            if place.kind != ParamKind::Buffer && outcome.is_ok() {
                outcome = place.check(&param);
                let (name, shape) = (place.path.to_string(), place.shape.to_vec());
                let values = Staggered::new(MAX_SLOTS, param.value.len());
                entries.push(Entry { name, shape, values });
            }
        });
        outcome.map(|()| Self { entries })
    }

    /// A copy of each parameter.
    ///
    /// # Errors
    /// Numbers that do not fill their shape.
    pub(crate) fn copies(params: &mut (impl Parameters<F> + ?Sized)) -> Result<Self> {
        let mut shadow = Self::zeros(params)?;
        shadow.each(params, |copy, param| copy.copy_from_slice(param.value))?;
        Ok(shadow)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&[F]> {
        self.entries.iter().find(|entry| entry.name == name).map(|entry| entry.values.get())
    }

    /// The arrays, in the order of the parameters.
    pub(crate) fn lend(&mut self) -> impl Iterator<Item = &mut [F]> {
        self.entries.iter_mut().map(|entry| entry.values.get_mut())
    }

    /// Names, shapes and arrays, in the order of the parameters.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[usize], &[F])> {
        self.entries.iter().map(|entry| (&*entry.name, &*entry.shape, entry.values.get()))
    }

    /// Calls `f` with each array and its parameter.
    ///
    /// # Errors
    /// Another set of parameters, or another order; nothing is called then.
    pub(crate) fn each(
        &mut self,
        params: &mut (impl Parameters<F> + ?Sized),
        mut f: impl FnMut(&mut [F], ParamMut<'_, F>),
    ) -> Result<()> {
        self.check(params)?;
        let mut lent = self.lend();
        params.visit(&Path::ROOT, &mut |place, param| {
            // In this order: a buffer must not use up an array.
            if place.kind != ParamKind::Buffer
                && let Some(values) = lent.next()
            {
                f(values, param);
            }
        });
        Ok(())
    }

    /// [`Shadow::each`] with the values alone, whatever gradients there are beside them: what was
    /// put away comes back even after a closure that left no proper gradient.
    ///
    /// # Errors
    /// As [`Shadow::each`].
    pub(crate) fn each_value(
        &mut self,
        params: &mut (impl Parameters<F> + ?Sized),
        mut f: impl FnMut(&mut [F], &mut [F]),
    ) -> Result<()> {
        self.check_each(params, |place, param| {
            place.check(&ParamMut { value: param.value, grad: Grad::Absent })
        })?;
        let mut lent = self.lend();
        params.visit(&Path::ROOT, &mut |place, param| {
            if place.kind != ParamKind::Buffer
                && let Some(values) = lent.next()
            {
                f(values, param.value);
            }
        });
        Ok(())
    }

    /// Refuses another set of parameters, or another order.
    pub(crate) fn check(&self, params: &mut (impl Parameters<F> + ?Sized)) -> Result<()> {
        self.check_each(params, |place, param| place.check(&param))
    }

    fn check_each(
        &self,
        params: &mut (impl Parameters<F> + ?Sized),
        fits: impl Fn(&Place<'_>, ParamMut<'_, F>) -> Result<()>,
    ) -> Result<()> {
        let (mut position, mut outcome) = (0, Ok(()));
        params.visit(&Path::ROOT, &mut |place, param| {
            if place.kind == ParamKind::Buffer || outcome.is_err() {
                return;
            }
            let entry = self.entries.get(position);
            outcome = match entry.filter(|entry| place.path.is(&entry.name)) {
                Some(entry) if entry.shape == place.shape => fits(&place, param),
                Some(entry) => {
                    let found = ("parameter", place.shape);
                    Err(Error::shape(place.path, found, ("bound with", &entry.shape)))
                }
                None => {
                    let expected = entry.map_or("nothing", |entry| &entry.name).to_string();
                    Err(Error::Parameters { position, found: place.path.to_string(), expected })
                }
            };
            position += 1;
        });
        outcome?;
        match self.entries.get(position) {
            Some(Entry { name, .. }) => {
                let (found, expected) = ("nothing".to_string(), name.clone());
                Err(Error::Parameters { position, found, expected })
            }
            None => Ok(()),
        }
    }

    /// Refuses names and shapes other than these.
    pub(crate) fn check_names<'n>(
        &self,
        found: impl Iterator<Item = (&'n str, &'n [usize])>,
    ) -> Result<()> {
        let ours = self.entries.iter().map(|entry| (&*entry.name, &*entry.shape));
        let (mut found, mut ours) = (found, ours);
        for position in 0.. {
            let (found, expected) = (found.next(), ours.next());
            if found == expected {
                if found.is_none() {
                    break;
                }
                continue;
            }
            let words = |of: Option<(&str, &[usize])>| {
                of.map_or("nothing".to_string(), |(name, shape)| format!("{name} {shape:?}"))
            };
            let (found, expected) = (words(found), words(expected));
            return Err(Error::Parameters { position, found, expected });
        }
        Ok(())
    }

    /// Adds `NAME/SUFFIX` for each array.
    pub(crate) fn save(&self, state: &mut StateDict, suffix: &str) {
        for Entry { name, shape, values } in &self.entries {
            state.insert(format!("{name}/{suffix}"), shape, values.get());
        }
    }

    /// Reads what [`Shadow::save`] has written; take it over with [`Shadow::take`] when all is
    /// read.
    pub(crate) fn read<'s>(&self, reader: &mut StateReader<'s>, suffix: &str) -> Vec<&'s [F]> {
        let entry = |entry: &Entry<F>| {
            reader.finite::<F>(&format!("{}/{suffix}", entry.name), &entry.shape)
        };
        self.entries.iter().map(entry).collect()
    }

    pub(crate) fn take(&mut self, saved: Vec<&[F]>) {
        for (values, saved) in self.lend().zip(saved) {
            values.copy_from_slice(saved);
        }
    }
}
