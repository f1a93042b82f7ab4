//! `/edit`: finds the text to change.

use feishu::{MessageId, ReceivedMessage, Sender};
use jiff::Timestamp;

use super::Dispatcher;
use super::intent::Next;
use super::request::TypedCommand;
use crate::action::{self, Failure};
use crate::command::{CommandName, Edit, ParseError};
use crate::content::Unfit;
use crate::event::StoredMessage;
use crate::model::action::{Action, EditTarget, TextEdit, is_author};
use crate::model::change::RecordedChange;
use crate::model::job::JobKind;
use crate::model::refusal::{BroadcastRefusal, Cause};
use crate::model::schedule::{AnnounceOptions, EditedPlace, EditedText, Schedule, ScheduledAction};
use crate::model::series::first_origin;
use crate::store::{Job, Rewrite, Then};

impl Dispatcher {
    pub(super) async fn edit(
        &self,
        job: &Job,
        edit: &Edit,
        typed: &TypedCommand,
        message: &ReceivedMessage,
    ) -> Result<Next, Failure> {
        let range = edit.text.clone();
        let read = typed.document(range, message, &self.platform).await;
        let empty = Cause::Misunderstood(ParseError::MissingText {
            command: CommandName::Edit,
        });
        let document = read.map_err(|unfit: Unfit| action::announce::refusal(unfit, empty))?;
        typed.reject_hidden_options(CommandName::Edit, &edit.text, &document)?;
        let target = self.edit_target(job, edit.number, message).await?;
        let document = match target.document() {
            Some(former) => document.with_media_of(former),
            None => document,
        };
        self.refuse_if_overtaken(job).await?;
        let next = Next::Authorize(Action::Edit(Box::new(TextEdit { target, document })));
        Ok(next.after(edit.preview, edit.ask))
    }

    /// The text to edit, if it still is what it was when the edit was requested.
    pub(super) async fn unchanged(
        &self,
        job: &Job,
        text: &EditedText,
    ) -> Result<EditTarget, Failure> {
        let target = match &text.place {
            EditedPlace::Entry(id) => {
                let change = self.store.change(*id).await?;
                change.map(|change| EditTarget::Entry(Box::new(change)))
            }
            EditedPlace::Schedule(job_ref) => {
                self.scheduled_text(job, |schedule| schedule.job_ref == *job_ref)
                    .await?
            }
        };
        let target = target.filter(EditTarget::is_editable);
        let target = target.ok_or(Cause::NotEditable)?;
        if target.text().as_ref() != Some(text) {
            return Err(Cause::TextChanged.into());
        }
        Ok(target)
    }

    /// What the number or the reply names.
    async fn edit_target(
        &self,
        job: &Job,
        number: Option<u32>,
        message: &ReceivedMessage,
    ) -> Result<EditTarget, Failure> {
        // The bot's own reply to a command has the command as its root.
        let replied_to = [&message.parent_id, &message.root_id];
        let mut named = None;
        for message in replied_to.into_iter().flatten() {
            if named.is_none() {
                named = self.text_of_message(job, message).await?;
            }
        }
        let named_number = named.as_ref().and_then(EditTarget::number);
        let target = match (named, number) {
            (Some(_), Some(number)) if named_number != Some(number) => {
                return Err(Cause::TwoNamedToEdit.into());
            }
            (Some(named), _) => Some(named),
            (None, Some(number)) => self.numbered_text(job, number).await?,
            (None, None) if message.parent_id.is_some() => None,
            (None, None) => return Err(Cause::NothingNamedToEdit.into()),
        };
        let editable = target.filter(EditTarget::is_editable);
        Ok(editable.ok_or(Cause::NotEditable)?)
    }

    /// The text that a command published or scheduled; for an edit the text that it changed.
    async fn text_of_message(
        &self,
        job: &Job,
        message: &MessageId,
    ) -> Result<Option<EditTarget>, Failure> {
        // Of a series, the runs to come.
        let is_of_message =
            |schedule: &Schedule| first_origin(&schedule.job_ref.origin) == message.as_str();
        if let Some(scheduled) = self.scheduled_text(job, is_of_message).await? {
            return Ok(Some(scheduled));
        }
        let made = self.store.change_of_message(job.chat_key(), message);
        if let Some(made) = made.await? {
            // The runs of a series share a number, and the entry of the last one remains.
            let last = match (made.job_ref.kind, made.number) {
                (JobKind::Publish, Some(number)) => {
                    self.store.numbered_change(job.chat_key(), number).await?
                }
                _ => None,
            };
            return self.edited_by(last.unwrap_or(made)).await;
        }
        if let Some(notice) = self.store.notice(job.chat_key(), message).await? {
            return Ok(Some(EditTarget::Entry(Box::new(notice))));
        }
        Ok(None)
    }

    async fn edited_by(&self, made: RecordedChange) -> Result<Option<EditTarget>, Failure> {
        if made.broadcast().is_some() {
            return Err(BroadcastRefusal::BroadcastNotEditable.into());
        }
        let edited = match made.edits {
            Some(edited) => self.store.change(edited).await?,
            None => Some(made),
        };
        let edited = edited.filter(|change| change.number.is_some());
        Ok(edited.map(|change| EditTarget::Entry(Box::new(change))))
    }

    async fn numbered_text(&self, job: &Job, number: u32) -> Result<Option<EditTarget>, Failure> {
        let has_number = |schedule: &Schedule| schedule.number == number;
        if let Some(scheduled) = self.scheduled_text(job, has_number).await? {
            return Ok(Some(scheduled));
        }
        let made = self.store.numbered_change(job.chat_key(), number).await?;
        Ok(made.map(|made| EditTarget::Entry(Box::new(made))))
    }

    /// The announcement that is not due yet and fits.
    async fn scheduled_text(
        &self,
        job: &Job,
        fits: impl Fn(&Schedule) -> bool,
    ) -> Result<Option<EditTarget>, Failure> {
        let schedules = self.schedules(job).await?;
        let mut announcements = schedules
            .into_iter()
            .filter(|schedule| schedule.job_ref.kind == JobKind::Publish);
        let announcement = announcements.find(fits);
        Ok(announcement.map(|schedule| EditTarget::Schedule(Box::new(schedule))))
    }
}

/// The schedule that gets another text, if the edit is of one.
pub(super) fn rewritten(
    edit: &TextEdit,
    editor: &Sender,
    edited_at: Timestamp,
) -> Result<Option<Rewrite>, Cause> {
    let EditTarget::Schedule(schedule) = &edit.target else {
        return Ok(None);
    };
    let ScheduledAction::Publish {
        options,
        approved_by,
        to,
        series,
        ..
    } = &schedule.action
    else {
        return Err(Cause::NotEditable);
    };
    let by_author = is_author(schedule.author.as_ref(), editor);
    let is_reviewed = approved_by.is_some() || (to.is_some() && !by_author);
    let action = ScheduledAction::Publish {
        document: edit.document.clone(),
        options: AnnounceOptions {
            edited_at: (!by_author).then_some(edited_at),
            ..*options
        },
        // Nobody else has approved this text, and only members with the right may edit it. In the groups
        // of a list that is not known yet, so that the rights of the editor count there.
        approved_by: is_reviewed.then(|| Box::new(editor.clone())),
        to: to.clone(),
        series: series.clone(),
    };
    let payload = StoredMessage::with_schedule(&schedule.payload, action);
    Ok(Some(Rewrite {
        id: schedule.id,
        payload: payload.map_err(|_| Cause::Internal)?,
        then: Then::Stays,
    }))
}
