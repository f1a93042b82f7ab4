//! What a new app is created with: scopes, events and callbacks.

use feishu::Addons;

use crate::command::Scope;
use crate::config::{ActAs, Config};
use crate::consent;
use crate::subscriptions;

/// The scope for the event that a member withdrew consent.
const REVOCATIONS: &str = "auth:user_access_token:read";

/// The events that a bot with these settings handles.
pub fn events(config: &Config) -> impl Iterator<Item = &'static str> {
    subscriptions::events(&config.feishu).map(|event| event.name)
}

/// The callbacks that a bot handles.
pub fn callbacks() -> impl Iterator<Item = &'static str> {
    subscriptions::callbacks().map(|callback| callback.name)
}

pub(super) fn addons(config: &Config) -> Addons {
    let mut addons = Addons {
        scopes: Scope::all()
            .map(|scope| scope.as_str().to_owned())
            .collect(),
        user_scopes: Vec::new(),
        events: events(config).map(str::to_owned).collect(),
        callbacks: callbacks().map(str::to_owned).collect(),
    };
    if config.feishu.act_as == ActAs::Member {
        addons.scopes.push(REVOCATIONS.to_owned());
        let granted = consent::user_scopes().into_iter();
        addons.user_scopes = granted.map(str::to_owned).collect();
    }
    // In order, similar names compress better, and the QR code is smaller.
    addons.scopes.sort_unstable();
    addons.events.sort_unstable();
    addons
}
