//! Names of a database's files, and the error if they cannot be used.

use std::fmt;
use std::path::{Path, PathBuf};

/// Why a file cannot be used, and the remedy.
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

/// Appends a suffix to the database's name.
pub(crate) fn beside(database: &Path, addition: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(addition);
    name.into()
}

pub(crate) fn log_of(database: &Path) -> PathBuf {
    beside(database, "-wal")
}

pub(crate) fn index_of(database: &Path) -> PathBuf {
    beside(database, "-shm")
}

/// Files next to a database that must be writable like it.
pub(crate) fn companions(database: &Path) -> [PathBuf; 4] {
    ["-wal", "-shm", "-journal", ".lock"].map(|addition| beside(database, addition))
}
