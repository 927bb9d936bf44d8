//! A browser that all tests of this binary share, and its tabs.
//!
//! Each test has a server of its own, because its changes are visible to all visitors of that
//! server. Each tab has a browser context of its own, and shares no cookies and connections.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::FutureExt;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::devtools::{Browser, DEADLINE, PageSession, lock};
use crate::support::Served;

/// How often a condition is checked while a test waits.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Writes violations of the content security policy to the console.
const TELL_VIOLATIONS: &str = r#"document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`${VIOLATION} ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"#;
const VIOLATION: &str = "content security policy:";

/// The elements that extend beyond the right edge, except in elements that scroll by themselves.
pub(crate) const BEYOND_THE_EDGE: &str = "(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const scrolls = (element) => element && (getComputedStyle(element).overflowX !== 'visible'
        || scrolls(element.parentElement));
    return $$('body *').filter((element) => element.getBoundingClientRect().right > width + 0.5
        && !scrolls(element.parentElement))
        .map(({ outerHTML }) => outerHTML.slice(0, 80)).concat('the page');
})()";

/// Returns Debian's Chromium, or the one that `WIREBENCH_CHROMIUM` names.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("WIREBENCH_CHROMIUM").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from("/usr/bin/chromium")).filter(|path| path.exists()))
}

/// The process of the browser, and the runtime of its client.
struct SharedBrowser {
    browser: Browser,
    runtime: Runtime,
}

impl SharedBrowser {
    /// Returns the browser that other tests are using, or a new one. Returns `None` without
    /// Chromium.
    #[expect(clippy::print_stderr, reason = "a skipped test says so")]
    fn get() -> Option<Arc<Self>> {
        // Weak, because a static is never dropped: the last test ends the process.
        static SHARED: Mutex<Weak<SharedBrowser>> = Mutex::new(Weak::new());
        let Some(chromium) = chromium() else {
            assert!(
                std::env::var_os("WIREBENCH_REQUIRE_BROWSER").is_none(),
                "there is no Chromium: install it, or name one in `WIREBENCH_CHROMIUM`"
            );
            eprintln!("skipped: there is no Chromium");
            return None;
        };
        let mut shared = lock(&SHARED);
        if let Some(running) = shared.upgrade() {
            return Some(running);
        }
        let launched = Arc::new(Self::launch(&chromium));
        *shared = Arc::downgrade(&launched);
        Some(launched)
    }

    fn launch(chromium: &Path) -> Self {
        let runtime = Runtime::new().unwrap();
        let browser = runtime.block_on(Browser::launch(chromium));
        Self { browser, runtime }
    }
}

impl Drop for SharedBrowser {
    fn drop(&mut self) {
        self.runtime.block_on(self.browser.close());
    }
}

/// Runs a test with a server of its own. The test fails if a page throws an exception or violates
/// its policy. A test that fails leaves a picture of each tab.
pub(crate) fn visit(test: impl AsyncFnOnce(&Visit)) {
    visit_with(&[], test);
}

/// Like [`visit`], with a server that is started with further arguments.
pub(crate) fn visit_with(arguments: &[&str], test: impl AsyncFnOnce(&Visit)) {
    let Some(shared) = SharedBrowser::get() else { return };
    let server = Served::start_with(arguments);
    let visit = Visit { shared: Arc::clone(&shared), server, tabs: Mutex::default() };
    shared.runtime.block_on(async {
        let body = async {
            test(&visit).await;
            let thrown: Vec<_> = visit.tabs().iter().flat_map(|tab| tab.thrown()).collect();
            assert!(thrown.is_empty(), "the pages threw: {thrown:#?}");
        };
        let ended = AssertUnwindSafe(body).catch_unwind().await;
        if ended.is_err() {
            visit.take_pictures().await;
        }
        visit.leave().await;
        if let Err(panic) = ended {
            resume_unwind(panic);
        }
    });
}

/// The server of a test, and its tabs.
pub(crate) struct Visit {
    shared: Arc<SharedBrowser>,
    pub(crate) server: Served,
    tabs: Mutex<Vec<Arc<Tab>>>,
}

impl Visit {
    /// Opens a page in a tab whose language is English.
    pub(crate) async fn open(&self, path: &str) -> Arc<Tab> {
        self.open_for("en", path).await
    }

