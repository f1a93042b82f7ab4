//! From the text of a message, or a due schedule, to the next step.

use std::ops::Range;
use std::time::Duration;

use feishu::{ChatId, Content, OpenId, ReceivedMessage};
use jiff::Timestamp;

use super::intent::{BroadcastRequest, Next, ScheduledAnnouncement};
use super::series::new_series;
use super::{Dispatcher, text_of};
use crate::action::{self, Failure};
use crate::command::{
    self, Announcement, Command, CommandName, Mention, ParseError, PinTarget, ScheduleTimeError,
};
use crate::content::{Document, Unfit, media};
use crate::event::{self, Stored, StoredMessage, is_typed};
use crate::language::Language;
use crate::model::action::{Action, ChangeToUndo, Source, replied_to};
use crate::model::change::{Change, ChangeKind, PinnedItem, RecordedChange};
use crate::model::job::{JobKey, JobKind, JobRef};
use crate::model::outcome::{
    Approver, Done, History, HistoryChange, HistorySchedule, Outcome, Scheduled, ScheduledChange,
};
use crate::model::refusal::{Cause, NotPosted};
use crate::model::schedule::{AnnounceOptions, Preview, Proposal, Schedule, ScheduledAction};
use crate::platform::Platform;
use crate::policy::Permit;
use crate::store::{Conclusion, Job, NewSchedule, StoreError};

/// Maximum number of scheduled announcements per chat.
const MAX_SCHEDULED: usize = 100;
/// A scheduled announcement is late after this delay.
const LATE_AFTER: Duration = Duration::from_mins(1);
/// Number of changes in `/history`.
const HISTORY: u32 = 10;

pub(super) struct TypedCommand {
    pub(super) command: Command,
    text: String,
    mentions: Vec<Mention>,
}

impl Dispatcher {
    /// The command in the message; `None` if it is not addressed to the bot.
    pub(super) async fn typed(
        &self,
        message: &ReceivedMessage,
    ) -> Result<Option<TypedCommand>, Failure> {
        let Some(text) = text_of(message) else {
            return self.unreadable(message).await.map(|()| None);
        };
        if message.chat_id.as_str().is_empty() {
            return Err(Cause::ChatIdMissing.into());
        }
        let mentions = self.mentions(message).await?;
        let command = command::parse(&text, &mentions, message.chat_type.is_p2p());
        let command = command.map_err(Cause::Misunderstood)?;
        Ok(command.map(|command| TypedCommand {
            command,
            text,
            mentions,
        }))
    }

    pub(super) async fn requested(
        &self,
        job: &Job,
        stored: &StoredMessage,
        typed: TypedCommand,
    ) -> Result<Next, Failure> {
        let message = &stored.event.message;
        let name = typed.command.name();
        let asked_at = stored.asked_at(job.accepted_at);
        self.refuse_if_expired(job, asked_at).await?;
        tracing::info!(
            command.name = name.as_str(),
            chat.id = message.chat_id.as_str(),
            "running a command"
        );
        Ok(match typed.command {
            Command::Help => Next::Answer(self.help(stored).await),
            Command::History => {
                let history = self.history(job, &message.chat_id).await?;
                Next::Answer(Outcome::History(history))
            }
            Command::Login => Next::SignIn,
            Command::Logout => Next::SignOut,
            _ if message.chat_type.is_p2p() => return Err(Cause::NeedsGroup(name).into()),
            Command::Pin {
                target,
                duration,
                ask,
            } => Next::Authorize(Action::pin(target, duration, message)?).after(false, ask),
            Command::Unpin => Next::Authorize(Action::DeleteTopNotice),
            Command::Announce(ref text) | Command::Notice(ref text) => {
                self.announcement(job, text, &typed, stored).await?
            }
            Command::Edit(ref edit) => self.edit(job, edit, &typed, message).await?,
            Command::Undo => {
                let change = self.store.undoable(job.chat_key()).await?;
                let change = change.ok_or(Cause::NothingToUndo)?;
                refuse_if_newer(&change, job)?;
                let change = self.whole_broadcast(job, change).await?;
                if change.broadcast().is_some() {
                    return Ok(Next::Retract(Box::new(change)));
                }
                Next::Authorize(self.undo(change).await?)
            }
            Command::Settings(command) => {
                self.settings_command(job, stored.actor(), command).await?
            }
            Command::Cancel(number) => {
                let has_number = |schedule: &Schedule| schedule.number == number;
                let schedule = self.meant(job, has_number).await?;
                Next::Authorize(Action::Cancel(Box::new(schedule)))
            }
            Command::Pause(number) => {
                let has_number = |schedule: &Schedule| schedule.number == number;
                Next::Authorize(self.pause(job, has_number).await?)
            }
            Command::Resume(number) => {
                let has_number = |schedule: &Schedule| schedule.number == number;
                Next::Authorize(self.resume(job, has_number).await?)
            }
        })
    }

