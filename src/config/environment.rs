//! The environment: which variables set which keys, and which are misspelt.

use std::collections::BTreeMap;
use std::path::Path;

use feishu::long_connection::ProxySettings;
use figment::{Metadata, Profile, Provider};
use secrecy::SecretString;

use super::{ConfigError, Problem, read_file};

/// Environment variables and the keys that they set, in the order of the
/// configuration file.
pub const ENVIRONMENT: &[Variable] = &[
    Variable::plain("FEISHU_APP_ID", "feishu.app_id"),
    Variable::secret("FEISHU_APP_SECRET", "feishu.app_secret"),
    Variable::secret("FEISHU_ENCRYPT_KEY", "feishu.encrypt_key"),
    Variable::secret("FEISHU_PREVIOUS_ENCRYPT_KEY", "feishu.previous_encrypt_key"),
    Variable::secret("FEISHU_VERIFICATION_TOKEN", "feishu.verification_token"),
    Variable::secret(
        "FEISHU_PREVIOUS_VERIFICATION_TOKEN",
        "feishu.previous_verification_token",
    ),
    Variable::plain("FEISHU_REGION", "feishu.region"),
    Variable::plain("FEISHU_BASE_URL", "feishu.base_url"),
    Variable::plain("FEISHU_RECEIVE", "feishu.receive"),
    Variable::plain("FEISHU_ALLOW_PLAINTEXT", "feishu.allow_plaintext"),
    Variable::plain("NOTICEBOT_CA_FILE", "tls.ca_file"),
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

/// All that the names of our variables begin with.
const PREFIXES: [&str; 2] = ["FEISHU_", "NOTICEBOT_"];

/// The variables of a process.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        let owned = |(name, value): (N, V)| (name.into(), value.into());
        Self(variables.into_iter().map(owned).collect())
    }
}

impl Environment {
    /// Those of this process that are text.
    pub(super) fn of_process() -> Self {
        #[expect(
            clippy::disallowed_methods,
            reason = "this module is the one reader of the environment"
        )]
        let variables = std::env::vars_os();
        variables
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// An empty variable is an unset one: compose files pass them on empty.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// Every key that a variable sets.
    pub(super) fn settings(&self) -> Result<Vec<Setting>, ConfigError> {
        let misspelt: Vec<Problem> = self.0.keys().filter_map(|name| misspelt(name)).collect();
        if !misspelt.is_empty() {
            return Err(ConfigError { problems: misspelt });
        }
        let mut settings = Vec::new();
        for variable in ENVIRONMENT {
            if let Some(value) = self.value(variable)? {
                settings.push(Setting { variable, value });
            }
        }
        Ok(settings)
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

    /// What a variable says, directly or through a file.
    fn value(&self, variable: &Variable) -> Result<Option<String>, ConfigError> {
        let direct = self.get(variable.name).map(str::to_owned);
        if !variable.secret {
            return Ok(direct);
        }
        let file_variable = variable.file();
        match (direct, self.get(&file_variable)) {
            (Some(_), Some(_)) => Err(ConfigError::of(
                format!("both `{}` and `{file_variable}` are set", variable.name),
                "unset one of them",
            )),
            (None, Some(path)) => {
                let text = read_file(
                    Path::new(path),
                    &format!("the file that `{file_variable}` names"),
                    "check the path and that the bot's user may read it",
                )?;
                let value = text.trim_end_matches(['\r', '\n']);
                if value.contains(['\r', '\n']) {
                    return Err(ConfigError::of(
                        format!("the file that `{file_variable}` names has several lines"),
                        "write nothing but the value into it",
                    ));
                }
                Ok(Some(value.to_owned()))
            }
            (direct, None) => Ok(direct),
        }
    }
}

impl Variable {
    /// The variable that names a file instead.
    fn file(&self) -> String {
        format!("{}_FILE", self.name)
    }
}

/// The complaint about a name that is none of ours and nearly one. Others that begin alike are not
/// ours to judge: Kubernetes sets `NOTICEBOT_PORT` and more where a service is called noticebot.
fn misspelt(name: &str) -> Option<Problem> {
    let prefix = PREFIXES.iter().find(|prefix| name.starts_with(**prefix))?;
    let files = ENVIRONMENT.iter().filter(|variable| variable.secret);
    let known = ENVIRONMENT
        .iter()
        .map(|variable| variable.name.to_owned())
        .chain(files.map(Variable::file))
        .chain([CONFIG_FILE_VARIABLE.to_owned()]);
    let mut nearest = None;
    for known in known.filter(|known| known.starts_with(prefix)) {
        if known == name {
            return None;
        }
        let (of_known, of_name) = (&known[prefix.len()..], &name[prefix.len()..]);
        let likeness = strsim::jaro_winkler(of_known, of_name);
        let is_near = likeness > 0.93 || strsim::damerau_levenshtein(of_known, of_name) <= 2;
        if is_near && nearest.as_ref().is_none_or(|(best, _)| likeness > *best) {
            nearest = Some((likeness, known));
        }
    }
    nearest.map(|(_, known)| {
        Problem::new(
            format!("unknown variable `{name}` in the environment"),
            format!("did you mean `{known}`?"),
        )
    })
}

/// One key set by the environment.
pub(super) struct Setting {
    variable: &'static Variable,
    value: String,
}

impl Provider for Setting {
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
