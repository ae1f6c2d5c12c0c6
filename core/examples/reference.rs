//! Prints a reference page in Markdown from the code: `limits` or `errors`. `cargo xtask docs` keeps what it prints.

use koru_delta::{ErrorCode, limits};
use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("limits") => print_limits(),
        Some("errors") => print_errors(),
        _ => {
            eprintln!("usage: reference limits|errors");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn print_limits() {
    println!("# Limits");
    println!();
    println!(
        "Every bound of the engine, with its reason. What would pass one of them is refused with `LIMIT_EXCEEDED`,"
    );
    println!("or with `CORRUPT` when the number comes from a file. Nothing is written then.");
    println!();
    println!("| limit | value | why |");
    println!("|---|---:|---|");
    for limit in limits::ALL {
        println!("| `{}` | {} | {} |", limit.name, quantity(limit.value, limit.unit), cell(limit.reason));
    }
    println!();
    println!("{GENERATED}");
}

fn print_errors() {
    println!("# Errors");
    println!();
    println!(
        "Every error has a code to branch on, a message that names what was wrong, and where there is one its cause."
    );
    println!(
        "The codes are the same in every language and are never renamed or reused. A missing key is not an error."
    );
    println!();
    println!("| code | in Rust | meaning, and what to do |");
    println!("|---|---|---|");
    for code in ErrorCode::ALL {
        println!("| `{}` | `ErrorCode::{code:?}` | {} |", code.name(), cell(code.description()));
    }
    println!();
    println!("{GENERATED}");
}

const GENERATED: &str = "<!-- Generated from the code by `cargo xtask docs`: change the code, not this page. -->";

/// `67108864 bytes` as `64 MiB`, `65536 actors` as `65,536 actors`.
fn quantity(value: u64, unit: &str) -> String {
    let scaled = [(30, "GiB"), (20, "MiB"), (10, "KiB")]
        .into_iter()
        .find(|(shift, _)| unit == "bytes" && value >= 1 << shift && value.is_multiple_of(1 << shift));
    match scaled {
        Some((shift, name)) => format!("{} {name}", grouped(value >> shift)),
        None => format!("{} {unit}", grouped(value)),
    }
}

fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Documentation text as one cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
