//! Query parameters of lists: read as strings, checked against bounds, every fault named.
//!
//! A fault's pointer is `/query/<name>`. This file must never give a page without a bound.

use landfall_core::audit::Action;
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::day::Day;
use landfall_core::feed::Number;
use landfall_core::id::{IdError, TopicId, UserId};
use landfall_core::notify::{FieldError, is_type_name};
use landfall_core::time::Timestamp;
use serde::Deserialize;

use crate::names::{ChannelName, StateName, must_be_one_of};

/// Bounds of a page; settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageLimits {
    /// Items where `limit` is absent.
    pub default: usize,
    /// Items at most.
    pub max: usize,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// At most so many items.
    pub limit: usize,
    /// Items to skip; 0 where a cursor is given.
    pub offset: u64,
    /// The sealed place to go on from.
    pub cursor: Option<String>,
}

/// Parameters of a list that has no filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct PageQuery {
    /// Items at most.
    pub limit: Option<String>,
    /// Items to skip.
    pub offset: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// Reads the page.
    pub fn read(self, limits: PageLimits) -> Result<Page, Vec<FieldError>> {
        let mut faults = Faults::default();
        let page = self.page(limits, &mut faults);
        faults.or(page)
    }

    pub(crate) fn page(self, limits: PageLimits, faults: &mut Faults) -> Page {
        let Self { limit, offset, cursor } = self;
        if cursor.is_some() && offset.is_some() {
            faults.add("cursor", "cannot be combined with offset");
        }
        let detail = format!("must be a number from 1 to {}", limits.max);
        let in_bounds = |n: &usize| (1..=limits.max).contains(n);
        let limit = faults.read("limit", limit, &detail, |t| t.parse().ok().filter(in_bounds));
        let in_range = |n: &u64| *n <= i64::MAX as u64;
        let detail = "must be a number, 0 or more";
        let offset = faults.read("offset", offset, detail, |t| t.parse().ok().filter(in_range));
        Page { limit: limit.unwrap_or(limits.default), offset: offset.unwrap_or(0), cursor }
    }
}

/// Parameters of the inbox, and of the admin's list of notifications.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct NotificationsQuery {
    /// Items at most.
    pub limit: Option<String>,
    /// Items to skip.
    pub offset: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Changed after this number of the feed.
    pub after: Option<String>,
    /// Changed before this number of the feed.
    pub before: Option<String>,
    /// One user's; admin only.
    #[serde(alias = "userId")]
    pub user_id: Option<String>,
    /// One kind of news.
    #[serde(alias = "notificationType", alias = "type")]
    pub notification_type: Option<String>,
    /// `true` or `false`.
    pub delivered: Option<String>,
    /// `true` or `false`.
    pub read: Option<String>,
    /// The opposite of `read`.
    pub unread: Option<String>,
    /// Whose plan has this channel.
    pub channel: Option<String>,
    /// Accepted at or after this time.
    pub since: Option<String>,
    /// Accepted before this time.
    pub until: Option<String>,
}

/// Which notifications a list is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationFilter {
    /// Which part of the list.
    pub page: Page,
    /// Changed after this number.
    pub after: Option<Number>,
    /// Changed before this number.
    pub before: Option<Number>,
    /// One user's.
    pub user: Option<UserId>,
    /// One kind of news.
    pub notification_type: Option<String>,
    /// Whether a device confirmed it.
    pub delivered: Option<bool>,
    /// Whether it was read.
    pub read: Option<bool>,
    /// Whose plan has this channel.
    pub channel: Option<Channel>,
    /// Accepted at or after this time.
    pub since: Option<Timestamp>,
    /// Accepted before this time.
    pub until: Option<Timestamp>,
}

impl NotificationsQuery {
    /// Reads the filter, naming every fault.
    pub fn read(self, limits: PageLimits) -> Result<NotificationFilter, Vec<FieldError>> {
        let Self {
            limit,
            offset,
            cursor,
            after,
            before,
            user_id,
            notification_type,
            delivered,
            read,
            unread,
            channel,
            since,
            until,
        } = self;
        let mut faults = Faults::default();
        let filter = NotificationFilter {
            page: PageQuery { limit, offset, cursor }.page(limits, &mut faults),
            after: faults.number("after", after),
            before: faults.number("before", before),
            user: faults.user("user_id", user_id),
            notification_type: faults.type_name("notification_type", notification_type),
            delivered: faults.yes_or_no("delivered", delivered),
            read: faults.read_state(read, unread),
            channel: faults.channel("channel", channel),
            since: faults.time("since", since),
            until: faults.time("until", until),
        };
        faults.or(filter)
    }
}

/// Parameters of a topic's messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct MessagesQuery {
    /// Items at most.
    pub limit: Option<String>,
    /// Items to skip.
    pub offset: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// Changed after this number of the topic's feed; oldest change first.
    pub after: Option<String>,
    /// Sent before this number; newest first.
    pub before: Option<String>,
}

/// Which messages a list is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessagesFilter {
    /// Which part of the list.
    pub page: Page,
    /// Changed after this number.
    pub after: Option<Number>,
    /// Sent before this number.
    pub before: Option<Number>,
}

impl MessagesQuery {
    /// Reads the filter, naming every fault.
    pub fn read(self, limits: PageLimits) -> Result<MessagesFilter, Vec<FieldError>> {
        let Self { limit, offset, cursor, after, before } = self;
        let mut faults = Faults::default();
        if after.is_some() && before.is_some() {
            faults.add("before", "must be absent where after is given");
        }
        let filter = MessagesFilter {
            page: PageQuery { limit, offset, cursor }.page(limits, &mut faults),
            after: faults.number("after", after),
            before: faults.number("before", before),
        };
        faults.or(filter)
    }
}

