//! The report on a broadcast: a card that shows how far it is, and the result.
//!
//! A job in a queue of its own sends the card and updates it until all deliveries are finished. So the
//! last update comes also after a restart, and no other job waits for it.

use std::time::Duration;

use feishu::MessageId;

use super::respond::is_refused;
use super::{Dispatcher, may_try_again};
use crate::language::Language;
use crate::model::broadcast::{Broadcast, Report, ReportPayload, ReportState};
use crate::model::job::JobKey;
use crate::reply;
use crate::store::{Job, Release, StoreError};

/// The time between two updates of the card.
const INTERVAL: Duration = Duration::from_secs(2);

/// Why a report was not sent now.
enum NotReported {
    Call(feishu::Error),
    Store,
}

impl From<StoreError> for NotReported {
    fn from(_: StoreError) -> Self {
        Self::Store
    }
}

impl From<feishu::Error> for NotReported {
    fn from(error: feishu::Error) -> Self {
        Self::Call(error)
    }
}

impl Dispatcher {
    /// Shows how far a broadcast is, and returns later unless it is finished.
    pub(super) async fn report(&self, job: &Job) -> Release {
        let Ok(payload) = serde_json::from_str::<ReportPayload>(&job.payload) else {
            return Release::Dead;
        };
        match self.try_to_report(job, &payload).await {
            Ok(true) => Release::Done,
            Ok(false) => Release::Again {
                run_at: self.later(INTERVAL),
            },
            Err(NotReported::Store) => self.retry(job),
            Err(NotReported::Call(error)) => {
                tracing::warn!(error = %error, api.log_id = error.log_id(), "could not report on a broadcast");
                let last = job.started_at + self.settings.worker.give_up_after;
                self.retry_until(last, job, &error).unwrap_or(Release::Dead)
            }
        }
    }

    /// Whether the report is complete.
    async fn try_to_report(&self, job: &Job, payload: &ReportPayload) -> Result<bool, NotReported> {
        let (tenant, job_ref) = (&job.key.tenant, &payload.broadcast);
        let Some(broadcast) = self.store.broadcast(tenant, job_ref).await? else {
            return Ok(true);
        };
        let key = JobKey {
            tenant: tenant.clone(),
            origin: job_ref.origin.clone(),
            kind: job_ref.kind,
        };
        let change = self.store.change_of(key.clone()).await?;
        let report = Report {
            broadcast: job_ref.clone(),
            list: broadcast.list.clone(),
            is_undone: change.is_none_or(|change| change.undone),
            deliveries: self.store.deliveries(tenant, job_ref).await?,
        };
        let (shown, is_final) = (report.finished(), report.is_final());
        let is_new = broadcast.report.card.is_none() || broadcast.report.shown != shown;
        if is_new || is_final || job.is_first_attempt() {
            let mut state = broadcast.report.clone();
            if !state.is_refused {
                state = self
                    .show(job, (&key, &broadcast), &report, payload.language)
                    .await?;
            }
            if state.is_refused && is_final {
                self.say_result(job, &broadcast.message, &report, payload.language)
                    .await?;
            }
            state.shown = shown;
            self.store.save_report(tenant, job_ref, &state).await?;
        }
        Ok(is_final)
    }

    /// Sends the card, or updates it.
    async fn show(
        &self,
        job: &Job,
        (key, broadcast): (&JobKey, &Broadcast),
        report: &Report,
        language: Language,
    ) -> Result<ReportState, NotReported> {
        let client = &self.platform.client;
        let card = reply::report_card(report, language, self.time_zone());
        let state = broadcast.report.clone();
        let refused = ReportState {
            is_refused: true,
            ..ReportState::default()
        };
        if let Some(shown) = &state.card {
            return match client.patch_card(shown, &card).await {
                Ok(()) => Ok(state),
                // It was recalled, for example.
                Err(error) if is_refused(&error) => {
                    tracing::warn!(error = %error, api.log_id = error.log_id(), "the card of a report was not updated");
                    Ok(refused)
                }
                Err(error) => Err(error.into()),
            };
        }
        if self.may_repeat_reply(job) {
            return Ok(refused);
        }
        if job.replying_since.is_none() {
            self.store.save_replying(job).await?;
        }
        // The same for all reports on the broadcast.
        let uuid = key.idempotency_key("report").to_string();
        match client.reply_card(&broadcast.message, &card, &uuid).await {
            Ok(Some(card)) => Ok(ReportState {
                card: Some(card),
                ..state
            }),
            // Without its id it cannot be updated.
            Ok(None) => Ok(refused),
            Err(error) if is_refused(&error) => {
                tracing::warn!(error = %error, api.log_id = error.log_id(), "the card of a report was rejected");
                Ok(refused)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Replies with the result where there is no card.
    async fn say_result(
        &self,
        job: &Job,
        message: &MessageId,
        report: &Report,
        language: Language,
    ) -> Result<(), NotReported> {
        let words = reply::report_in_words(report, language, self.time_zone());
        let uuid = job.key.idempotency_key("report in words").to_string();
        match self.platform.client.reply(message, &words, &uuid).await {
            Ok(_) => Ok(()),
            Err(error) if may_try_again(&error) => Err(error.into()),
            Err(error) => {
                tracing::error!(error = %error, api.log_id = error.log_id(), "failed to send the report of a broadcast");
                Ok(())
            }
        }
    }
}
