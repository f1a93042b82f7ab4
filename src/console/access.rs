//! Who may open the console.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

use super::attempts::Attempts;
use super::sessions::{Sessions, random};
use crate::config::ServerConfig;
use crate::web::guard::Hosts;

/// Who may open the console, and under which host names.
#[derive(Debug)]
pub(crate) struct Access {
    rule: Rule,
    pub(super) hosts: Hosts,
    /// The token of forms outside of a session.
    csrf: String,
}

#[derive(Debug)]
enum Rule {
    /// Everybody who can connect: the address is a loopback address.
    Open,
    /// Nobody, because no token is set.
    Closed,
    /// Who knows the token.
    Login(Box<Login>),
}

#[derive(Debug)]
struct Login {
    token: SecretString,
    sessions: Mutex<Sessions>,
    attempts: Mutex<Attempts>,
}

/// The token of forms, for a visitor who may open the console.
pub(super) enum Admission {
    Admitted { csrf: String, can_log_out: bool },
    HasToLogIn,
    Closed,
}

/// Why a login failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoginError {
    WrongToken,
    TooManyAttempts(Duration),
}

impl Access {
    pub(crate) fn new(config: &ServerConfig, listens_at: SocketAddr) -> Self {
        let token = &config.admin_token;
        let is_local = listens_at.ip().to_canonical().is_loopback();
        let rule = if !token.expose_secret().is_empty() {
            Rule::Login(Box::new(Login {
                token: token.clone(),
                sessions: Mutex::default(),
                attempts: Mutex::default(),
            }))
        } else if is_local {
            Rule::Open
        } else {
            Rule::Closed
        };
        let hosts = match rule {
            Rule::Open => Hosts::Loopback,
            Rule::Closed | Rule::Login(_) => Hosts::Named(config.admin_host_names()),
        };
        Self {
            rule,
            hosts,
            csrf: random(),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.rule, Rule::Closed)
    }

    /// Admits a visitor with the secret of this session, if any.
    pub(super) fn admit(&self, session: Option<&str>) -> Admission {
        match &self.rule {
            Rule::Open => Admission::Admitted {
                csrf: self.csrf.clone(),
                can_log_out: false,
            },
            Rule::Closed => Admission::Closed,
            Rule::Login(login) => {
                let mut sessions = login.sessions.lock();
                let csrf = session.and_then(|secret| sessions.use_session(secret, Instant::now()));
                csrf.map_or(Admission::HasToLogIn, |csrf| Admission::Admitted {
                    csrf,
                    can_log_out: true,
                })
            }
        }
    }

    /// The token of the login form.
    pub(super) fn login_csrf(&self) -> &str {
        &self.csrf
    }

    /// Begins a session; returns its secret.
    pub(super) fn log_in(&self, token: &str, from: IpAddr) -> Result<String, LoginError> {
        let Rule::Login(login) = &self.rule else {
            return Err(LoginError::WrongToken);
        };
        let now = Instant::now();
        let counted = login.attempts.lock().count(from, now);
        counted.map_err(LoginError::TooManyAttempts)?;
        if !is_same(token, login.token.expose_secret()) {
            return Err(LoginError::WrongToken);
        }
        login.attempts.lock().forgive(from);
        Ok(login.sessions.lock().begin(now))
    }

    pub(super) fn log_out(&self, session: &str) {
        if let Rule::Login(login) = &self.rule {
            login.sessions.lock().end(session);
        }
    }
}

/// Compares in constant time; the hashes hide the length.
pub(super) fn is_same(given: &str, expected: &str) -> bool {
    let hash = |text: &str| Sha256::digest(text.as_bytes());
    hash(given)
        .as_slice()
        .ct_eq(hash(expected).as_slice())
        .into()
}
