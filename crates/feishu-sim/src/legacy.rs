//! The legacy announcement document: a title, blocks, and UTF-16 offsets computed from them.

use std::collections::VecDeque;
use std::ops::Range;

use serde_json::{Value, json};

use crate::edit::Edit;
use crate::ids::Ids;
use crate::legacy_block::{Block, Element, location, units};
use crate::legacy_operation::{Operation, Place, in_order};
use crate::metadata::{Editor, Metadata};
use crate::rebase::{self, Splice};
use crate::refusal::{Refusal, failed};

/// The maximum age of a request's revision.
const MAX_BEHIND: usize = 100;

/// A document and the edits of its last hundred revisions.
#[derive(Debug)]
pub(crate) struct Document {
    body: Body,
    /// The splices of each revision, oldest first.
    log: VecDeque<Vec<Splice>>,
    pub(crate) metadata: Metadata,
}

/// The content, which a batch replaces as a whole or not at all.
#[derive(Clone, Debug)]
struct Body {
    title: String,
    blocks: Vec<Block>,
}

impl Document {
    /// An empty document: an empty title and one empty paragraph, at revision 0.
    pub(crate) fn new(now_ms: u64) -> Self {
        Self {
            body: Body {
                title: String::new(),
                blocks: vec![Block::plain("")],
            },
            log: VecDeque::new(),
            metadata: Metadata::new(0, now_ms),
        }
    }

    /// The text of each block, without a last empty line.
    pub(crate) fn lines(&self, name_of: impl Fn(&str) -> String) -> Vec<String> {
        let mut lines: Vec<String> = self
            .body
            .blocks
            .iter()
            .map(|block| block.text(&name_of))
            .collect();
        if self.body.blocks.last().is_some_and(Block::is_empty_line) {
            lines.pop();
        }
        lines
    }

    /// The content JSON of the API.
    pub(crate) fn content(&self) -> Value {
        let title = &self.body.title;
        let elements: Vec<Value> = (!title.is_empty())
            .then(|| {
                let mut element = json!(Element::plain(title));
                element["textRun"]["location"] = location(0, units(title));
                element
            })
            .into_iter()
            .collect();
        let blocks = self.body.blocks.iter().zip(self.body.starts());
        let blocks: Vec<Value> = blocks.map(|(block, start)| block.content(start)).collect();
        json!({
            "title": {"elements": elements, "location": location(0, units(title)), "lineId": "title"},
            "body": {"blocks": blocks},
        })
    }

    /// Replaces the body as a person in the client does, in one revision.
    pub(crate) fn write_by_hand(&mut self, paragraphs: &[String], _: &mut Ids, now_ms: u64) {
        let before = self.body.length();
        let start = self.body.start();
        self.body.blocks = paragraphs
            .iter()
            .map(|text| Block::plain(text))
            .chain([Block::plain("")])
            .collect();
        let splice = Splice::new(start, before - start, self.body.length() - start);
        self.commit(vec![splice], now_ms);
        self.metadata.editor = Editor::Owner;
    }

    /// One edit by a person in the client.
    pub(crate) fn edit_by_hand(&mut self, edit: Edit, now_ms: u64) {
        let blocks = &self.body.blocks;
        let ends_empty = blocks.last().is_some_and(Block::is_empty_line);
        let last_gap = blocks.len() - usize::from(ends_empty);
        let gap = |at: usize| at.min(last_gap)..at.min(last_gap);
        let one = |at: usize| at..at.saturating_add(1);
        let (range, block) = match edit {
            Edit::Type { at, line } => (gap(at), Some(Block::plain(&line))),
            Edit::Picture { at } => (gap(at), Some(Block::picture())),
            Edit::Rewrite { at, line } => (one(at), Some(Block::plain(&line))),
            Edit::Cell { .. } | Edit::OtherPicture { .. } | Edit::Layout { .. } => return,
            Edit::Remove { at } => (one(at), (blocks.len() == 1).then(|| Block::plain(""))),
        };
        if range.end <= blocks.len() {
            let splices = self.body.replace(range, block);
            self.commit(splices.to_vec(), now_ms);
            self.metadata.editor = Editor::Owner;
        }
    }

    /// Applies all of a batch or nothing. Its positions refer to `revision`. `later_first` reverses
    /// insertions at the same position.
    pub(crate) fn apply(
        &mut self,
        revision: u64,
        batch: Vec<Operation>,
        later_first: bool,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        let behind = self.metadata.revision.checked_sub(revision);
        let behind = behind.ok_or_else(|| failed(95_017, "bad revision"))?;
        let behind = usize::try_from(behind).unwrap_or(usize::MAX);
        if behind > MAX_BEHIND {
            return Err(failed(95_023, "revision too old"));
        }
        check_overlaps(&batch)?;
        let mut splices: Vec<Splice> = self
            .log
            .iter()
            .skip(self.log.len() - behind)
            .flatten()
            .copied()
            .collect();
        let foreign = splices.len();
        let mut body = self.body.clone();
        let mut at_start = 0;
        for operation in in_order(batch, later_first) {
            let inserts_at_start = matches!(operation, Operation::Insert(Place::Start, _));
            body.perform(operation, at_start, &mut splices)?;
            if let (true, Some(splice)) = (inserts_at_start, splices.last()) {
                at_start += splice.inserted;
            }
        }
        self.body = body;
        self.commit(splices.split_off(foreign), now_ms);
        Ok(())
    }

