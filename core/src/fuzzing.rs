//! The decoders as fuzz targets reach them. Compiled only with the feature `seeded-bugs`, and no part of the interface.
//!
//! Random bytes hardly ever have a right checksum, so `fix_*` put the right ones in: behind a checksum a decoder is as
//! careful as in front of it.

use crate::{
    codec,
    codec::{
        commit::{self, Form, RECORD_OVERHEAD},
        crc,
    },
    error::Result,
    id::{ActorId, DatabaseId},
    index::{
        self,
        builder::TableBuilder,
        cursor::TableCursor,
        layout::{FOOTER_BYTES, HEADER_BYTES as TABLE_HEADER_BYTES},
        table::{Blocks, NoCache, Table},
    },
    log::{
        CHAIN_START, Position, extend,
        frame::{self, FrameHeader, Salt},
        packed::{self, Packer},
        reader,
        recovery::Follower,
        root, segment,
        unpacking::Unpacking,
    },
    storage::{AsyncStorage, FileName, Storage, memory::MemoryStorage},
    value::Value,
};
use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

/// The database that single frames, commits and tables are of.
const DATABASE: DatabaseId = DatabaseId([7; 16]);
/// Its actor.
const ACTOR: ActorId = ActorId([9; 16]);
/// The number of single segments and tables.
const NUMBER: u32 = 1;

/// Files by name.
pub type Files = BTreeMap<FileName, Vec<u8>>;

/// A value from its canonical bytes.
pub fn decode_value(bytes: &[u8]) -> Result<Value> {
    codec::value::decode(bytes)
}

/// The canonical bytes of a value.
pub fn encode_value(value: &Value) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    codec::value::encode(value, &mut bytes)?;
    Ok(bytes)
}

/// Decodes the header of a commit and encodes it again.
pub fn recode_commit(bytes: &[u8]) -> Result<Vec<u8>> {
    let header = commit::decode(bytes, ACTOR)?;
    let _ = header.record_offsets();
    let mut out = Vec::new();
    header.encode(Form::Stored(ACTOR), &mut out);
    Ok(out)
}

/// Decodes the header of a frame and encodes it again; `None` for bytes that are none.
pub fn recode_frame(bytes: &[u8], offset: u64) -> Option<[u8; 32]> {
    let salt = Salt::new(DATABASE, NUMBER);
    let header = FrameHeader::decode(bytes, salt, offset)?;
    let _ = (header.frame_bytes(), header.durable_sequence());
    Some(header.encode(salt, offset))
}

/// Follows the frames of a segment to their end, and returns how many there are.
pub fn read_segment(bytes: Vec<u8>) -> Result<u64> {
    let name = FileName::Segment(NUMBER);
    segment::SegmentHeader::decode(&bytes, DATABASE, NUMBER)?;
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::from_files([(name, bytes)]));
    crate::database::ready(async {
        let begin = Position { segment: NUMBER, offset: segment::HEADER_BYTES, sequence: 0, chain: CHAIN_START };
        let mut follower = Follower::new(DATABASE, ACTOR, begin);
        while follower.next(&storage, &mut |replayed| check_values(&replayed.commit)).await? {}
        Ok(follower.position.sequence)
    })
}

fn check_values(commit: &reader::OpenedCommit<'_>) -> Result<()> {
    let (offsets, _) = commit.header.record_offsets();
    for (change, offset) in commit.header.changes.iter().zip(offsets) {
        if let Some(value) = commit.value(offset, change.value_bytes)? {
            let _ = codec::value::decode(value);
        }
    }
    Ok(())
}

/// Opens a table, walks over it in every way there is, verifies it, and returns its entries.
pub fn read_table(bytes: Vec<u8>) -> Result<u64> {
    let length = bytes.len() as u64;
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::from_files([(FileName::Table(NUMBER), bytes)]));
    crate::database::ready(async {
        let table = Arc::new(Table::open(&storage, NUMBER, DATABASE, length).await?);
        let blocks = Blocks { storage: &storage, cache: &NoCache };
        let walked = walk(&table, blocks).await;
        let verified = table.verify(&storage).await;
        if let (Ok(forward), Ok(entries)) = (&walked, &verified) {
            // What verify accepts is one sorted list, whichever way it is walked.
            assert_eq!(forward, entries, "verify and a walk over the table disagree");
        }
        walked.and(verified)
    })
}

