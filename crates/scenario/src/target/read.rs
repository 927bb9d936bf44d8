//! From the text of a target file to a [`TargetFile`], or to everything that is wrong with it.

use std::path::Path;

use super::draft::TargetDraft;
use super::{TARGET, TargetFile, check, watched};
use crate::file::{NamedText, full_path, read_file};
use crate::read::entries::{self, Entries, TargetEntries};
use crate::tables::target::NAME as INLINE;
use crate::values::field::FieldReader;
use crate::{FileError, Place, Problem};

impl TargetFile {
    /// Reads the target file at `path`. A target without a name is named after the file.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the file, each with its place.
    pub fn load(path: &Path) -> Result<Self, FileError> {
        let NamedText { name, text, folder } = read_file(&TARGET, path)?;
        read(path, &name, &text, folder)
    }

    /// Reads a target from its text. Errors name it as `name`.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the text, each with its place.
    pub fn parse(name: &str, text: &str, folder: &Path) -> Result<Self, FileError> {
        read(Path::new(name), name, text, folder)
    }
}

fn read(file: &Path, name: &str, text: &str, folder: &Path) -> Result<TargetFile, FileError> {
    let mut problems = Vec::new();
    let target = entries::parse(text, &mut problems).and_then(|document| {
        let entries = Entries::gather(&TARGET, text, &document, &[], &mut problems);
        let top = Place::WHOLE_FILE;
        of_entries(entries, name, folder, top, &mut problems)
    });
    match target {
        Some(target) if problems.is_empty() => Ok(target),
        _ => {
            problems.sort();
            problems.dedup();
            Err(FileError::Invalid { file: file.to_owned(), text: text.to_owned(), problems })
        }
    }
}

/// Reads the table `[target]` of a scenario in `folder`. What is wrong with it goes to the problems.
/// The target names its folder, so that it may be written elsewhere.
pub(crate) fn read_inline(
    table: TargetEntries<'_>,
    folder: &Path,
    problems: &mut Vec<Problem>,
) -> Option<TargetFile> {
    let (mut found, top) = (Vec::new(), table.place.clone());
    let entries = Entries::of_target(&TARGET, table, &mut found);
    let target = of_entries(entries, INLINE, folder, top, &mut found);
    let is_valid = found.is_empty();
    problems.extend(found.into_iter().map(|problem| {
        let message = format!("in `[{INLINE}]`: {}", problem.message);
        Problem { message, ..problem }
    }));
    let mut target = target.filter(|_| is_valid)?;
    target.folder = full_path(&target.folder);
    target.about.here = target.folder.display().to_string();
    Some(target)
}

