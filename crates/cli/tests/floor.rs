//! What `wirebench floor` prints, and which options it refuses.

mod support;

use std::path::Path;

use support::{CommandOutput, run};

fn floor(options: &[&str]) -> CommandOutput {
    run(Path::new("."), &[&["floor"], options].concat())
}

const SMALL: [&str; 8] =
    ["--connections", "20", "--payload", "64", "--threads", "2", "--messages", "50"];

#[test]
fn the_floor_is_positive_and_says_how_many_writes_it_is_the_mean_of() {
    let ended = floor(&[&SMALL[..], &["--format", "json"]].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let printed: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let number = |key: &str| printed[key].as_f64().unwrap();
    for (key, expected) in [("connections", 20.0), ("payload_bytes", 64.0), ("threads", 2.0)] {
        assert!((number(key) - expected).abs() < f64::EPSILON, "{key}: {ended:?}");
    }
    assert!(number("messages") > 0.0, "{ended:?}");
    assert!((number("writes") - 20.0 * number("messages")).abs() < f64::EPSILON, "{ended:?}");
    assert!(number("cpu_us_per_write") > 0.0, "{ended:?}");
    let [lower, upper] = ["cpu_p25_us_per_write", "cpu_p75_us_per_write"].map(number);
    assert!(0.0 < lower && lower <= upper, "{ended:?}");
}

#[test]
fn every_format_gives_the_same_figures() {
    let text = floor(&SMALL).stdout;
    assert!(text.contains(" µs of processor time per write; half of the messages"), "{text}");
    assert!(text.contains("1,000 writes: 50 messages of 64 B to 20 connections"), "{text}");

    let json = floor(&[&SMALL[..], &["--format", "json"]].concat()).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let csv = floor(&[&SMALL[..], &["--format", "csv"]].concat()).stdout;
    let [header, values] = csv.lines().collect::<Vec<_>>()[..] else {
        panic!("expected a header and a line, found {csv}");
    };
    let names: Vec<&str> = header.split(',').collect();
    assert!(names.iter().all(|name| json[name].is_number()), "{header} and {json}");
    assert_eq!(names.len(), json.as_object().unwrap().len(), "{header} and {json}");
    assert_eq!(values.split(',').count(), names.len(), "{csv}");
    assert!(values.starts_with("20,64,2,50,1000,"), "{csv}");
}

#[test]
fn options_that_cannot_be_met_are_refused_with_a_reason() {
    for (options, said) in [
        (["--connections", "0"], "zero"),
        (["--threads", "0"], "zero"),
        (["--messages", "0"], "zero"),
        (["--payload", "0"], "from 1 to 1048576"),
        (["--payload", "1048577"], "from 1 to 1048576"),
        (["--connections", "1000000000"], "the limit of open files allows"),
    ] {
        let ended = floor(&options);
        assert_eq!(ended.code, Some(2), "{options:?}: {ended:?}");
        assert!(ended.stderr.contains(said), "{options:?}: {ended:?}");
        assert_eq!(ended.stdout, "", "{options:?}");
    }
}
