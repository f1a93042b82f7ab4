//! Detects damage before more is written, and names the remedy.
//!
//! SQLite notices a damaged page only when it needs it, and treats a damaged frame of its
//! write-ahead log as the end of the log. So the pages are checked at start, and the log is
//! compared with its index, `FILE-shm`. The index is written after the log is on disk, so every
//! frame it counts must exist.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use super::file::Unusable;
use crate::store::sqlite::file::names::{index_of, log_of};

mod log;

pub(super) use log::{frames_fit, verified};

/// Up to this size, in bytes, indexes are also compared with their tables.
const WHOLE: u64 = 32 << 20;
/// SQLite instructions between two checks of the deadline.
const INSTRUCTIONS: i32 = 10_000;
/// Extended result codes of damaged or truncated files.
const SHORT_READ: i32 = 522;
const BAD_DATA: i32 = 8202;
const BAD_FILE_SYSTEM: i32 = 8458;

/// Result of an integrity check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Integrity {
    Intact,
    /// No damage was found before the time limit.
    Incomplete,
    /// SQLite's description.
    Damaged(String),
}

/// Checks all pages, for at most `limit`.
pub(super) fn check_integrity(
    connection: &mut Connection,
    limit: Duration,
) -> rusqlite::Result<Integrity> {
    let size = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, u64>(0));
    let search = match size("page_count")?.saturating_mul(size("page_size")?) {
        ..=WHOLE => "PRAGMA integrity_check(1)",
        _ => "PRAGMA quick_check(1)",
    };
    let deadline = Instant::now() + limit;
    connection.progress_handler(INSTRUCTIONS, Some(move || Instant::now() >= deadline))?;
    let found = connection.query_row(search, [], |row| row.get::<_, String>(0));
    connection.progress_handler(0, None::<fn() -> bool>)?;
    match found {
        Ok(found) if found == "ok" => Ok(Integrity::Intact),
        Ok(found) => Ok(Integrity::Damaged(found)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            Ok(Integrity::Incomplete)
        }
        Err(error) if is_damage(&error) => Ok(Integrity::Damaged(error.to_string())),
        Err(error) => Err(error),
    }
}

/// Whether the error means damage, not a busy file or a full disk.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        matches!(
            error.code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
        ) || matches!(error.extended_code, SHORT_READ | BAD_DATA | BAD_FILE_SYSTEM)
    })
}

/// The damage that caused an error, if any.
pub(super) fn cause(error: &anyhow::Error) -> Option<String> {
    let causes = error.chain().filter_map(|cause| cause.downcast_ref());
    let mut damage = causes.filter(|cause| is_damage(cause));
    damage.next().map(ToString::to_string)
}

/// Replaces an error that was caused by damage by one with the remedy.
pub(super) fn explained(path: &Path, error: anyhow::Error) -> anyhow::Error {
    match cause(&error) {
        Some(how) => damaged(path, &how).into(),
        None => error,
    }
}

pub(super) fn damaged(path: &Path, how: &str) -> Unusable {
    Unusable::new(
        format!(
            "`{}` is damaged, or not a noticebot database ({how})",
            path.display()
        ),
        "nothing was changed in it; keep a copy of it with its `-wal` and `-shm`, then restore a backup, recover what is readable, or start with a new database: see \"A damaged database\" in docs/OPERATIONS.md",
    )
}

/// Keeps the log and its index when the connection closes.
pub(super) fn keep_log(connection: &Connection) {
    // If this fails, closing the connection checkpoints the log as usual.
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
}

/// Describes committed pages that are missing from the log of a database that no process has open.
pub(super) fn lost_log(path: &Path) -> Option<String> {
    let name = log_of(path);
    let found = log::read(&name, u32::MAX).unwrap_or_default();
    let lost = match log::index(&index_of(path)) {
        Some(index) if index.frames > index.in_database => match found.salts {
            Some(salts) if salts == index.salts => index.frames.saturating_sub(found.committed),
            // The index belongs to an earlier log.
            Some(_) => 0,
            None => index.frames - index.in_database,
        },
        Some(_) => 0,
        None => found.committed_behind_damage,
    };
    (lost > 0).then(|| format!("{lost} committed pages of `{}` are lost", name.display()))
}

#[cfg(test)]
mod tests;
