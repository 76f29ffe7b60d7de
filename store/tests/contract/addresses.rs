//! Addresses: one user's at a time, one for each device, and not too many.

use landfall_core::id::Tenant;
use landfall_store::{ADDRESSES_MAX, Address, AddressKind, Outcome, Write};

use super::make::{at, tenant, user};
use super::make_reach::{address, address_id, put_address};
use super::world::{World, assert_stale};

async fn of(world: &World, t: &Tenant, name: &str) -> Vec<Address> {
    world.store.addresses(t, &user(name), AddressKind::Fcm).await.unwrap()
}

pub async fn an_address_reads_back_and_keeps_its_name(mut world: World) {
    let t = tenant("t");
    let first = address("u", 1, Some(1));
    let paused = Address { is_active: false, ..address("u", 2, None) };
    let web = Address { kind: AddressKind::WebPush, ..address("u", 3, None) };
    for one in [&first, &paused, &web] {
        assert_eq!(world.done(&t, put_address(one)).await, Outcome::Done);
    }
    world.reopen().await;
    assert_eq!(of(&world, &t, "u").await, [paused.clone(), first.clone()]);
    assert_eq!(world.store.address(&t, web.id).await.unwrap(), Some(web.clone()));
    let by_hash = |t: &Tenant| world.store.address_by_hash(t, first.secret.hash);
    assert_eq!(by_hash(&t).await.unwrap(), Some(first.clone()));
    assert_eq!(by_hash(&tenant("other")).await.unwrap(), None);
    assert_eq!(world.store.address(&tenant("other"), web.id).await.unwrap(), None);
    assert_eq!(of(&world, &tenant("other"), "u").await, []);

    let seen = Address { id: address_id(), created_at: at(90), seen_at: at(90), ..first.clone() };
    let seen = Address { is_active: false, platform: "ios".into(), ..seen };
    world.done(&t, put_address(&seen)).await;
    let expected = Address { id: first.id, created_at: first.created_at, ..seen };
    assert_eq!(of(&world, &t, "u").await, [paused, expected]);
}

pub async fn a_token_that_moves_to_another_user_leaves_the_first(world: World) {
    let t = tenant("t");
    let (mine, kept) = (address("u", 1, Some(1)), address("u", 2, Some(2)));
    world.commit(&t, vec![put_address(&mine), put_address(&kept)]).await.unwrap();
    let theirs = Address { created_at: at(50), ..address("v", 1, Some(1)) };
    world.done(&t, put_address(&theirs)).await;
    assert_eq!(of(&world, &t, "u").await, [kept]);
    assert_eq!(of(&world, &t, "v").await, std::slice::from_ref(&theirs));
    let by_hash = world.store.address_by_hash(&t, mine.secret.hash).await.unwrap();
    assert_eq!(by_hash, Some(theirs.clone()), "whosever it is");
    assert_eq!(world.store.address(&t, mine.id).await.unwrap(), None);
    // The same token in another tenant is another one.
    world.done(&tenant("other"), put_address(&mine)).await;
    assert_eq!(of(&world, &t, "v").await, [theirs]);
}

pub async fn a_device_has_one_address_of_a_kind(world: World) {
    let t = tenant("t");
    let old = address("u", 1, Some(1));
    let web = Address { kind: AddressKind::WebPush, ..address("u", 2, Some(1)) };
    let others = [address("u", 3, Some(2)), address("u", 4, None), address("v", 5, Some(1))];
    let all = [&old, &web].into_iter().chain(&others);
    world.commit(&t, all.map(put_address).collect()).await.unwrap();
    let new = address("u", 9, Some(1));
    world.done(&t, put_address(&new)).await;
    assert_eq!(of(&world, &t, "u").await, [new, others[1].clone(), others[0].clone()]);
    assert_eq!(of(&world, &t, "v").await, [others[2].clone()]);
    assert_eq!(world.store.address(&t, web.id).await.unwrap(), Some(web));
    // One that names no device replaces none.
    world.done(&t, put_address(&address("u", 10, None))).await;
    assert_eq!(of(&world, &t, "u").await.len(), 4);
}

pub async fn of_too_many_the_one_seen_longest_ago_goes(world: World) {
    let t = tenant("t");
    let all: Vec<_> = (0..=ADDRESSES_MAX as u8).map(|n| address("u", 100 + n, None)).collect();
    let other = address("v", 1, None);
    world.done(&t, put_address(&other)).await;
    for one in &all[..ADDRESSES_MAX] {
        world.done(&t, put_address(one)).await;
    }
    // The first is seen again, so that the second is the one.
    world.done(&t, put_address(&Address { seen_at: at(900), ..all[0].clone() })).await;
    assert_eq!(of(&world, &t, "u").await.len(), ADDRESSES_MAX);
    world.done(&t, put_address(&all[ADDRESSES_MAX])).await;
    let left = of(&world, &t, "u").await;
    assert_eq!(left.len(), ADDRESSES_MAX);
    assert!(left.iter().all(|one| one.id != all[1].id));
    // One whose clock is behind is not thrown away at once.
    let late = Address { seen_at: at(0), ..address("u", 200, None) };
    world.done(&t, put_address(&late)).await;
    assert!(of(&world, &t, "u").await.contains(&late));
    assert_eq!(of(&world, &t, "v").await, [other]);
}

pub async fn an_address_is_removed_by_its_owner_alone(world: World) {
    let t = tenant("t");
    let mine = address("u", 1, None);
    world.done(&t, put_address(&mine)).await;
    let remove = |name: &str| Write::RemoveAddress { user: user(name), id: mine.id };
    assert_stale(world.commit(&t, vec![remove("v")]).await);
    assert_stale(world.commit(&tenant("other"), vec![remove("u")]).await);
    assert_eq!(world.done(&t, remove("u")).await, Outcome::Done);
    assert_stale(world.commit(&t, vec![remove("u")]).await);
}
