//! The program as a value: it takes settings and a clock and runs a bot.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use feishu::long_connection::Connector;
use feishu::{AppKind, CallRecord, Client, Clock, EncryptKey, OnCall};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use parking_lot::Mutex;
use rustix::process::{Resource, getrlimit, setrlimit};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::action::AnnounceSettings;
use crate::background;
use crate::callback::PendingCallbacks;
use crate::command::ZoneName;
use crate::config::{ActAs, Config, FeishuConfig, Images, Receive};
use crate::consent::{self, ConsentSettings, Consents, Grants, Members};
use crate::console::{self, Console, ConsoleSettings};
use crate::dispatch::{Attempts, Dispatcher, DispatcherSettings, OfGroup, delivery_interval};
use crate::http::{self, Health};
use crate::model::job::Tenant;
use crate::panel::{self, Memory, Panel};
use crate::platform::{Platform, client};
use crate::shared_limits::{self, UnsavedLimits};
use crate::store::{Store, StoreOptions, StoreTasks};
use crate::store_app::StoreApp;
use crate::supervision::Background;
use crate::telemetry::{Exporter, Metrics, Traces};
use crate::transport::Intake;
use crate::transport::long_connection::LongConnection;
use crate::transport::webhook::{BodyBudget, Encryption, UNKNOWN_TIME, Webhook};
use retention::{Retention, forget};

mod retention;

/// Number of open files other than connections of the listeners.
const OTHER_FILES: usize = 200;

/// Serves until `stop` is cancelled, then ends in order.
///
/// # Errors
///
/// When the store or a listener cannot be opened.
pub async fn run(config: Config, clock: Clock, stop: CancellationToken) -> anyhow::Result<()> {
    allow_files(config.server.max_connections);
    // Opening may wait for the database.
    let bound = Box::pin(Server::bind(config, clock));
    match stop.run_until_cancelled(bound).await {
        Some(server) => server?.run(stop).await,
        None => Ok(()),
    }
}

/// A bot that has opened its store and its listeners.
pub struct Server {
    public: TcpListener,
    admin: TcpListener,
    receiving: Receiving,
    dispatcher: Dispatcher,
    store_app: Option<StoreApp>,
    /// Of a custom app.
    panel: Panel,
    store_tasks: StoreTasks,
    /// `None` unless traces are recorded.
    exporter: Option<Exporter>,
    console: Box<ConsoleSettings>,
    unsaved: UnsavedLimits,
    retention: Retention,
}

enum Receiving {
    Webhook(Box<Webhook>),
    LongConnection(Box<LongConnection>),
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server")
            .field("public", &self.public)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Opens the store, then the listeners. The platform is contacted only later, in the
    /// background: a bot with rejected credentials still accepts events.
    ///
    /// # Errors
    ///
    /// When the store or a listener cannot be opened, with the remedy.
    pub async fn bind(config: Config, clock: Clock) -> anyhow::Result<Self> {
        config.validate()?;
        // Each bot determines the platform's time by itself.
        let clock = clock.uncorrected();
        let effective = config.clone();
        let metrics = Metrics::new();
        let options = StoreOptions::from_config(&config, clock.clone(), &metrics)?;
        let (store, store_tasks) = Box::pin(Store::open(options)).await?;
        let unsaved = UnsavedLimits::default();
        let factor = config.feishu.limits_factor;
        let shared = shared_limits::shared_limits(&store, &clock, factor, unsaved.clone());
        let (traces, exporter) = traces(&config, &clock, &metrics)?;
        let on_call = on_call(metrics.clone(), traces.clone());
        let grants = grants(&config, &store, &clock)?;
        let tokens = grants.as_ref().map(Grants::member_tokens);
        let client = client(&config, clock.clone(), on_call, Some(shared), tokens)?;
        let members = grants.map(|grants| members(&config, grants, &store, &client, &clock));
        let public = listen(config.server.listen, "NOTICEBOT_LISTEN").await?;
        let admin = listen(config.server.admin_listen, "NOTICEBOT_ADMIN_LISTEN").await?;
        let console = ConsoleSettings::new(effective, admin.local_addr()?)?;
        let callbacks = PendingCallbacks::default();
        let platform = Platform::new(client.clone(), clock.clone());
        let store_app = store_app(&config.feishu, &store, &platform, &clock)?;
        let panel = panel(&config, &store, &client, &clock);
        let intake = Intake::new(
            &config.feishu,
            store.clone(),
            callbacks.clone(),
            metrics.clone(),
            platform.own_ids.clone(),
            store_app.clone(),
        );
        let intake = intake.with_reaction_pins(config.pin.by_reaction.into());
        let intake = intake.with_traces(traces.clone());
        let intake = intake.with_grants(members.as_ref().map(|members| members.grants.clone()));
        let receiving = receiving(&config, intake, &client, &clock)?;
        let dispatcher = Dispatcher {
            store,
            platform,
            metrics,
            traces,
            clock,
            callbacks,
            members,
            acting: None,
            group: OfGroup::default(),
            settings: Arc::new(dispatcher_settings(&config)?),
            attempts: Attempts::default(),
        };
        Ok(Self {
            public,
            admin,
            receiving,
            dispatcher,
            store_app,
            panel,
            store_tasks,
            exporter,
            console: Box::new(console),
            unsaved,
            retention: Retention {
                finished: config.store.keep_finished,
                changes: config.audit.keep(),
            },
        })
    }

