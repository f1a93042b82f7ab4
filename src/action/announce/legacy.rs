//! Writing an entry into a `doc` announcement: paragraphs inserted right after
//! the title, all by one call.
//!
//! An insertion takes 50 blocks, so a longer entry takes several, at the same
//! place. Which of them then stands first, no page says; so it is looked at
//! afterwards, put right if need be, and known from then on.

use feishu::{LegacyAnnouncement, LegacyBlock, LegacyDocument, Operation};

use super::remove::find;
use super::{Draft, Failure, Scene, UPDATE_FAILED, call, read_document};
use crate::change::Placed;
use crate::content::Entry;
use crate::outcome::{Call, Refusal};
use crate::store::{Pending, Written};

/// The most blocks that one insertion takes. One call takes ten, and thus any
/// entry.
const CHUNK: usize = 50;
/// How often a call is made while the answer is [`UPDATE_FAILED`]; after that
/// once more so often without mentions, because a person whom the bot cannot
/// see is refused.
const ATTEMPTS: usize = 3;

/// Writes the entry, unless an earlier attempt has.
pub(super) async fn write(
    entry: &Entry,
    draft: Draft<'_>,
    scene: Scene<'_>,
) -> Result<Placed, Failure> {
    let (mut pending, mut nameless) = match scene.written() {
        Some(Written::Legacy { pending, nameless }) => (pending, nameless),
        _ => (None, false),
    };
    loop {
        let blocks = if nameless {
            entry.nameless().to_legacy()
        } else {
            entry.to_legacy()
        };
        let writing = Writing {
            blocks: &blocks,
            nameless,
            draft,
            scene,
        };
        match writing.insert(pending).await {
            Ok(()) => {
                return Ok(Placed {
                    entry: entry.clone(),
                    nameless,
                    blocks: None,
                });
            }
            Err(Failure::Call(Call::WriteAnnouncement, error))
                if error.code() == Some(UPDATE_FAILED) && entry.names_anybody() && !nameless =>
            {
                nameless = true;
                pending = None;
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// The blocks of an entry on their way.
struct Writing<'a> {
    blocks: &'a [LegacyBlock],
    nameless: bool,
    draft: Draft<'a>,
    scene: Scene<'a>,
}

impl Writing<'_> {
    /// Inserts the blocks, unless they stand there already from a request whose
    /// answer was lost.
    async fn insert(&self, mut pending: Option<Pending>) -> Result<(), Failure> {
        wait_out(pending, self.scene)?;
        let mut was_put_right = false;
        let mut attempt = 1;
        let mut is_written = false;
        loop {
            let (announcement, document) = self.read().await?;
            let seen_before = occurrences(self.blocks, &document);
            if pending.is_some_and(|pending| seen_before > pending.seen_before) {
                return Ok(());
            }
            if pending.is_some() && !was_put_right && self.takes_several() {
                let turned = chunks(self.blocks, true).concat();
                if let Some(range) = find(&turned, &document) {
                    let delete = [Operation::DeleteContentRange(range)];
                    match self
                        .send(&announcement, seen_before, &delete, pending)
                        .await
                    {
                        Ok(sent) => {
                            self.scene.platform.turn_insert_order();
                            (pending, was_put_right, is_written) = (Some(sent), true, false);
                        }
                        Err(Failure::Call(_, error)) if error.code() == Some(UPDATE_FAILED) => {
                            if attempt == ATTEMPTS {
                                return Err(Refusal::Disordered.into());
                            }
                            attempt += 1;
                        }
                        Err(failure) => return Err(failure),
                    }
                    continue;
                }
            }
            if is_written {
                // Somebody was faster than the look at it.
                return Ok(());
            }
            let later_first = self.scene.platform.later_insert_is_first();
            let insertions: Vec<Operation> = chunks(self.blocks, later_first)
                .into_iter()
                .map(|chunk| Operation::InsertBlocks(chunk.to_vec()))
                .collect();
            let sent = self.send(&announcement, seen_before, &insertions, None);
            match sent.await {
                Ok(_) if !self.takes_several() => return Ok(()),
                Ok(sent) => (pending, is_written) = (Some(sent), true),
                Err(Failure::Call(_, error))
                    if error.code() == Some(UPDATE_FAILED) && attempt < ATTEMPTS =>
                {
                    attempt += 1;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    fn takes_several(&self) -> bool {
        self.blocks.len() > CHUNK
    }

    async fn read(&self) -> Result<(LegacyAnnouncement, LegacyDocument), Failure> {
        let client = &self.scene.platform.client;
        let announcement = client
            .get_announcement(&self.scene.message.chat_id)
            .await
            .map_err(call(Call::ReadAnnouncement))?;
        let document = read_document(&announcement)?;
        Ok((announcement, document))
    }

    /// Makes one call, remembered before it is made; if nothing came of it, this
    /// is `still` under way.
    async fn send(
        &self,
        announcement: &LegacyAnnouncement,
        seen_before: usize,
        operations: &[Operation],
        still: Option<Pending>,
    ) -> Result<Pending, Failure> {
        let scene = self.scene;
        let sent = Pending {
            seen_before,
            sent_at: scene.clock.now(),
        };
        scene
            .save(self.draft, Some(self.so_far(Some(sent))))
            .await?;
        let chat = &scene.message.chat_id;
        let client = &scene.platform.client;
        match client
            .patch_announcement(chat, announcement.revision, operations)
            .await
        {
            Ok(()) => Ok(sent),
            Err(error) => {
                if !error.may_have_taken_effect() {
                    // So the next attempt need not wait for this one.
                    scene.save(self.draft, Some(self.so_far(still))).await?;
                }
                Err(call(Call::WriteAnnouncement)(error))
            }
        }
    }

    fn so_far(&self, pending: Option<Pending>) -> Written {
        Written::Legacy {
            pending,
            nameless: self.nameless,
        }
    }
}

/// The parts that one insertion each takes, the last one first if asked.
fn chunks(blocks: &[LegacyBlock], last_first: bool) -> Vec<&[LegacyBlock]> {
    let mut chunks: Vec<&[LegacyBlock]> = blocks.chunks(CHUNK).collect();
    if last_first {
        chunks.reverse();
    }
    chunks
}

/// A call whose answer was lost may be under way until its time is over; before
/// that, reading tells nothing.
pub(super) fn wait_out(pending: Option<Pending>, scene: Scene<'_>) -> Result<(), Failure> {
    match pending.map(|pending| pending.sent_at + scene.style.call_timeout) {
        Some(over) if scene.clock.now() < over => Err(Failure::NotBefore(over)),
        _ => Ok(()),
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
