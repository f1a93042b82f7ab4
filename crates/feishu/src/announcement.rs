//! The legacy group announcement (`doc`): the operations we send and the document we read.
//!
//! Official pages `group/chat-announcement/{get,patch,intro}`.

use std::ops::Range;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::copied::{Copied, Unwritable, copied_legacy, weight};
use crate::{
    OpenId,
    wire::{HeadingLevel, percent_encode},
};

/// One change of the document. The operations of a patch apply all or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Inserts 1 to 50 blocks.
    InsertBlocks(InsertLocation, Vec<LegacyBlock>),
    /// Deletes whole consecutive blocks: a range of [UTF-16 units](utf16_len) at the patch's
    /// revision.
    DeleteContentRange(Range<u64>),
}

/// The position of inserted blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InsertLocation {
    /// Right after the title, above the body.
    StartOfZone,
    /// At the start of the line that begins there, in [UTF-16 units](utf16_len) at the patch's
    /// revision; it may be the start of a range that the same patch deletes.
    Index(u64),
}

/// A block to insert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegacyBlock {
    /// A line of text.
    Paragraph(LegacyParagraph),
    /// A horizontal line.
    HorizontalLine,
    /// A block that was read before, as [`PlacedBlock::copied`] gives it.
    Copied(Value),
}

/// A line of text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LegacyParagraph {
    /// The content in order; an empty paragraph is an empty line.
    pub elements: Vec<LegacyElement>,
    /// The kind of line.
    pub style: LegacyParagraphStyle,
}

/// The style of a whole paragraph; plain by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LegacyParagraphStyle {
    /// The level of a heading.
    pub heading_level: Option<HeadingLevel>,
    /// The list of an item, or of a line of code.
    pub list: Option<LegacyList>,
    /// Whether the paragraph is quoted.
    pub quote: bool,
}

/// The list that a paragraph is an item of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegacyList {
    /// The marker before the item.
    pub list_type: LegacyListType,
    /// The depth, 1 to [`LegacyList::DEEPEST`].
    pub indent_level: u8,
}

/// The marker of an item of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegacyListType {
    /// A number.
    Number(u32),
    /// A bullet.
    Bullet,
    /// None: the lines of this list are a block of code.
    Code,
    /// A check box, ticked or not; read only.
    Box {
        /// Whether it is ticked.
        checked: bool,
    },
}

/// A part of a paragraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LegacyElement {
    /// Text in one style.
    TextRun {
        /// Without a line break.
        text: String,
        /// The style of the whole run.
        style: LegacyTextStyle,
    },
    /// A mention, displayed as a name.
    Person {
        /// The mentioned person.
        open_id: OpenId,
    },
}

/// The style of a run of text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the platform's five switches"
)]
pub struct LegacyTextStyle {
    /// Bold.
    pub bold: bool,
    /// Italic.
    pub italic: bool,
    /// Strikethrough.
    pub strike_through: bool,
    /// Underlined.
    pub under_line: bool,
    /// Inline code.
    pub code_inline: bool,
    /// The target of a link; percent-encoded when sent.
    pub link: Option<String>,
}

/// A legacy announcement as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyDocument {
    /// The plain text of the title.
    pub title: String,
    /// The blocks of the body, in order. Even an empty document has one empty paragraph.
    pub blocks: Vec<PlacedBlock>,
}

/// A block of a [`LegacyDocument`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedBlock {
    /// `paragraph`, `table`, `horizontalLine`, …
    pub block_type: String,
    /// The range in [UTF-16 units](utf16_len), without the final line break. Not every
    /// type of block has one.
    pub range: Option<Range<u64>>,
    /// The plain text of a paragraph, with U+FFFC for each element that is not text; `None`
    /// for all other blocks.
    pub text: Option<String>,
    /// The style of a paragraph, if this crate can write it; plain for all other blocks.
    pub style: LegacyParagraphStyle,
    /// The whole block as JSON, which takes a tenth of the memory of parsed values.
    wire: Box<str>,
}

