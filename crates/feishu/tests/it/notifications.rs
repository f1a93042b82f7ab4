//! Messages that mention everybody, their readers, and recalls.

use std::time::Duration;

use feishu::{Card, ChatId, MessageId, Readers, codes};
use feishu_sim::{ChatSpec, Endpoint, Fault, WhoMay};

use crate::{client, platform};

#[tokio::test]
async fn everybody_is_mentioned_once_per_uuid() {
    let sim = platform().await;
    let client = client(&sim);
    let place = sim.add_chat(ChatSpec::named("Ops").owner(&sim.add_person("Lin")));
    let chat = ChatId::from(place.as_str());
    let text = "lunch <at user_id=\"all\"></at>\nat noon";
    let sent = client.mention_all(&chat, text, "u1").await.unwrap();
    assert_eq!(client.mention_all(&chat, text, "u1").await.unwrap(), sent);
    let [message] = &sim.messages(&place)[..] else {
        panic!("{}", sim.conversation())
    };
    assert_eq!(sent, Some(MessageId::from(message.id.as_str())));
    // The typed mention is inactive.
    let shown = "@all lunch <\u{200b}at user_id=\"all\"><\u{200b}/at>\nat noon";
    assert_eq!(message.text(), shown);
    assert!(message.notifies_all);
    sim.change_chat(&place, |chat| {
        chat.at_all_permission = Some(WhoMay::OnlyOwner);
    });
    let refused = client.mention_all(&chat, text, "u2").await.unwrap_err();
    assert_eq!(refused.code(), Some(codes::GROUP_FORBIDS_MESSAGE));
    assert!(!refused.may_have_taken_effect() && !refused.is_retryable());
    sim.finish();
}

#[tokio::test]
async fn at_most_ten_pages_of_readers_are_counted() {
    let sim = platform().await;
    let client = client(&sim);
    let people: Vec<_> = (0..1001)
        .map(|n| sim.add_person(&format!("P{n}")))
        .collect();
    let spec = people.iter().fold(ChatSpec::named("Ops"), ChatSpec::member);
    let place = sim.add_chat(spec);
    let chat = ChatId::from(place.as_str());
    let message = client.mention_all(&chat, "lunch", "u1").await.unwrap();
    let (message, id) = (message.unwrap(), sim.messages(&place)[0].id.clone());
    let counted = |count, has_more| Readers { count, has_more };
    let read = async || client.count_readers(&message).await.unwrap();
    assert_eq!(read().await, counted(0, false));
    for (number, person) in people.iter().enumerate() {
        sim.as_person(person).in_chat(&place).read(&id);
        match number {
            100 => assert_eq!(read().await, counted(101, false)),
            999 => assert_eq!(read().await, counted(1000, false)),
            _ => {}
        }
    }
    sim.clear_calls();
    assert_eq!(read().await, counted(1000, true));
    assert_eq!(sim.calls_to(Endpoint::ReadUsers).len(), 10);
    sim.fault(Endpoint::ReadUsers, Fault::code(230_033));
    let refused = client.count_readers(&message).await.unwrap_err();
    assert_eq!(refused.code(), Some(codes::READERS_UNKNOWN));
    sim.finish();
}

#[tokio::test]
async fn a_notification_is_recalled() {
    let sim = platform().await;
    let client = client(&sim);
    let place = sim.add_chat(ChatSpec::named("Ops").owner(&sim.add_person("Lin")));
    let chat = ChatId::from(place.as_str());
    let message = client.mention_all(&chat, "lunch", "u1").await.unwrap();
    let message = message.unwrap();
    client.recall_message(&message).await.unwrap();
    assert!(sim.messages(&place)[0].recalled);
    let again = client.recall_message(&message).await.unwrap_err();
    assert_eq!(again.class(), Some(codes::Class::MessageGone));
    sim.fault(Endpoint::RecallMessage, Fault::code(230_009));
    let late = client.recall_message(&message).await.unwrap_err();
    assert_eq!(late.code(), Some(codes::RECALL_TOO_LATE));
    sim.finish();
}

#[tokio::test]
async fn a_card_is_replaced_for_fourteen_days() {
    let sim = platform().await;
    let client = client(&sim);
    let place = sim.add_chat(ChatSpec::named("Ops").owner(&sim.add_person("Lin")));
    let chat = ChatId::from(place.as_str());
    let card = Card::titled("Notice").markdown("lunch");
    let sent = client.create_message(&chat, &card, "u1").await.unwrap();
    let sent = sent.unwrap();
    let other = Card::titled("Notice").markdown("dinner");
    client.patch_card(&sent, &other).await.unwrap();
    assert_eq!(sim.messages(&place)[0].text(), "Notice\ndinner");
    sim.clock().advance(Duration::from_hours(14 * 24 + 1));
    sim.expire_tokens();
    let refused = client.patch_card(&sent, &card).await.unwrap_err();
    assert_eq!(refused.code(), Some(codes::CARD_TOO_OLD));
    assert!(!refused.may_have_taken_effect() && !refused.is_retryable());
    sim.finish();
}
