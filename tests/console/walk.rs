//! An admin walks through every page.

use std::time::Duration;

use feishu_sim::AnnouncementKind::Docx;
use serde_json::{Value, json};

use crate::browser::{Browser, FLAWS, Page};
use crate::harness::Bench;

const PAGES: [(&str, &str); 7] = [
    ("/", "overview"),
    ("/jobs?state=all", "jobs"),
    ("/audit", "audit"),
    ("/groups", "groups"),
    ("/tenants", "tenants"),
    ("/check", "check"),
    ("/settings", "settings"),
];
const TOKEN: &str = "a token that nobody guesses";
/// The browser of these tests finds the bot under this name.
const NAME: &str = "bot.example.com";

/// A bot with jobs that were done, one that is scheduled and one that failed.
async fn busy_bot() -> Bench {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    for command in ["/pin announcement", "/announce **Dinner** at eight"] {
        let said = bench.say(&group, command).id;
        bench.reaction(&said).await;
    }
    let said = bench
        .say(&group, "/announce --at tomorrow 9:00 <b>Lunch</b>")
        .id;
    bench.answer(&said).await;
    bench.pin_that_is_given_up(&group).await;
    bench.idle().await;
    bench
}

fn origin(bench: &Bench) -> String {
    format!("http://{}", bench.admin_address())
}

/// Fails if the page has a flaw at this width.
async fn check_looks(page: &mut Page, width: u32, height: u32, name: &str) {
    page.size(width, height).await;
    let flaws = page.get(FLAWS).await;
    assert_eq!(flaws, json!([]), "{name} at {width}");
}

#[tokio::test]
async fn every_page_fits_every_screen_in_both_languages() {
    let bench = busy_bot().await;
    let browser = Browser::start();
    let mut page = browser.open_tab(&origin(&bench)).await;
    for language in ["en", "zh"] {
        page.go_to(&format!("/language?to={language}&back=/")).await;
        for (path, name) in PAGES {
            page.go_to(path).await;
            for scheme in ["light", "dark"] {
                page.scheme(scheme).await;
                for (width, height) in [(1920, 1080), (1280, 720), (360, 740)] {
                    check_looks(&mut page, width, height, name).await;
                    let file = format!("console-{name}-{language}-{width}-{scheme}.webp");
                    page.save_picture(&file).await;
                }
            }
            let heading = page.text("h1").await;
            assert_eq!(heading.is_ascii(), language == "en", "{heading}");
        }
    }
    page.finish().await;
    bench.finish().await;
}

#[tokio::test]
async fn an_admin_retries_and_drops_jobs() {
    let bench = busy_bot().await;
    let browser = Browser::start();
    let mut page = browser.open_tab(&origin(&bench)).await;
    page.go_to("/jobs?state=dead").await;
    page.click("td a").await;
    page.loaded().await;
    page.until_text(".facts", "failed").await;
    let shown = page.text("main").await;
    assert!(!shown.contains("/pin"), "what a member wrote: {shown}");
    page.press_button("Show text").await;
    page.loaded().await;
    page.until_text("pre", "/pin announcement").await;
    // The platform answers again.
    bench.advance(Duration::from_hours(1));
    page.press_button("Retry").await;
    page.loaded().await;
    bench.idle().await;
    page.go_to("/jobs?state=dead").await;
    page.until_text(".empty", "No jobs match.").await;

    page.go_to("/jobs?state=planned").await;
    page.click("td a").await;
    page.loaded().await;
    page.click("summary.chip").await;
    page.press_button("Drop the job").await;
    page.loaded().await;
    page.until_text(".facts", "done").await;

    page.go_to("/audit").await;
    for deed in ["admin_show_text", "admin_retry", "admin_drop"] {
        page.until_text("td", deed).await;
    }
    let audit = page.text("main").await;
    assert!(!audit.contains("Dinner"), "{audit}");
    page.press_button("Show text").await;
    page.loaded().await;
    page.until_text("td", "Dinner").await;
    let export = "fetch('/audit.csv').then((it) => it.text())";
    let export = page.get(export).await;
    let export = export.as_str().unwrap();
    assert!(export.starts_with("time,command,result,"), "{export}");
    assert!(export.contains(",admin_drop,done,"), "{export}");
    assert!(!export.contains("Dinner"), "{export}");
    page.finish().await;
    bench.finish().await;
}

#[tokio::test]
async fn pages_follow_what_happens() {
    let bench = Bench::new().await;
    let group = bench.group(Docx);
    let browser = Browser::start();
    let mut page = browser.open_tab(&origin(&bench)).await;
    page.go_to("/jobs?state=all").await;
    page.until("the page is live", "'live' in document.body.dataset")
        .await;
    page.until_text(".empty", "No jobs match.").await;
    let said = bench.say(&group, "/pin announcement").id;
    bench.reaction(&said).await;
    page.until_text("td", "done").await;
    // It stops when the admin wants it to.
    page.click(".live input").await;
    page.until("it stops", "!('live' in document.body.dataset)")
        .await;
    page.finish().await;
    bench.finish().await;
}