async fn walk<S: AsyncStorage>(table: &Arc<Table>, blocks: Blocks<'_, S>) -> Result<u64> {
    let mut cursor = TableCursor::new(table.clone());
    let mut entries = 0;
    let mut more = cursor.seek(blocks, &[]).await?;
    while more {
        let key = cursor.key().to_vec();
        let mut other = TableCursor::new(table.clone());
        let _ = other.seek(blocks, &key).await;
        let _ = other.seek_back(blocks, &key).await;
        let _ = table.may_contain(&index::filter::Probe::new(index::filter::filter_hash(&key)));
        entries += 1;
        more = cursor.next(blocks).await?;
    }
    Ok(entries)
}

/// A table of these entries, which ascend.
pub fn build_table(entries: &[(Vec<u8>, Vec<u8>)]) -> Result<Vec<u8>> {
    let storage = MemoryStorage::new();
    let shared: Arc<dyn Storage> = Arc::new(storage.clone());
    crate::database::ready(async {
        let mut builder = TableBuilder::create(&shared, NUMBER, DATABASE, |key| Some(key)).await?;
        for (key, value) in entries {
            builder.add(&shared, key, value).await?;
        }
        builder.finish(&shared, 0).await.map(drop)
    })?;
    Ok(storage.files().remove(&FileName::Table(NUMBER)).unwrap_or_default())
}

fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    if let Some(place) = at.checked_add(field.len()).and_then(|end| bytes.get_mut(at..end)) {
        place.copy_from_slice(field);
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied()
}

/// Puts right checksums into the header of a frame.
pub fn fix_frame(bytes: &mut [u8], offset: u64) {
    fix_frame_header(bytes, Salt::new(DATABASE, NUMBER), offset, |header| header);
}

fn fix_frame_header(bytes: &mut [u8], salt: Salt, offset: u64, change: impl Fn(FrameHeader) -> FrameHeader) {
    let read = |bytes: &[u8]| {
        Some(FrameHeader {
            body_bytes: u32::from_le_bytes(field(bytes, 4)?),
            sequence: u64::from_le_bytes(field(bytes, 8)?),
            link: field(bytes, 16)?,
            body_checksum: u32::from_le_bytes(field(bytes, 24)?),
            kind: *bytes.get(28)?,
            codec: *bytes.get(29)?,
            unsynced: u16::from_le_bytes(field(bytes, 30)?),
        })
    };
    if let Some(header) = read(bytes) {
        put(bytes, 0, &change(header).encode(salt, offset));
    }
}

/// Puts right checksums, sequences and links into a segment.
pub fn fix_segment(bytes: &mut [u8]) {
    let begin = Position { segment: NUMBER, offset: segment::HEADER_BYTES, sequence: 0, chain: CHAIN_START };
    fix_log(bytes, DATABASE, ACTOR, begin, &mut |_| {});
}

/// The same from a position on, and tells `at` every position between two frames. Returns the last.
fn fix_log(
    bytes: &mut [u8],
    database: DatabaseId,
    actor: ActorId,
    begin: Position,
    at: &mut dyn FnMut(Position),
) -> Position {
    let header =
        segment::SegmentHeader { database, number: begin.segment, sequence: begin.sequence, chain: begin.chain };
    put(bytes, 0, &header.encode());
    let salt = Salt::new(database, begin.segment);
    let mut position = begin;
    loop {
        at(position);
        let start = position.offset as usize;
        let Some(frame) = bytes.get_mut(start..).filter(|rest| rest.iter().take(8).any(|&byte| byte != 0)) else {
            return position;
        };
        let Some(length) = field(frame, 4).map(u32::from_le_bytes) else { return position };
        let Some((head, rest)) = frame.split_at_mut_checked(frame::HEADER_BYTES) else { return position };
        let Some(body) = rest.get_mut(..length as usize) else { return position };
        let kind = FrameHeader {
            body_bytes: length,
            sequence: 1,
            link: [0; 8],
            body_checksum: 0,
            kind: 1,
            codec: 0,
            unsynced: 0,
        };
        let records = reader::open_commit(&kind, body, actor).map(|commit| {
            let lengths = commit.header.changes.iter().map(|c| c.value_bytes);
            (commit.records_at, commit.header.record_offsets().0, lengths.collect::<Vec<_>>())
        });
        if let Ok((records_at, offsets, lengths)) = records {
            for (offset, length) in offsets.into_iter().zip(lengths) {
                let (Some(length), from) = (length, records_at + offset as usize) else { continue };
                let value = from + RECORD_OVERHEAD as usize;
                let checksum = body.get(value..value + length as usize).map(crc::hash).unwrap_or_default();
                put(body, from, &checksum.to_le_bytes());
            }
        }
        let link = frame::link(&position.chain);
        let (sequence, body_checksum) = (position.sequence + 1, crc::hash(body));
        fix_frame_header(head, salt, position.offset, |header| FrameHeader { sequence, link, body_checksum, ..header });
        let id = reader::open_commit(&kind, body, actor).and_then(|mut commit| commit.complete());
        let Ok(id) = id else { return position };
        position.offset += kind.frame_bytes();
        position.sequence = sequence;
        position.chain = extend(&position.chain, &id);
    }
}

