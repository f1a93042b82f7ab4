//! Blocks of an upgraded announcement, with the defaults of the server.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::docx_container::{Callout, Divider, Grid, GridColumn, Iframe, QuoteContainer, Table};
use crate::docx_media::{FileBody, Image, NewFile, NewImage, View};
use crate::docx_text::{Element, Style, TextBody};
use crate::refusal::Refusal;

/// A block to be created; exactly the key that `block_type` names is present.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBlock {
    block_type: u16,
    text: Option<TextBody>,
    heading1: Option<TextBody>,
    heading2: Option<TextBody>,
    heading3: Option<TextBody>,
    heading4: Option<TextBody>,
    heading5: Option<TextBody>,
    heading6: Option<TextBody>,
    heading7: Option<TextBody>,
    heading8: Option<TextBody>,
    heading9: Option<TextBody>,
    bullet: Option<TextBody>,
    ordered: Option<TextBody>,
    code: Option<TextBody>,
    quote: Option<TextBody>,
    todo: Option<TextBody>,
    callout: Option<Callout>,
    divider: Option<Divider>,
    grid: Option<Grid>,
    iframe: Option<Iframe>,
    table: Option<Table>,
    quote_container: Option<QuoteContainer>,
    image: Option<NewImage>,
    file: Option<NewFile>,
}

/// The content of a checked block.
#[derive(Clone, Debug)]
pub(crate) struct Content {
    pub(crate) block_type: u16,
    pub(crate) key: Cow<'static, str>,
    pub(crate) body: BlockBody,
}

#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum BlockBody {
    Text(TextBody),
    Divider(Divider),
    Image(Image),
    /// A file.
    File(FileBody),
    /// The view of a file, which contains its block.
    View(View),
    Callout(Callout),
    Grid(Grid),
    GridColumn(GridColumn),
    Iframe(Iframe),
    Table(Table),
    TableCell(TableCell),
    QuoteContainer(QuoteContainer),
    /// Anything that a person put there and the API cannot create.
    Other(Value),
}

/// A cell of a table.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct TableCell {}

impl NewBlock {
    /// Checks that the block can be created and has only the key of its type.
    pub(crate) fn check(self) -> Result<Content, Refusal> {
        let block_type = self.block_type;
        if !matches!(block_type, 2..=15 | 17 | 19 | 22..=24 | 26 | 27 | 31 | 34) {
            return Err(Refusal::code(1_770_029));
        }
        let mut present = self.bodies();
        match (present.pop(), present.pop()) {
            (Some((number, key, mut body)), None) if number == block_type => {
                body.check()?;
                if number == 23 {
                    return Ok(Content {
                        block_type: 33,
                        key: "view".into(),
                        body: BlockBody::View(View::OF_FILE),
                    });
                }
                Ok(Content {
                    block_type,
                    key: key.into(),
                    body,
                })
            }
            _ => {
                let what = format!("block of type {block_type} without just its own key");
                Err(Refusal::code(1_770_006).violating(what))
            }
        }
    }

    /// The bodies that are present, with their numbers and keys.
    fn bodies(self) -> Vec<(u16, &'static str, BlockBody)> {
        let texts = [
            (2, "text", self.text),
            (3, "heading1", self.heading1),
            (4, "heading2", self.heading2),
            (5, "heading3", self.heading3),
            (6, "heading4", self.heading4),
            (7, "heading5", self.heading5),
            (8, "heading6", self.heading6),
            (9, "heading7", self.heading7),
            (10, "heading8", self.heading8),
            (11, "heading9", self.heading9),
            (12, "bullet", self.bullet),
            (13, "ordered", self.ordered),
            (14, "code", self.code),
            (15, "quote", self.quote),
            (17, "todo", self.todo),
        ];
        let texts = texts
            .into_iter()
            .map(|(number, key, body)| (number, key, body.map(BlockBody::Text)));
        let others = [
            (19, "callout", self.callout.map(BlockBody::Callout)),
            (22, "divider", self.divider.map(BlockBody::Divider)),
            (
                23,
                "file",
                self.file
                    .filter(|file| file.token.is_empty())
                    .map(|_| BlockBody::File(FileBody::default())),
            ),
            (24, "grid", self.grid.map(BlockBody::Grid)),
            (26, "iframe", self.iframe.map(BlockBody::Iframe)),
            (
                27,
                "image",
                self.image.map(|_| BlockBody::Image(Image::default())),
            ),
            (31, "table", self.table.map(BlockBody::Table)),
            (
                34,
                "quote_container",
                self.quote_container.map(BlockBody::QuoteContainer),
            ),
        ];
        let bodies = texts.chain(others);
        bodies
            .filter_map(|(number, key, body)| Some((number, key, body?)))
            .collect()
    }
}

