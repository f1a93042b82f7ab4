//! Rich text, and both kinds of announcement made from it.
//!
//! An input is the text of a `text` message, and also the content of a `post` if it is JSON.

use std::collections::BTreeSet;

use feishu::{
    Block, BlockType, Content, LegacyBlock, LegacyElement, LegacyList, LegacyParagraph, OpenId,
    Post, PostElement, TextElement, utf16_len,
};
use noticebot::command::{Command, Mention, parse};
use noticebot::content::{Document, DocxNode, Entry, Signature, command_text};

#[path = "../../src/content/tests/properties.rs"]
mod properties;

/// Maximum number of mentions in one call.
const MOST_MENTIONS: usize = 100;
/// Maximum depth of list items, counted from 0.
const DEEPEST: usize = 15;

pub fn check(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    let content = Content::Text(text.to_owned());
    typed_text(text, &content);
    announced(&content);
    for message_type in ["interactive", "todo", "vote", ""] {
        announced(&Content::read(message_type, text));
    }
    if let Content::Post(post) = Content::read("post", text) {
        announced(&Content::Post(post.clone()));
        rich_text(post);
    }
}

/// The bot, Li, and a person without an id.
fn mentions() -> [Mention; 3] {
    let mention = |key: &str, name: &str, open_id: &str, is_me| Mention {
        key: key.to_owned(),
        name: name.to_owned(),
        open_id: Some(OpenId::from(open_id)).filter(|_| !open_id.is_empty()),
        is_me,
    };
    [
        mention("@_user_1", "Notice", "ou_bot", true),
        mention("@_user_2", "李_*雷*", "ou_li", false),
        mention("@_user_20", "Nobody", "", false),
    ]
}

/// Properties of Markdown, read as a whole and from the middle.
fn typed_text(text: &str, content: &Content) {
    for offset in [0, text.len() / 3, text.len() / 2] {
        let rest = text[text.ceil_char_boundary(offset)..].trim();
        match Document::read(content, offset..usize::MAX, &[]) {
            Ok(document) => nothing_is_lost(&without_placeholders(rest), rest, &document),
            Err(_) => assert!(
                !without_placeholders(rest).contains(char::is_alphanumeric),
                "{rest:?}"
            ),
        }
    }
    let Ok(document) = Document::read(content, 0..usize::MAX, &mentions()) else {
        return;
    };
    let lines = Entry::new(&document, None).line_count();
    let text = text.trim().replace("\r\n", "\n").replace('\r', "\n");
    // The line of dashes in a table is none.
    let is_of_dashes = |line: &&str| {
        let marks = ['|', ':', '-', ' ', '\t'];
        line.contains('|') && line.trim_matches(marks).is_empty()
    };
    let dashes = text.lines().filter(is_of_dashes).count();
    let typed = text.lines().count();
    if !text.contains("``") && !text.contains("~~~") {
        let kept = typed - dashes..=typed;
        assert!(kept.contains(&lines), "each line stays a line: {text:?}");
    }
    // An unclosed fence is a block with the language above an empty line.
    let is_fence = |line: &&str| line.contains("```") || line.contains("~~~");
    let fences = text.lines().filter(is_fence).count();
    assert!(lines <= typed + fences, "{lines} lines of {text:?}");
    mentions_are_found(&text, &document);
}

/// A placeholder is a mention, except in code and addresses.
fn mentions_are_found(text: &str, document: &Document) {
    let text = text.to_ascii_lowercase();
    if text.contains(['`', '~', '\\']) || text.contains("http") {
        return;
    }
    let placeholders = text.split("@_user_").skip(1);
    let of_li = placeholders.filter(|after| after.starts_with('2') && !after.starts_with("20"));
    assert_eq!(document.mention_count(), of_li.count(), "{text:?}");
}

/// Properties of a post.
fn rich_text(mut post: Post) {
    for (number, element) in post.paragraphs.iter_mut().flatten().enumerate() {
        match element {
            // Adjacent links to the same address are one.
            PostElement::Link { href, .. } => href.push_str(&number.to_string()),
            // An unknown placeholder is replaced by the name.
            PostElement::At { user_name, .. } => user_name.clear(),
            _ => {}
        }
    }
    // A title is text only if it may be a command, and Markdown has different rules.
    let is_marked =
        |element: &PostElement| matches!(element, PostElement::Markdown(_) | PostElement::Mark(_));
    if !post.title.is_empty() || post.paragraphs.iter().flatten().any(is_marked) {
        let _ = command_text(&Content::Post(post.clone()));
        let _ = Document::read(&Content::Post(post), 3..usize::MAX, &mentions());
        return;
    }
    let content = Content::Post(post);
    let Some(text) = command_text(&content) else {
        return;
    };
    for offset in [0, text.len() / 3, text.len() / 2] {
        let rest = &text[text.ceil_char_boundary(offset)..];
        if let Ok(document) = Document::read(&content, offset..usize::MAX, &[]) {
            let said = without_placeholders(&rest.replace('\u{fffc}', ""));
            nothing_is_lost(&said, rest, &document);
        }
    }
}

