//! The message that is being read, with the people whom it mentions.

use super::Mention;
use super::text::{cut, is_blank, skip_mentions, skip_separator};
use crate::content::{at_name, replace_mentions};
use crate::language::Language;

/// A message that is being read. What is still to be read is an end of its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'t> {
    text: &'t str,
    mentions: &'t [Mention],
}

impl<'t> Said<'t> {
    pub(super) fn new(text: &'t str, mentions: &'t [Mention]) -> Self {
        Self { text, mentions }
    }

    /// Skips white space and mentions of this bot; also says whether there was one.
    pub(super) fn skip_me(self, rest: &'t str) -> (&'t str, bool) {
        let is_me = |key: &str| {
            let mut mine = self.mentions.iter().filter(|mention| mention.is_me);
            mine.any(|mention| mention.key == key)
        };
        skip_mentions(rest, self.mentions, is_me)
    }

    /// Skips mentions of this bot that stand between a command and its text.
    pub(super) fn skip_me_and_separator(self, rest: &'t str) -> &'t str {
        match self.skip_me(rest) {
            (rest, true) => skip_separator(rest),
            (rest, false) => rest,
        }
    }

    /// Where in the text the rest begins, in bytes.
    pub(super) fn position(self, rest: &str) -> usize {
        self.text.len() - rest.len()
    }

    /// What follows a command that takes a few words or none, without mentions of this bot.
    pub(super) fn argument(self, rest: &str) -> String {
        let named = self.name_mentions(rest, |mention| {
            if mention.is_me {
                String::new()
            } else {
                at_name(mention)
            }
        });
        named.trim_matches(is_blank).to_owned()
    }

    /// A member's words for an answer.
    pub(super) fn quote(self, words: &str) -> String {
        cut(&self.name_mentions(words, at_name))
    }

    fn name_mentions(self, words: &str, name: impl Fn(&Mention) -> String) -> String {
        replace_mentions(words, self.mentions, Language::of(self.text), name)
    }
}
