//! S3's messages to people who are not there: who is pushed, once, with what, and who is left in peace.

use landfall_fixtures::push_service::{Browser, Reply};
use serde_json::{Value, json};

use crate::harness::{token, until};
use crate::world::World;

/// Makes the class `7b c` with these members, each with a browser; the teacher writes.
async fn class(world: &World, members: &[&str]) -> Vec<Browser> {
    let admin = token("root", "admin");
    let topic = json!({ "title": "Class 7b" });
    world.landfall.call("PUT", "/api/v1/topics/7b%20c", &admin, Some(topic)).await;
    let mut browsers = Vec::new();
    for member in ["tom"].iter().chain(members) {
        let path = format!("/api/v1/topics/7b%20c/members/{member}");
        world.landfall.call("PUT", &path, &admin, Some(json!({}))).await;
        if *member != "tom" {
            browsers.push(world.browser(member).await);
        }
    }
    browsers
}

async fn say(world: &World, text: &str, mentions: &[&str]) -> Value {
    let body = json!({ "message": text, "mentions": mentions });
    let path = "/api/v1/topics/7b%20c/messages";
    world.landfall.call("POST", path, &token("tom", "student"), Some(body)).await
}

async fn inbox(world: &World, user: &str) -> Vec<Value> {
    world.landfall.inbox(user, "limit=500").await["items"].as_array().unwrap().clone()
}

/// Waits until a user's inbox holds so many, and gives them.
async fn until_inbox(world: &World, user: &str, count: usize) -> Vec<Value> {
    until("the inbox", async || inbox(world, user).await.len() == count).await;
    inbox(world, user).await
}

/// Waits until somebody's only notification has these words, and gives it.
async fn until_told(world: &World, user: &str, words: &str) -> Value {
    let tells = async || {
        let items = inbox(world, user).await;
        items.len() == 1 && items[0]["message"] == words
    };
    until(words, tells).await;
    inbox(world, user).await.remove(0)
}

/// Gives what a browser was pushed.
fn pushed(world: &World, browser: &Browser) -> Vec<Value> {
    let messages = world.on.push.messages().into_iter();
    let theirs = messages.filter(|message| message.endpoint == browser.endpoint);
    theirs.map(|message| serde_json::from_slice(&message.plaintext).unwrap()).collect()
}

async fn read_topic(world: &World, user: &str) {
    let path = "/api/v1/topics/7b%20c/read";
    world.landfall.call("POST", path, &token(user, "student"), Some(json!({}))).await;
}

