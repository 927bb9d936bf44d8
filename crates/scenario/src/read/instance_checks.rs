//! Checks of `[server] instances` against other keys: what several servers cannot have, and what one
//! server does not have.

use super::draft::ScenarioDraft;
use crate::error::{Place, Problem};
use crate::placed::{first_place, needs};
use crate::tables::faults::FaultsTable;
use crate::tables::server::ServerTable;

/// Returns what a scenario asks for that does not go together with its number of servers.
pub(super) fn check(draft: &ScenarioDraft) -> Vec<Problem> {
    let mut problems = asked_of_several(draft);
    problems.extend(backbone_needs_several_servers(draft));
    problems.extend(fault_of_nats_needs_several_servers(draft));
    problems
}

/// Returns what does not go together with several servers.
fn asked_of_several(draft: &ScenarioDraft) -> Vec<Problem> {
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
    let proxy = draft.faults.proxy.iter().find(|proxy| proxy.value.is_some()).map(|proxy| {
        let why = "the proxy forwards to one server";
        (format!("`{}`", FaultsTable::PROXY.path), proxy.place.as_ref(), why)
    });
    [store, proxy].into_iter().flatten().collect()
}

/// Checks that some run has a NATS, if the scenario says how many servers of it there are.
fn backbone_needs_several_servers(draft: &ScenarioDraft) -> Option<Problem> {
    let instances = &draft.server.instances;
    let several = instances.is_empty() || instances.iter().any(|instances| instances.value > 1);
    let other = format!("`{} = 3` or another", ServerTable::INSTANCES.path);
    let servers = &draft.server.backbone_servers;
    needs(several, &other, &ServerTable::BACKBONE_SERVERS, servers)
}

/// Checks that every run has a NATS, if NATS goes away.
fn fault_of_nats_needs_several_servers(draft: &ScenarioDraft) -> Option<Problem> {
    let fault = draft.faults.backbone.iter().find(|fault| fault.value.is_some())?;
    let alone = draft.server.instances.iter().find(|instances| instances.value == 1)?;
    Some(Problem {
        place: first_place([fault.place.as_ref(), alone.place.as_ref()]),
        message: format!(
            "`{}` needs several servers, {} `{} = 1`",
            FaultsTable::BACKBONE.path,
            if alone.place.is_some() { "found" } else { "but the default is" },
            ServerTable::INSTANCES.path
        ),
        hint: Some(
            "a single server keeps the feed by itself, without NATS; `faults.server` takes it away"
                .to_owned(),
        ),
    })
}
