//! The message that is being parsed, with its mentions.

use super::number::split_number;
use super::span::split_span;
use super::text::{
    cut, fold, folded_start, is_blank, is_emoji, is_separator, skip_blanks, skip_mentions,
    skip_separator, strip_folded,
};
use super::{CommandName, Mention};
use crate::content::{EVERYONE, at_name, replace_mentions, split_placeholder};
use crate::language::Language;

/// Maximum number of characters in the name of a Feishu emoji: `[赞]`, `[THUMBSUP]`.
const EMOJI_NAME: usize = 16;

/// The message that is being parsed. What remains to be parsed is always a suffix of its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'t> {
    text: &'t str,
    mentions: &'t [Mention],
    /// Whether the mentions are unknown, so that any of them may be this bot.
    unknown_mentions: bool,
}

/// What may precede a command.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prefix<'t> {
    pub(super) mentions_me: bool,
    pub(super) mentions_others: bool,
    /// What follows it.
    pub(super) rest: &'t str,
}

impl<'t> Input<'t> {
    pub(super) fn new(text: &'t str, mentions: &'t [Mention]) -> Self {
        Self {
            text,
            mentions,
            unknown_mentions: false,
        }
    }

    pub(super) fn with_unknown_mentions(text: &'t str) -> Self {
        Self {
            unknown_mentions: true,
            ..Self::new(text, &[])
        }
    }

    /// Parses what may precede a command: mentions with their punctuation, images, a list marker,
    /// and blanks.
    pub(super) fn prefix(self) -> Prefix<'t> {
        let (mut mentions_me, mut mentions_others) = (false, false);
        let mut rest = self.text;
        loop {
            rest = rest.trim_start_matches(|c| is_blank(c) || is_emoji(c));
            let Some((key, after)) = split_placeholder(rest, self.mentions) else {
                return Prefix {
                    mentions_me,
                    mentions_others,
                    rest: skip_list_marker(rest),
                };
            };
            let is_me = self.is_me(key);
            mentions_me |= is_me;
            mentions_others |= !is_me;
            // `、` may also be the slash of a Chinese keyboard; the name after it decides.
            rest = after.trim_start_matches(|c| is_separator(c) || is_blank(c));
        }
    }

    fn is_me(self, key: &str) -> bool {
        if self.unknown_mentions {
            return key != EVERYONE;
        }
        let mut mine = self.mentions.iter().filter(|mention| mention.is_me);
        mine.any(|mention| mention.key == key)
    }

    /// Skips white space and mentions of this bot; also returns whether there was one.
    pub(super) fn skip_me(self, rest: &'t str) -> (&'t str, bool) {
        skip_mentions(rest, self.mentions, |key| self.is_me(key))
    }

    /// Skips mentions of this bot between a command and its text.
    pub(super) fn skip_me_and_separator(self, rest: &'t str) -> &'t str {
        match self.skip_me(rest) {
            (rest, true) => skip_separator(rest),
            (rest, false) => rest,
        }
    }

    /// Whether this bot is among the mentions at the start of the rest.
    pub(super) fn mentions_me_next(self, rest: &'t str) -> bool {
        let mut rest = skip_blanks(rest);
        while let Some((key, after)) = split_placeholder(rest, self.mentions) {
            if self.is_me(key) {
                return true;
            }
            rest = skip_blanks(after);
        }
        false
    }

    /// Whether this bot is mentioned anywhere in the rest.
    pub(super) fn mentions_me_in(self, rest: &'t str) -> bool {
        let placeholders = rest
            .match_indices('@')
            .filter_map(|(at, _)| split_placeholder(&rest[at..], self.mentions));
        placeholders.map(|(key, _)| key).any(|key| self.is_me(key))
    }

    /// The byte offset of the rest.
    pub(super) fn position(self, rest: &str) -> usize {
        self.text.len() - rest.len()
    }

    pub(super) fn before(self, position: usize) -> &'t str {
        &self.text[..position]
    }

    /// The argument of a command, without mentions, emoji and trailing punctuation.
    pub(super) fn argument(self, rest: &str) -> String {
        let spoken = self.name_mentions(&rest.replace(EVERYONE, " "), |_| " ".to_owned());
        let mut spoken: String = spoken.chars().filter(|c| !is_emoji(*c)).collect();
        loop {
            let shorter = spoken.trim_end_matches(|c| is_blank(c) || is_separator(c));
            let shorter = strip_emoji_name(shorter).unwrap_or(shorter);
            if shorter.len() == spoken.len() {
                return spoken.trim_start_matches(is_blank).to_owned();
            }
            spoken.truncate(shorter.len());
        }
    }

    /// A member's words for a reply.
    pub(super) fn quote(self, words: &str) -> String {
        cut(&self.name_mentions(words, at_name))
    }

    fn name_mentions(self, words: &str, name: impl Fn(&Mention) -> String) -> String {
        replace_mentions(words, self.mentions, Language::of(self.text), name)
    }
}

/// Skips the marker of a list item: `- `, `• `, `1. `.
fn skip_list_marker(text: &str) -> &str {
    let digits = text.trim_start_matches(|c: char| fold(c).is_ascii_digit());
    let is_numbered = digits.len() < text.len();
    let after = if is_numbered {
        digits.strip_prefix(|c| matches!(fold(c), '.' | ')' | '、'))
    } else {
        text.strip_prefix(|c| matches!(fold(c), '-' | '*' | '+' | '•' | '◦' | '▪' | '·'))
    };
    match after {
        Some(after) if after.starts_with(is_blank) || (is_numbered && !after.is_empty()) => {
            let after = skip_blanks(after);
            let is_command = strip_folded(after, "/").is_some();
            if is_command { after } else { text }
        }
        Some(_) | None => text,
    }
}

/// Strips a trailing Feishu emoji, which a text message contains by name.
fn strip_emoji_name(text: &str) -> Option<&str> {
    let (before, name) = text
        .strip_suffix(|c| fold(c) == ']')?
        .rsplit_once(|c| fold(c) == '[')?;
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let is_emoji_name =
        name.chars().count() <= EMOJI_NAME && !name.is_empty() && name.chars().all(is_name);
    (is_emoji_name && !is_argument(name)).then_some(before)
}

/// Whether a word in brackets may be an argument: `[2h]`, `[3]`, `[公告]`.
fn is_argument(word: &str) -> bool {
    let folded = folded_start(word, EMOJI_NAME);
    let mut names = CommandName::all().flat_map(CommandName::spellings);
    split_span(word).is_some()
        || split_number(word).is_some()
        || names.any(|spelling| spelling == folded)
}
