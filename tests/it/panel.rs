//! The `/` panel: what the bot makes of it at its start and by hand, next to other programs.

use std::time::Duration;

use feishu_sim::{AnnouncementKind, Builder, Endpoint, Fault, Listing, SlashCommand};
use noticebot::command::CommandName;
use noticebot::config::ActAs;
use noticebot::panel::{Reorder, SyncOptions, sync_by_hand};

use crate::harness::Bench;

const READ: &str = "application:app_slash_command:read";
const WRITE: &str = "application:app_slash_command:write";
const WRITES: [Endpoint; 3] = [
    Endpoint::CreateSlashCommand,
    Endpoint::UpdateSlashCommand,
    Endpoint::DeleteSlashCommand,
];

/// How far the clocks advance at a time: the platform limits how often the panel is written.
const STEP: Duration = Duration::from_millis(100);

pub(crate) fn with_scopes(builder: Builder) -> Builder {
    builder.grant(READ).grant(WRITE)
}

/// All names that the panel is to show, from above.
pub(crate) fn all() -> Vec<&'static str> {
    let offered = CommandName::offered(ActAs::Bot);
    offered
        .flat_map(|name| [name.as_str(), name.spec().chinese])
        .collect()
}

fn is_own(command: &SlashCommand) -> bool {
    all().contains(&command.name.as_str())
}

impl Bench {
    fn panel(&self) -> Vec<String> {
        let panel = self.sim.panel().into_iter();
        panel.map(|command| command.name).collect()
    }

    /// Waits until the panel shows this many commands of the bot.
    pub(crate) async fn panel_with(&self, count: usize) {
        let filled = |state: &feishu_sim::State| {
            let own = state.panel().into_iter().filter(|one| is_own(one)).count();
            (own == count).then_some(())
        };
        self.wait("the panel", filled).await;
    }

    /// How often the panel was written.
    fn panel_writes(&self) -> usize {
        let calls = WRITES.map(|endpoint| self.sim.calls_to(endpoint).len());
        calls.iter().sum()
    }

    /// Restarts the bot, and waits until it has read the panel.
    pub(crate) async fn restart_and_look(&mut self) {
        let before = self.sim.calls_to(Endpoint::ListSlashCommands).len();
        self.restart().await;
        let looked = |state: &feishu_sim::State| {
            let calls = state.calls_to(Endpoint::ListSlashCommands).count();
            (calls > before).then_some(())
        };
        self.wait("a look at the panel", looked).await;
    }

    fn allow_panel(&self) {
        self.sim.change_app(|app| {
            app.scopes.extend([READ, WRITE].map(str::to_owned));
        });
    }

    /// Waits for something while time passes.
    async fn while_time_passes<T>(&self, awaited: impl Future<Output = T>) -> T {
        let time = async {
            loop {
                tokio::time::sleep(Duration::from_millis(2)).await;
                self.advance(STEP);
            }
        };
        tokio::select! {
            awaited = awaited => awaited,
            () = time => unreachable!(),
        }
    }

    /// `noticebot commands sync`, once the bot does not change the panel any longer.
    async fn sync(&self, options: &SyncOptions) -> anyhow::Result<(String, bool)> {
        self.panel_is_free(STEP).await;
        let config = self.config();
        let synced = sync_by_hand(&config, self.clock.clone(), options);
        Box::pin(self.while_time_passes(synced)).await
    }
}

fn by_hand() -> SyncOptions {
    SyncOptions {
        tenant: None,
        dry_run: false,
        reorder: Reorder::WhenAdding,
    }
}

#[tokio::test]
async fn the_panel_is_filled_at_the_start() {
    let mut bench = Bench::with(with_scopes, "").await;
    bench.panel_with(all().len()).await;
    assert_eq!(bench.panel(), all());
    let pin = bench.sim.panel()[0].description.clone();
    assert_eq!(pin["default_value"], "pin the message you reply to");
    assert_eq!(pin["i18n"]["zh_cn"], "置顶所回复的消息");
    let chinese = bench.sim.panel()[1].description.clone();
    assert_eq!(chinese["default_value"], "置顶所回复的消息");
    let found = bench.check(|_| {}).await;
    let offered = format!("panel: `/` offers {} commands of the bot", all().len());
    assert!(found.has("good", &offered), "{:#}", found.0);

    let writes = bench.panel_writes();
    bench.restart_and_look().await;
    bench.idle().await;
    assert_eq!(bench.panel_writes(), writes);
    bench.finish().await;
}

#[tokio::test]
async fn renamed_and_removed_commands_return_to_their_place() {
    let mut bench = Bench::with(with_scopes, "").await;
    bench.panel_with(all().len()).await;
    bench.sim.rename_slash_command("unpin", "unstick");
    bench.restart_and_look().await;
    bench.panel_with(all().len()).await;
    assert_eq!(bench.panel(), all());
    bench.sim.remove_slash_command("undo");
    let found = bench.check(|_| {}).await;
    assert!(found.is_good(), "{:#}", found.0);
    let missing = "panel: not up to date: /pin, /置顶, ";
    assert!(found.has("note", missing), "{:#}", found.0);
    bench.restart_and_look().await;
    bench.panel_with(all().len()).await;
    assert_eq!(bench.panel(), all());
    bench.finish().await;
}

