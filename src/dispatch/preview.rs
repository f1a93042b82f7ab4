//! Previews: what their author sees before it happens, and publishes or discards.
//!
//! A preview is stored like a schedule of the command's message, which forgets it when that is due.
//! Nothing else keeps its text: the outcome names only the job. If its author wants it, it is due at
//! once, and runs as the command would have.

use std::time::Duration;

use feishu::Card;
use jiff::Timestamp;

use super::Dispatcher;
use super::intent::{BroadcastRequest, Next, PreviewToChoose, ScheduledAnnouncement};
use super::proposal::Proposable;
use super::respond::ReplyContent;
use crate::action::{self, Failure};
use crate::config::OnDenied;
use crate::event::{Stored, StoredCallback, StoredMessage};
use crate::model::action::Source;
use crate::model::button::ButtonAction;
use crate::model::job::{JobKey, JobKind, JobRef};
use crate::model::outcome::{Done, Outcome};
use crate::model::proposal::Previewed;
use crate::model::refusal::Cause;
use crate::model::rights::Denied;
use crate::model::schedule::{Preview, ProposedAction, Schedule, ScheduledAction};
use crate::policy::{self, Scope};
use crate::reply::{self, Emoji, PreviewShown};
use crate::store::{Conclusion, Job, NewSchedule, Release, Rewrite, Then, UNNUMBERED};

/// How long a preview is kept.
const TIME_TO_PUBLISH: Duration = Duration::from_hours(1);
/// Maximum number of open previews of one member in a chat. A further one takes the place of the
/// oldest: a member who no longer sees a card cannot discard it.
const MAX_PREVIEWS: usize = 3;

impl Dispatcher {
    /// Stores what a command would do, to be shown to its author.
    pub(super) async fn preview(
        &self,
        job: &Job,
        stored: &Stored,
        next: Next,
        ask: bool,
    ) -> Result<Conclusion, Failure> {
        self.refuse_excluded(stored, &next)?;
        let proposable = Proposable::of(&next).ok_or(Cause::Internal)?;
        let action = self.proposed_action(job, stored, proposable).await?;
        let in_old_kind = match &action {
            ProposedAction::Announce {
                options, to: None, ..
            } if !options.notice => action::is_old_kind(self.context(job, stored)).await,
            _ => false,
        };
        let groups = match action.to() {
            Some(list) => Some(self.groups_of(&job.key.tenant, list).await?.1.len()),
            None => None,
        };
        let schedules = self.schedules_and_previews(job).await?;
        let own = schedules.iter().filter(|schedule| {
            let preview = schedule.action.preview();
            let is_open = preview.is_some_and(|preview| !preview.is_wanted);
            is_open && schedule.is_of(stored.actor().sender)
        });
        let own: Vec<_> = own.collect();
        let oldest = own.first().filter(|_| own.len() >= MAX_PREVIEWS);
        let at = self.clock.now();
        let until = action
            .due()
            .filter(|_| action.every().is_none())
            .into_iter()
            .fold(at + TIME_TO_PUBLISH, Timestamp::min);
        let preview = ScheduledAction::Preview(Preview {
            action,
            ask,
            is_wanted: false,
        });
        let payload = StoredMessage::with_schedule(&job.payload, preview);
        Ok(Conclusion {
            schedules: vec![NewSchedule {
                kind: JobKind::Preview,
                origin: None,
                number: Some(UNNUMBERED),
                due: until,
                payload: payload.map_err(|_| Cause::Internal)?,
                is_paused: false,
            }],
            rewrites: oldest.copied().map(end_now),
            ..Conclusion::of(Outcome::Previewed(Previewed {
                job_ref: JobRef {
                    origin: job.key.origin.clone(),
                    kind: JobKind::Preview,
                },
                at,
                until,
                in_old_kind,
                groups,
            }))
        })
    }

