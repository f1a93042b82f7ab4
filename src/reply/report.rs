//! The report on a broadcast.

use feishu::Card;
use jiff::tz::TimeZone;

use super::cards::button;
use super::punctuation::{COMMA, labeled};
use super::quote::quoted;
use super::refusals;
use crate::language::{Bilingual, Language};
use crate::model::broadcast::{Delivery, DeliveryState, Report};
use crate::model::button::ButtonAction;
use crate::model::refusal::Cause;

/// Maximum number of groups that are named for one reason, or as posted.
const NAMED: usize = 10;
/// Maximum number of different reasons.
const REASONS: usize = 10;
/// Maximum length of the name of a group, in characters.
const NAME: usize = 40;

/// The card with the state of each group, and buttons to undo it and to repeat what failed.
pub(crate) fn report_card(report: &Report, language: Language, time_zone: &TimeZone) -> Card {
    let words = report_in_words(report, language, time_zone);
    let mut card = Card::titled(TITLE.to(language)).plain(words);
    let broadcast = || report.broadcast.clone();
    if report.is_final() && report.count(|state| is_repeatable(report, state)) > 0 {
        let label = if report.is_undone {
            Bilingual::new("重试撤销", "Retry undo")
        } else {
            Bilingual::new("重试失败的群", "Retry failed groups")
        };
        let action = ButtonAction::Redeliver(broadcast());
        card = button(card, label.to(language), action, language);
    }
    if !report.is_undone && report.count(DeliveryState::is_revertible) > 0 {
        let label = Bilingual::new("全部撤销", "Undo all").to(language);
        card = button(card, label, ButtonAction::Retract(broadcast()), language);
    }
    card
}

fn is_repeatable(report: &Report, state: DeliveryState) -> bool {
    let retried = state.retried();
    retried.is_some_and(|next| (next == DeliveryState::Reverting) == report.is_undone)
}

/// The same as text.
pub(crate) fn report_in_words(report: &Report, language: Language, time_zone: &TimeZone) -> String {
    let list = quoted(&report.list, language);
    let mut lines = vec![
        labeled(LIST.to(language), &list, language),
        counts(report, language),
    ];
    for (state, heading) in [
        (DeliveryState::Failed, NOT_POSTED),
        (DeliveryState::Partly, PARTLY),
        (DeliveryState::Kept, KEPT),
    ] {
        lines.extend(failed(report, state, heading, language, time_zone));
    }
    let posted: Vec<_> = in_state(report, DeliveryState::Posted).collect();
    if !posted.is_empty() {
        lines.push(labeled(
            POSTED.to(language),
            &names(&posted, language),
            language,
        ));
    }
    lines.join("\n")
}

fn in_state(report: &Report, state: DeliveryState) -> impl Iterator<Item = &Delivery> {
    let deliveries = report.deliveries.iter();
    deliveries.filter(move |delivery| delivery.state == state)
}

/// How many groups are in each state.
fn counts(report: &Report, language: Language) -> String {
    let states: [(&[DeliveryState], Bilingual); 7] = [
        (
            &[DeliveryState::Posted],
            Bilingual::new("已发布 {}", "{} posted"),
        ),
        (
            &[DeliveryState::Reverted],
            Bilingual::new("已撤销 {}", "{} reverted"),
        ),
        (
            &[DeliveryState::Canceled],
            Bilingual::new("未发布 {}", "{} not posted"),
        ),
        (
            &[DeliveryState::Waiting, DeliveryState::Reverting],
            Bilingual::new("等待中 {}", "{} waiting"),
        ),
        (
            &[DeliveryState::Partly],
            Bilingual::new("未全部完成 {}", "{} incomplete"),
        ),
        (
            &[DeliveryState::Failed],
            Bilingual::new("失败 {}", "{} failed"),
        ),
        (
            &[DeliveryState::Kept],
            Bilingual::new("未能撤销 {}", "{} not reverted"),
        ),
    ];
    let counts = states.iter().filter_map(|(states, words)| {
        let count = report.count(|state| states.contains(&state));
        (count > 0).then(|| words.fill(language, count))
    });
    let counts: Vec<_> = counts.collect();
    let comma = Bilingual::new("，", ", ").to(language);
    let all = GROUPS.fill(language, report.deliveries.len());
    labeled(&all, &counts.join(comma), language)
}

/// The groups in a state, one line for those with the same reason.
fn failed(
    report: &Report,
    state: DeliveryState,
    heading: Bilingual,
    language: Language,
    time_zone: &TimeZone,
) -> Vec<String> {
    let mut reasons: Vec<(String, Vec<&Delivery>)> = Vec::new();
    for delivery in in_state(report, state) {
        let reason = match &delivery.refusal {
            Some(refusal) if refusal.cause != Cause::Internal => {
                refusals::without_trace(refusal, language, time_zone)
            }
            _ => INTERNAL.to(language).to_owned(),
        };
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, deliveries)) => deliveries.push(delivery),
            None => reasons.push((reason, vec![delivery])),
        }
    }
    let others = reasons.iter().skip(REASONS);
    let others: usize = others.map(|(_, deliveries)| deliveries.len()).sum();
    let lines = reasons.iter().take(REASONS).map(|(reason, deliveries)| {
        let names = names(deliveries, language);
        labeled(&heading.fill(language, names), reason, language)
    });
    let mut lines: Vec<String> = lines.collect();
    if others > 0 {
        lines.push(heading.fill(language, GROUPS_MORE.fill(language, others)));
    }
    lines
}

