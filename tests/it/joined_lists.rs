//! Lists that groups join with `/settings groups`.

use feishu_sim::AnnouncementKind::{Doc, Docx};
use feishu_sim::{ChatId, WhoMay};

use crate::broadcasts::{announced, list, named, report_of};
use crate::harness::Bench;

const JOIN: &str = "/settings groups weekly join";

async fn owner_says(bench: &Bench, group: &ChatId, command: &str) {
    let command = bench.say_as(&bench.owner, group, command);
    assert_eq!(bench.reaction(&command).await, "DONE");
}

async fn owner_is_told(bench: &Bench, group: &ChatId, command: &str) -> String {
    let command = bench.say_as(&bench.owner, group, command);
    bench.answer(&command).await
}

async fn posted(bench: &Bench, group: &ChatId, text: &str, words: &str) {
    let command = bench
        .say(group, &format!("/announce --to weekly {text}"))
        .id;
    report_of(bench, group, &command, words).await;
    bench.idle().await;
}

#[tokio::test]
async fn groups_join_and_leave_a_list() {
    let mut bench = Bench::with(|builder| builder, "[announce]\nsignature = false\n").await;
    let [ops, sales] = [named(&bench, "Ops", Docx), named(&bench, "Sales", Doc)];
    let unknown = bench.reply_to(&ops, "/announce --to weekly lunch").await;
    assert!(unknown.contains("/settings groups NAME join"), "{unknown}");
    let none = owner_is_told(&bench, &ops, "/settings groups").await;
    assert!(none.contains("on no list"), "{none}");
    owner_says(&bench, &ops, JOIN).await;
    owner_says(&bench, &sales, "/设置 群组 Ｗeekly 加入").await;
    let again = owner_is_told(&bench, &ops, JOIN).await;
    assert!(again.contains("already"), "{again}");
    bench.restart().await;
    posted(&bench, &ops, "lunch", "2 posted").await;
    assert_eq!(announced(&bench, &sales, "lunch"), 1);
    let shown = owner_is_told(&bench, &sales, "/settings groups").await;
    assert!(shown.contains("“weekly”"), "{shown}");
    owner_says(&bench, &sales, "/settings groups weekly leave").await;
    let gone = owner_is_told(&bench, &sales, "/settings groups weekly leave").await;
    assert!(gone.contains("not on the list"), "{gone}");
    posted(&bench, &ops, "dinner", "1 posted").await;
    assert_eq!(announced(&bench, &sales, "dinner"), 0);
    let history = bench.reply_to(&sales, "/history").await;
    assert!(
        history.contains("put this group on the list `weekly`")
            && history.contains("took this group off the list `weekly`"),
        "{history}"
    );
    let audited = bench.audited().await;
    let settings = audited
        .iter()
        .filter(|line| line.contains("settings: done"));
    assert_eq!(settings.count(), 3, "{audited:?}");
    bench.finish().await;
}

#[tokio::test]
async fn joined_groups_add_to_the_configured_list() {
    let mut bench = Bench::new().await;
    let [ops, sales] = [named(&bench, "Ops", Docx), named(&bench, "Sales", Docx)];
    bench.reconfigure(&list(std::slice::from_ref(&ops))).await;
    owner_says(&bench, &sales, "/settings groups WEEKLY join").await;
    posted(&bench, &ops, "lunch", "2 posted").await;
    let known = owner_is_told(&bench, &ops, JOIN).await;
    assert!(known.contains("already"), "{known}");
    let fixed = owner_is_told(&bench, &ops, "/settings groups weekly leave").await;
    assert!(fixed.contains("in the configuration"), "{fixed}");
    let shown = owner_is_told(&bench, &ops, "/settings groups").await;
    assert!(shown.contains("admin has put it on: “weekly”"), "{shown}");
    bench.finish().await;
}

#[tokio::test]
async fn only_the_owner_and_admins_join_a_list() {
    let bench = Bench::new().await;
    let ops = named(&bench, "Ops", Docx);
    let denied = bench.reply_to(&ops, JOIN).await;
    assert!(denied.contains("owner and admins"), "{denied}");
    let show = bench.say(&ops, "/settings groups").id;
    assert_eq!(bench.reaction(&show).await, "CrossMark");
    assert_eq!(bench.count("joined_lists").await, 0);
    bench.finish().await;
}

/// Membership of a list gives nobody a permission.
#[tokio::test]
async fn a_joined_group_keeps_its_own_permissions() {
    let bench = Bench::new().await;
    let [ops, sales] = [named(&bench, "Ops", Docx), named(&bench, "Sales", Docx)];
    let board = bench
        .sim
        .add_chat(feishu_sim::ChatSpec::named("Board").owner(&bench.owner));
    let strict = |chat: &mut feishu_sim::Chat| chat.edit_permission = WhoMay::OnlyOwner;
    bench.sim.change_chat(&sales, strict);
    for group in [&ops, &sales, &board] {
        owner_says(&bench, group, JOIN).await;
    }
    posted(&bench, &ops, "lunch", "1 posted, 2 failed").await;
    assert_eq!(announced(&bench, &sales, "lunch"), 0);
    assert_eq!(announced(&bench, &board, "lunch"), 0);
    bench.finish().await;
}

#[tokio::test]
async fn a_group_leaves_its_lists_with_the_bot() {
    let bench = Bench::new().await;
    let [ops, sales] = [named(&bench, "Ops", Docx), named(&bench, "Sales", Docx)];
    for group in [&ops, &sales] {
        owner_says(&bench, group, JOIN).await;
    }
    assert_eq!(bench.count("joined_lists").await, 2);
    let owner = bench.sim.as_person(&bench.owner).in_chat(&sales);
    let removed = owner.remove_bot().unwrap();
    assert_eq!(removed.answer().await.status, 200);
    bench.idle().await;
    let of_sales = format!("joined_lists WHERE chat = '{sales}'");
    assert_eq!(bench.count(&of_sales).await, 0);
    posted(&bench, &ops, "lunch", "1 posted").await;
    bench.finish().await;
}
