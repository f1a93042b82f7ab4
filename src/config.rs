//! Settings: compiled-in defaults, then a file, then the environment.
//!
//! The only reader of the environment. Every problem is reported as a sentence
//! that names the key and the remedy, all of them at once.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use feishu::ExtraRoots;
use feishu::long_connection::ProxySettings;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

mod bounds;
mod database_url;
mod environment;
mod ids;
mod layers;
mod policy;
mod problem;

pub(crate) use database_url::DatabaseUrl;
pub use environment::{CONFIG_FILE_VARIABLE, Environment, Variable, variables};
pub use ids::chat_id;
pub use policy::{
    ChatPolicy, CommandPolicies, CommandPolicy, PinSettingMissing, PolicyConfig, PolicyMode,
};

/// The defaults, as a deployment would write them.
pub const DEFAULT_TOML: &str = include_str!("../config/default.toml");

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub feishu: FeishuConfig,
    pub tls: TlsConfig,
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
    pub previous_encrypt_key: SecretString,
    #[serde(serialize_with = "hidden")]
    pub verification_token: SecretString,
    #[serde(serialize_with = "hidden")]
    pub previous_verification_token: SecretString,
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

/// Whom connections to the platform and to a database trust.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    pub ca_file: String,
}

impl TlsConfig {
    /// The certificates in `ca_file`, if one is named.
    pub fn extra_roots(&self) -> Result<ExtraRoots, ConfigError> {
        if self.ca_file.is_empty() {
            return Ok(ExtraRoots::default());
        }
        let pem = read_file(
            Path::new(&self.ca_file),
            "the file that `tls.ca_file` names",
            "check `NOTICEBOT_CA_FILE` and that the bot's user may read it",
        )?;
        ExtraRoots::from_pem(pem.as_bytes()).map_err(|error| {
            ConfigError::of(
                format!("the file that `tls.ca_file` names, `{}`, is of no use ({error})", self.ca_file),
                "set `NOTICEBOT_CA_FILE` to the certificate of the authority, from its `-----BEGIN CERTIFICATE-----` on",
            )
        })
    }
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
    pub connections: usize,
    #[serde(with = "humantime_serde")]
    pub keep_finished: Duration,
    pub max_open_jobs: usize,
    pub max_open_jobs_per_chat: usize,
    pub allow_network_file: bool,
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

/// Something that is wrong with the configuration, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub what: String,
    pub remedy: String,
}

impl Problem {
    fn new(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (what, remedy) = (what.into(), remedy.into());
        Self { what, remedy }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.remedy)
    }
}

/// Everything that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    pub problems: Vec<Problem>,
}

impl ConfigError {
    /// A single problem.
    pub(crate) fn of(what: impl Into<String>, remedy: impl Into<String>) -> Self {
        let problems = vec![Problem::new(what, remedy)];
        Self { problems }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.problems.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// Reads the defaults, the file and the process's environment.
    ///
    /// The file is `file`, or what `NOTICEBOT_CONFIG` names, or none.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        Self::read(file, &Environment::of_process())
    }

    /// Like [`Config::load`], with the environment as an argument.
    pub fn read(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let file = file.map(Path::to_path_buf).or_else(|| {
            let named = environment.get(CONFIG_FILE_VARIABLE);
            named.map(PathBuf::from)
        });

        let (of_environment, mut problems) = environment.settings();
        let of_file = match file.as_deref().map(layers::read).transpose() {
            Ok(settings) => settings.unwrap_or_default(),
            Err(error) => {
                problems.extend(error.problems);
                Vec::new()
            }
        };
        let settings = [of_file, of_environment].concat();
        match layers::merge(&settings) {
            Ok(mut config) if problems.is_empty() => {
                config.proxies = environment.proxies();
                Ok(config)
            }
            Ok(_) => Err(ConfigError { problems }),
            Err(error) => {
                problems.extend(error.problems);
                Err(ConfigError { problems })
            }
        }
    }

    /// Says everything that keeps the bot from serving with these settings.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let problems = problem::find(self);
        if problems.is_empty() {
            return Ok(());
        }
        Err(ConfigError { problems })
    }

    /// Says what keeps the store from being found, and nothing else: its admin need not
    /// have the app's secrets at hand.
    pub fn validate_store(&self) -> Result<(), ConfigError> {
        let problems = problem::find_of_store(self);
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

/// The largest file that is read; bundles of certificates are smaller.
const LARGEST_FILE: u64 = 16 << 20;

fn read_file(path: &Path, what: &str, remedy: &str) -> Result<String, ConfigError> {
    let shown = path.display();
    let failed = |error: io::Error| {
        let remedy = if error.kind() == io::ErrorKind::PermissionDenied {
            let user = rustix::process::geteuid().as_raw();
            format!("let user {user} read it, for example by `chown {user} {shown}`")
        } else {
            remedy.to_owned()
        };
        let what = format!("{what}, `{shown}`, cannot be read ({error})");
        ConfigError::of(what, remedy)
    };
    if path.is_dir() {
        return Err(ConfigError::of(
            format!("{what}, `{shown}`, is a directory"),
            "name the file in it",
        ));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    let read = file.take(LARGEST_FILE + 1).read_to_end(&mut bytes);
    if read.map_err(failed)? as u64 > LARGEST_FILE {
        return Err(ConfigError::of(
            format!("{what}, `{shown}`, is larger than 16 MiB"),
            remedy,
        ));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        ConfigError::of(
            format!("{what}, `{shown}`, is not UTF-8 text"),
            "save it as UTF-8",
        )
    })?;
    // Editors of Windows begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(text.to_owned())
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
    serializer.serialize_str(&database_url::without_password(url))
}

#[cfg(test)]
mod tests;
