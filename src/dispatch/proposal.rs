//! Proposals: what members without the right asked for, which others may approve.
//!
//! A proposal is stored as a schedule of the command's message, and expires when that is due. A
//! decision is stored with it and makes it due at once. So it is decided once, and an approved one
//! runs like any schedule, with the member's message and the rights of its approver.

use std::time::Duration;

use feishu::{IdType, OpenId, Sender};
use jiff::Timestamp;

use super::Dispatcher;
use super::authorize::Enforcer;
use super::intent::{BroadcastRequest, Next, ProposalToDecide, ScheduledAnnouncement};
use super::record::PendingRecord;
use super::series::new_series;
use crate::action::{self, Failure};
use crate::command::Recurrence;
use crate::config::OnDenied;
use crate::content::Document;
use crate::event::{Stored, StoredMessage};
use crate::model::action::{Action, Source, TextEdit};
use crate::model::job::{JobKind, JobRef};
use crate::model::outcome::{Done, Outcome};
use crate::model::proposal::{Decided, Proposed};
use crate::model::refusal::{Call, Cause};
use crate::model::rights::{Audience, Denied, Right};
use crate::model::schedule::{
    AnnounceOptions, Decision, Proposal, ProposedAction, Schedule, ScheduledAction, Verdict,
};
use crate::policy::{self, Permit, Scope};
use crate::store::{Conclusion, Job, NewSchedule, Rewrite, Then};

/// Maximum number of proposals per chat.
const MAX_PROPOSALS: usize = 20;
const TIME_TO_DECIDE: Duration = Duration::from_hours(24);
/// Maximum number of people whom a card mentions.
const MAX_ASKED: usize = 10;

/// What a member asked for that others may approve, or that its author may see first.
pub(super) enum Proposable {
    Ready(ProposedAction),
    Announce {
        source: Source,
        options: AnnounceOptions,
        due: Option<Timestamp>,
        every: Option<Recurrence>,
        to: Option<String>,
    },
}

/// Why something is proposed.
#[derive(Clone, Copy)]
pub(super) enum ProposedFor {
    /// Its author asked for approval.
    Request,
    /// Its author lacks the right.
    Denial(Denied),
}

impl Proposable {
    pub(super) fn of(next: &Next) -> Option<Self> {
        Some(match next {
            Next::Authorize(Action::PutMessage(message, duration)) => {
                Self::Ready(ProposedAction::PutMessage {
                    message: message.clone(),
                    duration: *duration,
                })
            }
            Next::Authorize(Action::PutAnnouncement(duration)) => {
                Self::Ready(ProposedAction::PutAnnouncement {
                    duration: *duration,
                })
            }
            Next::Authorize(Action::Announce(source, options)) => Self::Announce {
                source: source.clone(),
                options: *options,
                due: None,
                every: None,
                to: None,
            },
            Next::Broadcast(BroadcastRequest {
                source,
                options,
                list,
            }) => Self::Announce {
                source: source.clone(),
                options: *options,
                due: None,
                every: None,
                to: Some(list.clone()),
            },
            Next::Authorize(Action::Edit(edit)) => Self::Ready(ProposedAction::Edit {
                text: Box::new(edit.target.text()?),
                document: edit.document.clone(),
            }),
            Next::Schedule(ScheduledAnnouncement {
                source,
                options,
                due,
                to,
                every,
            }) => Self::Announce {
                source: source.clone(),
                options: *options,
                due: Some(*due),
                every: *every,
                to: to.clone(),
            },
            _ => return None,
        })
    }
}

impl Dispatcher {
    /// What to propose if the member lacks the right; `None` if nobody is to be asked.
    pub(super) fn proposable(&self, job: &Job, stored: &Stored, next: &Next) -> Option<Proposable> {
        self.asks_others(job, stored)
            .then(|| Proposable::of(next))
            .flatten()
    }

    /// Whether others are asked to approve a command whose author lacks the right.
    pub(super) fn asks_others(&self, job: &Job, stored: &Stored) -> bool {
        let scope = Scope::of(stored.actor());
        let (on_denied, _) = policy::on_denied(self.policy(), scope);
        let is_command = matches!(job.key.kind, JobKind::Command | JobKind::Preview);
        is_command && on_denied != OnDenied::Refuse
    }

    /// Proposes what its author asked others to approve, unless the author may not use the bot at all.
    pub(super) async fn propose_on_request(
        &self,
        job: &Job,
        stored: &Stored,
        next: Next,
    ) -> Result<Conclusion, Failure> {
        let proposable = Proposable::of(&next).ok_or(Cause::Internal)?;
        self.refuse_excluded(stored, &next)?;
        self.propose(job, stored, proposable, ProposedFor::Request)
            .await
    }

