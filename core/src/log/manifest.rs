//! The record of a manifest as bytes: numbers in their shortest form, lists with their length in front. The format is
//! that of postcard, written out: serde's code for it is a download in a module for browsers.
//!
//! Invariant: what is read takes no more memory than its bytes account for.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

use super::{
    Position,
    root::{ActorState, Manifest, SegmentInfo, TableInfo},
};
use crate::{
    clock::Timestamp,
    codec::{cursor::Cursor, varint::write_u64},
    id::{ActorId, CommitId, DatabaseId},
    limits,
};
use alloc::vec::Vec;

/// The fewest bytes of an actor, and of a segment or table, in a list.
const ACTOR_BYTES: usize = 16 + 1 + 32 + 1;
const FILE_BYTES: usize = 2;

/// Zigzag: numbers near zero are short, whatever their sign.
fn write_signed(out: &mut Vec<u8>, number: i64) {
    write_u64(out, ((number << 1) ^ (number >> 63)) as u64);
}

fn signed(input: &mut Cursor<'_>) -> Option<i64> {
    let number = input.varint()?;
    Some((number >> 1) as i64 ^ -((number & 1) as i64))
}

fn short(input: &mut Cursor<'_>) -> Option<u32> {
    input.varint()?.try_into().ok()
}

fn list<T>(
    input: &mut Cursor<'_>,
    max: usize,
    item_bytes: usize,
    mut item: impl FnMut(&mut Cursor<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let count = input.count(max, item_bytes)?;
    let mut items = Vec::with_capacity(count);
    for _ in 0..count {
        items.push(item(input)?);
    }
    Some(items)
}

pub(super) fn encode(manifest: &Manifest, out: &mut Vec<u8>) {
    out.extend_from_slice(&manifest.database.0);
    out.extend_from_slice(&manifest.actor.0);
    write_signed(out, manifest.created_ms);
    write_u64(out, manifest.checkpoint.segment.into());
    write_u64(out, manifest.checkpoint.offset);
    write_u64(out, manifest.checkpoint.sequence);
    out.extend_from_slice(&manifest.checkpoint.chain);
    write_signed(out, manifest.clock.to_bits());
    write_u64(out, manifest.actors.len() as u64);
    for (actor, state) in &manifest.actors {
        out.extend_from_slice(&actor.0);
        write_u64(out, state.counter);
        out.extend_from_slice(&state.id.0);
        write_signed(out, state.timestamp.to_bits());
    }
    write_u64(out, manifest.segments.len() as u64);
    for segment in &manifest.segments {
        write_u64(out, segment.number.into());
        write_u64(out, segment.sequence);
    }
    write_u64(out, manifest.tables.len() as u64);
    for table in &manifest.tables {
        write_u64(out, table.number.into());
        write_u64(out, table.bytes);
    }
    write_u64(out, manifest.next_file.into());
}

pub(super) fn decode(record: &[u8]) -> Option<Manifest> {
    let input = &mut Cursor::new(record);
    let manifest = Manifest {
        database: DatabaseId(input.array()?),
        actor: ActorId(input.array()?),
        created_ms: signed(input)?,
        checkpoint: Position {
            segment: short(input)?,
            offset: input.varint()?,
            sequence: input.varint()?,
            chain: input.array()?,
        },
        clock: Timestamp::from_bits(signed(input)?),
        actors: list(input, limits::ACTORS_MAX, ACTOR_BYTES, |input| {
            let actor = ActorId(input.array()?);
            let (counter, id) = (input.varint()?, CommitId(input.array()?));
            Some((actor, ActorState { counter, id, timestamp: Timestamp::from_bits(signed(input)?) }))
        })?,
        segments: list(input, limits::FILES_MAX, FILE_BYTES, |input| {
            Some(SegmentInfo { number: short(input)?, sequence: input.varint()? })
        })?,
        tables: list(input, limits::FILES_MAX, FILE_BYTES, |input| {
            Some(TableInfo { number: short(input)?, bytes: input.varint()? })
        })?,
        next_file: short(input)?,
    };
    input.is_empty().then_some(manifest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    prop_compose! {
        fn manifests()(
            ids: ([u8; 16], [u8; 16], [u8; 32]),
            numbers: (i64, u32, u64, u64, i64, u32),
            actors in vec(any::<([u8; 16], u64, [u8; 32], i64)>(), 0..4),
            segments in vec(any::<(u32, u64)>(), 0..200),
            tables in vec(any::<(u32, u64)>(), 0..4),
        ) -> Manifest {
            let (created_ms, segment, offset, sequence, clock, next_file) = numbers;
            let state = |(actor, counter, id, time)| {
                (ActorId(actor), ActorState { counter, id: CommitId(id), timestamp: Timestamp::from_bits(time) })
            };
            Manifest {
                database: DatabaseId(ids.0),
                actor: ActorId(ids.1),
                created_ms,
                checkpoint: Position { segment, offset, sequence, chain: ids.2 },
                clock: Timestamp::from_bits(clock),
                actors: actors.into_iter().map(state).collect(),
                segments: segments.into_iter().map(|(number, sequence)| SegmentInfo { number, sequence }).collect(),
                tables: tables.into_iter().map(|(number, bytes)| TableInfo { number, bytes }).collect(),
                next_file,
            }
        }
    }

    proptest! {
        #[test]
        fn a_record_is_that_of_postcard_and_comes_back(manifest in manifests()) {
            let mut record = Vec::new();
            encode(&manifest, &mut record);
            prop_assert_eq!(&record, &postcard::to_allocvec(&manifest).unwrap());
            prop_assert_eq!(decode(&record), Some(manifest));
            for cut in 0..record.len() {
                prop_assert_eq!(decode(&record[..cut]), None);
            }
            record.push(0);
            prop_assert_eq!(decode(&record), None);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode(&bytes);
        }
    }
}
