//! Which key signs for a subscription, and signatures kept for reuse.
//!
//! A signature names an origin and a time, not a message, so that one serves for hours. Must
//! never give one to another origin than it was signed for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use landfall_core::time::Timestamp;
use reqwest::header::HeaderValue;

use super::vapid::{Subject, VapidKey};

/// The longest life that push services accept is 24 hours; this leaves an hour for clocks.
const LIFE_MAX: Duration = Duration::from_secs(23 * 60 * 60);
/// So many subscriptions that refuse a renewed signature, and none that took it, leave its key
/// unproven: then it is our clock or our settings that changed.
const DOUBTED_BY: usize = 3;
/// Origins are named by users, so what is kept for them has a bound.
const KEPT_MAX: usize = 1_024;

/// The server's keys, the newest first, and what they signed.
pub(super) struct Tokens {
    keys: Vec<VapidKey>,
    subject: Option<Subject>,
    life_ms: i64,
    kept: Mutex<HashMap<Slot, Token>>,
}

/// One of the keys, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct KeyPlace(usize);

type Slot = (String, KeyPlace);

#[derive(Clone)]
struct Token {
    header: HeaderValue,
    expires: Timestamp,
    proof: Proof,
}

/// What is known of a key's signatures at an origin.
#[derive(Clone, PartialEq, Eq)]
enum Proof {
    /// It never took one.
    None,
    /// It took an earlier one, and these subscriptions were refused with the one that followed.
    Earlier { refused: Vec<String> },
    /// It took this one: what it refuses afterwards is not the signature's fault.
    Taken,
}

impl Token {
    /// Gives what it proves of the one that follows it. After a clock that went back nothing is
    /// known: the next one names another time.
    fn handed_on(&self, next_expires: Timestamp) -> Proof {
        match &self.proof {
            Proof::None => Proof::None,
            _ if next_expires < self.expires => Proof::None,
            Proof::Earlier { refused } => Proof::Earlier { refused: refused.clone() },
            Proof::Taken => Proof::Earlier { refused: vec![] },
        }
    }
}

impl Tokens {
    pub(super) fn new(keys: Vec<VapidKey>, subject: Option<Subject>, life: Duration) -> Self {
        let life_ms = i64::try_from(life.min(LIFE_MAX).as_millis()).unwrap_or(i64::MAX);
        Self { keys, subject, life_ms, kept: Mutex::default() }
    }

    /// Picks the key that a subscription was made with; the newest where that is not known.
    pub(super) fn key_for(&self, server_key: Option<&[u8]>) -> Option<KeyPlace> {
        let at = match server_key {
            Some(public) => self.keys.iter().position(|key| key.public() == public),
            None => (!self.keys.is_empty()).then_some(0),
        };
        at.map(KeyPlace)
    }

