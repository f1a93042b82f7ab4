//! Checks that this user can use a database file, and names the command that helps if not.

use std::fs::{FileType, Metadata};
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, StatxAttributes, StatxFlags};
use rustix::io::Errno;
use rustix::process::{getegid, geteuid};

use super::Unusable;
use crate::store::sqlite::file::names::companions;

const ANOTHER_FILE: &str = "set `NOTICEBOT_DATABASE_URL` to another file";

/// Resolves a path to the database file, through symbolic links. The file need not exist yet; its
/// folder must.
pub(crate) fn resolve(path: &Path) -> Result<PathBuf, Unusable> {
    let path = std::path::absolute(path).map_err(|error| unreadable(path, &error))?;
    let Some((folder, name)) = path.parent().zip(path.file_name()) else {
        return Err(no_file(&path, "a folder"));
    };
    search(folder)?;
    let folder = folder
        .canonicalize()
        .map_err(|error| unreadable(folder, &error))?;
    let file = folder.join(name);
    let file = match file.symlink_metadata() {
        Ok(found) if found.is_symlink() => behind_link(&file)?,
        _ => file,
    };
    usable(&file)?;
    Ok(file)
}

/// Walks down to a folder; names the first part that is missing or inaccessible.
fn search(folder: &Path) -> Result<(), Unusable> {
    let mut parts: Vec<&Path> = folder.ancestors().collect();
    parts.reverse();
    let mut above = Path::new("/");
    for part in parts {
        match part.metadata() {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(no_folder(part)),
            Err(error) => return Err(search_error(above, part, &error)),
        }
        above = part;
    }
    may_pass(folder)
}

fn search_error(above: &Path, part: &Path, error: &io::Error) -> Unusable {
    match error.kind() {
        io::ErrorKind::NotFound if part.is_symlink() => dangling(part),
        io::ErrorKind::NotFound => Unusable::new(
            format!(
                "the folder of the database is missing: `{}` does not exist",
                part.display()
            ),
            format!("create it, mount its disk, or {ANOTHER_FILE}"),
        ),
        io::ErrorKind::PermissionDenied => may_pass(above)
            .err()
            .unwrap_or_else(|| unreadable(part, error)),
        _ => unreadable(part, error),
    }
}

fn may_pass(folder: &Path) -> Result<(), Unusable> {
    match access(folder, Access::EXEC_OK) {
        Err(Errno::ACCESS) => Err(denied(&[folder], "search")),
        _ => Ok(()),
    }
}

fn behind_link(link: &Path) -> Result<PathBuf, Unusable> {
    match link.canonicalize() {
        Ok(target) => {
            if let Some(folder) = target.parent() {
                search(folder)?;
            }
            Ok(target)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(dangling(link)),
        Err(error) => Err(unreadable(link, &error)),
    }
}

/// Checks the folder, the file, and the files that SQLite and the bot keep next to it.
fn usable(file: &Path) -> Result<(), Unusable> {
    let folder = file.parent().unwrap_or(Path::new("/"));
    let mut denied_to_write = Vec::new();
    let beside = companions(file);
    let files = std::iter::once(file).chain(beside.iter().map(PathBuf::as_path));
    let existing: Vec<&Path> = files
        .filter(|file| file.symlink_metadata().is_ok())
        .collect();
    for path in &existing {
        regular(path)?;
    }
    for path in std::iter::once(folder).chain(existing) {
        changeable(path)?;
        let needed = if path == folder {
            Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK
        } else {
            Access::READ_OK | Access::WRITE_OK
        };
        match access(path, needed) {
            // Another process may have just removed it.
            Ok(()) | Err(Errno::NOENT) => {}
            Err(Errno::ACCESS) => denied_to_write.push(path),
            Err(Errno::ROFS) => return Err(read_only(path)),
            Err(error) => return Err(unreadable(path, &error.into())),
        }
    }
    if denied_to_write.is_empty() {
        return one_name(file);
    }
    Err(denied(&denied_to_write, "write"))
}

fn regular(path: &Path) -> Result<(), Unusable> {
    match path.symlink_metadata() {
        Ok(found) if !found.is_file() => Err(no_file(path, kind(found.file_type()))),
        _ => Ok(()),
    }
}

fn kind(found: FileType) -> &'static str {
    match found {
        found if found.is_dir() => "a folder",
        found if found.is_symlink() => "a symbolic link",
        found if found.is_fifo() => "a pipe",
        found if found.is_socket() => "a socket",
        _ => "a device",
    }
}

