//! Permissions: the check between a command and its action.
//!
//! As long as the bot acts with its own permissions, the platform never checks the member that sent a
//! command; this module does. If the bot acts as the member, the platform applies the group's
//! settings, and this module the rest. The first rule that applies decides:
//!
//! 1. A deny list contains the member, or the platform does not identify the member: denied.
//! 2. An allow list contains the member: allowed.
//! 3. The member belongs to another or an unknown tenant: denied.
//! 4. The member is the group's owner or one of its admins: allowed.
//! 5. The mode: `anyone` allows, `admins` denies, `group` applies the group's own setting.
//!
//! The configuration may have rules for all groups, for one tenant and for one chat, each for all
//! commands or for one. Lists are merged; the most specific mode wins.

use feishu::{AppId, Chat, ChatId, Sender, Who};

use crate::config::{CommandPolicy, PinSettingMissing, PolicyConfig, PolicyMode, ScopePolicy};
use crate::model::action::{Action, Source};
use crate::model::change::RecordedChange;
use crate::model::progress::Progress;
use crate::model::rights::{
    Actor, AdminsOnly, Audience, BotPermission, Denied, GroupRights, GroupSetting, Right,
};

/// Permission to run one action. Only this module creates one.
#[derive(Debug)]
pub(crate) struct Permit {
    action: Action,
}

impl Permit {
    /// Consumes the permit, so it is valid once.
    pub(crate) fn into_action(self) -> Action {
        self.action
    }

    pub(crate) fn action(&self) -> &Action {
        &self.action
    }

    /// To continue an announcement that was permitted before.
    pub(crate) fn for_resumed(progress: &Progress) -> Self {
        let source = Source::Document(progress.document.clone());
        let action = Action::Announce(source, progress.options);
        Self { action }
    }

    /// To revert a change whose duration has passed: the duration was part of the permitted
    /// command.
    pub(crate) fn for_expiry(change: RecordedChange) -> Self {
        let action = Action::Expire(Box::new(change));
        Self { action }
    }

    /// To cancel a schedule, for its author, regardless of their present rights. Returns any other
    /// action.
    pub(crate) fn for_own_schedule(action: Action, sender: &Sender) -> Result<Self, Action> {
        match &action {
            Action::Cancel(schedule)
                if schedule.author.is_some()
                    && schedule.author.as_ref().map(AsRef::as_ref)
                        == sender.id().map(|(_, id)| id) =>
            {
                Ok(Self { action })
            }
            _ => Err(action),
        }
    }

    /// The right under which it was granted.
    pub(crate) fn right(&self) -> Right {
        self.action.right()
    }
}

/// The decision before the group's settings are read.
#[derive(Debug)]
pub(crate) enum Decision<'a> {
    Permitted(Permit),
    Open(Box<Request<'a>>),
}

/// An action that depends on the group's settings.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    action: Action,
    rules: Rules<'a>,
    member: Option<&'a str>,
}

/// Applies the rules that depend only on the member.
pub(crate) fn consider<'a>(
    policy: &'a PolicyConfig,
    actor: Actor<'a>,
    action: Action,
) -> Result<Decision<'a>, Denied> {
    let rules = Rules::find(policy, Scope::of(actor), action.right());
    match rules.on_member(actor) {
        Some(Ok(())) => Ok(Decision::Permitted(Permit { action })),
        Some(Err(denied)) => Err(denied),
        None => Ok(Decision::Open(Box::new(Request {
            action,
            rules,
            member: actor.sender.id().map(|(_, id)| id),
        }))),
    }
}

impl Request<'_> {
    /// A permit without the group's settings, if they alone would decide: the platform applies them
    /// to the member as whom the bot acts. Returns the request otherwise.
    pub(crate) fn leave_to_platform(self: Box<Self>) -> Result<Permit, Box<Self>> {
        if self.rules.mode() == PolicyMode::Group && self.action.reaches_platform() {
            return Ok(Permit {
                action: self.action,
            });
        }
        Err(self)
    }

    /// Applies the rules that depend on the group. Returns the request after a denial, so that it
    /// can be decided again with fresh settings.
    pub(crate) fn decide(self: Box<Self>, group: &Chat) -> Result<Permit, (Denied, Box<Self>)> {
        match self.rules.on_role(self.member, group) {
            Ok(()) => Ok(Permit {
                action: self.action,
            }),
            Err(denied) => Err((denied, self)),
        }
    }
}

/// Whether a member has a right by these group settings. For information only: an action needs a
/// [`Permit`].
pub(crate) fn judge(
    policy: &PolicyConfig,
    actor: Actor<'_>,
    right: Right,
    group: &Chat,
) -> Result<(), Denied> {
    let rules = Rules::find(policy, Scope::of(actor), right);
    rules
        .on_member(actor)
        .unwrap_or_else(|| rules.on_role(actor.sender.id().map(|(_, id)| id), group))
}

