//! The upgraded announcement document: a page block, its descendants, revisions and replays.

use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
};

use serde_json::{Value, json};

use crate::{
    docx_block::Content,
    edit::Edit,
    ids::{ChatId, Ids},
    metadata::{Editor, Metadata},
    rebase::{self, Splice},
    refusal::Refusal,
};

/// The maximum age of a write's revision.
const MAX_BEHIND: usize = 1000;

/// The position of an insertion.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// `None` appends.
    pub(crate) index: Option<usize>,
    /// The revision that the index refers to; −1 is the newest.
    pub(crate) revision: i64,
}

/// A document and the edits of its last thousand revisions.
#[derive(Debug)]
pub(crate) struct Document {
    /// The id of the page block, which is the chat's id.
    page: String,
    blocks: HashMap<String, Block>,
    /// The parent and the splice of each revision, oldest first.
    log: VecDeque<(String, Splice)>,
    /// First responses, by client token.
    pub(crate) replays: HashMap<String, Value>,
    pub(crate) metadata: Metadata,
}

#[derive(Debug, Default)]
struct Block {
    parent: String,
    /// Absent for the page.
    content: Option<Content>,
    children: Vec<String>,
}

impl Document {
    /// An empty page at revision 1.
    pub(crate) fn new(chat: &ChatId, now_ms: u64) -> Self {
        let page = chat.as_str().to_owned();
        Self {
            blocks: HashMap::from([(page.clone(), Block::default())]),
            page,
            log: VecDeque::new(),
            replays: HashMap::new(),
            metadata: Metadata::new(1, now_ms),
        }
    }

    /// The texts of all blocks below the page, in reading order.
    pub(crate) fn lines(&self, name_of: impl Fn(&str) -> String) -> Vec<String> {
        let contents = self
            .ids(&self.page)
            .into_iter()
            .filter_map(|id| self.blocks.get(id)?.content.as_ref());
        contents.map(|content| content.text(&name_of)).collect()
    }

    /// All blocks in reading order, beginning with the page.
    pub(crate) fn all_blocks(&self) -> Vec<Value> {
        self.show(self.ids(&self.page))
    }

    /// The ids of a block and its descendants, in reading order.
    pub(crate) fn ids<'a>(&'a self, id: &'a str) -> Vec<&'a str> {
        let mut ids = Vec::new();
        let mut waiting = vec![id];
        while let Some(id) = waiting.pop() {
            ids.push(id);
            let children = self
                .blocks
                .get(id)
                .map_or([].as_slice(), |block| &block.children);
            waiting.extend(children.iter().rev().map(String::as_str));
        }
        ids
    }

