//! Replies to commands that could not be parsed.

use super::punctuation::GAP;
use super::quote::quoted;
use super::{edit, notice, recurring};
use crate::command::{AttachedValue, CommandName, ParseError, RecurrenceError, Setting};
use crate::language::{Bilingual, Language};

/// What is wrong and how to write it; the command was not run.
pub(super) fn misunderstood(error: &ParseError, language: Language) -> String {
    let plain = |words: Bilingual| words.to(language).to_owned();
    let quote = |template: Bilingual, typed: &str| template.fill(language, quoted(typed, language));
    let form = |command| example([span_form(command, language)].into_iter(), language);
    let times = |command| {
        let forms = [WITH_TIME, WITH_DAY, WITH_DATE];
        let forms = forms.map(|form| form_of(command, form, language));
        example(forms.into_iter(), language)
    };
    let to_list = |command| example([form_of(command, TO_LIST, language)].into_iter(), language);
    let or_text = |command| or_text(command, language);
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
            quote(UNKNOWN_OPTION, option) + &near + &or_text(*command)
        }
        ParseError::MisplacedOption { command, option } => {
            quote(MISPLACED_OPTION, option) + &or_text(*command)
        }
        ParseError::FormattedOption { command, option } => {
            quote(FORMATTED_OPTION, option) + &or_text(*command)
        }
        ParseError::CommandInText { command, typed } => {
            quote(COMMAND_IN_TEXT, typed) + &or_text(*command)
        }
        ParseError::RepeatedOption { command, option } => {
            quote(REPEATED_OPTION, option) + &options_form(*command, language) + &or_text(*command)
        }
        ParseError::MissingTime { command } => {
            plain(MISSING_TIME) + &times(*command) + &or_text(*command)
        }
        ParseError::BadTime { command, typed } => {
            quote(BAD_TIME, typed) + &times(*command) + &or_text(*command)
        }
        ParseError::MissingHour { command, typed } => {
            let form = form_of(*command, WITH_DAY, language);
            quote(MISSING_HOUR, typed) + &example([form].into_iter(), language) + &or_text(*command)
        }
        ParseError::Recurrence { command, error } => recurrence(*command, error, language),
        ParseError::MissingSpan { command } => {
            plain(MISSING_SPAN) + &form(*command) + &or_text(*command)
        }
        ParseError::BadSpan { command, typed } => {
            quote(BAD_SPAN, typed) + &form(*command) + &or_text(*command)
        }
        ParseError::SpanTooShort { command, typed } => {
            quote(SPAN_TOO_SHORT, typed) + &form(*command)
        }
        ParseError::SpanTooLong { command, typed } => quote(SPAN_TOO_LONG, typed) + &form(*command),
        ParseError::MissingList { command } => {
            plain(MISSING_LIST) + &to_list(*command) + &or_text(*command)
        }
        ParseError::BadList { command, typed } => {
            quote(BAD_LIST, typed) + &to_list(*command) + &or_text(*command)
        }
        ParseError::MissingText { command } => missing_text(*command, language),
        ParseError::MissingNumber { command } => plain(missing_number(*command)),
        ParseError::JoinOrLeave { list } => quote(JOIN_OR_LEAVE, list),
        ParseError::MissingSetting { setting } => {
            MISSING_SETTING.fill(language, setting.spec().name.to(language))
                + &setting_forms(*setting, language)
        }
        ParseError::BadSetting { setting, typed } => {
            quote(UNKNOWN_ARGUMENT, typed) + GAP.to(language) + &setting_forms(*setting, language)
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

const MISSING_LIST: Bilingual = Bilingual::new(
    "--发到 后缺少群列表的名称，未执行。",
    "The name of the list after --to is missing; nothing was done. ",
);

const BAD_LIST: Bilingual = Bilingual::new(
    "{}不是群列表的名称，未执行。名称由文字、数字、- 和 _ 组成。",
    "{} is not the name of a list of groups, which has letters, digits, - and _; nothing was done. ",
);

const TO_LIST: Bilingual = Bilingual::new("/{} --发到 周报 内容", "/{} --to weekly text");

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

// In the forms, `{}` is the name of the command.

const TWO_OPTIONS: Bilingual = Bilingual::new(
    "/{} --定时 9:00 --限时 2天 内容",
    "/{} --at 9:00 --for 2d text",
);
const WITH_SPAN: Bilingual = Bilingual::new("/{} --限时 2天 内容", "/{} --for 2d text");
const WITH_TIME: Bilingual = Bilingual::new("/{} --定时 9:00 内容", "/{} --at 9:00 text");
const WITH_DAY: Bilingual =
    Bilingual::new("/{} --定时 明天9点 内容", "/{} --at tomorrow 9:00 text");
const WITH_DATE: Bilingual =
    Bilingual::new("/{} --定时 12月1日 9:00 内容", "/{} --at 12-01 9:00 text");

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

fn recurrence(command: CommandName, error: &RecurrenceError, language: Language) -> String {
    let quote = |template: Bilingual, typed: &str| template.fill(language, quoted(typed, language));
    let forms = &recurring::FORMS;
    let (words, forms) = match error {
        RecurrenceError::Missing => (recurring::MISSING.to(language).to_owned(), &forms[..]),
        RecurrenceError::Unknown { typed } => (quote(recurring::BAD, typed), &forms[..]),
        RecurrenceError::WithoutHour { typed } => (quote(MISSING_HOUR, typed), &forms[1..2]),
        RecurrenceError::WithoutDay { typed } => {
            (quote(recurring::WITHOUT_DAY, typed), &forms[1..])
        }
        RecurrenceError::AndTime => return recurring::AND_TIME.to(language).to_owned(),
    };
    let forms = forms.iter().map(|form| form_of(command, *form, language));
    words + &example(forms, language) + &or_text(command, language)
}

fn missing_number(command: CommandName) -> Bilingual {
    match command {
        CommandName::Pause => Bilingual::new(
            "请写明要暂停的计划，例如 /暂停 3。发送 /记录 查看现有计划。",
            "Which schedule should be paused? Write its number, for example /pause 3. Send /history to see them.",
        ),
        CommandName::Resume => Bilingual::new(
            "请写明要恢复的计划，例如 /恢复 3。发送 /记录 查看现有计划。",
            "Which schedule should be resumed? Write its number, for example /resume 3. Send /history to see them.",
        ),
        _ => Bilingual::new(
            "请写明要取消的计划，例如 /取消 3。发送 /记录 查看现有计划。",
            "Which schedule should be canceled? Write its number, for example /cancel 3. Send /history to see them.",
        ),
    }
}

const JOIN_OR_LEAVE: Bilingual = Bilingual::new(
    "请写明对群列表{}的操作，未执行。加入请在名称后写“加入”，移出请写“退出”。",
    "Say whether this group is to join or leave the list {}; nothing was done. Add join or leave after the name.",
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

fn form_of(command: CommandName, form: Bilingual, language: Language) -> String {
    form.fill(language, command.spelling(language))
}

/// A command with each option once.
fn options_form(command: CommandName, language: Language) -> String {
    let form = match command.spec().options {
        [_, _, ..] => form_of(command, TWO_OPTIONS, language),
        _ => span_form(command, language),
    };
    example([form].into_iter(), language)
}

/// A command with a duration.
fn span_form(command: CommandName, language: Language) -> String {
    match command.spec().attached_value {
        Some(AttachedValue::Span) => Bilingual::new("/置顶 2小时", "/pin 2h")
            .to(language)
            .to_owned(),
        Some(AttachedValue::Number) | None => form_of(command, WITH_SPAN, language),
    }
}

fn missing_text(command: CommandName, language: Language) -> String {
    match command {
        CommandName::Notice => notice::NO_TEXT.to(language).to_owned(),
        CommandName::Edit => {
            let forms = command.spec().usages.iter().map(|usage| usage.form);
            let forms = forms.map(|form| form.to(language).to_owned());
            edit::MISSING_NEW_TEXT.to(language).to_owned() + &list(forms, language)
        }
        _ => {
            let form = form_of(command, WITH_TIME, language);
            MISSING_TEXT.to(language).to_owned() + &example([form].into_iter(), language)
        }
    }
}

/// What to do if the rejected part is text.
fn or_text(command: CommandName, language: Language) -> String {
    match command {
        CommandName::Announce | CommandName::Notice | CommandName::Edit => {
            form_of(command, OR_TEXT, language)
        }
        _ => String::new(),
    }
}

const OR_TEXT: Bilingual = Bilingual::new(
    "\n如果这是内容的一部分，请在内容前加上 --：/{} -- 内容",
    "\nIf it is part of your text, put -- before the text: /{} -- text",
);

/// All forms of `/settings` that change a setting.
fn setting_forms(setting: Setting, language: Language) -> String {
    let forms = setting.spec().forms.iter();
    list(forms.map(|form| form.to(language).to_owned()), language)
}

/// All forms of a command, one line each.
fn usages(command: CommandName, language: Language) -> String {
    let forms = command.spec().usages.iter();
    let forms = forms.map(|usage| usage.form.to(language).to_owned());
    GAP.to(language).to_owned() + &list(forms, language)
}

/// Correct forms: one in the same line, more of them in one line each.
fn example(mut forms: impl ExactSizeIterator<Item = String>, language: Language) -> String {
    if forms.len() > 1 {
        return list(forms, language);
    }
    let title = Bilingual::new("例如：", "For example: ").to(language);
    title.to_owned() + &forms.next().unwrap_or_default()
}

fn list(forms: impl Iterator<Item = String>, language: Language) -> String {
    let lines = forms.map(|form| format!("\n{form}"));
    let title = Bilingual::new("可用写法：", "Use:").to(language);
    format!("{title}{}", lines.collect::<String>())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::command::{Mention, parse};

    #[test]
    fn a_reply_shows_forms_of_the_command_that_was_typed() {
        let rests = [
            "--at",
            "--at lunch x",
            "--at tomorrow evening x",
            "--at 9:00 --at 9:00 x",
            "--for",
            "--for long x",
            "--for 0m x",
            "--for 53w x",
            "--every x",
            "--tpo x",
            "x --tpo",
            "**--at** x",
            "x --for 2d and more",
            "/pin",
            "[text]",
            "--定时",
            "--限时 x",
            "定时 9:00 x",
            "[--top] x",
        ];
        let commands = ["/announce", "/notice", "/edit 3", "/pin", "/公告", "/通知"];
        for (command, rest) in commands
            .into_iter()
            .flat_map(|c| rests.map(|rest| (c, rest)))
        {
            let typed = format!("{command} {rest}");
            let mentions: [Mention; 0] = [];
            let Err(error) = parse(&typed, &mentions, false) else {
                continue;
            };
            for (language, names) in [
                (Language::Zh, ["/公告", "/通知", "/修改", "/置顶"]),
                (Language::En, ["/announce", "/notice", "/edit", "/pin"]),
            ] {
                let words = misunderstood(&error, language);
                let words = words.replace("/pin”", "”").replace("\"/pin\"", "");
                let known = CommandName::all().find(|name| {
                    let mut spellings = name.spellings();
                    let name = command.split(' ').next().unwrap_or_default();
                    spellings.any(|spelling| name == format!("/{spelling}"))
                });
                let own = format!("/{}", known.unwrap().spelling(language));
                for other in names.into_iter().filter(|name| *name != own) {
                    assert!(!words.contains(other), "{typed}: {words}");
                }
            }
        }
    }

    /// Errors in a command about a setting or a list of groups.
    pub(in crate::reply) fn every_name_error() -> [ParseError; 5] {
        [
            ParseError::MissingList {
                command: CommandName::Announce,
            },
            ParseError::BadList {
                command: CommandName::Announce,
                typed: "[NAME]".to_owned(),
            },
            ParseError::JoinOrLeave {
                list: "weekly".to_owned(),
            },
            ParseError::MissingSetting {
                setting: Setting::Language,
            },
            ParseError::BadSetting {
                setting: Setting::Timezone,
                typed: "Mars/Olympus".to_owned(),
            },
        ]
    }

    /// Errors in `--every`.
    pub(in crate::reply) fn every_recurrence_error() -> [ParseError; 5] {
        let typed = |typed: &str| typed.to_owned();
        [
            RecurrenceError::Missing,
            RecurrenceError::Unknown {
                typed: typed("2 weeks"),
            },
            RecurrenceError::WithoutHour {
                typed: typed("monday"),
            },
            RecurrenceError::WithoutDay {
                typed: typed("week 9:00"),
            },
            RecurrenceError::AndTime,
        ]
        .map(|error| ParseError::Recurrence {
            command: CommandName::Announce,
            error,
        })
    }

    /// Errors in the number of a schedule.
    pub(in crate::reply) fn every_missing_number() -> [ParseError; 3] {
        [CommandName::Cancel, CommandName::Pause, CommandName::Resume]
            .map(|command| ParseError::MissingNumber { command })
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
        let formatted = |command| ParseError::FormattedOption {
            command,
            option: "--top".to_owned(),
        };
        let repeated = |command, option: &str| ParseError::RepeatedOption {
            command,
            option: option.to_owned(),
        };
        let no_text = |command| ParseError::MissingText { command };
        let misplaced = |command| ParseError::MisplacedOption {
            command,
            option: "--top".to_owned(),
        };
        let typed = |typed: &str| typed.to_owned();
        let (pin, announce) = (CommandName::Pin, CommandName::Announce);
        let mut errors = vec![
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
            misplaced(announce),
            formatted(announce),
            ParseError::CommandInText {
                command: announce,
                typed: typed("/pin"),
            },
            ParseError::NotACommand { suggestion: None },
            ParseError::NotACommand {
                suggestion: Some(typed("pin")),
            },
            repeated(pin, "--for"),
            repeated(announce, "--top"),
            option(CommandName::Edit),
            no_text(announce),
            no_text(CommandName::Notice),
            no_text(CommandName::Edit),
        ];
        errors.extend(every_value_error());
        errors
    }

    /// Errors in the value of an option.
    fn every_value_error() -> Vec<ParseError> {
        let typed = |typed: &str| typed.to_owned();
        let (pin, announce) = (CommandName::Pin, CommandName::Announce);
        vec![
            ParseError::MissingTime { command: announce },
            ParseError::BadTime {
                command: CommandName::Notice,
                typed: typed("25:00"),
            },
            ParseError::MissingHour {
                command: announce,
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
        ]
    }
}
