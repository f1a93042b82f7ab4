//! DiskSpace on the disk on which the file is.

use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use tokio::task::spawn_blocking;

/// So much is written to see whether it can be: more than a bot writes in a minute.
const TRIAL: usize = 1 << 20;

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiskSpace {
    /// Something was written and taken away again. So many bytes are free; `None` where the file
    /// system does not tell.
    Available { free: Option<u64> },
    /// The disk is full, or what the user or the process may take of it.
    Full,
}

/// Looks whether the folder's disk has room.
///
/// # Errors
///
/// When nothing can be written there for another reason.
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

/// Writes a file that has no name and is gone with this process, whatever ends it.
fn try_to_write(folder: &Path) -> io::Result<()> {
    let mut file = tempfile::tempfile_in(folder)?;
    // Zeros might take no room.
    let mut bytes = vec![0; TRIAL];
    rand::fill(&mut bytes[..]);
    file.write_all(&bytes)?;
    file.sync_all()
}

fn free(folder: &Path) -> Option<u64> {
    let file_system = rustix::fs::statvfs(folder).ok()?;
    file_system.f_bavail.checked_mul(file_system.f_frsize)
}
