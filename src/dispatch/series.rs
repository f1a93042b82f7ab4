//! Series: announcements that are posted again and again. A run schedules the next one in the commit
//! that ends it, and the removal of the entry before.

use feishu::Sender;
use jiff::Timestamp;

use super::Dispatcher;
use crate::action::Failure;
use crate::command::Recurrence;
use crate::event::{Stored, StoredMessage};
use crate::model::action::{Action, is_author};
use crate::model::change::{ChangeKind, ChangeRecord, RecordedChange};
use crate::model::job::{JobKey, JobKind, JobRef};
use crate::model::outcome::Outcome;
use crate::model::refusal::{Cause, NextRun, SeriesRefusal, Stage};
use crate::model::schedule::{Schedule, ScheduledAction};
use crate::model::series::{RunResult, Series};
use crate::store::{Conclusion, Job, NewSchedule, Rewrite, Then};

impl Dispatcher {
    /// The conclusion of a run, with the next run. The same for any other job.
    pub(super) fn with_next_run(
        &self,
        job: &Job,
        stored: &Stored,
        mut conclusion: Conclusion,
    ) -> Result<Conclusion, Cause> {
        let Stored::Message(message) = stored else {
            return Ok(conclusion);
        };
        // The run is the broadcast, and not its delivery to one group.
        let Some(action) = message
            .schedule
            .as_ref()
            .filter(|_| message.delivery.is_none())
        else {
            return Ok(conclusion);
        };
        let Some(series) = action.series() else {
            return Ok(conclusion);
        };
        let record = conclusion.record.as_ref();
        let posted = record.is_some_and(ChangeRecord::is_editable);
        let result = match &conclusion.outcome {
            Outcome::Refused(refusal) if !posted => RunResult::Refused(&refusal.cause),
            _ => RunResult::Posted,
        };
        let next = series.after(&job.key.origin, result);
        let at = self.clock.now();
        let due = next.rule.next(at.max(job.accepted_at), self.time_zone());
        // The calendar ends.
        let Some(due) = due else {
            return Ok(conclusion);
        };
        if let Outcome::Refused(refusal) = &mut conclusion.outcome
            && refusal.stage == Stage::NotPublished
        {
            refusal.stage = Stage::RunNotPublished(NextRun {
                number: job.number.unwrap_or_default(),
                at,
                due: next.paused.is_none().then_some(due),
            });
        }
        // Each group of a list has entries of its own.
        let former = series.former.as_ref();
        let former = former.filter(|_| posted && action.to().is_none());
        // What replaces everything has removed it, and a card takes the place of the one before.
        if let Some(run) = former.filter(|_| action.kind() == ChangeKind::Announce) {
            let run = JobRef {
                origin: run.clone(),
                kind: JobKind::Publish,
            };
            let removal = removal(job, action, run, at)?;
            conclusion.schedules.push(removal);
        }
        conclusion.schedules.push(NewSchedule {
            kind: JobKind::Publish,
            origin: Some(next.origin(&job.key.origin)),
            number: job.number,
            due,
            is_paused: next.paused.is_some(),
            payload: payload(&job.payload, with_series(action, next)?)?,
        });
        Ok(conclusion)
    }

    /// When an announcement was due at that moment; of several missed runs, the last.
    pub(super) fn due_of(&self, job: &Job, series: Option<&Series>, at: Timestamp) -> Timestamp {
        let latest = series.and_then(|series| series.rule.latest(at, self.time_zone()));
        latest.into_iter().fold(job.accepted_at, Timestamp::max)
    }

    /// The entry of an earlier run; `None` if there is nothing to remove.
    pub(super) async fn superseded(
        &self,
        job: &Job,
        run: &JobRef,
    ) -> Result<Option<RecordedChange>, Failure> {
        // Once a removal has failed for that reason, the others would.
        if self.store.can_delete_text(job.chat_key()).await? == Some(false) {
            return Ok(None);
        }
        let run = JobKey {
            tenant: job.key.tenant.clone(),
            origin: run.origin.clone(),
            kind: run.kind,
        };
        let change = self.store.change_of(run).await?;
        Ok(change.filter(|recorded| recorded.change.is_some() && !recorded.undone))
    }

