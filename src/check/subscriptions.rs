//! Checks the subscriptions of the published version: events and callbacks.

use feishu::{AppVersion, Client, Error};

use super::Report;
use super::console::Page;
use super::scopes::grant;
use super::store::StoreFacts;
use crate::command::Scope;
use crate::config::Config;
use crate::credentials::in_full;
use crate::model::settings::{SettingValue, Switch};
use crate::subscriptions::{self, Subscription};

const EVENTS: &str = "events";
const CALLBACKS: &str = "callbacks";

pub(super) async fn check(
    report: &mut Report,
    config: &Config,
    client: &Client,
    facts: &StoreFacts,
) {
    match client.published_version().await {
        Ok(Some(version)) => {
            events(report, config, &version, facts).await;
            callbacks(report, client.subscribed_callbacks().await);
        }
        Ok(None) => {
            let remedy =
                "create a version under \"Version Management & Release\" and have it approved";
            report.bad(EVENTS, "no version of the app is published", remedy);
            report.link(Page::App);
        }
        Err(error) if error.is_scope_missing() => {
            let scope = [Scope::ReadApp.as_str().to_owned()];
            let text = format!("not checked, as are callbacks, without `{}`", scope[0]);
            report.hint(EVENTS, text, grant(&scope));
            report.link(Page::Scopes(&scope));
        }
        Err(error) => report.note(EVENTS, unread(&error)),
    }
}

fn unread(error: &Error) -> String {
    format!("not checked ({})", in_full(error))
}

async fn events(report: &mut Report, config: &Config, version: &AppVersion, facts: &StoreFacts) {
    let number = &version.version;
    // No page says that the list is always complete.
    if version.events.is_empty() && facts.last_command.is_some() {
        let text = format!("the platform lists none for version `{number}`, but a command came");
        return report.note(EVENTS, text);
    }
    let has = |event: &&Subscription| version.events.iter().any(|listed| listed == event.name);
    let (subscribed, missing): (Vec<_>, Vec<_>) =
        subscriptions::events(&config.feishu).partition(has);
    if !subscribed.is_empty() {
        let names: Vec<_> = subscribed.iter().map(|event| event.name).collect();
        let text = format!("version `{number}` is subscribed to {}", names.join(", "));
        report.good(EVENTS, text);
    }
    let by_reaction = SettingValue::ReactionPins(Switch::On);
    let pins_by_reaction = config.pin.by_reaction || facts.is_set(&by_reaction).await;
    for event in missing {
        if pins_by_reaction || !event.is_of_reaction_pins() {
            missing_one(report, EVENTS, event);
        }
    }
}

fn callbacks(report: &mut Report, subscribed: Result<Option<Vec<String>>, Error>) {
    let subscribed = match subscribed {
        Ok(Some(subscribed)) => subscribed,
        Ok(None) => return report.note(CALLBACKS, "not checked: the platform does not list them"),
        Err(error) => return report.note(CALLBACKS, unread(&error)),
    };
    for callback in subscriptions::callbacks() {
        if subscribed.iter().any(|listed| listed == callback.name) {
            report.good(CALLBACKS, format!("subscribed to {}", callback.name));
        } else {
            missing_one(report, CALLBACKS, callback);
        }
    }
}

fn missing_one(report: &mut Report, name: &'static str, missing: &Subscription) {
    let Subscription {
        name: of, without, ..
    } = missing;
    let text = format!("`{of}` is not subscribed to: {without}");
    let remedy = format!(
        "add `{of}` under \"Events & Callbacks\" in the developer console, then create a version and have it approved"
    );
    if missing.is_required {
        report.bad(name, text, remedy);
    } else {
        report.hint(name, text, remedy);
    }
    report.link(Page::Events);
}
