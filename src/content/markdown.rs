//! The parser of typed Markdown.
//!
//! It uses a `CommonMark` parser, but keeps every typed line as a line, and every character that
//! does not format anything as text. Therefore the parser gets a `mask` of the text with the same
//! length, in which everything it would misread is replaced; the words are taken from the text by
//! their offsets.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Tag, TagEnd};

use self::line::{Kind, Line, Piece, append};
use self::link::target;
use super::document::{Block, Document, TextStyle};
use super::limits::{MOST_RUNS, may_be_formatted};
use super::mention::Mention;
use super::table::with_tables;
use super::typed::{Typed, is_address};
use crate::content::markdown::mask::{code_inside, events, masked};
use crate::language::Language;

mod escape;
mod line;
mod link;
mod mask;
#[cfg(test)]
mod tests;

impl Document {
    /// Parses text with Markdown and placeholders for mentions.
    ///
    /// Bare URLs are links. Indented code, HTML, footnotes, reference definitions, entities,
    /// underlined headings and backslashes that escape nothing are text as typed. Only lines that
    /// begin with `>` are quotes, and only the first line of an item belongs to it. Tables in quotes
    /// and lists are text. A text with too much formatting is read as plain text.
    pub(crate) fn from_markdown(text: &str, mentions: &[Mention]) -> Self {
        if text.is_empty() {
            return Self::default();
        }
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let formatted = Self::formatted(&text, mentions);
        formatted.unwrap_or_else(|| Self::unformatted(&text, mentions))
    }

    /// `None` if there is too much formatting.
    fn formatted(text: &str, mentions: &[Mention]) -> Option<Self> {
        if !may_be_formatted(text) {
            return None;
        }
        let mut mask = masked(text, mentions);
        escape::mask_text(text, mentions, &mut mask);
        let mut reader = Reader::new(text, &mask);
        for (event, range) in events(&mask) {
            reader.event(event, range);
            if reader.runs > MOST_RUNS {
                return None;
            }
        }
        let language = Language::of(text);
        let document = reader.finish(Typed { mentions, language });
        document.is_bounded().then_some(document)
    }
}

/// Assigns the parser's events to lines.
#[derive(Default)]
struct Reader<'t> {
    text: &'t str,
    mask: &'t str,
    lines: Vec<Line>,
    /// Number of open lists.
    lists: u8,
    quotes: usize,
    /// Numbers of open emphases.
    bold: usize,
    italic: usize,
    strike: usize,
    link: Option<OpenLink>,
    /// The URLs of the links; pieces refer to them by index.
    links: Vec<String>,
    code: Code,
    /// Number of pieces.
    runs: usize,
}

/// A link whose end was not parsed yet.
struct OpenLink {
    start: usize,
    /// The end of the caption so far.
    end: usize,
    /// Whether it is a URL in angle brackets.
    is_address: bool,
    /// The caption, with the line of each piece.
    pieces: Vec<(usize, Piece)>,
}

/// Whether a block of code is open.
#[derive(Clone, Copy, Default)]
enum Code {
    #[default]
    Closed,
    /// Its text belongs to this line.
    Open(usize),
    /// A code block where none is supported: its lines are text.
    Text,
}

impl<'t> Reader<'t> {
    fn new(text: &'t str, mask: &'t str) -> Self {
        Self {
            text,
            mask,
            lines: Line::all(text),
            ..Self::default()
        }
    }

