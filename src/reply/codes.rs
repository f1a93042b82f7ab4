//! Texts for the platform's error codes: the cause and the remedy.
//!
//! The meanings come from the official pages `group/chat/put_top_notice`,
//! `group/chat-announcement/patch`, `group/upgraded-group-announcement`, `im-v1/message` and the
//! generic error codes. A missing permission is always the bot's, because the bot makes the calls.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use feishu::codes;
use serde::Deserialize;

use super::quote::Medium;
use crate::language::{Bilingual, Language};
use crate::model::refusal::{Call, Meaning, PlatformRefusal};

/// The cause of a refusal and its remedy.
pub(super) fn explain(refusal: &PlatformRefusal, language: Language) -> String {
    let code = refusal.code;
    if let Some(meaning) = refusal.meaning {
        return of_meaning(meaning).to(language).to_owned();
    }
    match code {
        codes::FIELD_INVALID => invalid_field(&refusal.fields, language),
        codes::DOCX_INVALID_PARAM if !refusal.fields.is_empty() => {
            invalid_field(&refusal.fields, language)
        }
        codes::CHAT_INVALID_PARAMETER => invalid_parameter(refusal.call).to(language).to_owned(),
        codes::SCOPE_MISSING => missing_scope(&refusal.missing_scopes, Medium::Text, language),
        _ => match Sentence::of(code) {
            Some(sentence) => sentence.to(language),
            None => unknown(code).to(language).to_owned(),
        },
    }
}

/// One of several meanings of a code.
fn of_meaning(meaning: Meaning) -> Bilingual {
    match meaning {
        Meaning::OtherTenant => Bilingual::new(
            "该消息属于其他企业，应用无法读取。请将内容作为新消息发在本群，再回复新消息。",
            "That message belongs to another organization, so the app cannot read it. Send its text as a new message here and reply to that one.",
        ),
        Meaning::TokenKind => Bilingual::new(
            "该接口不支持机器人使用的访问凭证类型。请将下面一行提供给机器人管理员。",
            "This call does not support the kind of access token that the bot uses. Give the line below to the bot's admin.",
        ),
        Meaning::UnknownApp => Bilingual::new(
            "该应用不存在。请机器人管理员检查 FEISHU_APP_ID；应用如建在另一平台，请检查 FEISHU_REGION。",
            "The app does not exist. Ask the bot's admin to check FEISHU_APP_ID, and FEISHU_REGION if the app is on the other platform.",
        ),
        Meaning::WrongSecret => Bilingual::new(
            "应用密钥未通过飞书校验。请机器人管理员检查 FEISHU_APP_SECRET。",
            "Feishu rejected the app's secret. Ask the bot's admin to check FEISHU_APP_SECRET.",
        ),
        Meaning::AppDisabled => Bilingual::new(
            "应用未启用或未获授权。请企业管理员在管理后台启用。",
            "The app is disabled or not authorized. Ask the organization's admin to enable it.",
        ),
    }
}

/// For an invalid field, which the platform may name.
fn invalid_field(fields: &[String], language: Language) -> String {
    match (language, fields.join(", ")) {
        (Language::Zh, fields) if fields.is_empty() => "请求中有字段不符合飞书要求。请简化内容后重新发送；如反复出现，请将下面一行提供给机器人管理员。".to_owned(),
        (Language::En, fields) if fields.is_empty() => "Feishu rejected a field of the request. Simplify the text and send the command again; if it keeps happening, give the line below to the bot's admin.".to_owned(),
        (Language::Zh, fields) => format!("请求中的字段 {fields} 不符合飞书要求。请简化内容后重新发送；如反复出现，请将下面一行提供给机器人管理员。"),
        (Language::En, fields) => format!("Feishu rejected the field {fields} of the request. Simplify the text and send the command again; if it keeps happening, give the line below to the bot's admin."),
    }
}

