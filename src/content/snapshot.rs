//! The content of an announcement before it was replaced, kept for `/undo`.

use std::collections::{BTreeSet, HashMap};
use std::iter::Peekable;
use std::vec::IntoIter;

use feishu::{
    BlockId, ChatId, LegacyBlock, LegacyDocument, OpenId, PlacedBlock, ReadBlock, Unwritable,
    mentions_anybody, without_mentions,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::docx::DocxNode;
use crate::language::{Bilingual, Language};

/// The blocks of an announcement of either format, in the form that the API writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub struct Snapshot {
    pub(crate) blocks: Vec<SnapshotBlock>,
    /// The language of the placeholders for lost content.
    language: Language,
    /// Content that the API cannot write.
    pub lost: BTreeSet<Unwritable>,
}

/// A top-level block with its children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SnapshotBlock {
    /// Set in `docx` announcements only.
    pub(crate) id: Option<BlockId>,
    block: Value,
    children: Vec<SnapshotBlock>,
}

/// A stored [`Snapshot`]. Its blocks are a flat list, because JSON parsers limit the depth and
/// announcements do not.
#[derive(Serialize, Deserialize)]
struct Stored {
    blocks: Vec<StoredBlock>,
    language: Language,
    lost: BTreeSet<Unwritable>,
}

/// A block, followed by its children.
#[derive(Serialize, Deserialize)]
struct StoredBlock {
    id: Option<BlockId>,
    block: Value,
    /// Number of ancestors.
    depth: usize,
}

impl From<Snapshot> for Stored {
    fn from(snapshot: Snapshot) -> Self {
        let mut blocks = Vec::new();
        store(snapshot.blocks, 0, &mut blocks);
        Self {
            blocks,
            language: snapshot.language,
            lost: snapshot.lost,
        }
    }
}

impl From<Stored> for Snapshot {
    fn from(stored: Stored) -> Self {
        Self {
            blocks: restore(&mut stored.blocks.into_iter().peekable(), 0),
            language: stored.language,
            lost: stored.lost,
        }
    }
}

fn store(blocks: Vec<SnapshotBlock>, depth: usize, stored: &mut Vec<StoredBlock>) {
    for SnapshotBlock {
        id,
        block,
        children,
    } in blocks
    {
        stored.push(StoredBlock { id, block, depth });
        store(children, depth + 1, stored);
    }
}

/// The next blocks of at least this depth.
fn restore(stored: &mut Peekable<IntoIter<StoredBlock>>, depth: usize) -> Vec<SnapshotBlock> {
    let mut blocks = Vec::new();
    while let Some(next) = stored.next_if(|next| next.depth >= depth) {
        blocks.push(SnapshotBlock {
            id: next.id,
            block: next.block,
            children: restore(stored, depth + 1),
        });
    }
    blocks
}

impl Snapshot {
    /// The blocks of a `docx` announcement, as listed by the API.
    pub fn of_docx(blocks: &[ReadBlock], chat: &ChatId) -> Self {
        Self::in_its_language(|language| Self::docx_in(language, blocks, chat))
    }

    /// The approximate memory of a [`Snapshot`] of these blocks, in bytes.
    pub fn weight_of_docx(blocks: &[ReadBlock], chat: &ChatId) -> usize {
        let mut unseen = by_id(blocks);
        let page = unseen.remove(chat.as_str());
        let mut next: Vec<&BlockId> = page.map_or(&[][..], |page| &page.children).iter().collect();
        let mut weight = 0;
        while let Some(id) = next.pop() {
            let block = unseen.remove(id.as_str());
            if let Some(block) = block.filter(|block| block.is_writable()) {
                weight += block.weight();
                next.extend(&block.children);
            }
        }
        weight
    }

    /// Like [`Snapshot::weight_of_docx`], for a `doc` announcement.
    pub fn weight_of_legacy(document: &LegacyDocument) -> usize {
        document.blocks.iter().map(PlacedBlock::weight).sum()
    }

    /// The blocks of a `doc` announcement, without the empty last line that the platform adds.
    pub fn of_legacy(document: &LegacyDocument) -> Self {
        Self::in_its_language(|language| Self::legacy_in(language, document))
    }

