//! What is still to be written into the containers of an announcement: tables, grids, callouts and
//! quotes.
//!
//! The platform makes the cells of a table and the columns of a grid, and it may put an empty line
//! into any container, at once or a moment later. So what is missing is determined by comparing the
//! announcement with what is wanted. A comparison that finds nothing missing ends the work, and
//! repeating it after a lost response does no harm.

use std::collections::HashMap;
use std::ops::Range;

use feishu::{Block, BlockChange, BlockId, BlockType, BlockUpdate, Layout};
use serde::Serialize;
use serde_json::{Value, json};

use super::calls::CHUNK;
use crate::content::DocxNode;

/// Most updates of one call.
const UPDATES: usize = 200;

/// A block that is to be in the announcement, with its children.
pub(super) struct Wanted {
    /// The block with mentions, and with names instead if it may have them.
    forms: Vec<Form>,
    children: Vec<Wanted>,
}

/// A block as it is sent, and as it is read.
struct Form {
    sent: Value,
    read: Block,
}

/// A call that writes what is missing.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Create {
        parent: BlockId,
        index: usize,
        blocks: Vec<Value>,
    },
    Update {
        /// Distinguishes the call from others, and is the same if it is repeated.
        key: String,
        updates: Vec<BlockUpdate>,
    },
    /// Deletes empty lines that nobody asked for.
    Delete {
        parent: BlockId,
        range: Range<usize>,
    },
}

impl Wanted {
    /// A node in both forms, which have the same structure; `None` if it is not JSON.
    pub(super) fn new<B: Serialize>(
        node: &DocxNode<B>,
        without_mentions: Option<&DocxNode<B>>,
    ) -> Option<Self> {
        let forms = [Some(node), without_mentions].into_iter().flatten();
        let forms = forms.map(|node| {
            let sent = serde_json::to_value(&node.block).ok()?;
            let read = serde_json::from_value(sent.clone()).ok()?;
            Some(Form { sent, read })
        });
        let children = node.children.iter().enumerate().map(|(number, child)| {
            let named = without_mentions.and_then(|node| node.children.get(number));
            Self::new(child, named)
        });
        Some(Self {
            forms: forms.collect::<Option<_>>()?,
            children: children.collect::<Option<_>>()?,
        })
    }

    /// Whether something below is a container.
    pub(super) fn has_container<B>(node: &DocxNode<B>) -> bool {
        node.is_container || node.children.iter().any(Self::has_container)
    }

    fn is(&self, block: &Block) -> bool {
        self.forms.iter().any(|form| {
            form.read.block_type == block.block_type
                && match (&form.read.text, &block.text) {
                    (Some(wanted), Some(there)) => there.reads_like(wanted),
                    (wanted, there) => wanted.is_none() == there.is_none(),
                }
        })
    }

    fn is_empty_line(&self) -> bool {
        self.children.is_empty() && self.forms.iter().all(|form| is_empty_line(&form.read))
    }

    fn layout(&self) -> Option<&Layout> {
        self.forms.first()?.read.layout.as_ref()
    }

    fn sent(&self, without_mentions: bool) -> Option<&Value> {
        let form = match self.forms.as_slice() {
            [_, named] if without_mentions => named,
            [form, ..] => form,
            [] => return None,
        };
        Some(&form.sent)
    }

    /// The elements of a paragraph whose style an empty line has, too.
    fn elements(&self, without_mentions: bool) -> Option<&Value> {
        let text = &self.sent(without_mentions)?["text"];
        let mut style = text["style"].as_object().into_iter().flatten();
        let is_default = |(key, value): (&String, &Value)| match key.as_str() {
            "align" => *value == json!(1),
            "folded" => *value == json!(false),
            _ => false,
        };
        let elements = text.get("elements").filter(|_| style.all(is_default));
        elements.filter(|_| {
            self.forms
                .iter()
                .all(|form| form.read.block_type == BlockType::Text)
        })
    }
}

/// Whether a block is an empty paragraph without children.
pub(super) fn is_empty_line(block: &Block) -> bool {
    let is_empty = |element: &feishu::TextElement| match element {
        feishu::TextElement::TextRun { content, .. } => content.is_empty(),
        _ => false,
    };
    block.block_type == BlockType::Text
        && block.children.is_empty()
        && block
            .text
            .iter()
            .all(|text| text.elements.iter().all(is_empty))
}

/// The calls that write what the blocks with these ids lack, as far as the blocks that are there
/// show. Later calls depend on earlier ones, so more may be missing afterwards.
pub(super) fn missing<'w>(
    wanted: impl Iterator<Item = (&'w BlockId, &'w Wanted)>,
    blocks: &[Block],
    without_mentions: bool,
) -> Vec<Step> {
    let by_id = blocks.iter().filter_map(|block| {
        let id = block.block_id.as_ref()?;
        Some((id.as_str(), block))
    });
    let mut comparison = Comparison {
        blocks: by_id.collect(),
        without_mentions,
        steps: Vec::new(),
        updates: Vec::new(),
    };
    for (id, wanted) in wanted {
        if let Some(block) = comparison.blocks.get(id.as_str()).copied() {
            comparison.below(block, wanted);
        }
    }
    let Comparison {
        mut steps, updates, ..
    } = comparison;
    let chunks = updates.chunks(UPDATES).map(|chunk| {
        let ids = chunk.iter().map(|update| update.block_id.as_str());
        Step::Update {
            key: ids.collect::<Vec<_>>().join(" "),
            updates: chunk.to_vec(),
        }
    });
    steps.extend(chunks);
    steps
}

