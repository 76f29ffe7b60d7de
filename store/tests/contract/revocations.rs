//! Revocations: what they cover, at the commit too, and how others hear of them.

use std::sync::Arc;

use landfall_core::auth::{Revoked, TokenMark};
use landfall_core::feed::Number;
use landfall_core::id::Tenant;
use landfall_core::time::Timestamp;
use landfall_store::{Answer, Guard, Outcome, Receipt, Revocation, StoreError, Unit, Write};

use tokio::task::JoinSet;

use super::make::{at, key, never, note, publish, tenant, user};
use super::world::{World, assert_stale};

pub fn of_user(name: &str) -> Revoked {
    Revoked::User(user(name))
}

fn of_token(id: &str) -> Revoked {
    Revoked::Token(id.to_owned())
}

pub fn revoke(of: &Revoked, ms: i64) -> Write {
    Write::Revoke { of: of.clone(), at: at(ms), reason: Some("lost".into()), by: user("root") }
}

fn lift(number: u64, ms: i64) -> Write {
    Write::Lift { number: Number(number), at: at(ms) }
}

fn token(name: &str, id: Option<&str>, issued_at: Option<Timestamp>) -> TokenMark {
    TokenMark { user: user(name), token_id: id.map(str::to_owned), issued_at }
}

fn revocation(t: &Tenant, number: u64, of: &Revoked, ms: i64) -> Revocation {
    Revocation {
        number: Number(number),
        tenant: t.clone(),
        of: of.clone(),
        at: at(ms),
        reason: Some("lost".into()),
        by: user("root"),
        is_lifted: false,
    }
}

/// Publishes for somebody, caused by a token.
async fn act(world: &World, t: &Tenant, token: &TokenMark) -> Answer<Receipt> {
    let unit = Unit {
        guards: vec![Guard::NotRevoked(token.clone())],
        writes: vec![publish(&note(&user("u"), "n"))],
        ..Unit::new(t)
    };
    world.store.commit(unit).await
}

async fn may_act(world: &World, t: &Tenant, token: &TokenMark) -> bool {
    match act(world, t, token).await {
        Ok(_) => true,
        Err(StoreError::Revoked) => false,
        Err(error) => panic!("{error}"),
    }
}

async fn after(world: &World, number: u64) -> Vec<Revocation> {
    world.store.revocations_after(Number(number), 100).await.unwrap()
}

async fn listed(world: &World, t: &Tenant) -> Vec<Revocation> {
    world.store.revocations(t, None, 100).await.unwrap()
}

pub async fn a_revoked_user_acts_no_more_with_what_was_issued_until_then(world: World) {
    let (t, other) = (tenant("t"), tenant("other"));
    let old = token("ada", Some("1"), Some(at(10)));
    assert!(may_act(&world, &t, &old).await);
    assert_eq!(world.done(&t, revoke(&of_user("ada"), 10)).await, Outcome::Numbered(Number(1)));
    for revoked in [&old, &token("ada", None, Some(at(9))), &token("ada", None, None)] {
        assert!(!may_act(&world, &t, revoked).await, "{revoked:?}");
    }
    for free in [token("ada", None, Some(at(11))), token("bob", None, None)] {
        assert!(may_act(&world, &t, &free).await, "{free:?}");
    }
    assert!(may_act(&world, &other, &old).await);
    let head = world.head(&t, &user("u")).await;
    assert_eq!(head.newest, Number(3), "what was refused left a number");
}

pub async fn a_revoked_token_acts_no_more_whenever_it_was_issued(world: World) {
    let t = tenant("t");
    world.done(&t, revoke(&of_token("1"), 10)).await;
    assert!(!may_act(&world, &t, &token("ada", Some("1"), Some(at(99)))).await);
    assert!(may_act(&world, &t, &token("ada", Some("2"), None)).await);
    assert!(may_act(&world, &t, &token("1", None, None)).await);
    assert!(may_act(&world, &tenant("other"), &token("ada", Some("1"), None)).await);
}

pub async fn a_revoked_caller_is_told_nothing_of_an_earlier_answer(world: World) {
    let t = tenant("t");
    let ada = token("ada", None, None);
    let unit = |body| Unit {
        guards: vec![Guard::NotRevoked(ada.clone())],
        writes: vec![publish(&note(&user("u"), "n"))],
        idempotency: Some(key("k", body)),
        ..Unit::new(&t)
    };
    world.store.commit(unit(1)).await.unwrap();
    let again = world.store.commit(unit(1)).await;
    assert!(matches!(again, Err(StoreError::Duplicate(_))), "{again:?}");
    world.done(&t, revoke(&of_user("ada"), 10)).await;
    for body in [1, 2] {
        let refused = world.store.commit(unit(body)).await;
        assert!(matches!(refused, Err(StoreError::Revoked)), "{refused:?}");
    }
    // Whether something else is stale is not told either.
    let stale = Unit { writes: vec![never(&user("u"))], ..unit(1) };
    let refused = world.store.commit(stale).await;
    assert!(matches!(refused, Err(StoreError::Revoked)), "{refused:?}");
}

