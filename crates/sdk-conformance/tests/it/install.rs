//! The newest SDKs from their registries, in a folder of the build's.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// So many lines of what a program complained of are shown.
const LAST_WORDS: usize = 10;

/// The folder of the SDKs.
#[derive(Debug)]
pub(crate) struct Installed {
    /// The interpreter that finds the Python SDK.
    pub(crate) python: PathBuf,
    /// The folder that has the Node SDK in its `node_modules`.
    pub(crate) node: PathBuf,
}

static INSTALLED: LazyLock<Result<Installed, String>> = LazyLock::new(install);

/// Installs the SDKs when first asked. Panics with the remedy where that fails.
pub(crate) fn installed() -> &'static Installed {
    match &*INSTALLED {
        Ok(installed) => installed,
        Err(remedy) => panic!("{remedy}"),
    }
}

fn install() -> Result<Installed, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("sdk-conformance");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // Test programs may run side by side.
    let lock = File::create(folder.join("lock")).and_then(|file| file.lock().map(|()| file));
    let _lock = lock.map_err(|error| format!("locking {}: {error}", folder.display()))?;
    Ok(Installed {
        python: install_python(&folder.join("python"))?,
        node: install_node(&folder.join("node"))?,
    })
}

fn install_python(folder: &Path) -> Result<PathBuf, String> {
    let python = folder.join("bin/python");
    let pip = ["-m", "pip", "--version"];
    if run(Command::new(&python).args(pip)).is_err() {
        // It was never made, or its interpreter is gone.
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder)).map_err(
            |error| format!("{error}\nThe Python SDK needs Python with its `venv`: run `scripts/test`, which installs it on Debian, or install it yourself."),
        )?;
    }
    let install = ["-m", "pip", "install", "--quiet", "--upgrade"];
    let mut command = Command::new(&python);
    command
        .args(install)
        .args(["--disable-pip-version-check", "lark-oapi"]);
    run(&mut command).map_err(|error| {
        format!("{error}\nThe Python SDK comes from PyPI: is it reachable from here? pip's own settings name a mirror or proxy.")
    })?;
    Ok(python)
}

fn install_node(folder: &Path) -> Result<PathBuf, String> {
    run(Command::new("node").arg("--version")).map_err(|error| {
        format!("{error}\nThe Node SDK needs Node: run `scripts/test`, which installs it on Debian, or install it yourself.")
    })?;
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut command = Command::new("npm");
    // No package's scripts are run: none is needed.
    command.args([
        "install",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]);
    command
        .arg("--prefix")
        .arg(folder)
        .arg("@larksuiteoapi/node-sdk@latest");
    run(&mut command).map_err(|error| {
        format!("{error}\nThe Node SDK comes from the npm registry: is `npm` installed (`scripts/test` does it on Debian), and the registry reachable from here? npm's own settings name a mirror or proxy.")
    })?;
    Ok(folder.to_owned())
}

fn run(command: &mut Command) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("`{program}` cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = words.lines().collect();
    let last = lines[lines.len().saturating_sub(LAST_WORDS)..].join("\n");
    Err(format!("`{program}` failed, {}:\n{last}", output.status))
}
