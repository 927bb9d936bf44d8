//! The table of transports, as templates, scripts and styles get it. It is generated from
//! [`Transport::ALL`], so that no file under `web/` has to list the transports.

use std::fmt::Write as _;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use wirebench_protocol::{Delivery, Look, Marker, Transport};

use super::assets::SECURITY_HEADERS;

/// A row of the table.
#[derive(Debug, Serialize)]
pub(super) struct TransportRow {
    #[serde(flatten)]
    look: Look,
    delivery: &'static str,
    /// The custom property of the style that has the transport's colour.
    variable: String,
    /// The browser's half of the transport: a file in `web/transport`.
    script: String,
}

/// Returns the table, in the order in which the transports are listed everywhere.
pub(super) fn table() -> [TransportRow; Transport::COUNT] {
    Transport::ALL.map(|transport| TransportRow {
        look: transport.look(),
        delivery: match transport.delivery() {
            Delivery::Polled => "polled",
            Delivery::Held => "held",
            Delivery::Pushed => "pushed",
        },
        variable: variable(transport),
        script: format!("{}.js", transport.name().replace(['-', '.'], "_")),
    })
}

/// Returns the name of the custom property. An identifier of CSS contains no dot.
fn variable(transport: Transport) -> String {
    format!("--{}", transport.name().replace('.', "-"))
}

/// Answers `GET /web/transports.css`.
pub(super) async fn stylesheet() -> Response {
    generated("text/css; charset=utf-8", css())
}

/// Answers `GET /web/transports.js`.
pub(super) async fn script() -> Response {
    generated("text/javascript; charset=utf-8", javascript())
}

fn generated(content_type: &'static str, text: String) -> Response {
    let headers = [(header::CONTENT_TYPE, HeaderValue::from_static(content_type))];
    (SECURITY_HEADERS, headers, text).into_response()
}

/// Returns a module that exports the scripts of all transports as `clients`, by the transports'
/// names.
fn javascript() -> String {
    let (mut imports, mut entries) = (String::new(), String::new());
    for (n, TransportRow { look, script, .. }) in table().into_iter().enumerate() {
        let _ = writeln!(imports, "import * as client{n} from \"./transport/{script}\";");
        let _ = writeln!(entries, "  \"{}\": client{n},", look.name);
    }
    format!(
        "// The scripts of all transports. The server generates this file.\n\n\
         {imports}\nexport const clients = {{\n{entries}}};\n"
    )
}

/// Returns a style in which each transport has a [`variable`] with its colour. An element with the
/// attribute `data-transport` has that colour as `--lane`, and its `.mark` has the transport's
/// shape.
fn css() -> String {
    let (mut light, mut dark, mut rules) = (String::new(), String::new(), String::new());
    for transport in Transport::ALL {
        let Look { name, colour, colour_dark, marker, .. } = transport.look();
        let (variable, shape) = (variable(transport), shape(marker));
        let _ = writeln!(light, "  {variable}: {colour};");
        let _ = writeln!(dark, "    {variable}: {colour_dark};");
        let _ = writeln!(rules, "[data-transport=\"{name}\"] {{ --lane: var({variable}); }}");
        let _ = writeln!(
            rules,
            "[data-transport=\"{name}\"] .mark, .mark[data-transport=\"{name}\"] {{ {shape}; }}"
        );
    }
    format!(
        ":root {{\n{light}}}\n\
         @media (prefers-color-scheme: dark) {{\n  :root {{\n{dark}  }}\n}}\n\
         [data-transport] {{ --lane: var(--ink); }}\n{rules}"
    )
}

/// Returns the declaration that gives a square element the shape of a marker.
fn shape(marker: Marker) -> &'static str {
    match marker {
        Marker::Square => "clip-path: polygon(0 0, 100% 0, 100% 100%, 0 100%)",
        Marker::Diamond => "clip-path: polygon(50% 0, 100% 50%, 50% 100%, 0 50%)",
        Marker::Triangle => "clip-path: polygon(50% 0, 100% 100%, 0 100%)",
        Marker::Circle => "border-radius: 50%",
        Marker::Cross => {
            "clip-path: polygon(33% 0, 67% 0, 67% 33%, 100% 33%, 100% 67%, 67% 67%, 67% 100%, \
             33% 100%, 33% 67%, 0 67%, 0 33%, 33% 33%)"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_has_the_colours_and_the_shape_of_every_transport() {
        let css = css();
        for transport in Transport::ALL {
            let Look { name, colour, colour_dark, marker, .. } = transport.look();
            let variable = variable(transport);
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-';
            assert!(variable.chars().all(is_allowed), "`{variable}` is no identifier");
            let mark = format!("[data-transport=\"{name}\"] .mark, ");
            let rule = css.lines().find(|line| line.starts_with(&mark)).unwrap();
            assert!(rule.contains(shape(marker)), "{name}: {rule}");
            let colours = css.lines().filter_map(|line| {
                line.trim().strip_prefix(&format!("{variable}: "))?.strip_suffix(';')
            });
            assert_eq!(colours.collect::<Vec<_>>(), [colour, colour_dark], "{name}");
        }
    }
}
