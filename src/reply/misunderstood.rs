//! Replies to commands that could not be parsed.

use super::edit;
use super::punctuation::GAP;
use super::quote::quoted;
use crate::command::{AttachedValue, CommandName, ParseError};
use crate::language::{Bilingual, Language};

/// What is wrong and how to write it; the command was not run.
pub(super) fn misunderstood(error: &ParseError, language: Language) -> String {
    let plain = |words: Bilingual| words.to(language).to_owned();
    let quote = |template: Bilingual, typed: &str| template.fill(language, quoted(typed, language));
    let form = |command| example(&[span_form(command)], language);
    let or_text = |command| or_text(command, language);
    let announce = CommandName::Announce;
    match error {
        ParseError::UnknownCommand { name, suggestion } => {
            let words = quote(UNKNOWN_COMMAND, &format!("/{name}"));
            with_help(words, suggestion.as_deref(), language)
        }
        ParseError::NotACommand { suggestion } => {
            let words = suggestion.as_ref().map_or(NOT_A_COMMAND, |_| NOT_RUN);
            with_help(plain(words), suggestion.as_deref(), language)
        }
        ParseError::UnknownArgument { command, argument } => {
            quote(UNKNOWN_ARGUMENT, argument) + &usages(*command, language)
        }
        ParseError::UnknownOption {
            command,
            option,
            suggestion,
        } => {
            let near = near_option(*command, suggestion.as_deref(), language);
            quote(UNKNOWN_OPTION, option) + &near + or_text(*command)
        }
        ParseError::MisplacedOption { command, option } => {
            quote(MISPLACED_OPTION, option) + or_text(*command)
        }
        ParseError::FormattedOption { command, option } => {
            quote(FORMATTED_OPTION, option) + or_text(*command)
        }
        ParseError::CommandInText { typed } => quote(COMMAND_IN_TEXT, typed) + or_text(announce),
        ParseError::RepeatedOption { command, option } => {
            quote(REPEATED_OPTION, option) + &options_form(*command, language) + or_text(*command)
        }
        ParseError::MissingTime => {
            plain(MISSING_TIME) + &example(&TIMES, language) + or_text(announce)
        }
        ParseError::BadTime { typed } => {
            quote(BAD_TIME, typed) + &example(&TIMES, language) + or_text(announce)
        }
        ParseError::MissingHour { typed } => {
            quote(MISSING_HOUR, typed) + &example(&TIMES[1..2], language) + or_text(announce)
        }
        ParseError::MissingSpan { command } => {
            plain(MISSING_SPAN) + &form(*command) + or_text(*command)
        }
        ParseError::BadSpan { command, typed } => {
            quote(BAD_SPAN, typed) + &form(*command) + or_text(*command)
        }
        ParseError::SpanTooShort { command, typed } => {
            quote(SPAN_TOO_SHORT, typed) + &form(*command)
        }
        ParseError::SpanTooLong { command, typed } => quote(SPAN_TOO_LONG, typed) + &form(*command),
        ParseError::MissingText => plain(MISSING_TEXT) + &example(&TIMES[..1], language),
        ParseError::MissingNewText => {
            let forms = CommandName::Edit
                .spec()
                .usages
                .iter()
                .map(|usage| usage.form);
            plain(edit::MISSING_NEW_TEXT) + &list(forms, language)
        }
        ParseError::MissingNumber => plain(MISSING_NUMBER),
        ParseError::MissingSetting { setting } => {
            MISSING_SETTING.fill(language, setting.spec().name.to(language))
                + &list(setting.spec().forms.iter().copied(), language)
        }
        ParseError::BadSetting { setting, typed } => {
            quote(UNKNOWN_ARGUMENT, typed)
                + GAP.to(language)
                + &list(setting.spec().forms.iter().copied(), language)
        }
    }
}

// `{}` is what the member typed, or a suggestion.

const UNKNOWN_COMMAND: Bilingual = Bilingual::new(
    "无法识别{}，未执行。",
    "Unknown command {}; nothing was done.",
);

const NOT_A_COMMAND: Bilingual = Bilingual::new("无法识别为命令。", "That is not a command.");

/// Not a command, but similar to one.
const NOT_RUN: Bilingual = Bilingual::new(
    "无法识别为命令，未执行。",
    "That is not a command; nothing was done.",
);

const SEE_HELP: Bilingual = Bilingual::new(
    "发送 /帮助 查看全部命令。",
    " Send /help to see all commands.",
);

const DID_YOU_MEAN: Bilingual = Bilingual::new("你要用的是 {} 吗？", " Did you mean {}?");

const UNKNOWN_ARGUMENT: Bilingual = Bilingual::new(
    "无法识别{}，未执行。",
    "Could not understand {}; nothing was done.",
);

