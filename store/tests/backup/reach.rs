//! What reaches people goes into a backup and comes back, but for who had claimed what.

use landfall_core::audit::{Action, Entity};
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::{ConflictId, UserId};
use landfall_core::lesson::Lesson;
use landfall_core::message::Message;
use landfall_core::notification::{JsonText, NewNotification, Priority};
use landfall_core::sync::EntityName;
use landfall_store::{
    ActivityNext, ActivityStatus, AddressKind, AuditDraft, BranchNext, Conflict, ConflictNext,
    Deliveries, Delivery, DeviceNext, EntityNext, MessageSlice, OperationKeep, Overwrite, SendTo,
    SessionCounts, SessionNext, Store, StoredOperation, StoredPreferences, Suppression, SyncWrite,
    Tally, TallyFilter, TallyKey, Unit, Write,
};
use rusqlite::Connection;
use uuid::Uuid;

use crate::make;

use crate::make::{at, details, note, publish, tenant, unit, user};
use crate::make_lessons::{hash, lesson, put, put_blob};
use crate::make_messages::{message, send as send_message};
use crate::make_reach::{
    address, claiming, enqueue, new_delivery, person, put_address, sealed, settlement,
};
use crate::place::Place;
use crate::postgres::Base;
use crate::restore::send;
use crate::schedule;

/// Tables that came with reaching people, offline work, lessons and what is scheduled.
const TABLES: [&str; 31] = [
    "person",
    "address",
    "preference",
    "suppression",
    "delivery",
    "tally",
    "tally_place",
    "entity",
    "entity_version",
    "operation",
    "branch",
    "sync_conflict",
    "device",
    "sync_session",
    "activity",
    "lesson",
    "lesson_blob",
    "blob",
    "blob_uploader",
    "blob_total",
    "message",
    "message_leftover",
    "event",
    "occurrence",
    "firing",
    "schedule_clock",
    "reminder_choice",
    "quiz",
    "calendar",
    "digest",
    "audit_forgotten",
];

fn put_preferences(user: Option<&UserId>) -> Write {
    let preferences = StoredPreferences { body: "{}".into(), version: 1 };
    Write::PutPreferences { user: user.cloned(), preferences, reminders: vec![30], at: at(0) }
}

/// Fills every one of these tables; gives what is leased.
pub async fn fill(store: &dyn Store) -> Delivery {
    let leased = fill_most(store).await;
    store.seal(at(9), 1).await.unwrap();
    assert_eq!(store.forget_details(at(99), 1).await.unwrap(), 1);
    leased
}

async fn fill_most(store: &dyn Store) -> Delivery {
    let (t, u) = (tenant("t"), user("u"));
    let many = landfall_store::StoredSend { to: SendTo::Users(vec![u.clone()]), ..recalled() };
    let new = NewNotification { send: Some(many.id), ..note(&u, "reached") };
    let deliveries = [Some(at(0)), Some(at(1)), None].map(|due| new_delivery(0, due)).to_vec();
    let entity = Entity::Notification(new.id);
    let (at_one, details) = (at(1), details("u", "{}"));
    let entry = AuditDraft { at: at_one, action: Action::NotificationFailed, entity, details };
    let suppression = Suppression {
        channel: Channel::Sms,
        address: sealed(2).hash,
        reason: "opted out".into(),
        source: "provider".into(),
        at: at(2),
    };
    let writes = vec![
        publish(&new),
        enqueue(&new, Priority::Critical, deliveries),
        Write::PutPerson(Box::new(person("u"))),
        put_address(&address("u", 1, Some(1))),
        put_address(&address("u", 2, None)),
        put_preferences(Some(&u)),
        put_preferences(None),
        Write::Suppress(Box::new(suppression)),
        Write::Cancel { user: u, id: new.id, at: at(3) },
        Write::CreateSend(Box::new(many.clone())),
        Write::CancelSend { id: many.id, at: at(4), recalls: true },
        Write::AdvanceRecall { id: many.id, from: None, to: Some(new.id), is_complete: false },
    ];
    store.commit(Unit { audit: vec![entry], ..unit(&t, writes) }).await.unwrap();
    fill_a_class(store).await;
    schedule::fill(store).await;
    let mut mine = store.claim(claiming(5)).await.unwrap().deliveries;
    let leased = mine.remove(0);
    let mut sent = settlement(&mine[0], DeliveryState::Sent, 6);
    (sent.code, sent.reference, sent.provider) =
        (Some("0".into()), Some("SM1".into()), Some("p".into()));
    sent.ask_at = Some(at(70));
    store.commit(unit(&t, vec![Write::Settle(Box::new(sent))])).await.unwrap();
    assert!(store.count(&t, 0, 1, vec![sum()]).await.unwrap());
    leased
}

