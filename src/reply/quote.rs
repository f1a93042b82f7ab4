//! Quotes of members' words. Text messages do not render Markdown, cards do.

use crate::language::Language;
use crate::text::on_one_line;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextFormat {
    /// A text message or a toast.
    Text,
    /// The Markdown of a card.
    Card,
}

impl TextFormat {
    /// Quotes a member's words on one line, without active mentions, links or closing quotes.
    pub(super) fn quote(self, words: &str, language: Language) -> String {
        let words = on_one_line(words)
            .replace('<', "＜")
            .replace('`', "｀")
            .replace("](", "] (");
        match (self, language) {
            (Self::Card, _) => format!("`{words}`"),
            (Self::Text, Language::Zh) => {
                format!("「{}」", words.replace('「', "『").replace('」', "』"))
            }
            (Self::Text, Language::En) => {
                format!("“{}”", words.replace('“', "‘").replace('”', "’"))
            }
        }
    }

    /// Formats a command or another literal as code.
    pub(super) fn code(self, form: &str) -> String {
        match self {
            Self::Text => form.to_owned(),
            Self::Card => format!("`{form}`"),
        }
    }

    pub(super) fn heading(self, words: &str) -> String {
        match self {
            Self::Text => words.to_owned(),
            Self::Card => format!("**{words}**"),
        }
    }
}

pub(super) fn quoted(words: &str, language: Language) -> String {
    TextFormat::Text.quote(words, language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_one_line_within_their_marks() {
        let words = "a\r\nb\u{2029}\u{202e}c」”`";
        for (format, language, quote) in [
            (TextFormat::Text, Language::Zh, "「a b \\u{202e}c』”｀」"),
            (TextFormat::Text, Language::En, "“a b \\u{202e}c」’｀”"),
            (TextFormat::Card, Language::Zh, "`a b \\u{202e}c」”｀`"),
        ] {
            assert_eq!(format.quote(words, language), quote);
        }
    }

    #[test]
    fn quotes_contain_no_active_markup() {
        let words = "<at user_id=\"all\"></at>[here](https://e.cn)";
        for format in [TextFormat::Text, TextFormat::Card] {
            let quote = format.quote(words, Language::En);
            assert!(!quote.contains('<') && !quote.contains("]("), "{quote}");
        }
    }
}
