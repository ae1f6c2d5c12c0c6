//! The serde face of the encoder: what each type of serde becomes, and the containers that are open.

use super::{Encoder, Entry, Header, Kind, Outcome, key_at, prefix};
use crate::{
    codec::value::tag,
    value::{BYTES, Failure},
};
use core::ops::Range;
use serde::{
    Serialize, Serializer,
    ser::{
        SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
        SerializeTupleVariant,
    },
};

/// Entries of a map to reserve room for at once. More grow as they come.
const RESERVE_MAX: usize = 64;

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
pub(super) struct Elements<'e, 'o> {
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
        self.encoder.item()
    }

    fn close(self) -> Outcome {
        self.encoder.close(&self.header, self.count);
        self.encoder.depth -= usize::from(self.variant.is_some());
        Ok(())
    }
}

/// An open map.
pub(super) struct Entries<'e, 'o> {
    encoder: &'e mut Encoder<'o>,
    header: Header,
    /// The place of its first entry in `encoder.entries`.
    first: usize,
    /// Where the entry at work begins and where its key stands.
    start: usize,
    key: Range<usize>,
    prefix: u64,
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
        Ok(Entries { encoder, header, first, start: 0, key: 0..0, prefix: 0, sorted: true, variant })
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
        let out = &*self.encoder.out;
        let key = key_at(out, start);
        let prefix = prefix(&out[key.clone()]);
        if self.encoder.entries.len() > self.first {
            let order = self.prefix.cmp(&prefix).then_with(|| out[self.key.clone()].cmp(&out[key.clone()]));
            self.sorted &= order.is_lt();
        }
        (self.start, self.key, self.prefix) = (start, key, prefix);
    }

    #[inline]
    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Outcome {
        value.serialize(&mut *self.encoder).map_err(|e| {
            let key = core::str::from_utf8(&self.encoder.out[self.key.clone()]).unwrap_or_default();
            within(e.at(key), self.variant)
        })?;
        let from_base = |at: usize| (at - self.encoder.base) as u32;
        let end = from_base(self.encoder.out.len());
        self.encoder.entries.push(Entry { prefix: self.prefix, start: from_base(self.start), end });
        self.encoder.item()
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
        self.encoder.close(&self.header, count);
        self.encoder.depth -= usize::from(self.variant.is_some());
        Ok(())
    }
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
