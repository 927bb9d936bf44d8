//! What a comparison says of made-up runs.

use insta::assert_snapshot;

use super::testing::row;
use super::*;
use crate::row::Row;
use crate::testing::changed;
use crate::text_layout::Style;
use crate::value::Value;

const P99: &str = "delivery_p99_us";

/// Returns runs whose p99 varies by 2 %. Other values are the same in all of them.
fn runs(count: u32, p99: f64, others: &[(&str, Value)]) -> Vec<Row> {
    (0..count)
        .map(|at| {
            let wobble = 1.0 + 0.02 * (f64::from(at * 7 % count) / f64::from(count) - 0.5);
            let id = Value::words(format!("sse-{}", at + 1));
            row(&[&[("run_id", id), (P99, Value::exact((p99 * wobble).round()))], others].concat())
        })
        .collect()
}

fn of_rows(base: Vec<Row>, new: Vec<Row>) -> Comparison {
    let sides = [Side::of_rows("results/before", base), Side::of_rows("results/after", new)];
    compare(&sides[0], &sides[1], &CompareOptions::default())
}

fn verdict(comparison: &Comparison, metric: &str) -> Verdict {
    let changes = &comparison.settings[0].changes;
    changes.iter().find(|change| change.column.name == metric).unwrap().verdict
}

/// Returns a comparison with one of everything: worse, better, unchanged and undecided metrics, a
/// transport on one side only, an invalid run, and a difference of the machine.
fn eventful() -> Comparison {
    let transport = |name: &str| ("transport", Value::words(name));
    let noisy = |rows: Vec<Row>| -> Vec<Row> {
        let wild = [1.0, 1.6, 0.7, 1.2, 0.9, 1.4, 0.8, 1.1];
        rows.iter()
            .zip(wild)
            .map(|(row, factor)| {
                let cpu = Value::exact(1.5 * factor);
                changed(row, &[("server_cpu_us_per_message", cpu)])
            })
            .collect()
    };
    let mut base = noisy(runs(8, 52_400.0, &[("requests", Value::Integer(30))]));
    base.extend(runs(5, 40_000.0, &[transport("websocket")]));
    base.extend(runs(1, 900_000.0, &[transport("short-polling")]));
    let mut new = noisy(runs(8, 63_000.0, &[("requests", Value::Integer(20))]));
    new.extend(runs(5, 40_010.0, &[transport("websocket")]));
    new.extend(runs(
        1,
        1.0,
        &[
            ("run_id", Value::words("sse-9")),
            ("valid", Value::Boolean(false)),
            ("invalid_reason", Value::words("3 of 30 deliveries missing")),
        ],
    ));
    let mut comparison = of_rows(base, new);
    comparison.differences = vec![Difference {
        about: About::Machine,
        field: "kernel".to_owned(),
        base: vec!["Linux 6.18.2".to_owned()],
        new: vec!["Linux 6.19.0".to_owned()],
    }];
    comparison
}

#[test]
fn the_text_looks_like_this() {
    assert_snapshot!(eventful().to_text(Style::default(), false));
}

#[test]
fn the_text_in_colour_looks_like_this() {
    assert_snapshot!(
        eventful()
            .to_text(Style { colour: true, ..Style::default() }, false)
            .replace('\u{1b}', "␛")
    );
}

#[test]
fn the_markdown_looks_like_this() {
    assert_snapshot!(eventful().to_markdown());
}

#[test]
fn the_csv_looks_like_this() {
    assert_snapshot!(eventful().to_csv());
}

#[test]
fn the_json_looks_like_this() {
    let json = eventful().to_json();
    let second = json.match_indices("\"metric\"").nth(3).unwrap().0;
    let rest = json.find("\"unpaired\"").unwrap();
    assert_snapshot!(format!("{}…\n  {}", &json[..second], &json[rest..]));
}

#[test]
fn one_run_a_side_gives_no_verdict_on_latency_and_says_what_would() {
    let comparison = of_rows(runs(1, 52_400.0, &[]), runs(1, 99_000.0, &[]));
    let doubt = Doubt::OneRun { more: 9 };
    assert_eq!(verdict(&comparison, P99), Verdict::CannotTell(doubt));
    assert_eq!(verdict(&comparison, "delivery_p50_us"), Verdict::CannotTell(doubt));
    assert_eq!(verdict(&comparison, "missing"), Verdict::NoChange, "counted, and none");
    assert!(!comparison.regressed());
    assert_snapshot!(comparison.to_text(Style::default(), false));
}

