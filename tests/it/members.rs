//! Acting as members: the commands that wait for consent. `consent.rs` has the ways to consent, and
//! `grants.rs` the tokens that result from it.

use std::time::Duration;

use feishu_sim::{
    AnnouncementKind, Builder, ChatId, Decision, Endpoint, Fault, MessageId, Person, State,
    TopNotice, WhoMay,
};
use noticebot::admin::{JobFilter, JobState};
use reqwest::Client;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use serde_json::Value;

use crate::grants::invalid_token;
use crate::harness::{Bench, log};

pub(crate) const PUBLIC: &str = "https://bot.example.com";
pub(crate) const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// A bot that acts as members, with a public URL.
pub(crate) async fn bench() -> Bench {
    with(
        |builder| builder,
        &format!("[server]\npublic_url = '{PUBLIC}'"),
    )
    .await
}

/// The same without one, so that consent takes the device flow.
pub(crate) async fn device_bench() -> Bench {
    with(|builder| builder, "").await
}

pub(crate) async fn with(change: impl FnOnce(Builder) -> Builder, file: &str) -> Bench {
    let file = format!("[feishu]\nact_as = 'member'\ntoken_key = '{KEY}'\n{file}");
    let bench = Bench::with(change, &file).await;
    bench.sim.change_app(|app| {
        app.redirect_uris.push(format!("{PUBLIC}/oauth/callback"));
    });
    bench
}

/// Makes the next ids of the platform differ from those of other tests, which are in the log, too.
pub(crate) fn use_other_ids(bench: &Bench) {
    for _ in 0..5000 {
        bench.sim.add_person("Nobody");
    }
}

/// A browser that follows no redirects.
pub(crate) struct Browser {
    pub(crate) client: Client,
    pub(crate) cookie: Option<String>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let client = Client::builder()
            .tls_certs_only([])
            .no_proxy()
            .redirect(Policy::none())
            .build()
            .unwrap();
        let cookie = None;
        Self { client, cookie }
    }

    /// Status, target of the redirect, and body. `url` is a public one of the bot.
    pub(crate) async fn open(&mut self, bench: &Bench, url: &str) -> (u16, String, String) {
        let local = url.replace(PUBLIC, bench.public());
        let mut request = self.client.get(local);
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let answer = tokio::time::timeout(Duration::from_secs(10), request.send()).await;
        let answer = answer
            .unwrap_or_else(|_| panic!("no answer: {}", log()))
            .unwrap();
        let text = |name| {
            let value = answer.headers().get(name);
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        if let Some(cookie) = text(SET_COOKIE) {
            assert!(cookie.contains("; HttpOnly; SameSite=Lax"), "{cookie}");
            assert!(cookie.ends_with("; Secure"), "{cookie}");
            let (pair, _) = cookie.split_once(';').unwrap();
            self.cookie = Some(pair.to_owned());
        }
        let status = answer.status().as_u16();
        let target = text(LOCATION).unwrap_or_default();
        (status, target, answer.text().await.unwrap())
    }

    /// Follows the bot's link, decides on the platform's page as a person, and returns to the bot.
    pub(crate) async fn decide(
        &mut self,
        bench: &Bench,
        link: &str,
        person: &Person,
        what: Decision,
    ) -> Page {
        let (status, page, _) = self.open(bench, link).await;
        assert_eq!(status, 303);
        let callback = bench.sim.decide(&page, person, what).unwrap();
        let (status, _, body) = self.open(bench, &callback).await;
        Page { status, body }
    }
}

/// The bot's page at the end of a visit.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// A command of the member that waits, and the link that the member got.
pub(crate) struct Asked {
    pub(crate) group: ChatId,
    pub(crate) command: MessageId,
    pub(crate) link: String,
}

impl Bench {
    /// The member announces without consent in a new group.
    pub(crate) async fn asked(&self, kind: AnnouncementKind) -> Asked {
        let group = self.group(kind);
        let command = self.say(&group, "/announce hello").id;
        let link = self.link(&self.member).await;
        Asked {
            group,
            command,
            link,
        }
    }

