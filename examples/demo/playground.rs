//! The playground: the simulated Feishu as a page in the browser.
//!
//! `routes` receives a form and applies it to the simulator of the [`Playground`]. Changes of the
//! simulator and lines in the log of the `bot` are recorded in the `log`. `stream` sends the pieces
//! that changed, rendered by `view`, to every open page.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use feishu_sim::{AppKind, Simulator};
use jiff::tz::TimeZone;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::bot::{Bot, BotEvent};
use self::log::{BotState, EventLog, UserAction};
use crate::fixture::{Fixture, Organization};

mod announcement;
mod bot;
mod card;
mod language;
mod log;
mod picture;
mod routes;
mod sample;
mod stream;
mod switches;
mod view;
mod viewer;

pub(crate) use self::bot::run_bot;

/// Shorter than the waits of the platform: 15 s, 5 min, 1 h and 6 h.
const REDELIVERY_WAITS: [Duration; 6] = [
    Duration::from_secs(2),
    Duration::from_secs(3),
    Duration::from_secs(5),
    Duration::from_secs(10),
    Duration::from_secs(30),
    Duration::from_mins(1),
];

/// The emoji with which a member pins a message, by the platform's name.
const PIN_EMOJI: &str = "Pin";
/// Maximum number of open pages that are updated; each is rendered separately.
const MAX_STREAMS: usize = 64;
/// At shutdown, open responses have this much time.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// The state that all pages show and change.
struct Playground {
    sim: Simulator,
    fixture: Fixture,
    bot: Bot,
    log: Mutex<EventLog>,
    /// Incremented at every change, so that pages are updated.
    version: watch::Sender<u64>,
    /// The time zone of the page and of the bot.
    zone: TimeZone,
    stop: CancellationToken,
    /// Starts, stops and restarts of the bot in progress.
    bot_changes: TaskTracker,
    streams: Arc<Semaphore>,
}

/// Serves the page until Ctrl-C, and shows it in a browser.
pub(crate) async fn open(port: u16, shows: bool, log: bool) -> anyhow::Result<()> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("port {port} is not available; choose another one, for example `--port 8089`")
    })?;
    let address = listener.local_addr()?;
    let (sender, bot_events) = mpsc::channel(256);
    let playground = Arc::new(Playground::new(sender, log).await?);
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&playground).watch(bot_events));
    let stopped = playground.stop.clone().cancelled_owned();
    let serving = axum::serve(listener, routes::router(Arc::clone(&playground), address));
    tasks.spawn(async move {
        serving.with_graceful_shutdown(stopped).await.ok();
    });
    let mut terminate = signal(SignalKind::terminate())?;
    // The page is served before the bot starts, and shows the start.
    writeln!(
        io::stdout(),
        "The playground is open: http://{address}\nCtrl-C closes it."
    )?;
    playground.bot.start(&playground.sim).await?;
    if shows {
        show(format!("http://{address}"));
    }
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed?,
        _ = terminate.recv() => {}
    }
    playground.stop.cancel();
    playground.bot.stop().await;
    // A client that reads nothing would keep its connection open.
    timeout(SHUTDOWN_TIMEOUT, tasks.join_all()).await.ok();
    Ok(())
}

/// Opens an address in a browser. Where there is none, the visitor opens it.
fn show(url: String) {
    if has_display() {
        // The starter of a browser may run until the browser is closed.
        std::thread::spawn(move || opener::open_browser(url));
    }
}

/// Whether a browser could be seen: not over SSH, nor in a container.
#[expect(clippy::disallowed_methods, reason = "not a setting of the bot")]
fn has_display() -> bool {
    let displays = ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"];
    !cfg!(target_os = "linux") || displays.iter().any(|name| std::env::var_os(name).is_some())
}

impl Playground {
    async fn new(sender: mpsc::Sender<BotEvent>, log: bool) -> anyhow::Result<Self> {
        let sim = Simulator::builder()
            .follow_system_clock()
            .redelivery_waits(REDELIVERY_WAITS)
            .start()
            .await?;
        // The bot receives no events for messages before its start.
        let fixture = Fixture::full(&sim);
        let (zone, zone_name) = zone();
        let bot = Bot::new(&sim, &fixture.lists(), zone_name, sender, log).await?;
        Ok(Self {
            sim,
            fixture,
            bot,
            log: Mutex::default(),
            version: watch::Sender::new(0),
            zone,
            stop: CancellationToken::new(),
            bot_changes: TaskTracker::new(),
            streams: Arc::new(Semaphore::new(MAX_STREAMS)),
        })
    }

    /// Records changes of the simulator and events of the bot until the stop.
    async fn watch(self: Arc<Self>, mut bot_events: mpsc::Receiver<BotEvent>) {
        let mut changes = self.sim.changes();
        loop {
            let event = tokio::select! {
                _ = changes.next() => None,
                event = bot_events.recv() => event,
                () = self.stop.cancelled() => return,
            };
            switches::settle(&self.sim);
            self.update_log(|log, now_ms| {
                if let Some(event) = event {
                    log.add_bot_event(event, now_ms);
                }
            });
        }
    }

    fn log_action(&self, action: UserAction) {
        self.update_log(|log, now_ms| log.add_action(action, now_ms));
    }

    fn update_log(&self, add: impl FnOnce(&mut EventLog, u64)) {
        let now_ms = self.sim.clock().now_ms();
        {
            let mut log = self.lock();
            self.sim.read(|state| log.catch_up(state, now_ms));
            add(&mut log, now_ms);
        }
        self.version.send_modify(|count| *count += 1);
    }

    /// Whether the bot works for this organization: a custom app works for the first one only.
    fn is_served(&self, organization: Organization) -> bool {
        organization == Organization::First || self.sim.app().kind == AppKind::Store
    }

    /// The scopes of the app.
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

/// The system's time zone. The bot needs an IANA name; without one it is UTC.
fn zone() -> (TimeZone, String) {
    let zone = TimeZone::system();
    match zone.iana_name().map(str::to_owned) {
        Some(name) if !zone.is_unknown() => (zone, name),
        _ => (TimeZone::UTC, "UTC".to_owned()),
    }
}
