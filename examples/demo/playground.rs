//! The playground: the pretend Feishu as a page in the browser.
//!
//! The way of a click: `routes` takes the form and has the [`Playground`] do it
//! on the simulator; whatever then changes there, or is said in the log of the
//! `bot`, is recorded in the `log`; and `stream` sends every open page
//! the pieces of it, drawn by `view`, that look different now.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use feishu_sim::Simulator;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::bot::{Bot, FromBot};
use self::log::{BotState, EventLog, UserAction};
use crate::fixture::Fixture;

mod announcement;
mod bot;
mod card;
mod guard;
mod language;
mod log;
mod routes;
mod stream;
mod switches;
mod view;
mod viewer;

pub(crate) use self::bot::be_the_bot;

/// The platform waits 15 s, 5 min, 1 h and 6 h. Nobody watches for so long.
const REDELIVERY_WAITS: [Duration; 6] = [
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(1),
];

/// More pages than anybody looks at.
const MOST_STREAMS: usize = 64;
/// At the end, answers that are under way get so long.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// Everything that the pages show and change.
struct Playground {
    sim: Simulator,
    fixture: Fixture,
    bot: Bot,
    log: Mutex<EventLog>,
    /// Counts what happens, so that pages know when to look again.
    happened: watch::Sender<u64>,
    /// Of all times on the page, and of the bot's dates.
    zone: TimeZone,
    stop: CancellationToken,
    /// What is done to the bot, for as long as it takes.
    changes_of_bot: TaskTracker,
    /// So many pages are kept up to date at once: each is drawn for itself.
    streams: Arc<Semaphore>,
}

/// Serves the page until Ctrl-C.
pub(crate) async fn open(port: u16, log: bool) -> anyhow::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("port {port} is not to be had: name another one, as in `--port 8089`")
    })?;
    let address = listener.local_addr()?;
    let (bot_speaks, from_bot) = mpsc::channel(256);
    let playground = Arc::new(Playground::set(bot_speaks, log).await?);
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&playground).watch(from_bot));
    let stopped = playground.stop.clone().cancelled_owned();
    let serving = axum::serve(listener, routes::router(Arc::clone(&playground), address));
    tasks.spawn(async move {
        serving.with_graceful_shutdown(stopped).await.ok();
    });
    let mut terminate = signal(SignalKind::terminate())?;
    // The page is there before the bot, and shows how it comes.
    writeln!(
        io::stdout(),
        "The playground is open: http://{address}\nCtrl-C closes it."
    )?;
    playground.bot.start(&playground.sim).await?;
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    playground.stop.cancel();
    playground.bot.stop().await;
    // A client that reads nothing would keep its connection open.
    timeout(LAST_ANSWERS, tasks.join_all()).await.ok();
    Ok(())
}

impl Playground {
    async fn set(bot_speaks: mpsc::Sender<FromBot>, log: bool) -> anyhow::Result<Self> {
        let sim = Simulator::builder()
            .follow_system_clock()
            .redelivery_waits(REDELIVERY_WAITS)
            .start()
            .await?;
        // What is said before the bot comes, nobody tells it.
        let fixture = Fixture::whole(&sim);
        let (zone, zone_name) = zone();
        let bot = Bot::new(&sim, zone_name, bot_speaks, log).await?;
        Ok(Self {
            sim,
            fixture,
            bot,
            log: Mutex::default(),
            happened: watch::Sender::new(0),
            zone,
            stop: CancellationToken::new(),
            changes_of_bot: TaskTracker::new(),
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
        })
    }

    /// Notes what happens until the end.
    async fn watch(self: Arc<Self>, mut from_bot: mpsc::Receiver<FromBot>) {
        let mut changes = self.sim.changes();
        loop {
            let said = tokio::select! {
                _ = changes.next() => None,
                said = from_bot.recv() => said,
                () = self.stop.cancelled() => return,
            };
            switches::settle(&self.sim);
            self.note(|log, now_ms| {
                if let Some(said) = said {
                    log.hear(said, now_ms);
                }
            });
        }
    }

    /// Logs an action of the visitor other than a message.
    fn note_deed(&self, deed: UserAction) {
        self.note(|log, now_ms| log.play(deed, now_ms));
    }

    fn note(&self, add: impl FnOnce(&mut EventLog, u64)) {
        let now_ms = self.sim.clock().now_ms();
        {
            let mut log = self.lock();
            self.sim.read(|state| log.catch_up(state, now_ms));
            add(&mut log, now_ms);
        }
        self.happened.send_modify(|count| *count += 1);
    }

    /// What the app may do, as its console has it.
    fn scopes(&self) -> Vec<String> {
        self.sim.app().scopes.into_iter().collect()
    }

    fn bot_state(&self) -> BotState {
        self.lock().bot_state
    }

    fn lock(&self) -> MutexGuard<'_, EventLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// This machine's time zone if it has one by name, which the bot wants.
fn zone() -> (TimeZone, String) {
    let zone = TimeZone::system();
    match zone.iana_name().map(str::to_owned) {
        Some(name) if !zone.is_unknown() => (zone, name),
        _ => (TimeZone::UTC, "UTC".to_owned()),
    }
}
