//! The index's promises as a whole: it answers like an ordered map, and damage is noticed.

use super::{
    cursor::{Source, TableCursor},
    fences::Fences,
    filter::{Probe, filter_hash},
    memtable::{MemEntry, Memtable},
    merge::MergeCursor,
    merge_job::MergeJob,
    table::{Blocks, NoCache, Table},
    testing::{Bench, DATABASE, Entries, filter_part, ready},
};
use crate::{
    error::{ErrorCode, Result},
    id::DatabaseId,
    limits,
    storage::FileName,
};
use alloc::{sync::Arc, vec, vec::Vec};
use core::ops::Bound;
use proptest::prelude::*;

/// Keys that share much and differ late, and some that are longer than a block.
fn keys() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        20 => proptest::collection::vec(0u8..4, 0..10),
        10 => (0u32..2000).prop_map(|n| [b"document/".as_slice(), &n.to_be_bytes()].concat()),
        1 => (0u8..4, 1000usize..limits::KEY_BYTES_MAX * 2).prop_map(|(last, length)| {
            let mut key = vec![b'k'; length];
            key.push(last);
            key
        }),
    ]
}

fn entries(most: usize) -> impl Strategy<Value = Entries> {
    proptest::collection::btree_map(keys(), proptest::collection::vec(any::<u8>(), 0..30), 1..most)
}

fn first_at_or_after<'m>(model: &'m Entries, key: &[u8]) -> Option<(&'m [u8], &'m [u8])> {
    let mut range = model.range::<[u8], _>((Bound::Included(key), Bound::Unbounded));
    range.next().map(|(key, value)| (&key[..], &value[..]))
}

fn last_before<'m>(model: &'m Entries, key: &[u8]) -> Option<(&'m [u8], &'m [u8])> {
    let mut range = model.range::<[u8], _>((Bound::Unbounded, Bound::Excluded(key)));
    range.next_back().map(|(key, value)| (&key[..], &value[..]))
}

/// Keys to look for: those that are there, their neighbours, and others.
fn targets(model: &Entries, others: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut targets = others.to_vec();
    for key in model.keys() {
        targets.push(key.clone());
        targets.push([key, &[0][..]].concat());
        targets.push(key[..key.len().saturating_sub(1)].to_vec());
    }
    targets.push(vec![255; 3]);
    targets
}

