//! A reader of the file format, written from docs/reference/format.md alone: it shares no code with the engine. Where the
//! two disagree, the page or the engine is wrong. It panics on anything that is not as the page says.

/// Fields in order, each with what it is.
pub(crate) type Notes<'a> = Vec<(&'a [u8], &'static str)>;

/// Bytes that are read from the front, each field noted with what it is.
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
    pub(crate) notes: Notes<'a>,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Fields { rest: bytes, notes: Vec::new() }
    }

    pub(crate) fn bytes(&mut self, count: usize, what: &'static str) -> &'a [u8] {
        let (bytes, rest) = self.rest.split_at(count);
        self.rest = rest;
        self.notes.push((bytes, what));
        bytes
    }

    pub(crate) fn u8(&mut self, what: &'static str) -> u8 {
        self.bytes(1, what)[0]
    }

    pub(crate) fn u16(&mut self, what: &'static str) -> u16 {
        u16::from_le_bytes(self.bytes(2, what).try_into().unwrap())
    }

    pub(crate) fn u32(&mut self, what: &'static str) -> u32 {
        u32::from_le_bytes(self.bytes(4, what).try_into().unwrap())
    }

    pub(crate) fn u64(&mut self, what: &'static str) -> u64 {
        u64::from_le_bytes(self.bytes(8, what).try_into().unwrap())
    }

    pub(crate) fn i64(&mut self, what: &'static str) -> i64 {
        self.u64(what) as i64
    }

    pub(crate) fn array<const N: usize>(&mut self, what: &'static str) -> [u8; N] {
        self.bytes(N, what).try_into().unwrap()
    }

    pub(crate) fn varint(&mut self, what: &'static str) -> u64 {
        let length = self.rest.iter().position(|byte| byte & 0x80 == 0).unwrap() + 1;
        let bytes = self.bytes(length, what);
        bytes.iter().rev().fold(0, |number, byte| number << 7 | u64::from(byte & 0x7f))
    }

    /// A signed number of postcard: zigzag.
    pub(crate) fn zigzag(&mut self, what: &'static str) -> i64 {
        let number = self.varint(what);
        (number >> 1) as i64 ^ -((number & 1) as i64)
    }

    pub(crate) fn text(&mut self, what: &'static str) -> &'a str {
        let before = self.rest;
        let length = self.varint(what) as usize;
        let text = std::str::from_utf8(self.bytes(length, what)).unwrap();
        self.join(before, 2);
        text
    }

    /// Notes the last `count` fields as one.
    fn join(&mut self, before: &'a [u8], count: usize) {
        let what = self.notes[self.notes.len() - 1].1;
        self.notes.truncate(self.notes.len() - count);
        self.notes.push((&before[..before.len() - self.rest.len()], what));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }
}

pub(crate) fn crc(parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

fn crc_from(start: u32, parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(start);
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// The place that a root slot or a manifest names.
#[derive(Debug, PartialEq)]
pub(crate) struct Place {
    pub(crate) segment: u32,
    pub(crate) offset: u64,
    pub(crate) sequence: u64,
    pub(crate) chain: [u8; 32],
}

#[derive(Debug)]
pub(crate) struct Root {
    pub(crate) database: [u8; 16],
    pub(crate) generation: u64,
    pub(crate) manifest: u32,
    pub(crate) manifest_crc: u32,
    pub(crate) durable: Place,
}

pub(crate) fn root(file: &[u8]) -> Root {
    let slot = |number: usize| -> Option<Root> {
        let slot = file.get(number * 4096..(number + 1) * 4096)?;
        let mut f = Fields::new(slot);
        if f.bytes(8, "magic") != b"KORUROOT" {
            return None;
        }
        assert_eq!(f.u32("format"), 1);
        let root = Root {
            database: f.array("database"),
            generation: f.u64("generation"),
            manifest: f.u32("manifest"),
            manifest_crc: f.u32("checksum of the manifest"),
            durable: Place { segment: f.u32(""), offset: f.u64(""), sequence: f.u64(""), chain: f.array("") },
        };
        assert_eq!(root.generation % 2, number as u64);
        assert_eq!(f.u32("checksum"), crc(&[&slot[..96]]));
        assert!(f.bytes(3996, "zeros").iter().all(|byte| *byte == 0));
        Some(root)
    };
    [slot(0), slot(1)].into_iter().flatten().max_by_key(|root| root.generation).unwrap()
}

#[derive(Debug)]
pub(crate) struct Manifest {
    pub(crate) actor: [u8; 16],
    pub(crate) created_ms: i64,
    pub(crate) checkpoint: Place,
    pub(crate) actors: Vec<([u8; 16], u64)>,
    pub(crate) segments: Vec<(u64, u64)>,
    pub(crate) tables: Vec<(u32, u64)>,
}

pub(crate) fn manifest(file: &[u8], root: &Root) -> Manifest {
    assert_eq!(crc(&[file]), root.manifest_crc);
    let mut f = Fields::new(file);
    assert_eq!(f.bytes(8, "magic"), b"KORUMANI");
    assert_eq!(f.u32("format"), 1);
    assert_eq!(f.array("database"), root.database);
    let (actor, created_ms) = (f.array("actor"), f.zigzag("created_ms"));
    let checkpoint =
        Place { segment: f.varint("") as u32, offset: f.varint(""), sequence: f.varint(""), chain: f.array("") };
    f.zigzag("clock");
    let actors = (0..f.varint("actors")).map(|_| {
        let state = (f.array("actor"), f.varint("counter"));
        f.bytes(32, "commit id");
        f.zigzag("timestamp");
        state
    });
    let actors = actors.collect();
    let segments = (0..f.varint("segments")).map(|_| (f.varint("number"), f.varint("sequence"))).collect();
    let tables = (0..f.varint("tables")).map(|_| (f.varint("number") as u32, f.varint("bytes"))).collect();
    f.varint("next_file");
    assert!(f.is_empty());
    Manifest { actor, created_ms, checkpoint, actors, segments, tables }
}

/// A commit as the log has it, and what the page says its id is.
#[derive(Debug)]
pub(crate) struct Commit {
    pub(crate) sequence: u64,
    pub(crate) version: ([u8; 16], u64),
    pub(crate) id: [u8; 32],
    pub(crate) frame: Location,
    pub(crate) versions: Vec<Version>,
}

pub(crate) type Location = (u64, u64, u64);

/// A version as it has to stand in the index.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version {
    pub(crate) key: Vec<u8>,
    pub(crate) counter: u64,
    pub(crate) record: Option<Location>,
    pub(crate) expires_at: Option<i64>,
}

/// Reads a packed segment: the segment that it stands for, and how many blocks were and were not compressed.
pub(crate) fn packed(file: &[u8], number: u32, root: &Root) -> (Vec<u8>, [usize; 2]) {
    let salt = [&root.database[..], &number.to_le_bytes()];
    let mut f = Fields::new(file);
    assert_eq!(f.bytes(8, "magic"), b"KORUPACK");
    assert_eq!(f.u32("format"), 1);
    assert_eq!(f.u32("number of the segment"), number);
    assert_eq!(f.array("database id"), root.database);
    let segment_bytes = f.u64("bytes of the segment") as usize;
    let block_bytes = f.u32("bytes of a block") as usize;
    let blocks = segment_bytes.div_ceil(block_bytes);
    assert_eq!(f.u32("checksum of the table"), crc(&[salt[0], salt[1], &file[52..52 + 8 * blocks]]));
    assert_eq!(f.u32("checksum of the header"), crc(&[salt[0], salt[1], &file[..48]]));
    let table: Vec<_> = (0..blocks).map(|_| (f.u32("bytes in the file") as usize, f.u32("checksum"))).collect();
    let (mut segment, mut kinds) = (Vec::new(), [0; 2]);
    for (number, (stored, checksum)) in (0_u32..).zip(table) {
        let bytes = f.bytes(stored, "block");
        assert_eq!(checksum, crc(&[salt[0], salt[1], &number.to_le_bytes(), bytes]));
        let whole = (segment_bytes - segment.len()).min(block_bytes);
        let block = if stored == whole { bytes.to_vec() } else { lz4(bytes) };
        kinds[usize::from(stored == whole)] += 1;
        assert_eq!(block.len(), whole);
        segment.extend_from_slice(&block);
    }
    assert!(f.is_empty());
    (segment, kinds)
}

/// Decompresses a block of LZ4.
fn lz4(bytes: &[u8]) -> Vec<u8> {
    let (mut f, mut out) = (Fields::new(bytes), Vec::new());
    loop {
        let token = usize::from(f.u8("token"));
        let more = |f: &mut Fields<'_>, mut length: usize| {
            let mut last = if length == 15 { 255 } else { 0 };
            while last == 255 {
                last = usize::from(f.u8("length"));
                length += last;
            }
            length
        };
        let literals = more(&mut f, token >> 4);
        out.extend_from_slice(f.bytes(literals, "literals"));
        if f.is_empty() {
            return out;
        }
        let from = out.len() - usize::from(f.u16("distance"));
        for at in from..from + 4 + more(&mut f, token & 15) {
            out.push(out[at]);
        }
    }
}

/// Reads a segment: its commits, what every byte is, and the sequence and chain behind it.
pub(crate) fn segment<'a>(
    file: &'a [u8],
    number: u32,
    root: &Root,
    actor: [u8; 16],
) -> (Vec<Commit>, Notes<'a>, [u8; 32]) {
    let mut f = Fields::new(file);
    assert_eq!(f.bytes(8, "magic"), b"KORULOG\n");
    assert_eq!(f.u32("format"), 1);
    assert_eq!(f.u32("number of the segment"), number);
    assert_eq!(f.array("database id"), root.database);
    let mut sequence = f.u64("sequence before the segment");
    let mut chain: [u8; 32] = f.array("chain before the segment");
    assert_eq!(f.u32("zeros"), 0);
    assert_eq!(f.u32("checksum of the segment's header"), crc(&[&file[..76]]));

    let salt = crc(&[&root.database, &number.to_le_bytes()]);
    let mut commits = Vec::new();
    while !f.is_empty() {
        let offset = file.len() - f.left();
        assert_eq!(offset % 4, 0);
        let start = salt ^ (offset as u32).rotate_left(16);
        let expected = crc_from(start, &[&(offset as u64).to_le_bytes(), &file[offset + 4..offset + 32]]);
        assert_eq!(f.u32("frame: checksum of its header"), expected);
        let body_bytes = f.u32("frame: length of the body") as usize;
        sequence += 1;
        assert_eq!(f.u64("frame: sequence"), sequence);
        assert_eq!(f.bytes(8, "frame: link"), &chain[..8]);
        let body = &file[offset + 32..offset + 32 + body_bytes];
        assert_eq!(f.u32("frame: checksum of the body"), crc(&[body]));
        assert_eq!(f.u8("frame: kind"), 1);
        assert_eq!(f.u8("frame: codec"), 0);
        f.u16("frame: unsynced");
        let body_end = f.left() - body_bytes;
        let commit =
            commit(&mut f, actor, sequence, (number.into(), offset as u64, 32 + body_bytes as u64), file.len());
        assert_eq!(f.left(), body_end, "the records fill the body");
        let padding = (4 - (file.len() - f.left()) % 4) % 4;
        if padding > 0 {
            assert!(f.bytes(padding, "zeros up to a multiple of 4").iter().all(|byte| *byte == 0));
        }
        chain = *blake3::hash(&[chain, commit.id].concat()).as_bytes();
        commits.push(commit);
    }
    (commits, f.notes, chain)
}

fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    write_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

struct Change<'a> {
    collection: &'a str,
    key: &'a str,
    kind: u8,
    parents: Vec<(u64, u64)>,
    expires_at: Option<i64>,
    bytes: Option<u64>,
    hash: Option<[u8; 32]>,
}

/// Reads the body of a commit frame, and writes the canonical header to find the id.
fn commit(f: &mut Fields<'_>, database_actor: [u8; 16], sequence: u64, frame: Location, file_bytes: usize) -> Commit {
    let header_bytes = f.varint("length of the commit's header") as usize;
    let header_end = f.left() - header_bytes;
    assert_eq!(f.u8("format of the commit"), 1);
    let flags = f.u8("flags");
    let own = if flags & 1 != 0 { f.array("actor") } else { database_actor };
    let counter = f.varint("counter");
    let timestamp = f.i64("timestamp");
    let others: Vec<[u8; 16]> = (0..f.varint("number of other actors")).map(|_| f.array("another actor")).collect();
    let reference = |f: &mut Fields<'_>| (f.varint("actor of a reference"), f.varint("counter of a reference"));
    let dependencies: Vec<_> =
        (0..f.varint("number of dependencies")).map(|_| (reference(f), f.array::<32>("commit id"))).collect();
    let author = (flags & 4 != 0).then(|| f.text("author"));
    let message = (flags & 8 != 0).then(|| f.text("message"));
    assert_eq!(flags & !15, 0, "nothing sets a token yet");
    let causes: Vec<_> = (0..f.varint("number of causes"))
        .map(|_| (f.text("collection of a cause"), f.text("key of a cause"), reference(f)))
        .collect();
    let mut collection = "";
    let mut changes: Vec<Change<'_>> = Vec::new();
    for _ in 0..f.varint("number of changes") {
        let named = f.text("collection");
        collection = if named.is_empty() { collection } else { named };
        let key = f.text("key");
        let kind = f.u8("kind of the change");
        let parents = (0..f.varint("number of parents")).map(|_| reference(f)).collect();
        let expires_at = (kind & 2 != 0).then(|| f.i64("expires at"));
        let bytes = (kind & 1 == 0).then(|| f.varint("length of the value"));
        let hash = bytes.filter(|bytes| flags & 2 != 0 || *bytes > 1024).map(|_| f.array("hash of the value"));
        changes.push(Change { collection, key, kind, parents, expires_at, bytes, hash });
    }
    assert_eq!(f.left(), header_end, "the header fills its length");

    let mut versions = Vec::new();
    for change in &mut changes {
        let record = change.bytes.map(|bytes| {
            let at = (file_bytes - f.left()) as u64;
            let checksum = f.u32("record: checksum of the value");
            let value = f.bytes(bytes as usize, "record: the value");
            assert_eq!(checksum, crc(&[value]));
            let hash = *blake3::hash(value).as_bytes();
            assert!(change.hash.is_none_or(|stored| stored == hash));
            change.hash = Some(hash);
            (frame.0, at, bytes + 4)
        });
        let mut key = vec![1];
        key.extend_from_slice(change.collection.as_bytes());
        key.push(0);
        key.extend(change.key.bytes().flat_map(|byte| if byte == 0 { vec![0, 0xff] } else { vec![byte] }));
        key.extend_from_slice(&[0, 0]);
        key.extend_from_slice(&(timestamp ^ i64::MAX).to_be_bytes());
        key.extend(own[..8].iter().map(|byte| !byte));
        versions.push(Version { key, counter, record, expires_at: change.expires_at });
    }

    let mut canonical = vec![1, flags | 1 | 2];
    let out = &mut canonical;
    out.extend_from_slice(&own);
    write_varint(out, counter);
    out.extend_from_slice(&timestamp.to_le_bytes());
    write_varint(out, others.len() as u64);
    others.iter().for_each(|actor| out.extend_from_slice(actor));
    let write_reference = |out: &mut Vec<u8>, (actor, counter): (u64, u64)| {
        write_varint(out, actor);
        write_varint(out, counter);
    };
    write_varint(out, dependencies.len() as u64);
    for (version, id) in dependencies {
        write_reference(out, version);
        out.extend_from_slice(&id);
    }
    author.into_iter().chain(message).for_each(|words| write_text(out, words));
    write_varint(out, causes.len() as u64);
    for (collection, key, version) in causes {
        write_text(out, collection);
        write_text(out, key);
        write_reference(out, version);
    }
    write_varint(out, changes.len() as u64);
    let mut collection = "";
    for change in changes {
        write_text(out, if change.collection == collection { "" } else { change.collection });
        collection = change.collection;
        write_text(out, change.key);
        out.push(change.kind);
        write_varint(out, change.parents.len() as u64);
        change.parents.into_iter().for_each(|parent| write_reference(out, parent));
        out.extend(change.expires_at.into_iter().flat_map(i64::to_le_bytes));
        if let (Some(bytes), Some(hash)) = (change.bytes, change.hash) {
            write_varint(out, bytes);
            out.extend_from_slice(&hash);
        }
    }
    let id = *blake3::hash(&canonical).as_bytes();
    Commit { sequence, version: (own, counter), id, frame, versions }
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

const S: [u64; 4] = [0xa0761d6478bd642f, 0xe7037ed1a0b428db, 0x8ebc6af09c88c6e3, 0x589965cc75374cc3];

fn part_hash(part: &[u8]) -> u64 {
    let halves = |chunk: &[u8]| {
        let mut bytes = [0; 16];
        bytes[..chunk.len()].copy_from_slice(chunk);
        let whole = u128::from_le_bytes(bytes);
        (whole as u64, (whole >> 64) as u64)
    };
    let length = part.len() as u64;
    let whole = part.len() / 16 * 16;
    let state = part[..whole].chunks(16).fold(S[0] ^ length, |state, chunk| {
        let (low, high) = halves(chunk);
        fold(low ^ S[1], high ^ state)
    });
    let (low, high) = halves(&part[whole..]);
    fold(fold(low ^ S[2], high ^ state) ^ S[3], S[0] ^ length)
}

/// A key of the index and its value.
pub(crate) type Entry = (Vec<u8>, Vec<u8>);

/// Reads a table: its entries in order.
pub(crate) fn table(file: &[u8], number: u32, root: &Root) -> Vec<Entry> {
    let salt = [&root.database[..], &number.to_le_bytes()].concat();
    let mut f = Fields::new(file);
    assert_eq!(f.bytes(8, "magic"), b"koru-idx");
    assert_eq!(f.u32("format"), 1);
    assert_eq!(f.u32("number"), number);
    assert_eq!(f.array("database"), root.database);
    assert_eq!(f.u32("checksum"), crc(&[&salt, &file[..32]]));

    let footer = &file[file.len() - 64..];
    let mut f = Fields::new(footer);
    let filter_offset = f.u64("filter offset") as usize;
    let filter_bytes = f.u64("filter bytes") as usize;
    let fences_bytes = f.u64("fences bytes") as usize;
    let count = f.u64("entries") as usize;
    let newest = f.u64("highest timestamp");
    let blocks = f.u32("blocks");
    let filter = &file[filter_offset..filter_offset + filter_bytes];
    let fences = &file[filter_offset + filter_bytes..file.len() - 64];
    assert_eq!(fences.len(), fences_bytes);
    assert_eq!(f.u32("filter checksum"), crc(&[&salt, filter]));
    assert_eq!(f.u32("fences checksum"), crc(&[&salt, fences]));
    assert_eq!(f.bytes(8, "magic"), b"koru-end");
    assert_eq!(f.u32("checksum"), crc(&[&salt, &footer[..60]]));

    let mut f = Fields::new(fences);
    let key = |f: &mut Fields<'_>| {
        let length = f.varint("length") as usize;
        f.bytes(length, "key").to_vec()
    };
    let largest = key(&mut f);
    let (mut entries, mut at): (Vec<Entry>, usize) = (Vec::new(), 36);
    for number in 0..blocks {
        let length = f.varint("length of a block") as usize;
        let fence = key(&mut f);
        let block = block(&file[at..at + length], &[&salt[..], &number.to_le_bytes()].concat());
        assert!(*fence <= *block[0].0 && entries.last().is_none_or(|(last, _)| **last < *fence));
        entries.extend(block);
        at += length;
    }
    assert!(f.is_empty() && at == filter_offset && entries.len() == count);
    assert!(entries.is_sorted_by(|a, b| a.0 < b.0) && entries.last().unwrap().0 == largest);
    let versions: Vec<&[u8]> = entries.iter().filter(|(key, _)| key[0] == 1).map(|(key, _)| &**key).collect();
    let stamp = |key: &[u8]| {
        let bits = u64::from_be_bytes(key[key.len() - 16..key.len() - 8].try_into().unwrap());
        (bits ^ i64::MAX as u64) ^ (1 << 63)
    };
    assert_eq!(newest, versions.iter().map(|key| stamp(key)).max().unwrap_or(0));
    for key in versions {
        let hash = part_hash(&key[..key.len() - 16]);
        let line = ((hash >> 32) * (filter.len() as u64 / 64)) >> 32;
        let bits = fold(hash, S[1]);
        for probe in 0..7 {
            let bit = (bits >> (9 * probe)) % 512;
            let byte = filter[(line * 64 + bit / 8) as usize];
            assert_ne!(byte & 1 << (bit % 8), 0, "a document is not in the filter");
        }
    }
    entries
}

