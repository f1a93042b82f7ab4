//! The simulator, its builder, and changes by tests.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::App;
use crate::apps::Registration;
use crate::chats::{Chat, ChatSpec};
use crate::clock::SimClock;
use crate::endpoint::Endpoint;
use crate::faults::{Behaviour, Fault};
use crate::ids::{AppIndex, ChatId, Ids};
use crate::limits::{Limiter, RateLimits};
use crate::people::Person;
use crate::push_client::{PushClient, REDELIVERY_DELAYS};
use crate::server::{Connection, DroppableListener, router};
use crate::shared::Shared;
use crate::state::State;
use crate::store_app::AppKind;

/// 2026-09-11 01:00:00 UTC.
const DEFAULT_START_MS: u64 = 1_789_088_400_000;

/// A simulated Feishu open platform on a local port, as one of its apps sees it. It stops when the
/// last of these is dropped.
#[derive(Clone, Debug)]
pub struct Simulator {
    pub(crate) shared: Arc<Shared>,
    pub(crate) app: AppIndex,
    address: SocketAddr,
    running: Arc<Running>,
}

/// Stops the simulator when dropped.
#[derive(Debug)]
struct Running(Arc<Shared>);

/// Settings of a simulator before it starts.
#[derive(Debug)]
pub struct Builder {
    listen: SocketAddr,
    clock: SimClock,
    rate_limits: RateLimits,
    push_deadline: Duration,
    redelivery_waits: Vec<Duration>,
    seed: u64,
    behaviour: Behaviour,
    app: App,
    ids: Ids,
}

impl Builder {
    /// Sets the address to serve on; by default any free port of 127.0.0.1.
    #[must_use]
    pub fn listen(mut self, address: SocketAddr) -> Self {
        self.listen = address;
        self
    }

    /// Sets the app id: `cli_` and 16 hexadecimal digits.
    #[must_use]
    pub fn app_id(mut self, app_id: &str) -> Self {
        app_id.clone_into(&mut self.app.app_id);
        self
    }

    /// Sets the app secret.
    #[must_use]
    pub fn app_secret(mut self, secret: &str) -> Self {
        secret.clone_into(&mut self.app.app_secret);
        self
    }

    /// Sets the encrypt key. With `None`, pushes are sent unencrypted and unsigned.
    #[must_use]
    pub fn encrypt_key(mut self, key: Option<&str>) -> Self {
        self.app.encrypt_key = key.map(str::to_owned);
        self
    }

    /// Sets the verification token.
    #[must_use]
    pub fn verification_token(mut self, token: &str) -> Self {
        token.clone_into(&mut self.app.verification_token);
        self
    }

    /// Sets the initial time of the manual clock, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn starting_at(mut self, unix_ms: u64) -> Self {
        self.clock = SimClock::standing_at(unix_ms);
        self
    }

    /// Uses the system clock.
    #[must_use]
    pub fn follow_system_clock(mut self) -> Self {
        self.clock = SimClock::following_the_system();
        self
    }

    /// Sets the factor of rate limits, which use the simulator's clock.
    #[must_use]
    pub fn rate_limits(mut self, rule: RateLimits) -> Self {
        self.rate_limits = rule;
        self
    }

    /// Sets the timeout of a push in wall time; by default the platform's 3 s.
    #[must_use]
    pub fn push_deadline(mut self, deadline: Duration) -> Self {
        self.push_deadline = deadline;
        self
    }

    /// Sets the delays before each redelivery of an unacknowledged event; by default the platform's
    /// 15 s, 5 min, 1 h and 6 h.
    #[must_use]
    pub fn redelivery_waits(mut self, waits: impl Into<Vec<Duration>>) -> Self {
        self.redelivery_waits = waits.into();
        self
    }

    /// Changes undocumented behaviour from the start; see [`Simulator::change_behaviour`].
    #[must_use]
    pub fn behaviour(mut self, change: impl FnOnce(&mut Behaviour)) -> Self {
        change(&mut self.behaviour);
        self
    }

    /// Makes the app a store app, installed in its own tenant.
    #[must_use]
    pub fn store_app(mut self) -> Self {
        self.app.kind = AppKind::Store;
        self
    }

    /// Grants a scope in addition to those that every app has.
    #[must_use]
    pub fn grant(mut self, scope: &str) -> Self {
        self.app.scopes.insert(scope.to_owned());
        self
    }

    /// Sets the seed for the choice among open connections; constant by default.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Starts the server. Fails if the address cannot be bound or the HTTP client cannot be built.
    pub async fn start(self) -> io::Result<Simulator> {
        let listener = TcpListener::bind(self.listen).await?;
        let address = listener.local_addr()?;
        let limiter = Limiter::new(self.rate_limits);
        let first = Registration::new(self.app, self.seed);
        let mut state = State::new(self.clock, limiter, first, self.ids);
        state.behaviour = self.behaviour;
        state.authority = address.to_string();
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: watch::Sender::new(()),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
            push_client: PushClient::new(self.push_deadline, self.redelivery_waits)?,
        });
        serve(&shared, listener);
        Ok(Simulator {
            running: Arc::new(Running(shared.clone())),
            app: AppIndex::FIRST,
            shared,
            address,
        })
    }
}