fn check_table(bench: &Bench, table: &Arc<Table>, model: &Entries, others: &[Vec<u8>]) {
    let mut cursor = TableCursor::new(Arc::clone(table));
    let at = |cursor: &TableCursor| cursor.valid().then(|| (cursor.key().to_vec(), cursor.value().to_vec()));
    let owned = |pair: Option<(&[u8], &[u8])>| pair.map(|(key, value)| (key.to_vec(), value.to_vec()));
    for target in targets(model, others) {
        let found = ready(cursor.seek(bench.blocks(), &target)).unwrap();
        assert_eq!(at(&cursor), owned(first_at_or_after(model, &target)));
        assert_eq!(found, cursor.valid());
        if found {
            let key = cursor.key().to_vec();
            ready(cursor.next(bench.blocks())).unwrap();
            let mut after = model.range::<[u8], _>((Bound::Excluded(&key[..]), Bound::Unbounded));
            assert_eq!(at(&cursor), after.next().map(|(key, value)| (key.clone(), value.clone())));
        }
        let found = ready(cursor.seek_back(bench.blocks(), &target)).unwrap();
        assert_eq!(at(&cursor), owned(last_before(model, &target)));
        if found {
            ready(cursor.next(bench.blocks())).unwrap();
            assert_eq!(at(&cursor), owned(first_at_or_after(model, &target)));
        }
    }
    let mut all = Entries::new();
    let mut more = ready(cursor.seek(bench.blocks(), b"")).unwrap();
    while more {
        all.insert(cursor.key().to_vec(), cursor.value().to_vec());
        more = ready(cursor.next(bench.blocks())).unwrap();
    }
    assert_eq!(&all, model);
    assert!(!ready(cursor.next(bench.blocks())).unwrap(), "past the end it stays past the end");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_table_answers_as_an_ordered_map(
        model in entries(600), others in proptest::collection::vec(keys(), 0..20)
    ) {
        let bench = Bench::new();
        let table = bench.write(3, &model);
        check_table(&bench, &table, &model, &others);
        prop_assert_eq!(ready(table.verify(&bench.storage)).unwrap(), model.len() as u64);
        prop_assert_eq!(table.max_stamp(), 80);
        prop_assert_eq!(Some(table.min_key()), model.keys().next().map(|key| &key[..]));
        prop_assert_eq!(Some(table.max_key()), model.keys().next_back().map(|key| &key[..]));
        for part in model.keys().filter_map(|key| filter_part(key)) {
            prop_assert!(table.may_contain(&Probe::new(filter_hash(part))));
        }
    }

    /// Two memtables over three tables, some of whose keys are equal and some of which come after the snapshot.
    #[test]
    fn a_merge_answers_as_the_newest_of_each_key(
        tables in proptest::collection::vec(entries(150), 3),
        recent in proptest::collection::vec((keys(), 1u64..20, any::<u8>()), 0..100),
        others in proptest::collection::vec(keys(), 0..10),
        max_sequence in 1u64..20,
    ) {
        let bench = Bench::new();
        let mut model = Entries::new();
        let mut sources = Vec::new();
        for (number, entries) in tables.iter().enumerate() {
            sources.push(Source::table(bench.write(number as u32, entries)));
            model.extend(entries.clone());
        }
        for half in recent.chunks(recent.len().div_ceil(2).max(1)) {
            let memtable = Arc::new(Memtable::new());
            let mut visible = Entries::new();
            for (key, sequence, value) in half {
                if memtable.get(key).is_none() {
                    let entry = MemEntry { sequence: *sequence, value: (&[*value][..]).into(), payload: None };
                    memtable.insert([((&key[..]).into(), entry, filter_part(key).map(filter_hash))]);
                    if *sequence <= max_sequence {
                        visible.insert(key.clone(), vec![*value]);
                    }
                }
            }
            sources.push(Source::memtable(memtable, max_sequence));
            model.extend(visible);
        }
        sources.reverse();
        let mut cursor = MergeCursor::new(sources);
        let at = |cursor: &MergeCursor| cursor.valid().then(|| (cursor.key().to_vec(), cursor.value().to_vec()));
        let owned = |pair: Option<(&[u8], &[u8])>| pair.map(|(key, value)| (key.to_vec(), value.to_vec()));
        for target in targets(&model, &others) {
            ready(cursor.seek(bench.blocks(), &target)).unwrap();
            prop_assert_eq!(at(&cursor), owned(first_at_or_after(&model, &target)));
            ready(cursor.seek_back(bench.blocks(), &target)).unwrap();
            prop_assert_eq!(at(&cursor), owned(last_before(&model, &target)));
            if cursor.valid() {
                ready(cursor.next(bench.blocks())).unwrap();
                prop_assert_eq!(at(&cursor), owned(first_at_or_after(&model, &target)));
            }
        }
        let mut upwards = Vec::new();
        let mut more = ready(cursor.seek(bench.blocks(), b"")).unwrap();
        while more {
            upwards.extend(at(&cursor));
            more = ready(cursor.next(bench.blocks())).unwrap();
        }
        prop_assert_eq!(&upwards, &model.clone().into_iter().collect::<Vec<_>>());
        let mut bound = vec![255; 3];
        while ready(cursor.seek_back(bench.blocks(), &bound)).unwrap() {
            prop_assert_eq!(at(&cursor), upwards.pop());
            bound = cursor.key().to_vec();
        }
        prop_assert!(upwards.is_empty());
    }

    #[test]
    fn merged_tables_answer_as_the_tables_did(
        tables in proptest::collection::vec(entries(200), 1..5), step in 1usize..150
    ) {
        let bench = Bench::new();
        let old: Vec<_> = tables.iter().enumerate().map(|(number, table)| bench.write(number as u32, table)).collect();
        let mut model = Entries::new();
        tables.iter().for_each(|table| model.extend(table.clone()));
        let mut job = ready(MergeJob::begin(&bench.storage, &old, 9, filter_part)).unwrap();
        let mut steps = 1;
        while !ready(job.step(&bench.storage, step)).unwrap() {
            steps += 1;
        }
        prop_assert_eq!(steps, model.len().div_ceil(step));
        let table = Arc::new(bench.open(9).unwrap());
        prop_assert_eq!(Some(table.info()), job.merged());
        prop_assert_eq!(table.max_stamp(), 76 + tables.len() as u64);
        check_table(&bench, &table, &model, &[]);
        prop_assert_eq!(ready(table.verify(&bench.storage)).unwrap(), model.len() as u64);
    }

    #[test]
    fn random_bytes_are_no_table(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let bench = Bench::new();
        bench.raw.replace(FileName::Table(1), bytes);
        prop_assert!(bench.open(1).is_err_and(|error| error.is(ErrorCode::Corrupt)));
    }
}

