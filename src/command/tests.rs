//! Compares the parser with `tests/typed_lines.txt`, a table of messages and their results for
//! people to read.

use jiff::Zoned;
use jiff::tz::TimeZone;

use super::*;

/// In each row: the kind of chat, the message, and the result.
const TYPED_LINES: &str = include_str!("tests/typed_lines.txt");

/// Tuesday morning.
const NOW: &str = "2026-12-01T08:00:00+08:00[Asia/Shanghai]";

/// Placeholders and invisible characters of messages, and how the table shows them.
const SHOWN: [(&str, &str); 6] = [
    ("@_user_1", "@bot"),
    ("@_user_2", "@Li"),
    ("@_all", "@all"),
    ("\n", "⏎"),
    ("\u{fffc}", "▣"),
    ("\u{200b}", "␣"),
];

/// The bot is `@_user_1`, Li is `@_user_2`; `@_user_3` is unknown.
pub(super) fn mentions() -> Vec<Mention> {
    [("@_user_1", "Notice", true), ("@_user_2", "Li", false)]
        .map(|(key, name, is_me)| Mention {
            key: key.to_owned(),
            name: name.to_owned(),
            open_id: None,
            is_me,
        })
        .to_vec()
}

fn message(typed: &str) -> String {
    SHOWN.iter().fold(typed.to_owned(), |text, (is, shown)| {
        text.replace(shown, is)
    })
}

fn shown(text: &str) -> String {
    SHOWN
        .iter()
        .fold(text.to_owned(), |text, (is, shown)| text.replace(is, shown))
}

fn result(message: &str, is_direct: bool) -> String {
    match parse(message, &mentions(), is_direct) {
        Ok(None) => "nothing".to_owned(),
        Ok(Some(command)) => parsed(&command, message),
        Err(error) => refused(error),
    }
}

fn parsed(command: &Command, message: &str) -> String {
    match command {
        Command::Pin {
            target,
            duration,
            ask,
        } => {
            let target = match target {
                PinTarget::RepliedMessage => "pin",
                PinTarget::Announcement => "pin the announcement",
            };
            target.to_owned() + &in_words(*duration) + asked(*ask)
        }
        Command::Unpin => "unpin".to_owned(),
        Command::Announce(announcement) => announced("announce", announcement, message),
        Command::Notice(notice) => announced("post", notice, message),
        Command::Edit(edit) => {
            let which = edit
                .number
                .map_or(String::new(), |number| format!(" {number}"));
            let text = shown(&message[edit.text.clone()]);
            let (preview, ask) = (previewed(edit.preview), asked(edit.ask));
            format!("edit{which} to “{text}”{preview}{ask}")
        }
        Command::Undo => "undo".to_owned(),
        Command::History => "history".to_owned(),
        Command::Cancel(number) => format!("cancel {number}"),
        Command::Pause(number) => format!("pause {number}"),
        Command::Resume(number) => format!("resume {number}"),
        Command::Settings(SettingsCommand::Show) => "show the settings".to_owned(),
        Command::Settings(SettingsCommand::ShowLists) => "show the lists".to_owned(),
        Command::Settings(SettingsCommand::ChangeList(change)) => {
            let what = if change.joins { "join" } else { "leave" };
            format!("{what} the list “{}”", change.list)
        }
        Command::Settings(SettingsCommand::Set(value)) => {
            format!("set {} to {}", value.setting().as_str(), value.as_str())
        }
        Command::Settings(SettingsCommand::Reset(setting)) => {
            format!("reset {}", setting.as_str())
        }
        Command::Login => "login".to_owned(),
        Command::Logout => "logout".to_owned(),
        Command::Help => "help".to_owned(),
    }
}

fn announced(verb: &str, announcement: &Announcement, message: &str) -> String {
    let what = match announcement.text(message) {
        Some(text) => format!("{verb} “{}”", shown(text)),
        None => format!("{verb} the message replied to"),
    };
    let replace = match announcement.replace {
        None => "",
        Some(Replace::IfRestorable) => ", replacing",
        Some(Replace::Always) => ", replacing in any case",
    };
    let at = announcement.at.map_or(String::new(), scheduled);
    let every = announcement.every.map_or(String::new(), |every| {
        format!(", {}", every.in_words(Language::En))
    });
    let top = if announcement.top { ", on top" } else { "" };
    let notify = if announcement.notify {
        ", notifying everybody"
    } else {
        ""
    };
    let (preview, ask) = (previewed(announcement.preview), asked(announcement.ask));
    let to = announcement.to.as_ref();
    let to = to.map_or(String::new(), |list| format!(", to “{list}”"));
    let options = [top, notify, &to, preview, ask].concat();
    what + replace + &at + &every + &in_words(announcement.duration) + &options
}

fn previewed(preview: bool) -> &'static str {
    if preview { ", shown first" } else { "" }
}