    /// Opens a page in a tab with this `Accept-Language`.
    pub(crate) async fn open_for(&self, language: &str, path: &str) -> Arc<Tab> {
        let heard = Arc::new(PageEvents::default());
        let listener = {
            let heard = Arc::clone(&heard);
            move |event: &str, details: &Value| heard.hear(event, details)
        };
        let page = self.shared.browser.open(listener).await;
        let tab = Tab { page, heard, server: self.server.url().to_owned() };
        let headers = json!({ "headers": { "Accept-Language": language } });
        tab.call("Network.setExtraHTTPHeaders", headers).await;
        let script = TELL_VIOLATIONS.replace("${VIOLATION}", VIOLATION);
        tab.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
        tab.resize(1440, 900).await;
        tab.go(path).await;
        let tab = Arc::new(tab);
        lock(&self.tabs).push(Arc::clone(&tab));
        tab
    }

    fn tabs(&self) -> Vec<Arc<Tab>> {
        lock(&self.tabs).clone()
    }

    /// Saves a picture of each tab, and prints the errors of the pages.
    #[expect(clippy::print_stderr, reason = "shows why a test has failed")]
    async fn take_pictures(&self) {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("main").replace("::", "-");
        for (number, tab) in self.tabs().iter().enumerate() {
            let path =
                Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.png", number + 1));
            match tab.try_picture().await {
                Ok(picture) => {
                    std::fs::write(&path, picture).unwrap();
                    eprintln!("{name}: tab {} looks like {}", number + 1, path.display());
                }
                Err(error) => eprintln!("{name}: tab {} has no picture: {error}", number + 1),
            }
            for complaint in tab.complaints() {
                eprintln!("{name}: tab {}: {complaint}", number + 1);
            }
        }
    }

    /// Closes all tabs, because other tests need the processor.
    async fn leave(&self) {
        for tab in self.tabs() {
            tab.page.close().await;
        }
    }
}

/// An error of a page.
#[derive(Clone, Debug)]
enum Complaint {
    /// An uncaught exception, or a violation of the content security policy.
    Thrown(String),
    /// An error on the console, such as the browser's own about a server that is away.
    Logged(String),
}

impl Complaint {
    /// Returns the error that an event reports, if it reports one.
    fn of(event: &str, details: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match event {
            "Runtime.exceptionThrown" => Some(Self::Thrown(thrown(&details["exceptionDetails"]))),
            "Runtime.consoleAPICalled"
                if details["type"] == "error" || details["type"] == "warning" =>
            {
                let said = details["args"].as_array().into_iter().flatten();
                let said = said.filter_map(|said| said.get("value")).map(Value::to_string);
                let said = said.collect::<Vec<_>>().join(" ");
                let violation = said.contains(VIOLATION);
                Some(if violation { Self::Thrown(said) } else { Self::Logged(said) })
            }
            "Log.entryAdded" if details["entry"]["level"] == "error" => {
                let entry = &details["entry"];
                Some(Self::Logged(format!("{} {}", text(&entry["text"]), text(&entry["url"]))))
            }
            _ => None,
        }
    }
}

/// Returns the message of an exception, from the protocol's `ExceptionDetails`.
fn thrown(details: &Value) -> String {
    let said = details["exception"]["description"].as_str().or(details["text"].as_str());
    said.unwrap_or("an exception").to_owned()
}

/// What the events of a page have reported so far.
#[derive(Default)]
struct PageEvents {
    complaints: Mutex<Vec<Complaint>>,
    /// The documents that are completely loaded, by the protocol's `loaderId`.
    loaded: watch::Sender<Vec<String>>,
}

impl PageEvents {
    fn hear(&self, event: &str, details: &Value) {
        if event == "Page.lifecycleEvent" && details["name"] == "load" {
            let loader = details["loaderId"].as_str().unwrap_or_default().to_owned();
            self.loaded.send_modify(|loaded| loaded.push(loader));
        }
        lock(&self.complaints).extend(Complaint::of(event, details));
    }
}

/// An open page.
pub(crate) struct Tab {
    page: PageSession,
    heard: Arc<PageEvents>,
    server: String,
}

impl Tab {
    /// Sends a command. Panics if the page does not execute it.
    async fn call(&self, method: &str, parameters: Value) -> Value {
        self.page.call(method, parameters).await.unwrap()
    }

    /// Opens a page of the server in this tab, and waits until it is loaded.
    pub(crate) async fn go(&self, path: &str) {
        self.go_to(&format!("{}{path}", self.server)).await;
    }

