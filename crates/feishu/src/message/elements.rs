//! The elements of rich text in posts and cards.

use std::borrow::Cow;

use super::{Mark, Media, Medium, PostElement};
use crate::lenient::Json;
use crate::message::tags::plain_tags;

/// How deep nested elements are read.
const DEEPEST: u8 = 16;
/// Elements that only contain others.
const CONTAINERS: [&str; 8] = [
    "div",
    "note",
    "action",
    "column_set",
    "column",
    "form",
    "collapsible_panel",
    "interactive_container",
];
/// Input fields of a form, which are not text of the card.
const INPUTS: [&str; 12] = [
    "input",
    "select_static",
    "select_person",
    "multi_select_static",
    "multi_select_person",
    "date_picker",
    "picker_time",
    "picker_datetime",
    "overflow",
    "checker",
    "select_img",
    "img_combination",
];
/// The keys under which an unknown element may have children, in reading order.
const PARTS: [&str; 12] = [
    "header", "title", "text", "fields", "columns", "elements", "items", "content", "children",
    "property", "extra", "actions",
];

/// The rows of a post while it is read.
#[derive(Default)]
pub(super) struct Rows {
    ended: Vec<Vec<PostElement>>,
    row: Vec<PostElement>,
    /// The last row was ended by a block, so the row after it may be empty.
    after_block: bool,
    /// The number of open lists.
    lists: u8,
}

impl Rows {
    pub(super) fn finish(mut self) -> Vec<Vec<PostElement>> {
        self.end_block();
        self.ended
    }

    /// Reads the paragraphs under `content`; an item that is not an array is a paragraph itself.
    pub(super) fn paragraphs(&mut self, content: Json<'_>) {
        if content.is_array() {
            content.each_item(|row| self.paragraph(row));
        } else {
            self.paragraph(content);
        }
    }

    fn paragraph(&mut self, row: Json<'_>) {
        if row.is_array() {
            row.each_item(|element| self.element(element, 0));
            self.end_row();
        } else {
            self.element(row, 0);
            self.end_block();
        }
    }

    fn end_row(&mut self) {
        if !(self.after_block && self.row.is_empty()) {
            self.ended.push(std::mem::take(&mut self.row));
        }
        self.after_block = false;
    }

    /// Ends the row unless it is empty.
    fn end_block(&mut self) {
        if !self.row.is_empty() {
            self.ended.push(std::mem::take(&mut self.row));
        }
        self.after_block = true;
    }

    fn push(&mut self, element: PostElement) {
        self.after_block = false;
        self.row.push(element);
    }