/// Parameters of the audit trail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(default)]
pub struct AuditQuery {
    /// Items at most.
    pub limit: Option<String>,
    /// Items to skip.
    pub offset: Option<String>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
    /// What happened.
    pub action: Option<String>,
    /// About what type of thing.
    #[serde(alias = "entityType")]
    pub entity_type: Option<String>,
    /// About which thing.
    #[serde(alias = "entityId")]
    pub entity_id: Option<String>,
    /// Who did it.
    #[serde(alias = "userId")]
    pub user_id: Option<String>,
    /// To whom.
    #[serde(alias = "targetUserId")]
    pub target_user_id: Option<String>,
    /// At or after this time.
    pub since: Option<String>,
    /// Before this time.
    pub until: Option<String>,
}

/// Which entries of the audit trail a list is to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFilter {
    /// Which part of the list.
    pub page: Page,
    /// What happened.
    pub action: Option<Action>,
    /// About what type of thing.
    pub entity_type: Option<String>,
    /// About which thing.
    pub entity_id: Option<String>,
    /// Who did it.
    pub actor: Option<UserId>,
    /// To whom.
    pub target: Option<UserId>,
    /// At or after this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
}

impl AuditQuery {
    /// Reads the filter, naming every fault.
    pub fn read(self, limits: PageLimits) -> Result<AuditFilter, Vec<FieldError>> {
        let Self {
            limit,
            offset,
            cursor,
            action,
            entity_type,
            entity_id,
            user_id,
            target_user_id,
            since,
            until,
        } = self;
        let mut faults = Faults::default();
        let actions = must_be_one_of(&Action::ALL.map(Action::as_str));
        let filter = AuditFilter {
            page: PageQuery { limit, offset, cursor }.page(limits, &mut faults),
            action: faults.read("action", action, &actions, Action::parse),
            entity_type: faults.label("entity_type", entity_type),
            entity_id: faults.label("entity_id", entity_id),
            actor: faults.user("user_id", user_id),
            target: faults.user("target_user_id", target_user_id),
            since: faults.time("since", since),
            until: faults.time("until", until),
        };
        faults.or(filter)
    }
}

/// Collects what is wrong, so that one answer names it all.
#[derive(Default)]
pub(crate) struct Faults(Vec<FieldError>);

impl Faults {
    pub(crate) fn or<T>(self, value: T) -> Result<T, Vec<FieldError>> {
        if self.0.is_empty() { Ok(value) } else { Err(self.0) }
    }

    pub(crate) fn add(&mut self, name: &str, detail: impl Into<String>) {
        self.0.push(FieldError { pointer: format!("/query/{name}"), detail: detail.into() });
    }

    pub(crate) fn read<T>(
        &mut self,
        name: &str,
        text: Option<String>,
        detail: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = parse(&text?);
        if value.is_none() {
            self.add(name, detail);
        }
        value
    }

    fn number(&mut self, name: &str, text: Option<String>) -> Option<Number> {
        self.read(name, text, "must be a number of the feed", Number::parse)
    }

    pub(crate) fn user(&mut self, name: &str, text: Option<String>) -> Option<UserId> {
        let parsed: Result<UserId, IdError> = UserId::parse(&text?);
        parsed.map_err(|error| self.add(name, error.to_string())).ok()
    }

    pub(crate) fn type_name(&mut self, name: &str, text: Option<String>) -> Option<String> {
        let detail = "must be 1 to 64 letters, digits, '_', '-' or '.'";
        self.read(name, text, detail, |text| is_type_name(text).then(|| text.to_owned()))
    }

    /// Bounds a text that is only compared with; a store may not even read every character.
    fn label(&mut self, name: &str, text: Option<String>) -> Option<String> {
        let detail = "must have at most 128 characters and no control characters";
        let is_label =
            |text: &str| text.chars().count() <= 128 && !text.chars().any(char::is_control);
        self.read(name, text, detail, |text| is_label(text).then(|| text.to_owned()))
    }

    fn yes_or_no(&mut self, name: &str, text: Option<String>) -> Option<bool> {
        self.read(name, text, "must be true or false", |text| match text {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        })
    }

    fn read_state(&mut self, read: Option<String>, unread: Option<String>) -> Option<bool> {
        let read = self.yes_or_no("read", read);
        let unread = self.yes_or_no("unread", unread);
        if read.is_some() && read == unread {
            self.add("unread", "contradicts read");
        }
        read.or(unread.map(|unread| !unread))
    }

    pub(crate) fn channel(&mut self, name: &str, text: Option<String>) -> Option<Channel> {
        self.read(name, text, &must_be_one_of(ChannelName::WORDS), Channel::parse)
    }

    pub(crate) fn state(&mut self, name: &str, text: Option<String>) -> Option<DeliveryState> {
        self.read(name, text, &must_be_one_of(StateName::WORDS), DeliveryState::parse)
    }

    pub(crate) fn topic(&mut self, name: &str, text: Option<String>) -> Option<TopicId> {
        TopicId::parse(&text?).map_err(|error| self.add(name, error.to_string())).ok()
    }

    pub(crate) fn day(&mut self, name: &str, text: Option<String>) -> Option<Day> {
        Day::parse(&text?).map_err(|error| self.add(name, error.to_string())).ok()
    }

    pub(crate) fn time(&mut self, name: &str, text: Option<String>) -> Option<Timestamp> {
        let detail = "must be an RFC 3339 time such as 2025-09-15T14:00:00Z";
        self.read(name, text, detail, |text| Timestamp::parse(text).ok())
    }
}
