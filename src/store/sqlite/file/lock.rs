//! The lock that lets one process at a time use a database.
//!
//! Two locks of flock(2): one on `FILE.lock`, which admins know, and one on the
//! database itself, which holds under every name that the file may get. SQLite's
//! own locks are of fcntl(2) and do not mind, but they end with any descriptor
//! of the database that this process closes: ours stays open as long as SQLite's.
//!
//! A network share may grant a lock to everybody. So each bot also writes a mark
//! into `FILE.lock` and reads it again: at once where the share is known as one,
//! and every second while it runs.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use rustix::fs::OFlags;

use super::Unusable;
use crate::store::sqlite::file::names::beside;

/// How long another bot gets to write its mark again: it looks every second.
const OTHERS_TURN: Duration = Duration::from_millis(2500);
/// A bot that finds another mark this often in a row stops.
const STRIKES: u32 = 2;
/// The longest mark that is read, in bytes.
const MARK: u64 = 200;

/// The right to use a database, until it is dropped.
pub(crate) struct Lock {
    path: PathBuf,
    mark: String,
    /// How often in a row another mark was found.
    strikes: u32,
    _file: File,
    _database: Option<File>,
}

impl Lock {
    /// Takes both locks, and makes the database if there is none. On a network file
    /// system the lock of the database is left out: there, flock is fcntl, and
    /// SQLite would be locked out as well.
    ///
    /// # Errors
    ///
    /// Says what to do when another process has the lock, or locks mean nothing.
    pub(crate) fn take(database: &Path, network: bool) -> anyhow::Result<Self> {
        let path = lock_of(database);
        let lock = own(&path)?;
        try_lock(&lock, database, &path)?;
        exclusive(&path)?;
        let database_lock = own(database)?;
        let database_lock = if network {
            None
        } else {
            try_lock(&database_lock, database, &path)?;
            Some(database_lock)
        };
        let mut lock = Self {
            mark: new_mark(),
            path,
            strikes: 0,
            _file: lock,
            _database: database_lock,
        };
        lock.sign(database, network)?;
        Ok(lock)
    }

    fn sign(&mut self, database: &Path, network: bool) -> anyhow::Result<()> {
        let before = read(&self.path).unwrap_or_default();
        write(&self.path, &self.mark)?;
        if network || may_live(&before, &self.mark) {
            std::thread::sleep(OTHERS_TURN);
            let now = read(&self.path)?;
            if now != self.mark {
                return Err(in_use(database, &now).into());
            }
        }
        Ok(())
    }

    /// Looks whether the mark is still this bot's, and writes it again if not.
    ///
    /// # Errors
    ///
    /// When another bot keeps writing its own.
    pub(crate) fn renew(&mut self) -> Result<(), Unusable> {
        let found = read(&self.path).unwrap_or_default();
        if found == self.mark {
            self.strikes = 0;
            return Ok(());
        }
        self.strikes += 1;
        tracing::error!(
            lock = %self.path.display(),
            "another process has written to the lock file: two bots may use one database"
        );
        if self.strikes >= STRIKES {
            let database = self.path.with_extension("");
            return Err(in_use(&database, &found));
        }
        // A disk that is full or read-only says so elsewhere.
        let _ = write(&self.path, &self.mark);
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // An empty lock file says that its last owner ended in order.
        if read(&self.path).is_ok_and(|found| found == self.mark) {
            let _ = write(&self.path, "");
        }
    }
}

/// Whether a bot holds the lock. Looks only at `FILE.lock` while it is held, as
/// closing the database would end the locks of this process on it.
pub(super) fn is_taken(database: &Path) -> bool {
    let taken = |path: &Path| {
        let file = OpenOptions::new().read(true).open(path);
        file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    };
    taken(&lock_of(database)) || taken(database)
}

fn lock_of(database: &Path) -> PathBuf {
    beside(database, ".lock")
}

/// Opens a file for its owner only, and makes it if there is none.
fn own(path: &Path) -> anyhow::Result<File> {
    #[expect(clippy::cast_possible_wrap, reason = "the flag is a small number")]
    let no_link = OFlags::NOFOLLOW.bits() as i32;
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(no_link)
        .open(path)
        .with_context(|| {
            format!(
                "opening `{}`: check that the bot's user may write there and that the disk has room",
                path.display()
            )
        })
}

fn try_lock(file: &File, database: &Path, lock: &Path) -> anyhow::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(error @ TryLockError::WouldBlock) => {
            let owner = read(lock).unwrap_or_default();
            Err(anyhow::Error::new(error).context(in_use(database, &owner)))
        }
        Err(TryLockError::Error(error)) => Err(Unusable::new(
            format!("`{}` cannot be locked ({error})", lock.display()),
            "set `NOTICEBOT_DATABASE_URL` to a file on a local disk",
        )
        .into()),
    }
}

