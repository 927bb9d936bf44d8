//! The chat room: who is there, who may say what, and the notices of who comes and goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use wirebench_protocol::Transport;
use wirebench_server::{Feed, Rejected};

use crate::answer::{Refusal, Sent};
use crate::{Demos, feeds, names};

/// Messages that the feed keeps: what somebody who comes in can scroll back to.
const WINDOW: usize = 500;

const MEMBERS: usize = 200;
const _: () = assert!(MEMBERS < names::NAMES, "there is a name for everybody");

/// How long a member stays without a sign of life.
const PATIENCE: Duration = Duration::from_secs(25);

/// How often the members are looked through. A member may stay so much longer.
const ROUND: Duration = Duration::from_secs(1);

/// Characters of a text, white space around it not counted.
const TEXT_CHARACTERS: usize = 500;

/// Characters of the id that a page gives a message, to know it again.
const ID_CHARACTERS: usize = 64;

/// A payload is this large at most, however it is written: the longest text in escapes, and the rest.
const PAYLOAD_BYTES: usize = 8 << 10;

#[derive(Debug)]
pub(crate) struct Chat {
    pub(crate) feed: Feed,
    room: Arc<Room>,
}

/// Those present, by id.
#[derive(Debug, Default)]
struct Room(Mutex<BTreeMap<String, Member>>);

#[derive(Debug)]
struct Member {
    name: String,
    over: Transport,
    /// The last sign of life.
    seen: Instant,
}

/// What somebody outside may publish.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
enum Said {
    Say {
        member: String,
        name: String,
        #[expect(dead_code, reason = "the feed carries it; here it is only to be a transport")]
        over: Transport,
        id: String,
        text: String,
    },
}

/// What the server says of a member.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Notice<'a> {
    Join { member: &'a str, name: &'a str, over: Transport },
    Leave { member: &'a str, name: &'a str, over: Transport },
}

impl Chat {
    pub(crate) fn new() -> Self {
        let room = Arc::new(Room::default());
        let feed = Feed::new(WINDOW).with_check({
            let room = Arc::clone(&room);
            move |json| room.check(json)
        });
        Self { feed, room }
    }

    /// Sees those off who have given no sign of life, until dropped.
    pub(crate) async fn run(&self) {
        let mut rounds = tokio::time::interval(ROUND);
        loop {
            rounds.tick().await;
            let mut members = self.room.members();
            for (id, member) in
                members.extract_if(.., |_, member| member.seen.elapsed() >= PATIENCE)
            {
                self.notice_leave(&id, &member);
            }
        }
    }

    fn join(&self, over: Transport) -> Result<Joined, Refusal> {
        let mut members = self.room.members();
        let free = names::free(|name| members.values().any(|member| member.name == name));
        let Some(name) = free.filter(|_| members.len() < MEMBERS) else {
            let error = format!("{MEMBERS} members are present, which is as many as fit");
            return Err(Refusal::full(error, "wait until somebody leaves", 30));
        };
        let id = format!("{:032x}", rand::random::<u128>());
        // Under the lock, so that the notices come in the order in which things happen.
        feeds::publish(&self.feed, &Notice::Join { member: &id, name: &name, over });
        members.insert(id.clone(), Member { name: name.clone(), over, seen: Instant::now() });
        Ok(Joined { member: id, name })
    }

    fn leave(&self, id: &str) {
        let mut members = self.room.members();
        if let Some(member) = members.remove(id) {
            self.notice_leave(id, &member);
        }
    }

    fn notice_leave(&self, member: &str, Member { name, over, .. }: &Member) {
        feeds::publish(&self.feed, &Notice::Leave { member, name, over: *over });
    }
}

impl Room {
    fn members(&self) -> MutexGuard<'_, BTreeMap<String, Member>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sign of life. Whether there is such a member.
    fn see(&self, id: &str) -> bool {
        let mut members = self.members();
        let member = members.get_mut(id);
        member.map(|member| member.seen = Instant::now()).is_some()
    }

