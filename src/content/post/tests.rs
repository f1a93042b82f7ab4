//! Posts become documents, and cutting off the start of a post keeps the rest.

use feishu::{Content, Media, Medium};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::mention::without_unknown_placeholders;
use super::super::tests::properties;
use super::super::tests::shorthand::show;
use super::*;

fn post(title: &str, paragraphs: &Value) -> Post {
    let content = json!({ "title": title, "content": paragraphs });
    match Content::read("post", &content.to_string()) {
        Content::Post(post) => post,
        other => panic!("not a post: {other:?}"),
    }
}

fn mentions() -> Vec<Mention> {
    let mention = |key: &str, name: &str, is_me| Mention {
        key: key.to_owned(),
        name: name.to_owned(),
        open_id: Some(format!("ou_{name}").into()),
        is_me,
    };
    vec![
        mention("@_user_1", "Bot", true),
        mention("@_user_2", "Lin", false),
    ]
}

fn text(text: &str) -> Value {
    json!({ "tag": "text", "text": text })
}

fn styled(text: &str, style: &[&str]) -> Value {
    json!({ "tag": "text", "text": text, "style": style })
}

fn link(text: &str, href: &str) -> Value {
    json!({ "tag": "a", "text": text, "href": href, "style": ["bold"] })
}

fn at(user_id: &str) -> Value {
    json!({ "tag": "at", "user_id": user_id, "user_name": "Somebody", "style": ["bold"] })
}

fn code(language: &str, text: &str) -> Value {
    json!({ "tag": "code_block", "language": language, "text": text })
}

fn check(title: &str, paragraphs: &Value, expected: &[&str]) {
    let document = Document::from_post(&post(title, paragraphs), &mentions());
    assert_eq!(show(&document), expected, "{paragraphs}");
}

#[test]
fn styles_links_and_mentions_are_kept() {
    check(
        "Title",
        &json!([[text("a")], []]),
        &["p [b:Title]", "p a", "p "],
    );
    let styles = [
        styled("b", &["bold", "new"]),
        styled("u", &["underline", "italic"]),
        styled("s", &["lineThrough"]),
    ];
    check("", &json!([styles]), &["p [b:b][iu:u][s:s]"]);
    let links = [
        link("a", "https://a.cn"),
        link("", "https://b.cn"),
        link("c", "file:c"),
        text(" https://d.cn"),
    ];
    check(
        "",
        &json!([links]),
        &[
            "p [b:a](https://a.cn)[b:https://b.cn](https://b.cn)[b:c (file:c)] [https://d.cn](https://d.cn)",
        ],
    );
    let people = [
        at("@_user_2"),
        at("@_user_1"),
        at("all"),
        at("@_all"),
        at("@_user_3"),
    ];
    check(
        "",
        &json!([people]),
        &["p <ou_Lin>[b:@Bot]<all><all>[b:@Somebody]"],
    );
    check(
        "",
        &json!([[text("@_user_2 **a**")]]),
        &["p <ou_Lin> **a**"],
    );
}

#[test]
fn non_text_elements_are_left_out() {
    let things = json!([
        { "tag": "img" }, { "tag": "media" }, { "tag": "emotion", "emoji_type": "SMILE" }, { "tag": "chart" },
    ]);
    check("", &json!([[text("a")], things]), &["p a", "p [SMILE]"]);
    check(
        "",
        &json!([[text("a")], [{ "tag": "img" }], [text("b")]]),
        &["p a", "p b"],
    );
}

#[test]
fn line_tags_become_blocks() {
    let rows = json!([
        [{ "tag": "heading", "level": 2, "text": "a" }],
        [{ "tag": "quote", "text": "b" }],
        [{ "tag": "list", "items": ["c", { "text": "d", "children": [{ "tag": "ol", "start": 5, "items": ["e"] }] }] }],
        [{ "tag": "md", "text": "# f\n- **g**\n> h" }],
        [text("i "), { "tag": "md", "text": "j" }],
    ]);
    let expected = [
        "h2 a", "> b", "- c", "- d", "  5. e", "h1 f", "- [b:g]", "> h", "p i ", "p j",
    ];
    check("", &rows, &expected);
}

#[test]
fn code_and_rules_are_separate_lines() {
    let rows = json!([
        [text("a"), code("RUST", "b\nc\n"), text("d")],
        [code("PLAIN_TEXT", "e")],
        [{ "tag": "hr" }],
    ]);
    check(
        "",
        &rows,
        &["p a", "code rust|b|c", "p d", "code |e", "divider"],
    );
}

#[test]
fn a_leading_marker_makes_a_list_item() {
    let rows = json!([
        [text("- a")],
        [text("  * b")],
        [text("    1. c")],
        [text("  • d")],
        [text("2. "), at("@_user_2")],
    ]);
    check(
        "",
        &rows,
        &["- a", "  - b", "    1. c", "  - d", "2. <ou_Lin>"],
    );
    check(
        "",
        &json!([[text("- a\n- b\r\nc")]]),
        &["- a", "- b", "p c"],
    );
    check(
        "",
        &json!([[text("  - a")], [text("- b")]]),
        &["- a", "- b"],
    );
    for line in ["-5", "- ", "*a*", "1.5", "01. a", "1) a", "  a"] {
        check("", &json!([[text(line)]]), &[&format!("p {line}")]);
    }
}