#[test]
fn three_runs_a_side_are_too_few_however_far_apart() {
    let comparison = of_rows(runs(3, 52_400.0, &[]), runs(3, 990_000.0, &[]));
    let doubt = Doubt::TooFewRuns { more: 7 };
    assert_eq!(verdict(&comparison, P99), Verdict::CannotTell(doubt));
}

#[test]
fn the_more_settings_the_more_runs_it_takes_until_any_can_be_told() {
    let four = |count, p99| -> Vec<Row> {
        let transports = ["short-polling", "long-polling", "sse", "websocket"];
        let runs = |name| runs(count, p99, &[("transport", Value::words(name))]);
        transports.into_iter().flat_map(runs).collect()
    };
    let [few, enough] = [4, 5].map(|count| of_rows(four(count, 52_400.0), four(count, 990_000.0)));
    let doubt = Doubt::TooFewRuns { more: 6 };
    assert_eq!(verdict(&few, P99), Verdict::CannotTell(doubt));
    assert!(!few.regressed());
    assert!(enough.settings.iter().all(|compared| {
        compared.changes.iter().any(|change| change.verdict == Verdict::Worse)
    }));
}

#[test]
fn a_change_below_the_threshold_is_none_and_one_above_it_is() {
    for (p99, expected) in
        [(52_900.0, Verdict::NoChange), (63_000.0, Verdict::Worse), (42_000.0, Verdict::Better)]
    {
        let comparison = of_rows(runs(10, 52_400.0, &[]), runs(10, p99, &[]));
        assert_eq!(verdict(&comparison, P99), expected, "{p99}");
        assert_eq!(comparison.regressed(), expected == Verdict::Worse);
    }
}

#[test]
fn a_change_near_the_threshold_is_not_called_either_way() {
    let comparison = of_rows(runs(10, 52_400.0, &[]), runs(10, 52_400.0 * 1.047, &[]));
    let doubt = Doubt::AtThreshold;
    assert_eq!(verdict(&comparison, P99), Verdict::CannotTell(doubt));
}

#[test]
fn the_sides_swapped_swap_the_verdict() {
    let [a, b] = [52_400.0, 70_000.0].map(|p99| runs(6, p99, &[]));
    let [there, back] = [of_rows(a.clone(), b.clone()), of_rows(b, a)];
    assert_eq!(verdict(&there, P99), Verdict::Worse);
    assert_eq!(verdict(&back, P99), Verdict::Better);
}

#[test]
fn a_count_that_was_nought_and_now_never_is_got_worse_by_no_share() {
    let missing = |count| [("missing", Value::Integer(count))];
    let comparison = of_rows(runs(5, 52_400.0, &missing(0)), runs(5, 52_400.0, &missing(7)));
    let changes = &comparison.settings[0].changes;
    let change = changes.iter().find(|change| change.column.name == "missing").unwrap();
    assert_eq!(change.verdict, Verdict::Worse);
    assert_eq!(change.relative, None);
    assert_eq!(change.absolute, Some(Estimate { change: 7.0, interval: Some((7.0, 7.0)) }));
}

#[test]
fn a_loss_in_one_run_of_many_is_not_yet_told_from_chance() {
    let mut new = runs(4, 52_400.0, &[]);
    new.extend(runs(1, 52_400.0, &[("missing", Value::Integer(7))]));
    let comparison = of_rows(runs(5, 52_400.0, &[]), new);
    assert!(matches!(verdict(&comparison, "missing"), Verdict::CannotTell(Doubt::TooNoisy { .. })));
}

#[test]
fn what_one_side_did_not_measure_is_said_and_what_neither_did_is_left_out() {
    let blank = ("server_cpu_us_per_message", Value::Blank);
    let [base, new] = [&[][..], &[blank]].map(|others| runs(5, 52_400.0, others));
    let comparison = of_rows(base, new);
    assert_eq!(
        verdict(&comparison, "server_cpu_us_per_message"),
        Verdict::CannotTell(Doubt::NotMeasured)
    );
    let changes = &comparison.settings[0].changes;
    assert!(changes.iter().all(|change| change.column.name != "server_rss_per_subscriber_bytes"));
}