fn contested() -> Conflict {
    let json = JsonText::trusted;
    Conflict {
        id: ConflictId(Uuid::from_u128(9)),
        is_open: true,
        decided_by: "manual".into(),
        base: Some(json("{}")),
        server: None,
        client: Some(json("{}")),
        result: None,
        clashes: json("[]"),
        client_version: Some(1),
        server_version: 0,
    }
}

/// What is shown of it.
fn shown() -> ActivityNext {
    ActivityNext {
        kind: "notes".into(),
        entity_id: "n1".into(),
        data: JsonText::trusted("{}"),
        status: ActivityStatus::Conflict,
        reason: "why".into(),
    }
}

/// An operation with everything that one can do.
fn worked() -> SyncWrite {
    let json = JsonText::trusted;
    SyncWrite {
        feed: FeedKey::data(&tenant("t"), &user("u")),
        name: EntityName { kind: "notes".into(), id: "n1".into() },
        user: user("u"),
        device: "phone".into(),
        operation: StoredOperation {
            id: "op1".into(),
            digest: [3; 32],
            outcome: Some(json("{}")),
            at: at(5),
        },
        keeps: OperationKeep::New,
        from: 0,
        from_version: 0,
        from_branch: None,
        next: Some(EntityNext {
            version: 1,
            data: json("{}"),
            is_deleted: false,
            stamps: json("{}"),
        }),
        branch: Some(BranchNext {
            client_version: Some(1),
            base_version: 1,
            fields: None,
            is_refused: true,
        }),
        conflict: Some(Box::new(ConflictNext::New(contested()))),
        activity: Some(Box::new(shown())),
    }
}

/// Makes a class with a lesson that refers to a blob, and offline work.
async fn fill_a_class(store: &dyn Store) {
    let class = make::put_topic(&make::topic("c", "C"));
    let work = Write::Sync(Box::new(worked()));
    let synced = Write::Synced(Box::new(DeviceNext {
        user: user("u"),
        device: "phone".into(),
        at: at(5),
        stamp: Some((at(4), 1)),
        place: Some(Number(1)),
        given: Some(Number(1)),
        generation: Some(2),
        session: Some(SessionNext { id: Uuid::from_u128(4), counts: SessionCounts::default() }),
        pending: Some(3),
    }));
    let said = send_message(&message(1, "u", "said"));
    // Leaves a message behind.
    let (gone, topic) = (message(2, "u", "gone"), crate::make::topic_id("d"));
    let left = send_message(&Message { topic: topic.clone(), ..gone });
    let writes = [
        class,
        put_blob(1, 99),
        put(&lesson("l", 1, &[1])),
        work,
        synced,
        said,
        make::put_topic(&make::topic("d", "D")),
        left,
        Write::DeleteTopic { topic, at: at(5) },
    ];
    for write in writes {
        store.commit(unit(&tenant("t"), vec![write])).await.unwrap();
    }
}

