//! Checks lists of groups.

use std::collections::BTreeSet;

use super::Problem;
use crate::config::groups::{
    GroupList, GroupLists, LONGEST_NAME, MOST_GROUPS, MOST_LISTS, is_list_name,
};
use crate::config::ids::{LISTED, has_form, shown};

pub(super) fn find(lists: &GroupLists) -> Vec<Problem> {
    let mut problems = Vec::new();
    if lists.len() > MOST_LISTS {
        problems.push(Problem::new(
            format!("`groups` has {} lists", lists.len()),
            format!("expected at most {MOST_LISTS}"),
        ));
    }
    for (name, list) in lists {
        problems.extend(of_list(name, list));
    }
    problems
}

fn of_list(name: &str, list: &GroupList) -> Vec<Problem> {
    let mut problems = Vec::new();
    let shown_name = shown(name);
    if !is_list_name(name) {
        problems.push(Problem::new(
            format!("`groups` has the list `{shown_name}`, whose name members cannot type"),
            format!(
                "expected at most {LONGEST_NAME} letters, digits, `-` and `_`, with a letter or digit first"
            ),
        ));
    }
    if list.chats.len() > MOST_GROUPS {
        problems.push(Problem::new(
            format!(
                "`groups.{shown_name}.chats` has {} groups",
                list.chats.len()
            ),
            format!("expected at most {MOST_GROUPS}; split the list"),
        ));
    }
    let mut known = BTreeSet::new();
    for chat in &list.chats {
        if !has_form(chat, "oc_") {
            problems.push(Problem::new(
                format!(
                    "`groups.{shown_name}.chats` contains `{}`, which is not the id of a group",
                    shown(chat)
                ),
                format!("expected `oc_…`; {LISTED}"),
            ));
        } else if !known.insert(chat) {
            problems.push(Problem::new(
                format!(
                    "`groups.{shown_name}.chats` contains `{}` twice",
                    shown(chat)
                ),
                "remove one of them",
            ));
        }
    }
    problems
}
