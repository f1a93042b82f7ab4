//! The reaction on a command that takes longer than three seconds: it shows that the command was
//! received, and is removed when the answer is there.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use feishu::ReactionId;
use futures_util::FutureExt as _;
use jiff::Timestamp;
use tokio::time::timeout;

use super::Dispatcher;
use crate::model::job::JobKind;
use crate::reply::Emoji;
use crate::store::{Job, Release};

/// A command that waits longer gets the reaction.
const PATIENCE: Duration = Duration::from_secs(3);
/// One that waited so long in the queue gets it only if it takes longer still.
const MOMENT: Duration = Duration::from_millis(500);
/// A call that adds the reaction when the work ends has this long to return its id.
const ADD_TIMEOUT: Duration = Duration::from_secs(2);

impl Dispatcher {
    /// Runs the work on a job, and shows while that takes long that the command was received.
    pub(super) async fn show_wait(
        &self,
        job: &Job,
        work: impl Future<Output = Release>,
    ) -> Release {
        let Some(at) = self.show_at(job) else {
            let release = work.await;
            return self
                .end_wait(job, release, job.acknowledgement.clone())
                .await;
        };
        let mut work = pin!(work);
        let is_adding = AtomicBool::new(false);
        let show = async {
            self.clock.sleep_until(at).await;
            is_adding.store(true, Ordering::Relaxed);
            self.show_heard(job).await
        };
        let mut show = pin!(show);
        let (release, mut heard) = tokio::select! {
            biased;
            release = &mut work => {
                let heard = if is_adding.load(Ordering::Relaxed) {
                    timeout(ADD_TIMEOUT, show).await.unwrap_or(None)
                } else {
                    None
                };
                (release, heard)
            }
            heard = &mut show => (work.await, heard),
        };
        if let Release::Retry { run_at } = &release
            && (self.clock.now()..*run_at).contains(&at)
        {
            heard = self.show_heard(job).await;
        }
        self.end_wait(job, release, heard).await
    }

    /// When to show that a command was heard; `None` if it was shown before.
    fn show_at(&self, job: &Job) -> Option<Timestamp> {
        let now = self.clock.now();
        let due = job.accepted_at + PATIENCE;
        if job.outcome.is_some()
            || matches!(
                job.key.kind,
                JobKind::Publish | JobKind::Expire | JobKind::Press
            )
            || job.key.kind.is_notice()
        {
            None
        } else if now < due {
            Some(due)
        } else {
            job.is_first_attempt().then(|| now + MOMENT)
        }
    }

    /// Adds the reaction, and stores its id so that any replica can remove it.
    async fn show_heard(&self, job: &Job) -> Option<ReactionId> {
        let message = job.key.origin.as_str().into();
        let emoji = Emoji::OneSecond.as_str();
        let added = self.platform.client.add_reaction(&message, emoji);
        // Only the work on the job may count as a crash.
        let Ok(added) = AssertUnwindSafe(added).catch_unwind().await else {
            tracing::error!("the call that adds a reaction panicked");
            return None;
        };
        match added {
            Ok(reaction) => {
                let reaction = reaction?;
                if self
                    .store
                    .save_acknowledgement(job, reaction.clone())
                    .await
                    .is_err()
                {
                    tracing::debug!("failed to store the reaction of a waiting command");
                }
                Some(reaction)
            }
            Err(error) => {
                tracing::debug!(error = %error, "failed to show that a command waits");
                None
            }
        }
    }

    /// Removes the reaction once the job is over. A failure leaves a reaction too many.
    async fn end_wait(&self, job: &Job, release: Release, heard: Option<ReactionId>) -> Release {
        if let (Release::Done | Release::Dead, Some(reaction)) = (&release, heard) {
            let message = job.key.origin.as_str().into();
            let client = &self.platform.client;
            if let Err(error) = client.delete_reaction(&message, &reaction).await {
                tracing::debug!(error = %error, "failed to remove the reaction of a waiting command");
            }
        }
        release
    }
}