proptest! {
    /// As a bug in a writer, or somebody with time, would leave it: bytes are changed and all checksums made right again.
    #[test]
    fn a_damaged_table_with_right_checksums_never_panics(
        place in any::<proptest::sample::Index>(), bytes in proptest::collection::vec(any::<u8>(), 1..9), tail: bool,
    ) {
        use super::layout::{FOOTER_BYTES, Footer, HEADER_BYTES};
        use crate::codec::crc;
        let (bench, model) = small_table();
        let mut file = bench.raw.bytes(FileName::Table(1));
        let (salt, end, file_bytes) = (crc::file_salt(DATABASE, 1), file.len() - FOOTER_BYTES, file.len() as u64);
        let mut footer = Footer::decode(file.last_chunk().unwrap(), salt, file_bytes).unwrap();
        let ends: Vec<usize> = {
            let fences = &file[(footer.filter_offset + footer.filter_bytes) as usize..end];
            let fences = Fences::decode(fences, footer.blocks, HEADER_BYTES as u64, footer.filter_offset).unwrap();
            (0..fences.len()).filter_map(|block| fences.place(block)).map(|(at, length)| at as usize + length).collect()
        };
        // Half of the cases change the filter, the fences or the footer, which are a small part of the file.
        let low = if tail { footer.filter_offset as usize } else { HEADER_BYTES };
        let at = low + place.index(file.len() - low);
        file.iter_mut().skip(at).zip(&bytes).for_each(|(to, from)| *to = *from);

        let mut start = HEADER_BYTES;
        for (block, block_end) in ends.into_iter().enumerate() {
            let crc = crc::salted(crc::block_salt(salt, block as u32), &file[start..block_end - 4]);
            file[block_end - 4..block_end].copy_from_slice(&crc.to_le_bytes());
            start = block_end;
        }
        let fences = (footer.filter_offset + footer.filter_bytes) as usize;
        footer.filter_crc = crc::salted(salt, &file[footer.filter_offset as usize..fences]);
        footer.fences_crc = crc::salted(salt, &file[fences..end]);
        file[end + 44..end + 48].copy_from_slice(&footer.filter_crc.to_le_bytes());
        file[end + 48..end + 52].copy_from_slice(&footer.fences_crc.to_le_bytes());
        let crc = crc::salted(salt, &file[end..end + 60]);
        file[end + 60..].copy_from_slice(&crc.to_le_bytes());
        bench.raw.replace(FileName::Table(1), file);

        let Ok(table) = bench.open(1) else { return Ok(()) };
        let _ = ready(table.verify(&bench.storage));
        let blocks = Blocks { storage: &bench.storage, cache: &NoCache };
        let mut cursor = TableCursor::new(Arc::new(table));
        for key in model.keys().step_by(10) {
            let _ = ready(cursor.seek(blocks, key));
            let _ = ready(cursor.seek_back(blocks, key));
        }
        let mut more = ready(cursor.seek(blocks, b""));
        let mut entries = 0;
        while let Ok(true) = more {
            entries += 1;
            prop_assert!(entries < 10_000, "a scan must end");
            more = ready(cursor.next(blocks));
        }
    }
}

/// About a hundred entries in a few blocks.
fn small_table() -> (Bench, Entries) {
    let bench = Bench::new();
    let model: Entries = (0u32..120)
        .map(|n| ([b"document/".as_slice(), &(n * 7).to_be_bytes(), &[b'x'; 60]].concat(), vec![n as u8; 25]))
        .collect();
    bench.write(1, &model);
    (bench, model)
}

