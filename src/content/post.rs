//! Rich text posts: their text for the command parser, and their document.

use std::mem;
use std::ops::Range;

use feishu::{HeadingLevel, Mark, Post, PostElement};

use super::document::{Block, Document, Inline, Marker, TextStyle, merged};
use super::media::MediaFile;
use super::mention::{EVERYONE, Mention};
use super::table::with_tables;
use super::typed::{Typed, is_address, person, split_marker};
use crate::language::Language;

#[cfg(test)]
mod tests;

impl Document {
    /// Converts a post.
    ///
    /// The title becomes a bold line, as in the client. A heading would appear in the
    /// announcement's outline, which belongs to the members. Lists and tables arrive as typed text,
    /// so a marker at the start of a line makes it a list item.
    pub(crate) fn from_post(post: &Post, mentions: &[Mention]) -> Self {
        let language = Language::of(&post_text(post));
        let typed = Typed { mentions, language };
        let mut lines = Lines {
            typed,
            document: Self::default(),
            line: Vec::new(),
            indents: Vec::new(),
            mark: None,
        };
        if !post.title.is_empty() {
            let bold = TextStyle {
                bold: true,
                ..TextStyle::default()
            };
            lines.text(&post.title, &bold);
            lines.end();
        }
        for paragraph in &post.paragraphs {
            lines.paragraph(paragraph);
        }
        let mut document = lines.document;
        document.blocks = with_tables(document.blocks);
        if document.is_bounded() {
            document
        } else {
            Self::unformatted(&post_text(post), mentions)
        }
    }
}

/// Placeholder in a command's text for anything that is not text.
const OBJECT: &str = "\u{fffc}";

/// The part of a post for a byte range of its [`super::command_text`]: what follows a command, with
/// its styles. A title above the command is kept.
///
/// The text of the result is that range of the text. A bound inside a character drops that
/// character.
pub(super) fn post_within(post: &Post, range: Range<usize>) -> Post {
    let text = post_text(post);
    let mut start = text.ceil_char_boundary(range.start);
    let mut end = text.floor_char_boundary(range.end).max(start);
    let mut part = Post::default();
    if let Some(title) = title_text(post) {
        let length = title.len();
        if title == OBJECT {
            part.title.clone_from(&post.title);
        } else {
            within(title, start, end).clone_into(&mut part.title);
        }
        if end <= length {
            return part;
        }
        // A title that is removed leaves a line break behind.
        if start == length && !post.paragraphs.is_empty() {
            part.paragraphs.push(Vec::new());
        }
        // The line break after it counts, too.
        (start, end) = (start.saturating_sub(length + 1), end - length - 1);
    }
    for paragraph in &post.paragraphs {
        let length: usize = paragraph.iter().map(|one| element_text(one).len()).sum();
        if start <= length {
            part.paragraphs
                .push(paragraph_within(paragraph, start, end));
        }
        if end <= length {
            break;
        }
        (start, end) = (start.saturating_sub(length + 1), end - length - 1);
    }
    part
}

/// The pictures and files before this byte of the [`super::command_text`]: people put a command below
/// them, too.
pub(super) fn media_before(post: &Post, start: usize) -> impl Iterator<Item = MediaFile> {
    let title = title_text(post).map_or(0, |title| title.len() + 1);
    let mut position = title;
    let elements = post.paragraphs.iter().flat_map(move |paragraph| {
        let of_row: Vec<(usize, &PostElement)> = paragraph
            .iter()
            .map(|element| {
                let before = position;
                position += element_text(element).len();
                (before, element)
            })
            .collect();
        position += 1;
        of_row
    });
    elements.filter_map(move |(at, element)| match element {
        PostElement::Media(media) if at < start => MediaFile::of(media),
        _ => None,
    })
}

/// The text between two byte offsets, which may be past its end.
fn within(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end.min(text.len())).unwrap_or_default()
}

fn paragraph_within(
    paragraph: &[PostElement],
    mut start: usize,
    mut end: usize,
) -> Vec<PostElement> {
    // The rest of a paragraph that began with a command loses its kind.
    let is_whole = start == 0;
    let elements = paragraph.iter().filter_map(|element| {
        if let PostElement::Mark(_) = element {
            return is_whole.then(|| element.clone());
        }
        let text = element_text(element);
        let part = within(text, start, end);
        start = start.saturating_sub(text.len());
        end = end.saturating_sub(text.len());
        (!part.is_empty()).then(|| element_within(element, part))
    });
    elements.collect()
}

/// The element with only `rest` of its text.
fn element_within(element: &PostElement, rest: &str) -> PostElement {
    let is_cut = rest.len() < element_text(element).len();
    let text = |style: &[String]| PostElement::Text {
        text: rest.to_owned(),
        style: style.to_vec(),
    };
    match element {
        PostElement::Text { style, .. } => text(style),
        PostElement::CodeBlock { language, .. } => PostElement::CodeBlock {
            language: language.clone(),
            text: rest.to_owned(),
        },
        PostElement::Markdown(_) => PostElement::Markdown(rest.to_owned()),
        // TextPart of a caption keeps its link; part of a URL does not.
        PostElement::Link {
            text: caption,
            href,
            style,
        } if is_cut => {
            if rest.trim().is_empty() || caption.trim().is_empty() || caption == href {
                text(style)
            } else {
                PostElement::Link {
                    text: rest.to_owned(),
                    href: href.clone(),
                    style: style.clone(),
                }
            }
        }
        PostElement::At { style, .. } if is_cut => text(style),
        _ => element.clone(),
    }
}

