//! The timeline of a notification: what the trail says about it, in order.

use landfall_core::audit::{Action, Entity};
use landfall_core::id::NotificationId;
use landfall_store::{AuditDraft, Unit};

use super::make::{at, details, draft, notification_id, tenant};
use super::world::World;

fn about(id: NotificationId, action: Action, ms: i64) -> AuditDraft {
    let metadata = format!(r#"{{"ms":{ms}}}"#);
    let (entity, details) = (Entity::Notification(id), details("u", &metadata));
    AuditDraft { at: at(ms), action, entity, details }
}

pub async fn a_timeline_is_the_trail_about_one_notification(world: World) {
    let t = tenant("t");
    let (one, other) = (notification_id(), notification_id());
    let thing = Entity::Other("thing", one.to_string());
    let audit = vec![
        about(one, Action::NotificationCreated, 1),
        about(one, Action::NotificationFailed, 2),
        about(other, Action::NotificationFailed, 3),
        AuditDraft { entity: thing, ..draft(Action::Connected, "u", 4) },
        about(one, Action::NotificationDelivered, 5),
        about(one, Action::NotificationRead, 6),
    ];
    world.store.commit(Unit { audit, ..Unit::new(&t) }).await.unwrap();
    world.store.seal(at(7), 5).await.unwrap();
    let found = world.store.about(&t, one, 0, 9).await.unwrap();
    let trail = world.trail(&t).await;
    assert_eq!(found, [1, 4, 5].map(|place: usize| trail[place].clone()));
    assert_eq!(world.store.about(&t, one, 2, 1).await.unwrap(), found[1..2]);
    assert_eq!(world.store.about(&t, one, 6, 9).await.unwrap(), []);
    assert_eq!(world.store.about(&tenant("other"), one, 0, 9).await.unwrap(), []);
}