/// The length of a text in UTF-16 code units, the unit of every index in a legacy document.
pub fn utf16_len(text: &str) -> usize {
    text.encode_utf16().count()
}

impl Operation {
    /// The operation as JSON in a string, as the patch request has it.
    pub fn to_json(&self) -> String {
        let request = match self {
            Self::InsertBlocks(location, blocks) => {
                let blocks: Vec<Value> = blocks.iter().map(LegacyBlock::to_value).collect();
                json!({
                    "requestType": "InsertBlocksRequestType",
                    "insertBlocksRequest": {
                        "payload": json!({ "blocks": blocks }).to_string(),
                        "location": location.to_value(),
                    },
                })
            }
            Self::DeleteContentRange(range) => json!({
                "requestType": "DeleteContentRangeRequestType",
                "deleteContentRangeRequest": {
                    "deleteRange": {
                        "zoneId": "0",
                        "startIndex": range.start,
                        "endIndex": range.end,
                    },
                },
            }),
        };
        request.to_string()
    }
}

impl InsertLocation {
    fn to_value(self) -> Value {
        match self {
            Self::StartOfZone => json!({ "zoneId": "0", "index": 0, "startOfZone": true }),
            Self::Index(index) => json!({ "zoneId": "0", "index": index }),
        }
    }
}

impl LegacyBlock {
    /// The length of its range in the document, without the line break after it: that
    /// of the text, one unit for each mention, and one for a style. A horizontal line takes one.
    pub fn utf16_len(&self) -> usize {
        match self {
            Self::Paragraph(paragraph) => paragraph.utf16_len(),
            Self::HorizontalLine => 1,
            Self::Copied(wire) => copied_len(wire),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Paragraph(paragraph) => {
                json!({ "type": "paragraph", "paragraph": paragraph.to_value() })
            }
            Self::HorizontalLine => json!({ "type": "horizontalLine", "horizontalLine": {} }),
            Self::Copied(wire) => wire.clone(),
        }
    }
}

impl LegacyParagraph {
    /// A paragraph of plain text, which must not contain a line break.
    pub fn plain(text: impl Into<String>) -> Self {
        let text = text.into();
        let elements = if text.is_empty() {
            Vec::new()
        } else {
            vec![LegacyElement::plain(text)]
        };
        Self {
            elements,
            style: LegacyParagraphStyle::default(),
        }
    }

    fn utf16_len(&self) -> usize {
        // A paragraph with a style has a placeholder of one unit at its start.
        let placeholder = usize::from(self.style != LegacyParagraphStyle::default());
        let elements = self.elements.iter().map(|element| match element {
            LegacyElement::TextRun { text, .. } => utf16_len(text),
            LegacyElement::Person { .. } => 1,
        });
        placeholder + elements.sum::<usize>()
    }

    fn to_value(&self) -> Value {
        let elements: Vec<Value> = self.elements.iter().map(LegacyElement::to_value).collect();
        let mut paragraph = json!({ "elements": elements });
        // The key alone, even with nothing in it, makes the placeholder.
        if self.style != LegacyParagraphStyle::default() {
            paragraph["style"] = self.style.to_value();
        }
        paragraph
    }

    /// The [`PlacedBlock::text`] of this paragraph once it is in the document.
    pub fn plain_text(&self) -> String {
        self.elements
            .iter()
            .map(|element| match element {
                LegacyElement::TextRun { text, .. } => text.clone(),
                LegacyElement::Person { open_id } => person_text(open_id.as_str()),
            })
            .collect()
    }
}

impl LegacyParagraphStyle {
    fn to_value(self) -> Value {
        let mut style = json!({});
        if let Some(level) = self.heading_level {
            style["headingLevel"] = level.get().into();
        }
        if let Some(list) = self.list {
            style["list"] = list.to_value();
        }
        if self.quote {
            style["quote"] = true.into();
        }
        style
    }

