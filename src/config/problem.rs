//! What is wrong with the settings, in sentences that name the key and the
//! remedy.

use feishu::ExtraRoots;
use feishu::long_connection::Connector;
use secrecy::ExposeSecret;

use super::{Config, ConfigError, FeishuConfig, Problem, Receive, bounds, ids};
use crate::config::unreadable::variable_for;

/// Everything that keeps the bot from serving.
pub(super) fn find(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(credentials(config));
    problems.extend(platform(config));
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
    let app_secret = feishu.app_secret.expose_secret();
    let required = [
        required("feishu.app_id", &feishu.app_id, console),
        required("feishu.app_secret", app_secret, console),
    ];
    let mut problems: Vec<_> = required.into_iter().flatten().collect();
    if feishu.receive == Receive::LongConnection {
        let connector = Connector::new(&config.proxies, ExtraRoots::default(), feishu.timeout);
        problems.extend(connector.err().map(|error| {
            let remedy = "set it to a URL such as `http://proxy.example:3128`, or unset it";
            Problem::new(error.to_string(), remedy)
        }));
    } else {
        problems.extend(webhook(feishu));
    }
    problems
}

/// What is wrong with the secrets of a webhook.
fn webhook(feishu: &FeishuConfig) -> Vec<Problem> {
    let subscription =
        "from \"Encryption Strategy\" under \"Events & Callbacks\" in the developer console";
    let token = feishu.verification_token.expose_secret();
    let token = required("feishu.verification_token", token, subscription);
    let mut problems: Vec<_> = token.into_iter().collect();
    let key = feishu.encrypt_key.expose_secret();
    let has_key = !key.is_empty();
    if has_key || !feishu.allow_plaintext {
        let where_from = format!("{subscription}, where you can make one");
        problems.extend(required("feishu.encrypt_key", key, &where_from));
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
            problems.extend(required(key, previous, "or unset it"));
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

/// What is wrong with a value that must be set.
fn required(key: &str, value: &str, where_from: &str) -> Option<Problem> {
    let variable = variable_for(key);
    let (what, remedy) = if value.trim().is_empty() {
        ("is missing or empty", where_from)
    } else if value.trim() != value {
        ("begins or ends with white space", "without it")
    } else if value.contains('…') {
        ("is the placeholder of an example", where_from)
    } else if ['"', '\''].iter().any(|quote| is_quoted(value, *quote)) {
        // `docker run --env-file` does not take them off.
        ("is in quotes", "without them")
    } else {
        return None;
    };
    Some(Problem::new(
        format!("`{key}` {what}"),
        format!("set `{variable}` {remedy}"),
    ))
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
