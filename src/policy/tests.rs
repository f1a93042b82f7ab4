//! Decisions by tables.

use feishu::{OpenId, TenantKey, UnionId};

use jiff::Timestamp;

use super::*;
use crate::config::DEFAULT_TOML;
use crate::content::Document;
use crate::model::action::{ChangeToUndo, EditTarget, TextEdit};
use crate::model::change::{ChangeId, ChangeKind};
use crate::model::job::{JobId, JobKind, JobRef};
use crate::model::schedule::{AnnounceOptions, Schedule, ScheduledAction};
use PolicyMode::{Admins, Anyone, Group};

const OPEN: Option<&str> = Some("all_members");
const CLOSED: Option<&str> = Some("only_owner");
const NEW: Option<&str> = Some("a setting of tomorrow");

fn group(pin: Option<&str>, edit: Option<&str>) -> Chat {
    serde_json::from_value(serde_json::json!({
        "name": "group",
        "owner_id": "ou_owner",
        "user_manager_id_list": ["ou_admin"],
        "bot_manager_id_list": ["cli_admin"],
        "pin_manage_setting": pin,
        "edit_permission": edit,
    }))
    .unwrap()
}

fn sender(open_id: &str, tenant: Option<&str>) -> Sender {
    Sender {
        open_id: Some(OpenId::from(open_id)),
        union_id: Some(UnionId::from("on_union")),
        user_id: None,
        sender_type: "user".to_owned(),
        tenant_key: tenant.map(TenantKey::from),
    }
}

fn in_chat(chat: &ChatId) -> Scope<'_> {
    Scope {
        tenant: Some("home"),
        chat,
    }
}

fn policy(changes: &str) -> PolicyConfig {
    let defaults: toml::Table = toml::from_str(DEFAULT_TOML).unwrap();
    let mut policy = defaults["policy"].as_table().unwrap().clone();
    policy.extend(toml::from_str::<toml::Table>(changes).unwrap());
    policy.try_into().unwrap()
}

fn rules(mode: PolicyMode) -> PolicyConfig {
    PolicyConfig { mode, ..policy("") }
}

/// The rules of a group that has not set a mode.
fn of_file(config: &PolicyConfig) -> GroupPolicy<'_> {
    GroupPolicy {
        config,
        own_mode: None,
        own_on_denied: None,
    }
}

/// The rights to which the modes apply.
const GOVERNED: [Right; 3] = [Right::Pin, Right::Unpin, Right::Announce];

fn action(right: Right) -> Action {
    match right {
        Right::Pin => Action::PutMessage("om_1".into(), None),
        Right::Unpin => Action::DeleteTopNotice,
        Right::Settings => Action::Set("mode: default → admins".parse().unwrap()),
        Right::Announce => Action::Announce(
            Source::Document(Document::default()),
            AnnounceOptions::default(),
        ),
    }
}

/// The decision in chat `oc_here`. Checks that permits and judgements agree.
fn verdict(
    config: &PolicyConfig,
    sender: &Sender,
    group: &Chat,
    right: Right,
) -> Result<(), Denied> {
    verdict_with(of_file(config), sender, group, right)
}

fn verdict_with(
    policy: GroupPolicy<'_>,
    sender: &Sender,
    group: &Chat,
    right: Right,
) -> Result<(), Denied> {
    let chat = ChatId::from("oc_here");
    let actor = Actor {
        sender,
        home: Some("home"),
        chat: &chat,
    };
    let permit = match consider(policy, actor, action(right)) {
        Ok(Decision::Permitted(permit)) => Ok(permit),
        Ok(Decision::Open(request)) => request.decide(group).map_err(|(denied, _)| denied),
        Err(denied) => Err(denied),
    };
    let judged = judge(policy, actor, right, group);
    assert_eq!(permit.map(|permit| permit.right()), judged.map(|()| right));
    judged
}

