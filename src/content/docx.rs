//! Conversion of a document to blocks of a `docx` announcement.
//!
//! Unsupported features become text: a number that the platform's own count would not
//! produce, the language name of code (on a line above it), a mention of everyone, and a large
//! table.

use feishu::{BlockType, Link, TableSize, TextElement, TextElementStyle};

use super::document::{Block, Document, Inline, Marker, Run, Table, TextStyle};
use super::media::FileToCopy;
use super::mention::everyone;
use crate::language::Language;

/// A block with its children, which are written by separate calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocxNode<B = feishu::Block> {
    pub block: B,
    /// In order.
    pub children: Vec<DocxNode<B>>,
    /// Whether the platform may put something into the block when it is created, so that its
    /// children are not only created.
    pub(crate) is_container: bool,
    /// The picture or file that the block is for.
    pub(crate) media: Option<FileToCopy>,
}

impl Document {
    /// Deeper list items become children of the shallower one before them.
    pub fn to_docx(&self) -> Vec<DocxNode> {
        let mut state = State {
            last_number: 0,
            cells: 0,
            language: self.language(),
        };
        nodes(&self.blocks, &mut state)
    }
}

impl DocxNode {
    pub(super) fn leaf(block: feishu::Block) -> Self {
        Self {
            block,
            children: Vec::new(),
            is_container: false,
            media: None,
        }
    }
}

impl<B> DocxNode<B> {
    /// The block and the children that are only created.
    pub(crate) fn into_planned(self) -> (B, Vec<Self>) {
        let children = if self.is_container {
            Vec::new()
        } else {
            self.children
        };
        (self.block, children)
    }
}

/// What the conversion of a block depends on.
struct State {
    /// The number of the previous item.
    last_number: u32,
    /// The cells of the tables so far.
    cells: usize,
    language: Language,
}

fn nodes(mut blocks: &[Block], state: &mut State) -> Vec<DocxNode> {
    let mut nodes = Vec::new();
    state.last_number = 0;
    while let Some((first, rest)) = blocks.split_first() {
        let below = rest.iter().take_while(|block| is_below(first, block));
        let (children, rest) = rest.split_at(below.count());
        let mut of_first = lines(first, state);
        if let (Some(item), false) = (of_first.first_mut(), children.is_empty()) {
            let number = state.last_number;
            item.children = self::nodes(children, state);
            state.last_number = number;
        }
        nodes.append(&mut of_first);
        blocks = rest;
    }
    nodes
}

fn is_below(item: &Block, block: &Block) -> bool {
    match (item, block) {
        (Block::ListItem { depth, .. }, Block::ListItem { depth: deeper, .. }) => deeper > depth,
        _ => false,
    }
}

/// Usually one block; more for a long line, or for code with a language.
fn lines(block: &Block, state: &mut State) -> Vec<DocxNode> {
    let language = state.language;
    if let Block::Media(file) = block
        && let Some(media) = file.to_copy(language)
    {
        state.last_number = 0;
        return vec![DocxNode {
            media: Some(media),
            ..DocxNode::leaf(file.block())
        }];
    }
    let mut content = elements(block.content(), language);
    let before = std::mem::take(&mut state.last_number);
    let mut above = None;
    let kind = match block {
        Block::Divider => return vec![DocxNode::leaf(feishu::Block::divider())],
        Block::Media(file) => {
            content.push(TextElement::plain(file.line(language)));
            BlockType::Text
        }
        Block::Table(table) if table.fits(state.cells) => {
            state.cells += table.cell_count();
            return vec![table_node(table, language)];
        }
        Block::Table(table) => {
            let text = table.to_text(language);
            return text.iter().flat_map(|line| lines(line, state)).collect();
        }
        Block::Paragraph(_) => BlockType::Text,
        Block::Heading { level, .. } => BlockType::Heading(*level),
        Block::Quote(_) => BlockType::Quote,
        Block::ListItem { marker, .. } => match marker {
            Marker::Bullet => BlockType::Bullet,
            // The platform numbers the items itself, from 1.
            Marker::Number(number) if before.checked_add(1) == Some(*number) => {
                state.last_number = *number;
                BlockType::Ordered
            }
            Marker::Number(_) => {
                content.insert(0, TextElement::plain(marker.words()));
                BlockType::Text
            }
        },
        Block::Code { language, text } => {
            content.push(TextElement::plain(text));
            above = language_line(language);
            BlockType::Code
        }
    };
    let mut parts = split(content).into_iter();
    let first = parts.next().unwrap_or_default();
    // The overflow becomes a paragraph, so that no item is counted twice.
    let more = match kind {
        BlockType::Code => BlockType::Code,
        _ => BlockType::Text,
    };
    let above = above.map(|run| feishu::Block::paragraph(vec![element_of(&run)]));
    above
        .into_iter()
        .chain([feishu::Block::of_text(kind, first)])
        .chain(parts.map(|part| feishu::Block::of_text(more, part)))
        .map(DocxNode::leaf)
        .collect()
}

/// A table with its cells, each with one line unless it is empty.
fn table_node(table: &Table, language: Language) -> DocxNode {
    let columns = table.column_count();
    let size = TableSize {
        rows: table.rows.len(),
        columns,
    };
    let cells = table.rows.iter().flat_map(|row| {
        let typed = row.iter().map(Vec::as_slice);
        typed.chain(std::iter::repeat(&[][..])).take(columns)
    });
    let cell = |content: &[Inline]| {
        let parts = match content {
            [] => Vec::new(),
            content => split(elements(content, language)),
        };
        let lines = parts.into_iter().map(feishu::Block::paragraph);
        DocxNode {
            block: feishu::Block::cell(),
            children: lines.map(DocxNode::leaf).collect(),
            is_container: true,
            media: None,
        }
    };
    DocxNode {
        block: feishu::Block::table(size, table.column_widths(language)),
        children: cells.map(cell).collect(),
        is_container: true,
        media: None,
    }
}

