use super::*;
use crate::value::tests::values;
use alloc::{format, string::String, vec};
use proptest::prelude::*;

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// A diff in a line per change: `path before -> after`, `-` for nothing.
fn lines(before: &str, after: &str) -> Vec<String> {
    let text = |value: &Option<Value>| value.as_ref().map_or("-".into(), |v| serde_json::to_string(v).unwrap());
    let changes = diff(Some(&json(before)), Some(&json(after)));
    changes.iter().map(|c| format!("{} {} -> {}", c.path, text(&c.before), text(&c.after))).collect()
}

/// Two values of which the second came from the first by a few edits, or is another altogether.
fn pairs() -> impl Strategy<Value = (Value, Value)> {
    let edited = (values(), prop::collection::vec((any::<u64>(), values()), 1..4)).prop_map(|(before, edits)| {
        let mut after = before.clone();
        edits.into_iter().for_each(|(seed, value)| edit(&mut after, seed, value));
        (before, after)
    });
    prop_oneof![4 => edited, 1 => (values(), values())]
}

fn edit(place: &mut Value, seed: u64, new: Value) {
    let (choice, seed) = (seed % 4, seed / 4);
    match place {
        Value::Array(items) if choice < 3 && !items.is_empty() => {
            let at = (seed % items.len() as u64) as usize;
            match choice {
                0 => drop(items.remove(at)),
                1 => items.insert(at, new),
                _ => edit(&mut items[at], seed / 7, new),
            }
        }
        Value::Map(map) if choice < 3 && !map.is_empty() => {
            let key = map.keys().nth((seed % map.len() as u64) as usize).unwrap().clone();
            match choice {
                0 => drop(map.remove(&key)),
                1 => drop(map.insert(format!("{key}+"), new)),
                _ => edit(map.get_mut(&key).unwrap(), seed / 7, new),
            }
        }
        place => *place = new,
    }
}

/// Length of the longest common subsequence, the slow and plain way.
fn longest_common(a: &[u8], b: &[u8]) -> usize {
    let mut row = vec![0; b.len() + 1];
    for x in a {
        let mut diagonal = 0;
        for (at, y) in b.iter().enumerate() {
            let above = row[at + 1];
            row[at + 1] = if x == y { diagonal + 1 } else { row[at].max(above) };
            diagonal = above;
        }
    }
    row[b.len()]
}

proptest! {
    #[test]
    fn a_diff_leads_from_one_value_to_the_other((a, b) in pairs()) {
        for (before, after) in [(Some(&a), Some(&b)), (Some(&b), Some(&a)), (None, Some(&a)), (Some(&a), None), (None, None)] {
            let changes = diff(before, after);
            let applied = apply(before, &changes).unwrap();
            prop_assert_eq!(applied.as_ref(), after);
            prop_assert_eq!(changes.is_empty(), before == after);
            prop_assert!(changes.iter().all(|change| change.before != change.after));
        }
    }

    #[test]
    fn a_diff_that_is_cut_short_still_leads_there(
        (a, b) in pairs(), changes_max in 1..5usize, steps in 0..30usize
    ) {
        let mut differ = Differ { changes: Vec::new(), changes_max, steps, path: Vec::new() };
        differ.values(&a, &b);
        prop_assert!(differ.changes.len() <= changes_max);
        prop_assert_eq!(apply(Some(&a), &differ.changes).unwrap(), Some(b));
    }

    #[test]
    fn an_edit_script_keeps_as_much_as_is_possible(
        a in prop::collection::vec(0..4u8, 0..40), b in prop::collection::vec(0..4u8, 0..40)
    ) {
        let (before, after): (Vec<Value>, Vec<Value>) =
            (a.iter().map(|&x| x.into()).collect(), b.iter().map(|&x| x.into()).collect());
        let mut steps = usize::MAX;
        let removed: usize = script::hunks(&before, &after, &mut steps).iter().map(|hunk| hunk.removed.len()).sum();
        prop_assert_eq!(a.len() - removed, longest_common(&a, &b));
    }

    #[test]
    fn changes_of_another_value_are_a_conflict_or_fit((a, b) in pairs(), other in values()) {
        if let Err(error) = apply(Some(&other), &diff(Some(&a), Some(&b))) {
            prop_assert!(error.is(crate::ErrorCode::Conflict), "{}", error);
        }
    }
}

#[test]
fn changes_are_listed_by_path_in_order() {
    assert_eq!(
        lines(r#"{"b": 1, "a": {"x": 1, "y": null}, "z/~": 0}"#, r#"{"a": {"x": 1.0, "w": true}, "b": 1, "z/~": [0]}"#),
        ["/a/w - -> true", "/a/x 1 -> 1.0", "/a/y null -> -", "/z~1~0 0 -> [0]"]
    );
}

#[test]
fn elements_that_stay_are_not_listed() {
    assert_eq!(lines("[1,2,3,4,5]", "[0,1,2,4,5,6]"), ["/0 - -> 0", "/3 3 -> -", "/5 - -> 6"]);
    assert_eq!(lines("[1,2,3,4]", "[1,4]"), ["/1 2 -> -", "/1 3 -> -"]);
}

#[test]
fn an_element_that_is_replaced_by_one_of_its_kind_is_compared_within() {
    assert_eq!(
        lines(r#"[{"id": 1, "n": "a"}, {"id": 2}, 7]"#, r#"[{"id": 0}, {"id": 1, "n": "b"}, {"id": 2}, 8]"#),
        [r#"/0/id 1 -> 0"#, r#"/0/n "a" -> -"#, r#"/1 - -> {"id":1,"n":"b"}"#, "/3 7 -> 8"]
    );
}

#[test]
fn too_many_changes_become_one_of_the_whole() {
    let numbers = |from: i64| Value::from((from..from + DIFF_CHANGES_MAX as i64 + 1).collect::<Vec<_>>());
    let document = |from| Value::Map(Map::from([("few", Value::from([from])), ("many", numbers(from))]));
    let (a, b) = (document(0), document(-1_000_000));
    let paths: Vec<_> = diff(Some(&a), Some(&b)).iter().map(|change| format!("{}", change.path)).collect();
    assert_eq!(paths, ["/few/0", "/many"]);
}

/// Two long arrays without anything in common but a single element in the middle: an unbounded script would take
/// 10^10 steps and as much memory.
#[test]
fn long_arrays_are_compared_in_bounded_time() {
    let a: Vec<Value> = (0..100_000).map(|x| Value::Int(2 * x)).collect();
    let b: Vec<Value> = (0..100_000).map(|x| Value::Int(if x == 50_000 { x } else { 2 * x + 1 })).collect();
    let mut steps = DIFF_STEPS_MAX;
    assert_eq!(script::hunks(&a, &b, &mut steps).len(), 1);
    assert!(steps > 0, "the number of edits bounds one pair of arrays before the work does");
    // To tell the elements apart is work as well.
    let (a, b) = (&[0, 1, 2, 3].map(Value::Int), &[4, 1, 2, 5].map(Value::Int));
    assert_eq!(script::hunks(a, b, &mut { 100 }).len(), 2);
    assert_eq!(script::hunks(a, b, &mut { 23 }).len(), 1);
}

#[test]
fn a_change_is_written_as_its_pointer_and_what_there_is() {
    let changes = diff(Some(&json("[1]")), Some(&json("[1, null]")));
    assert_eq!(serde_json::to_string(&changes).unwrap(), r#"[{"path":"/1","after":null}]"#);
}