    pub(super) fn element(&mut self, element: Json<'_>, depth: u8) {
        if depth > DEEPEST {
            return;
        }
        if element.is_array() {
            return element.each_item(|inner| self.element(inner, depth + 1));
        }
        if !element.is_object() {
            return self.text(text_in(element), element);
        }
        let tag = element.field("tag").and_then(Json::string);
        match tag.as_deref().unwrap_or_default() {
            "text" | "plain_text" | "code_span" => self.text(text_in(element), element),
            "md" | "markdown" | "lark_md" => {
                let text = text_in(element).unwrap_or_default();
                if !text.is_empty() {
                    self.push(PostElement::Markdown(plain_tags(&text)));
                }
            }
            "a" | "link" => self.link(element),
            "at" | "person" => self.at(element),
            "img" | "image" => self.media(Medium::Image, element),
            "media" | "video" => self.media(Medium::Video, element),
            "audio" => self.media(Medium::Audio, element),
            "file" | "folder" => self.media(Medium::File, element),
            "sticker" => self.media(Medium::Sticker, element),
            "emotion" | "emoji" => self.push(PostElement::Emotion {
                emoji_type: owned(element, "emoji_type"),
            }),
            "hr" => self.push(PostElement::Rule),
            "br" => self.end_row(),
            "code_block" => self.push(PostElement::CodeBlock {
                language: owned(element, "language"),
                text: text_in(element).unwrap_or_default().into_owned(),
            }),
            "heading" | "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                let level = level(element, tag.as_deref().unwrap_or_default());
                self.block(Mark::Heading(level), element, depth);
            }
            "quote" | "blockquote" => self.block(Mark::Quote, element, depth),
            "list" | "ul" | "ol" => self.list(element, depth),
            "li" | "list_item" => self.item(element, None, depth),
            "button" => self.button(element),
            "table" => self.table(element),
            tag if INPUTS.contains(&tag) => {}
            tag if CONTAINERS.contains(&tag) => self.container(element, depth),
            tag => self.unknown(tag, element, depth),
        }
    }

    fn media(&mut self, medium: Medium, element: Json<'_>) {
        self.push(PostElement::Media(Media::read(medium, element)));
    }

    fn text(&mut self, text: Option<Cow<'_, str>>, element: Json<'_>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.push(PostElement::Text {
                text: text.into_owned(),
                style: style(element),
            });
        }
    }

    fn link(&mut self, element: Json<'_>) {
        let [href, url] = element.fields(["href", "url"]);
        let href = href.or(url).and_then(Json::string);
        self.push(PostElement::Link {
            text: text_in(element).unwrap_or_default().into_owned(),
            href: href.unwrap_or_default().into_owned(),
            style: style(element),
        });
    }

    fn at(&mut self, element: Json<'_>) {
        let [key, user_id, open_id, id, user_name, name] = element.fields([
            "mention_key",
            "user_id",
            "open_id",
            "id",
            "user_name",
            "name",
        ]);
        let mut id = [key, user_id, open_id, id].into_iter().flatten();
        let mut name = [user_name, name].into_iter().flatten();
        self.push(PostElement::At {
            user_id: id.find_map(Json::non_empty).unwrap_or_default().into(),
            user_name: name.find_map(Json::non_empty).unwrap_or_default().into(),
            style: style(element),
        });
    }

    /// Only a button that opens a page counts as text.
    fn button(&mut self, element: Json<'_>) {
        let [url, behaviors, multi_url] = element.fields(["url", "behaviors", "multi_url"]);
        let mut href = url
            .or_else(|| multi_url?.field("url"))
            .and_then(Json::non_empty);
        if let Some(behaviors) = behaviors {
            behaviors.each_item(|one| {
                let opened = one.field("default_url").and_then(Json::non_empty);
                href = href.take().or(opened);
            });
        }
        let Some(href) = href else { return };
        self.end_block();
        self.push(PostElement::Link {
            text: text_in(element).unwrap_or_default().into_owned(),
            href: href.into_owned(),
            style: Vec::new(),
        });
        self.end_block();
    }

    fn block(&mut self, mark: Mark, element: Json<'_>, depth: u8) {
        self.end_block();
        self.push(PostElement::Mark(mark));
        self.parts(element, depth);
        self.end_block();
    }

    fn list(&mut self, element: Json<'_>, depth: u8) {
        let [tag, ordered, kind, start] = element.fields(["tag", "ordered", "type", "start"]);
        let is_numbered = tag.and_then(Json::string).as_deref() == Some("ol")
            || ordered.is_some_and(Json::is_true)
            || kind
                .and_then(Json::string)
                .is_some_and(|kind| matches!(&*kind, "ol" | "ordered" | "number" | "order"));
        let start = start
            .and_then(Json::text)
            .and_then(|start| start.parse().ok());
        let mut number = is_numbered.then(|| start.unwrap_or(1_u32));
        let [items, elements, children, content] =
            element.fields(["items", "elements", "children", "content"]);
        let items = [items, elements, children, content];
        let items = items.into_iter().flatten().find(|items| items.is_array());
        let Some(items) = items else {
            return self.item(element, number, depth);
        };
        items.each_item(|item| {
            self.item(item, number, depth + 1);
            number = number.map(|number| number.saturating_add(1));
        });
    }

    fn item(&mut self, element: Json<'_>, number: Option<u32>, depth: u8) {
        self.end_block();
        let mark = Mark::Item {
            depth: self.lists,
            number,
        };
        self.push(PostElement::Mark(mark));
        self.lists = self.lists.saturating_add(1);
        if element.is_object() {
            let tag = element.field("tag").and_then(Json::string);
            match tag.as_deref() {
                Some("li" | "list_item" | "list") | None => self.parts(element, depth),
                Some(_) => self.element(element, depth + 1),
            }
        } else {
            self.element(element, depth + 1);
        }
        self.lists -= 1;
        self.end_block();
    }

    /// A table in the form of Markdown; the first row has the column names.
    fn table(&mut self, element: Json<'_>) {
        let [columns, rows] = element.fields(["columns", "rows"]);
        let mut keys = Vec::new();
        let mut names = Vec::new();
        if let Some(columns) = columns {
            columns.each_item(|column| {
                let name = owned(column, "name");
                let shown = owned(column, "display_name");
                names.push(if shown.is_empty() {
                    name.clone()
                } else {
                    shown
                });
                keys.push(name);
            });
        }
        if names.is_empty() {
            return;
        }
        self.line(&names);
        self.dashes(names.len());
        if let Some(rows) = rows {
            rows.each_item(|row| {
                let cells = keys
                    .iter()
                    .map(|key| row.field(key).map(cell).unwrap_or_default());
                self.line(&cells.collect::<Vec<_>>());
            });
        }
    }

    fn line(&mut self, cells: &[String]) {
        let cells = cells.iter().map(|cell| {
            let words: Vec<&str> = cell.split_whitespace().collect();
            words.join(" ").replace('|', "\\|")
        });
        let cells: Vec<String> = cells.collect();
        self.row_of(format!("| {} |", cells.join(" | ")));
    }

    fn dashes(&mut self, columns: usize) {
        self.row_of(format!("|{}", "---|".repeat(columns)));
    }

    fn row_of(&mut self, text: String) {
        let style = Vec::new();
        self.end_block();
        self.push(PostElement::Text { text, style });
        self.end_block();
    }

    /// The content of a container has its own lines.
    fn container(&mut self, element: Json<'_>, depth: u8) {
        self.end_block();
        self.parts(element, depth);
        self.end_block();
    }

    fn unknown(&mut self, tag: &str, element: Json<'_>, depth: u8) {
        let before = (self.ended.len(), self.row.len());
        self.parts(element, depth);
        if before == (self.ended.len(), self.row.len()) && !tag.is_empty() {
            self.push(PostElement::Other {
                tag: tag.to_owned(),
            });
        }
    }

    fn parts(&mut self, element: Json<'_>, depth: u8) {
        for (key, part) in PARTS.into_iter().zip(element.fields(PARTS)) {
            let Some(part) = part else { continue };
            let is_rows = matches!(key, "fields" | "columns" | "elements" | "actions" | "items");
            if matches!(key, "fields" | "columns") {
                self.end_block();
            }
            if is_rows && part.is_array() {
                part.each_item(|one| {
                    self.element(one, depth + 1);
                    if key == "fields" {
                        self.end_block();
                    }
                });
            } else {
                self.element(part, depth + 1);
            }
        }
    }
}

