//! The start of a text on a card, and what of the text is not on it.

use feishu::Medium;

use super::document::{Block, Document, Inline};

/// The longest start in bytes, in the Markdown of cards. A card holds 30 KB, with its other parts.
const LONGEST: usize = 12_000;
/// A character may take this many bytes in the Markdown of cards.
const BYTES_OF_CHARACTER: usize = 6;

/// The start of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Excerpt {
    /// In the Markdown of cards.
    pub(crate) text: String,
    pub(crate) left_out: LeftOut,
}

/// What follows an excerpt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    /// Without the lines that name pictures and files.
    pub(crate) characters: usize,
    pub(crate) pictures: usize,
    pub(crate) files: usize,
}

impl Document {
    /// As much of the text as a card has room for.
    pub(crate) fn excerpt(&self) -> Excerpt {
        self.excerpt_of(LONGEST)
    }

    fn excerpt_of(&self, longest: usize) -> Excerpt {
        let fits = |count: &usize| self.start(*count).to_card().len() <= longest;
        let counts: Vec<usize> = (1..=self.blocks.len()).collect();
        let count = counts.partition_point(fits);
        let mut start = self.start(count);
        let mut rest = self.blocks[count..].to_vec();
        if let Some(Block::Paragraph(line)) = rest.first() {
            let room = (longest.saturating_sub(start.to_card().len())) / BYTES_OF_CHARACTER;
            if let Some((head, tail)) = cut(line, room) {
                start.blocks.push(head);
                rest[0] = tail;
            }
        }
        Excerpt {
            text: start.to_card(),
            left_out: LeftOut::of(Self {
                blocks: rest,
                ..Self::default()
            }),
        }
    }

    fn start(&self, count: usize) -> Self {
        Self {
            blocks: self.blocks[..count].to_vec(),
            ..Self::default()
        }
    }
}

/// Cuts a line after so many characters; `None` if too little would remain of it. The cut line has no
/// formatting.
fn cut(line: &[Inline], room: usize) -> Option<(Block, Block)> {
    const LEAST: usize = 100;
    let document = Document {
        blocks: vec![Block::Paragraph(line.to_vec())],
        ..Document::default()
    };
    let text = document.to_plain_text();
    let (end, _) = text.char_indices().nth(room).filter(|_| room >= LEAST)?;
    let paragraph = |text: String| Block::Paragraph(vec![Inline::plain(text)]);
    let (head, tail) = text.split_at(end);
    Some((paragraph(format!("{head}…")), paragraph(tail.to_owned())))
}

impl LeftOut {
    fn of(rest: Document) -> Self {
        let is_picture = |block: &Block| match block {
            Block::Media(file) => Some(file.medium == Medium::Image),
            _ => None,
        };
        let media: Vec<bool> = rest.blocks.iter().filter_map(is_picture).collect();
        let pictures = media.iter().filter(|is_picture| **is_picture).count();
        let is_text = |block: &Block| !matches!(block, Block::Media(_));
        let text = Document {
            blocks: rest.blocks.into_iter().filter(is_text).collect(),
            ..Document::default()
        };
        Self {
            characters: text.to_plain_text().chars().count(),
            pictures,
            files: media.len() - pictures,
        }
    }

    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn excerpt(markdown: &str, longest: usize) -> Excerpt {
        Document::from_markdown(markdown, &[]).excerpt_of(longest)
    }

    #[test]
    fn a_short_text_is_whole() {
        let whole = excerpt("# Lunch\nat **noon**", 1000);
        assert_eq!(whole.text, "# Lunch\n\nat **noon**");
        assert!(whole.left_out.is_nothing());
    }

    #[test]
    fn a_long_text_is_cut_between_its_parts() {
        let cut = excerpt("one\ntwo\nthree", 8);
        assert_eq!(cut.text, "one\ntwo");
        let left_out = LeftOut {
            characters: 5,
            ..LeftOut::default()
        };
        assert_eq!(cut.left_out, left_out);
    }

    #[test]
    fn a_long_line_is_cut() {
        let line = "长".repeat(1000);
        let cut = excerpt(&line, 1200);
        assert_eq!(cut.text, format!("{}…", "长".repeat(200)));
        assert_eq!(cut.left_out.characters, 800);
    }

    proptest! {
        #[test]
        fn an_excerpt_fits(lines in prop::collection::vec("[a-z长*#>< -]{0,80}", 0..20), longest in 0usize..3000) {
            let document = Document::from_markdown(&lines.join("\n"), &[]);
            let excerpt = document.excerpt_of(longest);
            prop_assert!(excerpt.text.len() <= longest + "…".len());
            if document.to_card() == excerpt.text {
                prop_assert!(excerpt.left_out.is_nothing());
            }
        }
    }
}
