//! Properties that hold for any bytes, one property test per module.
//!
//! A fuzzer runs these functions (`fuzz_targets`), and `tests/fuzz_corpus` with every file of the
//! corpus. Each `check` panics if and only if a property is violated.

pub mod content;
pub mod frames;
pub mod legacy_document;
pub mod parser;
pub mod webhook;

/// A function that checks properties for any bytes.
pub type Check = fn(&[u8]);

/// Every target, by the name of its binary and of its corpus directory.
pub const ALL: [(&str, Check); 5] = [
    ("content", content::check),
    ("frames", frames::check),
    ("legacy_document", legacy_document::check),
    ("parser", parser::check),
    ("webhook", webhook::check),
];
