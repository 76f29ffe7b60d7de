//! How the issuers' key sets stand, by the id under which each is configured.
//!
//! Must never show an address: it may carry what is nobody's business.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet};
use prometheus_client::metrics::MetricType;

use crate::auth::Verifier;
use crate::auth::jwks::{Freshness, KeySet};

/// Asks the key sets when somebody asks for the metrics.
pub(super) struct KeySetCollector(pub(super) Arc<Verifier>);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KeyLabels {
    key: String,
}

impl fmt::Debug for KeySetCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeySetCollector")
    }
}

impl Collector for KeySetCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let is_stale = |set: &KeySet| i64::from(set.freshness() != Freshness::Fresh);
        let count = |set: &KeySet| i64::try_from(set.len()).unwrap_or(i64::MAX);
        let help = "1 while the last fetch of a key set failed or none has succeeded";
        self.gauge(&mut encoder, "jwks_stale", help, is_stale)?;
        self.gauge(&mut encoder, "jwks_keys", "Keys of a key set that are in use", count)
    }
}

impl KeySetCollector {
    fn gauge(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        name: &str,
        help: &str,
        value: impl Fn(&KeySet) -> i64,
    ) -> Result<(), fmt::Error> {
        let mut sets = self.0.key_sets().peekable();
        if sets.peek().is_none() {
            return Ok(());
        }
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for set in sets {
            let labels = KeyLabels { key: set.id().to_owned() };
            family.encode_family(&labels)?.encode_gauge(&value(set))?;
        }
        Ok(())
    }
}
