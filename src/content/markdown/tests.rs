//! Formatting, text that stays as typed, and that no character is lost.

use feishu::OpenId;
use proptest::prelude::*;

use super::super::mention::without_unknown_placeholders;
use super::super::tests::properties;
use super::super::tests::shorthand::show;
use super::*;

fn mentions() -> Vec<Mention> {
    let mention = |key: &str, name: &str, id: Option<&str>| Mention {
        key: key.to_owned(),
        name: name.to_owned(),
        open_id: id.map(OpenId::from),
        is_me: name == "Bot",
    };
    vec![
        mention("@_user_1", "Bot", Some("ou_bot")),
        mention("@_user_2", "Lin_*x*", Some("ou_lin")),
        mention("@_user_20", "Nobody", None),
    ]
}

fn check(text: &str, expected: &[&str]) {
    let shown = show(&Document::from_markdown(text, &mentions()));
    assert_eq!(shown, expected, "{text:?}");
}

#[test]
fn typed_lines_and_their_blanks_are_kept() {
    check("a\n\n\n  b\n", &["p a", "p ", "p ", "p   b"]);
    check("a\r\nb\rc", &["p a", "p b", "p c"]);
    check("", &[]);
    check("\n", &["p "]);
    check("    four\n    more", &["p     four", "p     more"]);
    check("a\n\n    **b** - c", &["p a", "p ", "p     [b:b] - c"]);
    check("\t- no item", &["p \t- no item"]);
}

#[test]
fn emphasis_spans_lines_and_chinese_punctuation() {
    check("a **b** *c* ~~d~~ `e`", &["p a [b:b] [i:c] [s:d] [c:e]"]);
    check("***x*** _y_ __z__", &["p [bi:x] [i:y] [b:z]"]);
    check("**a\nb**", &["p [b:a]", "p [b:b]"]);
    check(
        "**注意：**明天，他说**“好”**。",
        &["p [b:注意：]明天，他说[b:“好”]。"],
    );
    check("**a `b` c**", &["p [b:a ][bc:b][b: c]"]);
    check("`a\n b` ``c`d``", &["p [c:a]", "p  [c:b] [c:c`d]"]);
}

#[test]
fn marks_that_format_nothing_are_kept() {
    for text in [
        "a * b",
        "5*3",
        "5*3*2",
        "2 ** 3 **",
        "snake_case_name",
        "9~10, 14~15",
        "[no link]",
        "[no link](nowhere)",
        "[a]: https",
        "#tag",
        "#",
        "# #",
        "-5 degrees",
        "-",
        "*",
        "1.",
        "`open",
        "![picture](img_1)",
        "a | b",
        "[^1]",
        "===",
        "--",
        "01. padded",
    ] {
        check(text, &[&format!("p {text}")]);
    }
    check("__init__.py", &["p __init__.py"]);
    check(
        "3*4*5 = 60, file_name_v2, __init__",
        &["p 3*4*5 = 60, file_name_v2, __init__"],
    );
    check("a*b*c x**2**3 2*x*3", &["p a*b*c x**2**3 2*x*3"]);
    check("中*文*字 *a*b", &["p 中[i:文]字 [i:a]b"]);
    check("**/*.rs, src/**/mod.rs", &["p **/*.rs, src/**/mod.rs"]);
    check("**docs/** *a/b*", &["p [b:docs/] [i:a/b]"]);
    check(
        "https://zh.wikipedia.org/wiki/飞书",
        &["p [https://zh.wikipedia.org/wiki/飞书](https://zh.wikipedia.org/wiki/飞书)"],
    );
    check("a\n===\nb\n--\nc", &["p a", "p ===", "p b", "p --", "p c"]);
}

