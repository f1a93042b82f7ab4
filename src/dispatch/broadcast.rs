//! Broadcasts: one announcement for all groups of a list.
//!
//! The command stores a job for each group, which waits in the queue of that group and has the author's
//! rights there, and a job that reports on them. The jobs are due one after the other, so that they use
//! only a part of the app's rate limits and others need not wait for them.

use std::time::Duration;

use feishu::ChatId;
use jiff::Timestamp;
use serde::Serialize;

use super::Dispatcher;
use super::authorize::Enforcer;
use super::intent::{BroadcastRequest, Next};
use super::record;
use crate::action::Failure;
use crate::event::{Stored, StoredMessage};
use crate::model::action::{Action, Source, is_author};
use crate::model::broadcast::{
    Delivery, DeliveryPayload, DeliveryState, Reach, ReportPayload, Retraction, author_of,
};
use crate::model::change::RecordedChange;
use crate::model::job::{JobKey, JobKind, JobRef, NewJob};
use crate::model::outcome::{BroadcastStep, Done, Outcome};
use crate::model::refusal::{BroadcastRefusal, Cause};
use crate::model::schedule::{AnnounceOptions, ScheduledAction};
use crate::model::series::first_origin;
use crate::store::{
    BroadcastChange, Conclusion, Job, NewBroadcast, NewDelivery, Repeat, StoreError,
};

/// The time between two deliveries in a tenant. Each takes one or two of the five writes a second that
/// the platform allows.
const INTERVAL: Duration = Duration::from_millis(500);

/// The same on a platform with other limits: `factor` multiplies the documented ones.
pub(crate) fn delivery_interval(factor: u32) -> Duration {
    INTERVAL / factor.max(1)
}

/// Maximum number of unfinished broadcasts of a member.
const MAX_OF_AUTHOR: usize = 3;
/// Maximum number of deliveries that wait in a tenant.
const MAX_WAITING: usize = 2_000;

impl Dispatcher {
    /// Stores the jobs of a broadcast. Whether its author may post is checked in each group.
    pub(super) async fn broadcast(
        &self,
        job: &Job,
        stored: &Stored,
        request: BroadcastRequest,
    ) -> Result<Conclusion, Failure> {
        let Stored::Message(message) = stored else {
            return Err(Cause::Internal.into());
        };
        let (list, groups) = self.groups_of(&job.key.tenant, &request.list).await?;
        let (source, options) = (request.source, request.options);
        self.authorize_announcement(job, stored, source.clone(), options, Some(&list))
            .await?;
        self.require_consent(job, stored).await?;
        let sender = stored.actor().sender;
        let author = author_of(sender);
        let tenant = &job.key.tenant;
        if let Some(author) = &author
            && self.store.open_broadcasts(tenant, author).await? >= MAX_OF_AUTHOR
        {
            let limit = MAX_OF_AUTHOR;
            return Err(BroadcastRefusal::TooManyBroadcasts { limit }.into());
        }
        let document = self
            .document_now(job, stored, source, options, Some(&list))
            .await?;
        let record = record::of_broadcast(&document, options, stored, &list);
        let series = stored.series();
        let action = ScheduledAction::Publish {
            document,
            options,
            approved_by: stored.decider().cloned().map(Box::new),
            to: None,
            series: series.cloned().map(Box::new),
        };
        let payload = StoredMessage::with_schedule(&job.payload, action);
        let broadcast = JobRef::from(&job.key);
        let start = self.next_delivery(job, groups.len()).await?;
        let post = DeliveryPayload {
            broadcast: broadcast.clone(),
        };
        let deliveries = groups.iter().zip(0_u32..).map(|(chat, n)| {
            let due = start + self.settings.delivery_interval * n;
            let job = delivery_job(job, JobKind::Delivery, chat, &post)?;
            Ok(NewDelivery { job, due })
        });
        let deliveries: Vec<NewDelivery> = deliveries.collect::<Result<_, Cause>>()?;
        let language = self.language_of_request(stored);
        let report = ReportPayload {
            broadcast,
            language,
        };
        let groups = deliveries.len();
        Ok(Conclusion {
            record: Some(record),
            broadcast: Some(BroadcastChange::Start(Box::new(NewBroadcast {
                message: message.event.message.message_id.clone(),
                list,
                author,
                payload: payload.map_err(|_| Cause::Internal)?,
                series: series.map(|_| first_origin(&job.key.origin).to_owned()),
                deliveries,
                report: report_job(job, &report)?,
            }))),
            ..Conclusion::of(Outcome::Done(done(BroadcastStep::Started, groups)))
        })
    }

