//! The runner itself: it has to fail where a script and the database do not agree, and say where.

use super::{memory, run, script::Script, scripts};
use serde_json::json;

/// The script that is tampered with.
fn sample() -> Script {
    let (_, text) = scripts().into_iter().find(|(name, _)| name == "documents").unwrap();
    Script::parse(&text).unwrap()
}

/// Runs the sample after a change to the first step for which there is one, and returns what the runner says.
#[track_caller]
fn caught(change: impl Fn(&mut super::script::Step) -> Option<()>) -> String {
    let mut script = sample();
    run::check(&script, memory()).unwrap();
    let changed = script.steps.iter_mut().position(|step| change(step).is_some()).unwrap();
    let mismatch = run::check(&script, memory()).expect_err("the runner has to notice");
    assert_eq!(mismatch.step, (changed + 1).to_string());
    mismatch.to_string()
}

fn is(step: &super::script::Step, op: &str) -> Option<()> {
    (step["op"] == op).then_some(())
}

#[test]
fn a_wrong_result_is_noticed() {
    let said = caught(|step| {
        is(step, "get")?;
        *step.get_mut("result")?.get_mut("version")? = json!("99@00000000000000000000000000000000");
        Some(())
    });
    assert!(said.contains("99@0000") && said.contains("expected") && said.contains("got"), "{said}");
}

#[test]
fn an_integer_is_not_a_float_and_a_zero_not_a_negative_one() {
    let expect = |wanted: serde_json::Value| {
        let mut script = sample();
        let at = script.steps.iter().position(|step| step.get("value") == Some(&json!(1))).unwrap();
        let get = &mut script.steps[at + 1];
        assert!(is(get, "get").is_some());
        *get.get_mut("result").unwrap().get_mut("value").unwrap() = wanted;
        run::check(&script, memory()).is_ok()
    };
    assert!(expect(json!(1)));
    assert!(expect(json!({"$int": "1"})));
    assert!(!expect(json!({"$float": "1"})));
    assert!(!expect(json!("1")));
    assert!(!expect(json!(null)));
    let zeros = [json!({"$float": "0"}), json!({"$float": "-0.0"})]
        .map(|zero| super::tree::Tree::read(&zero, &super::tree::Saved::new()).unwrap());
    assert!(zeros[0] != zeros[1]);
}

#[test]
fn a_missing_or_surplus_result_is_noticed() {
    caught(|step| is(step, "put").and_then(|()| step.remove("result")).map(drop));
    caught(|step| is(step, "open").map(|()| step.insert("result".into(), json!({}))).map(drop));
    caught(|step| {
        is(step, "get")?;
        step.get_mut("result")?.as_object_mut()?.remove("timestamp").map(drop)
    });
}

#[test]
fn a_wrong_hash_and_a_file_too_many_are_noticed() {
    let said = caught(|step| {
        is(step, "close")?;
        *step.get_mut("result")?.get_mut("root")? = json!("00".repeat(32));
        Some(())
    });
    assert!(said.contains("root"), "{said}");
    caught(|step| {
        is(step, "close")?;
        step.get_mut("result")?.as_object_mut()?.insert("00000009.log".into(), json!("00".repeat(32)));
        Some(())
    });
}

#[test]
fn a_wrong_error_is_noticed() {
    let refusal = |step: &super::script::Step| step.contains_key("error").then_some(());
    let said = caught(|step| refusal(step).map(|()| step.insert("error".into(), json!("IO"))).map(drop));
    assert!(said.contains("\"IO\"") && said.contains("INVALID_ARGUMENT"), "{said}");
    caught(|step| refusal(step).and_then(|()| step.remove("error")).map(drop));
    caught(|step| refusal(step).map(|()| step.insert("says".into(), json!(["words that nobody said"]))).map(drop));
    caught(|step| {
        is(step, "get").map(|()| (step.remove("result"), step.insert("error".into(), json!("CLOSED")))).map(drop)
    });
}

#[test]
fn a_step_inside_of_a_transaction_is_compared_too() {
    let (_, text) = scripts().into_iter().find(|(name, _)| name == "transactions").unwrap();
    let mut script = Script::parse(&text).unwrap();
    let inner = (script.steps.iter_mut().enumerate()).find_map(|(at, step)| {
        let steps = step.get_mut("steps")?.as_array_mut()?;
        let found = steps.iter().position(|inner| inner["op"] == "get")?;
        steps[found]["result"] = json!({"value": "another"});
        Some(format!("{}.{}", at + 1, found + 1))
    });
    let mismatch = run::check(&script, memory()).expect_err("the runner has to notice");
    assert_eq!(Some(mismatch.step), inner);
}

#[test]
fn a_step_that_is_not_understood_is_refused() {
    let text = sample().text();
    for (from, to) in [("\"op\":\"put\"", "\"op\":\"putt\""), ("\"key\":", "\"kee\":"), ("\"steps\"", "\"stebs\"")] {
        assert!(Script::parse(&text.replacen(from, to, 1)).is_err(), "{to}");
    }
    for ambiguous in
        ["1.0", "1e3", "-0.0", "9007199254740992", "18446744073709551615", "{\"$int\":1}", "{\"$i\":\"1\"}"]
    {
        let json = serde_json::from_str(ambiguous).unwrap();
        assert!(super::tree::Tree::read(&json, &super::tree::Saved::new()).is_err(), "{ambiguous}");
    }
}

#[test]
fn a_script_ends_closed() {
    let mut script = sample();
    while script.steps.last().is_some_and(|step| is(step, "close").is_none()) {
        script.steps.pop();
    }
    script.steps.pop();
    assert!(run::check(&script, memory()).is_err());
}
