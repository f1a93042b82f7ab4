//! What a received message says: the `content` string of each message type that we read.
//!
//! Official page `im-v1/message/events/message_content`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

mod large;

/// Of a message's mentions, so many are read. An announcement mentions fewer people.
pub(crate) const MOST_MENTIONS: usize = 500;

/// The content of a message, as far as a bot that reads text needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A `text` message. Mentions stand in it as `@_user_1`, `@_all`; lines end in `\n`.
    Text(String),
    /// A `post` message: rich text.
    Post(Post),
    /// A `post` that is larger than any client sends: its text alone.
    Plain(String),
    /// Any other message type, which carries no text of ours to read.
    Other,
}

/// A rich-text message.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "WirePost")]
pub struct Post {
    /// The heading; empty where the author gave none.
    pub title: String,
    /// The paragraphs, each a row of inline elements.
    pub paragraphs: Vec<Vec<PostElement>>,
}

/// One inline element of a [`Post`]; styles are `bold`, `italic`, `underline`, `lineThrough`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Value")]
pub enum PostElement {
    /// A run of text.
    Text { text: String, style: Vec<String> },
    /// A link with its caption.
    Link {
        text: String,
        href: String,
        style: Vec<String>,
    },
    /// A mention; `user_id` is the placeholder (`@_user_1`) that the message's mentions explain,
    /// or `@_all`.
    At {
        user_id: String,
        user_name: String,
        style: Vec<String>,
    },
    /// A picture.
    Image { image_key: String },
    /// A video.
    Media { file_key: String },
    /// One of Feishu's own emoji.
    Emotion { emoji_type: String },
    /// A horizontal rule.
    Rule,
    /// A block of code.
    CodeBlock { language: String, text: String },
    /// An element that this crate does not know.
    Other { tag: String },
}

impl Content {
    /// Reads the `content` string of a message of the given `message_type` (`msg_type` in answers).
    pub fn parse(message_type: &str, content: &str) -> Result<Self, serde_json::Error> {
        match message_type {
            "text" => serde_json::from_str::<WireText>(content).map(|wire| Self::Text(wire.text)),
            "post" if content.len() > large::LARGEST_POST => large::text(content).map(Self::Plain),
            "post" => serde_json::from_str(content).map(Self::Post),
            _ => Ok(Self::Other),
        }
    }
}

#[derive(Deserialize)]
struct WireText {
    text: String,
}

/// Received posts are bare; sent ones are wrapped by locale, and some come back that way.
#[derive(Deserialize)]
#[serde(untagged)]
enum WirePost {
    Bare(WireBody),
    Wrapped(BTreeMap<String, WireBody>),
}

#[derive(Deserialize)]
struct WireBody {
    title: Option<String>,
    content: Vec<Vec<PostElement>>,
}

impl From<WirePost> for Post {
    fn from(wire: WirePost) -> Self {
        let body = match wire {
            WirePost::Bare(body) => Some(body),
            // Chinese first, as in the client; else whichever locale sorts first.
            WirePost::Wrapped(mut locales) => locales
                .remove("zh_cn")
                .or_else(|| locales.into_values().next()),
        };
        body.map_or_else(Self::default, |body| Self {
            title: body.title.unwrap_or_default(),
            paragraphs: body.content,
        })
    }
}

