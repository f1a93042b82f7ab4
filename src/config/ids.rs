//! Checks the form of ids. A name or an address instead of an id matches nobody, so in a
//! deny list it would have no effect.

use std::collections::BTreeMap;

use super::{AppType, CommandPolicies, Config, Problem, ScopePolicy};

/// Prefixes of open ids and union ids. User ids have none.
const PEOPLE: [&str; 2] = ["ou_", "on_"];
/// Prefixes of other ids, and their objects.
const OTHERS: [(&str, &str); 4] = [
    ("oc_", "a group"),
    ("cli_", "an app"),
    ("om_", "a message"),
    ("omt_", "a topic"),
];
/// The maximum length of a user id (official page `contact-v3/user/field-overview`).
const MAX_LENGTH: usize = 64;

/// Parses the id of a group for the command line.
pub fn chat_id(text: &str) -> Result<String, String> {
    if has_form(text, "oc_") {
        return Ok(text.to_owned());
    }
    Err(format!("expected the id of a group, `oc_…`; {LISTED}"))
}

pub(super) const LISTED: &str = "`noticebot check` lists the bot's groups with their ids";

/// A problem for each malformed id.
pub(super) fn find(config: &Config) -> Vec<Problem> {
    let policy = &config.policy;
    let general = scope("policy", &policy.allow, &policy.deny, &policy.commands);
    let named = |table: &str, scopes: &BTreeMap<String, ScopePolicy>| -> Vec<(String, String)> {
        let each = scopes.iter().flat_map(|(name, of)| {
            let prefix = format!("policy.{table}.{}", shown(name));
            scope(&prefix, &of.allow, &of.deny, &of.commands)
        });
        each.collect()
    };
    let people = general
        .into_iter()
        .chain(named("tenants", &policy.tenants))
        .chain(named("chats", &policy.chats));
    let app_type = config.feishu.app_type;
    app(&config.feishu.app_id)
        .into_iter()
        .chain(policy.chats.keys().filter_map(|chat| group(chat)))
        .chain(people.filter_map(|(key, id)| person(&key, &id, app_type)))
        .collect()
}

fn group(chat: &str) -> Option<Problem> {
    (!has_form(chat, "oc_")).then(|| {
        Problem::new(
            format!(
                "`policy.chats` has the key `{}`, which is not the id of a group",
                shown(chat)
            ),
            format!("expected `oc_…`; {LISTED}"),
        )
    })
}

/// The people in the lists of a scope, each with the key of its list.
fn scope(
    prefix: &str,
    allow: &[String],
    deny: &[String],
    commands: &CommandPolicies,
) -> Vec<(String, String)> {
    let own = lists(prefix, allow, deny);
    let of_commands = commands.iter().flat_map(|(right, command)| {
        let prefix = format!("{prefix}.commands.{}", right.as_str());
        lists(&prefix, &command.allow, &command.deny)
    });
    own.into_iter().chain(of_commands).collect()
}

fn lists(prefix: &str, allow: &[String], deny: &[String]) -> Vec<(String, String)> {
    let of = |list: &[String], key: &str| -> Vec<(String, String)> {
        let entry = |id: &String| (format!("{prefix}.{key}"), id.clone());
        list.iter().map(entry).collect()
    };
    [of(allow, "allow"), of(deny, "deny")].concat()
}

fn person(key: &str, id: &str, app_type: AppType) -> Option<Problem> {
    if PEOPLE.iter().any(|prefix| has_form(id, prefix)) {
        return None;
    }
    if is_user_id(id) {
        // It would match nobody, and a deny list would have no effect.
        return (app_type == AppType::Store).then(|| {
            Problem::new(
                format!(
                    "`{key}` has the user id `{}`, and Feishu sends no user ids to store apps",
                    shown(id)
                ),
                "write the person's open id (`ou_…`) or union id (`on_…`); `noticebot audit` shows the open ids of people who used the bot",
            )
        });
    }
    let lower = id.to_ascii_lowercase();
    let other = OTHERS.iter().find(|(prefix, _)| lower.starts_with(prefix));
    let why = match other {
        Some((_, thing)) => format!("the id of {thing}, not of a person"),
        None if id.contains('…') => "a placeholder, not an id".to_owned(),
        None if id.contains('@') => "an e-mail address or a mention, not an id".to_owned(),
        None => "not the id of a person".to_owned(),
    };
    Some(Problem::new(
        format!("`{key}` has `{}`, which is {why}", shown(id)),
        "expected an open id (`ou_…`), a union id (`on_…`), or a user id of ASCII letters and digits; `noticebot audit` shows the open ids of people who used the bot",
    ))
}

fn app(id: &str) -> Option<Problem> {
    // Other checks report a missing id and white space.
    let unset = id.trim().is_empty() || id.trim() != id;
    (!unset && !has_form(id, "cli_")).then(|| {
        Problem::new(
            format!("`feishu.app_id` is `{}`, which is not the id of an app", shown(id)),
            "set `FEISHU_APP_ID` to the App ID, `cli_…`, from \"Credentials & Basic Info\" in the developer console",
        )
    })
}

pub(super) fn has_form(id: &str, prefix: &str) -> bool {
    let rest = id.strip_prefix(prefix).unwrap_or_default();
    let part_of_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    !rest.is_empty() && rest.len() <= MAX_LENGTH && rest.chars().all(part_of_id)
}

/// Organizations choose user ids freely, up to a length and without spaces. An id with other
/// characters than these is rejected; its owner has an open id, too.
fn is_user_id(id: &str) -> bool {
    let part_of_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let lower = id.to_ascii_lowercase();
    let mut prefixes = OTHERS.iter().map(|(prefix, _)| *prefix).chain(PEOPLE);
    !id.is_empty()
        && id.len() <= MAX_LENGTH
        && id.chars().all(part_of_id)
        && !prefixes.any(|prefix| lower.starts_with(prefix))
}

pub(super) fn shown(id: &str) -> String {
    id.escape_debug().to_string()
}
