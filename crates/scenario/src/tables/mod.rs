//! The tables of a scenario file, one file for each: the keys of the table, what they mean
//! together, and which combinations are refused.

pub(crate) mod agents;
pub(crate) mod crowd;
pub(crate) mod faults;
pub(crate) mod feed;
pub(crate) mod http;
pub(crate) mod link;
pub(crate) mod long_polling;
mod payload_files;
pub(crate) mod push;
pub(crate) mod reconnect;
pub(crate) mod report;
pub(crate) mod server;
pub(crate) mod short_polling;
pub(crate) mod socket_io;
pub(crate) mod target;
pub(crate) mod thresholds;
pub(crate) mod timing;
pub(crate) mod top;
pub(crate) mod upstream;

use self::agents::AgentsTable;
use self::crowd::CrowdTable;
use self::faults::FaultsTable;
use self::feed::FeedTable;
use self::http::HttpTable;
use self::link::LinkTable;
use self::long_polling::LongPollingTable;
use self::push::PushTable;
use self::reconnect::ReconnectTable;
use self::report::ReportTable;
use self::server::ServerTable;
use self::short_polling::ShortPollingTable;
use self::socket_io::SocketIoTable;
use self::timing::Timing;
use self::top::TopTable;
use self::upstream::UpstreamTable;
use crate::format::FileFormat;
use crate::key::{Key, Table};

/// The keys at the top of the file.
pub(crate) const TOP: Table = TopTable::TABLE;

/// Every table, in the order in which they are written.
pub const TABLES: [Table; 17] = [
    FeedTable::TABLE,
    ServerTable::TABLE,
    CrowdTable::TABLE,
    Timing::TABLE,
    LinkTable::TABLE,
    HttpTable::TABLE,
    ShortPollingTable::TABLE,
    LongPollingTable::TABLE,
    PushTable::TABLE,
    SocketIoTable::TABLE,
    UpstreamTable::TABLE,
    ReconnectTable::TABLE,
    FaultsTable::TABLE,
    AgentsTable::TABLE,
    ReportTable::TABLE,
    thresholds::TABLE,
    target::TABLE,
];

/// The format of scenario files.
pub(crate) static SCENARIO: FileFormat = FileFormat {
    noun: "scenario",
    init: "wirebench init",
    schema_file: SCENARIO_SCHEMA_FILE,
    top: TOP,
    tables: &TABLES,
    short: &[],
};

/// The name of the file with the schema of scenario files, for editors.
pub const SCENARIO_SCHEMA_FILE: &str = "wirebench-scenario.schema.json";

/// Returns every key, in the order in which they are written.
pub fn keys() -> impl Iterator<Item = &'static Key> + Clone {
    SCENARIO.keys()
}
