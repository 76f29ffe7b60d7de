//! What is scheduled, for the tests of backups.

use landfall_core::digest::Digest;
use landfall_core::due::LocalTime;
use landfall_core::id::{EventId, NotificationId, QuizId, SendId};
use landfall_core::schedule::{Moment, Planned, Span};
use landfall_store::{
    DigestWrite, Firing, ScheduleWrite, SendTo, Store, StoredEvent, StoredQuiz, StoredSend, Write,
};
use uuid::Uuid;

use crate::make::{at, put_topic, tenant, topic, topic_id, unit, user};
use crate::restore::send;

/// Schedules a quiz of which a moment was missed, and gives a calendar its secret.
pub async fn fill(store: &dyn Store) {
    let (class, id) = (topic_id("scheduled"), EventId(Uuid::from_u128(77)));
    let name = LocalTime::parse("2026-01-15T10:00").unwrap();
    let quiz = StoredQuiz {
        id: QuizId::parse("q").unwrap(),
        class: class.clone(),
        title: "Cells".into(),
        minutes: 20,
        created_at: at(1),
        updated_at: at(2),
    };
    let event = StoredEvent {
        id,
        class,
        quiz: Some(quiz.id.clone()),
        body: "{}".into(),
        version: 1,
        begins_at: at(3),
        over_by: Some(at(4)),
        expanded_to: at(5),
        expand_at: Some(at(6)),
        created_by: user("tom"),
        created_at: at(1),
        updated_at: at(2),
    };
    let planned = vec![Planned { name, span: Span { starts: at(3), ends: at(4) } }];
    let put =
        ScheduleWrite::PutEvent { event: Box::new(event), since: at(0), planned, class_max: 9 };
    let nonce = Uuid::from_u128(78);
    let writes = [
        ScheduleWrite::PutQuiz(Box::new(quiz)),
        put,
        ScheduleWrite::Fire { firing: missed(id, name), version: 1, send: None },
        ScheduleWrite::PutCalendar { user: user("ana"), nonce, at: at(1) },
    ];
    let topic = put_topic(&topic("scheduled", "A"));
    let writes = writes.into_iter().map(|write| Write::Schedule(Box::new(write)));
    let writes = std::iter::once(topic).chain(writes).collect();
    store.commit(unit(&tenant("t"), writes)).await.unwrap();
    assert!(store.set_schedule_clock(None, at(9)).await.unwrap());
    gather(store).await;
}

/// Lets a send wait for its digest.
async fn gather(store: &dyn Store) {
    let (ana, id) = (user("ana"), SendId(Uuid::from_u128(79)));
    let to = SendTo::One(ana.clone(), NotificationId(id.0), None);
    let digest = Some(Digest { key: "k".into(), window_ms: 9 });
    let send = StoredSend { id, to, digest, ..send(topic_id("scheduled")) };
    let join = DigestWrite::Join { id, user: ana, key: "k".into(), due_at: at(9) };
    let writes = vec![Write::CreateSend(Box::new(send)), Write::Digest(Box::new(join))];
    store.commit(unit(&tenant("t"), writes)).await.unwrap();
}

fn missed(event: EventId, name: LocalTime) -> Firing {
    Firing {
        event,
        name,
        starts_at: at(3),
        moment: Moment::Reminder(15),
        due_at: at(2),
        noted_at: at(3),
        send: None,
    }
}
