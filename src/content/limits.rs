//! How much text is read, so that the memory for one message is bounded whatever stands in it.
//!
//! The limits apply to what was typed, before anything is parsed: a parser's tree takes many times
//! the memory of its text.

use feishu::utf16_len;

use super::document::{Block, Document, Inline};
use super::mention::Mention;
use super::typed::Typed;
use crate::language::Language;

/// The most UTF-16 units that are read. The limit of an announcement's text is 100,000; the rest is
/// for marks that format it.
const MOST_UNITS: usize = 110_000;
/// The most lines that are read. An announcement's limit is 450; a block of code takes up to three
/// lines for one that is shown.
const MOST_LINES: usize = 2_000;
/// The most runs of text in one style. Beyond that the text is announced without formatting.
pub(super) const MOST_RUNS: usize = 2_000;
/// The most characters that may format something.
const MOST_MARKS: usize = 20_000;

/// Why a message is not announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    /// There is nothing to read in it.
    Empty,
    /// It holds pictures or files, and no text.
    OnlyMedia,
    /// No announcement could hold so much text.
    TooLong,
    /// No announcement could hold so many lines.
    TooManyLines,
}

/// Refuses what no announcement could hold.
pub(super) fn expect_readable(text: &str) -> Result<(), Unfit> {
    if utf16_len(text) > MOST_UNITS {
        return Err(Unfit::TooLong);
    }
    if text.split('\n').nth(MOST_LINES).is_some() {
        return Err(Unfit::TooManyLines);
    }
    Ok(())
}

/// Whether a parser may look for formatting in a text.
pub(super) fn may_be_formatted(text: &str) -> bool {
    text.bytes().filter(|byte| is_mark(*byte)).count() <= MOST_MARKS
}

fn is_mark(byte: u8) -> bool {
    b"*_~`[]()<>!\\#".contains(&byte)
}

impl Document {
    /// Reads a text as it was typed, a paragraph for each line. People go by their names.
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

    /// Whether it has no more runs than may be written.
    pub(super) fn is_bounded(&self) -> bool {
        self.run_count() <= MOST_RUNS
    }

    /// The same, without formatting where it has more runs than may be written.
    pub(crate) fn bounded(self) -> Self {
        if self.is_bounded() {
            return self;
        }
        Self {
            left_out: self.left_out.clone(),
            ..Self::unformatted(&self.to_plain_text(), &[])
        }
    }

    /// How many runs of text it has.
    pub(crate) fn run_count(&self) -> usize {
        let runs = self.blocks.iter().map(|block| block.content().len());
        runs.sum()
    }

    /// How many bytes of text it has.
    pub(crate) fn text_len(&self) -> usize {
        let of_line = |line: &Block| match line {
            Block::Code { text, .. } => text.len(),
            line => line.content().iter().map(Inline::text_len).sum(),
        };
        self.blocks.iter().map(of_line).sum()
    }
}

#[cfg(test)]
mod tests;
