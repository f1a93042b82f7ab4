//! From the words of a message, or from a plan that is due, to what is to be
//! done.

use feishu::{Content, ReceivedMessage};

use super::{Dispatcher, text_of};
use crate::action::{Action, Failure, Source, replied_to};
use crate::command::{self, Announcement, Command, Mention, ParseError};
use crate::content::Document;
use crate::event::StoredMessage;
use crate::outcome::{FutureChange, History, Outcome, PastChange, PlannedChange, Refusal};
use crate::plan::Plan;
use crate::policy::{self, Permit};
use crate::store::{Job, JobKey};

/// How many changes `/history` shows.
const HISTORY: u32 = 10;

/// What a message asks for.
pub(super) enum Requested {
    /// To do something, for which leave is needed.
    Action(Action),
    /// To be told something, which is this.
    Answer(Outcome),
}

impl Dispatcher {
    /// What the message asks for; `None` if it is not for us.
    pub(super) async fn requested(
        &self,
        job: &Job,
        stored: &StoredMessage,
    ) -> Result<Option<Requested>, Failure> {
        let message = &stored.event.message;
        let Some(text) = text_of(message) else {
            return Ok(None);
        };
        let mentions = self.mentions(message).await?;
        let direct = message.chat_type.is_p2p();
        let command = match command::parse(&text, &mentions, direct) {
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
        let name = command.name();
        let requested = match command {
            Command::Help => Requested::Answer(self.help(message).await),
            Command::History => Requested::Answer(self.history(job, message).await?),
            _ if direct => return Err(Refusal::NeedsGroup(name).into()),
            Command::Pin { target, hold } => Requested::Action(Action::pin(target, hold, message)?),
            Command::Unpin => Requested::Action(Action::DeleteTopNotice),
            Command::Announce(announcement) => {
                Requested::Action(announce(&announcement, message, &mentions)?)
            }
            Command::Undo => {
                let made = self.store.undoable(job.chat_key()).await?;
                let made = made.ok_or(Refusal::NothingToUndo)?;
                Requested::Action(Action::Undo(Box::new(made)))
            }
            Command::Cancel(number) => {
                let planned = self.store.planned(job.chat_key()).await?;
                let plan = planned.into_iter().find(|plan| plan.number == number);
                let plan = plan.ok_or(Refusal::NoSuchPlan)?;
                Requested::Action(Action::Cancel(Box::new(plan)))
            }
        };
        Ok(Some(requested))
    }

    /// Leave for what is planned and due now; `None` if nothing is left of what
    /// it is about.
    pub(super) async fn due(&self, job: &Job, plan: &Plan) -> Result<Option<Permit>, Failure> {
        match plan {
            Plan::Expire { made_by, .. } => {
                let maker = JobKey {
                    step: *made_by,
                    ..job.key.clone()
                };
                let made = self.store.change_of(maker).await?;
                Ok(made.map(policy::time_is_over))
            }
        }
    }

    async fn history(&self, job: &Job, message: &ReceivedMessage) -> Result<Outcome, Failure> {
        let changes = self.store.history(job.chat_key(), HISTORY).await?;
        let plans = self.store.planned(job.chat_key()).await?;
        let names = if changes.is_empty() && plans.is_empty() {
            None
        } else {
            self.platform.names(&message.chat_id).await
        };
        let name = |id: Option<&feishu::OpenId>| names.as_ref()?.get(id?).cloned();
        Ok(Outcome::History(History {
            asked_at: self.clock.now(),
            changes: changes
                .into_iter()
                .map(|made| PastChange {
                    deed: made.deed,
                    actor: name(made.actor.as_ref()),
                    summary: made.summary,
                    made_at: made.made_at,
                    undone: made.undone,
                })
                .collect(),
            plans: plans
                .into_iter()
                .map(|planned| FutureChange {
                    number: planned.number,
                    what: match planned.plan {
                        Plan::Expire { .. } => PlannedChange::Unpin,
                    },
                    author: name(planned.author.as_ref()),
                    summary: planned.plan.summary().to_owned(),
                    due: planned.due,
                })
                .collect(),
        }))
    }

    async fn mentions(&self, message: &ReceivedMessage) -> Result<Vec<Mention>, Failure> {
        if message.mentions.is_empty() {
            return Ok(Vec::new());
        }
        let me = self.platform.me().await.map_err(Failure::Unaddressed)?;
        let mention = |mention: &feishu::Mention| Mention {
            key: mention.key.clone(),
            name: mention.name.clone(),
            open_id: mention.id.open_id.clone(),
            is_me: mention.id.open_id.as_ref() == Some(me),
        };
        Ok(message.mentions.iter().map(mention).collect())
    }
}

fn announce(
    announcement: &Announcement,
    message: &ReceivedMessage,
    mentions: &[Mention],
) -> Result<Action, Refusal> {
    refuse_unbuilt(announcement)?;
    let typed = announcement.text_at.and_then(|at| {
        let content = Content::parse(&message.message_type, &message.content).ok()?;
        Document::from_content(&content, at, mentions)
    });
    match (typed, replied_to(message)) {
        (Some(document), _) => Ok(Action::Announce(Source::Document(document))),
        (None, Some(target)) => Ok(Action::Announce(Source::Message(target))),
        (None, None) if announcement.has_options() => {
            Err(Refusal::Misunderstood(ParseError::MissingText))
        }
        (None, None) => Err(Refusal::NothingToAnnounce),
    }
}

/// Refuses what is understood but cannot be carried out yet, so that nobody's `--at 9:00` is
/// announced to the group at once.
fn refuse_unbuilt(announcement: &Announcement) -> Result<(), Refusal> {
    let option = match announcement {
        announcement if announcement.replace.is_some() => "--replace",
        announcement if announcement.at.is_some() => "--at",
        announcement if announcement.hold.is_some() => "--for",
        announcement if announcement.top => "--top",
        _ => return Ok(()),
    };
    Err(Refusal::Misunderstood(ParseError::UnknownOption {
        command: command::CommandName::Announce,
        option: option.to_owned(),
    }))
}
