//! Sealing anew what an older key sealed, so that the key can be taken out (docs/secure.md).
//!
//! Walks over everything a page at a time. Must never bring back what was removed meanwhile, nor
//! touch what it cannot open.

use std::sync::PoisonError;

use landfall_core::id::{AddressId, DeliveryId, SendId, Tenant, UserId};
use landfall_store::{
    Address, BroughtWith, Delivery, Person, Sealed, SendTo, StoreError, StoredSend, Unit, Write,
};

use super::super::{ServiceError, Services};
use super::reach::{brought, purpose_of};
use crate::vault::{Place, Purpose, VaultError};

/// Where the walk stands, and what it found on its way.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(in crate::service) struct Walk {
    step: Step,
    renewed: u64,
    unopened: u64,
    missing: Option<String>,
    /// Whether it was told that there is nothing left to do.
    is_told: bool,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
enum Step {
    #[default]
    Begun,
    People(Tenant, UserId),
    /// All people are done.
    Addresses(Option<(Tenant, AddressId)>),
    /// All addresses are done, too.
    Deliveries(Option<(Tenant, DeliveryId)>),
    /// And all deliveries.
    Sends(Option<SendId>),
}

/// What became of one secret.
enum Renewed {
    /// It is sealed with the current key already, or there is none.
    Current,
    /// Sealed anew.
    Anew(Sealed),
    /// It does not open.
    Unopened(VaultError),
}

impl Services {
    /// Goes on with the walk by at most `limit` rows; tells how many it looked at. Less than
    /// `limit` means that it is through, which is told in the log.
    ///
    /// # Errors
    /// When the store is away.
    pub async fn renew_seals(&self, limit: usize) -> Result<usize, ServiceError> {
        if !self.people.vault.has_older_keys() {
            return Ok(0);
        }
        let mut walk = self.renewing.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let looked_at = match walk.step.clone() {
            Step::Addresses(after) => self.renew_addresses(&mut walk, after, limit).await?,
            Step::Deliveries(after) => self.renew_deliveries(&mut walk, after, limit).await?,
            Step::Sends(after) => self.renew_sends(&mut walk, after, limit).await?,
            Step::People(tenant, user) => {
                self.renew_people(&mut walk, Some((tenant, user)), limit).await?
            }
            Step::Begun => self.renew_people(&mut walk, None, limit).await?,
        };
        if matches!(walk.step, Step::Begun) {
            tell(&walk);
            let is_told = walk.renewed == 0 && walk.unopened == 0;
            walk = Walk { is_told, ..Walk::default() };
        }
        *self.renewing.lock().unwrap_or_else(PoisonError::into_inner) = walk;
        Ok(looked_at)
    }

    async fn renew_people(
        &self,
        walk: &mut Walk,
        after: Option<(Tenant, UserId)>,
        limit: usize,
    ) -> Result<usize, ServiceError> {
        let page = self.store.sealed_people(after, limit).await?;
        walk.step = match page.last() {
            Some((tenant, last)) if page.len() >= limit => {
                Step::People(tenant.clone(), last.user.clone())
            }
            _ => Step::Addresses(None),
        };
        for (tenant, person) in &page {
            if let Some(next) = self.renewed_person(walk, tenant, person) {
                let mut unit = Unit::new(tenant);
                unit.writes.push(Write::PutPerson(Box::new(next)));
                self.commit_renewal(walk, unit).await?;
            }
        }
        // More is still to come, so that a short page is not the end.
        Ok(limit)
    }

    async fn renew_addresses(
        &self,
        walk: &mut Walk,
        after: Option<(Tenant, AddressId)>,
        limit: usize,
    ) -> Result<usize, ServiceError> {
        let page = self.store.sealed_addresses(after, limit).await?;
        walk.step = match page.last() {
            Some((tenant, last)) if page.len() >= limit => {
                Step::Addresses(Some((tenant.clone(), last.id)))
            }
            _ => Step::Deliveries(None),
        };
        for (tenant, address) in &page {
            let Address { id, user, kind, secret, .. } = address;
            let place = Place { tenant, user, purpose: purpose_of(*kind) };
            if let Renewed::Anew(anew) = self.renewed(walk, place, Some(secret)) {
                let mut unit = Unit::new(tenant);
                let (from, to) = (secret.bytes.clone(), anew.bytes);
                unit.writes.push(Write::RenewAddress { user: user.clone(), id: *id, from, to });
                self.commit_renewal(walk, unit).await?;
            }
        }
        Ok(limit)
    }

