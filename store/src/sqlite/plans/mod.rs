//! The plans of the statements that run often: each must reach its rows through an index.
//!
//! Statements are caught as they run, so that no copy of their text can drift from them.

#![allow(clippy::unwrap_used)]

mod bench;
mod classes;
mod digests;
mod messages;
mod reach;
mod retention;
mod schedule;
mod sync;

use std::sync::Arc;

use landfall_core::audit::{Action, Entity};
use landfall_core::auth::{Revoked, TokenMark};
use landfall_core::channel::Channel;
use landfall_core::feed::Number;
use landfall_core::id::SendId;
use landfall_core::session::Read;
use landfall_core::topic::{MemberRole, Topic, TopicKind, Visibility};
use rusqlite::StatementStatus;
use uuid::Uuid;

use super::runner::at_once;
use crate::sql::{
    audits, chain, feeds, idempotency, inbox_page, inbox_read, revocations, sends, topics,
};
use crate::{
    AdminFilter, AuditDraft, AuditFilter, Guard, IdempotencyKey, InboxQuery, InboxSlice, SendNext,
    SendState, SendTo, StoredSend, Unit, Write,
};
use bench::{AT, Bench, ONE, content};

#[test]
fn sessions_read_pages_through_indexes() {
    let bench = Bench::new();
    bench.publish(1);
    let (after, limit) = (Number::ZERO, 9);
    for (read, index) in [
        (
            Read::Newest { after, limit },
            "notification_changed (feed_id=? AND changed>? AND changed<?)",
        ),
        (
            Read::Oldest { after, limit },
            "notification_changed (feed_id=? AND changed>? AND changed<?)",
        ),
        (
            Read::Pending { after, up_to: None, limit },
            "notification_pending (feed_id=? AND changed>? AND changed<?)",
        ),
    ] {
        let page = |bench: &Bench| {
            at_once(inbox_page::page(&mut bench.runner(), &bench.feed(), read)).unwrap();
        };
        bench.check_reaches(index, page);
    }
}

#[test]
fn inboxes_are_listed_through_indexes() {
    let bench = Bench::new();
    let id = bench.publish(1);
    for slice in [
        InboxSlice::Newest { below: None },
        InboxSlice::ChangedAfter { after: ONE, before: None },
        InboxSlice::ChangedBefore(ONE),
    ] {
        let (read, notification_type) = (Some(false), Some("x".into()));
        let query = InboxQuery { slice, read, notification_type, offset: 1, limit: 9 };
        bench.check(|b| {
            at_once(inbox_read::list(&mut b.runner(), &b.feed(), &query)).unwrap();
        });
    }
    bench.check(|b| {
        at_once(inbox_read::get(&mut b.runner(), &b.tenant, &b.user, id)).unwrap();
    });
    bench.check(|b| {
        at_once(feeds::unread(&mut b.runner(), &b.feed())).unwrap();
        at_once(feeds::head(&mut b.runner(), &b.feed())).unwrap();
    });
}

#[test]
fn workers_find_what_waits_through_indexes() {
    let bench = Bench::new();
    bench.publish(1);
    bench.check(|b| {
        at_once(inbox_read::undelivered(&mut b.runner(), &b.feed(), ONE, 9)).unwrap();
    });
    bench.check(|b| {
        at_once(inbox_read::expired(&mut b.runner(), AT, 9)).unwrap();
    });
    bench.check(|b| {
        at_once(idempotency::forget(&mut b.runner(), AT, 9)).unwrap();
    });
    bench.check_but(&reach::TENANTS, |b| {
        at_once(sends::active_tenants(&mut b.runner(), Some(&b.tenant), 9)).unwrap();
    });
    bench.check_but(&SENDS_TO_MANY, |b| {
        at_once(sends::active(&mut b.runner(), &b.tenant, 9)).unwrap();
    });
    // In the order of the index, and of a tenant no more than are asked for.
    bench.check_but(&["SEARCH s USING INDEX send_active (tenant=?)"], |b| {
        at_once(sends::active_ones(&mut b.runner(), &b.tenant, 9)).unwrap();
    });
    bench.check_reaches("send_due (due_at<?)", |b| {
        assert!(!at_once(sends::is_due(&mut b.runner(), AT)).unwrap());
    });
    // What it takes at once.
    let start = |b: &Bench| assert_eq!(at_once(sends::start(&mut b.runner(), AT, 9)).unwrap(), 0);
    bench.check_but(&["SCAN due"], start);
    let found = bench.plans(start);
    assert!(found.iter().any(|line| line.contains("send_due (due_at<?)")), "{found:#?}");
}

