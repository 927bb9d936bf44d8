//! A browser that all tests of this binary share, and tabs in it that tests look through.
//!
//! Each test has a server of its own, since what it does to the server everybody on it would see, and
//! each tab a browser context of its own: cookies and connections are nobody else's.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use chromiumoxide::cdp::browser_protocol::browser::BrowserContextId;
use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetDeviceMetricsOverrideParams,
};
use chromiumoxide::cdp::browser_protocol::input::InsertTextParams;
use chromiumoxide::cdp::browser_protocol::log::{EventEntryAdded, LogEntryLevel};
use chromiumoxide::cdp::browser_protocol::network::{Headers, SetExtraHttpHeadersParams};
use chromiumoxide::cdp::browser_protocol::page::Viewport;
use chromiumoxide::cdp::browser_protocol::target::{
    CreateBrowserContextParams, CreateTargetParams, DisposeBrowserContextParams,
};
use chromiumoxide::cdp::js_protocol::runtime::{
    ConsoleApiCalledType, EvaluateParams, EventConsoleApiCalled, EventExceptionThrown,
};
use chromiumoxide::page::ScreenshotParams;
use chromiumoxide::{Browser, BrowserConfig, Page};
use futures::{FutureExt, StreamExt};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::Served;

/// How long a page may take for anything before a test gives it up.
const DEADLINE: Duration = Duration::from_secs(30);

/// How often a page is looked at while a test waits.
const LOOK: Duration = Duration::from_millis(50);

/// Says on the console what the content security policy held back.
const TELL_VIOLATIONS: &str = r#"document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`${VIOLATION} ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"#;
const VIOLATION: &str = "content security policy:";

/// Debian's Chromium, or the one that `WIREBENCH_CHROMIUM` names.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("WIREBENCH_CHROMIUM").map(PathBuf::from);
    named.or_else(|| Some(PathBuf::from("/usr/bin/chromium")).filter(|path| path.exists()))
}

/// The browser's process, and the threads that talk to it.
struct Shared {
    // Dropped in this order: the profile goes once nobody writes to it.
    browser: Browser,
    runtime: Runtime,
    _profile: TempDir,
}

