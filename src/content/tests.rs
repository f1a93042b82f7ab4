//! The text of a command in a message, and helpers for all tests of `content`.

mod calls;
pub(super) mod properties;
pub(super) mod shorthand;

use std::collections::BTreeSet;

use feishu::{Media, Medium, Post, PostElement};
use proptest::prelude::*;

use super::*;

fn text(text: &str) -> PostElement {
    PostElement::Text {
        text: text.to_owned(),
        style: vec![],
    }
}

fn link(text: &str, href: &str) -> PostElement {
    PostElement::Link {
        text: text.to_owned(),
        href: href.to_owned(),
        style: vec![],
    }
}

fn at(user_id: &str) -> PostElement {
    PostElement::At {
        user_id: user_id.to_owned(),
        user_name: "Somebody".to_owned(),
        style: vec!["bold".to_owned()],
    }
}

fn image() -> PostElement {
    PostElement::Media(Media::unnamed(Medium::Image))
}

fn check(title: &str, paragraphs: Vec<Vec<PostElement>>, expected: &str) {
    let post = Post {
        title: title.to_owned(),
        paragraphs,
    };
    let shown = command_text(&Content::Post(post)).unwrap_or_default();
    assert_eq!(shown, expected);
}

#[test]
fn a_text_message_is_its_text() {
    let content = Content::Text("@_user_1 /pin\n  x ".to_owned());
    assert_eq!(
        command_text(&content).as_deref(),
        Some("@_user_1 /pin\n  x ")
    );
}

#[test]
fn other_messages_have_no_text() {
    assert_eq!(command_text(&Content::Other), None);
}

#[test]
fn the_paragraphs_of_a_post_are_lines() {
    check(
        "",
        vec![
            vec![text("noon,"), text(" hall")],
            vec![],
            vec![text("bye")],
        ],
        "noon, hall\n\nbye",
    );
    check(
        "",
        vec![vec![at("@_user_1"), text(" /pin")]],
        "@_user_1 /pin",
    );
    check("", vec![], "");
}

#[test]
fn a_title_may_be_a_command() {
    let row = || vec![vec![text("/pin")]];
    check("Lunch", row(), "\u{fffc}\n/pin");
    check("/announce", row(), "/announce\n/pin");
    check("／公告 x", row(), "／公告 x\n/pin");
    check("@_user_1 hi", row(), "@_user_1 hi\n/pin");
    check("help", vec![vec![image()]], "help\n\u{fffc}");
    check("help", vec![], "help");
}

#[test]
fn a_link_is_its_caption() {
    check("", vec![vec![link("/pin", "https://a.cn/m")]], "/pin");
    check("", vec![vec![link(" ", "https://a.cn")]], "https://a.cn");
}

#[test]
fn quoted_text_is_not_a_command() {
    let code = PostElement::CodeBlock {
        language: String::new(),
        text: "/pin".to_owned(),
    };
    check("", vec![vec![at("@_user_1"), code.clone()]], "@_user_1");
    check("", vec![vec![code]], "");
    let quote = PostElement::Mark(feishu::Mark::Quote);
    check(
        "",
        vec![vec![image()], vec![quote, text("/pin")]],
        "\u{fffc}",
    );
}

#[test]
fn everyone_has_one_placeholder() {
    check(
        "",
        vec![vec![at("all"), at("@_all"), at("@_user_2")]],
        "@_all@_all@_user_2",
    );
}

#[test]
fn each_non_text_element_is_one_character() {
    let smile = PostElement::Emotion {
        emoji_type: "SMILE".to_owned(),
    };
    let other = PostElement::Other {
        tag: "chart".to_owned(),
    };
    check(
        "",
        vec![
            vec![text("look "), image()],
            vec![PostElement::Media(Media::unnamed(Medium::Video)), smile],
            vec![PostElement::Rule],
            vec![other],
        ],
        "look \u{fffc}\n\u{fffc}\u{fffc}\n\u{fffc}\n\u{fffc}",
    );
}

#[test]
fn media_of_a_message_are_listed() {
    let post = Post {
        title: String::new(),
        paragraphs: vec![vec![text("a"), image()], vec![image()]],
    };
    let content = Content::Post(post);
    let document = Document::read(&content, 0..usize::MAX, &[]).unwrap();
    assert_eq!(document.to_plain_text(), "a");
    assert_eq!(document.left_out, BTreeSet::from([Medium::Image]));
    let picture = Content::Media(Media::unnamed(Medium::Image));
    for content in [
        &picture,
        &Content::read("post", r#"{"content":[[{"tag":"img"}]]}"#),
    ] {
        let read = Document::read(content, 0..usize::MAX, &[]);
        assert_eq!(read, Err(Unfit::OnlyMedia), "{content:?}");
    }
}

fn any_element() -> impl Strategy<Value = PostElement> {
    (0..5, any::<String>()).prop_map(|(kind, words)| match kind {
        0 => image(),
        1 => link(&words, "https://a.cn"),
        2 => at("@_user_1"),
        3 => PostElement::CodeBlock {
            language: String::new(),
            text: words,
        },
        _ => text(&words),
    })
}

proptest! {
    #[test]
    fn no_character_of_a_post_is_lost(
        paragraphs in prop::collection::vec(prop::collection::vec(any_element(), 0..4), 0..4),
    ) {
        let post = Post { title: "/".to_owned(), paragraphs: paragraphs.clone() };
        let plain = command_text(&Content::Post(post)).unwrap_or_default();
        let mut rest = &plain[1..];
        for element in paragraphs.iter().flatten() {
            if let PostElement::Text { text, .. } | PostElement::CodeBlock { text, .. } = element {
                let at = rest.find(text.as_str());
                prop_assert!(at.is_some(), "{text:?} is missing from {plain:?}");
                rest = &rest[at.unwrap() + text.len()..];
            }
        }
    }
}
