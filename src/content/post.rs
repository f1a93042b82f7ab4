//! Rich text as the client sends it: its text for the parser of commands, and its document.

use std::mem;
use std::ops::Range;

use feishu::{HeadingLevel, Mark, Medium, Post, PostElement};

use super::document::{Block, Document, Inline, Marker, TextStyle, push_text};
use super::mention::{EVERYONE, Mention};
use super::typed::{Typed, is_address, push_person, split_marker};
use crate::language::{Bilingual, Language};

#[cfg(test)]
mod tests;

impl Document {
    /// Reads a post.
    ///
    /// Its title is a bold line, as the client shows it, and no heading: a heading would stand in
    /// the announcement's outline, which is for what the members structure there themselves.
    /// Lists arrive as typed text, so a mark at the start of a line makes it an item.
    pub(crate) fn from_post(post: &Post, mentions: &[Mention]) -> Self {
        let language = language(post);
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
        let document = lines.document;
        if document.is_bounded() {
            document
        } else {
            Self::unformatted(&text_in(post, language), mentions)
        }
    }
}

/// The part of a post that makes up `range` of its text in bytes, as [`super::command_text`] shows
/// it: what follows a command, in its own style.
///
/// The text of the part is that part of the text. A bound inside a character drops that character.
pub(super) fn post_within(post: &Post, range: Range<usize>) -> Post {
    let language = language(post);
    let text = text_in(post, language);
    let mut start = text.ceil_char_boundary(range.start);
    let mut end = text.floor_char_boundary(range.end).max(start);
    let mut part = Post::default();
    if !post.title.is_empty() {
        let length = post.title.len();
        within(&post.title, start, end).clone_into(&mut part.title);
        if end <= length {
            return part;
        }
        // A title that is cut off whole leaves a line break behind.
        if start == length && !post.paragraphs.is_empty() {
            part.paragraphs.push(Vec::new());
        }
        // The line break after it counts, too.
        (start, end) = (start.saturating_sub(length + 1), end - length - 1);
    }
    for paragraph in &post.paragraphs {
        let texts = paragraph.iter().map(|one| element_text(one, language));
        let length: usize = texts.map(|text| text.len()).sum();
        if start <= length {
            let left = paragraph_within(paragraph, start, end, language);
            part.paragraphs.push(left);
        }
        if end <= length {
            break;
        }
        (start, end) = (start.saturating_sub(length + 1), end - length - 1);
    }
    part
}

/// The part of a text between two bytes, which may be behind its end.
fn within(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end.min(text.len())).unwrap_or_default()
}

fn paragraph_within(
    paragraph: &[PostElement],
    mut start: usize,
    mut end: usize,
    language: Language,
) -> Vec<PostElement> {
    let elements = paragraph.iter().filter_map(|element| {
        let text = element_text(element, language);
        let part = within(&text, start, end);
        let is_cut = part.len() < text.len();
        start = start.saturating_sub(text.len());
        end = end.saturating_sub(text.len());
        (!part.is_empty()).then(|| element_within(element, is_cut, part))
    });
    elements.collect()
}

/// The element of which `rest` is left, cut or whole.
fn element_within(element: &PostElement, is_cut: bool, rest: &str) -> PostElement {
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
        // A caption that is left in part still leads there; an address that is left in part
        // does not.
        PostElement::Link { href, style, .. } if is_cut => match caption_before(rest, href) {
            Some(caption) => PostElement::Link {
                text: caption.to_owned(),
                href: href.clone(),
                style: style.clone(),
            },
            None => text(style),
        },
        PostElement::At { style, .. } if is_cut => text(style),
        // The words for it are in the language of the whole.
        PostElement::Media(_) => text(&[]),
        PostElement::Markdown(_) => PostElement::Markdown(rest.to_owned()),
        PostElement::Emotion { .. } | PostElement::Rule | PostElement::Other { .. } if is_cut => {
            text(&[])
        }
        PostElement::Mark(_)
        | PostElement::Link { .. }
        | PostElement::At { .. }
        | PostElement::Emotion { .. }
        | PostElement::Rule
        | PostElement::Other { .. } => element.clone(),
    }
}

/// What stands before the address in the text of a link.
fn caption_before<'t>(rest: &'t str, href: &str) -> Option<&'t str> {
    let caption = rest.strip_suffix(')')?.strip_suffix(href)?;
    let caption = caption.strip_suffix(" (")?;
    (!caption.is_empty() && caption != href).then_some(caption)
}

/// The text of a post, a line for each paragraph under the title, mentions as placeholders.
pub(super) fn post_text(post: &Post) -> String {
    text_in(post, language(post))
}

fn language(post: &Post) -> Language {
    Language::of(&text_in(post, Language::En))
}

fn text_in(post: &Post, language: Language) -> String {
    let title = Some(post.title.clone()).filter(|title| !title.is_empty());
    let paragraphs = post.paragraphs.iter().map(|paragraph| {
        let elements = paragraph
            .iter()
            .map(|element| element_text(element, language));
        elements.collect::<String>()
    });
    title
        .into_iter()
        .chain(paragraphs)
        .collect::<Vec<_>>()
        .join("\n")
}

