//! The pages: `/`, `/side-by-side` and so on, each in the language of who asks.

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::assets;
use crate::book::{Book, PAGES};
use crate::language::Language;

/// A route for each page.
pub(crate) fn router() -> Router {
    let assets = Router::new().route("/web/{*path}", get(assets::answer));
    PAGES.into_iter().fold(assets, |router, (name, path)| {
        router.route(
            path,
            get(async move |uri: Uri, headers: HeaderMap| answer(name, &uri, &headers)),
        )
    })
}

fn answer(page: &'static str, uri: &Uri, headers: &HeaderMap) -> Response {
    if let Some((language, elsewhere)) = choice(uri) {
        let head = [(header::LOCATION, elsewhere), (header::SET_COOKIE, language.cookie())];
        return (StatusCode::SEE_OTHER, assets::SECURITY, head).into_response();
    }
    let language = Language::of(headers);
    let head = [
        (header::CONTENT_LANGUAGE, language.tag()),
        (header::VARY, HeaderValue::from_static("Accept-Language, Cookie")),
    ];
    match Book::open().page(page, language) {
        Ok(page) => (assets::SECURITY, head, Html(page)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, assets::SECURITY, told(page, &error))
            .into_response(),
    }
}

/// What is wrong with a page: for whoever is writing it, and not for others.
fn told(page: &str, error: &str) -> String {
    tracing::error!(page, error, "cannot make a page");
    if cfg!(debug_assertions) {
        format!("The page `{page}` cannot be made:\n{error}\n")
    } else {
        format!("The page `{page}` cannot be made. The server's log says why.\n")
    }
}

/// The language that an address asks for (`?language=zh`), and the same page without the asking.
fn choice(uri: &Uri) -> Option<(Language, HeaderValue)> {
    let parameters = || uri.query().unwrap_or_default().split('&');
    let asked = |parameter: &&str| parameter.starts_with("language=");
    let language = parameters().find(asked)?.strip_prefix("language=").and_then(Language::named)?;
    let others: Vec<_> = parameters().filter(|parameter| !asked(parameter)).collect();
    let elsewhere = match others.as_slice() {
        [] => uri.path().to_owned(),
        others => format!("{}?{}", uri.path(), others.join("&")),
    };
    Some((language, HeaderValue::try_from(elsewhere).ok()?))
}