    /// Refuses members whom a list or their tenant excludes.
    pub(super) fn refuse_excluded(&self, stored: &Stored, next: &Next) -> Result<(), Failure> {
        let action = match next {
            Next::Authorize(action) => action.clone(),
            Next::Schedule(announcement) => {
                Action::Announce(announcement.source.clone(), announcement.options)
            }
            Next::Broadcast(request) => Action::Announce(request.source.clone(), request.options),
            _ => return Err(Cause::Internal.into()),
        };
        let considered = policy::consider(self.policy(), stored.actor(), action);
        Ok(considered.map(drop).map_err(Cause::Denied)?)
    }

    /// Asks those who have the right. Without any, the member is denied, or told that nobody else has it.
    pub(super) async fn propose(
        &self,
        job: &Job,
        stored: &Stored,
        proposable: Proposable,
        why: ProposedFor,
    ) -> Result<Conclusion, Failure> {
        let action = self.proposed_action(job, stored, proposable).await?;
        let right = action.kind_of_right().right().unwrap_or(Right::Announce);
        let asked = self.people_to_ask(stored, right).await?;
        let asked = asked.ok_or(match why {
            ProposedFor::Request => Cause::NobodyToAsk,
            ProposedFor::Denial(denied) => Cause::Denied(denied),
        })?;
        let schedules = self.schedules(job).await?;
        let proposals = schedules
            .iter()
            .filter_map(|schedule| schedule.action.proposal());
        if proposals.count() >= MAX_PROPOSALS {
            let limit = MAX_PROPOSALS;
            return Err(Cause::TooManyProposals { limit }.into());
        }
        let at = self.clock.now();
        // A series may begin with a later run.
        let until = action
            .due()
            .filter(|_| action.every().is_none())
            .into_iter()
            .fold(at + TIME_TO_DECIDE, Timestamp::min);
        let proposal = ScheduledAction::Propose(Proposal {
            action: action.clone(),
            decision: None,
        });
        let payload = StoredMessage::with_schedule(&job.payload, proposal);
        Ok(Conclusion {
            schedules: vec![NewSchedule {
                kind: JobKind::Proposal,
                origin: None,
                number: None,
                due: until,
                payload: payload.map_err(|_| Cause::Internal)?,
                is_paused: false,
            }],
            ..Conclusion::of(Outcome::Proposed(Box::new(Proposed {
                number: 0,
                job_ref: JobRef {
                    origin: job.key.origin.clone(),
                    kind: JobKind::Proposal,
                },
                action,
                on_request: matches!(why, ProposedFor::Request),
                at,
                until,
                asked,
            })))
        })
    }

    /// The group's owner, and its admins unless only the owner is to be asked; never the author.
    /// `None` if nobody else has the right.
    async fn people_to_ask(
        &self,
        stored: &Stored,
        right: Right,
    ) -> Result<Option<Vec<OpenId>>, Failure> {
        let actor = stored.actor();
        let settings = self.platform.settings(actor.chat, IdType::OpenId).await;
        let group = settings
            .map_err(|error| Failure::Call(Call::ReadChat, error))?
            .group;
        let author = actor.sender.open_id.as_ref().map(OpenId::as_str);
        let others = |people: &[String]| -> Vec<OpenId> {
            let others = people.iter().filter(|id| Some(id.as_str()) != author);
            others.take(MAX_ASKED).map(OpenId::new).collect()
        };
        let owner: Vec<String> = group.owner_id.iter().cloned().collect();
        let leaders = [&*owner, &*group.user_manager_ids].concat();
        let (on_denied, _) = policy::on_denied(self.policy(), Scope::of(actor));
        let asked = match on_denied {
            OnDenied::AskOwner => others(&owner),
            _ => others(&leaders),
        };
        // A group of a bot has no owner who could be asked, and an owner may ask the admins.
        let asked = if asked.is_empty() {
            others(&leaders)
        } else {
            asked
        };
        let audience = policy::who_may(self.policy(), Scope::of(actor), right, &group);
        let is_open = audience == Audience::AllMembers && policy::has_settings(&group);
        Ok(Some(asked).filter(|asked| is_open || !asked.is_empty()))
    }

    pub(super) async fn proposed_action(
        &self,
        job: &Job,
        stored: &Stored,
        proposable: Proposable,
    ) -> Result<ProposedAction, Failure> {
        match proposable {
            Proposable::Ready(action) => Ok(action),
            Proposable::Announce {
                source,
                options,
                due,
                every,
                to,
            } => Ok(ProposedAction::Announce {
                document: self
                    .document_now(job, stored, source, options, to.as_deref())
                    .await?,
                options,
                due,
                every,
                to,
            }),
        }
    }

    /// The text as it is now, so that what is scheduled or approved does not change. For the groups of a
    /// list, what depends on a group is checked there.
    pub(super) async fn document_now(
        &self,
        job: &Job,
        stored: &Stored,
        source: Source,
        options: AnnounceOptions,
        list: Option<&str>,
    ) -> Result<Document, Failure> {
        let options = AnnounceOptions {
            duration: options.duration.filter(|_| list.is_none()),
            ..options
        };
        let context = self.context(job, stored);
        action::text_to_publish(source, options, context).await
    }