    /// Gives the `Authorization` header for an origin; `None` when the crypto library fails. A
    /// kept one is renewed when a quarter of its life is left, or when the clock went back.
    pub(super) fn header(
        &self,
        origin: &str,
        key: KeyPlace,
        now: Timestamp,
    ) -> Option<HeaderValue> {
        let slot = (origin.to_owned(), key);
        let fits = |token: &&Token| {
            let left_ms = token.expires.as_ms() - now.as_ms();
            left_ms > self.life_ms / 4 && left_ms <= self.life_ms
        };
        if let Some(token) = self.kept().get(&slot).filter(fits) {
            return Some(token.header.clone());
        }
        // Signed without the lock: two at once sign twice, which harms nobody.
        let expires = now.plus_ms(self.life_ms);
        let text = self.keys.get(key.0)?.sign(origin, self.subject.as_ref(), expires)?;
        let mut header = HeaderValue::try_from(text).ok()?;
        header.set_sensitive(true);
        let mut kept = self.kept();
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, token| token.expires > now && token.proof != Proof::None);
        }
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        let proof = kept.get(&slot).map_or(Proof::None, |former| former.handed_on(expires));
        kept.insert(slot, Token { header: header.clone(), expires, proof });
        Some(header)
    }

    /// Notes that an origin took a signature.
    pub(super) fn prove(&self, origin: &str, key: KeyPlace) {
        if let Some(token) = self.kept().get_mut(&(origin.to_owned(), key)) {
            token.proof = Proof::Taken;
        }
    }

    /// Says whether an origin takes signatures of a key, although it has just refused one to a
    /// subscription's endpoint. What is not known to be good is forgotten, so that the next
    /// attempt signs anew.
    pub(super) fn is_proven(&self, origin: &str, key: KeyPlace, endpoint: &str) -> bool {
        let mut kept = self.kept();
        let slot = (origin.to_owned(), key);
        let is_proven = kept.get_mut(&slot).is_some_and(|token| match &mut token.proof {
            Proof::None => false,
            Proof::Earlier { refused } => {
                if !refused.iter().any(|known| known == endpoint) {
                    refused.push(endpoint.to_owned());
                }
                refused.len() < DOUBTED_BY
            }
            Proof::Taken => true,
        });
        if !is_proven {
            kept.remove(&slot);
        }
        is_proven
    }

    fn kept(&self) -> MutexGuard<'_, HashMap<Slot, Token>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_000);
    const HOUR_MS: i64 = 60 * 60 * 1_000;
    const ORIGIN: &str = "https://push.example";

    fn tokens(keys: usize, hours: u64) -> Tokens {
        let spell = |at: usize| URL_SAFE_NO_PAD.encode([at as u8 + 1; 32]);
        let keys = (0..keys).map(|at| VapidKey::parse(&spell(at)).unwrap()).collect();
        let subject = Subject::parse("mailto:ops@example.org").ok();
        Tokens::new(keys, subject, Duration::from_secs(hours * 3_600))
    }

    fn expires(header: &HeaderValue) -> i64 {
        let claims = header.to_str().unwrap().split('.').nth(1).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(claims).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        claims["exp"].as_i64().unwrap() * 1_000
    }

    #[test]
    fn the_key_of_the_subscription_signs() {
        let tokens = tokens(2, 12);
        let old = tokens.keys[1].public().to_vec();
        assert_eq!(tokens.key_for(None), Some(KeyPlace(0)));
        assert_eq!(tokens.key_for(Some(&old)), Some(KeyPlace(1)));
        assert_eq!(tokens.key_for(Some(&[4; 65])), None);
        let header = tokens.header(ORIGIN, KeyPlace(1), NOW).unwrap();
        assert!(header.to_str().unwrap().ends_with(&tokens.keys[1].public_text()));
        assert!(header.is_sensitive());
    }

    #[test]
    fn a_signature_is_reused_until_a_quarter_of_its_life_is_left() {
        let tokens = tokens(2, 12);
        let header =
            |origin, key, ms| tokens.header(origin, KeyPlace(key), NOW.plus_ms(ms)).unwrap();
        let first = header(ORIGIN, 0, 0);
        assert_eq!(expires(&first), NOW.as_ms() + 12 * HOUR_MS);
        assert_eq!(header(ORIGIN, 0, 9 * HOUR_MS - 1), first);
        assert_ne!(header("https://other.example", 0, 0), first);
        assert_ne!(header(ORIGIN, 1, 0), first);
        assert_ne!(header(ORIGIN, 0, 9 * HOUR_MS), first);
    }

    #[test]
    fn a_clock_that_went_back_gets_a_signature_of_its_own_time() {
        let tokens = tokens(1, 12);
        tokens.header(ORIGIN, KeyPlace(0), NOW).unwrap();
        let earlier = NOW.plus_ms(-48 * HOUR_MS);
        let header = tokens.header(ORIGIN, KeyPlace(0), earlier).unwrap();
        assert_eq!(expires(&header), earlier.as_ms() + 12 * HOUR_MS);
    }

    #[test]
    fn no_signature_lives_as_long_as_a_day() {
        let tokens = tokens(1, 500);
        let header = tokens.header(ORIGIN, KeyPlace(0), NOW).unwrap();
        assert_eq!(expires(&header), NOW.as_ms() + 23 * HOUR_MS);
    }

    #[test]
    fn what_an_origin_never_took_is_forgotten() {
        let tokens = tokens(1, 12);
        let key = KeyPlace(0);
        let first = tokens.header(ORIGIN, key, NOW).unwrap();
        assert!(!tokens.is_proven(ORIGIN, key, "a"));
        let second = tokens.header(ORIGIN, key, NOW).unwrap();
        assert_ne!(first, second);
        tokens.prove(ORIGIN, key);
        for endpoint in ["a", "b", "c", "d"] {
            assert!(tokens.is_proven(ORIGIN, key, endpoint));
        }
        assert_eq!(tokens.header(ORIGIN, key, NOW).unwrap(), second);
    }

    #[test]
    fn what_an_origin_took_speaks_for_the_signature_that_follows() {
        let (tokens, key) = (tokens(1, 12), KeyPlace(0));
        let renewed = |hours| tokens.header(ORIGIN, key, NOW.plus_ms(hours * HOUR_MS)).unwrap();
        let refused = |endpoint| tokens.is_proven(ORIGIN, key, endpoint);
        let first = renewed(0);
        tokens.prove(ORIGIN, key);
        assert_ne!(renewed(9), first);
        assert_eq!(["a", "a", "b", "a", "c"].map(refused), [true, true, true, true, false]);
        // It is forgotten now, and one that is taken proves the key again.
        assert!(!refused("a"));
        renewed(9);
        tokens.prove(ORIGIN, key);
        assert!(["a", "b", "c"].into_iter().all(refused));
        // What a clock that went back signs names another time.
        renewed(-48);
        assert!(!refused("a"));
    }

    #[test]
    fn an_origin_that_took_a_signature_outlasts_those_that_did_not() {
        let (tokens, key) = (tokens(1, 12), KeyPlace(0));
        tokens.header(ORIGIN, key, NOW).unwrap();
        tokens.prove(ORIGIN, key);
        for at in 0..KEPT_MAX {
            tokens.header(&format!("https://{at}.example"), key, NOW).unwrap();
        }
        assert!(tokens.is_proven(ORIGIN, key, "a"));
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let tokens = tokens(1, 12);
        for at in 0..KEPT_MAX + 5 {
            tokens.header(&format!("https://{at}.example"), KeyPlace(0), NOW).unwrap();
        }
        assert!(tokens.kept().len() <= KEPT_MAX);
    }
}
