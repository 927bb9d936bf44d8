//! Which agent has how many subscribers.

use wirebench_loadgen::CrowdShare;
use wirebench_scenario::Placement;

use crate::messages::Announcement;

/// Why the subscribers cannot be placed as a scenario asks for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// No agent has a label that the scenario names.
    #[error(
        "`crowd.place` names `{label}`, and no agent has this label: start one, such as `wirebench \
         agent --labels zone=a` for `zone-a`, or correct the scenario"
    )]
    NoAgent {
        /// The label.
        label: String,
    },
    /// An agent would have more connections than its machine allows.
    #[error(
        "agent `{agent}` would have {wanted} connections, and its machine allows {allowed}: start \
         more agents, or lower `crowd.subscribers`"
    )]
    TooMany {
        /// The name of the agent.
        agent: String,
        /// The connections that it would have.
        wanted: u64,
        /// The connections that its machine allows.
        allowed: u64,
    },
}

/// Distributes the subscribers of a run, each with so many connections, over agents: evenly, or by
/// place and then evenly. Returns the share of each agent; one may have none.
///
/// # Errors
///
/// [`PlaceError`] if a place has no agent, or an agent would have too many connections.
pub fn distribute(
    subscribers: usize,
    connections_each: u64,
    place: &Placement,
    agents: &[Announcement],
) -> Result<Vec<CrowdShare>, PlaceError> {
    let counts = if place.0.is_empty() {
        evenly(subscribers, agents.len())
    } else {
        by_place(subscribers, place, agents)?
    };
    let parts = agents.len();
    let mut first = 0;
    let mut shares = Vec::with_capacity(parts);
    for (part, (count, agent)) in counts.into_iter().zip(agents).enumerate() {
        let wanted = count as u64 * connections_each;
        let allowed = agent.machine.most_connections;
        if wanted > allowed {
            return Err(PlaceError::TooMany { agent: agent.name.clone(), wanted, allowed });
        }
        shares.push(CrowdShare { first, count, part, parts });
        first += count;
    }
    Ok(shares)
}

/// Divides a number so that no two parts differ by more than one.
fn evenly(number: usize, parts: usize) -> Vec<usize> {
    let up_to = |part: usize| number * part / parts.max(1);
    (0..parts).map(|part| up_to(part + 1) - up_to(part)).collect()
}

fn by_place(
    subscribers: usize,
    place: &Placement,
    agents: &[Announcement],
) -> Result<Vec<usize>, PlaceError> {
    let mut counts = vec![0; agents.len()];
    let (mut share_so_far, mut placed) = (0.0, 0);
    for (label, share) in &place.0 {
        let has_label = |agent: &Announcement| {
            agent.labels.iter().any(|(key, value)| format!("{key}-{value}") == *label)
        };
        let there: Vec<_> = (0..agents.len()).filter(|index| has_label(&agents[*index])).collect();
        if there.is_empty() {
            return Err(PlaceError::NoAgent { label: label.clone() });
        }
        // Rounded as a sum, so that the parts add up to the whole.
        share_so_far += share;
        let up_to = rounded(subscribers, share_so_far);
        let here = evenly(up_to.saturating_sub(placed), there.len());
        placed = up_to.max(placed);
        there.into_iter().zip(here).for_each(|(index, count)| counts[index] += count);
    }
    Ok(counts)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "subscribers are counted in thousands, and a share is between 0 and 1"
)]
fn rounded(number: usize, share: f64) -> usize {
    (number as f64 * share.clamp(0.0, 1.0)).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::AgentMachine;

    fn agent(name: &str, zone: &str) -> Announcement {
        Announcement {
            messages: 1,
            version: String::new(),
            id: name.to_owned(),
            name: name.to_owned(),
            labels: [("zone".to_owned(), zone.to_owned())].into(),
            machine: AgentMachine { most_connections: 100, ..AgentMachine::default() },
            clock: None,
            busy: false,
        }
    }

    fn counts(subscribers: usize, place: &[(&str, f64)], zones: &[&str]) -> Vec<usize> {
        let agents: Vec<_> = zones.iter().map(|zone| agent(zone, zone)).collect();
        let place = place.iter().map(|(label, share)| (format!("zone-{label}"), *share));
        let place = Placement(place.collect());
        let shares = distribute(subscribers, 1, &place, &agents).unwrap();
        let mut next = 0;
        for share in &shares {
            assert_eq!(share.first, next, "the numbers have no hole and no overlap");
            next += share.count;
        }
        assert_eq!(next, subscribers);
        shares.iter().map(|share| share.count).collect()
    }

    #[test]
    fn subscribers_are_distributed_evenly_or_by_place() {
        assert_eq!(counts(10, &[], &["a", "b", "c"]), [3, 3, 4]);
        assert_eq!(counts(2, &[], &["a", "b", "c"]), [0, 1, 1]);
        let place = [("a", 0.5), ("b", 0.25), ("c", 0.25)];
        assert_eq!(counts(40, &place, &["a", "b", "c", "a"]), [10, 10, 10, 10]);
        let thirds = [("a", 1.0 / 3.0), ("b", 1.0 / 3.0), ("c", 1.0 / 3.0)];
        assert_eq!(counts(10, &thirds, &["a", "b", "c"]), [3, 4, 3]);
    }

    #[test]
    fn a_place_without_an_agent_and_an_agent_without_room_are_errors() {
        let agents = [agent("one", "a")];
        let place = Placement(vec![("b".to_owned(), 1.0)]);
        let error = distribute(10, 1, &place, &agents).unwrap_err();
        assert_eq!(error, PlaceError::NoAgent { label: "b".to_owned() });
        let error = distribute(60, 2, &Placement::default(), &agents).unwrap_err();
        let agent = "one".to_owned();
        assert_eq!(error, PlaceError::TooMany { agent, wanted: 120, allowed: 100 });
    }
}