#[test]
fn role_mode_and_group_setting_decide() {
    let reserved = |reserved| Err(Denied::Reserved(reserved));
    let pin_closed = reserved(AdminsOnly::BySetting(GroupSetting::PinManageSetting));
    let edit_closed = reserved(AdminsOnly::BySetting(GroupSetting::EditPermission));
    let by_edit_setting = reserved(AdminsOnly::ByFallbackSetting);
    let admins = reserved(AdminsOnly::ByMode);
    for (who, mode, pin, edit, may_pin, may_announce) in [
        ("ou_owner", Group, CLOSED, CLOSED, Ok(()), Ok(())),
        ("ou_admin", Group, CLOSED, CLOSED, Ok(()), Ok(())),
        ("ou_admin", Admins, OPEN, OPEN, Ok(()), Ok(())),
        ("ou_member", Group, OPEN, OPEN, Ok(()), Ok(())),
        ("ou_member", Group, CLOSED, OPEN, pin_closed, Ok(())),
        ("ou_member", Group, OPEN, CLOSED, Ok(()), edit_closed),
        ("ou_member", Group, None, OPEN, Ok(()), Ok(())),
        (
            "ou_member",
            Group,
            None,
            CLOSED,
            by_edit_setting,
            edit_closed,
        ),
        ("ou_member", Group, NEW, NEW, pin_closed, edit_closed),
        ("ou_member", Group, OPEN, None, Ok(()), edit_closed),
        ("ou_member", Group, None, None, by_edit_setting, edit_closed),
        ("ou_member", Admins, OPEN, OPEN, admins, admins),
        ("ou_member", Anyone, CLOSED, CLOSED, Ok(()), Ok(())),
    ] {
        let (rules, sender) = (rules(mode), sender(who, Some("home")));
        let group = group(pin, edit);
        let case = format!("{who} {mode:?} pin={pin:?} edit={edit:?}");
        for right in [Right::Pin, Right::Unpin] {
            assert_eq!(verdict(&rules, &sender, &group, right), may_pin, "{case}");
        }
        let announced = verdict(&rules, &sender, &group, Right::Announce);
        assert_eq!(announced, may_announce, "{case}");
    }
}

#[test]
fn the_configuration_decides_a_missing_pin_setting() {
    let deny = Err(Denied::Reserved(AdminsOnly::PinSettingMissing));
    let by_edit_setting = Err(Denied::Reserved(AdminsOnly::ByFallbackSetting));
    for (changes, expected) in [
        ("", by_edit_setting),
        ("pin_setting_missing = 'deny'", deny),
        ("pin_setting_missing = 'allow'", Ok(())),
        ("chats.oc_here.pin_setting_missing = 'allow'", Ok(())),
        (
            "chats.oc_there.pin_setting_missing = 'allow'",
            by_edit_setting,
        ),
        (
            "pin_setting_missing = 'allow'\nchats.oc_here.pin_setting_missing = 'deny'",
            deny,
        ),
    ] {
        let member = sender("ou_member", Some("home"));
        let group = group(None, CLOSED);
        for right in [Right::Pin, Right::Unpin] {
            let decided = verdict(&policy(changes), &member, &group, right);
            assert_eq!(decided, expected, "{changes}");
        }
    }
}

#[test]
fn the_most_specific_mode_wins() {
    let (no, yes) = (Err(Denied::Reserved(AdminsOnly::ByMode)), Ok(()));
    for (changes, pin, unpin, announce) in [
        ("mode = 'admins'", no, no, no),
        ("commands.pin.mode = 'admins'", no, yes, yes),
        ("commands.unpin.mode = 'admins'", yes, no, yes),
        ("commands.announce.mode = 'admins'", yes, yes, no),
        ("mode = 'admins'\ncommands.pin.mode = 'anyone'", yes, no, no),
        ("mode = 'admins'\ncommands.pin.mode = 'group'", yes, no, no),
        ("tenants.home.mode = 'admins'", no, no, no),
        ("tenants.elsewhere.mode = 'admins'", yes, yes, yes),
        (
            "mode = 'anyone'\ncommands.pin.mode = 'anyone'\ntenants.home.mode = 'admins'",
            no,
            no,
            no,
        ),
        (
            "tenants.home.commands.pin.mode = 'admins'\nchats.oc_here.mode = 'anyone'",
            yes,
            yes,
            yes,
        ),
        ("chats.oc_here.mode = 'admins'", no, no, no),
        ("chats.oc_there.mode = 'admins'", yes, yes, yes),
        (
            "commands.announce.mode = 'admins'\nchats.oc_here.mode = 'anyone'",
            yes,
            yes,
            yes,
        ),
        (
            "chats.oc_here.commands.announce.mode = 'admins'",
            yes,
            yes,
            no,
        ),
        (
            "chats.oc_here.mode = 'admins'\nchats.oc_here.commands.pin.mode = 'group'",
            yes,
            no,
            no,
        ),
        (
            "commands.pin.mode = 'anyone'\nchats.oc_here.commands.pin.mode = 'admins'",
            no,
            yes,
            yes,
        ),
    ] {
        let policy = policy(changes);
        let (member, open) = (sender("ou_member", Some("home")), group(OPEN, OPEN));
        let verdicts = GOVERNED.map(|right| verdict(&policy, &member, &open, right));
        assert_eq!(verdicts, [pin, unpin, announce], "{changes}");
        let owner = sender("ou_owner", Some("home"));
        for right in Right::all() {
            assert_eq!(verdict(&policy, &owner, &open, right), Ok(()), "{changes}");
        }
    }
}

