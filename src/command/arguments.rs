//! What follows the commands that take a few words or none.

use super::number::split_number;
use super::options::{OptionName, read_span, set, split_option, unknown_option};
use super::said::Said;
use super::span::split_span;
use super::text::{cut, first_word, fold, skip_blanks, skip_separator, split_word, strip_dashes};
use super::{Command, CommandName, ParseError, PinTarget};

/// What `/pin` calls the announcement.
const ANNOUNCEMENT: &[(&str, ())] = &[("announcement", ()), ("公告", ()), ("群公告", ())];

/// Reads what follows `/pin`: what to put on top and for how long, in either order.
pub(super) fn read_pin(argument: &str, said: Said<'_>) -> Result<Command, ParseError> {
    let name = CommandName::Pin;
    let mut target = None;
    let mut hold = None;
    let mut rest = argument;
    while !rest.is_empty() {
        // `/pin for 2h`
        if let Some(((), span)) = split_word(rest, &[("for", ())])
            && may_be_span(skip_blanks(span))
        {
            rest = skip_blanks(span);
        }
        let option = split_option(rest).filter(|option| option.name == OptionName::For);
        let after = if let Some(option) = option {
            let (span, after) = read_span(name, option.rest, said)?;
            set(&mut hold, span, name, option)?;
            after
        } else if let Some(((), after)) =
            split_word(rest, ANNOUNCEMENT).filter(|_| target.is_none())
        {
            target = Some(PinTarget::Announcement);
            after
        } else if may_be_span(rest) && hold.is_none() {
            let (span, after) = read_span(name, rest, said)?;
            hold = Some(span);
            after
        } else {
            return Err(unknown_argument(name, argument, rest));
        };
        rest = skip_separator(after);
    }
    let target = target.unwrap_or(PinTarget::RepliedMessage);
    Ok(Command::Pin { target, hold })
}

/// Whether the text is a length of time, or a failed attempt at one.
fn may_be_span(text: &str) -> bool {
    text.starts_with(|c| fold(c).is_ascii_digit()) || split_span(text).is_some()
}

/// What may stand before the number of a plan, and behind it.
const BEFORE_NUMBER: &[(&str, ())] = &[
    ("#", ()),
    ("第", ()),
    ("计划", ()),
    ("no.", ()),
    ("number", ()),
    ("plan", ()),
];
const BEHIND_NUMBER: &[(&str, ())] = &[("号", ()), ("个", ()), ("计划", ())];

/// Reads what follows `/cancel`: the number of a plan.
pub(super) fn read_cancel(argument: &str) -> Result<Command, ParseError> {
    if argument.is_empty() {
        return Err(ParseError::MissingNumber);
    }
    let number = split_number(skip_words(argument, BEFORE_NUMBER));
    match number.map(|(number, rest)| (number, skip_words(rest, BEHIND_NUMBER))) {
        // The largest stands for all that are too large.
        Some((number, "")) if number < u32::MAX => Ok(Command::Cancel(number)),
        Some(_) | None => Err(unknown_argument(CommandName::Cancel, argument, argument)),
    }
}

fn skip_words<'t>(text: &'t str, words: &[(&str, ())]) -> &'t str {
    let mut rest = text;
    while let Some(((), after)) = split_word(rest, words) {
        rest = skip_blanks(after);
    }
    rest
}

/// The command, if nothing follows it.
pub(super) fn alone(command: Command, argument: &str) -> Result<Command, ParseError> {
    if argument.is_empty() {
        Ok(command)
    } else {
        Err(unknown_argument(command.name(), argument, argument))
    }
}

/// What was typed is no argument of the command: all of it is told, or the option that the part
/// which is not understood begins with.
fn unknown_argument(command: CommandName, argument: &str, rest: &str) -> ParseError {
    if strip_dashes(rest).is_some() {
        return unknown_option(command, first_word(rest));
    }
    let argument = cut(argument);
    ParseError::UnknownArgument { command, argument }
}
