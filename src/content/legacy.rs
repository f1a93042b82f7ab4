//! Conversion of a document to blocks of a `doc` announcement.
//!
//! Unsupported features become text: a number that counting from 1 would not produce,
//! and a mention of everyone. Pictures and files become lines that name them. A code block becomes a paragraph per line, below its language name. A
//! table becomes text.

use feishu::{
    LegacyBlock, LegacyElement, LegacyList, LegacyListType, LegacyParagraph, LegacyParagraphStyle,
    LegacyTextStyle,
};

use super::document::{Block, Document, Inline, Marker, Run};
use super::docx::language_line;
use super::mention::everyone;
use crate::language::Language;

impl Document {
    pub fn to_legacy(&self) -> Vec<LegacyBlock> {
        let language = self.language();
        let mut counted = Counted::default();
        let blocks = self.blocks.iter();
        let lines = blocks.flat_map(|block| lines(block, &mut counted, language));
        lines.collect()
    }
}

/// The last number of each open list, by depth.
#[derive(Default)]
struct Counted(Vec<u32>);

impl Counted {
    /// Whether the platform would give this item the same number.
    fn is_next(&mut self, block: &Block) -> bool {
        let Block::ListItem { marker, depth, .. } = block else {
            self.0.clear();
            return false;
        };
        self.0.resize(usize::from(*depth) + 1, 0);
        let Some(last) = self.0.last_mut() else {
            return false;
        };
        match marker {
            Marker::Number(number) if last.checked_add(1) == Some(*number) => {
                *last = *number;
                true
            }
            Marker::Number(_) | Marker::Bullet => {
                *last = 0;
                false
            }
        }
    }
}

fn lines(block: &Block, counted: &mut Counted, language: Language) -> Vec<LegacyBlock> {
    let plain = LegacyParagraphStyle::default();
    let is_next = counted.is_next(block);
    let mut before = None;
    let style = match block {
        Block::Divider => return vec![LegacyBlock::HorizontalLine],
        Block::Media(file) => {
            let line = LegacyParagraph::plain(file.line(language));
            return vec![LegacyBlock::Paragraph(line)];
        }
        Block::Code { language, text } => return code(language, text),
        Block::Table(table) => {
            let text = table.to_text(language);
            let lines = text.iter().flat_map(|line| lines(line, counted, language));
            return lines.collect();
        }
        Block::Paragraph(_) => plain,
        Block::Heading { level, .. } => LegacyParagraphStyle {
            heading_level: Some(*level),
            ..plain
        },
        Block::ListItem { marker, depth, .. } => match marker {
            Marker::Bullet => in_list(LegacyListType::Bullet, depth.saturating_add(1)),
            Marker::Number(number) if is_next => {
                in_list(LegacyListType::Number(*number), depth.saturating_add(1))
            }
            Marker::Number(_) => {
                before = Some(LegacyElement::plain(marker.words()));
                plain
            }
        },
        Block::Quote(_) => LegacyParagraphStyle {
            quote: true,
            ..plain
        },
    };
    let elements = block.content().iter().map(|inline| match inline {
        Inline::Text(run) => element_of(run),
        Inline::Mention { open_id, .. } => LegacyElement::Person {
            open_id: open_id.clone(),
        },
        Inline::Everyone => LegacyElement::plain(everyone(language)),
    });
    let elements = before.into_iter().chain(elements).collect();
    vec![LegacyBlock::Paragraph(LegacyParagraph { elements, style })]
}

fn code(language: &str, text: &str) -> Vec<LegacyBlock> {
    let above = language_line(language).map(|run| LegacyParagraph {
        elements: vec![element_of(&run)],
        style: LegacyParagraphStyle::default(),
    });
    let lines = text.split('\n').map(|line| LegacyParagraph {
        style: in_list(LegacyListType::Code, 1),
        ..LegacyParagraph::plain(line)
    });
    let paragraphs = above.into_iter().chain(lines);
    paragraphs.map(LegacyBlock::Paragraph).collect()
}

fn in_list(list_type: LegacyListType, indent_level: u8) -> LegacyParagraphStyle {
    LegacyParagraphStyle {
        list: Some(LegacyList {
            list_type,
            indent_level: indent_level.min(LegacyList::DEEPEST),
        }),
        ..LegacyParagraphStyle::default()
    }
}

fn element_of(run: &Run) -> LegacyElement {
    let style = &run.style;
    LegacyElement::TextRun {
        text: run.text.replace('\n', " "),
        style: LegacyTextStyle {
            bold: style.bold,
            italic: style.italic,
            strike_through: style.strike,
            under_line: style.underline,
            code_inline: style.code,
            link: style.link.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(markdown: &str, expected: &[(&str, LegacyParagraphStyle)]) {
        let blocks = Document::from_markdown(markdown, &[]).to_legacy();
        let shown = blocks.iter().map(|block| match block {
            LegacyBlock::Paragraph(paragraph) => (paragraph.plain_text(), paragraph.style),
            LegacyBlock::HorizontalLine | LegacyBlock::Copied(_) => {
                ("---".to_owned(), LegacyParagraphStyle::default())
            }
        });
        let expected = expected
            .iter()
            .map(|(text, style)| ((*text).to_owned(), *style));
        assert_eq!(shown.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn lines_become_styled_paragraphs() {
        let plain = LegacyParagraphStyle::default();
        let heading = LegacyParagraphStyle {
            heading_level: feishu::HeadingLevel::new(2),
            ..plain
        };
        let quote = LegacyParagraphStyle {
            quote: true,
            ..plain
        };
        check(
            "a\n\n## b\n> c\n---",
            &[
                ("a", plain),
                ("", plain),
                ("b", heading),
                ("c", quote),
                ("---", plain),
            ],
        );
    }

    #[test]
    fn items_keep_their_numbers_and_depths() {
        let number = |number, level| in_list(LegacyListType::Number(number), level);
        check(
            "1. a\n   - b\n2. c",
            &[
                ("a", number(1, 1)),
                ("b", in_list(LegacyListType::Bullet, 2)),
                ("c", number(2, 1)),
            ],
        );
    }

    #[test]
    fn numbers_out_of_sequence_are_text() {
        let plain = LegacyParagraphStyle::default();
        let number = |number, level| in_list(LegacyListType::Number(number), level);
        check(
            "1998. That was a year\n\n5. a\n6. b\n\n1. c\n3. d",
            &[
                ("1998. That was a year", plain),
                ("", plain),
                ("5. a", plain),
                ("6. b", plain),
                ("", plain),
                ("c", number(1, 1)),
                ("3. d", plain),
            ],
        );
    }

    #[test]
    fn each_code_line_is_a_paragraph() {
        let line = in_list(LegacyListType::Code, 1);
        check(
            "```rs\na\n\n  b\n```",
            &[
                ("rs", LegacyParagraphStyle::default()),
                ("a", line),
                ("", line),
                ("  b", line),
            ],
        );
    }
}
