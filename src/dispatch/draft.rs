//! What is remembered of a job, whatever comes of it.

use feishu::{OpenId, Sender};
use jiff::Timestamp;

use crate::action::Failure;
use crate::event::StoredMessage;
use crate::model::action::Action;
use crate::model::change::{Change, ChangeId, ChangeResult, Deed, Record};
use crate::model::job::Step;
use crate::model::plan::Plan;
use crate::model::progress::Progress;
use crate::model::refusal::{Cause, Refusal};
use crate::policy;
use crate::store::{Job, NewPlan};

/// A record before its end is known.
#[derive(Clone)]
pub(super) struct Draft {
    deed: Deed,
    actor: Option<OpenId>,
    summary: String,
    /// The change that it is to take back.
    touches: Option<ChangeId>,
}

impl Draft {
    pub(super) fn of(action: &Action, sender: &Sender) -> Self {
        Self {
            deed: action.deed(),
            // The id that the platform told, which is not always the open id.
            actor: sender.id().map(|(_, id)| OpenId::from(id)),
            summary: action.summary(),
            touches: match action {
                Action::Undo(made) => Some(made.id),
                _ => None,
            },
        }
    }

    /// Of a job that was begun, and does not come to say again what it was to do.
    pub(super) fn of_begun(progress: &Progress, step: Step, sender: &Sender) -> Self {
        let begun = Self::of(policy::begun(progress).action(), sender);
        let deed = match step {
            _ if !progress.is_removal() => begun.deed,
            Step::Expire => Deed::Expire,
            _ => Deed::Undo,
        };
        Self { deed, ..begun }
    }

    /// The same, with what only the act has brought to light.
    pub(super) fn with(self, wrote: Option<(Deed, String)>) -> Self {
        let (deed, summary) = wrote.unwrap_or((self.deed, self.summary));
        Self {
            deed,
            summary,
            ..self
        }
    }

    pub(super) fn done(&self, change: Option<Change>, takes_back: Option<ChangeId>) -> Record {
        Record {
            change,
            takes_back,
            ..self.record(ChangeResult::Done)
        }
    }

    /// `change` is what may have been done all the same.
    pub(super) fn refused(&self, refusal: &Refusal, change: Option<Change>) -> Record {
        Record {
            change,
            log_id: refusal.cause.log_id().map(str::to_owned),
            // So that the next `/undo` comes to the change before it.
            takes_back: self.touches.filter(|_| refusal.cause.is_final_for_undo()),
            ..self.record(ChangeResult::Refused(refusal.reason()))
        }
    }

    fn record(&self, result: ChangeResult) -> Record {
        Record {
            deed: self.deed,
            actor: self.actor.clone(),
            summary: self.summary.clone(),
            result,
            log_id: None,
            change: None,
            takes_back: None,
        }
    }

    /// The plan to take back what the job did.
    pub(super) fn end(&self, job: &Job, due: Timestamp) -> Result<NewPlan, Failure> {
        let plan = Plan::Expire {
            made_by: job.key.step,
            deed: self.deed,
            summary: self.summary.clone(),
        };
        let payload = StoredMessage::with_plan(&job.payload, plan);
        Ok(NewPlan {
            step: Step::Expire,
            due,
            payload: payload.map_err(|_| Cause::Internal)?,
        })
    }
}
