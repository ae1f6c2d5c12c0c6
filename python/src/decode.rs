//! Stored values as objects of Python, read straight from the engine's encoding.

use crate::error::raise;
use koru_delta::Value;
use pyo3::{
    prelude::*,
    types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString},
};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::{cell::RefCell, fmt};

/// Most elements to reserve room for on the word of a count.
const RESERVE_MAX: usize = 4096;

/// The object for a stored value.
pub(crate) fn object<'py>(py: Python<'py>, document: &koru_delta::Document) -> PyResult<Bound<'py, PyAny>> {
    document.read(Reader(py)).map_err(|e| raise(py, &e))
}

/// The object for a value in memory.
pub(crate) fn value<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(bool) => PyBool::new(py, *bool).to_owned().into_any(),
        Value::Int(int) => PyInt::new(py, *int).into_any(),
        Value::Float(float) => PyFloat::new(py, *float).into_any(),
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        Value::Array(items) => {
            let items = items.iter().map(|item| self::value(py, item)).collect::<PyResult<Vec<_>>>()?;
            PyList::new(py, items)?.into_any()
        }
        Value::Map(map) => {
            let dict = PyDict::new(py);
            for (key, value) in map {
                dict.set_item(name(py, key), self::value(py, value)?)?;
            }
            dict.into_any()
        }
    })
}

#[derive(Clone, Copy)]
struct Reader<'py>(Python<'py>);

impl<'de, 'py> DeserializeSeed<'de> for Reader<'py> {
    type Value = Bound<'py, PyAny>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, 'py> Visitor<'de> for Reader<'py> {
    type Value = Bound<'py, PyAny>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.0.None().into_bound(self.0))
    }
    fn visit_bool<E>(self, v: bool) -> Result<Self::Value, E> {
        Ok(PyBool::new(self.0, v).to_owned().into_any())
    }
    fn visit_i64<E>(self, v: i64) -> Result<Self::Value, E> {
        Ok(PyInt::new(self.0, v).into_any())
    }
    fn visit_f64<E>(self, v: f64) -> Result<Self::Value, E> {
        Ok(PyFloat::new(self.0, v).into_any())
    }
    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        Ok(PyString::new(self.0, v).into_any())
    }
    fn visit_bytes<E>(self, v: &[u8]) -> Result<Self::Value, E> {
        Ok(PyBytes::new(self.0, v).into_any())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::with_capacity(elements.size_hint().unwrap_or_default().min(RESERVE_MAX));
        while let Some(item) = elements.next_element_seed(self)? {
            items.push(item);
        }
        Ok(PyList::new(self.0, items).map_err(A::Error::custom)?.into_any())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let dict = PyDict::new(self.0);
        while let Some(key) = entries.next_key_seed(Name(self.0))? {
            let value = entries.next_value_seed(self)?;
            dict.set_item(key, value).map_err(A::Error::custom)?;
        }
        Ok(dict.into_any())
    }
}

/// The key of a map.
struct Name<'py>(Python<'py>);

impl<'de, 'py> DeserializeSeed<'de> for Name<'py> {
    type Value = Bound<'py, PyString>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'py> Visitor<'_> for Name<'py> {
    type Value = Bound<'py, PyString>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }
    fn visit_str<E>(self, v: &str) -> Result<Self::Value, E> {
        Ok(name(self.0, v))
    }
}

/// Names of fields that are remembered, a power of two.
const NAMES: usize = 512;
/// Longer ones are seldom names of fields.
const NAME_BYTES_MAX: usize = 32;

thread_local! {
    /// Documents of a collection have the same few names over and over. To find one again costs less than to make it, and
    /// it has its hash already.
    static REMEMBERED: RefCell<Vec<Option<Py<PyString>>>> = const { RefCell::new(Vec::new()) };
}

/// The string for the name of a field.
fn name<'py>(py: Python<'py>, text: &str) -> Bound<'py, PyString> {
    if text.len() > NAME_BYTES_MAX {
        return PyString::new(py, text);
    }
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let at = (hash ^ hash >> 32) as usize % NAMES;
    REMEMBERED.with_borrow_mut(|names| {
        if names.is_empty() {
            names.resize_with(NAMES, || None);
        }
        match &mut names[at] {
            Some(kept) if kept.bind(py).to_str().is_ok_and(|kept| kept == text) => kept.bind(py).clone(),
            place => {
                let new = PyString::new(py, text);
                *place = Some(new.clone().unbind());
                new
            }
        }
    })
}