/// The announced text of a message: the text after the command, or all of it.
fn announced(content: &Content) {
    let part = command_text(content).and_then(|text| match parse(&text, &mentions(), false) {
        Ok(Some(Command::Announce(announcement) | Command::Notice(announcement))) => {
            announcement.text
        }
        Ok(Some(Command::Edit(edit))) => Some(edit.text),
        _ => None,
    });
    let part = part.unwrap_or(0..usize::MAX);
    let Ok(document) = Document::read(content, part, &mentions()) else {
        return;
    };
    both_kinds_agree(&document);
    let named = document.without_mentions();
    assert_eq!(named.mention_count(), 0);
    assert_eq!(named.to_plain_text(), document.to_plain_text());
    both_kinds_agree(&named);
}

/// The text without mentions: `@all` is a word, and all other people are unknown.
fn without_placeholders(text: &str) -> String {
    let text = text.replace("@_all", "");
    let mut parts = text.split("@_user_");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() == part.len() {
            out.push_str("@_user_");
        }
        out.push_str(rest);
    }
    out
}

fn nothing_is_lost(said: &str, typed: &str, document: &Document) {
    // Adjacent links to the same address become one, which shows the address once.
    let legacy = document.to_legacy();
    let links: BTreeSet<&str> = legacy.iter().flat_map(links).collect();
    if typed.matches("://").count() <= links.len().max(1) {
        properties::nothing_is_lost(said, document);
    }
}

fn links(block: &LegacyBlock) -> Vec<&str> {
    let LegacyBlock::Paragraph(paragraph) = block else {
        return Vec::new();
    };
    let links = paragraph.elements.iter().map(|element| match element {
        LegacyElement::TextRun { style, .. } => style.link.as_deref(),
        LegacyElement::Person { .. } => None,
    });
    links.flatten().collect()
}

/// Properties of a document's signed entry.
fn both_kinds_agree(document: &Document) {
    let signature = Signature {
        author: Some("ou_author".into()),
        date: "2026-09-11 09:00".to_owned(),
        edited: None,
    };
    let entry = Entry::new(document, Some(signature));
    let legacy = entry.to_legacy();
    assert_eq!(legacy.len(), entry.line_count());
    for block in &legacy {
        is_a_line(block);
    }
    let docx = entry.to_docx();
    for node in &docx {
        fits(node, 0);
    }
    let people = (document.mention_count() + 1).min(MOST_MENTIONS);
    assert_eq!(docx.iter().map(docx_people).sum::<usize>(), people);
    assert_eq!(legacy.iter().map(legacy_people).sum::<usize>(), people);

    let named = entry.without_mentions();
    assert!(entry.mentions_anybody() && !named.mentions_anybody());
    assert_eq!(named.to_docx().iter().map(docx_people).sum::<usize>(), 0);
    let legacy = named.to_legacy();
    assert_eq!(legacy.iter().map(legacy_people).sum::<usize>(), 0);
    let stored = serde_json::to_string(&entry).unwrap();
    assert_eq!(serde_json::from_str::<Entry>(&stored).unwrap(), entry);
}

/// A legacy paragraph contains no line break, and the depth of lists is limited.
fn is_a_line(block: &LegacyBlock) {
    let LegacyBlock::Paragraph(LegacyParagraph { elements, style }) = block else {
        assert_eq!(*block, LegacyBlock::HorizontalLine);
        return;
    };
    for element in elements {
        if let LegacyElement::TextRun { text, style } = element {
            assert!(!text.contains('\n') && !text.is_empty(), "{elements:?}");
            let link = style.link.as_deref().unwrap_or("http://");
            assert!(leads_somewhere(link), "{link:?}");
        }
    }
    let levels = 1..=LegacyList::DEEPEST;
    assert!(
        style
            .list
            .is_none_or(|list| levels.contains(&list.indent_level))
    );
}

fn leads_somewhere(link: &str) -> bool {
    let link = link.to_ascii_lowercase();
    link.starts_with("http://") || link.starts_with("https://")
}

/// A block has a kind that can be sent, and its text is not too long for it.
fn fits(node: &DocxNode, depth: usize) {
    let Block {
        block_type, text, ..
    } = &node.block;
    assert!(depth <= DEEPEST);
    assert!(!matches!(block_type, BlockType::Page | BlockType::Other(_)));
    let is_without_text = matches!(
        block_type,
        BlockType::Divider | BlockType::Table | BlockType::TableCell
    );
    assert_eq!(text.is_none(), is_without_text);
    let elements = text.iter().flat_map(|text| &text.elements);
    let lengths = elements.map(|element| match element {
        TextElement::TextRun { content, .. } => utf16_len(content),
        TextElement::MentionUser { .. } => 0,
        TextElement::Other => panic!("it cannot be sent"),
    });
    assert!(lengths.sum::<usize>() <= Block::TEXT_LIMIT);
    for child in &node.children {
        fits(child, depth + 1);
    }
}

fn docx_people(node: &DocxNode) -> usize {
    let elements = node.block.text.iter().flat_map(|text| &text.elements);
    let people = elements.filter(|element| matches!(element, TextElement::MentionUser { .. }));
    people.count() + node.children.iter().map(docx_people).sum::<usize>()
}

fn legacy_people(block: &LegacyBlock) -> usize {
    let LegacyBlock::Paragraph(paragraph) = block else {
        return 0;
    };
    let elements = paragraph.elements.iter();
    let people = elements.filter(|element| matches!(element, LegacyElement::Person { .. }));
    people.count()
}
