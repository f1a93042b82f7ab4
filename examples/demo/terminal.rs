//! A chat in the terminal: a simulated Feishu and the bot in this process, over real sockets.
//!
//! A line is parsed by `line` and executed by `session` in the `environment`; then `picture` shows
//! what changed. `script` executes the lines of a file and compares the output.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::sync::mpsc;

use environment::{Environment, Time};
use pen::Pen;
use session::Session;

mod environment;
mod line;
mod pen;
mod picture;
mod script;
mod session;

pub(crate) use script::Script;

/// Most lines take less time; after this time the terminal says that the bot is still working.
const SLOW: Duration = Duration::from_secs(1);

/// Runs a script and compares its output, or records it.
pub(crate) async fn run_script(script: Script, write: bool, log: bool) -> anyhow::Result<()> {
    let environment = Environment::start(Time::Manual, log).await?;
    let summary = script
        .run(Session::open(environment, Pen::plain()), write)
        .await?;
    writeln!(io::stdout(), "{summary}")?;
    Ok(())
}

/// Runs until `:quit`, the end of the input or Ctrl-C.
pub(crate) async fn run_interactive(log: bool) -> anyhow::Result<()> {
    let environment = Environment::start(Time::Real, log).await?;
    let mut session = Session::open(environment, pen());
    let result = tokio::select! {
        result = run_lines(&mut session) => result,
        pressed = tokio::signal::ctrl_c() => pressed.and_then(|()| writeln!(io::stdout())).map_err(Into::into),
    };
    session.close().await?;
    result
}

async fn run_lines(session: &mut Session) -> anyhow::Result<()> {
    let mut typed = typed_lines();
    show(&session.welcome())?;
    loop {
        write!(io::stdout(), "\n{}", session.prompt())?;
        io::stdout().flush()?;
        let Some(line) = typed.recv().await else {
            writeln!(io::stdout())?;
            return Ok(());
        };
        if !io::stdin().is_terminal() {
            writeln!(io::stdout(), "{line}")?;
        }
        let mut running = std::pin::pin!(session.run(&line));
        let shown = tokio::select! {
            shown = running.as_mut() => shown,
            () = tokio::time::sleep(SLOW) => {
                show(&["      … the bot waits and tries again".to_owned()])?;
                running.await
            }
        };
        match shown? {
            Some(lines) => show(&lines)?,
            None => return Ok(()),
        }
    }
}

/// Lines of standard input. A thread reads them, because a read from a terminal cannot be
/// interrupted; it ends with the process.
fn typed_lines() -> mpsc::Receiver<String> {
    let (sender, typed) = mpsc::channel(1);
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    typed
}

#[expect(
    clippy::disallowed_methods,
    reason = "color is a property of the terminal, not a setting of the bot"
)]
fn pen() -> Pen {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if io::stdout().is_terminal() && !unwanted {
        Pen::colored()
    } else {
        Pen::plain()
    }
}

fn show(lines: &[String]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}
