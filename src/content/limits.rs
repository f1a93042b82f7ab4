//! Limits on the text that is parsed, which bound the memory per message.
//!
//! They apply before parsing, because a parse tree takes many times the memory of its text.

use feishu::utf16_len;

use super::document::{Block, Document, Inline};
use super::mention::Mention;
use super::typed::Typed;
use crate::language::Language;

/// Maximum number of UTF-16 units. An announcement's text is limited to 100,000; the rest is for
/// formatting characters.
const MOST_UNITS: usize = 110_000;
/// Maximum number of lines. An announcement is limited to 450; a code block takes up to three lines
/// for one that is displayed.
const MOST_LINES: usize = 2_000;
/// Maximum number of text runs. Beyond it the text is announced without formatting.
pub(super) const MOST_RUNS: usize = 2_000;
/// Maximum number of characters that may be formatting.
const MOST_MARKS: usize = 20_000;

/// Why a message cannot be announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// It contains no text.
    Empty,
    /// It contains only images or files.
    OnlyMedia,
    /// More text than any announcement can contain.
    TooLong,
    /// More lines than any announcement can contain.
    TooManyLines,
}

pub(super) fn expect_readable(text: &str) -> Result<(), Unfit> {
    if utf16_len(text) > MOST_UNITS {
        return Err(Unfit::TooLong);
    }
    if text.split('\n').nth(MOST_LINES).is_some() {
        return Err(Unfit::TooManyLines);
    }
    Ok(())
}

/// Whether the text may be parsed for formatting.
pub(super) fn may_be_formatted(text: &str) -> bool {
    text.bytes().filter(|byte| is_mark(*byte)).count() <= MOST_MARKS
}

fn is_mark(byte: u8) -> bool {
    b"*_~`[]()<>!\\#|".contains(&byte)
}

impl Document {
    /// One paragraph per line, as typed, with names instead of mentions.
    pub(super) fn unformatted(text: &str, mentions: &[Mention]) -> Self {
        let language = Language::of(text);
        let typed = Typed { mentions, language };
        let lines = text.lines().map(|line| match line {
            "" => Block::Paragraph(Vec::new()),
            line => Block::Paragraph(vec![Inline::plain(typed.verbatim(line))]),
        });
        Self {
            blocks: lines.collect(),
            unformatted: true,
            ..Self::default()
        }
    }

    pub(super) fn is_bounded(&self) -> bool {
        self.run_count() <= MOST_RUNS
    }

    /// Drops the formatting if there are too many runs.
    pub(crate) fn bounded(self) -> Self {
        if self.is_bounded() {
            return self;
        }
        Self {
            left_out: self.left_out.clone(),
            ..Self::unformatted(&self.to_plain_text(), &[])
        }
    }

    pub(crate) fn run_count(&self) -> usize {
        let runs = self.blocks.iter().flat_map(Block::inlines);
        runs.count()
    }

    /// In bytes.
    pub(crate) fn text_len(&self) -> usize {
        let of_line = |line: &Block| match line {
            Block::Code { text, .. } => text.len(),
            line => line.inlines().map(Inline::text_len).sum(),
        };
        self.blocks.iter().map(of_line).sum()
    }
}

#[cfg(test)]
mod tests;
