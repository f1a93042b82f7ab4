use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn post(content: &Value) -> Post {
    match Content::read("post", &content.to_string()) {
        Content::Post(post) => post,
        other => panic!("not a post: {other:?} of {content}"),
    }
}

/// The text of a post: each element in brackets, each row on a line.
fn shown(post: &Post) -> String {
    let element = |element: &PostElement| match element {
        PostElement::Mark(Mark::Heading(level)) => format!("(h{level})"),
        PostElement::Mark(Mark::Quote) => "(>)".to_owned(),
        PostElement::Mark(Mark::Item { depth, number }) => match number {
            Some(number) => format!("({depth}:{number})"),
            None => format!("({depth}:-)"),
        },
        PostElement::Text { text, style } => match &style[..] {
            [] => text.clone(),
            style => format!("{}<{text}>", style.join("+")),
        },
        PostElement::Markdown(text) => format!("md<{text}>"),
        PostElement::Link { text, href, .. } => format!("[{text}]({href})"),
        PostElement::At {
            user_id, user_name, ..
        } => format!("@{user_id}|{user_name}"),
        PostElement::Media(media) => format!("[{:?}]", media.medium),
        PostElement::Emotion { emoji_type } => format!("[{emoji_type}]"),
        PostElement::Rule => "---".to_owned(),
        PostElement::CodeBlock { language, text } => format!("{language}`{text}`"),
        PostElement::Other { tag } => format!("[?{tag}]"),
    };
    let rows = post.paragraphs.iter();
    let rows = rows.map(|row| row.iter().map(element).collect::<String>());
    let title = Some(post.title.clone()).filter(|title| !title.is_empty());
    title.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_text_is_read_in_every_form() {
    let check = |content: &str, expected: Option<&str>| {
        let expected = match expected {
            Some(text) => Content::Text(text.to_owned()),
            None => Content::Other,
        };
        assert_eq!(Content::read("text", content), expected, "{content}");
    };
    check(r#"{"text":"@_user_1 /pin\n好"}"#, Some("@_user_1 /pin\n好"));
    check(r#"{"text":"/pin","other":[1]}"#, Some("/pin"));
    check(
        r#"{"text":"half \ud83d"}"#,
        Some("half \u{fffd}\u{fffd}\u{fffd}"),
    );
    check(r#"{"text":7}"#, Some("7"));
    check(r#"{"text":{"content":"/pin"}}"#, Some("/pin"));
    check(r#""/pin""#, Some("/pin"));
    check("/pin now", Some("/pin now"));
    for empty in [
        "",
        " ",
        "{}",
        "[",
        r#"{"text":"/pi"#,
        r#"{"text":null}"#,
        "null",
        "[]",
    ] {
        check(empty, None);
    }
    check(&"[".repeat(100_000), None);
    let post = json!({ "zh_cn": { "content": [[{ "tag": "text", "text": "/pin" }]] } });
    assert!(matches!(
        Content::read("text", &post.to_string()),
        Content::Post(_)
    ));
}

#[test]
fn each_kind_of_message_is_known() {
    for (message_type, content, expected) in [
        (
            "image",
            r#"{"image_key":"img_1"}"#,
            Content::Media(Media {
                key: Some("img_1".to_owned()),
                ..Media::unnamed(Medium::Image)
            }),
        ),
        (
            "file",
            r#"{"file_key":"f","file_name":"a.pdf"}"#,
            Content::Media(Media {
                key: Some("f".to_owned()),
                name: Some("a.pdf".to_owned()),
                ..Media::unnamed(Medium::File)
            }),
        ),
        (
            "media",
            r#"{"file_key":"f","image_key":"img_cover"}"#,
            Content::Media(Media {
                key: Some("f".to_owned()),
                ..Media::unnamed(Medium::Video)
            }),
        ),
        ("media", "{}", Content::Media(Media::unnamed(Medium::Video))),
        ("file", "", Content::Media(Media::unnamed(Medium::File))),
        (
            "folder",
            "null",
            Content::Media(Media::unnamed(Medium::File)),
        ),
        ("audio", "{", Content::Media(Media::unnamed(Medium::Audio))),
        (
            "sticker",
            "{}",
            Content::Media(Media::unnamed(Medium::Sticker)),
        ),
        (
            "merge_forward",
            "Merged and Forwarded Message",
            Content::Forward,
        ),
        (
            "share_chat",
            r#"{"chat_id":"oc_1"}"#,
            Content::Words(MessageKind::GroupCard, Post::default()),
        ),
        (
            "share_user",
            "{}",
            Content::Words(MessageKind::PersonCard, Post::default()),
        ),
        ("a type to come", r#"{"key":"x"}"#, Content::Other),
        (
            "a type to come",
            r#"{"text":"x"}"#,
            Content::Text("x".to_owned()),
        ),
        ("", r#"{"text":"/pin"}"#, Content::Text("/pin".to_owned())),
    ] {
        assert_eq!(
            Content::read(message_type, content),
            expected,
            "{message_type}"
        );
    }
}

#[test]
fn words_that_nobody_typed_are_read() {
    for (message_type, content, expected) in [
        (
            "location",
            json!({ "name": "Hall 3", "longitude": "1" }),
            "Hall 3",
        ),
        ("hongbao", json!({ "text": "红包" }), "红包"),
        (
            "video_chat",
            json!({ "topic": "Weekly", "start_time": "1" }),
            "Weekly",
        ),
        (
            "calendar",
            json!({ "summary": "Lunch", "start_time": "1" }),
            "Lunch",
        ),
        (
            "vote",
            json!({ "topic": "When?", "options": ["Mon", null, "Tue"] }),
            "When?\n(0:-)Mon\n(0:-)Tue",
        ),
        (
            "todo",
            json!({ "task_id": "t", "summary": { "title": "", "content": [[{ "tag": "text", "text": "Sweep" }]] } }),
            "Sweep",
        ),
        ("todo", json!({ "summary": null }), ""),
        ("hongbao", json!({ "text": "[红包]" }), ""),
        ("share_chat", json!({ "chat_id": "oc_1" }), ""),
        ("share_user", json!({ "user_id": "ou_1" }), "@ou_1|"),
        (
            "system",
            json!({ "template": "{a} added {b}{c}{nobody}", "a": ["Lin"], "b": ["Kai", "Wu"], "c": { "text": "." } }),
            "Lin added Kai, Wu.",
        ),
        ("system", json!({ "template": null }), ""),
    ] {
        let Content::Words(_, post) = Content::read(message_type, &content.to_string()) else {
            panic!("{message_type}");
        };
        assert_eq!(shown(&post), expected, "{message_type}");
    }
}

#[test]
fn the_first_locale_that_says_something_counts() {
    let row = json!([[{ "tag": "text", "text": "/pin" }]]);
    let says = json!({ "title": "", "content": row });
    for content in [
        json!({ "title": null, "content": row }),
        json!({ "zh_cn": says }),
        json!({ "zh_cn": { "title": "", "content": [] }, "en_us": says }),
        json!({ "zh_cn": { "content": [[]] }, "ja_jp": says }),
        json!({ "zh_cn": { "content": [[{ "tag": "text", "text": "\u{a0}\u{200b}\u{2060}" }]] }, "en_us": says }),
        json!({ "zh_cn": { "title": "\u{feff}", "content": [] }, "en_us": says }),
        json!({ "en_us": { "content": null }, "zh_hk": says }),
        json!({ "en_us": null, "de_de": says }),
        json!({ "en_us": { "content": [[{ "tag": "text", "text": " \n" }]] }, "tlh": says }),
        json!({ "en_us": { "content": [[{ "tag": "img", "image_key": "i" }]] }, "fr_fr": says }),
        json!({ "post": { "zh_cn": says } }),
        json!({ "post": says }),
        json!({ "post": { "zh_cn": { "content": [] } }, "en_us": says }),
        json!({ "content": { "post": { "zh_cn": says } }, "zh_cn": says }),
        json!({ "version": 2, "zh_cn": says, "extra": [1] }),
        json!({ "title": "", "zh_cn": says }),
        json!({ "title": "", "content": [], "zh_cn": says }),
        json!({ "title": "", "content": null, "content_v2": row }),
        json!({ "content": [{ "tag": "text", "text": "/pin" }] }),
        json!({ "content": { "tag": "text", "text": "/pin" } }),
        json!({ "content": "/pin" }),
        json!({ "content": [7, null, [{ "tag": "text", "text": "/pin" }]] }),
        row,
    ] {
        let read = shown(&post(&content));
        assert_eq!(read.trim_start_matches(['7', '\n']), "/pin", "{content}");
    }
}

#[test]
fn a_title_alone_is_a_post() {
    for content in [
        json!({ "title": "/pin" }),
        json!({ "title": "/pin", "content": null }),
        json!({ "title": "/pin", "content": [[]] }),
        json!({ "zh_cn": { "title": "/pin" } }),
        json!({ "post": { "en_us": { "title": "/pin", "content": 7 } } }),
    ] {
        assert_eq!(post(&content).title, "/pin", "{content}");
    }
}

#[test]
fn a_post_that_says_nothing_holds_nothing() {
    for content in [
        "",
        "{}",
        "[]",
        "null",
        "7",
        "{",
        r#"{"zh_cn":null}"#,
        r#"{"title":[]}"#,
    ] {
        match Content::read("post", content) {
            Content::Other => {}
            Content::Post(post) => assert!(!post.says_something(), "{content}"),
            other => panic!("{content}: {other:?}"),
        }
    }
    let text = Content::read("post", r#"{"text":"/pin"}"#);
    assert_eq!(text, Content::Text("/pin".to_owned()));
    let plain = Content::read("post", "lunch at noon");
    assert_eq!(plain, Content::Text("lunch at noon".to_owned()));
}

#[test]
fn every_element_of_a_post_is_read() {
    for (element, expected) in [
        (
            json!({ "tag": "text", "text": "a", "style": ["bold", 7] }),
            "bold<a>",
        ),
        (json!({ "tag": "text", "text": null }), ""),
        (
            json!({ "tag": "a", "text": "b", "href": "https://x" }),
            "[b](https://x)",
        ),
        (
            json!({ "tag": "at", "user_id": "@_user_1", "user_name": "Lin" }),
            "@@_user_1|Lin",
        ),
        (
            json!({ "tag": "code_block", "language": "RUST", "text": "fn" }),
            "RUST`fn`",
        ),
        (json!({ "tag": "img", "image_key": "i" }), "[Image]"),
        (json!({ "tag": "media", "file_key": "f" }), "[Video]"),
        (json!({ "tag": "file", "file_key": "f" }), "[File]"),
        (
            json!({ "tag": "emotion", "emoji_type": "SMILE" }),
            "[SMILE]",
        ),
        (json!({ "tag": "hr" }), "---"),
        (
            json!({ "tag": "md", "text": "**a**\n- b" }),
            "md<**a**\n- b>",
        ),
        (
            json!({ "tag": "heading", "level": 2, "text": "a" }),
            "(h2)a",
        ),
        (
            json!({ "tag": "h3", "content": [{ "tag": "text", "text": "a" }] }),
            "(h3)a",
        ),
        (
            json!({ "tag": "quote", "elements": [{ "tag": "text", "text": "a" }] }),
            "(>)a",
        ),
        (json!({ "tag": "quote", "text": { "text": "a" } }), "(>)a"),
        (json!({ "tag": "list", "text": "a" }), "(0:-)a"),
        (
            json!({ "tag": "list", "items": ["a", "b"] }),
            "(0:-)a\n(0:-)b",
        ),
        (
            json!({ "tag": "ol", "start": 5, "items": [[{ "tag": "text", "text": "a" }], { "text": "b" }] }),
            "(0:5)a\n(0:6)b",
        ),
        (
            json!({ "tag": "list", "type": "ordered", "elements": [
                { "tag": "li", "text": "a", "children": [{ "tag": "list", "items": ["b"] }] },
            ] }),
            "(0:1)a\n(1:-)b",
        ),
        (json!({ "tag": "new", "text": "a" }), "a"),
        (
            json!({ "tag": "new", "elements": [{ "tag": "text", "text": "a" }] }),
            "a",
        ),
        (json!({ "tag": "new", "x": { "deep": [1] } }), "[?new]"),
        (json!({ "no": "tag" }), ""),
        (json!("a"), "a"),
        (json!([["a"]]), "a"),
        (json!(null), ""),
    ] {
        let post = post(&json!({ "title": "T", "content": [[element]] }));
        assert_eq!(shown(&post).trim_end(), format!("T\n{expected}").trim_end());
    }
}

#[test]
fn blank_lines_stay() {
    let text = |text: &str| json!({ "tag": "text", "text": text });
    let content = json!({ "content": [[text("a")], [], [text("b"), { "tag": "list", "items": ["c"] }], [text("d")]] });
    assert_eq!(shown(&post(&content)), "a\n\nb\n(0:-)c\nd");
}

fn card(content: &Value) -> String {
    match Content::read("interactive", &content.to_string()) {
        Content::Card(post) => shown(&post),
        other => panic!("not a card: {other:?}"),
    }
}

#[test]
fn the_words_of_cards_are_read() {
    let first = json!({
        "config": { "wide_screen_mode": true },
        "header": { "template": "blue", "title": { "tag": "plain_text", "content": "Power cut" } },
        "elements": [
            { "tag": "div", "text": { "tag": "lark_md", "content": "Tonight **22:00**" },
              "fields": [
                { "is_short": true, "text": { "tag": "plain_text", "content": "Hall 3" } },
                { "is_short": true, "text": { "tag": "lark_md", "content": "2 h" } },
              ] },
            { "tag": "hr" },
            { "tag": "action", "actions": [
                { "tag": "button", "text": { "tag": "plain_text", "content": "OK" }, "value": { "k": "v" } },
                { "tag": "button", "text": { "tag": "plain_text", "content": "More" }, "url": "https://a.cn" },
            ] },
            { "tag": "note", "elements": [{ "tag": "plain_text", "content": "Ask Li" }] },
        ],
    });
    let words =
        "Power cut\nmd<Tonight **22:00**>\nHall 3\nmd<2 h>\n---\n[More](https://a.cn)\nAsk Li";
    assert_eq!(card(&first), words);
    let second = json!({
        "schema": "2.0",
        "header": { "title": { "tag": "plain_text", "content": "Power cut" },
                    "subtitle": { "tag": "plain_text", "content": "Hall 3" } },
        "body": { "elements": [
            { "tag": "markdown", "content": "Tonight <font color='red'>22:00</font><br>be ready" },
            { "tag": "column_set", "columns": [
                { "tag": "column", "elements": [{ "tag": "markdown", "content": "a" }] },
                { "tag": "column", "elements": [{ "tag": "div", "text": { "tag": "plain_text", "content": "b" } }] },
            ] },
            { "tag": "table", "columns": [{ "name": "x", "display_name": "Who" }, { "name": "y" }],
              "rows": [{ "x": "Li", "y": 3 }] },
            { "tag": "button", "text": { "tag": "plain_text", "content": "More" },
              "behaviors": [{ "type": "open_url", "default_url": "https://a.cn" }] },
            { "tag": "input", "name": "n", "placeholder": { "tag": "plain_text", "content": "no" } },
        ] },
    });
    let words = "Power cut\nHall 3\nmd<Tonight 22:00\nbe ready>\nmd<a>\nb\n| Who | y |\n|---|---|\n| Li | 3 |\n[More](https://a.cn)";
    assert_eq!(card(&second), words);
    for wrapped in [
        json!({ "user_dsl": second.to_string() }),
        json!({ "user_dsl": second, "title": null, "elements": [[{ "tag": "img" }]] }),
        json!({ "json_card": second.to_string(), "card_schema": 2 }),
        json!({ "card": second }),
        json!({ "type": "raw", "data": second }),
    ] {
        assert_eq!(card(&wrapped), words, "{wrapped}");
    }
    let plain = json!({ "title": "Power cut", "elements": [
        [{ "tag": "text", "text": "Tonight " }, { "tag": "a", "href": "https://a.cn", "text": "22:00" }],
        [{ "tag": "img", "image_key": "i" }],
    ] });
    assert_eq!(
        card(&plain),
        "Power cut\nTonight [22:00](https://a.cn)\n[Image]"
    );
    let languages = json!({ "i18n_elements": {
        "zh_cn": [], "en_us": [{ "tag": "markdown", "content": "a" }], "ja_jp": [{ "tag": "markdown", "content": "b" }],
    } });
    assert_eq!(card(&languages), "md<a>");
}

#[test]
fn a_card_without_words_is_empty() {
    let notice = "请升级至最新版本客户端，以查看内容";
    for content in [
        json!({ "type": "template", "data": { "template_id": "AAq", "template_variable": { "a": "b" } } }),
        json!({ "title": null, "elements": [[{ "tag": "img", "image_key": "i" }], [{ "tag": "text", "text": notice }]] }),
        json!({ "type": "card", "data": { "card_id": "7" } }),
        json!({ "elements": [{ "tag": "img", "img_key": "i" }] }),
        json!({ "user_dsl": "{" }),
        json!({}),
        json!(null),
        json!(7),
    ] {
        assert_eq!(card(&content), "", "{content}");
    }
}

#[test]
fn mentions_on_cards_become_placeholders_or_names() {
    for (markdown, expected) in [
        ("<at id=ou_x mention_key=@_user_1></at> hi", "@_user_1 hi"),
        ("<at id=\"all\"></at>", "@_all"),
        ("<at id=ou_x>Li</at>!", "@Li!"),
        ("<at id=ou_x></at>!", "!"),
        ("a <b> 1 < 2 <at", "a <b> 1 < 2 <at"),
        ("</font></at>", "</at>"),
        ("<at id=all", "<at id=all"),
    ] {
        assert_eq!(tags::plain_tags(markdown), expected, "{markdown}");
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let words = prop_oneof![
        any::<String>(),
        "zh_cn|title|content|text|elements|tag|md|list|post|user_dsl".prop_map(String::from),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(
                "zh_cn|en_us|title|content|content_v2|text|elements|items|tag|style|user_id|post|body|card",
                prop_oneof![inner, "text|md|a|at|list|heading|quote|div|table|x".prop_map(Value::from)],
                0..6
            )
            .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn content_never_panics(message_type in "text|post|interactive|todo|vote|.*", content in ".*") {
        let _ = Content::read(&message_type, &content);
    }

    #[test]
    fn any_json_is_content(message_type in "text|post|interactive|todo|vote|.*", content in any_json()) {
        let _ = Content::read(&message_type, &content.to_string());
    }

    #[test]
    fn a_post_of_any_strings_keeps_its_text(tag in "[a-z]*", text in "[a-z]+") {
        let content = json!({ "content": [[{ "tag": "text", "text": text }, { "tag": tag }]] });
        prop_assert!(shown(&post(&content)).starts_with(&text));
    }
}

#[test]
fn depth_is_bounded() {
    let mut element = json!({ "tag": "text", "text": "deep" });
    for _ in 0..100 {
        element = json!({ "tag": "div", "elements": [element] });
    }
    let content = json!({ "content": [[{ "tag": "text", "text": "a" }, element]] });
    assert_eq!(shown(&post(&content)), "a");
    for brackets in ["[", "{\"content\":", "{\"post\":", "{\"data\":"] {
        let cut = brackets.repeat(20_000);
        assert!(matches!(Content::read("post", &cut), Content::Other));
        let _ = Content::read("interactive", &cut);
    }
    let whole = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    let _ = Content::read("post", &whole);
}
