//! Idempotency keys: a repetition gets the first answer and takes no second effect.

use std::sync::Arc;

use landfall_core::feed::Number;
use landfall_core::topic::MemberRole;
use landfall_store::{Answer, IdempotencyKey, Receipt, StoreError, StoredAnswer, Unit, Write};
use tokio::task::JoinSet;

use super::make::{
    at, key, never, note, publish, put_member, put_topic, tenant, topic, unit, user,
};
use super::world::{World, assert_stale};

fn keyed(tenant_name: &str, key: IdempotencyKey) -> Unit {
    let writes = vec![publish(&note(&user("u"), "n"))];
    Unit { idempotency: Some(key), ..unit(&tenant(tenant_name), writes) }
}

#[track_caller]
fn assert_duplicate(answer: Answer<Receipt>, memo: &str, numbers: &[u64]) {
    let numbers = numbers.iter().copied().map(Number).collect();
    let expected = StoredAnswer { memo: memo.into(), numbers };
    match answer {
        Err(StoreError::Duplicate(stored)) => assert_eq!(*stored, expected),
        other => panic!("{other:?}"),
    }
}

pub async fn the_same_request_again_gets_the_first_answer(mut world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let writes = || {
        vec![
            publish(&note(&u, "a")),
            put_topic(&topic("c", "A")),
            put_member("c", "u", MemberRole::Member),
            publish(&note(&u, "b")),
            Write::MarkAllRead { user: u.clone(), at: at(1) },
        ]
    };
    let request = || Unit { idempotency: Some(key("k", 1)), ..unit(&t, writes()) };
    let first = world.store.commit(request()).await.unwrap();
    let numbers: Vec<u64> = first.numbers().iter().map(|number| number.0).collect();
    assert_eq!(numbers, [1, 1, 2, 3]);
    assert_duplicate(world.store.commit(request()).await, "memo of k", &numbers);
    // What it was answered counts, not what the repetition would do or how it names its answer.
    let later = IdempotencyKey { memo: "later".into(), at: at(9), ..key("k", 1) };
    assert_duplicate(world.store.commit(keyed("t", later)).await, "memo of k", &numbers);
    world.reopen().await;
    assert_duplicate(world.store.commit(request()).await, "memo of k", &numbers);
    assert_eq!(world.head(&t, &u).await.newest, Number(3));
    let nothing = Unit { idempotency: Some(key("empty", 1)), ..Unit::new(&t) };
    assert_eq!(world.store.commit(nothing.clone()).await.unwrap().outcomes, []);
    assert_duplicate(world.store.commit(nothing).await, "memo of empty", &[]);
}

pub async fn another_request_with_the_same_key_is_refused(world: World) {
    world.store.commit(keyed("t", key("k", 1))).await.unwrap();
    let answer = world.store.commit(keyed("t", key("k", 2))).await;
    assert!(matches!(answer, Err(StoreError::KeyReused)), "{answer:?}");
    assert_duplicate(world.store.commit(keyed("t", key("k", 1))).await, "memo of k", &[1]);
    assert_eq!(world.head(&tenant("t"), &user("u")).await.newest, Number(1));
}

pub async fn scopes_and_tenants_have_their_own_keys(world: World) {
    let elsewhere = IdempotencyKey { scope: "app DELETE /notify".into(), ..key("k", 2) };
    for unit in [
        keyed("t", key("k", 1)),
        keyed("t", elsewhere),
        keyed("t", key("k2", 3)),
        keyed("t2", key("k", 4)),
    ] {
        world.store.commit(unit).await.unwrap();
    }
    assert_eq!(world.head(&tenant("t"), &user("u")).await.newest, Number(3));
    assert_eq!(world.head(&tenant("t2"), &user("u")).await.newest, Number(1));
}

pub async fn a_failed_unit_keeps_no_key(world: World) {
    let mut bad = keyed("t", key("k", 1));
    bad.writes.push(never(&user("u")));
    assert_stale(world.store.commit(bad).await);
    // The key is free, even for another body.
    let receipt = world.store.commit(keyed("t", key("k", 2))).await.unwrap();
    assert_eq!(receipt.numbers(), [Number(1)]);
}

pub async fn of_concurrent_requests_with_one_key_one_takes_effect(world: World) {
    let mut running = JoinSet::new();
    for n in 0..40 {
        let store = Arc::clone(&world.store);
        let unit = keyed("t", key(&format!("k{}", n % 4), 1));
        running.spawn(async move { (n % 4, store.commit(unit).await) });
    }
    let (mut first, mut repeated) = ([None; 4], Vec::new());
    while let Some(result) = running.join_next().await {
        match result.unwrap() {
            (of, Ok(receipt)) => {
                assert_eq!(first[of].replace(receipt.numbers()[0]), None, "a second effect");
            }
            (of, Err(StoreError::Duplicate(stored))) => repeated.push((of, stored)),
            (_, other) => panic!("{other:?}"),
        }
    }
    assert_eq!(repeated.len(), 36);
    for (of, stored) in repeated {
        assert_eq!(stored.numbers, [first[of].unwrap()]);
        assert_eq!(stored.memo, format!("memo of k{of}"));
    }
    assert_eq!(world.inbox(&tenant("t"), &user("u")).await.len(), 4);
}

pub async fn keys_are_forgotten_by_age_and_within_the_limit(world: World) {
    for n in 0..6 {
        let made = IdempotencyKey { at: at(n), ..key(&format!("k{n}"), 1) };
        world.store.commit(keyed(["t", "t2"][n as usize % 2], made)).await.unwrap();
    }
    assert_eq!(world.store.forget_keys(at(0), 10).await.unwrap(), 0, "before means before");
    assert_eq!(world.store.forget_keys(at(5), 2).await.unwrap(), 2);
    // The oldest went first.
    world.store.commit(keyed("t", key("k0", 2))).await.unwrap();
    world.store.commit(keyed("t2", key("k1", 2))).await.unwrap();
    let kept = world.store.commit(keyed("t", key("k2", 1))).await;
    assert_duplicate(kept, "memo of k2", &[2]);
    assert_eq!(world.store.forget_keys(at(5), 10).await.unwrap(), 5, "two are new, of time 0");
    assert_eq!(world.store.forget_keys(at(5), 10).await.unwrap(), 0);
    let kept = world.store.commit(keyed("t2", key("k5", 1))).await;
    assert_duplicate(kept, "memo of k5", &[3]);
}
