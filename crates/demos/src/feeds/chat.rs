//! The feed `chat`: its members, what they may publish, and the notices of who joins and leaves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use wirebench_protocol::Transport;
use wirebench_server::{ApiError, Feed, Rejected};

use crate::api::answer::{JsonBody, limit_reached};
use crate::feeds::chat_names;
use crate::feeds::internal::publish;

/// The number of messages that the feed keeps for members who join later.
const WINDOW: usize = 500;

const MAX_MEMBERS: usize = 200;
const _: () = assert!(MAX_MEMBERS < chat_names::COUNT, "there is a name for every member");

/// A member who has sent nothing for this long is removed.
const MEMBER_TIMEOUT: Duration = Duration::from_secs(25);

/// How often silent members are looked for. A member may stay that much longer than the timeout.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// The length of a text in characters, without the white space around it.
const MAX_TEXT_CHARACTERS: usize = 500;

/// The length of the id by which a page recognises its own message.
const MAX_ID_CHARACTERS: usize = 64;

/// The size of a payload. There is room for the longest text with every character escaped.
const MAX_PAYLOAD_BYTES: usize = 8 << 10;

#[derive(Debug)]
pub(crate) struct Chat {
    pub(crate) feed: Feed,
    members: Arc<ChatMembers>,
}

/// The members who are present, by id.
#[derive(Debug, Default)]
struct ChatMembers(Mutex<BTreeMap<String, ChatMember>>);

#[derive(Debug)]
struct ChatMember {
    name: String,
    over: Transport,
    last_seen: Instant,
}

/// What a client may publish.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "snake_case")]
enum ClientMessage {
    Say {
        member: String,
        name: String,
        #[expect(dead_code, reason = "read by the pages; here it only has to be a transport")]
        over: Transport,
        id: String,
        text: String,
    },
}

/// What the server publishes about a member.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum ChatNotice<'a> {
    Join { member: &'a str, name: &'a str, over: Transport },
    Leave { member: &'a str, name: &'a str, over: Transport },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JoinRequest {
    over: Transport,
}

#[derive(Debug, Serialize)]
struct JoinedMember {
    member: String,
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MemberRequest {
    member: String,
}

impl Chat {
    pub(crate) fn new() -> Self {
        let members = Arc::<ChatMembers>::default();
        let feed = Feed::new(WINDOW).with_check({
            let members = Arc::clone(&members);
            move |json| members.check(json)
        });
        Self { feed, members }
    }

    /// Removes members who have been silent for too long, until dropped.
    pub(crate) async fn run(&self) {
        let mut sweeps = tokio::time::interval(SWEEP_INTERVAL);
        loop {
            sweeps.tick().await;
            let mut members = self.members.0.lock();
            let is_silent = |member: &ChatMember| member.last_seen.elapsed() >= MEMBER_TIMEOUT;
            for (id, member) in members.extract_if(.., |_, member| is_silent(member)) {
                self.publish_leave(&id, &member);
            }
        }
    }

    pub(crate) fn routes(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/demo/chat/join", post(join))
            .route("/demo/chat/here", post(here))
            .route("/demo/chat/leave", post(leave))
            .with_state(Arc::clone(self))
    }

    fn join(&self, over: Transport) -> Result<JoinedMember, ApiError> {
        let mut members = self.members.0.lock();
        let name = chat_names::choose(|name| members.values().any(|member| member.name == name));
        let Some(name) = name.filter(|_| members.len() < MAX_MEMBERS) else {
            let error = format!("{MAX_MEMBERS} members are present, which is the limit");
            return Err(limit_reached(error, "wait until a member leaves", 30));
        };
        let id = format!("{:032x}", rand::random::<u128>());
        // Under the lock, so that the notices are published in the order of the changes.
        publish(&self.feed, &ChatNotice::Join { member: &id, name: &name, over });
        let member = ChatMember { name: name.clone(), over, last_seen: Instant::now() };
        members.insert(id.clone(), member);
        Ok(JoinedMember { member: id, name })
    }

