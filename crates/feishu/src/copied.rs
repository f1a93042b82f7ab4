//! Copies of the blocks of an announcement, in the form in which a call writes them again.
//!
//! Documents contain more than this crate has types for (colors, alignment, equations, ticked
//! boxes); a copy keeps all of it and drops only the position of the block.
//!
//! Official pages `group/upgraded-group-announcement/chat-announcement-block/**` and the data
//! structure of the legacy document.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::docx::{Block, BlockType, TextElement};
use crate::docx_update::ImageLayout;
use crate::ids::{BlockId, OpenId};
use crate::wire::{optional_id, or_default};

/// A kind of content that no call writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unwritable {
    /// One or more pictures.
    Image,
    /// A file, in its own line or inline.
    File,
    /// A table.
    Table,
    /// A spreadsheet.
    Sheet,
    /// A database (`bitable`).
    Base,
    /// A callout around some lines.
    Callout,
    /// A drawing, a diagram or a mind map.
    Board,
    /// An embedded page.
    EmbeddedPage,
    /// A card of a group.
    GroupCard,
    /// A poll.
    Poll,
    /// A task.
    Task,
    /// Comments on a text.
    Comment,
    /// That cells of a table are merged; the cells are kept.
    MergedCells,
    /// Objectives and key results.
    Okr,
    /// Content that is synchronized with another document.
    SyncedBlock,
    /// The preview of a link.
    LinkPreview,
    /// An agenda.
    Agenda,
    /// A widget.
    Widget,
    /// A list of pages of a wiki.
    PageList,
    /// An issue of Jira.
    Issue,
    /// Any other kind.
    Other,
}

/// A block of a `docx` announcement as read, complete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBlock {
    /// Assigned by the platform; the page block has the id of the chat.
    pub block_id: Option<BlockId>,
    /// The child blocks in order.
    pub children: Vec<BlockId>,
    block_type: u16,
    /// The whole block as JSON, which takes a tenth of the memory of parsed values.
    wire: Box<str>,
}

/// The keys that this crate reads.
#[derive(Deserialize)]
struct Head {
    #[serde(default, deserialize_with = "optional_id")]
    block_id: Option<BlockId>,
    #[serde(default, deserialize_with = "or_default")]
    children: Vec<BlockId>,
    block_type: u16,
}

impl<'de> Deserialize<'de> for ReadBlock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wire = Box::<RawValue>::deserialize(deserializer)?;
        let head: Head = serde_json::from_str(wire.get()).map_err(D::Error::custom)?;
        Ok(Self {
            block_id: head.block_id,
            children: head.children,
            block_type: head.block_type,
            wire: wire.into(),
        })
    }
}

/// A copy of a block for writing, and the content that it loses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The block for the writing call, with names in place of lost content.
    pub block: Value,
    /// The lost content, one entry per occurrence.
    pub lost: Vec<Unwritable>,
    /// Whether nothing of the block is kept; then its children are lost, too.
    pub is_gone: bool,
}

/// The position of a block, and other properties that the platform assigns.
const HEAD: [&str; 5] = [
    "block_id",
    "block_type",
    "children",
    "parent_id",
    "comment_ids",
];

/// The approximate memory of JSON as values, in bytes; each object counts as a full one.
pub(crate) fn weight(json: &str) -> usize {
    const OBJECT: usize = 640;
    const ENTRY: usize = 32;
    let count = |sign| json.bytes().filter(|byte| *byte == sign).count();
    json.len() + count(b'{') * OBJECT + count(b',') * ENTRY
}

impl ReadBlock {
    /// The kind of the block.
    pub fn block_type(&self) -> BlockType {
        BlockType::from_number(self.block_type)
    }

    /// The token of the file that a picture or a file shows; `None` for other blocks.
    pub fn file_token(&self) -> Option<String> {
        let is_file = matches!(
            BlockType::from_number(self.block_type),
            BlockType::File | BlockType::Image
        );
        let block = is_file.then(|| serde_json::from_str::<Block>(&self.wire).ok());
        block.flatten()?.file_token
    }

