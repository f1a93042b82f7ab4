//! The new group announcement (`docx`): its blocks, as sent and as read.
//!
//! Official pages `group/upgraded-group-announcement/**`.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids::{BlockId, OpenId};
use crate::wire::{HeadingLevel, optional_id, or_default, percent_encode};

/// One block of a document. Of an unknown kind, only the number and the
/// children are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WireBlock", into = "WireBlock")]
pub struct Block {
    /// Assigned by the platform; the page block has the id of the chat.
    pub block_id: Option<BlockId>,
    /// The kind of block.
    pub block_type: BlockType,
    /// The child blocks in order, as read; the parent of blocks to insert is named by the
    /// call that inserts them.
    pub children: Vec<BlockId>,
    /// The text of a kind that has one; each kind has its own key for it.
    pub text: Option<TextBlock>,
    /// The layout of a kind that has one.
    pub layout: Option<Layout>,
    /// The token of the file that a picture or a file shows; `None` while it is empty.
    pub file_token: Option<String>,
}

/// The layout of a block that contains others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// A table; its children are the cells, row by row.
    Table {
        /// The number of its rows and columns.
        size: TableSize,
        /// The widths of the columns in pixels; empty for the platform's.
        widths: Vec<u32>,
        /// Whether the first row has the names of the columns.
        has_header: bool,
    },
    /// A column of a grid, with its share of the width in percent.
    GridColumn(u64),
}

/// The size of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSize {
    /// The number of rows.
    pub rows: usize,
    /// The number of columns.
    pub columns: usize,
}

/// The kind of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockType {
    /// The root of a document.
    Page,
    /// A paragraph.
    Text,
    /// A heading of level 1 to 9.
    Heading(HeadingLevel),
    /// An item of a list with bullets.
    Bullet,
    /// An item of a numbered list; the platform numbers it.
    Ordered,
    /// A block of code.
    Code,
    /// A quoted paragraph.
    Quote,
    /// A horizontal line.
    Divider,
    /// A file, which is inside a [`BlockType::View`].
    File,
    /// A picture.
    Image,
    /// What shows a file. It is created with the file.
    View,
    /// A table.
    Table,
    /// A cell of a table, which is created with it.
    TableCell,
    /// Any other kind, by its number; it cannot be sent.
    Other(u16),
}

/// The content of a text block.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextBlock {
    /// The elements in order; a `\n` in one is a soft line break.
    #[serde(default, deserialize_with = "or_default")]
    pub elements: Vec<TextElement>,
}

/// A part of a text block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WireElement", into = "WireElement")]
pub enum TextElement {
    /// Text in one style.
    TextRun {
        /// May contain soft line breaks.
        content: String,
        /// The style of the whole run.
        style: TextElementStyle,
    },
    /// A mention. Mentions that the API writes notify nobody.
    MentionUser {
        /// The mentioned person.
        open_id: OpenId,
    },
    /// An unknown element; it cannot be sent.
    Other,
}

/// The style of a run of text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the platform's five switches"
)]
pub struct TextElementStyle {
    /// Bold.
    #[serde(skip_serializing_if = "is_off")]
    pub bold: bool,
    /// Italic.
    #[serde(skip_serializing_if = "is_off")]
    pub italic: bool,
    /// Strikethrough.
    #[serde(skip_serializing_if = "is_off")]
    pub strikethrough: bool,
    /// Underlined.
    #[serde(skip_serializing_if = "is_off")]
    pub underline: bool,
    /// Inline code.
    #[serde(skip_serializing_if = "is_off")]
    pub inline_code: bool,
    /// The target of a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
}

/// The target of a link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The percent-encoded address; see [`Link::to`].
    pub url: String,
}

impl Block {
    /// The longest text of one block in UTF-16 units.
    pub const TEXT_LIMIT: usize = 100_000;

    /// A block of text to insert.
    pub fn of_text(block_type: BlockType, elements: Vec<TextElement>) -> Self {
        Self {
            block_id: None,
            block_type,
            children: Vec::new(),
            text: Some(TextBlock { elements }),
            layout: None,
            file_token: None,
        }
    }

    /// A table to insert, the first row of which has the names of the columns.
    pub fn table(size: TableSize, widths: Vec<u32>) -> Self {
        let has_header = true;
        Self {
            layout: Some(Layout::Table {
                size,
                widths,
                has_header,
            }),
            ..Self::without_text(BlockType::Table)
        }
    }

    /// A cell, as it is in a table.
    pub fn cell() -> Self {
        Self::without_text(BlockType::TableCell)
    }

    fn without_text(block_type: BlockType) -> Self {
        Self {
            block_id: None,
            block_type,
            children: Vec::new(),
            text: None,
            layout: None,
            file_token: None,
        }
    }

