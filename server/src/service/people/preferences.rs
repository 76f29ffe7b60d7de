//! What users want to be told, and what a tenant sets for all of them (S0; contract 3).

use landfall_core::audit::{Action, Details, Entity};
use landfall_core::auth::{Caller, Scope};
use landfall_core::channel::Channel;
use landfall_core::id::{Tenant, UserId};
use landfall_core::notify::FieldError;
use landfall_core::preference::{
    About, PreferenceRule, Preferences, Resolved, Say, faults, reminder_minutes,
};
use landfall_core::quiet::{MinuteOfDay, QuietHours};
use landfall_core::time::Timestamp;
use landfall_core::zone::Zone;
use landfall_store::{AuditDraft, StoredPreferences, Unit, Write};
use serde_json::json;

use super::super::revocations::unit_of;
use super::super::{ServiceError, Services, deciding};
use super::stored::{body_of, preferences_of};

/// The stems of the types that scheduled events have (contract 5).
const SCHEDULED: [&str; 3] = ["quiz", "live_session", "event"];

/// What preferences are to become: what is absent stays, `Some(None)` removes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PreferencesDraft {
    /// The rules.
    pub rules: RulesDraft,
    /// The quiet part of each day.
    pub quiet_hours: Option<Option<QuietDraft>>,
    /// Nothing disturbs until then.
    pub do_not_disturb_until: Option<Option<Timestamp>>,
    /// Language.
    pub locale: Option<Option<String>>,
    /// Time zone.
    pub tz: Option<Option<Zone>>,
}

/// What rules are to become.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RulesDraft {
    /// They stay.
    #[default]
    Untouched,
    /// One is said beside the others, in place of what was said of the same (S0).
    One(PreferenceRule),
    /// These are all.
    All(Vec<PreferenceRule>),
}

/// Quiet hours whose zone may still have to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietDraft {
    /// The first quiet minute.
    pub start: MinuteOfDay,
    /// The first minute that is quiet no more.
    pub end: MinuteOfDay,
    /// Where the clock hangs.
    pub zone: Option<Zone>,
}

/// Who said what a rule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The user.
    Own,
    /// The tenant.
    Tenant,
    /// Nobody.
    Default,
}

/// A rule as it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewedRule {
    /// What it is about; `enabled` is always said.
    pub rule: PreferenceRule,
    /// Who said so.
    pub source: Source,
}

/// What holds for somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreferencesView {
    /// Their own rules, those of the tenant about something else, then the built-in types.
    pub rules: Vec<ViewedRule>,
    /// The rest, resolved.
    pub resolved: Resolved,
}

