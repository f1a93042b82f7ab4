//! One line of Markdown.

use std::ops::Range;

use feishu::HeadingLevel;

use super::super::document::{Block, Inline, Marker, TextStyle, merged};
use super::super::typed::{Typed, split_marker};

/// A typed line, with the parser's results.
pub(super) struct Line {
    /// Without the line break.
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
    /// Where its words begin, including emphasis markers; `None` if the parser found no words.
    words: Option<usize>,
    pub(super) pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// `start` is after the marker, as in the next two.
    Heading {
        level: HeadingLevel,
        start: usize,
    },
    Item {
        marker: Marker,
        depth: u8,
        start: usize,
    },
    Quote {
        start: usize,
    },
    /// The opening fence, which represents the whole code block.
    Code {
        language: String,
        text: String,
    },
    /// Another line of a code block.
    InCode,
    Divider,
}

/// Words in one style.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) range: Range<usize>,
    pub(super) style: TextStyle,
    /// The index of the link whose caption this is.
    pub(super) link: Option<usize>,
}

impl Line {
    /// The lines of a text; a trailing line break adds none.
    pub(super) fn all(text: &str) -> Vec<Self> {
        let mut start = 0;
        let lines = text.lines().map(|line| {
            let range = start..start + line.len();
            start = range.end + 1;
            Self {
                range,
                kind: Kind::Text,
                words: None,
                pieces: Vec::new(),
            }
        });
        lines.collect()
    }

    /// The line as typed.
    pub(super) fn typed<'t>(&self, text: &'t str) -> &'t str {
        &text[self.range.clone()]
    }

    /// Its text without leading blanks, and the offset of that.
    fn unindented<'t>(&self, text: &'t str) -> (&'t str, usize) {
        let typed = self.typed(text).trim_start();
        (typed, self.range.end - typed.len())
    }

    pub(super) fn begin_words(&mut self, start: usize) {
        self.words = Some(self.words.map_or(start, |words| words.min(start)));
    }

    /// A list item, unless its marker is alone or follows another one.
    pub(super) fn begin_item(&mut self, text: &str, depth: u8) {
        let (typed, _) = self.unindented(text);
        let marker = split_marker(typed, &['-', '*', '+']);
        let rest = marker.map(|(marker, rest)| (marker, rest.trim_start()));
        if let (Kind::Text, Some((marker, rest))) = (&self.kind, rest)
            && !rest.is_empty()
        {
            let start = self.range.end - rest.len();
            self.kind = Kind::Item {
                marker,
                depth,
                start,
            };
        }
    }

    /// A heading, unless it is empty or nested.
    pub(super) fn begin_heading(&mut self, text: &str, level: u8) {
        let (typed, _) = self.unindented(text);
        let rest = typed.trim_start_matches('#');
        let is_marked = rest.len() < typed.len() && !rest.trim_matches(['#', ' ', '\t']).is_empty();
        if let (Kind::Text, Some(level), true) = (&self.kind, HeadingLevel::new(level), is_marked) {
            let start = self.range.end - rest.trim_start().len();
            self.kind = Kind::Heading { level, start };
        }
    }

    /// A quote, if it begins with its marker.
    pub(super) fn begin_quote(&mut self, text: &str) {
        let (mut typed, _) = self.unindented(text);
        if self.kind != Kind::Text || !typed.starts_with('>') {
            return;
        }
        while let Some(quoted) = typed.trim_start().strip_prefix('>') {
            typed = quoted.strip_prefix(' ').unwrap_or(quoted);
        }
        let start = self.range.end - typed.len();
        self.kind = Kind::Quote { start };
    }

    /// A divider, unless it is nested.
    pub(super) fn begin_divider(&mut self, text: &str) {
        let (typed, _) = self.unindented(text);
        let is_alone = typed.chars().all(|c| "*-_ \t".contains(c));
        if self.kind == Kind::Text && is_alone {
            self.kind = Kind::Divider;
        }
    }

    /// The line as a block.
    pub(super) fn finish(
        mut self,
        text: &str,
        links: &[String],
        typed: Typed<'_>,
    ) -> Option<Block> {
        self.pieces.sort_by_key(|piece| piece.range.start);
        let kind = std::mem::replace(&mut self.kind, Kind::InCode);
        let content = |start| self.content(start, text, links, typed);
        Some(match kind {
            Kind::InCode => return None,
            Kind::Divider => Block::Divider,
            Kind::Code {
                language,
                text: code,
            } => Block::Code {
                language: typed.verbatim(&language),
                text: typed.verbatim(code.strip_suffix('\n').unwrap_or(&code)),
            },
            Kind::Text => {
                let (_, start) = self.unindented(text);
                let indent = self.range.start..start.min(self.words.unwrap_or(self.range.end));
                let blanks = typed.read(&text[indent.clone()], &TextStyle::default());
                Block::Paragraph(merged(blanks.into_iter().chain(content(indent.end))))
            }
            Kind::Heading { level, start } => Block::Heading {
                level,
                content: content(start),
            },
            Kind::Item {
                marker,
                depth,
                start,
            } => Block::ListItem {
                marker,
                depth,
                content: content(start),
            },
            Kind::Quote { start } => Block::Quote(content(start)),
        })
    }

    /// The text from `start`: markers as typed, then the words in their styles.
    fn content(&self, start: usize, text: &str, links: &[String], typed: Typed<'_>) -> Vec<Inline> {
        let plain = TextStyle::default();
        let Some(words) = self.words else {
            // The parser found nothing in it.
            return typed.read(&text[start..self.range.end], &plain);
        };
        let marks = &text[start.min(words)..words];
        // An escaped character begins after its backslash.
        let marks = typed.read(marks.strip_suffix('\\').unwrap_or(marks), &plain);
        let pieces = merge_pieces(&self.pieces).into_iter().flat_map(|piece| {
            let Piece { range, style, link } = piece;
            match link.and_then(|link| links.get(link)) {
                Some(link) if range.is_empty() => typed.read(link, &style.with_link(link)),
                Some(link) => typed.read(&text[range], &style.with_link(link)),
                None => typed.read(&text[range], &style),
            }
        });
        merged(marks.into_iter().chain(pieces))
    }
}

/// Merges pieces that the parser split without finding formatting.
fn merge_pieces(pieces: &[Piece]) -> Vec<Piece> {
    let mut merged: Vec<Piece> = Vec::new();
    for piece in pieces {
        append(&mut merged, piece.clone());
    }
    merged
}

/// Appends a piece, or extends the last one of the same style; returns whether a piece was added.
pub(super) fn append(pieces: &mut Vec<Piece>, piece: Piece) -> bool {
    match pieces.last_mut() {
        Some(last)
            if last.range.end == piece.range.start
                && !last.range.is_empty()
                && last.style == piece.style
                && last.link == piece.link =>
        {
            last.range.end = piece.range.end;
            false
        }
        _ => {
            pieces.push(piece);
            true
        }
    }
}
