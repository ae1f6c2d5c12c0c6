//! Vectors as a person types them, and as files have them.

mod npy;

use crate::exit::{Failure, Result};
use koru_delta::{DEFAULT_VECTOR, Value, Vectors, limits};
use npy::Npy;
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::{fs::File, io::Read, path::Path};

/// Most text of a vector that is read: a number of the highest dimension takes some twenty characters.
const TEXT_BYTES_MAX: u64 = 64 * limits::VECTOR_DIMENSION_MAX as u64;

/// The numbers of an array.
pub(crate) fn numbers(value: &Value) -> Result<Vec<f32>, String> {
    let Value::Array(items) = value else { return Err("a vector is an array of numbers".into()) };
    let number = |(at, item): (usize, &Value)| match item {
        Value::Float(float) => Ok(*float as f32),
        Value::Int(int) => Ok(*int as f32),
        _ => Err(format!("number {at} of the vector is no number")),
    };
    items.iter().enumerate().map(number).collect()
}

/// The vectors of an object, by name.
pub(crate) fn named(value: &Value) -> Result<Vectors, String> {
    let Value::Map(fields) = value else { return Err("vectors are an object of arrays, by name".into()) };
    let vector = |(name, value): (_, &Value)| Ok((format!("{name}"), numbers(value)?));
    fields.iter().map(vector).collect()
}

/// What is typed: an array, or an object of arrays by name.
pub(crate) fn typed(text: &str) -> Result<Vectors, String> {
    let value: Value = serde_json::from_str(text).map_err(|e| format!("not JSON: {e}"))?;
    match &value {
        Value::Map(_) => named(&value),
        _ => Ok(Vectors::from(numbers(&value)?)),
    }
}

/// One array, as it is typed.
pub(crate) fn typed_one(text: &str) -> Result<Vectors, String> {
    match typed(text)? {
        vectors if vectors.names().eq([DEFAULT_VECTOR]) => Ok(vectors),
        _ => Err("a vector is an array of numbers".into()),
    }
}

/// The vectors of a file, one after the other: the rows of a .npy file.
pub(crate) struct Rows {
    place: String,
    npy: Npy<Box<dyn Read>>,
}

impl Rows {
    pub(crate) fn open(path: &Path) -> Result<Rows> {
        let place = path.display().to_string();
        let file = File::open(path).map_err(|e| Failure::io(&place, e))?;
        let npy = Npy::read(Box::new(std::io::BufReader::new(file)) as Box<dyn Read>)
            .map_err(|why| Failure::usage(format!("{place}: {why}")))?;
        Ok(Rows { place, npy })
    }

    /// How many are left.
    pub(crate) fn left(&self) -> u64 {
        self.npy.rows
    }

    /// Lets go of those that are left.
    pub(crate) fn give_up(&mut self) {
        self.npy.rows = 0;
    }

    /// The next one, if there is one.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<f32>>> {
        self.npy.next().map_err(|e| Failure::io(&self.place, e))
    }
}

/// One vector of a file: of a .npy file, or an array of JSON.
pub(crate) fn of_file(path: &Path, row: Option<u64>) -> Result<Vec<f32>> {
    let place = path.display().to_string();
    let wrong = |why: String| Failure::usage(format!("{place}: {why}"));
    if path.extension().is_none_or(|ending| !ending.eq_ignore_ascii_case("npy")) {
        if row.is_some() {
            return Err(wrong("only a .npy file has rows".into()));
        }
        let mut text = String::new();
        let file = File::open(path).map_err(|e| Failure::io(&place, e))?;
        file.take(TEXT_BYTES_MAX).read_to_string(&mut text).map_err(|e| Failure::io(&place, e))?;
        let value: Value = serde_json::from_str(&text).map_err(|e| wrong(format!("not JSON: {e}")))?;
        return numbers(&value).map_err(wrong);
    }
    let mut rows = Rows::open(path)?;
    let count = rows.left();
    let row = match row {
        Some(row) if row < count => row,
        Some(row) => return Err(wrong(format!("there is no row {row}: it has {count}, counted from 0"))),
        None if count == 1 => 0,
        None => return Err(wrong(format!("which of the {count} rows? Name it with --row, counted from 0"))),
    };
    for _ in 0..row {
        rows.next()?;
    }
    rows.next()?.ok_or_else(|| wrong("it has no rows".into()))
}

/// Vectors as JSON. Numbers are written so that they are read as the same ones, whatever reads them.
pub(crate) struct Json<'a>(pub(crate) &'a Vectors);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, vector) in self.0.iter() {
            map.serialize_entry(name, &vector.iter().map(|&x| f64::from(x)).collect::<Vec<_>>())?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_an_array_and_several_have_names() {
        assert_eq!(typed("[1, 0.5]"), Ok(Vectors::from([1.0, 0.5])));
        let two = typed(r#"{"title": [1], "body": [2, 3]}"#).unwrap();
        assert_eq!(two, Vectors::new().with("title", [1.0]).with("body", [2.0, 3.0]));
        for bad in ["", "1", "[1", "[\"a\"]", "[[1]]", "{\"a\": 1}"] {
            assert!(typed(bad).is_err(), "{bad}");
        }
        assert!(typed_one(r#"{"title": [1]}"#).is_err());
    }

    #[test]
    fn numbers_come_back_from_json() {
        let vectors = Vectors::from([0.1, f32::MIN_POSITIVE, 1.0e17, -0.0, 16_777_217.0]);
        let text = serde_json::to_string(&Json(&vectors)).unwrap();
        let read = typed(&text).unwrap();
        let bits = |v: &Vectors| v.get(DEFAULT_VECTOR).unwrap().iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&read), bits(&vectors));
    }
}
