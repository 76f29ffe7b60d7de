//! Tallies: every entry of the trail is counted exactly once, whoever counts.

use std::sync::Arc;

use landfall_core::audit::{Action, Entity};
use landfall_core::id::Tenant;
use landfall_core::notification::NewNotification;
use landfall_store::{
    AuditDraft, CountedNotification, SendTo, Store, Tally, TallyFilter, TallyKey, Uncounted, Unit,
    Write,
};
use tokio::task::JoinSet;

use super::make::{
    at, details, draft, note, notification_id, publish, tenant, topic_id, unit, user,
};
use super::sends::send;
use super::world::World;

fn tally(day: i64, measure: &str, bucket: u16, count: u64) -> Tally {
    let (channel, notification_type) = ("push".into(), "quiz".into());
    let measure = measure.into();
    let key = TallyKey { day, class: None, measure, channel, notification_type, bucket };
    Tally { key, count }
}

fn of_class(name: &str, mut tally: Tally) -> Tally {
    tally.key.class = Some(topic_id(name));
    tally
}

fn days(from: i64, to: i64) -> TallyFilter {
    TallyFilter { from, to, class: None }
}

async fn entries(world: &World, t: &Tenant, many: i64) {
    let audit = (0..many).map(|n| draft(Action::Connected, "u", n)).collect();
    world.store.commit(Unit { audit, ..unit(t, vec![]) }).await.unwrap();
}

