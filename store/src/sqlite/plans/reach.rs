//! The plans of what reaches people: claims above all, which must not walk over what waits.

use landfall_core::audit::{Action, Entity};
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::delivery::Next;
use landfall_core::id::{AddressId, DeliveryId, DeviceId, SendId};
use landfall_core::notification::Priority;
use landfall_core::plan::{Reason, Strategy};
use uuid::Uuid;

use super::{AT, AuditDraft, Bench, Unit, Write, at_once, stored_send};
use crate::sql::{
    addresses, audits, claims, forget, outbox_read, outbox_write, people, seals, suppressions,
    taking_back, tallies,
};
use crate::{
    Address, AddressKind, AskAgain, BroughtWith, Claiming, Delivery, DeliveryFilter, KeptAttempt,
    NewDelivery, Person, Sealed, Settlement, StoredPreferences, Suppression, SuppressionFilter,
    Tally, TallyFilter, TallyKey,
};

/// What walks from tenant to tenant: one row for each that is looked at.
pub(super) const TENANTS: [&str; 2] = ["SCAN t", "SCAN CONSTANT ROW"];

fn new(id: u128, place: u8) -> NewDelivery {
    NewDelivery {
        id: DeliveryId(Uuid::from_u128(id)),
        channel: Channel::Push,
        position: place,
        address: None,
        state: DeliveryState::Queued,
        reason: Reason::ByDefault,
        due_at: (place == 0).then_some(AT),
        strategy: Strategy::Fallback,
        escalate_after_ms: None,
        to: None,
    }
}

fn queue(bench: &Bench) {
    let notification = bench.publish(1);
    let (user, priority) = (bench.user.clone(), Priority::Normal);
    let deliveries = vec![new(1, 0), new(2, 0), new(3, 1)];
    bench.write(Write::Enqueue { notification, user, priority, at: AT, deliveries });
}

fn claim(bench: &Bench) -> Vec<Delivery> {
    let claiming = Claiming {
        channel: Channel::Push,
        now: AT,
        lease_until: AT,
        after: None,
        tenants: 9,
        per_tenant: 9,
        limit: 9,
    };
    at_once(claims::claim(&mut bench.runner(), &claiming)).unwrap().deliveries
}

#[test]
fn a_claim_walks_over_nothing_that_waits() {
    let bench = Bench::new();
    queue(&bench);
    let plans = bench.plans(|b| assert_eq!(claim(b).len(), 2));
    let reaches = |end: &str| plans.iter().any(|line| line.ends_with(end));
    assert!(
        reaches("delivery_due (channel=? AND tenant=? AND priority=? AND due_at<?)"),
        "{plans:#?}"
    );
    assert!(reaches("delivery_due (channel=? AND tenant>?)"), "{plans:#?}");
    bench.check_but(&TENANTS, |b| {
        claim(b);
    });
}

/// An attempt at a delivery that failed by news.
fn kept(of: &Delivery) -> KeptAttempt {
    KeptAttempt {
        id: of.id,
        claim: of.claim,
        attempts_before: 0,
        state: DeliveryState::Failed,
        code: None,
        reference: None,
        provider: None,
        ask_at: None,
        at: AT,
    }
}