/// The platform does not say which parameter is wrong; the likely one depends on the call.
fn invalid_parameter(call: Call) -> Bilingual {
    match call {
        Call::PutMessage => Bilingual::new(
            "该消息可能已被撤回，或不在本群。请回复本群中仍存在的消息并发送 /置顶。",
            "It was probably recalled, or it is not in this chat. Reply with /pin to a message that still exists here.",
        ),
        Call::PutAnnouncement => Bilingual::new(
            "飞书拒绝了该请求，可能是群公告为空。请先用 /公告 内容 发布一条，再重试。",
            "Feishu rejected the request, perhaps because there is no announcement yet. Post one with /announce text, then try again.",
        ),
        Call::DeleteTopNotice => Bilingual::new(
            "飞书拒绝了该请求，可能是本群没有置顶。如仍有置顶，请手动取消。",
            "Feishu rejected the request, perhaps because nothing is pinned. If something is, remove it manually.",
        ),
        Call::ReadAnnouncement | Call::WriteAnnouncement | Call::ReadChat | Call::ReadMessage => {
            Bilingual::new(
                "请求参数错误，属于机器人故障。请将下面一行提供给机器人管理员。",
                "Feishu rejected the request as invalid, which is a bug in the bot. Give the line below to the bot's admin.",
            )
        }
    }
}

/// The missing scopes, and who can grant them.
pub(super) fn missing_scope(scopes: &[String], medium: Medium, language: Language) -> String {
    let scopes: Vec<_> = scopes.iter().map(|scope| medium.code(scope)).collect();
    match (language, scopes.as_slice()) {
        (Language::Zh, []) => "应用缺少权限。请应用管理员在开发者后台的「权限管理」中开通所需权限，并发布新版本。".to_owned(),
        (Language::En, []) => "The app lacks a permission. Ask the app's admin to grant the permissions listed in the set-up guide in the developer console, and to publish a new version.".to_owned(),
        (Language::Zh, scopes) => format!(
            "应用缺少权限，需要以下任意一项：{}。请应用管理员在开发者后台的「权限管理」中开通，并发布新版本。",
            scopes.join("、")
        ),
        (Language::En, scopes) => format!(
            "The app lacks a permission; any one of these will do: {}. Ask the app's admin to grant it in the developer console and to publish a new version.",
            scopes.join(", ")
        ),
    }
}

fn unknown(code: i64) -> Bilingual {
    if (codes::DOCX_INTERNAL..=codes::DOCX_MAINTENANCE).contains(&code) {
        return Bilingual::new(
            "飞书文档服务内部错误。请几分钟后重试；如反复出现，请将下面一行提供给机器人管理员。",
            "Feishu's document service had an internal error. Try again in a few minutes; if it keeps happening, give the line below to the bot's admin.",
        );
    }
    Bilingual::new(
        "飞书返回了未知错误。请稍后重试；如反复出现，请将下面一行提供给机器人管理员。",
        "Feishu returned an unknown error. Try again later; if it keeps happening, give the line below to the bot's admin.",
    )
}

/// The sentences of `codes.toml`, by code.
static SENTENCES: LazyLock<BTreeMap<String, Sentence>> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the file is compiled in, and tests read it"
    )]
    toml::from_str(include_str!("codes.toml")).expect("reading codes.toml")
});

#[derive(Deserialize)]
struct Sentence {
    zh: String,
    en: String,
}

