//! The target of a link.

use std::ops::Range;

/// Finds the target after a caption, `](url "title")`: the URL, and the range of the title with the
/// space before it.
pub(super) fn target(text: &str, mask: &str, tail: Range<usize>) -> Option<(String, Range<usize>)> {
    let open = tail.start + mask[tail.clone()].find("](")? + 2;
    let inside = mask.get(open..tail.end)?.strip_suffix(')')?;
    let trimmed = inside.trim_start();
    let start = open + inside.len() - trimmed.len();
    let (start, length, closing) = match trimmed.strip_prefix('<') {
        Some(bracketed) => (start + 1, bracketed.find('>')?, 1),
        None => (
            start,
            trimmed
                .find(|c: char| c.is_ascii_whitespace())
                .unwrap_or(trimmed.len()),
            0,
        ),
    };
    let address = unescape(&text[start..start + length]);
    let title = start + length + closing..tail.end - 1;
    let is_blank = text[title.clone()].trim().is_empty();
    let title = if is_blank {
        title.end..title.end
    } else {
        title
    };
    Some((address, title))
}

/// Removes backslashes before punctuation.
fn unescape(address: &str) -> String {
    let mut plain = String::with_capacity(address.len());
    let mut characters = address.chars().peekable();
    while let Some(c) = characters.next() {
        let escapes = c == '\\' && characters.peek().is_some_and(char::is_ascii_punctuation);
        if !escapes {
            plain.push(c);
        } else if let Some(escaped) = characters.next() {
            plain.push(escaped);
        }
    }
    plain
}