/// The text of a post: the title and a line per paragraph, with placeholders for mentions, and
/// [`OBJECT`] for anything that is not text.
pub(super) fn post_text(post: &Post) -> String {
    let paragraphs = post.paragraphs.iter().map(|paragraph| {
        let elements = paragraph.iter().map(element_text);
        elements.collect::<String>()
    });
    let title = title_text(post).map(str::to_owned);
    let lines = title.into_iter().chain(paragraphs);
    lines.collect::<Vec<_>>().join("\n")
}

/// The title as part of the text; `None` if a command may follow it.
fn title_text(post: &Post) -> Option<&str> {
    if post.title.is_empty() {
        return None;
    }
    let first = post.title.trim_start().chars().next();
    let may_be_command = matches!(
        first,
        Some('/' | '／' | '、' | '@' | '-' | '—' | '–') | None
    );
    let is_alone = !post.paragraphs.iter().flatten().any(is_typed);
    Some(if may_be_command || is_alone {
        &post.title
    } else {
        OBJECT
    })
}

/// Whether the first content of a post may be a command: typed text, neither code nor a quote.
pub(super) fn begins_with_text(post: &Post) -> bool {
    if title_text(post).is_some_and(|title| title != OBJECT) {
        return true;
    }
    let is_quote = |row: &[PostElement]| row.first() == Some(&PostElement::Mark(Mark::Quote));
    let mut rows = post.paragraphs.iter();
    let row = rows.find(|row| row.iter().any(is_typed));
    let first = row.and_then(|row| row.iter().find(|element| is_typed(element)));
    row.is_some_and(|row| !is_quote(row)) && !matches!(first, Some(PostElement::CodeBlock { .. }))
}

/// The mentions at the start of a post.
pub(super) fn leading_mentions(post: &Post) -> String {
    let elements = post.paragraphs.iter().flatten();
    let front = elements.take_while(|element| !is_typed(element));
    front.map(element_text).collect()
}

/// Whether an element is typed text; mentions may precede a command.
fn is_typed(element: &PostElement) -> bool {
    !matches!(element, PostElement::At { .. } | PostElement::Rule)
        && element_text(element) != OBJECT
        && !element_text(element).trim().is_empty()
}

fn element_text(element: &PostElement) -> &str {
    match element {
        PostElement::Link { text, href, .. } if text.trim().is_empty() => href,
        PostElement::Text { text, .. }
        | PostElement::Link { text, .. }
        | PostElement::CodeBlock { text, .. }
        | PostElement::Markdown(text) => text,
        PostElement::At { user_id, .. } if user_id == "all" => EVERYONE,
        PostElement::At { user_id, .. } => user_id,
        PostElement::Mark(_) => "",
        PostElement::Media(_)
        | PostElement::Emotion { .. }
        | PostElement::Rule
        | PostElement::Other { .. } => OBJECT,
    }
}

/// Builds a document line by line.
struct Lines<'m> {
    typed: Typed<'m>,
    document: Document,
    /// The current line.
    line: Vec<Inline>,
    /// The indents of the list items that the next item may be nested in.
    indents: Vec<usize>,
    /// The kind of the current paragraph, if it is not plain.
    mark: Option<Mark>,
}

