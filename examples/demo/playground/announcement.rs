//! An announcement of either kind as lines of styled text, pictures and tables.

use std::collections::HashMap;

use feishu_sim::{ChatId, State};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// A paragraph or another block.
#[derive(PartialEq, Eq)]
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

#[derive(PartialEq, Eq)]
pub(crate) enum Form {
    Text,
    Heading,
    Bullet,
    Number,
    Code,
    Quote,
    ToDo {
        done: bool,
    },
    Rule,
    /// The token of a picture, or nothing if it has none.
    Picture(String),
    /// The name of a file.
    File(String),
    Table {
        /// The lines of each cell.
        rows: Vec<Vec<Vec<Line>>>,
        has_header: bool,
    },
}

/// Text in one style.
#[derive(Default, PartialEq, Eq)]
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

/// The blocks of an upgraded announcement, by id.
struct Docx<'a> {
    blocks: HashMap<&'a str, &'a Value>,
    name_of: &'a dyn Fn(&str) -> String,
}

const CALLOUT: u64 = 19;
const FILE: u64 = 23;
const GRID: u64 = 24;
const GRID_COLUMN: u64 = 25;
const PICTURE: u64 = 27;
const TABLE: u64 = 31;
/// It contains a file.
const VIEW: u64 = 33;
const QUOTE_CONTAINER: u64 = 34;

/// `blocks` begin with the page.
fn docx_lines(blocks: &[Value], name_of: &dyn Fn(&str) -> String) -> Vec<Line> {
    let ids = blocks.iter().map(|block| text(&block["block_id"]));
    let docx = Docx {
        blocks: ids.zip(blocks).collect(),
        name_of,
    };
    let page = blocks.first();
    page.map_or_else(Vec::new, |page| docx.lines_in(page, 0))
}

impl<'a> Docx<'a> {
    fn children(&self, parent: &'a Value) -> impl Iterator<Item = &'a Value> {
        let ids = parent["children"].as_array().into_iter().flatten();
        ids.filter_map(|id| self.blocks.get(text(id)).copied())
    }

    /// The lines in a block. Blocks that only contain others are no lines.
    fn lines_in(&self, parent: &'a Value, depth: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        for block in self.children(parent) {
            match block["block_type"].as_u64().unwrap_or_default() {
                VIEW => lines.extend(self.lines_in(block, depth)),
                CALLOUT | GRID | GRID_COLUMN | QUOTE_CONTAINER => {
                    lines.extend(self.lines_in(block, depth + 1));
                }
                TABLE => lines.push(self.table(block, depth)),
                _ => {
                    lines.push(self.line(block, depth));
                    lines.extend(self.lines_in(block, depth + 1));
                }
            }
        }
        lines
    }

    fn table(&self, table: &'a Value, depth: usize) -> Line {
        let property = &table["table"]["property"];
        let columns = property["column_size"].as_u64().unwrap_or(1);
        let columns = usize::try_from(columns).unwrap_or(1).max(1);
        let cells = self.children(table).map(|cell| self.lines_in(cell, 0));
        let mut cells = cells.peekable();
        let mut rows = Vec::new();
        while cells.peek().is_some() {
            rows.push(cells.by_ref().take(columns).collect());
        }
        let has_header = property["header_row"] == true;
        Line {
            form: Form::Table { rows, has_header },
            depth,
            runs: Vec::new(),
        }
    }

    fn line(&self, block: &Value, depth: usize) -> Line {
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
            FILE => Form::File(text(&block["file"]["name"]).to_owned()),
            PICTURE => Form::Picture(text(&block["image"]["token"]).to_owned()),
            _ => Form::Text,
        };
        let elements = body.and_then(|body| body["elements"].as_array());
        let runs = elements.into_iter().flatten();
        Line {
            form,
            depth,
            runs: runs
                .map(|element| docx_run(element, self.name_of))
                .collect(),
        }
    }
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
            ("gallery", _) => Form::Picture(String::new()),
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
