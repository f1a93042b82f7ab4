//! Rate limits: sliding windows on the simulator's clock.

use std::collections::{HashMap, VecDeque};

use crate::{
    endpoint::Endpoint,
    ids::{AppIndex, ChatId, MessageId},
};

/// The factor of the platform's rate limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimits {
    /// As documented.
    Documented,
    /// A multiple of the documented number of calls.
    Times(u32),
    /// No limits.
    Off,
}

/// An app in a tenant, named by its key.
pub(crate) type Caller = (AppIndex, String);

/// The calls that a limit counts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Counted {
    /// All calls of one API by an app in a tenant.
    Calls(Endpoint, Caller),
    /// All writes of docx announcements by an app in a tenant.
    DocxWrites(Caller),
    /// Edits of one announcement.
    Edits(ChatId),
    /// Messages sent to one chat by all its bots.
    MessagesTo(ChatId),
    /// Updates of the card in one message.
    CardUpdates(MessageId),
    /// Uploads of files by an app in a tenant.
    Uploads(Caller),
    /// Cards in one group that one member sees.
    PrivateCardsIn(ChatId),
}

/// At most `calls` in any interval of `span_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Limit {
    pub(crate) calls: u32,
    pub(crate) span_ms: u64,
}

impl Limit {
    pub(crate) const fn per_second(calls: u32) -> Self {
        Self {
            calls,
            span_ms: 1000,
        }
    }

    pub(crate) const fn per_day(calls: u32) -> Self {
        Self {
            calls,
            span_ms: 24 * 60 * 60 * 1000,
        }
    }

    pub(crate) const fn per_minute(calls: u32) -> Self {
        Self {
            calls,
            span_ms: 60_000,
        }
    }
}

/// An exceeded limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exceeded {
    pub(crate) limit: u32,
    pub(crate) wait_s: u64,
}

/// Counts admitted calls.
#[derive(Debug)]
pub(crate) struct Limiter {
    rule: RateLimits,
    windows: HashMap<(Counted, Limit), VecDeque<u64>>,
}

impl Limiter {
    pub(crate) fn new(rule: RateLimits) -> Self {
        Self {
            rule,
            windows: HashMap::new(),
        }
    }

    /// Counts a call against all limits; fails with the first exceeded one.
    pub(crate) fn admit(
        &mut self,
        counted: &Counted,
        limits: &[Limit],
        now_ms: u64,
    ) -> Result<(), Exceeded> {
        let factor = match self.rule {
            RateLimits::Off => return Ok(()),
            RateLimits::Documented => 1,
            RateLimits::Times(factor) => factor,
        };
        for &limit in limits {
            let window = self.windows.entry((counted.clone(), limit)).or_default();
            while window
                .front()
                .is_some_and(|&at| at + limit.span_ms <= now_ms)
            {
                window.pop_front();
            }
            let allowed = limit.calls.saturating_mul(factor);
            if let Some(&oldest) = window.front()
                && window.len() >= allowed as usize
            {
                let wait_s = (oldest + limit.span_ms - now_ms).div_ceil(1000);
                return Err(Exceeded {
                    limit: allowed,
                    wait_s,
                });
            }
        }
        for &limit in limits {
            self.windows
                .entry((counted.clone(), limit))
                .or_default()
                .push_back(now_ms);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(rule: RateLimits, at_ms: &[u64]) -> usize {
        let mut limiter = Limiter::new(rule);
        let limits = [Limit::per_second(3)];
        at_ms
            .iter()
            .filter(|&&at| {
                limiter
                    .admit(&Counted::DocxWrites(Caller::default()), &limits, at)
                    .is_ok()
            })
            .count()
    }

    #[test]
    fn a_window_slides_with_the_clock() {
        let check = |rule, at_ms: &[u64], expected| {
            assert_eq!(admitted(rule, at_ms), expected, "{at_ms:?}");
        };
        check(RateLimits::Documented, &[0, 0, 0, 0], 3);
        check(RateLimits::Documented, &[0, 500, 900, 999, 1000, 1001], 4);
        check(RateLimits::Times(2), &[0; 9], 6);
        check(RateLimits::Off, &[0; 9], 9);
    }

    #[test]
    fn an_exceeded_limit_names_whole_seconds() {
        let mut limiter = Limiter::new(RateLimits::Documented);
        let limits = [Limit::per_minute(1)];
        assert_eq!(
            limiter.admit(&Counted::DocxWrites(Caller::default()), &limits, 0),
            Ok(())
        );
        let exceeded = limiter.admit(&Counted::DocxWrites(Caller::default()), &limits, 1500);
        assert_eq!(
            exceeded,
            Err(Exceeded {
                limit: 1,
                wait_s: 59
            })
        );
    }
}
