//! The client against a pretend platform, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod calls;
mod failures;
mod long_connection;
mod members;
mod notifications;
mod ranges;
mod raw;
mod registration;
mod store_apps;
mod tokens;

use std::time::Duration;

use feishu::{AppId, AppKind, Client, ClientConfig, Clock, ExtraRoots};
use feishu_sim::{RateLimits, Simulator};
use jiff::Timestamp;

const SECRET: &str = "a-secret-that-nobody-may-see";

/// A platform without limits, except those that a test sets.
async fn platform() -> Simulator {
    let builder = Simulator::builder()
        .app_secret(SECRET)
        .rate_limits(RateLimits::Off);
    builder.start().await.unwrap()
}

/// The options of a client of that platform, with the platform's clock.
fn config(sim: &Simulator) -> ClientConfig {
    let now = i64::try_from(sim.clock().now_ms()).unwrap();
    let (clock, _) = Clock::manual(Timestamp::from_millisecond(now).unwrap());
    config_for(&sim.base_url(), AppId::new(sim.app().app_id), clock)
}

fn config_for(base_url: &str, app_id: AppId, clock: Clock) -> ClientConfig {
    ClientConfig {
        base_url: base_url.to_owned(),
        accounts_url: feishu::accounts_url(base_url),
        app_id,
        app_kind: AppKind::Custom,
        app_secret: SECRET.into(),
        clock,
        timeout: Duration::from_secs(10),
        extra_roots: ExtraRoots::default(),
        limits_factor: 1000,
        on_call: None,
        shared_limits: None,
        member_tokens: None,
    }
}

fn client(sim: &Simulator) -> Client {
    Client::new(config(sim)).unwrap()
}
