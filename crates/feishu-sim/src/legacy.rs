//! The legacy announcement document: a title, blocks, and UTF-16 offsets computed from them.

use std::collections::VecDeque;
use std::ops::Range;

use serde_json::{Value, json};

use crate::edit::Edit;
use crate::ids::Ids;
use crate::legacy_block::{Block, Element, location, units};
use crate::legacy_operation::{Operation, Place, in_order};
use crate::rebase::{self, Splice};
use crate::refusal::{Refusal, failed};

/// How far behind the newest revision a request may be.
const MAX_BEHIND: usize = 100;

/// A document and the edits of its last hundred revisions.
#[derive(Debug)]
pub(crate) struct Document {
    body: Body,
    revision: u64,
    /// The splices of one revision each, oldest first.
    log: VecDeque<Vec<Splice>>,
    pub(crate) created_ms: u64,
    pub(crate) updated_ms: u64,
    pub(crate) edited_by_bot: bool,
}

/// What a batch works on: it is replaced as a whole or not at all.
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
            revision: 0,
            log: VecDeque::new(),
            created_ms: now_ms,
            updated_ms: now_ms,
            edited_by_bot: false,
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Texts of the blocks; a last empty line is left out.
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

    /// Replaces the body the way a person does in the client, in one revision.
    pub(crate) fn write_by_hand(&mut self, paragraphs: &[String], _: &mut Ids, now_ms: u64) {
        let before = self.body.length();
        let start = self.body.start();
        self.body.blocks = paragraphs
            .iter()
            .map(|text| Block::plain(text))
            .chain([Block::plain("")])
            .collect();
        let splice = Splice {
            at: start,
            removed: before - start,
            inserted: self.body.length() - start,
        };
        self.commit(vec![splice], now_ms);
        self.edited_by_bot = false;
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
            Edit::Remove { at } => (one(at), (blocks.len() == 1).then(|| Block::plain(""))),
        };
        if range.end <= blocks.len() {
            let splices = self.body.replace(range, block);
            self.commit(splices.to_vec(), now_ms);
            self.edited_by_bot = false;
        }
    }

    /// Applies a batch whose positions are those of `revision`; all of it or nothing. Of several
    /// insertions at one place, `later_first` says which one comes first.
    pub(crate) fn apply(
        &mut self,
        revision: u64,
        batch: Vec<Operation>,
        later_first: bool,
        now_ms: u64,
    ) -> Result<(), Refusal> {
        let behind = self
            .revision
            .checked_sub(revision)
            .ok_or_else(|| failed(95_017, "bad revision"))?;
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
        self.edited_by_bot = true;
        Ok(())
    }

    fn commit(&mut self, splices: Vec<Splice>, now_ms: u64) {
        self.revision += 1;
        self.updated_ms = now_ms;
        self.log.push_back(splices);
        if self.log.len() > MAX_BEHIND {
            self.log.pop_front();
        }
    }
}

impl Body {
    /// Where the body begins: after the title and its newline.
    fn start(&self) -> usize {
        units(&self.title) + 1
    }

    /// Where each block begins.
    fn starts(&self) -> impl Iterator<Item = usize> {
        self.blocks.iter().scan(self.start(), |at, block| {
            let start = *at;
            *at += block.units() + 1;
            Some(start)
        })
    }

    /// The document's length, its last newline included.
    fn length(&self) -> usize {
        self.start()
            + self
                .blocks
                .iter()
                .map(|block| block.units() + 1)
                .sum::<usize>()
    }

    /// `at_start` units were inserted right after the title by the same batch, and stay there.
    fn perform(
        &mut self,
        operation: Operation,
        at_start: usize,
        splices: &mut Vec<Splice>,
    ) -> Result<(), Refusal> {
        match operation {
            Operation::Title(title) => {
                let (removed, inserted) = (units(&self.title), units(&title));
                splices.push(Splice {
                    at: 0,
                    removed,
                    inserted,
                });
                self.title = title;
            }
            Operation::Delete(range) => {
                // From the end, so that the parts before keep their places.
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

    /// Puts a block in place of the blocks numbered `range`. A position at their start stays before
    /// it, one at their end is behind it, and so is the only one where nothing is replaced.
    fn replace(&mut self, range: Range<usize>, block: Option<Block>) -> [Splice; 2] {
        let bounds: Vec<usize> = self.starts().chain([self.length()]).collect();
        let (start, end) = (bounds[range.start], bounds[range.end]);
        let inserted = block.as_ref().map_or(0, |block| block.units() + 1);
        self.blocks.splice(range, block);
        [(end, 0, inserted), (start, end - start, 0)].map(|(at, removed, inserted)| Splice {
            at,
            removed,
            inserted,
        })
    }

    /// Deletes whole blocks. A last newline that the range leaves out stays as an empty paragraph,
    /// and so does the document's final one.
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
        Ok(Splice {
            at: range.start,
            removed: end - range.start,
            inserted: 0,
        })
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
        Ok(Splice {
            at: position,
            removed: 0,
            inserted,
        })
    }
}

/// Two deletions may not overlap, and nothing may be inserted inside one.
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