    /// Shows a preview: on a card that only its author sees, or else as a reply with buttons for its
    /// author.
    pub(super) async fn show_preview(
        &self,
        job: &Job,
        stored: &StoredMessage,
        previewed: &Previewed,
    ) -> Release {
        let Ok(schedules) = self.schedules_and_previews(job).await else {
            return self.retry(job);
        };
        let is_it = |schedule: &Schedule| schedule.job_ref == previewed.job_ref;
        let schedule = schedules.into_iter().find(is_it);
        let Some(preview) = schedule.as_ref().and_then(|it| it.action.preview()) else {
            // It was recalled, published or discarded, or its time is over.
            return Release::Done;
        };
        let message = &stored.event.message;
        let language = self.language_of(message);
        let entry = preview.action.document().map(|document| {
            let context = self.context_of_message(job, stored);
            action::entry_to_publish(document, preview.action.options(), context)
        });
        let card = |private| {
            let shown = PreviewShown {
                previewed,
                preview,
                entry: entry.as_ref(),
                private,
            };
            reply::preview_card(shown, language, self.time_zone())
        };
        if self.may_answer_privately(message) {
            match self
                .show_to_author(job, stored, previewed, &card(true))
                .await
            {
                Ok(true) => return Release::Done,
                Ok(false) => {}
                Err(retry) => return retry,
            }
        }
        let card = card(false);
        let shown = self.reply(job, &message.message_id, ReplyContent::Card(&card));
        let shown = match shown.await {
            Err(failed) if failed.is_refusal() => {
                let words = reply::preview_not_shown(language);
                self.reply(job, &message.message_id, ReplyContent::Text(words))
                    .await
            }
            shown => shown,
        };
        match shown {
            Ok(()) => Release::Done,
            Err(failed) => self.reply_failed(job, failed),
        }
    }

    /// Shows the card to the author only, and reacts to the command until the preview is over. Returns
    /// whether both were possible; `Err` is a retry.
    async fn show_to_author(
        &self,
        job: &Job,
        stored: &StoredMessage,
        previewed: &Previewed,
        card: &Card,
    ) -> Result<bool, Release> {
        let message = &stored.event.message;
        let Some(author) = &stored.event.sender.open_id else {
            return Ok(false);
        };
        let client = &self.platform.client;
        let emoji = Emoji::OnIt.as_str();
        let added = client.add_reaction(&message.message_id, emoji).await;
        let Some(reaction) = self.reacted(job, added)? else {
            return Ok(false);
        };
        if let Some(reaction) = reaction {
            // Before the card, whose buttons end the preview.
            let preview = JobKey {
                tenant: job.key.tenant.clone(),
                origin: previewed.job_ref.origin.clone(),
                kind: previewed.job_ref.kind,
            };
            let saving = self.store.save_acknowledgement_of(preview, reaction);
            if saving.await.is_err() {
                tracing::warn!("failed to store the reaction to the command of a preview");
            }
        }
        self.try_privately(job, &message.chat_id, author, card)
            .await
    }

    /// The preview of a button, if it is open and of the member who pressed it.
    pub(super) async fn preview_pressed(
        &self,
        job: &Job,
        press: &StoredCallback,
        job_ref: &JobRef,
        is_wanted: bool,
    ) -> Result<Next, Failure> {
        let mut schedules = self.schedules_and_previews(job).await?.into_iter();
        let schedule = schedules.find(|schedule| schedule.job_ref == *job_ref);
        let is_open = |schedule: &Schedule| {
            let preview = schedule.action.preview();
            preview.is_some_and(|preview| !preview.is_wanted) && schedule.due > self.clock.now()
        };
        let schedule = schedule.filter(is_open).ok_or(Cause::PreviewOver)?;
        if !schedule.is_of(&press.operator) {
            return Err(Cause::NotYourPreview.into());
        }
        Ok(Next::Choose(Box::new(PreviewToChoose {
            schedule,
            is_wanted,
        })))
    }

