//! Defaults, file and environment laid over each other, key by key, so that each
//! problem is found and names where its value was set.

use std::collections::BTreeMap;
use std::path::Path;

use figment::providers::Serialized;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use toml::de::{DeTable, DeValue};

use super::{Config, ConfigError, Problem};
use crate::config::defaults::defaults;
use crate::config::file::read_file;
use crate::config::unreadable::unreadable;

/// One key that the file or the environment sets.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) path: Vec<String>,
    pub(super) value: toml::Value,
    /// Where it is set, for people: a variable, or a file and a line.
    pub(super) source: String,
}

impl Provider for Setting {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.clone())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        let value = Value::serialize(&self.value)?;
        let nested = self.path.iter().rev().fold(value, |inner, key| {
            Value::from(Dict::from([(key.clone(), inner)]))
        });
        let dict = nested.into_dict().unwrap_or_default();
        Ok(Map::from([(Profile::Default, dict)]))
    }
}

/// Lays settings over the defaults, later ones over earlier ones.
pub(super) fn merge(settings: &[Setting]) -> Result<Config, ConfigError> {
    let merged = extract(settings);
    merged.map_err(|first| {
        // Alone with the defaults, each setting shows its own problem.
        let each = settings.iter();
        let alone = each.filter_map(|setting| extract(std::slice::from_ref(setting)).err());
        let mut problems: Vec<Problem> = alone.map(|error| unreadable(&error)).collect();
        if problems.is_empty() {
            problems.push(unreadable(&first));
        }
        ConfigError { problems }
    })
}

fn extract(settings: &[Setting]) -> Result<Config, Box<figment::Error>> {
    let defaults = Figment::from(Serialized::defaults(defaults()));
    let layers = settings
        .iter()
        .fold(defaults, |layers, setting| layers.merge(setting.clone()));
    layers.extract().map_err(Box::new)
}

/// What a configuration file sets.
pub(super) fn read(file: &Path) -> Result<Vec<Setting>, ConfigError> {
    let text = read_file(
        file,
        "the configuration file",
        "check the path that `--config` or `NOTICEBOT_CONFIG` gives",
    )?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| syntax(file, &text, &error))?;
    let mut lines = BTreeMap::new();
    if let Ok(spanned) = DeTable::parse(&text) {
        note_lines(&text, &[], spanned.get_ref(), &mut lines);
    }
    let mut settings = Vec::new();
    flatten(&[], &table, &mut |path, value| {
        let line = lines.get(&path).copied().unwrap_or(1);
        settings.push(Setting {
            path,
            value: value.clone(),
            source: format!("line {line} of {}", file.display()),
        });
    });
    Ok(settings)
}

/// Calls `each` with every value that is not a table, and every empty table.
fn flatten(path: &[String], table: &toml::Table, each: &mut impl FnMut(Vec<String>, &toml::Value)) {
    for (key, value) in table {
        let path = child(path, key);
        match value {
            toml::Value::Table(inner) if !inner.is_empty() => flatten(&path, inner, each),
            value => each(path, value),
        }
    }
}

fn note_lines(
    text: &str,
    path: &[String],
    table: &DeTable<'_>,
    lines: &mut BTreeMap<Vec<String>, usize>,
) {
    for (key, value) in table {
        let path = child(path, key.get_ref());
        if let DeValue::Table(inner) = value.get_ref() {
            note_lines(text, &path, inner, lines);
        }
        lines.insert(path, line_at(text, key.span().start));
    }
}

fn child(path: &[String], key: &str) -> Vec<String> {
    let mut path = path.to_vec();
    path.push(key.to_owned());
    path
}

fn line_at(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    before.split(|byte| *byte == b'\n').count()
}

/// A text that is no TOML. The parser's own reason is quoted and not the line,
/// which may hold a secret.
fn syntax(file: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let line = line_at(text, error.span().map_or(0, |span| span.start));
    let reason = error.message().lines().collect::<Vec<_>>().join("; ");
    let of_line = text.lines().nth(line - 1).unwrap_or_default();
    let remedy = if of_line.contains('…') {
        "write the whole id or value in place of `…`"
    } else {
        "correct the line; config/default.toml shows the form"
    };
    ConfigError::of(
        format!(
            "line {line} of {} is not valid TOML ({reason})",
            file.display()
        ),
        remedy,
    )
}
