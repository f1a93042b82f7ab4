use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

fn touch(path: &Path) {
    std::fs::write(path, "").unwrap();
}

fn told(path: &Path) -> String {
    resolve(path).unwrap_err().to_string()
}

#[test]
fn every_name_resolves_to_one_path() {
    let (_folder, folder) = folder();
    let file = folder.join("bot.db");
    assert_eq!(resolve(&file), Ok(file.clone()));
    touch(&file);
    symlink(&file, folder.join("link.db")).unwrap();
    symlink(&folder, folder.join("here")).unwrap();
    symlink("link.db", folder.join("second.db")).unwrap();
    for name in [
        "bot.db",
        "./bot.db",
        "link.db",
        "second.db",
        "here/bot.db",
        "here/here/link.db",
    ] {
        assert_eq!(resolve(&folder.join(name)), Ok(file.clone()), "{name}");
    }
}

#[test]
fn obstacles_are_named_with_their_remedy() {
    let (_folder, folder) = folder();
    let make = |name: &str| std::fs::create_dir(folder.join(name)).unwrap();
    make("data");
    touch(&folder.join("letter"));
    symlink("gone/bot.db", folder.join("dangling.db")).unwrap();
    symlink("gone", folder.join("dangling")).unwrap();
    symlink("loop.db", folder.join("loop.db")).unwrap();
    touch(&folder.join("twice.db"));
    std::fs::hard_link(folder.join("twice.db"), folder.join("again.db")).unwrap();
    touch(&folder.join("with folder.db"));
    make("with folder.db-wal");
    touch(&folder.join("linked.db"));
    touch(&folder.join("elsewhere"));
    symlink("elsewhere", folder.join("linked.db-wal")).unwrap();
    let at = folder.display();
    for (name, words) in [
        (
            "a/b/c/bot.db",
            format!("the folder of the database is missing: `{at}/a` does not exist: create it"),
        ),
        ("data", format!("`{at}/data` is a folder, not a file")),
        ("letter/bot.db", format!("`{at}/letter` is not a folder")),
        (
            "dangling.db",
            format!("`{at}/dangling.db` is a symbolic link to `gone/bot.db`, which does not exist"),
        ),
        (
            "dangling/bot.db",
            format!("`{at}/dangling` is a symbolic link to `gone`, which does not exist"),
        ),
        ("loop.db", format!("`{at}/loop.db` cannot be used (")),
        (
            "twice.db",
            format!("`{at}/twice.db` has 2 names (hard links)"),
        ),
        (
            "with folder.db",
            format!("`{at}/with folder.db-wal` is a folder, not a file"),
        ),
        (
            "linked.db",
            format!("`{at}/linked.db-wal` is a symbolic link, not a file"),
        ),
    ] {
        let told = told(&folder.join(name));
        assert!(told.starts_with(&words), "{name}: {told}");
    }
}

/// Root has all permissions, so its own files are no obstacle.
#[test]
fn missing_permissions_are_named_with_the_command() {
    let (_folder, folder) = folder();
    let file = folder.join("bot.db");
    touch(&file);
    let uid = geteuid().as_raw();
    let sentence = denied(&[&file], "write").to_string();
    let begin = format!(
        "the bot runs as uid {uid}, gid {}, which may not write",
        getegid().as_raw()
    );
    assert!(sentence.starts_with(&begin), "{sentence}");
    let mode = |mode| std::fs::set_permissions(&file, PermissionsExt::from_mode(mode)).unwrap();
    mode(0o400);
    let command = format!("run `chmod u+rwX {}`", file.display());
    assert_eq!(remedy(&[&file], uid, 7), command);
    let command = format!("run `chown {}:7 {}` as root", uid + 1, file.display());
    assert_eq!(remedy(&[&file], uid + 1, 7), command);
    mode(0o600);
    assert!(remedy(&[&file], uid, 7).contains("SELinux"));
}

#[test]
fn paths_in_commands_are_quoted() {
    for (path, shown) in [
        ("/data/bot.db", "/data/bot.db"),
        ("/数据/bot.db", "/数据/bot.db"),
        ("/my data/bot.db", "'/my data/bot.db'"),
        ("/it's/bot.db", r"'/it'\''s/bot.db'"),
        ("/$(reboot)", "'/$(reboot)'"),
    ] {
        assert_eq!(quoted(Path::new(path)), shown);
    }
}