#[test]
fn deny_lists_win_over_allow_lists_and_roles() {
    let stranger = sender("ou_stranger", Some("elsewhere"));
    let owner = sender("ou_owner", Some("home"));
    let closed = group(CLOSED, CLOSED);
    let (denied, elsewhere) = (Err(Denied::DenyListed), Err(Denied::OtherTenant));
    for (changes, who, expected) in [
        ("deny = ['ou_owner']", &owner, denied),
        ("allow = ['ou_owner']\ndeny = ['on_union']", &owner, denied),
        ("allow = ['on_union']", &stranger, Ok(())),
        ("allow = ['ou_somebody']", &stranger, elsewhere),
        ("allow = ['']\ndeny = ['']", &stranger, elsewhere),
    ] {
        for right in Right::all() {
            let decided = verdict(&policy(changes), who, &closed, right);
            assert_eq!(decided, expected, "{changes}");
        }
    }
}

#[test]
fn lists_of_all_levels_are_merged() {
    let owner = sender("ou_owner", Some("home"));
    let guest = sender("ou_guest", Some("elsewhere"));
    let places = [
        ("", [true; 4]),
        ("commands.pin.", [true, false, false, false]),
        ("commands.unpin.", [false, true, false, false]),
        ("commands.announce.", [false, false, true, false]),
        ("commands.settings.", [false, false, false, true]),
        ("tenants.home.", [true; 4]),
        ("tenants.elsewhere.", [false; 4]),
        ("tenants.home.commands.unpin.", [false, true, false, false]),
        ("chats.oc_here.", [true; 4]),
        ("chats.oc_there.", [false; 4]),
        (
            "chats.oc_here.commands.announce.",
            [false, false, true, false],
        ),
        ("chats.oc_there.commands.pin.", [false; 4]),
    ];
    let (denied, elsewhere) = (Err(Denied::DenyListed), Err(Denied::OtherTenant));
    let closed = group(CLOSED, CLOSED);
    for (place, binds) in places {
        let allow = policy(&format!("{place}allow = ['ou_guest']"));
        let deny = policy(&format!("{place}deny = ['ou_owner']"));
        for (right, binds) in Right::all().zip(binds) {
            let (may, may_not) = if binds {
                (Ok(()), denied)
            } else {
                (elsewhere, Ok(()))
            };
            assert_eq!(verdict(&allow, &guest, &closed, right), may, "{place}");
            assert_eq!(verdict(&deny, &owner, &closed, right), may_not, "{place}");
        }
        for (other, _) in places {
            // A denial wins wherever it is configured.
            if place == other {
                continue;
            }
            let changes = format!("{place}deny = ['ou_owner']\n{other}allow = ['ou_owner']");
            let both = policy(&changes);
            for (right, binds) in Right::all().zip(binds) {
                let expected = if binds { denied } else { Ok(()) };
                assert_eq!(
                    verdict(&both, &owner, &closed, right),
                    expected,
                    "{changes}"
                );
            }
        }
    }
}

#[test]
fn other_and_unknown_tenants_are_always_denied() {
    for tenant in [Some("elsewhere"), None] {
        let owner = sender("ou_owner", tenant);
        for mode in [PolicyMode::Group, PolicyMode::Admins, PolicyMode::Anyone] {
            for right in Right::all() {
                let decided = verdict(&rules(mode), &owner, &group(OPEN, OPEN), right);
                let expected = tenant.map_or(Denied::Unidentified, |_| Denied::OtherTenant);
                assert_eq!(decided, Err(expected));
            }
        }
    }
}