    /// How a picture is shown, apart from what cannot be read.
    pub fn image_layout(&self) -> ImageLayout {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(default, deserialize_with = "or_default")]
            image: ImageLayout,
        }
        if self.block_type() != BlockType::Image {
            return ImageLayout::default();
        }
        let wire = serde_json::from_str::<Wire>(&self.wire);
        wire.map(|wire| wire.image).unwrap_or_default()
    }

    /// The approximate memory of a copy, in bytes.
    pub fn weight(&self) -> usize {
        weight(&self.wire)
    }

    /// Whether a call can write a block of this kind.
    pub fn is_writable(&self) -> bool {
        self.unwritable().is_none()
    }

    /// Whether a table lists as many cells as its size says; `true` for all other blocks.
    fn has_all_cells(&self, wire: &Map<String, Value>) -> bool {
        if BlockType::from_number(self.block_type) != BlockType::Table {
            return true;
        }
        let property = wire.get("table").map(|table| &table["property"]);
        let size = property.and_then(|property| {
            let rows = property["row_size"].as_u64()?;
            rows.checked_mul(property["column_size"].as_u64()?)
        });
        size.is_some_and(|size| usize::try_from(size) == Ok(self.children.len()))
    }

    fn unwritable(&self) -> Option<Unwritable> {
        unwritable_block(BlockType::from_number(self.block_type))
    }

    /// The copy of this block, without its children. `name` gives the text in place of
    /// content that no call writes.
    pub fn copied(&self, name: impl Fn(Unwritable) -> String) -> Copied {
        let wire: Result<Map<String, Value>, _> = serde_json::from_str(&self.wire);
        let unwritable = match &wire {
            Ok(wire) if !self.has_all_cells(wire) => Some(Unwritable::Table),
            Ok(_) => self.unwritable(),
            // Nested deeper than any document.
            Err(_) => Some(Unwritable::Other),
        };
        if let Some(thing) = unwritable {
            let placeholder = Block::paragraph(vec![TextElement::plain(name(thing))]);
            return Copied {
                block: json!(placeholder),
                lost: vec![thing],
                is_gone: true,
            };
        }
        let mut lost = Vec::new();
        let mut block = json!({ "block_type": self.block_type });
        for (key, mut content) in wire.unwrap_or_default() {
            if HEAD.contains(&&*key) {
                continue;
            }
            for element in elements_mut(&mut content) {
                copy_element(element, &name, &mut lost);
            }
            if key == "table" {
                lost.extend(without_read_only(&mut content));
            }
            block[key] = content;
        }
        Copied {
            block,
            lost,
            is_gone: false,
        }
    }
}

/// Removes what the platform assigns when a table is created; returns what is lost with it.
fn without_read_only(table: &mut Value) -> Option<Unwritable> {
    let spans_several = |cell: &Value| {
        let spans = [&cell["row_span"], &cell["col_span"]];
        spans.into_iter().any(|span| span.as_u64() > Some(1))
    };
    let table = table.as_object_mut()?;
    table.remove("cells");
    let property = table.get_mut("property")?.as_object_mut()?;
    let cells = property.remove("merge_info")?;
    let is_merged = cells.as_array()?.iter().any(spans_several);
    is_merged.then_some(Unwritable::MergedCells)
}

fn copy_element(
    element: &mut Value,
    name: impl Fn(Unwritable) -> String,
    lost: &mut Vec<Unwritable>,
) {
    const WRITABLE: [&str; 5] = [
        "text_run",
        "mention_user",
        "mention_doc",
        "reminder",
        "equation",
    ];
    let Some(key) = WRITABLE.into_iter().find(|key| element[key].is_object()) else {
        let thing = if element["file"].is_object() {
            Unwritable::File
        } else {
            Unwritable::Other
        };
        *element = json!(TextElement::plain(name(thing)));
        lost.push(thing);
        return;
    };
    let style = element
        .get_mut(key)
        .and_then(|content| content.get_mut("text_element_style"));
    let style = style.and_then(Value::as_object_mut);
    let comments = style.and_then(|style| style.remove("comment_ids"));
    if comments.is_some_and(|ids| ids.as_array().is_some_and(|ids| !ids.is_empty())) {
        lost.push(Unwritable::Comment);
    }
}

