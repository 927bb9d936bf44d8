//! Checks of `[server] instances` against other keys.

use super::draft::ScenarioDraft;
use crate::error::{Place, Problem};
use crate::placed::first_place;
use crate::tables::faults::FaultsTable;
use crate::tables::server::ServerTable;

/// Returns what a scenario asks for that does not go together with several servers.
pub(super) fn check(draft: &ScenarioDraft) -> Vec<Problem> {
    let Some(several) = draft.server.instances.iter().find(|instances| instances.value > 1) else {
        return Vec::new();
    };
    let problem = |(asked, place, why): (String, Option<&Place>, &str)| Problem {
        place: first_place([place, several.place.as_ref()]),
        message: format!(
            "{asked} does not go with `{} = {}`",
            ServerTable::INSTANCES.path,
            several.value
        ),
        hint: Some(why.to_owned()),
    };
    asked_of_one_server(draft).into_iter().map(problem).collect()
}

/// Returns what a scenario asks for that needs a single server, where it does, and why.
fn asked_of_one_server(draft: &ScenarioDraft) -> Vec<(String, Option<&Place>, &'static str)> {
    let store = draft.server.store.iter().find(|store| store.value.is_durable()).map(|store| {
        let asked = format!("`{} = \"{}\"`", ServerTable::STORE.path, store.value.name());
        (asked, store.place.as_ref(), "several servers share their feed over NATS, which keeps it")
    });
    let fault = draft.faults.server.iter().find(|fault| fault.value.is_some()).map(|fault| {
        let why = "it would concern one of them; `faults.cut-every` cuts connections to all";
        (format!("`{}`", FaultsTable::SERVER.path), fault.place.as_ref(), why)
    });
    let proxy = draft.faults.proxy.iter().find(|proxy| proxy.value.is_some()).map(|proxy| {
        let why = "the proxy forwards to one server";
        (format!("`{}`", FaultsTable::PROXY.path), proxy.place.as_ref(), why)
    });
    [store, fault, proxy].into_iter().flatten().collect()
}