    /// A person follows a link in a new browser, and decides.
    pub(crate) async fn visit(&self, link: &str, person: &Person, what: Decision) -> Page {
        Browser::new().decide(self, link, person, what).await
    }

    /// A person decides on the page of a device flow.
    pub(crate) fn decide_device(&self, link: &str, person: &Person, what: Decision) {
        self.sim.decide_device(link, person, what).unwrap();
    }

    /// The owner announces in the group, and consents for that.
    async fn owner_announces(&self, group: &ChatId, text: &str) {
        self.say_as(&self.owner, group, &format!("/announce {text}"));
        self.owner_consents().await;
        self.wait("the announcement", |state| announced(state, group, text))
            .await;
        self.idle().await;
    }

    /// The member announces in several groups at once.
    pub(crate) async fn announces_in_groups<const N: usize>(&self) {
        let groups = [(); N].map(|()| self.group(AnnouncementKind::Docx));
        let commands = groups
            .each_ref()
            .map(|group| self.say(group, "/announce hello").id);
        for command in &commands {
            assert_eq!(self.reaction(command).await, "Loudspeaker");
        }
    }

    /// The newest link that a person got privately.
    pub(crate) async fn link(&self, person: &Person) -> String {
        self.wait("a link", |state| state.links_for(person).pop())
            .await
    }

    /// The next link that the member gets, after `count` others.
    pub(crate) async fn link_after(&self, count: usize) -> String {
        self.wait("another link", |state| {
            let links = state.links_for(&self.member);
            (links.len() > count).then(|| links.last().cloned())?
        })
        .await
    }

    /// Consents through the link that the member got.
    pub(crate) async fn consent(&self) {
        let link = self.link(&self.member).await;
        let page = Browser::new()
            .decide(self, &link, &self.member, Decision::Consent)
            .await;
        assert_eq!(page.status, 200, "{}", page.body);
    }

    /// A member who has consented.
    pub(crate) async fn granted(&self) {
        let group = self.group(AnnouncementKind::Docx);
        let command = self.say(&group, "/login").id;
        self.reaction_or_answer(&command).await;
        self.consent().await;
        assert_eq!(self.grants().await, 1);
    }

    pub(crate) async fn reaction_or_answer(&self, message: &MessageId) {
        self.wait("an answer", |state| {
            let answered = !state.answers_to(message).is_empty();
            let reacted = !state.reactions(message).is_empty();
            (answered || reacted).then_some(())
        })
        .await;
    }

    pub(crate) async fn grants(&self) -> i64 {
        self.count("grants WHERE ended_at IS NULL").await
    }

    pub(crate) fn say_as(&self, person: &Person, chat: &ChatId, text: &str) -> MessageId {
        self.sim.as_person(person).in_chat(chat).say(text).id
    }

    /// How many links the member got.
    pub(crate) fn links(&self) -> usize {
        self.sim.links_for(&self.member).len()
    }

    /// The owner, too, consents.
    pub(crate) async fn owner_consents(&self) {
        let link = self.link(&self.owner).await;
        let page = Browser::new()
            .decide(self, &link, &self.owner, Decision::Consent)
            .await;
        assert_eq!(page.status, 200, "{}", page.body);
    }

