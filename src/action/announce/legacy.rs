//! Writing blocks into a `doc` announcement: above all that stands there, in
//! the place of all of it, or in the place of an entry, by one call.
//!
//! An insertion takes 50 blocks, so a longer text takes several, at the same
//! place. Which of them then stands first, no page says; so it is looked at
//! afterwards, put right if need be, and known from then on.

use std::ops::Range;

use feishu::{InsertLocation, LegacyAnnouncement, LegacyBlock, LegacyDocument, Operation, codes};

use super::{AnnouncementRequest, Context, Failure};
use crate::action::announce::common::{
    WrittenEntry, call, expect_light, expect_writable, read_document,
};
use crate::command::Replace;
use crate::content::{Entry, Snapshot};
use crate::model::change::{AnnouncementState, PlacedBlocks, PlacedEntry};
use crate::model::progress::{Pending, WriteProgress};
use crate::model::refusal::{Call, Cause};

/// The most blocks that one insertion takes. One call takes ten operations, and
/// thus a deletion and any entry.
const CHUNK: usize = 50;
/// How often a call is made while the answer is [`codes::LEGACY_UPDATE_FAILED`]. After that
/// so often again without what may be the reason: mentions, because a person
/// whom the bot cannot see is refused; then the deletion, because some
/// announcements let nothing be deleted.
pub(super) const ATTEMPTS: usize = 3;

/// Writes the entry, unless an earlier attempt has.
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

/// Whether the platform does not take the update as it is.
pub(super) fn is_refused(failure: &Failure) -> bool {
    match failure {
        Failure::Call(Call::WriteAnnouncement, error) => {
            error.code() == Some(codes::LEGACY_UPDATE_FAILED)
        }
        Failure::Refused(Cause::CannotDelete) => true,
        _ => false,
    }
}

/// Whether a run of text that is too long may be the reason.
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

/// Where blocks are written.
pub(super) enum Place<'a> {
    /// Above all that stands there.
    Top,
    /// In the place of all that stands there, as it was when last read.
    Body {
        how: Replace,
        snapshot: Option<Snapshot>,
    },
    /// In the place of this entry, or above all where nothing of it is left.
    Entry(&'a [LegacyBlock]),
}

/// Blocks on their way.
pub(super) struct Writing<'a> {
    pub(super) named: Vec<LegacyBlock>,
    /// The same with nobody mentioned, where people are.
    pub(super) unnamed: Option<Vec<LegacyBlock>>,
    pub(super) place: Place<'a>,
    pub(super) pending: Option<Pending>,
    pub(super) nameless: bool,
    /// Whether runs of text are cut.
    pub(super) short: bool,
    pub(super) draft: AnnouncementRequest<'a>,
    pub(super) context: Context<'a>,
}

/// One request of several insertions.
#[derive(Debug, Clone, Copy)]
struct InsertOrder {
    /// Whether the last insertion is expected to come out first.
    later_first: bool,
    /// Whether the request puts blocks in order that came out reversed.
    repairs: bool,
}

