//! The events and callbacks that the app has to be subscribed to.

use feishu::{
    APP_OPEN, APP_STATUS_CHANGE, APP_UNINSTALLED, BOT_ADDED, BOT_DELETED, CARD_ACTION,
    CHAT_DISBANDED, MESSAGE_RECALLED, MESSAGE_RECEIVE, REACTION_ADDED, USER_TOKEN_REVOKED,
};

use crate::config::{ActAs, AppType, FeishuConfig};

/// An event or a callback of the platform.
#[derive(Debug)]
pub(crate) struct Subscription {
    /// Its type on the platform.
    pub(crate) name: &'static str,
    /// Whether the bot is useless without it.
    pub(crate) is_required: bool,
    /// What happens without it, as the end of a sentence.
    pub(crate) without: &'static str,
    /// Which bots use it.
    used_by: UsedBy,
}

impl Subscription {
    /// Whether only groups in which a reaction pins a message need it.
    pub(crate) fn is_of_reaction_pins(&self) -> bool {
        self.used_by == UsedBy::ReactionPins
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UsedBy {
    All,
    /// Those with groups in which a reaction pins a message.
    ReactionPins,
    StoreApps,
    /// Those that act as members.
    Members,
}

/// Those that are required come first.
static EVENTS: [Subscription; 10] = [
    Subscription {
        name: MESSAGE_RECEIVE,
        is_required: true,
        without: "the bot receives no command",
        used_by: UsedBy::All,
    },
    Subscription {
        name: BOT_ADDED,
        is_required: false,
        without: "the bot does not greet groups that it is added to",
        used_by: UsedBy::All,
    },
    Subscription {
        name: BOT_DELETED,
        is_required: false,
        without: "schedules and texts of a group stay when the bot is removed",
        used_by: UsedBy::All,
    },
    Subscription {
        name: CHAT_DISBANDED,
        is_required: false,
        without: "schedules and texts of a group stay when it is dissolved",
        used_by: UsedBy::All,
    },
    Subscription {
        name: MESSAGE_RECALLED,
        is_required: false,
        without: "`/history` does not show that a pinned message was recalled",
        used_by: UsedBy::All,
    },
    Subscription {
        name: REACTION_ADDED,
        is_required: false,
        without: "the emoji `Pin` pins no message, though `/settings reaction pins` is on",
        used_by: UsedBy::ReactionPins,
    },
    Subscription {
        name: USER_TOKEN_REVOKED,
        is_required: false,
        without: "the bot learns of withdrawn consent only with the next command",
        used_by: UsedBy::Members,
    },
    Subscription {
        name: APP_OPEN,
        is_required: false,
        without: "a tenant that installs the app is listed only after its first command",
        used_by: UsedBy::StoreApps,
    },
    Subscription {
        name: APP_STATUS_CHANGE,
        is_required: false,
        without: "the bot does not learn that a tenant has stopped the app",
        used_by: UsedBy::StoreApps,
    },
    Subscription {
        name: APP_UNINSTALLED,
        is_required: false,
        without: "the data of a tenant stays when it uninstalls the app",
        used_by: UsedBy::StoreApps,
    },
];

static CALLBACKS: [Subscription; 1] = [Subscription {
    name: CARD_ACTION,
    is_required: false,
    without: "buttons on cards fail with 200340",
    used_by: UsedBy::All,
}];

/// The events that a bot with these settings uses.
pub(crate) fn events(config: &FeishuConfig) -> impl Iterator<Item = &'static Subscription> {
    let (app_type, act_as) = (config.app_type, config.act_as);
    EVENTS.iter().filter(move |event| match event.used_by {
        // Groups can turn it on at any time.
        UsedBy::All | UsedBy::ReactionPins => true,
        UsedBy::StoreApps => app_type == AppType::Store,
        UsedBy::Members => act_as == ActAs::Member,
    })
}

/// The callbacks that every bot uses.
pub(crate) fn callbacks() -> impl Iterator<Item = &'static Subscription> {
    CALLBACKS.iter()
}