    async fn waiting_jobs(&self) -> Vec<Value> {
        let filter = JobFilter {
            states: vec![JobState::Suspended],
            tenant: None,
            chat: None,
            before: None,
            limit: 100,
        };
        let lines = self.admin().await.list_jobs(filter, true).await.unwrap();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(crate) fn announced(&self, chat: &ChatId, text: &str) -> usize {
        let lines = self.sim.read(|state| state.announcement_text(chat));
        lines.iter().filter(|line| line.contains(text)).count()
    }

    /// A group in which the bot may do nothing.
    fn group_without_bot_rights(&self) -> ChatId {
        let spec = self.spec().edit_permission(WhoMay::OnlyOwner);
        self.sim
            .add_chat(spec.pin_manage_setting(Some(WhoMay::OnlyOwner)))
    }
}

#[tokio::test]
async fn a_command_continues_after_consent() {
    let bench = bench().await;
    let Asked {
        group,
        command,
        link,
    } = bench.asked(AnnouncementKind::Docx).await;
    assert!(
        link.starts_with(&format!("{PUBLIC}/oauth/start?ticket=")),
        "{link}"
    );
    assert_eq!(bench.announced(&group, "hello"), 0);
    let mut browser = Browser::new();
    let page = browser
        .decide(&bench, &link, &bench.member, Decision::Consent)
        .await;
    assert_eq!(page.status, 200);
    assert!(page.body.contains("授权成功"), "{}", page.body);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(bench.announced(&group, "hello"), 1);
    let granted = bench.sim.granted_scopes(&bench.member);
    assert_eq!(
        granted,
        [
            "im:chat.announcement:read",
            "im:chat.announcement:write_only",
            "im:chat.top_notice:write_only",
            "offline_access",
        ]
    );
    let next = bench.say(&group, "/pin announcement").id;
    assert_eq!(bench.reaction(&next).await, "Pin");
    assert_eq!(bench.sim.calls_to(Endpoint::UserToken).len(), 1);
    bench.finish().await;
}

/// The card is the bot's, and the pin the member's.
#[tokio::test]
async fn a_notice_is_posted_after_consent_and_pinned_as_the_member() {
    let bench = bench().await;
    let group = bench.group_without_bot_rights();
    let command = bench.say_as(&bench.owner, &group, "/notice lunch at one");
    bench.link(&bench.owner).await;
    bench.settled().await;
    let card = |bench: &Bench| {
        let messages = bench.sim.messages(&group).into_iter();
        let mut cards = messages.filter(|message| message.text().starts_with("Notice\n"));
        cards.next().map(|card| card.id)
    };
    assert_eq!(card(&bench), None);
    bench.owner_consents().await;
    assert_eq!(bench.reaction(&command).await, "Pin");
    let top = bench.sim.top_notice(&group);
    assert!(top.is_some());
    assert_eq!(top, card(&bench).map(TopNotice::Message));
    bench.finish().await;
}

#[tokio::test]
async fn a_reaction_pins_as_the_member_after_consent() {
    let file = format!("[server]\npublic_url = '{PUBLIC}'\n[pin]\nby_reaction = true");
    let bench = with(|builder| builder, &file).await;
    let group = bench.group_without_bot_rights();
    let message = bench.say(&group, "lunch at one").id;
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    let pushed = owner.react(&message, "Pin");
    assert_eq!(pushed.unwrap().answer().await.status, 200);
    bench.link(&bench.owner).await;
    assert_eq!(bench.sim.top_notice(&group), None);
    bench.owner_consents().await;
    let top = Some(TopNotice::Message(message));
    let pinned = |state: &State| (state.top_notice(&group).cloned() == top).then_some(());
    bench.wait("the pin", pinned).await;
    bench.idle().await;
    bench.finish().await;
}

#[tokio::test]
async fn a_waiting_command_holds_nobody_up() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.say(&group, "/announce hello");
    bench.link(&bench.member).await;
    let help = bench.say(&group, "/help").id;
    bench.answer(&help).await;
    assert_eq!(bench.ask("/readyz").await.0, 200);
    bench.cut_off().await;
}

#[tokio::test]
async fn several_commands_continue_in_order() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    let mut commands = Vec::new();
    for (links, text) in ["one", "two", "three"].into_iter().enumerate() {
        commands.push(bench.say(&group, &format!("/announce {text}")).id);
        bench.link_after(links).await;
    }
    bench.settled().await;
    bench.consent().await;
    for command in &commands {
        assert_eq!(bench.reaction(command).await, "Loudspeaker");
    }
    let lines = bench.sim.read(|state| state.announcement_text(&group));
    let at = |text| lines.iter().position(|line| line.contains(text)).unwrap();
    assert!(
        at("three") < at("two") && at("two") < at("one"),
        "{lines:?}"
    );
    bench.finish().await;
}