/// Puts right checksums into a table.
pub fn fix_table(bytes: &mut [u8]) {
    fix_table_of(bytes, DATABASE, NUMBER);
}

fn fix_table_of(bytes: &mut [u8], database: DatabaseId, number: u32) {
    let salt = crc::file_salt(database, number);
    put(bytes, 0, &index::layout::encode_header(database, number));
    let Some(footer_at) = bytes.len().checked_sub(FOOTER_BYTES) else { return };
    let number_at = |bytes: &[u8], at| field(bytes, footer_at + at).map_or(0, u64::from_le_bytes) as usize;
    let (filter_at, filter, fences) = (number_at(bytes, 0), number_at(bytes, 8), number_at(bytes, 16));
    let part = |bytes: &[u8], at: usize, length: usize| {
        at.checked_add(length).and_then(|end| bytes.get(at..end)).map(|part| crc::salted(salt, part))
    };
    let blocks: Vec<u64> =
        bytes.get(filter_at.saturating_add(filter)..footer_at).map(block_lengths).unwrap_or_default();
    let mut at = TABLE_HEADER_BYTES;
    for (number, length) in blocks.into_iter().enumerate() {
        let Some(end) = at.checked_add(length as usize).filter(|end| *end <= filter_at) else { break };
        let salt = crc::block_salt(salt, number as u32);
        let checksum = end.checked_sub(4).and_then(|last| bytes.get(at..last)).map(|b| crc::salted(salt, b));
        if let Some(checksum) = checksum {
            put(bytes, end - 4, &checksum.to_le_bytes());
        }
        at = end;
    }
    if let (Some(filter_crc), Some(fences_crc)) =
        (part(bytes, filter_at, filter), part(bytes, filter_at.saturating_add(filter), fences))
    {
        put(bytes, footer_at + 44, &filter_crc.to_le_bytes());
        put(bytes, footer_at + 48, &fences_crc.to_le_bytes());
    }
    let checksum = bytes.get(footer_at..footer_at + FOOTER_BYTES - 4).map(|footer| crc::salted(salt, footer));
    put(bytes, footer_at + FOOTER_BYTES - 4, &checksum.unwrap_or_default().to_le_bytes());
}

/// A packed segment of these bytes.
pub fn build_packed(segment: &[u8]) -> Vec<u8> {
    let mut packer = Packer::new(DATABASE, NUMBER, segment.len() as u64);
    let mut blocks = Vec::new();
    packer.pack(segment, &mut blocks);
    [packer.finish(), blocks].concat()
}

/// Reads a packed segment from its begin, and then at places all over it; returns how many bytes it has.
pub fn read_packed(bytes: Vec<u8>) -> Result<u64> {
    const AT_ONCE: usize = 64 << 10;
    /// Where reading ends, whatever the length that a header claims.
    const MOST: u64 = 4 << 20;
    let name = FileName::Segment(NUMBER);
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::from_files([(FileName::Packed(NUMBER), bytes)]));
    let storage = Unpacking::new(storage, DATABASE, 1 << 20);
    crate::database::ready(async {
        let (mut buffer, mut done) = (alloc::vec![0; AT_ONCE], 0);
        while done < MOST {
            match storage.read_at(name, done, &mut buffer).await? {
                0 => break,
                read => done += read as u64,
            }
        }
        for place in 0..32 {
            let (at, bytes) = (done / 32 * place + place * 7, (place * place) as usize + 1);
            let once = storage.read_at(name, at, &mut buffer[..bytes]).await?;
            let read = buffer[..once].to_vec();
            let twice = storage.read_at(name, at, &mut buffer[..bytes]).await?;
            assert_eq!(read, buffer[..twice], "a place that reads differently the second time");
        }
        Ok(done)
    })
}