fn rest(title: &str, paragraphs: &Value, command: &str, expected: &[&str]) {
    let post = post(title, paragraphs);
    assert!(post_text(&post).starts_with(command));
    let rest = post_within(&post, command.len()..usize::MAX);
    let shown = show(&Document::from_post(&rest, &mentions()));
    assert_eq!(shown, expected, "{paragraphs}");
}

#[test]
fn text_after_a_command_keeps_its_style() {
    let row = [
        text("/announce "),
        styled("now", &["bold"]),
        text(" or never"),
    ];
    rest(
        "",
        &json!([row, [text("- a")]]),
        "/announce ",
        &["p [b:now] or never", "- a"],
    );
    rest("", &json!([row]), "/announce n", &["p [b:ow] or never"]);
    rest(
        "/announce now",
        &json!([[text("a")]]),
        "/announce ",
        &["p [b:now]", "p a"],
    );
    rest(
        "/announce",
        &json!([[text("a")]]),
        "/announce",
        &["p ", "p a"],
    );
    rest(
        "",
        &json!([[text("/announce")], [code("GO", "a")]]),
        "/announce\n",
        &["code go|a"],
    );
    rest(
        "",
        &json!([[text("/公告"), { "tag": "img" }]]),
        "/公告",
        &[],
    );
    rest(
        "Lunch",
        &json!([[text("/announce now")], [text("a")]]),
        "\u{fffc}\n/announce ",
        &["p [b:Lunch]", "p now", "p a"],
    );
    let item = json!({ "tag": "list", "items": [[text("/announce a")], [text("b")]] });
    rest("", &json!([[item]]), "/announce ", &["p a", "- b"]);
    let linked = json!([[text("/announce "), link("a b", "https://a.cn")]]);
    rest("", &linked, "/announce a ", &["p [b:b](https://a.cn)"]);
    rest("", &json!([[text("/announce")]]), "/announce", &["p "]);
}

#[test]
fn an_offset_inside_a_character_drops_it() {
    let post = post("", &json!([[text("好a")]]));
    assert_eq!(post_text(&post_within(&post, 1..99)), "a");
    assert_eq!(post_text(&post_within(&post, 0..2)), "");
    assert_eq!(post_text(&post_within(&post, 99..999)), "");
}

fn any_element() -> impl Strategy<Value = PostElement> {
    let words = || prop_oneof!["[a-c好👋 \n.)(-]{0,6}", any::<String>()];
    let style = || prop::sample::subsequence(vec!["bold".to_owned(), "italic".to_owned()], 0..=2);
    prop_oneof![
        4 => (words(), style()).prop_map(|(text, style)| PostElement::Text { text, style }),
        2 => (words(), prop_oneof![Just("https://a.cn".to_owned()), words()], style())
            .prop_map(|(text, href, style)| PostElement::Link { text, href, style }),
        1 => prop::sample::select(vec!["@_user_1", "@_user_2", "@_all"]).prop_map(|key| {
            PostElement::At {
                user_id: key.to_owned(),
                user_name: String::new(),
                style: Vec::new(),
            }
        }),
        1 => Just(PostElement::Media(Media::unnamed(Medium::Image))),
        1 => Just(PostElement::Rule),
        1 => Just(PostElement::Emotion { emoji_type: "SMILE".to_owned() }),
        1 => words().prop_map(|text| PostElement::CodeBlock { language: "GO".to_owned(), text }),
    ]
}

fn any_post() -> impl Strategy<Value = Post> {
    let paragraph = prop::collection::vec(any_element(), 0..4);
    let title = prop_oneof![Just(String::new()), "[ab好 ]{0,4}"];
    (title, prop::collection::vec(paragraph, 0..4))
        .prop_map(|(title, paragraphs)| Post { title, paragraphs })
}

#[test]
fn a_linked_list_marker_keeps_its_url() {
    let json = json!({ "content": [[link("- ", "https://a.cn"), { "tag": "text", "text": "(" }]] });
    let Content::Post(post) = Content::read("post", &json.to_string()) else {
        panic!("no post");
    };
    let document = Document::from_post(&post, &[]);
    properties::nothing_is_lost(&post_text(&post), &document);
}

proptest! {
    #[test]
    fn no_character_of_a_post_is_lost(mut post in any_post()) {
        // Two adjacent links with the same URL are merged.
        for (number, element) in post.paragraphs.iter_mut().flatten().enumerate() {
            if let PostElement::Link { href, .. } = element {
                href.push_str(&number.to_string());
            }
        }
        // A mention of everyone becomes text, other placeholders are unknown.
        let text = post_text(&post).replace("@_all", "").replace(OBJECT, "");
        let text = without_unknown_placeholders(&text, &[]);
        properties::nothing_is_lost(&text, &Document::from_post(&post, &[]));
    }

    #[test]
    fn the_text_of_a_part_is_that_range(
        mut post in any_post(),
        bounds in any::<[prop::sample::Index; 2]>(),
    ) {
        post.title.clear();
        let text = post_text(&post);
        let mut bounds = bounds.map(|bound| text.ceil_char_boundary(bound.index(text.len() + 1)));
        bounds.sort_unstable();
        let [start, end] = bounds;
        prop_assert_eq!(post_text(&post_within(&post, start..end)), &text[start..end]);
    }
}