#[tokio::test]
async fn checks_are_shown_as_they_end() {
    let bench = busy_bot().await;
    let browser = Browser::start();
    let mut page = browser.open_tab(&origin(&bench)).await;
    page.go_to("/check").await;
    page.press_button("Run the checks").await;
    page.loaded().await;
    page.until_text(".done", "Done:").await;
    let names = "[...document.querySelectorAll('.checks b')].map((it) => it.innerText)";
    let names = page.get(names).await;
    let names = names.as_array().unwrap();
    for name in ["configuration", "credentials", "group"] {
        assert!(names.contains(&json!(name)), "{name}: {names:?}");
    }
    page.go_to("/groups").await;
    page.click("td a").await;
    page.loaded().await;
    page.until_text(".checks", "the bot is in").await;
    page.until_text("td time", "09:00").await;
    page.finish().await;
    bench.finish().await;
}

#[tokio::test]
async fn admins_log_in_and_out() {
    let mut bench = Bench::new().await;
    bench.set("NOTICEBOT_ADMIN_TOKEN", TOKEN);
    bench.set("NOTICEBOT_ADMIN_HOSTS", NAME);
    bench.restart().await;
    let browser = Browser::start();
    let named = format!("http://{NAME}:{}", bench.admin_address().port());
    // Without TLS, browsers say less about requests to a name than to a loopback address.
    for origin in [origin(&bench), named] {
        let mut page = browser.open_tab(&origin).await;
        log_in_and_out(&mut page).await;
        page.finish().await;
    }
    bench.finish().await;
}

async fn log_in_and_out(page: &mut Page) {
    page.go_to("/jobs?state=all").await;
    page.until_text("h1", "Log in").await;
    check_looks(page, 360, 740, "login").await;
    page.save_picture("console-login-en-360-light.webp").await;
    page.click("input[type=password]").await;
    page.call("Input.insertText", json!({ "text": TOKEN }))
        .await;
    page.press("Enter").await;
    page.loaded().await;
    page.until_text("h1", "Jobs").await;
    let query = page.get("location.search").await;
    assert_eq!(query, "?state=all", "the page that was asked for");
    assert_eq!(page.get("document.cookie").await, "", "no script reads it");
    page.press_button("Log out").await;
    page.loaded().await;
    page.until_text("h1", "Log in").await;
    page.go_to("/").await;
    page.until_text("h1", "Log in").await;
}

#[tokio::test]
async fn pages_work_without_javascript_and_are_small() {
    let bench = busy_bot().await;
    let browser = Browser::start();
    let mut page = browser.open_tab(&origin(&bench)).await;
    let off = json!({ "value": true });
    page.call("Emulation.setScriptExecutionDisabled", off).await;
    for (path, name) in PAGES {
        page.go_to(path).await;
        let bytes: f64 = page
            .events("Network.dataReceived")
            .filter_map(|event| event["dataLength"].as_f64())
            .sum();
        println!("{name}: {bytes} bytes so far");
    }
    let total = |page: &Page| -> f64 {
        let events = page.events("Network.dataReceived");
        events
            .filter_map(|event| event["dataLength"].as_f64())
            .sum()
    };
    assert!(total(&page) < 200.0 * 1024.0, "{}", total(&page));
    page.go_to("/jobs?state=dead").await;
    page.call(
        "Emulation.setScriptExecutionDisabled",
        json!({ "value": false }),
    )
    .await;
    assert!(
        !page
            .get("'live' in document.body.dataset")
            .await
            .as_bool()
            .unwrap()
    );
    page.finish().await;
    bench.finish().await;
}

#[tokio::test]
async fn controls_have_names_and_the_keyboard_is_enough() {
    let bench = busy_bot().await;
    let browser = Browser::start();
    let mut page = browser.open_tab(&origin(&bench)).await;
    for (path, name) in PAGES {
        page.go_to(path).await;
        page.call("Accessibility.enable", json!({})).await;
        let tree = page.call("Accessibility.getFullAXTree", json!({})).await;
        let nodes = tree["nodes"].as_array().unwrap();
        for node in nodes.iter().filter(|node| node["ignored"] == false) {
            let role = node["role"]["value"].as_str().unwrap_or_default();
            let needs_name = [
                "button",
                "link",
                "textbox",
                "combobox",
                "checkbox",
                "region",
                "navigation",
            ];
            if needs_name.contains(&role) {
                assert_ne!(node["name"]["value"], "", "{name}: {role}: {node}");
            }
        }
        let levels =
            "[...document.querySelectorAll('h1, h2, h3')].map((it) => Number(it.tagName[1]))";
        let levels = page.get(levels).await;
        let levels: Vec<u64> = levels
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_u64)
            .collect();
        assert!(
            levels.windows(2).all(|pair| pair[1] <= pair[0] + 1),
            "{name}: {levels:?}"
        );
    }
    page.go_to("/jobs?state=dead").await;
    page.press("Tab").await;
    assert_eq!(page.get("document.activeElement.className").await, "skip");
    page.press("Enter").await;
    page.until("the content has the focus", "location.hash === '#content'")
        .await;
    page.finish().await;
    bench.finish().await;
}