impl Content {
    /// A text block without styles, as the client creates it.
    pub(crate) fn plain(text: &str) -> Self {
        Self {
            block_type: 2,
            key: "text".into(),
            body: BlockBody::Text(TextBody::plain(text)),
        }
    }

    /// A picture, which only a person can insert.
    pub(crate) fn picture() -> Self {
        Self {
            block_type: 27,
            key: "image".into(),
            body: BlockBody::Image(Image::of_person()),
        }
    }

    /// A cell of a table.
    pub(crate) fn cell() -> Self {
        Self {
            block_type: 32,
            key: "table_cell".into(),
            body: BlockBody::TableCell(TableCell {}),
        }
    }

    /// A column of a grid, with its share of the width in percent.
    pub(crate) fn column(width_ratio: u8) -> Self {
        Self {
            block_type: 25,
            key: "grid_column".into(),
            body: BlockBody::GridColumn(GridColumn { width_ratio }),
        }
    }

    /// A block as the API shows it, which a person put there.
    pub(crate) fn of_person(block: &Value) -> Self {
        const PLACE: [&str; 5] = [
            "block_id",
            "block_type",
            "children",
            "parent_id",
            "comment_ids",
        ];
        let number = block["block_type"].as_u64();
        let block_type = number.and_then(|number| u16::try_from(number).ok());
        let block_type = block_type.unwrap_or(999);
        let mut fields = block.as_object().into_iter().flatten();
        let content = fields.find(|(key, _)| !PLACE.contains(&key.as_str()));
        let (key, body) = content.map_or((String::new(), json!({})), |(key, body)| {
            (key.clone(), body.clone())
        });
        let mut typed = json!({ "block_type": block_type });
        typed[&key] = body.clone();
        let typed = serde_json::from_value::<NewBlock>(typed).ok();
        match typed.and_then(|block| block.check().ok()) {
            Some(content) if matches!(content.body, BlockBody::Text(_)) => content,
            _ => Self {
                block_type,
                key: key.into(),
                body: BlockBody::Other(body),
            },
        }
    }

    /// What the platform puts into the block when it is created; `None` if it takes no children.
    pub(crate) fn shell(&self) -> Option<Vec<Self>> {
        Some(match &self.body {
            BlockBody::View(_) => vec![Self {
                block_type: 23,
                key: "file".into(),
                body: BlockBody::File(FileBody::default()),
            }],
            BlockBody::Table(table) => vec![Self::cell(); table.cell_count()],
            BlockBody::Grid(grid) => {
                let share = 100 / u8::try_from(grid.column_size).unwrap_or(u8::MAX);
                vec![Self::column(share); grid.column_size]
            }
            _ => return None,
        })
    }

    /// Whether the block begins with an empty line when it is created.
    pub(crate) fn begins_with_line(&self) -> bool {
        matches!(self.block_type, 19 | 25 | 32 | 34)
    }

    /// Whether it must not be without children once it has some.
    pub(crate) fn is_never_empty(&self) -> bool {
        matches!(self.block_type, 19 | 25 | 32)
    }