impl Sentence {
    fn of(code: i64) -> Option<&'static Self> {
        SENTENCES.get(&code.to_string())
    }

    fn to(&self, language: Language) -> String {
        match language {
            Language::Zh => self.zh.clone(),
            Language::En => self.en.clone(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashSet;

    use super::*;

    /// The codes of the two API pages, of `put_top_notice` and of patching an announcement.
    const API_PAGES: [i64; 16] = [
        230_111, 232_001, 232_002, 232_003, 232_009, 232_010, 232_011, 232_014, 232_018, 232_019,
        232_024, 232_025, 232_033, 232_034, 232_066, 232_097,
    ];

    /// A code that no page lists.
    const UNLISTED: i64 = 1;

    /// Every code that is explained in its own words, and one that is not.
    pub(in super::super) fn every_code() -> impl Iterator<Item = i64> {
        let mut codes: Vec<i64> = SENTENCES.keys().map(|code| code.parse().unwrap()).collect();
        codes.sort_unstable();
        let outside_the_table = [232_001, 99_991_672, 99_992_402, 1_771_001, UNLISTED];
        codes.into_iter().chain(outside_the_table)
    }

    fn explanation(code: i64, language: Language) -> String {
        let refusal = PlatformRefusal {
            call: Call::PutMessage,
            code,
            log_id: None,
            missing_scopes: vec![],
            fields: vec![],
            meaning: None,
            bot: None,
        };
        explain(&refusal, language)
    }

    #[test]
    fn words_and_group_decide_between_two_meanings() {
        let check = |code, msg: &str, is_external, expected: Option<Meaning>| {
            let api = feishu::ApiError {
                endpoint: "get_message",
                code,
                msg: msg.into(),
                fields: Box::default(),
                log_id: None,
                status: 400,
                missing_scopes: Box::default(),
                retry_after: None,
            };
            let meaning = Meaning::of(&api, is_external);
            assert_eq!(meaning, expected, "{code} {msg} {is_external}");
        };
        let lack = "Lack of necessary permissions.";
        check(230_027, lack, false, None);
        check(230_027, lack, true, Some(Meaning::OtherTenant));
        check(
            230_027,
            "Lack of necessary permissions, ext=need scope: im:message",
            true,
            None,
        );
        for msg in [
            "cross-tenant operation is not allowed",
            "Cross tenant",
            "external chat",
        ] {
            check(230_027, msg, false, Some(Meaning::OtherTenant));
        }
        let unsupported = Some(Meaning::TokenKind);
        check(
            99_991_668,
            "user access token not support",
            false,
            unsupported,
        );
        check(99_991_668, "Invalid access token", false, None);
        check(10_003, "invalid param", false, None);
        check(10_003, "app not exist", false, Some(Meaning::UnknownApp));
        check(
            10_014,
            "app secret invalid",
            false,
            Some(Meaning::WrongSecret),
        );
        check(
            10_014,
            "app unauthorized",
            false,
            Some(Meaning::AppDisabled),
        );
        check(10_014, "", false, None);
        check(232_014, "external secret", true, None);
    }

    #[test]
    fn a_named_field_is_told() {
        for code in [99_992_402, 1_770_001] {
            let refusal = PlatformRefusal {
                call: Call::WriteAnnouncement,
                code,
                log_id: None,
                missing_scopes: vec![],
                fields: vec!["children[3].text".to_owned()],
                meaning: None,
                bot: None,
            };
            for language in [Language::Zh, Language::En] {
                let text = explain(&refusal, language);
                assert!(text.contains("children[3].text"), "{text}");
                assert_ne!(text, explanation(code, language));
            }
        }
    }

    #[test]
    fn the_table_is_ordered_by_code() {
        let lines = include_str!("codes.toml").lines();
        let codes: Vec<i64> = lines
            .filter_map(|line| line.strip_prefix('[')?.strip_suffix(']')?.parse().ok())
            .collect();
        assert!(codes.is_sorted_by(|left, right| left < right));
        assert_eq!(codes.len(), SENTENCES.len());
    }

    #[test]
    fn each_code_of_the_api_pages_is_explained() {
        for code in API_PAGES {
            for language in [Language::Zh, Language::En] {
                assert_ne!(
                    explanation(code, language),
                    explanation(UNLISTED, language),
                    "{code}"
                );
            }
        }
    }

    #[test]
    fn no_two_codes_share_a_sentence() {
        for language in [Language::Zh, Language::En] {
            let texts: Vec<_> = every_code()
                .map(|code| explanation(code, language))
                .collect();
            let reasons: HashSet<_> = texts.iter().map(|text| reason(text)).collect();
            assert_eq!(reasons.len(), texts.len(), "{texts:#?}");
        }
    }

    /// The first sentence, which says why; the remedy after it may be that of another code too.
    fn reason(text: &str) -> &str {
        text.split(['。', '.', '；', ';']).next().unwrap()
    }
}
