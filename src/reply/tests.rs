//! Every reply in both languages.

use std::fmt::Write as _;

use feishu::{Card, MessageKind, codes};
use jiff::Timestamp;
use strum::VariantArray;

use super::codes::tests::every_code;
use super::member_codes::tests::every_member_code;
use super::misunderstood::tests::{
    every_missing_number, every_name_error, every_parse_error, every_recurrence_error,
};
use super::replace::tests::{UNWRITABLE, every_replacement};
use super::rights::tests::RESERVED;
use super::undo::tests::every_refused_undo;
use super::*;
use crate::command::ZoneName;
use crate::command::{
    Command, CommandName, ParseError, PinTarget, Recurrence, Replace, ScheduleTimeError, Span,
    parse,
};
use crate::config::{PolicyMode, ReplyLanguage};
use crate::content::{Document, Entry, Signature};
use crate::model::broadcast::Reach;
use crate::model::change::{ChangeId, ChangeKind};
use crate::model::job::{JobKind, JobRef};
use crate::model::outcome::{
    Approver, BroadcastStep, Done, GroupHelp, History, HistoryChange, HistorySchedule, NotCopied,
    ReadBy, Scheduled, ScheduledChange, UndoResult, WithdrawnCard,
};
use crate::model::proposal::{Decided, Previewed, Proposed};
use crate::model::refusal::{
    BroadcastRefusal, Call, Cause, Meaning, NextRun, NotPinnable, NotPosted, PlatformRefusal,
    Refusal, SeriesRefusal, Stage, Unfinished,
};
use crate::model::rights::{
    AdminsOnly, Audience, BotPermission, Denied, GroupRights, GroupSetting, Right,
};
use crate::model::schedule::{
    AnnounceOptions, EditedPlace, EditedText, Preview, ProposedAction, Verdict,
};
use crate::model::series::PauseReason;
use crate::model::settings::{
    ListChange, ListsOfGroup, Origin, Setting, SettingInForce, SettingValue, SettingsInForce,
};

const CONTEXT: ReplyContext<'_> = ReplyContext {
    reference: "5f2c9a1e",
    time_zone: &TimeZone::UTC,
    act_as: ActAs::Member,
    private: true,
};

const LANGUAGES: [Language; 2] = [Language::Zh, Language::En];

const CALLS: [Call; 11] = [
    Call::PutMessage,
    Call::PutAnnouncement,
    Call::DeleteTopNotice,
    Call::ReadAnnouncement,
    Call::WriteAnnouncement,
    Call::ReadChat,
    Call::ReadMessage,
    Call::RequestConsent,
    Call::RevokeConsent,
    Call::PostNotice,
    Call::UpdateNotice,
];

fn refusal(call: Call, code: i64) -> PlatformRefusal {
    PlatformRefusal {
        fields: vec![],
        meaning: None,
        call,
        code,
        log_id: Some("202609110000".to_owned()),
        missing_scopes: vec![],
        bot: None,
        as_member: false,
    }
}

fn platform_refusal(call: Call, code: i64) -> Cause {
    Cause::Platform(refusal(call, code))
}

const SETTINGS: [GroupSetting; 3] = [
    GroupSetting::PinManageSetting,
    GroupSetting::EditPermission,
    GroupSetting::AtAllPermission,
];

/// The platform refused the bot although the member has the permission.
fn bot_refused(permission: BotPermission) -> Cause {
    let (call, code) = match permission {
        BotPermission::Barred(GroupSetting::EditPermission)
        | BotPermission::SettingUnknown(GroupSetting::EditPermission) => {
            (Call::WriteAnnouncement, 1_772_005)
        }
        BotPermission::Barred(GroupSetting::AtAllPermission)
        | BotPermission::SettingUnknown(GroupSetting::AtAllPermission) => (Call::Notify, 230_018),
        BotPermission::Barred(GroupSetting::PinManageSetting)
        | BotPermission::SettingUnknown(GroupSetting::PinManageSetting)
        | BotPermission::Open
        | BotPermission::Admin => (Call::PutMessage, 232_014),
    };
    Cause::Platform(PlatformRefusal {
        bot: Some(permission),
        ..refusal(call, code)
    })
}

/// Everybody can pin, only the owner and admins can announce.
fn group_rights() -> GroupRights {
    let few = Audience::OwnerAndAdmins(AdminsOnly::BySetting(GroupSetting::EditPermission));
    GroupRights {
        rights: vec![
            (Right::Pin, Audience::AllMembers),
            (Right::Unpin, Audience::AllMembers),
            (Right::Announce, few),
        ],
        exceptions: false,
        external: false,
    }
}

/// Every reply to `/help`.
fn every_help() -> Vec<Outcome> {
    let group = |allowed: &[Right]| {
        Outcome::HelpInGroup(GroupHelp {
            allowed: allowed.to_vec(),
            rights: group_rights(),
        })
    };
    vec![
        Outcome::Help,
        group(&Right::all().collect::<Vec<_>>()),
        group(&[Right::Pin, Right::Unpin]),
        group(&[]),
        Outcome::AllCommands(None),
        Outcome::AllCommands(Some(group_rights())),
    ]
}

