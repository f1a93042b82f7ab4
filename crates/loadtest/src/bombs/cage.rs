//! A control group that bounds the bot's memory, where this machine lets one be made.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::fleet::Crew;

/// The group, until this is dropped.
#[derive(Debug)]
pub(super) struct Cage {
    folder: Option<PathBuf>,
    mib: u32,
}

/// Where groups are made: the second version's folder, then the first one's.
const PARENTS: [(&str, &str); 3] = [
    ("/sys/fs/cgroup", "memory.max"),
    ("/sys/fs/cgroup/unified", "memory.max"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
];

impl Cage {
    /// Makes a group with so much memory, if that can be done here.
    pub(super) fn new(mib: u32) -> Self {
        let name = format!("noticebot-bombs-{}", std::process::id());
        let bytes = u64::from(mib) * 1024 * 1024;
        let made = PARENTS.iter().find_map(|(parent, limit)| {
            let folder = Path::new(parent).join(&name);
            fs::create_dir(&folder).ok()?;
            let limit = folder.join(limit);
            // A folder that is no group of this kind has no such file.
            if limit.exists() && fs::write(&limit, bytes.to_string()).is_ok() {
                return Some(folder);
            }
            fs::remove_dir(&folder).ok();
            None
        });
        Self { folder: made, mib }
    }

    /// Moves the bots into the group.
    pub(super) fn hold(&self, crew: &Crew) -> anyhow::Result<()> {
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        for running in &crew.0 {
            fs::write(folder.join("cgroup.procs"), running.process().to_string())
                .context("moving the bot into a control group")?;
        }
        Ok(())
    }
}

impl fmt::Display for Cage {
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

impl Drop for Cage {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            fs::remove_dir(folder).ok();
        }
    }
}
