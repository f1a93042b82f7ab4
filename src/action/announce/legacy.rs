//! Writes blocks into a `doc` announcement, with one call: above the content, instead of it, or
//! instead of an entry.
//!
//! An insertion takes 50 blocks, so a longer text needs several insertions at the same position.
//! Their resulting order is not documented: it is checked afterwards, corrected if needed, and
//! remembered.

use std::ops::Range;

use feishu::{InsertLocation, LegacyAnnouncement, LegacyBlock, LegacyDocument, Operation, codes};

use super::{AnnouncementRequest, Context, Failure};
use crate::action::announce::common::{
    WrittenEntry, failed, read_document, refuse_too_large, refuse_unrestorable,
};
use crate::command::Replace;
use crate::content::{Entry, Snapshot};
use crate::model::change::{PlacedBlocks, PlacedEntry};
use crate::model::outcome::NotCopied;
use crate::model::progress::{
    EditProgress, EditStep, InsertOrder, LegacyCall, PendingRequest, WriteProgress,
};
use crate::model::refusal::{Call, Cause};

/// Maximum number of blocks per insertion. One call takes ten operations, enough for a deletion and
/// any entry.
const CHUNK: usize = 50;
/// Attempts while the response is [`codes::LEGACY_UPDATE_FAILED`]. Then the same number of attempts
/// without the likely causes: first without mentions, because a person whom the bot cannot see is
/// rejected; then without the deletion, because some announcements do not allow it.
pub(super) const ATTEMPTS: usize = 3;

/// Writes the entry, unless an earlier attempt did.
pub(super) async fn write(
    entry: &Entry,
    request: AnnouncementRequest<'_>,
    context: Context<'_>,
) -> Result<WrittenEntry, Failure> {
    let (call, snapshot, mut cannot_delete) = match context.written() {
        Some(WriteProgress::Legacy {
            call,
            snapshot,
            cannot_delete,
        }) => (call, snapshot, cannot_delete),
        _ => Default::default(),
    };
    let without_mentions = entry.mentions_anybody().then(|| entry.without_mentions());
    let mut writing = LegacyWrite {
        blocks: entry.to_legacy(),
        blocks_without_mentions: without_mentions.map(|entry| entry.to_legacy()),
        position: match request.options.replace {
            Some(how) if !cannot_delete => WritePosition::Body { how, snapshot },
            _ => WritePosition::Top,
        },
        call,
        short: false,
        request,
        context,
    };
    match writing.run().await {
        Err(failure) if is_refused(&failure) && !matches!(writing.position, WritePosition::Top) => {
            writing.position = WritePosition::Top;
            writing.call.without_mentions = false;
            cannot_delete = true;
            writing.run().await?;
        }
        ended => ended?,
    }
    let written = WrittenEntry::new(PlacedEntry {
        entry: entry.clone(),
        without_mentions: writing.call.without_mentions,
        kind: PlacedBlocks::Doc,
    });
    Ok(WrittenEntry {
        replaced: match writing.position {
            WritePosition::Body { snapshot, .. } => snapshot,
            WritePosition::Top | WritePosition::Entry(_) | WritePosition::Edited(..) => None,
        },
        not_deleted: cannot_delete.then(|| Cause::CannotDelete.into()),
        named: request.document.media_named(if context.settings.images {
            NotCopied::OldKind
        } else {
            NotCopied::Off
        }),
        ..written
    })
}

/// Whether the platform rejects the update as it is.
pub(super) fn is_refused(failure: &Failure) -> bool {
    matches!(failure, Failure::Refused(Cause::CannotDelete))
        || code(failure) == Some(codes::LEGACY_UPDATE_FAILED)
}

/// Whether a too long run of text may be the cause.
fn may_be_over_length(failure: &Failure) -> bool {
    matches!(
        code(failure),
        Some(codes::FIELD_INVALID | codes::CHAT_INVALID_PARAMETER | codes::LEGACY_UPDATE_FAILED)
    )
}

/// The error code of a failed write.
fn code(failure: &Failure) -> Option<i64> {
    match failure {
        Failure::Call(Call::WriteAnnouncement, error) => error.code(),
        _ => None,
    }
}

