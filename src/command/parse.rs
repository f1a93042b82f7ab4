//! From the text of a message to a command.

use std::ops::Range;

use super::arguments::{LAST_CHANGE, THIS_MESSAGE, alone, read_cancel, read_pin};
use super::name::{Called, nearest, split_bare_name, spoken_of};
use super::said::{Opening, Said};
use super::text::{cut, first_word, is_blank, skip_separator};
use super::{Announcement, Command, CommandName, Mention, ParseError};

/// Reads a message; `Ok(None)` means that it is not for us.
///
/// `text` holds mentions as placeholders, and U+FFFC for whatever is no text. `addressed` says that
/// a direct chat leaves no doubt whom the author means; a mention of this bot in front does so too.
/// Whoever addresses the bot gets a command or an error. So does whoever writes a command without a
/// slash and mentions the bot behind it.
///
/// ```
/// use noticebot::command::{Command, PinTarget, parse};
///
/// let pin = Command::Pin {
///     target: PinTarget::RepliedMessage,
///     hold: None,
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

/// Whether [`parse`] can find a command or an error in `text`; without `mentions`, anybody who is
/// mentioned may be this bot.
///
/// Intake asks it of every message before storing anything. It may say yes in vain, but never no
/// where [`parse`] finds something.
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

/// The part of a message that is published when somebody announces it, in bytes: all of it, or, if
/// it was a command to announce something, the text of that. `None` for every other command, also
/// for one that is misspelt.
pub fn announced_part(text: &str, mentions: &[Mention]) -> Option<Range<usize>> {
    match parse(text, mentions, false) {
        Ok(Some(Command::Announce(announcement))) => announcement.text,
        Ok(None) | Err(ParseError::NotACommand { .. }) => Some(0..text.len()),
        Ok(Some(_)) | Err(_) => None,
    }
}

/// Whether somebody who does not mention the bot first means it all the same.
fn is_heard<'t>(called: Called<'t>, to_others: bool, said: Said<'t>) -> bool {
    match called {
        // `@Li /pin` may be a command of a bot named Li.
        Called::Command(_, rest) => !to_others || said.mentions_me_next(rest),
        Called::Apart(name, rest) => !to_others && fits(name, rest, said),
        Called::Misspelt { .. } => !to_others,
        Called::Unknown(_) | Called::Nothing => false,
    }
}

/// Whether what follows a name, `/ pin`, may belong to the command.
fn fits(name: CommandName, rest: &str, said: Said<'_>) -> bool {
    match read(name, rest, said) {
        Ok(Command::Help) => said.argument(rest).is_empty(),
        Err(ParseError::UnknownArgument { .. }) => false,
        Ok(_) | Err(_) => true,
    }
}

/// Reads what follows the name of a command.
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

/// Reads what somebody says to the bot without a slash: a command, if all of it fits.
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

/// Reads a command without a slash that mentions the bot behind its name: `置顶 @bot`.
///
/// Only a command of which every word is understood counts; other talk that mentions the bot is
/// left alone. A text to announce could be such talk, so the bot answers and publishes nothing.
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

/// Whether a question is asked, which is nothing to announce: `公告 什么时候发？`.
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
