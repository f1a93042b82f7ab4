//! Checks the renewals of members' tokens: a refresh token is used once, unless the answer is lost.

use std::collections::HashMap;

use feishu_sim::{Call, Endpoint};
use serde::Serialize;

/// The codes of a used refresh token.
const USED: [i64; 2] = [20_064, 20_073];
/// A bot that is killed so soon after a renewal may not have stored its result, in milliseconds.
const STORED_WITHIN_MS: u64 = 250;

/// What happened to the grants of members.
#[derive(Debug, Default, Serialize)]
pub(super) struct Grants {
    pub(super) members: usize,
    /// The links by which members were asked for consent.
    pub(super) asked: usize,
    /// Codes that were exchanged for tokens.
    pub(super) given: usize,
    pub(super) renewals: usize,
    pub(super) renewals_lost: usize,
    /// Refresh tokens that were used again after their answer was lost.
    pub(super) reused_after_loss: usize,
    /// Refresh tokens that were used again after a bot was killed.
    pub(super) reused_after_kill: usize,
    /// All other uses of a used refresh token, each with its time.
    pub(super) reused: Vec<String>,
}

/// One use of a refresh token.
#[derive(Clone, Copy, Debug)]
struct Use {
    at_ms: u64,
    succeeded: bool,
    is_answered: bool,
}

impl Grants {
    /// `kills` are the times of kills, in milliseconds.
    pub(super) fn of(calls: &[Call], kills: &[u64]) -> Self {
        let mut grants = Self::default();
        let mut uses: HashMap<&str, Vec<Use>> = HashMap::new();
        for call in calls {
            if call.endpoint != Some(Endpoint::UserToken) {
                continue;
            }
            let succeeded = call.code == Some(0);
            let is_answered = call.status.is_some();
            let Some(token) = call.body["refresh_token"].as_str() else {
                grants.given += usize::from(succeeded);
                continue;
            };
            grants.renewals += usize::from(succeeded);
            grants.renewals_lost += usize::from(succeeded && !is_answered);
            // All other calls have no effect on the token.
            if succeeded || call.code.is_some_and(|code| USED.contains(&code)) {
                uses.entry(token).or_default().push(Use {
                    at_ms: call.at_ms,
                    succeeded,
                    is_answered,
                });
            }
        }
        for uses in uses.values() {
            grants.check(uses, kills);
        }
        grants
    }

    /// Checks the uses of one token, in order: each after the renewal has to be explained by the
    /// one before.
    fn check(&mut self, uses: &[Use], kills: &[u64]) {
        let renewed = uses.iter().position(|one| one.succeeded);
        let Some(renewed) = renewed else { return };
        for pair in uses[renewed..].windows(2) {
            let before = pair[0];
            let until = before.at_ms + STORED_WITHIN_MS;
            let is_cut_off = kills.iter().any(|at| (before.at_ms..=until).contains(at));
            if !before.is_answered {
                self.reused_after_loss += 1;
            } else if is_cut_off {
                self.reused_after_kill += 1;
            } else {
                let later = pair[1].at_ms - before.at_ms;
                let at = before.at_ms;
                self.reused
                    .push(format!("a refresh token at {at} and {later} ms later"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(at_ms: u64, succeeded: bool, is_answered: bool) -> Use {
        Use {
            at_ms,
            succeeded,
            is_answered,
        }
    }

    /// The numbers of reuses after a loss, after a kill, and without a reason.
    fn judged(uses: &[Use], kills: &[u64]) -> [usize; 3] {
        let mut grants = Grants::default();
        grants.check(uses, kills);
        [
            grants.reused_after_loss,
            grants.reused_after_kill,
            grants.reused.len(),
        ]
    }

    #[test]
    fn a_second_use_needs_a_reason() {
        let first = used(1000, true, true);
        let second = used(1400, false, true);
        assert_eq!(judged(&[first], &[]), [0, 0, 0]);
        assert_eq!(judged(&[first, second], &[]), [0, 0, 1]);
        let lost = used(1000, true, false);
        assert_eq!(judged(&[lost, second], &[]), [1, 0, 0]);
        assert_eq!(judged(&[lost, second, second], &[]), [1, 0, 1]);
    }

    #[test]
    fn only_a_kill_just_after_explains_a_reuse() {
        let uses = [used(1000, true, true), used(9000, false, true)];
        assert_eq!(judged(&uses, &[999, 1251]), [0, 0, 1]);
        assert_eq!(judged(&uses, &[1000]), [0, 1, 0]);
        assert_eq!(judged(&uses, &[1250]), [0, 1, 0]);
    }

    #[test]
    fn uses_without_effect_do_not_count() {
        let failed = used(1000, false, true);
        let uses = [failed, failed, used(1100, true, true)];
        assert_eq!(judged(&uses, &[]), [0, 0, 0]);
    }
}
