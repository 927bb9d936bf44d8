//! Side by side, on the wire, six connections: what the lanes show of themselves.

use crate::TRANSPORTS;
use crate::browser::{Tab, visit};

/// Of every lane of side by side, in the order of `TRANSPORTS`: a count that it shows.
async fn counts(tab: &Tab, name: &str) -> Vec<u64> {
    let all =
        format!("$$('[data-lane] [data-count={name}]').map((shown) => Number(shown.textContent))");
    let counts: Vec<u64> = tab.ask(&all).await;
    assert_eq!(counts.len(), TRANSPORTS.len(), "every lane counts {name}");
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

/// Cuts the connections of all lanes, and lets none through for so long from now on.
async fn cut(tab: &Tab, seconds: u32) {
    let ok: bool = tab
        .ask(&format!(
            "fetch('/demo/cut', {{ method: 'POST', body: '{{\"seconds\":{seconds}}}',
                headers: {{ 'Content-Type': 'application/json' }} }}).then(({{ ok }}) => ok)"
        ))
        .await;
    assert!(ok);
}

/// Waits until every lane has received this many.
async fn wait_for_received(tab: &Tab, count: u64) {
    tab.wait(&format!(
        "$$('[data-count=received]').every((shown) => Number(shown.textContent) >= {count})"
    ))
    .await;
}

/// Presses the button that stops or starts the feed, and says how many messages it has then.
async fn press_feed(tab: &Tab, publishing: bool) -> u64 {
    tab.click("#feed").await;
    tab.wait(&format!(
        "fetch('/demo/state').then((answer) => answer.json())
            .then((state) => state.publishing === {publishing})"
    ))
    .await;
    published(tab).await
}

/// The page with 20 messages a second, all lanes connected and receiving.
async fn side_by_side(visit: &crate::browser::Visit) -> std::sync::Arc<Tab> {
    let tab = visit.open("/side-by-side").await;
    let lanes: Vec<String> =
        tab.until("$$('[data-lane]').map(({ dataset }) => dataset.lane)").await;
    assert_eq!(lanes, TRANSPORTS);
    wait_for_state(&tab, "connected").await;
    tab.slide("#rate", 7).await;
    tab.wait(
        "fetch('/demo/state').then((answer) => answer.json()).then(({ rate }) => rate === 20)",
    )
    .await;
    wait_for_received(&tab, 5).await;
    tab
}