struct Comparison<'b> {
    blocks: HashMap<&'b str, &'b Block>,
    without_mentions: bool,
    steps: Vec<Step>,
    /// Updates of texts, many of which take one call.
    updates: Vec<BlockUpdate>,
}

impl<'b> Comparison<'b> {
    fn children(&self, block: &Block) -> Vec<&'b Block> {
        let ids = block.children.iter();
        ids.filter_map(|id| self.blocks.get(id.as_str()).copied())
            .collect()
    }

    /// What is missing below a block that is there.
    fn below(&mut self, block: &'b Block, wanted: &Wanted) {
        match (wanted.layout(), &block.layout) {
            (Some(Layout::Table { .. }), Some(Layout::Table { .. })) => self.table(block, wanted),
            _ if wanted.is_grid() => self.grid(block, wanted),
            _ => self.lines(block, &wanted.children),
        }
    }

    /// Rows and columns first, then the cells. A table with more of them was changed by a person.
    fn table(&mut self, table: &'b Block, wanted: &Wanted) {
        let (Some(id), Some(there)) = (&table.block_id, table.table_size()) else {
            return;
        };
        let Some(size) = wanted.forms.first().and_then(|form| form.read.table_size()) else {
            return;
        };
        let columns = there.columns..size.columns;
        let rows = there.rows..size.rows;
        let columns =
            columns.map(|column| (format!("column {column}"), BlockChange::InsertTableColumn));
        let rows = rows.map(|row| (format!("row {row}"), BlockChange::InsertTableRow));
        let insertions: Vec<Step> = columns
            .chain(rows)
            .map(|(key, change)| one(id, &key, change))
            .collect();
        if insertions.is_empty() && size == there {
            self.each(table, wanted);
        }
        self.steps.extend(insertions);
    }

    fn grid(&mut self, grid: &'b Block, wanted: &Wanted) {
        let widths = |layout: Option<&Layout>| match layout {
            Some(Layout::GridColumn(width)) => Some(*width),
            _ => None,
        };
        let columns = self.children(grid);
        if columns.len() != wanted.children.len() {
            return;
        }
        let there = columns.iter().map(|column| widths(column.layout.as_ref()));
        let set = wanted.children.iter().map(|column| widths(column.layout()));
        let set: Option<Vec<u64>> = set.collect();
        if let (Some(set), Some(id)) = (set, &grid.block_id)
            && there.collect::<Option<Vec<_>>>().as_ref() != Some(&set)
        {
            self.steps
                .push(one(id, "widths", BlockChange::GridColumnWidths(set)));
        }
        self.each(grid, wanted);
    }

    /// The cells of a table, or the columns of a grid, one by one.
    fn each(&mut self, block: &'b Block, wanted: &Wanted) {
        let parts = self.children(block);
        if parts.len() == wanted.children.len() {
            for (part, wanted) in parts.into_iter().zip(&wanted.children) {
                self.lines(part, &wanted.children);
            }
        }
    }

    /// Lines that people wrote meanwhile stay, and nothing is written next to them.
    fn lines(&mut self, parent: &'b Block, wanted: &[Wanted]) {
        let Some(id) = &parent.block_id else { return };
        let there = self.children(parent);
        let is_led = !wanted.first().is_none_or(Wanted::is_empty_line);
        let lead = there
            .iter()
            .take_while(|block| is_led && is_empty_line(block))
            .count();
        let pairs = wanted.iter().zip(&there[lead..]);
        let written = pairs.take_while(|(wanted, block)| wanted.is(block)).count();
        for (wanted, block) in wanted.iter().zip(&there[lead..lead + written]) {
            if !wanted.children.is_empty() {
                self.below(block, wanted);
            }
        }
        let after = &there[lead + written..];
        if !after.iter().all(|block| is_empty_line(block)) {
            return;
        }
        let rest = &wanted[written..];
        if let ([one], [first, ..]) = (wanted, &there[..lead])
            && let (0, Some(elements)) = (written, one.elements(self.without_mentions))
            && let Some(line) = &first.block_id
        {
            self.updates.push(BlockUpdate {
                block_id: line.clone(),
                change: BlockChange::TextElements(elements.clone()),
            });
        } else if !rest.is_empty() {
            let blocks = rest.iter().take(CHUNK);
            let blocks = blocks.filter_map(|wanted| wanted.sent(self.without_mentions).cloned());
            self.steps.push(Step::Create {
                parent: id.clone(),
                index: lead + written,
                blocks: blocks.collect(),
            });
        } else if !wanted.is_empty() {
            for range in [lead + written..there.len(), 0..lead] {
                if !range.is_empty() {
                    let parent = id.clone();
                    self.steps.push(Step::Delete { parent, range });
                }
            }
        }
    }
}

/// The update of one block.
fn one(block: &BlockId, key: &str, change: BlockChange) -> Step {
    Step::Update {
        key: format!("{block} {key}"),
        updates: vec![BlockUpdate {
            block_id: block.clone(),
            change,
        }],
    }
}

impl Wanted {
    fn is_grid(&self) -> bool {
        let columns = self.children.iter();
        !self.children.is_empty()
            && columns
                .map(Self::layout)
                .all(|layout| matches!(layout, Some(Layout::GridColumn(_))))
    }
}
