//! The store: whether it can be written, and whether its disk has room.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use feishu::{ChatId, Clock, ExtraRoots};
use jiff::Timestamp;

use super::Report;
use crate::config::Config;
use crate::config::DatabaseUrl;
use crate::healthcheck::readiness;
use crate::model::job::{ChatKey, JobKind};
use crate::store::{
    self, AdminStore, DiskSpace, FileState, InspectedFile, InspectedServer, Integrity, JobFilter,
    Tables, Unusable,
};

const STORE: &str = "store";
const DISK: &str = "disk space";
const LOG: &str = "store log";
/// A write-ahead log that is longer, in bytes, should have been emptied.
const LONG_LOG: u64 = 64 << 20;
/// With less room than this, somebody should know.
const LITTLE: u64 = 256 << 20;
/// With less than this, the disk is as good as full.
const TOO_LITTLE: u64 = 64 << 20;

/// The last command is looked for among so many jobs: schedules are jobs as well.
const NEWEST: u32 = 100;

/// What the store remembers.
#[derive(Default)]
pub(super) struct Kept {
    admin: Option<AdminStore>,
    app: String,
    /// When the newest command came in.
    pub(super) last_command: Option<Timestamp>,
}

impl Kept {
    /// Where there is nothing to open yet, nothing is remembered.
    async fn new(config: &Config, url: &DatabaseUrl, roots: &ExtraRoots, clock: &Clock) -> Self {
        let app = config.feishu.app_id.clone();
        let admin = AdminStore::open(url, roots).await.ok();
        let mut last_command = None;
        if let Some(admin) = &admin {
            let newest = JobFilter {
                limit: NEWEST,
                ..JobFilter::default()
            };
            let jobs = admin.jobs(&app, &newest, clock.now()).await;
            let jobs = jobs.unwrap_or_default();
            let command = jobs
                .iter()
                .find(|job| job.kind == JobKind::Command.as_str());
            last_command = command.map(|job| job.ordered_at);
        }
        Self {
            admin,
            app,
            last_command,
        }
    }

    /// Whether text could be taken out of the chat's announcement the last time.
    pub(super) async fn can_delete_text(&self, chat: &ChatId) -> Option<bool> {
        let chat = ChatKey {
            app: self.app.clone(),
            chat: chat.to_string(),
        };
        self.admin.as_ref()?.can_delete_text(&chat).await.ok()?
    }
}

pub(super) async fn check(
    report: &mut Report,
    config: &Config,
    roots: &ExtraRoots,
    clock: &Clock,
) -> Kept {
    let url = config.store.database_url.url();
    match url {
        DatabaseUrl::Sqlite(path) => file(report, path, config).await,
        DatabaseUrl::Postgres(server) => {
            match store::inspect_server(server, &config.feishu.app_id, roots).await {
                Ok(seen) => database(report, &seen),
                Err(error) => report.bad(
                    STORE,
                    format!("the database cannot be used ({})", error.cause),
                    error.remedy,
                ),
            }
        }
    }
    Kept::new(config, url, roots, clock).await
}

async fn file(report: &mut Report, path: &Path, config: &Config) {
    let found = match store::resolve_file(path) {
        Ok(found) => found,
        Err(Unusable { what, remedy }) => return report.bad(STORE, what, remedy),
    };
    let folder = found.parent().unwrap_or(Path::new("/"));
    match store::disk_space(folder.to_path_buf()).await {
        Ok(DiskSpace::Full) => report.bad(
            DISK,
            format!(
                "the disk of `{}` is full, or what the bot's user may take of it",
                path.display()
            ),
            "make room, or set `NOTICEBOT_DATABASE_URL` to a file on another disk",
        ),
        Ok(DiskSpace::Available { free }) => {
            writable(report, path, config).await;
            space(report, free);
        }
        Err(error) => unwritable(report, path, &error.into()),
    }
}

async fn writable(report: &mut Report, path: &Path, config: &Config) {
    let allow_network = config.store.allow_network_file;
    match store::inspect_file(path.to_path_buf(), allow_network).await {
        Ok(seen) => {
            state(report, path, seen.state, config.server.listen).await;
            beside(report, path, &seen);
        }
        Err(error) => match error.downcast_ref::<Unusable>() {
            Some(Unusable { what, remedy }) => report.bad(STORE, what, remedy),
            None => unwritable(report, path, &error),
        },
    }
}

async fn state(report: &mut Report, path: &Path, state: FileState, listen: SocketAddr) {
    let file = path.display();
    match state {
        FileState::Writable => report.good(STORE, format!("`{file}` can be written")),
        // It alone knows whether it can write: to a file that was moved away or replaced, it does not.
        FileState::InUse => match readiness(listen).await {
            Ok((status, reason)) if !status.is_success() => report.bad(
                STORE,
                format!(
                    "`{file}` is in use by a noticebot that is not ready: {}",
                    reason.trim_end()
                ),
                "put back the file that it had when it was started, or stop the bot, see to its disk, and start it again",
            ),
            _ => report.good(
                STORE,
                format!("`{file}` is in use by a noticebot that runs"),
            ),
        },
        FileState::Missing => match readiness(listen).await {
            Ok((status, _)) if !status.is_success() => report.bad(
                STORE,
                format!("`{file}` is not there, and a noticebot that runs misses it"),
                "put it back (a deleted one can be copied from `/proc/PID/fd` of the bot while it runs), or stop the bot, restore a back-up, and start it again",
            ),
            _ => report.good(STORE, format!("`{file}` is made at the first start")),
        },
        FileState::Newer => report.bad(
            STORE,
            format!("`{file}` was made for a newer noticebot"),
            OF_LATER,
        ),
    }
}

