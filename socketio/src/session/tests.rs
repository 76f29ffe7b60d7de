//! Every cell of the table: what happens, what follows. Times begin at 0, with pings at 300 and death at 500.

mod world;

use world::{Do, World};

use super::*;
use crate::engine::Probing;

use Do::{PollGone, Posted, Says, Socket, SocketGone, Tick as Look, Written};
use Waiting::{More, Nothing, OneAnswer};

const POLL: Do = Do::Poll(Nothing);
const ASK: Do = Says(1, Probing::Ask);
const UPGRADE: Do = Says(1, Probing::Upgrade);
const BAD: Do = Posted(Post::Bad);

/// Goes through steps that happen at once, each with what follows.
fn check(steps: &[(Do, &str)]) {
    check_at(&steps.iter().map(|(step, expected)| (0, *step, *expected)).collect::<Vec<_>>());
}

/// Goes through steps, each with its time and what follows.
fn check_at(steps: &[(u64, Do, &str)]) {
    let mut world = World::new();
    for (at, (now, step, expected)) in steps.iter().enumerate() {
        assert_eq!(world.step(*now, *step), *expected, "step {at}, {step:?}");
    }
}

/// What leads to a session that is polled, and to one in the middle of an upgrade.
const POLLED: &[(Do, &str)] = &[(POLL, "hold")];
const PROBED: &[(Do, &str)] = &[(Socket, "probe"), (ASK, "Probed"), (POLL, "hold")];

/// Checks steps in both kinds of sessions. The one that gives the held poll its last answer closes the socket too.
fn check_both(steps: &[(Do, &str)]) {
    check(&[POLLED, steps].concat());
    let ends = |expected: &str| expected.contains("held") && !expected.contains("Packets");
    let closes = |expected: &str| if ends(expected) { ", socket closed" } else { "" };
    let probed =
        steps.iter().map(|(step, expected)| (*step, format!("{expected}{}", closes(expected))));
    let probed: Vec<_> = probed.collect();
    let probed: Vec<_> = probed.iter().map(|(step, expected)| (*step, expected.as_str())).collect();
    check(&[PROBED, &probed].concat());
}

#[test]
fn a_poll_gets_what_waits_or_is_held() {
    for waiting in [OneAnswer, More] {
        check(&[(Do::Poll(waiting), "Packets"), (Do::Poll(waiting), "Packets")]);
        check(&[(Socket, "probe"), (ASK, "Probed"), (Do::Poll(waiting), "Packets")]);
    }
    check_both(&[(Written, "-, held Packets"), (Written, "-"), (POLL, "hold")]);
}

#[test]
fn two_polls_at_once_close() {
    check_both(&[(POLL, "BadRequest, held Close"), (POLL, "SessionUnknown")]);
}

#[test]
fn a_poll_that_breaks_off_closes() {
    check(&[(POLL, "hold"), (PollGone(1), "-"), (POLL, "SessionUnknown")]);
    check(&[PROBED, &[(PollGone(1), "-, socket closed"), (POLL, "SessionUnknown")]].concat());
}

#[test]
fn the_end_of_an_answered_poll_is_not_the_end_of_the_next() {
    check(&[
        (POLL, "hold"),
        (Written, "-, held Packets"),
        (PollGone(1), "-"),
        (POLL, "hold"),
        (PollGone(2), "-"),
        (POLL, "BadRequest, held Close"),
    ]);
}

#[test]
fn a_post_is_taken_when_it_is_good() {
    for begin in [POLLED, PROBED] {
        let post = [(Do::Post, "read"), (Posted(Post::Good), "Taken")];
        check(&[begin, &post, &post, &[(Written, "-, held Packets")]].concat());
    }
}

#[test]
fn a_post_that_is_not_good_closes() {
    let kinds = [(Post::Bad, "Refused(BadRequest)"), (Post::Gone, "Refused(BadRequest)")];
    for (post, answer) in kinds.into_iter().chain([(Post::TooLarge, "TooLarge")]) {
        let expected = format!("{answer}, held Close");
        check_both(&[
            (Do::Post, "read"),
            (Posted(post), &expected),
            (POLL, "SessionUnknown"),
            (Do::Post, "SessionUnknown"),
        ]);
    }
}

#[test]
fn two_posts_at_once_close() {
    check_both(&[
        (Do::Post, "read"),
        (Do::Post, "BadRequest, held Close"),
        (Posted(Post::Good), "Refused(SessionUnknown)"),
        (POLL, "SessionUnknown"),
    ]);
}

#[test]
fn a_client_that_closes_gets_a_noop() {
    check_both(&[
        (Do::Post, "read"),
        (Posted(Post::Closes), "Taken, held Noop"),
        (POLL, "SessionUnknown"),
    ]);
    check(&[(Do::Post, "read"), (Posted(Post::Closes), "Taken"), (POLL, "SessionUnknown")]);
}

