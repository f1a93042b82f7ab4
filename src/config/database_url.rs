//! URLs of databases.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tokio_postgres::config::{Host, SslMode};

/// The setting `store.database_url`. Its `Debug` and serialized forms hide the password.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StoreUrl {
    url: DatabaseUrl,
    shown: String,
}

impl StoreUrl {
    pub(crate) fn url(&self) -> &DatabaseUrl {
        &self.url
    }
}

impl FromStr for StoreUrl {
    type Err = UrlError;

    fn from_str(url: &str) -> Result<Self, UrlError> {
        Ok(Self {
            url: DatabaseUrl::parse(url)?,
            shown: without_password(url),
        })
    }
}

impl TryFrom<String> for StoreUrl {
    type Error = UrlError;

    fn try_from(url: String) -> Result<Self, UrlError> {
        url.parse()
    }
}

impl From<StoreUrl> for String {
    fn from(url: StoreUrl) -> Self {
        url.shown
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

#[derive(Clone)]
pub(crate) enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(Box<tokio_postgres::Config>),
}

/// The messages continue a sentence that begins with the key or the option.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    #[error("must begin with `sqlite://` or `postgres://`")]
    Scheme,
    #[error("must have a plain file name after `sqlite://`")]
    File,
    /// The reason may name an option, but never contains a value.
    #[error("is not a valid URL of a PostgreSQL database ({0})")]
    Invalid(String),
    #[error("has no host")]
    Host,
}

impl DatabaseUrl {
    pub(crate) fn parse(url: &str) -> Result<Self, UrlError> {
        if let Some(file) = url.strip_prefix("sqlite://") {
            // A database in memory would lose all jobs at a restart.
            let good = !file.is_empty() && !file.contains(['?', '#']) && file != ":memory:";
            return good
                .then(|| Self::Sqlite(file.into()))
                .ok_or(UrlError::File);
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(UrlError::Scheme);
        }
        let config = url.parse::<tokio_postgres::Config>();
        let config = config.map_err(|error| invalid(&error))?;
        if config.get_hosts().is_empty() {
            return Err(UrlError::Host);
        }
        Ok(Self::Postgres(Box::new(with_tls(url, config))))
    }
}

/// Requires TLS to other machines unless the URL sets `sslmode`. With `prefer`, the default
/// of the library, an attacker on the network could turn TLS off.
fn with_tls(url: &str, mut config: tokio_postgres::Config) -> tokio_postgres::Config {
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
    let has_mode = parameters
        .split('&')
        .any(|parameter| parameter.starts_with("sslmode="));
    let is_local = |host: &Host| match host {
        Host::Tcp(name) => {
            let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    };
    if !has_mode && !config.get_hosts().iter().all(is_local) {
        config.ssl_mode(SslMode::Require);
    }
    config
}

fn invalid(error: &tokio_postgres::Error) -> UrlError {
    let reason = std::error::Error::source(error).map(ToString::to_string);
    UrlError::Invalid(reason.unwrap_or_default())
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite(_) => "sqlite",
            Self::Postgres(_) => "postgres",
        })
    }
}

fn without_password(url: &str) -> String {
    const HIDDEN: &str = "(hidden)";
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (base, parameters) = match rest.split_once('?') {
        Some((base, parameters)) => (base, Some(parameters)),
        None => (rest, None),
    };
    // A password can contain `@`, a host cannot.
    let base = match base.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:{HIDDEN}@{host}"),
            None => format!("{user}@{host}"),
        },
        None => base.to_owned(),
    };
    let shown = |parameter: &str| match parameter.split_once('=') {
        Some(("password", _)) => format!("password={HIDDEN}"),
        _ => parameter.to_owned(),
    };
    let parameters = parameters.map(|all| all.split('&').map(shown).collect::<Vec<_>>().join("&"));
    let parameters = parameters.map_or_else(String::new, |all| format!("?{all}"));
    format!("{scheme}://{base}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn url_is_parsed_or_rejected_with_a_reason() {
        let parse = |url: &str| DatabaseUrl::parse(url).map(|url| format!("{url:?}"));
        assert_eq!(parse("sqlite://bot.db"), Ok("sqlite".to_owned()));
        for url in [
            "postgres://bot:p@db/bot",
            "postgresql://bot@[::1]:5433/bot?sslmode=require",
            "postgres://bot:p@one:5432,two:5432/bot?target_session_attrs=read-write",
            "postgres:///bot?host=/run/postgresql",
        ] {
            assert_eq!(parse(url), Ok("postgres".to_owned()), "{url}");
        }
        for (url, error) in [
            ("bot.db", UrlError::Scheme),
            ("mysql://db/bot", UrlError::Scheme),
            ("sqlite://", UrlError::File),
            ("sqlite://bot.db?mode=rwc", UrlError::File),
            ("sqlite://:memory:", UrlError::File),
            ("postgres:///bot", UrlError::Host),
            (
                "postgres://db/bot?sslrootcert=ca.pem",
                UrlError::Invalid("unknown option `sslrootcert`".to_owned()),
            ),
        ] {
            assert_eq!(parse(url), Err(error), "{url}");
        }
    }

    #[test]
    fn remote_connections_require_tls_by_default() {
        for (url, mode) in [
            ("postgres://bot:p@db/bot", SslMode::Require),
            (
                "postgres://bot:p@db/bot?connect_timeout=3",
                SslMode::Require,
            ),
            ("postgres://bot@localhost,db/bot", SslMode::Require),
            ("postgres://bot@192.168.0.7/bot", SslMode::Require),
            ("postgres://bot@db/bot?sslmode=disable", SslMode::Disable),
            ("postgres://bot@db/bot?sslmode=prefer", SslMode::Prefer),
            ("postgres://bot@localhost/bot", SslMode::Prefer),
            ("postgres://bot@127.0.0.1,127.0.0.2/bot", SslMode::Prefer),
            ("postgres://bot@[::1]:5433/bot", SslMode::Prefer),
            ("postgres:///bot?host=/run/postgresql", SslMode::Prefer),
        ] {
            let DatabaseUrl::Postgres(config) = DatabaseUrl::parse(url).unwrap() else {
                panic!("{url}");
            };
            assert_eq!(config.get_ssl_mode(), mode, "{url}");
        }
    }

    #[test]
    fn shown_url_hides_the_password() {
        for (url, shown) in [
            ("sqlite://bot.db", "sqlite://bot.db"),
            (
                "postgres://bot:p@ss@db/bot",
                "postgres://bot:(hidden)@db/bot",
            ),
            ("postgres://bot@db/bot", "postgres://bot@db/bot"),
            (
                "postgres://bot:p@a:1,b:2/bot?sslmode=require",
                "postgres://bot:(hidden)@a:1,b:2/bot?sslmode=require",
            ),
            (
                "postgres:///bot?host=/run&password=p&user=bot",
                "postgres:///bot?host=/run&password=(hidden)&user=bot",
            ),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
