//! Checks the commands, the calls and the final announcements of a run: every acknowledged command
//! acted once and in order, or its author got a reply.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

/// The effect of a command on its chat.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Effect {
    PinAnnouncement,
    /// The id of the message.
    PinMessage(String),
    Unpin,
    /// The tag of the text.
    Announce(String),
}

/// A command; those of a chat are in the order of their acknowledgements.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// The id of the message.
    pub(crate) id: String,
    pub(crate) effect: Effect,
    /// The lines of an announcement.
    pub(crate) lines: Vec<String>,
    pub(crate) acknowledged: bool,
    /// It may have waited for consent, which delays no other command.
    pub(crate) may_have_waited: bool,
    /// The bot's replies to it.
    pub(crate) replies: Vec<String>,
}

/// A change in a chat, once per call of the bot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Observed {
    Effect(Effect),
    /// The bot reacted to this command with a sign of success.
    Reaction(String),
    /// The bot replied to this command.
    Reply(String),
}

/// The history of one chat.
#[derive(Debug, Default)]
pub(crate) struct History {
    pub(crate) sent: Vec<Sent>,
    pub(crate) seen: Vec<Observed>,
    /// The lines of the final announcement, from the top.
    pub(crate) standing: Vec<String>,
}

/// Counts, and every command that violates a rule.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Verdict {
    pub(crate) sent: usize,
    pub(crate) acknowledged: usize,
    /// The effect was observed, and every line of an announcement is there.
    pub(crate) acted: usize,
    /// The author got a reply.
    pub(crate) replied: usize,
    /// The first lines of all replies, with their counts.
    pub(crate) replies: BTreeMap<String, usize>,
    /// Success was shown by a reaction.
    pub(crate) reacted: usize,
    /// Acted, with neither reaction nor reply.
    pub(crate) silent: usize,
    /// Their order is not checked.
    pub(crate) may_have_waited: usize,
    /// Acknowledged, with neither effect nor reply.
    pub(crate) lost: Vec<String>,
    /// A line is in the announcement twice, or there are two replies.
    pub(crate) twice: Vec<String>,
    /// An effect or an answer after one of a later command, or lines of an announcement apart.
    pub(crate) out_of_order: Vec<String>,
    /// Success was reported without an effect.
    pub(crate) untrue: Vec<String>,
}

impl Verdict {
    pub(crate) fn is_good(&self) -> bool {
        self.violations().iter().all(|(_, list)| list.is_empty())
    }

