//! How work is given to threads. The core starts none by itself: a caller that has some hands in who runs the tasks.
//!
//! Invariant: tasks read what is shared and write only themselves, so that neither their number nor their order can be told
//! from what they leave behind.

use super::build::Task;
use alloc::vec::Vec;

/// Runs tasks.
pub(crate) trait Parallel {
    /// How many tasks can run at once.
    fn width(&self) -> usize;

    /// Runs `work` once for each task, in any order, and returns when all are done.
    fn each(&self, tasks: &mut [Task], work: &(dyn Fn(&mut Task) + Sync));
}

/// One after another, in the thread of the caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sequential;

impl Parallel for Sequential {
    fn width(&self) -> usize {
        1
    }

    fn each(&self, tasks: &mut [Task], work: &(dyn Fn(&mut Task) + Sync)) {
        tasks.iter_mut().for_each(work);
    }
}

/// In as many threads as it says, which live for one call each.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Threads(pub(crate) core::num::NonZeroUsize);

#[cfg(feature = "std")]
impl Parallel for Threads {
    fn width(&self) -> usize {
        self.0.get()
    }

    fn each(&self, tasks: &mut [Task], work: &(dyn Fn(&mut Task) + Sync)) {
        let others = self.0.get().min(tasks.len()).saturating_sub(1);
        let queue = crate::sync::Mutex::new(tasks.iter_mut());
        let run = || {
            loop {
                let next = queue.lock().next();
                match next {
                    Some(task) => work(task),
                    None => break,
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..others {
                scope.spawn(run);
            }
            run();
        });
    }
}

/// Tasks for a number of pieces of work, several for each thread so that none waits long for another.
pub(super) fn tasks(parallel: &dyn Parallel) -> Vec<Task> {
    let width = parallel.width();
    let count = if width <= 1 { 1 } else { width.saturating_mul(4).min(TASKS_MAX) };
    (0..count).map(|_| Task::default()).collect()
}

/// Most tasks of one batch. Each has a mark for every row.
const TASKS_MAX: usize = 64;
