//! Faults that a test injects.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use crate::{
    clock::millis, docx::FirstLine, edit::Edit, endpoint::Endpoint, ids::ChatId,
    medias::MediaBehaviour, notification::MessageBehaviour, refusal::Refusal,
    registrations::RegistrationBehaviour,
};

/// A fault of a call to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call succeeds, and the next fault is for the next call.
    Nothing,
    /// The call has no effect and gets this response.
    Answer {
        /// HTTP status.
        status: u16,
        /// `code` of the body.
        code: i64,
        /// `msg` of the body.
        msg: String,
    },
    /// The call has no effect and gets no response; the connection stays open.
    Hang,
    /// The call has its effect, but the connection closes before the response.
    LoseAnswer,
    /// The call has no effect; status 500 with a page that is not JSON.
    ServerError,
    /// The call has no effect; status 200 with a page that is not JSON.
    NotJson,
    /// A proxy responds in place of the platform.
    Foreign(Foreign),
    /// All tokens expire before the call.
    ExpireTokens,
    /// A person edits a chat's announcement before the call.
    Edit(ChatId, Edit),
}

/// A response of a proxy, a portal or a firewall.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// HTTP status.
    pub status: u16,
    /// Headers other than the content type.
    pub headers: Vec<(&'static str, String)>,
    /// The content type.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
    /// Whether the platform performed the call before.
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

    /// A body with the content type of JSON.
    pub fn json(status: u16, body: &str) -> Self {
        Self {
            content_type: "application/json",
            body: body.to_owned(),
            ..Self::page(status)
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn with(mut self, header: &'static str, value: &str) -> Self {
        self.headers.push((header, value.to_owned()));
        self
    }

    /// After the platform has performed the call.
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

/// Behaviour that the documentation leaves open or reports contradict.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// Legacy announcements refuse `DeleteContentRange` with 232018, according to a report.
    pub legacy_deletes_refused: bool,
    /// Insertions at the same position of a legacy announcement in one request are in reverse
    /// order.
    pub legacy_later_insert_first: bool,
    /// The maximum length of a text run in UTF-16 units, in both kinds of announcement. No limit is
    /// documented.
    pub longest_run: Option<usize>,
    /// The `Date` header of responses.
    pub date: DateHeader,
    /// A denied edit of a docx announcement gets 403 and 1770032 instead of 1772005.
    pub docx_denial_is_forbidden: bool,
    /// Blocks of docx announcements.
    pub docx: DocxBehaviour,
    /// How long a ticket that a store app asked for takes; up to two minutes.
    pub ticket_delay: Duration,
    /// The code with which the token of a tenant is refused that has not installed the store app:
    /// 10013, 10005 or 99991665.
    pub unknown_tenant: i64,
    /// The code of calls in a tenant that stopped the store app: 99991662, 99991673 or 232034.
    pub stopped_tenant: i64,
    /// Files in messages and in announcements.
    pub media: MediaBehaviour,
    /// The `/` panel.
    pub panel: PanelBehaviour,
    /// What an app learns of its subscriptions.
    pub subscriptions: SubscriptionBehaviour,
    /// Cards that one member sees.
    pub private_cards: PrivateCardBehaviour,
    /// Messages of bots.
    pub messages: MessageBehaviour,
    /// Consent of members.
    pub consent: ConsentBehaviour,
    /// Apps that people create by scanning a QR code.
    pub registration: RegistrationBehaviour,
}

/// Blocks of docx announcements.
#[derive(Clone, Debug)]
pub struct DocxBehaviour {
    /// When a new cell, callout or quote container gets its empty line.
    pub first_line: FirstLine,
    /// The most rows and columns of a table when it is created. Reports say 9 of ordinary documents;
    /// the pages do not name a number.
    pub largest_new_table: Option<usize>,
    /// A creation with the icon of a callout or the number of an item is refused: the pages list
    /// both as properties, but not among the parameters of the creation.
    pub only_listed_fields: bool,
}

impl Default for DocxBehaviour {
    fn default() -> Self {
        Self {
            first_line: FirstLine::AtOnce,
            largest_new_table: Some(9),
            only_listed_fields: false,
        }
    }
}

/// The `/` panel.
#[derive(Clone, Debug)]
pub struct PanelBehaviour {
    /// The code for the hundred-and-first command, which no page names.
    pub full: i64,
    /// What the list contains of each command.
    pub listing: Listing,
    /// The answer to a creation names the command.
    pub are_named: bool,
    /// Each tenant of a store app has a panel of its own.
    pub is_of_tenant: bool,
    /// Names in Chinese are refused.
    pub only_latin_names: bool,
}

/// What a list of commands contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// Everything, with times in seconds.
    Full,
    /// Everything, with times in milliseconds, as a number.
    Milliseconds,
    /// No time.
    WithoutTimes,
    /// Of the description only `default_value`.
    WithoutLanguages,
}

impl Default for PanelBehaviour {
    fn default() -> Self {
        Self {
            full: 40_000_000,
            listing: Listing::Full,
            are_named: true,
            is_of_tenant: false,
            only_latin_names: false,
        }
    }
}

/// What an app learns of its subscriptions and connections.
#[derive(Clone, Debug)]
pub struct SubscriptionBehaviour {
    /// The settings of the app contain `callback_info`, which their page does not list.
    pub callbacks_are_told: bool,
    /// How many long connections processes outside the simulator keep open.
    pub connections_elsewhere: usize,
}

impl Default for SubscriptionBehaviour {
    fn default() -> Self {
        Self {
            callbacks_are_told: true,
            connections_elsewhere: 0,
        }
    }
}

/// Cards that one member of a group sees.
#[derive(Clone, Debug)]
pub struct PrivateCardBehaviour {
    /// They are shown in ordinary groups whose messages are threads. The page excludes topic groups
    /// only, a report both.
    pub are_shown_in_threads: bool,
    /// The answer names the card.
    pub are_named: bool,
    /// The code for a person who is not in the group: 11206 or any other.
    pub outsider: i64,
    /// The code for a person to whom the app is not available: 230013 or 11225.
    pub unavailable: i64,
}

impl Default for PrivateCardBehaviour {
    fn default() -> Self {
        Self {
            are_shown_in_threads: false,
            are_named: true,
            outsider: 11_206,
            unavailable: 230_013,
        }
    }
}

/// How members consent, and how long it lasts.
#[derive(Clone, Debug)]
pub struct ConsentBehaviour {
    /// Everybody refuses.
    pub is_refused: bool,
    /// Scopes that nobody grants.
    pub withheld_scopes: Vec<String>,
    /// How long an access token is valid.
    pub access_token_life: Duration,
    /// How long a refresh token is valid.
    pub refresh_token_life: Duration,
    /// A refresh returns no new refresh token, and the one that was used stays valid.
    pub refresh_token_is_kept: bool,
    /// The code for a refresh token that was used before: 20064 or 20073.
    pub reused_refresh_token: i64,
    /// The status of 99991679: 400 or 403.
    pub scope_missing_status: u16,
    /// The least time between two polls of a device flow.
    pub poll_interval: Duration,
    /// A revocation by the app itself is reported to it as an event.
    pub own_revocations_are_reported: bool,
}

impl Default for ConsentBehaviour {
    fn default() -> Self {
        Self {
            is_refused: false,
            withheld_scopes: Vec::new(),
            access_token_life: Duration::from_hours(2),
            refresh_token_life: Duration::from_hours(7 * 24),
            refresh_token_is_kept: false,
            reused_refresh_token: 20_064,
            scope_missing_status: 400,
            poll_interval: Duration::from_secs(5),
            own_revocations_are_reported: false,
        }
    }
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            legacy_deletes_refused: false,
            legacy_later_insert_first: false,
            longest_run: None,
            date: DateHeader::default(),
            docx_denial_is_forbidden: false,
            docx: DocxBehaviour::default(),
            ticket_delay: Duration::ZERO,
            unknown_tenant: 10_013,
            stopped_tenant: 99_991_662,
            media: MediaBehaviour::default(),
            panel: PanelBehaviour::default(),
            subscriptions: SubscriptionBehaviour::default(),
            private_cards: PrivateCardBehaviour::default(),
            messages: MessageBehaviour::default(),
            consent: ConsentBehaviour::default(),
            registration: RegistrationBehaviour::default(),
        }
    }
}

/// The `Date` header of responses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateHeader {
    /// The platform's time.
    #[default]
    Right,
    /// This many seconds ahead of the clock of events.
    Ahead(i64),
    /// An invalid date.
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
    /// When the first call was rate limited.
    told_ms: Option<u64>,
    /// The number of calls after that.
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

    /// The remaining seconds of an endpoint's rate limit; counts the call.
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
