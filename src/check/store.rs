//! Checks that the store is writable and its disk has space.

use std::io;
use std::net::SocketAddr;
use std::path::Path;

use feishu::{ChatId, Clock, ExtraRoots, TenantKey};
use jiff::Timestamp;

use super::Report;
use crate::config::Config;
use crate::config::DatabaseUrl;
use crate::healthcheck::readiness;
use crate::model::grant::{Grant, Member};
use crate::model::job::{ChatKey, JobKind, Tenant};
use crate::model::panel::MadeCommand;
use crate::model::settings::{GroupSettings, SettingValue};
use crate::model::tenant::TenantRow;
use crate::store::{
    self, AdminStore, DiskSpace, FileState, InspectedFile, InspectedServer, Integrity, JobFilter,
    Tables, Unusable,
};

const STORE: &str = "store";
const DISK: &str = "disk space";
const LOG: &str = "store log";
// In bytes.
const LARGE_LOG: u64 = 64 << 20;
const LOW_SPACE: u64 = 256 << 20;
const NO_SPACE: u64 = 64 << 20;

/// The number of jobs that are searched for the last command. Schedules are jobs, too.
const NEWEST: u32 = 100;

#[derive(Default)]
pub(super) struct StoreFacts {
    admin: Option<AdminStore>,
    app: String,
    /// When the last command was received.
    pub(super) last_command: Option<Timestamp>,
    /// How many bots of the app use the store now.
    pub(super) running: usize,
}

impl StoreFacts {
    /// Empty if the store does not exist yet.
    pub(super) async fn new(
        config: &Config,
        url: &DatabaseUrl,
        roots: &ExtraRoots,
        clock: &Clock,
    ) -> Self {
        let app = config.feishu.app_id.clone();
        let admin = AdminStore::open(url, roots).await.ok();
        let newest = JobFilter {
            limit: NEWEST,
            ..JobFilter::default()
        };
        let jobs = match &admin {
            Some(admin) => admin.jobs(&app, &newest, clock.now()).await,
            None => Ok(Vec::new()),
        };
        let mut jobs = jobs.unwrap_or_default().into_iter();
        let command = jobs.find(|job| job.kind == JobKind::Command.as_str());
        Self {
            admin,
            app,
            last_command: command.map(|job| job.ordered_at),
            running: 0,
        }
    }

    /// The encrypted tickets of a store app.
    pub(super) async fn tickets(&self, now: Timestamp) -> Vec<(String, Timestamp)> {
        match &self.admin {
            Some(admin) => admin.tickets(&self.app, now).await.unwrap_or_default(),
            None => Vec::new(),
        }
    }

    /// The tenants of a store app.
    pub(super) async fn tenants(&self) -> Vec<TenantRow> {
        match &self.admin {
            Some(admin) => admin.tenants(&self.app).await.unwrap_or_default(),
            None => Vec::new(),
        }
    }

    /// The grants of members; `None` if they cannot be read.
    pub(super) async fn grants(&self) -> Option<Vec<(Member, Grant)>> {
        match &self.admin {
            Some(admin) => admin.grants(&self.app).await.ok(),
            None => Some(Vec::new()),
        }
    }

    /// What the bot has made in the `/` panel.
    pub(super) async fn made_commands(&self, tenant: &TenantKey) -> Vec<MadeCommand> {
        let tenant = Tenant {
            app: self.app.clone(),
            key: tenant.clone(),
        };
        match &self.admin {
            Some(admin) => admin.made_commands(&tenant).await.unwrap_or_default(),
            None => Vec::new(),
        }
    }

    /// Whether the last deletion of text from the chat's announcement succeeded.
    pub(super) async fn can_delete_text(&self, tenant: &TenantKey, chat: &ChatId) -> Option<bool> {
        let chat = self.chat_key(tenant, chat);
        self.admin.as_ref()?.can_delete_text(&chat).await.ok()?
    }

    /// What a group has set for itself; nothing if it cannot be read.
    pub(super) async fn group_settings(&self, tenant: &TenantKey, chat: &ChatId) -> GroupSettings {
        let chat = self.chat_key(tenant, chat);
        match &self.admin {
            Some(admin) => admin.group_settings(&chat).await.unwrap_or_default(),
            None => GroupSettings::default(),
        }
    }

