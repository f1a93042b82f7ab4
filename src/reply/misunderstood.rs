//! Replies to commands that could not be parsed.

use super::quote::quoted;
use crate::command::{Attached, CommandName, ParseError};
use crate::language::{Bilingual, Language};

/// Tells what is wrong; nothing was done then.
pub(super) fn misunderstood(error: &ParseError, language: Language) -> String {
    match error {
        ParseError::UnknownCommand { name, suggestion } => {
            unknown_command(name, suggestion.as_deref(), language)
        }
        ParseError::UnknownArgument { command, argument } => {
            unknown_argument(*command, argument, language)
        }
        ParseError::NotACommand { suggestion } => not_a_command(suggestion.as_deref(), language),
        ParseError::UnknownOption {
            command,
            option,
            suggestion,
        } => unknown_option(*command, option, suggestion.as_deref(), language),
        ParseError::MisplacedOption { command, option } => {
            misplaced_option(*command, option, language)
        }
        ParseError::FormattedOption { command, option } => {
            formatted_option(*command, option, language)
        }
        ParseError::CommandInText { typed } => command_in_text(typed, language),
        ParseError::RepeatedOption { command, option } => {
            repeated_option(*command, option, language)
        }
        ParseError::MissingTime => missing_time(language),
        ParseError::BadTime { typed } => bad_time(typed, language),
        ParseError::MissingHour { typed } => missing_hour(typed, language),
        ParseError::MissingSpan { command } => missing_span(*command, language),
        ParseError::BadSpan { command, typed } => bad_span(*command, typed, language),
        ParseError::SpanTooShort { command, typed } => span_too_short(*command, typed, language),
        ParseError::SpanTooLong { command, typed } => span_too_long(*command, typed, language),
        ParseError::MissingText => missing_text(language),
        ParseError::MissingNumber => missing_number(language),
    }
}

fn unknown_command(name: &str, suggestion: Option<&str>, language: Language) -> String {
    let name = quoted(&format!("/{name}"), language);
    match (language, suggestion) {
        (Language::Zh, Some(suggestion)) => {
            format!(
                "无法识别{name}，未执行。你要用的是 /{suggestion} 吗？发送 /帮助 查看全部命令。"
            )
        }
        (Language::Zh, None) => format!("无法识别{name}，未执行。发送 /帮助 查看全部命令。"),
        (Language::En, Some(suggestion)) => format!(
            "Unknown command {name}; nothing was done. Did you mean /{suggestion}? Send /help to see all commands."
        ),
        (Language::En, None) => {
            format!("Unknown command {name}; nothing was done. Send /help to see all commands.")
        }
    }
}

fn unknown_argument(command: CommandName, argument: &str, language: Language) -> String {
    let argument = quoted(argument, language);
    let words = match language {
        Language::Zh => format!("无法识别{argument}，未执行。"),
        Language::En => format!("Could not understand {argument}; nothing was done."),
    };
    words + &usages(command, language)
}

/// One line for what is said to the bot and is no command.
fn not_a_command(suggestion: Option<&str>, language: Language) -> String {
    match (language, suggestion) {
        (Language::Zh, Some(name)) => {
            format!("无法识别为命令，未执行。你要用的是 /{name} 吗？发送 /帮助 查看全部命令。")
        }
        (Language::Zh, None) => "无法识别为命令。发送 /帮助 查看全部命令。".to_owned(),
        (Language::En, Some(name)) => format!(
            "That is not a command; nothing was done. Did you mean /{name}? Send /help to see all commands."
        ),
        (Language::En, None) => "That is not a command. Send /help to see all commands.".to_owned(),
    }
}

