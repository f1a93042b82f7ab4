//! A program that ends with this process, and its folder with it.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

/// How long a program may take to start.
const START: Duration = Duration::from_secs(30);
/// How often it is asked whether it has.
const GLANCE: Duration = Duration::from_millis(20);

/// The shell waits for the end of its standard input, which comes when this process ends, even by
/// SIGKILL; then it ends the program and takes its folder away.
const SCRIPT: &str = r#"
folder=$1
signal=$2
shift 2
"$@" >"$folder/log" 2>&1 </dev/null &
program=$!
cat >/dev/null
kill -CONT "$program" 2>/dev/null
kill "-$signal" "$program" 2>/dev/null
wait "$program"
rm -rf "$folder"
"#;

/// A folder for a program, and whom it runs as.
#[derive(Debug)]
pub(super) struct Home {
    folder: TempDir,
    user: Option<User>,
}

/// A program does not run as root.
#[derive(Debug, Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

/// A program that runs.
#[derive(Debug)]
pub(super) struct Guard {
    folder: PathBuf,
    shell: Child,
}

impl Home {
    pub(super) fn make() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("test-servers-").tempdir()?;
        let user = user(folder.path())?;
        if let Some(User { uid, gid }) = user {
            chown(folder.path(), Some(uid), Some(gid))?;
        }
        Ok(Self { folder, user })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a command as the owner of the folder.
    pub(super) fn as_user(&self, mut command: Command) -> Command {
        if let Some(User { uid, gid }) = self.user {
            command.uid(uid).gid(gid);
        }
        // Ctrl-C must not end it before it has cleaned up.
        command.process_group(0).current_dir("/");
        command
    }

    /// Writes a file that only its owner reads.
    pub(super) fn write(&self, name: &str, text: &str) -> anyhow::Result<()> {
        let path = self.path().join(name);
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        file?.write_all(text.as_bytes())?;
        if let Some(User { uid, gid }) = self.user {
            chown(path, Some(uid), Some(gid))?;
        }
        Ok(())
    }
}

impl Guard {
    /// Starts a program with its arguments, which ends at once when it is sent that signal.
    pub(super) fn start(home: Home, program: &Command, signal: &str) -> anyhow::Result<Self> {
        let mut shell = home.as_user(Command::new("sh"));
        shell
            .args([OsStr::new("-c"), OsStr::new(SCRIPT), OsStr::new("sh")])
            .arg(home.path())
            .arg(signal)
            .arg(program.get_program())
            .args(program.get_args())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // From here on the shell takes the folder away.
        let folder = home.folder.keep();
        let shell = shell.spawn().context("starting a server")?;
        Ok(Self { folder, shell })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Waits until the program has started.
    pub(super) fn wait_until(&mut self, has_started: impl Fn() -> bool) -> anyhow::Result<()> {
        let begun = Instant::now();
        while !has_started() {
            if begun.elapsed() > START || self.shell.try_wait()?.is_some() {
                let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                bail!("the server did not start:\n{log}");
            }
            std::thread::sleep(GLANCE);
        }
        Ok(())
    }
}

impl Drop for Guard {
    /// Not only when the process ends: a test may start several.
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Nobody else if this process may run a server itself.
fn user(folder: &Path) -> anyhow::Result<Option<User>> {
    // What this process makes belongs to whom it runs as.
    if fs::metadata(folder)?.uid() != 0 {
        return Ok(None);
    }
    let known = fs::read_to_string("/etc/passwd")?;
    let named = |name: &str| {
        let line = known.lines().find(|line| line.starts_with(name))?;
        let mut fields = line.split(':').skip(2).map_while(|id| id.parse().ok());
        Some(User {
            uid: fields.next()?,
            gid: fields.next()?,
        })
    };
    let user = named("postgres:").or_else(|| named("nobody:"));
    Ok(Some(user.context(
        "a server does not run as root, and neither `postgres` nor `nobody` is known here",
    )?))
}