#[test]
fn what_became_of_a_delivery_is_written_through_indexes() {
    let bench = Bench::new();
    bench.check(queue);
    let mine = claim(&bench);
    let settlement = |of: &Delivery, next| Settlement {
        id: of.id,
        claim: of.claim,
        state: DeliveryState::Failed,
        reason: Reason::Expired,
        due_at: None,
        ask_at: None,
        is_attempt: true,
        code: None,
        reference: None,
        provider: None,
        at: AT,
        address: None,
        split: vec![],
        next,
    };
    for (one, next) in mine.iter().zip([Next::DueNow, Next::Skip(Reason::Expired)]) {
        bench.check(|b| b.write(Write::Settle(Box::new(settlement(one, next)))));
    }
    let ids = mine.iter().map(|one| one.id).collect();
    bench.check(|b| b.write(Write::Replay { ids, at: AT }));
    let (id, from, to) = (mine[0].id, DeliveryState::Queued, DeliveryState::Failed);
    let (reason, code, next) = (Reason::Expired, None, Next::DueAt(AT));
    bench.check(|b| b.write(Write::Report { id, from, to, reason, code, at: AT, next }));
    bench.check(|b| b.write(Write::KeepAttempt(Box::new(kept(&mine[0])))));
    // The index holds none but those that are leased.
    bench.check_but(&["SCAN delivery USING INDEX delivery_leased"], |b| {
        at_once(outbox_write::release(&mut b.runner(), AT)).unwrap();
    });
    bench.check_reaches("delivery_age (updated_at<?)", |b| {
        at_once(forget::deliveries(&mut b.runner(), AT, 9)).unwrap();
    });
}

#[test]
fn the_outbox_is_read_through_indexes() {
    let bench = Bench::new();
    queue(&bench);
    let notification = claim(&bench)[0].notification;
    bench.check_reaches("delivery_open (due_at>?)", |b| {
        at_once(outbox_read::next_due(&mut b.runner())).unwrap();
    });
    bench.check_reaches("delivery_ask (ask_at<?)", |b| {
        at_once(outbox_read::unreported(&mut b.runner(), AT, 9)).unwrap();
    });
    bench.check(|b| {
        let (tenant, id) = (b.tenant.clone(), DeliveryId(Uuid::from_u128(1)));
        let again = AskAgain { tenant, id, from: AT, to: None };
        at_once(outbox_write::ask_again(&mut b.runner(), &again)).unwrap();
    });
    // What is counted is bounded, and comes from the index.
    let counted = ["SCAN due", "SCAN later", "SCAN waiting", "SCAN CONSTANT ROW"];
    bench.check_but(&counted, |b| {
        at_once(outbox_read::backlog(&mut b.runner(), AT, 9)).unwrap();
    });
    bench.check(|b| {
        let (runner, id) = (&mut b.runner(), DeliveryId(Uuid::nil()));
        at_once(outbox_read::get(runner, &b.tenant, id)).unwrap();
        at_once(outbox_read::standings(runner, &b.tenant, &[notification])).unwrap();
    });
    bench.check_reaches("delivery_of (tenant=? AND notification_id=?)", |b| {
        at_once(outbox_read::of(&mut b.runner(), &b.tenant, &[notification])).unwrap();
    });
}

#[test]
fn the_list_of_deliveries_reads_one_tenant_or_one_inbox() {
    let bench = Bench::new();
    queue(&bench);
    let filter = DeliveryFilter {
        channel: Some(Channel::Push),
        state: Some(DeliveryState::Queued),
        notification_type: Some("x".into()),
        since: Some(AT),
        limit: 9,
        ..DeliveryFilter::default()
    };
    bench.check(|b| {
        at_once(outbox_read::list(&mut b.runner(), &b.tenant, &filter)).unwrap();
    });
    // One user's are found through their inbox, and sorted, rather than among everybody's.
    let filter = DeliveryFilter { user: Some(bench.user.clone()), ..filter };
    let mine = |b: &Bench| {
        at_once(outbox_read::list(&mut b.runner(), &b.tenant, &filter)).unwrap();
    };
    bench.check_but(&["USE TEMP B-TREE FOR ORDER BY"], mine);
    let plans = bench.plans(mine);
    let reaches = |end: &str| plans.iter().any(|line| line.contains(end));
    assert!(reaches("delivery_of (tenant=? AND notification_id=?"), "{plans:#?}");
}

