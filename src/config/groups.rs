//! Lists of groups, to which one announcement is sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Maximum number of groups of a list.
pub const MOST_GROUPS: usize = 500;
/// Maximum number of lists.
pub const MOST_LISTS: usize = 100;
/// Maximum length of a name, in characters.
pub(super) const LONGEST_NAME: usize = 32;

/// By name.
pub type GroupLists = BTreeMap<String, GroupList>;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupList {
    pub chats: Vec<String>,
}

/// Whether members can type it as one word.
pub fn is_list_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(char::is_alphanumeric)
        && chars.all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        && text.chars().count() <= LONGEST_NAME
}

/// The number of leading bytes of `text` that can be a name.
pub fn list_name_length(text: &str) -> usize {
    let is_end = |c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_');
    text.find(is_end).unwrap_or(text.len())
}
