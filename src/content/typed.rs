//! URLs and placeholders of mentions in typed text.

use std::ops::Range;

use super::document::{Inline, Marker, TextStyle, merged};
use super::mention::{Mention, TextPart, at_name, replace_mentions, split_mentions};
use crate::language::Language;

/// Parses text with the mentions of one message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Typed<'m> {
    pub(super) mentions: &'m [Mention],
    /// The language of a mention of everyone.
    pub(super) language: Language,
}

impl Typed<'_> {
    /// Bare URLs become links, placeholders become mentions.
    ///
    /// Inside links and code both stay text, because no format nests them.
    pub(super) fn read(self, text: &str, style: &TextStyle) -> Vec<Inline> {
        if style.code || style.link.is_some() {
            return merged([Inline::styled(self.verbatim(text), style)]);
        }
        let mut content = Vec::new();
        let mut start = 0;
        for link in addresses(text) {
            content.extend(self.read_mentions(&text[start..link.start], style));
            let address = &text[link.clone()];
            content.push(Inline::styled(address, &style.with_link(address)));
            start = link.end;
        }
        content.extend(self.read_mentions(&text[start..], style));
        merged(content)
    }

    fn read_mentions(self, text: &str, style: &TextStyle) -> impl Iterator<Item = Inline> {
        split_mentions(text, self.mentions).map(|part| match part {
            TextPart::Text(text) => Inline::styled(text, style),
            TextPart::Everyone => Inline::Everyone,
            TextPart::Person(mention) => person(mention, style),
        })
    }

    /// Replaces placeholders by names.
    pub(super) fn verbatim(self, text: &str) -> String {
        replace_mentions(text, self.mentions, self.language, at_name)
    }
}

/// A mention; this bot and people without an id are named in text.
pub(super) fn person(mention: &Mention, style: &TextStyle) -> Inline {
    match &mention.open_id {
        Some(open_id) if !mention.is_me => Inline::Mention {
            open_id: open_id.clone(),
            name: mention.name.clone(),
        },
        Some(_) | None => Inline::styled(at_name(mention), style),
    }
}

/// Splits off the marker of a list item: a number with a full stop, or one of `bullets`. A number
/// with leading zeros or a bracket does not count, because they would be lost.
pub(super) fn split_marker<'t>(text: &'t str, bullets: &[char]) -> Option<(Marker, &'t str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    if number.is_empty() {
        return Some((Marker::Bullet, text.strip_prefix(bullets)?));
    }
    let is_padded = digits > 1 && number.starts_with('0');
    let marker = Marker::Number(number.parse().ok().filter(|_| !is_padded)?);
    Some((marker, rest.strip_prefix('.')?))
}

/// Whether the text is an `http` or `https` URL.
pub(super) fn is_address(text: &str) -> bool {
    scheme_len(text.as_bytes()).is_some_and(|length| text.len() > length)
}

/// The byte ranges of bare URLs.
pub(super) fn addresses(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut found: Vec<Range<usize>> = Vec::new();
    for at in 0..bytes.len() {
        let is_inside_url = found.last().is_some_and(|last| at < last.end);
        let is_inside_word = at > 0 && bytes[at - 1].is_ascii_alphanumeric();
        if let Some(scheme) = scheme_len(&bytes[at..])
            && !is_inside_url
            && !is_inside_word
        {
            let end = at + address_len(&text[at..]);
            found.extend((end > at + scheme).then_some(at..end));
        }
    }
    found
}

fn scheme_len(bytes: &[u8]) -> Option<usize> {
    let lengths = ["http://", "https://"].into_iter().filter_map(|scheme| {
        let start = bytes.get(..scheme.len())?;
        let has = start.eq_ignore_ascii_case(scheme.as_bytes());
        has.then_some(scheme.len())
    });
    lengths.max()
}

/// The length of the URL at the start: up to a character that no URL contains, such as a space or a
/// Chinese character after a word, and without the punctuation of the surrounding sentence.
fn address_len(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = span_len(text);
    // A `)` whose `(` precedes the URL is not part of it.
    let mut foreign = bytes[..end].iter().fold(0, |foreign, byte| match byte {
        b'(' => foreign - 1,
        b')' => foreign + 1,
        _ => foreign,
    });
    while let Some(last) = bytes[..end].last() {
        match last {
            b'.' | b',' | b';' | b':' | b'!' | b'?' | b'\'' | b'*' | b'_' | b'~' => end -= 1,
            b')' if foreign > 0 => {
                foreign -= 1;
                end -= 1;
            }
            _ => break,
        }
    }
    end
}

/// The length of the leading characters that a URL may contain. Non-ASCII letters count where they
/// begin a part of the path or the query: `/wiki/飞书`.
fn span_len(text: &str) -> usize {
    let host = scheme_len(text.as_bytes()).unwrap_or_default();
    let path = text[host..]
        .find('/')
        .map_or(text.len(), |slash| host + slash);
    let mut before = None;
    for (at, c) in text.char_indices() {
        let belongs = if c.is_ascii() {
            c.is_ascii_graphic() && !"<>\"`{}|\\^[]".contains(c)
        } else {
            let continues = |before: char| !before.is_ascii() || "/=-_&#%+".contains(before);
            at > path && c.is_alphanumeric() && before.is_some_and(continues)
        };
        if !belongs {
            return at;
        }
        before = Some(c);
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = addresses(text).into_iter().map(|at| &text[at]).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn a_url_ends_before_trailing_punctuation() {
        check(
            "see https://a.cn/x?y=1&z=_2_3.",
            &["https://a.cn/x?y=1&z=_2_3"],
        );
        check(
            "详见https://a.cn，或 HTTP://b.cn。",
            &["https://a.cn", "HTTP://b.cn"],
        );
        check("(https://a.cn/b_(c)), and", &["https://a.cn/b_(c)"]);
        check("**https://a.cn**!", &["https://a.cn"]);
        check("<https://a.cn>\"http://b\"", &["https://a.cn", "http://b"]);
        check(
            "https://a.cn/#h http://127.0.0.1:80/",
            &["https://a.cn/#h", "http://127.0.0.1:80/"],
        );
    }

    #[test]
    fn url_paths_may_contain_non_ascii_letters() {
        check(
            "见 https://zh.wikipedia.org/wiki/飞书。",
            &["https://zh.wikipedia.org/wiki/飞书"],
        );
        check(
            "https://a.cn/q?w=停电&b=ü-2 x",
            &["https://a.cn/q?w=停电&b=ü-2"],
        );
        check(
            "https://ru.wikipedia.org/wiki/Фэйшу, ok",
            &["https://ru.wikipedia.org/wiki/Фэйшу"],
        );
        check("https://a.cn/x看这里", &["https://a.cn/x"]);
        check("https://a.cn看这里", &["https://a.cn"]);
        check("https://a.cn/飞书（新）", &["https://a.cn/飞书"]);
    }

    #[test]
    fn a_url_needs_a_scheme_and_a_host() {
        check("https:// and http:// nothing", &[]);
        check("xhttps://a.cn ftp://b.cn a.cn", &[]);
        check("https://...", &[]);
    }
}
