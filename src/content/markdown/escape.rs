//! Detection of backslash escapes.
//!
//! A backslash is an escape only if the next character would format something without it. All
//! others are text, so that the path `C:\_tmp` is kept.

use std::ops::Range;

use pulldown_cmark::Event;

use super::super::mention::Mention;
use super::mask;
use crate::content::markdown::mask::{code_inside, events, masked};

/// A backslash before punctuation.
struct Backslash {
    at: usize,
    /// Whether it may be an escape. Not before another backslash, `\\server`.
    may_escape: bool,
}

/// Masks the backslashes that are text, each with the next character.
pub(super) fn mask_text(text: &str, mentions: &[Mention], mask: &mut String) {
    let (candidates, mut plain): (Vec<_>, Vec<_>) = backslashes(text)
        .into_iter()
        .partition(|backslash| backslash.may_escape);
    if !candidates.is_empty() {
        let formats = formats_without(text, mentions, &candidates, &plain);
        let idle = candidates.into_iter().zip(formats);
        plain.extend(idle.filter(|(_, formats)| !formats).map(|(idle, _)| idle));
    }
    mask::punctuate(mask, text, plain.iter().flat_map(Backslash::pair));
}

impl Backslash {
    /// The range of the backslash and the next character.
    fn pair(&self) -> Range<usize> {
        self.at..self.at + 2
    }
}

fn backslashes(text: &str) -> Vec<Backslash> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let next = bytes.get(at + 1).filter(|_| bytes[at] == b'\\');
        let Some(next) = next.filter(|next| next.is_ascii_punctuation() || **next == b'\n') else {
            at += 1;
            continue;
        };
        let may_escape = match next {
            b'\\' | b'\n' => false,
            // It may end inline code, where a backslash is never an escape.
            b'`' => true,
            _ => !is_never_escape(&text[..at]),
        };
        found.push(Backslash { at, may_escape });
        at += 2;
    }
    found
}

/// After a drive letter, and as the arm of `¯\_(ツ)_/¯`.
fn is_never_escape(before: &str) -> bool {
    let drive = before.strip_suffix(':').map(|before| {
        let mut before = before.chars().rev();
        let letter = before.next().is_some_and(|c| c.is_ascii_alphabetic());
        letter && !before.next().is_some_and(char::is_alphanumeric)
    });
    drive == Some(true) || before.ends_with('¯')
}

/// Which of the characters after the candidates would format something without the backslash.
fn formats_without(
    text: &str,
    mentions: &[Mention],
    candidates: &[Backslash],
    plain: &[Backslash],
) -> Vec<bool> {
    let mut bare = String::with_capacity(text.len());
    let mut start = 0;
    for candidate in candidates {
        bare.push_str(&text[start..candidate.at]);
        start = candidate.at + 1;
    }
    bare.push_str(&text[start..]);
    let moved = |at: usize| at - candidates.partition_point(|candidate| candidate.at < at);
    let mut mask = masked(&bare, mentions);
    let plain = plain.iter().flat_map(Backslash::pair).map(moved);
    mask::punctuate(&mut mask, &bare, plain);
    let mut formats = vec![true; bare.len()];
    for (event, range) in events(&mask) {
        let words = match event {
            Event::Text(_) | Event::InlineHtml(_) => range,
            Event::Code(_) => code_inside(&bare, range),
            _ => continue,
        };
        formats[words].fill(false);
    }
    let behind = candidates.iter().map(|candidate| moved(candidate.at + 1));
    behind.map(|at| formats[at]).collect()
}
