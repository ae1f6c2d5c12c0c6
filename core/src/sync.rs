//! Locks: the standard library's with threads, plain cells where there is only one.
//!
//! A panic while a lock is held does not poison it: what is behind the locks is changed only by code that cannot panic
//! half-way, and the engine has its own poisoned state.

#[cfg(feature = "std")]
mod imp {
    use std::sync::{self, PoisonError};

    /// What every thread may use at once: where there are threads, `Send + Sync`.
    pub trait Shared: Send + Sync {}
    impl<T: Send + Sync + ?Sized> Shared for T {}

    pub(crate) use sync::OnceLock as OnceCell;

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Mutex(sync::Mutex::new(value))
        }
        pub(crate) fn lock(&self) -> sync::MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    #[derive(Debug, Default)]
    pub(crate) struct RwLock<T>(sync::RwLock<T>);

    impl<T> RwLock<T> {
        pub(crate) fn new(value: T) -> Self {
            RwLock(sync::RwLock::new(value))
        }
        pub(crate) fn read(&self) -> sync::RwLockReadGuard<'_, T> {
            self.0.read().unwrap_or_else(PoisonError::into_inner)
        }
        pub(crate) fn write(&self) -> sync::RwLockWriteGuard<'_, T> {
            self.0.write().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(not(feature = "std"))]
mod imp {
    pub(crate) use core::cell::OnceCell;
    use core::cell::{Ref, RefCell, RefMut};

    /// What every thread may use at once: where there is only one, anything.
    pub trait Shared {}
    impl<T: ?Sized> Shared for T {}

    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(RefCell<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Mutex(RefCell::new(value))
        }
        pub(crate) fn lock(&self) -> RefMut<'_, T> {
            self.0.borrow_mut()
        }
    }

    #[derive(Debug, Default)]
    pub(crate) struct RwLock<T>(RefCell<T>);

    impl<T> RwLock<T> {
        pub(crate) fn new(value: T) -> Self {
            RwLock(RefCell::new(value))
        }
        pub(crate) fn read(&self) -> Ref<'_, T> {
            self.0.borrow()
        }
        pub(crate) fn write(&self) -> RefMut<'_, T> {
            self.0.borrow_mut()
        }
    }
}

pub use imp::Shared;
pub(crate) use imp::{Mutex, OnceCell, RwLock};
