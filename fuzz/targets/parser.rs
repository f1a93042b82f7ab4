//! The parser of commands. An input is the text of a message.

use noticebot::command::{
    Announcement, Command, Edit, Mention, ParseError, RecurrenceError, is_candidate, parse,
};

/// Prefixes of an announcement that have no other effect.
const BEFORE: [&str; 4] = [
    "/announce ",
    "/公告：",
    "/announce -- ",
    "@_user_1 ／公告\n",
];

/// Maximum length of a quotation in an error, with its ellipsis.
const QUOTED: usize = 41;

pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for mentions in [vec![], the_bot_and_li(), odd()] {
        for addressed in [false, true] {
            one_way(&text, &mentions, addressed);
        }
    }
    any_text_can_be_announced_unchanged(&text);
    width_and_case_do_not_matter(&text);
}

/// The bot is `@_user_1`, Li is `@_user_2`; `@_user_3` is unknown.
fn the_bot_and_li() -> Vec<Mention> {
    vec![
        mention("@_user_1", "Notice", true),
        mention("@_user_2", "Li", false),
    ]
}

/// Placeholders that are prefixes of each other, and a name that looks like one.
fn odd() -> Vec<Mention> {
    vec![
        mention("@_user_1", "/pin @_user_12", false),
        mention("@_user_12", "", true),
    ]
}

fn mention(key: &str, name: &str, is_me: bool) -> Mention {
    Mention {
        key: key.to_owned(),
        name: name.to_owned(),
        open_id: None,
        is_me,
    }
}

fn one_way(text: &str, mentions: &[Mention], addressed: bool) {
    let parsed = parse(text, mentions, addressed);
    assert_eq!(parsed, parse(text, mentions, addressed));
    if parsed != Ok(None) {
        assert!(
            is_candidate(text, None, addressed),
            "{parsed:?} for {text:?}"
        );
    }
    if !addressed && parsed != Ok(None) {
        let in_direct_chat = parse(text, mentions, true);
        // `announce lunch @bot` may be chatter in a group, and is answered there.
        let is_doubtful = matches!(
            (&parsed, &in_direct_chat),
            (
                Err(ParseError::NotACommand { .. }),
                Ok(Some(Command::Announce(_) | Command::Notice(_)))
            )
        );
        assert!(
            is_doubtful || parsed == in_direct_chat,
            "an addressed text means the same: {parsed:?}, {in_direct_chat:?}"
        );
    }
    match &parsed {
        Ok(Some(command)) => {
            let stored = serde_json::to_string(command).unwrap();
            assert_eq!(serde_json::from_str::<Command>(&stored).unwrap(), *command);
            if let Command::Announce(announcement) = command {
                the_text_is_part_of_the_message(announcement, text);
            }
        }
        Ok(None) => {}
        Err(error) => {
            let stored = serde_json::to_string(error).unwrap();
            assert_eq!(serde_json::from_str::<ParseError>(&stored).unwrap(), *error);
            let words = words_of(error);
            assert!(words.chars().count() <= QUOTED, "{words:?}");
        }
    }
}

fn the_text_is_part_of_the_message(announcement: &Announcement, message: &str) {
    let Some(text) = announcement.text(message) else {
        assert_eq!(announcement.text, None);
        return;
    };
    assert!(!text.trim().is_empty());
    if !announcement.has_options() {
        let end = announcement.text.as_ref().unwrap().end;
        assert!(!message[end..].chars().any(char::is_alphanumeric));
    }
}

/// The quotation of the message in an error.
fn words_of(error: &ParseError) -> &str {
    match error {
        ParseError::UnknownCommand { name: words, .. }
        | ParseError::UnknownArgument {
            argument: words, ..
        }
        | ParseError::UnknownOption { option: words, .. }
        | ParseError::MisplacedOption { option: words, .. }
        | ParseError::FormattedOption { option: words, .. }
        | ParseError::CommandInText { typed: words, .. }
        | ParseError::RepeatedOption { option: words, .. }
        | ParseError::BadTime { typed: words, .. }
        | ParseError::MissingHour { typed: words, .. }
        | ParseError::Recurrence {
            error:
                RecurrenceError::Unknown { typed: words }
                | RecurrenceError::WithoutHour { typed: words }
                | RecurrenceError::WithoutDay { typed: words },
            ..
        }
        | ParseError::BadSetting { typed: words, .. }
        | ParseError::JoinOrLeave { list: words }
        | ParseError::BadList { typed: words, .. }
        | ParseError::BadSpan { typed: words, .. }
        | ParseError::SpanTooShort { typed: words, .. }
        | ParseError::SpanTooLong { typed: words, .. } => words,
        ParseError::NotACommand { .. }
        | ParseError::MissingTime { .. }
        | ParseError::MissingList { .. }
        | ParseError::MissingSpan { .. }
        | ParseError::MissingText { .. }
        | ParseError::MissingNumber { .. }
        | ParseError::Recurrence {
            error: RecurrenceError::Missing | RecurrenceError::AndTime,
            ..
        }
        | ParseError::MissingSetting { .. } => "",
    }
}

/// A text without dashes that begins and ends with a word is announced unchanged.
fn any_text_can_be_announced_unchanged(text: &str) {
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    if !is_word(text.chars().next()) || !is_word(text.chars().next_back()) || text.contains('@') {
        return;
    }
    if text.contains(is_dash) {
        return;
    }
    for before in BEFORE {
        let said = format!("{before}{text}");
        match parse(&said, &the_bot_and_li(), false) {
            Ok(Some(Command::Announce(announcement))) => {
                assert_eq!(announcement.text(&said), Some(text));
                assert!(!announcement.has_options(), "{said:?}");
            }
            other => panic!("{other:?} for {said:?}"),
        }
    }
}

fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '－' | '\u{2010}'..='\u{2015}' | '−' | '─' | '━' | '⸺' | '⸻' | '﹘' | '﹣'
    )
}

/// Full-width forms and capitals do not matter, except in the announced text.
fn width_and_case_do_not_matter(text: &str) {
    let parsed = parse(text, &[], false);
    if text.contains('@') || !matches!(parsed, Ok(Some(_))) {
        return;
    }
    let wide: String = text.chars().map(widened).collect();
    for other in [text.to_ascii_uppercase(), wide] {
        let (one, other) = (without_place(&parsed), parse(&other, &[], false));
        assert_eq!(one, without_place(&other), "{text:?}");
    }
}

fn widened(c: char) -> char {
    match c {
        '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
        _ => c,
    }
}

/// The start of a text moves with the width of what precedes it.
fn without_place(parsed: &Result<Option<Command>, ParseError>) -> Option<Command> {
    match parsed {
        Ok(Some(Command::Announce(announcement))) => {
            let text = announcement.text.as_ref().map(|_| 0..0);
            Some(Command::Announce(Announcement {
                text,
                ..announcement.clone()
            }))
        }
        Ok(Some(Command::Notice(notice))) => Some(Command::Notice(Announcement {
            text: notice.text.as_ref().map(|_| 0..0),
            ..notice.clone()
        })),
        Ok(Some(Command::Edit(edit))) => Some(Command::Edit(Edit {
            text: 0..0,
            ..edit.clone()
        })),
        Ok(other) => other.clone(),
        Err(_) => None,
    }
}
