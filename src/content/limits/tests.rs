//! Texts at and beyond the limits.

use feishu::Content;

use super::*;
use crate::content::{EVERYONE, command_text};

fn read(text: &str) -> Result<Document, Unfit> {
    Document::read(&Content::Text(text.to_owned()), 0..usize::MAX, &[])
}

/// The longest repetition of this part that is parsed for formatting.
fn longest(part: &str) -> String {
    let marks = part.bytes().filter(|byte| is_mark(*byte)).count();
    let by_marks = MOST_MARKS.checked_div(marks).unwrap_or(usize::MAX);
    part.repeat(by_marks.min(MOST_UNITS / part.len()))
}

#[test]
fn too_long_text_is_refused_before_parsing() {
    let long = "a".repeat(MOST_UNITS);
    assert!(read(&long).is_ok());
    assert_eq!(read(&format!("{long}a")), Err(Unfit::TooLong));
    // Too many marks on one line for the parser.
    assert_eq!(read(&"**a**b".repeat(49_000)), Err(Unfit::TooLong));
    let lines = "a\n".repeat(MOST_LINES);
    assert!(read(&lines).is_ok());
    assert_eq!(read(&format!("{lines}a")), Err(Unfit::TooManyLines));
    assert_eq!(read(" \n\t"), Err(Unfit::Empty));
}

#[test]
fn many_runs_are_read_without_formatting() {
    let few = read(&"**a**b".repeat(MOST_RUNS / 2)).unwrap();
    assert!(!few.unformatted && few.is_bounded());
    for part in [
        "**a**b",
        "~~a~~b",
        "`a`b",
        "[a](https://a.cn)b",
        "https://a.cn ",
        "@_all ",
        "*a*\u{3000}",
    ] {
        let text = part.repeat(MOST_RUNS + 1);
        let many = read(&text).unwrap();
        assert!(many.unformatted && many.is_bounded(), "{part}");
        let typed = text.trim().replace(EVERYONE, "@all");
        assert_eq!(many.to_plain_text(), typed, "{part}");
    }
}

#[test]
fn a_post_with_many_styles_loses_them() {
    let element = r#"{"tag":"text","text":"a","style":["bold"]},{"tag":"text","text":"b"},"#;
    for (count, is_unformatted) in [(100, false), (400, false), (2_000, true)] {
        let row = element.repeat(count);
        let json = format!(r#"{{"content":[[{}]]}}"#, row.trim_end_matches(','));
        let content = Content::read("post", &json);
        let document = Document::read(&content, 0..usize::MAX, &[]).unwrap();
        assert_eq!(document.unformatted, is_unformatted, "{count}");
        assert_eq!(document.to_plain_text(), "ab".repeat(count));
        assert_eq!(command_text(&content).unwrap().trim(), "ab".repeat(count));
    }
}

#[test]
fn lines_of_unformatted_text_stay_lines() {
    let mention = Mention {
        key: "@_user_1".to_owned(),
        name: "Lin".to_owned(),
        open_id: Some("ou_1".into()),
        is_me: false,
    };
    let text = "# **a**\n\n- @_user_1 https://a.cn";
    let document = Document::unformatted(text, &[mention]);
    assert_eq!(document.to_plain_text(), "# **a**\n\n- @Lin https://a.cn");
    assert!(document.is_bounded() && document.mention_count() == 0);
}

/// A parser with quadratic time in the number of marks would take minutes.
#[test]
fn parsing_time_is_bounded() {
    let parts = [
        "**a**b",
        "~~",
        "[a](",
        "[",
        "![",
        "](",
        "`",
        "`` ` ",
        "> ",
        "- ",
        "1. ",
        "*",
        "_a",
        "<a ",
        "<https://a",
        "\\*",
        "&amp;",
        "# ",
        "*a_",
        "[a]: b\n",
        "<!--",
        "a\\\n",
        "```\n",
        "> - ",
        "\t",
        "*a **a ",
        "(((",
        "@_user_1",
        "http://",
        "\u{3000}**",
        "[a](b",
        "<",
        "*a\n",
        "- a\n",
        "> a\n",
        "[a][b]",
        "[](<",
        "a`b``c",
        "\\[\\",
        "*_~~",
        "](<>",
        "((http://a",
    ];
    for part in parts {
        let began = std::time::Instant::now();
        let _ = read(&longest(part));
        let took = began.elapsed();
        assert!(
            took < std::time::Duration::from_secs(5),
            "{part:?}: {took:?}"
        );
    }
}
