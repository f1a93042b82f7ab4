//! Permissions: the check between a command and its action.
//!
//! As long as the bot acts with its own permissions, the platform never checks the member that sent a
//! command; this module does. If the bot acts as the member, the platform applies the group's
//! settings, and this module the rest. The first rule that applies decides:
//!
//! 1. A deny list contains the member, or the platform does not identify the member: denied.
//! 2. An allow list contains the member: allowed.
//! 3. The member belongs to another or an unknown tenant: denied.
//! 4. The member edits a text that they announced without the approval of others: allowed.
//! 5. The member is the group's owner or one of its admins: allowed.
//! 6. The mode: `anyone` allows, `admins` denies, `group` applies the group's own setting.
//!
//! The configuration may have rules for all groups, for one tenant and for one chat, each for all
//! commands or for one. Lists are merged; the most specific mode wins. A mode that a group has set
//! for itself is more specific than the rules for its tenant, and less than the configuration's rules
//! for the group. Only modes that name the command apply to `/settings`: a mode for others must not
//! let a member change it.
//!
//! An announcement that mentions everybody also takes the group's own permission to do that, which
//! no list or mode gives: the owner and admins have it, others by the group's setting.

use feishu::{AppId, Chat, ChatId, Sender, Who};

use crate::config::{
    CommandPolicy, OnDenied, PinSettingMissing, PolicyConfig, PolicyMode, ScopePolicy,
};
use crate::model::action::{Action, Source};
use crate::model::change::RecordedChange;
use crate::model::progress::Progress;
use crate::model::rights::{
    Actor, AdminsOnly, Audience, BotPermission, Denied, GroupRights, GroupSetting, Right,
};
use crate::model::settings::Origin;

/// The rules of a group.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupPolicy<'a> {
    pub(crate) config: &'a PolicyConfig,
    /// The mode that the group has set for itself.
    pub(crate) own_mode: Option<PolicyMode>,
    /// Whom the group has set to be asked about commands of others.
    pub(crate) own_on_denied: Option<OnDenied>,
}

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

    /// To cancel or pause a schedule, for its author, regardless of their present rights. Returns any other
    /// action.
    pub(crate) fn for_own_schedule(action: Action, sender: &Sender) -> Result<Self, Action> {
        match &action {
            Action::Cancel(schedule) | Action::Pause(schedule) if schedule.is_of(sender) => {
                Ok(Self { action })
            }
            _ => Err(action),
        }
    }

    /// To run what a member proposed, once somebody with the right has approved it.
    pub(crate) fn for_approved(action: Action) -> Self {
        Self { action }
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
    /// Whether the member has the right; the group still decides about mentioning everybody.
    has_right: bool,
}

/// Applies the rules that depend only on the member.
pub(crate) fn consider<'a>(
    policy: GroupPolicy<'a>,
    actor: Actor<'a>,
    action: Action,
) -> Result<Decision<'a>, Denied> {
    let rules = Rules::find(policy, Scope::of(actor), action.right());
    let allowed = rules.on_member(actor).transpose()?;
    let has_right = allowed.is_some();
    if (has_right && !action.mentions_all()) || action.edits_own_text(actor.sender) {
        return Ok(Decision::Permitted(Permit { action }));
    }
    Ok(Decision::Open(Box::new(Request {
        action,
        rules,
        member: id_of(actor),
        has_right,
    })))
}

impl Request<'_> {
    /// A permit without the group's settings, if they alone would decide: the platform applies them
    /// to the member as whom the bot acts. Returns the request otherwise.
    ///
    /// The message that mentions everybody is the bot's, so the platform does not apply the setting
    /// for it to the member.
    pub(crate) fn leave_to_platform(mut self: Box<Self>) -> Result<Permit, Box<Self>> {
        let is_left = self.rules.mode().0 == PolicyMode::Group && self.action.reaches_platform();
        if is_left && !self.action.mentions_all() {
            return Ok(Permit {
                action: self.action,
            });
        }
        self.has_right |= is_left;
        Err(self)
    }

    /// Applies the rules that depend on the group. Returns the request after a denial, so that it
    /// can be decided again with fresh settings.
    pub(crate) fn decide(self: Box<Self>, group: &Chat) -> Result<Permit, (Denied, Box<Self>)> {
        match self.decision(group) {
            Ok(()) => Ok(Permit {
                action: self.action,
            }),
            Err(denied) => Err((denied, self)),
        }
    }

    fn decision(&self, group: &Chat) -> Result<(), Denied> {
        if !self.has_right {
            self.rules.on_role(self.member, group)?;
        }
        if self.action.mentions_all() {
            on_mention(self.member, group)?;
        }
        Ok(())
    }
}

/// Whether an allow list gives the member a right, so that it does not matter whether they are in the
/// group.
pub(crate) fn is_on_allow_list(policy: GroupPolicy<'_>, actor: Actor<'_>, right: Right) -> bool {
    let rules = Rules::find(policy, Scope::of(actor), right);
    rules.allow().any(|listed| actor.is(listed))
}