#[tokio::test]
async fn a_command_expires_without_consent() {
    let bench = bench().await;
    let Asked {
        group,
        command,
        link,
    } = bench.asked(AnnouncementKind::Docx).await;
    bench.advance(Duration::from_mins(9));
    assert!(
        bench
            .sim
            .read(|state| state.answers_to(&command).is_empty())
    );
    bench.advance(Duration::from_mins(1));
    let answer = bench.answer(&command).await;
    assert!(answer.contains("/login"), "{answer}");
    assert_eq!(Browser::new().open(&bench, &link).await.0, 400);
    assert_eq!(bench.announced(&group, "hello"), 0);
    bench.finish().await;
}

#[tokio::test]
async fn a_refused_consent_ends_the_command() {
    let bench = bench().await;
    let Asked { command, link, .. } = bench.asked(AnnouncementKind::Docx).await;
    let page = bench.visit(&link, &bench.member, Decision::Refuse).await;
    assert_eq!(page.status, 200);
    bench.answer(&command).await;
    assert_eq!(bench.grants().await, 0);
    bench.finish().await;
}

#[tokio::test]
async fn the_platform_enforces_the_members_rights() {
    let bench = bench().await;
    bench.granted().await;
    let group = bench.closed_group();
    bench.sim.clear_calls();
    let denied = bench.say(&group, "/announce hello").id;
    let answer = bench.answer(&denied).await;
    assert!(
        answer.contains("owner") && answer.contains("admin"),
        "{answer}"
    );
    assert!(!answer.contains("bot"), "{answer}");
    let writes = bench.sim.calls_to(Endpoint::CreateChildren);
    let reads = bench.sim.calls_to(Endpoint::GetDocxAnnouncement);
    assert!(writes.len() + reads.len() > 0, "the platform refused");
    bench.finish().await;
}

#[tokio::test]
async fn the_bot_needs_no_rights_itself() {
    let bench = bench().await;
    let group = bench.group_without_bot_rights();
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    let command = owner.say("/announce --top hello").id;
    let link = bench.link(&bench.owner).await;
    let page = bench.visit(&link, &bench.owner, Decision::Consent).await;
    assert_eq!(page.status, 200);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    let undo = owner.say("/undo").id;
    bench.reaction_or_answer(&undo).await;
    assert_eq!(bench.announced(&group, "hello"), 0);
    bench.finish().await;
}

#[tokio::test]
async fn schedules_run_under_the_grant_of_their_author() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench
        .say(&group, "/announce --at \"in 30 minutes\" hello")
        .id;
    bench.consent().await;
    bench.answer(&command).await;
    bench
        .wait_in_steps_of(Duration::from_secs(10), "the announcement", |state| {
            let lines = state.announcement_text(&group);
            lines
                .iter()
                .any(|line| line.contains("hello"))
                .then_some(())
        })
        .await;
    bench.finish().await;
}

/// Each run replaces the entry before, as its author.
#[tokio::test]
async fn a_series_runs_under_the_grant_of_its_author() {
    let bench = bench().await;
    bench.granted().await;
    let group = bench.group_without_bot_rights();
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    let command = owner.say("/announce --every day 9:00 hello").id;
    let link = bench.link(&bench.owner).await;
    let page = bench.visit(&link, &bench.owner, Decision::Consent).await;
    assert_eq!(page.status, 200);
    bench.answer(&command).await;
    let mut before = bench.sim.announcement_text(&group);
    for _ in 0..3 {
        before = bench
            .wait_in_steps_of(Duration::from_mins(10), "the next run", |state| {
                let lines = state.announcement_text(&group);
                let texts = lines.iter().filter(|line| line.contains("hello"));
                let is_new = lines != before && texts.count() == 1;
                is_new.then_some(lines)
            })
            .await;
    }
    bench.finish().await;
}

#[tokio::test]
async fn a_schedule_without_a_grant_asks_its_author() {
    let bench = bench().await;
    bench.granted().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench
        .say(&group, "/announce --at \"in 30 minutes\" hello")
        .id;
    bench.answer(&command).await;
    bench
        .sim
        .revoke_grant(&bench.member)
        .unwrap()
        .answer()
        .await;
    bench
        .wait_in_steps_of(Duration::from_secs(10), "a direct message", |state| {
            let asked = |message: &feishu_sim::Message| !message.links().is_empty();
            state
                .direct_messages(&bench.member)
                .any(asked)
                .then_some(())
        })
        .await;
    bench.consent().await;
    bench
        .wait("the announcement", |state| {
            let lines = state.announcement_text(&group);
            lines
                .iter()
                .any(|line| line.contains("hello"))
                .then_some(())
        })
        .await;
    bench.finish().await;
}