impl From<Value> for PostElement {
    /// Never fails: what is missing reads as empty, what is unknown as [`PostElement::Other`].
    fn from(wire: Value) -> Self {
        let field = |name: &str| wire[name].as_str().unwrap_or_default().to_owned();
        let style = || {
            let names = wire["style"].as_array().map_or(&[][..], Vec::as_slice);
            names
                .iter()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect()
        };
        match wire["tag"].as_str().unwrap_or_default() {
            "text" => Self::Text {
                text: field("text"),
                style: style(),
            },
            "a" => Self::Link {
                text: field("text"),
                href: field("href"),
                style: style(),
            },
            "at" => Self::At {
                user_id: field("user_id"),
                user_name: field("user_name"),
                style: style(),
            },
            "img" => Self::Image {
                image_key: field("image_key"),
            },
            "media" => Self::Media {
                file_key: field("file_key"),
            },
            "emotion" => Self::Emotion {
                emoji_type: field("emoji_type"),
            },
            "hr" => Self::Rule,
            "code_block" => Self::CodeBlock {
                language: field("language"),
                text: field("text"),
            },
            other => Self::Other {
                tag: other.to_owned(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn post(content: &str) -> Post {
        match Content::parse("post", content).unwrap() {
            Content::Post(post) => post,
            other => panic!("not a post: {other:?}"),
        }
    }

    #[test]
    fn each_message_type_reads_as_what_it_is() {
        let check = |message_type, content, expected: Option<Content>| {
            let read = Content::parse(message_type, content).ok();
            assert_eq!(read, expected, "{message_type} {content}");
        };
        let text = Content::Text("@_user_1 /pin\n好".to_owned());
        check("text", r#"{"text":"@_user_1 /pin\n好"}"#, Some(text));
        check("image", r#"{"image_key":"img_1"}"#, Some(Content::Other));
        check("a type to come", "not even JSON", Some(Content::Other));
        for broken in ["", "{}", r#"{"text":1}"#, "[", &"[".repeat(100_000)] {
            check("text", broken, None);
            check(
                "post",
                broken,
                (broken == "{}").then(|| Content::Post(Post::default())),
            );
        }
    }

    #[test]
    fn every_element_of_a_post_is_read_and_unknown_ones_are_kept_by_name() {
        let check = |element: &str, expected: &str| {
            let post = post(&format!(r#"{{"title":"T","content":[[{element}]]}}"#));
            assert_eq!(post.title, "T");
            assert_eq!(format!("{:?}", post.paragraphs[0][0]), expected);
        };
        check(
            r#"{"tag":"text","text":"a","style":["bold"]}"#,
            r#"Text { text: "a", style: ["bold"] }"#,
        );
        check(
            r#"{"tag":"a","text":"b","href":"https://x","style":[]}"#,
            r#"Link { text: "b", href: "https://x", style: [] }"#,
        );
        check(
            r#"{"tag":"at","user_id":"@_user_1","user_name":"Lin"}"#,
            r#"At { user_id: "@_user_1", user_name: "Lin", style: [] }"#,
        );
        check(
            r#"{"tag":"code_block","language":"RUST","text":"fn"}"#,
            r#"CodeBlock { language: "RUST", text: "fn" }"#,
        );
        check(
            r#"{"tag":"img","image_key":"img_1","width":1}"#,
            r#"Image { image_key: "img_1" }"#,
        );
        check(
            r#"{"tag":"media","file_key":"f","image_key":"i"}"#,
            r#"Media { file_key: "f" }"#,
        );
        check(
            r#"{"tag":"emotion","emoji_type":"SMILE"}"#,
            r#"Emotion { emoji_type: "SMILE" }"#,
        );
        check(r#"{"tag":"hr"}"#, "Rule");
        check(
            r#"{"tag":"new","text":{"deep":[1]}}"#,
            r#"Other { tag: "new" }"#,
        );
        check(r#"{"no":"tag"}"#, r#"Other { tag: "" }"#);
        check("7", r#"Other { tag: "" }"#);
    }

    #[test]
    fn a_post_wrapped_by_locale_reads_like_a_bare_one() {
        let bare = r#"{"title":null,"content":[[{"tag":"text","text":"x"}]]}"#;
        for wrapped in [
            format!(r#"{{"zh_cn":{bare}}}"#),
            format!(r#"{{"en_us":{{"content":[]}},"zh_cn":{bare}}}"#),
            format!(r#"{{"ja_jp":{bare}}}"#),
        ] {
            assert_eq!(post(&wrapped), post(bare), "{wrapped}");
        }
    }

    proptest! {
        #[test]
        fn content_never_panics(message_type in "text|post|.*", content in ".*") {
            let _ = Content::parse(&message_type, &content);
        }

        #[test]
        fn a_post_of_any_strings_is_read(tag in ".*", text in ".*") {
            let content = serde_json::json!({ "content": [[{ "tag": tag, "text": text }]] });
            prop_assert_eq!(post(&content.to_string()).paragraphs[0].len(), 1);
        }
    }
}