#[test]
fn only_needed_backslashes_are_escapes() {
    check(r"\*a\* and \*\*b\*\*, \_c_", &["p *a* and **b**, _c_"]);
    check(
        "\\# a\n\\- b\n1\\. c\n\\> d\n\\---\n\\```",
        &["p # a", "p - b", "p 1. c", "p > d", "p ---", "p ```"],
    );
    check(
        r"\[a](https://x.cn)",
        &["p [a]([https://x.cn](https://x.cn))"],
    );
    check(r"\`a\` and **\*b**", &["p `a` and [b:*b]"]);
    check("- \\# a\n> \\- b", &["- # a", "> - b"]);
    check(r"\~~a~~", &["p ~~a~~"]);
    for text in [
        r"C:\_tmp",
        r"C:\_tmp_ and D:\*.txt, E:\*.txt",
        r"C:\Users\_me\.ssh\#1\",
        r"\\server\share\_x",
        r"\\\\",
        r"2\*3, snake\_case, 1\. and \# inside",
        r"^\[a-z\]+\.txt$ \(x\) \| \<b>",
        r"\[ x^2 \]",
        "ends with one\\",
        r"¯\_(ツ)_/¯",
        r"\@nobody",
    ] {
        check(text, &[&format!("p {text}")]);
        check(&format!("    {text}"), &[&format!("p     {text}")]);
    }
    check("C:\\\nD:\\", &["p C:\\", "p D:\\"]);
    check(r"**C:\_tmp** \_", &[r"p [b:C:\_tmp] \_"]);
    check(r"`C:\_tmp` `C:\`", &[r"p [c:C:\_tmp] [c:C:\]"]);
    check("```\nC:\\_tmp \\*a\\*\n```", &["code |C:\\_tmp \\*a\\*"]);
    check(r"\@_user_2 \\*a*", &[r"p \<ou_lin> \\[i:a]"]);
    check(
        r"[a](https://x.cn/\_b) https://x.cn/\_b",
        &[r"p [a](https://x.cn/_b) [https://x.cn/](https://x.cn/)\_b"],
    );
}

#[test]
fn html_entities_and_definitions_are_text() {
    check(
        "<b>x</b> &amp; &lt; **y**",
        &["p <b>x</b> &amp; &lt; [b:y]"],
    );
    check(
        "<div>\n**a**\n</div>\n- b",
        &["p <div>", "p [b:a]", "p </div>", "- b"],
    );
    check("<!-- a\n\n# b", &["p <!-- a", "p ", "h1 b"]);
    check(
        "[a]: https://x.cn\n[a]",
        &["p [a]: [https://x.cn](https://x.cn)", "p [a]"],
    );
    check("[^1]: note", &["p [^1]: note"]);
}

#[test]
fn headings_quotes_and_dividers_are_lines() {
    check(
        "# a\n###### b ##\n####### c",
        &["h1 a", "h6 b", "p ####### c"],
    );
    check(
        "a\n---\nb\n***\n- - -",
        &["p a", "divider", "p b", "divider", "divider"],
    );
    check("> a\n>\n> **b**\nc", &["> a", "> ", "> [b:b]", "p c"]);
    check(">> a\n> > b", &["> a", "> b"]);
}

#[test]
fn lists_keep_their_numbers_and_depths() {
    check("- a\n* b\n+ c", &["- a", "- b", "- c"]);
    check("3. a\n7. b", &["3. a", "7. b"]);
    check("1) a\n2) **b**", &["p 1) a", "p 2) [b:b]"]);
    check(
        "- a\n  - b\n    1. c\n- d",
        &["- a", "  - b", "    1. c", "- d"],
    );
    check("- a\n\n- b\nc", &["- a", "p ", "- b", "p c"]);
    check("- a\n  b", &["- a", "p   b"]);
    check("a\n- b\n1. c", &["p a", "- b", "1. c"]);
    check("2026. x", &["2026. x"]);
    check("- @_user_2 **b**", &["- <ou_lin> [b:b]"]);
}

#[test]
fn unsupported_nesting_is_text() {
    check("> # a", &["> # a"]);
    check("> - a\n> 1. *b*", &["> - a", "> 1. [i:b]"]);
    check("- # a\n- > b", &["- # a", "- > b"]);
    check("- - a\n- ***", &["- - a", "- ***"]);
    check("> ```\n> a\n> ```", &["> ```", "> a", "> ```"]);
    check("> a\n> ===", &["> a", "> ==="]);
}

#[test]
fn accidental_nesting_is_text() {
    let deep = |mark: &str| format!("{}a\n{}", mark.repeat(40_000), "b\n".repeat(10_000));
    for mark in [">", "- ", "1. "] {
        let text = deep(mark);
        let document = Document::from_markdown(&text, &[]);
        assert_eq!(document.blocks.len(), 10_001);
        let kept = document.to_plain_text().matches(mark.trim()).count();
        assert!(kept > 39_000, "{kept} of {mark}");
    }
    check(&"*".repeat(200), &["divider"]);
}

#[test]
fn fenced_code_is_a_block() {
    check(
        "```rust\nfn a() {\n\n  **b** & <c>\n}\n```\nd",
        &[
            "code rust|fn a() {|||  **b** & <c>|}"
                .replace("|||", "||")
                .as_str(),
            "p d",
        ],
    );
    check("~~~\na\n~~~", &["code |a"]);
    check("```\nopen\n", &["code |open"]);
    check("```\n```", &["code |"]);
    check(
        "1. run\n   ```sh\n   a\n     b\n   ```\n2. done",
        &["1. run", "code sh|a|  b", "2. done"],
    );
    check("- ```\n  a\n  ```", &["- ```", "p   a", "p   ```"]);
    check("```\n@_user_2 ---\n---\n```", &["code |@Lin_*x* ---|---"]);
}

