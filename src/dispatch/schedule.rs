//! Schedules: how they begin, and the next step when they are due.

use std::time::Duration;

use jiff::Timestamp;

use super::Dispatcher;
use super::intent::{BroadcastRequest, Next, ScheduledAnnouncement};
use super::series::new_series;
use crate::action::Failure;
use crate::event::{Stored, StoredMessage};
use crate::model::action::{Action, Source};
use crate::model::job::{JobKey, JobKind, JobRef};
use crate::model::outcome::{Done, Outcome, Scheduled};
use crate::model::refusal::Cause;
use crate::model::schedule::{AnnounceOptions, ScheduledAction};
use crate::policy::Permit;
use crate::store::{Conclusion, Job, NewSchedule};

/// Maximum number of scheduled announcements per chat.
const MAX_SCHEDULED: usize = 100;
/// A scheduled announcement is late after this delay.
const LATE_AFTER: Duration = Duration::from_mins(1);

impl Dispatcher {
    /// Schedules an announcement, if its author has the permission now. It is checked again when it
    /// is due.
    pub(super) async fn schedule(
        &self,
        job: &Job,
        stored: &Stored,
        ScheduledAnnouncement {
            source,
            options,
            due,
            to,
            every,
        }: ScheduledAnnouncement,
    ) -> Result<Conclusion, Failure> {
        let list = to.as_deref();
        self.authorize_announcement(job, stored, source.clone(), options, list)
            .await?;
        self.require_consent(job, stored).await?;
        let document = self
            .document_now(job, stored, source, options, list)
            .await?;
        let action = ScheduledAction::Publish {
            document,
            options,
            approved_by: None,
            to,
            series: new_series(every),
        };
        self.add_schedule(job, action, options, due).await
    }

    /// Schedules an announcement that is permitted now.
    pub(super) async fn add_schedule(
        &self,
        job: &Job,
        action: ScheduledAction,
        options: AnnounceOptions,
        due: Timestamp,
    ) -> Result<Conclusion, Failure> {
        let schedules = self.schedules(job).await?;
        let announcements = schedules
            .iter()
            .filter(|schedule| matches!(schedule.action, ScheduledAction::Publish { .. }));
        if announcements.count() >= MAX_SCHEDULED {
            return Err(Cause::TooManySchedules {
                limit: MAX_SCHEDULED,
            }
            .into());
        }
        let summary = action.summary();
        let to = action.to().map(str::to_owned);
        let every = action.series().map(|series| series.rule);
        let payload = StoredMessage::with_schedule(&job.payload, action);
        let at = self.clock.now();
        Ok(Conclusion {
            schedules: vec![NewSchedule {
                kind: JobKind::Publish,
                origin: None,
                number: None,
                due,
                payload: payload.map_err(|_| Cause::Internal)?,
                is_paused: false,
            }],
            ..Conclusion::of(Outcome::Scheduled(Scheduled {
                number: 0,
                due,
                at,
                job_ref: Some(JobRef {
                    origin: job.key.origin.clone(),
                    kind: JobKind::Publish,
                }),
                summary,
                options,
                to,
                every,
            }))
        })
    }

    /// A schedule that is due.
    pub(super) async fn due(
        &self,
        job: &Job,
        stored: &StoredMessage,
        action: &ScheduledAction,
    ) -> Result<Next, Failure> {
        // If the platform does not respond, its last known time is used.
        if !self.clock.is_confirmed() {
            let _ = self.platform.client.confirm_time().await;
        }
        if self.clock.now() < job.accepted_at {
            return Err(Failure::NotBefore(job.accepted_at));
        }
        match action {
            ScheduledAction::Publish {
                document,
                options,
                to,
                ..
            } => {
                let at = self.clock.now();
                let due = self.due_of(job, action.series(), at);
                if at > due + self.settings.worker.plan_grace {
                    return Err(Cause::ScheduleTooLate { due, at }.into());
                }
                if let Some(target) = &stored.delivery
                    && self.is_superseded(job, &target.broadcast).await?
                {
                    return Ok(Next::Answer(Outcome::Done(Done::Superseded)));
                }
                let source = Source::Document(document.clone());
                let announce = Action::Announce(source.clone(), *options);
                let authority = stored.authority();
                // The author may have left the group since, or may not be in a group of a list.
                if action.series().is_some() || stored.delivery.is_some() {
                    self.require_member(authority, announce.right()).await?;
                }
                if let Some(list) = to.clone() {
                    return Ok(Next::Broadcast(BroadcastRequest {
                        source,
                        options: *options,
                        list,
                    }));
                }
                let permit = self
                    .authorize_with_pin(authority, announce, self.enforcer())
                    .await?;
                Ok(Next::Act(permit))
            }
            ScheduledAction::Propose(proposal) => Ok(Next::Decided(proposal.clone())),
            ScheduledAction::Preview(preview) => self.preview_due(job, preview).await,
            ScheduledAction::Supersede { run, .. } => Ok(match self.superseded(job, run).await? {
                Some(change) => Next::Act(Permit::for_expiry(change)),
                None => Next::Answer(Outcome::Done(Done::Superseded)),
            }),
            ScheduledAction::Expire { made_by, .. } => {
                let job_ref = JobKey {
                    kind: *made_by,
                    ..job.key.clone()
                };
                Ok(match self.store.change_of(job_ref).await? {
                    Some(change) => Next::Act(Permit::for_expiry(change)),
                    // The change was reverted or overwritten.
                    None => Next::Answer(Outcome::Done(Done::Superseded)),
                })
            }
        }
    }

    /// Reports a late announcement.
    pub(super) fn published(&self, job: &Job, stored: &Stored, done: Done) -> Done {
        let at = self.clock.now();
        let due = self.due_of(job, stored.series(), at);
        if job.key.kind == JobKind::Publish && at > due + LATE_AFTER {
            done.late(due, at)
        } else {
            done
        }
    }
}
