//! The plans of messages, and of what is unread.

use landfall_core::attachment::Attachment;
use landfall_core::id::MessageId;
use landfall_core::message::{Message, MessageBody};
use uuid::Uuid;

use super::classes::{HASH, put_blob};
use super::{AT, Bench, Number, Write, at_once, topic_of};
use crate::MessageSlice;
use crate::sql::messages;

fn attachment() -> Attachment {
    let (name, media_type) = ("a".into(), "image/png".into());
    Attachment { hash: HASH, name, media_type, bytes: 1 }
}

fn message(bench: &Bench) -> Message {
    Message {
        id: MessageId(Uuid::from_u128(1)),
        topic: bench.topic.clone(),
        number: Number::ZERO,
        changed: Number::ZERO,
        sender: bench.user.clone(),
        sender_name: None,
        client_id: Some("n".into()),
        body: MessageBody { attachments: vec![attachment()], ..MessageBody::default() },
        created_at: AT,
        edited_at: None,
        is_deleted: false,
    }
}

#[test]
fn messages_are_reached_through_indexes() {
    let bench = Bench::new();
    bench.write(Write::PutTopic(Box::new(topic_of(&bench))));
    bench.write(put_blob(&bench));
    let message = message(&bench);
    let send = Write::SendMessage { message: Box::new(message.clone()), digest: [0; 32] };
    bench.check(|b| b.write(send));
    let sent = at_once(messages::get(&mut bench.runner(), &bench.tenant, &bench.topic, message.id));
    let sent = sent.unwrap().unwrap();
    let from = sent.changed;
    let message = Box::new(Message { body: MessageBody::default(), ..sent });
    bench.check(|b| b.write(Write::ChangeMessage { message, from }));
    let (topic, user) = (bench.topic.clone(), bench.user.clone());
    bench.check(|b| b.write(Write::ReadMessages { topic, user, up_to: Number(9) }));
    let list = |b: &Bench, slice| {
        at_once(messages::list(&mut b.runner(), &b.tenant, &b.topic, slice, 9)).unwrap();
    };
    bench.check_reaches("m USING PRIMARY KEY (feed_id=? AND born>? AND born<?)", |b| {
        list(b, MessageSlice::Newest { below: None });
    });
    bench.check_reaches("m USING INDEX message_mentions (feed_id=? AND born>? AND born<?)", |b| {
        list(b, MessageSlice::Mentioning { below: Number(9) });
    });
    bench.check_reaches("message_changed (feed_id=? AND changed>?)", |b| {
        list(b, MessageSlice::ChangedAfter(Number(1)));
    });
    bench.check(|b| {
        let ids = [MessageId(Uuid::from_u128(1))];
        at_once(messages::newest_of(&mut b.runner(), &b.tenant, &b.topic, &ids)).unwrap();
    });
    bench.check(|b| b.write(Write::DeleteTopic { topic: b.topic.clone(), at: AT }));
    bench.check_but(&["SCAN l"], |b| {
        at_once(messages::sweep(&mut b.runner(), AT, 9)).unwrap();
    });
}

#[test]
fn what_is_unread_is_counted_through_indexes() {
    let bench = Bench::new();
    bench.write(Write::PutTopic(Box::new(topic_of(&bench))));
    let topics = [bench.topic.clone()];
    // What was counted up to a bound.
    let counted = ["SCAN found"];
    bench.check_but(&counted, |b| {
        at_once(messages::unread_of(&mut b.runner(), &b.tenant, &b.user, &topics)).unwrap();
    });
    let participation = |b: &Bench| {
        at_once(messages::participation(&mut b.runner(), &b.tenant, &b.topic, "", 9)).unwrap();
    };
    bench.check_but(&counted, participation);
    let of_sender = "SEARCH x USING INDEX message_sender (feed_id=? AND sender_id=? AND born>?)";
    let plans = bench.plans(participation);
    assert!(plans.iter().any(|line| line == of_sender), "{plans:#?}");
}