#[test]
fn audiences_match_decisions_for_plain_members() {
    let member = sender("ou_member", Some("home"));
    let chat = ChatId::from("oc_here");
    let places = ["", "commands.pin.", "commands.announce.", "chats.oc_here."];
    let settings = [
        "mode = 'group'",
        "mode = 'admins'",
        "mode = 'anyone'",
        "pin_setting_missing = 'deny'",
    ];
    for setting in settings {
        for place in places {
            if place.starts_with("commands") && setting.starts_with("pin") {
                continue;
            }
            let changes = format!("{place}{setting}");
            let policy = policy(&changes);
            for (pin, edit) in [OPEN, CLOSED, NEW, None]
                .into_iter()
                .flat_map(|pin| [OPEN, CLOSED, NEW].map(|edit| (pin, edit)))
            {
                let group = group(pin, edit);
                let rights = group_rights(of_file(&policy), in_chat(&chat), &group);
                assert!(!rights.exceptions && !rights.external);
                for (right, who) in rights.rights {
                    let expected = match verdict(&policy, &member, &group, right) {
                        Ok(()) => Audience::AllMembers,
                        Err(Denied::Reserved(reserved)) => Audience::OwnerAndAdmins(reserved),
                        Err(denied) => panic!("{denied:?}"),
                    };
                    assert_eq!(who, expected, "{changes} {right:?} {pin:?} {edit:?}");
                }
            }
        }
    }
}

#[test]
fn lists_of_the_group_are_exceptions() {
    let chat = ChatId::from("oc_here");
    for (changes, exceptions) in [
        ("allow = ['ou_1']", true),
        ("commands.unpin.deny = ['ou_1']", true),
        ("chats.oc_here.commands.pin.allow = ['ou_1']", true),
        ("chats.oc_there.deny = ['ou_1']", false),
    ] {
        let rights = group_rights(
            of_file(&policy(changes)),
            in_chat(&chat),
            &group(OPEN, OPEN),
        );
        assert_eq!(rights.exceptions, exceptions, "{changes}");
    }
}

#[test]
fn only_an_admin_bot_passes_closed_settings() {
    use BotPermission::{Admin, Barred, Open, SettingUnknown};
    use GroupSetting::{EditPermission, PinManageSetting};
    for (bot, setting, pin, edit, standing) in [
        ("cli_bot", PinManageSetting, OPEN, CLOSED, Open),
        (
            "cli_bot",
            PinManageSetting,
            CLOSED,
            OPEN,
            Barred(PinManageSetting),
        ),
        (
            "cli_bot",
            PinManageSetting,
            NEW,
            OPEN,
            Barred(PinManageSetting),
        ),
        (
            "cli_bot",
            PinManageSetting,
            None,
            OPEN,
            SettingUnknown(PinManageSetting),
        ),
        (
            "cli_bot",
            EditPermission,
            OPEN,
            CLOSED,
            Barred(EditPermission),
        ),
        ("cli_bot", EditPermission, CLOSED, OPEN, Open),
        ("cli_admin", PinManageSetting, CLOSED, CLOSED, Admin),
        ("cli_admin", EditPermission, CLOSED, CLOSED, Admin),
    ] {
        let found = bot_permission(&AppId::from(bot), setting, &group(pin, edit));
        assert_eq!(found, standing, "{bot} {setting:?} {pin:?} {edit:?}");
    }
}

#[test]
fn own_mode_ranks_between_chat_and_tenant() {
    use Origin::{Default, File, Group as Own, Tenant};
    let member = sender("ou_member", Some("home"));
    let here = ChatId::from("oc_here");
    let (open, own) = (group(OPEN, OPEN), Some(Admins));
    let reserved = |reserved| Err(Denied::Reserved(reserved));
    let (own_no, no) = (
        reserved(AdminsOnly::ByOwnMode),
        reserved(AdminsOnly::ByMode),
    );
    for (changes, own, announce, mode, origin) in [
        ("", None, Ok(()), Group, Default),
        ("", own, own_no, Admins, Own),
        ("mode = 'admins'", None, no, Admins, Default),
        ("mode = 'anyone'", own, own_no, Admins, Own),
        ("tenants.home.mode = 'anyone'", None, Ok(()), Anyone, Tenant),
        ("tenants.home.mode = 'anyone'", own, own_no, Admins, Own),
        (
            "tenants.home.commands.announce.mode = 'anyone'",
            own,
            own_no,
            Admins,
            Own,
        ),
        ("chats.oc_here.mode = 'anyone'", own, Ok(()), Anyone, File),
        ("chats.oc_here.mode = 'group'", own, Ok(()), Group, File),
        ("chats.oc_there.mode = 'anyone'", own, own_no, Admins, Own),
        (
            "chats.oc_here.commands.announce.mode = 'anyone'",
            own,
            Ok(()),
            Admins,
            Own,
        ),
        ("mode = 'admins'", Some(Anyone), Ok(()), Anyone, Own),
        (
            "chats.oc_here.mode = 'admins'",
            Some(Anyone),
            no,
            Admins,
            File,
        ),
    ] {
        let config = policy(changes);
        let policy = GroupPolicy {
            config: &config,
            own_mode: own,
            own_on_denied: None,
        };
        let verdict = verdict_with(policy, &member, &open, Right::Announce);
        assert_eq!(verdict, announce, "{changes} {own:?}");
        assert_eq!(
            super::mode(policy, in_chat(&here)),
            (mode, origin),
            "{changes} {own:?}"
        );
    }
}