    /// Removes a member. Does nothing if the member has already left.
    fn leave(&self, id: &str) {
        let mut members = self.members.0.lock();
        if let Some(member) = members.remove(id) {
            self.publish_leave(id, &member);
        }
    }

    fn publish_leave(&self, member: &str, ChatMember { name, over, .. }: &ChatMember) {
        publish(&self.feed, &ChatNotice::Leave { member, name, over: *over });
    }
}

impl ChatMembers {
    /// Notes that a member is still there. Returns false if there is no such member.
    fn keep_alive(&self, id: &str) -> bool {
        let mut members = self.0.lock();
        let Some(member) = members.get_mut(id) else { return false };
        member.last_seen = Instant::now();
        true
    }

    /// Decides whether a client may publish this payload. A message keeps its member alive.
    fn check(&self, json: &[u8]) -> Result<(), Rejected> {
        let ClientMessage::Say { member, name, .. } = parse(json)?;
        let mut members = self.0.lock();
        let Some(member) = members.get_mut(&member).filter(|member| member.name == name) else {
            let error = "no member with that id and name is present";
            return Err(Rejected::forbidden(error, "join first: POST /demo/chat/join"));
        };
        member.last_seen = Instant::now();
        Ok(())
    }
}

/// Parses what a client wants to publish, and checks its lengths.
fn parse(json: &[u8]) -> Result<ClientMessage, Rejected> {
    if json.len() > MAX_PAYLOAD_BYTES {
        let error = format!("the payload has {} bytes", json.len());
        return Err(Rejected::malformed(error, "this feed accepts up to 8,192 bytes"));
    }
    let message: ClientMessage = serde_json::from_slice(json).map_err(|error| {
        let hint = "send {\"kind\":\"say\",\"member\":…,\"name\":…,\"over\":…,\"id\":…,\"text\":…}";
        Rejected::malformed(format!("cannot read the message: {error}"), hint)
    })?;
    let ClientMessage::Say { id, text, .. } = &message;
    let length = text.trim().chars().count();
    if length == 0 {
        return Err(Rejected::malformed("the text is empty", "write at least one character"));
    }
    if length > MAX_TEXT_CHARACTERS {
        let error = format!("the text has {length} characters");
        return Err(Rejected::malformed(error, "a text may have up to 500 characters"));
    }
    if id.chars().count() > MAX_ID_CHARACTERS {
        let error = "the id of the message is too long";
        return Err(Rejected::malformed(error, "an id may have up to 64 characters"));
    }
    Ok(message)
}

async fn join(
    State(chat): State<Arc<Chat>>,
    JsonBody(request): JsonBody<JoinRequest>,
) -> Result<Json<JoinedMember>, ApiError> {
    chat.join(request.over).map(Json)
}

async fn here(
    State(chat): State<Arc<Chat>>,
    JsonBody(request): JsonBody<MemberRequest>,
) -> Result<StatusCode, ApiError> {
    if chat.members.keep_alive(&request.member) {
        return Ok(StatusCode::NO_CONTENT);
    }
    let error = "no member with that id is present: it has left or was silent for too long";
    Err(ApiError::new(StatusCode::NOT_FOUND, error, "join again: POST /demo/chat/join"))
}

async fn leave(
    State(chat): State<Arc<Chat>>,
    JsonBody(request): JsonBody<MemberRequest>,
) -> StatusCode {
    chat.leave(&request.member);
    StatusCode::NO_CONTENT
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use wirebench_protocol::After;

    use super::*;

    fn published(chat: &Chat) -> Vec<Value> {
        let start = chat.feed.locate(After::Start).unwrap();
        let entries = chat.feed.read(start).entries;
        let messages = entries.iter().map(|entry| serde_json::from_slice(&entry.json).unwrap());
        messages.map(|message: Value| message["payload"].clone()).collect()
    }

    fn say(by: &JoinedMember, text: &str) -> Vec<u8> {
        let JoinedMember { member, name } = by;
        let say = json!({
            "kind": "say", "member": member, "name": name, "over": "sse", "id": "1", "text": text,
        });
        say.to_string().into_bytes()
    }

    /// Offers a message to the feed, which is in memory and answers at once.
    fn offer(chat: &Chat, json: &[u8]) -> Result<(), StatusCode> {
        let answer = chat.feed.offer(json).at_once().unwrap();
        answer.map(|_| ()).map_err(|rejected| rejected.status)
    }

    #[test]
    fn joining_and_leaving_are_published() {
        let chat = Chat::new();
        let heron = chat.join(Transport::Sse).unwrap();
        offer(&chat, &say(&heron, "hello")).unwrap();
        chat.leave(&heron.member);
        chat.leave(&heron.member);
        let notice =
            |kind| json!({"kind": kind, "member": heron.member, "name": heron.name, "over": "sse"});
        let published = published(&chat);
        assert_eq!(published.len(), 3);
        assert_eq!((&published[0], &published[2]), (&notice("join"), &notice("leave")));
        assert_eq!(published[1]["text"], "hello");
    }

    #[test]
    fn only_members_publish_and_only_under_their_own_name() {
        let chat = Chat::new();
        let (one, two) = (chat.join(Transport::Sse).unwrap(), chat.join(Transport::Sse).unwrap());
        let status = |json: &[u8]| offer(&chat, json);
        assert!(status(&say(&one, "<img onerror=alert(1)>")).is_ok());
        let impostor = JoinedMember { member: one.member.clone(), name: two.name };
        assert_eq!(status(&say(&impostor, "hello")), Err(StatusCode::FORBIDDEN));
        chat.leave(&one.member);
        assert_eq!(status(&say(&one, "hello")), Err(StatusCode::FORBIDDEN));
    }

    #[test]
    fn malformed_messages_are_rejected() {
        let chat = Chat::new();
        let one = chat.join(Transport::Sse).unwrap();
        let good: Value = serde_json::from_slice(&say(&one, "hello")).unwrap();
        let with = |key: &str, value: Value| {
            let mut changed = good.clone();
            changed[key] = value;
            offer(&chat, changed.to_string().as_bytes())
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
        let padded = format!("{}{}", " ".repeat(MAX_PAYLOAD_BYTES), good);
        assert!(offer(&chat, padded.as_bytes()).is_ok(), "white space around it is dropped");
        let padded = good.to_string().replace(':', &format!(":{}", " ".repeat(MAX_PAYLOAD_BYTES)));
        assert!(offer(&chat, padded.as_bytes()).is_err(), "white space within it counts");
    }

    #[tokio::test(start_paused = true)]
    async fn a_member_who_stays_silent_is_removed() {
        let chat = Arc::new(Chat::new());
        let [silent, here, talking] = [(); 3].map(|()| chat.join(Transport::Sse).unwrap());
        let running = tokio::spawn({
            let chat = Arc::clone(&chat);
            async move { chat.run().await }
        });
        tokio::time::sleep(MEMBER_TIMEOUT.mul_f64(0.8)).await;
        assert!(chat.members.keep_alive(&here.member));
        offer(&chat, &say(&talking, "hello")).unwrap();
        tokio::time::sleep(MEMBER_TIMEOUT.mul_f64(0.2) + SWEEP_INTERVAL).await;
        assert!(!chat.members.keep_alive(&silent.member));
        assert!(chat.members.keep_alive(&here.member));
        assert!(chat.members.keep_alive(&talking.member));
        let last = published(&chat).pop().unwrap();
        assert_eq!((&last["kind"], &last["member"]), (&json!("leave"), &json!(silent.member)));
        running.abort();
    }

    #[test]
    fn the_number_of_members_is_limited_and_their_names_differ() {
        let chat = Chat::new();
        let joined: Vec<_> = (0..MAX_MEMBERS).map(|_| chat.join(Transport::Sse).unwrap()).collect();
        let names: std::collections::BTreeSet<_> = joined.iter().map(|one| &one.name).collect();
        assert_eq!(names.len(), MAX_MEMBERS);
        assert!(chat.join(Transport::Sse).is_err());
        chat.leave(&joined[0].member);
        assert!(chat.join(Transport::Sse).is_ok());
    }
}