    /// Whether somebody outside may say this. Saying something is a sign of life.
    fn check(&self, json: &[u8]) -> Result<(), Rejected> {
        if json.len() > PAYLOAD_BYTES {
            let error = format!("a payload of {} bytes", json.len());
            return Err(Rejected::malformed(error, "this feed takes up to 8,192 bytes"));
        }
        let Said::Say { member: id, name, id: message, text, .. } = serde_json::from_slice(json).map_err(|error| {
            let hint = "send {\"kind\":\"say\",\"member\":…,\"name\":…,\"over\":…,\"id\":…,\"text\":…}";
            Rejected::malformed(format!("this is nothing that is said: {error}"), hint)
        })?;
        let length = text.trim().chars().count();
        if length == 0 {
            return Err(Rejected::malformed("the text is empty", "say something"));
        }
        if length > TEXT_CHARACTERS {
            let error = format!("a text of {length} characters");
            return Err(Rejected::malformed(error, "say it in 500"));
        }
        if message.chars().count() > ID_CHARACTERS {
            let error = "the id of the message is too long";
            return Err(Rejected::malformed(error, "an id has up to 64 characters"));
        }
        let mut members = self.members();
        let member = members.get_mut(&id).filter(|member| member.name == name);
        let Some(member) = member else {
            let error = "no member with that id and name is present";
            return Err(Rejected::forbidden(error, "join first: POST /demo/chat/join"));
        };
        member.seen = Instant::now();
        Ok(())
    }
}