    /// Whether any group has set this value.
    pub(super) async fn is_set(&self, value: &SettingValue) -> bool {
        match &self.admin {
            Some(admin) => admin.is_set(&self.app, value).await.unwrap_or_default(),
            None => false,
        }
    }

    fn chat_key(&self, tenant: &TenantKey, chat: &ChatId) -> ChatKey {
        ChatKey {
            tenant: Tenant {
                app: self.app.clone(),
                key: tenant.clone(),
            },
            chat: chat.to_string(),
        }
    }
}

pub(super) async fn check(
    report: &mut Report,
    config: &Config,
    roots: &ExtraRoots,
    clock: &Clock,
) -> StoreFacts {
    let url = config.store.database_url.url();
    let running = match url {
        DatabaseUrl::Sqlite(path) => file(report, path, config).await,
        DatabaseUrl::Postgres(server) => {
            match store::inspect_server(server, &config.feishu.app_id, roots).await {
                Ok(seen) => {
                    database(report, &seen);
                    usize::try_from(seen.bots).unwrap_or_default()
                }
                Err(error) => {
                    let text = format!("cannot use the database ({})", error.cause);
                    report.bad(STORE, text, error.remedy);
                    0
                }
            }
        }
    };
    StoreFacts {
        running,
        ..StoreFacts::new(config, url, roots, clock).await
    }
}

/// Returns how many bots use the file.
async fn file(report: &mut Report, path: &Path, config: &Config) -> usize {
    let found = match store::resolve_file(path) {
        Ok(found) => found,
        Err(Unusable { what, remedy }) => {
            report.bad(STORE, what, remedy);
            return 0;
        }
    };
    let mut running = 0;
    let folder = found.parent().unwrap_or(Path::new("/"));
    match store::disk_space(folder.to_path_buf()).await {
        Ok(DiskSpace::Full) => report.bad(
            DISK,
            format!(
                "the disk of `{}` is full, or the quota of the bot's user is used up",
                path.display()
            ),
            "free some space, or set `NOTICEBOT_DATABASE_URL` to a file on another disk",
        ),
        Ok(DiskSpace::Available { free }) => {
            running = writable(report, path, config).await;
            space(report, free);
        }
        Err(error) => unwritable(report, path, &error.into()),
    }
    running
}

/// Returns how many bots use the file.
async fn writable(report: &mut Report, path: &Path, config: &Config) -> usize {
    let allow_network = config.store.allow_network_file;
    match store::inspect_file(path.to_path_buf(), allow_network).await {
        Ok(seen) => {
            state(report, path, seen.state, config.server.listen).await;
            file_details(report, path, &seen);
            usize::from(seen.state == FileState::InUse)
        }
        Err(error) => {
            match error.downcast_ref::<Unusable>() {
                Some(Unusable { what, remedy }) => report.bad(STORE, what, remedy),
                None => unwritable(report, path, &error),
            }
            0
        }
    }
}

async fn state(report: &mut Report, path: &Path, state: FileState, listen: SocketAddr) {
    let file = path.display();
    // Only a running bot knows whether it can write: its file may have been moved or replaced.
    let unready = match state {
        FileState::InUse | FileState::Missing => readiness(listen).await.ok(),
        FileState::Writable | FileState::Newer => None,
    };
    let unready = unready.filter(|(status, _)| !status.is_success());
    match (state, unready) {
        (FileState::Writable, _) => report.good(STORE, format!("`{file}` is writable")),
        (FileState::InUse, None) => {
            report.good(STORE, format!("`{file}` is in use by a running noticebot"));
        }
        (FileState::InUse, Some((_, reason))) => report.bad(
            STORE,
            format!("`{file}` is in use by a noticebot that is not ready: {}", reason.trim_end()),
            "restore the file that the bot had when it started, or stop the bot, check its disk, and start it again",
        ),
        (FileState::Missing, None) => {
            report.good(STORE, format!("`{file}` will be created at the first start"));
        }
        (FileState::Missing, Some(_)) => report.bad(
            STORE,
            format!("`{file}` is missing, and a running noticebot needs it"),
            "restore it (a deleted file can be copied from `/proc/PID/fd` while the bot runs), or stop the bot, restore a backup, and start it again",
        ),
        (FileState::Newer, _) => report.bad(
            STORE,
            format!("`{file}` was written by a newer noticebot"),
            USE_NEWER,
        ),
    }
}