#[tokio::test]
async fn waiting_commands_survive_a_kill() {
    let mut bench = bench().await;
    let Asked {
        group,
        command,
        link,
    } = bench.asked(AnnouncementKind::Docx).await;
    bench.settled().await;
    bench.kill().await;
    let page = bench.visit(&link, &bench.member, Decision::Consent).await;
    assert_eq!(page.status, 200);
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    assert_eq!(bench.announced(&group, "hello"), 1);
    bench.finish().await;
}

#[tokio::test]
async fn commands_that_wait_are_bounded() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    for number in 0..20 {
        bench.say(&group, &format!("/announce {number}"));
    }
    bench
        .wait("the suspensions", |state| {
            (state.links_for(&bench.member).len() == 20).then_some(())
        })
        .await;
    bench.settled().await;
    let last = bench.say(&group, "/announce last").id;
    let answer = bench.answer(&last).await;
    assert!(answer.contains("20"), "{answer}");
    bench.cut_off().await;
}

#[tokio::test]
async fn a_waiting_undo_continues_after_consent() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.owner_announces(&group, "hello").await;
    let undo = bench.say(&group, "/undo").id;
    bench.consent().await;
    bench.reaction_or_answer(&undo).await;
    assert_eq!(bench.announced(&group, "hello"), 0);
    bench.finish().await;
}

#[tokio::test]
async fn a_waiting_undo_spares_newer_changes() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.owner_announces(&group, "older").await;
    let undo = bench.say(&group, "/undo").id;
    bench.link(&bench.member).await;
    bench.advance(Duration::from_secs(1));
    let newer = bench.say_as(&bench.owner, &group, "/announce newer");
    assert_eq!(bench.reaction(&newer).await, "Loudspeaker");
    bench.consent().await;
    let answer = bench.answer(&undo).await;
    assert!(answer.contains("something else was changed"), "{answer}");
    for text in ["older", "newer"] {
        assert_eq!(bench.announced(&group, text), 1, "{text}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn a_waiting_edit_spares_newer_changes() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.owner_announces(&group, "older").await;
    let edit = bench.say(&group, "/edit 1 other").id;
    bench.link(&bench.member).await;
    bench.advance(Duration::from_secs(1));
    let newer = bench.say_as(&bench.owner, &group, "/edit 1 newer");
    assert_eq!(bench.reaction(&newer).await, "DONE");
    bench.consent().await;
    let answer = bench.answer(&edit).await;
    assert!(answer.contains("something else was changed"), "{answer}");
    assert_eq!(bench.announced(&group, "newer"), 1);
    bench.finish().await;
}

#[tokio::test]
async fn an_edit_is_made_as_its_author() {
    for kind in [AnnouncementKind::Doc, AnnouncementKind::Docx] {
        let bench = bench().await;
        bench.granted().await;
        let group = bench.group(kind);
        let command = bench.say(&group, "/announce older").id;
        assert_eq!(bench.reaction(&command).await, "Loudspeaker");
        bench.sim.clear_calls();
        for (text, lines) in [("newer", 1), ("one\ntwo", 2)] {
            let edit = bench.reply(&group, &command, &format!("/edit {text}"));
            assert_eq!(bench.reaction(&edit.id).await, "DONE");
            let written = bench.sim.announcement_text(&group);
            assert_eq!(written.len(), lines + 1, "{written:?}");
        }
        let writes = [
            Endpoint::PatchDocAnnouncement,
            Endpoint::UpdateBlocks,
            Endpoint::CreateChildren,
            Endpoint::DeleteChildren,
        ];
        let calls: Vec<_> = writes
            .iter()
            .flat_map(|write| bench.sim.calls_to(*write))
            .collect();
        assert!(calls.len() >= 2);
        let member = Some(bench.member.open_id.clone());
        for call in calls {
            assert_eq!(call.operator, member, "{call:?}");
        }
        bench.finish().await;
    }
}

fn announced(state: &State, group: &ChatId, text: &str) -> Option<()> {
    let lines = state.announcement_text(group);
    lines.iter().any(|line| line.contains(text)).then_some(())
}

#[tokio::test]
async fn a_waiting_press_continues_after_consent() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.owner_announces(&group, "hello").await;
    let history = bench.say(&group, "/history").id;
    bench.answer(&history).await;
    let card = bench.sim.messages(&group).pop().unwrap().id;
    let member = bench.sim.as_person(&bench.member).in_chat(&group);
    member.press(&card, "Undo the last change");
    bench.consent().await;
    bench
        .wait("the changed card", |state| {
            let shown = state.card(&card).to_string();
            shown.contains("reverted").then_some(())
        })
        .await;
    assert_eq!(bench.announced(&group, "hello"), 0);
    bench.finish().await;
}

