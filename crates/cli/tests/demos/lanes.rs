//! The pages that show lanes: side by side, on the wire, six connections.

use wirebench_protocol::{Delivery, Transport};

use crate::browser::{Tab, visit};

/// Returns a count of every lane of the page "side by side", in the order of `Transport::ALL`.
async fn counts(tab: &Tab, name: &str) -> Vec<u64> {
    let all =
        format!("$$('[data-lane] [data-count={name}]').map((shown) => Number(shown.textContent))");
    let counts: Vec<u64> = tab.ask(&all).await;
    assert_eq!(counts.len(), Transport::COUNT, "every lane counts {name}");
    counts
}

async fn wait_for_state(tab: &Tab, state: &str) {
    tab.wait(&format!("$$('.lane .state').every(({{ dataset }}) => dataset.state === '{state}')"))
        .await;
}

async fn published(tab: &Tab) -> u64 {
    tab.get("/demo/state").await["published"].as_u64().unwrap()
}

async fn wait_for_published(tab: &Tab, seq: u64) {
    tab.wait(&format!(
        "fetch('/demo/state').then((answer) => answer.json())
            .then(({{ published }}) => published >= {seq})"
    ))
    .await;
}

/// Cuts the connections of all lanes, and rejects new ones for this long.
async fn cut(tab: &Tab, seconds: u32) {
    let ok: bool = tab
        .ask(&format!(
            "fetch('/demo/cut', {{ method: 'POST', body: '{{\"seconds\":{seconds}}}',
                headers: {{ 'Content-Type': 'application/json' }} }}).then(({{ ok }}) => ok)"
        ))
        .await;
    assert!(ok);
}

/// Waits until every lane has received this many messages.
async fn wait_for_received(tab: &Tab, count: u64) {
    tab.wait(&format!(
        "$$('[data-count=received]').every((shown) => Number(shown.textContent) >= {count})"
    ))
    .await;
}

/// Presses the button that stops or starts the feed. Returns how many messages it has then.
async fn press_feed(tab: &Tab, publishing: bool) -> u64 {
    tab.click("#feed").await;
    tab.wait(&format!(
        "fetch('/demo/state').then((answer) => answer.json())
            .then((state) => state.publishing === {publishing})"
    ))
    .await;
    published(tab).await
}

/// Opens the page with 20 messages per second and no link delay, with which long polling takes a
/// request for nearly each message. Waits until all lanes are receiving.
async fn side_by_side(visit: &crate::browser::Visit) -> std::sync::Arc<Tab> {
    let tab = visit.open("/side-by-side").await;
    let lanes: Vec<String> =
        tab.until("$$('[data-lane]').map(({ dataset }) => dataset.lane)").await;
    assert_eq!(lanes, Transport::ALL.map(Transport::name));
    wait_for_state(&tab, "connected").await;
    tab.slide("#rate", 7).await;
    tab.slide("#link", 0).await;
    tab.wait(
        "fetch('/demo/state').then((answer) => answer.json())
            .then(({ rate, link_delay_ms }) => rate === 20 && link_delay_ms === 0)",
    )
    .await;
    wait_for_received(&tab, 5).await;
    tab
}

