//! The two names of a connection: the secret one that its requests carry, and the one that others may see. Made of
//! random bits that the caller brings; never drawn here.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// An Engine.IO session id (`sid` of the open packet): whoever has it reads the session, so it shows itself to nobody
/// but by [`EngineId::reveal`].
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct EngineId([u8; 16]);

impl EngineId {
    /// Makes the id of 128 random bits.
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }

    /// Reads the `sid` of a query; `None` for whatever no server of ours wrote.
    pub fn read(text: &str) -> Option<Self> {
        let mut bits = [0; 16];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bits).ok()?;
        (length == bits.len()).then_some(Self(bits))
    }

    /// Spells it in 22 characters (base64url) for its client, and for nobody else.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Debug for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineId(***)")
    }
}

/// A Socket.IO id (`sid` of the answer to a connect): a name without any right, which others may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SocketId([u8; 16]);

impl SocketId {
    /// Makes the id of 128 random bits, which are others than those of the session's id.
    pub const fn new(random: [u8; 16]) -> Self {
        Self(random)
    }
}

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_is_read_as_it_was_spelled() {
        for bits in [[0; 16], [255; 16], *b"0123456789abcdef"] {
            let id = EngineId::new(bits);
            assert_eq!(id.reveal().len(), 22);
            assert_eq!(EngineId::read(&id.reveal()), Some(id));
        }
    }

    #[test]
    fn one_session_has_one_spelling() {
        let refused = [
            "",
            "abc",
            "AAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAAA",
            // The last character carries two bits; the others must be 0.
            "AAAAAAAAAAAAAAAAAAAAAB",
            "AAAAAAAAAAAAAAAAAAAA==",
            "AAAAAAAAAAAAAAAAAAAA+A",
        ];
        for text in refused {
            assert_eq!(EngineId::read(text), None, "{text}");
        }
    }

    #[test]
    fn a_session_id_is_not_shown() {
        assert_eq!(format!("{:?}", EngineId::new([7; 16])), "EngineId(***)");
    }

    #[test]
    fn a_socket_id_is_shown() {
        assert_eq!(SocketId::new([0; 16]).to_string(), "AAAAAAAAAAAAAAAAAAAAAA");
    }
}
