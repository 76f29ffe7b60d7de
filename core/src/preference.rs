//! What a person wants to be told, on which channels, and when (S0; contract 3, rule 3).
//!
//! Rules of the tenant lie underneath those of the user; of either, the most specific one speaks.
//! This file only reads preferences: what they do to a channel is decided in [`crate::plan`].

mod faults;
#[cfg(test)]
mod tests;

pub use faults::{REMINDER_MINUTES_MAX, REMINDERS_MAX, RULES_MAX, faults};

use crate::channel::Channel;
use crate::id::TopicId;
use crate::quiet::QuietHours;
use crate::time::Timestamp;
use crate::zone::Zone;

/// How many minutes before its start somebody is reminded who said nothing about it (S0).
pub const REMINDER_MINUTES_DEFAULT: u32 = 15;

/// One thing that somebody set: whom it is about, and what it says.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct PreferenceRule {
    /// A type, or the stem of several: `quiz` covers `quiz` and `quiz_reminder`, not `quizzes`.
    pub notification_type: Option<String>,
    /// Only this channel.
    pub channel: Option<Channel>,
    /// Only this topic.
    pub topic: Option<TopicId>,
    /// Whether it is to be sent.
    pub enabled: Option<bool>,
    /// Minutes before the start; empty for no reminder, 0 for one at the start.
    pub reminder_minutes: Option<Vec<u32>>,
}

impl PreferenceRule {
    /// Says whether it switches a channel off as a whole, which holds for every priority.
    pub fn switches_off(&self, channel: Channel) -> bool {
        let Self { notification_type, channel: named, topic, enabled, reminder_minutes: _ } = self;
        *enabled == Some(false)
            && *named == Some(channel)
            && notification_type.is_none()
            && topic.is_none()
    }

    fn speaks_of(&self, about: About<'_>) -> bool {
        let types = self.notification_type.as_deref();
        types.is_none_or(|types| covers(types, about.notification_type))
            && self.topic.as_ref().is_none_or(|topic| Some(topic) == about.topic)
    }

    /// Orders rules that speak of the same thing, the stronger one later.
    fn strength(&self, about: About<'_>) -> Strength {
        let types = self.notification_type.as_deref();
        let is_exact = types == Some(about.notification_type);
        (self.topic.is_some(), is_exact, types.map_or(0, str::len), self.channel.is_some())
    }
}

/// Whether a rule names the topic, whether the very type, how much of the type, whether the channel.
type Strength = (bool, bool, usize, bool);

/// Says whether a type or stem covers a type.
fn covers(types: &str, notification_type: &str) -> bool {
    let rest = notification_type.strip_prefix(types);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
}

/// What one user, or a tenant for all of its users, has set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preferences {
    /// What is sent, in any order.
    pub rules: Vec<PreferenceRule>,
    /// The part of each day in which nothing is to disturb.
    pub quiet_hours: Option<QuietHours>,
    /// Nothing is to disturb until then.
    pub do_not_disturb_until: Option<Timestamp>,
    /// Language of texts, such as `es-MX`.
    pub locale: Option<String>,
    /// Where the person is.
    pub tz: Option<Zone>,
}

impl Preferences {
    /// Gives every number of minutes before the start at which a rule asks for a reminder, ascending and each once.
    pub fn reminders(&self) -> Vec<u32> {
        let asked = self.rules.iter().filter_map(|rule| rule.reminder_minutes.as_ref());
        let mut minutes: Vec<u32> = asked.flatten().copied().collect();
        minutes.sort_unstable();
        minutes.dedup();
        minutes
    }
}

/// What a notification is about, as rules can name it.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Its type.
    pub notification_type: &'a str,
    /// The topic or class that it was sent to.
    pub topic: Option<&'a TopicId>,
}

/// What preferences say of one channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Say {
    /// Nothing against it.
    #[default]
    Allowed,
    /// A rule that names this channel switches it on.
    Wished,
    /// A rule switches it off for this kind or topic, or for all.
    Off,
    /// The user switched the channel off as a whole: that holds for every priority.
    OffAsAWhole,
}

/// What preferences say of one kind of news in one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    says: [Say; Channel::ALL.len()],
    /// The part of each day in which nothing is to disturb.
    pub quiet_hours: Option<QuietHours>,
    /// Nothing is to disturb until then; may have passed.
    pub do_not_disturb_until: Option<Timestamp>,
    /// Language of texts.
    pub locale: Option<String>,
    /// Where the person is.
    pub tz: Option<Zone>,
}

