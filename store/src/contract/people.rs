//! The contract of people: who they are, where they can be reached, and what they want.
//!
//! Addresses come sealed and leave sealed: the store sees bytes, and a keyed hash to find them by.

use landfall_core::audit::Hash;
use landfall_core::channel::Channel;
use landfall_core::id::{AddressId, DeliveryId, DeviceId, Tenant, UserId};
use landfall_core::time::Timestamp;

use super::deliveries::Delivery;
use super::error::Answered;

/// A secret as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Encrypted, with the name of its key in front.
    pub bytes: Vec<u8>,
    /// A keyed hash of what is sealed, the same for the same secret.
    pub hash: Hash,
}

/// What is known of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Who.
    pub user: UserId,
    /// What to call them.
    pub name: Option<String>,
    /// Their mailbox.
    pub email: Option<Sealed>,
    /// Their phone number.
    pub phone: Option<Sealed>,
    /// Their language, such as `es-MX`.
    pub locale: Option<String>,
    /// Their time zone, such as `America/Mexico_City`.
    pub tz: Option<String>,
    /// Since when they are known.
    pub created_at: Timestamp,
    /// When this last changed.
    pub updated_at: Timestamp,
    /// How often it was written; the first time gives 1.
    pub version: u64,
}

/// Preferences as they are kept: the store does not read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPreferences {
    /// JSON.
    pub body: String,
    /// How often they were written; the first time gives 1.
    pub version: u64,
}

/// What an address leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// An app, through Firebase.
    Fcm,
    /// A browser, by Web Push.
    WebPush,
}

impl AddressKind {
    /// Every kind.
    pub const ALL: [AddressKind; 2] = [Self::Fcm, Self::WebPush];

    /// Names the kind as rows spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fcm => "fcm",
            Self::WebPush => "web_push",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// An address that a device registered: a push token (S0), or a browser's subscription (S3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Its name.
    pub id: AddressId,
    /// Whose.
    pub user: UserId,
    /// What it leads to.
    pub kind: AddressKind,
    /// The token, or the endpoint with its keys. The hash is that of the token or the endpoint.
    pub secret: Sealed,
    /// `android`, `ios` or `web` (S0).
    pub platform: String,
    /// Which device it is.
    pub device: Option<DeviceId>,
    /// Whether it is used; a user may pause one.
    pub is_active: bool,
    /// When it was first registered.
    pub created_at: Timestamp,
    /// When it was last registered.
    pub seen_at: Timestamp,
}

/// Why nothing is sent to a phone number or mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    /// `sms` or `email`.
    pub channel: Channel,
    /// Of which address, by its keyed hash.
    pub address: Hash,
    /// Why, such as `opted out` or `bounced 5.1.1`.
    pub reason: String,
    /// Who said so: `provider`, `recipient`, `admin`.
    pub source: String,
    /// When.
    pub at: Timestamp,
}

/// Which suppressions a list is to hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SuppressionFilter {
    /// Only on this channel.
    pub channel: Option<Channel>,
    /// Only those that come after this one in the list.
    pub after: Option<(Channel, Hash)>,
    /// At most so many.
    pub limit: usize,
}

/// Everything that a decision about reaching a user needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Who.
    pub user: UserId,
    /// What is known of them, if anything.
    pub person: Option<Person>,
    /// What they want, where they said so.
    pub preferences: Option<StoredPreferences>,
    /// Their active addresses, oldest first, at most [`ADDRESSES_MAX`].
    pub addresses: Vec<Address>,
    /// What holds for their phone number and mailbox.
    pub suppressions: Vec<Suppression>,
}

/// Several recipients, and what holds for all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipients {
    /// In the order asked, one each.
    pub users: Vec<Recipient>,
    /// The tenant's own preferences, which hold for everybody.
    pub everybody: Option<StoredPreferences>,
}

/// Addresses that one user may have; registering one more removes the one that was seen longest
/// ago.
pub const ADDRESSES_MAX: usize = 20;

/// Reads people.
pub trait People {
    /// Finds a user.
    fn person(&self, tenant: &Tenant, user: &UserId) -> Answered<'_, Option<Person>>;

    /// Gives what is needed to reach these users; who is not known is given with nothing.
    fn recipients(&self, tenant: &Tenant, users: Vec<UserId>) -> Answered<'_, Recipients>;

    /// Gives a user's preferences; those of the tenant, which hold for everybody, without a user.
    fn preferences(
        &self,
        tenant: &Tenant,
        user: Option<&UserId>,
    ) -> Answered<'_, Option<StoredPreferences>>;

    /// Lists a user's addresses of a kind, paused ones too, newest first.
    fn addresses(
        &self,
        tenant: &Tenant,
        user: &UserId,
        kind: AddressKind,
    ) -> Answered<'_, Vec<Address>>;

    /// Finds an address by its name.
    fn address(&self, tenant: &Tenant, id: AddressId) -> Answered<'_, Option<Address>>;

    /// Finds the address that a tenant has by the keyed hash of its token or endpoint, whosever it is:
    /// no more than one has it.
    fn address_by_hash(&self, tenant: &Tenant, hash: Hash) -> Answered<'_, Option<Address>>;

    /// Gives people of all tenants, by tenant and user after a place, at most `limit`: a walk over
    /// everything that is sealed, to seal it anew.
    fn sealed_people(
        &self,
        after: Option<(Tenant, UserId)>,
        limit: usize,
    ) -> Answered<'_, Vec<(Tenant, Person)>>;

    /// Gives addresses of all tenants, paused ones too, by tenant and name after a place, at most
    /// `limit`.
    fn sealed_addresses(
        &self,
        after: Option<(Tenant, AddressId)>,
        limit: usize,
    ) -> Answered<'_, Vec<(Tenant, Address)>>;

    /// Gives deliveries of all tenants to phone numbers that requests brought along, by tenant and
    /// name after a place, at most `limit`.
    fn sealed_deliveries(
        &self,
        after: Option<(Tenant, DeliveryId)>,
        limit: usize,
    ) -> Answered<'_, Vec<Delivery>>;

    /// Tells what holds for a phone number or mailbox, by the keyed hash of it.
    fn suppression(
        &self,
        tenant: &Tenant,
        channel: Channel,
        address: Hash,
    ) -> Answered<'_, Option<Suppression>>;

    /// Says whether somebody's profile has a phone number, by the keyed hash of it.
    fn has_phone(&self, tenant: &Tenant, phone: Hash) -> Answered<'_, bool>;

    /// Lists suppressions, by the names of their channels and by hash.
    fn suppressions(
        &self,
        tenant: &Tenant,
        filter: SuppressionFilter,
    ) -> Answered<'_, Vec<Suppression>>;
}