/// Announcements without options and with all of them.
fn every_schedule() -> [Outcome; 4] {
    let scheduled = |options, summary: &str| {
        Outcome::Scheduled(Scheduled {
            number: 3,
            due: moment(33),
            at: moment(9),
            job_ref: Some(job_ref()),
            summary: summary.to_owned(),
            options,
            to: (!summary.is_empty()).then(|| "weekly".to_owned()),
            every: None,
        })
    };
    let recurring = Outcome::Scheduled(Scheduled {
        number: 3,
        due: moment(33),
        at: moment(9),
        job_ref: Some(job_ref()),
        summary: "dinner".to_owned(),
        options: AnnounceOptions::default(),
        to: None,
        every: Some(every()),
    });
    let all = AnnounceOptions {
        duration: Some(Span::try_from(2 * 24 * 60).unwrap()),
        top: true,
        replace: Some(Replace::IfRestorable),
        notify: true,
        notice: false,
        edited_at: None,
    };
    let notice = AnnounceOptions {
        notice: true,
        replace: None,
        top: false,
        ..all
    };
    [
        scheduled(AnnounceOptions::default(), "dinner"),
        scheduled(all, "dinner at seven"),
        scheduled(notice, "dinner at eight"),
        recurring,
    ]
}

/// Every Monday and Thursday at 9:00.
fn every() -> Recurrence {
    match parse("/announce --every mon, thu 9:00 text", &[], false) {
        Ok(Some(Command::Announce(announcement))) => announcement.every.unwrap(),
        parsed => panic!("{parsed:?}"),
    }
}

fn proposed_actions() -> [ProposedAction; 10] {
    let message = "om_1".into();
    let announce = |options, due| ProposedAction::Announce {
        document: Document::from_markdown("**dinner** <at id=all></at>\nat seven", &[]),
        options,
        due,
        every: None,
        to: None,
    };
    let recurring = |to: Option<&str>| ProposedAction::Announce {
        document: Document::from_markdown("dinner", &[]),
        options: AnnounceOptions::default(),
        due: Some(moment(33)),
        every: Some(every()),
        to: to.map(str::to_owned),
    };
    let options = AnnounceOptions {
        replace: Some(Replace::IfRestorable),
        ..AnnounceOptions::default()
    };
    let notifying = |replace| AnnounceOptions {
        replace,
        notify: true,
        ..AnnounceOptions::default()
    };
    let notice = AnnounceOptions {
        notice: true,
        ..AnnounceOptions::default()
    };
    [
        ProposedAction::PutMessage {
            message,
            duration: Some(Span::try_from(120).unwrap()),
        },
        ProposedAction::PutAnnouncement { duration: None },
        announce(AnnounceOptions::default(), None),
        announce(options, Some(moment(20))),
        announce(notifying(None), None),
        announce(notifying(Some(Replace::Always)), None),
        announce(notice, None),
        recurring(None),
        recurring(Some("weekly")),
        ProposedAction::Edit {
            text: Box::new(EditedText {
                place: EditedPlace::Entry(ChangeId(1)),
                kind: ChangeKind::Announce,
                document: Document::from_markdown("lunch", &[]),
            }),
            document: Document::from_markdown("dinner", &[]),
        },
    ]
}

fn every_proposal() -> impl Iterator<Item = Outcome> {
    let proposed = |action| {
        Outcome::Proposed(Box::new(Proposed {
            number: 3,
            job_ref: job_ref(),
            action,
            on_request: false,
            at: moment(9),
            until: moment(33),
            asked: vec!["ou_1".into(), "ou_2".into()],
        }))
    };
    let decided = [Verdict::Approved, Verdict::Declined].map(|verdict| {
        Outcome::Done(Done::Decided(Box::new(Decided {
            action: ProposedAction::PutAnnouncement { duration: None },
            verdict,
            by: None,
            reason: None,
        })))
    });
    let on_request = Outcome::Proposed(Box::new(Proposed {
        number: 3,
        job_ref: job_ref(),
        action: ProposedAction::PutAnnouncement { duration: None },
        on_request: true,
        at: moment(9),
        until: moment(33),
        asked: Vec::new(),
    }));
    let proposed = proposed_actions().into_iter().map(proposed);
    proposed.chain([on_request]).chain(decided)
}

/// A call that can return the code.
fn call_of(code: i64) -> Call {
    match code {
        230_111 | 232_014 | 99_992_354 => Call::PutMessage,
        230_018 | 230_022 | 230_028 | 230_035 => Call::Notify,
        230_000..=230_999 => Call::ReadMessage,
        20_068 => Call::RequestConsent,
        ..230_000 | 232_004 | 232_006 => Call::ReadChat,
        _ => Call::WriteAnnouncement,
    }
}

/// An hour of 2026-12-01.
fn moment(hour: i64) -> Timestamp {
    let midnight: Timestamp = "2026-12-01T00:00:00Z".parse().unwrap();
    midnight + jiff::SignedDuration::from_hours(hour)
}

fn job_ref() -> JobRef {
    JobRef {
        origin: "om_1".to_owned(),
        kind: JobKind::Command,
    }
}

/// A series, and the same for each reason why it is paused.
fn every_series() -> impl Iterator<Item = HistorySchedule> {
    let series = [
        None,
        Some(PauseReason::ByMember),
        Some(PauseReason::NoRight),
        Some(PauseReason::AuthorLeft),
        Some(PauseReason::Failures),
    ];
    (1..).zip(series).map(|(number, paused)| HistorySchedule {
        job_ref: Some(job_ref()),
        number,
        what: ScheduledChange::Announce,
        author: Some("Li".to_owned()),
        summary: "dinner".to_owned(),
        due: moment(20),
        to: paused.is_none().then(|| "weekly".to_owned()),
        every: Some(every()),
        paused,
    })
}

