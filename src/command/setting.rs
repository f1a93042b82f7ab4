//! The settings that a group may have values of its own for, one row each.
//!
//! `/settings`, its card, the store and the record of changes derive from this table.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::config::{OnDenied, PolicyMode, ReplyLanguage};
use crate::language::Bilingual;

mod read;
mod zone;

pub(super) use read::read_settings;
pub use zone::ZoneName;

/// What `/settings` is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingsCommand {
    Show,
    Set(SettingValue),
    /// Remove the group's own value.
    Reset(Setting),
    /// Show the lists that the group is on.
    ShowLists,
    /// Add the group to a list, or remove it.
    ChangeList(ListChange),
}

/// A group joins a list of groups, or leaves it.
///
/// Its text is kept in the record of changes: `groups: joined weekly`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListChange {
    /// The name of the list.
    pub list: String,
    pub joins: bool,
}

/// The name of a setting; [`Setting::spec`] describes it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    EnumString,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Setting {
    /// The language of the bot's replies.
    Language,
    /// The time zone of times that members type and of those that the bot shows.
    Timezone,
    /// Who may pin and announce.
    Mode,
    /// Whether a reaction with the Pin emoji pins a message.
    ReactionPins,
    /// Who is asked if another member pins or announces.
    Approval,
}

/// A setting with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettingValue {
    Language(ReplyLanguage),
    Timezone(ZoneName),
    Mode(PolicyMode),
    ReactionPins(Switch),
    Approval(OnDenied),
}

/// The value of a setting that is on or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Switch {
    On,
    Off,
}

impl Switch {
    pub fn is_on(self) -> bool {
        self == Self::On
    }
}

impl From<bool> for Switch {
    fn from(is_on: bool) -> Self {
        if is_on { Self::On } else { Self::Off }
    }
}

#[derive(Debug)]
pub struct SettingSpec {
    /// As members type it.
    pub name: Bilingual,
    /// Everything that members may call it, in the form of `strip_word`.
    words: &'static str,
    /// The possible values, if they are few.
    pub choices: &'static [Choice],
    /// How to change it.
    pub forms: &'static [Bilingual],
    /// Reads a value as it is stored, which is its word in the configuration.
    stored: fn(&str) -> Option<SettingValue>,
    /// Reads a value that members type and that is none of the choices.
    typed: fn(&str) -> Option<SettingValue>,
}

/// A possible value of a setting.
#[derive(Debug)]
pub struct Choice {
    pub value: SettingValue,
    pub label: Bilingual,
    /// How members may write it, in the form of `strip_word`.
    words: &'static str,
}

impl Setting {
    /// In the order of replies.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::VARIANTS.iter().copied()
    }

    /// Its name in the store.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    pub const fn spec(self) -> &'static SettingSpec {
        match self {
            Self::Language => &LANGUAGE,
            Self::Timezone => &TIMEZONE,
            Self::Mode => &MODE,
            Self::ReactionPins => &REACTION_PINS,
            Self::Approval => &APPROVAL,
        }
    }

    /// Reads a stored value; `None` if only another release knows it.
    pub fn stored(self, word: &str) -> Option<SettingValue> {
        (self.spec().stored)(word)
    }
}

impl SettingValue {
    pub fn setting(&self) -> Setting {
        match self {
            Self::Language(_) => Setting::Language,
            Self::Timezone(_) => Setting::Timezone,
            Self::Mode(_) => Setting::Mode,
            Self::ReactionPins(_) => Setting::ReactionPins,
            Self::Approval(_) => Setting::Approval,
        }
    }

    /// Its word in the store and in the configuration.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Language(language) => language.into(),
            Self::Timezone(zone) => zone.as_str(),
            Self::Mode(mode) => mode.into(),
            Self::ReactionPins(switch) => switch.into(),
            Self::Approval(on_denied) => on_denied.into(),
        }
    }
}