impl Services {
    /// Gives what holds for the caller.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn own_preferences(&self, caller: &Caller) -> Result<PreferencesView, ServiceError> {
        let own = self.store.preferences(&caller.tenant, Some(&caller.user)).await?;
        let defaults = self.tenant_wishes(&caller.tenant).await?;
        Ok(view(&defaults, &own.as_ref().map(preferences_of).unwrap_or_default()))
    }

    /// Changes what the caller wants.
    ///
    /// # Errors
    /// `Invalid` with every fault.
    pub async fn change_preferences(
        &self,
        caller: &Caller,
        draft: &PreferencesDraft,
    ) -> Result<PreferencesView, ServiceError> {
        let zone = &self.own_zone(caller).await?;
        deciding(|| async move {
            let old = self.store.preferences(&caller.tenant, Some(&caller.user)).await?;
            let base = old.as_ref().map(preferences_of).unwrap_or_default();
            let next = applied(&base, draft, zone.as_ref())?;
            self.put_preferences(caller, Some(&caller.user), old.as_ref(), &next).await?;
            Ok(view(&self.tenant_wishes(&caller.tenant).await?, &next))
        })
        .await
    }

    /// Gives what the caller's tenant set for all of its users; needs `users:manage`.
    ///
    /// # Errors
    /// `Forbidden`.
    pub async fn tenant_preferences(
        &self,
        caller: &Caller,
    ) -> Result<PreferencesView, ServiceError> {
        require_manager(caller)?;
        Ok(view(&self.tenant_wishes(&caller.tenant).await?, &Preferences::default()))
    }

    /// Sets what holds for all users of the caller's tenant, as a whole; needs `users:manage`.
    ///
    /// # Errors
    /// `Forbidden`; `Invalid` with every fault.
    pub async fn put_tenant_preferences(
        &self,
        caller: &Caller,
        draft: &PreferencesDraft,
    ) -> Result<PreferencesView, ServiceError> {
        require_manager(caller)?;
        let next = &applied(&Preferences::default(), draft, None)?;
        deciding(|| async move {
            let old = self.store.preferences(&caller.tenant, None).await?;
            self.put_preferences(caller, None, old.as_ref(), next).await?;
            Ok(view(next, &Preferences::default()))
        })
        .await
    }

    /// Adds a rule for a user who has no token with them, in place of what they said of the same.
    pub(in crate::service) async fn add_rule(
        &self,
        tenant: &Tenant,
        user: &UserId,
        rule: PreferenceRule,
    ) -> Result<(), ServiceError> {
        let draft = &RulesDraft::One(rule);
        deciding(|| async move {
            let old = self.store.preferences(tenant, Some(user)).await?;
            let base = old.as_ref().map(preferences_of).unwrap_or_default();
            // No bound on rules here: an e-mail can be ended by whoever has many, too.
            let (rules, _) = applied_rules(&base.rules, draft);
            if rules == base.rules {
                return Ok(());
            }
            let next = Preferences { rules, ..base };
            let (body, reminders) = (body_of(&next), next.reminders());
            let version = old.map_or(0, |old| old.version) + 1;
            let entity = Entity::Other("user", user.to_string());
            let metadata = json!({ "source": "link in an e-mail" });
            let action = Action::PreferencesChanged;
            let mut unit = Unit::new(tenant);
            unit.audit.push(self.own_entry(user, action, entity, metadata));
            let preferences = StoredPreferences { body, version };
            let (user, at) = (Some(user.clone()), self.now());
            unit.writes.push(Write::PutPreferences { user, preferences, reminders, at });
            self.commit(unit).await?;
            Ok(())
        })
        .await
    }

    async fn put_preferences(
        &self,
        caller: &Caller,
        user: Option<&UserId>,
        old: Option<&StoredPreferences>,
        next: &Preferences,
    ) -> Result<(), ServiceError> {
        let body = body_of(next);
        if old.is_some_and(|old| old.body == body) {
            return Ok(());
        }
        let version = old.map_or(0, |old| old.version) + 1;
        let preferences = StoredPreferences { body, version };
        let mut unit = unit_of(caller);
        let (user, at) = (user.cloned(), self.now());
        unit.audit.push(self.preferences_entry(caller, user.as_ref(), next));
        let reminders = next.reminders();
        unit.writes.push(Write::PutPreferences { user, preferences, reminders, at });
        self.commit(unit).await?;
        Ok(())
    }

    fn preferences_entry(
        &self,
        caller: &Caller,
        user: Option<&UserId>,
        next: &Preferences,
    ) -> AuditDraft {
        let off = Channel::ALL.into_iter().filter(|channel| {
            user.is_some() && next.rules.iter().any(|rule| rule.switches_off(*channel))
        });
        let metadata = json!({
            "rules": next.rules.len(),
            "channels_off": off.map(Channel::as_str).collect::<Vec<_>>(),
            "quiet_hours": next.quiet_hours.is_some(),
            "do_not_disturb_until": next.do_not_disturb_until.map(|at| at.to_string()),
        });
        let entity = match user {
            Some(user) => Entity::Other("user", user.to_string()),
            None => Entity::Other("tenant", caller.tenant.to_string()),
        };
        let details = Details {
            actor: Some(caller.user.clone()),
            target: user.cloned(),
            metadata: metadata.to_string(),
        };
        let details = self.ids.salted(details);
        AuditDraft { at: self.now(), action: Action::PreferencesChanged, entity, details }
    }

    /// Where the caller is, as their profile or else their token says.
    pub(in crate::service) async fn own_zone(
        &self,
        caller: &Caller,
    ) -> Result<Option<Zone>, ServiceError> {
        let person = self.store.person(&caller.tenant, &caller.user).await?;
        let named = person.and_then(|person| person.tz).or_else(|| caller.tz.clone());
        Ok(named.and_then(|tz| Zone::parse(&tz).ok()))
    }
}

fn require_manager(caller: &Caller) -> Result<(), ServiceError> {
    if caller.may(&Scope::UsersManage) { Ok(()) } else { Err(ServiceError::needs("users:manage")) }
}

/// Says whether two rules are about the same.
fn is_about_the_same(one: &PreferenceRule, other: &PreferenceRule) -> bool {
    one.notification_type == other.notification_type
        && one.channel == other.channel
        && one.topic == other.topic
}

