//! Waiting within one thread: a turn that is taken in order, and a signal that wakes everyone. What a mutex and a
//! condition variable are to threads.
//!
//! Nothing here is borrowed while anyone waits, and whoever stops waiting gives up the place.

use alloc::{collections::VecDeque, vec::Vec};
use core::{
    cell::{Cell, RefCell},
    future::poll_fn,
    task::{Poll, Waker},
};

/// One at a time, in the order of asking. Invariant: the front of the queue has the turn.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    queue: RefCell<VecDeque<(u64, Option<Waker>)>>,
    next: Cell<u64>,
}

/// A place in the queue of a [`Gate`], and at its front the turn.
#[derive(Debug)]
pub(crate) struct Turn<'g> {
    gate: &'g Gate,
    ticket: u64,
}

impl Gate {
    /// Waits for the turn and takes it until the guard is dropped.
    pub(crate) async fn acquire(&self) -> Turn<'_> {
        let turn = Turn { gate: self, ticket: self.next.get() };
        self.next.set(turn.ticket + 1);
        self.queue.borrow_mut().push_back((turn.ticket, None));
        poll_fn(|cx| {
            let mut queue = self.queue.borrow_mut();
            if queue.front().is_some_and(|(ticket, _)| *ticket == turn.ticket) {
                return Poll::Ready(());
            }
            if let Some((_, waker)) = queue.iter_mut().find(|(ticket, _)| *ticket == turn.ticket) {
                *waker = Some(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
        turn
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut queue = self.gate.queue.borrow_mut();
        queue.retain(|(ticket, _)| *ticket != self.ticket);
        let next = queue.front_mut().and_then(|(_, waker)| waker.take());
        drop(queue);
        next.into_iter().for_each(Waker::wake);
    }
}

/// Wakes those who wait for something to have changed.
#[derive(Debug, Default)]
pub(crate) struct Signal(RefCell<Vec<Waker>>);

impl Signal {
    /// Something has changed: everyone looks again.
    pub(crate) fn raise(&self) {
        let waiting = core::mem::take(&mut *self.0.borrow_mut());
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Waits until `done` says so. It is asked at once, and again after each [`Signal::raise`].
    pub(crate) async fn wait(&self, mut done: impl FnMut() -> bool) {
        poll_fn(|cx| {
            if done() {
                return Poll::Ready(());
            }
            let mut waiting = self.0.borrow_mut();
            if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

/// Lets everything run that is ready now.
pub(crate) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if core::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::rc::Rc;
    use core::{pin::pin, task::Context};

    fn poll(future: core::pin::Pin<&mut impl Future>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn turns_are_taken_in_the_order_of_asking_and_a_place_that_is_given_up_is_passed_over() {
        let (gate, order) = (Gate::default(), RefCell::new(Vec::new()));
        let enter = |name: u8| {
            let (gate, order) = (&gate, &order);
            async move {
                let _turn = gate.acquire().await;
                order.borrow_mut().push(name);
                yield_now().await;
                order.borrow_mut().push(name);
            }
        };
        let (mut a, mut c) = (pin!(enter(1)), pin!(enter(3)));
        {
            let mut b = pin!(enter(2));
            assert!(!poll(a.as_mut()) && !poll(b.as_mut()) && !poll(c.as_mut()));
            assert!(!poll(c.as_mut()), "it is not its turn");
        }
        assert!(poll(a.as_mut()));
        assert!(!poll(c.as_mut()) && poll(c.as_mut()));
        assert_eq!(*order.borrow(), [1, 1, 3, 3]);
    }

    #[test]
    fn a_signal_wakes_everyone_and_does_not_collect_wakers() {
        let (signal, done) = (Signal::default(), Cell::new(false));
        let woken = Rc::new(());
        let mut waiting = pin!(async {
            let _woken = woken.clone();
            signal.wait(|| done.get()).await;
        });
        for _ in 0..10 {
            assert!(!poll(waiting.as_mut()));
        }
        assert_eq!(signal.0.borrow().len(), 1);
        done.set(true);
        signal.raise();
        assert!(signal.0.borrow().is_empty() && poll(waiting.as_mut()));
    }
}
