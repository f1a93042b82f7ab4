//! An announced entry: a text and its signature.

use feishu::{LegacyBlock, OpenId};
use serde::{Deserialize, Serialize};

use super::document::{Block, Document, Inline};
use super::docx::DocxNode;
use super::excerpt::Excerpt;
use super::media::MediaFile;
use crate::language::{Bilingual, Language};

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
    /// When the text was last edited, as displayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited: Option<String>,
}

impl Entry {
    pub fn new(document: &Document, signature: Option<Signature>) -> Self {
        let document = document.with_mentions(MENTIONS - 1);
        Self {
            document,
            signature,
        }
    }

    /// The entry with another text, edited at this date. The signature names its author as before.
    #[must_use]
    pub fn edited(&self, document: &Document, date: String) -> Self {
        let signature = self.signature.clone().map(|signature| Signature {
            edited: Some(date),
            ..signature
        });
        Self::new(document, signature)
    }

    /// Including the signature.
    pub fn line_count(&self) -> usize {
        let lines = self.document.blocks.iter().map(Block::line_count);
        lines.sum::<usize>() + usize::from(self.signature.is_some())
    }

    pub(crate) fn language(&self) -> Language {
        self.document.language()
    }

    /// Without the signature.
    pub(super) fn text(&self) -> &Document {
        &self.document
    }

    pub(super) fn signature_line(&self) -> Option<Document> {
        let signature = self.signature.as_ref();
        signature.map(|signature| signature.document(self.language()))
    }

    /// Whether it has a signature, which distinguishes it from other entries with the same text.
    pub fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    pub fn mentions_anybody(&self) -> bool {
        let has_author = |signature: &Signature| signature.author.is_some();
        self.signature.as_ref().is_some_and(has_author) || self.document.mention_count() > 0
    }

    /// The author is omitted, others are named in text.
    #[must_use]
    pub fn without_mentions(&self) -> Self {
        let signature = self.signature.as_ref().map(|signature| Signature {
            author: None,
            ..signature.clone()
        });
        Self {
            document: self.document.without_mentions(),
            signature,
        }
    }

    /// See [`Document::map_media`].
    #[must_use]
    pub(crate) fn map_media(
        &self,
        change: impl FnMut(usize, MediaFile) -> Option<MediaFile>,
    ) -> Self {
        Self {
            document: self.document.map_media(self.document.language(), change),
            signature: self.signature.clone(),
        }
    }

    /// Whether both have the same text, with the same pictures and files, which may have been copied
    /// again.
    pub(crate) fn reads_like(&self, other: &Self) -> bool {
        let without_tokens = |entry: &Self| {
            entry.map_media(|_, file| {
                Some(MediaFile {
                    token: None,
                    ..file
                })
            })
        };
        without_tokens(self) == without_tokens(other)
    }

    /// The same with the tokens of another entry's files, which are the same in number.
    #[must_use]
    pub(crate) fn with_tokens_of(&self, other: &Self) -> Self {
        let tokens: Vec<_> = other.media().map(|file| file.token.clone()).collect();
        self.map_media(|number, file| {
            let token = tokens.get(number).cloned().flatten();
            Some(MediaFile { token, ..file })
        })
    }

    /// The start of its text, and its signature in the Markdown of cards.
    pub(crate) fn excerpt(&self) -> (Excerpt, Option<String>) {
        let signature = self.signature_line().map(|line| line.to_card());
        (self.document.excerpt(), signature)
    }

    pub(crate) fn document(&self) -> &Document {
        &self.document
    }

    /// The pictures and files.
    pub(crate) fn media(&self) -> impl Iterator<Item = &MediaFile> {
        self.document.media()
    }

    pub fn to_docx(&self) -> Vec<DocxNode> {
        let signature = self
            .signature
            .iter()
            .flat_map(|line| line.document(self.document.language()).to_docx());
        let nodes = self.document.to_docx().into_iter();
        nodes.chain(signature).collect()
    }

    pub fn to_legacy(&self) -> Vec<LegacyBlock> {
        let signature = self
            .signature
            .iter()
            .flat_map(|line| line.document(self.document.language()).to_legacy());
        let blocks = self.document.to_legacy().into_iter();
        blocks.chain(signature).collect()
    }
}

impl Signature {
    /// The line, in the language of the entry.
    fn document(&self, language: Language) -> Document {
        let date = match &self.edited {
            Some(edited) => format!("{} · {}", self.date, EDITED.fill(language, edited)),
            None => self.date.clone(),
        };
        let line = match &self.author {
            Some(author) => vec![
                Inline::plain("— "),
                Inline::Mention {
                    open_id: author.clone(),
                    // Announcements show the name that the platform knows.
                    name: String::new(),
                },
                Inline::plain(format!(" · {date}")),
            ],
            None => vec![Inline::plain(format!("— {date}"))],
        };
        Document {
            blocks: vec![Block::Paragraph(line)],
            ..Document::default()
        }
    }
}

/// `{}` is a date.
const EDITED: Bilingual = Bilingual::new("{} 已修改", "edited {}");

#[cfg(test)]
mod tests {
    use feishu::TextElement;

    use super::*;

    fn entry(author: Option<&str>) -> Entry {
        let signature = Signature {
            author: author.map(OpenId::from),
            date: "2026-09-11 09:00".to_owned(),
            edited: None,
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
    fn both_formats_have_the_same_lines() {
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
    fn the_signature_mentions_the_author() {
        let signed = entry(Some("ou_1"));
        assert!(signed.mentions_anybody());
        assert_eq!(legacy_lines(&signed)[3], "— @ou_1 · 2026-09-11 09:00");
        assert!(!signed.without_mentions().mentions_anybody());
        assert_eq!(signed.without_mentions(), entry(None));
    }

    #[test]
    fn the_signature_tells_of_an_edit() {
        for (text, line) in [
            ("来电", "— 2026-09-11 09:00 · 2026-09-11 10:00 已修改"),
            ("back", "— 2026-09-11 09:00 · edited 2026-09-11 10:00"),
        ] {
            let document = Document::from_markdown(text, &[]);
            let edited = entry(None).edited(&document, "2026-09-11 10:00".to_owned());
            assert_eq!(legacy_lines(&edited), [text, line]);
        }
        let unsigned = Entry::new(&Document::from_markdown("a", &[]), None);
        let document = Document::from_markdown("b", &[]);
        assert!(!unsigned.edited(&document, String::new()).is_signed());
    }

    #[test]
    fn mentions_beyond_the_limit_become_names() {
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
        let named = legacy_lines(&entry.without_mentions()).concat();
        assert_eq!(named.matches("@Lin").count(), 120);
    }
}
