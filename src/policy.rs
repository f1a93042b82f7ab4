//! Who may: the check between a command and its action.
//!
//! The bot acts with its own rights, so the platform never checks the member
//! who typed the command; this module does. Its rules, the first that applies
//! decides:
//!
//! 1. `policy.deny` lists the member: no.
//! 2. `policy.allow` lists the member: yes.
//! 3. The member belongs to another tenant, or to an unknown one: no.
//! 4. The member owns the group or is one of its admins: yes.
//! 5. `policy.mode`: `anyone` yes, `admins` no, `group` what the group's own
//!    setting says.
//!
//! An action runs only with a `Permit`, and only this module makes one.

use feishu::{Chat, OpenId, Sender, Who};
use serde::{Deserialize, Serialize};

use crate::action::{Action, Source};
use crate::config::{PinSettingMissing, PolicyConfig, PolicyMode};

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
}

/// Leave to go on with an announcement that was permitted and begun.
pub(crate) fn begun(text: &str) -> Permit {
    let action = Action::Announce(Source::Text(text.to_owned()));
    Permit { action }
}

/// Why a member may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Denied {
    /// The member is on `policy.deny`.
    DenyListed,
    /// The member belongs to another tenant.
    OtherTenant,
    /// The group's own setting reserves this for its owner and admins.
    GroupSetting(Right),
    /// `policy.mode` is `admins`.
    AdminsOnly,
    /// The platform did not say who may manage top notices, and
    /// `policy.pin_setting_missing` is `deny`.
    PinSettingMissing,
}

/// What a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Right {
    /// Managing the top notice: the group's `pin_manage_setting`.
    TopNotice,
    /// Editing the announcement: the group's `edit_permission`.
    Announcement,
}

/// A member who asks for something.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Actor<'a> {
    /// Who typed the command.
    pub(crate) sender: &'a Sender,
    /// The tenant that the bot works for.
    pub(crate) home: Option<&'a str>,
}

/// What can be said about an actor before the group is looked at.
#[derive(Debug)]
pub(crate) enum Ruling {
    /// It is decided.
    Permitted(Permit),
    /// The group's settings decide.
    Open(Request),
}

/// An action that waits for the group's settings.
#[derive(Debug)]
pub(crate) struct Request {
    action: Action,
    open_id: Option<OpenId>,
}

/// Applies the rules that need nothing but the member.
pub(crate) fn consider(
    rules: &PolicyConfig,
    actor: Actor<'_>,
    action: Action,
) -> Result<Ruling, Denied> {
    if actor.is_on(&rules.deny) {
        return Err(Denied::DenyListed);
    }
    if actor.is_on(&rules.allow) {
        return Ok(Ruling::Permitted(Permit { action }));
    }
    if !actor.is_at_home() {
        return Err(Denied::OtherTenant);
    }
    if rules.mode == PolicyMode::Anyone {
        return Ok(Ruling::Permitted(Permit { action }));
    }
    let open_id = actor.sender.open_id.clone();
    Ok(Ruling::Open(Request { action, open_id }))
}

impl Request {
    /// Applies the rules that need the group.
    pub(crate) fn decide(
        self,
        rules: &PolicyConfig,
        group: &Chat,
    ) -> Result<Permit, (Denied, Self)> {
        match self.denial(rules, group) {
            None => Ok(Permit {
                action: self.action,
            }),
            Some(denied) => Err((denied, self)),
        }
    }

    fn denial(&self, rules: &PolicyConfig, group: &Chat) -> Option<Denied> {
        if self.leads(group) {
            return None;
        }
        match rules.mode {
            PolicyMode::Anyone => None,
            PolicyMode::Admins => Some(Denied::AdminsOnly),
            PolicyMode::Group => group_denial(rules, group, self.action.right()),
        }
    }

    fn leads(&self, group: &Chat) -> bool {
        self.open_id.as_ref().is_some_and(|member| {
            group.owner_id.as_ref() == Some(member) || group.user_manager_ids.contains(member)
        })
    }
}

fn group_denial(rules: &PolicyConfig, group: &Chat, right: Right) -> Option<Denied> {
    let setting = match (right, group.pin_manage_setting, rules.pin_setting_missing) {
        (Right::TopNotice, Some(setting), _) => Some(setting),
        (Right::TopNotice, None, PinSettingMissing::Allow) => return None,
        (Right::TopNotice, None, PinSettingMissing::Deny) => {
            return Some(Denied::PinSettingMissing);
        }
        (Right::TopNotice, None, PinSettingMissing::EditPermission)
        | (Right::Announcement, _, _) => group.edit_permission,
    };
    (setting != Some(Who::AllMembers)).then_some(Denied::GroupSetting(right))
}

impl Actor<'_> {
    fn is_on(&self, list: &[String]) -> bool {
        let sender = self.sender;
        let ids = [
            sender.open_id.as_ref().map(AsRef::as_ref),
            sender.union_id.as_ref().map(AsRef::as_ref),
            sender.user_id.as_ref().map(AsRef::as_ref),
        ];
        let mut ids = ids.into_iter().flatten();
        ids.any(|id: &str| list.iter().any(|listed| listed == id))
    }

    /// A tenant that is not named is not ours.
    fn is_at_home(&self) -> bool {
        let tenant = self.sender.tenant_key.as_ref().map(AsRef::as_ref);
        tenant.is_some() && tenant == self.home
    }
}

#[cfg(test)]
mod tests {
    use feishu::{OpenId, TenantKey, UnionId};

