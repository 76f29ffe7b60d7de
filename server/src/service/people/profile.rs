//! Profiles: what is known of a user, and changing it (contract 3).

use landfall_core::audit::{Action, Entity};
use landfall_core::auth::{Caller, Scope};
use landfall_core::id::UserId;
use landfall_core::profile::{ProfileFields, email_key, faults};
use landfall_core::time::Timestamp;
use landfall_core::zone::Zone;
use landfall_store::{Person, Sealed, Unit, Write};
use serde_json::json;

use super::super::revocations::unit_of;
use super::super::{ServiceError, Services, deciding};
use super::addresses::MASK;
use crate::secret::Secret;
use crate::vault::{Place, Purpose};

/// A profile, opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Who.
    pub user: UserId,
    /// What to call them.
    pub name: Option<String>,
    /// Their mailbox.
    pub email: Option<Secret>,
    /// Their phone number.
    pub phone: Option<Secret>,
    /// Their language.
    pub locale: Option<String>,
    /// Their time zone.
    pub tz: Option<String>,
    /// Since when they are known.
    pub created_at: Timestamp,
    /// When this last changed.
    pub updated_at: Timestamp,
}

/// What a profile is to become: a field that is absent stays, `Some(None)` removes it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// What to call them.
    pub name: Option<Option<String>>,
    /// Their mailbox.
    pub email: Option<Option<Secret>>,
    /// Their phone number.
    pub phone: Option<Option<Secret>>,
    /// Their language.
    pub locale: Option<Option<String>>,
    /// Their time zone.
    pub tz: Option<Option<String>>,
}

/// Whose profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose<'a> {
    /// The caller's own.
    Own,
    /// A user's; needs `users:manage`.
    Of(&'a UserId),
}

/// How a change treats what it does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// It stays; there has to be somebody to change.
    Fields,
    /// It is removed; who is not known yet is made.
    Whole,
}

impl ProfileChange {
    /// Makes everything that is absent a removal.
    fn whole(self) -> Self {
        let Self { name, email, phone, locale, tz } = self;
        Self {
            name: Some(name.flatten()),
            email: Some(email.flatten()),
            phone: Some(phone.flatten()),
            locale: Some(locale.flatten()),
            tz: Some(tz.flatten()),
        }
    }

    fn check(&self) -> Result<(), ServiceError> {
        fn text(field: &Option<Option<String>>) -> Option<&str> {
            field.as_ref()?.as_deref()
        }
        fn secret(field: &Option<Option<Secret>>) -> Option<&str> {
            Some(field.as_ref()?.as_ref()?.expose())
        }
        let faults = faults(ProfileFields {
            name: text(&self.name),
            email: secret(&self.email),
            phone: secret(&self.phone),
            locale: text(&self.locale),
            tz: text(&self.tz),
        });
        if faults.is_empty() { Ok(()) } else { Err(ServiceError::Invalid(faults)) }
    }
}

impl Services {
    /// Gives a profile. A caller of whom nothing is stored yet has what their token says.
    ///
    /// # Errors
    /// `Forbidden` without the scope; `NotFound`.
    pub async fn profile(
        &self,
        caller: &Caller,
        whose: Whose<'_>,
    ) -> Result<Profile, ServiceError> {
        let user = subject(caller, whose)?;
        let person = match self.store.person(&caller.tenant, user).await? {
            Some(person) => person,
            None => self.unmet(caller, whose)?,
        };
        Ok(self.opened_profile(caller, person))
    }

    /// Changes a profile, or makes it; tells which.
    ///
    /// # Errors
    /// `Invalid` with every fault; `Forbidden`; `NotFound`.
    pub async fn change_profile(
        &self,
        caller: &Caller,
        whose: Whose<'_>,
        change: ProfileChange,
        extent: Extent,
    ) -> Result<(Profile, bool), ServiceError> {
        let user = subject(caller, whose)?;
        change.check()?;
        let change = &match extent {
            Extent::Fields => change,
            Extent::Whole => change.whole(),
        };
        deciding(|| async move {
            let old = self.store.person(&caller.tenant, user).await?;
            let is_new = old.is_none();
            let base = match old {
                Some(person) => person,
                None if extent == Extent::Whole => self.blank(user),
                None => self.unmet(caller, whose)?,
            };
            let next = self.changed(caller, &base, change)?;
            let unit = self.profile_unit(caller, &base, next.clone());
            if is_new || next != base {
                self.commit(unit).await?;
            }
            Ok((self.opened_profile(caller, next), is_new))
        })
        .await
    }

    pub(super) fn blank(&self, user: &UserId) -> Person {
        let now = self.now();
        Person {
            user: user.clone(),
            name: None,
            email: None,
            phone: None,
            locale: None,
            tz: None,
            created_at: now,
            updated_at: now,
            version: 0,
        }
    }

    /// What is known of a caller whom the store does not know.
    fn unmet(&self, caller: &Caller, whose: Whose<'_>) -> Result<Person, ServiceError> {
        match whose {
            Whose::Own => Ok(self.by_claims(caller)),
            Whose::Of(_) => Err(ServiceError::NotFound("user")),
        }
    }

