//! Operations on a legacy document: strings of JSON that hold strings of JSON.

use std::ops::Range;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::legacy_block::{Block, Element};
use crate::refusal::{Refusal, failed};

/// Limits of one insertion.
const MAX_BLOCKS: usize = 50;
const MAX_PEOPLE: usize = 100;
/// The limit of one batch.
const MAX_OPERATIONS: usize = 10;
/// Documented operations that announcements are reported to refuse.
const REFUSED: [&str; 10] = [
    "InsertParagraphElementsRequestType",
    "ReplaceAllTextRequestType",
    "UpdateParagraphStyleRequestType",
    "InsertTableRowRequestType",
    "InsertTableColumnRequestType",
    "DeleteTableRowsRequestType",
    "DeleteTableColumnsRequestType",
    "UpdateTableColumnPropertiesRequestType",
    "MergeTableCellsRequestType",
    "UnmergeTableCellsRequestType",
];

/// An operation that announcements accept.
#[derive(Debug)]
pub(crate) enum Operation {
    Title(String),
    Delete(Range<usize>),
    Insert(Place, Vec<Block>),
}

/// The position of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// `startOfZone`: right after the title.
    Start,
    /// A UTF-16 index of the request's revision.
    Index(usize),
    /// `endOfZone`.
    End,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct OperationRequest {
    request_type: String,
    update_title_request: Option<UpdateTitle>,
    insert_blocks_request: Option<InsertBlocks>,
    delete_content_range_request: Option<DeleteContentRange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateTitle {
    payload: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InsertBlocks {
    payload: String,
    location: InsertLocation,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct InsertLocation {
    zone_id: String,
    #[serde(default)]
    index: usize,
    #[serde(default)]
    start_of_zone: bool,
    #[serde(default)]
    end_of_zone: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct DeleteContentRange {
    delete_range: DeleteRange,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct DeleteRange {
    zone_id: String,
    start_index: usize,
    end_index: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BlocksPayload {
    blocks: Vec<Block>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TitlePayload {
    elements: Vec<Element>,
    #[serde(default, rename = "style")]
    _style: Value,
}

/// Reads the `requests` of a PATCH.
pub(crate) fn read(requests: &[String]) -> Result<Vec<Operation>, Refusal> {
    if requests.is_empty() || requests.len() > MAX_OPERATIONS {
        return Err(Refusal::code(232_001));
    }
    let batch: Vec<Operation> = requests
        .iter()
        .map(|request| operation(request))
        .collect::<Result<_, _>>()?;
    let titles = batch
        .iter()
        .filter(|operation| matches!(operation, Operation::Title(_)))
        .count();
    if titles > 1 {
        Err(failed(95_020, "UpdateTitle at most once"))
    } else {
        Ok(batch)
    }
}

/// The order in which a batch is performed: insertions in document order, then deletions, which do
/// not affect inserted blocks.
pub(crate) fn in_order(mut batch: Vec<Operation>, later_first: bool) -> Vec<Operation> {
    if later_first {
        batch.reverse();
    }
    batch.sort_by_key(|operation| match operation {
        Operation::Title(_) => (0, None),
        Operation::Insert(place, _) => (1, Some(*place)),
        Operation::Delete(_) => (2, None),
    });
    batch
}

fn operation(text: &str) -> Result<Operation, Refusal> {
    let value: Value = json(text)?;
    let kind = value["requestType"].as_str().unwrap_or_default();
    if REFUSED.contains(&kind) {
        return Err(failed(95_026, "invalid batch_update request type"));
    }
    let OperationRequest {
        request_type,
        update_title_request: title,
        insert_blocks_request: insert,
        delete_content_range_request: delete,
    } = json(text)?;
    match (request_type.as_str(), title, insert, delete) {
        ("UpdateTitleRequestType", Some(title), None, None) => {
            let TitlePayload { elements, .. } = json(&title.payload)?;
            let text: Option<String> = elements.iter().map(Element::run_text).collect();
            text.map(Operation::Title)
                .ok_or_else(|| failed(95_018, "a title takes textRuns only"))
        }
        ("InsertBlocksRequestType", None, Some(insert), None) => insertion(&insert),
        ("DeleteContentRangeRequestType", None, None, Some(delete)) => {
            deletion(&delete.delete_range)
        }
        (kind, ..) => {
            let what = format!("operation of type `{kind}` without just its own key");
            Err(failed(95_026, "invalid batch_update request type").violating(what))
        }
    }
}

fn deletion(range: &DeleteRange) -> Result<Operation, Refusal> {
    in_body(&range.zone_id)?;
    if range.start_index >= range.end_index {
        return Err(failed(95_020, "checkDeleteContentRange fail"));
    }
    Ok(Operation::Delete(range.start_index..range.end_index))
}

fn insertion(insert: &InsertBlocks) -> Result<Operation, Refusal> {
    let BlocksPayload { blocks } = json(&insert.payload)?;
    in_body(&insert.location.zone_id)?;
    if let Some(fault) = blocks.iter().find_map(Block::fault) {
        return Err(failed(95_018, &fault).violating(fault));
    }
    if blocks.is_empty() || blocks.len() > MAX_BLOCKS {
        return Err(failed(95_020, "an insertion takes 1 to 50 blocks"));
    }
    if blocks.iter().flat_map(Block::people).count() > MAX_PEOPLE {
        return Err(failed(95_020, "an insertion takes at most 100 persons"));
    }
    let place = match &insert.location {
        InsertLocation {
            start_of_zone: true,
            ..
        } => Place::Start,
        InsertLocation {
            end_of_zone: true, ..
        } => Place::End,
        InsertLocation { index, .. } => Place::Index(*index),
    };
    Ok(Operation::Insert(place, blocks))
}

/// Zone `0` is the body; other zones are table cells, and there are no tables here.
fn in_body(zone_id: &str) -> Result<(), Refusal> {
    if zone_id == "0" {
        Ok(())
    } else {
        Err(failed(95_020, "no such zone"))
    }
}

/// JSON in its documented form; any other form is a violation.
fn json<T: DeserializeOwned>(text: &str) -> Result<T, Refusal> {
    let wrong = |error: serde_json::Error| {
        failed(95_025, &error.to_string()).violating(format!("requests: {error}"))
    };
    serde_json::from_str(text).map_err(wrong)
}
