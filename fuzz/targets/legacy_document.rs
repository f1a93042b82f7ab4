//! The content of an announcement: as it is read, saved and written again.
//!
//! An input is the `content` of a legacy announcement or, if it is an array, the
//! blocks of a new one.

use feishu::{
    Copied, InsertLocation, LegacyBlock, LegacyDocument, LegacyParagraph, OpenId, Operation,
    PlacedBlock, ReadBlock, Unwritable, mentions_anybody, utf16_len, without_mentions,
};
use noticebot::content::{Document, DocxNode, Snapshot};
use serde_json::{Value, json};

/// The chat of the announcement, and the id of its page block.
const CHAT: &str = "oc_1";

pub fn check(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    // Nested in the response as deeply as the platform's list of blocks.
    let answer = format!(r#"{{"data":{{"items":{text}}}}}"#);
    let mut answer: Value = serde_json::from_str(&answer).unwrap_or_default();
    if let Ok(blocks) = serde_json::from_value::<Vec<ReadBlock>>(answer["data"]["items"].take()) {
        new_kind(&blocks);
    }
    if let Ok(document) = LegacyDocument::parse(text) {
        old_kind(&document);
    }
    what_is_written_is_read_again(text);
}

fn old_kind(document: &LegacyDocument) {
    for placed in &document.blocks {
        a_copy_is_what_stands_there(placed);
    }
    if let Some(body) = document.body_range() {
        let of = |placed: Option<&PlacedBlock>| placed.and_then(|placed| placed.range.clone());
        assert_eq!(
            Some(body.start),
            of(document.blocks.first()).map(|range| range.start)
        );
        assert_eq!(
            Some(body.end),
            of(document.blocks.last()).map(|range| range.end)
        );
        let deletion: Value =
            serde_json::from_str(&Operation::DeleteContentRange(body.clone()).to_json()).unwrap();
        let range = &deletion["deleteContentRangeRequest"]["deleteRange"];
        assert_eq!(range["startIndex"].as_u64(), Some(body.start));
        assert_eq!(range["endIndex"].as_u64(), Some(body.end));
    }
    let snapshot = Snapshot::of_legacy(document);
    let kept = snapshot.to_legacy();
    let is_ended = document
        .blocks
        .last()
        .is_some_and(|last| last.text.as_deref() == Some(""));
    assert_eq!(kept.len() + usize::from(is_ended), document.blocks.len());
    assert_eq!(snapshot.current_legacy(document), snapshot);
    it_is_kept(&snapshot);
    if snapshot.lost.is_empty() {
        for (placed, block) in document.blocks.iter().zip(&kept) {
            assert!(placed.holds(block), "{placed:?} for {block:?}");
        }
    }
    let named = snapshot.without_mentions(&name);
    written_blocks_are_read_as(&snapshot.to_legacy());
    written_blocks_are_read_as(&named.to_legacy());
}

/// A copy is equal, and a copy of the copy, too.
fn a_copy_is_what_stands_there(placed: &PlacedBlock) {
    let Copied {
        block,
        lost,
        is_gone,
    } = placed.copied(word);
    let again = read_one(&block);
    let copy = again.copied(word);
    assert_eq!(
        (&copy.block, copy.lost.len(), copy.is_gone),
        (&block, 0, false)
    );
    assert!(again.range.is_none(), "a copy has no position");
    assert!(!is_gone || lost.len() == 1);
    if lost.is_empty() {
        assert_eq!((&again.text, again.style), (&placed.text, placed.style));
        assert_eq!(again.block_type, placed.block_type);
    }
    nobody_is_left(&block);
}

/// A line has its stated length, and is the same in the document as in the call.
fn written_blocks_are_read_as(blocks: &[LegacyBlock]) {
    for chunk in blocks.chunks(50) {
        let operation = Operation::InsertBlocks(InsertLocation::StartOfZone, chunk.to_vec());
        let request: Value = serde_json::from_str(&operation.to_json()).unwrap();
        let payload = request["insertBlocksRequest"]["payload"].as_str().unwrap();
        let Ok(payload) = serde_json::from_str::<Value>(payload) else {
            return;
        };
        let document = LegacyDocument::parse(&json!({ "body": payload }).to_string()).unwrap();
        assert_eq!(document.blocks.len(), chunk.len());
        for (placed, block) in document.blocks.iter().zip(chunk) {
            assert!(placed.holds(block), "{placed:?} for {block:?}");
            if let LegacyBlock::Paragraph(LegacyParagraph { style, elements }) = block {
                assert_eq!(placed.style, *style);
                let placeholder = usize::from(*style != feishu::LegacyParagraphStyle::default());
                let is_text = !elements
                    .iter()
                    .any(|element| matches!(element, feishu::LegacyElement::Person { .. }));
                let text = placed.text.as_deref().unwrap_or_default();
                assert!(!is_text || block.utf16_len() == placeholder + utf16_len(text));
            }
        }
    }
}

fn what_is_written_is_read_again(text: &str) {
    let content = feishu::Content::Text(text.to_owned());
    if let Ok(document) = Document::read(&content, 0..usize::MAX, &[]) {
        written_blocks_are_read_as(&document.to_legacy());
    }
}

fn new_kind(blocks: &[ReadBlock]) {
    for block in blocks {
        nobody_is_left(&block.copied(word).block);
    }
    let chat = CHAT.into();
    let snapshot = Snapshot::of_docx(blocks, &chat);
    assert!(snapshot.block_count() <= blocks.len(), "each is kept once");
    assert_eq!(
        snapshot.to_docx().iter().map(count).sum::<usize>(),
        snapshot.block_count()
    );
    assert_eq!(snapshot.current_docx(blocks, &chat), snapshot);
    it_is_kept(&snapshot);
}

fn count(node: &DocxNode<Value>) -> usize {
    1 + node.children.iter().map(count).sum::<usize>()
}

/// What was saved can be restored, and written without mentions.
fn it_is_kept(snapshot: &Snapshot) {
    let stored = serde_json::to_string(snapshot).unwrap();
    let restored = serde_json::from_str::<Snapshot>(&stored);
    assert_eq!(restored.ok().as_ref(), Some(snapshot));
    assert_eq!(snapshot.is_empty(), snapshot.block_count() == 0);
    let named = snapshot.without_mentions(&name);
    assert!(!named.mentions_anybody());
    assert_eq!(named.block_count(), snapshot.block_count());
    assert!(snapshot.mentions_anybody() || named == *snapshot);
}

fn nobody_is_left(block: &Value) {
    let mut named = block.clone();
    without_mentions(&mut named, name);
    assert!(!mentions_anybody(&named), "{named}");
    assert!(mentions_anybody(block) || named == *block);
}

fn read_one(block: &Value) -> PlacedBlock {
    let content = json!({ "body": { "blocks": [block] } }).to_string();
    let mut blocks = LegacyDocument::parse(&content).unwrap().blocks;
    blocks.pop().unwrap()
}

fn word(thing: Unwritable) -> String {
    format!("[{thing:?}]")
}

fn name(person: &OpenId) -> String {
    format!("@{person}")
}
