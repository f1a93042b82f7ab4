//! The platform's rate limits, obeyed before a call is made.
//!
//! Two kinds: an API that answered "wait" is not called by anybody until that
//! time is over, and writes of `docx` announcements are spaced so that they do
//! not run into their documented limits at all. The platform counts by app, so
//! several processes of one app have to tell each other: see [`Neighbours`].

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::error::LONGEST_WAIT as LONGEST_CLOSED;
use crate::{ChatId, Clock, Error};

/// The wait after a limit whose answer names none.
const UNNAMED: Duration = Duration::from_secs(1);
/// Who would have to wait longer for a place is told when to come back.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The span of the paces below.
const SECOND: Duration = Duration::from_secs(1);

/// Other processes of the same app, which share its limits.
#[derive(Clone)]
pub struct Neighbours {
    /// Is told of an API that asked to wait, and until when; the others hear of
    /// it through [`crate::Client::leave_alone`].
    pub on_wait: Arc<dyn Fn(&'static str, Timestamp) + Send + Sync>,
    /// Gives the next turn to write a `docx` announcement.
    pub next_turn: NextTurn,
}

/// Asks for a turn in a row in which all processes of the app stand.
pub type NextTurn = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Turn> + Send>> + Send + Sync>;

/// An answer to who asks for a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// It is then.
    At(Timestamp),
    /// The row is long: ask again then.
    AskAgainAt(Timestamp),
}

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
pub(crate) struct Limits {
    clock: Clock,
    /// Paces times this.
    factor: u32,
    rows: Mutex<Rows>,
    neighbours: Option<Neighbours>,
}

#[derive(Debug, Default)]
struct Rows {
    closed: HashMap<String, Closed>,
    /// The calls that count in each row, by their numbers: when they ended, or
    /// `None` while they are under way. Only at its end is a call surely counted
    /// by the platform.
    calls: HashMap<Pace, BTreeMap<u64, Option<Timestamp>>>,
    next: u64,
}

/// An API that is not to be called.
#[derive(Debug, Clone, Copy)]
struct Closed {
    until: Timestamp,
    /// It asked for longer than any documented limit lasts. Then one call a minute finds out
    /// whether that still holds.
    is_probed: bool,
}

/// A place in some rows. Its call ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    limits: &'a Limits,
    number: u64,
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").finish_non_exhaustive()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let now = self.limits.clock.machine_now();
        for calls in self.limits.rows().calls.values_mut() {
            calls.entry(self.number).and_modify(|end| *end = Some(now));
        }
    }
}

impl Limits {
    pub(crate) fn new(clock: Clock, factor: u32, neighbours: Option<Neighbours>) -> Self {
        let rows = Mutex::default();
        Self {
            clock,
            factor,
            rows,
            neighbours,
        }
    }

    /// Refuses a call of an API that has asked to wait.
    pub(crate) fn check(&self, endpoint: &'static str) -> Result<(), Error> {
        let now = self.clock.machine_now();
        match self.rows().closed(endpoint, now) {
            Some(closed) if closed.until > now => Err(waiting(endpoint, now, closed.until)),
            _ => Ok(()),
        }
    }

    /// The same right before a call is made. Of an API that is probed, this is the one call of the
    /// minute.
    pub(crate) fn enter(&self, endpoint: &'static str) -> Result<(), Error> {
        self.check(endpoint)?;
        let now = self.clock.machine_now();
        let mut rows = self.rows();
        match rows.closed.get_mut(endpoint) {
            Some(closed) if closed.is_probed => closed.until = now + LONGEST_CLOSED,
            Some(_) => drop(rows.closed.remove(endpoint)),
            None => {}
        }
        Ok(())
    }

    /// Takes note of an API's answer.
    pub(crate) fn note<T>(&self, endpoint: &'static str, answer: &Result<T, Error>) {
        let error = match answer {
            Ok(_) => {
                return self
                    .rows()
                    .closed
                    .retain(|api, closed| api != endpoint || !closed.is_probed);
            }
            Err(error) if error.is_rate_limited() => error,
            Err(_) => return,
        };
        let asked = error.asked_wait().unwrap_or(UNNAMED);
        let until = self.clock.machine_now() + asked.min(LONGEST_CLOSED);
        self.close_until(endpoint, until, asked > LONGEST_CLOSED);
        if let Some(neighbours) = &self.neighbours {
            let ahead = self.clock.now().duration_since(self.clock.machine_now());
            let until = until.checked_add(ahead).unwrap_or(until);
            (neighbours.on_wait)(endpoint, until);
        }
    }

    /// The API is not to be called until then, by the corrected clock that all processes share.
    pub(crate) fn close(&self, endpoint: &str, until: Timestamp) {
        let left = until.duration_since(self.clock.now());
        let Ok(left) = Duration::try_from(left) else {
            return;
        };
        let until = self.clock.machine_now() + left.min(LONGEST_CLOSED);
        self.close_until(endpoint, until, false);
    }

