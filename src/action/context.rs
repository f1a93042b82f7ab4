//! What every action has at hand, and what it ends with.

use std::time::Duration;

use feishu::{ChatId, Clock, Sender};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::command::Span;
use crate::content::Document;
use crate::model::change::{Change, ChangeId, ChangeKind, PinnedItem};
use crate::model::job::ChatKey;
use crate::model::outcome::Done;
use crate::model::progress::{Progress, WriteProgress};
use crate::model::refusal::{Call, Cause, Stage};
use crate::model::schedule::AnnounceOptions;
use crate::platform::Platform;
use crate::store::{Job, Store, StoreError};

/// What an action came to.
#[derive(Debug)]
pub(crate) struct Effect {
    pub(crate) done: Done,
    /// What it changed in the chat.
    pub(crate) change: Option<Change>,
    /// The change that it took back.
    pub(crate) reverts: Option<ChangeId>,
    /// When what it did is to be taken back.
    pub(crate) until: Option<Timestamp>,
    /// What it did to the announcement, and the first words of what it wrote:
    /// before, neither may have been known.
    pub(crate) wrote: Option<(ChangeKind, String)>,
}

impl Effect {
    /// Nothing but this.
    pub(crate) fn new(done: Done) -> Self {
        Self {
            done,
            change: None,
            reverts: None,
            until: None,
            wrote: None,
        }
    }
}

/// Why an action did not end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It will not be done, for a reason that its author can be told.
    Refused(Cause),
    /// A call of the platform failed; whether to try again is for the caller to
    /// judge.
    Call(Call, feishu::Error),
    /// Some of it was done; this kept the rest from being done.
    Partway {
        stage: Stage,
        cause: Box<Failure>,
        /// What was done, if that is all that will be.
        effect: Option<Box<Effect>>,
    },
    /// Whether the message is for us at all could not be found out.
    Unaddressed(feishu::Error),
    /// It must not go on before then: a request whose answer was lost may still
    /// be under way.
    NotBefore(Timestamp),
    /// What must be remembered could not be stored; the store has logged why.
    Store,
}

impl Failure {
    /// The announcement was made, but not all of what was asked for.
    pub(crate) fn incomplete(stage: Stage, cause: Self, effect: Effect) -> Self {
        Self::Partway {
            stage,
            cause: Box::new(cause),
            effect: Some(Box::new(effect)),
        }
    }

    /// The same failure, after so many lines of an announcement stood.
    pub(crate) fn after(self, lines: usize, of: usize) -> Self {
        if lines == 0 {
            return self;
        }
        Self::Partway {
            stage: Stage::Partly { lines, of },
            cause: Box::new(self),
            effect: None,
        }
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Self::Refused(cause)
    }
}

impl From<StoreError> for Failure {
    fn from(_: StoreError) -> Self {
        Self::Store
    }
}

/// What an entry is made of, as progress remembers it.
#[derive(Clone, Copy)]
pub(crate) struct AnnouncementRequest<'a> {
    pub(crate) document: &'a Document,
    pub(crate) options: AnnounceOptions,
}

/// Everything around an action.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) platform: &'a Platform,
    pub(crate) store: &'a Store,
    pub(crate) clock: &'a Clock,
    pub(crate) job: &'a Job,
    /// Who asks for it, where, and when.
    pub(crate) sender: &'a Sender,
    pub(crate) chat_id: &'a ChatId,
    pub(crate) asked_at: Timestamp,
    pub(crate) settings: &'a AnnounceSettings,
}

/// What the configuration says about announcements.
#[derive(Debug)]
pub(crate) struct AnnounceSettings {
    /// Whether an entry ends with its author and date.
    pub(crate) signature: bool,
    /// The time zone of that date.
    pub(crate) time_zone: TimeZone,
    /// How long a request may be under way.
    pub(crate) call_timeout: Duration,
}

impl Context<'_> {
    /// The chat, as the store knows it.
    pub(crate) fn chat(&self) -> ChatKey {
        self.job.chat_key()
    }

    /// What stands at the top, as far as the bot knows.
    pub(crate) async fn top(&self) -> Result<PinnedItem, Failure> {
        let latest = self.store.latest_top(self.chat()).await?;
        let change = latest.and_then(|made| made.change);
        let top = change.as_ref().and_then(Change::top);
        Ok(top.cloned().unwrap_or(PinnedItem::Unknown))
    }

    /// When something that is done now and held so long is over.
    pub(crate) fn until(&self, duration: Option<Span>) -> Option<Timestamp> {
        duration.map(|duration| self.clock.now() + duration.duration())
    }

    /// Remembers how far an announcement has come.
    pub(crate) async fn save(
        &self,
        draft: AnnouncementRequest<'_>,
        written: Option<WriteProgress>,
    ) -> Result<(), Failure> {
        let progress = Progress {
            document: draft.document.clone(),
            options: draft.options,
            written,
        };
        self.store.save_progress(self.job, &progress).await?;
        Ok(())
    }

    /// How far an earlier attempt has come.
    pub(crate) fn written(&self) -> Option<WriteProgress> {
        self.job
            .progress
            .as_ref()
            .and_then(|progress| progress.written.clone())
    }
}