    fn event(&mut self, event: Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(tag) => self.start(tag, range),
            Event::End(tag) => self.end(tag, range),
            Event::Text(_) => self.text(range),
            Event::Code(_) => self.code_span(range),
            Event::Rule => {
                let text = self.text;
                self.line_mut(range.start).begin_divider(text);
            }
            Event::InlineHtml(_) => {
                let style = self.style();
                for (_, piece) in self.split(range) {
                    self.push(piece.range, style.clone());
                }
            }
            // Line breaks are kept anyway; the rest is masked or not enabled.
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) {
        match tag {
            Tag::BlockQuote(_) => {
                if self.quotes == 0 {
                    self.quote(&range);
                }
                self.quotes += 1;
            }
            Tag::List(_) => self.lists = self.lists.saturating_add(1),
            Tag::Item => {
                let depth = self.lists.saturating_sub(1).min(Block::DEEPEST);
                let text = self.text;
                self.line_mut(range.start).begin_item(text, depth);
            }
            Tag::Heading { level, .. } => {
                let text = self.text;
                self.line_mut(range.start).begin_heading(text, level as u8);
            }
            Tag::CodeBlock(kind) => self.begin_code(&kind, &range),
            Tag::Emphasis | Tag::Strong | Tag::Strikethrough => {
                *self.switch(tag.to_end()) += 1;
                self.touch(&range);
            }
            Tag::Link { link_type, .. } => {
                self.touch(&range);
                self.link = Some(OpenLink {
                    start: range.start,
                    end: range.start + 1,
                    is_address: link_type == LinkType::Autolink,
                    pieces: Vec::new(),
                });
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd, range: Range<usize>) {
        match tag {
            TagEnd::BlockQuote(_) => self.quotes -= 1,
            TagEnd::List(_) => self.lists = self.lists.saturating_sub(1),
            TagEnd::CodeBlock => self.code = Code::Closed,
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => {
                *self.switch(tag) -= 1;
                if let Some(link) = &mut self.link {
                    link.end = link.end.max(range.end);
                }
            }
            TagEnd::Link => {
                if let Some(link) = self.link.take() {
                    self.end_link(link, range.end);
                }
            }
            _ => {}
        }
    }

    /// The count of open emphases of a kind.
    fn switch(&mut self, tag: TagEnd) -> &mut usize {
        match tag {
            TagEnd::Strong => &mut self.bold,
            TagEnd::Strikethrough => &mut self.strike,
            _ => &mut self.italic,
        }
    }

    fn line_at(&self, offset: usize) -> usize {
        let after = self
            .lines
            .partition_point(|line| line.range.start <= offset);
        after.saturating_sub(1)
    }

    fn line_mut(&mut self, offset: usize) -> &mut Line {
        let line = self.line_at(offset);
        &mut self.lines[line]
    }

    /// The lines of a range, which may end with a line break.
    fn lines_of(&self, range: &Range<usize>) -> Range<usize> {
        let last = range.end.saturating_sub(1).max(range.start);
        self.line_at(range.start)..self.line_at(last) + 1
    }

    /// Records where the words of a line begin.
    fn touch(&mut self, range: &Range<usize>) -> usize {
        let line = self.line_at(range.start);
        self.lines[line].begin_words(range.start);
        line
    }

    fn quote(&mut self, range: &Range<usize>) {
        for line in self.lines_of(range) {
            self.lines[line].begin_quote(self.text);
        }
    }

    /// Fenced code is a block; in quotes and list items it is text as typed.
    fn begin_code(&mut self, kind: &CodeBlockKind<'_>, range: &Range<usize>) {
        let lines = self.lines_of(range);
        let first = lines.start;
        self.code = Code::Text;
        let is_fenced = matches!(kind, CodeBlockKind::Fenced(_));
        if !is_fenced || self.quotes > 0 || self.lines[first].kind != Kind::Text {
            return;
        }
        let fence = self.lines[first].typed(self.text).trim();
        let language = fence.trim_start_matches(['`', '~']).trim().to_owned();
        for line in lines {
            self.lines[line].kind = Kind::InCode;
        }
        self.lines[first].kind = Kind::Code {
            language,
            text: String::new(),
        };
        self.code = Code::Open(first);
    }

    fn style(&self) -> TextStyle {
        TextStyle {
            bold: self.bold > 0,
            italic: self.italic > 0,
            strike: self.strike > 0,
            ..TextStyle::default()
        }
    }

    fn text(&mut self, range: Range<usize>) {
        match self.code {
            Code::Open(line) => {
                if let Kind::Code { text, .. } = &mut self.lines[line].kind {
                    text.push_str(&self.text[range]);
                }
            }
            Code::Text => {}
            Code::Closed => self.push(range, self.style()),
        }
    }

    /// Inline code, which may span several lines.
    fn code_span(&mut self, range: Range<usize>) {
        let mut within = code_inside(self.text, range.clone());
        let inner = &self.text[within.clone()];
        // One blank on either side separates the code from its backticks.
        let is_padded = inner.len() > 2 && inner.starts_with(' ') && inner.ends_with(' ');
        if is_padded && !inner.trim_matches(' ').is_empty() {
            within = within.start + 1..within.end - 1;
        }
        let style = TextStyle {
            code: true,
            ..self.style()
        };
        self.touch(&range);
        let lines = self.lines_of(&within);
        for number in lines.clone() {
            let mut part = self.lines[number].range.clone();
            if number == lines.start {
                part.start = within.start;
            } else {
                let blanks = |c: char| c.is_whitespace() || c == '>';
                let line = &self.text[part.clone()];
                part.start += line.len() - line.trim_start_matches(blanks).len();
            }
            part.end = part.end.min(within.end).max(part.start);
            self.push(part, style.clone());
        }
        if let Some(link) = &mut self.link {
            link.end = link.end.max(range.end);
        }
    }

    fn push(&mut self, range: Range<usize>, style: TextStyle) {
        let line = self.touch(&range);
        let piece = Piece {
            range,
            style,
            link: None,
        };
        let is_new = match &mut self.link {
            Some(link) => {
                link.end = link.end.max(piece.range.end);
                link.pieces.push((line, piece));
                true
            }
            None => append(&mut self.lines[line].pieces, piece),
        };
        self.runs += usize::from(is_new);
    }

    /// Links must have an `http` or `https` URL; others are text as typed. A title is kept after
    /// the link.
    fn end_link(&mut self, link: OpenLink, end: usize) {
        let OpenLink {
            start,
            end: caption_end,
            is_address: is_autolink,
            mut pieces,
        } = link;
        let tail = caption_end.min(end)..end;
        let target = if is_autolink {
            let href = self.text[start + 1..end.max(start + 2) - 1].to_owned();
            Some((href, end..end))
        } else {
            target(self.text, self.mask, tail.clone())
        };
        let found = target.filter(|(href, _)| is_address(href));
        if let Some((href, title)) = found {
            if pieces.is_empty() {
                // Without a caption the URL is shown.
                pieces.push((self.line_at(start), self.bare(start..start)));
            }
            for (_, piece) in &mut pieces {
                piece.link = Some(self.links.len());
            }
            self.links.push(href);
            pieces.extend(self.split(title));
        } else {
            pieces.push((self.line_at(start), self.bare(start..start + 1)));
            pieces.extend(self.split(tail));
        }
        for line in self.lines_of(&(start..end)) {
            let first = self.lines[line].range.start.max(start);
            self.lines[line].begin_words(first);
        }
        for (line, piece) in pieces {
            self.lines[line].pieces.push(piece);
        }
    }

    fn bare(&self, range: Range<usize>) -> Piece {
        Piece {
            range,
            style: self.style(),
            link: None,
        }
    }

    /// Text as typed, which may span several lines.
    fn split(&self, range: Range<usize>) -> Vec<(usize, Piece)> {
        if range.is_empty() {
            return Vec::new();
        }
        let parts = self.lines_of(&range).map(|line| {
            let whole = &self.lines[line].range;
            let part = whole.start.max(range.start)..whole.end.min(range.end);
            (line, self.bare(part))
        });
        parts.filter(|(_, piece)| !piece.range.is_empty()).collect()
    }

    fn finish(self, typed: Typed<'_>) -> Document {
        let (text, links) = (self.text, self.links);
        let lines = self.lines.into_iter();
        let blocks = lines.filter_map(|line| line.finish(text, &links, typed));
        Document {
            blocks: with_tables(blocks.collect()),
            ..Document::default()
        }
    }
}
