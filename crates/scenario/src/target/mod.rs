//! Target files: a target server, how it is started, how messages are published to it and how it is
//! subscribed to.
//!
//! One file for each table, as in `tables/`; `read` puts them together, `check` compares their keys
//! with each other, and the rest are the types of their values.

mod about;
mod check;
mod choices;
mod draft;
mod lists;
mod long_polling;
mod of_scenario;
mod process;
mod publish;
mod read;
mod short_polling;
mod socket_io;
mod sse;
mod steps;
mod template;
mod watched;
mod websocket;
mod write;

use std::path::PathBuf;

use wirebench_protocol::Transport;

pub use self::about::TargetAbout;
pub use self::choices::{
    PayloadEncoding, PollCursor, PublishedBy, Split, Subscribed, TimeUnit, ValuePlace,
};
pub use self::lists::{StatusList, TemplateList, TemplateTable, TextList, TextTable};
pub use self::long_polling::TargetLongPolling;
pub use self::process::ProcessTable;
pub use self::publish::PublishTable;
pub(crate) use self::read::read_inline;
pub use self::short_polling::TargetShortPolling;
pub use self::socket_io::TargetSocketIo;
pub use self::sse::TargetSse;
pub use self::steps::{Expectation, Pattern, Step, Steps};
pub use self::template::{Template, UnknownPlaceholder};
pub use self::websocket::TargetWebSocket;
pub use self::write::commented_target;
use crate::format::FileFormat;
use crate::key::{Key, Table};

/// The name of the file with the schema of target files, for editors.
pub const TARGET_SCHEMA_FILE: &str = "wirebench-target.schema.json";

/// The tables of target files, in the order in which they are written.
const TABLES: [Table; 7] = [
    ProcessTable::TABLE,
    PublishTable::TABLE,
    TargetShortPolling::TABLE,
    TargetLongPolling::TABLE,
    TargetSse::TABLE,
    TargetWebSocket::TABLE,
    TargetSocketIo::TABLE,
];

/// `publish = "none"` stands for a table `[publish]` with this key.
const SHORT: [Key; 1] = [PublishTable::BY];

/// The format of target files.
pub(crate) static TARGET: FileFormat = FileFormat {
    noun: "target",
    init: "wirebench init --target",
    schema_file: TARGET_SCHEMA_FILE,
    top: TargetAbout::TABLE,
    tables: &TABLES,
    short: &SHORT,
};

/// A target server, table by table as in its file. A name that the file leaves empty is the name of
/// the file.
#[derive(Clone, Debug, PartialEq)]
pub struct TargetFile {
    /// The keys at the top of the file.
    pub about: TargetAbout,
    /// `[process]`
    pub process: ProcessTable,
    /// `[publish]`
    pub publish: PublishTable,
    /// `[short-polling]`
    pub short_polling: TargetShortPolling,
    /// `[long-polling]`
    pub long_polling: TargetLongPolling,
    /// `[sse]`
    pub sse: TargetSse,
    /// `[websocket]`
    pub websocket: TargetWebSocket,
    /// `[socket-io]`
    pub socket_io: TargetSocketIo,
    /// What `{here}` stands for: the folder of the file, or the one that it names.
    pub folder: PathBuf,
}

impl TargetFile {
    /// Returns the name in results.
    pub fn name(&self) -> &str {
        &self.about.name
    }

    /// Returns true if somebody else fills the feed: nothing is published to the server.
    pub fn is_watched(&self) -> bool {
        self.publish.by == PublishedBy::SomebodyElse
    }

    /// Returns the URL at which to subscribe over a transport. `None` if the server does not have
    /// it.
    pub fn url(&self, transport: Transport) -> Option<&Template> {
        let url = match transport {
            Transport::ShortPolling => &self.short_polling.url,
            Transport::LongPolling => &self.long_polling.url,
            Transport::Sse => &self.sse.url,
            Transport::WebSocket => &self.websocket.url,
            Transport::SocketIo => &self.socket_io.url,
        };
        (!url.is_empty()).then_some(url)
    }

    /// Returns the transports that the server has, in the order of [`Transport::ALL`].
    pub fn transports(&self) -> Vec<Transport> {
        Transport::ALL.into_iter().filter(|transport| self.url(*transport).is_some()).collect()
    }

    /// Writes the target as TOML, with every default filled in. [`TargetFile::parse`] reads the
    /// same target from it.
    pub fn to_toml(&self) -> String {
        self.write("")
    }

    /// Writes the target as TOML, in the table `within`. Empty: as a file of its own.
    pub(crate) fn write(&self, within: &str) -> String {
        let lines = [
            self.about.lines(),
            self.process.lines(),
            self.publish.lines(),
            self.short_polling.lines(),
            self.long_polling.lines(),
            self.sse.lines(),
            self.websocket.lines(),
            self.socket_io.lines(),
        ];
        crate::toml_text::tables(&TARGET, within, lines)
    }
}
