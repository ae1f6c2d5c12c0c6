//! Objects of Python as values, written straight into the engine's encoding.
//!
//! Exactly what can be read back as the same is taken: `None`, `bool`, `int`, `float`, `str`, `bytes`, `list`, `dict`, what
//! derives from these, tuples (read back as lists), other buffers of bytes, and scalars and arrays of numbers, of numpy and of `array`. Anything
//! else is refused by name, with its place in the document.

use pyo3::{
    buffer::{Element, PyBuffer},
    prelude::*,
    types::{
        PyBool, PyByteArray, PyBytes, PyDict, PyFloat, PyInt, PyList, PyMemoryView, PyString, PyTuple,
        dict::BoundDictIterator,
    },
};
use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeMap, SerializeSeq},
};

/// An object that is to be stored.
pub(crate) struct Object<'a, 'py>(pub(crate) &'a Bound<'py, PyAny>);

impl Serialize for Object<'_, '_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let object = self.0;
        // Most of a document are these, and not of derived types.
        if let Ok(text) = object.cast_exact::<PyString>() {
            string(text, to)
        } else if let Ok(int) = object.cast_exact::<PyInt>() {
            integer(int, to)
        } else if let Ok(float) = object.cast_exact::<PyFloat>() {
            to.serialize_f64(float.value())
        } else if let Ok(dict) = object.cast_exact::<PyDict>() {
            map(dict, to)
        } else if let Ok(list) = object.cast_exact::<PyList>() {
            to_sequence(list.len(), list.iter(), to)
        } else if object.is_none() {
            to.serialize_unit()
        } else if let Ok(bool) = object.cast_exact::<PyBool>() {
            to.serialize_bool(bool.is_true())
        } else {
            derived(object, to)
        }
    }
}

fn derived<S: Serializer>(object: &Bound<'_, PyAny>, to: S) -> Result<S::Ok, S::Error> {
    if let Ok(bytes) = object.cast::<PyBytes>() {
        to.serialize_bytes(bytes.as_bytes())
    } else if let Ok(tuple) = object.cast::<PyTuple>() {
        to_sequence(tuple.len(), tuple.iter(), to)
    } else if let Ok(text) = object.cast::<PyString>() {
        string(text, to)
    } else if let Ok(int) = object.cast::<PyInt>() {
        integer(int, to)
    } else if let Ok(float) = object.cast::<PyFloat>() {
        to.serialize_f64(float.value())
    } else if let Ok(dict) = object.cast::<PyDict>() {
        map(dict, to)
    } else if let Ok(list) = object.cast::<PyList>() {
        to_sequence(list.len(), list.iter(), to)
    } else if let Ok(bytes) = object.cast::<PyByteArray>() {
        to.serialize_bytes(&bytes.to_vec())
    } else if object.is_instance_of::<PyMemoryView>() {
        let bytes = object.call_method0("tobytes").map_err(failed)?;
        to.serialize_bytes(bytes.cast::<PyBytes>().map_err(failed)?.as_bytes())
    } else if let Some(numbers) = Numbers::of(object) {
        numbers.serialize(to)
    } else if is_of_numpy(object) {
        // Scalars become objects of Python by it, arrays lists of such.
        let plain = object.call_method0("tolist").map_err(failed)?;
        if plain.get_type().is(object.get_type()) {
            return Err(refused(object));
        }
        Object(&plain).serialize(to)
    } else {
        Err(refused(object))
    }
}

fn string<S: Serializer>(text: &Bound<'_, PyString>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(text.to_str().map_err(|_| lone_surrogate())?)
}

fn integer<S: Serializer>(int: &Bound<'_, PyInt>, to: S) -> Result<S::Ok, S::Error> {
    match int.extract::<i64>() {
        Ok(int) => to.serialize_i64(int),
        Err(_) => {
            let bits = int.call_method0("bit_length").and_then(|bits| bits.extract::<u64>()).unwrap_or_default();
            // Very large ones have no decimal digits that Python would be willing to compute.
            let what = if bits <= 1024 { int.to_string() } else { format!("an integer of {bits} bits") };
            Err(S::Error::custom(format_args!("{what} is not a value: integers are 64-bit signed")))
        }
    }
}

fn map<S: Serializer>(dict: &Bound<'_, PyDict>, to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(dict.len()))?;
    for entry in Entries::of(dict) {
        let (key, value) = entry.map_err(S::Error::custom)?;
        let Ok(key) = key.cast::<PyString>() else {
            let kind = kind(&key);
            return Err(S::Error::custom(format_args!(
                "the key {key} is of type {kind}: keys of a map are of type str"
            )));
        };
        map.serialize_entry(key.to_str().map_err(|_| lone_surrogate())?, &Object(&value))?;
    }
    map.end()
}

