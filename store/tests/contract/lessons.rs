//! Lessons and the blobs that they need, as they come and go.

use landfall_core::audit::Action;
use landfall_core::feed::Number;
use landfall_core::id::LessonId;
use landfall_core::lesson::Lesson;
use landfall_core::time::Timestamp;
use landfall_core::topic::MemberRole;
use landfall_store::{LessonFilter, Outcome, Write};
use uuid::Uuid;

use super::make::{at, draft, put_member, put_topic, tenant, topic, topic_id, unit, user};
use super::make_lessons::{hash, lesson, put, put_blob};
use super::world::{World, assert_stale};

fn delete(id: &str, version: u64) -> Write {
    let id = LessonId::parse(id).unwrap();
    Write::DeleteLesson { id, class: topic_id("c"), version, at: at(9) }
}

fn forget(n: u8, ms: i64) -> Write {
    Write::ForgetBlob { hash: hash(n), file: Uuid::from_u128(n.into()), before: at(ms) }
}

async fn class(world: &World) {
    world.done(&tenant("t"), put_topic(&topic("c", "C"))).await;
    world.done(&tenant("t"), put_member("c", "ann", MemberRole::Member)).await;
}

async fn found(world: &World, id: &str) -> Option<Lesson> {
    world.store.lesson(&tenant("t"), &LessonId::parse(id).unwrap()).await.unwrap()
}

async fn may_read(world: &World, n: u8, name: &str, now: Timestamp) -> bool {
    world.store.may_read_blob(&tenant("t"), hash(n), &user(name), now).await.unwrap()
}

pub async fn a_lesson_reads_back_and_its_versions_follow_each_other(mut world: World) {
    let t = tenant("t");
    class(&world).await;
    for n in [1, 2] {
        assert_eq!(world.done(&t, put_blob(n, 99)).await, Outcome::Done);
    }
    assert_stale(world.commit(&t, vec![put(&lesson("l", 2, &[]))]).await);
    let first = lesson("l", 1, &[2, 1, 2]);
    assert_eq!(world.done(&t, put(&first)).await, Outcome::Numbered(Number(3)));
    assert_stale(world.commit(&t, vec![put(&first)]).await);
    let stored = Lesson { changed: Number(3), ..first };
    assert_eq!(found(&world, "l").await, Some(stored.clone()));
    let elsewhere = Lesson { class: topic_id("d"), ..lesson("l", 2, &[]) };
    world.done(&t, put_topic(&topic("d", "D"))).await;
    assert_stale(world.commit(&t, vec![put(&elsewhere)]).await);
    assert_stale(world.commit(&t, vec![put(&lesson("l", 2, &[1, 7]))]).await);
    assert_stale(world.commit(&t, vec![delete("l", 2)]).await);
    // Nothing of what was refused is left, not even a number.
    assert_eq!(world.done(&t, delete("l", 1)).await, Outcome::Numbered(Number(4)));
    let left = found(&world, "l").await.unwrap();
    assert!(left.is_deleted && left.attachments.is_empty() && left.title.is_empty());
    assert_eq!((left.version, left.data.as_str(), left.changed), (2, "{}", Number(4)));
    assert_stale(world.commit(&t, vec![delete("l", 2)]).await);
    assert_stale(world.commit(&t, vec![put(&lesson("l", 1, &[]))]).await);
    world.done(&t, put(&lesson("l", 3, &[]))).await;
    world.reopen().await;
    assert_eq!(found(&world, "l").await.unwrap().version, 3);
}