    /// Refuses a member who may not publish an announcement now. Whether a member may post to the groups
    /// of a list is checked in each of them. Only where others are asked for approval, the group of the
    /// command decides whether they are.
    pub(super) async fn authorize_announcement(
        &self,
        job: &Job,
        stored: &Stored,
        source: Source,
        options: AnnounceOptions,
        list: Option<&str>,
    ) -> Result<(), Failure> {
        if list.is_some() && !self.asks_others(job, stored) {
            return Ok(());
        }
        let action = Action::Announce(source, options);
        self.authorize_with_pin(stored.actor(), action, Enforcer::Bot)
            .await
            .map(drop)
    }

    /// When the next delivery of the tenant may be due.
    async fn next_delivery(&self, job: &Job, groups: usize) -> Result<Timestamp, Failure> {
        let (open, last) = self.store.open_deliveries(&job.key.tenant).await?;
        if open + groups > MAX_WAITING {
            return Err(BroadcastRefusal::BroadcastQueueFull.into());
        }
        let after_last = last.map(|last| last + self.settings.delivery_interval);
        Ok(after_last
            .into_iter()
            .fold(self.clock.now(), Timestamp::max))
    }

    /// Reverts a broadcast in all groups, if that may be asked for by its author or by a member with
    /// the right in the group of the command.
    pub(super) async fn retract(
        &self,
        job: &Job,
        stored: &Stored,
        change: &RecordedChange,
    ) -> Result<Conclusion, Failure> {
        let actor = stored.actor();
        if !is_author(change.actor.as_ref(), actor.sender) {
            let undo = self.undo(change.clone()).await?;
            self.authorize(actor, undo, Enforcer::Bot).await?;
        }
        let deliveries = self
            .store
            .deliveries(&job.key.tenant, &change.job_ref)
            .await?;
        let is_open = |delivery: &Delivery| delivery.state.is_revertible();
        let open: Vec<_> = deliveries.into_iter().filter(is_open).collect();
        let groups = open.len();
        let sender = actor.sender;
        let repeat = self
            .again(job, stored, &change.job_ref, &open, |_| {
                DeliveryState::Reverting
            })
            .await?;
        Ok(Conclusion {
            record: Some(record::of_undone_broadcast(change, sender)),
            broadcast: Some(BroadcastChange::Repeat(Box::new(repeat))),
            ..Conclusion::of(Outcome::Done(done(BroadcastStep::Reverting, groups)))
        })
    }

    /// The broadcast of a button, if it can still be undone.
    pub(super) async fn retraction_pressed(
        &self,
        job: &Job,
        broadcast: &JobRef,
    ) -> Result<Next, Failure> {
        let change = self.change_of_broadcast(job, broadcast).await?;
        let change = change.filter(|change| !change.undone);
        Ok(Next::Retract(Box::new(
            change.ok_or(BroadcastRefusal::BroadcastOver)?,
        )))
    }

    /// The change that started a broadcast in the job's chat.
    async fn change_of_broadcast(
        &self,
        job: &Job,
        broadcast: &JobRef,
    ) -> Result<Option<RecordedChange>, Failure> {
        let started = self
            .store
            .broadcast(&job.key.tenant, broadcast)
            .await?
            .filter(|started| started.chat.as_str() == job.chat);
        if started.is_none() {
            return Ok(None);
        }
        let key = JobKey {
            tenant: job.key.tenant.clone(),
            origin: broadcast.origin.clone(),
            kind: broadcast.kind,
        };
        let change = self.store.change_of(key).await?;
        Ok(change.filter(|change| change.broadcast().is_some()))
    }

    /// Repeats what failed, for the author of the broadcast or, if it was undone, with the rights of
    /// the member who asks.
    pub(super) async fn redeliver(
        &self,
        job: &Job,
        stored: &Stored,
        broadcast: &JobRef,
    ) -> Result<Conclusion, Failure> {
        let change = self.change_of_broadcast(job, broadcast).await?;
        let change = change.ok_or(BroadcastRefusal::BroadcastOver)?;
        let is_repeated = |state: DeliveryState| {
            let retried = state.retried();
            retried.filter(|next| (*next == DeliveryState::Reverting) == change.undone)
        };
        let deliveries = self.store.deliveries(&job.key.tenant, broadcast).await?;
        let failed = deliveries
            .into_iter()
            .filter(|delivery| is_repeated(delivery.state).is_some());
        let failed: Vec<_> = failed.collect();
        if failed.is_empty() {
            return Err(BroadcastRefusal::BroadcastOver.into());
        }
        if !change.undone && !is_author(change.actor.as_ref(), stored.actor().sender) {
            return Err(BroadcastRefusal::NotAuthorOfBroadcast.into());
        }
        let next = |state: DeliveryState| state.retried().unwrap_or(state);
        let repeat = self.again(job, stored, broadcast, &failed, next).await?;
        let groups = failed.len();
        Ok(Conclusion {
            broadcast: Some(BroadcastChange::Repeat(Box::new(repeat))),
            ..Conclusion::of(Outcome::Done(done(BroadcastStep::Repeated, groups)))
        })
    }

