//! The gate around a provider, on a clock that stands still until all wait.

use landfall_core::id::NotificationId;
use landfall_core::notification::Priority;
use landfall_core::time::Timestamp;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::turnstiles::{FULL, TURNSTILES_MAX};
use super::*;
use crate::scripted::Scripted;
use crate::{Load, LoadKind, Sms};

fn parcel(to: &str) -> Parcel {
    let sms = Sms { to: to.to_owned(), text: String::new(), callback_url: None };
    Parcel {
        delivery: Uuid::nil(),
        notification: NotificationId::parse("0192f0c1-7a3e-7cc2-98c1-000000000001").expect("id"),
        priority: Priority::Normal,
        expires_at: None,
        now: Timestamp::from_ms(0),
        load: Load::Sms(sms),
    }
}

/// One turnstile for each number.
fn by_number(parcel: &Parcel) -> Toll {
    match &parcel.load {
        Load::Sms(sms) => Toll { turnstile: sms.to.parse().unwrap_or(0), ..Toll::single(parcel) },
        _ => Toll::single(parcel),
    }
}

fn scripted() -> Arc<Scripted> {
    Arc::new(Scripted::new("scripted", Channel::Sms, |_| true))
}

fn limits() -> Limits {
    Limits { ramp: Duration::ZERO, ..Limits::default() }
}

fn later(after: Option<u64>) -> Outcome {
    Outcome::Later { after: after.map(Duration::from_secs), code: "503".to_owned() }
}

fn broken() -> Outcome {
    Outcome::Broken { code: "401".to_owned() }
}

