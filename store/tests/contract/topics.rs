//! Topics and members, as they come and go.

use landfall_core::feed::Number;
use landfall_core::topic::{Member, MemberRole, Topic, TopicKind, Visibility};
use landfall_store::{Guard, MemberOutcome, Outcome, TopicView, Unit, Write};

use super::make::{at, put_member, put_topic, remove_member, tenant, topic, topic_id, unit, user};
use super::world::{World, assert_stale};

fn numbered(number: u64) -> Outcome {
    Outcome::Numbered(Number(number))
}

fn delete(name: &str) -> Write {
    Write::DeleteTopic { topic: topic_id(name), at: at(5) }
}

async fn view(world: &World, of: &str, name: &str) -> Option<TopicView> {
    world.store.topic(&tenant("t"), &topic_id(of), &user(name)).await.unwrap()
}

pub async fn a_topic_is_put_changed_deleted_and_made_again(mut world: World) {
    let t = tenant("t");
    let first = topic("c", "A");
    assert_stale(world.commit(&t, vec![delete("c")]).await);
    assert_eq!(world.done(&t, put_topic(&first)).await, numbered(1));
    let same = Topic { created_at: at(1), updated_at: at(1), ..first.clone() };
    assert_eq!(world.done(&t, put_topic(&same)).await, Outcome::Unchanged);
    let seen = TopicView { topic: first.clone(), changed: Number(1), role: None };
    assert_eq!(view(&world, "c", "u").await, Some(seen));
    let changes = [
        Topic { title: "B".into(), ..first.clone() },
        Topic { kind: TopicKind::Topic, ..first.clone() },
        Topic { visibility: Visibility::Public, ..first.clone() },
        Topic { room_id: None, ..first.clone() },
    ];
    for (n, change) in (2..).zip(changes) {
        let change = Topic { created_at: at(9), updated_at: at(n), ..change };
        assert_eq!(world.done(&t, put_topic(&change)).await, numbered(n as u64));
        assert_eq!(world.done(&t, put_topic(&change)).await, Outcome::Unchanged);
        let expected = Topic { created_at: at(0), ..change };
        assert_eq!(view(&world, "c", "u").await.unwrap().topic, expected);
    }
    assert_eq!(world.done(&t, delete("c")).await, numbered(6));
    assert_eq!(view(&world, "c", "u").await, None);
    assert_stale(world.commit(&t, vec![delete("c")]).await);
    let again = Topic { created_at: at(10), updated_at: at(10), room_id: None, ..first };
    assert_eq!(world.done(&t, put_topic(&again)).await, numbered(7));
    world.reopen().await;
    assert_eq!(view(&world, "c", "u").await.unwrap().topic, again);
}

pub async fn a_topic_that_changed_meanwhile_is_decided_on_anew(world: World) {
    let t = tenant("t");
    let guarded = |number: Option<u64>, write| {
        let mut guarded = unit(&t, vec![write]);
        guarded.guards.push(Guard::TopicAt(topic_id("c"), number.map(Number)));
        guarded
    };
    let first = topic("c", "A");
    assert_stale(world.store.commit(guarded(Some(1), put_topic(&first))).await);
    world.store.commit(guarded(None, put_topic(&first))).await.unwrap();
    assert_stale(world.store.commit(guarded(None, put_topic(&first))).await);
    let second = Topic { title: "B".into(), ..first.clone() };
    world.store.commit(guarded(Some(1), put_topic(&second))).await.unwrap();
    assert_stale(world.store.commit(guarded(Some(1), put_topic(&first))).await);
    assert_eq!(view(&world, "c", "u").await.unwrap().topic.title, "B");
}

pub async fn members_are_added_changed_and_removed(world: World) {
    use MemberRole::{Member, Owner, Teacher};
    let (t, c) = (tenant("t"), topic_id("c"));
    assert_stale(world.commit(&t, vec![put_member("c", "u", Member)]).await);
    world.done(&t, put_topic(&topic("c", "A"))).await;
    assert_stale(world.commit(&t, vec![remove_member("c", "u")]).await);
    for (role, outcome) in [
        (Member, MemberOutcome::Added),
        (Member, MemberOutcome::Unchanged),
        (Teacher, MemberOutcome::Updated),
        (Owner, MemberOutcome::Updated),
    ] {
        assert_eq!(world.done(&t, put_member("c", "u", role)).await, Outcome::Member(outcome));
        let found = world.store.member(&t, &c, &user("u")).await.unwrap().unwrap();
        assert_eq!((found.role, found.joined_at), (role, at(0)));
    }
    let counts = || world.store.member_counts(&t, vec![c.clone(), topic_id("none")]);
    assert_eq!(view(&world, "c", "u").await.unwrap().role, Some(Owner));
    assert_eq!(view(&world, "c", "v").await.unwrap().role, None);
    assert_eq!(counts().await.unwrap(), [1, 0]);
    assert_eq!(world.done(&t, remove_member("c", "u")).await, numbered(5));
    assert_stale(world.commit(&t, vec![remove_member("c", "u")]).await);
    assert_eq!(world.store.member(&t, &c, &user("u")).await.unwrap(), None);
    assert_eq!(counts().await.unwrap(), [0, 0]);
    let (topic, role, at) = (c.clone(), Member, at(9));
    let again = Write::PutMember { topic, user: user("u"), role, at };
    assert_eq!(world.done(&t, again).await, Outcome::Member(MemberOutcome::Added));
    let found = world.store.member(&t, &c, &user("u")).await.unwrap().unwrap();
    assert_eq!((found.role, found.joined_at), (Member, at));
}