/// Puts right checksums into a packed segment.
pub fn fix_packed(bytes: &mut [u8]) {
    let file_salt = crc::file_salt(DATABASE, NUMBER);
    put(bytes, 8, &1_u32.to_le_bytes());
    put(bytes, 12, &NUMBER.to_le_bytes());
    put(bytes, 16, &DATABASE.0);
    let length = field(bytes, 32).map_or(0, u64::from_le_bytes);
    let block = field(bytes, 40).map_or(0, u32::from_le_bytes);
    let blocks = if block == 0 { 0 } else { length.div_ceil(block.into()) };
    let begin = packed::HEADER_BYTES;
    let table =
        usize::try_from(blocks).ok().and_then(|blocks| blocks.checked_mul(8)).and_then(|n| n.checked_add(begin));
    if let Some(end) = table.filter(|end| *end <= bytes.len()) {
        let mut at = end;
        for (number, entry) in (begin..end).step_by(8).enumerate() {
            let stored = field(bytes, entry).map_or(0, u32::from_le_bytes) as usize;
            let salt = crc::block_salt(file_salt, number as u32);
            let Some(checksum) = bytes.get(at..at.saturating_add(stored)).map(|b| crc::salted(salt, b)) else { break };
            put(bytes, entry + 4, &checksum.to_le_bytes());
            at += stored;
        }
        let checksum = crc::salted(file_salt, &bytes[begin..end]);
        put(bytes, 44, &checksum.to_le_bytes());
    }
    let checksum = bytes.get(..begin - 4).map_or(0, |header| crc::salted(file_salt, header));
    put(bytes, begin - 4, &checksum.to_le_bytes());
}

/// The lengths of a table's blocks, as its fences have them.
fn block_lengths(fences: &[u8]) -> Vec<u64> {
    let mut input = codec::cursor::Cursor::new(fences);
    let skip = |input: &mut codec::cursor::Cursor<'_>| {
        input.varint().and_then(|n| input.bytes(usize::try_from(n).ok()?)).map(drop)
    };
    let mut lengths = Vec::new();
    if skip(&mut input).is_none() {
        return lengths;
    }
    while let Some(length) = input.varint() {
        lengths.push(length);
        if skip(&mut input).is_none() {
            break;
        }
    }
    lengths
}

/// Puts right checksums, links and lengths into the files of a database, as far as they can be followed.
pub fn fix_files(files: &mut Files) {
    let manifest_number = |files: &Files, slot: usize| {
        let root = files.get(&FileName::Root)?;
        Some((u64::from_le_bytes(field(root, slot + 28)?), u32::from_le_bytes(field(root, slot + 36)?)))
    };
    let newest = [0, root::SLOT_BYTES].into_iter().filter_map(|slot| manifest_number(files, slot)).max();
    let Some((_, number)) = newest else { return };
    let name = FileName::Manifest(number);
    let mut checkpoint = None;
    if let Some(mut manifest) = files.get(&name).and_then(|bytes| root::Manifest::decode(bytes)) {
        let mut position = Position { segment: 1, offset: segment::HEADER_BYTES, sequence: 0, chain: CHAIN_START };
        let wanted = (manifest.checkpoint.segment, manifest.checkpoint.offset);
        while let Some(bytes) = files.get_mut(&FileName::Segment(position.segment)) {
            let end = fix_log(bytes, manifest.database, manifest.actor, position, &mut |at| {
                if (at.segment, at.offset) == wanted {
                    manifest.checkpoint = at;
                }
            });
            position = Position { segment: end.segment + 1, offset: segment::HEADER_BYTES, ..end };
        }
        for table in &mut manifest.tables {
            if let Some(bytes) = files.get_mut(&FileName::Table(table.number)) {
                table.bytes = bytes.len() as u64;
                fix_table_of(bytes, manifest.database, table.number);
            }
        }
        checkpoint = Some((manifest.database, manifest.checkpoint));
        files.insert(name, manifest.encode());
    }
    let checksums: BTreeMap<u32, u32> = (files.iter())
        .filter_map(|(name, bytes)| match name {
            FileName::Manifest(number) => Some((*number, crc::hash(bytes))),
            _ => None,
        })
        .collect();
    for slot in [0, root::SLOT_BYTES] {
        let checksum = manifest_number(files, slot).and_then(|(_, number)| checksums.get(&number));
        let Some(root) = files.get_mut(&FileName::Root) else { return };
        if let Some(checksum) = checksum {
            put(root, slot + 40, &checksum.to_le_bytes());
        }
        if let Some((database, at)) = checkpoint {
            put(root, slot + 12, &database.0);
            put(root, slot + 44, &at.segment.to_le_bytes());
            put(root, slot + 48, &at.offset.to_le_bytes());
            put(root, slot + 56, &at.sequence.to_le_bytes());
            put(root, slot + 64, &at.chain);
        }
        if let Some(fields) = root.get(slot..slot + root::SLOT_FIELDS) {
            let checksum = crc::hash(fields);
            put(root, slot + root::SLOT_FIELDS, &checksum.to_le_bytes());
        }
    }
}

