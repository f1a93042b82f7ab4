//! Reads the text of messages.

use std::ops::Range;
use std::panic::resume_unwind;

use feishu::Content;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::action::announce::common::{LINE_LIMIT, LONG_TEXT, TEXT_LIMIT};
use crate::command::{CommandName, Mention, announced_part, reject_formatted_options};
use crate::content::{Document, Unfit, command_text, without_unknown_placeholders};
use crate::model::refusal::Cause;

/// The text of a message. If the message was an `/announce` command, the text that it announced.
pub(super) async fn read_announced(
    content: Content,
    mentions: Vec<Mention>,
    turns: &Semaphore,
) -> Result<Document, Unfit> {
    let content = match content {
        Content::Text(text) => Content::Text(without_unknown_placeholders(&text, &mentions)),
        other => other,
    };
    let Some(text) = command_text(&content) else {
        return read(content, 0..usize::MAX, mentions, turns).await;
    };
    let range = announced_part(&text, &mentions).ok_or(Unfit::Empty)?;
    let document = read(content, range.clone(), mentions, turns).await?;
    let is_of_command = range != (0..text.len());
    if is_of_command
        && reject_formatted_options(
            CommandName::Announce,
            &text,
            &range,
            &document.shown_words(),
        )
        .is_err()
    {
        return Err(Unfit::Empty);
    }
    Ok(document)
}

/// Parses part of a message; `range` is in bytes of its text. Long texts are parsed on a separate
/// thread, a few at a time, so that other chats do not wait.
pub(crate) async fn read(
    content: Content,
    range: Range<usize>,
    mentions: Vec<Mention>,
    turns: &Semaphore,
) -> Result<Document, Unfit> {
    let is_long =
        matches!(&content, Content::Text(text) | Content::Plain(text) if text.len() >= LONG_TEXT);
    if !is_long {
        return Document::read(&content, range, &mentions);
    }
    let _turn = turns.acquire().await;
    let read = spawn_blocking(move || Document::read(&content, range, &mentions));
    // A panic of the parser is a panic of the job.
    read.await
        .unwrap_or_else(|error| resume_unwind(error.into_panic()))
}

/// The refusal of an unfit text; `empty` if there is no text.
pub(crate) fn refusal(unfit: Unfit, empty: Cause) -> Cause {
    match unfit {
        Unfit::Empty => empty,
        Unfit::OnlyMedia => Cause::OnlyMedia,
        Unfit::TooLong => Cause::TextTooLong { limit: TEXT_LIMIT },
        Unfit::TooManyLines => Cause::TooManyLines { limit: LINE_LIMIT },
    }
}