    fn commit(&mut self, splices: Vec<Splice>, now_ms: u64) {
        self.metadata.add_revision(now_ms);
        self.log.push_back(splices);
        if self.log.len() > MAX_BEHIND {
            self.log.pop_front();
        }
    }
}

impl Body {
    /// The start of the body, after the title and its newline.
    fn start(&self) -> usize {
        units(&self.title) + 1
    }

    /// The start of each block.
    fn starts(&self) -> impl Iterator<Item = usize> {
        self.blocks.iter().scan(self.start(), |at, block| {
            let start = *at;
            *at += block.units() + 1;
            Some(start)
        })
    }

    /// The length of the document, including its last newline.
    fn length(&self) -> usize {
        self.start()
            + self
                .blocks
                .iter()
                .map(|block| block.units() + 1)
                .sum::<usize>()
    }

    /// `at_start` is the number of units that the same batch has inserted after the title.
    fn perform(
        &mut self,
        operation: Operation,
        at_start: usize,
        splices: &mut Vec<Splice>,
    ) -> Result<(), Refusal> {
        match operation {
            Operation::Title(title) => {
                let (removed, inserted) = (units(&self.title), units(&title));
                splices.push(Splice::new(0, removed, inserted));
                self.title = title;
            }
            Operation::Delete(range) => {
                // From the end, so that earlier parts do not move.
                for part in rebase::ranges(range, splices).into_iter().rev() {
                    splices.push(self.delete(part)?);
                }
            }
            Operation::Insert(place, blocks) => {
                let position = match place {
                    Place::Start => self.start() + at_start,
                    Place::End if self.blocks.last().is_some_and(Block::is_empty_line) => {
                        self.length() - 1
                    }
                    Place::End => self.length(),
                    Place::Index(index) => rebase::point(index, splices),
                };
                splices.push(self.insert(position, blocks, place)?);
            }
        }
        Ok(())
    }

    /// Replaces the blocks in `range` with a block. A position at their start stays before it, a
    /// position at their end moves behind it. If the range is empty, its position moves behind it.
    fn replace(&mut self, range: Range<usize>, block: Option<Block>) -> [Splice; 2] {
        let bounds: Vec<usize> = self.starts().chain([self.length()]).collect();
        let (start, end) = (bounds[range.start], bounds[range.end]);
        let inserted = block.as_ref().map_or(0, |block| block.units() + 1);
        self.blocks.splice(range, block);
        [
            Splice::new(end, 0, inserted),
            Splice::new(start, end - start, 0),
        ]
    }

    /// Deletes whole blocks. A last newline outside of the range remains as an empty paragraph, and
    /// so does the document's final newline.
    fn delete(&mut self, range: Range<usize>) -> Result<Splice, Refusal> {
        let wrong = || failed(95_020, "checkDeleteContentRange fail");
        let final_newline = self.length() - 1;
        let end = range.end.min(final_newline);
        let starts: Vec<usize> = self.starts().collect();
        let first = starts
            .iter()
            .position(|start| *start == range.start)
            .ok_or_else(wrong)?;
        let ends = || {
            starts
                .iter()
                .zip(&self.blocks)
                .map(|(start, block)| start + block.units())
        };
        if range.end > final_newline + 1 {
            return Err(wrong());
        }
        if let Some(last) = ends()
            .position(|block_end| block_end == end)
            .filter(|last| *last >= first)
        {
            self.blocks.splice(first..=last, [Block::plain("")]);
        } else if let Some(last) = ends()
            .position(|block_end| block_end + 1 == end)
            .filter(|last| *last >= first)
        {
            self.blocks.drain(first..=last);
        } else {
            return Err(wrong());
        }
        Ok(Splice::new(range.start, end - range.start, 0))
    }

    /// Inserts blocks at the start of a line.
    fn insert(
        &mut self,
        position: usize,
        blocks: Vec<Block>,
        place: Place,
    ) -> Result<Splice, Refusal> {
        let at_end = matches!(place, Place::End) && position == self.length();
        let index = if at_end {
            Some(self.blocks.len())
        } else {
            self.starts().position(|start| start == position)
        };
        let index = index.ok_or_else(|| failed(95_020, "checkInsertBlocks fail"))?;
        let inserted = blocks.iter().map(|block| block.units() + 1).sum();
        self.blocks.splice(index..index, blocks);
        Ok(Splice::new(position, 0, inserted))
    }
}

/// Deletions must not overlap, and insertions must not be inside them.
fn check_overlaps(batch: &[Operation]) -> Result<(), Refusal> {
    for (number, operation) in batch.iter().enumerate() {
        let Operation::Delete(range) = operation else {
            continue;
        };
        let others = batch
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != number);
        let collides = |other: &Operation| match other {
            Operation::Delete(other) => other.start < range.end && range.start < other.end,
            Operation::Insert(Place::Index(index), _) => *index > range.start && *index < range.end,
            Operation::Insert(..) | Operation::Title(_) => false,
        };
        if others.into_iter().any(|(_, other)| collides(other)) {
            return Err(failed(95_020, "operation ranges overlap"));
        }
    }
    Ok(())
}
