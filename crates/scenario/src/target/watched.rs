//! What a target is checked for beyond the single values of its keys, if somebody else fills the feed
//! or if not: who publishes, and where numbers and times are.

use super::check::place_if;
use super::choices::{PollCursor, PublishedBy, Split, TimeUnit, ValuePlace};
use super::draft::TargetDraft;
use super::publish::{PublishTable, WATCH};
use super::{TargetLongPolling, TargetShortPolling, TargetSocketIo, TargetSse, TargetWebSocket};
use crate::key::Key;
use crate::values::field::Placed;
use crate::{Place, Problem};

/// The keys of a transport that say where the number and the time of a message are, with what could
/// be read of them.
struct WatchKeys<'d> {
    sequence: (&'static Key, &'d Option<Placed<ValuePlace>>),
    time: (&'static Key, &'d Option<Placed<ValuePlace>>),
    unit: (&'static Key, &'d Option<Placed<TimeUnit>>),
    /// Messages are events with an `id`.
    has_event_id: bool,
    /// Messages are in answers, and an answer is one message.
    has_header: bool,
}

macro_rules! watch_keys {
    ($table:ident, $draft:expr, $has_event_id:expr, $has_header:expr) => {
        WatchKeys {
            sequence: (&$table::SEQUENCE, &$draft.sequence),
            time: (&$table::TIME, &$draft.time),
            unit: (&$table::TIME_UNIT, &$draft.time_unit),
            has_event_id: $has_event_id,
            has_header: $has_header,
        }
    };
}

/// Returns everything that is wrong with who publishes, and with the keys that depend on it.
pub(super) fn check(draft: &TargetDraft) -> Vec<Problem> {
    let is_one =
        |split: &Option<Placed<Split>>| split.as_ref().is_none_or(|it| it.value == Split::One);
    let (short, long) = (is_one(&draft.short_polling.split), is_one(&draft.long_polling.split));
    let transports = [
        watch_keys!(TargetShortPolling, draft.short_polling, false, short),
        watch_keys!(TargetLongPolling, draft.long_polling, false, long),
        watch_keys!(TargetSse, draft.sse, true, false),
        watch_keys!(TargetWebSocket, draft.websocket, false, false),
        watch_keys!(TargetSocketIo, draft.socket_io, false, false),
    ];
    let mut problems: Vec<_> = transports.iter().flat_map(misplaced).collect();
    match draft.publish.by.as_ref().map(|by| by.value) {
        Some(PublishedBy::Wirebench) => problems.extend(transports.iter().flat_map(needless)),
        Some(PublishedBy::SomebodyElse) => {
            problems.extend(publishing(draft));
            problems.extend(polls_that_repeat(draft));
        }
        None => {}
    }
    problems
}

/// Returns the keys that name a place that messages of the transport do not have.
fn misplaced(keys: &WatchKeys<'_>) -> Vec<Problem> {
    let problem = |(key, value): (&'static Key, &Option<Placed<ValuePlace>>)| {
        let Placed { value, place } = value.as_ref()?;
        let hint = match value {
            ValuePlace::EventId if !keys.has_event_id => "only `[sse]` has events with an `id`",
            ValuePlace::Header(_) if !keys.has_header => {
                "only an answer to a poll has headers of its own, and only with `split = \"one\"` \
                 are they those of one message"
            }
            _ => return None,
        };
        let message = format!("`{}` is not known of a message of `[{}]`", key.path, key.table);
        Some(Problem { place: place.clone()?, message, hint: Some(hint.to_owned()) })
    };
    [keys.sequence, keys.time].into_iter().filter_map(problem).collect()
}

/// Returns the keys that are used although wirebench publishes.
fn needless(keys: &WatchKeys<'_>) -> Vec<Problem> {
    let is_place = |value: &ValuePlace| *value != ValuePlace::None;
    let is_unit = |unit: &TimeUnit| *unit != TimeUnit::Milliseconds;
    let used = [
        (keys.sequence.0, place_if(keys.sequence.1.as_ref(), is_place)),
        (keys.time.0, place_if(keys.time.1.as_ref(), is_place)),
        (keys.unit.0, place_if(keys.unit.1.as_ref(), is_unit)),
    ];
    let problem = |(key, place): (&Key, Option<Place>)| {
        let message = format!(
            "`{}` means nothing if wirebench publishes: it writes number and time into each message",
            key.path
        );
        let hint = Some(format!("leave it out, or watch the feed of somebody else: {WATCH}"));
        Some(Problem { place: place?, message, hint })
    };
    used.into_iter().filter_map(problem).collect()
}

