//! Settings: compiled-in defaults, then a file, then the environment.
//!
//! The only reader of the environment. Every problem is reported as a sentence
//! that names the key and the remedy, all of them at once.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use feishu::long_connection::ProxySettings;
use figment::providers::{Format, Toml};
use figment::{Figment, Metadata, Profile, Provider};
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

mod policy;
mod problem;

pub use policy::{
    ChatPolicy, CommandPolicies, CommandPolicy, PinSettingMissing, PolicyConfig, PolicyMode,
};

/// The defaults, as a deployment would write them.
pub const DEFAULT_TOML: &str = include_str!("../config/default.toml");

/// Environment variables and the keys that they set, in the order of the
/// configuration file.
pub const ENVIRONMENT: &[Variable] = &[
    Variable::plain("FEISHU_APP_ID", "feishu.app_id"),
    Variable::secret("FEISHU_APP_SECRET", "feishu.app_secret"),
    Variable::secret("FEISHU_ENCRYPT_KEY", "feishu.encrypt_key"),
    Variable::secret("FEISHU_VERIFICATION_TOKEN", "feishu.verification_token"),
    Variable::plain("FEISHU_REGION", "feishu.region"),
    Variable::plain("FEISHU_BASE_URL", "feishu.base_url"),
    Variable::plain("FEISHU_RECEIVE", "feishu.receive"),
    Variable::plain("FEISHU_ALLOW_PLAINTEXT", "feishu.allow_plaintext"),
    Variable::plain("NOTICEBOT_LISTEN", "server.listen"),
    Variable::plain("NOTICEBOT_ADMIN_LISTEN", "server.admin_listen"),
    Variable::secret("NOTICEBOT_DATABASE_URL", "store.database_url"),
    Variable::plain("NOTICEBOT_LANGUAGE", "reply.language"),
    Variable::plain("NOTICEBOT_TIMEZONE", "reply.timezone"),
    Variable::plain("NOTICEBOT_LOG", "log.filter"),
    Variable::plain("NOTICEBOT_LOG_FORMAT", "log.format"),
];

/// The variable that names the configuration file when `--config` does not.
pub const CONFIG_FILE_VARIABLE: &str = "NOTICEBOT_CONFIG";

/// One environment variable.
#[derive(Debug, Clone, Copy)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// The configuration key that it sets.
    pub key: &'static str,
    /// Whether `<name>_FILE` may name a file that holds the value.
    pub secret: bool,
}

impl Variable {
    const fn plain(name: &'static str, key: &'static str) -> Self {
        let secret = false;
        Self { name, key, secret }
    }

    const fn secret(name: &'static str, key: &'static str) -> Self {
        let secret = true;
        Self { name, key, secret }
    }
}

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub feishu: FeishuConfig,
    pub server: ServerConfig,
    pub store: StoreConfig,
    pub worker: WorkerConfig,
    pub policy: PolicyConfig,
    pub announce: AnnounceConfig,
    pub audit: AuditConfig,
    pub reply: ReplyConfig,
    pub log: LogConfig,
    /// The proxies of the environment, for the long connection; all other calls
    /// find them by themselves.
    #[serde(skip)]
    pub proxies: ProxySettings,
}

/// The app and the platform that it lives on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeishuConfig {
    pub app_id: String,
    #[serde(serialize_with = "hidden")]
    pub app_secret: SecretString,
    #[serde(serialize_with = "hidden")]
    pub encrypt_key: SecretString,
    #[serde(serialize_with = "hidden")]
    pub verification_token: SecretString,
    pub region: Region,
    pub base_url: String,
    pub receive: Receive,
    pub allow_plaintext: bool,
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    pub limits_factor: u32,
}

impl FeishuConfig {
    /// Where the platform is reached, without a trailing slash.
    pub fn platform(&self) -> &str {
        match (self.base_url.trim_end_matches('/'), self.region) {
            ("", Region::Feishu) => "https://open.feishu.cn",
            ("", Region::Lark) => "https://open.larksuite.com",
            (own, _) => own,
        }
    }
}

/// The two public platforms. An app lives on one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    Feishu,
    Lark,
}

/// How events come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receive {
    Webhook,
    LongConnection,
}

/// What listens.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    pub listen: SocketAddr,
    pub admin_listen: SocketAddr,
    pub max_connections: usize,
    #[serde(with = "humantime_serde")]
    pub signature_max_age: Duration,
}

/// Where jobs are kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    #[serde(serialize_with = "without_password")]
    pub database_url: String,
    #[serde(with = "humantime_serde")]
    pub keep_finished: Duration,
    pub max_open_jobs: usize,
    pub max_open_jobs_per_chat: usize,
}

/// How work is done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerConfig {
    pub concurrency: usize,
    #[serde(with = "humantime_serde")]
    pub give_up_after: Duration,
    #[serde(with = "humantime_serde")]
    pub stale_after: Duration,
    #[serde(with = "humantime_serde")]
    pub plan_grace: Duration,
}

/// How announcements look.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnnounceConfig {
    pub signature: bool,
}

/// What is remembered of what was done.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditConfig {
    pub keep_days: u16,
}

impl AuditConfig {
    /// How long changes are remembered.
    pub fn keep(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.keep_days))
    }
}

/// How the bot speaks.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyConfig {
    pub language: ReplyLanguage,
    pub timezone: String,
}

impl ReplyConfig {
    /// The time zone of the dates that the bot writes.
    pub fn time_zone(&self) -> Result<TimeZone, jiff::Error> {
        TimeZone::get(&self.timezone)
    }
}