    fn read(style: &Value) -> Self {
        let level = style["headingLevel"].as_u64();
        Self {
            heading_level: level
                .and_then(|level| u8::try_from(level).ok())
                .and_then(HeadingLevel::new),
            list: LegacyList::read(&style["list"]),
            quote: style["quote"].as_bool().unwrap_or_default(),
        }
    }
}

impl LegacyList {
    /// The deepest level.
    pub const DEEPEST: u8 = 16;

    fn to_value(self) -> Value {
        let name = match self.list_type {
            LegacyListType::Number(_) => "number",
            LegacyListType::Bullet => "bullet",
            LegacyListType::Code => "code",
            LegacyListType::Box { checked: false } => "checkBox",
            LegacyListType::Box { checked: true } => "checkedBox",
        };
        let mut list = json!({ "type": name, "indentLevel": self.indent_level });
        if let LegacyListType::Number(number) = self.list_type {
            list["number"] = number.into();
        }
        list
    }

    fn read(list: &Value) -> Option<Self> {
        let number = |key: &str| list[key].as_u64();
        let list_type = match list["type"].as_str()? {
            "number" => LegacyListType::Number(
                number("number")
                    .and_then(|number| u32::try_from(number).ok())
                    .unwrap_or(1),
            ),
            "bullet" => LegacyListType::Bullet,
            "code" => LegacyListType::Code,
            "checkBox" => LegacyListType::Box { checked: false },
            "checkedBox" => LegacyListType::Box { checked: true },
            _ => return None,
        };
        Some(Self {
            list_type,
            indent_level: number("indentLevel")
                .and_then(|level| u8::try_from(level).ok())
                .unwrap_or(1),
        })
    }
}

impl LegacyElement {
    /// A run of text without style, which must not contain a line break.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::TextRun {
            text: text.into(),
            style: LegacyTextStyle::default(),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::TextRun { text, style } => json!({
                "type": "textRun",
                "textRun": { "text": text, "style": style.to_value() },
            }),
            Self::Person { open_id } => json!({
                "type": "person",
                "person": { "openId": open_id },
            }),
        }
    }
}

impl LegacyTextStyle {
    /// Omits unset fields, for which the platform has defaults.
    fn to_value(&self) -> Value {
        let switches = [
            ("bold", self.bold),
            ("italic", self.italic),
            ("strikeThrough", self.strike_through),
            ("underLine", self.under_line),
            ("codeInline", self.code_inline),
        ];
        let mut style: serde_json::Map<String, Value> = switches
            .into_iter()
            .filter(|(_, on)| *on)
            .map(|(name, on)| (name.to_owned(), on.into()))
            .collect();
        if let Some(link) = &self.link {
            style.insert("link".to_owned(), json!({ "url": percent_encode(link) }));
        }
        style.into()
    }
}

impl LegacyDocument {
    /// Reads the `content` string of an announcement. Unknown blocks and elements are kept by
    /// their type and never fail.
    pub fn parse(content: &str) -> Result<Self, serde_json::Error> {
        let wire: WireDocument<'_> = serde_json::from_str(content)?;
        let blocks = wire.body.blocks.into_iter().map(PlacedBlock::read);
        Ok(Self {
            title: plain_text(&wire.title),
            blocks: blocks.collect::<Result<_, _>>()?,
        })
    }

    /// The range of the whole body, for [`Operation::DeleteContentRange`]. `None` if the first or
    /// the last block has no range.
    pub fn body_range(&self) -> Option<Range<u64>> {
        let first = self.blocks.first()?.range.clone()?;
        let last = self.blocks.last()?.range.clone()?;
        Some(first.start..last.end)
    }
}

impl PlacedBlock {
    /// Whether this is `block` as the document shows it after writing: the same kind of block
    /// with the same text.
    ///
    /// Styles are not compared, because the platform may fill in defaults; compare
    /// [`PlacedBlock::style`] if they matter.
    pub fn holds(&self, block: &LegacyBlock) -> bool {
        match block {
            LegacyBlock::Paragraph(paragraph) => self.text == Some(paragraph.plain_text()),
            LegacyBlock::HorizontalLine => self.block_type == "horizontalLine",
            LegacyBlock::Copied(wire) => {
                let block_type = wire["type"].as_str().unwrap_or_default();
                block_type == self.block_type && paragraph_text(wire) == self.text
            }
        }
    }