pub(crate) fn router() -> Router<Demos> {
    Router::new()
        .route("/demo/chat/join", post(join))
        .route("/demo/chat/here", post(here))
        .route("/demo/chat/leave", post(leave))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Join {
    over: Transport,
}

#[derive(Debug, Serialize)]
struct Joined {
    member: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    member: String,
}

async fn join(State(demos): State<Demos>, Sent(join): Sent<Join>) -> Result<Json<Joined>, Refusal> {
    demos.0.chat.join(join.over).map(Json)
}

async fn here(State(demos): State<Demos>, Sent(who): Sent<Who>) -> Result<StatusCode, Refusal> {
    if demos.0.chat.room.see(&who.member) {
        return Ok(StatusCode::NO_CONTENT);
    }
    let error = "no member with that id is present: it was taken for gone";
    Err(Refusal::new(StatusCode::NOT_FOUND, error, "join again: POST /demo/chat/join"))
}

/// Leaving twice is leaving.
async fn leave(State(demos): State<Demos>, Sent(who): Sent<Who>) -> StatusCode {
    demos.0.chat.leave(&who.member);
    StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wirebench_protocol::After;

    use super::*;

    fn said(chat: &Chat) -> Vec<Value> {
        let start = chat.feed.locate(After::Start).unwrap();
        let entries = chat.feed.read(start).entries;
        let messages = entries.iter().map(|entry| serde_json::from_slice(&entry.json).unwrap());
        messages.map(|message: Value| message["payload"].clone()).collect()
    }

    fn say(by: &Joined, text: &str) -> Vec<u8> {
        let Joined { member, name } = by;
        let say = json!({"kind": "say", "member": member, "name": name, "over": "sse", "id": "1", "text": text});
        say.to_string().into_bytes()
    }

    #[test]
    fn who_comes_and_goes_is_told_to_all() {
        let chat = Chat::new();
        let heron = chat.join(Transport::Sse).unwrap();
        chat.feed.offer(&say(&heron, "hello")).unwrap();
        chat.leave(&heron.member);
        chat.leave(&heron.member);
        let notice =
            |kind| json!({"kind": kind, "member": heron.member, "name": heron.name, "over": "sse"});
        let said = said(&chat);
        assert_eq!(said.len(), 3);
        assert_eq!((&said[0], &said[2]), (&notice("join"), &notice("leave")));
        assert_eq!(said[1]["text"], "hello");
    }

    #[test]
    fn only_members_say_something_and_under_their_own_name() {
        let chat = Chat::new();
        let (one, two) = (chat.join(Transport::Sse).unwrap(), chat.join(Transport::Sse).unwrap());
        let status = |json: &[u8]| chat.feed.offer(json).map_err(|rejected| rejected.status);
        assert!(status(&say(&one, "<img onerror=alert(1)>")).is_ok());
        let posing = Joined { member: one.member.clone(), name: two.name };
        assert_eq!(status(&say(&posing, "hello")), Err(StatusCode::FORBIDDEN));
        chat.leave(&one.member);
        assert_eq!(status(&say(&one, "hello")), Err(StatusCode::FORBIDDEN));
    }

    #[test]
    fn what_is_nothing_that_is_said_is_refused() {
        let chat = Chat::new();
        let one = chat.join(Transport::Sse).unwrap();
        let good: Value = serde_json::from_slice(&say(&one, "hello")).unwrap();
        let with = |key: &str, value: Value| {
            let mut changed = good.clone();
            changed[key] = value;
            chat.feed.offer(changed.to_string().as_bytes()).map_err(|rejected| rejected.status)
        };
        let malformed = Err(StatusCode::BAD_REQUEST);
        for text in ["", " \n\t ", "\u{3000}", &"x".repeat(501)] {
            assert_eq!(with("text", json!(text)), malformed, "{text}");
        }
        for text in ["x".repeat(500), format!("  {}  ", "鹭".repeat(500))] {
            assert!(with("text", json!(text)).is_ok());
        }
        assert_eq!(with("text", json!(1)), malformed);
        assert_eq!(with("kind", json!("join")), malformed);
        assert_eq!(with("over", json!("pigeon")), malformed);
        assert_eq!(with("id", json!("x".repeat(65))), malformed);
        assert_eq!(with("more", json!(1)), malformed);
        let padded = format!("{}{}", " ".repeat(PAYLOAD_BYTES), good);
        assert!(chat.feed.offer(padded.as_bytes()).is_ok(), "white space around it is not kept");
        let padded = good.to_string().replace(':', &format!(":{}", " ".repeat(PAYLOAD_BYTES)));
        assert!(chat.feed.offer(padded.as_bytes()).is_err(), "white space in it is");
    }

    #[tokio::test(start_paused = true)]
    async fn a_member_who_gives_no_sign_of_life_is_taken_for_gone() {
        let chat = Arc::new(Chat::new());
        let [silent, here, talking] = [(); 3].map(|()| chat.join(Transport::Sse).unwrap());
        let running = tokio::spawn({
            let chat = Arc::clone(&chat);
            async move { chat.run().await }
        });
        tokio::time::sleep(PATIENCE.mul_f64(0.8)).await;
        assert!(chat.room.see(&here.member));
        chat.feed.offer(&say(&talking, "hello")).unwrap();
        tokio::time::sleep(PATIENCE.mul_f64(0.2) + ROUND).await;
        assert!(!chat.room.see(&silent.member));
        assert!(chat.room.see(&here.member) && chat.room.see(&talking.member));
        let last = said(&chat).pop().unwrap();
        assert_eq!((&last["kind"], &last["member"]), (&json!("leave"), &json!(silent.member)));
        running.abort();
    }

    #[test]
    fn the_room_is_full_at_some_time_and_names_are_given_once() {
        let chat = Chat::new();
        let joined: Vec<_> = (0..MEMBERS).map(|_| chat.join(Transport::Sse).unwrap()).collect();
        let names: std::collections::BTreeSet<_> = joined.iter().map(|one| &one.name).collect();
        assert_eq!(names.len(), MEMBERS);
        assert!(chat.join(Transport::Sse).is_err());
        chat.leave(&joined[0].member);
        assert!(chat.join(Transport::Sse).is_ok());
    }
}