    pub fn public_address(&self) -> std::io::Result<SocketAddr> {
        self.public.local_addr()
    }

    /// The address of metrics and health paths.
    ///
    /// # Errors
    ///
    /// When the operating system does not say.
    pub fn admin_address(&self) -> std::io::Result<SocketAddr> {
        self.admin.local_addr()
    }

    /// Serves until `stop` is cancelled or a background task ends by itself; then stops the intake,
    /// finishes or requeues jobs in flight, and closes the store.
    ///
    /// # Errors
    ///
    /// When a background task ends, the database becomes unusable, the store cannot be closed, or
    /// the platform permanently refuses a long connection.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        tracing::info!(listen = %self.public_address()?, "noticebot started");
        let stop = stop.child_token();
        let mut tasks = Background::default();
        let store_tasks = self.start(&mut tasks, &stop);
        supervise(tasks, store_tasks, stop).await
    }

    /// Starts the tasks that run until `stop`; returns the store behind them.
    fn start(self, tasks: &mut Background, stop: &CancellationToken) -> StoreTasks {
        let (store, clock) = (self.dispatcher.store.clone(), self.dispatcher.clock.clone());
        let health = Health {
            store: store.clone(),
            metrics: self.dispatcher.metrics.clone(),
            clock: clock.clone(),
            stop: stop.clone(),
            socket: self.receiving.socket(),
            probed: Arc::default(),
        };
        let parts = self.parts(health.socket.clone(), stop);
        let max_connections = self.console.config.server.max_connections;
        let feishu = self.console.config.feishu.clone();
        let console = Arc::new(Console::new(*self.console, parts));
        let webhook = match self.receiving {
            Receiving::Webhook(webhook) => Some(*webhook),
            Receiving::LongConnection(connection) => {
                tasks.spawn("long connection", connection.run(stop.clone()));
                None
            }
        };
        let client = self.dispatcher.platform.client.clone();
        let members = self.dispatcher.members.clone();
        let mut spawn = |name, task: BoxFuture<'static, ()>| tasks.spawn(name, task.map(Ok));
        let (most, stop) = (max_connections, || stop.clone());
        let pages = members.as_ref().map(|members| members.consents.clone());
        let pages = pages.filter(Consents::redirects);
        let public = http::public(webhook, pages, health.clone());
        let public = http::serve(self.public, public, most, stop());
        spawn("public listener", Box::pin(public));
        let paths = http::admin(health, &console);
        let admin = http::serve(self.admin, paths, most, stop());
        spawn("admin listener", Box::pin(admin));
        spawn("console", Box::pin(console.run(stop())));
        spawn("dispatcher", Box::pin(self.dispatcher.run(stop())));
        let forget = forget(store.clone(), clock.clone(), self.retention, stop());
        spawn("retention", Box::pin(forget));
        let limits = shared_limits::synchronize(store, client.clone(), self.unsaved, stop());
        spawn("rate limits", Box::pin(limits));
        if let Some(app) = self.store_app {
            spawn("store app", Box::pin(app.run(stop())));
        } else {
            let panel = self.panel.reconcile();
            let clock = clock.clone();
            let access = background::get_access(feishu, client.clone(), clock, panel, stop());
            spawn("access", Box::pin(access));
        }
        if let Some(Members { grants, consents }) = members {
            spawn("grants", Box::pin(grants.run(stop())));
            spawn("consents", Box::pin(consents.run(stop())));
        }
        if let Some(exporter) = self.exporter {
            spawn("traces", Box::pin(exporter.run(stop())));
        }
        let clock = background::watch_clock(client, clock, stop());
        spawn("clock", Box::pin(clock));
        self.store_tasks
    }

    /// What the console uses.
    fn parts(
        &self,
        socket: Option<watch::Receiver<bool>>,
        stop: &CancellationToken,
    ) -> console::Parts {
        let members = self.dispatcher.members.as_ref();
        console::Parts {
            clock: self.dispatcher.clock.clone(),
            store: self.dispatcher.store.clone(),
            client: self.dispatcher.platform.client.clone(),
            grants: members.map(|members| members.grants.clone()),
            socket,
            stop: stop.clone(),
        }
    }
}

