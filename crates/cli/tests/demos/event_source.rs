//! The pages that show what a browser's `EventSource` does by itself: without id, reconnecting.

use crate::browser::{Tab, visit};

async fn count(tab: &Tab, stream: &str, name: &str) -> u64 {
    tab.ask(&format!("Number($('[data-stream={stream}] [data-count={name}]').textContent)")).await
}

#[test]
fn a_cut_loses_messages_without_an_id_and_none_with_one() {
    visit(async |visit| {
        let tab = visit.open("/without-id").await;
        let both = |what: &str| format!("$$('[data-stream]').every((panel) => {what})");
        let received = "Number(panel.querySelector('[data-count=received]').textContent) >= 2";
        tab.wait(&both(received)).await;
        assert_eq!(count(&tab, "without", "lost").await, 0);

        tab.slide("#seconds", 2).await;
        tab.click("#cut").await;
        // A message is published each second, and the cut takes three.
        tab.wait("Number($('[data-stream=without] [data-count=lost]').textContent) >= 2").await;
        tab.wait("Number($('[data-stream=with] [data-count=recovered]').textContent) >= 2").await;
        assert_eq!(count(&tab, "with", "lost").await, 0);
        assert_eq!(count(&tab, "without", "recovered").await, 0);
        let lost = count(&tab, "without", "lost").await;
        let crosses: u64 = tab.ask("$$('[data-stream=without] [data-second=lost]').length").await;
        assert_eq!(crosses, lost, "the strip shows each of them");
        tab.wait(&format!(
            "$('#result').textContent.includes('Without id, {lost} messages are lost')"
        ))
        .await;

        assert!(tab.text("[data-stream=with] [data-part=event]").await.starts_with("id: "));
        assert!(tab.text("[data-stream=without] [data-part=event]").await.starts_with("data: "));
        assert!(
            tab.text("[data-stream=with] [data-part=sends]").await.starts_with("Last-Event-ID: ")
        );
    });
}

/// Everybody may do that. The page says in `#changes` if a lane was lost.
#[test]
fn a_cut_of_ones_own_lanes_leaves_other_tabs_connected() {
    visit(async |visit| {
        let other = visit.open("/side-by-side").await;
        let connected = "$$('.lane .state').length > 0
            && $$('.lane .state').every(({ dataset }) => dataset.state === 'connected')";
        other.wait(connected).await;
        let tab = visit.open("/without-id").await;
        let state = "$('[data-stream=with] .state').dataset.state";
        tab.wait(&format!("{state} === 'connected'")).await;
        tab.click("#cut").await;
        tab.wait("/^1 cut/.test($('#result').textContent)").await;
        other.wait(connected).await;
        assert_eq!(other.ask::<String>("$('#changes').textContent").await, "", "nothing was lost");
    });
}

/// Waits until the newest row of the log is this event with this state.
async fn wait_for_row(tab: &Tab, event: &str, state: u32) {
    tab.wait(&format!(
        "$('#log tr:first-child')?.matches('[data-event=\"{event}\"][data-state=\"{state}\"]')"
    ))
    .await;
    let shown: Vec<u32> =
        tab.ask("$$('#states [data-current]').map(({ dataset }) => Number(dataset.ready))").await;
    assert_eq!(shown, [state], "after {event}");
}

async fn wait_until_seen(tab: &Tab, step: &str) {
    tab.wait(&format!("$('[data-step=\"{step}\"]').hasAttribute('data-seen')")).await;
}

#[test]
fn an_event_source_comes_back_after_a_cut_and_never_after_a_wrong_answer() {
    visit(async |visit| {
        let tab = visit.open("/reconnecting").await;
        assert_eq!(tab.ask::<u64>("$$('#states [data-current]').length").await, 0);
        assert!(tab.ask::<bool>("$('#cut').disabled").await);
        // 0.2 s, so that the test does not wait for long.
        tab.slide("#retry", 1).await;
        tab.click("#open").await;
        wait_until_seen(&tab, "open").await;
        wait_for_row(&tab, "message", 1).await;

        tab.click("#cut").await;
        wait_until_seen(&tab, "cut").await;
        let resumed = "$$('#log [data-event=request]').length === 2
            && /Last-Event-ID: \\w+-\\d+/.test($('#log [data-event=request]').textContent)";
        tab.wait(resumed).await;

        // While nobody answers, each attempt is an error, and the state stays CONNECTING.
        tab.slide("#cut-seconds", 1).await;
        let errors = "$$('#log [data-event=error][data-state=\"0\"]').length";
        let before: u64 = tab.ask(errors).await;
        tab.click("#cut").await;
        tab.wait(&format!("{errors} >= {before} + 3")).await;
        wait_until_seen(&tab, "outage").await;
        tab.slide("#cut-seconds", 0).await;

        for answer in ["html", "503", "204"] {
            tab.click(&format!("label:has(input[value='{answer}'])")).await;
            if tab.ask("$('#cut').disabled").await {
                tab.click("#open").await;
            } else {
                tab.click("#cut").await;
            }
            wait_for_row(&tab, "error", 2).await;
        }
        wait_until_seen(&tab, "204").await;
        tab.click("label:has(input[value=stream])").await;
        tab.click("#open").await;
        wait_until_seen(&tab, "new").await;
        wait_for_row(&tab, "message", 1).await;
        tab.click("#close").await;
        wait_for_row(&tab, "close()", 2).await;
    });
}
