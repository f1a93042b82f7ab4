//! What the parser of Markdown gets to see in place of a text.
//!
//! Bytes are replaced one for one, so that every place in the mask is the same place in the text.

use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use super::super::mention::{Mention, split_placeholder};
use super::super::typed::{addresses, is_address};

/// Punctuation that means nothing anywhere in Markdown.
const PUNCTUATION: u8 = b',';
/// A letter, of which words that are to stay whole are made.
const LETTER: u8 = b'x';
/// A letter of three bytes: U+E000, for private use.
const WIDE_LETTER: [u8; 3] = [0xee, 0x80, 0x80];

/// So far around a character its word is looked at.
const NEAR: usize = 64;

/// How many marks of lists and quotes may begin a line. Nobody means more, and the parser goes
/// through all of them for each line that follows.
const DEEPEST: usize = 100;

/// The mask of a text.
fn of(text: &str, mentions: &[Mention]) -> String {
    let mut mask = text.as_bytes().to_vec();
    mask_characters(text, &mut mask);
    mask_words(text, mentions, &mut mask);
    mask_lines(text, &mut mask);
    // Only whole characters are replaced, so it is UTF-8 still; were it not, nothing would be
    // formatted.
    String::from_utf8(mask).unwrap_or_else(|_| "x".repeat(text.len()))
}

/// Puts punctuation at these places where a single byte of `text` still stands as itself, but for
/// the ends of lines.
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

/// Entities, HTML, definitions of references, pictures, single tildes and stars between digits
/// mean nothing; a range of times (`9~10, 14~15`) is not struck out.
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

/// Whether a star stands inside of a word of ASCII that does not begin with one, `a*b*c`. Chinese
/// has no blanks between words, so there stars may begin and end anywhere.
fn is_inside_word(bytes: &[u8], at: usize) -> bool {
    let belongs = |byte: &&u8| byte.is_ascii_alphanumeric() || **byte == b'*';
    let before = bytes[..at].iter().rev().take_while(belongs);
    // A longer word is no word.
    let first = before.take(NEAR).enumerate().last();
    let first = first.filter(|(distance, first)| *distance < NEAR - 1 && **first != b'*');
    let after = bytes[at..].iter().take(NEAR).find(|byte| **byte != b'*');
    first.is_some() && after.is_some_and(u8::is_ascii_alphanumeric)
}

/// Whether a star is part of a path that stands for many, `src/**/*.rs`.
fn is_in_path(bytes: &[u8], at: usize) -> bool {
    let before = bytes[..at].iter().rev().take(NEAR);
    let before = before.copied().find(|byte| *byte != b'*');
    let after = bytes[at..].iter().take(NEAR);
    let after = after.copied().find(|byte| *byte != b'*');
    before == Some(b'/')
        && after.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.'))
}

/// Whether an underscore is one of those around a name in small letters: `__init__`.
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

/// Punctuation of Chinese text. `CommonMark` lets no emphasis end between it and a letter, as it
/// counts on spaces between words: `**注意：**明天` would not be bold.
fn is_wide_punctuation(c: char) -> bool {
    matches!(c,
        '\u{2010}'..='\u{2027}'
        | '\u{3001}'..='\u{303f}'
        | '\u{ff01}'..='\u{ff0f}'
        | '\u{ff1a}'..='\u{ff20}'
        | '\u{ff3b}'..='\u{ff40}'
        | '\u{ff5b}'..='\u{ff65}')
}

/// Whether an address in angle brackets begins.
fn is_autolink(text: &str) -> bool {
    let inside = text.strip_prefix('<').unwrap_or_default();
    let ends = |c: char| c == '<' || c == '>' || c.is_whitespace() || c.is_control();
    let end = inside.find(ends).unwrap_or(inside.len());
    inside[end..].starts_with('>') && is_address(&inside[..end])
}

/// Placeholders and addresses are words, whatever stands in them.
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

/// A line of `-` is a divider, never the underline of a heading, and a line of `=` is text. Lists
/// and quotes inside of each other end somewhere.
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
            for mark in deep_marks(line) {
                mask[start + mark] = PUNCTUATION;
            }
        }
        start += line.len() + 1;
    }
}

/// Where the marks stand at the start of a line that are too many.
fn deep_marks(line: &str) -> impl Iterator<Item = usize> {
    let is_mark = |byte: &u8| b">-+*.)".contains(byte);
    let start = line.bytes().enumerate();
    start
        .take_while(move |(_, byte)| is_mark(byte) || b" \t0123456789".contains(byte))
        .filter(move |(_, byte)| is_mark(byte))
        .map(|(at, _)| at)
        .skip(DEEPEST)
}

/// The mask of a text without code by indentation.
pub(crate) fn masked(text: &str, mentions: &[Mention]) -> String {
    let mut mask = of(text, mentions);
    let indented = indented_code(&mask);
    // Without its indentation's last blank it is no code, but a paragraph.
    let before = indented.iter().map(|line| line.saturating_sub(1));
    let is_blank = |at: &usize| matches!(text.as_bytes().get(*at), Some(b' ' | b'\t'));
    punctuate(&mut mask, text, before.filter(is_blank));
    mask
}

pub(crate) fn events(mask: &str) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
    Parser::new_ext(mask, Options::ENABLE_STRIKETHROUGH).into_offset_iter()
}

/// Where the lines of indented code begin, behind their indentation.
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

/// What stands between the ticks of code inside a line.
pub(crate) fn code_inside(text: &str, range: Range<usize>) -> Range<usize> {
    let span = &text[range.clone()];
    let ticks = span.bytes().take_while(|byte| *byte == b'`').count();
    range.start + ticks..range.end - ticks
}
