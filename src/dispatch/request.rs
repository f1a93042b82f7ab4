//! From the words of a message, or from a plan that is due, to what is to be
//! done.

use std::time::Duration;

use feishu::{ChatId, Content, OpenId, ReceivedMessage};
use jiff::Timestamp;

use super::intent::{Next, Publication};
use super::{Dispatcher, text_of};
use crate::action::{self, Failure};
use crate::command::{self, Announcement, Command, Mention, ParseError, PinTarget};
use crate::content::{Unfit, media};
use crate::event::{self, Stored, StoredMessage, is_typed};
use crate::model::action::{Action, Source, replied_to};
use crate::model::change::{Deed, Made, Top};
use crate::model::job::{JobKey, Maker, Step};
use crate::model::outcome::{
    Done, FutureChange, History, Outcome, PastChange, PlannedChange, Scheduled,
};
use crate::model::plan::{Manner, Plan, Planned};
use crate::model::refusal::Cause;
use crate::model::rights::Actor;
use crate::platform::Platform;
use crate::policy::{self, Permit};
use crate::store::{Conclusion, Job, NewPlan, StoreError};

/// The most that is planned in one chat at a time.
const MOST_PLANS: usize = 100;
/// What is done so soon after it was due is on time.
const PUNCTUAL: Duration = Duration::from_mins(1);
/// How many changes `/history` shows.
const HISTORY: u32 = 10;

/// A command as it was typed.
pub(super) struct Typed {
    pub(super) command: Command,
    text: String,
    mentions: Vec<Mention>,
}

impl Dispatcher {
    /// The command of the message; `None` if it is not for us.
    pub(super) async fn typed(&self, message: &ReceivedMessage) -> Result<Option<Typed>, Failure> {
        let Some(text) = text_of(message) else {
            return self.unreadable(message).await.map(|()| None);
        };
        if message.chat_id.as_str().is_empty() {
            return Err(Cause::ChatUntold.into());
        }
        let mentions = self.mentions(message).await?;
        let command = command::parse(&text, &mentions, message.chat_type.is_p2p());
        let command = command.map_err(Cause::Misunderstood)?;
        Ok(command.map(|command| Typed {
            command,
            text,
            mentions,
        }))
    }

    /// What the command asks for.
    pub(super) async fn requested(
        &self,
        job: &Job,
        stored: &StoredMessage,
        typed: Typed,
    ) -> Result<Next, Failure> {
        let message = &stored.event.message;
        let name = typed.command.name();
        let asked_at = stored.asked_at(job.accepted_at);
        self.expect_in_time(job, asked_at).await?;
        tracing::info!(
            command.name = name.as_str(),
            chat.id = message.chat_id.as_str(),
            "a command is worked on"
        );
        Ok(match typed.command {
            Command::Help => Next::Answer(self.help(stored).await),
            Command::History => {
                let history = self.history(job, &message.chat_id).await?;
                Next::Answer(Outcome::History(history))
            }
            _ if message.chat_type.is_p2p() => return Err(Cause::NeedsGroup(name).into()),
            Command::Pin { target, hold } => Next::Authorise(Action::pin(target, hold, message)?),
            Command::Unpin => Next::Authorise(Action::DeleteTopNotice),
            Command::Announce(ref announcement) => {
                self.announcement(announcement, &typed, message, asked_at)
                    .await?
            }
            Command::Undo => {
                let made = self.store.undoable(job.chat_key()).await?;
                let made = made.ok_or(Cause::NothingToUndo)?;
                Next::Authorise(Action::Undo(Box::new(made)))
            }
            Command::Cancel(number) => {
                let planned = self.planned(job).await?;
                let plan = planned.into_iter().find(|plan| plan.number == number);
                let plan = plan.ok_or(Cause::NoSuchPlan)?;
                Next::Authorise(Action::Cancel(Box::new(plan)))
            }
        })
    }

