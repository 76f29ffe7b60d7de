//! The plans of offline work: a push and a pull cost what they name or give, however much is kept.

use landfall_core::feed::FeedKey;
use landfall_core::id::ConflictId;
use landfall_core::notification::JsonText;
use landfall_core::sync::EntityName;
use uuid::Uuid;

use super::{AT, Bench, ONE, Write, at_once, topic_of};
use crate::sql::{
    activities, conflicts, devices, lessons, sync_forget, sync_read, sync_write, topics,
};
use crate::{
    ActivityFilter, ActivityNext, ActivityStatus, BranchNext, Conflict, ConflictFilter,
    ConflictNext, DeviceNext, EntityNext, EntityRange, OperationKeep, SessionCounts, SessionNext,
    StandingsAsk, StoredOperation, SyncWrite,
};

fn name() -> EntityName {
    EntityName { kind: "notes".into(), id: "n1".into() }
}

fn operation(bench: &Bench, id: &str, version: u64, conflict: ConflictNext) -> SyncWrite {
    let json = |text| JsonText::trusted(text);
    SyncWrite {
        feed: FeedKey::data(&bench.tenant, &bench.user),
        name: name(),
        user: bench.user.clone(),
        device: "phone".into(),
        operation: StoredOperation {
            id: id.into(),
            digest: [1; 32],
            outcome: Some(json("{}")),
            at: AT,
        },
        keeps: OperationKeep::New,
        from: version - 1,
        from_version: version - 1,
        from_branch: (version > 1).then(|| format!("op{}", version - 1).into()),
        next: Some(EntityNext { version, data: json("{}"), is_deleted: false, stamps: json("{}") }),
        branch: Some(BranchNext {
            client_version: None,
            base_version: 0,
            fields: None,
            is_refused: false,
        }),
        conflict: Some(Box::new(conflict)),
        activity: Some(Box::new(ActivityNext {
            kind: "notes".into(),
            entity_id: "n1".into(),
            data: json("{}"),
            status: ActivityStatus::Failed,
            reason: "x".into(),
        })),
    }
}

fn new() -> ConflictNext {
    ConflictNext::New(Conflict {
        id: ConflictId(Uuid::from_u128(1)),
        is_open: true,
        decided_by: "manual".into(),
        base: None,
        server: None,
        client: None,
        result: None,
        clashes: JsonText::trusted("[]"),
        client_version: None,
        server_version: 0,
    })
}

#[test]
fn operations_are_kept_through_indexes() {
    let bench = Bench::new();
    let id = ConflictId(Uuid::from_u128(1));
    let resolved = ConflictNext::Resolved {
        id,
        resolution: "merge".into(),
        result: None,
        by: bench.user.clone(),
    };
    let chain = [new(), ConflictNext::GoesOn { id, client: None }, resolved];
    for (conflict, version) in chain.into_iter().zip(1..) {
        let one = operation(&bench, &format!("op{version}"), version, conflict);
        bench.check(|b| {
            at_once(sync_write::keep(&mut b.runner(), &b.tenant, std::slice::from_ref(&one)))
                .unwrap();
        });
    }
}

#[test]
fn offline_work_is_read_through_indexes() {
    let bench = Bench::new();
    bench.write(Write::Sync(Box::new(operation(&bench, "op1", 1, new()))));
    let feed = FeedKey::data(&bench.tenant, &bench.user);
    for kinds in [vec![], vec!["notes".into()]] {
        bench.check_reaches("entity_changed (feed_id=? AND changed>?)", |b| {
            at_once(sync_read::changed(&mut b.runner(), &feed, ONE, &kinds, 9)).unwrap();
        });
    }
    bench.check_reaches("entity_updated (feed_id=? AND updated_at>?)", |b| {
        at_once(sync_read::number_before(&mut b.runner(), &feed, AT)).unwrap();
    });
    let ask = StandingsAsk {
        feed: feed.clone(),
        user: bench.user.clone(),
        device: "phone".into(),
        names: vec![name()],
        operations: vec!["op1".into()],
        versions: vec![(name(), 1)],
        had: Some(ONE),
    };
    bench.check(|b| {
        let mut r = b.runner();
        at_once(sync_read::entities(&mut r, &feed, &[name()])).unwrap();
        at_once(sync_read::standings(&mut r, &ask)).unwrap();
        at_once(conflicts::conflict_of(&mut r, &b.tenant, ConflictId(Uuid::nil()))).unwrap();
    });
    for user in [None, Some(bench.user.clone())] {
        let filter = ConflictFilter { user, is_open: Some(true), after: None, limit: 9 };
        bench.check(|b| {
            at_once(conflicts::conflicts(&mut b.runner(), &b.tenant, &filter)).unwrap();
        });
    }
    bench.check(|b| {
        at_once(sync_forget::forget(&mut b.runner(), AT, 9)).unwrap();
    });
}

