//! Reassembles messages that arrive in parts. Without a clock: callers pass the time.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};
use std::time::{Duration, Instant};

use super::Dropped;
use super::frame::Part;

/// The longest message in bytes, as for the webhook.
pub(crate) const MAX_MESSAGE: usize = 1 << 20;

/// How long the parts of a message may take, from the first to the last. The SDKs for Go and
/// Python wait as long. The platform delivers again after 3 s without an answer anyway.
const LIFE: Duration = Duration::from_secs(5);

/// The most incomplete messages. Parts of a message arrive close together, so even a
/// busy app has few of them at a time.
const MAX_OPEN: usize = 1024;

/// The most bytes of incomplete messages: sixteen messages of the longest
/// kind, far more than a thousand usual ones.
const MAX_HELD: usize = 16 * MAX_MESSAGE;

/// The approximate overhead of a part in bytes. It is counted, so that empty parts
/// are bounded, too.
const PART_COST: usize = 64;

/// Reassembles messages. A message has at most 1 MiB and 5 s from its first part to its last.
/// 1024 may be incomplete at once, with 16 MiB in all. Beyond that the oldest incomplete message is
/// evicted: it was not acknowledged, so the platform delivers it again.
#[derive(Debug, Default)]
pub struct Fragments {
    sets: HashMap<String, Set>,
    /// The incomplete messages by the order of their first parts.
    by_age: BTreeMap<u64, String>,
    begun: u64,
    /// The memory of all of them.
    held: usize,
}

/// The parts of one message that have arrived.
#[derive(Debug)]
struct Set {
    number: u64,
    begun_at: Instant,
    sum: u32,
    parts: BTreeMap<u32, Vec<u8>>,
    /// The length of the message so far.
    length: usize,
    cost: usize,
    /// The message is too long. The set stays, so that its other parts do not begin a new one.
    is_refused: bool,
}

impl Fragments {
    /// Adds a part that arrived at `now` and returns the message that it completes: its last part
    /// to arrive, with the payload of all.
    pub fn take(&mut self, now: Instant, part: Part, dropped: &mut Dropped) -> Option<Part> {
        self.expire(now, dropped);
        if part.payload.len() > MAX_MESSAGE {
            dropped.too_long += 1;
            return None;
        }
        if part.sum == 1 {
            return Some(part);
        }
        let begun = self.sets.get(&part.message_id);
        if begun.is_some_and(|set| set.sum != part.sum) {
            // It was delivered again in other parts.
            self.remove(&part.message_id);
            dropped.incomplete += 1;
        }
        let whole = self.add(now, part, dropped);
        while self.sets.len() > MAX_OPEN || self.held > MAX_HELD {
            self.remove_oldest();
            dropped.evicted += 1;
        }
        whole
    }

    /// Drops messages that have been incomplete for too long.
    fn expire(&mut self, now: Instant, dropped: &mut Dropped) {
        while let Some((_, oldest)) = self.by_age.first_key_value()
            && let Some(set) = self.sets.get(oldest)
            && now.saturating_duration_since(set.begun_at) >= LIFE
        {
            dropped.incomplete += u64::from(!set.is_refused);
            self.remove_oldest();
        }
    }

    fn add(&mut self, now: Instant, part: Part, dropped: &mut Dropped) -> Option<Part> {
        let set = match self.sets.entry(part.message_id.clone()) {
            Entry::Occupied(set) => set.into_mut(),
            Entry::Vacant(place) => {
                self.begun += 1;
                self.by_age.insert(self.begun, part.message_id.clone());
                // The id is stored twice.
                let cost = 2 * part.message_id.len();
                self.held += cost;
                place.insert(Set::begin(self.begun, now, part.sum, cost))
            }
        };
        if set.is_refused {
            return None;
        }
        if set.parts.contains_key(&part.seq) {
            dropped.repeated_parts += 1;
            return None;
        }
        set.length += part.payload.len();
        if set.length > MAX_MESSAGE {
            set.is_refused = true;
            set.parts.clear();
            // The id stays.
            let kept = 2 * part.message_id.len();
            self.held -= set.cost - kept;
            set.cost = kept;
            dropped.too_long += 1;
            return None;
        }
        let cost = part.payload.len() + PART_COST;
        set.cost += cost;
        self.held += cost;
        set.parts.insert(part.seq, part.payload);
        if set.parts.len() < set.sum as usize {
            return None;
        }
        let parts = self.remove(&part.message_id)?.parts;
        let payload = parts.into_values().collect::<Vec<_>>().concat();
        Some(Part { payload, ..part })
    }