/// Checks that no file attribute forbids changes.
fn changeable(path: &Path) -> Result<(), Unusable> {
    let found = rustix::fs::statx(CWD, path, AtFlags::empty(), StatxFlags::BASIC_STATS);
    let Ok(found) = found else { return Ok(()) };
    for (attribute, word, flag) in [
        (StatxAttributes::IMMUTABLE, "immutable", "i"),
        (StatxAttributes::APPEND, "append-only", "a"),
    ] {
        let set = found.stx_attributes & found.stx_attributes_mask;
        if set.contains(attribute) {
            return Err(Unusable::new(
                format!(
                    "{} is {word} (`chattr +{flag}`), also for the bot, which runs as uid {}",
                    owned(path),
                    geteuid().as_raw()
                ),
                format!(
                    "run `chattr -{flag} {}` as root, or {ANOTHER_FILE}",
                    quoted(path)
                ),
            ));
        }
    }
    Ok(())
}

/// With two names for one file, two bots could use it, each under its own lock.
fn one_name(file: &Path) -> Result<(), Unusable> {
    let names = file.metadata().map_or(1, |found| found.nlink());
    if names <= 1 {
        return Ok(());
    }
    let folder = file.parent().unwrap_or(Path::new("/"));
    Err(Unusable::new(
        format!(
            "`{}` has {names} names (hard links), so that a second bot might use it under another one",
            file.display()
        ),
        format!(
            "remove the others; `find {} -xdev -samefile {}` lists those below its folder",
            quoted(folder),
            quoted(file)
        ),
    ))
}

fn access(path: &Path, needed: Access) -> Result<(), Errno> {
    rustix::fs::accessat(CWD, path, needed, AtFlags::EACCESS)
}

fn denied(paths: &[&Path], verb: &str) -> Unusable {
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let owners: Vec<String> = paths.iter().map(|path| owned(path)).collect();
    Unusable::new(
        format!(
            "the bot runs as uid {uid}, gid {gid}, which may not {verb} {}",
            owners.join(", ")
        ),
        remedy(paths, uid, gid),
    )
}

fn owned(path: &Path) -> String {
    let name = path.display();
    match path.metadata() {
        Ok(found) => format!(
            "`{name}` (owner uid {}, gid {}, mode {:04o})",
            found.uid(),
            found.gid(),
            found.mode() & 0o7777
        ),
        Err(_) => format!("`{name}`"),
    }
}

/// The commands that give the files to this user, or their owner the missing permissions.
fn remedy(paths: &[&Path], uid: u32, gid: u32) -> String {
    let is_own = |path: &&Path| path.metadata().is_ok_and(|found| found.uid() == uid);
    let (own, others): (Vec<&Path>, Vec<&Path>) = paths.iter().copied().partition(is_own);
    let mut commands = Vec::new();
    if !others.is_empty() {
        commands.push(format!("run `chown {uid}:{gid} {}` as root", list(&others)));
    }
    let lacks = |path: &&Path| path.metadata().is_ok_and(|found| lacks_rights(&found));
    let (lacking, barred): (Vec<&Path>, Vec<&Path>) = own.into_iter().partition(lacks);
    if !lacking.is_empty() {
        commands.push(format!("run `chmod u+rwX {}`", list(&lacking)));
    }
    if !barred.is_empty() {
        commands.push("owner and mode allow it: check access lists, SELinux or AppArmor".into());
    }
    commands.join(" and ")
}

fn lacks_rights(found: &Metadata) -> bool {
    let needed = if found.is_dir() { 0o700 } else { 0o600 };
    found.mode() & needed != needed
}

fn read_only(path: &Path) -> Unusable {
    Unusable::new(
        format!(
            "{} is on a read-only file system, also for the bot, which runs as uid {}",
            owned(path),
            geteuid().as_raw()
        ),
        "mount it for writing, or set `NOTICEBOT_DATABASE_URL` to a file on another one",
    )
}

fn dangling(link: &Path) -> Unusable {
    let target = link.read_link().unwrap_or_default();
    Unusable::new(
        format!(
            "`{}` is a symbolic link to `{}`, which does not exist",
            link.display(),
            target.display()
        ),
        "mount or create its target, or remove the link",
    )
}

fn no_folder(path: &Path) -> Unusable {
    Unusable::new(
        format!("`{}` is not a folder", path.display()),
        ANOTHER_FILE,
    )
}

fn no_file(path: &Path, kind: &str) -> Unusable {
    Unusable::new(
        format!("`{}` is {kind}, not a file", path.display()),
        format!("remove it, or {ANOTHER_FILE}"),
    )
}

fn unreadable(path: &Path, error: &io::Error) -> Unusable {
    Unusable::new(
        format!("`{}` cannot be used ({error})", path.display()),
        ANOTHER_FILE,
    )
}

fn list(paths: &[&Path]) -> String {
    let quoted: Vec<String> = paths.iter().map(|path| quoted(path)).collect();
    quoted.join(" ")
}

/// Quotes a path for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if text.chars().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
