//! The pages monitor, badge, clock and job.

use wirebench_protocol::Transport;

use crate::browser::{Tab, visit};

/// Returns true if anything on a canvas differs from its first pixel.
const IS_DRAWN: &str = "(canvas) => {
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const pixels = new Uint32Array(data.buffer);
    return pixels.some((pixel) => pixel !== pixels[0]);
}";

async fn wait_for_charts(tab: &Tab, count: usize) {
    tab.wait(&format!("$$('canvas').length === {count} && $$('canvas').every({IS_DRAWN})")).await;
}

#[test]
fn a_polled_badge_makes_empty_requests_and_a_pushed_one_does_not() {
    visit(async |visit| {
        let tab = visit.open("/badge").await;
        tab.wait("$$('.state').every(({ dataset }) => dataset.state === 'connected')").await;
        tab.slide("#interval", 0).await;
        tab.wait("Number($('[data-badge=polled] [data-count=empty]').textContent) >= 3").await;
        for (way, count, expected) in [("pushed", "empty", "0"), ("pushed", "requests", "0")] {
            let shown = tab.text(&format!("[data-badge={way}] [data-count={count}]")).await;
            assert_eq!(shown, expected, "{way}: {count} since the interval was set");
        }
        // A message that arrives right after the click is in the same poll. The polled badge then
        // never shows 0, so click again.
        let all_read = "$$('[data-part=unread]').every(({ textContent }) => textContent === '0')";
        let polls = "Number($('[data-badge=polled] [data-count=requests]').textContent)";
        let mut read = false;
        while !read {
            let before: u64 = tab.ask(polls).await;
            tab.click("#read").await;
            tab.wait(&format!("{all_read} || {polls} >= {before} + 3")).await;
            read = tab.ask(all_read).await;
        }
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

#[test]
fn the_monitor_draws_and_the_naive_way_takes_a_sampler_for_each_subscriber() {
    visit(async |visit| {
        let tab = visit.open("/monitor").await;
        tab.wait("/\\d+ ?%/.test($('#cpu').textContent) && /GiB/.test($('#memory').textContent)")
            .await;
        wait_for_charts(&tab, 2).await;
        let samples = "Number($('[data-count=samples-per-second]').textContent.replace(',', '.'))";
        tab.wait(&format!("{samples} > 0 && {samples} < 2")).await;

        tab.click("label:has(input[value=naive])").await;
        tab.wait(
            "fetch('/demo/monitor/cost').then((answer) => answer.json())
            .then(({ naive_connections }) => naive_connections === 10)",
        )
        .await;
        tab.wait(&format!("{samples} > 5")).await;
        tab.wait("/\\d/.test($('#mean-age [data-part=observed]').textContent)").await;

        tab.click("label:has(input[value=shared])").await;
        tab.wait(
            "fetch('/demo/monitor/cost').then((answer) => answer.json())
            .then(({ naive_connections }) => naive_connections === 0)",
        )
        .await;
        tab.wait(&format!("{samples} < 2")).await;
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

/// The second hands are as far apart as the enlarged delay says.
#[test]
fn the_hands_of_the_two_clocks_can_be_seen_apart() {
    visit(async |visit| {
        let tab = visit.open("/clock").await;
        let turn = |face: &str| {
            format!(
                "parseFloat($('#face-{face} .second').getAttribute('transform')?.slice(7)) / 360"
            )
        };
        // The factor and the hands change together, with each frame.
        let angle = format!(
            "(() => {{
                const said = /drawn ([\\d,]+) times as long: as ([\\d.]+) s/
                    .exec($('#enlarged').textContent);
                const apart = ({} - {} + 1) % 1;
                return said && [Number(said[1].replace(',', '')), Number(said[2]) / 60, apart];
            }})()",
            turn("server"),
            turn("received")
        );
        let (factor, said, apart): (f64, f64, f64) = tab.until(&angle).await;
        assert!([10.0, 100.0, 1000.0].contains(&factor), "{factor}");
        // A delay of at least 25 ms is a few degrees, and never more than a quarter of a turn.
        assert!((0.02..=0.26).contains(&apart), "{apart} of a turn");
        assert!((said - apart).abs() < 0.01, "said {said}, drawn {apart}");
        // A delay of seconds is drawn as it is.
        let factors: Vec<u64> = tab
            .ask(
                "import('/web/pages/clock/two_clocks.js').then(({ enlargement }) =>
                    [0.5, 14, 16, 25, 149, 151, 1600, 60_000].map(enlargement))",
            )
            .await;
        assert_eq!(factors, [1000, 1000, 100, 100, 100, 10, 1, 1]);
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

/// The feed is ten times as fast as life, so that the lesson is over before the class is tired.
#[test]
fn the_lesson_of_the_badge_takes_a_minute_and_then_says_what_it_has_shown() {
    visit(async |visit| {
        let tab = visit.open("/badge").await;
        tab.wait("Number($('#minute').value) > 5").await;
        assert!(tab.text("main .notice").await.contains("ten times"));
        tab.wait("Number($('#minute').value) > 33").await;
        let said: Vec<String> = tab
            .until(
                "/asked (\\d+) times, and (\\d+) requests.*was ([\\d.]+ m?s) old/
                    .exec($('#lesson').textContent)",
            )
            .await;
        let (asked, empty): (u32, u32) = (said[1].parse().unwrap(), said[2].parse().unwrap());
        // Polls are a second apart, and a message comes every 1.5 s.
        assert!((30..=70).contains(&asked), "{said:?}");
        assert!(empty > 5 && empty < asked, "{said:?}");
        let mean = milliseconds(&said[3]);
        assert!((100.0..2_000.0).contains(&mean), "half a second is predicted: {said:?}");
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

#[test]
fn the_clock_ticks_over_every_transport() {
    visit(async |visit| {
        let tab = visit.open("/clock").await;
        for transport in Transport::ALL {
            tab.click(&format!("label[data-transport='{transport}']")).await;
            tab.wait("Number($('[data-count=received]').textContent) === 0").await;
            tab.wait("Number($('[data-count=received]').textContent) >= 1").await;
            let told: String = tab.ask("$('#time').dateTime").await;
            tab.wait(&format!("$('#time').dateTime > '{told}'")).await;
            let off: f64 = tab.ask("Math.abs(Date.now() - new Date($('#time').dateTime))").await;
            assert!(off < 5_000.0, "the server's clock is {off} ms off over {transport}");
            tab.wait("Number($('[data-count=requests]').textContent) >= 1").await;
        }
        wait_for_charts(&tab, 1).await;
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

/// The mean of a few values says nothing about the prediction.
#[test]
fn a_badge_shows_a_mean_and_a_range_only_with_enough_changes() {
    visit(async |visit| {
        let tab = visit.open("/badge").await;
        tab.wait("$$('.state').every(({ dataset }) => dataset.state === 'connected')").await;
        let shown = |part: &str| format!("$('[data-badge=pushed] [data-part={part}]').textContent");
        let (mean, spread) = (shown("mean-observed"), shown("spread-observed"));
        let count = "Number($('[data-badge=pushed] [data-count=received]').textContent)";
        // All at once, because the inbox also receives messages by itself.
        let look = format!("[{count}, {mean}, {spread}]");
        loop {
            let (n, mean, spread): (u32, String, String) = tab.ask(&look).await;
            assert_eq!(mean == "–", n < 5, "{n} changes: {mean}");
            assert!(spread.contains(&format!("n\u{a0}=\u{a0}{n}")), "{n} changes: {spread}");
            assert_eq!(spread.contains(" to "), n >= 5, "{n} changes: {spread}");
            if n >= 5 {
                break;
            }
            tab.click("#read").await;
            tab.wait(&format!("{count} > {n}")).await;
        }
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

/// Parses `0.4 ms` or `1.25 s`. `< 3.1 ms` means at most that long.
fn milliseconds(text: &str) -> f64 {
    let text = text.trim_start_matches("< ");
    let (value, unit) =
        text.split_once(' ').unwrap_or_else(|| panic!("`{text}` is not a duration"));
    let value: f64 = value.parse().unwrap_or_else(|_| panic!("`{text}` is not a duration"));
    if unit == "s" { value * 1000.0 } else { value }
}

#[test]
fn a_push_tells_of_the_end_of_a_job_no_later_than_polling() {
    visit(async |visit| {
        let tab = visit.open("/job").await;
        tab.wait("$('[data-way=pushed]').dataset.state === 'connected'").await;
        tab.slide("#seconds", 0).await;
        tab.slide("#interval", 1).await;
        tab.click("#start").await;
        tab.wait("$$('[data-told]').every(({ dataset }) => dataset.state === 'told')").await;
        let pushed = milliseconds(&tab.text("[data-late=pushed]").await);
        let polled = milliseconds(&tab.text("[data-late=polled]").await);
        // A poll that happens to arrive as the job ends is answered at about the same time.
        assert!(pushed <= polled + 20.0, "pushed after {pushed} ms, polled after {polled} ms");
        assert!(pushed < 500.0, "pushed after {pushed} ms");
        assert_eq!(tab.ask::<usize>("$$('#rows tr').length").await, 1);
        assert_eq!(tab.text("[data-empty=pushed]").await, "0");
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}
