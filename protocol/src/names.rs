//! The closed lists of the wire: each names the core's values as strings.
//!
//! Unknown words are refused (contract 1). The words themselves stand in core; none is spelled
//! here.

use landfall_core::address::Platform;
use landfall_core::channel::{Channel, DeliveryState};
use landfall_core::delivery::Receipt;
use landfall_core::notification::Priority;
use landfall_core::plan::{Reason, Strategy};
use landfall_core::sync::Verb;
use landfall_core::topic::{MemberRole, TopicKind, Visibility};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! names {
    ($(#[$doc:meta])* $name:ident of $core:ident: $($variant:ident)+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name(pub $core);

        impl $name {
            /// Every word of the list.
            pub const WORDS: &[&str] = &[$($core::$variant.as_str()),+];
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                // Names every value, so that a new one breaks the build until it is listed.
                match self.0 {
                    $($core::$variant => serializer.serialize_str(self.0.as_str())),+
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = String::deserialize(deserializer)?;
                let unknown = || de::Error::custom(must_be_one_of(Self::WORDS));
                $core::parse(&word).map(Self).ok_or_else(unknown)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .enum_values(Some(Self::WORDS.iter().copied()))
                    .into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    };
}

names!(
    /// A way to reach a person.
    ChannelName of Channel: Websocket Push Sms Email
);
names!(
    /// How a delivery stands.
    StateName of DeliveryState: Queued Held Sent Delivered Skipped Failed
);
names!(
    /// Why a channel stands as it does.
    ReasonName of Reason:
        Requested InTemplate ByDefault Wished OptedOut Suppressed SwitchedOff PreferredOff
        DoNotDisturb QuietHours NotConfigured NoAddress AfterWebsocket WaitsForPush WaitsForSms
        WaitsForEmail UnlessRead NotNeeded Confirmed Expired Read Deleted Canceled Replaced
        Accepted Reported Receipt TryLater NoAnswer Broken KeptBack AddressGone Refused Exhausted
        Undelivered Replayed
);
names!(
    /// How the channels of a plan follow each other.
    StrategyName of Strategy: Fallback All
);
names!(
    /// What a device did with a push.
    ReceiptName of Receipt: Delivered Shown Clicked Dismissed
);
names!(
    /// How urgent a notification is.
    PriorityName of Priority: Low Normal High Critical
);
names!(
    /// What a topic is used for.
    KindName of TopicKind: Class Topic
);
names!(
    /// Who may join a topic.
    VisibilityName of Visibility: Private Public
);
names!(
    /// What a member of a topic may do.
    RoleName of MemberRole: Member Teacher Owner
);
names!(
    /// What a device runs.
    PlatformName of Platform: Android Ios Web
);

names!(
    /// What was done to an entity.
    VerbName of Verb: Create Update Delete
);

/// Says which words a list has.
pub(crate) fn must_be_one_of(words: &[&str]) -> String {
    format!("must be one of {}", words.join(", "))
}
