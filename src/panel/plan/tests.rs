//! The plan for panels in any state.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::*;

const WANTED: [&str; 4] = ["pin", "unpin", "undo", "help"];

fn description(name: &str) -> SlashDescription {
    SlashDescription {
        default_value: format!("about {name}"),
        i18n: BTreeMap::from([("zh_cn".to_owned(), format!("关于 {name}"))]),
    }
}

fn wanted() -> Vec<Wanted> {
    let one = |name| Wanted {
        name,
        description: description(name),
    };
    WANTED.map(one).into()
}

/// A command in the panel, made in this second.
fn command(name: &str, second: i64) -> SlashCommand {
    SlashCommand {
        id: format!("id of {name}"),
        name: name.to_owned(),
        description: description(name),
        created_at: Timestamp::from_second(second).ok(),
    }
}

fn made(name: &str) -> MadeCommand {
    MadeCommand {
        name: name.to_owned(),
        description: description(name),
        id: Some(format!("id of {name}")),
    }
}

/// Names that the bot made, the first one on top.
fn own(names: &[&str]) -> (Vec<SlashCommand>, Vec<MadeCommand>) {
    let seconds = (0..).map(|above| 1000 - above);
    let listed = names.iter().zip(seconds);
    let listed = listed.map(|(name, second)| command(name, second));
    (
        listed.collect(),
        names.iter().map(|name| made(name)).collect(),
    )
}

fn others(count: usize) -> impl Iterator<Item = SlashCommand> {
    (0..count).map(|number| command(&format!("other-{number}"), 2000))
}

/// Deletions, updates and creations by name.
fn calls(plan: &Plan) -> [Vec<&str>; 3] {
    [
        plan.deletions
            .iter()
            .map(|command| &*command.name)
            .collect(),
        plan.updates
            .iter()
            .map(|(command, _)| &*command.name)
            .collect(),
        plan.creations.iter().map(|wanted| wanted.name).collect(),
    ]
}

fn plan_of(listed: &[SlashCommand], made: &[MadeCommand]) -> Plan {
    plan(listed, made, &wanted(), Reorder::WhenAdding)
}

#[test]
fn an_empty_panel_is_filled_from_below() {
    let plan = plan_of(&[], &[]);
    assert_eq!(
        calls(&plan),
        [vec![], vec![], vec!["help", "undo", "unpin", "pin"]]
    );
}

#[test]
fn a_complete_panel_needs_no_call() {
    let (listed, made) = own(&WANTED);
    let plan = plan_of(&listed, &made);
    assert!(!plan.has_calls(), "{plan:?}");
    assert_eq!(plan.kept, WANTED);
}

#[test]
fn a_missing_command_renews_those_above_it() {
    for (present, deleted, created) in [
        (&["unpin", "undo", "help"][..], vec![], vec!["pin"]),
        (&["pin", "undo", "help"], vec!["pin"], vec!["unpin", "pin"]),
        (
            &["pin", "unpin", "undo"],
            vec!["pin", "unpin", "undo"],
            vec!["help", "undo", "unpin", "pin"],
        ),
    ] {
        let (listed, made) = own(present);
        let plan = plan_of(&listed, &made);
        assert_eq!(calls(&plan), [deleted, vec![], created], "{present:?}");
    }
}

#[test]
fn a_renamed_command_is_replaced_at_its_place() {
    let (listed, made) = own(&["pin", "unstick", "undo", "help"]);
    let plan = plan_of(&listed, &made);
    let deleted = vec!["pin", "unstick"];
    assert_eq!(calls(&plan), [deleted, vec![], vec!["unpin", "pin"]]);
    assert_eq!(plan.kept, ["undo", "help"]);
}

#[test]
fn a_changed_description_is_updated_in_place() {
    let (mut listed, made) = own(&WANTED);
    listed[1].description.default_value = "old".to_owned();
    // Another language of ours that is missing.
    listed[2].description.i18n = BTreeMap::from([("ja_jp".to_owned(), "…".to_owned())]);
    // The platform does not list languages.
    listed[3].description.i18n.clear();
    let plan = plan_of(&listed, &made);
    assert_eq!(calls(&plan), [vec![], vec!["unpin", "undo"], vec![]]);
}

#[test]
fn the_order_is_restored_only_on_request() {
    for (seconds, anew) in [
        ([4, 3, 2, 1], vec![]),
        ([3, 4, 2, 1], vec!["pin"]),
        ([4, 3, 1, 2], vec!["pin", "unpin", "undo"]),
        // The same second has no order.
        ([4, 3, 3, 1], vec!["pin", "unpin"]),
    ] {
        let listed = WANTED.iter().zip(seconds);
        let listed: Vec<_> = listed.map(|(name, second)| command(name, second)).collect();
        let made = WANTED.map(made);
        assert!(!plan_of(&listed, &made).has_calls(), "{seconds:?}");
        let plan = plan(&listed, &made, &wanted(), Reorder::Always);
        let created: Vec<_> = anew.iter().rev().copied().collect();
        assert_eq!(calls(&plan), [anew, vec![], created], "{seconds:?}");
    }
    let (mut listed, made) = own(&WANTED);
    for command in &mut listed {
        command.created_at = None;
    }
    let plan = plan(&listed, &made, &wanted(), Reorder::Always);
    assert!(!plan.has_calls(), "{plan:?}");
}

#[test]
fn entries_of_others_stay_untouched() {
    // One has our name, one has a name that we once had.
    let listed = [command("unpin", 1), command("unstick", 2)];
    let gone = MadeCommand {
        id: Some("an id that is gone".to_owned()),
        ..made("unstick")
    };
    let plan = plan_of(&listed, std::slice::from_ref(&gone));
    assert_eq!(calls(&plan), [vec![], vec![], vec!["help", "undo", "pin"]]);
    assert_eq!(plan.taken, ["unpin"]);
    assert_eq!(plan.gone, [gone]);
}

#[test]
fn the_first_commands_get_the_room_that_is_left() {
    for (others_of_app, created, left_out) in [
        (100, vec![], WANTED.to_vec()),
        (98, vec!["unpin", "pin"], vec!["undo", "help"]),
        (96, vec!["help", "undo", "unpin", "pin"], vec![]),
    ] {
        let listed: Vec<_> = others(others_of_app).collect();
        let plan = plan_of(&listed, &[]);
        assert_eq!(calls(&plan), [vec![], vec![], created]);
        assert_eq!(plan.left_out, left_out);
    }
}

#[test]
fn a_full_panel_makes_room_for_the_first() {
    let (mut listed, made) = own(&["unpin", "undo", "help"]);
    listed.extend(others(97));
    let plan = plan_of(&listed, &made);
    assert_eq!(calls(&plan), [vec!["help"], vec![], vec!["pin"]]);
    assert_eq!(plan.left_out, ["help"]);
}

#[test]
fn a_command_whose_answer_was_lost_is_recognized() {
    let (listed, mut made) = own(&WANTED);
    made[0].id = None;
    let plan = plan_of(&listed, &made);
    assert!(!plan.has_calls(), "{plan:?}");
    assert_eq!(plan.recognized, [(made[0].clone(), listed[0].id.clone())]);

    // Somebody else's has another description.
    let mut foreign = listed;
    foreign[0].description.default_value = "theirs".to_owned();
    let plan = plan_of(&foreign, &made);
    assert_eq!(plan.taken, ["pin"]);
    assert_eq!(plan.gone, [made[0].clone()]);
}
