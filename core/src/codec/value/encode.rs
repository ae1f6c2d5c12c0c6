//! A serde serializer that writes canonical bytes, without a [`Value`](crate::value::Value) in between.
//!
//! The number of elements stands in front of them and keys have to ascend, but serde promises neither: a count that
//! turns out different is corrected when the container ends, and entries that came in another order are moved then.

mod serializer;

use super::{SHORT_COUNT_MAX, decode, exact_f32, tag, write};
use crate::{
    codec::varint,
    error::ErrorCode,
    limits::{VALUE_BYTES_MAX, VALUE_DEPTH_MAX, VALUE_ITEMS_MAX},
    sort::sort_by,
    value::{Failure, Value, not_finite, not_i64},
};
use alloc::{format, string::ToString, vec::Vec};
use core::ops::Range;
use serde::Serialize;

type Outcome = Result<(), Failure>;

/// Appends the canonical encoding of `value` to `out`. On failure `out` is as it was.
///
/// # Errors
/// As [`to_value`](super::to_value).
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> crate::Result<()> {
    let base = out.len();
    let mut encoder = Encoder { out, base, depth: 0, items: 0, text: true, entries: Vec::new() };
    if let Err(failure) = value.serialize(&mut encoder).and_then(|()| encoder.room(0)) {
        out.truncate(base);
        return Err(failure.into());
    }
    Ok(())
}

struct Encoder<'o> {
    out: &'o mut Vec<u8>,
    /// Where this value begins in `out`.
    base: usize,
    /// Containers that are open.
    depth: usize,
    /// Elements and entries so far.
    items: usize,
    /// What types that have a form for people are told. Off inside of our own bytes, which have none here.
    text: bool,
    /// Entries of the maps that are open, outer ones first.
    entries: Vec<Entry>,
}

/// Where an entry of an open map stands, from the value's beginning: 32 bits, since a value is far smaller.
struct Entry {
    /// See [`prefix`].
    prefix: u64,
    start: u32,
    end: u32,
}

impl Encoder<'_> {
    /// Fails if `more` bytes do not fit any more. Everything passes here before it is written, with the bytes whose number
    /// the caller decides; the few in front of these are counted when the next thing comes, and at the end.
    fn room(&self, more: usize) -> Outcome {
        if (self.out.len() - self.base).saturating_add(more) > VALUE_BYTES_MAX {
            return Err(Failure::new(
                ErrorCode::LimitExceeded,
                format!("the value takes more than {VALUE_BYTES_MAX} bytes, the most that one may take"),
            ));
        }
        Ok(())
    }

    fn byte(&mut self, byte: u8) -> Outcome {
        self.room(0)?;
        self.out.push(byte);
        Ok(())
    }

    fn long(&mut self, tag: u8, bytes: &[u8]) -> Outcome {
        self.room(bytes.len())?;
        write::long(self.out, tag, bytes);
        Ok(())
    }

    fn int(&mut self, int: i64) -> Outcome {
        self.room(0)?;
        write::int(self.out, int);
        Ok(())
    }

    fn wide_int<T: TryInto<i64> + Copy + core::fmt::Display>(&mut self, int: T) -> Outcome {
        match int.try_into() {
            Ok(int) => self.int(int),
            Err(_) => Err(Failure::invalid(not_i64(int))),
        }
    }

    fn float(&mut self, float: f64) -> Outcome {
        if !float.is_finite() {
            return Err(Failure::invalid(not_finite(float)));
        }
        self.room(0)?;
        match exact_f32(float) {
            Some(short) => {
                self.out.push(tag::FLOAT_32);
                self.out.extend_from_slice(&short.to_le_bytes());
            }
            None => {
                self.out.push(tag::FLOAT_64);
                self.out.extend_from_slice(&float.to_le_bytes());
            }
        }
        Ok(())
    }

    fn string(&mut self, text: &str) -> Outcome {
        self.room(text.len())?;
        write::text(self.out, text);
        Ok(())
    }

    /// Begins a container of which the caller thinks that it has `count` elements.
    fn open(&mut self, kind: Kind, count: usize) -> Result<Header, Failure> {
        if self.depth == VALUE_DEPTH_MAX {
            return Err(Failure::new(
                ErrorCode::LimitExceeded,
                format!("nested deeper than {VALUE_DEPTH_MAX} levels of arrays and maps"),
            ));
        }
        self.room(0)?;
        self.depth += 1;
        let start = self.out.len();
        kind.write(self.out, count);
        Ok(Header { kind, start, body: self.out.len(), count })
    }

    /// Ends a container that has `count` elements.
    fn close(&mut self, header: &Header, count: usize) {
        self.depth -= 1;
        if count != header.count {
            let mut right = Vec::with_capacity(1 + varint::BYTES_MAX);
            header.kind.write(&mut right, count);
            self.out.splice(header.start..header.body, right);
        }
    }

    /// Counts one more element or entry.
    #[inline]
    fn item(&mut self) -> Outcome {
        self.items += 1;
        if self.items > VALUE_ITEMS_MAX {
            return Err(Failure::new(
                ErrorCode::LimitExceeded,
                format!("the value has more than {VALUE_ITEMS_MAX} elements and entries, the most that one may have"),
            ));
        }
        Ok(())
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Array,
    Map,
}

