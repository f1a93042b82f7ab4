//! The whole program as a value: settings and a clock in, a running bot out.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use feishu::long_connection::Connector;
use feishu::{CallRecord, Client, ClientConfig, Clock, EncryptKey, Neighbours, OnCall, Turn};
use rustix::process::{Resource, getrlimit, setrlimit};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::action::Style;
use crate::button::Presses;
use crate::change::UNDO_AGE;
use crate::config::{Config, FeishuConfig, Receive, StoreConfig};
use crate::dispatch::Dispatcher;
use crate::http::{self, Health};
use crate::platform::Platform;
use crate::store::{Bounds, DatabaseUrl, Limited, Opening, Running, Store};
use crate::telemetry::Metrics;
use crate::transport::long_connection::LongConnection;
use crate::transport::webhook::{LARGE_BODIES, Seal, Webhook};
use crate::transport::{Intake, VerificationTokens};

/// The platform takes five writes of announcements a second from an app; bots that
/// share it take turns, with a little to spare for the way.
const FIVE_TURNS: Duration = Duration::from_millis(1050);
/// What is open besides the connections of both listeners.
const OTHER_FILES: usize = 200;
/// How often what is old enough is forgotten.
const FORGET_EVERY: Duration = Duration::from_hours(1);

/// Serves until `stop` is cancelled, then ends in order.
///
/// # Errors
///
/// When the store or a listener cannot be opened.
pub async fn run(config: Config, clock: Clock, stop: CancellationToken) -> anyhow::Result<()> {
    allow_files(config.server.max_connections);
    Server::bind(config, clock).await?.run(stop).await
}

/// A bot that has opened its store and its listeners.
pub struct Server {
    public: TcpListener,
    admin: TcpListener,
    receiving: Receiving,
    dispatcher: Dispatcher,
    running: Running,
    told_to_wait: mpsc::UnboundedReceiver<Limited>,
    max_connections: usize,
    keep: Keep,
}

/// How events come in.
enum Receiving {
    Webhook(Box<Webhook>),
    LongConnection(Box<LongConnection>),
}

