//! Deliveries as admins see them (S0's `notification_logs`), and trying failed ones again.
//!
//! Shows no address.

use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::id::{DeliveryId, UserId};
use landfall_core::notify::FieldError;
use landfall_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::names::{ChannelName, ReasonName, StateName};
use crate::query::{Faults, Page, PageLimits, PageQuery};
use crate::text::{IdText, Time};

/// Deliveries that one call tries again at most.
pub const REPLAY_MAX: usize = 500;

/// One delivery of a notification on a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeliveryItem {
    /// Its name (UUIDv7).
    pub id: String,
    /// The notification.
    pub notification_id: String,
    /// For whom.
    pub user_id: String,
    /// Kind of news.
    pub notification_type: String,
    /// Headline.
    pub title: String,
    /// Text (S0's name of it).
    pub body: String,
    /// On which channel.
    pub channel: ChannelName,
    /// `android`, `ios` or `web`, where it went to one device that is still registered.
    pub platform: Option<String>,
    /// How it stands (S0's name of it).
    pub delivery_status: StateName,
    /// How it stands; equals `delivery_status`.
    pub state: StateName,
    /// Why.
    pub reason: ReasonName,
    /// The rule of the order of say that it follows from.
    pub rule: Option<u8>,
    /// Which provider had it last.
    pub provider: Option<String>,
    /// The provider's code of the last attempt.
    pub code: Option<String>,
    /// The provider's own name of it.
    pub reference: Option<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// When its turn comes.
    pub due_at: Option<Time>,
    /// When it was stored.
    pub created_at: Time,
    /// When it last changed.
    pub updated_at: Time,
}

/// Parameters of the list of deliveries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct DeliveriesQuery {
    /// Items at most.
    pub limit: Option<String>,
    /// Items to skip.
    pub offset: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// One user's.
    #[serde(alias = "userId")]
    pub user_id: Option<String>,
    /// Of one kind of news.
    #[serde(alias = "notificationType", alias = "type")]
    pub notification_type: Option<String>,
    /// On one channel.
    pub channel: Option<String>,
    /// Those that stand so; or `delivery_status`.
    pub state: Option<String>,
    /// Those that stand so (S0's name of it).
    #[serde(alias = "deliveryStatus")]
    pub delivery_status: Option<String>,
    /// Stored at or after this time.
    pub since: Option<String>,
    /// Stored before this time.
    pub until: Option<String>,
}

/// Which deliveries a list is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Which part of the list.
    pub page: Page,
    /// One user's.
    pub user: Option<UserId>,
    /// Of one kind of news.
    pub notification_type: Option<String>,
    /// On one channel.
    pub channel: Option<Channel>,
    /// Those that stand so.
    pub state: Option<DeliveryState>,
    /// Stored at or after this time.
    pub since: Option<Timestamp>,
    /// Stored before this time.
    pub until: Option<Timestamp>,
}

impl DeliveriesQuery {
    /// Reads the filter.
    ///
    /// # Errors
    /// Every fault.
    pub fn read(self, limits: PageLimits) -> Result<DeliveryFilter, Vec<FieldError>> {
        let Self {
            limit,
            offset,
            cursor,
            user_id,
            notification_type,
            channel,
            state,
            delivery_status,
            since,
            until,
        } = self;
        let mut faults = Faults::default();
        let page = PageQuery { limit, offset, cursor }.page(limits, &mut faults);
        let by_status = faults.state("delivery_status", delivery_status);
        let state = faults.state("state", state);
        if state.is_some() && by_status.is_some() && state != by_status {
            faults.add("delivery_status", "contradicts state");
        }
        let filter = DeliveryFilter {
            page,
            user: faults.user("user_id", user_id),
            notification_type: faults.type_name("notification_type", notification_type),
            channel: faults.channel("channel", channel),
            state: state.or(by_status),
            since: faults.time("since", since),
            until: faults.time("until", until),
        };
        faults.or(filter)
    }
}

/// Has deliveries that failed tried again: named ones, or all that fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ReplayRequest {
    /// Which; without it, those that the other fields fit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<String>>,
    /// On one channel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelName>,
    /// Stored at or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// Stored before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// One user's.
    #[serde(alias = "userId", skip_serializing_if = "Option::is_none")]
    pub user_id: Option<IdText>,
    /// So many at most, newest first; 100 where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Which failed deliveries to try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replay {
    /// These, each once.
    Named(Vec<DeliveryId>),
    /// Those that fit.
    Fitting {
        /// On one channel.
        channel: Option<Channel>,
        /// One user's.
        user: Option<UserId>,
        /// Stored at or after this time.
        since: Option<Timestamp>,
        /// Stored before this time.
        until: Option<Timestamp>,
        /// So many at most.
        limit: usize,
    },
}

const REPLAY_DEFAULT: usize = 100;

impl ReplayRequest {
    /// Reads which deliveries are meant.
    ///
    /// # Errors
    /// What is wrong; that names and a filter are given at once.
    pub fn read(self) -> Result<Replay, Vec<FieldError>> {
        let Self { ids, channel, since, until, user_id, limit } = self;
        let has_filter = channel.is_some() || since.is_some() || until.is_some();
        let Some(ids) = ids else {
            let limit = limit.map_or(REPLAY_DEFAULT, |limit| limit as usize);
            if !(1..=REPLAY_MAX).contains(&limit) {
                let detail = format!("must be a number from 1 to {REPLAY_MAX}");
                return Err(vec![FieldError::new("/limit", detail)]);
            }
            let user = user_id.map(|user| user.read("/user_id", UserId::parse)).transpose();
            return Ok(Replay::Fitting {
                channel: channel.map(|channel| channel.0),
                user: user.map_err(|fault| vec![fault])?,
                since: since.map(|time| time.0),
                until: until.map(|time| time.0),
                limit,
            });
        };
        if has_filter || user_id.is_some() || limit.is_some() {
            return Err(vec![FieldError::new("/ids", "cannot be given with a filter")]);
        }
        named(&ids).map(Replay::Named)
    }
}

fn named(ids: &[String]) -> Result<Vec<DeliveryId>, Vec<FieldError>> {
    if !(1..=REPLAY_MAX).contains(&ids.len()) {
        let detail = format!("must name 1 to {REPLAY_MAX} deliveries");
        return Err(vec![FieldError::new("/ids", detail)]);
    }
    let mut found = Vec::with_capacity(ids.len());
    let mut faults = Vec::new();
    for (place, id) in ids.iter().enumerate() {
        match DeliveryId::parse(id) {
            Ok(id) if found.contains(&id) => {}
            Ok(id) => found.push(id),
            Err(error) => faults.push(FieldError::new(&format!("/ids/{place}"), error.to_string())),
        }
    }
    if faults.is_empty() { Ok(found) } else { Err(faults) }
}

/// How many deliveries are tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplayAnswer {
    /// So many; those that had not failed for good are left as they are.
    pub replayed: u64,
}
