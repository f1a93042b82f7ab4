//! CPU time and memory of a process, from `/proc`.

use std::fs;

use anyhow::Context as _;

/// The unit of CPU times in `/proc/PID/stat`, the same on every Linux that Rust supports.
const TICKS_PER_SECOND: f64 = 100.0;
/// `/proc/PID/stat` has user and system time as its 14th and 15th field; two are before the end of the name.
const USER_TIME: usize = 14 - 3;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// User and system time since the process started.
    pub(crate) cpu_seconds: f64,
    /// Resident memory now, in MiB.
    pub(crate) rss_mib: f64,
    /// The most resident memory so far, in MiB.
    pub(crate) peak_mib: f64,
}

impl Usage {
    /// Reads it for a process id, or for `self`.
    pub(crate) fn of(process: &str) -> anyhow::Result<Self> {
        let read = |file| {
            let path = format!("/proc/{process}/{file}");
            fs::read_to_string(&path).with_context(|| format!("reading `{path}`"))
        };
        Self::parse(&read("stat")?, &read("status")?).context("reading what a process has used")
    }

    /// Both together.
    pub(crate) fn and(self, other: &Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            rss_mib: self.rss_mib + other.rss_mib,
            peak_mib: self.peak_mib + other.peak_mib,
        }
    }

    fn parse(stat: &str, status: &str) -> Option<Self> {
        // The name is in parentheses and may contain spaces.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut times = fields.split_whitespace().skip(USER_TIME);
        let mut ticks = || times.next()?.parse::<u32>().ok();
        let cpu_seconds = f64::from(ticks()? + ticks()?) / TICKS_PER_SECOND;
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kib: f64 = line.split_whitespace().next()?.parse().ok()?;
            Some(kib / 1024.0)
        };
        Some(Self {
            cpu_seconds,
            rss_mib: mib("VmRSS:")?,
            peak_mib: mib("VmHWM:")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_read() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 120 0 0 0 250 50 0 0 20 0 3 0 100 1 1";
        let status = "Name:\ta\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\n";
        let usage = Usage::parse(stat, status).unwrap();
        assert!((usage.cpu_seconds - 3.0).abs() < 1e-9);
        assert!((usage.rss_mib - 10.0).abs() < 1e-9 && (usage.peak_mib - 20.0).abs() < 1e-9);
        assert_eq!(Usage::parse("7 (a) S 1", status), None);
        assert_eq!(Usage::parse(stat, "Name:\ta\n"), None);
    }

    #[test]
    fn this_process_has_used_something() {
        assert!(Usage::of("self").unwrap().peak_mib > 0.0);
        assert!(Usage::of("0").is_err());
    }
}
