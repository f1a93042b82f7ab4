//! `/announce`: text added above what stands in the group announcement.
//!
//! A group has one of two kinds of announcement, and their calls never mix. The
//! kind is read, remembered, and when the platform says that it was the other
//! one, changed once.
//!
//! An announcement may take several calls, and any answer may be lost. `docx`
//! has a key for that (`client_token`): the same call made again changes
//! nothing. `doc` has none, and its revision is no lock, because the platform
//! rebases; so before each write is stored how often exactly these paragraphs
//! stand already, and after a lost answer they are counted again.
//!
//! What is replaced is saved before it is touched, and kept as long as the
//! change can be undone.

use std::ops::Range;
use std::panic::resume_unwind;

use feishu::codes::{self, Class};
use feishu::{AnnouncementKind, Content, Error, Message, MessageId};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::{Draft, Effect, Failure, Scene, pin, replied};
use crate::action::announce::common::{LINE_LIMIT, LONG_TEXT, Stand, TEXT_LIMIT};
use crate::command::{Mention, announced_part, refuse_shown_instruction};
use crate::content::{Document, Entry, Signature, Unfit, command_text, media, without_unexplained};
use crate::model::action::Source;
use crate::model::change::{Change, Placed, PlacedKind, Standing, Top};
use crate::model::job::Step;
use crate::model::outcome::{Done, Undone};
use crate::model::plan::Manner;
use crate::model::progress::{Creation, Progress, Written};
use crate::model::refusal::{Call, Cause, Stage};

mod budget;
pub(crate) mod common;
mod creation;
mod docx;
mod legacy;
mod page;
mod plan;
mod take_back;

pub(super) use take_back::{IfGone, Removal, Renamed, TakenBack, take_back};

/// No text of that length takes more bytes.
const MOST_BYTES: usize = 3 * TEXT_LIMIT;

pub(super) async fn run(
    source: Source,
    manner: Manner,
    scene: Scene<'_>,
) -> Result<Effect, Failure> {
    let is_message = matches!(source, Source::Message(_));
    let document = document(source, scene).await?;
    let draft = Draft {
        document: &document,
        manner,
    };
    if is_message {
        // It may be edited or recalled before the next attempt.
        scene.save(draft, None).await?;
    }
    if scene.written().is_none() && scene.job.key.step == Step::Command {
        expect_to_end(manner, scene).await?;
    }
    let _turn = budget::turn(budget::of(&document, manner), scene).await?;
    let entry = Entry::new(&document, signature(scene));
    let top_before = if manner.top {
        Some(scene.top().await?)
    } else {
        None
    };
    let stand = write(&entry, draft, scene).await?;
    let (mut effect, left) = stand.effect(draft, scene);
    let mut not_on_top = None;
    if manner.top {
        match pin::bring_about(&Top::Announcement, scene).await {
            Ok(()) => {
                let change = effect.change.take();
                effect.change = change.map(|change| change.with_top(top_before, Top::Announcement));
            }
            Err(cause) => not_on_top = Some(cause),
        }
    }
    Err(match (left, not_on_top) {
        (None, None) => return Ok(effect),
        (Some(cause), None) => Failure::incomplete(Stage::NotReplaced, cause, effect),
        (None, Some(cause)) => Failure::incomplete(Stage::NotOnTop, cause, effect),
        // Why it is not at the top is left to tell; what was deleted can be looked at.
        (Some(_), Some(cause)) => Failure::incomplete(Stage::NotReplacedNorOnTop, cause, effect),
    })
}

/// What may stand of an announcement that was given up, as far as it takes to remove it, to bring
/// back what it was to replace, or to know again what was brought back.
pub(crate) fn left_behind(progress: &Progress, scene: Scene<'_>) -> Option<Effect> {
    let draft = Draft {
        document: &progress.document,
        manner: progress.manner,
    };
    let entry = Entry::new(draft.document, signature(scene));
    let docx = |creation: Creation| PlacedKind::Docx {
        blocks: creation.page_blocks,
    };
    let (kind, nameless, former) = match progress.written.clone()? {
        // Before all of it stands, nothing is deleted.
        Written::Docx {
            creation,
            nameless,
            former: Some(former),
        } if creation.calls == plan::plan(entry.to_docx()).len() => {
            (docx(creation), nameless, Some(former))
        }
        Written::Legacy {
            pending: Some(_),
            nameless,
            former: Some(former),
            ..
        } => (PlacedKind::Doc, nameless, Some(former)),
        // Found by its signature, if it stands at all.
        Written::Docx {
            creation,
            nameless,
            former: None,
        } if entry.is_signed() => (docx(creation), nameless, None),
        Written::Legacy {
            pending: Some(_),
            nameless,
            former: None,
            ..
        } if entry.is_signed() => (PlacedKind::Doc, nameless, None),
        Written::Restoral(restoral) => {
            return Some(Effect {
                change: Some(Change::restored(restoral.restored())),
                ..Effect::new(Done::Undone(Undone::FormerBack { lost: Vec::new() }))
            });
        }
        Written::Docx { .. } | Written::Legacy { .. } | Written::Removal { .. } => return None,
    };
    let placed = Placed {
        entry,
        nameless,
        kind,
    };
    let stand = Stand {
        before: former.map_or(Standing::Others, Standing::Body),
        ..Stand::above(placed)
    };
    Some(stand.effect(draft, scene).0)
}

