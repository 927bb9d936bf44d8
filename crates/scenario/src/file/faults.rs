//! `[faults]` in the making, and what its keys cannot mean together.

use std::time::Duration;

use super::checks::{MOST_RUNS, first_place, longest, needs};
use super::draft::{Draft, values};
use super::reader::{Placed, Reader};
use crate::{FaultLists, Habit, Problem, ServerFault, duration_text, fault_keys as keys};

/// What could be read of each key. An empty list means that its problem is known already.
#[derive(Clone)]
pub(super) struct FaultDraft {
    cut_every: Vec<Placed<Duration>>,
    cut_share: Vec<Placed<f64>>,
    server: Vec<Placed<Option<ServerFault>>>,
    server_after: Vec<Placed<Duration>>,
    server_down: Vec<Placed<Duration>>,
    stalled_share: Vec<Placed<f64>>,
    avalanche_after: Vec<Placed<Duration>>,
    proxy: Vec<Placed<Option<Habit>>>,
    proxy_idle: Vec<Placed<Duration>>,
    proxy_delay: Vec<Placed<Duration>>,
    proxy_bandwidth: Vec<Placed<usize>>,
}

impl FaultDraft {
    pub(super) fn read(reader: &mut Reader<'_, '_>) -> Self {
        Self {
            cut_every: reader.several(&keys::CUT_EVERY),
            cut_share: reader.several(&keys::CUT_SHARE),
            server: reader.several(&keys::SERVER),
            server_after: reader.several(&keys::SERVER_AFTER),
            server_down: reader.several(&keys::SERVER_DOWN),
            stalled_share: reader.several(&keys::STALLED_SHARE),
            avalanche_after: reader.several(&keys::AVALANCHE_AFTER),
            proxy: reader.several(&keys::PROXY),
            proxy_idle: reader.several(&keys::PROXY_IDLE),
            proxy_delay: reader.several(&keys::PROXY_DELAY),
            proxy_bandwidth: reader.several(&keys::PROXY_BANDWIDTH),
        }
    }

    pub(super) fn build(self) -> FaultLists {
        FaultLists {
            cut_every: values(self.cut_every),
            cut_share: values(self.cut_share),
            server: values(self.server),
            server_after: values(self.server_after),
            server_down: values(self.server_down),
            stalled_share: values(self.stalled_share),
            avalanche_after: values(self.avalanche_after),
            proxy: values(self.proxy),
            proxy_idle: values(self.proxy_idle),
            proxy_delay: values(self.proxy_delay),
            proxy_bandwidth: values(self.proxy_bandwidth),
        }
    }

    /// How many runs it makes of one.
    pub(super) fn combinations(&self) -> usize {
        let lengths = [
            self.cut_every.len(),
            self.cut_share.len(),
            self.server.len(),
            self.server_after.len(),
            self.server_down.len(),
            self.stalled_share.len(),
            self.avalanche_after.len(),
            self.proxy.len(),
            self.proxy_idle.len(),
            self.proxy_delay.len(),
            self.proxy_bandwidth.len(),
        ];
        // Not multiplied out where that alone would be too many; then a bound from above will do.
        match lengths.into_iter().fold(1, usize::saturating_mul) {
            few @ 0..=MOST_RUNS if few > 0 => self.clone().build().combinations().len(),
            many => many,
        }
    }

    fn has(&self, habit: Habit) -> bool {
        self.proxy.iter().any(|proxy| proxy.value == Some(habit))
    }
}

pub(super) fn check(draft: &Draft, problems: &mut Vec<Problem>) {
    problems.extend(without_a_meaning(&draft.faults));
    problems.extend(after_the_window(draft));
    problems.extend(beyond_plain_http(draft));
}

