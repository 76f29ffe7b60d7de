//! A lost nudge costs seconds and never a message.

use std::sync::Arc;

use landfall_core::id::{NotificationId, Tenant, UserId};
use landfall_core::notification::{Content, JsonText, NewNotification, Priority};
use landfall_core::time::Timestamp;
use landfall_store::{Unit, Write};

use crate::client::number;
use crate::harness::Landfall;

fn notification(user: &str, title: &str) -> NewNotification {
    let content = Content {
        notification_type: "news".into(),
        template_id: None,
        title: title.into(),
        message: "m".into(),
        data: JsonText::trusted("{}"),
        priority: Priority::Normal,
        locale: None,
        sender_id: None,
        sender_name: None,
        image: None,
        actions: None,
        link: None,
    };
    NewNotification {
        id: NotificationId(uuid::Uuid::now_v7()),
        user: UserId::parse(user).unwrap(),
        content: Arc::new(content),
        created_at: Timestamp::from_ms(1_800_000_000_000),
        expires_at: None,
        channels: Vec::new(),
        send: None,
    }
}

#[tokio::test]
async fn what_nobody_told_the_server_of_is_sent_at_the_next_heartbeat() {
    let landfall = Landfall::with(&[("LANDFALL_REALTIME_HEARTBEAT_SECONDS", "1")]).await;
    let mut devices = [landfall.device("ada", "").await, landfall.device("ada", "ack=1").await];
    landfall.notify("ada", "told").await;
    for device in &mut devices {
        assert_eq!(device.titles(1).await, ["told"]);
    }
    let store = landfall.another_hand().await;
    let tenant = Tenant::parse("default").unwrap();
    for title in ["untold", "neither"] {
        let mut unit = Unit::new(&tenant);
        unit.writes.push(Write::Publish(Box::new(notification("ada", title))));
        store.commit(unit).await.unwrap();
    }
    for device in &mut devices {
        assert_eq!(device.titles(2).await, ["untold", "neither"]);
    }
    // One that is told of after one that is not brings both.
    let mut unit = Unit::new(&tenant);
    unit.writes.push(Write::Publish(Box::new(notification("ada", "skipped"))));
    store.commit(unit).await.unwrap();
    landfall.notify("ada", "told again").await;
    for device in &mut devices {
        assert_eq!(device.titles(1).await, ["skipped"]);
        let frame = device.next().await;
        assert_eq!(frame["title"], "told again");
        assert_eq!((number(&frame["prev"]), number(&frame["replay_id"])), (4, 5));
    }
}
