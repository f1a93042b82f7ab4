//! What the group of a job has set for itself.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::command::ZoneName;
use crate::model::settings::GroupSettings;

/// The settings of one group, as far as they differ from the configuration.
#[derive(Debug, Clone, Default)]
pub(crate) struct OfGroup {
    pub(super) settings: Arc<GroupSettings>,
    pub(super) time_zone: Option<TimeZone>,
}

impl From<GroupSettings> for OfGroup {
    fn from(settings: GroupSettings) -> Self {
        Self {
            time_zone: settings.zone().map(ZoneName::time_zone),
            settings: Arc::new(settings),
        }
    }
}
