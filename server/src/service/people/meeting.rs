//! A token's first use creates its user (contract 3).
//!
//! Whom this server has met stands in memory, so that a known caller costs one look; a stranger is
//! put in a queue and stored by a worker. Must never delay the request that brought them.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError, RwLock};

use futures_util::future::join_all;
use landfall_core::audit::{Action, Details, Entity};
use landfall_core::auth::Caller;
use landfall_core::id::{Tenant, UserId};
use landfall_store::{AuditDraft, Person, Unit, Write};
use serde_json::json;
use tokio::sync::Notify;

use super::super::{ServiceError, Services};

/// Users that are remembered as met, eight bytes each; when there are more, all are met anew,
/// which costs a read for each.
const MET_MAX: usize = 250_000;
/// Strangers that may wait to be stored; further ones are met at their next request.
const WAITING_MAX: usize = 4_096;

/// Whom this server has met, and who waits to be stored.
#[derive(Debug, Default)]
pub struct Meetings {
    hasher: RandomState,
    met: RwLock<HashSet<u64>>,
    waiting: Mutex<VecDeque<(Tenant, Person)>>,
    /// Told when somebody waits.
    pub news: Notify,
}

impl Meetings {
    fn is_met(&self, tenant: &Tenant, user: &UserId) -> bool {
        let name = self.hasher.hash_one((tenant, user));
        self.met.read().unwrap_or_else(PoisonError::into_inner).contains(&name)
    }

    /// Notes a stranger, unless too many wait.
    fn note(&self, tenant: &Tenant, person: Person) {
        let name = self.hasher.hash_one((tenant, &person.user));
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= WAITING_MAX {
            return;
        }
        let mut met = self.met.write().unwrap_or_else(PoisonError::into_inner);
        if met.len() >= MET_MAX {
            met.clear();
        }
        if met.insert(name) {
            waiting.push_back((tenant.clone(), person));
            drop((met, waiting));
            self.news.notify_one();
        }
    }

    fn take(&self, max: usize) -> Vec<(Tenant, Person)> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.len().min(max);
        waiting.drain(..count).collect()
    }

    fn put_back(&self, people: Vec<(Tenant, Person)>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for one in people.into_iter().rev() {
            waiting.push_front(one);
        }
    }
}

impl Services {
    /// Meets a caller: whoever comes for the first time is stored soon.
    pub fn meet(&self, caller: &Caller) {
        if !self.meetings.is_met(&caller.tenant, &caller.user) {
            self.meetings.note(&caller.tenant, self.by_claims(caller));
        }
    }

    /// Stores strangers that wait, at most `max`; tells how many it looked at.
    ///
    /// # Errors
    /// When the store is away; who was not stored waits on.
    pub async fn store_strangers(&self, max: usize) -> Result<usize, ServiceError> {
        let taken = self.meetings.take(max);
        let count = taken.len();
        let stored = self.store_met(&taken).await;
        if stored.is_err() {
            self.meetings.put_back(taken);
        }
        stored.map(|()| count)
    }

    /// Who is known already is only read: a restarted server meets everybody anew.
    async fn store_met(&self, taken: &[(Tenant, Person)]) -> Result<(), ServiceError> {
        let mut tenants: BTreeMap<&Tenant, Vec<&Person>> = BTreeMap::new();
        for (tenant, person) in taken {
            tenants.entry(tenant).or_default().push(person);
        }
        for (tenant, people) in tenants {
            let users = people.iter().map(|person| person.user.clone()).collect();
            let known = self.store.recipients(tenant, users).await?.users;
            let strangers = people
                .into_iter()
                .zip(known)
                .filter(|(_, known)| known.person.is_none())
                .map(|(person, _)| self.commit(self.meeting_unit(tenant, person)));
            for committed in join_all(strangers).await {
                committed?;
            }
        }
        Ok(())
    }

    fn meeting_unit(&self, tenant: &Tenant, person: &Person) -> Unit {
        let Person { user, name, locale, tz, .. } = person;
        let given = [("name", name), ("locale", locale), ("tz", tz)];
        let fields: Vec<&str> =
            given.into_iter().filter(|(_, text)| text.is_some()).map(|(name, _)| name).collect();
        let details = Details {
            actor: Some(user.clone()),
            target: Some(user.clone()),
            metadata: json!({ "fields": fields, "by": "token" }).to_string(),
        };
        let mut unit = Unit::new(tenant);
        unit.writes.push(Write::MeetPerson(Box::new(Person { version: 1, ..person.clone() })));
        unit.audit.push(AuditDraft {
            at: self.now(),
            action: Action::ProfileChanged,
            entity: Entity::Other("user", user.to_string()),
            details: self.ids.salted(details),
        });
        unit
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use landfall_core::time::Timestamp;

    fn stranger(user: &str) -> (Tenant, Person) {
        let at = Timestamp::from_ms(0);
        let person = Person {
            user: UserId::parse(user).unwrap(),
            name: None,
            email: None,
            phone: None,
            locale: None,
            tz: None,
            created_at: at,
            updated_at: at,
            version: 0,
        };
        (Tenant::parse("t").unwrap(), person)
    }

    #[test]
    fn a_caller_is_noted_once_and_the_queue_is_bounded() {
        let meetings = Meetings::default();
        for _ in 0..3 {
            let (tenant, person) = stranger("u");
            meetings.note(&tenant, person);
        }
        assert_eq!(meetings.take(9).len(), 1);
        for number in 0..WAITING_MAX + 5 {
            let (tenant, person) = stranger(&format!("u{number}"));
            meetings.note(&tenant, person);
        }
        let (tenant, last) = stranger(&format!("u{}", WAITING_MAX + 4));
        assert!(!meetings.is_met(&tenant, &last.user));
        let taken = meetings.take(WAITING_MAX * 2);
        assert_eq!(taken.len(), WAITING_MAX);
        meetings.put_back(taken);
        assert_eq!(meetings.take(1)[0].1.user.as_str(), "u0");
        meetings.note(&tenant, last.clone());
        assert!(meetings.is_met(&tenant, &last.user));
    }
}