/// The proxies read HTTP/1.1 in the clear, and a server that is started again signs a new certificate,
/// which those who come back do not trust.
fn beyond_plain_http(draft: &Draft) -> Option<Problem> {
    let (faults, tls) = (&draft.faults, draft.tls.iter().find(|tls| tls.value));
    let two = draft.version.iter().find(|version| version.value == 2);
    let (tls, two) = (tls.map(|tls| &tls.place), two.map(|version| &version.place));
    let proxy = faults.proxy.iter().find(|proxy| proxy.value.is_some()).map(|proxy| &proxy.place);
    let gone = |fault| matches!(fault, Some(ServerFault::Stop | ServerFault::Kill));
    let server = faults.server.iter().find(|server| gone(server.value)).map(|server| &server.place);
    let (key, fault, place, with, asked) = match (proxy, server, tls, two) {
        (Some(proxy), _, Some(tls), _) => {
            (&keys::PROXY, "a proxy", proxy, tls, "`http.tls = true`")
        }
        (Some(proxy), _, _, Some(two)) => {
            (&keys::PROXY, "a proxy", proxy, two, "`http.version = 2`")
        }
        (_, Some(server), Some(tls), _) => {
            (&keys::SERVER, "a server that ends", server, tls, "`http.tls = true`")
        }
        _ => return None,
    };
    Some(Problem {
        place: first_place([place.as_ref(), with.as_ref()]),
        message: format!("`{}` asks for {fault}, which does not go with {asked}", key.path()),
        hint: Some(if key.name == keys::PROXY.name {
            "the proxies speak HTTP/1.1 in the clear".to_owned()
        } else {
            "started again it has another certificate; `\"freeze\"` leaves it its own".to_owned()
        }),
    })
}

/// Keys that somebody gave a value of their own, and that another key leaves without a meaning.
fn without_a_meaning(faults: &FaultDraft) -> Vec<Problem> {
    // Where a list is empty, what is wrong with it is known, and what was meant is not.
    let cuts =
        faults.cut_every.is_empty() || faults.cut_every.iter().any(|every| !every.value.is_zero());
    let stops =
        faults.server.is_empty() || faults.server.iter().any(|server| server.value.is_some());
    let has = |habit| faults.proxy.is_empty() || faults.has(habit);
    let (cut, server) = ("`faults.cut-every`", "`faults.server = \"kill\"` or another");
    let (idle, slow) = ("`faults.proxy = \"idle-cut\"`", "`faults.proxy = \"slow\"`");
    [
        needs(cuts, cut, &keys::CUT_SHARE, &faults.cut_share),
        needs(stops, server, &keys::SERVER_AFTER, &faults.server_after),
        needs(stops, server, &keys::SERVER_DOWN, &faults.server_down),
        needs(has(Habit::IdleCut), idle, &keys::PROXY_IDLE, &faults.proxy_idle),
        needs(has(Habit::Slow), slow, &keys::PROXY_DELAY, &faults.proxy_delay),
        needs(has(Habit::Slow), slow, &keys::PROXY_BANDWIDTH, &faults.proxy_bandwidth),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A fault that comes when the window is closed is none, and one that goes on beyond it has no end that
/// could be measured.
fn after_the_window(draft: &Draft) -> Vec<Problem> {
    let (faults, measure) = (&draft.faults, draft.measure.as_ref());
    let server = faults.server.iter().find(|server| server.value.is_some());
    let outage = server.and_then(|server| {
        let (after, down) = (longest(&faults.server_after)?, longest(&faults.server_down)?);
        let place = [&after.place, &down.place, &server.place].into_iter().flatten().next();
        let end = Placed { value: after.value + down.value, place: place.cloned() };
        Some(("`faults.server-after` and `faults.server-down` together", end))
    });
    let ends = [
        longest(&faults.cut_every).map(|every| ("`faults.cut-every`", every.clone())),
        longest(&faults.avalanche_after).map(|after| ("`faults.avalanche-after`", after.clone())),
        outage,
    ];
    let late = ends.into_iter().flatten().zip(std::iter::repeat(measure)).filter_map(
        |((what, end), measure)| {
            let measure = measure.filter(|measure| end.value >= measure.value)?;
            Some(Problem {
                place: first_place([end.place.as_ref(), measure.place.as_ref()]),
                message: format!(
                    "{what} must be below `timing.measure`, `\"{}\"`, found `\"{}\"`",
                    duration_text(measure.value),
                    duration_text(end.value)
                ),
                hint: Some("what goes wrong has to do so while the window is open".to_owned()),
            })
        },
    );
    late.collect()
}
