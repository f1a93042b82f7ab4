//! The settings as types.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use feishu::ExtraRoots;
use feishu::long_connection::ProxySettings;
use jiff::tz::TimeZone;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize, Serializer};

use crate::config::database_url::StoreUrl;
use crate::config::error::ConfigError;
use crate::config::file::read_file;
use crate::config::policy::PolicyConfig;

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
    pub database_url: StoreUrl,
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

fn hidden<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    let shown = if secret.expose_secret().is_empty() {
        ""
    } else {
        "(hidden)"
    };
    serializer.serialize_str(shown)
}
