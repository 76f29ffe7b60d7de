//! People: profiles and preferences by version, suppressions, and what it takes to reach somebody.

use std::sync::Arc;

use landfall_core::channel::Channel;
use landfall_core::id::{Tenant, UserId};
use landfall_core::notification::Priority;
use landfall_store::{
    Address, AddressKind, Answer, BroughtWith, NewDelivery, Outcome, Person, Receipt, Recipient,
    Sealed, StoreError, StoredPreferences, Suppression, SuppressionFilter, Write,
};

use super::make::{at, tenant, unit, user};
use super::make_reach::{address, new_delivery, person, put_address, sealed};
use super::queueing::put as put_deliveries;
use super::world::{World, assert_stale};

fn put(person: &Person) -> Write {
    Write::PutPerson(Box::new(person.clone()))
}

fn wish(body: &str, version: u64) -> StoredPreferences {
    StoredPreferences { body: body.into(), version }
}

fn put_wish(name: Option<&str>, preferences: StoredPreferences) -> Write {
    Write::PutPreferences { user: name.map(user), preferences, reminders: vec![], at: at(0) }
}

fn suppression(channel: Channel, byte: u8) -> Suppression {
    Suppression {
        channel,
        address: [byte; 32],
        reason: "opted out".into(),
        source: "recipient".into(),
        at: at(3),
    }
}

fn suppress(suppression: &Suppression) -> Write {
    Write::Suppress(Box::new(suppression.clone()))
}

pub async fn numbers_that_wait_with_deliveries_are_walked_over_and_sealed_anew(world: World) {
    let mut expected = Vec::new();
    for name in ["t", "s"] {
        let to = |byte| NewDelivery { to: Some(vec![byte]), ..new_delivery(0, None) };
        let all = vec![to(1), new_delivery(1, None), to(2)];
        let ids = put_deliveries(&world, &tenant(name), Priority::Normal, all).await;
        expected.extend([(tenant(name), ids[0]), (tenant(name), ids[2])]);
    }
    let (mut walked, mut after) = (Vec::new(), None);
    while let Some(next) = world.store.sealed_deliveries(after.take(), 1).await.unwrap().pop() {
        after = Some((next.tenant.clone(), next.id));
        walked.push((next.tenant, next.id));
    }
    expected.sort();
    assert_eq!(walked, expected);
    let (t, id) = walked.remove(0);
    let with = BroughtWith::Delivery(id);
    let renew = |from, to| Write::RenewBrought { with, from: vec![from], to: vec![to] };
    world.done(&t, renew(1, 9)).await;
    assert_stale(world.commit(&t, vec![renew(1, 8)]).await);
    assert_stale(world.commit(&tenant("t"), vec![renew(9, 8)]).await);
    let found = world.store.delivery(&t, id).await.unwrap().unwrap();
    assert_eq!(found.to, Some(vec![9]));
}

fn forget(name: &str, keep: Option<StoredPreferences>) -> Write {
    Write::DeletePerson { user: user(name), keep, at: at(9) }
}

pub async fn a_profile_reads_back_and_its_versions_follow_each_other(mut world: World) {
    let t = tenant("t");
    let first = person("u");
    assert_stale(world.commit(&t, vec![put(&Person { version: 2, ..first.clone() })]).await);
    assert_eq!(world.done(&t, put(&first)).await, Outcome::Done);
    assert_stale(world.commit(&t, vec![put(&first)]).await);
    let (email, phone, name) = (None, None, None);
    let second = Person { email, phone, name, version: 2, updated_at: at(9), ..first.clone() };
    world.reopen().await;
    assert_eq!(world.store.person(&t, &user("u")).await.unwrap(), Some(first.clone()));
    world.done(&t, put(&second)).await;
    assert_eq!(world.store.person(&t, &user("u")).await.unwrap(), Some(second.clone()));
    assert_stale(world.commit(&t, vec![put(&second)]).await);
    assert_eq!(world.store.person(&tenant("other"), &user("u")).await.unwrap(), None);
    assert_eq!(world.store.person(&t, &user("v")).await.unwrap(), None);
}

