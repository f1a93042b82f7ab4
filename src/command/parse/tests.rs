//! Commands as people type them, and properties of the parser.

use proptest::prelude::*;

use super::*;
use crate::command::tests::mentions;
use crate::command::when::split_when;
use crate::command::{PinTarget, Replace, Span, reject_formatted_options};
use crate::content::Document;
use feishu::Content;

fn in_group(text: &str) -> Result<Option<Command>, ParseError> {
    parse(text, &mentions(), false)
}

fn check(texts: &[&str], expected: &Command) {
    for text in texts {
        assert_eq!(in_group(text), Ok(Some(expected.clone())), "{text:?}");
        assert!(is_candidate(text, Some(&mentions()), false), "{text:?}");
    }
}

fn pin(target: PinTarget, minutes: Option<u64>) -> Command {
    let duration = minutes.map(|minutes| Span::try_from(minutes).unwrap());
    Command::Pin {
        target,
        duration,
        ask: false,
    }
}

/// Parses an announcement; also returns its text.
fn announced(text: &str) -> (Announcement, Option<&str>) {
    assert!(is_candidate(text, Some(&mentions()), false), "{text:?}");
    match in_group(text) {
        Ok(Some(Command::Announce(announcement))) => {
            let tail = announcement.text(text);
            (announcement, tail)
        }
        other => panic!("{other:?} for {text:?}"),
    }
}

/// Checks an announcement without options.
fn check_announced(text: &str, expected: &str) {
    let (announcement, tail) = announced(text);
    assert_eq!(tail, Some(expected), "{text:?}");
    assert!(!announcement.has_options(), "{text:?}");
}

/// Checks that the options are parsed before any text, and that the text is all that follows.
fn check_options(options: &[&str], expected: &Announcement) {
    for typed in options {
        for command in [
            "/announce ",
            "/公告",
            "@_user_1 /announce: ",
            "/公告 @_user_1 ",
        ] {
            for (gap, tail) in [
                ("", ""),
                (" ", "lunch -- at 9:00"),
                ("\n", "午饭"),
                (" -- ", "--top"),
            ] {
                let message = format!("{command}{typed}{gap}{tail}");
                let (announcement, found) = announced(&message);
                assert_eq!(
                    found,
                    Some(tail).filter(|tail| !tail.is_empty()),
                    "{message:?}"
                );
                let text = announcement.text.clone();
                assert_eq!(
                    announcement,
                    Announcement {
                        text,
                        ..expected.clone()
                    },
                    "{message:?}"
                );
            }
        }
    }
}

fn check_error(texts: &[&str], expected: &ParseError) {
    for text in texts {
        assert_eq!(in_group(text).as_ref(), Err(expected), "{text:?}");
        assert!(is_candidate(text, Some(&mentions()), false), "{text:?}");
    }
}

fn check_unknown_argument(text: &str, command: CommandName, argument: &str) {
    let argument = argument.to_owned();
    assert_eq!(
        in_group(text),
        Err(ParseError::UnknownArgument { command, argument })
    );
}

fn check_unknown_option(text: &str, command: CommandName, option: &str, near: Option<&str>) {
    let (option, suggestion) = (option.to_owned(), near.map(str::to_owned));
    let error = ParseError::UnknownOption {
        command,
        option,
        suggestion,
    };
    assert_eq!(in_group(text), Err(error), "{text:?}");
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
}

