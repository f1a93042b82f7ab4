//! Updates of blocks of a `docx` announcement.
//!
//! Official page `group/upgraded-group-announcement/chat-announcement-block/batch_update`.

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ids::BlockId;

/// An update of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockUpdate {
    /// The block.
    pub block_id: BlockId,
    /// The operation.
    pub change: BlockChange,
}

/// An operation on a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockChange {
    /// Replaces the elements of a text, as JSON; at least one.
    TextElements(Value),
    /// Appends a row to a table.
    InsertTableRow,
    /// Appends a column to a table.
    InsertTableColumn,
    /// Sets the widths of the columns of a grid, in percent, for all of them.
    GridColumnWidths(Vec<u64>),
    /// Shows a picture, by the token with which it was uploaded for this block.
    Image(String, ImageLayout),
    /// Shows a file, likewise.
    File(String),
}

/// How a picture is shown; the platform chooses what is not set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageLayout {
    /// In pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// In pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// 1 left, 2 centered, 3 right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub align: Option<u8>,
    /// The line below the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<Caption>,
}

/// The line below a picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caption {
    /// Its text.
    pub content: String,
}

#[derive(Serialize)]
struct ReplaceImage<'a> {
    token: &'a str,
    #[serde(flatten)]
    layout: &'a ImageLayout,
}

impl Serialize for BlockUpdate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("block_id", &self.block_id)?;
        match &self.change {
            BlockChange::TextElements(elements) => {
                map.serialize_entry("update_text_elements", &json!({ "elements": elements }))?;
            }
            BlockChange::InsertTableRow => {
                map.serialize_entry("insert_table_row", &json!({ "row_index": -1 }))?;
            }
            BlockChange::InsertTableColumn => {
                map.serialize_entry("insert_table_column", &json!({ "column_index": -1 }))?;
            }
            BlockChange::GridColumnWidths(ratios) => {
                let operation = json!({ "width_ratios": ratios });
                map.serialize_entry("update_grid_column_width_ratio", &operation)?;
            }
            BlockChange::Image(token, layout) => {
                map.serialize_entry("replace_image", &ReplaceImage { token, layout })?;
            }
            BlockChange::File(token) => {
                map.serialize_entry("replace_file", &json!({ "token": token }))?;
            }
        }
        map.end()
    }
}
