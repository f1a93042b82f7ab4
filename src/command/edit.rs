//! The arguments of `/edit`.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::input::Input;
use super::number::split_digits;
use super::text::{fold, is_blank, skip_separator, strip_folded};
use super::{Announcement, CommandName, ParseError};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// The number in `/history` of the text to change. `None` changes the text that the command
    /// replies to.
    pub number: Option<u32>,
    /// Byte range of the new text in the message.
    pub text: Range<usize>,
    /// Whether to show it to the author first.
    pub preview: bool,
    /// Whether somebody else has to approve it first.
    pub ask: bool,
}

impl Edit {
    /// Parses what follows `/edit`: a number, if there is one, and the text. After a separate `--`
    /// everything is text.
    pub(super) fn read(rest: &str, input: Input<'_>) -> Result<Self, ParseError> {
        let rest = input.skip_me_and_separator(rest);
        let (number, text) = match split_reference(rest) {
            Some((number, text)) => (Some(number), text),
            None => (None, rest),
        };
        let command = CommandName::Edit;
        let edit = Announcement::read(command, text, input)?;
        Ok(Self {
            number,
            text: edit.text.ok_or(ParseError::MissingText { command })?,
            preview: edit.preview,
            ask: edit.ask,
        })
    }
}

/// Splits off the number of a change: `3 text`, `#3 text`, `3：text`. The number of a list item, a
/// date or a quantity is text: `3. text`, `3日`, `3 点`.
fn split_reference(text: &str) -> Option<(u32, &str)> {
    let digits = strip_folded(text, "#").unwrap_or(text);
    // `u32::MAX` means that the number overflowed.
    let (number, rest) = split_digits(digits).filter(|(number, _)| *number < u32::MAX)?;
    let is_end = |c: char| is_blank(c) || matches!(fold(c), ':' | ',');
    (rest.is_empty() || rest.starts_with(is_end)).then(|| (number, skip_separator(rest)))
}
