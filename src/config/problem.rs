//! Finds settings that are missing or invalid.

use feishu::ExtraRoots;
use feishu::long_connection::Connector;
use secrecy::ExposeSecret as _;

use super::{AppType, Config, Problem, Receive, bounds, group_problems, ids};
use crate::config::required::required;
use crate::config::urls;

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
    problems.extend(token_keys(config));
    problems.extend(urls::find(config));
    problems.extend(ca_file(config));
    problems.extend(bounds::find(config));
    problems.extend(ids::find(config));
    problems.extend(group_problems::find(&config.groups));
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

fn token_keys(config: &Config) -> Vec<Problem> {
    let error = config.feishu.token_keys().err();
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
