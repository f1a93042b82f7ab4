//! A database file as real processes meet it: rights, names, damage.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use feishu_sim::Simulator;
use tempfile::TempDir;
use tokio::process::Command;

use crate::process::{Ended, Serving, end, listening, on, platform, serve};

/// The user of the container image.
const NOBODY: u32 = 65532;

/// The command, run by that user where this process may; else by this one.
fn as_other_user(command: &Command) -> Command {
    let std = command.as_std();
    let mut other = Command::new("setpriv");
    other
        .args(["--reuid", "65532", "--regid", "65532", "--clear-groups"])
        .arg(std.get_program())
        .args(std.get_args())
        .env_clear()
        .envs(
            std.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .kill_on_drop(true);
    if let Some(folder) = std.get_current_dir() {
        other.current_dir(folder);
    }
    other
}

/// Takes the rights on a file from the user who runs the bot: root leaves it to
/// itself, others take them from themselves.
fn close(path: &Path, is_root: bool) {
    if !path.exists() {
        std::fs::write(path, "").unwrap();
    }
    let mode = if is_root { 0o644 } else { 0o400 };
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[tokio::test]
async fn files_of_another_user_are_named_with_the_remedy() {
    let sim = platform().await;
    for name in [
        "data/bot.db",
        "data/bot.db-wal",
        "data/bot.db-shm",
        "data/bot.db.lock",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let is_root = folder.path().metadata().unwrap().uid() == 0;
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        if is_root {
            std::os::unix::fs::chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let closed = folder.path().join(name);
        close(&closed, is_root);
        let closed = closed.canonicalize().unwrap();
        let command = if is_root {
            format!("chown 65532:65532 {}", closed.display())
        } else {
            format!("chmod u+rwX {}", closed.display())
        };
        for verb in ["serve", "check"] {
            let mut bot = on(&sim, &folder, &[verb]);
            bot.env("NOTICEBOT_DATABASE_URL", "sqlite://data/bot.db");
            let Ended { code, out, err } =
                end(if is_root { as_other_user(&bot) } else { bot }).await;
            let told = format!("{out}{err}");
            assert_eq!(code, Some(1), "{name}: {told}");
            assert!(told.contains(&command), "{name}: {told}");
            let owner = format!("`{}` (owner uid ", closed.display());
            assert!(told.contains(&owner), "{name}: {told}");
            assert!(!told.contains("✓ store"), "{name}: {told}");
            let bad = out.lines().filter(|line| line.starts_with('✗')).count();
            assert_eq!(bad, usize::from(verb == "check"), "{name}: {out}");
        }
    }
}

#[tokio::test]
async fn a_second_bot_is_refused_under_every_name() {
    let sim = platform().await;
    let folder = tempfile::tempdir().unwrap();
    let bot = serve(&sim, &folder).await;
    let at = |name: &str| folder.path().join(name);
    symlink("noticebot.db", at("link.db")).unwrap();
    symlink(folder.path(), at("here")).unwrap();
    std::fs::copy(at("noticebot.db"), at("copy.db")).unwrap();
    std::fs::hard_link(at("copy.db"), at("second.db")).unwrap();
    for (name, words) in [
        ("noticebot.db", "another noticebot uses"),
        ("./noticebot.db", "another noticebot uses"),
        ("link.db", "another noticebot uses"),
        ("here/noticebot.db", "another noticebot uses"),
        ("here/here/link.db", "another noticebot uses"),
        ("second.db", "has 2 names (hard links)"),
    ] {
        let mut second = on(&sim, &folder, &["serve"]);
        second.env("NOTICEBOT_DATABASE_URL", format!("sqlite://{name}"));
        let ended = end(second).await;
        assert_eq!(ended.code, Some(1), "{name}: {}", ended.err);
        assert!(ended.err.contains(words), "{name}: {}", ended.err);
    }
    std::fs::remove_file(at("noticebot.db.lock")).unwrap();
    let ended = end(on(&sim, &folder, &["serve"])).await;
    assert!(
        ended.err.contains("another noticebot uses"),
        "{}",
        ended.err
    );
    drop(bot);
}

/// A bot that has a few tables and rows, and its database.
async fn damaged_while_it_runs(
    sim: &Simulator,
    folder: &TempDir,
    damage: impl FnOnce(&TempDir),
) -> Ended {
    let mut command = on(sim, folder, &["serve"]);
    command.env("NOTICEBOT_LOG_FORMAT", "text");
    let Serving {
        mut child, mut log, ..
    } = listening(command).await;
    damage(folder);
    let mut err = String::new();
    let reading = async {
        while let Some(line) = log.next_line().await.unwrap() {
            err.push_str(&line);
            err.push('\n');
        }
        child.wait().await.unwrap()
    };
    let ended = tokio::time::timeout(Duration::from_secs(30), reading);
    let Ok(status) = ended.await else {
        panic!("it goes on")
    };
    Ended {
        code: status.code(),
        out: String::new(),
        err,
    }
}

fn overwrite(folder: &TempDir, name: &str, at: usize) {
    let path = folder.path().join(name);
    let mut bytes = std::fs::read(&path).unwrap();
    let end = bytes.len().min(at + 16);
    bytes[at..end].fill(0xa5);
    // Written in place: the inode stays.
    std::fs::write(&path, bytes).unwrap();
}

#[tokio::test]
async fn damage_while_the_bot_runs_ends_it_with_1() {
    let sim = platform().await;
    let folder = tempfile::tempdir().unwrap();
    // The first start makes the tables, the stop moves them into the file.
    for _ in 0..2 {
        let mut bot = serve(&sim, &folder).await;
        let pid = bot.child.id().unwrap().to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .unwrap();
        bot.child.wait().await.unwrap();
    }
    let whole = folder.path().join("noticebot.db");
    let whole = std::fs::read(&whole).unwrap();
    let shorten = |folder: &TempDir| {
        let mut file = std::fs::OpenOptions::new();
        let file = file.write(true).open(folder.path().join("noticebot.db"));
        file.unwrap().set_len(5000).unwrap();
    };
    let damages: [&dyn Fn(&TempDir); 3] = [
        &|folder| overwrite(folder, "noticebot.db", 4096),
        &|folder| overwrite(folder, "noticebot.db", 3 * 4096),
        &shorten,
    ];
    for damage in damages {
        let ended = damaged_while_it_runs(&sim, &folder, damage).await;
        assert_eq!(ended.code, Some(1), "{}", ended.err);
        assert!(
            ended.err.contains("noticebot.db` is damaged"),
            "{}",
            ended.err
        );
        // Nor does it start again.
        for verb in ["serve", "check"] {
            let again = end(on(&sim, &folder, &[verb])).await;
            let told = format!("{}{}", again.out, again.err);
            assert_eq!(again.code, Some(1), "{told}");
            assert!(told.contains("is damaged"), "{told}");
        }
        for name in ["noticebot.db-wal", "noticebot.db-shm"] {
            let _ = std::fs::remove_file(folder.path().join(name));
        }
        std::fs::write(folder.path().join("noticebot.db"), &whole).unwrap();
    }
}
