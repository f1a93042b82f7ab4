//! Who may: the check between a command and its action.
//!
//! The bot acts with its own rights, so the platform never checks the member
//! who typed the command; this module does. Its rules, the first that applies
//! decides:
//!
//! 1. A deny list names the member, or the platform does not tell who it is: no.
//! 2. An allow list names the member: yes.
//! 3. The member belongs to another tenant, or to an unknown one: no.
//! 4. The member owns the group or is one of its admins: yes.
//! 5. The mode: `anyone` yes, `admins` no, `group` what the group's own setting
//!    says.
//!
//! The configuration may say something for everything, for a command, for a
//! chat, and for a command in a chat. Lists of all four add up; of the modes,
//! the last of them that is set counts.

use feishu::{AppId, Chat, ChatId, Sender, Who};

use crate::config::{ChatPolicy, CommandPolicy, PinSettingMissing, PolicyConfig, PolicyMode};
use crate::model::action::{Action, Source};
use crate::model::change::RecordedChange;
use crate::model::progress::Progress;
use crate::model::rights::{
    Actor, AdminsOnly, Audience, BotPermission, Denied, GroupRights, GroupSetting, Right,
};

/// Leave to carry out one action.
#[derive(Debug)]
pub(crate) struct Permit {
    action: Action,
}

impl Permit {
    /// What it lets one do, once.
    pub(crate) fn into_action(self) -> Action {
        self.action
    }

    /// The same, to look at.
    pub(crate) fn action(&self) -> &Action {
        &self.action
    }

    /// The right that it was given for.
    pub(crate) fn right(&self) -> Right {
        self.action.right()
    }
}

/// Leave to go on with an announcement that was permitted and begun.
pub(crate) fn begun(progress: &Progress) -> Permit {
    let source = Source::Document(progress.document.clone());
    let action = Action::Announce(source, progress.options);
    Permit { action }
}

/// Leave to take back what was permitted for a time that is over.
pub(crate) fn time_is_over(made: RecordedChange) -> Permit {
    let action = Action::Expire(Box::new(made));
    Permit { action }
}

/// Leave to drop a plan, for the member who made it: whatever has become of
/// their rights since.
pub(crate) fn own_plan(action: Action, sender: &Sender) -> Result<Permit, Action> {
    match &action {
        Action::Cancel(plan)
            if plan.author.is_some()
                && plan.author.as_ref().map(AsRef::as_ref) == sender.id().map(|(_, id)| id) =>
        {
            Ok(Permit { action })
        }
        _ => Err(action),
    }
}

/// What can be said about an actor before the group is looked at.
#[derive(Debug)]
pub(crate) enum Decision<'a> {
    /// It is decided.
    Permitted(Permit),
    /// The group's settings decide.
    Open(Request<'a>),
}

/// An action that waits for the group's settings.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    action: Action,
    rules: Rules<'a>,
    member: Option<&'a str>,
}

/// Applies the rules that need nothing but the member.
pub(crate) fn consider<'a>(
    policy: &'a PolicyConfig,
    actor: Actor<'a>,
    action: Action,
) -> Result<Decision<'a>, Denied> {
    let rules = Rules::find(policy, actor.chat, action.right());
    match rules.on_member(actor) {
        Some(Ok(())) => Ok(Decision::Permitted(Permit { action })),
        Some(Err(denied)) => Err(denied),
        None => Ok(Decision::Open(Request {
            action,
            rules,
            member: actor.sender.id().map(|(_, id)| id),
        })),
    }
}

impl Request<'_> {
    /// Applies the rules that need the group.
    pub(crate) fn decide(self, group: &Chat) -> Result<Permit, (Denied, Box<Self>)> {
        match self.rules.on_role(self.member, group) {
            Ok(()) => Ok(Permit {
                action: self.action,
            }),
            Err(denied) => Err((denied, Box::new(self))),
        }
    }
}

/// Whether a member has a right by these settings of the group. No leave to use
/// it: only a [`Permit`] is.
pub(crate) fn judge(
    policy: &PolicyConfig,
    actor: Actor<'_>,
    right: Right,
    group: &Chat,
) -> Result<(), Denied> {
    let rules = Rules::find(policy, actor.chat, right);
    rules
        .on_member(actor)
        .unwrap_or_else(|| rules.on_role(actor.sender.id().map(|(_, id)| id), group))
}

/// Who has a right in a group.
pub(crate) fn who_may(
    policy: &PolicyConfig,
    chat: &ChatId,
    right: Right,
    group: &Chat,
) -> Audience {
    let rules = Rules::find(policy, chat, right);
    rules
        .reserved(group)
        .map_or(Audience::AllMembers, Audience::OwnerAndAdmins)
}

/// Who has which right in a group.
pub(crate) fn group_rights(policy: &PolicyConfig, chat: &ChatId, group: &Chat) -> GroupRights {
    let who = |right| (right, who_may(policy, chat, right, group));
    let lists = |right| Rules::find(policy, chat, right).has_lists();
    GroupRights {
        rights: Right::all().map(who).collect(),
        exceptions: Right::all().any(lists),
        external: group.external,
    }
}