fn unknown_option(
    command: CommandName,
    option: &str,
    suggestion: Option<&str>,
    language: Language,
) -> String {
    let option = quoted(option, language);
    let words = match language {
        Language::Zh => format!("无法识别选项{option}，未执行。"),
        Language::En => format!("Unknown option {option}; nothing was done."),
    };
    let remedy = match (suggestion, language) {
        (Some(near), Language::Zh) => format!("你要用的是 {near} 吗？"),
        (Some(near), Language::En) => format!(" Did you mean {near}?"),
        (None, _) => usages(command, language),
    };
    words + &remedy + or_text(command, language)
}

fn misplaced_option(command: CommandName, option: &str, language: Language) -> String {
    let option = quoted(option, language);
    let words = match language {
        Language::Zh => {
            format!("选项{option}夹在内容中间，未执行。请将选项写在内容之前或末尾。")
        }
        Language::En => format!(
            "The option {option} is in the middle of the text; nothing was done. Write options before the text, or at its very end."
        ),
    };
    words + or_text(command, language)
}

fn formatted_option(command: CommandName, option: &str, language: Language) -> String {
    let option = quoted(option, language);
    let words = match language {
        Language::Zh => {
            format!(
                "选项{option}带有括号或格式，或写在列表、引用中，未执行。请将选项写成普通文字。"
            )
        }
        Language::En => format!(
            "The option {option} is in brackets, formatted, or in a list or a quote; nothing was done. Write options as plain text."
        ),
    };
    words + or_text(command, language)
}

fn command_in_text(typed: &str, language: Language) -> String {
    let typed = quoted(typed, language);
    let words = match language {
        Language::Zh => format!("内容以命令{typed}开头，未执行。请分别发送两条命令。"),
        Language::En => format!(
            "The text begins with the command {typed}; nothing was done. Send each command on its own."
        ),
    };
    words + or_text(CommandName::Announce, language)
}

fn repeated_option(command: CommandName, option: &str, language: Language) -> String {
    let option = quoted(option, language);
    let form = if let [_, _, ..] = command.spec().options {
        let two = Bilingual::new(
            "/公告 --定时 9:00 --置顶 内容",
            "/announce --at 9:00 --top text",
        );
        two.to(language)
    } else {
        span_form(command, language)
    };
    let words = match language {
        Language::Zh => format!("选项{option}重复，未执行。每个选项只写一次，"),
        Language::En => format!("{option} is repeated; nothing was done. Use each option once. "),
    };
    words + &example(&[form], language) + or_text(command, language)
}

/// Ways to write a time.
fn times(language: Language) -> [&'static str; 3] {
    [
        Bilingual::new("/公告 --定时 9:00 内容", "/announce --at 9:00 text"),
        Bilingual::new(
            "/公告 --定时 明天9点 内容",
            "/announce --at tomorrow 9:00 text",
        ),
        Bilingual::new(
            "/公告 --定时 12月1日 9:00 内容",
            "/announce --at 12-01 9:00 text",
        ),
    ]
    .map(|form| form.to(language))
}

fn missing_time(language: Language) -> String {
    let words = Bilingual::new(
        "选项 --定时 缺少时间，未执行。",
        "The option --at needs a time; nothing was done. ",
    );
    words.to(language).to_owned()
        + &example(&times(language), language)
        + or_text(CommandName::Announce, language)
}

fn bad_time(typed: &str, language: Language) -> String {
    let typed = quoted(typed, language);
    let words = match language {
        Language::Zh => format!("无法识别时间{typed}，未执行。"),
        Language::En => format!("Could not understand the time {typed}; nothing was done. "),
    };
    words + &example(&times(language), language) + or_text(CommandName::Announce, language)
}

fn missing_hour(typed: &str, language: Language) -> String {
    let typed = quoted(typed, language);
    let words = match language {
        Language::Zh => format!("时间{typed}缺少具体时刻，未执行。请补充时刻，"),
        Language::En => {
            format!("The time {typed} does not include an hour; nothing was done. Add the hour. ")
        }
    };
    words + &example(&times(language)[1..2], language) + or_text(CommandName::Announce, language)
}

