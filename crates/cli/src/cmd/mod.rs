//! The commands, one file or folder for each. Each defines the arguments of its command and a
//! function `run`.

pub(crate) mod agent;
pub(crate) mod check;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod doctor;
pub(crate) mod floor;
pub(crate) mod guard;
pub(crate) mod health;
pub(crate) mod init;
pub(crate) mod man;
pub(crate) mod probe;
pub(crate) mod proxy;
pub(crate) mod publish;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod schema;
pub(crate) mod serve;
pub(crate) mod subscribe;
pub(crate) mod targets;