    /// The action that reverts a change.
    pub(super) async fn undo(&self, change: RecordedChange) -> Result<Action, Failure> {
        let edited = match change.edits {
            Some(edited) => self.store.change(edited).await?,
            None => None,
        };
        Ok(Action::Undo(Box::new(ChangeToUndo { change, edited })))
    }

    /// Refuses a command about earlier changes if there is a later one.
    pub(super) async fn refuse_if_overtaken(&self, job: &Job) -> Result<(), Failure> {
        if job.suspended_until.is_none() {
            return Ok(());
        }
        let latest = self.store.undoable(job.chat_key()).await?;
        latest.map_or(Ok(()), |change| Ok(refuse_if_newer(&change, job)?))
    }

    /// An announcement, immediate or scheduled.
    async fn announcement(
        &self,
        job: &Job,
        announcement: &Announcement,
        typed: &TypedCommand,
        stored: &StoredMessage,
    ) -> Result<Next, Failure> {
        let message = &stored.event.message;
        let asked_at = stored.asked_at(job.accepted_at);
        let source = source(&self.platform, announcement, typed, message).await?;
        let options = AnnounceOptions {
            duration: announcement.duration,
            top: announcement.top,
            replace: announcement.replace,
            notify: announcement.notify,
            notice: typed.command.name() == CommandName::Notice,
            edited_at: None,
        };
        // So that a mistyped name is reported now.
        if let Some(list) = &announcement.to {
            self.groups_of(&job.key.tenant, list).await?;
        }
        let every = announcement.every;
        let due = match (announcement.at, every) {
            (Some(when), _) => {
                let typed_at = asked_at.to_zoned(self.time_zone().clone());
                Some(when.resolve(&typed_at))
            }
            (None, Some(rule)) => {
                let next = rule.next(asked_at, self.time_zone());
                Some(next.ok_or(ScheduleTimeError::TooFar))
            }
            (None, None) => None,
        };
        let to = announcement.to.clone();
        let next = match (due, to) {
            (Some(due), to) => Next::Schedule(ScheduledAnnouncement {
                source,
                options,
                due: due.map_err(Cause::CannotSchedule)?,
                to,
                every,
            }),
            (None, Some(list)) => Next::Broadcast(BroadcastRequest {
                source,
                options,
                list,
            }),
            (None, None) => Next::Authorize(Action::Announce(source, options)),
        };
        Ok(next.after(announcement.preview, announcement.ask))
    }

    /// An unreadable message is refused if it is addressed to the bot.
    async fn unreadable(&self, message: &ReceivedMessage) -> Result<(), Failure> {
        if !is_typed(&message.message_type) {
            return Ok(());
        }
        let mentions = self.mentions(message).await?;
        if message.chat_type.is_p2p() || mentions.iter().any(|mention| mention.is_me) {
            return Err(Cause::Unreadable.into());
        }
        Ok(())
    }

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

    /// The schedules of the job's chat, without previews, which concern only their author. The end of an
    /// earlier run of a series is none.
    pub(super) async fn schedules(&self, job: &Job) -> Result<Vec<Schedule>, StoreError> {
        let mut schedules = self.schedules_and_previews(job).await?;
        schedules.retain(|schedule| schedule.action.preview().is_none());
        Ok(schedules)
    }

    pub(super) async fn schedules_and_previews(
        &self,
        job: &Job,
    ) -> Result<Vec<Schedule>, StoreError> {
        let rows = self.store.schedules(job.chat_key()).await?;
        let schedules = rows.into_iter().filter_map(event::schedule);
        let is_listed =
            |action: &ScheduledAction| !matches!(action, ScheduledAction::Supersede { .. });
        Ok(schedules
            .filter(|schedule| is_listed(&schedule.action))
            .collect())
    }

