//! The rich text model.
//!
//! A document is a flat list of lines: each typed line is a separate block, and list items have a
//! depth. Only code blocks and tables contain several lines.

use std::borrow::Cow;
use std::collections::BTreeSet;

use feishu::{HeadingLevel, Medium, OpenId};
use serde::{Deserialize, Serialize};

use super::media::MediaFile;
use super::mention::everyone;
use crate::language::Language;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    pub(crate) blocks: Vec<Block>,
    /// Whether formatting was dropped because there was too much of it.
    #[serde(default, skip_serializing_if = "is_off")]
    pub(crate) unformatted: bool,
    /// Media of the message that are not in the text.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) left_out: BTreeSet<Medium>,
}

/// One line, one block of code, or one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Block {
    /// An empty one is a blank line.
    Paragraph(Vec<Inline>),
    Heading {
        level: HeadingLevel,
        content: Vec<Inline>,
    },
    ListItem {
        marker: Marker,
        /// Number of enclosing lists, up to [`Block::DEEPEST`].
        depth: u8,
        content: Vec<Inline>,
    },
    Quote(Vec<Inline>),
    Code {
        /// Empty if none was given.
        language: String,
        /// Without the trailing line break.
        text: String,
    },
    /// A horizontal line.
    Divider,
    Table(Table),
    Media(MediaFile),
}

/// A table, row by row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Table {
    /// The first row has the names of the columns. A row may have fewer cells than others.
    pub(super) rows: Vec<Vec<Vec<Inline>>>,
}

/// The marker of a list item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Marker {
    Bullet,
    /// The number as it was typed.
    Number(u32),
}

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Inline {
    Text(Run),
    /// A person, with the name as shown in the message.
    Mention {
        open_id: OpenId,
        name: String,
    },
    Everyone,
}

/// Text in one style.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// Without line breaks.
    pub(crate) text: String,
    #[serde(flatten)]
    pub(crate) style: TextStyle,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "five switches, each on its own"
)]
pub(crate) struct TextStyle {
    #[serde(skip_serializing_if = "is_off")]
    pub(crate) bold: bool,
    #[serde(skip_serializing_if = "is_off")]
    pub(crate) italic: bool,
    #[serde(skip_serializing_if = "is_off")]
    pub(crate) strike: bool,
    #[serde(skip_serializing_if = "is_off")]
    pub(crate) underline: bool,
    #[serde(skip_serializing_if = "is_off")]
    pub(crate) code: bool,
    /// An `http` or `https` URL as typed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) link: Option<String>,
}

impl Document {
    pub(crate) const EMPTY: Self = Self {
        blocks: Vec::new(),
        unformatted: false,
        left_out: BTreeSet::new(),
    };

    /// Without leading and trailing blank lines.
    pub(super) fn trimmed(mut self) -> Self {
        let is_blank = |block: &Block| match block {
            Block::Paragraph(content) => words(content, Language::En).trim().is_empty(),
            _ => false,
        };
        while self.blocks.last().is_some_and(is_blank) {
            self.blocks.pop();
        }
        let blank = self.blocks.iter().take_while(|block| is_blank(block));
        self.blocks.drain(..blank.count());
        self
    }

    /// Appends another document after a blank line.
    pub(crate) fn append(&mut self, other: Self) {
        if !self.blocks.is_empty() {
            self.blocks.push(Block::Paragraph(Vec::new()));
        }
        self.blocks.extend(other.blocks);
        self.left_out.extend(other.left_out);
        self.unformatted |= other.unformatted;
    }

    /// Number of mentions of people, including repeated ones.
    pub fn mention_count(&self) -> usize {
        let mentions = self.blocks.iter().flat_map(Block::inlines);
        mentions
            .filter(|inline| matches!(inline, Inline::Mention { .. }))
            .count()
    }

    /// Turns all mentions of people except the first `most` into text. The platform limits them per
    /// call, and rejects mentions of people whom the bot cannot see.
    pub(crate) fn with_mentions(&self, most: usize) -> Self {
        let mut document = self.clone();
        let content = document.blocks.iter_mut().flat_map(Block::inlines_mut);
        let mentions = content.filter(|inline| matches!(inline, Inline::Mention { .. }));
        for inline in mentions.skip(most) {
            if let Inline::Mention { name, .. } = inline {
                *inline = Inline::plain(format!("@{name}"));
            }
        }
        document
    }

    /// Turns all mentions of people into text, `@Name`.
    #[must_use]
    pub fn without_mentions(&self) -> Self {
        self.with_mentions(0)
    }

    /// The language of the words that replace other content.
    pub(crate) fn language(&self) -> Language {
        let is_chinese = |block: &Block| Language::of(&block.words(Language::En)) == Language::Zh;
        if self.blocks.iter().any(is_chinese) {
            Language::Zh
        } else {
            Language::En
        }
    }

