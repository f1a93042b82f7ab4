//! Punctuation that differs between the languages.

use crate::language::{Bilingual, Language};

/// Between two sentences.
pub(super) const GAP: Bilingual = Bilingual::new("", " ");

/// Between two parts of a list.
pub(super) const COMMA: Bilingual = Bilingual::new("、", ", ");

pub(super) const FULL_STOP: Bilingual = Bilingual::new("。", ".");

/// A label with what it labels.
pub(super) fn labeled(label: &str, words: &str, language: Language) -> String {
    let colon = Bilingual::new("：", ": ").to(language);
    format!("{label}{colon}{words}")
}