impl Lines<'_> {
    fn paragraph(&mut self, elements: &[PostElement]) {
        // Code, rules, pictures and files are separate lines and leave no empty one behind. Neither does content
        // that announcements do not support.
        let mut is_begun = elements.is_empty();
        for element in elements {
            match element {
                PostElement::Text { text, style } => self.text(text, &text_style(style)),
                PostElement::Link { text, href, style } => {
                    self.link(text, href, &text_style(style));
                }
                PostElement::At {
                    user_id,
                    user_name,
                    style,
                } => self.at(user_id, user_name, &text_style(style)),
                PostElement::Emotion { emoji_type } => {
                    self.text(&format!("[{emoji_type}]"), &TextStyle::default());
                }
                PostElement::CodeBlock { language, text } => self.block(Block::Code {
                    language: code_language(language),
                    text: self.typed.verbatim(text.strip_suffix('\n').unwrap_or(text)),
                }),
                PostElement::Rule => self.block(Block::Divider),
                PostElement::Markdown(text) => self.markdown(text),
                PostElement::Mark(mark) => self.mark = Some(*mark),
                PostElement::Media(media) => {
                    if let Some(file) = MediaFile::of(media) {
                        self.block(Block::Media(file));
                        is_begun = false;
                    }
                }
                PostElement::Other { .. } => {}
            }
            let is_separate = matches!(
                element,
                PostElement::CodeBlock { .. } | PostElement::Rule | PostElement::Markdown(_)
            );
            let is_inline = !matches!(
                element,
                PostElement::Mark(_) | PostElement::Media(_) | PostElement::Other { .. }
            );
            is_begun = !is_separate && (is_begun || is_inline);
        }
        if is_begun || !self.line.is_empty() {
            self.end();
        }
        self.mark = None;
    }

    fn link(&mut self, text: &str, href: &str, style: &TextStyle) {
        if is_address(href) {
            let text = if text.trim().is_empty() { href } else { text };
            self.text(text, &style.with_link(href));
        } else if text == href {
            self.text(text, style);
        } else {
            self.text(&format!("{text} ({href})"), style);
        }
    }

    fn at(&mut self, user_id: &str, user_name: &str, style: &TextStyle) {
        let mentions = self.typed.mentions;
        if user_id == "all" || user_id == EVERYONE {
            self.line.push(Inline::Everyone);
        } else if let Some(mention) = mentions.iter().find(|mention| mention.key == user_id) {
            self.line.push(person(mention, style));
        } else if !user_name.is_empty() {
            self.line
                .push(Inline::styled(format!("@{user_name}"), style));
        }
    }

    /// A line break inside an element ends the line like the end of a paragraph.
    fn text(&mut self, text: &str, style: &TextStyle) {
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                self.end();
            }
            let line = line.strip_suffix('\r').unwrap_or(line);
            self.line.extend(self.typed.read(line, style));
        }
    }

    fn block(&mut self, block: Block) {
        if !self.line.is_empty() {
            self.end();
        }
        self.indents.clear();
        self.document.blocks.push(block);
    }

    /// Lines of Markdown, after the marker of their paragraph if it has one.
    fn markdown(&mut self, text: &str) {
        let document = Document::from_markdown(text, self.typed.mentions);
        for block in document.blocks {
            match block {
                Block::Paragraph(content) if self.mark.is_some() => {
                    self.line.extend(content);
                    self.end();
                }
                block => self.block(block),
            }
        }
    }

    /// Ends a line; it becomes a list item if it begins with a marker.
    fn end(&mut self) {
        let mut content = merged(mem::take(&mut self.line));
        if let Some(mark) = self.mark.take() {
            self.indents.clear();
            self.document.blocks.push(marked(mark, content));
            return;
        }
        let Some((indent, marker)) = take_marker(&mut content) else {
            self.indents.clear();
            self.document.blocks.push(Block::Paragraph(content));
            return;
        };
        self.indents.retain(|outer| *outer < indent);
        let depth = u8::try_from(self.indents.len()).unwrap_or(Block::DEEPEST);
        self.indents.push(indent);
        self.document.blocks.push(Block::ListItem {
            marker,
            depth: depth.min(Block::DEEPEST),
            content,
        });
    }
}

fn marked(mark: Mark, content: Vec<Inline>) -> Block {
    match mark {
        Mark::Heading(level) => match HeadingLevel::new(level) {
            Some(level) => Block::Heading { level, content },
            None => Block::Paragraph(content),
        },
        Mark::Quote => Block::Quote(content),
        Mark::Item { depth, number } => Block::ListItem {
            marker: number.map_or(Marker::Bullet, Marker::Number),
            depth: depth.min(Block::DEEPEST),
            content,
        },
    }
}

/// Removes the marker of a list item; returns its indent and the marker.
fn take_marker(content: &mut Vec<Inline>) -> Option<(usize, Marker)> {
    let more = content.len() > 1;
    let Some(Inline::Text(run)) = content.first_mut() else {
        return None;
    };
    let typed = run.text.trim_start_matches([' ', '\t', '\u{3000}']);
    let blanks = &run.text[..run.text.len() - typed.len()];
    let indent = blanks.chars().map(|c| if c == '\t' { 4 } else { 1 }).sum();
    let (marker, rest) = split_marker(typed, &['-', '*', '•'])?;
    // Requires white space and more text, so that neither `-5` nor a single dash is an item.
    let text = rest.trim_start();
    if text.len() == rest.len() || (text.is_empty() && !more) {
        return None;
    }
    if text.is_empty() {
        if run.style.link.is_some() {
            // The URL would be lost with the caption.
            return None;
        }
        content.remove(0);
    } else {
        run.text = text.to_owned();
    }
    Some((indent, marker))
}

fn text_style(names: &[String]) -> TextStyle {
    let has = |name| names.iter().any(|other| other == name);
    TextStyle {
        bold: has("bold"),
        italic: has("italic"),
        strike: has("lineThrough"),
        underline: has("underline"),
        ..TextStyle::default()
    }
}

/// The language name as people write it; the client also has a name for "none".
fn code_language(name: &str) -> String {
    let name = name.lines().next().unwrap_or_default();
    match name.trim().to_lowercase().as_str() {
        "plain_text" | "plaintext" => String::new(),
        name => name.to_owned(),
    }
}
