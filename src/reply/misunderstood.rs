//! What is wrong with a text that is meant as a command, and how to write it right.

use super::quoted;
use crate::command::{COMMANDS, CommandName, ParseError};
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
        ParseError::CommandInText { typed } => command_in_text(typed, language),
        ParseError::RepeatedOption { command, option } => {
            repeated_option(*command, option, language)
        }
        ParseError::MissingTime => missing_time(language),
        ParseError::BadTime { typed } => bad_time(typed, language),
        ParseError::MissingSpan { command } => missing_span(*command, language),
        ParseError::BadSpan { command, typed } => bad_span(*command, typed, language),
        ParseError::SpanTooShort { command, typed } => span_too_short(*command, typed, language),
        ParseError::SpanTooLong { command, typed } => span_too_long(*command, typed, language),
        ParseError::MissingText => missing_text(language),
        ParseError::MissingNumber => missing_number(language),
    }
}

fn unknown_command(name: &str, suggestion: Option<&str>, language: Language) -> String {
    let name = quoted(&format!("/{name}"));
    match (language, suggestion) {
        (Language::Zh, Some(suggestion)) => {
            format!("我不认识 {name}，你是想用 `/{suggestion}` 吗？发送 `/帮助` 可查看全部命令。")
        }
        (Language::Zh, None) => format!("我不认识 {name}。发送 `/帮助` 可查看全部命令。"),
        (Language::En, Some(suggestion)) => format!(
            "I do not know {name}. Did you mean `/{suggestion}`? `/help` shows all commands."
        ),
        (Language::En, None) => format!("I do not know {name}. `/help` shows all commands."),
    }
}

fn unknown_argument(command: CommandName, argument: &str, language: Language) -> String {
    let (argument, forms) = (quoted(argument), forms(command, language));
    match language {
        Language::Zh => format!("我看不懂 {argument}，所以什么也没做。请这样写：{forms}。"),
        Language::En => format!(
            "I do not understand {argument}, so I did nothing. Write it like this: {forms}."
        ),
    }
}

/// One line for what is said to the bot and is no command.
fn not_a_command(suggestion: Option<&str>, language: Language) -> String {
    match (language, suggestion) {
        (Language::Zh, Some(name)) => {
            format!("无法识别为命令，未执行。你要用的是 /{name} 吗？发送 /帮助 查看用法。")
        }
        (Language::Zh, None) => "无法识别为命令。发送 /帮助 查看我能做什么。".to_owned(),
        (Language::En, Some(name)) => format!(
            "That is not a command, so nothing was done. Did you mean /{name}? Send /help to see how it works."
        ),
        (Language::En, None) => {
            "That is not a command. Send /help to see what I can do.".to_owned()
        }
    }
}

fn unknown_option(
    command: CommandName,
    option: &str,
    suggestion: Option<&str>,
    language: Language,
) -> String {
    let (option, forms) = (quoted(option), forms(command, language));
    let words = match (language, suggestion) {
        (Language::Zh, Some(near)) => {
            format!("无法识别选项 {option}，未执行。你要用的是 {near} 吗？")
        }
        (Language::Zh, None) => format!("无法识别选项 {option}，未执行。请这样写：{forms}。"),
        (Language::En, Some(near)) => {
            format!("Unknown option {option}; nothing was done. Did you mean {near}?")
        }
        (Language::En, None) => {
            format!("Unknown option {option}; nothing was done. Write it like this: {forms}.")
        }
    };
    words + or_text(command, language)
}

fn misplaced_option(command: CommandName, option: &str, language: Language) -> String {
    let option = quoted(option);
    let words = match language {
        Language::Zh => {
            format!("选项 {option} 夹在正文中间，未执行。请把选项写在正文之前，或者写在全文最后。")
        }
        Language::En => format!(
            "The option {option} is in the middle of the text; nothing was done. Write options before the text, or at its very end."
        ),
    };
    words + or_text(command, language)
}

fn command_in_text(typed: &str, language: Language) -> String {
    let typed = quoted(typed);
    let words = match language {
        Language::Zh => format!("正文以命令 {typed} 开头，未执行。请分开发送两条命令。"),
        Language::En => format!(
            "The text begins with the command {typed}; nothing was done. Send each command on its own."
        ),
    };
    words + or_text(CommandName::Announce, language)
}

fn repeated_option(command: CommandName, option: &str, language: Language) -> String {
    let option = quoted(option);
    let form = match command {
        CommandName::Announce => Bilingual::new(
            "`/公告 --定时 9:00 --置顶 内容`",
            "`/announce --at 9:00 --top text`",
        )
        .to(language),
        CommandName::Pin
        | CommandName::Unpin
        | CommandName::Undo
        | CommandName::History
        | CommandName::Cancel
        | CommandName::Help => span_form(command, language),
    };
    let words = match language {
        Language::Zh => {
            format!("{option} 和前面写的重复了，所以什么也没做。每项请只写一次：{form}。")
        }
        Language::En => format!(
            "{option} repeats what comes before it, so I did nothing. Write each thing only once: {form}."
        ),
    };
    words + or_text(command, language)
}

/// Ways to write a time.
const TIMES: Bilingual = Bilingual::new(
    "`/公告 --定时 9:00 内容`、`/公告 --定时 明天9点 内容` 或 `/公告 --定时 12月1日 9:00 内容`",
    "`/announce --at 9:00 text`, `/announce --at tomorrow 9:00 text` or `/announce --at 12-01 9:00 text`",
);