pub async fn whoever_is_met_is_noted_once(world: World) {
    let t = tenant("t");
    let meet = |person: &Person| Write::MeetPerson(Box::new(person.clone()));
    assert_eq!(world.done(&t, meet(&person("u"))).await, Outcome::Done);
    let other = Person { name: None, ..person("u") };
    assert_eq!(world.done(&t, meet(&other)).await, Outcome::Unchanged);
    assert_eq!(world.store.person(&t, &user("u")).await.unwrap(), Some(person("u")));
}

/// Commits the same version from eight sides at once; tells how many were taken.
async fn race(world: &World, t: &Tenant, write: &Write) -> usize {
    let commit = || {
        let (store, unit) = (Arc::clone(&world.store), unit(t, vec![write.clone()]));
        tokio::spawn(async move { store.commit(unit).await })
    };
    let mut taken = 0;
    for running in (0..8).map(|_| commit()).collect::<Vec<_>>() {
        let answer: Answer<Receipt> = running.await.unwrap();
        match answer {
            Ok(_) => taken += 1,
            Err(error) => assert!(matches!(error, StoreError::Stale), "{error:?}"),
        }
    }
    taken
}

pub async fn of_writers_of_one_version_one_is_taken(world: World) {
    let t = tenant("t");
    for version in 1..4 {
        assert_eq!(race(&world, &t, &put(&Person { version, ..person("u") })).await, 1);
        assert_eq!(race(&world, &t, &put_wish(Some("u"), wish("{}", version))).await, 1);
    }
}

pub async fn preferences_are_a_users_or_the_tenants(world: World) {
    let t = tenant("t");
    world.done(&t, put_wish(Some("u"), wish("{\"a\":1}", 1))).await;
    world.done(&t, put_wish(None, wish("{\"all\":1}", 1))).await;
    world.done(&t, put_wish(Some("u"), wish("{\"a\":2}", 2))).await;
    assert_stale(world.commit(&t, vec![put_wish(Some("u"), wish("{}", 2))]).await);
    assert_stale(world.commit(&t, vec![put_wish(Some("v"), wish("{}", 2))]).await);
    let read = async |t: &Tenant, name: Option<&str>| {
        world.store.preferences(t, name.map(user).as_ref()).await.unwrap()
    };
    assert_eq!(read(&t, Some("u")).await, Some(wish("{\"a\":2}", 2)));
    assert_eq!(read(&t, None).await, Some(wish("{\"all\":1}", 1)));
    assert_eq!(read(&t, Some("v")).await, None);
    for name in [None, Some("u")] {
        assert_eq!(read(&tenant("other"), name).await, None);
    }
}

pub async fn a_suppression_holds_for_an_address_until_it_is_lifted(world: World) {
    let t = tenant("t");
    let (sms, email) = (suppression(Channel::Sms, 2), suppression(Channel::Email, 2));
    assert_eq!(world.done(&t, suppress(&sms)).await, Outcome::Done);
    let again = Suppression { reason: "bounced".into(), ..sms.clone() };
    assert_eq!(world.done(&t, suppress(&again)).await, Outcome::Unchanged);
    let find = |t: &Tenant, of: &Suppression| world.store.suppression(t, of.channel, of.address);
    assert_eq!(find(&t, &sms).await.unwrap(), Some(sms.clone()));
    assert_eq!(find(&t, &email).await.unwrap(), None, "another channel");
    assert_eq!(find(&tenant("other"), &sms).await.unwrap(), None);
    let lift = Write::Unsuppress { channel: Channel::Sms, address: sms.address };
    assert_eq!(world.done(&tenant("other"), lift.clone()).await, Outcome::Unchanged);
    assert_eq!(world.done(&t, lift.clone()).await, Outcome::Done);
    assert_eq!(world.done(&t, lift).await, Outcome::Unchanged);
    assert_eq!(find(&t, &sms).await.unwrap(), None);
}

pub async fn a_number_is_known_by_its_hash(world: World) {
    let t = tenant("t");
    world.done(&t, put(&person("u"))).await;
    world.done(&t, put(&Person { phone: None, ..person("v") })).await;
    assert!(world.store.has_phone(&t, sealed(2).hash).await.unwrap());
    assert!(!world.store.has_phone(&t, sealed(1).hash).await.unwrap(), "that is a mailbox");
    assert!(!world.store.has_phone(&tenant("other"), sealed(2).hash).await.unwrap());
}

