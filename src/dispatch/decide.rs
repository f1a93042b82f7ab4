//! From a stored message to an outcome. The one place where an error becomes a
//! decision: try again, say no, or give up.

use std::time::Duration;

use jiff::Timestamp;

use super::intent::{Intent, Next};
use super::record::PendingRecord;
use super::{Dispatcher, MAX_CRASHES, may_try_again};
use crate::action::{self, Context, Effect, Failure};
use crate::event::Stored;
use crate::model::action::Action;
use crate::model::change::ChangeRecord;
use crate::model::job::JobKind;
use crate::model::outcome::{Done, Outcome};
use crate::model::refusal::{Call, Cause, Refusal, Stage};
use crate::model::rights::{Actor, Right};
use crate::policy::{self, Permit};
use crate::store::{Conclusion, Job, Release};
use crate::telemetry::CommandResult;

/// Whoever is away for less than this beyond every patience was not away.
const AWAY: Duration = Duration::from_mins(1);

impl Dispatcher {
    /// What came of the job: as stored, or as it comes out now. `None` if the
    /// message is not for us.
    pub(super) async fn outcome(
        &self,
        job: &Job,
        stored: &Stored,
    ) -> Result<Option<Outcome>, Release> {
        let exhausted = job.crashes >= MAX_CRASHES;
        if exhausted {
            tracing::error!(crashes = job.crashes, "the job is given up");
        }
        let intent = match &job.outcome {
            // Even saying it brings the worker down.
            Some(_) if exhausted => return Err(Release::Dead),
            Some(outcome) => return Ok(Some(outcome.clone())),
            None if exhausted => Intent::unknown(Err(Cause::Internal.into())),
            None => self.intent(job, stored).await,
        };
        let name = intent.name;
        let Some(conclusion) = self.conclude(job, stored, intent).await? else {
            return Ok(None);
        };
        self.learn_deletable(job, &conclusion).await;
        let concluded = self.store.conclude(job, conclusion).await;
        let outcome = concluded.map_err(|_| self.retry(job))?;
        let result = match outcome {
            Outcome::Refused(_) => CommandResult::Refused,
            Outcome::Done(_)
            | Outcome::Planned(_)
            | Outcome::History(_)
            | Outcome::Help
            | Outcome::HelpInGroup(_)
            | Outcome::AllCommands(_) => CommandResult::Done,
        };
        self.metrics.command(name, result);
        tracing::info!(outcome = outcome.label(), "the command is decided");
        Ok(Some(outcome))
    }

    /// Does what is to be done, and makes of every failure that is final a refusal.
    async fn conclude(
        &self,
        job: &Job,
        stored: &Stored,
        intent: Intent,
    ) -> Result<Option<Conclusion>, Release> {
        let draft = intent.draft(stored.actor().sender);
        let Intent { name, next } = intent;
        let decided = match next {
            Ok(next) => self.decide(job, stored, next, draft.clone()).await,
            Err(failure) => Err(failure),
        };
        let failure = match decided {
            Ok(conclusion) => return Ok(conclusion),
            // What stands is remembered, and its end is planned, like any other.
            Err(Failure::Partway {
                stage,
                cause,
                effect: Some(effect),
            }) => {
                let cause = self.judge(job, *cause)?.cause.unsure();
                let outcome = Outcome::Refused(Refusal { stage, cause });
                let conclusion = Self::conclusion(job, draft, *effect, outcome);
                return conclusion.map(Some).map_err(|_| Release::Dead);
            }
            Err(failure) => failure,
        };
        let refusal = self.judge(job, failure)?;
        let Refusal { stage, cause } = self.cautious(job, name, refusal).await?;
        let stage = match (job.key.kind, stage) {
            (JobKind::Expire, _) => Stage::NotTakenBack,
            (JobKind::Publish, Stage::Whole) => Stage::NotPublished,
            (_, stage) => stage,
        };
        let refusal = Refusal { stage, cause };
        self.given_up(job, stored, draft, refusal).await.map(Some)
    }

