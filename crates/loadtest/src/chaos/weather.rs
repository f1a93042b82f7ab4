//! The platform's misbehaviour: for each call that it saw, the next ones may go wrong.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use feishu_sim::{Call, Endpoint, Fault};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::evidence;
use super::ledger::Seen;
use crate::chaos::progress::Progress;
use crate::platform::Platform;

/// How often new calls are looked at.
const GLANCE: Duration = Duration::from_millis(3);
/// How long the platform refuses calls of one kind with 429.
const LIMITED_FOR: Duration = Duration::from_secs(1);

/// The share of calls that goes wrong in each way.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Weather {
    /// Share of calls that are done, but whose answer is lost.
    #[arg(long, default_value_t = 0.02, value_parser = share)]
    lost_answers: f64,
    /// Share of calls that are not done and answered with 500.
    #[arg(long, default_value_t = 0.02, value_parser = share)]
    server_errors: f64,
    /// Share of calls that find all tokens expired.
    #[arg(long, default_value_t = 0.005, value_parser = share)]
    expired_tokens: f64,
    /// Share of calls after which their kind is refused with 429 for a second.
    #[arg(long, default_value_t = 0.002, value_parser = share)]
    limited: f64,
}

/// A way to go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mishap {
    LostAnswer,
    ServerError,
    ExpiredTokens,
    Limited,
}

impl Mishap {
    fn name(self) -> &'static str {
        match self {
            Self::LostAnswer => "lost answers",
            Self::ServerError => "server errors",
            Self::ExpiredTokens => "expired tokens",
            Self::Limited => "seconds of 429",
        }
    }
}

impl Weather {
    /// Looks at every call until all is over: counts what is finished, and orders the next
    /// mishaps. Returns how many of each it ordered.
    pub(crate) fn blow(
        &self,
        platform: &Platform,
        progress: &Progress,
        seed: u64,
    ) -> BTreeMap<&'static str, usize> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut ordered = BTreeMap::new();
        let mut looked_at = 0;
        let mut finished = HashSet::new();
        while !progress.is_over.load(Ordering::Relaxed) {
            let calls = platform.sim.read(|state| {
                let new = state.calls()[looked_at..].to_vec();
                looked_at += new.len();
                new
            });
            for call in &calls {
                if let Some(Seen::Reaction(id) | Seen::Reply(id)) = evidence::seen(call)
                    && finished.insert(id.clone())
                {
                    progress.count(platform, id);
                }
                if let Some((endpoint, mishap)) = self.next(&mut rng, call) {
                    order(platform, endpoint, mishap);
                    *ordered.entry(mishap.name()).or_default() += 1;
                }
            }
            std::thread::sleep(GLANCE);
        }
        ordered
    }

    /// What goes wrong with the next call of the kind that was just seen, if anything.
    fn next(&self, rng: &mut StdRng, call: &Call) -> Option<(Endpoint, Mishap)> {
        let mut luck: f64 = rng.random();
        for (mishap, share) in [
            (Mishap::LostAnswer, self.lost_answers),
            (Mishap::ServerError, self.server_errors),
            (Mishap::ExpiredTokens, self.expired_tokens),
            (Mishap::Limited, self.limited),
        ] {
            if luck < share {
                return Some((call.endpoint?, mishap));
            }
            luck -= share;
        }
        None
    }
}

fn order(platform: &Platform, endpoint: Endpoint, mishap: Mishap) {
    let sim = &platform.sim;
    match mishap {
        Mishap::LostAnswer => sim.fault(endpoint, Fault::LoseAnswer),
        Mishap::ServerError => sim.fault(endpoint, Fault::ServerError),
        Mishap::ExpiredTokens => sim.fault(endpoint, Fault::ExpireTokens),
        Mishap::Limited => sim.rate_limit(endpoint, LIMITED_FOR),
    }
}

/// Reads a share.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.0..=0.5).contains(&share) {
        Ok(share)
    } else {
        Err("must lie between 0 and 0.5".to_owned())
    }
}
