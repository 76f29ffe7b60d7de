//! TLS 1.3 on the server's own port: the certificate and the handshake.
//!
//! Must never speak an older version, and never show a key.

mod certificate;
mod greet;
mod renew;

pub use certificate::{Certificate, Fault, Files, Renewal};
pub use greet::{Secured, Tls};
pub use renew::keep_renewed;
