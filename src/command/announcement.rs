//! What `/announce` asks for, and how it is written.

use serde::{Deserialize, Serialize};

use super::options::{
    OptionName, TypedOption, read_span, read_when, repeated, set, split_option,
    strip_end_of_options,
};
use super::said::Said;
use super::text::{is_blank, skip_blanks, skip_separator};
use super::{CommandName, ParseError, Span, When};

/// A text for the group announcement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Where in the text of the message the announced text begins, in bytes; it goes on to the
    /// end. `None` means the message replied to.
    pub text_at: Option<usize>,
    /// Whether it becomes the whole announcement; `None` means that it is added.
    pub replace: Option<Replace>,
    /// When to publish it; `None` means now.
    pub at: Option<When>,
    /// How long it is to stand; `None` means until it is taken out.
    pub hold: Option<Span>,
    /// Whether the announcement is to be put at the top of the chat, too.
    pub top: bool,
}

/// How an announcement is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Replace {
    /// `--replace`: only if the former one can be brought back as it is.
    Safely,
    /// `--replace!`: in any case.
    Insisting,
}

impl Announcement {
    /// The announced part of the message that this was read from, mentions still as placeholders.
    pub fn text<'t>(&self, message: &'t str) -> Option<&'t str> {
        let text = message.get(self.text_at?..)?;
        Some(text.trim_end_matches(is_blank))
    }

    /// Whether any option was given.
    pub fn has_options(&self) -> bool {
        let text_at = self.text_at;
        *self
            != Self {
                text_at,
                ..Self::default()
            }
    }

    /// Reads what follows `/announce`. Options stand first; from the first word on that is none,
    /// or behind a `--` alone, everything is text.
    pub(super) fn read(rest: &str, said: Said<'_>) -> Result<Self, ParseError> {
        let mut announcement = Self::default();
        let mut rest = said.skip_me_and_separator(rest);
        while let Some(option) = split_option(rest) {
            rest = announcement.take(option, said)?;
            rest = said.skip_me_and_separator(skip_separator(rest));
        }
        let text = skip_blanks(strip_end_of_options(rest).unwrap_or(rest));
        announcement.text_at = (!text.is_empty()).then(|| said.position(text));
        Ok(announcement)
    }

    /// Takes an option in; gives what follows it.
    fn take<'t>(&mut self, option: TypedOption<'t>, said: Said<'_>) -> Result<&'t str, ParseError> {
        let command = CommandName::Announce;
        let mut rest = option.rest;
        match option.name {
            OptionName::Replace => set(&mut self.replace, Replace::Safely, command, option)?,
            OptionName::ReplaceInsisting => {
                set(&mut self.replace, Replace::Insisting, command, option)?;
            }
            OptionName::Top => {
                if std::mem::replace(&mut self.top, true) {
                    return Err(repeated(command, option));
                }
            }
            OptionName::At => {
                let when;
                (when, rest) = read_when(rest, said)?;
                set(&mut self.at, when, command, option)?;
            }
            OptionName::For => {
                let span;
                (span, rest) = read_span(command, rest, said)?;
                set(&mut self.hold, span, command, option)?;
            }
        }
        Ok(rest)
    }
}