fn every_history() -> [Outcome; 3] {
    let change = |(number, (kind, pinned))| HistoryChange {
        kind,
        pinned,
        actor: (number % 2 == 0).then(|| "Mei".to_owned()),
        approver: (number % 3 == 0).then(|| Approver {
            name: (number % 2 == 0).then(|| "Olga".to_owned()),
        }),
        summary: if number % 2 == 0 { "dinner" } else { "" }.to_owned(),
        made_at: moment(8) - jiff::SignedDuration::from_hours(i64::from(number) * 12),
        undone: number == 0,
        number: (kind == ChangeKind::Announce).then_some(3),
        reach: (kind == ChangeKind::Replace).then(|| Reach {
            list: "weekly".to_owned(),
            posted: 12,
            groups: 14,
        }),
        read_by: (kind == ChangeKind::Announce || kind == ChangeKind::Replace).then_some(ReadBy {
            readers: 3,
            has_more: false,
            members: (kind == ChangeKind::Announce).then_some(12),
        }),
    };
    let schedule = |(number, what)| HistorySchedule {
        job_ref: Some(job_ref()),
        number,
        what,
        author: Some("Li".to_owned()),
        summary: "dinner".to_owned(),
        due: moment(20 * i64::from(number)),
        to: None,
        every: None,
        paused: None,
    };
    let schedules = [
        ScheduledChange::Announce,
        ScheduledChange::Notice,
        ScheduledChange::Unpin,
        ScheduledChange::RemoveEntry,
        ScheduledChange::Replace,
        ScheduledChange::RestoreContent,
        ScheduledChange::Decision(ChangeKind::Pin),
        ScheduledChange::Decision(ChangeKind::Announce),
        ScheduledChange::Decision(ChangeKind::Replace),
        ScheduledChange::Decision(ChangeKind::Notice),
    ];
    let pins = [PinTarget::RepliedMessage, PinTarget::Announcement];
    let pins = pins.map(|target| (ChangeKind::Pin, Some(target)));
    let changes = ChangeKind::VARIANTS
        .iter()
        .map(|&kind| (kind, None))
        .chain(pins);
    let history = |changes: Vec<HistoryChange>, schedules| {
        Outcome::History(History {
            asked_at: moment(9),
            undoable: changes.first().map(|_| job_ref()),
            changes,
            schedules,
        })
    };
    [
        history(Vec::new(), Vec::new()),
        history(
            (0..).zip(changes).map(change).collect(),
            (1..).zip(schedules).map(schedule).collect(),
        ),
        history(Vec::new(), every_series().collect()),
    ]
}

fn named(why: NotCopied) -> Done {
    Done::Named {
        done: Box::new(Done::Announced),
        media: [feishu::Medium::Image, feishu::Medium::File].into(),
        why,
    }
}

fn every_notice() -> [Done; 6] {
    [
        Done::NoticePosted,
        Done::NoticeReplaced { pinned: true },
        Done::NoticeReplaced { pinned: false },
        Done::Undone(UndoResult::NoticeWithdrawn {
            card: WithdrawnCard::Recalled,
            top: true,
        }),
        Done::Undone(UndoResult::NoticeWithdrawn {
            card: WithdrawnCard::Marked,
            top: false,
        }),
        Done::Undone(UndoResult::NoticeWithdrawn {
            card: WithdrawnCard::Left,
            top: false,
        }),
    ]
}

fn in_groups(step: BroadcastStep) -> Done {
    Done::Broadcast { step, groups: 14 }
}

fn every_pause() -> [Done; 2] {
    [
        Done::Paused,
        Done::Resumed {
            next: moment(33),
            at: moment(9),
        },
    ]
}

/// What `/settings groups` has done.
fn every_list_success() -> [Done; 4] {
    let change = |joins| {
        let list = "weekly".to_owned();
        Done::ListChanged(ListChange { list, joins })
    };
    let lists = |configured: &[&str], joined: &[&str]| {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Done::Lists(Box::new(ListsOfGroup {
            configured: owned(configured),
            joined: owned(joined),
        }))
    };
    [
        change(true),
        change(false),
        lists(&[], &[]),
        lists(&["all-hands"], &["weekly", "sales"]),
    ]
}

