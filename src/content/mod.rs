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

use std::ops::Range;

use feishu::{Content, PostElement};

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
            | Content::Other => return Err(Unfit::Empty),
        };
        if document.to_plain_text().trim().is_empty() {
            return Err(Unfit::Empty);
        }
        Ok(document)
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

/// The text of a message that may be a command: like [`plain_text`], but `None` for a post that
/// begins with anything other than typed text and mentions. A command that is quoted, in a block of
/// code for one, is no command.
pub fn command_text(content: &Content) -> Option<String> {
    if let Content::Post(post) = content
        && post.title.is_empty()
    {
        let first = post
            .paragraphs
            .iter()
            .flatten()
            .find(|element| match element {
                PostElement::At { .. } => false,
                PostElement::Text { text, .. } => !text.trim().is_empty(),
                _ => true,
            });
        if !matches!(first, Some(PostElement::Text { .. })) {
            return None;
        }
    }
    plain_text(content)
}

/// The text of a `text` or `post` message, mentions still as placeholders; `None` for other kinds
/// and for a post of pictures alone.
///
/// What is no text in a post is named in brackets, in the language of the rest.
pub fn plain_text(content: &Content) -> Option<String> {
    match content {
        Content::Text(text) | Content::Plain(text) => Some(text.clone()),
        Content::Post(post) => post.says_something().then(|| post::post_text(post)),
        // Nobody types these.
        Content::Card(_)
        | Content::Words(_)
        | Content::Forward
        | Content::Media(_)
        | Content::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use feishu::{Medium, Post};
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
        let shown = plain_text(&Content::Post(post)).unwrap_or_default();
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_text_message_is_its_text() {
        let content = Content::Text("@_user_1 /pin\n  x ".to_owned());
        assert_eq!(plain_text(&content).as_deref(), Some("@_user_1 /pin\n  x "));
    }

    #[test]
    fn other_messages_hold_no_text() {
        assert_eq!(plain_text(&Content::Other), None);
    }

    #[test]
    fn the_paragraphs_of_a_post_are_lines_under_its_title() {
        check(
            "Lunch",
            vec![
                vec![text("noon,"), text(" hall")],
                vec![],
                vec![text("bye")],
            ],
            "Lunch\nnoon, hall\n\nbye",
        );
        check(
            "",
            vec![vec![at("@_user_1"), text(" /pin")]],
            "@_user_1 /pin",
        );
        check("", vec![], "");
    }

    #[test]
    fn a_link_shows_where_it_leads_unless_its_text_does() {
        check(
            "",
            vec![vec![link("menu", "https://a.cn/m")]],
            "menu (https://a.cn/m)",
        );
        check(
            "",
            vec![vec![link("https://a.cn", "https://a.cn")]],
            "https://a.cn",
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
    fn what_is_no_text_is_named_in_the_language_of_the_rest() {
        let video = PostElement::Media(Medium::Video);
        check(
            "",
            vec![vec![text("look "), image()], vec![video.clone()]],
            "look [image]\n[video]",
        );
        check("看", vec![vec![image(), video]], "看\n[图片][视频]");
        let smile = PostElement::Emotion {
            emoji_type: "SMILE".to_owned(),
        };
        let code = PostElement::CodeBlock {
            language: "RUST".to_owned(),
            text: "a();\nb();".to_owned(),
        };
        let other = PostElement::Other {
            tag: "chart".to_owned(),
        };
        check(
            "",
            vec![
                vec![smile],
                vec![PostElement::Rule],
                vec![code],
                vec![other],
            ],
            "[SMILE]\n---\na();\nb();\n[chart]",
        );
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
            title: String,
            paragraphs in prop::collection::vec(prop::collection::vec(any_element(), 0..4), 0..4),
        ) {
            let post = Post { title: title.clone(), paragraphs: paragraphs.clone() };
            let plain = plain_text(&Content::Post(post)).unwrap_or_default();
            let mut rest = plain.strip_prefix(&title).unwrap();
            for element in paragraphs.iter().flatten() {
                if let PostElement::Text { text, .. }
                | PostElement::Link { text, .. }
                | PostElement::CodeBlock { text, .. } = element
                {
                    let at = rest.find(text.as_str());
                    prop_assert!(at.is_some(), "{text:?} is missing from {plain:?}");
                    rest = &rest[at.unwrap() + text.len()..];
                }
            }
        }
    }
}
