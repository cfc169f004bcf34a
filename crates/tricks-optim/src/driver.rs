//! Many updates at once: small ones run together, large ones are split.

use crate::rule::{Rule, Slots, StepCx};
use tricks_tensor::{Float, kernel};

/// One piece of one parameter, and how to update it.
pub(crate) struct Job<'a, F> {
    pub(crate) rule: &'a dyn Rule<F>,
    pub(crate) cx: StepCx,
    pub(crate) slots: Slots<'a, F>,
    pub(crate) param: &'a mut [F],
    pub(crate) grad: &'a [F],
}

impl<'a, F: Float> Job<'a, F> {
    fn run(self) {
        self.rule.step(&self.cx, self.slots, self.param, self.grad);
    }

    fn split_at(self, at: usize) -> (Self, Self) {
        let Self { rule, cx, slots, param, grad } = self;
        let (p0, p1) = param.split_at_mut(at);
        let (g0, g1) = grad.split_at(at);
        let (s0, s1) = slots.split_at(at);
        (
            Self { rule, cx, slots: s0, param: p0, grad: g0 },
            Self { rule, cx, slots: s1, param: p1, grad: g1 },
        )
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
        let total = elements(jobs);
        // Four pieces a thread even out their speeds; smaller pieces only cost forks.
        let piece = (total / (4 * kernel::threads())).max(kernel::MIN_FORK / 4);
        run(jobs, if kernel::worth_forking(total) { piece } else { total });
        self.len = 0;
    }
}

fn elements<F>(jobs: &[Option<Job<'_, F>>]) -> usize {
    jobs.iter().flatten().map(|job| job.param.len()).sum()
}

/// Runs `jobs` in pieces of about `piece` elements.
fn run<F: Float>(jobs: &mut [Option<Job<'_, F>>], piece: usize) {
    let total = elements(jobs);
    if total <= piece {
        return jobs.iter_mut().filter_map(Option::take).for_each(Job::run);
    }
    if let [job] = jobs {
        let Some(job) = job.take() else { return };
        // Whole cache lines on both sides.
        let (a, b) = job.split_at((total / 2).next_multiple_of(64).min(total));
        kernel::join(|| run(&mut [Some(a)], piece), || run(&mut [Some(b)], piece));
        return;
    }
    // The first cut that leaves at least half on the left, and something on the right.
    let mut left = 0;
    let at = jobs.iter().position(|job| {
        left += job.as_ref().map_or(0, |job| job.param.len());
        2 * left >= total
    });
    let at = at.map_or(1, |at| at + 1).min(jobs.len() - 1);
    let (a, b) = jobs.split_at_mut(at);
    kernel::join(|| run(a, piece), || run(b, piece));
}
