//! A chat in the terminal: a pretend Feishu and the bot, both in this process,
//! over real sockets.
//!
//! The way of a line: typed here, read by `line`, done by `session` on the
//! `stage`; then `picture` draws what changed. `script` types the lines of a
//! file and compares what is drawn.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::time::Duration;

use tokio::sync::mpsc;

use pen::Pen;
use session::Session;
use stage::{Stage, Time};

mod line;
mod pen;
mod picture;
mod script;
mod session;
mod stage;

pub(crate) use script::Script;

/// A line that takes longer than this is being tried again.
const USUALLY_DONE: Duration = Duration::from_secs(1);

/// Types a script, or writes down what it shows.
pub(crate) async fn play(script: Script, write: bool, log: bool) -> anyhow::Result<()> {
    let stage = Stage::set(Time::ByHand, log).await?;
    let verdict = script
        .play(Session::open(stage, Pen::plain()), write)
        .await?;
    writeln!(io::stdout(), "{verdict}")?;
    Ok(())
}

/// Until `:quit`, the end of the input or Ctrl-C.
pub(crate) async fn converse(log: bool) -> anyhow::Result<()> {
    let stage = Stage::set(Time::Real, log).await?;
    let mut session = Session::open(stage, pen());
    let conversed = tokio::select! {
        conversed = take_turns(&mut session) => conversed,
        pressed = tokio::signal::ctrl_c() => pressed.and_then(|()| writeln!(io::stdout())).map_err(Into::into),
    };
    session.close().await?;
    conversed
}

async fn take_turns(session: &mut Session) -> anyhow::Result<()> {
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
        let mut turn = std::pin::pin!(session.turn(&line));
        let shown = tokio::select! {
            shown = turn.as_mut() => shown,
            () = tokio::time::sleep(USUALLY_DONE) => {
                show(&["      … the bot waits and tries again".to_owned()])?;
                turn.await
            }
        };
        match shown? {
            Some(lines) => show(&lines)?,
            None => return Ok(()),
        }
    }
}

/// Lines of standard input. A thread reads them, as nothing can interrupt a
/// read from a terminal; it ends with the process.
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
    reason = "whether to use colour is asked of the terminal, not of the configuration"
)]
fn pen() -> Pen {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if io::stdout().is_terminal() && !unwanted {
        Pen::coloured()
    } else {
        Pen::plain()
    }
}

fn show(lines: &[String]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}
