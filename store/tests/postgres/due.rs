//! What comes due while another node changes it: what was taken back is not sent, and nothing is left out.

use std::sync::Arc;

use landfall_core::schedule::Moment;
use landfall_store::{
    Later, Outcome, ScheduleWrite, SendNext, SendState, SendTo, Store, StoreError, StoredEvent,
    StoredSend, Write,
};

use crate::contract::digests::ended_by_two_and_joined_by_two;
use crate::contract::make::{at, put_topic, send_id, tenant, topic, unit, user};
use crate::contract::schedule::{START, event, fire, planned, put, write};
use crate::contract::sends::send;
use crate::{Place, open};

const ROUNDS: u128 = 60;

async fn two_nodes(place: &Place) -> [Arc<dyn Store>; 2] {
    [open(&place.settings()).await, open(&place.settings()).await]
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_ends_a_digest_and_none_is_left_out() {
    let place = Place::empty();
    ended_by_two_and_joined_by_two(&two_nodes(&place).await).await;
}

/// What a part leaves for still later, while its send is taken back by another node, is taken back with it.
#[tokio::test(flavor = "multi_thread")]
async fn of_a_send_that_is_taken_back_nothing_waits_on_any_node() {
    let place = Place::empty();
    let nodes = two_nodes(&place).await;
    let t = tenant("t");
    let mut left = 0;
    for _ in 0..ROUNDS {
        let to = || SendTo::Users(vec![user("u")]);
        let whole = StoredSend { state: SendState::Ended, ..send(&t, to()) };
        let later = Later {
            part_of: Some(whole.id),
            due_at: at(5),
            local: None,
            lives_ms: None,
            phone: None,
        };
        let part = StoredSend { later: Some(later), ..send(&t, to()) };
        let rest = StoredSend { id: send_id(), state: SendState::Waits, ..part.clone() };
        let create = |send: &StoredSend| Write::CreateSend(Box::new(send.clone()));
        nodes[0].commit(unit(&t, vec![create(&whole), create(&part)])).await.unwrap();
        let ends = Write::AdvanceSend {
            id: part.id,
            from: String::new(),
            to: "u".into(),
            reached: 0,
            next: SendNext::Ends,
        };
        let back = Write::CancelSend { id: whole.id, at: at(9), recalls: false };
        let (moved, canceled) = tokio::join!(
            nodes[0].commit(unit(&t, vec![create(&rest), ends])),
            nodes[1].commit(unit(&t, vec![back]))
        );
        canceled.unwrap();
        assert!(matches!(moved, Ok(_) | Err(StoreError::Stale)), "{moved:?}");
        let rest = nodes[0].send(&t, rest.id).await.unwrap();
        left += usize::from(rest.is_some());
        assert!(rest.is_none_or(|rest| rest.state == SendState::Ended));
    }
    assert!(left > 0, "the part never came first");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_is_told_of_by_no_node() {
    let place = Place::empty();
    let (nodes, t) = (two_nodes(&place).await, tenant("t"));
    nodes[0].commit(unit(&t, vec![put_topic(&topic("c", "A"))])).await.unwrap();
    let mut told = 0;
    for n in 0..ROUNDS {
        let event = event(n, "c", 1);
        nodes[0].commit(unit(&t, vec![put(&event, &[START])])).await.unwrap();
        let (firing, fire) = fire(&t, &event, Moment::Start);
        let delete = write(ScheduleWrite::DeleteEvent { id: event.id, version: 1, at: at(9) });
        let (fired, deleted) = tokio::join!(
            nodes[0].commit(unit(&t, vec![fire])),
            nodes[1].commit(unit(&t, vec![delete]))
        );
        [fired, deleted].into_iter().for_each(|done| drop(done.unwrap()));
        let sent = nodes[0].send(&t, firing.send.unwrap()).await.unwrap();
        told += usize::from(sent.is_some());
        assert!(sent.is_none_or(|sent| sent.canceled_at.is_some()), "round {n}");
    }
    assert!(told > 0, "the moment never came first");
}

/// Both nodes look at the same moments at the same time, each in the order of events.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_nodes_one_tells_of_each_moment() {
    let place = Place::empty();
    let (nodes, t) = (two_nodes(&place).await, tenant("t"));
    for class in ["c", "d"] {
        nodes[0].commit(unit(&t, vec![put_topic(&topic(class, "A"))])).await.unwrap();
    }
    for round in 0..ROUNDS {
        let events = [("c", 0), ("c", 1), ("d", 2), ("d", 3)];
        let events = events.map(|(class, n)| event(round * 4 + n, class, 1));
        let puts = events.iter().map(|event| put(event, &[START])).collect();
        nodes[0].commit(unit(&t, puts)).await.unwrap();
        let tell = || events.iter().map(|event| fire(&t, event, Moment::Start));
        let ((one, first), (other, second)): ((Vec<_>, Vec<_>), (Vec<_>, Vec<_>)) =
            (tell().unzip(), tell().unzip());
        let (a, b) =
            tokio::join!(nodes[0].commit(unit(&t, first)), nodes[1].commit(unit(&t, second)));
        let (a, b) = (a.unwrap().outcomes, b.unwrap().outcomes);
        for (index, event) in events.iter().enumerate() {
            let outcomes = [a[index], b[index]];
            assert!(outcomes.contains(&Outcome::Done), "round {round}: {outcomes:?}");
            assert!(outcomes.contains(&Outcome::Unchanged), "round {round}: {outcomes:?}");
            let firings = nodes[0].firings(&t, event.id, None, 9).await.unwrap();
            assert_eq!(firings.len(), 1);
            let sent = async |send| nodes[0].send(&t, send).await.unwrap().is_some();
            let of_both = [one[index].send.unwrap(), other[index].send.unwrap()];
            let stored = (sent(of_both[0]).await, sent(of_both[1]).await);
            assert!(stored.0 != stored.1, "round {round}: {stored:?}");
        }
        let id = |event: &StoredEvent| event.id;
        let delete = |id| write(ScheduleWrite::DeleteEvent { id, version: 1, at: at(9) });
        let deletes = events.iter().map(id).map(delete).collect();
        nodes[0].commit(unit(&t, deletes)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_changed_is_expanded_as_it_is_then() {
    let place = Place::empty();
    let (nodes, t) = (two_nodes(&place).await, tenant("t"));
    nodes[0].commit(unit(&t, vec![put_topic(&topic("c", "A"))])).await.unwrap();
    for n in 0..ROUNDS {
        let first = event(n, "c", 1);
        nodes[0].commit(unit(&t, vec![put(&first, &[START])])).await.unwrap();
        let next = StoredEvent { expand_at: Some(at(7)), ..event(n, "c", 2) };
        let (planned, to) = (vec![planned(START * 3)], at(START * 5));
        let id = first.id;
        let expand = ScheduleWrite::Expand { id, version: 1, planned, to, again_at: None };
        let (expanded, changed) = tokio::join!(
            nodes[0].commit(unit(&t, vec![write(expand)])),
            nodes[1].commit(unit(&t, vec![put(&next, &[START * 2])]))
        );
        [expanded, changed].into_iter().for_each(|done| drop(done.unwrap()));
        assert_eq!(nodes[0].event(&t, id).await.unwrap(), Some(next), "round {n}");
        let new = nodes[0].new_occurrences(999).await.unwrap();
        let of_this = new.iter().filter(|one| one.event == id);
        let starts: Vec<_> = of_this.map(|one| (one.version, one.span().starts)).collect();
        assert_eq!(starts, [(2, at(START * 2))], "round {n}");
        let delete = ScheduleWrite::DeleteEvent { id, version: 2, at: at(9) };
        nodes[0].commit(unit(&t, vec![write(delete)])).await.unwrap();
    }
}