const UNKNOWN_OPTION: Bilingual = Bilingual::new(
    "无法识别选项{}，未执行。",
    "Unknown option {}; nothing was done.",
);

const MISPLACED_OPTION: Bilingual = Bilingual::new(
    "选项{}夹在内容中间，未执行。请将选项写在内容之前或末尾。",
    "The option {} is in the middle of the text; nothing was done. Write options before the text, or at its very end.",
);

const FORMATTED_OPTION: Bilingual = Bilingual::new(
    "选项{}带有括号或格式，或写在列表、引用中，未执行。请将选项写成普通文字。",
    "The option {} is in brackets, formatted, or in a list or a quote; nothing was done. Write options as plain text.",
);

const COMMAND_IN_TEXT: Bilingual = Bilingual::new(
    "内容以命令{}开头，未执行。请分别发送两条命令。",
    "The text begins with the command {}; nothing was done. Send each command on its own.",
);

const REPEATED_OPTION: Bilingual = Bilingual::new(
    "选项{}重复，未执行。每个选项只写一次，",
    "{} is repeated; nothing was done. Use each option once. ",
);

const TWO_OPTIONS: Bilingual = Bilingual::new(
    "/公告 --定时 9:00 --置顶 内容",
    "/announce --at 9:00 --top text",
);

/// Ways to write a time.
const TIMES: [Bilingual; 3] = [
    Bilingual::new("/公告 --定时 9:00 内容", "/announce --at 9:00 text"),
    Bilingual::new(
        "/公告 --定时 明天9点 内容",
        "/announce --at tomorrow 9:00 text",
    ),
    Bilingual::new(
        "/公告 --定时 12月1日 9:00 内容",
        "/announce --at 12-01 9:00 text",
    ),
];

const MISSING_TIME: Bilingual = Bilingual::new(
    "选项 --定时 缺少时间，未执行。",
    "The option --at needs a time; nothing was done. ",
);

const BAD_TIME: Bilingual = Bilingual::new(
    "无法识别时间{}，未执行。",
    "Could not understand the time {}; nothing was done. ",
);

const MISSING_HOUR: Bilingual = Bilingual::new(
    "时间{}缺少具体时刻，未执行。请补充时刻，",
    "The time {} does not include an hour; nothing was done. Add the hour. ",
);

const MISSING_SPAN: Bilingual = Bilingual::new(
    "选项 --限时 缺少时长，未执行。",
    "The option --for needs a duration; nothing was done. ",
);

const BAD_SPAN: Bilingual = Bilingual::new(
    "无法识别时长{}，未执行。单位可用分钟、小时、天、周，",
    "Could not understand the duration {}; nothing was done. The units are m, h, d and w (minutes, hours, days, weeks). ",
);

const SPAN_TOO_SHORT: Bilingual = Bilingual::new(
    "时长{}过短，未执行。最短一分钟，",
    "The duration {} is too short; nothing was done. The minimum is one minute. ",
);

const SPAN_TOO_LONG: Bilingual = Bilingual::new(
    "时长{}过长，未执行。最长一年，",
    "The duration {} is too long; nothing was done. The maximum is one year. ",
);

const MISSING_TEXT: Bilingual = Bilingual::new(
    "缺少公告内容，未执行。请在选项后填写内容，或回复要发布的消息，",
    "There is no text to announce; nothing was done. Write it after the options, or reply to the message to announce. ",
);

const MISSING_NUMBER: Bilingual = Bilingual::new(
    "请写明要取消的计划，例如 /取消 3。发送 /记录 查看现有计划。",
    "Which schedule should be canceled? Write its number, for example /cancel 3. Send /history to see them.",
);

const MISSING_SETTING: Bilingual = Bilingual::new(
    "请写明{}要改成什么，未执行。",
    "Write the new value of the {}; nothing was done. ",
);

/// Adds the name of the most similar command, without the slash, and where to find all commands.
fn with_help(words: String, name: Option<&str>, language: Language) -> String {
    let suggestion = name.map(|name| DID_YOU_MEAN.fill(language, format!("/{name}")));
    words + &suggestion.unwrap_or_default() + SEE_HELP.to(language)
}

/// The most similar option, or all forms of the command.
fn near_option(command: CommandName, near: Option<&str>, language: Language) -> String {
    match near {
        Some(near) => DID_YOU_MEAN.fill(language, near),
        None => usages(command, language),
    }
}

/// A command with each option once.
fn options_form(command: CommandName, language: Language) -> String {
    match command.spec().options {
        [_, _, ..] if command == CommandName::Announce => example(&[TWO_OPTIONS], language),
        _ => example(&[span_form(command)], language),
    }
}