    /// The size of a table.
    pub fn table_size(&self) -> Option<TableSize> {
        match self.layout {
            Some(Layout::Table { size, .. }) => Some(size),
            _ => None,
        }
    }

    /// A paragraph to insert.
    pub fn paragraph(elements: Vec<TextElement>) -> Self {
        Self::of_text(BlockType::Text, elements)
    }

    /// A horizontal line to insert.
    pub fn divider() -> Self {
        Self::without_text(BlockType::Divider)
    }

    /// A picture to insert, which is empty.
    pub fn image() -> Self {
        Self::without_text(BlockType::Image)
    }

    /// A file to insert, which is empty. The platform puts it into a view.
    pub fn file() -> Self {
        Self::without_text(BlockType::File)
    }
}

impl BlockType {
    /// The platform's number.
    pub fn number(self) -> u16 {
        match self {
            Self::Page => 1,
            Self::Text => 2,
            Self::Heading(level) => 2 + u16::from(level.get()),
            Self::Bullet => 12,
            Self::Ordered => 13,
            Self::Code => 14,
            Self::Quote => 15,
            Self::Divider => 22,
            Self::File => 23,
            Self::Image => 27,
            Self::View => 33,
            Self::Table => 31,
            Self::TableCell => 32,
            Self::Other(number) => number,
        }
    }

    /// The kind with this number.
    pub fn from_number(number: u16) -> Self {
        let level = || u8::try_from(number - 2).ok().and_then(HeadingLevel::new);
        match number {
            1 => Self::Page,
            2 => Self::Text,
            3..=11 => level().map_or(Self::Other(number), Self::Heading),
            12 => Self::Bullet,
            13 => Self::Ordered,
            14 => Self::Code,
            15 => Self::Quote,
            22 => Self::Divider,
            23 => Self::File,
            27 => Self::Image,
            33 => Self::View,
            31 => Self::Table,
            32 => Self::TableCell,
            _ => Self::Other(number),
        }
    }

    /// The key of the content.
    fn key(self) -> Option<&'static str> {
        const HEADINGS: [&str; 9] = [
            "heading1", "heading2", "heading3", "heading4", "heading5", "heading6", "heading7",
            "heading8", "heading9",
        ];
        match self {
            Self::Page => Some("page"),
            Self::Text => Some("text"),
            Self::Heading(level) => HEADINGS.get(usize::from(level.get()) - 1).copied(),
            Self::Bullet => Some("bullet"),
            Self::Ordered => Some("ordered"),
            Self::Code => Some("code"),
            Self::Quote => Some("quote"),
            Self::Divider => Some("divider"),
            Self::File => Some("file"),
            Self::Image => Some("image"),
            Self::View => Some("view"),
            Self::Table => Some("table"),
            Self::TableCell => Some("table_cell"),
            Self::Other(_) => None,
        }
    }
}

impl TextBlock {
    /// Whether both have the same text in the same styles: the platform may join
    /// adjacent runs of one style.
    pub fn reads_like(&self, other: &Self) -> bool {
        self.joined() == other.joined()
    }

    fn joined(&self) -> Vec<TextElement> {
        let mut joined: Vec<TextElement> = Vec::new();
        for element in &self.elements {
            match (joined.last_mut(), element) {
                (
                    Some(TextElement::TextRun { content, style }),
                    TextElement::TextRun {
                        content: more,
                        style: same,
                    },
                ) if style == same => content.push_str(more),
                _ => joined.push(element.clone()),
            }
        }
        joined
    }
}

impl TextElement {
    /// A run of text without style.
    pub fn plain(content: impl Into<String>) -> Self {
        Self::TextRun {
            content: content.into(),
            style: TextElementStyle::default(),
        }
    }
}

impl Link {
    /// Percent-encodes the address.
    pub fn to(address: &str) -> Self {
        Self {
            url: percent_encode(address),
        }
    }
}

/// A block on the wire: the common keys, and one that depends on the kind.
#[derive(Serialize, Deserialize)]
struct WireBlock {
    #[serde(
        default,
        deserialize_with = "optional_id",
        skip_serializing_if = "Option::is_none"
    )]
    block_id: Option<BlockId>,
    block_type: u16,
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    children: Vec<BlockId>,
    #[serde(flatten)]
    content: BTreeMap<String, Value>,
}

