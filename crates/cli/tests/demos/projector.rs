//! What helps a class: the projector mode, the strip of lanes on phones, the QR code of the chat,
//! and the teacher's notes.

use crate::browser::{Tab, visit};

/// The texts of the elements of the page that are shown, without those inside of them.
const SHOWN: &str = "$$('main > *, main [data-each] > *')
    .filter((element) => element.checkVisibility() && !element.querySelector('[data-each]'))
    .map(({ textContent }) => textContent.trim().slice(0, 60))";

async fn place(tab: &Tab) -> String {
    tab.text(".projector-bar [role=status]").await
}

#[test]
fn the_projector_shows_one_idea_a_screen_and_space_goes_to_the_next() {
    visit(async |visit| {
        let tab = visit.open("/without-id").await;
        tab.click("#projector").await;
        assert_eq!(place(&tab).await, "1 / 8");
        // The heading and its sentence, and nothing else.
        assert_eq!(tab.ask::<Vec<String>>(SHOWN).await.len(), 2);
        assert!(tab.ask::<bool>("$('h1').checkVisibility() && !$('#cut').checkVisibility()").await);

        tab.press(" ").await;
        assert_eq!(place(&tab).await, "2 / 8");
        assert!(tab.ask::<bool>("!$('h1').checkVisibility() && $('#cut').checkVisibility()").await);
        // A button that was clicked with the mouse has the focus. Space is still the presenter's.
        tab.click("#zero").await;
        for n in 3..=8 {
            tab.press(" ").await;
            assert_eq!(place(&tab).await, format!("{n} / 8"));
        }
        let last: Vec<String> = tab.ask(SHOWN).await;
        assert_eq!(last.len(), 1, "one line of the reading: {last:?}");
        tab.press("PageUp").await;
        assert_eq!(place(&tab).await, "7 / 8");
        tab.press("PageDown").await;

        // After the last screen comes the next page, in the same mode.
        tab.press(" ").await;
        tab.arrive("/reconnecting").await;
        tab.wait("$('.projector-bar')").await;
        assert!(place(&tab).await.starts_with("1 / "));
        tab.press("Escape").await;
        tab.wait("!$('.projector-bar') && $$('[data-off]').length === 0").await;
        tab.go("/chat").await;
        tab.wait("!$('#projector').hidden").await;
        assert!(!tab.ask::<bool>("document.documentElement.hasAttribute('data-projector')").await);
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

#[test]
fn every_page_has_screens_that_fit_a_projector() {
    visit(async |visit| {
        let tab = visit.open("/").await;
        tab.click("#projector").await;
        let links = "$$('.site-pages a').map((link) => link.getAttribute('href'))";
        for page in tab.ask::<Vec<String>>(links).await {
            tab.go(&page).await;
            tab.wait("$('.projector-bar')").await;
            let all = place(&tab).await;
            let all: u32 = all.split(" / ").nth(1).unwrap().parse().unwrap();
            assert!(all >= 3, "{page} has {all} screens");
            for n in 1..=all {
                assert_eq!(place(&tab).await, format!("{n} / {all}"), "{page}");
                let wide: (i64, i64) =
                    tab.ask("[document.documentElement.scrollWidth, innerWidth]").await;
                assert!(wide.0 <= wide.1, "{page}: screen {n} is {wide:?}");
                let shown: Vec<String> = tab.ask(SHOWN).await;
                assert!(!shown.is_empty(), "{page}: screen {n} is empty");
                if n < all {
                    tab.press("PageDown").await;
                }
            }
        }
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

/// All five lanes fit on the screen of a phone.
#[test]
fn on_a_phone_the_lanes_are_a_strip_and_their_figures_open_on_demand() {
    visit(async |visit| {
        let tab = visit.open("/side-by-side").await;
        let figures = "$$('.lane-theory').filter((table) => table.checkVisibility()).length";
        tab.wait(&format!("{figures} === 5")).await;
        tab.resize(390, 844).await;
        tab.wait(&format!("{figures} === 0")).await;
        let height: f64 = tab.ask("$('#lanes').getBoundingClientRect().height").await;
        assert!(height < 760.0, "{height} px of the 844 of a phone");
        let parts = "$$('.lane').every((lane) =>
            lane.querySelector('[data-part=delay]').checkVisibility()
            && lane.querySelector('.chart-place').checkVisibility())";
        assert!(tab.ask::<bool>(parts).await);
        tab.click(".lane summary").await;
        tab.wait(&format!("{figures} === 1")).await;
        tab.resize(1440, 900).await;
        tab.wait(&format!("{figures} === 5")).await;
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

#[test]
fn the_chat_shows_a_qr_code_or_says_how_to_start_the_server() {
    visit(async |visit| {
        let tab = visit.open("/chat").await;
        // The server of this test listens on the loopback interface.
        tab.click("#show-join").await;
        tab.wait("$('#join').open && $('#join-none').checkVisibility()").await;
        assert!(tab.text("#join-none").await.contains("--listen 0.0.0.0:8080"));
        assert!(tab.ask::<bool>("$('#join-code svg') === null").await);
        tab.click("#close-join").await;

        // What the server answers to a page that was asked at an address for others.
        let () = tab
            .ask(
                "{ const real = fetch;
                    const url = 'http://192.168.1.5:8080/chat';
                    const qr = { size: 21, path: 'M0 0h1v1h-1z' };
                    const body = JSON.stringify({ url, qr });
                    window.fetch = (path, options) => String(path).startsWith('/demo/join')
                        ? Promise.resolve(new Response(body)) : real(path, options);
                    null; }",
            )
            .await;
        tab.click("#show-join").await;
        tab.wait("$('#join').open && $('#join-code svg')?.checkVisibility()").await;
        assert_eq!(tab.text("#join-url").await, "http://192.168.1.5:8080/chat");
        assert!(!tab.ask::<bool>("$('#join-none').checkVisibility()").await);
        assert_eq!(
            tab.ask::<String>("$('#join-code svg').getAttribute('viewBox')").await,
            "-4 -4 29 29"
        );
        let sides: (f64, f64) = tab
            .ask(
                "(({ width, height }) => [width, height])(
                    $('#join-code svg').getBoundingClientRect())",
            )
            .await;
        assert!(sides.0 >= 300.0 && (sides.0 - sides.1).abs() < 1.0, "{sides:?}");
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}

#[test]
fn every_lesson_links_to_its_notes() {
    visit(async |visit| {
        let tab = visit.open("/").await;
        let links = "$$('.site-pages a').map((link) => link.getAttribute('href'))
            .filter((path) => path !== '/teaching')";
        for page in tab.ask::<Vec<String>>(links).await {
            tab.go(&page).await;
            tab.click(".site-foot a").await;
            tab.arrive(&format!("/teaching#{}", &page[1..])).await;
            let notes = "document.querySelector(location.hash).querySelectorAll('li').length";
            assert!(tab.ask::<u64>(notes).await >= 3, "{page}");
        }
        assert!(tab.complaints().is_empty(), "{:#?}", tab.complaints());
    });
}