async fn check_a_class(store: &dyn Store) {
    let (t, expected) = (tenant("t"), lesson("l", 1, &[1]));
    let found = store.lesson(&t, &expected.id).await.unwrap().unwrap();
    assert_eq!(found, Lesson { changed: found.changed, ..expected });
    assert_eq!(store.blobs(&t, vec![hash(1)]).await.unwrap().len(), 1);
    assert_eq!(store.blob_total(&t).await.unwrap(), 10);
    assert!(store.may_read_blob(&t, hash(1), &user("teacher"), at(0)).await.unwrap());
    let devices = store.devices(&t, &user("u"), None, 9).await.unwrap();
    assert_eq!(
        (devices[0].stamp, devices[0].session),
        (Some((at(4), 1)), Some(Uuid::from_u128(4)))
    );
    assert_eq!(store.sync_sessions(&t, &user("u"), None, None, 9).await.unwrap().len(), 1);
    assert_eq!(store.activity_counts(&t, &user("u")).await.unwrap().conflict, 1);
    let newest = MessageSlice::Newest { below: None };
    let said = store.messages(&t, &crate::make::topic_id("c"), newest, 9).await.unwrap();
    assert_eq!(said[0].body, message(1, "u", "said").body);
}

fn recalled() -> landfall_store::StoredSend {
    send(crate::make::topic_id("c"))
}

fn sum() -> Tally {
    let (measure, channel, notification_type) = ("sent".into(), "push".into(), "quiz".into());
    let class = Some(crate::make::topic_id("c"));
    Tally {
        key: TallyKey { day: 7, class, measure, channel, notification_type, bucket: 3 },
        count: 4,
    }
}

async fn check(store: &dyn Store, leased: &Delivery) {
    let (t, u) = (tenant("t"), user("u"));
    let found = store.recipients(&t, vec![u.clone()]).await.unwrap().users.remove(0);
    assert_eq!(found.person, Some(person("u")));
    assert_eq!((found.addresses.len(), found.suppressions.len()), (2, 1));
    assert!(found.preferences.is_some() && store.preferences(&t, None).await.unwrap().is_some());
    assert_eq!(store.addresses(&t, &u, AddressKind::Fcm).await.unwrap().len(), 2);
    let filter = TallyFilter { from: 7, to: 7, class: sum().key.class };
    assert_eq!(store.tallies(&t, filter).await.unwrap(), [sum()]);
    let standing =
        store.notification_standings(&t, vec![leased.notification]).await.unwrap().remove(0);
    assert_eq!(standing.canceled_at, Some(at(3)));
    let (recalled, place) = store.recalls(9).await.unwrap().remove(0);
    assert_eq!((recalled.canceled_at, place), (Some(at(4)), Some(leased.notification)));
    assert_eq!(store.about(&t, leased.notification, 0, 9).await.unwrap().len(), 1);
    let all = store.deliveries_of(&t, vec![leased.notification]).await.unwrap();
    let states: Vec<_> = all.iter().map(|one| one.state).collect();
    use DeliveryState::{Queued, Sent};
    assert_eq!(states, [Queued, Sent, Queued]);
    assert_eq!((all[1].reference.as_deref(), all[1].attempts), (Some("SM1"), 1));
    assert_eq!(store.unreported(at(70), 9).await.unwrap(), all[1..2]);
    check_a_class(store).await;
    // Nobody has it any more: it is due, as of the restore.
    assert_eq!(all[0].due_at, Some(at(0)));
    let again = store.claim(claiming(0)).await.unwrap().deliveries;
    assert_eq!((again.len(), again[0].id, again[0].claim), (1, leased.id, leased.claim + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reaches_people_is_there_again_on_either_store() {
    let (place, base) = (Place::new(), Base::new());
    let store = place.store("a.db");
    let leased = fill(&store).await;
    place.backup("a.db", "1.backup");
    let file = Connection::open(place.file("1.backup")).unwrap();
    for table in TABLES {
        let sql = format!("select count(*) from {table}");
        let rows: u64 = file.query_row(&sql, [], |row| row.get(0)).unwrap();
        assert!(rows > 0, "{table}");
    }
    base.try_restore(&place, "1.backup", Overwrite::Never).await.unwrap();
    base.try_backup(&place, "2.backup").await.unwrap();
    check(&base.store().await, &leased).await;
    // Backed up while something was leased in PostgreSQL.
    base.try_backup(&place, "3.backup").await.unwrap();
    place.restore("2.backup", "b.db");
    check(&place.store("b.db"), &leased).await;
    place.restore("3.backup", "c.db");
    let again = place.store("c.db").claim(claiming(0)).await.unwrap().deliveries;
    assert_eq!((again.len(), again[0].claim), (1, leased.claim + 2));
}