#[test]
fn each_lane_receives_and_shows_what_it_costs() {
    visit(async |visit| {
        let tab = side_by_side(visit).await;
        wait_for_received(&tab, 40).await;
        for lane in TRANSPORTS {
            tab.wait(&format!(
                "/^(< )?[\\d.,]+ (ms|s)$/.test($('[data-lane={lane}] [data-part=delay]').textContent)"
            ))
            .await;
            tab.wait(&format!(
                "Number($('[data-lane={lane}] [data-count=requests]').textContent) >= 1"
            ))
            .await;
            tab.wait(&format!(
                "/B$/.test($('[data-lane={lane}] [data-part=bytes-out]').textContent)"
            ))
            .await;
        }
        let requests = counts(&tab, "requests").await;
        assert_eq!(&requests[2..], [1, 1], "a stream and a socket take one request");
        assert!(requests[1] > 20, "a long poll for almost every message: {requests:?}");
        assert_eq!(counts(&tab, "lost-silently").await, [0; 4]);
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

/// What is published while nobody can be connected is what each lane has to recover, to the message.
#[test]
fn after_a_cut_each_lane_recovers_exactly_what_it_missed() {
    visit(async |visit| {
        let tab = side_by_side(visit).await;
        let before = press_feed(&tab, false).await;
        wait_for_last(&tab, before).await;
        tab.click("#zero").await;
        tab.wait("$$('[data-count=received]').every((shown) => shown.textContent === '0')").await;

        tab.click("#cut").await;
        // Longer than the button's three seconds: how fast this test goes is to make no difference.
        cut(&tab, 30).await;
        wait_for_state(&tab, "away").await;
        assert_eq!(published(&tab).await, before, "the feed stands");
        press_feed(&tab, true).await;
        wait_for_published(&tab, before + 10).await;
        let after = press_feed(&tab, false).await;
        wait_for_state(&tab, "away").await;
        cut(&tab, 0).await;

        wait_for_state(&tab, "connected").await;
        let missed = after - before;
        wait_for_received(&tab, missed).await;
        assert_eq!(counts(&tab, "received").await, [missed; 4], "published: {before} to {after}");
        assert_eq!(counts(&tab, "recovered").await, [missed; 4]);
        assert_eq!(counts(&tab, "lost").await, [0; 4]);
        assert_eq!(counts(&tab, "lost-silently").await, [0; 4]);
    });
}

#[test]
fn a_cut_in_the_midst_of_messages_loses_none() {
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
        assert_eq!(counts(&tab, "received").await, [after - before; 4]);
        for recovered in counts(&tab, "recovered").await {
            // Which lane knows when that it is away is its transport's affair.
            assert!((1..=late - early).contains(&recovered), "{recovered} of {}", late - early);
        }
        assert_eq!(counts(&tab, "lost").await, [0; 4]);
        assert_eq!(counts(&tab, "lost-silently").await, [0; 4]);
    });
}

/// Waits until every lane shows this message as its newest.
async fn wait_for_last(tab: &Tab, seq: u64) {
    tab.wait(&format!(
        "$$('.lane-last tbody tr:first-child td:first-child')
            .every((cell) => Number(cell.textContent.replace(/\\D/g, '')) === {seq})"
    ))
    .await;
}

#[test]
fn when_the_feed_stops_nothing_more_is_received() {
    visit(async |visit| {
        let tab = side_by_side(visit).await;
        let last = press_feed(&tab, false).await;
        wait_for_last(&tab, last).await;
        let received = counts(&tab, "received").await;
        let polls = counts(&tab, "requests").await[0];
        tab.wait(&format!(
            "Number($('[data-lane=short-polling] [data-count=requests]').textContent) >= {polls} + 3"
        ))
        .await;
        assert_eq!(counts(&tab, "received").await, received);
        assert_eq!(published(&tab).await, last);
        wait_for_state(&tab, "connected").await;
    });
}

#[test]
fn after_a_restart_each_lane_says_so_and_goes_on() {
    visit(async |visit| {
        let tab = side_by_side(visit).await;
        tab.click("#restart").await;
        wait_for_state(&tab, "away").await;
        tab.wait("!$('#server-away p').hidden").await;
        wait_for_state(&tab, "connected").await;
        tab.wait("$('#server-away p').hidden").await;
        tab.wait(
            "$$('.lane-reset').length === 4 && $$('.lane-reset').every(({ hidden }) => !hidden)",
        )
        .await;
        tab.click("#zero").await;
        wait_for_received(&tab, 3).await;
        assert_eq!(counts(&tab, "lost-silently").await, [0; 4]);
        // Nobody has to set the sliders again, and what was said of the restart is over.
        assert_eq!(tab.get("/demo/state").await["rate"], 20.0);
        assert_eq!(tab.text("output[for=rate]").await, "20/s");
        tab.wait("$('#answer').textContent === ''").await;
    });
}

#[test]
fn what_is_said_of_a_cut_stands_while_the_cut_lasts() {
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

/// Columns of a lane's chart that have something in its colour, from left to right.
const COLOURED: &str = "(() => {
    const canvas = $('[data-lane=sse] canvas');
    const colour = getComputedStyle($('[data-lane=sse]')).borderTopColor.match(/\\d+/g).map(Number);
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const columns = [];
    for (let x = 0; x < canvas.width; x += 1) {
        let some = false;
        for (let y = 0; y < canvas.height; y += 1) {
            const at = 4 * (y * canvas.width + x);
            some ||= data[at + 3] > 128 && colour.every((value, part) => Math.abs(value - data[at + part]) < 48);
        }
        if (some) columns.push(x);
    }
    return columns;
})()";

/// Nothing is on the way from one message to the next, so no line may say that something is.
#[test]
fn a_chart_of_messages_has_a_dot_for_each_and_nothing_between() {
    const PUBLISH: &str = "fetch('/feeds/demo/messages', { method: 'POST', body: '\"x\"',
        headers: { 'Content-Type': 'application/json' } }).then(({ ok }) => ok)";
    visit(async |visit| {
        let tab = visit.open("/side-by-side").await;
        press_feed(&tab, false).await;
        // Anew, with empty charts.
        tab.go("/side-by-side").await;
        wait_for_state(&tab, "connected").await;
        assert!(tab.ask::<bool>(PUBLISH).await);
        wait_for_received(&tab, 1).await;
        // The first dot moves to the left as time goes by; the second comes far enough from it.
        let right: u32 = tab.until(&format!("{COLOURED}.at(-1)")).await;
        tab.wait(&format!("{COLOURED}.at(-1) < {right} - 30")).await;
        assert!(tab.ask::<bool>(PUBLISH).await);
        wait_for_received(&tab, 2).await;
        tab.wait(&format!("{COLOURED}.at(-1) > {right} - 20")).await;
        let columns: Vec<u32> = tab.ask(COLOURED).await;
        let gaps = columns.windows(2).filter(|pair| pair[1] - pair[0] > 15).count();
        assert_eq!(gaps, 1, "two dots and nothing between: {columns:?}");
    });
}