    /// The violations by kind.
    pub(crate) fn violations(&self) -> [(&'static str, &[String]); 4] {
        [
            ("lost", &self.lost),
            ("twice", &self.twice),
            ("out of order", &self.out_of_order),
            ("untrue", &self.untrue),
        ]
    }

    pub(crate) fn check(&mut self, chat: &History) {
        let acted = self.follow(chat);
        let standing = counts(&chat.standing);
        for (number, sent) in chat.sent.iter().enumerate() {
            let occurrences = |line: &String| standing.get(line.as_str()).copied().unwrap_or(0);
            let whole = sent.lines.iter().all(|line| occurrences(line) > 0);
            let acted = acted.contains(&number) && whole;
            let reacted = chat.seen.contains(&Observed::Reaction(sent.id.clone()));
            let replied = !sent.replies.is_empty();
            self.sent += 1;
            self.acknowledged += usize::from(sent.acknowledged);
            self.acted += usize::from(acted);
            self.replied += usize::from(replied);
            self.reacted += usize::from(reacted);
            self.silent += usize::from(acted && !replied && !reacted);
            self.may_have_waited += usize::from(sent.may_have_waited);
            if sent.acknowledged && !acted && !replied {
                self.lost.push(sent.to_string());
            }
            if reacted && !acted {
                self.untrue.push(sent.to_string());
            }
            if sent.replies.len() > 1 || sent.lines.iter().any(|line| occurrences(line) > 1) {
                self.twice.push(sent.to_string());
            }
        }
        let replies = chat.sent.iter().flat_map(|sent| &sent.replies);
        for line in replies.filter_map(|reply| reply.lines().next()) {
            *self.replies.entry(line.to_owned()).or_default() += 1;
        }
        self.check_final_order(chat);
        self.check_lines(chat);
    }

    /// Matches observations with commands, and returns the commands whose effect was observed.
    ///
    /// An effect may be repeated at once, because a bot that is killed before it stores the result
    /// acts again. A command may be skipped only if it never gets an answer, or if it may have
    /// waited for consent.
    fn follow(&mut self, chat: &History) -> HashSet<usize> {
        let answered = answered(chat);
        let mut acted = HashSet::new();
        let mut at = 0;
        let mut closed = false;
        let mut waiting = Waiting::default();
        for seen in &chat.seen {
            let is_effect = matches!(seen, Observed::Effect(_));
            if let Some(number) = waiting.owner(chat, seen) {
                if is_effect {
                    acted.insert(number);
                }
                continue;
            }
            let fits = |number: &usize| {
                let sent = &chat.sent[*number];
                sent.fits(seen) && !sent.may_have_waited
            };
            // After its answer a command may be answered again but must not act again.
            let first = if closed && is_effect { at + 1 } else { at };
            let may_pass = |passed: usize| {
                let sent = &chat.sent[passed];
                (passed == at && closed) || sent.may_have_waited || !answered.contains(&sent.id)
            };
            let found = (first..chat.sent.len())
                .find(fits)
                .filter(|&found| (at..found).all(may_pass));
            let Some(found) = found else {
                self.out_of_order.push(format!("{seen:?}"));
                continue;
            };
            if is_effect {
                acted.insert(found);
            }
            closed = !is_effect;
            at = found;
        }
        acted
    }

    /// New announcements are above older ones.
    fn check_final_order(&mut self, chat: &History) {
        let owners: HashMap<&String, usize> = chat
            .sent
            .iter()
            .enumerate()
            .filter(|(_, sent)| !sent.may_have_waited)
            .flat_map(|(number, sent)| sent.lines.iter().map(move |line| (line, number)))
            .collect();
        let known = |line| owners.get(line).copied();
        let numbers: Vec<usize> = chat.standing.iter().filter_map(known).collect();
        for pair in numbers.windows(2) {
            if pair[0] < pair[1] {
                let lower = &chat.sent[pair[1]];
                self.out_of_order
                    .push(format!("{lower} is below an older one"));
            }
        }
    }

    /// The lines of an announcement stand together.
    fn check_lines(&mut self, chat: &History) {
        for sent in &chat.sent {
            let first = sent.lines.first();
            let at = chat.standing.iter().position(|line| Some(line) == first);
            let Some(at) = at else { continue };
            if !chat.standing[at..].starts_with(&sent.lines) {
                let apart = format!("{sent} is not in one piece");
                self.out_of_order.push(apart);
            }
        }
    }
}

/// The commands that may have waited for consent and act at any time, once.
#[derive(Default)]
struct Waiting {
    answered: HashSet<usize>,
}

impl Waiting {
    /// The number of the command that may have waited and to which an observation belongs. Effects
    /// of such commands are distinct.
    fn owner(&mut self, chat: &History, seen: &Observed) -> Option<usize> {
        let owns = |sent: &Sent| sent.may_have_waited && sent.fits(seen);
        let owner = chat.sent.iter().position(owns)?;
        if !matches!(seen, Observed::Effect(_)) {
            self.answered.insert(owner);
        } else if self.answered.contains(&owner) {
            return None;
        }
        Some(owner)
    }
}

impl Sent {
    fn fits(&self, seen: &Observed) -> bool {
        match seen {
            Observed::Effect(effect) => self.effect == *effect,
            Observed::Reaction(id) | Observed::Reply(id) => self.id == *id,
        }
    }
}

impl std::fmt::Display for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({:?})", self.id, self.effect)
    }
}

fn answered(chat: &History) -> HashSet<String> {
    let id = |seen: &Observed| match seen {
        Observed::Reaction(id) | Observed::Reply(id) => Some(id.clone()),
        Observed::Effect(_) => None,
    };
    chat.seen.iter().filter_map(id).collect()
}

