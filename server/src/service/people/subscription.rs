//! Registering a browser's subscription (S2, S3).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use landfall_channels::Subscription;
use landfall_core::address::Platform;
use landfall_core::auth::Caller;
use landfall_core::id::DeviceId;
use landfall_core::notify::FieldError;
use landfall_store::AddressKind;

use super::super::{ServiceError, Services};
use super::addresses::{Draft, Registration};
use super::stored::StoredAddress;
use crate::secret::Secret;

/// A subscription to register, as the browser gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionDraft {
    /// Where the push service takes messages.
    pub endpoint: Secret,
    /// The browser's public key in base64url.
    pub p256dh: Secret,
    /// The browser's authentication secret in base64url.
    pub auth: Secret,
    /// Where in the request the two keys stand, for what is wrong with them.
    pub keys_at: &'static str,
    /// Which device it is.
    pub device: Option<DeviceId>,
}

impl Services {
    /// Gives the public key that browsers subscribe with: 65 bytes.
    pub fn server_key(&self) -> &[u8] {
        &self.people.server_key
    }

    /// Registers a browser's subscription of the caller, with the key that it was made with.
    ///
    /// # Errors
    /// `Invalid` with every fault: an endpoint that is no https URL, keys that are none.
    pub async fn subscribe(
        &self,
        caller: &Caller,
        draft: SubscriptionDraft,
    ) -> Result<Registration, ServiceError> {
        let device = draft.device.clone();
        let looked_up_by = draft.endpoint.clone();
        let subscription = self.checked_subscription(draft)?;
        let text = StoredAddress::of(&subscription).text();
        let draft = Draft {
            kind: AddressKind::WebPush,
            text,
            looked_up_by,
            platform: Platform::Web,
            device,
            is_active: true,
        };
        self.register(caller, draft).await
    }

    /// Checks a subscription and says what is wrong with each of its parts.
    fn checked_subscription(&self, draft: SubscriptionDraft) -> Result<Subscription, ServiceError> {
        let SubscriptionDraft { endpoint, p256dh, auth, keys_at, device: _ } = draft;
        let mut faults = Vec::new();
        if let Some(detail) = endpoint_fault(endpoint.expose()) {
            faults.push(FieldError::new("/endpoint", detail));
        }
        let p256dh = decoded(&p256dh).filter(|key| is_point(key));
        if p256dh.is_none() {
            let detail = "must be a point on P-256 in 65 bytes of base64url";
            faults.push(FieldError::new(&format!("{keys_at}/p256dh"), detail));
        }
        let auth = decoded(&auth).filter(|auth| auth.len() == AUTH_BYTES);
        if auth.is_none() {
            let detail = "must be 16 bytes in base64url";
            faults.push(FieldError::new(&format!("{keys_at}/auth"), detail));
        }
        match (p256dh, auth) {
            (Some(p256dh), Some(auth)) if faults.is_empty() => Ok(Subscription {
                endpoint: endpoint.expose().to_owned(),
                p256dh,
                auth,
                server_key: Some(self.people.server_key.clone()),
            }),
            _ => Err(ServiceError::Invalid(faults)),
        }
    }
}

/// Bytes of the authentication secret (RFC 8291, section 3.2).
const AUTH_BYTES: usize = 16;
/// Bytes of an uncompressed point.
const POINT_BYTES: usize = 65;

/// Browsers leave the padding out; libraries of backends do not always (RFC 4648, section 5).
fn decoded(text: &Secret) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.expose().trim_end_matches('=')).ok()
}

fn is_point(key: &[u8]) -> bool {
    key.len() == POINT_BYTES && ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).is_ok()
}

/// Says what is wrong with an endpoint, which leads out of this server.
fn endpoint_fault(endpoint: &str) -> Option<String> {
    let is_https = endpoint.starts_with("https://");
    (!is_https || endpoint.len() > 2_048).then(|| "must be an https URL".to_owned())
}
