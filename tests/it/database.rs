//! A database file as real processes meet it: rights, names, damage.

use std::fs::Permissions;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::time::Duration;

use feishu_sim::{ChatSpec, MessageId, Simulator, State};
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

/// What the command prints to stdout, and all that it prints, where it ends with 1. It runs as the
/// bot's user if this process may choose.
async fn refused_as_user(bot: Command, is_root: bool, name: &str) -> (String, String) {
    let Ended { code, out, err } = end(if is_root { as_other_user(&bot) } else { bot }).await;
    let shown = format!("{out}{err}");
    assert_eq!(code, Some(1), "{name}: {shown}");
    (out, shown)
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
async fn other_users_files_are_named_with_the_remedy() {
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
            let (out, shown) = refused_as_user(bot, is_root, name).await;
            assert!(shown.contains(&command), "{name}: {shown}");
            let owner = format!("`{}` (owner uid ", closed.display());
            assert!(shown.contains(&owner), "{name}: {shown}");
            assert!(!shown.contains("✓ store"), "{name}: {shown}");
            let bad = out.lines().filter(|line| line.starts_with('✗')).count();
            assert_eq!(bad, usize::from(verb == "check"), "{name}: {out}");
        }
    }
}

/// What keeps the bot's user from a file.
struct Obstacle {
    name: &'static str,
    /// A shell command, in the folder of the database.
    made_by: &'static str,
    /// The file or folder that is named, and what has to be said of it.
    named: &'static str,
    words: &'static str,
    /// Whether only root can make it, or another user than root meets it.
    by_root: bool,
}

const OBSTACLES: &[Obstacle] = &[
    Obstacle {
        name: "a folder without write permission",
        made_by: "chmod 555 data",
        named: "data",
        words: "chmod u+rwX",
        by_root: false,
    },
    Obstacle {
        name: "a folder without search permission",
        made_by: "chmod 600 data",
        named: "data",
        words: "chmod u+rwX",
        by_root: false,
    },
    Obstacle {
        name: "a folder of another user",
        made_by: "chown 0:0 data",
        named: "data",
        words: "chown 65532:65532",
        by_root: true,
    },
    Obstacle {
        name: "a read-only file",
        made_by: "chmod 444 data/bot.db",
        named: "data/bot.db",
        words: "chmod u+rwX",
        by_root: false,
    },
    Obstacle {
        name: "a log that is not readable",
        made_by: "cp -p data/bot.db data/bot.db-wal && chmod 0 data/bot.db-wal",
        named: "data/bot.db-wal",
        words: "chmod u+rwX",
        by_root: false,
    },
    Obstacle {
        name: "an immutable file",
        made_by: "chattr +i data/bot.db",
        named: "data/bot.db",
        words: "chattr -i",
        by_root: true,
    },
    Obstacle {
        name: "an append-only file",
        made_by: "chattr +a data/bot.db",
        named: "data/bot.db",
        words: "chattr -a",
        by_root: true,
    },
    Obstacle {
        name: "a read-only mount",
        made_by: "mount --bind data data && mount -o remount,ro,bind data",
        named: "data",
        words: "mount it for writing",
        by_root: true,
    },
];

/// Runs a shell command in a folder; says whether it could be done.
async fn shell(folder: &Path, script: &str) -> bool {
    let mut shell = Command::new("sh");
    shell.current_dir(folder).args(["-c", script]);
    shell.output().await.unwrap().status.success()
}

#[tokio::test]
async fn missing_rights_are_named_with_owner_and_remedy() {
    let sim = platform().await;
    for obstacle in OBSTACLES {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let is_root = at.metadata().unwrap().uid() == 0;
        std::fs::set_permissions(at, Permissions::from_mode(0o755)).unwrap();
        assert!(shell(at, "mkdir data && touch data/bot.db").await);
        if is_root {
            assert!(shell(at, "chown -R 65532:65532 data").await);
        }
        let name = obstacle.name;
        let is_made = shell(at, obstacle.made_by).await;
        // Not every machine lets root mount, or mark files.
        assert!(is_made || obstacle.by_root, "{name}");
        let named = at.canonicalize().unwrap().join(obstacle.named);
        for verb in ["serve", "check"].into_iter().filter(|_| is_made) {
            let mut bot = on(&sim, &folder, &[verb]);
            bot.env("NOTICEBOT_DATABASE_URL", "sqlite://data/bot.db");
            let (_, shown) = refused_as_user(bot, is_root, name).await;
            assert!(shown.contains(obstacle.words), "{name}: {shown}");
            let owner = format!("`{}` (owner uid ", named.display());
            assert!(shown.contains(&owner), "{name}: {shown}");
            let uid = if is_root {
                NOBODY
            } else {
                named.metadata().unwrap().uid()
            };
            assert!(
                shown.contains(&format!("runs as uid {uid}")),
                "{name}: {shown}"
            );
            assert!(!shown.contains("✓ store"), "{name}: {shown}");
        }
        let clear = "umount data; chattr -ia data/bot.db; chmod 755 data";
        shell(at, clear).await;
    }
}

