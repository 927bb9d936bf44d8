//! What a subscriber sends over Socket.IO: events that ask for an acknowledgement.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use serde::Deserialize;
use serde::de::IgnoredAny;
use wirebench_measure::{Event, UpstreamEvent};
use wirebench_protocol::Timestamp;

use crate::socket_io::{Frame, Malformed, Packet, PacketType};
use crate::transport::client::publish_options;
use crate::upstream::{Outbox, Outgoing, OutgoingPayload};

/// The argument of an event that stands for its first attachment.
const FIRST_PLACEHOLDER: &str = "{\"_placeholder\":true,\"num\":0}";

/// The messages of one session that wait for their turn, or for their acknowledgement.
///
/// An acknowledgement belongs to the event with its id, whatever the order in which they come: the
/// protocol does not promise one, although the server of this project answers in order. One with
/// the id of no event is an error. One that comes a second time is ignored, as by the official
/// client. A message that is never acknowledged keeps its place in the outbox until the session
/// ends, and holds up no other.
///
/// Over requests, a message is settled when its acknowledgement has arrived and its `POST` is
/// answered: then its bytes are known. The stamp is that of the acknowledgement.
pub(super) struct Sending<'a> {
    /// `None` if the subscriber sends nothing.
    outbox: Option<&'a Outbox>,
    /// The id of the next event. The ids of the official client, too, begin with 0 in each session.
    next_id: u64,
    /// The events that the session has not begun to send; the oldest first. At most as many as the
    /// outbox has under way, as below.
    waiting: VecDeque<(u64, Outgoing)>,
    /// The events that are not settled; the oldest first.
    sent: VecDeque<SentEvent>,
}

/// An event that the session has begun to send.
struct SentEvent {
    id: u64,
    /// The number of the message.
    number: u64,
    /// The bytes that carried it, which may not be known. `Pending`: its request is not answered.
    crossed: Poll<Option<u64>>,
    acknowledged: Option<Acknowledged>,
}

/// What an acknowledgement says.
#[derive(Clone, Copy)]
struct Acknowledged {
    at: Timestamp,
    bytes: Option<u64>,
    refused: bool,
}

/// The argument of an acknowledgement. Unless the message was refused, its value does not matter.
#[derive(Deserialize)]
#[serde(untagged)]
enum Argument {
    Refused {
        #[serde(rename = "error")]
        _error: IgnoredAny,
    },
    Accepted(IgnoredAny),
}

impl<'a> Sending<'a> {
    /// Creates it for a new session. `None` sends nothing.
    pub(super) fn new(outbox: Option<&'a Outbox>) -> Self {
        Self { outbox, next_id: 0, waiting: VecDeque::new(), sent: VecDeque::new() }
    }

