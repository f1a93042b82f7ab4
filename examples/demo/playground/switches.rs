//! Switches for faults.

use std::collections::BTreeSet;
use std::time::Duration;

use feishu_sim::{Endpoint, Fault, MediaRoute, MessageId, Simulator, State};

use crate::fixture::Member;

pub(crate) const RATE_LIMIT: Duration = Duration::from_secs(10);

/// The calls that change a group.
const CHANGES: [Endpoint; 5] = [
    Endpoint::PutTopNotice,
    Endpoint::DeleteTopNotice,
    Endpoint::CreateChildren,
    Endpoint::DeleteChildren,
    Endpoint::PatchDocAnnouncement,
];

/// A scope for changing groups, and the scope that replaces it while the fault lasts.
const WRITE_SCOPES: [(&str, Option<&str>); 3] = [
    ("im:chat", Some("im:chat:readonly")),
    ("im:chat.announcement:write_only", None),
    ("im:chat.top_notice:write_only", None),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    /// Calls that change a group are rejected for a while.
    RateLimit,
    /// The next call that changes a group takes effect, but its response is lost.
    LostAnswer,
    /// The app loses the scopes for changing groups.
    NoRight,
    /// Uploads into announcements are refused.
    RefusedUploads,
    /// Uploads into announcements have to name the group.
    RoutedUploads,
    /// Downloads do not state their length.
    NoLength,
    /// All tokens expire.
    ExpiredToken,
    /// All consents are withdrawn in Feishu.
    Revocation,
    /// The last event is delivered again.
    Redelivery,
}

impl Switch {
    pub(crate) const ALL: [Self; 9] = [
        Self::RateLimit,
        Self::LostAnswer,
        Self::NoRight,
        Self::RefusedUploads,
        Self::RoutedUploads,
        Self::NoLength,
        Self::ExpiredToken,
        Self::Revocation,
        Self::Redelivery,
    ];

    /// The name in forms.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit",
            Self::LostAnswer => "lost_answer",
            Self::NoRight => "no_right",
            Self::RefusedUploads => "refused_uploads",
            Self::RoutedUploads => "routed_uploads",
            Self::NoLength => "no_length",
            Self::ExpiredToken => "expired_token",
            Self::Revocation => "revocation",
            Self::Redelivery => "redelivery",
        }
    }

    pub(crate) fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|switch| switch.key() == key)
    }

    /// Whether the fault lasts until it is turned off or has occurred. The others occur at once.
    pub(crate) fn lasts(self) -> bool {
        match self {
            Self::RateLimit
            | Self::LostAnswer
            | Self::NoRight
            | Self::RefusedUploads
            | Self::RoutedUploads
            | Self::NoLength => true,
            Self::ExpiredToken | Self::Revocation | Self::Redelivery => false,
        }
    }

    pub(crate) fn is_on(self, state: &State, scopes: &[String]) -> bool {
        match self {
            Self::RateLimit => limited_for(state).is_some(),
            Self::LostAnswer => CHANGES
                .iter()
                .any(|endpoint| loses_answer(state, *endpoint)),
            Self::NoRight => !scopes.iter().any(|scope| scope == WRITE_SCOPES[0].0),
            Self::RefusedUploads => state.behaviour().media.route == MediaRoute::Never,
            Self::RoutedUploads => state.behaviour().media.route == MediaRoute::ChatId,
            Self::NoLength => !state.behaviour().media.length_is_told,
            Self::ExpiredToken | Self::Revocation | Self::Redelivery => false,
        }
    }

    /// Turns a lasting fault on or off; triggers the others.
    pub(crate) fn turn(self, on: bool, sim: &Simulator, people: &[Member]) {
        match self {
            Self::RateLimit => {
                let span = if on { RATE_LIMIT } else { Duration::ZERO };
                for endpoint in CHANGES {
                    sim.rate_limit(endpoint, span);
                }
            }
            Self::LostAnswer if on => {
                for endpoint in CHANGES {
                    sim.fault(endpoint, Fault::LoseAnswer);
                }
            }
            Self::LostAnswer => withdraw(sim),
            Self::NoRight => sim.change_app(|app| {
                for scopes in [&mut app.scopes, &mut app.user_scopes] {
                    exchange(scopes, on);
                }
            }),
            Self::RefusedUploads => route_uploads(sim, on, MediaRoute::Never),
            Self::RoutedUploads => route_uploads(sim, on, MediaRoute::ChatId),
            Self::NoLength => sim.change_behaviour(|it| it.media.length_is_told = !on),
            Self::ExpiredToken => {
                sim.expire_tokens();
                sim.expire_user_tokens();
            }
            Self::Revocation => {
                for Member { person, .. } in people {
                    if !sim.granted_scopes(person).is_empty() {
                        sim.revoke_grant(person);
                    }
                }
            }
            Self::Redelivery => {
                if let Some(message) = last_pushed(sim) {
                    sim.redeliver(&message);
                }
            }
        }
    }
}

/// Of the faults of uploads, the last one is on.
fn route_uploads(sim: &Simulator, on: bool, route: MediaRoute) {
    let route = if on { route } else { MediaRoute::None };
    sim.change_behaviour(|it| it.media.route = route);
}

/// Replaces the scopes for changing groups, or puts them back.
fn exchange(scopes: &mut BTreeSet<String>, on: bool) {
    for (scope, rest) in WRITE_SCOPES {
        let (removed, added) = if on {
            (Some(scope), rest)
        } else {
            (rest, Some(scope))
        };
        scopes.retain(|scope| Some(scope.as_str()) != removed);
        scopes.extend(added.map(str::to_owned));
    }
}

/// The rest of the rate limit, if there is one.
pub(crate) fn limited_for(state: &State) -> Option<Duration> {
    state.rate_limited_for(CHANGES[0])
}

/// A lost response is prepared for every call that changes a group. Once it has occurred for one
/// call, it is withdrawn for the others.
pub(crate) fn settle(sim: &Simulator) {
    let pending = sim.read(|state| CHANGES.map(|endpoint| loses_answer(state, endpoint)));
    if pending.contains(&true) && pending.contains(&false) {
        withdraw(sim);
    }
}

fn withdraw(sim: &Simulator) {
    for endpoint in CHANGES {
        sim.withdraw_faults(endpoint);
    }
}

fn loses_answer(state: &State, endpoint: Endpoint) -> bool {
    state
        .faults_to_come(endpoint)
        .any(|fault| *fault == Fault::LoseAnswer)
}

/// The message of the last pushed event.
fn last_pushed(sim: &Simulator) -> Option<MessageId> {
    sim.read(|state| {
        let mut pushes = state.pushes().iter().rev();
        pushes.find_map(|push| push.message.clone())
    })
}
