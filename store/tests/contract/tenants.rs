//! Tenants: nothing crosses from one to another, whatever ids they share.

use std::sync::Arc;

use landfall_core::audit::Action;
use landfall_core::feed::{FeedKey, Head, Number};
use landfall_core::id::Tenant;
use landfall_core::notification::NewNotification;
use landfall_core::session::Read;
use landfall_core::topic::MemberRole;
use landfall_store::{AdminFilter, SendNext, SendTo, StoredSend, Unit, Write};

use super::make::{
    at, details, draft, mark_read, note, publish, put_member, put_topic, remove_member, tenant,
    topic, topic_id, unit, user,
};
use super::sends::send;
use super::world::{World, assert_stale, everything};

/// What one tenant has; the other has users and topics of the same names.
struct Owned {
    tenant: Tenant,
    note: NewNotification,
    send: StoredSend,
}

async fn fill(world: &World) -> Owned {
    let t = tenant("owner");
    let u = user("u");
    let note = note(&u, "secret");
    let send = send(&t, SendTo::Users(vec![u.clone()]));
    let writes = vec![
        publish(&note),
        put_topic(&topic("c", "A")),
        put_member("c", "u", MemberRole::Owner),
        Write::CreateSend(Box::new(send.clone())),
    ];
    let audit = vec![draft(Action::Connected, "u", 1)];
    world.store.commit(Unit { audit, ..unit(&t, writes) }).await.unwrap();
    Owned { tenant: t, note, send }
}

pub async fn no_read_shows_anything_of_another_tenant(world: World) {
    let owned = fill(&world).await;
    let (stranger, u, c) = (tenant("stranger"), user("u"), topic_id("c"));
    let store = &world.store;
    let (after, limit) = (Number::ZERO, 10);
    for read in [
        Read::Newest { after, limit },
        Read::Oldest { after, limit },
        Read::Pending { after, up_to: None, limit },
    ] {
        assert_eq!(world.page(&owned.tenant, &u, read).await.rows.len(), 1);
        let page = world.page(&stranger, &u, read).await;
        assert_eq!((page.rows, page.head, page.more), (vec![], Head::default(), false));
    }
    assert_eq!(store.list(&stranger, &u, everything()).await.unwrap(), []);
    assert_eq!(store.get(&stranger, &u, owned.note.id).await.unwrap(), None);
    assert_eq!(store.unread(&stranger, &u).await.unwrap(), (0, Head::default()));
    assert_eq!(store.undelivered(&stranger, &u, Number(9), 9).await.unwrap(), []);
    for of in [None, Some(u.clone())] {
        let filter = AdminFilter { user: of, limit, ..AdminFilter::default() };
        assert_eq!(store.find(&owned.tenant, filter.clone()).await.unwrap().len(), 1);
        assert_eq!(store.find(&stranger, filter).await.unwrap(), []);
    }
    let feeds =
        vec![Arc::new(FeedKey::inbox(&stranger, &u)), Arc::new(FeedKey::topic(&stranger, &c))];
    assert_eq!(store.heads(feeds).await.unwrap(), [Head::default(); 2]);
    assert_eq!(store.topic(&stranger, &c, &u).await.unwrap(), None);
    assert_eq!(store.topics_of(&stranger, &u, None, limit).await.unwrap(), []);
    assert_eq!(store.members(&stranger, &c, String::new(), limit).await.unwrap(), []);
    assert_eq!(store.member_counts(&stranger, vec![c.clone()]).await.unwrap(), [0]);
    assert_eq!(store.member(&stranger, &c, &u).await.unwrap(), None);
    assert_eq!(store.send(&stranger, owned.send.id).await.unwrap(), None);
    assert_eq!(world.trail(&stranger).await, []);
    assert_eq!(store.verify(&stranger).await.unwrap().unsealed, 0);
    assert_eq!(world.trail(&owned.tenant).await.len(), 1);
}

pub async fn no_write_touches_anything_of_another_tenant(world: World) {
    let owned = fill(&world).await;
    let (stranger, u, c) = (tenant("stranger"), user("u"), topic_id("c"));
    let step = Write::AdvanceSend {
        id: owned.send.id,
        from: String::new(),
        to: "u".into(),
        reached: 1,
        next: SendNext::Ends,
    };
    for write in [
        mark_read(&u, owned.note.id, at(1)),
        Write::Delete { user: u.clone(), id: owned.note.id },
        step,
        Write::DeleteTopic { topic: c.clone(), at: at(1) },
        put_member("c", "v", MemberRole::Member),
        remove_member("c", "u"),
    ] {
        assert_stale(world.commit(&stranger, vec![write]).await);
    }
    let (user, number, at) = (u.clone(), Number(1), at(1));
    let details = details("u", "{}");
    let quiet = vec![
        Write::MarkAllRead { user: user.clone(), at },
        Write::Confirm { user: user.clone(), number, at, details: details.clone() },
        Write::Unconfirmed { user, number, at, details },
    ];
    let outcomes = world.commit(&stranger, quiet).await.unwrap().outcomes;
    assert_eq!(outcomes, [landfall_store::Outcome::Unchanged; 3]);
    assert_eq!(world.store.erase_details(&stranger, &u).await.unwrap(), 0);

    let kept = world.store.get(&owned.tenant, &u, owned.note.id).await.unwrap().unwrap();
    assert_eq!(*kept, owned.note.numbered(Number(1)));
    let view = world.store.topic(&owned.tenant, &c, &u).await.unwrap().unwrap();
    assert_eq!(view.role, Some(MemberRole::Owner));
    let counts = world.store.member_counts(&owned.tenant, vec![c.clone()]).await.unwrap();
    assert_eq!(counts, [1]);
    assert_eq!(world.store.send(&owned.tenant, owned.send.id).await.unwrap(), Some(owned.send));
    assert_eq!(world.trail(&stranger).await, []);
    assert!(!world.trail(&owned.tenant).await[0].is_erased);
}