    /// Opens any page in this tab, and waits until it is loaded.
    pub(crate) async fn go_to(&self, url: &str) {
        let mut loaded = self.heard.loaded.subscribe();
        let gone = self.call("Page.navigate", json!({ "url": url })).await;
        assert!(gone.get("errorText").is_none(), "cannot go to {url}: {gone}");
        // Going to another place on the same page loads nothing.
        let Some(document) = gone["loaderId"].as_str() else { return };
        let load = loaded.wait_for(|loaded| loaded.iter().any(|one| one == document));
        let load = timeout(DEADLINE, load).await;
        assert!(load.is_ok(), "{url} was not loaded within {DEADLINE:?}");
    }

    /// Sets the size of the window, in CSS pixels.
    pub(crate) async fn resize(&self, width: i64, height: i64) {
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Sets the preferred colour scheme, `"light"` or `"dark"`.
    pub(crate) async fn prefer(&self, color_scheme: &str) {
        let preferred = json!({ "name": "prefers-color-scheme", "value": color_scheme });
        self.call("Emulation.setEmulatedMedia", json!({ "features": [preferred] })).await;
    }

    /// Lays the page out as for a printer.
    pub(crate) async fn as_printed(&self) {
        self.call("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
    }

    /// Has what the page downloads saved in a folder.
    pub(crate) async fn download_to(&self, folder: &Path) {
        let allowed = json!({ "behavior": "allow", "downloadPath": folder });
        self.call("Page.setDownloadBehavior", allowed).await;
    }

    /// Waits until a file was downloaded, and returns its bytes. It has another name before.
    pub(crate) async fn downloaded(&self, file: &Path) -> Vec<u8> {
        let started = Instant::now();
        loop {
            if let Ok(bytes) = std::fs::read(file) {
                return bytes;
            }
            assert!(started.elapsed() < DEADLINE, "no {} within {DEADLINE:?}", file.display());
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }

    /// Evaluates an expression and awaits its value. The expression may use `$` and `$$`, as on the
    /// browser's console.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, expression: &str) -> T {
        match self.try_ask(expression).await {
            Ok(value) => serde_json::from_value(value.clone())
                .unwrap_or_else(|error| panic!("`{expression}` is {value}: {error}")),
            Err(error) => panic!("`{expression}`: {error}"),
        }
    }

    async fn try_ask(&self, expression: &str) -> Result<Value, String> {
        let question = json!({
            "expression": expression,
            "includeCommandLineAPI": true,
            "returnByValue": true,
            "awaitPromise": true,
        });
        let mut answer = self.page.call("Runtime.evaluate", question).await?;
        match answer.get("exceptionDetails") {
            Some(details) => Err(thrown(details)),
            None => Ok(answer["result"]["value"].take()),
        }
    }

    /// Waits until an expression is truthy, and returns its value.
    pub(crate) async fn until<T: DeserializeOwned>(&self, expression: &str) -> T {
        let started = Instant::now();
        loop {
            // A page that is being replaced cannot answer.
            let said = self.try_ask(expression).await;
            match &said {
                Ok(value) if is_true(value) => {
                    let value = value.clone();
                    return serde_json::from_value(value.clone())
                        .unwrap_or_else(|error| panic!("`{expression}` is {value}: {error}"));
                }
                _ => assert!(
                    started.elapsed() < DEADLINE,
                    "not within {DEADLINE:?}: `{expression}`; in the end it was {said:?}"
                ),
            }
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }

    /// Waits until an expression is true.
    pub(crate) async fn wait(&self, expression: &str) {
        let _: Value = self.until(expression).await;
    }

    /// Waits until the tab has followed a link, and its new page is loaded. A page has its address
    /// long before it has its elements.
    pub(crate) async fn arrive(&self, path_and_hash: &str) {
        let place = json!(path_and_hash);
        self.wait(&format!(
            "document.readyState === 'complete' && location.pathname + location.hash === {place}"
        ))
        .await;
    }

    /// Returns the text of an element.
    pub(crate) async fn text(&self, selector: &str) -> String {
        self.ask(&format!("$({}).textContent.trim()", json!(selector))).await
    }

    /// Clicks an element, once it is visible and enabled.
    pub(crate) async fn click(&self, selector: &str) {
        let quoted = json!(selector);
        self.wait(&format!("$({quoted})?.checkVisibility() && !$({quoted}).disabled")).await;
        // While the page is being replaced, the element may disappear before the click.
        for attempt in 1.. {
            match self.try_click(&quoted).await {
                Ok(()) => return,
                Err(error) => assert!(attempt < 10, "cannot click `{selector}`: {error}"),
            }
            self.wait("document.readyState === 'complete'").await;
        }
    }

    /// Presses and releases the mouse in the middle of an element.
    async fn try_click(&self, quoted: &Value) -> Result<(), String> {
        let middle = format!(
            "(() => {{
                const element = $({quoted});
                element.scrollIntoViewIfNeeded();
                const {{ x, y, width, height }} = element.getBoundingClientRect();
                return [x + width / 2, y + height / 2];
            }})()"
        );
        let middle = self.try_ask(&middle).await?;
        for (kind, button, clicks) in
            [("mouseMoved", "none", 0), ("mousePressed", "left", 1), ("mouseReleased", "left", 1)]
        {
            let moved = json!({
                "type": kind,
                "x": middle[0],
                "y": middle[1],
                "button": button,
                "clickCount": clicks,
            });
            self.page.call("Input.dispatchMouseEvent", moved).await?;
        }
        Ok(())
    }

