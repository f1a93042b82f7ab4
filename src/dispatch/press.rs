//! Presses on buttons: what they ask for, and how they are answered.
//!
//! Whoever pressed sees a word for a moment, everybody sees the card as it
//! stands now. The platform waits three seconds for both; what takes longer
//! changes the card later, and what then needs words is a reply below the card.

use feishu::{Card, CardAnswer};

use super::intent::Next;
use super::say::{Content, recipient, told};
use super::{Dispatcher, may_try_again};
use crate::action::Failure;
use crate::event::StoredCallback;
use crate::model::action::Action;
use crate::model::button::ButtonAction;
use crate::model::outcome::Outcome;
use crate::model::refusal::Cause;
use crate::reply;
use crate::store::{Job, Release};

impl Dispatcher {
    /// What a button asks for, if that is still there.
    pub(super) async fn pressed(&self, job: &Job, press: &StoredCallback) -> Result<Next, Failure> {
        self.expect_in_time(job, job.accepted_at).await?;
        tracing::info!(chat.id = press.chat_id.as_str(), "a button is worked on");
        Ok(Next::Authorise(match &press.button.action {
            // Only the last change, as the typed command: what came after it may
            // build on it.
            ButtonAction::Undo(job_ref) => {
                let made = self.store.undoable(job.chat_key()).await?;
                let made = made.filter(|made| made.job_ref == *job_ref);
                Action::Undo(Box::new(made.ok_or(Cause::NotLast)?))
            }
            ButtonAction::Cancel(job_ref) | ButtonAction::CancelThis(job_ref) => {
                let planned = self.planned(job).await?;
                let plan = planned.into_iter().find(|plan| plan.job_ref == *job_ref);
                Action::Cancel(Box::new(plan.ok_or(Cause::NoSuchPlan)?))
            }
            ButtonAction::ShowCommands => {
                return Ok(Next::Answer(self.all_commands(&press.chat_id).await));
            }
        }))
    }

    /// Tells what came of a press.
    pub(super) async fn answer_press(
        &self,
        job: &Job,
        press: &StoredCallback,
        outcome: &Outcome,
    ) -> Release {
        let card = match self.card_after(job, press, outcome).await {
            Ok(card) => card,
            Err(release) => return release,
        };
        let toast = reply::toast(
            outcome,
            &job.key.reference(),
            &self.settings.announce.time_zone,
        );
        let answer = CardAnswer { toast, card };
        match self.callbacks.answer(&job.key.origin, answer) {
            Ok(()) => told(outcome),
            Err(CardAnswer { card, .. }) => self.answer_late(job, press, outcome, card).await,
        }
    }

    /// What the card says from now on; nothing where it stays as it is.
    async fn card_after(
        &self,
        job: &Job,
        press: &StoredCallback,
        outcome: &Outcome,
    ) -> Result<Option<Card>, Release> {
        let language = press.button.language;
        if let Outcome::AllCommands(rights) = outcome {
            return Ok(Some(reply::all_commands(rights.as_ref(), language)));
        }
        let gone = outcome.is_gone();
        if !gone && !matches!(outcome, Outcome::Done(_)) {
            return Ok(None);
        }
        if let ButtonAction::CancelThis(_) = press.button.action {
            let names = self.platform.names(&press.chat_id).await;
            let operator = press.operator.open_id.as_ref();
            let name = operator.and_then(|id| names.as_ref()?.get(id).cloned());
            return Ok(Some(reply::schedule_canceled(
                !gone,
                name.as_deref(),
                language,
            )));
        }
        let history = self.history(job, &press.chat_id).await;
        let history = history.map_err(|_| self.retry(job))?;
        let time_zone = &self.settings.announce.time_zone;
        Ok(Some(reply::history_card(&history, language, time_zone)))
    }

    /// Nobody waits for the answer any more.
    async fn answer_late(
        &self,
        job: &Job,
        press: &StoredCallback,
        outcome: &Outcome,
        card: Option<Card>,
    ) -> Release {
        if let (Some(card), Some(token)) = (&card, &press.token) {
            let client = &self.platform.client;
            let Err(error) = client.update_card(token, card).await else {
                return Release::Done;
            };
            let run_at = self.next_try(job, &error);
            if may_try_again(&error)
                && run_at <= job.started_at + self.settings.worker.give_up_after
            {
                return Release::Retry { run_at };
            }
            tracing::warn!(error = %error, api.log_id = error.log_id(), "the card could not be changed");
        }
        let Some(message) = &press.message_id else {
            return Release::Dead;
        };
        // Everybody reads it, so it is throttled like the answer to a typed command.
        let to = recipient(job, press.actor(), outcome);
        if self.is_throttled(job, to.as_ref()).await {
            return Release::Done;
        }
        let reference = job.key.reference();
        let words = reply::words(
            outcome,
            press.button.language,
            &reference,
            &self.settings.announce.time_zone,
        );
        let sent_at = self.clock.now();
        match self.reply(job, message, Content::Text(&words)).await {
            Ok(()) => {
                self.record_answer(to, sent_at).await;
                told(outcome)
            }
            Err(unsaid) => self.unsaid(job, unsaid),
        }
    }
}
