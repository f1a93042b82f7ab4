//! A tenant sees nothing of another, even if chats, messages and people have equal ids.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

use super::*;
use crate::model::settings::{GroupSettings, ListChange, Setting, SettingChange};

const CASES: u32 = 12;

#[derive(Debug, Clone, Copy)]
enum Act {
    /// A change, with an automatic revert if timed.
    Change {
        timed: bool,
    },
    Undo,
    Cancel,
    Leave,
    Answer,
    Limit,
    Deletable(bool),
    /// A setting of the chat, to this value or to the default.
    Set(Option<&'static str>),
}

/// What members and the worker of a tenant can see.
#[derive(Debug, PartialEq)]
struct View {
    changes: Vec<(String, ChangeKind, String, bool)>,
    undoable: Option<String>,
    top: Option<String>,
    schedules: Vec<(u32, String)>,
    answered: Option<Timestamp>,
    limited: usize,
    can_delete_text: Option<bool>,
    settings: GroupSettings,
    lists: Vec<String>,
    on_list: usize,
}

fn acts() -> impl Strategy<Value = Vec<(&'static str, Act)>> {
    let act = prop_oneof![
        4 => any::<bool>().prop_map(|timed| Act::Change { timed }),
        2 => Just(Act::Undo),
        1 => Just(Act::Cancel),
        1 => Just(Act::Leave),
        1 => Just(Act::Answer),
        1 => Just(Act::Limit),
        1 => any::<bool>().prop_map(Act::Deletable),
        2 => prop_oneof![Just(None), Just(Some("zh")), Just(Some("en"))].prop_map(Act::Set),
    ];
    let tenant = prop_oneof![Just("one"), Just("other")];
    prop::collection::vec((tenant, act), 1..25)
}

fn tenant(key: &str) -> Tenant {
    Tenant {
        key: key.into(),
        ..Tenant::own(APP)
    }
}

fn chat_in(key: &str) -> ChatKey {
    ChatKey {
        tenant: tenant(key),
        chat: "oc_1".to_owned(),
    }
}

impl Bench {
    /// The number of earlier acts of the tenant names the message.
    async fn act(&self, key: &str, number: usize, act: Act) {
        let origin = format!("om_{number}");
        match act {
            Act::Change { timed } => {
                let record = top(PinnedItem::Unknown, PinnedItem::Message("om_a".into()));
                let end = timed.then(|| expiry(self.clock.now() + Duration::from_hours(1)));
                self.run_in(key, &origin, Some(record), |conclusion| Conclusion {
                    schedules: end.into_iter().collect(),
                    ..conclusion
                })
                .await;
            }
            Act::Undo => {
                let made = self.store.undoable(chat_in(key)).await.unwrap();
                let Some(made) = made else { return };
                let record = ChangeRecord {
                    kind: ChangeKind::Undo,
                    reverts: Some(made.id),
                    ..top(PinnedItem::Unknown, PinnedItem::Nothing)
                };
                self.run_in(key, &origin, Some(record), |conclusion| conclusion)
                    .await;
            }
            Act::Cancel => {
                let planned = self.store.schedules(chat_in(key)).await.unwrap();
                let Some(first) = planned.first() else { return };
                let cancels = Some(first.id);
                self.run_in(key, &origin, None, |conclusion| Conclusion {
                    cancels,
                    ..conclusion
                })
                .await;
            }
            Act::Leave => self.store.leave(chat_in(key)).await.unwrap(),
            Act::Answer => {
                let to = recipient(key);
                let now = self.clock.now();
                self.store.record_answer(to, now).await.unwrap();
            }
            Act::Limit => {
                let limit = RateLimit {
                    tenant: key.into(),
                    api: format!("api_{number}"),
                    until: self.clock.now() + Duration::from_mins(1),
                };
                self.store.save_limit(limit).await.unwrap();
            }
            Act::Set(word) => {
                let setting = Setting::Language;
                let change = SettingChange {
                    setting,
                    old: None,
                    new: word.and_then(|word| setting.stored(word)),
                };
                let list = ListChange {
                    list: "Weekly".to_owned(),
                    joins: word.is_some(),
                };
                self.run_in(key, &origin, None, |conclusion| Conclusion {
                    sets: Some(change),
                    list: Some(list),
                    ..conclusion
                })
                .await;
            }
            Act::Deletable(can) => {
                let chat = chat_in(key);
                self.store.save_can_delete_text(chat, can).await.unwrap();
            }
        }
    }

