//! Kills, faults and interrupted connections.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Command;

use crate::browser::Page;
use crate::playground::Playground;

const TEXTS: [&str; 3] = ["first of all", "second to that", "third and last"];

async fn kill(page: &mut Page) {
    page.click("#kill-or-start[value=kill]").await;
    page.until("the bot is killed", "document.querySelector('#bot .gone')")
        .await;
}

async fn start(page: &mut Page) {
    page.click("#kill-or-start[value=start]").await;
    page.until("the bot serves", "document.querySelector('#bot .serving')")
        .await;
}

async fn announce_three(page: &mut Page) {
    for text in TEXTS {
        page.say(&format!("/announce {text}")).await;
    }
}

/// Waits until each of the three texts is posted, and checks that it was posted once.
async fn check_posted_once(page: &mut Page) {
    page.until(
        "three reactions are shown",
        "[...document.querySelectorAll('#messages .reactions')]
            .filter((it) => it.innerText.includes('Loudspeaker')).length === 3",
    )
    .await;
    page.until(
        "three jobs are done",
        "[...document.querySelectorAll('#list .job .badge.good')].length === 3",
    )
    .await;
    let board = page.text("#board").await;
    for text in TEXTS {
        assert_eq!(board.matches(text).count(), 1, "{board}");
    }
}

#[tokio::test]
async fn commands_to_a_killed_bot_run_once() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    kill(&mut page).await;
    announce_three(&mut page).await;
    page.until(
        "three deliveries failed",
        "document.querySelectorAll('#list .push .badge.bad').length === 3",
    )
    .await;
    start(&mut page).await;
    check_posted_once(&mut page).await;
    // Each event was delivered again.
    let again = "[...document.querySelectorAll('#list .push .badge.good')]
        .filter((it) => it.textContent.includes('attempt')).length";
    assert_eq!(page.get(again).await, 3);
    page.finish().await;
}

#[tokio::test]
async fn accepted_commands_run_once_after_a_kill() {
    let playground = Playground::open().await;
    for (receive, group) in [("webhook", "ops"), ("long_connection", "club")] {
        let (_browser, mut page) = playground.visit(&format!("/?lang=en&group={group}")).await;
        page.click(&format!("#by-{receive}")).await;
        page.until(
            "the bot receives events this way",
            &format!("document.querySelector('#by-{receive}[aria-pressed=true]')"),
        )
        .await;
        page.until("the bot serves", "document.querySelector('#bot .serving')")
            .await;
        if receive == "long_connection" {
            page.until_text("#list .line .name", "opened the long connection")
                .await;
        }
        page.click("#switch-rate_limit-do").await;
        page.until(
            "the switch is on",
            "document.querySelector('#switch-rate_limit.on')",
        )
        .await;
        let before = page
            .get("document.querySelectorAll('#list .job .badge.good').length")
            .await;
        announce_three(&mut page).await;
        page.until(
            "all commands are accepted",
            &format!(
                "document.querySelectorAll('#list .job').length === 3 + {before}
                    && document.querySelector('#list .call .badge.bad')"
            ),
        )
        .await;
        kill(&mut page).await;
        start(&mut page).await;
        page.click("#switch-rate_limit-do").await;
        page.until(
            "three more jobs are done",
            &format!("document.querySelectorAll('#list .job .badge.good').length === 3 + {before}"),
        )
        .await;
        let board = page.text("#board").await;
        for text in TEXTS {
            assert_eq!(board.matches(text).count(), 1, "{board}");
        }
        page.finish().await;
    }
}

#[tokio::test]
async fn faults_are_shown_and_recovered_from() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    page.say("/pin announcement").await;
    page.until_text("#top .set", "Group announcement").await;

    page.click("#switch-expired_token-do").await;
    page.say("/unpin").await;
    page.until_text("#list .call .badge.bad", "99991663").await;
    page.until(
        "the top notice is removed",
        "!document.querySelector('#top .set')",
    )
    .await;

    page.click("#switch-no_right-do").await;
    page.until_text("#switch-no_right .badge", "on").await;
    page.say("/pin announcement").await;
    page.until_text("#messages li:last-child", "im:chat.top_notice:write_only")
        .await;
    page.click("#switch-no_right-do").await;
    page.until(
        "the switch is off",
        "!document.querySelector('#switch-no_right.on')",
    )
    .await;

    page.click("#switch-rate_limit-do").await;
    page.until_text("#switch-rate_limit .badge", "on").await;
    page.say("/pin announcement").await;
    page.until_text("#list .call .badge.bad", "99991400").await;
    page.click("#switch-rate_limit-do").await;
    page.until_text("#top .set", "Group announcement").await;

    let pushes = "document.querySelectorAll('#list .push').length";
    let before = page.get(pushes).await;
    page.click("#switch-redelivery-do").await;
    page.until(
        "the event is delivered again",
        &format!(
            "{pushes} === {before} + 1 && !document.querySelector('#list .push .badge:not(.good)')"
        ),
    )
    .await;
    let jobs = "document.querySelectorAll('#list .job').length";
    assert_eq!(page.get(jobs).await, 4);
    page.finish().await;
}

