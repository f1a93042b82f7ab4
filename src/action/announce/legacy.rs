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
    WrittenEntry, call, read_document, refuse_too_large, refuse_unrestorable,
};
use crate::command::Replace;
use crate::content::{Entry, Snapshot};
use crate::model::change::{AnnouncementState, PlacedBlocks, PlacedEntry};
use crate::model::progress::{Pending, WriteProgress};
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
    draft: AnnouncementRequest<'_>,
    context: Context<'_>,
) -> Result<WrittenEntry, Failure> {
    let (pending, nameless, snapshot, mut above) = match context.written() {
        Some(WriteProgress::Legacy {
            pending,
            nameless,
            snapshot,
            above,
        }) => (pending, nameless, snapshot, above),
        _ => (None, false, None, false),
    };
    let nameless_entry = entry.names_anybody().then(|| entry.nameless());
    let mut writing = Writing {
        named: entry.to_legacy(),
        unnamed: nameless_entry.map(|entry| entry.to_legacy()),
        place: match draft.options.replace {
            Some(how) if !above => Place::Body { how, snapshot },
            _ => Place::Top,
        },
        pending,
        nameless,
        short: false,
        draft,
        context,
    };
    while let Err(failure) = writing.run().await {
        if !is_refused(&failure) {
            return Err(failure);
        }
        if writing.drop_mentions() {
            continue;
        }
        if matches!(writing.place, Place::Top) {
            return Err(failure);
        }
        (writing.place, writing.nameless, above) = (Place::Top, false, true);
    }
    Ok(writing.stand(entry, above))
}

/// Whether the platform rejects the update as it is.
pub(super) fn is_refused(failure: &Failure) -> bool {
    match failure {
        Failure::Call(Call::WriteAnnouncement, error) => {
            error.code() == Some(codes::LEGACY_UPDATE_FAILED)
        }
        Failure::Refused(Cause::CannotDelete) => true,
        _ => false,
    }
}

/// Whether a too long run of text may be the cause.
fn may_be_over_length(failure: &Failure) -> bool {
    match failure {
        Failure::Call(Call::WriteAnnouncement, error) => {
            matches!(
                error.code(),
                Some(
                    codes::FIELD_INVALID
                        | codes::CHAT_INVALID_PARAMETER
                        | codes::LEGACY_UPDATE_FAILED
                )
            )
        }
        _ => false,
    }
}

/// The position at which blocks are written.
pub(super) enum Place<'a> {
    /// Above the content.
    Top,
    /// Instead of the content, as it was last read.
    Body {
        how: Replace,
        snapshot: Option<Snapshot>,
    },
    /// Instead of this entry; above the content if nothing of the entry is left.
    Entry(&'a [LegacyBlock]),
}

pub(super) struct Writing<'a> {
    pub(super) named: Vec<LegacyBlock>,
    /// The same blocks with names instead of mentions, if there are any.
    pub(super) unnamed: Option<Vec<LegacyBlock>>,
    pub(super) place: Place<'a>,
    pub(super) pending: Option<Pending>,
    pub(super) nameless: bool,
    /// Whether long runs of text are split.
    pub(super) short: bool,
    pub(super) draft: AnnouncementRequest<'a>,
    pub(super) context: Context<'a>,
}

/// The order of the insertions of a request.
#[derive(Debug, Clone, Copy)]
struct InsertOrder {
    /// Whether the platform is expected to put the last insertion first.
    later_first: bool,
    /// Whether the request rewrites blocks that came out in reverse order.
    repairs: bool,
}

