//! Splits runs of text, because the longest run that the platform accepts is not documented.

use serde::Serialize;
use serde_json::{Value, json};

use crate::announcement::{LegacyBlock, LegacyElement, LegacyParagraph, utf16_len};

/// The longest run after splitting, in UTF-16 units.
const SHORT: usize = 100;

/// The blocks of a `docx` announcement with their runs split; `None` if all runs are short.
pub fn with_short_docx_runs<B: Serialize>(blocks: &[B]) -> Option<Vec<Value>> {
    let mut blocks: Vec<Value> = blocks
        .iter()
        .map(|block| serde_json::to_value(block).ok())
        .collect::<Option<_>>()?;
    let mut is_cut = false;
    for block in &mut blocks {
        is_cut |= cut(block, &["text_run", "content"]);
    }
    is_cut.then_some(blocks)
}

/// The blocks of a legacy announcement with their runs split; `None` if all runs are short.
pub fn with_short_legacy_runs(blocks: &[LegacyBlock]) -> Option<Vec<LegacyBlock>> {
    let mut is_cut = false;
    let blocks = blocks.iter().map(|block| match block {
        LegacyBlock::Paragraph(paragraph) => {
            let elements: Vec<LegacyElement> =
                paragraph.elements.iter().flat_map(short_element).collect();
            is_cut |= elements.len() > paragraph.elements.len();
            LegacyBlock::Paragraph(LegacyParagraph {
                elements,
                style: paragraph.style,
            })
        }
        LegacyBlock::Copied(wire) => {
            let mut wire = wire.clone();
            is_cut |= cut(&mut wire, &["textRun", "text"]);
            LegacyBlock::Copied(wire)
        }
        LegacyBlock::HorizontalLine => LegacyBlock::HorizontalLine,
    });
    let blocks = blocks.collect();
    is_cut.then_some(blocks)
}

fn short_element(element: &LegacyElement) -> Vec<LegacyElement> {
    match element {
        LegacyElement::TextRun { text, style } => parts(text)
            .into_iter()
            .map(|part| LegacyElement::TextRun {
                text: part.to_owned(),
                style: style.clone(),
            })
            .collect(),
        LegacyElement::Person { .. } => vec![element.clone()],
    }
}

/// Splits the runs below `wire` at any depth; returns whether there were any.
fn cut(wire: &mut Value, [run, text]: &[&str; 2]) -> bool {
    let elements = match wire {
        Value::Array(elements) => elements,
        Value::Object(fields) => {
            let mut is_cut = false;
            for field in fields.values_mut() {
                is_cut |= cut(field, &[run, text]);
            }
            return is_cut;
        }
        _ => return false,
    };
    let mut is_cut = false;
    let mut short = Vec::with_capacity(elements.len());
    for mut element in elements.drain(..) {
        let words = element[*run][*text].as_str().map(str::to_owned);
        let Some(words) = words.filter(|words| utf16_len(words) > SHORT) else {
            is_cut |= cut(&mut element, &[run, text]);
            short.push(element);
            continue;
        };
        is_cut = true;
        for part in parts(&words) {
            let mut of_part = element.clone();
            of_part[*run][*text] = json!(part);
            short.push(of_part);
        }
    }
    *elements = short;
    is_cut
}

/// The text in parts of at most [`SHORT`] units, none of which begins with a character that modifies
/// the one before.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut units, mut end) = (Vec::new(), 0, 0, 0);
    let mut before = None;
    for (at, c) in text.char_indices() {
        if !joins(c) && before != Some(JOINER) {
            end = at;
        }
        if units + c.len_utf16() > SHORT {
            // A cluster longer than a run is split anywhere.
            let to = if end > start { end } else { at };
            parts.push(&text[start..to]);
            start = to;
            units = utf16_len(&text[start..at]);
        }
        units += c.len_utf16();
        before = Some(c);
    }
    parts.push(&text[start..]);
    parts
}

const JOINER: char = '\u{200d}';

/// Whether a character modifies the one before it.
fn joins(c: char) -> bool {
    matches!(c, JOINER | '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}' | '\u{20d0}'..='\u{20ff}' | '\u{1f3fb}'..='\u{1f3ff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Block, BlockType, TextElement};

    #[test]
    fn short_runs_are_left_alone() {
        let block = Block::paragraph(vec![TextElement::plain("a".repeat(SHORT))]);
        assert_eq!(with_short_docx_runs(&[block]), None);
        let block = LegacyBlock::Paragraph(LegacyParagraph::plain("short"));
        assert_eq!(with_short_legacy_runs(&[block]), None);
    }

    #[test]
    fn every_kind_of_block_is_cut() {
        let text = "字".repeat(250);
        for kind in [
            BlockType::Text,
            BlockType::Code,
            BlockType::Bullet,
            BlockType::Ordered,
            BlockType::Quote,
        ] {
            let block = Block::of_text(kind, vec![TextElement::plain(&text)]);
            let short = with_short_docx_runs(std::slice::from_ref(&block)).unwrap();
            let read: Block = serde_json::from_value(short[0].clone()).unwrap();
            let (read, block) = (read.text.unwrap(), block.text.unwrap());
            assert_eq!(read.elements.len(), 3, "{kind:?}");
            assert!(read.reads_like(&block), "{kind:?}");
        }
        let wire = json!({"type": "paragraph", "paragraph": {"elements": [
            {"type": "textRun", "textRun": {"text": text, "style": {"bold": true}}},
        ]}});
        for block in [
            LegacyBlock::Paragraph(LegacyParagraph::plain(&text)),
            LegacyBlock::Copied(wire),
        ] {
            let short = with_short_legacy_runs(&[block]).unwrap();
            assert_eq!(with_short_legacy_runs(&short), None);
        }
    }

    proptest! {
        #[test]
        fn short_parts_join_to_the_whole_text(text in "(a|字|🙂|👩\u{200d}👩|é|e\u{301}){0,300}") {
            let parts = parts(&text);
            prop_assert_eq!(parts.concat(), &text[..]);
            for part in &parts[1..] {
                prop_assert!(!joins(part.chars().next().unwrap()));
            }
            prop_assert!(parts.iter().all(|part| utf16_len(part) <= SHORT));
        }
    }
}
