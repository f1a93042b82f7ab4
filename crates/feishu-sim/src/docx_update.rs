//! Updates of blocks of an upgraded announcement, several in one call.
//!
//! Official page `group/upgraded-group-announcement/chat-announcement-block/batch_update`.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::Value;

use crate::docx::{Document, FirstLine, not_found};
use crate::docx_block::{BlockBody, Content};
use crate::docx_container::Table;
use crate::docx_media::{Origin, ReplaceFile, ReplaceImage, own};
use crate::docx_text::{Element, Style};
use crate::ids::Ids;
use crate::rebase::Splice;
use crate::refusal::Refusal;

/// An update of one block: its id and one operation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BlockRequest {
    pub(crate) block_id: String,
    update_text_elements: Option<NewElements>,
    update_text: Option<NewText>,
    insert_table_row: Option<NewRow>,
    insert_table_column: Option<NewColumn>,
    update_grid_column_width_ratio: Option<NewRatios>,
    replace_image: Option<ReplaceImage>,
    replace_file: Option<ReplaceFile>,
    /// Of the token that it names.
    #[serde(skip)]
    pub(crate) origin: Option<Origin>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewElements {
    elements: Vec<Element>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewText {
    elements: Vec<Element>,
    style: Style,
    /// The changed properties of the style, by number.
    fields: Vec<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRow {
    row_index: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewColumn {
    column_index: i64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRatios {
    width_ratios: Vec<u8>,
}

/// An operation.
enum Operation {
    Text(Vec<Element>, Option<Style>),
    Row(i64),
    Column(i64),
    Ratios(Vec<u8>),
    Image(ReplaceImage, Option<Origin>),
    File(ReplaceFile, Option<Origin>),
}

impl BlockRequest {
    /// The people and the number of documents that the new text mentions.
    pub(crate) fn elements(&self) -> &[Element] {
        let elements = self.update_text_elements.as_ref().map(|new| &new.elements);
        let text = self.update_text.as_ref().map(|new| &new.elements);
        elements.or(text).map_or(&[], Vec::as_slice)
    }

    /// The token of the file that it puts into its block.
    pub(crate) fn token(&self) -> Option<&str> {
        let image = self.replace_image.as_ref().map(|new| &*new.token);
        image.or(self.replace_file.as_ref().map(|new| &*new.token))
    }

    fn operation(self) -> Result<Operation, Refusal> {
        let text = self.update_text.map(|new| {
            let style = (!new.fields.is_empty()).then_some(new.style);
            Operation::Text(new.elements, style)
        });
        let elements = self.update_text_elements;
        let row = self.insert_table_row;
        let column = self.insert_table_column;
        let ratios = self.update_grid_column_width_ratio;
        let (image, file, origin) = (self.replace_image, self.replace_file, self.origin);
        let mut operations = [
            elements.map(|new| Operation::Text(new.elements, None)),
            text,
            row.map(|new| Operation::Row(new.row_index)),
            column.map(|new| Operation::Column(new.column_index)),
            ratios.map(|new| Operation::Ratios(new.width_ratios)),
            image.map(|new| Operation::Image(new, origin.clone())),
            file.map(|new| Operation::File(new, origin)),
        ]
        .into_iter()
        .flatten();
        match (operations.next(), operations.next()) {
            (Some(operation), None) => Ok(operation),
            _ => Err(Refusal::code(1_770_001).violating("an update without just one operation")),
        }
    }
}

impl Document {
    /// Applies all updates, or none; returns the blocks in the form of the API.
    pub(crate) fn update(
        &mut self,
        updates: Vec<BlockRequest>,
        revision: i64,
        lines: FirstLine,
        (ids, now_ms): (&mut Ids, u64),
    ) -> Result<Vec<Value>, Refusal> {
        self.since("", revision)?;
        let mut blocks = HashSet::new();
        if !updates
            .iter()
            .all(|update| blocks.insert(update.block_id.clone()))
        {
            return Err(Refusal::code(1_770_019).violating("two updates of one block"));
        }
        let updated: Vec<String> = updates
            .iter()
            .map(|update| update.block_id.clone())
            .collect();
        let mut changed = self.clone();
        for update in updates {
            let id = update.block_id.clone();
            changed.apply(&id, update.operation()?, lines, (&mut *ids, now_ms))?;
        }
        *self = changed;
        Ok(self.show(updated.iter().map(String::as_str)))
    }

    fn apply(
        &mut self,
        id: &str,
        operation: Operation,
        lines: FirstLine,
        (ids, now_ms): (&mut Ids, u64),
    ) -> Result<(), Refusal> {
        let content = self.content_mut(id).ok_or_else(not_found)?;
        let cells = match operation {
            Operation::Text(elements, style) => {
                if elements.is_empty() {
                    return Err(Refusal::field("elements", "the min len is 1"));
                }
                content.set_text(elements, style)?;
                Vec::new()
            }
            Operation::Image(new, origin) => {
                let BlockBody::Image(image) = &mut content.body else {
                    return Err(Refusal::code(1_770_025));
                };
                own(id, origin.as_ref())?;
                image.replace(new);
                Vec::new()
            }
            Operation::File(new, origin) => {
                let BlockBody::File(file) = &mut content.body else {
                    return Err(Refusal::code(1_770_025));
                };
                own(id, origin.as_ref())?.name.clone_into(&mut file.name);
                file.token = new.token;
                Vec::new()
            }
            Operation::Row(index) => table(content)?.insert_row(index)?,
            Operation::Column(index) => table(content)?.insert_column(index)?,
            Operation::Ratios(ratios) => return self.set_ratios(id, &ratios, now_ms),
        };
        self.commit(id, Splice::new(0, 0, 0), now_ms);
        for at in cells {
            let fresh = self.insert(id, at, vec![Content::cell()], ids);
            self.commit(id, Splice::new(at, 0, 1), now_ms);
            for cell in fresh {
                self.furnish(&cell, lines, ids);
            }
        }
        Ok(())
    }

    fn set_ratios(&mut self, grid: &str, ratios: &[u8], now_ms: u64) -> Result<(), Refusal> {
        let columns = self.children(grid).unwrap_or_default().to_vec();
        if columns.len() != ratios.len() || !ratios.iter().all(|ratio| (1..=99).contains(ratio)) {
            return Err(Refusal::code(1_770_001));
        }
        for (column, ratio) in columns.iter().zip(ratios) {
            let content = self.content_mut(column).ok_or_else(not_found)?;
            if content.block_type != 25 {
                return Err(Refusal::code(1_770_025));
            }
            *content = Content::column(*ratio);
        }
        self.commit(grid, Splice::new(0, 0, 0), now_ms);
        Ok(())
    }
}

fn table(content: &mut Content) -> Result<&mut Table, Refusal> {
    match &mut content.body {
        BlockBody::Table(table) => Ok(table),
        _ => Err(Refusal::code(1_770_025)),
    }
}
