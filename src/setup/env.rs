//! The file with the environment variables of the new app.

use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use super::error::SetupError;
use crate::config::{Config, EnvFile, Region, names_of};

/// A variable that is to be set.
pub(super) struct Setting {
    name: &'static str,
    value: SecretString,
    /// It is the default, which only has to replace another value.
    is_default: bool,
}

/// The file, as it was at the start.
pub(super) struct Target {
    path: PathBuf,
    file: EnvFile,
}

const APP_ID: &str = "FEISHU_APP_ID";
const APP_SECRET: &str = "FEISHU_APP_SECRET";
const RECEIVE: &str = "FEISHU_RECEIVE";
const REGION: &str = "FEISHU_REGION";
/// The variables that a set-up writes.
pub const VARIABLES: [&str; 4] = [APP_ID, APP_SECRET, RECEIVE, REGION];

const LONG_CONNECTION: &str = "long_connection";

impl Target {
    /// Fails if the file could not be written later.
    pub(super) fn open(path: &Path) -> Result<Self, SetupError> {
        // A link keeps pointing to the file.
        let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let file = match std::fs::read_to_string(&path) {
            Ok(text) => EnvFile::parse(&text),
            Err(error) if error.kind() == ErrorKind::NotFound => EnvFile::default(),
            Err(error) => {
                return Err(SetupError::misuse(
                    format!("`{}` cannot be read ({error})", path.display()),
                    "name another file with `--env-file`",
                ));
            }
        };
        let target = Self { path, file };
        target.temporary().map_err(|error| {
            SetupError::misuse(
                format!("`{}` cannot be written ({error})", target.path.display()),
                "name a file in a directory that this user can write to with `--env-file`",
            )
        })?;
        Ok(target)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What is set already, and would be replaced. An app that the admin named is no surprise.
    pub(super) fn conflicts(&self, app_id: Option<&str>) -> Vec<&'static str> {
        let differs = |name: &'static str, expected: Option<&str>| {
            let set = self.value(name);
            set.is_some_and(|value| Some(value) != expected)
                .then_some(name)
        };
        let app = differs(APP_ID, app_id);
        let is_same_app = app_id.is_some() && self.value(APP_ID) == app_id;
        let secret = differs(APP_SECRET, None).filter(|_| !is_same_app);
        let receive = differs(RECEIVE, Some(LONG_CONNECTION));
        [app, secret, receive].into_iter().flatten().collect()
    }

    /// The app that other settings than this file's name, which would win over the file.
    pub(super) fn other_app<'a>(
        &self,
        config: &'a Config,
        app_id: Option<&str>,
    ) -> Option<&'a str> {
        let set = Some(&*config.feishu.app_id).filter(|set| !set.is_empty());
        set.filter(|set| self.value(APP_ID) != Some(set) && app_id != Some(set))
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.file.value_of(&names_of(name)).map(|(_, value)| value)
    }

    /// Replaces the file at once, readable by its owner only.
    pub(super) fn write(mut self, settings: &[Setting]) -> std::io::Result<()> {
        for Setting {
            name,
            value,
            is_default,
        } in settings
        {
            if *is_default && self.value(name).is_none() {
                continue;
            }
            self.file.set(name, value.expose_secret(), &names_of(name));
        }
        let mut temporary = self.temporary()?;
        temporary.write_all(self.file.to_string().as_bytes())?;
        temporary.as_file().sync_all()?;
        temporary.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    /// A file next to the other, with mode 0600.
    fn temporary(&self) -> std::io::Result<tempfile::NamedTempFile> {
        let folder = self
            .path
            .parent()
            .filter(|path| !path.as_os_str().is_empty());
        tempfile::Builder::new()
            .prefix(".noticebot-")
            .tempfile_in(folder.unwrap_or(Path::new(".")))
    }
}

/// What a bot with these settings needs in its environment, beyond the defaults.
pub(super) fn settings(config: &Config) -> Vec<Setting> {
    let feishu = &config.feishu;
    let mut settings = vec![
        Setting::new(APP_ID, &feishu.app_id),
        Setting {
            name: APP_SECRET,
            value: feishu.app_secret.clone(),
            is_default: false,
        },
        Setting::new(RECEIVE, LONG_CONNECTION),
    ];
    settings.push(match feishu.region {
        Region::Lark => Setting::new(REGION, "lark"),
        Region::Feishu => Setting {
            is_default: true,
            ..Setting::new(REGION, "feishu")
        },
    });
    for (name, url) in [
        ("FEISHU_BASE_URL", &feishu.base_url),
        ("FEISHU_ACCOUNTS_URL", &feishu.accounts_url),
    ] {
        if !url.is_empty() {
            settings.push(Setting::new(name, url));
        }
    }
    settings
}

