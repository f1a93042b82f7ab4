//! Tests for files: lock, folder, a single process.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use feishu::Clock;

use super::*;
use crate::model::grant::{Member, SealedTokens};
use crate::model::job::Tenant;
use crate::store::tests::{Bench, Place, claimed, job};
use crate::store::{Database, DatabaseUrl, StoreTasks};

fn database(place: &Place) -> PathBuf {
    match place.url() {
        DatabaseUrl::Sqlite(path) => path,
        DatabaseUrl::Postgres(_) => panic!("no file"),
    }
}

fn open_jobs(bench: &Bench) -> usize {
    match &bench.store.database {
        Database::Sqlite(store) => store.open_jobs(),
        Database::Postgres(_) => panic!("no file"),
    }
}

async fn refused(place: &Place, clock: &Clock) -> String {
    match place.open("cli_1", clock).await {
        Ok(_) => panic!("it was opened"),
        Err(error) => format!("{error:#}"),
    }
}

#[tokio::test]
async fn a_second_process_gets_a_remedy() {
    let bench = Bench::in_folder().await;
    let text = refused(&bench.place, &bench.clock).await;
    assert!(text.starts_with("another noticebot uses"), "{text}");
    assert!(text.contains("NOTICEBOT_DATABASE_URL"), "{text}");
}

