//! Reads settings and proxies from environment variables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use feishu::long_connection::ProxySettings;
use secrecy::SecretString;

use super::layers::Setting;
use super::{ConfigError, Problem};
use crate::config::env_file::EnvFile;
use crate::config::file::read_file;
use crate::config::sources::Sources;
use crate::config::variables::{ENV_FILE_VARIABLE, Variable, variables};

mod names;

#[derive(Debug, Clone, Default)]
pub struct Environment {
    pub(super) texts: BTreeMap<String, String>,
    /// The names of variables whose values are not UTF-8.
    pub(super) not_text: Vec<String>,
    /// The file with more variables.
    pub(super) file: Option<PathBuf>,
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let owned = |(name, value): (N, V)| (name.into(), value.into());
        Self {
            texts: variables.into_iter().map(owned).collect(),
            not_text: Vec::new(),
            file: None,
        }
    }
}

impl Environment {
    pub(super) fn of_process() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "only this module reads the environment"
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

    /// Adds our variables of a file, unless the process has them.
    pub(super) fn with_file(mut self, sources: Sources<'_>) -> Result<Self, ConfigError> {
        let named = self.get(ENV_FILE_VARIABLE).map(PathBuf::from);
        let may_be_missing = sources.env_file.is_none() || sources.default_env_file.is_some();
        let file = sources.env_file.map(Path::to_owned).or(named);
        let file = file.or_else(|| sources.default_env_file.map(Path::to_owned));
        let Some(path) = &file else {
            return Ok(self);
        };
        if path.exists() || !may_be_missing {
            let text = read_file(
                path,
                "the file with environment variables",
                "check the path that `--env-file` or `NOTICEBOT_ENV_FILE` gives",
            )?;
            let file = EnvFile::parse(&text);
            let ours = file.variables().filter(|(name, _)| names::is_ours(name));
            let new: BTreeMap<_, _> = ours.filter(|(name, _)| self.get(name).is_none()).collect();
            let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            self.texts.extend(new.into_iter().map(owned));
        }
        self.file = file;
        Ok(self)
    }

    /// The file with more variables.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// An empty variable counts as unset: compose files pass unset variables as empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.texts.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// The keys that variables set, and the problems of all variables.
    pub(super) fn settings(&self) -> (Vec<Setting>, Vec<Problem>) {
        let texts = self.texts.iter();
        let unknown = texts.filter_map(|(name, value)| names::problem(name, value));
        let mut problems: Vec<Problem> = unknown.collect();
        let ours = self.not_text.iter().filter(|name| names::is_ours(name));
        problems.extend(ours.map(|name| {
            Problem::new(
                format!("the value of the variable `{name}` is not UTF-8 text"),
                "set it to UTF-8 text, or unset it",
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

    /// Reads the usual variables, such as `HTTPS_PROXY`, in upper or lower case.
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

    /// The value of a key, from a variable or from the file that a variable names.
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
            "write only the value to the file",
        ));
    }
    Ok(value.to_owned())
}
