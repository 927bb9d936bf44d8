//! The chat room, with two browsers in it.

use std::sync::Arc;

use serde_json::json;

use crate::browser::{Tab, Visit, visit};

/// Enters the room over a transport, and says under what name.
async fn enter(visit: &Visit, transport: &str) -> (Arc<Tab>, String) {
    let tab = visit.open("/chat").await;
    change_to(&tab, transport).await;
    let name = tab.until("/\\w/.test($('#name').textContent) && $('#name').textContent").await;
    (tab, name)
}

async fn change_to(tab: &Tab, transport: &str) {
    tab.click(&format!(".chat-over label[data-transport={transport}]")).await;
    // What is heard comes over the new transport only once it stands.
    tab.wait("/\\w/.test($('#name').textContent) && $('#state').dataset.state === 'connected'")
        .await;
}

async fn say(tab: &Tab, text: &str) {
    tab.write("#text", text).await;
    tab.press("Enter").await;
}

/// How often a text stands in the room, and in which states.
fn said(text: &str) -> String {
    format!(
        "$$('#messages li[data-kind=say]')
            .filter((item) => item.querySelector('.text').textContent === {})
            .map((item) => [item.dataset.own, item.dataset.state].join(' '))",
        json!(text)
    )
}

/// Waits until both have a text once: its author confirmed, the other as somebody else's.
async fn wait_for_both(author: &Tab, other: &Tab, text: &str) {
    author.wait(&format!("{}.join() === 'true confirmed'", said(text))).await;
    other.wait(&format!("{}.join() === 'false confirmed'", said(text))).await;
    assert_eq!(author.ask::<Vec<String>>(&said(text)).await, ["true confirmed"]);
}

async fn wait_for_notice(tab: &Tab, kind: &str, name: &str) {
    tab.wait(&format!(
        "$$('#messages li[data-kind={kind}]').some(({{ textContent }}) => textContent.includes({}))",
        json!(name)
    ))
    .await;
}

#[test]
fn two_browsers_talk_over_any_two_transports() {
    visit(async |visit| {
        let (ann, _) = enter(visit, "short-polling").await;
        let (ben, name_of_ben) = enter(visit, "sse").await;
        wait_for_notice(&ann, "join", &name_of_ben).await;
        for (polled, pushed) in [
            ("short-polling", "sse"),
            ("short-polling", "websocket"),
            ("long-polling", "websocket"),
            ("long-polling", "sse"),
        ] {
            change_to(&ann, polled).await;
            change_to(&ben, pushed).await;
            for (author, other, text) in [
                (&ann, &ben, format!("from {polled} to {pushed}")),
                (&ben, &ann, format!("from {pushed} to {polled}")),
            ] {
                say(author, &text).await;
                wait_for_both(author, other, &text).await;
            }
        }
        let shown: usize = ann.ask("$$('#messages li[data-kind=say]').length").await;
        assert_eq!(shown, 8, "everything once, whatever transport it came over");

        ben.go("/").await;
        wait_for_notice(&ann, "leave", &name_of_ben).await;
        for tab in [&ann, &ben] {
            assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
        }
    });
}

#[test]
fn markup_in_a_message_stays_text() {
    const INJECTION: &str =
        r#"<img src=x onerror="window.injected = true"><script>window.injected = true</script>"#;
    visit(async |visit| {
        let (ann, _) = enter(visit, "long-polling").await;
        let (ben, _) = enter(visit, "websocket").await;
        for (author, other) in [(&ann, &ben), (&ben, &ann)] {
            let text =
                format!("{INJECTION} {}", if Arc::ptr_eq(author, &ann) { "Ann" } else { "Ben" });
            say(author, &text).await;
            wait_for_both(author, other, &text).await;
        }
        for tab in [&ann, &ben] {
            assert_eq!(tab.ask::<usize>("$$('main img, main script').length").await, 0);
            assert!(tab.ask::<bool>("window.injected === undefined").await, "a script ran");
            assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
        }
    });
}

#[test]
fn an_empty_message_is_refused() {
    visit(async |visit| {
        let (ann, _) = enter(visit, "sse").await;
        let (ben, _) = enter(visit, "sse").await;
        for (number, transport) in ["sse", "websocket"].into_iter().enumerate() {
            change_to(&ann, transport).await;
            ann.write("#text", "   ").await;
            assert!(ann.ask::<bool>("$('#send').disabled").await, "there is nothing to send");
            // Somebody insists.
            ann.press("Enter").await;
            ann.wait(&format!("$$('#messages [data-state=refused]').length === {}", number + 1))
                .await;
            let why = ann.text("#messages [data-state=refused] .remark").await;
            assert!(why.len() > 10, "the server's reason is shown: {why}");
            let text = format!("and now something, over {transport}");
            say(&ann, &text).await;
            wait_for_both(&ann, &ben, &text).await;
        }
        let heard: usize = ben.ask("$$('#messages li[data-kind=say]').length").await;
        assert_eq!(heard, 2, "nobody else saw the empty ones");
    });
}
