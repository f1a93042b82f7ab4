//! What the link to the page for creating an app asks for, in the encoding of the official SDKs: JSON,
//! compressed with gzip, in base64 for URLs without padding.

use std::collections::BTreeSet;
use std::io::Read as _;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use flate2::read::GzDecoder;
use serde::Deserialize;

use crate::published::EVENTS;
use crate::routes::ENDPOINTS;

/// More than any link holds.
const LONGEST: u64 = 64 << 10;

/// Scopes that no simulated endpoint requires.
const OTHER_SCOPES: [&str; 6] = [
    "auth:user_access_token:read",
    "im:message.group_at_msg:readonly",
    "im:message.group_msg",
    "im:message.p2p_msg:readonly",
    "im:message.reactions:read",
    "offline_access",
];

const CALLBACKS: [&str; 1] = ["card.action.trigger"];

/// Scopes, events and callbacks of an app, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AppSetup {
    /// Scopes of the app.
    pub scopes: BTreeSet<String>,
    /// Scopes that members can grant.
    pub user_scopes: BTreeSet<String>,
    /// Event types.
    pub events: BTreeSet<String>,
    /// Callbacks.
    pub callbacks: BTreeSet<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Addons {
    preset: Option<bool>,
    #[serde(default)]
    scopes: Identities,
    #[serde(default)]
    events: Events,
    #[serde(default)]
    callbacks: Callbacks,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identities {
    #[serde(default)]
    tenant: Vec<String>,
    #[serde(default)]
    user: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Events {
    #[serde(default)]
    items: Identities,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Callbacks {
    #[serde(default)]
    items: Vec<String>,
}

impl AppSetup {
    /// The template of the platform, of which the simulator has only a part.
    pub(crate) fn template() -> Self {
        Self {
            scopes: ["im:message:send_as_bot".to_owned()].into(),
            events: ["im.message.receive_v1".to_owned()].into(),
            ..Self::default()
        }
    }

    /// Decodes the parameter `addons`. The platform ignores names that it does not know; here they
    /// are an error.
    pub(crate) fn decode(text: &str) -> Result<Self, String> {
        let packed = URL_SAFE_NO_PAD.decode(text);
        let packed = packed.map_err(|error| format!("addons: {error}"))?;
        let mut json = String::new();
        let unpacked = GzDecoder::new(&*packed).take(LONGEST);
        let read = { unpacked }.read_to_string(&mut json);
        read.map_err(|error| format!("addons: {error}"))?;
        let addons: Addons =
            serde_json::from_str(&json).map_err(|error| format!("addons: {error}"))?;
        let mut setup = if addons.preset == Some(false) {
            Self::default()
        } else {
            Self::template()
        };
        setup.scopes.extend(addons.scopes.tenant);
        setup.user_scopes.extend(addons.scopes.user);
        let events = addons.events.items;
        setup
            .events
            .extend(events.tenant.into_iter().chain(events.user));
        setup.callbacks.extend(addons.callbacks.items);
        setup.check_names()?;
        Ok(setup)
    }

    fn check_names(&self) -> Result<(), String> {
        let required = ENDPOINTS
            .iter()
            .flat_map(|spec| spec.scopes.iter().copied());
        let scopes: BTreeSet<_> = required.chain(OTHER_SCOPES).collect();
        let mut asked = self.scopes.iter().chain(&self.user_scopes);
        if let Some(unknown) = asked.find(|name| !scopes.contains(name.as_str())) {
            return Err(format!("unknown scope `{unknown}`"));
        }
        let unknown = self
            .events
            .iter()
            .find(|name| !EVENTS.contains(&name.as_str()));
        if let Some(unknown) = unknown {
            return Err(format!("unknown event `{unknown}`"));
        }
        let mut callbacks = self.callbacks.iter();
        match callbacks.find(|name| !CALLBACKS.contains(&name.as_str())) {
            Some(unknown) => Err(format!("unknown callback `{unknown}`")),
            None => Ok(()),
        }
    }
}
