//! Inboxes: what is published reads back, and how it is read, deleted and found.

use landfall_core::channel::Channel;
use landfall_core::feed::Number;
use landfall_core::id::NotificationId;
use landfall_core::notification::{Content, InboxRow, JsonText, NewNotification, Priority};
use landfall_core::session::Read;
use landfall_store::{AdminFilter, Outcome, Write};
use std::sync::Arc;

use super::make::{
    at, channels, details, mark_read, note, note_at, notification_id, publish, send_id, tenant,
    user,
};
use super::world::{World, assert_stale};

pub async fn a_notification_reads_back_as_it_was_published(mut world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let full = NewNotification {
        expires_at: Some(at(9)),
        send: Some(send_id()),
        ..note(&u, "full: ' \" \u{1F30D} \n line")
    };
    let bare = Content {
        notification_type: "x".into(),
        template_id: None,
        title: String::new(),
        message: String::new(),
        data: JsonText::trusted("{}"),
        priority: Priority::Low,
        locale: None,
        sender_id: None,
        sender_name: None,
        image: None,
        actions: None,
        link: None,
    };
    let bare = NewNotification { content: Arc::new(bare), channels: vec![], ..note(&u, "") };
    world.publish(&t, &full).await;
    world.publish(&t, &bare).await;
    let expected = [bare.numbered(Number(2)), full.numbered(Number(1))];
    for _ in 0..2 {
        assert_eq!(world.inbox(&t, &u).await, expected);
        for one in &expected {
            assert_eq!(*world.store.get(&t, &u, one.id).await.unwrap().unwrap(), *one);
            assert_eq!(world.store.get(&t, &user("v"), one.id).await.unwrap(), None);
        }
        world.reopen().await;
    }
    assert_eq!(world.store.get(&t, &u, notification_id()).await.unwrap(), None);
}

pub async fn a_deleted_notification_leaves_only_a_tombstone(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let (a, b) = (note(&u, "a"), note(&u, "b"));
    world.publish(&t, &a).await;
    world.publish(&t, &b).await;
    world.done(&t, Write::Delete { user: u.clone(), id: a.id }).await;
    assert_stale(world.commit(&t, vec![Write::Delete { user: u.clone(), id: a.id }]).await);
    assert_stale(world.commit(&t, vec![mark_read(&u, a.id, at(1))]).await);
    assert_stale(world.commit(&t, vec![Write::Delete { user: user("v"), id: b.id }]).await);
    let (user, number, at) = (u.clone(), Number(1), at(1));
    let confirm = Write::Confirm { user, number, at, details: details("u", "{}") };
    assert_eq!(world.done(&t, confirm).await, Outcome::Unchanged);

    assert_eq!(world.inbox(&t, &u).await, [b.clone().numbered(Number(2))]);
    assert_eq!(world.store.get(&t, &u, a.id).await.unwrap(), None);
    assert_eq!(world.store.unread(&t, &u).await.unwrap().0, 1);
    assert_eq!(world.store.undelivered(&t, &u, Number(9), 9).await.unwrap(), [Number(2)]);
    let filter = AdminFilter { limit: 9, ..AdminFilter::default() };
    assert_eq!(world.store.find(&t, filter).await.unwrap().len(), 1);
    let page = world.page(&t, &u, Read::Oldest { after: Number(2), limit: 9 }).await;
    let [InboxRow::Notification(tombstone)] = &page.rows[..] else { panic!("{page:?}") };
    assert!(tombstone.deleted);
    assert_eq!((tombstone.id, tombstone.number, tombstone.changed), (a.id, Number(1), Number(3)));
    let said = &tombstone.content;
    assert_eq!((said.title.as_str(), said.message.as_str(), said.data.as_str()), ("", "", "{}"));
    assert_eq!((&said.image, &said.actions, &said.link), (&None, &None, &None));
}

pub async fn reading_twice_is_stale(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let (a, b) = (note(&u, "a"), note(&u, "b"));
    world.publish(&t, &a).await;
    world.publish(&t, &b).await;
    assert_stale(world.commit(&t, vec![mark_read(&user("v"), a.id, at(1))]).await);
    assert_eq!(world.done(&t, mark_read(&u, a.id, at(1))).await, Outcome::Numbered(Number(3)));
    assert_stale(world.commit(&t, vec![mark_read(&u, a.id, at(2))]).await);
    world.done(&t, Write::MarkAllRead { user: u.clone(), at: at(3) }).await;
    assert_stale(world.commit(&t, vec![mark_read(&u, b.id, at(4))]).await);
    let read: Vec<_> = world.inbox(&t, &u).await.iter().map(|found| found.read_at).collect();
    assert_eq!(read, [Some(at(3)), Some(at(1))]);
    assert_eq!(world.head(&t, &u).await.newest, Number(4));
}

