//! Members who consent that the bot acts as them: they open the links that only they see, as with a
//! browser.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use feishu_sim::{Call, Decision, Endpoint, Person};

use super::progress::Progress;
use crate::http;
use crate::platform::{PUBLIC_URL, Platform};

/// How often new links are read, and how long a member waits after a page that failed.
const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// The timeout of a page.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The path of a link, before its secret.
const START: &str = "/oauth/start?ticket=";

/// The members of a run and what they did.
#[derive(Debug)]
pub(super) struct Members<'a> {
    platform: &'a Platform,
    bots: &'a [SocketAddr],
    people: Vec<Person>,
    /// The open ids of those who have consented.
    consented: Mutex<HashSet<String>>,
}

/// A link that a member has not used.
struct Link {
    url: String,
    member: Person,
}

impl<'a> Members<'a> {
    pub(super) fn new(platform: &'a Platform, bots: &'a [SocketAddr]) -> Self {
        Self {
            platform,
            bots,
            people: platform.members(),
            consented: Mutex::default(),
        }
    }

    /// The members who consent before the commands are typed: every second one.
    pub(super) fn early(&self) -> impl Iterator<Item = &Person> {
        self.people.iter().step_by(2)
    }

    pub(super) fn count(&self) -> usize {
        self.people.len()
    }

    pub(super) fn has_consented(&self, member: &Person) -> bool {
        self.with_consented(|consented| consented.contains(&member.open_id))
    }

    fn with_consented<T>(&self, run: impl FnOnce(&mut HashSet<String>) -> T) -> T {
        run(&mut self
            .consented
            .lock()
            .unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets every member consent through each link until the run is over. Returns the number of
    /// links.
    pub(super) fn follow_links(&self, progress: &Progress) -> usize {
        let mut turns = self.bots.iter().copied().cycle();
        let (mut read, mut known) = (0, HashSet::new());
        let mut open: Vec<Link> = Vec::new();
        while !progress.is_over.load(Ordering::Relaxed) {
            let calls = self.platform.sim.read(|state| {
                let new = state.calls()[read..].to_vec();
                read += new.len();
                new
            });
            let new = calls.iter().filter_map(|call| self.link(call));
            open.extend(new.filter(|link| known.insert(link.url.clone())));
            open.retain(|link| {
                let mut next = || turns.next().context("no bot");
                !self.visit(link, &mut next).unwrap_or(false)
            });
            std::thread::sleep(POLL_INTERVAL);
        }
        known.len()
    }

    /// The link in a message that only one member sees.
    fn link(&self, call: &Call) -> Option<Link> {
        let reader = match call.endpoint? {
            Endpoint::SendPrivateCard => &call.body["open_id"],
            Endpoint::CreateMessage => &call.body["receive_id"],
            _ => return None,
        };
        if call.code != Some(0) {
            return None;
        }
        let is_reader = |person: &&Person| *reader == *person.open_id;
        let member = self.people.iter().find(is_reader)?.clone();
        let body = call.body.to_string();
        let rest = &body[body.find(&format!("{PUBLIC_URL}{START}"))?..];
        let is_part = |c: char| c.is_ascii_alphanumeric() || ":/.-_?=".contains(c);
        let url = rest.split(|c| !is_part(c)).next()?.to_owned();
        Some(Link { url, member })
    }

    /// Opens a link, consents on the platform's page and returns to the bot, each time to the next
    /// replica. True if the link is used up.
    fn visit(
        &self,
        link: &Link,
        bot: &mut impl FnMut() -> anyhow::Result<SocketAddr>,
    ) -> anyhow::Result<bool> {
        let (status, answer) = http::get(bot()?, path(&link.url)?, TIMEOUT)?;
        if status != 303 {
            return Ok(status == 400);
        }
        let cookie = header(&answer, "set-cookie")?;
        let cookie = cookie.split(';').next().unwrap_or_default();
        let page = header(&answer, "location")?;
        let sim = &self.platform.sim;
        let callback = sim.decide(page, &link.member, Decision::Consent);
        let callback = callback.map_err(|code| anyhow!("the page of consent shows {code}"))?;
        let (status, _) = http::get_with_cookie(bot()?, path(&callback)?, cookie, TIMEOUT)?;
        if status == 200 {
            self.with_consented(|consented| consented.insert(link.member.open_id.clone()));
        }
        Ok(matches!(status, 200 | 400))
    }
}

fn path(url: &str) -> anyhow::Result<&str> {
    let path = url.strip_prefix(PUBLIC_URL);
    path.with_context(|| format!("`{url}` is not of the bot"))
}

/// The value of a header in the head of an answer.
fn header<'a>(answer: &'a str, name: &str) -> anyhow::Result<&'a str> {
    let mut lines = answer.lines().filter_map(|line| line.split_once(": "));
    let line = lines.find(|(found, _)| found.eq_ignore_ascii_case(name));
    line.map(|(_, value)| value)
        .with_context(|| format!("an answer without `{name}`"))
}
