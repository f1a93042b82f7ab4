//! The masked text that the Markdown parser gets.
//!
//! Bytes are replaced one for one, so that offsets in the mask are offsets in the text.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::super::mention::{Mention, split_placeholder};
use super::super::typed::{addresses, is_address};

/// Punctuation without any meaning in Markdown.
const PUNCTUATION: u8 = b',';
/// Replaces the letters of words that must stay whole.
const LETTER: u8 = b'x';
/// A letter of three bytes: U+E000 (private use).
const WIDE_LETTER: [u8; 3] = [0xee, 0x80, 0x80];

/// Maximum distance at which a character's word is examined, in bytes.
const NEAR: usize = 64;

/// Maximum number of list and quote markers at the start of a line. The parser visits all of them
/// for each following line.
const DEEPEST: usize = 100;

fn of(text: &str, mentions: &[Mention]) -> String {
    let mut mask = text.as_bytes().to_vec();
    mask_characters(text, &mut mask);
    mask_words(text, mentions, &mut mask);
    mask_lines(text, &mut mask);
    // Only whole characters are replaced, so it is valid UTF-8; otherwise nothing would be
    // formatted.
    String::from_utf8(mask).unwrap_or_else(|_| "x".repeat(text.len()))
}

/// Replaces single bytes at these offsets by punctuation, unless they are masked already or end a
/// line.
pub(crate) fn punctuate(mask: &mut String, text: &str, places: impl Iterator<Item = usize>) {
    let mut bytes = std::mem::take(mask).into_bytes();
    for place in places {
        let typed = text.as_bytes().get(place);
        let typed = typed.filter(|byte| byte.is_ascii() && **byte != b'\n');
        if let Some(byte) = bytes.get_mut(place).filter(|byte| Some(&**byte) == typed) {
            *byte = PUNCTUATION;
        }
    }
    *mask = String::from_utf8(bytes).unwrap_or_default();
}

/// Masks entities, HTML, reference definitions, images, single tildes and stars between digits. A
/// range of times (`9~10, 14~15`) is not struck out.
fn mask_characters(text: &str, mask: &mut [u8]) {
    let bytes = text.as_bytes();
    let before = |at: usize| at.checked_sub(1).and_then(|at| bytes.get(at));
    for (at, c) in text.char_indices() {
        let next = bytes.get(at + 1);
        let means_nothing = match c {
            '&' => true,
            '<' => !(text[..at].ends_with("](") || is_autolink(&text[at..])),
            ':' => before(at) == Some(&b']'),
            '!' => next == Some(&b'['),
            // A product, `5*3*2`, or a name, `a**b`.
            '*' => is_inside_word(bytes, at) || is_in_path(bytes, at),
            // A name such as `__init__`.
            '_' => is_dunder(bytes, at),
            '~' => before(at) != Some(&b'~') && next != Some(&b'~'),
            _ => false,
        };
        if means_nothing {
            mask[at] = PUNCTUATION;
        } else if is_wide_punctuation(c) {
            mask[at..at + 3].copy_from_slice(&WIDE_LETTER);
        }
    }
}

/// Whether a star is inside an ASCII word that does not begin with one, `a*b*c`. Chinese has no
/// blanks between words, so there stars may begin and end anywhere.
fn is_inside_word(bytes: &[u8], at: usize) -> bool {
    let belongs = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'*';
    let before = bytes[..at].iter().rev().take_while(belongs);
    // Longer runs are not words.
    let first = before.take(NEAR).enumerate().last();
    let first = first.filter(|(distance, first)| *distance < NEAR - 1 && **first != b'*');
    let after = bytes[at..].iter().take(NEAR).find(|byte| **byte != b'*');
    first.is_some() && after.is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether a star is part of a glob, `src/**/*.rs`.
fn is_in_path(bytes: &[u8], at: usize) -> bool {
    let before = bytes[..at].iter().rev().take(NEAR);
    let before = before.copied().find(|byte| *byte != b'*');
    let after = bytes[at..].iter().take(NEAR);
    let after = after.copied().find(|byte| *byte != b'*');
    before == Some(b'/')
        && after.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.'))
}

/// Whether an underscore surrounds a lowercase name: `__init__`.
fn is_dunder(bytes: &[u8], at: usize) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
    let before = bytes[..at].iter().rev().take(NEAR);
    let before = before.take_while(|byte| is_name(byte)).count();
    let after = bytes[at..].iter().take(NEAR);
    let after = after.take_while(|byte| is_name(byte)).count();
    let word = &bytes[at - before..at + after];
    let inner = word
        .strip_prefix(b"__")
        .and_then(|word| word.strip_suffix(b"__"));
    inner.is_some_and(|inner| inner.len() > 1 && inner.iter().any(u8::is_ascii_lowercase))
}