/// How long what is over is remembered.
#[derive(Debug, Clone, Copy)]
struct Keep {
    finished: Duration,
    changes: Duration,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Opens the store, then the listeners. Nothing is asked of the platform
    /// yet: a bot whose credentials are refused still takes events, so that
    /// none is lost while its admin mends them.
    ///
    /// # Errors
    ///
    /// When the store or a listener cannot be opened, with the remedy.
    pub async fn bind(config: Config, clock: Clock) -> anyhow::Result<Self> {
        config.validate()?;
        let metrics = Metrics::new();
        let (store, running) = Store::open(opening(&config, clock.clone(), &metrics)?).await?;
        let (limits, told_to_wait) = mpsc::unbounded_channel();
        let neighbours = neighbours(&store, &clock, &config.feishu, limits);
        let counted = metrics.clone();
        let on_call = Arc::new(move |call: &CallRecord<'_>| counted.api_call(call));
        let client = client(&config, clock.clone(), on_call, Some(neighbours))?;
        let public = listen(config.server.listen, "NOTICEBOT_LISTEN").await?;
        let admin = listen(config.server.admin_listen, "NOTICEBOT_ADMIN_LISTEN").await?;
        let presses = Presses::default();
        let intake = Intake {
            app_id: config.feishu.app_id.clone(),
            tokens: VerificationTokens::new([
                &config.feishu.verification_token,
                &config.feishu.previous_verification_token,
            ]),
            store: store.clone(),
            presses: presses.clone(),
            metrics: metrics.clone(),
        };
        let receiving = match config.feishu.receive {
            Receive::Webhook => Receiving::Webhook(Box::new(Webhook {
                intake,
                seal: seal(&config.feishu),
                clock: clock.clone(),
                max_age: config.server.signature_max_age,
                large_bodies: Semaphore::new(LARGE_BODIES),
            })),
            Receive::LongConnection => Receiving::LongConnection(Box::new(LongConnection {
                intake,
                client: client.clone(),
                connector: Connector::new(
                    &config.proxies,
                    config.tls.extra_roots()?,
                    config.feishu.timeout,
                )?,
                metrics: metrics.clone(),
                clock: clock.clone(),
                alive: watch::Sender::new(false),
            })),
        };
        let style = Style {
            signature: config.announce.signature,
            time_zone: config.reply.time_zone()?,
            call_timeout: config.feishu.timeout,
        };
        let dispatcher = Dispatcher {
            store,
            platform: Platform::new(client, clock.clone()),
            metrics,
            clock,
            policy: config.policy,
            presses,
            style,
            language: config.reply.language,
            give_up_after: config.worker.give_up_after,
            stale_after: config.worker.stale_after,
            plan_grace: config.worker.plan_grace,
            concurrency: config.worker.concurrency,
        };
        let max_connections = config.server.max_connections;
        let keep = Keep {
            finished: config.store.keep_finished,
            changes: config.audit.keep(),
        };
        Ok(Self {
            public,
            admin,
            receiving,
            dispatcher,
            running,
            told_to_wait,
            max_connections,
            keep,
        })
    }

    /// Where the webhook listens.
    ///
    /// # Errors
    ///
    /// When the operating system does not say.
    pub fn public_address(&self) -> std::io::Result<SocketAddr> {
        self.public.local_addr()
    }

    /// Where metrics and health are served.
    ///
    /// # Errors
    ///
    /// When the operating system does not say.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Serves until `stop` is cancelled; then the intake closes, work in flight
    /// ends or returns to the queue, and the store is closed.
    ///
    /// # Errors
    ///
    /// When the database cannot be used any more, the store cannot be closed in order, or the platform refuses a long
    /// connection for good.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        tracing::info!(listen = %self.public_address()?, "noticebot serves");
        let stop = stop.child_token();
        let store = self.dispatcher.store.clone();
        let health = Health {
            store: store.clone(),
            metrics: self.dispatcher.metrics.clone(),
            clock: self.dispatcher.clock.clone(),
            stop: stop.clone(),
            socket: self.receiving.socket(),
            probed: Arc::default(),
        };
        let clock = self.dispatcher.clock.clone();
        let (webhook, long_connection) = match self.receiving {
            Receiving::Webhook(webhook) => (Some(*webhook), None),
            Receiving::LongConnection(connection) => (None, Some(connection)),
        };
        let receive = async {
            match long_connection {
                Some(connection) => {
                    let received = connection.run(stop.clone()).await;
                    // A bot that can hear nothing any more had better be seen to.
                    stop.cancel();
                    received
                }
                None => Ok(()),
            }
        };
        let public = http::public(webhook, health.clone());
        let admin = http::admin(health);
        let client = self.dispatcher.platform.client.clone();
        let mut running = self.running;
        let failed = async {
            let failed = stop.run_until_cancelled(running.failed()).await;
            stop.cancel();
            failed
        };
        let (failed, received, (), (), (), (), ()) = tokio::join!(
            failed,
            receive,
            http::serve(self.public, public, self.max_connections, stop.clone()),
            http::serve(self.admin, admin, self.max_connections, stop.clone()),
            Arc::new(self.dispatcher).run(stop.clone()),
            forget(&store, &clock, self.keep, stop.clone()),
            share_limits(&store, &client, self.told_to_wait, stop.clone()),
        );
        drop((store, client));
        running.close().await?;
        tracing::info!("noticebot has stopped");
        failed.map_or(received, Err)
    }
}

impl Receiving {
    /// Whether the socket is alive, where events come over one.
    fn socket(&self) -> Option<watch::Receiver<bool>> {
        match self {
            Self::Webhook(_) => None,
            Self::LongConnection(connection) => Some(connection.alive.subscribe()),
        }
    }
}

pub(crate) fn client(
    config: &Config,
    clock: Clock,
    on_call: OnCall,
    neighbours: Option<Neighbours>,
) -> anyhow::Result<Client> {
    let feishu = &config.feishu;
    let client = Client::new(ClientConfig {
        base_url: feishu.platform().to_owned(),
        app_id: feishu.app_id.as_str().into(),
        app_secret: feishu.app_secret.clone(),
        clock,
        timeout: feishu.timeout,
        extra_roots: config.tls.extra_roots()?,
        limits_factor: feishu.limits_factor,
        on_call: Some(on_call),
        neighbours,
    })?;
    Ok(client)
}