#[test]
fn taking_back_reaches_its_rows_through_indexes() {
    let bench = Bench::new();
    let (id, user) = (SendId(Uuid::from_u128(9)), bench.user.clone());
    let notification = bench.publish(1);
    bench.check(|b| b.write(Write::Cancel { user, id: notification, at: AT }));
    let stored = stored_send(&bench, id);
    bench.write(Write::CreateSend(Box::new(stored)));
    bench.check(|b| b.write(Write::CancelSend { id, at: AT, recalls: false }));
    bench.check(|b| b.write(Write::CancelSend { id, at: AT, recalls: true }));
    // The index holds none but those that are under way.
    let under_way = ["SCAN s USING INDEX send_recall"];
    bench.check_but(&under_way, |b| {
        at_once(taking_back::recalls(&mut b.runner(), 9)).unwrap();
    });
    bench.check(|b| {
        let (from, to) = (None, Some(notification));
        b.write(Write::AdvanceRecall { id, from, to, is_complete: false });
    });
    let page = |b: &Bench| {
        at_once(taking_back::notifications(&mut b.runner(), &b.tenant, id, None, 9)).unwrap();
    };
    let plans = bench.plans(page);
    let index = "USING INDEX notification_send (send_id=? AND id>?)";
    assert!(plans.iter().any(|line| line.contains(index)), "{plans:#?}");
    bench.check(page);
}

fn sealed() -> Sealed {
    Sealed { bytes: vec![1], hash: [1; 32] }
}

fn person(bench: &Bench, version: u64) -> Box<Person> {
    Box::new(Person {
        user: bench.user.clone(),
        name: None,
        email: Some(sealed()),
        phone: Some(sealed()),
        locale: None,
        tz: None,
        created_at: AT,
        updated_at: AT,
        version,
    })
}

fn address(bench: &Bench) -> Address {
    Address {
        id: AddressId(Uuid::from_u128(1)),
        user: bench.user.clone(),
        kind: AddressKind::Fcm,
        secret: sealed(),
        platform: "web".into(),
        device: Some(DeviceId::parse("d").unwrap()),
        is_active: true,
        created_at: AT,
        seen_at: AT,
    }
}

#[test]
fn people_are_reached_through_indexes() {
    let bench = Bench::new();
    let suppression = Suppression {
        channel: Channel::Sms,
        address: [1; 32],
        reason: String::new(),
        source: String::new(),
        at: AT,
    };
    for version in [1, 2] {
        let preferences = StoredPreferences { body: "{}".into(), version };
        let user = Some(bench.user.clone());
        bench.check(|b| b.write(Write::PutPerson(person(b, version))));
        bench.check(|b| {
            b.write(Write::PutPreferences { user, preferences, reminders: vec![15], at: AT })
        });
    }
    // One user's addresses are few.
    bench.check_but(&["USE TEMP B-TREE FOR ORDER BY"], |b| {
        b.write(Write::PutAddress(Box::new(address(b))));
    });
    bench.check(|b| b.write(Write::Suppress(Box::new(suppression))));
    read_people(&bench);
    let user = bench.user.clone();
    let (id, from, to) = (AddressId(Uuid::from_u128(1)), vec![1], vec![2]);
    let renew = Write::RenewAddress { user: user.clone(), id, from, to };
    bench.check(|b| b.write(renew));
    let id = Uuid::from_u128(1);
    for with in [BroughtWith::Delivery(DeliveryId(id)), BroughtWith::Send(SendId(id))] {
        bench.check(|b| {
            // Stale: only its plan is looked at.
            let _ = at_once(seals::renew_brought(&mut b.runner(), &b.tenant, with, (&[1], &[2])));
        });
    }
    let remove = Write::RemoveAddress { user: user.clone(), id: AddressId(Uuid::from_u128(1)) };
    bench.check(|b| b.write(remove));
    bench.check(|b| b.write(Write::DeletePerson { user, keep: None, at: AT }));
    let lift = Write::Unsuppress { channel: Channel::Sms, address: [1; 32] };
    bench.check(|b| b.write(lift));
}

