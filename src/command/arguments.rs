//! Arguments of the commands that take a few words or none.

use super::input::Input;
use super::number::split_number;
use super::options::{read_span, set, set_flag, split_option, unknown_option};
use super::span::split_span;
use super::spec::OptionName;
use super::text::{
    cut, first_word, fold, is_bracket, skip_blanks, skip_separator, split_word, strip_dashes,
    strip_word,
};
use super::{Command, CommandName, ParseError, PinTarget};

/// Words for the announcement in `/pin`.
const ANNOUNCEMENT: &str = "announcement, the announcement, group announcement, \
    the group announcement, 公告, 群公告, 本群公告";

/// Words for the replied-to message in `/pin`.
pub(super) const THIS_MESSAGE: &str = "this, this one, this message, this msg, that, that one, \
    that message, that msg, the message, message, msg, it, 这, 这个, 这条, 这则, 此条, 该条, 这消息, \
    这条消息, 这条信息, 这条讯息, 这则消息, 这则讯息, 这个消息, 此消息, 此条消息, 该消息, 该条消息, 消息, 它";

/// Words that describe what `/pin` does by default.
const PIN_DEFAULTS: &str =
    "to top, to the top, on top, at the top, forever, permanently, 永久, 到顶部, 到群顶部";

/// Words that describe what `/undo` does by default.
pub(super) const LAST_CHANGE: &str = "last, the last, last change, the last change, last one, \
    the last one, 上次, 上一次, 上一步, 上次操作, 上一次操作, 上一步操作, 刚才的操作, 刚刚的操作";

/// Words that describe what `/login` and `/logout` do by default.
pub(super) const THE_BOT: &str = "me, me in, me out, the bot, bot, this bot, again, as me, \
    机器人, 给机器人, 本机器人, 给本机器人, 给你, 你, 我, 我的账号, 我的帐号";

/// Words without effect on any command.
pub(super) const FILLERS: &str = "please, pls, plz, thanks, thank you, thx, now, 请, 一下, 下, 吧, 呗, 哈, \
    谢谢, 谢了, 多谢, 麻烦, 麻烦了, 拜托, 拜托了";

/// Words before the number of a schedule.
const BEFORE_NUMBER: &str = "#, 第, 计划, 编号, no., number, plan, schedule, the schedule";
/// Words after the number of a schedule.
const AFTER_NUMBER: &str = "号, 个, 计划";

/// Parses the arguments of `/pin`: target and duration, in either order.
pub(super) fn read_pin(argument: &str, input: Input<'_>) -> Result<Command, ParseError> {
    let name = CommandName::Pin;
    let mut target = None;
    let mut duration = None;
    let mut ask = false;
    let plain = without_brackets(argument);
    let mut rest = plain.trim_start();
    while !rest.is_empty() {
        // `/pin for 2h`
        if let Some(span) = strip_word(rest, "for").map(skip_blanks)
            && may_be_span(span)
        {
            rest = span;
        }
        let option = split_option(rest);
        let option = option.filter(|option| name.spec().options.contains(&option.name));
        let after = if let Some(option) = option {
            if option.name == OptionName::Ask {
                set_flag(&mut ask, name, option)?;
                option.rest
            } else {
                let (span, after) = read_span(name, option.rest, input)?;
                set(&mut duration, span, name, option)?;
                after
            }
        } else if let Some((what, after)) = split_target(rest).filter(|_| target.is_none()) {
            target = Some(what);
            after
        } else if may_be_span(rest) && duration.is_none() {
            let (span, after) = read_span(name, rest, input)?;
            duration = Some(span);
            after
        } else if let Some(after) =
            strip_word(rest, PIN_DEFAULTS).or_else(|| strip_word(rest, FILLERS))
        {
            after
        } else {
            return Err(unknown_argument(name, argument, rest));
        };
        rest = skip_separator(skip_blanks(after));
    }
    let target = target.unwrap_or(PinTarget::RepliedMessage);
    Ok(Command::Pin {
        target,
        duration,
        ask,
    })
}

fn split_target(text: &str) -> Option<(PinTarget, &str)> {
    let targets = [
        (ANNOUNCEMENT, PinTarget::Announcement),
        (THIS_MESSAGE, PinTarget::RepliedMessage),
    ];
    split_word(text, &targets)
}

/// Replaces brackets and quotes by spaces: `(2h)`, `[3]`.
pub(super) fn without_brackets(text: &str) -> String {
    text.replace(is_bracket, " ").trim_end().to_owned()
}

/// Whether the text is a duration, or an attempt at one.
fn may_be_span(text: &str) -> bool {
    text.starts_with(|c| fold(c).is_ascii_digit()) || split_span(text).is_some()
}

/// Parses the schedule number of `/cancel`, for example.
pub(super) fn read_schedule_number(
    command: CommandName,
    argument: &str,
) -> Result<u32, ParseError> {
    if argument.is_empty() {
        return Err(ParseError::MissingNumber { command });
    }
    let plain = without_brackets(argument);
    let number = split_number(skip_words(plain.trim_start(), &[BEFORE_NUMBER, FILLERS]));
    match number.map(|(number, rest)| (number, skip_words(rest, &[AFTER_NUMBER, FILLERS]))) {
        // `u32::MAX` means that the number overflowed.
        Some((number, "")) if number < u32::MAX => Ok(number),
        Some(_) | None => Err(unknown_argument(command, argument, argument)),
    }
}

/// Skips any number of words from the lists, and the separators between them.
pub(super) fn skip_words<'t>(text: &'t str, lists: &[&str]) -> &'t str {
    let mut rest = skip_blanks(text);
    loop {
        let next = skip_separator(rest);
        match lists.iter().find_map(|words| strip_word(next, words)) {
            Some(after) => rest = skip_blanks(after),
            None => return rest,
        }
    }
}

/// The command, if only `words` and fillers follow it.
pub(super) fn without_arguments(
    command: Command,
    words: &str,
    argument: &str,
) -> Result<Command, ParseError> {
    if skip_words(argument, &[words, FILLERS]).is_empty() {
        Ok(command)
    } else {
        Err(unknown_argument(command.name(), argument, argument))
    }
}

/// The error quotes the whole argument, or the option at the start of `rest`.
pub(super) fn unknown_argument(command: CommandName, argument: &str, rest: &str) -> ParseError {
    if strip_dashes(rest).is_some() {
        return unknown_option(command, first_word(rest));
    }
    let argument = cut(argument);
    ParseError::UnknownArgument { command, argument }
}
