//! Writing an entry into a `doc` announcement: paragraphs inserted right after
//! the title, the last chunk first, so that each call is the same one: insert
//! at the start.

use feishu::{LegacyBlock, LegacyDocument, Operation};

use super::{Draft, Failure, Scene, UPDATE_FAILED, call, read_document};
use crate::change::Placed;
use crate::content::Entry;
use crate::outcome::Call;
use crate::store::{Pending, Written};

/// The most blocks that one insert takes.
const CHUNK: usize = 50;
/// How often a chunk is tried while the answer is [`UPDATE_FAILED`]; after that
/// once more so often without mentions, because a person whom the bot cannot
/// see is refused.
const ATTEMPTS: usize = 3;

/// Writes the entry from where the last attempt stopped.
pub(super) async fn write(
    entry: &Entry,
    draft: Draft<'_>,
    scene: Scene<'_>,
) -> Result<Placed, Failure> {
    let (mut written, mut pending, mut nameless) = match scene.written() {
        Some(Written::Legacy {
            chunks,
            pending,
            nameless,
        }) => (chunks, pending, nameless),
        _ => (0, None, false),
    };
    let of = entry.line_count();
    loop {
        let blocks = if nameless {
            entry.nameless().to_legacy()
        } else {
            entry.to_legacy()
        };
        let chunks: Vec<&[LegacyBlock]> = blocks.chunks(CHUNK).collect();
        let Some(chunk) = chunks.iter().rev().nth(written) else {
            return Ok(Placed {
                entry: entry.clone(),
                nameless,
                blocks: None,
            });
        };
        let lines = chunks
            .iter()
            .rev()
            .take(written)
            .map(|chunk| chunk.len())
            .sum();
        let so_far = |pending| Written::Legacy {
            chunks: written,
            pending,
            nameless,
        };
        match insert(chunk, pending, (draft, &so_far), scene).await {
            Ok(()) => {
                written += 1;
                pending = None;
            }
            Err(Failure::Call(Call::WriteAnnouncement, error))
                if error.code() == Some(UPDATE_FAILED) && entry.names_anybody() && !nameless =>
            {
                nameless = true;
                pending = None;
            }
            Err(failure) => return Err(failure.after(lines, of)),
        }
    }
}

/// Inserts one chunk, unless it stands there already from a request whose answer
/// was lost.
async fn insert(
    chunk: &[LegacyBlock],
    pending: Option<Pending>,
    (draft, so_far): (Draft<'_>, &(dyn Fn(Option<Pending>) -> Written + Sync)),
    scene: Scene<'_>,
) -> Result<(), Failure> {
    if let Some(Pending { sent_at, .. }) = pending {
        let over = sent_at + scene.style.call_timeout;
        if scene.clock.now() < over {
            return Err(Failure::NotBefore(over));
        }
    }
    let chat = &scene.message.chat_id;
    let client = &scene.platform.client;
    let operation = [Operation::InsertBlocks(chunk.to_vec())];
    let mut attempt = 1;
    loop {
        let announcement = client
            .get_announcement(chat)
            .await
            .map_err(call(Call::ReadAnnouncement))?;
        let stands = read_document(&announcement)?;
        let seen_before = occurrences(chunk, &stands);
        if pending.is_some_and(|pending| seen_before > pending.seen_before) {
            return Ok(());
        }
        let sent_at = scene.clock.now();
        let sent = Some(Pending {
            seen_before,
            sent_at,
        });
        scene.save(draft, Some(so_far(sent))).await?;
        match client
            .patch_announcement(chat, announcement.revision, &operation)
            .await
        {
            Ok(()) => return Ok(()),
            Err(error) if error.code() == Some(UPDATE_FAILED) && attempt < ATTEMPTS => attempt += 1,
            Err(error) => {
                if !error.may_have_taken_effect() {
                    // Nothing is under way, so the next attempt need not wait.
                    scene.save(draft, Some(so_far(None))).await?;
                }
                return Err(call(Call::WriteAnnouncement)(error));
            }
        }
    }
}

/// How often exactly these blocks stand in the document, one after another.
pub(super) fn occurrences(chunk: &[LegacyBlock], document: &LegacyDocument) -> usize {
    document
        .blocks
        .windows(chunk.len().max(1))
        .filter(|run| {
            run.iter()
                .zip(chunk)
                .all(|(placed, block)| placed.holds(block))
        })
        .count()
}