#[test]
fn the_admin_list_reads_one_tenant_or_one_inbox() {
    let bench = Bench::new();
    bench.publish(1);
    let filter = AdminFilter {
        notification_type: Some("x".into()),
        delivered: Some(false),
        channel: Some(Channel::Push),
        since: Some(AT),
        limit: 9,
        ..AdminFilter::default()
    };
    bench.check(|b| {
        at_once(inbox_read::find(&mut b.runner(), &b.tenant, &filter)).unwrap();
    });
    let filter = AdminFilter { user: Some(bench.user.clone()), ..filter };
    // One inbox is sorted by id instead of looking through everybody's ids.
    bench.check_but(&["USE TEMP B-TREE FOR ORDER BY"], |b| {
        at_once(inbox_read::find(&mut b.runner(), &b.tenant, &filter)).unwrap();
    });
}

#[test]
fn the_trail_is_read_and_sealed_through_indexes() {
    let bench = Bench::new();
    let entity = Entity::Other("thing", "x".into());
    let entry = AuditDraft { at: AT, action: Action::Refused, entity, details: bench.details() };
    bench.check(|b| {
        b.unit(Unit { audit: vec![entry], ..Unit::new(&b.tenant) });
    });
    let filter = AuditFilter { action: Some(Action::Refused), limit: 9, ..AuditFilter::default() };
    bench.check(|b| {
        at_once(audits::list(&mut b.runner(), &b.tenant, &filter)).unwrap();
    });
    bench.check(|b| {
        assert!(at_once(audits::has_trail(&mut b.runner(), &b.tenant)).unwrap());
    });
    // A row per tenant, of which a page is read in their order.
    let page = |b: &Bench| {
        at_once(audits::trails(&mut b.runner(), Some(&b.tenant), 9)).unwrap();
    };
    bench.check_reaches("audit_chain USING PRIMARY KEY (tenant>?)", page);
    let filter = AuditFilter { target: Some(bench.user.clone()), ..filter };
    let by_target = |b: &Bench| {
        at_once(audits::list(&mut b.runner(), &b.tenant, &filter)).unwrap();
    };
    bench.check_reaches("audit_entry_target (tenant=? AND target=? AND number<?)", by_target);
    // One row per tenant.
    bench.check_but(&["SCAN audit_chain"], |b| {
        at_once(chain::seal(&mut b.runner(), AT, 9)).unwrap();
    });
    bench.check(|b| {
        at_once(chain::verify(&mut b.runner(), &b.tenant)).unwrap();
    });
    // Walks over a tenant's trail: nobody is forgotten often.
    bench.check_but(&["SEARCH audit_entry USING PRIMARY KEY (tenant=?)"], |b| {
        at_once(audits::erase(&mut b.runner(), &b.tenant, &b.user)).unwrap();
    });
}

#[test]
fn inbox_writes_reach_their_rows_through_indexes() {
    let bench = Bench::new();
    let (user, number, at, details) = (bench.user.clone(), ONE, AT, bench.details());
    bench.check(|b| {
        b.publish(1);
    });
    let ids = [bench.publish(2), bench.publish(3)];
    for write in [
        Write::Unconfirmed { user: user.clone(), number, at, details: details.clone() },
        Write::Expire { user: user.clone(), number, at, details: details.clone() },
        Write::Confirm { user: user.clone(), number, at, details },
        Write::MarkRead { user: user.clone(), id: ids[0], at },
        Write::Delete { user: user.clone(), id: ids[1] },
        Write::MarkAllRead { user, at },
    ] {
        bench.check(|b| b.write(write));
    }
    let (scope, key, digest, memo) = (String::new(), "k".into(), [0; 32], String::new());
    let key = IdempotencyKey { scope, key, digest, memo, at };
    bench.check(|b| b.unit(Unit { idempotency: Some(key), ..Unit::new(&b.tenant) }));
}

#[test]
fn a_teacher_is_found_through_their_own_topics() {
    Bench::new().check_reaches("topic_member_user (tenant=? AND user_id=?)", |b| {
        at_once(topics::is_sharing(
            &mut b.runner(),
            &b.tenant,
            &b.user,
            (&b.user, MemberRole::Teacher),
        ))
        .unwrap();
    });
}