pub async fn a_revocation_ends_what_comes_after_it_in_the_same_group(world: World) {
    let t = tenant("t");
    let ada = token("ada", None, None);
    let units = (0..40).map(|n| match n {
        20 => Unit { writes: vec![revoke(&of_user("ada"), 10)], ..Unit::new(&t) },
        _ => Unit {
            guards: vec![Guard::NotRevoked(ada.clone())],
            writes: vec![publish(&note(&user("u"), "n"))],
            ..Unit::new(&t)
        },
    });
    let mut commits = JoinSet::new();
    for unit in units {
        let store = Arc::clone(&world.store);
        commits.spawn(async move { store.commit(unit).await });
    }
    let answers = commits.join_all().await;
    let published = answers.iter().filter(|answer| answer.is_ok()).count() as u64 - 1;
    let head = world.head(&t, &user("u")).await;
    assert_eq!(head.newest, Number(published));
    assert!(!may_act(&world, &t, &ada).await);
}

pub async fn revoking_again_keeps_the_later_time(world: World) {
    let t = tenant("t");
    world.done(&t, revoke(&of_user("ada"), 10)).await;
    world.done(&t, revoke(&of_user("ada"), 20)).await;
    world.done(&t, revoke(&of_user("ada"), 15)).await;
    assert_eq!(listed(&world, &t).await, [revocation(&t, 3, &of_user("ada"), 20)]);
    assert!(!may_act(&world, &t, &token("ada", None, Some(at(20)))).await);
}

pub async fn a_lifted_revocation_covers_nothing_and_can_be_made_again(world: World) {
    let t = tenant("t");
    let ada = token("ada", None, Some(at(5)));
    world.done(&t, revoke(&of_user("ada"), 50)).await;
    assert_stale(world.commit(&tenant("other"), vec![lift(1, 60)]).await);
    assert_eq!(world.done(&t, lift(1, 60)).await, Outcome::Numbered(Number(2)));
    assert!(may_act(&world, &t, &ada).await);
    assert_eq!(listed(&world, &t).await, []);
    for number in [1, 2, 9] {
        assert_stale(world.commit(&t, vec![lift(number, 61)]).await);
    }
    // Made again with an earlier time than the lifted one had.
    world.done(&t, revoke(&of_user("ada"), 10)).await;
    assert_eq!(listed(&world, &t).await, [revocation(&t, 3, &of_user("ada"), 10)]);
    assert!(!may_act(&world, &t, &ada).await);
}

pub async fn others_hear_of_every_change_in_the_order_of_commits(mut world: World) {
    let (t, other) = (tenant("t"), tenant("other"));
    world.done(&t, revoke(&of_user("ada"), 1)).await;
    world.done(&other, revoke(&of_token("x"), 2)).await;
    world.done(&t, revoke(&of_user("bob"), 3)).await;
    world.done(&t, lift(1, 4)).await;
    world.reopen().await;
    let lifted = Revocation { is_lifted: true, ..revocation(&t, 4, &of_user("ada"), 1) };
    let (x, bob) = (of_token("x"), of_user("bob"));
    let all = [revocation(&other, 2, &x, 2), revocation(&t, 3, &bob, 3), lifted.clone()];
    assert_eq!(after(&world, 0).await, all);
    assert_eq!(after(&world, 3).await, [lifted]);
    assert_eq!(after(&world, 4).await, []);
    let first = world.store.revocations_after(Number::ZERO, 1).await.unwrap();
    assert_eq!(first, all[..1]);
}

pub async fn revocations_page_newest_first(world: World) {
    let t = tenant("t");
    for n in 1..=5 {
        world.done(&t, revoke(&of_token(&n.to_string()), n)).await;
    }
    world.done(&tenant("other"), revoke(&of_token("1"), 9)).await;
    world.done(&t, lift(4, 9)).await;
    let numbers = |page: Vec<Revocation>| page.iter().map(|one| one.number.0).collect::<Vec<_>>();
    let page = world.store.revocations(&t, None, 2).await.unwrap();
    assert_eq!(numbers(page), [5, 3]);
    let page = world.store.revocations(&t, Some(Number(3)), 9).await.unwrap();
    assert_eq!(numbers(page), [2, 1]);
}

pub async fn tokens_and_lifted_ones_are_forgotten_by_age_and_users_never(world: World) {
    let t = tenant("t");
    world.done(&t, revoke(&of_user("ada"), 1)).await;
    world.done(&t, revoke(&of_user("bob"), 1)).await;
    for n in 0..3 {
        world.done(&t, revoke(&of_token(&n.to_string()), 5 + n)).await;
    }
    world.done(&t, lift(2, 5)).await;
    assert_eq!(world.store.forget_revocations(at(7), 2).await.unwrap(), 2);
    assert_eq!(world.store.forget_revocations(at(7), 9).await.unwrap(), 1);
    assert_eq!(world.store.forget_revocations(at(7), 9).await.unwrap(), 0);
    let kept = [revocation(&t, 1, &of_user("ada"), 1), revocation(&t, 5, &of_token("2"), 7)];
    assert_eq!(after(&world, 0).await, kept);
    assert!(may_act(&world, &t, &token("u", Some("0"), None)).await);
    assert!(!may_act(&world, &t, &token("ada", None, None)).await);
    // A number is never given out twice, even if the last row was forgotten.
    world.store.forget_revocations(at(99), 9).await.unwrap();
    assert_eq!(world.done(&t, revoke(&of_token("x"), 9)).await, Outcome::Numbered(Number(7)));
}