/// Whether a member may mention everybody, by the group's own setting. Neither the mode nor an allow
/// list changes that: they are about the bot's commands.
pub(crate) fn judge_mention(actor: Actor<'_>, group: &Chat) -> Result<(), Denied> {
    on_mention(id_of(actor), group)
}

fn on_mention(member: Option<&str>, group: &Chat) -> Result<(), Denied> {
    if leads(member, group) {
        return Ok(());
    }
    match group.at_all_permission {
        Some(Who::AllMembers) => Ok(()),
        Some(Who::OnlyOwner | Who::Other) => {
            let setting = GroupSetting::AtAllPermission;
            Err(Denied::Reserved(AdminsOnly::BySetting(setting)))
        }
        None => Err(Denied::Reserved(AdminsOnly::MentionSettingMissing)),
    }
}

/// Whether the member is the owner or an admin.
fn leads(member: Option<&str>, group: &Chat) -> bool {
    member.is_some_and(|member| {
        let mut leaders = group.owner_id.iter().chain(&group.user_manager_ids);
        leaders.any(|leader| leader == member)
    })
}

fn id_of(actor: Actor<'_>) -> Option<&str> {
    actor.sender.id().map(|(_, id)| id)
}

/// Whether a member has a right by these group settings. For information only: an action needs a
/// [`Permit`].
pub(crate) fn judge(
    policy: GroupPolicy<'_>,
    actor: Actor<'_>,
    right: Right,
    group: &Chat,
) -> Result<(), Denied> {
    let rules = Rules::find(policy, Scope::of(actor), right);
    rules
        .on_member(actor)
        .unwrap_or_else(|| rules.on_role(id_of(actor), group))
}

pub(crate) fn who_may(
    policy: GroupPolicy<'_>,
    scope: Scope<'_>,
    right: Right,
    group: &Chat,
) -> Audience {
    let rules = Rules::find(policy, scope, right);
    rules
        .reserved(group)
        .map_or(Audience::AllMembers, Audience::OwnerAndAdmins)
}

pub(crate) fn group_rights(policy: GroupPolicy<'_>, scope: Scope<'_>, group: &Chat) -> GroupRights {
    let who = |right| (right, who_may(policy, scope, right, group));
    let lists = |right| Rules::find(policy, scope, right).has_lists();
    GroupRights {
        rights: Right::all().map(who).collect(),
        exceptions: Right::all().any(lists),
        external: group.external,
    }
}

/// The mode of a group without rules for single commands, and who set it.
pub(crate) fn mode(policy: GroupPolicy<'_>, scope: Scope<'_>) -> (PolicyMode, Origin) {
    let specific = scope.levels(policy).into_iter().rev().flatten();
    most_specific_mode(specific).unwrap_or((policy.config.mode, Origin::Default))
}

/// Who is asked about commands of members without a permission, and who set it.
pub(crate) fn on_denied(policy: GroupPolicy<'_>, scope: Scope<'_>) -> (OnDenied, Origin) {
    let mut specific = scope.levels(policy).into_iter().rev().flatten();
    specific
        .find_map(|level| Some((level.on_denied?, level.origin)))
        .unwrap_or((policy.config.on_denied, Origin::Default))
}

/// The rights to which another mode applies than to the group.
pub(crate) fn exceptions_to_mode(policy: GroupPolicy<'_>, scope: Scope<'_>) -> Vec<Right> {
    let (mode, _) = mode(policy, scope);
    let governed = Right::all().filter(|right| follows_mode(*right));
    governed
        .filter(|right| Rules::find(policy, scope, *right).mode().0 != mode)
        .collect()
}

/// Whether a mode for all commands applies to the right.
fn follows_mode(right: Right) -> bool {
    match right {
        Right::Pin | Right::Unpin | Right::Announce => true,
        Right::Settings => false,
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
    match value_of(setting, group) {
        Some(Who::AllMembers) => BotPermission::Open,
        Some(Who::OnlyOwner | Who::Other) => BotPermission::Barred(setting),
        None => BotPermission::SettingUnknown(setting),
    }
}

fn value_of(setting: GroupSetting, group: &Chat) -> Option<Who> {
    match setting {
        GroupSetting::PinManageSetting => group.pin_manage_setting,
        GroupSetting::EditPermission => group.edit_permission,
        GroupSetting::AtAllPermission => group.at_all_permission,
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

    fn of_tenant(self, config: &PolicyConfig) -> Option<&ScopePolicy> {
        self.tenant.and_then(|tenant| config.tenants.get(tenant))
    }

    fn of_chat(self, config: &PolicyConfig) -> Option<&ScopePolicy> {
        config.chats.get(self.chat.as_str())
    }

    /// The rules for all commands in parts of the configuration and in the group, from the general to
    /// the specific: those of the tenant, of the group itself, and of the chat.
    fn levels<'p>(self, policy: GroupPolicy<'p>) -> [Option<Level<'p>>; 3] {
        let of_file = |scope: Option<&'p ScopePolicy>, origin| {
            scope.map(|scope| Level::of_scope(scope, origin))
        };
        let own = Level {
            mode: policy.own_mode,
            on_denied: policy.own_on_denied,
            origin: Origin::Group,
            ..Level::default()
        };
        [
            of_file(self.of_tenant(policy.config), Origin::Tenant),
            Some(own),
            of_file(self.of_chat(policy.config), Origin::File),
        ]
    }
}

