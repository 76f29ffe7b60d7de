//! A turnstile by itself, in times that are only numbers.

use super::*;
use crate::gate::limits::CircuitLimits;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn limits(at_once: u32, per_second: u32, ramp: Duration) -> Limits {
    let circuit = CircuitLimits { failures: 3, ..CircuitLimits::default() };
    Limits { at_once, at_once_total: 1_000, per_second, ramp, patience: ms(500), circuit }
}

/// Asks so many times at one time: how many were let through, and when the others come back.
fn ask(
    turnstile: &mut Turnstile,
    limits: &Limits,
    now: Duration,
    times: u32,
) -> (usize, Vec<Duration>) {
    let asked = (0..times).map(|_| turnstile.admit(limits, now, 1));
    let (passes, away): (Vec<_>, Vec<_>) = asked.partition(Result::is_ok);
    (passes.len(), away.into_iter().filter_map(Result::err).map(|away| away.after).collect())
}

#[test]
fn no_more_than_its_places_are_under_way() {
    let limits = limits(3, 0, Duration::ZERO);
    let mut turnstile = Turnstile::new();
    let pass = turnstile.admit(&limits, ms(0), 1).expect("there is room");
    let (passed, away) = ask(&mut turnstile, &limits, ms(0), 4);
    assert_eq!((passed, away), (2, vec![ms(250), ms(251)]));
    turnstile.settle(&limits, ms(1), pass, Verdict::Well);
    assert_eq!(ask(&mut turnstile, &limits, ms(1), 2).0, 1);
}

#[test]
fn a_pace_is_even_and_those_beyond_patience_come_back_one_by_one() {
    let limits = limits(100, 10, Duration::ZERO);
    let mut turnstile = Turnstile::new();
    let begins = [(); 6].map(|()| turnstile.admit(&limits, ms(0), 1).map(|pass| pass.at));
    assert_eq!(begins, [0, 100, 200, 300, 400, 500].map(|at| Ok(ms(at))));
    assert_eq!(ask(&mut turnstile, &limits, ms(0), 3).1, [ms(600), ms(700), ms(800)]);
    let pass = turnstile.admit(&limits, ms(600), 1).expect("its time has come");
    assert_eq!(pass.at, ms(600));
}

#[test]
fn what_costs_more_takes_more_of_the_pace() {
    let limits = limits(100, 10, Duration::ZERO);
    let mut turnstile = Turnstile::new();
    let mut begin = |cost| turnstile.admit(&limits, ms(0), cost).map(|pass| pass.at);
    assert_eq!([begin(3), begin(1), begin(1)], [Ok(ms(0)), Ok(ms(300)), Ok(ms(400))]);
}

#[test]
fn room_is_as_many_as_would_be_let_through() {
    let check = |limits: &Limits, turnstile: &Turnstile, at: u64| {
        let room = turnstile.room(limits, ms(at));
        let (passed, _) = ask(&mut turnstile.clone(), limits, ms(at), 500);
        assert_eq!(room as usize, passed, "at {at} ms");
        room
    };
    for limits in [
        limits(3, 0, Duration::ZERO),
        limits(64, 0, ms(8_000)),
        limits(100, 10, Duration::ZERO),
        limits(100, 40, ms(8_000)),
    ] {
        let mut turnstile = Turnstile::new();
        check(&limits, &turnstile, 0);
        let [first, second] = [(); 2].map(|()| turnstile.admit(&limits, ms(0), 1).expect("room"));
        check(&limits, &turnstile, 0);
        turnstile.settle(&limits, ms(100), first, Verdict::Well);
        check(&limits, &turnstile, 100);
        turnstile.settle(&limits, ms(200), second, Verdict::Asked(ms(5_000)));
        assert_eq!(check(&limits, &turnstile, 5_199), 0);
        assert_eq!(check(&limits, &turnstile, 5_200), 1);
        let pass = turnstile.admit(&limits, ms(5_200), 1).expect("one tries");
        assert_eq!(check(&limits, &turnstile, 5_200), 0);
        turnstile.settle(&limits, ms(5_300), pass, Verdict::Well);
        assert!(check(&limits, &turnstile, 9_000) > 0);
    }
}