/// What is to be announced, if an announcement can hold it.
pub(crate) async fn document(source: Source, scene: Scene<'_>) -> Result<Document, Failure> {
    let document = match source {
        Source::Document(document) => document,
        Source::Message(message) => document_of(&message, scene).await?,
    };
    if feishu::utf16_len(&document.to_plain_text()) > TEXT_LIMIT {
        return Err(Cause::TextTooLong { limit: TEXT_LIMIT }.into());
    }
    if Entry::new(&document, signature(scene)).line_count() > LINE_LIMIT {
        return Err(Cause::TooManyLines { limit: LINE_LIMIT }.into());
    }
    Ok(document)
}

/// Refuses to announce for a time what could not be taken out again.
pub(crate) async fn expect_to_end(manner: Manner, scene: Scene<'_>) -> Result<(), Failure> {
    if manner.hold.is_none() || scene.store.lets_delete(scene.chat()).await? != Some(false) {
        return Ok(());
    }
    // The group may have the new kind by now.
    match detect(scene).await? {
        Target::Doc => Err(Cause::CannotHold.into()),
        Target::Docx { .. } => Ok(()),
    }
}

async fn write(entry: &Entry, draft: Draft<'_>, scene: Scene<'_>) -> Result<Stand, Failure> {
    let mut target = target(scene).await?;
    let mut switched = false;
    loop {
        let written = match target {
            Target::Doc => legacy::write(entry, draft, scene).await,
            Target::Docx { revision } => docx::write(entry, revision, draft, scene).await,
        };
        match written {
            Err(Failure::Call(_, error)) if !switched && is_other_kind(&error) => {
                switched = true;
                scene.platform.forget_kind(scene.chat_id);
                target = detect(scene).await?;
            }
            written => return written,
        }
    }
}

/// Where an entry is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Doc,
    Docx { revision: i64 },
}

fn is_other_kind(error: &Error) -> bool {
    error.class() == Some(Class::OtherAnnouncementKind)
}

async fn target(scene: Scene<'_>) -> Result<Target, Failure> {
    match (scene.written(), scene.platform.kind(scene.chat_id)) {
        // What was begun goes on where it was begun.
        (Some(Written::Docx { creation, .. }), _) => Ok(Target::Docx {
            revision: creation.revision,
        }),
        (Some(Written::Legacy { .. }), _) | (None, Some(AnnouncementKind::Doc)) => Ok(Target::Doc),
        (Some(Written::Removal { .. } | Written::Restoral(_)) | None, _) => detect(scene).await,
    }
}

/// Asks the platform which kind the group has. The `docx` call answers for both.
async fn detect(scene: Scene<'_>) -> Result<Target, Failure> {
    let chat = scene.chat_id;
    let client = &scene.platform.client;
    let (kind, target) = match client.get_docx_announcement(chat).await {
        Ok(info) => match info.kind {
            AnnouncementKind::Doc => (AnnouncementKind::Doc, Target::Doc),
            AnnouncementKind::Docx => {
                let revision = info.revision_id;
                (AnnouncementKind::Docx, Target::Docx { revision })
            }
        },
        // That call has a scope of its own. Where only the old kind's is
        // granted, the old call tells whether it is the old kind.
        Err(error) if error.is_scope_missing() => match client.get_announcement(chat).await {
            Ok(_) => (AnnouncementKind::Doc, Target::Doc),
            Err(old)
                if old.code() != Some(codes::ANNOUNCEMENT_IS_DOCX) && !old.is_scope_missing() =>
            {
                return Err(Failure::Call(Call::ReadAnnouncement, old));
            }
            Err(_) => return Err(Failure::Call(Call::ReadAnnouncement, error)),
        },
        Err(error) => return Err(Failure::Call(Call::ReadAnnouncement, error)),
    };
    scene.platform.remember_kind(chat, kind);
    Ok(target)
}

