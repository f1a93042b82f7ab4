//! The calls that write an entry into a `docx` announcement.
//!
//! A call creates blocks below one parent, so each nested list takes its own call, after the one
//! that created the item around it. What is in containers is written afterwards, by `fill.rs`.

use crate::content::DocxNode;

/// Maximum number of blocks per call.
pub(super) const CHUNK: usize = 50;
/// Maximum number of pictures and files per call: the platform's limit of pictures.
const MEDIA: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlannedCall<B> {
    pub(super) parent: Parent,
    /// The index among the parent's children.
    pub(super) index: usize,
    pub(super) blocks: Vec<B>,
    /// Positions of the blocks that are parents in later calls.
    pub(super) parents: Vec<usize>,
}

/// The block below which a call creates blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parent {
    Page,
    /// The n-th parent that earlier calls create.
    Created(usize),
}

/// All calls in order, from the top of the entry to the bottom.
pub(super) fn plan<B>(nodes: Vec<DocxNode<B>>) -> Vec<PlannedCall<B>> {
    let mut planner = CallPlanner {
        steps: Vec::new(),
        created: 0,
    };
    planner.write(Parent::Page, nodes);
    planner.steps
}

struct CallPlanner<B> {
    steps: Vec<PlannedCall<B>>,
    /// The number of parents that the calls create.
    created: usize,
}

impl<B> CallPlanner<B> {
    fn write(&mut self, parent: Parent, nodes: Vec<DocxNode<B>>) {
        let mut nodes = nodes.into_iter().peekable();
        let mut index = 0;
        while nodes.peek().is_some() {
            let mut media = 0;
            let mut chunk = Vec::new();
            while let Some(node) =
                nodes.next_if(|node| chunk.len() < CHUNK && (node.media.is_none() || media < MEDIA))
            {
                media += usize::from(node.media.is_some());
                chunk.push(node);
            }
            let first_index = index;
            index += chunk.len();
            let (blocks, children): (Vec<B>, Vec<Vec<DocxNode<B>>>) =
                chunk.into_iter().map(DocxNode::into_planned).unzip();
            let is_parent = |(_, children): &(usize, &Vec<DocxNode<B>>)| !children.is_empty();
            let parents = children.iter().enumerate().filter(is_parent);
            let parents: Vec<usize> = parents.map(|(position, _)| position).collect();
            let first = self.created;
            self.created += parents.len();
            self.steps.push(PlannedCall {
                parent,
                index: first_index,
                blocks,
                parents,
            });
            let children = children.into_iter().filter(|children| !children.is_empty());
            for (number, children) in children.enumerate() {
                self.write(Parent::Created(first + number), children);
            }
        }
    }
}

/// The number of lines that the calls write.
pub(super) fn line_count<B>(steps: &[PlannedCall<B>]) -> usize {
    steps.iter().map(|step| step.blocks.len()).sum()
}

#[cfg(test)]
mod tests {
    use feishu::Block;

    use super::*;
    use crate::content::Document;

    /// Compares each call's parent, index and texts.
    fn check(markdown: &str, expected: &[(Parent, usize, &[&str])]) {
        let steps = plan(Document::from_markdown(markdown, &[]).to_docx());
        let shown: Vec<(Parent, usize, Vec<String>)> = steps
            .into_iter()
            .map(|step| {
                (
                    step.parent,
                    step.index,
                    step.blocks.iter().map(text).collect(),
                )
            })
            .collect();
        let expected: Vec<(Parent, usize, Vec<String>)> = expected
            .iter()
            .map(|(parent, index, texts)| {
                let texts = texts.iter().copied().map(str::to_owned).collect();
                (*parent, *index, texts)
            })
            .collect();
        assert_eq!(shown, expected);
    }

    fn text(block: &Block) -> String {
        let elements = block.text.iter().flat_map(|text| &text.elements);
        let texts = elements.map(|element| match element {
            feishu::TextElement::TextRun { content, .. } => content.as_str(),
            feishu::TextElement::MentionUser { .. } | feishu::TextElement::Other => "@",
        });
        texts.collect()
    }

    #[test]
    fn a_nested_list_is_written_below_its_item() {
        use Parent::{Created, Page};
        check("a\nb", &[(Page, 0, &["a", "b"])]);
        check(
            "- a\n  - b\n    - c\n  - d\n- e\n  - f\n\nend",
            &[
                (Page, 0, &["a", "e", "", "end"]),
                (Created(0), 0, &["b", "d"]),
                (Created(2), 0, &["c"]),
                (Created(1), 0, &["f"]),
            ],
        );
    }

    #[test]
    fn no_call_creates_more_than_fifty_blocks() {
        let markdown = format!("- a{}\n- z", "\n  - b".repeat(120));
        let nodes = Document::from_markdown(&markdown, &[]).to_docx();
        let steps = plan(nodes);
        let sizes: Vec<_> = steps
            .iter()
            .map(|step| (step.parent, step.index, step.blocks.len()))
            .collect();
        let below = Parent::Created(0);
        let expected = [
            (Parent::Page, 0, 2),
            (below, 0, 50),
            (below, 50, 50),
            (below, 100, 20),
        ];
        assert_eq!(sizes, expected);
        assert_eq!(line_count(&steps), 122);
        assert!(plan::<Block>(Vec::new()).is_empty());
    }
}
