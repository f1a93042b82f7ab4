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
    closed: HashMap<String, Timestamp>,
    /// The calls that count in each row, by their numbers: when they ended, or
    /// `None` while they are under way. Only at its end is a call surely counted
    /// by the platform.
    calls: HashMap<Pace, BTreeMap<u64, Option<Timestamp>>>,
    next: u64,
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
        let now = self.limits.clock.now();
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
            self.close(refusal.endpoint, until);
            if let Some(neighbours) = &self.neighbours {
                (neighbours.on_wait)(refusal.endpoint, until);
            }
        }
    }

    /// The API is not to be called until then.
    pub(crate) fn close(&self, endpoint: &str, until: Timestamp) {
        let mut rows = self.rows();
        let closed = rows.closed.entry(endpoint.to_owned()).or_insert(until);
        *closed = until.max(*closed);
    }

    /// Waits for a place in every row, or says when to come back.
    pub(crate) async fn take_place(
        &self,
        endpoint: &'static str,
        paces: &[Pace],
    ) -> Result<Place<'_>, Error> {
        self.check(endpoint)?;
        let last = self.clock.now() + LONGEST_WAIT;
        loop {
            let now = self.clock.now();
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
            self.clock.sleep_until(free).await;
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
    /// Takes a place in all rows, or says when one may be free.
    fn take(&mut self, paces: &[Pace], factor: u32, now: Timestamp) -> Result<u64, Timestamp> {
        self.calls.retain(|_, calls| {
            calls.retain(|_, end| end.is_none_or(|end| end + SECOND > now));
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
        limits.note(&refusal(Some(7)));
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
