//! From the text of a message to a command.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{COMMANDS, Command, CommandName, Mention, PinTarget};
use crate::content::{EVERYONE, at_name, replace_mentions, split_placeholder};
use crate::language::Language;

/// The text is meant as a command, but is none that can be carried out.
///
/// What the member typed is for the answer only: it stands in no error text, as those are logged.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParseError {
    /// No command has this name.
    #[error("unknown command")]
    UnknownCommand {
        /// What was typed, without the slash.
        name: String,
        /// The nearest name that there is.
        suggestion: Option<String>,
    },
    /// The command does not take this.
    #[error("unknown argument of `{}`", command.as_str())]
    UnknownArgument {
        /// The command.
        command: CommandName,
        /// All that was typed after it.
        argument: String,
    },
    /// The command has no such option, at least not yet.
    #[error("unknown option of `{}`", command.as_str())]
    UnknownOption {
        /// The command.
        command: CommandName,
        /// The option with its dashes.
        option: String,
    },
}

/// The most characters of a member's words that an error keeps.
const QUOTED: usize = 40;

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

/// Strips the dashes before an option: two hyphens of either width, or the long dashes into which
/// keyboards turn them, of which Chinese ones type two at once.
fn strip_dashes(text: &str) -> Option<&str> {
    let is_long = |c| matches!(c, '—' | '–');
    let name = text.trim_start_matches(|c| fold(c) == '-' || is_long(c));
    let dashes = &text[..text.len() - name.len()];
    (dashes.contains(is_long) || dashes.chars().count() > 1).then_some(name)
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

/// Whether a name before `rest` ends there.
fn ends_name(rest: &str) -> bool {
    let separator = |c| is_blank(c) || fold(c) == ':';
    rest.is_empty() || rest.starts_with(separator) || split_placeholder(rest, &[]).is_some()
}

/// Skips what parts a name from its text: a colon right after it, and white space.
fn skip_separator(text: &str) -> &str {
    strip_folded(text, ":")
        .unwrap_or(text)
        .trim_start_matches(is_blank)
}

/// Skips white space and the mentions that `skip` accepts; also says whether there was one.
fn skip_mentions<'t>(
    text: &'t str,
    mentions: &[Mention],
    skip: impl Fn(&str) -> bool,
) -> (&'t str, bool) {
    let mut rest = text.trim_start_matches(is_blank);
    let mut mentioned = false;
    while let Some((_, after)) = split_placeholder(rest, mentions).filter(|(key, _)| skip(key)) {
        rest = after.trim_start_matches(is_blank);
        mentioned = true;
    }
    (rest, mentioned)
}

fn is_me(key: &str, mentions: &[Mention]) -> bool {
    mentions
        .iter()
        .any(|mention| mention.is_me && mention.key == key)
}

/// [`str::strip_prefix`] for which letters have one case and one width; `prefix` is written plainly.
fn strip_folded<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let mut chars = text.chars();
    let fits = prefix
        .chars()
        .all(|expected| chars.next().map(fold) == Some(expected));
    fits.then_some(chars.as_str())
}

/// Lower case, and half width for the full-width forms of ASCII that Chinese input yields (`／Ｐ：`).
fn fold(c: char) -> char {
    let half = match c {
        '！'..='～' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    };
    half.to_ascii_lowercase()
}

/// White space, U+3000 included, and what clients leave between words without showing it.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}

