//! The plans of what is scheduled: what is due is found by its time, however much is ahead.

use landfall_core::due::LocalTime;
use landfall_core::id::{EventId, QuizId};
use landfall_core::schedule::{Moment, Planned, Span};
use uuid::Uuid;

use super::{AT, Bench, Write, at_once, stored_send, topic_of};
use crate::sql::{events, firings, occurrences, people};
use crate::{
    DueAsk, DueMoment, EventFilter, EventsOf, Firing, ScheduleWrite, StoredEvent, StoredOccurrence,
    StoredPreferences, StoredQuiz, Track,
};
use landfall_core::id::SendId;

const ID: EventId = EventId(Uuid::from_u128(7));

fn planned() -> Planned {
    Planned { name: LocalTime::parse("2026-01-15T10:00").unwrap(), span: Span::of(AT, 60) }
}

fn event(bench: &Bench, version: u64) -> StoredEvent {
    StoredEvent {
        id: ID,
        class: bench.topic.clone(),
        quiz: Some(QuizId::parse("q").unwrap()),
        body: "{}".into(),
        version,
        begins_at: AT,
        over_by: None,
        expanded_to: AT,
        expand_at: Some(AT),
        created_by: bench.user.clone(),
        created_at: AT,
        updated_at: AT,
    }
}

fn scheduled(bench: &Bench) {
    bench.write(Write::PutTopic(Box::new(topic_of(bench))));
    for version in [1, 2] {
        let event = Box::new(event(bench, version));
        let planned = vec![planned()];
        write(bench, ScheduleWrite::PutEvent { event, since: AT, planned, class_max: 9 });
    }
}

fn write(bench: &Bench, write: ScheduleWrite) {
    bench.check(|b| b.write(Write::Schedule(Box::new(write.clone()))));
}

fn occurrence(bench: &Bench) -> StoredOccurrence {
    StoredOccurrence {
        tenant: bench.tenant.clone(),
        event: ID,
        version: 2,
        class: bench.topic.clone(),
        planned: planned(),
    }
}

/// A walk from each number of minutes to the next, and the order of what is due.
const DUE: [&str; 6] = [
    "SCAN CONSTANT ROW",
    "SCAN asked",
    "SCAN l",
    "USE TEMP B-TREE FOR ORDER BY",
    "USE TEMP B-TREE FOR LAST TERM OF ORDER BY",
    "USE TEMP B-TREE FOR LAST 3 TERMS OF ORDER BY",
];

#[test]
fn moments_that_are_due_are_found_by_their_time() {
    let bench = Bench::new();
    scheduled(&bench);
    bench.check(|b| {
        let preferences = StoredPreferences { body: "{}".into(), version: 1 };
        let wants = (&preferences, &[30_u32, 60][..]);
        at_once(people::put_preferences(&mut b.runner(), &b.tenant, Some(&b.user), wants, AT))
            .unwrap();
    });
    let last = DueMoment { occurrence: occurrence(&bench), moment: Moment::Reminder(30) };
    for (track, index) in [
        (Track::Reminders, "occurrence_starts (starts_at>? AND starts_at<?)"),
        (Track::Starts, "occurrence_starts (starts_at>? AND starts_at<?)"),
        (Track::Ends, "occurrence_ends (ends_at>? AND ends_at<?)"),
    ] {
        for behind in [None, Some(last.clone())] {
            let ask = DueAsk { track, after: AT, by: AT, behind, limit: 9 };
            let run = |b: &Bench| {
                at_once(occurrences::due(&mut b.runner(), &ask)).unwrap();
            };
            bench.check_but(&DUE, run);
            let plans = bench.plans(run);
            assert!(plans.iter().any(|line| line.contains(index)), "{index} of {plans:#?}");
        }
    }
    bench.check_but(&["SCAN o USING INDEX occurrence_new"], |b| {
        at_once(occurrences::new(&mut b.runner(), 9)).unwrap();
    });
    bench.check_but(&["USE TEMP B-TREE FOR ORDER BY", "SCAN CONSTANT ROW"], |b| {
        at_once(occurrences::reminders_of(&mut b.runner(), &b.tenant, &b.topic)).unwrap();
        at_once(events::to_expand(&mut b.runner(), AT, 9)).unwrap();
        at_once(occurrences::forget(&mut b.runner(), AT, 9)).unwrap();
        at_once(firings::forget(&mut b.runner(), AT, 9)).unwrap();
    });
}

#[test]
fn what_is_scheduled_is_written_through_indexes() {
    let bench = Bench::new();
    scheduled(&bench);
    write(
        &bench,
        ScheduleWrite::Expand {
            id: ID,
            version: 2,
            planned: vec![planned()],
            to: AT,
            again_at: None,
        },
    );
    let send = SendId(Uuid::from_u128(8));
    let firing = Firing {
        event: ID,
        name: planned().name,
        starts_at: AT,
        moment: Moment::Start,
        due_at: AT,
        noted_at: AT,
        send: Some(send),
    };
    let send = Some(Box::new(stored_send(&bench, send)));
    write(&bench, ScheduleWrite::Fire { firing, version: 2, send });
    let looked = ScheduleWrite::Looked { event: ID, starts_at: AT, version: 2, at: AT };
    write(&bench, looked);
    bench.check(|b| {
        at_once(firings::of_event(&mut b.runner(), &b.tenant, ID, None, 9)).unwrap();
        at_once(occurrences::set_clock(&mut b.runner(), None, AT)).unwrap();
        at_once(occurrences::clock(&mut b.runner())).unwrap();
    });
}

#[test]
fn quizzes_and_calendars_are_written_through_indexes() {
    let bench = Bench::new();
    scheduled(&bench);
    let quiz = StoredQuiz {
        id: QuizId::parse("q").unwrap(),
        class: bench.topic.clone(),
        title: "t".into(),
        minutes: 1,
        created_at: AT,
        updated_at: AT,
    };
    write(&bench, ScheduleWrite::PutQuiz(Box::new(quiz)));
    let nonce = Uuid::from_u128(9);
    let user = bench.user.clone();
    write(&bench, ScheduleWrite::PutCalendar { user, nonce, at: AT });
    write(&bench, ScheduleWrite::DeleteEvent { id: ID, version: 2, at: AT });
}

#[test]
fn events_are_read_through_indexes() {
    let bench = Bench::new();
    scheduled(&bench);
    for of in [EventsOf::Class(bench.topic.clone()), EventsOf::User(bench.user.clone())] {
        let filter = EventFilter { of, behind: Some(ID), from: AT, to: AT, limit: 9 };
        // What somebody's classes have is put in order.
        bench.check_but(&["USE TEMP B-TREE FOR ORDER BY"], |b| {
            at_once(events::list(&mut b.runner(), &b.tenant, &filter)).unwrap();
        });
    }
    bench.check(|b| {
        let quiz = QuizId::parse("q").unwrap();
        at_once(events::get(&mut b.runner(), &b.tenant, ID)).unwrap();
        at_once(events::of_quiz(&mut b.runner(), &b.tenant, &quiz)).unwrap();
        at_once(events::quiz(&mut b.runner(), &b.tenant, &quiz)).unwrap();
        at_once(events::calendar(&mut b.runner(), &b.tenant, &b.user)).unwrap();
        at_once(events::calendar_of(&mut b.runner(), &Uuid::from_u128(9))).unwrap();
    });
}
