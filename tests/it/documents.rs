//! Documents of others: what an entry replaces comes back, or is named before anything is replaced.
//!
//! The files say where their documents are from.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;
use feishu_sim::{ChatId, Endpoint, Fault, FirstLine};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::harness::Bench;

#[derive(Deserialize)]
struct Documents {
    documents: Vec<Document>,
}

#[derive(Deserialize)]
struct Document {
    name: String,
    /// What cannot be written again.
    #[serde(default)]
    lost: Vec<String>,
    /// As the platform lists them, the page first.
    blocks: Vec<Value>,
}

impl Document {
    /// Whether the platform may put an empty line into a new block of it: into a callout, a cell or a
    /// quote.
    fn may_get_lines(&self) -> bool {
        let mut kinds = self.blocks.iter().map(|block| &block["block_type"]);
        kinds.any(|kind| [19, 32, 34].iter().any(|other| kind == other))
    }
}

/// The documents of a file of `tests/data/docx`.
fn documents(file: &str) -> Vec<Document> {
    let path = format!("{}/tests/data/docx/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    serde_json::from_str::<Documents>(&text).unwrap().documents
}

async fn bench(first_line: FirstLine) -> Bench {
    let bench = Bench::with(|builder| builder, "[announce]\nsignature = false").await;
    bench
        .sim
        .change_behaviour(|behaviour| behaviour.docx.first_line = first_line);
    bench
}

/// A group whose announcement a person filled with the document.
fn group_with(bench: &Bench, document: &Document) -> ChatId {
    let group = bench.group(Docx);
    let editor = bench.sim.as_person(&bench.owner).in_chat(&group);
    editor.load_announcement(&document.blocks);
    group
}

/// The announcement as a tree, without what the platform assigns.
fn tree(bench: &Bench, group: &ChatId) -> Value {
    let document = bench.sim.announcement_document(group);
    let blocks = document["items"].as_array().unwrap();
    below(&json!(group.as_str()), blocks)
}

fn below(id: &Value, blocks: &[Value]) -> Value {
    let block = blocks
        .iter()
        .find(|block| block["block_id"] == *id)
        .unwrap();
    let mut shown = block.clone();
    for key in ["block_id", "parent_id", "children"] {
        shown.as_object_mut().unwrap().remove(key);
    }
    if let Some(table) = shown.get_mut("table").and_then(Value::as_object_mut) {
        table.remove("cells");
    }
    let children = block["children"].as_array().into_iter().flatten();
    let children: Vec<Value> = children.map(|id| below(id, blocks)).collect();
    json!({ "block": shown, "children": children })
}

async fn announced(bench: &Bench, group: &ChatId, command: &str) {
    let command = bench.say(group, command).id;
    bench.idle_in_steps_of(Duration::from_secs(1)).await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
}

/// Replaces the document and undoes that: it is the same as before, or was not replaced because of
/// the things that the reply names.
async fn survives(bench: &Bench, document: &Document) {
    let name = &document.name;
    let group = group_with(bench, document);
    let before = tree(bench, &group);
    if !document.lost.is_empty() {
        let answer = bench.reply_to(&group, "/announce --replace new").await;
        for thing in &document.lost {
            assert!(answer.contains(thing), "{name}: {answer}");
        }
        assert_eq!(tree(bench, &group), before, "{name}");
        return;
    }
    announced(bench, &group, "/announce --replace new").await;
    assert_eq!(bench.sim.announcement_text(&group), ["new"], "{name}");
    let answer = bench.reply_to(&group, "/undo").await;
    assert!(answer.contains("was restored"), "{name}: {answer}");
    assert_eq!(tree(bench, &group), before, "{name}");
}

#[tokio::test]
async fn every_kind_of_block_survives_or_is_named() {
    let bench = bench(FirstLine::AtOnce).await;
    for document in documents("kinds.json") {
        survives(&bench, &document).await;
    }
    bench.finish().await;
}

#[tokio::test]
async fn containers_survive_whenever_their_line_comes() {
    for first_line in [FirstLine::Later, FirstLine::Never] {
        let bench = bench(first_line).await;
        let kinds = documents("kinds.json").into_iter();
        for document in kinds.chain(documents("feishu2md.json")) {
            if document.may_get_lines() {
                survives(&bench, &document).await;
            }
        }
        bench.finish().await;
    }
}

#[tokio::test]
async fn real_documents_survive_replacement() {
    let bench = bench(FirstLine::AtOnce).await;
    for document in documents("feishu2md.json") {
        survives(&bench, &document).await;
    }
    bench.finish().await;
}

#[tokio::test]
async fn lost_responses_restore_containers_once() {
    lose_responses(FirstLine::AtOnce).await;
}

#[tokio::test]
async fn lost_responses_restore_containers_with_late_lines() {
    lose_responses(FirstLine::Later).await;
}

#[tokio::test]
async fn lost_responses_restore_containers_without_lines() {
    lose_responses(FirstLine::Never).await;
}

/// Loses the response to each call of the undo in turn.
async fn lose_responses(first_line: FirstLine) {
    let bench = bench(first_line).await;
    for document in documents("kinds.json") {
        if !matches!(document.name.as_str(), "callout" | "grid" | "table") {
            continue;
        }
        for endpoint in [
            Endpoint::ListBlocks,
            Endpoint::CreateChildren,
            Endpoint::UpdateBlocks,
            Endpoint::DeleteChildren,
        ] {
            let mut call = 0;
            while loses(&bench, &document, (endpoint, call)).await {
                call += 1;
            }
        }
    }
    bench.finish().await;
}

/// Loses the response to the call of the undo after so many others. Returns whether there is such a
/// call.
async fn loses(bench: &Bench, document: &Document, (endpoint, after): (Endpoint, usize)) -> bool {
    let group = group_with(bench, document);
    let before = tree(bench, &group);
    announced(bench, &group, "/announce --replace new").await;
    bench.sim.clear_calls();
    (0..after).for_each(|_| bench.sim.fault(endpoint, Fault::Nothing));
    bench.sim.fault(endpoint, Fault::LoseAnswer);
    bench.reply_to(&group, "/undo").await;
    bench.sim.withdraw_faults(endpoint);
    let name = &document.name;
    assert_eq!(tree(bench, &group), before, "{name} {endpoint:?} {after}");
    bench.sim.calls_to(endpoint).len() > after
}

#[tokio::test]
async fn named_content_leaves_all_else_as_it_was() {
    let bench = bench(FirstLine::AtOnce).await;
    let documents = documents("feishu2md.json");
    let document = documents.iter().find(|document| !document.lost.is_empty());
    let group = group_with(&bench, document.unwrap());
    let before = bench.sim.announcement_text(&group);
    announced(&bench, &group, "/announce --replace! new").await;
    let answer = bench.reply_to(&group, "/undo").await;
    assert!(answer.contains("by name only: image"), "{answer}");
    let named = before.iter().map(|line| match line.as_str() {
        "[image]" => "[图片]",
        line => line,
    });
    let after = bench.sim.announcement_text(&group);
    assert_eq!(after, named.collect::<Vec<_>>());
    bench.finish().await;
}

#[tokio::test]
async fn refused_fields_are_left_out_on_return() {
    let bench = bench(FirstLine::AtOnce).await;
    bench
        .sim
        .change_behaviour(|behaviour| behaviour.docx.only_listed_fields = true);
    for document in documents("kinds.json") {
        let field = match document.name.as_str() {
            "callout" => "/children/0/block/callout/emoji_id",
            "ordered" => "/children/0/block/ordered/style/sequence",
            _ => continue,
        };
        let group = group_with(&bench, &document);
        let mut expected = tree(&bench, &group);
        announced(&bench, &group, "/announce --replace new").await;
        bench.reply_to(&group, "/undo").await;
        let (parent, key) = field.rsplit_once('/').unwrap();
        let content = expected.pointer_mut(parent).unwrap();
        content.as_object_mut().unwrap().remove(key).unwrap();
        assert_eq!(tree(&bench, &group), expected);
    }
    bench.finish().await;
}
