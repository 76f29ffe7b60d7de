//! Putting deliveries into a case's outbox, and claiming and finding them there.

use landfall_core::id::{DeliveryId, Tenant};
use landfall_core::notification::Priority;
use landfall_store::{Claimed, Delivery, NewDelivery, Store};

use super::make::{at, note, publish, user};
use super::make_reach::{claiming, enqueue, new_delivery};
use super::world::World;

/// Publishes a notification with deliveries that are due at these times, place by place; gives
/// their ids.
pub async fn queue(world: &World, tenant: &Tenant, dues: &[Option<i64>]) -> Vec<DeliveryId> {
    queue_of(world, tenant, Priority::Normal, dues).await
}

pub async fn queue_of(
    world: &World,
    tenant: &Tenant,
    priority: Priority,
    dues: &[Option<i64>],
) -> Vec<DeliveryId> {
    let place = |(place, due): (usize, &Option<i64>)| new_delivery(place as u8, due.map(at));
    put(world, tenant, priority, dues.iter().enumerate().map(place).collect()).await
}

/// Publishes a notification with these deliveries; gives their ids.
pub async fn put(
    world: &World,
    tenant: &Tenant,
    priority: Priority,
    deliveries: Vec<NewDelivery>,
) -> Vec<DeliveryId> {
    let new = note(&user("u"), "n");
    let ids = deliveries.iter().map(|delivery| delivery.id).collect();
    let writes = vec![publish(&new), enqueue(&new, priority, deliveries)];
    world.commit(tenant, writes).await.unwrap();
    ids
}

pub async fn claim(store: &dyn Store, now: i64) -> Vec<Delivery> {
    let Claimed { deliveries, last } = store.claim(claiming(now)).await.unwrap();
    assert_eq!(last, None);
    deliveries
}

pub async fn found(world: &World, tenant: &Tenant, id: DeliveryId) -> Delivery {
    world.store.delivery(tenant, id).await.unwrap().unwrap()
}
