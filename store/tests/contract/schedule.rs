//! What every store promises of what is scheduled.

use landfall_core::due::LocalTime;
use landfall_core::id::{EventId, QuizId, SendId, Tenant};
use landfall_core::schedule::{Moment, Planned, Span};
use landfall_core::topic::MemberRole;
use landfall_store::{
    DueAsk, DueMoment, EventFilter, EventsOf, Firing, Outcome, ScheduleWrite, SendTo, StoredEvent,
    StoredOccurrence, StoredPreferences, StoredQuiz, Track, Write,
};
use uuid::Uuid;

use super::make::{at, put_member, put_topic, remove_member, tenant, topic, topic_id, user};
use super::sends::send;
use super::world::{World, assert_stale};

const MINUTE: i64 = 60_000;
/// The start of the occurrences here.
pub const START: i64 = 1_000 * MINUTE;

pub fn planned(starts_ms: i64) -> Planned {
    let name = LocalTime::parse("2026-01-15T10:00").unwrap();
    Planned { name, span: Span::of(at(starts_ms), 60) }
}

pub fn event(id: u128, class: &str, version: u64) -> StoredEvent {
    StoredEvent {
        id: EventId(Uuid::from_u128(id)),
        class: topic_id(class),
        quiz: None,
        body: format!("{{\"v\":{version}}}"),
        version,
        begins_at: at(START),
        over_by: Some(at(START + 60 * MINUTE)),
        expanded_to: at(START * 2),
        expand_at: None,
        created_by: user("tom"),
        created_at: at(0),
        updated_at: at(version as i64),
    }
}

pub fn put(event: &StoredEvent, starts: &[i64]) -> Write {
    let planned = starts.iter().map(|starts| planned(*starts)).collect();
    let event = Box::new(event.clone());
    write(ScheduleWrite::PutEvent { event, since: at(0), planned, class_max: 2 })
}

pub fn write(write: ScheduleWrite) -> Write {
    Write::Schedule(Box::new(write))
}

async fn class(world: &World, name: &str, members: &[&str]) {
    let t = tenant("t");
    world.done(&t, put_topic(&topic(name, "A"))).await;
    for member in members {
        world.done(&t, put_member(name, member, MemberRole::Member)).await;
    }
}

/// Commits one write and says what it did.
async fn made(world: &World, t: &Tenant, write: Write) -> Outcome {
    world.commit(t, vec![write]).await.unwrap().outcomes[0]
}

async fn due(world: &World, track: Track, after: i64, by: i64) -> Vec<(u128, Moment)> {
    let mut found = Vec::new();
    let mut behind: Option<DueMoment> = None;
    // A page of one at a time: each begins behind the one before.
    loop {
        let ask = DueAsk { track, after: at(after), by: at(by), behind: behind.clone(), limit: 1 };
        let page = world.store.due_moments(ask).await.unwrap();
        let Some(one) = page.into_iter().next() else { return found };
        found.push((one.occurrence.event.0.as_u128(), one.moment));
        behind = Some(one);
    }
}

fn firing(event: &StoredEvent, moment: Moment, send: Option<SendId>) -> Firing {
    Firing {
        event: event.id,
        name: planned(START).name,
        starts_at: at(START),
        moment,
        due_at: moment.due(planned(START).span),
        noted_at: at(5),
        send,
    }
}

pub fn fire(t: &Tenant, event: &StoredEvent, moment: Moment) -> (Firing, Write) {
    let send = send(t, SendTo::Topic(event.class.clone()));
    let firing = firing(event, moment, Some(send.id));
    let send = Some(Box::new(send));
    let fire = ScheduleWrite::Fire { firing: firing.clone(), version: event.version, send };
    (firing, write(fire))
}

async fn wants(world: &World, t: &Tenant, name: Option<&str>, reminders: &[u32]) {
    let preferences = StoredPreferences { body: "{}".into(), version: 1 };
    let reminders = reminders.to_vec();
    let user = name.map(user);
    world.done(t, Write::PutPreferences { user, preferences, reminders, at: at(0) }).await;
}

