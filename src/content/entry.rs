//! One announced entry: lines of text and, below them, who said so and when.

use feishu::{Block, LegacyElement, LegacyParagraph, LegacyTextStyle, OpenId, TextElement};

/// An entry of the announcement, whichever kind that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    text: String,
    signature: Option<Signature>,
}

/// The small line at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Signature {
    /// Shown as a mention: the platform tells the bot no names.
    pub(crate) author: Option<OpenId>,
    pub(crate) date: String,
}

impl Entry {
    /// Every typed line break starts a paragraph of its own.
    pub(crate) fn new(text: &str, signature: Option<Signature>) -> Self {
        let text = text.to_owned();
        Self { text, signature }
    }

    /// The text without the signature.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// How many lines it takes, the signature's included.
    pub(crate) fn line_count(&self) -> usize {
        self.text.lines().count() + usize::from(self.signature.is_some())
    }

    /// Whether the last line mentions the author.
    pub(crate) fn names_author(&self) -> bool {
        self.signature
            .as_ref()
            .is_some_and(|signature| signature.author.is_some())
    }

    /// The same entry with nobody mentioned.
    pub(crate) fn nameless(&self) -> Self {
        let signature = self.signature.as_ref().map(|signature| Signature {
            author: None,
            date: signature.date.clone(),
        });
        Self {
            text: self.text.clone(),
            signature,
        }
    }

    /// As blocks of a `docx` announcement.
    pub(crate) fn to_docx(&self) -> Vec<Block> {
        let lines = self.text.lines().map(|line| vec![TextElement::plain(line)]);
        let signature = self
            .signature
            .as_ref()
            .map(|signature| match &signature.author {
                Some(author) => vec![
                    TextElement::plain("— "),
                    TextElement::MentionUser {
                        open_id: author.clone(),
                    },
                    TextElement::plain(format!(" · {}", signature.date)),
                ],
                None => vec![TextElement::plain(format!("— {}", signature.date))],
            });
        lines.chain(signature).map(Block::paragraph).collect()
    }

    /// As paragraphs of a `doc` announcement.
    pub(crate) fn to_legacy(&self) -> Vec<LegacyParagraph> {
        let plain = |text: String| LegacyElement::TextRun {
            text,
            style: LegacyTextStyle::default(),
        };
        let lines = self.text.lines().map(LegacyParagraph::plain);
        let signature = self
            .signature
            .as_ref()
            .map(|signature| match &signature.author {
                Some(author) => LegacyParagraph {
                    elements: vec![
                        plain("— ".to_owned()),
                        LegacyElement::Person {
                            open_id: author.clone(),
                        },
                        plain(format!(" · {}", signature.date)),
                    ],
                },
                None => LegacyParagraph::plain(format!("— {}", signature.date)),
            });
        lines.chain(signature).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(author: Option<&str>) -> Entry {
        let signature = Signature {
            author: author.map(OpenId::from),
            date: "2026-09-11 09:00".to_owned(),
        };
        Entry::new("停电 🔌\n\ntonight", Some(signature))
    }

    #[test]
    fn both_kinds_hold_the_same_lines_in_the_same_order() {
        let entry = entry(None);
        let legacy: Vec<String> = entry
            .to_legacy()
            .iter()
            .map(LegacyParagraph::plain_text)
            .collect();
        assert_eq!(legacy, ["停电 🔌", "", "tonight", "— 2026-09-11 09:00"]);
        let docx: Vec<TextElement> = entry
            .to_docx()
            .into_iter()
            .flat_map(|block| block.text.unwrap_or_default().elements)
            .collect();
        assert_eq!(
            docx,
            legacy
                .into_iter()
                .map(TextElement::plain)
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn the_author_is_mentioned_unless_asked_otherwise() {
        let signed = entry(Some("ou_1"));
        assert!(signed.names_author());
        let last = signed.to_legacy().pop().unwrap();
        assert_eq!(last.plain_text(), "— @ou_1 · 2026-09-11 09:00");
        assert!(!signed.nameless().names_author());
        assert_eq!(signed.nameless(), entry(None));
    }
}