#[test]
fn one_socket_is_probed_at_a_time() {
    check(&[(Socket, "probe"), (Socket, "Close"), (ASK, "Probed"), (Socket, "Close")]);
    check(&[(Socket, "probe"), (SocketGone(1), "-"), (Socket, "probe"), (ASK, "Probed")]);
    check(&[
        (Socket, "probe"),
        (Says(1, Probing::Wrong), "Close"),
        (SocketGone(1), "-"),
        (Socket, "probe"),
        (SocketGone(2), "-"),
        (Says(2, Probing::Ask), "Close"),
        (ASK, "Probed"),
    ]);
}

#[test]
fn a_probe_ends_the_poll_before_it_is_answered() {
    check(&[(POLL, "hold"), (Socket, "probe"), (ASK, "Probed, held Noop"), (UPGRADE, "Upgrade")]);
}

#[test]
fn a_socket_that_says_something_else_is_closed_alone() {
    for (asks, said) in
        [(0, Probing::Upgrade), (0, Probing::Wrong), (1, Probing::Ask), (1, Probing::Wrong)]
    {
        let mut steps = vec![(Socket, "probe")];
        steps.extend([(ASK, "Probed")].repeat(asks));
        steps.extend([(Says(1, said), "Close"), (UPGRADE, "Close"), (POLL, "hold")]);
        check(&steps);
    }
    check(
        &[PROBED, &[(SocketGone(1), "-"), (UPGRADE, "Close"), (Written, "-, held Packets")]]
            .concat(),
    );
}

#[test]
fn an_upgrade_leaves_nothing_to_polls_and_posts() {
    check(&[
        (Socket, "probe"),
        (ASK, "Probed"),
        (UPGRADE, "Upgrade"),
        (POLL, "BadRequest"),
        (Do::Poll(More), "BadRequest"),
        (Do::Post, "BadRequest"),
        (Socket, "Close"),
        (SocketGone(1), "-"),
        (Do::Close(OneAnswer), "-"),
        (Written, "-"),
        (Look, "Over"),
    ]);
    check(&[PROBED, &[(UPGRADE, "Upgrade, held BadRequest"), (PollGone(1), "-")]].concat());
}

#[test]
fn an_upgrade_beside_an_open_post_closes() {
    check(
        &[
            PROBED,
            &[
                (Do::Post, "read"),
                (UPGRADE, "Close, held Close"),
                (Posted(Post::Good), "Refused(SessionUnknown)"),
            ],
        ]
        .concat(),
    );
}

#[test]
fn a_poll_in_the_middle_of_an_upgrade_is_held_a_moment() {
    check_at(&[
        (0, Socket, "probe"),
        (0, ASK, "Probed"),
        (10, POLL, "hold"),
        (109, Look, "Rest"),
        (110, Look, "Rest, held Noop"),
        (110, POLL, "hold"),
        (120, UPGRADE, "Upgrade, held BadRequest"),
    ]);
    // A socket that has asked for nothing yet changes nothing.
    check_at(&[(0, Socket, "probe"), (10, POLL, "hold"), (200, Look, "Rest")]);
    // Whatever comes first looks at the clock.
    check_at(&[
        (0, Socket, "probe"),
        (0, ASK, "Probed"),
        (0, POLL, "hold"),
        (100, POLL, "hold, held Noop"),
    ]);
}

#[test]
fn a_socket_that_takes_too_long_is_closed_alone() {
    let begin = [(0, Socket, "probe"), (250, Do::Post, "read"), (250, Posted(Post::Good), "Taken")];
    let late = [(400, Look, "Ping, socket closed"), (400, ASK, "Close")];
    check_at(
        &[begin.as_slice(), &late[..1], &[(400, Socket, "probe"), (401, ASK, "Probed")]].concat(),
    );
    check_at(&[begin.as_slice(), &[(399, ASK, "Probed"), (400, UPGRADE, "Close")]].concat());
    // Told once: by the answer to the socket itself where it is the one that looks.
    check_at(&[begin.as_slice(), &[(400, ASK, "Close"), (400, Look, "Ping")]].concat());
    check_at(&[begin.as_slice(), &late].concat());
}

