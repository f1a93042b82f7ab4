//! The readable content of a message.

use serde::{Deserialize, Serialize};

/// How many mentions of a message are read. An announcement can have fewer.
pub(crate) const MOST_MENTIONS: usize = 500;

/// The content of a message, for a bot that reads text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A `text` message. Mentions are `@_user_1`, `@_all`; lines end in `\n`.
    Text(String),
    /// A `post` message: rich text.
    Post(Post),
    /// A `post` that is larger than any client sends: its text alone.
    Plain(String),
    /// A card: its title, texts and fields. Empty if the platform does not reveal its text.
    Card(Post),
    /// The text of a message that is not typed: a poll, a task, a location, an appointment.
    Words(MessageKind, Post),
    /// A bundle of forwarded messages.
    Forward,
    /// A message that consists of a medium.
    Media(Media),
    /// Any other message, or an unreadable one.
    Other,
}

/// A kind of message that is not typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// A poll with its options.
    Poll,
    /// A task.
    Task,
    /// A place.
    Location,
    /// A video meeting.
    Meeting,
    /// An appointment.
    Event,
    /// A red packet.
    RedPacket,
    /// The card of a group, which names it by its id only.
    GroupCard,
    /// The card of a person.
    PersonCard,
    /// A message of the platform itself.
    System,
}

/// A part of a message that is not text.
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
    /// Another part without text.
    Other,
}

/// A medium in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// Its kind.
    pub medium: Medium,
    /// The `image_key` or `file_key` with which it is downloaded from its message; `None` if the
    /// content has none.
    pub key: Option<String>,
    /// The name of the file; `None` if the content has none.
    pub name: Option<String>,
}

/// A rich-text message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Post {
    /// The title; may be empty.
    pub title: String,
    /// The paragraphs, each a row of inline elements.
    pub paragraphs: Vec<Vec<PostElement>>,
}

/// One inline element of a [`Post`]; styles are `bold`, `italic`, `underline`, `lineThrough`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PostElement {
    /// The kind of the paragraph; always the first element of its row.
    Mark(Mark),
    /// A run of text.
    Text {
        /// The text as displayed.
        text: String,
        /// The names of its styles.
        style: Vec<String>,
    },
    /// Markdown, of any number of lines.
    Markdown(String),
    /// A link with its text.
    Link {
        /// The text as displayed.
        text: String,
        /// The address.
        href: String,
        /// The names of its styles.
        style: Vec<String>,
    },
    /// A mention; `user_id` is the placeholder (`@_user_1`) of one of the message's mentions,
    /// or `@_all`.
    At {
        /// The placeholder.
        user_id: String,
        /// The display name; may be empty.
        user_name: String,
        /// The names of its styles.
        style: Vec<String>,
    },
    /// A picture, a video or a file.
    Media(Media),
    /// One of Feishu's own emoji.
    Emotion {
        /// The name of the emoji.
        emoji_type: String,
    },
    /// A horizontal rule.
    Rule,
    /// A block of code.
    CodeBlock {
        /// The language; may be empty.
        language: String,
        /// The code.
        text: String,
    },
    /// An unknown element without text.
    Other {
        /// The `tag` of the element.
        tag: String,
    },
}

/// A kind of paragraph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A heading of this level, from 1.
    Heading(u8),
    /// A quote.
    Quote,
    /// An item of a list, with its depth, and its number if it has one.
    Item {
        /// How deep it is inside other lists.
        depth: u8,
        /// The number of an item of a numbered list.
        number: Option<u32>,
    },
}