#[test]
fn rights_with_another_mode_are_exceptions() {
    let here = ChatId::from("oc_here");
    for (changes, own_mode, expected) in [
        ("", None, &[][..]),
        ("commands.pin.mode = 'group'", None, &[]),
        ("commands.pin.mode = 'admins'", None, &[Right::Pin]),
        ("commands.pin.mode = 'admins'", Some(Anyone), &[]),
        (
            "chats.oc_here.commands.pin.mode = 'admins'",
            Some(Anyone),
            &[Right::Pin],
        ),
        (
            "chats.oc_here.commands.pin.mode = 'admins'",
            Some(Admins),
            &[],
        ),
        ("commands.settings.mode = 'anyone'", None, &[]),
    ] {
        let config = &policy(changes);
        let policy = GroupPolicy {
            config,
            own_mode,
            own_on_denied: None,
        };
        let exceptions = exceptions_to_mode(policy, in_chat(&here));
        assert_eq!(exceptions, expected, "{changes} {own_mode:?}");
    }
}

#[test]
fn only_own_rules_open_the_settings() {
    let here = group(OPEN, OPEN);
    let no = Err(Denied::Reserved(AdminsOnly::Settings));
    for (changes, own, expected) in [
        ("", None, no),
        ("mode = 'anyone'", None, no),
        ("mode = 'anyone'", Some(Anyone), no),
        ("tenants.home.mode = 'anyone'", None, no),
        ("chats.oc_here.mode = 'anyone'", None, no),
        ("commands.pin.mode = 'anyone'", None, no),
        ("commands.settings.mode = 'anyone'", None, Ok(())),
        ("commands.settings.mode = 'group'", None, Ok(())),
        (
            "commands.settings.mode = 'anyone'\nchats.oc_here.commands.settings.mode = 'admins'",
            None,
            no,
        ),
        (
            "chats.oc_here.commands.settings.mode = 'anyone'",
            Some(Admins),
            Ok(()),
        ),
        ("allow = ['ou_member']", None, Ok(())),
    ] {
        let config = policy(changes);
        let policy = GroupPolicy {
            config: &config,
            own_mode: own,
            own_on_denied: None,
        };
        let member = sender("ou_member", Some("home"));
        let verdict = verdict_with(policy, &member, &here, Right::Settings);
        assert_eq!(verdict, expected, "{changes} {own:?}");
        for leader in ["ou_owner", "ou_admin"] {
            let leader = sender(leader, Some("home"));
            let verdict = verdict_with(policy, &leader, &here, Right::Settings);
            assert_eq!(verdict, Ok(()), "{changes} {own:?}");
        }
    }
}

/// The decision in a group that permits announcing to its owner and admins only.
fn edit_verdict(config: &PolicyConfig, editor: &Sender, action: Action) -> Result<(), Denied> {
    let chat = ChatId::from("oc_here");
    let actor = Actor {
        sender: editor,
        home: Some("home"),
        chat: &chat,
    };
    match consider(of_file(config), actor, action)? {
        Decision::Permitted(_) => Ok(()),
        Decision::Open(request) => {
            let decided = request.decide(&group(CLOSED, CLOSED));
            decided.map(drop).map_err(|(denied, _)| denied)
        }
    }
}

