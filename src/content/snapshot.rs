//! The content of an announcement before it was replaced, kept for `/undo`.

use std::collections::{BTreeSet, HashMap};

use feishu::{
    BlockId, BlockType, ChatId, ImageLayout, LegacyBlock, LegacyDocument, OpenId, PlacedBlock,
    ReadBlock, Unwritable, mentions_anybody, without_mentions,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::docx::DocxNode;
use super::media::MediaFile;
use crate::language::{Bilingual, Language};

/// The blocks of an announcement of either format, in the form that the API writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Each block is followed by its children. The list is flat, because JSON parsers limit the
    /// depth and announcements do not.
    blocks: Vec<SnapshotBlock>,
    /// The language of the placeholders for lost content.
    language: Language,
    /// Content that the API cannot write.
    pub lost: BTreeSet<Unwritable>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SnapshotBlock {
    /// Set in `docx` announcements only.
    id: Option<BlockId>,
    block: Value,
    /// Number of ancestors.
    depth: usize,
    /// The file of an empty block, which the bot has copied into the announcement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<MediaFile>,
}

impl Snapshot {
    /// The blocks of a `docx` announcement, as listed by the API.
    pub fn of_docx(blocks: &[ReadBlock], chat: &ChatId) -> Self {
        Self::with_files(blocks, chat, &HashMap::new())
    }

    /// The same with the pictures and files that can be copied again, by their tokens.
    pub(crate) fn with_files(
        blocks: &[ReadBlock],
        chat: &ChatId,
        files: &HashMap<String, MediaFile>,
    ) -> Self {
        Self::in_its_language(|language| Self::docx_in(language, blocks, chat, files))
    }

    /// The approximate memory of a [`Snapshot`] of these blocks, in bytes.
    pub fn weight_of_docx(blocks: &[ReadBlock], chat: &ChatId) -> usize {
        let mut weight = 0;
        walk(blocks, chat, |block, _| {
            let is_copied = block.is_writable();
            weight += usize::from(is_copied) * block.weight();
            is_copied
        });
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

    fn docx_in(
        language: Language,
        blocks: &[ReadBlock],
        chat: &ChatId,
        files: &HashMap<String, MediaFile>,
    ) -> Self {
        let mut snapshot = Self::empty(language);
        let copied = copied_files(blocks, files);
        walk(blocks, chat, |block, depth| {
            let id = block.block_id.as_ref();
            // The platform is known to accept new files at the top level.
            if let Some(file) = id.and_then(|id| copied.get(id)).filter(|_| depth == 0) {
                snapshot.blocks.push(SnapshotBlock {
                    id: id.cloned(),
                    block: json!(file.block()),
                    depth,
                    file: Some(file.clone()),
                });
                return false;
            }
            let copied = block.copied(|thing| placeholder(thing, language));
            snapshot.lost.extend(copied.lost);
            snapshot.blocks.push(SnapshotBlock {
                id: block.block_id.clone(),
                block: copied.block,
                depth,
                file: None,
            });
            !copied.is_gone
        });
        snapshot
    }

    fn legacy_in(language: Language, document: &LegacyDocument) -> Self {
        let blocks = match document.blocks.split_last() {
            Some((last, before)) if last.text.as_deref() == Some("") => before,
            _ => &document.blocks,
        };
        let mut snapshot = Self::empty(language);
        for block in blocks {
            let copied = block.copied(|thing| placeholder(thing, language));
            snapshot.lost.extend(copied.lost);
            snapshot.blocks.push(SnapshotBlock {
                id: None,
                block: copied.block,
                depth: 0,
                file: None,
            });
        }
        snapshot
    }

    fn empty(language: Language) -> Self {
        Self {
            blocks: Vec::new(),
            language,
            lost: BTreeSet::new(),
        }
    }

    /// Names lost content in the language of the rest.
    fn in_its_language(read: impl Fn(Language) -> Self) -> Self {
        let snapshot = read(Language::En);
        let blocks = snapshot.blocks.iter().filter(|block| block.depth == 0);
        let text: String = blocks.map(|block| block.block.to_string()).collect();
        match Language::of(&text) {
            Language::Zh if !snapshot.lost.is_empty() => read(Language::Zh),
            Language::Zh | Language::En => snapshot,
        }
    }
}

/// The pictures and the views of files that can be copied again.
fn copied_files<'b>(
    blocks: &'b [ReadBlock],
    files: &HashMap<String, MediaFile>,
) -> HashMap<&'b BlockId, MediaFile> {
    if files.is_empty() {
        return HashMap::new();
    }
    let shown = blocks.iter().filter_map(|block| {
        let file = files.get(&block.file_token()?)?;
        Some((block.block_id.as_ref()?, (block.block_type(), file)))
    });
    let shown: HashMap<_, _> = shown.collect();
    let top_level = blocks.iter().filter_map(|block| {
        let id = block.block_id.as_ref()?;
        let (child, is_shown) = match (block.block_type(), block.children.as_slice()) {
            (BlockType::View, [file]) => (shown.get(file)?, BlockType::File),
            _ => (shown.get(id)?, BlockType::Image),
        };
        let layout = block.image_layout();
        let file = MediaFile {
            layout: (layout != ImageLayout::default()).then(|| Box::new(layout)),
            ..child.1.clone()
        };
        (child.0 == is_shown).then_some((id, file))
    });
    top_level.collect()
}

