//! The arguments of a call, from canonical values to the words of the engine. What cannot be read is `INVALID_ARGUMENT`
//! and names the argument.

#![deny(clippy::indexing_slicing)]

use crate::{
    CommitInfo, DocumentVersion, Error, Expected, KeyRange, Map, Moment, Order, Result, Timestamp, Value, VersionId,
    codec::{
        self,
        commit::Token,
        value::{Item, Values, Walked},
    },
    error::quoted,
};
use alloc::{format, string::String, vec::Vec};
use core::ops::Bound;

/// Arguments that are still to be taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arguments<'a>(Values<'a>);

/// Where a call reads.
#[derive(Clone, Debug)]
pub(super) enum At {
    Moment(Moment),
    /// A snapshot of the session.
    Snapshot(i64),
}

/// What a write says about itself.
#[derive(Clone, Debug, Default)]
pub(super) struct WriteInfo {
    pub(super) info: CommitInfo,
    pub(super) token: Option<Token>,
    /// The call may have had its effect already, behind this sequence.
    pub(super) after: Option<u64>,
}

pub(super) fn wrong(name: &str, wanted: &str) -> Error {
    Error::invalid(format!("the argument {name}: {wanted} is expected"))
}

impl<'a> Arguments<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Arguments(Values::new(bytes))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Any argument, to be looked at.
    pub(super) fn take(&mut self, name: &str) -> Result<Walked<'a>> {
        match self.0.next() {
            Ok(Some(walked)) => Ok(walked),
            Ok(None) => Err(Error::invalid(format!("the argument {name} is missing"))),
            Err(e) => Err(Error::invalid(format!("the argument {name} cannot be read: {}", e.message()))),
        }
    }

    /// Fails if there is more.
    pub(super) fn end(self) -> Result<()> {
        if self.is_empty() { Ok(()) } else { Err(Error::invalid("there are more arguments than the operation takes")) }
    }

    pub(super) fn text(&mut self, name: &str) -> Result<&'a str> {
        self.text_or_null(name)?.ok_or_else(|| wrong(name, "a string"))
    }

    pub(super) fn text_or_null(&mut self, name: &str) -> Result<Option<&'a str>> {
        match self.take(name)?.item {
            Item::Text(text) => Ok(Some(text)),
            Item::Null => Ok(None),
            _ => Err(wrong(name, "a string")),
        }
    }

    pub(super) fn int_or_null(&mut self, name: &str) -> Result<Option<i64>> {
        match self.take(name)?.item {
            Item::Int(int) => Ok(Some(int)),
            Item::Null => Ok(None),
            _ => Err(wrong(name, "an integer")),
        }
    }

    pub(super) fn int(&mut self, name: &str) -> Result<i64> {
        self.int_or_null(name)?.ok_or_else(|| wrong(name, "an integer"))
    }

    pub(super) fn handle(&mut self) -> Result<i64> {
        self.int("handle")
    }

    pub(super) fn count_or_null(&mut self, name: &str) -> Result<Option<u64>> {
        let count = self.int_or_null(name)?;
        count.map(|count| u64::try_from(count).map_err(|_| wrong(name, "an integer from 0"))).transpose()
    }

    pub(super) fn count(&mut self, name: &str) -> Result<u64> {
        self.count_or_null(name)?.ok_or_else(|| wrong(name, "an integer from 0"))
    }

    pub(super) fn bool(&mut self, name: &str) -> Result<bool> {
        match self.take(name)?.item {
            Item::Bool(value) => Ok(value),
            _ => Err(wrong(name, "a bool")),
        }
    }

    pub(super) fn array(&mut self, name: &str) -> Result<Arguments<'a>> {
        match self.take(name)?.item {
            Item::Array(elements) => Ok(Arguments(elements)),
            _ => Err(wrong(name, "an array")),
        }
    }

    /// Any value, as the bytes that it is stored as.
    pub(super) fn value(&mut self, name: &str) -> Result<&'a [u8]> {
        Ok(self.take(name)?.bytes)
    }

    pub(super) fn version(&mut self, name: &str) -> Result<VersionId> {
        self.text(name)?.parse()
    }

    pub(super) fn version_or_null(&mut self, name: &str) -> Result<Option<VersionId>> {
        self.text_or_null(name)?.map(str::parse).transpose()
    }

    pub(super) fn expected(&mut self) -> Result<Expected> {
        match self.take("expected")?.item {
            Item::Null => Ok(Expected::Any),
            Item::Bool(false) => Ok(Expected::Absent),
            Item::Text(version) => Ok(Expected::Version(version.parse()?)),
            _ => Err(wrong("expected", "null, false or a version")),
        }
    }

    /// A map, or nothing for null.
    fn map_or_null(&mut self, name: &str) -> Result<Option<Map>> {
        let walked = self.take(name)?;
        match walked.item {
            Item::Null => Ok(None),
            Item::Map => match codec::value::decode(walked.bytes)? {
                Value::Map(map) => Ok(Some(map)),
                _ => Err(wrong(name, "a map")),
            },
            _ => Err(wrong(name, "null or a map")),
        }
    }

    pub(super) fn moment(&mut self, name: &str) -> Result<At> {
        let mut ahead = *self;
        if let Item::Int(bits) = ahead.take(name)?.item {
            *self = ahead;
            return Ok(At::Moment(Moment::Time(Timestamp::from_bits(bits))));
        }
        let unclear = || wrong(name, "null, a timestamp, or a map of one of version, commit, tag, snapshot");
        let Some(map) = self.map_or_null(name)? else { return Ok(At::Moment(Moment::Now)) };
        let mut entries = map.iter();
        let moment = match entries.next().map(|(kind, value)| (kind.as_str(), value)) {
            Some(("version", Value::String(version))) => At::Moment(Moment::Version(version.as_str().parse()?)),
            Some(("commit", Value::String(digits))) => At::Moment(Moment::CommitPrefix(digits.as_str().into())),
            Some(("tag", Value::String(tag))) => At::Moment(Moment::Tag(tag.as_str().into())),
            Some(("snapshot", Value::Int(handle))) => At::Snapshot(*handle),
            _ => return Err(unclear()),
        };
        if entries.next().is_some() { Err(unclear()) } else { Ok(moment) }
    }

    /// The moment that ends the arguments: now, where they end without it.
    pub(super) fn last_moment(mut self) -> Result<At> {
        let moment = if self.is_empty() { At::Moment(Moment::Now) } else { self.moment("moment")? };
        self.end()?;
        Ok(moment)
    }

    pub(super) fn range(&mut self) -> Result<(KeyRange, Order)> {
        let (mut range, mut order) = (KeyRange::default(), Order::Ascending);
        let Some(map) = self.map_or_null("range")? else { return Ok((range, order)) };
        for (name, value) in map.iter() {
            let text = || value.as_str().map(String::from).ok_or_else(|| wrong("range", "a map of strings"));
            let set = |bound: &mut Bound<String>, to| match bound {
                Bound::Unbounded => {
                    *bound = to;
                    Ok(())
                }
                _ => Err(wrong("range", "one begin and one end")),
            };
            match name.as_str() {
                "prefix" => range.prefix = text()?,
                "from" => set(&mut range.lower, Bound::Included(text()?))?,
                "after" => set(&mut range.lower, Bound::Excluded(text()?))?,
                "to" => set(&mut range.upper, Bound::Included(text()?))?,
                "before" => set(&mut range.upper, Bound::Excluded(text()?))?,
                "descending" => match value.as_bool() {
                    Some(true) => order = Order::Descending,
                    Some(false) => {}
                    None => return Err(wrong("range.descending", "a bool")),
                },
                other => return Err(Error::invalid(format!("a range has no {}", quoted(other)))),
            }
        }
        Ok((range, order))
    }

    pub(super) fn info(&mut self) -> Result<WriteInfo> {
        let mut write = WriteInfo::default();
        let Some(map) = self.map_or_null("info")? else { return Ok(write) };
        for (name, value) in map.iter() {
            let text = || value.as_str().map(String::from).ok_or_else(|| wrong(name.as_str(), "a string"));
            match name.as_str() {
                "author" => write.info.author = Some(text()?),
                "message" => write.info.message = Some(text()?),
                "causes" => {
                    let causes = value.as_array().ok_or_else(|| wrong("causes", "an array"))?;
                    write.info.causes = causes.iter().map(cause).collect::<Result<_>>()?;
                }
                "token" => write.token = Some(token(value)?),
                "after" => {
                    let after = value.as_i64().and_then(|after| u64::try_from(after).ok());
                    write.after = Some(after.ok_or_else(|| wrong("after", "a sequence"))?);
                }
                other => return Err(Error::invalid(format!("an info has no {}", quoted(other)))),
            }
        }
        Ok(write)
    }

    /// What a transaction has read.
    pub(super) fn reads(&mut self) -> Result<Reads> {
        let mut reads = Reads::default();
        let mut documents = self.array("reads")?;
        while !documents.is_empty() {
            let mut read = documents.array("reads")?;
            let (collection, key) = (read.text("reads.collection")?.into(), read.text("reads.key")?.into());
            reads.documents.push((collection, key, read.version_or_null("reads.version")?));
            read.end()?;
        }
        let mut scans = self.array("scans")?;
        while !scans.is_empty() {
            let mut scan = scans.array("scans")?;
            let collection = scan.text("scans.collection")?.into();
            let (range, order) = scan.range()?;
            let limit = scan.count_or_null("scans.limit")?;
            let mut given = scan.array("scans.rows")?;
            scan.end()?;
            let mut rows = Vec::new();
            while !given.is_empty() {
                let mut row = given.array("scans.rows")?;
                rows.push((row.text("scans.rows.key")?.into(), row.version("scans.rows.version")?));
                row.end()?;
            }
            reads.scans.push(ScanRead { collection, range, order, limit, rows });
        }
        Ok(reads)
    }
}

