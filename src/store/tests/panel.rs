//! What the bot has made in the `/` panel, and who changes it.

use feishu::SlashDescription;

use super::*;
use crate::model::panel::MadeCommand;

fn tenant(key: &str) -> Tenant {
    Tenant {
        app: APP.to_owned(),
        key: key.into(),
    }
}

fn made(name: &str, id: Option<&str>) -> MadeCommand {
    let i18n = [("zh_cn".to_owned(), "置顶".to_owned())];
    MadeCommand {
        name: name.to_owned(),
        description: SlashDescription {
            default_value: format!("about {name}"),
            i18n: i18n.into(),
        },
        id: id.map(str::to_owned),
    }
}

impl Bench {
    async fn save_made(&self, tenant: &Tenant, made: &MadeCommand) {
        let saved = self.store.save_made_command(tenant, made, self.clock.now());
        saved.await.unwrap();
    }

    async fn reserve(&self, tenant: &Tenant, duration: Duration) -> Option<Timestamp> {
        let now = self.clock.now();
        let until = now + duration;
        let reserved = self.store.reserve_panel(tenant, now, until).await.unwrap();
        reserved.then_some(until)
    }
}

for_both_stores! {
    made_commands_are_remembered_by_name_and_id,
    one_process_reserves_a_panel_at_a_time,
    a_reservation_far_ahead_blocks_nobody,
    erasing_a_tenant_forgets_its_panel,
}

async fn made_commands_are_remembered_by_name_and_id(bench: Bench) {
    let own = tenant("");
    let (pending, pin) = (made("pin", None), made("pin", Some("7")));
    for one in [&pending, &pin, &pin] {
        bench.save_made(&own, one).await;
    }
    bench
        .store
        .forget_made_command(&own, &pending)
        .await
        .unwrap();
    let remembered = bench.store.made_commands(&own).await.unwrap();
    assert_eq!(remembered, std::slice::from_ref(&pin));
    assert_eq!(
        bench.store.made_commands(&tenant("other")).await.unwrap(),
        []
    );
    bench.store.forget_made_command(&own, &pin).await.unwrap();
    assert_eq!(bench.store.made_commands(&own).await.unwrap(), []);
}

async fn one_process_reserves_a_panel_at_a_time(bench: Bench) {
    let (own, other) = (tenant(""), tenant("other"));
    let minute = Duration::from_mins(1);
    let until = bench.reserve(&own, minute).await.unwrap();
    assert_eq!(bench.reserve(&own, minute).await, None);
    assert!(bench.reserve(&other, minute).await.is_some());
    bench.hand.advance(minute / 2);
    // The end of another reservation changes nothing.
    bench
        .store
        .release_panel(&own, until + minute)
        .await
        .unwrap();
    assert_eq!(bench.reserve(&own, minute).await, None);
    bench.store.release_panel(&own, until).await.unwrap();
    assert!(bench.reserve(&own, minute).await.is_some());
    bench.hand.advance(2 * minute);
    assert!(bench.reserve(&own, minute).await.is_some());
}

async fn a_reservation_far_ahead_blocks_nobody(bench: Bench) {
    let own = tenant("");
    bench.reserve(&own, Duration::from_hours(24)).await.unwrap();
    assert!(bench.reserve(&own, Duration::from_mins(5)).await.is_some());
}

async fn erasing_a_tenant_forgets_its_panel(bench: Bench) {
    let (gone, stays) = (tenant("gone"), tenant("stays"));
    for one in [&gone, &stays] {
        bench.save_made(one, &made("pin", Some("7"))).await;
        bench.reserve(one, Duration::from_mins(1)).await.unwrap();
    }
    bench.store.erase_tenant(&gone).await.unwrap();
    assert_eq!(bench.store.made_commands(&gone).await.unwrap(), []);
    assert_eq!(bench.store.made_commands(&stays).await.unwrap().len(), 1);
    assert!(bench.reserve(&gone, Duration::from_mins(1)).await.is_some());
}
