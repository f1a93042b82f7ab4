use std::fs;
use std::path::PathBuf;

use rusqlite::params;
use tempfile::TempDir;

use super::*;
use crate::store::sqlite::file;

const PAGE: usize = 4096;

/// A database of several pages with a table and an index.
fn database(rows: u32) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bot.db");
    let connection = file::connect(&path).unwrap();
    connection
        .execute_batch(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT); CREATE INDEX i ON t (text)",
        )
        .unwrap();
    insert(&connection, rows);
    file::finish(connection);
    (folder, path)
}

fn insert(connection: &Connection, rows: u32) {
    for row in 0..rows {
        let text = format!("{row} {}", "x".repeat(100));
        connection
            .execute("INSERT INTO t (text) VALUES (?1)", params![text])
            .unwrap();
    }
}

/// A database after a kill, with a log of this many commits.
fn killed(commits: u32) -> (TempDir, PathBuf) {
    let (living, path) = database(10);
    let connection = file::connect(&path).unwrap();
    insert(&connection, commits);
    let folder = tempfile::tempdir().unwrap();
    for addition in ["", "-wal", "-shm"] {
        let name = format!("bot.db{addition}");
        fs::copy(living.path().join(&name), folder.path().join(&name)).unwrap();
    }
    drop(connection);
    let path = folder.path().join("bot.db");
    (folder, path)
}

fn examined(path: &Path, limit: Duration) -> Integrity {
    let mut connection = Connection::open(path).unwrap();
    match check_integrity(&mut connection, limit) {
        Ok(found) => found,
        Err(error) if is_damage(&error) => Integrity::Damaged(error.to_string()),
        Err(error) => panic!("{error}"),
    }
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0xff;
    fs::write(path, bytes).unwrap();
}

#[test]
fn an_intact_file_is_intact() {
    let (_folder, path) = database(200);
    assert_eq!(examined(&path, LIMIT), Integrity::Intact);
}

const LIMIT: Duration = Duration::from_mins(1);

#[test]
fn an_integrity_check_ends_in_time() {
    let (_folder, path) = database(2000);
    assert_eq!(examined(&path, Duration::ZERO), Integrity::Incomplete);
}

#[test]
fn damaged_pages_are_found() {
    let (_folder, path) = database(200);
    let pages = fs::read(&path).unwrap().len() / PAGE;
    assert!(pages > 10, "{pages}");
    let whole = fs::read(&path).unwrap();
    // The first bytes of a page have its type and size.
    for page in 0..pages {
        for at in [0, 3, 5] {
            flip(&path, page * PAGE + at);
            let found = examined(&path, LIMIT);
            assert!(matches!(found, Integrity::Damaged(_)), "{page}: {found:?}");
            fs::write(&path, &whole).unwrap();
        }
    }
}

#[test]
fn a_shortened_file_is_found() {
    let (_folder, path) = database(200);
    let length = fs::metadata(&path).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    for cut in [1, 4096, 5000, length - 100, length - 5000] {
        file.set_len(length - cut).unwrap();
        assert!(
            matches!(examined(&path, LIMIT), Integrity::Damaged(_)),
            "{cut}"
        );
    }
}

#[test]
fn a_log_after_a_kill_is_intact() {
    for commits in [0, 1, 50] {
        let (_folder, path) = killed(commits);
        assert_eq!(lost_log(&path), None, "{commits}");
    }
    let (_folder, path) = database(1);
    assert_eq!(lost_log(&path), None);
}

#[test]
fn an_incomplete_transaction_is_not_damage() {
    let (_folder, path) = killed(50);
    let log = log_of(&path);
    let mut bytes = fs::read(&log).unwrap();
    let frame = bytes[32..32 + 24 + PAGE].to_vec();
    bytes.extend(&frame);
    bytes.extend(&frame[..100]);
    fs::write(&log, bytes).unwrap();
    assert_eq!(lost_log(&path), None);
}

#[test]
fn every_damaged_frame_of_a_log_is_found() {
    let (_folder, path) = killed(30);
    let log = log_of(&path);
    let length = fs::read(&log).unwrap().len();
    let frame = 24 + PAGE;
    assert!(lost_log(&path).is_none());
    let frames = (length - 32) / frame;
    for number in 0..frames {
        for at in [2, 5, 9, 17, 24, 2000, frame - 1] {
            let at = 32 + number * frame + at;
            flip(&log, at);
            assert!(lost_log(&path).is_some(), "frame {number}, byte {at}");
            flip(&log, at);
        }
    }
    for at in 0..32 {
        flip(&log, at);
        // The checkpoint number is unused, but included in the checksum.
        assert!(lost_log(&path).is_some(), "header, byte {at}");
        flip(&log, at);
    }
    assert_eq!(lost_log(&path), None);
}

#[test]
fn a_shortened_or_missing_log_is_found() {
    let (_folder, path) = killed(30);
    let log = log_of(&path);
    let whole = fs::read(&log).unwrap();
    for length in [0, 10, 32, 5000, whole.len() / 2, whole.len() - 1] {
        fs::write(&log, &whole[..length]).unwrap();
        assert!(lost_log(&path).is_some(), "{length}");
    }
    fs::remove_file(&log).unwrap();
    assert!(lost_log(&path).is_some());
}

#[test]
fn earlier_damage_is_found_without_an_index() {
    let (_folder, path) = killed(30);
    fs::remove_file(index_of(&path)).unwrap();
    let log = log_of(&path);
    assert_eq!(lost_log(&path), None);
    flip(&log, 32 + 24 + 100);
    assert!(lost_log(&path).is_some());
    flip(&log, 32 + 24 + 100);
    // A power failure may damage the last one, which was not acknowledged.
    let length = fs::read(&log).unwrap().len();
    flip(&log, length - 100);
    assert_eq!(lost_log(&path), None);
}

#[test]
fn a_truncated_log_is_intact() {
    let (folder, path) = database(10);
    let connection = file::connect(&path).unwrap();
    insert(&connection, 30);
    for how in ["PASSIVE", "RESTART", "TRUNCATE"] {
        let sql = format!("PRAGMA wal_checkpoint({how})");
        connection.query_row(&sql, [], |_| Ok(())).unwrap();
        let copy = tempfile::tempdir().unwrap();
        for addition in ["", "-wal", "-shm"] {
            let name = format!("bot.db{addition}");
            fs::copy(folder.path().join(&name), copy.path().join(&name)).unwrap();
        }
        assert_eq!(lost_log(&copy.path().join("bot.db")), None, "{how}");
    }
}
