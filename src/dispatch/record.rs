//! The record of a job, successful or not.

use feishu::{OpenId, Sender};
use jiff::Timestamp;

use crate::action::{Effect, Failure};
use crate::content::Document;
use crate::event::{Stored, StoredMessage};
use crate::model::action::Action;
use crate::model::change::{
    Change, ChangeId, ChangeKind, ChangeRecord, ChangeResult, RecordedChange,
};
use crate::model::job::JobKind;
use crate::model::progress::Progress;
use crate::model::refusal::{Cause, Refusal};
use crate::model::schedule::{AnnounceOptions, ProposedAction, SUMMARY, ScheduledAction};
use crate::policy::Permit;
use crate::store::{Job, NewSchedule};

/// A record before its result is known.
#[derive(Clone)]
pub(super) struct PendingRecord {
    kind: ChangeKind,
    actor: Option<OpenId>,
    approver: Option<OpenId>,
    summary: String,
    /// The change to revert.
    target: Option<ChangeId>,
}

impl PendingRecord {
    /// `None` if the action changes nothing.
    pub(super) fn of(action: &Action, sender: &Sender) -> Option<Self> {
        Some(Self {
            kind: action.kind()?,
            actor: id_of(sender),
            approver: None,
            summary: action.summary(),
            target: match action {
                Action::Undo(undo) => Some(undo.change.id),
                Action::Expire(change) => Some(change.id),
                _ => None,
            },
        })
    }

    /// Of what a member proposed.
    pub(super) fn of_proposed(action: &ProposedAction, sender: &Sender) -> Self {
        Self {
            kind: action.kind(),
            actor: id_of(sender),
            approver: None,
            summary: action.first_characters(SUMMARY),
            target: None,
        }
    }

    /// Adds the member who decided on the proposal.
    pub(super) fn decided_by(self, stored: &Stored) -> Self {
        Self {
            approver: stored.decider().and_then(id_of),
            ..self
        }
    }

    /// For a job that is given up before its action is known again.
    pub(super) fn of_resumed(progress: &Progress, kind: JobKind, sender: &Sender) -> Option<Self> {
        let resumed = Self::of(Permit::for_resumed(progress).action(), sender)?;
        let kind = match kind {
            _ if !progress.concerns_earlier() => resumed.kind,
            _ if progress.edits() => ChangeKind::Edit,
            JobKind::Expire | JobKind::Supersede => ChangeKind::Expire,
            _ => ChangeKind::Undo,
        };
        Some(Self { kind, ..resumed })
    }

    /// Adds the kind and summary that are known only after the write.
    pub(super) fn with(self, written: Option<(ChangeKind, String)>) -> Self {
        let (kind, summary) = written.unwrap_or((self.kind, self.summary));
        Self {
            kind,
            summary,
            ..self
        }
    }

    pub(super) fn done(&self, effect: Effect) -> ChangeRecord {
        ChangeRecord {
            change: effect.change,
            reverts: effect.reverts,
            edited: effect.edited,
            ..self.record(ChangeResult::Done)
        }
    }

    /// `change` is what may have been changed nevertheless.
    pub(super) fn refused(&self, refusal: &Refusal, effect: Option<Effect>) -> ChangeRecord {
        let (change, edited) = effect.map_or((None, None), |effect| (effect.change, effect.edited));
        ChangeRecord {
            change,
            edited,
            reason: refusal.cause.reason_given().map(str::to_owned),
            log_id: refusal.cause.log_id().map(str::to_owned),
            // So that the next `/undo` skips this change.
            reverts: self
                .target
                .filter(|_| self.kind == ChangeKind::Undo && refusal.cause.is_final_for_undo()),
            ..self.record(ChangeResult::Refused(refusal.reason()))
        }
    }

    fn record(&self, result: ChangeResult) -> ChangeRecord {
        ChangeRecord {
            kind: self.kind,
            actor: self.actor.clone(),
            approver: self.approver.clone(),
            summary: self.summary.clone(),
            result,
            reason: None,
            log_id: None,
            change: None,
            reverts: None,
            edited: None,
        }
    }

    /// An entry of an earlier run stays because somebody has edited or moved it.
    pub(super) fn left(&self, refusal: &Refusal) -> ChangeRecord {
        ChangeRecord {
            reverts: self.target,
            ..self.refused(refusal, None)
        }
    }

    /// The schedule to revert what the job did.
    pub(super) fn end(&self, job: &Job, due: Timestamp) -> Result<NewSchedule, Failure> {
        let action = ScheduledAction::Expire {
            made_by: job.key.kind,
            kind: self.kind,
            summary: self.summary.clone(),
        };
        let payload = StoredMessage::with_schedule(&job.payload, action);
        Ok(NewSchedule {
            kind: JobKind::Expire,
            origin: None,
            number: None,
            due,
            payload: payload.map_err(|_| Cause::Internal)?,
            is_paused: false,
        })
    }
}

/// The record of a broadcast in the group of its command.
pub(super) fn of_broadcast(
    document: &Document,
    options: AnnounceOptions,
    stored: &Stored,
    list: &str,
) -> ChangeRecord {
    let pending = PendingRecord {
        kind: options.kind(),
        actor: id_of(stored.actor().sender),
        approver: stored.decider().and_then(id_of),
        summary: document.first_characters(SUMMARY),
        target: None,
    };
    ChangeRecord {
        change: Some(Change::of_broadcast(list.to_owned())),
        ..pending.record(ChangeResult::Done)
    }
}

/// The record that a broadcast was undone.
pub(super) fn of_undone_broadcast(change: &RecordedChange, sender: &Sender) -> ChangeRecord {
    let pending = PendingRecord {
        kind: ChangeKind::Undo,
        actor: id_of(sender),
        approver: None,
        summary: change.summary.clone(),
        target: None,
    };
    ChangeRecord {
        reverts: Some(change.id),
        ..pending.record(ChangeResult::Done)
    }
}

/// The id that the platform sent, which is not always the open id.
fn id_of(person: &Sender) -> Option<OpenId> {
    person.id().map(|(_, id)| OpenId::from(id))
}
