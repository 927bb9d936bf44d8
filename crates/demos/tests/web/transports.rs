//! Every transport has what the pages need of it. A new transport fails these tests until it has.

use std::path::Path;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;
use wirebench_demos::{ControlAccess, Demos};
use wirebench_protocol::Transport;
use wirebench_server::Server;

use crate::files::{WEB, dictionary};

async fn get(path: &str) -> String {
    let demos = Demos::new(ControlAccess::Loopback);
    let app = demos.app(&Server::new(demos.feeds()));
    let response = app.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
    assert!(response.status().is_success(), "{path}: {}", response.status());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(body.to_vec()).unwrap()
}

#[test]
fn every_transport_has_its_script() {
    for transport in Transport::ALL {
        let script = format!("transport/{}.js", transport.name().replace(['-', '.'], "_"));
        assert!(Path::new(WEB).join(&script).exists(), "{transport}: there is no web/{script}");
    }
}

#[test]
fn every_transport_has_its_words_in_both_languages() {
    let common = dictionary("common");
    for language in ["en", "zh"] {
        for place in ["transport", "transport_in_text"] {
            let words = &common[language][place];
            for transport in Transport::ALL {
                let word = words[transport.name()].as_str().unwrap_or_default();
                assert!(!word.is_empty(), "common.json: {language}.{place}.{transport}");
            }
            assert_eq!(words.as_object().unwrap().len(), Transport::COUNT, "{language}.{place}");
        }
    }
}

#[tokio::test]
async fn every_picker_of_transports_offers_every_transport() {
    for page in ["/chat", "/clock"] {
        let page = get(page).await;
        for transport in Transport::ALL {
            let choice = format!("<input type=\"radio\" name=\"transport\" value=\"{transport}\"");
            assert!(page.contains(&choice), "{transport}");
        }
        assert_eq!(page.matches(" checked>").count(), 1, "one is chosen");
    }
}

#[tokio::test]
async fn every_page_has_the_table_of_all_transports() {
    for page in ["/", "/side-by-side", "/on-the-wire", "/chat", "/claims"] {
        let page = get(page).await;
        let data = page.split_once("id=\"page-data\">").unwrap().1;
        let data = data.split_once("</script>").unwrap().0;
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        let names = data["transports"].as_array().unwrap().iter();
        let names: Vec<_> = names.map(|row| row["name"].as_str().unwrap()).collect();
        assert_eq!(names, Transport::ALL.map(Transport::name));
    }
}

#[tokio::test]
async fn the_generated_script_imports_every_transport() {
    let script = get("/web/transports.js").await;
    for transport in Transport::ALL {
        let file = format!("./transport/{}.js", transport.name().replace(['-', '.'], "_"));
        assert!(script.contains(&format!("from \"{file}\";")), "{transport}: {script}");
        assert!(script.contains(&format!("  \"{transport}\": client")), "{transport}: {script}");
    }
}

#[tokio::test]
async fn the_generated_style_has_a_rule_for_every_transport() {
    let style = get("/web/transports.css").await;
    for transport in Transport::ALL {
        assert!(style.contains(&format!("[data-transport=\"{transport}\"] {{ --lane: ")));
    }
}