/// The file system, the search for damage, and the log.
fn beside(report: &mut Report, path: &Path, seen: &InspectedFile) {
    if let Some(file_system) = &seen.network {
        report.note(
            STORE,
            format!("it is on a network file system ({file_system}), which `store.allow_network_file` allows: only one bot may use it"),
        );
    }
    if seen.state == FileState::Missing {
        return;
    }
    match seen.integrity {
        Integrity::Incomplete => report.hint(
            STORE,
            "it is large and was searched for damage in part",
            "search all of a back-up, with `sqlite3 BACKUP 'PRAGMA integrity_check'`",
        ),
        Integrity::Intact | Integrity::Damaged(_) => {}
    }
    let size = format!("`{}-wal` takes {} MiB", path.display(), seen.log >> 20);
    if seen.log > LONG_LOG {
        report.hint(
            LOG,
            size,
            "a back-up or a shell that reads keeps it from being emptied: let it end; `fuser FILE` names it",
        );
    } else {
        report.good(LOG, size);
    }
}

const MAKE_ROOM: &str = "make room: what is not written is not acknowledged, and comes late";
const OF_LATER: &str = "run that one, or restore a back-up from before";

fn unwritable(report: &mut Report, path: &Path, error: &anyhow::Error) {
    let readable = error.downcast_ref::<io::Error>().map(io::Error::kind);
    let remedy = match readable {
        Some(io::ErrorKind::ReadOnlyFilesystem) => {
            "it is on a read-only file system: mount a writable one there, or set `NOTICEBOT_DATABASE_URL` to a file on one"
        }
        _ => "see that its disk has room, and that it is a database of noticebot's",
    };
    report.bad(
        STORE,
        format!("`{}` cannot be written ({error:#})", path.display()),
        remedy,
    );
}

fn space(report: &mut Report, free: Option<u64>) {
    let Some(free) = free else {
        report.note(DISK, "the file system does not tell");
        return;
    };
    let left = format!("{} MiB are free", free >> 20);
    match free {
        ..TOO_LITTLE => report.bad(DISK, left, MAKE_ROOM),
        TOO_LITTLE..LITTLE => report.hint(DISK, left, MAKE_ROOM),
        _ => report.good(DISK, left),
    }
}

fn database(report: &mut Report, seen: &InspectedServer) {
    let InspectedServer {
        version,
        tables,
        read_only,
        shared_sessions,
        may_create,
        refused,
        bots,
        bytes,
    } = seen;
    let server = format!("PostgreSQL {version}");
    if *shared_sessions {
        let (what, remedy) = store::SHARED_SESSIONS;
        report.bad(STORE, what, remedy);
    } else if *read_only {
        report.bad(
            STORE,
            format!(
                "the database, on {server}, takes no changes: a standby, or set to be read only"
            ),
            "set `NOTICEBOT_DATABASE_URL` to the primary server",
        );
    } else if let Some(refused) = refused {
        report.bad(
            STORE,
            format!("the database, on {server}, takes no row ({refused})"),
            "grant the user all rights on the schema `noticebot` and its tables, and see that the server's disk has room",
        );
    } else {
        match tables {
            Tables::Fit => report.good(STORE, format!("the database, on {server}, can be written; bots of this app on it: {bots}")),
            Tables::Old => report.good(STORE, format!("the database, on {server}, is brought up to date at the next start; bots of this app on it: {bots}")),
            Tables::None if *may_create => {
                report.good(STORE, format!("the tables, on {server}, are made at the first start"));
            }
            Tables::None => report.bad(
                STORE,
                format!("the tables are not there, and the user may not make them in the database, on {server}"),
                "grant it the right: `GRANT CREATE ON DATABASE … TO …`",
            ),
            Tables::New => report.bad(STORE, format!("the tables, on {server}, were made for a newer noticebot"), OF_LATER),
        }
    }
    report.note(
        DISK,
        format!(
            "the database takes {} MiB; how much its server has left, it does not tell",
            bytes >> 20
        ),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_with_little_room_is_noted_and_one_with_too_little_is_as_good_as_full() {
        for (free, sign) in [
            (Some(63), "✗"),
            (Some(64), "!"),
            (Some(255), "!"),
            (Some(256), "✓"),
            (None, "!"),
        ] {
            let mut report = Report::default();
            space(&mut report, free.map(|mebibytes| mebibytes << 20));
            let told = report.to_string();
            assert!(told.starts_with(&format!("{sign} disk space: ")), "{told}");
        }
    }
}