    fn docx_in(language: Language, blocks: &[ReadBlock], chat: &ChatId) -> Self {
        let mut unseen = by_id(blocks);
        let page = unseen.remove(chat.as_str());
        let mut lost = BTreeSet::new();
        let ids = page.map_or(&[][..], |page| &page.children);
        let blocks = docx(ids, &mut unseen, language, &mut lost);
        Self {
            blocks,
            language,
            lost,
        }
    }

    fn legacy_in(language: Language, document: &LegacyDocument) -> Self {
        let blocks = match document.blocks.split_last() {
            Some((last, before)) if last.text.as_deref() == Some("") => before,
            _ => &document.blocks,
        };
        let mut lost = BTreeSet::new();
        let blocks = blocks.iter().map(|block| {
            let copied = block.copied(|thing| placeholder(thing, language));
            lost.extend(copied.lost);
            SnapshotBlock {
                id: None,
                block: copied.block,
                children: Vec::new(),
            }
        });
        let blocks = blocks.collect();
        Self {
            blocks,
            language,
            lost,
        }
    }

    /// Names lost content in the language of the rest.
    fn in_its_language(read: impl Fn(Language) -> Self) -> Self {
        let snapshot = read(Language::En);
        let blocks = snapshot.blocks.iter();
        let text: String = blocks.map(|block| block.block.to_string()).collect();
        match Language::of(&text) {
            Language::Zh if !snapshot.lost.is_empty() => read(Language::Zh),
            Language::Zh | Language::En => snapshot,
        }
    }
}

fn by_id(blocks: &[ReadBlock]) -> HashMap<&str, &ReadBlock> {
    let ids = blocks.iter();
    ids.filter_map(|block| Some((block.block_id.as_ref()?.as_str(), block)))
        .collect()
}

/// The blocks with these ids; each is removed from `unseen`, so cycles end.
fn docx(
    ids: &[BlockId],
    unseen: &mut HashMap<&str, &ReadBlock>,
    language: Language,
    lost: &mut BTreeSet<Unwritable>,
) -> Vec<SnapshotBlock> {
    let mut blocks = Vec::new();
    for id in ids {
        let Some(block) = unseen.remove(id.as_str()) else {
            continue;
        };
        let copied = block.copied(|thing| placeholder(thing, language));
        lost.extend(copied.lost);
        let children = if copied.is_gone {
            Vec::new()
        } else {
            docx(&block.children, unseen, language, lost)
        };
        blocks.push(SnapshotBlock {
            id: Some(id.clone()),
            block: copied.block,
            children,
        });
    }
    blocks
}

impl Snapshot {
    /// The current content of a `docx` announcement, for comparison with this snapshot:
    /// placeholders are in the same language.
    #[must_use]
    pub fn current_docx(&self, blocks: &[ReadBlock], chat: &ChatId) -> Self {
        Self::docx_in(self.language, blocks, chat)
    }

    /// Like [`Snapshot::current_docx`], for a `doc` announcement.
    #[must_use]
    pub fn current_legacy(&self, document: &LegacyDocument) -> Self {
        Self::legacy_in(self.language, document)
    }

    /// Keeps only the top-level blocks with these ids.
    pub(crate) fn retain_ids(mut self, ids: &[BlockId]) -> Self {
        let is_one = |block: &SnapshotBlock| block.id.as_ref().is_some_and(|id| ids.contains(id));
        self.blocks.retain(is_one);
        self
    }

    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Including nested ones.
    pub fn block_count(&self) -> usize {
        count(&self.blocks)
    }

    pub fn mentions_anybody(&self) -> bool {
        any(&self.blocks, &|block| mentions_anybody(&block.block))
    }

    /// Replaces mentions by names.
    #[must_use]
    pub fn without_mentions(&self, name: &impl Fn(&OpenId) -> String) -> Self {
        let mut snapshot = self.clone();
        each(&mut snapshot.blocks, &|block| {
            without_mentions(&mut block.block, name);
        });
        snapshot
    }

    pub fn to_docx(&self) -> Vec<DocxNode<Value>> {
        nodes(&self.blocks)
    }

    pub fn to_legacy(&self) -> Vec<LegacyBlock> {
        let blocks = self.blocks.iter();
        blocks
            .map(|block| LegacyBlock::Copied(block.block.clone()))
            .collect()
    }
}

