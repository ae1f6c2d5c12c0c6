//! Vectors in and out: numbers of Python as f32, and f32 as arrays of numpy, or of `array` where there is no numpy.
//!
//! Taken is what has numbers: an array of numpy, `array` or anything else with a buffer or `__array__` (tensors, series), and
//! sequences. An array is read from its memory, a row at a time, without an object for each number.

use crate::{
    arguments::{Text, kind},
    error::{invalid, raise},
};
use koru_delta::{DEFAULT_VECTOR, Error, ErrorCode, Vectors, limits};
use pyo3::{
    buffer::{Element, PyBuffer},
    exceptions::PyImportError,
    intern,
    prelude::*,
    sync::PyOnceLock,
    types::{
        PyByteArray, PyBytes, PyDict, PyFloat, PyIterator, PyList, PyMapping, PyMemoryView, PySequence, PySlice,
        PyString, PyTuple,
    },
};

/// The numbers of one vector, as an argument.
pub(crate) struct Vector(pub(crate) Vec<f32>);

impl FromPyObject<'_, '_> for Vector {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        numbers(&object, None).map(Vector)
    }
}

/// Numbers that are read at a time: little, so that a large matrix is not in memory twice.
const CHUNK: usize = 64 << 10;

/// An array of numbers.
struct Array<'py> {
    view: Bound<'py, PyMemoryView>,
    shape: Vec<usize>,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    F32,
    F64,
}

