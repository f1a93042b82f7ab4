//! The platform's rate limits, obeyed before a call is made.
//!
//! Two kinds: an API that answered "wait" is not called by anybody until that
//! time is over, and writes of `docx` announcements are spaced so that they do
//! not run into their documented limits at all.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::{ChatId, Clock, Error};

/// The wait after a limit whose answer names none.
const UNNAMED: Duration = Duration::from_secs(1);
/// A place in the row that lies further ahead is not taken; the caller is told
/// when to come back.
const LONGEST_WAIT: Duration = Duration::from_secs(1);
/// The span of the paces below.
const SECOND: Duration = Duration::from_secs(1);

/// A documented pace (official pages `group/upgraded-group-announcement/**`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Pace {
    /// 3 edits a second of one announcement.
    Announcement(ChatId),
    /// 5 writes a second by the app, of all announcements together.
    App,
}

impl Pace {
    fn calls_per_second(&self) -> u32 {
        match self {
            Self::Announcement(_) => 3,
            Self::App => 5,
        }
    }
}

/// Who may call when; shared by all clones of a client.
#[derive(Debug)]
pub(crate) struct Limits {
    clock: Clock,
    /// Paces times this.
    factor: u32,
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    closed: HashMap<&'static str, Timestamp>,
    /// The last places given out in each row, the latest last.
    given: HashMap<Pace, VecDeque<Timestamp>>,
}

impl Limits {
    pub(crate) fn new(clock: Clock, factor: u32) -> Self {
        Self {
            clock,
            factor,
            rows: Mutex::default(),
        }
    }

    /// Refuses a call of an API that has asked to wait.
    pub(crate) fn check(&self, endpoint: &'static str) -> Result<(), Error> {
        let now = self.clock.now();
        match self.rows().closed.get(endpoint) {
            Some(until) if *until > now => Err(waiting(endpoint, now, *until)),
            _ => Ok(()),
        }
    }

    /// Takes note of an API's answer.
    pub(crate) fn note(&self, error: &Error) {
        if let Error::Api(refusal) = error
            && (refusal.status == 429 || refusal.code == 99_991_400)
        {
            let until = self.clock.now() + refusal.retry_after.unwrap_or(UNNAMED);
            let mut rows = self.rows();
            let closed = rows.closed.entry(refusal.endpoint).or_insert(until);
            *closed = until.max(*closed);
        }
    }

    /// Waits for a place in every row, or says when to come back.
    pub(crate) async fn take_place(
        &self,
        endpoint: &'static str,
        paces: &[Pace],
    ) -> Result<(), Error> {
        self.check(endpoint)?;
        let now = self.clock.now();
        let place = self.rows().take(paces, self.factor, now);
        let place = place.map_err(|place| waiting(endpoint, now, place))?;
        self.clock.sleep_until(place).await;
        Ok(())
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        // Each change is complete in itself, so a panic elsewhere spoils nothing.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    /// The earliest time that all rows allow, if it is near enough to wait for.
    fn take(
        &mut self,
        paces: &[Pace],
        factor: u32,
        now: Timestamp,
    ) -> Result<Timestamp, Timestamp> {
        self.given
            .retain(|_, given| given.back().is_some_and(|last| *last + SECOND > now));
        let place = paces
            .iter()
            .filter_map(|pace| {
                let given = self.given.get(pace)?;
                let calls = (pace.calls_per_second() * factor) as usize;
                let index = given.len().checked_sub(calls)?;
                given.get(index).map(|before| *before + SECOND)
            })
            .fold(now, Timestamp::max);
        if place > now + LONGEST_WAIT {
            return Err(place);
        }
        for pace in paces {
            let given = self.given.entry(pace.clone()).or_default();
            given.push_back(place);
            let calls = (pace.calls_per_second() * factor) as usize;
            while given.len() > calls {
                given.pop_front();
            }
        }
        Ok(place)
    }
}

fn waiting(endpoint: &'static str, now: Timestamp, until: Timestamp) -> Error {
    let retry_after = until.duration_since(now).unsigned_abs();
    Error::Waiting {
        endpoint,
        retry_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ApiError;

    fn limits() -> (Limits, crate::ClockHand) {
        let (clock, hand) = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        (Limits::new(clock, 1), hand)
    }

    fn refusal(retry_after: Option<u64>) -> Error {
        ApiError {
            endpoint: "put_top_notice",
            code: 99_991_400,
            msg: String::new(),
            log_id: None,
            status: 429,
            missing_scopes: Vec::new(),
            retry_after: retry_after.map(Duration::from_secs),
        }
        .into()
    }

    #[test]
    fn an_api_that_asked_to_wait_is_left_alone_until_then_and_no_other_is() {
        for (named, seconds) in [(Some(7), 7), (None, 1)] {
            let (limits, hand) = limits();
            limits.note(&refusal(named));
            limits.note(&refusal(Some(1)));
            let told = limits.check("put_top_notice").unwrap_err();
            assert_eq!(told.retry_after(), Some(Duration::from_secs(seconds)));
            assert!(told.is_retryable() && !told.may_have_taken_effect());
            assert!(limits.check("get_chat").is_ok());
            hand.advance(Duration::from_secs(seconds));
            assert!(limits.check("put_top_notice").is_ok());
        }
    }

    #[tokio::test]
    async fn calls_are_spaced_to_the_pace_and_far_places_are_not_taken() {
        let (limits, hand) = limits();
        let paces = [Pace::Announcement("oc_1".into()), Pace::App];
        let start = limits.clock.now();
        let mut places = Vec::new();
        for _ in 0..6 {
            places.push(limits.rows().take(&paces, 1, start));
        }
        let later = start + SECOND;
        assert_eq!(
            places,
            [
                Ok(start),
                Ok(start),
                Ok(start),
                Ok(later),
                Ok(later),
                Ok(later)
            ]
        );
        let other = [Pace::Announcement("oc_2".into()), Pace::App];
        assert_eq!(limits.rows().take(&other, 1, start), Ok(later));
        let told = limits.take_place("create", &paces).await.unwrap_err();
        assert_eq!(told.retry_after(), Some(2 * SECOND));
        hand.advance(3 * SECOND);
        limits.take_place("create", &paces).await.unwrap();
    }
}