/// An event reads back and lists; each change follows the one before.
pub async fn an_event_reads_back_and_lists(world: World) {
    let t = tenant("t");
    class(&world, "c", &["ana"]).await;
    let first = event(1, "c", 1);
    world.done(&t, put(&first, &[START])).await;
    assert_eq!(world.store.event(&t, first.id).await.unwrap(), Some(first.clone()));
    assert_eq!(world.store.event(&tenant("o"), first.id).await.unwrap(), None);
    let second = StoredEvent { body: "{}".into(), over_by: None, ..event(1, "c", 2) };
    world.done(&t, put(&second, &[START])).await;
    assert_stale(world.commit(&t, vec![put(&second, &[START])]).await);
    let other = StoredEvent { begins_at: at(START + 1), ..event(2, "c", 1) };
    world.done(&t, put(&other, &[])).await;
    // A class has two at most.
    assert_stale(world.commit(&t, vec![put(&event(3, "c", 1), &[])]).await);
    assert_stale(world.commit(&t, vec![put(&event(4, "d", 1), &[])]).await);
    let list = async |of: EventsOf, from: i64, to: i64| {
        let filter = EventFilter { of, behind: None, from: at(from), to: at(to), limit: 9 };
        let events = world.store.events(&t, filter).await.unwrap();
        events.iter().map(|event| event.id.0.as_u128()).collect::<Vec<_>>()
    };
    let class = || EventsOf::Class(topic_id("c"));
    assert_eq!(list(class(), 0, START * 2).await, [1, 2]);
    assert_eq!(list(class(), 0, START + 1).await, [1]);
    assert_eq!(list(class(), START * 3, START * 4).await, [1], "it has no end");
    assert_eq!(list(EventsOf::User(user("ana")), 0, START * 2).await, [1, 2]);
    assert!(list(EventsOf::User(user("eve")), 0, START * 2).await.is_empty());
    let delete = |version| write(ScheduleWrite::DeleteEvent { id: first.id, version, at: at(9) });
    assert_stale(world.commit(&t, vec![delete(1)]).await);
    world.done(&t, delete(2)).await;
    assert_eq!(list(class(), 0, START * 2).await, [2]);
    assert_eq!(due(&world, Track::Starts, 0, START * 2).await, []);
    world.done(&t, Write::DeleteTopic { topic: topic_id("c"), at: at(9) }).await;
    assert_eq!(world.store.event(&t, other.id).await.unwrap(), None);
}

/// Moments are due by their time, reminders at as many minutes as somebody of the class asked for.
pub async fn moments_are_due_by_their_time(world: World) {
    let t = tenant("t");
    class(&world, "c", &["ana", "ben"]).await;
    class(&world, "d", &["kim"]).await;
    world.done(&t, put(&event(1, "c", 1), &[START])).await;
    world.done(&t, put(&event(2, "d", 1), &[START])).await;
    assert_eq!(due(&world, Track::Starts, START, START * 2).await, []);
    let starts = due(&world, Track::Starts, START - 1, START).await;
    assert_eq!(starts, [(1, Moment::Start), (2, Moment::Start)]);
    let ends = START + 60 * MINUTE;
    assert_eq!(due(&world, Track::Ends, ends, ends + 1).await, []);
    assert_eq!(due(&world, Track::Ends, ends - 1, ends).await.len(), 2);
    let reminder = async |minutes: i64| {
        let when = START - minutes * MINUTE;
        let found = due(&world, Track::Reminders, when - 1, when).await;
        found.into_iter().map(|(event, _)| event).collect::<Vec<_>>()
    };
    assert_eq!(reminder(15).await, [1, 2], "the usual");
    assert!(reminder(30).await.is_empty());
    wants(&world, &t, Some("ben"), &[30, 40]).await;
    wants(&world, &tenant("o"), Some("kim"), &[50]).await;
    assert_eq!((reminder(30).await, reminder(40).await), (vec![1], vec![1]));
    assert!(reminder(50).await.is_empty(), "in another tenant");
    wants(&world, &t, None, &[20]).await;
    assert_eq!(reminder(20).await, [1, 2], "everybody's");
    let of = async |class: &str| world.store.reminders_of(&t, &topic_id(class)).await.unwrap();
    assert_eq!(of("c").await, [15, 20, 30, 40]);
    assert_eq!(of("d").await, [15, 20]);
    world.done(&t, remove_member("c", "ben")).await;
    assert_eq!((reminder(30).await, of("c").await), (vec![], vec![15, 20]));
}

/// A moment is told once, whoever tries; and never of an event that has changed meanwhile.
pub async fn a_moment_is_told_once(world: World) {
    let t = tenant("t");
    class(&world, "c", &["ana"]).await;
    let event = event(1, "c", 1);
    world.done(&t, put(&event, &[START])).await;
    let (told, write) = fire(&t, &event, Moment::Start);
    assert_eq!(made(&world, &t, write).await, Outcome::Done);
    assert!(world.store.send(&t, told.send.unwrap()).await.unwrap().is_some());
    let (again, write) = fire(&t, &event, Moment::Start);
    assert_eq!(made(&world, &t, write).await, Outcome::Unchanged);
    assert_eq!(world.store.send(&t, again.send.unwrap()).await.unwrap(), None);
    assert_eq!(due(&world, Track::Starts, 0, START).await, [], "it is told");
    let old = StoredEvent { version: 0, ..event.clone() };
    assert_eq!(made(&world, &t, fire(&t, &old, Moment::End).1).await, Outcome::Unchanged);
    let missed = firing(&event, Moment::Reminder(30), None);
    let version = event.version;
    let noted = ScheduleWrite::Fire { firing: missed.clone(), version, send: None };
    world.done(&t, super::schedule::write(noted)).await;
    let firings = async |behind| world.store.firings(&t, event.id, behind, 9).await.unwrap();
    assert_eq!(firings(None).await, [missed.clone(), told.clone()]);
    let behind = Some((missed.starts_at, missed.moment));
    assert_eq!(firings(behind).await, [told]);
    assert_eq!(world.store.forget_firings(at(5), 9).await.unwrap(), 0);
    assert_eq!(world.store.forget_firings(at(6), 9).await.unwrap(), 2);
}