fn read_people(bench: &Bench) {
    let few = ["USE TEMP B-TREE FOR ORDER BY", "USE TEMP B-TREE FOR LAST TERM OF ORDER BY"];
    bench.check_but(&few, |b| {
        let (runner, users) = (&mut b.runner(), [b.user.clone()]);
        at_once(people::recipients(runner, &b.tenant, &users)).unwrap();
        at_once(addresses::list(runner, &b.tenant, &b.user, AddressKind::Fcm)).unwrap();
    });
    bench.check(|b| {
        let runner = &mut b.runner();
        at_once(people::preferences(runner, &b.tenant, None)).unwrap();
        at_once(addresses::get(runner, &b.tenant, AddressId(Uuid::nil()))).unwrap();
        at_once(addresses::by_hash(runner, &b.tenant, &[1; 32])).unwrap();
        at_once(suppressions::get(runner, &b.tenant, Channel::Sms, &[1; 32])).unwrap();
    });
    bench.check_reaches("person_phone (tenant=? AND phone_hash=?)", |b| {
        at_once(people::has_phone(&mut b.runner(), &b.tenant, &[1; 32])).unwrap();
    });
    for channel in [None, Some(Channel::Sms)] {
        let filter =
            SuppressionFilter { channel, after: Some((Channel::Email, [1; 32])), limit: 9 };
        bench.check(|b| {
            at_once(suppressions::list(&mut b.runner(), &b.tenant, &filter)).unwrap();
        });
    }
    bench.check(|b| {
        let after = (b.tenant.clone(), b.user.clone());
        at_once(seals::people(&mut b.runner(), Some(&after), 9)).unwrap();
        at_once(seals::addresses(&mut b.runner(), None, 9)).unwrap();
        at_once(seals::deliveries(&mut b.runner(), None, 9)).unwrap();
    });
    bench.check_reaches("send_phone (id>?)", |b| {
        at_once(seals::sends(&mut b.runner(), None, 9)).unwrap();
    });
}

#[test]
fn tallies_and_timelines_are_reached_through_indexes() {
    let bench = Bench::new();
    let id = bench.publish(1);
    let (action, entity) = (Action::NotificationFailed, Entity::Notification(id));
    let entry = AuditDraft { at: AT, action, entity, details: bench.details() };
    bench.unit(Unit { audit: vec![entry], ..Unit::new(&bench.tenant) });
    let about = |b: &Bench| {
        let found = at_once(audits::about(&mut b.runner(), &b.tenant, id, 0, 9)).unwrap();
        assert_eq!(found.len(), 1);
    };
    bench.check_reaches("audit_entry_about (tenant=? AND entity_id=? AND number>?)", about);
    bench.check(|b| {
        let found = at_once(tallies::uncounted(&mut b.runner(), None, 9, 9)).unwrap();
        assert_eq!(found.len(), 1);
    });
    let (measure, channel, notification_type) = ("m".into(), String::new(), String::new());
    let key = TallyKey { day: 1, class: None, measure, channel, notification_type, bucket: 0 };
    let sums = || vec![Tally { key: key.clone(), count: 1 }];
    bench.check(|b| {
        assert!(at_once(tallies::count(&mut b.runner(), &b.tenant, 0, 1, sums())).unwrap());
        assert!(at_once(tallies::count(&mut b.runner(), &b.tenant, 1, 2, sums())).unwrap());
    });
    let filter = TallyFilter { from: 0, to: 9, class: None };
    let read = |b: &Bench| {
        at_once(tallies::read(&mut b.runner(), &b.tenant, &filter)).unwrap();
    };
    let plans = bench.plans(read);
    let days = "(tenant=? AND class=? AND day>? AND day<?)";
    assert!(plans.iter().any(|line| line.ends_with(days)), "{plans:#?}");
    bench.check_but(&["USE TEMP B-TREE FOR GROUP BY"], read);
}

/// That a notification was created is the one entry that every publish makes.
#[test]
fn a_publish_writes_nothing_to_the_index_of_timelines() {
    let created = format!("action <> '{}'", Action::NotificationCreated.as_str());
    for schema in [crate::sqlite::SCHEMA, crate::postgres::SCHEMA] {
        let (_, index) = schema.split_once("create index audit_entry_about").unwrap();
        let (index, _) = index.split_once(';').unwrap();
        assert!(index.contains(&created), "{index}");
    }
}
