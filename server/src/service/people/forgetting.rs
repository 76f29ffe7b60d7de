//! Forgetting a user, but not what they do not want.

use landfall_core::audit::{Action, Entity};
use landfall_core::auth::Caller;
use landfall_core::preference::{PreferenceRule, Preferences};
use landfall_store::{AddressKind, Recipient, StoredPreferences, Write};
use serde_json::json;

use super::super::revocations::unit_of;
use super::super::{ServiceError, Services, deciding};
use super::profile::{Whose, subject};
use super::stored::{body_of, preferences_of};

impl Services {
    /// Forgets a profile with its addresses and preferences; what they opted out of or switched
    /// off stays.
    ///
    /// # Errors
    /// `Forbidden`; `NotFound` when nothing more is known of them.
    pub async fn delete_profile(
        &self,
        caller: &Caller,
        whose: Whose<'_>,
    ) -> Result<(), ServiceError> {
        let user = subject(caller, whose)?;
        deciding(|| async move {
            let known = self.store.recipients(&caller.tenant, vec![user.clone()]).await?.users;
            let known = known.into_iter().next().ok_or(ServiceError::NotFound("user"))?;
            let keep = known.preferences.as_ref().and_then(switched_off);
            let mut unit = unit_of(caller);
            if known.person.is_none() {
                if !self.knows_more(caller, &known, keep.as_ref()).await? {
                    return Err(ServiceError::NotFound("user"));
                }
                // Their token's first use is still on its way to the store.
                unit.writes.push(Write::MeetPerson(Box::new(self.blank(user))));
            }
            let (entity, at) = (Entity::Other("user", user.to_string()), self.now());
            let action = Action::ProfileDeleted;
            unit.audit.push(self.entry_about(caller, user, action, entity, json!({})));
            unit.writes.push(Write::DeletePerson { user: user.clone(), keep, at });
            self.commit(unit).await?;
            Ok(())
        })
        .await
    }

    /// Says whether more is known of somebody without a profile than what is kept.
    async fn knows_more(
        &self,
        caller: &Caller,
        known: &Recipient,
        keep: Option<&StoredPreferences>,
    ) -> Result<bool, ServiceError> {
        let of_keep = keep.map(|keep| &keep.body);
        if known.preferences.as_ref().map(|all| &all.body) != of_keep {
            return Ok(true);
        }
        // Paused ones, too.
        for kind in [AddressKind::Fcm, AddressKind::WebPush] {
            if !self.store.addresses(&caller.tenant, &known.user, kind).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Gives what switches something off, and nothing else; an e-mail that was ended by its link (RFC
/// 8058) must not come again because its reader was removed and added anew.
fn switched_off(stored: &StoredPreferences) -> Option<StoredPreferences> {
    let off = |rule: PreferenceRule| {
        let is_off = rule.enabled == Some(false);
        is_off.then_some(PreferenceRule { reminder_minutes: None, ..rule })
    };
    let rules: Vec<_> = preferences_of(stored).rules.into_iter().filter_map(off).collect();
    let body = body_of(&Preferences { rules, ..Preferences::default() });
    let version = stored.version + 1;
    (body != body_of(&Preferences::default())).then_some(StoredPreferences { body, version })
}

#[cfg(test)]
mod tests {
    use landfall_core::channel::Channel;

    use super::*;

    #[test]
    fn what_is_switched_off_is_kept_alone() {
        let rule = |enabled| PreferenceRule {
            notification_type: Some("news".into()),
            channel: Some(Channel::Email),
            enabled,
            reminder_minutes: Some(vec![5]),
            ..PreferenceRule::default()
        };
        let stored = |rules| {
            let all = Preferences { rules, locale: Some("es".into()), ..Preferences::default() };
            StoredPreferences { body: body_of(&all), version: 7 }
        };
        assert_eq!(switched_off(&stored(vec![rule(Some(true)), rule(None)])), None);
        let kept = switched_off(&stored(vec![rule(Some(true)), rule(Some(false))]));
        let off = PreferenceRule { reminder_minutes: None, ..rule(Some(false)) };
        let only = Preferences { rules: vec![off], ..Preferences::default() };
        assert_eq!(kept, Some(StoredPreferences { body: body_of(&only), version: 8 }));
        // What is kept is kept again.
        let again = kept.as_ref().and_then(switched_off);
        assert_eq!(again.map(|again| again.body), kept.map(|kept| kept.body));
    }
}