fn made(kind: ChangeKind, actor: &str, approver: Option<&str>) -> RecordedChange {
    RecordedChange {
        id: ChangeId(1),
        job_ref: job_ref(JobKind::Command),
        kind,
        actor: Some(actor.into()),
        approver: approver.map(OpenId::from),
        summary: String::new(),
        at: Timestamp::UNIX_EPOCH,
        undone: false,
        number: Some(1),
        edits: None,
        change: None,
    }
}

#[test]
fn authors_edit_what_nobody_else_approved() {
    let edit = |target| {
        let document = Document::default();
        Action::Edit(Box::new(TextEdit { target, document }))
    };
    let announced = |approver| made(ChangeKind::Announce, "ou_author", approver);
    let undo = |change, edited| Action::Undo(Box::new(ChangeToUndo { change, edited }));
    let entry = |approver| EditTarget::Entry(Box::new(announced(approver)));
    let schedule = |approver: Option<&str>| {
        EditTarget::Schedule(Box::new(Schedule {
            id: JobId(1),
            job_ref: job_ref(JobKind::Publish),
            number: 1,
            due: Timestamp::UNIX_EPOCH,
            action: ScheduledAction::Publish {
                document: Document::default(),
                options: AnnounceOptions::NONE,
                approved_by: approver.map(|id| Box::new(sender(id, Some("home")))),
                to: None,
                series: None,
            },
            author: Some("ou_author".into()),
            payload: String::new(),
        }))
    };
    let by_group = Err(Denied::Reserved(AdminsOnly::BySetting(
        GroupSetting::EditPermission,
    )));
    let by_mode = Err(Denied::Reserved(AdminsOnly::ByMode));
    let listed = Err(Denied::DenyListed);
    for (changes, editor, approver, expected) in [
        ("", "ou_author", None, Ok(())),
        ("", "ou_author", Some("ou_admin"), by_group),
        ("", "ou_other", None, by_group),
        ("", "ou_admin", Some("ou_admin"), Ok(())),
        ("mode = 'admins'", "ou_author", None, Ok(())),
        ("mode = 'admins'", "ou_other", None, by_mode),
        ("deny = ['ou_author']", "ou_author", None, listed),
        (
            "commands.announce.deny = ['ou_author']",
            "ou_author",
            None,
            listed,
        ),
    ] {
        // Who may edit a text may undo that, too.
        let edited = |by| made(ChangeKind::Edit, editor, by);
        let mut actions = vec![
            edit(entry(approver)),
            edit(schedule(approver)),
            undo(edited(None), Some(announced(approver))),
        ];
        if approver.is_some() {
            actions.push(undo(edited(approver), Some(announced(None))));
        }
        for action in actions {
            let editor = sender(editor, Some("home"));
            let decided = edit_verdict(&policy(changes), &editor, action.clone());
            assert_eq!(decided, expected, "{changes} {editor:?} {action:?}");
        }
    }
    let foreign = sender("ou_author", Some("elsewhere"));
    let decided = edit_verdict(&policy(""), &foreign, edit(entry(None)));
    assert_eq!(decided, Err(Denied::OtherTenant));
    // An edit by somebody else, and what is no edit.
    for (change, edited) in [
        (
            made(ChangeKind::Edit, "ou_admin", None),
            Some(announced(None)),
        ),
        (announced(None), None),
    ] {
        let author = sender("ou_author", Some("home"));
        let decided = edit_verdict(&policy(""), &author, undo(change, edited));
        assert_eq!(decided, by_group);
    }
}

fn job_ref(kind: JobKind) -> JobRef {
    let origin = "om_1".to_owned();
    JobRef { origin, kind }
}

/// The decision about an announcement that mentions everybody, by a member of the bot's tenant.
fn mention(
    config: &PolicyConfig,
    who: &str,
    at_all: Option<&str>,
    left_to_platform: bool,
) -> Result<(), Denied> {
    let group = Chat {
        at_all_permission: at_all.map(|who| Who::from(who.to_owned())),
        ..group(OPEN, OPEN)
    };
    let (sender, chat) = (sender(who, Some("home")), ChatId::from("oc_here"));
    let actor = Actor {
        sender: &sender,
        home: Some("home"),
        chat: &chat,
    };
    let options = AnnounceOptions {
        notify: true,
        ..AnnounceOptions::NONE
    };
    let action = Action::Announce(Source::Document(Document::default()), options);
    let Decision::Open(request) = consider(of_file(config), actor, action)? else {
        panic!("permitted without the group's setting");
    };
    let request = if left_to_platform {
        let request = request.leave_to_platform();
        request.expect_err("the platform does not apply the setting")
    } else {
        request
    };
    let decided = request.decide(&group).map(drop);
    decided.map_err(|(denied, _)| denied)
}

