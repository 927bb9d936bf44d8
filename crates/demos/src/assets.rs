//! What the browser gets: the files under `web/`, read from disk in debug builds, in the binary
//! otherwise.

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::answer::Refusal;

#[derive(Debug, RustEmbed)]
#[folder = "web/"]
pub(crate) struct Web;

/// A page or an asset may use what comes from here, and nothing that is written into the page.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// Goes with every page and every asset.
pub(crate) const SECURITY: [(header::HeaderName, HeaderValue); 4] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
];

/// `GET /web/{*path}`. Templates and dictionaries are not among what the browser gets as it is.
pub(crate) async fn answer(
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let raw = !is_kind(&path, "html") && !path.starts_with("words/");
    let file = raw.then(|| Web::get(&path)).flatten().ok_or_else(|| {
        let error = format!("nothing at `/web/{}`", path.chars().take(100).collect::<String>());
        Refusal::new(StatusCode::NOT_FOUND, error, "the pages name what they use")
    })?;
    let tag = tag(&file);
    let tagged = [(header::ETAG, tag.clone())];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| names(known, &tag)) {
        return Ok((StatusCode::NOT_MODIFIED, SECURITY, tagged).into_response());
    }
    let kind = [(header::CONTENT_TYPE, content_type(file.metadata.mimetype()))];
    Ok((SECURITY, tagged, kind, file.data).into_response())
}

fn is_kind(path: &str, extension: &str) -> bool {
    std::path::Path::new(path).extension().is_some_and(|found| found == extension)
}

/// Text is UTF-8, which browsers do not guess.
fn content_type(kind: &str) -> HeaderValue {
    let text = kind.starts_with("text/") || kind.ends_with("javascript") || kind.ends_with("json");
    let value = if text { format!("{kind}; charset=utf-8") } else { kind.to_owned() };
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// Names the contents of the file.
fn tag(file: &EmbeddedFile) -> HeaderValue {
    let hash = u128::from_be_bytes(file.metadata.sha256_hash()[..16].try_into().unwrap_or([0; 16]));
    HeaderValue::try_from(format!("\"{hash:032x}\"")).expect("digits in quotes are plain ASCII")
}

/// Whether an `If-None-Match` header names the tag (RFC 9110, section 13.1.2: weak comparison).
fn names(known: &HeaderValue, tag: &HeaderValue) -> bool {
    known.as_bytes() == b"*"
        || known
            .as_bytes()
            .split(|byte| *byte == b',')
            .map(<[u8]>::trim_ascii)
            .any(|known| known.strip_prefix(b"W/").unwrap_or(known) == tag.as_bytes())
}