#[test]
fn a_ramp_opens_more_and_more_places() {
    let limits = limits(64, 0, ms(8_000));
    let places = |at: u64| {
        let mut turnstile = Turnstile::new();
        let pass = turnstile.admit(&limits, ms(0), 1).expect("the first one passes");
        turnstile.settle(&limits, ms(at), pass, Verdict::Well);
        ask(&mut turnstile, &limits, ms(at), 100).0
    };
    assert_eq!([0, 1_000, 4_000, 7_000, 8_000].map(places), [8, 16, 40, 64, 64]);
    // It rested for longer than the ramp lasts.
    assert_eq!(places(8_000 * 2), 64);
    let mut turnstile = Turnstile::new();
    let pass = turnstile.admit(&limits, ms(0), 1).expect("the first one passes");
    turnstile.settle(&limits, ms(0), pass, Verdict::Well);
    assert_eq!(ask(&mut turnstile, &limits, ms(8_001), 100).0, 8);
}

#[test]
fn after_a_halt_one_tries_and_the_ramp_begins_with_nothing() {
    let limits = limits(64, 0, ms(8_000));
    let mut turnstile = Turnstile::new();
    let pass = turnstile.admit(&limits, ms(0), 1).expect("it passes");
    turnstile.settle(&limits, ms(0), pass, Verdict::Asked(ms(5_000)));
    let away = ask(&mut turnstile, &limits, ms(1_000), 3);
    assert_eq!(away, (0, vec![ms(4_000), ms(4_001), ms(4_002)]));
    let pass = turnstile.admit(&limits, ms(5_000), 1).expect("one tries");
    assert_eq!(ask(&mut turnstile, &limits, ms(5_000), 5).0, 0);
    turnstile.settle(&limits, ms(5_100), pass, Verdict::Well);
    assert_eq!(ask(&mut turnstile, &limits, ms(5_100), 5).0, 1);
    assert_eq!(ask(&mut turnstile, &limits, ms(5_600), 20).0, 3);
    // Above half of what was too much, an eighth of the places, it grows a tenth as fast.
    assert_eq!(ask(&mut turnstile, &limits, ms(6_100), 20).0, 1);
    assert_eq!(ask(&mut turnstile, &limits, ms(11_100), 20).0, 4);
}

#[test]
fn what_waited_for_its_turn_while_the_turnstile_halted_is_turned_away() {
    let limits = limits(64, 10, Duration::ZERO);
    let mut turnstile = Turnstile::new();
    let [first, second] = [(); 2].map(|()| turnstile.admit(&limits, ms(0), 1).expect("they pass"));
    assert_eq!(turnstile.still_admits(&limits, ms(0), second, 1), Ok(()));
    turnstile.settle(&limits, ms(50), first, Verdict::Asked(ms(5_000)));
    assert!(turnstile.still_admits(&limits, ms(100), second, 1).is_err());
}

#[test]
fn a_turnstile_is_idle_when_it_has_nothing_to_remember() {
    let limits = limits(64, 0, Duration::ZERO);
    let mut turnstile = Turnstile::new();
    let pass = turnstile.admit(&limits, ms(0), 1).expect("it passes");
    assert!(!turnstile.is_idle(&limits, ms(0)));
    turnstile.settle(&limits, ms(1), pass, Verdict::Well);
    assert!(turnstile.is_idle(&limits, ms(1)));
    let pass = turnstile.admit(&limits, ms(1), 1).expect("it passes");
    turnstile.settle(&limits, ms(1), pass, Verdict::Failing);
    assert!(!turnstile.is_idle(&limits, ms(2)));
    let longest = limits.circuit.halt_max + ms(1);
    assert!(!turnstile.is_idle(&limits, longest));
    assert!(turnstile.is_idle(&limits, longest + ms(1)));
    turnstile.admit(&limits, longest, 1).expect("it passes");
    assert!(!turnstile.is_idle(&limits, longest * 3));
}
