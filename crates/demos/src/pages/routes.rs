//! The routes of the pages, `/`, `/side-by-side` and so on, and of the files that they load.

use axum::Router;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use super::assets::{SECURITY_HEADERS, asset};
use super::language::Language;
use super::templates::{PAGES, PageTemplates};
use super::transports;

/// Returns a route for each page and the routes under `/web`.
pub(crate) fn routes() -> Router {
    let files = Router::new()
        .route("/web/{*path}", get(asset))
        .route("/web/transports.css", get(transports::stylesheet))
        .route("/web/transports.js", get(transports::script));
    PAGES.into_iter().fold(files, |router, (name, path)| {
        let page = async move |uri: Uri, headers: HeaderMap| page(name, &uri, &headers);
        router.route(path, get(page))
    })
}

fn page(name: &'static str, uri: &Uri, headers: &HeaderMap) -> Response {
    if let Some((language, location)) = chosen_language(uri) {
        let headers = [(header::LOCATION, location), (header::SET_COOKIE, language.cookie())];
        return (StatusCode::SEE_OTHER, SECURITY_HEADERS, headers).into_response();
    }
    let language = Language::of(headers);
    let headers = [
        (header::CONTENT_LANGUAGE, language.tag()),
        (header::VARY, HeaderValue::from_static("Accept-Language, Cookie")),
    ];
    match PageTemplates::load().render(name, language) {
        Ok(page) => (SECURITY_HEADERS, headers, Html(page)).into_response(),
        Err(error) => {
            tracing::error!(page = name, error, "cannot render a page");
            let explanation = explain(name, &error);
            (StatusCode::INTERNAL_SERVER_ERROR, SECURITY_HEADERS, explanation).into_response()
        }
    }
}

/// Describes an error of a page. Only debug builds, whose users write the pages, show the details.
fn explain(page: &str, error: &str) -> String {
    if cfg!(debug_assertions) {
        format!("The page `{page}` cannot be rendered:\n{error}\n")
    } else {
        format!("The page `{page}` cannot be rendered. See the log of the server.\n")
    }
}

/// Returns the language that the query asks for (`?language=zh`), and the address without that
/// parameter.
fn chosen_language(uri: &Uri) -> Option<(Language, HeaderValue)> {
    let parameters = || uri.query().unwrap_or_default().split('&');
    let is_choice = |parameter: &&str| parameter.starts_with("language=");
    let language = parameters().find(is_choice)?.strip_prefix("language=")?;
    let language = Language::named(language)?;
    let others: Vec<_> = parameters().filter(|parameter| !is_choice(parameter)).collect();
    let location = match others.as_slice() {
        [] => uri.path().to_owned(),
        others => format!("{}?{}", uri.path(), others.join("&")),
    };
    Some((language, HeaderValue::try_from(location).ok()?))
}