/// The entries of a dict that code of Python may change while they are gone over, as `tolist` of an object does or another
/// thread meanwhile: that is an error, and no panic.
pub(crate) struct Entries<'py> {
    dict: Bound<'py, PyDict>,
    entries: std::iter::Take<BoundDictIterator<'py>>,
    length: usize,
}

impl<'py> Entries<'py> {
    pub(crate) fn of(dict: &Bound<'py, PyDict>) -> Entries<'py> {
        let length = dict.len();
        // One that had as many entries as there were is not asked again, whatever they are now.
        Entries { dict: dict.clone(), entries: dict.iter().take(length), length }
    }
}

impl<'py> Iterator for Entries<'py> {
    type Item = Result<(Bound<'py, PyAny>, Bound<'py, PyAny>), &'static str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.dict.len() != self.length {
            return Some(Err("the dict was changed while it was read"));
        }
        self.entries.next().map(Ok)
    }
}

fn to_sequence<'py, S: Serializer>(
    length: usize,
    items: impl Iterator<Item = Bound<'py, PyAny>>,
    to: S,
) -> Result<S::Ok, S::Error> {
    let mut sequence = to.serialize_seq(Some(length))?;
    for item in items {
        sequence.serialize_element(&Object(&item))?;
    }
    sequence.end()
}

#[cold]
fn lone_surrogate<E: Error>() -> E {
    E::custom("text with a lone surrogate is not UTF-8 and cannot be stored")
}

#[cold]
fn failed<E: Error>(error: impl std::fmt::Display) -> E {
    E::custom(error)
}

fn kind(object: &Bound<'_, PyAny>) -> String {
    let class = object.get_type();
    match (class.module(), class.qualname()) {
        (Ok(module), Ok(name)) if module != "builtins" => format!("{module}.{name}"),
        (_, Ok(name)) => name.to_string(),
        _ => "unknown".into(),
    }
}

fn is_of_numpy(object: &Bound<'_, PyAny>) -> bool {
    is_of(object, "numpy")
}

/// Whether the type of an object comes from a package of this name.
fn is_of(object: &Bound<'_, PyAny>, package: &str) -> bool {
    object
        .get_type()
        .module()
        .is_ok_and(|module| module.to_str().is_ok_and(|name| name.split('.').next() == Some(package)))
}

/// The numbers of an array of one dimension, taken from its memory without an object for each.
#[derive(Serialize)]
#[serde(untagged)]
enum Numbers {
    F64(Vec<f64>),
    F32(Vec<f32>),
    I64(Vec<i64>),
    I32(Vec<i32>),
}

impl Numbers {
    fn of(object: &Bound<'_, PyAny>) -> Option<Numbers> {
        fn copy<T: Element>(object: &Bound<'_, PyAny>) -> Option<Vec<T>> {
            // An array may be of another machine's byte order, which is not looked at below.
            let foreign: &[u8] = if cfg!(target_endian = "little") { b">!" } else { b"<" };
            let buffer = PyBuffer::<T>::get(object).ok()?;
            let native = buffer.format().to_bytes().first().is_none_or(|order| !foreign.contains(order));
            if !native || buffer.dimensions() != 1 {
                return None;
            }
            buffer.to_vec(object.py()).ok()
        }
        if !object.hasattr("__array_interface__").unwrap_or_default() && !is_of(object, "array") {
            return None;
        }
        (copy(object).map(Numbers::F64))
            .or_else(|| copy(object).map(Numbers::F32))
            .or_else(|| copy(object).map(Numbers::I64))
            .or_else(|| copy(object).map(Numbers::I32))
    }
}

/// What is said of an object that is no value.
#[cold]
fn refused<E: Error>(object: &Bound<'_, PyAny>) -> E {
    let kind = kind(object);
    let hint = match kind.as_str() {
        "set" | "frozenset" => ": make it a list, in an order of your choice",
        "datetime.datetime" | "datetime.date" | "datetime.time" => ": store its isoformat(), or a number",
        "decimal.Decimal" | "fractions.Fraction" | "uuid.UUID" => ": store str() of it, or a number",
        "complex" => ": store a list of two floats",
        _ if object.hasattr("__dataclass_fields__").unwrap_or_default() => ": store dataclasses.asdict() of it",
        _ => "",
    };
    E::custom(format_args!(
        "an object of type {kind} is not a value{hint}; values are None, bool, int, float, str, bytes, list, tuple and dict"
    ))
}
