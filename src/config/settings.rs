//! The types of all settings; config/default.toml describes each key.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use feishu::long_connection::ProxySettings;
use feishu::{AppKind, ExtraRoots};
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::config::database_url::StoreUrl;
use crate::config::error::ConfigError;
use crate::config::file::read_file;
use crate::config::groups::GroupLists;
use crate::config::policy::PolicyConfig;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub feishu: FeishuConfig,
    pub tls: TlsConfig,
    pub server: ServerConfig,
    pub store: StoreConfig,
    pub worker: WorkerConfig,
    pub policy: PolicyConfig,
    pub pin: PinConfig,
    pub announce: AnnounceConfig,
    pub groups: GroupLists,
    pub audit: AuditConfig,
    pub reply: ReplyConfig,
    pub log: LogConfig,
    pub telemetry: TelemetryConfig,
    /// For the long connection. The HTTP client of all other calls reads the environment itself.
    #[serde(skip)]
    pub proxies: ProxySettings,
    /// The file with environment variables, which may be missing.
    #[serde(skip)]
    pub env_file: Option<PathBuf>,
    /// Where each key that is not at its default was set: a variable, or a line of a file.
    #[serde(skip)]
    pub origins: BTreeMap<String, String>,
}

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
    pub app_type: AppType,
    pub act_as: ActAs,
    #[serde(serialize_with = "hidden")]
    pub token_key: SecretString,
    #[serde(serialize_with = "hidden")]
    pub previous_token_key: SecretString,
    pub region: Region,
    pub base_url: String,
    pub accounts_url: String,
    pub receive: Receive,
    pub allow_plaintext: bool,
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    pub limits_factor: u32,
}

impl FeishuConfig {
    /// The base URL, without a trailing slash.
    pub fn platform(&self) -> &str {
        match (self.base_url.trim_end_matches('/'), self.region) {
            ("", Region::Feishu) => "https://open.feishu.cn",
            ("", Region::Lark) => "https://open.larksuite.com",
            (url, _) => url,
        }
    }

    /// The base URL of the host where members consent, without a trailing slash.
    pub fn accounts(&self) -> String {
        match self.accounts_url.trim_end_matches('/') {
            "" => feishu::accounts_url(self.platform()),
            url => url.to_owned(),
        }
    }
}

/// Whether the app was built by a tenant for itself, or is installed from the app store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppType {
    Custom,
    Store,
}

impl From<AppType> for AppKind {
    fn from(app_type: AppType) -> Self {
        match app_type {
            AppType::Custom => Self::Custom,
            AppType::Store => Self::Store,
        }
    }
}

/// As whom the bot pins and announces. It always replies as itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActAs {
    Bot,
    /// The author of the command.
    Member,
}

/// The public platform on which the app was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    Feishu,
    Lark,
}

/// How events are received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Receive {
    Webhook,
    LongConnection,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    pub ca_file: String,
}

impl TlsConfig {
    /// The certificates in `ca_file`; empty if it is not set.
    pub fn extra_roots(&self) -> Result<ExtraRoots, ConfigError> {
        if self.ca_file.is_empty() {
            return Ok(ExtraRoots::default());
        }
        let pem = read_file(
            Path::new(&self.ca_file),
            "the file that `tls.ca_file` names",
            "check `NOTICEBOT_CA_FILE`, and that the bot's user can read the file",
        )?;
        ExtraRoots::from_pem(pem.as_bytes()).map_err(|error| {
            ConfigError::of(
                format!("the file that `tls.ca_file` names, `{}`, cannot be used ({error})", self.ca_file),
                "set `NOTICEBOT_CA_FILE` to a file with the certificate of the authority in PEM format",
            )
        })
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    pub listen: SocketAddr,
    pub admin_listen: SocketAddr,
    #[serde(serialize_with = "hidden")]
    pub admin_token: SecretString,
    /// Separated by commas.
    pub admin_hosts: String,
    pub public_url: String,
    pub max_connections: usize,
    #[serde(with = "humantime_serde")]
    pub signature_max_age: Duration,
}

impl ServerConfig {
    /// The names in `admin_hosts`.
    pub(crate) fn admin_host_names(&self) -> Vec<String> {
        let names = self.admin_hosts.split(',').map(str::trim);
        let names = names.filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    pub database_url: StoreUrl,
    pub connections: usize,
    #[serde(with = "humantime_serde")]
    pub keep_finished: Duration,
    pub max_open_jobs: usize,
    pub max_open_jobs_per_chat: usize,
    pub allow_network_file: bool,
}

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
    #[serde(with = "humantime_serde")]
    pub consent_wait: Duration,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinConfig {
    pub by_reaction: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnnounceConfig {
    pub signature: bool,
    pub images: Images,
}

/// Whether images and files are copied into announcements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Images {
    /// Where the platform allows it.
    Auto,
    Off,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditConfig {
    pub keep_days: u16,
}

impl AuditConfig {
    pub fn keep(&self) -> Duration {
        Duration::from_hours(24 * u64::from(self.keep_days))
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyConfig {
    pub language: ReplyLanguage,
    pub timezone: String,
    pub private: bool,
}

impl ReplyConfig {
    pub fn time_zone(&self) -> Result<TimeZone, jiff::Error> {
        TimeZone::get(&self.timezone)
    }
}

/// `Auto` is the language of the command.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ReplyLanguage {
    Auto,
    Zh,
    En,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    pub otlp_endpoint: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    pub filter: String,
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

fn hidden<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    let shown = if secret.expose_secret().is_empty() {
        ""
    } else {
        "(hidden)"
    };
    serializer.serialize_str(shown)
}