/// How long an attempt was told to wait that was not tried.
fn kept_back(outcome: &Outcome) -> Option<Duration> {
    match outcome {
        Outcome::NotTried { after, .. } => Some(*after),
        _ => None,
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_provider_says_comes_through_unchanged() {
    let provider = scripted();
    let gate = Gate::new(provider.clone(), limits(), Toll::single);
    let outcomes = [
        Outcome::Gone { code: "410".to_owned() },
        Outcome::Unknown { code: "timed out".to_owned() },
        Outcome::Refused { code: "400".to_owned() },
    ];
    provider.answers(outcomes.clone());
    for expected in outcomes {
        assert_eq!(gate.send(&parcel("1")).await, expected);
    }
    assert_eq!(gate.standing(), Standing { under_way: 0, turnstiles: 1, halted: 0 });
}

#[tokio::test(start_paused = true)]
async fn wrong_credentials_halt_it_at_once_and_one_try_opens_it() {
    let provider = scripted();
    let gate = Gate::new(provider.clone(), limits(), Toll::single);
    provider.answers([broken()]);
    assert_eq!(gate.send(&parcel("1")).await, broken());
    let wait = kept_back(&gate.send(&parcel("1")).await).expect("it is halted");
    assert_eq!((wait, provider.begun()), (Duration::from_secs(10), 1));
    tokio::time::advance(wait).await;
    provider.hold();
    let (first, second) = (parcel("1"), parcel("1"));
    let second = async {
        provider.until_begun(2).await;
        let outcome = gate.send(&second).await;
        provider.release(1);
        outcome
    };
    let (first, second) = tokio::join!(gate.send(&first), second);
    assert!(matches!(first, Outcome::Sent { .. }), "{first:?}");
    assert!(kept_back(&second).is_some(), "{second:?}");
    provider.resume();
    assert_eq!(kept_back(&gate.send(&parcel("1")).await), None);
}

#[tokio::test(start_paused = true)]
async fn a_halted_gate_has_room_for_the_one_that_tries() {
    let provider = scripted();
    let gate = Gate::new(provider.clone(), limits(), Toll::single);
    assert_eq!((gate.room(), gate.is_healthy()), (64, true));
    provider.answers([broken()]);
    gate.send(&parcel("1")).await;
    assert_eq!((gate.room(), gate.is_healthy()), (0, false));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(gate.room(), 1);
    gate.send(&parcel("1")).await;
    assert_eq!((gate.room(), gate.is_healthy()), (64, true));
}

#[tokio::test(start_paused = true)]
async fn no_question_is_asked_while_nothing_is_let_through() {
    let provider = scripted();
    let gate = Gate::new(provider.clone(), limits(), Toll::single);
    let now = Timestamp::from_ms(0);
    provider.answers([later(Some(60))]);
    assert_eq!(gate.inquire("a", now).await, Ok(None));
    gate.send(&parcel("1")).await;
    let halted = NoAnswer { after: None, code: "circuit open".to_owned() };
    assert_eq!(gate.inquire("a", now).await, Err(halted));
    // Nobody may send anything for hours: the question needs no attempt that opens it.
    tokio::time::advance(Duration::from_secs(60)).await;
    assert_eq!(gate.inquire("a", now).await, Ok(None));
}

#[tokio::test(start_paused = true)]
async fn a_gate_of_many_has_room_while_one_of_them_is_halted() {
    let provider = scripted();
    let gate = Gate::new(provider.clone(), limits(), by_number);
    provider.answers([broken()]);
    gate.send(&parcel("1")).await;
    assert_eq!(gate.room(), 256);
}

#[tokio::test(start_paused = true)]
async fn one_turnstile_halts_without_the_others() {
    let provider = scripted();
    let gate = Gate::new(provider.clone(), limits(), by_number);
    provider.answers([later(Some(3_600))]);
    gate.send(&parcel("1")).await;
    assert!(kept_back(&gate.send(&parcel("1")).await).is_some());
    assert_eq!(kept_back(&gate.send(&parcel("2")).await), None);
    assert_eq!(gate.standing(), Standing { under_way: 0, turnstiles: 2, halted: 1 });
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_given_up_gives_its_place_back() {
    let provider = scripted();
    let gate = Gate::new(provider.clone(), Limits { at_once: 1, ..limits() }, Toll::single);
    provider.hold();
    let sent = parcel("1");
    let given_up = tokio::time::timeout(Duration::from_secs(5), gate.send(&sent)).await;
    assert!(given_up.is_err());
    provider.resume();
    assert_eq!(kept_back(&gate.send(&parcel("1")).await), None);
}

#[tokio::test(start_paused = true)]
async fn all_turnstiles_together_have_a_limit() {
    let provider = scripted();
    let limits = Limits { at_once_total: 3, ..limits() };
    let gate = Gate::new(provider.clone(), limits, by_number);
    let parcels = [1, 2, 3].map(|turnstile| parcel(&turnstile.to_string()));
    for known in &parcels {
        gate.send(known).await;
    }
    provider.hold();
    let fourth = async {
        provider.until_begun(6).await;
        let outcome = gate.send(&parcel("4")).await;
        provider.release(3);
        outcome
    };
    let [one, two, three] = &parcels;
    let sent = async { tokio::join!(gate.send(one), gate.send(two), gate.send(three)) };
    let (_, fourth) = tokio::join!(sent, fourth);
    assert_eq!(kept_back(&fourth), Some(FULL.after));
}

#[tokio::test(start_paused = true)]
async fn a_turn_is_waited_for_within_patience() {
    let provider = scripted();
    let limits = Limits { per_second: 2, patience: Duration::from_secs(1), ..limits() };
    let gate = Gate::new(provider.clone(), limits, Toll::single);
    let begin = Instant::now();
    let sent = parcel("1");
    let three = tokio::join!(gate.send(&sent), gate.send(&sent), gate.send(&sent));
    assert!([&three.0, &three.1, &three.2].iter().all(|outcome| kept_back(outcome).is_none()));
    assert_eq!(begin.elapsed().as_millis(), 1_000);
    let four = [gate.send(&sent), gate.send(&sent), gate.send(&sent), gate.send(&sent)];
    let mut kept = Vec::new();
    for outcome in futures(four).await {
        kept.extend(kept_back(&outcome));
    }
    assert_eq!(kept.len(), 2, "{kept:?}");
}

#[tokio::test(start_paused = true)]
async fn a_turn_sends_nothing_tells_its_wait_and_keeps_its_place_until_it_is_dropped() {
    let provider = scripted();
    let limits = Limits { at_once: 2, per_second: 2, ..limits() };
    let gate = Gate::new(provider.clone(), limits, Toll::single);
    let sent = parcel("1");
    let (first, second) = tokio::join!(gate.turn(&sent), gate.turn(&sent));
    assert_eq!([first.waited, second.waited].map(|wait| wait.as_millis()), [0, 500]);
    assert_eq!((provider.begun(), gate.standing().under_way), (0, 2));
    let third = gate.turn(&sent).await;
    assert_eq!(third.waited, Duration::ZERO);
    assert!(kept_back(&third.attempt.await).is_some(), "both places are taken");
    drop(first);
    assert_eq!(gate.standing().under_way, 1);
    provider.answers([Outcome::Gone { code: "410".to_owned() }]);
    assert_eq!(second.attempt.await, Outcome::Gone { code: "410".to_owned() });
    assert_eq!((provider.begun(), gate.standing().under_way), (1, 0));
}

async fn futures<const N: usize>(attempts: [Attempt<'_>; N]) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    let mut waiting: Vec<_> = attempts.into();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|attempt| match attempt.as_mut().poll(context) {
            std::task::Poll::Ready(outcome) => {
                outcomes.push(outcome);
                false
            }
            std::task::Poll::Pending => true,
        });
        if waiting.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    outcomes
}

#[tokio::test(start_paused = true)]
async fn turnstiles_that_users_name_have_a_bound() {
    let provider = scripted();
    let gate = Gate::new(provider.clone(), limits(), by_number);
    for turnstile in 0..TURNSTILES_MAX + 10 {
        gate.send(&parcel(&turnstile.to_string())).await;
    }
    assert!(gate.standing().turnstiles <= TURNSTILES_MAX);
    provider.answers_otherwise(later(None));
    for turnstile in 0..TURNSTILES_MAX + 10 {
        gate.send(&parcel(&turnstile.to_string())).await;
    }
    assert!(gate.standing().turnstiles <= TURNSTILES_MAX);
}

#[tokio::test(start_paused = true)]
async fn many_that_fail_keep_no_newcomer_out() {
    let provider = scripted();
    let gate = Gate::new(provider.clone(), limits(), by_number);
    gate.send(&parcel("1")).await;
    provider.answers_otherwise(later(Some(600)));
    for turnstile in 1..TURNSTILES_MAX + 50 {
        tokio::time::advance(Duration::from_millis(1)).await;
        let outcome = gate.send(&parcel(&turnstile.to_string())).await;
        assert_eq!(kept_back(&outcome), None, "{turnstile}");
    }
    provider.answers_otherwise(later(None));
    assert_eq!(kept_back(&gate.send(&parcel("900000")).await), None);
    // Of what is remembered, the ones that never answered well go first, the oldest of them.
    assert!(gate.state().remembers(1));
    assert!(!gate.state().remembers(2));
    assert_eq!(gate.standing().turnstiles, TURNSTILES_MAX);
}

#[tokio::test(start_paused = true)]
async fn those_that_never_answered_leave_places_to_the_others() {
    let provider = scripted();
    let gate = Gate::new(provider.clone(), Limits { at_once_total: 8, ..limits() }, by_number);
    gate.send(&parcel("1")).await;
    provider.hold();
    let parcels = [2, 3, 1].map(|turnstile| parcel(&turnstile.to_string()));
    let [two, three, known] = &parcels;
    let others = async {
        provider.until_begun(3).await;
        let mut away = Vec::new();
        for stranger in ["4", "5"].map(parcel) {
            let outcome = tokio::time::timeout(Duration::from_secs(1), gate.send(&stranger)).await;
            away.push(kept_back(&outcome.expect("it has no place")));
        }
        provider.resume();
        let known = gate.send(known).await;
        provider.release(2);
        (away, known)
    };
    let (_, _, (away, known)) = tokio::join!(gate.send(two), gate.send(three), others);
    assert_eq!(away, [500, 520].map(|ms| Some(Duration::from_millis(ms))));
    assert_eq!(kept_back(&known), None);
    assert_eq!(kept_back(&gate.send(&parcel("4")).await), None);
}

#[tokio::test(start_paused = true)]
async fn what_a_user_named_is_no_trouble_of_the_provider() {
    let provider = scripted();
    let gate = Gate::new(provider.clone(), limits(), by_number);
    provider.answers([later(Some(600))]);
    gate.send(&parcel("1")).await;
    assert!(gate.is_healthy(), "it never answered well");
    gate.send(&parcel("2")).await;
    provider.answers([later(Some(600))]);
    gate.send(&parcel("2")).await;
    assert!(!gate.is_healthy(), "the only one that is in use is halted");
    tokio::time::advance(Duration::from_secs(301)).await;
    assert!(gate.is_healthy(), "nobody has asked for it lately");
    let gate = Gate::new(provider.clone(), limits(), Toll::single);
    provider.answers([later(Some(600))]);
    gate.send(&parcel("1")).await;
    tokio::time::advance(Duration::from_secs(301)).await;
    assert!(!gate.is_healthy(), "a provider as a whole counts in any case");
}

/// A provider behind a quota: so many in each second, an answer takes 50 ms.
struct Quota {
    start: Instant,
    per_second: u32,
    /// It takes nothing before.
    opens: Duration,
    retry_after: u64,
    state: Mutex<(u64, u32, u32)>,
}

impl Provider for Quota {
    fn name(&self) -> &'static str {
        "quota"
    }

    fn channel(&self) -> Channel {
        Channel::Push
    }

    fn takes(&self, _: LoadKind) -> bool {
        true
    }

    fn send<'a>(&'a self, _: &'a Parcel) -> Attempt<'a> {
        Box::pin(async move {
            let now = self.start.elapsed();
            let is_taken = {
                let (second, taken, attempts) = &mut *self.state.lock().expect("no panic");
                if *second != now.as_secs() {
                    (*second, *taken) = (now.as_secs(), 0);
                }
                *taken += 1;
                *attempts += 1;
                now >= self.opens && *taken <= self.per_second
            };
            tokio::time::sleep(Duration::from_millis(50)).await;
            match is_taken {
                true => Outcome::Sent { reference: None, code: "201".to_owned() },
                false => later(Some(self.retry_after)),
            }
        })
    }
}

/// Brings so many parcels through, each coming back when it is told to; gives the attempts it
/// cost and the time it took.
async fn bring_through(due: u32, quota: Quota) -> (u32, Duration) {
    let quota = Arc::new(quota);
    let gate = Arc::new(Gate::new(quota.clone(), Limits::default(), Toll::single));
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for at in 0..due {
        let gate = Arc::clone(&gate);
        tasks.spawn(async move {
            // As they come from a queue: some at once, not all.
            tokio::time::sleep(Duration::from_millis(u64::from(at % 500))).await;
            while let Outcome::NotTried { after, .. } | Outcome::Later { after: Some(after), .. } =
                gate.send(&parcel("1")).await
            {
                tokio::time::sleep(after).await;
            }
        });
    }
    tasks.join_all().await;
    let attempts = quota.state.lock().expect("no panic").2;
    (attempts, begin.elapsed())
}

fn quota(per_second: u32, opens_s: u64, retry_after: u64) -> Quota {
    let opens = Duration::from_secs(opens_s);
    Quota { start: Instant::now(), per_second, opens, retry_after, state: Mutex::default() }
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_429_costs_at_most_a_tenth_more_attempts() {
    for (due, per_second, opens_s, retry_after) in
        [(1_000, 100_000, 60, 5), (1_000, 100_000, 300, 60), (3_000, 100, 0, 1), (500, 50, 30, 10)]
    {
        let (attempts, took) = bring_through(due, quota(per_second, opens_s, retry_after)).await;
        let case = format!("{due} at {per_second}/s: {attempts} attempts in {took:?}");
        assert!(attempts * 10 <= due * 11, "{case}");
        assert!(took < Duration::from_secs(opens_s + retry_after + 200), "{case}");
    }
}