    /// The proposal of a button, if it is open.
    pub(super) async fn proposal_pressed(
        &self,
        job: &Job,
        job_ref: &JobRef,
        verdict: Verdict,
        reason: Option<String>,
    ) -> Result<Next, Failure> {
        let is_open = |schedule: &Schedule| {
            let proposal = schedule.action.proposal();
            proposal.is_some_and(|proposal| proposal.decision.is_none())
        };
        let mut schedules = self.schedules(job).await?.into_iter();
        let schedule = schedules.find(|schedule| schedule.job_ref == *job_ref);
        let schedule = schedule.filter(is_open).ok_or(Cause::ProposalOver)?;
        Ok(Next::Decide(Box::new(ProposalToDecide {
            schedule,
            verdict,
            reason,
        })))
    }

    /// Stores a decision of a member with the right. The proposal's author may decline it, too.
    pub(super) async fn decide_on(
        &self,
        job: &Job,
        stored: &Stored,
        ProposalToDecide {
            schedule,
            verdict,
            reason,
        }: ProposalToDecide,
    ) -> Result<Conclusion, Failure> {
        let proposal = schedule.action.proposal().ok_or(Cause::ProposalOver)?;
        let (action, actor) = (proposal.action.clone(), stored.actor());
        match verdict {
            Verdict::Approved => {
                if schedule.is_of(actor.sender) {
                    return Err(Cause::OwnProposal.into());
                }
                let action = self.action_of(job, &action).await?;
                // The platform would refuse only when the proposal runs.
                self.authorize_with_pin(actor, action, Enforcer::Bot)
                    .await?;
                self.require_consent(job, stored).await?;
            }
            Verdict::Declined => {
                let cancel = Action::Cancel(Box::new(schedule.clone()));
                self.permit(actor, cancel).await?;
            }
        }
        let by = actor.sender.clone();
        let by_name = self.name_of(stored, &by).await;
        let decided = ScheduledAction::Propose(Proposal {
            action: action.clone(),
            decision: Some(Decision {
                verdict,
                by,
                reason: reason.clone(),
            }),
        });
        let payload = StoredMessage::with_schedule(&schedule.payload, decided);
        Ok(Conclusion {
            rewrites: Some(Rewrite {
                id: schedule.id,
                payload: payload.map_err(|_| Cause::Internal)?,
                then: Then::Decided,
            }),
            ..Conclusion::of(Outcome::Done(Done::Decided(Box::new(Decided {
                action,
                verdict,
                by: by_name,
                reason,
            }))))
        })
    }

    /// Runs a proposal that was approved.
    pub(super) async fn conclude_proposal(
        &self,
        job: &Job,
        stored: &Stored,
        proposal: Proposal,
        pending: Option<PendingRecord>,
    ) -> Result<Conclusion, Failure> {
        let decision = proposal.decision.ok_or(Cause::NotApproved)?;
        if decision.verdict == Verdict::Declined {
            let by = self.name_of(stored, &decision.by).await;
            let reason = decision.reason;
            return Err(Cause::Declined { by, reason }.into());
        }
        match proposal.action {
            ProposedAction::Announce {
                due: Some(due),
                document,
                options,
                every,
                to,
            } => {
                let next = every.and_then(|rule| rule.next(self.clock.now(), self.time_zone()));
                let action = ScheduledAction::Publish {
                    document,
                    options,
                    approved_by: Some(Box::new(decision.by)),
                    to,
                    series: new_series(every),
                };
                let due = next.unwrap_or(due);
                self.add_schedule(job, action, options, due).await
            }
            ProposedAction::Announce {
                document,
                options,
                to: Some(list),
                ..
            } => {
                let source = Source::Document(document);
                let request = BroadcastRequest {
                    source,
                    options,
                    list,
                };
                self.broadcast(job, stored, request).await
            }
            action => {
                let action = self.action_of(job, &action).await?;
                let permit = Permit::for_approved(action);
                self.act(job, permit, stored, pending).await
            }
        }
    }

    /// The action of a proposal or a preview.
    pub(super) async fn action_of(
        &self,
        job: &Job,
        proposed: &ProposedAction,
    ) -> Result<Action, Failure> {
        Ok(match proposed {
            ProposedAction::PutMessage { message, duration } => {
                Action::PutMessage(message.clone(), *duration)
            }
            ProposedAction::PutAnnouncement { duration } => Action::PutAnnouncement(*duration),
            ProposedAction::Announce {
                document, options, ..
            } => Action::Announce(Source::Document(document.clone()), *options),
            ProposedAction::Edit { text, document } => {
                let target = self.unchanged(job, text).await?;
                Action::Edit(Box::new(TextEdit {
                    target,
                    document: document.clone(),
                }))
            }
        })
    }

    /// The name of a member of the group, if the platform returns it.
    async fn name_of(&self, stored: &Stored, person: &Sender) -> Option<String> {
        let names = self.platform.names(stored.actor().chat).await;
        names?.get(person.open_id.as_ref()?).cloned()
    }
}
