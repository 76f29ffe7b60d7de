//! Files that messages carry: who may read them, and when they may go.

use landfall_core::blob::BlobHash;
use landfall_core::feed::Number;
use landfall_core::message::{Message, MessageBody};
use landfall_core::time::Timestamp;
use landfall_core::topic::MemberRole;
use landfall_store::{BLOB_WEIGHT_MIN, BlobRoom, Outcome, Write};
use uuid::Uuid;

use super::make::{at, put_member, put_topic, remove_member, tenant, topic, topic_id, user};
use super::make_lessons::{attachment, hash, lesson, put, put_blob};
use super::make_messages::{message, send};
use super::world::{World, assert_stale};

const NEVER: Timestamp = Timestamp::from_ms(0);

async fn class(world: &World) {
    let t = tenant("t");
    world.done(&t, put_topic(&topic("c", "A"))).await;
    world.done(&t, put_member("c", "ann", MemberRole::Member)).await;
}

fn with_files(id: u128, blobs: &[u8]) -> Message {
    let attachments = blobs.iter().map(attachment).collect();
    let plain = message(id, "ann", "");
    Message { body: MessageBody { attachments, ..MessageBody::default() }, ..plain }
}

async fn sent(world: &World, message: Message) -> Message {
    let outcome = world.done(&tenant("t"), send(&message)).await;
    let Outcome::Numbered(number) = outcome else { panic!("{outcome:?}") };
    Message { number, changed: number, ..message }
}

fn deleted(message: &Message) -> Write {
    let (body, edited_at) = (MessageBody::default(), Some(at(9)));
    let next = Message { body, edited_at, is_deleted: true, ..message.clone() };
    Write::ChangeMessage { message: Box::new(next), from: message.changed }
}

async fn may_read(world: &World, n: u8, name: &str) -> bool {
    world.store.may_read_blob(&tenant("t"), hash(n), &user(name), NEVER).await.unwrap()
}

/// Gives which blobs nothing refers to.
async fn unneeded(world: &World) -> Vec<u8> {
    let mut found = world.store.unneeded_blobs(at(1_000), 9).await.unwrap();
    found.sort_by_key(|one| one.blob.hash);
    found.iter().map(|one| one.blob.hash.0[0]).collect()
}

pub async fn a_file_is_read_by_the_topic_that_it_was_sent_to(mut world: World) {
    let t = tenant("t");
    class(&world).await;
    world.done(&t, put_topic(&topic("d", "D"))).await;
    world.done(&t, put_member("d", "bob", MemberRole::Owner)).await;
    world.done(&t, put_blob(1, 99)).await;
    assert!(!may_read(&world, 1, "ann").await);
    let first = sent(&world, with_files(1, &[1, 1])).await;
    world.reopen().await;
    assert!(may_read(&world, 1, "ann").await && !may_read(&world, 1, "bob").await);
    let found = world.store.message(&t, &topic_id("c"), first.id).await.unwrap();
    assert_eq!(found.as_ref(), Some(&first));
    let stranger = tenant("stranger");
    let theirs = world.store.may_read_blob(&stranger, hash(1), &user("ann"), NEVER).await;
    assert!(!theirs.unwrap());
    world.done(&t, remove_member("c", "ann")).await;
    assert!(!may_read(&world, 1, "ann").await);
    world.done(&t, put_member("c", "ann", MemberRole::Member)).await;
    // A topic that is made again shows nothing of the one before it.
    world.done(&t, Write::DeleteTopic { topic: topic_id("c"), at: at(5) }).await;
    class(&world).await;
    assert!(!may_read(&world, 1, "ann").await);
    assert!(world.store.belongs(&t, &user("ann")).await.unwrap());
    assert!(!world.store.belongs(&t, &user("zoe")).await.unwrap());
    assert!(!world.store.belongs(&stranger, &user("ann")).await.unwrap());
}

