//! The audit trail: numbered, sealed, filtered, erased.

use std::sync::Arc;

use landfall_core::audit::Action;
use landfall_core::id::Tenant;
use landfall_core::topic::MemberRole;
use landfall_store::{AuditDraft, AuditFilter, SealReport, Unit, Write};
use tokio::task::JoinSet;

use super::make::{at, details, draft, never, put_member, put_topic, tenant, topic, user};
use super::world::{World, assert_stale};

fn audited(tenant: &Tenant, audit: Vec<AuditDraft>) -> Unit {
    Unit { audit, ..Unit::new(tenant) }
}

pub async fn append(world: &World, tenant: &Tenant, count: i64) {
    let entries = (0..count).map(|n| draft(Action::Refused, "u", n)).collect();
    world.store.commit(audited(tenant, entries)).await.unwrap();
}

pub async fn entries_are_numbered_gaplessly_for_each_tenant(world: World) {
    let tenants = [tenant("t"), tenant("t2")];
    let mut running = JoinSet::new();
    for n in 0..60 {
        let mut unit = audited(&tenants[n % 2], vec![]);
        unit.audit = (0..=n % 3).map(|_| draft(Action::Connected, "u", n as i64)).collect();
        if n % 5 == 0 {
            unit.writes.push(never(&user("u")));
        }
        let store = Arc::clone(&world.store);
        running.spawn(async move {
            match store.commit(unit).await {
                answer if n % 5 == 0 => assert_stale(answer),
                answer => assert_eq!(answer.unwrap().outcomes, []),
            }
        });
    }
    running.join_all().await;
    for tenant in &tenants {
        let trail = world.trail(tenant).await;
        let numbers: Vec<u64> = trail.iter().map(|entry| entry.number).collect();
        assert_eq!(numbers, (1..=48).collect::<Vec<_>>());
        let found = world.store.verify(tenant).await.unwrap();
        assert_eq!((found.unsealed, found.blocks, found.broken), (48, 0, None));
    }
}

pub async fn who_has_a_trail_is_walked_over_once(world: World) {
    let names = ["a", "b", "c", "d"].map(tenant);
    for name in &names {
        append(&world, name, 2).await;
    }
    let page = |after: Option<&Tenant>, limit| world.store.trails(after.cloned(), limit);
    assert_eq!(page(None, 3).await.unwrap(), names[..3]);
    assert_eq!(page(Some(&names[2]), 3).await.unwrap(), names[3..]);
    assert_eq!(page(Some(&names[3]), 3).await.unwrap(), []);
    assert!(world.store.has_trail(&names[1]).await.unwrap());
    assert!(!world.store.has_trail(&tenant("nobody")).await.unwrap());
}

pub async fn what_changes_nothing_leaves_no_entry(world: World) {
    let t = tenant("t");
    let put = || put_topic(&topic("c", "C"));
    let member = |name: &str| put_member("c", name, MemberRole::Member);
    let changed = |writes: Vec<Write>| {
        let audit = vec![draft(Action::TopicChanged, "u", 1)];
        world.store.commit(Unit { writes, ..audited(&t, audit) })
    };
    for (writes, entries) in [
        (vec![put()], 1),
        (vec![put()], 1),
        (vec![member("a")], 2),
        (vec![member("a")], 2),
        (vec![member("a"), member("b")], 3),
        (vec![put(), member("a"), member("b")], 3),
        (vec![], 4),
    ] {
        changed(writes).await.unwrap();
        assert_eq!(world.trail(&t).await.len(), entries);
    }
}

