//! Values as tagged JSON: what the JSON of a script stands for, with nothing lost on the way.
//!
//! `tests/vectors/README.md` has the encoding. Two trees are equal if they stand for the same value: an integer never
//! equals a float, and floats are compared by their bits.

use koru_delta::Value;
use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The largest integer that every reader of JSON keeps: 2^53 - 1.
const PLAIN_INT_MAX: i128 = (1 << 53) - 1;

/// Most characters or elements that `$repeat` makes: scripts are read by people and kept in memory.
const REPEAT_MAX: usize = 1 << 20;

/// A value, or something that only looks like one: an integer beyond 64 bits or a float that is not finite.
#[derive(Clone, Debug)]
pub enum Tree {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// A float.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Trees in an order.
    List(Vec<Tree>),
    /// Trees by name.
    Map(BTreeMap<String, Tree>),
}

/// Why JSON could not be read.
#[derive(Debug)]
pub enum Unreadable {
    /// A lone surrogate, which text of this language cannot hold: the language itself refuses the argument.
    NotText(String),
    /// The script is wrong.
    Script(String),
}

/// What earlier steps have saved, by name.
pub type Saved = BTreeMap<String, Tree>;

impl PartialEq for Tree {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Tree::Null, Tree::Null) => true,
            (Tree::Bool(a), Tree::Bool(b)) => a == b,
            (Tree::Int(a), Tree::Int(b)) => a == b,
            (Tree::Float(a), Tree::Float(b)) => a.to_bits() == b.to_bits(),
            (Tree::Text(a), Tree::Text(b)) => a == b,
            (Tree::Bytes(a), Tree::Bytes(b)) => a == b,
            (Tree::List(a), Tree::List(b)) => a == b,
            (Tree::Map(a), Tree::Map(b)) => a == b,
            _ => false,
        }
    }
}

impl Tree {
    /// What a script's JSON stands for.
    pub fn read(json: &Json, saved: &Saved) -> Result<Tree, Unreadable> {
        Ok(match json {
            Json::Null => Tree::Null,
            Json::Bool(v) => Tree::Bool(*v),
            Json::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(int), _) if i128::from(int).abs() <= PLAIN_INT_MAX => Tree::Int(int.into()),
                (None, Some(float)) if float.fract() != 0.0 => Tree::Float(float),
                _ => return wrong(format!("{number} has to be written as $int or $float")),
            },
            Json::String(text) => Tree::Text(text.clone()),
            Json::Array(items) => {
                Tree::List(items.iter().map(|item| Tree::read(item, saved)).collect::<Result<_, _>>()?)
            }
            Json::Object(object) => match object.iter().find(|(key, _)| key.starts_with('$')) {
                Some((tag, content)) if object.len() == 1 => Tree::tagged(tag, content, saved)?,
                Some((key, _)) => return wrong(format!("a map with the key {key:?} has to be written as $map")),
                None => {
                    let entry = |(key, value): (&String, &Json)| Ok((key.clone(), Tree::read(value, saved)?));
                    Tree::Map(object.iter().map(entry).collect::<Result<_, _>>()?)
                }
            },
        })
    }

    fn tagged(tag: &str, content: &Json, saved: &Saved) -> Result<Tree, Unreadable> {
        let bad = || Unreadable::Script(format!("{content} is not what {tag} takes"));
        let text = || content.as_str().ok_or_else(bad);
        Ok(match tag {
            "$int" => Tree::Int(text()?.parse().map_err(|_| bad())?),
            "$float" => Tree::Float(text()?.parse().map_err(|_| bad())?),
            "$bytes" => match serde_json::from_value(json!({"$bytes": content})) {
                Ok(Value::Bytes(bytes)) => Tree::Bytes(bytes),
                _ => return Err(bad()),
            },
            "$utf16" => Tree::Text(utf16(text()?).ok_or_else(bad)?.map_err(Unreadable::NotText)?),
            "$ref" => match saved.get(text()?) {
                Some(tree) => tree.clone(),
                None => return wrong(format!("nothing was saved as {content}")),
            },
            "$repeat" => match content.as_array().map(Vec::as_slice) {
                Some([part, times]) => {
                    let times = times.as_u64().and_then(|n| usize::try_from(n).ok()).ok_or_else(bad)?;
                    match Tree::read(part, saved)? {
                        Tree::Text(part) if part.len() * times <= REPEAT_MAX => Tree::Text(part.repeat(times)),
                        Tree::List(part) if part.len() * times <= REPEAT_MAX => {
                            Tree::List(std::iter::repeat_n(part, times).flatten().collect())
                        }
                        _ => return Err(bad()),
                    }
                }
                _ => return Err(bad()),
            },
            "$map" => {
                let mut map = BTreeMap::new();
                for entry in content.as_array().ok_or_else(bad)? {
                    let [key, value] = entry.as_array().map(Vec::as_slice).unwrap_or_default() else {
                        return Err(bad());
                    };
                    let Tree::Text(key) = Tree::read(key, saved)? else { return Err(bad()) };
                    map.insert(key, Tree::read(value, saved)?);
                }
                Tree::Map(map)
            }
            _ => return wrong(format!("{tag} is not a tag")),
        })
    }

    /// The JSON that stands for it.
    pub fn write(&self) -> Json {
        match self {
            Tree::Null => Json::Null,
            Tree::Bool(v) => json!(v),
            Tree::Int(v) if v.abs() <= PLAIN_INT_MAX => json!(*v as i64),
            Tree::Int(v) => json!({"$int": v.to_string()}),
            Tree::Float(v) if v.is_finite() && v.fract() != 0.0 => json!(v),
            Tree::Float(v) => json!({"$float": format!("{v:?}")}),
            Tree::Text(v) => json!(v),
            Tree::Bytes(v) => serde_json::to_value(Value::Bytes(v.clone())).expect("bytes have a form in JSON"),
            Tree::List(v) => v.iter().map(Tree::write).collect(),
            Tree::Map(v) if v.keys().any(|key| key.starts_with('$')) => {
                json!({"$map": v.iter().map(|(key, value)| json!([key, value.write()])).collect::<Vec<_>>()})
            }
            Tree::Map(v) => v.iter().map(|(key, value)| (key.clone(), value.write())).collect(),
        }
    }

    /// A map with these entries.
    pub fn map<const N: usize>(entries: [(&str, Tree); N]) -> Tree {
        Tree::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }

    /// Adds an entry to a map, if there is something to add.
    pub fn with(mut self, key: &str, value: Option<impl Into<Tree>>) -> Tree {
        if let (Tree::Map(map), Some(value)) = (&mut self, value) {
            map.insert(key.to_owned(), value.into());
        }
        self
    }
}