    pub(super) async fn pause(
        &self,
        job: &Job,
        is_meant: impl Fn(&Schedule) -> bool,
    ) -> Result<Action, Failure> {
        let (schedule, series) = self.series(job, is_meant).await?;
        if series.paused.is_some() {
            return Err(Cause::Series(SeriesRefusal::PausedAlready).into());
        }
        Ok(Action::Pause(Box::new(schedule)))
    }

    pub(super) async fn resume(
        &self,
        job: &Job,
        is_meant: impl Fn(&Schedule) -> bool,
    ) -> Result<Action, Failure> {
        let (schedule, series) = self.series(job, is_meant).await?;
        if series.paused.is_none() {
            return Err(Cause::Series(SeriesRefusal::NotPaused).into());
        }
        let next = series.rule.next(self.clock.now(), self.time_zone());
        Ok(Action::Resume(
            Box::new(schedule),
            next.ok_or(Cause::Internal)?,
        ))
    }

    async fn series(
        &self,
        job: &Job,
        is_meant: impl Fn(&Schedule) -> bool,
    ) -> Result<(Schedule, Series), Failure> {
        let meant = self.meant(job, is_meant).await?;
        let series = meant.action.series().cloned();
        let series = series.ok_or(Cause::Series(SeriesRefusal::NotRecurring))?;
        Ok((meant, series))
    }

    /// The schedule with a number, for example. An entry with a duration and the run after it have the
    /// same number, which means the run.
    pub(super) async fn meant(
        &self,
        job: &Job,
        is_meant: impl Fn(&Schedule) -> bool,
    ) -> Result<Schedule, Failure> {
        let schedules = self.schedules(job).await?.into_iter();
        let meant = schedules.filter(is_meant);
        let run_first = |schedule: &Schedule| schedule.action.series().is_none();
        Ok(meant.min_by_key(run_first).ok_or(Cause::NoSuchSchedule)?)
    }
}

/// The removal of the entry of an earlier run, for the job of the later one.
pub(super) fn removal(
    job: &Job,
    action: &ScheduledAction,
    run: JobRef,
    due: Timestamp,
) -> Result<NewSchedule, Cause> {
    let supersede = ScheduledAction::Supersede {
        run,
        summary: action.summary(),
    };
    Ok(NewSchedule {
        kind: JobKind::Supersede,
        origin: None,
        number: job.number,
        due,
        payload: payload(&job.payload, supersede)?,
        is_paused: false,
    })
}

/// Pauses a series.
pub(super) fn paused(schedule: &Schedule) -> Result<Rewrite, Cause> {
    let series = schedule
        .action
        .series()
        .ok_or(Cause::Series(SeriesRefusal::NotRecurring))?;
    rewrite(
        schedule,
        with_series(&schedule.action, series.paused())?,
        Then::Pauses,
    )
}

/// From now on, the rights of the member who resumes it count, unless that is its author.
pub(super) fn resumed(schedule: &Schedule, by: &Sender, next: Timestamp) -> Result<Rewrite, Cause> {
    let series = schedule
        .action
        .series()
        .ok_or(Cause::Series(SeriesRefusal::NotRecurring))?;
    let mut action = with_series(&schedule.action, series.resumed())?;
    if let ScheduledAction::Publish { approved_by, .. } = &mut action {
        *approved_by = (!is_author(schedule.author.as_ref(), by)).then(|| Box::new(by.clone()));
    }
    rewrite(schedule, action, Then::Resumes(next))
}

fn rewrite(schedule: &Schedule, action: ScheduledAction, then: Then) -> Result<Rewrite, Cause> {
    Ok(Rewrite {
        id: schedule.id,
        payload: payload(&schedule.payload, action)?,
        then,
    })
}

fn with_series(action: &ScheduledAction, next: Series) -> Result<ScheduledAction, Cause> {
    let mut action = action.clone();
    let ScheduledAction::Publish { series, .. } = &mut action else {
        return Err(Cause::Internal);
    };
    *series = Some(Box::new(next));
    Ok(action)
}

fn payload(of: &str, action: ScheduledAction) -> Result<String, Cause> {
    StoredMessage::with_schedule(of, action).map_err(|_| Cause::Internal)
}

/// The series of a new schedule.
pub(super) fn new_series(every: Option<Recurrence>) -> Option<Box<Series>> {
    every.map(|rule| Box::new(Series::new(rule)))
}
