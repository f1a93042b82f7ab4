//! Settings: compiled-in defaults, then a file, then the environment.
//!
//! The only reader of the environment. Every problem is reported as a sentence
//! that names the key and the remedy, all of them at once.

use std::path::{Path, PathBuf};

mod bounds;
mod database_url;
mod defaults;
mod environment;
mod error;
mod file;
mod ids;
mod layers;
mod policy;
mod problem;
mod settings;
mod unreadable;
mod variables;

pub(crate) use database_url::DatabaseUrl;
pub use database_url::{StoreUrl, UrlError};
pub use defaults::DEFAULT_TOML;
pub use environment::Environment;
pub use error::{ConfigError, Problem};
pub use ids::chat_id;
pub use policy::{
    ChatPolicy, CommandPolicies, CommandPolicy, PinSettingMissing, PolicyConfig, PolicyMode, Right,
};
pub use settings::{
    AnnounceConfig, AuditConfig, Config, FeishuConfig, LogConfig, LogFormat, Receive, Region,
    ReplyConfig, ReplyLanguage, ServerConfig, StoreConfig, TlsConfig, WorkerConfig,
};
pub use variables::{CONFIG_FILE_VARIABLE, Variable, variables};

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

#[cfg(test)]
mod tests;