pub async fn suppressions_are_listed_by_channel_and_hash(world: World) {
    let t = tenant("t");
    let mut all: Vec<Suppression> = Vec::new();
    for channel in [Channel::Email, Channel::Sms] {
        all.extend([1, 2, 3].map(|byte| suppression(channel, byte)));
    }
    for one in all.iter().rev() {
        world.done(&t, suppress(one)).await;
    }
    let list = |t: &Tenant, channel, after: Option<&Suppression>, limit| {
        let after = after.map(|one| (one.channel, one.address));
        world.store.suppressions(t, SuppressionFilter { channel, after, limit })
    };
    assert_eq!(list(&t, None, None, 9).await.unwrap(), all);
    assert_eq!(list(&t, None, None, 2).await.unwrap(), all[..2]);
    assert_eq!(list(&t, None, Some(&all[1]), 3).await.unwrap(), all[2..5]);
    assert_eq!(list(&t, None, Some(&all[5]), 3).await.unwrap(), []);
    let sms = Some(Channel::Sms);
    assert_eq!(list(&t, sms, None, 9).await.unwrap(), all[3..]);
    assert_eq!(list(&t, sms, Some(&all[3]), 1).await.unwrap(), all[4..5]);
    assert_eq!(list(&tenant("other"), None, None, 9).await.unwrap(), []);
}

pub async fn recipients_come_with_all_that_a_decision_needs(world: World) {
    let t = tenant("t");
    let addresses = [address("b", 7, None), address("b", 8, Some(1)), address("c", 9, None)];
    let paused = landfall_store::Address { is_active: false, ..address("b", 10, None) };
    let mut writes = vec![put(&person("b")), put_wish(Some("a"), wish("{}", 1))];
    writes.extend(addresses.iter().chain([&paused]).map(put_address));
    // The hashes of their phone number, of their mailbox as if it were a number, and a stranger's.
    let of_phone = suppression(Channel::Sms, 2);
    let of_mailbox = suppression(Channel::Email, 1);
    let others = [suppression(Channel::Sms, 1), suppression(Channel::Email, 9)];
    writes.extend(others.iter().chain([&of_phone, &of_mailbox]).map(suppress));
    world.commit(&t, writes).await.unwrap();
    let nothing = |name: &str| Recipient {
        user: user(name),
        person: None,
        preferences: None,
        addresses: vec![],
        suppressions: vec![],
    };
    let b = Recipient {
        person: Some(person("b")),
        addresses: addresses[..2].to_vec(),
        suppressions: vec![of_mailbox, of_phone],
        ..nothing("b")
    };
    let a = Recipient { preferences: Some(wish("{}", 1)), ..nothing("a") };
    let c = Recipient { addresses: addresses[2..].to_vec(), ..nothing("c") };
    let asked = ["c", "nobody", "b", "a"].map(user).to_vec();
    let found = world.store.recipients(&t, asked.clone()).await.unwrap().users;
    assert_eq!(found, [c, nothing("nobody"), b, a]);
    let strangers = world.store.recipients(&tenant("other"), asked).await.unwrap().users;
    assert_eq!(strangers, ["c", "nobody", "b", "a"].map(nothing));
    let many = (0..500).map(|n| user(&format!("n{n}"))).collect();
    assert_eq!(world.store.recipients(&t, many).await.unwrap().users.len(), 500);
    assert_eq!(world.store.recipients(&t, vec![]).await.unwrap().users, []);
}

pub async fn a_deleted_person_leaves_nothing_but_what_they_opted_out_of(world: World) {
    let t = tenant("t");
    let opted_out = suppression(Channel::Sms, 2);
    let kept = address("v", 9, None);
    world
        .commit(
            &t,
            vec![
                put(&person("u")),
                put(&person("v")),
                put_address(&address("u", 7, None)),
                put_address(&kept),
                put_wish(Some("u"), wish("{}", 1)),
                suppress(&opted_out),
            ],
        )
        .await
        .unwrap();
    let delete = || forget("u", None);
    assert_stale(world.commit(&tenant("other"), vec![delete()]).await);
    assert_eq!(world.done(&t, delete()).await, Outcome::Done);
    assert_stale(world.commit(&t, vec![delete()]).await);
    let found = world.store.recipients(&t, ["u", "v"].map(user).to_vec()).await.unwrap().users;
    assert_eq!((&found[0].person, &found[0].preferences), (&None, &None));
    assert_eq!((&found[0].addresses[..], &found[1].addresses[..]), (&[][..], &[kept][..]));
    assert_eq!(found[1].person, Some(person("v")));
    let left = world.store.suppression(&t, Channel::Sms, sealed(2).hash).await.unwrap();
    assert_eq!(left, Some(opted_out));
    assert_eq!(world.store.addresses(&t, &user("u"), AddressKind::Fcm).await.unwrap(), []);
    // One of whom only an address is known can be forgotten, too.
    world.done(&t, put_address(&address("w", 30, None))).await;
    world.done(&t, forget("w", None)).await;
    assert_eq!(world.store.addresses(&t, &user("w"), AddressKind::Fcm).await.unwrap(), []);
    // They may come again.
    world.done(&t, put(&person("u"))).await;
}

