//! Blocks of a `docx` announcement in the form in which a call creates them.

use serde::Serialize;
use serde_json::{Value, json};

/// The most rows and columns of a table that a call creates, according to reports on ordinary
/// documents; no page names a number. Further ones are inserted afterwards.
const LARGEST_TABLE: u64 = 9;

/// The blocks as JSON, with large tables reduced to what a call creates.
pub fn creatable<B: Serialize>(blocks: &[B]) -> Result<Vec<Value>, serde_json::Error> {
    let values = blocks.iter().map(|block| {
        let mut block = serde_json::to_value(block)?;
        if let Some(property) = block.pointer_mut("/table/property") {
            for key in ["row_size", "column_size"] {
                let size = property[key].as_u64().unwrap_or(1);
                property[key] = json!(size.min(LARGEST_TABLE));
            }
            let columns = property["column_size"].as_u64().unwrap_or(1);
            let widths = property.get_mut("column_width");
            if let Some(widths) = widths.and_then(Value::as_array_mut) {
                widths.truncate(usize::try_from(columns).unwrap_or(usize::MAX));
            }
        }
        Ok(block)
    });
    values.collect()
}

/// The blocks without the icons of callouts and the numbers of items, which the pages list as
/// properties but not among the parameters of the creation; `None` if there are none.
pub fn with_listed_fields(blocks: &[Value]) -> Option<Vec<Value>> {
    let mut is_changed = false;
    let mut remove = |content: Option<&mut Value>, key: &str| {
        let content = content.and_then(Value::as_object_mut);
        is_changed |= content.is_some_and(|content| content.remove(key).is_some());
    };
    let mut blocks = blocks.to_vec();
    for block in &mut blocks {
        remove(block.get_mut("callout"), "emoji_id");
        remove(block.pointer_mut("/ordered/style"), "sequence");
    }
    is_changed.then_some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Block, TableSize};

    #[test]
    fn a_large_table_is_created_in_part() {
        let size = TableSize {
            rows: 12,
            columns: 10,
        };
        let created = creatable(&[Block::table(size, vec![80; 10]), Block::divider()]).unwrap();
        let property = &created[0]["table"]["property"];
        assert_eq!(
            (&property["row_size"], &property["column_size"]),
            (&json!(9), &json!(9))
        );
        assert_eq!(property["column_width"], json!(vec![80; 9]));
        assert_eq!(created[1], json!({ "block_type": 22, "divider": {} }));
    }

    #[test]
    fn unlisted_fields_can_be_left_out() {
        let callout =
            json!({ "block_type": 19, "callout": { "emoji_id": "gift", "text_color": 1 } });
        let item = json!({ "block_type": 13, "ordered": { "elements": [], "style": { "align": 1, "sequence": "3" } } });
        let listed = with_listed_fields(&[callout, item]).unwrap();
        assert_eq!(listed[0]["callout"], json!({ "text_color": 1 }));
        assert_eq!(listed[1]["ordered"]["style"], json!({ "align": 1 }));
        assert_eq!(with_listed_fields(&listed), None);
    }
}
