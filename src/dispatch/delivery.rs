//! The part of a broadcast that concerns one group: posting it there, and reverting that.
//!
//! Such a job runs in the queue of its group, with the rights that the member has there. It replies to
//! nobody; its result is stored with its outcome, and the report shows it.

use feishu::ChatId;

use super::Dispatcher;
use super::intent::Next;
use super::series::removal;
use crate::action::Failure;
use crate::event::{DeliveryTarget, Stored, StoredMessage};
use crate::model::broadcast::{DeliveryPayload, DeliveryState, PostedRun, Retraction};
use crate::model::change::{ChangeKind, ChangeRecord, RecordedChange};
use crate::model::job::{JobKey, JobKind, JobRef};
use crate::model::outcome::{Done, Outcome};
use crate::model::refusal::{BroadcastRefusal, Call, Cause, Refusal};
use crate::model::rights::{Actor, Denied, Right};
use crate::model::series::{first_origin, run_of};
use crate::policy;
use crate::store::{BroadcastChange, Conclusion, DeliveryEnd, Job, Release, StoreError};

impl Dispatcher {
    /// The job of one group with the text that is stored with its broadcast; `None` if that was
    /// erased, which is the job's result.
    pub(super) async fn with_text(&self, job: &Job) -> Result<Option<Job>, Release> {
        let Ok(DeliveryPayload { broadcast }) = serde_json::from_str(&job.payload) else {
            return Err(Release::Dead);
        };
        let stored = self.store.broadcast(&job.key.tenant, &broadcast).await;
        let stored = stored.map_err(|_| self.retry(job))?;
        let payload = stored
            .map(|stored| stored.payload)
            .filter(|payload| !payload.is_empty());
        let chat = ChatId::from(job.chat.as_str());
        if let Some(payload) = payload {
            let target = DeliveryTarget { chat, broadcast };
            let payload = StoredMessage::with_delivery(&payload, target);
            return Ok(Some(Job {
                payload: payload.map_err(|_| Release::Dead)?,
                ..job.clone()
            }));
        }
        if job.outcome.is_none() {
            let refusal = Refusal::from(Cause::from(BroadcastRefusal::BroadcastGone));
            let conclusion = Conclusion {
                broadcast: Some(BroadcastChange::End(Box::new(DeliveryEnd {
                    broadcast,
                    chat,
                    state: DeliveryState::Failed,
                    refusal: Some(refusal.clone()),
                    name: None,
                }))),
                ..Conclusion::of(Outcome::Refused(refusal))
            };
            let concluded = self.store.conclude(job, conclusion).await;
            concluded.map_err(|_| self.retry(job))?;
        }
        Ok(None)
    }

