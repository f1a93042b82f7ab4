//! The parser: from the text of a message to a command.

use std::ops::Range;

use super::arguments::{
    LAST_CHANGE, THE_BOT, THIS_MESSAGE, read_pin, read_schedule_number, without_arguments,
};
use super::edit::Edit;
use super::input::Input;
use super::name::{TypedName, mentioned_name, nearest, split_bare_name};
use super::setting::read_settings;
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
///     ask: false,
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
    let input = Input::new(text, mentions);
    let prefix = input.prefix();
    let name = TypedName::read(prefix.rest);
    if !(addressed || prefix.mentions_me || is_for_me(name, prefix.mentions_others, input)) {
        return trailing_mention(prefix.rest, input);
    }
    match name {
        TypedName::Command(name, rest) | TypedName::Spaced(name, rest) => {
            read(name, rest, input).map(Some)
        }
        TypedName::Misspelt { typed, correct } => Err(unknown_command(typed, Some(correct))),
        TypedName::Unknown(name) => Err(unknown_command(name, nearest(name))),
        TypedName::Missing => without_slash(prefix.rest, prefix.mentions_me, input).map(Some),
    }
}

/// Whether [`parse`] can find a command or an error in `text`. Without `mentions`, any mention may
/// be this bot.
///
/// Intake filters every message by it before storing anything. False positives are possible, false
/// negatives are not.
pub fn is_candidate(text: &str, mentions: Option<&[Mention]>, p2p: bool) -> bool {
    let input = mentions.map_or_else(
        || Input::with_unknown_mentions(text),
        |known| Input::new(text, known),
    );
    let prefix = input.prefix();
    p2p || prefix.mentions_me
        || is_for_me(TypedName::read(prefix.rest), prefix.mentions_others, input)
        || match mentions {
            Some(_) => trailing_mention(prefix.rest, input) != Ok(None),
            None => split_before_mention(prefix.rest, input).is_some(),
        }
}

/// The byte range that is published when a reply announces this message: all of it, or the text of
/// an `/announce` or `/notice` command. `None` for every other command, and for a misspelled one.
pub fn announced_part(text: &str, mentions: &[Mention]) -> Option<Range<usize>> {
    match parse(text, mentions, false) {
        Ok(Some(Command::Announce(text) | Command::Notice(text))) => text.text,
        Ok(None) | Err(ParseError::NotACommand { .. }) => Some(0..text.len()),
        Ok(Some(_)) | Err(_) => None,
    }
}

/// Whether a message that does not begin with a mention of the bot is for it.
fn is_for_me<'t>(name: TypedName<'t>, mentions_others: bool, input: Input<'t>) -> bool {
    match name {
        // `@Li /pin` may be a command of a bot named Li.
        TypedName::Command(_, rest) => !mentions_others || input.mentions_me_next(rest),
        TypedName::Spaced(name, rest) => !mentions_others && fits(name, rest, input),
        TypedName::Misspelt { .. } => !mentions_others,
        TypedName::Unknown(_) | TypedName::Missing => false,
    }
}

/// Whether the rest of `/ pin` fits the command.
fn fits(name: CommandName, rest: &str, input: Input<'_>) -> bool {
    match read(name, rest, input) {
        Ok(Command::Help) => input.argument(rest).is_empty(),
        Err(ParseError::UnknownArgument { .. }) => false,
        Ok(_) | Err(_) => true,
    }
}

/// Parses what follows the name of a command.
fn read(name: CommandName, rest: &str, input: Input<'_>) -> Result<Command, ParseError> {
    let rest = skip_separator(rest);
    let argument = || input.argument(rest);
    match name {
        CommandName::Pin => read_pin(&argument(), input),
        CommandName::Unpin => without_arguments(Command::Unpin, THIS_MESSAGE, &argument()),
        CommandName::Announce => Announcement::read(name, rest, input).map(Command::Announce),
        CommandName::Notice => Announcement::read(name, rest, input).map(Command::Notice),
        CommandName::Edit => Edit::read(rest, input).map(Command::Edit),
        CommandName::Undo => without_arguments(Command::Undo, LAST_CHANGE, &argument()),
        CommandName::History => without_arguments(Command::History, "", &argument()),
        CommandName::Cancel => read_schedule_number(name, &argument()).map(Command::Cancel),
        CommandName::Pause => read_schedule_number(name, &argument()).map(Command::Pause),
        CommandName::Resume => read_schedule_number(name, &argument()).map(Command::Resume),
        CommandName::Settings => read_settings(&argument()),
        CommandName::Login => without_arguments(Command::Login, THE_BOT, &argument()),
        CommandName::Logout => without_arguments(Command::Logout, THE_BOT, &argument()),
        CommandName::Help => Ok(Command::Help),
    }
}

/// Parses a message to the bot without a slash: a command, if every word fits.
fn without_slash(rest: &str, mentioned: bool, input: Input<'_>) -> Result<Command, ParseError> {
    if mentioned && rest.chars().all(is_blank) {
        return Ok(Command::Help);
    }
    let command = split_bare_name(rest).map(|(name, after)| read(name, after, input));
    match command {
        Some(Ok(Command::Announce(_) | Command::Notice(_) | Command::Edit(_)))
            if is_question(rest) =>
        {
            Err(not_a_command(rest))
        }
        Some(Err(ParseError::UnknownArgument { .. })) | None => Err(not_a_command(rest)),
        Some(command) => command,
    }
}

/// Parses a command without a slash that mentions the bot after its name: `置顶 @bot`.
///
/// Every word must fit; other messages that mention the bot are ignored. A text to announce could
/// be such a message, so the bot replies and publishes nothing.
fn trailing_mention(rest: &str, input: Input<'_>) -> Result<Option<Command>, ParseError> {
    let Some((name, after)) = split_before_mention(rest, input) else {
        return Ok(None);
    };
    match name {
        CommandName::Announce | CommandName::Notice | CommandName::Edit => Err(not_a_command(rest)),
        CommandName::Help if !input.argument(after).is_empty() => Ok(None),
        _ => match read(name, after, input) {
            Err(ParseError::UnknownArgument { .. } | ParseError::UnknownOption { .. }) => Ok(None),
            command => command.map(Some),
        },
    }
}

/// Splits off a name without a slash if the bot is mentioned after it.
fn split_before_mention<'t>(rest: &'t str, input: Input<'t>) -> Option<(CommandName, &'t str)> {
    split_bare_name(rest).filter(|(_, after)| input.mentions_me_in(after))
}

/// Whether the text is a question, which is not announced: `公告 什么时候发？`.
fn is_question(text: &str) -> bool {
    let text = text.trim_end_matches(is_blank);
    text.ends_with(['?', '？', '吗', '嗎', '呢'])
}

fn not_a_command(text: &str) -> ParseError {
    let suggestion = mentioned_name(text).or_else(|| nearest(first_word(text)));
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