static LANGUAGE: SettingSpec = SettingSpec {
    name: Bilingual::new("语言", "language"),
    words: "language, lang, languages, 语言, 回复语言",
    choices: &[
        Choice {
            value: SettingValue::Language(ReplyLanguage::Auto),
            label: Bilingual::new("跟随命令的语言", "that of the command"),
            words: "auto, automatic, 自动, 跟随命令, 跟随命令的语言",
        },
        Choice {
            value: SettingValue::Language(ReplyLanguage::Zh),
            label: Bilingual::new("中文", "Chinese"),
            words: "zh, zh-cn, zh_cn, cn, chinese, 中文, 汉语, 简体, 简体中文",
        },
        Choice {
            value: SettingValue::Language(ReplyLanguage::En),
            label: Bilingual::new("英文", "English"),
            words: "en, en-us, en_us, english, 英文, 英语",
        },
    ],
    forms: &[
        Bilingual::new("/设置 语言 自动", "/settings language auto"),
        Bilingual::new("/设置 语言 中文", "/settings language zh"),
        Bilingual::new("/设置 语言 英文", "/settings language en"),
        Bilingual::new("/设置 语言 默认", "/settings language default"),
    ],
    stored: |word| word.parse().ok().map(SettingValue::Language),
    typed: |_| None,
};

static TIMEZONE: SettingSpec = SettingSpec {
    name: Bilingual::new("时区", "timezone"),
    words: "timezone, time zone, time-zone, time_zone, tz, zone, 时区",
    choices: &[],
    forms: &[
        Bilingual::new(
            "/设置 时区 Asia/Shanghai",
            "/settings timezone Asia/Shanghai",
        ),
        Bilingual::new("/设置 时区 默认", "/settings timezone default"),
    ],
    stored: |word| ZoneName::new(word).map(SettingValue::Timezone),
    typed: |text| ZoneName::typed(text).map(SettingValue::Timezone),
};

static MODE: SettingSpec = SettingSpec {
    name: Bilingual::new("权限", "mode"),
    words: "mode, permission, permissions, who, who may, 权限, 模式, 使用权限, 权限模式",
    choices: &[
        Choice {
            value: SettingValue::Mode(PolicyMode::Group),
            label: Bilingual::new("按群设置", "as the group's own settings say"),
            words: "group, group settings, group setting, 群设置, 按群设置, 跟随群设置",
        },
        Choice {
            value: SettingValue::Mode(PolicyMode::Admins),
            label: Bilingual::new("仅群主和群管理员", "only the owner and admins"),
            words: "admins, admin, admins only, owner and admins, 管理员, 仅管理员, 群管理员, \
                仅群管理员, 群主和管理员, 群主和群管理员, 仅群主和管理员, 仅群主和群管理员",
        },
        Choice {
            value: SettingValue::Mode(PolicyMode::Anyone),
            label: Bilingual::new("所有成员", "all members"),
            words: "anyone, anybody, everyone, everybody, all, members, all members, 所有人, 所有成员, \
                任何人, 全员, 全体成员, 成员",
        },
    ],
    forms: &[
        Bilingual::new("/设置 权限 群设置", "/settings mode group"),
        Bilingual::new("/设置 权限 管理员", "/settings mode admins"),
        Bilingual::new("/设置 权限 所有人", "/settings mode anyone"),
        Bilingual::new("/设置 权限 默认", "/settings mode default"),
    ],
    stored: |word| word.parse().ok().map(SettingValue::Mode),
    typed: |_| None,
};

static REACTION_PINS: SettingSpec = SettingSpec {
    name: Bilingual::new("表情置顶", "reaction pins"),
    words: "reaction pins, reaction pin, reaction-pins, reaction_pins, pin reactions, pin by reaction, \
        reactions, reaction, 表情置顶, 用表情置顶, 表情回复置顶, 表情",
    choices: &[
        Choice {
            value: SettingValue::ReactionPins(Switch::On),
            label: Bilingual::new("开启", "on"),
            words: "on, yes, true, enable, enabled, 开, 开启, 打开, 启用",
        },
        Choice {
            value: SettingValue::ReactionPins(Switch::Off),
            label: Bilingual::new("关闭", "off"),
            words: "off, no, false, disable, disabled, 关, 关闭, 停用, 禁用",
        },
    ],
    forms: &[
        Bilingual::new("/设置 表情置顶 开启", "/settings reaction pins on"),
        Bilingual::new("/设置 表情置顶 关闭", "/settings reaction pins off"),
        Bilingual::new("/设置 表情置顶 默认", "/settings reaction pins default"),
    ],
    stored: |word| word.parse().ok().map(SettingValue::ReactionPins),
    typed: |_| None,
};