/// The language of replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyLanguage {
    Auto,
    Zh,
    En,
}

/// What is logged and how.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    pub filter: String,
    pub format: LogFormat,
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

/// The proxies by the names that all programs know, in either case.
fn proxies(set: &impl Fn(&str) -> Option<String>) -> ProxySettings {
    let either = |name: &str| set(name).or_else(|| set(&name.to_lowercase()));
    let secret = |name| either(name).map(SecretString::from);
    ProxySettings {
        https: secret("HTTPS_PROXY"),
        http: secret("HTTP_PROXY"),
        all: secret("ALL_PROXY"),
        none_for: either("NO_PROXY").unwrap_or_default(),
    }
}

/// What is wrong with the configuration, one sentence each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    problems: Vec<String>,
}

impl ConfigError {
    fn one(problem: String) -> Self {
        let problems = vec![problem];
        Self { problems }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problems.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the defaults, the file and the process's environment.
    ///
    /// The file is `file`, or what `NOTICEBOT_CONFIG` names, or none.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "this module is the one reader of the environment"
        )]
        let environment = |name: &str| std::env::var(name).ok();
        Self::read(file, &environment)
    }

    /// Like [`Config::load`], with the environment as an argument.
    pub fn read(
        file: Option<&Path>,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        // An empty variable is an unset one: compose files pass them on empty.
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        let file = file
            .map(Path::to_path_buf)
            .or_else(|| set(CONFIG_FILE_VARIABLE).map(PathBuf::from));

        let mut layers = Figment::from(Toml::string(DEFAULT_TOML));
        if let Some(path) = &file {
            let text = read_file(
                path,
                "the configuration file",
                "check the path given by `--config` or `NOTICEBOT_CONFIG`",
            )?;
            layers = layers.merge(Named::new(Toml::string(&text), path.display().to_string()));
        }
        for variable in ENVIRONMENT {
            if let Some(value) = variable.value(&set)? {
                layers = layers.merge(Setting { variable, value });
            }
        }
        let mut config: Self = layers.extract().map_err(|error| ConfigError {
            problems: error
                .into_iter()
                .map(|one| problem::sentence(&one))
                .collect(),
        })?;
        config.proxies = proxies(&set);
        Ok(config)
    }

    /// Says everything that keeps the bot from serving with these settings.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let problems = problem::find(self);
        if problems.is_empty() {
            return Ok(());
        }
        Err(ConfigError { problems })
    }

    /// The effective settings as TOML, secrets hidden.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}

impl Variable {
    /// The value that the environment gives, directly or through a file.
    fn value(&self, set: &dyn Fn(&str) -> Option<String>) -> Result<Option<String>, ConfigError> {
        let direct = set(self.name);
        if !self.secret {
            return Ok(direct);
        }
        let file_variable = format!("{}_FILE", self.name);
        match (direct, set(&file_variable)) {
            (Some(_), Some(_)) => Err(ConfigError::one(format!(
                "both `{}` and `{file_variable}` are set: unset one of them",
                self.name
            ))),
            (None, Some(path)) => {
                let remedy = "check the path and that the bot's user may read it";
                let text = read_file(
                    Path::new(&path),
                    &format!("the file that `{file_variable}` names"),
                    remedy,
                )?;
                Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
            }
            (direct, None) => Ok(direct),
        }
    }
}

fn read_file(path: &Path, what: &str, remedy: &str) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|error| {
        let path = path.display();
        ConfigError::one(format!(
            "{what}, `{path}`, cannot be read ({error}): {remedy}"
        ))
    })
}

/// A layer under the name that problems quote.
struct Named<P> {
    layer: P,
    name: String,
}

impl<P> Named<P> {
    fn new(layer: P, name: String) -> Self {
        Self { layer, name }
    }
}

impl<P: Provider> Provider for Named<P> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }

    fn data(&self) -> Result<figment::value::Map<Profile, figment::value::Dict>, figment::Error> {
        self.layer.data()
    }
}

/// One key set by the environment.
struct Setting<'a> {
    variable: &'a Variable,
    value: String,
}

impl Provider for Setting<'_> {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.variable.name)
    }

    fn data(&self) -> Result<figment::value::Map<Profile, figment::value::Dict>, figment::Error> {
        let value = match self.value.to_ascii_lowercase().as_str() {
            // The environment has no booleans; only one key is one.
            "true" | "1" if self.variable.key == "feishu.allow_plaintext" => true.into(),
            "false" | "0" if self.variable.key == "feishu.allow_plaintext" => false.into(),
            _ => figment::value::Value::from(self.value.clone()),
        };
        let nested = figment::util::nest(self.variable.key, value);
        let dict = nested.into_dict().unwrap_or_default();
        Ok(figment::value::Map::from([(Profile::Default, dict)]))
    }
}

fn hidden<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    let shown = if secret.expose_secret().is_empty() {
        ""
    } else {
        "(hidden)"
    };
    serializer.serialize_str(shown)
}

fn without_password<S: Serializer>(url: &str, serializer: S) -> Result<S::Ok, S::Error> {
    match reqwest::Url::parse(url) {
        Ok(mut parsed) if parsed.password().is_some() => {
            // Only a URL without a host refuses a password, and such a one has none.
            let _ = parsed.set_password(Some("(hidden)"));
            serializer.serialize_str(parsed.as_str())
        }
        _ => serializer.serialize_str(url),
    }
}

#[cfg(test)]
mod tests;