#[test]
fn what_a_server_says_last_goes_out_with_a_poll() {
    for answer in [OneAnswer, More] {
        check(&[(POLL, "hold"), (Do::Close(answer), "-, held Packets")]);
    }
    check(&[(POLL, "hold"), (Do::Close(OneAnswer), "-, held Packets"), (POLL, "SessionUnknown")]);
    check(&[
        (Do::Close(OneAnswer), "-"),
        (Do::Poll(OneAnswer), "Packets"),
        (POLL, "SessionUnknown"),
    ]);
    check(&[
        (Do::Close(More), "-"),
        (Do::Poll(More), "Packets"),
        (Do::Poll(OneAnswer), "Packets"),
        (POLL, "SessionUnknown"),
    ]);
    check(&[(Do::Close(Nothing), "-"), (POLL, "Close"), (POLL, "SessionUnknown")]);
    check(&[(POLL, "hold"), (Do::Close(Nothing), "-, held Close"), (POLL, "SessionUnknown")]);
    check(&[PROBED, &[(Do::Close(OneAnswer), "-, held Packets, socket closed")]].concat());
    check(&[(Socket, "probe"), (ASK, "Probed"), (Do::Close(OneAnswer), "-, socket closed")]);
    check(&[
        (POLL, "hold"),
        (Do::Close(More), "-, held Packets"),
        (Do::Poll(OneAnswer), "Packets"),
        (POLL, "SessionUnknown"),
    ]);
    check_at(&[
        (0, Do::Close(OneAnswer), "-"),
        (149, Do::Close(OneAnswer), "-"),
        (149, Look, "Rest"),
        (150, Do::Poll(OneAnswer), "SessionUnknown"),
    ]);
}

#[test]
fn what_a_client_says_after_the_server_closed_is_dropped() {
    check(&[
        (Do::Close(OneAnswer), "-"),
        (Do::Post, "read"),
        (Posted(Post::Good), "Dropped"),
        (Socket, "Close"),
        (Do::Poll(OneAnswer), "Packets"),
    ]);
    check(&[(Do::Post, "read"), (Do::Close(OneAnswer), "-"), (Posted(Post::Good), "Dropped")]);
    for (post, answer) in [(Post::Closes, "Dropped"), (Post::Bad, "Refused(BadRequest)")] {
        check(&[
            (Do::Close(OneAnswer), "-"),
            (Do::Post, "read"),
            (Posted(post), answer),
            (Do::Poll(OneAnswer), "SessionUnknown"),
        ]);
    }
}

#[test]
fn silence_closes_to_the_millisecond() {
    check_at(&[(499, POLL, "hold"), (500, POLL, "SessionUnknown, held Close")]);
    check_at(&[(500, POLL, "SessionUnknown"), (500, Look, "Over")]);
    check_at(&[(499, POLL, "hold"), (500, Look, "Over, held Close")]);
    check_at(&[(200, Socket, "probe"), (500, Do::Post, "SessionUnknown, socket closed")]);
    check_at(&[(200, Socket, "probe"), (500, ASK, "Close")]);
    check_at(&[(400, Do::Close(OneAnswer), "-"), (500, Look, "Over")]);
}

#[test]
fn packets_are_life_and_polls_are_not() {
    check_at(&[
        (400, POLL, "hold"),
        (400, Do::Post, "read"),
        (450, Posted(Post::Good), "Taken"),
        (949, Written, "-, held Packets"),
        (949, POLL, "hold"),
        (950, POLL, "SessionUnknown, held Close"),
    ]);
    check_at(&[(200, Socket, "probe"), (450, ASK, "Probed"), (590, UPGRADE, "Upgrade")]);
    check_at(&[(400, Do::Post, "read"), (500, Posted(Post::Good), "Refused(SessionUnknown)")]);
}

#[test]
fn pings_go_on_through_an_upgrade() {
    check_at(&[
        (299, Look, "Rest"),
        (300, Look, "Ping"),
        (310, Do::Post, "read"),
        (310, Posted(Post::Good), "Taken"),
        (590, Socket, "probe"),
        (590, ASK, "Probed"),
        (600, Look, "Ping"),
        (610, UPGRADE, "Upgrade"),
    ]);
}

#[test]
fn the_heart_goes_over_to_the_socket() {
    let mut world = World::new();
    for (now, step) in [(0, Socket), (100, ASK), (250, UPGRADE)] {
        world.step(now, step);
    }
    assert!(world.session.is_over());
    assert_eq!(world.session.deadline(), None);
    let mut heart = world.session.heart();
    assert_eq!((heart.beat(300), heart.dead_at()), (Beat::Ping, 750));
}

#[test]
fn a_deadline_is_the_next_thing_to_happen() {
    let deadline_after = |steps: &[(u64, Do)]| {
        let mut world = World::new();
        steps.iter().for_each(|(now, step)| drop(world.step(*now, *step)));
        world.session.deadline()
    };
    assert_eq!(deadline_after(&[]), Some(300));
    assert_eq!(deadline_after(&[(300, Look)]), Some(500));
    assert_eq!(deadline_after(&[(0, POLL)]), Some(300));
    assert_eq!(deadline_after(&[(0, Socket), (300, Look)]), Some(400));
    assert_eq!(deadline_after(&[(0, Socket), (0, ASK), (10, POLL)]), Some(110));
    assert_eq!(deadline_after(&[(0, Do::Close(OneAnswer))]), Some(150));
    assert_eq!(deadline_after(&[(400, Do::Close(OneAnswer))]), Some(500));
    assert_eq!(deadline_after(&[(0, Do::Post), (0, BAD)]), None);
}