impl Setting {
    fn new(name: &'static str, value: &str) -> Self {
        let value = SecretString::from(value);
        Self {
            name,
            value,
            is_default: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::config::Environment;

    fn config(environment: &[(&str, &str)]) -> Config {
        let environment = environment.iter().copied().collect::<Environment>();
        Config::read(None, &environment).unwrap()
    }

    fn conflicts(text: &str, app_id: Option<&str>) -> Vec<&'static str> {
        let target = Target {
            path: PathBuf::new(),
            file: EnvFile::parse(text),
        };
        target.conflicts(app_id)
    }

    #[test]
    fn values_that_would_change_are_conflicts() {
        let receive = "FEISHU_RECEIVE=long_connection\n";
        for (text, app_id, expected) in [
            ("", None, &[][..]),
            ("HTTPS_PROXY=http://p\nFEISHU_APP_ID=\n", None, &[]),
            (receive, None, &[]),
            ("FEISHU_RECEIVE=webhook", None, &[RECEIVE]),
            (
                "FEISHU_APP_ID=cli_1\nFEISHU_APP_SECRET=s",
                None,
                &[APP_ID, APP_SECRET],
            ),
            (
                "FEISHU_APP_ID=cli_1\nFEISHU_APP_SECRET=s",
                Some("cli_1"),
                &[],
            ),
            ("FEISHU_APP_ID=cli_1", Some("cli_2"), &[APP_ID]),
            ("FEISHU_APP_SECRET_FILE=/run/secret", None, &[APP_SECRET]),
            ("NOTICEBOT_FEISHU_APP_ID=cli_1", None, &[APP_ID]),
        ] {
            assert_eq!(conflicts(text, app_id), expected, "{text} {app_id:?}");
        }
    }

    #[test]
    fn other_lines_stay_and_the_file_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        let before =
            "# Mine\nFEISHU_APP_ID=old\nNOTICEBOT_LANGUAGE=zh\nFEISHU_APP_SECRET_FILE=/x\n";
        fs::write(&path, before).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let config = config(&[
            ("FEISHU_APP_ID", "cli_1"),
            ("FEISHU_APP_SECRET", "s1"),
            ("FEISHU_REGION", "lark"),
            ("FEISHU_BASE_URL", "http://127.0.0.1:1"),
        ]);
        Target::open(&link)
            .unwrap()
            .write(&settings(&config))
            .unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "# Mine\nFEISHU_APP_ID=cli_1\nNOTICEBOT_LANGUAGE=zh\nFEISHU_APP_SECRET=s1\n\
             FEISHU_RECEIVE=long_connection\nFEISHU_REGION=lark\nFEISHU_BASE_URL=http://127.0.0.1:1\n"
        );
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    }

    #[test]
    fn the_region_is_that_of_the_app() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".env");
        let config = config(&[("FEISHU_APP_ID", "cli_1"), ("FEISHU_APP_SECRET", "s1")]);
        for (before, region) in [("", None), ("FEISHU_REGION=lark\n", Some("feishu"))] {
            fs::write(&path, before).unwrap();
            let target = Target::open(&path).unwrap();
            target.write(&settings(&config)).unwrap();
            assert_eq!(Target::open(&path).unwrap().value(REGION), region);
        }
    }

    #[test]
    fn an_app_of_other_settings_is_named() {
        let config = config(&[("FEISHU_APP_ID", "cli_1")]);
        let of = |text: &str| Target {
            path: PathBuf::new(),
            file: EnvFile::parse(text),
        };
        assert_eq!(of("").other_app(&config, None), Some("cli_1"));
        assert_eq!(of("").other_app(&config, Some("cli_1")), None);
        assert_eq!(of("FEISHU_APP_ID=cli_1").other_app(&config, None), None);
    }

    #[test]
    fn an_unwritable_place_is_found_before() {
        let error = Target::open(Path::new("/proc/.env")).err().unwrap();
        assert!(
            error.is_misuse && error.what.contains("cannot be written"),
            "{error}"
        );
        let error = Target::open(Path::new("/proc")).err().unwrap();
        assert!(error.what.contains("cannot be read"), "{error}");
    }
}