/// Chinese punctuation. `CommonMark` expects spaces between words and does not end emphasis between
/// it and a letter: `**注意：**明天` would not be bold.
fn is_wide_punctuation(c: char) -> bool {
    matches!(c,
        '\u{2010}'..='\u{2027}'
        | '\u{3001}'..='\u{303f}'
        | '\u{ff01}'..='\u{ff0f}'
        | '\u{ff1a}'..='\u{ff20}'
        | '\u{ff3b}'..='\u{ff40}'
        | '\u{ff5b}'..='\u{ff65}')
}

/// Whether a URL in angle brackets begins here.
fn is_autolink(text: &str) -> bool {
    let inside = text.strip_prefix('<').unwrap_or_default();
    let ends = |c: char| c == '<' || c == '>' || c.is_whitespace() || c.is_control();
    let end = inside.find(ends).unwrap_or(inside.len());
    inside[end..].starts_with('>') && is_address(&inside[..end])
}

/// Masks placeholders and URLs as words.
fn mask_words(text: &str, mentions: &[Mention], mask: &mut [u8]) {
    for (at, _) in text.match_indices('@') {
        if let Some((key, _)) = split_placeholder(&text[at..], mentions) {
            mask[at..at + key.len()].fill(LETTER);
        }
    }
    for address in addresses(text) {
        let is_bracketed = text[..address.start]
            .strip_suffix('<')
            .is_some_and(|before| is_autolink(&text[before.len()..]));
        if !is_bracketed {
            mask[address].fill(LETTER);
        }
    }
}

/// A line of `-` is a divider, never the underline of a heading, and a line of `=` is text. The
/// nesting of lists and quotes is limited.
fn mask_lines(text: &str, mask: &mut [u8]) {
    let mut start = 0;
    for line in text.split('\n') {
        let typed = line.trim_matches([' ', '\t']);
        let at = start + line.find(typed).unwrap_or_default();
        let is_all = |c| !typed.is_empty() && typed.trim_matches(c).is_empty();
        if is_all('-') && typed.len() >= 3 {
            mask[at..at + typed.len()].fill(b'*');
        } else if is_all('-') || is_all('=') {
            mask[at] = PUNCTUATION;
        }
        if !is_all('-') && !is_all('*') {
            for mark in excess_markers(line) {
                mask[start + mark] = PUNCTUATION;
            }
        }
        start += line.len() + 1;
    }
}

/// The offsets of the excess markers at the start of a line.
fn excess_markers(line: &str) -> impl Iterator<Item = usize> {
    let is_mark = |byte: &u8| b">-+*.)".contains(byte);
    let start = line.bytes().enumerate();
    start
        .take_while(move |(_, byte)| is_mark(byte) || b" \t0123456789".contains(byte))
        .filter(move |(_, byte)| is_mark(byte))
        .map(|(at, _)| at)
        .skip(DEEPEST)
}

/// The mask of a text, without indented code.
pub(crate) fn masked(text: &str, mentions: &[Mention]) -> String {
    let mut mask = of(text, mentions);
    let indented = indented_code(&mask);
    // Without the last blank of its indent it is a paragraph.
    let before = indented.iter().map(|line| line.saturating_sub(1));
    let is_blank = |at: &usize| matches!(text.as_bytes().get(*at), Some(b' ' | b'\t'));
    punctuate(&mut mask, text, before.filter(is_blank));
    mask
}

pub(crate) fn events(mask: &str) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
    Parser::new_ext(mask, Options::ENABLE_STRIKETHROUGH).into_offset_iter()
}

/// Where the lines of indented code begin, after their indent.
fn indented_code(mask: &str) -> Vec<usize> {
    let mut within = false;
    let mut lines = Vec::new();
    for (event, range) in events(mask) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Indented)) => within = true,
            Event::End(TagEnd::CodeBlock) => within = false,
            Event::Text(_) if within => lines.push(range.start),
            _ => {}
        }
    }
    lines
}

/// The content of inline code, between its backticks.
pub(crate) fn code_inside(text: &str, range: Range<usize>) -> Range<usize> {
    let span = &text[range.clone()];
    let ticks = span.bytes().take_while(|byte| *byte == b'`').count();
    range.start + ticks..range.end - ticks
}
