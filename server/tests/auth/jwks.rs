//! Keys that an issuer publishes: rotation, outage, and answers of every bad kind, from a real local server.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use landfall_core::id::Tenant;
use landfall_server::auth::jwks::{Fetcher, Freshness, KeptSets, KeySet, Pace, keep_fresh};
use landfall_server::auth::{Alg, AuthError, KeyConfig, Material, Tenants, Verifier};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tokio_util::sync::DropGuard;

use crate::issuer::{Issuer, Says, Signer, keys, until};
use crate::signing::{NOW_MS, policy};

const HOUR: Duration = Duration::from_secs(3_600);
/// Asks the issuer only when a token wants it, and then at once.
const ON_DEMAND: Pace = Pace { refresh: HOUR, refetch: Duration::ZERO };
/// Asks the issuer once and does not let tokens bring a fetch about.
const ONCE: Pace = Pace { refresh: HOUR, refetch: HOUR };
/// Asks the issuer all the time.
const ALWAYS: Pace = Pace { refresh: Duration::from_millis(5), refetch: Duration::from_millis(5) };

/// A verifier whose key sets are kept fresh as long as it lives.
struct Live {
    verifier: Arc<Verifier>,
    _stop: DropGuard,
}

fn folder() -> PathBuf {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let made = MADE.fetch_add(1, Ordering::Relaxed);
    let name = format!("jwks-{}-{made}", std::process::id());
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

fn key(id: &str, url: &str, tenants: Tenants) -> KeyConfig {
    KeyConfig { id: id.to_owned(), alg: Alg::EdDsa, material: Material::Jwks(url.into()), tenants }
}

impl Live {
    fn start(keys: Vec<KeyConfig>, pace: Pace) -> Self {
        Self::kept(keys, pace, &folder())
    }

    fn kept(keys: Vec<KeyConfig>, pace: Pace, folder: &Path) -> Self {
        let verifier = Arc::new(Verifier::new(keys, policy()).unwrap());
        let kept = KeptSets::new(folder);
        kept.restore(verifier.key_sets().map(|set| &**set));
        let stop = CancellationToken::new();
        let fetcher = Fetcher::new(Duration::from_millis(500)).unwrap();
        for set in verifier.key_sets() {
            let (set, fetcher) = (Arc::clone(set), fetcher.clone());
            tokio::spawn(keep_fresh(set, fetcher, kept.clone(), pace, stop.clone()));
        }
        Self { verifier, _stop: stop.drop_guard() }
    }

    /// One issuer that may speak for everybody.
    fn of(issuer: &Issuer, pace: Pace) -> Self {
        Self::start(vec![key("issuer", &issuer.url, Tenants::Any)], pace)
    }

    fn set(&self) -> &KeySet {
        self.verifier.key_sets().next().unwrap()
    }

    async fn verify(&self, token: &str) -> Result<(), AuthError> {
        self.verifier.verify_waiting(token, NOW_MS).await.map(drop)
    }

    async fn until(&self, freshness: Freshness) {
        until(&format!("{freshness:?}"), async || self.set().freshness() == freshness).await;
    }
}

#[tokio::test]
async fn the_first_token_waits_for_the_keys_and_holds() {
    let signer = Signer::named("one");
    let issuer = Issuer::start(keys(&[&signer])).await;
    let live = Live::of(&issuer, ONCE);
    assert_eq!(live.verify(&signer.token(json!({}))).await, Ok(()));
    assert_eq!(live.set().freshness(), Freshness::Fresh);
    let other = Signer::named("one");
    assert_eq!(live.verify(&other.token(json!({}))).await, Err(AuthError::BadSignature));
}

#[tokio::test]
async fn a_rotated_key_holds_at_once_and_the_old_one_no_more() {
    let (old, new) = (Signer::named("old"), Signer::named("new"));
    let issuer = Issuer::start(keys(&[&old])).await;
    let live = Live::of(&issuer, ON_DEMAND);
    assert_eq!(live.verify(&old.token(json!({}))).await, Ok(()));
    issuer.publish(&[&new]);
    assert_eq!(live.verify(&old.token(json!({}))).await, Ok(()), "nobody asked the issuer yet");
    assert_eq!(live.verify(&new.token(json!({}))).await, Ok(()));
    assert_eq!(live.verify(&old.token(json!({}))).await, Err(AuthError::UnknownKey));
}

#[tokio::test]
async fn a_key_that_was_taken_out_stops_at_the_next_refresh() {
    let (old, new) = (Signer::named("old"), Signer::named("new"));
    let issuer = Issuer::start(keys(&[&old, &new])).await;
    let live = Live::of(&issuer, ALWAYS);
    assert_eq!(live.verify(&old.token(json!({}))).await, Ok(()));
    issuer.publish(&[&new]);
    let token = old.token(json!({}));
    until("refused", async || live.verifier.verify(&token, NOW_MS).is_err()).await;
}

#[tokio::test]
async fn a_key_replaced_under_its_own_kid_is_asked_for() {
    let (old, new) = (Signer::named("one"), Signer::named("one"));
    let issuer = Issuer::start(keys(&[&old])).await;
    let live = Live::of(&issuer, ON_DEMAND);
    assert_eq!(live.verify(&old.token(json!({}))).await, Ok(()));
    issuer.publish(&[&new]);
    assert_eq!(live.verify(&new.token(json!({}))).await, Ok(()));
    assert_eq!(live.verify(&old.token(json!({}))).await, Err(AuthError::BadSignature));
}

#[tokio::test]
async fn a_kid_that_another_issuer_has_too_settles_nothing() {
    let (north, south) = (Signer::named("1"), Signer::named("1"));
    let at_north = Issuer::start(keys(&[&north])).await;
    let at_south = Issuer::start(Says::Status(500)).await;
    let configured =
        vec![key("n", &at_north.url, Tenants::Any), key("s", &at_south.url, Tenants::Any)];
    let live = Live::start(configured, ON_DEMAND);
    assert_eq!(live.verify(&north.token(json!({}))).await, Ok(()));
    let token = south.token(json!({}));
    assert_eq!(live.verify(&token).await, Err(AuthError::KeysUnavailable));
    // Had at last, but without the key, which comes with the fetch that the token brings about.
    at_south.publish(&[&Signer::named("2")]);
    let all = || live.verifier.key_sets();
    live.verify(&token).await.unwrap_err();
    until("all are had", async || all().all(|set| set.freshness() == Freshness::Fresh)).await;
    at_south.publish(&[&south]);
    assert_eq!(live.verify(&token).await, Ok(()));
}

#[tokio::test]
async fn the_issuers_word_on_caching_brings_the_next_fetch_forward() {
    let signer = Signer::named("one");
    let issuer = Issuer::start(Says::Keys(vec![signer.jwk()], "no-store")).await;
    let pace = Pace { refresh: HOUR, refetch: Duration::from_millis(5) };
    let _live = Live::of(&issuer, pace);
    until("several fetches", async || issuer.hits() > 3).await;
}

#[tokio::test]
async fn junk_does_not_make_the_server_hammer_the_issuer() {
    let signer = Signer::named("one");
    let issuer = Issuer::start(keys(&[&signer])).await;
    let live = Live::of(&issuer, ONCE);
    assert_eq!(live.verify(&signer.token(json!({}))).await, Ok(()));
    for n in 0..100 {
        let junk = Signer::named(&format!("junk {n}")).token(json!({}));
        assert_eq!(live.verify(&junk).await, Err(AuthError::UnknownKey));
        let nameless = Signer::nameless().token(json!({}));
        assert_eq!(live.verify(&nameless).await, Err(AuthError::BadSignature));
    }
    assert_eq!(issuer.hits(), 1);
}

#[tokio::test]
async fn many_tokens_at_once_share_one_fetch() {
    let (old, new) = (Signer::named("old"), Signer::named("new"));
    let issuer = Issuer::start(keys(&[&old])).await;
    let live = Live::of(&issuer, ON_DEMAND);
    live.until(Freshness::Fresh).await;
    issuer.publish(&[&old, &new]);
    let token = new.token(json!({}));
    let all = (0..50).map(|_| live.verify(&token));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(|one| *one == Ok(())), "{all:?}");
    assert_eq!(issuer.hits(), 2);
}