fn missing_time(language: Language) -> String {
    let forms = TIMES.to(language);
    let words = match language {
        Language::Zh => format!("`--定时` 后面没有写时间，所以什么也没做。请这样写：{forms}。"),
        Language::En => {
            format!("No time follows `--at`, so I did nothing. Write it like this: {forms}.")
        }
    };
    words + or_text(CommandName::Announce, language)
}

fn bad_time(typed: &str, language: Language) -> String {
    let (typed, forms) = (quoted(typed), TIMES.to(language));
    let words = match language {
        Language::Zh => {
            format!("我看不懂 {typed} 是什么时间，所以什么也没做。请这样写：{forms}。")
        }
        Language::En => format!(
            "I do not understand {typed} as a time, so I did nothing. Write it like this: {forms}."
        ),
    };
    words + or_text(CommandName::Announce, language)
}

/// How to write a length of time with the command.
fn span_form(command: CommandName, language: Language) -> &'static str {
    let form = match command {
        CommandName::Pin => Bilingual::new("`/置顶 2小时`", "`/pin 2h`"),
        CommandName::Announce
        | CommandName::Unpin
        | CommandName::Undo
        | CommandName::History
        | CommandName::Cancel
        | CommandName::Help => {
            Bilingual::new("`/公告 --限时 2天 内容`", "`/announce --for 2d text`")
        }
    };
    form.to(language)
}

fn missing_span(command: CommandName, language: Language) -> String {
    let form = span_form(command, language);
    let words = match language {
        Language::Zh => format!("`--限时` 后面没有写多久，所以什么也没做。请这样写：{form}。"),
        Language::En => {
            format!("`--for` does not say how long, so I did nothing. Write it like this: {form}.")
        }
    };
    words + or_text(command, language)
}

fn bad_span(command: CommandName, typed: &str, language: Language) -> String {
    let (typed, form) = (quoted(typed), span_form(command, language));
    let words = match language {
        Language::Zh => format!(
            "我看不懂 {typed} 是多久，所以什么也没做。请这样写：{form}；单位可以是分钟、小时、天、周。"
        ),
        Language::En => format!(
            "I do not understand how long {typed} is, so I did nothing. Write it like this: {form}; m, h, d and w stand for minutes, hours, days and weeks."
        ),
    };
    words + or_text(command, language)
}

fn span_too_short(command: CommandName, typed: &str, language: Language) -> String {
    let (typed, form) = (quoted(typed), span_form(command, language));
    match language {
        Language::Zh => {
            format!("{typed} 太短了，所以什么也没做。最短一分钟，请这样写：{form}。")
        }
        Language::En => format!(
            "{typed} is too short, so I did nothing. The shortest is a minute. Write it like this: {form}."
        ),
    }
}

fn span_too_long(command: CommandName, typed: &str, language: Language) -> String {
    let (typed, form) = (quoted(typed), span_form(command, language));
    match language {
        Language::Zh => format!("{typed} 太长了，所以什么也没做。最长一年，请这样写：{form}。"),
        Language::En => format!(
            "{typed} is too long, so I did nothing. The longest is a year. Write it like this: {form}."
        ),
    }
}

fn missing_text(language: Language) -> String {
    let words = Bilingual::new(
        "只有选项，没有内容，所以什么也没做。请在选项后面写上内容，例如 `/公告 --定时 9:00 内容`，或者回复要发布的那条消息。",
        "There are options but no text, so I did nothing. Write the text after them, as in `/announce --at 9:00 text`, or reply to the message that you want announced.",
    );
    words.to(language).to_owned()
}

fn missing_number(language: Language) -> String {
    let words = Bilingual::new(
        "要取消几号计划？请写上编号：`/取消 3`。发送 `/记录` 可查看编号。",
        "Cancel which plan? Write its number: `/cancel 3`. `/history` shows the numbers.",
    );
    words.to(language).to_owned()
}

/// What else somebody may have meant whose text begins like an option.
fn or_text(command: CommandName, language: Language) -> &'static str {
    if command == CommandName::Announce {
        let words = Bilingual::new(
            "如果这就是正文的一部分，请在正文前加上 `--`：`/公告 -- 内容`。",
            " If it is part of your text, write `--` before the text: `/announce -- text`.",
        );
        words.to(language)
    } else {
        ""
    }
}

/// The ways to write a command in one of the languages.
fn forms(command: CommandName, language: Language) -> String {
    let forms: Vec<_> = usages(command, language).collect();
    let (comma, or) = match language {
        Language::Zh => ("、", " 或 "),
        Language::En => (", ", " or "),
    };
    match forms.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{}{or}{last}", rest.join(comma)),
        Some(_) | None => forms.concat(),
    }
}

/// The simplest way to write a command in one of the languages.
pub(super) fn simplest_form(command: CommandName, language: Language) -> String {
    usages(command, language).next().unwrap_or_default()
}

fn usages(command: CommandName, language: Language) -> impl Iterator<Item = String> {
    let rows = COMMANDS.iter().filter(move |row| row.name == command);
    let usages = rows.flat_map(|row| row.usages);
    usages.map(move |usage| format!("`{}`", usage.form.to(language)))
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