    /// The text, with the markers of lists, quotes and dividers; URLs follow their captions in
    /// parentheses.
    pub fn to_plain_text(&self) -> String {
        let language = self.language();
        let lines = self.blocks.iter().map(|block| block.plain_text(language));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The words line by line, without markers, URLs and media.
    pub(crate) fn shown_words(&self) -> String {
        let language = self.language();
        let is_words = |block: &&Block| !matches!(block, Block::Media(_));
        let lines = self
            .blocks
            .iter()
            .filter(is_words)
            .map(|block| match block {
                Block::Code { text, .. } => text.clone(),
                Block::Table(table) => {
                    let rows = table.row_texts(language).map(|row| format!("| {row} |"));
                    rows.collect::<Vec<_>>().join("\n")
                }
                block => {
                    let content = block.content().iter();
                    content.map(|inline| inline.words(language)).collect()
                }
            });
        lines.collect::<Vec<String>>().join("\n")
    }

    /// The first `n` characters of the text on one line without markers, with an ellipsis if more
    /// follow.
    pub(crate) fn first_characters(&self, n: usize) -> String {
        let language = self.language();
        let lines = self.blocks.iter().map(|block| block.words(language));
        let text = lines.collect::<Vec<_>>().join(" ");
        let words: Vec<&str> = text.split_whitespace().collect();
        let line = words.join(" ");
        match line.char_indices().nth(n) {
            Some((end, _)) => format!("{}…", line[..end].trim_end()),
            None => line,
        }
    }
}

impl Block {
    /// The maximum depth of a list item.
    pub(crate) const DEEPEST: u8 = 15;

    /// Of one line; empty for code, dividers, tables and media.
    pub(crate) fn content(&self) -> &[Inline] {
        match self {
            Self::Paragraph(content)
            | Self::Heading { content, .. }
            | Self::ListItem { content, .. }
            | Self::Quote(content) => content,
            Self::Code { .. } | Self::Divider | Self::Table(_) | Self::Media(_) => &[],
        }
    }

    /// The content of its lines and cells.
    pub(crate) fn inlines(&self) -> impl Iterator<Item = &Inline> {
        let rows = match self {
            Self::Table(table) => table.rows.as_slice(),
            _ => &[],
        };
        let cells = rows.iter().flatten().flatten();
        self.content().iter().chain(cells)
    }

    /// Number of displayed lines.
    pub(super) fn line_count(&self) -> usize {
        match self {
            Self::Code { language, text } => {
                usize::from(!language.is_empty()) + text.split('\n').count()
            }
            Self::Table(table) => table.rows.len(),
            _ => 1,
        }
    }

    fn inlines_mut(&mut self) -> impl Iterator<Item = &mut Inline> {
        let (line, rows): (&mut [Inline], &mut [_]) = match self {
            Self::Paragraph(content)
            | Self::Heading { content, .. }
            | Self::ListItem { content, .. }
            | Self::Quote(content) => (content, &mut []),
            Self::Table(table) => (&mut [], &mut table.rows),
            Self::Code { .. } | Self::Divider | Self::Media(_) => (&mut [], &mut []),
        };
        line.iter_mut().chain(rows.iter_mut().flatten().flatten())
    }

    /// Its text without a marker.
    pub(super) fn words(&self, language: Language) -> Cow<'_, str> {
        match self {
            Self::Code { text, .. } => text.into(),
            Self::Table(table) => table
                .row_texts(language)
                .collect::<Vec<_>>()
                .join(" ")
                .into(),
            Self::Media(file) => file.line(language).into(),
            block => words(block.content(), language).into(),
        }
    }

    fn plain_text(&self, language: Language) -> String {
        let text = words(self.content(), language);
        match self {
            Self::Paragraph(_) | Self::Heading { .. } => text,
            Self::ListItem { marker, depth, .. } => {
                let indent = "  ".repeat(usize::from(*depth));
                format!("{indent}{}{text}", marker.words())
            }
            Self::Quote(_) => format!("> {text}"),
            Self::Code { language, text } if language.is_empty() => text.clone(),
            Self::Code { language, text } => format!("{language}\n{text}"),
            Self::Divider => "---".to_owned(),
            Self::Media(file) => file.line(language),
            Self::Table(table) => table.row_texts(language).collect::<Vec<_>>().join("\n"),
        }
    }
}

impl Table {
    /// Between the cells of a row that is shown as text.
    pub(super) const BETWEEN: &str = " | ";

    /// The text of each row.
    pub(super) fn row_texts(&self, language: Language) -> impl Iterator<Item = String> {
        self.rows.iter().map(move |row| {
            let cells = row.iter().map(|cell| words(cell, language));
            cells.collect::<Vec<_>>().join(Self::BETWEEN)
        })
    }
}