static APPROVAL: SettingSpec = SettingSpec {
    name: Bilingual::new("审批", "approval"),
    words: "approval, approvals, approve, ask, asked, who is asked, 审批, 询问, 询问谁, 审批人",
    choices: &[
        Choice {
            value: SettingValue::Approval(OnDenied::Refuse),
            label: Bilingual::new("不询问，直接拒绝", "nobody is asked"),
            words: "refuse, off, no, none, nobody, no one, 关闭, 关, 无, 不询问, 拒绝, 直接拒绝",
        },
        Choice {
            value: SettingValue::Approval(OnDenied::Ask),
            label: Bilingual::new("询问群主和群管理员", "the owner and admins are asked"),
            words: "ask, on, admin, admins, owner and admins, 开启, 开, 管理员, 群管理员, 询问管理员, \
                群主和管理员, 群主和群管理员, 询问群主和群管理员",
        },
        Choice {
            value: SettingValue::Approval(OnDenied::AskOwner),
            label: Bilingual::new("仅询问群主", "only the owner is asked"),
            words: "owner, ask owner, ask_owner, group owner, only the owner, 群主, 仅群主, 询问群主, \
                仅询问群主",
        },
    ],
    forms: &[
        Bilingual::new("/设置 审批 管理员", "/settings approval admins"),
        Bilingual::new("/设置 审批 群主", "/settings approval owner"),
        Bilingual::new("/设置 审批 关闭", "/settings approval off"),
        Bilingual::new("/设置 审批 默认", "/settings approval default"),
    ],
    stored: |word| word.parse().ok().map(SettingValue::Approval),
    typed: |_| None,
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Command, parse};

    #[test]
    fn stored_values_are_read_as_written() {
        let zone = SettingValue::Timezone(ZoneName::new("Asia/Tokyo").unwrap());
        let choices = Setting::all().flat_map(|setting| setting.spec().choices);
        let values: Vec<_> = choices.map(|choice| &choice.value).chain([&zone]).collect();
        assert!(Setting::all().all(|setting| values.iter().any(|it| it.setting() == setting)));
        for value in values {
            assert_eq!(value.setting().stored(value.as_str()).as_ref(), Some(value));
        }
        for setting in Setting::all() {
            assert_eq!(setting.stored("a value of tomorrow"), None);
        }
    }

    #[test]
    fn forms_mean_the_same_in_both_languages() {
        for setting in Setting::all() {
            for form in setting.spec().forms {
                let command = parse(form.en, &[], false).unwrap();
                assert_eq!(
                    parse(form.zh, &[], false),
                    Ok(command.clone()),
                    "{}",
                    form.zh
                );
                let is_of_setting = match command {
                    Some(Command::Settings(SettingsCommand::Set(value))) => {
                        value.setting() == setting
                    }
                    Some(Command::Settings(SettingsCommand::Reset(reset))) => reset == setting,
                    _ => false,
                };
                assert!(is_of_setting, "{}", form.en);
            }
        }
    }

    #[test]
    fn every_word_of_a_choice_is_read() {
        for setting in Setting::all() {
            let spec = setting.spec();
            for name in spec.words.split(", ") {
                for choice in spec.choices {
                    for word in choice.words.split(", ").chain([choice.value.as_str()]) {
                        let typed = format!("/settings {name} {word}");
                        let expected = SettingsCommand::Set(choice.value.clone());
                        let command = parse(&typed, &[], false);
                        assert_eq!(command, Ok(Some(Command::Settings(expected))), "{typed}");
                    }
                }
            }
        }
    }
}
