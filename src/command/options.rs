//! Options, `--at 9:00`, and what they take.

use super::number::split_number;
use super::said::Said;
use super::span::split_span;
use super::text::{
    cut, ends_name, first_word, fold, is_blank, skip_blanks, strip_dashes, strip_folded,
};
use super::when::split_when;
use super::{CommandName, ParseError, Span, SpanError, When};

/// What an option asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OptionName {
    Replace,
    ReplaceInsisting,
    At,
    For,
    Top,
}

/// Every spelling, without the dashes.
const SPELLINGS: &[(&str, OptionName)] = &[
    ("replace", OptionName::Replace),
    ("替换", OptionName::Replace),
    ("replace!", OptionName::ReplaceInsisting),
    ("替换!", OptionName::ReplaceInsisting),
    ("at", OptionName::At),
    ("定时", OptionName::At),
    ("for", OptionName::For),
    ("限时", OptionName::For),
    ("top", OptionName::Top),
    ("置顶", OptionName::Top),
];

impl OptionName {
    fn takes_value(self) -> bool {
        match self {
            Self::At | Self::For => true,
            Self::Replace | Self::ReplaceInsisting | Self::Top => false,
        }
    }
}

/// An option at the start of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct TypedOption<'t> {
    pub(super) name: OptionName,
    /// The option itself, dashes included.
    pub(super) typed: &'t str,
    /// What follows it: its value, if it takes one.
    pub(super) rest: &'t str,
}

/// Splits an option off the text; only the exact name counts, and the longest.
pub(super) fn split_option(text: &str) -> Option<TypedOption<'_>> {
    let dashless = strip_dashes(text)?;
    let found = SPELLINGS.iter().filter_map(|&(spelling, name)| {
        let rest = strip_folded(dashless, spelling)?;
        // As with commands, a Chinese name needs no space after it.
        let ends = !spelling.is_ascii()
            || ends_name(rest)
            || (name.takes_value() && rest.starts_with(starts_value));
        ends.then_some((name, rest))
    });
    let (name, rest) = found.min_by_key(|(_, rest)| rest.len())?;
    let typed = &text[..text.len() - rest.len()];
    let rest = skip_blanks(
        [":", "="]
            .iter()
            .find_map(|mark| strip_folded(rest, mark))
            .unwrap_or(rest),
    );
    Some(TypedOption { name, typed, rest })
}

/// `--at=9:00` and `--at9:00` are no text either.
fn starts_value(c: char) -> bool {
    fold(c) == '=' || fold(c).is_ascii_digit()
}

/// Strips the `--` that ends options, so that whatever follows is text.
pub(super) fn strip_end_of_options(text: &str) -> Option<&str> {
    strip_folded(text, "--").filter(|rest| rest.is_empty() || rest.starts_with(is_blank))
}

/// Whether no value stands here.
fn is_missing(value: &str) -> bool {
    value.is_empty() || split_option(value).is_some() || strip_end_of_options(value).is_some()
}

/// Reads the value of `--at`; also gives what follows it.
pub(super) fn read_when<'t>(value: &'t str, said: Said<'_>) -> Result<(When, &'t str), ParseError> {
    if is_missing(value) {
        return Err(ParseError::MissingTime);
    }
    split_when(value).map_err(|typed| ParseError::BadTime {
        typed: said.quote(typed),
    })
}

/// Reads the value of `--for`, or what `/pin` takes in its place; also gives what follows it.
pub(super) fn read_span<'t>(
    command: CommandName,
    value: &'t str,
    said: Said<'_>,
) -> Result<(Span, &'t str), ParseError> {
    if is_missing(value) {
        return Err(ParseError::MissingSpan { command });
    }
    let Some((minutes, rest)) = split_span(value) else {
        let after = split_number(value).map_or(value, |(_, rest)| skip_blanks(rest));
        let typed = value[..value.len() - after.len() + first_word(after).len()].trim_end();
        let typed = said.quote(typed);
        return Err(ParseError::BadSpan { command, typed });
    };
    match Span::try_from(minutes) {
        Ok(span) => Ok((span, rest)),
        Err(error) => {
            let typed = said.quote(&value[..value.len() - rest.len()]);
            Err(match error {
                SpanError::TooShort => ParseError::SpanTooShort { command, typed },
                SpanError::TooLong => ParseError::SpanTooLong { command, typed },
            })
        }
    }
}

/// Fills what an option asks for; nothing can be asked for twice.
pub(super) fn set<T>(
    slot: &mut Option<T>,
    value: T,
    command: CommandName,
    option: TypedOption<'_>,
) -> Result<(), ParseError> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(repeated(command, option)),
    }
}

pub(super) fn repeated(command: CommandName, option: TypedOption<'_>) -> ParseError {
    // It has any number of dashes.
    let option = cut(option.typed);
    ParseError::RepeatedOption { command, option }
}