/// The author and the date of the command: the same ones however often it is
/// tried.
fn signature(scene: Scene<'_>) -> Option<Signature> {
    scene.style.signature.then(|| Signature {
        author: scene.sender.open_id.clone(),
        date: scene
            .asked_at
            .to_zoned(scene.style.time_zone.clone())
            .strftime("%Y-%m-%d %H:%M")
            .to_string(),
    })
}

/// What the message says that the command replied to.
async fn document_of(message: &MessageId, scene: Scene<'_>) -> Result<Document, Failure> {
    let message = replied::read(message, scene).await?;
    let me = match message.mentions.as_slice() {
        [] => None,
        // Unless asked, the bot does not know itself; then it would be mentioned like anybody.
        _ => scene.platform.me().await.ok(),
    };
    let mentions = |message: &Message| -> Vec<Mention> {
        let mentions = message.mentions.iter();
        mentions.map(|mention| Mention::new(mention, me)).collect()
    };
    if !message.parts.is_empty() {
        return forwarded(&message, &mentions, &scene.platform.reading).await;
    }
    let content = Content::read(&message.msg_type, &message.content);
    let empty = match content {
        Content::Card(_) => Cause::RepliedToIsCard,
        Content::Forward => Cause::RepliedToIsForward,
        _ => Cause::RepliedToHasNoText,
    };
    let read = said(content, mentions(&message), &scene.platform.reading).await;
    read.map_err(|unfit| match unfit {
        Unfit::Empty | Unfit::OnlyMedia => empty.into(),
        unfit => refusal(unfit, Cause::Internal).into(),
    })
}

/// The texts of messages that were forwarded as one, in order.
async fn forwarded(
    bundle: &Message,
    mentions: &impl Fn(&Message) -> Vec<Mention>,
    turns: &Semaphore,
) -> Result<Document, Failure> {
    let mut document = Document::default();
    for part in &bundle.parts {
        let content = Content::read(&part.msg_type, &part.content);
        match said(content.clone(), mentions(part), turns).await {
            Ok(read) => {
                document.append(read);
                document = document.bounded();
                if document.text_len() > MOST_BYTES {
                    return Err(Cause::TextTooLong { limit: TEXT_LIMIT }.into());
                }
                if document.blocks.len() > LINE_LIMIT {
                    return Err(Cause::TooManyLines { limit: LINE_LIMIT }.into());
                }
            }
            Err(Unfit::Empty | Unfit::OnlyMedia) => document.left_out.extend(media(&content)),
            Err(unfit) => return Err(refusal(unfit, Cause::Internal).into()),
        }
    }
    if document.blocks.is_empty() {
        return Err(Cause::RepliedToIsForward.into());
    }
    Ok(document)
}

/// What a message says to be announced: of one that was a command to announce something, that.
async fn said(
    content: Content,
    mentions: Vec<Mention>,
    turns: &Semaphore,
) -> Result<Document, Unfit> {
    let content = match content {
        Content::Text(text) => Content::Text(without_unexplained(&text, &mentions)),
        other => other,
    };
    let Some(text) = command_text(&content) else {
        return read(content, 0..usize::MAX, mentions, turns).await;
    };
    let range = announced_part(&text, &mentions).ok_or(Unfit::Empty)?;
    let document = read(content, range.clone(), mentions, turns).await?;
    let is_of_command = range != (0..text.len());
    if is_of_command && refuse_shown_instruction(&text, &range, &document.shown_words()).is_err() {
        return Err(Unfit::Empty);
    }
    Ok(document)
}

/// Reads a part of a message, in bytes of its text. Long texts take turns in a thread of their own,
/// so that no other chat waits for them.
pub(crate) async fn read(
    content: Content,
    range: Range<usize>,
    mentions: Vec<Mention>,
    turns: &Semaphore,
) -> Result<Document, Unfit> {
    if content_len(&content) < LONG_TEXT {
        return Document::read(&content, range, &mentions);
    }
    let _turn = turns.acquire().await;
    let read = spawn_blocking(move || Document::read(&content, range, &mentions));
    // A panic of the reader is one of the job's.
    read.await
        .unwrap_or_else(|error| resume_unwind(error.into_panic()))
}

fn content_len(content: &Content) -> usize {
    match content {
        Content::Text(text) | Content::Plain(text) => text.len(),
        _ => 0,
    }
}

/// What to say of a text that is not announced; `empty`, if there is none.
pub(crate) fn refusal(unfit: Unfit, empty: Cause) -> Cause {
    match unfit {
        Unfit::Empty => empty,
        Unfit::OnlyMedia => Cause::OnlyMedia,
        Unfit::TooLong => Cause::TextTooLong { limit: TEXT_LIMIT },
        Unfit::TooManyLines => Cause::TooManyLines { limit: LINE_LIMIT },
    }
}