/// Whether the group's settings are told: whoever is not in it is told its name and little else.
pub(crate) fn is_told(group: &Chat) -> bool {
    group.edit_permission.is_some()
}

/// What a group's settings say of the bot itself.
pub(crate) fn bot_standing(bot: &AppId, setting: GroupSetting, group: &Chat) -> BotPermission {
    if group.bot_manager_ids.contains(bot) {
        return BotPermission::Admin;
    }
    let told = match setting {
        GroupSetting::PinManageSetting => group.pin_manage_setting,
        GroupSetting::EditPermission => group.edit_permission,
    };
    match told {
        Some(Who::AllMembers) => BotPermission::Open,
        Some(Who::OnlyOwner | Who::Other) => BotPermission::Barred(setting),
        None => BotPermission::Untold(setting),
    }
}

/// What the configuration says of one right in one chat.
#[derive(Debug, Clone, Copy)]
struct Rules<'a> {
    right: Right,
    all: &'a PolicyConfig,
    command: Option<&'a CommandPolicy>,
    chat: Option<&'a ChatPolicy>,
    chat_command: Option<&'a CommandPolicy>,
}

impl<'a> Rules<'a> {
    fn find(all: &'a PolicyConfig, chat: &ChatId, right: Right) -> Self {
        let chat = all.chats.get(chat.as_str());
        Self {
            right,
            all,
            command: all.commands.get(&right),
            chat,
            chat_command: chat.and_then(|chat| chat.commands.get(&right)),
        }
    }

    /// What the member alone decides; `None` leaves it to the group.
    fn on_member(self, actor: Actor<'_>) -> Option<Result<(), Denied>> {
        if !self.can_tell(actor) {
            return Some(Err(Denied::Unidentified));
        }
        if self.deny().any(|listed| actor.is(listed)) {
            return Some(Err(Denied::DenyListed));
        }
        if self.allow().any(|listed| actor.is(listed)) {
            return Some(Ok(()));
        }
        if !actor.is_at_home() {
            return Some(Err(actor.away()));
        }
        (self.mode() == PolicyMode::Anyone).then_some(Ok(()))
    }

    /// Whether the ids that the platform told are enough to find the member in the lists and in the
    /// group. An open id on a deny list could be that of whoever comes without one.
    fn can_tell(self, actor: Actor<'_>) -> bool {
        let by_open_id = self.deny().any(|listed| listed.starts_with("ou_"));
        actor.sender.id().is_some() && !(by_open_id && actor.sender.open_id.is_none())
    }

    /// What the member's role and the group decide.
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

    /// Why only owner and admins may, if so.
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
                    (group.edit_permission, AdminsOnly::ByNeighbour)
                }
            },
        };
        (setting != Some(Who::AllMembers)).then_some(reserved)
    }

    fn mode(self) -> PolicyMode {
        self.chat_command
            .and_then(|policy| policy.mode)
            .or(self.chat.and_then(|policy| policy.mode))
            .or(self.command.and_then(|policy| policy.mode))
            .unwrap_or(self.all.mode)
    }

    fn pin_setting_missing(self) -> PinSettingMissing {
        self.chat
            .and_then(|policy| policy.pin_setting_missing)
            .unwrap_or(self.all.pin_setting_missing)
    }

    fn deny(self) -> impl Iterator<Item = &'a String> {
        let lists = [
            Some(&self.all.deny),
            self.command.map(|policy| &policy.deny),
            self.chat.map(|policy| &policy.deny),
            self.chat_command.map(|policy| &policy.deny),
        ];
        lists.into_iter().flatten().flatten()
    }

    fn allow(self) -> impl Iterator<Item = &'a String> {
        let lists = [
            Some(&self.all.allow),
            self.command.map(|policy| &policy.allow),
            self.chat.map(|policy| &policy.allow),
            self.chat_command.map(|policy| &policy.allow),
        ];
        lists.into_iter().flatten().flatten()
    }

    fn has_lists(self) -> bool {
        self.deny().chain(self.allow()).next().is_some()
    }
}