impl Default for Resolved {
    /// What holds for who has set nothing.
    fn default() -> Self {
        let nothing = Preferences::default();
        Self::of(&nothing, &nothing, About { notification_type: "", topic: None })
    }
}

impl Resolved {
    /// Finds what holds.
    ///
    /// Whatever the user set beats whatever the tenant set. Of the rules of one of them that
    /// speak of this notification the strongest holds: first those that name its topic; among
    /// those, or where none does, the one with its exact type, then the longer stem, then no
    /// type; and where that is equal too, the one that names the channel beats the one that does
    /// not. A channel that the user switched off as a whole stays off whatever else is set; by a
    /// tenant's default it is only off until the user says otherwise.
    ///
    /// `websocket` is always allowed, since the live stream gets every notification.
    pub fn of(defaults: &Preferences, own: &Preferences, about: About<'_>) -> Self {
        Self {
            says: says(defaults, own, about),
            quiet_hours: own.quiet_hours.clone().or_else(|| defaults.quiet_hours.clone()),
            do_not_disturb_until: own.do_not_disturb_until.or(defaults.do_not_disturb_until),
            locale: own.locale.clone().or_else(|| defaults.locale.clone()),
            tz: own.tz.clone().or_else(|| defaults.tz.clone()),
        }
    }

    /// Says whether nothing but the live stream is wanted: no channel that leads out is left on.
    pub fn is_muted(&self) -> bool {
        let is_off = |say: Say| matches!(say, Say::Off | Say::OffAsAWhole);
        [Channel::Push, Channel::Sms, Channel::Email].into_iter().all(|one| is_off(self.say(one)))
    }

    /// Tells what is said of a channel.
    pub const fn say(&self, channel: Channel) -> Say {
        self.says[channel as usize]
    }
}

/// Minutes before the start at which to remind, the earliest reminder first.
///
/// Resolved as [`Resolved::of`] does it, among the rules that name no channel.
pub fn reminder_minutes(defaults: &Preferences, own: &Preferences, about: About<'_>) -> Vec<u32> {
    let speaks = |rule: &&PreferenceRule| rule.channel.is_none() && rule.speaks_of(about);
    let set = |preferences: &Preferences| {
        let rules = preferences.rules.iter().filter(speaks);
        let rules = rules.filter(|rule| rule.reminder_minutes.is_some());
        rules.max_by_key(|rule| rule.strength(about))?.reminder_minutes.clone()
    };
    let set = set(own).or_else(|| set(defaults));
    let mut minutes = set.unwrap_or_else(|| vec![REMINDER_MINUTES_DEFAULT]);
    minutes.sort_unstable_by(|one, other| other.cmp(one));
    minutes.dedup();
    minutes
}

/// One for each channel, in the order of [`Channel::ALL`].
type PerChannel<T> = [T; Channel::ALL.len()];

fn says(defaults: &Preferences, own: &Preferences, about: About<'_>) -> PerChannel<Say> {
    let (above, beneath) = (strongest(&own.rules, about), strongest(&defaults.rules, about));
    Channel::ALL.map(|channel| {
        if channel == Channel::Websocket {
            return Say::Allowed;
        }
        if own.rules.iter().any(|rule| rule.switches_off(channel)) {
            return Say::OffAsAWhole;
        }
        let rule = above[channel as usize].or(beneath[channel as usize]);
        match rule.map(|rule| (rule.enabled, rule.channel)) {
            Some((Some(false), _)) => Say::Off,
            Some((Some(true), Some(_))) => Say::Wished,
            _ => Say::Allowed,
        }
    })
}

/// Finds the rule that switches each channel on or off.
fn strongest<'a>(
    rules: &'a [PreferenceRule],
    about: About<'_>,
) -> PerChannel<Option<&'a PreferenceRule>> {
    let mut found: PerChannel<Option<(Strength, &PreferenceRule)>> = Default::default();
    for rule in rules.iter().filter(|rule| rule.enabled.is_some() && rule.speaks_of(about)) {
        let strength = rule.strength(about);
        for channel in Channel::ALL {
            let known = &mut found[channel as usize];
            let is_meant = rule.channel.is_none_or(|named| named == channel);
            if is_meant && known.is_none_or(|(known, _)| known <= strength) {
                *known = Some((strength, rule));
            }
        }
    }
    found.map(|known| known.map(|(_, rule)| rule))
}