#[test]
fn the_group_decides_who_mentions_everybody() {
    let closed = Err(Denied::Reserved(AdminsOnly::BySetting(
        GroupSetting::AtAllPermission,
    )));
    let missing = Err(Denied::Reserved(AdminsOnly::MentionSettingMissing));
    for (who, at_all, changes, expected) in [
        ("ou_member", OPEN, "", Ok(())),
        ("ou_member", CLOSED, "", closed),
        ("ou_member", NEW, "", closed),
        ("ou_member", None, "", missing),
        ("ou_owner", CLOSED, "", Ok(())),
        ("ou_admin", None, "", Ok(())),
        // Neither the mode nor a list changes it.
        ("ou_member", CLOSED, "mode = 'anyone'", closed),
        ("ou_member", CLOSED, "allow = ['ou_member']", closed),
        ("ou_member", OPEN, "allow = ['ou_member']", Ok(())),
        (
            "ou_member",
            OPEN,
            "mode = 'admins'",
            Err(Denied::Reserved(AdminsOnly::ByMode)),
        ),
        (
            "ou_owner",
            OPEN,
            "deny = ['ou_owner']",
            Err(Denied::DenyListed),
        ),
    ] {
        let config = policy(changes);
        for by_platform in [false, true] {
            let found = mention(&config, who, at_all, by_platform);
            assert_eq!(found, expected, "{who} {at_all:?} {changes} {by_platform}");
        }
    }
}

#[test]
fn editors_of_a_notification_may_mention_everybody() {
    let closed = Chat {
        at_all_permission: Some(Who::OnlyOwner),
        ..group(OPEN, OPEN)
    };
    let chat = ChatId::from("oc_here");
    for (editor, notify, expected) in [
        ("ou_author", true, Ok(())),
        ("ou_admin", true, Ok(())),
        ("ou_other", false, Ok(())),
        (
            "ou_other",
            true,
            Err(Denied::Reserved(AdminsOnly::BySetting(
                GroupSetting::AtAllPermission,
            ))),
        ),
    ] {
        let target = EditTarget::Schedule(Box::new(Schedule {
            id: JobId(1),
            job_ref: job_ref(JobKind::Publish),
            number: 1,
            due: Timestamp::UNIX_EPOCH,
            action: ScheduledAction::Publish {
                document: Document::default(),
                options: AnnounceOptions {
                    notify,
                    ..AnnounceOptions::NONE
                },
                approved_by: None,
                to: None,
                series: None,
            },
            author: Some("ou_author".into()),
            payload: String::new(),
        }));
        let document = Document::default();
        let action = Action::Edit(Box::new(TextEdit { target, document }));
        let config = policy("");
        let editor = sender(editor, Some("home"));
        let actor = Actor {
            sender: &editor,
            home: Some("home"),
            chat: &chat,
        };
        let decided = match consider(of_file(&config), actor, action) {
            Ok(Decision::Permitted(_)) => Ok(()),
            Ok(Decision::Open(request)) => {
                let decided = request.decide(&closed).map(drop);
                decided.map_err(|(denied, _)| denied)
            }
            Err(denied) => Err(denied),
        };
        assert_eq!(decided, expected, "{editor:?} {notify}");
    }
}

#[test]
fn announce_rights_may_be_left_to_the_platform() {
    let config = rules(Group);
    let group = |edit| Chat {
        at_all_permission: Some(Who::AllMembers),
        ..group(OPEN, edit)
    };
    let (sender, chat) = (sender("ou_member", Some("home")), ChatId::from("oc_here"));
    let actor = Actor {
        sender: &sender,
        home: Some("home"),
        chat: &chat,
    };
    let options = AnnounceOptions {
        notify: true,
        ..AnnounceOptions::NONE
    };
    let action = Action::Announce(Source::Document(Document::default()), options);
    let Ok(Decision::Open(request)) = consider(of_file(&config), actor, action) else {
        panic!("permitted without the group's setting");
    };
    // The platform refuses the member; the bot does not.
    let request = request.leave_to_platform().unwrap_err();
    assert!(request.decide(&group(CLOSED)).is_ok());
}