/// A command with a duration.
fn span_form(command: CommandName) -> Bilingual {
    if command == CommandName::Notice {
        return Bilingual::new("/通知 --限时 2天 内容", "/notice --for 2d text");
    }
    match command.spec().attached_value {
        Some(AttachedValue::Span) => Bilingual::new("/置顶 2小时", "/pin 2h"),
        Some(AttachedValue::Number) | None => {
            Bilingual::new("/公告 --限时 2天 内容", "/announce --for 2d text")
        }
    }
}

/// What to do if the rejected part is text.
fn or_text(command: CommandName, language: Language) -> &'static str {
    let words = match command {
        CommandName::Announce => Bilingual::new(
            "\n如果这是内容的一部分，请在内容前加上 --：/公告 -- 内容",
            "\nIf it is part of your text, put -- before the text: /announce -- text",
        ),
        CommandName::Notice => Bilingual::new(
            "\n如果这是内容的一部分，请在内容前加上 --：/通知 -- 内容",
            "\nIf it is part of your text, put -- before the text: /notice -- text",
        ),
        CommandName::Edit => Bilingual::new(
            "\n如果这是内容的一部分，请在内容前加上 --：/修改 -- 内容",
            "\nIf it is part of your text, put -- before the text: /edit -- text",
        ),
        _ => return "",
    };
    words.to(language)
}

/// All forms of a command, one line each.
fn usages(command: CommandName, language: Language) -> String {
    let forms = command.spec().usages.iter().map(|usage| usage.form);
    GAP.to(language).to_owned() + &list(forms, language)
}

/// Correct forms: one in the same line, more of them in one line each.
fn example(forms: &[Bilingual], language: Language) -> String {
    if let [form] = forms {
        let title = Bilingual::new("例如：", "For example: ").to(language);
        return format!("{title}{}", form.to(language));
    }
    list(forms.iter().copied(), language)
}

fn list(forms: impl Iterator<Item = Bilingual>, language: Language) -> String {
    let lines = forms.map(|form| format!("\n{}", form.to(language)));
    let title = Bilingual::new("可用写法：", "Use:").to(language);
    format!("{title}{}", lines.collect::<String>())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::command::Setting;

    /// Errors in a command about a setting.
    pub(in crate::reply) fn every_setting_error() -> [ParseError; 2] {
        [
            ParseError::MissingSetting {
                setting: Setting::Language,
            },
            ParseError::BadSetting {
                setting: Setting::Timezone,
                typed: "Mars/Olympus".to_owned(),
            },
        ]
    }

    /// Every other error with a reply of its own.
    pub(in crate::reply) fn every_parse_error() -> Vec<ParseError> {
        let name = |name: &str, suggestion: Option<&str>| ParseError::UnknownCommand {
            name: name.to_owned(),
            suggestion: suggestion.map(str::to_owned),
        };
        let option = |command| ParseError::UnknownOption {
            command,
            option: "--at".to_owned(),
            suggestion: None,
        };
        let argument = ParseError::UnknownArgument {
            command: CommandName::Pin,
            argument: "me\n<at>".to_owned(),
        };
        let typed = |typed: &str| typed.to_owned();
        let (pin, announce) = (CommandName::Pin, CommandName::Announce);
        vec![
            name("pni", Some("pin")),
            name("weather", None),
            argument,
            option(announce),
            option(CommandName::Unpin),
            ParseError::UnknownOption {
                command: announce,
                option: typed("--tpo"),
                suggestion: Some(typed("--top")),
            },
            ParseError::MisplacedOption {
                command: announce,
                option: typed("--top"),
            },
            ParseError::FormattedOption {
                command: announce,
                option: typed("--top"),
            },
            ParseError::CommandInText {
                typed: typed("/pin"),
            },
            ParseError::NotACommand { suggestion: None },
            ParseError::NotACommand {
                suggestion: Some(typed("pin")),
            },
            ParseError::RepeatedOption {
                command: pin,
                option: typed("--for"),
            },
            ParseError::RepeatedOption {
                command: announce,
                option: typed("--top"),
            },
            ParseError::MissingTime,
            ParseError::BadTime {
                typed: typed("25:00"),
            },
            ParseError::MissingHour {
                typed: typed("tomorrow evening"),
            },
            ParseError::MissingSpan { command: pin },
            ParseError::MissingSpan { command: announce },
            ParseError::BadSpan {
                command: pin,
                typed: typed("2x"),
            },
            ParseError::BadSpan {
                command: announce,
                typed: typed("2 lunch"),
            },
            ParseError::SpanTooShort {
                command: pin,
                typed: typed("0m"),
            },
            ParseError::SpanTooLong {
                command: announce,
                typed: typed("53w"),
            },
            option(CommandName::Edit),
            ParseError::MissingText,
            ParseError::MissingNewText,
            ParseError::MissingNumber,
        ]
    }
}
