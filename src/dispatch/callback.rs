//! Card callbacks: the actions of buttons, and their responses.
//!
//! The member who pressed the button sees a toast, all members the updated card. The platform waits
//! three seconds for both. After that the card is updated by a call, and a text is sent as a reply
//! to the card.

use feishu::{Card, CardAnswer};

use super::Dispatcher;
use super::intent::Next;
use super::respond::{ReplyContent, recipient, release_after};
use crate::action::Failure;
use crate::event::StoredCallback;
use crate::model::action::Action;
use crate::model::button::ButtonAction;
use crate::model::outcome::{Done, Outcome};
use crate::model::refusal::Cause;
use crate::model::schedule::{Schedule, Verdict};
use crate::reply::{self, Answer};
use crate::store::{Job, Release};

impl Dispatcher {
    /// The action of a button, if its change or schedule still exists.
    pub(super) async fn requested_by_button(
        &self,
        job: &Job,
        press: &StoredCallback,
    ) -> Result<Next, Failure> {
        self.refuse_if_expired(job, job.accepted_at).await?;
        tracing::info!(
            chat.id = press.chat_id.as_str(),
            "running a button's action"
        );
        Ok(Next::Authorize(match &press.button.action {
            // Only the latest change, as with the command: later changes may depend on it.
            ButtonAction::Undo(job_ref) => {
                let change = self.store.undoable(job.chat_key()).await?;
                let change = change.filter(|change| change.job_ref == *job_ref);
                let change = change.ok_or(Cause::NotLatest)?;
                let change = self.whole_broadcast(job, change).await?;
                if change.broadcast().is_some() {
                    return Ok(Next::Retract(Box::new(change)));
                }
                self.undo(change).await?
            }
            ButtonAction::Cancel(job_ref) | ButtonAction::CancelThis(job_ref) => {
                let is_meant = |schedule: &Schedule| schedule.is_meant_by(job_ref);
                Action::Cancel(Box::new(self.meant(job, is_meant).await?))
            }
            ButtonAction::Pause(job_ref) => {
                let is_meant = |schedule: &Schedule| schedule.is_meant_by(job_ref);
                self.pause(job, is_meant).await?
            }
            ButtonAction::Resume(job_ref) => {
                let is_meant = |schedule: &Schedule| schedule.is_meant_by(job_ref);
                self.resume(job, is_meant).await?
            }
            ButtonAction::Set { chat, change } => {
                return Ok(self.setting_pressed(press, chat.as_str(), change)?);
            }
            ButtonAction::Approve(job_ref) => {
                let verdict = Verdict::Approved;
                return self.proposal_pressed(job, job_ref, verdict, None).await;
            }
            ButtonAction::Decline(job_ref) => {
                let (verdict, reason) = (Verdict::Declined, press.reason.clone());
                return self.proposal_pressed(job, job_ref, verdict, reason).await;
            }
            ButtonAction::Publish(preview) => {
                return self.preview_pressed(job, press, &preview.job, true).await;
            }
            ButtonAction::Discard(preview) => {
                return self.preview_pressed(job, press, &preview.job, false).await;
            }
            ButtonAction::Retract(broadcast) => {
                return self.retraction_pressed(job, broadcast).await;
            }
            ButtonAction::Redeliver(broadcast) => return Ok(Next::Redeliver(broadcast.clone())),
            ButtonAction::ShowCommands => {
                return Ok(Next::Answer(self.all_commands(press.actor()).await));
            }
        }))
    }

    /// Responds to a callback.
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
        let reference = job.key.reference();
        let toast = reply::toast(outcome, self.reply_context(&reference, false));
        let answer = CardAnswer { toast, card };
        let release = match self.callbacks.answer(&job.key.origin, answer) {
            Ok(()) => release_after(outcome),
            Err(CardAnswer { card, .. }) => self.answer_late(job, press, outcome, card).await,
        };
        self.remove_private_preview(press, outcome).await;
        release
    }

    /// The updated card; `None` if it does not change.
    async fn card_after(
        &self,
        job: &Job,
        press: &StoredCallback,
        outcome: &Outcome,
    ) -> Result<Option<Card>, Release> {
        let language = self.language_of_press(press);
        if let Outcome::AllCommands(rights) = outcome {
            let act_as = self.settings.act_as;
            return Ok(Some(reply::all_commands(rights.as_ref(), act_as, language)));
        }
        let gone = outcome.is_gone();
        if !gone && !matches!(outcome, Outcome::Done(_)) {
            return Ok(None);
        }
        if let ButtonAction::Retract(_) | ButtonAction::Redeliver(_) = press.button.action {
            // The report updates its card.
            return Ok(None);
        }
        if let ButtonAction::Publish(preview) | ButtonAction::Discard(preview) =
            &press.button.action
        {
            // A card that only one member sees cannot be updated.
            let card = (!preview.private).then(|| reply::preview_over(outcome, language));
            return Ok(card);
        }
        if let ButtonAction::Approve(_) | ButtonAction::Decline(_) = press.button.action {
            let card = match outcome {
                Outcome::Done(Done::Decided(decided)) => reply::proposal_decided(decided, language),
                _ => reply::proposal_over(language),
            };
            return Ok(Some(card));
        }
        if let ButtonAction::Set { .. } = press.button.action {
            let after = self.in_group(&job.chat_key()).await;
            let after = after.map_err(|_| self.retry(job))?;
            let settings = after.settings_in_force(press.actor());
            let language = after.language_of_press(press);
            return Ok(Some(reply::settings_card(&settings, language)));
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
        Ok(Some(reply::history_card(
            &history,
            language,
            self.time_zone(),
        )))
    }

    /// Responds after the platform's timeout.
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
            let last = job.started_at + self.settings.worker.give_up_after;
            if let Some(retry) = self.retry_until(last, job, &error) {
                return retry;
            }
            tracing::warn!(error = %error, api.log_id = error.log_id(), "failed to update the card");
        }
        let Some(message) = &press.message_id else {
            return Release::Dead;
        };
        // It is throttled like the reply to a command.
        let to = recipient(job, press.actor(), outcome);
        if self.is_throttled(job, to.as_ref()).await {
            return Release::Done;
        }
        let reference = job.key.reference();
        let context = self.reply_context(&reference, self.settings.private_replies);
        let language = self.language_of_press(press);
        let sent_at = self.clock.now();
        let answer = reply::answer(outcome, language, context);
        if let (Answer::Private { card, .. }, Some(operator)) = (&answer, &press.operator.open_id) {
            match self
                .try_privately(job, &press.chat_id, operator, card)
                .await
            {
                Ok(true) => {
                    self.record_answer(to, sent_at).await;
                    return release_after(outcome);
                }
                Ok(false) => {}
                Err(retry) => return retry,
            }
        }
        let words = answer.into_words();
        match self.reply(job, message, ReplyContent::Text(&words)).await {
            Ok(()) => {
                self.record_answer(to, sent_at).await;
                release_after(outcome)
            }
            Err(reply_failed) => self.reply_failed(job, reply_failed),
        }
    }
}
