//! Parameters of the calls about events.

use landfall_core::due::LocalTime;
use landfall_core::id::EventId;
use landfall_core::notify::FieldError;
use landfall_core::time::Timestamp;
use serde::Deserialize;

use crate::query::{Faults, Page, PageLimits, PageQuery};

/// Parameters of lists of events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct EventsQuery {
    /// Those that are not over by then; now where absent.
    pub from: Option<String>,
    /// Those that begin before then; four weeks after `from` where absent, and a year at most.
    pub to: Option<String>,
    /// Items at most.
    pub limit: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Which events a list is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventsPage {
    /// Which part of the list.
    pub page: Page,
    /// Those that are not over by then.
    pub from: Timestamp,
    /// Those that begin before then.
    pub to: Timestamp,
}

const DAY_MS: i64 = 24 * 3_600_000;
const WITHIN_DEFAULT_MS: i64 = 28 * DAY_MS;
const WITHIN_MAX_MS: i64 = 366 * DAY_MS;

impl EventsQuery {
    /// Reads which part of the list, and of which time.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self, limits: PageLimits, now: Timestamp) -> Result<EventsPage, Vec<FieldError>> {
        let Self { from, to, limit, cursor } = self;
        let mut faults = Faults::default();
        let page = PageQuery { limit, offset: None, cursor }.page(limits, &mut faults);
        let detail = "must be an RFC 3339 time such as 2026-01-15T10:00:00Z";
        let time = |text: &str| Timestamp::parse(text).ok();
        let from = faults.read("from", from, detail, time).unwrap_or(now);
        let to = faults.read("to", to, detail, time);
        let to = to.unwrap_or_else(|| from.plus_ms(WITHIN_DEFAULT_MS));
        if to <= from {
            faults.add("to", "must be after from");
        } else if to > from.plus_ms(WITHIN_MAX_MS) {
            faults.add("to", "must be at most 366 days after from");
        }
        faults.or(EventsPage { page, from, to })
    }
}

/// Parameters of the changes of one event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct OccurrenceQuery {
    /// Only this occurrence, by the name that lists show.
    pub occurrence: Option<String>,
}

impl OccurrenceQuery {
    /// Reads which occurrence is meant.
    ///
    /// # Errors
    /// It is no local time.
    pub fn read(self) -> Result<Option<LocalTime>, Vec<FieldError>> {
        let mut faults = Faults::default();
        let detail = "must be a date and time without a zone, such as 2026-01-15T10:00:00";
        let name =
            faults.read("occurrence", self.occurrence, detail, |text| LocalTime::parse(text).ok());
        faults.or(name)
    }
}

/// Reads the place of a list of events.
pub fn event_place(text: &str) -> Option<EventId> {
    EventId::parse(text).ok()
}
