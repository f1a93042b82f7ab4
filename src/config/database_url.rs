//! Where the database is.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tokio_postgres::config::{Host, SslMode};

/// The setting `store.database_url`, read once; shown, it holds no password.
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

/// A database of one of the two kinds.
#[derive(Clone)]
pub(crate) enum DatabaseUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A database of a server.
    Postgres(Box<tokio_postgres::Config>),
}

/// What is wrong with a URL, in words that go on a sentence about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// It names no kind of database.
    #[error("begins with neither `sqlite://` nor `postgres://`")]
    Scheme,
    /// It names no file.
    #[error("does not name a file behind `sqlite://`")]
    File,
    /// The reason names an option at most, never a value.
    #[error("cannot be read as the URL of a PostgreSQL database ({0})")]
    Unreadable(String),
    /// It names no server.
    #[error("names no host")]
    Host,
}

impl DatabaseUrl {
    pub(crate) fn parse(url: &str) -> Result<Self, UrlError> {
        if let Some(file) = url.strip_prefix("sqlite://") {
            // No parameters, and no database in memory: it would forget at every start.
            let good = !file.is_empty() && !file.contains(['?', '#']) && file != ":memory:";
            return good
                .then(|| Self::Sqlite(file.into()))
                .ok_or(UrlError::File);
        }
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(UrlError::Scheme);
        }
        let config = url.parse::<tokio_postgres::Config>();
        let config = config.map_err(|error| unreadable(&error))?;
        if config.get_hosts().is_empty() {
            return Err(UrlError::Host);
        }
        Ok(Self::Postgres(Box::new(encrypted(url, config))))
    }
}

/// TLS unless the URL says otherwise. The library's own default takes what the server
/// offers, and so whatever somebody on the way says that it offers. What does not leave
/// the machine may go without.
fn encrypted(url: &str, mut config: tokio_postgres::Config) -> tokio_postgres::Config {
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
    let says = parameters
        .split('&')
        .any(|parameter| parameter.starts_with("sslmode="));
    let is_here = |host: &Host| match host {
        Host::Tcp(name) => {
            let address = name.trim_matches(['[', ']']).parse::<IpAddr>();
            name == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        Host::Unix(_) => true,
    };
    if !says && !config.get_hosts().iter().all(is_here) {
        config.ssl_mode(SslMode::Require);
    }
    config
}

fn unreadable(error: &tokio_postgres::Error) -> UrlError {
    let reason = std::error::Error::source(error).map(ToString::to_string);
    UrlError::Unreadable(reason.unwrap_or_default())
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
    let (place, parameters) = match rest.split_once('?') {
        Some((place, parameters)) => (place, Some(parameters)),
        None => (rest, None),
    };
    // A password may hold an `@`, a host cannot.
    let place = match place.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:{HIDDEN}@{host}"),
            None => format!("{user}@{host}"),
        },
        None => place.to_owned(),
    };
    let shown = |parameter: &str| match parameter.split_once('=') {
        Some(("password", _)) => format!("password={HIDDEN}"),
        _ => parameter.to_owned(),
    };
    let parameters = parameters.map(|all| all.split('&').map(shown).collect::<Vec<_>>().join("&"));
    let parameters = parameters.map_or_else(String::new, |all| format!("?{all}"));
    format!("{scheme}://{place}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_names_a_file_or_a_server_or_what_is_wrong_with_it() {
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
                UrlError::Unreadable("unknown option `sslrootcert`".to_owned()),
            ),
        ] {
            assert_eq!(parse(url), Err(error), "{url}");
        }
    }

    #[test]
    fn what_leaves_the_machine_is_encrypted_unless_the_url_says_otherwise() {
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
    fn a_password_is_hidden_wherever_it_stands() {
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