pub(crate) fn who_may(
    policy: &PolicyConfig,
    scope: Scope<'_>,
    right: Right,
    group: &Chat,
) -> Audience {
    let rules = Rules::find(policy, scope, right);
    rules
        .reserved(group)
        .map_or(Audience::AllMembers, Audience::OwnerAndAdmins)
}

pub(crate) fn group_rights(policy: &PolicyConfig, scope: Scope<'_>, group: &Chat) -> GroupRights {
    let who = |right| (right, who_may(policy, scope, right, group));
    let lists = |right| Rules::find(policy, scope, right).has_lists();
    GroupRights {
        rights: Right::all().map(who).collect(),
        exceptions: Right::all().any(lists),
        external: group.external,
    }
}

/// Whether the response has the group's settings. A bot outside the group receives little more than
/// its name.
pub(crate) fn has_settings(group: &Chat) -> bool {
    group.edit_permission.is_some()
}

/// The bot's permission by the group's settings.
pub(crate) fn bot_permission(bot: &AppId, setting: GroupSetting, group: &Chat) -> BotPermission {
    if group.bot_manager_ids.contains(bot) {
        return BotPermission::Admin;
    }
    let who = match setting {
        GroupSetting::PinManageSetting => group.pin_manage_setting,
        GroupSetting::EditPermission => group.edit_permission,
    };
    match who {
        Some(Who::AllMembers) => BotPermission::Open,
        Some(Who::OnlyOwner | Who::Other) => BotPermission::Barred(setting),
        None => BotPermission::SettingUnknown(setting),
    }
}

/// A chat in a tenant, for which the configuration may have rules.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The tenant key; `None` if the platform did not send it.
    pub(crate) tenant: Option<&'a str>,
    pub(crate) chat: &'a ChatId,
}

impl<'a> Scope<'a> {
    pub(crate) fn of(actor: Actor<'a>) -> Self {
        Self {
            tenant: actor.home,
            chat: actor.chat,
        }
    }
}

/// The configuration for one right in one chat.
#[derive(Debug, Clone, Copy)]
struct Rules<'a> {
    right: Right,
    all: &'a PolicyConfig,
    /// From the general to the specific: each level, then the rules for the command in it.
    levels: [Option<Level<'a>>; 6],
}

#[derive(Debug, Clone, Copy)]
struct Level<'a> {
    mode: Option<PolicyMode>,
    pin_setting_missing: Option<PinSettingMissing>,
    allow: &'a [String],
    deny: &'a [String],
}

impl<'a> From<&'a CommandPolicy> for Level<'a> {
    fn from(policy: &'a CommandPolicy) -> Self {
        Self {
            mode: policy.mode,
            pin_setting_missing: None,
            allow: &policy.allow,
            deny: &policy.deny,
        }
    }
}

impl<'a> From<&'a ScopePolicy> for Level<'a> {
    fn from(policy: &'a ScopePolicy) -> Self {
        Self {
            mode: policy.mode,
            pin_setting_missing: policy.pin_setting_missing,
            allow: &policy.allow,
            deny: &policy.deny,
        }
    }
}

impl<'a> Rules<'a> {
    fn find(all: &'a PolicyConfig, scope: Scope<'_>, right: Right) -> Self {
        let tenant = scope.tenant.and_then(|tenant| all.tenants.get(tenant));
        let chat = all.chats.get(scope.chat.as_str());
        // Its mode applies where no other level has one: see `Rules::mode`.
        let general = Level {
            mode: None,
            pin_setting_missing: None,
            allow: &all.allow,
            deny: &all.deny,
        };
        let of_command = |policy: &'a ScopePolicy| policy.commands.get(&right).map(Level::from);
        Self {
            right,
            all,
            levels: [
                Some(general),
                all.commands.get(&right).map(Level::from),
                tenant.map(Level::from),
                tenant.and_then(of_command),
                chat.map(Level::from),
                chat.and_then(of_command),
            ],
        }
    }

    /// The decision by the member alone; `None` leaves it to the group.
    fn on_member(self, actor: Actor<'_>) -> Option<Result<(), Denied>> {
        if !self.is_identifiable(actor) {
            return Some(Err(Denied::Unidentified));
        }
        if self.deny().any(|listed| actor.is(listed)) {
            return Some(Err(Denied::DenyListed));
        }
        if self.allow().any(|listed| actor.is(listed)) {
            return Some(Ok(()));
        }
        if !actor.is_of_own_tenant() {
            return Some(Err(actor.denied_as_foreign()));
        }
        (self.mode() == PolicyMode::Anyone).then_some(Ok(()))
    }

