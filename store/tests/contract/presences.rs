//! Who is connected to which node, and when somebody was last.

use landfall_core::id::NodeId;
use landfall_core::presence::{Status, StatusChange};
use landfall_store::{Attended, Outcome, Write};
use uuid::Uuid;

use super::make::{at, tenant, user};
use super::world::World;

const ONE: NodeId = NodeId(Uuid::from_u128(1));
const TWO: NodeId = NodeId(Uuid::from_u128(2));

fn came(name: &str) -> Attended {
    Attended { tenant: tenant("t"), user: user(name), went_at: None }
}

fn went(name: &str, ms: i64) -> Attended {
    Attended { went_at: Some(at(ms)), ..came(name) }
}

fn online(name: &str, ms: i64) -> StatusChange {
    let status = Status { is_online: true, last_seen_at: Some(at(ms)) };
    StatusChange { tenant: tenant("t"), user: user(name), status }
}

fn offline(name: &str, ms: i64) -> StatusChange {
    let status = Status { is_online: false, last_seen_at: Some(at(ms)) };
    StatusChange { status, ..online(name, ms) }
}

/// Makes a world with two nodes that are alive at 0.
async fn begun(world: &World) {
    for node in [ONE, TWO] {
        world.store.begin_node(node, at(0)).await.unwrap();
    }
}

async fn attend(world: &World, node: NodeId, attended: &[Attended]) -> Vec<StatusChange> {
    world.store.attend(node, attended.to_vec(), at(0)).await.unwrap()
}

async fn status(world: &World, name: &str, since: i64) -> Status {
    let users = vec![user("nobody"), user(name)];
    let found = world.store.statuses(&tenant("t"), users, at(since)).await.unwrap();
    assert_eq!(found[0], Status::default());
    found[1]
}

pub async fn somebody_is_there_while_at_any_node(world: World) {
    begun(&world).await;
    assert_eq!(attend(&world, ONE, &[came("a")]).await, [online("a", 0)]);
    assert_eq!(attend(&world, TWO, &[came("a")]).await, []);
    assert_eq!(attend(&world, ONE, &[came("a")]).await, [], "said twice");
    assert_eq!(attend(&world, ONE, &[went("a", 5)]).await, []);
    assert!(status(&world, "a", 0).await.is_online);
    assert_eq!(attend(&world, TWO, &[went("a", 7)]).await, [offline("a", 7)]);
    assert_eq!(attend(&world, TWO, &[went("a", 6)]).await, [], "said once more, and late");
    assert_eq!(status(&world, "a", 0).await, offline("a", 7).status);
    let other = world.store.statuses(&tenant("t2"), vec![user("a")], at(0)).await.unwrap();
    assert_eq!(other, [Status::default()]);
}

pub async fn who_came_and_went_unseen_was_there_and_changed_nothing(world: World) {
    begun(&world).await;
    assert_eq!(attend(&world, ONE, &[went("a", 5)]).await, []);
    assert_eq!(status(&world, "a", 0).await, offline("a", 5).status);
}

pub async fn a_node_that_is_silent_is_gone_with_all_who_were_there(world: World) {
    begun(&world).await;
    attend(&world, ONE, &[came("a"), came("b"), came("c")]).await;
    attend(&world, TWO, &[came("b")]).await;
    let store = &world.store;
    assert!(store.node_lives(ONE, at(10), at(0)).await.unwrap());
    assert!(store.node_lives(TWO, at(20), at(0)).await.unwrap());
    assert_eq!(store.end_nodes(at(10), 10).await.unwrap(), (0, vec![]));
    // From here on the first node is silent; nothing was written of that.
    assert_eq!(status(&world, "a", 11).await, offline("a", 10).status);
    assert_eq!(status(&world, "b", 11).await, online("b", 20).status);
    assert!(!store.node_lives(ONE, at(12), at(11)).await.unwrap(), "it has to begin as another");
    let (count, changes) = store.end_nodes(at(11), 2).await.unwrap();
    assert_eq!((count, changes), (2, vec![offline("a", 10)]));
    let (count, changes) = store.end_nodes(at(11), 2).await.unwrap();
    assert_eq!((count, changes), (1, vec![offline("c", 10)]));
    assert_eq!(store.end_nodes(at(11), 2).await.unwrap(), (0, vec![]));
    assert_eq!(status(&world, "a", 11).await, offline("a", 10).status);
    assert!(!store.node_lives(ONE, at(12), at(0)).await.unwrap(), "nothing is left of it");
}

pub async fn who_is_deleted_was_never_there(world: World) {
    begun(&world).await;
    attend(&world, ONE, &[went("a", 5)]).await;
    let delete = Write::DeletePerson { user: user("a"), keep: None, at: at(9) };
    assert_eq!(world.done(&tenant("t"), delete).await, Outcome::Done);
    assert_eq!(status(&world, "a", 0).await, Status::default());
}
