//! Mentions: placeholders in a text, and the people they refer to.

use std::borrow::Cow;

use feishu::OpenId;

use crate::language::{Bilingual, Language};
use crate::text::plain_name;

pub(crate) const EVERYONE: &str = "@_all";

/// The prefix of all other placeholders; a number follows.
const MEMBER: &str = "@_user_";

/// An entry in a message's list of mentions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The placeholder in the text: `@_user_1`.
    pub key: String,
    /// The name shown after the `@`.
    pub name: String,
    /// `None` if the message does not include it.
    pub open_id: Option<OpenId>,
    /// Whether this is a mention of the bot itself.
    pub is_me: bool,
}

impl Mention {
    /// Converts a mention from the platform; `me` is the bot's own id.
    pub(crate) fn new(mention: &feishu::Mention, me: Option<&OpenId>) -> Self {
        let open_id = mention.id.open_id.clone();
        Self {
            key: mention.key.clone(),
            name: plain_name(&mention.name),
            is_me: me.is_some() && open_id.as_ref() == me,
            open_id,
        }
    }
}

pub(crate) fn at_name(mention: &Mention) -> String {
    format!("@{}", mention.name)
}

pub(super) fn everyone(language: Language) -> &'static str {
    Bilingual::new("@所有人", "@all").to(language)
}

/// Replaces placeholders: known ones by `words`, a mention of everyone by text in `language`.
pub(crate) fn replace_mentions(
    text: &str,
    mentions: &[Mention],
    language: Language,
    words: impl Fn(&Mention) -> String,
) -> String {
    let parts = split_mentions(text, mentions);
    let texts = parts.map(|part| match part {
        TextPart::Text(text) => Cow::Borrowed(text),
        TextPart::Everyone => Cow::Borrowed(everyone(language)),
        TextPart::Person(mention) => Cow::Owned(words(mention)),
    });
    texts.collect()
}

/// Drops the placeholders that are not in `mentions`.
pub(crate) fn without_unknown_placeholders(text: &str, mentions: &[Mention]) -> String {
    let parts = split_mentions(text, mentions);
    let texts = parts.map(|part| match part {
        TextPart::Text(text) => text,
        TextPart::Everyone => EVERYONE,
        TextPart::Person(mention) => &mention.key,
    });
    texts.collect()
}

/// A part of a text.
pub(super) enum TextPart<'t, 'm> {
    Text(&'t str),
    Everyone,
    Person(&'m Mention),
}

/// Splits a text at its placeholders. An unknown one is dropped together with one blank after it,
/// because it means nothing to readers.
pub(super) fn split_mentions<'t, 'm>(
    text: &'t str,
    mentions: &'m [Mention],
) -> impl Iterator<Item = TextPart<'t, 'm>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        while !rest.is_empty() {
            let Some((key, after)) = split_placeholder(rest, mentions) else {
                let mut marks = rest.match_indices('@').map(|(at, _)| at);
                let end = marks.find(|at| *at > 0).unwrap_or(rest.len());
                let text = &rest[..end];
                rest = &rest[end..];
                return Some(TextPart::Text(text));
            };
            rest = after;
            if key == EVERYONE {
                return Some(TextPart::Everyone);
            }
            if let Some(mention) = mentions.iter().find(|mention| mention.key == key) {
                return Some(TextPart::Person(mention));
            }
            rest = after.strip_prefix(' ').unwrap_or(after);
        }
        None
    })
}

/// Splits a placeholder off the start of `text`: its key, and what follows.
///
/// Digits typed right after a mention look like part of its number, so the longest matching key in
/// `mentions` wins; without a match all digits count.
pub(crate) fn split_placeholder<'t>(
    text: &'t str,
    mentions: &[Mention],
) -> Option<(&'t str, &'t str)> {
    if text.starts_with(EVERYONE) {
        return Some(text.split_at(EVERYONE.len()));
    }
    let number = text.strip_prefix(MEMBER)?;
    let digits = number.bytes().take_while(u8::is_ascii_digit).count();
    let longest = &text[..MEMBER.len() + digits];
    let known = mentions.iter().map(|mention| mention.key.as_str());
    let known = known.filter(|key| key.len() > MEMBER.len() && longest.starts_with(key));
    let end = known.map(str::len).max().unwrap_or(longest.len());
    (digits > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let mentions = [
            ("@_user_1", "Bot", true),
            ("@_user_10", "Wu @_user_1", false),
        ];
        let mentions = mentions.map(|(key, name, is_me)| Mention {
            key: key.to_owned(),
            name: name.to_owned(),
            open_id: None,
            is_me,
        });
        let named = replace_mentions(text, &mentions, Language::of(text), at_name);
        assert_eq!(named, expected);
    }

    #[test]
    fn the_longest_matching_placeholder_is_replaced_once() {
        check("@_user_1 hi", "@Bot hi");
        check(
            "ask @_user_10, not @_user_1.",
            "ask @Wu @_user_1, not @Bot.",
        );
        check("@_user_12026", "@Bot2026");
        check("@_user_105", "@Wu @_user_15");
    }

    #[test]
    fn everyone_is_named_in_the_texts_language() {
        check("hello @_all!", "hello @all!");
        check("@_all 开会", "@所有人 开会");
    }

    #[test]
    fn placeholders_without_a_mention_can_be_dropped() {
        let bot = Mention {
            key: "@_user_1".to_owned(),
            name: "Bot".to_owned(),
            open_id: None,
            is_me: true,
        };
        for (text, expected) in [
            ("@_user_2 hello @_user_1", "hello @_user_1"),
            ("@_user_12026 @_all a@b.cn @", "@_user_12026 @_all a@b.cn @"),
            ("ask @_user_3, please", "ask , please"),
        ] {
            assert_eq!(
                without_unknown_placeholders(text, std::slice::from_ref(&bot)),
                expected
            );
        }
    }

    #[test]
    fn other_at_signs_are_kept() {
        check("@_user_2 @_user_ @Bob a@b.cn @", "@_user_ @Bob a@b.cn @");
    }
}