    /// Stores whether text can be removed from the chat's announcement, where the outcome shows it.
    async fn learn_deletable(&self, job: &Job, conclusion: &Conclusion) {
        let refused = matches!(
            &conclusion.outcome,
            Outcome::Refused(refusal) if refusal.cause == Cause::CannotDelete
        );
        let removed = || {
            conclusion
                .record
                .as_ref()
                .is_some_and(ChangeRecord::has_removed)
        };
        let can_delete_text = if refused {
            false
        } else if removed() {
            true
        } else {
            return;
        };
        let saved = self
            .store
            .save_can_delete_text(job.chat_key(), can_delete_text);
        if saved.await.is_err() {
            tracing::warn!("failed to store whether the announcement lets text be removed");
        }
    }

    /// Authorise and act; `None` if there is nothing to do.
    async fn decide(
        &self,
        job: &Job,
        stored: &Stored,
        next: Next,
        draft: Option<PendingRecord>,
    ) -> Result<Option<Conclusion>, Failure> {
        let permit = match next {
            Next::Ignore => return Ok(None),
            Next::Answer(outcome) => return Ok(Some(Conclusion::of(outcome))),
            Next::Schedule(publication) => {
                return self.plan(job, stored, publication).await.map(Some);
            }
            Next::Authorise(action) => self.permit(stored.actor(), action).await?,
            Next::Act(permit) => permit,
        };
        self.act(job, permit, stored, draft).await.map(Some)
    }

