//! What both kinds of announcement share: limits, codes, and what was written.

use feishu::{Error, LegacyAnnouncement, LegacyDocument};

use crate::action::context::{AnnouncementRequest, Context, Effect, Failure};
use crate::command::Replace;
use crate::content::Snapshot;
use crate::model::change::{AnnouncementState, Change, ChangeKind, PlacedEntry};
use crate::model::outcome::Done;
use crate::model::refusal::{Call, Cause};
use crate::model::schedule::SUMMARY;

/// The most UTF-16 units that one announcement takes, a `docx` text block's
/// limit.
pub(crate) const TEXT_LIMIT: usize = 100_000;

/// One call of the old kind takes ten operations: a deletion and nine insertions
/// of 50 lines. A longer text belongs into a document.
pub(crate) const LINE_LIMIT: usize = 450;

/// What is replaced must be written again by one such call, too.
const FORMER_LIMIT: usize = LINE_LIMIT;

/// The memory that it takes as values, in bytes: several times that of 450 lines as people write
/// them. It is held several times over.
const FORMER_WEIGHT: usize = 4 << 20;

/// A text of more bytes is read in a thread of its own.
pub(crate) const LONG_TEXT: usize = 16 * 1024;

/// An entry as it stands once it is written.
pub(crate) struct WrittenEntry {
    pub(crate) placed: PlacedEntry,
    /// What it came in the place of.
    pub(crate) before: AnnouncementState,
    /// So many blocks of others stand there beside an entry that was to replace
    /// them: they were typed or changed meanwhile.
    pub(crate) others: usize,
    /// Why what it was to replace still stands, if it does.
    pub(crate) left: Option<Failure>,
}

impl WrittenEntry {
    /// Above all that stood there.
    pub(crate) fn above(placed: PlacedEntry) -> Self {
        Self {
            placed,
            before: AnnouncementState::Others,
            others: 0,
            left: None,
        }
    }

    /// What has come of the command, and what has not.
    pub(crate) fn effect(
        self,
        AnnouncementRequest { document, options }: AnnouncementRequest<'_>,
        context: Context<'_>,
    ) -> (Effect, Option<Failure>) {
        let (kind, done) = match self.before {
            AnnouncementState::Body(_) => (
                ChangeKind::Replace,
                Done::Replaced {
                    others: self.others,
                },
            ),
            _ => (ChangeKind::Announce, Done::Announced),
        };
        let done = if document.left_out.is_empty() {
            done
        } else {
            Done::LeftOut {
                done: Box::new(done),
                media: document.left_out.clone(),
            }
        };
        let done = if document.unformatted {
            Done::Unformatted(Box::new(done))
        } else {
            done
        };
        // What cannot be deleted has no end.
        let endless = matches!(self.left, Some(Failure::Refused(Cause::CannotDelete)));
        let effect = Effect {
            wrote: Some((kind, document.first_characters(SUMMARY))),
            change: Some(Change::of_announcement(
                self.before,
                AnnouncementState::Entry(self.placed),
            )),
            until: context.until(options.duration).filter(|_| !endless),
            ..Effect::new(done)
        };
        (effect, self.left)
    }
}

/// Refuses to replace what is too large to be saved, before it is copied.
pub(crate) fn expect_light(weight: usize) -> Result<(), Cause> {
    if weight > FORMER_WEIGHT {
        return Err(Cause::FormerTooLong {
            limit: FORMER_LIMIT,
        });
    }
    Ok(())
}

/// Refuses to replace what could not be written again.
pub(crate) fn expect_writable(snapshot: &Snapshot, how: Replace) -> Result<(), Cause> {
    if snapshot.block_count() > FORMER_LIMIT {
        return Err(Cause::FormerTooLong {
            limit: FORMER_LIMIT,
        });
    }
    match how {
        Replace::Safely if !snapshot.lost.is_empty() => Err(Cause::CannotWriteBack {
            things: snapshot.lost.iter().copied().collect(),
        }),
        Replace::Safely | Replace::Insisting => Ok(()),
    }
}

pub(crate) fn call(call: Call) -> impl FnOnce(Error) -> Failure {
    move |error| match call {
        Call::ReadAnnouncement if error.is_too_large() => Cause::AnnouncementTooLong.into(),
        call => Failure::Call(call, error),
    }
}

pub(crate) fn read_document(announcement: &LegacyAnnouncement) -> Result<LegacyDocument, Cause> {
    announcement.document().map_err(|error| {
        tracing::error!(
            at = error.column(),
            "the announcement's content cannot be read"
        );
        Cause::Internal
    })
}