/// Without a link, long polling would look as if it cost nothing.
#[test]
fn side_by_side_starts_with_a_link_of_25_ms_and_says_so() {
    visit(async |visit| {
        let tab = visit.open("/side-by-side").await;
        wait_for_state(&tab, "connected").await;
        assert_eq!(
            tab.ask::<u64>(
                "fetch('/demo/state').then((answer) => answer.json())
            .then(({ link_delay_ms }) => link_delay_ms)"
            )
            .await,
            25
        );
        tab.wait("$('output[for=link]').textContent === '25 ms'").await;
        let predicted = |lane: &str| {
            format!(
                "parseFloat($('[data-lane=\"{lane}\"] [data-part=mean-predicted]').textContent)"
            )
        };
        tab.wait(&format!("{} === 25", predicted("sse"))).await;
        tab.wait(&format!("{} > 25", predicted("long-polling"))).await;
        // No message can be faster than the link.
        wait_for_received(&tab, 5).await;
        tab.wait("parseFloat($('[data-lane=sse] [data-part=delay]').textContent) >= 25").await;
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

#[test]
fn each_lane_receives_and_shows_what_it_costs() {
    visit(async |visit| {
        let tab = side_by_side(visit).await;
        wait_for_received(&tab, 40).await;
        for lane in Transport::ALL {
            tab.wait(&format!(
                "/^(< )?[\\d.,]+ (ms|s)$/\
                 .test($('[data-lane=\"{lane}\"] [data-part=delay]').textContent)"
            ))
            .await;
            tab.wait(&format!(
                "Number($('[data-lane=\"{lane}\"] [data-count=requests]').textContent) >= 1"
            ))
            .await;
            tab.wait(&format!(
                "/B$/.test($('[data-lane=\"{lane}\"] [data-part=bytes-out]').textContent)"
            ))
            .await;
        }
        let early = counts(&tab, "requests").await;
        // However many messages this page has by now: a slow one may have all that were to come.
        let received = counts(&tab, "received").await.into_iter().max().unwrap_or(0);
        wait_for_received(&tab, received + 40).await;
        for (transport, early) in Transport::ALL.into_iter().zip(&early) {
            if transport.delivery() == Delivery::Polled {
                tab.wait(&format!(
                    "Number($('[data-lane=\"{transport}\"] [data-count=requests]').textContent) \
                     > {early}"
                ))
                .await;
            }
        }
        let late = counts(&tab, "requests").await;
        for ((transport, early), late) in Transport::ALL.into_iter().zip(early).zip(late) {
            match transport.delivery() {
                Delivery::Pushed => {
                    // A session of Socket.IO opens with four requests and an upgrade, and polls
                    // again for each message that comes in between.
                    let is_session = transport == Transport::SocketIo;
                    let to_subscribe = if is_session { 5..=30 } else { 1..=1 };
                    assert!(to_subscribe.contains(&early), "{transport} subscribes with {early}");
                    assert_eq!(late, early, "{transport} takes no request for a message");
                }
                Delivery::Held => assert!(late > 40, "one for most messages: {late}"),
                Delivery::Polled => assert!(late > early, "one per interval: {early}, then {late}"),
            }
        }
        assert_eq!(counts(&tab, "lost-silently").await, [0; Transport::COUNT]);
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

/// Each lane has to recover exactly the messages that are published while no connection is
/// possible.
#[test]
fn after_a_cut_each_lane_recovers_exactly_what_it_missed() {
    visit(async |visit| {
        let tab = side_by_side(visit).await;
        let before = press_feed(&tab, false).await;
        wait_for_last(&tab, before).await;
        tab.click("#zero").await;
        tab.wait("$$('[data-count=received]').every((shown) => shown.textContent === '0')").await;

        tab.click("#cut").await;
        // Longer than the button's three seconds, so that the speed of this test does not matter.
        cut(&tab, 30).await;
        wait_for_state(&tab, "away").await;
        assert_eq!(published(&tab).await, before, "the feed has stopped");
        press_feed(&tab, true).await;
        wait_for_published(&tab, before + 10).await;
        let after = press_feed(&tab, false).await;
        wait_for_state(&tab, "away").await;
        cut(&tab, 0).await;

        wait_for_state(&tab, "connected").await;
        let missed = after - before;
        wait_for_received(&tab, missed).await;
        assert_eq!(
            counts(&tab, "received").await,
            [missed; Transport::COUNT],
            "published: {before} to {after}"
        );
        assert_eq!(counts(&tab, "recovered").await, [missed; Transport::COUNT]);
        assert_eq!(counts(&tab, "lost").await, [0; Transport::COUNT]);
        assert_eq!(counts(&tab, "lost-silently").await, [0; Transport::COUNT]);
    });
}

#[test]
fn a_cut_while_messages_are_published_loses_none() {
    visit(async |visit| {
        let tab = side_by_side(visit).await;
        let last = press_feed(&tab, false).await;
        wait_for_last(&tab, last).await;
        tab.click("#zero").await;
        let before = published(&tab).await;
        press_feed(&tab, true).await;
        wait_for_received(&tab, 5).await;
        let early = published(&tab).await;
        tab.click("#cut").await;
        wait_for_state(&tab, "away").await;
        wait_for_state(&tab, "connected").await;
        let late = published(&tab).await;
        wait_for_received(&tab, late - before + 5).await;
        let after = press_feed(&tab, false).await;
        wait_for_received(&tab, after - before).await;
        assert_eq!(counts(&tab, "received").await, [after - before; Transport::COUNT]);
        for recovered in counts(&tab, "recovered").await {
            // The transports notice a cut at different times.
            assert!((1..=late - early).contains(&recovered), "{recovered} of {}", late - early);
        }
        assert_eq!(counts(&tab, "lost").await, [0; Transport::COUNT]);
        assert_eq!(counts(&tab, "lost-silently").await, [0; Transport::COUNT]);
    });
}

/// Waits until the newest message of every lane is this one.
async fn wait_for_last(tab: &Tab, seq: u64) {
    tab.wait(&format!(
        "$$('.lane-last tbody tr:first-child td:first-child')
            .every((cell) => Number(cell.textContent.replace(/\\D/g, '')) === {seq})"
    ))
    .await;
}

#[test]
fn a_stopped_feed_delivers_nothing() {
    visit(async |visit| {
        let tab = side_by_side(visit).await;
        let last = press_feed(&tab, false).await;
        wait_for_last(&tab, last).await;
        let received = counts(&tab, "received").await;
        let polls = counts(&tab, "requests").await[0];
        tab.wait(&format!(
            "Number($('[data-lane=short-polling] [data-count=requests]').textContent) \
             >= {polls} + 3"
        ))
        .await;
        assert_eq!(counts(&tab, "received").await, received);
        assert_eq!(published(&tab).await, last);
        wait_for_state(&tab, "connected").await;
    });
}

#[test]
fn after_a_restart_each_lane_shows_a_notice_and_continues() {
    visit(async |visit| {
        let tab = side_by_side(visit).await;
        tab.click("#restart").await;
        wait_for_state(&tab, "away").await;
        tab.wait("!$('#server-away p').hidden").await;
        wait_for_state(&tab, "connected").await;
        tab.wait("$('#server-away p').hidden").await;
        tab.wait(
            "$$('.lane-reset').length > 0 && $$('.lane-reset').every(({ hidden }) => !hidden)",
        )
        .await;
        tab.click("#zero").await;
        wait_for_received(&tab, 3).await;
        assert_eq!(counts(&tab, "lost-silently").await, [0; Transport::COUNT]);
        // The sliders keep their values, and the notice about the restart is gone.
        assert_eq!(tab.get("/demo/state").await["rate"], 20.0);
        assert_eq!(tab.text("output[for=rate]").await, "20/s");
        tab.wait("$('#answer').textContent === ''").await;
    });
}

#[test]
fn the_notice_about_a_cut_stays_while_the_cut_lasts() {
    visit(async |visit| {
        let tab = visit.open("/side-by-side").await;
        wait_for_state(&tab, "connected").await;
        tab.click("#cut").await;
        tab.wait("$('#answer').textContent.includes('3 s')").await;
        tab.wait("$('#answer').textContent === ''").await;
        tab.click("#feed").await;
        tab.wait("$('#answer').textContent !== ''").await;
        tab.click("#feed").await;
        tab.wait("$('#answer').textContent === ''").await;
    });
}

/// The columns of a lane's chart that contain its colour, from left to right.
const COLOURED: &str = "(() => {
    const canvas = $('[data-lane=sse] canvas');
    const colour = getComputedStyle($('[data-lane=sse]')).borderTopColor.match(/\\d+/g).map(Number);
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const columns = [];
    for (let x = 0; x < canvas.width; x += 1) {
        let some = false;
        for (let y = 0; y < canvas.height; y += 1) {
            const at = 4 * (y * canvas.width + x);
            some ||= data[at + 3] > 128
                && colour.every((value, part) => Math.abs(value - data[at + part]) < 48);
        }
        if (some) columns.push(x);
    }
    return columns;
})()";

/// There is no value between two messages, so no line may connect them.
#[test]
fn a_chart_of_messages_has_a_dot_for_each_and_nothing_between() {
    const PUBLISH: &str = "fetch('/feeds/demo/messages', { method: 'POST', body: '\"x\"',
        headers: { 'Content-Type': 'application/json' } }).then(({ ok }) => ok)";
    visit(async |visit| {
        let tab = visit.open("/side-by-side").await;
        press_feed(&tab, false).await;
        // Reload, for empty charts.
        tab.go("/side-by-side").await;
        wait_for_state(&tab, "connected").await;
        assert!(tab.ask::<bool>(PUBLISH).await);
        wait_for_received(&tab, 1).await;
        // Wait until the first dot has moved far enough to the left.
        let right: u32 = tab.until(&format!("{COLOURED}.at(-1)")).await;
        tab.wait(&format!("{COLOURED}.at(-1) < {right} - 30")).await;
        assert!(tab.ask::<bool>(PUBLISH).await);
        wait_for_received(&tab, 2).await;
        tab.wait(&format!("{COLOURED}.at(-1) > {right} - 20")).await;
        let columns: Vec<u32> = tab.ask(COLOURED).await;
        let gaps = columns.windows(2).filter(|pair| pair[1] - pair[0] > 15).count();
        assert_eq!(gaps, 1, "two dots with nothing between them: {columns:?}");
    });
}

/// The mark of a value above the scale: the number of its pixels left and right of its middle, and
/// its distance from the upper edge.
const OFF_THE_SCALE: &str = "import('/web/charts/line_chart.js').then(({ LineChart }) => {
    const place = document.createElement('div');
    Object.assign(place.style, { position: 'relative', width: '300px', height: '200px' });
    document.body.append(place);
    const series = [{ key: 'a', name: 'a', color: '--sse', dots: true, line: false }];
    const settings = { series, label: 'a', span: 1000, maximum: 100, now: () => 500 };
    const drawn = new LineChart(place, settings);
    drawn.add('a', 0, 1000, { hollow: true });
    drawn.redraw();
    const canvas = place.querySelector('canvas');
    const pen = canvas.getContext('2d');
    pen.fillStyle = getComputedStyle(place).getPropertyValue('--sse');
    const colour = pen.fillStyle.match(/[0-9a-f]{2}/g).map((part) => parseInt(part, 16));
    const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
    const marked = [];
    for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] > 100
            && colour.every((value, part) => Math.abs(value - data[at + part]) < 60))
            marked.push({ x: (at / 4) % canvas.width, y: Math.floor(at / 4 / canvas.width) });
    }
    const xs = marked.map(({ x }) => x);
    const middle = (Math.min(...xs) + Math.max(...xs)) / 2;
    const left = marked.filter(({ x }) => x < middle - 0.75).length;
    const right = marked.filter(({ x }) => x > middle + 0.75).length;
    return [left, right, Math.min(...marked.map(({ y }) => y))];
})";

