//! What the writer and the checkpointer of the log share.

use std::fs::metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::store::sqlite::file::names::log_of;

/// A log of this length in bytes is to begin anew.
pub(crate) const LONG: u64 = 32 << 20;

/// How often the files are looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What looks like damage has to do so twice.
pub(crate) const SECOND_LOOK: Duration = Duration::from_millis(50);

/// What both sides know of the log.
pub(crate) struct LogState {
    pub(crate) path: PathBuf,
    /// Bytes in a page.
    pub(crate) page: u32,
    /// Committed frames in the log.
    pub(crate) frames: AtomicU32,
    /// How often the second connection has ended a checkpoint.
    pub(crate) passes: AtomicU64,
    /// Held by whoever makes a checkpoint or searches for damage; the database as
    /// the last one has left it.
    pub(crate) stamp: Mutex<Option<Stamp>>,
}

/// Length in bytes and time of the last change.
pub(crate) type Stamp = (u64, i64, i64);

pub(crate) fn stamp(file: &std::path::Path) -> Option<Stamp> {
    let found = metadata(file).ok()?;
    Some((found.len(), found.mtime(), found.mtime_nsec()))
}

impl LogState {
    pub(crate) fn bytes(&self, frames: u32) -> u64 {
        u64::from(frames) * (u64::from(self.page) + 24)
    }

    pub(crate) fn frames(&self) -> u32 {
        self.frames.load(Ordering::Acquire)
    }

    pub(crate) fn log_length(&self) -> u64 {
        metadata(log_of(&self.path)).map_or(0, |log| log.len())
    }

    pub(crate) fn stamp(&self) -> MutexGuard<'_, Option<Stamp>> {
        self.stamp.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
