//! Bounds: a run ends when its time is up or when it is interrupted, whatever it waits for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// A waiting thread looks this often whether the run is over.
const GLANCE: Duration = Duration::from_millis(20);

/// How long a run may take. Clones share the interruption.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    interrupted: Arc<AtomicBool>,
    ends: Instant,
}

impl Limits {
    /// From now, and until SIGINT or SIGTERM: the run then ends in order, so that no child is left.
    pub(crate) fn new(runtime: &Runtime, seconds: u64) -> anyhow::Result<Self> {
        let interrupted = Arc::new(AtomicBool::new(false));
        let flag = interrupted.clone();
        let (mut interrupt, mut terminate) = {
            let _entered = runtime.enter();
            (
                signal(SignalKind::interrupt())?,
                signal(SignalKind::terminate())?,
            )
        };
        runtime.spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            flag.store(true, Ordering::Relaxed);
        });
        Ok(Self {
            interrupted,
            ends: Instant::now() + Duration::from_secs(seconds),
        })
    }

    /// The run has to end.
    pub(crate) fn are_over(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed) || Instant::now() >= self.ends
    }

    /// Ends the run before its time, for whoever shares it.
    pub(crate) fn interrupt(&self) {
        self.interrupted.store(true, Ordering::Relaxed);
    }

    /// The same, and an earlier end.
    pub(crate) fn within(&self, span: Duration) -> Self {
        Self {
            interrupted: self.interrupted.clone(),
            ends: self.ends.min(Instant::now() + span),
        }
    }

    /// Sleeps, but not past the end of the run.
    pub(crate) fn sleep(&self, span: Duration) {
        let until = Instant::now() + span;
        while !self.are_over() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }

    /// Asks again and again; `None` when the run was over before there was an answer.
    pub(crate) fn poll<T>(&self, every: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
        loop {
            if let Some(answer) = ask() {
                return Some(answer);
            }
            if self.are_over() {
                return None;
            }
            self.sleep(every);
        }
    }
}
