//! The files under `web/`: read from disk in debug builds, and embedded in the binary otherwise.

use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};
use wirebench_server::{ApiError, is_known};

#[derive(Debug, RustEmbed)]
#[folder = "web/"]
pub(super) struct WebFiles;

/// Pages may load files from this server only, and may not contain inline scripts or styles.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// The headers of every page and every asset.
pub(super) const SECURITY_HEADERS: [(header::HeaderName, HeaderValue); 4] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY)),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
];

/// Answers `GET /web/{*path}`. Templates and dictionaries are not served: the pages are made of
/// them.
pub(super) async fn asset(
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let is_source = path.starts_with("templates/") || path.starts_with("words/");
    let file = (!is_source).then(|| WebFiles::get(&path)).flatten().ok_or_else(|| {
        let error = format!("no file at `/web/{}`", path.chars().take(100).collect::<String>());
        ApiError::new(StatusCode::NOT_FOUND, error, "the pages name the files that they load")
    })?;
    let etag = etag(&file);
    let caching = [(header::ETAG, etag.clone())];
    if is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, SECURITY_HEADERS, caching).into_response());
    }
    let content_type = [(header::CONTENT_TYPE, content_type(file.metadata.mimetype()))];
    Ok((SECURITY_HEADERS, caching, content_type, file.data).into_response())
}

/// Adds the encoding to the types of text files, because browsers do not guess UTF-8.
fn content_type(kind: &str) -> HeaderValue {
    let is_text =
        kind.starts_with("text/") || kind.ends_with("javascript") || kind.ends_with("json");
    let value = if is_text { format!("{kind}; charset=utf-8") } else { kind.to_owned() };
    HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// Returns an entity tag that identifies the contents of the file.
fn etag(file: &EmbeddedFile) -> HeaderValue {
    let hash = u128::from_be_bytes(file.metadata.sha256_hash()[..16].try_into().unwrap_or([0; 16]));
    HeaderValue::try_from(format!("\"{hash:032x}\"")).expect("quoted digits are plain ASCII")
}