#[tokio::test]
async fn during_an_outage_the_last_good_keys_go_on_and_unknown_ones_are_not_judged() {
    let signer = Signer::named("one");
    let issuer = Issuer::start(keys(&[&signer])).await;
    let live = Live::of(&issuer, ALWAYS);
    live.until(Freshness::Fresh).await;
    let flooded = Says::Flood;
    let many = Says::Keys(vec![signer.jwk(); 101], "");
    let elsewhere = Issuer::start(keys(&[])).await;
    let redirect = Says::RedirectTo(elsewhere.url.clone());
    let junk = Says::Text("<html>sign in</html>".to_owned());
    let mut unusable = signer.jwk();
    unusable["use"] = json!("enc");
    for bad in [
        Says::Status(500),
        Says::Status(404),
        Says::Status(204),
        redirect,
        junk,
        flooded,
        many,
        keys(&[]),
        Says::Keys(vec![unusable], ""),
        Says::Silence,
        Says::Half,
    ] {
        issuer.say(bad);
        live.until(Freshness::Stale).await;
        assert_eq!(live.verifier.verify(&signer.token(json!({})), NOW_MS).map(drop), Ok(()));
        let unknown = Signer::named("two").token(json!({}));
        let refused = live.verifier.verify(&unknown, NOW_MS).map(drop);
        assert_eq!(refused, Err(AuthError::KeysUnavailable));
        let forged = Signer::named("one").token(json!({}));
        let refused = live.verifier.verify(&forged, NOW_MS).map(drop);
        assert_eq!(refused, Err(AuthError::KeysUnavailable), "it may have a new key by now");
        issuer.publish(&[&signer]);
        live.until(Freshness::Fresh).await;
    }
    assert_eq!(elsewhere.hits(), 0, "a redirect was followed");
}