    /// Publishes or discards a preview, as its author wants.
    pub(super) async fn choose(
        &self,
        job: &Job,
        stored: &Stored,
        PreviewToChoose {
            schedule,
            is_wanted,
        }: PreviewToChoose,
    ) -> Result<Conclusion, Failure> {
        if !is_wanted {
            return Ok(Conclusion {
                rewrites: Some(end_now(&schedule)),
                ..Conclusion::of(Outcome::Done(Done::PreviewDiscarded))
            });
        }
        let preview = schedule.action.preview().ok_or(Cause::PreviewOver)?;
        self.authorize_preview(job, stored, preview).await?;
        let wanted = ScheduledAction::Preview(Preview {
            is_wanted: true,
            ..preview.clone()
        });
        let payload = StoredMessage::with_schedule(&schedule.payload, wanted);
        Ok(Conclusion {
            rewrites: Some(Rewrite {
                id: schedule.id,
                payload: payload.map_err(|_| Cause::Internal)?,
                then: Then::Decided,
            }),
            ..Conclusion::of(Outcome::Done(Done::PreviewAccepted))
        })
    }

    /// Refuses a member who may neither publish the preview nor propose it, which is checked again when
    /// it runs.
    async fn authorize_preview(
        &self,
        job: &Job,
        stored: &Stored,
        preview: &Preview,
    ) -> Result<(), Failure> {
        let action = self.action_of(job, &preview.action).await?;
        // Whether a member may post to the groups of a list is checked in each of them.
        if preview.ask || preview.action.to().is_some() {
            return self.refuse_excluded(stored, &Next::Authorize(action));
        }
        let actor = stored.actor();
        match self.permit(actor, action).await {
            Err(Failure::Refused(Cause::Denied(Denied::Reserved(_))))
                if policy::on_denied(self.policy(), Scope::of(actor)).0 != OnDenied::Refuse =>
            {
                Ok(())
            }
            permitted => permitted.map(drop),
        }
    }

    /// What a preview runs that its author wants; nothing if its time is over.
    pub(super) async fn preview_due(&self, job: &Job, preview: &Preview) -> Result<Next, Failure> {
        if !preview.is_wanted {
            return Ok(Next::Answer(Outcome::Done(Done::Superseded)));
        }
        self.refuse_if_expired(job, job.accepted_at).await?;
        let next = match &preview.action {
            ProposedAction::Announce {
                document,
                options,
                due: Some(due),
                every,
                to,
            } => Next::Schedule(ScheduledAnnouncement {
                source: Source::Document(document.clone()),
                options: *options,
                due: *due,
                to: to.clone(),
                every: *every,
            }),
            ProposedAction::Announce {
                document,
                options,
                to: Some(list),
                ..
            } => Next::Broadcast(BroadcastRequest {
                source: Source::Document(document.clone()),
                options: *options,
                list: list.clone(),
            }),
            action => Next::Authorize(self.action_of(job, action).await?),
        };
        Ok(next.after(false, preview.ask))
    }

    /// Deletes the card of a preview that only its author sees, once its buttons have no effect.
    pub(super) async fn remove_private_preview(&self, press: &StoredCallback, outcome: &Outcome) {
        let (ButtonAction::Publish(preview) | ButtonAction::Discard(preview)) =
            &press.button.action
        else {
            return;
        };
        let is_over = outcome.is_gone() || matches!(outcome, Outcome::Done(_));
        let Some(card) = press
            .message_id
            .as_ref()
            .filter(|_| preview.private && is_over)
        else {
            return;
        };
        let deleted = self.platform.client.delete_private_card(card).await;
        if let Err(error) = deleted {
            // The card disappears when its author closes the client.
            tracing::info!(error = %error, api.log_id = error.log_id(), "failed to delete the private card");
        }
    }
}

/// A preview that is not wanted is forgotten when it is due, and its reaction removed.
fn end_now(preview: &Schedule) -> Rewrite {
    Rewrite {
        id: preview.id,
        payload: preview.payload.clone(),
        then: Then::Decided,
    }
}
