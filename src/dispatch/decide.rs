//! From a stored message to an outcome. The one place where an error becomes a
//! decision: try again, say no, or give up.

use std::ops::ControlFlow;
use std::time::Duration;

use jiff::Timestamp;

use super::draft::Draft;
use super::press::Pressed;
use super::request::Requested;
use super::{Dispatcher, MAX_CRASHES, may_try_again};
use crate::action::{self, Effect, Failure, Missing, Scene};
use crate::command::CommandName;
use crate::event::{Stored, StoredMessage};
use crate::model::action::Action;
use crate::model::button::Does;
use crate::model::change::Record;
use crate::model::job::Step;
use crate::model::outcome::{Done, Outcome};
use crate::model::plan::Plan;
use crate::model::refusal::{Call, Refusal};
use crate::model::rights::{Actor, Right};
use crate::policy::{self, Permit};
use crate::store::{Conclusion, Job, Release};
use crate::telemetry::{CommandResult, EXPIRE, PUBLISH, UNKNOWN};

/// Whoever is away for less than this beyond every patience was not away.
const AWAY: Duration = Duration::from_mins(1);

/// What is known of a job while it is worked on, whatever comes of it.
struct Notes {
    /// What it is counted under.
    asked: &'static str,
    draft: Option<Draft>,
}

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
        let mut notes = Notes {
            asked: UNKNOWN,
            draft: None,
        };
        let decided = match &job.outcome {
            // Even saying it brings the worker down.
            Some(_) if exhausted => return Err(Release::Dead),
            Some(outcome) => return Ok(Some(outcome.clone())),
            None if exhausted => Err(Refusal::Internal.into()),
            None => self.decide(job, stored, &mut notes).await,
        };
        let Notes { asked, draft } = notes;
        let conclusion = match decided {
            Ok(None) => return Ok(None),
            Ok(Some(conclusion)) => conclusion,
            // What stands is remembered, and its end is planned, like any other.
            Err(Failure::Incomplete {
                missing,
                cause,
                effect,
            }) => {
                let refusal = incomplete(missing, self.judge(job, *cause)?);
                let outcome = Outcome::Refused(refusal);
                Self::conclusion(job, draft, *effect, outcome).map_err(|_| Release::Dead)?
            }
            Err(failure) => {
                let refusal = self.judge(job, failure)?;
                let refusal = self.cautious(job, asked, refusal).await?;
                let refusal = match job.key.step {
                    Step::Expire => Refusal::NotTakenBack(Box::new(refusal)),
                    Step::Publish if matches!(refusal, Refusal::Partly { .. }) => refusal,
                    Step::Publish => Refusal::NotPublished(Box::new(refusal)),
                    Step::Command
                    | Step::Overflow
                    | Step::Welcome
                    | Step::Left
                    | Step::Recalled
                    | Step::Press => refusal,
                };
                self.given_up(job, stored, draft, refusal).await?
            }
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
        self.metrics.command(asked, result);
        tracing::info!(outcome = outcome.label(), "the command is decided");
        Ok(Some(outcome))
    }

    /// Stores whether text can be removed from the chat's announcement, where the outcome shows it.
    async fn learn_deletable(&self, job: &Job, conclusion: &Conclusion) {
        let refused = matches!(
            &conclusion.outcome,
            Outcome::Refused(refusal) if refusal.is_deletion_refused()
        );
        let removed = || conclusion.record.as_ref().is_some_and(Record::has_removed);
        let lets_delete = if refused {
            false
        } else if removed() {
            true
        } else {
            return;
        };
        let saved = self.store.save_lets_delete(job.chat_key(), lets_delete);
        if saved.await.is_err() {
            tracing::warn!("failed to store whether the announcement lets text be removed");
        }
    }

    /// Parse, authorise, act; the notes tell what was to be done as soon as that
    /// is known.
    async fn decide(
        &self,
        job: &Job,
        stored: &Stored,
        notes: &mut Notes,
    ) -> Result<Option<Conclusion>, Failure> {
        let actor = stored.actor();
        let permit = match stored {
            Stored::Press(press) => {
                notes.asked = match press.button.does {
                    Does::Undo(_) => CommandName::Undo.as_str(),
                    Does::Cancel(_) | Does::CancelThis(_) => CommandName::Cancel.as_str(),
                    Does::ShowCommands => CommandName::Help.as_str(),
                };
                let action = match self.pressed(job, press).await? {
                    Pressed::Action(action) => action,
                    Pressed::Answer(outcome) => return Ok(Some(Conclusion::of(outcome))),
                };
                notes.draft = Some(Draft::of(&action, actor.sender));
                self.permit(actor, action).await?
            }
            Stored::Message(message) => match self.asked(job, message, notes).await? {
                ControlFlow::Continue(permit) => permit,
                ControlFlow::Break(conclusion) => return Ok(conclusion),
            },
        };
        let begun = Draft::of(permit.action(), actor.sender);
        notes.draft = Some(begun.clone());
        self.act(job, permit, stored, begun).await.map(Some)
    }

    /// Leave for what a message asks for, or has planned; or how that ends without any action.
    async fn asked(
        &self,
        job: &Job,
        stored: &StoredMessage,
        notes: &mut Notes,
    ) -> Result<ControlFlow<Option<Conclusion>, Permit>, Failure> {
        let begun = job.progress.as_ref();
        let begun = begun.filter(|progress| !progress.is_removal());
        notes.asked = match &stored.plan {
            Some(Plan::Publish { .. }) => PUBLISH,
            Some(Plan::Expire { .. }) => EXPIRE,
            // Only that is done in several calls.
            None if begun.is_some() => CommandName::Announce.as_str(),
            None => UNKNOWN,
        };
        if let (Some(plan), None) = (&stored.plan, begun) {
            let over = || Conclusion::of(Outcome::Done(Done::Superseded));
            let permit = self.due(job, stored, plan).await?;
            return Ok(
                permit.map_or_else(|| ControlFlow::Break(Some(over())), ControlFlow::Continue)
            );
        }
        if let Some(progress) = begun {
            if stored.plan.is_none() {
                self.expect_in_time(job, stored.asked_at(job.accepted_at))
                    .await?;
            }
            return Ok(ControlFlow::Continue(policy::begun(progress)));
        }
        let actor = stored.actor();
        let asked = &mut notes.asked;
        Ok(match self.requested(job, stored, asked).await? {
            Some(Requested::Action(action)) => {
                notes.draft = Some(Draft::of(&action, actor.sender));
                ControlFlow::Continue(self.permit(actor, action).await?)
            }
            Some(Requested::Publication(publication)) => {
                ControlFlow::Break(Some(self.plan(job, stored, publication).await?))
            }
            Some(Requested::Answer(outcome)) => ControlFlow::Break(Some(Conclusion::of(outcome))),
            None => ControlFlow::Break(None),
        })
    }

    pub(super) fn scene<'a>(
        &'a self,
        job: &'a Job,
        actor: Actor<'a>,
        asked_at: Timestamp,
    ) -> Scene<'a> {
        Scene {
            platform: &self.platform,
            store: &self.store,
            clock: &self.clock,
            job,
            sender: actor.sender,
            chat_id: actor.chat,
            asked_at,
            style: &self.style,
        }
    }

    async fn permit(&self, actor: Actor<'_>, action: Action) -> Result<Permit, Failure> {
        match policy::own_plan(action, actor.sender) {
            Ok(permit) => Ok(permit),
            Err(Action::Announce(source, manner)) => {
                self.authorise_publication(actor, source, manner).await
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

    fn lateness(&self, job: &Job, asked_at: Timestamp) -> Option<Refusal> {
        let now = self.clock.now();
        let old = !self.stale_after.is_zero() && now > asked_at + self.stale_after;
        let first = self.attempts.is_undated(job);
        // No attempt is planned for so late: the bot was away.
        let resumed = !first && now > job.started_at + self.give_up_after + AWAY;
        (old && (first || resumed)).then_some(Refusal::TooLate { begun: resumed })
    }

    async fn act(
        &self,
        job: &Job,
        permit: Permit,
        stored: &Stored,
        draft: Draft,
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
        let scene = self.scene(job, actor, stored.asked_at(job.accepted_at));
        let effect = match action::run(permit, scene).await {
            Ok(effect) => effect,
            Err(failure) => return Err(self.look_again(job, actor, right, failure).await),
        };
        let done = match effect.done {
            Done::Announced | Done::Replaced { others: 0 } if job.key.step == Step::Publish => {
                self.published(job, effect.done.clone())
            }
            ref done => done.clone(),
        };
        let outcome = Outcome::Done(done);
        Ok(Conclusion {
            cancels,
            ..Self::conclusion(job, Some(draft), effect, outcome)?
        })
    }

    /// What is stored of what was not done, or not known to be: then also what it takes to take it
    /// back.
    async fn given_up(
        &self,
        job: &Job,
        stored: &Stored,
        draft: Option<Draft>,
        refusal: Refusal,
    ) -> Result<Conclusion, Release> {
        let progress = self.store.progress(job).await;
        let progress = progress.map_err(|_| self.retry(job))?;
        let left = progress.and_then(|progress| {
            let actor = stored.actor();
            let scene = self.scene(job, actor, stored.asked_at(job.accepted_at));
            let effect = action::announce::left_behind(&progress, scene)?;
            let begun = || Draft::of_begun(&progress, job.key.step, actor.sender);
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
        draft: Option<Draft>,
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
            record: record.map(|draft| draft.done(effect.change, effect.takes_back)),
            plan,
            ..Conclusion::of(outcome)
        })
    }

    /// Whether a failure is the end, and then why, or when to try again.
    fn judge(&self, job: &Job, failure: Failure) -> Result<Refusal, Release> {
        match failure {
            Failure::Refused(refusal) => Ok(refusal),
            Failure::NotBefore(run_at) => Err(Release::Retry { run_at }),
            Failure::Store => Err(self.retry(job)),
            Failure::Partly { lines, of, cause } => {
                let cause = Box::new(self.judge(job, *cause)?.unsure());
                Ok(Refusal::Partly { lines, of, cause })
            }
            Failure::Incomplete { missing, cause, .. } => {
                Ok(incomplete(missing, self.judge(job, *cause)?))
            }
            Failure::Call(call, error) => {
                let unchanged = self.attempts.failed(job, call, &error);
                self.judge_call(job, &error)?;
                Ok(self.explain(job, call, error, unchanged))
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
        if may_try_again(error) && run_at <= job.started_at + self.give_up_after {
            return Err(Release::Retry { run_at });
        }
        Ok(())
    }
}

/// What an announcement that stands lacks, and why.
fn incomplete(missing: Missing, cause: Refusal) -> Refusal {
    let cause = Box::new(cause.unsure());
    match missing {
        Missing::Top => Refusal::NotOnTop(cause),
        Missing::Deletion => Refusal::NotReplaced(cause),
    }
}