/// A mark above the scale: how many of its pixels are left of its middle, how many right of it, and how
/// far it is from the upper edge.
const OFF_THE_SCALE: &str = "import('/web/chart.js').then(({ chart }) => {
    const place = document.createElement('div');
    Object.assign(place.style, { position: 'relative', width: '300px', height: '200px' });
    document.body.append(place);
    const series = [{ key: 'a', name: 'a', color: '--sse', dots: true, line: false }];
    const drawn = chart(place, { series, label: 'a', span: 1000, maximum: 100, now: () => 500 });
    drawn.add('a', 0, 1000, { hollow: true });
    drawn.redraw();
    const canvas = place.querySelector('canvas');
    const pen = canvas.getContext('2d');
    pen.fillStyle = getComputedStyle(place).getPropertyValue('--sse');
    const colour = pen.fillStyle.match(/[0-9a-f]{2}/g).map((part) => parseInt(part, 16));
    const { data } = pen.getImageData(0, 0, canvas.width, canvas.height);
    const marked = [];
    for (let at = 0; at < data.length; at += 4) {
        if (data[at + 3] > 100 && colour.every((value, part) => Math.abs(value - data[at + part]) < 60))
            marked.push({ x: (at / 4) % canvas.width, y: Math.floor(at / 4 / canvas.width) });
    }
    const xs = marked.map(({ x }) => x);
    const middle = (Math.min(...xs) + Math.max(...xs)) / 2;
    const left = marked.filter(({ x }) => x < middle - 0.75).length;
    const right = marked.filter(({ x }) => x > middle + 0.75).length;
    return [left, right, Math.min(...marked.map(({ y }) => y))];
})";

#[test]
fn a_mark_above_the_scale_is_whole() {
    visit(async |visit| {
        let tab = visit.open("/side-by-side").await;
        let (left, right, top): (i32, i32, i32) = tab.ask(OFF_THE_SCALE).await;
        assert!(left >= 6 && (left - right).abs() <= 3, "left {left}, right {right}");
        assert!(top >= 1, "it touches the upper edge");
    });
}

#[test]
fn the_legend_of_the_wire_shows_the_patterns_of_its_bars() {
    // How a part is filled, whatever its colour.
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
        assert_eq!(distinct.len(), 3, "the three are told apart: {legend:?}");
    });
}

#[test]
fn every_lane_leaves_records_and_a_frame_shows_the_bits_of_its_header() {
    visit(async |visit| {
        let tab = visit.open("/on-the-wire").await;
        for lane in TRANSPORTS {
            tab.wait(&format!(
                "Number($('#totals tr[data-lane={lane}] [data-total=messages]')?.textContent) >= 3"
            ))
            .await;
            tab.wait(&format!("$('#records button[data-transport={lane}][data-direction=in]')"))
                .await;
            tab.wait(&format!("$('#records button[data-transport={lane}][data-direction=out]')"))
                .await;
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
            "a whole text frame from a server"
        );
        let ("length", length) = bits[4] else { panic!("{bits:?}") };
        let extended = ("extended length", 16);
        // A message of 64 bytes and its envelope: 126 stands for a length in the two bytes behind it.
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

#[test]
fn the_seventh_stream_waits_and_twenty_sockets_do_not() {
    visit(async |visit| {
        let tab = visit.open("/six-connections").await;
        assert_eq!(tab.ask::<String>("$('#six').dataset.protocol").await, "http/1.1");
        tab.click("#open-sse").await;
        assert_eq!(tab.until::<String>("$('#six').dataset.stalled").await, "7");
        assert_eq!(tab.ask::<String>("$('#six').dataset.open").await, "6");
        // The page then tries an ordinary request, which waits as well.
        tab.wait("$$('#log li').length >= 3").await;
        tab.click("#close-one").await;
        tab.wait("$('#six').dataset.stalled === '' && $('#six').dataset.open === '6'").await;

        tab.click("#open-websocket").await;
        tab.wait("$('#six').dataset.open === '20'").await;
        assert_eq!(tab.ask::<String>("$('#six').dataset.stalled").await, "");
        tab.click("#close-all").await;
        tab.wait("$('#six').dataset.open === '0'").await;
        // The page looks out for the server again, and finds it.
        tab.wait("$('#server-away p').hidden").await;
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}
