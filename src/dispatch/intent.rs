//! The intent of a job, before permissions are checked.

use jiff::Timestamp;

use super::Dispatcher;
use super::record::PendingRecord;
use crate::action::Failure;
use crate::command::{CommandName, Recurrence};
use crate::event::{Stored, StoredMessage};
use crate::model::action::{Action, Source};
use crate::model::button::ButtonAction;
use crate::model::change::RecordedChange;
use crate::model::job::JobRef;
use crate::model::outcome::Outcome;
use crate::model::schedule::{AnnounceOptions, Proposal, Schedule, ScheduledAction, Verdict};
use crate::policy::Permit;
use crate::store::Job;
use crate::telemetry::{EXPIRE, PREVIEW, PROPOSAL, PUBLISH, UNKNOWN};

pub(super) struct Intent {
    /// The name in the metrics.
    pub(super) name: &'static str,
    pub(super) next: Result<Next, Failure>,
}

/// The next step of a job.
pub(super) enum Next {
    /// The message is not addressed to the bot.
    Ignore,
    Answer(Outcome),
    Schedule(ScheduledAnnouncement),
    Authorize(Action),
    /// The same for an action that changes nothing, unless somebody interfered by hand. It is not
    /// recorded.
    Repeat(Action),
    Act(Permit),
    /// Send an announcement to several groups.
    Broadcast(BroadcastRequest),
    /// Revert a broadcast in all groups.
    Retract(Box<RecordedChange>),
    /// Repeat what failed of a broadcast.
    Redeliver(JobRef),
    /// Decide on a proposal.
    Decide(Box<ProposalToDecide>),
    /// A decided proposal, or one whose time is over.
    Decided(Proposal),
    /// Ask others to approve this.
    Propose(Box<Next>),
    /// Show this to its author first, and whether others are then to approve it.
    Preview(Box<Next>, bool),
    /// Publish or discard a preview.
    Choose(Box<PreviewToChoose>),
    /// Ask the member for consent.
    SignIn,
    /// Withdraw the member's consent.
    SignOut,
}

pub(super) struct ScheduledAnnouncement {
    pub(super) source: Source,
    pub(super) options: AnnounceOptions,
    pub(super) due: Timestamp,
    /// The list of groups to send it to; `None` is the group of the command.
    pub(super) to: Option<String>,
    /// Whether it is published again and again.
    pub(super) every: Option<Recurrence>,
}

/// What to send to which groups.
pub(super) struct BroadcastRequest {
    pub(super) source: Source,
    pub(super) options: AnnounceOptions,
    pub(super) list: String,
}

/// An open proposal, and what a member decides on it.
pub(super) struct ProposalToDecide {
    pub(super) schedule: Schedule,
    pub(super) verdict: Verdict,
    /// Why it is declined.
    pub(super) reason: Option<String>,
}

/// An open preview, and whether its author wants it.
pub(super) struct PreviewToChoose {
    pub(super) schedule: Schedule,
    pub(super) is_wanted: bool,
}

impl Next {
    /// What comes first if the author wants to see it, and others are to approve it.
    pub(super) fn after(self, preview: bool, ask: bool) -> Self {
        match (preview, ask) {
            (true, ask) => Self::Preview(Box::new(self), ask),
            (false, true) => Self::Propose(Box::new(self)),
            (false, false) => self,
        }
    }
}

impl Intent {
    pub(super) fn unknown(next: Result<Next, Failure>) -> Self {
        let name = UNKNOWN;
        Self { name, next }
    }

    fn of(command: CommandName, next: Result<Next, Failure>) -> Self {
        let name = command.as_str();
        Self { name, next }
    }

    /// The record to store, if the action is known and changes something.
    pub(super) fn record(&self, stored: &Stored) -> Option<PendingRecord> {
        let sender = stored.actor().sender;
        let record = match &self.next {
            Ok(Next::Authorize(action)) => PendingRecord::of(action, sender),
            Ok(Next::Act(permit)) => PendingRecord::of(permit.action(), sender),
            Ok(Next::Decided(proposal)) => {
                Some(PendingRecord::of_proposed(&proposal.action, sender))
            }
            Ok(
                Next::Ignore
                | Next::Answer(_)
                | Next::Schedule(_)
                | Next::Broadcast(_)
                | Next::Retract(_)
                | Next::Redeliver(_)
                | Next::Repeat(_)
                | Next::Decide(_)
                | Next::Propose(_)
                | Next::Preview(..)
                | Next::Choose(_)
                | Next::SignIn
                | Next::SignOut,
            )
            | Err(_) => None,
        };
        record.map(|record| record.decided_by(stored))
    }
}

impl Dispatcher {
    pub(super) async fn intent(&self, job: &Job, stored: &Stored) -> Intent {
        match stored {
            Stored::Press(press) => {
                let next = self.requested_by_button(job, press).await;
                let action = &press.button.action;
                let name = match (action.command(), action) {
                    (Some(command), _) => command.as_str(),
                    (None, ButtonAction::Publish(_) | ButtonAction::Discard(_)) => PREVIEW,
                    (None, _) => PROPOSAL,
                };
                Intent { name, next }
            }
            Stored::Reaction(reaction) => {
                let next = self.requested_by_reaction(job, reaction).await;
                Intent::of(CommandName::Pin, next)
            }
            Stored::Retraction(retraction) => {
                let next = self.retraction(job, retraction, stored.actor()).await;
                Intent::of(CommandName::Undo, next)
            }
            Stored::Message(message) => self.intent_of_message(job, message).await,
        }
    }

    async fn intent_of_message(&self, job: &Job, stored: &StoredMessage) -> Intent {
        let progress = job.progress.as_ref();
        let progress = progress.filter(|progress| !progress.concerns_earlier());
        let resume = |progress| Next::Act(Permit::for_resumed(progress));
        match (&stored.schedule, progress) {
            (Some(action), progress) => {
                let name = match action {
                    ScheduledAction::Publish { .. } => PUBLISH,
                    ScheduledAction::Propose(_) => PROPOSAL,
                    ScheduledAction::Preview(_) => PREVIEW,
                    ScheduledAction::Expire { .. } | ScheduledAction::Supersede { .. } => EXPIRE,
                };
                let next = match (action, progress) {
                    (
                        ScheduledAction::Publish { .. } | ScheduledAction::Preview(_),
                        Some(progress),
                    ) => Ok(resume(progress)),
                    // A proposal runs the same action each time.
                    _ => self.due(job, stored, action).await,
                };
                Intent { name, next }
            }
            (None, Some(progress)) => {
                let asked_at = stored.asked_at(job.accepted_at);
                let in_time = self.refuse_if_expired(job, asked_at).await;
                // Only these take several calls.
                let name = if progress.options.notice {
                    CommandName::Notice
                } else {
                    CommandName::Announce
                };
                Intent::of(name, in_time.map(|()| resume(progress)))
            }
            (None, None) => match self.typed(&stored.event.message).await {
                Ok(Some(typed)) => {
                    let name = typed.command.name();
                    Intent::of(name, self.requested(job, stored, typed).await)
                }
                Ok(None) => Intent::unknown(Ok(Next::Ignore)),
                Err(failure) => Intent::unknown(Err(failure)),
            },
        }
    }
}