/// `None` if a call writes it, also a cell or a column, which is written with what is around it.
fn unwritable_block(block_type: BlockType) -> Option<Unwritable> {
    const TODO: u16 = 17;
    const CALLOUT: u16 = 19;
    const GRID: u16 = 24;
    const GRID_COLUMN: u16 = 25;
    const IFRAME: u16 = 26;
    const QUOTE_CONTAINER: u16 = 34;
    match block_type {
        BlockType::Text
        | BlockType::Heading(_)
        | BlockType::Bullet
        | BlockType::Ordered
        | BlockType::Code
        | BlockType::Quote
        | BlockType::Divider
        | BlockType::Table
        | BlockType::TableCell
        | BlockType::Other(TODO | CALLOUT | GRID | GRID_COLUMN | IFRAME | QUOTE_CONTAINER) => None,
        BlockType::Page => Some(Unwritable::Other),
        BlockType::File | BlockType::View => Some(Unwritable::File),
        BlockType::Image => Some(Unwritable::Image),
        BlockType::Other(number) => Some(match number {
            18 => Unwritable::Base,
            20 => Unwritable::GroupCard,
            21 | 29 | 43 => Unwritable::Board,
            28 | 40 => Unwritable::Widget,
            30 => Unwritable::Sheet,
            35 => Unwritable::Task,
            36..=39 => Unwritable::Okr,
            41 => Unwritable::Issue,
            42 | 51 => Unwritable::PageList,
            44..=47 => Unwritable::Agenda,
            48 => Unwritable::LinkPreview,
            49 | 50 => Unwritable::SyncedBlock,
            _ => Unwritable::Other,
        }),
    }
}

/// Whether a copied block contains others, into which the platform may put something when it is
/// created.
pub fn is_container(block: &Value) -> bool {
    matches!(
        block["block_type"].as_u64(),
        Some(19 | 24 | 25 | 31 | 32 | 34)
    )
}

/// Whether a copied block is a part of the one around it: a cell of a table or a column of a grid.
pub fn is_part(block: &Value) -> bool {
    matches!(block["block_type"].as_u64(), Some(25 | 32))
}

/// The copy of a block of a legacy announcement.
pub(crate) fn copied_legacy(wire: &Value, name: impl Fn(Unwritable) -> String) -> Copied {
    let block_type = wire["type"].as_str().unwrap_or_default();
    if let Some(thing) = unwritable_legacy_block(block_type) {
        return Copied {
            block: json!({ "type": "paragraph", "paragraph": { "elements": [run(&name(thing))] } }),
            lost: vec![thing],
            is_gone: true,
        };
    }
    let mut lost = Vec::new();
    let mut body = without_place(&wire[block_type]);
    for element in elements_mut(&mut body) {
        let element_type = element["type"].as_str().unwrap_or_default().to_owned();
        match element_type.as_str() {
            "textRun" | "docsLink" | "person" | "equation" => {
                element[&element_type] = without_place(&element[&element_type]);
            }
            other => {
                let thing = if other == "file" {
                    Unwritable::File
                } else {
                    Unwritable::Other
                };
                *element = run(&name(thing));
                lost.push(thing);
            }
        }
    }
    Copied {
        block: json!({ "type": block_type, block_type: body }),
        lost,
        is_gone: false,
    }
}

/// The content under the key of the block's kind.
fn elements_mut(body: &mut Value) -> impl Iterator<Item = &mut Value> {
    let elements = body.get_mut("elements").and_then(Value::as_array_mut);
    elements.into_iter().flatten()
}

fn run(text: &str) -> Value {
    json!({ "type": "textRun", "textRun": { "text": text, "style": {} } })
}

fn without_place(content: &Value) -> Value {
    let mut content = content.clone();
    if let Some(content) = content.as_object_mut() {
        content.remove("location");
        content.remove("lineId");
    }
    content
}

fn unwritable_legacy_block(block_type: &str) -> Option<Unwritable> {
    Some(match block_type {
        "paragraph" | "horizontalLine" => return None,
        "gallery" => Unwritable::Image,
        "file" => Unwritable::File,
        "table" => Unwritable::Table,
        "sheet" => Unwritable::Sheet,
        "bitable" => Unwritable::Base,
        "callout" => Unwritable::Callout,
        "diagram" => Unwritable::Board,
        "embeddedPage" => Unwritable::EmbeddedPage,
        "chatGroup" => Unwritable::GroupCard,
        "poll" => Unwritable::Poll,
        _ => Unwritable::Other,
    })
}

/// Replaces mentions by names in a copied block of either kind: the platform rejects a
/// mention of a person that has left.
pub fn without_mentions(block: &mut Value, name: impl Fn(&OpenId) -> String) {
    let bodies = block.as_object_mut().into_iter().flat_map(Map::values_mut);
    for element in bodies.flat_map(elements_mut) {
        if let Some(id) = mentioned_in_docx(element) {
            let text = name(&OpenId::from(id));
            *element = json!(TextElement::plain(text));
        } else if let Some(id) = mentioned_in_legacy(element) {
            *element = run(&name(&OpenId::from(id)));
        }
    }
}