#[tokio::test]
async fn a_half_written_announcement_continues_after_consent() {
    let bench = bench().await;
    bench.granted().await;
    let links = bench.links();
    let group = bench.group(AnnouncementKind::Docx);
    let lines: Vec<_> = (0..120).map(|line| format!("line {line} of all")).collect();
    bench.sim.fault(Endpoint::CreateChildren, Fault::Nothing);
    for _ in 0..2 {
        bench.sim.fault(Endpoint::CreateChildren, invalid_token());
    }
    let command = bench
        .say(&group, &format!("/announce {}", lines.join("\n")))
        .id;
    bench.link_after(links).await;
    let before = bench.announced(&group, "of all");
    assert!(before > 0 && before < 120, "{before}");
    bench.settled().await;
    let jobs = bench.waiting_jobs().await;
    let reference = jobs[0]["reference"].as_str().unwrap();
    let refused = bench.admin().await.drop_job(reference).await.unwrap_err();
    assert!(refused.to_string().contains("part of"), "{refused}");
    bench.consent().await;
    assert_eq!(bench.reaction(&command).await, "Loudspeaker");
    let written = bench.sim.read(|state| state.announcement_text(&group));
    for line in lines {
        let count = written.iter().filter(|one| **one == line).count();
        assert_eq!(count, 1, "{line}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn a_refused_pin_keeps_the_announcement() {
    let bench = bench().await;
    bench.granted().await;
    let links = bench.links();
    let group = bench.group(AnnouncementKind::Docx);
    for _ in 0..2 {
        bench.sim.fault(Endpoint::PutTopNotice, invalid_token());
    }
    let command = bench.say(&group, "/announce --top hello").id;
    let answer = bench.answer(&command).await;
    assert!(
        answer.contains("posted") && answer.contains("/login"),
        "{answer}"
    );
    assert_eq!(bench.announced(&group, "hello"), 1);
    assert_eq!(bench.links(), links);
    let undo = bench.say(&group, "/undo").id;
    bench.link_after(links).await;
    bench.consent().await;
    bench.reaction_or_answer(&undo).await;
    assert_eq!(bench.announced(&group, "hello"), 0);
    bench.finish().await;
}

#[tokio::test]
async fn an_author_without_open_id_is_refused() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench
        .sim
        .change_app(|app| app.sender_ids = vec!["union_id"]);
    for text in ["/announce hello", "/login", "/logout", "/pin announcement"] {
        let command = bench.say(&group, text).id;
        bench.reaction_or_answer(&command).await;
    }
    assert_eq!(bench.announced(&group, "hello"), 0);
    assert_eq!(bench.sim.top_notice(&group), None);
    bench.finish().await;
}

#[tokio::test]
async fn denied_members_are_not_asked() {
    let mut bench = bench().await;
    let member = &bench.member.open_id;
    let base = format!(
        "[feishu]\nact_as = 'member'\ntoken_key = '{KEY}'\n[server]\npublic_url = '{PUBLIC}'\n"
    );
    let group = bench.group(AnnouncementKind::Docx);
    for policy in [format!("deny = ['{member}']"), "mode = 'admins'".to_owned()] {
        bench
            .reconfigure(&format!("{base}[policy]\n{policy}"))
            .await;
        let command = bench.say(&group, "/announce hello").id;
        let answer = bench.answer(&command).await;
        assert!(answer.contains("policy."), "{answer}");
        bench.advance(Duration::from_mins(2));
    }
    assert_eq!(bench.links(), 0);
    bench.finish().await;
}

#[tokio::test]
async fn schedules_of_others_need_the_right() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.say_as(
        &bench.owner,
        &group,
        "/announce --at \"in 30 minutes\" hello",
    );
    bench.owner_consents().await;
    let planned = "jobs WHERE state = 'ready' AND number IS NOT NULL";
    while bench.count(planned).await == 0 {
        bench.advance(Duration::from_millis(100));
        tokio::task::yield_now().await;
    }
    bench
        .sim
        .change_chat(&group, |chat| chat.edit_permission = WhoMay::OnlyOwner);
    bench.advance(Duration::from_mins(2));
    let cancel = bench.say(&group, "/cancel 1").id;
    let answer = bench.answer(&cancel).await;
    assert!(answer.contains("owner"), "{answer}");
    assert_eq!(bench.count(planned).await, 1);
    bench.cut_off().await;
}

