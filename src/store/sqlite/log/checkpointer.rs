//! The second connection: checkpoints most of the log and checks the files.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::store::sqlite::damage::{self, Integrity, frames_fit, verified};
use crate::store::sqlite::file::names::log_of;
use crate::store::sqlite::file::{self, LONG_LOOK, Lock, finish};
use crate::store::sqlite::log::state::{
    LOOK_EVERY, LogState, MAX_LENGTH, SECOND_LOOK, Stamp, stamp,
};
use crate::store::sqlite::shared::Shared;

/// Makes a checkpoint on request, and checks the files every second.
pub(in crate::store::sqlite) struct Checkpointer {
    pub(super) connection: Connection,
    pub(super) state: Arc<LogState>,
    pub(super) shared: Arc<Shared>,
    pub(super) due: Receiver<()>,
    /// The log at the last check: number of committed frames, and its file.
    pub(super) seen: Option<(u32, Option<Stamp>)>,
}

impl Checkpointer {
    /// Runs until the writer has closed; then checkpoints the log and releases the lock.
    pub(in crate::store::sqlite) fn run(mut self, mut lock: Lock) {
        let mut looked_at = Instant::now();
        loop {
            let pause = LOOK_EVERY.saturating_sub(looked_at.elapsed());
            match self.due.recv_timeout(pause) {
                Ok(()) => self.checkpoint(),
                Err(RecvTimeoutError::Timeout) => {
                    looked_at = Instant::now();
                    self.look(&mut lock);
                }
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if self.shared.fatal.borrow().is_some() {
            damage::keep_log(&self.connection);
        }
        finish(self.connection);
        drop(lock);
    }

    fn checkpoint(&mut self) {
        // The stamp set below must not hide an earlier write by another process.
        self.look_at_file();
        // While a reader keeps the log long, checkpoints are frequent: skip the verification.
        let is_short = self.state.bytes(self.state.frames()) <= 2 * MAX_LENGTH;
        if self.is_over() || (is_short && !self.verify_log()) {
            return;
        }
        let mut stamp_of_file = self.state.stamp.lock();
        // The pragma returns a row, which is not needed.
        let done = self
            .connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = done {
            self.shared.checkpoint_failed(&self.state.path, &error);
        }
        *stamp_of_file = stamp(&self.state.path);
        self.state.passes.fetch_add(1, Ordering::Release);
    }

    fn look(&mut self, lock: &mut Lock) {
        self.shared.metrics.store_log(self.state.log_length());
        if self.is_over() {
            return;
        }
        if let Err(reason) = lock.renew() {
            self.shared.fail(reason);
            return;
        }
        self.look_at_file();
        self.look_at_log();
    }

    fn is_over(&self) -> bool {
        self.shared.fatal.borrow().is_some()
    }

    /// Only checkpoints change the database. Any other writer may have damaged it.
    fn look_at_file(&mut self) {
        let mut known = self.state.stamp.lock();
        let now = stamp(&self.state.path);
        // The writer reports a missing file.
        if now.is_none() || *known == now {
            return;
        }
        *known = now;
        tracing::warn!("another process wrote to the database: checking it for damage");
        // A new connection, because this one may have cached pages.
        let found = file::connect(&self.state.path).map(|mut fresh| {
            let found = damage::check_integrity(&mut fresh, LONG_LOOK);
            finish(fresh);
            found
        });
        let how = match found {
            Ok(Ok(Integrity::Damaged(how))) => Some(how),
            Ok(Err(error)) => damage::is_damage(&error).then(|| error.to_string()),
            Err(error) => damage::cause(&error),
            Ok(Ok(Integrity::Intact | Integrity::Incomplete)) => None,
        };
        if let Some(how) = how {
            self.shared.fail(damage::damaged(&self.state.path, &how));
        }
    }

    /// An idle log does not change, and an active one grows.
    fn look_at_log(&mut self) {
        let now = (self.state.frames(), stamp(&log_of(&self.state.path)));
        let before = self.seen.replace(now);
        let quiet = before.is_some_and(|before| before.0 == now.0 && before.1 != now.1);
        let length = now.1.map_or(0, |stamp| stamp.0);
        if quiet || !frames_fit(length, now.0, self.state.page) {
            self.verify_log();
        }
    }

    /// Whether all committed frames are valid; the bot stops if not.
    fn verify_log(&self) -> bool {
        let _checkpoints_wait = self.state.stamp.lock();
        let log = log_of(&self.state.path);
        for pause in [SECOND_LOOK, SECOND_LOOK, Duration::ZERO] {
            // An admin's shell may have reset the log: the index has the current count.
            let frames = self
                .connection
                .query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| {
                    row.get::<_, i64>(1)
                });
            let frames = frames.map_or(0, |frames| u32::try_from(frames).unwrap_or(0));
            match verified(&log, frames) {
                Ok(Some(false)) => std::thread::sleep(pause),
                // The writer reports a missing log.
                Ok(Some(true) | None) | Err(_) => return true,
            }
        }
        let how = format!("committed pages of `{}` are lost", log.display());
        self.shared.fail(damage::damaged(&self.state.path, &how));
        false
    }
}
