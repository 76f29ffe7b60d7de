//! Registering a browser's subscription (S2, S3).

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use landfall_channels::Subscription;
use landfall_channels::web_push::{SubscriptionFault, check_subscription};
use landfall_core::address::Platform;
use landfall_core::auth::Caller;
use landfall_core::id::DeviceId;
use landfall_core::notify::FieldError;
use landfall_store::{AddressKind, StoreError};

use super::super::{ServiceError, Services};
use super::Target;
use super::addresses::{Draft, Registration};
use super::reach::purpose_of;
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
        let mut subscription = self.checked_subscription(draft)?;
        self.keep_server_key(caller, &mut subscription).await?;
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

    /// Leaves one that is there already, whoever has it, with the key that it was made with: a page
    /// posts what its browser has had since before the key was changed, also for the next user who
    /// signs in there, and only that key signs for it.
    async fn keep_server_key(
        &self,
        caller: &Caller,
        new: &mut Subscription,
    ) -> Result<(), ServiceError> {
        let purpose = purpose_of(AddressKind::WebPush);
        let hash = self.people.vault.hash(&caller.tenant, purpose, &new.endpoint);
        // Whoever had it: the browser may have changed hands, its subscription stays what it is.
        let found = self.store.address_by_hash(&caller.tenant, hash).await?;
        let Some(old) = found.filter(|old| old.kind == AddressKind::WebPush) else {
            return Ok(());
        };
        if let Ok(Target::WebPush(old)) = self.open_address(&caller.tenant, &old)
            && old.p256dh == new.p256dh
            && verify_slices_are_equal(&old.auth, &new.auth).is_ok()
        {
            new.server_key = old.server_key;
        }
        Ok(())
    }

    /// Checks a subscription and says what is wrong with which part.
    fn checked_subscription(&self, draft: SubscriptionDraft) -> Result<Subscription, ServiceError> {
        let SubscriptionDraft { endpoint, p256dh, auth, keys_at, device: _ } = draft;
        let (p256dh, auth) = (decoded(&p256dh), decoded(&auth));
        let subscription = Subscription {
            endpoint: endpoint.expose().to_owned(),
            p256dh,
            auth,
            server_key: Some(self.people.server_key.clone()),
        };
        let fault = match check_subscription(&subscription, &self.people.guard) {
            Ok(()) => return Ok(subscription),
            Err(SubscriptionFault::Endpoint(fault)) => {
                FieldError::new("/endpoint", fault.to_string())
            }
            Err(SubscriptionFault::P256dh) => {
                let detail = "must be a point of P-256: 65 bytes in base64url";
                FieldError::new(&format!("{keys_at}/p256dh"), detail)
            }
            Err(SubscriptionFault::Auth) => {
                FieldError::new(&format!("{keys_at}/auth"), "must be 16 bytes in base64url")
            }
            Err(error @ SubscriptionFault::ServerKey) => {
                return Err(ServiceError::Store(StoreError::Internal(Box::new(error))));
            }
        };
        Err(ServiceError::Invalid(vec![fault]))
    }
}

/// Browsers leave the padding out; libraries of backends do not always (RFC 4648, section 5). What
/// is no base64url is no key either.
fn decoded(text: &Secret) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text.expose().trim_end_matches('=')).unwrap_or_default()
}