#[test]
fn topics_and_sends_are_reached_through_indexes() {
    let bench = Bench::new();
    let (topic, user, at) = (bench.topic.clone(), bench.user.clone(), AT);
    let put = topic_of(&bench);
    let role = MemberRole::Owner;
    bench.check(|b| b.write(Write::PutTopic(Box::new(put))));
    let member = Write::PutMember { topic: topic.clone(), user: user.clone(), role, at };
    bench.check(|b| b.write(member));
    let guards = vec![
        Guard::TopicThere(topic.clone()),
        Guard::MemberAtLeast(topic.clone(), user.clone(), role),
    ];
    bench.check(|b| b.unit(Unit { guards, ..Unit::new(&b.tenant) }));
    let topics_of = |b: &Bench| {
        at_once(topics::topics_of(&mut b.runner(), &b.tenant, &b.user, None, 9)).unwrap();
    };
    bench.check_reaches("topic_member_user (tenant=? AND user_id=? AND topic_id>?)", topics_of);
    bench.check(|b| {
        at_once(topics::topic(&mut b.runner(), &b.tenant, &b.topic, &b.user)).unwrap();
        at_once(topics::members(&mut b.runner(), &b.tenant, &b.topic, "", 9)).unwrap();
        let among = vec![b.user.clone()];
        at_once(topics::members_among(&mut b.runner(), &b.tenant, &b.topic, among)).unwrap();
        let counted = std::slice::from_ref(&b.topic);
        at_once(topics::member_counts(&mut b.runner(), &b.tenant, counted)).unwrap();
    });
    bench.check(|b| b.write(Write::RemoveMember { topic: topic.clone(), user }));
    bench.check(|b| b.write(Write::DeleteTopic { topic: topic.clone(), at }));
    let id = SendId(Uuid::from_u128(9));
    let (from, to) = (String::new(), "u".into());
    let stored = stored_send(&bench, id);
    bench.check(|b| b.write(Write::CreateSend(Box::new(stored))));
    bench.check(|b| {
        b.write(Write::AdvanceSend { id, from, to, reached: 1, next: SendNext::GoesOn });
        at_once(sends::get(&mut b.runner(), &b.tenant, id)).unwrap();
    });
}

#[test]
fn revocations_are_reached_through_indexes() {
    let bench = Bench::new();
    let of = Revoked::Token("x".to_owned());
    let by = bench.user.clone();
    let revoke = || Write::Revoke { of: of.clone(), at: AT, reason: None, by: by.clone() };
    bench.check(|b| b.write(revoke()));
    bench.check(|b| b.write(Write::Lift { number: ONE, at: AT }));
    let token = TokenMark { user: by.clone(), token_id: Some("y".to_owned()), issued_at: None };
    let guards = vec![Guard::NotRevoked(token)];
    bench.check(|b| b.unit(Unit { guards, ..Unit::new(&b.tenant) }));
    bench.check_reaches("revocation_number (number>?)", |b| {
        at_once(revocations::after(&mut b.runner(), ONE, 9)).unwrap();
    });
    bench.check_reaches("revocation_listed (tenant=? AND number<?)", |b| {
        at_once(revocations::list(&mut b.runner(), &b.tenant, None, 9)).unwrap();
    });
    bench.check_reaches("revocation_age (changed_at<?)", |b| {
        at_once(revocations::forget(&mut b.runner(), AT, 9)).unwrap();
    });
}

/// Two looks from both ends of an index, of so many each, put together and sorted.
const SENDS_TO_MANY: [&str; 4] = [
    "SEARCH o USING INDEX send_many (tenant=?)",
    "SCAN asc_ones",
    "SCAN desc_ones",
    "USE TEMP B-TREE FOR ORDER BY",
];

fn topic_of(bench: &Bench) -> Topic {
    Topic {
        id: bench.topic.clone(),
        kind: TopicKind::Class,
        visibility: Visibility::Private,
        title: "C".into(),
        room_id: None,
        created_at: AT,
        updated_at: AT,
    }
}

fn stored_send(bench: &Bench, id: SendId) -> StoredSend {
    StoredSend {
        id,
        tenant: bench.tenant.clone(),
        content: Arc::new(content()),
        route: String::new(),
        to: SendTo::Topic(bench.topic.clone()),
        cursor: String::new(),
        accepted: 1,
        expanded: 0,
        state: SendState::Active,
        later: None,
        reminds: None,
        digest: None,
        canceled_at: None,
        created_at: AT,
        expires_at: None,
    }
}

#[test]
fn statements_are_prepared_once_for_all_their_values() {
    let bench = Bench::new();
    let mut statement = bench.connection.prepare("select id from feed limit ?1").unwrap();
    (1..4).for_each(|limit| assert!(statement.query([limit]).unwrap().next().is_ok()));
    assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
}
