//! What can be made to go wrong, each by a switch.

use std::time::Duration;

use feishu_sim::{Endpoint, Fault, MessageId, Simulator, State};

/// How long a rate limit lasts.
pub(crate) const LIMITED: Duration = Duration::from_secs(10);

/// The calls by which the bot changes a group.
const CHANGES: [Endpoint; 5] = [
    Endpoint::PutTopNotice,
    Endpoint::DeleteTopNotice,
    Endpoint::CreateChildren,
    Endpoint::DeleteChildren,
    Endpoint::PatchDocAnnouncement,
];

/// A scope that lets the bot change groups, and what is left to it without.
const WRITE_SCOPES: [(&str, Option<&str>); 2] = [
    ("im:chat", Some("im:chat:readonly")),
    ("im:chat.announcement:write_only", None),
];

/// Something that goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Switch {
    /// The calls that change a group are refused for a while.
    RateLimit,
    /// The next of them is done, but its answer gets lost.
    LostAnswer,
    /// The app loses the scope for them.
    NoRight,
    /// All tokens expire.
    ExpiredToken,
    /// The last event is delivered again.
    Redelivery,
}

impl Switch {
    pub(crate) const ALL: [Self; 5] = [
        Self::RateLimit,
        Self::LostAnswer,
        Self::NoRight,
        Self::ExpiredToken,
        Self::Redelivery,
    ];

    /// Its name in forms.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::RateLimit => "rate_limit",
            Self::LostAnswer => "lost_answer",
            Self::NoRight => "no_right",
            Self::ExpiredToken => "expired_token",
            Self::Redelivery => "redelivery",
        }
    }

    pub(crate) fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|switch| switch.key() == key)
    }

    /// Whether it stays on until it is turned off or used up. The others happen
    /// at once.
    pub(crate) fn stays(self) -> bool {
        match self {
            Self::RateLimit | Self::LostAnswer | Self::NoRight => true,
            Self::ExpiredToken | Self::Redelivery => false,
        }
    }

    pub(crate) fn is_on(self, state: &State, scopes: &[String]) -> bool {
        match self {
            Self::RateLimit => limited_for(state).is_some(),
            Self::LostAnswer => CHANGES
                .iter()
                .any(|endpoint| loses_answer(state, *endpoint)),
            Self::NoRight => !scopes.iter().any(|scope| scope == WRITE_SCOPES[0].0),
            Self::ExpiredToken | Self::Redelivery => false,
        }
    }

    /// Turns it on, or off where it stays.
    pub(crate) fn turn(self, on: bool, sim: &Simulator) {
        match self {
            Self::RateLimit => {
                let span = if on { LIMITED } else { Duration::ZERO };
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
                for (scope, rest) in WRITE_SCOPES {
                    let (gone, come) = if on {
                        (Some(scope), rest)
                    } else {
                        (rest, Some(scope))
                    };
                    app.scopes.retain(|scope| Some(scope.as_str()) != gone);
                    app.scopes.extend(come.map(str::to_owned));
                }
            }),
            Self::ExpiredToken => sim.expire_tokens(),
            Self::Redelivery => {
                if let Some(message) = last_told(sim) {
                    sim.redeliver(&message);
                }
            }
        }
    }
}

/// For how long changes are still refused, if they are.
pub(crate) fn limited_for(state: &State) -> Option<Duration> {
    state.rate_limited_for(CHANGES[0])
}

/// A lost answer was ordered for every change, as nobody knows which comes next.
/// Once one was made, the others are let off.
pub(crate) fn settle(sim: &Simulator) {
    let ordered = sim.read(|state| CHANGES.map(|endpoint| loses_answer(state, endpoint)));
    if ordered.contains(&true) && ordered.contains(&false) {
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

/// The message that the bot was told of last.
fn last_told(sim: &Simulator) -> Option<MessageId> {
    sim.read(|state| {
        let mut pushes = state.pushes().iter().rev();
        pushes.find_map(|push| push.message.clone())
    })
}
