//! Properties of every document, for tests and for the fuzz targets, which include this file.

use feishu::{BlockType, LegacyBlock, LegacyElement, TextElement};

use super::{Document, DocxNode};

/// Every output of the document has each letter and digit of `text`, in the same order; of a link,
/// the text and then the URL count.
pub(crate) fn nothing_is_lost(text: &str, document: &Document) {
    let plain = document.to_plain_text();
    let docx = docx_text(&document.to_docx());
    let legacy: String = document.to_legacy().iter().map(legacy_text).collect();
    let named = document.without_mentions().to_plain_text();
    for out in [&plain, &docx, &legacy, &named] {
        assert!(holds(out, text), "{out:?} lacks some of {text:?}");
    }
    let stored = serde_json::to_string(document).unwrap();
    let restored: Document = serde_json::from_str(&stored).unwrap();
    assert_eq!(&restored, document);
}

/// Whether `out` has the letters and digits of `text`, in the same order.
fn holds(out: &str, text: &str) -> bool {
    let mut out = out.chars();
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .all(|c| out.any(|other| other == c))
}

/// All text of blocks and their children, with the numbers that the platform assigns.
fn docx_text(nodes: &[DocxNode]) -> String {
    let mut number = 0;
    let texts = nodes.iter().map(|node| {
        let is_numbered = node.block.block_type == BlockType::Ordered;
        number = if is_numbered { number + 1 } else { 0 };
        let number = is_numbered.then(|| format!("{number}. "));
        let words = docx_words(node);
        format!(
            "{}{words}\n{}",
            number.unwrap_or_default(),
            docx_text(&node.children)
        )
    });
    texts.collect()
}

fn docx_words(node: &DocxNode) -> String {
    let elements = node.block.text.iter().flat_map(|text| &text.elements);
    let words = elements.map(|element| match element {
        TextElement::TextRun { content, style } => match &style.link {
            Some(link) => format!("{content} {} ", decoded(&link.url)),
            None => content.clone(),
        },
        TextElement::MentionUser { open_id } => open_id.to_string(),
        TextElement::Other => String::new(),
    });
    words.collect()
}

fn legacy_text(block: &LegacyBlock) -> String {
    let LegacyBlock::Paragraph(paragraph) = block else {
        return String::new();
    };
    let words = paragraph.elements.iter().map(|element| match element {
        LegacyElement::TextRun { text, style } => match &style.link {
            Some(link) => format!("{text} {link} "),
            None => text.clone(),
        },
        LegacyElement::Person { open_id } => open_id.to_string(),
    });
    let words: String = words.collect();
    let number = paragraph.style.list.map(|list| list.list_type);
    match number {
        Some(feishu::LegacyListType::Number(number)) => format!("{number}. {words}\n"),
        Some(_) | None => format!("{words}\n"),
    }
}

/// A URL without percent-encoding.
fn decoded(url: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = url.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                bytes.push(hex(&[*high, *low]).unwrap());
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).unwrap()
}
