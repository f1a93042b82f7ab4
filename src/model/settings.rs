//! Settings that a group has of its own, and where the values in force come from.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::command::ZoneName;
use crate::command::fold_name;
pub(crate) use crate::command::{ListChange, Setting, SettingValue, Switch};
use crate::config::{OnDenied, PolicyMode, ReplyLanguage};
use crate::model::rights::Right;

/// The values that a group has set for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct GroupSettings(BTreeMap<Setting, SettingValue>);

impl GroupSettings {
    pub(crate) fn get(&self, setting: Setting) -> Option<&SettingValue> {
        self.0.get(&setting)
    }

    pub(crate) fn language(&self) -> Option<ReplyLanguage> {
        match self.get(Setting::Language)? {
            SettingValue::Language(language) => Some(*language),
            _ => None,
        }
    }

    pub(crate) fn zone(&self) -> Option<&ZoneName> {
        match self.get(Setting::Timezone)? {
            SettingValue::Timezone(zone) => Some(zone),
            _ => None,
        }
    }

    pub(crate) fn reaction_pins(&self) -> Option<Switch> {
        match self.get(Setting::ReactionPins)? {
            SettingValue::ReactionPins(switch) => Some(*switch),
            _ => None,
        }
    }

    pub(crate) fn mode(&self) -> Option<PolicyMode> {
        match self.get(Setting::Mode)? {
            SettingValue::Mode(mode) => Some(*mode),
            _ => None,
        }
    }

    pub(crate) fn on_denied(&self) -> Option<OnDenied> {
        match self.get(Setting::Approval)? {
            SettingValue::Approval(on_denied) => Some(*on_denied),
            _ => None,
        }
    }
}

impl FromIterator<SettingValue> for GroupSettings {
    fn from_iter<I: IntoIterator<Item = SettingValue>>(values: I) -> Self {
        let values = values.into_iter();
        Self(values.map(|value| (value.setting(), value)).collect())
    }
}

/// A change of one of a group's own values; `None` where it has none.
///
/// Its text is kept in the record of changes: `language: default → zh`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SettingChange {
    pub(crate) setting: Setting,
    pub(crate) old: Option<SettingValue>,
    pub(crate) new: Option<SettingValue>,
}

impl SettingChange {
    pub(crate) fn is_nothing(&self) -> bool {
        self.old == self.new
    }
}

/// The word for no value.
const DEFAULT: &str = "default";

impl fmt::Display for SettingChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |value: &Option<SettingValue>| {
            let word = value.as_ref().map_or(DEFAULT, SettingValue::as_str);
            word.to_owned()
        };
        let (old, new) = (word(&self.old), word(&self.new));
        write!(f, "{}: {old} → {new}", self.setting.as_str())
    }
}

/// A text that is no change of a setting that this release knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnknownChange;

impl FromStr for SettingChange {
    type Err = UnknownChange;

    fn from_str(text: &str) -> Result<Self, UnknownChange> {
        let (setting, values) = text.split_once(": ").ok_or(UnknownChange)?;
        let setting: Setting = setting.parse().map_err(|_| UnknownChange)?;
        let (old, new) = values.split_once(" → ").ok_or(UnknownChange)?;
        let value = |word: &str| match word {
            DEFAULT => Ok(None),
            word => setting.stored(word).map(Some).ok_or(UnknownChange),
        };
        Ok(Self {
            setting,
            old: value(old)?,
            new: value(new)?,
        })
    }
}

impl ListChange {
    /// The name by which lists are compared.
    pub(crate) fn key(&self) -> String {
        fold_name(&self.list)
    }

    /// Reads what [`Display`](fmt::Display) has written; `None` for any other text.
    pub(crate) fn recorded(text: &str) -> Option<Self> {
        let change = |list: &str, joins| Self {
            list: list.to_owned(),
            joins,
        };
        let joined = text.strip_prefix(JOINED).map(|list| change(list, true));
        joined.or_else(|| Some(change(text.strip_prefix(LEFT)?, false)))
    }
}

const JOINED: &str = "groups: joined ";
const LEFT: &str = "groups: left ";

impl fmt::Display for ListChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.joins { JOINED } else { LEFT };
        write!(f, "{what}{}", self.list)
    }
}

/// The lists that a group is on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ListsOfGroup {
    /// Those of the configuration.
    pub(crate) configured: Vec<String>,
    /// Those that the group has joined.
    pub(crate) joined: Vec<String>,
}

/// Who set the value in force, from the strongest to the weakest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Origin {
    /// The bot's admin, in the configuration's rules for this group.
    File,
    /// The group, with `/settings`.
    Group,
    /// The bot's admin, in the configuration's rules for the tenant.
    Tenant,
    /// The configuration, for all groups.
    #[default]
    Default,
}

/// A setting with its value in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SettingInForce {
    pub(crate) value: SettingValue,
    pub(crate) origin: Origin,
    /// The group's own value, also if it is not in force.
    pub(crate) own: Option<SettingValue>,
}

impl SettingInForce {
    pub(crate) fn setting(&self) -> Setting {
        self.value.setting()
    }

    /// Whether the bot's admin has set it for this group, so that its own value has no effect.
    pub(crate) fn is_fixed(&self) -> bool {
        self.origin == Origin::File
    }
}

/// All settings of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SettingsInForce {
    /// The group, as the platform names it; buttons name it, too.
    pub(crate) chat: String,
    pub(crate) settings: Vec<SettingInForce>,
    /// The commands for which the configuration has another mode.
    pub(crate) exceptions: Vec<Right>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_changes_are_read_as_written() {
        let zone = SettingValue::Timezone(ZoneName::new("Asia/Tokyo").unwrap());
        let change = |setting, old, new| SettingChange { setting, old, new };
        let zh = SettingValue::Language(ReplyLanguage::Zh);
        for (change, text) in [
            (
                change(Setting::Language, None, Some(zh)),
                "language: default → zh",
            ),
            (
                change(Setting::Timezone, Some(zone), None),
                "timezone: Asia/Tokyo → default",
            ),
        ] {
            assert_eq!(change.to_string(), text);
            assert_eq!(text.parse(), Ok(change));
        }
        for (joins, text) in [(true, "groups: joined 周报"), (false, "groups: left 周报")] {
            let list = "周报".to_owned();
            let change = ListChange { list, joins };
            assert_eq!(change.to_string(), text);
            assert_eq!(ListChange::recorded(text), Some(change));
        }
        assert_eq!(ListChange::recorded("language: default → zh"), None);
        for text in [
            "",
            "lunch at noon",
            "color: red → blue",
            "mode: open → admins",
        ] {
            assert_eq!(text.parse::<SettingChange>(), Err(UnknownChange), "{text}");
        }
    }
}