#[tokio::test]
async fn an_issuer_that_never_answered_leaves_its_tokens_unjudged_and_others_untouched() {
    let issuer = Issuer::start(Says::Status(503)).await;
    let signer = Signer::named("one");
    let secret = crate::signing::key("hs", Alg::Hs256);
    let keys = vec![key("issuer", &issuer.url, Tenants::Any), secret];
    let live = Live::start(keys, ON_DEMAND);
    let token = signer.token(json!({}));
    assert_eq!(live.verify(&token).await, Err(AuthError::KeysUnavailable));
    let other = crate::signing::token(Alg::Hs256, &crate::signing::claims(json!({})));
    assert_eq!(live.verify(&other).await, Ok(()));
    let unknown = crate::signing::token(Alg::Es256, &crate::signing::claims(json!({})));
    assert_eq!(live.verify(&unknown).await, Err(AuthError::UnknownKey));
    issuer.publish(&[&signer]);
    assert_eq!(live.verify(&token).await, Ok(()), "the next token asks again");
}

#[tokio::test]
async fn a_set_survives_a_restart_but_not_another_address() {
    let signer = Signer::named("one");
    let issuer = Issuer::start(keys(&[&signer])).await;
    let (folder, token) = (folder(), signer.token(json!({})));
    let of = |url: &str| vec![key("issuer", url, Tenants::Any)];
    let live = Live::kept(of(&issuer.url), ONCE, &folder);
    assert_eq!(live.verify(&token).await, Ok(()));
    let is_kept = || {
        std::fs::read_dir(folder.join("jwks")).is_ok_and(|mut all| {
            all.any(|file| file.unwrap().path().extension().is_some_and(|end| end == "json"))
        })
    };
    until("the set is kept", async || is_kept()).await;
    drop(live);

    for bad in [keys(&[]), Says::Status(500)] {
        issuer.say(bad);
        let live = Live::kept(of(&issuer.url), ONCE, &folder);
        assert_eq!(live.verifier.verify(&token, NOW_MS).map(drop), Ok(()));
        live.until(Freshness::Stale).await;
    }

    let live = Live::kept(of(&format!("{}?other", issuer.url)), ONCE, &folder);
    assert_eq!(live.verify(&token).await, Err(AuthError::KeysUnavailable));
    assert!(!is_kept(), "what belongs to no key is removed");
    std::fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test]
