//! Platform faults: after each call, the next one of its kind may be made to fail.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use feishu_sim::{AppKind, Call, Endpoint, Fault};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::checker::Observed;
use super::observed;
use crate::chaos::progress::Progress;
use crate::platform::Platform;

/// How often new calls are read.
const POLL_INTERVAL: Duration = Duration::from_millis(3);
/// How long calls of one kind are answered with 429.
const LIMITED_FOR: Duration = Duration::from_secs(1);

/// The share of calls that fail, by kind of fault.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FaultRates {
    /// Share of calls that take effect but whose response is lost.
    #[arg(long, default_value_t = 0.02, value_parser = share)]
    lost_answers: f64,
    /// Share of calls for members' tokens that take effect but whose response is lost.
    #[arg(long, default_value_t = 0.1, value_parser = share)]
    lost_grants: f64,
    /// Share of calls that fail with status 500 without effect.
    #[arg(long, default_value_t = 0.02, value_parser = share)]
    server_errors: f64,
    /// Share of calls before which all tokens expire.
    #[arg(long, default_value_t = 0.005, value_parser = share)]
    expired_tokens: f64,
    /// Share of calls after which their kind is answered with 429 for a second.
    #[arg(long, default_value_t = 0.002, value_parser = share)]
    limited: f64,
    /// Share of calls after which a store app's tokens and tickets expire, and a ticket is pushed.
    #[arg(long, default_value_t = 0.002, value_parser = share)]
    expired_tickets: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum FaultKind {
    LostAnswer,
    ServerError,
    ExpiredTokens,
    Limited,
    ExpiredTickets,
}

impl FaultKind {
    fn name(self) -> &'static str {
        match self {
            Self::LostAnswer => "lost answers",
            Self::ServerError => "server errors",
            Self::ExpiredTokens => "expired tokens",
            Self::Limited => "seconds of 429",
            Self::ExpiredTickets => "expired tickets",
        }
    }
}

impl FaultRates {
    /// Reads every call until the run is over, counts finished commands and injects faults. Returns
    /// the number of faults by kind.
    pub(crate) fn inject(
        &self,
        platform: &Platform,
        progress: &Progress,
        seed: u64,
    ) -> BTreeMap<&'static str, usize> {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut injected = BTreeMap::new();
        let mut read = 0;
        let mut finished = HashSet::new();
        while !progress.is_over.load(Ordering::Relaxed) {
            let calls = platform.sim.read(|state| {
                let new = state.calls()[read..].to_vec();
                read += new.len();
                new
            });
            for call in &calls {
                if let Some(Observed::Reaction(id) | Observed::Reply(id)) = observed::seen(call)
                    && finished.insert(id.clone())
                {
                    progress.count(platform, id);
                }
                if let Some((endpoint, kind)) = self.next(&mut rng, platform, call) {
                    inject(platform, endpoint, kind);
                    *injected.entry(kind.name()).or_default() += 1;
                }
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        injected
    }

    /// The fault of the next call of the same kind, if any.
    fn next(
        &self,
        rng: &mut StdRng,
        platform: &Platform,
        call: &Call,
    ) -> Option<(Endpoint, FaultKind)> {
        let is_store_app = platform.app.kind == AppKind::Store;
        let lost_answers = match call.endpoint {
            Some(Endpoint::UserToken) => self.lost_grants,
            _ => self.lost_answers,
        };
        let mut luck: f64 = rng.random();
        for (kind, share) in [
            (FaultKind::LostAnswer, lost_answers),
            (FaultKind::ServerError, self.server_errors),
            (FaultKind::ExpiredTokens, self.expired_tokens),
            (FaultKind::Limited, self.limited),
            (
                FaultKind::ExpiredTickets,
                if is_store_app {
                    self.expired_tickets
                } else {
                    0.0
                },
            ),
        ] {
            if luck < share {
                return Some((call.endpoint?, kind));
            }
            luck -= share;
        }
        None
    }
}

fn inject(platform: &Platform, endpoint: Endpoint, kind: FaultKind) {
    let sim = &platform.sim;
    match kind {
        FaultKind::LostAnswer => sim.fault(endpoint, Fault::LoseAnswer),
        FaultKind::ServerError => sim.fault(endpoint, Fault::ServerError),
        FaultKind::ExpiredTokens => sim.fault(endpoint, Fault::ExpireTokens),
        FaultKind::Limited => sim.rate_limit(endpoint, LIMITED_FOR),
        FaultKind::ExpiredTickets => {
            sim.expire_tickets();
            sim.expire_tokens();
            sim.push_ticket();
        }
    }
}

pub(crate) fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|error| format!("{error}"))?;
    if (0.0..=0.5).contains(&share) {
        Ok(share)
    } else {
        Err("must be between 0 and 0.5".to_owned())
    }
}
