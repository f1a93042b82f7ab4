//! Messages, commands, topics and several tabs.

use crate::playground::Playground;

/// The button “Pin” of the first message.
const PIN_FIRST: &str = "#messages li:first-child button[formaction^='/pin']";

/// Pinning, announcing and undoing; then a member is denied and the owner is not.
#[tokio::test]
async fn a_newcomer_tries_the_main_commands() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    page.click(PIN_FIRST).await;
    page.until_text("#top .set", "Dinner on Friday at seven, in the Blue Room.")
        .await;
    page.until_text("#messages .reactions", "Pin").await;

    page.say("/announce **Power cut** tonight\n- save your work")
        .await;
    page.until_text("#board .bold", "Power cut").await;
    page.until_text("#board .item", "save your work").await;
    page.until_text("#messages li:last-child .reactions", "Loudspeaker")
        .await;

    page.say("/undo").await;
    page.until(
        "the announcement is as before",
        "!document.getElementById('board').innerText.includes('Power cut')",
    )
    .await;

    page.click("#groups li:nth-child(3) a").await;
    page.until_text("#chat-name", "Board").await;
    page.say("/announce What the board says").await;
    page.until_text("#messages li:last-child", "Only the owner and admins")
        .await;
    page.until_text("#list .job .badge", "not executed").await;

    page.click("#as-0").await;
    page.until(
        "Olga types",
        "document.querySelector('#as-0[aria-current]')",
    )
    .await;
    page.say("/announce What the owner says").await;
    page.until_text("#board", "What the owner says").await;
    page.finish().await;
}

#[tokio::test]
async fn a_lost_response_causes_no_second_entry() {
    let playground = Playground::open().await;
    for group in ["ops", "club"] {
        let (_browser, mut page) = playground.visit(&format!("/?lang=en&group={group}")).await;
        page.click("#switch-lost_answer-do").await;
        page.until(
            "the switch is on",
            "document.querySelector('#switch-lost_answer.on')",
        )
        .await;
        page.say("/announce only once").await;
        page.until_text("#list .call .badge.bad", "response lost")
            .await;
        page.until_text("#messages li:last-child .reactions", "Loudspeaker")
            .await;
        let board = page.text("#board").await;
        assert_eq!(board.matches("only once").count(), 1, "{board}");
        let is_on = "document.querySelector('#switch-lost_answer.on')";
        page.until("the switch is off again", &format!("!{is_on}"))
            .await;
        page.finish().await;
    }
}

#[tokio::test]
async fn card_buttons_run_their_command() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en&group=club&as=olga").await;
    page.say("/announce for a moment").await;
    page.until_text("#board", "for a moment").await;
    page.say("/history").await;
    page.click(".card button").await;
    page.until(
        "the entry is removed",
        "!document.getElementById('board').innerText.includes('for a moment')",
    )
    .await;
    page.until(
        "a toast is shown",
        "!document.getElementById('word').hidden",
    )
    .await;
    page.until_text("#list .push .kind", "Button").await;
    page.finish().await;
}

/// One is asked for on a card, by a member who may not decide on it.
#[tokio::test]
async fn a_decline_has_a_reason() {
    let playground = Playground::open().await;
    let (browser, mut mei) = playground.visit("/?lang=en").await;
    let mut olga = playground.visit_in(&browser, "/?lang=en&as=olga").await;
    for (reason, key) in [("The room is taken", None), ("Too late", Some("Enter"))] {
        mei.call("Page.bringToFront", serde_json::json!({})).await;
        mei.say("/announce --ask Games at six").await;
        mei.until_text("#messages li:last-child .card", "Games at six")
            .await;
        olga.call("Page.bringToFront", serde_json::json!({})).await;
        let input = "#messages li:last-child .card input[name='typed']";
        olga.until_text("#messages li:last-child .card", "Games at six")
            .await;
        olga.click(input).await;
        let typed = serde_json::json!({ "text": reason });
        olga.call("Input.insertText", typed).await;
        match key {
            Some(key) => olga.press(key).await,
            None => olga.press_button("Decline").await,
        }
        let told = format!("declined the request, so nothing was done. The reason: “{reason}”");
        olga.until_text("#messages li:last-child", &told).await;
        mei.call("Page.bringToFront", serde_json::json!({})).await;
        mei.until_text("#messages li:last-child", &told).await;
        mei.until_text("#messages .card", &format!("Reason: {reason}"))
            .await;
    }
    let board = mei.text("#board").await;
    assert!(!board.contains("Games"), "{board}");
    olga.finish().await;
    mei.finish().await;
}