#[test]
fn a_transport_that_only_has_invalid_runs_now_is_not_complete() {
    let invalid = [("valid", Value::Boolean(false))];
    let comparison = of_rows(runs(5, 52_400.0, &[]), runs(5, 52_400.0, &invalid));
    assert!(!comparison.regressed());
    assert!(!comparison.is_complete());
    assert_eq!(comparison.left_out.len(), 5);
    assert!(
        comparison.to_text(Style::default(), false).starts_with("Nothing could be compared.\n")
    );
}

#[test]
fn disturbed_runs_are_used_and_named_in_every_form() {
    let reason = "another process used 0.9 of 2 cores: pid 123, stress-ng";
    let disturbed =
        [("disturbed", Value::Boolean(true)), ("disturbed_reason", Value::words(reason))];
    let comparison = of_rows(runs(6, 52_400.0, &[]), runs(6, 63_000.0, &disturbed));
    assert_eq!((comparison.settings[0].base_runs, comparison.settings[0].new_runs), (6, 6));
    let line = format!("new run sse-1 was disturbed: {reason}");
    let text = comparison.to_text(Style { width: 200, ..Style::default() }, false);
    assert!(text.contains(&format!("!  {line}\n")), "{text}");
    assert!(text.contains("!  2 more runs were disturbed\n"), "{text}");
    assert!(!text.contains("base run"), "{text}");
    assert!(comparison.to_markdown().contains(&format!("- ⚠ {line}\n")));
    let json: serde_json::Value = serde_json::from_str(&comparison.to_json()).unwrap();
    assert_eq!(json["disturbed"].as_array().unwrap().len(), 6);
    assert_eq!(json["disturbed"][5]["reason"], reason);
}

#[test]
fn the_metrics_compared_are_columns_that_rate() {
    let metrics = CompareOptions::default().metrics;
    assert_eq!(metrics.len(), METRICS.len());
    assert!(metrics.iter().all(|column| column.better != crate::Better::Neither));
}

#[test]
fn the_headline_names_what_could_not_be_decided() {
    let noisy = |cpu: [f64; 5]| -> Vec<Row> {
        let cpus = cpu.map(|cpu| [("server_cpu_us_per_message", Value::exact(cpu))]);
        cpus.iter().flat_map(|cpu| runs(1, 52_400.0, cpu)).collect()
    };
    let base = noisy([1.0, 1.8, 0.7, 1.2, 2.0]);
    let new = noisy([1.4, 2.5, 1.0, 1.7, 2.8]);
    let text = of_rows(base, new).to_text(Style { colour: false, width: 200 }, false);
    let headline = text.lines().next().unwrap();
    assert!(headline.contains("not all is known"), "{headline}");
    assert!(headline.contains("server cpu per message of sse (+4"), "{headline}");
}

#[test]
fn one_number_of_runs_is_recommended_in_one_sentence() {
    for count in [1, 3] {
        let comparison = of_rows(runs(count, 52_400.0, &[]), runs(count, 99_000.0, &[]));
        let text = comparison.to_text(Style { colour: false, width: 200 }, false);
        assert_eq!(text.matches("--repeat").count(), 1, "{text}");
        assert!(text.contains("--repeat 10"), "{text}");
        assert!(!text.contains("run (+") && !text.contains("runs (+"), "{text}");
        assert!(comparison.to_markdown().contains("--repeat 10"));
        assert!(comparison.to_json().contains("--repeat 10"));
    }
}

#[test]
fn a_comparison_fits_the_terminal() {
    let wide = eventful();
    for width in [60, 80, 120] {
        let text = wide.to_text(Style { colour: false, width }, true);
        for line in text.lines() {
            assert!(line.chars().count() <= width, "{width}: {line}");
        }
        for cell in ["52.3", "62.9", "+20 %", "+19 % to +21 %", "worse", "very noisy"] {
            assert!(text.contains(cell), "{width} columns without {cell}: {text}");
        }
    }
}

