//! What is wrong with the settings, in sentences that name the key and the
//! remedy.

use feishu::ExtraRoots;
use feishu::long_connection::Connector;
use figment::error::Kind;
use secrecy::ExposeSecret;

use super::layers::defaults;
use super::{Config, ConfigError, Problem, Receive, bounds, ids, variables};
use crate::config::database_url::DatabaseUrl;

/// What could not be read as a setting.
pub(super) fn unreadable(error: &figment::Error) -> Problem {
    let place = error
        .metadata
        .as_ref()
        .map_or_else(String::new, |metadata| format!(" in {}", metadata.name));
    let path = error.path.join(".");
    match &error.kind {
        Kind::UnknownField(field, expected) => {
            let section = path.strip_suffix(field.as_str()).unwrap_or(&path);
            let section = section.trim_end_matches('.');
            let dot = if section.is_empty() { "" } else { "." };
            Problem::new(
                format!("unknown key `{section}{dot}{field}`{place}"),
                nearest(field, expected),
            )
        }
        Kind::UnknownVariant(value, expected) => Problem::new(
            format!("`{path}`{place} is `{value}`"),
            format!("set it to one of {}", quoted(expected)),
        ),
        _ => Problem::new(
            format!("invalid value for `{path}`{place}"),
            format!("expected {}", expected_at(&path)),
        ),
    }
}

/// Everything that keeps the bot from serving.
pub(super) fn find(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(credentials(config));
    problems.extend(platform(config));
    problems.extend(store(config));
    if let Err(ConfigError { problems: of_file }) = config.tls.extra_roots() {
        problems.extend(of_file);
    }
    problems.extend(bounds::find(config));
    problems.extend(ids::find(config));
    problems.extend(time_zone(config));
    let filter = tracing_subscriber::EnvFilter::try_new(&config.log.filter);
    if filter.is_err() || names_no_level(&config.log.filter) {
        problems.push(Problem::new(
            format!("`log.filter` is `{}`", config.log.filter),
            "set it, or `NOTICEBOT_LOG`, to a level such as `info`",
        ));
    }
    problems
}

/// What keeps the store from being found.
pub(super) fn find_of_store(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    if config.feishu.app_id.trim().is_empty() {
        problems.push(Problem::new(
            "`feishu.app_id` is missing or empty",
            "set `FEISHU_APP_ID`, as one database may hold the jobs of several apps",
        ));
    }
    problems.extend(store(config));
    problems.extend(time_zone(config));
    if let Err(ConfigError { problems: of_file }) = config.tls.extra_roots() {
        problems.extend(of_file);
    }
    problems
}

fn time_zone(config: &Config) -> Option<Problem> {
    let error = config.reply.time_zone().err()?;
    Some(Problem::new(
        format!("`reply.timezone` is `{}` ({error})", config.reply.timezone),
        "set it, or `NOTICEBOT_TIMEZONE`, to a name such as `Asia/Shanghai`",
    ))
}

/// A bare word is read as the name of a target, which would silence all others.
fn names_no_level(filter: &str) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    filter
        .split(',')
        .map(|directive| directive.trim().to_ascii_lowercase())
        .any(|directive| {
            directive.chars().all(char::is_alphanumeric) && !LEVELS.contains(&directive.as_str())
        })
}

fn credentials(config: &Config) -> Vec<Problem> {
    let feishu = &config.feishu;
    let console = "from the app's page in the developer console";
    let mut problems = Vec::new();
    let mut require = |key: &str, value: &str, where_from: &str| {
        let variable = variable_for(key);
        if value.trim().is_empty() {
            problems.push(Problem::new(
                format!("`{key}` is missing or empty"),
                format!("set `{variable}` {where_from}"),
            ));
        } else if value.trim() != value {
            problems.push(Problem::new(
                format!("`{key}` begins or ends with white space"),
                format!("set `{variable}` without it"),
            ));
        } else if value.contains('…') {
            problems.push(Problem::new(
                format!("`{key}` is the placeholder of an example"),
                format!("set `{variable}` {where_from}"),
            ));
        } else if ['"', '\''].iter().any(|quote| is_quoted(value, *quote)) {
            // `docker run --env-file` does not take them off.
            problems.push(Problem::new(
                format!("`{key}` is in quotes"),
                format!("set `{variable}` without them"),
            ));
        }
    };
    require("feishu.app_id", &feishu.app_id, console);
    require(
        "feishu.app_secret",
        feishu.app_secret.expose_secret(),
        console,
    );
    if feishu.receive == Receive::LongConnection {
        let connector = Connector::new(&config.proxies, ExtraRoots::default(), feishu.timeout);
        problems.extend(connector.err().map(|error| {
            let remedy = "set it to a URL such as `http://proxy.example:3128`, or unset it";
            Problem::new(error.to_string(), remedy)
        }));
        return problems;
    }
    let subscription =
        "from \"Encryption Strategy\" under \"Events & Callbacks\" in the developer console";
    require(
        "feishu.verification_token",
        feishu.verification_token.expose_secret(),
        subscription,
    );
    let key = feishu.encrypt_key.expose_secret();
    let has_key = !key.is_empty();
    if has_key || !feishu.allow_plaintext {
        let where_from = format!("{subscription}, where you can make one");
        require("feishu.encrypt_key", key, &where_from);
    }
    for (key, previous) in [
        ("feishu.previous_encrypt_key", &feishu.previous_encrypt_key),
        (
            "feishu.previous_verification_token",
            &feishu.previous_verification_token,
        ),
    ] {
        let previous = previous.expose_secret();
        if !previous.is_empty() {
            require(key, previous, "or unset it");
        }
    }
    if has_key && feishu.allow_plaintext {
        problems.push(Problem::new(
            "`feishu.allow_plaintext` is on although `feishu.encrypt_key` is set",
            "turn `FEISHU_ALLOW_PLAINTEXT` off",
        ));
    }
    problems
}

