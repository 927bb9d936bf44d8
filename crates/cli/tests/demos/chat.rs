//! The chat room, with two browsers in it.

use std::sync::Arc;

use serde_json::json;
use wirebench_protocol::{Delivery, Transport};

use crate::browser::{Tab, Visit, visit};

/// Joins the chat over a transport. Returns the tab and the member's name.
async fn enter(visit: &Visit, transport: Transport) -> (Arc<Tab>, String) {
    let tab = visit.open("/chat").await;
    change_to(&tab, transport).await;
    let name = tab.until("/\\w/.test($('#name').textContent) && $('#name').textContent").await;
    (tab, name)
}

async fn change_to(tab: &Tab, transport: Transport) {
    tab.click(&format!(".chat-over label[data-transport='{transport}']")).await;
    // Messages arrive over the new transport only once it is connected.
    tab.wait("/\\w/.test($('#name').textContent) && $('#state').dataset.state === 'connected'")
        .await;
}

async fn say(tab: &Tab, text: &str) {
    tab.write("#text", text).await;
    tab.press("Enter").await;
}

/// Finds every message with this text, and returns its owner and state.
fn said(text: &str) -> String {
    format!(
        "$$('#messages li[data-kind=say]')
            .filter((item) => item.querySelector('.text').textContent === {})
            .map((item) => [item.dataset.own, item.dataset.state].join(' '))",
        json!(text)
    )
}

/// Waits until both tabs show a text exactly once: as confirmed to its author, and as received to
/// the other.
async fn wait_for_both(author: &Tab, other: &Tab, text: &str) {
    author.wait(&format!("{}.join() === 'true confirmed'", said(text))).await;
    other.wait(&format!("{}.join() === 'false confirmed'", said(text))).await;
    assert_eq!(author.ask::<Vec<String>>(&said(text)).await, ["true confirmed"]);
}

async fn wait_for_notice(tab: &Tab, kind: &str, name: &str) {
    tab.wait(&format!(
        "$$('#messages li[data-kind={kind}]')\
         .some(({{ textContent }}) => textContent.includes({}))",
        json!(name)
    ))
    .await;
}

