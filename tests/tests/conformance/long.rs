//! The long script: thousands of steps from a seed, on limits so small that it begins segments, makes checkpoints and
//! merges tables again and again. What it expects is written by running it, like that of every script.

use super::script::{Script, Step};
use koru_tests::random::Random;
use serde_json::{Value as Json, json};

const STEPS: usize = 2_600;
const COLLECTIONS: [&str; 3] = ["notes", "people", "\u{0}"];
/// Pieces of keys, several of which sort differently by UTF-8 bytes and by UTF-16 code units.
const PIECES: [&str; 8] = ["a", "b/", "0", "\u{e9}", "\u{ffff}", "\u{1f600}", "\u{0}", "zz"];

struct Writer {
    random: Random,
    steps: Vec<Step>,
    /// Names under which versions were saved, and of which document they are.
    saved: Vec<(String, &'static str, String)>,
    tags: Vec<String>,
}

/// The script without expectations.
pub(crate) fn script() -> Script {
    let mut writer = Writer { random: Random::new(7), steps: Vec::new(), saved: Vec::new(), tags: Vec::new() };
    writer.step(json!({"op": "open"}));
    while writer.steps.len() < STEPS {
        writer.choose();
    }
    for op in ["verify", "info", "stats", "close"] {
        writer.step(json!({"op": op}));
    }
    Script {
        about: "Thousands of steps from a seed (made by tests/tests/conformance/long.rs): segments, checkpoints and merges."
            .into(),
        clock_ms: 1_767_225_600_000,
        seed: 7,
        options: json!({"cache_bytes": 1 << 20, "segment_bytes": 64 << 10, "tail_bytes": 12 << 10})
            .as_object()
            .cloned()
            .unwrap_or_default(),
        steps: writer.steps,
    }
}

impl Writer {
    fn step(&mut self, step: Json) {
        self.steps.extend(step.as_object().cloned());
    }

    fn collection(&mut self) -> &'static str {
        // The third name is one that cannot be: a write to it is refused now and then.
        if self.random.chance(1, 200) { COLLECTIONS[2] } else { COLLECTIONS[self.random.index(2)] }
    }

    fn key(&mut self) -> String {
        (0..1 + self.random.index(2)).map(|_| PIECES[self.random.index(PIECES.len())]).collect()
    }

    fn value(&mut self) -> Json {
        match self.random.index(10) {
            0 => json!(null),
            1 => json!([self.random.below(1000), {"$float": "-0.0"}, true]),
            2 => json!({"$int": (self.random.next() as i64).to_string()}),
            3 => json!({"n": self.random.below(1 << 40), "bytes": {"$bytes": "AAEC/w=="}}),
            _ => {
                let word = PIECES[self.random.index(PIECES.len())];
                let text = json!({"$repeat": [word, 20 + self.random.below(150)]});
                json!({"n": self.random.below(1000), "half": self.random.below(1000) as f64 + 0.5, "text": text})
            }
        }
    }

    /// A change of one document, as a step of its own or inside of a transaction.
    fn change(&mut self) -> Json {
        let (collection, key) = (self.collection(), self.key());
        if self.random.chance(1, 6) {
            return json!({"op": "delete", "collection": collection, "key": key});
        }
        let mut step = json!({"op": "put", "collection": collection, "key": key, "value": self.value()});
        if self.random.chance(1, 15) {
            // Some time from now, by the clock's begin and how fast it goes.
            let passed = 1_767_225_600_000 + self.steps.len() as u64 * 150;
            step["expires_at"] = json!(passed + self.random.below(60_000));
        }
        if self.random.chance(1, 25) {
            step["expected"] = json!("absent");
        }
        step
    }

