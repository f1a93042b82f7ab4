//! The database as a file: opened, locked, watched, looked at.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use rusqlite::{Connection, TransactionBehavior};
use tokio::task::spawn_blocking;

use super::rows;

/// The file has one user; only an admin's shell may hold it up for a moment.
const BUSY: Duration = Duration::from_secs(1);
/// More than there are statements, so that each is prepared once.
const STATEMENTS: usize = 100;

/// The file that was opened, by its number.
pub(super) struct Watched {
    pub(super) path: PathBuf,
    device: u64,
    inode: u64,
}

impl Watched {
    pub(super) fn new(path: PathBuf) -> std::io::Result<Self> {
        let file = std::fs::metadata(&path)?;
        let (device, inode) = (file.dev(), file.ino());
        Ok(Self {
            path,
            device,
            inode,
        })
    }

    /// Whether the path still leads to that file. A deleted or replaced file
    /// can be written to for long, and all of it is lost.
    pub(super) fn is_there(&self) -> bool {
        std::fs::metadata(&self.path)
            .is_ok_and(|file| (file.dev(), file.ino()) == (self.device, self.inode))
    }
}

/// Closes the connection; the last one to close empties the log into the file.
pub(super) fn finish(connection: Connection) {
    if let Err((_, error)) = connection.close() {
        tracing::warn!(error = %error, "the store could not be closed");
    }
}

/// What can be said of a database without changing anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Inspected {
    /// There is none yet.
    Missing,
    /// A bot that runs uses it.
    InUse,
    /// Its tables are those of a later release.
    OfLater,
    /// It is there, and a write was tried and taken back.
    Writable,
}

/// Looks at a database: makes nothing, brings nothing up to date.
pub(crate) async fn inspect(path: PathBuf) -> anyhow::Result<Inspected> {
    spawn_blocking(move || look_at(&path)).await?
}

fn look_at(path: &Path) -> anyhow::Result<Inspected> {
    if !path.exists() {
        return Ok(Inspected::Missing);
    }
    if let Ok(lock) = File::open(lock_of(path))
        && lock.try_lock().is_err()
    {
        return Ok(Inspected::InUse);
    }
    let mut connection = connect(path)?;
    if rows::version(&connection)? > rows::LATEST {
        return Ok(Inspected::OfLater);
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    rows::probe(&transaction)?;
    transaction.rollback()?;
    finish(connection);
    Ok(Inspected::Writable)
}

/// Opens a file for writing, makes it if there is none, for its owner's eyes
/// only: it holds what people wrote.
pub(super) fn own(path: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(path)
        .with_context(|| {
            format!(
                "opening `{}`: check that its folder exists and that the bot's user may write there",
                path.display()
            )
        })
}

pub(in crate::store) fn connect(path: &Path) -> anyhow::Result<Connection> {
    let connect = || -> rusqlite::Result<Connection> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(connection)
    };
    connect().with_context(|| {
        format!(
            "opening the database `{}`: check that its folder exists, that its disk has room, that the bot's user may write there, and that it is a database of noticebot's",
            path.display()
        )
    })
}

fn lock_of(file: &Path) -> PathBuf {
    file.with_added_extension("lock")
}

pub(super) fn lock(file: &Path) -> anyhow::Result<File> {
    let lock = own(&lock_of(file))?;
    lock.try_lock().with_context(|| {
        format!(
            "another noticebot uses `{}`: stop it, or give this one a database of its own with `NOTICEBOT_DATABASE_URL`",
            file.display()
        )
    })?;
    Ok(lock)
}