    /// The next jobs of some groups of a broadcast.
    async fn again(
        &self,
        job: &Job,
        stored: &Stored,
        broadcast: &JobRef,
        deliveries: &[Delivery],
        next: impl Fn(DeliveryState) -> DeliveryState,
    ) -> Result<Repeat, Failure> {
        let actor = stored.actor();
        let language = self.language_of_request(stored);
        let start = self.next_delivery(job, 0).await?;
        let again = deliveries.iter().zip(0_u32..).map(|(delivery, n)| {
            let due = start + self.settings.delivery_interval * n;
            let chat = &delivery.chat;
            let job = if next(delivery.state) == DeliveryState::Reverting {
                let retraction = Retraction {
                    broadcast: broadcast.clone(),
                    chat: chat.clone(),
                    by: actor.sender.clone(),
                    home: actor.home.map(str::to_owned),
                    asked_at: stored.asked_at(job.accepted_at),
                    language,
                };
                delivery_job(job, JobKind::Retraction, chat, &retraction)
            } else {
                let post = DeliveryPayload {
                    broadcast: broadcast.clone(),
                };
                delivery_job(job, JobKind::Delivery, chat, &post)
            };
            Ok(NewDelivery { job: job?, due })
        });
        let deliveries = again.collect::<Result<_, Cause>>()?;
        let report = ReportPayload {
            broadcast: broadcast.clone(),
            language,
        };
        Ok(Repeat {
            broadcast: broadcast.clone(),
            deliveries,
            report: report_job(job, &report)?,
        })
    }

    /// The groups that a change has reached, if it is a broadcast.
    pub(super) async fn reach(
        &self,
        job: &Job,
        change: &RecordedChange,
    ) -> Result<Option<Reach>, StoreError> {
        let Some(list) = change.broadcast() else {
            return Ok(None);
        };
        let reach = self.store.reach(&job.key.tenant, &change.job_ref);
        let (posted, groups) = reach.await?;
        let list = list.to_owned();
        Ok(Some(Reach {
            list,
            posted,
            groups,
        }))
    }

    /// The broadcast to undo instead of a change: of a broadcast that was commanded in the group and
    /// posted there, too, the post is not the latest change but a part of it.
    pub(super) async fn whole_broadcast(
        &self,
        job: &Job,
        change: RecordedChange,
    ) -> Result<RecordedChange, Failure> {
        if change.job_ref.kind != JobKind::Delivery {
            return Ok(change);
        }
        let origin = &change.job_ref.origin;
        let broadcast = self.store.broadcast_of(&job.key.tenant, origin).await?;
        let Some(broadcast) = broadcast else {
            return Ok(change);
        };
        let started = self.change_of_broadcast(job, &broadcast).await?;
        let started = started.filter(|started| !started.undone);
        Ok(started.unwrap_or(change))
    }
}

fn done(step: BroadcastStep, groups: usize) -> Done {
    Done::Broadcast { step, groups }
}

/// The job of one group, unique for the job that asks for it.
fn delivery_job(
    asked_by: &Job,
    kind: JobKind,
    chat: &ChatId,
    payload: &impl Serialize,
) -> Result<NewJob, Cause> {
    Ok(NewJob {
        key: JobKey {
            tenant: asked_by.key.tenant.clone(),
            origin: format!("{}/{chat}", asked_by.key.origin),
            kind,
        },
        chat: chat.to_string(),
        payload: serde_json::to_string(payload).map_err(|_| Cause::Internal)?,
        trace: asked_by.trace,
    })
}

/// The job that reports on a broadcast. The reports on one broadcast share a queue.
fn report_job(asked_by: &Job, payload: &ReportPayload) -> Result<NewJob, Cause> {
    Ok(NewJob {
        key: JobKey {
            tenant: asked_by.key.tenant.clone(),
            origin: asked_by.key.origin.clone(),
            kind: JobKind::Report,
        },
        chat: payload.broadcast.origin.clone(),
        payload: serde_json::to_string(payload).map_err(|_| Cause::Internal)?,
        trace: asked_by.trace,
    })
}