/// Applies a draft and checks what comes of it; `own_zone` is where the clock of quiet hours hangs
/// that name none.
fn applied(
    base: &Preferences,
    draft: &PreferencesDraft,
    own_zone: Option<&Zone>,
) -> Result<Preferences, ServiceError> {
    let (rules, said) = applied_rules(&base.rules, &draft.rules);
    let tz = draft.tz.clone().unwrap_or_else(|| base.tz.clone());
    let quiet_hours = match &draft.quiet_hours {
        None => base.quiet_hours.clone(),
        Some(None) => None,
        Some(Some(QuietDraft { start, end, zone })) => {
            let zone =
                zone.clone().or_else(|| tz.clone()).or_else(|| own_zone.cloned()).ok_or_else(
                    || {
                        let detail =
                            "is required where neither these preferences nor your profile have one";
                        ServiceError::Invalid(vec![FieldError::new("/quiet_hours/tz", detail)])
                    },
                )?;
            Some(QuietHours { start: *start, end: *end, zone })
        }
    };
    let until = draft.do_not_disturb_until.unwrap_or(base.do_not_disturb_until);
    let locale = draft.locale.clone().unwrap_or_else(|| base.locale.clone());
    let next = Preferences { rules, quiet_hours, do_not_disturb_until: until, locale, tz };
    let faults: Vec<FieldError> =
        faults(&next).into_iter().map(|fault| placed(fault, said)).collect();
    if faults.is_empty() { Ok(next) } else { Err(ServiceError::Invalid(faults)) }
}

/// Gives the rules, and the place of the one that was said alone.
fn applied_rules(
    base: &[PreferenceRule],
    draft: &RulesDraft,
) -> (Vec<PreferenceRule>, Option<usize>) {
    let new = match draft {
        RulesDraft::Untouched => return (base.to_vec(), None),
        RulesDraft::All(rules) => return (rules.clone(), None),
        RulesDraft::One(rule) => rule,
    };
    let mut rules = base.to_vec();
    let Some(at) = rules.iter().position(|rule| is_about_the_same(rule, new)) else {
        rules.push(new.clone());
        let last = rules.len() - 1;
        return (rules, Some(last));
    };
    let old = &mut rules[at];
    old.enabled = new.enabled.or(old.enabled);
    if new.reminder_minutes.is_some() {
        old.reminder_minutes = new.reminder_minutes.clone();
    }
    (rules, Some(at))
}

/// Puts a fault where the request has its rule: flat, or in the list under its own name.
fn placed(fault: FieldError, said: Option<usize>) -> FieldError {
    let FieldError { pointer, detail } = fault;
    let Some(rest) = pointer.strip_prefix("/rules") else { return FieldError { pointer, detail } };
    let flat = said.and_then(|index| rest.strip_prefix(&format!("/{index}")));
    let pointer = flat.map_or_else(|| format!("/preferences{rest}"), str::to_owned);
    FieldError { pointer, detail }
}

fn view(defaults: &Preferences, own: &Preferences) -> PreferencesView {
    let shown =
        |rule: &PreferenceRule, source| ViewedRule { rule: completed(defaults, own, rule), source };
    let mut rules: Vec<ViewedRule> =
        own.rules.iter().map(|rule| shown(rule, Source::Own)).collect();
    let is_said = |rules: &[ViewedRule], new: &PreferenceRule| {
        rules.iter().any(|known| is_about_the_same(&known.rule, new))
    };
    for rule in &defaults.rules {
        if !is_said(&rules, rule) {
            rules.push(shown(rule, Source::Tenant));
        }
    }
    for stem in SCHEDULED {
        let rule =
            PreferenceRule { notification_type: Some(stem.into()), ..PreferenceRule::default() };
        if !is_said(&rules, &rule) {
            rules.push(shown(&rule, Source::Default));
        }
    }
    let resolved = Resolved::of(defaults, own, About { notification_type: "", topic: None });
    PreferencesView { rules, resolved }
}

/// Fills in what a rule leaves to others, so that a reader need not resolve it.
fn completed(defaults: &Preferences, own: &Preferences, rule: &PreferenceRule) -> PreferenceRule {
    let notification_type = rule.notification_type.as_deref().unwrap_or_default();
    let about = About { notification_type, topic: rule.topic.as_ref() };
    let resolved = Resolved::of(defaults, own, about);
    let channel = rule.channel.unwrap_or(Channel::Push);
    let is_on = !matches!(resolved.say(channel), Say::Off | Say::OffAsAWhole);
    let reminds = rule.channel.is_none() && rule.notification_type.is_some();
    PreferenceRule {
        enabled: Some(rule.enabled.unwrap_or(is_on)),
        reminder_minutes: rule
            .reminder_minutes
            .clone()
            .or_else(|| reminds.then(|| reminder_minutes(defaults, own, about))),
        ..rule.clone()
    }
}