pub async fn what_is_uncounted_comes_with_its_notification(world: World) {
    let t = tenant("t");
    let many = send(&t, SendTo::Topic(topic_id("c")));
    let of_send = NewNotification { send: Some(many.id), ..note(&user("u"), "a") };
    let alone = note(&user("u"), "b");
    let about = |id| {
        let entity = Entity::Notification(id);
        let details = details("u", r#"{"channel":"push"}"#);
        AuditDraft { at: at(4), action: Action::NotificationCreated, entity, details }
    };
    let audit = vec![
        about(of_send.id),
        draft(Action::Connected, "u", 5),
        about(alone.id),
        about(notification_id()),
    ];
    let writes =
        vec![publish(&of_send), publish(&alone), Write::CreateSend(Box::new(many.clone()))];
    world.store.commit(Unit { audit, ..unit(&t, writes) }).await.unwrap();
    world.done(&t, Write::Delete { user: user("u"), id: of_send.id }).await;
    let Uncounted { tenant, counted, entries } =
        world.store.uncounted(None, 9, 9).await.unwrap().remove(0);
    assert_eq!((tenant, counted, entries.len()), (t.clone(), 0, 4));
    let numbers: Vec<u64> = entries.iter().map(|entry| entry.number).collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!((entries[0].at, entries[0].action.as_str()), (at(4), "notification_created"));
    assert_eq!(entries[0].metadata.as_deref(), Some(r#"{"channel":"push"}"#));
    let of = |new: &NewNotification, class| CountedNotification {
        id: new.id,
        notification_type: "quiz".into(),
        created_at: at(0),
        class,
    };
    assert_eq!(entries[0].notification, Some(of(&of_send, Some(topic_id("c")))));
    assert_eq!(entries[1].notification, None);
    assert_eq!(entries[2].notification, Some(of(&alone, None)));
    assert_eq!(entries[3].notification, None, "it is not there");
    world.store.erase_details(&t, &user("u")).await.unwrap();
    let again = world.store.uncounted(None, 9, 1).await.unwrap().remove(0);
    assert_eq!((again.entries.len(), &again.entries[0].metadata), (1, &None));
}

pub async fn tenants_are_counted_one_page_after_the_other(world: World) {
    let tenants = ["a", "b", "c", "d"].map(tenant);
    for (t, many) in tenants.iter().zip([3, 1, 2, 1]) {
        entries(&world, t, many).await;
    }
    assert!(world.store.count(&tenants[1], 0, 1, vec![]).await.unwrap());
    let page = async |after: Option<&str>, many| {
        let found = world.store.uncounted(after.map(tenant), many, 2).await.unwrap();
        found.iter().map(|one| format!("{}{}", one.tenant, one.entries.len())).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, ["a2", "c2"]);
    assert_eq!(page(Some("c"), 2).await, ["d1"]);
    assert!(world.store.count(&tenants[0], 0, 2, vec![]).await.unwrap());
    assert_eq!(page(None, 9).await, ["a1", "c2", "d1"]);
}

/// Counts until nothing is left: each entry once on its day, twice in a sum that is given twice.
async fn count_all(store: Arc<dyn Store>) -> u64 {
    let mut taken = 0;
    loop {
        let waiting = store.uncounted(None, 9, 7).await.unwrap();
        if waiting.is_empty() {
            return taken;
        }
        for Uncounted { tenant, counted, entries } in waiting {
            let to = entries.last().unwrap().number;
            let mut sums: Vec<_> =
                entries.iter().map(|one| tally((one.number % 5) as i64, "sent", 0, 1)).collect();
            sums.extend(entries.iter().map(|_| tally(9, "all", 3, 2)));
            sums.reverse();
            if store.count(&tenant, counted, to, sums).await.unwrap() {
                taken += to - counted;
            }
        }
    }
}

pub async fn of_counters_at_once_each_entry_is_added_once(world: World) {
    let tenants = ["a", "b"].map(tenant);
    for t in &tenants {
        for _ in 0..20 {
            entries(&world, t, 7).await;
        }
    }
    let mut counters = JoinSet::new();
    for _ in 0..2 {
        counters.spawn(count_all(Arc::clone(&world.store)));
    }
    assert_eq!(counters.join_all().await.iter().sum::<u64>(), 280);
    for t in &tenants {
        let sums = world.store.tallies(t, days(0, 9)).await.unwrap();
        assert_eq!(sums, [tally(0, "all", 3, 280), tally(0, "sent", 0, 140)]);
        let some = world.store.tallies(t, days(1, 2)).await.unwrap();
        assert_eq!(some, [tally(1, "sent", 0, 56)]);
    }
}

pub async fn a_place_that_moved_adds_nothing(world: World) {
    let t = tenant("t");
    let count = |from, to| world.store.count(&t, from, to, vec![tally(1, "sent", 0, 1)]);
    assert!(!count(3, 4).await.unwrap());
    assert!(count(0, 4).await.unwrap());
    assert!(!count(0, 4).await.unwrap());
    assert!(!count(3, 5).await.unwrap());
    assert!(count(4, 5).await.unwrap());
    assert_eq!(world.store.tallies(&t, days(0, 9)).await.unwrap(), [tally(0, "sent", 0, 2)]);
}

pub async fn sums_are_apart_by_class_day_and_tenant(world: World) {
    let (t, other) = (tenant("t"), tenant("other"));
    let sums = vec![
        tally(3, "sent", 1, 5),
        tally(4, "sent", 1, 6),
        tally(4, "sent", 2, 1),
        of_class("c", tally(4, "sent", 1, 2)),
    ];
    assert!(world.store.count(&t, 0, 1, sums).await.unwrap());
    let read = |t: &Tenant, filter| world.store.tallies(t, filter);
    let all = read(&t, days(3, 4)).await.unwrap();
    assert_eq!(all, [tally(3, "sent", 1, 11), tally(3, "sent", 2, 1)]);
    assert_eq!(read(&t, days(-9, 3)).await.unwrap(), [tally(-9, "sent", 1, 5)]);
    assert_eq!(read(&t, days(5, 9)).await.unwrap(), []);
    let filter = TallyFilter { class: Some(topic_id("c")), ..days(4, 4) };
    assert_eq!(read(&t, filter).await.unwrap(), [of_class("c", tally(4, "sent", 1, 2))]);
    assert_eq!(read(&other, days(0, 9)).await.unwrap(), []);
}