fn every_success() -> Vec<Done> {
    vec![
        Done::Pinned(PinTarget::RepliedMessage),
        Done::Pinned(PinTarget::Announcement),
        Done::Unpinned,
        Done::Announced,
        Done::Unformatted(Box::new(Done::Announced)),
        Done::Unformatted(Box::new(Done::Replaced { edited: 1 })),
        named(NotCopied::Off),
        named(NotCopied::OldKind),
        named(NotCopied::Card),
        named(NotCopied::TooMany),
        named(NotCopied::TooLarge),
        named(NotCopied::ScopeMissing),
        named(NotCopied::Forbidden),
        named(NotCopied::StorageFull),
        named(NotCopied::MessageGone),
        named(NotCopied::Refused { code: 1_061_044 }),
        named(NotCopied::Unavailable),
        Done::LeftOut {
            done: Box::new(Done::Announced),
            media: [feishu::Medium::Image].into(),
        },
        Done::LeftOut {
            done: Box::new(Done::Replaced { edited: 0 }),
            media: [
                feishu::Medium::Image,
                feishu::Medium::Video,
                feishu::Medium::File,
                feishu::Medium::Audio,
                feishu::Medium::Sticker,
                feishu::Medium::Other,
            ]
            .into(),
        },
        Done::Announced.late(moment(9), moment(12)),
        Done::Replaced { edited: 2 }.late(moment(9), moment(12)),
        Done::Named {
            done: Box::new(Done::NoticePosted),
            media: [feishu::Medium::Image].into(),
            why: NotCopied::Card,
        }
        .late(moment(9), moment(12)),
        Done::Expired {
            lost: vec![feishu::Unwritable::Image, feishu::Unwritable::File],
        },
        Done::Cancelled,
        in_groups(BroadcastStep::Reverting),
        in_groups(BroadcastStep::Repeated),
        Done::PreviewAccepted,
        Done::PreviewDiscarded,
        Done::Settings(Box::new(settings(Origin::Default))),
        Done::Settings(Box::new(settings(Origin::Group))),
        Done::Settings(Box::new(settings(Origin::File))),
        Done::Set("language: default → zh".parse().unwrap()),
        Done::Set("timezone: Asia/Tokyo → default".parse().unwrap()),
        Done::Undone(UndoResult::MessageOnTop),
        Done::Undone(UndoResult::AnnouncementOnTop),
        Done::Undone(UndoResult::NothingOnTop),
        Done::Undone(UndoResult::EntryRemoved),
        Done::Undone(UndoResult::EntryAlreadyGone),
        Done::Undone(UndoResult::ContentRestored { lost: Vec::new() }),
        Done::Undone(UndoResult::ContentRestored {
            lost: UNWRITABLE.to_vec(),
        }),
        Done::UndoneAndRecalled {
            result: UndoResult::EntryRemoved,
            recalled: true,
        },
        Done::UndoneAndRecalled {
            result: UndoResult::EntryRemoved,
            recalled: false,
        },
        Done::Replaced { edited: 0 },
        Done::Replaced { edited: 1 },
        Done::Replaced { edited: 3 },
        Done::ConsentRequested,
        Done::AlreadyConsented,
        Done::ConsentWithdrawn { revoked: true },
        Done::ConsentWithdrawn { revoked: false },
    ]
}

fn two_scopes_missing() -> Cause {
    let scopes = ["im:chat", "im:chat.announcement:read"].map(str::to_owned);
    Cause::Platform(PlatformRefusal {
        log_id: None,
        missing_scopes: scopes.into(),
        ..refusal(Call::ReadAnnouncement, 99_991_672)
    })
}

fn every_meaning() -> impl Iterator<Item = Cause> {
    let meanings = [
        (230_027, Some(Meaning::OtherTenant)),
        (99_991_668, Some(Meaning::TokenKind)),
        (10_003, Some(Meaning::UnknownApp)),
        (10_014, Some(Meaning::WrongSecret)),
        (10_014, Some(Meaning::AppDisabled)),
        (20_068, Some(Meaning::ScopesNotOffered)),
        (99_992_402, None),
    ];
    meanings.into_iter().map(|(code, meaning)| {
        Cause::Platform(PlatformRefusal {
            fields: vec!["children[0].text".to_owned()],
            meaning,
            log_id: None,
            ..refusal(call_of(code), code)
        })
    })
}

/// The platform refused the member as whom the bot made the call.
fn every_refused_member() -> impl Iterator<Item = Cause> {
    let as_member = |call, code, meaning, scopes: &[&str]| {
        Cause::Platform(PlatformRefusal {
            meaning,
            missing_scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            as_member: true,
            ..refusal(call, code)
        })
    };
    let scope = ["im:chat.top_notice:write_only"];
    let others = [
        as_member(Call::PutMessage, codes::SCOPE_MISSING, None, &scope),
        as_member(Call::PutMessage, codes::USER_SCOPE_MISSING, None, &scope),
        as_member(
            Call::PutMessage,
            codes::USER_TOKEN_INVALID,
            Some(Meaning::TokenKind),
            &[],
        ),
    ];
    every_member_code()
        .map(move |code| as_member(call_of(code), code, None, &[]))
        .chain(others)
}

/// Refusals whose reply does not depend on the command or the stage.
fn every_plain_refusal() -> Vec<Cause> {
    vec![
        Cause::NeedsGroup(CommandName::Pin),
        Cause::NotAReply,
        Cause::Series(SeriesRefusal::NotRecurring),
        Cause::Series(SeriesRefusal::PausedAlready),
        Cause::Series(SeriesRefusal::NotPaused),
        Cause::NothingToAnnounce,
        Cause::Notice(NotPosted::NoText),
        Cause::Notice(NotPosted::TooLong),
        Cause::Notice(NotPosted::Unclear),
        Cause::OnlyMedia,
        Cause::RepliedToHasNoText,
        Cause::RepliedToKind {
            kind: MessageKind::GroupCard,
        },
        Cause::RepliedToUnknown {
            kind: "hologram".to_owned(),
        },
        Cause::RepliedToIsCard,
        Cause::RepliedToIsForward,
        Cause::RepliedElsewhere,
        Cause::RepliedToChatMissing,
        Cause::NotPinnable(NotPinnable::System),
        Cause::NotPinnable(NotPinnable::InThread),
        Cause::ChatIdMissing,
        Cause::Unreadable,
        Cause::Denied(Denied::Unidentified),
        Cause::RepliedToIsGone,
        Cause::TextTooLong { limit: 20_000 },
        Cause::TooManyLines { limit: 450 },
        Cause::TooLate { begun: false },
        Cause::TooLate { begun: true },
        Cause::TooManyWaiting,
        Cause::EntryChanged,
        Cause::FilesNotCopied,
        Cause::CannotDelete,
        Cause::CannotExpire,
        Cause::Disordered,
        Cause::AnnouncementMoved,
        Cause::TooManySchedules { limit: 100 },
        Cause::ScheduleTooLate {
            due: moment(9),
            at: moment(22),
        },
        Cause::BotOutside,
        Cause::Denied(Denied::DenyListed),
        Cause::Denied(Denied::OtherTenant),
        Cause::Internal,
        Cause::Unreachable {
            call: Call::PutMessage,
            log_id: None,
            unchanged: true,
        },
        Cause::ConsentMissing { declined: false },
        Cause::ConsentMissing { declined: true },
        Cause::TooManyAwaitingConsent { limit: 5 },
        Cause::ActsAsBot(CommandName::Login),
        Cause::ActsAsBot(CommandName::Logout),
        Cause::NoConsent,
        Cause::AuthorUnknown,
        Cause::ProposalOver,
        Cause::TooManyProposals { limit: 20 },
        Cause::Declined {
            by: None,
            reason: None,
        },
        Cause::Declined {
            by: Some("Olga".to_owned()),
            reason: Some("too early".to_owned()),
        },
        Cause::OwnProposal,
        Cause::NobodyToAsk,
        Cause::TextChanged,
        Cause::PreviewOver,
        Cause::NotYourPreview,
        Cause::NotApproved,
    ]
}