    use super::*;
    use PolicyMode::{Admins, Anyone, Group};

    const OPEN: Option<&str> = Some("all_members");
    const CLOSED: Option<&str> = Some("only_owner");
    const NEW: Option<&str> = Some("a setting of tomorrow");

    fn group(pin: Option<&str>, edit: Option<&str>) -> Chat {
        serde_json::from_value(serde_json::json!({
            "name": "group",
            "owner_id": "ou_owner",
            "user_manager_id_list": ["ou_admin"],
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

    fn rules(mode: PolicyMode) -> PolicyConfig {
        PolicyConfig {
            mode,
            pin_setting_missing: PinSettingMissing::EditPermission,
            allow: Vec::new(),
            deny: Vec::new(),
        }
    }

    fn judge(
        rules: &PolicyConfig,
        sender: &Sender,
        group: &Chat,
        action: Action,
    ) -> Result<(), Denied> {
        let actor = Actor {
            sender,
            home: Some("home"),
        };
        match consider(rules, actor, action)? {
            Ruling::Permitted(_) => Ok(()),
            Ruling::Open(request) => request
                .decide(rules, group)
                .map(drop)
                .map_err(|(denied, _)| denied),
        }
    }

    fn announce() -> Action {
        Action::Announce(Source::Text("hi".to_owned()))
    }

    #[test]
    fn roles_settings_and_modes_decide_as_the_rules_say() {
        let pin_closed = Err(Denied::GroupSetting(Right::TopNotice));
        let edit_closed = Err(Denied::GroupSetting(Right::Announcement));
        let admins = Err(Denied::AdminsOnly);
        for (who, mode, pin, edit, may_pin, may_announce) in [
            ("ou_owner", Group, CLOSED, CLOSED, Ok(()), Ok(())),
            ("ou_admin", Group, CLOSED, CLOSED, Ok(()), Ok(())),
            ("ou_admin", Admins, OPEN, OPEN, Ok(()), Ok(())),
            ("ou_member", Group, OPEN, OPEN, Ok(()), Ok(())),
            ("ou_member", Group, CLOSED, OPEN, pin_closed, Ok(())),
            ("ou_member", Group, OPEN, CLOSED, Ok(()), edit_closed),
            ("ou_member", Group, None, OPEN, Ok(()), Ok(())),
            ("ou_member", Group, None, CLOSED, pin_closed, edit_closed),
            ("ou_member", Group, NEW, NEW, pin_closed, edit_closed),
            ("ou_member", Group, OPEN, None, Ok(()), edit_closed),
            ("ou_member", Admins, OPEN, OPEN, admins, admins),
            ("ou_member", Anyone, CLOSED, CLOSED, Ok(()), Ok(())),
        ] {
            let (rules, sender) = (rules(mode), sender(who, Some("home")));
            let group = group(pin, edit);
            let case = format!("{who} {mode:?} pin={pin:?} edit={edit:?}");
            for action in [
                Action::PutAnnouncement,
                Action::DeleteTopNotice,
                Action::PutMessage("om_1".into()),
            ] {
                assert_eq!(judge(&rules, &sender, &group, action), may_pin, "{case}");
            }
            assert_eq!(
                judge(&rules, &sender, &group, announce()),
                may_announce,
                "{case}"
            );
        }
    }

    #[test]
    fn a_missing_pin_setting_is_decided_by_the_configuration() {
        for (missing, verdict) in [
            (
                PinSettingMissing::EditPermission,
                Err(Denied::GroupSetting(Right::TopNotice)),
            ),
            (PinSettingMissing::Deny, Err(Denied::PinSettingMissing)),
            (PinSettingMissing::Allow, Ok(())),
        ] {
            let rules = PolicyConfig {
                pin_setting_missing: missing,
                ..rules(PolicyMode::Group)
            };
            let sender = sender("ou_member", Some("home"));
            assert_eq!(
                judge(
                    &rules,
                    &sender,
                    &group(None, CLOSED),
                    Action::DeleteTopNotice
                ),
                verdict
            );
        }
    }

    #[test]
    fn the_lists_come_first_and_deny_before_allow() {
        let stranger = sender("ou_stranger", Some("elsewhere"));
        let owner = sender("ou_owner", Some("home"));
        let closed = group(CLOSED, CLOSED);
        for (allow, deny, who, verdict) in [
            (vec![], vec!["ou_owner"], &owner, Err(Denied::DenyListed)),
            (
                vec!["ou_owner"],
                vec!["on_union"],
                &owner,
                Err(Denied::DenyListed),
            ),
            (vec!["on_union"], vec![], &stranger, Ok(())),
            (
                vec!["ou_somebody"],
                vec![],
                &stranger,
                Err(Denied::OtherTenant),
            ),
        ] {
            let list = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect();
            let rules = PolicyConfig {
                allow: list(allow),
                deny: list(deny),
                ..rules(PolicyMode::Group)
            };
            assert_eq!(judge(&rules, who, &closed, announce()), verdict);
        }
    }

    #[test]
    fn people_of_other_or_unknown_tenants_are_denied_whatever_their_role() {
        for tenant in [Some("elsewhere"), None] {
            let owner = sender("ou_owner", tenant);
            for mode in [PolicyMode::Group, PolicyMode::Admins, PolicyMode::Anyone] {
                let verdict = judge(&rules(mode), &owner, &group(OPEN, OPEN), announce());
                assert_eq!(verdict, Err(Denied::OtherTenant));
            }
        }
    }
}
