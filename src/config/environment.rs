//! The environment: which variables set which keys, and which names are refused.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use feishu::long_connection::ProxySettings;
use secrecy::SecretString;

use super::layers::{Setting, defaults};
use super::{ConfigError, Problem, read_file};

mod names;

/// Keys whose variable has a documented name of its own. Every other scalar
/// key `section.key` is set by `NOTICEBOT_SECTION_KEY`, which these accept too.
const SHORT_NAMES: &[(&str, &str)] = &[
    ("FEISHU_APP_ID", "feishu.app_id"),
    ("FEISHU_APP_SECRET", "feishu.app_secret"),
    ("FEISHU_ENCRYPT_KEY", "feishu.encrypt_key"),
    ("FEISHU_PREVIOUS_ENCRYPT_KEY", "feishu.previous_encrypt_key"),
    ("FEISHU_VERIFICATION_TOKEN", "feishu.verification_token"),
    (
        "FEISHU_PREVIOUS_VERIFICATION_TOKEN",
        "feishu.previous_verification_token",
    ),
    ("FEISHU_REGION", "feishu.region"),
    ("FEISHU_BASE_URL", "feishu.base_url"),
    ("FEISHU_RECEIVE", "feishu.receive"),
    ("FEISHU_ALLOW_PLAINTEXT", "feishu.allow_plaintext"),
    ("NOTICEBOT_CA_FILE", "tls.ca_file"),
    ("NOTICEBOT_LISTEN", "server.listen"),
    ("NOTICEBOT_ADMIN_LISTEN", "server.admin_listen"),
    ("NOTICEBOT_DATABASE_URL", "store.database_url"),
    ("NOTICEBOT_LANGUAGE", "reply.language"),
    ("NOTICEBOT_TIMEZONE", "reply.timezone"),
    ("NOTICEBOT_LOG", "log.filter"),
    ("NOTICEBOT_LOG_FORMAT", "log.format"),
];

/// Keys whose value `<name>_FILE` can read from a file.
const SECRETS: &[&str] = &[
    "feishu.app_secret",
    "feishu.encrypt_key",
    "feishu.previous_encrypt_key",
    "feishu.verification_token",
    "feishu.previous_verification_token",
    "store.database_url",
];

/// The variable that names the configuration file when `--config` does not.
pub const CONFIG_FILE_VARIABLE: &str = "NOTICEBOT_CONFIG";

/// The environment variable of one key.
#[derive(Debug, Clone)]
pub struct Variable {
    /// The documented name, such as `FEISHU_APP_ID`.
    pub name: String,
    /// The key, such as `feishu.app_id`.
    pub key: String,
    /// Whether `<name>_FILE` can name a file that holds the value.
    pub secret: bool,
    /// The value that the key has in config/default.toml.
    default: toml::Value,
}

impl Variable {
    /// The name that every scalar key has, such as `NOTICEBOT_FEISHU_APP_ID`.
    pub fn full_name(&self) -> String {
        full_name(&self.key)
    }

    /// All names that set the key directly.
    fn names(&self) -> Vec<String> {
        let mut names = vec![self.name.clone(), self.full_name()];
        names.dedup();
        names
    }

    /// All names that set the key through a file.
    fn file_names(&self) -> Vec<String> {
        let names = self.names().into_iter().filter(|_| self.secret);
        names.map(|name| format!("{name}_FILE")).collect()
    }

    /// The environment holds text; a key that is a number or a boolean is none.
    fn typed(&self, text: String) -> toml::Value {
        match (&self.default, text.to_ascii_lowercase().as_str()) {
            (toml::Value::Boolean(_), "true" | "1") => true.into(),
            (toml::Value::Boolean(_), "false" | "0") => false.into(),
            (toml::Value::Integer(_), number) => match number.parse::<i64>() {
                Ok(number) => number.into(),
                Err(_) => text.into(),
            },
            _ => text.into(),
        }
    }
}

/// The variable of every scalar key, in the order of config/default.toml.
pub fn variables() -> &'static [Variable] {
    static VARIABLES: LazyLock<Vec<Variable>> = LazyLock::new(|| {
        let scalar = |(key, default): (String, toml::Value)| {
            let scalar = !default.is_array() && !default.is_table();
            scalar.then(|| variable(key, default))
        };
        keys().filter_map(scalar).collect()
    });
    &VARIABLES
}

fn variable(key: String, default: toml::Value) -> Variable {
    let short = SHORT_NAMES.iter().find(|(_, of_key)| *of_key == key);
    Variable {
        name: short.map_or_else(|| full_name(&key), |(name, _)| (*name).to_owned()),
        secret: SECRETS.contains(&key.as_str()),
        key,
        default,
    }
}