pub async fn filters_choose_entries(world: World) {
    let t = tenant("t");
    let mut entries = vec![
        draft(Action::Connected, "u", 10),
        draft(Action::Refused, "u", 20),
        draft(Action::Refused, "v", 30),
        draft(Action::Connected, "v", 40),
    ];
    entries[3].details.details.actor = Some(user("boss"));
    entries[3].details = details_of(&entries[3]);
    world.store.commit(audited(&t, entries)).await.unwrap();
    let all = AuditFilter { limit: 9, ..AuditFilter::default() };
    let of = |name: &str| Some(user(name));
    let cases: [(AuditFilter, &[u64]); 13] = [
        (all.clone(), &[4, 3, 2, 1]),
        (AuditFilter { limit: 2, ..all.clone() }, &[4, 3]),
        (AuditFilter { below: Some(3), ..all.clone() }, &[2, 1]),
        (AuditFilter { action: Some(Action::Refused), ..all.clone() }, &[3, 2]),
        (AuditFilter { entity_type: Some("thing".into()), ..all.clone() }, &[4, 3, 2, 1]),
        (AuditFilter { entity_type: Some("topic".into()), ..all.clone() }, &[]),
        (AuditFilter { entity_id: Some("Connected".into()), ..all.clone() }, &[4, 1]),
        (AuditFilter { actor: of("boss"), ..all.clone() }, &[4]),
        (AuditFilter { target: of("u"), ..all.clone() }, &[2, 1]),
        (AuditFilter { target: of("v"), action: Some(Action::Refused), ..all.clone() }, &[3]),
        (AuditFilter { target: of("v"), below: Some(4), ..all.clone() }, &[3]),
        (AuditFilter { since: Some(at(20)), until: Some(at(40)), ..all.clone() }, &[3, 2]),
        (AuditFilter { target: of("nobody"), ..all.clone() }, &[]),
    ];
    for (filter, expected) in cases {
        let found = world.store.audit(&t, filter.clone()).await.unwrap();
        let found: Vec<u64> = found.iter().map(|entry| entry.number).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

fn details_of(entry: &AuditDraft) -> landfall_store::SaltedDetails {
    landfall_store::SaltedDetails::new(entry.details.details.clone(), [8; 16])
}

pub async fn sealing_makes_one_block_a_tenant_of_at_most_the_limit(mut world: World) {
    let (t, t2) = (tenant("t"), tenant("t2"));
    append(&world, &t, 5).await;
    append(&world, &t2, 2).await;
    let mut heads = Vec::new();
    for (blocks, entries) in [(2, 5), (1, 2), (0, 0)] {
        let report = world.store.seal(at(99), 3).await.unwrap();
        assert_eq!(report, SealReport { blocks, entries });
        heads.push(world.store.verify(&t).await.unwrap().head.unwrap());
    }
    assert!(heads[0] != heads[1] && heads[1] == heads[2]);
    append(&world, &t, 1).await;
    let sealed: Vec<bool> = world.trail(&t).await.iter().map(|entry| entry.is_sealed).collect();
    assert_eq!(sealed, [true, true, true, true, true, false]);
    let blocks: Vec<_> = world.trail(&t).await.iter().map(|entry| entry.block).collect();
    assert_eq!(blocks, [Some(1), Some(1), Some(1), Some(2), Some(2), None]);
    world.reopen().await;
    let found = world.store.verify(&t).await.unwrap();
    assert_eq!((found.blocks, found.entries, found.unsealed, found.erased), (2, 5, 1, 0));
    assert_eq!((found.head, &found.broken), (Some(heads[1]), &None));
    let other = world.store.verify(&t2).await.unwrap();
    assert_eq!((other.blocks, other.entries, other.broken), (1, 2, None));
    assert_ne!(other.head, found.head);
    assert_eq!(world.store.verify(&tenant("none")).await.unwrap(), Default::default());
}

pub async fn erased_details_leave_a_chain_that_verifies(world: World) {
    let (t, t2) = (tenant("t"), tenant("t2"));
    append(&world, &t2, 1).await;
    let mut entries: Vec<_> =
        ["u", "v", "u", "v"].map(|target| draft(Action::Refused, target, 1)).into();
    entries[1].details.details.actor = Some(user("u"));
    entries[1].details = details_of(&entries[1]);
    world.store.commit(audited(&t, entries)).await.unwrap();
    world.store.seal(at(9), 3).await.unwrap();
    assert_eq!(world.store.erase_details(&t, &user("u")).await.unwrap(), 3);
    assert_eq!(world.store.erase_details(&t, &user("u")).await.unwrap(), 0);
    let found = world.store.verify(&t).await.unwrap();
    assert_eq!((found.entries, found.erased, found.unsealed, found.broken), (3, 3, 1, None));
    for entry in &world.trail(&t).await[..3] {
        assert!(entry.is_erased);
        assert_eq!((&entry.actor, &entry.target, &entry.metadata), (&None, &None, &None));
        assert_eq!((entry.action.as_str(), entry.at), ("refused", at(1)));
    }
    let kept = &world.trail(&t).await[3];
    assert!(!kept.is_erased);
    assert_eq!((kept.actor.as_deref(), kept.target.as_deref()), (Some("teacher"), Some("v")));
    assert_eq!(kept.metadata, details("v", r#"{"why":"test"}"#).details.metadata.into());
    assert!(!world.trail(&t2).await[0].is_erased);
    // What was erased before it was sealed can be sealed.
    world.store.erase_details(&t, &user("v")).await.unwrap();
    world.store.seal(at(10), 3).await.unwrap();
    let found = world.store.verify(&t).await.unwrap();
    assert_eq!((found.entries, found.erased, found.unsealed, found.broken), (4, 4, 0, None));
}