impl Writing<'_> {
    /// Writes the blocks, unless a request whose response was lost did. Blocks in reverse order are
    /// rewritten once.
    pub(super) async fn run(&mut self) -> Result<(), Failure> {
        match self.attempt().await {
            Err(failure) if !self.short && may_be_over_length(&failure) => {
                if feishu::with_short_legacy_runs(&self.blocks()).is_none() {
                    return Err(failure);
                }
                self.short = true;
                self.attempt().await
            }
            ended => ended,
        }
    }

    fn blocks(&self) -> Vec<LegacyBlock> {
        let blocks = match &self.unnamed {
            Some(unnamed) if self.nameless => unnamed,
            _ => &self.named,
        };
        let short = self.short.then(|| feishu::with_short_legacy_runs(blocks));
        short.flatten().unwrap_or_else(|| blocks.clone())
    }

    async fn attempt(&mut self) -> Result<(), Failure> {
        wait_out(self.pending, self.context)?;
        let blocks = self.blocks();
        let takes_several = blocks.len() > CHUNK;
        let mut attempt = 1;
        // The last request that the platform acknowledged.
        let mut acknowledged: Option<InsertOrder> = None;
        loop {
            let (announcement, document) = read(self.context).await?;
            let seen_before = occurrences(&blocks, &document);
            if self.stand_newly(&blocks, seen_before, &document) {
                return Ok(());
            }
            let reversed = self
                .pending
                .filter(|_| takes_several)
                .zip(find(&chunks(&blocks, true).concat(), &document));
            if acknowledged.is_some_and(|order| order.repairs || reversed.is_none()) {
                let disordered = reversed.is_some()
                    || (seen_before == 0 && all_chunks_stand(&blocks, &document));
                // Otherwise a member has edited the blocks since.
                return if disordered {
                    Err(Cause::Disordered.into())
                } else {
                    Ok(())
                };
            }
            let (order, range) = if let Some((pending, range)) = reversed {
                (self.repair_order(pending), Some(range))
            } else {
                let later_first = self.context.platform.later_insert_is_first();
                let order = InsertOrder {
                    later_first,
                    repairs: false,
                };
                (order, self.make_room(&document)?)
            };
            let operations = operations(&blocks, range, order.later_first);
            let still = self.pending.filter(|_| order.repairs);
            let pending = Pending {
                seen_before,
                sent_at: self.context.clock.now(),
                later_first: order.later_first,
                repairs: order.repairs,
            };
            match self.send(&announcement, pending, &operations, still).await {
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

    /// The order in which to rewrite reversed blocks. What the request itself expected shows the
    /// platform's order; other requests may have learned it in the meantime.
    fn repair_order(&self, pending: Pending) -> InsertOrder {
        let later_first = if pending.repairs {
            // The response was lost, and the blocks are unchanged.
            pending.later_first
        } else {
            let observed = !pending.later_first;
            self.context.platform.learn_insert_order(observed);
            observed
        };
        InsertOrder {
            later_first,
            repairs: true,
        }
    }

    /// Writes names instead of mentions from now on; `false` if there are no mentions.
    pub(super) fn drop_mentions(&mut self) -> bool {
        let can = self.unnamed.is_some() && !self.nameless;
        self.nameless |= can;
        can
    }

    /// Whether the last request wrote the blocks.
    fn stand_newly(&self, blocks: &[LegacyBlock], seen: usize, document: &LegacyDocument) -> bool {
        let Some(pending) = self.pending else {
            return false;
        };
        // The replaced content may have had the same lines, so that the number is the same.
        let replaces_them = matches!(&self.place, Place::Body { snapshot: Some(snapshot), .. }
            if !stands(snapshot, document));
        seen > pending.seen_before || (replaces_them && is_all(blocks, document))
    }

    /// The range to delete before the blocks are inserted.
    fn make_room(&mut self, document: &LegacyDocument) -> Result<Option<Range<u64>>, Cause> {
        let was_sent = self.pending.is_some();
        match &mut self.place {
            Place::Top => Ok(None),
            Place::Body { how, snapshot } => {
                // It is unknown whether the last request succeeded before somebody edited
                // everything.
                if was_sent
                    && snapshot
                        .as_ref()
                        .is_some_and(|snapshot| !stands(snapshot, document))
                {
                    return Err(Cause::Unclear);
                }
                refuse_too_large(Snapshot::weight_of_legacy(document))?;
                let body = Snapshot::of_legacy(document);
                refuse_unrestorable(&body, *how)?;
                *snapshot = Some(body);
                let range = document.body_range().ok_or(Cause::CannotDelete)?;
                Ok(Some(range).filter(|range| !range.is_empty()))
            }
            Place::Entry(entry) => match find(entry, document) {
                None if contains_any_line(entry, document) => Err(Cause::EntryChanged),
                found => Ok(found),
            },
        }
    }

    /// Stores the request, then makes it. If it certainly had no effect, `still` is the request in
    /// flight.
    async fn send(
        &mut self,
        announcement: &LegacyAnnouncement,
        pending: Pending,
        operations: &[Operation],
        still: Option<Pending>,
    ) -> Result<(), Failure> {
        let context = self.context;
        self.pending = Some(pending);
        self.save().await?;
        let chat = context.chat_id;
        let client = &context.platform.client;
        match client
            .patch_announcement(chat, announcement.revision, operations)
            .await
        {
            Ok(()) => Ok(()),
            Err(error) => {
                if !error.may_have_taken_effect() {
                    // The next attempt need not wait for this request.
                    self.pending = still;
                    self.save().await?;
                }
                Err(call(Call::WriteAnnouncement)(error))
            }
        }
    }

    async fn save(&self) -> Result<(), Failure> {
        let (pending, nameless) = (self.pending, self.nameless);
        let written = match &self.place {
            Place::Top => WriteProgress::Legacy {
                pending,
                nameless,
                snapshot: None,
                above: self.draft.options.replace.is_some(),
            },
            Place::Body { snapshot, .. } => WriteProgress::Legacy {
                pending,
                nameless,
                snapshot: snapshot.clone(),
                above: false,
            },
            Place::Entry(_) => WriteProgress::LegacyRevert { pending, nameless },
        };
        self.context.save(self.draft, Some(written)).await
    }

    fn stand(self, entry: &Entry, above: bool) -> WrittenEntry {
        let placed = PlacedEntry {
            entry: entry.clone(),
            nameless: self.nameless,
            kind: PlacedBlocks::Doc,
        };
        let mut stand = WrittenEntry::above(placed);
        if let Place::Body {
            snapshot: Some(snapshot),
            ..
        } = self.place
        {
            stand.before = AnnouncementState::Body(snapshot);
        }
        stand.left = above.then(|| Cause::CannotDelete.into());
        stand
    }
}

/// The announcement, and its revision.
pub(super) async fn read(
    context: Context<'_>,
) -> Result<(LegacyAnnouncement, LegacyDocument), Failure> {
    let client = &context.platform.client;
    let announcement = client
        .get_announcement(context.chat_id)
        .await
        .map_err(call(Call::ReadAnnouncement))?;
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
fn all_chunks_stand(blocks: &[LegacyBlock], document: &LegacyDocument) -> bool {
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

/// Waits until a request whose response was lost cannot be in flight: before that, reading proves
/// nothing.
pub(super) fn wait_out(pending: Option<Pending>, context: Context<'_>) -> Result<(), Failure> {
    match pending.map(|pending| pending.sent_at + context.settings.call_timeout) {
        Some(over) if context.clock.now() < over => Err(Failure::NotBefore(over)),
        _ => Ok(()),
    }
}

/// The number of occurrences of these blocks, consecutive, in the document.
pub(super) fn occurrences(blocks: &[LegacyBlock], document: &LegacyDocument) -> usize {
    runs(blocks, document).count()
}

/// The range of the first occurrence, with the line break after it if something follows.
pub(super) fn find(blocks: &[LegacyBlock], document: &LegacyDocument) -> Option<Range<u64>> {
    let at = runs(blocks, document).next()?;
    let run = document.blocks.get(at..at + blocks.len())?;
    let start = run.first()?.range.as_ref()?.start;
    let end = run.last()?.range.as_ref()?.end;
    let something_follows = at + blocks.len() < document.blocks.len();
    Some(start..end + u64::from(something_follows))
}

/// The index of each occurrence of these blocks.
fn runs(blocks: &[LegacyBlock], document: &LegacyDocument) -> impl Iterator<Item = usize> {
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
    let all = Snapshot::of_legacy(document).blocks.len();
    all == blocks.len() && occurrences(blocks, document) > 0
}

/// Whether the document contains the saved content unchanged.
pub(super) fn stands(snapshot: &Snapshot, document: &LegacyDocument) -> bool {
    let now = snapshot.current_legacy(document).blocks;
    snapshot.is_empty()
        || now
            .windows(snapshot.blocks.len())
            .any(|run| run == snapshot.blocks)
}