    fn remove_oldest(&mut self) {
        if let Some((_, message_id)) = self.by_age.first_key_value() {
            let message_id = message_id.clone();
            self.remove(&message_id);
        }
    }

    fn remove(&mut self, message_id: &str) -> Option<Set> {
        let set = self.sets.remove(message_id)?;
        self.by_age.remove(&set.number);
        self.held -= set.cost;
        Some(set)
    }
}

impl Set {
    fn begin(number: u64, begun_at: Instant, sum: u32, cost: usize) -> Self {
        Self {
            number,
            begun_at,
            sum,
            parts: BTreeMap::new(),
            length: 0,
            cost,
            is_refused: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Incomplete messages, and counts of dropped ones.
    struct Way {
        fragments: Fragments,
        dropped: Dropped,
        now: Instant,
    }

    impl Way {
        fn new() -> Self {
            Self {
                fragments: Fragments::default(),
                dropped: Dropped::default(),
                now: Instant::now(),
            }
        }

        /// Takes a part and gives back the payload of the message that is complete with it.
        fn take(&mut self, id: &str, seq: u32, sum: u32, payload: &[u8]) -> Option<Vec<u8>> {
            let part = Part::of(id, seq, sum, payload);
            let whole = self.fragments.take(self.now, part, &mut self.dropped)?;
            assert_eq!((&*whole.message_id, whole.seq), (id, seq));
            Some(whole.payload)
        }

        /// Nothing is kept of anything.
        fn is_empty(&self) -> bool {
            let Fragments {
                sets, by_age, held, ..
            } = &self.fragments;
            sets.is_empty() && by_age.is_empty() && *held == 0
        }
    }

    #[test]
    fn a_message_of_one_part_is_complete() {
        let mut way = Way::new();
        assert_eq!(way.take("m", 0, 1, b"all"), Some(b"all".to_vec()));
        assert!(way.is_empty());
        assert_eq!(way.dropped, Dropped::default());
    }

    #[test]
    fn parts_may_arrive_in_any_order() {
        let mut way = Way::new();
        assert_eq!(way.take("m", 2, 3, b"c"), None);
        assert_eq!(way.take("n", 1, 2, b"2"), None);
        assert_eq!(way.take("m", 2, 3, b"other"), None);
        assert_eq!(way.take("m", 0, 3, b"a"), None);
        assert_eq!(way.take("n", 0, 2, b"1"), Some(b"12".to_vec()));
        assert_eq!(way.take("m", 1, 3, b""), Some(b"ac".to_vec()));
        assert!(way.is_empty());
        assert_eq!(way.dropped.repeated_parts, 1);
    }

    #[test]
    fn a_message_incomplete_for_five_seconds_is_dropped() {
        let mut way = Way::new();
        way.take("slow", 0, 2, b"a");
        way.now += LIFE.mul_f64(0.999);
        way.take("other", 0, 2, b"b");
        assert_eq!(way.take("slow", 1, 2, b"b"), Some(b"ab".to_vec()));

        way.take("lost", 0, 2, b"a");
        way.now += LIFE;
        assert_eq!(way.take("lost", 1, 2, b"b"), None, "its first part is gone");
        assert_eq!(way.dropped.incomplete, 2);
        assert_eq!(way.take("lost", 0, 2, b"a"), Some(b"ab".to_vec()));
        assert!(way.is_empty());
    }

    #[test]
    fn a_redelivery_in_other_parts_starts_over() {
        let mut way = Way::new();
        way.take("m", 0, 3, b"a");
        assert_eq!(way.take("m", 1, 2, b"yz"), None);
        assert_eq!(way.take("m", 0, 2, b"x"), Some(b"xyz".to_vec()));
        assert_eq!(way.dropped.incomplete, 1);
        assert!(way.is_empty());
    }

    #[test]
    fn a_message_over_one_mebibyte_is_dropped() {
        let mut way = Way::new();
        let most = vec![0; MAX_MESSAGE];
        assert_eq!(
            way.take("whole", 0, 1, &most).map(|all| all.len()),
            Some(MAX_MESSAGE)
        );
        assert_eq!(way.take("whole", 0, 1, &[&most[..], b"!"].concat()), None);
        assert_eq!(way.dropped.too_long, 1);

        way.take("cut", 0, 3, &most);
        assert_eq!(way.take("cut", 1, 3, b"!"), None);
        let held = way.fragments.held;
        assert_eq!(held, 2 * "cut".len(), "what is refused is not kept");
        assert_eq!(way.take("cut", 2, 3, b""), None);
        assert_eq!(way.dropped.too_long, 2);
        way.now += LIFE;
        way.take("next", 0, 1, b"");
        assert!(way.is_empty());
        assert_eq!(way.dropped.incomplete, 0, "it was counted once");
    }

    #[test]
    fn the_oldest_incomplete_messages_are_evicted() {
        let mut way = Way::new();
        for number in 0..10_000 {
            way.take(&format!("m{number}"), 0, 2, b"a");
        }
        assert_eq!(way.fragments.sets.len(), MAX_OPEN);
        assert_eq!(way.dropped.evicted, 10_000 - MAX_OPEN as u64);
        assert_eq!(way.take("m9999", 1, 2, b"b"), Some(b"ab".to_vec()));
        way.now += LIFE;
        way.take("next", 0, 1, b"");
        assert!(way.is_empty());
    }

    #[test]
    fn memory_is_bounded_for_any_size_of_parts() {
        let mut way = Way::new();
        let half = vec![0; MAX_MESSAGE / 2];
        for number in 0..100 {
            way.take(&format!("m{number}"), 0, 2, &half);
            assert!(way.fragments.held <= MAX_HELD);
        }
        assert!(way.dropped.evicted > 0);
        let mut way = Way::new();
        let most = u32::try_from(MAX_HELD / PART_COST).unwrap();
        let empty = Part::of("empty", 0, u32::MAX, b"");
        for seq in 0..most {
            let part = Part {
                seq,
                ..empty.clone()
            };
            way.fragments.take(way.now, part, &mut way.dropped);
        }
        assert_eq!(way.dropped.evicted, 1);
        assert!(way.is_empty());
    }

    proptest! {
        #[test]
        fn messages_survive_any_order_of_parts(
            messages in prop::collection::vec(prop::collection::vec(".{0,3}", 1..6), 1..5),
            shuffle in prop::collection::vec(any::<u32>(), 30),
        ) {
            let mut order: Vec<_> = messages.iter().enumerate().flat_map(|(number, parts)| {
                (0..parts.len()).map(move |seq| (number, seq))
            }).collect();
            order.sort_by_key(|(number, seq)| shuffle[number * 6 + seq]);
            let mut way = Way::new();
            let mut out = vec![None; messages.len()];
            for (number, seq) in order {
                let (sum, seq_text) = (messages[number].len(), &messages[number][seq]);
                let (seq, sum) = (u32::try_from(seq).unwrap(), u32::try_from(sum).unwrap());
                let whole = way.take(&number.to_string(), seq, sum, seq_text.as_bytes());
                prop_assert!(out[number].is_none());
                out[number] = whole;
            }
            let went_in: Vec<_> = messages.iter().map(|parts| Some(parts.concat().into_bytes())).collect();
            prop_assert_eq!(out, went_in);
            prop_assert!(way.is_empty());
            prop_assert_eq!(way.dropped, Dropped::default());
        }
    }
}