fn serve(shared: &Arc<Shared>, listener: TcpListener) {
    let service = router(shared.clone()).into_make_service_with_connect_info::<Connection>();
    let stop = shared.stop.clone().cancelled_owned();
    let server = axum::serve(DroppableListener(listener), service).with_graceful_shutdown(stop);
    let serve = async move { server.await };
    shared.tasks.spawn_on(serve, &shared.runtime);
}

impl Simulator {
    /// By default, limits are as documented and the clock is stopped.
    pub fn builder() -> Builder {
        let mut ids = Ids::default();
        Builder {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            clock: SimClock::standing_at(DEFAULT_START_MS),
            rate_limits: RateLimits::Documented,
            push_deadline: Duration::from_secs(3),
            redelivery_waits: REDELIVERY_DELAYS.to_vec(),
            seed: 0,
            behaviour: Behaviour::default(),
            app: App::new(&mut ids),
            ids,
        }
    }

    /// The base URL for clients.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Serves on another free port of 127.0.0.1, too. Clients with separate addresses can be
    /// told apart in the record of calls.
    pub fn add_address(&self) -> io::Result<SocketAddr> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let _runtime = self.shared.runtime.enter();
        serve(&self.shared, TcpListener::from_std(listener)?);
        Ok(address)
    }

    /// Stops the server and all pushes, and waits until they have ended.
    pub async fn shutdown(self) {
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    /// Adds an app with an id, a secret, keys and a tenant of its own, and returns the platform as
    /// this app sees it. People, chats and time are the same; credentials, tokens, grants, the
    /// receiver of events, reactions, direct chats and private cards are those of the app. A chat
    /// that is added through an app has its bot.
    #[must_use]
    pub fn add_app(&self, change: impl FnOnce(&mut App)) -> Self {
        let app = self.change(|state| {
            let mut app = App::another(&mut state.ids);
            change(&mut app);
            let seed = state.ids.number();
            state.apps.add(Registration::new(app, seed))
        });
        self.seen_by(app)
    }

    /// The platform as another of its apps sees it.
    pub(crate) fn seen_by(&self, app: AppIndex) -> Self {
        Self {
            shared: self.shared.clone(),
            running: self.running.clone(),
            address: self.address,
            app,
        }
    }

    /// A copy of the app's settings.
    pub fn app(&self) -> App {
        self.read(|state| state.app().clone())
    }

    /// Changes the app's settings, for example its scopes.
    pub fn change_app<T>(&self, change: impl FnOnce(&mut App) -> T) -> T {
        self.change(|state| change(&mut state.apps.present_mut().app))
    }

    /// The simulator's time.
    pub fn clock(&self) -> SimClock {
        self.read(|state| state.clock.clone())
    }

    /// Adds a person of the app's own tenant.
    pub fn add_person(&self, name: &str) -> Person {
        let tenant_key = self.app().tenant_key;
        self.add_person_of(&tenant_key, name)
    }

    /// Adds a person of the named tenant.
    pub fn add_person_of(&self, tenant_key: &str, name: &str) -> Person {
        self.change(|state| {
            let person = Person {
                name: name.to_owned(),
                open_id: state.ids.prefixed("ou_"),
                union_id: state.ids.prefixed("on_"),
                user_id: state.ids.hex()[..8].to_owned(),
                tenant_key: tenant_key.to_owned(),
            };
            state.people.insert(person.open_id.clone(), person.clone());
            person
        })
    }

    /// Adds a chat.
    pub fn add_chat(&self, spec: ChatSpec) -> ChatId {
        self.change(|state| state.add_chat(spec))
    }

    /// The direct chat of a person and the bot, created on first use.
    pub fn direct_chat(&self, person: &Person) -> ChatId {
        self.change(|state| state.direct_chat(person))
    }

    /// Changes a chat's settings or members; no effect if there is no such chat.
    pub fn change_chat(&self, chat: &ChatId, change: impl FnOnce(&mut Chat)) {
        self.change(|state| state.chats.get_mut(chat).map(change));
    }

    /// Replaces a chat's announcement with an empty one of the new kind, as the platform does in old
    /// groups.
    pub fn upgrade_announcement(&self, chat: &ChatId) {
        let now_ms = self.clock().now_ms();
        self.change_chat(chat, |chat| chat.upgrade_announcement(now_ms));
    }

    /// Changes undocumented behaviour of the platform.
    pub fn change_behaviour(&self, change: impl FnOnce(&mut Behaviour)) {
        self.change(|state| change(&mut state.behaviour));
    }

    /// Queues a fault for a call to an endpoint.
    pub fn fault(&self, endpoint: Endpoint, fault: Fault) {
        self.change(|state| state.faults.order(endpoint, fault));
    }

    /// Rate limits the endpoint with 429 for this long on the simulator's clock.
    pub fn rate_limit(&self, endpoint: Endpoint, span: Duration) {
        self.change(|state| {
            let now = state.now();
            state.faults.limit(endpoint, now, span);
        });
    }

    /// Clears the queued faults of the endpoint.
    pub fn withdraw_faults(&self, endpoint: Endpoint) {
        self.change(|state| state.faults.withdraw(endpoint));
    }

    /// The number of calls during [`Simulator::rate_limit`] after the first caller was rate limited.
    /// A correct client makes none.
    pub fn calls_after_told_to_wait(&self, endpoint: Endpoint) -> usize {
        self.read(|state| state.faults.calls_after_told(endpoint))
    }

    /// The number of calls during [`Simulator::rate_limit`].
    pub fn calls_while_rate_limited(&self, endpoint: Endpoint) -> usize {
        self.read(|state| state.faults.calls_while_limited(endpoint))
    }

    /// Invalidates all tokens.
    pub fn expire_tokens(&self) {
        self.change(|state| state.apps.present_mut().tokens.expire_all());
    }

    /// While down, all connections are closed without a response, including long connections.
    pub fn set_down(&self, down: bool) {
        self.change(|state| {
            state.faults.down = down;
            if down {
                for one in state.apps.iter_mut() {
                    one.long_connections.hang_up_all();
                }
            }
        });
    }

    /// While the API is down, all calls are closed without a response; long connections work.
    pub fn set_api_down(&self, down: bool) {
        self.change(|state| state.faults.api_down = down);
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        self.shared.change_as(self.app, change)
    }

    /// Notifications of later changes of the state.
    pub fn changes(&self) -> Changes {
        Changes(self.shared.changed.subscribe())
    }

    /// Reads the state.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.shared.lock_as(self.app))
    }

    /// Waits until `probe` returns a value; it runs after every change. Panics with the conversation
    /// after 10 s of wall time.
    pub async fn wait_for<T>(&self, what: &str, probe: impl FnMut(&State) -> Option<T>) -> T {
        self.shared.wait_as(self.app, what, probe).await
    }
}

/// Notifications of changes of the state.
#[derive(Clone, Debug)]
pub struct Changes(watch::Receiver<()>);

impl Changes {
    /// Waits for a change since the last call. Several changes are reported once. `false` if the
    /// simulator has stopped.
    pub async fn next(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop.cancel();
        self.0.tasks.close();
    }
}