pub async fn marking_all_read_takes_one_number(world: World) {
    let (t, u) = (tenant("t"), user("u"));
    let all_read = || Write::MarkAllRead { user: u.clone(), at: at(1) };
    assert_eq!(world.done(&t, all_read()).await, Outcome::Unchanged);
    for n in 0..3 {
        world.publish(&t, &note(&u, &format!("n{n}"))).await;
    }
    let marked = Outcome::AllRead { number: Number(4), up_to: Number(3), marked: 3 };
    assert_eq!(world.done(&t, all_read()).await, marked);
    assert_eq!(world.done(&t, all_read()).await, Outcome::Unchanged);
    assert_eq!(world.head(&t, &u).await.newest, Number(4));
    assert!(world.inbox(&t, &u).await.iter().all(|found| found.is_read()));
    world.publish(&t, &note(&u, "new")).await;
    assert_eq!(world.store.unread(&t, &u).await.unwrap().0, 1);
    assert!(!world.inbox(&t, &u).await[0].is_read());
}

/// Publishes six notifications a second apart, by turns to two users and of two types.
async fn six(world: &World) -> Vec<NotificationId> {
    let mut ids = Vec::new();
    for n in 0..6 {
        let mut new = note_at(&user(["u", "v"][n % 2]), &format!("n{n}"), at(n as i64 * 1_000));
        if n >= 3 {
            Arc::make_mut(&mut new.content).notification_type = "exam".into();
            new.channels = channels()[..1].to_vec();
        }
        world.publish(&tenant("t"), &new).await;
        ids.push(new.id);
    }
    ids
}

pub async fn the_admin_list_filters(world: World) {
    let t = tenant("t");
    let ids = six(&world).await;
    let (user_u, number, now) = (user("u"), Number(1), at(9_000));
    let details = details("u", "{}");
    world.done(&t, Write::Confirm { user: user_u.clone(), number, at: now, details }).await;
    let all = AdminFilter { limit: 99, ..AdminFilter::default() };
    let of = |name: &str| Some(user(name));
    let cases: [(AdminFilter, &[usize]); 12] = [
        (all.clone(), &[5, 4, 3, 2, 1, 0]),
        (AdminFilter { user: of("u"), ..all.clone() }, &[4, 2, 0]),
        (AdminFilter { user: of("nobody"), ..all.clone() }, &[]),
        (AdminFilter { notification_type: Some("exam".into()), ..all.clone() }, &[5, 4, 3]),
        (AdminFilter { delivered: Some(true), ..all.clone() }, &[0]),
        (AdminFilter { delivered: Some(false), user: of("u"), ..all.clone() }, &[4, 2]),
        (AdminFilter { channel: Some(Channel::Push), ..all.clone() }, &[2, 1, 0]),
        (AdminFilter { channel: Some(Channel::Sms), ..all.clone() }, &[]),
        (AdminFilter { since: Some(at(2_000)), until: Some(at(4_000)), ..all.clone() }, &[3, 2]),
        (AdminFilter { since: Some(at(2_000)), user: of("v"), ..all.clone() }, &[5, 3]),
        (AdminFilter { below: Some(ids[4]), user: of("u"), ..all.clone() }, &[2, 0]),
        (AdminFilter { until: Some(at(0)), ..all.clone() }, &[]),
    ];
    for (filter, expected) in cases {
        let found = world.store.find(&t, filter.clone()).await.unwrap();
        let found: Vec<_> = found.iter().map(|found| found.id).collect();
        let expected: Vec<_> = expected.iter().map(|n| ids[*n]).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
}

pub async fn the_admin_list_pages(world: World) {
    let t = tenant("t");
    let mut expected = six(&world).await;
    expected.reverse();
    let (mut by_id, mut by_offset, mut below) = (Vec::new(), Vec::new(), None);
    for offset in [0, 4, 8] {
        let page = AdminFilter { below, limit: 4, ..AdminFilter::default() };
        by_id.extend(world.store.find(&t, page).await.unwrap().iter().map(|found| found.id));
        below = by_id.last().copied();
        let page = AdminFilter { offset, limit: 4, ..AdminFilter::default() };
        by_offset.extend(world.store.find(&t, page).await.unwrap().iter().map(|found| found.id));
    }
    assert_eq!(by_id, expected);
    assert_eq!(by_offset, expected);
    // Nothing else than the write of another user's notification came in between.
    world.commit(&t, vec![publish(&note_at(&user("u"), "new", at(9_000)))]).await.unwrap();
    let page = AdminFilter { below, limit: 4, ..AdminFilter::default() };
    assert_eq!(world.store.find(&t, page).await.unwrap(), []);
}
