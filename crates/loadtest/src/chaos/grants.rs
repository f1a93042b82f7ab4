//! Checks the renewals of members' tokens: a refresh token is used once, unless the answer is lost.

use std::collections::HashMap;

use feishu_sim::{Call, Endpoint};
use serde::Serialize;

use super::outages::Kill;

/// The codes of a used refresh token.
const USED: [i64; 2] = [20_064, 20_073];

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
    /// Refresh tokens that were used again because the bot that had used them was killed before it
    /// stored the result.
    pub(super) reused_after_kill: usize,
    /// All other uses of a used refresh token, each with its time.
    pub(super) reused: Vec<String>,
}

/// One use of a refresh token.
#[derive(Clone, Copy, Debug)]
struct Use {
    at_ms: u64,
    /// The port of the platform, which tells the process.
    port: u16,
    succeeded: bool,
    is_answered: bool,
}

/// What explains a second use.
struct Evidence<'a> {
    kills: &'a [Kill],
    /// Whether a call was made with a token that resulted from this one, so that the result was
    /// stored.
    is_result_used: &'a dyn Fn(&str) -> bool,
}

impl Grants {
    /// `is_result_used` tells of a refresh token whether a call was made with the tokens for which
    /// it was exchanged.
    pub(super) fn of(
        calls: &[Call],
        kills: &[Kill],
        is_result_used: &dyn Fn(&str) -> bool,
    ) -> Self {
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
                    port: call.port,
                    succeeded,
                    is_answered,
                });
            }
        }
        let evidence = Evidence {
            kills,
            is_result_used,
        };
        for (token, uses) in uses {
            grants.check(token, &uses, &evidence);
        }
        grants
    }

    /// Checks the uses of one token, in order: each after the renewal has to be explained by the
    /// one before.
    fn check(&mut self, token: &str, uses: &[Use], evidence: &Evidence<'_>) {
        let renewed = uses.iter().position(|one| one.succeeded);
        let Some(renewed) = renewed else { return };
        for pair in uses[renewed..].windows(2) {
            let [before, after] = [pair[0], pair[1]];
            if !before.is_answered {
                self.reused_after_loss += 1;
            } else if evidence.is_cut_off(token, before, after) {
                self.reused_after_kill += 1;
            } else {
                let (at, later) = (before.at_ms, after.at_ms - before.at_ms);
                self.reused
                    .push(format!("a refresh token at {at} and {later} ms later"));
            }
        }
    }
}

impl Evidence<'_> {
    /// The process that made the first use was killed before the second, and nobody ever had the
    /// result.
    fn is_cut_off(&self, token: &str, before: Use, after: Use) -> bool {
        let was_killed = self
            .kills
            .iter()
            .any(|kill| kill.platform_port == Some(before.port) && kill.at_ms <= after.at_ms);
        was_killed && !(before.succeeded && (self.is_result_used)(token))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: u16 = 1;

    fn used(at_ms: u64, succeeded: bool, is_answered: bool) -> Use {
        Use {
            at_ms,
            port: PORT,
            succeeded,
            is_answered,
        }
    }

    /// The numbers of reuses after a loss, after a kill, and without a reason.
    fn judged(uses: &[Use], kills: &[(u64, u16)], is_result_used: bool) -> [usize; 3] {
        let kill = |(at_ms, port): &(u64, u16)| Kill {
            at_ms: *at_ms,
            platform_port: Some(*port),
        };
        let kills: Vec<Kill> = kills.iter().map(kill).collect();
        let evidence = Evidence {
            kills: &kills,
            is_result_used: &|_| is_result_used,
        };
        let mut grants = Grants::default();
        grants.check("token", uses, &evidence);
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
        assert_eq!(judged(&[first], &[], false), [0, 0, 0]);
        assert_eq!(judged(&[first, second], &[], false), [0, 0, 1]);
        let lost = used(1000, true, false);
        assert_eq!(judged(&[lost, second], &[], false), [1, 0, 0]);
        assert_eq!(judged(&[lost, second, second], &[], false), [1, 0, 1]);
    }

    #[test]
    fn only_a_kill_of_its_process_explains_a_reuse() {
        let uses = [used(1000, true, true), used(9000, false, true)];
        assert_eq!(judged(&uses, &[(5000, PORT)], false), [0, 1, 0]);
        assert_eq!(judged(&uses, &[(5000, PORT + 1)], false), [0, 0, 1]);
        assert_eq!(judged(&uses, &[(9001, PORT)], false), [0, 0, 1]);
    }

    #[test]
    fn a_result_that_was_used_was_stored() {
        let uses = [used(1000, true, true), used(9000, false, true)];
        assert_eq!(judged(&uses, &[(5000, PORT)], true), [0, 0, 1]);
    }

    #[test]
    fn uses_without_effect_do_not_count() {
        let failed = used(1000, false, true);
        let uses = [failed, failed, used(1100, true, true)];
        assert_eq!(judged(&uses, &[], false), [0, 0, 0]);
    }
}
