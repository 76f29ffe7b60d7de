//! What is forgotten because of its age, and counted.

use serde_json::json;

use crate::harness::{token, until};
use crate::later::{inbox, send, until_inbox};
use crate::world::World;

const DAY: i64 = 24 * 3_600;
const KEEPS: [(&str, &str); 2] =
    [("LANDFALL_NOTIFY_KEEP_DAYS", "30"), ("LANDFALL_AUDIT_KEEP_DAYS", "30")];

#[tokio::test(flavor = "multi_thread")]
async fn what_is_older_than_it_is_kept_is_forgotten_and_counted() {
    let world = World::with(&KEEPS).await;
    let many =
        json!({ "user_ids": ["ana", "ben"], "type": "news", "title": "old", "message": "m" });
    let (_, sent) = send(&world, many).await;
    let old = until_inbox(&world, "ana", 1).await.remove(0);
    let world = world.restart_with(29 * DAY, &KEEPS).await;
    send(&world, json!({ "user_id": "ana", "type": "news", "title": "young", "message": "m" }))
        .await;
    assert_eq!(until_inbox(&world, "ana", 2).await[1]["id"], old["id"]);
    let world = world.restart_with(31 * DAY, &KEEPS).await;
    let admin = token("root", "admin");
    until("it is forgotten", async || inbox(&world, "ana").await.len() == 1).await;
    assert_eq!(inbox(&world, "ana").await[0]["title"], "young");
    let path = format!("/api/v1/notifications/{}/timeline", old["id"].as_str().unwrap());
    assert_eq!(world.get(&path, &admin).await.0, 404);
    let path = format!("/api/v1/notify/{}", sent["send_id"].as_str().unwrap());
    until("the send is forgotten", async || {
        world.try_call("DELETE", &path, &admin, json!(null)).await.0 == 404
    })
    .await;
    let metrics = async || {
        let request = world.open("GET", "/metrics").bearer_auth(token("root", "admin"));
        request.send().await.unwrap().text().await.unwrap()
    };
    until("all is counted", async || {
        let text = metrics().await;
        let counted = |class: &str, count: &str| {
            text.contains(&format!("landfall_forgotten_total{{class=\"{class}\"}} {count}"))
        };
        counted("notifications", "2") && counted("sends", "1") && counted("audit_details", "")
    })
    .await;
    let (_, unread) =
        world.get("/api/v1/notifications/unread-count", &token("ana", "student")).await;
    assert_eq!(unread["unread_count"], 1, "{unread}");
    until("details are erased", async || {
        let (_, verified) = world.get("/api/v1/admin/audit/verify", &admin).await;
        verified["erased"].as_u64().is_some_and(|erased| erased > 0) && verified["broken"].is_null()
    })
    .await;
}