#[test]
fn links_keep_their_urls() {
    check(
        "see https://a.cn/_b_*c*&d=1.",
        &["p see [https://a.cn/_b_*c*&d=1](https://a.cn/_b_*c*&d=1)."],
    );
    check(
        "[a *b*](https://x.cn/?a=1&b=_2_)",
        &["p [a ](https://x.cn/?a=1&b=_2_)[i:b](https://x.cn/?a=1&b=_2_)"],
    );
    check(
        "[a](https://x.cn \"t\") b",
        &["p [a](https://x.cn) \"t\" b"],
    );
    check("[a](<https://x.cn/b c>)", &["p [a](https://x.cn/b c)"]);
    check("[a](https://x.cn/\\(b)", &["p [a](https://x.cn/(b)"]);
    check("[](https://x.cn)", &["p [https://x.cn](https://x.cn)"]);
    check(
        "<https://x.cn/a_b>",
        &["p [https://x.cn/a_b](https://x.cn/a_b)"],
    );
    check("**https://x.cn**", &["p [b:https://x.cn](https://x.cn)"]);
    check("`https://x.cn`", &["p [c:https://x.cn]"]);
    check("[a](javascript:b)", &["p [a](javascript:b)"]);
    check("[*a*](b)", &["p [[i:a]](b)"]);
    check("![a](https://x.cn)", &["p ![a](https://x.cn)"]);
}

#[test]
fn placeholders_become_mentions_in_any_context() {
    check("@_user_2", &["p <ou_lin>"]);
    check("_@_user_2_ and **@_user_2**", &["p <ou_lin> and <ou_lin>"]);
    check("@_user_2_ @_user_2 x_", &["p <ou_lin>_ <ou_lin> x_"]);
    check("@_user_2320 @_user_20", &["p <ou_lin>320 @Nobody"]);
    check("@_user_1 and @_user_9 @_user_x", &["p @Bot and @_user_x"]);
    check("@_all, hi", &["p <all>, hi"]);
    check(
        "`@_user_2` [@_all](https://a.cn)",
        &["p [c:@Lin_*x*] [@all](https://a.cn)"],
    );
}

/// Pieces of Markdown that interfere with each other.
fn fragments() -> impl Strategy<Value = String> {
    let fragment = prop_oneof![
        Just("\n"),
        Just("\n"),
        Just(" "),
        Just("    "),
        Just("\t"),
        Just("**"),
        Just("*"),
        Just("_"),
        Just("~~"),
        Just("~"),
        Just("`"),
        Just("```"),
        Just("```rust\n"),
        Just("# "),
        Just("- "),
        Just("1. "),
        Just("23) "),
        Just("> "),
        Just("["),
        Just("]"),
        Just("]("),
        Just(")"),
        Just("[a]: "),
        Just("!"),
        Just("<b>"),
        Just("<!--"),
        Just("<"),
        Just(">"),
        Just("&amp;"),
        Just("&#65;"),
        Just("\\"),
        Just("---"),
        Just("==="),
        Just("|"),
        Just("\""),
        Just("https://a.cn/b_c"),
        Just("@_user_1"),
        Just("@_user_2"),
        Just("@_all"),
        Just("word"),
        Just("7"),
        Just("注意："),
        Just("👋"),
        Just("\r\n"),
    ];
    prop::collection::vec(fragment, 0..30).prop_map(|fragments| fragments.concat())
}

proptest! {
    #[test]
    fn no_character_of_any_text_is_lost(text in any::<String>()) {
        properties::nothing_is_lost(&text, &Document::from_markdown(&text, &[]));
    }

    #[test]
    fn no_character_of_markdown_is_lost(text in fragments()) {
        // A mention of everyone becomes text, other placeholders are unknown.
        let typed = without_unknown_placeholders(&text.replace("@_all", ""), &[]);
        properties::nothing_is_lost(&typed, &Document::from_markdown(&text, &[]));
    }

    #[test]
    fn each_line_outside_of_code_stays_a_line(text in fragments().prop_filter(
        "no fences", |text| !text.contains("``") && !text.contains("~~~")
    )) {
        let lines = text.replace("\r\n", "\n").lines().count();
        prop_assert_eq!(Document::from_markdown(&text, &mentions()).blocks.len(), lines);
    }

    #[test]
    fn mentions_are_found_outside_urls(text in fragments()) {
        let text = text.replace("https://", "");
        let document = Document::from_markdown(&text, &mentions());
        prop_assert!(!document.to_plain_text().contains("@_user_2"));
    }
}
