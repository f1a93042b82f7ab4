//! Keeps SQLite's write-ahead log short and intact.
//!
//! A checkpoint copies pages from the log to the database. If a second connection makes it while
//! the writer writes, it never reaches the end of the growing log, so the log is never reset. So it
//! is made in two steps: the second connection copies most pages, and the writer the rest, between
//! two transactions.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rusqlite::Connection;

use super::damage;
use super::file::{self, finish};
use crate::store::sqlite::log::state::{LogState, MAX_LENGTH, SECOND_LOOK, stamp};
use crate::store::sqlite::shared::Shared;
use checkpointer::Checkpointer;

mod checkpointer;
mod state;

/// A log of this length, in bytes, is reset even if that delays the writer.
const TOO_LONG: u64 = 56 << 20;
/// Bytes that the writer checkpoints by itself; takes milliseconds.
const REST: u64 = 4 << 20;
/// If fewer bytes are written in a second, the writer has time.
const CALM: u64 = 1 << 20;
/// A shorter log is not worth a checkpoint each second.
const SHORT: u64 = 4 << 20;
/// After this many idle seconds, the log is reset regardless of its length.
const IDLE_LOOKS: u32 = 10;
/// Delay before a checkpoint that a reader blocked is retried.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long the writer waits for the second connection, and its polling interval.
const MAX_WAIT: Duration = Duration::from_secs(1);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ResetMode {
    /// The file keeps its length and is overwritten.
    Restart,
    /// The file is truncated.
    Truncate,
}

/// The writer's side: its connection and the resets of the log.
pub(super) struct Log {
    // Closed before `due`: the other side must close last.
    pub(super) connection: Connection,
    state: Arc<LogState>,
    shared: Arc<Shared>,
    due: SyncSender<()>,
    pending: Option<PendingReset>,
    /// The next reset is not attempted before this time.
    not_before: Option<Instant>,
    frames_at_look: u32,
    looks_without_write: u32,
}

/// A reset that waits for the second connection's checkpoint.
struct PendingReset {
    how: ResetMode,
    /// The awaited checkpoint, and the frames it does not copy.
    pass: u64,
    moved: u32,
}

impl Log {
    /// Creates both sides for a database that is open twice.
    pub(super) fn watched(
        connection: Connection,
        beside: Connection,
        path: PathBuf,
        shared: Arc<Shared>,
    ) -> anyhow::Result<(Self, Checkpointer)> {
        let page = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let state = Arc::new(LogState {
            stamp: Mutex::new(stamp(&path)),
            path,
            page,
            frames: AtomicU32::new(0),
            passes: AtomicU64::new(0),
        });
        let counted = Arc::clone(&state);
        let mut connection = connection;
        connection.wal_hook(Some(move |_: &mut _, frames| {
            let frames = u32::try_from(frames).unwrap_or_default();
            counted.frames.store(frames, Ordering::Release);
            Ok(())
        }))?;
        let (due, is_due) = sync_channel(1);
        let log = Self {
            connection,
            state: Arc::clone(&state),
            shared: Arc::clone(&shared),
            due,
            pending: None,
            not_before: None,
            frames_at_look: 0,
            looks_without_write: 0,
        };
        let checkpointer = Checkpointer {
            connection: beside,
            state,
            shared,
            due: is_due,
            seen: None,
        };
        Ok((log, checkpointer))
    }

    /// Resets the log if necessary; called between two transactions.
    pub(super) fn maintain(&mut self, looked: bool) {
        if let Some(how) = self.due_reset(looked) {
            self.request_reset(how);
        }
        let Some(PendingReset { how, pass, moved }) = self.pending else {
            return;
        };
        if !self.has_passed(pass) {
            return;
        }
        let frames = self.state.frames();
        let rest = self.state.bytes(frames.saturating_sub(moved));
        if rest > REST && self.state.bytes(frames) < TOO_LONG {
            self.request_reset(how);
        } else {
            self.pending = None;
            self.reset(how);
        }
    }