#[tokio::test]
async fn another_language_of_replies_changes_the_panel() {
    let mut bench = Bench::with(with_scopes, "").await;
    bench.panel_with(all().len()).await;
    bench.reconfigure("[reply]\nlanguage = \"zh\"").await;
    bench.panel_with(all().len() / 2).await;
    let chinese = CommandName::offered(ActAs::Bot).map(|name| name.spec().chinese);
    assert_eq!(bench.panel(), chinese.collect::<Vec<_>>());
    bench.finish().await;
}

#[tokio::test]
async fn commands_of_others_stay_untouched() {
    let mut bench = Bench::new().await;
    let others = ["weather", "help", "帮助"].map(|name| bench.sim.add_slash_command(name));
    bench.allow_panel();
    bench.restart_and_look().await;
    // Two of the names are taken, by commands that the bot did not make.
    bench.panel_with(all().len()).await;
    for other in &others {
        assert!(bench.sim.panel().contains(other), "{other:?}");
    }
    let found = bench.check(|_| {}).await;
    assert!(found.is_good(), "{:#}", found.0);
    for name in ["`/help`", "`/帮助`"] {
        let taken = format!("panel: {name} in the panel is not the bot's");
        assert!(found.has("note", &taken), "{:#}", found.0);
    }
    let (report, is_complete) = bench.sync(&by_hand()).await.unwrap();
    assert!(
        report.contains("/help: another command has this name"),
        "{report}"
    );
    assert!(is_complete && report.starts_with("Kept /pin, "), "{report}");
    bench.finish().await;
}

#[tokio::test]
async fn a_full_panel_keeps_the_commands_of_others() {
    let mut bench = Bench::new().await;
    let others: Vec<_> = (0..100)
        .map(|number| bench.sim.add_slash_command(&format!("other-{number}")))
        .collect();
    bench.allow_panel();
    bench.restart_and_look().await;
    bench.idle().await;
    assert_eq!(bench.panel_writes(), 0);
    let found = bench.check(|_| {}).await;
    assert!(found.is_good(), "{:#}", found.0);
    assert!(
        found.has("note", "panel: there is no room for /pin, /置顶, "),
        "{:#}",
        found.0
    );

    for number in 0..3 {
        bench.sim.remove_slash_command(&format!("other-{number}"));
    }
    // Those of one second have no order.
    bench.advance(Duration::from_secs(1));
    bench.restart_and_look().await;
    bench.panel_with(3).await;
    assert_eq!(bench.panel()[..3], all()[..3]);
    for other in &others[3..] {
        assert!(bench.sim.panel().contains(other), "{other:?}");
    }
    bench.finish().await;
}

#[tokio::test]
async fn a_lost_answer_leaves_no_stranger() {
    let mut bench = Bench::new().await;
    bench.allow_panel();
    for fault in [Fault::Nothing, Fault::LoseAnswer] {
        bench.sim.fault(Endpoint::CreateSlashCommand, fault);
    }
    bench.restart_and_look().await;
    // The next attempt comes a minute later.
    let full = |state: &feishu_sim::State| (state.panel().len() == all().len()).then_some(());
    bench
        .wait_in_steps_of(Duration::from_millis(500), "the panel", full)
        .await;
    assert_eq!(bench.panel(), all());
    let found = bench.check(|_| {}).await;
    assert!(!found.has("note", "panel: "), "{:#}", found.0);
    bench.finish().await;
}

#[tokio::test]
async fn an_answer_without_an_id_is_enough() {
    let unnamed = |builder: Builder| {
        with_scopes(builder).behaviour(|switches| switches.panel.are_named = false)
    };
    let mut bench = Bench::with(unnamed, "").await;
    bench.panel_with(all().len()).await;
    let writes = bench.panel_writes();
    bench.restart_and_look().await;
    bench.idle().await;
    let found = bench.check(|_| {}).await;
    assert!(!found.has("note", "panel: "), "{:#}", found.0);
    assert_eq!(
        (bench.panel(), bench.panel_writes()),
        (all().into_iter().map(str::to_owned).collect(), writes)
    );
    bench.finish().await;
}

#[tokio::test]
async fn other_forms_of_the_list_cause_no_writes() {
    for listing in [
        Listing::Milliseconds,
        Listing::WithoutTimes,
        Listing::WithoutLanguages,
    ] {
        let listed = |builder: Builder| {
            with_scopes(builder).behaviour(|switches| switches.panel.listing = listing)
        };
        let mut bench = Bench::with(listed, "").await;
        bench.panel_with(all().len()).await;
        let writes = bench.panel_writes();
        bench.restart_and_look().await;
        let always = SyncOptions {
            reorder: Reorder::Always,
            ..by_hand()
        };
        bench.sync(&always).await.unwrap();
        assert_eq!(bench.panel_writes(), writes, "{listing:?}");
        bench.finish().await;
    }
}

