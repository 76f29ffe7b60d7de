//! Messages of topics, and what their members have read.

use landfall_core::change::FeedChange;
use landfall_core::feed::{FeedKey, Number};
use landfall_core::id::MessageId;
use landfall_core::message::{Message, MessageBody, Participation, Unread};
use landfall_core::topic::MemberRole;
use landfall_store::{MessageSlice, Outcome, Write};
use uuid::Uuid;

use super::make::{at, put_member, put_topic, remove_member, tenant, topic, topic_id, user};
use super::make_messages::{message, send};
use super::world::{World, assert_stale};

fn change(message: &Message, from: u64) -> Write {
    Write::ChangeMessage { message: Box::new(message.clone()), from: Number(from) }
}

fn deleted(message: &Message) -> Message {
    Message {
        body: MessageBody::default(),
        edited_at: Some(at(9)),
        is_deleted: true,
        ..message.clone()
    }
}

fn read(name: &str, up_to: u64) -> Write {
    Write::ReadMessages { topic: topic_id("c"), user: user(name), up_to: Number(up_to) }
}

fn number(outcome: &Outcome) -> Number {
    let Outcome::Numbered(number) = outcome else { panic!("{outcome:?}") };
    *number
}

/// Makes the topic `c` with these members; its feed stands at one more than there are.
async fn class(world: &World, members: &[&str]) {
    let t = tenant("t");
    world.done(&t, put_topic(&topic("c", "A"))).await;
    for name in members {
        world.done(&t, put_member("c", name, MemberRole::Member)).await;
    }
}

/// Sends a message; gives it as it was stored.
async fn sent(world: &World, message: Message) -> Message {
    let born = number(&world.done(&tenant("t"), send(&message)).await);
    Message { number: born, changed: born, ..message }
}

async fn list(world: &World, slice: MessageSlice, limit: usize) -> Vec<Message> {
    world.store.messages(&tenant("t"), &topic_id("c"), slice, limit).await.unwrap()
}

async fn everything(world: &World) -> Vec<Message> {
    list(world, MessageSlice::Newest { below: None }, 100).await
}

async fn unread(world: &World, name: &str) -> Option<(u64, u64)> {
    let topics = vec![topic_id("c")];
    let found = world.store.unread_messages(&tenant("t"), &user(name), topics).await.unwrap();
    found[0].map(|Unread { count, read_up_to, .. }| (count, read_up_to.0))
}