/// The first names; of a failure with its reference.
fn names(deliveries: &[&Delivery], language: Language) -> String {
    let names = deliveries.iter().take(NAMED).map(|delivery| {
        let name = delivery.name.as_deref().unwrap_or(delivery.chat.as_str());
        let name = quoted(&cut(name), language);
        let is_failure = match &delivery.refusal {
            Some(refusal) => refusal.cause.is_failure(),
            None => matches!(delivery.state, DeliveryState::Failed | DeliveryState::Kept),
        };
        if is_failure {
            let reference = &delivery.reference;
            match language {
                Language::Zh => format!("{name}（参考号 {reference}）"),
                Language::En => format!("{name} (reference {reference})"),
            }
        } else {
            name
        }
    });
    let mut names: Vec<String> = names.collect();
    let others = deliveries.len().saturating_sub(NAMED);
    if others > 0 {
        names.push(GROUPS_MORE.fill(language, others));
    }
    names.join(COMMA.to(language))
}

fn cut(name: &str) -> String {
    let end = name.char_indices().nth(NAME).map(|(end, _)| end);
    end.map_or(name.to_owned(), |end| format!("{}…", &name[..end]))
}

/// A reply that is about another group than the one it is sent to.
pub(crate) fn about_group(name: &str, text: &str, language: Language) -> String {
    let group = Bilingual::new("群{}", "Group {}").fill(language, quoted(&cut(name), language));
    labeled(&group, text, language)
}

const INTERNAL: Bilingual = Bilingual::new(
    "机器人内部出错，请将参考号提供给机器人管理员。",
    "Something went wrong in the bot; give the reference to the bot's admin.",
);

const TITLE: Bilingual = Bilingual::new("群发公告", "Announcement to several groups");
const LIST: Bilingual = Bilingual::new("群列表", "List");
const GROUPS: Bilingual = Bilingual::new("共 {} 个群", "{} groups");
const GROUPS_MORE: Bilingual = Bilingual::new("另外 {} 个群", "{} more groups");
const POSTED: Bilingual = Bilingual::new("已发布", "Posted in");

const NOT_POSTED: Bilingual = Bilingual::new("未发布到{}", "Not posted in {}");
const PARTLY: Bilingual = Bilingual::new("未全部完成：{}", "Incomplete in {}");
const KEPT: Bilingual = Bilingual::new("未能撤销：{}", "Not reverted in {}");

#[cfg(test)]
mod tests {
    use feishu::ChatId;

    use super::*;
    use crate::model::job::{JobKind, JobRef};
    use crate::model::refusal::Refusal;

    /// The platform's limit of a card in bytes.
    const CARD: usize = 30_000;

    fn delivery(n: usize, state: DeliveryState, cause: Option<Cause>) -> Delivery {
        Delivery {
            chat: ChatId::from(format!("oc_{n}")),
            state,
            refusal: cause.map(Refusal::from),
            name: Some(format!("Group {n}")),
            reference: "1a2b3c4d".to_owned(),
            posted_by: format!("om_1/oc_{n}"),
        }
    }

    fn report(is_undone: bool, deliveries: Vec<Delivery>) -> Report {
        Report {
            broadcast: JobRef {
                origin: "om_1".to_owned(),
                kind: JobKind::Command,
            },
            list: "weekly".to_owned(),
            is_undone,
            deliveries,
        }
    }

    fn in_both(report: &Report) -> String {
        let words = |language| report_in_words(report, language, &TimeZone::UTC);
        format!("{}\n\n{}", words(Language::En), words(Language::Zh))
    }

    #[test]
    fn groups_with_one_reason_share_a_line() {
        let report = report(
            false,
            vec![
                delivery(1, DeliveryState::Posted, None),
                delivery(2, DeliveryState::Failed, Some(Cause::BotOutside)),
                delivery(3, DeliveryState::Failed, Some(Cause::BotOutside)),
                delivery(4, DeliveryState::Failed, Some(Cause::Internal)),
                delivery(5, DeliveryState::Waiting, None),
            ],
        );
        insta::assert_snapshot!(in_both(&report));
    }

    #[test]
    fn undone_reports_show_what_was_left() {
        let report = report(
            true,
            vec![
                delivery(1, DeliveryState::Reverted, None),
                delivery(2, DeliveryState::Kept, Some(Cause::EntryChanged)),
                delivery(3, DeliveryState::Canceled, None),
            ],
        );
        insta::assert_snapshot!(in_both(&report));
    }

    #[test]
    fn cards_stay_below_the_size_limit() {
        let states = [
            DeliveryState::Posted,
            DeliveryState::Failed,
            DeliveryState::Partly,
            DeliveryState::Kept,
        ];
        let deliveries = (0..500).map(|n| Delivery {
            name: Some("群\u{202e}".repeat(100)),
            ..delivery(
                n,
                states[n % states.len()],
                // Each has another reason.
                Some(Cause::TextTooLong { limit: n }),
            )
        });
        let report = report(false, deliveries.collect());
        for language in [Language::Zh, Language::En] {
            let card = report_card(&report, language, &TimeZone::UTC);
            let json = serde_json::to_string(&card).unwrap();
            assert!(json.len() < CARD, "{}", json.len());
        }
    }
}