impl From<WireBlock> for Block {
    fn from(mut wire: WireBlock) -> Self {
        let block_type = BlockType::from_number(wire.block_type);
        let (layout, cells) = read_layout(&wire);
        let file_token = block_type.key().and_then(|key| {
            let token = wire.content.get(key)?["token"].as_str()?;
            (!token.is_empty()).then(|| token.to_owned())
        });
        let children = if wire.children.is_empty() {
            cells
        } else {
            wire.children
        };
        let content = match block_type {
            BlockType::Page
            | BlockType::Divider
            | BlockType::File
            | BlockType::Image
            | BlockType::View
            | BlockType::Table
            | BlockType::TableCell
            | BlockType::Other(_) => None,
            BlockType::Text
            | BlockType::Heading(_)
            | BlockType::Bullet
            | BlockType::Ordered
            | BlockType::Code
            | BlockType::Quote => block_type.key().and_then(|key| wire.content.remove(key)),
        };
        Self {
            block_id: wire.block_id,
            block_type,
            children,
            text: content.and_then(|content| serde_json::from_value(content).ok()),
            layout,
            file_token,
        }
    }
}

impl From<Block> for WireBlock {
    fn from(block: Block) -> Self {
        let content = match (block.text, &block.layout) {
            (Some(text), _) => json!(text),
            (
                None,
                Some(Layout::Table {
                    size,
                    widths,
                    has_header,
                }),
            ) => table_content(*size, widths, *has_header),
            (None, _) if block.block_type == BlockType::File => json!({ "token": "" }),
            (None, _) => json!({}),
        };
        let key = block.block_type.key().map(str::to_owned);
        Self {
            block_id: block.block_id,
            block_type: block.block_type.number(),
            children: block.children,
            content: key.map(|key| (key, content)).into_iter().collect(),
        }
    }
}

fn table_content(size: TableSize, widths: &[u32], has_header: bool) -> Value {
    let mut property = json!({
        "row_size": size.rows, "column_size": size.columns, "header_row": has_header,
    });
    if !widths.is_empty() {
        property["column_width"] = json!(widths);
    }
    json!({ "property": property })
}

/// The layout of a block, and the cells of a table.
fn read_layout(wire: &WireBlock) -> (Option<Layout>, Vec<BlockId>) {
    let table = wire.content.get("table");
    if let Some(WireTable { cells, property }) = table.and_then(read) {
        let size = TableSize {
            rows: property.row_size,
            columns: property.column_size,
        };
        let layout = Layout::Table {
            size,
            widths: property.column_width,
            has_header: property.header_row,
        };
        return (Some(layout), cells);
    }
    let ratio = wire.content.get("grid_column");
    let ratio = ratio.and_then(|column| column["width_ratio"].as_u64());
    (ratio.map(Layout::GridColumn), Vec::new())
}

fn read<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

#[derive(Deserialize)]
struct WireTable {
    #[serde(default, deserialize_with = "or_default")]
    cells: Vec<BlockId>,
    property: WireTableProperty,
}

#[derive(Deserialize)]
struct WireTableProperty {
    row_size: usize,
    column_size: usize,
    #[serde(default, deserialize_with = "or_default")]
    column_width: Vec<u32>,
    #[serde(default, deserialize_with = "or_default")]
    header_row: bool,
}

/// An element on the wire: an object with one of many keys.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct WireElement {
    #[serde(skip_serializing_if = "Option::is_none")]
    text_run: Option<WireTextRun>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mention_user: Option<WireMention>,
}

#[derive(Serialize, Deserialize)]
struct WireTextRun {
    #[serde(default)]
    content: String,
    #[serde(default, rename = "text_element_style")]
    style: TextElementStyle,
}

#[derive(Serialize, Deserialize)]
struct WireMention {
    user_id: OpenId,
}

impl From<WireElement> for TextElement {
    fn from(wire: WireElement) -> Self {
        match (wire.text_run, wire.mention_user) {
            (Some(WireTextRun { content, style }), _) => Self::TextRun { content, style },
            (None, Some(mention)) => Self::MentionUser {
                open_id: mention.user_id,
            },
            (None, None) => Self::Other,
        }
    }
}

impl From<TextElement> for WireElement {
    fn from(element: TextElement) -> Self {
        let mut wire = Self::default();
        match element {
            TextElement::TextRun { content, style } => {
                wire.text_run = Some(WireTextRun { content, style });
            }
            TextElement::MentionUser { open_id } => {
                wire.mention_user = Some(WireMention { user_id: open_id });
            }
            TextElement::Other => {}
        }
        wire
    }
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
    use serde_json::json;

    use super::*;

    #[test]
    fn a_new_block_has_only_set_fields() {
        let style = TextElementStyle {
            bold: true,
            link: Some(Link::to("https://x.y")),
            ..TextElementStyle::default()
        };
        let block = Block::paragraph(vec![
            TextElement::plain("a"),
            TextElement::TextRun {
                content: "b".to_owned(),
                style,
            },
            TextElement::MentionUser {
                open_id: "ou_1".into(),
            },
        ]);
        let wire = json!({ "block_type": 2, "text": { "elements": [
            { "text_run": { "content": "a", "text_element_style": {} } },
            { "text_run": { "content": "b", "text_element_style":
                { "bold": true, "link": { "url": "https%3A%2F%2Fx.y" } } } },
            { "mention_user": { "user_id": "ou_1" } },
        ] } });
        assert_eq!(serde_json::to_value(&block).unwrap(), wire);
        assert_eq!(serde_json::from_value::<Block>(wire).unwrap(), block);
    }