    fn choose(&mut self) {
        match self.random.index(100) {
            0..=44 => self.write(),
            45..=49 => {
                let count = 1 + self.random.index(25);
                let documents: Vec<Json> = (0..count).map(|_| json!([self.key(), self.value()])).collect();
                let collection = self.collection();
                self.step(json!({"op": "put_many", "collection": collection, "documents": documents}));
            }
            50..=55 => {
                let steps: Vec<Json> = (0..1 + self.random.index(6)).map(|_| self.change()).collect();
                let mut step = json!({"op": "transaction", "author": "someone", "message": "several", "steps": steps});
                if self.random.chance(1, 4) {
                    step["rollback"] = json!(true);
                }
                self.step(step);
            }
            56..=69 => {
                let step = json!({"op": "get", "collection": self.collection(), "key": self.key()});
                self.step(step);
            }
            70..=77 => {
                let add_ms = match self.random.index(8) {
                    0 => -(self.random.below(2_000) as i64),
                    _ => self.random.below(4_000) as i64,
                };
                self.step(json!({"op": "clock", "add_ms": add_ms}));
            }
            78..=94 => self.look(),
            95 if self.random.chance(1, 3) => {
                self.step(json!({"op": "stats"}));
                self.step(json!({"op": "close"}));
                self.step(json!({"op": "open"}));
            }
            96 => self.step(json!({"op": "checkpoint"})),
            97 => {
                let step =
                    json!({"op": "diff_moments", "before": self.moment(), "after": "now", "collection": "people"});
                // Whole differences are long: only now and then.
                if self.random.chance(1, 8) {
                    self.step(step);
                }
            }
            _ => {
                let step = json!({"op": "restore", "collection": COLLECTIONS[self.random.index(2)], "key": self.key(),
                    "moment": self.moment()});
                self.step(step);
            }
        }
    }

    fn write(&mut self) {
        let mut step = self.change();
        let named = self.random.chance(1, 8).then(|| self.saved.get(self.random.index(self.saved.len())).cloned());
        if let Some((name, collection, key)) = named.flatten() {
            // Derived from an earlier version, or on top of one that is mostly no longer there.
            if self.random.chance(1, 2) {
                step["causes"] = json!([[collection, key, {"$ref": name}]]);
            } else {
                step["collection"] = json!(collection);
                step["key"] = json!(key);
                step["expected"] = json!({"$ref": name});
            }
        }
        let fits = step["op"] == "put" && step.get("expected").is_none() && step["collection"] != COLLECTIONS[2];
        if fits && self.random.chance(1, 20) {
            let name = format!("v{}", self.saved.len());
            let collection = COLLECTIONS.into_iter().find(|name| step["collection"] == *name).unwrap_or_default();
            let key = step["key"].as_str().unwrap_or_default().to_owned();
            step["save"] = json!(name);
            self.saved.push((name, collection, key));
        }
        self.step(step);
    }

    /// A moment that there is: every database of this script has a first version soon.
    fn moment(&mut self) -> Json {
        match (self.random.index(3), self.saved.len(), self.tags.len()) {
            (0, _, tags @ 1..) => json!({"tag": self.tags[self.random.index(tags)]}),
            (1, saved @ 1.., _) => json!({"version": {"$ref": self.saved[self.random.index(saved)].0}}),
            _ => {
                let ms = 1_767_225_600_000 + self.random.below(1 + self.steps.len() as u64 * 150);
                json!({"time": ms.to_string()})
            }
        }
    }

    fn look(&mut self) {
        let (collection, key) = (COLLECTIONS[self.random.index(2)], self.key());
        let step = match self.random.index(12) {
            0 => json!({"op": "scan", "collection": collection, "limit": 3}),
            1 => json!({"op": "scan", "collection": collection, "after": key, "limit": 2}),
            2 => json!({"op": "scan", "collection": collection, "prefix": key, "reverse": true, "limit": 2}),
            3 => json!({"op": "scan", "collection": collection, "before": key, "reverse": true, "limit": 2,
                "at": self.moment()}),
            4 | 5 => json!({"op": "history", "collection": collection, "key": key, "limit": 3}),
            6 | 7 => json!({"op": "get", "collection": collection, "key": key, "at": self.moment()}),
            8 => json!({"op": "heads", "collection": collection, "key": key}),
            9 => json!({"op": "log", "limit": 1, "at": self.moment()}),
            10 => match self.saved.get(self.random.index(self.saved.len())).cloned() {
                Some((name, collection, key)) => json!({"op": "lineage", "collection": collection, "key": key,
                    "version": {"$ref": name}, "direction": "effects", "depth": 2}),
                None => json!({"op": "stats"}),
            },
            _ => {
                if self.tags.len() < 12 {
                    let name = format!("t{}", self.tags.len());
                    self.tags.push(name.clone());
                    json!({"op": "tag", "name": name, "moment": "now"})
                } else {
                    json!({"op": "collections", "at": self.moment()})
                }
            }
        };
        self.step(step);
    }
}