/// The position at which blocks are written.
pub(super) enum WritePosition<'a> {
    /// Above the content.
    Top,
    /// Instead of the content, as it was last read.
    Body {
        how: Replace,
        snapshot: Option<Snapshot>,
    },
    /// Instead of this entry; above the content if nothing of the entry is left.
    Entry(&'a [LegacyBlock]),
    /// Instead of this entry, which must be there; with the progress of the edit.
    Edited(&'a [LegacyBlock], &'a EditProgress),
}

pub(super) struct LegacyWrite<'a> {
    pub(super) blocks: Vec<LegacyBlock>,
    /// The same blocks with names instead of mentions, if there are any.
    pub(super) blocks_without_mentions: Option<Vec<LegacyBlock>>,
    pub(super) position: WritePosition<'a>,
    pub(super) call: LegacyCall,
    /// Whether long runs of text are split.
    pub(super) short: bool,
    pub(super) request: AnnouncementRequest<'a>,
    pub(super) context: Context<'a>,
}

impl LegacyWrite<'_> {
    /// Writes the blocks, unless a request whose response was lost did. If the platform rejects
    /// them, names are written instead of mentions.
    pub(super) async fn run(&mut self) -> Result<(), Failure> {
        match self.attempt_in_short_runs().await {
            Err(failure) if is_refused(&failure) && self.drop_mentions() => {
                self.attempt_in_short_runs().await
            }
            ended => ended,
        }
    }

    /// If a run may be too long, long ones are split.
    async fn attempt_in_short_runs(&mut self) -> Result<(), Failure> {
        match self.attempt().await {
            Err(failure)
                if !self.short
                    && may_be_over_length(&failure)
                    && feishu::with_short_legacy_runs(&self.blocks()).is_some() =>
            {
                self.short = true;
                self.attempt().await
            }
            ended => ended,
        }
    }

    /// Writes names instead of mentions from now on; `false` if there are no mentions.
    fn drop_mentions(&mut self) -> bool {
        let can = self.blocks_without_mentions.is_some() && !self.call.without_mentions;
        self.call.without_mentions |= can;
        can
    }

    fn blocks(&self) -> Vec<LegacyBlock> {
        let blocks = match &self.blocks_without_mentions {
            Some(blocks) if self.call.without_mentions => blocks,
            _ => &self.blocks,
        };
        let short = self.short.then(|| feishu::with_short_legacy_runs(blocks));
        short.flatten().unwrap_or_else(|| blocks.clone())
    }

    async fn attempt(&mut self) -> Result<(), Failure> {
        ensure_not_in_flight(self.call.pending, self.context)?;
        let blocks = self.blocks();
        let takes_several = blocks.len() > CHUNK;
        let mut attempt = 1;
        // The last request that the platform acknowledged.
        let mut acknowledged: Option<InsertOrder> = None;
        loop {
            let (announcement, document) = read(self.context).await?;
            let seen_before = occurrences(&blocks, &document);
            if self.is_written(&blocks, seen_before, &document) {
                return Ok(());
            }
            let reversed = self
                .call
                .pending
                .filter(|_| takes_several)
                .zip(find(&chunks(&blocks, true).concat(), &document));
            if acknowledged.is_some_and(|order| order.repairs || reversed.is_none()) {
                let is_disordered = reversed.is_some()
                    || (seen_before == 0 && contains_all_chunks(&blocks, &document));
                // Otherwise a member has edited the blocks since.
                return if is_disordered {
                    Err(Cause::Disordered.into())
                } else {
                    Ok(())
                };
            }
            let (order, range) = match reversed {
                Some((pending, range)) => (self.repair_order(pending.order), Some(range)),
                None => (self.expected_order(), self.range_to_delete(&document)?),
            };
            let operations = operations(&blocks, range, order.later_first);
            let pending = PendingRequest {
                seen_before,
                sent_at: self.context.clock.now(),
                order,
            };
            match self.send(&announcement, pending, &operations).await {
                Ok(()) if !takes_several => return Ok(()),
                Ok(()) => acknowledged = Some(order),
                Err(failure) if is_refused(&failure) && attempt < ATTEMPTS => attempt += 1,
                Err(failure) if is_refused(&failure) && order.repairs => {
                    return Err(Cause::Disordered.into());
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    fn expected_order(&self) -> InsertOrder {
        InsertOrder {
            later_first: self.context.platform.later_insert_is_first(),
            repairs: false,
        }
    }

    /// The order in which to rewrite reversed blocks: the opposite of what the request expected. Other
    /// requests may have learned the platform's order in the meantime.
    fn repair_order(&self, expected: InsertOrder) -> InsertOrder {
        let later_first = if expected.repairs {
            // The response was lost, and the blocks are unchanged.
            expected.later_first
        } else {
            let observed = !expected.later_first;
            self.context.platform.learn_insert_order(observed);
            observed
        };
        InsertOrder {
            later_first,
            repairs: true,
        }
    }

    /// Whether the last request wrote the blocks.
    fn is_written(&self, blocks: &[LegacyBlock], seen: usize, document: &LegacyDocument) -> bool {
        let Some(pending) = self.call.pending else {
            return false;
        };
        // The replaced content may have had the same lines, so that the number is the same.
        let has_replaced = matches!(&self.position, WritePosition::Body { snapshot: Some(snapshot), .. }
            if !contains(snapshot, document));
        // The former text may have contained the same lines.
        let has_edited = matches!(&self.position, WritePosition::Edited(entry, _)
            if find(entry, document).is_none() && seen > 0);
        seen > pending.seen_before || has_edited || (has_replaced && is_all(blocks, document))
    }

    /// The range to delete before the blocks are inserted.
    fn range_to_delete(&mut self, document: &LegacyDocument) -> Result<Option<Range<u64>>, Cause> {
        let was_sent = self.call.pending.is_some();
        match &mut self.position {
            WritePosition::Top => Ok(None),
            WritePosition::Body { how, snapshot } => {
                // It is unknown whether the last request succeeded before somebody edited
                // everything.
                let is_changed = |snapshot: &Snapshot| !contains(snapshot, document);
                if was_sent && snapshot.as_ref().is_some_and(is_changed) {
                    return Err(Cause::Unclear);
                }
                refuse_too_large(Snapshot::weight_of_legacy(document))?;
                let body = Snapshot::of_legacy(document);
                refuse_unrestorable(&body, *how)?;
                *snapshot = Some(body);
                let range = document.body_range().ok_or(Cause::CannotDelete)?;
                Ok(Some(range).filter(|range| !range.is_empty()))
            }
            WritePosition::Entry(entry) => find_unedited(entry, document),
            WritePosition::Edited(entry, _) => {
                let range = find_unedited(entry, document)?;
                range.map(Some).ok_or(Cause::EntryGone)
            }
        }
    }

    /// Stores the request, then makes it. If it certainly had no effect, a repair leaves the request
    /// before it in flight.
    async fn send(
        &mut self,
        announcement: &LegacyAnnouncement,
        pending: PendingRequest,
        operations: &[Operation],
    ) -> Result<(), Failure> {
        let context = self.context;
        let earlier = self.call.pending.filter(|_| pending.order.repairs);
        self.call.pending = Some(pending);
        self.save().await?;
        let client = context.client;
        let sent = client
            .patch_announcement(context.chat_id, announcement.revision, operations)
            .await;
        if let Err(error) = &sent
            && !error.may_have_taken_effect()
        {
            // The next attempt need not wait for this request.
            self.call.pending = earlier;
            self.save().await?;
        }
        sent.map_err(failed(Call::WriteAnnouncement))
    }

    async fn save(&self) -> Result<(), Failure> {
        let call = self.call;
        let written = match &self.position {
            WritePosition::Top => WriteProgress::Legacy {
                call,
                snapshot: None,
                cannot_delete: self.request.options.replace.is_some(),
            },
            WritePosition::Body { snapshot, .. } => WriteProgress::Legacy {
                call,
                snapshot: snapshot.clone(),
                cannot_delete: false,
            },
            WritePosition::Entry(_) => WriteProgress::LegacyRevert(call),
            WritePosition::Edited(_, progress) => WriteProgress::Edit(Box::new(EditProgress {
                step: EditStep::Legacy(call),
                ..(*progress).clone()
            })),
        };
        self.context.save(self.request, Some(written)).await
    }
}

/// The announcement, and its revision.
pub(super) async fn read(
    context: Context<'_>,
) -> Result<(LegacyAnnouncement, LegacyDocument), Failure> {
    let client = context.client;
    let announcement = client
        .get_announcement(context.chat_id)
        .await
        .map_err(failed(Call::ReadAnnouncement))?;
    let document = read_document(&announcement)?;
    Ok((announcement, document))
}

/// Deletes the range and inserts the blocks there, or at the top.
fn operations(
    blocks: &[LegacyBlock],
    range: Option<Range<u64>>,
    later_first: bool,
) -> Vec<Operation> {
    let location = match &range {
        Some(range) => InsertLocation::Index(range.start),
        None => InsertLocation::StartOfZone,
    };
    let insertions = chunks(blocks, later_first)
        .into_iter()
        .map(|chunk| Operation::InsertBlocks(location, chunk.to_vec()));
    let deletion = range.map(Operation::DeleteContentRange);
    deletion.into_iter().chain(insertions).collect()
}

/// Whether the document contains every chunk, in any order.
fn contains_all_chunks(blocks: &[LegacyBlock], document: &LegacyDocument) -> bool {
    chunks(blocks, false)
        .into_iter()
        .all(|chunk| occurrences(chunk, document) > 0)
}

/// The blocks of each insertion, the last one first if asked.
fn chunks(blocks: &[LegacyBlock], last_first: bool) -> Vec<&[LegacyBlock]> {
    let mut chunks: Vec<&[LegacyBlock]> = blocks.chunks(CHUNK).collect();
    if last_first {
        chunks.reverse();
    }
    chunks
}

/// Fails while a request whose response was lost may be in flight: until then, reading proves
/// nothing.
pub(super) fn ensure_not_in_flight(
    pending: Option<PendingRequest>,
    context: Context<'_>,
) -> Result<(), Failure> {
    match pending.map(|pending| pending.sent_at + context.settings.call_timeout) {
        Some(over) if context.clock.now() < over => Err(Failure::NotBefore(over)),
        _ => Ok(()),
    }
}

/// The number of occurrences of these blocks, consecutive, in the document.
pub(super) fn occurrences(blocks: &[LegacyBlock], document: &LegacyDocument) -> usize {
    starts(blocks, document).count()
}

/// The range of the first occurrence, with the line break after it if something follows.
pub(super) fn find(blocks: &[LegacyBlock], document: &LegacyDocument) -> Option<Range<u64>> {
    let at = starts(blocks, document).next()?;
    let run = document.blocks.get(at..at + blocks.len())?;
    let start = run.first()?.range.as_ref()?.start;
    let end = run.last()?.range.as_ref()?.end;
    let something_follows = at + blocks.len() < document.blocks.len();
    Some(start..end + u64::from(something_follows))
}

/// The range of an entry, if any of it is left. Fails if a member has edited it.
pub(super) fn find_unedited(
    entry: &[LegacyBlock],
    document: &LegacyDocument,
) -> Result<Option<Range<u64>>, Cause> {
    match find(entry, document) {
        None if contains_any_line(entry, document) => Err(Cause::EntryChanged),
        found => Ok(found),
    }
}

/// The index of each occurrence of these blocks.
fn starts(blocks: &[LegacyBlock], document: &LegacyDocument) -> impl Iterator<Item = usize> {
    let windows = document.blocks.windows(blocks.len().max(1)).enumerate();
    windows
        .filter(move |(_, run)| {
            run.iter()
                .zip(blocks)
                .all(|(placed, block)| placed.holds(block))
        })
        .map(|(at, _)| at)
}

/// Whether the document contains any line with text of the entry.
pub(super) fn contains_any_line(blocks: &[LegacyBlock], document: &LegacyDocument) -> bool {
    document.blocks.iter().any(|placed| {
        placed.text.as_ref().is_some_and(|text| !text.is_empty())
            && blocks.iter().any(|block| placed.holds(block))
    })
}

/// Whether the document consists of these blocks only.
fn is_all(blocks: &[LegacyBlock], document: &LegacyDocument) -> bool {
    let all = Snapshot::of_legacy(document).line_count();
    all == blocks.len() && occurrences(blocks, document) > 0
}

/// Whether the document contains the saved content unchanged.
pub(super) fn contains(snapshot: &Snapshot, document: &LegacyDocument) -> bool {
    snapshot.is_part_of(&snapshot.current_legacy(document))
}