pub async fn what_is_kept_of_preferences_outlives_the_person(world: World) {
    let t = tenant("t");
    let all = vec![put(&person("u")), put_wish(Some("u"), wish("{\"a\":1}", 1))];
    world.commit(&t, all).await.unwrap();
    // Changed since they were read.
    assert_stale(world.commit(&t, vec![forget("u", Some(wish("{}", 1)))]).await);
    assert_eq!(world.store.person(&t, &user("u")).await.unwrap(), Some(person("u")));
    world.done(&t, forget("u", Some(wish("{}", 2)))).await;
    let found = world.store.recipients(&t, vec![user("u")]).await.unwrap().users;
    assert_eq!((&found[0].person, &found[0].preferences), (&None, &Some(wish("{}", 2))));
}

pub async fn everything_that_is_sealed_is_walked_over_once(world: World) {
    let (mut people, mut addresses) = (Vec::new(), Vec::new());
    for name in ["t", "s", "ü"] {
        let tenant = tenant(name);
        for number in 0..3 {
            let (name, token) = (format!("u{number}"), people.len() as u8);
            let (person, address) = (person(&name), address(&name, token, None));
            world.commit(&tenant, vec![put(&person), put_address(&address)]).await.unwrap();
            people.push((tenant.clone(), person.user));
            addresses.push((tenant.clone(), address.id));
        }
    }
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let page = world.store.sealed_people(after.clone(), 4).await.unwrap();
        let Some((tenant, last)) = page.last() else { break };
        after = Some((tenant.clone(), last.user.clone()));
        walked.extend(page.into_iter().map(|(tenant, person)| (tenant, person.user)));
    }
    walked.sort();
    people.sort();
    assert_eq!(walked, people);
    let (mut walked, mut after) = (Vec::new(), None);
    loop {
        let page = world.store.sealed_addresses(after.clone(), 4).await.unwrap();
        let Some((tenant, last)) = page.last() else { break };
        after = Some((tenant.clone(), last.id));
        walked.extend(page.into_iter().map(|(tenant, address)| (tenant, address.id)));
    }
    walked.sort();
    addresses.sort();
    assert_eq!(walked, addresses);
}

pub async fn an_address_is_sealed_anew_unless_it_changed_meanwhile(world: World) {
    let t = tenant("t");
    let old = address("u", 1, Some(1));
    world.done(&t, put_address(&old)).await;
    let renew = |user: &UserId, from: &[u8], to: u8| {
        let (user, from) = (user.clone(), from.to_vec());
        vec![Write::RenewAddress { user, id: old.id, from, to: vec![to] }]
    };
    let bytes = &old.secret.bytes;
    world.commit(&t, renew(&old.user, bytes, 9)).await.unwrap();
    let sealed = |byte: u8| Sealed { bytes: vec![byte], ..old.secret.clone() };
    let new = Address { secret: sealed(9), ..old.clone() };
    assert_eq!(world.store.address(&t, old.id).await.unwrap(), Some(new.clone()));
    // What its user registered meanwhile stays as they did.
    assert_stale(world.commit(&t, renew(&old.user, bytes, 8)).await);
    let again = Address { is_active: false, secret: sealed(7), seen_at: at(99), ..old.clone() };
    world.done(&t, put_address(&again)).await;
    assert_stale(world.commit(&t, renew(&old.user, &[9], 8)).await);
    assert_stale(world.commit(&t, renew(&user("w"), &[7], 8)).await);
    assert_stale(world.commit(&tenant("s"), renew(&old.user, &[7], 8)).await);
    assert_eq!(world.store.address(&t, old.id).await.unwrap(), Some(again));
}