#[test]
fn pin_defaults_to_the_replied_to_message() {
    let pin = pin(PinTarget::RepliedMessage, None);
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
fn the_bot_may_be_mentioned_around_a_command() {
    let message = pin(PinTarget::RepliedMessage, None);
    check(
        &["@_user_1 /pin", "@_user_1/pin", "@_user_1 @_user_1\n/置顶"],
        &message,
    );
    check(
        &[
            "/pin @_user_1",
            "/pin@_user_1",
            "/置顶@_user_1",
            "/置顶 @_user_1 ",
        ],
        &message,
    );
    check(&["/unpin @_user_1", "/取消置顶@_user_1"], &Command::Unpin);
    check(
        &["/pin @_user_1 announcement", "/置顶公告 @_user_1"],
        &pin(PinTarget::Announcement, None),
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
        &pin(PinTarget::Announcement, None),
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
fn help_ignores_arguments() {
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
fn any_separator_may_follow_a_name() {
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
fn line_breaks_inside_a_text_are_kept() {
    check_announced("/announce\n\none\n\n    two \n", "one\n\n    two");
    check_announced("/公告：一\r\n\t二", "一\r\n\t二");
}

#[test]
fn mentions_in_a_text_are_part_of_it() {
    check_announced("/announce thanks @_user_2!", "thanks @_user_2!");
    check_announced("@_user_1 /announce ask @_user_1", "ask @_user_1");
    check_announced("/announce @_user_2 @_user_3", "@_user_2 @_user_3");
    check_announced("/announce @_all: lunch", "@_all: lunch");
    check_announced("/announce @_user_1: lunch", "lunch");
    check_announced("/announce@_user_1 lunch", "lunch");
}

#[test]
fn announce_defaults_to_the_replied_to_message() {
    let command = Command::Announce(Announcement::default());
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
fn options_may_follow_the_command() {
    let replace = |replace| Announcement {
        replace: Some(replace),
        ..Announcement::default()
    };
    check_options(
        &[
            "--replace",
            "--REPLACE",
            "—replace",
            "——替换",
            "－－ｒｅｐｌａｃｅ",
            "–替换",
            "--替换",
            "--替换：",
        ],
        &replace(Replace::IfRestorable),
    );
    check_options(
        &["--replace!", "--Replace！", "—替换!", "--替换！"],
        &replace(Replace::Always),
    );
    let top = Announcement {
        top: true,
        ..Announcement::default()
    };
    check_options(
        &[
            "--top",
            "--TOP",
            "--置顶",
            "—top",
            "--top:",
            "--top @_user_1",
        ],
        &top,
    );
}

#[test]
fn for_takes_a_duration() {
    let duration = |minutes| Announcement {
        duration: Some(Span::try_from(minutes).unwrap()),
        ..Announcement::default()
    };
    check_options(
        &[
            "--for 2d",
            "--for: 2d",
            "--for=2d",
            "--for2d",
            "--FOR 2 days",
            "--限时 2天",
            "--限时2天",
            "--限时：两天",
            "—for 48h",
        ],
        &duration(2 * 24 * 60),
    );
    check_options(
        &[
            "--for 1h30m",
            "--限时 1小时30分钟",
            "--限时 一个半小时",
            "--for 1 hour 30 min",
        ],
        &duration(90),
    );
    check_options(&["--限时半小时"], &duration(30));
}

#[test]
fn at_takes_a_time() {
    let at = |typed| {
        let (at, _) = split_when(typed).unwrap();
        Announcement {
            at: Some(at),
            ..Announcement::default()
        }
    };
    check_options(
        &[
            "--at 9:00",
            "--at: 9:00",
            "--at=9:00",
            "--at9:00",
            "--AT 09：00",
            "--定时 9:00",
            "--定时9点",
            "--定时：九点",
            "—at 9am",
        ],
        &at("9:00"),
    );
    check_options(
        &[
            "--at tomorrow 9:00",
            "--定时 明天 9:00",
            "--定时明天9点",
            "--at 明天上午9点",
        ],
        &at("明天9点"),
    );
    check_options(
        &["--at 2026-12-01 9:00", "--定时 2026年12月1日9点"],
        &at("2026-12-01 9:00"),
    );
    check_options(
        &[
            "--at friday 3pm",
            "--定时周五下午3点",
            "--定时 星期五 15:00",
        ],
        &at("周五15:00"),
    );
}

#[test]
fn options_can_be_combined() {
    let (at, _) = split_when("明天9点").unwrap();
    let duration = Some(Span::try_from(120).unwrap());
    let all = Announcement {
        text: None,
        replace: Some(Replace::IfRestorable),
        at: Some(at),
        every: None,
        duration,
        top: true,
        notify: true,
        to: Some("周报".to_owned()),
        ..Announcement::default()
    };
    check_options(
        &[
            "--replace --at 明天9点 --for 2h --top --to 周报 --notify",
            "--notify --to \"周报\" --top --for 2h --at tomorrow 9:00 --replace",
            "--置顶--限时2小时--定时明天9点--通知--替换--发到周报",
            "--定时：明天9点 —替换 ——通知 ——限时 2 小时\n－－置顶 --发到：周报",
        ],
        &all,
    );
    let (announcement, tail) = announced("/公告 --定时 明天9点 今晚停电");
    assert_eq!((announcement.at, tail), (Some(at), Some("今晚停电")));
    let (announcement, tail) = announced("/announce --for 2h 3 people wanted");
    assert_eq!(
        (announcement.duration, tail),
        (duration, Some("3 people wanted"))
    );
    let (announcement, tail) = announced("/announce --for 2h -- 30 min break");
    assert_eq!(
        (announcement.duration, tail),
        (duration, Some("30 min break"))
    );
}

#[test]
fn an_option_without_its_value_is_rejected() {
    let command = CommandName::Announce;
    check_error(
        &[
            "/announce --at",
            "/公告 --定时：",
            "/announce --at --top x",
            "/announce --at -- x",
            "/announce --at\n",
        ],
        &ParseError::MissingTime { command },
    );
    check_error(
        &[
            "/announce --for",
            "/公告--限时",
            "/announce --for -- lunch",
            "/announce --for --at 9:00 x",
        ],
        &ParseError::MissingSpan { command },
    );
    let command = CommandName::Pin;
    check_error(
        &["/pin --for", "/置顶 公告 --限时", "/pin —for @_user_1"],
        &ParseError::MissingSpan { command },
    );
}

#[test]
fn invalid_values_are_quoted_as_typed() {
    for (text, typed) in [
        ("/announce --at 25:00 lunch", "25:00"),
        ("/公告 --定时 明天 25:00", "明天 25:00"),
        ("/announce --at lunch time", "lunch"),
        ("/announce --at @_user_2 lunch", "@Li"),
        (
            &format!("/公告 --定时 {}", "字".repeat(90)),
            &format!("{}…", "字".repeat(40)),
        ),
    ] {
        check_error(
            &[text],
            &ParseError::BadTime {
                command: CommandName::Announce,
                typed: typed.to_owned(),
            },
        );
    }
    for (text, command, typed) in [
        ("/announce --for long", CommandName::Announce, "long"),
        ("/announce --for 2 lunch", CommandName::Announce, "2 lunch"),
        ("/公告 --限时2个月 午饭", CommandName::Announce, "2个月"),
        ("/pin 2x", CommandName::Pin, "2x"),
        ("/pin 3 months", CommandName::Pin, "3 months"),
        ("/pin announcement --for long", CommandName::Pin, "long"),
        ("/置顶 5", CommandName::Pin, "5"),
    ] {
        let typed = typed.to_owned();
        check_error(&[text], &ParseError::BadSpan { command, typed });
    }
    let typed = |typed: &str| typed.to_owned();
    let command = CommandName::Announce;
    check_error(
        &["/announce --for 0m x"],
        &ParseError::SpanTooShort {
            command,
            typed: typed("0m"),
        },
    );
    check_error(
        &["/announce --for 53 weeks x"],
        &ParseError::SpanTooLong {
            command,
            typed: typed("53 weeks"),
        },
    );
    let command = CommandName::Pin;
    check_error(
        &["/pin 0h"],
        &ParseError::SpanTooShort {
            command,
            typed: typed("0h"),
        },
    );
    check_error(
        &["/置顶9999999999999天"],
        &ParseError::SpanTooLong {
            command,
            typed: typed("9999999999999天"),
        },
    );
}

#[test]
fn repeated_options_and_arguments_are_rejected() {
    for (text, command, option) in [
        (
            "/announce --at 9:00 --at 10:00 x",
            CommandName::Announce,
            "--at",
        ),
        (
            "/announce --for 2h --限时 3h x",
            CommandName::Announce,
            "--限时",
        ),
        (
            "/announce --replace --replace! x",
            CommandName::Announce,
            "--replace!",
        ),
        ("/announce --top —置顶 x", CommandName::Announce, "—置顶"),
        ("/pin 2h --for 3h", CommandName::Pin, "--for"),
        ("/pin --for 2h --for 2h", CommandName::Pin, "--for"),
    ] {
        let option = option.to_owned();
        check_error(&[text], &ParseError::RepeatedOption { command, option });
    }
    let dashes = "-".repeat(60);
    let error = ParseError::RepeatedOption {
        command: CommandName::Announce,
        option: format!("{}…", &dashes[..40]),
    };
    check_error(&[&format!("/announce --top {dashes}top x")], &error);
    check_unknown_argument("/pin 2h 3h", CommandName::Pin, "2h 3h");
    check_unknown_argument("/pin 公告 公告", CommandName::Pin, "公告 公告");
}

#[test]
fn pin_takes_a_duration() {
    check(
        &[
            "/pin 2h",
            "/PIN 2H",
            "/pin: 2h",
            "/pin 2 hours",
            "/pin @_user_1 2h",
            "/pin 2h @_user_1",
            "/pin --for 2h",
            "/pin —for=2h",
            "/置顶 2小时",
            "/置顶2小时",
            "/置顶：两小时",
            "/置顶2 小时",
            "/置顶 --限时 2小时",
        ],
        &pin(PinTarget::RepliedMessage, Some(120)),
    );
    check(
        &[
            "/pin announcement 2h",
            "/pin 2h announcement",
            "/pin announcement --for 2h",
            "/pin --for 2h announcement",
            "/置顶公告2小时",
            "/置顶 公告 2小时",
            "/置顶2小时公告",
            "/置顶 2 小时 群公告",
            "/pin 公告: 2h",
        ],
        &pin(PinTarget::Announcement, Some(120)),
    );
    check(
        &["/pin 1 day 3 hours", "/置顶 1 天 3 小时"],
        &pin(PinTarget::RepliedMessage, Some(27 * 60)),
    );
}

#[test]
fn undo_and_history_take_no_arguments() {
    check(
        &["/undo", "/UNDO @_user_1", "/撤销", "／撤销："],
        &Command::Undo,
    );
    check(
        &["/history", "/记录", "@_user_1 /History"],
        &Command::History,
    );
    check_unknown_argument("/undo 3", CommandName::Undo, "3");
    check_unknown_argument("/记录三", CommandName::History, "三");
    check_unknown_option("/undo --all", CommandName::Undo, "--all", None);
}

#[test]
fn cancel_takes_the_number_of_a_schedule() {
    check(
        &[
            "/cancel 3",
            "/cancel: 3",
            "/cancel #3",
            "/Cancel ＃３",
            "/cancel 3 @_user_1",
            "/取消 3",
            "/取消3",
            "/取消#3",
            "/取消 三",
        ],
        &Command::Cancel(3),
    );
    check_error(
        &["/cancel", "/取消", "/cancel @_user_1", "/取消："],
        &ParseError::MissingNumber {
            command: CommandName::Cancel,
        },
    );
    for argument in [
        "3 4",
        "x",
        "#",
        "-3",
        "3h",
        "4294967295",
        "99999999999999999999",
    ] {
        check_unknown_argument(
            &format!("/cancel {argument}"),
            CommandName::Cancel,
            argument,
        );
    }
    check_unknown_argument("/取消订单", CommandName::Cancel, "订单");
}

#[test]
fn unknown_commands_suggest_the_nearest() {
    check_unknown_command("/pni", "pni", Some("pin"));
    check_unknown_command("／ｈｅｌ", "ｈｅｌ", Some("help"));
    check_unknown_command("/pinboard", "pinboard", Some("pin"));
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
fn unknown_arguments_and_options_are_quoted() {
    check_unknown_argument("/pin me", CommandName::Pin, "me");
    check_unknown_argument("/置顶上一条", CommandName::Pin, "上一条");
    check_unknown_argument("/置顶公告板", CommandName::Pin, "公告板");
    check_unknown_argument("/pin announcements", CommandName::Pin, "announcements");
    check_unknown_argument(
        "/pin announcement daily",
        CommandName::Pin,
        "announcement daily",
    );
    check_unknown_argument("/unpin 3", CommandName::Unpin, "3");
    check_unknown_argument(
        &format!("/unpin {}", "字".repeat(90)),
        CommandName::Unpin,
        &format!("{}…", "字".repeat(40)),
    );
    check_unknown_option("/pin --at 9:00", CommandName::Pin, "--at", None);
    check_unknown_option("/pin -fro 2h", CommandName::Pin, "-fro", Some("--for"));
    check_unknown_option("/pin announcement --top", CommandName::Pin, "--top", None);
    check_unknown_option("/unpin —限时", CommandName::Unpin, "—限时", None);
}

/// Parts of commands in any order, or any text.
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
        "undo",
        "记录",
        "for",
        "replace!",
        "替换",
        "限时",
        "top",
        "9:00",
        "明天",
        "9点",
        "2h",
        "小时",
        "两",
        "#",
    ]);
    prop_oneof![
        prop::collection::vec(pieces, 0..10).prop_map(|pieces| pieces.concat()),
        any::<String>(),
    ]
}

proptest! {
    #[test]
    fn every_parsed_message_is_a_candidate(text in any_text(), p2p: bool) {
        if parse(&text, &mentions(), p2p) != Ok(None) {
            prop_assert!(is_candidate(&text, None, p2p));
        }
    }

    #[test]
    fn any_text_without_dashes_can_be_announced_unchanged(text in "[a-z早「（0-9#*]([^@\\p{Pd}−─━⸺⸻]*[a-z。])?") {
        for command in ["/announce ", "/公告：", "/announce -- ", "@_user_1 ／公告\n"] {
            let message = format!("{command}{text}");
            let Ok(Some(Command::Announce(announcement))) = in_group(&message) else {
                return Err(TestCaseError::fail(message));
            };
            prop_assert_eq!(announcement.text(&message), Some(text.as_str()));
            prop_assert!(!announcement.has_options());
        }
    }

    #[test]
    fn options_may_come_in_any_order(
        options in any_options(),
        tail in "(--)?[a-z早][^@]*[a-z。]",
    ) {
        let (expected, shuffled) = options;
        let tail = tail.trim_matches(is_blank);
        let (first, second) = (format!("/announce {expected} -- {tail}"), format!("/公告{shuffled} -- {tail}"));
        let read = |message: &str| match in_group(message) {
            Ok(Some(Command::Announce(announcement))) => {
                let text = announcement.text(message).map(str::to_owned);
                (Announcement { text: None, ..announcement }, text)
            }
            other => panic!("{other:?} for {message:?}"),
        };
        let (announcement, text) = read(&first);
        prop_assert_eq!(text.as_deref(), Some(tail));
        prop_assert_eq!((announcement, text), read(&second));
    }

    #[test]
    fn options_may_precede_or_follow_the_text(
        options in any_options(),
        text in "[a-z早][a-z早 \n]*[a-z。]",
    ) {
        let (before, after) = options;
        let (first, second) = (format!("/announce {before} -- {text}"), format!("/公告 {text} {after}"));
        let read = |message: &str| match in_group(message) {
            Ok(Some(Command::Announce(announcement))) => {
                let text = announcement.text(message).map(str::to_owned);
                (Announcement { text: None, ..announcement }, text)
            }
            other => panic!("{other:?} for {message:?}"),
        };
        prop_assert_eq!(read(&first), read(&second));
    }
}

/// Some options in two orders.
fn any_options() -> impl Strategy<Value = (String, String)> {
    let options = ["--at 明天 9:00", "—for 2h", "--replace", "--置顶"];
    prop::sample::subsequence(options.to_vec(), 0..=4).prop_flat_map(|options| {
        let ordered = options.join(" ");
        Just(options)
            .prop_shuffle()
            .prop_map(move |shuffled| (ordered.clone(), shuffled.join(" ")))
    })
}

/// Dashes of all kinds, as keyboards and clients make them.
const DASHES: [&str; 12] = [
    "-", "--", "---", "—", "——", "–", "－－", "−−", "﹣", "‒", "―", "‐‑",
];

/// Markdown that may surround an option and is not shown.
const MARKS: [(&str, &str); 17] = [
    ("**", "**"),
    ("*", "*"),
    ("_", "_"),
    ("***", "***"),
    ("~~", "~~"),
    ("`", "`"),
    ("``", "``"),
    ("```\n", "\n```"),
    ("[", "](http://x.cn)"),
    ("\\", ""),
    ("- ", ""),
    ("* **", "**"),
    ("1. ", ""),
    ("> ", ""),
    ("> - `", "`"),
    ("# ", ""),
    ("### [**", "**](https://x.cn)"),
];

/// Whether people read a word as an option: dashes, then a letter.
fn looks_like_option(word: &str) -> bool {
    let is_dash = |c| "-—–－−﹣‒―‐‑".contains(c);
    let name = word.trim_start_matches(is_dash);
    name.len() < word.len() && name.starts_with(char::is_alphabetic)
}

/// The name of an option, perhaps with a typing error.
fn any_option_name() -> impl Strategy<Value = String> {
    let names = [
        "replace", "at", "for", "top", "every", "to", "notify", "preview", "help", "替换", "替換",
        "定时", "限时", "時限", "置顶", "置頂", "每", "发到", "通知", "预览",
    ];
    let name = prop::sample::select(names.to_vec());
    (name, 0..4, any::<prop::sample::Index>(), "[a-z顶时]").prop_map(|(name, error, at, other)| {
        let mut letters: Vec<char> = name.chars().collect();
        let at = at.index(letters.len());
        match error {
            0 => letters.insert(at, other.chars().next().unwrap()),
            1 if letters.len() > 1 => drop(letters.remove(at)),
            2 if at > 0 => letters.swap(at, at - 1),
            _ => {}
        }
        letters.into_iter().collect()
    })
}

/// Words of a text, some with dashes before them.
fn any_words() -> impl Strategy<Value = Vec<String>> {
    let dashes = prop::sample::select(DASHES.to_vec());
    let word = prop_oneof![
        3 => prop::sample::select(vec!["lunch", "at", "noon", "9:00", "friday", "2h", "今晚停电", "明天", "-", "--", "all"])
            .prop_map(str::to_owned),
        2 => (dashes.clone(), any_option_name(), prop::sample::select(vec!["", "", "=all", ":x", "!", "，"]))
            .prop_map(|(dashes, name, value)| format!("{dashes}{name}{value}")),
        1 => (dashes, "[a-z]{1,8}|[一-龥]{1,3}").prop_map(|(dashes, name)| format!("{dashes}{name}")),
    ];
    prop::collection::vec(word, 1..6)
}

proptest! {
    #[test]
    fn rule_11_text_edges_are_never_options(words in any_words(), command in "/announce |/公告|@_user_1 公告 ") {
        let message = format!("{command}{}", words.join(" "));
        // After ` -- ` everything is text.
        let is_explicit = words.iter().any(|word| word == "--");
        if let Ok(Some(Command::Announce(announcement))) = in_group(&message)
            && let Some(text) = announcement.text(&message)
            && !is_explicit
        {
            let first = text.split_whitespace().next().unwrap();
            let last = text.split_whitespace().next_back().unwrap();
            prop_assert!(!looks_like_option(first), "{message:?} announces {text:?}");
            prop_assert!(!looks_like_option(last), "{message:?} announces {text:?}");
        }
    }

    #[test]
    fn rule_11_formatting_does_not_hide_an_option(
        dashes in prop::sample::select(DASHES.to_vec()),
        name in any_option_name(),
        (before, after) in prop::sample::select(MARKS.to_vec()),
    ) {
        let wrapped = format!("{before}{dashes}{name}{after}");
        for text in [format!("{wrapped} lunch"), format!("lunch {wrapped}"), format!("lunch\n{wrapped}")] {
            let message = format!("/announce {text}");
            if let Ok(Some(Command::Announce(announcement))) = in_group(&message)
                && let Some(range) = announcement.text
                && let Ok(document) = Document::read(&Content::Text(message.clone()), range.clone(), &[])
                && reject_formatted_options(CommandName::Announce, &message, &range, &document.shown_words()).is_ok()
            {
                let shown = document.shown_words();
                let mut words = shown.split_whitespace();
                let (first, last) = (words.next().unwrap_or(""), words.next_back().unwrap_or(""));
                prop_assert!(!looks_like_option(first), "{message:?} announces {shown:?}");
                // `——行政部` on a separate line is a signature.
                let is_signature = !name.is_ascii() && shown.lines().last() == Some(last);
                prop_assert!(!looks_like_option(last) || is_signature, "{message:?} announces {shown:?}");
            }
        }
    }

    #[test]
    fn rule_11_options_are_never_announced_as_text(
        dashes in prop::sample::select(DASHES.to_vec()),
        name in any_option_name(),
        value in "( (all|day 9:00|friday|2h|sales|明天9点|销售群))?",
    ) {
        let option = format!("{dashes}{name}{value}");
        for message in [format!("/announce {option} lunch"), format!("/公告 午饭 {dashes}{name}")] {
            if let Ok(Some(Command::Announce(announcement))) = in_group(&message) {
                let text = announcement.text(&message).unwrap_or_default();
                prop_assert!(!text.contains(&format!("{dashes}{name}")), "{message:?} announces {text:?}");
            }
        }
    }

    #[test]
    fn rule_12_mentions_of_the_bot_are_answered(text in any_text(), others in "(@_user_2 |@_all )?") {
        for message in [format!("@_user_1{text}"), format!("{others}@_user_1 {text}")] {
            prop_assert_ne!(in_group(&message), Ok(None), "{:?}", message);
            prop_assert!(is_candidate(&message, Some(&mentions()), false));
        }
        prop_assert_ne!(parse(&text, &mentions(), true), Ok(None));
    }

    #[test]
    fn known_mentions_make_candidates_exact(text in any_text(), p2p: bool) {
        let answered = parse(&text, &mentions(), p2p) != Ok(None);
        prop_assert_eq!(is_candidate(&text, Some(&mentions()), p2p), answered);
    }
}