/// Refusals of announcements to several groups.
fn every_broadcast_refusal() -> impl Iterator<Item = Cause> {
    let refusals = [
        BroadcastRefusal::UnknownList {
            name: "wekly".to_owned(),
            near: Some("weekly".to_owned()),
            known: ["all-hands", "weekly"].map(str::to_owned).to_vec(),
        },
        BroadcastRefusal::UnknownList {
            name: "weekly".to_owned(),
            near: None,
            known: Vec::new(),
        },
        BroadcastRefusal::EmptyList {
            name: "weekly".to_owned(),
        },
        BroadcastRefusal::ListTooLong {
            name: "weekly".to_owned(),
            limit: 500,
        },
        BroadcastRefusal::OnListAlready {
            name: "weekly".to_owned(),
        },
        BroadcastRefusal::NotOnList {
            name: "weekly".to_owned(),
        },
        BroadcastRefusal::OnListByConfiguration {
            name: "weekly".to_owned(),
        },
        BroadcastRefusal::TooManyLists { limit: 100 },
        BroadcastRefusal::TooManyBroadcasts { limit: 3 },
        BroadcastRefusal::BroadcastQueueFull,
        BroadcastRefusal::BroadcastGone,
        BroadcastRefusal::BroadcastOver,
        BroadcastRefusal::NotAuthorOfBroadcast,
        BroadcastRefusal::BroadcastNotEditable,
        BroadcastRefusal::LaterChanges,
    ];
    let outside = Cause::Denied(Denied::NotInGroup);
    refusals.into_iter().map(Cause::from).chain([outside])
}

/// The announcement was written, and nobody was notified.
const NOT_NOTIFIED: Stage = Stage::Incomplete(Unfinished {
    not_replaced: false,
    not_on_top: false,
    not_notified: true,
    maybe_notified: false,
    of_notice: false,
});

fn incomplete(not_replaced: bool, not_on_top: bool) -> Stage {
    Stage::Incomplete(Unfinished {
        not_replaced,
        not_on_top,
        ..Unfinished::default()
    })
}

/// Failures after a part of the command.
fn every_stage() -> Vec<Refusal> {
    let at = |stage, cause| Refusal { stage, cause };
    let run = |due| {
        Stage::RunNotPublished(NextRun {
            number: 3,
            at: moment(9),
            due,
        })
    };
    let partly = Stage::Partly { lines: 50, of: 120 };
    let unreachable = |call| Cause::Unreachable {
        call,
        log_id: None,
        unchanged: false,
    };
    let everything = Stage::Incomplete(Unfinished {
        not_replaced: true,
        not_on_top: true,
        not_notified: true,
        maybe_notified: false,
        of_notice: false,
    });
    let maybe_notified = Stage::Incomplete(Unfinished {
        maybe_notified: true,
        ..Unfinished::default()
    });
    vec![
        at(partly, unreachable(Call::WriteAnnouncement)),
        at(Stage::NotReverted, Cause::BotOutside),
        at(Stage::NotPublished, Cause::BotOutside),
        at(run(Some(moment(33))), Cause::BotOutside),
        at(run(None), Cause::Denied(Denied::NotInGroup)),
        at(
            run(Some(moment(33))),
            Cause::ConsentMissing { declined: false },
        ),
        at(
            run(Some(moment(33))),
            Cause::ScheduleTooLate {
                due: moment(9),
                at: moment(30),
            },
        ),
        at(Stage::FormerRunLeft, Cause::CannotDelete),
        at(incomplete(false, true), Cause::BotOutside),
        at(incomplete(true, false), Cause::BotOutside),
        at(incomplete(true, false), Cause::CannotDelete),
        at(incomplete(true, true), Cause::BotOutside),
        at(NOT_NOTIFIED, platform_refusal(Call::Notify, 230_018)),
        at(everything, Cause::BotOutside),
        at(maybe_notified, unreachable(Call::Notify)),
        at(maybe_notified, Cause::NotificationUnclear),
        at(partly, Cause::ConsentMissing { declined: false }),
        at(
            Stage::NotReverted,
            Cause::ConsentMissing { declined: false },
        ),
        at(
            Stage::NotPublished,
            Cause::ConsentMissing { declined: false },
        ),
    ]
}