#[test]
fn the_mark_of_a_value_above_the_scale_is_not_cut_off() {
    visit(async |visit| {
        let tab = visit.open("/side-by-side").await;
        let (left, right, top): (i32, i32, i32) = tab.ask(OFF_THE_SCALE).await;
        assert!(left >= 6 && (left - right).abs() <= 3, "left {left}, right {right}");
        assert!(top >= 1, "it touches the upper edge");
    });
}

#[test]
fn the_legend_of_the_wire_shows_the_patterns_of_its_bars() {
    // How a part is filled, without its colour.
    const FILL: &str =
        "(part) => { const { backgroundImage, backgroundColor } = getComputedStyle(part);
        return backgroundImage.replace(/rgba?\\([^)]*[1-9][^)]*\\)/g, 'colour')
            + (backgroundColor === 'rgba(0, 0, 0, 0)' ? ' empty' : ' full'); }";
    visit(async |visit| {
        let tab = visit.open("/on-the-wire").await;
        let fills = |of: &str| {
            format!("['head', 'framing', 'message'].map((name) => ({FILL})($('{of} .' + name)))")
        };
        let legend: Vec<String> = tab.until(&fills(".shares-legend")).await;
        let bar: Vec<String> = tab.ask(&fills("#totals tr[data-lane=sse] .shares")).await;
        assert_eq!(legend, bar);
        let distinct: std::collections::BTreeSet<_> = legend.iter().collect();
        assert_eq!(distinct.len(), 3, "the three patterns differ: {legend:?}");
    });
}