/// What a transaction has read, to be compared with what is there when it commits.
#[derive(Debug, Default)]
pub(super) struct Reads {
    pub(super) documents: Vec<(String, String, Option<VersionId>)>,
    pub(super) scans: Vec<ScanRead>,
}

#[derive(Debug)]
pub(super) struct ScanRead {
    pub(super) collection: String,
    pub(super) range: KeyRange,
    pub(super) order: Order,
    /// Rows beyond it were not asked for.
    pub(super) limit: Option<u64>,
    pub(super) rows: Vec<(String, VersionId)>,
}

fn cause(value: &Value) -> Result<DocumentVersion> {
    match value.as_array() {
        Some([Value::String(collection), Value::String(key), Value::String(version)]) => Ok(DocumentVersion {
            collection: collection.as_str().into(),
            key: key.as_str().into(),
            version: version.as_str().parse()?,
        }),
        _ => Err(wrong("causes", "an array of [collection, key, version]")),
    }
}

fn token(value: &Value) -> Result<Token> {
    let malformed = || wrong("token", "an array of 16 bytes and an integer from 0");
    match value.as_array() {
        Some([Value::Bytes(client), Value::Int(call)]) => Ok(Token {
            client: client.as_slice().try_into().map_err(|_| malformed())?,
            call: u64::try_from(*call).map_err(|_| malformed())?,
        }),
        _ => Err(malformed()),
    }
}
