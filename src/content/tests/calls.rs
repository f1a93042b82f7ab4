//! The calls that write one text, which is typed as a post and as Markdown.

use feishu::{Content, InsertLocation, Operation};
use serde_json::{Value, json};

use super::{Document, DocxNode, Mention};

fn mentions() -> [Mention; 1] {
    [Mention {
        key: "@_user_1".to_owned(),
        name: "小林".to_owned(),
        open_id: Some("ou_lin".into()),
        is_me: false,
    }]
}

fn post() -> Document {
    let text = |text: &str| json!({ "tag": "text", "text": text, "style": [] });
    let content = json!({ "title": "", "content": [
        [
            { "tag": "text", "text": "今晚", "style": ["bold"] },
            text("停电，见"),
            { "tag": "a", "text": "通知", "href": "https://a.cn/n?id=1", "style": [] },
            text("，问 "),
            { "tag": "at", "user_id": "@_user_1", "user_name": "小林", "style": [] },
        ],
        [],
        [text("- 关电脑")],
        [text("  1. 保存 🔌")],
        [text("  2. 关机")],
        [text("- 拔插头")],
        [{ "tag": "code_block", "language": "SHELL", "text": "sync\npoweroff" }],
        [{ "tag": "hr" }],
        [text("谢谢")],
    ] });
    let content = Content::read("post", &content.to_string());
    Document::read(&content, 0..usize::MAX, &mentions()).unwrap()
}

fn markdown() -> Document {
    let text = "**今晚**停电，见[通知](https://a.cn/n?id=1)，问 @_user_1

- 关电脑
  1. 保存 🔌
  2. 关机
- 拔插头
```shell
sync
poweroff
```
---
谢谢";
    Document::read(&Content::Text(text.to_owned()), 0..usize::MAX, &mentions()).unwrap()
}

fn tree(nodes: &[DocxNode]) -> Value {
    let trees = nodes.iter().map(|node| {
        let mut tree = json!({ "block": node.block });
        if !node.children.is_empty() {
            tree["children"] = self::tree(&node.children);
        }
        tree
    });
    trees.collect()
}

#[test]
fn a_post_equals_the_same_markdown() {
    assert_eq!(post(), markdown());
}

#[test]
fn docx_blocks_of_a_document() {
    insta::assert_json_snapshot!("docx", tree(&post().to_docx()));
}

#[test]
fn doc_operations_of_a_document() {
    let insert = Operation::InsertBlocks(InsertLocation::StartOfZone, post().to_legacy()).to_json();
    let mut request: Value = serde_json::from_str(&insert).unwrap();
    // The payload is JSON in a string; parsed, the snapshot is easier to read.
    let payload = request["insertBlocksRequest"]["payload"].take();
    let blocks: Value = serde_json::from_str(payload.as_str().unwrap()).unwrap();
    request["insertBlocksRequest"]["payload"] = blocks;
    insta::assert_json_snapshot!("legacy", request);
}
