//! Addresses registered on two nodes at once: a device has one, and a token one user.

use std::sync::Arc;

use landfall_core::id::UserId;
use landfall_store::{Address, AddressKind, Store};

use crate::contract::make::{tenant, unit, user};
use crate::contract::make_reach::{address, put_address};
use crate::{Place, open};

async fn register(nodes: &[Arc<dyn Store>; 2], first: &Address, second: &Address) {
    let unit = |address| unit(&tenant("t"), vec![put_address(address)]);
    let (a, b) = tokio::join!(nodes[0].commit(unit(first)), nodes[1].commit(unit(second)));
    a.and(b).unwrap();
}

async fn of(node: &Arc<dyn Store>, user: &UserId) -> Vec<Address> {
    node.addresses(&tenant("t"), user, AddressKind::Fcm).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tokens_of_one_device_at_once_leave_one() {
    let place = Place::empty();
    let nodes = [open(&place.settings()).await, open(&place.settings()).await];
    for n in 0..40 {
        let tokens = [address("u", 2 * n, Some(1)), address("u", 2 * n + 1, Some(1))];
        register(&nodes, &tokens[0], &tokens[1]).await;
        let left = of(&nodes[0], &user("u")).await;
        assert_eq!(left.len(), 1, "{left:?}");
        assert!(tokens.contains(&left[0]));
    }
}

/// Each takes what the other has: whoever waits in a circle is tried again.
#[tokio::test(flavor = "multi_thread")]
async fn two_tokens_that_change_places_at_once_end_with_one_user_each() {
    let place = Place::empty();
    let nodes = [open(&place.settings()).await, open(&place.settings()).await];
    for n in 0..40 {
        let (one, other) = (n % 2, 1 - n % 2);
        let tokens = [address("u", one, Some(1)), address("v", other, Some(1))];
        register(&nodes, &tokens[0], &tokens[1]).await;
        let mut left = of(&nodes[0], &user("u")).await;
        left.extend(of(&nodes[1], &user("v")).await);
        assert!(left.len() <= 2, "{left:?}");
        assert!(left.iter().all(|found| found.secret.hash[0] < 2));
        let hashes = left.iter().map(|found| found.secret.hash);
        assert_eq!(hashes.collect::<std::collections::HashSet<_>>().len(), left.len());
    }
}