    /// An announcement, for now or for later.
    async fn announcement(
        &self,
        announcement: &Announcement,
        typed: &Typed,
        message: &ReceivedMessage,
        asked_at: Timestamp,
    ) -> Result<Next, Failure> {
        let source = source(&self.platform, announcement, typed, message).await?;
        let manner = Manner {
            hold: announcement.hold,
            top: announcement.top,
            replace: announcement.replace,
        };
        let Some(when) = announcement.at else {
            return Ok(Next::Authorise(Action::Announce(source, manner)));
        };
        let typed_at = asked_at.to_zoned(self.settings.style.time_zone.clone());
        let due = when.resolve(&typed_at).map_err(Cause::CannotPlan)?;
        Ok(Next::Schedule(Publication {
            source,
            manner,
            due,
        }))
    }

    /// A message that says nothing that can be read is answered where it is for the bot.
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

    /// Plans a publication, if its author may make it now. They are asked again
    /// when it is due.
    pub(super) async fn plan(
        &self,
        job: &Job,
        stored: &Stored,
        publication: Publication,
    ) -> Result<Conclusion, Failure> {
        let Publication {
            source,
            manner,
            due,
        } = publication;
        let actor = stored.actor();
        self.authorise_publication(actor, source.clone(), manner)
            .await?;
        let planned = self.planned(job).await?;
        let publications = planned
            .iter()
            .filter(|planned| matches!(planned.plan, Plan::Publish { .. }));
        if publications.count() >= MOST_PLANS {
            return Err(Cause::TooManyPlans { limit: MOST_PLANS }.into());
        }
        let scene = self.scene(job, actor, stored.asked_at(job.accepted_at));
        action::announce::expect_to_end(manner, scene).await?;
        let document = action::announce::document(source, scene).await?;
        let plan = Plan::Publish { document, manner };
        let summary = plan.summary();
        let payload = StoredMessage::with_plan(&job.payload, plan);
        let at = self.clock.now();
        Ok(Conclusion {
            plan: Some(NewPlan {
                step: Step::Publish,
                due,
                payload: payload.map_err(|_| Cause::Internal)?,
            }),
            ..Conclusion::of(Outcome::Planned(Scheduled {
                number: 0,
                due,
                at,
                maker: Some(Maker {
                    origin: job.key.origin.clone(),
                    step: Step::Publish,
                }),
                summary,
                manner,
            }))
        })
    }

    /// Leave to announce; to put the announcement at the top, too, needs that
    /// right as well.
    pub(super) async fn authorise_publication(
        &self,
        actor: Actor<'_>,
        source: Source,
        manner: Manner,
    ) -> Result<Permit, Failure> {
        if manner.top {
            self.authorise(actor, Action::PutAnnouncement(None)).await?;
        }
        self.authorise(actor, Action::Announce(source, manner))
            .await
    }

    /// What is planned and due now.
    pub(super) async fn due(
        &self,
        job: &Job,
        stored: &StoredMessage,
        plan: &Plan,
    ) -> Result<Next, Failure> {
        // Where the platform does not answer, its time stays what it was known to be.
        if !self.clock.is_confirmed() {
            let _ = self.platform.client.confirm_time().await;
        }
        if self.clock.now() < job.accepted_at {
            return Err(Failure::NotBefore(job.accepted_at));
        }
        match plan {
            Plan::Publish { document, manner } => {
                let (due, at) = (job.accepted_at, self.clock.now());
                if at > due + self.settings.worker.plan_grace {
                    return Err(Cause::PlanTooLate { due, at }.into());
                }
                let source = Source::Document(document.clone());
                let actor = stored.actor();
                let permit = self.authorise_publication(actor, source, *manner).await?;
                Ok(Next::Act(permit))
            }
            Plan::Expire { made_by, .. } => {
                let maker = JobKey {
                    step: *made_by,
                    ..job.key.clone()
                };
                let made = self.store.change_of(maker).await?;
                // Where nothing is left of it, it was taken back or replaced already.
                Ok(
                    made.map_or(Next::Answer(Outcome::Done(Done::Superseded)), |made| {
                        Next::Act(policy::time_is_over(made))
                    }),
                )
            }
        }
    }

    /// A planned announcement is made; if the bot was away when it was due, that
    /// is said.
    pub(super) fn published(&self, job: &Job, done: Done) -> Done {
        let (due, at) = (job.accepted_at, self.clock.now());
        if at > due + PUNCTUAL {
            Done::AnnouncedLate { due, at }
        } else {
            done
        }
    }

