//! What must hold for any bytes at all, one property test a module.
//!
//! A fuzzer runs these bodies (`fuzz_targets`), and so does `tests/fuzz_corpus` with every file of
//! the corpus. Each `check` panics where something does not hold, and only then.

pub mod content;
pub mod frames;
pub mod legacy_document;
pub mod parser;
pub mod webhook;

/// A body that holds a property for any bytes.
pub type Check = fn(&[u8]);

/// Every target by the name of its binary and of its folder in the corpus.
pub const ALL: [(&str, Check); 5] = [
    ("content", content::check),
    ("frames", frames::check),
    ("legacy_document", legacy_document::check),
    ("parser", parser::check),
    ("webhook", webhook::check),
];
