//! Faults that a test injects.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use crate::{clock::millis, edit::Edit, endpoint::Endpoint, ids::ChatId, refusal::Refusal};

/// A fault of the next call to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// None: this call succeeds, and the next fault waits for the next call.
    Nothing,
    /// The call has no effect and gets this answer.
    Answer {
        /// HTTP status.
        status: u16,
        /// `code` of the body.
        code: i64,
        /// `msg` of the body.
        msg: String,
    },
    /// The call has no effect and gets no answer; the connection stays open.
    Hang,
    /// The call is done, but the connection closes before the answer.
    LoseAnswer,
    /// The call has no effect; status 500 with a page that is not JSON.
    ServerError,
    /// The call has no effect; status 200 with a page that is not JSON.
    NotJson,
    /// A proxy answers in place of the platform.
    Foreign(Foreign),
    /// All tokens expire just before the call is handled.
    ExpireTokens,
    /// A person edits a chat's announcement just before the call is looked at; the call is done as
    /// usual.
    Edit(ChatId, Edit),
}

/// An answer of a proxy, a portal or a firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// HTTP status.
    pub status: u16,
    /// Headers beside the content type.
    pub headers: Vec<(&'static str, String)>,
    /// The content type.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
    /// Whether the platform carried the call out before.
    pub is_done: bool,
}

impl Foreign {
    /// A web page.
    pub fn page(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content_type: "text/html; charset=utf-8",
            body: "<html><body>Blocked</body></html>".to_owned(),
            is_done: false,
        }
    }

    /// A body that is said to be JSON.
    pub fn json(status: u16, body: &str) -> Self {
        Self {
            content_type: "application/json",
            body: body.to_owned(),
            ..Self::page(status)
        }
    }

    /// The same with another header.
    #[must_use]
    pub fn with(mut self, header: &'static str, value: &str) -> Self {
        self.headers.push((header, value.to_owned()));
        self
    }

    /// The same after the platform has carried the call out.
    #[must_use]
    pub fn after_effect(mut self) -> Self {
        self.is_done = true;
        self
    }
}

impl From<Foreign> for Fault {
    fn from(foreign: Foreign) -> Self {
        Self::Foreign(foreign)
    }
}

impl Fault {
    /// A refusal with the documented status and text of `code`.
    pub fn code(code: i64) -> Self {
        let Refusal { status, msg, .. } = Refusal::code(code);
        Self::Answer { status, code, msg }
    }
}

/// Freedoms of the platform where its documentation or reports leave two possibilities.
#[derive(Clone, Debug, Default)]
pub struct Behaviour {
    /// Legacy announcements refuse `DeleteContentRange` with 232018, as one report says.
    pub legacy_deletes_refused: bool,
    /// Of several insertions at the same place of a legacy announcement in one request, the later
    /// one comes before the earlier.
    pub legacy_later_insert_first: bool,
    /// The most UTF-16 units that one run of text takes in either kind of announcement. No page
    /// names a limit.
    pub longest_run: Option<usize>,
    /// What the `Date` of answers says.
    pub date: DateHeader,
    /// A bot that may not edit a docx announcement gets 403 and 1770032 instead of 1772005.
    pub docx_denial_is_forbidden: bool,
}

/// What the `Date` of answers says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateHeader {
    /// The platform's time.
    #[default]
    Right,
    /// So many seconds more than the clock that events are written by.
    Ahead(i64),
    /// Nothing that can be read.
    Unreadable,
}

/// The queued faults.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    queued: HashMap<Endpoint, VecDeque<Fault>>,
    limited: HashMap<Endpoint, Limited>,
    pub(crate) down: bool,
    pub(crate) api_down: bool,
}

#[derive(Debug, Default)]
struct Limited {
    until_ms: u64,
    calls: usize,
    /// When it was first told to a caller.
    told_ms: Option<u64>,
    /// Calls made at a later moment all the same.
    calls_after_told: usize,
}

impl Faults {
    pub(crate) fn order(&mut self, endpoint: Endpoint, fault: Fault) {
        self.queued.entry(endpoint).or_default().push_back(fault);
    }

    pub(crate) fn take(&mut self, endpoint: Endpoint) -> Option<Fault> {
        let fault = self.queued.get_mut(&endpoint)?.pop_front();
        fault.filter(|fault| *fault != Fault::Nothing)
    }

    pub(crate) fn withdraw(&mut self, endpoint: Endpoint) {
        self.queued.remove(&endpoint);
    }

    pub(crate) fn to_come(&self, endpoint: Endpoint) -> impl Iterator<Item = &Fault> {
        self.queued.get(&endpoint).into_iter().flatten()
    }

    pub(crate) fn limited_until_ms(&self, endpoint: Endpoint) -> Option<u64> {
        Some(self.limited.get(&endpoint)?.until_ms)
    }

    pub(crate) fn limit(&mut self, endpoint: Endpoint, now_ms: u64, span: Duration) {
        self.limited.insert(
            endpoint,
            Limited {
                until_ms: now_ms + millis(span),
                ..Limited::default()
            },
        );
    }

    /// Seconds that the endpoint still is limited for; such a call is counted.
    pub(crate) fn wait_s(&mut self, endpoint: Endpoint, now_ms: u64) -> Option<u64> {
        let limited = self.limited.get_mut(&endpoint)?;
        let left = limited
            .until_ms
            .checked_sub(now_ms)
            .filter(|left| *left > 0)?;
        limited.calls += 1;
        let told_ms = *limited.told_ms.get_or_insert(now_ms);
        limited.calls_after_told += usize::from(now_ms > told_ms);
        Some(left.div_ceil(1000))
    }

    pub(crate) fn calls_after_told(&self, endpoint: Endpoint) -> usize {
        self.limited
            .get(&endpoint)
            .map_or(0, |limited| limited.calls_after_told)
    }

    pub(crate) fn calls_while_limited(&self, endpoint: Endpoint) -> usize {
        self.limited
            .get(&endpoint)
            .map_or(0, |limited| limited.calls)
    }
}