/// How to write a length of time with the command.
fn span_form(command: CommandName, language: Language) -> &'static str {
    let form = match command.spec().attached {
        Some(Attached::Span) => Bilingual::new("/置顶 2小时", "/pin 2h"),
        Some(Attached::Number) | None => {
            Bilingual::new("/公告 --限时 2天 内容", "/announce --for 2d text")
        }
    };
    form.to(language)
}

fn missing_span(command: CommandName, language: Language) -> String {
    let words = Bilingual::new(
        "选项 --限时 缺少时长，未执行。",
        "The option --for needs a duration; nothing was done. ",
    );
    words.to(language).to_owned()
        + &example(&[span_form(command, language)], language)
        + or_text(command, language)
}

fn bad_span(command: CommandName, typed: &str, language: Language) -> String {
    let typed = quoted(typed, language);
    let words = match language {
        Language::Zh => {
            format!("无法识别时长{typed}，未执行。单位可用分钟、小时、天、周，")
        }
        Language::En => format!(
            "Could not understand the duration {typed}; nothing was done. The units are m, h, d and w (minutes, hours, days, weeks). "
        ),
    };
    words + &example(&[span_form(command, language)], language) + or_text(command, language)
}

fn span_too_short(command: CommandName, typed: &str, language: Language) -> String {
    let typed = quoted(typed, language);
    let words = match language {
        Language::Zh => format!("时长{typed}过短，未执行。最短一分钟，"),
        Language::En => {
            format!(
                "The duration {typed} is too short; nothing was done. The minimum is one minute. "
            )
        }
    };
    words + &example(&[span_form(command, language)], language)
}

fn span_too_long(command: CommandName, typed: &str, language: Language) -> String {
    let typed = quoted(typed, language);
    let words = match language {
        Language::Zh => format!("时长{typed}过长，未执行。最长一年，"),
        Language::En => {
            format!("The duration {typed} is too long; nothing was done. The maximum is one year. ")
        }
    };
    words + &example(&[span_form(command, language)], language)
}

fn missing_text(language: Language) -> String {
    let words = Bilingual::new(
        "缺少公告内容，未执行。请在选项后填写内容，或回复要发布的消息，",
        "There is no text to announce; nothing was done. Write it after the options, or reply to the message to announce. ",
    );
    words.to(language).to_owned() + &example(&times(language)[..1], language)
}

fn missing_number(language: Language) -> String {
    let words = Bilingual::new(
        "请写明要取消的计划，例如 /取消 3。发送 /记录 查看现有计划。",
        "Which schedule should be canceled? Write its number, for example /cancel 3. Send /history to see them.",
    );
    words.to(language).to_owned()
}

/// What to do if the text really begins like an option.
fn or_text(command: CommandName, language: Language) -> &'static str {
    if command == CommandName::Announce {
        let words = Bilingual::new(
            "\n如果这是内容的一部分，请在内容前加上 --：/公告 -- 内容",
            "\nIf it is part of your text, put -- before the text: /announce -- text",
        );
        words.to(language)
    } else {
        ""
    }
}

/// The ways to write a command in one of the languages, each on a line of its own.
fn usages(command: CommandName, language: Language) -> String {
    let lines = command
        .spec()
        .usages
        .iter()
        .map(|usage| format!("\n{}", usage.form.to(language)));
    let title = Bilingual::new("可用写法：", " Use:").to(language);
    format!("{title}{}", lines.collect::<String>())
}

/// How to write it right.
fn example(forms: &[&str], language: Language) -> String {
    match forms {
        [form] => format!(
            "{}{form}",
            Bilingual::new("例如：", "For example: ").to(language)
        ),
        _ => format!(
            "{}\n{}",
            Bilingual::new("可用写法：", "Use:").to(language),
            forms.join("\n")
        ),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Every mistake that reads differently from the others.
    pub(in crate::reply) fn every_mistake() -> Vec<ParseError> {
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
            ParseError::MissingText,
            ParseError::MissingNumber,
        ]
    }
}