pub async fn a_message_reads_back_and_keeps_its_place(mut world: World) {
    let (t, c) = (tenant("t"), topic_id("c"));
    class(&world, &["a", "b"]).await;
    let body = MessageBody {
        text: "häy\n\u{1F600}".into(),
        mentions: vec![user("b"), user("nobody")],
        room_id: Some("room 7".into()),
        reply_to: Some(MessageId(Uuid::from_u128(99))),
        attachments: vec![],
    };
    let full = Message {
        body,
        sender_name: Some("Ada".into()),
        client_id: Some("1".into()),
        ..message(1, "a", "")
    };
    let first = sent(&world, full).await;
    assert_eq!(first.number, Number(4));
    let second = sent(&world, message(2, "b", "two")).await;
    world.reopen().await;
    assert_eq!(everything(&world).await, [second.clone(), first.clone()]);
    let get = |id| world.store.message(&t, &c, id);
    assert_eq!(get(first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(get(MessageId(Uuid::from_u128(3))).await.unwrap(), None);
    let of_another = world.store.message(&t, &topic_id("d"), first.id).await.unwrap();
    assert_eq!(of_another, None);
    let ids = vec![second.id, first.id, MessageId(Uuid::from_u128(3))];
    let newest = async |t, c| world.store.newest_of(t, c, ids.clone()).await.unwrap();
    assert_eq!(newest(&t, &c).await, Some(second.number));
    let another = topic_id("d");
    assert_eq!(newest(&t, &another).await, None);
    let stranger = tenant("s");
    assert_eq!(newest(&stranger, &c).await, None);
    assert_eq!(world.store.message(&stranger, &c, first.id).await.unwrap(), None);
    let newest = MessageSlice::Newest { below: None };
    assert_eq!(world.store.messages(&stranger, &c, newest, 9).await.unwrap(), []);
}

pub async fn a_change_keeps_a_message_in_its_place(world: World) {
    let t = tenant("t");
    class(&world, &["a", "b"]).await;
    let (first, second) =
        (sent(&world, message(1, "a", "x")).await, sent(&world, message(2, "b", "two")).await);
    let edited = Message { edited_at: Some(at(8)), ..first.clone() };
    let edited =
        Message { body: MessageBody { text: "new".into(), ..MessageBody::default() }, ..edited };
    assert_stale(world.commit(&t, vec![change(&edited, 5)]).await);
    assert_eq!(number(&world.done(&t, change(&edited, 4)).await), Number(6));
    let edited = Message { changed: Number(6), ..edited };
    assert_eq!(everything(&world).await, [second.clone(), edited.clone()]);
    assert_stale(world.commit(&t, vec![change(&edited, 4)]).await);
    let gone = deleted(&second);
    assert_eq!(number(&world.done(&t, change(&gone, 5)).await), Number(7));
    let gone = Message { changed: Number(7), ..gone };
    assert_stale(world.commit(&t, vec![change(&gone, 7)]).await);
    assert_eq!(everything(&world).await, std::slice::from_ref(&edited));
    let changes = list(&world, MessageSlice::ChangedAfter(Number(4)), 9).await;
    assert_eq!(changes, [edited, gone]);
}

pub async fn messages_page_by_their_numbers(world: World) {
    class(&world, &["a"]).await;
    let mut all = Vec::new();
    for n in 1..=5 {
        all.push(sent(&world, message(n, "a", "x")).await);
    }
    let numbers = |found: Vec<Message>| -> Vec<u64> {
        found.into_iter().map(|message| message.number.0).collect()
    };
    let newest = |below: Option<u64>| MessageSlice::Newest { below: below.map(Number) };
    assert_eq!(numbers(list(&world, newest(None), 2).await), [7, 6]);
    assert_eq!(numbers(list(&world, newest(Some(6)), 2).await), [5, 4]);
    assert_eq!(numbers(list(&world, newest(Some(4)), 2).await), [3]);
    let after = |number| MessageSlice::ChangedAfter(Number(number));
    assert_eq!(numbers(list(&world, after(0), 2).await), [3, 4]);
    assert_eq!(numbers(list(&world, after(4), 9).await), [5, 6, 7]);
    world.done(&tenant("t"), change(&all[0], 3)).await;
    assert_eq!(numbers(list(&world, after(6), 9).await), [7, 3]);
}

pub async fn messages_that_mention_somebody_are_found_among_many(world: World) {
    class(&world, &["a"]).await;
    let mut mentioning = Vec::new();
    for n in 1..=7 {
        let mut said = message(n, "a", "x");
        if n % 2 == 0 {
            said.body.mentions = vec![user("b")];
        }
        let said = sent(&world, said).await;
        mentioning.extend((n % 2 == 0).then_some(said));
    }
    mentioning.reverse();
    let found = async |below| {
        let slice = MessageSlice::Mentioning { below: Number(below) };
        list(&world, slice, 2).await
    };
    assert_eq!(found(99).await, mentioning[..2]);
    assert_eq!(found(8).await, mentioning[1..]);
    world.done(&tenant("t"), change(&deleted(&mentioning[0]), 8)).await;
    assert_eq!(found(99).await, mentioning[1..]);
}

pub async fn a_device_names_a_message_once(world: World) {
    let (t, c) = (tenant("t"), topic_id("c"));
    class(&world, &["a", "b"]).await;
    let named = |id, sender, client: &str| Message {
        client_id: Some(client.into()),
        ..message(id, sender, "x")
    };
    let first = sent(&world, named(1, "a", "n")).await;
    assert_stale(world.commit(&t, vec![send(&named(2, "a", "n"))]).await);
    sent(&world, named(3, "b", "n")).await;
    sent(&world, named(4, "a", "m")).await;
    let of = |name: &str, client: &str| {
        let of = (c.clone(), user(name));
        world.store.message_of_client(&t, of, client.into())
    };
    let found = of("a", "n").await.unwrap().unwrap();
    assert_eq!((found.message, found.digest), (first.clone(), [7; 32]));
    assert_eq!(of("c", "n").await.unwrap(), None);
    // Its name is taken for good.
    world.done(&t, change(&deleted(&first), 4)).await;
    assert_stale(world.commit(&t, vec![send(&named(5, "a", "n"))]).await);
    assert!(of("a", "n").await.unwrap().unwrap().message.is_deleted);
}

pub async fn what_others_wrote_behind_the_mark_is_unread(world: World) {
    let t = tenant("t");
    class(&world, &["a", "b"]).await;
    assert_eq!(unread(&world, "a").await, Some((0, 2)));
    sent(&world, message(1, "a", "x")).await;
    sent(&world, message(2, "a", "x")).await;
    assert_eq!(
        (unread(&world, "a").await, unread(&world, "b").await),
        (Some((0, 5)), Some((2, 3)))
    );
    world.done(&t, put_member("c", "late", MemberRole::Member)).await;
    assert_eq!(unread(&world, "late").await, Some((0, 6)));
    assert_eq!(world.done(&t, read("b", 4)).await, Outcome::Done);
    assert_eq!(unread(&world, "b").await, Some((1, 4)));
    // The device that read less comes later.
    assert_eq!(world.done(&t, read("b", 3)).await, Outcome::Unchanged);
    assert_eq!(unread(&world, "b").await, Some((1, 4)));
    // Who writes has read what is there.
    sent(&world, message(3, "b", "x")).await;
    assert_eq!(
        (unread(&world, "b").await, unread(&world, "a").await),
        (Some((0, 7)), Some((1, 5)))
    );
}

pub async fn who_comes_back_begins_behind_what_was_written_meanwhile(world: World) {
    let t = tenant("t");
    class(&world, &["a", "b"]).await;
    let mark = 3;
    sent(&world, message(4, "a", "x")).await;
    let last = sent(&world, message(5, "a", "x")).await;
    assert_eq!(unread(&world, "b").await, Some((2, mark)));
    world.done(&t, change(&deleted(&last), last.changed.0)).await;
    assert_eq!(unread(&world, "b").await, Some((1, mark)));
    assert_eq!(world.done(&t, read("nobody", 9)).await, Outcome::Unchanged);
    assert_eq!(unread(&world, "nobody").await, None);
    world.done(&t, remove_member("c", "b")).await;
    assert_eq!(unread(&world, "b").await, None);
    sent(&world, message(6, "a", "x")).await;
    world.done(&t, put_member("c", "b", MemberRole::Member)).await;
    assert_eq!(unread(&world, "b").await.unwrap().0, 0);
    // Another role is no coming back.
    sent(&world, message(7, "a", "x")).await;
    world.done(&t, put_member("c", "b", MemberRole::Teacher)).await;
    assert_eq!(unread(&world, "b").await.unwrap().0, 1);
}

pub async fn unread_messages_are_counted_up_to_a_bound(world: World) {
    let t = tenant("t");
    class(&world, &["a", "b"]).await;
    let many: Vec<Write> = (1..=1_000).map(|n| send(&message(n, "a", "x"))).collect();
    world.commit(&t, many).await.unwrap();
    let found = |found: Vec<Option<Unread>>| {
        let unread = found[0].unwrap();
        (unread.count, unread.is_capped)
    };
    let topics = || vec![topic_id("c")];
    let b = user("b");
    let of_b = || world.store.unread_messages(&t, &b, topics());
    assert_eq!(found(of_b().await.unwrap()), (1_000, false));
    sent(&world, message(1_001, "a", "x")).await;
    assert_eq!(found(of_b().await.unwrap()), (1_000, true));
}

pub async fn a_topic_that_is_made_again_begins_empty(world: World) {
    let t = tenant("t");
    class(&world, &["a"]).await;
    let old = Message { client_id: Some("n".into()), ..message(1, "a", "x") };
    let old = sent(&world, old).await;
    for n in 2..=5 {
        sent(&world, message(n, "a", "x")).await;
    }
    world.done(&t, Write::DeleteTopic { topic: topic_id("c"), at: at(5) }).await;
    class(&world, &["a", "b"]).await;
    assert_eq!(everything(&world).await, []);
    assert_eq!(list(&world, MessageSlice::ChangedAfter(Number(0)), 9).await, []);
    assert_eq!(world.store.message(&t, &topic_id("c"), old.id).await.unwrap(), None);
    // The name that a device gave is free again.
    let named = Message { client_id: Some("n".into()), ..message(9, "b", "new") };
    let new = sent(&world, named).await;
    sent(&world, Message { client_id: Some("n".into()), ..message(10, "a", "new") }).await;
    assert_eq!(unread(&world, "b").await.unwrap().0, 1);
    let swept = || world.store.forget_messages(at(9), 2);
    let mut gone = Vec::new();
    for _ in 0..4 {
        gone.push(swept().await.unwrap());
    }
    // One went when its name was given anew.
    assert_eq!(gone, [2, 2, 0, 0]);
    assert_eq!(everything(&world).await.last(), Some(&new));
}

pub async fn members_take_part_by_what_is_there(world: World) {
    let t = tenant("t");
    class(&world, &["a", "b", "c"]).await;
    let first = sent(&world, message(1, "a", "x")).await;
    sent(&world, message(2, "a", "x")).await;
    sent(&world, message(3, "b", "x")).await;
    world.done(&t, change(&deleted(&first), first.changed.0)).await;
    let page =
        |after: &str, limit| world.store.participation(&t, &topic_id("c"), after.into(), limit);
    let brief = |found: Vec<Participation>| -> Vec<(String, u64, Option<i64>, u64)> {
        let row = |one: Participation| {
            let last = one.last_message_at.map(|time| time.as_ms());
            (one.user.to_string(), one.messages, last, one.unread.count)
        };
        found.into_iter().map(row).collect()
    };
    let all = brief(page("", 9).await.unwrap());
    let ms = |n| Some(at(n).as_ms());
    let expected = [("a", 1, ms(2), 1), ("b", 1, ms(3), 0), ("c", 0, None, 2)];
    assert_eq!(all, expected.map(|(name, n, last, unread)| (name.to_owned(), n, last, unread)));
    assert_eq!(brief(page("a", 1).await.unwrap()), all[1..2]);
}

pub async fn what_is_written_and_read_is_told(world: World) {
    let t = tenant("t");
    class(&world, &["a", "b"]).await;
    let before = world.heard().len();
    let first = sent(&world, message(1, "a", "x")).await;
    world.done(&t, change(&deleted(&first), 4)).await;
    world.done(&t, read("b", 5)).await;
    world.done(&t, read("b", 5)).await;
    assert_stale(world.commit(&t, vec![change(&first, 4)]).await);
    let heard = world.heard().split_off(before);
    assert!(heard.iter().all(|one| *one.feed == FeedKey::topic(&t, &topic_id("c"))));
    let changes: Vec<FeedChange> = heard.into_iter().map(|one| one.change).collect();
    let gone = Message { changed: Number(5), ..deleted(&first) };
    let expected = [
        FeedChange::Message { number: Number(4), message: first.into() },
        FeedChange::Message { number: Number(5), message: gone.into() },
        FeedChange::MessagesRead { user: user("b"), up_to: Number(5) },
    ];
    assert_eq!(changes, expected);
}