impl Kind {
    fn write(self, out: &mut Vec<u8>, count: usize) {
        let (short, long) = match self {
            Kind::Array => (tag::ARRAY, tag::LONG_ARRAY),
            Kind::Map => (tag::MAP, tag::LONG_MAP),
        };
        if count <= SHORT_COUNT_MAX {
            out.push(short + count as u8);
        } else {
            out.push(long);
            varint::write_u64(out, count as u64);
        }
    }
}

/// The beginning of an open container.
struct Header {
    kind: Kind,
    start: usize,
    body: usize,
    /// The count that is written.
    count: usize,
}

impl Encoder<'_> {
    /// Begins the map of one entry around the content of a variant. The caller ends it by one less of depth.
    fn open_variant(&mut self, variant: &str) -> Outcome {
        self.open(Kind::Map, 1)?;
        self.write_key(variant)
    }

    fn write_key(&mut self, key: &str) -> Outcome {
        self.room(key.len())?;
        varint::write_u64(self.out, key.len() as u64);
        self.out.extend_from_slice(key.as_bytes());
        Ok(())
    }

    /// Turns the value that was just written at `start` into a key. This is how a key of any type comes to its text
    /// without a second serializer.
    fn make_key(&mut self, start: usize) -> Outcome {
        match self.out[start] {
            short @ tag::STRING..=tag::STRING_MAX => self.out[start] = short - tag::STRING,
            tag::LONG_STRING => drop(self.out.remove(start)),
            _ => {
                let text = match decode(&self.out[start..]) {
                    Ok(Value::Int(int)) => int.to_string(),
                    Ok(Value::Bool(bool)) => bool.to_string(),
                    other => {
                        let kind = other.as_ref().map_or("this", Value::kind);
                        return Err(Failure::invalid(format!(
                            "{kind} is not a key: keys are strings, integers, booleans or characters"
                        )));
                    }
                };
                self.out.truncate(start);
                self.write_key(&text)?;
            }
        }
        Ok(())
    }

    /// Puts the entries from `first` on, which stand from `body` to the end, in the order of their keys. Of equal keys
    /// the last stays. Returns how many are left.
    fn sort(&mut self, first: usize, body: usize) -> usize {
        let Encoder { out, base, entries, .. } = self;
        let entries = &mut entries[first..];
        let (base, end) = (*base, out.len());
        let key = |out: &[u8], entry: &Entry| key_at(out, base + entry.start as usize);
        let order = |out: &[u8], a: &Entry, b: &Entry| {
            a.prefix.cmp(&b.prefix).then_with(|| out[key(out, a)].cmp(&out[key(out, b)]))
        };
        sort_by(entries, |a, b| order(out, a, b));
        let mut count = 0;
        for (at, entry) in entries.iter().enumerate() {
            if entries.get(at + 1).is_some_and(|next| order(out, entry, next).is_eq()) {
                continue;
            }
            out.extend_from_within(base + entry.start as usize..base + entry.end as usize);
            count += 1;
        }
        out.copy_within(end.., body);
        out.truncate(out.len() - (end - body));
        count
    }
}

/// Where the key of the entry that was written at `start` stands.
#[inline]
fn key_at(out: &[u8], start: usize) -> Range<usize> {
    let mut rest = &out[start..];
    let length = varint::read_u64(&mut rest).unwrap_or(0) as usize;
    let begin = out.len() - rest.len();
    begin..begin + length
}

/// The first bytes of a key as a number, which orders most keys without looking at them again.
#[inline]
fn prefix(key: &[u8]) -> u64 {
    let mut first = [0; 8];
    let length = key.len().min(8);
    first[..length].copy_from_slice(&key[..length]);
    u64::from_be_bytes(first)
}
