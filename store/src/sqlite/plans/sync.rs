//! The plans of offline work: a push and a pull cost what they name or give, however much is kept.

use landfall_core::feed::FeedKey;
use landfall_core::id::ConflictId;
use landfall_core::notification::JsonText;
use landfall_core::sync::EntityName;
use uuid::Uuid;

use super::{AT, Bench, ONE, Write, at_once};
use crate::sql::{sync_read, sync_write};
use crate::{
    BranchNext, Conflict, ConflictFilter, ConflictNext, EntityNext, StoredOperation, SyncWrite,
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
        from: version - 1,
        from_version: version - 1,
        next: Some(EntityNext { version, data: json("{}"), is_deleted: false, stamps: json("{}") }),
        branch: Some(BranchNext { client_version: None, base_version: 0, fields: None }),
        conflict: Some(Box::new(conflict)),
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
            at_once(sync_write::keep(&mut b.runner(), &b.tenant, &one)).unwrap();
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
    bench.check(|b| {
        let mut r = b.runner();
        at_once(sync_read::entities(&mut r, &feed, vec![name()])).unwrap();
        at_once(sync_read::versions(&mut r, &feed, &[(name(), 1)])).unwrap();
        at_once(sync_read::branches(&mut r, &feed, "phone", &[name()])).unwrap();
        at_once(sync_read::operations(&mut r, &b.tenant, &b.user, &["op1".into()])).unwrap();
        at_once(sync_read::open_conflicts(&mut r, &feed, &[name()])).unwrap();
        at_once(sync_read::conflict_of(&mut r, &b.tenant, ConflictId(Uuid::nil()))).unwrap();
    });
    for user in [None, Some(bench.user.clone())] {
        let filter = ConflictFilter { user, is_open: Some(true), after: None, limit: 9 };
        bench.check(|b| {
            at_once(sync_read::conflicts(&mut b.runner(), &b.tenant, &filter)).unwrap();
        });
    }
    bench.check(|b| {
        at_once(sync_read::forget(&mut b.runner(), AT, 9)).unwrap();
    });
}