/// A second descriptor must not get a lock that the first one holds.
fn exclusive(lock: &Path) -> anyhow::Result<()> {
    match own(lock)?.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(()),
        _ => Err(Unusable::new(
            format!(
                "the file system of `{}` grants its locks to everybody, so two bots could use one database",
                lock.display()
            ),
            "set `NOTICEBOT_DATABASE_URL` to a file on a local disk",
        )
        .into()),
    }
}

fn in_use(database: &Path, mark: &str) -> Unusable {
    let owner: Vec<&str> = mark.split(' ').collect();
    let who = match owner[..] {
        ["noticebot", _, _, process, host] => format!(" (process {process} on `{host}`)"),
        _ => String::new(),
    };
    Unusable::new(
        format!("another noticebot uses `{}`{who}", database.display()),
        "stop it, or give this one a database of its own with `NOTICEBOT_DATABASE_URL`",
    )
}

/// A random token, this start of the machine, the process and the host.
fn new_mark() -> String {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let host = rustix::system::uname();
    format!(
        "noticebot {:032x} {} {} {}",
        rand::random::<u128>(),
        boot.trim(),
        std::process::id(),
        host.nodename().to_string_lossy().replace(' ', "_")
    )
}

/// Whether the process that left this mark may still run. One of this start of the
/// machine and of this host is looked up; where it is gone, it was killed.
fn may_live(left: &str, ours: &str) -> bool {
    let parts = |mark: &str| mark.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (left, ours) = (parts(left), parts(ours));
    let [_, _, boot, process, host] = &left[..] else {
        // Nothing, or what no bot wrote.
        return false;
    };
    let here = ours.get(2) == Some(boot) && ours.get(4) == Some(host);
    let runs = || ours.get(3) != Some(process) && Path::new("/proc").join(process).exists();
    !here || runs()
}

/// Opened anew each time: a share shows what others have written only then.
fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MARK).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn write(path: &Path, mark: &str) -> io::Result<()> {
    std::fs::write(path, mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("bot.db");
        (folder, database)
    }

    fn refused(database: &Path) -> String {
        match Lock::take(database, false) {
            Ok(_) => panic!("the lock was granted twice"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_lock_is_granted_once_and_names_its_owner() {
        let (_folder, database) = database();
        let lock = Lock::take(&database, false).unwrap();
        assert!(is_taken(&database));
        let told = refused(&database);
        let process = format!("bot.db` (process {} on `", std::process::id());
        assert!(told.contains(&process), "{told}");
        drop(lock);
        assert!(!is_taken(&database));
        Lock::take(&database, false).unwrap();
    }

    #[test]
    fn the_database_is_locked_without_its_lock_file() {
        let (_folder, database) = database();
        let _lock = Lock::take(&database, false).unwrap();
        std::fs::remove_file(lock_of(&database)).unwrap();
        assert!(refused(&database).starts_with("another noticebot"));
        let other_name = database.with_file_name("other.db");
        std::fs::hard_link(&database, &other_name).unwrap();
        assert!(refused(&other_name).starts_with("another noticebot"));
    }

    #[test]
    fn a_foreign_mark_is_replaced_once_and_then_stops_the_bot() {
        let (_folder, database) = database();
        let mut lock = Lock::take(&database, false).unwrap();
        let path = lock_of(&database);
        lock.renew().unwrap();
        for round in ["one", "two"] {
            std::fs::write(&path, format!("noticebot {round} boot 7 elsewhere")).unwrap();
            lock.renew().unwrap();
            assert_eq!(read(&path).unwrap(), lock.mark);
            lock.renew().unwrap();
        }
        std::fs::write(&path, "noticebot a boot 7 elsewhere").unwrap();
        lock.renew().unwrap();
        std::fs::write(&path, "noticebot a boot 7 elsewhere").unwrap();
        let told = lock.renew().unwrap_err().to_string();
        assert!(told.contains("(process 7 on `elsewhere`)"), "{told}");
    }

    #[test]
    fn only_a_mark_of_a_dead_process_here_is_overruled_at_once() {
        let ours = "noticebot a boot 4194304 host";
        for (left, lives) in [
            ("", false),
            ("some note", false),
            ("noticebot b boot 4194304 host", false),
            ("noticebot b boot 4194303 host", false),
            ("noticebot b boot 1 host", true),
            ("noticebot b boot 4194303 elsewhere", true),
            ("noticebot b other 4194303 host", true),
        ] {
            assert_eq!(may_live(left, ours), lives, "{left}");
        }
    }

    #[test]
    fn an_orderly_end_leaves_no_mark() {
        let (_folder, database) = database();
        drop(Lock::take(&database, false).unwrap());
        assert_eq!(read(&lock_of(&database)).unwrap(), "");
    }
}
