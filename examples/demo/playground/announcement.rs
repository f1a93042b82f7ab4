//! An announcement of either kind as lines of styled text.

use feishu_sim::{ChatId, State};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// A paragraph or another block.
pub(crate) struct Line {
    pub(crate) form: Form,
    /// The level of indentation in a list.
    pub(crate) depth: usize,
    pub(crate) runs: Vec<Run>,
}

impl Line {
    /// Whether it has the form in which the bot signs its entries.
    pub(crate) fn is_signature(&self) -> bool {
        let [dash, author, ..] = &*self.runs else {
            return false;
        };
        dash.text == "— " && author.mention
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Heading,
    Bullet,
    Number,
    Code,
    Quote,
    ToDo { done: bool },
    Rule,
    Picture,
}

/// Text in one style.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent styles, not states"
)]
pub(crate) struct Run {
    pub(crate) text: String,
    pub(crate) bold: bool,
    pub(crate) italic: bool,
    pub(crate) struck: bool,
    pub(crate) code: bool,
    /// In another color, like the signature.
    pub(crate) colored: bool,
    pub(crate) mention: bool,
    pub(crate) href: Option<String>,
}

/// The lines of a chat's announcement without empty ones at the end.
pub(crate) fn lines(state: &State, chat: &ChatId) -> Vec<Line> {
    let document = state.announcement_document(chat);
    let name_of = |open_id: &str| name_of(state, chat, open_id);
    let mut lines = match document["items"].as_array() {
        Some(blocks) => docx_lines(blocks, &name_of),
        None => legacy_lines(&document, &name_of),
    };
    let is_empty = |line: &Line| line.form == Form::Text && line.runs.is_empty();
    while lines.last().is_some_and(is_empty) {
        lines.pop();
    }
    lines
}

fn name_of(state: &State, chat: &ChatId, open_id: &str) -> String {
    let members = state.chat(chat).map(|chat| chat.members.as_slice());
    let mut members = members.unwrap_or_default().iter();
    let named = members.find(|person| person.open_id == open_id);
    format!("@{}", named.map_or(open_id, |person| &person.name))
}

/// `blocks` begin with the page. Blocks that only contain others are no lines, and of a table each
/// row is one.
fn docx_lines(blocks: &[Value], name_of: &dyn Fn(&str) -> String) -> Vec<Line> {
    let parent_of = |id: &Value| {
        let mut blocks = blocks.iter();
        blocks.find(|block| block["block_id"] == *id)
    };
    let depth = |block: &Value| {
        let parents = std::iter::successors(parent_of(&block["parent_id"]), |parent| {
            parent_of(&parent["parent_id"])
        });
        parents.count().saturating_sub(1)
    };
    let read = |block: &Value| {
        let body = block
            .as_object()
            .and_then(|block| block.values().find(|value| value["elements"].is_array()));
        let form = match block["block_type"].as_u64().unwrap_or_default() {
            3..=11 => Form::Heading,
            12 => Form::Bullet,
            13 => Form::Number,
            14 => Form::Code,
            15 => Form::Quote,
            17 => Form::ToDo {
                done: body.is_some_and(|body| body["style"]["done"] == true),
            },
            22 => Form::Rule,
            27 => Form::Picture,
            _ => Form::Text,
        };
        let elements = body.and_then(|body| body["elements"].as_array());
        let runs = elements.into_iter().flatten();
        Line {
            form,
            depth: depth(block),
            runs: runs.map(|element| docx_run(element, name_of)).collect(),
        }
    };
    let is_in_cell = |block: &Value| {
        let parents = std::iter::successors(parent_of(&block["parent_id"]), |parent| {
            parent_of(&parent["parent_id"])
        });
        parents
            .into_iter()
            .any(|parent| parent["block_type"] == CELL)
    };
    let mut lines = Vec::new();
    for block in blocks.iter().skip(1).filter(|block| !is_in_cell(block)) {
        match block["block_type"].as_u64().unwrap_or_default() {
            TABLE => lines.extend(rows(block, blocks, depth(block), name_of)),
            CALLOUT | GRID | GRID_COLUMN | CELL | QUOTE_CONTAINER => {}
            _ => lines.push(read(block)),
        }
    }
    lines
}

const CALLOUT: u64 = 19;
const GRID: u64 = 24;
const GRID_COLUMN: u64 = 25;
const TABLE: u64 = 31;
const CELL: u64 = 32;
const QUOTE_CONTAINER: u64 = 34;

