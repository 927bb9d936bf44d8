//! Checks of `[faults]` against other tables.

use std::time::Duration;

use super::draft::ScenarioDraft;
use crate::duration::duration_text;
use crate::error::Problem;
use crate::faults::ServerFault;
use crate::placed::{first_place, longest};
use crate::tables::faults::FaultsTable;
use crate::tables::upstream::UpstreamTable;
use crate::values::field::Placed;

/// Returns everything that is wrong with the faults of the draft beside its other tables.
pub(super) fn check(draft: &ScenarioDraft) -> Vec<Problem> {
    let mut problems = after_the_window(draft);
    problems.extend(proxy_needs_plain_http(draft));
    problems.extend(restart_needs_no_tls(draft));
    problems.extend(faults_need_messages_for_everybody(draft));
    problems
}

/// Checks that each fault ends before the window closes. A fault outside the window would change
/// nothing, and the end of one that goes on beyond it could not be measured.
fn after_the_window(draft: &ScenarioDraft) -> Vec<Problem> {
    let Some(measure) = &draft.timing.measure else { return Vec::new() };
    let faults = &draft.faults;
    let ends = [
        longest(&faults.cut_every).map(|every| ("`faults.cut-every`", every.clone())),
        longest(&faults.avalanche_after).map(|after| ("`faults.avalanche-after`", after.clone())),
        end_of_outage(&faults.server, &faults.server_after, &faults.server_down)
            .map(|end| ("`faults.server-after` and `faults.server-down` together", end)),
        end_of_outage(&faults.backbone, &faults.backbone_after, &faults.backbone_down)
            .map(|end| ("`faults.backbone-after` and `faults.backbone-down` together", end)),
    ];
    let late = ends.into_iter().flatten().filter(|(_, end)| end.value >= measure.value);
    late.map(|(what, end)| Problem {
        place: first_place([end.place.as_ref(), measure.place.as_ref()]),
        message: format!(
            "{what} must be below `timing.measure`, `\"{}\"`, found `\"{}\"`",
            duration_text(measure.value),
            duration_text(end.value)
        ),
        hint: Some("what goes wrong has to do so while the window is open".to_owned()),
    })
    .collect()
}

/// Returns when a server is back, from the opening of the window. `None` if it never goes away.
fn end_of_outage(
    fault: &[Placed<Option<ServerFault>>],
    after: &[Placed<Duration>],
    down: &[Placed<Duration>],
) -> Option<Placed<Duration>> {
    let fault = fault.iter().find(|fault| fault.value.is_some())?;
    let (after, down) = (longest(after)?, longest(down)?);
    let place = [&after.place, &down.place, &fault.place].into_iter().flatten().next();
    Some(Placed { value: after.value + down.value, place: place.cloned() })
}

/// Checks that a run with a proxy speaks HTTP/1.1 without TLS, as the proxies do.
fn proxy_needs_plain_http(draft: &ScenarioDraft) -> Option<Problem> {
    let proxy = draft.faults.proxy.iter().find(|proxy| proxy.value.is_some())?;
    let (place, asked) = match (tls(draft), http_2(draft)) {
        (Some(tls), _) => (&tls.place, "`http.tls = true`"),
        (None, Some(version)) => (&version.place, "`http.version = 2`"),
        (None, None) => return None,
    };
    Some(Problem {
        place: first_place([proxy.place.as_ref(), place.as_ref()]),
        message: format!(
            "`{}` asks for a proxy, which does not go with {asked}",
            FaultsTable::PROXY.path
        ),
        hint: Some("the proxies speak HTTP/1.1 in the clear".to_owned()),
    })
}

/// Checks that a run over TLS does not start its server again: the new one would sign a new
/// certificate, which subscribers that come back do not trust.
fn restart_needs_no_tls(draft: &ScenarioDraft) -> Option<Problem> {
    let restarts = |fault| matches!(fault, Some(ServerFault::Stop | ServerFault::Kill));
    let server = draft.faults.server.iter().find(|server| restarts(server.value))?;
    let tls = tls(draft)?;
    Some(Problem {
        place: first_place([server.place.as_ref(), tls.place.as_ref()]),
        message: format!(
            "`{}` asks for a server that ends, which does not go with `http.tls = true`",
            FaultsTable::SERVER.path
        ),
        hint: Some(
            "started again it has another certificate; `\"freeze\"` leaves it its own".to_owned(),
        ),
    })
}

/// Checks that a run with faults sends no messages that are not for everybody. What a subscriber
/// missed is computed from the numbers of messages, among which those that are not for it would
/// look lost.
fn faults_need_messages_for_everybody(draft: &ScenarioDraft) -> Option<Problem> {
    let to = draft.upstream.addressed()?;
    let mut after = [&draft.faults.cut_every, &draft.faults.avalanche_after].into_iter().flatten();
    let after = after.find(|after| !after.value.is_zero()).map(|after| after.place.as_ref());
    let mut servers = draft.faults.server.iter().chain(&draft.faults.backbone);
    let server = servers.find(|server| server.value.is_some());
    let stalled = draft.faults.stalled_share.iter().find(|share| share.value > 0.0);
    let proxy = draft.faults.proxy.iter().find(|proxy| proxy.value.is_some());
    let fault = after
        .or_else(|| server.map(|server| server.place.as_ref()))
        .or_else(|| stalled.map(|stalled| stalled.place.as_ref()))
        .or_else(|| proxy.map(|proxy| proxy.place.as_ref()))?;
    Some(Problem {
        place: first_place([to.place.as_ref(), fault]),
        message: format!(
            "`{} = \"{}\"` does not go with `[{}]`",
            UpstreamTable::TO.path,
            to.value.name(),
            FaultsTable::TABLE.name
        ),
        hint: Some(
            "what a subscriber missed is told from holes in the numbers of its messages, and \
             messages for others leave such holes, too"
                .to_owned(),
        ),
    })
}

/// Returns `http.tls = true`, if it is set.
fn tls(draft: &ScenarioDraft) -> Option<&Placed<bool>> {
    draft.http.tls.iter().find(|tls| tls.value)
}

/// Returns `http.version = 2`, if it is set.
fn http_2(draft: &ScenarioDraft) -> Option<&Placed<u8>> {
    draft.http.version.iter().find(|version| version.value == 2)
}
