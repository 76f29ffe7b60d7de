//! The plans of forgetting by age: each inbox is asked for its oldest, and no table is walked.

use landfall_core::id::SendId;
use uuid::Uuid;

use super::{AT, Bench, SendState, StoredSend, Write, at_once, stored_send};
use crate::sql::retention;

#[test]
fn what_is_old_is_reached_through_indexes() {
    let bench = Bench::new();
    bench.publish(1);
    let later = AT.plus_ms(1);
    let place = at_once(retention::old_inboxes(&mut bench.runner(), None, later, 9)).unwrap();
    let inbox = place.old[0];
    bench.check(|b| {
        at_once(retention::old_inboxes(&mut b.runner(), Some(inbox), later, 9)).unwrap();
    });
    bench.check(|b| {
        let forgotten = at_once(retention::notifications(&mut b.runner(), inbox, later, 9));
        assert_eq!(forgotten.unwrap(), 1);
    });
    let id = SendId(Uuid::from_u128(9));
    let send = StoredSend { state: SendState::Ended, ..stored_send(&bench, id) };
    bench.write(Write::CreateSend(Box::new(send)));
    bench.check(|b| {
        assert_eq!(at_once(retention::sends(&mut b.runner(), later, 9)).unwrap(), 1);
    });
    // Of trails there are as many as there are tenants.
    let trails = ["SCAN c", "USE TEMP B-TREE FOR ORDER BY"];
    bench.check_but(&trails, |b| {
        at_once(retention::details(&mut b.runner(), later, 9)).unwrap();
    });
}