    /// Whether the second connection has finished its checkpoint. If the log has reached its
    /// maximum length, this waits for it, so that the writer never gets far ahead.
    fn has_passed(&self, pass: u64) -> bool {
        let has_passed = || self.state.passes.load(Ordering::Acquire) >= pass;
        let began = Instant::now();
        while !has_passed() {
            let is_at_bound = self.state.bytes(self.state.frames()) >= 2 * MAX_LENGTH;
            if !is_at_bound || began.elapsed() >= MAX_WAIT {
                return false;
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        true
    }

    /// Checkpoints as much of the log as possible, to free space on a full disk.
    pub(super) fn free_space(&mut self) {
        if self.pending.is_none() {
            self.request_reset(ResetMode::Truncate);
        }
        self.maintain(false);
    }

    /// Whether the database contains all committed data.
    pub(super) fn is_empty(&self) -> bool {
        self.state.frames() == 0
    }

    fn due_reset(&mut self, looked: bool) -> Option<ResetMode> {
        let frames = self.state.frames();
        let mut how = (self.state.bytes(frames) >= MAX_LENGTH).then_some(ResetMode::Restart);
        if looked {
            let written = frames.saturating_sub(self.frames_at_look);
            self.frames_at_look = frames;
            self.looks_without_write = match written {
                0 => self.looks_without_write + 1,
                _ => 0,
            };
            let length = self.state.log_length();
            let calm = self.state.bytes(written) < CALM && length > SHORT;
            let looks = self.looks_without_write;
            let idle = looks > 0 && looks.is_multiple_of(IDLE_LOOKS) && length > 0;
            if calm || idle || length > 2 * MAX_LENGTH {
                how = Some(ResetMode::Truncate);
            }
        }
        let now = Instant::now();
        how.filter(|_| self.pending.is_none() && self.not_before.is_none_or(|time| time <= now))
    }

    fn request_reset(&mut self, how: ResetMode) {
        // A checkpoint that is already requested or running may have started before this moment.
        let pass = self.state.passes.load(Ordering::Acquire) + 1;
        let _ = self.due.try_send(());
        let moved = self.state.frames();
        self.pending = Some(PendingReset { how, pass, moved });
    }

    fn reset(&mut self, how: ResetMode) {
        let state = Arc::clone(&self.state);
        // The second connection is busy again.
        let Some(mut stamp_of_file) = state.stamp.try_lock() else {
            self.not_before = Some(Instant::now() + SECOND_LOOK);
            return;
        };
        // Another process wrote to the database: the second connection must check it first.
        if *stamp_of_file != stamp(&state.path) {
            self.not_before = Some(Instant::now() + SECOND_LOOK);
            return;
        }
        let sql = match how {
            ResetMode::Restart => "PRAGMA wal_checkpoint(RESTART)",
            ResetMode::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
        };
        // Do not wait for a reader: commits would wait as well.
        let begun = self.connection.busy_timeout(Duration::ZERO).and_then(|()| {
            self.connection
                .query_row(sql, [], |row| row.get::<_, bool>(0))
        });
        let _ = self.connection.busy_timeout(file::BUSY);
        match begun {
            Ok(false) => {
                state.frames.store(0, Ordering::Release);
                self.frames_at_look = 0;
                self.not_before = None;
            }
            Ok(true) => self.not_before = Some(Instant::now() + RETRY_AFTER),
            Err(error) => {
                self.not_before = Some(Instant::now() + RETRY_AFTER);
                self.shared.checkpoint_failed(&state.path, &error);
            }
        }
        *stamp_of_file = stamp(&state.path);
    }

    pub(super) fn close(self) {
        if self.shared.fatal.borrow().is_some() {
            damage::keep_log(&self.connection);
        }
        let Self {
            connection, due, ..
        } = self;
        finish(connection);
        drop(due);
    }
}

impl Shared {
    fn checkpoint_failed(&self, path: &std::path::Path, error: &rusqlite::Error) {
        tracing::warn!(error = %error, "could not checkpoint the store's log");
        if damage::is_damage(error) {
            self.fail(damage::damaged(path, &error.to_string()));
        }
    }
}
