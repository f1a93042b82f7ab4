//! The two languages that the bot answers in.

use serde::{Deserialize, Serialize};

/// A language of the bot's replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

impl Language {
    /// The language to answer `text` in: Chinese if it holds a Han character.
    pub fn of(text: &str) -> Self {
        if text.chars().any(is_han) {
            Self::Zh
        } else {
            Self::En
        }
    }
}

/// The same words in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bilingual {
    /// In Chinese.
    pub zh: &'static str,
    /// In English.
    pub en: &'static str,
}

impl Bilingual {
    /// Chinese first, English second.
    pub const fn new(zh: &'static str, en: &'static str) -> Self {
        Self { zh, en }
    }

    /// The words in one language.
    pub fn to(self, language: Language) -> &'static str {
        match language {
            Language::Zh => self.zh,
            Language::En => self.en,
        }
    }
}

/// The Unicode blocks of Han characters; punctuation and kana are no sign of Chinese.
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
    fn one_han_character_makes_a_text_chinese() {
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
}