#[tokio::test]
async fn only_the_author_sees_and_publishes_a_preview() {
    let playground = Playground::open().await;
    let (browser, mut page) = playground.visit("/?lang=en").await;
    let is_shown = "document.querySelectorAll('#messages .private').length";
    page.say("/announce --preview Lunch at **one**").await;
    page.until_text("#messages .private .card", "Lunch at")
        .await;
    page.until_text("#messages li .reactions", "OnIt").await;
    let mut olga = playground.visit_in(&browser, "/?lang=en&as=olga").await;
    assert_eq!(olga.get(is_shown).await, 0);
    olga.finish().await;
    page.call("Page.bringToFront", serde_json::json!({})).await;
    page.press_button("Publish").await;
    page.until_text("#board .bold", "one").await;
    page.until("the card is deleted", &format!("{is_shown} === 0"))
        .await;
    page.until_text("#messages li .reactions", "Loudspeaker")
        .await;
    page.until(
        "the first reaction is removed",
        "!document.getElementById('messages').innerText.includes('OnIt')",
    )
    .await;
    page.say("/announce --preview Never mind").await;
    page.until_text("#messages .private", "Never mind").await;
    page.press_button("Discard").await;
    page.until("the card is deleted", &format!("{is_shown} === 0"))
        .await;
    let board = page.text("#board").await;
    assert!(!board.contains("Never mind"), "{board}");
    page.finish().await;
}

#[tokio::test]
async fn a_topic_keeps_its_replies_together() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=zh&group=questions").await;
    page.say("食堂几点开门？").await;
    page.until_text("#messages li:nth-child(2)", "食堂").await;
    page.click("#messages li:first-child .acts a").await;
    page.until_text(".replying", "停车证在哪里办？").await;
    page.say("@林欧 在前台").await;
    page.until_text("#messages li:nth-child(2).in-topic .mention", "@林欧")
        .await;
    page.until(
        "no reply is started",
        "!document.querySelector('.replying')",
    )
    .await;
    page.click("#messages li:nth-child(2) button[formaction^='/pin']")
        .await;
    // For a reply in a topic, the topic's first message is pinned.
    page.until_text("#top .set", "停车证").await;
    page.finish().await;
}

#[tokio::test]
async fn authors_can_recall_their_messages() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    let recall = "#messages button[formaction^='/recall']";
    page.say("said too soon").await;
    page.until_text("#messages", "said too soon").await;
    page.click(recall).await;
    page.until_text("#messages .recalled", "Mei recalled a message")
        .await;
    page.until_text("#list .push .name", "im.message.recalled_v1")
        .await;
    page.finish().await;
}

#[tokio::test]
async fn two_tabs_are_two_people() {
    let playground = Playground::open().await;
    let (browser, mut olga) = playground.visit("/?lang=en&as=olga").await;
    let mut mei = playground.visit_in(&browser, "/?lang=en&as=mei").await;
    olga.say("Is everybody here?").await;
    mei.until_text("#messages li:last-child", "Is everybody here?")
        .await;
    mei.say("@olga yes").await;
    mei.until_text("#messages li:last-child .mention", "@Olga")
        .await;
    // A hidden tab has no connection; it is updated when it comes to the front.
    olga.call("Page.bringToFront", serde_json::json!({})).await;
    olga.until_text("#messages li:last-child .mention", "@Olga")
        .await;
    let own = "document.querySelectorAll('#messages .own').length";
    assert_eq!(olga.get(own).await, 2, "the first message is Olga's, too");
    assert_eq!(mei.get(own).await, 1);
    olga.finish().await;
    mei.finish().await;
}

