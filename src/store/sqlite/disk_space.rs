//! Free disk space for the database file.

use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

/// Bytes written as a test: more than a bot writes in a minute.
const TRIAL: usize = 1 << 20;

/// Result of a test write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiskSpace {
    /// The write succeeded. `free` is in bytes; `None` if the file system does not report it.
    Available { free: Option<u64> },
    /// The disk is full, or a quota or limit of the user or process is reached.
    Full,
}

/// Writes a temporary file to the folder to test for free space.
pub(crate) async fn disk_space(folder: PathBuf) -> io::Result<DiskSpace> {
    spawn_blocking(move || look_at(&folder)).await?
}

fn look_at(folder: &Path) -> io::Result<DiskSpace> {
    match try_to_write(folder) {
        Ok(()) => Ok(DiskSpace::Available { free: free(folder) }),
        Err(error) => match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Ok(DiskSpace::Full)
            }
            _ => Err(error),
        },
    }
}

/// The file has no name and disappears with this process.
fn try_to_write(folder: &Path) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(folder)?;
    // A file system may store zeros without using space.
    let mut bytes = vec![0; TRIAL];
    rand::fill(&mut bytes[..]);
    file.write_all(&bytes)?;
    file.sync_all()
}

fn free(folder: &Path) -> Option<u64> {
    let file_system = rustix::fs::statvfs(folder).ok()?;
    file_system.f_bavail.checked_mul(file_system.f_frsize)
}
