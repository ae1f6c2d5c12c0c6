//! Moments, versions and times as they are typed.

use crate::exit::{Failure, Result};
use jiff::{Span, civil, tz::TimeZone};
use koru_delta::{ActorId, CommitId, Database, ErrorCode, KeyRange, Moment, Order, Timestamp, VersionId};

/// How a moment can be written: the help of every option that takes one.
pub(crate) const HELP: &str = "\
A moment is, in this order of reading: `now`; an RFC 3339 time or a date (2026-01-31T12:00:00Z, 2026-01-31; UTC where no \
offset is given; a date is its first millisecond); a time before now (-2h, `3 days ago`); a version as `history` prints it \
(12@1f3a9c02); the 64 digits of a commit id; a tag; the first digits of a commit id, at least 4.";

/// Fewest digits of a commit or actor that are taken for it.
const PREFIX_DIGITS_MIN: usize = 4;

/// Most actors of imports that are looked through for a shortened one.
const ACTORS_LOOKED_AT_MAX: usize = 10_000;

/// A moment of a database. What is optional is now when it is missing.
pub(crate) fn resolve_or_now(db: &Database, text: Option<&str>) -> Result<Moment> {
    text.map_or(Ok(Moment::Now), |text| resolve(db, text))
}

/// A moment of a database, as [`HELP`] describes it.
pub(crate) fn resolve(db: &Database, text: &str) -> Result<Moment> {
    if text == "now" {
        return Ok(Moment::Now);
    }
    if let Some(millis) = time(text) {
        return Ok(Moment::Time(Timestamp::end_of_millis(millis)));
    }
    if looks_like_a_version(text) {
        return version(db, text).map(Moment::Version);
    }
    if let Ok(id) = text.parse::<CommitId>() {
        return Ok(Moment::Commit(id));
    }
    match db.as_of(Moment::Tag(text.into())) {
        Ok(_) => return Ok(Moment::Tag(text.into())),
        // A name that no tag can have is no tag either.
        Err(e) if matches!(e.code(), ErrorCode::NotFound | ErrorCode::InvalidArgument | ErrorCode::LimitExceeded) => {}
        Err(e) => return Err(e.into()),
    }
    if text.len() >= PREFIX_DIGITS_MIN && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(Moment::CommitPrefix(text.to_ascii_lowercase()));
    }
    Err(Failure::not_found(format!(
        "there is no tag {text:?}, and it is no time, version or commit. `koru tag` lists the tags, `koru log` the commits"
    )))
}

/// Whether a tag of this name could not be asked for, because it is read as something else.
pub(crate) fn is_read_before_tags(text: &str) -> bool {
    text == "now" || time(text).is_some() || looks_like_a_version(text) || text.parse::<CommitId>().is_ok()
}

fn looks_like_a_version(text: &str) -> bool {
    let hexadecimal = |actor: &str| actor.len() >= PREFIX_DIGITS_MIN && actor.bytes().all(|b| b.is_ascii_hexdigit());
    text.split_once('@').is_some_and(|(n, actor)| n.parse::<u64>().is_ok() && hexadecimal(actor))
}

/// A version, whose actor may be shortened to its first digits.
pub(crate) fn version(db: &Database, text: &str) -> Result<VersionId> {
    if !looks_like_a_version(text) {
        return Err(Failure::usage(format!(
            "{text:?} is not a version: it looks like 12@1f3a9c02, as `history` prints it"
        )));
    }
    let Some((counter, digits)) = text.split_once('@').filter(|(_, digits)| digits.len() < 32) else {
        return Ok(text.parse()?);
    };
    let digits = digits.to_ascii_lowercase();
    let mut found = actors(db)?;
    found.retain(|actor| actor.to_string().starts_with(&digits));
    found.sort_unstable();
    found.dedup();
    match *found {
        [actor] => Ok(format!("{counter}@{actor}").parse()?),
        [] => Err(Failure::not_found(format!("no actor of this database begins with {digits}"))),
        _ => Err(Failure::usage(format!("several actors begin with {digits}: give more digits"))),
    }
}

/// Who writes in a database: itself and its imports.
fn actors(db: &Database) -> Result<Vec<ActorId>> {
    let mut actors = vec![db.info()?.actor];
    for row in db.collection("$imports").scan(KeyRange::default(), Order::Ascending)?.take(ACTORS_LOOKED_AT_MAX) {
        let document = row?.document;
        let actor = document.value()?.get("actor").and_then(|v| v.as_str()).map(str::parse::<ActorId>);
        actors.extend(actor.transpose()?);
    }
    Ok(actors)
}

