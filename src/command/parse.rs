//! From the text of a message to a command.

use super::arguments::{alone, read_cancel, read_pin};
use super::said::Said;
use super::text::{cut, ends_name, fold, is_blank, skip_mentions, skip_separator, strip_folded};
use super::{Announcement, COMMANDS, Command, CommandName, Mention, ParseError};
use crate::content::EVERYONE;

/// Reads a message; `Ok(None)` means that it is not for us.
///
/// `text` holds mentions as placeholders. `addressed` says that a direct chat leaves no doubt whom
/// the author means; a mention of this bot in front does so too. Only then is an unknown name an
/// error.
///
/// ```
/// use noticebot::command::{Command, PinTarget, parse};
///
/// let pin = Command::Pin {
///     target: PinTarget::RepliedMessage,
///     hold: None,
/// };
/// for text in ["/pin", "／PIN", "/置顶"] {
///     assert_eq!(parse(text, &[], false), Ok(Some(pin.clone())));
/// }
/// assert_eq!(parse("please /pin this", &[], false), Ok(None));
/// ```
pub fn parse(
    text: &str,
    mentions: &[Mention],
    addressed: bool,
) -> Result<Option<Command>, ParseError> {
    let said = Said::new(text, mentions);
    let (rest, mentioned) = said.skip_me(text);
    let Some(rest) = strip_folded(rest, "/") else {
        let help = (addressed || mentioned) && asks_for_help(rest, mentioned);
        return Ok(help.then_some(Command::Help));
    };
    let Some((name, rest)) = split_name(rest) else {
        return match unknown_name(rest) {
            Some(name) if addressed || mentioned => Err(unknown_command(name)),
            _ => Ok(None),
        };
    };
    let rest = skip_separator(rest);
    let argument = || said.argument(rest);
    let command = match name {
        CommandName::Pin => read_pin(&argument(), said)?,
        CommandName::Unpin => alone(Command::Unpin, &argument())?,
        CommandName::Announce => Command::Announce(Announcement::read(rest, said)?),
        CommandName::Undo => alone(Command::Undo, &argument())?,
        CommandName::History => alone(Command::History, &argument())?,
        CommandName::Cancel => read_cancel(&argument())?,
        CommandName::Help => Command::Help,
    };
    Ok(Some(command))
}

/// Whether [`parse`] can find a command or an error in `text`, whoever is mentioned.
///
/// Intake asks it of every message before storing anything. It may say yes in vain, but never no
/// where [`parse`] finds something.
pub fn is_candidate(text: &str, p2p: bool) -> bool {
    let (rest, mentioned) = skip_mentions(text, &[], |key| key != EVERYONE);
    match strip_folded(rest, "/") {
        Some(rest) => {
            split_name(rest).is_some() || ((mentioned || p2p) && unknown_name(rest).is_some())
        }
        None => (mentioned || p2p) && asks_for_help(rest, mentioned),
    }
}

/// Whether someone who addresses the bot without a slash wants to know what it can do: by its name
/// alone, or by the word.
fn asks_for_help(rest: &str, mentioned: bool) -> bool {
    match rest.trim_matches(is_blank) {
        "" => mentioned,
        word => ["help", "帮助"]
            .iter()
            .any(|help| strip_folded(word, help) == Some("")),
    }
}

fn unknown_command(name: &str) -> ParseError {
    let name = cut(name);
    let suggestion = nearest(&name).map(str::to_owned);
    ParseError::UnknownCommand { name, suggestion }
}

/// The command that was probably meant: one or two letters off, cut short, or run into its text.
fn nearest(name: &str) -> Option<&'static str> {
    let name: String = name.chars().map(fold).collect();
    let near = spellings().filter_map(|(_, spelling)| {
        let distance = strsim::damerau_levenshtein(&name, spelling);
        let near = distance <= (spelling.chars().count() / 4).max(1)
            || spelling.starts_with(&name)
            || name.starts_with(spelling);
        near.then_some((distance, spelling))
    });
    near.min_by_key(|&(distance, _)| distance)
        .map(|(_, spelling)| spelling)
}

/// Splits a known name off the text after the slash; the longest wins (`取消置顶` over a `取消`).
fn split_name(text: &str) -> Option<(CommandName, &str)> {
    let found = spellings().filter_map(|(name, spelling)| {
        let rest = strip_folded(text, spelling)?;
        // A Chinese name needs no space after it: `/公告今晚停电`.
        (!spelling.is_ascii() || ends_name(rest)).then_some((name, rest))
    });
    found.min_by_key(|(_, rest)| rest.len())
}

/// The text after the slash up to a separator, if it looks like a name at all.
fn unknown_name(text: &str) -> Option<&str> {
    let end = text
        .char_indices()
        .map(|(at, _)| at)
        .find(|&at| ends_name(&text[at..]));
    let name = &text[..end.unwrap_or(text.len())];
    name.starts_with(char::is_alphanumeric).then_some(name)
}

fn spellings() -> impl Iterator<Item = (CommandName, &'static str)> {
    COMMANDS
        .iter()
        .flat_map(|row| row.spellings().map(|spelling| (row.name, spelling)))
}

#[cfg(test)]
mod tests;