    /// Replaces the text of a block.
    pub(crate) fn set_text(
        &mut self,
        elements: Vec<Element>,
        style: Option<Style>,
    ) -> Result<(), Refusal> {
        let BlockBody::Text(body) = &mut self.body else {
            return Err(Refusal::code(1_770_025));
        };
        let mut changed = body.clone();
        changed.elements = elements;
        if let Some(style) = style {
            changed.style = style;
        }
        let mut changed = BlockBody::Text(changed);
        changed.check()?;
        self.body = changed;
        Ok(())
    }

    /// UTF-16 units of the longest run of text.
    pub(crate) fn longest_run(&self) -> usize {
        let runs = self.elements().iter().map(Element::units);
        runs.max().unwrap_or(0)
    }

    pub(crate) fn is_image(&self) -> bool {
        matches!(self.body, BlockBody::Image(_))
    }

    /// A person changes how a picture is shown.
    pub(crate) fn lay_out(&mut self, size: (u32, u32), align: u8, caption: &str) {
        if let BlockBody::Image(image) = &mut self.body {
            image.lay_out(size, align, caption);
        }
    }

    /// Whether it is a table with more rows or columns than this.
    pub(crate) fn is_table_over(&self, most: usize) -> bool {
        match &self.body {
            BlockBody::Table(table) => {
                table.property.row_size.max(table.property.column_size) > most
            }
            _ => false,
        }
    }

    /// The visible text; `None` for a block that only contains others.
    pub(crate) fn text(&self, name_of: impl Fn(&str) -> String) -> Option<String> {
        Some(match &self.body {
            BlockBody::Text(body) => body.visible(name_of),
            BlockBody::Divider(_) => "---".to_owned(),
            BlockBody::Image(image) if image.token.is_empty() => "[hole]".to_owned(),
            BlockBody::Image(_) => "[picture]".to_owned(),
            BlockBody::File(file) if file.token.is_empty() => "[hole]".to_owned(),
            BlockBody::File(file) => format!("[file {}]", file.name),
            BlockBody::Iframe(frame) => frame.url().to_owned(),
            BlockBody::Other(_) => format!("[{}]", self.key),
            BlockBody::Callout(_)
            | BlockBody::Grid(_)
            | BlockBody::GridColumn(_)
            | BlockBody::Table(_)
            | BlockBody::TableCell(_)
            | BlockBody::View(_)
            | BlockBody::QuoteContainer(_) => return None,
        })
    }

    /// The block as the API shows it.
    pub(crate) fn show(&self, block_id: &str, parent_id: &str, children: &[String]) -> Value {
        let mut block =
            json!({"block_id": block_id, "parent_id": parent_id, "block_type": self.block_type});
        block[&*self.key] = match &self.body {
            BlockBody::Table(table) => table.show(children),
            body => json!(body),
        };
        if !children.is_empty() {
            block["children"] = json!(children);
        }
        block
    }

    /// Text, headings, list items, to-dos, tasks and containers can have children.
    pub(crate) fn takes_children(&self) -> bool {
        matches!(self.block_type, 2..=13 | 17 | 19 | 25 | 32 | 34 | 35)
    }

    /// Whether it has a field that no page lists for the creation.
    pub(crate) fn is_beyond_pages(&self) -> bool {
        match &self.body {
            BlockBody::Text(body) => body.has_number(),
            BlockBody::Callout(callout) => callout.has_emoji(),
            _ => false,
        }
    }

    pub(crate) fn elements(&self) -> &[Element] {
        match &self.body {
            BlockBody::Text(body) => &body.elements,
            _ => &[],
        }
    }
}

impl BlockBody {
    fn check(&mut self) -> Result<(), Refusal> {
        match self {
            Self::Text(body) => body.check(),
            Self::Callout(callout) => callout.check(),
            Self::Grid(grid) => grid.check(),
            Self::Iframe(frame) => frame.check(),
            Self::Table(table) => table.check(),
            _ => Ok(()),
        }
    }
}
