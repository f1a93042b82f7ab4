//! The input and the result of actions.

use std::time::Duration;

use feishu::{ChatId, Client, Clock, Sender};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::command::Span;
use crate::content::Document;
use crate::language::Language;
use crate::model::change::{
    Change, ChangeId, ChangeKind, EditedChange, PinnedItem, RecordedChange,
};
use crate::model::job::ChatKey;
use crate::model::outcome::Done;
use crate::model::progress::{NotificationProgress, Progress, WriteProgress};
use crate::model::refusal::{BroadcastRefusal, Call, Cause, Stage};
use crate::model::schedule::AnnounceOptions;
use crate::platform::Platform;
use crate::store::{Job, Store, StoreError};

/// The result of an action.
#[derive(Debug)]
pub(crate) struct Effect {
    pub(crate) done: Done,
    pub(crate) change: Option<Change>,
    /// The change that was reverted.
    pub(crate) reverts: Option<ChangeId>,
    /// The change whose text is another one now.
    pub(crate) edited: Option<EditedChange>,
    /// When to revert the change.
    pub(crate) expires_at: Option<Timestamp>,
    /// The kind and summary of a write, which may be unknown before it.
    pub(crate) written: Option<(ChangeKind, String)>,
}

impl Effect {
    pub(crate) fn new(done: Done) -> Self {
        Self {
            done,
            change: None,
            reverts: None,
            edited: None,
            expires_at: None,
            written: None,
        }
    }
}

/// Why an action did not finish.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The action was refused; the author gets the reason.
    Refused(Cause),
    /// A call failed; the caller decides on a retry.
    Call(Call, feishu::Error),
    /// Part of the action was done, then it failed.
    Partway {
        stage: Stage,
        cause: Box<Failure>,
        /// What was done, if the rest will not be retried.
        effect: Option<Box<Effect>>,
    },
    /// It is unknown whether the message is addressed to the bot.
    Unaddressed(feishu::Error),
    /// Not before this time: a request whose response was lost may still be in flight.
    NotBefore(Timestamp),
    /// The store failed, and has logged the error.
    Store,
}

impl Failure {
    /// The announcement was written, and a later part of the command failed.
    pub(crate) fn incomplete(stage: Stage, cause: Self, effect: Effect) -> Self {
        Self::Partway {
            stage,
            cause: Box::new(cause),
            effect: Some(Box::new(effect)),
        }
    }

    /// The error of a call for which the author has to consent, after which the command can
    /// continue.
    pub(crate) fn lack_of_consent(&self) -> Option<&feishu::Error> {
        match self {
            Self::Call(_, error) => error.needs_consent().then_some(error),
            Self::Partway {
                cause,
                effect: None,
                ..
            } => cause.lack_of_consent(),
            _ => None,
        }
    }

    /// Whether the same command may succeed later.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Call(_, error) => error.is_retryable(),
            Self::Partway { cause, .. } => cause.is_temporary(),
            Self::NotBefore(_) | Self::Store => true,
            Self::Refused(_) | Self::Unaddressed(_) => false,
        }
    }

    /// The same failure, after `lines` lines of an announcement were written.
    pub(crate) fn after(self, lines: usize, of: usize) -> Self {
        if lines == 0 || lines == of {
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

impl From<BroadcastRefusal> for Failure {
    fn from(refusal: BroadcastRefusal) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<StoreError> for Failure {
    fn from(_: StoreError) -> Self {
        Self::Store
    }
}

/// The text and options of an entry, as stored in its progress.
#[derive(Clone, Copy)]
pub(crate) struct AnnouncementRequest<'a> {
    pub(crate) document: &'a Document,
    pub(crate) options: AnnounceOptions,
}

impl AnnouncementRequest<'static> {
    /// For the progress of a revert, which writes no text.
    pub(crate) const OF_REVERT: Self = Self {
        document: &Document::EMPTY,
        options: AnnounceOptions::NONE,
    };
}

/// The environment of an action.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The bot's view: messages are read as the bot.
    pub(crate) platform: &'a Platform,
    /// For everything else: the bot, or the member in whose name it acts.
    pub(crate) client: &'a Client,
    pub(crate) store: &'a Store,
    pub(crate) clock: &'a Clock,
    pub(crate) job: &'a Job,
    /// Author, chat and time of the command.
    pub(crate) sender: &'a Sender,
    pub(crate) chat_id: &'a ChatId,
    pub(crate) asked_at: Timestamp,
    /// The group's time zone.
    pub(crate) time_zone: &'a TimeZone,
    /// The language of messages to the group.
    pub(crate) language: Language,
    pub(crate) settings: &'a AnnounceSettings,
}

/// The settings for announcements.
#[derive(Debug)]
pub(crate) struct AnnounceSettings {
    /// Whether an entry ends with its author and date.
    pub(crate) signature: bool,
    /// Whether pictures and files are copied into the announcement.
    pub(crate) images: bool,
    /// How long the copies of a command's pictures and files are attempted.
    pub(crate) media_patience: Duration,
    /// The time after which a request without a response is no longer in flight.
    pub(crate) call_timeout: Duration,
}

impl Context<'_> {
    pub(crate) fn chat(&self) -> ChatKey {
        self.job.chat_key()
    }

    /// The top notice, as far as the bot knows.
    pub(crate) async fn top(&self) -> Result<PinnedItem, Failure> {
        let latest = self.store.latest_top(self.chat()).await?;
        let top = latest.as_ref().and_then(RecordedChange::top);
        Ok(top.cloned().unwrap_or(PinnedItem::Unknown))
    }

    /// The end of a duration that starts now.
    pub(crate) fn expires_at(&self, duration: Option<Span>) -> Option<Timestamp> {
        duration.map(|duration| self.clock.now() + duration.duration())
    }

    /// Stores the progress of an announcement.
    pub(crate) async fn save(
        &self,
        request: AnnouncementRequest<'_>,
        written: Option<WriteProgress>,
    ) -> Result<(), Failure> {
        let progress = Progress {
            document: request.document.clone(),
            options: request.options,
            written,
            notification: self.notification(),
        };
        self.store.save_progress(self.job, &progress).await?;
        Ok(())
    }

    /// Stores the progress of the message that mentions everybody, beside that of the announcement.
    pub(crate) async fn save_notification(
        &self,
        request: AnnouncementRequest<'_>,
        notification: Option<NotificationProgress>,
    ) -> Result<(), Failure> {
        let stored = self.store.progress(self.job).await?;
        let progress = Progress {
            document: request.document.clone(),
            options: request.options,
            written: stored.and_then(|stored| stored.written),
            notification,
        };
        self.store.save_progress(self.job, &progress).await?;
        Ok(())
    }

    /// The progress of earlier attempts.
    pub(crate) fn written(&self) -> Option<WriteProgress> {
        self.job.progress.as_ref()?.written.clone()
    }

    /// What earlier attempts know of the message that mentions everybody.
    pub(crate) fn notification(&self) -> Option<NotificationProgress> {
        self.job.progress.as_ref()?.notification.clone()
    }
}