/// The rows of a table.
fn rows(
    table: &Value,
    blocks: &[Value],
    depth: usize,
    name_of: &dyn Fn(&str) -> String,
) -> Vec<Line> {
    let by_id = |id: &Value| blocks.iter().find(|block| block["block_id"] == *id);
    let columns = table["table"]["property"]["column_size"].as_u64();
    let columns = columns.and_then(|columns| usize::try_from(columns).ok());
    let cells = table["children"].as_array().map_or(&[][..], Vec::as_slice);
    let cell = |id: &Value| -> Vec<Run> {
        let children = by_id(id).and_then(|cell| cell["children"].as_array());
        let lines = children.into_iter().flatten().filter_map(by_id);
        let bodies = lines.filter_map(|line| {
            let mut values = line.as_object()?.values();
            values.find_map(|value| value["elements"].as_array())
        });
        let elements = bodies.flatten();
        elements.map(|element| docx_run(element, name_of)).collect()
    };
    let row = |ids: &[Value]| {
        let mut runs = Vec::new();
        for (number, id) in ids.iter().enumerate() {
            if number > 0 {
                runs.push(Run {
                    text: " | ".to_owned(),
                    colored: true,
                    ..Run::default()
                });
            }
            runs.extend(cell(id));
        }
        Line {
            form: Form::Text,
            depth,
            runs,
        }
    };
    cells.chunks(columns.unwrap_or(1).max(1)).map(row).collect()
}

fn docx_run(element: &Value, name_of: &dyn Fn(&str) -> String) -> Run {
    let of = |kind: &str| element.get(kind);
    let (text, body, mention) = if let Some(body) = of("mention_user") {
        (name_of(text(&body["user_id"])), body, true)
    } else if let Some(body) = of("mention_doc") {
        (text(&body["title"]).to_owned(), body, false)
    } else {
        let body = of("text_run").or(of("equation")).unwrap_or(&Value::Null);
        (text(&body["content"]).to_owned(), body, false)
    };
    let style = &body["text_element_style"];
    Run {
        text,
        mention,
        bold: style["bold"] == true,
        italic: style["italic"] == true,
        struck: style["strikethrough"] == true,
        code: style["inline_code"] == true,
        colored: style["text_color"].is_number(),
        href: style["link"]["url"].as_str().map(decoded),
    }
}

/// The address of a link, which a document has percent-encoded.
fn decoded(address: &str) -> String {
    percent_decode_str(address).decode_utf8_lossy().into_owned()
}

fn legacy_lines(document: &Value, name_of: &dyn Fn(&str) -> String) -> Vec<Line> {
    let blocks = document["body"]["blocks"].as_array();
    let read = |block: &Value| {
        let paragraph = &block["paragraph"];
        let style = &paragraph["style"];
        let list = &style["list"];
        let form = match (text(&block["type"]), text(&list["type"])) {
            ("horizontalLine", _) => Form::Rule,
            ("gallery", _) => Form::Picture,
            (_, "bullet") => Form::Bullet,
            (_, "number") => Form::Number,
            (_, "code") => Form::Code,
            (_, "checkBox") => Form::ToDo { done: false },
            (_, "checkedBox") => Form::ToDo { done: true },
            _ if style["headingLevel"].is_number() => Form::Heading,
            _ if style["quote"] == true => Form::Quote,
            _ => Form::Text,
        };
        let depth = list["indentLevel"].as_u64().unwrap_or(1).saturating_sub(1);
        let elements = paragraph["elements"].as_array();
        let runs = elements.into_iter().flatten();
        Line {
            form,
            depth: usize::try_from(depth).unwrap_or_default(),
            runs: runs.map(|element| legacy_run(element, name_of)).collect(),
        }
    };
    blocks.into_iter().flatten().map(read).collect()
}

fn legacy_run(element: &Value, name_of: &dyn Fn(&str) -> String) -> Run {
    if let Some(person) = element.get("person") {
        return Run {
            text: name_of(text(&person["openId"])),
            mention: true,
            ..Run::default()
        };
    }
    let run = &element["textRun"];
    let style = &run["style"];
    Run {
        text: text(&run["text"]).to_owned(),
        bold: style["bold"] == true,
        italic: style["italic"] == true,
        struck: style["strikeThrough"] == true,
        code: style["codeInline"] == true,
        colored: style["textColor"].is_object(),
        mention: false,
        href: style["link"]["url"].as_str().map(decoded),
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