impl Writing<'_> {
    /// Writes the blocks, unless they are there already from a request whose
    /// answer was lost. Blocks that came out in reverse are written again once,
    /// and read again after that.
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
                // Otherwise somebody has edited the blocks since.
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

    /// How to write blocks again that came out in reverse. What the request
    /// itself expected tells the platform's order; other requests may have
    /// learned it meanwhile.
    fn repair_order(&self, pending: Pending) -> InsertOrder {
        let later_first = if pending.repairs {
            // Its answer was lost, and the blocks are as they were before it.
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

    /// Leaves mentions out from now on; `false` if there are none left.
    pub(super) fn drop_mentions(&mut self) -> bool {
        let can = self.unnamed.is_some() && !self.nameless;
        self.nameless |= can;
        can
    }

    /// Whether the blocks have come since the last request was sent.
    fn stand_newly(&self, blocks: &[LegacyBlock], seen: usize, document: &LegacyDocument) -> bool {
        let Some(pending) = self.pending else {
            return false;
        };
        // What they replace may have held the same lines, so that there are no more of them now.
        let replaces_them = matches!(&self.place, Place::Body { snapshot: Some(snapshot), .. }
            if !stands(snapshot, document));
        seen > pending.seen_before || (replaces_them && is_all(blocks, document))
    }

    /// What has to go so that the blocks can come.
    fn make_room(&mut self, document: &LegacyDocument) -> Result<Option<Range<u64>>, Cause> {
        let was_sent = self.pending.is_some();
        match &mut self.place {
            Place::Top => Ok(None),
            Place::Body { how, snapshot } => {
                // Nothing tells whether the last request was done before
                // somebody changed all that it was about.
                if was_sent
                    && snapshot
                        .as_ref()
                        .is_some_and(|snapshot| !stands(snapshot, document))
                {
                    return Err(Cause::Unclear);
                }
                expect_light(Snapshot::weight_of_legacy(document))?;
                let body = Snapshot::of_legacy(document);
                expect_writable(&body, *how)?;
                *snapshot = Some(body);
                let range = document.body_range().ok_or(Cause::CannotDelete)?;
                Ok(Some(range).filter(|range| !range.is_empty()))
            }
            Place::Entry(entry) => match find(entry, document) {
                None if stands_partly(entry, document) => Err(Cause::EntryChanged),
                found => Ok(found),
            },
        }
    }

    /// Makes one call, remembered before it is made; if nothing came of it, this
    /// is `still` under way.
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
                    // So the next attempt need not wait for this one.
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
            Place::Entry(_) => WriteProgress::Removal { pending, nameless },
        };
        self.context.save(self.draft, Some(written)).await
    }

    /// The entry as it stands now.
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

/// The announcement and the revision at which it was read.
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

/// Deletes the range and inserts the blocks in its place, or at the top.
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

/// Whether every part stands in the document, in whatever order.
fn all_chunks_stand(blocks: &[LegacyBlock], document: &LegacyDocument) -> bool {
    chunks(blocks, false)
        .into_iter()
        .all(|chunk| occurrences(chunk, document) > 0)
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
pub(super) fn wait_out(pending: Option<Pending>, context: Context<'_>) -> Result<(), Failure> {
    match pending.map(|pending| pending.sent_at + context.settings.call_timeout) {
        Some(over) if context.clock.now() < over => Err(Failure::NotBefore(over)),
        _ => Ok(()),
    }
}

/// How often exactly these blocks stand in the document, one after another.
pub(super) fn occurrences(blocks: &[LegacyBlock], document: &LegacyDocument) -> usize {
    runs(blocks, document).count()
}

/// Where the first run of exactly these blocks stands, with the line break
/// after it if something follows.
pub(super) fn find(blocks: &[LegacyBlock], document: &LegacyDocument) -> Option<Range<u64>> {
    let at = runs(blocks, document).next()?;
    let run = document.blocks.get(at..at + blocks.len())?;
    let start = run.first()?.range.as_ref()?.start;
    let end = run.last()?.range.as_ref()?.end;
    let something_follows = at + blocks.len() < document.blocks.len();
    Some(start..end + u64::from(something_follows))
}

/// Where exactly these blocks stand, one after another.
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

/// Whether a line of the entry that says something is still there.
pub(super) fn stands_partly(blocks: &[LegacyBlock], document: &LegacyDocument) -> bool {
    document.blocks.iter().any(|placed| {
        placed.text.as_ref().is_some_and(|text| !text.is_empty())
            && blocks.iter().any(|block| placed.holds(block))
    })
}

/// Whether nothing but these blocks stands in the document.
fn is_all(blocks: &[LegacyBlock], document: &LegacyDocument) -> bool {
    let all = Snapshot::of_legacy(document).blocks.len();
    all == blocks.len() && occurrences(blocks, document) > 0
}

/// Whether what was saved stands in the document as it was.
pub(super) fn stands(snapshot: &Snapshot, document: &LegacyDocument) -> bool {
    let now = snapshot.now_in_legacy(document).blocks;
    snapshot.is_empty()
        || now
            .windows(snapshot.blocks.len())
            .any(|run| run == snapshot.blocks)
}
