//! What `/history` lists: the recent changes and the schedules of a chat.

use feishu::{ChatId, OpenId};

use super::Dispatcher;
use crate::command::PinTarget;
use crate::event;
use crate::model::change::{Change, ChangeKind, PinnedItem, RecordedChange};
use crate::model::job::JobKey;
use crate::model::outcome::{Approver, History, HistoryChange, HistorySchedule, ScheduledChange};
use crate::model::schedule::{Preview, Proposal, Schedule, ScheduledAction};
use crate::store::{Job, StoreError};

/// Number of changes in `/history`.
const HISTORY: u32 = 10;

impl Dispatcher {
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