/// Opens table 1 with nothing cached and reads all of it in every way. What is read must be right.
fn read_all(bench: &Bench, bytes: u64, model: &Entries) -> Result<()> {
    let table = Arc::new(ready(Table::open(&bench.storage, 1, DATABASE, bytes))?);
    let blocks = Blocks { storage: &bench.storage, cache: &NoCache };
    for part in model.keys().filter_map(|key| filter_part(key)) {
        assert!(table.may_contain(&Probe::new(filter_hash(part))));
    }
    let mut cursor = TableCursor::new(Arc::clone(&table));
    let mut failed = None;
    for (key, value) in model.iter().step_by(9) {
        match ready(cursor.seek(blocks, key)) {
            Ok(found) => assert!(found && cursor.key() == key && cursor.value() == value),
            Err(error) => failed = Some(error),
        }
    }
    let mut more = ready(cursor.seek(blocks, b""))?;
    let mut expected = model.iter();
    while more {
        assert_eq!(expected.next(), Some((&cursor.key().to_vec(), &cursor.value().to_vec())));
        more = ready(cursor.next(blocks))?;
    }
    assert!(expected.next().is_none());
    assert!(failed.is_none(), "a scan of everything succeeded where a lookup failed");
    assert_eq!(ready(table.verify(&bench.storage))?, model.len() as u64);
    Ok(())
}

#[test]
fn every_flipped_bit_is_noticed_and_none_gives_a_wrong_answer() {
    let (bench, model) = small_table();
    let name = FileName::Table(1);
    let good = bench.raw.bytes(name);
    let bytes = good.len() as u64;
    read_all(&bench, bytes, &model).unwrap();
    let intact = bench.open(1).unwrap();
    for bit in 0..good.len() * 8 {
        let mut bad = good.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        bench.raw.replace(name, bad);
        let error = read_all(&bench, bytes, &model).expect_err("every byte is under a checksum");
        assert!(error.is(ErrorCode::Corrupt), "bit {bit}: {error}");
        assert!(error.message().starts_with("00000001.index at byte "), "{error}");
        let error = ready(intact.verify(&bench.storage)).expect_err("an open table notices when it is verified");
        assert!(error.is(ErrorCode::Corrupt), "bit {bit}: {error}");
    }
}

#[test]
fn a_table_cut_at_any_byte_is_noticed() {
    let (bench, model) = small_table();
    let name = FileName::Table(1);
    let good = bench.raw.bytes(name);
    for length in 0..good.len() {
        bench.raw.replace(name, good[..length].to_vec());
        for claimed in [good.len(), length] {
            let error = read_all(&bench, claimed as u64, &model).expect_err("the footer is the end of the file");
            assert!(error.is(ErrorCode::Corrupt), "{length} of {claimed} bytes: {error}");
        }
    }
}

#[test]
fn blocks_and_tables_in_each_others_place_are_noticed() {
    let (bench, _) = small_table();
    let bytes = bench.raw.bytes(FileName::Table(1));
    bench.raw.replace(FileName::Table(2), bytes.clone());
    assert!(bench.open(2).unwrap_err().is(ErrorCode::Corrupt));
    let foreign = ready(Table::open(&bench.storage, 1, DatabaseId([1; 16]), bytes.len() as u64));
    assert!(foreign.unwrap_err().is(ErrorCode::Corrupt));
}

#[test]
fn a_newer_format_is_not_called_corrupt() {
    let (bench, _) = small_table();
    let mut bytes = bench.raw.bytes(FileName::Table(1));
    bytes[8] = 2;
    let crc = crate::codec::crc::salted(crate::codec::crc::file_salt(DATABASE, 1), &bytes[..32]);
    bytes[32..36].copy_from_slice(&crc.to_le_bytes());
    bench.raw.replace(FileName::Table(1), bytes);
    assert!(bench.open(1).unwrap_err().is(ErrorCode::UnsupportedFormat));
}

#[test]
fn a_table_of_one_entry_and_one_of_huge_keys_work() {
    for length in [0, 1, limits::TABLE_BLOCK_BYTES, limits::KEY_BYTES_MAX * 2, 60_000] {
        let bench = Bench::new();
        let one: Entries = [(vec![7; length], vec![1, 2, 3])].into();
        check_table(&bench, &bench.write(1, &one), &one, &[]);
        let three: Entries = (0..3u8).map(|n| ([&vec![7; length][..], &[n]].concat(), vec![n])).collect();
        check_table(&bench, &bench.write(2, &three), &three, &[]);
    }
}

