//! Single requests to a server.

use serde_json::Value;

use crate::support::within;

/// The answer to a request.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    /// `null` if the answer has no body.
    pub(crate) json: Value,
}

impl Answer {
    /// Returns the reason of a refusal.
    pub(crate) fn error(&self) -> &str {
        self.json["error"].as_str().unwrap_or_default()
    }
}

/// Publishes JSON.
pub(crate) async fn post(url: &str, json: &str) -> Answer {
    let request = reqwest::Client::new().post(format!("{url}/feeds/bench/messages"));
    ask(request.body(json.to_owned())).await
}

/// Polls once.
pub(crate) async fn poll(url: &str, after: &str) -> Answer {
    ask(reqwest::Client::new().get(format!("{url}/feeds/bench/short-polling?after={after}"))).await
}

async fn ask(request: reqwest::RequestBuilder) -> Answer {
    let answer = within("an answer", request.send()).await.unwrap();
    let retry_after = answer.headers().get("retry-after");
    let retry_after = retry_after.map(|value| value.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    let body = within("a body", answer.text()).await.unwrap();
    let json = if body.is_empty() { Value::Null } else { serde_json::from_str(&body).unwrap() };
    Answer { status, retry_after, json }
}

/// Publishes JSON again and again until the database takes it.
pub(crate) async fn until_accepted(url: &str, json: &str) {
    within("the database", async {
        loop {
            let answer = post(url, json).await;
            if answer.status == 201 {
                break;
            }
            assert_eq!(answer.status, 503, "{answer:?}");
        }
    })
    .await;
}

/// Returns the text at an address.
pub(crate) async fn text(url: &str) -> String {
    let answer = within("an answer", reqwest::get(url)).await.unwrap();
    within("a body", answer.text()).await.unwrap()
}