#[tokio::test]
async fn log_entries_show_all_details() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    page.say("/announce full details").await;
    page.until_text("#list .job .badge", "done").await;
    page.until_text("#list .call .name", "react").await;
    page.click("#list .group summary").await;
    for (entry, text) in [
        (".push", "x-lark-signature"),
        (".push", "x-lark-request-nonce"),
        (".push", "\"event_type\": \"im.message.receive_v1\""),
        (".push", "full details"),
        (".job", "the command is concluded"),
        (".call:last-child", "Loudspeaker"),
        (".call:last-child", "Log id"),
    ] {
        let details = format!("#list {entry} details");
        if page
            .get(&format!("document.querySelector('{details}').open"))
            .await
            == false
        {
            page.click(&format!("#list {entry} summary")).await;
        }
        page.until_text(&format!("{details} .inside"), text).await;
    }
    page.finish().await;
}

#[tokio::test]
async fn a_disconnect_does_not_interrupt_a_restart() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    let address = playground.address.trim_start_matches("http://");
    let form = "do=long_connection";
    let request = format!(
        "POST /bot HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n{form}",
        form.len()
    );
    let mut visitor = TcpStream::connect(address).await.unwrap();
    visitor.write_all(request.as_bytes()).await.unwrap();
    // A disconnect before the form is read would cancel the request.
    let begun = "!document.querySelector('#bot .serving')
        || document.querySelector('#by-long_connection[aria-pressed=true]')";
    page.until("the bot ends", begun).await;
    drop(visitor);
    let receives = "document.querySelector('#by-long_connection[aria-pressed=true]')
        && document.querySelector('#bot .serving')";
    page.until("the bot receives events this way", receives)
        .await;
    page.finish().await;
}

#[tokio::test]
async fn an_unfinished_request_does_not_block_shutdown() {
    let mut playground = Playground::open().await;
    let address = playground.address.trim_start_matches("http://");
    let mut visitor = TcpStream::connect(address).await.unwrap();
    let begun = format!("POST /say HTTP/1.1\r\nhost: {address}\r\ncontent-length: 9\r\n\r\nt");
    visitor.write_all(begun.as_bytes()).await.unwrap();
    let pid = playground.process.id().unwrap().to_string();
    let kill = Command::new("kill").args(["-TERM", &pid]).status().await;
    assert!(kill.unwrap().success());
    let ended = tokio::time::timeout(Duration::from_secs(30), playground.process.wait()).await;
    assert!(ended.unwrap().unwrap().success());
}

#[tokio::test]
async fn the_bot_does_not_outlive_the_playground() {
    let mut playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    page.click("#list .line summary").await;
    let line = page.text("#list .line .inside").await;
    let (_, listen) = line.split_once("listen=").unwrap();
    let listen = listen.trim();
    assert!(TcpStream::connect(listen).await.is_ok());
    playground.process.kill().await.unwrap();
    // A bot that shuts down closes open connections, then its listener.
    let end = async {
        while let Ok(mut bot) = TcpStream::connect(listen).await {
            bot.read_to_end(&mut Vec::new()).await.ok();
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(30), end).await;
    ended.expect("the bot still accepts connections");
}

#[tokio::test]
async fn a_page_without_its_playground_says_so() {
    let mut playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    playground.process.kill().await.unwrap();
    page.until_text("#offline", "The playground is not responding")
        .await;
    let shown = "document.querySelector('#status-bot').checkVisibility({visibilityProperty: true})";
    page.until("the bot is not said to run", &format!("!{shown}"))
        .await;
}