fn block(block: &[u8], salt: &[u8]) -> Vec<Entry> {
    let (content, checksum) = block.split_at(block.len() - 4);
    assert_eq!(checksum, crc(&[salt, content]).to_le_bytes());
    let (content, count) = content.split_at(content.len() - 2);
    let count = u16::from_le_bytes(count.try_into().unwrap()) as usize;
    let (content, restarts) = content.split_at(content.len() - 2 * count);
    let restarts = restarts.chunks(2).map(|restart| usize::from(u16::from_le_bytes(restart.try_into().unwrap())));
    let (mut entries, mut starts): (Vec<Entry>, Vec<usize>) = (Vec::new(), Vec::new());
    let mut base = Vec::new();
    let mut f = Fields::new(content);
    while !f.is_empty() {
        starts.push(content.len() - f.left());
        let shared = f.varint("shared") as usize;
        assert!(shared == 0 || entries.len() % 8 != 0);
        let (unshared, tail) = (f.varint("unshared") as usize, f.varint("tail") as usize);
        let value_bytes = f.varint("value length") as usize;
        let mut key = entries.last().map_or(Vec::new(), |(last, _)| last[..shared].to_vec());
        key.extend_from_slice(f.bytes(unshared, "key"));
        key.extend_from_slice(&base[base.len() - tail..]);
        if shared == 0 {
            assert_eq!(tail, 0);
            base.clone_from(&key);
        }
        entries.push((key, f.bytes(value_bytes, "value").to_vec()));
    }
    assert!(restarts.eq(starts.into_iter().step_by(8)));
    entries
}

/// Reads the entry of a version; whether it is marked as conflicted is no fact of the log.
pub(crate) fn version(key: &[u8], value: &[u8]) -> Version {
    let mut f = Fields::new(value);
    let flags = f.u8("flags");
    assert_eq!(flags & !7, 0);
    let counter = f.varint("counter");
    let record = (flags & 1 == 0).then(|| location(&mut f));
    let expires_at = (flags & 2 != 0).then(|| f.i64("expires at"));
    assert!(f.is_empty());
    Version { key: key.to_vec(), counter, record, expires_at }
}

pub(crate) fn location(f: &mut Fields<'_>) -> Location {
    (f.varint("segment"), f.varint("offset"), f.varint("bytes"))
}