#[tokio::test]
async fn an_inspection_changes_nothing() {
    let bench = Bench::in_folder().await;
    bench.accept("oc_1", "om_1").await;
    bench.claim().await.unwrap();
    let database = database(&bench.place);
    let look = async || inspect(database.clone(), false).await.unwrap().state;
    assert_eq!(look().await, FileState::InUse);
    let _place = bench.close().await;
    let before = std::fs::read(&database).unwrap();
    assert_eq!(look().await, FileState::Writable);
    assert_eq!(std::fs::read(&database).unwrap(), before);
    let mode = std::fs::metadata(&database).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_clean_close_leaves_one_file() {
    let bench = Bench::in_folder().await;
    bench.accept("oc_1", "om_1").await;
    let place = bench.close().await;
    let mut files: Vec<String> = std::fs::read_dir(database(&place).parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["bot.db", "bot.db.lock"]);
}

#[tokio::test]
async fn a_kill_frees_reserved_renewals() {
    let bench = Bench::in_folder().await;
    let member = Member {
        tenant: Tenant::own("cli_1"),
        person: "ou_1".into(),
    };
    let tokens = SealedTokens {
        access: "access".to_owned(),
        refresh: Some("refresh".to_owned()),
        access_expires_at: bench.clock.now(),
    };
    bench.store.save_grant(&member, &tokens).await.unwrap();
    let grant = bench.store.grant(&member).await.unwrap().unwrap();
    let reserve = async |bench: &Bench| {
        let time = Duration::from_secs(40);
        let reserved = bench.store.reserve_renewal(&member, grant.version, time);
        reserved.await.unwrap()
    };
    assert!(reserve(&bench).await);
    assert!(!reserve(&bench).await);
    let bench = bench.killed().await;
    assert!(reserve(&bench).await);
}

#[tokio::test]
async fn tables_of_a_newer_release_stay_unchanged() {
    let bench = Bench::in_folder().await;
    let clock = bench.clock.clone();
    let place = bench.close().await;
    place.execute("PRAGMA user_version = 99").await;
    let text = refused(&place, &clock).await;
    assert!(text.contains("newer noticebot"), "{text}");
}

#[tokio::test]
async fn changes_by_other_processes_are_noticed() {
    let bench = Bench::in_folder().await;
    bench.accept("oc_1", "om_1").await;
    let job = bench.claim().await.unwrap();
    bench
        .store
        .release(&job, crate::store::Release::Dead)
        .await
        .unwrap();
    assert_eq!(open_jobs(&bench), 0);
    let woken = bench.store.changed();
    bench
        .place
        .execute("UPDATE jobs SET state = 'ready', finished_at = NULL")
        .await;
    woken.await;
    let found_out = async {
        while open_jobs(&bench) != 1 {
            bench.store.changed().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found_out)
        .await
        .unwrap();
    assert!(bench.claim().await.is_some());
}

#[tokio::test]
async fn an_uncounted_job_does_not_fill_the_queue() {
    let bench = Bench::in_folder().await;
    bench.accept("oc_1", "om_1").await;
    let job = bench.claim().await.unwrap();
    bench.store.release(&job, Release::Dead).await.unwrap();
    // Requeued by an admin, and finished before the next recount.
    bench
        .place
        .execute("UPDATE jobs SET state = 'ready', finished_at = NULL")
        .await;
    let again = bench.claim().await.unwrap();
    bench.store.release(&again, Release::Done).await.unwrap();
    assert_eq!(open_jobs(&bench), 0);
    assert!(!bench.store.is_full());
    assert_eq!(bench.accept("oc_1", "om_2").await, Accepted::New);
    assert_eq!(open_jobs(&bench), 1);
}

/// Waits until the log has at most `to` bytes.
async fn shrinks(log: &std::path::Path, to: u64) {
    let length = || std::fs::metadata(log).unwrap().len();
    let shrunk = async {
        while length() > to {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let shrunk = tokio::time::timeout(Duration::from_secs(20), shrunk).await;
    assert!(shrunk.is_ok(), "{} bytes are left", length());
}

#[tokio::test]
async fn a_log_that_a_reader_held_shrinks_afterwards() {
    let bench = Bench::in_folder().await;
    let database = database(&bench.place);
    let log = file::names::log_of(&database);
    let length = || std::fs::metadata(&log).unwrap().len();
    let work = async |number: usize| {
        let mut new = job("oc_1", &format!("om_{number}"));
        new.payload = format!("{{\"text\":\"{}\"}}", "x".repeat(400_000));
        bench.store.accept(new).await.unwrap();
        let job = bench.claim().await.unwrap();
        bench.store.release(&job, Release::Done).await.unwrap();
    };
    let reader = rusqlite::Connection::open(&database).unwrap();
    reader.execute_batch("BEGIN").unwrap();
    let rows: i64 = reader
        .query_row("SELECT count(*) FROM jobs", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 0);
    for number in 0..100 {
        work(number).await;
    }
    // No checkpoint can complete while the reader is active.
    assert!(length() > 36 << 20, "{}", length());
    reader.execute_batch("COMMIT").unwrap();
    shrinks(&log, 0).await;
    // Without a reader it stays within its limit, even if checkpoints are slow.
    let mut longest = 0;
    for number in 100..350 {
        work(number).await;
        longest = longest.max(length());
    }
    assert!(longest <= 80 << 20, "{longest}");
    shrinks(&log, 0).await;
}

#[tokio::test]
async fn a_deleted_log_stops_the_store() {
    for addition in ["-wal", "-shm"] {
        let mut bench = Bench::in_folder().await;
        for number in 0..20 {
            bench.accept("oc_1", &format!("om_{number}")).await;
        }
        let missing = file::names::beside(&database(&bench.place), addition);
        std::fs::remove_file(&missing).unwrap();
        let refused = bench.store.accept(job("oc_1", "om_more")).await;
        assert!(refused.is_err(), "{addition}");
        let StoreTasks::Sqlite(running) = bench.running() else {
            panic!("no file")
        };
        let text = running.ended().await.to_string();
        let begin = format!("`{}` was moved, deleted", missing.display());
        assert!(text.starts_with(&begin), "{text}");
        // As after a kill: no accepted job is lost.
        let bench = bench.killed().await;
        assert_eq!(open_jobs(&bench), 20, "{addition}");
        assert_eq!(bench.accept("oc_1", "om_0").await, Accepted::Duplicate);
    }
}

#[tokio::test]
async fn a_panicking_writer_stops_the_store() {
    let place = Place::Folder(tempfile::tempdir().unwrap());
    let (clock, _) = Clock::manual(Timestamp::UNIX_EPOCH);
    let (store, mut running) = place.open("cli_1", &clock).await.unwrap();
    let Database::Sqlite(file) = &store.database else {
        panic!("no file");
    };
    let answer: Result<(), _> = file.request(|_| panic!("a fault in a statement")).await;
    assert!(matches!(answer, Err(StoreError::Closed)), "{answer:?}");
    let ended = format!("{:#}", running.ended().await);
    assert!(ended.contains("`writer` panicked"), "{ended}");
    assert!(matches!(store.probe().await, Err(StoreError::Closed)));
    drop(store);
    // The other thread ends cleanly with it.
    running.close().await.unwrap();
}

/// Overwrites a few bytes in place, so the inode stays the same.
fn overwrite(path: &std::path::Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    for byte in bytes.iter_mut().skip(at).take(4) {
        *byte ^= 0xff;
    }
    std::fs::write(path, bytes).unwrap();
}

/// Whether a job can be accepted, claimed and released.
async fn works(place: &Place, clock: &Clock) -> Result<(), String> {
    let opened = place.open("cli_1", clock).await;
    let (store, running) = opened.map_err(|error| format!("{error:#}"))?;
    for number in 0..3 {
        let accepted = store
            .accept(job("oc_new", &format!("om_new{number}")))
            .await;
        assert_eq!(accepted.unwrap(), Accepted::New);
        let claimed = claimed(&store).await.unwrap();
        assert_eq!(claimed.key.origin, format!("om_new{number}"));
        store.release(&claimed, Release::Done).await.unwrap();
    }
    drop(store);
    running.close().await.map_err(|error| format!("{error:#}"))
}

#[tokio::test]
async fn damaged_pages_are_refused_or_harmless() {
    let bench = Bench::in_folder().await;
    for number in 0..60 {
        let origin = format!("om_{number}");
        let mut new = job("oc_1", &origin);
        new.payload = format!("{{\"text\":\"{}\"}}", "x".repeat(1500));
        bench.store.accept(new).await.unwrap();
        let job = bench.claim().await.unwrap();
        let end = if number % 2 == 0 {
            Release::Done
        } else {
            Release::Dead
        };
        bench.store.release(&job, end).await.unwrap();
    }
    let clock = bench.clock.clone();
    let place = bench.close().await;
    let database = database(&place);
    let whole = std::fs::read(&database).unwrap();
    let pages = whole.len() / 4096;
    assert!(pages >= 24, "{pages}");
    let mut refused = 0;
    for page in 0..pages {
        for at in [0, 20, 100, 2048, 4000] {
            overwrite(&database, page * 4096 + at);
            if let Err(text) = works(&place, &clock).await {
                refused += 1;
                assert!(text.contains("bot.db"), "{page}, {at}: {text}");
            }
            for addition in ["-wal", "-shm"] {
                let _ = std::fs::remove_file(file::names::beside(&database, addition));
            }
            std::fs::write(&database, &whole).unwrap();
        }
    }
    assert!(refused >= pages, "{refused} of {pages}");
}

#[tokio::test]
async fn a_damaged_log_stops_the_store() {
    let mut bench = Bench::in_folder().await;
    for number in 0..20 {
        bench.accept("oc_1", &format!("om_{number}")).await;
    }
    let log = file::names::log_of(&database(&bench.place));
    overwrite(&log, 32 + 24 + 100);
    let StoreTasks::Sqlite(running) = bench.running() else {
        panic!("no file")
    };
    let text = running.ended().await.to_string();
    assert!(text.contains("committed pages of"), "{text}");
    let more = bench.store.accept(job("oc_1", "om_more")).await;
    assert!(more.is_err());
    // The files are kept unchanged, and rejected at the next start as well.
    let clock = bench.clock.clone();
    let place = bench.close().await;
    assert!(log.exists());
    let text = refused(&place, &clock).await;
    assert!(text.contains("committed pages of"), "{text}");
}