/// Every outcome with a reply of its own.
pub(crate) fn every_outcome() -> Vec<Outcome> {
    let mut refused: Vec<_> = every_parse_error()
        .into_iter()
        .chain(every_name_error())
        .chain(every_recurrence_error())
        .chain(every_missing_number())
        .map(Cause::Misunderstood)
        .collect();
    refused.extend(every_plain_refusal());
    refused.extend(every_broadcast_refusal());
    refused.extend(every_replacement());
    refused.extend(every_refused_undo());
    refused.push(Cause::CardOutdated);
    refused.extend(Setting::all().map(Cause::SettingFixed));
    let invalid_times = [
        ScheduleTimeError::Passed,
        ScheduleTimeError::TooFar,
        ScheduleTimeError::Contradiction,
    ];
    refused.extend(invalid_times.map(Cause::CannotSchedule));
    refused.extend(RESERVED.map(|reserved| Cause::Denied(Denied::Reserved(reserved))));
    refused.extend(SETTINGS.map(|setting| bot_refused(BotPermission::Barred(setting))));
    refused.extend(SETTINGS.map(|setting| bot_refused(BotPermission::SettingUnknown(setting))));
    refused.extend([BotPermission::Open, BotPermission::Admin].map(bot_refused));
    let log_id = || Some("202609110000".to_owned());
    refused.extend(CALLS.map(|call| Cause::Unreachable {
        call,
        log_id: log_id(),
        unchanged: false,
    }));
    refused.extend(CALLS.map(|call| platform_refusal(call, 232_001)));
    refused.extend(every_code().map(|code| platform_refusal(call_of(code), code)));
    refused.push(two_scopes_missing());
    refused.extend(every_meaning());
    refused.extend(every_refused_member());
    let helps = every_help().into_iter().chain(every_schedule());
    let helps = helps.chain(every_history()).chain(every_proposal());
    let done = every_success()
        .into_iter()
        .chain(every_notice())
        .chain(every_list_success());
    let done = done.chain(every_pause());
    let done = done.map(Outcome::Done).chain(helps);
    let staged = every_stage().into_iter().map(Outcome::Refused);
    done.chain(refused.into_iter().map(Outcome::refused))
        .chain(staged)
        .collect()
}

fn words(outcome: &Outcome, language: Language) -> String {
    let words = super::words(outcome, language, CONTEXT);
    assert!(!words.is_empty(), "{outcome:?} has no text");
    assert!(!words.contains("{}"), "unfilled template: {words}");
    words
}

/// A card as text: its title and its elements.
fn card_text(card: &Card) -> String {
    let card = serde_json::to_value(card).unwrap();
    let mut text = format!(
        "╭ {}\n",
        card["header"]["title"]["content"].as_str().unwrap()
    );
    for element in card["body"]["elements"].as_array().unwrap() {
        if let Some(content) = element["content"].as_str() {
            for line in content.lines() {
                writeln!(text, "│ {line}").unwrap();
            }
        } else if let Some([input, button]) = element["elements"].as_array().map(Vec::as_slice) {
            let placeholder = input["placeholder"]["content"].as_str().unwrap();
            let label = button["text"]["content"].as_str().unwrap();
            writeln!(text, "│ [ {placeholder} … ] [ {label} ]").unwrap();
        } else {
            let label = element["text"]["content"].as_str().unwrap();
            writeln!(text, "│ [ {label} ]").unwrap();
        }
    }
    text + "╰"
}

#[test]
fn replies_match_the_reviewed_snapshot() {
    let mut all = String::new();
    for outcome in every_outcome() {
        let reaction = match answer(&outcome, Language::En, CONTEXT) {
            Answer::React { emoji, .. } => format!(" [{}]", emoji.as_str()),
            Answer::Show { .. } => " [card]".to_owned(),
            Answer::Private { emoji, .. } => format!(" [private, {}]", emoji.as_str()),
            Answer::Say(_) | Answer::Nothing => String::new(),
        };
        writeln!(
            all,
            "# {}{reaction}",
            serde_json::to_string(&outcome).unwrap()
        )
        .unwrap();
        for language in LANGUAGES {
            writeln!(all, "{}", words(&outcome, language)).unwrap();
        }
        for language in LANGUAGES {
            if let Answer::Show { card, .. } = answer(&outcome, language, CONTEXT) {
                writeln!(all, "{}", card_text(&card)).unwrap();
            }
        }
        writeln!(all).unwrap();
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("answers", all));
}

#[test]
fn replies_are_in_the_requested_language() {
    for outcome in every_outcome() {
        let (zh, en) = (words(&outcome, Language::Zh), words(&outcome, Language::En));
        assert_eq!(Language::of(&zh), Language::Zh, "{zh}");
        assert_eq!(Language::of(&en), Language::En, "{en}");
    }
}

/// The commands in a text, each up to the next punctuation mark or English word.
fn commands_in(words: &str) -> impl Iterator<Item = &str> {
    let starts = words.match_indices('/').map(|(at, _)| at);
    let starts = starts.filter(|&at| {
        let before = words[..at].chars().next_back();
        before.is_none_or(|before| " \n：（`".contains(before))
    });
    let ends = ['。', '；', '，', '、', '）', '？', '（', '：', '`', '\n'];
    starts.map(move |at| {
        let rest = &words[at..];
        let marks = [
            ". ", ", ", "; ", "? ", ": ", " to ", " and ", " for ", " there",
        ];
        let marks = marks.iter().filter_map(|mark| rest.find(mark));
        let end = rest.find(ends).into_iter().chain(marks).min();
        rest[..end.unwrap_or(rest.len())].trim_end_matches(['.', '?'])
    })
}