    pub(super) fn context<'a>(
        &'a self,
        job: &'a Job,
        actor: Actor<'a>,
        asked_at: Timestamp,
    ) -> Context<'a> {
        Context {
            platform: &self.platform,
            store: &self.store,
            clock: &self.clock,
            job,
            sender: actor.sender,
            chat_id: actor.chat,
            asked_at,
            settings: &self.settings.announce,
        }
    }

    async fn permit(&self, actor: Actor<'_>, action: Action) -> Result<Permit, Failure> {
        match policy::own_plan(action, actor.sender) {
            Ok(permit) => Ok(permit),
            Err(Action::Announce(source, options)) => {
                self.authorise_publication(actor, source, options).await
            }
            Err(action) if action.touches_top() && action.right() == Right::Announce => {
                self.authorise(actor, Action::PutAnnouncement(None)).await?;
                self.authorise(actor, action).await
            }
            Err(action) => self.authorise(actor, action).await,
        }
    }

    /// Refuses a command whose turn came too late: its first one, or the first
    /// after an interruption that outlasted every patience. What was begun in
    /// time and merely is tried again goes on.
    ///
    /// Before one is refused, the platform is asked for the time: the machine's clock may be wrong.
    pub(super) async fn expect_in_time(
        &self,
        job: &Job,
        asked_at: Timestamp,
    ) -> Result<(), Failure> {
        if self.lateness(job, asked_at).is_none() {
            return Ok(());
        }
        let confirmed = self.platform.client.confirm_time().await;
        if let (Err(error), None) = (confirmed, self.clock.offset()) {
            self.attempts.date(job, true);
            return Err(Failure::Call(Call::ReadChat, error));
        }
        if let Some(refusal) = self.lateness(job, asked_at) {
            return Err(refusal.into());
        }
        self.attempts.date(job, false);
        Ok(())
    }

    fn lateness(&self, job: &Job, asked_at: Timestamp) -> Option<Cause> {
        let now = self.clock.now();
        let old = !self.settings.worker.stale_after.is_zero()
            && now > asked_at + self.settings.worker.stale_after;
        let first = self.attempts.is_undated(job);
        // No attempt is planned for so late: the bot was away.
        let resumed = !first && now > job.started_at + self.settings.worker.give_up_after + AWAY;
        (old && (first || resumed)).then_some(Cause::TooLate { begun: resumed })
    }

    async fn act(
        &self,
        job: &Job,
        permit: Permit,
        stored: &Stored,
        draft: Option<PendingRecord>,
    ) -> Result<Conclusion, Failure> {
        let right = permit.right();
        let cancels = match permit.action() {
            Action::Cancel(plan) => Some(plan.id),
            // What is taken back now need not end later. No other job of the
            // chat is under way, so its end is not either.
            Action::Undo(made) => self.store.timed_end(made.id).await?,
            _ => None,
        };
        let actor = stored.actor();
        let context = self.context(job, actor, stored.asked_at(job.accepted_at));
        let effect = match action::run(permit, context).await {
            Ok(effect) => effect,
            Err(failure) => return Err(self.look_again(job, actor, right, failure).await),
        };
        let done = match effect.done {
            Done::Announced | Done::Replaced { others: 0 } if job.key.kind == JobKind::Publish => {
                self.published(job, effect.done.clone())
            }
            ref done => done.clone(),
        };
        let outcome = Outcome::Done(done);
        Ok(Conclusion {
            cancels,
            ..Self::conclusion(job, draft, effect, outcome)?
        })
    }

    /// What is stored of what was not done, or not known to be: then also what it takes to take it
    /// back.
    async fn given_up(
        &self,
        job: &Job,
        stored: &Stored,
        draft: Option<PendingRecord>,
        refusal: Refusal,
    ) -> Result<Conclusion, Release> {
        let progress = self.store.progress(job).await;
        let progress = progress.map_err(|_| self.retry(job))?;
        let left = progress.and_then(|progress| {
            let actor = stored.actor();
            let context = self.context(job, actor, stored.asked_at(job.accepted_at));
            let effect = action::announce::left_behind(&progress, context)?;
            let begun = || PendingRecord::of_begun(&progress, job.key.kind, actor.sender);
            Some((draft.clone().unwrap_or_else(begun), effect))
        });
        let (record, plan) = match left {
            Some((draft, effect)) => {
                let draft = draft.with(effect.wrote);
                let plan = effect.until.map(|due| draft.end(job, due)).transpose();
                let record = draft.refused(&refusal, effect.change);
                (Some(record), plan.map_err(|_| Release::Dead)?)
            }
            None => (draft.map(|draft| draft.refused(&refusal, None)), None),
        };
        Ok(Conclusion {
            record,
            plan,
            ..Conclusion::of(Outcome::Refused(refusal))
        })
    }

    /// What is stored of what was done: the outcome, the change, and its end.
    fn conclusion(
        job: &Job,
        draft: Option<PendingRecord>,
        effect: Effect,
        outcome: Outcome,
    ) -> Result<Conclusion, Failure> {
        let draft = draft.map(|draft| draft.with(effect.wrote));
        let plan = match (&draft, effect.until) {
            (Some(draft), Some(due)) => Some(draft.end(job, due)?),
            _ => None,
        };
        let is_over = matches!(outcome, Outcome::Done(Done::Superseded));
        let record = draft.filter(|_| !is_over);
        Ok(Conclusion {
            record: record.map(|draft| draft.done(effect.change, effect.reverts)),
            plan,
            ..Conclusion::of(outcome)
        })
    }

    /// Whether a failure is the end, and then why, or when to try again.
    fn judge(&self, job: &Job, failure: Failure) -> Result<Refusal, Release> {
        match failure {
            Failure::Refused(cause) => Ok(cause.into()),
            Failure::NotBefore(run_at) => Err(Release::Retry { run_at }),
            Failure::Store => Err(self.retry(job)),
            Failure::Partway { stage, cause, .. } => {
                let cause = self.judge(job, *cause)?.cause.unsure();
                Ok(Refusal { stage, cause })
            }
            Failure::Call(call, error) => {
                let unchanged = self.attempts.failed(job, call, &error);
                self.judge_call(job, &error)?;
                Ok(self.explain(job, call, error, unchanged).into())
            }
            Failure::Unaddressed(error) => {
                self.judge_call(job, &error)?;
                // It may well be meant for somebody else, who is not to be
                // bothered with our trouble.
                tracing::error!("whom the message is for could not be found out");
                Err(Release::Dead)
            }
        }
    }

    /// When to make a failed call again, unless it is given up.
    pub(super) fn judge_call(&self, job: &Job, error: &feishu::Error) -> Result<(), Release> {
        tracing::warn!(
            error = %error,
            api.log_id = error.log_id(),
            retries = job.retries,
            "a call failed"
        );
        let run_at = self.next_try(job, error);
        if may_try_again(error) && run_at <= job.started_at + self.settings.worker.give_up_after {
            return Err(Release::Retry { run_at });
        }
        Ok(())
    }
}