/// A chat with commands that the bot acknowledges but cannot execute yet.
async fn acknowledged(sim: &Simulator, bot: &Serving, count: usize) -> Vec<MessageId> {
    sim.set_webhook(&format!("http://{}/webhook/event", bot.address));
    sim.set_api_down(true);
    let owner = sim.add_person("Olga");
    let mut commands = Vec::new();
    for _ in 0..count {
        let chat = sim.add_chat(ChatSpec::named("Ops").owner(&owner));
        let said = sim
            .as_person(&owner)
            .in_chat(&chat)
            .say("/pin announcement");
        assert_eq!(said.answer().await.status, 200);
        commands.push(said.id);
    }
    commands
}

/// The commands are carried out by another bot.
async fn carried_out(sim: &Simulator, folder: &TempDir, commands: &[MessageId]) {
    sim.set_api_down(false);
    let bot = serve(sim, folder).await;
    for command in commands {
        let done = |state: &State| {
            let reactions = state.reactions(command);
            reactions.contains(&"Pin".to_owned()).then_some(())
        };
        sim.wait_for("a pin", done).await;
    }
    drop(bot);
}

#[tokio::test]
async fn files_deleted_beside_a_running_bot_lose_nothing() {
    for addition in ["-wal", "-shm"] {
        let sim = platform().await;
        let folder = tempfile::tempdir().unwrap();
        let mut bot = serve(&sim, &folder).await;
        let commands = acknowledged(&sim, &bot, 5).await;
        let name = format!("noticebot.db{addition}");
        std::fs::remove_file(folder.path().join(&name)).unwrap();
        let mut shown = String::new();
        while let Some(line) = bot.log.next_line().await.unwrap() {
            shown.push_str(&line);
        }
        assert_eq!(bot.child.wait().await.unwrap().code(), Some(1), "{shown}");
        assert!(
            shown.contains(&name) && shown.contains("nothing is lost"),
            "{shown}"
        );
        carried_out(&sim, &folder, &commands).await;
    }
}

#[tokio::test]
async fn a_deleted_database_is_noticed_and_recoverable() {
    let sim = platform().await;
    let folder = tempfile::tempdir().unwrap();
    let mut bot = serve(&sim, &folder).await;
    let commands = acknowledged(&sim, &bot, 5).await;
    let database = folder.path().join("noticebot.db");
    std::fs::remove_file(&database).unwrap();
    let pid = bot.child.id().unwrap();
    let words = format!("/proc/{pid}/fd");
    let mut shown = String::new();
    while !shown.contains(&words) {
        shown = bot.log.next_line().await.unwrap().unwrap();
    }
    assert!(shown.contains("restore it"), "{shown}");
    // What the log holds has been moved into the file by the second time.
    let is_empty = async {
        while folder
            .path()
            .join("noticebot.db-wal")
            .metadata()
            .unwrap()
            .len()
            > 0
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), is_empty)
        .await
        .unwrap();
    let open = std::fs::read_dir(&words).unwrap();
    let is_it = |path: &Path| {
        let target = path.read_link().unwrap_or_default();
        target.to_string_lossy().ends_with("noticebot.db (deleted)")
    };
    let mut open = open.map(|entry| entry.unwrap().path());
    let open = open.find(|path| is_it(path)).unwrap();
    let saved = std::fs::read(open).unwrap();
    bot.child.kill().await.unwrap();
    for addition in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path().join(format!("noticebot.db{addition}")));
    }
    std::fs::write(&database, saved).unwrap();
    carried_out(&sim, &folder, &commands).await;
}

#[tokio::test]
async fn a_second_bot_is_rejected_under_any_name() {
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
        panic!("the bot continued")
    };
    Ended {
        code: status.code(),
        out: String::new(),
        err,
    }
}

/// Damages 16 bytes in place, as a failing disk does.
fn overwrite(folder: &TempDir, name: &str, at: u64) {
    let file = std::fs::OpenOptions::new()
        .write(true)
        .open(folder.path().join(name))
        .unwrap();
    assert!(file.metadata().unwrap().len() >= at + 16);
    file.write_all_at(&[0xa5; 16], at).unwrap();
}

#[tokio::test]
async fn damage_stops_a_running_bot_with_1() {
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
            let shown = format!("{}{}", again.out, again.err);
            assert_eq!(again.code, Some(1), "{shown}");
            assert!(shown.contains("is damaged"), "{shown}");
        }
        for name in ["noticebot.db-wal", "noticebot.db-shm"] {
            let _ = std::fs::remove_file(folder.path().join(name));
        }
        std::fs::write(folder.path().join("noticebot.db"), &whole).unwrap();
    }
}