#[test]
fn two_browsers_chat_over_polling_and_push() {
    let (pushed, polled): (Vec<_>, Vec<_>) =
        Transport::ALL.into_iter().partition(|one| one.delivery() == Delivery::Pushed);
    let pairs: Vec<_> =
        polled.iter().flat_map(|one| pushed.iter().map(move |other| (*one, *other))).collect();
    visit(async |visit| {
        let (ann, _) = enter(visit, polled[0]).await;
        let (ben, name_of_ben) = enter(visit, pushed[0]).await;
        wait_for_notice(&ann, "join", &name_of_ben).await;
        for (polled, pushed) in &pairs {
            change_to(&ann, *polled).await;
            change_to(&ben, *pushed).await;
            for (author, other, text) in [
                (&ann, &ben, format!("from {polled} to {pushed}")),
                (&ben, &ann, format!("from {pushed} to {polled}")),
            ] {
                say(author, &text).await;
                wait_for_both(author, other, &text).await;
            }
        }
        let shown: usize = ann.ask("$$('#messages li[data-kind=say]').length").await;
        assert_eq!(shown, 2 * pairs.len(), "every message once, whatever transport it came over");

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
        let (ann, _) = enter(visit, Transport::LongPolling).await;
        let (ben, _) = enter(visit, Transport::WebSocket).await;
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
fn spaces_are_not_sent_and_the_page_says_why() {
    visit(async |visit| {
        let (ann, _) = enter(visit, Transport::Sse).await;
        for transport in Transport::ALL {
            change_to(&ann, transport).await;
            ann.write("#text", "   ").await;
            assert!(ann.ask::<bool>("$('#send').disabled").await, "spaces cannot be sent");
            // Enter works although the button is disabled.
            ann.press("Enter").await;
            ann.wait("$('#problem').textContent.length > 10").await;
            // The next text is written after the spaces, which do not count.
            let text = format!("and now something, over {transport}");
            ann.write("#text", &text).await;
            ann.wait("$('#problem').textContent === ''").await;
            ann.press("Enter").await;
            ann.wait(&format!("{}.join() === 'true confirmed'", said(&text))).await;
        }
        let heard: usize = ann.ask("$$('#messages li[data-kind=say]').length").await;
        assert_eq!(heard, Transport::COUNT, "only the texts were sent");
        assert!(ann.complaints().is_empty(), "{:#?}", ann.complaints());
    });
}

/// What the table of costs says of sending over a transport: the messages, the requests and the
/// bytes of each message.
fn cost_of_sending(transport: Transport) -> String {
    format!(
        "[...$('#cost-up tr[data-transport=\"{transport}\"]').cells].slice(1, 4)
            .map((cell) => cell.textContent)"
    )
}

#[test]
fn a_message_takes_a_frame_or_a_request_as_its_transport_says() {
    visit(async |visit| {
        let (ann, _) = enter(visit, Transport::ShortPolling).await;
        for transport in Transport::ALL {
            change_to(&ann, transport).await;
            let in_frames: bool = ann
                .ask(&format!(
                    "import('/web/transport/mod.js')
                        .then(({{ publishesInFrames }}) => publishesInFrames('{transport}'))"
                ))
                .await;
            let cost = cost_of_sending(transport);
            // A session of Socket.IO sends requests, whose bytes are not told apart, until it has
            // changed over to a WebSocket.
            let mut bytes = String::new();
            for number in 1.. {
                let text = format!("{number} over {transport}");
                say(&ann, &text).await;
                ann.wait(&format!("{}.join() === 'true confirmed'", said(&text))).await;
                ann.wait(&format!("{cost}[0] === '{number}'")).await;
                if in_frames {
                    bytes = ann.ask(&format!("{cost}[2]")).await;
                } else {
                    bytes = ann.until(&format!("/\\d B/.test({cost}[2]) && {cost}[2]")).await;
                }
                if bytes.ends_with('B') {
                    break;
                }
            }
            let requests: f64 = ann.ask(&format!("Number({cost}[1])")).await;
            let expected = if in_frames { 0.0..1.0 } else { 1.0..1.1 };
            assert!(expected.contains(&requests), "{transport}: {requests} requests, {bytes}");
        }
        assert!(ann.complaints().is_empty(), "{:#?}", ann.complaints());
    });
}

#[test]
fn on_a_chinese_page_names_and_refusals_are_chinese() {
    // Removes the member without the page noticing.
    const LEAVE: &str = "fetch('/demo/chat/leave', { method: 'POST', body: JSON.stringify(
        { member: JSON.parse(sessionStorage.getItem('members')).at(-1) }) }).then(({ ok }) => ok)";
    const CHINESE: &str = "/^\\p{Script=Han}+$/u";
    visit(async |visit| {
        let tab = visit.open_for("zh-CN", "/chat").await;
        tab.wait(&format!("{CHINESE}.test($('#name').textContent)")).await;
        for (number, transport) in Transport::ALL.into_iter().enumerate() {
            tab.click(&format!(".chat-over label[data-transport='{transport}']")).await;
            tab.wait("$('#state').dataset.state === 'connected'").await;
            assert!(tab.ask::<bool>(LEAVE).await);
            say(&tab, &format!("一句话 {transport}")).await;
            let refused = "$$('#messages [data-state=refused] .remark')";
            tab.wait(&format!("{refused}.length === {}", number + 1)).await;
            let why: String = tab.ask(&format!("{refused}.at(-1).textContent")).await;
            let known: String =
                tab.ask("JSON.parse($('#page-data').textContent).words.problem[403]").await;
            assert!(why.contains(&known), "{transport}: {why}");
            // The page joins again by itself, under another name.
            let joined = "JSON.parse(sessionStorage.getItem('members')).length";
            tab.wait(&format!("{joined} === {}", number + 2)).await;
            tab.wait(&format!("{CHINESE}.test($('#name').textContent)")).await;
        }
    });
}
