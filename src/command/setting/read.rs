//! The arguments of `/settings`: the name of a setting and its value.

use super::{Setting, SettingValue, SettingsCommand};
use crate::command::arguments::{FILLERS, skip_words, unknown_argument, without_brackets};
use crate::command::text::{
    cut, is_blank, is_separator, skip_blanks, skip_separator, split_word, strip_folded, strip_word,
};
use crate::command::{Command, CommandName, ParseError};

/// Words for all settings.
const ALL: &str = "show, list, all, of this group, of the group, this group, the group, here, 查看, \
    显示, 本群, 本群设置, 群, 全部";

/// Words before the value.
const BEFORE_VALUE: &str = "to, is, 为, 是, 改为, 改成, 设为, 设成, 换成, 用";

/// Words that remove the group's own value.
const DEFAULT: &str = "default, defaults, the default, reset, 默认, 默认值, 缺省, 恢复默认, 重置";

pub(in crate::command) fn read_settings(argument: &str) -> Result<Command, ParseError> {
    let plain = without_brackets(argument);
    let rest = skip_words(&plain, &[ALL, FILLERS]);
    if rest.is_empty() {
        return Ok(Command::Settings(SettingsCommand::Show));
    }
    let names: Vec<_> = Setting::all()
        .map(|setting| (setting.spec().words, setting))
        .collect();
    let Some((setting, value)) = split_word(rest, &names) else {
        return Err(unknown_argument(CommandName::Settings, argument, rest));
    };
    let value = value_of(value);
    if value.is_empty() {
        return Err(ParseError::MissingSetting { setting });
    }
    read(setting, value)
        .map(Command::Settings)
        .ok_or_else(|| ParseError::BadSetting {
            setting,
            typed: cut(value),
        })
}

/// Skips the words and signs before a value.
fn value_of(text: &str) -> &str {
    let text = skip_separator(skip_blanks(text));
    let text = skip_blanks(strip_folded(text, "=").unwrap_or(text));
    skip_words(text, &[BEFORE_VALUE, FILLERS])
}

fn read(setting: Setting, text: &str) -> Option<SettingsCommand> {
    if strip_word(text, DEFAULT).is_some_and(ends) {
        return Some(SettingsCommand::Reset(setting));
    }
    let spec = setting.spec();
    let rows: Vec<_> = spec
        .choices
        .iter()
        .map(|choice| (choice.words, &choice.value))
        .collect();
    let value = match split_word(text, &rows) {
        Some((value, rest)) if ends(rest) => Some(SettingValue::clone(value)),
        Some(_) | None => (spec.typed)(text.trim_end_matches(|c| is_blank(c) || is_separator(c))),
    };
    value.map(SettingsCommand::Set)
}

/// Whether only words without effect follow.
fn ends(rest: &str) -> bool {
    skip_words(rest, &[FILLERS]).is_empty()
}