fn id(item: &Value) -> &str {
    item["id"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_a_message_to_somebody_offline_is_pushed() {
    let world = World::start().await;
    let browsers = class(&world, &["ana"]).await;
    let message = say(&world, "The test is on page 40", &[]).await;
    world.go_to(1);
    let item = until_told(&world, "ana", "The test is on page 40").await;
    assert_eq!(item["title"], "tom in Class 7b");
    assert_eq!(item["notification_type"], "topic_message");
    assert_eq!((&item["link"], &item["sender_id"]), (&json!("/topics/7b%20c"), &json!("tom")));
    assert_eq!(item["data"]["message_id"], message["id"]);
    world.until_stands(id(&item), "push", "sent").await;
    let [push] = &pushed(&world, &browsers[0])[..] else { panic!("one push") };
    assert_eq!(push["notification"]["title"], "tom in Class 7b");
    assert_eq!(push["notification"]["navigate"], "/topics/7b%20c");
    assert_eq!(push["app_badge"], 1);
    assert_eq!(inbox(&world, "tom").await.len(), 0, "the sender is told nothing");
    // Whoever reads the topic has read what told them of it.
    read_topic(&world, "ana").await;
    let read = inbox(&world, "ana").await;
    assert_eq!((&read[0]["id"], &read[0]["read"]), (&item["id"], &json!(true)));
    let count = "/api/v1/notifications/unread-count";
    let count = world.landfall.call("GET", count, &token("ana", "student"), None).await;
    assert_eq!(count["unread_count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_what_is_unread_is_replaced_and_pushed_again_once_a_window() {
    let world = World::start().await;
    let browsers = class(&world, &["ana", "kim"]).await;
    say(&world, "first", &[]).await;
    world.go_to(1);
    let first = until_told(&world, "ana", "first").await;
    until_told(&world, "kim", "first").await;
    world.until_stands(id(&first), "push", "sent").await;
    read_topic(&world, "kim").await;
    world.go_to(10);
    say(&world, "second", &[]).await;
    say(&world, "third", &["ana"]).await;
    world.go_to(12);
    // Whoever has read is told at once, the others are left in peace.
    until("kim is told", async || inbox(&world, "kim").await.len() == 2).await;
    let still = inbox(&world, "ana").await;
    assert_eq!((still.len(), &still[0]["message"]), (1, &json!("first")));
    world.go_to(61);
    let third = until_told(&world, "ana", "third").await;
    assert_eq!(third["id"], first["id"], "in its place");
    assert_eq!(third["title"], "tom mentioned you in Class 7b");
    assert_eq!(third["notification_type"], "topic_mention");
    assert_eq!(third["read"], false);
    until("pushed", async || pushed(&world, &browsers[0]).len() == 2).await;
    let both = pushed(&world, &browsers[0]);
    assert_eq!(both[0]["notification"]["tag"], both[1]["notification"]["tag"]);
    assert_eq!((&both[1]["app_badge"], both.len()), (&json!(1), 2));
    let mut device = world.landfall.device("ana", "replay_from=0").await;
    assert_eq!(device.next().await["message"], "third", "a device that comes back has it once");
    let story = world.story(id(&third)).await;
    let told = |event: &str| story.iter().filter(|line| line.starts_with(event)).count();
    assert_eq!(told("notification_replaced"), 1, "{story:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_a_mention_stays_one_until_it_is_read() {
    let world = World::start().await;
    let browsers = class(&world, &["ana"]).await;
    say(&world, "look", &["ana"]).await;
    world.go_to(1);
    let first = until_told(&world, "ana", "look").await;
    world.until_stands(id(&first), "push", "sent").await;
    world.go_to(10);
    say(&world, "and so on", &[]).await;
    world.go_to(71);
    until("pushed", async || pushed(&world, &browsers[0]).len() == 2).await;
    let still = until_told(&world, "ana", "look").await;
    assert_eq!(
        (&still["id"], &still["notification_type"]),
        (&first["id"], &json!("topic_mention"))
    );
    read_topic(&world, "ana").await;
    say(&world, "something else", &[]).await;
    world.go_to(73);
    let items = until_inbox(&world, "ana", 2).await;
    let later = items.iter().find(|item| item["message"] == "something else").unwrap();
    assert_eq!(later["notification_type"], "topic_message");
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_a_push_that_is_under_way_when_its_words_are_replaced_is_told() {
    let world = World::with(&[
        ("LANDFALL_PUSH_TIMEOUT_SECONDS", "5"),
        ("LANDFALL_TOPICS_NOTICE_WINDOW_SECONDS", "10"),
    ])
    .await;
    let browsers = class(&world, &["ana"]).await;
    world.on.push.answer_next([Reply::Silence]);
    say(&world, "first", &[]).await;
    world.go_to(1);
    let first = until_told(&world, "ana", "first").await;
    until("it is under way", async || world.on.push.requests() == 1).await;
    say(&world, "second", &[]).await;
    world.go_to(12);
    until_told(&world, "ana", "second").await;
    until("both are known", async || pushed(&world, &browsers[0]).len() == 2).await;
    world.until_stands(id(&first), "push", "sent").await;
    let no_answer = "delivery_attempted push queued: no answer from the provider";
    until("the first is told", async || {
        world.story(id(&first)).await.iter().any(|line| line.starts_with(no_answer))
    })
    .await;
    // It is not repeated.
    world.go_to(200);
    let replaced = "delivery_skipped push skipped: a later one took its place";
    until("it is given up", async || {
        world.story(id(&first)).await.iter().any(|line| line.starts_with(replaced))
    })
    .await;
    assert_eq!(world.on.push.requests(), 2);
    let timeline = world.timeline(id(&first)).await;
    assert_eq!(timeline["channels"]["push"]["state"], "sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_a_mention_is_found_behind_many_messages() {
    let world = World::start().await;
    class(&world, &["ana", "kim", "zoe"]).await;
    let no_messages = json!({ "notification_type": "topic_message", "is_enabled": false });
    let no_mentions = json!({ "notification_type": "topic_mention", "is_enabled": false });
    world.prefer("kim", no_messages).await;
    world.prefer("zoe", no_mentions).await;
    say(&world, "look", &["ana", "kim", "zoe"]).await;
    for _ in 0..51 {
        say(&world, "and so on", &[]).await;
    }
    world.go_to(1);
    for name in ["ana", "kim"] {
        let item = until_told(&world, name, "look").await;
        assert_eq!(item["notification_type"], "topic_mention", "{name}");
    }
    assert_eq!(inbox(&world, "zoe").await, Vec::<Value>::new());
    say(&world, "at last", &[]).await;
    // Who wanted none of it is looked at again after the window.
    world.go_to(62);
    let item = until_told(&world, "zoe", "at last").await;
    assert_eq!(item["notification_type"], "topic_message");
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_who_muted_the_topic_or_is_not_to_be_disturbed_gets_nothing_at_all() {
    let world = World::start().await;
    class(&world, &["ana", "ben", "kim", "zoe"]).await;
    world.prefer("ana", json!({ "topic_id": "7b c", "is_enabled": false })).await;
    world.prefer("ben", json!({ "do_not_disturb_until": "2027-01-15T09:00:00.000Z" })).await;
    world.prefer("kim", json!({ "topic_id": "other", "is_enabled": false })).await;
    say(&world, "hello", &["ana"]).await;
    world.go_to(1);
    until_told(&world, "zoe", "hello").await;
    until_told(&world, "kim", "hello").await;
    assert_eq!(inbox(&world, "ana").await, Vec::<Value>::new());
    assert_eq!(inbox(&world, "ben").await, Vec::<Value>::new());
    assert_eq!(world.landfall.audit("notification_created").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_what_a_member_wants_of_the_topic_holds_when_the_push_goes_out() {
    let world = World::start().await;
    let browsers = class(&world, &["ana", "ben"]).await;
    // Nothing of the type but from this topic.
    let off =
        json!({ "notification_type": "topic_message", "channel": "push", "is_enabled": false });
    world.prefer("ana", off).await;
    let on = json!({ "topic_id": "7b c", "channel": "push", "is_enabled": true });
    world.prefer("ana", on).await;
    let quiet = json!({ "quiet_hours": { "start": "07:00", "end": "10:00", "tz": "UTC" } });
    world.prefer("ben", quiet).await;
    say(&world, "hello", &[]).await;
    world.go_to(1);
    let item = until_told(&world, "ana", "hello").await;
    world.until_stands(id(&item), "push", "sent").await;
    assert_eq!(pushed(&world, &browsers[0]).len(), 1);
    // What waits for the end of the quiet hours is not sent to who mutes the topic meanwhile.
    let held = until_told(&world, "ben", "hello").await;
    world.until_stands(id(&held), "push", "held").await;
    world.prefer("ben", json!({ "topic_id": "7b c", "is_enabled": false })).await;
    world.go_to(2 * 3_600 + 1);
    world.until_stands(id(&held), "push", "skipped").await;
    assert_eq!(pushed(&world, &browsers[1]), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_who_is_connected_gets_none_unless_they_go_without_reading() {
    let world = World::with(&[("LANDFALL_REALTIME_PRESENCE_GRACE_SECONDS", "0")]).await;
    class(&world, &["ana", "kim"]).await;
    let device = world.landfall.device("ana", "").await;
    say(&world, "hello", &[]).await;
    world.go_to(1);
    until_told(&world, "kim", "hello").await;
    assert_eq!(inbox(&world, "ana").await, Vec::<Value>::new());
    device.close().await;
    let path = "/api/v1/users/ana/presence";
    let asks = token("kim", "student");
    until("she is gone", async || {
        world.landfall.call("GET", path, &asks, None).await["is_online"] == false
    })
    .await;
    world.go_to(12);
    until_told(&world, "ana", "hello").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_who_was_removed_is_told_nothing_any_more() {
    let world = World::start().await;
    class(&world, &["ana", "kim"]).await;
    say(&world, "hello", &[]).await;
    let admin = token("root", "admin");
    let path = "/api/v1/topics/7b%20c/members/ana";
    world.try_call("DELETE", path, &admin, Value::Null).await;
    world.go_to(1);
    until_told(&world, "kim", "hello").await;
    assert_eq!(inbox(&world, "ana").await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_a_restart_forgets_nobody() {
    let world = World::start().await;
    class(&world, &["ana"]).await;
    say(&world, "hello", &[]).await;
    let world = world.restart_at(30).await;
    until_told(&world, "ana", "hello").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s3_of_what_was_deleted_nobody_is_told() {
    let world = World::start().await;
    class(&world, &["ana", "kim"]).await;
    let message = say(&world, "a slip", &[]).await;
    let path = format!("/api/v1/topics/7b%20c/messages/{}", id(&message));
    world.try_call("DELETE", &path, &token("tom", "student"), Value::Null).await;
    world.go_to(1);
    let store = world.landfall.another_hand().await;
    let (now, later) = (world.landfall.clock.now(), world.landfall.clock.now().plus_ms(3_600_000));
    until("nothing is left to do", async || {
        store.claim_notices(later, now, 9).await.unwrap().is_empty()
    })
    .await;
    assert_eq!(inbox(&world, "ana").await, Vec::<Value>::new());
}