pub async fn a_file_is_kept_while_a_message_carries_it(world: World) {
    let t = tenant("t");
    class(&world).await;
    for n in 1..=3 {
        world.done(&t, put_blob(n, 99)).await;
    }
    world.done(&t, put(&lesson("l", 1, &[3]))).await;
    let first = sent(&world, with_files(1, &[2, 1])).await;
    let second = sent(&world, with_files(2, &[1, 3])).await;
    assert_eq!(unneeded(&world).await, [0; 0]);
    let edited = MessageBody { text: "new".into(), ..first.body.clone() };
    let edited = Message { body: edited, edited_at: Some(at(8)), ..first };
    let change = Write::ChangeMessage { message: Box::new(edited.clone()), from: edited.changed };
    let Outcome::Numbered(changed) = world.done(&t, change).await else { panic!("no number") };
    assert_eq!(unneeded(&world).await, [0; 0], "words change, files stay");
    world.done(&t, deleted(&Message { changed, ..edited })).await;
    assert_eq!(unneeded(&world).await, [2]);
    assert!(may_read(&world, 1, "ann").await && !may_read(&world, 2, "ann").await);
    world.done(&t, deleted(&second)).await;
    assert_eq!(unneeded(&world).await, [1, 2], "the lesson needs the third");
    // What is left of a deleted topic lets its files go when it is taken away, a device's name or not.
    let named = Message { client_id: Some("n".into()), ..with_files(3, &[1]) };
    sent(&world, named.clone()).await;
    sent(&world, with_files(4, &[2])).await;
    world.done(&t, Write::DeleteTopic { topic: topic_id("c"), at: at(5) }).await;
    class(&world).await;
    assert_eq!(unneeded(&world).await, [3]);
    sent(&world, Message { body: MessageBody::default(), ..named }).await;
    assert_eq!(unneeded(&world).await, [1, 3]);
    while world.store.forget_messages(at(9), 1).await.unwrap() > 0 {}
    assert_eq!(unneeded(&world).await, [1, 2, 3]);
}

pub async fn a_message_without_its_file_is_not_sent(world: World) {
    let t = tenant("t");
    class(&world).await;
    world.done(&t, put_blob(1, 99)).await;
    assert_stale(world.commit(&t, vec![send(&with_files(1, &[1, 2]))]).await);
    assert_eq!(unneeded(&world).await, [1], "nothing of what was refused is left");
    assert_eq!(sent(&world, with_files(1, &[1])).await.number, Number(3));
}

pub async fn what_a_user_uploads_has_room_together(world: World) {
    let t = tenant("t");
    let bring = |n: u8, name: &str, of_user: u64| {
        let Write::PutBlob { blob, instead_of, at, .. } = put_blob(n, 99) else {
            panic!("it is that write")
        };
        let room = BlobRoom { of_tenant: 99, of_user };
        Write::PutBlob { blob, by: user(name), instead_of, room, at }
    };
    let total = async |name: &str| world.store.blob_total_of_user(&t, &user(name)).await.unwrap();
    let two = 2 * BLOB_WEIGHT_MIN;
    for n in [1, 2] {
        assert_eq!(world.done(&t, bring(n, "ann", two)).await, Outcome::Done);
    }
    assert_stale(world.commit(&t, vec![bring(3, "ann", two)]).await);
    assert!(world.store.blobs(&t, vec![hash(3)]).await.unwrap().is_empty());
    assert_eq!(world.store.blob_total(&t).await.unwrap(), 20);
    // The same once more weighs nothing; what somebody else brought too weighs for both.
    assert_eq!(world.done(&t, bring(1, "ann", two)).await, Outcome::Unchanged);
    assert_eq!(world.done(&t, bring(1, "bob", two)).await, Outcome::Unchanged);
    assert_eq!((total("ann").await, total("bob").await), (two, two / 2));
    let stranger = tenant("stranger");
    assert_eq!(world.store.blob_total_of_user(&stranger, &user("ann")).await.unwrap(), 0);
    let (hash, file): (BlobHash, _) = (hash(1), Uuid::from_u128(1));
    world.done(&t, Write::ForgetBlob { hash, file, before: at(99) }).await;
    assert_eq!((total("ann").await, total("bob").await), (two / 2, 0));
    assert_eq!(world.done(&t, bring(3, "ann", two)).await, Outcome::Done);
}