    /// What waits for its time in the job's chat.
    pub(super) async fn planned(&self, job: &Job) -> Result<Vec<Planned>, StoreError> {
        let waiting = self.store.planned(job.chat_key()).await?;
        Ok(waiting.into_iter().filter_map(event::planned).collect())
    }

    /// What was changed in the chat and what is planned, for whoever asks now.
    pub(super) async fn history(&self, job: &Job, chat: &ChatId) -> Result<History, StoreError> {
        let undoable = self.store.undoable(job.chat_key()).await?;
        let changes = self.store.history(job.chat_key(), HISTORY).await?;
        let plans = self.planned(job).await?;
        let names = if changes.is_empty() && plans.is_empty() {
            None
        } else {
            self.platform.names(chat).await
        };
        let name = |id: Option<&OpenId>| names.as_ref()?.get(id?).cloned();
        Ok(History {
            asked_at: self.clock.now(),
            undoable: undoable.map(|made| made.maker),
            changes: changes
                .into_iter()
                .map(|made| PastChange {
                    deed: made.deed,
                    pinned: pinned(&made),
                    actor: name(made.actor.as_ref()),
                    summary: made.summary,
                    made_at: made.at,
                    undone: made.undone,
                })
                .collect(),
            plans: plans
                .into_iter()
                .map(|planned| FutureChange {
                    maker: Some(planned.maker),
                    number: planned.number,
                    what: match planned.plan {
                        Plan::Publish { manner, .. } if manner.replace.is_some() => {
                            PlannedChange::Replace
                        }
                        Plan::Publish { .. } => PlannedChange::Announce,
                        Plan::Expire {
                            deed: Deed::Pin, ..
                        } => PlannedChange::Unpin,
                        Plan::Expire {
                            deed: Deed::Replace,
                            ..
                        } => PlannedChange::FormerBack,
                        Plan::Expire { .. } => PlannedChange::EntryOut,
                    },
                    author: name(planned.author.as_ref()),
                    summary: planned.plan.summary(),
                    due: planned.due,
                })
                .collect(),
        })
    }

    async fn mentions(&self, message: &ReceivedMessage) -> Result<Vec<Mention>, Failure> {
        if message.mentions.is_empty() {
            return Ok(Vec::new());
        }
        let me = self.platform.me().await.map_err(Failure::Unaddressed)?;
        let mention = |mention| Mention::new(mention, Some(me));
        Ok(message.mentions.iter().map(mention).collect())
    }
}

/// What a pin has put at the top.
fn pinned(made: &Made) -> Option<PinTarget> {
    let top = made.change.as_ref()?.top()?;
    match top {
        _ if made.deed != Deed::Pin => None,
        Top::Message(_) => Some(PinTarget::RepliedMessage),
        Top::Announcement => Some(PinTarget::Announcement),
        Top::Unknown | Top::Nothing => None,
    }
}

/// Where the text of an announcement comes from.
async fn source(
    platform: &Platform,
    announcement: &Announcement,
    Typed { text, mentions, .. }: &Typed,
    message: &ReceivedMessage,
) -> Result<Source, Cause> {
    let content = Content::read(&message.message_type, &message.content);
    let typed = match announcement.text.clone() {
        Some(range) => {
            action::announce::read(content, range, mentions.clone(), &platform.reading).await
        }
        None if media(&content).is_empty() => Err(Unfit::Empty),
        None => Err(Unfit::OnlyMedia),
    };
    match (typed, replied_to(message)) {
        (Ok(document), _) => {
            if let Some(range) = &announcement.text {
                command::refuse_shown_instruction(text, range, &document.shown_words())
                    .map_err(Cause::Misunderstood)?;
            }
            Ok(Source::Document(document))
        }
        (Err(Unfit::Empty), Some(target)) => Ok(Source::Message(target)),
        (Err(unfit), _) => {
            let empty = if announcement.has_options() {
                Cause::Misunderstood(ParseError::MissingText)
            } else {
                Cause::NothingToAnnounce
            };
            Err(action::announce::refusal(unfit, empty))
        }
    }
}
