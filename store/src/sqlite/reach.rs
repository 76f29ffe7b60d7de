//! Binds what reaches people to the statements: the outbox, people and tallies.

use landfall_core::audit::Hash;
use landfall_core::channel::Channel;
use landfall_core::id::{AddressId, DeliveryId, NotificationId, Tenant, UserId};
use landfall_core::time::Timestamp;

use super::Sqlite;
use super::runner::at_once;
use crate::sql::{
    addresses, claims, forget, outbox_read, outbox_write, people, seals, suppressions, tallies,
};
use crate::{
    Address, AddressKind, Answered, AskAgain, Backlog, Claimed, Claiming, Deliveries, Delivery,
    DeliveryFilter, People, Person, Recipients, Standing, StoredPreferences, Suppression,
    SuppressionFilter, Tallies, Tally, TallyFilter, Uncounted,
};

impl Deliveries for Sqlite {
    fn claim(&self, claiming: Claiming) -> Answered<'_, Claimed> {
        Box::pin(self.committer.run(move |r| at_once(claims::claim(r, &claiming))))
    }

    fn release_claims(&self, now: Timestamp) -> Answered<'_, u64> {
        Box::pin(self.committer.run(move |r| at_once(outbox_write::release(r, now))))
    }

    fn next_due(&self) -> Answered<'_, Option<Timestamp>> {
        Box::pin(self.readers.run(|r| at_once(outbox_read::next_due(r))))
    }

    fn unreported(&self, now: Timestamp, limit: usize) -> Answered<'_, Vec<Delivery>> {
        Box::pin(self.readers.run(move |r| at_once(outbox_read::unreported(r, now, limit))))
    }

    fn ask_again(&self, again: AskAgain) -> Answered<'_, bool> {
        Box::pin(self.committer.run(move |r| at_once(outbox_write::ask_again(r, &again))))
    }

    fn notification_standings(
        &self,
        tenant: &Tenant,
        notifications: Vec<NotificationId>,
    ) -> Answered<'_, Vec<Standing>> {
        let tenant = tenant.clone();
        Box::pin(
            self.readers.run(move |r| at_once(outbox_read::standings(r, &tenant, &notifications))),
        )
    }

    fn delivery(&self, tenant: &Tenant, id: DeliveryId) -> Answered<'_, Option<Delivery>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(outbox_read::get(r, &tenant, id))))
    }

    fn deliveries_of(
        &self,
        tenant: &Tenant,
        notifications: Vec<NotificationId>,
    ) -> Answered<'_, Vec<Delivery>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(outbox_read::of(r, &tenant, &notifications))))
    }

    fn deliveries(&self, tenant: &Tenant, filter: DeliveryFilter) -> Answered<'_, Vec<Delivery>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(outbox_read::list(r, &tenant, &filter))))
    }

    fn backlog(&self, now: Timestamp, limit: usize) -> Answered<'_, Backlog> {
        Box::pin(self.readers.run(move |r| at_once(outbox_read::backlog(r, now, limit))))
    }

    fn forget_deliveries(&self, before: Timestamp, limit: usize) -> Answered<'_, usize> {
        Box::pin(self.committer.run(move |r| at_once(forget::deliveries(r, before, limit))))
    }
}

impl People for Sqlite {
    fn person(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, Option<Person>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(self.readers.run(move |r| at_once(people::get(r, &tenant, &user))))
    }

    fn recipients(&self, tenant: &Tenant, users: Vec<UserId>) -> Answered<'_, Recipients> {
        let tenant = tenant.clone();
        Box::pin(
            self.readers
                .run(move |r| r.snapshot(|r| at_once(people::recipients(r, &tenant, &users)))),
        )
    }

    fn preferences(
        &self,
        tenant: &Tenant,
        user: Option<&UserId>,
    ) -> Answered<'_, Option<StoredPreferences>> {
        let (tenant, user) = (tenant.clone(), user.cloned());
        Box::pin(self.readers.run(move |r| at_once(people::preferences(r, &tenant, user.as_ref()))))
    }

    fn addresses(
        &self,
        tenant: &Tenant,
        user: &UserId,
        kind: AddressKind,
    ) -> Answered<'_, Vec<Address>> {
        let (tenant, user) = (tenant.clone(), user.clone());
        Box::pin(self.readers.run(move |r| at_once(addresses::list(r, &tenant, &user, kind))))
    }

    fn address(&self, tenant: &Tenant, id: AddressId) -> Answered<'_, Option<Address>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(addresses::get(r, &tenant, id))))
    }

    fn address_by_hash(&self, tenant: &Tenant, hash: Hash) -> Answered<'_, Option<Address>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(addresses::by_hash(r, &tenant, &hash))))
    }

    fn sealed_people(
        &self,
        after: Option<(Tenant, UserId)>,
        limit: usize,
    ) -> Answered<'_, Vec<(Tenant, Person)>> {
        Box::pin(self.readers.run(move |r| at_once(seals::people(r, after.as_ref(), limit))))
    }

    fn sealed_addresses(
        &self,
        after: Option<(Tenant, AddressId)>,
        limit: usize,
    ) -> Answered<'_, Vec<(Tenant, Address)>> {
        Box::pin(self.readers.run(move |r| at_once(seals::addresses(r, after.as_ref(), limit))))
    }

    fn sealed_deliveries(
        &self,
        after: Option<(Tenant, DeliveryId)>,
        limit: usize,
    ) -> Answered<'_, Vec<Delivery>> {
        Box::pin(self.readers.run(move |r| at_once(seals::deliveries(r, after.as_ref(), limit))))
    }

    fn suppression(
        &self,
        tenant: &Tenant,
        channel: Channel,
        address: Hash,
    ) -> Answered<'_, Option<Suppression>> {
        let tenant = tenant.clone();
        Box::pin(
            self.readers.run(move |r| at_once(suppressions::get(r, &tenant, channel, &address))),
        )
    }

    fn has_phone(&self, tenant: &Tenant, phone: Hash) -> Answered<'_, bool> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(people::has_phone(r, &tenant, &phone))))
    }

    fn suppressions(
        &self,
        tenant: &Tenant,
        filter: SuppressionFilter,
    ) -> Answered<'_, Vec<Suppression>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(suppressions::list(r, &tenant, &filter))))
    }
}

impl Tallies for Sqlite {
    fn uncounted(
        &self,
        after: Option<Tenant>,
        tenants: usize,
        limit: usize,
    ) -> Answered<'_, Vec<Uncounted>> {
        Box::pin(self.readers.run(move |r| {
            r.snapshot(|r| at_once(tallies::uncounted(r, after.as_ref(), tenants, limit)))
        }))
    }

    fn count(&self, tenant: &Tenant, from: u64, to: u64, sums: Vec<Tally>) -> Answered<'_, bool> {
        let tenant = tenant.clone();
        Box::pin(self.committer.run(move |r| at_once(tallies::count(r, &tenant, from, to, sums))))
    }

    fn tallies(&self, tenant: &Tenant, filter: TallyFilter) -> Answered<'_, Vec<Tally>> {
        let tenant = tenant.clone();
        Box::pin(self.readers.run(move |r| at_once(tallies::read(r, &tenant, &filter))))
    }
}