    /// Whether the member's ids are enough to search the lists and the group. A deny list with open
    /// ids could contain a member without one.
    fn is_identifiable(self, actor: Actor<'_>) -> bool {
        let by_open_id = self.deny().any(|listed| listed.starts_with("ou_"));
        actor.sender.id().is_some() && !(by_open_id && actor.sender.open_id.is_none())
    }

    /// The decision by the member's role and the group's settings.
    fn on_role(self, member: Option<&str>, group: &Chat) -> Result<(), Denied> {
        let leads = member.is_some_and(|member| {
            let mut leaders = group.owner_id.iter().chain(&group.user_manager_ids);
            leaders.any(|leader| leader == member)
        });
        match self.reserved(group) {
            Some(reserved) if !leads => Err(Denied::Reserved(reserved)),
            Some(_) | None => Ok(()),
        }
    }

    /// `None` if all members have the right.
    fn reserved(self, group: &Chat) -> Option<AdminsOnly> {
        match self.mode() {
            PolicyMode::Anyone => None,
            PolicyMode::Admins => Some(AdminsOnly::ByMode),
            PolicyMode::Group => self.reserved_by_group(group),
        }
    }

    fn reserved_by_group(self, group: &Chat) -> Option<AdminsOnly> {
        let by_setting = setting_for(self.right);
        let (setting, reserved) = match (by_setting, group.pin_manage_setting) {
            (GroupSetting::EditPermission, _) => {
                (group.edit_permission, AdminsOnly::BySetting(by_setting))
            }
            (GroupSetting::PinManageSetting, Some(setting)) => {
                (Some(setting), AdminsOnly::BySetting(by_setting))
            }
            (GroupSetting::PinManageSetting, None) => match self.pin_setting_missing() {
                PinSettingMissing::Allow => return None,
                PinSettingMissing::Deny => return Some(AdminsOnly::PinSettingMissing),
                PinSettingMissing::EditPermission => {
                    (group.edit_permission, AdminsOnly::ByFallbackSetting)
                }
            },
        };
        (setting != Some(Who::AllMembers)).then_some(reserved)
    }

    fn mode(self) -> PolicyMode {
        let mut specific = self.levels.into_iter().rev().flatten();
        let mode = specific.find_map(|level| level.mode);
        mode.unwrap_or(self.all.mode)
    }

    fn pin_setting_missing(self) -> PinSettingMissing {
        let mut specific = self.levels.into_iter().rev().flatten();
        let missing = specific.find_map(|level| level.pin_setting_missing);
        missing.unwrap_or(self.all.pin_setting_missing)
    }

    fn deny(self) -> impl Iterator<Item = &'a String> {
        self.levels
            .into_iter()
            .flatten()
            .flat_map(|level| level.deny)
    }

    fn allow(self) -> impl Iterator<Item = &'a String> {
        self.levels
            .into_iter()
            .flatten()
            .flat_map(|level| level.allow)
    }

    fn has_lists(self) -> bool {
        self.deny().chain(self.allow()).next().is_some()
    }
}

fn setting_for(right: Right) -> GroupSetting {
    match right {
        Right::Pin | Right::Unpin => GroupSetting::PinManageSetting,
        Right::Announce => GroupSetting::EditPermission,
    }
}

#[cfg(test)]
mod tests {
    use feishu::{OpenId, TenantKey, UnionId};

    use super::*;
    use crate::config::DEFAULT_TOML;
    use crate::content::Document;
    use crate::model::schedule::AnnounceOptions;
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

    fn action(right: Right) -> Action {
        match right {
            Right::Pin => Action::PutMessage("om_1".into(), None),
            Right::Unpin => Action::DeleteTopNotice,
            Right::Announce => Action::Announce(
                Source::Document(Document::default()),
                AnnounceOptions::default(),
            ),
        }
    }

    /// The decision in chat `oc_here`. Checks that permits and judgements agree.
    fn verdict(
        policy: &PolicyConfig,
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
            let verdicts = Right::all().map(|right| verdict(&policy, &member, &open, right));
            let verdicts: Vec<_> = verdicts.collect();
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
            ("", [true; 3]),
            ("commands.pin.", [true, false, false]),
            ("commands.unpin.", [false, true, false]),
            ("commands.announce.", [false, false, true]),
            ("tenants.home.", [true; 3]),
            ("tenants.elsewhere.", [false; 3]),
            ("tenants.home.commands.unpin.", [false, true, false]),
            ("chats.oc_here.", [true; 3]),
            ("chats.oc_there.", [false; 3]),
            ("chats.oc_here.commands.announce.", [false, false, true]),
            ("chats.oc_there.commands.pin.", [false; 3]),
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
                    let rights = group_rights(&policy, in_chat(&chat), &group);
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
            let rights = group_rights(&policy(changes), in_chat(&chat), &group(OPEN, OPEN));
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
}