/// Changes an event of classes, whose occurrences are over at `since` or not, as no request could.
fn change(event: &StoredEvent, since: i64, starts: i64) -> Write {
    let (event, planned) = (Box::new(event.clone()), vec![planned(starts)]);
    write(ScheduleWrite::PutEvent { event, since: at(since), planned, class_max: 9 })
}

pub async fn what_was_sent_of_what_is_no_more_is_taken_back(world: World) {
    let t = tenant("t");
    class(&world, "c", &[]).await;
    let taken_back = async |id: Option<SendId>| {
        let sent = world.store.send(&t, id.unwrap()).await.unwrap().unwrap();
        sent.canceled_at
    };
    let first = event(1, "c", 1);
    world.done(&t, put(&first, &[START])).await;
    let (told, write) = fire(&t, &first, Moment::Start);
    world.done(&t, write).await;
    world.done(&t, put(&event(1, "c", 2), &[START, START * 2])).await;
    assert_eq!(taken_back(told.send).await, None, "it is there as it was");
    world.done(&t, put(&event(1, "c", 3), &[START * 3])).await;
    assert_eq!(taken_back(told.send).await, Some(at(3)));
    let other = event(2, "c", 1);
    world.done(&t, put(&other, &[START])).await;
    let (told, write) = fire(&t, &other, Moment::Start);
    world.done(&t, write).await;
    let (id, version) = (other.id, 1);
    let delete = ScheduleWrite::DeleteEvent { id, version, at: at(8) };
    world.done(&t, super::schedule::write(delete)).await;
    assert_eq!(taken_back(told.send).await, Some(at(8)));
    assert_eq!(world.store.firings(&t, id, None, 9).await.unwrap(), [told], "it stays known");
}

pub async fn another_class_was_told_nothing(world: World) {
    let t = tenant("t");
    class(&world, "c", &[]).await;
    class(&world, "d", &[]).await;
    let over = START + 60 * MINUTE;
    world.done(&t, change(&event(1, "c", 1), 0, START)).await;
    let (first, write) = fire(&t, &event(1, "c", 1), Moment::Start);
    world.done(&t, write).await;
    world.done(&t, change(&event(1, "d", 2), 0, START)).await;
    let sent = world.store.send(&t, first.send.unwrap()).await.unwrap().unwrap();
    assert_eq!(sent.canceled_at, Some(at(2)));
    let (second, write) = fire(&t, &event(1, "d", 2), Moment::Start);
    assert_eq!(made(&world, &t, write).await, Outcome::Done, "it is told to this one");
    // Once that is over, a third class has another occurrence, of which it is told once.
    world.done(&t, change(&event(1, "c", 3), over, START * 2)).await;
    let next = |version| {
        let (firing, write) = fire(&t, &event(1, "c", version), Moment::Start);
        let Write::Schedule(write) = write else { panic!("{write:?}") };
        let ScheduleWrite::Fire { version, send, .. } = *write else { panic!("{write:?}") };
        let firing = Firing { starts_at: at(START * 2), ..firing };
        super::schedule::write(ScheduleWrite::Fire { firing, version, send })
    };
    assert_eq!(made(&world, &t, next(3)).await, Outcome::Done);
    world.done(&t, change(&event(1, "c", 4), over, START * 2)).await;
    assert_eq!(made(&world, &t, next(4)).await, Outcome::Unchanged);
    let sent = world.store.send(&t, second.send.unwrap()).await.unwrap().unwrap();
    assert_eq!(sent.canceled_at, None, "what is over is left alone");
    assert_eq!(world.store.firings(&t, event(1, "c", 1).id, None, 9).await.unwrap().len(), 2);
}

