//! Settings: compiled-in defaults, then a file, then the environment.
//!
//! No other module reads the environment. All problems are reported at once, each with
//! its key and a remedy.

use std::path::Path;

mod bounds;
mod database_url;
mod defaults;
mod env_file;
mod environment;
mod error;
mod file;
mod group_problems;
mod groups;
mod ids;
mod layers;
mod policy;
mod problem;
mod required;
mod settings;
mod sources;
mod token_keys;
mod unreadable;
mod urls;
mod variables;

pub(crate) use database_url::DatabaseUrl;
pub use database_url::{StoreUrl, UrlError};
pub use defaults::DEFAULT_TOML;
pub(crate) use env_file::EnvFile;
pub use environment::Environment;
pub use error::{ConfigError, Problem};
pub use groups::{GroupList, GroupLists, MOST_GROUPS, MOST_LISTS, is_list_name, list_name_length};
pub use ids::chat_id;
pub use policy::{
    CommandPolicies, CommandPolicy, OnDenied, PinSettingMissing, PolicyConfig, PolicyMode, Right,
    ScopePolicy,
};
pub use settings::{
    ActAs, AnnounceConfig, AppType, AuditConfig, Config, FeishuConfig, Images, LogConfig,
    LogFormat, Receive, Region, ReplyConfig, ReplyLanguage, ServerConfig, StoreConfig,
    TelemetryConfig, TlsConfig, WorkerConfig,
};
pub use sources::Sources;
pub use token_keys::TokenKey;
pub(crate) use variables::names_of;
pub use variables::{CONFIG_FILE_VARIABLE, ENV_FILE_VARIABLE, Variable, variables};

impl Config {
    /// Reads the defaults, the files and the process's environment.
    pub fn load(sources: Sources<'_>) -> Result<Self, ConfigError> {
        let environment = Environment::of_process().with_file(sources)?;
        Self::read(sources.config, &environment)
    }

    pub fn read(file: Option<&Path>, environment: &Environment) -> Result<Self, ConfigError> {
        let file = file.or_else(|| environment.get(CONFIG_FILE_VARIABLE).map(Path::new));
        let (variables, mut problems) = environment.settings();
        let mut settings = match file.map(layers::read).transpose() {
            Ok(settings) => settings.unwrap_or_default(),
            Err(error) => {
                problems.extend(error.problems);
                Vec::new()
            }
        };
        settings.extend(variables);
        let merged = layers::merge(&settings).map_err(|error| problems.extend(error.problems));
        match merged {
            Ok(mut config) if problems.is_empty() => {
                config.proxies = environment.proxies();
                config.env_file = environment.file().map(Path::to_owned);
                let origins = settings.into_iter();
                config.origins = origins
                    .map(|setting| (setting.path.join("."), setting.source))
                    .collect();
                Ok(config)
            }
            _ => Err(ConfigError { problems }),
        }
    }

    /// Whether the bot can serve with these settings.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::unless_empty(problem::find(self))
    }

    /// Whether the admin commands can open the store with these settings. They work
    /// without the app's secrets.
    pub fn validate_store(&self) -> Result<(), ConfigError> {
        ConfigError::unless_empty(problem::find_of_store(self))
    }

    /// The effective settings, without secrets.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }
}

#[cfg(test)]
mod tests;
