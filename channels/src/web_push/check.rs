//! Whether what a browser's page posted is a subscription that can be sent to.
//!
//! Pure: nothing is resolved or asked.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};

use super::encrypt::{AUTH_BYTES, is_uncompressed};
use crate::Subscription;
use crate::connect::{Guard, UrlFault};

/// What is wrong with a subscription; names the field and repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionFault {
    /// The endpoint must not be asked.
    #[error("endpoint {0}")]
    Endpoint(#[from] UrlFault),
    /// The browser's public key is none.
    #[error("p256dh must be a point of P-256 in 65 bytes")]
    P256dh,
    /// The authentication secret is none.
    #[error("auth must have {AUTH_BYTES} bytes")]
    Auth,
    /// The application server key is none.
    #[error("the application server key must be a point of P-256 in 65 bytes")]
    ServerKey,
}

/// Checks a subscription before it is kept. The guard says which endpoints may be asked.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn check_subscription(
    subscription: &Subscription,
    guard: &Guard,
) -> Result<(), SubscriptionFault> {
    let Subscription { endpoint, p256dh, auth, server_key } = subscription;
    guard.check(endpoint)?;
    if !is_point(p256dh) {
        return Err(SubscriptionFault::P256dh);
    }
    if auth.len() != AUTH_BYTES {
        return Err(SubscriptionFault::Auth);
    }
    match server_key {
        Some(key) if !is_point(key) => Err(SubscriptionFault::ServerKey),
        _ => Ok(()),
    }
}

fn is_point(key: &[u8]) -> bool {
    is_uncompressed(key) && ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};

    use super::*;

    fn key() -> Vec<u8> {
        let private = PrivateKey::generate(&ECDH_P256).unwrap();
        private.compute_public_key().unwrap().as_ref().to_vec()
    }

    fn fault(change: impl FnOnce(&mut Subscription)) -> Option<SubscriptionFault> {
        let mut subscription = Subscription {
            endpoint: "https://push.example/p".to_owned(),
            p256dh: key(),
            auth: vec![7; 16],
            server_key: Some(key()),
        };
        change(&mut subscription);
        check_subscription(&subscription, &Guard::default()).err()
    }

    #[test]
    fn each_fault_names_its_field() {
        assert_eq!(fault(|_| ()), None);
        assert_eq!(fault(|it| it.server_key = None), None);
        assert_eq!(fault(|it| it.p256dh[40] ^= 1), Some(SubscriptionFault::P256dh));
        assert_eq!(fault(|it| it.p256dh.truncate(64)), Some(SubscriptionFault::P256dh));
        assert_eq!(fault(|it| it.p256dh = vec![0; 65]), Some(SubscriptionFault::P256dh));
        assert_eq!(fault(|it| it.p256dh.clear()), Some(SubscriptionFault::P256dh));
        assert_eq!(fault(|it| it.auth.push(0)), Some(SubscriptionFault::Auth));
        assert_eq!(fault(|it| it.auth.clear()), Some(SubscriptionFault::Auth));
        assert_eq!(
            fault(|it| it.server_key = Some(vec![4; 65])),
            Some(SubscriptionFault::ServerKey)
        );
        let endpoint = |url: &str| fault(|it| it.endpoint = url.to_owned());
        let refused = |fault| Some(SubscriptionFault::Endpoint(fault));
        assert_eq!(endpoint("http://push.example/p"), refused(UrlFault::Scheme));
        assert_eq!(endpoint("https://127.0.0.1/p"), refused(UrlFault::Address("loopback")));
    }
}