#[test]
fn keys_out_of_order_and_entries_too_large_are_refused() {
    use super::builder::TableBuilder;
    let bench = Bench::new();
    let storage = &bench.storage;
    let mut builder = ready(TableBuilder::create(storage, 1, DATABASE, filter_part)).unwrap();
    ready(builder.add(storage, b"b", b"")).unwrap();
    for key in [&b"b"[..], b"a", b""] {
        assert!(ready(builder.add(storage, key, b"")).unwrap_err().is(ErrorCode::InvalidArgument));
    }
    let huge = vec![b'c'; limits::TABLE_BLOCK_BYTES_MAX];
    assert!(ready(builder.add(storage, &huge, b"")).unwrap_err().is(ErrorCode::LimitExceeded));
    ready(builder.add(storage, b"c", b"")).unwrap();
    ready(builder.finish(storage, 0)).unwrap();
    assert_eq!(ready(bench.open(1).unwrap().verify(storage)).unwrap(), 2);
    let empty = ready(TableBuilder::create(storage, 2, DATABASE, filter_part)).unwrap();
    assert!(ready(empty.finish(storage, 0)).unwrap_err().is(ErrorCode::InvalidArgument));
}

/// `cargo test --release -p koru-delta index::tests::measure -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, not a check"]
fn measure_lookups_in_a_million_entries() {
    use super::table::Found;
    use std::{hint::black_box, time::Instant};
    let bench = Bench::new();
    let key = |n: u64| {
        [
            b"\0\0\0\x01\0\0\0\x01user:".as_slice(),
            alloc::format!("{n:010}").as_bytes(),
            b"\0\0\x7f\xff\xff\xff\0\0\0\0\0\x01",
        ]
        .concat()
    };
    let start = Instant::now();
    let model: Entries = (0..1_000_000).map(|n| (key(n * 7), vec![n as u8; 14])).collect();
    println!("keys of {} bytes made in {:?}", key(0).len(), start.elapsed());
    let start = Instant::now();
    let table = bench.write(1, &model);
    println!(
        "written and opened in {:?}: {} bytes, {} in memory",
        start.elapsed(),
        table.info().bytes,
        table.memory_bytes()
    );
    let start = Instant::now();
    bench.open(1).unwrap();
    println!("opened in {:?}", start.elapsed());

    let mut cursor = TableCursor::new(Arc::clone(&table));
    for pass in ["cold", "cached"] {
        let start = Instant::now();
        let mut more = ready(cursor.seek(bench.blocks(), b"")).unwrap();
        let mut entries = 0u64;
        while more {
            entries += 1;
            more = ready(cursor.next(bench.blocks())).unwrap();
        }
        println!("{pass} scan: {:.1} ns an entry", start.elapsed().as_nanos() as f64 / entries as f64);
    }

    // Random keys, and the best of many batches: other work on the machine only ever adds.
    let mut found = Found::default();
    for range in [1_000_000u64, 10_000] {
        let picks = (0..1_000_000u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % range);
        let seeks: Vec<Vec<u8>> = picks.map(|n| [&key(n * 7)[..23], b"\0\0"].concat()).collect();
        let mut best = [f64::MAX; 2];
        for batch in seeks.chunks(10_000).cycle().take(300) {
            let start = Instant::now();
            for seek in batch {
                black_box(table.may_contain(&Probe::new(filter_hash(&seek[..23]))));
            }
            best[0] = best[0].min(start.elapsed().as_nanos() as f64 / batch.len() as f64);
            let start = Instant::now();
            for seek in batch {
                ready(table.find_first(bench.blocks(), seek, &mut found)).unwrap();
                assert!(found.key().starts_with(&seek[..23]) && found.value().len() == 14);
            }
            best[1] = best[1].min(start.elapsed().as_nanos() as f64 / batch.len() as f64);
        }
        println!("among {range} keys: filter {:.0} ns, lookup {:.0} ns", best[0], best[1]);
    }
}