impl Marker {
    /// As typed, with the space after it.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Bullet => "- ".to_owned(),
            Self::Number(number) => format!("{number}. "),
        }
    }
}

impl Inline {
    /// Text without style.
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::styled(text, &TextStyle::default())
    }

    pub(super) fn styled(text: impl Into<String>, style: &TextStyle) -> Self {
        Self::Text(Run {
            text: text.into(),
            style: style.clone(),
        })
    }

    fn link(&self) -> Option<&str> {
        match self {
            Self::Text(run) => run.style.link.as_deref(),
            Self::Mention { .. } | Self::Everyone => None,
        }
    }

    /// In bytes.
    pub(super) fn text_len(&self) -> usize {
        match self {
            Self::Text(run) => run.text.len(),
            Self::Mention { name, .. } => name.len(),
            Self::Everyone => 0,
        }
    }

    fn words(&self, language: Language) -> String {
        match self {
            Self::Text(run) => run.text.clone(),
            Self::Mention { name, .. } => format!("@{name}"),
            Self::Everyone => everyone(language).to_owned(),
        }
    }
}

impl TextStyle {
    pub(crate) fn with_link(&self, link: impl Into<String>) -> Self {
        Self {
            link: Some(link.into()),
            ..self.clone()
        }
    }
}

/// Drops empty runs, and merges adjacent ones of the same style.
pub(super) fn merged(content: impl IntoIterator<Item = Inline>) -> Vec<Inline> {
    let mut line: Vec<Inline> = Vec::new();
    for inline in content {
        match (line.last_mut(), inline) {
            (_, Inline::Text(run)) if run.text.is_empty() => {}
            (Some(Inline::Text(last)), Inline::Text(run)) if last.style == run.style => {
                last.text.push_str(&run.text);
            }
            (_, inline) => line.push(inline),
        }
    }
    line
}

/// A line's text. Adjacent runs of one link are one caption.
pub(super) fn words(content: &[Inline], language: Language) -> String {
    let captions = content.chunk_by(|one, next| one.link().is_some() && one.link() == next.link());
    let words = captions.map(|parts| {
        let text: String = parts.iter().map(|part| part.words(language)).collect();
        match parts.first().and_then(Inline::link) {
            Some(link) if link != text => format!("{text} ({link})"),
            Some(_) | None => text,
        }
    });
    words.collect()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde wants"
)]
fn is_off(switch: &bool) -> bool {
    !switch
}

#[cfg(test)]
mod tests {
    use super::super::Mention;
    use super::*;

    fn document(markdown: &str) -> Document {
        let mention = Mention {
            key: "@_user_1".to_owned(),
            name: "Lin".to_owned(),
            open_id: Some("ou_1".into()),
            is_me: false,
        };
        Document::from_markdown(markdown, &[mention])
    }

    #[test]
    fn plain_text_keeps_lines_marks_and_addresses() {
        let document = document(
            "# A\n- **b** @_user_1\n  3. [*c*d](https://c.cn)\n> @_all\n---\n```rs\nd\n```\nhttps://e.cn",
        );
        let expected = "A\n- b @Lin\n  3. cd (https://c.cn)\n> @all\n---\nrs\nd\nhttps://e.cn";
        assert_eq!(document.to_plain_text(), expected);
    }

    #[test]
    fn the_first_characters_are_words_in_one_line() {
        let document = document("# 停电 🔌\n\n- @_user_1\n```\na\n  b\n```");
        assert_eq!(document.first_characters(4), "停电 🔌…");
        assert_eq!(document.first_characters(5), "停电 🔌…");
        assert_eq!(document.first_characters(12), "停电 🔌 @Lin a…");
        assert_eq!(document.first_characters(13), "停电 🔌 @Lin a b");
        assert_eq!(document.first_characters(100), "停电 🔌 @Lin a b");
    }

    #[test]
    fn everyone_is_named_in_the_documents_language() {
        assert_eq!(document("@_all come").to_plain_text(), "@all come");
        assert_eq!(document("@_all\n开会").to_plain_text(), "@所有人\n开会");
        assert_eq!(
            document("@_all\n```\n开会\n```").to_plain_text(),
            "@所有人\n开会"
        );
    }

    #[test]
    fn excess_mentions_become_names() {
        let document = document("**a** @_user_1, @_user_1");
        assert_eq!(document.mention_count(), 2);
        assert_eq!(document.with_mentions(1).mention_count(), 1);
        let named = document.without_mentions();
        assert_eq!(named.mention_count(), 0);
        assert_eq!(named.to_plain_text(), document.to_plain_text());
    }
}