pub async fn members_page_by_user_id(world: World) {
    let (t, c) = (tenant("t"), topic_id("c"));
    world.done(&t, put_topic(&topic("c", "A"))).await;
    world.done(&t, put_topic(&topic("d", "D"))).await;
    world.done(&t, put_member("d", "stranger", MemberRole::Member)).await;
    let mut names = ["b", "a", "ä", "Z", "a b", "ab", "\u{10FFFD}", "0"];
    for name in names {
        world.done(&t, put_member("c", name, MemberRole::Member)).await;
    }
    world.done(&t, put_member("c", "gone", MemberRole::Member)).await;
    world.done(&t, remove_member("c", "gone")).await;
    // By code point, whatever the machine's language.
    names.sort_unstable();
    let mut walked: Vec<Member> = Vec::new();
    for page_size in [3, 3, 2, 0] {
        let after = walked.last().map_or(String::new(), |member| member.user.to_string());
        let page = world.store.members(&t, &c, after, 3).await.unwrap();
        assert_eq!(page.len(), page_size);
        walked.extend(page);
    }
    let walked: Vec<&str> = walked.iter().map(|member| member.user.as_str()).collect();
    assert_eq!(walked, names);
    let among = ["gone", "ab", "stranger", "Z"].map(user).to_vec();
    let among = world.store.members_among(&t, &c, among).await.unwrap();
    assert_eq!(among, ["ab", "Z"].map(user));
}

pub async fn a_user_lists_the_topics_they_are_in(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    for name in ["b", "a", "d", "c", "not"] {
        world.done(&t, put_topic(&topic(name, name))).await;
        world.done(&t, put_member(name, "v", MemberRole::Owner)).await;
        if name != "not" {
            world.done(&t, put_member(name, "u", MemberRole::Member)).await;
        }
    }
    world.done(&t, delete("d")).await;
    let first = world.store.topics_of(&t, &u, None, 2).await.unwrap();
    let after = Some(first[1].topic.id.clone());
    let second = world.store.topics_of(&t, &u, after, 2).await.unwrap();
    let seen: Vec<_> = first.iter().chain(&second).collect();
    let names: Vec<&str> = seen.iter().map(|view| view.topic.id.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    for view in seen {
        assert_eq!(view.role, Some(MemberRole::Member));
        let of = vec![view.topic.id.clone()];
        assert_eq!(world.store.member_counts(&t, of).await.unwrap(), [2]);
        assert_eq!(view.topic, topic(view.topic.id.as_str(), view.topic.id.as_str()));
    }
    assert_eq!(world.store.topics_of(&t, &user("w"), None, 9).await.unwrap(), []);
}

pub async fn deleting_a_topic_ends_its_memberships(world: World) {
    let (t, c) = (tenant("t"), topic_id("c"));
    world.done(&t, put_topic(&topic("c", "A"))).await;
    for name in ["u", "v"] {
        world.done(&t, put_member("c", name, MemberRole::Owner)).await;
    }
    assert_eq!(world.done(&t, delete("c")).await, numbered(4), "one number for all of it");
    for write in [put_member("c", "u", MemberRole::Member), remove_member("c", "u")] {
        assert_stale(world.commit(&t, vec![write]).await);
    }
    assert_eq!(world.store.members(&t, &c, String::new(), 9).await.unwrap(), []);
    let among = world.store.members_among(&t, &c, vec![user("u")]).await.unwrap();
    assert_eq!(among, []);
    assert_eq!(world.store.topics_of(&t, &user("u"), None, 9).await.unwrap(), []);
    // Who makes it again begins with nobody in it.
    world.done(&t, put_topic(&topic("c", "A"))).await;
    assert_eq!(world.store.members(&t, &c, String::new(), 9).await.unwrap(), []);
    assert_eq!(view(&world, "c", "u").await.unwrap().role, None);
}

/// Asks whom of `u`, `v` and `w` the teacher may reach, by reading and by the guard.
async fn taught(world: &World) -> Vec<String> {
    let (t, teacher) = (tenant("t"), user("teacher"));
    let users = ["w", "u", "v"].map(user).to_vec();
    let taught = world
        .store
        .sharing_topics(&t, (&teacher, MemberRole::Teacher), users.clone())
        .await
        .unwrap();
    for user in users {
        let guards = vec![Guard::TaughtBy(user.clone(), teacher.clone())];
        let answer = world.store.commit(Unit { guards, ..Unit::new(&t) }).await;
        match taught.contains(&user) {
            true => assert_eq!(answer.unwrap().outcomes, []),
            false => assert_stale(answer),
        }
    }
    taught.iter().map(ToString::to_string).collect()
}

pub async fn who_teaches_whom_follows_their_topics(world: World) {
    use MemberRole::{Member, Owner, Teacher};
    let t = tenant("t");
    assert_eq!(taught(&world).await, [""; 0]);
    let members = vec![
        put_topic(&topic("c", "C")),
        put_member("c", "teacher", Teacher),
        put_member("c", "u", Member),
        put_topic(&topic("d", "D")),
        put_member("d", "teacher", Member),
        put_member("d", "v", Member),
    ];
    world.commit(&t, members).await.unwrap();
    assert_eq!(taught(&world).await, ["u"]);
    world.done(&t, put_member("d", "teacher", Owner)).await;
    assert_eq!(taught(&world).await, ["u", "v"]);
    let who = (&user("teacher"), MemberRole::Teacher);
    let other = world.store.sharing_topics(&tenant("t2"), who, vec![user("u")]).await;
    assert_eq!(other.unwrap(), []);
    world.done(&t, remove_member("c", "u")).await;
    assert_eq!(taught(&world).await, ["v"]);
    world.done(&t, delete("d")).await;
    assert_eq!(taught(&world).await, [""; 0]);
}