/// The short form of a version, which [`version`] reads again.
pub(crate) fn short(version: VersionId) -> String {
    let actor = version.actor.to_string();
    format!("{}@{}", version.counter, actor.get(..8).unwrap_or(&actor))
}

/// The short form of a commit id.
pub(crate) fn short_commit(id: CommitId) -> String {
    let mut digits = id.to_string();
    digits.truncate(12);
    digits
}

/// A time as milliseconds since 1970: RFC 3339, a date, or how long before now. `None` for anything else.
pub(crate) fn time(text: &str) -> Option<i64> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Some(time.as_millisecond());
    }
    let civil = text
        .parse::<civil::DateTime>()
        .ok()
        .or_else(|| Some(text.parse::<civil::Date>().ok()?.to_datetime(civil::Time::midnight())));
    // Twelve digits are a commit before they are a date without dashes.
    if let Some(civil) = civil.filter(|_| text.contains('-')) {
        return civil.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp().as_millisecond());
    }
    let before = text.starts_with('-') || text.ends_with("ago");
    before.then(|| shifted(text.parse().ok()?)).flatten()
}

/// A time that is yet to come: RFC 3339 or a date.
pub(crate) fn future_time(text: &str) -> Result<i64, String> {
    time(text).ok_or_else(|| format!("{text:?} is not a time: it looks like 2026-01-31T12:00:00Z or 2026-01-31"))
}

/// The time that is a duration from now, in milliseconds since 1970.
pub(crate) fn from_now(text: &str) -> Result<i64, String> {
    let invalid = || format!("{text:?} is not a duration: it looks like 10m, 2h30m or 7 days");
    let span = text.parse::<Span>().ok().filter(|span| span.is_positive()).ok_or_else(invalid)?;
    shifted(span).ok_or_else(|| format!("{text:?} from now is further than time goes"))
}

fn shifted(by: Span) -> Option<i64> {
    let then = jiff::Timestamp::now().to_zoned(TimeZone::UTC).checked_add(by).ok()?;
    Some(then.timestamp().as_millisecond())
}

/// A duration.
pub(crate) fn duration(text: &str) -> Result<std::time::Duration, String> {
    let invalid = || format!("{text:?} is not a duration: it looks like 500ms, 10s or 2h30m");
    text.parse::<jiff::SignedDuration>().ok().and_then(|d| d.try_into().ok()).ok_or_else(invalid)
}

/// A time for people and machines: RFC 3339 in UTC with milliseconds.
pub(crate) fn display(millis: i64) -> String {
    // The clock's bounds are within those of jiff.
    jiff::Timestamp::from_millisecond(millis).map_or_else(|_| millis.to_string(), |time| format!("{time:.3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_they_are_printed() {
        for millis in
            [0, -1, 1_767_225_600_123, -86_400_000 * 365 * 100, Timestamp::MIN.millis(), Timestamp::MAX.millis()]
        {
            assert_eq!(time(&display(millis)), Some(millis), "{}", display(millis));
        }
        assert_eq!(display(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(time("2026-01-01"), Some(1_767_225_600_000));
        assert_eq!(time("2026-01-01T01:00:00+01:00"), Some(1_767_225_600_000));
        assert_eq!(time("2026-01-01 00:00"), Some(1_767_225_600_000));
        for no_time in ["20260101", "2026", "release-1", "v1.2", "cafe", "12@abcd", "", "-", "ago", "2h"] {
            assert_eq!(time(no_time), None, "{no_time:?}");
        }
    }

    #[test]
    fn times_before_now_are_before_now() {
        let now = jiff::Timestamp::now().as_millisecond();
        for (text, millis) in [("-2h", 7_200_000), ("2 days ago", 172_800_000), ("1h 30m ago", 5_400_000)] {
            let before = now - time(text).unwrap();
            assert!((millis - 5_000..millis + 5_000).contains(&before), "{text}: {before}");
        }
        assert!(from_now("10m").unwrap() > now && from_now("-10m").is_err() && from_now("soon").is_err());
    }

    #[test]
    fn what_looks_like_a_version_is_one() {
        assert!(looks_like_a_version("12@1f3a") && !looks_like_a_version("@1f3a") && !looks_like_a_version("a@1f3a"));
        assert!(!looks_like_a_version("12@xyzw") && !looks_like_a_version("12@1f3"));
    }
}
