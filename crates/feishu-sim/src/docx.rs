//! The upgraded announcement document: a page block, its descendants, revisions and replays.

use std::{
    collections::{HashMap, VecDeque},
    ops::Range,
};

use serde_json::{Value, json};

use crate::{
    docx_block::Content,
    docx_container::may_contain,
    edit::Edit,
    ids::{ChatId, Ids},
    metadata::{Editor, Metadata},
    rebase::{self, Splice},
    refusal::Refusal,
};

/// The maximum age of a write's revision.
const MAX_BEHIND: usize = 1000;

/// When the platform puts an empty line into a new cell, callout or quote container. The pages say
/// so of columns only; reports have it of the others, too, sometimes a moment later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FirstLine {
    /// With the block.
    #[default]
    AtOnce,
    /// After the blocks are read once.
    Later,
    /// Never.
    Never,
}

/// The position of an insertion.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// `None` appends.
    pub(crate) index: Option<usize>,
    /// The revision that the index refers to; −1 is the newest.
    pub(crate) revision: i64,
}

/// A document and the edits of its last thousand revisions.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// The id of the page block, which is the chat's id.
    page: String,
    blocks: HashMap<String, Block>,
    /// The parent and the splice of each revision, oldest first.
    log: VecDeque<(String, Splice)>,
    /// Blocks that still get the empty line with which they begin.
    late_lines: Vec<String>,
    /// First responses, by client token.
    pub(crate) replays: HashMap<String, Value>,
    pub(crate) metadata: Metadata,
}

#[derive(Clone, Debug, Default)]
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
            late_lines: Vec::new(),
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
        contents
            .filter_map(|content| content.text(&name_of))
            .collect()
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
        lines: FirstLine,
        (ids, now_ms): (&mut Ids, u64),
    ) -> Result<Vec<Value>, Refusal> {
        let Place { index, revision } = place;
        let since = self.since(parent, revision)?;
        let block = self.blocks.get(parent).ok_or_else(not_found)?;
        if let Some(above) = &block.content {
            if !above.takes_children() {
                return Err(Refusal::code(1_770_028));
            }
            let fits = |content: &Content| may_contain(above.block_type, content.block_type);
            if !contents.iter().all(fits) {
                return Err(Refusal::code(1_770_030));
            }
        }
        let then = length_then(block.children.len(), &since);
        let index = index.unwrap_or(then);
        if index > then {
            return Err(Refusal::code(1_770_001));
        }
        let at = rebase::point(index, &since);
        let fresh = self.insert(parent, at, contents, ids);
        self.commit(parent, Splice::new(at, 0, fresh.len()), now_ms);
        for id in &fresh {
            self.furnish(id, lines, ids);
        }
        Ok(self.show(fresh.iter().map(String::as_str)))
    }

    /// Adds what the platform puts into a new block: the cells of a table, the columns of a grid, and
    /// an empty line.
    pub(crate) fn furnish(&mut self, id: &str, lines: FirstLine, ids: &mut Ids) {
        let Some(content) = self.blocks.get(id).and_then(|block| block.content.as_ref()) else {
            return;
        };
        let is_column = content.block_type == 25;
        let (shell, begins_with_line) = (content.shell(), content.begins_with_line());
        for inner in self.insert(id, 0, shell.unwrap_or_default(), ids) {
            self.furnish(&inner, lines, ids);
        }
        match lines {
            _ if !begins_with_line => {}
            // Documented for columns only.
            _ if is_column => self.add_line(id, ids),
            FirstLine::AtOnce => self.add_line(id, ids),
            FirstLine::Later => self.late_lines.push(id.to_owned()),
            FirstLine::Never => {}
        }
    }

    fn add_line(&mut self, id: &str, ids: &mut Ids) {
        self.insert(id, 0, vec![Content::plain("")], ids);
    }

    /// Adds the empty lines that were due.
    pub(crate) fn add_late_lines(&mut self, ids: &mut Ids, now_ms: u64) {
        for id in std::mem::take(&mut self.late_lines) {
            if self.blocks.contains_key(&id) {
                self.add_line(&id, ids);
                self.commit(&id, Splice::new(0, 0, 1), now_ms);
            }
        }
    }

    pub(crate) fn content_mut(&mut self, id: &str) -> Option<&mut Content> {
        self.blocks.get_mut(id)?.content.as_mut()
    }

    /// Replaces the page's children by the blocks of another document, which a person copied there;
    /// the first is its page.
    pub(crate) fn load(&mut self, blocks: &[Value], now_ms: u64) {
        let page = self.page.clone();
        let removed = self.children(&page).map_or(0, <[String]>::len);
        self.remove(&page, 0..removed);
        let ids = |value: &Value| -> Vec<String> {
            let ids = value.as_array().into_iter().flatten();
            ids.filter_map(|id| id.as_str().map(str::to_owned))
                .collect()
        };
        let Some((first, others)) = blocks.split_first() else {
            return;
        };
        let top = ids(&first["children"]);
        for block in others {
            let id = block["block_id"].as_str().unwrap_or_default().to_owned();
            let parent = match block["parent_id"].as_str().unwrap_or_default() {
                _ if top.contains(&id) => page.clone(),
                parent => parent.to_owned(),
            };
            let loaded = Block {
                parent,
                content: Some(Content::of_person(block)),
                children: ids(&block["children"]),
            };
            self.blocks.insert(id, loaded);
        }
        let inserted = top.len();
        if let Some(block) = self.blocks.get_mut(&page) {
            block.children = top;
        }
        self.commit(&page, Splice::new(0, removed, inserted), now_ms);
        self.metadata.editor = Editor::Owner;
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
        let block = self
            .blocks
            .get(parent)
            .and_then(|block| block.content.as_ref());
        if range.len() >= children.len() && block.is_some_and(Content::is_never_empty) {
            return Err(Refusal::code(1_770_024));
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
            Edit::OtherPicture { at } => {
                let id = children.get(at)?.clone();
                self.blocks.get_mut(&id)?.content = Some(Content::picture());
                (0, 0, 0)
            }
            Edit::Layout {
                at,
                size,
                align,
                caption,
            } => {
                let id = children.get(at)?.clone();
                let content = self.blocks.get_mut(&id)?.content.as_mut()?;
                content.lay_out(size, align, &caption);
                (0, 0, 0)
            }
            Edit::Rewrite { at, line } => {
                let id = children.get(at)?.clone();
                self.blocks.get_mut(&id)?.content = Some(Content::plain(&line));
                // The block remains, so no position moves.
                (0, 0, 0)
            }
            Edit::Cell { at, cell, line } => {
                let table = self.blocks.get(children.get(at)?)?;
                let cell = table.children.get(cell)?.clone();
                let lines = self.blocks.get(&cell)?.children.len();
                self.remove(&cell, 0..lines);
                self.insert(&cell, 0, vec![Content::plain(&line)], ids);
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

    pub(crate) fn insert(
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
    pub(crate) fn since(&self, parent: &str, revision: i64) -> Result<Vec<Splice>, Refusal> {
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

    pub(crate) fn commit(&mut self, parent: &str, splice: Splice, now_ms: u64) {
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

pub(crate) fn not_found() -> Refusal {
    Refusal::code(1_770_002)
}

/// The number of children before the splices.
fn length_then(now: usize, since: &[Splice]) -> usize {
    since.iter().fold(now, |length, splice| {
        (length + splice.removed).saturating_sub(splice.inserted)
    })
}
