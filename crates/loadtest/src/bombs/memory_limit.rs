//! A control group that limits the memory of the bot, if this machine allows one.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::fleet::Replicas;

/// The control group; deleted on drop.
#[derive(Debug)]
pub(super) struct MemoryLimit {
    folder: Option<PathBuf>,
    mib: u32,
}

/// The folders of control groups of version 2, then 1, with the file of the limit.
const PARENTS: [(&str, &str); 3] = [
    ("/sys/fs/cgroup", "memory.max"),
    ("/sys/fs/cgroup/unified", "memory.max"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
];

impl MemoryLimit {
    /// Creates the group if possible.
    pub(super) fn new(mib: u32) -> Self {
        let name = format!("noticebot-bombs-{}", std::process::id());
        let bytes = u64::from(mib) * 1024 * 1024;
        let made = PARENTS.iter().find_map(|(parent, limit)| {
            let folder = Path::new(parent).join(&name);
            fs::create_dir(&folder).ok()?;
            let limit = folder.join(limit);
            // A folder of another kind has no such file.
            if limit.exists() && fs::write(&limit, bytes.to_string()).is_ok() {
                return Some(folder);
            }
            fs::remove_dir(&folder).ok();
            None
        });
        Self { folder: made, mib }
    }

    /// Moves the bots into the group.
    pub(super) fn apply(&self, replicas: &Replicas) -> anyhow::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        for running in &replicas.0 {
            fs::write(folder.join("cgroup.procs"), running.process().to_string())
                .context("moving the bot into a control group")?;
        }
        Ok(())
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.folder {
            Some(folder) => write!(f, "{} MiB, {}", self.mib, folder.display()),
            None => write!(
                f,
                "{} MiB, compared with VmHWM (no control groups)",
                self.mib
            ),
        }
    }
}

impl Drop for MemoryLimit {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            fs::remove_dir(folder).ok();
        }
    }
}