    fn close_until(&self, endpoint: &str, until: Timestamp, is_probed: bool) {
        let mut rows = self.rows();
        let new = Closed { until, is_probed };
        let closed = rows.closed.entry(endpoint.to_owned()).or_insert(new);
        closed.until = closed.until.max(until);
        closed.is_probed |= is_probed;
    }

    /// Waits for a place in every row, or says when to come back.
    pub(crate) async fn take_place(
        &self,
        endpoint: &'static str,
        paces: &[Pace],
    ) -> Result<Place<'_>, Error> {
        self.check(endpoint)?;
        let last = self.clock.machine_now() + LONGEST_WAIT;
        loop {
            let now = self.clock.machine_now();
            let taken = self.rows().take(paces, self.factor, now);
            let free = match taken {
                Ok(number) => {
                    let place = Place {
                        limits: self,
                        number,
                    };
                    self.await_turn(endpoint).await?;
                    return Ok(place);
                }
                Err(free) => free,
            };
            if free > last {
                return Err(waiting(endpoint, now, free));
            }
            let left = Duration::try_from(free.duration_since(now));
            self.clock.sleep(left.unwrap_or_default()).await;
        }
    }

    /// Waits for a turn among the processes of the app.
    async fn await_turn(&self, endpoint: &'static str) -> Result<(), Error> {
        let Some(neighbours) = &self.neighbours else {
            return Ok(());
        };
        match (neighbours.next_turn)().await {
            Turn::At(then) => {
                self.clock.sleep_until(then).await;
                Ok(())
            }
            Turn::AskAgainAt(then) => Err(waiting(endpoint, self.clock.now(), then)),
        }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        // Each change is complete in itself, so a panic elsewhere spoils nothing.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows {
    /// Since when the clock was set back, what was to last a minute at most would last longer: it is
    /// forgotten.
    fn closed(&mut self, endpoint: &str, now: Timestamp) -> Option<Closed> {
        let closed = *self.closed.get(endpoint)?;
        if closed.until > now + LONGEST_CLOSED {
            self.closed.remove(endpoint);
            return None;
        }
        Some(closed)
    }

    /// Takes a place in all rows, or says when one may be free.
    fn take(&mut self, paces: &[Pace], factor: u32, now: Timestamp) -> Result<u64, Timestamp> {
        self.calls.retain(|_, calls| {
            // One that ends later than now was counted before the clock was set back.
            calls.retain(|_, end| end.is_none_or(|end| end <= now && end + SECOND > now));
            !calls.is_empty()
        });
        let free = paces.iter().filter_map(|pace| {
            let calls = self.calls.get(pace)?;
            let full = calls.len() >= (pace.calls_per_second() * factor) as usize;
            let ends = calls.values().map(|end| end.unwrap_or(now) + SECOND);
            full.then(|| ends.min()).flatten()
        });
        if let Some(free) = free.max() {
            return Err(free);
        }
        self.next += 1;
        for pace in paces {
            let calls = self.calls.entry(pace.clone()).or_default();
            calls.insert(self.next, None);
        }
        Ok(self.next)
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
        (Limits::new(clock, 1, None), hand)
    }

    fn refusal(retry_after: Option<u64>) -> Result<(), Error> {
        Err(ApiError {
            endpoint: "put_top_notice",
            code: 99_991_400,
            msg: "".into(),
            fields: Box::default(),
            log_id: None,
            status: 429,
            missing_scopes: Box::default(),
            retry_after: retry_after.map(Duration::from_secs),
        }
        .into())
    }

    #[test]
    fn an_api_that_asked_to_wait_is_left_alone_until_then_and_no_other_is() {
        for (named, seconds) in [(Some(7), 7), (None, 1)] {
            let (limits, hand) = limits();
            limits.note("put_top_notice", &refusal(named));
            limits.note("put_top_notice", &refusal(Some(1)));
            let told = limits.check("put_top_notice").unwrap_err();
            assert_eq!(told.retry_after(), Some(Duration::from_secs(seconds)));
            assert!(told.is_retryable() && !told.may_have_taken_effect());
            assert!(limits.check("get_chat").is_ok());
            hand.advance(Duration::from_secs(seconds));
            assert!(limits.check("put_top_notice").is_ok());
        }
    }

    #[test]
    fn a_limit_longer_than_documented_is_probed_once_a_minute() {
        let (limits, hand) = limits();
        let api = "put_top_notice";
        limits.note(api, &refusal(Some(3600)));
        for _ in 0..3 {
            assert_eq!(
                limits.enter(api).unwrap_err().retry_after(),
                Some(LONGEST_CLOSED)
            );
            hand.advance(LONGEST_CLOSED);
            // One call finds out, the others wait for what it finds.
            limits.enter(api).unwrap();
            limits.enter(api).unwrap_err();
            limits.note(api, &refusal(Some(3600)));
        }
        hand.advance(LONGEST_CLOSED);
        limits.enter(api).unwrap();
        limits.note(api, &Ok(()));
        limits.enter(api).unwrap();
        limits.enter(api).unwrap();
    }

    #[test]
    fn a_gateways_429_closes_the_api_whatever_its_body() {
        let (limits, hand) = limits();
        let api = "reply";
        let answer = |status| -> Result<(), Error> {
            Err(Error::InvalidResponse {
                endpoint: api,
                path: String::new(),
                status,
                log_id: None,
                detail: crate::InvalidResponse::NotJson,
                retry_after: Some(Duration::from_secs(7)),
            })
        };
        limits.note(api, &answer(503));
        limits.check(api).unwrap();
        limits.note(api, &answer(429));
        let told = limits.check(api).unwrap_err();
        assert_eq!(told.retry_after(), Some(Duration::from_secs(7)));
        hand.advance(Duration::from_secs(7));
        limits.check(api).unwrap();
    }

    #[test]
    fn a_clock_that_is_set_back_closes_nothing_for_longer() {
        let (limits, hand) = limits();
        limits.note("reply", &refusal(Some(50)));
        hand.set(limits.clock.now() - Duration::from_hours(1));
        limits.enter("reply").unwrap();
        let paces = [Pace::App];
        let now = limits.clock.now();
        for _ in 0..5 {
            limits.rows().take(&paces, 1, now).unwrap();
        }
        let ended = now + Duration::from_hours(1);
        for calls in limits.rows().calls.values_mut() {
            for end in calls.values_mut() {
                *end = Some(ended);
            }
        }
        limits.rows().take(&paces, 1, now).unwrap();
    }

    #[tokio::test]
    async fn calls_are_spaced_from_their_ends_and_long_waits_are_not_waited() {
        let (limits, hand) = limits();
        let paces = [Pace::Announcement("oc_1".into()), Pace::App];
        let other = [Pace::Announcement("oc_2".into()), Pace::App];
        let start = limits.clock.now();
        let mut under_way = Vec::new();
        for _ in 0..3 {
            under_way.push(limits.take_place("create", &paces).await.unwrap());
        }
        assert_eq!(limits.rows().take(&paces, 1, start), Err(start + SECOND));
        for _ in 0..2 {
            under_way.push(limits.take_place("create", &other).await.unwrap());
        }
        assert_eq!(limits.rows().take(&other, 1, start), Err(start + SECOND));
        // They end two seconds later; until then nobody knows when they are counted.
        hand.advance(2 * SECOND);
        let now = limits.clock.now();
        assert_eq!(limits.rows().take(&other, 1, now), Err(now + SECOND));
        drop(under_way);
        assert_eq!(limits.rows().take(&other, 1, now), Err(now + SECOND));
        hand.advance(SECOND);
        limits.take_place("create", &paces).await.unwrap();
        assert_eq!(limits.rows().calls.len(), 2);
    }

    #[tokio::test]
    async fn neighbours_are_told_who_asked_to_wait_and_give_the_turns() {
        let (clock, hand) = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let now = clock.now();
        let told = Arc::new(Mutex::new(Vec::new()));
        let turns = Arc::new(Mutex::new(vec![
            Turn::AskAgainAt(now + 5 * SECOND),
            Turn::At(now + SECOND),
        ]));
        let neighbours = Neighbours {
            on_wait: {
                let told = Arc::clone(&told);
                Arc::new(move |api, until| told.lock().unwrap().push((api, until)))
            },
            next_turn: Arc::new(move || {
                let turn = turns.lock().unwrap().pop().unwrap();
                Box::pin(async move { turn })
            }),
        };
        let limits = Limits::new(clock, 1, Some(neighbours));
        limits.note("put_top_notice", &refusal(Some(7)));
        let until = now + 7 * SECOND;
        assert_eq!(*told.lock().unwrap(), [("put_top_notice", until)]);
        // What comes from them is not told to them again.
        limits.close("reply", until);
        assert!(limits.check("reply").is_err());
        assert_eq!(told.lock().unwrap().len(), 1);

        let paces = [Pace::Announcement("oc_1".into()), Pace::App];
        let mut first = std::pin::pin!(limits.take_place("create", &paces));
        assert!(futures_util::poll!(first.as_mut()).is_pending());
        hand.advance(SECOND);
        drop(first.await.unwrap());
        let later = limits.take_place("create", &paces).await.unwrap_err();
        assert_eq!(later.retry_after(), Some(4 * SECOND));
    }
}
