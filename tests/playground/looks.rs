//! Contrast and layout at every width, light and dark, in both languages; the screenshots of the
//! README.

use serde_json::json;

use crate::browser::{FLAWS, Page};
use crate::media::{attach, until_loaded};
use crate::playground::Playground;

/// The parts of the page, of which narrow pages show one.
const PANES: [&str; 4] = ["chat", "announcement", "happenings", "faults"];

/// Fills the page with examples of everything.
async fn fill(page: &mut Page, language: &str) {
    let (pinned, said, announcement, power_cut, history) = match language {
        "zh" => (
            "聚餐",
            "蓝厅订好了吗？",
            "/公告 **今晚停电**，22:00 至 23:00\n- 请保存工作\n- 提前关机",
            "今晚停电",
            "/记录",
        ),
        _ => (
            "Dinner",
            "Is the Blue Room booked?",
            "/announce **Power cut** tonight, 22:00 to 23:00\n- save your work\n- shut down in time",
            "Power cut",
            "/history",
        ),
    };
    page.click("#messages li:first-child button[formaction^='/pin']")
        .await;
    page.until_text("#top .set", pinned).await;
    page.say(said).await;
    page.say(announcement).await;
    page.until_text("#board .bold", power_cut).await;
    page.say(history).await;
    page.until("a card is shown", "document.querySelector('.card')")
        .await;
    page.until(
        "all commands are done",
        "document.querySelectorAll('#list .group > details > summary .badge.good').length === 3",
    )
    .await;
}

/// At every width, light and dark, in both languages.
#[tokio::test]
async fn pages_are_readable_in_every_layout() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    fill(&mut page, "en").await;
    page.say(&"averylongwordwithoutanyspace".repeat(20)).await;
    let cells = "| a rather long heading ".repeat(8);
    let table = format!("/announce {cells}|\n{}|\n{cells}|", "|---".repeat(8));
    page.say(&table).await;
    page.until_text("#board th", "heading").await;
    attach(&mut page, "roster", "").await;
    attach(&mut page, "both_pictures", "/announce Numbers of the week").await;
    until_loaded(&mut page, "#board", 2).await;
    page.click("#messages li:last-child .react").await;
    page.click("#switch-no_right-do").await;
    page.click("#switch-rate_limit-do").await;
    for width in [360, 800, 1280, 1600] {
        page.size(width, 800).await;
        for scheme in ["light", "dark"] {
            page.scheme(scheme).await;
            for (language, pane) in [("en", 0), ("zh", 0), ("en", 1), ("en", 2), ("zh", 3)] {
                let pane = PANES[pane];
                page.go_to(&format!("/?lang={language}&pane={pane}")).await;
                page.until("the page is live", "'live' in document.body.dataset")
                    .await;
                page.get("document.querySelectorAll('summary').forEach((it, at) => at < 20 && it.click())")
                    .await;
                let flaws = page.get(FLAWS).await;
                assert_eq!(flaws, json!([]), "{width} {scheme} {language} {pane}");
            }
        }
    }
    page.finish().await;
}

/// The sizes of the README's screenshots: a large window, a small one, and a phone.
const SIZES: [(u32, u32); 3] = [(1440, 900), (1280, 720), (390, 844)];

#[tokio::test]
async fn screenshots_show_the_current_page() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    for (language, folder) in [("en", "en"), ("zh", "zh-CN")] {
        page.go_to(&format!("/?lang={language}")).await;
        page.until("the page is live", "'live' in document.body.dataset")
            .await;
        fill(&mut page, language).await;
        for (width, height) in SIZES {
            page.size(width, height).await;
            for scheme in ["light", "dark"] {
                page.scheme(scheme).await;
                page.get("document.activeElement.blur()").await;
                page.get("document.querySelectorAll('[data-stick]').forEach((it) => it.scrollTop = it.scrollHeight)")
                    .await;
                let name = format!("playground-{folder}-{width}-{scheme}.webp");
                page.save_picture(&name).await;
            }
        }
        page.size(1600, 1000).await;
    }
    page.finish().await;
}
