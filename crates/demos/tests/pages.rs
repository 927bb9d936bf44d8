//! The pages and their files, requested as a browser requests them.

#![expect(clippy::unwrap_used, reason = "clippy does not see that helpers here are tests")]

use std::collections::BTreeSet;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;
use wirebench_demos::{ControlAccess, Demos};
use wirebench_protocol::Transport;
use wirebench_server::Server;

const PAGES: [&str; 14] = [
    "/",
    "/side-by-side",
    "/on-the-wire",
    "/without-id",
    "/reconnecting",
    "/chat",
    "/monitor",
    "/badge",
    "/message-table",
    "/clock",
    "/job",
    "/six-connections",
    "/claims",
    "/teaching",
];

fn app() -> Router {
    let demos = Demos::new(ControlAccess::Loopback);
    let server = Server::new(demos.feeds());
    demos.app(&server)
}

async fn get(path: &str, headers: &[(&str, &str)]) -> (StatusCode, HeaderMap, String) {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = app().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

/// Returns the values of an attribute in a page.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let start = format!(" {attribute}=\"");
    page.split(start.as_str()).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn every_page_exists_in_both_languages_and_links_to_all_others() {
    for path in PAGES {
        for (language, tag) in [("en", "en"), ("zh", "zh-Hans")] {
            let (status, headers, page) = get(path, &[("accept-language", language)]).await;
            assert_eq!(status, StatusCode::OK, "{path} {language}: {page}");
            assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8", "{path}");
            assert_eq!(headers[header::CONTENT_LANGUAGE], tag, "{path}");
            assert_eq!(headers[header::VARY], "Accept-Language, Cookie", "{path}");
            assert!(page.contains(&format!("<html lang=\"{tag}\"")), "{path}");
            let links = page.replace("&#x2f;", "/");
            let links: BTreeSet<_> = values(&links, "href").into_iter().collect();
            for other in PAGES {
                assert!(links.contains(other), "{path} {language} does not link to {other}");
            }
        }
    }
}

#[tokio::test]
async fn every_file_that_a_page_loads_exists_with_the_right_type() {
    let mut wanted: Vec<String> = Vec::new();
    for path in PAGES {
        let page = get(path, &[]).await.2.replace("&#x2f;", "/");
        let loaded = values(&page, "href").into_iter().chain(values(&page, "src"));
        wanted.extend(loaded.filter(|path| path.starts_with("/web/")).map(str::to_owned));
    }
    let mut seen = BTreeSet::new();
    while let Some(path) = wanted.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let (status, headers, text) = get(&path, &[]).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        let extension = path.rsplit('.').next().unwrap();
        let kind = match extension {
            "js" => "text/javascript; charset=utf-8",
            "mjs" => "application/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            kind => panic!("{path}: {kind}"),
        };
        assert_eq!(headers[header::CONTENT_TYPE], kind, "{path}");
        if extension == "js" {
            // Relative imports.
            for import in text.split("from \"").skip(1).chain(text.split("import \"").skip(1)) {
                let import = import.split('"').next().unwrap();
                if import.starts_with('.') {
                    wanted.push(resolve(&path, import));
                }
            }
        }
    }
    for transport in Transport::ALL {
        let script = format!("/web/transport/{}.js", transport.name().replace(['-', '.'], "_"));
        assert!(seen.contains(&script), "no page loads {script}: {seen:?}");
    }
}

/// Resolves a relative path.
fn resolve(from: &str, relative: &str) -> String {
    let mut parts: Vec<_> = from.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[tokio::test]
async fn pages_and_files_have_a_strict_policy_and_are_revalidated() {
    for path in ["/", "/chat", "/web/style.css", "/web/format.js", "/?language=zh"] {
        let (_, headers, _) = get(path, &[]).await;
        let policy = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert_eq!(
            policy,
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
             img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            "{path}"
        );
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(headers[header::REFERRER_POLICY], "no-referrer", "{path}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-cache", "{path}");
    }
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let (_, headers, _) = get("/web/style.css", &[]).await;
    let tag = headers[header::ETAG].to_str().unwrap();
    for known in [tag, &format!("\"other\", W/{tag}"), "*"] {
        let (status, headers, body) = get("/web/style.css", &[("if-none-match", known)]).await;
        assert_eq!((status, &*body), (StatusCode::NOT_MODIFIED, ""), "{known}");
        assert_eq!(headers[header::ETAG], tag);
    }
    let (status, _, _) = get("/web/style.css", &[("if-none-match", "\"other\"")]).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn templates_dictionaries_and_other_paths_are_not_served() {
    for path in [
        "/web/",
        "/web/nothing.js",
        "/web/templates/layout.html",
        "/web/words/common.json",
        "/web/../Cargo.toml",
        "/web/..%2fCargo.toml",
        "/web/%2e%2e/Cargo.toml",
        "/web/transport/..%2f..%2f..%2fCargo.toml",
        "/web//etc/passwd",
    ] {
        assert_eq!(get(path, &[]).await.0, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_chosen_language_is_kept_in_a_cookie_and_removed_from_the_address() {
    for (path, to, cookie) in [
        ("/chat?language=zh", "/chat", "language=zh"),
        ("/?language=en", "/", "language=en"),
        ("/chat?over=sse&language=zh&a=b", "/chat?over=sse&a=b", "language=zh"),
    ] {
        let (status, headers, _) = get(path, &[]).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{path}");
        assert_eq!(headers[header::LOCATION], to, "{path}");
        let kept = headers[header::SET_COOKIE].to_str().unwrap();
        assert_eq!(kept, format!("{cookie}; Path=/; SameSite=Lax; Max-Age=31536000"), "{path}");
    }
    let (status, headers, _) = get("/?language=fr", &[("cookie", "language=zh")]).await;
    assert_eq!((status, headers.get(header::SET_COOKIE)), (StatusCode::OK, None));
    assert_eq!(headers[header::CONTENT_LANGUAGE], "zh-Hans");
}
