//! The lock that gives one process at a time access to a database.
//!
//! There are two flock(2) locks: one on `FILE.lock`, which admins know, and one on the database
//! itself, which holds under any name of the file. SQLite's own fcntl(2) locks do not conflict with
//! them, but they end when this process closes any descriptor of the database: ours stays open as
//! long as SQLite's.
//!
//! A network share may grant a lock to every machine. So each bot also writes a mark into
//! `FILE.lock` and reads it again: at once if the share is known as one, and every second while it
//! runs.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use rustix::fs::OFlags;

use super::Unusable;
use crate::store::sqlite::file::names::beside;

/// Another bot has this long to write its mark again: it checks every second.
const OTHERS_TURN: Duration = Duration::from_millis(2500);
/// A bot that finds a foreign mark this often in a row stops.
const STRIKES: u32 = 2;
/// Maximum length in bytes.
const MARK: u64 = 200;

/// Exclusive access to a database until it is dropped.
pub(crate) struct Lock {
    path: PathBuf,
    mark: String,
    /// How often in a row a foreign mark was found.
    strikes: u32,
    _file: File,
    _database: Option<File>,
}

impl Lock {
    /// Acquires both locks, and creates the database if there is none. On a network file system,
    /// where flock is fcntl, the database itself is not locked, because that would lock SQLite out
    /// as well.
    pub(crate) fn acquire(database: &Path, network: bool) -> anyhow::Result<Self> {
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

    /// Checks that the mark is still this bot's, and writes it again if not.
    pub(crate) fn renew(&mut self) -> Result<(), Unusable> {
        let found = read(&self.path).unwrap_or_default();
        if found == self.mark {
            self.strikes = 0;
            return Ok(());
        }
        self.strikes += 1;
        tracing::error!(
            lock = %self.path.display(),
            "another process wrote to the lock file: two bots may be using one database"
        );
        if self.strikes >= STRIKES {
            let database = self.path.with_extension("");
            return Err(in_use(&database, &found));
        }
        // A full or read-only disk is reported elsewhere.
        let _ = write(&self.path, &self.mark);
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // An empty lock file means that its last owner stopped cleanly.
        if read(&self.path).is_ok_and(|found| found == self.mark) {
            let _ = write(&self.path, "");
        }
    }
}

/// Whether a bot holds the lock. The database is opened only if `FILE.lock` is free, because
/// closing it would end this process's own locks on it.
pub(super) fn is_taken(database: &Path) -> bool {
    let is_locked = |path: &Path| {
        let file = OpenOptions::new().read(true).open(path);
        file.is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    };
    is_locked(&lock_of(database)) || is_locked(database)
}

fn lock_of(database: &Path) -> PathBuf {
    beside(database, ".lock")
}

/// Opens a file with mode 0600; creates it if necessary.
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
                "opening `{}`: check that the bot's user can write there and that the disk has free space",
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

/// Checks that a second descriptor cannot acquire the lock.
fn exclusive(lock: &Path) -> anyhow::Result<()> {
    match own(lock)?.try_lock() {
        Err(TryLockError::WouldBlock) => Ok(()),
        _ => Err(Unusable::new(
            format!(
                "the file system of `{}` grants one lock several times, so two bots could use one database",
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
        "stop it, or set `NOTICEBOT_DATABASE_URL` to another database",
    )
}

/// A random token, the boot id, the process and the host.
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

/// Whether the process that left this mark may still run. For the same boot and host, the process
/// is looked up; if it is gone, it was killed.
fn may_live(left: &str, ours: &str) -> bool {
    let parts = |mark: &str| mark.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let (left, ours) = (parts(left), parts(ours));
    let [_, _, boot, process, host] = &left[..] else {
        // Empty, or not written by a bot.
        return false;
    };
    let here = ours.get(2) == Some(boot) && ours.get(4) == Some(host);
    let runs = || ours.get(3) != Some(process) && Path::new("/proc").join(process).exists();
    !here || runs()
}

/// Opens the file each time: only then does a share show what others have written.
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
        match Lock::acquire(database, false) {
            Ok(_) => panic!("the lock was granted twice"),
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn a_lock_is_granted_once() {
        let (_folder, database) = database();
        let lock = Lock::acquire(&database, false).unwrap();
        assert!(is_taken(&database));
        let error = refused(&database);
        let process = format!("bot.db` (process {} on `", std::process::id());
        assert!(error.contains(&process), "{error}");
        drop(lock);
        assert!(!is_taken(&database));
        Lock::acquire(&database, false).unwrap();
    }

    #[test]
    fn the_database_is_locked_without_its_lock_file() {
        let (_folder, database) = database();
        let _lock = Lock::acquire(&database, false).unwrap();
        std::fs::remove_file(lock_of(&database)).unwrap();
        assert!(refused(&database).starts_with("another noticebot"));
        let other_name = database.with_file_name("other.db");
        std::fs::hard_link(&database, &other_name).unwrap();
        assert!(refused(&other_name).starts_with("another noticebot"));
    }

    #[test]
    fn repeated_foreign_marks_stop_the_bot() {
        let (_folder, database) = database();
        let mut lock = Lock::acquire(&database, false).unwrap();
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
        let error = lock.renew().unwrap_err().to_string();
        assert!(error.contains("(process 7 on `elsewhere`)"), "{error}");
    }

    #[test]
    fn only_marks_of_dead_local_processes_are_replaced() {
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
    fn a_clean_stop_leaves_no_mark() {
        let (_folder, database) = database();
        drop(Lock::acquire(&database, false).unwrap());
        assert_eq!(read(&lock_of(&database)).unwrap(), "");
    }
}