/// What is no text is named in brackets.
fn element_text(element: &PostElement, language: Language) -> String {
    let word = |zh, en| Bilingual::new(zh, en).to(language).to_owned();
    match element {
        PostElement::Text { text, .. }
        | PostElement::CodeBlock { text, .. }
        | PostElement::Markdown(text) => text.clone(),
        PostElement::Link { text, href, .. } if text == href => text.clone(),
        PostElement::Link { text, href, .. } => format!("{text} ({href})"),
        PostElement::At { user_id, .. } if user_id == "all" => EVERYONE.to_owned(),
        PostElement::At { user_id, .. } => user_id.clone(),
        PostElement::Mark(_) => String::new(),
        PostElement::Media(medium) => match medium {
            Medium::Image => word("[图片]", "[image]"),
            Medium::Video => word("[视频]", "[video]"),
            Medium::File => word("[文件]", "[file]"),
            Medium::Audio => word("[语音]", "[audio]"),
            Medium::Sticker => word("[表情]", "[sticker]"),
        },
        PostElement::Emotion { emoji_type } => format!("[{emoji_type}]"),
        PostElement::Rule => "---".to_owned(),
        PostElement::Other { tag } => format!("[{tag}]"),
    }
}

/// A document as it grows, line by line.
struct Lines<'m> {
    typed: Typed<'m>,
    document: Document,
    /// The line that is being read.
    line: Vec<Inline>,
    /// How far the items are indented that the next item may be below.
    indents: Vec<usize>,
    /// What the paragraph is that is being read, if it is none.
    mark: Option<Mark>,
}

impl Lines<'_> {
    fn paragraph(&mut self, elements: &[PostElement]) {
        // Code and rules are lines of their own, and leave no empty one behind.
        let mut is_begun = true;
        for element in elements {
            match element {
                PostElement::CodeBlock { language, text } => {
                    let text = text.strip_suffix('\n').unwrap_or(text);
                    self.block(Block::Code {
                        language: code_language(language),
                        text: self.typed.verbatim(text),
                    });
                    is_begun = false;
                }
                PostElement::Rule => {
                    self.block(Block::Divider);
                    is_begun = false;
                }
                PostElement::Markdown(text) => {
                    self.markdown(text);
                    is_begun = false;
                }
                PostElement::Mark(mark) => self.mark = Some(*mark),
                element => {
                    self.inline(element);
                    is_begun = true;
                }
            }
        }
        if is_begun {
            self.end();
        }
    }

    fn inline(&mut self, element: &PostElement) {
        match element {
            PostElement::Text { text, style } => self.text(text, &text_style(style)),
            PostElement::Link { text, href, style } => self.link(text, href, &text_style(style)),
            PostElement::At {
                user_id,
                user_name,
                style,
            } => self.at(user_id, user_name, &text_style(style)),
            PostElement::Media(_)
            | PostElement::Mark(_)
            | PostElement::Markdown(_)
            | PostElement::Emotion { .. }
            | PostElement::Other { .. }
            | PostElement::CodeBlock { .. }
            | PostElement::Rule => {
                let words = element_text(element, self.typed.language);
                self.text(&words, &TextStyle::default());
            }
        }
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
            push_person(&mut self.line, mention, style);
        } else if user_name.is_empty() {
            push_text(&mut self.line, user_id, style);
        } else {
            push_text(&mut self.line, &format!("@{user_name}"), style);
        }
    }

    /// A line break inside an element ends the line as well as a paragraph's end does.
    fn text(&mut self, text: &str, style: &TextStyle) {
        for (number, line) in text.split('\n').enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if number > 0 {
                self.end();
            }
            self.typed.read(&mut self.line, line, style);
        }
    }

    fn block(&mut self, block: Block) {
        if !self.line.is_empty() {
            self.end();
        }
        self.indents.clear();
        self.document.blocks.push(block);
    }

    /// Lines of Markdown, behind the mark of their paragraph if it has one.
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

    /// Ends a line, which is an item of a list if it begins like one.
    fn end(&mut self) {
        let mut content = mem::take(&mut self.line);
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

/// Takes what makes a line an item of a list off its start: how far it is indented, and its mark.
fn take_marker(content: &mut Vec<Inline>) -> Option<(usize, Marker)> {
    let more = content.len() > 1;
    let Some(Inline::Text(run)) = content.first_mut() else {
        return None;
    };
    let typed = run.text.trim_start_matches([' ', '\t', '\u{3000}']);
    let blanks = &run.text[..run.text.len() - typed.len()];
    let indent = blanks.chars().map(|c| if c == '\t' { 4 } else { 1 }).sum();
    let (marker, rest) = split_marker(typed, &['.'], &['-', '*', '•'])?;
    // White space and more, so that neither `-5` nor a lone dash is an item.
    let text = rest.trim_start();
    if text.len() == rest.len() || (text.is_empty() && !more) {
        return None;
    }
    if text.is_empty() {
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

/// The language's name as people write it; the client has a name for none, too.
fn code_language(name: &str) -> String {
    let name = name
        .lines()
        .next()
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    Some(name)
        .filter(|name| !matches!(name.as_str(), "plain_text" | "plaintext"))
        .unwrap_or_default()
}