/// The rules for one right in one chat.
#[derive(Debug, Clone, Copy)]
struct Rules<'a> {
    right: Right,
    all: &'a PolicyConfig,
    /// From the general to the specific: each level, then the rules for the command in it.
    levels: [Option<Level<'a>>; 7],
}

#[derive(Debug, Clone, Copy, Default)]
struct Level<'a> {
    mode: Option<PolicyMode>,
    /// Who set the mode.
    origin: Origin,
    pin_setting_missing: Option<PinSettingMissing>,
    on_denied: Option<OnDenied>,
    allow: &'a [String],
    deny: &'a [String],
}

impl<'a> From<&'a CommandPolicy> for Level<'a> {
    fn from(policy: &'a CommandPolicy) -> Self {
        Self {
            mode: policy.mode,
            allow: &policy.allow,
            deny: &policy.deny,
            ..Self::default()
        }
    }
}

impl<'a> Level<'a> {
    fn of_scope(policy: &'a ScopePolicy, origin: Origin) -> Self {
        Self {
            mode: policy.mode,
            origin,
            pin_setting_missing: policy.pin_setting_missing,
            on_denied: policy.on_denied,
            allow: &policy.allow,
            deny: &policy.deny,
        }
    }
}

/// The mode of the most specific level that has one, and who set it; the most specific level comes
/// first.
fn most_specific_mode<'a>(
    mut levels: impl Iterator<Item = Level<'a>>,
) -> Option<(PolicyMode, Origin)> {
    levels.find_map(|level| Some((level.mode?, level.origin)))
}

impl<'a> Rules<'a> {
    fn find(policy: GroupPolicy<'a>, scope: Scope<'_>, right: Right) -> Self {
        let all = policy.config;
        let (tenant, chat) = (scope.of_tenant(all), scope.of_chat(all));
        // Its mode applies where no other level has one: see `Rules::mode`.
        let general = Level {
            allow: &all.allow,
            deny: &all.deny,
            ..Level::default()
        };
        let of_all = |level: Level<'a>| Level {
            mode: level.mode.filter(|_| follows_mode(right)),
            ..level
        };
        let [of_tenant, own, of_chat] = scope.levels(policy).map(|level| level.map(of_all));
        let of_command = |policy: &'a ScopePolicy| policy.commands.get(&right).map(Level::from);
        Self {
            right,
            all,
            levels: [
                Some(general),
                all.commands.get(&right).map(Level::from),
                of_tenant,
                tenant.and_then(of_command),
                own,
                of_chat,
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
        (self.mode().0 == PolicyMode::Anyone).then_some(Ok(()))
    }

    /// Whether the member's ids are enough to search the lists and the group. A deny list with open
    /// ids could contain a member without one.
    fn is_identifiable(self, actor: Actor<'_>) -> bool {
        let by_open_id = self.deny().any(|listed| listed.starts_with("ou_"));
        actor.sender.id().is_some() && !(by_open_id && actor.sender.open_id.is_none())
    }

    /// The decision by the member's role and the group's settings.
    fn on_role(self, member: Option<&str>, group: &Chat) -> Result<(), Denied> {
        match self.reserved(group) {
            Some(reserved) if !leads(member, group) => Err(Denied::Reserved(reserved)),
            Some(_) | None => Ok(()),
        }
    }

    /// `None` if all members have the right.
    fn reserved(self, group: &Chat) -> Option<AdminsOnly> {
        match self.mode() {
            (PolicyMode::Anyone, _) => None,
            (PolicyMode::Admins, _) if self.right == Right::Settings => Some(AdminsOnly::Settings),
            (PolicyMode::Admins, Origin::Group) => Some(AdminsOnly::ByOwnMode),
            (PolicyMode::Admins, _) => Some(AdminsOnly::ByMode),
            (PolicyMode::Group, _) => self.reserved_by_group(group),
        }
    }

    fn reserved_by_group(self, group: &Chat) -> Option<AdminsOnly> {
        let by_setting = setting_for(self.right);
        let (setting, reserved) = match (by_setting, group.pin_manage_setting) {
            (GroupSetting::EditPermission | GroupSetting::AtAllPermission, _) => (
                value_of(by_setting, group),
                AdminsOnly::BySetting(by_setting),
            ),
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

    /// The mode and who set it. A rule for a single command counts as a default.
    fn mode(self) -> (PolicyMode, Origin) {
        let mode = most_specific_mode(self.levels.into_iter().rev().flatten());
        let default = if follows_mode(self.right) {
            self.all.mode
        } else {
            PolicyMode::Admins
        };
        mode.unwrap_or((default, Origin::Default))
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
        Right::Announce | Right::Settings => GroupSetting::EditPermission,
    }
}

#[cfg(test)]
mod tests;
