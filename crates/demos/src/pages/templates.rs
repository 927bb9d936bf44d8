//! Renders the pages from their templates and dictionaries. Debug builds read both for each
//! request, so that a change shows after a reload.

use std::sync::{Arc, LazyLock};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde::Serialize;
use serde_json::Value;
use wirebench_protocol::Transport;

use super::assets::WebFiles;
use super::language::Language;
use super::transports::{TransportRow, table};

/// The name and the path of each page, in the order in which the pages are listed everywhere.
pub(super) const PAGES: [(&str, &str); 14] = [
    ("index", "/"),
    ("side-by-side", "/side-by-side"),
    ("on-the-wire", "/on-the-wire"),
    ("without-id", "/without-id"),
    ("reconnecting", "/reconnecting"),
    ("chat", "/chat"),
    ("monitor", "/monitor"),
    ("badge", "/badge"),
    ("message-table", "/message-table"),
    ("clock", "/clock"),
    ("job", "/job"),
    ("six-connections", "/six-connections"),
    ("claims", "/claims"),
    ("teaching", "/teaching"),
];

/// The templates of all pages.
#[derive(Debug)]
pub(super) struct PageTemplates {
    environment: Environment<'static>,
}

/// The variables of a template.
#[derive(Serialize)]
struct Context<'a> {
    language: Language,
    page: &'a str,
    /// The dictionary of the page.
    words: Value,
    common: Value,
    layout: Value,
    pages: Vec<PageLink>,
    transports: [TransportRow; Transport::COUNT],
}

/// A page as the navigation lists it.
#[derive(Serialize)]
struct PageLink {
    name: &'static str,
    path: &'static str,
    title: Value,
    about: Value,
}

impl PageTemplates {
    /// Returns the current templates.
    pub(super) fn load() -> Arc<Self> {
        static EMBEDDED: LazyLock<Arc<PageTemplates>> =
            LazyLock::new(|| Arc::new(PageTemplates::read()));
        if cfg!(debug_assertions) { Arc::new(Self::read()) } else { Arc::clone(&EMBEDDED) }
    }

    fn read() -> Self {
        let mut environment = Environment::new();
        // A missing word is an error and does not render as nothing.
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_debug(cfg!(debug_assertions));
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.set_loader(|name| Ok(text(&format!("templates/{name}"))));
        // The text of a file, to show it on a page.
        environment.add_function("source", |path: String| {
            let missing = || Error::new(ErrorKind::InvalidOperation, format!("no file `{path}`"));
            text(&path).ok_or_else(missing)
        });
        Self { environment }
    }

    /// Renders a page in a language.
    ///
    /// # Errors
    /// The description of what is wrong with the template or the words.
    pub(super) fn render(&self, name: &str, language: Language) -> Result<String, String> {
        let context = Context {
            language,
            page: name,
            words: words(name, language)?,
            common: words("common", language)?,
            layout: words("layout", language)?,
            pages: page_links(language)?,
            transports: table(),
        };
        self.environment
            .get_template(&format!("{name}.html"))
            .and_then(|template| template.render(Serde(&context)))
            .map_err(|error| format!("{error:#}\n{}", error.display_debug_info()))
    }
}

fn page_links(language: Language) -> Result<Vec<PageLink>, String> {
    let link = |(name, path)| {
        let words = words(name, language)?;
        let (title, about) = (words["title"].clone(), words["about"].clone());
        Ok(PageLink { name, path, title, about })
    };
    PAGES.into_iter().map(link).collect()
}

/// Returns the dictionary of a page in a language.
fn words(page: &str, language: Language) -> Result<Value, String> {
    let name = format!("words/{page}.json");
    let text = text(&name).ok_or_else(|| format!("there is no `{name}`"))?;
    let mut words: Value =
        serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
    match words.get_mut(language.name()) {
        Some(words) => Ok(words.take()),
        None => Err(format!("{name}: no words in `{}`", language.name())),
    }
}

fn text(path: &str) -> Option<String> {
    String::from_utf8(WebFiles::get(path)?.data.into_owned()).ok()
}
