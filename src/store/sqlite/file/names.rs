//! The files of a database, and why they cannot be used.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a file cannot be used, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) what: String,
    pub(crate) remedy: String,
}

impl Unusable {
    pub(crate) fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (what, remedy) = (what.into(), remedy.into());
        Self { what, remedy }
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.remedy)
    }
}

impl std::error::Error for Unusable {}

/// The file beside a database with this addition to its name.
pub(crate) fn beside(database: &Path, addition: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(addition);
    name.into()
}

/// SQLite's write-ahead log.
pub(crate) fn log_of(database: &Path) -> PathBuf {
    beside(database, "-wal")
}

/// The index of the log, shared between processes.
pub(crate) fn index_of(database: &Path) -> PathBuf {
    beside(database, "-shm")
}

/// What stands beside a database and has to be writable like it.
pub(crate) fn companions(database: &Path) -> [PathBuf; 4] {
    ["-wal", "-shm", "-journal", ".lock"].map(|addition| beside(database, addition))
}