#[test]
fn entities_are_read_in_the_order_of_their_names_by_their_key() {
    let bench = Bench::new();
    bench.write(Write::Sync(Box::new(operation(&bench, "op1", 1, new()))));
    let feed = FeedKey::data(&bench.tenant, &bench.user);
    let all = EntityRange { limit: 9, ..EntityRange::default() };
    let part = EntityRange { after: Some(name()), up_to: Some(name()), ..all.clone() };
    for (range, bounds) in [(all, "(kind,id)>(?,?)"), (part, "(kind,id)>(?,?) AND (kind,id)<(?,?)")]
    {
        let key = format!("PRIMARY KEY (feed_id=? AND {bounds})");
        bench.check_reaches(&key, |b| {
            at_once(sync_read::entities_in(&mut b.runner(), &feed, &range)).unwrap();
        });
    }
}

#[test]
fn what_classes_have_to_read_is_found_through_indexes() {
    let bench = Bench::new();
    bench.write(Write::PutTopic(Box::new(topic_of(&bench))));
    let feed = FeedKey::topic(&bench.tenant, &bench.topic);
    bench.check_reaches("lesson_updated (tenant=? AND class_id=? AND updated_at>?)", |b| {
        at_once(sync_read::number_before(&mut b.runner(), &feed, AT)).unwrap();
    });
    let (tenant, class) = (&bench.tenant, &bench.topic);
    bench.check_but(&["USE TEMP B-TREE FOR LAST TERM OF ORDER BY"], |b| {
        at_once(lessons::changed(&mut b.runner(), tenant, class, ONE, 9)).unwrap();
    });
    let index = "topic_member_user (tenant=? AND user_id=?)";
    bench.check_reaches(index, |b| {
        at_once(topics::memberships(&mut b.runner(), &b.tenant, &b.user)).unwrap();
    });
    bench.check_reaches("topic_member_left (tenant=? AND user_id=?)", |b| {
        at_once(topics::left(&mut b.runner(), &b.tenant, &b.user)).unwrap();
    });
}

#[test]
fn devices_and_what_they_did_are_reached_through_indexes() {
    let bench = Bench::new();
    for place in [None, Some(ONE)] {
        let session = Some(SessionNext { id: Uuid::nil(), counts: SessionCounts::default() });
        let pending = Some(1);
        let seen = DeviceNext::seen(&bench.user, "phone", AT);
        let next =
            DeviceNext { stamp: Some((AT, 1)), place, given: place, session, pending, ..seen };
        bench.check(|b| b.write(Write::Synced(Box::new(next))));
    }
    bench.check_reaches("SEARCH d USING PRIMARY KEY (tenant=? AND user_id=? AND device>?)", |b| {
        at_once(devices::list(&mut b.runner(), &b.tenant, &b.user, "", 9)).unwrap();
    });
    for (of, index) in [
        (None, "SEARCH s USING PRIMARY KEY (tenant=? AND user_id=? AND id<?)"),
        (Some("phone"), "sync_session_device (tenant=? AND user_id=? AND device=? AND id<?)"),
    ] {
        let sessions = |b: &Bench| {
            let of_user = (&b.tenant, &b.user);
            at_once(devices::sessions(&mut b.runner(), of_user, None, of, 9)).unwrap();
        };
        bench.check(sessions);
        assert!(bench.plans(sessions).iter().any(|line| line.contains(index)), "{index}");
    }
}

#[test]
fn activities_are_listed_through_indexes() {
    let bench = Bench::new();
    let page = "(created_at,id)>(?,?)";
    for (kind, index) in [
        (None, "activity_status (tenant=? AND user_id=? AND status=? AND"),
        (Some("notes"), "activity_kind (tenant=? AND user_id=? AND kind=? AND status=? AND"),
    ] {
        let (user, kind) = (bench.user.clone(), kind.map(Into::into));
        let filter = ActivityFilter { kind, ..ActivityFilter::of(&user, 9) };
        let list = |b: &Bench| {
            at_once(activities::list(&mut b.runner(), &b.tenant, &filter)).unwrap();
        };
        bench.check_reaches(&format!("{index} {page})"), list);
    }
    bench.check_but(&["SCAN found"], |b| {
        let mut r = b.runner();
        at_once(activities::counts(&mut r, &b.tenant, &b.user)).unwrap();
        at_once(activities::named(&mut r, &b.tenant, &b.user, &["x".into()])).unwrap();
    });
}

#[test]
fn what_was_deleted_is_found_and_forgotten_through_indexes() {
    let bench = Bench::new();
    let mut gone = operation(&bench, "op1", 1, new());
    (gone.conflict, gone.next.as_mut().unwrap().is_deleted) = (None, true);
    bench.write(Write::Sync(Box::new(gone)));
    let before = AT.plus_ms(1);
    bench.check(|b| {
        assert_eq!(at_once(sync_forget::tombstones(&mut b.runner(), before, 9)).unwrap(), 1);
    });
    bench.check_reaches("entity_deleted (updated_at<?)", |b| {
        at_once(sync_forget::tombstones(&mut b.runner(), before, 9)).unwrap();
    });
}
