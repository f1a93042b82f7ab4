//! The formats of every release: `tests/data/releases` has a database and the JSON in it as each
//! release writes them, and today's code reads all of them.
//!
//! CONTRIBUTING.md says when the files change.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use feishu::{Clock, ExtraRoots};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::dump::{Texts, fixture, reads_payload};
use crate::config::DatabaseUrl;
use crate::model::change::State;
use crate::model::job::{ChatKey, JobKey, JobKind, Tenant};
use crate::model::outcome::Outcome;
use crate::model::progress::Progress;
use crate::model::settings::Setting;
use crate::reply::tests::every_outcome;
use crate::store::{
    AdminStore, AuditFilter, Bounds, Claim, Claimable, JobFilter, JobState, Release, Store,
    StoreOptions,
};
use crate::telemetry::Metrics;
use samples::at;

mod samples;

const APP: &str = "cli_release";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const CHANGELOG: &str = include_str!("../../CHANGELOG.md");
const DEFAULTS: &str = include_str!("../../config/default.toml");
/// Writes the files of this version, and the checksums of a release.
const WRITE: &str =
    "RELEASE_FIXTURES=write cargo test --lib --features postgres-tests admin::tests::fixtures";

/// The files of a release.
const KEYS: &str = "keys.txt";
const VALUES: &str = "values.jsonl";
const ROWS: &str = "rows.sql";
const SQLITE: &str = "sqlite.sql";
const POSTGRES: &str = "postgres.sql";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/releases")
}

/// The versions with files.
fn versions() -> BTreeSet<String> {
    let entries = fs::read_dir(folder()).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let names = folders.map(|entry| entry.file_name().into_string().unwrap());
    names.collect()
}

fn read(version: &str, name: &str) -> String {
    let path = folder().join(version).join(name);
    fs::read_to_string(&path).unwrap_or_default()
}

/// The versions that have a section in the changelog.
fn released() -> BTreeSet<&'static str> {
    let headings = CHANGELOG
        .lines()
        .filter_map(|line| line.strip_prefix("## ["));
    let names = headings.filter_map(|rest| rest.split(']').next());
    names.filter(|name| *name != "Unreleased").collect()
}

#[expect(clippy::disallowed_methods, reason = "not a setting of the bot")]
fn is_writing() -> bool {
    std::env::var("RELEASE_FIXTURES").is_ok_and(|value| value == "write")
}

/// Compares a file of this version with what the program writes, or writes it.
fn check(name: &str, now: &str) {
    if is_writing() && !released().contains(VERSION) {
        fs::create_dir_all(folder().join(VERSION)).unwrap();
        fs::write(folder().join(VERSION).join(name), now).unwrap();
    }
    let remedy = if released().contains(VERSION) {
        "a released format never changes: add a migration or a default, and raise the version"
    } else {
        WRITE
    };
    assert!(read(VERSION, name) == now, "{name} of {VERSION}: {remedy}");
}

/// The keys of the configuration, one per line.
fn keys() -> String {
    let defaults: toml::Table = toml::from_str(DEFAULTS).unwrap();
    let mut keys = String::new();
    for (section, values) in &defaults {
        for key in values.as_table().unwrap().keys() {
            let _ = writeln!(keys, "{section}.{key}");
        }
    }
    keys
}

fn line(name: &str, value: &impl Serialize) -> String {
    format!("{}\n", json!({ "of": name, "value": value }))
}

