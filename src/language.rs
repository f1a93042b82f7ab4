//! The languages of replies.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    Zh,
    En,
}

impl Language {
    /// Chinese if `text` contains a Han character.
    pub fn of(text: &str) -> Self {
        if text.chars().any(is_han) {
            Self::Zh
        } else {
            Self::En
        }
    }
}

/// A text in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bilingual {
    pub zh: &'static str,
    pub en: &'static str,
}

impl Bilingual {
    pub const fn new(zh: &'static str, en: &'static str) -> Self {
        Self { zh, en }
    }

    pub fn to(self, language: Language) -> &'static str {
        match language {
            Language::Zh => self.zh,
            Language::En => self.en,
        }
    }

    /// The text with `value` in place of each `{}`.
    pub fn fill(self, language: Language, value: impl Display) -> String {
        self.to(language).replace("{}", &value.to_string())
    }
}

/// Whether a character is in a Unicode block of Han characters, without punctuation and kana.
fn is_han(c: char) -> bool {
    matches!(c,
        '々' | '〇'
        | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_a_han_character_is_chinese() {
        for (text, language) in [
            ("/置顶", Language::Zh),
            ("/announce 今晚 8pm", Language::Zh),
            ("𠮷", Language::Zh),
            ("／pin：", Language::En),
            ("/pin @_user_1 😀", Language::En),
            ("", Language::En),
        ] {
            assert_eq!(Language::of(text), language, "{text}");
        }
    }

    #[test]
    fn each_placeholder_is_filled_once() {
        let text = Bilingual::new("计划 {}：{}", "{}: schedule {}");
        assert_eq!(text.fill(Language::Zh, 3), "计划 3：3");
        assert_eq!(text.fill(Language::En, "{}"), "{}: schedule {}");
    }
}
