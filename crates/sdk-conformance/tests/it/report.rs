//! Compares behavior that the platform leaves to the SDKs with the table in the documents.

use std::io::Write as _;

const PAGE: &str = include_str!("../../../../docs/FEISHU.md");

/// Compares what the SDK for Python, the one for Node and optionally the bot did with the table. The
/// platform does not depend on it, so a difference is only printed: the table is out of date.
pub(crate) fn compare(matter: &str, did: &[impl ToString]) {
    let did: Vec<String> = did.iter().map(ToString::to_string).collect();
    let row = format!("| {matter} | {} |", did.join(" | "));
    if !PAGE.lines().any(|line| line.starts_with(&row)) {
        print(&format!("docs/FEISHU.md does not say {row}"));
    }
}

/// Prints a line that the test harness does not capture.
pub(crate) fn print(words: &str) {
    let line = format!("sdk-conformance: {words}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