/// The values that the store holds as JSON, one per line.
fn values() -> String {
    let payloads = samples::payloads().into_iter().map(|(kind, payload)| {
        let payload: Value = serde_json::from_str(&payload).unwrap();
        line(&format!("payload of {}", kind.as_str()), &payload)
    });
    let progresses = samples::progresses();
    let progresses = progresses.iter().map(|progress| line("progress", progress));
    let outcomes = every_outcome();
    let outcomes = outcomes.iter().map(|outcome| line("outcome", outcome));
    let states = samples::states();
    let states = states.iter().map(|state| line("state", state));
    let lines = payloads.chain(progresses).chain(outcomes).chain(states);
    // The same refusal may be in several lists.
    let mut seen = BTreeSet::new();
    lines.filter(|line| seen.insert(line.clone())).collect()
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn json_of(value: &impl Serialize) -> String {
    quoted(&serde_json::to_string(value).unwrap())
}

fn job_key(origin: &str, kind: JobKind) -> JobKey {
    JobKey {
        tenant: Tenant::own(APP),
        origin: origin.to_owned(),
        kind,
    }
}

/// A job in a chat of the same number.
fn job_row(origin: &str, kind: JobKind, columns: &[(&str, String)]) -> String {
    let (names, values): (Vec<_>, Vec<_>) = columns.iter().cloned().unzip();
    let time = at(0).as_millisecond();
    format!(
        "INSERT INTO jobs (app, origin, kind, chat, reference, ordered_at, run_at, {})\n\
         VALUES ('{APP}', '{origin}', '{}', 'oc_{origin}', '{}', {time}, {time}, {});\n",
        names.join(", "),
        kind.as_str(),
        job_key(origin, kind).reference(),
        values.join(", "),
    )
}

/// Rows of every table, as statements for both databases.
fn rows() -> String {
    let mut rows = String::new();
    for (number, (kind, payload)) in samples::payloads().into_iter().enumerate() {
        let payload = ("payload", quoted(&payload));
        rows += &job_row(&format!("om_payload{number}"), kind, &[payload]);
    }
    let payload = || {
        let (_, payload) = samples::payloads().remove(0);
        ("payload", quoted(&payload))
    };
    for (number, progress) in samples::progresses().iter().enumerate() {
        let columns = [payload(), ("progress", json_of(progress))];
        rows += &job_row(&format!("om_progress{number}"), JobKind::Command, &columns);
    }
    for (number, outcome) in every_outcome().iter().enumerate() {
        let columns = [
            ("payload", quoted("")),
            ("state", quoted("done")),
            ("finished_at", at(1).as_millisecond().to_string()),
            ("outcome", json_of(outcome)),
        ];
        rows += &job_row(&format!("om_outcome{number}"), JobKind::Command, &columns);
    }
    let series = samples::payloads().into_iter();
    let (_, series) = series
        .rev()
        .find(|(kind, _)| *kind == JobKind::Publish)
        .unwrap();
    let columns = [
        ("payload", quoted(&series)),
        ("state", quoted("paused")),
        ("number", "1".to_owned()),
    ];
    rows += &job_row("om_paused", JobKind::Publish, &columns);
    for (number, state) in samples::states().iter().enumerate() {
        let (state, time) = (json_of(state), at(2).as_millisecond());
        let origin = format!("om_change{number}");
        let reference = job_key(&origin, JobKind::Command).reference();
        let _ = writeln!(
            rows,
            "INSERT INTO changes (app, chat, origin, job_kind, reference, made_at, actor, kind, result, \
             summary, before, after, place)\n\
             VALUES ('{APP}', 'oc_changes', '{origin}', 'command', '{reference}', {time}, 'ou_1', \
             'announce', 'done', 'dinner', {state}, {state}, 'both');"
        );
    }
    rows + OTHER_ROWS
}

const OTHER_ROWS: &str = "\
INSERT INTO limits (app, api, until) VALUES ('cli_release', 'reply', 1796090000000);
INSERT INTO answers (app, chat, actor, reason, sent_at) VALUES ('cli_release', 'oc_1', 'ou_1', 'by_mode', 1796083200000);
INSERT INTO announcements (app, chat, can_delete_text) VALUES ('cli_release', 'oc_1', true);
INSERT INTO settings (app, chat, name, value, changed_at) VALUES
('cli_release', 'oc_1', 'language', 'zh', 1796083200000),
('cli_release', 'oc_1', 'timezone', 'Europe/Berlin', 1796083200000),
('cli_release', 'oc_1', 'mode', 'admins', 1796083200000);
INSERT INTO tenants (app, tenant, first_seen_at, last_seen_at, changed_at) VALUES ('cli_release', '2ed2', 1796083200000, 1796083200000, 1796083200000);
";

/// A new database on each kind of server.
enum Place {
    Folder(TempDir),
    #[cfg(feature = "postgres-tests")]
    Server(test_servers::Database),
}

impl Place {
    fn in_folder() -> Self {
        Self::Folder(tempfile::tempdir().unwrap())
    }

    #[cfg(feature = "postgres-tests")]
    async fn on_server() -> Self {
        Self::Server(test_servers::Database::create().await.unwrap())
    }

    fn url(&self) -> DatabaseUrl {
        match self {
            Self::Folder(folder) => DatabaseUrl::Sqlite(folder.path().join("bot.db")),
            #[cfg(feature = "postgres-tests")]
            Self::Server(database) => DatabaseUrl::parse(&database.url()).unwrap(),
        }
    }

    async fn open(&self) -> (Store, crate::store::StoreTasks, AdminStore) {
        let (clock, _) = Clock::manual(at(60));
        let options = StoreOptions {
            url: self.url(),
            app: APP.to_owned(),
            bounds: Bounds {
                open: 10_000,
                open_of_chat: 100,
            },
            clock,
            connections: 5,
            extra_roots: ExtraRoots::default(),
            metrics: Metrics::new(),
            allow_network_file: false,
        };
        let (store, tasks) = Store::open(options).await.unwrap();
        let admin = AdminStore::open(&self.url(), &ExtraRoots::default()).await;
        (store, tasks, admin.unwrap())
    }

    /// Creates the database of a release.
    async fn load(&self, version: &str) {
        let rows = read(version, ROWS);
        match self {
            Self::Folder(folder) => {
                let path = folder.path().join("bot.db");
                let file = rusqlite::Connection::open(path).unwrap();
                file.execute_batch(&read(version, SQLITE)).unwrap();
                file.execute_batch(&rows).unwrap();
            }
            #[cfg(feature = "postgres-tests")]
            Self::Server(database) => {
                database.execute(&read(version, POSTGRES)).await.unwrap();
                let rows = format!("SET search_path = noticebot; {rows}");
                database.execute(&rows).await.unwrap();
            }
        }
    }
}

/// The statements that create today's tables.
async fn schema(place: &Place) -> String {
    let (store, tasks, mut admin) = place.open().await;
    let backup = tempfile::tempdir().unwrap();
    let path = backup.path().join("backup");
    admin.back_up(&path).await.unwrap();
    drop(store);
    tasks.close().await.unwrap();
    match place {
        Place::Folder(_) => {
            let file = rusqlite::Connection::open(path).unwrap();
            let version: u32 = file
                .pragma_query_value(None, "user_version", |row| row.get(0))
                .unwrap();
            let tables = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid";
            let mut tables = file.prepare(tables).unwrap();
            let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
            let tables = tables.map(|sql| sql.unwrap() + ";\n");
            let last = format!("PRAGMA user_version = {version};\n");
            tables.chain([last]).collect()
        }
        #[cfg(feature = "postgres-tests")]
        Place::Server(_) => {
            let script = fs::read_to_string(path).unwrap();
            let (schema, _) = script.split_once("\nCOPY ").unwrap();
            format!("{schema}\n")
        }
    }
}

/// Today's code reads everything in a database of each release.
async fn upgrade(version: &str, place: Place) {
    place.load(version).await;
    let (store, tasks, admin) = place.open().await;
    let filter = |states: &[JobState]| JobFilter {
        states: states.to_vec(),
        limit: 10_000,
        ..JobFilter::default()
    };
    let done = admin.jobs(APP, &filter(&[JobState::Done]), at(60)).await;
    for job in done.unwrap() {
        assert!(job.outcome.is_some(), "{version}: {job:?}");
        check_dump(version, &admin, job.id).await;
    }
    let ready = admin.jobs(APP, &filter(&[JobState::Ready]), at(60)).await;
    let ready = ready.unwrap();
    assert!(!ready.is_empty(), "{version}");
    for job in &ready {
        check_dump(version, &admin, job.id).await;
    }
    let mut claimed = 0;
    loop {
        match store.claim(Claimable::All).await.unwrap() {
            Claim::Job(job) => {
                let payload = serde_json::from_str(&job.payload).unwrap();
                let (kind, origin) = (job.key.kind, &job.key.origin);
                assert!(reads_payload(Some(kind), &payload), "{version}: {origin}");
                let has_progress = origin.starts_with("om_progress");
                assert_eq!(job.progress.is_some(), has_progress, "{version}: {origin}");
                store.release(&job, Release::Done).await.unwrap();
                claimed += 1;
            }
            Claim::Unreadable => panic!("{version}: a job cannot be read"),
            Claim::NothingUntil(_) => break,
        }
    }
    assert_eq!(claimed, ready.len(), "{version}");
    let chat = |chat: &str| ChatKey {
        tenant: Tenant::own(APP),
        chat: chat.to_owned(),
    };
    let changes = store.history(chat("oc_changes"), 100).await.unwrap();
    assert!(!changes.is_empty(), "{version}");
    for change in changes {
        assert!(change.change.is_some(), "{version}: {change:?}");
    }
    let schedules = store.schedules(chat("oc_om_paused")).await.unwrap();
    assert_eq!(schedules.len(), 1, "{version}");
    assert!(
        schedules
            .into_iter()
            .all(|row| crate::event::schedule(row).is_some())
    );
    let settings = admin.group_settings(&chat("oc_1")).await.unwrap();
    assert!(settings.get(Setting::Timezone).is_some(), "{version}");
    assert_eq!(store.limits().await.unwrap().len(), 1, "{version}");
    let filter = AuditFilter {
        tenant: None,
        chat: None,
        since: at(-100),
        after: 0,
        limit: 1000,
        with_text: true,
    };
    assert!(
        !admin.audit(APP, &filter).await.unwrap().is_empty(),
        "{version}"
    );
    drop(store);
    tasks.close().await.unwrap();
}

/// A dump without texts is still read, and has none of them.
async fn check_dump(version: &str, admin: &AdminStore, job: i64) {
    let record = admin.record(APP, &job.to_string(), at(60)).await.unwrap();
    let dumped = fixture(&record, Texts::Replaced).unwrap();
    let job = &dumped["job"];
    let kind = JobKind::from_column(&record.kind);
    let payload = &job["payload"];
    let is_erased = payload == "";
    assert!(
        is_erased || reads_payload(kind, payload),
        "{version}: {dumped:#}"
    );
    if !job["outcome"].is_null() {
        assert!(reads::<Outcome>(&job["outcome"]), "{version}: {dumped:#}");
    }
    if !job["progress"].is_null() {
        assert!(reads::<Progress>(&job["progress"]), "{version}: {dumped:#}");
    }
    let text = dumped.to_string();
    for secret in ["dinner", "Mei", "plan.pdf", "not today", "2ed263bf32cf1651"] {
        assert!(!text.contains(secret), "{secret} in {dumped:#}");
    }
}

fn reads<T: DeserializeOwned>(value: &Value) -> bool {
    serde_json::from_value::<T>(value.clone()).is_ok()
}

#[test]
fn values_of_every_release_are_read() {
    assert!(!versions().is_empty());
    for version in versions() {
        let lines = read(&version, VALUES);
        assert!(lines.lines().count() > 100, "{version}");
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            let value = &line["value"];
            let is_read = match line["of"].as_str().unwrap() {
                "progress" => reads::<Progress>(value),
                "outcome" => reads::<Outcome>(value),
                "state" => reads::<State>(value),
                payload => {
                    let kind = payload.strip_prefix("payload of ").unwrap();
                    reads_payload(JobKind::from_column(kind), value)
                }
            };
            assert!(is_read, "{version}: {line}");
        }
    }
}