fn asked(ask: bool) -> &'static str {
    if ask { ", asking others" } else { "" }
}

fn in_words(duration: Option<Span>) -> String {
    duration.map_or(String::new(), |span| {
        format!(" for {}", span.in_words(Language::En))
    })
}

fn scheduled(when: When) -> String {
    let now: Zoned = NOW.parse().unwrap();
    match when.resolve(&now) {
        Ok(moment) => {
            let moment = moment.to_zoned(TimeZone::get("Asia/Shanghai").unwrap());
            format!(", at {}", moment.strftime("%a %-d %b %Y %-H:%M"))
        }
        Err(ScheduleTimeError::Passed) => ", at a time that has passed: refused".to_owned(),
        Err(ScheduleTimeError::TooFar) => ", at a time too far ahead: refused".to_owned(),
        Err(ScheduleTimeError::Contradiction) => ", at a day of another name: refused".to_owned(),
    }
}

fn refused(error: ParseError) -> String {
    let maybe = |suggestion: Option<String>| {
        suggestion.map_or(String::new(), |near| format!(", try {near}"))
    };
    match error {
        ParseError::UnknownCommand { name, suggestion } => {
            let suggestion = suggestion.map(|name| format!("/{name}"));
            format!("unknown command “{name}”{}", maybe(suggestion))
        }
        ParseError::NotACommand { suggestion } => {
            let suggestion = suggestion.unwrap_or_else(|| "help".to_owned());
            format!("no command, try /{suggestion}")
        }
        ParseError::UnknownArgument { argument, .. } => format!("does not understand “{argument}”"),
        ParseError::UnknownOption {
            option, suggestion, ..
        } => format!("unknown option “{option}”{}", maybe(suggestion)),
        ParseError::MisplacedOption { option, .. } => format!("option in the text: “{option}”"),
        ParseError::FormattedOption { option, .. } => format!("formatted option: “{option}”"),
        ParseError::CommandInText { typed, .. } => format!("command in the text: “{typed}”"),
        ParseError::RepeatedOption { option, .. } => format!("option twice: “{option}”"),
        ParseError::MissingTime { .. } => "asks for the time".to_owned(),
        ParseError::BadTime { typed, .. } => format!("unknown time “{typed}”"),
        ParseError::MissingHour { typed, .. }
        | ParseError::Recurrence {
            error: RecurrenceError::WithoutHour { typed },
            ..
        } => {
            format!("asks for the hour of “{typed}”")
        }
        ParseError::Recurrence {
            error: RecurrenceError::Missing,
            ..
        } => "asks how often".to_owned(),
        ParseError::Recurrence {
            error: RecurrenceError::Unknown { typed },
            ..
        } => {
            format!("unknown recurrence “{typed}”")
        }
        ParseError::Recurrence {
            error: RecurrenceError::WithoutDay { typed },
            ..
        } => {
            format!("asks for the day of “{typed}”")
        }
        ParseError::Recurrence {
            error: RecurrenceError::AndTime,
            ..
        } => "once or every time?".to_owned(),
        ParseError::MissingSpan { .. } => "asks how long".to_owned(),
        ParseError::BadSpan { typed, .. } => format!("unknown duration “{typed}”"),
        ParseError::SpanTooShort { typed, .. } => format!("too short: “{typed}”"),
        ParseError::SpanTooLong { typed, .. } => format!("too long: “{typed}”"),
        ParseError::MissingText {
            command: CommandName::Edit,
        } => "asks for the new text".to_owned(),
        ParseError::MissingText { .. } => "asks for a text".to_owned(),
        ParseError::MissingList { .. } => "asks for the list".to_owned(),
        ParseError::BadList { typed, .. } => format!("no name of a list: “{typed}”"),
        ParseError::MissingNumber { .. } => "asks for a number".to_owned(),
        ParseError::JoinOrLeave { list } => format!("join or leave “{list}”?"),
        ParseError::MissingSetting { setting } => format!("asks for the {}", setting.as_str()),
        ParseError::BadSetting { setting, typed } => {
            format!("unknown {} “{typed}”", setting.as_str())
        }
    }
}

#[test]
fn typed_lines_have_the_listed_results() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in TYPED_LINES.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let columns: Vec<_> = line.split(" | ").map(str::trim_end).collect();
        let [place, typed, expected] = columns[..] else {
            panic!("expected three columns: {line}");
        };
        let is_direct = match place {
            "direct" => true,
            "group" => false,
            other => panic!("expected group or direct: {other}"),
        };
        let message = message(typed);
        let found = result(&message, is_direct);
        if found != expected {
            wrong.push(format!("{place:6} | {typed:40} | {found}"));
        }
        let is_candidate = is_candidate(&message, Some(&mentions()), is_direct);
        assert!(is_candidate || found == "nothing", "not stored: {line}");
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 200, "{count} lines");
}