#[tokio::test]
async fn refused_names_do_not_keep_others_out() {
    let latin = |builder: Builder| {
        with_scopes(builder).behaviour(|switches| switches.panel.only_latin_names = true)
    };
    let bench = Bench::with(latin, "").await;
    bench.panel_with(all().len() / 2).await;
    let english = CommandName::offered(ActAs::Bot).map(CommandName::as_str);
    assert_eq!(bench.panel(), english.collect::<Vec<_>>());
    let (report, is_complete) = bench.sync(&by_hand()).await.unwrap();
    assert!(
        !is_complete && report.contains("/置顶: refused ("),
        "{report}"
    );
    bench.finish().await;
}

#[tokio::test]
async fn missing_scopes_are_a_hint() {
    let mut bench = Bench::new().await;
    for scopes in [&[][..], &[READ], &[WRITE]] {
        bench.sim.change_app(|app| {
            app.scopes
                .retain(|scope| ![READ, WRITE].contains(&scope.as_str()));
            app.scopes
                .extend(scopes.iter().map(|scope| (*scope).to_owned()));
        });
        bench.restart_and_look().await;
        let found = bench.check(|_| {}).await;
        assert!(
            found.is_good() && found.has("note", "panel: "),
            "{:#}",
            found.0
        );
        assert!(found.has("note", WRITE), "{scopes:?} in {:#}", found.0);
        let error = bench.sync(&by_hand()).await.unwrap_err();
        assert!(
            format!("{error:#}").contains("the app lacks a scope"),
            "{error:#}"
        );
    }
    bench
        .sim
        .fault(Endpoint::ListSlashCommands, Fault::code(99_991_640));
    let found = bench.check(|_| {}).await;
    assert!(found.has("note", "because the app lacks"), "{:#}", found.0);
    assert_eq!(bench.panel(), Vec::<String>::new());
    let group = bench.group(AnnouncementKind::Docx);
    let said = bench.say(&group, "/help").id;
    bench.answer(&said).await;
    bench.finish().await;
}

#[tokio::test]
async fn a_dry_run_shows_the_plan() {
    let bench = Bench::new().await;
    bench.allow_panel();
    let dry = SyncOptions {
        dry_run: true,
        ..by_hand()
    };
    let (report, _) = bench.sync(&dry).await.unwrap();
    assert!(
        report.starts_with("Would add /pin, /置顶, /unpin, "),
        "{report}"
    );
    assert_eq!(bench.panel_writes(), 0);
    let (report, _) = bench.sync(&by_hand()).await.unwrap();
    assert!(
        report.starts_with("Added /pin, /置顶, /unpin, "),
        "{report}"
    );
    assert!(report.ends_with("after about five minutes.\n"), "{report}");
    assert_eq!(bench.panel(), all());

    bench.sim.rename_slash_command("unpin", "unstick");
    let (report, _) = bench.sync(&by_hand()).await.unwrap();
    let lines: Vec<_> = report.lines().take(3).collect();
    assert_eq!(
        lines,
        ["Removed /unstick", "Moved /pin, /置顶", "Added /unpin"]
    );
    let wrong = SyncOptions {
        tenant: Some("tenant".to_owned()),
        ..by_hand()
    };
    let error = bench.sync(&wrong).await.unwrap_err();
    assert!(
        error.to_string().contains("leave `--tenant` out"),
        "{error}"
    );
    bench.finish().await;
}

#[tokio::test]
async fn one_process_changes_the_panel_at_a_time() {
    let bench = Bench::new().await;
    bench.allow_panel();
    bench.panel_is_free(Duration::from_millis(20)).await;
    let (config, options) = (bench.config(), by_hand());
    let sync = || sync_by_hand(&config, bench.clock.clone(), &options);
    let both = async { tokio::join!(sync(), sync()) };
    let (first, second) = Box::pin(bench.while_time_passes(both)).await;
    let errors: Vec<_> = [first, second]
        .into_iter()
        .filter_map(Result::err)
        .collect();
    let [busy] = &errors[..] else {
        panic!("one is busy: {errors:?}")
    };
    assert!(
        busy.to_string().contains("another process is changing"),
        "{busy}"
    );
    assert_eq!(bench.panel(), all());
    bench.finish().await;
}

#[tokio::test]
async fn a_store_app_fills_the_panel_by_hand() {
    let bench = Bench::with(|builder| with_scopes(builder).store_app(), "").await;
    let ticket = async || {
        let sealed = bench.count("app_tickets").await;
        sealed > 0
    };
    while !ticket().await {
        bench.advance(Duration::from_secs(1));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(bench.sim.calls_to(Endpoint::ListSlashCommands).len(), 0);
    let error = bench.sync(&by_hand()).await.unwrap_err();
    assert!(error.to_string().contains("`--tenant`"), "{error}");
    let named = SyncOptions {
        tenant: Some(bench.sim.app().tenant_key),
        ..by_hand()
    };
    bench.sync(&named).await.unwrap();
    assert_eq!(bench.panel(), all());
    bench.finish().await;
}