    /// Drops the scheduled ends of notices that were recalled. They stay in the store, because an edit
    /// posts such a notice again, which ends at the same time.
    async fn drop_ends_of_recalled(
        &self,
        job: &Job,
        changes: &[RecordedChange],
        schedules: &mut Vec<Schedule>,
    ) -> Result<(), StoreError> {
        let recalled = changes
            .iter()
            .filter(|change| change.kind == ChangeKind::Recalled);
        let recalled = recalled.filter_map(|recall| recall.change.as_ref()?.before.top.clone());
        let recalled: Vec<PinnedItem> = recalled.collect();
        if recalled.is_empty() {
            return Ok(());
        }
        let mut kept = Vec::new();
        for schedule in schedules.drain(..) {
            let notice = match &schedule.action {
                ScheduledAction::Expire {
                    made_by,
                    kind: ChangeKind::Notice,
                    ..
                } => {
                    let made = JobKey {
                        origin: schedule.job_ref.origin.clone(),
                        kind: *made_by,
                        ..job.key.clone()
                    };
                    self.store.change_of(made).await?
                }
                _ => None,
            };
            let change = notice.as_ref().and_then(|notice| notice.change.as_ref());
            let card = change.and_then(Change::notice);
            let card = card.map(|card| PinnedItem::Message(card.message.clone()));
            if !card.is_some_and(|card| recalled.contains(&card)) {
                kept.push(schedule);
            }
        }
        *schedules = kept;
        Ok(())
    }

    /// The recent changes and the schedules of the chat.
    pub(super) async fn history(&self, job: &Job, chat: &ChatId) -> Result<History, StoreError> {
        let undoable = self.store.undoable(job.chat_key()).await?;
        let changes = self.store.history(job.chat_key(), HISTORY).await?;
        let mut schedules = self.schedules(job).await?;
        self.drop_ends_of_recalled(job, &changes, &mut schedules)
            .await?;
        let names = if changes.is_empty() && schedules.is_empty() {
            None
        } else {
            self.platform.names(chat).await
        };
        let name = |id: Option<&OpenId>| names.as_ref()?.get(id?).cloned();
        let read_by = self.read_by(&changes, names.as_deref()).await;
        let mut reaches = Vec::with_capacity(changes.len());
        for change in &changes {
            reaches.push(self.reach(job, change).await?);
        }
        Ok(History {
            asked_at: self.clock.now(),
            undoable: undoable.map(|change| change.job_ref),
            changes: changes
                .into_iter()
                .zip(read_by)
                .zip(reaches)
                .map(|((change, read_by), reach)| HistoryChange {
                    kind: change.kind,
                    pinned: pinned(&change),
                    actor: name(change.actor.as_ref()),
                    approver: change.approver.map(|id| Approver {
                        name: name(Some(&id)),
                    }),
                    summary: change.summary,
                    made_at: change.at,
                    undone: change.undone,
                    number: change
                        .number
                        .filter(|_| !change.undone && change.change.is_some()),
                    reach,
                    read_by,
                })
                .collect(),
            schedules: schedules
                .into_iter()
                .map(|schedule| HistorySchedule {
                    job_ref: Some(schedule.job_ref),
                    number: schedule.number,
                    what: scheduled_change(&schedule.action),
                    author: name(schedule.author.as_ref()),
                    summary: schedule.action.summary(),
                    due: schedule.due,
                    to: schedule.action.to().map(str::to_owned),
                    every: schedule.action.series().map(|series| series.rule),
                    paused: schedule.action.series().and_then(|series| series.paused),
                })
                .collect(),
        })
    }

    async fn mentions(&self, message: &ReceivedMessage) -> Result<Vec<Mention>, Failure> {
        if message.mentions.is_empty() {
            return Ok(Vec::new());
        }
        let me = self.platform.me().await.map_err(Failure::Unaddressed)?;
        let mention = |mention| Mention::new(mention, Some(&me));
        Ok(message.mentions.iter().map(mention).collect())
    }
}