/// The group's own setting for a right.
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

    /// The default policy with these changes.
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

    /// The verdict in chat `oc_here`; the way to a permit and the judgement
    /// without one have to agree on it.
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
    fn roles_settings_and_modes_decide_as_the_rules_say() {
        let reserved = |reserved| Err(Denied::Reserved(reserved));
        let pin_closed = reserved(AdminsOnly::BySetting(GroupSetting::PinManageSetting));
        let edit_closed = reserved(AdminsOnly::BySetting(GroupSetting::EditPermission));
        let neighbour = reserved(AdminsOnly::ByNeighbour);
        let admins = reserved(AdminsOnly::ByMode);
        for (who, mode, pin, edit, may_pin, may_announce) in [
            ("ou_owner", Group, CLOSED, CLOSED, Ok(()), Ok(())),
            ("ou_admin", Group, CLOSED, CLOSED, Ok(()), Ok(())),
            ("ou_admin", Admins, OPEN, OPEN, Ok(()), Ok(())),
            ("ou_member", Group, OPEN, OPEN, Ok(()), Ok(())),
            ("ou_member", Group, CLOSED, OPEN, pin_closed, Ok(())),
            ("ou_member", Group, OPEN, CLOSED, Ok(()), edit_closed),
            ("ou_member", Group, None, OPEN, Ok(()), Ok(())),
            ("ou_member", Group, None, CLOSED, neighbour, edit_closed),
            ("ou_member", Group, NEW, NEW, pin_closed, edit_closed),
            ("ou_member", Group, OPEN, None, Ok(()), edit_closed),
            ("ou_member", Group, None, None, neighbour, edit_closed),
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
    fn a_missing_pin_setting_is_decided_by_the_configuration() {
        let deny = Err(Denied::Reserved(AdminsOnly::PinSettingMissing));
        let neighbour = Err(Denied::Reserved(AdminsOnly::ByNeighbour));
        for (changes, expected) in [
            ("", neighbour),
            ("pin_setting_missing = 'deny'", deny),
            ("pin_setting_missing = 'allow'", Ok(())),
            ("chats.oc_here.pin_setting_missing = 'allow'", Ok(())),
            ("chats.oc_there.pin_setting_missing = 'allow'", neighbour),
            (
                "pin_setting_missing = 'allow'\nchats.oc_here.pin_setting_missing = 'deny'",
                deny,
            ),
        ] {
            let member = sender("ou_member", Some("home"));
            let group = group(None, CLOSED);
            for right in [Right::Pin, Right::Unpin] {
                let told = verdict(&policy(changes), &member, &group, right);
                assert_eq!(told, expected, "{changes}");
            }
        }
    }

    #[test]
    fn the_most_special_mode_counts_and_a_chats_goes_before_a_commands() {
        let (no, yes) = (Err(Denied::Reserved(AdminsOnly::ByMode)), Ok(()));
        for (changes, pin, unpin, announce) in [
            ("mode = 'admins'", no, no, no),
            ("commands.pin.mode = 'admins'", no, yes, yes),
            ("commands.unpin.mode = 'admins'", yes, no, yes),
            ("commands.announce.mode = 'admins'", yes, yes, no),
            ("mode = 'admins'\ncommands.pin.mode = 'anyone'", yes, no, no),
            ("mode = 'admins'\ncommands.pin.mode = 'group'", yes, no, no),
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
            let told = Right::all().map(|right| verdict(&policy, &member, &open, right));
            let told: Vec<_> = told.collect();
            assert_eq!(told, [pin, unpin, announce], "{changes}");
            let owner = sender("ou_owner", Some("home"));
            for right in Right::all() {
                assert_eq!(verdict(&policy, &owner, &open, right), Ok(()), "{changes}");
            }
        }
    }

    #[test]
    fn the_lists_come_first_and_deny_before_allow() {
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
                let told = verdict(&policy(changes), who, &closed, right);
                assert_eq!(told, expected, "{changes}");
            }
        }
    }

    #[test]
    fn lists_of_all_places_add_up_and_each_denial_counts() {
        let owner = sender("ou_owner", Some("home"));
        let guest = sender("ou_guest", Some("elsewhere"));
        let places = [
            ("", [true; 3]),
            ("commands.pin.", [true, false, false]),
            ("commands.unpin.", [false, true, false]),
            ("commands.announce.", [false, false, true]),
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
                // Whichever place allows, the one that denies wins.
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
    fn people_of_other_or_unknown_tenants_are_denied_whatever_their_role() {
        for tenant in [Some("elsewhere"), None] {
            let owner = sender("ou_owner", tenant);
            for mode in [PolicyMode::Group, PolicyMode::Admins, PolicyMode::Anyone] {
                for right in Right::all() {
                    let told = verdict(&rules(mode), &owner, &group(OPEN, OPEN), right);
                    let expected = tenant.map_or(Denied::Unidentified, |_| Denied::OtherTenant);
                    assert_eq!(told, Err(expected));
                }
            }
        }
    }

    #[test]
    fn who_may_is_told_as_a_plain_member_finds_it() {
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
                    let told = group_rights(&policy, &chat, &group);
                    assert!(!told.exceptions && !told.external);
                    for (right, who) in told.rights {
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
    fn lists_that_bind_in_the_group_are_exceptions() {
        let chat = ChatId::from("oc_here");
        for (changes, exceptions) in [
            ("allow = ['ou_1']", true),
            ("commands.unpin.deny = ['ou_1']", true),
            ("chats.oc_here.commands.pin.allow = ['ou_1']", true),
            ("chats.oc_there.deny = ['ou_1']", false),
        ] {
            let rights = group_rights(&policy(changes), &chat, &group(OPEN, OPEN));
            assert_eq!(rights.exceptions, exceptions, "{changes}");
        }
    }

    #[test]
    fn the_bot_is_barred_by_a_closed_setting_unless_it_is_an_admin() {
        use BotPermission::{Admin, Barred, Open, Untold};
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
                Untold(PinManageSetting),
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
            let told = bot_standing(&AppId::from(bot), setting, &group(pin, edit));
            assert_eq!(told, standing, "{bot} {setting:?} {pin:?} {edit:?}");
        }
    }
}