/// Text of UTF-16 code units in hexadecimal, four digits each. `None` if these are none, an error if it is not text.
fn utf16(digits: &str) -> Option<Result<String, String>> {
    let unit = |at: usize| u16::from_str_radix(digits.get(at..at + 4)?, 16).ok();
    let units = (0..digits.len()).step_by(4).map(unit).collect::<Option<Vec<u16>>>()?;
    Some(String::from_utf16(&units).map_err(|_| format!("the UTF-16 code units {digits} are not text")))
}

fn wrong<T>(what: String) -> Result<T, Unreadable> {
    Err(Unreadable::Script(what))
}

/// As the database takes it. What is no value is handed over as it is, for the database to refuse.
impl Serialize for Tree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Tree::Null => serializer.serialize_unit(),
            Tree::Bool(v) => serializer.serialize_bool(*v),
            Tree::Int(v) => serializer.serialize_i128(*v),
            Tree::Float(v) => serializer.serialize_f64(*v),
            Tree::Text(v) => serializer.serialize_str(v),
            Tree::Bytes(v) => Value::Bytes(v.clone()).serialize(serializer),
            Tree::List(v) => serializer.collect_seq(v),
            Tree::Map(v) => serializer.collect_map(v),
        }
    }
}

impl From<&Value> for Tree {
    fn from(value: &Value) -> Tree {
        match value {
            Value::Null => Tree::Null,
            Value::Bool(v) => Tree::Bool(*v),
            Value::Int(v) => Tree::Int((*v).into()),
            Value::Float(v) => Tree::Float(*v),
            Value::String(v) => Tree::Text(v.to_string()),
            Value::Bytes(v) => Tree::Bytes(v.clone()),
            Value::Array(v) => Tree::List(v.iter().map(Tree::from).collect()),
            Value::Map(v) => Tree::Map(v.iter().map(|(key, value)| (key.to_string(), value.into())).collect()),
        }
    }
}

macro_rules! from {
    ($($kind:ty, $value:ident => $tree:expr;)+) => {
        $(impl From<$kind> for Tree {
            fn from($value: $kind) -> Tree {
                $tree
            }
        })+
    };
}

from! {
    bool, v => Tree::Bool(v);
    i64, v => Tree::Int(v.into());
    u64, v => Tree::Int(v.into());
    u32, v => Tree::Int(v.into());
    &str, v => Tree::Text(v.into());
    String, v => Tree::Text(v);
    koru_delta::VersionId, v => Tree::Text(v.to_string());
    koru_delta::Timestamp, v => Tree::Text(format!("{}+{}", v.millis(), v.logical()));
    Option<koru_delta::VersionId>, v => v.map_or(Tree::Null, Tree::from);
    Vec<Tree>, v => Tree::List(v);
}

impl<T: Into<Tree>> FromIterator<T> for Tree {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Tree {
        Tree::List(items.into_iter().map(Into::into).collect())
    }
}