/// Waits for `stop`, or for the first background task that ends by itself, then stops the others.
async fn supervise(
    mut tasks: Background,
    mut store_tasks: StoreTasks,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let failure = tokio::select! {
        biased;
        () = stop.cancelled() => None,
        failure = tasks.ended() => Some(failure),
        failure = store_tasks.ended() => Some(failure),
    };
    if let Some(failure) = &failure {
        tracing::error!(error = format!("{failure:#}"), "stopping after a failure");
    }
    stop.cancel();
    let served = tasks.join().await;
    let closed = store_tasks.close().await;
    tracing::info!("noticebot stopped");
    failure.map_or(Ok(()), Err).and(served).and(closed)
}

impl Receiving {
    /// Whether the long connection is open; `None` for a webhook.
    fn socket(&self) -> Option<watch::Receiver<bool>> {
        match self {
            Self::Webhook(_) => None,
            Self::LongConnection(connection) => Some(connection.alive.subscribe()),
        }
    }
}

fn on_call(metrics: Metrics, traces: Traces) -> OnCall {
    Arc::new(move |call: &CallRecord<'_>| {
        metrics.api_call(call);
        traces.api_call(call);
    })
}

fn dispatcher_settings(config: &Config) -> anyhow::Result<DispatcherSettings> {
    let zone = ZoneName::try_from(config.reply.timezone.clone());
    let zone = zone.map_err(anyhow::Error::msg)?;
    Ok(DispatcherSettings {
        policy: config.policy.clone(),
        announce: AnnounceSettings {
            signature: config.announce.signature,
            images: config.announce.images == Images::Auto,
            // Afterwards, what was not copied is still to be named.
            media_patience: config.worker.give_up_after / 2,
            call_timeout: config.feishu.timeout,
        },
        groups: config.groups.clone(),
        delivery_interval: delivery_interval(config.feishu.limits_factor),
        language: config.reply.language,
        private_replies: config.reply.private,
        reaction_pins: config.pin.by_reaction.into(),
        time_zone: zone.time_zone(),
        zone,
        act_as: config.feishu.act_as,
        worker: config.worker.clone(),
    })
}

/// Records nothing, and exports nothing, unless a collector is configured.
fn traces(
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
) -> anyhow::Result<(Traces, Option<Exporter>)> {
    let endpoint = config.telemetry.otlp_endpoint.as_str();
    if endpoint.is_empty() {
        return Ok((Traces::default(), None));
    }
    let (traces, spans) = Traces::new(clock.clone(), metrics.clone());
    let roots = config.tls.extra_roots()?;
    let exporter = Exporter::new(endpoint, &roots, spans, metrics.clone())?;
    Ok((traces, Some(exporter)))
}

