//! The bot as a process of its own.

use std::process::Stdio;

use feishu_sim::Simulator;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_noticebot");

/// A command with nothing of this process's environment, and without its ignored signals: `nohup`
/// ignores hangups.
pub(crate) fn program(verb: &[&str]) -> Command {
    let mut command = Command::new("/usr/bin/env");
    command
        .args(["--default-signal=HUP", PROGRAM])
        .args(verb)
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

pub(crate) async fn end(mut command: Command) -> Ended {
    let output = command.output().await.unwrap();
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The environment of a bot on this platform.
pub(crate) fn on(sim: &Simulator, folder: &TempDir, verb: &[&str]) -> Command {
    let app = sim.app();
    let mut command = program(verb);
    command
        .current_dir(folder)
        .env("FEISHU_APP_ID", app.app_id)
        .env("FEISHU_APP_SECRET", app.app_secret)
        .env("FEISHU_ENCRYPT_KEY", app.encrypt_key.unwrap())
        .env("FEISHU_VERIFICATION_TOKEN", app.verification_token)
        .env("FEISHU_BASE_URL", sim.base_url())
        .env("NOTICEBOT_LISTEN", "127.0.0.1:0")
        .env("NOTICEBOT_ADMIN_LISTEN", "127.0.0.1:0");
    command
}

/// A platform for bots that are processes: they know no other time than the machine's.
pub(crate) async fn platform() -> Simulator {
    let builder = Simulator::builder().follow_system_clock();
    builder.start().await.unwrap()
}

/// A bot that serves, its log kept open so that it can go on writing.
pub(crate) struct Serving {
    pub(crate) child: Child,
    pub(crate) address: String,
    pub(crate) log: Lines<BufReader<ChildStderr>>,
}

/// Starts a bot and waits for the line that says where it listens.
pub(crate) async fn serve(sim: &Simulator, folder: &TempDir) -> Serving {
    listening(on(sim, folder, &["serve"])).await
}

pub(crate) async fn listening(mut command: Command) -> Serving {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    while let Some(line) = log.next_line().await.unwrap() {
        if let Some((_, address)) = line.split_once("listen=") {
            let address = address.split_whitespace().next().unwrap().to_owned();
            return Serving {
                child,
                address,
                log,
            };
        }
    }
    panic!("it ended without serving");
}
