//! What the SDKs do where they may do as they please, held against the table in the documents.

use std::io::Write as _;

const PAGE: &str = include_str!("../../../../docs/FEISHU.md");

/// Tells what the SDK for Python, that for Node and, where it was asked too, the bot did in some
/// matter. The platform does not hang on it, so a new version that does otherwise breaks no build;
/// the run says that the table is out of date.
pub(crate) fn tell(matter: &str, did: &[impl ToString]) {
    let did: Vec<String> = did.iter().map(ToString::to_string).collect();
    let row = format!("| {matter} | {} |", did.join(" | "));
    if !PAGE.lines().any(|line| line.starts_with(&row)) {
        say(&format!("docs/FEISHU.md does not say {row}"));
    }
}

/// Says something in the run's output, also where the harness keeps what passing tests print.
pub(crate) fn say(words: &str) {
    let line = format!("witness: {words}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
