//! A value of every form that the store holds as JSON.

use feishu::{Medium, OpenId, Sender};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::command::{Command, Recurrence, Replace, Span, parse};
use crate::content::{Document, Entry, Signature, Snapshot};
use crate::event::{DeliveryTarget, GroupEvent, PinReaction, ReactionPin, StoredMessage};
use crate::language::Language;
use crate::model::broadcast::{DeliveryPayload, ReportPayload, Retraction};
use crate::model::button::{Button, ButtonAction, PreviewRef};
use crate::model::change::{
    AnnouncementState, ChangeId, ChangeKind, PinnedItem, PlacedBlocks, PlacedEntry, PostedNotice,
    State,
};
use crate::model::job::{JobKind, JobRef};
use crate::model::outcome::NotCopied;
use crate::model::progress::{
    Creation, EditProgress, EditReason, EditStep, InsertOrder, LegacyCall, MediaState, NoticeEdit,
    NoticeProgress, NotificationProgress, PendingRequest, Progress, Restoration, WriteProgress,
};
use crate::model::schedule::{
    AnnounceOptions, Decision, EditedPlace, EditedText, Preview, Proposal, ProposedAction,
    ScheduledAction, Verdict,
};
use crate::model::series::Series;
use crate::model::settings::{Setting, SettingChange};

pub(super) fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_796_083_200 + 60 * minute).unwrap()
}

fn job_ref(kind: JobKind) -> JobRef {
    JobRef {
        origin: "om_1".to_owned(),
        kind,
    }
}

fn sender() -> Sender {
    Sender {
        open_id: Some("ou_1".into()),
        union_id: Some("on_1".into()),
        user_id: Some("7b3d".into()),
        sender_type: "user".to_owned(),
        tenant_key: Some("2ed263bf32cf1651".into()),
    }
}

fn document() -> Document {
    let text = "# Head\n\ntext **bold** *italic* ~~struck~~ `code` [link](https://example.com)\n\
        - item\n  1. inner\n> quote\n```rust\nlet it = \"be\";\n```\n---\n\
        | a | b |\n|---|---|\n| 1 | 2 |\n";
    let mut document = Document::from_markdown(text, &[]);
    let mention: Value = json!([
        { "paragraph": [{ "mention": { "open_id": "ou_2", "name": "Mei" } }, "everyone"] },
        { "media": { "medium": "file", "name": "plan.pdf", "key": "file_1", "message": "om_2" } },
        { "media": { "medium": "image", "key": "img_1", "token": "boxcn1", "language": "zh" } },
    ]);
    let more: Vec<_> = serde_json::from_value(mention).unwrap();
    document.blocks.extend(more);
    document.left_out.insert(Medium::Audio);
    document.unformatted = true;
    document
}

fn entry() -> Entry {
    let signature = Signature {
        author: Some(OpenId::from("ou_1")),
        date: "2026-12-01".to_owned(),
        edited: Some("2026-12-02".to_owned()),
    };
    Entry::new(&document(), Some(signature))
}

fn snapshot() -> Snapshot {
    let text = json!({ "block_type": 2, "text": { "elements": [
        { "text_run": { "content": "old" } } ] } });
    let snapshot = json!({
        "blocks": [
            { "id": "doxcn1", "block": text, "depth": 0 },
            { "id": null, "block": text, "depth": 1 },
        ],
        "language": "zh",
        "lost": ["image", "callout"],
    });
    serde_json::from_value(snapshot).unwrap()
}

fn options() -> AnnounceOptions {
    AnnounceOptions {
        duration: Some(Span::try_from(90).unwrap()),
        top: true,
        replace: Some(Replace::Always),
        notify: true,
        notice: true,
        edited_at: Some(at(3)),
    }
}

