//! An announced entry: a text and its signature.

use feishu::{LegacyBlock, LegacyElement, LegacyParagraph, OpenId, TextElement};

use serde::{Deserialize, Serialize};

use super::document::{Block, Document};
use super::docx::DocxNode;

/// Maximum number of mentions in an entry, including the author: the platform's limit per call for
/// either format. Further people are named in text.
const MENTIONS: usize = 100;

/// An entry of an announcement of either format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    document: Document,
    signature: Option<Signature>,
}

/// The small last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Shown as a mention, because the platform does not give the bot names.
    pub author: Option<OpenId>,
    /// As displayed.
    pub date: String,
}

impl Entry {
    pub fn new(document: &Document, signature: Option<Signature>) -> Self {
        let document = document.with_mentions(MENTIONS - 1);
        Self {
            document,
            signature,
        }
    }

    /// Including the signature.
    pub fn line_count(&self) -> usize {
        let lines = self.document.blocks.iter().map(Block::line_count);
        lines.sum::<usize>() + usize::from(self.signature.is_some())
    }

    /// Whether it has a signature, which distinguishes it from other entries with the same text.
    pub fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    pub fn names_anybody(&self) -> bool {
        let author = self
            .signature
            .as_ref()
            .and_then(|line| line.author.as_ref());
        author.is_some() || self.document.mention_count() > 0
    }

    /// Without mentions: the author is omitted, others are named in text.
    #[must_use]
    pub fn nameless(&self) -> Self {
        let signature = self.signature.as_ref().map(|signature| Signature {
            author: None,
            date: signature.date.clone(),
        });
        Self {
            document: self.document.without_mentions(),
            signature,
        }
    }

    pub fn to_docx(&self) -> Vec<DocxNode> {
        let signature = self.signature.as_ref().map(|signature| {
            let date = &signature.date;
            let elements = match &signature.author {
                Some(author) => vec![
                    TextElement::plain("— "),
                    TextElement::MentionUser {
                        open_id: author.clone(),
                    },
                    TextElement::plain(format!(" · {date}")),
                ],
                None => vec![TextElement::plain(format!("— {date}"))],
            };
            DocxNode::leaf(feishu::Block::paragraph(elements))
        });
        let nodes = self.document.to_docx().into_iter();
        nodes.chain(signature).collect()
    }

    pub fn to_legacy(&self) -> Vec<LegacyBlock> {
        let signature = self.signature.as_ref().map(|signature| {
            let date = &signature.date;
            let elements = match &signature.author {
                Some(author) => vec![
                    LegacyElement::plain("— "),
                    LegacyElement::Person {
                        open_id: author.clone(),
                    },
                    LegacyElement::plain(format!(" · {date}")),
                ],
                None => vec![LegacyElement::plain(format!("— {date}"))],
            };
            LegacyBlock::Paragraph(LegacyParagraph {
                elements,
                ..LegacyParagraph::default()
            })
        });
        let blocks = self.document.to_legacy().into_iter();
        blocks.chain(signature).collect()
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
        let document = Document::from_markdown("停电 🔌\n\ntonight", &[]);
        Entry::new(&document, Some(signature))
    }

    fn legacy_lines(entry: &Entry) -> Vec<String> {
        let blocks = entry.to_legacy();
        let lines = blocks.iter().map(|block| match block {
            LegacyBlock::Paragraph(paragraph) => paragraph.plain_text(),
            LegacyBlock::HorizontalLine | LegacyBlock::Copied(_) => "---".to_owned(),
        });
        lines.collect()
    }

    #[test]
    fn both_kinds_hold_the_same_lines_in_the_same_order() {
        let entry = entry(None);
        let legacy = legacy_lines(&entry);
        assert_eq!(legacy, ["停电 🔌", "", "tonight", "— 2026-09-11 09:00"]);
        assert_eq!(entry.line_count(), 4);
        let docx: Vec<TextElement> = entry
            .to_docx()
            .into_iter()
            .flat_map(|node| node.block.text.unwrap_or_default().elements)
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
        assert!(signed.names_anybody());
        assert_eq!(legacy_lines(&signed)[3], "— @ou_1 · 2026-09-11 09:00");
        assert!(!signed.nameless().names_anybody());
        assert_eq!(signed.nameless(), entry(None));
    }

    #[test]
    fn who_is_mentioned_beyond_what_a_call_takes_goes_by_name() {
        let mention = super::super::Mention {
            key: "@_user_1".to_owned(),
            name: "Lin".to_owned(),
            open_id: Some("ou_1".into()),
            is_me: false,
        };
        let document = Document::from_markdown(&"@_user_1 ".repeat(120), &[mention]);
        let entry = Entry::new(&document, None);
        let text = legacy_lines(&entry).concat();
        assert_eq!(text.matches("@ou_1").count(), 99);
        assert_eq!(text.matches("@Lin").count(), 21);
        let nameless = legacy_lines(&entry.nameless()).concat();
        assert_eq!(nameless.matches("@Lin").count(), 120);
    }
}
