//! Damage: found before it is built upon, and told with what to do.
//!
//! SQLite notices damage of a page only when it needs the page, and takes a
//! damaged frame of its write-ahead log for the end of the log. So pages are
//! searched at start, and the log is compared with its index, `FILE-shm`: that
//! is written after the log is on disk, so what it counts must be there.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use super::file::Unusable;
use crate::store::sqlite::file::names::{index_of, log_of};

mod log;

pub(super) use log::{frames_fit, verified};

/// Up to this size, in bytes, indexes are compared with their tables as well.
const WHOLE: u64 = 32 << 20;
/// How many of SQLite's instructions pass between two looks at the clock.
const INSTRUCTIONS: i32 = 10_000;
/// Extended codes for a file that is shorter or other than it has to be.
const SHORT_READ: i32 = 522;
const BAD_DATA: i32 = 8202;
const BAD_FILE_SYSTEM: i32 = 8458;

/// What a search for damage has found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Integrity {
    Intact,
    /// Nothing until the time was over.
    Incomplete,
    /// SQLite's description.
    Damaged(String),
}

/// Searches all pages for damage, at most this long.
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

/// Whether an error says that the file is damaged, and not that it is busy or full.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    error.sqlite_error().is_some_and(|error| {
        matches!(
            error.code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
        ) || matches!(error.extended_code, SHORT_READ | BAD_DATA | BAD_FILE_SYSTEM)
    })
}

/// The damage that is the cause of an error, if it is.
pub(super) fn cause(error: &anyhow::Error) -> Option<String> {
    let causes = error.chain().filter_map(|cause| cause.downcast_ref());
    let mut damage = causes.filter(|cause| is_damage(cause));
    damage.next().map(ToString::to_string)
}

/// The error as it is, or the sentence about damage where that is its cause.
pub(super) fn explained(path: &Path, error: anyhow::Error) -> anyhow::Error {
    match cause(&error) {
        Some(how) => damaged(path, &how).into(),
        None => error,
    }
}

/// What a damaged file means and what to do about it.
pub(super) fn damaged(path: &Path, how: &str) -> Unusable {
    Unusable::new(
        format!(
            "`{}` is damaged, or not a database of noticebot's ({how})",
            path.display()
        ),
        "nothing was changed in it; keep a copy of it with its `-wal` and `-shm`, then restore a back-up, recover what can be read, or start anew, as docs/OPERATIONS.md says under \"A damaged database\"",
    )
}

/// Keeps the log and its index when the connection is closed.
pub(super) fn keep_log(connection: &Connection) {
    // Where that fails, the log is emptied into the file as at every end.
    let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
}

/// What is missing in the log of a database that no process has open.
pub(super) fn lost_log(path: &Path) -> Option<String> {
    let name = log_of(path);
    let found = log::read(&name, u32::MAX).unwrap_or_default();
    let lost = match log::index(&index_of(path)) {
        Some(index) if index.frames > index.in_database => match found.salts {
            Some(salts) if salts == index.salts => index.frames.saturating_sub(found.committed),
            // The index is that of an earlier log.
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