/// Visits the blocks of the page, each before its children, with its depth; the children only if
/// `visit` returns `true`. Each block is visited once, so cycles end.
fn walk(blocks: &[ReadBlock], chat: &ChatId, mut visit: impl FnMut(&ReadBlock, usize) -> bool) {
    let ids = blocks.iter();
    let mut unseen: HashMap<&str, &ReadBlock> = ids
        .filter_map(|block| Some((block.block_id.as_ref()?.as_str(), block)))
        .collect();
    // The page block has the chat's id.
    let page = unseen.remove(chat.as_str());
    let mut next: Vec<_> = page.map_or(Vec::new(), |page| children(page, 0).collect());
    while let Some((id, depth)) = next.pop() {
        if let Some(block) = unseen.remove(id)
            && visit(block, depth)
        {
            next.extend(children(block, depth + 1));
        }
    }
}

/// The ids of a block's children, last first, with their depth.
fn children(block: &ReadBlock, depth: usize) -> impl Iterator<Item = (&str, usize)> {
    let ids = block.children.iter().rev();
    ids.map(move |id| (id.as_str(), depth))
}

impl Snapshot {
    /// The current content of a `docx` announcement, for comparison with this snapshot:
    /// placeholders are in the same language.
    #[must_use]
    pub fn current_docx(&self, blocks: &[ReadBlock], chat: &ChatId) -> Self {
        let files = self.blocks.iter().filter_map(|block| block.file.clone());
        let files = files.filter_map(|file| Some((file.token.clone()?, file)));
        Self::docx_in(self.language, blocks, chat, &files.collect())
    }

    /// Like [`Snapshot::current_docx`], for a `doc` announcement.
    #[must_use]
    pub fn current_legacy(&self, document: &LegacyDocument) -> Self {
        Self::legacy_in(self.language, document)
    }

    /// Keeps only the top-level blocks with these ids, and their children.
    pub(crate) fn retain_ids(mut self, ids: &[BlockId]) -> Self {
        let mut is_kept = false;
        self.blocks.retain(|block| {
            if block.depth == 0 {
                is_kept = block.id.as_ref().is_some_and(|id| ids.contains(id));
            }
            is_kept
        });
        self
    }

    /// The top-level blocks, each with its children.
    pub(crate) fn top_level(&self) -> impl Iterator<Item = &[SnapshotBlock]> {
        self.blocks.chunk_by(|_, next| next.depth > 0)
    }

    /// The ids of the top-level blocks.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &BlockId> {
        let blocks = self.blocks.iter().filter(|block| block.depth == 0);
        blocks.filter_map(|block| block.id.as_ref())
    }

    /// Whether the blocks of this snapshot are consecutive in another one.
    pub(crate) fn is_part_of(&self, other: &Self) -> bool {
        let mut runs = other.blocks.windows(self.blocks.len().max(1));
        self.is_empty() || runs.any(|run| run == self.blocks)
    }

    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Including nested ones.
    pub fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// Including nested ones; cells and columns do not count, but the lines in them do.
    pub fn line_count(&self) -> usize {
        let lines = self.blocks.iter();
        lines.filter(|block| !feishu::is_part(&block.block)).count()
    }

    pub fn mentions_anybody(&self) -> bool {
        let mut blocks = self.blocks.iter();
        blocks.any(|block| mentions_anybody(&block.block))
    }

    /// Replaces mentions by names.
    #[must_use]
    pub fn without_mentions(&self, name: &impl Fn(&OpenId) -> String) -> Self {
        let mut snapshot = self.clone();
        for block in &mut snapshot.blocks {
            without_mentions(&mut block.block, name);
        }
        snapshot
    }

    pub fn to_docx(&self) -> Vec<DocxNode<Value>> {
        nodes(&self.blocks, self.language)
    }

    pub fn to_legacy(&self) -> Vec<LegacyBlock> {
        let blocks = self.blocks.iter();
        blocks
            .map(|block| LegacyBlock::Copied(block.block.clone()))
            .collect()
    }
}