#[test]
fn results_without_a_setting_in_common_are_told_from_those_with_invalid_runs() {
    let of = |name: &str| runs(2, 52_400.0, &[("transport", Value::words(name))]);
    assert!(!of_rows(of("sse"), of("websocket")).has_runs_in_common());
    let invalid = runs(2, 52_400.0, &[("valid", Value::Boolean(false))]);
    assert!(of_rows(of("sse"), invalid).has_runs_in_common());
    assert!(of_rows(of("sse"), of("sse")).has_runs_in_common());
}

#[test]
fn many_differences_are_one_line_until_their_values_are_asked_for() {
    let mut comparison = eventful();
    comparison.differences = ["kernel", "cpu", "cores"]
        .map(|field| Difference {
            about: About::Machine,
            field: field.to_owned(),
            base: vec!["this".to_owned()],
            new: vec!["that".to_owned()],
        })
        .to_vec();
    let style = Style { colour: false, width: 200 };
    let short = comparison.to_text(style, false);
    assert!(short.contains("3 things differ besides what was measured: machine kernel"), "{short}");
    assert!(!short.contains("base this"), "{short}");
    assert_eq!(comparison.to_text(style, true).matches("base this, new that").count(), 3);
    assert_eq!(comparison.to_markdown().matches("base this, new that").count(), 3);
    assert_eq!(comparison.to_json().matches("\"this\"").count(), 3);
}

/// Returns runs of two targets that took turns on a machine that drifts by half. The second target
/// takes `factor` times as long.
fn took_turns(repeats: u32, factor: f64) -> Vec<Row> {
    let mut rows = Vec::new();
    for repeat in 1..=repeats {
        let drift = 1.0 + 0.5 * f64::from(repeat * 5 % repeats) / f64::from(repeats);
        for (target, factor) in [("v1", 1.0), ("v2", factor)] {
            let wobble = 1.0 + 0.002 * f64::from((repeat * 3 + u32::from(target == "v2")) % 5);
            rows.push(row(&[
                ("run_id", Value::words(format!("{repeat:03}-{target}-sse"))),
                ("repeat", Value::Integer(repeat.into())),
                ("target", Value::words(target)),
                (P99, Value::exact((50_000.0 * drift * factor * wobble).round())),
            ]));
        }
    }
    rows
}

fn by_target(rows: Vec<Row>) -> Comparison {
    let column = crate::columns::setting_column("target").unwrap();
    let contrast = Contrast { column, base: "v1".to_owned(), new: "v2".to_owned() };
    let runs = Side::of_rows("results/pull-request", rows);
    compare_neighbours(&runs, &contrast, &CompareOptions::default())
}

#[test]
fn neighbours_show_a_change_that_the_drift_hides_from_separate_sides() {
    let comparison = by_target(took_turns(8, 1.1));
    assert_eq!(verdict(&comparison, P99), Verdict::Worse);
    let of = |target: &str| {
        let rows = took_turns(8, 1.1).into_iter();
        rows.filter(|row| row.text("target") == Some(target))
            .map(|row| changed(&row, &[("target", Value::Blank)]))
            .collect()
    };
    assert!(matches!(verdict(&of_rows(of("v1"), of("v2")), P99), Verdict::CannotTell(_)));
    assert_eq!(verdict(&by_target(took_turns(8, 1.0)), P99), Verdict::NoChange);
    assert_snapshot!(comparison.to_text(Style::default(), false));
}

#[test]
fn a_run_whose_neighbour_is_invalid_is_left_out() {
    let mut rows = took_turns(9, 1.1);
    let invalid = [
        ("valid", Value::Boolean(false)),
        ("invalid_reason", Value::words("3 of 30 deliveries missing")),
        (P99, Value::exact(1.0)),
    ];
    rows[3] = changed(&rows[3], &invalid);
    let comparison = by_target(rows);
    let [compared] = comparison.settings.as_slice() else { panic!("{comparison:?}") };
    assert_eq!((compared.base_runs, compared.new_runs), (8, 8));
    assert_eq!(comparison.left_out.len(), 1);
    assert_eq!(verdict(&comparison, P99), Verdict::Worse);
}
