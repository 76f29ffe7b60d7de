//! What preferences must look like before they are stored.
//!
//! Names every fault with its place (RFC 6901), never only the first; it decides nothing else.

use std::collections::HashMap;

use super::{PreferenceRule, Preferences};
use crate::channel::Channel;
use crate::id::TopicId;
use crate::notify::{FieldError, is_type_name};
use crate::profile::is_locale;

/// Rules of one user, or of a tenant.
pub const RULES_MAX: usize = 200;
/// Reminders of one rule.
pub const REMINDERS_MAX: usize = 10;
/// Minutes before the start of the earliest reminder: four weeks.
pub const REMINDER_MINUTES_MAX: u32 = 4 * 7 * 24 * 60;

/// Says every fault of preferences as `/rules/{index}/…` and `/locale`; an empty answer means that
/// they can be stored. Quiet hours and zones have been read already and have no faults.
pub fn faults(preferences: &Preferences) -> Vec<FieldError> {
    let mut faults = Vec::new();
    if preferences.rules.len() > RULES_MAX {
        faults.push(FieldError::new("/rules", format!("must have at most {RULES_MAX} rules")));
        return faults;
    }
    let mut known: HashMap<Whom<'_>, usize> = HashMap::new();
    for (index, rule) in preferences.rules.iter().enumerate() {
        let at = format!("/rules/{index}");
        if let Some(first) = known.insert(whom(rule), index) {
            let detail = format!("is about the same as rule {first}: say it in one");
            faults.push(FieldError::new(&at, detail));
        }
        check_rule(rule, &at, &mut faults);
    }
    if preferences.locale.as_deref().is_some_and(|locale| !is_locale(locale)) {
        faults.push(FieldError::new("/locale", "must be a language tag such as es-MX"));
    }
    faults
}

type Whom<'a> = (Option<&'a str>, Option<Channel>, Option<&'a TopicId>);

fn whom(rule: &PreferenceRule) -> Whom<'_> {
    (rule.notification_type.as_deref(), rule.channel, rule.topic.as_ref())
}

fn check_rule(rule: &PreferenceRule, at: &str, faults: &mut Vec<FieldError>) {
    let mut fault = |field: &str, detail: String| {
        faults.push(FieldError::new(&format!("{at}{field}"), detail));
    };
    if rule.notification_type.as_deref().is_some_and(|name| !is_type_name(name)) {
        let detail =
            "must be a type or the stem of types: 1 to 64 letters, digits, '_', '-' or '.'";
        fault("/notification_type", detail.into());
    }
    if rule.enabled.is_none() && rule.reminder_minutes.is_none() {
        fault("", "must say enabled or reminder_minutes".into());
    }
    if rule.channel == Some(Channel::Websocket) && rule.enabled == Some(false) {
        fault("/channel", "cannot be switched off: the live stream gets every notification".into());
    }
    let Some(minutes) = &rule.reminder_minutes else { return };
    if rule.channel.is_some() {
        fault("/reminder_minutes", "cannot be said for one channel".into());
    }
    if minutes.len() > REMINDERS_MAX {
        fault("/reminder_minutes", format!("must have at most {REMINDERS_MAX} numbers"));
        return;
    }
    for (place, _) in minutes.iter().enumerate().filter(|(_, m)| **m > REMINDER_MINUTES_MAX) {
        let detail = format!("must be at most {REMINDER_MINUTES_MAX} minutes");
        fault(&format!("/reminder_minutes/{place}"), detail);
    }
}
