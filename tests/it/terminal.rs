//! `noticebot setup` for a person at a terminal: the question, the QR code and Ctrl-C.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::process::Stdio;

use feishu_sim::{Endpoint, Simulator};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{Receiver, channel};

use crate::process::{PROGRAM, platform};

/// What a person presses to interrupt a program.
const CTRL_C: &str = "\x03";

/// A program at a pseudo-terminal.
struct Terminal {
    keyboard: File,
    output: Receiver<Vec<u8>>,
    shown: String,
    child: Child,
}

impl Terminal {
    /// Starts `noticebot setup` at a terminal of so many columns.
    fn set_up(sim: &Simulator, folder: &TempDir, columns: u16) -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let terminal = openpt(flags).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&terminal, size).unwrap();
        let device = ptsname(&terminal, Vec::new())
            .unwrap()
            .into_string()
            .unwrap();
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .open(device)
            .unwrap();
        let stdio = || Stdio::from(device.try_clone().unwrap());
        // Makes the terminal the controlling one, as a shell does: then Ctrl-C is a signal. A shell
        // that runs the tests in the background lets them ignore it.
        let child = Command::new("/usr/bin/setsid")
            .args(["--ctty", "/usr/bin/env", "--default-signal=INT"])
            .args([PROGRAM, "setup"])
            .env_clear()
            .env("FEISHU_BASE_URL", sim.base_url())
            .env("NOTICEBOT_LISTEN", "127.0.0.1:0")
            .env("NOTICEBOT_ADMIN_LISTEN", "127.0.0.1:0")
            .current_dir(folder)
            .stdin(stdio())
            .stdout(stdio())
            .stderr(stdio())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let keyboard = File::from(terminal);
        let mut screen = keyboard.try_clone().unwrap();
        let (sender, output) = channel(16);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // An error means that no program has the terminal open.
            while let Ok(n @ 1..) = screen.read(&mut bytes) {
                if sender.blocking_send(bytes[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            keyboard,
            output,
            shown: String::new(),
            child,
        }
    }

    /// Waits until the terminal shows this.
    async fn shows(&mut self, words: &str) {
        while !self.shown.contains(words) {
            let bytes = self.output.recv().await;
            let bytes =
                bytes.unwrap_or_else(|| panic!("it ended without {words:?}: {}", self.shown));
            self.shown.push_str(&String::from_utf8_lossy(&bytes));
        }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits for the end; returns the exit code.
    async fn end(&mut self) -> Option<i32> {
        while let Some(bytes) = self.output.recv().await {
            self.shown.push_str(&String::from_utf8_lossy(&bytes));
        }
        self.child.wait().await.unwrap().code()
    }
}

/// A platform, and a folder whose `.env` names another app.
async fn bench() -> (Simulator, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(".env"), "FEISHU_APP_ID=cli_old\n").unwrap();
    (platform().await, folder)
}

#[tokio::test]
async fn a_person_is_asked_before_an_app_is_replaced() {
    let (sim, folder) = bench().await;
    let mut terminal = Terminal::set_up(&sim, &folder, 80);
    terminal.shows("Replace it? [y/N] ").await;
    terminal.press("n\n");
    assert_eq!(terminal.end().await, Some(1), "{}", terminal.shown);
    assert!(
        terminal.shown.contains("nothing was changed"),
        "{}",
        terminal.shown
    );
    assert!(sim.calls_to(Endpoint::AppRegistration).is_empty());
    sim.finish();
}

#[tokio::test]
async fn ctrl_c_ends_the_set_up_at_each_step() {
    let (sim, folder) = bench().await;
    // At the question, the signal kills the program: it has no exit code.
    for (step, answer, code) in [
        ("Replace it? [y/N] ", None, None),
        ("http://", Some("Replace it? [y/N] "), Some(1)),
    ] {
        let mut terminal = Terminal::set_up(&sim, &folder, 80);
        if let Some(question) = answer {
            terminal.shows(question).await;
            terminal.press("y\n");
        }
        terminal.shows(step).await;
        terminal.press(CTRL_C);
        assert_eq!(terminal.end().await, code, "{}", terminal.shown);
        let written = std::fs::read_to_string(folder.path().join(".env")).unwrap();
        assert_eq!(written, "FEISHU_APP_ID=cli_old\n");
    }
    sim.finish();
}

#[tokio::test]
async fn a_narrow_terminal_gets_a_link_alone() {
    for (columns, has_code) in [(80, true), (40, false)] {
        let sim = platform().await;
        let folder = tempfile::tempdir().unwrap();
        let mut terminal = Terminal::set_up(&sim, &folder, columns);
        terminal.shows("http://").await;
        terminal.press(CTRL_C);
        terminal.end().await;
        assert_eq!(terminal.shown.contains('▀'), has_code, "{}", terminal.shown);
        sim.finish();
    }
}
