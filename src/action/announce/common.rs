//! Shared by both kinds of announcement: limits, error mapping and the result of a write.

use std::collections::{BTreeMap, BTreeSet};

use feishu::{Error, LegacyAnnouncement, LegacyDocument, Medium};

use crate::action::context::{AnnouncementRequest, Context, Effect, Failure};
use crate::command::Replace;
use crate::content::{Document, Snapshot};
use crate::model::change::{AnnouncementState, Change, ChangeKind, PlacedEntry};
use crate::model::outcome::{Done, NotCopied};
use crate::model::refusal::{Call, Cause};
use crate::model::schedule::SUMMARY;

/// The maximum length of an announcement in UTF-16 units: the limit of a `docx` text block.
pub(crate) const TEXT_LIMIT: usize = 100_000;

/// One call to a `doc` announcement takes ten operations: a deletion and nine insertions of 50
/// lines. A longer text belongs in a document.
pub(crate) const LINE_LIMIT: usize = 450;

/// Replaced content must fit in one such call, too.
const SNAPSHOT_LIMIT: usize = LINE_LIMIT;

/// The maximum memory of replaced content as values, in bytes: several times that of 450 ordinary
/// lines. Several copies are held at a time.
const SNAPSHOT_WEIGHT: usize = 4 << 20;

/// Longer texts, in bytes, are parsed on a separate thread.
pub(crate) const LONG_TEXT: usize = 16 * 1024;

/// An entry after it was written.
pub(crate) struct WrittenEntry {
    pub(crate) entry: PlacedEntry,
    /// The content that it replaced.
    pub(crate) replaced: Option<Snapshot>,
    /// The number of blocks that should have been replaced but stay, because members wrote or
    /// edited them in the meantime.
    pub(crate) edited: usize,
    /// Why the old content was not deleted.
    pub(crate) not_deleted: Option<Failure>,
    /// The pictures and files that are named by lines.
    pub(crate) named: Vec<(Medium, NotCopied)>,
}

impl WrittenEntry {
    /// An entry that replaced nothing.
    pub(crate) fn new(entry: PlacedEntry) -> Self {
        Self {
            entry,
            replaced: None,
            edited: 0,
            not_deleted: None,
            named: Vec::new(),
        }
    }

    /// The effect of the command, and why it is incomplete.
    pub(crate) fn effect(
        self,
        AnnouncementRequest { document, options }: AnnouncementRequest<'_>,
        context: Context<'_>,
    ) -> (Effect, Option<Failure>) {
        let edited = self.edited;
        let (kind, mut done, before) = match self.replaced {
            Some(snapshot) => (
                ChangeKind::Replace,
                Done::Replaced { edited },
                AnnouncementState::Body(snapshot),
            ),
            None => (
                ChangeKind::Announce,
                Done::Announced,
                AnnouncementState::OtherContent,
            ),
        };
        done = noting_losses(noting_lines(done, document, self.named), document);
        // If nothing can be deleted, the entry cannot expire.
        let cannot_expire = matches!(
            self.not_deleted,
            Some(Failure::Refused(Cause::CannotDelete))
        );
        let after = AnnouncementState::Entry(self.entry);
        let effect = Effect {
            written: Some((kind, document.first_characters(SUMMARY))),
            change: Some(Change::of_announcement(before, after)),
            expires_at: context
                .expires_at(options.duration)
                .filter(|_| !cannot_expire),
            ..Effect::new(done)
        };
        (effect, self.not_deleted)
    }
}

/// Adds the pictures and files that are named by lines, those of each reason together.
pub(crate) fn noting_lines(
    done: Done,
    document: &Document,
    named: impl IntoIterator<Item = (Medium, NotCopied)>,
) -> Done {
    let over_limit = document.media().filter(|file| file.message.is_none());
    let over_limit = over_limit.map(|file| (file.medium, NotCopied::TooMany));
    let mut reasons: BTreeMap<NotCopied, BTreeSet<Medium>> = BTreeMap::new();
    for (medium, why) in named.into_iter().chain(over_limit) {
        reasons.entry(why).or_default().insert(medium);
    }
    reasons
        .into_iter()
        .fold(done, |done, (why, media)| Done::Named {
            done: Box::new(done),
            media,
            why,
        })
}

/// Adds what the document lost on its way from the message.
pub(crate) fn noting_losses(mut done: Done, document: &Document) -> Done {
    if !document.left_out.is_empty() {
        done = Done::LeftOut {
            done: Box::new(done),
            media: document.left_out.clone(),
        };
    }
    if document.unformatted {
        done = Done::Unformatted(Box::new(done));
    }
    done
}

/// Refuses to replace content that is too large to save, before it is copied.
pub(crate) fn refuse_too_large(weight: usize) -> Result<(), Cause> {
    if weight > SNAPSHOT_WEIGHT {
        return Err(Cause::SnapshotTooLong {
            limit: SNAPSHOT_LIMIT,
        });
    }
    Ok(())
}

/// Refuses to replace content that could not be restored.
pub(crate) fn refuse_unrestorable(snapshot: &Snapshot, how: Replace) -> Result<(), Cause> {
    if snapshot.line_count() > SNAPSHOT_LIMIT {
        return Err(Cause::SnapshotTooLong {
            limit: SNAPSHOT_LIMIT,
        });
    }
    match how {
        Replace::IfRestorable if !snapshot.lost.is_empty() => Err(Cause::CannotRestore {
            things: snapshot.lost.iter().copied().collect(),
        }),
        Replace::IfRestorable | Replace::Always => Ok(()),
    }
}

pub(crate) fn failed(call: Call) -> impl FnOnce(Error) -> Failure {
    move |error| match call {
        Call::ReadAnnouncement if error.is_too_large() => Cause::AnnouncementTooLong.into(),
        call => Failure::Call(call, error),
    }
}

pub(crate) fn read_document(announcement: &LegacyAnnouncement) -> Result<LegacyDocument, Cause> {
    announcement.document().map_err(|error| {
        tracing::error!(
            at = error.column(),
            "failed to parse the announcement's content"
        );
        Cause::Internal
    })
}