fn nodes(blocks: &[SnapshotBlock], language: Language) -> Vec<DocxNode<Value>> {
    let depth = blocks.first().map_or(0, |first| first.depth);
    let families = blocks.chunk_by(|_, next| next.depth > depth);
    let node = |family: &[SnapshotBlock]| DocxNode {
        block: family[0].block.clone(),
        children: nodes(&family[1..], language),
        is_container: feishu::is_container(&family[0].block),
        media: family[0]
            .file
            .as_ref()
            .and_then(|file| file.to_copy(language)),
    };
    families.map(node).collect()
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
        Unwritable::MergedCells => Bilingual::new("合并的单元格", "merged cells"),
        Unwritable::Okr => Bilingual::new("OKR", "OKR"),
        Unwritable::SyncedBlock => Bilingual::new("同步块", "synced block"),
        Unwritable::LinkPreview => Bilingual::new("链接预览", "link preview"),
        Unwritable::Agenda => Bilingual::new("议程", "agenda"),
        Unwritable::Widget => Bilingual::new("小组件", "widget"),
        Unwritable::PageList => Bilingual::new("子页面列表", "list of pages"),
        Unwritable::Issue => Bilingual::new("Jira 问题", "Jira issue"),
        Unwritable::Other => Bilingual::new("其他嵌入内容", "other embedded content"),
    }
}

#[cfg(test)]
mod tests {
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
    fn a_docx_snapshot_keeps_nested_blocks() {
        let body = listed(json!([
            { "block_id": "oc_1", "block_type": 1, "children": ["a", "d"], "page": {} },
            text("a", "one", &["b", "c"]), text("b", "two", &[]), text("c", "three", &[]),
            text("d", "four", &[]),
        ]));
        assert!(body.lost.is_empty());
        let snapshot = body;
        assert_eq!(snapshot.line_count(), 4);
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
    fn nesting_of_any_depth_is_kept() {
        let next = |number: usize| format!("b{number}");
        let blocks = (0..500).map(|number| text(&next(number), "x", &[&next(number + 1)]));
        let page = json!({ "block_id": "oc_1", "block_type": 1, "children": [next(0), "last"] });
        let last = text("last", "y", &[]);
        let snapshot = listed(blocks.chain([page, last]).collect());
        assert_eq!(
            (snapshot.line_count(), snapshot.top_level().count()),
            (501, 2)
        );
        let stored = serde_json::to_string(&snapshot).unwrap();
        assert_eq!(serde_json::from_str::<Snapshot>(&stored).unwrap(), snapshot);
    }

    #[test]
    fn lost_content_becomes_one_translated_placeholder() {
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
            assert_eq!(body.line_count(), 3);
            let placeholder = &body.blocks[1].block;
            let run = &placeholder["text"]["elements"][0]["text_run"];
            assert_eq!(run["content"], expected);
        }
    }

    #[test]
    fn only_copies_at_the_top_level_are_kept() {
        let file = MediaFile {
            medium: feishu::Medium::Image,
            name: None,
            key: "img_1".to_owned(),
            message: Some("om_1".into()),
            language: None,
            token: Some("box1".to_owned()),
            layout: None,
        };
        let files = HashMap::from([("box1".to_owned(), file)]);
        let image = |id: &str, token: &str| json!({ "block_id": id, "block_type": 27, "image": { "token": token } });
        let page = |children: &[&str]| json!({ "block_id": "oc_1", "block_type": 1, "children": children });
        for (blocks, lost, kept) in [
            (json!([page(&["i"]), image("i", "box1")]), 0, 1),
            (json!([page(&["i"]), image("i", "box2")]), 1, 1),
            (
                json!([page(&["a"]), text("a", "words", &["i"]), image("i", "box1")]),
                1,
                2,
            ),
        ] {
            let blocks: Vec<ReadBlock> = serde_json::from_value(blocks).unwrap();
            let snapshot = Snapshot::with_files(&blocks, &"oc_1".into(), &files);
            assert_eq!((snapshot.lost.len(), snapshot.block_count()), (lost, kept));
            assert_eq!(snapshot.current_docx(&blocks, &"oc_1".into()), snapshot);
            let copied = snapshot
                .to_docx()
                .iter()
                .filter(|node| node.media.is_some())
                .count();
            assert_eq!(copied, usize::from(lost == 0));
        }
    }

    #[test]
    fn placeholders_compare_equal_in_other_languages() {
        let image = json!({ "block_id": "i", "block_type": 27, "image": {} });
        let page = |ids: &[&str]| json!({ "block_id": "oc_1", "block_type": 1, "children": ids });
        let saved = listed(json!([page(&["i"]), image]));
        let blocks = json!([page(&["n", "i"]), text("n", "规定", &[]), image]);
        let blocks: Vec<ReadBlock> = serde_json::from_value(blocks).unwrap();
        let now = saved.current_docx(&blocks, &"oc_1".into());
        assert_eq!(now.blocks[1..], saved.blocks);
    }

    #[test]
    fn cyclic_blocks_are_read_once() {
        let body = listed(json!([
            { "block_id": "oc_1", "block_type": 1, "children": ["a", "oc_1"] },
            text("a", "one", &["b"]), text("b", "two", &["a", "b", "oc_1"]),
        ]));
        assert_eq!(body.line_count(), 2);
    }

    #[test]
    fn the_empty_last_legacy_line_is_dropped() {
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
            snapshot.line_count(),
            1,
            "a link to a document is no empty line"
        );
    }

    #[test]
    fn mentions_become_names_at_every_depth() {
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
        assert_eq!(named.line_count(), 2);
    }
}