#[test]
fn recommended_commands_are_commands() {
    for outcome in every_outcome() {
        for language in LANGUAGES {
            let words = words(&outcome, language);
            for command in commands_in(&words) {
                // In Chinese a blank separates the command from the sentence.
                let known = std::iter::successors(Some(command), |command| {
                    command.rsplit_once(' ').map(|(head, _)| head)
                })
                .any(|command| matches!(parse(command, &[], false), Ok(Some(_))));
                assert!(known, "{command} in {words}");
            }
        }
    }
}

#[test]
fn text_messages_contain_no_markdown() {
    for outcome in every_outcome() {
        for language in LANGUAGES {
            let words = words(&outcome, language);
            for mark in ["`", "**", "](", "~~", "__"] {
                assert!(!words.contains(mark), "{mark} in {words}");
            }
            for line in words.lines() {
                let starts = ["#", "- ", "* ", "> ", "1. "];
                assert!(!starts.iter().any(|mark| line.starts_with(mark)), "{words}");
            }
        }
    }
}

#[test]
fn short_help_has_six_lines_and_one_language() {
    for outcome in every_help() {
        if matches!(outcome, Outcome::AllCommands(_)) {
            continue;
        }
        for language in LANGUAGES {
            let words = words(&outcome, language);
            assert!(words.lines().count() <= 6, "{words}");
            let other = match language {
                Language::Zh => "/pin",
                Language::En => "/置顶",
            };
            assert!(!words.contains(other), "{words}");
        }
    }
}

#[test]
fn failures_end_with_code_and_reference() {
    let refused = Outcome::refused(platform_refusal(Call::PutMessage, 232_014));
    let zh = "\n错误码：232014，参考号：5f2c9a1e";
    assert!(words(&refused, Language::Zh).ends_with(zh));
    let en = "\ncode: 232014, reference: 5f2c9a1e";
    assert!(words(&refused, Language::En).ends_with(en));
    for outcome in every_outcome() {
        let Outcome::Refused(refusal) = &outcome else {
            continue;
        };
        for language in LANGUAGES {
            let words = words(&outcome, language);
            let has_reference = words.ends_with("5f2c9a1e");
            assert_eq!(has_reference, refusal.cause.is_failure(), "{words}");
            assert!(!words.contains("202609110000"), "{words}");
        }
    }
}

#[test]
fn refused_members_read_nothing_about_bot_permissions() {
    let of_bot = [
        "机器人没有",
        "机器人不",
        "机器人已",
        "机器人仍",
        "机器人设为",
        "应用添加",
        "bot is neither",
        "bot has no",
        "bot is not",
        "bot is still",
        "bot is no longer",
        "Make the bot",
        "share it with the app",
    ];
    let is_made_as_member =
        |code: &i64| !matches!(call_of(*code), Call::ReadMessage | Call::Notify);
    for code in every_code().filter(is_made_as_member) {
        let cause = Cause::Platform(PlatformRefusal {
            as_member: true,
            bot: Some(BotPermission::Open),
            ..refusal(call_of(code), code)
        });
        for language in LANGUAGES {
            let words = words(&Outcome::refused(cause.clone()), language);
            let found = of_bot.iter().find(|said| words.contains(*said));
            assert_eq!(found, None, "{words}");
        }
    }
}

#[test]
fn private_answers_say_the_same() {
    let in_public = ReplyContext {
        private: false,
        ..CONTEXT
    };
    for outcome in every_outcome() {
        for language in LANGUAGES {
            let public = answer(&outcome, language, in_public);
            let answer = answer(&outcome, language, CONTEXT);
            let is_private = outcome.readers() == Readers::Author;
            let Answer::Private { card, or_say, .. } = answer else {
                assert!(!is_private && answer == public, "{outcome:?}");
                continue;
            };
            assert!(is_private, "{outcome:?}");
            let card = serde_json::to_value(&card).unwrap();
            let element = &card["body"]["elements"][0];
            let plain = serde_json::json!({ "tag": "plain_text", "content": or_say });
            assert_eq!(element["text"], plain, "{outcome:?}");
            assert_eq!(public, Answer::Say(or_say), "{outcome:?}");
        }
    }
}

#[test]
fn failures_and_shared_matters_concern_the_group() {
    let platform = platform_refusal(Call::PutMessage, 232_009);
    let staged = |stage| {
        let cause = Cause::Denied(Denied::DenyListed);
        Outcome::Refused(Refusal { stage, cause })
    };
    for (outcome, readers) in [
        (
            Outcome::refused(Cause::Denied(Denied::OtherTenant)),
            Readers::Author,
        ),
        (Outcome::refused(Cause::NotAReply), Readers::Author),
        (Outcome::refused(Cause::NothingToUndo), Readers::Author),
        (
            Outcome::refused(Cause::ConsentMissing { declined: true }),
            Readers::Author,
        ),
        (
            Outcome::refused(Cause::Misunderstood(ParseError::MissingTime {
                command: CommandName::Announce,
            })),
            Readers::Author,
        ),
        (Outcome::Done(Done::AlreadyConsented), Readers::Author),
        (
            Outcome::Done(Done::Expired { lost: Vec::new() }),
            Readers::Group,
        ),
        (Outcome::Help, Readers::Group),
        (Outcome::refused(platform), Readers::Group),
        (Outcome::refused(Cause::Internal), Readers::Group),
        (Outcome::refused(Cause::TooManyWaiting), Readers::Group),
        (
            Outcome::refused(Cause::TooLate { begun: false }),
            Readers::Group,
        ),
        (staged(Stage::NotPublished), Readers::Group),
        (staged(NOT_NOTIFIED), Readers::Group),
        (staged(Stage::Whole), Readers::Author),
    ] {
        assert_eq!(outcome.readers(), readers, "{outcome:?}");
    }
}

