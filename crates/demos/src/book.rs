//! The pages as they are written: templates and words. Debug builds read them anew for each request, so
//! that what is being written shows at once.

use std::sync::{Arc, LazyLock};

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde::Serialize;
use serde_json::Value;

use crate::assets::Web;
use crate::language::Language;

/// The pages, in the order in which they are listed everywhere: name and path.
pub(crate) const PAGES: [(&str, &str); 10] = [
    ("index", "/"),
    ("side-by-side", "/side-by-side"),
    ("on-the-wire", "/on-the-wire"),
    ("chat", "/chat"),
    ("monitor", "/monitor"),
    ("badge", "/badge"),
    ("clock", "/clock"),
    ("job", "/job"),
    ("six-connections", "/six-connections"),
    ("claims", "/claims"),
];

/// All templates and what they read.
#[derive(Debug)]
pub(crate) struct Book {
    templates: Environment<'static>,
}

/// What a template may use.
#[derive(Serialize)]
struct Context<'a> {
    language: Language,
    page: &'a str,
    /// The dictionary of the page.
    words: Value,
    common: Value,
    layout: Value,
    pages: Vec<Listed>,
}

/// A page as the navigation lists it.
#[derive(Serialize)]
struct Listed {
    name: &'static str,
    path: &'static str,
    title: Value,
    about: Value,
}

impl Book {
    /// The book as it is now.
    pub(crate) fn open() -> Arc<Self> {
        static PRINTED: LazyLock<Arc<Book>> = LazyLock::new(|| Arc::new(Book::read()));
        if cfg!(debug_assertions) { Arc::new(Self::read()) } else { Arc::clone(&PRINTED) }
    }

    fn read() -> Self {
        let mut templates = Environment::new();
        // A word that is not there is a mistake, and not nothing.
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_debug(cfg!(debug_assertions));
        templates.set_auto_escape_callback(|_| AutoEscape::Html);
        templates.set_loader(|name| Ok(text(name)));
        Self { templates }
    }

    /// A page in a language.
    ///
    /// # Errors
    /// What is wrong with the template or the words.
    pub(crate) fn page(&self, name: &str, language: Language) -> Result<String, String> {
        let pages: Vec<Listed> = PAGES
            .iter()
            .filter_map(|&(name, path)| {
                let words = words(name, language).ok()?;
                let (title, about) = (words["title"].clone(), words["about"].clone());
                Some(Listed { name, path, title, about })
            })
            .collect();
        let context = Context {
            language,
            page: name,
            words: words(name, language)?,
            common: words("common", language)?,
            layout: words("layout", language)?,
            pages,
        };
        self.templates
            .get_template(&format!("{name}.html"))
            .and_then(|template| template.render(Serde(&context)))
            .map_err(|error| format!("{error:#}\n{}", error.display_debug_info()))
    }
}

/// The dictionary of a page in a language.
fn words(page: &str, language: Language) -> Result<Value, String> {
    let name = format!("words/{page}.json");
    let text = text(&name).ok_or_else(|| format!("there is no `{name}`"))?;
    let mut words: Value =
        serde_json::from_str(&text).map_err(|error| format!("{name}: {error}"))?;
    match words.get_mut(language.name()) {
        Some(words) => Ok(words.take()),
        None => Err(format!("{name}: nothing in `{}`", language.name())),
    }
}

fn text(name: &str) -> Option<String> {
    String::from_utf8(Web::get(name)?.data.into_owned()).ok()
}