    /// Numbers that requests brought along wait with their deliveries.
    async fn renew_deliveries(
        &self,
        walk: &mut Walk,
        after: Option<(Tenant, DeliveryId)>,
        limit: usize,
    ) -> Result<usize, ServiceError> {
        let page = self.store.sealed_deliveries(after, limit).await?;
        walk.step = match page.last() {
            Some(last) if page.len() >= limit => {
                Step::Deliveries(Some((last.tenant.clone(), last.id)))
            }
            _ => Step::Sends(None),
        };
        for Delivery { id, tenant, user, to, .. } in &page {
            let Some(from) = to else { continue };
            self.renew_brought(walk, (tenant, user), BroughtWith::Delivery(*id), from).await?;
        }
        Ok(limit)
    }

    /// Or with what goes out later.
    async fn renew_sends(
        &self,
        walk: &mut Walk,
        after: Option<SendId>,
        limit: usize,
    ) -> Result<usize, ServiceError> {
        let page = self.store.sealed_sends(after, limit).await?;
        walk.step = match page.last() {
            Some(last) if page.len() >= limit => Step::Sends(Some(last.id)),
            _ => Step::Begun,
        };
        for StoredSend { id, tenant, to, later, .. } in &page {
            let from = later.as_ref().and_then(|later| later.phone.as_ref());
            let (Some(from), SendTo::One(user, ..)) = (from, to) else { continue };
            self.renew_brought(walk, (tenant, user), BroughtWith::Send(*id), from).await?;
        }
        Ok(page.len())
    }

    async fn renew_brought(
        &self,
        walk: &mut Walk,
        (tenant, user): (&Tenant, &UserId),
        with: BroughtWith,
        from: &[u8],
    ) -> Result<(), ServiceError> {
        let sealed = brought(from);
        let place = Place { tenant, user, purpose: Purpose::Phone };
        if let Renewed::Anew(anew) = self.renewed(walk, place, Some(&sealed)) {
            let mut unit = Unit::new(tenant);
            let (from, to) = (sealed.bytes, anew.bytes);
            unit.writes.push(Write::RenewBrought { with, from, to });
            self.commit_renewal(walk, unit).await?;
        }
        Ok(())
    }

    fn renewed_person(&self, walk: &mut Walk, tenant: &Tenant, person: &Person) -> Option<Person> {
        let place = |purpose| Place { tenant, user: &person.user, purpose };
        let email = self.renewed(walk, place(Purpose::Email), person.email.as_ref());
        let phone = self.renewed(walk, place(Purpose::Phone), person.phone.as_ref());
        let mut next = Person { version: person.version + 1, ..person.clone() };
        let mut is_changed = false;
        for (field, renewed) in [(&mut next.email, email), (&mut next.phone, phone)] {
            if let Renewed::Anew(sealed) = renewed {
                *field = Some(sealed);
                is_changed = true;
            }
        }
        is_changed.then_some(next)
    }

    fn renewed(&self, walk: &mut Walk, place: Place<'_>, sealed: Option<&Sealed>) -> Renewed {
        let Some(sealed) = sealed else { return Renewed::Current };
        let renewed = match self.people.vault.renewed(place, sealed) {
            Ok(None) => Renewed::Current,
            Ok(Some(sealed)) => Renewed::Anew(sealed),
            Err(error) => Renewed::Unopened(error),
        };
        if let Renewed::Unopened(error) = &renewed {
            walk.unopened += 1;
            if let VaultError::NoSuchKey(id) = error {
                walk.missing.get_or_insert_with(|| id.clone());
            }
        }
        renewed
    }

    /// What others changed meanwhile they sealed themselves.
    async fn commit_renewal(&self, walk: &mut Walk, unit: Unit) -> Result<(), ServiceError> {
        match self.commit(unit).await {
            Ok(_) => walk.renewed += 1,
            Err(StoreError::Stale) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

fn tell(walk: &Walk) {
    let Walk { renewed, unopened, missing, .. } = walk;
    let missing = missing.as_deref().unwrap_or_default();
    if *unopened > 0 {
        tracing::error!(
            unopened,
            missing,
            "addresses do not open; put the key back on secrets.keys"
        );
    } else if *renewed > 0 {
        tracing::info!(renewed, "sealed anew what older keys had sealed");
    } else if !walk.is_told {
        tracing::info!("nothing is sealed with an older key any more: they can be taken out");
    }
}
