//! Lists of groups: those of the configuration, and those that groups have joined.

use std::collections::HashSet;

use feishu::ChatId;

use super::Dispatcher;
use super::intent::Next;
use crate::action::Failure;
use crate::command::fold_name;
use crate::config::{GroupList, MOST_GROUPS, MOST_LISTS};
use crate::model::action::Action;
use crate::model::job::Tenant;
use crate::model::refusal::BroadcastRefusal;
use crate::model::settings::{ListChange, ListsOfGroup};
use crate::store::{Job, StoreError};

/// How many lists an error names.
const NAMED_LISTS: usize = 10;

/// A list, as the configuration and the groups that joined it make it.
struct List {
    name: String,
    groups: Vec<ChatId>,
}

impl Dispatcher {
    /// The groups of a list, with its name as the configuration has it, or else as the first group has
    /// typed it.
    pub(super) async fn groups_of(
        &self,
        tenant: &Tenant,
        list: &str,
    ) -> Result<(String, Vec<ChatId>), Failure> {
        let Some(List { name, groups }) = self.list(tenant, list).await? else {
            return Err(self.unknown_list(tenant, list).await?.into());
        };
        match groups.len() {
            0 => Err(BroadcastRefusal::EmptyList { name }.into()),
            1..=MOST_GROUPS => Ok((name, groups)),
            _ => Err(too_long(name).into()),
        }
    }

    async fn list(&self, tenant: &Tenant, list: &str) -> Result<Option<List>, StoreError> {
        let key = fold_name(list);
        let joined = self.store.groups_on(tenant, &key).await?;
        let mut configured = self.configured(&key);
        let first = configured.next();
        let typed = joined.first().map(|(_, name)| name);
        let Some(name) = first.map(|(name, _)| name).or(typed).cloned() else {
            return Ok(None);
        };
        let lists = first.into_iter().chain(configured);
        let configured = lists.flat_map(|(_, list)| &list.chats);
        let configured = configured.map(|chat| ChatId::from(chat.as_str()));
        let chats = configured.chain(joined.into_iter().map(|(chat, _)| chat));
        let mut known = HashSet::new();
        let groups = chats.filter(|chat| known.insert(chat.clone())).collect();
        Ok(Some(List { name, groups }))
    }

    fn configured(&self, key: &str) -> impl Iterator<Item = (&String, &GroupList)> {
        let lists = self.settings.groups.iter();
        lists.filter(move |(name, _)| fold_name(name) == key)
    }

    /// The names of all lists, each once.
    async fn all_lists(&self, tenant: &Tenant) -> Result<Vec<String>, StoreError> {
        let mut names: Vec<String> = self.settings.groups.keys().cloned().collect();
        for name in self.store.joined_lists(tenant).await? {
            let key = fold_name(&name);
            if !names.iter().any(|known| fold_name(known) == key) {
                names.push(name);
            }
        }
        Ok(names)
    }

    async fn unknown_list(
        &self,
        tenant: &Tenant,
        list: &str,
    ) -> Result<BroadcastRefusal, StoreError> {
        let wanted = fold_name(list);
        let lists = self.all_lists(tenant).await?;
        let distances = lists.iter().map(|name| (distance(&wanted, name), name));
        let near = distances.min_by_key(|(distance, _)| *distance);
        let near = near.filter(|(distance, _)| *distance <= wanted.chars().count() / 2);
        Ok(BroadcastRefusal::UnknownList {
            name: list.to_owned(),
            near: near.map(|(_, name)| name.clone()),
            known: lists.iter().take(NAMED_LISTS).cloned().collect(),
        })
    }

    /// `/settings groups`.
    pub(super) async fn show_lists(&self, job: &Job) -> Result<Next, Failure> {
        let lists = self.settings.groups.iter();
        let configured = lists.filter(|(_, list)| list.chats.contains(&job.chat));
        let lists = ListsOfGroup {
            configured: configured.map(|(name, _)| name.clone()).collect(),
            joined: self.store.lists_of(&job.chat_key()).await?,
        };
        Ok(Next::Authorize(Action::ShowLists(Box::new(lists))))
    }

    /// `/settings groups NAME join`, for example.
    pub(super) async fn change_list(&self, job: &Job, change: ListChange) -> Result<Next, Failure> {
        let tenant = &job.key.tenant;
        let key = change.key();
        let joined = self.store.groups_on(tenant, &key).await?;
        let has_joined = joined.iter().any(|(chat, _)| chat.as_str() == job.chat);
        let list = self.list(tenant, &change.list).await?;
        let name = list
            .as_ref()
            .map_or(&change.list, |list| &list.name)
            .clone();
        let count = list.as_ref().map_or(0, |list| list.groups.len());
        let mut configured = self.configured(&key);
        let is_configured = configured.any(|(_, list)| list.chats.contains(&job.chat));
        let refusal = match change.joins {
            true if has_joined || is_configured => BroadcastRefusal::OnListAlready { name },
            true if count >= MOST_GROUPS => too_long(name),
            true if list.is_none() && self.all_lists(tenant).await?.len() >= MOST_LISTS => {
                BroadcastRefusal::TooManyLists { limit: MOST_LISTS }
            }
            false if !has_joined && is_configured => {
                BroadcastRefusal::OnListByConfiguration { name }
            }
            false if !has_joined => BroadcastRefusal::NotOnList { name },
            joins => {
                let change = ListChange { list: name, joins };
                return Ok(Next::Authorize(Action::ChangeList(change)));
            }
        };
        Err(refusal.into())
    }
}

fn too_long(name: String) -> BroadcastRefusal {
    BroadcastRefusal::ListTooLong {
        name,
        limit: MOST_GROUPS,
    }
}

/// The number of edits between a folded name and the name of a list.
fn distance(wanted: &str, name: &str) -> usize {
    strsim::damerau_levenshtein(wanted, &fold_name(name))
}