#[test]
fn every_kind_of_job_has_a_sample() {
    let sampled = samples::payloads()
        .into_iter()
        .map(|(kind, _)| kind.as_str());
    let sampled: BTreeSet<&str> = sampled.collect();
    let all: BTreeSet<&str> = JobKind::all().map(JobKind::as_str).collect();
    assert_eq!(sampled, all);
}

#[tokio::test]
async fn fixtures_of_this_version_are_current() {
    check(KEYS, &keys());
    check(VALUES, &values());
    check(ROWS, &rows());
    check(SQLITE, &schema(&Place::in_folder()).await);
}

#[cfg(feature = "postgres-tests")]
#[tokio::test]
async fn fixtures_for_servers_are_current() {
    check(POSTGRES, &schema(&Place::on_server().await).await);
}

#[tokio::test]
async fn databases_of_every_release_are_upgraded() {
    for version in versions() {
        upgrade(&version, Place::in_folder()).await;
    }
}

#[cfg(feature = "postgres-tests")]
#[tokio::test]
async fn servers_of_every_release_are_upgraded() {
    for version in versions() {
        upgrade(&version, Place::on_server().await).await;
    }
}

/// The checksums of a release, in the form of `sha256sum`.
fn checksums(version: &str) -> String {
    let names = [KEYS, POSTGRES, ROWS, SQLITE, VALUES];
    let lines = names.map(|name| {
        let hash = Sha256::digest(read(version, name));
        let hash = hash.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        format!("{hash}  {version}/{name}\n")
    });
    lines.concat()
}

#[test]
fn fixtures_of_releases_never_change() {
    let path = folder().join("sha256sums.txt");
    let mut known = fs::read_to_string(&path).unwrap_or_default();
    let mut versions = versions();
    for version in released() {
        assert!(versions.remove(version), "{version} has no files: {WRITE}");
        let sums = checksums(version);
        let is_new = !known.contains(&format!("  {version}/"));
        if is_new && is_writing() {
            known += &sums;
            fs::write(&path, &known).unwrap();
        }
        assert!(
            !is_new || is_writing(),
            "{version} has no checksums: {WRITE}"
        );
        assert!(
            known.contains(&sums),
            "a file of release {version} has changed"
        );
    }
    versions.remove(VERSION);
    assert!(
        versions.is_empty(),
        "neither released nor next: {versions:?}"
    );
}
