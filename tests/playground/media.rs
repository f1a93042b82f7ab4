//! Tables, pictures, files and reactions.

use reqwest::StatusCode;
use serde_json::json;

use crate::browser::Page;
use crate::browser::http;
use crate::playground::Playground;

/// Chooses an attachment and sends it, with a text if there is one.
pub(crate) async fn attach(page: &mut Page, sample: &str, text: &str) {
    let choose = format!("document.getElementById('attachment').value = '{sample}'");
    page.get(&choose).await;
    page.say(text).await;
    page.until(
        "the attachment is sent",
        "document.getElementById('attachment').value === ''",
    )
    .await;
}

/// Waits until so many pictures in the selected part are loaded.
pub(crate) async fn until_loaded(page: &mut Page, part: &str, count: usize) {
    let loaded = format!(
        "[...document.querySelectorAll('{part} img.picture')]
            .filter((it) => it.complete && it.naturalWidth > 0).length === {count}"
    );
    page.until(&format!("{count} pictures in {part}"), &loaded)
        .await;
}

#[tokio::test]
async fn tables_are_shown_as_a_grid() {
    let playground = Playground::open().await;
    let table = "/announce | Who | When |\n|---|---|\n| Lin | **9:00** |";
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    page.say(table).await;
    page.until_text("#board thead th:nth-child(2)", "When")
        .await;
    page.until_text("#board tbody td:nth-child(1)", "Lin").await;
    page.until_text("#board tbody td:nth-child(2) .bold", "9:00")
        .await;
    page.say("/pin announcement").await;
    page.until_text("#top .set", "Who | When | Lin | 9:00")
        .await;
    // A legacy announcement has no tables.
    page.go_to("/?lang=en&group=club").await;
    page.say(table).await;
    page.until_text("#board", "Who | When").await;
    page.until_text("#board", "Lin | 9:00").await;
    page.finish().await;
}

#[tokio::test]
async fn pictures_and_files_of_messages_are_shown() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    attach(&mut page, "poster", "").await;
    until_loaded(&mut page, "#messages li:last-child .bubble", 1).await;
    attach(&mut page, "both_pictures", "Look at these").await;
    page.until_text("#messages li:last-child .text", "Look at these")
        .await;
    until_loaded(&mut page, "#messages li:last-child .bubble", 2).await;
    attach(&mut page, "roster", "").await;
    page.until_text("#messages li:last-child .file", "Duty roster.csv")
        .await;
    page.click("#messages li:last-child .acts a").await;
    page.until_text(".replying", "[File] Duty roster.csv").await;
    page.finish().await;

    let source = "document.querySelector('#messages img.picture').src";
    let source = page.get(source).await;
    let client = http();
    let source = source.as_str().unwrap();
    let answer = client.get(source).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    assert!(answer.headers().contains_key("content-security-policy"));
    let elsewhere = client.get(source).header("sec-fetch-site", "cross-site");
    let elsewhere = elsewhere.header("sec-fetch-mode", "navigate").send().await;
    assert_eq!(elsewhere.unwrap().status(), StatusCode::FORBIDDEN);
    let unknown = format!("{}/picture/file_v3_unknown", playground.address);
    let unknown = client.get(unknown).send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn announced_pictures_and_files_are_shown() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    attach(&mut page, "both_pictures", "/announce Numbers of the week").await;
    page.until_text("#board", "Numbers of the week").await;
    until_loaded(&mut page, "#board", 2).await;
    attach(&mut page, "roster", "").await;
    page.until_text("#messages li:last-child .file", "Duty roster.csv")
        .await;
    page.click("#messages li:last-child .acts a").await;
    page.until_text(".replying", "Duty roster.csv").await;
    page.say("/announce").await;
    page.until_text("#board .file", "Duty roster.csv").await;
    page.finish().await;
}

/// Turns a switch on and announces a picture.
async fn announce_poster(page: &mut Page, switch: &str, text: &str) {
    page.click(&format!("#switch-{switch}-do")).await;
    page.until(
        "the switch is on",
        &format!("document.querySelector('#switch-{switch}.on')"),
    )
    .await;
    attach(page, "poster", &format!("/announce {text}")).await;
}

#[tokio::test]
async fn upload_faults_change_what_is_announced() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    announce_poster(&mut page, "refused_uploads", "One").await;
    page.until_text("#list .call .badge.bad", "1061044").await;
    page.until_text("#messages li:last-child", "1061044").await;
    page.until_text("#board", "[image]").await;
    until_loaded(&mut page, "#board", 0).await;

    // The two faults of uploads exclude each other.
    announce_poster(&mut page, "routed_uploads", "Two").await;
    until_loaded(&mut page, "#board", 1).await;
    let both = "document.querySelectorAll('#switches .on').length";
    assert_eq!(page.get(both).await, 1);
    page.click("#switch-routed_uploads-do").await;

    announce_poster(&mut page, "no_length", "Three").await;
    until_loaded(&mut page, "#board", 2).await;
    page.finish().await;
}

#[tokio::test]
async fn the_pin_emoji_is_added_and_removed() {
    let playground = Playground::open().await;
    let (browser, mut olga) = playground.visit("/?lang=en&as=olga").await;
    olga.say("/settings reaction pins on").await;
    olga.until_text("#list .badge.good", "done").await;
    let mut mei = playground.visit_in(&browser, "/?lang=en&as=mei").await;
    mei.click("#messages li:first-child .react").await;
    mei.until_text("#messages li:first-child .of_people", "Mei")
        .await;
    mei.until_text("#top .set", "Dinner on Friday").await;
    mei.until_text("#list .push .name, #list .group .name", "Mei: [Pin]")
        .await;
    mei.click("#messages li:first-child .react[aria-pressed=true]")
        .await;
    mei.until(
        "the reaction is removed, and the pin stays",
        "!document.querySelector('#messages .of_people') && document.querySelector('#top .set')",
    )
    .await;
    mei.finish().await;
    olga.call("Page.bringToFront", json!({})).await;
    olga.finish().await;
}
