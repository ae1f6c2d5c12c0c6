//! A serde serializer that writes canonical bytes, without a [`Value`](crate::value::Value) in between.
//!
//! The number of elements stands in front of them and keys have to ascend, but serde promises neither: a count that
//! turns out different is corrected when the container ends, and entries that came in another order are moved then.

use super::{SHORT_COUNT_MAX, SHORT_STRING_MAX, decode, exact_f32, tag};
use crate::{
    codec::varint,
    error::ErrorCode,
    limits::{VALUE_BYTES_MAX, VALUE_DEPTH_MAX, VALUE_ITEMS_MAX},
    value::{BYTES, Failure, Value, not_finite, not_i64},
};
use alloc::{format, string::String, string::ToString, vec::Vec};
use core::ops::Range;
use serde::{
    Serialize, Serializer,
    ser::{
        SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
        SerializeTupleVariant,
    },
};

type Outcome = Result<(), Failure>;

/// Entries of a map to reserve room for at once. More grow as they come.
const RESERVE_MAX: usize = 64;

/// Appends the canonical encoding of `value` to `out`. On failure `out` is as it was.
///
/// # Errors
/// As [`to_value`](super::to_value).
pub(crate) fn encode<T: Serialize + ?Sized>(value: &T, out: &mut Vec<u8>) -> crate::Result<()> {
    let base = out.len();
    let mut encoder = Encoder { out, base, depth: 0, items: 0, text: true, entries: Vec::new() };
    if let Err(failure) = value.serialize(&mut encoder) {
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
    /// Elements and entries of containers that are closed.
    items: usize,
    /// What types that have a form for people are told. Off inside of our own bytes, which have none here.
    text: bool,
    /// Entries of the maps that are open, outer ones first.
    entries: Vec<Entry>,
}

/// Where an entry of an open map stands, from the value's beginning: 32 bits, since a value is far smaller.
#[derive(Clone, Copy)]
struct Entry {
    start: u32,
    end: u32,
}

impl Encoder<'_> {
    /// Fails if `more` bytes do not fit any more. Every value passes here before it is written.
    fn room(&self, more: usize) -> Outcome {
        if more > VALUE_BYTES_MAX - (self.out.len() - self.base).min(VALUE_BYTES_MAX) {
            return Err(Failure::new(
                ErrorCode::LimitExceeded,
                format!("the value takes more than {VALUE_BYTES_MAX} bytes, the most that one may take"),
            ));
        }
        Ok(())
    }

    fn byte(&mut self, byte: u8) -> Outcome {
        self.room(1)?;
        self.out.push(byte);
        Ok(())
    }

    fn long(&mut self, tag: u8, bytes: &[u8]) -> Outcome {
        self.room(bytes.len().saturating_add(1 + varint::BYTES_MAX))?;
        self.out.push(tag);
        varint::write_u64(self.out, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn int(&mut self, int: i64) -> Outcome {
        self.room(9)?;
        let (tag, number) =
            if int < 0 { (tag::NEGATIVE, (!int).cast_unsigned()) } else { (tag::POSITIVE, int.cast_unsigned()) };
        if int >= 0 && number <= u64::from(tag::INT_MAX) {
            self.out.push(number as u8);
            return Ok(());
        }
        let bytes = (u64::BITS - number.leading_zeros()).div_ceil(8).max(1);
        self.out.push(tag + (bytes - 1) as u8);
        self.out.extend_from_slice(&number.to_le_bytes()[..bytes as usize]);
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
        self.room(9)?;
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
        if text.len() > SHORT_STRING_MAX {
            return self.long(tag::LONG_STRING, text.as_bytes());
        }
        self.room(1 + text.len())?;
        self.out.push(tag::STRING + text.len() as u8);
        self.out.extend_from_slice(text.as_bytes());
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
        self.room(1 + varint::BYTES_MAX)?;
        self.depth += 1;
        let start = self.out.len();
        kind.write(self.out, count);
        Ok(Header { kind, start, body: self.out.len(), count })
    }

    /// Ends a container that has `count` elements.
    fn close(&mut self, header: &Header, count: usize) -> Outcome {
        self.depth -= 1;
        self.items += count;
        if self.items > VALUE_ITEMS_MAX {
            return Err(Failure::new(
                ErrorCode::LimitExceeded,
                format!("the value has more than {VALUE_ITEMS_MAX} elements and entries, the most that one may have"),
            ));
        }
        if count != header.count {
            let mut right = Vec::with_capacity(1 + varint::BYTES_MAX);
            header.kind.write(&mut right, count);
            self.out.splice(header.start..header.body, right);
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

impl<'e, 'o> Serializer for &'e mut Encoder<'o> {
    type Ok = ();
    type Error = Failure;
    type SerializeSeq = Elements<'e, 'o>;
    type SerializeTuple = Elements<'e, 'o>;
    type SerializeTupleStruct = Elements<'e, 'o>;
    type SerializeTupleVariant = Elements<'e, 'o>;
    type SerializeMap = Entries<'e, 'o>;
    type SerializeStruct = Entries<'e, 'o>;
    type SerializeStructVariant = Entries<'e, 'o>;

    fn is_human_readable(&self) -> bool {
        self.text
    }

    fn serialize_bool(self, v: bool) -> Outcome {
        self.byte(if v { tag::TRUE } else { tag::FALSE })
    }
    fn serialize_i8(self, v: i8) -> Outcome {
        self.int(v.into())
    }
    fn serialize_i16(self, v: i16) -> Outcome {
        self.int(v.into())
    }
    fn serialize_i32(self, v: i32) -> Outcome {
        self.int(v.into())
    }
    fn serialize_i64(self, v: i64) -> Outcome {
        self.int(v)
    }
    fn serialize_i128(self, v: i128) -> Outcome {
        self.wide_int(v)
    }
    fn serialize_u8(self, v: u8) -> Outcome {
        self.int(v.into())
    }
    fn serialize_u16(self, v: u16) -> Outcome {
        self.int(v.into())
    }
    fn serialize_u32(self, v: u32) -> Outcome {
        self.int(v.into())
    }
    fn serialize_u64(self, v: u64) -> Outcome {
        self.wide_int(v)
    }
    fn serialize_u128(self, v: u128) -> Outcome {
        self.wide_int(v)
    }
    fn serialize_f32(self, v: f32) -> Outcome {
        self.float(v.into())
    }
    fn serialize_f64(self, v: f64) -> Outcome {
        self.float(v)
    }
    fn serialize_char(self, v: char) -> Outcome {
        self.string(v.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, v: &str) -> Outcome {
        self.string(v)
    }
    fn serialize_bytes(self, v: &[u8]) -> Outcome {
        self.long(tag::BYTES, v)
    }
    fn serialize_none(self) -> Outcome {
        self.byte(tag::NULL)
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Outcome {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Outcome {
        self.byte(tag::NULL)
    }
    fn serialize_unit_struct(self, _: &'static str) -> Outcome {
        self.byte(tag::NULL)
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Outcome {
        self.string(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Outcome {
        if name != BYTES {
            return value.serialize(self);
        }
        self.text = false;
        value.serialize(&mut *self)?;
        self.text = true;
        Ok(())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Outcome {
        self.open_variant(variant)?;
        value.serialize(&mut *self).map_err(|e| e.at(variant))?;
        self.depth -= 1;
        Ok(())
    }

    fn serialize_seq(self, count: Option<usize>) -> Result<Elements<'e, 'o>, Failure> {
        Elements::open(self, count, None)
    }
    fn serialize_tuple(self, count: usize) -> Result<Elements<'e, 'o>, Failure> {
        Elements::open(self, Some(count), None)
    }
    fn serialize_tuple_struct(self, _: &'static str, count: usize) -> Result<Elements<'e, 'o>, Failure> {
        Elements::open(self, Some(count), None)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        count: usize,
    ) -> Result<Elements<'e, 'o>, Failure> {
        Elements::open(self, Some(count), Some(variant))
    }
    fn serialize_map(self, count: Option<usize>) -> Result<Entries<'e, 'o>, Failure> {
        Entries::open(self, count, None)
    }
    fn serialize_struct(self, _: &'static str, count: usize) -> Result<Entries<'e, 'o>, Failure> {
        Entries::open(self, Some(count), None)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        count: usize,
    ) -> Result<Entries<'e, 'o>, Failure> {
        Entries::open(self, Some(count), Some(variant))
    }
}

/// An open array.
struct Elements<'e, 'o> {
    encoder: &'e mut Encoder<'o>,
    header: Header,
    count: usize,
    variant: Option<&'static str>,
}

impl<'e, 'o> Elements<'e, 'o> {
    fn open(
        encoder: &'e mut Encoder<'o>,
        count: Option<usize>,
        variant: Option<&'static str>,
    ) -> Result<Self, Failure> {
        if let Some(variant) = variant {
            encoder.open_variant(variant)?;
        }
        let header = encoder.open(Kind::Array, count.unwrap_or(0))?;
        Ok(Elements { encoder, header, count: 0, variant })
    }

    #[inline]
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
        value.serialize(&mut *self.encoder).map_err(|e| within(e.at(self.count), self.variant))?;
        self.count += 1;
        Ok(())
    }

    fn close(self) -> Outcome {
        self.encoder.close(&self.header, self.count)?;
        self.encoder.depth -= usize::from(self.variant.is_some());
        Ok(())
    }
}

/// An open map.
struct Entries<'e, 'o> {
    encoder: &'e mut Encoder<'o>,
    header: Header,
    /// The place of its first entry in `encoder.entries`.
    first: usize,
    /// Where the entry at work begins and where its key stands.
    start: usize,
    key: Range<usize>,
    sorted: bool,
    variant: Option<&'static str>,
}

impl<'e, 'o> Entries<'e, 'o> {
    fn open(
        encoder: &'e mut Encoder<'o>,
        count: Option<usize>,
        variant: Option<&'static str>,
    ) -> Result<Self, Failure> {
        if let Some(variant) = variant {
            encoder.open_variant(variant)?;
        }
        let count = count.unwrap_or(0);
        let header = encoder.open(Kind::Map, count)?;
        encoder.entries.reserve(count.min(RESERVE_MAX));
        let first = encoder.entries.len();
        Ok(Entries { encoder, header, first, start: 0, key: 0..0, sorted: true, variant })
    }

    #[inline]
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Outcome {
        let start = self.encoder.out.len();
        key.serialize(&mut *self.encoder)
            .and_then(|()| self.encoder.make_key(start))
            .map_err(|e| within(e, self.variant))?;
        self.begin(start);
        Ok(())
    }

    #[inline]
    fn begin(&mut self, start: usize) {
        let key = key_at(self.encoder.out, start);
        if self.encoder.entries.len() > self.first
            && self.encoder.out[self.key.clone()] >= self.encoder.out[key.clone()]
        {
            self.sorted = false;
        }
        (self.start, self.key) = (start, key);
    }

    #[inline]
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
        value.serialize(&mut *self.encoder).map_err(|e| {
            let key = String::from_utf8_lossy(&self.encoder.out[self.key.clone()]);
            within(e.at(key), self.variant)
        })?;
        let from_base = |at: usize| (at - self.encoder.base) as u32;
        let entry = Entry { start: from_base(self.start), end: from_base(self.encoder.out.len()) };
        self.encoder.entries.push(entry);
        Ok(())
    }

    #[inline]
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Outcome {
        let start = self.encoder.out.len();
        self.encoder.write_key(name)?;
        self.begin(start);
        self.value(value)
    }

    fn close(self) -> Outcome {
        let count = if self.sorted {
            self.encoder.entries.len() - self.first
        } else {
            self.encoder.sort(self.first, self.header.body)
        };
        self.encoder.entries.truncate(self.first);
        self.encoder.close(&self.header, count)?;
        self.encoder.depth -= usize::from(self.variant.is_some());
        Ok(())
    }
}

impl Encoder<'_> {
    /// Begins the map of one entry around the content of a variant. The caller ends it by one less of depth.
    fn open_variant(&mut self, variant: &str) -> Outcome {
        self.open(Kind::Map, 1)?;
        self.write_key(variant)
    }

    fn write_key(&mut self, key: &str) -> Outcome {
        self.room(key.len().saturating_add(varint::BYTES_MAX))?;
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
        let start = |entry: &Entry| base + entry.start as usize;
        entries.sort_by(|a, b| out[key_at(out, start(a))].cmp(&out[key_at(out, start(b))]));
        let mut count = 0;
        for (at, entry) in entries.iter().enumerate() {
            let key = key_at(out, start(entry));
            if entries.get(at + 1).is_some_and(|next| out[key_at(out, start(next))] == out[key.clone()]) {
                continue;
            }
            out.extend_from_within(start(entry)..base + entry.end as usize);
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

/// The failure seen from outside of the variant, if it is in one.
#[cold]
fn within(failure: Failure, variant: Option<&'static str>) -> Failure {
    variant.into_iter().fold(failure, Failure::at)
}

macro_rules! containers {
    ($($kind:ident $tr:ident $method:ident $via:ident ($($name:ident: $name_type:ty)?);)+) => {
        $(impl $tr for $kind<'_, '_> {
            type Ok = ();
            type Error = Failure;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: $name_type,)? value: &T) -> Outcome {
                self.$via($($name,)? value)
            }
            fn end(self) -> Outcome {
                self.close()
            }
        })+
    };
}

containers! {
    Elements SerializeSeq serialize_element element ();
    Elements SerializeTuple serialize_element element ();
    Elements SerializeTupleStruct serialize_field element ();
    Elements SerializeTupleVariant serialize_field element ();
    Entries SerializeStruct serialize_field field (name: &'static str);
    Entries SerializeStructVariant serialize_field field (name: &'static str);
}

impl SerializeMap for Entries<'_, '_> {
    type Ok = ();
    type Error = Failure;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Outcome {
        self.key(key)
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
        self.value(value)
    }
    fn end(self) -> Outcome {
        self.close()
    }
}
