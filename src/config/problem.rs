//! What is wrong with the settings, in sentences that name the key and the
//! remedy.

use std::time::Duration;

use feishu::ExtraRoots;
use feishu::long_connection::Connector;
use figment::error::Kind;
use secrecy::ExposeSecret;

use super::{Config, ConfigError, DEFAULT_TOML, ENVIRONMENT, Problem, Receive};
use crate::store::DatabaseUrl;

/// A larger number is a slip of the pen.
const MOST: usize = 1_000_000;
/// A longer duration is a slip of the pen.
const LONGEST: Duration = Duration::from_hours(365 * 24);
/// The platform delivers an event again for up to 7 h 05 min.
const REDELIVERY: Duration = Duration::from_hours(8);

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
        // The parser's message goes on with the line itself, which may hold a secret.
        Kind::Message(message) if path.is_empty() => Problem::new(
            format!(
                "the configuration{place} cannot be read ({})",
                message.lines().next().unwrap_or_default()
            ),
            "mend it as config/default.toml shows",
        ),
        _ => Problem::new(
            format!("`{path}`{place} does not fit"),
            format!("write it like {}", default_of(&path)),
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
    problems.extend(numbers(config));
    problems.extend(chats(config));
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

fn platform(config: &Config) -> Option<Problem> {
    let url = config.feishu.platform();
    let good = reqwest::Url::parse(url).is_ok_and(|url| {
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

fn numbers(config: &Config) -> Vec<Problem> {
    let counts = [
        (
            "feishu.limits_factor",
            1,
            config.feishu.limits_factor as usize,
        ),
        ("server.max_connections", 1, config.server.max_connections),
        // One listens, and who waits for another may not hold the last.
        ("store.connections", 3, config.store.connections),
        ("store.max_open_jobs", 1, config.store.max_open_jobs),
        (
            "store.max_open_jobs_per_chat",
            1,
            config.store.max_open_jobs_per_chat,
        ),
        ("worker.concurrency", 1, config.worker.concurrency),
    ];
    let durations = [
        ("feishu.timeout", config.feishu.timeout),
        ("server.signature_max_age", config.server.signature_max_age),
        ("store.keep_finished", config.store.keep_finished),
        ("worker.give_up_after", config.worker.give_up_after),
    ];
    let out_of_bounds = counts
        .into_iter()
        .filter(|(_, least, number)| !(*least..=MOST).contains(number));
    let odd = durations
        .into_iter()
        .filter(|(_, duration)| duration.is_zero() || *duration > LONGEST);
    let keep = config.store.keep_finished;
    let too_short = keep < REDELIVERY.max(config.server.signature_max_age);
    out_of_bounds
        .map(|(key, least, number)| {
            let remedy = format!("set it to a number from {least} to {MOST}");
            Problem::new(format!("`{key}` is {number}"), remedy)
        })
        .chain(odd.map(|(key, _)| {
            let what = format!("`{key}` is 0 or longer than a year");
            Problem::new(what, "set it to a duration such as `10s`")
        }))
        .chain(too_short.then(|| {
            Problem::new(
                "`store.keep_finished` is shorter than `server.signature_max_age`, or than the 8h in which the platform may deliver again",
                "make it longer, or a command could be carried out twice",
            )
        }))
        .collect()
}

fn chats(config: &Config) -> impl Iterator<Item = Problem> {
    let ids = config.policy.chats.keys();
    ids.filter(|id| !is_chat_id(id)).map(|id| {
        Problem::new(
            format!("`policy.chats` holds `{id}`, which is no group's id"),
            "write the group's `oc_…`, which the log names at each of its commands as `chat.id`",
        )
    })
}

fn is_chat_id(id: &str) -> bool {
    id.strip_prefix("oc_").is_some_and(|rest| {
        let part_of_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        !rest.is_empty() && rest.chars().all(part_of_id)
    })
}

fn variable_for(key: &str) -> &'static str {
    ENVIRONMENT
        .iter()
        .find(|variable| variable.key == key)
        .map_or("the key in the configuration file", |variable| {
            variable.name
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

/// The default of a key, as an example of its form. What stands for single
/// commands and groups has the form of its namesake above them.
fn default_of(path: &str) -> String {
    let defaults: Option<toml::Table> = toml::from_str(DEFAULT_TOML).ok();
    let default = defaults.as_ref().and_then(|sections| {
        let (section, rest) = path.split_once('.')?;
        let ([key] | [_, _, .., key]) = rest.split('.').collect::<Vec<_>>()[..] else {
            return None;
        };
        sections.get(section)?.get(key)
    });
    default.map_or_else(
        || "config/default.toml shows".to_owned(),
        |value| format!("`{value}`"),
    )
}