#[tokio::test]
async fn drafts_and_focus_survive_updates() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    let (_another, mut other) = playground.visit("/?lang=en&as=olga").await;
    page.click("#text").await;
    page.call(
        "Input.insertText",
        serde_json::json!({ "text": "half a sentence" }),
    )
    .await;
    other.click(PIN_FIRST).await;
    page.until_text("#list .job .badge", "done").await;
    page.click("#as-3").await;
    page.until("Gus types", "document.querySelector('#as-3[aria-current]')")
        .await;
    assert_eq!(
        page.get("document.getElementById('text').value").await,
        "half a sentence"
    );
    page.get("document.getElementById('switch-no_right-do').focus()")
        .await;
    other.click("#switch-no_right-do").await;
    page.until(
        "the switch is on",
        "document.querySelector('#switch-no_right.on')",
    )
    .await;
    assert_eq!(
        page.get("document.activeElement.id").await,
        "switch-no_right-do"
    );
    page.finish().await;
}

#[tokio::test]
async fn without_javascript_every_form_works() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    let off = serde_json::json!({ "value": true });
    page.call("Emulation.setScriptExecutionDisabled", off).await;
    page.go_to("/?lang=en&as=olga&draft=plainly").await;
    let click = "document.getElementById('send').click()";
    page.get(click).await;
    page.loaded().await;
    let messages = page.text("#messages").await;
    assert!(messages.contains("plainly"), "{messages}");
    assert!(
        page.text("#as-0[aria-current]").await.contains("Olga"),
        "the page lost the selected member"
    );
    page.finish().await;
}

/// Follows only what the page says.
#[tokio::test]
async fn first_steps_tick_themselves_off() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    page.until_text("#do-pin", "Reply /pin to a message").await;
    page.click("#do-pin").await;
    page.until_text(".replying", "Dinner on Friday").await;
    page.press("Enter").await;
    page.until(
        "it is ticked off, and the reply is over",
        "document.querySelector('#step-pin.done') && !document.querySelector('.replying')",
    )
    .await;

    page.click("#do-announce").await;
    page.press("Enter").await;
    page.until_text("#board", "Power cut").await;
    page.until(
        "it is ticked off",
        "document.querySelector('#step-announce.done')",
    )
    .await;

    page.until_text(
        "#do-kill",
        "Kill the bot, send a command, and start the bot again",
    )
    .await;
    page.click("#do-kill").await;
    page.until(
        "the button is focused",
        "document.activeElement.id === 'kill-or-start'",
    )
    .await;
    page.press_button("Kill the bot").await;
    page.until("the bot is killed", "document.querySelector('#bot .gone')")
        .await;
    page.say("/announce Back again").await;
    page.until_text("#messages .delivery", "Not delivered; retry in")
        .await;
    page.press_button("Start the bot").await;
    page.until_text("#first-steps", "All three steps are done")
        .await;
    page.until_text("#board", "Back again").await;
    page.until("it is delivered", "!document.querySelector('.delivery')")
        .await;
    page.finish().await;
}

#[tokio::test]
async fn rich_text_has_styles_and_links() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=en").await;
    page.click("#rich").await;
    let typed = "/announce **bold** *italic* ~~struck~~ [link](https://example.com)";
    page.say(typed).await;
    for (style, text) in [
        (".bold", "bold"),
        (".italic", "italic"),
        (".struck", "struck"),
        ("a[href='https://example.com']", "link"),
    ] {
        page.until_text(&format!("#board {style}"), text).await;
    }
    page.finish().await;
}

/// People, groups and their texts are in the language of the page.
#[tokio::test]
async fn the_chinese_page_has_a_chinese_world() {
    let playground = Playground::open().await;
    let (_browser, mut page) = playground.visit("/?lang=zh").await;
    for region in ["#groups", "#chat-name", "#messages", "#board", ".people"] {
        let text = page.text(region).await;
        let latin = text.chars().find(char::is_ascii_alphabetic);
        assert_eq!(latin, None, "{region}: {text}");
    }
    page.click("#language").await;
    page.until_text("#chat-name", "Ops").await;
    page.until_text("#messages", "Dinner on Friday").await;
    page.finish().await;
}
