//! What to change in the panel: a pure function of what is there, what the bot made, and what it
//! wants.

use std::collections::BTreeSet;

use feishu::{MAX_SLASH_COMMANDS, SlashCommand, SlashDescription};

use super::wanted::Wanted;
use crate::model::panel::MadeCommand;

/// When commands that are in the wrong order are made anew, which needs two calls for each and
/// gives them new ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reorder {
    /// When another one is added: it would be shown above all of them.
    WhenAdding,
    Always,
}

/// The calls to make, in this order: deletions, updates, creations.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) deletions: Vec<SlashCommand>,
    pub(crate) updates: Vec<(SlashCommand, SlashDescription)>,
    /// The lowest in the panel first.
    pub(crate) creations: Vec<Wanted>,
    /// Nothing is to be done for these.
    pub(crate) kept: Vec<&'static str>,
    /// Somebody else made a command of this name, which stays as it is.
    pub(crate) taken: Vec<&'static str>,
    /// The app has as many commands as it can have.
    pub(crate) left_out: Vec<&'static str>,
    /// Commands that the bot made and that are in the panel no more: nothing to remember.
    pub(crate) gone: Vec<MadeCommand>,
    /// Commands that the bot made, but whose id it did not learn.
    pub(crate) recognized: Vec<(MadeCommand, String)>,
}

impl Plan {
    /// Whether a call is to be made.
    pub(crate) fn has_calls(&self) -> bool {
        !(self.deletions.is_empty() && self.updates.is_empty() && self.creations.is_empty())
    }

    /// The names of commands that are removed and not made anew.
    pub(crate) fn removed(&self) -> impl Iterator<Item = &str> {
        let names = self.deletions.iter().map(|command| command.name.as_str());
        names.filter(|name| self.creations.iter().all(|wanted| wanted.name != *name))
    }
}

/// A wanted command, and the one in the panel that is the bot's.
struct Entry<'a> {
    wanted: &'a Wanted,
    listed: Option<&'a SlashCommand>,
}

pub(crate) fn plan(
    listed: &[SlashCommand],
    made: &[MadeCommand],
    wanted: &[Wanted],
    reorder: Reorder,
) -> Plan {
    let mut plan = Plan::default();
    let own = own(listed, made, &mut plan);
    let is_own = |command: &SlashCommand| own.contains(command.id.as_str());
    let others = listed.iter().filter(|command| !is_own(command));
    let other_names: BTreeSet<_> = others.map(|command| command.name.as_str()).collect();
    let room = MAX_SLASH_COMMANDS.saturating_sub(listed.len() - own.len());

    let (taken, free): (Vec<_>, Vec<_>) = wanted
        .iter()
        .partition(|wanted| other_names.contains(wanted.name));
    plan.taken = taken.iter().map(|wanted| wanted.name).collect();
    let (fitting, left_out) = free.split_at(room.min(free.len()));
    plan.left_out = left_out.iter().map(|wanted| wanted.name).collect();

    let find = |name: &str| {
        let mut same = listed.iter().filter(|command| is_own(command));
        same.find(|command| command.name == name)
    };
    let entries: Vec<_> = fitting
        .iter()
        .map(|wanted| Entry {
            wanted,
            listed: find(wanted.name),
        })
        .collect();
    let anew = first_to_keep(&entries, reorder);
    for (number, Entry { wanted, listed }) in entries.iter().enumerate() {
        match listed {
            Some(command) if number >= anew => {
                if is_described(command, &wanted.description) {
                    plan.kept.push(wanted.name);
                } else {
                    let update = ((*command).clone(), wanted.description.clone());
                    plan.updates.push(update);
                }
            }
            _ => plan.creations.push((*wanted).clone()),
        }
    }
    plan.creations.reverse();
    let stays = |command: &SlashCommand| {
        let mut kept = entries.iter().skip(anew);
        kept.any(|entry| entry.listed.is_some_and(|kept| kept.id == command.id))
    };
    let deleted = listed.iter().filter(|one| is_own(one) && !stays(one));
    plan.deletions = deleted.cloned().collect();
    plan
}

/// The ids of the commands in the panel that the bot made; notes in the plan what it has to
/// remember of them.
fn own<'a>(listed: &'a [SlashCommand], made: &[MadeCommand], plan: &mut Plan) -> BTreeSet<&'a str> {
    let mut own = BTreeSet::new();
    for made in made {
        let same = listed.iter().find(|command| match &made.id {
            Some(id) => command.id == *id,
            // The answer to its creation was lost.
            None => command.name == made.name && is_described(command, &made.description),
        });
        match (same, &made.id) {
            (Some(command), None) => {
                plan.recognized.push((made.clone(), command.id.clone()));
                own.insert(command.id.as_str());
            }
            (Some(command), Some(_)) => {
                own.insert(command.id.as_str());
            }
            (None, _) => plan.gone.push(made.clone()),
        }
    }
    own
}

/// The platform may not list the languages of a description.
fn is_described(command: &SlashCommand, wanted: &SlashDescription) -> bool {
    let SlashDescription {
        default_value,
        i18n,
    } = &command.description;
    *default_value == wanted.default_value && (i18n.is_empty() || *i18n == wanted.i18n)
}

/// The position from which all commands are in the panel, in order; those before it are made anew.
///
/// The panel shows the newest first, so a new command has to be older than those above it.
fn first_to_keep(entries: &[Entry<'_>], reorder: Reorder) -> usize {
    let last_missing = entries.iter().rposition(|entry| entry.listed.is_none());
    let below = last_missing.map_or(0, |position| position + 1);
    if reorder == Reorder::WhenAdding {
        return below;
    }
    let seconds = |entry: &Entry<'_>| {
        let created_at = entry.listed?.created_at?;
        Some(created_at.as_second())
    };
    let pairs = entries.iter().zip(entries.iter().skip(1)).enumerate();
    // Without a time nothing is known to be wrong.
    let is_wrong = |(upper, lower): (&Entry<'_>, &Entry<'_>)| matches!((seconds(upper), seconds(lower)), (Some(upper), Some(lower)) if upper <= lower);
    let wrong = pairs.filter(|(_, pair)| is_wrong(*pair));
    let last_wrong = wrong.map(|(number, _)| number + 1).max().unwrap_or(0);
    below.max(last_wrong)
}

#[cfg(test)]
mod tests;
