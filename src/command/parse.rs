//! The parser: from the text of a message to a command.

use std::ops::Range;

use super::arguments::{LAST_CHANGE, THIS_MESSAGE, alone, read_cancel, read_pin};
use super::name::{Called, nearest, split_bare_name, spoken_of};
use super::said::{Opening, Said};
use super::text::{cut, first_word, is_blank, skip_separator};
use super::{Announcement, Command, CommandName, Mention, ParseError};

/// Parses a message; `Ok(None)` means that it is not for this bot.
///
/// `text` contains mentions as placeholders, and U+FFFC for anything that is not text. `addressed`
/// is set in direct chats; a mention of this bot at the start has the same effect. A message to the
/// bot always yields a command or an error, and so does a command without a slash that mentions the
/// bot after its name.
///
/// ```
/// use noticebot::command::{Command, PinTarget, parse};
///
/// let pin = Command::Pin {
///     target: PinTarget::RepliedMessage,
///     duration: None,
/// };
/// for text in ["/pin", "／PIN", "/置顶", "/置頂。"] {
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
    let Opening {
        rest,
        to_me,
        to_others,
    } = said.opening();
    let called = Called::read(rest);
    if !(addressed || to_me || is_heard(called, to_others, said)) {
        return mentioned_behind(rest, said);
    }
    match called {
        Called::Command(name, rest) | Called::Apart(name, rest) => read(name, rest, said).map(Some),
        Called::Misspelt { typed, meant } => Err(unknown_command(typed, Some(meant))),
        Called::Unknown(name) => Err(unknown_command(name, nearest(name))),
        Called::Nothing => without_slash(rest, to_me, said).map(Some),
    }
}

/// Whether [`parse`] can find a command or an error in `text`. Without `mentions`, any mention may
/// be this bot.
///
/// Intake filters every message by it before storing anything. False positives are possible, false
/// negatives are not.
pub fn is_candidate(text: &str, mentions: Option<&[Mention]>, p2p: bool) -> bool {
    let said = mentions.map_or_else(|| Said::to_anybody(text), |known| Said::new(text, known));
    let opening = said.opening();
    p2p || opening.to_me
        || is_heard(Called::read(opening.rest), opening.to_others, said)
        || match mentions {
            Some(_) => mentioned_behind(opening.rest, said) != Ok(None),
            None => split_mentioned_behind(opening.rest, said).is_some(),
        }
}

/// The byte range that is published when a reply announces this message: all of it, or the text of
/// an `/announce` command. `None` for every other command, and for a misspelled one.
pub fn announced_part(text: &str, mentions: &[Mention]) -> Option<Range<usize>> {
    match parse(text, mentions, false) {
        Ok(Some(Command::Announce(announcement))) => announcement.text,
        Ok(None) | Err(ParseError::NotACommand { .. }) => Some(0..text.len()),
        Ok(Some(_)) | Err(_) => None,
    }
}

/// Whether a message that does not begin with a mention of the bot is for it.
fn is_heard<'t>(called: Called<'t>, to_others: bool, said: Said<'t>) -> bool {
    match called {
        // `@Li /pin` may be a command of a bot named Li.
        Called::Command(_, rest) => !to_others || said.mentions_me_next(rest),
        Called::Apart(name, rest) => !to_others && fits(name, rest, said),
        Called::Misspelt { .. } => !to_others,
        Called::Unknown(_) | Called::Nothing => false,
    }
}

/// Whether the rest of `/ pin` fits the command.
fn fits(name: CommandName, rest: &str, said: Said<'_>) -> bool {
    match read(name, rest, said) {
        Ok(Command::Help) => said.argument(rest).is_empty(),
        Err(ParseError::UnknownArgument { .. }) => false,
        Ok(_) | Err(_) => true,
    }
}

/// Parses what follows the name of a command.
fn read(name: CommandName, rest: &str, said: Said<'_>) -> Result<Command, ParseError> {
    let rest = skip_separator(rest);
    let argument = || said.argument(rest);
    match name {
        CommandName::Pin => read_pin(&argument(), said),
        CommandName::Unpin => alone(Command::Unpin, THIS_MESSAGE, &argument()),
        CommandName::Announce => Announcement::read(rest, said).map(Command::Announce),
        CommandName::Undo => alone(Command::Undo, LAST_CHANGE, &argument()),
        CommandName::History => alone(Command::History, &[], &argument()),
        CommandName::Cancel => read_cancel(&argument()),
        CommandName::Help => Ok(Command::Help),
    }
}

/// Parses a message to the bot without a slash: a command, if every word fits.
fn without_slash(rest: &str, mentioned: bool, said: Said<'_>) -> Result<Command, ParseError> {
    if mentioned && rest.chars().all(is_blank) {
        return Ok(Command::Help);
    }
    let command = split_bare_name(rest).map(|(name, after)| read(name, after, said));
    match command {
        Some(Ok(Command::Announce(_))) if is_question(rest) => Err(chatter(rest)),
        Some(Err(ParseError::UnknownArgument { .. })) | None => Err(chatter(rest)),
        Some(read) => read,
    }
}

/// Parses a command without a slash that mentions the bot after its name: `置顶 @bot`.
///
/// Every word must fit; other messages that mention the bot are ignored. A text to announce could
/// be such a message, so the bot replies and publishes nothing.
fn mentioned_behind(rest: &str, said: Said<'_>) -> Result<Option<Command>, ParseError> {
    let Some((name, after)) = split_mentioned_behind(rest, said) else {
        return Ok(None);
    };
    match name {
        CommandName::Announce => Err(chatter(rest)),
        CommandName::Help if !said.argument(after).is_empty() => Ok(None),
        _ => match read(name, after, said) {
            Err(ParseError::UnknownArgument { .. } | ParseError::UnknownOption { .. }) => Ok(None),
            read => read.map(Some),
        },
    }
}

fn split_mentioned_behind<'t>(rest: &'t str, said: Said<'t>) -> Option<(CommandName, &'t str)> {
    split_bare_name(rest).filter(|(_, after)| said.mentions_me_in(after))
}

/// Whether the text is a question, which is not announced: `公告 什么时候发？`.
fn is_question(text: &str) -> bool {
    let text = text.trim_end_matches(is_blank);
    text.ends_with(['?', '？', '吗', '嗎', '呢'])
}

fn chatter(text: &str) -> ParseError {
    let suggestion = spoken_of(text).or_else(|| nearest(first_word(text)));
    ParseError::NotACommand {
        suggestion: suggestion.map(str::to_owned),
    }
}

fn unknown_command(name: &str, suggestion: Option<&str>) -> ParseError {
    let name = cut(name);
    let suggestion = suggestion.map(str::to_owned);
    ParseError::UnknownCommand { name, suggestion }
}

#[cfg(test)]
mod tests;
