//! The arguments of `/settings`: the name of a setting and its value.

use super::{ListChange, Setting, SettingValue, SettingsCommand};
use crate::command::arguments::{FILLERS, skip_words, unknown_argument, without_brackets};
use crate::command::text::{
    cut, is_blank, is_separator, skip_blanks, skip_separator, split_word, strip_folded, strip_word,
};
use crate::command::{Command, CommandName, ParseError};
use crate::config::{is_list_name, list_name_length};

/// Words for all settings.
const ALL: &str = "show, list, all, of this group, of the group, this group, the group, here, 查看, \
    显示, 本群, 本群设置, 群, 全部";

/// Words before the value.
const BEFORE_VALUE: &str = "to, is, 为, 是, 改为, 改成, 设为, 设成, 换成, 用";

/// Words that remove the group's own value.
const DEFAULT: &str = "default, defaults, the default, reset, 默认, 默认值, 缺省, 恢复默认, 重置";

/// Words for the lists of groups.
const LISTS: &str = "groups, group list, group lists, group-lists, lists, list of groups, \
    lists of groups, 群组, 群列表, 群组列表, 列表, 群組, 群列錶, 群名单";

/// Words before the name of a list.
const BEFORE_LIST: &str = "list, the list, to, from, of, 列表, 到";

/// Words after the name of a list.
const AFTER_LIST: &str = "list, the list, please, pls, plz, 列表, 群列表, 吧, 一下";

/// Words for joining a list, and for leaving it.
const CHANGES: [(&str, bool); 2] = [
    (
        "join, joins, joined, enter, add, on, in, 加入, 加入到, 加到, 进入, 添加, 添加到, 开启",
        true,
    ),
    (
        "leave, leaves, left, exit, quit, remove, off, out, 退出, 离开, 移出, 移除, 退出列表, 关闭",
        false,
    ),
];

pub(in crate::command) fn read_settings(argument: &str) -> Result<Command, ParseError> {
    let plain = without_brackets(argument);
    if let Some(rest) = strip_word(skip_words(&plain, &[FILLERS]), LISTS) {
        return read_lists(rest).map(Command::Settings);
    }
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

/// Parses the name of a list and what to do, in either order.
fn read_lists(text: &str) -> Result<SettingsCommand, ParseError> {
    let rest = skip_words(skip_separator(skip_blanks(text)), &[FILLERS]);
    if rest.is_empty() {
        return Ok(SettingsCommand::ShowLists);
    }
    let before = split_word(rest, &CHANGES);
    let name = before.map_or(rest, |(_, rest)| rest);
    let name = skip_words(name, &[BEFORE_LIST]);
    let (name, after) = name.split_at(list_name_length(name));
    let (name, after) = match before {
        Some(_) => (name, after),
        None => with_change_apart(name, after),
    };
    let bad = || ParseError::BadList {
        command: CommandName::Settings,
        typed: cut(rest),
    };
    if !is_list_name(name) {
        return Err(bad());
    }
    let list = name.to_owned();
    let after = skip_separator(skip_blanks(after));
    let (joins, after) = match before {
        Some((joins, _)) => (joins, after),
        None if after.is_empty() => return Err(ParseError::JoinOrLeave { list }),
        None => split_word(after, &CHANGES).ok_or_else(bad)?,
    };
    if !skip_words(after, &[AFTER_LIST, FILLERS]).is_empty() {
        return Err(bad());
    }
    Ok(SettingsCommand::ChangeList(ListChange { list, joins }))
}

/// Chinese needs no blank between the name and what to do: `周报加入`.
fn with_change_apart<'t>(name: &'t str, after: &'t str) -> (&'t str, &'t str) {
    let words = CHANGES.iter().flat_map(|(words, _)| words.split(", "));
    let words = words.filter(|word| !word.is_ascii());
    let ends = words.filter(|word| name.ends_with(word) && name.len() > word.len());
    match ends.max_by_key(|word| word.len()) {
        Some(word) if skip_words(after, &[AFTER_LIST, FILLERS]).is_empty() => {
            name.split_at(name.len() - word.len())
        }
        _ => (name, after),
    }
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
