//! Finds settings that are missing or invalid.

use feishu::ExtraRoots;
use feishu::long_connection::Connector;
use secrecy::ExposeSecret as _;

use super::{AppType, Config, Problem, Receive, bounds, ids};
use crate::config::unreadable::variable_for;

const CREDENTIALS: &str = "from the app's page in the developer console";
const STRATEGY: &str =
    "from \"Encryption Strategy\" under \"Events & Callbacks\" in the developer console";
const NEW_KEY: &str = "from \"Encryption Strategy\" under \"Events & Callbacks\" in the developer console, where you can create one";

pub(super) fn find(config: &Config) -> Vec<Problem> {
    let mut problems = credentials(config);
    problems.extend(match config.feishu.receive {
        Receive::LongConnection if config.feishu.app_type == AppType::Store => {
            vec![Problem::new(
                "`feishu.receive` is `long_connection`, which Feishu does not offer to store apps",
                "set `FEISHU_RECEIVE` to `webhook`",
            )]
        }
        Receive::LongConnection => proxies(config).into_iter().collect(),
        Receive::Webhook => webhook_secrets(config),
    });
    problems.extend(base_url(config));
    problems.extend(ca_file(config));
    problems.extend(bounds::find(config));
    problems.extend(ids::find(config));
    problems.extend(time_zone(config));
    problems.extend(log_filter(config));
    problems
}

/// The problems that keep the admin commands from the store.
pub(super) fn find_of_store(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    if config.feishu.app_id.trim().is_empty() {
        problems.push(Problem::new(
            "`feishu.app_id` is missing or empty",
            "set `FEISHU_APP_ID`, because a database can contain the jobs of several apps",
        ));
    }
    problems.extend(time_zone(config));
    problems.extend(ca_file(config));
    problems
}

fn ca_file(config: &Config) -> Vec<Problem> {
    let error = config.tls.extra_roots().err();
    error.map_or_else(Vec::new, |error| error.problems)
}

fn time_zone(config: &Config) -> Option<Problem> {
    let error = config.reply.time_zone().err()?;
    Some(Problem::new(
        format!("`reply.timezone` is `{}` ({error})", config.reply.timezone),
        "set it, or `NOTICEBOT_TIMEZONE`, to a name such as `Asia/Shanghai`",
    ))
}

fn log_filter(config: &Config) -> Option<Problem> {
    let filter = &config.log.filter;
    let is_valid = tracing_subscriber::EnvFilter::try_new(filter).is_ok();
    (!is_valid || has_bare_target(filter)).then(|| {
        Problem::new(
            format!("`log.filter` is `{filter}`"),
            "set it, or `NOTICEBOT_LOG`, to a level such as `info`",
        )
    })
}

/// Whether a word is not a level. It would be read as a target, and all others would be silent.
fn has_bare_target(filter: &str) -> bool {
    const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
    filter
        .split(',')
        .map(|directive| directive.trim().to_ascii_lowercase())
        .any(|directive| {
            directive.chars().all(char::is_alphanumeric) && !LEVELS.contains(&directive.as_str())
        })
}

fn credentials(config: &Config) -> Vec<Problem> {
    let secret = config.feishu.app_secret.expose_secret();
    let id = required("feishu.app_id", &config.feishu.app_id, CREDENTIALS);
    let secret = required("feishu.app_secret", secret, CREDENTIALS);
    id.into_iter().chain(secret).collect()
}

/// The problem of a value that is missing, or that was copied incompletely from the place `source`.
fn required(key: &str, value: &str, source: &str) -> Option<Problem> {
    let variable = variable_for(key);
    let (what, remedy) = if value.trim().is_empty() {
        ("is missing or empty", format!("set `{variable}` {source}"))
    } else if value.trim() != value {
        (
            "begins or ends with white space",
            format!("set `{variable}` without it"),
        )
    } else if value.contains('…') {
        (
            "is the placeholder of an example",
            format!("set `{variable}` {source}"),
        )
    } else if ['"', '\''].iter().any(|quote| is_quoted(value, *quote)) {
        // `docker run --env-file` does not remove them.
        ("is in quotes", format!("set `{variable}` without them"))
    } else {
        return None;
    };
    Some(Problem::new(format!("`{key}` {what}"), remedy))
}

fn proxies(config: &Config) -> Option<Problem> {
    let roots = ExtraRoots::default();
    let error = Connector::new(&config.proxies, roots, config.feishu.timeout).err()?;
    Some(Problem::new(
        error.to_string(),
        "set it to a URL such as `http://proxy.example:3128`, or unset it",
    ))
}

fn webhook_secrets(config: &Config) -> Vec<Problem> {
    let feishu = &config.feishu;
    let key = feishu.encrypt_key.expose_secret();
    let token = feishu.verification_token.expose_secret();
    let mut problems = Vec::from_iter(required("feishu.verification_token", token, STRATEGY));
    if !key.is_empty() || !feishu.allow_plaintext {
        problems.extend(required("feishu.encrypt_key", key, NEW_KEY));
    }
    for (key, secret) in [
        ("feishu.previous_encrypt_key", &feishu.previous_encrypt_key),
        (
            "feishu.previous_verification_token",
            &feishu.previous_verification_token,
        ),
    ] {
        let value = Some(secret.expose_secret()).filter(|value| !value.is_empty());
        problems.extend(value.and_then(|value| required(key, value, "or unset it")));
    }
    if !key.is_empty() && feishu.allow_plaintext {
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

fn base_url(config: &Config) -> Option<Problem> {
    let url = config.feishu.platform();
    let parsed = reqwest::Url::parse(url).ok();
    let has_user = |url: &reqwest::Url| !url.username().is_empty() || url.password().is_some();
    // Before all else, because the other problem quotes the URL.
    if parsed.as_ref().is_some_and(has_user) {
        return Some(Problem::new(
            "`feishu.base_url` contains a user name or a password, which the platform does not use",
            "set it, or `FEISHU_BASE_URL`, to the address alone",
        ));
    }
    let is_valid = parsed.is_some_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none()
    });
    (!is_valid).then(|| {
        Problem::new(
            format!("`feishu.base_url` is `{url}`"),
            "set it, or `FEISHU_BASE_URL`, to a URL such as `https://open.feishu.cn`, or leave it empty",
        )
    })
}