#[tokio::test]
async fn a_schedule_may_outlive_its_grant() {
    let bench = bench().await;
    bench.granted().await;
    let links = bench.links();
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce --at \"in 9 days\" hello").id;
    bench.answer(&command).await;
    bench.idle().await;
    bench.advance(Duration::from_hours(9 * 24));
    bench.link_after(links).await;
    bench.consent().await;
    bench
        .wait("the announcement", |state| {
            announced(state, &group, "hello")
        })
        .await;
    bench.finish().await;
}

#[tokio::test]
async fn a_waiting_schedule_can_be_canceled() {
    let bench = bench().await;
    bench.granted().await;
    let links = bench.links();
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce --at \"in 9 days\" hello").id;
    bench.answer(&command).await;
    bench.idle().await;
    bench.advance(Duration::from_hours(9 * 24));
    bench.link_after(links).await;
    bench.settled().await;
    let cancel = bench.say(&group, "/cancel 1").id;
    bench.reaction_or_answer(&cancel).await;
    bench.consent().await;
    bench.idle().await;
    assert_eq!(bench.announced(&group, "hello"), 0);
    bench.finish().await;
}

#[tokio::test]
async fn admins_retry_and_drop_waiting_commands() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.say(&group, "/announce hello");
    bench.link(&bench.member).await;
    bench.settled().await;
    let [job] = &bench.waiting_jobs().await[..] else {
        panic!("one command waits");
    };
    let reference = job["reference"].as_str().unwrap();
    let mut admin = bench.admin().await;
    admin.retry_job(reference).await.unwrap();
    // Its author is asked again, and it waits again.
    bench.link_after(1).await;
    bench.settled().await;
    assert_eq!(bench.waiting_jobs().await.len(), 1);
    admin.drop_job(reference).await.unwrap();
    bench.consent().await;
    bench.idle().await;
    assert_eq!(bench.announced(&group, "hello"), 0);
    bench.finish().await;
}

#[tokio::test]
async fn leaving_the_group_ends_waiting_commands() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    bench.say(&group, "/announce hello");
    bench.link(&bench.member).await;
    bench.settled().await;
    let owner = bench.sim.as_person(&bench.owner).in_chat(&group);
    owner.remove_bot().unwrap().answer().await;
    // The command waits meanwhile, which does not count as work.
    bench.idle().await;
    bench.consent().await;
    bench.idle().await;
    assert_eq!(bench.announced(&group, "hello"), 0);
    bench.cut_off().await;
}

#[tokio::test]
async fn a_recalled_command_is_not_carried_out() {
    let bench = bench().await;
    let group = bench.group(AnnouncementKind::Docx);
    let command = bench.say(&group, "/announce hello").id;
    bench.link(&bench.member).await;
    bench.settled().await;
    let member = bench.sim.as_person(&bench.member).in_chat(&group);
    member.recall(&command).unwrap().answer().await;
    bench.consent().await;
    bench.idle().await;
    assert_eq!(bench.announced(&group, "hello"), 0);
    bench.finish().await;
}
