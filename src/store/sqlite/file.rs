//! The database file: finding, locking, opening, watching and inspecting it.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};
use tokio::task::spawn_blocking;

use super::damage::{self, Integrity};
use super::{migrate, queue};
use crate::store::sqlite::file::names::{index_of, log_of};

mod access;
mod lock;
pub(crate) mod names;

pub(crate) use names::Unusable;
mod network;

pub(crate) use access::resolve;
pub(super) use lock::Lock;

/// Only an admin's shell may hold a lock on the file for a moment.
pub(super) const BUSY: Duration = Duration::from_secs(1);
/// Larger than the number of statements, so that each is prepared once.
const STATEMENTS: usize = 100;
/// In bytes: a longer log file is truncated to this when the log is reset.
const LOG_LIMIT: u64 = 64 << 20;
/// Time limits of the integrity check at start, and of `check`.
const START_LOOK: Duration = Duration::from_secs(2);
pub(super) const LONG_LOOK: Duration = Duration::from_secs(10);

/// The open files and their inodes.
pub(super) struct FileIdentity {
    pub(super) path: PathBuf,
    files: [(PathBuf, Option<Number>); 3],
}

/// Device and inode.
type Number = (u64, u64);

impl FileIdentity {
    /// Records database, log and index; all exist once a connection is open.
    pub(super) fn new(path: PathBuf) -> Self {
        let files = [path.clone(), log_of(&path), index_of(&path)].map(|file| {
            let number = number(&file);
            (file, number)
        });
        Self { path, files }
    }

    /// The first file that was moved, deleted or replaced. SQLite continues to write to such a
    /// file, and everything written is lost.
    pub(super) fn missing(&self) -> Option<&Path> {
        let missing = |(file, known): &&(PathBuf, Option<Number>)| number(file) != *known;
        self.files.iter().find(missing).map(|(file, _)| &**file)
    }
}

pub(super) fn missing_file(missing: &Path) -> String {
    format!(
        "`{}` was moved, deleted or replaced: restore it; a deleted database can be copied from `/proc/{}/fd` while the bot runs, and is lost when it stops",
        missing.display(),
        std::process::id()
    )
}

/// The error for a missing log or index once the database contains all committed data.
pub(super) fn without_log(missing: &Path, path: &Path) -> Unusable {
    Unusable::new(
        format!(
            "`{}` was moved, deleted or replaced while the bot ran; nothing is lost, because `{}` contains all data",
            missing.display(),
            path.display()
        ),
        "start the bot again, and do not remove this file while it runs",
    )
}

fn number(file: &Path) -> Option<Number> {
    let found = std::fs::metadata(file).ok()?;
    Some((found.dev(), found.ino()))
}

/// Closes the connection; closing the last one checkpoints the log.
pub(super) fn finish(connection: Connection) {
    if let Err((_, error)) = connection.close() {
        tracing::warn!(error = %error, "could not close the store");
    }
}

/// Rejects network file systems unless they are allowed; returns whether the file is on one.
pub(super) fn on_network(file: &Path, allowed: bool) -> anyhow::Result<bool> {
    let Some(file_system) = network_file_system(file)? else {
        return Ok(false);
    };
    if !allowed {
        return Err(network::refused(file, &file_system).into());
    }
    tracing::warn!(
        file_system,
        "the database is on a network file system: use it from one bot only; a lost connection may damage it"
    );
    Ok(true)
}

fn network_file_system(file: &Path) -> anyhow::Result<Option<String>> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    network::file_system(folder)
        .with_context(|| format!("reading the file system type of `{}`", folder.display()))
}

/// Opens a locked database and checks its integrity.
pub(super) fn connect_sound(path: &Path) -> anyhow::Result<Connection> {
    if let Some(lost) = damage::lost_log(path) {
        return Err(damage::damaged(path, &lost).into());
    }
    let connect = || -> anyhow::Result<_> {
        let mut connection = connect(path)?;
        let found = damage::check_integrity(&mut connection, START_LOOK)?;
        Ok((connection, found))
    };
    let (connection, found) = connect().map_err(|error| damage::explained(path, error))?;
    match found {
        Integrity::Intact => {}
        Integrity::Incomplete => tracing::warn!(
            "the integrity check of the large database was incomplete: `noticebot check` takes more time for it"
        ),
        Integrity::Damaged(how) => {
            damage::keep_log(&connection);
            return Err(damage::damaged(path, &how).into());
        }
    }
    Ok(connection)
}

/// What an inspection found, without changing anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct InspectedFile {
    pub(crate) state: FileState,
    pub(crate) integrity: Integrity,
    /// The name of the network file system, if it is on one.
    pub(crate) network: Option<String>,
    /// Size of the log in bytes.
    pub(crate) log: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileState {
    /// It does not exist yet.
    Missing,
    /// A running bot uses it.
    InUse,
    Newer,
    /// A write succeeded and was rolled back.
    Writable,
}

/// Inspects a database without creating or migrating it. Fails with [`Unusable`] if the reason is
/// known.
pub(crate) async fn inspect(path: PathBuf, allow_network: bool) -> anyhow::Result<InspectedFile> {
    spawn_blocking(move || look_at(&path, allow_network)).await?
}

fn look_at(path: &Path, allow_network: bool) -> anyhow::Result<InspectedFile> {
    let path = &resolve(path)?;
    let network = network_file_system(path)?;
    if let Some(file_system) = network.as_ref().filter(|_| !allow_network) {
        return Err(network::refused(path, file_system).into());
    }
    let mut inspected = InspectedFile {
        state: FileState::Missing,
        integrity: Integrity::Intact,
        network,
        log: std::fs::metadata(log_of(path)).map_or(0, |log| log.len()),
    };
    if !path.exists() {
        return Ok(inspected);
    }
    let in_use = lock::is_taken(path);
    if !in_use && let Some(lost) = damage::lost_log(path) {
        return Err(damage::damaged(path, &lost).into());
    }
    let look = || -> anyhow::Result<_> {
        let mut connection = connect(path)?;
        let integrity = damage::check_integrity(&mut connection, LONG_LOOK)?;
        if matches!(integrity, Integrity::Damaged(_)) {
            damage::keep_log(&connection);
            return Ok((FileState::InUse, integrity));
        }
        let state = if in_use {
            FileState::InUse
        } else {
            try_to_write(&mut connection)?
        };
        finish(connection);
        Ok((state, integrity))
    };
    let (state, integrity) = look().map_err(|error| damage::explained(path, error))?;
    if let Integrity::Damaged(how) = &integrity {
        return Err(damage::damaged(path, how).into());
    }
    inspected.state = state;
    inspected.integrity = integrity;
    Ok(inspected)
}

fn try_to_write(connection: &mut Connection) -> anyhow::Result<FileState> {
    if migrate::version(connection)? > migrate::LATEST {
        return Ok(FileState::Newer);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    queue::probe(&transaction)?;
    transaction.rollback()?;
    Ok(FileState::Writable)
}

pub(in crate::store) fn connect(path: &Path) -> anyhow::Result<Connection> {
    let connect = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // Otherwise SQLite plans statements on tables with partial indexes anew whenever a parameter
        // changes, which takes longer than most of them run.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", LOG_LIMIT)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(connection)
    };
    connect().with_context(|| {
        format!(
            "opening the database `{}`: check that its disk has free space and that it is a noticebot database",
            path.display()
        )
    })
}