/// Returns the target, or `None` if a value is missing.
fn of_entries(
    entries: Entries<'_>,
    name: &str,
    folder: &Path,
    top: Place,
    problems: &mut Vec<Problem>,
) -> Option<TargetFile> {
    let draft = TargetDraft::read(&mut FieldReader::new(entries.keys, Vec::new(), problems));
    problems.extend(check::check(&draft, top));
    problems.extend(watched::check(&draft));
    draft.build(name, folder)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use wirebench_protocol::Transport;

    use super::*;
    use crate::target::{Expectation, Pattern, PollCursor, Split, Step, Subscribed, Template};

    fn parse(text: &str) -> Result<TargetFile, FileError> {
        TargetFile::parse("test.toml", text, Path::new("targets"))
    }

    /// Returns the error of an invalid file. Empty for a valid one.
    fn problems(text: &str) -> String {
        parse(text).map_or_else(|error| error.to_string(), |_| String::new())
    }

    /// A target of which every transport is used.
    const EVERYTHING: &str = r#"
        name = "all"
        about = "Everything at once"
        [process]
        command = ["server", "--port", "{port}", "{here}/x.conf"]
        environment = { LOG = "{folder}/log" }
        ready-url = "http://127.0.0.1:{port}/health"
        version = ["server", "--version"]
        [publish]
        url = "http://127.0.0.1:{port}/publish?n={seq}"
        headers = { Authorization = "Bearer {env:TOKEN}" }
        body = '{"channel":"bench","data":{payload}}'
        ok = [200, 202]
        [short-polling]
        url = "http://127.0.0.1:{port}/poll"
        first-headers = { If-Modified-Since = "{http_date}" }
        cursor = "validators"
        [long-polling]
        url = "http://127.0.0.1:{port}/poll?hold={hold}"
        next-url = "http://127.0.0.1:{port}/poll?hold={hold}&after={cursor}"
        cursor = "header:feed-cursor"
        messages = "/messages"
        split = "array"
        subscribed = "sent"
        [sse]
        url = "http://127.0.0.1:{port}/sse?user={subscriber}"
        select = { "/type" = "publication" }
        message = "/data"
        encoding = "json-string"
        [websocket]
        url = "ws://127.0.0.1:{port}/ws"
        subprotocol = "x.v1"
        ping = "ping*"
        pong = "pong"
        handshake = [
          { expect = '*"type":"welcome"*', capture = { id = "/id" } },
          { send = '{"subscribe":"bench","id":"{id}","since":"{cursor}"}' },
        ]
        resume-url = "ws://127.0.0.1:{port}/ws?after={epoch}-{cursor}"
        resume-handshake = [
          { expect = '{"epoch":"{epoch}"*', capture = { at = "/at" }, otherwise = { at = "0" }, messages = "/missed", message = "/data" },
        ]
        keep = { cursor = "/at", epoch = "/epoch" }
        matching = "{*"
        [socket-io]
        url = "http://127.0.0.1:{port}/socket.io/"
        auth = '{"token":"{env:TOKEN}"}'
        recover = true
    "#;

    #[test]
    fn every_key_of_a_target_is_read() {
        let target = parse(EVERYTHING).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((target.name(), target.folder.clone()), ("all", PathBuf::from("targets")));
        assert_eq!(target.transports(), Transport::ALL);
        assert_eq!(target.process.command.0.len(), 4);
        assert_eq!(target.publish.ok.0, [200, 202]);
        assert_eq!(target.short_polling.cursor, PollCursor::Validators);
        assert_eq!(target.short_polling.empty.0, [204, 304]);
        assert_eq!(target.long_polling.cursor, PollCursor::Header("feed-cursor".to_owned()));
        assert_eq!(target.long_polling.split, Split::Array);
        assert_eq!(target.long_polling.subscribed, Subscribed::Sent);
        assert_eq!(target.sse.select.0, [("/type".to_owned(), "publication".to_owned())]);
        let capture = vec![("id".to_owned(), "/id".to_owned())];
        let pattern = Pattern::new("*\"type\":\"welcome\"*");
        let expected = Expectation { pattern, capture, ..Expectation::default() };
        assert_eq!(target.websocket.handshake.0[0], Step::Expect(expected));
        let resumed = &target.websocket.resume_handshake.0;
        assert!(matches!(&resumed[..], [Step::Expect(expected)] if expected.messages == "/missed"));
        assert!(
            matches!(&target.websocket.handshake.0[1], Step::Send(text) if text.names().eq(["id", "cursor"]))
        );
        assert!(target.socket_io.recover);
        assert_eq!(target.socket_io.event, "message");
    }

    #[test]
    fn a_target_that_is_written_is_read_again() {
        let target = parse(EVERYTHING).unwrap_or_else(|error| panic!("{error}"));
        let again = parse(&target.to_toml()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(again, target);
    }

    #[test]
    fn the_default_of_every_key_is_read_from_the_shortest_target() {
        let target = parse("[publish]\nurl = 'http://h/p'\n[sse]\nurl = 'http://h/s'").unwrap();
        assert_eq!(target.name(), "test.toml");
        assert_eq!(target.transports(), [Transport::Sse]);
        assert_eq!(target.publish.body, Template::new("{payload}"));
    }

    #[test]
    fn a_whole_url_may_be_in_the_environment() {
        let text = "[publish]\nurl = '{env:PUBLISH}'\n[sse]\nurl = '{env:FEED}?n={subscriber}'";
        assert_eq!(problems(text), "");
    }

    #[test]
    fn everything_that_is_wrong_is_named_with_its_place() {
        insta::assert_snapshot!(problems(
            "nam = 'x'\n\
             [publish]\n\
             url = 'http://h:{prot}/p'\n\
             ok = [20, 200]\n\
             [sse]\n\
             url = 'http://{subscriber}/s'\n\
             message = 'data'\n\
             encoding = 'jsonstring'\n\
             [websockets]\n\
             url = 'ws://h/w'\n\
             [websocket]\n\
             url = 'ws://h/{id}'\n\
             handshake = [{ send = '{id}' }, { expect = '*', capture = { id = 'id' } }]\n\
             ping = 'ping {id}'\n\
             keep = { 'a b' = '/x', port = 'y' }\n\
             resume-handshake = [{ expect = '', otherwise = { x = '' } }]\n\
             [long-polling]\n\
             url = 'ftp://h/l'\n\
             next-url = 'http://h/l?{cursor}'\n\
             cursor = 'etag'\n"
        ));
    }

    #[test]
    fn a_target_needs_a_transport_and_a_way_to_publish() {
        insta::assert_snapshot!(problems("[process]\npid = 1\ncommand = ['x']"));
    }

    #[test]
    fn a_socket_that_publishes_is_read_and_its_keys_are_for_it_alone() {
        let socket = "[publish]\n\
             url = 'ws://h/p'\n\
             handshake = [{ expect = 'INFO*' }, { expect = 'ID {id}' }]\n\
             body = 'PUB {id} {payload_bytes} {payload}'\n\
             ping = 'PING'\n\
             pong = 'PONG'\n\
             split = 'lines'\n\
             accepted = '+OK'\n\
             refused = '-ERR*'\n\
             [sse]\n\
             url = 'http://h/s'\n";
        let target = parse(socket).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(parse(&target.to_toml()).unwrap(), target);
        assert!(target.publish.refused.matches("-ERR 'no'"));
        let wrong = [
            socket.replace("ws://h/p", "http://h/p"),
            socket.replace("url = 'ws://h/p'", "url = 'ws://h/{seq}'\nmethod = 'PUT'\nok = [200]"),
            socket.replace("accepted = '+OK'\n", "").replace("'PING'", "'PING {id}'"),
        ];
        insta::assert_snapshot!(wrong.map(|text| problems(&text)).join("\n"));
    }

    #[test]
    fn a_port_is_known_only_if_wirebench_starts_the_server() {
        insta::assert_snapshot!(problems(
            "[publish]\nurl = 'http://h/p'\n[sse]\nurl = 'http://h:{port}/s'"
        ));
    }

    #[test]
    fn a_file_that_is_not_there_is_reported_as_a_target() {
        let error = TargetFile::load(Path::new("nowhere/x.toml")).unwrap_err().to_string();
        assert!(error.starts_with("cannot read the target `nowhere/x.toml`"), "{error}");
        assert!(error.contains("`wirebench init --target nowhere/x.toml`"), "{error}");
    }
}