/// Occurrences are new until somebody has looked at them; a change replaces those that are not over.
pub async fn occurrences_are_looked_at_once_and_replaced(world: World) {
    let t = tenant("t");
    class(&world, "c", &[]).await;
    let event = event(1, "c", 1);
    world.done(&t, put(&event, &[START, START * 2])).await;
    let new = async || world.store.new_occurrences(9).await.unwrap();
    let occurrence = |starts: i64, version: u64| StoredOccurrence {
        tenant: t.clone(),
        event: event.id,
        version,
        class: topic_id("c"),
        planned: planned(starts),
    };
    assert_eq!(new().await, [occurrence(START, 1), occurrence(START * 2, 1)]);
    let looked = |starts: i64, version: u64| {
        write(ScheduleWrite::Looked { event: event.id, starts_at: at(starts), version, at: at(1) })
    };
    world.done(&t, looked(START, 1)).await;
    assert_eq!(made(&world, &t, looked(START * 2, 7)).await, Outcome::Unchanged);
    assert_eq!(new().await, [occurrence(START * 2, 1)]);
    // From the middle of the first on: what is going on is replaced, too.
    let next = super::schedule::event(1, "c", 2);
    let put = ScheduleWrite::PutEvent {
        event: Box::new(next),
        since: at(START + MINUTE),
        planned: vec![planned(START), planned(START * 3)],
        class_max: 9,
    };
    world.done(&t, write(put)).await;
    assert_eq!(new().await, [occurrence(START, 2), occurrence(START * 3, 2)]);
    world.done(&t, looked(START, 2)).await;
    let over = at(START + 60 * MINUTE + 1);
    assert_eq!(world.store.forget_occurrences(over, 9).await.unwrap(), 1);
    assert_eq!(world.store.forget_occurrences(over, 9).await.unwrap(), 0);
}

/// Further occurrences are stored when their time comes; those that are there stay.
pub async fn further_occurrences_are_stored_in_time(world: World) {
    let t = tenant("t");
    class(&world, "c", &[]).await;
    let next = StoredEvent { expand_at: Some(at(3)), ..event(1, "c", 1) };
    world.done(&t, put(&next, &[START * 3])).await;
    let to_expand = async |now| world.store.events_to_expand(at(now), 9).await.unwrap();
    assert_eq!(to_expand(1).await, []);
    assert_eq!(to_expand(3).await, [(t.clone(), next.clone())]);
    let expand = |version| {
        let planned = vec![planned(START * 3), planned(START * 4)];
        let to = at(START * 5);
        write(ScheduleWrite::Expand { id: next.id, version, planned, to, again_at: None })
    };
    assert_eq!(made(&world, &t, expand(7)).await, Outcome::Unchanged);
    world.done(&t, expand(1)).await;
    assert_eq!(to_expand(9).await, []);
    assert_eq!(world.store.new_occurrences(9).await.unwrap().len(), 2);
}

/// Quizzes, calendars and the clock read back.
pub async fn quizzes_and_calendars_read_back(world: World) {
    let t = tenant("t");
    class(&world, "c", &[]).await;
    let id = QuizId::parse("q").unwrap();
    let quiz = StoredQuiz {
        id: id.clone(),
        class: topic_id("c"),
        title: "Cells".into(),
        minutes: 20,
        created_at: at(1),
        updated_at: at(1),
    };
    world.done(&t, write(ScheduleWrite::PutQuiz(Box::new(quiz.clone())))).await;
    assert_eq!(world.store.quiz(&t, &id).await.unwrap(), Some(quiz.clone()));
    let held = StoredEvent { quiz: Some(id.clone()), ..event(1, "c", 1) };
    world.done(&t, put(&held, &[])).await;
    assert_eq!(world.store.event_of_quiz(&t, &id).await.unwrap(), Some(held));
    let other = StoredEvent { quiz: Some(id.clone()), ..event(2, "c", 1) };
    assert_stale(world.commit(&t, vec![put(&other, &[])]).await);
    let nonce = |number: u128| Uuid::from_u128(number);
    for number in [1, 2] {
        let (user, nonce) = (user("ana"), nonce(number));
        world.done(&t, write(ScheduleWrite::PutCalendar { user, nonce, at: at(1) })).await;
    }
    assert_eq!(world.store.calendar(&t, &user("ana")).await.unwrap(), Some(nonce(2)));
    assert_eq!(world.store.calendar_of(nonce(1)).await.unwrap(), None);
    let of = world.store.calendar_of(nonce(2)).await.unwrap();
    assert_eq!(of, Some((t.clone(), user("ana"))));
    assert_eq!(world.store.schedule_clock().await.unwrap(), None);
    assert!(world.store.set_schedule_clock(None, at(5)).await.unwrap());
    assert!(!world.store.set_schedule_clock(None, at(6)).await.unwrap());
    assert!(world.store.set_schedule_clock(Some(at(5)), at(4)).await.unwrap());
    assert_eq!(world.store.schedule_clock().await.unwrap(), Some(at(4)));
}