fn mentioned_in_docx(element: &Value) -> Option<&str> {
    element["mention_user"]["user_id"].as_str()
}

fn mentioned_in_legacy(element: &Value) -> Option<&str> {
    element["person"]["openId"].as_str()
}

/// Whether a copied block mentions a person, so that [`without_mentions`] changes it.
pub fn mentions_anybody(block: &Value) -> bool {
    let bodies = block.as_object().into_iter().flat_map(Map::values);
    let elements = bodies.filter_map(|body| body["elements"].as_array());
    elements.flatten().any(|element| {
        mentioned_in_docx(element).is_some() || mentioned_in_legacy(element).is_some()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(thing: Unwritable) -> String {
        format!("[{thing:?}]")
    }

    fn docx(wire: Value) -> Copied {
        let block: ReadBlock = serde_json::from_value(wire).unwrap();
        block.copied(word)
    }

    #[test]
    fn a_docx_copy_drops_only_the_position() {
        let content = json!({
            "style": { "align": 2, "done": true, "folded": false },
            "elements": [
                { "text_run": { "content": "x", "text_element_style": { "bold": true, "text_color": 3 } } },
                { "equation": { "content": "e=mc^2", "text_element_style": {} } },
                { "mention_doc": { "token": "t", "obj_type": 22, "url": "u", "title": "T" } },
            ],
        });
        let copied = docx(json!({
            "block_id": "dox1", "parent_id": "oc_1", "block_type": 17, "children": ["dox2"],
            "todo": content,
        }));
        assert_eq!(copied.block, json!({ "block_type": 17, "todo": content }));
        assert_eq!((copied.lost, copied.is_gone), (Vec::new(), false));
        let divider = json!({ "block_id": "dox3", "block_type": 22, "divider": {} });
        let copied = docx(divider).block;
        assert_eq!(copied, json!({ "block_type": 22, "divider": {} }));
    }

    #[test]
    fn lost_content_is_named_in_place() {
        let line = |text: &str| json!(Block::paragraph(vec![TextElement::plain(text)]));
        for (number, thing) in [
            (18, Unwritable::Base),
            (27, Unwritable::Image),
            (30, Unwritable::Sheet),
            (31, Unwritable::Table),
            (40, Unwritable::Widget),
            (999, Unwritable::Other),
        ] {
            let copied = docx(json!({ "block_id": "d", "block_type": number, "children": ["c"] }));
            assert_eq!(copied.block, line(&word(thing)));
            assert_eq!((copied.lost, copied.is_gone), (vec![thing], true));
        }
        let run = |content: &str, style: Value| json!({ "text_run": { "content": content, "text_element_style": style } });
        let copied = docx(json!({ "block_type": 2, "text": { "elements": [
            run("a", json!({ "bold": true, "comment_ids": ["c1"] })),
            run("b", json!({ "comment_ids": [] })),
            { "file": { "file_token": "f" } },
            { "inline_block": {} },
        ] } }));
        let elements = [
            run("a", json!({ "bold": true })),
            run("b", json!({})),
            run("[File]", json!({})),
            run("[Other]", json!({})),
        ];
        assert_eq!(
            copied.block,
            json!({ "block_type": 2, "text": { "elements": elements } })
        );
        let lost = [Unwritable::Comment, Unwritable::File, Unwritable::Other];
        assert_eq!((copied.lost, copied.is_gone), (lost.to_vec(), false));
    }

    #[test]
    fn a_copied_table_loses_only_merged_cells() {
        let table = |spans: u64, cells: &[&str]| {
            let merge_info =
                json!([{ "row_span": 1, "col_span": spans }, { "row_span": 1, "col_span": 1 }]);
            json!({ "block_type": 31, "children": cells, "table": { "cells": cells, "property": {
                "row_size": 1, "column_size": 2, "column_width": [100, 80], "header_row": true,
                "merge_info": merge_info } } })
        };
        let property = json!({ "row_size": 1, "column_size": 2, "column_width": [100, 80], "header_row": true });
        let kept = json!({ "block_type": 31, "table": { "property": property } });
        for (spans, lost) in [(1, vec![]), (2, vec![Unwritable::MergedCells])] {
            let copied = docx(table(spans, &["a", "b"]));
            assert_eq!((copied.block, copied.lost), (kept.clone(), lost));
        }
        let copied = docx(table(1, &["a"]));
        assert_eq!(
            (copied.lost, copied.is_gone),
            (vec![Unwritable::Table], true)
        );
    }

    #[test]
    fn a_legacy_copy_drops_only_the_position() {
        let place = json!({ "zoneId": "0", "startIndex": 1, "endIndex": 4 });
        let style = json!({ "align": "center", "collapse": true });
        let color = json!({ "backColor": { "red": 1, "green": 2, "blue": 3, "alpha": 1.0 } });
        let paragraph = |place: Option<&Value>| {
            let mut paragraph = json!({ "type": "paragraph", "paragraph": {
                "style": style,
                "elements": [
                    { "type": "textRun", "textRun": { "text": "a", "style": color } },
                    { "type": "docsLink", "docsLink": { "url": "u" } },
                    { "type": "equation", "equation": { "equation": "e" } },
                ],
            } });
            if let Some(place) = place {
                paragraph["paragraph"]["location"] = place.clone();
                paragraph["paragraph"]["lineId"] = "l".into();
                for (number, key) in ["textRun", "docsLink", "equation"].into_iter().enumerate() {
                    let element = &mut paragraph["paragraph"]["elements"][number][key];
                    element["location"] = place.clone();
                    element["lineId"] = "l".into();
                }
            }
            paragraph
        };
        let copied = copied_legacy(&paragraph(Some(&place)), word);
        assert_eq!(copied.block, paragraph(None));
        assert_eq!((copied.lost, copied.is_gone), (Vec::new(), false));
        let line = json!({ "type": "horizontalLine", "horizontalLine": { "location": place } });
        let copied = copied_legacy(&line, word).block;
        assert_eq!(
            copied,
            json!({ "type": "horizontalLine", "horizontalLine": {} })
        );
    }

    #[test]
    fn lost_legacy_content_is_named_in_place() {
        let line = |text| json!({ "type": "paragraph", "paragraph": { "elements": [run(text)] } });
        let gallery = copied_legacy(&json!({ "type": "gallery", "gallery": {} }), word);
        assert_eq!(gallery.block, line("[Image]"));
        assert_eq!(
            (gallery.lost, gallery.is_gone),
            (vec![Unwritable::Image], true)
        );
        let unknown = copied_legacy(&json!(7), word);
        assert_eq!(unknown.lost, [Unwritable::Other]);
        let copied = copied_legacy(
            &json!({ "type": "paragraph", "paragraph": { "elements": [
                { "type": "textRun", "textRun": { "text": "a", "style": {} } },
                { "type": "file", "file": {} },
                { "type": "reminder", "reminder": {} },
            ] } }),
            word,
        );
        let elements = [run("a"), run("[File]"), run("[Other]")];
        let expected = json!({ "type": "paragraph", "paragraph": { "elements": elements } });
        assert_eq!(copied.block, expected);
        assert_eq!(copied.lost, [Unwritable::File, Unwritable::Other]);
    }

    #[test]
    fn names_take_the_place_of_mentions() {
        let name = |id: &OpenId| format!("@{id}");
        let mut docx = json!({ "block_type": 2, "text": { "elements": [
            { "mention_user": { "user_id": "ou_1", "text_element_style": {} } } ] } });
        assert!(mentions_anybody(&docx));
        without_mentions(&mut docx, name);
        assert_eq!(
            docx["text"]["elements"],
            json!([TextElement::plain("@ou_1")])
        );
        let mut legacy = json!({ "type": "paragraph", "paragraph": { "elements": [
            { "type": "person", "person": { "openId": "ou_2" } } ] } });
        assert!(mentions_anybody(&legacy));
        without_mentions(&mut legacy, name);
        assert_eq!(legacy["paragraph"]["elements"], json!([run("@ou_2")]));
        assert!(!mentions_anybody(&docx) && !mentions_anybody(&legacy));
    }

    #[test]
    fn a_mention_of_nobody_is_none() {
        for nobody in [
            json!({ "mention_user": {} }),
            json!({ "type": "person", "person": { "openId": null } }),
        ] {
            let block = json!({ "text": { "elements": [nobody] } });
            let mut named = block.clone();
            without_mentions(&mut named, |id| format!("@{id}"));
            assert_eq!(named, block);
            assert!(!mentions_anybody(&block));
        }
    }
}
