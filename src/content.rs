//! What people write: one model of rich text, read from Markdown and from posts, and written as
//! both kinds of announcement.

mod document;
mod docx;
mod entry;
mod former;
mod legacy;
mod limits;
mod markdown;
mod mention;
mod post;
mod typed;

#[cfg(test)]
mod calls;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod shorthand;

use std::collections::BTreeSet;
use std::ops::Range;

use feishu::{Content, Medium};

pub use document::Document;
pub use docx::DocxNode;
pub use entry::{Entry, Signature};
pub use former::Former;
pub(crate) use former::{FormerBlock, thing_in_words};
pub use limits::Unfit;
pub use mention::Mention;
pub(crate) use mention::{
    EVERYONE, at_name, replace_mentions, split_placeholder, without_unexplained,
};
use post::post_within;

impl Document {
    /// Reads a part of a message, in bytes of its [`command_text`]: a text as Markdown, a post as
    /// it is styled.
    pub fn read(
        content: &Content,
        range: Range<usize>,
        mentions: &[Mention],
    ) -> Result<Self, Unfit> {
        let document = match content {
            Content::Text(text) => Self::from_markdown(readable(text, range)?, mentions),
            Content::Plain(text) => Self::unformatted(readable(text, range)?, mentions),
            Content::Post(post) | Content::Card(post) | Content::Words(post)
                if post.says_something() =>
            {
                Self::from_post(&post_within(post, range), mentions).trimmed()
            }
            Content::Post(_)
            | Content::Card(_)
            | Content::Words(_)
            | Content::Forward
            | Content::Media(_)
            | Content::Other => Self::default(),
        };
        if document.to_plain_text().trim().is_empty() {
            let has_media = !media(content).is_empty();
            return Err(if has_media {
                Unfit::OnlyMedia
            } else {
                Unfit::Empty
            });
        }
        Ok(Self {
            left_out: media(content),
            ..document
        })
    }

    /// The same; `None` for what is not announced.
    pub fn from_content(
        content: &Content,
        range: Range<usize>,
        mentions: &[Mention],
    ) -> Option<Self> {
        Self::read(content, range, mentions).ok()
    }
}

/// A part of a text, if it may be read.
fn readable(text: &str, range: Range<usize>) -> Result<&str, Unfit> {
    let end = text.floor_char_boundary(range.end);
    let part = text.get(text.ceil_char_boundary(range.start)..end);
    let part = part.unwrap_or_default().trim();
    limits::expect_readable(part).map(|()| part)
}

/// The text of a message that may be a command, mentions still as placeholders, and U+FFFC in the
/// place of anything that is no text; `None` for kinds that nobody types.
///
/// A title above a command is no text either. A command that is quoted, or in a block of code, is
/// no command; of such a message only the mentions in front count.
pub fn command_text(content: &Content) -> Option<String> {
    match content {
        Content::Text(text) | Content::Plain(text) => Some(text.clone()),
        Content::Post(post) if post::begins_with_text(post) => Some(post::post_text(post)),
        Content::Post(post) => Some(post::leading_mentions(post)),
        Content::Card(_)
        | Content::Words(_)
        | Content::Forward
        | Content::Media(_)
        | Content::Other => None,
    }
}

/// The things in a message that are no text, and that an announcement does not hold.
pub fn media(content: &Content) -> BTreeSet<Medium> {
    match content {
        Content::Post(post) | Content::Card(post) | Content::Words(post) => post::media(post),
        Content::Media(medium) => BTreeSet::from([*medium]),
        Content::Text(_) | Content::Plain(_) | Content::Forward | Content::Other => BTreeSet::new(),
    }
}

#[cfg(test)]
mod tests {
    use feishu::{Medium, Post, PostElement};
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
        PostElement::Media(Medium::Image)
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
    fn other_messages_hold_no_text() {
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
    fn a_title_is_text_where_it_may_be_a_command() {
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
    fn of_quoted_text_only_mentions_before_it_count() {
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
    fn what_is_no_text_is_one_character() {
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
                vec![PostElement::Media(Medium::Video), smile],
                vec![PostElement::Rule],
                vec![other],
            ],
            "look \u{fffc}\n\u{fffc}\u{fffc}\n\u{fffc}\n\u{fffc}",
        );
    }

    #[test]
    fn what_an_announcement_does_not_hold_is_known() {
        let post = Post {
            title: String::new(),
            paragraphs: vec![vec![text("a"), image()], vec![image()]],
        };
        let content = Content::Post(post);
        let document = Document::from_content(&content, 0..usize::MAX, &[]).unwrap();
        assert_eq!(document.to_plain_text(), "a");
        assert_eq!(document.left_out, BTreeSet::from([Medium::Image]));
        let picture = Content::Media(Medium::Image);
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
}
