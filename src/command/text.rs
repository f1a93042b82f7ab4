//! Reading what a member typed: letters have one case and one width here, and much counts as a
//! space that does not look like one.

use crate::content::{Mention, split_placeholder};

/// The most characters of a member's words that an error keeps.
const QUOTED: usize = 40;

/// [`str::strip_prefix`] for which letters have one case and one width; `prefix` is written plainly.
pub(super) fn strip_folded<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let mut chars = text.chars();
    let fits = prefix
        .chars()
        .all(|expected| chars.next().map(fold) == Some(expected));
    fits.then_some(chars.as_str())
}

/// Lower case, and half width for the full-width forms of ASCII that Chinese input yields (`／Ｐ：`).
pub(super) fn fold(c: char) -> char {
    let half = match c {
        '！'..='～' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    };
    half.to_ascii_lowercase()
}

/// White space, U+3000 included, and what clients leave between words without showing it.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

pub(super) fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches(is_blank)
}

/// Skips what parts a name from its text: a colon right after it, and white space.
pub(super) fn skip_separator(text: &str) -> &str {
    skip_blanks(strip_folded(text, ":").unwrap_or(text))
}

/// Whether a name before `rest` ends there.
pub(super) fn ends_name(rest: &str) -> bool {
    let separator = |c| is_blank(c) || fold(c) == ':';
    rest.is_empty() || rest.starts_with(separator) || split_placeholder(rest, &[]).is_some()
}

/// Whether what was `typed` does not end before `rest`, as a letter or digit of ASCII follows
/// another: `2hx`. Chinese needs no blank before the next word: `2天lunch`.
pub(super) fn runs_on(typed: &str, rest: &str) -> bool {
    let is_ascii_word = |c| fold(c).is_ascii_alphanumeric();
    typed.ends_with(is_ascii_word) && rest.starts_with(is_ascii_word)
}

/// Splits the longest of some words off the text.
///
/// A word that ends in a letter of ASCII ends only where no further one follows; Chinese needs no
/// such sign.
pub(super) fn split_word<'t, T: Copy>(text: &'t str, words: &[(&str, T)]) -> Option<(T, &'t str)> {
    let is_letter = |c: char| fold(c).is_ascii_alphabetic();
    let found = words.iter().filter_map(|&(word, meaning)| {
        let rest = strip_folded(text, word)?;
        (!word.ends_with(is_letter) || !rest.starts_with(is_letter)).then_some((meaning, rest))
    });
    found.min_by_key(|(_, rest)| rest.len())
}

/// The first word of the text: what stands before a blank.
pub(super) fn first_word(text: &str) -> &str {
    text.split(is_blank).next().unwrap_or(text)
}

/// Strips the dashes before an option: two hyphens of either width, or the long dashes into which
/// keyboards turn them, of which Chinese ones type two at once.
pub(super) fn strip_dashes(text: &str) -> Option<&str> {
    let is_long = |c| matches!(c, '—' | '–');
    let name = text.trim_start_matches(|c| fold(c) == '-' || is_long(c));
    let dashes = &text[..text.len() - name.len()];
    (dashes.contains(is_long) || dashes.chars().count() > 1).then_some(name)
}

/// Skips white space and the mentions that `skip` accepts; also says whether there was one.
pub(super) fn skip_mentions<'t>(
    text: &'t str,
    mentions: &[Mention],
    skip: impl Fn(&str) -> bool,
) -> (&'t str, bool) {
    let mut rest = skip_blanks(text);
    let mut mentioned = false;
    while let Some((_, after)) = split_placeholder(rest, mentions).filter(|(key, _)| skip(key)) {
        rest = skip_blanks(after);
        mentioned = true;
    }
    (rest, mentioned)
}

/// Shortens a member's words for an answer.
pub(super) fn cut(words: &str) -> String {
    match words.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words.to_owned(),
    }
}
