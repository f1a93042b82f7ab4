//! The content of a message, as far as it can be read.

use serde::{Deserialize, Serialize};

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
    /// A card: its title, texts and fields. Empty where the platform tells no words of it.
    Card(Post),
    /// The words of a message that nobody types: a poll, a task, a place, an appointment.
    Words(Post),
    /// Several messages that were forwarded as one.
    Forward,
    /// A picture, a file, a video, a recording or a sticker.
    Media(Medium),
    /// Any other message, or one that cannot be read.
    Other,
}

/// A kind of thing in a message that is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Medium {
    /// A picture.
    Image,
    /// A video.
    Video,
    /// A file or a folder.
    File,
    /// A recording.
    Audio,
    /// A sticker.
    Sticker,
    /// Something else that holds no text.
    Other,
}

/// A rich-text message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Post {
    /// The heading; empty where the author gave none.
    pub title: String,
    /// The paragraphs, each a row of inline elements.
    pub paragraphs: Vec<Vec<PostElement>>,
}

/// One inline element of a [`Post`]; styles are `bold`, `italic`, `underline`, `lineThrough`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostElement {
    /// What kind of paragraph follows; the first element of its row.
    Mark(Mark),
    /// A run of text.
    Text { text: String, style: Vec<String> },
    /// Text with the marks of Markdown, of any number of lines.
    Markdown(String),
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
    /// A picture, a video or a file.
    Media(Medium),
    /// One of Feishu's own emoji.
    Emotion { emoji_type: String },
    /// A horizontal rule.
    Rule,
    /// A block of code.
    CodeBlock { language: String, text: String },
    /// An element that this crate does not know and that holds no text.
    Other { tag: String },
}

/// A kind of paragraph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A heading of this level, from 1.
    Heading(u8),
    /// A quote.
    Quote,
    /// An item of a list, this deep inside other lists; with its number, if it has one.
    Item { depth: u8, number: Option<u32> },
}