    /// Polls for the next message to send.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Outgoing> {
        self.outbox.map_or(Poll::Pending, |outbox| outbox.poll_next(cx))
    }

    /// Returns a message as an event of the namespace, to be handed to the session: the packet, and
    /// the attachment if the payload is binary.
    pub(super) fn event(
        &mut self,
        namespace: &str,
        message: Outgoing,
    ) -> impl Iterator<Item = Frame> + use<> {
        let (kind, argument, attachment) = match &message.payload {
            OutgoingPayload::Json(json) => (PacketType::Event, &**json, None),
            OutgoingPayload::Binary(bytes) => {
                (PacketType::BinaryEvent, FIRST_PLACEHOLDER, Some(Frame::Binary(bytes.clone())))
            }
        };
        let data = match publish_options(&message) {
            Some(options) => format!("[\"publish\",{argument},{{{options}}}]"),
            None => format!("[\"echo\",{argument}]"),
        };
        let (attachments, id) = (usize::from(attachment.is_some()), self.next_id);
        let packet = Packet { kind, attachments, namespace, id: Some(id), data: &data };
        let packet = Frame::message(packet);
        self.next_id += 1;
        self.waiting.push_back((id, message));
        std::iter::once(packet).chain(attachment)
    }

    /// The session sends the next of what it was handed, at this time. `request` as in
    /// [`UpstreamEvent::Sent`]. What the session was handed before the first event asks for the
    /// namespace.
    pub(super) fn begins(&mut self, at: Timestamp, request: bool) -> Option<Event> {
        let Some((id, message)) = self.waiting.pop_front() else {
            return request.then_some(Event::Request { at });
        };
        let Outgoing { number, due, again, .. } = message;
        self.sent.push_back(SentEvent { id, number, crossed: Poll::Pending, acknowledged: None });
        Some(Event::Upstream(UpstreamEvent::Sent { due, at, again, request }))
    }

    /// The session has sent the next of what it was handed, with so many bytes.
    pub(super) fn crossed(&mut self, bytes: Option<u64>) -> Option<Event> {
        let place = self.sent.iter().position(|sent| sent.crossed.is_pending())?;
        self.sent[place].crossed = Poll::Ready(bytes);
        self.settle(place)
    }

    /// An acknowledgement has arrived at this time. It took so many bytes.
    pub(super) fn acknowledged(
        &mut self,
        packet: &Packet<'_>,
        at: Timestamp,
        bytes: Option<u64>,
    ) -> Result<Option<Event>, Malformed> {
        let unsent = self.waiting.front().map_or(self.next_id, |(id, _)| *id);
        let id = packet.id.filter(|id| *id < unsent);
        let id = id.ok_or(Malformed("the id of an event that was sent"))?;
        let (argument,): (Argument,) = serde_json::from_str(packet.data)
            .map_err(|_| Malformed("an acknowledgement: `[{\"cursor\":…}]`"))?;
        let refused = match argument {
            Argument::Refused { .. } => true,
            Argument::Accepted(_) => false,
        };
        let Some(place) = self.sent.iter().position(|sent| sent.id == id) else {
            return Ok(None);
        };
        self.sent[place].acknowledged.get_or_insert(Acknowledged { at, bytes, refused });
        Ok(self.settle(place))
    }

    /// Returns what became of an event, once everything about it is known. `None` also if the
    /// message was given up.
    fn settle(&mut self, place: usize) -> Option<Event> {
        let SentEvent { number, crossed: Poll::Ready(sent), acknowledged: Some(answer), .. } =
            self.sent[place]
        else {
            return None;
        };
        self.sent.remove(place);
        let due = self.outbox?.answered(number, answer.at)?;
        let bytes = sent.zip(answer.bytes).map(|(sent, answer)| sent + answer);
        Some(Event::Upstream(if answer.refused {
            UpstreamEvent::Refused { due }
        } else {
            UpstreamEvent::Acknowledged { due, at: answer.at, bytes }
        }))
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use wirebench_scenario::{Audience, SentPayload, Upstream};

    use super::*;

    fn outbox(to: Audience, messages: usize) -> Outbox {
        let payload = SentPayload::json(48);
        let outbox = Outbox::new(Upstream { rate: 1.0, to, payload }, 7, 10);
        (0..messages).for_each(|_| outbox.push(Timestamp::now()));
        outbox
    }

    /// Hands all messages of the outbox to a session. Returns the packets.
    fn hand_over(sending: &mut Sending<'_>, outbox: &Outbox) -> Vec<String> {
        let messages = std::iter::from_fn(|| outbox.next().now_or_never());
        let packet = |mut frames: Vec<Frame>| match frames.pop() {
            Some(Frame::Text(text)) if frames.is_empty() => text.to_string(),
            last => panic!("more than a packet: {frames:?} and {last:?}"),
        };
        let events = messages.map(|message| sending.event("/feeds/bench", message).collect());
        events.map(packet).collect()
    }

    /// The session sends the next event in a request that is answered. Returns what it reports.
    fn send(sending: &mut Sending<'_>) -> (Option<Event>, Option<Event>) {
        (sending.begins(Timestamp::now(), true), sending.crossed(Some(500)))
    }

    fn acknowledge(sending: &mut Sending<'_>, text: &str) -> Result<Option<Event>, Malformed> {
        sending.acknowledged(&Packet::parse(text).unwrap(), Timestamp::now(), Some(50))
    }

    fn is_acknowledged(event: Option<&Event>, expected: Option<u64>) -> bool {
        let Some(Event::Upstream(UpstreamEvent::Acknowledged { bytes, .. })) = event else {
            return false;
        };
        *bytes == expected
    }

    const OK: &str = "[{\"cursor\":\"00000000000000ab-7\"}]";

    #[test]
    fn a_message_is_an_event_with_an_id_and_with_its_key_if_it_has_one() {
        let published = outbox(Audience::Everyone, 2);
        let packets = hand_over(&mut Sending::new(Some(&published)), &published);
        let begins = |id| format!("42/feeds/bench,{id}[\"publish\",\"wb:7:{}:", id + 1);
        assert!(packets[0].starts_with(&begins(0)) && packets[1].starts_with(&begins(1)));
        assert!(packets[1].contains("\",{\"key\":\"") && packets[1].ends_with("-7-2\"}]"));
        published.connection_lost();
        let again = hand_over(&mut Sending::new(Some(&published)), &published);
        assert_eq!(again, packets, "the same keys, and the ids of another session");
        let echoed = outbox(Audience::Nobody, 1);
        let packets = hand_over(&mut Sending::new(Some(&echoed)), &echoed);
        assert!(packets[0].starts_with("42/feeds/bench,0[\"echo\",\"wb:7:1:"));
        assert!(packets[0].ends_with("x\"]"), "{packets:?}");
    }

    #[test]
    fn bytes_are_an_attachment() {
        let payload = SentPayload::binary(48);
        let outbox = Outbox::new(Upstream { rate: 1.0, to: Audience::Nobody, payload }, 7, 10);
        outbox.push(Timestamp::now());
        let message = outbox.next().now_or_never().unwrap();
        let frames: Vec<_> = Sending::new(None).event("/feeds/bench", message).collect();
        let [Frame::Text(packet), Frame::Binary(bytes)] = &frames[..] else {
            panic!("{frames:?}");
        };
        let data = "[\"echo\",{\"_placeholder\":true,\"num\":0}]";
        assert_eq!((&**packet, bytes.len()), (&*format!("451-/feeds/bench,0{data}"), 48));
        assert!(wirebench_protocol::is_first_placeholder(FIRST_PLACEHOLDER));
    }

    #[test]
    fn acknowledgements_are_matched_by_their_ids_and_one_that_never_comes_holds_up_no_other() {
        let outbox = outbox(Audience::Everyone, 4);
        let mut sending = Sending::new(Some(&outbox));
        hand_over(&mut sending, &outbox);
        (0..4).for_each(|_| assert!(matches!(send(&mut sending), (Some(_), None))));
        for id in [3, 1, 2] {
            let event = acknowledge(&mut sending, &format!("3{id}{OK}")).unwrap();
            assert!(is_acknowledged(event.as_ref(), Some(550)), "{id}");
            let again = acknowledge(&mut sending, &format!("3{id}{OK}"));
            assert!(again.unwrap().is_none(), "{id} a second time");
        }
        outbox.connection_lost();
        let left = outbox.next().now_or_never().expect("the first was never acknowledged");
        assert!((left.number, left.again) == (1, true) && outbox.next().now_or_never().is_none());
    }

    #[test]
    fn an_acknowledgement_of_nothing_that_was_sent_is_malformed() {
        let outbox = outbox(Audience::Everyone, 2);
        let mut sending = Sending::new(Some(&outbox));
        hand_over(&mut sending, &outbox);
        send(&mut sending);
        assert!(acknowledge(&mut sending, &format!("31{OK}")).is_err(), "it is not sent yet");
        for text in [format!("3{OK}"), format!("32{OK}"), "30".to_owned(), "30[]".to_owned()] {
            assert!(acknowledge(&mut sending, &text).is_err(), "{text}");
        }
        assert!(acknowledge(&mut Sending::new(None), &format!("30{OK}")).is_err());
    }

    #[test]
    fn a_message_is_settled_once_its_request_is_answered_too() {
        let outbox = outbox(Audience::Everyone, 2);
        let mut sending = Sending::new(Some(&outbox));
        hand_over(&mut sending, &outbox);
        sending.begins(Timestamp::now(), true);
        sending.begins(Timestamp::now(), false);
        assert!(acknowledge(&mut sending, &format!("31{OK}")).unwrap().is_none());
        assert!(sending.crossed(Some(300)).is_none(), "the first is not acknowledged");
        assert!(is_acknowledged(sending.crossed(None).as_ref(), None), "bytes that are not known");
        let first = acknowledge(&mut sending, &format!("30{OK}")).unwrap();
        assert!(is_acknowledged(first.as_ref(), Some(350)));
    }

    #[test]
    fn an_acknowledgement_with_an_error_refuses_the_message() {
        let outbox = outbox(Audience::Nobody, 2);
        let mut sending = Sending::new(Some(&outbox));
        hand_over(&mut sending, &outbox);
        (0..2).for_each(|_| _ = send(&mut sending));
        let refused =
            acknowledge(&mut sending, "30[{\"error\":\"e\",\"hint\":\"h\",\"status\":403}]");
        assert!(matches!(refused, Ok(Some(Event::Upstream(UpstreamEvent::Refused { .. })))));
        let accepted = acknowledge(&mut sending, "31[\"wb:7:2:1:x\"]").unwrap();
        assert!(is_acknowledged(accepted.as_ref(), Some(550)));
    }

    #[test]
    fn what_asks_for_the_namespace_is_a_request_like_any_other() {
        let mut sending = Sending::new(None);
        let at = Timestamp::now();
        assert!(matches!(sending.begins(at, true), Some(Event::Request { .. })));
        assert!(sending.begins(at, false).is_none(), "a frame");
        assert!(sending.crossed(Some(1)).is_none());
    }
}
