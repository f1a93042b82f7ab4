//! The only reader of the `content` of messages, for events and for fetched
//! messages.
//!
//! It never fails: content that cannot be read is a message without text.
//!
//! Official page `im-v1/message/events/message_content`; the shapes beyond it are from public
//! reports.

use std::borrow::Cow;

use crate::lenient::Json;
use crate::message::post::plain_words;

mod card;
mod content;
mod elements;
mod large;
mod post;
mod tags;

pub(crate) use content::MOST_MENTIONS;
pub use content::{Content, Mark, Media, Medium, MessageKind, Post, PostElement};

impl Content {
    /// Reads the `content` string of a message of the given `message_type` (`msg_type` in answers).
    pub fn read(message_type: &str, content: &str) -> Self {
        let json = Json::parse(content);
        if let Some(inner) = json.and_then(encoded_twice) {
            return Self::read(message_type, &inner);
        }
        match message_type {
            // The content of this type is a constant plain text.
            "merge_forward" => Self::Forward,
            "image" => media(Medium::Image, json),
            "media" | "video" => media(Medium::Video, json),
            "audio" => media(Medium::Audio, json),
            // A folder cannot be downloaded.
            "folder" => media(Medium::File, None),
            "file" => media(Medium::File, json),
            "sticker" => media(Medium::Sticker, json),
            "post" | "interactive" if content.len() > large::LARGEST_POST => {
                large::text(content).map_or(Self::Other, Self::Plain)
            }
            "interactive" => Self::Card(json.map(card::read).unwrap_or_default()),
            "post" => post::read_content(json, content).unwrap_or(Self::Other),
            "text" => text(json, content).unwrap_or(Self::Other),
            other => match (json, post::words(other, json)) {
                (_, Some((kind, words))) => Self::Words(kind, words),
                (json, None) => text(json, content).unwrap_or(Self::Other),
            },
        }
    }
}

fn media(medium: Medium, json: Option<Json<'_>>) -> Content {
    Content::Media(json.map_or_else(|| Media::unnamed(medium), |json| Media::read(medium, json)))
}

/// JSON in a JSON string; unwrapping ends because each string is shorter than its escaped form.
fn encoded_twice(json: Json<'_>) -> Option<Cow<'_, str>> {
    let inner = json.string()?;
    let is_json = inner.trim_start().starts_with(['{', '[', '"']) && Json::parse(&inner).is_some();
    is_json.then_some(inner)
}

#[cfg(test)]
mod tests;

/// The text of a message with the content `{"text":"…"}`.
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
