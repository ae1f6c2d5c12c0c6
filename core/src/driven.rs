//! Futures that are driven to their end: what the feature `driven` promises of all that the engine is asked for.
//!
//! Wherever a future is awaited, the compiler puts code that drops it, although one that is done has nothing left to drop; and
//! that code has code for what each of its states holds. In a module for browsers, which is a download, this is 3 % of the
//! whole. A module that never gives up a future half-way has no use for any of it. `#[driven]` makes each `.await` of an item
//! one of [`Driven::driven`], which with the feature leaks a future that is not done instead of dropping it, and without it
//! changes nothing. Each future is polled by a function of its own, then: one inside of the other they become a single function,
//! of 90 kB, and the module is larger by another 2.5 %.

#[cfg(any(feature = "driven", test))]
mod leaking {
    #![allow(unsafe_code, reason = "there is no other way to reach a pinned future that is not dropped")]

    use core::{
        mem::ManuallyDrop,
        pin::Pin,
        task::{Context, Poll},
    };

    /// A future that is not dropped.
    pub(crate) struct Leaking<F>(ManuallyDrop<F>);

    impl<F> Leaking<F> {
        #[inline(always)]
        pub(crate) fn new(future: F) -> Self {
            Leaking(ManuallyDrop::new(future))
        }
    }

    impl<F: Future> Future for Leaking<F> {
        type Output = F::Output;

        #[inline(never)]
        fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
            // SAFETY: the future is not moved. That it is not dropped before its memory is used for something else matters
            // only if it is given up half-way, and then to futures that others have the address of: ours have none.
            unsafe { self.map_unchecked_mut(|this| &mut *this.0) }.poll(context)
        }
    }
}

/// What `#[driven]` makes of each future that is awaited.
pub(crate) trait Driven: Future + Sized {
    #[cfg(feature = "driven")]
    #[inline(always)]
    fn driven(self) -> leaking::Leaking<Self> {
        leaking::Leaking::new(self)
    }

    #[cfg(not(feature = "driven"))]
    #[inline(always)]
    fn driven(self) -> Self {
        self
    }
}

impl<F: Future> Driven for F {}

#[cfg(test)]
mod tests {
    use super::leaking::Leaking;
    use alloc::rc::Rc;
    use core::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    #[test]
    fn what_a_future_held_is_dropped_when_it_is_done() {
        let held = Rc::new(());
        let holding = held.clone();
        let inner = Leaking::new(async move { Rc::strong_count(&holding) });
        let mut whole = pin!(Leaking::new(async { inner.await + 1 }));
        let done = whole.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!((done, Rc::strong_count(&held)), (Poll::Ready(3), 1));
    }
}