    /// Refuses a member who is not in the group: its settings speak of its members. Only an allow list
    /// gives others a right there.
    pub(super) async fn require_member(
        &self,
        actor: Actor<'_>,
        right: Right,
    ) -> Result<(), Failure> {
        if policy::is_on_allow_list(self.policy(), actor, right) {
            return Ok(());
        }
        let Some((id_type, id)) = actor.sender.id() else {
            return Err(Cause::Denied(Denied::Unidentified).into());
        };
        let client = &self.platform.client;
        match client.is_member(actor.chat, id_type, id).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Cause::Denied(Denied::NotInGroup).into()),
            Err(error) => Err(Failure::Call(Call::ReadChat, error)),
        }
    }

    /// Whether there is nothing left to post for a delivery that has not begun: its broadcast was
    /// undone, or a later run of its series has posted in the group.
    pub(super) async fn is_superseded(&self, job: &Job, run: &JobRef) -> Result<bool, Failure> {
        let key = job_key(job, run.origin.clone(), run.kind);
        let started = self.store.change_of(key).await?;
        if started.is_some_and(|started| started.undone) {
            return Ok(true);
        }
        let posted = self.posted_run(job, run).await?;
        Ok(posted.is_some_and(|posted| run_of(&posted.run) > run_of(&run.origin)))
    }

    /// What a series has posted last in the group of a delivery and not reverted.
    async fn posted_run(&self, job: &Job, run: &JobRef) -> Result<Option<PostedRun>, StoreError> {
        let series = first_origin(&run.origin);
        self.store.posted_run(&job.chat_key(), series).await
    }

    /// The conclusion of a delivery, with the removal of the entry of an earlier run of its series.
    pub(super) async fn with_former_removed(
        &self,
        job: &Job,
        stored: &Stored,
        mut conclusion: Conclusion,
    ) -> Result<Conclusion, Release> {
        let Stored::Message(message) = stored else {
            return Ok(conclusion);
        };
        let (Some(target), Some(action)) = (&message.delivery, &message.schedule) else {
            return Ok(conclusion);
        };
        let record = conclusion.record.as_ref();
        let posted = record.is_some_and(ChangeRecord::is_editable);
        if !posted || action.series().is_none() || action.kind() != ChangeKind::Announce {
            return Ok(conclusion);
        }
        let former = self.posted_run(job, &target.broadcast).await;
        if let Some(former) = former.map_err(|_| self.retry(job))? {
            let delivery = JobRef {
                origin: former.posted_by,
                kind: JobKind::Delivery,
            };
            let removal = removal(job, action, delivery, self.clock.now());
            let removal = removal.map_err(|_| Release::Dead)?;
            conclusion.schedules.push(removal);
        }
        Ok(conclusion)
    }

    /// Reverts a delivery, if it was posted.
    pub(super) async fn retraction(
        &self,
        job: &Job,
        retraction: &Retraction,
        actor: Actor<'_>,
    ) -> Result<Next, Failure> {
        let nothing = Next::Answer(Outcome::Done(Done::Superseded));
        let Retraction {
            broadcast, chat, ..
        } = retraction;
        let delivery = self.store.delivery(&job.key.tenant, broadcast, chat);
        let Some(delivery) = delivery.await? else {
            return Ok(nothing);
        };
        let posted = job_key(job, delivery.posted_by, JobKind::Delivery);
        let change = self.store.change_of(posted).await?;
        let Some(change) = change.filter(|change| change.change.is_some() && !change.undone) else {
            return Ok(nothing);
        };
        self.refuse_if_replaced_since(job, &change).await?;
        let action = self.undo(change).await?;
        self.require_member(actor, action.right()).await?;
        Ok(Next::Authorize(action))
    }

    /// Refuses to restore replaced content over later changes.
    async fn refuse_if_replaced_since(
        &self,
        job: &Job,
        change: &RecordedChange,
    ) -> Result<(), Failure> {
        let entry = change.change.as_ref().and_then(|change| change.entry());
        if !matches!(entry, Some((_, Some(_)))) {
            return Ok(());
        }
        let latest = self.store.undoable(job.chat_key()).await?;
        match latest {
            Some(latest) if latest.id != change.id => Err(BroadcastRefusal::LaterChanges.into()),
            _ => Ok(()),
        }
    }

    /// The result of the job of one group.
    pub(super) async fn delivery_end(
        &self,
        job: &Job,
        stored: &Stored,
        conclusion: &Conclusion,
    ) -> Option<BroadcastChange> {
        let (broadcast, state) = match (stored, job.key.kind) {
            (Stored::Message(message), JobKind::Delivery) => {
                let target = message.delivery.as_ref()?;
                let was_posted = conclusion
                    .record
                    .as_ref()
                    .is_some_and(|record| record.change.is_some());
                let state = match &conclusion.outcome {
                    Outcome::Done(Done::Superseded) => DeliveryState::Canceled,
                    Outcome::Refused(_) if was_posted => DeliveryState::Partly,
                    Outcome::Refused(_) => DeliveryState::Failed,
                    _ => DeliveryState::Posted,
                };
                (target.broadcast.clone(), state)
            }
            (Stored::Retraction(retraction), _) => {
                let state = match &conclusion.outcome {
                    Outcome::Done(Done::Superseded) => DeliveryState::Canceled,
                    Outcome::Refused(_) => DeliveryState::Kept,
                    _ => DeliveryState::Reverted,
                };
                (retraction.broadcast.clone(), state)
            }
            _ => return None,
        };
        let refusal = match &conclusion.outcome {
            Outcome::Refused(refusal) => Some(refusal.clone()),
            _ => None,
        };
        Some(BroadcastChange::End(Box::new(DeliveryEnd {
            broadcast,
            chat: stored.actor().chat.clone(),
            state,
            name: self.name_of_group(stored.actor(), refusal.as_ref()).await,
            refusal,
        })))
    }

    /// The name of a group for the report, which is not shown to people outside the group.
    async fn name_of_group(&self, actor: Actor<'_>, refusal: Option<&Refusal>) -> Option<String> {
        if refusal.is_some_and(|refusal| refusal.cause == Cause::Denied(Denied::NotInGroup)) {
            return None;
        }
        let settings = self.platform.settings(actor.chat, actor.id_type()).await;
        let name = settings.ok()?.group.name.clone();
        Some(name).filter(|name| !name.trim().is_empty())
    }
}

fn job_key(job: &Job, origin: String, kind: JobKind) -> JobKey {
    JobKey {
        tenant: job.key.tenant.clone(),
        origin,
        kind,
    }
}
