//! The order of say's first rules, shared by the plan and by the look before each attempt.
//!
//! A rule that comes earlier is asked earlier, and the first that forbids gives the reason. This
//! file must never weigh one rule against another in any other way.

use super::{Reason, Refusal, Route, Way};
use crate::channel::Channel;
use crate::notification::Priority;
use crate::preference::{Resolved, Say};
use crate::time::Timestamp;

/// Lists the channels that rule 2 brings in, once each, with the reason.
pub(super) fn candidates(route: &Route<'_>) -> Vec<(Channel, Reason)> {
    let mut found: Vec<(Channel, Reason)> = Vec::with_capacity(Channel::ALL.len());
    let mut bring = |channels: &[Channel], why: Reason| {
        for &channel in channels {
            if found.iter().all(|(known, _)| *known != channel) {
                found.push((channel, why));
            }
        }
    };
    if !route.requested.is_empty() {
        bring(route.requested, Reason::Requested);
    } else if !route.template.is_empty() {
        bring(route.template, Reason::InTemplate);
    } else {
        bring(&[Channel::Websocket, Channel::Push], Reason::ByDefault);
        if route.priority >= Priority::High {
            let wished = |channel: &Channel| route.preferences.say(*channel) == Say::Wished;
            let costly = [Channel::Sms, Channel::Email];
            bring(&costly.into_iter().filter(wished).collect::<Vec<_>>(), Reason::Wished);
        }
    }
    found
}

/// Says why a channel must not be used now, by rules 1, 3 and 4 in this order.
pub(crate) fn forbidden(
    channel: Channel,
    priority: Priority,
    way: Way,
    preferences: &Resolved,
) -> Option<Reason> {
    match way.refusal {
        Some(Refusal::OptedOut) => return Some(Reason::OptedOut),
        Some(Refusal::Suppressed) => return Some(Reason::Suppressed),
        None => {}
    }
    match preferences.say(channel) {
        Say::OffAsAWhole => return Some(Reason::SwitchedOff),
        Say::Off if priority < Priority::Critical => return Some(Reason::PreferredOff),
        Say::Off | Say::Allowed | Say::Wished => {}
    }
    match way {
        Way { is_configured: false, .. } => Some(Reason::NotConfigured),
        Way { has_address: false, .. } => Some(Reason::NoAddress),
        _ => None,
    }
}

/// Says until when rule 3 puts off what would go out at `at`, and why.
///
/// Quiet hours that begin before do-not-disturb ends go on holding, so that at the time of the
/// answer neither holds any more.
pub(crate) fn held(
    priority: Priority,
    preferences: &Resolved,
    at: Timestamp,
) -> Option<(Timestamp, Reason)> {
    if priority == Priority::Critical {
        return None;
    }
    let undisturbed = preferences.do_not_disturb_until.filter(|until| *until > at);
    let quiet_at = undisturbed.unwrap_or(at);
    let quiet = preferences.quiet_hours.as_ref().and_then(|quiet| quiet.held_until(quiet_at));
    match (undisturbed, quiet) {
        (Some(until), quiet) => Some((quiet.unwrap_or(until), Reason::DoNotDisturb)),
        (None, Some(until)) => Some((until, Reason::QuietHours)),
        (None, None) => None,
    }
}