/// Every `section.key` with its default.
fn keys() -> impl Iterator<Item = (String, toml::Value)> {
    let sections = defaults().iter();
    sections.flat_map(|(section, keys)| {
        let keys = keys.as_table().into_iter().flatten();
        keys.map(move |(key, default)| (format!("{section}.{key}"), default.clone()))
    })
}

fn full_name(key: &str) -> String {
    format!("NOTICEBOT_{}", key.replace('.', "_").to_ascii_uppercase())
}

/// The variables of a process.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    pub(super) texts: BTreeMap<String, String>,
    /// The names of those whose values are not UTF-8.
    pub(super) not_text: Vec<String>,
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let owned = |(name, value): (N, V)| (name.into(), value.into());
        Self {
            texts: variables.into_iter().map(owned).collect(),
            not_text: Vec::new(),
        }
    }
}

impl Environment {
    /// The variables of this process.
    pub(super) fn of_process() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "this module is the one reader of the environment"
        )]
        let variables = std::env::vars_os();
        let mut environment = Self::default();
        for (name, value) in variables {
            let name = name.to_string_lossy().into_owned();
            match value.into_string() {
                Ok(value) => drop(environment.texts.insert(name, value)),
                Err(_) => environment.not_text.push(name),
            }
        }
        environment
    }

    /// An empty variable is an unset one: compose files pass variables on empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.texts.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// Every key that a variable sets, and what is wrong with the variables.
    pub(super) fn settings(&self) -> (Vec<Setting>, Vec<Problem>) {
        let texts = self.texts.iter();
        let unknown = texts.filter_map(|(name, value)| names::refused(name, value));
        let mut problems: Vec<Problem> = unknown.collect();
        let ours = self.not_text.iter().filter(|name| names::is_ours(name));
        problems.extend(ours.map(|name| {
            Problem::new(
                format!("the value of the variable `{name}` is not UTF-8 text"),
                "set it again, or unset it",
            )
        }));
        let mut settings = Vec::new();
        for variable in variables() {
            match self.setting(variable) {
                Ok(setting) => settings.extend(setting),
                Err(error) => problems.extend(error.problems),
            }
        }
        (settings, problems)
    }

    /// The proxies by the names that all programs know, in either case.
    pub(super) fn proxies(&self) -> ProxySettings {
        let either = |name: &str| self.get(name).or_else(|| self.get(&name.to_lowercase()));
        let secret = |name| either(name).map(SecretString::from);
        ProxySettings {
            https: secret("HTTPS_PROXY"),
            http: secret("HTTP_PROXY"),
            all: secret("ALL_PROXY"),
            none_for: either("NO_PROXY").unwrap_or_default().to_owned(),
        }
    }

    /// The value of a key, from a variable or from the file that one names.
    fn setting(&self, variable: &Variable) -> Result<Option<Setting>, ConfigError> {
        let direct = variable.names().into_iter();
        let files = variable.file_names().into_iter();
        let candidates = direct
            .map(|name| (name, false))
            .chain(files.map(|name| (name, true)));
        let set: Vec<_> = candidates
            .filter_map(|(name, is_file)| Some((self.get(&name)?, name, is_file)))
            .collect();
        let (value, name, is_file) = match &set[..] {
            [] => return Ok(None),
            [one] => one,
            [(_, one, _), (_, other, _), ..] => {
                return Err(ConfigError::of(
                    format!("both `{one}` and `{other}` are set"),
                    "unset one of them",
                ));
            }
        };
        let text = if *is_file {
            secret_in_file(name, value)?
        } else {
            (*value).to_owned()
        };
        if text.trim() != text {
            return Err(ConfigError::of(
                format!("the value of `{name}` begins or ends with white space"),
                "set it without white space, or unset it",
            ));
        }
        let path = variable.key.split('.').map(str::to_owned).collect();
        Ok(Some(Setting {
            path,
            value: variable.typed(text),
            source: format!("`{name}`"),
        }))
    }
}

/// The secret in the file that a variable names.
fn secret_in_file(variable: &str, path: &str) -> Result<String, ConfigError> {
    let text = read_file(
        Path::new(path),
        &format!("the file that `{variable}` names"),
        "check the path and that the bot's user can read the file",
    )?;
    let value = text.trim_end_matches(['\r', '\n']);
    if value.contains(['\r', '\n']) {
        return Err(ConfigError::of(
            format!("the file that `{variable}` names has several lines"),
            "write only the value into it",
        ));
    }
    Ok(value.to_owned())
}
