//! The platform's rate limits, obeyed before a call is made.
//!
//! An API that asked to wait is paused until then, and writes of `docx` announcements are spaced to
//! stay within their documented limits. The platform counts per app and tenant, so several processes
//! of one app share their limits through [`SharedLimits`].

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;

use crate::error::LONGEST_WAIT as LONGEST_PAUSE;
use crate::{ChatId, Clock, Error, TenantKey};

/// The pause after an answer that names none.
const DEFAULT_PAUSE: Duration = Duration::from_secs(1);
/// The longest wait for a slot; a call that would wait longer fails with [`Error::Waiting`].
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The window of the rate limits below.
const SECOND: Duration = Duration::from_secs(1);

/// Shares the rate limits of an app between its processes.
#[derive(Clone)]
pub struct SharedLimits {
    /// Called when an API asked to wait, with the tenant, the API's name and the end of the pause;
    /// the other processes pass them to [`crate::Client::pause_endpoint`].
    pub on_pause: OnPause,
    /// Reserves the next slot to write a `docx` announcement.
    pub next_slot: NextWriteSlot,
}

/// Reports a pause to the other processes.
pub type OnPause = Arc<dyn Fn(&TenantKey, &'static str, Timestamp) + Send + Sync>;

/// Reserves a slot in a tenant's queue, which all processes of the app share.
pub type NextWriteSlot =
    Arc<dyn Fn(&TenantKey) -> Pin<Box<dyn Future<Output = WriteSlot> + Send>> + Send + Sync>;

/// The answer to a request for a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteSlot {
    /// Reserved, at this time.
    At(Timestamp),
    /// Not reserved, because the queue is long: ask again at this time.
    AskAgainAt(Timestamp),
}

/// A documented rate limit (official pages `group/upgraded-group-announcement/**`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Pace {
    /// 3 edits a second of one announcement.
    Announcement(TenantKey, ChatId),
    /// 5 writes a second by the app, of all announcements of the tenant together.
    Tenant(TenantKey),
    /// 5 uploads a second by the app (official page `drive-v1/media/upload_all`).
    Uploads(TenantKey),
}

impl Pace {
    fn calls_per_second(&self) -> u32 {
        match self {
            Self::Announcement(..) => 3,
            Self::Tenant(_) | Self::Uploads(_) => 5,
        }
    }
}

/// The rate limits of an app, shared by all clones of a client.
pub(crate) struct Limits {
    clock: Clock,
    /// Multiplies the rate limits.
    factor: u32,
    state: Mutex<State>,
    shared: Option<SharedLimits>,
}

#[derive(Debug, Default)]
struct State {
    /// By tenant and the name of the API.
    pauses: HashMap<TenantKey, HashMap<String, Pause>>,
    /// The calls that count towards each limit, by number: when they ended, or `None` while in
    /// flight. Only at its end is a call certain to have been counted by the platform.
    calls: HashMap<Pace, BTreeMap<u64, Option<Timestamp>>>,
    next_number: u64,
}

/// An API in a tenant.
type Api<'a> = (&'a TenantKey, &'static str);

/// The time during which an API must not be called.
#[derive(Debug, Clone, Copy)]
struct Pause {
    until: Timestamp,
    /// The API asked for more than any documented limit lasts; one call a minute probes whether
    /// that still holds.
    is_probed: bool,
}

/// A call within some limits. Dropped when the call has ended.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    limits: &'a Limits,
    number: u64,
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits").finish_non_exhaustive()
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let now = self.limits.clock.machine_now();
        for calls in self.limits.state.lock().calls.values_mut() {
            calls.entry(self.number).and_modify(|end| *end = Some(now));
        }
    }
}

impl Limits {
    pub(crate) fn new(clock: Clock, factor: u32, shared: Option<SharedLimits>) -> Self {
        let state = Mutex::default();
        Self {
            clock,
            factor,
            state,
            shared,
        }
    }

    /// Fails while the API is paused.
    pub(crate) fn check(&self, api: Api<'_>) -> Result<(), Error> {
        let now = self.clock.machine_now();
        match self.state.lock().pause(api, now) {
            Some(pause) if pause.until > now => Err(waiting(api.1, now, pause.until)),
            _ => Ok(()),
        }
    }

