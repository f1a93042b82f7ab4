//! The bot as a store app, and acting as the member.

use serde_json::json;

use crate::browser::{Browser, Page};
use crate::playground::Playground;

/// Chooses a mode and waits until the bot serves in it.
async fn choose(page: &mut Page, mode: &str) {
    page.click(&format!("#by-{mode}")).await;
    let is_chosen = format!(
        "document.querySelector('#by-{mode}[aria-pressed=true]')
            && document.querySelector('#bot .serving')"
    );
    page.until(&format!("the bot serves as {mode}"), &is_chosen)
        .await;
}

#[tokio::test]
async fn a_store_app_serves_two_organizations() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    page.until("Lab is hidden", "!document.querySelector('#group-5')")
        .await;
    choose(&mut page, "store_app").await;
    page.click("#group-5").await;
    page.until_text("#chat-name", "Lab").await;
    page.until_text(".people [aria-current]", "Ben").await;
    page.say("/announce Clean the oven").await;
    page.until_text("#board", "Clean the oven").await;

    page.click("#group-0").await;
    page.until_text("#chat-name", "Ops").await;
    page.say("/announce Power cut").await;
    page.until_text("#board", "Power cut").await;
    let board = page.text("#board").await;
    assert!(!board.contains("oven"), "{board}");

    choose(&mut page, "long_connection").await;
    page.until(
        "it is a custom app again",
        "!document.querySelector('#group-5')",
    )
    .await;
    page.say("/announce Power is back").await;
    page.until_text("#board", "Power is back").await;
    page.finish().await;
}

/// Opens the link of the last private card or direct message in another tab.
async fn follow_link(browser: &Browser, page: &mut Page) -> Page {
    let link = "[...document.querySelectorAll('#messages .private a')].at(-1).href";
    let link = page.get(link).await;
    let (origin, path) = split(link.as_str().unwrap());
    let mut consent = browser.open_tab(origin).await;
    consent.go_to(path).await;
    consent.until_text("h1", "noticebot").await;
    consent
}

fn split(url: &str) -> (&str, &str) {
    let start = url.find("://").unwrap() + 3;
    let end = url[start..].find('/').unwrap() + start;
    url.split_at(end)
}

async fn decide(consent: &mut Page, label: &str) {
    consent
        .click(&format!("button[aria-label='{label}']"))
        .await;
    consent.loaded().await;
}

#[tokio::test]
async fn a_command_continues_after_consent() {
    let playground = Playground::open().await;
    let (browser, mut page) = playground.visit("/?lang=en").await;
    // The link leads to the bot, however it receives events.
    choose(&mut page, "long_connection").await;
    choose(&mut page, "as_member").await;
    page.say("/announce In my name").await;
    page.until_text("#messages .private .badge", "Only visible to you")
        .await;
    let mut olga = playground.visit_in(&browser, "/?lang=en&as=olga").await;
    assert_eq!(
        olga.get("document.querySelectorAll('#messages .private').length")
            .await,
        json!(0)
    );
    olga.finish().await;
    let mut consent = follow_link(&browser, &mut page).await;
    decide(&mut consent, "同意 Consent, Mei").await;
    // A hidden tab is not updated.
    page.call("Page.bringToFront", json!({})).await;
    page.until_text("#board", "In my name").await;
    page.until_text("#list .call .name", "create blocks · as Mei")
        .await;

    page.say("/announce Without asking again").await;
    page.until_text("#board", "Without asking again").await;
    let cards = "document.querySelectorAll('#messages .private').length";
    assert_eq!(page.get(cards).await, json!(1));
    page.click("#switch-revocation-do").await;
    page.until_text("#list .push .name", "auth.user_access_token.revoked_v4")
        .await;
    page.say("/announce Ask me again").await;
    page.until("the bot asks again", &format!("{cards} === 2"))
        .await;
    page.finish().await;
}

#[tokio::test]
async fn consent_of_others_changes_nothing() {
    let playground = Playground::open().await;
    let (browser, mut page) = playground.visit("/?lang=en&group=questions").await;
    choose(&mut page, "as_member").await;
    page.say("/pin announcement").await;
    // Topic groups have no private cards.
    page.until_text("#messages .private .badge", "Direct message")
        .await;
    let mut consent = follow_link(&browser, &mut page).await;
    decide(&mut consent, "同意 Consent, Olga").await;
    let mut consent = follow_link(&browser, &mut page).await;
    decide(&mut consent, "拒绝 Refuse, Mei").await;
    page.call("Page.bringToFront", json!({})).await;
    page.until_text("#messages", "You declined to let the bot act as you")
        .await;
    page.until("nothing is pinned", "!document.querySelector('#top .set')")
        .await;
    page.finish().await;
}
