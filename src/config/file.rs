//! Reads the configuration file and files that settings name.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::config::error::ConfigError;

/// In bytes. Bundles of certificates are smaller.
const MAX_FILE_SIZE: u64 = 16 << 20;

/// `what` begins the problem, as in "the configuration file".
pub(crate) fn read_file(path: &Path, what: &str, remedy: &str) -> Result<String, ConfigError> {
    let shown = path.display();
    let failed = |error: io::Error| {
        let remedy = if error.kind() == io::ErrorKind::PermissionDenied {
            let user = rustix::process::geteuid().as_raw();
            format!("allow user {user} to read it, for example with `chown {user} {shown}`")
        } else {
            remedy.to_owned()
        };
        let what = format!("{what}, `{shown}`, cannot be read ({error})");
        ConfigError::of(what, remedy)
    };
    if path.is_dir() {
        return Err(ConfigError::of(
            format!("{what}, `{shown}`, is a directory"),
            "give the path of a file",
        ));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    let read = file.take(MAX_FILE_SIZE + 1).read_to_end(&mut bytes);
    if read.map_err(failed)? as u64 > MAX_FILE_SIZE {
        return Err(ConfigError::of(
            format!("{what}, `{shown}`, is larger than 16 MiB"),
            remedy,
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        ConfigError::of(
            format!("{what}, `{shown}`, is not UTF-8 text"),
            "save it as UTF-8",
        )
    })?;
    // Editors on Windows write a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(text.to_owned())
}
