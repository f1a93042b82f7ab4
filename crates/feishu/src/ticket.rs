//! The tickets of a store app, without which it gets no token.
//!
//! The platform pushes one every hour and each is valid for three hours, so several are valid at a
//! time (developer guide `faq/questions-related-to-isv`).

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::{Notify, watch};

use crate::{Clock, Error};

/// How long the platform accepts a ticket.
const LIFE: Duration = Duration::from_hours(3);
/// How many tickets are kept, the newest ones.
const KEPT: usize = 8;
/// How many rejected tickets are remembered, the last ones. All tickets of a store have to fit in,
/// so that none of them is tried again.
const REJECTED: usize = 64;

/// A ticket, as the platform pushed it.
#[derive(Debug, Clone)]
pub struct AppTicket {
    /// A secret.
    pub value: SecretString,
    /// When its event arrived.
    pub received_at: Timestamp,
}

/// The tickets of one app.
pub(crate) struct Tickets {
    clock: Clock,
    known: watch::Sender<Known>,
    wanted: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// The newest first.
    tickets: Vec<AppTicket>,
    /// What the platform refused, so that it is not added again.
    rejected: VecDeque<SecretString>,
}

impl AppTicket {
    /// Whether the platform may still accept it.
    pub fn is_valid(&self, now: Timestamp) -> bool {
        now.duration_since(self.received_at).unsigned_abs() < LIFE
    }

    fn is(&self, value: &SecretString) -> bool {
        self.value.expose_secret() == value.expose_secret()
    }
}

impl Tickets {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            clock,
            known: watch::Sender::default(),
            wanted: Notify::new(),
        }
    }

    /// Adds a ticket unless it is known or expired.
    pub(crate) fn add(&self, ticket: AppTicket) {
        if !ticket.is_valid(self.clock.now()) {
            return;
        }
        self.known.send_if_modified(|known| {
            let value = ticket.value.expose_secret();
            let mut rejected = known.rejected.iter();
            if known.tickets.iter().any(|known| known.is(&ticket.value))
                || rejected.any(|known| known.expose_secret() == value)
            {
                return false;
            }
            let later = |known: &AppTicket| known.received_at > ticket.received_at;
            let index = known.tickets.partition_point(later);
            known.tickets.insert(index, ticket);
            known.tickets.truncate(KEPT);
            true
        });
    }

    /// The newest valid ticket. If there is none, [`Tickets::wanted`] returns.
    pub(crate) fn current(&self) -> Result<AppTicket, Error> {
        let found = self.find(&self.known.borrow());
        found.ok_or_else(|| {
            self.wanted.notify_one();
            Error::NoAppTicket
        })
    }

    pub(crate) fn reject(&self, ticket: &AppTicket) {
        self.known.send_modify(|known| {
            let before = known.tickets.len();
            known.tickets.retain(|known| !known.is(&ticket.value));
            if known.tickets.len() < before {
                known.rejected.truncate(REJECTED - 1);
                known.rejected.push_front(ticket.value.clone());
            }
        });
    }

    /// Waits until a call lacks a ticket.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Waits for the first ticket. It may be invalid by now.
    pub(crate) async fn arrived(&self) {
        let mut known = self.known.subscribe();
        // The sender lives as long as `self`.
        let _ = known
            .wait_for(|known| !known.tickets.is_empty() || !known.rejected.is_empty())
            .await;
    }

    pub(crate) fn has_valid(&self) -> bool {
        self.find(&self.known.borrow()).is_some()
    }

    /// Waits until another ticket is added.
    pub(crate) async fn added(&self) {
        // The sender lives as long as `self`.
        let _ = self.known.subscribe().changed().await;
    }

    fn find(&self, known: &Known) -> Option<AppTicket> {
        let now = self.clock.now();
        let mut tickets = known.tickets.iter();
        tickets.find(|ticket| ticket.is_valid(now)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn ticket(value: &str, received_at: Timestamp) -> AppTicket {
        AppTicket {
            value: value.into(),
            received_at,
        }
    }

    fn current(tickets: &Tickets) -> Option<String> {
        let current = tickets.current().ok();
        current.map(|ticket| ticket.value.expose_secret().to_owned())
    }

    #[test]
    fn the_newest_valid_ticket_is_used() {
        let (clock, hand) = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let tickets = Tickets::new(clock.clone());
        assert_eq!(current(&tickets), None);
        assert!(tickets.wanted().now_or_never().is_some());
        assert!(tickets.arrived().now_or_never().is_none());
        let now = clock.now();
        tickets.add(ticket("b", now));
        // A replica may learn of tickets in any order.
        tickets.add(ticket("a", now - Duration::from_hours(1)));
        assert_eq!(current(&tickets).as_deref(), Some("b"));
        assert!(tickets.arrived().now_or_never().is_some());

        let newest = tickets.current().unwrap();
        tickets.reject(&newest);
        assert_eq!(current(&tickets).as_deref(), Some("a"));
        tickets.add(ticket("b", now + Duration::from_secs(1)));
        assert_eq!(current(&tickets).as_deref(), Some("a"));
        hand.advance(Duration::from_hours(2));
        assert_eq!(current(&tickets), None);
        tickets.add(ticket("c", now - Duration::from_hours(2)));
        assert_eq!(tickets.known.borrow().tickets.len(), 1);
    }

    #[test]
    fn a_few_tickets_are_kept() {
        let (clock, _hand) = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let tickets = Tickets::new(clock.clone());
        for second in 0..100 {
            let at = clock.now() - Duration::from_secs(second);
            tickets.add(ticket(&format!("t{second}"), at));
        }
        assert_eq!(current(&tickets).as_deref(), Some("t0"));
        assert_eq!(tickets.known.borrow().tickets.len(), KEPT);
    }

    /// A store has more tickets than are kept, and returns them in any order.
    #[test]
    fn no_rejected_ticket_is_current_again() {
        let (clock, _hand) = Clock::manual(Timestamp::from_second(1_800_000_000).unwrap());
        let tickets = Tickets::new(clock.clone());
        let mut tried = Vec::new();
        for round in 0..10 {
            for number in 0..REJECTED / 2 {
                let at = clock.now() - Duration::from_secs((number as u64 * 7 + round) % 5);
                tickets.add(ticket(&format!("t{number}"), at));
            }
            while let Ok(ticket) = tickets.current() {
                tickets.reject(&ticket);
                tried.push(ticket.value.expose_secret().to_owned());
            }
        }
        let count = tried.len();
        tried.sort();
        tried.dedup();
        assert_eq!(tried.len(), count, "a ticket was tried twice");
        assert_eq!(tried.len(), REJECTED / 2);
        tickets.add(ticket("good", clock.now()));
        assert_eq!(current(&tickets).as_deref(), Some("good"));
    }
}
