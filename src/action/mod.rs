//! What the bot does: one file per command.
//!
//! An action runs with a [`Permit`], makes its calls, and returns what it did
//! as a value. It never speaks in the chat; only [`crate::dispatch`] does.

use std::time::Duration;

use feishu::{Clock, MessageId, ReceivedMessage, Sender};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::command::{Command, Mention, ParseError, PinTarget};
use crate::content::{at_name, replace_mentions};
use crate::language::Language;
use crate::outcome::{Call, Done, Refusal};
use crate::platform::Platform;
use crate::policy::{Permit, Right};
use crate::store::{Job, Progress, Store, StoreError, Written};

mod announce;
mod pin;
mod unpin;

/// A command with everything that it names in the chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Put this message on top.
    PutMessage(MessageId),
    /// Put the group announcement on top.
    PutAnnouncement,
    /// Take the top notice off.
    DeleteTopNotice,
    /// Add to the announcement.
    Announce(Source),
}

/// Where an announcement's text comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// It was typed behind the command.
    Text(String),
    /// It stands in the message that the command replied to.
    Message(MessageId),
}

impl Action {
    /// What `command`, read from the `text` of `message`, asks for. `None` for
    /// `/help`, which changes nothing.
    pub(crate) fn plan(
        command: Command,
        message: &ReceivedMessage,
        text: &str,
        mentions: &[Mention],
    ) -> Result<Option<Self>, Refusal> {
        // In a topic the platform names the topic's first message here, whatever
        // the member tapped "reply" on.
        let replied_to = message
            .parent_id
            .clone()
            .or_else(|| message.root_id.clone());
        let name = command.name();
        refuse_unbuilt(&command)?;
        let action = match (command, replied_to) {
            (Command::Help | Command::Undo | Command::History | Command::Cancel(_), _) => {
                return Ok(None);
            }
            (Command::Pin { target, .. }, replied_to) => match (target, replied_to) {
                (PinTarget::Announcement, _) => Self::PutAnnouncement,
                (PinTarget::RepliedMessage, Some(target)) => Self::PutMessage(target),
                (PinTarget::RepliedMessage, None) if message.chat_type.is_p2p() => {
                    return Err(Refusal::NeedsGroup(name));
                }
                (PinTarget::RepliedMessage, None) => return Err(Refusal::NotAReply),
            },
            (Command::Unpin, _) => Self::DeleteTopNotice,
            (Command::Announce(announcement), replied_to) => {
                let named = |tail| replace_mentions(tail, mentions, Language::of(text), at_name);
                match (announcement.text(text).map(named), replied_to) {
                    (Some(text), _) => Self::Announce(Source::Text(text)),
                    (None, Some(target)) => Self::Announce(Source::Message(target)),
                    (None, None) if announcement.has_options() => {
                        return Err(Refusal::Misunderstood(ParseError::MissingText));
                    }
                    (None, None) => return Err(Refusal::NothingToAnnounce),
                }
            }
        };
        if message.chat_type.is_p2p() {
            return Err(Refusal::NeedsGroup(name));
        }
        Ok(Some(action))
    }

    /// The right that a member needs for it.
    pub(crate) fn right(&self) -> Right {
        match self {
            Self::PutMessage(_) | Self::PutAnnouncement => Right::Pin,
            Self::DeleteTopNotice => Right::Unpin,
            Self::Announce(_) => Right::Announce,
        }
    }
}

/// Refuses what is understood but cannot be carried out yet, so that nobody's `--at 9:00` is
/// announced to the group at once.
fn refuse_unbuilt(command: &Command) -> Result<(), Refusal> {
    let option = match command {
        Command::Pin { hold: Some(_), .. } => "--for",
        Command::Announce(announcement) if announcement.replace.is_some() => "--replace",
        Command::Announce(announcement) if announcement.at.is_some() => "--at",
        Command::Announce(announcement) if announcement.hold.is_some() => "--for",
        Command::Announce(announcement) if announcement.top => "--top",
        Command::Undo | Command::History | Command::Cancel(_) => {
            let name = command.name().as_str().to_owned();
            let suggestion = None;
            let error = ParseError::UnknownCommand { name, suggestion };
            return Err(Refusal::Misunderstood(error));
        }
        Command::Pin { hold: None, .. } | Command::Unpin | Command::Announce(_) | Command::Help => {
            return Ok(());
        }
    };
    let (command, option) = (command.name(), option.to_owned());
    Err(Refusal::Misunderstood(ParseError::UnknownOption {
        command,
        option,
    }))
}

/// Why an action did not end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It will not be done, for a reason that its author can be told.
    Refused(Refusal),
    /// A call of the platform failed; whether to try again is for the caller to
    /// judge.
    Call(Call, feishu::Error),
    /// Part of it stands already; this kept the rest out.
    Partly {
        lines: usize,
        of: usize,
        cause: Box<Failure>,
    },
    /// Whether the message is for us at all could not be found out.
    Unaddressed(feishu::Error),
    /// It must not go on before then: a request whose answer was lost may still
    /// be under way.
    NotBefore(Timestamp),
    /// What must be remembered could not be stored; the store has logged why.
    Store,
}

impl Failure {
    /// The same failure, after so many lines of an announcement stood.
    fn after(self, lines: usize, of: usize) -> Self {
        if lines == 0 {
            return self;
        }
        let cause = Box::new(self);
        Self::Partly { lines, of, cause }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Failure {
    fn from(_: StoreError) -> Self {
        Self::Store
    }
}

/// Everything around an action.
#[derive(Clone, Copy)]
pub(crate) struct Scene<'a> {
    pub(crate) platform: &'a Platform,
    pub(crate) store: &'a Store,
    pub(crate) clock: &'a Clock,
    pub(crate) job: &'a Job,
    pub(crate) sender: &'a Sender,
    pub(crate) message: &'a ReceivedMessage,
    pub(crate) style: &'a Style,
}

/// What the configuration says about announcements.
#[derive(Debug)]
pub(crate) struct Style {
    /// Whether an entry ends with its author and date.
    pub(crate) signature: bool,
    /// The time zone of that date.
    pub(crate) time_zone: TimeZone,
    /// How long a request may be under way.
    pub(crate) call_timeout: Duration,
}

impl Scene<'_> {
    /// Remembers how far an announcement has come.
    async fn save(&self, text: &str, written: Option<Written>) -> Result<(), Failure> {
        let text = text.to_owned();
        let progress = Progress { text, written };
        self.store.save_progress(self.job.id, &progress).await?;
        Ok(())
    }

    /// How far an earlier attempt has come.
    fn written(&self) -> Option<Written> {
        self.job
            .progress
            .as_ref()
            .and_then(|progress| progress.written)
    }
}

/// Does what the permit allows.
pub(crate) async fn run(permit: Permit, scene: Scene<'_>) -> Result<Done, Failure> {
    match permit.into_action() {
        Action::PutMessage(message) => pin::message(&message, scene).await,
        Action::PutAnnouncement => pin::announcement(scene).await,
        Action::DeleteTopNotice => unpin::run(scene).await,
        Action::Announce(source) => announce::run(source, scene).await,
    }
}
