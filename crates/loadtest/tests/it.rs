//! The program itself, measuring its own baseline.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot set itself up has failed"
)]

use std::process::{Command, Output};

use serde_json::Value;

fn loadtest(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadtest"))
        .args(arguments)
        .output()
        .unwrap()
}

fn report(arguments: &[&str]) -> Value {
    let output = loadtest(arguments);
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{words}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn the_baseline_accepts_events_in_a_closed_loop() {
    let arguments = ["load", "--baseline", "--events", "300", "--json"];
    let report = report(&[&arguments[..], &["--commands", "10", "--chats", "3"]].concat());
    assert_eq!(report["statuses"]["200"], 300, "{report:#}");
    assert!(report["ack_ms"]["p99"].as_f64().unwrap() > 0.0);
    assert!(report["cpu_seconds_per_10_000"].is_number());
    assert_eq!(report["commands_open"], 30, "a baseline does nothing");
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let arguments = ["load", "--baseline", "--events", "100", "--rate", "500"];
    let report = report(&[&arguments[..], &["--slow", "3", "--json"]].concat());
    let seconds = report["seconds"].as_f64().unwrap();
    assert!(seconds >= 99.0 / 500.0, "{seconds}");
    assert_eq!(report["slow"]["connections"], 3);
}

#[test]
fn a_failing_program_is_an_error() {
    for arguments in [
        ["load", "--events", "1", "--bot", "/bin/false"],
        ["chaos", "--commands", "1", "--bot", "/bin/false"],
        ["load", "--events", "1", "--bot", "/nowhere"],
    ] {
        let output = loadtest(&arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(words.contains("loadtest: "), "{words}");
    }
}
