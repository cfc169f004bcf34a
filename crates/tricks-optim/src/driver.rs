//! Many updates at once: small ones run together, large ones are split.

use crate::average::{Averaged, average};
use crate::packed::BLOCK;
use crate::rule::{Rule, StepCx};
use crate::slots::Slots;
use tricks_tensor::{Float, kernel};

/// One piece of one parameter, and how to update it.
pub(crate) struct Job<'a, F> {
    pub(crate) rule: &'a dyn Rule<F>,
    /// Whether the parameter must stay in one piece.
    pub(crate) whole: bool,
    pub(crate) cx: StepCx<'a>,
    pub(crate) slots: Slots<'a, F>,
    pub(crate) param: &'a mut [F],
    pub(crate) grad: &'a [F],
}

impl<'a, F: Float> Job<'a, F> {
    pub(crate) fn run(self) {
        let Self { rule, whole, cx, slots, param, grad } = self;
        step(rule, whole, &cx, slots, param, grad);
    }

    pub(crate) fn split_at(self, at: usize) -> (Self, Self) {
        let Self { rule, whole, cx, slots, param, grad } = self;
        let (p0, p1) = param.split_at_mut(at);
        let (g0, g1) = grad.split_at(at);
        let (s0, s1) = slots.split_at(at);
        (
            Self { rule, whole, cx, slots: s0, param: p0, grad: g0 },
            Self { rule, whole, cx, slots: s1, param: p1, grad: g1 },
        )
    }
}

/// What a job does. Inlined: a small step would spend more on moving its slots about.
#[inline(always)]
pub(crate) fn step<F: Float>(
    rule: &dyn Rule<F>,
    whole: bool,
    cx: &StepCx<'_>,
    mut slots: Slots<'_, F>,
    param: &mut [F],
    grad: &[F],
) {
    if param.is_empty() {
        return;
    }
    // The one loop averages as it goes; rules with loops of their own do not.
    let averaged = if whole { slots.average.take() } else { None };
    rule.step(cx, slots, param, grad);
    if let Some(Averaged { values, keep }) = averaged {
        average(values, keep, param);
    }
}

/// Jobs on the stack, so that a step allocates nothing; `CAPACITY` are collected before they run.
pub(crate) struct Jobs<'a, F, const CAPACITY: usize> {
    jobs: [Option<Job<'a, F>>; CAPACITY],
    len: usize,
}

impl<'a, F: Float, const CAPACITY: usize> Jobs<'a, F, CAPACITY> {
    pub(crate) fn new() -> Self {
        Self { jobs: [const { None }; CAPACITY], len: 0 }
    }

    pub(crate) fn push(&mut self, job: Job<'a, F>) {
        if self.len == CAPACITY {
            self.run();
        }
        self.jobs[self.len] = Some(job);
        self.len += 1;
    }

    pub(crate) fn run(&mut self) {
        let jobs = &mut self.jobs[..self.len];
        let total = elements(jobs.iter());
        let piece = if kernel::worth_forking(total) {
            // Four pieces a thread even out their speeds; pieces of less than half of what is
            // worth a fork only cost. The slack is what cuts at whole blocks add up to.
            let pieces = (total / (kernel::MIN_FORK / 2)).min(4 * kernel::threads());
            total.div_ceil(pieces) + 2 * BLOCK
        } else {
            total
        };
        run(None, jobs, None, piece);
        self.len = 0;
    }
}

fn elements<'j, 'a: 'j, F: 'a>(jobs: impl Iterator<Item = &'j Option<Job<'a, F>>>) -> usize {
    jobs.flatten().map(|job| job.param.len()).sum()
}

/// Runs `head`, `jobs` and `tail`, halved in the middle until no piece is above `piece` elements.
///
/// The halves of a job that is cut are the tail of one side and the head of the other, so that
/// nothing needs room of its own.
fn run<'a, F: Float>(
    head: Option<Job<'a, F>>,
    jobs: &mut [Option<Job<'a, F>>],
    tail: Option<Job<'a, F>>,
    piece: usize,
) {
    let total = elements([&head, &tail].into_iter().chain(&*jobs));
    let uncut = {
        let all = [&head, &tail].into_iter().chain(&*jobs).flatten();
        let mut filled = all.filter(|job| !job.param.is_empty());
        matches!((filled.next(), filled.next()), (Some(only), None) if only.whole)
    };
    if total <= piece || uncut {
        let jobs = jobs.iter_mut().filter_map(Option::take);
        return head.into_iter().chain(jobs).chain(tail).for_each(Job::run);
    }
    // Whole blocks on both sides of a cut; a parameter that must stay whole goes to one side.
    let cut = |job: Job<'a, F>, before: usize| {
        let (at, len) = ((total / 2).saturating_sub(before), job.param.len());
        // Of two equal sides the left: a job of which nothing went left would be cut again for ever.
        let goes_left = 2 * at >= len;
        let at = at.next_multiple_of(BLOCK).min(len);
        let at = if job.whole { len * usize::from(goes_left) } else { at };
        job.split_at(at)
    };
    let mut before = 0;
    let mut holds_middle = |job: &Option<Job<'_, F>>| {
        let len = job.as_ref().map_or(0, |job| job.param.len());
        let holds = 2 * (before + len) >= total;
        before += if holds { 0 } else { len };
        holds
    };
    if holds_middle(&head) {
        let Some((a, b)) = head.map(|job| cut(job, 0)) else { return };
        kernel::join(|| run(Some(a), &mut [], None, piece), || run(Some(b), jobs, tail, piece));
    } else if let Some(at) = jobs.iter().position(&mut holds_middle) {
        let (left, right) = jobs.split_at_mut(at);
        let (middle, right) = right.split_at_mut(1);
        let Some((a, b)) = middle[0].take().map(|job| cut(job, before)) else { return };
        kernel::join(|| run(head, left, Some(a), piece), || run(Some(b), right, tail, piece));
    } else {
        let Some((a, b)) = tail.map(|job| cut(job, before)) else { return };
        kernel::join(|| run(head, jobs, Some(a), piece), || run(Some(b), &mut [], None, piece));
    }
}