    /// Blocks in the form of the API.
    pub(crate) fn show<'a>(&'a self, ids: impl IntoIterator<Item = &'a str>) -> Vec<Value> {
        ids.into_iter().filter_map(|id| self.block(id)).collect()
    }

    /// A block in the form of the API.
    pub(crate) fn block(&self, id: &str) -> Option<Value> {
        let block = self.blocks.get(id)?;
        Some(match &block.content {
            Some(content) => content.show(id, &block.parent, &block.children),
            None => self.show_page(&block.children),
        })
    }

    pub(crate) fn children(&self, id: &str) -> Option<&[String]> {
        Some(&self.blocks.get(id)?.children)
    }

    /// Inserts children; returns them in the form of the API.
    pub(crate) fn create(
        &mut self,
        parent: &str,
        place: Place,
        contents: Vec<Content>,
        ids: &mut Ids,
        now_ms: u64,
    ) -> Result<Vec<Value>, Refusal> {
        let Place { index, revision } = place;
        let since = self.since(parent, revision)?;
        let block = self.blocks.get(parent).ok_or_else(not_found)?;
        if block
            .content
            .as_ref()
            .is_some_and(|content| !content.takes_children())
        {
            return Err(Refusal::code(1_770_028));
        }
        let then = length_then(block.children.len(), &since);
        let index = index.unwrap_or(then);
        if index > then {
            return Err(Refusal::code(1_770_001));
        }
        let at = rebase::point(index, &since);
        let fresh = self.insert(parent, at, contents, ids);
        self.commit(parent, Splice::new(at, 0, fresh.len()), now_ms);
        Ok(self.show(fresh.iter().map(String::as_str)))
    }

    /// Deletes the remaining children of those that were in `range` at `revision`.
    pub(crate) fn delete(
        &mut self,
        parent: &str,
        range: Range<usize>,
        revision: i64,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        let since = self.since(parent, revision)?;
        let children = self.children(parent).ok_or_else(not_found)?;
        if range.start >= range.end || range.end > length_then(children.len(), &since) {
            return Err(Refusal::code(1_770_001));
        }
        // From the end, so that earlier parts do not move.
        for part in rebase::ranges(range, &since).into_iter().rev() {
            self.remove(parent, part.clone());
            self.commit(parent, Splice::new(part.start, part.len(), 0), now_ms);
        }
        Ok(())
    }

    /// Replaces the page's children as a person in the client does.
    pub(crate) fn write_by_hand(&mut self, paragraphs: &[String], ids: &mut Ids, now_ms: u64) {
        let page = self.page.clone();
        let removed = self.children(&page).map_or(0, <[String]>::len);
        self.remove(&page, 0..removed);
        let contents = paragraphs.iter().map(|text| Content::plain(text)).collect();
        let inserted = self.insert(&page, 0, contents, ids).len();
        self.commit(&page, Splice::new(0, removed, inserted), now_ms);
        self.metadata.editor = Editor::Owner;
    }

    /// One edit by a person in the client.
    pub(crate) fn edit_by_hand(&mut self, edit: Edit, ids: &mut Ids, now_ms: u64) {
        let page = self.page.clone();
        if let Some(splice) = self.edit_children(&page, edit, ids) {
            self.commit(&page, splice, now_ms);
            self.metadata.editor = Editor::Owner;
        }
    }

    /// The splice of an edit; `None` if its block does not exist.
    fn edit_children(&mut self, parent: &str, edit: Edit, ids: &mut Ids) -> Option<Splice> {
        let children = self.children(parent)?;
        let end = children.len();
        let (at, removed, inserted) = match edit {
            Edit::Type { at, line } => {
                self.insert(parent, at.min(end), vec![Content::plain(&line)], ids);
                (at.min(end), 0, 1)
            }
            Edit::Picture { at } => {
                self.insert(parent, at.min(end), vec![Content::picture()], ids);
                (at.min(end), 0, 1)
            }
            Edit::Rewrite { at, line } => {
                let id = children.get(at)?.clone();
                self.blocks.get_mut(&id)?.content = Some(Content::plain(&line));
                // The block remains, so no position moves.
                (0, 0, 0)
            }
            Edit::Remove { at } => {
                children.get(at)?;
                self.remove(parent, at..at + 1);
                (at, 1, 0)
            }
        };
        Some(Splice::new(at, removed, inserted))
    }

    fn insert(
        &mut self,
        parent: &str,
        at: usize,
        contents: Vec<Content>,
        ids: &mut Ids,
    ) -> Vec<String> {
        let mut fresh = Vec::new();
        for content in contents {
            let id = format!("doxcn{}", &ids.hex()[..22]);
            let block = Block {
                parent: parent.to_owned(),
                content: Some(content),
                children: Vec::new(),
            };
            self.blocks.insert(id.clone(), block);
            fresh.push(id);
        }
        if let Some(parent) = self.blocks.get_mut(parent) {
            parent.children.splice(at..at, fresh.iter().cloned());
        }
        fresh
    }

    fn remove(&mut self, parent: &str, range: Range<usize>) {
        let Some(block) = self.blocks.get_mut(parent) else {
            return;
        };
        let mut gone: Vec<String> = block.children.drain(range).collect();
        while let Some(id) = gone.pop() {
            gone.extend(
                self.blocks
                    .remove(&id)
                    .into_iter()
                    .flat_map(|block| block.children),
            );
        }
    }

    /// The splices of the children of `parent` since `revision`.
    fn since(&self, parent: &str, revision: i64) -> Result<Vec<Splice>, Refusal> {
        if revision == -1 {
            return Ok(Vec::new());
        }
        let revision = u64::try_from(revision)
            .ok()
            .filter(|revision| (1..=self.metadata.revision).contains(revision));
        let revision = revision.ok_or_else(|| Refusal::code(1_770_001))?;
        let behind = usize::try_from(self.metadata.revision - revision).unwrap_or(usize::MAX);
        if behind > MAX_BEHIND {
            return Err(Refusal::code(1_770_021));
        }
        let edits = self.log.iter().skip(self.log.len() - behind);
        Ok(edits
            .filter(|(changed, _)| changed == parent)
            .map(|(_, splice)| *splice)
            .collect())
    }

    fn commit(&mut self, parent: &str, splice: Splice, now_ms: u64) {
        self.metadata.add_revision(now_ms);
        self.log.push_back((parent.to_owned(), splice));
        if self.log.len() > MAX_BEHIND {
            self.log.pop_front();
        }
    }

    fn show_page(&self, children: &[String]) -> Value {
        let style = json!({
            "bold": false, "inline_code": false, "italic": false, "strikethrough": false, "underline": false,
        });
        let title = json!({"text_run": {"content": "", "text_element_style": style}});
        let mut page = json!({
            "block_id": self.page, "block_type": 1, "parent_id": "",
            "page": {"elements": [title], "style": {"align": 1}},
        });
        if !children.is_empty() {
            page["children"] = json!(children);
        }
        page
    }
}

fn not_found() -> Refusal {
    Refusal::code(1_770_002)
}

/// The number of children before the splices.
fn length_then(now: usize, since: &[Splice]) -> usize {
    since.iter().fold(now, |length, splice| {
        (length + splice.removed).saturating_sub(splice.inserted)
    })
}
