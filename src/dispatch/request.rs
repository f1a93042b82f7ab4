//! From the text of a message to the next step.

use std::ops::Range;

use feishu::{Content, ReceivedMessage};

use super::intent::{BroadcastRequest, Next, ScheduledAnnouncement};
use super::{Dispatcher, text_of};
use crate::action::{self, Failure};
use crate::command::{
    self, Announcement, Command, CommandName, Mention, ParseError, ScheduleTimeError,
};
use crate::content::{Document, Unfit, media};
use crate::event::{StoredMessage, is_typed};
use crate::language::Language;
use crate::model::action::{Action, ChangeToUndo, Source, replied_to};
use crate::model::change::RecordedChange;
use crate::model::outcome::Outcome;
use crate::model::refusal::{Cause, NotPosted};
use crate::model::schedule::{AnnounceOptions, Schedule};
use crate::platform::Platform;
use crate::store::Job;

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