fn counts(lines: &[String]) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for line in lines {
        *counts.entry(line.as_str()).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announce(number: usize) -> Effect {
        Effect::Announce(format!("n{number}"))
    }

    /// Three commands: announce, pin the announcement, announce.
    fn history(seen: &[Observed], standing: &[&str]) -> History {
        let effects = [announce(0), Effect::PinAnnouncement, announce(2)];
        let sent = effects.into_iter().enumerate().map(|(number, effect)| {
            let id = number.to_string();
            let reply = Observed::Reply(id.clone());
            Sent {
                lines: match &effect {
                    Effect::Announce(tag) => vec![tag.clone()],
                    _ => vec![],
                },
                effect,
                acknowledged: true,
                may_have_waited: false,
                replies: seen
                    .contains(&reply)
                    .then(|| "no\nreason".to_owned())
                    .into_iter()
                    .collect(),
                id,
            }
        });
        History {
            sent: sent.collect(),
            seen: seen.to_vec(),
            standing: standing.iter().map(|&line| line.to_owned()).collect(),
        }
    }

    fn did(effect: Effect) -> Observed {
        Observed::Effect(effect)
    }

    fn reacted(number: usize) -> Observed {
        Observed::Reaction(number.to_string())
    }

    fn replied(number: usize) -> Observed {
        Observed::Reply(number.to_string())
    }

    /// All three commands with their effects and reactions.
    fn good() -> Vec<Observed> {
        vec![
            did(announce(0)),
            reacted(0),
            did(Effect::PinAnnouncement),
            reacted(1),
            did(announce(2)),
            reacted(2),
        ]
    }

    /// The numbers of lost, twice, out of order, untrue.
    fn judged(history: &History) -> [usize; 4] {
        let mut verdict = Verdict::default();
        verdict.check(history);
        verdict.violations().map(|(_, list)| list.len())
    }

    const STANDING: [&str; 2] = ["n2", "n0"];

    #[test]
    fn a_correct_history_has_no_violations() {
        let mut verdict = Verdict::default();
        verdict.check(&history(&good(), &STANDING));
        assert!(verdict.is_good(), "{verdict:?}");
        let sums = [
            verdict.sent,
            verdict.acknowledged,
            verdict.acted,
            verdict.reacted,
        ];
        assert_eq!(sums, [3; 4]);
        assert_eq!([verdict.replied, verdict.silent], [0; 2]);
    }

    #[test]
    fn an_effect_repeated_at_once_is_no_violation() {
        let repeated: Vec<Observed> = good()
            .into_iter()
            .flat_map(|seen| [seen.clone(), seen])
            .collect();
        assert_eq!(judged(&history(&repeated, &STANDING)), [0; 4]);
    }

    #[test]
    fn a_command_with_a_reply_is_not_lost() {
        let seen = [
            replied(0),
            did(Effect::PinAnnouncement),
            replied(1),
            did(announce(2)),
            reacted(2),
        ];
        assert_eq!(judged(&history(&seen, &["n2"])), [0; 4]);
    }

    #[test]
    fn a_command_without_effect_or_reply_is_lost() {
        let check = |gone: std::ops::Range<usize>, standing: &[&str]| {
            let mut seen = good();
            seen.drain(gone.clone());
            assert_eq!(judged(&history(&seen, standing)), [1, 0, 0, 0], "{gone:?}");
        };
        check(0..2, &["n2"]);
        check(2..4, &STANDING);
        check(4..6, &["n0"]);
        let mut history = history(&good()[2..], &["n2"]);
        history.sent[0].acknowledged = false;
        assert_eq!(
            judged(&history),
            [0; 4],
            "an unacknowledged command is not lost"
        );
    }

    #[test]
    fn an_incomplete_announcement_is_lost() {
        let mut history = history(&good(), &STANDING);
        history.sent[0].lines.push("n0, second line".to_owned());
        assert_eq!(judged(&history), [1, 0, 1, 1]);
    }

    #[test]
    fn lines_apart_are_out_of_order() {
        let check = |standing: &[&str], apart| {
            let mut history = history(&good(), standing);
            history.sent[2].lines.push("second".to_owned());
            assert_eq!(judged(&history), [0, 0, apart, 0], "{standing:?}");
        };
        check(&["n2", "second", "n0"], 0);
        check(&["n2", "signature", "second", "n0"], 1);
    }

    #[test]
    fn a_repeated_line_or_reply_is_twice() {
        assert_eq!(judged(&history(&good(), &["n2", "n0", "n0"])), [0, 1, 0, 0]);
        let mut history = history(&good(), &STANDING);
        history.sent[1].replies = vec!["no".to_owned(); 2];
        assert_eq!(judged(&history), [0, 1, 0, 0]);
    }

    #[test]
    fn an_effect_repeated_later_is_out_of_order() {
        let mut seen = good();
        seen.push(did(Effect::PinAnnouncement));
        assert_eq!(judged(&history(&seen, &STANDING)), [0, 0, 1, 0]);
        seen.pop();
        seen.insert(4, did(Effect::PinAnnouncement));
        assert_eq!(judged(&history(&seen, &STANDING)), [0, 0, 1, 0]);
    }

    #[test]
    fn swapped_commands_are_out_of_order() {
        let mut seen = good();
        seen.rotate_left(2);
        let [_, _, swapped, _] = judged(&history(&seen, &["n0", "n2"]));
        assert!(swapped > 0);
        let below = judged(&history(&good(), &["n0", "n2"]));
        assert_eq!(below, [0, 0, 1, 0], "the announcement itself is swapped");
    }

    #[test]
    fn success_without_effect_is_untrue() {
        let mut seen = good();
        seen.remove(2);
        assert_eq!(judged(&history(&seen, &STANDING)), [1, 0, 0, 1]);
    }

    /// The same history, in which the first command waits for consent.
    fn waiting(seen: &[Observed], standing: &[&str]) -> History {
        let mut history = history(seen, standing);
        history.sent[0].may_have_waited = true;
        history
    }

    #[test]
    fn a_command_that_waited_may_act_later() {
        let mut seen = good();
        seen.rotate_left(2);
        assert_eq!(judged(&waiting(&seen, &["n0", "n2"])), [0; 4]);
        let partly = [vec![did(announce(0))], seen].concat();
        assert_eq!(judged(&waiting(&partly, &["n0", "n2"])), [0; 4]);
    }

    #[test]
    fn a_command_that_waited_acts_once() {
        let seen = [good(), vec![did(announce(0))]].concat();
        assert_eq!(judged(&waiting(&seen, &STANDING)), [0, 0, 1, 0]);
        let gone = judged(&waiting(&good()[2..], &["n2"]));
        assert_eq!(gone, [1, 0, 0, 0]);
    }

    #[test]
    fn the_order_of_other_commands_stays_checked() {
        let mut seen = good();
        seen[2..].rotate_left(2);
        let [_, _, swapped, _] = judged(&waiting(&seen, &STANDING));
        assert!(swapped > 0);
    }
}
