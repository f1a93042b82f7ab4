//! The published version of an app, and what it is subscribed to.

use std::collections::BTreeSet;

/// Every event that the simulator pushes, except `app_ticket`, which is subscribed automatically.
pub(crate) const EVENTS: [&str; 11] = [
    "app_open",
    "app_status_change",
    "app_uninstalled",
    "auth.user_access_token.revoked_v4",
    "im.chat.disbanded_v1",
    "im.chat.member.bot.added_v1",
    "im.chat.member.bot.deleted_v1",
    "im.message.reaction.created_v1",
    "im.message.reaction.deleted_v1",
    "im.message.recalled_v1",
    "im.message.receive_v1",
];

/// A version of an app that an admin has approved.
#[derive(Clone, Debug)]
pub struct Published {
    /// The number that the developer chose.
    pub version: String,
    /// The types of the subscribed events. Others are not pushed; the simulator ignores this for the
    /// events of tenants and tickets of a store app.
    pub events: BTreeSet<String>,
    /// The subscribed callbacks. A press on a button fails without `card.action.trigger`.
    pub callbacks: BTreeSet<String>,
}

impl Published {
    /// The first version, without subscriptions.
    pub(crate) fn first() -> Self {
        Self {
            version: "1.0.0".to_owned(),
            events: BTreeSet::new(),
            callbacks: BTreeSet::new(),
        }
    }
}

impl Default for Published {
    fn default() -> Self {
        Self {
            version: "1.0.0".to_owned(),
            events: EVENTS.map(str::to_owned).into(),
            callbacks: ["card.action.trigger", "url.preview.get"]
                .map(str::to_owned)
                .into(),
        }
    }
}
