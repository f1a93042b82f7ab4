//! Merges defaults, file and environment key by key, so that each problem is found and names the
//! place that set the value.

use std::path::Path;

use figment::providers::Serialized;
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};
use toml::de::{DeTable, DeValue};

use super::{Config, ConfigError, Problem};
use crate::config::defaults::defaults;
use crate::config::file::read_file;
use crate::config::unreadable::unreadable;

/// A key that the file or the environment sets.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) path: Vec<String>,
    pub(super) value: toml::Value,
    /// For messages: a variable, or a line of a file.
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

/// Later settings override earlier ones.
pub(super) fn merge(settings: &[Setting]) -> Result<Config, ConfigError> {
    let merged = extract(settings);
    merged.map_err(|first| {
        // Merging stops at the first problem, so each setting is tried alone.
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

pub(super) fn read(file: &Path) -> Result<Vec<Setting>, ConfigError> {
    let text = read_file(
        file,
        "the configuration file",
        "check the path that `--config` or `NOTICEBOT_CONFIG` gives",
    )?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| syntax(file, &text, &error))?;
    let spanned = DeTable::parse(&text).ok();
    let setting = |(path, value): (Vec<String>, toml::Value)| {
        let offset = spanned
            .as_ref()
            .and_then(|table| offset(table.get_ref(), &path));
        let line = line_at(&text, offset.unwrap_or(0));
        let source = format!("line {line} of {}", file.display());
        Setting {
            path,
            value,
            source,
        }
    };
    Ok(flatten(&[], table).into_iter().map(setting).collect())
}

/// Every value that is not a table, and every empty table, with its path.
fn flatten(parent: &[String], table: toml::Table) -> Vec<(Vec<String>, toml::Value)> {
    let mut values = Vec::new();
    for (key, value) in table {
        let path = [parent, &[key]].concat();
        match value {
            toml::Value::Table(inner) if !inner.is_empty() => values.extend(flatten(&path, inner)),
            value => values.push((path, value)),
        }
    }
    values
}

/// The place of a key in the text of its file.
fn offset(table: &DeTable<'_>, path: &[String]) -> Option<usize> {
    let (first, rest) = path.split_first()?;
    let (key, value) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    match value.get_ref() {
        _ if rest.is_empty() => Some(key.span().start),
        DeValue::Table(inner) => offset(inner, rest),
        _ => None,
    }
}

fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or_default();
    before.split(|byte| *byte == b'\n').count()
}

fn syntax(file: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    // The reason is quoted, but not the line, which may contain a secret.
    let line = line_at(text, error.span().map_or(0, |span| span.start));
    let reason = error.message().lines().collect::<Vec<_>>().join("; ");
    let of_line = text.lines().nth(line - 1).unwrap_or_default();
    let remedy = if of_line.contains('…') {
        "replace `…` with the whole id or value"
    } else {
        "correct the line; see config/default.toml"
    };
    ConfigError::of(
        format!(
            "line {line} of {} is not valid TOML ({reason})",
            file.display()
        ),
        remedy,
    )
}