/// Refuses if the change was made while the command waited for consent: commands that were sent
/// later may have run.
fn refuse_if_newer(change: &RecordedChange, job: &Job) -> Result<(), Cause> {
    if job.suspended_until.is_some() && change.at > job.accepted_at {
        return Err(Cause::NewerChange);
    }
    Ok(())
}

/// The kind of item that a pin pinned.
fn pinned(change: &RecordedChange) -> Option<PinTarget> {
    match change.top()? {
        _ if change.kind != ChangeKind::Pin => None,
        PinnedItem::Message(_) => Some(PinTarget::RepliedMessage),
        PinnedItem::Announcement => Some(PinTarget::Announcement),
        PinnedItem::Unknown | PinnedItem::Nothing => None,
    }
}

/// The effect of a schedule; a preview has none of its own.
fn scheduled_change(action: &ScheduledAction) -> ScheduledChange {
    match action {
        ScheduledAction::Publish { options, .. } if options.notice => ScheduledChange::Notice,
        ScheduledAction::Publish { options, .. } if options.replace.is_some() => {
            ScheduledChange::Replace
        }
        ScheduledAction::Publish { .. } => ScheduledChange::Announce,
        ScheduledAction::Propose(Proposal { action, .. })
        | ScheduledAction::Preview(Preview { action, .. }) => {
            ScheduledChange::Decision(action.kind())
        }
        ScheduledAction::Expire {
            kind: ChangeKind::Pin | ChangeKind::Notice,
            ..
        } => ScheduledChange::Unpin,
        ScheduledAction::Expire {
            kind: ChangeKind::Replace,
            ..
        } => ScheduledChange::RestoreContent,
        ScheduledAction::Expire { .. } | ScheduledAction::Supersede { .. } => {
            ScheduledChange::RemoveEntry
        }
    }
}

/// The source of an announcement's text.
async fn source(
    platform: &Platform,
    announcement: &Announcement,
    typed: &TypedCommand,
    message: &ReceivedMessage,
) -> Result<Source, Cause> {
    let read = match announcement.text.clone() {
        Some(range) => typed.document(range, message, platform).await,
        None if media(&content_of(message)).is_empty() => Err(Unfit::Empty),
        None => typed.pictures(message),
    };
    match (read, replied_to(message)) {
        (Ok(document), _) => {
            if let Some(range) = &announcement.text {
                typed.reject_hidden_options(typed.command.name(), range, &document)?;
            }
            Ok(Source::Document(document))
        }
        (Err(Unfit::Empty), Some(target)) => Ok(Source::Message(target)),
        (Err(unfit), _) => {
            let empty = match typed.command {
                Command::Notice(_) => Cause::Notice(NotPosted::NoText),
                _ if announcement.has_options() => {
                    let command = typed.command.name();
                    Cause::Misunderstood(ParseError::MissingText { command })
                }
                _ => Cause::NothingToAnnounce,
            };
            Err(action::announce::refusal(unfit, empty))
        }
    }
}

fn content_of(message: &ReceivedMessage) -> Content {
    Content::read(&message.message_type, &message.content)
}

impl TypedCommand {
    /// The text in this byte range of the message.
    pub(super) async fn document(
        &self,
        range: Range<usize>,
        message: &ReceivedMessage,
        platform: &Platform,
    ) -> Result<Document, Unfit> {
        let mentions = self.mentions.clone();
        let read = action::announce::read(content_of(message), range, mentions, &platform.reading);
        Ok(read.await?.of_message(&message.message_id, self.language()))
    }

    /// The pictures and files of a command without text.
    fn pictures(&self, message: &ReceivedMessage) -> Result<Document, Unfit> {
        let pictures = Document::of_media(&content_of(message));
        if pictures.media().next().is_none() {
            return Err(Unfit::OnlyMedia);
        }
        Ok(pictures.of_message(&message.message_id, self.language()))
    }

    fn language(&self) -> Language {
        Language::of(&self.text)
    }

    /// Rejects a text that begins or ends like an option once its formatting is gone.
    pub(super) fn reject_hidden_options(
        &self,
        name: CommandName,
        range: &Range<usize>,
        document: &Document,
    ) -> Result<(), Cause> {
        let words = document.shown_words();
        command::reject_formatted_options(name, &self.text, range, &words)
            .map_err(Cause::Misunderstood)
    }
}