    /// Writes a text into a field.
    pub(crate) async fn write(&self, selector: &str, text: &str) {
        let () = self.ask(&format!("void $({}).focus()", json!(selector))).await;
        self.call("Input.insertText", json!({ "text": text })).await;
    }

    /// Presses a key by its name, such as `"Enter"`.
    pub(crate) async fn press(&self, key: &str) {
        let (code, text) = match key {
            "Enter" => (13, "\r"),
            "Tab" => (9, ""),
            " " => (32, " "),
            "Escape" => (27, ""),
            "PageUp" => (33, ""),
            "PageDown" => (34, ""),
            other => panic!("add the key code of `{other}`"),
        };
        for kind in [if text.is_empty() { "rawKeyDown" } else { "keyDown" }, "keyUp"] {
            let mut pressed =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code });
            if kind == "keyDown" {
                pressed["text"] = text.into();
            }
            self.call("Input.dispatchKeyEvent", pressed).await;
        }
    }

    /// Moves a slider to a step, counted from 0.
    pub(crate) async fn slide(&self, selector: &str, place: u32) {
        self.wait(&format!("!$({}).disabled", json!(selector))).await;
        let moved = format!(
            "{{ const slider = $({}); slider.value = {place};
                slider.dispatchEvent(new Event('input', {{ bubbles: true }})); }}",
            json!(selector)
        );
        let _: Value = self.ask(&moved).await;
    }

    /// Sends a `GET` to the page's own server, and returns the JSON of the response.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ask(&format!("fetch({}).then((answer) => answer.json())", json!(path))).await
    }

    /// Returns the role and the name of each node, as assistive technology sees them.
    pub(crate) async fn accessible(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
        let tree = self.call("Accessibility.getFullAXTree", json!({})).await;
        let nodes = tree["nodes"].as_array().expect("the tree has nodes").iter();
        let nodes = nodes.filter(|node| node["ignored"] != true);
        nodes.map(|node| (text(&node["role"]), text(&node["name"]))).collect()
    }

    /// Returns a PNG of the whole page.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        self.try_picture().await.unwrap()
    }

    async fn try_picture(&self) -> Result<Vec<u8>, String> {
        let metrics = self.page.call("Page.getLayoutMetrics", json!({})).await?;
        let whole = &metrics["cssContentSize"];
        let whole = json!({
            "x": 0, "y": 0, "width": whole["width"], "height": whole["height"], "scale": 1,
        });
        let picture = json!({ "format": "png", "clip": whole, "captureBeyondViewport": true });
        let picture = self.page.call("Page.captureScreenshot", picture).await?;
        let encoded = picture["data"].as_str().unwrap_or_default();
        STANDARD.decode(encoded).map_err(|error| error.to_string())
    }

    /// Returns all errors of the page.
    pub(crate) fn complaints(&self) -> Vec<String> {
        lock(&self.heard.complaints)
            .iter()
            .map(|complaint| match complaint {
                Complaint::Thrown(said) | Complaint::Logged(said) => said.clone(),
            })
            .collect()
    }

    /// Returns the errors that are wrong even while the server is away.
    fn thrown(&self) -> Vec<String> {
        let thrown = |complaint: &Complaint| match complaint {
            Complaint::Thrown(said) => Some(said.clone()),
            Complaint::Logged(_) => None,
        };
        lock(&self.heard.complaints).iter().filter_map(thrown).collect()
    }
}

/// Returns true if JavaScript treats the value as true.
fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value != 0 && value != ""
}