    /// Takes what a token says of its user, as far as it is sound: nobody has checked it.
    pub(super) fn by_claims(&self, caller: &Caller) -> Person {
        use landfall_core::profile::{is_locale, is_name};
        let sound = |text: &Option<String>, is_sound: fn(&str) -> bool| {
            text.clone().filter(|text| is_sound(text))
        };
        Person {
            name: sound(&caller.name, is_name),
            locale: sound(&caller.locale, is_locale),
            tz: sound(&caller.tz, |tz| Zone::parse(tz).is_ok()),
            ..self.blank(&caller.user)
        }
    }

    fn changed(
        &self,
        caller: &Caller,
        base: &Person,
        change: &ProfileChange,
    ) -> Result<Person, ServiceError> {
        let place = |purpose| Place { tenant: &caller.tenant, user: &base.user, purpose };
        let plain = |old: &Option<String>, new: &Option<Option<String>>| {
            new.clone().unwrap_or_else(|| old.clone())
        };
        let next = Person {
            name: plain(&base.name, &change.name),
            email: self.resealed(place(Purpose::Email), &base.email, &change.email),
            phone: self.resealed(place(Purpose::Phone), &base.phone, &change.phone),
            locale: plain(&base.locale, &change.locale),
            tz: plain(&base.tz, &change.tz),
            ..base.clone()
        };
        if next == *base && base.version > 0 {
            return Ok(next);
        }
        Ok(Person { updated_at: self.now(), version: base.version + 1, ..next })
    }

    /// Seals what is new, and anew what an older key sealed. What cannot be opened stays as it is
    /// until somebody sets it.
    fn resealed(
        &self,
        place: Place<'_>,
        old: &Option<Sealed>,
        change: &Option<Option<Secret>>,
    ) -> Option<Sealed> {
        let vault = &self.people.vault;
        let Some(new) = change else {
            let old = old.as_ref()?;
            return Some(vault.renewed(place, old).ok().flatten().unwrap_or_else(|| old.clone()));
        };
        let text = new.as_ref()?.expose();
        let is_same = |old: &&Sealed| {
            vault.is_current(old)
                && vault.open(place, old).is_ok_and(|opened| *opened == *text.as_bytes())
        };
        Some(match old.as_ref().filter(is_same) {
            Some(old) => old.clone(),
            None => vault.seal(place, text.as_bytes(), &looked_up_by(place.purpose, text)),
        })
    }

    fn profile_unit(&self, caller: &Caller, base: &Person, next: Person) -> Unit {
        let user = next.user.clone();
        let entity = || Entity::Other("user", user.to_string());
        let hash = |sealed: &Option<Sealed>| sealed.as_ref().map(|sealed| sealed.hash);
        let mut unit = unit_of(caller);
        let mut fields = Vec::new();
        for (field, old, new) in [
            ("email", hash(&base.email), hash(&next.email)),
            ("phone", hash(&base.phone), hash(&next.phone)),
        ] {
            if old == new {
                continue;
            }
            fields.push(field);
            let metadata = json!({ "kind": field });
            let actions = [(old, Action::AddressRemoved), (new, Action::AddressAdded)];
            for (_, action) in actions.into_iter().filter(|(hash, _)| hash.is_some()) {
                let entry = self.entry_about(caller, &user, action, entity(), metadata.clone());
                unit.audit.push(entry);
            }
        }
        for (field, old, new) in [
            ("name", &base.name, &next.name),
            ("locale", &base.locale, &next.locale),
            ("tz", &base.tz, &next.tz),
        ] {
            if old != new {
                fields.push(field);
            }
        }
        let metadata = json!({ "fields": fields });
        unit.audit.push(self.entry_about(
            caller,
            &user,
            Action::ProfileChanged,
            entity(),
            metadata,
        ));
        unit.writes.push(Write::PutPerson(Box::new(next)));
        unit
    }

    /// What does not open is shown as masked: its owner can still see the rest, and set it anew.
    fn opened_profile(&self, caller: &Caller, person: Person) -> Profile {
        let shown = |opened: Result<Option<Secret>, ServiceError>| {
            opened.unwrap_or_else(|error| {
                tracing::error!(cause = error.cause(), "a part of a profile does not open");
                Some(Secret::new(MASK))
            })
        };
        let email = shown(self.open_email(&caller.tenant, &person));
        let phone = shown(self.open_phone(&caller.tenant, &person));
        let Person { user, name, locale, tz, created_at, updated_at, .. } = person;
        Profile { user, name, email, phone, locale, tz, created_at, updated_at }
    }
}

/// What a phone number or mailbox is found by.
pub(super) fn looked_up_by(purpose: Purpose, text: &str) -> String {
    match purpose {
        Purpose::Email => email_key(text),
        Purpose::Phone | Purpose::PushToken | Purpose::Subscription | Purpose::Calendar => {
            text.to_owned()
        }
    }
}

pub(super) fn subject<'a>(
    caller: &'a Caller,
    whose: Whose<'a>,
) -> Result<&'a UserId, ServiceError> {
    match whose {
        Whose::Own => Ok(&caller.user),
        Whose::Of(user) if caller.may(&Scope::UsersManage) => Ok(user),
        Whose::Of(_) => Err(ServiceError::needs("users:manage")),
    }
}
