//! What to run: a TOML file in, validated runs out.
//!
//! A [`Scenario`] is a question put to several transports. [`Scenario::load`] reads it from a file
//! and names everything that is wrong with it at once; [`Scenario::runs`] multiplies its lists out.
//! What a key means is stated once, in the file of its table in `tables/`: the reader, its hints,
//! the scenario as run, the commented scenario of `wirebench init` and the JSON Schema follow it.
//! A [`TargetFile`] is a target server, read in the same way: from a file of its own, or from the
//! table `[target]` of a scenario. A [`Scenario`] carries its targets.
//! Nothing here is async, prints or reads a clock.

mod columns;
mod duration;
mod error;
mod faults;
mod feed_store;
mod figure;
mod file;
mod format;
#[cfg(any(fuzzing, test))]
#[doc(hidden)]
pub mod fuzzing;
mod key;
mod network;
mod placed;
mod plan;
mod read;
mod reconnect;
mod run;
mod runs;
mod scenario;
mod schema;
mod settings;
mod tables;
pub mod target;
mod threshold;
mod timers;
mod toml_text;
mod upstream;
mod values;
mod words;
mod write;

pub use columns::COLUMNS;
pub use duration::{duration_text, parse_duration};
pub use error::{FileError, Place, Problem};
pub use faults::{Cuts, Faults, Outage, OutageOf, ProxyFault, ProxyHabit, ServerFault};
pub use feed_store::FeedStore;
pub use figure::Figure;
pub use key::{Key, Table};
pub use network::{ConnectionSharing, Headers, HttpSettings, LinkSettings};
pub use read::Overrides;
pub use reconnect::{Policy, Reconnect};
pub use run::Run;
pub use scenario::Scenario;
pub use schema::{schema, target_schema};
pub use settings::varying;
pub use tables::agents::AgentsTable;
pub use tables::crowd::CrowdTable;
pub use tables::faults::FaultsTable;
pub use tables::feed::FeedTable;
pub use tables::http::HttpTable;
pub use tables::link::LinkTable;
pub use tables::long_polling::LongPollingTable;
pub use tables::push::PushTable;
pub use tables::reconnect::ReconnectTable;
pub use tables::report::ReportTable;
pub use tables::server::ServerTable;
pub use tables::short_polling::ShortPollingTable;
pub use tables::socket_io::SocketIoTable;
pub use tables::timing::Timing;
pub use tables::top::TopTable;
pub use tables::upstream::UpstreamTable;
pub use tables::{SCENARIO_SCHEMA_FILE, TABLES, keys};
pub use target::{TARGET_SCHEMA_FILE, TargetFile, commented_target};
pub use threshold::{Operator, Threshold};
pub use timers::FeedTimers;
pub use upstream::{Audience, SentPayload, Upstream};
pub use values::focus::Focus;
pub use values::placement::Placement;
pub use wirebench_protocol::control::{Pace, Payload, PayloadKind};
pub use write::commented_scenario;
