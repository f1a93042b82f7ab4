//! Rich text: one model, parsed from Markdown and posts, and written to announcements of either
//! format.

mod card;
mod document;
mod docx;
mod entry;
mod excerpt;
mod legacy;
mod limits;
mod markdown;
mod media;
mod media_blocks;
mod mention;
mod post;
mod quote;
mod snapshot;
mod table;
mod typed;

use std::ops::Range;

use feishu::Content;

use document::Block;
pub use document::Document;
pub use docx::DocxNode;
pub use entry::{Entry, Signature};
pub(crate) use excerpt::LeftOut;
pub use limits::Unfit;
pub use media::FileToCopy;
pub(crate) use media::{MediaFile, medium_in_words};
pub(crate) use media_blocks::media;
pub use mention::Mention;
pub(crate) use mention::{
    EVERYONE, at_name, replace_mentions, split_placeholder, without_unknown_placeholders,
};
use post::{media_before, post_within};
pub use quote::Speaker;
pub(crate) use quote::kind_in_words;
pub use snapshot::Snapshot;
pub(crate) use snapshot::thing_in_words;

impl Document {
    /// Parses a byte range of a message's [`command_text`]: a text as Markdown, a post with its
    /// styles. Pictures and files of cards are left out, because the platform does not return them.
    pub fn read(
        content: &Content,
        range: Range<usize>,
        mentions: &[Mention],
    ) -> Result<Self, Unfit> {
        let document = match content {
            Content::Text(text) => Self::from_markdown(readable(text, range)?, mentions),
            Content::Plain(text) => Self::unformatted(readable(text, range)?, mentions),
            Content::Post(post) => {
                let above = media_before(post, range.start).map(Block::Media);
                let mut document = Self::from_post(&post_within(post, range), mentions).trimmed();
                document.blocks.splice(..0, above);
                document
            }
            Content::Card(post) if post.says_something() => {
                let mut card = Self::from_post(post, mentions);
                card.blocks
                    .retain(|block| !matches!(block, Block::Media(_)));
                card.trimmed()
            }
            Content::Media(_) => Self::of_media(content),
            Content::Words(kind, post) if post.says_something() => {
                let words = Self::from_post(post, mentions).trimmed();
                if words.to_plain_text().trim().is_empty() {
                    words
                } else {
                    words.of_kind(*kind)
                }
            }
            _ => Self::default(),
        };
        let left_out = document.media_left_out(content);
        if document.to_plain_text().trim().is_empty() {
            return Err(if left_out.is_empty() {
                Unfit::Empty
            } else {
                Unfit::OnlyMedia
            });
        }
        Ok(Self {
            left_out,
            ..document
        })
    }
}

/// The range of a text, if it is within the limits.
fn readable(text: &str, range: Range<usize>) -> Result<&str, Unfit> {
    let end = text.floor_char_boundary(range.end);
    let part = text.get(text.ceil_char_boundary(range.start)..end);
    let part = part.unwrap_or_default().trim();
    limits::expect_readable(part).map(|()| part)
}

/// The text of a message that may be a command, with placeholders for mentions and U+FFFC for
/// anything that is not text; `None` for messages that are not typed.
///
/// A title above a command is not part of the text. Commands in quotes and code blocks do not
/// count; of such a message only the leading mentions remain.
pub fn command_text(content: &Content) -> Option<String> {
    match content {
        Content::Text(text) | Content::Plain(text) => Some(text.clone()),
        Content::Post(post) if post::begins_with_text(post) => Some(post::post_text(post)),
        Content::Post(post) => Some(post::leading_mentions(post)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
