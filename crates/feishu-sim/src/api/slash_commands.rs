//! The commands in the `/` panel (official page
//! `mcp_open_tools/agent-best-practices/agent-supports-slash-commands`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::success;
use crate::faults::Listing;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::slash_command::SlashCommand;
use crate::state::State;

/// The limit of commands per app.
const MOST: usize = 100;
/// The known icons.
const ICONS: [&str; 2] = ["skill_outlined", "chat_outlined"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewCommand {
    command: String,
    description: Description,
    icon: Option<Icon>,
}

/// A name cannot be changed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    description: Option<Description>,
    icon: Option<Icon>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Description {
    default_value: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    i18n: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Icon {
    icon_key: String,
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "all endpoints have the same signature"
)]
pub(crate) fn list(state: &mut State, _: &Request) -> Result<Value, Refusal> {
    let all = state.apps.present().panel.iter();
    let seen = all.filter(|command| is_seen(state, command));
    let items: Vec<_> = seen.map(|command| item(state, command)).collect();
    Ok(success(json!({"items": items})))
}

pub(crate) fn create(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let new: NewCommand = request.body()?;
    check_name(state, &new.command)?;
    check(&new.description, new.icon.as_ref())?;
    let panel = state.apps.present().panel.iter();
    let seen: Vec<_> = panel.filter(|command| is_seen(state, command)).collect();
    if seen.iter().any(|command| command.name == new.command) {
        return Err(Refusal::code(40_000_000));
    }
    if seen.len() >= MOST {
        let full = state.behaviour.panel.full;
        return Err(Refusal::new(400, full, "too many commands"));
    }
    let description = json!(new.description);
    let created = state.add_slash_command(&new.command, description);
    let mut data = item(state, &created);
    if !state.behaviour.panel.are_named {
        data = json!({});
    }
    Ok(success(data))
}

pub(crate) fn update(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let change: Change = request.body()?;
    let (Some(description), icon) = (change.description, change.icon) else {
        return Err(Refusal::field("description", "nothing to change"));
    };
    check(&description, icon.as_ref())?;
    let command = find(state, request)?;
    // All languages are replaced.
    command.description = json!(description);
    let command = command.clone();
    Ok(success(item(state, &command)))
}

pub(crate) fn delete(state: &mut State, request: &Request) -> Result<Value, Refusal> {
    let id = find(state, request)?.id.clone();
    let panel = &mut state.apps.present_mut().panel;
    panel.retain(|command| command.id != id);
    Ok(success(json!({})))
}

/// Whether the panel belongs to the app or to each tenant is not documented.
fn is_seen(state: &State, command: &SlashCommand) -> bool {
    !state.behaviour.panel.is_of_tenant || command.tenant == state.caller
}

fn find<'a>(state: &'a mut State, request: &Request) -> Result<&'a mut SlashCommand, Refusal> {
    let id = request.param("command_id");
    let unknown = || Refusal::field("command_id", "not found");
    let own = state.apps.present().panel.iter();
    let place = own
        .enumerate()
        .find(|(_, command)| command.id == id && is_seen(state, command))
        .map(|(place, _)| place);
    let place = place.ok_or_else(unknown)?;
    state
        .apps
        .present_mut()
        .panel
        .get_mut(place)
        .ok_or_else(unknown)
}

fn check_name(state: &State, name: &str) -> Result<(), Refusal> {
    if name.is_empty() || name.starts_with('/') || name.contains(char::is_whitespace) {
        let refusal = Refusal::field("command", "must be a name without a slash");
        return Err(refusal.violating(format!("command `{name}`")));
    }
    if state.behaviour.panel.only_latin_names && !name.is_ascii() {
        return Err(Refusal::field("command", "must consist of Latin letters"));
    }
    Ok(())
}

fn check(description: &Description, icon: Option<&Icon>) -> Result<(), Refusal> {
    let texts = [&description.default_value].into_iter();
    if texts
        .chain(description.i18n.values())
        .any(|text| text.trim().is_empty())
    {
        let refusal = Refusal::field("description", "must not be empty");
        return Err(refusal.violating("an empty description"));
    }
    match icon {
        Some(icon) if !ICONS.contains(&icon.icon_key.as_str()) => Err(Refusal::code(40_000_031)),
        _ => Ok(()),
    }
}

fn item(state: &State, command: &SlashCommand) -> Value {
    let listing = state.behaviour.panel.listing;
    let mut description = command.description.clone();
    if listing == Listing::WithoutLanguages
        && let Some(fields) = description.as_object_mut()
    {
        fields.remove("i18n");
    }
    let mut item = json!({
        "command_id": command.id, "command": command.name, "description": description,
        "icon": {"icon_key": command.icon},
    });
    match listing {
        Listing::Full | Listing::WithoutLanguages => {
            item["create_time"] = json!((command.created_ms / 1000).to_string());
        }
        Listing::Milliseconds => item["create_time"] = json!(command.created_ms),
        Listing::WithoutTimes => {}
    }
    item
}