fn count(blocks: &[SnapshotBlock]) -> usize {
    let below = blocks.iter().map(|block| count(&block.children));
    blocks.len() + below.sum::<usize>()
}

fn any(blocks: &[SnapshotBlock], is: &impl Fn(&SnapshotBlock) -> bool) -> bool {
    let mut blocks = blocks.iter();
    blocks.any(|block| is(block) || any(&block.children, is))
}

fn each(blocks: &mut [SnapshotBlock], change: &impl Fn(&mut SnapshotBlock)) {
    for block in blocks {
        change(block);
        each(&mut block.children, change);
    }
}

fn nodes(blocks: &[SnapshotBlock]) -> Vec<DocxNode<Value>> {
    let node = |block: &SnapshotBlock| DocxNode {
        block: block.block.clone(),
        children: nodes(&block.children),
    };
    blocks.iter().map(node).collect()
}

/// The placeholder for content that cannot be written.
fn placeholder(thing: Unwritable, language: Language) -> String {
    format!("[{}]", thing_in_words(thing).to(language))
}

/// The name of content that the API cannot write.
pub(crate) fn thing_in_words(thing: Unwritable) -> Bilingual {
    match thing {
        Unwritable::Image => Bilingual::new("图片", "image"),
        Unwritable::File => Bilingual::new("文件", "file"),
        Unwritable::Table => Bilingual::new("表格", "table"),
        Unwritable::Sheet => Bilingual::new("电子表格", "spreadsheet"),
        Unwritable::Base => Bilingual::new("多维表格", "Base"),
        Unwritable::Callout => Bilingual::new("高亮块", "callout"),
        Unwritable::Board => Bilingual::new("画板", "drawing"),
        Unwritable::EmbeddedPage => Bilingual::new("嵌入网页", "embedded page"),
        Unwritable::GroupCard => Bilingual::new("群名片", "group card"),
        Unwritable::Poll => Bilingual::new("投票", "poll"),
        Unwritable::Task => Bilingual::new("任务", "task"),
        Unwritable::Comment => Bilingual::new("评论", "comment"),
        Unwritable::Other => Bilingual::new("其他嵌入内容", "other embedded content"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn listed(blocks: Value) -> Snapshot {
        let blocks: Vec<ReadBlock> = serde_json::from_value(blocks).unwrap();
        Snapshot::of_docx(&blocks, &"oc_1".into())
    }

    fn text(id: &str, words: &str, children: &[&str]) -> Value {
        let run = json!({ "text_run": { "content": words, "text_element_style": {} } });
        json!({ "block_id": id, "parent_id": "oc_1", "block_type": 12, "children": children,
            "bullet": { "elements": [run] } })
    }

    #[test]
    fn a_docx_body_is_kept_as_a_tree() {
        let body = listed(json!([
            { "block_id": "oc_1", "block_type": 1, "children": ["a", "d"], "page": {} },
            text("a", "one", &["b", "c"]), text("b", "two", &[]), text("c", "three", &[]),
            text("d", "four", &[]),
        ]));
        assert!(body.lost.is_empty());
        let snapshot = body;
        assert_eq!(snapshot.block_count(), 4);
        let nodes = snapshot.to_docx();
        assert_eq!((nodes.len(), nodes[0].children.len()), (2, 2));
        let words = |node: &DocxNode<Value>| {
            node.block["bullet"]["elements"][0]["text_run"]["content"].clone()
        };
        assert_eq!(words(&nodes[0].children[1]), "three");
        assert_eq!(nodes[1].block.get("block_id"), None);
        let stored = serde_json::to_string(&snapshot).unwrap();
        assert_eq!(serde_json::from_str::<Snapshot>(&stored).unwrap(), snapshot);
    }

    #[test]
    fn blocks_below_each_other_are_kept_at_any_depth() {
        let next = |number: usize| format!("b{number}");
        let blocks = (0..500).map(|number| text(&next(number), "x", &[&next(number + 1)]));
        let page = json!({ "block_id": "oc_1", "block_type": 1, "children": [next(0), "last"] });
        let last = text("last", "y", &[]);
        let snapshot = listed(blocks.chain([page, last]).collect());
        assert_eq!((snapshot.block_count(), snapshot.blocks.len()), (501, 2));
        let stored = serde_json::to_string(&snapshot).unwrap();
        assert_eq!(serde_json::from_str::<Snapshot>(&stored).unwrap(), snapshot);
    }

    #[test]
    fn what_is_lost_is_named_once_with_all_below_it_in_the_language_of_the_rest() {
        let page = json!({ "block_id": "oc_1", "block_type": 1, "children": ["a", "t", "i"] });
        let table = json!({ "block_id": "t", "block_type": 31, "children": ["x"], "table": {} });
        let cell = json!({ "block_id": "x", "block_type": 32, "children": ["y"] });
        let image = json!({ "block_id": "i", "block_type": 27, "image": {} });
        let within = json!({ "block_id": "y", "block_type": 27, "image": {} });
        for (words, expected) in [("规定", "[表格]"), ("rules", "[table]")] {
            let body = listed(json!([
                page,
                text("a", words, &[]),
                table,
                cell,
                image,
                within
            ]));
            let lost = [Unwritable::Image, Unwritable::Table];
            assert_eq!(body.lost, BTreeSet::from(lost));
            assert_eq!(body.block_count(), 3);
            let placeholder = &body.blocks[1].block;
            let run = &placeholder["text"]["elements"][0]["text_run"];
            assert_eq!(run["content"], expected);
        }
    }

    #[test]
    fn what_is_lost_is_known_again_whatever_language_comes_beside_it() {
        let image = json!({ "block_id": "i", "block_type": 27, "image": {} });
        let page = |ids: &[&str]| json!({ "block_id": "oc_1", "block_type": 1, "children": ids });
        let saved = listed(json!([page(&["i"]), image]));
        let blocks = json!([page(&["n", "i"]), text("n", "规定", &[]), image]);
        let blocks: Vec<ReadBlock> = serde_json::from_value(blocks).unwrap();
        let now = saved.current_docx(&blocks, &"oc_1".into());
        assert_eq!(now.blocks[1..], saved.blocks);
    }

    #[test]
    fn blocks_that_are_below_each_other_are_read_once() {
        let body = listed(json!([
            { "block_id": "oc_1", "block_type": 1, "children": ["a", "oc_1"] },
            text("a", "one", &["b"]), text("b", "two", &["a", "b", "oc_1"]),
        ]));
        assert_eq!(body.block_count(), 2);
    }

    #[test]
    fn the_line_that_ends_a_legacy_document_is_not_kept() {
        let check = |lines: &[&str], expected: usize| {
            let blocks = lines.iter().map(|line| {
                let elements = json!([{ "type": "textRun", "textRun": { "text": line } }]);
                json!({ "type": "paragraph", "paragraph": { "elements": elements } })
            });
            let content = json!({ "body": { "blocks": blocks.collect::<Vec<_>>() } });
            let document = LegacyDocument::parse(&content.to_string()).unwrap();
            let snapshot = Snapshot::of_legacy(&document);
            assert_eq!(snapshot.to_legacy().len(), expected, "{lines:?}");
            for (placed, block) in document.blocks.iter().zip(snapshot.to_legacy()) {
                assert!(placed.holds(&block));
            }
        };
        check(&[""], 0);
        check(&["a", ""], 1);
        check(&["a", "", "b"], 3);
        check(&["a", "", ""], 2);
        let link = json!({ "type": "docsLink", "docsLink": { "url": "u" } });
        let last = json!({ "type": "paragraph", "paragraph": { "elements": [link] } });
        let content = json!({ "body": { "blocks": [last] } }).to_string();
        let snapshot = Snapshot::of_legacy(&LegacyDocument::parse(&content).unwrap());
        assert_eq!(
            snapshot.block_count(),
            1,
            "a link to a document is no empty line"
        );
    }

    #[test]
    fn people_go_by_their_names_on_every_level() {
        let mention = |id: &str, children: &[&str]| {
            let who = json!({ "mention_user": { "user_id": "ou_1" } });
            json!({ "block_id": id, "block_type": 2, "children": children, "text": { "elements": [who] } })
        };
        let snapshot = listed(json!([
            { "block_id": "oc_1", "block_type": 1, "children": ["a"] },
            mention("a", &["b"]), mention("b", &[]),
        ]));
        assert!(snapshot.mentions_anybody());
        let named = snapshot.without_mentions(&|_| "@Lin".to_owned());
        assert!(!named.mentions_anybody());
        assert_eq!(named.block_count(), 2);
    }
}
