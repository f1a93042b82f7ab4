//! `noticebot setup`: creates the app with a person who scans a QR code, writes its settings, and
//! waits until the bot can work.

mod addons;
mod approval;
mod env;
mod error;
mod flow;
mod options;
mod output;
mod qr;

use std::io::Write;
use std::sync::Arc;

use feishu::{Brand, Clock, NewApp};
use tokio_util::sync::CancellationToken;

pub use addons::{callbacks, events};
pub use env::VARIABLES;
pub use error::SetupError;
pub use options::SetupOptions;
pub use output::OutputFormat;

use crate::check::console::Console;
use crate::check::{self, CheckOptions};
use crate::config::{AppType, Config, Receive, Region};
use crate::platform;
use approval::Approval;
use env::Target;
use output::{Output, Step};

/// Asks a question that is answered by yes or no.
pub type Ask<'a> = Box<dyn FnMut(&str) -> std::io::Result<bool> + 'a>;

/// Where the set-up prints, and whom it can ask.
pub struct Dialog<'a> {
    pub out: &'a mut dyn Write,
    /// `None` if nobody is at a terminal.
    pub ask: Option<Ask<'a>>,
}

/// A set-up that has the consent of the person at the terminal.
pub struct SetUp<'a> {
    config: &'a Config,
    options: &'a SetupOptions,
    target: Target,
    output: Output<'a>,
}

impl<'a> SetUp<'a> {
    /// Checks and asks everything that needs no request; `config` needs no app. Nothing is changed
    /// yet, so a signal may end the program.
    pub fn prepare(
        config: &'a Config,
        options: &'a SetupOptions,
        dialog: Dialog<'a>,
    ) -> anyhow::Result<Self> {
        let Dialog { out, ask } = dialog;
        let mut output = Output {
            format: options.format,
            out,
        };
        match prepare(config, options, ask) {
            Ok(target) => Ok(Self {
                config,
                options,
                target,
                output,
            }),
            Err(error) => {
                output.failed(&error)?;
                Err(error.into())
            }
        }
    }

    /// Sets the bot up. Returns whether it can work now.
    pub async fn run(self, clock: Clock, stop: &CancellationToken) -> anyhow::Result<bool> {
        let Self {
            config,
            options,
            target,
            mut output,
        } = self;
        let done = async {
            let app = flow::create_app(config, &clock, options, stop, &mut output).await?;
            let config = with_app(config, &app);
            write(target, &config, &mut output)?;
            finish(&config, clock, stop, options, &mut output).await
        };
        let done = done.await;
        if let Err(error) = &done
            && let Some(error) = error.downcast_ref()
        {
            output.failed(error)?;
        }
        done
    }
}

/// Everything that can be wrong is found before an app is created.
fn prepare(
    config: &Config,
    options: &SetupOptions,
    ask: Option<Ask<'_>>,
) -> Result<Target, SetupError> {
    if config.feishu.app_type == AppType::Store {
        return Err(SetupError::misuse(
            "a store app cannot be created by a scan",
            "create it in the console for app store developers; docs/SETUP.md has the steps",
        ));
    }
    let target = Target::open(&options.env_file)?;
    let app_id = options.app_id.as_deref();
    if let Some(other) = target.other_app(config, app_id) {
        return Err(SetupError::misuse(
            format!("the environment or the configuration file already names the app `{other}`"),
            format!("remove it there, or add to this app with `--app-id {other}`"),
        ));
    }
    let conflicts = target.conflicts(app_id);
    if conflicts.is_empty() || options.force {
        return Ok(target);
    }
    let what = format!(
        "`{}` already sets {}",
        target.path().display(),
        conflicts.join(", ")
    );
    let Some(mut ask) = ask else {
        return Err(SetupError::misuse(
            what,
            "replace it with `--force`, add to an existing app with `--app-id`, or name another file with `--env-file`",
        ));
    };
    match ask(&format!("{what}. Replace it? [y/N] ")) {
        Ok(true) => Ok(target),
        Ok(false) => Err(SetupError::failed(
            "nothing was changed",
            "name another file with `--env-file`",
        )),
        Err(error) => Err(SetupError::failed(
            format!("the answer could not be read ({error})"),
            "replace the settings with `--force`",
        )),
    }
}

/// The settings of a bot with the new app.
fn with_app(config: &Config, app: &NewApp) -> Config {
    let mut config = config.clone();
    app.app_id.as_str().clone_into(&mut config.feishu.app_id);
    config.feishu.app_secret = app.app_secret.clone();
    config.feishu.receive = Receive::LongConnection;
    config.feishu.region = match app.brand {
        Brand::Feishu => Region::Feishu,
        Brand::Lark => Region::Lark,
    };
    config
}

fn write(target: Target, config: &Config, output: &mut Output<'_>) -> anyhow::Result<()> {
    let file = target.path().display().to_string();
    target.write(&env::settings(config)).map_err(|error| {
        let app = &config.feishu.app_id;
        SetupError::failed(
            format!("the app `{app}` exists, but `{file}` could not be written ({error})"),
            format!("start again with `--app-id {app}` and another `--env-file`"),
        )
    })?;
    output.print(&Step::Written { file: &file })?;
    Ok(())
}

async fn finish(
    config: &Config,
    clock: Clock,
    stop: &CancellationToken,
    options: &SetupOptions,
    output: &mut Output<'_>,
) -> anyhow::Result<bool> {
    config.validate()?;
    let on_call = |_: &feishu::CallRecord<'_>| {};
    let client = platform::client(config, clock.uncorrected(), Arc::new(on_call), None, None)?;
    let console = Console::new(&config.feishu);
    let approval = approval::wait(&client, &console, &clock, stop, output).await?;
    if approval == Approval::Stopped {
        return Err(SetupError::failed(
            "stopped while an admin had not approved all scopes",
            "the settings are written; once the scopes are approved, run `noticebot check`",
        )
        .into());
    }
    let report = check::check(config, clock, &CheckOptions::default()).await;
    output.print(&Step::Checked {
        report: serde_json::from_str(&report.to_json()?)?,
        text: report.to_string(),
    })?;
    let todo = todo(options, approval == Approval::Granted);
    output.print(&Step::Next { todo })?;
    Ok(report.is_good())
}

/// What is left to do.
fn todo(options: &SetupOptions, is_approved: bool) -> Vec<String> {
    let file = options.env_file.display();
    let mut todo = Vec::new();
    if !is_approved {
        todo.push(format!(
            "Have the scopes approved, then run `noticebot check --env-file {file}`."
        ));
    }
    todo.extend([
        format!("Start the bot: `noticebot serve --env-file {file}`, or `docker compose up --detach` in a container."),
        "In a group, add the bot under Settings → Bots (设置 → 群机器人), and make it a group admin under Group Management (群管理).".to_owned(),
        "Type `/help` in the group.".to_owned(),
    ]);
    todo
}
