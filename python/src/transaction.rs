//! A transaction: changes that become one commit, or nothing.

use crate::{
    arguments::{Expiry, Range, Text, Wanted},
    collection::{each_pair, encode},
    decode,
    error::raise,
    handle::{Owned, Shared, call},
    vectors::{self, Matrices},
};
use koru_delta::{CommitInfo, Error, ErrorCode, Expected, Result, limits};
use pyo3::{prelude::*, sync::MutexExt, types::PyList};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A transaction; `Database.transaction` makes one, for a `with`.
#[pyclass(frozen, module = "koru_delta")]
pub(crate) struct Transaction(Arc<Shell>);

struct Shell {
    state: Mutex<State>,
    handle: Shared,
}

enum State {
    New(CommitInfo),
    Open(Owned<koru_delta::Transaction>),
    /// With what it became.
    Ended(Option<String>),
}

impl Shell {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self) -> Result<()> {
        let info = match &*self.lock() {
            State::New(info) => info.clone(),
            _ => return Err(Error::new(ErrorCode::InvalidArgument, "a transaction is entered once: make another")),
        };
        // Others may ask about this one while it waits for its turn.
        let mut transaction = self.handle.get()?.begin()?;
        if let Some(author) = info.author {
            transaction.author(author);
        }
        if let Some(message) = info.message {
            transaction.message(message);
        }
        for cause in info.causes {
            transaction.because(cause);
        }
        *self.lock() = State::Open(Owned::new(transaction));
        Ok(())
    }

    fn end(&self, commit: bool) -> Result<()> {
        let open = std::mem::replace(&mut *self.lock(), State::Ended(None));
        let State::Open(transaction) = open else { return Err(not_open()) };
        let transaction = transaction.into_inner()?;
        if commit {
            let version = transaction.commit()?;
            *self.lock() = State::Ended(version.map(|version| version.to_string()));
        } else {
            transaction.rollback();
        }
        Ok(())
    }

    fn with<R>(&self, what: impl FnOnce(&mut koru_delta::Transaction) -> Result<R>) -> Result<R> {
        match &mut *self.lock() {
            State::Open(transaction) => what(transaction.get_mut()?),
            _ => Err(not_open()),
        }
    }
}

fn not_open() -> Error {
    Error::new(ErrorCode::Closed, "the transaction is not open: use it within its `with`")
}

impl Transaction {
    pub(crate) fn new(handle: Shared, info: CommitInfo) -> Transaction {
        Transaction(Arc::new(Shell { state: Mutex::new(State::New(info)), handle }))
    }
}

#[pymethods]
impl Transaction {
    /// A collection, as this transaction sees it.
    fn collection(&self, name: Text) -> TransactionCollection {
        TransactionCollection { transaction: self.0.clone(), name: name.to_string() }
    }

    /// The version of the commit that it became; `None` before, and if it wrote nothing.
    #[getter]
    fn version(&self, py: Python<'_>) -> Option<String> {
        match &*self.0.state.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner) {
            State::Ended(version) => version.clone(),
            _ => None,
        }
    }

    fn __enter__<'py>(slf: PyRef<'py, Self>, py: Python<'py>) -> PyResult<PyRef<'py, Self>> {
        let shell = slf.0.clone();
        call(py, || shell.begin())?;
        Ok(slf)
    }

    #[pyo3(signature = (kind, _value, _traceback))]
    fn __exit__(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        _value: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let commit = kind.is_none();
        match call(py, || self.0.end(commit)) {
            // An exception is on its way already.
            Err(_) if !commit => Ok(()),
            ended => ended,
        }
    }
}

/// One collection within a transaction: it sees the transaction's own writes.
#[pyclass(frozen, module = "koru_delta")]
pub(crate) struct TransactionCollection {
    transaction: Arc<Shell>,
    /// Its name.
    #[pyo3(get)]
    name: String,
}

