//! What a subscription can make the server reach: nothing but the public internet and what the
//! operator allowed; and how one push service is kept from holding up another.

use std::sync::Arc;

use landfall_channels::gate::{CircuitLimits, Gate, Limits};
use landfall_channels::{Outcome, Provider as _, web_push};
use landfall_fixtures::push_service::{PushService, Reply};

use crate::rig::*;

#[tokio::test]
async fn a_name_that_leads_into_the_private_network_is_refused() {
    let service = PushService::start_tls(now_s).await.unwrap();
    let browser = service.subscribe(None);
    let push = provider(&[], connections());
    let outcome = push.send(&parcel(&browser)).await;
    assert_eq!(outcome, refused("address not allowed: loopback"));
    assert_eq!(service.connections(), 0);
    // What is allowed for another port, or another network, is not allowed for this one.
    let push = provider(&["localhost:1", "10.0.0.0/8"], connections());
    let outcome = push.send(&parcel(&browser)).await;
    assert_eq!(outcome, refused("address not allowed: loopback"));
    assert_eq!(service.connections(), 0);
    // A network that is allowed is reached by a name, too.
    let push = provider(&["127.0.0.0/8", "::1"], connections());
    assert_eq!(push.send(&parcel(&browser)).await, sent("/message/1", "201"));
}

#[tokio::test]
async fn an_address_is_refused_in_every_spelling() {
    let service = PushService::start_tls(now_s).await.unwrap();
    let browser = service.subscribe(None);
    let (_, port) = service.origin().rsplit_once(':').unwrap();
    let push = provider(&[], connections());
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
    ] {
        let parcel = with_subscription(parcel(&browser), |it| {
            it.endpoint = format!("https://{host}:{port}/push/1-of-this-machine");
        });
        let expected = "endpoint must lead to the public internet, not to a loopback address";
        assert_eq!(push.send(&parcel).await, refused(expected), "{host}");
    }
    assert_eq!(service.connections(), 0);
}

/// A gate as it is used for Web Push.
fn gate() -> Gate {
    let circuit = CircuitLimits { broken: 3, ..CircuitLimits::default() };
    let push = Arc::new(provider(&["127.0.0.0/8"], connections()));
    Gate::new(push, Limits { circuit, ..Limits::default() }, web_push::toll)
}

#[tokio::test]
async fn a_push_service_that_asks_to_wait_holds_up_no_other() {
    let (gate, busy, well) = (gate(), Rig::start().await, Rig::start().await);
    let (one, two) = (busy.service.subscribe(None), well.service.subscribe(None));
    busy.service.answer_always(Some(Reply::Status(429, Some("3600".to_owned()))));
    assert_eq!(gate.send(&parcel(&one)).await, later(Some(3_600), "429"));
    for _ in 0..50 {
        let outcome = gate.send(&parcel(&one)).await;
        assert!(matches!(outcome, Outcome::NotTried { .. }), "{outcome:?}");
    }
    assert_eq!(busy.service.requests(), 1);
    assert_eq!(gate.send(&parcel(&two)).await, sent("/message/1", "201"));
}

#[tokio::test]
async fn subscriptions_of_another_key_keep_nobody_elses_from_being_sent_to() {
    let (gate, rig) = (gate(), Rig::start().await);
    let strange = rig.service.subscribe(Some(&public(OTHER_KEY)));
    let ours = rig.service.subscribe(Some(&public(NEW_KEY)));
    assert_eq!(gate.send(&parcel(&strange)).await, broken("403 errno 109"));
    assert_eq!(gate.send(&parcel(&ours)).await, sent("/message/1", "201"));
    for _ in 0..20 {
        assert_eq!(gate.send(&parcel(&strange)).await, refused("403 errno 109"));
    }
    assert_eq!(gate.send(&parcel(&ours)).await, sent("/message/2", "201"));
}

#[tokio::test]
async fn credentials_that_are_never_taken_open_the_circuit() {
    let (gate, rig) = (gate(), Rig::start().await);
    let strange = [(); 3].map(|()| rig.service.subscribe(Some(&public(OTHER_KEY))));
    for browser in &strange {
        assert_eq!(gate.send(&parcel(browser)).await, broken("403 errno 109"));
    }
    let outcome = gate.send(&parcel(&strange[0])).await;
    let Outcome::NotTried { code, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(code, "circuit open: credentials");
    assert_eq!(rig.service.requests(), 3);
}

#[tokio::test]
async fn one_subscription_of_another_key_halts_nothing_even_before_any_was_taken() {
    let (gate, rig) = (gate(), Rig::start().await);
    let strange = rig.service.subscribe(Some(&public(OTHER_KEY)));
    for _ in 0..10 {
        assert_eq!(gate.send(&parcel(&strange)).await, broken("403 errno 109"));
    }
    let ours = rig.service.subscribe(Some(&public(NEW_KEY)));
    assert_eq!(gate.send(&parcel(&ours)).await, sent("/message/1", "201"));
}

#[tokio::test]
async fn a_renewed_signature_is_no_stranger_to_who_took_the_one_before() {
    let rig = Rig::start().await;
    let ours = rig.service.subscribe(Some(&public(NEW_KEY)));
    let strange = rig.service.subscribe(Some(&public(OTHER_KEY)));
    let mut earlier = parcel(&ours);
    earlier.now = earlier.now.plus_ms(-10 * 60 * 60 * 1_000);
    assert!(matches!(rig.push.send(&earlier).await, Outcome::Sent { .. }));
    assert_eq!(rig.push.send(&parcel(&strange)).await, refused("403 errno 109"));
}
