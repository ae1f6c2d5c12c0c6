//! The order of a module's functions. What compresses a download looks back 32 KiB for what it has met before, so that
//! functions that are alike are to stand close together: in order of their names the module is some percent larger.

use crate::Result;
use std::collections::{HashMap, VecDeque};

/// As many bytes in a row as two functions have to share to be alike: what is shorter is shared by too many.
const SHARED: usize = 5;

/// What more functions share than so many says nothing of any two.
const COMMON: usize = 20;

/// The bytes of the functions before that the next one is held against.
const WINDOW: usize = 24 << 10;

/// A short function shares much of itself with nearly any other one: each counts as longer than it is.
const LENGTH: usize = 20;

const CUSTOM: u8 = 0;
const IMPORTS: u8 = 2;
const CODE: u8 = 10;
const OF_FUNCTION: u8 = 0;

/// The module with names of functions, in the order of which they are to stand. It must not have names already.
pub(super) fn named(module: &[u8]) -> Result<Vec<u8>> {
    let read = || -> Option<(u32, Vec<&[u8]>)> {
        let mut reader = Reader(module.strip_prefix(b"\0asm\x01\0\0\0")?);
        let (mut imported, mut functions) = (0, Vec::new());
        while !reader.0.is_empty() {
            let (section, mut within) = (reader.byte()?, Reader(reader.sized()?));
            match section {
                IMPORTS => {
                    imported = within.number()?;
                    for _ in 0..imported {
                        within.sized()?;
                        within.sized()?;
                        (within.byte()? == OF_FUNCTION).then(|| within.number())??;
                    }
                }
                CODE => {
                    for _ in 0..within.number()? {
                        functions.push(within.sized()?);
                    }
                }
                _ => {}
            }
        }
        Some((imported, functions))
    };
    let (imported, functions) =
        read().ok_or("the module is not what wasm-bindgen makes: functions, and no other imports than functions")?;
    let mut names = Vec::new();
    number(&mut names, functions.len() as u32);
    for (function, place) in places(&order(&functions)).into_iter().enumerate() {
        number(&mut names, imported + function as u32);
        sized(&mut names, format!("{place:06}").as_bytes());
    }
    let mut section = Vec::new();
    sized(&mut section, b"name");
    section.push(1);
    sized(&mut section, &names);
    let mut out = module.to_vec();
    out.push(CUSTOM);
    sized(&mut out, &section);
    Ok(out)
}

/// Where each stands in an order.
fn places(order: &[usize]) -> Vec<usize> {
    let mut places = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, function)| places[*function] = place);
    places
}

/// Behind each function the one that has most in common with those before it.
fn order(functions: &[&[u8]]) -> Vec<usize> {
    let mut sharing: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (number, function) in functions.iter().enumerate() {
        for part in function.windows(SHARED) {
            let with = sharing.entry(part).or_default();
            if with.last() != Some(&number) {
                with.push(number);
            }
        }
    }
    // For each function, those that it shares something with: once for each part that they share.
    let mut alike = vec![Vec::new(); functions.len()];
    for with in sharing.into_values().filter(|with| (2..=COMMON).contains(&with.len())) {
        for &number in &with {
            alike[number].extend_from_slice(&with);
        }
    }
    let mut left = vec![true; functions.len()];
    let mut shared = vec![0_usize; functions.len()];
    let (mut before, mut before_bytes) = (VecDeque::new(), 0);
    let mut order = Vec::with_capacity(functions.len());
    // Of equals the first.
    let part = |number: &usize, shared: &[usize]| shared[*number] as f64 / (functions[*number].len() + LENGTH) as f64;
    while let Some(next) = (0..functions.len())
        .rev()
        .filter(|number| left[*number])
        .max_by(|a, b| part(a, &shared).total_cmp(&part(b, &shared)))
    {
        order.push(next);
        left[next] = false;
        alike[next].iter().for_each(|with| shared[*with] += 1);
        before.push_back(next);
        before_bytes += functions[next].len();
        while before_bytes > WINDOW
            && before.len() > 1
            && let Some(first) = before.pop_front()
        {
            alike[first].iter().for_each(|with| shared[*with] -= 1);
            before_bytes -= functions[first].len();
        }
    }
    order
}

struct Reader<'m>(&'m [u8]);

impl<'m> Reader<'m> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    /// LEB128.
    fn number(&mut self) -> Option<u32> {
        let mut number = 0;
        for shift in (0..32).step_by(7) {
            let byte = self.byte()?;
            number |= u32::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn sized(&mut self) -> Option<&'m [u8]> {
        let bytes = self.number()? as usize;
        let (first, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(first)
    }
}

fn number(out: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u32);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_that_are_alike_stand_together() {
        let sea = |at: u8| [b"the sea, the sea, and nothing else than the sea", &[at][..]].concat();
        let sky = |at: u8| [b"as far as one can look, the sky above the hills", &[at][..]].concat();
        let functions = [sea(1), sky(2), sea(3), sky(4), sea(5)];
        let functions: Vec<&[u8]> = functions.iter().map(|function| &function[..]).collect();
        assert_eq!(order(&functions), [0, 2, 4, 1, 3]);
    }

    #[test]
    fn names_are_added_behind_a_module_and_count_imported_functions() {
        // One type, one imported function, two functions.
        let module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x07\x01\x01a\x01b\0\0\x03\x03\x02\0\0\x0a\x07\x02\x02\0\x0b\x02\0\x0b";
        let out = named(module).unwrap();
        assert_eq!(out.strip_prefix(&module[..]).unwrap(), b"\0\x18\x04name\x01\x11\x02\x01\x06000000\x02\x06000001");
    }

    #[test]
    fn what_is_not_such_a_module_is_refused() {
        let memory = b"\0asm\x01\0\0\0\x02\x08\x01\x01a\x01b\x02\0\x01";
        for module in [&b""[..], b"\0asm", b"\0asm\x01\0\0\0\x0a\x05\x01", memory] {
            assert!(named(module).is_err(), "{module:?}");
        }
    }
}