    #[test]
    fn a_table_is_read_with_its_size_and_cells() {
        let size = TableSize {
            rows: 1,
            columns: 2,
        };
        let table = Block::table(size, vec![80, 120]);
        let mut wire = json!({ "block_type": 31, "table": { "property": {
            "row_size": 1, "column_size": 2, "column_width": [80, 120], "header_row": true } } });
        assert_eq!(serde_json::to_value(&table).unwrap(), wire);
        wire["table"]["cells"] = json!(["a", "b"]);
        let read: Block = serde_json::from_value(wire).unwrap();
        assert_eq!(read.children, ["a".into(), "b".into()]);
        assert_eq!((read.table_size(), read.layout), (Some(size), table.layout));
        let cell = json!({ "block_type": 32, "table_cell": {} });
        assert_eq!(serde_json::to_value(Block::cell()).unwrap(), cell);
    }

    #[test]
    fn runs_of_one_style_read_like_one() {
        let bold = |content: &str| TextElement::TextRun {
            content: content.to_owned(),
            style: TextElementStyle {
                bold: true,
                ..TextElementStyle::default()
            },
        };
        let block = |elements| TextBlock { elements };
        let plain = TextElement::plain;
        let split = block(vec![plain("a"), plain("b"), bold("c"), bold("d")]);
        let joined = block(vec![plain("ab"), bold("cd")]);
        assert!(split.reads_like(&joined));
        assert!(!split.reads_like(&block(vec![plain("abcd")])));
        assert!(!split.reads_like(&block(vec![plain("ab"), bold("c")])));
        let other = || block(vec![plain("a"), TextElement::Other, plain("b")]);
        assert!(!other().reads_like(&block(vec![plain("ab")])));
    }

    #[test]
    fn each_kind_of_block_has_its_own_key() {
        let check = |number: u16, key: &str| {
            let block_type = BlockType::from_number(number);
            let block = Block::of_text(block_type, vec![TextElement::plain("x")]);
            let run = json!({ "content": "x", "text_element_style": {} });
            let wire = json!({ "block_type": number, key: { "elements": [{ "text_run": run }] } });
            assert_eq!(serde_json::to_value(&block).unwrap(), wire);
            assert_eq!(serde_json::from_value::<Block>(wire).unwrap(), block);
        };
        check(2, "text");
        for level in 1..=9 {
            check(2 + level, &format!("heading{level}"));
        }
        check(12, "bullet");
        check(13, "ordered");
        check(14, "code");
        check(15, "quote");
        let divider = json!({ "block_type": 22, "divider": {} });
        assert_eq!(serde_json::to_value(Block::divider()).unwrap(), divider);
        assert_eq!(
            serde_json::from_value::<Block>(divider).unwrap(),
            Block::divider()
        );
    }

    #[test]
    fn each_number_is_one_kind() {
        for number in 0..=1000 {
            assert_eq!(BlockType::from_number(number).number(), number);
        }
    }

    #[test]
    fn a_block_is_read_whatever_the_platform_adds() {
        let page: Block = serde_json::from_value(json!({
            "block_id": "oc_1", "block_type": 1, "parent_id": "", "children": ["dox1"],
            "page": { "elements": [], "style": { "align": 1 } },
        }))
        .unwrap();
        assert_eq!(page.block_type, BlockType::Page);
        assert_eq!(
            (page.block_id, page.children),
            (Some("oc_1".into()), vec!["dox1".into()])
        );

        let text: Block = serde_json::from_value(json!({
            "block_id": "dox1", "block_type": 2, "parent_id": "oc_1", "children": null,
            "text": { "style": { "align": 1, "folded": false }, "elements": [
                { "text_run": { "content": "x", "text_element_style": { "bold": false, "text_color": 3 } } },
                { "equation": { "content": "e=mc^2" } },
            ] },
        }))
        .unwrap();
        let elements = text.text.unwrap().elements;
        assert_eq!(elements, [TextElement::plain("x"), TextElement::Other]);

        let table = json!({ "block_id": "dox2", "block_type": 31, "table": { "cells": ["c"] } });
        let table: Block = serde_json::from_value(table).unwrap();
        assert_eq!((table.block_type, table.layout), (BlockType::Table, None));

        let sheet = json!({ "block_id": "dox3", "block_type": 30, "sheet": { "token": "s" } });
        let sheet: Block = serde_json::from_value(sheet).unwrap();
        assert_eq!((sheet.block_type, sheet.text), (BlockType::Other(30), None));
    }
}