    /// Like [`Limits::check`], right before a call is made. For an API that is probed, this is the
    /// one call of the minute.
    pub(crate) fn enter(&self, api: Api<'_>) -> Result<(), Error> {
        self.check(api)?;
        let now = self.clock.machine_now();
        let mut state = self.state.lock();
        match state.pauses.get_mut(api.0).and_then(|of| of.get_mut(api.1)) {
            Some(pause) if pause.is_probed => pause.until = now + LONGEST_PAUSE,
            Some(_) => state.end_pause(api),
            None => {}
        }
        Ok(())
    }

    /// Makes a call, and updates the pause of its API from the answer.
    pub(crate) async fn observe<T>(
        &self,
        api: Api<'_>,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.enter(api)?;
        let answer = call.await;
        self.note(api, &answer);
        answer
    }

    /// Updates the pause of an API from an answer.
    pub(crate) fn note<T>(&self, api: Api<'_>, answer: &Result<T, Error>) {
        let (tenant, endpoint) = api;
        let error = match answer {
            Ok(_) => {
                let mut state = self.state.lock();
                let paused = state.pauses.get(tenant).and_then(|of| of.get(endpoint));
                if paused.is_some_and(|pause| pause.is_probed) {
                    state.end_pause(api);
                }
                return;
            }
            Err(error) if error.is_rate_limited() => error,
            Err(_) => return,
        };
        let asked = error.asked_wait().unwrap_or(DEFAULT_PAUSE);
        let until = self.clock.machine_now() + asked.min(LONGEST_PAUSE);
        self.pause_until(tenant, endpoint, until, asked > LONGEST_PAUSE);
        if let Some(shared) = &self.shared {
            let ahead = self.clock.now().duration_since(self.clock.machine_now());
            let until = until.checked_add(ahead).unwrap_or(until);
            (shared.on_pause)(tenant, endpoint, until);
        }
    }

    /// Pauses an API until then, by the corrected clock that all processes share.
    pub(crate) fn pause(&self, tenant: &TenantKey, endpoint: &str, until: Timestamp) {
        let left = until.duration_since(self.clock.now());
        let Ok(left) = Duration::try_from(left) else {
            return;
        };
        let until = self.clock.machine_now() + left.min(LONGEST_PAUSE);
        self.pause_until(tenant, endpoint, until, false);
    }

    fn pause_until(&self, tenant: &TenantKey, endpoint: &str, until: Timestamp, is_probed: bool) {
        let mut state = self.state.lock();
        let new = Pause { until, is_probed };
        let of_tenant = state.pauses.entry(tenant.clone()).or_default();
        let pause = of_tenant.entry(endpoint.to_owned()).or_insert(new);
        pause.until = pause.until.max(until);
        pause.is_probed |= is_probed;
    }

