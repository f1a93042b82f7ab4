//! Contrast and layout at every width, light and dark, in both languages; the screenshots of the
//! README.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::browser::Page;
use crate::media::{attach, until_loaded};
use crate::playground::Playground;

/// The parts of the page, of which narrow pages show one.
const PANES: [&str; 4] = ["chat", "announcement", "happenings", "faults"];

/// Finds texts with a contrast below 4.5 to 1, and elements outside the page (success criteria
/// 1.4.3 and 1.4.10 of WCAG 2.2).
const FLAWS: &str = "(() => {
    const channels = (color) => color.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
        const [x, y, z] = [r, g, b].map((c) => c / 255)
            .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = (it) => {
        for (let at = it; at; at = at.parentElement) {
            const color = channels(getComputedStyle(at).backgroundColor);
            if (color.length < 4 || color[3] === 1) return color;
        }
        return [255, 255, 255];
    };
    const flaws = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const it = texts.currentNode.parentElement;
        if (!texts.currentNode.data.trim() || !it.checkVisibility()) continue;
        const [a, b] = [light(channels(getComputedStyle(it).color)), light(behind(it))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) flaws.push(`${contrast.toFixed(2)}: ${texts.currentNode.data}`);
    }
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > width) flaws.push('the page scrolls sideways');
    for (const it of document.querySelectorAll('header *, #panes *, .pane, .title, #say *, .bubble, .switch *, .happening')) {
        const box = it.getBoundingClientRect();
        if (it.checkVisibility() && box.width > 1 && (box.right > width + 0.5 || box.left < -0.5)) {
            flaws.push(`outside: ${it.outerHTML.slice(0, 200)}`);
        }
    }
    for (const it of document.querySelectorAll('.scroll')) {
        if (it.scrollWidth > it.clientWidth) flaws.push(`${it.id} scrolls sideways`);
    }
    return flaws;
})()";

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
                screenshot(&mut page, &name).await;
            }
        }
        page.size(1600, 1000).await;
    }
    page.finish().await;
}

/// Writes a screenshot into the directory that `PLAYGROUND_SCREENSHOTS` names, by default into the
/// temporary directory of tests.
async fn screenshot(page: &mut Page, name: &str) {
    #[expect(clippy::disallowed_methods, reason = "not a setting of the bot")]
    let folder = std::env::var_os("PLAYGROUND_SCREENSHOTS");
    let folder = folder.map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let taken = page
        .call(
            "Page.captureScreenshot",
            json!({ "format": "webp", "quality": 85 }),
        )
        .await;
    let Value::String(data) = &taken["data"] else {
        panic!("{taken}")
    };
    let image = STANDARD.decode(data).unwrap();
    assert!(image.len() < 150 * 1024, "{name} has {} bytes", image.len());
    std::fs::write(folder.join(name), image).unwrap();
}
