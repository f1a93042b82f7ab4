//! Tries the hosts of a URL in turn.
//!
//! The library does so as well, but has no time limit for a host that accepts a connection and does
//! not respond, such as a stopped server: the next host would never be reached.

use std::pin::Pin;
use std::time::Duration;

use deadpool_postgres::Connect;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, Error};

/// If the URL names several hosts, each but the last has this time: a request waits 2.5 s for a
/// connection.
const HOST_TIMEOUT: Duration = Duration::from_millis(1500);

/// One configuration per host, in order; at least one.
#[derive(Clone)]
pub(crate) struct Hosts {
    pub(crate) before: Vec<Config>,
    pub(crate) last: Config,
}

impl Hosts {
    /// None if the configuration names no host.
    pub(crate) fn of(config: &Config) -> Option<Self> {
        let (ports, addresses) = (config.get_ports(), config.get_hostaddrs());
        let one = |(place, host): (usize, &Host)| {
            let mut one = without_host(config);
            match host {
                Host::Tcp(name) => one.host(name),
                Host::Unix(path) => one.host_path(path),
            };
            if let Some(address) = addresses.get(place) {
                one.hostaddr(*address);
            }
            // A single port applies to all hosts.
            if let Some(port) = ports.get(place).or(ports.first()) {
                one.port(*port);
            }
            one
        };
        let mut before: Vec<Config> = config.get_hosts().iter().enumerate().map(one).collect();
        let last = before.pop()?;
        Some(Self { before, last })
    }

    /// Connects to the first host that succeeds; returns the error of the last one if none does.
    pub(crate) async fn first<T, F>(&self, connect: impl Fn(&Config) -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        for host in &self.before {
            if let Ok(Ok(connected)) = timeout(HOST_TIMEOUT, connect(host)).await {
                return Ok(connected);
            }
        }
        connect(&self.last).await
    }
}

fn without_host(config: &Config) -> Config {
    let mut copy = Config::new();
    if let Some(user) = config.get_user() {
        copy.user(user);
    }
    if let Some(password) = config.get_password() {
        copy.password(password);
    }
    if let Some(name) = config.get_dbname() {
        copy.dbname(name);
    }
    if let Some(options) = config.get_options() {
        copy.options(options);
    }
    if let Some(name) = config.get_application_name() {
        copy.application_name(name);
    }
    if let Some(time) = config.get_connect_timeout() {
        copy.connect_timeout(*time);
    }
    if let Some(time) = config.get_tcp_user_timeout() {
        copy.tcp_user_timeout(*time);
    }
    if let Some(time) = config.get_keepalives_interval() {
        copy.keepalives_interval(time);
    }
    if let Some(count) = config.get_keepalives_retries() {
        copy.keepalives_retries(count);
    }
    copy.keepalives(config.get_keepalives())
        .keepalives_idle(config.get_keepalives_idle())
        .ssl_mode(config.get_ssl_mode())
        .ssl_negotiation(config.get_ssl_negotiation())
        .channel_binding(config.get_channel_binding())
        .load_balance_hosts(config.get_load_balance_hosts())
        .target_session_attrs(config.get_target_session_attrs());
    copy
}

/// Connects a pool to the hosts in turn.
pub(crate) struct InTurn {
    pub(crate) hosts: Hosts,
    pub(crate) one: Box<dyn Connect>,
}

pub(crate) type Connected = Result<(Client, JoinHandle<()>), Error>;

impl InTurn {
    pub(crate) fn new(hosts: Hosts, one: impl Connect + 'static) -> Self {
        let one = Box::new(one);
        Self { hosts, one }
    }
}

impl Connect for InTurn {
    fn connect(&self, _: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        Box::pin(self.hosts.first(|host| self.one.connect(host)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_have_their_port_and_shared_settings() {
        let hosts = |url: &str| {
            let config: Config = url.parse().unwrap();
            let Hosts { mut before, last } = Hosts::of(&config).unwrap();
            before.push(last);
            before
        };
        let two = hosts("postgres://bot:p@one:5433,two:5434/db?sslmode=require&connect_timeout=7");
        let alone = hosts("postgres://bot:p@two:5434/db?sslmode=require&connect_timeout=7");
        assert_eq!(two.len(), 2);
        // The debug output contains all but the password.
        assert_eq!(format!("{:?}", two[1]), format!("{:?}", alone[0]));
        assert_eq!(two[1].get_password(), Some(&b"p"[..]));
        assert_eq!(two[0].get_ports(), [5433]);
        let one_port = hosts("postgres:///db?host=one,/run/postgresql&port=6000");
        assert!(one_port.iter().all(|host| host.get_ports() == [6000]));
    }
}
