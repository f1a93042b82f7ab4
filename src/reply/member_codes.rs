//! Texts for error codes of calls that the bot makes as a member: a missing permission is the
//! member's.

use feishu::codes;

use super::punctuation::COMMA;
use crate::language::{Bilingual, Language};
use crate::model::refusal::{Meaning, PlatformRefusal};

/// The cause of a refusal and its remedy; `None` if they are those of a call by the bot.
pub(super) fn explain(refusal: &PlatformRefusal, language: Language) -> Option<String> {
    let scopes = &refusal.missing_scopes;
    let scopes = (!scopes.is_empty()).then(|| scopes.join(COMMA.to(language)));
    let words = match (refusal.meaning, refusal.code, scopes) {
        (Some(Meaning::TokenKind), ..) => TOKEN_KIND,
        (Some(_), ..) => return None,
        (None, codes::SCOPE_MISSING, Some(scopes)) => {
            return Some(SCOPES_MISSING.fill(language, scopes));
        }
        (None, codes::USER_SCOPE_MISSING, Some(scopes)) => {
            return Some(SCOPES_NOT_GRANTED.fill(language, scopes));
        }
        (None, code, _) => {
            let &(_, zh, en) = CODES.iter().find(|row| row.0 == code)?;
            Bilingual::new(zh, en)
        }
    };
    Some(words.to(language).to_owned())
}

const TOKEN_KIND: Bilingual = Bilingual::new(
    "该接口不支持以成员身份调用。请将下面一行提供给机器人管理员。",
    "This call cannot be made as a member. Give the line below to the bot's admin.",
);

/// `{}` is the list of scopes.
const SCOPES_MISSING: Bilingual = Bilingual::new(
    "应用缺少用户身份权限，需要以下任意一项：{}。请应用管理员在开发者后台的「权限管理」中开通，并发布新版本。",
    "The app lacks a user scope; any one of these will do: {}. Ask the app's admin to grant it in the developer console and to publish a new version.",
);

/// `{}` is the list of scopes.
const SCOPES_NOT_GRANTED: Bilingual = Bilingual::new(
    "你的授权不包含所需权限，需要以下任意一项：{}。请发送 /授权 并同意全部权限，再重新发送命令。",
    "Your consent does not include a permission that this needs; any one of these will do: {}. Send /login, agree to all permissions, and send the command again.",
);

/// Code, Chinese, English; ordered by code.
const CODES: &[(i64, &str, &str)] = &[
    // Groups, top notices and legacy announcements.
    (
        codes::CHAT_EDIT_DENIED,
        "仅群主和群管理员可以编辑本群信息，而你不是。请他们操作，或请他们在群设置的「群管理」中将「谁可以编辑群信息」改为所有成员。",
        "Only the owner and admins can edit this group's information, and you are neither. Ask one of them to do it, or to set “who can edit group info” to all members in the group settings, under Group Management.",
    ),
    (
        232_010,
        "你与本群不属于同一企业，无法操作。请本群所属企业的成员操作。",
        "You and this group belong to different organizations. Ask a member of the group's own organization to do it.",
    ),
    (
        codes::OUTSIDE_CHAT,
        "你不是本群成员，无法操作。请加入本群后重试。",
        "You are not a member of this group. Join it, then try again.",
    ),
    (
        codes::TOP_NOTICE_DENIED,
        "你没有管理本群置顶的权限。请群主或群管理员操作，或请他们在群设置的「群管理」中将「谁可以管理置顶」改为所有成员。",
        "You have no permission to manage top notices in this group. Ask the owner or an admin to do it, or to set “who can manage top notices” to all members in the group settings, under Group Management.",
    ),
    (
        232_066,
        "你没有群公告文档的阅读权限。请文档所有者将你添加为协作者，再重试。",
        "You have no permission on the announcement's document. Ask its owner to share it with you, then try again.",
    ),
    // Docx announcements.
    (
        codes::DOCX_NOT_FOUND,
        "未找到本群的群公告文档。请确认你仍在群内，再重新发送。",
        "Feishu cannot find the document of this group's announcement. Check that you are still in the group, then send the command again.",
    ),
    (
        codes::DOCX_EDIT_DENIED,
        "你没有编辑本群公告的权限。请群主或群管理员操作，或请他们在群设置的「群管理」中将「谁可以编辑群信息」改为所有成员。",
        "You have no permission to edit this group's announcement. Ask the owner or an admin to do it, or to set “who can edit group info” to all members in the group settings, under Group Management.",
    ),
    (
        1_772_002,
        "群公告属于其他企业，你无权操作。请该企业的成员发布。",
        "You and the announcement belong to different organizations. Ask a member of the announcement's organization to post.",
    ),
    (
        1_772_003,
        "仅群成员可以操作群公告，而你不在群内。请加入本群后重试。",
        "Only members can change the announcement, and you are not in the group. Join it, then try again.",
    ),
    (
        codes::ANNOUNCEMENT_EDIT_DENIED,
        "仅群主和群管理员可以修改群公告，而你不是。请他们操作，或请他们在群设置的「群管理」中将「谁可以编辑群信息」改为所有成员。",
        "Only the owner and admins can change the announcement, and you are neither. Ask one of them to do it, or to set “who can edit group info” to all members in the group settings, under Group Management.",
    ),
    // The gateway in front of every call.
    (
        codes::USER_TOKEN_INVALID,
        "飞书不再接受你的授权。请发送 /授权 重新授权，再重新发送命令。",
        "Feishu no longer accepts your consent. Send /login, agree, and send the command again.",
    ),
    (
        codes::SCOPE_MISSING,
        "应用缺少用户身份权限。请应用管理员在开发者后台的「权限管理」中开通所需权限，并发布新版本。",
        "The app lacks a user scope. Ask the app's admin to grant the user scopes listed in the set-up guide in the developer console, and to publish a new version.",
    ),
    (
        codes::USER_TOKEN_EXPIRED,
        "你的授权已过期。请发送 /授权 重新授权，再重新发送命令。",
        "Your consent has expired. Send /login, agree, and send the command again.",
    ),
    (
        codes::USER_SCOPE_MISSING,
        "你的授权不包含所需权限。请发送 /授权 并同意全部权限，再重新发送命令。",
        "Your consent does not include a permission that this needs. Send /login, agree to all permissions, and send the command again.",
    ),
];

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Every code with a text of its own.
    pub(in super::super) fn every_member_code() -> impl Iterator<Item = i64> {
        CODES.iter().map(|row| row.0)
    }

    #[test]
    fn the_table_of_member_codes_is_ordered() {
        assert!(CODES.is_sorted_by(|left, right| left.0 < right.0));
    }

    #[test]
    fn codes_of_group_settings_name_the_setting() {
        let pin = Bilingual::new("谁可以管理置顶", "who can manage top notices");
        let edit = Bilingual::new("谁可以编辑群信息", "who can edit group info");
        for (code, name) in [
            (codes::TOP_NOTICE_DENIED, pin),
            (codes::CHAT_EDIT_DENIED, edit),
            (codes::DOCX_EDIT_DENIED, edit),
            (codes::ANNOUNCEMENT_EDIT_DENIED, edit),
        ] {
            let (_, zh, en) = CODES.iter().find(|row| row.0 == code).unwrap();
            assert!(zh.contains(name.zh) && en.contains(name.en), "{code}");
        }
    }
}
