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
