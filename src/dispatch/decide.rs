//! From a stored message to an outcome. The one place where an error becomes a
//! decision: try again, say no, or give up.

use feishu::ReceivedMessage;

use super::{Dispatcher, MAX_CRASHES, may_try_again, text_of};
use crate::action::{self, Action, Failure, Scene};
use crate::command::{self, Mention};
use crate::event::StoredMessage;
use crate::outcome::{Call, Outcome, PlatformRefusal, Refusal};
use crate::policy::{self, Permit};
use crate::store::{Conclusion, Job, Release};
use crate::telemetry::CommandResult;

impl Dispatcher {
    /// What came of the job: as stored, or as it comes out now. `None` if the
    /// message is not for us.
    pub(super) async fn outcome(
        &self,
        job: &Job,
        message: &StoredMessage,
    ) -> Result<Option<Outcome>, Release> {
        let exhausted = job.crashes >= MAX_CRASHES;
        if exhausted {
            tracing::error!(crashes = job.crashes, "the job is given up");
        }
        let decided = match &job.outcome {
            // Even saying it brings the worker down.
            Some(_) if exhausted => return Err(Release::Dead),
            Some(outcome) => return Ok(Some(outcome.clone())),
            None if exhausted => Ok(Some(Outcome::Refused(Refusal::Internal))),
            None => self.decide(job, message).await,
        };
        let outcome = match decided {
            Ok(None) => return Ok(None),
            Ok(Some(outcome)) => outcome,
            Err(failure) => Outcome::Refused(self.judge(job, failure)?),
        };
        let conclusion = Conclusion {
            outcome,
            record: None,
            plan: None,
            cancels: None,
        };
        let concluded = self.store.conclude(job, conclusion).await;
        let outcome = concluded.map_err(|_| self.retry(job))?;
        self.metrics.command(match outcome {
            Outcome::Done(_)
            | Outcome::Planned { .. }
            | Outcome::Help
            | Outcome::HelpInGroup(_) => CommandResult::Done,
            Outcome::Refused(_) => CommandResult::Refused,
        });
        tracing::info!(outcome = outcome.label(), "the command is decided");
        Ok(Some(outcome))
    }

    /// Parse, authorise, act.
    async fn decide(&self, job: &Job, stored: &StoredMessage) -> Result<Option<Outcome>, Failure> {
        let message = &stored.event.message;
        if let Some(progress) = &job.progress {
            self.expect_in_time(job, message)?;
            let permit = policy::begun(&progress.text);
            return self.act(job, permit, stored).await.map(Some);
        }
        let Some(text) = text_of(message) else {
            return Ok(None);
        };
        let mentions = self.mentions(message).await?;
        let command = match command::parse(&text, &mentions, message.chat_type.is_p2p()) {
            Ok(Some(command)) => command,
            Ok(None) => return Ok(None),
            Err(error) => return Err(Refusal::Misunderstood(error).into()),
        };
        self.expect_in_time(job, message)?;
        tracing::info!(
            command.name = command.name().as_str(),
            chat.id = %message.chat_id,
            "a command is worked on"
        );
        let Some(action) = Action::plan(command, message, &text, &mentions)? else {
            return Ok(Some(self.help(message).await));
        };
        let permit = self.authorise(stored, action).await?;
        self.act(job, permit, stored).await.map(Some)
    }

    /// Refuses a command whose turn came too late: its first one, or the first
    /// after an interruption that outlasted every patience. What was begun in
    /// time and merely is tried again goes on.
    fn expect_in_time(&self, job: &Job, message: &ReceivedMessage) -> Result<(), Refusal> {
        let now = self.clock.now();
        let old = !self.stale_after.is_zero() && now > message.create_time + self.stale_after;
        let first = job.retries == 0 && job.crashes == 0;
        let resumed = job.crashes > 0 && now > job.started_at + self.give_up_after;
        if old && (first || resumed) {
            return Err(Refusal::TooLate { begun: resumed });
        }
        Ok(())
    }

    async fn act(
        &self,
        job: &Job,
        permit: Permit,
        stored: &StoredMessage,
    ) -> Result<Outcome, Failure> {
        let right = permit.right();
        let scene = Scene {
            platform: &self.platform,
            store: &self.store,
            clock: &self.clock,
            job,
            sender: &stored.event.sender,
            message: &stored.event.message,
            style: &self.style,
        };
        match action::run(permit, scene).await {
            Ok(done) => Ok(Outcome::Done(done)),
            Err(failure) => Err(self.look_again(job, stored, right, failure).await),
        }
    }

    async fn mentions(&self, message: &ReceivedMessage) -> Result<Vec<Mention>, Failure> {
        if message.mentions.is_empty() {
            return Ok(Vec::new());
        }
        let me = self.platform.me().await.map_err(Failure::Unaddressed)?;
        let mention = |mention: &feishu::Mention| Mention {
            key: mention.key.clone(),
            name: mention.name.clone(),
            is_me: mention.id.open_id.as_ref() == Some(me),
        };
        Ok(message.mentions.iter().map(mention).collect())
    }

    /// Whether a failure is the end, and then why, or when to try again.
    fn judge(&self, job: &Job, failure: Failure) -> Result<Refusal, Release> {
        match failure {
            Failure::Refused(refusal) => Ok(refusal),
            Failure::NotBefore(run_at) => Err(Release::Retry { run_at }),
            Failure::Store => Err(self.retry(job)),
            Failure::Partly { lines, of, cause } => {
                let cause = Box::new(self.judge(job, *cause)?);
                Ok(Refusal::Partly { lines, of, cause })
            }
            Failure::Call(call, error) => {
                self.judge_call(job, &error)?;
                Ok(explain(call, error))
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
    fn judge_call(&self, job: &Job, error: &feishu::Error) -> Result<(), Release> {
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

/// Why a call was given up.
fn explain(call: Call, error: feishu::Error) -> Refusal {
    let log_id = error.log_id().map(str::to_owned);
    if error.is_retryable() {
        return Refusal::Unreachable { call, log_id };
    }
    let feishu::Error::Api(api) = error else {
        return Refusal::Internal;
    };
    Refusal::Platform(PlatformRefusal {
        call,
        code: api.code,
        log_id,
        missing_scopes: api.missing_scopes,
        bot: None,
    })
}
