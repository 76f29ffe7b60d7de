//! The configured keys, and the same keys checked and ready to verify.
//!
//! Must never hold a key without the one algorithm and the tenants it is for.

use std::collections::BTreeSet;
use std::sync::Arc;

use jsonwebtoken::DecodingKey;
use landfall_core::id::Tenant;

use super::error::SetupError;
use super::jwks::KeySet;
use super::{Alg, Material};

/// The tenants a key may speak for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tenants {
    /// Every tenant.
    Any,
    /// These; an empty set is refused at the start.
    Only(BTreeSet<Tenant>),
}

impl Tenants {
    /// Tells whether a tenant is among them.
    pub fn contains(&self, tenant: &Tenant) -> bool {
        match self {
            Self::Any => true,
            Self::Only(these) => these.contains(tenant),
        }
    }
}

/// One key as it was configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyConfig {
    /// The `kid` by which tokens name the key, and what it is called in logs; no other key has it. The keys of a key set
    /// have a `kid` of their own.
    pub id: String,
    /// The one algorithm the key serves.
    pub alg: Alg,
    /// The key itself.
    pub material: Material,
    /// Whom it may speak for.
    pub tenants: Tenants,
}

/// One key, checked and ready to verify.
#[derive(Debug)]
pub(super) struct Key {
    pub id: String,
    pub alg: Alg,
    pub tenants: Tenants,
    pub source: Source,
}

/// Where the key itself comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// The configuration; the key's id is its `kid`.
    Configured(DecodingKey),
    /// An issuer's key set, each key of which has a `kid` of its own.
    Published(Arc<KeySet>),
}

impl Key {
    pub(super) fn new(config: KeyConfig) -> Result<Self, SetupError> {
        let KeyConfig { id, alg, material, tenants } = config;
        if tenants == Tenants::Only(BTreeSet::new()) {
            return Err(SetupError::NoTenant { id });
        }
        match (material.decoding(alg), alg, material) {
            (Some(decoding), _, _) => {
                Ok(Self { id, alg, tenants, source: Source::Configured(decoding) })
            }
            (None, Alg::Rs256 | Alg::Es256 | Alg::EdDsa, Material::Jwks(url)) => {
                let source = Source::Published(KeySet::new(id.clone(), alg, url));
                Ok(Self { id, alg, tenants, source })
            }
            (None, Alg::Hs256, Material::Secret(_)) => Err(SetupError::BadSecret { id }),
            (None, Alg::Rs256 | Alg::Es256 | Alg::EdDsa, Material::Pem(_)) => {
                Err(SetupError::BadPem { id })
            }
            (None, Alg::Hs256, Material::Pem(_) | Material::Jwks(_))
            | (None, _, Material::Secret(_)) => Err(SetupError::WrongMaterial { id }),
        }
    }
}