#[test]
fn requests_for_consent_match_the_reviewed_snapshot() {
    let link = "https://accounts.feishu.cn/oauth/v1/device/verify?user_code=ABCD-EFGH";
    let mut all = String::new();
    for until in [None, Some(moment(9))] {
        for language in LANGUAGES {
            let card = consent_card(link, until, language, &TimeZone::UTC);
            let text = consent_text(link, until, language, &TimeZone::UTC);
            let wire = serde_json::to_string(&card).unwrap();
            assert!(wire.contains(link) && text.contains(link), "{wire} {text}");
            assert!(!text.contains(['`', '*']), "{text}");
            write!(all, "{}\n{text}\n\n", card_text(&card)).unwrap();
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("consent", all));
}

#[test]
fn previews_match_the_reviewed_snapshot() {
    let mut all = String::new();
    for (number, action) in proposed_actions().into_iter().enumerate() {
        let Some(document) = action.document() else {
            continue;
        };
        let signature = Signature {
            author: Some("ou_1".into()),
            date: "2026-12-01 09:00".to_owned(),
            edited: None,
        };
        let entry = Entry::new(document, Some(signature));
        let previewed = Previewed {
            job_ref: job_ref(),
            at: moment(9),
            until: moment(10),
            in_old_kind: number == 2,
            groups: action.to().map(|_| 12),
        };
        for ask in [false, true] {
            let preview = Preview {
                action: action.clone(),
                ask,
                is_wanted: false,
            };
            for (language, private) in LANGUAGES.into_iter().zip([true, false]) {
                let shown = PreviewShown {
                    previewed: &previewed,
                    preview: &preview,
                    entry: Some(&entry),
                    private,
                };
                let card = preview_card(shown, language, &TimeZone::UTC);
                writeln!(all, "{}\n", card_text(&card)).unwrap();
            }
        }
    }
    for done in [
        Done::PreviewAccepted,
        Done::PreviewDiscarded,
        Done::Superseded,
    ] {
        for language in LANGUAGES {
            let card = preview_over(&Outcome::Done(done.clone()), language);
            writeln!(all, "{}\n", card_text(&card)).unwrap();
        }
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("previews", all));
}

#[test]
fn only_bots_that_act_as_members_offer_login() {
    for (act_as, is_offered) in [(ActAs::Bot, false), (ActAs::Member, true)] {
        let context = ReplyContext { act_as, ..CONTEXT };
        for language in LANGUAGES {
            let text = super::words(&Outcome::AllCommands(None), language, context);
            let card = card_text(&all_commands(None, act_as, language));
            for name in [CommandName::Login, CommandName::Logout] {
                let form = name.simplest_form(language);
                assert_eq!(text.contains(form), is_offered, "{text}");
                assert_eq!(card.contains(form), is_offered, "{card}");
            }
        }
    }
}

#[test]
fn denials_end_without_a_reference() {
    let reserved = RESERVED.map(Denied::Reserved);
    for denied in reserved
        .into_iter()
        .chain([Denied::DenyListed, Denied::OtherTenant])
    {
        for language in LANGUAGES {
            let words = words(&Outcome::refused(Cause::Denied(denied)), language);
            assert!(!words.contains("5f2c9a1e"), "{words}");
        }
    }
}

#[test]
fn read_failures_do_not_blame_the_member() {
    for call in [Call::ReadChat, Call::ReadMessage] {
        for code in every_code() {
            let refused = Outcome::refused(platform_refusal(call, code));
            let (zh, en) = (words(&refused, Language::Zh), words(&refused, Language::En));
            assert!(!en.to_lowercase().contains("you may not"), "{en}");
            assert!(!zh.contains("你没有") && !zh.contains("你不能"), "{zh}");
        }
    }
}

#[test]
fn members_markup_is_inactive_in_replies() {
    let error = ParseError::UnknownArgument {
        command: CommandName::Pin,
        argument: "<at user_id=\"all\"></at>[here](https://e.cn)".to_owned(),
    };
    let refused = Outcome::refused(Cause::Misunderstood(error));
    for language in LANGUAGES {
        let words = words(&refused, language);
        assert!(!words.contains('<') && !words.contains("]("), "{words}");
    }
}

/// The settings of a group whose mode was set by `origin`.
fn settings(origin: Origin) -> SettingsInForce {
    let own = (origin != Origin::Default).then_some(SettingValue::Mode(PolicyMode::Admins));
    let mode = match origin {
        Origin::Group => PolicyMode::Admins,
        _ => PolicyMode::Group,
    };
    let in_force = |value| SettingInForce {
        value,
        origin: Origin::Default,
        own: None,
    };
    SettingsInForce {
        chat: "oc_1".to_owned(),
        settings: vec![
            in_force(SettingValue::Language(ReplyLanguage::Auto)),
            in_force(SettingValue::Timezone(
                ZoneName::new("Asia/Shanghai").unwrap(),
            )),
            SettingInForce {
                value: SettingValue::Mode(mode),
                origin,
                own,
            },
        ],
        exceptions: match origin {
            Origin::File => vec![Right::Announce],
            _ => Vec::new(),
        },
    }
}