/// The language name, shown above code: neither format has a documented field for it.
pub(super) fn language_line(language: &str) -> Option<Run> {
    let style = TextStyle {
        code: true,
        ..TextStyle::default()
    };
    (!language.is_empty()).then(|| Run {
        text: language.to_owned(),
        style,
    })
}

fn elements(content: &[Inline], language: Language) -> Vec<TextElement> {
    let elements = content.iter().map(|inline| match inline {
        Inline::Text(run) => element_of(run),
        Inline::Mention { open_id, .. } => TextElement::MentionUser {
            open_id: open_id.clone(),
        },
        Inline::Everyone => TextElement::plain(everyone(language)),
    });
    elements.collect()
}

fn element_of(run: &Run) -> TextElement {
    let style = &run.style;
    TextElement::TextRun {
        content: run.text.clone(),
        style: TextElementStyle {
            bold: style.bold,
            italic: style.italic,
            strikethrough: style.strike,
            underline: style.underline,
            inline_code: style.code,
            link: style.link.as_deref().map(Link::to),
        },
    }
}

/// Parts that each fit in a block; an empty line holds an empty run.
fn split(elements: Vec<TextElement>) -> Vec<Vec<TextElement>> {
    if elements.is_empty() {
        return vec![vec![TextElement::plain("")]];
    }
    let mut parts = Vec::new();
    let mut part = Vec::new();
    let mut room = feishu::Block::TEXT_LIMIT;
    for element in elements {
        let TextElement::TextRun { mut content, style } = element else {
            part.push(element);
            continue;
        };
        loop {
            let rest = content.split_off(prefix(&content, room));
            room -= feishu::utf16_len(&content);
            let style = style.clone();
            part.push(TextElement::TextRun { content, style });
            if rest.is_empty() {
                break;
            }
            content = rest;
            parts.push(std::mem::take(&mut part));
            room = feishu::Block::TEXT_LIMIT;
        }
    }
    parts.push(part);
    parts
}

/// The length in bytes of the longest prefix of `text` with at most this many UTF-16 units.
fn prefix(text: &str, units: usize) -> usize {
    let mut left = units;
    let fits = text.chars().take_while(|c| {
        let rest = left.checked_sub(c.len_utf16());
        left = rest.unwrap_or(0);
        rest.is_some()
    });
    fits.map(char::len_utf8).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each block as its number, its text, and its children in brackets.
    fn show(nodes: &[DocxNode]) -> String {
        let shown = nodes.iter().map(|node| {
            let elements = node.block.text.iter().flat_map(|text| &text.elements);
            let text: String = elements
                .map(|element| match element {
                    TextElement::TextRun { content, .. } => content.as_str(),
                    TextElement::MentionUser { open_id } => open_id.as_str(),
                    TextElement::Other => "?",
                })
                .collect();
            let below = match node.children.as_slice() {
                [] => String::new(),
                children => format!(" [{}]", show(children)),
            };
            format!("{} {text}{below}", node.block.block_type.number())
        });
        shown.collect::<Vec<_>>().join(", ")
    }

    fn check(markdown: &str, expected: &str) {
        let document = Document::from_markdown(markdown, &[]);
        assert_eq!(show(&document.to_docx()), expected);
    }

    #[test]
    fn lines_become_typed_blocks() {
        check("a\n\n# b\n###### c", "2 a, 2 , 3 b, 8 c");
        check("> q\n---\n- i\n```\nx\ny\n```", "15 q, 22 , 12 i, 14 x\ny");
    }

    #[test]
    fn deeper_items_are_children() {
        check(
            "- a\n  - b\n    1. c\n  - d\n- e",
            "12 a [12 b [13 c], 12 d], 12 e",
        );
        let marker = Marker::Bullet;
        let item = |depth, text: &str| Block::ListItem {
            marker,
            depth,
            content: vec![Inline::plain(text)],
        };
        let blocks = vec![item(3, "a"), item(1, "b"), item(9, "c"), item(2, "d")];
        let document = Document {
            blocks,
            ..Document::default()
        };
        assert_eq!(show(&document.to_docx()), "12 a, 12 b [12 c, 12 d]");
    }

    #[test]
    fn docx_numbers_out_of_sequence_are_text() {
        check("1. a\n2. b\n4. c\n5. d", "13 a, 13 b, 2 4. c, 2 5. d");
        check("3. a\n\n1. b\n\n2. c", "2 3. a, 2 , 13 b, 2 , 2 2. c");
        check("1. a\n   - b\n2. c", "13 a [12 b], 13 c");
    }

    #[test]
    fn the_language_of_code_and_everyone_are_text() {
        check("```rs\nx\n```", "2 rs, 14 x");
        check("@_all come\n@_all", "2 @all come, 2 @all");
    }

    #[test]
    fn long_text_continues_in_the_next_block() {
        let long = "🔌".repeat(60_000);
        let nodes = Document::from_markdown(&format!("**a**{long}"), &[]).to_docx();
        let lengths: Vec<usize> = nodes
            .iter()
            .flat_map(|node| &node.block.text)
            .map(|text| {
                let lengths = text.elements.iter().map(|element| match element {
                    TextElement::TextRun { content, .. } => feishu::utf16_len(content),
                    TextElement::MentionUser { .. } | TextElement::Other => 0,
                });
                lengths.sum()
            })
            .collect();
        // One unit is unused, because each character takes two.
        assert_eq!(lengths, [99_999, 20_002]);
    }
}
