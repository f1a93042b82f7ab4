//! The environment variable of each key.

use std::sync::LazyLock;

use crate::config::defaults::defaults;

/// Keys whose documented variable has a short name. They accept the name of all other scalar keys,
/// `NOTICEBOT_SECTION_KEY`, too.
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
    ("FEISHU_ACCOUNTS_URL", "feishu.accounts_url"),
    ("FEISHU_APP_TYPE", "feishu.app_type"),
    ("FEISHU_ACT_AS", "feishu.act_as"),
    ("NOTICEBOT_TOKEN_KEY", "feishu.token_key"),
    ("NOTICEBOT_PREVIOUS_TOKEN_KEY", "feishu.previous_token_key"),
    ("FEISHU_RECEIVE", "feishu.receive"),
    ("FEISHU_ALLOW_PLAINTEXT", "feishu.allow_plaintext"),
    ("NOTICEBOT_CA_FILE", "tls.ca_file"),
    ("NOTICEBOT_LISTEN", "server.listen"),
    ("NOTICEBOT_ADMIN_LISTEN", "server.admin_listen"),
    ("NOTICEBOT_ADMIN_TOKEN", "server.admin_token"),
    ("NOTICEBOT_ADMIN_HOSTS", "server.admin_hosts"),
    ("NOTICEBOT_PUBLIC_URL", "server.public_url"),
    ("NOTICEBOT_DATABASE_URL", "store.database_url"),
    ("NOTICEBOT_LANGUAGE", "reply.language"),
    ("NOTICEBOT_TIMEZONE", "reply.timezone"),
    ("NOTICEBOT_LOG", "log.filter"),
    ("NOTICEBOT_LOG_FORMAT", "log.format"),
];

/// Keys whose value can be in the file that `<name>_FILE` names.
const SECRETS: &[&str] = &[
    "feishu.app_secret",
    "feishu.encrypt_key",
    "feishu.previous_encrypt_key",
    "feishu.verification_token",
    "feishu.previous_verification_token",
    "feishu.token_key",
    "feishu.previous_token_key",
    "server.admin_token",
    "store.database_url",
];

/// Names the configuration file, unless `--config` does.
pub const CONFIG_FILE_VARIABLE: &str = "NOTICEBOT_CONFIG";

/// Names a file with environment variables, unless `--env-file` does.
pub const ENV_FILE_VARIABLE: &str = "NOTICEBOT_ENV_FILE";

#[derive(Debug, Clone)]
pub struct Variable {
    /// The documented name, such as `FEISHU_APP_ID`.
    pub name: String,
    /// The key, such as `feishu.app_id`.
    pub key: String,
    /// Whether `<name>_FILE` can name a file that contains the value.
    pub secret: bool,
    /// The value in config/default.toml.
    pub(crate) default: toml::Value,
}

impl Variable {
    /// Such as `NOTICEBOT_FEISHU_APP_ID`.
    pub fn full_name(&self) -> String {
        full_name(&self.key)
    }

    /// The names of variables that contain the value.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = vec![self.name.clone(), self.full_name()];
        names.dedup();
        names
    }

    /// The names of variables that name a file with the value.
    pub(crate) fn file_names(&self) -> Vec<String> {
        let names = self.names().into_iter().filter(|_| self.secret);
        names.map(|name| format!("{name}_FILE")).collect()
    }

    /// Converts the value of a variable to the type of the key; invalid text stays text.
    pub(crate) fn typed(&self, text: String) -> toml::Value {
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

/// All names of variables that set what the one with this documented name sets.
pub(crate) fn names_of(name: &str) -> Vec<String> {
    let variable = variables().iter().find(|variable| variable.name == name);
    let names = |variable: &Variable| [variable.names(), variable.file_names()].concat();
    variable.map_or_else(|| vec![name.to_owned()], names)
}

pub(crate) fn variable(key: String, default: toml::Value) -> Variable {
    let short = SHORT_NAMES.iter().find(|(_, of_key)| *of_key == key);
    Variable {
        name: short.map_or_else(|| full_name(&key), |(name, _)| (*name).to_owned()),
        secret: SECRETS.contains(&key.as_str()),
        key,
        default,
    }
}

/// Every `section.key` with its default.
pub(crate) fn keys() -> impl Iterator<Item = (String, toml::Value)> {
    let sections = defaults().iter();
    sections.flat_map(|(section, keys)| {
        let keys = keys.as_table().into_iter().flatten();
        keys.map(move |(key, default)| (format!("{section}.{key}"), default.clone()))
    })
}

pub(crate) fn full_name(key: &str) -> String {
    format!("NOTICEBOT_{}", key.replace('.', "_").to_ascii_uppercase())
}