/// How to open the store that the settings name.
pub(crate) fn opening(config: &Config, clock: Clock, metrics: &Metrics) -> anyhow::Result<Opening> {
    Ok(Opening {
        url: DatabaseUrl::parse(&config.store.database_url)?,
        app: config.feishu.app_id.clone(),
        bounds: bounds(&config.store),
        clock,
        connections: config.store.connections,
        extra_roots: config.tls.extra_roots()?,
        metrics: metrics.clone(),
        allow_network_file: config.store.allow_network_file,
    })
}

/// The limits of the app are kept in the store, where all its bots find them, also
/// after a restart.
fn neighbours(
    store: &Store,
    clock: &Clock,
    config: &FeishuConfig,
    limits: mpsc::UnboundedSender<Limited>,
) -> Neighbours {
    let (store, clock) = (store.clone(), clock.clone());
    let window = FIVE_TURNS / config.limits_factor.max(1);
    Neighbours {
        on_wait: Arc::new(move |api, until| {
            let api = api.to_owned();
            // It is dropped where nobody keeps it any more, at the stop.
            let _ = limits.send(Limited { api, until });
        }),
        next_turn: Arc::new(move || {
            let (store, clock) = (store.clone(), clock.clone());
            Box::pin(async move {
                let turn = store.next_turn(window).await;
                // Better too fast than not at all: the platform says so if it minds.
                turn.unwrap_or_else(|_| Turn::At(clock.now()))
            })
        }),
    }
}

/// Raises how many files and sockets the process may have open to what the system lets
/// it: both listeners, the database and the calls share them, and whoever opens
/// connections must not leave none for the others.
fn allow_files(max_connections: usize) {
    let mut limits = getrlimit(Resource::Nofile);
    limits.current = limits.maximum;
    // Where that is refused, it stays as it is.
    let _ = setrlimit(Resource::Nofile, limits);
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let wanted = u64::try_from(2 * max_connections + OTHER_FILES).unwrap_or(u64::MAX);
    if allowed < wanted {
        tracing::warn!(
            allowed,
            wanted,
            "too few files may be open for all connections: raise the limit (`ulimit -n`), or lower `server.max_connections`"
        );
    }
}

fn seal(config: &FeishuConfig) -> Seal {
    let keys = [&config.encrypt_key, &config.previous_encrypt_key];
    let keys = keys.map(|key| EncryptKey::new(key.expose_secret()).ok());
    if let [Some(_), _] = keys {
        return Seal::Encrypted(keys.into_iter().flatten().collect());
    }
    tracing::warn!(
        "events are taken without encryption and signature: set an encrypt key in the developer console and `FEISHU_ENCRYPT_KEY`, and turn `FEISHU_ALLOW_PLAINTEXT` off"
    );
    Seal::Plain
}

fn bounds(config: &StoreConfig) -> Bounds {
    Bounds {
        open: config.max_open_jobs,
        open_of_chat: config.max_open_jobs_per_chat,
    }
}

async fn listen(address: SocketAddr, variable: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("listening on `{address}`: free the address or set `{variable}` to another")
    })
}

/// Keeps in the store which APIs are to be left alone, and heeds what stands there.
async fn share_limits(
    store: &Store,
    client: &Client,
    mut told_to_wait: mpsc::UnboundedReceiver<Limited>,
    stop: CancellationToken,
) {
    loop {
        // Where they cannot be read, this bot finds them out by itself.
        for Limited { api, until } in store.limits().await.unwrap_or_default() {
            client.leave_alone(&api, until);
        }
        loop {
            tokio::select! {
                Some(limited) = told_to_wait.recv() => {
                    // The store has logged why it could not.
                    let _ = store.save_limit(limited).await;
                }
                () = store.limits_changed() => break,
                () = stop.cancelled() => return,
            }
        }
    }
}

/// Forgets what is over once it is old enough, in portions until none is left.
async fn forget(store: &Store, clock: &Clock, keep: Keep, stop: CancellationToken) {
    let forget = async {
        loop {
            let now = clock.now();
            let finished = now - keep.finished;
            while matches!(store.prune(finished).await, Ok(1..)) {}
            let (texts, rows) = (now - UNDO_AGE, now - keep.changes);
            while matches!(store.forget_changes(texts, rows).await, Ok(1..)) {}
            clock.sleep(FORGET_EVERY).await;
        }
    };
    // A portion may take long, and is of no use to anybody who waits for the stop.
    stop.run_until_cancelled(Box::pin(forget)).await;
}