fn file_details(report: &mut Report, path: &Path, seen: &InspectedFile) {
    if let Some(file_system) = &seen.network {
        report.note(
            STORE,
            format!("the file is on a network file system ({file_system}), which `store.allow_network_file` allows; only one bot may use it"),
        );
    }
    if seen.state == FileState::Missing {
        return;
    }
    if seen.integrity == Integrity::Incomplete {
        report.hint(
            STORE,
            "the file is large, so only a part was checked for corruption",
            "check all of a backup with `sqlite3 BACKUP 'PRAGMA integrity_check'`",
        );
    }
    let size = format!("`{}-wal` has {} MiB", path.display(), seen.log >> 20);
    if seen.log > LARGE_LOG {
        report.hint(
            LOG,
            size,
            "a backup or a shell that reads the database keeps the log from being truncated: end it; `fuser FILE` shows its process",
        );
    } else {
        report.good(LOG, size);
    }
}

const FREE_SPACE: &str = "free some space: the bot does not acknowledge events that it cannot write, so they are delayed";
const USE_NEWER: &str = "run that version, or restore an earlier backup";

fn unwritable(report: &mut Report, path: &Path, error: &anyhow::Error) {
    let readable = error.downcast_ref::<io::Error>().map(io::Error::kind);
    let remedy = match readable {
        Some(io::ErrorKind::ReadOnlyFilesystem) => {
            "the file system is read-only: mount it writable, or set `NOTICEBOT_DATABASE_URL` to a file on another one"
        }
        _ => "check that its disk has space, and that it is a database of noticebot",
    };
    report.bad(
        STORE,
        format!("could not write `{}` ({error:#})", path.display()),
        remedy,
    );
}

fn space(report: &mut Report, free: Option<u64>) {
    let Some(free) = free else {
        report.note(DISK, "the file system does not report it");
        return;
    };
    let text = format!("{} MiB free", free >> 20);
    match free {
        ..NO_SPACE => report.bad(DISK, text, FREE_SPACE),
        NO_SPACE..LOW_SPACE => report.hint(DISK, text, FREE_SPACE),
        _ => report.good(DISK, text),
    }
}

fn database(report: &mut Report, seen: &InspectedServer) {
    let server = format!("PostgreSQL {}", seen.version);
    let bots = seen.bots;
    match (&seen.refused, seen.tables) {
        _ if seen.shared_sessions => {
            let (what, remedy) = store::SHARED_SESSIONS;
            report.bad(STORE, what, remedy);
        }
        _ if seen.read_only => report.bad(
            STORE,
            format!("the database on {server} is read-only, for example a standby"),
            "set `NOTICEBOT_DATABASE_URL` to the primary server",
        ),
        (Some(error), _) => report.bad(
            STORE,
            format!("the database on {server} rejects new rows ({error})"),
            "grant the user all privileges on the schema `noticebot` and its tables, and check that the server's disk has space",
        ),
        (None, Tables::Fit) => report.good(
            STORE,
            format!("the database on {server} is writable; bots of this app on it: {bots}"),
        ),
        (None, Tables::Old) => report.good(
            STORE,
            format!("the database on {server} will be migrated at the next start; bots of this app on it: {bots}"),
        ),
        (None, Tables::None) if seen.may_create => report.good(
            STORE,
            format!("the tables on {server} will be created at the first start"),
        ),
        (None, Tables::None) => report.bad(
            STORE,
            format!("the tables on {server} do not exist, and the user cannot create them"),
            "grant the privilege: `GRANT CREATE ON DATABASE … TO …`",
        ),
        (None, Tables::New) => report.bad(
            STORE,
            format!("the tables on {server} were created by a newer noticebot"),
            USE_NEWER,
        ),
    }
    let size = seen.bytes >> 20;
    report.note(
        DISK,
        format!("the database has {size} MiB; the server does not report its free space"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_disk_space_is_a_note() {
        for (free, sign) in [
            (Some(63), "✗"),
            (Some(64), "!"),
            (Some(255), "!"),
            (Some(256), "✓"),
            (None, "!"),
        ] {
            let mut report = Report::default();
            space(&mut report, free.map(|mebibytes| mebibytes << 20));
            let text = report.to_string();
            assert!(text.starts_with(&format!("{sign} disk space: ")), "{text}");
        }
    }
}