impl Shared {
    /// The browser that another test uses at the moment, or a new one; none where there is no Chromium.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    fn get() -> Option<Arc<Self>> {
        // Weak, since nothing drops a static: the last test that is done ends the process.
        static SHARED: Mutex<Weak<Shared>> = Mutex::new(Weak::new());
        let Some(chromium) = chromium() else {
            assert!(
                std::env::var_os("WIREBENCH_REQUIRE_BROWSER").is_none(),
                "no Chromium: install it, or name one by `WIREBENCH_CHROMIUM`"
            );
            eprintln!("skipped: there is no Chromium");
            return None;
        };
        let mut shared = lock(&SHARED);
        if let Some(running) = shared.upgrade() {
            return Some(running);
        }
        let launched = Arc::new(Self::launch(chromium));
        *shared = Arc::downgrade(&launched);
        Some(launched)
    }

    fn launch(chromium: PathBuf) -> Self {
        let profile = TempDir::new().unwrap();
        let config = BrowserConfig::builder()
            .chrome_executable(chromium)
            .user_data_dir(profile.path())
            .no_sandbox()
            .new_headless_mode()
            .arg("disable-gpu")
            .viewport(None)
            .build()
            .unwrap();
        let runtime = Runtime::new().unwrap();
        let (browser, mut handler) = runtime.block_on(Browser::launch(config)).unwrap();
        // Runs until the connection ends. What it cannot read are events of a newer protocol.
        runtime.spawn(async move { while handler.next().await.is_some() {} });
        Self { browser, runtime, _profile: profile }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.runtime.block_on(async {
            let _ = self.browser.close().await;
            let _ = self.browser.wait().await;
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a test with a server of its own. Whatever it does, no page may throw or offend its policy; when it
/// fails, it leaves a picture of each tab.
pub(crate) fn visit(test: impl AsyncFnOnce(&Visit)) {
    let Some(shared) = Shared::get() else { return };
    let visit =
        Visit { shared: Arc::clone(&shared), server: Served::start(), tabs: Mutex::default() };
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

/// A test's server, and the tabs that look at it.
pub(crate) struct Visit {
    shared: Arc<Shared>,
    pub(crate) server: Served,
    tabs: Mutex<Vec<Arc<Tab>>>,
}

impl Visit {
    /// A tab of a reader of English, at a page.
    pub(crate) async fn open(&self, path: &str) -> Arc<Tab> {
        self.open_for("en", path).await
    }

    /// A tab of a reader of another language, at a page.
    pub(crate) async fn open_for(&self, language: &str, path: &str) -> Arc<Tab> {
        let browser = &self.shared.browser;
        let context = browser.execute(CreateBrowserContextParams::default()).await.unwrap();
        let context = context.result.browser_context_id;
        let target =
            CreateTargetParams::builder().url("about:blank").browser_context_id(context.clone());
        let page = browser.new_page(target.build().unwrap()).await.unwrap();
        let headers = Headers::new(json!({ "Accept-Language": language }));
        page.execute(SetExtraHttpHeadersParams::new(headers)).await.unwrap();
        let script = TELL_VIOLATIONS.replace("${VIOLATION}", VIOLATION);
        page.evaluate_on_new_document(script).await.unwrap();
        let complaints = listen(&page).await;
        let tab = Tab { page, context, complaints, server: self.server.url().to_owned() };
        tab.resize(1440, 900).await;
        tab.go(path).await;
        let tab = Arc::new(tab);
        lock(&self.tabs).push(Arc::clone(&tab));
        tab
    }

    fn tabs(&self) -> Vec<Arc<Tab>> {
        lock(&self.tabs).clone()
    }

    /// Pictures of a failure, and what the pages complained about.
    #[expect(clippy::print_stderr, reason = "whoever reads that a test failed wants to see why")]
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

    /// Closes all tabs: those of other tests need the processor.
    async fn leave(&self) {
        for tab in self.tabs() {
            let context = DisposeBrowserContextParams::new(tab.context.clone());
            let _ = self.shared.browser.execute(context).await;
        }
    }
}

/// What a page said that it should not have.
#[derive(Clone, Debug)]
enum Complaint {
    /// An exception that nobody caught, or something that the content security policy held back.
    Thrown(String),
    /// An error on the console: among others, the browser's own about a server that is away.
    Logged(String),
}

type Complaints = Arc<Mutex<Vec<Complaint>>>;

async fn listen(page: &Page) -> Complaints {
    let thrown = page.event_listener::<EventExceptionThrown>().await.unwrap();
    let called = page.event_listener::<EventConsoleApiCalled>().await.unwrap();
    let logged = page.event_listener::<EventEntryAdded>().await.unwrap();
    let thrown = thrown.map(|event| {
        let details = &event.exception_details;
        let said = details.exception.as_ref().and_then(|exception| exception.description.clone());
        Some(Complaint::Thrown(said.unwrap_or_else(|| details.text.clone())))
    });
    let called = called.map(|event| {
        let bad = [ConsoleApiCalledType::Error, ConsoleApiCalledType::Warning];
        let said = event.args.iter().filter_map(|said| said.value.as_ref());
        let said = said.map(Value::to_string).collect::<Vec<_>>().join(" ");
        let violation = said.contains(VIOLATION);
        let complaint = if violation { Complaint::Thrown } else { Complaint::Logged };
        bad.contains(&event.r#type).then(|| complaint(said))
    });
    let logged = logged.map(|event| {
        let LogEntryLevel::Error = event.entry.level else { return None };
        let from = event.entry.url.as_deref().unwrap_or_default();
        Some(Complaint::Logged(format!("{} {from}", event.entry.text)))
    });
    let complaints = Complaints::default();
    let heard = Arc::clone(&complaints);
    let mut all = futures::stream::select(thrown, futures::stream::select(called, logged));
    tokio::spawn(async move {
        while let Some(complaint) = all.next().await {
            lock(&heard).extend(complaint);
        }
    });
    complaints
}

/// A page that is open in the browser.
pub(crate) struct Tab {
    page: Page,
    context: BrowserContextId,
    complaints: Complaints,
    server: String,
}

impl Tab {
    /// Goes to a page and waits until it is loaded.
    pub(crate) async fn go(&self, path: &str) {
        self.page.goto(format!("{}{path}", self.server)).await.unwrap();
    }

    /// The size of the window, in CSS pixels.
    pub(crate) async fn resize(&self, width: i64, height: i64) {
        let size = SetDeviceMetricsOverrideParams::new(width, height, 1.0, false);
        self.page.execute(size).await.unwrap();
    }

    /// `"light"` or `"dark"`.
    pub(crate) async fn prefer(&self, color_scheme: &str) {
        let preferred = MediaFeature::new("prefers-color-scheme", color_scheme);
        self.page.emulate_media_features(vec![preferred]).await.unwrap();
    }

    /// The value of an expression, awaited. It may use `$` and `$$` as on the browser's own console.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, expression: &str) -> T {
        match self.try_ask(expression).await {
            Ok(value) => serde_json::from_value(value.clone())
                .unwrap_or_else(|error| panic!("`{expression}` is {value}: {error}")),
            Err(error) => panic!("`{expression}`: {error}"),
        }
    }

    async fn try_ask(&self, expression: &str) -> Result<Value, String> {
        let question = EvaluateParams::builder()
            .expression(expression)
            .include_command_line_api(true)
            .return_by_value(true)
            .await_promise(true)
            .build()?;
        let answer = self.page.execute(question).await.map_err(|error| error.to_string())?.result;
        if let Some(details) = answer.exception_details {
            let said = details.exception.and_then(|exception| exception.description);
            return Err(said.unwrap_or(details.text));
        }
        Ok(answer.result.value.unwrap_or_default())
    }

    /// Waits until an expression is true, or anything else that JavaScript takes for it, and gives its value.
    pub(crate) async fn until<T: DeserializeOwned>(&self, expression: &str) -> T {
        let started = Instant::now();
        loop {
            // A page that is just being replaced cannot answer.
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
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Waits until an expression is true.
    pub(crate) async fn wait(&self, expression: &str) {
        let _: Value = self.until(expression).await;
    }

    /// The text of an element.
    pub(crate) async fn text(&self, selector: &str) -> String {
        self.ask(&format!("$({}).textContent.trim()", json!(selector))).await
    }

    /// Clicks as a hand would, once there is something to click.
    pub(crate) async fn click(&self, selector: &str) {
        let quoted = json!(selector);
        self.wait(&format!("$({quoted})?.checkVisibility() && !$({quoted}).disabled")).await;
        // A page that is on its way to another loses the element between the finding and the click.
        for attempt in 1.. {
            let clicked =
                async { self.page.find_element(selector).await?.click().await.map(|_| ()) };
            match clicked.await {
                Ok(()) => return,
                Err(error) => assert!(attempt < 10, "cannot click `{selector}`: {error}"),
            }
            self.wait("document.readyState === 'complete'").await;
        }
    }

    /// Writes into a field.
    pub(crate) async fn write(&self, selector: &str, text: &str) {
        let () = self.ask(&format!("void $({}).focus()", json!(selector))).await;
        self.page.execute(InsertTextParams::new(text)).await.unwrap();
    }

    /// Presses a key: `"Enter"`, `"Tab"`.
    pub(crate) async fn press(&self, key: &str) {
        self.page.find_element("body").await.unwrap().press_key(key).await.unwrap();
    }

    /// Moves a slider to a place, counted from 0.
    pub(crate) async fn slide(&self, selector: &str, place: u32) {
        self.wait(&format!("!$({}).disabled", json!(selector))).await;
        let moved = format!(
            "{{ const slider = $({}); slider.value = {place};
                slider.dispatchEvent(new Event('input', {{ bubbles: true }})); }}",
            json!(selector)
        );
        let _: Value = self.ask(&moved).await;
    }

    /// What a `GET` of the page's own server gives.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ask(&format!("fetch({}).then((answer) => answer.json())", json!(path))).await
    }

    /// The names that assistive technology has for what is on the page: role and name of each node.
    pub(crate) async fn accessible(&self) -> Vec<(String, String)> {
        use chromiumoxide::cdp::browser_protocol::accessibility::{AxValue, GetFullAxTreeParams};
        let text = |value: Option<AxValue>| {
            let value = value.and_then(|value| value.value);
            value.and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
        };
        let tree = self.page.execute(GetFullAxTreeParams::default()).await.unwrap().result;
        let nodes = tree.nodes.into_iter().filter(|node| !node.ignored);
        nodes.map(|node| (text(node.role), text(node.name))).collect()
    }

    /// All of the page as a PNG.
    pub(crate) async fn picture(&self) -> Vec<u8> {
        self.try_picture().await.unwrap()
    }

    async fn try_picture(&self) -> chromiumoxide::Result<Vec<u8>> {
        // Not `full_page`: that changes the size of the window, and not back.
        let whole = self.page.layout_metrics().await?.css_content_size;
        let whole =
            Viewport { x: 0.0, y: 0.0, width: whole.width, height: whole.height, scale: 1.0 };
        let picture = ScreenshotParams::builder().clip(whole).capture_beyond_viewport(true).build();
        self.page.screenshot(picture).await
    }

    /// Everything that the page said and should not have.
    pub(crate) fn complaints(&self) -> Vec<String> {
        lock(&self.complaints)
            .iter()
            .map(|complaint| match complaint {
                Complaint::Thrown(said) | Complaint::Logged(said) => said.clone(),
            })
            .collect()
    }

    /// What is wrong even where the server is away.
    fn thrown(&self) -> Vec<String> {
        let thrown = |complaint: &Complaint| match complaint {
            Complaint::Thrown(said) => Some(said.clone()),
            Complaint::Logged(_) => None,
        };
        lock(&self.complaints).iter().filter_map(thrown).collect()
    }
}

/// As JavaScript takes it.
fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value != 0 && value != ""
}