/// The files of a database with one number of its manifest or root at an extreme, and right checksums.
pub fn extremes(files: &Files) -> Vec<(&'static str, Files)> {
    type Change = fn(&mut root::Manifest, &mut root::Root);
    const CHANGES: &[(&str, Change)] = &[
        ("checkpoint offset", |m, _| m.checkpoint.offset = u64::MAX),
        ("checkpoint offset near the end", |m, _| m.checkpoint.offset = i64::MAX as u64),
        ("checkpoint offset within the header", |m, _| m.checkpoint.offset = 3),
        ("checkpoint sequence", |m, _| m.checkpoint.sequence = u64::MAX),
        ("checkpoint sequence near the end", |m, _| m.checkpoint.sequence = u64::MAX - 1),
        ("checkpoint segment", |m, _| {
            m.checkpoint.segment = u32::MAX;
            m.segments.iter_mut().for_each(|s| s.number = u32::MAX);
        }),
        ("segment zero", |m, _| {
            m.checkpoint.segment = 0;
            m.segments.iter_mut().for_each(|s| s.number = 0);
        }),
        ("clock", |m, _| m.clock = crate::Timestamp::MAX),
        ("clock at the begin", |m, _| m.clock = crate::Timestamp::MIN),
        ("created", |m, _| m.created_ms = i64::MIN),
        ("next file", |m, _| m.next_file = u32::MAX),
        ("next file zero", |m, _| m.next_file = 0),
        ("next file near the end", |m, _| m.next_file = u32::MAX - 1),
        ("actor counter", |m, _| m.actors.iter_mut().for_each(|(_, state)| state.counter = u64::MAX)),
        ("actor timestamp", |m, _| m.actors.iter_mut().for_each(|(_, state)| state.timestamp = crate::Timestamp::MAX)),
        ("table length", |m, _| m.tables.iter_mut().for_each(|table| table.bytes = u64::MAX)),
        ("table length zero", |m, _| m.tables.iter_mut().for_each(|table| table.bytes = 0)),
        ("table twice", |m, _| m.tables.extend(m.tables.clone())),
        ("segment sequence", |m, _| m.segments.iter_mut().for_each(|segment| segment.sequence = u64::MAX)),
        ("no tables", |m, _| m.tables.clear()),
        ("no actors", |m, _| m.actors.clear()),
        ("generation", |_, r| r.generation = u64::MAX),
        ("durable sequence", |_, r| r.durable.sequence = u64::MAX),
        ("durable offset", |_, r| r.durable.offset = u64::MAX),
        ("durable segment", |_, r| r.durable.segment = u32::MAX),
    ];
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::from_files(files.clone()));
    let read = async {
        let root = root::Root::read(&storage).await?;
        match root {
            Some(root) => Ok(Some((root::Manifest::read(&storage, &root).await?, root))),
            None => Ok(None),
        }
    };
    let Ok(Some((manifest, root))) = crate::database::ready(read) else { return Vec::new() };
    let changed = |(name, change): &(&'static str, Change)| {
        let (mut manifest, mut root) = (manifest.clone(), root);
        change(&mut manifest, &mut root);
        let bytes = manifest.encode();
        root.manifest_checksum = crc::hash(&bytes);
        let mut files = files.clone();
        files.insert(FileName::Manifest(root.manifest), bytes);
        let slot = root.encode();
        files.insert(FileName::Root, [&slot[..], &slot[..]].concat());
        (*name, files)
    };
    CHANGES.iter().map(changed).collect()
}

/// A session of a new database in memory takes the batches in `bytes`, each with its length in 16 bits in front, and runs
/// what comes of them. Returns whether the database is sound afterwards.
pub fn submit_batches(mut bytes: &[u8], host: impl crate::Host + 'static) -> Result<bool> {
    use crate::database::ready;
    use core::task::{Context, Waker};
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let options = crate::local::LocalOptions::default();
    let database = ready(crate::local::LocalDatabase::open(storage, Arc::new(host), options))?;
    let session = crate::protocol::Session::new(&database);
    let mut tasks = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (batch, rest) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
        bytes = rest;
        let Ok(more) = session.submit(batch) else { break };
        tasks.extend(more);
        // The one that writes for all lets the others run in between.
        for _ in 0..4 {
            tasks.retain_mut(|task| task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
    }
    let verified = ready(database.0.engine.verify(&mut |_, _| core::ops::ControlFlow::Continue(())))?;
    Ok(verified.is_ok())
}
