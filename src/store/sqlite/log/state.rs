//! State shared by the writer and the checkpointer.

use std::fs::metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::store::sqlite::file::names::log_of;

/// A log of this length, in bytes, is reset.
pub(crate) const MAX_LENGTH: u64 = 32 << 20;

pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Delay before apparent damage is verified again.
pub(crate) const SECOND_LOOK: Duration = Duration::from_millis(50);

pub(crate) struct LogState {
    pub(crate) path: PathBuf,
    /// Page size in bytes.
    pub(crate) page: u32,
    /// Number of committed frames in the log.
    pub(crate) frames: AtomicU32,
    /// Number of checkpoints that the second connection has finished.
    pub(crate) passes: AtomicU64,
    /// The database file after the last checkpoint or check. Locked during a checkpoint or check.
    pub(crate) stamp: Mutex<Option<Stamp>>,
}

/// Length in bytes, and modification time.
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
}