impl<'py> Array<'py> {
    /// The array that an object is or stands for; `None` for one that is none.
    fn of(object: &Bound<'py, PyAny>) -> PyResult<Option<Array<'py>>> {
        if object.is_exact_instance_of::<PyList>() || object.is_exact_instance_of::<PyTuple>() {
            return Ok(None);
        }
        let direct = Array::direct(object)?;
        if direct.is_some() || !object.hasattr(intern!(object.py(), "__array__"))? {
            return Ok(direct);
        }
        // Of another type or byte order: numpy copies it into one that is read as it is.
        let numpy = object.py().import("numpy")?;
        let array = numpy.call_method1("asarray", (object,))?;
        let dtype = array.getattr("dtype")?;
        let (class, bytes): (String, usize) =
            (dtype.getattr("kind")?.extract()?, dtype.getattr("itemsize")?.extract()?);
        if !["b", "i", "u", "f"].contains(&&*class) {
            let what = format!("an array of {dtype} has no numbers that a vector could have: real ones are possible");
            return Err(invalid(object.py(), what));
        }
        let wanted = if class == "f" && bytes <= 4 { "f4" } else { "f8" };
        Array::direct(&array.call_method1("astype", (wanted,))?)
    }

    /// The array whose memory can be read.
    fn direct(object: &Bound<'py, PyAny>) -> PyResult<Option<Array<'py>>> {
        fn shape<T: Element>(object: &Bound<'_, PyAny>) -> Option<Vec<usize>> {
            let foreign: &[u8] = if cfg!(target_endian = "little") { b">!" } else { b"<" };
            let buffer = PyBuffer::<T>::get(object).ok()?;
            let native = buffer.format().to_bytes().first().is_none_or(|order| !foreign.contains(order));
            native.then(|| buffer.shape().to_vec())
        }
        let (shape, kind) = match (shape::<f32>(object), shape::<f64>(object)) {
            (Some(shape), _) => (shape, Kind::F32),
            (None, Some(shape)) => (shape, Kind::F64),
            (None, None) => return Ok(None),
        };
        Ok(Some(Array { view: PyMemoryView::from(object)?, shape, kind }))
    }

    /// The numbers of a range of its outermost dimension.
    fn numbers(&self, from: usize, to: usize) -> PyResult<Vec<f32>> {
        let (py, part) = (self.view.py(), self.view.as_any());
        let part = match self.shape.first() {
            Some(&all) if (from, to) == (0, all) => part.clone(),
            _ => part.get_item(PySlice::new(py, from as isize, to as isize, 1))?,
        };
        match self.kind {
            Kind::F32 => PyBuffer::<f32>::get(&part)?.to_vec(py),
            Kind::F64 => Ok(PyBuffer::<f64>::get(&part)?.to_vec(py)?.into_iter().map(|x| x as f32).collect()),
        }
    }
}

fn no_vector(object: &Bound<'_, PyAny>, wanted: &str) -> PyErr {
    let what = match Array::of(object) {
        Ok(Some(array)) => format!("an array of shape {:?}", array.shape),
        _ => match kind(object) {
            Ok(kind) => kind,
            Err(e) => return e,
        },
    };
    invalid(object.py(), format!("expected {wanted}, and got {what}"))
}

/// The numbers of a vector; `name` says of which, in messages.
fn numbers(object: &Bound<'_, PyAny>, name: Option<&str>) -> PyResult<Vec<f32>> {
    const WANTED: &str = "a vector: an array of one dimension or a sequence of numbers";
    let py = object.py();
    if let Some(array) = Array::of(object)? {
        let [length] = *array.shape else { return Err(no_vector(object, WANTED)) };
        // One number more than there may be is enough to be refused.
        return array.numbers(0, length.min(limits::VECTOR_DIMENSION_MAX + 1));
    }
    let text = object.is_instance_of::<PyString>()
        || object.is_instance_of::<PyBytes>()
        || object.is_instance_of::<PyByteArray>();
    if text || object.cast::<PySequence>().is_err() {
        return Err(no_vector(object, WANTED));
    }
    let mut numbers = Vec::new();
    for (at, item) in object.try_iter()?.take(limits::VECTOR_DIMENSION_MAX + 1).enumerate() {
        let item = item?;
        let number = match item.cast_exact::<PyFloat>() {
            Ok(float) => float.value(),
            Err(_) => item.extract::<f64>().map_err(|_| match kind(&item) {
                Ok(kind) => {
                    let of = name.map(|name| format!("vector {name:?}")).unwrap_or("the vector".into());
                    invalid(py, format!("number {at} of {of} is {kind}: it is no number"))
                }
                Err(e) => e,
            })?,
        };
        numbers.push(number as f32);
    }
    Ok(numbers)
}

/// What `vector=` and `vectors=` of one document say.
pub(crate) fn of_document(vector: Option<&Bound<'_, PyAny>>, vectors: Option<&Bound<'_, PyAny>>) -> PyResult<Vectors> {
    let mut all = Vectors::new();
    if let Some(vector) = vector {
        all.insert(DEFAULT_VECTOR, numbers(vector, Some(DEFAULT_VECTOR))?);
    }
    if let Some(named) = vectors {
        let Ok(named) = named.cast::<PyMapping>() else {
            return Err(no_vector(named, "vectors by name, as in {\"title\": [...]}"));
        };
        for entry in named.items()? {
            let (name, numbers_of): (Text, Bound<'_, PyAny>) = entry.extract()?;
            if vector.is_some() && &*name == DEFAULT_VECTOR {
                let what = format!("vector= is the one of the name {DEFAULT_VECTOR:?}, which vectors= has as well");
                return Err(invalid(entry.py(), what));
            }
            all.insert(&*name, numbers(&numbers_of, Some(&name))?);
        }
    }
    Ok(all)
}

/// The rows of a matrix, one after the other.
pub(crate) struct Rows<'py>(Source<'py>);

enum Source<'py> {
    /// With how many of its rows were read, and the numbers of these that were not handed out.
    Array {
        array: Array<'py>,
        rows: usize,
        dimension: usize,
        read: usize,
        numbers: std::vec::IntoIter<f32>,
    },
    Each(Bound<'py, PyIterator>),
}

impl<'py> Rows<'py> {
    pub(crate) fn of(object: &Bound<'py, PyAny>) -> PyResult<Rows<'py>> {
        const WANTED: &str = "a matrix: an array of two dimensions or a sequence of vectors";
        let source = match Array::of(object)? {
            Some(array) => {
                let [rows, dimension] = *array.shape else { return Err(no_vector(object, WANTED)) };
                if dimension > limits::VECTOR_DIMENSION_MAX {
                    let max = limits::VECTOR_DIMENSION_MAX;
                    let what = format!("rows of {dimension} numbers: a vector has at most {max}");
                    return Err(raise(object.py(), &Error::new(ErrorCode::LimitExceeded, what)));
                }
                Source::Array { array, rows, dimension, read: 0, numbers: Vec::new().into_iter() }
            }
            None if object.is_instance_of::<PyString>() || object.is_instance_of::<PyMapping>() => {
                return Err(no_vector(object, WANTED));
            }
            None => Source::Each(object.try_iter().map_err(|_| no_vector(object, WANTED))?),
        };
        Ok(Rows(source))
    }

    /// The next one; within, `None` for a row that is `None`.
    pub(crate) fn next(&mut self, name: &str) -> PyResult<Option<Option<Vec<f32>>>> {
        match &mut self.0 {
            Source::Array { array, rows, dimension, read, numbers } => {
                if numbers.len() == 0 {
                    if read == rows {
                        return Ok(None);
                    }
                    let to = (*read + (CHUNK / (*dimension).max(1)).max(1)).min(*rows);
                    *numbers = array.numbers(*read, to)?.into_iter();
                    *read = if *dimension == 0 { *read + 1 } else { to };
                }
                Ok(Some(Some(numbers.by_ref().take(*dimension).collect())))
            }
            Source::Each(rows) => match rows.next().transpose()? {
                None => Ok(None),
                Some(row) if row.is_none() => Ok(Some(None)),
                Some(row) => numbers(&row, Some(name)).map(|numbers| Some(Some(numbers))),
            },
        }
    }
}

/// The vectors of many documents, in their order: a matrix, or matrices by name.
pub(crate) struct Matrices<'py>(Vec<(String, Rows<'py>)>);

impl<'py> Matrices<'py> {
    pub(crate) fn of(object: Option<&Bound<'py, PyAny>>) -> PyResult<Matrices<'py>> {
        let Some(object) = object else { return Ok(Matrices(Vec::new())) };
        let Ok(named) = object.cast::<PyMapping>() else {
            return Ok(Matrices(vec![(DEFAULT_VECTOR.into(), Rows::of(object)?)]));
        };
        let entries = named.items()?;
        let matrix = |entry: Bound<'py, PyAny>| {
            let (name, matrix): (Text, Bound<'_, PyAny>) = entry.extract()?;
            Ok((name.to_string(), Rows::of(&matrix)?))
        };
        entries.iter().map(matrix).collect::<PyResult<_>>().map(Matrices)
    }

    /// Those of the next document.
    pub(crate) fn next(&mut self, py: Python<'_>, key: &str) -> PyResult<Vectors> {
        let mut vectors = Vectors::new();
        for (name, rows) in &mut self.0 {
            match rows.next(name)? {
                Some(Some(numbers)) => vectors.insert(&**name, numbers),
                Some(None) => {}
                None => {
                    return Err(invalid(py, format!("there is no vector {name:?} for document {key:?}: too few rows")));
                }
            }
        }
        Ok(vectors)
    }

    /// Makes sure that none is left over.
    pub(crate) fn end(&mut self, py: Python<'_>, documents: usize) -> PyResult<()> {
        for (name, rows) in &mut self.0 {
            if rows.next(name)?.is_some() {
                return Err(invalid(py, format!("there are more vectors {name:?} than the {documents} documents")));
            }
        }
        Ok(())
    }
}

/// The array for a vector: of numpy, or of the module `array`. It can be written to, and nobody else sees it.
fn array<'py>(py: Python<'py>, vector: &[f32]) -> PyResult<Bound<'py, PyAny>> {
    /// `numpy.frombuffer`, if there is numpy.
    static FROM_BUFFER: PyOnceLock<Option<Py<PyAny>>> = PyOnceLock::new();
    let from_buffer = FROM_BUFFER.get_or_try_init(py, || match py.import("numpy") {
        Ok(numpy) => numpy.getattr("frombuffer").map(|f| Some(f.unbind())),
        Err(e) if e.is_instance_of::<PyImportError>(py) => Ok(None),
        Err(e) => Err(e),
    })?;
    let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_ne_bytes()).collect();
    let bytes = PyByteArray::new(py, &bytes);
    match from_buffer {
        Some(from_buffer) => from_buffer.bind(py).call1((bytes, "f4")),
        None => py.import("array")?.call_method1("array", ("f", bytes)),
    }
}

/// The dict for named vectors.
pub(crate) fn dict<'py>(py: Python<'py>, vectors: &Vectors) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (name, vector) in vectors.iter() {
        dict.set_item(name, array(py, vector)?)?;
    }
    Ok(dict)
}