    /// The copy of this block. `name` gives the text in place of content that no call writes.
    pub fn copied(&self, name: impl Fn(Unwritable) -> String) -> Copied {
        // It has been parsed before.
        let wire = serde_json::from_str(&self.wire).unwrap_or_default();
        copied_legacy(&wire, name)
    }

    /// The approximate memory of a copy, in bytes.
    pub fn weight(&self) -> usize {
        weight(&self.wire)
    }

    fn read(wire: &RawValue) -> Result<Self, serde_json::Error> {
        let block: Value = serde_json::from_str(wire.get())?;
        let block_type = block["type"].as_str().unwrap_or_default();
        let body = &block[block_type];
        let location = &body["location"];
        let index = |end: &str| location[end].as_u64();
        Ok(Self {
            block_type: block_type.to_owned(),
            range: index("startIndex")
                .zip(index("endIndex"))
                .map(|(start, end)| start..end),
            text: paragraph_text(&block),
            style: LegacyParagraphStyle::read(&body["style"]),
            wire: wire.get().into(),
        })
    }
}

/// The length of the range of a copied block, without the line break after it.
fn copied_len(wire: &Value) -> usize {
    let Some(paragraph) = wire["paragraph"].as_object() else {
        return 1;
    };
    let elements = paragraph.get("elements").and_then(Value::as_array);
    let lengths = elements.into_iter().flatten().map(|element| {
        let text = element["textRun"]["text"].as_str();
        text.map_or(1, utf16_len)
    });
    usize::from(paragraph.contains_key("style")) + lengths.sum::<usize>()
}

/// The plain text of a paragraph; `None` for all other blocks.
fn paragraph_text(block: &Value) -> Option<String> {
    (block["type"] == "paragraph").then(|| plain_text(&block["paragraph"]))
}

/// The text of `elements`. An element without text is one character, so that a line of such
/// elements does not count as empty.
fn plain_text(holder: &Value) -> String {
    let elements = holder["elements"].as_array().map_or(&[][..], Vec::as_slice);
    elements
        .iter()
        .map(|element| {
            let run = &element["textRun"];
            match element["person"]["openId"].as_str() {
                Some(open_id) => person_text(open_id),
                None if run.is_object() => run["text"].as_str().unwrap_or_default().to_owned(),
                None => OBJECT.to_owned(),
            }
        })
        .collect()
}

/// The character in place of an element that is not text.
const OBJECT: &str = "\u{fffc}";

fn person_text(open_id: &str) -> String {
    format!("@{open_id}")
}

#[derive(Deserialize)]
struct WireDocument<'a> {
    #[serde(default)]
    title: Value,
    #[serde(borrow, default)]
    body: WireBody<'a>,
}

