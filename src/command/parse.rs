//! From the text of a message to a command.

use super::text::{
    cut, ends_name, fold, is_blank, skip_mentions, skip_separator, strip_dashes, strip_folded,
};
use super::{COMMANDS, Command, CommandName, Mention, ParseError, PinTarget};
use crate::content::{EVERYONE, at_name, replace_mentions};
use crate::language::Language;

/// Options that a later release brings. Until then they are errors, so that nobody's
/// `--at 9:00` is announced to the group.
const LATER_OPTIONS: [&str; 10] = [
    "at", "定时", "for", "限时", "replace!", "替换!", "replace", "替换", "top", "置顶",
];

/// Reads a message; `Ok(None)` means that it is not for us.
///
/// `text` holds mentions as placeholders. `addressed` says that a direct chat leaves no doubt whom
/// the author means; a mention of this bot in front does so too. Only then is an unknown name an
/// error.
///
/// ```
/// use noticebot::command::{Command, PinTarget, parse};
///
/// let pin = Command::Pin(PinTarget::RepliedMessage);
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
    let (rest, mentioned) = skip_mentions(text, mentions, |key| is_me(key, mentions));
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
    let language = Language::of(text);
    Ok(Some(match name {
        CommandName::Pin => Command::Pin(pin_target(&argument(rest, mentions, language))?),
        CommandName::Unpin => match argument(rest, mentions, language).as_str() {
            "" => Command::Unpin,
            argument => return Err(unknown_argument(name, argument)),
        },
        CommandName::Announce => Command::Announce {
            text: announcement(rest, mentions, language)?,
        },
        CommandName::Help => Command::Help,
    }))
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

/// Reads what follows `/pin`.
fn pin_target(argument: &str) -> Result<PinTarget, ParseError> {
    let is = |word| strip_folded(argument, word) == Some("");
    if argument.is_empty() {
        Ok(PinTarget::RepliedMessage)
    } else if is("announcement") || is("公告") {
        Ok(PinTarget::Announcement)
    } else {
        Err(unknown_argument(CommandName::Pin, argument))
    }
}

/// Reads what follows `/announce`: the text to add, if any.
fn announcement(
    rest: &str,
    mentions: &[Mention],
    language: Language,
) -> Result<Option<String>, ParseError> {
    let (text, mentioned) = skip_mentions(rest, mentions, |key| is_me(key, mentions));
    let text = if mentioned {
        skip_separator(text)
    } else {
        text
    };
    if let Some(option) = later_option(text) {
        return Err(ParseError::UnknownOption {
            command: CommandName::Announce,
            option: option.to_owned(),
        });
    }
    let text = match strip_folded(text, "--") {
        Some(rest) if rest.is_empty() || rest.starts_with(is_blank) => rest,
        _ => text,
    };
    let text = replace_mentions(text.trim_matches(is_blank), mentions, language, at_name);
    Ok(Some(text).filter(|text| !text.is_empty()))
}

/// What follows a command that takes one word or none, without mentions of this bot.
fn argument(rest: &str, mentions: &[Mention], language: Language) -> String {
    let named = replace_mentions(rest, mentions, language, |mention| {
        if mention.is_me {
            String::new()
        } else {
            at_name(mention)
        }
    });
    named.trim_matches(is_blank).to_owned()
}

fn unknown_argument(command: CommandName, argument: &str) -> ParseError {
    if strip_dashes(argument).is_some() {
        let option = argument.split(is_blank).next().unwrap_or(argument);
        return ParseError::UnknownOption {
            command,
            option: cut(option),
        };
    }
    ParseError::UnknownArgument {
        command,
        argument: cut(argument),
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

/// The option of a later release at the start of `text`, as typed; only the exact name counts.
fn later_option(text: &str) -> Option<&str> {
    let name = strip_dashes(text)?;
    let rest = LATER_OPTIONS.iter().find_map(|option| {
        // As with commands, a Chinese name needs no space after it.
        strip_folded(name, option).filter(|rest| !option.is_ascii() || ends_name(rest))
    })?;
    Some(&text[..text.len() - rest.len()])
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

fn is_me(key: &str, mentions: &[Mention]) -> bool {
    mentions
        .iter()
        .any(|mention| mention.is_me && mention.key == key)
}

#[cfg(test)]
mod tests;
