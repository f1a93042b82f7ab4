//! What a message says: the one reader of `content`, for events and for messages that were asked
//! for.
//!
//! It never fails. It reads as far as it can, and what is left is a message without text.
//!
//! Official page `im-v1/message/events/message_content`; the shapes beyond it are from public
//! reports.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::lenient::Json;

mod card;
mod elements;
mod large;
mod post;
#[cfg(test)]
mod tests;

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

impl Content {
    /// Reads the `content` string of a message of the given `message_type` (`msg_type` in answers).
    pub fn read(message_type: &str, content: &str) -> Self {
        let json = Json::parse(content);
        if let Some(inner) = json.and_then(encoded_twice) {
            return Self::read(message_type, &inner);
        }
        match message_type {
            // The content of this one is plain words, always the same.
            "merge_forward" => Self::Forward,
            "image" => Self::Media(Medium::Image),
            "media" | "video" => Self::Media(Medium::Video),
            "audio" => Self::Media(Medium::Audio),
            "file" | "folder" => Self::Media(Medium::File),
            "sticker" => Self::Media(Medium::Sticker),
            "system" | "share_chat" | "share_user" => Self::Other,
            "post" | "interactive" if content.len() > large::LARGEST_POST => {
                large::text(content).map_or(Self::Other, Self::Plain)
            }
            "interactive" => Self::Card(json.map(card::read).unwrap_or_default()),
            "post" => post::read_content(json, content).unwrap_or(Self::Other),
            "text" => text(json, content).unwrap_or(Self::Other),
            other => match (json, post::words(other, json)) {
                (_, Some(words)) => Self::Words(words),
                (json, None) => text(json, content).unwrap_or(Self::Other),
            },
        }
    }
}

/// The JSON in a string of JSON. Each time it is shorter, and escapes bound how often it can be.
fn encoded_twice(json: Json<'_>) -> Option<Cow<'_, str>> {
    let inner = json.string()?;
    let is_json = inner.trim_start().starts_with(['{', '[', '"']) && Json::parse(&inner).is_some();
    is_json.then_some(inner)
}

/// The text of a message whose content should be `{"text":"…"}`.
fn text(json: Option<Json<'_>>, content: &str) -> Option<Content> {
    let Some(json) = json else {
        return plain_words(content).map(Content::Text);
    };
    let text = elements::text_in(json.field("text").unwrap_or(json));
    match text {
        Some(text) => Some(Content::Text(text.into_owned())),
        None if content.len() > large::LARGEST_POST => None,
        None => post::read(json).map(Content::Post),
    }
}

/// What content says that is no JSON at all: its words, unless it is JSON that was cut.
fn plain_words(content: &str) -> Option<String> {
    let is_cut = content.trim_start().starts_with(['{', '[', '"']);
    (!is_cut && !content.trim().is_empty()).then(|| content.to_owned())
}
