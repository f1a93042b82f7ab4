//! Facts about unfinished jobs that only this process knows.

use std::collections::HashMap;
use std::sync::Arc;

use feishu::Error;
use parking_lot::Mutex;

use crate::model::job::JobId;
use crate::model::refusal::Call;
use crate::store::Job;

/// After a restart nothing is known, and replies are cautious. Clones share the facts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempts(Arc<Mutex<HashMap<JobId, Known>>>);

#[derive(Debug, Clone, Copy)]
struct Known {
    /// No call of any attempt can have had an effect.
    is_unchanged: bool,
    /// The age of the command could not be determined.
    is_undated: bool,
}

impl Attempts {
    /// Records a failed call. Returns whether no call of the job can have had an effect so far.
    pub(super) fn failed(&self, job: &Job, call: Call, error: &Error) -> bool {
        let mut known = self.0.lock();
        let of_job = known.entry(job.id).or_insert(Known::new(job));
        of_job.is_unchanged &= call.is_read() || !error.may_have_taken_effect();
        of_job.is_unchanged
    }

    /// Whether the age of the command has yet to be checked.
    pub(super) fn is_undated(&self, job: &Job) -> bool {
        let known = self.0.lock();
        job.is_first_attempt() || known.get(&job.id).is_some_and(|known| known.is_undated)
    }

    /// Records whether the age of the command has yet to be checked.
    pub(super) fn set_undated(&self, job: &Job, is_undated: bool) {
        let mut known = self.0.lock();
        known.entry(job.id).or_insert(Known::new(job)).is_undated = is_undated;
    }

    pub(super) fn forget(&self, job: &Job) {
        self.0.lock().remove(&job.id);
    }
}

impl Known {
    fn new(job: &Job) -> Self {
        Self {
            is_unchanged: job.is_first_attempt(),
            is_undated: false,
        }
    }
}