/// Returns the keys that publish although somebody else does.
fn publishing(draft: &TargetDraft) -> Vec<Problem> {
    let publish = &draft.publish;
    let used = [
        (&PublishTable::URL, place_if(publish.url.as_ref(), |url| !url.is_empty())),
        (&PublishTable::COMMAND, place_if(publish.command.as_ref(), |list| !list.0.is_empty())),
    ];
    let problem = |(key, place): (&Key, Option<Place>)| {
        let message = format!("`{}` publishes, but {WATCH} says that nothing does", key.path);
        Some(Problem { place: place?, message, hint: Some("keep one of them".to_owned()) })
    };
    used.into_iter().filter_map(problem).collect()
}

/// Without a cursor, a short poll brings what the last one brought. Only numbers tell what is new.
fn polls_that_repeat(draft: &TargetDraft) -> Option<Problem> {
    let polls = &draft.short_polling;
    let url = place_if(polls.url.as_ref(), |url| !url.is_empty())?;
    let forgets = polls.cursor.as_ref()?.value == PollCursor::None;
    let counts = polls.sequence.as_ref()?.value != ValuePlace::None;
    (forgets && !counts).then(|| Problem {
        place: url,
        message: "the polls of `[short-polling]` bring the same messages again, and nothing tells \
                  which are new"
            .to_owned(),
        hint: Some(format!(
            "say with `{}` how a poll goes on, or with `{}` where a message has its number",
            TargetShortPolling::CURSOR.path,
            TargetShortPolling::SEQUENCE.path
        )),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::TargetFile;

    const WATCHED: &str = "publish = 'none'\n\
         [sse]\n\
         url = 'http://h/s'\n\
         sequence = 'id'\n\
         time = '/meta/at'\n\
         time-unit = 'rfc3339'\n\
         [long-polling]\n\
         url = 'http://h/l'\n\
         sequence = 'header:X-Seq'\n";

    fn parse(text: &str) -> Result<TargetFile, String> {
        TargetFile::parse("test.toml", text, Path::new("")).map_err(|error| error.to_string())
    }

    #[test]
    fn a_target_may_say_that_somebody_else_publishes() {
        let target = parse(WATCHED).unwrap();
        assert!(target.is_watched());
        assert_eq!(target.sse.sequence, ValuePlace::EventId);
        assert_eq!(target.sse.time, ValuePlace::Pointer("/meta/at".to_owned()));
        assert_eq!(target.sse.time_unit, TimeUnit::Rfc3339);
        assert_eq!(target.long_polling.sequence, ValuePlace::Header("X-Seq".to_owned()));
        assert_eq!(target.websocket.sequence, ValuePlace::None);
        assert_eq!(parse(&target.to_toml()).as_ref(), Ok(&target));
        let table = WATCHED.replace("publish = 'none'", "[publish]\nby = 'none'");
        assert_eq!(parse(&table), Ok(target));
    }

    #[test]
    fn what_does_not_go_together_with_who_publishes_is_named() {
        let errors = [
            // Nobody and somebody.
            format!("publish.url = 'http://h/p'\n{}", WATCHED.replace("publish =", "publish.by =")),
            // Keys of a watched feed, where wirebench publishes.
            WATCHED.replace("publish = 'none'", "publish.url = 'http://h/p'"),
            // Another word, and what is no place.
            WATCHED.replace("'none'", "'nobody'").replace("'/meta/at'", "'at'"),
            // Places that messages do not have.
            WATCHED
                .replace("'header:X-Seq'", "'id'\nsplit = 'lines'\ntime = 'header:Date'")
                .replace("'/meta/at'", "'header:Date'"),
            // Polls of which nobody knows what is new.
            "publish = 'none'\n[short-polling]\nurl = 'http://h/p'".to_owned(),
        ];
        let errors = errors.map(|text| parse(&text).unwrap_err());
        insta::assert_snapshot!(errors.join("\n"));
    }
}
