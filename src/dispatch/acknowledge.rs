//! Acknowledges slow commands with a reaction, which is removed when the reply is sent.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use feishu::ReactionId;
use jiff::Timestamp;
use tokio::time::timeout;

use super::{Dispatcher, without_panic};
use crate::model::job::JobKind;
use crate::reply::Emoji;
use crate::store::{Job, Release};

/// A command that takes longer is acknowledged.
const PATIENCE: Duration = Duration::from_secs(3);
/// The delay for a command that waited longer in the queue.
const MOMENT: Duration = Duration::from_millis(500);
/// Time for the call that adds the reaction to return its id after the job has ended.
const ADD_TIMEOUT: Duration = Duration::from_secs(2);
// Only a panic of the job itself counts as a crash. Otherwise a job that has ended would run again
// because its acknowledgement cannot be removed.
const REACTION_PANIC: &str = "a reaction call panicked";

impl Dispatcher {
    /// Runs an attempt, and acknowledges the command if that takes long.
    pub(super) async fn acknowledge_if_slow(
        &self,
        job: &Job,
        work: impl Future<Output = Release>,
    ) -> Release {
        let Some(at) = self.acknowledge_at(job) else {
            let release = work.await;
            return self
                .remove_acknowledgement(job, release, job.acknowledgement.clone())
                .await;
        };
        let mut work = pin!(work);
        let is_acknowledging = AtomicBool::new(false);
        let show = async {
            self.clock.sleep_until(at).await;
            is_acknowledging.store(true, Ordering::Relaxed);
            self.acknowledge(job).await
        };
        let mut show = pin!(show);
        let (release, mut reaction) = tokio::select! {
            biased;
            release = &mut work => {
                let reaction = if is_acknowledging.load(Ordering::Relaxed) {
                    timeout(ADD_TIMEOUT, show).await.unwrap_or(None)
                } else {
                    None
                };
                (release, reaction)
            }
            reaction = &mut show => (work.await, reaction),
        };
        if let Release::Retry { run_at } = &release
            && (self.clock.now()..*run_at).contains(&at)
        {
            reaction = self.acknowledge(job).await;
        }
        self.remove_acknowledgement(job, release, reaction).await
    }

    /// When to acknowledge the command; `None` if it was acknowledged before or should not be.
    fn acknowledge_at(&self, job: &Job) -> Option<Timestamp> {
        let now = self.clock.now();
        let due = job.accepted_at + PATIENCE;
        if job.outcome.is_some() || !matches!(job.key.kind, JobKind::Command | JobKind::Overflow) {
            None
        } else if now < due {
            Some(due)
        } else {
            job.is_first_attempt().then(|| now + MOMENT)
        }
    }

    /// Adds the reaction, and stores its id so that any replica can remove it.
    async fn acknowledge(&self, job: &Job) -> Option<ReactionId> {
        let message = job.key.origin.as_str().into();
        let emoji = Emoji::OneSecond.as_str();
        let adding = self.platform.client.add_reaction(&message, emoji);
        let added = without_panic(adding, REACTION_PANIC).await;
        match added? {
            Ok(reaction) => {
                let reaction = reaction?;
                let saving = self.store.save_acknowledgement(job, reaction.clone());
                if saving.await.is_err() {
                    tracing::debug!("failed to store the acknowledgement");
                }
                Some(reaction)
            }
            Err(error) => {
                tracing::debug!(error = %error, "failed to acknowledge a slow command");
                None
            }
        }
    }

    /// Removes the reaction once the job has ended. On failure the reaction remains.
    async fn remove_acknowledgement(
        &self,
        job: &Job,
        release: Release,
        reaction: Option<ReactionId>,
    ) -> Release {
        if let (Release::Done | Release::Dead, Some(reaction)) = (&release, reaction) {
            let message = job.key.origin.as_str().into();
            let client = &self.platform.client;
            let deleting = client.delete_reaction(&message, &reaction);
            let deleted = without_panic(deleting, REACTION_PANIC).await;
            if let Some(Err(error)) = deleted {
                tracing::debug!(error = %error, "failed to remove the acknowledgement");
            }
        }
        release
    }
}
