//! Takes an input apart into what several parts of a target need.

/// How a stream is cut into reads: sizes from 1 to 64, drawn from a seed.
pub(crate) struct Cuts(u64);

impl Cuts {
    /// Takes the seed from an input's first two bytes; gives the rest.
    pub(crate) fn split(data: &[u8]) -> (Self, &[u8]) {
        let (seed, rest) = data.split_at(data.len().min(2));
        let seed = seed.iter().fold(1_u64, |seed, byte| seed << 8 | u64::from(*byte));
        (Self(seed), rest)
    }

    /// Cuts a stream.
    pub(crate) fn of(mut self, mut stream: &[u8]) -> Vec<&[u8]> {
        let mut parts = Vec::new();
        while !stream.is_empty() {
            // Knuth's constants; any mixing would do.
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let size = (self.0 >> 58) as usize + 1;
            let (part, rest) = stream.split_at(size.min(stream.len()));
            parts.push(part);
            stream = rest;
        }
        parts
    }
}