#[derive(Default, Deserialize)]
struct WireBody<'a> {
    #[serde(borrow, default)]
    blocks: Vec<&'a RawValue>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::{self, Row};

    fn placed(block: &Value) -> PlacedBlock {
        let wire = serde_json::value::to_raw_value(block).unwrap();
        PlacedBlock::read(&wire).unwrap()
    }

    #[test]
    fn lengths_count_utf16_units() {
        for row in vectors::rows("utf16_offsets") {
            let length = u64::try_from(utf16_len(row.text("text"))).unwrap();
            assert_eq!(length, row.number("utf16_units"), "{}", row.text("text"));
        }
    }

    /// The document of a row, as the platform would write it.
    fn document(row: &Row) -> Value {
        let paragraphs = row.0["paragraphs"].as_array().unwrap().iter().map(|one| {
            let mut paragraph = json!({ "elements": [], "location": location(&one["paragraph"]) });
            if one["run"].is_array() {
                paragraph["elements"] = json!([{ "type": "textRun", "textRun": {
                    "text": one["text"], "style": {}, "location": location(&one["run"]),
                }}]);
            }
            if one["style_key_present"] == true {
                paragraph["style"] = json!({});
            }
            json!({ "type": "paragraph", "paragraph": paragraph })
        });
        json!({
            "title": {
                "elements": [{ "type": "textRun", "textRun": { "text": row.text("title") } }],
                "location": location(&row.0["title_range"]),
            },
            "body": { "blocks": paragraphs.collect::<Vec<_>>() },
        })
    }

    fn location(range: &Value) -> Value {
        json!({ "zoneId": "0", "startIndex": range[0], "endIndex": range[1] })
    }

    #[test]
    fn the_known_documents_are_read_with_their_ranges() {
        for row in vectors::rows("legacy_doc_offsets") {
            let read = LegacyDocument::parse(&document(&row).to_string()).unwrap();
            assert_eq!(read.title, row.text("title"));
            for (block, expected) in read
                .blocks
                .iter()
                .zip(row.0["paragraphs"].as_array().unwrap())
            {
                assert_eq!(block.text.as_deref(), expected["text"].as_str());
                let range = block.range.clone().unwrap();
                assert_eq!(json!([range.start, range.end]), expected["paragraph"]);
                // A paragraph with a style has one more unit before its text.
                let placeholder = usize::from(expected["style_key_present"] == true);
                let units = utf16_len(block.text.as_deref().unwrap()) + placeholder;
                assert_eq!(range.end - range.start, u64::try_from(units).unwrap());
            }
            let body = read.body_range().unwrap();
            assert_eq!(body.start, row.0["title_range"][1].as_u64().unwrap() + 1);
            assert_eq!(body.end + 1, row.number("doc_length"));
        }
    }

    #[test]
    fn unknown_blocks_keep_their_type() {
        let content = json!({ "body": { "blocks": [
            { "type": "horizontalLine", "horizontalLine": { "location": { "startIndex": 1, "endIndex": 2 } } },
            { "type": "paragraph", "paragraph": { "elements": [
                { "type": "person", "person": { "openId": "ou_1" } },
                { "type": "reminder", "reminder": {} },
                { "type": "textRun", "textRun": { "text": " hi" } } ] } },
            { "type": "callout" },
            7,
        ] } });
        let read = LegacyDocument::parse(&content.to_string()).unwrap();
        let blocks: Vec<_> = read
            .blocks
            .iter()
            .map(|b| (&*b.block_type, b.text.as_deref()))
            .collect();
        let expected = [
            ("horizontalLine", None),
            ("paragraph", Some("@ou_1\u{fffc} hi")),
            ("callout", None),
            ("", None),
        ];
        assert_eq!(blocks, expected);
        assert_eq!(read.blocks[0].range, Some(1..2));
        assert_eq!(read.body_range(), None);
        assert!(LegacyDocument::parse("").is_err());
        assert!(LegacyDocument::parse("{}").unwrap().blocks.is_empty());
    }

    #[test]
    fn an_insertion_is_json_in_a_string() {
        let style = LegacyTextStyle {
            bold: true,
            link: Some("https://x.y/?a=1".to_owned()),
            ..LegacyTextStyle::default()
        };
        let elements = vec![
            LegacyElement::TextRun {
                text: "a👋".to_owned(),
                style,
            },
            LegacyElement::Person {
                open_id: "ou_1".into(),
            },
        ];
        let rich = LegacyParagraph {
            elements,
            ..LegacyParagraph::default()
        };
        assert_eq!(rich.plain_text(), "a👋@ou_1");
        let blocks = [
            rich,
            LegacyParagraph::plain("b"),
            LegacyParagraph::plain(""),
        ];
        let insert = Operation::InsertBlocks(
            InsertLocation::StartOfZone,
            blocks.map(LegacyBlock::Paragraph).into(),
        );
        let request: Value = serde_json::from_str(&insert.to_json()).unwrap();
        let payload = request["insertBlocksRequest"]["payload"].as_str().unwrap();
        let expected = json!({
            "requestType": "InsertBlocksRequestType",
            "insertBlocksRequest": {
                "payload": payload,
                "location": { "zoneId": "0", "index": 0, "startOfZone": true },
            },
        });
        assert_eq!(request, expected);

        let paragraph =
            |elements: Value| json!({ "type": "paragraph", "paragraph": { "elements": elements } });
        let run = |text, style: Value| json!({ "type": "textRun", "textRun": { "text": text, "style": style } });
        let styled = json!({ "bold": true, "link": { "url": "https%3A%2F%2Fx.y%2F%3Fa%3D1" } });
        let person = json!({ "type": "person", "person": { "openId": "ou_1" } });
        let blocks = json!({ "blocks": [
            paragraph(json!([run("a👋", styled), person])),
            paragraph(json!([run("b", json!({}))])),
            paragraph(json!([])),
        ] });
        assert_eq!(serde_json::from_str::<Value>(payload).unwrap(), blocks);
    }

    #[test]
    fn a_style_survives_writing_and_reading() {
        let check = |style: LegacyParagraphStyle, wire: Value| {
            let paragraph = LegacyParagraph {
                style,
                ..LegacyParagraph::plain("x👋")
            };
            let block = LegacyBlock::Paragraph(paragraph).to_value();
            let elements =
                json!([{ "type": "textRun", "textRun": { "text": "x👋", "style": {} } }]);
            let expected = json!({ "elements": elements, "style": wire });
            assert_eq!(block["paragraph"], expected);
            let read = placed(&block);
            assert_eq!((read.style, read.text.as_deref()), (style, Some("x👋")));
        };
        let heading_level = HeadingLevel::new(9);
        let heading = LegacyParagraphStyle {
            heading_level,
            ..LegacyParagraphStyle::default()
        };
        check(heading, json!({ "headingLevel": 9 }));
        let quote = LegacyParagraphStyle {
            quote: true,
            ..LegacyParagraphStyle::default()
        };
        check(quote, json!({ "quote": true }));
        for (list_type, wire) in [
            (
                LegacyListType::Number(3),
                json!({ "type": "number", "indentLevel": 2, "number": 3 }),
            ),
            (
                LegacyListType::Bullet,
                json!({ "type": "bullet", "indentLevel": 2 }),
            ),
            (
                LegacyListType::Code,
                json!({ "type": "code", "indentLevel": 2 }),
            ),
            (
                LegacyListType::Box { checked: true },
                json!({ "type": "checkedBox", "indentLevel": 2 }),
            ),
        ] {
            let list = Some(LegacyList {
                list_type,
                indent_level: 2,
            });
            let style = LegacyParagraphStyle {
                list,
                ..LegacyParagraphStyle::default()
            };
            check(style, json!({ "list": wire }));
        }
        let odd = json!({ "headingLevel": 12, "list": { "type": "new" }, "quote": null });
        let plain = LegacyParagraphStyle::default();
        assert_eq!(LegacyParagraphStyle::read(&odd), plain);
    }

    #[test]
    fn a_horizontal_line_is_its_own_block() {
        let line = LegacyBlock::HorizontalLine;
        let wire = json!({ "type": "horizontalLine", "horizontalLine": {} });
        assert_eq!(line.to_value(), wire);
        let placed = placed(&wire);
        assert!(placed.holds(&line));
        assert!(!placed.holds(&LegacyBlock::Paragraph(LegacyParagraph::plain(""))));
        assert_eq!(line.utf16_len(), 1);
    }

    #[test]
    fn a_deletion_names_its_range() {
        let delete = Operation::DeleteContentRange(13..27).to_json();
        let expected = json!({
            "requestType": "DeleteContentRangeRequestType",
            "deleteContentRangeRequest": {
                "deleteRange": { "zoneId": "0", "startIndex": 13, "endIndex": 27 },
            },
        });
        assert_eq!(serde_json::from_str::<Value>(&delete).unwrap(), expected);
    }
}
