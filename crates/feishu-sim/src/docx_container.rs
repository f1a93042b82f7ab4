//! Blocks of an upgraded announcement that contain other blocks, and blocks without text.
//!
//! Official pages `document-docx/docx-v1/data-structure/block` and
//! `group/upgraded-group-announcement/group-announcement-overview`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::refusal::Refusal;

/// The most columns and cells of a table.
const MOST_COLUMNS: usize = 100;
const MOST_CELLS: usize = 2000;
/// The width of a column in pixels, unless another one is set.
const COLUMN_WIDTH: u32 = 100;

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Divider {}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuoteContainer {}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Callout {
    #[serde(skip_serializing_if = "Option::is_none")]
    background_color: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    border_color: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text_color: Option<u8>,
    /// The pages list it as a property, but not among the parameters of the creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    emoji_id: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grid {
    pub(crate) column_size: usize,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct GridColumn {
    /// In percent.
    pub(crate) width_ratio: u8,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Iframe {
    component: IframeComponent,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct IframeComponent {
    #[serde(skip_serializing_if = "Option::is_none")]
    iframe_type: Option<u8>,
    url: String,
}

/// A table; its children are the cells, row by row.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    pub(crate) property: TableProperty,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TableProperty {
    pub(crate) row_size: usize,
    pub(crate) column_size: usize,
    #[serde(default)]
    column_width: Vec<u32>,
    #[serde(default, skip_serializing_if = "is_off")]
    header_row: bool,
    #[serde(default, skip_serializing_if = "is_off")]
    header_column: bool,
}

impl Callout {
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let fits =
            |color: Option<u8>, most: u8| color.is_none_or(|color| (1..=most).contains(&color));
        if fits(self.background_color, 15) && fits(self.border_color, 7) && fits(self.text_color, 7)
        {
            Ok(())
        } else {
            Err(Refusal::code(1_770_001))
        }
    }

    pub(crate) fn has_emoji(&self) -> bool {
        self.emoji_id.is_some()
    }
}

impl Grid {
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        match self.column_size {
            2..=5 => Ok(()),
            0..2 => Err(Refusal::code(1_770_001)),
            6.. => Err(Refusal::code(1_770_012)),
        }
    }
}

impl Iframe {
    pub(crate) fn url(&self) -> &str {
        &self.component.url
    }

    pub(crate) fn check(&self) -> Result<(), Refusal> {
        if self.url().contains("://") {
            let what = format!("address `{}` is not percent-encoded", self.url());
            return Err(Refusal::code(1_770_001).violating(what));
        }
        Ok(())
    }
}

impl Table {
    /// Checks a table to be created, and fills in its defaults.
    pub(crate) fn check(&mut self) -> Result<(), Refusal> {
        let property = &mut self.property;
        let (rows, columns) = (property.row_size, property.column_size);
        if rows < 1 || columns < 1 {
            return Err(Refusal::code(1_770_001));
        }
        if columns > MOST_COLUMNS {
            return Err(Refusal::code(1_770_010));
        }
        if rows * columns > MOST_CELLS {
            return Err(Refusal::code(1_770_011));
        }
        if property.column_width.is_empty() {
            property.column_width = vec![COLUMN_WIDTH; columns];
        }
        if property.column_width.len() != columns {
            let what = format!(
                "{} widths of {columns} columns",
                property.column_width.len()
            );
            return Err(Refusal::code(1_770_001).violating(what));
        }
        Ok(())
    }

    /// Adds a row at an index, −1 for the end; returns the places of its cells among all cells.
    pub(crate) fn insert_row(&mut self, index: i64) -> Result<Vec<usize>, Refusal> {
        let property = &mut self.property;
        let columns = property.column_size;
        let row = place(index, property.row_size).ok_or_else(|| Refusal::code(1_770_026))?;
        if (property.row_size + 1) * columns > MOST_CELLS {
            return Err(Refusal::code(1_770_011));
        }
        property.row_size += 1;
        Ok((row * columns..(row + 1) * columns).collect())
    }

    /// Adds a column; like [`Table::insert_row`].
    pub(crate) fn insert_column(&mut self, index: i64) -> Result<Vec<usize>, Refusal> {
        let property = &mut self.property;
        let column = place(index, property.column_size).ok_or_else(|| Refusal::code(1_770_027))?;
        if property.column_size == MOST_COLUMNS {
            return Err(Refusal::code(1_770_010));
        }
        if property.row_size * (property.column_size + 1) > MOST_CELLS {
            return Err(Refusal::code(1_770_011));
        }
        property.column_size += 1;
        property.column_width.insert(column, COLUMN_WIDTH);
        let columns = property.column_size;
        Ok((0..property.row_size)
            .map(|row| row * columns + column)
            .collect())
    }

    pub(crate) fn cell_count(&self) -> usize {
        self.property.row_size * self.property.column_size
    }

    /// The content as the API shows it, with the ids of the cells and what is read-only.
    pub(crate) fn show(&self, cells: &[String]) -> Value {
        let mut shown = json!({ "cells": cells, "property": self.property });
        let whole = json!({ "row_span": 1, "col_span": 1 });
        shown["property"]["merge_info"] = json!(vec![whole; cells.len()]);
        shown
    }
}

fn place(index: i64, length: usize) -> Option<usize> {
    match index {
        -1 => Some(length),
        index => usize::try_from(index).ok().filter(|index| *index <= length),
    }
}

/// Whether a block may be a child of a container, by their numbers.
pub(crate) fn may_contain(parent: u16, child: u16) -> bool {
    match parent {
        // A callout.
        19 => matches!(child, 2..=13 | 15 | 17 | 34 | 35),
        // A column of a grid.
        25 => !matches!(child, 18 | 24 | 36),
        // A cell.
        32 => !matches!(child, 18 | 30 | 31 | 36),
        _ => true,
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde wants"
)]
fn is_off(switch: &bool) -> bool {
    !switch
}