    /// Waits until a write fits into every limit, also among all processes of the app, or fails with
    /// the time at which it may.
    pub(crate) async fn slot(&self, api: Api<'_>, paces: &[Pace]) -> Result<Slot<'_>, Error> {
        let slot = self.own_slot(api, paces).await?;
        self.await_shared_slot(api).await?;
        Ok(slot)
    }

    /// Waits until the call fits into every limit of this process, or fails with the time at which it
    /// may.
    pub(crate) async fn own_slot(&self, api: Api<'_>, paces: &[Pace]) -> Result<Slot<'_>, Error> {
        self.check(api)?;
        let last = self.clock.machine_now() + LONGEST_WAIT;
        loop {
            let now = self.clock.machine_now();
            let reserved = self.state.lock().reserve(paces, self.factor, now);
            let free = match reserved {
                Ok(number) => {
                    return Ok(Slot {
                        limits: self,
                        number,
                    });
                }
                Err(free) => free,
            };
            if free > last {
                return Err(waiting(api.1, now, free));
            }
            let left = Duration::try_from(free.duration_since(now));
            self.clock.sleep(left.unwrap_or_default()).await;
        }
    }

    /// Waits for a slot among all processes of the app.
    async fn await_shared_slot(&self, (tenant, endpoint): Api<'_>) -> Result<(), Error> {
        let Some(shared) = &self.shared else {
            return Ok(());
        };
        match (shared.next_slot)(tenant).await {
            WriteSlot::At(then) => {
                self.clock.sleep_until(then).await;
                Ok(())
            }
            WriteSlot::AskAgainAt(then) => Err(waiting(endpoint, self.clock.now(), then)),
        }
    }
}

impl State {
    fn pause(&mut self, api: Api<'_>, now: Timestamp) -> Option<Pause> {
        let pause = *self.pauses.get(api.0)?.get(api.1)?;
        // The clock was set back, and the pause would last longer than any.
        if pause.until > now + LONGEST_PAUSE {
            self.end_pause(api);
            return None;
        }
        Some(pause)
    }

    fn end_pause(&mut self, (tenant, endpoint): Api<'_>) {
        if let Some(of_tenant) = self.pauses.get_mut(tenant) {
            of_tenant.remove(endpoint);
            if of_tenant.is_empty() {
                self.pauses.remove(tenant);
            }
        }
    }

    /// Counts a call towards all limits and returns its number, or the time at which it may fit.
    fn reserve(&mut self, paces: &[Pace], factor: u32, now: Timestamp) -> Result<u64, Timestamp> {
        self.calls.retain(|_, calls| {
            // A call that ends later than now was counted before the clock was set back.
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
        self.next_number += 1;
        for pace in paces {
            let calls = self.calls.entry(pace.clone()).or_default();
            calls.insert(self.next_number, None);
        }
        Ok(self.next_number)
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

    static OWN: TenantKey = TenantKey::OWN;

    fn api(endpoint: &'static str) -> Api<'static> {
        (&OWN, endpoint)
    }

    #[test]
    fn tenants_are_paused_separately() {
        let (limits, hand) = limits();
        let (one, other) = (TenantKey::from("one"), TenantKey::from("other"));
        limits.note((&one, "reply"), &refusal(Some(7)));
        assert!(limits.enter((&one, "reply")).is_err());
        limits.enter((&other, "reply")).unwrap();
        hand.advance(Duration::from_secs(7));
        limits.enter((&one, "reply")).unwrap();
        assert!(limits.state.lock().pauses.is_empty());
    }

    fn refusal(retry_after: Option<u64>) -> Result<(), Error> {
        Err(ApiError {
            endpoint: "put_top_notice",
            code: 99_991_400,
            oauth_error: None,
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
    fn a_rate_limited_api_is_paused_alone() {
        for (named, seconds) in [(Some(7), 7), (None, 1)] {
            let (limits, hand) = limits();
            limits.note(api("put_top_notice"), &refusal(named));
            limits.note(api("put_top_notice"), &refusal(Some(1)));
            let reported = limits.check(api("put_top_notice")).unwrap_err();
            assert_eq!(reported.retry_after(), Some(Duration::from_secs(seconds)));
            assert!(reported.is_retryable() && !reported.may_have_taken_effect());
            assert!(limits.check(api("get_chat")).is_ok());
            hand.advance(Duration::from_secs(seconds));
            assert!(limits.check(api("put_top_notice")).is_ok());
        }
    }

    #[test]
    fn a_long_pause_is_probed_every_minute() {
        let (limits, hand) = limits();
        let api = api("put_top_notice");
        limits.note(api, &refusal(Some(3600)));
        for _ in 0..3 {
            assert_eq!(
                limits.enter(api).unwrap_err().retry_after(),
                Some(LONGEST_PAUSE)
            );
            hand.advance(LONGEST_PAUSE);
            // One call probes, the others wait for its result.
            limits.enter(api).unwrap();
            limits.enter(api).unwrap_err();
            limits.note(api, &refusal(Some(3600)));
        }
        hand.advance(LONGEST_PAUSE);
        limits.enter(api).unwrap();
        limits.note(api, &Ok(()));
        limits.enter(api).unwrap();
        limits.enter(api).unwrap();
    }

    #[test]
    fn a_429_pauses_the_api_whatever_its_body() {
        let (limits, hand) = limits();
        let api = api("reply");
        let answer = |status| -> Result<(), Error> {
            Err(Error::InvalidResponse {
                endpoint: api.1,
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
        let reported = limits.check(api).unwrap_err();
        assert_eq!(reported.retry_after(), Some(Duration::from_secs(7)));
        hand.advance(Duration::from_secs(7));
        limits.check(api).unwrap();
    }

    #[test]
    fn a_clock_set_back_extends_no_pause() {
        let (limits, hand) = limits();
        limits.note(api("reply"), &refusal(Some(50)));
        hand.set(limits.clock.now() - Duration::from_hours(1));
        limits.enter(api("reply")).unwrap();
        let paces = [Pace::Tenant(TenantKey::OWN)];
        let now = limits.clock.now();
        for _ in 0..5 {
            limits.state.lock().reserve(&paces, 1, now).unwrap();
        }
        let ended = now + Duration::from_hours(1);
        for calls in limits.state.lock().calls.values_mut() {
            for end in calls.values_mut() {
                *end = Some(ended);
            }
        }
        limits.state.lock().reserve(&paces, 1, now).unwrap();
    }

    #[tokio::test]
    async fn writes_are_spaced_from_their_ends() {
        let (limits, hand) = limits();
        let paces = [
            Pace::Announcement(TenantKey::OWN, "oc_1".into()),
            Pace::Tenant(TenantKey::OWN),
        ];
        let other = [
            Pace::Announcement(TenantKey::OWN, "oc_2".into()),
            Pace::Tenant(TenantKey::OWN),
        ];
        let start = limits.clock.now();
        let mut in_flight = Vec::new();
        for _ in 0..3 {
            in_flight.push(limits.slot(api("create"), &paces).await.unwrap());
        }
        assert_eq!(
            limits.state.lock().reserve(&paces, 1, start),
            Err(start + SECOND)
        );
        for _ in 0..2 {
            in_flight.push(limits.slot(api("create"), &other).await.unwrap());
        }
        assert_eq!(
            limits.state.lock().reserve(&other, 1, start),
            Err(start + SECOND)
        );
        // They end two seconds later; until then it is unknown when the platform counts them.
        hand.advance(2 * SECOND);
        let now = limits.clock.now();
        assert_eq!(
            limits.state.lock().reserve(&other, 1, now),
            Err(now + SECOND)
        );
        drop(in_flight);
        assert_eq!(
            limits.state.lock().reserve(&other, 1, now),
            Err(now + SECOND)
        );
        hand.advance(SECOND);
        limits.slot(api("create"), &paces).await.unwrap();
        assert_eq!(limits.state.lock().calls.len(), 2);
    }

    #[tokio::test]
    async fn processes_share_pauses_with_slots() {
        let (clock, hand) = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let now = clock.now();
        let reported = Arc::new(Mutex::new(Vec::new()));
        let slots = Arc::new(Mutex::new(vec![
            WriteSlot::AskAgainAt(now + 5 * SECOND),
            WriteSlot::At(now + SECOND),
        ]));
        let shared = SharedLimits {
            on_pause: {
                let reported = Arc::clone(&reported);
                Arc::new(move |tenant, api, until| {
                    reported.lock().push((tenant.clone(), api, until));
                })
            },
            next_slot: Arc::new(move |_| {
                let slot = slots.lock().pop().unwrap();
                Box::pin(async move { slot })
            }),
        };
        let limits = Limits::new(clock, 1, Some(shared));
        limits.note(api("put_top_notice"), &refusal(Some(7)));
        let until = now + 7 * SECOND;
        assert_eq!(
            *reported.lock(),
            [(TenantKey::OWN, "put_top_notice", until)]
        );
        // A pause that comes from them is not passed back.
        limits.pause(&TenantKey::OWN, "reply", until);
        assert!(limits.check(api("reply")).is_err());
        assert_eq!(reported.lock().len(), 1);

        let paces = [
            Pace::Announcement(TenantKey::OWN, "oc_1".into()),
            Pace::Tenant(TenantKey::OWN),
        ];
        let mut first = std::pin::pin!(limits.slot(api("create"), &paces));
        assert!(futures_util::poll!(first.as_mut()).is_pending());
        hand.advance(SECOND);
        drop(first.await.unwrap());
        let later = limits.slot(api("create"), &paces).await.unwrap_err();
        assert_eq!(later.retry_after(), Some(4 * SECOND));
    }
}