    async fn run_in(
        &self,
        key: &str,
        origin: &str,
        record: Option<ChangeRecord>,
        more: impl FnOnce(Conclusion) -> Conclusion,
    ) {
        let new = job("oc_1", origin);
        let tenant = tenant(key);
        let new = NewJob {
            key: JobKey { tenant, ..new.key },
            ..new
        };
        let accepted = self.store.accept(new.clone()).await.unwrap();
        assert_eq!(accepted, Accepted::New);
        let claimed = self.claim().await.unwrap();
        assert_eq!(claimed.key, new.key);
        let conclusion = more(Conclusion {
            record,
            ..Conclusion::of(Outcome::Done(Done::Unpinned))
        });
        self.store.conclude(&claimed, conclusion).await.unwrap();
        self.store.release(&claimed, Release::Done).await.unwrap();
    }

    async fn view(&self, key: &str) -> View {
        let store = &self.store;
        let changes = store.history(chat_in(key), 100).await.unwrap();
        let origin = |made: RecordedChange| made.job_ref.origin;
        let schedules = store.schedules(chat_in(key)).await.unwrap();
        let limits = store.limits().await.unwrap();
        View {
            changes: changes
                .into_iter()
                .map(|made| (made.job_ref.origin, made.kind, made.summary, made.undone))
                .collect(),
            undoable: store.undoable(chat_in(key)).await.unwrap().map(origin),
            top: store.latest_top(chat_in(key)).await.unwrap().map(origin),
            schedules: schedules
                .into_iter()
                .map(|plan| (plan.number, plan.job_ref.origin))
                .collect(),
            answered: store.last_answer(recipient(key)).await.unwrap(),
            limited: limits
                .iter()
                .filter(|limit| limit.tenant.as_str() == key)
                .count(),
            can_delete_text: store.can_delete_text(chat_in(key)).await.unwrap(),
            settings: store.group_settings(&chat_in(key)).await.unwrap(),
            lists: store.lists_of(&chat_in(key)).await.unwrap(),
            on_list: store.groups_on(&tenant(key), "weekly").await.unwrap().len(),
        }
    }
}

fn recipient(key: &str) -> Recipient {
    Recipient {
        chat: chat_in(key),
        person: "ou_1".to_owned(),
        reason: "by_mode",
    }
}

/// One tenant's view is the same with and without another tenant in the same database.
async fn compare(together: &Bench, alone: &Bench, acts: &[(&'static str, Act)]) {
    let mut numbers = std::collections::HashMap::new();
    for (key, act) in acts {
        let number = numbers.entry(*key).or_insert(0_usize);
        *number += 1;
        Box::pin(together.act(key, *number, *act)).await;
        if *key == "one" {
            Box::pin(alone.act(key, *number, *act)).await;
        }
        assert_eq!(together.view("one").await, alone.view("one").await);
        for bench in [together, alone] {
            bench.hand.advance(Duration::from_secs(1));
        }
    }
}

fn for_any_acts(compare: impl Fn(&Runtime, &[(&'static str, Act)])) {
    let runtime = Runtime::new().unwrap();
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        ..Config::default()
    };
    let run = |acts: Vec<_>| {
        compare(&runtime, &acts);
        Ok(())
    };
    TestRunner::new(config).run(&acts(), run).unwrap();
}

#[test]
fn tenants_share_nothing_in_a_file() {
    for_any_acts(|runtime, acts| {
        runtime.block_on(async {
            let benches = (Bench::in_folder().await, Bench::in_folder().await);
            compare(&benches.0, &benches.1, acts).await;
        });
    });
}

#[cfg(feature = "postgres-tests")]
#[test]
fn tenants_share_nothing_on_a_server() {
    for_any_acts(|runtime, acts| {
        runtime.block_on(async {
            let benches = (Bench::on_server().await, Bench::on_server().await);
            compare(&benches.0, &benches.1, acts).await;
        });
    });
}

#[test]
fn equal_messages_of_two_tenants_have_different_references() {
    let key = |key: &str| JobKey {
        tenant: tenant(key),
        ..job("oc_1", "om_1").key
    };
    assert_ne!(key("one").reference(), key("other").reference());
}
