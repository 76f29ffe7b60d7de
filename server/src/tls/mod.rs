//! TLS 1.3 on the server's own port: the certificate, the handshake, and carrying what follows an upgrade.
//!
//! Must never speak an older version, and never show a key.

mod certificate;
mod greet;
mod pump;
mod renew;

pub use certificate::{Certificate, Fault, Files, Renewal};
pub use greet::{Secured, Tls};
pub use pump::pump;
pub use renew::keep_renewed;