/// Shortens a member's words for an answer.
fn cut(words: &str) -> String {
    match words.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The bot is `@_user_1`, Li is `@_user_2`; nobody explains `@_user_3`.
    fn mentions() -> Vec<Mention> {
        [("@_user_1", "Notice", true), ("@_user_2", "Li", false)]
            .map(|(key, name, is_me)| Mention {
                key: key.to_owned(),
                name: name.to_owned(),
                is_me,
            })
            .to_vec()
    }

    fn in_group(text: &str) -> Result<Option<Command>, ParseError> {
        parse(text, &mentions(), false)
    }

    fn check(texts: &[&str], expected: &Command) {
        for text in texts {
            assert_eq!(in_group(text), Ok(Some(expected.clone())), "{text:?}");
            assert!(is_candidate(text, false), "{text:?}");
        }
    }

    fn check_announced(text: &str, expected: &str) {
        let text_of = |text: &str| Command::Announce {
            text: Some(text.to_owned()),
        };
        check(&[text], &text_of(expected));
    }

    fn check_none(texts: &[&str]) {
        for text in texts {
            assert_eq!(in_group(text), Ok(None), "{text:?}");
        }
    }

    fn check_unknown_argument(text: &str, command: CommandName, argument: &str) {
        let argument = argument.to_owned();
        assert_eq!(
            in_group(text),
            Err(ParseError::UnknownArgument { command, argument })
        );
    }

    fn check_unknown_option(text: &str, command: CommandName, option: &str) {
        let option = option.to_owned();
        assert_eq!(
            in_group(text),
            Err(ParseError::UnknownOption { command, option }),
            "{text:?}"
        );
    }

    fn check_unknown_command(text: &str, name: &str, suggestion: Option<&str>) {
        let name = name.to_owned();
        let suggestion = suggestion.map(str::to_owned);
        let error = ParseError::UnknownCommand { name, suggestion };
        assert_eq!(
            parse(text, &mentions(), true),
            Err(error.clone()),
            "{text:?}"
        );
        assert_eq!(
            in_group(&format!("@_user_1 {text}")),
            Err(error),
            "{text:?}"
        );
        assert_eq!(in_group(text), Ok(None), "{text:?}");
    }

    #[test]
    fn pin_means_the_message_replied_to() {
        let pin = Command::Pin(PinTarget::RepliedMessage);
        check(
            &[
                "/pin",
                "/PIN",
                " \n/Pin\u{3000}",
                "／ＰＩＮ",
                "/pin:",
                "/pin\u{a0}",
                "/置顶",
                "／置顶：",
            ],
            &pin,
        );
        check(
            &["\u{feff}/pin\u{200b}", "\u{200b}@_user_1\u{200b}/pin"],
            &pin,
        );
    }

    #[test]
    fn a_mention_of_this_bot_may_stand_before_or_after_a_command() {
        let pin = Command::Pin(PinTarget::RepliedMessage);
        check(
            &["@_user_1 /pin", "@_user_1/pin", "@_user_1 @_user_1\n/置顶"],
            &pin,
        );
        check(
            &[
                "/pin @_user_1",
                "/pin@_user_1",
                "/置顶@_user_1",
                "/置顶 @_user_1 ",
            ],
            &pin,
        );
        check(&["/unpin @_user_1", "/取消置顶@_user_1"], &Command::Unpin);
        check(
            &["/pin @_user_1 announcement", "/置顶公告 @_user_1"],
            &Command::Pin(PinTarget::Announcement),
        );
    }

    #[test]
    fn pin_takes_the_announcement_in_both_languages() {
        check(
            &[
                "/pin announcement",
                "/pin\nAnnouncement",
                "/pin: 公告",
                "/pin：announcement",
                "/置顶 公告",
                "/置顶公告",
                "/置顶\u{3000}公告",
                "/置顶 announcement",
                "/置顶：公告",
            ],
            &Command::Pin(PinTarget::Announcement),
        );
    }

    #[test]
    fn the_longest_chinese_name_wins() {
        check(
            &["/unpin", "/取消置顶", "／取消置顶 ", "@_user_1 /Unpin"],
            &Command::Unpin,
        );
    }

    #[test]
    fn help_ignores_what_follows() {
        check(
            &[
                "/help",
                "/帮助",
                "/help pin",
                "/帮助我",
                "/help @_user_2 --at",
            ],
            &Command::Help,
        );
    }

    #[test]
    fn any_separator_parts_a_name_from_its_text() {
        for text in [
            "/announce dinner",
            "/announce\u{3000}dinner",
            "/announce\ndinner",
            "/announce:dinner",
            "/announce： dinner",
            "/公告dinner",
            "/ANNOUNCE \n dinner \n",
        ] {
            check_announced(text, "dinner");
        }
        check_announced("/announce :) hello", ":) hello");
        check_announced("/公告今晚停电", "今晚停电");
        check_announced("/公告https://a.cn/b", "https://a.cn/b");
    }

    #[test]
    fn line_breaks_inside_a_text_stay() {
        check_announced("/announce\n\none\n\n    two \n", "one\n\n    two");
        check_announced("/公告：一\r\n\t二", "一\r\n\t二");
    }

    #[test]
    fn mentions_in_a_text_become_names() {
        check_announced("/announce thanks @_user_2!", "thanks @Li!");
        check_announced("@_user_1 /announce ask @_user_1", "ask @Notice");
        check_announced("/announce @_user_2 @_user_3", "@Li @_user_3");
        check_announced("/announce @_all: lunch", "@all: lunch");
        check_announced("/公告 @_all lunch", "@所有人 lunch");
        check_announced("/announce @_user_1: lunch", "lunch");
        check_announced("/announce@_user_1 lunch", "lunch");
    }

    #[test]
    fn an_announcement_without_text_is_that_of_the_message_replied_to() {
        let command = Command::Announce { text: None };
        check(
            &[
                "/announce",
                "/公告",
                "/announce @_user_1",
                "/announce \n",
                "/announce --",
                "/公告：",
            ],
            &command,
        );
    }

    #[test]
    fn dashes_are_text_unless_they_name_an_option() {
        check_announced("/announce --attention please", "--attention please");
        check_announced("/announce — as ever —", "— as ever —");
        check_announced("/announce lunch --at 9:00", "lunch --at 9:00");
        check_announced("/announce -- --at 9:00 lunch", "--at 9:00 lunch");
        check_announced("/announce － lunch", "－ lunch");
    }

    #[test]
    fn options_of_later_releases_are_unknown_and_never_announced() {
        for option in LATER_OPTIONS {
            for dashes in ["--", "—", "——", "–", "－－"] {
                let typed = format!("{dashes}{option}");
                for text in [
                    format!("/announce {typed} 9:00 lunch"),
                    format!("/公告{typed}：午饭"),
                    format!("/announce @_user_1 {typed}"),
                ] {
                    check_unknown_option(&text, CommandName::Announce, &typed);
                }
            }
        }
        check_unknown_option(
            "/announce --REPLACE！ x",
            CommandName::Announce,
            "--REPLACE！",
        );
        check_unknown_option("/pin --for 2d", CommandName::Pin, "--for");
        check_unknown_option("/unpin —限时", CommandName::Unpin, "—限时");
    }

    #[test]
    fn what_a_command_does_not_take_is_named() {
        check_unknown_argument("/pin 2h", CommandName::Pin, "2h");
        check_unknown_argument("/置顶2小时", CommandName::Pin, "2小时");
        check_unknown_argument("/pin announcement 2h", CommandName::Pin, "announcement 2h");
        check_unknown_argument("/pin @_user_2", CommandName::Pin, "@Li");
        check_unknown_argument("/置顶 @_all", CommandName::Pin, "@所有人");
        check_unknown_argument("/unpin 3", CommandName::Unpin, "3");
        check_unknown_argument(
            &format!("/unpin {}", "字".repeat(90)),
            CommandName::Unpin,
            &format!("{}…", "字".repeat(40)),
        );
    }

    #[test]
    fn an_unknown_command_is_answered_only_where_the_bot_is_addressed() {
        check_unknown_command("/pni", "pni", Some("pin"));
        check_unknown_command("/Anounce hi", "Anounce", Some("announce"));
        check_unknown_command("／ｈｅｌ", "ｈｅｌ", Some("help"));
        check_unknown_command("/pinboard", "pinboard", Some("pin"));
        check_unknown_command("/pin2h", "pin2h", Some("pin"));
        check_unknown_command("/announce今晚", "announce今晚", Some("announce"));
        check_unknown_command("/置项", "置项", Some("置顶"));
        check_unknown_command("/weather", "weather", None);
        check_unknown_command("/usr/bin", "usr/bin", None);
        check_unknown_command("/天气@_user_2", "天气", None);
        check_unknown_command(
            &format!("/{}", "x".repeat(90)),
            &format!("{}…", "x".repeat(40)),
            None,
        );
    }

    #[test]
    fn commands_of_later_releases_are_unknown() {
        for name in ["undo", "撤销", "history", "记录", "cancel"] {
            check_unknown_command(&format!("/{name} 3"), name, None);
        }
        check_unknown_command("/取消 3", "取消", Some("取消置顶"));
    }

    #[test]
    fn what_is_addressed_to_others_is_not_for_us() {
        check_none(&[
            "@_user_2 /pin",
            "@_all /announce x",
            "@_user_3 /pin",
            "@_user_1 @_user_2 /pin",
            "@_user_12 /pin",
        ]);
        assert!(!is_candidate("@_all /announce x", true));
    }

    #[test]
    fn the_bots_name_alone_or_the_word_help_asks_for_help() {
        check(
            &[
                "@_user_1",
                " @_user_1 help",
                "@_user_1 帮助",
                "@_user_1 ＨＥＬＰ",
            ],
            &Command::Help,
        );
        check_none(&["@_user_2", "help", "@_user_1 helper", "@_all help", ""]);
        assert_eq!(parse("help", &[], true), Ok(Some(Command::Help)));
        assert_eq!(parse("", &[], true), Ok(None));
    }

    #[test]
    fn a_slash_that_starts_no_command_is_chatter() {
        check_none(&[
            "",
            " ",
            "/",
            "／",
            "//pin",
            "/ pin",
            "/?",
            "/😀",
            "pin",
            "please /pin",
            "\"/pin\"",
            "> /pin",
            "`/pin`",
            "＠bot /pin",
            "@bot /pin",
            "https://a.cn/pin",
            "@_user_1 hello /pin",
            "@_user_1 /",
            "\\/pin",
        ]);
        let chatter = [
            "",
            "hello",
            "/etc",
            "/usr/bin",
            "/pinboard",
            "/announce今晚",
            "https://a.cn/pin",
            "@_user_1 hello",
        ];
        for text in chatter {
            assert!(!is_candidate(text, false), "{text:?}");
        }
        for text in ["/etc", "/pinboard"] {
            assert!(is_candidate(text, true), "{text:?}");
        }
    }

    /// Pieces that commands are made of, in any order.
    fn any_text() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "/",
            "／",
            "pin",
            "PIN",
            "置顶",
            "取消",
            "公告",
            "announce",
            "help",
            "announcement",
            " ",
            "\u{3000}",
            "\n",
            "\u{200b}",
            ":",
            "：",
            "--",
            "—",
            "at",
            "定时",
            "@_user_",
            "@_user_1",
            "@_user_2",
            "@_user_12",
            "1",
            "@_all",
            "@",
            "x",
        ]);
        prop_oneof![
            prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat()),
            any::<String>(),
        ]
    }

    proptest! {
        #[test]
        fn what_parse_answers_is_always_a_candidate(text in any_text(), p2p: bool) {
            if parse(&text, &mentions(), p2p) != Ok(None) {
                prop_assert!(is_candidate(&text, p2p));
            }
        }

        #[test]
        fn any_text_can_be_announced_unchanged(text in "[^-—:：@\\s\u{200b}-\u{200f}\u{2060}\u{feff}]([^@]*[a-z。])?") {
            for command in ["/announce ", "/公告：", "/announce -- ", "@_user_1 ／公告\n"] {
                let expected = Some(Command::Announce { text: Some(text.clone()) });
                prop_assert_eq!(in_group(&format!("{command}{text}")), Ok(expected));
            }
        }
    }
}