fn is_quoted(value: &str, quote: char) -> bool {
    value.len() > 1 && value.starts_with(quote) && value.ends_with(quote)
}

fn platform(config: &Config) -> Option<Problem> {
    let url = config.feishu.platform();
    let parsed = reqwest::Url::parse(url);
    if parsed
        .as_ref()
        .is_ok_and(|url| !url.username().is_empty() || url.password().is_some())
    {
        return Some(Problem::new(
            "`feishu.base_url` holds a user name or a password, which no call to the platform needs",
            "set it, or `FEISHU_BASE_URL`, to the address alone",
        ));
    }
    let good = parsed.is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none()
    });
    (!good).then(|| {
        Problem::new(
            format!("`feishu.base_url` is `{url}`"),
            "set it, or `FEISHU_BASE_URL`, to a URL such as `https://open.feishu.cn`, or leave it empty",
        )
    })
}

fn store(config: &Config) -> Option<Problem> {
    let error = DatabaseUrl::parse(&config.store.database_url).err()?;
    Some(Problem::new(
        format!("`store.database_url` {error}"),
        "set it, or `NOTICEBOT_DATABASE_URL`, for example to `sqlite://noticebot.db` or `postgres://noticebot:PASSWORD@db.example.com/noticebot`",
    ))
}

fn variable_for(key: &str) -> &'static str {
    let mut variables = variables().iter();
    let variable = variables.find(|variable| variable.key == key);
    variable.map_or("the key in the configuration file", |variable| {
        &variable.name
    })
}

fn nearest(field: &str, expected: &[&str]) -> String {
    expected
        .iter()
        .map(|known| (strsim::jaro_winkler(field, known), known))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(
            || format!("known here are {}", quoted(expected)),
            |(_, known)| format!("did you mean `{known}`?"),
        )
}

fn quoted(words: &[&str]) -> String {
    let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    words.join(", ")
}

/// The kind of value that a key takes, with an example. Keys of single commands and
/// groups take what their namesakes in `[policy]` take.
fn expected_at(path: &str) -> String {
    let keys: Vec<_> = path.split('.').collect();
    let elements = keys.iter().rposition(|key| key.parse::<usize>().is_err());
    let keys = &keys[..elements.map_or(0, |last| last + 1)];
    let default = match keys {
        [section] => defaults().get(*section),
        [section, key] | [section, .., key] => {
            let keys = defaults().get(*section).and_then(toml::Value::as_table);
            keys.and_then(|keys| keys.get(*key))
        }
        [] => None,
    };
    match (keys.last(), default) {
        (_, Some(toml::Value::Table(_)) | None) => {
            "a table, as config/default.toml shows".to_owned()
        }
        (_, Some(toml::Value::Array(_))) => {
            "a list of ids, for example `[\"ou_7d8a6e6df7621556ce0d21922b676706\"]`".to_owned()
        }
        (_, Some(toml::Value::Boolean(_))) => "`true` or `false`".to_owned(),
        (_, Some(toml::Value::Integer(number))) => {
            format!("a whole number, for example `{number}`")
        }
        (Some(&("listen" | "admin_listen")), Some(example)) => {
            format!("an IP address and a port, for example `{example}`")
        }
        (_, Some(example)) if bounds::is_duration(&keys.join(".")) => {
            format!("a duration, for example `{example}`")
        }
        (_, Some(example)) => format!("a text, for example `{example}`"),
    }
}