impl Media {
    /// A medium of which only the kind is known.
    pub fn unnamed(medium: Medium) -> Self {
        Self {
            medium,
            key: None,
            name: None,
        }
    }

    /// Reads the keys of an element, or of the content of a message.
    pub(super) fn read(medium: Medium, json: Json<'_>) -> Self {
        let [image, file, name] = json.fields(["image_key", "file_key", "file_name"]);
        // A video has both keys; that of the image is its cover.
        let key = match medium {
            Medium::Image => image,
            _ => file,
        };
        Self {
            medium,
            key: key.and_then(Json::non_empty).map(Cow::into_owned),
            name: name.and_then(Json::non_empty).map(Cow::into_owned),
        }
    }
}

/// The text of a string, or of an object with one: `{"text":…}`, `{"content":…}`.
pub(super) fn text_in(json: Json<'_>) -> Option<Cow<'_, str>> {
    if !json.is_object() {
        return json.text();
    }
    let [text, content] = json.fields(["text", "content"]);
    // The text of a button is an object.
    let inner = text.filter(|text| text.is_object());
    let inner = inner.and_then(|text| text.field("content"));
    [text, inner, content]
        .into_iter()
        .flatten()
        .find_map(Json::text)
}

fn cell(cell: Json<'_>) -> String {
    let mut words: Vec<String> = text_in(cell).map(Cow::into_owned).into_iter().collect();
    cell.each_item(|part| words.extend(text_in(part).map(Cow::into_owned)));
    words.join(" ")
}

fn owned(element: Json<'_>, key: &str) -> String {
    let text = element.field(key).and_then(Json::text);
    text.unwrap_or_default().into_owned()
}

fn style(element: Json<'_>) -> Vec<String> {
    let mut names = Vec::new();
    if let Some(style) = element.field("style") {
        style.each_item(|name| names.extend(name.string().map(Cow::into_owned)));
    }
    names
}

fn level(element: Json<'_>, tag: &str) -> u8 {
    let level = element.field("level").and_then(Json::text);
    let level = level.and_then(|level| level.parse().ok());
    let named = tag.strip_prefix('h').and_then(|level| level.parse().ok());
    level.or(named).unwrap_or(1).clamp(1, 9)
}