/// `None` unless the bot acts as members.
fn grants(config: &Config, store: &Store, clock: &Clock) -> anyhow::Result<Option<Grants>> {
    if config.feishu.act_as == ActAs::Bot {
        return Ok(None);
    }
    Ok(Some(Grants::new(
        &config.feishu.app_id,
        store.clone(),
        clock.clone(),
        consent::token_keys(&config.feishu)?,
        config.feishu.timeout,
    )))
}

fn members(
    config: &Config,
    grants: Grants,
    store: &Store,
    client: &Client,
    clock: &Clock,
) -> Members {
    grants.attach(client.clone());
    let settings = ConsentSettings {
        app_id: config.feishu.app_id.clone(),
        public_url: config.server.public_base(),
        wait: config.worker.consent_wait,
    };
    let consents = Consents::new(
        settings,
        store.clone(),
        clock.clone(),
        client.clone(),
        grants.clone(),
    );
    Members { grants, consents }
}

/// The panel of a custom app.
fn panel(config: &Config, store: &Store, client: &Client, clock: &Clock) -> Panel {
    Panel {
        client: client.clone(),
        clock: clock.clone(),
        tenant: Tenant::own(&config.feishu.app_id),
        memory: Memory::Bot(store.clone()),
        wanted: panel::wanted(config.feishu.act_as, config.reply.language),
    }
}

/// `None` for a custom app.
fn store_app(
    config: &FeishuConfig,
    store: &Store,
    platform: &Platform,
    clock: &Clock,
) -> anyhow::Result<Option<StoreApp>> {
    if platform.client.app_kind() == AppKind::Custom {
        return Ok(None);
    }
    StoreApp::new(
        &config.app_id,
        &config.app_secret,
        store.clone(),
        platform.clone(),
        clock.clone(),
    )
    .map(Some)
}

fn receiving(
    config: &Config,
    intake: Intake,
    client: &Client,
    clock: &Clock,
) -> anyhow::Result<Receiving> {
    Ok(match config.feishu.receive {
        Receive::Webhook => Receiving::Webhook(Box::new(Webhook {
            intake,
            encryption: encryption(&config.feishu),
            clock: clock.clone(),
            client: client.clone(),
            max_age: config.server.signature_max_age,
            unknown_age: UNKNOWN_TIME
                .min(config.store.keep_finished)
                .max(config.server.signature_max_age),
            warned: Mutex::default(),
            budget: BodyBudget::default(),
        })),
        Receive::LongConnection => Receiving::LongConnection(Box::new(LongConnection {
            intake,
            client: client.clone(),
            connector: Connector::new(
                &config.proxies,
                config.tls.extra_roots()?,
                config.feishu.timeout,
            )?,
            clock: clock.clone(),
            alive: watch::Sender::new(false),
        })),
    })
}

/// Raises the process's limit of open files to the maximum: both listeners, the database and calls
/// share it, and incoming connections must not use up all.
fn allow_files(max_connections: usize) {
    let mut limits = getrlimit(Resource::Nofile);
    limits.current = limits.maximum;
    // If this fails, the limit stays unchanged.
    let _ = setrlimit(Resource::Nofile, limits);
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let wanted = u64::try_from(2 * max_connections + OTHER_FILES).unwrap_or(u64::MAX);
    if allowed < wanted {
        tracing::warn!(
            allowed,
            wanted,
            "the limit of open files is too low for all connections: raise it (`ulimit -n`), or lower `server.max_connections`"
        );
    }
}

fn encryption(config: &FeishuConfig) -> Encryption {
    let keys = [&config.encrypt_key, &config.previous_encrypt_key];
    let keys = keys.map(|key| EncryptKey::new(key.expose_secret()).ok());
    if let [Some(_), _] = keys {
        return Encryption::Keys(keys.into_iter().flatten().collect());
    }
    tracing::warn!(
        "events are accepted without encryption and signature: set an encrypt key in the developer console and `FEISHU_ENCRYPT_KEY`, and turn `FEISHU_ALLOW_PLAINTEXT` off"
    );
    Encryption::Disabled
}

async fn listen(address: SocketAddr, variable: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("listening on `{address}`: free the address or set `{variable}` to another")
    })
}

#[cfg(test)]
mod tests;
