//! From a stored message to an outcome. The one place where an error becomes a decision: retry,
//! refuse or give up.

use std::time::Duration;

use jiff::Timestamp;

use super::authorize::Enforcer;
use super::edit::rewritten;
use super::intent::{Intent, Next};
use super::proposal::ProposedFor;
use super::record::PendingRecord;
use super::series::{paused, resumed};
use super::{Dispatcher, MAX_CRASHES};
use crate::action::{self, Context, Effect, Failure};
use crate::event::{Stored, StoredMessage};
use crate::language::Language;
use crate::model::action::Action;
use crate::model::change::ChangeRecord;
use crate::model::job::JobKind;
use crate::model::outcome::{Done, Outcome};
use crate::model::refusal::{Call, Cause, Refusal, Stage};
use crate::model::rights::{Actor, Denied, Right};
use crate::policy::Permit;
use crate::store::{Conclusion, Job, Release};
use crate::telemetry::CommandResult;

/// Tolerance before the bot counts as having been down.
const DOWNTIME_TOLERANCE: Duration = Duration::from_mins(1);

/// How often a command of a store app looks for a ticket.
const TICKET_WAIT: Duration = Duration::from_secs(5);

impl Dispatcher {
    /// The outcome of the job, from the store or new. `None` if the message is not addressed to the
    /// bot.
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
            // The reply itself crashes the worker.
            Some(_) if exhausted => return Err(Release::Dead),
            Some(outcome) => return Ok(Some(outcome.clone())),
            None if exhausted => Intent::unknown(Err(Cause::Internal.into())),
            None => self.intent(job, stored).await,
        };
        let name = intent.name;
        let Some(conclusion) = self.conclude(job, stored, intent).await? else {
            return Ok(None);
        };
        let conclusion = self.with_next_run(job, stored, conclusion);
        let conclusion = conclusion.map_err(|_| Release::Dead)?;
        let conclusion = self.with_former_removed(job, stored, conclusion).await?;
        self.learn_deletable(job, &conclusion).await;
        let conclusion = Conclusion {
            broadcast: match conclusion.broadcast {
                Some(change) => Some(change),
                None => self.delivery_end(job, stored, &conclusion).await,
            },
            ..conclusion
        };
        let concluded = self.store.conclude(job, conclusion).await;
        let outcome = concluded.map_err(|_| self.retry(job))?;
        let result = match outcome {
            Outcome::Refused(_) => CommandResult::Refused,
            _ => CommandResult::Done,
        };
        self.metrics.command(name, result);
        tracing::info!(outcome = outcome.label(), "the command is concluded");
        Ok(Some(outcome))
    }

    /// Runs the job. Final failures become refusals.
    async fn conclude(
        &self,
        job: &Job,
        stored: &Stored,
        intent: Intent,
    ) -> Result<Option<Conclusion>, Release> {
        let pending = intent.record(stored);
        let Intent { name, next } = intent;
        let decided = match next {
            Ok(next) => self.decide(job, stored, next, pending.clone()).await,
            Err(failure) => Err(failure),
        };
        let failure = match decided {
            Ok(conclusion) => return Ok(conclusion),
            // The written entry is recorded and its end scheduled, as after a success.
            Err(Failure::Partway {
                stage,
                cause,
                effect: Some(effect),
            }) => {
                let cause = self.to_refusal(job, *cause)?.cause.with_unknown_effect();
                let outcome = Outcome::Refused(Refusal { stage, cause });
                let conclusion = Self::conclusion(job, pending, *effect, outcome);
                return conclusion.map(Some).map_err(|_| Release::Dead);
            }
            Err(failure) => failure,
        };
        let failure = self.wait_for_consent(job, stored, failure).await?;
        let refusal = self.to_refusal(job, failure)?;
        let Refusal { stage, cause } = self.verify_unchanged(job, name, refusal).await?;
        let stage = match (job.key.kind, stage) {
            (JobKind::Expire, _) => Stage::NotReverted,
            (JobKind::Supersede, _) => Stage::FormerRunLeft,
            (JobKind::Publish, Stage::Whole) => Stage::NotPublished,
            (_, stage) => stage,
        };
        let refusal = Refusal { stage, cause };
        if stage == Stage::FormerRunLeft && refusal.cause.leaves_entry() {
            return Ok(Some(Conclusion {
                record: pending.map(|pending| pending.left(&refusal)),
                ..Conclusion::of(Outcome::Done(Done::Superseded))
            }));
        }
        self.conclude_refusal(job, stored, pending, refusal)
            .await
            .map(Some)
    }

    /// Stores whether text can be deleted from the announcement, if the outcome proves it.
    async fn learn_deletable(&self, job: &Job, conclusion: &Conclusion) {
        let is_refused = matches!(
            &conclusion.outcome,
            Outcome::Refused(refusal) if refusal.cause == Cause::CannotDelete
        );
        let record = conclusion.record.as_ref();
        if !is_refused && !record.is_some_and(ChangeRecord::has_removed) {
            return;
        }
        let saving = self.store.save_can_delete_text(job.chat_key(), !is_refused);
        if saving.await.is_err() {
            tracing::warn!("failed to store whether the announcement allows deletion");
        }
    }

    /// Authorizes and acts; a member without the right proposes it to others, if they are to be asked.
    /// `None` if the message is not addressed to the bot.
    async fn decide(
        &self,
        job: &Job,
        stored: &Stored,
        next: Next,
        pending: Option<PendingRecord>,
    ) -> Result<Option<Conclusion>, Failure> {
        let proposable = self.proposable(job, stored, &next);
        let decided = self.authorize_and_act(job, stored, next, pending).await;
        match (decided, proposable) {
            (
                Err(Failure::Refused(Cause::Denied(denied @ Denied::Reserved(_)))),
                Some(proposable),
            ) => {
                let why = ProposedFor::Denial(denied);
                let proposed = self.propose(job, stored, proposable, why).await;
                proposed.map(Some)
            }
            (decided, _) => decided,
        }
    }

    async fn authorize_and_act(
        &self,
        job: &Job,
        stored: &Stored,
        next: Next,
        pending: Option<PendingRecord>,
    ) -> Result<Option<Conclusion>, Failure> {
        let permit = match next {
            Next::Ignore => return Ok(None),
            Next::Answer(outcome) => return Ok(Some(Conclusion::of(outcome))),
            // Without the author's id the bot must not act as itself.
            Next::Schedule(_)
            | Next::Authorize(_)
            | Next::Repeat(_)
            | Next::Act(_)
            | Next::Broadcast(_)
            | Next::Retract(_)
            | Next::Redeliver(_)
            | Next::Decide(_)
            | Next::Decided(_)
            | Next::Propose(_)
            | Next::Preview(..)
            | Next::Choose(_)
                if self.members.is_some() && self.acting.is_none() =>
            {
                return Err(Cause::AuthorUnknown.into());
            }
            Next::Schedule(announcement) => {
                return self.schedule(job, stored, announcement).await.map(Some);
            }
            Next::Broadcast(request) => {
                return self.broadcast(job, stored, request).await.map(Some);
            }
            Next::Retract(change) => {
                return self.retract(job, stored, &change).await.map(Some);
            }
            Next::Redeliver(broadcast) => {
                return self.redeliver(job, stored, &broadcast).await.map(Some);
            }
            Next::Decide(proposal) => {
                return self.decide_on(job, stored, *proposal).await.map(Some);
            }
            Next::Decided(proposal) => {
                let concluded = self.conclude_proposal(job, stored, proposal, pending);
                return concluded.await.map(Some);
            }
            Next::Propose(next) => {
                return self.propose_on_request(job, stored, *next).await.map(Some);
            }
            Next::Preview(next, ask) => {
                return self.preview(job, stored, *next, ask).await.map(Some);
            }
            Next::Choose(choice) => {
                return self.choose(job, stored, *choice).await.map(Some);
            }
            Next::SignIn => return self.sign_in(job, stored).await.map(Some),
            Next::SignOut => return self.sign_out(job, stored).await.map(Some),
            Next::Authorize(action) | Next::Repeat(action) => {
                self.permit(stored.actor(), action).await?
            }
            Next::Act(permit) => permit,
        };
        self.act(job, permit, stored, pending).await.map(Some)
    }

    pub(super) fn context<'a>(&'a self, job: &'a Job, stored: &'a Stored) -> Context<'a> {
        let asked_at = match stored.series() {
            // Each run is signed with its own date, the same for all attempts.
            Some(series) => self.due_of(job, Some(series), job.started_at),
            None => stored.asked_at(job.accepted_at),
        };
        let language = self.language_of_request(stored);
        self.context_of(job, stored.actor(), asked_at, language)
    }

    pub(super) fn context_of_message<'a>(
        &'a self,
        job: &'a Job,
        message: &'a StoredMessage,
    ) -> Context<'a> {
        let asked_at = message.asked_at(job.accepted_at);
        let language = self.language_of(&message.event.message);
        self.context_of(job, message.actor(), asked_at, language)
    }

    fn context_of<'a>(
        &'a self,
        job: &'a Job,
        actor: Actor<'a>,
        asked_at: Timestamp,
        language: Language,
    ) -> Context<'a> {
        Context {
            platform: &self.platform,
            client: self.acting.as_ref().unwrap_or(&self.platform.client),
            store: &self.store,
            clock: &self.clock,
            job,
            sender: actor.sender,
            chat_id: actor.chat,
            asked_at,
            time_zone: self.time_zone(),
            language,
            settings: &self.settings.announce,
        }
    }

    pub(super) async fn permit(&self, actor: Actor<'_>, action: Action) -> Result<Permit, Failure> {
        match Permit::for_own_schedule(action, actor.sender) {
            Ok(permit) => Ok(permit),
            Err(action) => {
                self.authorize_with_pin(actor, action, self.enforcer())
                    .await
            }
        }
    }

    /// Permission for an action. An announcement that is also pinned takes that permission, too.
    pub(super) async fn authorize_with_pin(
        &self,
        actor: Actor<'_>,
        action: Action,
        by: Enforcer,
    ) -> Result<Permit, Failure> {
        if action.changes_top() && action.right() == Right::Announce {
            let pin = Action::PutAnnouncement(None);
            self.authorize(actor, pin, by).await?;
        }
        self.authorize(actor, action, by).await
    }

    /// Refuses a command that expired in the queue: before its first attempt, or after an
    /// interruption longer than any retry. A command that is merely retried does not expire.
    ///
    /// Before a refusal, the platform's time is read: the machine's clock may be wrong.
    pub(super) async fn refuse_if_expired(
        &self,
        job: &Job,
        asked_at: Timestamp,
    ) -> Result<(), Failure> {
        if self.lateness(job, asked_at).is_none() {
            return Ok(());
        }
        let confirmed = self.platform.client.confirm_time().await;
        if let (Err(error), None) = (confirmed, self.clock.offset()) {
            self.attempts.set_undated(job, true);
            return Err(Failure::Call(Call::ReadChat, error));
        }
        if let Some(refusal) = self.lateness(job, asked_at) {
            return Err(refusal.into());
        }
        self.attempts.set_undated(job, false);
        Ok(())
    }

    fn lateness(&self, job: &Job, asked_at: Timestamp) -> Option<Cause> {
        let now = self.clock.now();
        // A command that waited for its author is as old as the answer.
        let asked_at = job
            .suspended_until
            .into_iter()
            .fold(asked_at, Timestamp::max);
        let old = !self.settings.worker.stale_after.is_zero()
            && now > asked_at + self.settings.worker.stale_after;
        let first = self.attempts.is_undated(job);
        // No retry is scheduled that late, so the bot was down.
        let resumed = !first
            && now > job.started_at + self.settings.worker.give_up_after + DOWNTIME_TOLERANCE;
        (old && (first || resumed)).then_some(Cause::TooLate { begun: resumed })
    }

    pub(super) async fn act(
        &self,
        job: &Job,
        permit: Permit,
        stored: &Stored,
        pending: Option<PendingRecord>,
    ) -> Result<Conclusion, Failure> {
        // The right that the member needs; an author needs none to edit.
        let is_author = permit.action().edits_own_text(stored.authority().sender);
        let right = (!is_author).then(|| permit.right());
        let cancels = match permit.action() {
            Action::Cancel(schedule) => Some(schedule.id),
            // A change that is reverted now need not expire later. No other job of the chat runs,
            // so the expiry does not either.
            Action::Undo(undo) => self.store.timed_end(undo.change.id).await?,
            Action::Expire(change) if job.key.kind == JobKind::Supersede => {
                self.store.timed_end(change.id).await?
            }
            _ => None,
        };
        let sets = match permit.action() {
            Action::Set(change) => Some(change.clone()),
            _ => None,
        };
        let list = match permit.action() {
            Action::ChangeList(change) => Some(change.clone()),
            _ => None,
        };
        let rewrites = match permit.action() {
            Action::Edit(edit) => {
                let edited_at = stored.asked_at(job.accepted_at);
                rewritten(edit, stored.authority().sender, edited_at)?
            }
            Action::Pause(schedule) => Some(paused(schedule)?),
            Action::Resume(schedule, next) => {
                Some(resumed(schedule, stored.actor().sender, *next)?)
            }
            _ => None,
        };
        if permit.action().posts_card() || matches!(permit.action(), Action::Resume(..)) {
            self.require_consent(job, stored).await?;
        }
        let effect = match action::run(permit, self.context(job, stored)).await {
            Ok(effect) => effect,
            Err(failure) => {
                let actor = stored.authority();
                return Err(self.explain_denial(job, actor, right, failure).await);
            }
        };
        let outcome = Outcome::Done(self.published(job, stored, effect.done.clone()));
        Ok(Conclusion {
            cancels,
            rewrites,
            sets,
            list,
            ..Self::conclusion(job, pending, effect, outcome)?
        })
    }

    /// The conclusion of a command that failed or whose effect is unknown. In the latter case the
    /// record can be undone.
    async fn conclude_refusal(
        &self,
        job: &Job,
        stored: &Stored,
        pending: Option<PendingRecord>,
        refusal: Refusal,
    ) -> Result<Conclusion, Release> {
        let progress = self.store.progress(job).await;
        let progress = progress.map_err(|_| self.retry(job))?;
        let left = progress.and_then(|progress| {
            let context = self.context(job, stored);
            let effect = action::partial_effect(&progress, context)?;
            let resumed = || {
                let record = PendingRecord::of_resumed(&progress, job.key.kind, context.sender)?;
                Some(record.decided_by(stored))
            };
            Some((pending.clone().or_else(resumed)?, effect))
        });
        let (record, schedule) = match left {
            Some((pending, effect)) => {
                let pending = pending.with(effect.written.clone());
                let schedule = effect
                    .expires_at
                    .map(|due| pending.end(job, due))
                    .transpose();
                let record = pending.refused(&refusal, Some(effect));
                (Some(record), schedule.map_err(|_| Release::Dead)?)
            }
            None => (pending.map(|pending| pending.refused(&refusal, None)), None),
        };
        Ok(Conclusion {
            record,
            schedules: schedule.into_iter().collect(),
            ..Conclusion::of(Outcome::Refused(refusal))
        })
    }

    /// The conclusion of a command that had an effect: outcome, record and scheduled end.
    fn conclusion(
        job: &Job,
        pending: Option<PendingRecord>,
        effect: Effect,
        outcome: Outcome,
    ) -> Result<Conclusion, Failure> {
        let pending = pending.map(|pending| pending.with(effect.written.clone()));
        let schedule = match (&pending, effect.expires_at) {
            (Some(pending), Some(due)) => Some(pending.end(job, due)?),
            _ => None,
        };
        let is_over = matches!(outcome, Outcome::Done(Done::Superseded));
        let record = pending.filter(|_| !is_over);
        Ok(Conclusion {
            record: record.map(|pending| pending.done(effect)),
            schedules: schedule.into_iter().collect(),
            ..Conclusion::of(outcome)
        })
    }

    /// The refusal after a final failure, or the retry.
    fn to_refusal(&self, job: &Job, failure: Failure) -> Result<Refusal, Release> {
        match failure {
            Failure::Refused(cause) => Ok(cause.into()),
            Failure::NotBefore(run_at) => Err(Release::Retry { run_at }),
            Failure::Store => Err(self.retry(job)),
            Failure::Partway { stage, cause, .. } => {
                let cause = self.to_refusal(job, *cause)?.cause.with_unknown_effect();
                Ok(Refusal { stage, cause })
            }
            Failure::Call(call, error) => {
                let unchanged = self.attempts.failed(job, call, &error);
                self.retry_call(job, &error)?;
                Ok(self.explain(job, call, error, unchanged).into())
            }
            Failure::Unaddressed(error) => {
                self.retry_call(job, &error)?;
                // The message may be addressed to somebody else, who should not see an error.
                tracing::error!("could not determine whether the bot was mentioned");
                Err(Release::Dead)
            }
        }
    }

    /// `Err` is a retry; `Ok` means that the call is given up.
    pub(super) fn retry_call(&self, job: &Job, error: &feishu::Error) -> Result<(), Release> {
        tracing::warn!(
            error = %error,
            api.log_id = error.log_id(),
            retries = job.retries,
            "a call failed"
        );
        if matches!(error, feishu::Error::NoAppTicket) {
            // The platform takes minutes to push one, which is no failure of the command.
            let run_at = self.later(TICKET_WAIT);
            return Err(Release::Retry { run_at });
        }
        let last = job.started_at + self.settings.worker.give_up_after;
        self.retry_until(last, job, error).map_or(Ok(()), Err)
    }
}