pub async fn lessons_of_a_class_are_counted_listed_and_end(world: World) {
    let t = tenant("t");
    class(&world).await;
    for id in ["b", "a", "ä"] {
        let expires_at = (id == "a").then(|| at(50));
        world.done(&t, put(&Lesson { expires_at, ..lesson(id, 1, &[]) })).await;
    }
    assert_stale(world.commit(&t, vec![put(&lesson("d", 1, &[]))]).await);
    world.done(&t, put(&lesson("b", 2, &[]))).await;
    assert_eq!(world.store.lesson_count(&t, &topic_id("c")).await.unwrap(), 3);
    let list = async |after: Option<&str>, now, limit| {
        let after = after.map(|id| LessonId::parse(id).unwrap());
        let filter = LessonFilter { class: topic_id("c"), after, now: at(now), limit };
        let found = world.store.lessons(&t, filter).await.unwrap();
        assert!(found.iter().all(|lesson| lesson.data.as_str() == "{}"));
        found.iter().map(|lesson| lesson.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(None, 49, 9).await, ["a", "b", "ä"]);
    assert_eq!(list(None, 50, 9).await, ["b", "ä"]);
    assert_eq!(list(Some("a"), 0, 1).await, ["b"]);
    assert!(world.store.ended_lessons(at(49), 9).await.unwrap().is_empty());
    let ended = world.store.ended_lessons(at(50), 9).await.unwrap().remove(0);
    assert_eq!((ended.id.as_str(), ended.version, ended.tenant), ("a", 1, t.clone()));
    world.done(&t, delete("a", 1)).await;
    assert!(world.store.ended_lessons(at(50), 9).await.unwrap().is_empty());
    let gone = Write::DeleteTopic { topic: topic_id("c"), at: at(60) };
    let number = world.done(&t, gone).await;
    let left = found(&world, "b").await.unwrap();
    assert_eq!((left.is_deleted, left.version, Outcome::Numbered(left.changed)), (true, 3, number));
    assert_eq!(world.store.lesson_count(&t, &topic_id("c")).await.unwrap(), 0);
}

pub async fn a_blob_is_read_by_its_class_and_by_who_brought_it(world: World) {
    let t = tenant("t");
    class(&world).await;
    world.done(&t, put_blob(1, 99)).await;
    assert!(may_read(&world, 1, "teacher", at(0)).await);
    assert!(!may_read(&world, 1, "ann", at(0)).await);
    let expiring = Lesson { expires_at: Some(at(50)), ..lesson("l", 1, &[1]) };
    world.done(&t, put(&expiring)).await;
    assert!(may_read(&world, 1, "ann", at(49)).await && !may_read(&world, 1, "ann", at(50)).await);
    assert!(!may_read(&world, 1, "bob", at(0)).await && !may_read(&world, 2, "ann", at(0)).await);
    let stranger = tenant("stranger");
    assert!(!world.store.may_read_blob(&stranger, hash(1), &user("teacher"), at(0)).await.unwrap());
    assert!(world.store.blobs(&stranger, vec![hash(1)]).await.unwrap().is_empty());
    assert!(world.store.lesson(&stranger, &expiring.id).await.unwrap().is_none());
    assert_stale(world.commit(&stranger, vec![forget(1, 99)]).await);
    assert_stale(world.commit(&stranger, vec![delete("l", 1)]).await);
    world.done(&t, super::make::remove_member("c", "ann")).await;
    assert!(!may_read(&world, 1, "ann", at(0)).await);
    assert!(!world.store.teaches(&t, &user("ann")).await.unwrap());
    world.done(&t, put_member("c", "ann", MemberRole::Teacher)).await;
    assert!(world.store.teaches(&t, &user("ann")).await.unwrap());
    assert!(!world.store.teaches(&stranger, &user("ann")).await.unwrap());
}

pub async fn a_blob_is_forgotten_only_while_nobody_needs_it(world: World) {
    let t = tenant("t");
    class(&world).await;
    for n in [1, 2] {
        world.done(&t, put_blob(n, 99)).await;
    }
    world.done(&t, put(&lesson("l", 1, &[1, 1]))).await;
    world.done(&t, put(&lesson("m", 1, &[1]))).await;
    let unneeded = async |ms| {
        let found = world.store.unneeded_blobs(at(ms), 9).await.unwrap();
        found.iter().map(|one| one.blob.hash.0[0]).collect::<Vec<_>>()
    };
    assert_eq!((unneeded(0).await, unneeded(1).await), (vec![], vec![2]));
    assert_stale(world.commit(&t, vec![forget(1, 99)]).await);
    assert_stale(world.commit(&t, vec![forget(2, 0)]).await);
    world.done(&t, put(&lesson("l", 2, &[2]))).await;
    assert_stale(world.commit(&t, vec![forget(1, 99)]).await);
    world.done(&t, delete("m", 1)).await;
    assert_eq!((unneeded(9).await, unneeded(10).await), (vec![], vec![1]));
    let audit = vec![draft(Action::BlobForgotten, "u", 1)];
    let forgets = landfall_store::Unit { audit, ..unit(&t, vec![forget(1, 10)]) };
    world.store.commit(forgets).await.unwrap();
    assert_eq!(world.store.blob_total(&t).await.unwrap(), 10);
    assert!(!may_read(&world, 1, "teacher", at(0)).await);
    assert_stale(world.commit(&t, vec![put(&lesson("m", 3, &[1]))]).await);
    let files = vec![Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];
    assert_eq!(world.store.blob_files(files).await.unwrap(), [Uuid::from_u128(2)]);
    let gone = Write::DeleteTopic { topic: topic_id("c"), at: at(20) };
    world.done(&t, gone).await;
    assert_eq!(unneeded(21).await, [2]);
}

pub async fn blobs_of_a_tenant_have_room_together(world: World) {
    let t = tenant("t");
    world.done(&t, put_blob(1, 20)).await;
    world.done(&t, put_blob(2, 20)).await;
    assert_stale(world.commit(&t, vec![put_blob(3, 20)]).await);
    assert!(world.store.blobs(&t, vec![hash(3)]).await.unwrap().is_empty());
    assert_eq!(world.store.blob_total(&t).await.unwrap(), 20);
    assert_eq!(world.done(&tenant("other"), put_blob(9, 20)).await, Outcome::Done);
    // One that is there takes no more room, and stays where it is.
    assert_eq!(world.done(&t, put_blob(1, 20)).await, Outcome::Unchanged);
    let Write::PutBlob { mut blob, by, room, at, .. } = put_blob(1, 20) else {
        panic!("it is that write")
    };
    blob.file = Uuid::from_u128(7);
    let instead_of = Some(Uuid::from_u128(1));
    let again = || Write::PutBlob { blob: blob.clone(), by: by.clone(), instead_of, room, at };
    assert_eq!(world.done(&t, again()).await, Outcome::Done);
    assert_eq!(world.done(&t, again()).await, Outcome::Unchanged);
    assert_eq!(world.store.blobs(&t, vec![hash(1)]).await.unwrap()[0].file, blob.file);
    let using = |file| Write::UseBlob { hash: hash(1), file, at };
    assert_stale(world.commit(&t, vec![using(Uuid::from_u128(1))]).await);
    world.done(&t, using(blob.file)).await;
    assert!(!may_read(&world, 1, "bob", at).await, "who has a use for it has not brought it");
}

pub async fn of_writers_at_once_one_makes_each_version(world: World) {
    let t = tenant("t");
    class(&world).await;
    world.done(&t, put_blob(1, 99)).await;
    for version in 1..4 {
        let blobs: &[u8] = if version == 2 { &[] } else { &[1] };
        let one = lesson("l", version, blobs);
        let commits = (0..8).map(|_| world.commit(&t, vec![put(&one)]));
        let answers = futures_util::future::join_all(commits).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    }
    world.done(&t, delete("l", 3)).await;
    assert_eq!(world.store.unneeded_blobs(at(99), 9).await.unwrap().len(), 1);
}