#[pymethods]
impl TransactionCollection {
    /// The value of a document as the transaction sees it; `default` if it is not there.
    #[pyo3(signature = (key, default=None))]
    fn get<'py>(
        &self,
        py: Python<'py>,
        key: Text,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match call(py, || self.transaction.with(|tx| tx.get(&self.name, &key)))? {
            Some(document) => decode::object(py, &document).map(Some),
            None => Ok(default),
        }
    }

    fn __contains__(&self, py: Python<'_>, key: Text) -> PyResult<bool> {
        Ok(call(py, || self.transaction.with(|tx| tx.get(&self.name, &key)))?.is_some())
    }

    /// Writes a document when the transaction commits. The value is taken as it is now. See `Collection.put`.
    #[pyo3(signature = (key, value, *, vector=None, vectors=None, expected=Wanted(Expected::Any), expires_at=None),
           text_signature = "($self, key, value, *, vector=None, vectors=None, expected=None, expires_at=None)")]
    #[allow(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn put(
        &self,
        py: Python<'_>,
        key: Text,
        value: &Bound<'_, PyAny>,
        vector: Option<&Bound<'_, PyAny>>,
        vectors: Option<&Bound<'_, PyAny>>,
        expected: Wanted,
        expires_at: Option<Expiry>,
    ) -> PyResult<()> {
        let value = encode(py, &self.name, &key, value, &vectors::of_document(vector, vectors)?)?;
        let expires_at = expires_at.map(|at| at.0);
        call(py, || self.transaction.with(|tx| tx.put_encoded(&self.name, &key, value, expected.0, expires_at)))
    }

    /// Writes many documents when the transaction commits. Their values are taken as they are now; if one cannot be stored,
    /// none of them is written. See `Collection.put_many`.
    #[pyo3(signature = (documents, *, key=None, vectors=None))]
    fn put_many(
        &self,
        py: Python<'_>,
        documents: &Bound<'_, PyAny>,
        key: Option<Text>,
        vectors: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let (mut matrices, mut encoded) = (Matrices::of(vectors)?, Vec::new());
        each_pair(documents, key.as_deref(), |key, value| {
            if encoded.len() == limits::COMMIT_CHANGES_MAX {
                let what = format!("more than {} documents do not fit into a transaction", limits::COMMIT_CHANGES_MAX);
                return Err(raise(py, &Error::new(ErrorCode::LimitExceeded, what)));
            }
            let vectors = matrices.next(py, key)?;
            encoded.push((key.to_string(), encode(py, &self.name, key, value, &vectors)?));
            Ok(())
        })?;
        matrices.end(py, encoded.len())?;
        call(py, || {
            self.transaction.with(|tx| {
                let mut put = |(key, value): (String, _)| tx.put_encoded(&self.name, &key, value, Expected::Any, None);
                encoded.into_iter().try_for_each(&mut put)
            })
        })
    }

    /// Deletes a document when the transaction commits; without effect if it is not there.
    #[pyo3(signature = (key, *, expected=Wanted(Expected::Any)), text_signature = "($self, key, *, expected=None)")]
    fn delete(&self, py: Python<'_>, key: Text, expected: Wanted) -> PyResult<()> {
        call(py, || self.transaction.with(|tx| tx.delete_with(&self.name, &key, expected.0)))
    }

    /// The keys of the documents of a range as the transaction sees them, in order; see `Collection.scan` for the range.
    /// They are a list, of at most a million: the transaction may write while it is gone over.
    #[pyo3(signature = (*, prefix=None, from_=None, after=None, to=None, before=None, descending=false, limit=None))]
    #[allow(clippy::too_many_arguments, reason = "they are keyword arguments")]
    fn keys<'py>(
        &self,
        py: Python<'py>,
        prefix: Option<Text>,
        from_: Option<Text>,
        after: Option<Text>,
        to: Option<Text>,
        before: Option<Text>,
        descending: bool,
        limit: Option<usize>,
    ) -> PyResult<Bound<'py, PyList>> {
        const KEYS_MAX: usize = 1_000_000;
        let range = Range::new(py, prefix, from_, after, to, before, descending, limit)?;
        let most = range.limit.min(KEYS_MAX + 1);
        let keys = call(py, || self.transaction.with(|tx| tx.keys(&self.name, &range.keys, range.order, most)))?;
        if keys.len() > KEYS_MAX && range.limit > KEYS_MAX {
            return Err(raise(
                py,
                &Error::new(
                    ErrorCode::LimitExceeded,
                    format!(
                        "{} has more than {KEYS_MAX} keys in this range: ask for a limit, and go on after the last",
                        self.name
                    ),
                ),
            ));
        }
        PyList::new(py, keys)
    }

    fn __repr__(&self) -> String {
        format!("TransactionCollection({:?})", self.name)
    }
}