async fn only_keys_of_the_pinned_algorithm_are_taken() {
    let signer = Signer::named("one");
    let mut disguised = Signer::named("two").jwk();
    disguised["alg"] = json!("RS256");
    let foreign = json!({ "kty": "EC", "crv": "P-256", "kid": "three", "x": "", "y": "" });
    let secret = json!({ "kty": "oct", "kid": "one", "k": "c2VjcmV0" });
    let published = vec![secret, disguised, foreign, signer.jwk()];
    let issuer = Issuer::start(Says::Keys(published, "")).await;
    let live = Live::of(&issuer, ONCE);
    assert_eq!(live.verify(&signer.token(json!({}))).await, Ok(()));
    assert_eq!(live.set().len(), 1);
    let claims = crate::signing::claims(json!({})).to_string();
    let sign = |message: &[u8]| crate::signing::hmac_of(b"secret", message);
    let forged = crate::signing::compact(&json!({ "alg": "HS256", "kid": "one" }), &claims, sign);
    assert_eq!(live.verify(&forged).await, Err(AuthError::UnknownKey));
}

fn tenants(name: &str) -> Tenants {
    Tenants::Only(BTreeSet::from([Tenant::parse(name).unwrap()]))
}

#[tokio::test]
async fn issuers_that_use_one_kid_speak_for_their_own_tenants() {
    let (north, south) = (Signer::named("1"), Signer::named("1"));
    let at_north = Issuer::start(keys(&[&north])).await;
    let at_south = Issuer::start(keys(&[&south])).await;
    let configured = vec![
        key("north", &at_north.url, tenants("north")),
        key("south", &at_south.url, tenants("south")),
    ];
    let live = Live::start(configured, ON_DEMAND);
    let of = |tenant: &str| json!({ "tenant": tenant });
    assert_eq!(live.verify(&north.token(of("north"))).await, Ok(()));
    assert_eq!(live.verify(&south.token(of("south"))).await, Ok(()));
    let wrong = Err(AuthError::TenantNotAllowed);
    assert_eq!(live.verify(&north.token(of("south"))).await, wrong);
    assert_eq!(live.verify(&south.token(of("north"))).await, wrong);

    // Whoever copies another's public key locks nobody out and speaks for nobody new.
    at_north.publish(&[&north, &south]);
    let joined = Signer::named("2");
    at_south.publish(&[&south, &joined]);
    assert_eq!(live.verify(&joined.token(of("south"))).await, Ok(()));
    until("north has both", async || live.set().len() == 2).await;
    assert_eq!(live.verify(&south.token(of("south"))).await, Ok(()));
}

#[tokio::test]
async fn keys_without_a_kid_are_all_tried_for_tokens_without_one() {
    let (one, two) = (Signer::nameless(), Signer::nameless());
    let issuer = Issuer::start(keys(&[&one, &two])).await;
    let live = Live::of(&issuer, ONCE);
    for signer in [&one, &two] {
        assert_eq!(live.verify(&signer.token(json!({}))).await, Ok(()));
    }
    let named: Value = json!({ "alg": "EdDSA", "kid": "x" });
    let token = two.token_named(named, json!({}));
    assert_eq!(live.verify(&token).await, Err(AuthError::UnknownKey));
    let header = json!({ "alg": "EdDSA", "kid": "issuer" });
    let token = two.token_named(header, json!({}));
    assert_eq!(live.verify(&token).await, Err(AuthError::UnknownKey), "the id is no kid");
}