#[test]
fn every_lane_has_records_and_a_frame_shows_the_bits_of_its_header() {
    visit(async |visit| {
        let tab = visit.open("/on-the-wire").await;
        for lane in Transport::ALL {
            let total = format!("#totals tr[data-lane=\"{lane}\"] [data-total=messages]");
            tab.wait(&format!("Number($('{total}')?.textContent) >= 3")).await;
            for direction in ["in", "out"] {
                let record = format!("[data-transport=\"{lane}\"][data-direction={direction}]");
                tab.wait(&format!("$('#records button{record}')")).await;
            }
        }
        tab.click("#shown label[data-transport=websocket]").await;
        tab.wait("$$('#records button[data-kind=frame]').length >= 3").await;
        tab.click("#hold-still").await;
        tab.click("#records button[data-kind=frame][data-direction=out]").await;
        let bits: Vec<(String, String)> = tab
            .until(
                "$$('#detail-body [data-field]').map((row) =>
                    [row.dataset.field, row.querySelector('.bits').textContent])",
            )
            .await;
        let bits: Vec<_> = bits.iter().map(|(name, bits)| (name.as_str(), bits.as_str())).collect();
        assert_eq!(
            bits[..4],
            [("FIN", "1"), ("RSV1–3", "000"), ("opcode", "0001"), ("MASK", "0")],
            "a complete text frame from the server"
        );
        let ("length", length) = bits[4] else { panic!("{bits:?}") };
        let extended = ("extended length", 16);
        // A message of 64 bytes and its envelope: 126 means that the length is in the next two
        // bytes.
        assert!(length == "1111110" || bits.len() == 5, "{bits:?}");
        assert_eq!(length.len(), 7, "{bits:?}");
        if let Some((name, value)) = bits.get(5) {
            assert_eq!((*name, value.replace(' ', "").len()), extended);
        }
        let shown = tab.text("#detail-body").await;
        assert!(shown.contains(r#""seq""#), "the bytes of the message are there: {shown}");
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

/// Returns the texts and the meanings of the shown unit's lines.
const LINES: &str = "$$('#detail-body .anatomy tbody tr').map((row) =>
    [row.dataset.row, row.cells[0].textContent, row.cells[1].textContent])";

#[test]
fn a_session_of_socket_io_is_taken_apart_from_its_first_request_to_its_messages() {
    visit(async |visit| {
        let tab = visit.open("/on-the-wire").await;
        tab.click("#shown label[data-transport='socket.io']").await;
        let summaries = "$$('#records .record-summary').map(({ textContent }) => textContent)";
        let message = "$$('#records button[data-kind=frame]')
            .find((record) => /message #/.test(record.textContent))";
        tab.wait(message).await;
        tab.click("#hold-still").await;
        let shown: Vec<String> = tab.ask(&format!("{summaries}.reverse()")).await;
        // The session joins the feed and changes over at the same time, over several connections.
        let opens = ["transport=polling", "the session opens"];
        let joins = ["POST, the namespace is joined", "packets received"];
        let starts = ["the namespace is joined", "event hello", "message #"];
        let changes_over = [
            "transport=websocket",
            "probe of this connection: ping",
            "probe of this connection: pong",
            "the session changes over to this connection",
            "message #",
        ];
        for steps in [&joins[..], &starts, &changes_over] {
            let mut rest = shown.iter();
            for step in opens.iter().chain(steps) {
                // One summary may have several steps.
                let found = rest.clone().position(|summary| summary.contains(step));
                let Some(place) = found else { panic!("no `{step}` in {shown:#?}") };
                rest.by_ref().take(place).for_each(drop);
            }
        }

        let () = tab.ask(&format!("void {message}.click()")).await;
        let lines: Vec<(String, String, String)> = tab.until(LINES).await;
        let (kinds, texts): (Vec<_>, Vec<_>) =
            lines.iter().map(|(kind, text, _)| (kind.as_str(), text.as_str())).unzip();
        assert_eq!(
            kinds,
            ["frame_header", "engine_message", "socket_event", "namespace", "event_json"],
            "{lines:#?}"
        );
        assert_eq!(texts[1..4], ["4", "2", "/feeds/demo,"]);
        assert!(texts[4].starts_with(r#"["message",{"seq":"#) && texts[4].ends_with("}]"));
        assert!(lines.iter().all(|(.., meaning)| !meaning.is_empty()), "{lines:#?}");
        let parts: Vec<String> = tab
            .ask("[...$('[data-row=event_json] td').children].map(({ className }) => className)")
            .await;
        assert_eq!(parts, ["framing", "message", "framing"]);
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

/// Payloads with every type of packet, among them one with several packets.
const PAYLOADS: [&str; 16] = [
    r#"0{"sid":"a","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000}"#,
    "1",
    "2",
    "2probe",
    "3",
    "3probe",
    "5",
    "6",
    "ok",
    r#"40/feeds/demo,{"after":"1-2"}"#,
    "41/feeds/demo,",
    r#"42/feeds/demo,["message",{"seq":3}]"#,
    r#"43/feeds/demo,7["1-3"]"#,
    r#"44/feeds/none,{"message":"no"}"#,
    r#"451-/feeds/demo,["message",{"_placeholder":true,"num":0}]"#,
    "461-/feeds/demo,8[{\"_placeholder\":true,\"num\":0}]\u{1e}2\u{1e}\
     42/feeds/demo,[\"message\",{\"seq\":4}]",
];

#[test]
fn every_packet_is_decoded_to_its_last_byte_and_has_words() {
    let payloads = serde_json::to_string(&PAYLOADS).unwrap();
    let expression = format!(
        "Promise.all([import('/web/wire/packets.js'), import('/web/page_data.js')])
            .then(([{{ readPackets }}, {{ words }}]) => {{
            return {payloads}.flatMap((payload) => {{
                const {{ rows, packets }} = readPackets(new TextEncoder().encode(payload), 6);
                const ends = [6, ...rows.map(({{ to }}) => to)];
                const whole = rows.every(({{ from }}, at) => from === ends[at])
                    && ends.at(-1) === 6 + payload.length;
                const known = rows.every(({{ kind }}) => words.row[kind])
                    && packets.every(({{ name }}) => words.packet[name]);
                return whole && known ? [] : [payload];
            }});
        }})"
    );
    visit(async |visit| {
        for language in ["en", "zh"] {
            let tab = visit.open_for(language, "/on-the-wire").await;
            let wrong: Vec<String> = tab.ask(&expression).await;
            assert!(wrong.is_empty(), "{language}: {wrong:#?}");
        }
    });
}

#[test]
fn the_seventh_stream_waits_and_twenty_sockets_or_sessions_do_not() {
    visit(async |visit| {
        let tab = visit.open("/six-connections").await;
        assert_eq!(tab.ask::<String>("$('#six').dataset.protocol").await, "http/1.1");
        tab.click("#open-sse").await;
        assert_eq!(tab.until::<String>("$('#six').dataset.stalled").await, "7");
        assert_eq!(tab.ask::<String>("$('#six').dataset.open").await, "6");
        // The page then tries an ordinary request, which has to wait as well.
        tab.wait("$$('#log li').length >= 3").await;
        tab.click("#close-one").await;
        tab.wait("$('#six').dataset.stalled === '' && $('#six').dataset.open === '6'").await;

        tab.click("#open-websocket").await;
        tab.wait("$('#six').dataset.open === '20'").await;
        assert_eq!(tab.ask::<String>("$('#six').dataset.stalled").await, "");
        tab.click("#open-socket-io").await;
        tab.wait("$('#six').dataset.open === '20'").await;
        assert_eq!(tab.ask::<String>("$('#six').dataset.stalled").await, "");
        tab.click("#close-all").await;
        tab.wait("$('#six').dataset.open === '0'").await;
        // The page checks the server again, and finds it.
        tab.wait("$('#server-away p').hidden").await;
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}