fn recurrence(rule: &str) -> Recurrence {
    let command = format!("/announce --every {rule} text");
    match parse(&command, &[], false) {
        Ok(Some(Command::Announce(announcement))) => announcement.every.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn placed(kind: PlacedBlocks) -> PlacedEntry {
    PlacedEntry {
        entry: entry(),
        without_mentions: true,
        kind,
    }
}

fn docx() -> PlacedBlocks {
    PlacedBlocks::Docx {
        blocks: vec!["doxcn1".into(), "doxcn2".into()],
    }
}

fn notice() -> PostedNotice {
    PostedNotice {
        message: "om_3".into(),
        entry: entry(),
        without_mentions: false,
    }
}

/// The event of a message, as the platform sends it.
fn message(message_type: &str, content: &Value) -> String {
    let payload = json!({
        "tenant_key": "2ed263bf32cf1651",
        "sent_at": at(0),
        "event": {
            "sender": {
                "sender_id": { "open_id": "ou_1", "union_id": "on_1", "user_id": "7b3d" },
                "sender_type": "user",
                "tenant_key": "2ed263bf32cf1651",
            },
            "message": {
                "message_id": "om_1", "root_id": "om_0", "parent_id": "om_0",
                "create_time": "1796083200000", "update_time": "1796083200000",
                "chat_id": "oc_1", "thread_id": "omt_1", "chat_type": "group",
                "message_type": message_type, "content": content.to_string(),
                "mentions": [{
                    "key": "@_user_1", "name": "Mei", "tenant_key": "2ed263bf32cf1651",
                    "id": { "open_id": "ou_2", "union_id": "on_2", "user_id": "8c4e" },
                }],
            },
        },
    });
    payload.to_string()
}

fn text() -> String {
    message(
        "text",
        &json!({ "text": "/announce --top dinner @_user_1" }),
    )
}

fn post() -> String {
    let content = json!({ "title": "", "content": [[
        { "tag": "text", "text": "/announce dinner", "style": ["bold"] },
        { "tag": "at", "user_id": "@_user_1", "user_name": "Mei", "style": [] },
        { "tag": "img", "image_key": "img_1" },
    ]] });
    message("post", &content)
}

fn press(action: ButtonAction) -> (JobKind, String) {
    let button = Button {
        action,
        language: Language::Zh,
    };
    let payload = json!({
        "tenant_key": "2ed263bf32cf1651",
        "event": {
            "operator": { "open_id": "ou_1", "user_id": "7b3d", "tenant_key": "2ed263bf32cf1651" },
            "token": "c-295ee57216a5dc9de90fefd0aadb4b1d7d",
            "action": {
                "value": button.value(),
                "tag": "button",
                "form_value": { "reason": "not today" },
            },
            "host": "im_message",
            "context": { "open_message_id": "om_4", "open_chat_id": "oc_1" },
        },
    });
    (JobKind::Press, payload.to_string())
}

fn presses() -> Vec<(JobKind, String)> {
    let job = || job_ref(JobKind::Command);
    let preview = || PreviewRef {
        job: job_ref(JobKind::Preview),
        private: true,
    };
    let change = SettingChange {
        setting: Setting::Language,
        old: None,
        new: serde_json::from_value(json!({ "language": "zh" })).ok(),
    };
    let actions = [
        ButtonAction::Undo(job()),
        ButtonAction::Cancel(job_ref(JobKind::Publish)),
        ButtonAction::CancelThis(job_ref(JobKind::Publish)),
        ButtonAction::Pause(job_ref(JobKind::Publish)),
        ButtonAction::Resume(job_ref(JobKind::Publish)),
        ButtonAction::Approve(job_ref(JobKind::Proposal)),
        ButtonAction::Decline(job_ref(JobKind::Proposal)),
        ButtonAction::Retract(job()),
        ButtonAction::Redeliver(job()),
        ButtonAction::Publish(preview()),
        ButtonAction::Discard(preview()),
        ButtonAction::ShowCommands,
        ButtonAction::Set {
            chat: "oc_1".into(),
            change,
        },
    ];
    actions.map(press).into()
}

fn proposed() -> [ProposedAction; 5] {
    let edit = |place| ProposedAction::Edit {
        text: Box::new(EditedText {
            place,
            kind: ChangeKind::Announce,
            document: document(),
        }),
        document: document(),
    };
    [
        ProposedAction::PutMessage {
            message: "om_2".into(),
            duration: options().duration,
        },
        ProposedAction::PutAnnouncement { duration: None },
        ProposedAction::Announce {
            document: document(),
            options: options(),
            due: Some(at(60)),
            every: Some(recurrence("mon,thu 9:00")),
            to: Some("weekly".to_owned()),
        },
        edit(EditedPlace::Entry(ChangeId(7))),
        edit(EditedPlace::Schedule(job_ref(JobKind::Publish))),
    ]
}

fn scheduled(kind: JobKind, action: ScheduledAction) -> (JobKind, String) {
    (kind, StoredMessage::with_schedule(&text(), action).unwrap())
}

fn schedules() -> Vec<(JobKind, String)> {
    let publish = |rule: Option<&str>| ScheduledAction::Publish {
        document: document(),
        options: options(),
        approved_by: Some(Box::new(sender())),
        to: Some("weekly".to_owned()),
        series: rule.map(|rule| {
            let first = Series::new(recurrence(rule));
            Box::new(
                first
                    .after("om_1", crate::model::series::RunResult::Posted)
                    .paused(),
            )
        }),
    };
    let rules = ["day 9:00", "weekday 9:00", "mon,thu 9:00", "month 1 9:00"];
    let rules = rules.into_iter().map(Some).chain([None]);
    let mut payloads: Vec<_> = rules
        .map(|rule| scheduled(JobKind::Publish, publish(rule)))
        .collect();
    let decisions = [None, Some(Verdict::Approved), Some(Verdict::Declined)];
    let decisions = decisions.iter().cycle();
    for (action, verdict) in proposed().into_iter().zip(decisions) {
        let decision = verdict.map(|verdict| Decision {
            verdict,
            by: sender(),
            reason: Some("not today".to_owned()),
        });
        let preview = Preview {
            action: action.clone(),
            ask: true,
            is_wanted: decision.is_some(),
        };
        let proposal = ScheduledAction::Propose(Proposal { action, decision });
        payloads.push(scheduled(JobKind::Proposal, proposal));
        payloads.push(scheduled(
            JobKind::Preview,
            ScheduledAction::Preview(preview),
        ));
    }
    let summary = "dinner".to_owned();
    let expire = ScheduledAction::Expire {
        made_by: JobKind::Command,
        kind: ChangeKind::Replace,
        summary: summary.clone(),
    };
    let supersede = ScheduledAction::Supersede {
        run: JobRef {
            origin: "om_1#2".to_owned(),
            kind: JobKind::Publish,
        },
        summary,
    };
    payloads.push(scheduled(JobKind::Expire, expire));
    payloads.push(scheduled(JobKind::Supersede, supersede));
    payloads
}

fn json_of(kind: JobKind, payload: &impl serde::Serialize) -> (JobKind, String) {
    (kind, serde_json::to_string(payload).unwrap())
}

/// The payload of every kind of job.
pub(super) fn payloads() -> Vec<(JobKind, String)> {
    let reaction = PinReaction {
        home: Some("2ed263bf32cf1651".to_owned()),
        operator: sender(),
        message: "om_2".into(),
        added_at: Some(at(1)),
    };
    let pin = ReactionPin {
        reaction: reaction.clone(),
        chat: "oc_1".into(),
        message: "om_2".into(),
        language: Language::En,
    };
    let broadcast = || job_ref(JobKind::Command);
    let target = DeliveryTarget {
        chat: "oc_2".into(),
        broadcast: broadcast(),
    };
    let retraction = Retraction {
        broadcast: broadcast(),
        chat: "oc_2".into(),
        by: sender(),
        home: Some("2ed263bf32cf1651".to_owned()),
        asked_at: at(2),
        language: Language::Zh,
    };
    let report = ReportPayload {
        broadcast: broadcast(),
        language: Language::En,
    };
    let mut payloads = vec![
        (JobKind::Command, text()),
        (JobKind::Command, post()),
        (
            JobKind::Command,
            StoredMessage::with_delivery(&text(), target).unwrap(),
        ),
        (JobKind::Overflow, text()),
        json_of(JobKind::Welcome, &GroupEvent::Added),
        json_of(JobKind::Left, &GroupEvent::Left),
        json_of(JobKind::Recalled, &GroupEvent::Recalled("om_2".into())),
        json_of(JobKind::Reaction, &GroupEvent::Reacted(Box::new(reaction))),
        json_of(JobKind::ReactionPin, &pin),
        json_of(
            JobKind::Delivery,
            &DeliveryPayload {
                broadcast: broadcast(),
            },
        ),
        json_of(JobKind::Retraction, &retraction),
        json_of(JobKind::Report, &report),
    ];
    payloads.extend(presses());
    payloads.extend(schedules());
    payloads
}

fn creation() -> Creation {
    let refused = NotCopied::Refused { code: 1_061_002 };
    let shown = |before: Option<&str>| MediaState::Shown {
        token: "boxcn1".to_owned(),
        before: before.map(str::to_owned),
    };
    Creation {
        calls: 3,
        parents: vec!["doxcn3".into()],
        page_blocks: vec!["doxcn4".into()],
        whole: 1,
        revision: 12,
        without_mentions: true,
        media: vec![
            MediaState::Empty,
            MediaState::Uploaded {
                token: "boxcn1".to_owned(),
            },
            shown(None),
            shown(Some("boxcn0")),
            MediaState::Refused(refused),
            MediaState::Deleting(refused),
            MediaState::Deleted(NotCopied::TooLarge),
            MediaState::Named(NotCopied::Off),
            MediaState::Gone,
        ],
        lines_instead: Some(NotCopied::OldKind),
        media_failures: 2,
    }
}

fn legacy() -> LegacyCall {
    LegacyCall {
        pending: Some(PendingRequest {
            seen_before: 1,
            sent_at: at(4),
            order: InsertOrder {
                later_first: true,
                repairs: true,
            },
        }),
        without_mentions: true,
    }
}

fn edit(step: EditStep, reason: EditReason) -> WriteProgress {
    WriteProgress::Edit(Box::new(EditProgress {
        id: ChangeId(7),
        reason,
        from: placed(docx()),
        to: entry(),
        step,
    }))
}

/// Every progress of a job.
pub(super) fn progresses() -> Vec<Progress> {
    let since = at(5);
    let notice_progress = |sent| {
        WriteProgress::Notice(NoticeProgress {
            replaces: Some(EditReason::Undo),
            without_mentions: true,
            sent,
        })
    };
    let sent = NotificationProgress::Sent {
        message: Some("om_5".into()),
    };
    let written = [
        WriteProgress::Legacy {
            call: legacy(),
            snapshot: Some(snapshot()),
            cannot_delete: true,
        },
        WriteProgress::LegacyRevert(legacy()),
        WriteProgress::Docx {
            creation: creation(),
            snapshot: Some(snapshot()),
        },
        WriteProgress::DocxRevert(Restoration {
            at: 2,
            missing: vec!["doxcn1".into()],
            creation: creation(),
        }),
        edit(
            EditStep::Update {
                without_mentions: true,
            },
            EditReason::Edit,
        ),
        edit(
            EditStep::Replace {
                at: 1,
                creation: creation(),
            },
            EditReason::Undo,
        ),
        edit(EditStep::Legacy(legacy()), EditReason::Edit),
        notice_progress(None),
        notice_progress(Some(NotificationProgress::Pending { since })),
        notice_progress(Some(sent.clone())),
        WriteProgress::NoticeEdit(Box::new(NoticeEdit {
            id: ChangeId(8),
            reason: EditReason::Edit,
            from: notice(),
            to: entry(),
            is_pending: true,
        })),
    ];
    let written = written.into_iter().map(Some).chain([None]);
    let notification = [
        None,
        Some(NotificationProgress::Pending { since }),
        Some(sent),
    ];
    written
        .zip(notification.iter().cycle())
        .map(|(written, notification)| Progress {
            document: document(),
            options: options(),
            written,
            notification: notification.clone(),
        })
        .collect()
}

/// The states before and after changes.
pub(super) fn states() -> Vec<State> {
    let tops = [
        PinnedItem::Unknown,
        PinnedItem::Nothing,
        PinnedItem::Message("om_2".into()),
        PinnedItem::Announcement,
    ];
    let announcements = [
        AnnouncementState::OtherContent,
        AnnouncementState::Entry(placed(PlacedBlocks::Doc)),
        AnnouncementState::Entry(placed(docx())),
        AnnouncementState::Body(snapshot()),
        AnnouncementState::Restored(vec![("doxcn1".into(), "doxcn5".into())]),
    ];
    let tops = tops.into_iter().map(|top| State {
        top: Some(top),
        ..State::default()
    });
    let announcements = announcements.into_iter().map(|announcement| State {
        announcement: Some(announcement),
        notification: Some("om_5".into()),
        broadcast: Some("weekly".to_owned()),
        ..State::default()
    });
    let card = State {
        notice: Some(Box::new(notice())),
        ..State::default()
    };
    tops.chain(announcements).chain([card]).collect()
}
